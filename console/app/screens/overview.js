// The overview: this month against the last, who spends most, and what runs out soon.

import { html } from "../../vendor/htm-preact.js";
import { compare, exact, isZero, read, share, shown } from "../amounts.js";
import { get, getAll } from "../api.js";
import { Lines } from "../chart.js";
import { textOf } from "../filters.js";
import { useLoad } from "../load.js";
import { Amount, Bar, Empty, Failure, Loaded, Long, Screen, ShareBar, Status, Table, Tile, Time } from "../parts.js";
import { to } from "../route.js";
import { DAY_MS, OWN_TIMEZONE, addDays, dateIn, momentsOf, readUsage, totalOf, totals, unitsIn } from "../usage.js";
import { away } from "../words.js";

const SOON_MS = 3 * DAY_MS;
const TOP = 5;

const RANKINGS = [["agent", "Top agents"], ["model", "Top models"], ["team", "Top teams"]];

async function readMonths(signal) {
  const timezone = OWN_TIMEZONE;
  const month = momentsOf({ span: "month" }, timezone);
  const before = momentsOf({ span: "last-month" }, timezone);
  const daily = { interval: "day", timezone };
  const [now, last, ...groups] = await Promise.all([
    readUsage({ ...month, ...daily }, { signal }),
    readUsage({ ...before, ...daily }, { signal }),
    ...RANKINGS.map(([name]) => readUsage({ ...month, groupBy: name, timezone }, { signal })),
  ]);
  return { month, before, now: now.rows, last: last.rows, groups: groups.map((group) => group.rows) };
}

export function Overview() {
  const usage = useLoad(readMonths, []);
  const balances = useLoad(
    (signal, show) => getAll("balances", {}, { signal, onPage: (rows, more) => more && show({ rows }) }),
    [],
  );
  const waiting = useLoad((signal) => get("increase-requests", { state: "pending", limit: 100 }, { signal }), []);
  return html`<${Screen} title="Overview" intro="This month so far, in your time zone.">
    ${waiting.data && html`<${Waiting} page=${waiting.data.body} />`}
    <${Loaded} state=${usage} what="this month's spend">${(data) => html`<${Month} data=${data} />`}<//>
    <${Loaded} state=${balances} what="balances">${(data) => html`<${RunsOut} balances=${data.rows} loading=${balances.loading} />`}<//>
    ${balances.error && balances.data && html`<${Failure} error=${balances.error} retry=${balances.reload} />`}
  <//>`;
}

/** How many increase requests wait for a decision, if any. */
function Waiting({ page }) {
  const count = page.data.length;
  if (!count) return null;
  const waits = count === 1 && !page.next_cursor ? "request waits" : "requests wait";
  return html`<div class="notice warn"><span>${count}${page.next_cursor && "+"} ${waits} for a decision.</span> <a href=${to("requests")}>See ${count === 1 ? "it" : "them"}</a></div>`;
}

function Month({ data }) {
  const unit = unitsIn([...data.now, ...data.last])[0];
  if (!unit) return html`<div class="card"><${Empty} title="Nothing was spent this month or last">Put the client between your application and the provider, or record what it spends: the guide's quickstart shows how.<//></div>`;
  const figures = figuresOf(data, unit);
  return html`<dl class="tiles">
      <${Tile} name="Spent this month" unit=${unit} href=${to("explorer", { span: "month" })}><${Amount} value=${figures.spent} unit=${unit} /><//>
      <${Tile} name="Last month, by the same day" unit=${unit} detail=${figures.comparison} href=${to("explorer", { span: "last-month" })}><${Amount} value=${figures.same} unit=${unit} /><//>
      <${Tile} name="Month's end at this pace" unit=${unit} detail=${`${shown(figures.all, unit)} ${unit} in all of last month`}><${Amount} value=${figures.forecast} unit=${unit} /><//>
      <${Tile} name="Calls this month" href=${to("explorer", { span: "month", by: "model" })}>${figures.calls.toLocaleString("en")}<//>
    </dl>
    <section class="card"><div class="inside"><div><h2>This month against the last</h2><p class="small muted">Spent since the first of the month, in ${unit}</p></div></div>
      <${Lines} label="Spent since the first of the month, this month and last, in ${unit}" labels=${figures.labels} unit=${unit} lines=${figures.lines} />
    </section>
    <div class="columns">${RANKINGS.map(([name, title], place) => html`<${Ranking} key=${name} name=${name} title=${title} rows=${data.groups[place]} unit=${unit} total=${figures.spent} />`)}</div>`;
}

/** The numbers of the tiles and the lines of the chart. */
function figuresOf({ month, before, now, last }, unit) {
  const timezone = OWN_TIMEZONE;
  const today = dateIn(timezone, Date.now());
  const days = daysIn(month.days);
  const elapsed = days.indexOf(today);
  const mine = running(now, unit, days, timezone);
  const theirs = running(last, unit, daysIn(before.days), timezone);
  const spent = totalOf(now, unit);
  const same = theirs.exact[Math.min(elapsed, theirs.exact.length - 1)] ?? "0";
  const past = Math.max((Date.now() - month.from) / DAY_MS, 0.5);
  const forecast = (Number(spent) / past) * days.length;
  const ahead = days.map((_, place) => (place < elapsed ? null : Number(spent) + ((forecast - Number(spent)) * (place - elapsed)) / Math.max(days.length - 1 - elapsed, 1)));
  return {
    spent, same, forecast: forecast.toFixed(9), all: totalOf(last, unit),
    calls: now.reduce((calls, row) => calls + row.calls, 0),
    comparison: comparison(spent, same),
    labels: days.map((date) => String(Number(date.slice(8)))),
    lines: [
      { name: "this month", colour: "--series-1", filled: true, values: mine.values.map((value, place) => (place > elapsed ? null : value)) },
      { name: "at this pace", colour: "--series-1", dashed: true, values: ahead },
      { name: "last month", colour: "--series-rest", values: days.map((_, place) => theirs.values[place] ?? null) },
    ],
  };
}

function comparison(spent, same) {
  if (isZero(same)) return "nothing was spent by then";
  const change = share(spent, same) - 100;
  return `now ${Math.abs(change).toFixed(0)} % ${change >= 0 ? "more" : "less"}`;
}

function daysIn([from, until]) {
  const days = [];
  for (let date = from; date < until; date = addDays(date, 1)) days.push(date);
  return days;
}

/** What was spent up to each day, exactly and as numbers. */
function running(rows, unit, days, timezone) {
  const perDay = new Map();
  for (const row of rows) {
    const date = dateIn(timezone, row.from);
    perDay.set(date, (perDay.get(date) ?? 0n) + read(row.amounts[unit] ?? "0"));
  }
  let total = 0n;
  const sums = days.map((date) => exact((total += perDay.get(date) ?? 0n)));
  return { exact: sums, values: sums.map(Number) };
}

function Ranking({ name, title, rows, unit, total }) {
  const groups = totals(rows, unit).filter((group) => !isZero(group.amount));
  const named = groups.filter((group) => group.group[name] !== null).slice(0, TOP);
  return html`<${Table} caption=${title} rows=${named} rowKey=${(group) => group.name} columns=${[
      { name, cell: (group) => html`<a href=${to("explorer", { span: "month", by: name === "model" ? "agent" : "model", only: textOf([[name, group.group[name]]]) })}>${group.name}</a>
        <${ShareBar} part=${group.amount} whole=${total} />` },
      { name: unit, number: true, cell: (group) => html`<${Amount} value=${group.amount} unit=${unit} />` },
    ]} empty=${html`<${Empty} title="No ${name} is named">Requests that name a subject of the type ${name} appear here.<//>`}>
    ${groups.length > TOP && html`<div class="below"><a href=${to("explorer", { span: "month", by: name })}>All ${groups.length}</a></div>`}
  <//>`;
}

/** The balances that are exhausted, or will be within three days at their pace. */
function RunsOut({ balances, loading }) {
  const soon = balances.filter(isSoon);
  soon.sort((one, other) => (one.forecast?.limit_reached_at ?? "").localeCompare(other.forecast?.limit_reached_at ?? "") || -compare(one.overrun, other.overrun));
  const note = loading ? `${balances.length} balances so far` : undefined;
  return html`<${Long} caption="Runs out within three days" note=${note} atOnce=${20} rows=${soon} rowKey=${(balance) => `${balance.budget_id} ${balance.subject}`} columns=${[
      { name: "Budget", cell: (balance) => html`<a href=${to(["budgets", balance.budget_id], { subject: balance.subject })}>${balance.name ?? balance.subject}</a>${balance.name && html`<span class="sub">${balance.subject}</span>`}` },
      { name: "Used", optional: true, cell: (balance) => html`<${Bar} balance=${balance} />` },
      { name: "Left", number: true, cell: (balance) => html`<${Amount} value=${balance.available} unit=${balance.unit} withUnit />` },
      { name: "Status", cell: (balance) => html`<${Status} status=${balance.status} />` },
      { name: "When", cell: (balance) => (balance.status === "exhausted" ? "now" : html`${away(balance.forecast.limit_reached_at)}<span class="sub"><${Time} at=${balance.forecast.limit_reached_at} /></span>`) },
    ]} empty=${loading ? html`<p class="empty">Nothing so far</p>` : html`<${Empty} title="Nothing runs out within three days"><a href=${to("budgets")}>All budgets</a><//>`} />`;
}

function isSoon({ status, forecast }) {
  if (status === "exhausted") return true;
  return Boolean(forecast?.limit_reached_at) && new Date(forecast.limit_reached_at) - Date.now() < SOON_MS;
}
