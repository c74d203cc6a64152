// Increase requests: what callers ask for, by state.

import { html } from "../../vendor/htm-preact.js";
import { usePages } from "../load.js";
import { Amount, Choice, Empty, Failure, Listed, Screen, Status, Time } from "../parts.js";
import { mayDecide } from "../roles.js";
import { refine, to } from "../route.js";

const STATES = [["pending", "Waiting"], ["approved", "Approved"], ["denied", "Denied"], ["expired", "Expired"], ["all", "All"]];

const NONE = {
  pending: ["No request waits", "A caller whose budget is spent asks for more with POST /v1/increase-requests. Its request appears here."],
  other: ["No such request", "Choose another state to see the others."],
};

export function Requests({ me, query }) {
  const state = query.state ?? "pending";
  const pages = usePages("increase-requests", { state: state === "all" ? undefined : state, limit: 50 });
  const [title, advice] = NONE[state] ?? NONE.other;
  const intro = mayDecide(me) ? "Callers ask for more on a budget. What you approve is a credit that ends by itself." : "Callers ask for more on a budget; admins and approvers decide.";
  return html`<${Screen} title="Requests" intro=${intro}>
    <div class="filters" role="search"><${Choice} id="state" label="State" value=${state} options=${STATES} onChange=${(value) => refine({ state: value })} /></div>
    ${pages.error && pages.rows && html`<${Failure} error=${pages.error} retry=${pages.reload} />`}
    <${Listed} pages=${pages} caption="Requests" rowKey=${(request) => request.id} columns=${COLUMNS} empty=${html`<${Empty} title=${title}>${advice}<//>`} />
  <//>`;
}

const COLUMNS = [
  { name: "Who and why", cell: (request) => html`<a href=${to(["requests", request.id])}>${request.subject}</a><span class="sub reason">${request.reason}</span>` },
  { name: "Asks for", number: true, cell: (request) => html`<${Amount} value=${request.amount} unit=${request.unit} withUnit />` },
  { name: "Until", optional: true, cell: (request) => (request.until ? html`<${Time} at=${request.until} />` : "the period's end") },
  { name: "Asked", optional: true, cell: (request) => html`<${Time} at=${request.created_at} /><span class="sub">${request.key_name ?? request.key_id}</span>` },
  { name: "State", cell: (request) => html`<${Status} status=${request.state} />` },
];
