// The spend explorer: a span of time, grouped, as stacked bars, a table, records and downloads.

import { html, useState } from "../../vendor/htm-preact.js";
import { isZero, share, shown } from "../amounts.js";
import { Bars } from "../chart.js";
import { saveCsv, saveExport } from "../download.js";
import { filtersIn, textOf } from "../filters.js";
import { useLoad, usePages } from "../load.js";
import { Amount, Amounts, Choice, Empty, Failure, Field, Listed, Loaded, Long, Screen, ShareBar, Time } from "../parts.js";
import { refine, to } from "../route.js";
import { DAY_MS, OWN_TIMEZONE, SPANS, labelOf, momentsOf, readUsage, spendSeries, startsOf, totalOf, totals, unitsIn } from "../usage.js";
import { subjectLine } from "../words.js";

const GROUPS = ["agent", "model", "provider", "team", "user", "app", "session", "tool", "key_id"];
const NAMES = { key_id: "API key" };

/** What the address asks for. */
function viewOf(query) {
  const timezone = query.timezone || OWN_TIMEZONE;
  const moments = momentsOf(query, timezone);
  const interval = query.interval || (moments.to - moments.from <= 2 * DAY_MS ? "hour" : "day");
  return { ...moments, timezone, interval, groupBy: query.by ?? "agent", filters: filtersIn(query.only), reservation: query.reservation };
}

export function Explorer({ query }) {
  const view = viewOf(query);
  const wanted = JSON.stringify([view.from, view.to, view.timezone, view.interval, view.groupBy, view.filters]);
  const state = useLoad((signal) => readUsage({ ...view, groupBy: view.groupBy || undefined }, { signal }), [wanted]);
  return html`<${Screen} title="Spend explorer" intro="Each spend once, in the interval in which it occurred.">
    <${Filters} query=${query} view=${view} />
    <${Loaded} state=${state} what="the spend">${(data) => html`<${View} data=${data} view=${view} query=${query} />`}<//>
  <//>`;
}

function Filters({ query, view }) {
  const [only, setOnly] = useState(query.only ?? "");
  const apply = (event) => {
    event.preventDefault();
    refine({ only });
  };
  return html`<form class="filters" onSubmit=${apply} role="search">
    <${Choice} id="span" label="Time" value=${query.span ?? "30d"} options=${Object.entries(SPANS)} onChange=${(span) => refine({ span })} />
    ${query.span === "custom" && html`<${Field} id="from" label="From"><input id="from" type="date" value=${view.days[0]} onChange=${(event) => refine({ from: event.target.value })} /><//>
      <${Field} id="to" label="To"><input id="to" type="date" value=${query.to ?? ""} onChange=${(event) => refine({ to: event.target.value })} /><//>`}
    <${Choice} id="interval" label="Per" value=${view.interval} options=${[["hour", "Hour"], ["day", "Day"]]} onChange=${(interval) => refine({ interval })} />
    <${Field} id="by" label="Group by">
      <input id="by" list="groups" value=${view.groupBy} placeholder="not grouped" onChange=${(event) => refine({ by: event.target.value.trim() })} />
      <datalist id="groups">${GROUPS.map((name) => html`<option value=${name}>${NAMES[name] ?? name}</option>`)}</datalist>
    <//>
    <${Field} id="only" label="Only" wide>
      <input id="only" type="search" placeholder="agent=researcher, model=gpt-4o" value=${only} onInput=${(event) => setOnly(event.target.value)} onChange=${apply} />
    <//>
    <${Field} id="timezone" label="Time zone"><input id="timezone" value=${view.timezone} onChange=${(event) => refine({ timezone: event.target.value.trim() })} /><//>
  </form>`;
}

function View({ data, view, query }) {
  const units = unitsIn(data.rows);
  const unit = units.includes(query.unit) ? query.unit : units[0];
  if (!unit) return html`<div class="card"><${Empty} title="Nothing was spent in this time">Choose a longer time, or take a filter away. A spend appears when it is settled or recorded.<//></div>`;
  const starts = startsOf(data.rows, view);
  const labels = starts.map((start) => labelOf(start, view.interval, view.timezone));
  const rows = totals(data.rows, unit);
  const total = totalOf(data.rows, unit);
  const title = view.groupBy ? `Spend by ${NAMES[view.groupBy] ?? view.groupBy}` : "Spend";
  return html`<section class="card">
      <div class="inside head">
        <div><h2>${title} per ${view.interval}</h2><p class="small muted">${shown(total, unit)} ${unit} in all${data.complete ? "" : "; only the first 5,000 rows are shown"}</p></div>
        ${units.length > 1 && html`<div class="tabs" role="group" aria-label="Unit">${units.map((each) => html`<button type="button" key=${each} aria-pressed=${each === unit ? "true" : "false"} onClick=${() => refine({ unit: each })}>${each}</button>`)}</div>`}
      </div>
      <${Bars} label="${title} per ${view.interval} in ${unit}; the table has the numbers" labels=${labels} unit=${unit} series=${spendSeries(data.rows, unit, starts)} />
    </section>
    <${Groups} rows=${rows} total=${total} unit=${unit} view=${view} title=${title} data=${data} query=${query} />
    <${Records} view=${view} />`;
}

function Groups({ rows, total, unit, view, title, data, query }) {
  const [failed, setFailed] = useState(null);
  const [reading, setReading] = useState(false);
  const [short, setShort] = useState(false);
  const name = `spend-${view.days.join("-to-")}`;
  const saveView = () => saveCsv(`${name}.csv`, [
    ["from", "to", ...(view.groupBy ? [view.groupBy] : []), "unit", "amount", "calls", "input_tokens", "output_tokens"],
    ...data.rows.filter((row) => row.amounts[unit] !== undefined).map((row) => [row.from, row.to, ...Object.values(row.group ?? {}), unit, row.amounts[unit], row.calls, row.tokens?.input, row.tokens?.output]),
  ]);
  const saveRecords = async () => {
    setReading(true);
    setFailed(null);
    setShort(false);
    try {
      const complete = await saveExport(`${name}-records.csv`, "export/usage", { from: view.from.toISOString(), to: view.to.toISOString(), format: "csv", ...Object.fromEntries(view.filters) });
      setShort(!complete);
    } catch (error) {
      setFailed(error);
    }
    setReading(false);
  };
  const narrow = (group) => textOf([...view.filters, ...Object.entries(group)]);
  return html`<${Long} caption=${title} rows=${rows} rowKey=${(row) => row.name} columns=${[
      { name: NAMES[view.groupBy] ?? (view.groupBy || "Group"), cell: (row) => (view.groupBy && !Object.values(row.group).includes(null)
        ? html`<a href=${to("explorer", { ...query, by: view.groupBy === "model" ? "agent" : "model", only: narrow(row.group) })}>${row.name}</a>` : row.name) },
      { name: "Share", optional: true, cell: (row) => html`<${ShareBar} part=${row.amount} whole=${total} />` },
      { name: unit, number: true, cell: (row) => html`<${Amount} value=${row.amount} unit=${unit} />` },
      { name: "%", number: true, cell: (row) => (isZero(total) ? "–" : share(row.amount, total).toFixed(1)) },
      { name: "Calls", number: true, cell: (row) => row.calls.toLocaleString("en") },
      { name: "Input tokens", number: true, optional: true, cell: (row) => row.input.toLocaleString("en") },
      { name: "Output tokens", number: true, optional: true, cell: (row) => row.output.toLocaleString("en") },
    ]}
    foot=${html`<tr><th scope="row">All</th><td class="opt"></td><td class="number"><${Amount} value=${total} unit=${unit} /></td><td class="number">100.0</td>
      <td class="number">${rows.reduce((calls, row) => calls + row.calls, 0).toLocaleString("en")}</td>
      <td class="number opt">${rows.reduce((tokens, row) => tokens + row.input, 0).toLocaleString("en")}</td><td class="number opt">${rows.reduce((tokens, row) => tokens + row.output, 0).toLocaleString("en")}</td></tr>`}>
    ${short && html`<div class="notice warn" role="status"><span>The file has only the first part of the records. Choose a shorter time to download all of them.</span></div>`}
    ${failed && html`<${Failure} error=${failed} />`}
    <div class="below"><span>Choose a name to see what it is made of.</span><div class="actions">
      <button type="button" onClick=${saveView}>Download this view</button>
      ${!view.reservation && html`<button type="button" disabled=${reading} onClick=${saveRecords}>${reading ? "Reading…" : "Download its records"}</button>`}</div></div>
  <//>`;
}

/** The single records behind the view, newest first. */
function Records({ view }) {
  const pages = usePages("usage/records", { from: view.from.toISOString(), to: view.to.toISOString(), limit: 20, reservation_id: view.reservation, ...Object.fromEntries(view.filters) });
  return html`<${Listed} pages=${pages} caption="Records" note=${view.reservation ? html`Of the reservation <code>${view.reservation}</code> <button type="button" class="plain" onClick=${() => refine({ reservation: "" })}>Show all</button>` : "Every spend that the view is made of, newest first"} rowKey=${(record) => record.id} columns=${[
      { name: "When", cell: (record) => html`<${Time} at=${record.occurred_at} />${record.late && html`<span class="sub">settled late</span>`}` },
      { name: "What", cell: (record) => html`${subjectsOf(record)}<span class="sub">${[record.model, record.description, record.reverses && `reverses ${record.reverses}`].filter(Boolean).join(" · ")}</span>` },
      { name: "Counted on", optional: true, cell: (record) => (record.budgets.length ? html`<span class="links">${record.budgets.map((line) => html`<a key=${line.budget_id} href=${to(["budgets", line.budget_id], { subject: line.subject })}>${line.subject}</a>`)}</span>` : html`<span class="muted">no budget</span>`) },
      { name: "Amount", number: true, cell: (record) => html`<${Amounts} amounts=${record.amounts} />` },
    ]} empty=${html`<${Empty} title="No records">Nothing matches in this time.<//>`} />`;
}

/** The subjects of a record, without the model that is shown beside them. */
function subjectsOf({ subjects, model }) {
  return subjectLine(Object.fromEntries(Object.entries(subjects).filter(([type, id]) => type !== "model" || id !== model)));
}
