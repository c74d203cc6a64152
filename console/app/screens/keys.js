// API keys: create, rotate, revoke. A secret is shown once.

import { html, useState } from "../../vendor/htm-preact.js";
import { send } from "../api.js";
import { Change, REASON, Secret, because } from "../dialog.js";
import { usePages } from "../load.js";
import { Empty, Failure, Listed, Screen, Time, actionsColumn } from "../parts.js";
import { mayChange } from "../roles.js";
import { subjectLine } from "../words.js";

const ROLE_CHOICES = [
  ["caller", "Caller: reserves and settles"],
  ["approver", "Approver: decides requests for more"],
  ["reader", "Reader: sees everything, changes nothing"],
  ["admin", "Admin: may change everything"],
];

const NEW_KEY = [
  { name: "name", label: "Name", maxlength: 100, help: "Who or what uses it, such as “research agents”." },
  { name: "role", label: "Role", type: "select", value: "caller", options: ROLE_CHOICES },
  { name: "subjects", label: "Subjects", optional: true, help: "Part of every request, such as user:ada, app:chat.", when: (values) => values.role === "caller" },
  { name: "max_amount", label: "Approves at most", type: "amount", optional: true, help: "At once, in the unit of the budget. Empty: any amount.", when: (values) => values.role === "approver" },
  { name: "expires_at", label: "Expires", type: "datetime", optional: true, help: "In your time zone. Empty: never." },
  REASON,
];

const ROTATION = [
  { name: "grace_seconds", label: "Old secret stays valid for", type: "select", value: "3600", options: [["0", "No time"], ["3600", "An hour"], ["86400", "A day"]] },
  REASON,
];

export function Keys({ me }) {
  const pages = usePages("keys", { limit: 50 });
  const [open, setOpen] = useState(null);
  const [issued, setIssued] = useState(null);
  const admin = mayChange(me);
  const close = () => setOpen(null);
  const finish = ({ body }) => {
    close();
    if (body.secret) setIssued(body);
    pages.reload();
  };
  return html`<${Screen} title="API keys" intro="Each key belongs to one agent, service or person. Its role says what it may do."
    actions=${admin && html`<button type="button" class="main-action" onClick=${() => setOpen({ form: "create" })}>New key</button>`}>
    ${pages.error && pages.rows && html`<${Failure} error=${pages.error} retry=${pages.reload} />`}
    <${Listed} pages=${pages} caption="Keys" rowKey=${(key) => key.key_id} columns=${columns(me, admin, setOpen)}
      empty=${html`<${Empty} title="No keys">Create one for each agent or service.<//>`} />
    ${open && html`<${Change} ...${forms(open.key)[open.form]} done=${finish} onClose=${close} />`}
    ${issued && html`<${Secret} name=${issued.name ?? issued.key_id} secret=${issued.secret} onClose=${() => setIssued(null)} />`}
  <//>`;
}

function columns(me, admin, setOpen) {
  return [
    { name: "Name", cell: (key) => html`${key.name ?? key.key_id}${key.key_id === me.key?.key_id && " (yours)"}<span class="sub"><code>${key.key_id}</code></span>` },
    { name: "Role", cell: (key) => html`${key.role}${key.max_amount && html`<span class="sub">up to ${key.max_amount} at once</span>`}` },
    { name: "Subjects", optional: true, cell: (key) => subjectLine(key.subjects ?? {}) || "–" },
    { name: "Created", optional: true, cell: (key) => html`<${Time} at=${key.created_at} />` },
    { name: "Expires", optional: true, cell: (key) => (key.expires_at ? html`<${Time} at=${key.expires_at} />` : "never") },
    ...(admin ? [actionsColumn((key) => html`<button type="button" class="plain" aria-label="Rotate ${key.name ?? key.key_id}" onClick=${() => setOpen({ form: "rotate", key })}>Rotate</button>
      ${key.key_id !== me.key?.key_id && html`<button type="button" class="plain" aria-label="Revoke ${key.name ?? key.key_id}" onClick=${() => setOpen({ form: "revoke", key })}>Revoke</button>`}`)] : []),
  ];
}

function forms(key) {
  const name = key?.name ?? key?.key_id;
  const path = `keys/${encodeURIComponent(key?.key_id ?? "")}`;
  return {
    create: {
      title: "New key", action: "Create key", fields: NEW_KEY,
      send: (values) => send("POST", "keys", { body: newKey(values), headers: because(values) }),
    },
    rotate: {
      title: `Rotate ${name}`, action: "Issue a new secret", fields: ROTATION,
      intro: "The key gets a new secret; its id and its budgets stay.",
      send: (values) => send("POST", `${path}/rotate`, { body: { grace_seconds: Number(values.grace_seconds) }, headers: because(values) }),
    },
    revoke: {
      title: `Revoke ${name}`, action: "Revoke", stops: true, fields: [REASON],
      intro: "Requests with this key are refused within a minute. This cannot be undone.",
      send: (values) => send("DELETE", path, { headers: because(values) }),
    },
  };
}

function newKey({ name, role, subjects, max_amount: most, expires_at: expires }) {
  const pairs = subjects.split(",").map((pair) => pair.trim()).filter(Boolean).map((pair) => {
    const [type, ...id] = pair.split(":");
    return [type.trim(), id.join(":").trim()];
  });
  return {
    name: name.trim(),
    role,
    ...(role === "caller" && pairs.length ? { subjects: Object.fromEntries(pairs) } : {}),
    ...(role === "approver" && most.trim() ? { max_amount: most.trim() } : {}),
    ...(expires ? { expires_at: new Date(expires).toISOString() } : {}),
  };
}
