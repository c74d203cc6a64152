// Downloads: a table as CSV, and what the API exports, page by page.

import { send } from "./api.js";

const PAGES_MAX = 200;

/** Saves rows of cells as CSV; a cell that a spreadsheet would take for a formula is quoted. */
export function saveCsv(name, rows) {
  save(name, rows.map((row) => `${row.map(cell).join(",")}\r\n`));
}

/**
 * Saves what an export of the API gives as CSV, all of its parts under the first header.
 *
 * Returns whether that is all of it: after 200 parts the file ends, and its name says so.
 */
export async function saveExport(name, path, query) {
  const parts = [];
  let cursor;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const { body, headers } = await send("GET", path, { query: cursor ? { ...query, cursor } : query });
    parts.push(cursor ? body.slice(body.indexOf("\n") + 1) : body);
    cursor = headers.get("X-Next-Cursor");
    if (!cursor) break;
  }
  save(cursor ? name.replace(/\.csv$/, "-incomplete.csv") : name, parts);
  return !cursor;
}

function cell(value) {
  const text = String(value ?? "");
  const guarded = /^[=+\-@\t\r]/.test(text) && !/^-?[\d.]+$/.test(text) ? `'${text}` : text;
  return /[",\r\n;]/.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded;
}

function save(name, parts) {
  const address = URL.createObjectURL(new Blob(parts, { type: "text/csv" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
