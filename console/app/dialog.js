// A dialog that asks for the fields of one change, sends it, and says what went wrong.

import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { Failure, Field } from "./parts.js";

/** A native modal dialog: the browser keeps the focus in it, and Escape closes it. */
export function Modal({ title, onClose, children }) {
  const dialog = useRef(null);
  useEffect(() => {
    const before = document.activeElement;
    dialog.current.showModal();
    return () => before?.focus?.();
  }, []);
  return html`<dialog ref=${dialog} aria-label=${title} onClose=${onClose}>${children}</dialog>`;
}

/**
 * A form for one change. A field is `{name, label, help, type, value, options, optional, when}`;
 * `send(values)` makes the change, and `done(result)` is called if it was made.
 */
export function Change({ title, intro, fields, action, stops, send, done, onClose }) {
  const [values, setValues] = useState(() => Object.fromEntries(fields.map((field) => [field.name, field.value ?? ""])));
  const [error, setError] = useState(null);
  const [sending, setSending] = useState(false);
  const visible = fields.filter((field) => !field.when || field.when(values));
  const wrongField = visible.find((field) => isAbout(error, field));

  const submit = async (event) => {
    event.preventDefault();
    setSending(true);
    setError(null);
    try {
      done(await send(values));
    } catch (problem) {
      setError(problem);
      setSending(false);
    }
  };
  const put = (name) => (event) => setValues({ ...values, [name]: event.target.value });
  return html`<${Modal} title=${title} onClose=${onClose}>
    <form onSubmit=${submit} autocomplete="off">
      <h2>${title}</h2>
      ${intro && html`<p class="muted">${intro}</p>`}
      ${error && !wrongField && html`<${Failure} error=${error} />`}
      ${visible.map((field) => html`<${Entry} key=${field.name} field=${field} value=${values[field.name]} onInput=${put(field.name)}
        wrong=${field === wrongField ? error.message : null} />`)}
      <div class="actions">
        <button type="button" onClick=${onClose}>Cancel</button>
        <button class=${stops ? "stops" : "main-action"} disabled=${sending}>${sending ? "Sending…" : action}</button>
      </div>
    </form>
  <//>`;
}

/** The field of the reason, which the change log keeps. */
export const REASON = { name: "reason", label: "Reason", help: "For the change log.", optional: true, type: "text", maxlength: 500 };

/** The header of a reason; other letters than those of Latin-1 are not allowed in a header. */
export function because(values) {
  const reason = (values.reason ?? "").trim();
  return reason ? { "Spendgate-Reason": reason.replace(/[^\x20-\x7e\xa0-\xff]/g, "?") } : {};
}

function Entry({ field, value, onInput, wrong }) {
  const id = `change-${field.name}`;
  const described = [field.help && `${id}-help`, wrong && `${id}-wrong`].filter(Boolean).join(" ");
  const shared = {
    id, value, onInput, required: !field.optional, "aria-invalid": wrong ? "true" : undefined,
    "aria-describedby": described || undefined, maxlength: field.maxlength,
  };
  const control =
    field.type === "select"
      ? html`<select ...${shared} onChange=${onInput}>${field.options.map(([option, text]) => html`<option value=${option} selected=${option === value}>${text}</option>`)}</select>`
      : html`<input ...${shared} type=${field.type === "datetime" ? "datetime-local" : "text"} inputmode=${field.type === "amount" ? "decimal" : undefined} />`;
  return html`<${Field} id=${id} label=${field.optional ? `${field.label} (optional)` : field.label} help=${field.help} wrong=${wrong}>${control}<//>`;
}

function isAbout(error, field) {
  const names = String(error?.param ?? "").split(".");
  return names.includes(field.name);
}

/** A secret that is shown once; it is gone when the dialog is closed. */
export function Secret({ name, secret, onClose }) {
  const [copied, setCopied] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(secret);
      setCopied("Copied.");
    } catch {
      setCopied("Select the secret and copy it.");
    }
  };
  return html`<${Modal} title="The secret of ${name}" onClose=${onClose}>
    <div class="inside">
      <h2>The secret of ${name}</h2>
      <p>Copy it now: it is shown this once, and cannot be read again.</p>
      <code class="secret">${secret}</code>
      <div class="actions"><span role="status" class="muted">${copied}</span>
        <button type="button" onClick=${copy}>Copy</button>
        <button type="button" class="main-action" onClick=${onClose}>Done</button></div>
    </div>
  <//>`;
}
