// One budget, or one subject under a default: balance, outlook, activity and statements.

import { html, useState } from "../../vendor/htm-preact.js";
import { exact, isNegative, read, shown } from "../amounts.js";
import { get, send } from "../api.js";
import { Change, REASON, because } from "../dialog.js";
import { useLoad, usePages } from "../load.js";
import { Amount, Bar, Empty, Failure, Listed, Loaded, Screen, Status, Tile, Time, entitlement } from "../parts.js";
import { to } from "../route.js";
import { mayChange, maySeeAll } from "../roles.js";
import { recordsOf } from "../usage.js";
import { day, moment, outlook, periodRule } from "../words.js";
import { creditForm, limitForm, newCredit, newLimits } from "./budget-forms.js";
import { BurnDown, hasBurnDown } from "./burn-down.js";
import { Log } from "./changes.js";

const isDefault = (budget) => budget.subject.endsWith(":*");

export function Budget({ me, id, query }) {
  const state = useLoad(async (signal) => {
    const { body: budget, etag } = await get(`budgets/${encodeURIComponent(id)}`, {}, { signal });
    const subject = isDefault(budget) ? query.subject : undefined;
    if (!subject) return { budget, etag, balance: budget.balance };
    const { body: balance } = await get(`budgets/${encodeURIComponent(id)}/balance`, { subject }, { signal });
    return { budget, etag, balance, subject };
  }, [id, query.subject]);
  const [done, setDone] = useState({ count: 0, sentence: "" });
  const [changing, setChanging] = useState(null);
  const finish = (sentence) => () => {
    setChanging(null);
    setDone(({ count }) => ({ count: count + 1, sentence }));
    setTimeout(() => document.querySelector("h1").focus());  // the button may be another one now
    state.reload();
  };
  if (!state.data) return html`<${Screen} title="Budget"><${Loaded} state=${state} what="the budget" /><//>`;
  const { budget, balance, subject } = state.data;
  const title = subject ?? budget.name ?? budget.subject;
  const forms = changes(state.data, finish);
  const offered = mayChange(me) ? Object.entries(forms).filter(([, form]) => form.offered) : [];
  return html`<${Screen} title=${title}
    intro=${html`${subject ? html`Under the default <a href=${to(["budgets", id])}>${budget.name ?? budget.subject}</a> · ` : budget.name ? `${budget.subject} · ` : ""}<${Amount} value=${budget.limit} unit=${budget.unit} withUnit /> ${periodRule(budget.period)}${budget.mode === "shadow" ? " · shadow: it decides and reports, but never refuses" : ""}`}
    actions=${offered.map(([name, form]) => html`<button type="button" key=${name} class=${form.stops ? "stops" : ""} onClick=${() => setChanging(name)}>${form.button}</button>`)}>
    <div role="status">${done.sentence && html`<div class="notice good">${done.sentence}</div>`}</div>
    ${state.error && html`<${Failure} error=${state.error} retry=${state.reload} />`}
    ${balance ? html`<${Balance} balance=${balance} />` : html`<${Subjects} budget=${budget} />`}
    ${hasBurnDown(balance) && html`<${BurnDown} balance=${balance} />`}
    ${balance && html`<${Activity} key=${done.count} id=${id} unit=${budget.unit} subject=${subject} />`}
    ${balance && budget.period.type === "calendar" && html`<${Statements} id=${id} unit=${budget.unit} subject=${subject} />`}
    ${!subject && maySeeAll(me) && html`<${Log} key=${`changes-${done.count}`} query=${{ object: id }} caption="Changes" />`}
    ${changing && html`<${Change} ...${forms[changing]} onClose=${() => setChanging(null)} />`}
  <//>`;
}

/** The changes that an admin may make here. */
function changes({ budget, balance, subject, etag }, finish) {
  const path = `budgets/${encodeURIComponent(budget.budget_id)}`;
  const unchanged = etag ? { "If-Match": etag } : {};
  const isPaused = (balance ?? budget).status === "paused";
  const once = crypto.randomUUID();
  return {
    pause: {
      offered: !subject && !isPaused && budget.status !== "disabled", button: "Pause", stops: true,
      title: "Pause this budget", action: "Pause", fields: [REASON], done: finish("The budget is paused."),
      intro: "Every new request that it applies to is refused until it is resumed. Open reservations can still settle.",
      send: (values) => send("POST", `${path}/pause`, { body: {}, headers: because(values) }),
    },
    resume: {
      offered: !subject && isPaused, button: "Resume", title: "Resume this budget", action: "Resume", fields: [REASON],
      done: finish("The budget is active again."),
      send: (values) => send("POST", `${path}/resume`, { body: {}, headers: because(values) }),
    },
    limit: {
      offered: !subject, button: "Change limit", title: "Change the limit", action: "Change limit", fields: limitForm(budget),
      done: finish("The limit is changed."),
      send: (values) => send("PATCH", path, { body: newLimits(values), headers: { ...because(values), ...unchanged } }),
    },
    credit: {
      offered: Boolean(balance), button: "Add credit", title: "Add a credit", action: "Add credit", fields: creditForm(budget.unit),
      intro: "It raises what may be spent in the current period.", done: finish("The credit is added."),
      send: (values) => send("POST", `${path}/credits`, {
        body: newCredit(values, subject), headers: { ...because(values), "Idempotency-Key": `console-${once}` },
      }),
    },
  };
}

function Balance({ balance }) {
  const { unit } = balance;
  const whole = entitlement(balance);
  const extra = whole === balance.limit ? null : `${shown(balance.limit, unit)} + ${shown(exact(read(whole) - read(balance.limit)), unit)} credits and carried over`;
  return html`<dl class="tiles">
      <${Tile} name="Left" unit=${unit} detail=${`of ${shown(whole, unit)} ${unit}`} stops=${isNegative(balance.available)}><${Amount} value=${balance.available} unit=${unit} /><//>
      <${Tile} name="Spent" unit=${unit} detail=${`${balance.utilization_pct} % of what may be spent`}><${Amount} value=${balance.spent} unit=${unit} /><//>
      <${Tile} name="Held by open reservations" unit=${unit}><${Amount} value=${balance.held} unit=${unit} /><//>
      <${Tile} name="May be spent" unit=${unit} detail=${extra ?? (balance.resets_at ? `resets ${day(balance.resets_at)}` : "never resets")}><${Amount} value=${whole} unit=${unit} /><//>
    </dl>
    <section class="card"><div class="inside">
      <div class="head"><h2>Now</h2><${Status} status=${balance.status} /></div>
      <${Bar} balance=${balance} large />
      <ul class="legend ${balance.status}"><li><i></i>Spent</li><li><i class="held"></i>Held</li><li><i class="free"></i>Left</li></ul>
      <p>${outlook(balance, { projected: projected(balance) })}</p>
    </div></section>`;
}

/** What is spent at the period's end at the mean rate so far. */
function projected({ spent, unit, forecast, resets_in_seconds: seconds }) {
  if (!forecast || seconds === null) return null;
  const more = (Number(forecast.burn_rate_per_hour) * seconds) / 3600;
  return shown((Number(spent) + more).toFixed(9), unit);
}

/** A column with an amount of each row: `(field, options)`. */
const amountColumn = (unit) => (field, options) => ({ number: true, ...options, cell: (row) => html`<${Amount} value=${row[field]} unit=${unit} />` });

/** Every subject under a default, the one that has used most of it first. */
function Subjects({ budget }) {
  const pages = usePages(`budgets/${encodeURIComponent(budget.budget_id)}/balances`, { sort: "-utilization", limit: 50 });
  const type = budget.subject.split(":")[0];
  const amount = amountColumn(budget.unit);
  return html`<${Listed} pages=${pages} caption="One balance per ${type}" what="subjects" note="Every ${type} without a budget of its own has this limit for itself, in ${budget.unit}" rowKey=${(balance) => balance.subject}
    columns=${[
      { name: "Subject", cell: (balance) => html`<a href=${to(["budgets", budget.budget_id], { subject: balance.subject })}>${balance.subject}</a>` },
      { name: "Used", optional: true, cell: (balance) => html`<${Bar} balance=${balance} />` },
      { name: "Spent", ...amount("spent") },
      { name: "Held", ...amount("held", { optional: true }) },
      { name: "Left", ...amount("available") },
      { name: "Status", cell: (balance) => html`<${Status} status=${balance.status} />` },
    ]}
    empty=${html`<${Empty} title="No ${type} has used it yet">Each appears here with its first reservation or spend.<//>`} />`;
}

function Activity({ id, unit, subject }) {
  const pages = usePages(`budgets/${encodeURIComponent(id)}/ledger`, { subject, limit: 20 });
  return html`<${Listed} pages=${pages} caption="Activity" what="entries" loading="the activity" note="Every entry of the ledger, newest first" rowKey=${(entry) => entry.id}
    columns=${[
      { name: "When", cell: (entry) => html`<${Time} at=${entry.created_at} />` },
      { name: "What", cell: (entry) => html`${sentence(entry)}${details(entry) && html`<span class="sub">${details(entry)}</span>`}
          ${["spend", "reversal"].includes(entry.kind) && html`<span class="sub"><a href=${recordsOf(entry)}>${entry.reservation_id ? "Its record" : "Records of that day"}<span class="unseen">, ${moment(entry.created_at)}</span></a></span>`}` },
      { name: `Amount, ${unit}`, number: true, cell: (entry) => html`<${Signed} amount=${entry.amount} unit=${unit} />` },
    ]}
    empty=${html`<${Empty} title="Nothing spent yet">Reservations and records that name this subject appear here once they are settled.<//>`} />`;
}

/** A debit makes less available, so it has a minus; a credit has a plus. */
function Signed({ amount, unit }) {
  const isCredit = isNegative(amount);
  const size = isCredit ? amount.slice(1) : amount;
  return html`<span title="${size} ${unit}">${isCredit ? "+" : "−"}${shown(size, unit)}</span>`;
}

function sentence(entry) {
  const text = entry.description ? `: ${entry.description}` : "";
  if (entry.kind === "carry_over") return entry.description ? capital(entry.description) : "Carried over";
  if (entry.kind === "credit_expired") return `A credit ended${text}`;
  if (entry.kind === "reversal") return `Reversed a spend${text}`;
  if (entry.kind === "opening") return `Opening balance${text}`;
  if (entry.kind === "credit") return `${isNegative(entry.amount) ? "Credit" : "Correction of a credit"}${text}`;
  if (entry.kind === "spend") return `${entry.reservation_id ? "Settled a reservation" : "Recorded spend"}${text}`;
  return `${capital(entry.kind.replaceAll("_", " "))}${text}`;
}

function details(entry) {
  return [
    entry.session_id && `session ${entry.session_id}`,
    entry.ref_id && `${entry.ref_type ?? "reference"} ${entry.ref_id}`,
    entry.reservation_id,
  ].filter(Boolean).join(" · ");
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function Statements({ id, unit, subject }) {
  const pages = usePages(`budgets/${encodeURIComponent(id)}/statements`, { subject, limit: 12 });
  if (!pages.rows && !pages.error) return null;
  const amount = amountColumn(unit);
  return html`<${Listed} pages=${pages} caption="Statements" note="What each closed period came to" rowKey=${(statement) => statement.id}
    columns=${[
      { name: "Period", cell: (statement) => html`${statement.period_key}${statement.revision > 1 && html`<span class="sub">revision ${statement.revision}</span>`}` },
      { name: "Limit", ...amount("limit") },
      { name: "Credits", ...amount("credits", { optional: true }) },
      { name: "Carried in", ...amount("carried_in", { optional: true }) },
      { name: "Spent", ...amount("spent") },
      { name: "Overrun", ...amount("overrun", { optional: true }) },
      { name: "Unused", ...amount("unused") },
      { name: "Carried out", ...amount("carried_out", { optional: true }) },
    ]}
    empty=${html`<${Empty} title="No period has ended yet">A statement appears a minute after the end of each period in which something was spent.<//>`} />`;
}
