// Refused reservations over time: which budget, which subject, how often.

import { html } from "../../vendor/htm-preact.js";
import { Bars, seriesOf } from "../chart.js";
import { getAll } from "../api.js";
import { useLoad } from "../load.js";
import { Amount, Choice, Empty, Field, Loaded, Long, Screen, Time } from "../parts.js";
import { refine, to } from "../route.js";
import { DAY_MS, HOUR_MS, OWN_TIMEZONE, labelOf } from "../usage.js";

const SPANS = [["1", "Last hour"], ["24", "Last 24 hours"], ["168", "Last 7 days"], ["720", "Last 30 days"]];
const CODES = {
  rate_limit_exceeded: "enough again later",
  insufficient_quota: "does not reset by itself",
  budget_paused: "paused",
  no_budget: "no budget applies",
  token_cap_exceeded: "too many tokens",
};

export function Refusals({ query }) {
  const hours = Number(query.hours ?? 24);
  const from = new Date(Math.floor((Date.now() - hours * HOUR_MS) / 60_000) * 60_000);
  const state = useLoad((signal) => getAll("refusals", { from: from.toISOString(), subject: query.subject }, { max: 2000, signal }), [hours, query.subject]);
  return html`<${Screen} title="Refusals" intro="Reservations that a budget refused, folded by minute. The counts are a lower bound: each environment writes them once a minute at most.">
    <div class="filters" role="search">
      <${Choice} id="hours" label="Time" value=${String(hours)} options=${SPANS} onChange=${(value) => refine({ hours: value })} />
      <${Field} id="subject" label="Subject" wide><input id="subject" type="search" placeholder="agent:researcher" value=${query.subject ?? ""} onChange=${(event) => refine({ subject: event.target.value.trim() })} /><//>
    </div>
    <${Loaded} state=${state} what="refusals">${(data) => html`<${View} rows=${data.rows} from=${from} hours=${hours} />`}<//>
  <//>`;
}

function View({ rows, from, hours }) {
  if (rows.length === 0) return html`<div class="card"><${Empty} title="Nothing was refused">In this time every reservation fitted its budgets.<//></div>`;
  const step = hours <= 24 ? HOUR_MS / (hours <= 1 ? 60 : 1) : DAY_MS;
  const steps = [];
  for (let at = Math.floor(from / step) * step; at <= Date.now(); at += step) steps.push(at);
  return html`<section class="card"><div class="inside"><h2>Refused per ${step === DAY_MS ? "day" : step === HOUR_MS ? "hour" : "minute"}, by subject</h2></div>
      <${Bars} label="Refused reservations over time, by subject; the table has the numbers" unit="refused" series=${refusalSeries(rows, steps, step)}
        labels=${steps.map((at) => labelOf(at, step === DAY_MS ? "day" : "hour", OWN_TIMEZONE))} />
    </section>
    <${Long} caption="Refusals" note="Newest first" rows=${rows} rowKey=${(row) => `${row.minute} ${row.budget_id} ${row.subject} ${row.code}`} columns=${[
      { name: "When", cell: (row) => html`<${Time} at=${row.minute} />` },
      { name: "What", cell: (row) => html`${row.budget_id ? html`<a href=${to(["budgets", row.budget_id], { subject: row.subject })}>${row.subject}</a>` : row.subject}<span class="sub">${row.message}</span>` },
      { name: "Why", optional: true, cell: (row) => CODES[row.code] ?? row.code.replaceAll("_", " ") },
      { name: "Times", number: true, cell: (row) => `≥ ${row.count.toLocaleString("en")}` },
      { name: "Largest", number: true, optional: true, cell: (row) => (row.requested_max ? html`<${Amount} value=${row.requested_max} unit=${row.unit} withUnit />` : "–") },
      { name: "A request", optional: true, cell: (row) => html`<code>${row.request_id}</code>` },
    ]} />`;
}

/** How often each subject was refused at each step; the smallest as one. */
function refusalSeries(rows, steps, step) {
  const counts = new Map();
  for (const { subject, count } of rows) counts.set(subject, (counts.get(subject) ?? 0) + count);
  return seriesOf(rows, {
    names: [...counts.keys()].sort((one, other) => counts.get(other) - counts.get(one)),
    length: steps.length,
    entryOf: (row) => [row.subject, Math.floor((new Date(row.minute) - steps[0]) / step), row.count],
  });
}
