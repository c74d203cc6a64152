// One increase request: who asks, why, what the budget says, and the decision.

import { html, useState } from "../../vendor/htm-preact.js";
import { compare, exact, isNegative, read, shown } from "../amounts.js";
import { get, send } from "../api.js";
import { Change } from "../dialog.js";
import { useLoad } from "../load.js";
import { Amount, Bar, Failure, Loaded, Screen, Status, Tile, Time, entitlement } from "../parts.js";
import { to } from "../route.js";
import { mayDecide } from "../roles.js";
import { away, outlook } from "../words.js";

async function readRequest(id, signal) {
  const { body: request } = await get(`increase-requests/${encodeURIComponent(id)}`, {}, { signal });
  try {
    const path = `budgets/${encodeURIComponent(request.budget_id)}/balance`;
    const { body: balance } = await get(path, { subject: request.subject }, { signal });
    return { request, balance };
  } catch (problem) {
    if (problem.status !== 404) throw problem;
    return { request, balance: null };  // the budget was deleted
  }
}

export function Request({ me, id }) {
  const state = useLoad((signal) => readRequest(id, signal), [id]);
  const [deciding, setDeciding] = useState(null);
  const [done, setDone] = useState("");
  if (!state.data) return html`<${Screen} title="Request"><${Loaded} state=${state} what="the request" /><//>`;
  const { request, balance } = state.data;
  const finish = (sentence) => () => {
    setDeciding(null);
    setDone(sentence);
    setTimeout(() => document.querySelector("h1").focus());  // the buttons are gone
    state.reload();
  };
  const forms = decisions(request, me, finish);
  const isOwn = request.key_id === me.key.key_id;
  const offered = mayDecide(me) && request.state === "pending" && !isOwn ? Object.entries(forms).filter(([, form]) => form.offered(balance)) : [];
  return html`<${Screen} title="${request.subject} asks for ${shown(request.amount, request.unit)} ${request.unit} more"
    intro=${html`<${Status} status=${request.state} /> ${request.key_name ?? request.key_id} asked ${away(request.created_at)}`}
    actions=${offered.map(([name, form]) => html`<button type="button" key=${name} class=${form.stops ? "stops" : "main-action"} onClick=${() => setDeciding(name)}>${form.action}</button>`)}>
    <div role="status">${done && html`<div class="notice good">${done}</div>`}</div>
    ${state.error && html`<${Failure} error=${state.error} retry=${state.reload} />`}
    ${request.state === "pending" && mayDecide(me) && isOwn && html`<div class="notice warn">The key that asked never decides: sign in with another one.</div>`}
    <section class="card"><div class="inside"><h2>Why</h2><blockquote class="reason">${request.reason}</blockquote></div></section>
    <${Facts} request=${request} balance=${balance} />
    ${request.decision && html`<${Decision} decision=${request.decision} request=${request} />`}
    <${OnBudget} request=${request} balance=${balance} />
    ${deciding && html`<${Change} ...${forms[deciding]} onClose=${() => setDeciding(null)} />`}
  <//>`;
}

/** The two decisions; what the form leaves as it was asked is not sent. */
function decisions(request, me, finish) {
  const path = `increase-requests/${encodeURIComponent(request.id)}`;
  const once = { "Idempotency-Key": `console-${crypto.randomUUID()}` };
  const note = { name: "note", label: "Note", help: "For the caller.", optional: true, maxlength: 500 };
  const wanted = localTime(request.until);
  const most = me.key.max_amount;
  const amount = most && compare(request.amount, most) > 0 ? most : request.amount;
  return {
    deny: {
      offered: () => true, title: "Deny this request", action: "Deny", stops: true, fields: [note], done: finish("The request is denied."),
      send: (values) => send("POST", `${path}/deny`, { body: noted(values), headers: once }),
    },
    approve: {
      offered: (balance) => balance !== null, title: "Approve this request", action: "Approve", done: finish("The request is approved, and the budget is credited."),
      intro: `It was asked for ${shown(request.amount, request.unit)} ${request.unit}. The credit counts in the current period and ends by itself.`,
      fields: [
        { name: "amount", label: `Amount in ${request.unit}`, type: "amount", value: amount, help: most ? `This key approves at most ${most} at once.` : undefined },
        { name: "until", label: "Ends", type: "datetime", value: wanted, optional: true, help: "In your time zone. Empty: with the period." },
        note,
      ],
      send: (values) => send("POST", `${path}/approve`, { body: { amount: values.amount.trim(), ...newEnd(values.until, wanted), ...noted(values) }, headers: once }),
    },
  };
}

const noted = ({ note }) => (note.trim() ? { note: note.trim() } : {});

const newEnd = (until, wanted) => (until === wanted ? {} : { until: until ? new Date(until).toISOString() : null });

/** A moment as a field for local times has it. */
function localTime(at) {
  if (!at) return "";
  const date = new Date(at);
  return new Date(date - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function Facts({ request, balance }) {
  const { unit, until } = request;
  const isPending = request.state === "pending";
  const when = isPending ? request.expires_at : request.created_at;
  const left = balance && (isPending ? exact(read(balance.available) + read(request.amount)) : balance.available);
  return html`<dl class="tiles">
    <${Tile} name="Asks for" unit=${unit}><${Amount} value=${request.amount} unit=${unit} /><//>
    <${Tile} name="Until" detail=${until && away(until)}>${until ? html`<${Time} at=${until} />` : "the period's end"}<//>
    <${Tile} name=${isPending ? "To be decided before" : "Asked"} detail=${away(when)}><${Time} at=${when} /><//>
    <${Tile} name=${isPending ? "Left with it" : "Left now"} unit=${left && unit} stops=${left && isNegative(left)}>${left ? html`<${Amount} value=${left} unit=${unit} />` : "–"}<//>
  </dl>`;
}

function Decision({ decision, request }) {
  const who = decision.key_name ?? decision.key_id;
  const end = decision.until ? html`, until <${Time} at=${decision.until} />` : ", until its period ends";
  return html`<section class="card"><div class="inside"><h2>Decision</h2>
    <p>${who} ${request.state} it on <${Time} at=${decision.at} />${decision.amount && html`: <strong><${Amount} value=${decision.amount} unit=${request.unit} withUnit /></strong> more${end}`}.</p>
    ${decision.note && html`<blockquote class="reason">${decision.note}</blockquote>`}
  </div></section>`;
}

function OnBudget({ request, balance }) {
  if (balance === null) return html`<div class="notice warn">Its budget was deleted, so there is nothing to credit.</div>`;
  const { unit } = balance;
  const whole = entitlement(balance);
  const resets = balance.resets_at;
  const endsEarly = request.state === "pending" && balance.period.ends_at && new Date(request.until ?? 0) > new Date(resets);
  return html`<section class="card"><div class="inside">
    <div class="head"><h2>Its budget</h2><${Status} status=${balance.status} /></div>
    <p><a href=${to(["budgets", balance.budget_id], { subject: balance.subject })}>${balance.name ?? balance.subject}</a>: <${Amount} value=${balance.spent} unit=${unit} /> of <${Amount} value=${whole} unit=${unit} withUnit /> spent, <${Amount} value=${balance.available} unit=${unit} withUnit /> left</p>
    <${Bar} balance=${balance} large />
    <ul class="legend ${balance.status}"><li><i></i>Spent</li><li><i class="held"></i>Held</li><li><i class="free"></i>Left</li></ul>
    <p>${outlook(balance, { projected: null })}</p>
    ${endsEarly && html`<p>A credit counts in one period: this budget resets on <${Time} at=${resets} />, and the credit ends then.</p>`}
  </div></section>`;
}
