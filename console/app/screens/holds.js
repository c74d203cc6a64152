// Open holds that last longer than ten minutes or were extended; an admin may release one.

import { html, useState } from "../../vendor/htm-preact.js";
import { send } from "../api.js";
import { Change, REASON, because } from "../dialog.js";
import { usePages } from "../load.js";
import { Amounts, Empty, Failure, Field, Listed, Screen, Time, actionsColumn } from "../parts.js";
import { mayChange } from "../roles.js";
import { refine } from "../route.js";
import { subjectLine } from "../words.js";

export function Holds({ me, query }) {
  const pages = usePages("reservations", { state: "held", subject: query.subject, limit: 50 });
  const [releasing, setReleasing] = useState(null);
  const [done, setDone] = useState("");
  const finish = () => {
    setReleasing(null);
    setDone("The hold is released.");
    pages.reload();
  };
  return html`<${Screen} title="Open holds" intro="Reservations that last longer than ten minutes or were extended, oldest first. Shorter ones end by themselves.">
    <div role="status">${done && html`<div class="notice good">${done}</div>`}</div>
    <div class="filters" role="search"><${Field} id="subject" label="Subject" wide>
      <input id="subject" type="search" placeholder="agent:researcher" value=${query.subject ?? ""} onChange=${(event) => refine({ subject: event.target.value.trim() })} />
    <//></div>
    ${pages.error && pages.rows && html`<${Failure} error=${pages.error} retry=${pages.reload} />`}
    <${Listed} pages=${pages} caption="Holds" rowKey=${(hold) => hold.reservation_id} columns=${columns(mayChange(me) && setReleasing)}
      empty=${html`<${Empty} title="No long holds">Every open reservation ends by itself within ten minutes.<//>`} />
    ${releasing && html`<${Change} title="Release this hold" action="Release" stops fields=${[REASON]} done=${finish} onClose=${() => setReleasing(null)}
      intro="Release it only if you are certain that nothing was spent. If unsure, let it expire."
      send=${(values) => send("POST", `reservations/${encodeURIComponent(releasing.reservation_id)}/release`, { body: {}, headers: because(values) })} />`}
  <//>`;
}

function columns(release) {
  return [
    { name: "Reservation", cell: (hold) => html`${subjectLine(hold.subjects)}<span class="sub"><code>${hold.reservation_id}</code></span>` },
    { name: "Since", optional: true, cell: (hold) => html`<${Time} at=${hold.created_at} />` },
    { name: "Expires", cell: (hold) => html`<${Time} at=${hold.expires_at} />` },
    { name: "Held", number: true, cell: (hold) => html`<${Amounts} amounts=${hold.amounts} />` },
    ...(release ? [actionsColumn((hold) => html`<button type="button" class="plain" onClick=${() => release(hold)}>Release</button>`)] : []),
  ];
}
