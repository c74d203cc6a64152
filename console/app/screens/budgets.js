// All budgets: how much of each is spent and held, and every subject under a default.

import { html, useState } from "../../vendor/htm-preact.js";
import { compare, shown } from "../amounts.js";
import { get, getAll, send } from "../api.js";
import { Change, because } from "../dialog.js";
import { useLoad } from "../load.js";
import { Amount, Bar, Choice, Empty, Failure, Field, Loaded, Long, Screen, Status, Time, entitlement } from "../parts.js";
import { refine, to } from "../route.js";
import { mayChange } from "../roles.js";
import { periodRule } from "../words.js";
import { NEW_BUDGET, newBudget } from "./budget-forms.js";

const SUBJECTS_AT_ONCE = 20;
const STATUSES = [["", "All"], ...["active", "warning", "exhausted", "paused", "disabled"].map((status) => [status, status])];

export function Budgets({ me, query }) {
  const state = useLoad(
    (signal, show) => getAll("budgets", {}, { signal, onPage: (rows, more) => more && show({ rows, complete: false }) }),
    [],
  );
  const [creating, setCreating] = useState(false);
  const actions = mayChange(me) && html`<button type="button" class="main-action" onClick=${() => setCreating(true)}>New budget</button>`;
  return html`<${Screen} title="Budgets" actions=${actions}
    intro="What each subject may spend. A budget on type:* is a default: every subject of that type has a balance of its own under it.">
    <${Loaded} state=${state} what="budgets">${(data) => html`<${List} data=${data} loading=${state.loading} query=${query} me=${me} />`}<//>
    ${state.error && state.data && html`<${Failure} error=${state.error} retry=${state.reload} />`}
    ${creating && html`<${Change} title="New budget" fields=${NEW_BUDGET} action="Create budget" onClose=${() => setCreating(false)}
      send=${(values) => send("POST", "budgets", { body: newBudget(values), headers: because(values) })}
      done=${({ body }) => { location.hash = to(["budgets", body.budget_id]); }} />`}
  <//>`;
}

function List({ data, loading, query, me }) {
  const [under, setUnder] = useState({});
  const toggle = async (id) => {
    const put = (part) => setUnder((before) => ({ ...before, [id]: part }));
    if (under[id]) return put(undefined);
    put({ rows: [] });
    try {
      const { body } = await get(`budgets/${encodeURIComponent(id)}/balances`, { sort: "-utilization", limit: SUBJECTS_AT_ONCE });
      put({ rows: body.data, more: Boolean(body.next_cursor), loaded: true });
    } catch (error) {
      put({ rows: [], error });
    }
  };
  const withSubjects = (budget) => [budget, ...(under[budget.budget_id]?.rows ?? []).map((balance) => ({ ...balance, balance, isUnder: true }))];
  const sort = query.sort ?? "-used";
  const descending = sort.startsWith("-");
  const by = sort.replace("-", "");
  const choose = (column) => refine({ sort: by === column && descending ? column : `-${column}` });
  const units = [...new Set(data.rows.map((budget) => budget.unit))].sort();
  const found = data.rows.filter((budget) => matches(budget, query)).sort(ordering(by, descending));
  if (data.rows.length === 0) return html`<div class="card"><${Empty} title="No budgets yet">${
    mayChange(me)
      ? "Create the first one: for example a daily limit on agent:*, which every agent has for itself."
      : "An admin creates the first one."
  }<//></div>`;
  return html`<div class="filters" role="search">
      <${Field} id="find" label="Find" wide>
        <input id="find" type="search" placeholder="Name or subject" value=${query.find ?? ""} onInput=${(event) => refine({ find: event.target.value })} />
      <//>
      <${Choice} id="status" label="Status" value=${query.status ?? ""} options=${STATUSES} onChange=${(status) => refine({ status })} />
      ${units.length > 1 && html`<${Choice} id="unit" label="Unit" value=${query.unit ?? ""} options=${[["", "All"], ...units.map((unit) => [unit, unit])]} onChange=${(unit) => refine({ unit })} />`}
    </div>
    <${Long} caption=${caption(found, data, loading)} rows=${found} expand=${withSubjects} columns=${columns(under, toggle)}
      rowKey=${(row) => `${row.budget_id} ${row.subject}`} rowClass=${(row) => (row.isUnder ? "under" : undefined)} sorting=${{ by, descending, choose }}
      empty=${html`<${Empty} title="No budget matches"><button type="button" class="plain" onClick=${() => refine({ find: "", status: "", unit: "" })}>Show all budgets</button><//>`} />`;
}

const columns = (under, toggle) => [
  { name: "Budget", sort: "name", cell: (budget) => budget.isUnder ? html`<a href=${to(["budgets", budget.budget_id], { subject: budget.subject })}>${budget.subject}</a>` : html`<a href=${to(["budgets", budget.budget_id])}>${budget.name ?? budget.subject}</a>
    <span class="sub">${budget.name ? `${budget.subject} · ` : ""}${periodRule(budget.period)}${budget.mode === "shadow" ? " · shadow: never refuses" : ""}</span>` },
  { name: "Used", sort: "used", optional: true, cell: (row) => (row.balance ? html`<${Bar} balance=${row.balance} />` : html`<${Unfold} budget=${row} part=${under[row.budget_id]} toggle=${toggle} />`) },
  { name: "Spent", sort: "spent", number: true, cell: ({ balance, limit, unit }) => html`${balance && html`<${Amount} value=${balance.spent} unit=${unit} />`}<span class="sub on-phone">of ${shown(balance ? entitlement(balance) : limit, unit)} ${unit}</span>` },
  { name: "Held", number: true, optional: true, cell: ({ balance, unit }) => balance && html`<${Amount} value=${balance.held} unit=${unit} />` },
  { name: "Limit", sort: "limit", number: true, optional: true, cell: ({ balance, limit, unit }) => html`<${Amount} value=${balance ? entitlement(balance) : limit} unit=${unit} /> <span class="muted">${unit}</span>` },
  { name: "Status", cell: ({ status }) => html`<${Status} status=${status} />` },
  { name: "Resets", sort: "resets", optional: true, cell: ({ balance }) => html`<span class="muted"><${Time} at=${balance?.resets_at} /></span>` },
];

/** Shows the subjects under a default, those that have used most of it first. */
function Unfold({ budget, part, toggle }) {
  return html`<button type="button" class="plain" aria-expanded=${part ? "true" : "false"} onClick=${() => toggle(budget.budget_id)}>
      ${part ? "Hide subjects" : "Show subjects"}<span class="unseen"> under ${budget.name ?? budget.subject}</span></button>
    ${part?.error && html`<span class="sub" role="alert">${part.error.message}</span>`}
    ${part?.loaded && part.rows.length === 0 && html`<span class="sub">No subject has used it yet.</span>`}
    ${part?.more && html`<span class="sub">The first ${part.rows.length}; <a href=${to(["budgets", budget.budget_id])}>all subjects</a></span>`}`;
}

function caption(found, { rows, complete }, loading) {
  const all = loading && !complete ? `${rows.length} so far` : rows.length;
  return found.length === rows.length ? `${all} budgets` : `${found.length} of ${all} budgets`;
}

function matches(budget, { find = "", status, unit }) {
  const text = `${budget.name ?? ""} ${budget.subject}`.toLowerCase();
  return text.includes(find.trim().toLowerCase()) && (!status || budget.status === status) && (!unit || budget.unit === unit);
}

function ordering(by, descending) {
  const keys = {
    name: (one, other) => (one.name ?? one.subject).localeCompare(other.name ?? other.subject),
    used: (one, other) => (one.balance?.utilization_pct ?? -1) - (other.balance?.utilization_pct ?? -1),
    spent: (one, other) => compare(one.balance?.spent ?? "-1", other.balance?.spent ?? "-1"),
    limit: (one, other) => compare(one.limit, other.limit),
    resets: (one, other) => (one.balance?.resets_at ?? "").localeCompare(other.balance?.resets_at ?? ""),
  };
  const compared = keys[by] ?? keys.used;
  return (one, other) => (descending ? -1 : 1) * compared(one, other);
}
