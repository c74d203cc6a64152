// The frame: the menu, who is signed in, and the screen of the address.

import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { Empty, Screen } from "./parts.js";
import { to, useRoute } from "./route.js";
import { screensOf } from "./screens.js";
import * as session from "./session.js";

export function Frame({ me }) {
  const { segments, query } = useRoute();
  const screens = screensOf(me);
  const [path = screens[0].path, id] = segments;
  const screen = screens.find((candidate) => candidate.path === path);
  const place = [path, id, query.subject].join("/");
  const [open, setOpen] = useState(false);
  const main = useRef(null);
  const isFirst = useRef(true);
  useEffect(() => {
    setOpen(false);
    if (!isFirst.current) {
      scrollTo(0, 0);
      main.current.querySelector("h1")?.focus({ preventScroll: true });
    }
    isFirst.current = false;
  }, [place]);

  const View = id && screen?.one ? screen.one : screen?.view;
  return html`<div class="frame">
    <header class="side ${open ? "open" : ""}">
      <div class="brand"><img src=${new URL("../icon.svg", import.meta.url)} alt="" />Spendgate</div>
      <button type="button" class="menu-button" aria-expanded=${open} aria-controls="menu" onClick=${() => setOpen(!open)}>Menu</button>
      <${Menu} screens=${screens} path=${path} />
      <div class="who">
        <div><strong>${me.tenant_id}</strong>${me.key?.name ?? me.key?.key_id} · ${me.role}</div>
        <button type="button" onClick=${() => session.end()}>Sign out</button>
      </div>
    </header>
    <main class="main" ref=${main}>
      ${View ? html`<${View} key=${place} me=${me} id=${id} query=${query} />` : html`<${Missing} />`}
    </main>
  </div>`;
}

function Menu({ screens, path }) {
  const groups = [...new Set(screens.map((screen) => screen.group))];
  return html`<nav class="menu" id="menu" aria-label="Screens">
    ${groups.map((group) => html`<div key=${group}>
      <h2>${group}</h2>
      <ul>${screens.filter((screen) => screen.group === group).map((screen) => html`<li key=${screen.path}>
        <a href=${to(screen.path)} aria-current=${screen.path === path ? "page" : undefined}>${screen.title}</a>
      </li>`)}</ul>
    </div>`)}
  </nav>`;
}

function Missing() {
  return html`<${Screen} title="Not found">
    <div class="card"><${Empty} title="There is no such screen">Choose one from the menu.<//></div>
  <//>`;
}
