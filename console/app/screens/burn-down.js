// What is left of a budget over its period, and where its pace leads to.

import { html } from "../../vendor/htm-preact.js";
import { Lines } from "../chart.js";
import { textOf } from "../filters.js";
import { useLoad } from "../load.js";
import { Failure, Loading, entitlement } from "../parts.js";
import { to } from "../route.js";
import { DAY_MS, HOUR_MS, OWN_TIMEZONE, filtersOf, labelOf, quarterOf, readUsage } from "../usage.js";

const HOURS_MAX = 50;

/** Only a budget whose period has two ends has one. */
export const hasBurnDown = (balance) => Boolean(balance?.period.starts_at && balance?.period.ends_at);

export function BurnDown({ balance }) {
  const { period, unit, subject } = balance;
  const step = stepOf(period);
  const filters = filtersOf(subject);
  const state = useLoad(
    (signal) => readUsage({ from: quarterOf(period.starts_at), to: quarterOf(Date.now() + HOUR_MS / 4), interval: step === HOUR_MS ? "hour" : "day", timezone: period.timezone ?? "UTC", filters }, { signal }),
    [balance.budget_id, subject, period.key, balance.spent],
  );
  if (state.error) return html`<${Failure} error=${state.error} retry=${state.reload} />`;
  if (!state.data) return html`<div class="card"><${Loading} what="the burn-down" /></div>`;
  const drawn = drawing(balance, state.data.rows, step);
  const [[name] = []] = filters;
  return html`<section class="card"><div class="inside head"><div><h2>Left in this period</h2>
      <p class="small muted">From ${labelOf(period.starts_at, "hour", OWN_TIMEZONE)} to ${labelOf(period.ends_at, "hour", OWN_TIMEZONE)}, in ${unit}</p></div>
      <a href=${to("explorer", { by: name === "model" ? "agent" : "model", only: textOf(filters) })}>What it was spent on</a></div>
    <${Lines} label="What is left of ${subject} over the period, in ${unit}" labels=${drawn.labels} unit=${unit} lines=${drawn.lines} />
  </section>`;
}

function stepOf({ starts_at: start, ends_at: end }) {
  return new Date(end) - new Date(start) <= HOURS_MAX * HOUR_MS ? HOUR_MS : DAY_MS;
}

/** What was left at each step; the log may have more than counted here, so it ends at the balance. */
function drawing(balance, rows, step) {
  const { unit, period } = balance;
  const start = Number(new Date(period.starts_at));
  const end = Number(new Date(period.ends_at));
  const now = Math.min(Date.now(), end);
  const steps = [];
  for (let at = start; at <= end; at += step) steps.push(at);
  const spent = steps.map((at) => rows.filter((row) => new Date(row.from) < at).reduce((sum, row) => sum + Number(row.amounts[unit] ?? 0), 0));
  const logged = rows.reduce((sum, row) => sum + Number(row.amounts[unit] ?? 0), 0);
  const scale = logged > 0 ? Number(balance.spent) / logged : 0;
  const whole = Number(entitlement(balance));
  const current = Math.max(steps.findLastIndex((at) => at <= now), 0);
  const left = steps.map((_, place) => (place > current ? null : Math.max(0, whole - (place === current ? Number(balance.spent) : spent[place] * scale))));
  const rate = Number(balance.forecast?.burn_rate_per_hour ?? 0);
  const ahead = steps.map((at, place) => (place < current ? null : Math.max(0, whole - Number(balance.spent) - (rate * Math.max(0, at - now)) / HOUR_MS)));
  const even = steps.map((at) => (whole * (end - at)) / (end - start));
  return {
    labels: steps.map((at) => labelOf(at, step === HOUR_MS ? "hour" : "day", OWN_TIMEZONE)),
    lines: [
      { name: "left", colour: "--series-1", filled: true, values: left },
      { name: "left at this pace", colour: "--series-2", dashed: true, values: ahead },
      { name: "even pace", colour: "--series-rest", values: even },
    ],
  };
}
