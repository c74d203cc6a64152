// Charts: stacked bars and lines on a canvas. Every chart stands beside a table of its numbers.

import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import uPlot from "../vendor/uplot.js";
import { compact } from "./amounts.js";

const COLOURS = ["--series-1", "--series-2", "--series-3", "--series-4", "--series-5", "--series-6"];
const REST = { name: "all others", colour: "--series-rest" };
const LETTER = 7;

/**
 * The series of stacked bars: one for each of the first names, and the rest as one if there are
 * more than colours. `entryOf(row)` is `[name, place, value]`: which bar it belongs to.
 */
export function seriesOf(rows, { names, length, entryOf }) {
  const shown = names.slice(0, names.length > COLOURS.length ? COLOURS.length - 1 : COLOURS.length);
  const series = shown.map((name, place) => ({ name, colour: COLOURS[place], values: Array(length).fill(0) }));
  if (names.length > shown.length) series.push({ ...REST, values: Array(length).fill(0) });
  const valuesOf = new Map(series.map(({ name, values }) => [name, values]));
  for (const row of rows) {
    const [name, place, value] = entryOf(row);
    const values = valuesOf.get(name) ?? valuesOf.get(REST.name);
    if (place in values) values[place] += value;
  }
  return series;
}

/** Bars on top of each other: `series` is `[{name, colour, values}]`, a value per label. */
export function Bars({ label, labels, series, unit }) {
  const stacked = [];
  const sums = labels.map(() => 0);
  for (const { colour, values } of series) {
    values.forEach((value, place) => { sums[place] += value; });
    stacked.unshift({ colour, values: [...sums], bars: true });
  }
  const readout = (place) => [labels[place], ...series.filter(({ values }) => values[place]).map(({ name, values }) => `${name} ${compact(values[place])}`)].join(" · ");
  return html`<${Plot} label=${label} labels=${labels} unit=${unit} readout=${readout} lines=${stacked} identity=${JSON.stringify([labels, series])}>
    <ul class="legend">${series.map(({ name, colour }) => html`<li key=${name}><i style=${{ background: `var(${colour})` }}></i>${name}</li>`)}</ul>
  <//>`;
}

/** Lines: `[{name, colour, values, dashed, filled}]`; a value is null where there is none. */
export function Lines({ label, labels, lines, unit }) {
  const readout = (place) => [labels[place], ...lines.filter((line) => line.values[place] != null).map((line) => `${line.name} ${compact(line.values[place])}`)].join(" · ");
  return html`<${Plot} label=${label} labels=${labels} unit=${unit} readout=${readout} lines=${lines} identity=${JSON.stringify([labels, lines])}>
    <ul class="legend">${lines.map((line) => html`<li key=${line.name}><i class=${line.dashed ? "dashed" : ""} style=${{ color: `var(${line.colour})`, background: line.dashed ? "" : `var(${line.colour})` }}></i>${line.name}</li>`)}</ul>
  <//>`;
}

function Plot({ label, labels, lines, unit, readout, identity, children }) {
  const place = useRef(null);
  const [hovered, setHovered] = useState(null);
  useEffect(() => {
    let chart;
    const draw = () => {
      chart?.destroy();
      chart = new uPlot(options(place.current, { labels, lines, unit, setHovered }), [labels.map((_, index) => index), ...lines.map((line) => line.values)], place.current);
    };
    const resize = new ResizeObserver(() => chart?.setSize(sizeOf(place.current)));
    const dark = matchMedia("(prefers-color-scheme: dark)");
    draw();
    resize.observe(place.current);
    dark.addEventListener("change", draw);
    return () => {
      resize.disconnect();
      dark.removeEventListener("change", draw);
      chart.destroy();
    };
  }, [identity]);
  return html`<div class="chart">
    <div class="plot" ref=${place} role="img" aria-label=${label}></div>
    ${children}
    <p class="small muted readout" aria-hidden="true">${hovered === null ? " " : readout(hovered)}</p>
  </div>`;
}

const sizeOf = (element) => ({ width: element.clientWidth, height: element.clientHeight });

function options(element, { labels, lines, unit, setHovered }) {
  const style = getComputedStyle(element);
  const colour = (name) => style.getPropertyValue(name).trim();
  const font = `12px ${style.fontFamily}`;
  const axis = { stroke: colour("--muted"), font, ticks: { show: false }, grid: { stroke: colour("--line"), width: 1 } };
  return {
    ...sizeOf(element),
    legend: { show: false },
    cursor: { points: { show: false }, drag: { x: false, y: false }, y: false },
    padding: [12, 12, 0, 0],
    scales: { x: { time: false, range: [-0.6, Math.max(labels.length - 0.4, 0.6)] }, y: { range: (_, __, top) => [0, top > 0 ? top * 1.08 : 1] } },
    axes: [
      { ...axis, grid: { show: false }, space: 16 + LETTER * Math.max(...labels.map((text) => text.length), 4), incrs: [1, 2, 3, 5, 7, 10, 14, 30, 60, 90, 180], values: (_, places) => places.map((index) => (Number.isInteger(index) ? (labels[index] ?? "") : "")) },
      { ...axis, size: 64, values: (_, values) => values.map((value) => compact(value)), label: unit, labelFont: font, labelSize: 18 },
    ],
    series: [{}, ...lines.map((line) => ({
      stroke: colour(line.colour),
      width: line.bars ? 0 : 2,
      dash: line.dashed ? [5, 5] : undefined,
      fill: line.bars ? colour(line.colour) : line.filled ? `${colour(line.colour)}22` : undefined,
      paths: line.bars ? uPlot.paths.bars({ size: [0.72, 56] }) : undefined,
      points: { show: false },
    }))],
    hooks: { setCursor: [(chart) => setHovered(chart.cursor.idx ?? null)] },
  };
}
