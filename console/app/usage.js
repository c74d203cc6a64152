// What was spent, by group and interval: spans of time, totals, series for charts.

import { compare, exact, read, sum } from "./amounts.js";
import { getAll } from "./api.js";
import { seriesOf } from "./chart.js";
import { textOf } from "./filters.js";
import { to } from "./route.js";

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
const QUARTER_MS = HOUR_MS / 4;
const ROWS_AT_ONCE = 1000;
const ROWS_MAX = 5 * ROWS_AT_ONCE;

export const OWN_TIMEZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** The spans that can be chosen by name, each as [from, to) in the time zone. */
export const SPANS = {
  today: "Today",
  "7d": "Last 7 days",
  "30d": "Last 30 days",
  month: "This month",
  "last-month": "Last month",
  custom: "From – to",
};

/** The two moments of a span. */
export function momentsOf({ span = "30d", from, to }, timezone, now = Date.now()) {
  const today = dateIn(timezone, now);
  const tomorrow = addDays(today, 1);
  const first = `${today.slice(0, 8)}01`;
  const days = {
    today: [today, tomorrow],
    "7d": [addDays(today, -6), tomorrow],
    "30d": [addDays(today, -29), tomorrow],
    month: [first, nextMonth(first)],
    "last-month": [previousMonth(first), first],
    custom: [from || addDays(today, -29), to ? addDays(to, 1) : tomorrow],
  }[span] ?? [addDays(today, -29), tomorrow];
  return { days, from: startOfDay(days[0], timezone), to: startOfDay(days[1], timezone) };
}

/** Reads the usage of a span; `filters` are pairs of a name and a value. */
export async function readUsage({ from, to: end, groupBy, interval, timezone, filters = [] }, { signal } = {}) {
  const query = {
    limit: ROWS_AT_ONCE, from: from.toISOString(), to: end.toISOString(), group_by: groupBy, interval, timezone: interval ? timezone : undefined,
    ...Object.fromEntries(filters),
  };
  return getAll("usage", query, { max: ROWS_MAX, signal });
}

const DIMENSIONS = { organization: null, api_key: "key_id" };

/** The filter of the usage of a subject, as pairs; the organization's is all usage. */
export function filtersOf(subject) {
  const [type, ...id] = subject.split(":");
  const name = type in DIMENSIONS ? DIMENSIONS[type] : type;
  return name ? [[name, id.join(":")]] : [];
}

/** The units of some rows, the one with the most calls first; money before tokens. */
export function unitsIn(rows) {
  const calls = new Map();
  for (const row of rows) for (const unit of Object.keys(row.amounts)) calls.set(unit, (calls.get(unit) ?? 0) + row.calls);
  const rank = (unit) => (unit === "tokens" ? -1 : calls.get(unit));
  return [...calls.keys()].sort((one, other) => rank(other) - rank(one));
}

/** One total per group, the largest first. */
export function totals(rows, unit) {
  const groups = new Map();
  for (const row of rows) {
    const name = nameOf(row.group);
    const total = groups.get(name) ?? { name, group: row.group, amount: 0n, calls: 0, input: 0, output: 0 };
    total.amount += read(row.amounts[unit] ?? "0");
    total.calls += row.calls;
    total.input += row.tokens?.input ?? 0;
    total.output += row.tokens?.output ?? 0;
    groups.set(name, total);
  }
  return [...groups.values()]
    .map((total) => ({ ...total, amount: exact(total.amount) }))
    .sort((one, other) => compare(other.amount, one.amount) || one.name.localeCompare(other.name));
}

/** The total of all rows. */
export const totalOf = (rows, unit) => sum(rows.map((row) => row.amounts[unit] ?? "0"));

/** How a group is called; what names none of it is "(none)". */
function nameOf(group) {
  const values = Object.values(group ?? {});
  return values.length ? values.map((value) => value ?? "(none)").join(" · ") : "All";
}

/** The address of the records behind an entry of a ledger; a hold ends within a week. */
export function recordsOf({ subject, created_at: at, reservation_id: reservation }) {
  const date = dateIn(OWN_TIMEZONE, at);
  return to("explorer", { span: "custom", from: reservation ? addDays(date, -7) : date, to: date, only: textOf(filtersOf(subject)), reservation });
}

/** Every start of an interval in the span, as the service divides it: with zeros where nothing is. */
export function startsOf(rows, { from, to: end, interval, timezone }) {
  const starts = new Set(rows.map((row) => row.from));
  if (interval === "hour") for (let at = from.getTime(); at < end.getTime(); at += HOUR_MS) starts.add(new Date(at).toISOString());
  if (interval === "day") {
    for (let date = dateIn(timezone, from); startOfDay(date, timezone) < end; date = addDays(date, 1)) starts.add(startOfDay(date, timezone).toISOString());
  }
  return [...starts].sort();
}

/** What was spent at each start: the largest groups, and the rest as one. */
export function spendSeries(rows, unit, starts) {
  const places = new Map(starts.map((start, place) => [start, place]));
  return seriesOf(rows, {
    names: totals(rows, unit).map((total) => total.name),
    length: starts.length,
    entryOf: (row) => [nameOf(row.group), places.get(row.from), Number(row.amounts[unit] ?? 0)],
  });
}

/** The label of an interval that begins then. */
export function labelOf(start, interval, timezone) {
  const options = {
    hour: { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
    month: { month: "short", year: "numeric" },
  }[interval] ?? { day: "numeric", month: "short" };
  return new Date(start).toLocaleString("en-GB", { ...options, timeZone: timezone });
}

/** The date (YYYY-MM-DD) that a moment has in a time zone. */
export const dateIn = (timezone, at) => new Date(at).toLocaleDateString("en-CA", { timeZone: timezone });

export function addDays(date, days) {
  return new Date(Date.parse(`${date}T12:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);
}

const nextMonth = (first) => `${addDays(first, 32).slice(0, 8)}01`;
const previousMonth = (first) => `${addDays(first, -1).slice(0, 8)}01`;

/** The first moment of a date in a time zone, on a quarter of an hour. */
function startOfDay(date, timezone) {
  const guess = Date.parse(`${date}T00:00:00Z`);
  const offset = (at) => {
    const parts = Object.fromEntries(new Intl.DateTimeFormat("en-CA", {
      timeZone: timezone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit",
    }).formatToParts(at).map(({ type, value }) => [type, value]));
    return Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour, parts.minute) - at;
  };
  const first = guess - offset(guess);
  return quarterOf(guess - offset(first));
}

/** The start of the quarter of an hour of a moment: the usage log knows no finer ones. */
export const quarterOf = (at) => new Date(Math.floor(new Date(at) / QUARTER_MS) * QUARTER_MS);
