// Hash routing: #/budgets/bud_1?subject=agent:a. The key is never part of an address.

import { useEffect, useState } from "../vendor/htm-preact.js";

/** Reads the address: its segments, and its parameters as an object. */
function current() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return {
    segments: path.split("/").filter(Boolean).map(decodeURIComponent),
    query: Object.fromEntries(new URLSearchParams(query)),
  };
}

/** Writes an address for a link. */
export function to(segments, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const path = [segments].flat().map(encodeURIComponent).join("/");
  const text = new URLSearchParams(given).toString();
  return `#/${path}${text && `?${text}`}`;
}

/** Changes parameters of the current address without a new entry in the history. */
export function refine(changes) {
  const { segments, query } = current();
  history.replaceState(null, "", to(segments, { ...query, ...changes }));
  dispatchEvent(new HashChangeEvent("hashchange"));
}

export function useRoute() {
  const [route, setRoute] = useState(current);
  useEffect(() => {
    const update = () => setRoute(current());
    addEventListener("hashchange", update);
    return () => removeEventListener("hashchange", update);
  }, []);
  return route;
}
