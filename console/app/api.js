// Calls of the API on the same origin, with the key of this tab.

import * as session from "./session.js";

const TIMEOUT_MS = 30_000;
const FIRST_PAGE = 25;
const PAGE = 100;

/** What the API or the network says about a request that failed. */
export class Problem extends Error {
  constructor(message, { status = 0, code = "", param = null, hint = null, requestId = null } = {}) {
    super(message);
    Object.assign(this, { status, code, param, hint, requestId });
  }
}

export const get = (path, query, options) => send("GET", path, { query, ...options });

/** Sends a request and returns `{body, etag, headers}`. Throws a Problem. */
export async function send(method, path, { query, body, headers = {}, signal, secret } = {}) {
  const used = secret ?? session.key();
  const response = await answered(address(path, query), {
    method,
    headers: {
      Authorization: `Bearer ${used}`,
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      ...headers,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), ...(signal ? [signal] : [])]),
    cache: "no-store",
    credentials: "omit",
    referrerPolicy: "no-referrer",
  });
  if (!response.ok) throw await problemOf(response, { mayEnd: secret === undefined });
  const isJson = (response.headers.get("Content-Type") ?? "").includes("json");
  return {
    body: isJson ? await response.json() : await response.text(),
    etag: response.headers.get("ETag"),
    headers: response.headers,
  };
}

/** Reads a list page by page, until there are `max` rows; the first page is short if it is shown early. */
export async function getAll(path, query, { max = 1000, signal, onPage } = {}) {
  const rows = [];
  let cursor;
  do {
    const limit = onPage && !cursor ? FIRST_PAGE : PAGE;
    const { body } = await get(path, { limit, ...query, cursor }, { signal });
    rows.push(...body.data);
    cursor = body.next_cursor;
    onPage?.([...rows], Boolean(cursor));
  } while (cursor && rows.length < max);
  return { rows, complete: !cursor };
}

function address(path, query) {
  const url = new URL(`v1/${path}`, document.baseURI);
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, value);
  }
  return url;
}

async function answered(url, options) {
  try {
    return await fetch(url, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    if (error.name === "TimeoutError") throw new Problem("The service did not answer within 30 seconds. Try again.");
    throw new Problem("The service cannot be reached. Check your connection, and try again.");
  }
}

async function problemOf(response, { mayEnd }) {
  const requestId = response.headers.get("X-Request-Id");
  const { error = {} } = await response.json().catch(() => ({}));
  const problem = new Problem(error.message ?? `The service answered with status ${response.status}.`, {
    status: response.status,
    code: error.code,
    param: error.param,
    hint: error.hint,
    requestId,
  });
  if (response.status === 401 && mayEnd) session.end("Your key is no longer valid. Sign in with another one.");
  return problem;
}
