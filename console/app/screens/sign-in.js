// Sign in with an API key of a role that may read.

import { html, useEffect, useRef, useState } from "../../vendor/htm-preact.js";
import { Problem, get } from "../api.js";
import { Failure, Field } from "../parts.js";
import { ROLES } from "../roles.js";
import * as session from "../session.js";

export function SignIn({ reason, done }) {
  const [secret, setSecret] = useState("");
  const [error, setError] = useState(null);
  const [sending, setSending] = useState(false);
  const field = useRef(null);
  useEffect(() => {
    document.title = "Sign in · Spendgate";
    field.current.focus();
  }, []);

  const submit = async (event) => {
    event.preventDefault();
    setSending(true);
    setError(null);
    try {
      const me = (await get("me", {}, { secret: secret.trim() })).body;
      if (!ROLES.includes(me.role)) throw new Problem(roleSentence(me.role));
      session.begin(secret.trim());
      done(me);
    } catch (problem) {
      setError(problem);
      setSending(false);
    }
  };
  return html`<main class="door">
    <div class="brand"><img src=${new URL("../../icon.svg", import.meta.url)} alt="" />Spendgate</div>
    ${reason && html`<div class="notice warn" role="status">${reason}</div>`}
    <div class="card"><form class="inside" onSubmit=${submit} autocomplete="off">
      <h1>Sign in</h1>
      <p class="muted">Budgets, spending and requests of your organization.</p>
      <${Field} id="key" label="API key" help="Kept in this tab only, until you sign out or are idle for 30 minutes.">
        <input id="key" ref=${field} type="password" required spellcheck=${false} autocomplete="off" aria-describedby="key-help"
          value=${secret} onInput=${(event) => setSecret(event.target.value)} />
      <//>
      ${error && html`<${Failure} error=${error} />`}
      <button class="main-action" disabled=${sending}>${sending ? "Signing in…" : "Sign in"}</button>
    </form></div>
    <p class="small muted">An admin of your organization issues keys. A key of the role reader sees everything and changes nothing; one of the role approver decides requests.</p>
  </main>`;
}

function roleSentence(role) {
  return role === "operator"
    ? "This is an operator's key. The console shows one organization: sign in with a key of its admin, an approver or a reader."
    : `A key of the role ${role} cannot use the console. Ask an admin for a key of the role reader.`;
}
