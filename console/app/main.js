// The console: sign in, then the frame with the screen of the address.

import { html, render, useEffect, useState } from "../vendor/htm-preact.js";
import { get } from "./api.js";
import { Failure, Loading } from "./parts.js";
import * as session from "./session.js";
import { Frame } from "./frame.js";
import { SignIn } from "./screens/sign-in.js";

const SIGNED_OUT = { me: null };

function Console() {
  const [state, setState] = useState(session.key() ? { starting: true } : SIGNED_OUT);
  const start = async () => {
    setState({ starting: true });
    try {
      setState({ me: (await get("me")).body });
    } catch (error) {
      if (session.key()) setState({ error });
    }
  };
  useEffect(() => {
    session.watch((reason) => setState({ me: null, reason }));
    if (session.key()) start();
  }, []);

  if (state.error) return html`<div class="door"><${Failure} error=${state.error} retry=${start} /></div>`;
  if (state.starting) return html`<${Loading} what="the console" />`;
  if (!state.me) return html`<${SignIn} reason=${state.reason} done=${(me) => setState({ me })} />`;
  return html`<${Frame} me=${state.me} />`;
}

render(html`<${Console} />`, document.getElementById("app"));
