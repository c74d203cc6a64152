// The change log: who changed what, when and why.

import { html, useState } from "../../vendor/htm-preact.js";
import { usePages } from "../load.js";
import { Empty, Field, Listed, Screen, Time } from "../parts.js";
import { refine, to } from "../route.js";

export function Changes({ query }) {
  return html`<${Screen} title="Changes" intro="Every change by an admin or the operator. No entry is ever edited.">
    <${Filters} query=${query} />
    <${Log} query=${{ object: query.object, actor: query.actor }} caption="Change log" />
  <//>`;
}

function Filters({ query }) {
  const [values, setValues] = useState({ object: query.object ?? "", actor: query.actor ?? "" });
  const apply = (event) => {
    event.preventDefault();
    refine({ object: values.object.trim(), actor: values.actor.trim() });
  };
  const put = (name) => (event) => setValues({ ...values, [name]: event.target.value });
  return html`<form class="filters" onSubmit=${apply} role="search">
    <${Field} id="object" label="Object" wide><input id="object" type="search" placeholder="bud_…, price:openai/gpt-4o, tenant" value=${values.object} onInput=${put("object")} /><//>
    <${Field} id="actor" label="By" wide><input id="actor" type="search" placeholder="key_… or a person" value=${values.actor} onInput=${put("actor")} /><//>
    <button>Filter</button>
  </form>`;
}

/** A part of the change log; a budget shows its own. */
export function Log({ query, caption }) {
  const pages = usePages("changes", { limit: 20, ...query });
  return html`<${Listed} pages=${pages} caption=${caption} what="changes" rowKey=${(change) => change.id} columns=${[
      { name: "When", cell: (change) => html`<${Time} at=${change.at} />` },
      { name: "Who", cell: (change) => html`${change.actor ?? change.key_name ?? change.key_id}<span class="sub">${change.role}${change.actor ? ` · ${change.key_name ?? change.key_id}` : ""}</span>` },
      { name: "What", cell: (change) => html`${deed(change.action)} ${linked(change)}<${Fields} changes=${change.changes} />` },
      { name: "Why", optional: true, cell: (change) => change.reason ?? html`<span class="muted">no reason given</span>` },
    ]} empty=${html`<${Empty} title="No changes">${query.object || query.actor ? "Nothing matches the filter." : "The first change of a budget, price or key appears here."}<//>`} />`;
}

/** `budget.limit_changed` as words. */
function deed(action) {
  const [kind, ...words] = action.replaceAll("_", " ").split(".");
  return `${kind.charAt(0).toUpperCase()}${kind.slice(1)} ${words.join(" ")}`;
}

function linked({ object }) {
  return object.startsWith("bud_") ? html`<a href=${to(["budgets", object])}><code>${object}</code></a>` : html`<code>${object}</code>`;
}

function Fields({ changes }) {
  if (changes.every(({ from }) => !isSet(from))) {
    return html`<span class="sub">${changes.map(({ field, to: value }) => `${field.replaceAll("_", " ")}: ${text(value)}`).join(" · ")}</span>`;
  }
  return changes.map(({ field, from, to: value }) => html`<span class="sub" key=${field}>${field.replaceAll("_", " ")}: ${isSet(from) && html`<s>${text(from)}</s> → `}${text(value)}</span>`);
}

const isSet = (value) => value !== null && value !== undefined;
const text = (value) => (isSet(value) ? (typeof value === "object" ? JSON.stringify(value) : String(value)) : "none");
