// Loading data into a screen: one request, or a list page by page.

import { useCallback, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { get } from "./api.js";

/** Runs `load(signal, show)` whenever a dependency changes; `show` gives a part early. */
export function useLoad(load, dependencies) {
  const [state, setState] = useState({ loading: true });
  const [round, setRound] = useState(0);
  useEffect(() => {
    const abort = new AbortController();
    const put = (next) => abort.signal.aborted || setState(next);
    setState(({ data }) => ({ data: round ? data : undefined, loading: true }));
    load(abort.signal, (data) => put({ data, loading: true })).then(
      (data) => put({ data, loading: false }),
      (error) => put({ error, loading: false }),
    );
    return () => abort.abort();
  }, [...dependencies, round]);
  return { ...state, reload: useCallback(() => setRound((count) => count + 1), []) };
}

const EMPTY_PAGES_MAX = 20;

/** Reads the first page with rows: a page may have none and still continue. */
async function firstPage(path, query, signal) {
  let { body } = await get(path, query, { signal });
  for (let page = 0; page < EMPTY_PAGES_MAX && body.data.length === 0 && body.next_cursor; page += 1) {
    ({ body } = await get(path, { ...query, cursor: body.next_cursor }, { signal }));
  }
  return body;
}

/** Reads a list one page at a time; `more` reads the next page, if there is one. */
export function usePages(path, query) {
  const wanted = JSON.stringify([path, query]);
  const [pages, setPages] = useState({ rows: [], wanted });
  const first = useLoad((signal) => firstPage(path, query, signal), [wanted]);
  const next = useRef(null);
  useEffect(() => {
    next.current = first.data?.next_cursor ?? null;
    setPages({ rows: [], wanted });
  }, [first.data]);
  const [reading, setReading] = useState(false);
  const [error, setError] = useState(null);
  const more = async () => {
    setReading(true);
    setError(null);
    try {
      const { body } = await get(path, { ...query, cursor: next.current });
      next.current = body.next_cursor;
      setPages(({ rows }) => ({ rows: [...rows, ...body.data], wanted }));
    } catch (problem) {
      setError(problem);
    }
    setReading(false);
  };
  const rows = first.data && [...first.data.data, ...(pages.wanted === wanted ? pages.rows : [])];
  return {
    rows,
    error: first.error ?? error,
    reading,
    more: next.current && !first.loading ? more : null,
    reload: first.reload,
  };
}
