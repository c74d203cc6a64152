// Prices of models and conversion rates: the tenant's own, and the built-in prices behind them.

import { html, useState } from "../../vendor/htm-preact.js";
import { get, send } from "../api.js";
import { Change, REASON, because } from "../dialog.js";
import { usePages } from "../load.js";
import { Amount, Empty, Failure, Field, Listed, Screen, Time, actionsColumn } from "../parts.js";
import { mayChange } from "../roles.js";
import { lasting } from "../words.js";

const PER_MILLION = [
  ["input_per_million", "Input"],
  ["cached_input_per_million", "Cached input"],
  ["cache_write_per_million", "Cache writes"],
  ["output_per_million", "Output"],
];

export function Prices({ me }) {
  const prices = usePages("prices", { limit: 50 });
  const rates = usePages("rates", { limit: 50 });
  const caps = usePages("token-caps", { limit: 50 });
  const [open, setOpen] = useState(null);
  const [done, setDone] = useState("");
  const admin = mayChange(me);
  const finish = (pages, sentence) => () => {
    setOpen(null);
    setDone(sentence);
    pages.reload();
  };
  const forms = { ...priceForms(open?.price, finish.bind(null, prices)), ...rateForms(open?.rate, finish.bind(null, rates)) };
  return html`<${Screen} title="Prices and rates" intro="Usage is priced with the built-in table unless the model has a price of your own."
    actions=${admin && html`<button type="button" onClick=${() => setOpen({ form: "setRate" })}>Set a rate</button>
      <button type="button" class="main-action" onClick=${() => setOpen({ form: "setPrice" })}>Set a price</button>`}>
    <div role="status">${done && html`<div class="notice good">${done}</div>`}</div>
    <${LookUp} />
    <${OwnPrices} pages=${prices} admin=${admin} setOpen=${setOpen} />
    <${Rates} pages=${rates} admin=${admin} setOpen=${setOpen} />
    <${TokenCaps} pages=${caps} />
    ${open && html`<${Change} key=${open.form} ...${forms[open.form]} onClose=${() => setOpen(null)} />`}
  <//>`;
}

function OwnPrices({ pages, admin, setOpen }) {
  return html`<${Listed} pages=${pages} caption="Your own prices" note="Per million tokens; each replaces the built-in price whole" rowKey=${(price) => `${price.provider}/${price.model}`}
    columns=${[
      { name: "Model", cell: (price) => html`${price.model}<span class="sub">${price.provider} · set <${Time} at=${price.updated_at} /></span>` },
      ...PER_MILLION.map(([field, name], place) => ({
        name, number: true, optional: place === 1 || place === 2,
        cell: (price) => (price[field] === null ? "–" : html`<${Amount} value=${price[field]} unit=${price.currency} />`),
      })),
      { name: "Currency", optional: true, cell: (price) => price.currency },
      ...(admin ? [actionsColumn((price) => html`<button type="button" class="plain" aria-label="Change the price of ${price.model}" onClick=${() => setOpen({ form: "setPrice", price })}>Change</button>
        <button type="button" class="plain" aria-label="Delete the price of ${price.model}" onClick=${() => setOpen({ form: "deletePrice", price })}>Delete</button>`)] : []),
    ]}
    empty=${html`<${Empty} title="No prices of your own">Set one for a model that you host, fine-tune or buy at a discount.<//>`} />`;
}

function Rates({ pages, admin, setOpen }) {
  return html`<${Listed} pages=${pages} caption="Conversion rates" note="For budgets in another unit than the request" rowKey=${(rate) => `${rate.from}/${rate.to}`}
    columns=${[
      { name: "Rate", cell: (rate) => html`1 ${rate.from} = ${rate.rate} ${rate.to}` },
      { name: "Set", optional: true, cell: (rate) => html`<${Time} at=${rate.updated_at} />` },
      { name: "Valid for", optional: true, cell: (rate) => (rate.max_age_seconds ? lasting(rate.max_age_seconds) : "ever") },
      { name: "State", cell: (rate) => (isTooOld(rate) ? html`<span class="status stop">Too old: not used</span>` : html`<span class="status good">In use</span>`) },
      ...(admin ? [actionsColumn((rate) => html`<button type="button" class="plain" aria-label="Change the rate from ${rate.from} to ${rate.to}" onClick=${() => setOpen({ form: "setRate", rate })}>Change</button>
        <button type="button" class="plain" aria-label="Delete the rate from ${rate.from} to ${rate.to}" onClick=${() => setOpen({ form: "deleteRate", rate })}>Delete</button>`)] : []),
    ]}
    empty=${html`<${Empty} title="No rates">Set one if a budget is in eur and your models cost usd.<//>`} />`;
}

function TokenCaps({ pages }) {
  const tokens = (name) => ({ number: true, cell: (cap) => cap[name]?.toLocaleString("en") ?? "–" });
  return html`<${Listed} pages=${pages} caption="Token caps" note="The most tokens of one request" rowKey=${(cap) => cap.subject}
    columns=${[
      { name: "Subject", cell: (cap) => cap.subject },
      { name: "Prompt", ...tokens("max_prompt_tokens") },
      { name: "Completion", ...tokens("max_completion_tokens") },
      { name: "Total", ...tokens("max_total_tokens") },
    ]}
    empty=${html`<${Empty} title="No token caps">One is set with PUT /v1/token-caps, or in a file of budgets.<//>`} />`;
}

const isTooOld = (rate) => rate.max_age_seconds && Date.now() - new Date(rate.updated_at) > rate.max_age_seconds * 1000;

/** What one model costs, whether built in or set. */
function LookUp() {
  const [wanted, setWanted] = useState("");
  const [found, setFound] = useState(null);
  const look = async (event) => {
    event.preventDefault();
    const [provider, ...model] = wanted.trim().split("/");
    try {
      setFound({ price: (await get(pricePath(provider, model.join("/")))).body });
    } catch (error) {
      setFound({ error });
    }
  };
  return html`<section class="card"><form class="inside" onSubmit=${look}>
    <h2>What does a model cost?</h2>
    <div class="filters">
      <${Field} id="model" label="Provider and model" wide>
        <input id="model" required placeholder="openai/gpt-4o" pattern="[^\\/]+\\/.+" title="provider/model" value=${wanted} onInput=${(event) => setWanted(event.target.value)} />
      <//>
      <button>Look up</button>
    </div>
    <div role="status">
      ${found?.error && html`<${Failure} error=${found.error} />`}
      ${found?.price && html`<p><strong>${found.price.provider}/${found.price.model}</strong> costs ${costs(found.price)}.
        <span class="muted">${found.price.source === "builtin" ? ` Built-in price of ${found.price.table_date}.` : " Your own price."}</span></p>`}
    </div>
  </form></section>`;
}

function costs(price) {
  const rates = PER_MILLION.filter(([field]) => price[field] !== null).map(([field, name]) => `${price[field]} for ${name.toLowerCase()}`);
  return `${rates.join(", ")} (${price.currency} per million tokens)`;
}

const pricePath = (provider, model) => `prices/${encodeURIComponent(provider)}/${model.split("/").map(encodeURIComponent).join("/")}`;

function priceForms(price, finish) {
  const rate = ([name, label], optional) => ({ name, label: `${label} per million tokens`, type: "amount", optional, value: price?.[name] ?? "" });
  const naming = price ? [] : [
    { name: "provider", label: "Provider", help: "Such as openai." },
    { name: "model", label: "Model", help: "As the provider names it." },
  ];
  const path = (values) => pricePath(price?.provider ?? values.provider.trim(), price?.model ?? values.model.trim());
  return {
    setPrice: {
      title: price ? `Change the price of ${price.model}` : "Set a price", action: "Set price", done: finish("The price is set."),
      fields: [...naming, rate(PER_MILLION[0]), rate(PER_MILLION[1], true), rate(PER_MILLION[2], true), rate(PER_MILLION[3]),
        { name: "currency", label: "Currency", value: price?.currency ?? "usd" }, REASON],
      send: (values) => send("PUT", path(values), { body: priceBody(values, price), headers: because(values) }),
    },
    deletePrice: {
      title: `Delete the price of ${price?.model}`, action: "Delete", stops: true, fields: [REASON], done: finish("The price is deleted."),
      intro: "The built-in price applies again, if there is one.",
      send: (values) => send("DELETE", path(values), { headers: because(values) }),
    },
  };
}

/** The body of a price; what the form does not show stays as it is. */
function priceBody(values, price) {
  const kept = Object.fromEntries(Object.entries(price ?? {}).filter(([name]) => KEPT.includes(name)));
  const rates = PER_MILLION.map(([name]) => [name, values[name].trim() || null]);
  return { ...kept, ...Object.fromEntries(rates.filter(([, value]) => value !== null)), currency: values.currency.trim() };
}

const KEPT = [
  "cache_write_1h_per_million", "input_audio_per_million", "cached_audio_per_million", "output_audio_per_million",
  "per_request", "per_web_search", "tiers", "service_tiers",
];

function rateForms(rate, finish) {
  const naming = rate ? [] : [
    { name: "from", label: "From unit", help: "Such as eur." },
    { name: "to", label: "To unit", value: "usd" },
  ];
  const path = (values) => `rates/${encodeURIComponent(rate?.from ?? values.from.trim())}/${encodeURIComponent(rate?.to ?? values.to.trim())}`;
  return {
    setRate: {
      title: rate ? `Change the rate from ${rate.from} to ${rate.to}` : "Set a rate", action: "Set rate", done: finish("The rate is set."),
      fields: [...naming, { name: "rate", label: "Rate", type: "amount", value: rate?.rate ?? "", help: "How many of the second unit one of the first is worth." },
        { name: "max_age_seconds", label: "Valid for, in seconds", optional: true, value: String(rate ? (rate.max_age_seconds ?? "") : 86400), help: "Empty: without limit." }, REASON],
      send: (values) => send("PUT", path(values), { body: { rate: values.rate.trim(), max_age_seconds: values.max_age_seconds.trim() ? Number(values.max_age_seconds) : null }, headers: because(values) }),
    },
    deleteRate: {
      title: `Delete the rate from ${rate?.from} to ${rate?.to}`, action: "Delete", stops: true, fields: [REASON], done: finish("The rate is deleted."),
      send: (values) => send("DELETE", path(values), { headers: because(values) }),
    },
  };
}
