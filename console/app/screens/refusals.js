// Refused reservations over time: which budget, which subject, how often.

import { html } from "../../vendor/htm-preact.js";
import { shown } from "../amounts.js";
import { get, getAll } from "../api.js";
import { Bars, seriesOf } from "../chart.js";
import { textOf } from "../filters.js";
import { useLoad } from "../load.js";
import { Amount, Choice, Empty, Field, Loaded, Long, Screen, Time } from "../parts.js";
import { refine, to } from "../route.js";
import { DAY_MS, HOUR_MS, OWN_TIMEZONE, dateIn, filtersOf, labelOf, momentsOf, quarterOf, readUsage, spendSeries, startsOf, totalOf, unitsIn } from "../usage.js";

const QUARTER_MS = HOUR_MS / 4;
const NAMED = 6;

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
  const by = query.by === "budget" ? "budget" : "subject";
  const from = new Date(Math.floor((Date.now() - hours * HOUR_MS) / 60_000) * 60_000);
  const state = useLoad(
    (signal) => readRefusals({ from: from.toISOString(), subject: query.subject }, by, signal),
    [hours, by, query.subject],
  );
  return html`<${Screen} title="Refusals" intro="Reservations that a budget refused, folded by minute. The counts are a lower bound: each environment writes them once a minute at most.">
    <div class="filters" role="search">
      <${Choice} id="hours" label="Time" value=${String(hours)} options=${SPANS} onChange=${(value) => refine({ hours: value })} />
      <${Choice} id="by" label="By" value=${by} options=${[["subject", "Subject"], ["budget", "Budget"]]} onChange=${(value) => refine({ by: value })} />
      <${Field} id="subject" label="Subject" wide><input id="subject" type="search" placeholder="agent:researcher" value=${query.subject ?? ""} onChange=${(event) => refine({ subject: event.target.value.trim() })} /><//>
    </div>
    <${Loaded} state=${state} what="refusals">${({ rows, nameOf }) => (rows.length === 0
      ? html`<div class="card"><${Empty} title="Nothing was refused">In this time every reservation fitted its budgets.<//></div>`
      : html`<${Refused} rows=${rows} nameOf=${nameOf} by=${by} from=${from} hours=${hours} />`)}<//>
    <${Spent} key=${`${hours} ${query.subject ?? ""}`} subject=${query.subject} from=${from} hours=${hours} />
    ${state.data?.rows.length > 0 && html`<${Rows} rows=${state.data.rows} />`}
  <//>`;
}

/** Reads the refusals, and the names of the budgets that refused most. */
async function readRefusals(query, by, signal) {
  const { rows } = await getAll("refusals", query, { max: 2000, signal });
  if (by === "subject") return { rows, nameOf: (row) => row.subject };
  const ids = byCount(rows, (row) => row.budget_id).filter(Boolean).slice(0, NAMED);
  const budgets = await Promise.all(ids.map((id) => get(`budgets/${encodeURIComponent(id)}`, {}, { signal }).catch(() => null)));
  const names = new Map(budgets.filter(Boolean).map(({ body }) => [body.budget_id, body.name ?? body.subject]));
  return { rows, nameOf: (row) => names.get(row.budget_id) ?? row.budget_id ?? "no budget" };
}

function Refused({ rows, nameOf, by, from, hours }) {
  const step = hours <= 24 ? HOUR_MS / (hours <= 1 ? 60 : 1) : DAY_MS;
  const steps = [];
  for (let at = Math.floor(from / step) * step; at <= Date.now(); at += step) steps.push(at);
  return html`<section class="card"><div class="inside"><h2>Refused per ${step === DAY_MS ? "day" : step === HOUR_MS ? "hour" : "minute"}, by ${by}</h2></div>
      <${Bars} label="Refused reservations over time, by ${by}; the table has the numbers" unit="refused" series=${refusalSeries(rows, nameOf, steps, step)}
        labels=${steps.map((at) => labelOf(at, step === DAY_MS ? "day" : "hour", OWN_TIMEZONE))} />
    </section>`;
}

function Rows({ rows }) {
  return html`<${Long} caption="Refusals" note="Newest first" rows=${rows} rowKey=${(row) => `${row.minute} ${row.budget_id} ${row.subject} ${row.code}`} columns=${[
      { name: "When", cell: (row) => html`<${Time} at=${row.minute} />` },
      { name: "What", cell: (row) => html`${row.budget_id ? html`<a href=${to(["budgets", row.budget_id], { subject: row.subject })}>${row.subject}</a>` : row.subject}<span class="sub">${row.message}</span>` },
      { name: "Why", optional: true, cell: (row) => CODES[row.code] ?? row.code.replaceAll("_", " ") },
      { name: "Times", number: true, cell: (row) => `≥ ${row.count.toLocaleString("en")}` },
      { name: "Largest", number: true, optional: true, cell: (row) => (row.requested_max ? html`<${Amount} value=${row.requested_max} unit=${row.unit} withUnit />` : "–") },
      { name: "A request", optional: true, cell: (row) => html`<code>${row.request_id}</code>` },
    ]} />`;
}

/** What was spent in the same time, all or by the same subject. */
function Spent({ subject, from, hours }) {
  const interval = hours <= 24 ? "hour" : "day";
  const start = interval === "hour" ? new Date(Math.floor(from / HOUR_MS) * HOUR_MS) : momentsOf({ span: "custom", from: dateIn(OWN_TIMEZONE, from) }, OWN_TIMEZONE).from;
  const view = { from: start, to: quarterOf(Date.now() + QUARTER_MS), interval, timezone: OWN_TIMEZONE };
  const filters = subject?.includes(":") ? filtersOf(subject) : [];
  const state = useLoad((signal) => readUsage({ ...view, filters }, { signal }), []);
  return html`<${Loaded} state=${state} what="the spend">${({ rows }) => {
    const unit = unitsIn(rows)[0];
    if (!unit) return html`<div class="card"><${Empty} title="Nothing was spent in this time">What is spent stands here beside what was refused.<//></div>`;
    const starts = startsOf(rows, view);
    return html`<section class="card"><div class="inside head"><div><h2>Spent per ${view.interval}</h2><p class="small muted">${shown(totalOf(rows, unit), unit)} ${unit} in the same time${subject ? ` by ${subject}` : ""}</p></div>
        <a href=${to("explorer", { span: hours <= 24 ? "today" : hours <= 168 ? "7d" : "30d", only: textOf(filters) })}>Explore</a></div>
      <${Bars} label="Spent over the same time, in ${unit}" unit=${unit} labels=${starts.map((start) => labelOf(start, view.interval, OWN_TIMEZONE))} series=${spendSeries(rows, unit, starts)} />
    </section>`;
  }}<//>`;
}

/** The values of rows, those with the most refusals first. */
function byCount(rows, valueOf) {
  const counts = new Map();
  for (const row of rows) counts.set(valueOf(row), (counts.get(valueOf(row)) ?? 0) + row.count);
  return [...counts.keys()].sort((one, other) => counts.get(other) - counts.get(one));
}

/** How often each subject or budget refused at each step; the smallest as one. */
function refusalSeries(rows, nameOf, steps, step) {
  return seriesOf(rows, {
    names: byCount(rows, nameOf),
    length: steps.length,
    entryOf: (row) => [nameOf(row), Math.floor((new Date(row.minute) - steps[0]) / step), row.count],
  });
}
