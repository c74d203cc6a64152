// The parts that every screen is made of.

import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { share, shown, sum } from "./amounts.js";
import { away, moment, statusWord } from "./words.js";

/** A screen with its heading, which has the focus after a navigation. */
export function Screen({ title, intro, actions, children }) {
  useEffect(() => {
    document.title = `${title} · Spendgate`;
  }, [title]);
  return html`<div class="screen">
    <header class="head">
      <div class="titles">
        <h1 tabindex="-1">${title}</h1>
        ${intro && html`<p class="intro">${intro}</p>`}
      </div>
      ${actions && html`<div class="actions">${actions}</div>`}
    </header>
    ${children}
  </div>`;
}

/** An amount for reading; its title is exact. */
export function Amount({ value, unit, withUnit }) {
  const text = shown(value, unit);
  return html`<span title="${value} ${unit}">${text}${withUnit && ` ${unit}`}</span>`;
}

/** Amounts of several units, one below the other. */
export function Amounts({ amounts }) {
  return Object.entries(amounts).map(([unit, amount]) => html`<div key=${unit}><${Amount} value=${amount} unit=${unit} withUnit /></div>`);
}

/** A number with what it says, in a list of tiles. */
export function Tile({ name, unit, detail, href, stops, children }) {
  return html`<div class="tile ${stops ? "stop" : ""}"><dt>${name}</dt><dd class="figure">${children}${unit && html` <span class="unit">${unit}</span>`}</dd>
    ${detail && html`<dd class="detail">${detail}</dd>`}${href && html`<dd class="detail"><a href=${href} aria-label="${name}: explore">Explore</a></dd>`}</div>`;
}

/** A moment in the reader's time zone, and how far away it is as its title. */
export function Time({ at }) {
  if (!at) return "–";
  return html`<time datetime=${at} title="${away(at)} (${at})">${moment(at)}</time>`;
}

export function Status({ status }) {
  const [tone, word] = statusWord(status);
  return html`<span class="status ${tone}">${word}</span>`;
}

/** What of a limit is spent and held, as a bar; the numbers stand beside it. */
export function Bar({ balance, large }) {
  const whole = entitlement(balance);
  const spent = clamp(share(balance.spent, whole));
  const held = Math.min(100 - spent, clamp(share(balance.held, whole)));
  const label = `${Math.round(share(balance.spent, whole))} % spent, ${Math.round(share(balance.held, whole))} % held`;
  return html`<div class="bar ${large ? "large" : ""} ${balance.status}" role="img" aria-label=${label} title=${label}>
    <i class="spent" style=${{ width: `${spent}%` }}></i>
    <i class="held" style=${{ width: `${held}%` }}></i>
  </div>`;
}

/** The share of a part as a bar. */
export function ShareBar({ part, whole }) {
  const percent = share(part, whole);
  return html`<div class="bar" role="img" aria-label="${Math.round(percent)} %"><i style=${{ width: `${Math.max(0, percent)}%` }}></i></div>`;
}

/** What may be spent in all: the limit, credits and what was carried over. */
export function entitlement(balance) {
  return sum([balance.limit, balance.credits, balance.carried_in]);
}

const clamp = (percent) => Math.max(0, Math.min(100, percent));

export function Loading({ what = "" }) {
  return html`<div class="loading fades" role="status"><i aria-hidden="true"></i>Loading${what && ` ${what}`}…</div>`;
}

/** What went wrong, with the request id, which the logs contain. */
export function Failure({ error, retry }) {
  return html`<div class="notice stop" role="alert">
    <div>
      <strong>${error.message}</strong>${" "}
      ${error.hint && html`<span>${error.hint}</span>`}
      ${error.requestId && html`<div class="small">Request <code>${error.requestId}</code></div>`}
    </div>
    ${retry && html`<button type="button" onClick=${retry}>Try again</button>`}
  </div>`;
}

/** Says why there is nothing, and what to do next. */
export function Empty({ title, children }) {
  return html`<div class="empty"><strong>${title}</strong><p>${children}</p></div>`;
}

/** Shows what was loaded, or that it loads, or why it did not. */
export function Loaded({ state, what, children }) {
  if (state.error && !state.data) return html`<${Failure} error=${state.error} retry=${state.reload} />`;
  if (state.data === undefined) return html`<div class="card"><${Loading} what=${what} /></div>`;
  return children(state.data);
}

/**
 * A table with a caption. A column is `{name, cell(row), number, optional, sort}`; the first one is
 * the heading of its row. On a phone the optional columns are left out.
 */
export function Table({ caption, note, columns, rows, rowKey, rowClass, empty, foot, children, sorting }) {
  const region = useRef(null);
  const scrolls = useOverflow(region, rows);
  const focusable = scrolls ? { tabindex: 0, role: "region", "aria-label": caption } : {};
  return html`<section class="card">
    <div class="scroll" ref=${region} ...${focusable}>
      <table>
        <caption>${caption}${note && html`<span class="note">${note}</span>`}</caption>
        ${rows.length > 0 && html`<thead><tr>${columns.map((column) => html`<${HeadCell} column=${column} sorting=${sorting} />`)}</tr></thead>
        <tbody>${rows.map((row) => html`<${Row} key=${rowKey(row)} row=${row} columns=${columns} kind=${rowClass?.(row)} />`)}</tbody>`}
        ${rows.length > 0 && foot && html`<tfoot>${foot}</tfoot>`}
      </table>
    </div>
    ${rows.length === 0 && empty}
    ${children}
  </section>`;
}

/** A table that shows so many rows at first, and more when asked; `expand` gives the rows of each. */
export function Long({ rows, atOnce = 50, expand = (row) => [row], children, ...table }) {
  const [count, setCount] = useState(atOnce);
  return html`<${Table} ...${table} rows=${rows.slice(0, count).flatMap(expand)}>
    ${rows.length > count && html`<div class="below"><span>The first ${count} of ${rows.length}</span>
      <button type="button" onClick=${() => setCount(count + atOnce)}>Show more</button></div>`}
    ${children}
  <//>`;
}

/** The last column of a table, with buttons that an admin sees. */
export const actionsColumn = (buttons) => ({
  name: html`<span class="unseen">Actions</span>`,
  cell: (row) => html`<div class="actions">${buttons(row)}</div>`,
});

function HeadCell({ column, sorting }) {
  const kind = cellClass(column);
  if (!sorting || !column.sort) return html`<th scope="col" class=${kind}>${column.name}</th>`;
  const isSorted = sorting.by === column.sort;
  const direction = isSorted ? (sorting.descending ? "descending" : "ascending") : undefined;
  const mark = isSorted ? (sorting.descending ? "↓" : "↑") : "";
  return html`<th scope="col" class=${kind} aria-sort=${direction}>
    <button type="button" class="sort" onClick=${() => sorting.choose(column.sort)}>${column.name}${mark && html`<span aria-hidden="true">${mark}</span>`}</button>
  </th>`;
}

function Row({ row, columns, kind }) {
  return html`<tr class=${kind}>${columns.map((column, place) =>
    place === 0
      ? html`<th scope="row" class=${cellClass(column)}>${column.cell(row)}</th>`
      : html`<td class=${cellClass(column)}>${column.cell(row)}</td>`,
  )}</tr>`;
}

const cellClass = (column) => [column.number && "number", column.optional && "opt"].filter(Boolean).join(" ") || undefined;

function useOverflow(element, dependency) {
  const [overflows, setOverflows] = useState(false);
  useEffect(() => {
    const look = () => setOverflows(element.current ? element.current.scrollWidth > element.current.clientWidth + 1 : false);
    const observer = new ResizeObserver(look);
    observer.observe(element.current);
    look();
    return () => observer.disconnect();
  }, [dependency]);
  return overflows;
}

/** What follows a list: how much of it is shown, and the next page. */
function More({ pages, what }) {
  if (!pages.rows.length || !pages.more) return null;
  return html`<div class="below">
    <span>The first ${pages.rows.length} ${what}</span>
    <button type="button" disabled=${pages.reading} onClick=${pages.more}>${pages.reading ? "Loading…" : "Show more"}</button>
  </div>`;
}

/** The table of a list that is read page by page; `loading` names it while there is no row yet. */
export function Listed({ pages, caption, what = caption.toLowerCase(), loading = what, ...table }) {
  if (pages.error && !pages.rows) return html`<${Failure} error=${pages.error} retry=${pages.reload} />`;
  if (!pages.rows) return html`<div class="card"><${Loading} what=${loading} /></div>`;
  return html`<${Table} caption=${caption} rows=${pages.rows} ...${table}><${More} pages=${pages} what=${what} /><//>`;
}

/** A label with its field. */
export function Field({ label, help, wrong, wide, children, id }) {
  return html`<div class="field ${wide ? "wide" : ""}">
    <label for=${id}>${label}</label>
    ${children}
    ${help && html`<span class="help" id="${id}-help">${help}</span>`}
    ${wrong && html`<span class="wrong" id="${id}-wrong">${wrong}</span>`}
  </div>`;
}

/** A choice among `[value, label]` pairs. */
export function Choice({ id, label, value, options, onChange }) {
  return html`<${Field} id=${id} label=${label}>
    <select id=${id} value=${value} onChange=${(event) => onChange(event.target.value)}>
      ${options.map(([option, text]) => html`<option value=${option} selected=${option === value}>${text}</option>`)}
    </select>
  <//>`;
}
