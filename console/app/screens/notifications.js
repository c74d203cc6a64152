// Notifications: chats and webhooks that get messages about events; create, change, test, rotate, delete.

import { html, useState } from "../../vendor/htm-preact.js";
import { get, send } from "../api.js";
import { Change, REASON, Secret, because } from "../dialog.js";
import { useLoad } from "../load.js";
import { Empty, Failure, Loaded, Screen, Table, Time, actionsColumn } from "../parts.js";
import { mayChange } from "../roles.js";

const FORMATS = [
  ["slack", "Slack: an incoming webhook"],
  ["teams", "Teams: a Workflows webhook"],
  ["webhook", "Webhook: signed events for a program"],
];

const EVENTS = [
  ["budgets", "What runs out: thresholds, exhausted and paused budgets"],
  ["requests", "Requests for more, and what became of them"],
  ["all", "Everything"],
];

const TYPES = {
  budgets: ["budget.threshold_reached", "budget.exhausted", "budget.paused", "budget.resumed"],
  requests: ["request.opened", "request.approved", "request.denied", "request.expired"],
};
TYPES.all = [
  ...TYPES.budgets, "budget.period_closed", "budget.changed", "reservation.expired",
  "reservation.overrun", ...TYPES.requests,
];

const URL_FIELD = { name: "url", label: "URL", maxlength: 2000, help: "https, by a host name. It is never shown again." };
const PREFIX = { name: "subject_prefix", label: "Only subjects that begin with", optional: true, maxlength: 256, help: "Such as agent: or team:search. Empty: all." };

const NEW = [
  { name: "format", label: "Send to", type: "select", value: "slack", options: FORMATS },
  URL_FIELD,
  { name: "events", label: "About", type: "select", value: "budgets", options: EVENTS },
  PREFIX,
  REASON,
];

export function Notifications({ me }) {
  const state = useLoad(async (signal) => (await get("notifications", {}, { signal })).body, []);
  const [open, setOpen] = useState(null);
  const [issued, setIssued] = useState(null);
  const [said, setSaid] = useState("");
  const admin = mayChange(me);
  const close = () => setOpen(null);
  const finish = ({ body }) => {
    close();
    setSaid(open.form === "test" ? "A test message is on its way. Its result is in the last column in a moment." : "");
    if (body.secret) setIssued(body);
    state.reload();
  };
  return html`<${Screen} title="Notifications" intro="Messages about budgets and requests, in a chat or to a program of yours."
    actions=${admin && html`<button type="button" class="main-action" onClick=${() => setOpen({ form: "create" })}>New notification</button>`}>
    ${state.error && state.data && html`<${Failure} error=${state.error} retry=${state.reload} />`}
    ${said && html`<div class="notice" role="status"><span>${said}</span><button type="button" onClick=${state.reload}>Show the result</button></div>`}
    <${Loaded} state=${state} what="notifications">${(page) => html`<${Table} caption="Notifications" rows=${page.data} rowKey=${(target) => target.id}
      columns=${columns(admin, setOpen)} empty=${html`<${Empty} title="No notifications">Create one to hear of a budget before it runs out.<//>`} />`}<//>
    ${open && html`<${Change} ...${forms(open.target)[open.form]} done=${finish} onClose=${close} />`}
    ${issued && html`<${Secret} name=${issued.host} secret=${issued.secret} onClose=${() => setIssued(null)} />`}
  <//>`;
}

function columns(admin, setOpen) {
  const button = (form, word, target) => html`<button type="button" class="plain" aria-label="${word} ${nameOf(target)}" onClick=${() => setOpen({ form, target })}>${word}</button>`;
  return [
    { name: "Receiver", cell: (target) => html`${target.host}<span class="sub">${formatWord(target)}${target.url_last4 && `, URL ends in ${target.url_last4}`}</span>` },
    { name: "About", optional: true, cell: (target) => html`${about(target.event_types)}${target.subject_prefix && html`<span class="sub">${target.subject_prefix}…</span>`}` },
    { name: "Last message", cell: (target) => html`<${Delivery} delivery=${target.last_delivery} />` },
    ...(admin ? [actionsColumn((target) => html`${button("test", "Test", target)}${button("change", "Change", target)}
      ${target.format === "webhook" && button("rotate", "Rotate", target)}${button("remove", "Delete", target)}`)] : []),
  ];
}

const nameOf = (target) => `${target.host}${target.url_last4 ? ` …${target.url_last4}` : ""}`;

const formatWord = ({ format }) => FORMATS.find(([name]) => name === format)?.[1].split(":")[0] ?? format;

/** The choice that has exactly these types, or the types themselves. */
function choiceOf(types) {
  return Object.keys(TYPES).find((name) => TYPES[name].length === types.length && TYPES[name].every((type) => types.includes(type)));
}

function about(types) {
  const choice = choiceOf(types);
  return choice ? EVENTS.find(([name]) => name === choice)[1].split(":")[0] : types.join(", ");
}

function Delivery({ delivery }) {
  if (delivery.state === "none") return "None yet";
  if (delivery.state === "delivered") return html`<span class="status good">Delivered</span><span class="sub"><${Time} at=${delivery.at} /></span>`;
  return html`<span class="status stop">Failing</span><span class="sub">${delivery.reason}</span>`;
}

function forms(target) {
  const name = target && nameOf(target);
  const path = `notifications/${encodeURIComponent(target?.id ?? "")}`;
  return {
    create: {
      title: "New notification", action: "Create notification", fields: NEW,
      send: (values) => send("POST", "notifications", { body: newTarget(values), headers: because(values) }),
    },
    test: {
      title: `Test ${name}`, action: "Send a test", fields: [REASON],
      intro: "A test message goes the way every message goes.",
      send: (values) => send("POST", `${path}/test`, { headers: because(values) }),
    },
    change: {
      title: `Change ${name}`, action: "Change",
      fields: [
        { ...URL_FIELD, optional: true, help: "Empty: it stays as it is." },
        { name: "events", label: "About", type: "select", value: (target && choiceOf(target.event_types)) ?? "", options: target && !choiceOf(target.event_types) ? [["", "As it is"], ...EVENTS] : EVENTS, optional: true },
        { ...PREFIX, value: target?.subject_prefix ?? "" },
        REASON,
      ],
      send: (values) => send("PATCH", path, { body: changes(values), headers: because(values) }),
    },
    rotate: {
      title: `Rotate the secret of ${name}`, action: "Issue a new secret", fields: [REASON],
      intro: "The secret before it signs as well for 24 hours.",
      send: (values) => send("POST", `${path}/rotate`, { headers: because(values) }),
    },
    remove: {
      title: `Delete ${name}`, action: "Delete", stops: true, fields: [REASON],
      intro: "Messages that wait for it are dropped. This cannot be undone.",
      send: (values) => send("DELETE", path, { headers: because(values) }),
    },
  };
}

function newTarget({ format, url, events, subject_prefix: prefix }) {
  return { format, url: url.trim(), event_types: TYPES[events], subject_prefix: prefix.trim() || null };
}

function changes({ url, events, subject_prefix: prefix }) {
  return {
    subject_prefix: prefix.trim() || null,
    ...(url.trim() ? { url: url.trim() } : {}),
    ...(events ? { event_types: TYPES[events] } : {}),
  };
}
