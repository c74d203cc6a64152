// Exact decimal amounts: the API sends strings with up to nine fractional digits.

const PLACES = 9;
const ONE = 10n ** BigInt(PLACES);

/** Reads an amount as a whole number of billionths. */
export function read(text) {
  const [, sign, whole, fraction = ""] = /^(-?)(\d+)(?:\.(\d{1,9}))?$/.exec(String(text)) ?? [];
  if (whole === undefined) return 0n;
  const billionths = BigInt(whole) * ONE + BigInt(fraction.padEnd(PLACES, "0"));
  return sign ? -billionths : billionths;
}

/** Writes billionths as the API would. */
export function exact(billionths) {
  const size = billionths < 0n ? -billionths : billionths;
  const fraction = String(size % ONE).padStart(PLACES, "0").replace(/0+$/, "");
  return `${billionths < 0n ? "-" : ""}${size / ONE}${fraction && `.${fraction}`}`;
}

/** Adds up amounts. */
export function sum(texts) {
  return exact(texts.reduce((total, text) => total + read(text), 0n));
}

/** Compares two amounts, for sorting. */
export function compare(one, other) {
  const difference = read(one) - read(other);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

export const isZero = (text) => read(text) === 0n;
export const isNegative = (text) => read(text) < 0n;

/** How large a part is of a whole, in per cent; for bars and charts, never for decisions. */
export function share(part, whole) {
  return isZero(whole) ? 0 : (Number(read(part)) / Number(read(whole))) * 100;
}

const isCurrency = (unit) => /^[a-z]{3}$/.test(unit ?? "");

/** Rounds an amount for people: cents, and four places below ten cents. */
export function shown(text, unit) {
  const value = Number(text);
  if (!Number.isFinite(value)) return String(text);
  const size = Math.abs(value);
  if (!isCurrency(unit)) return value.toLocaleString("en", { maximumFractionDigits: size < 10 ? 4 : 2 });
  if (size === 0 || size >= 0.095) return grouped(value, 2);
  return size < 0.00005 ? `${value < 0 ? "-" : ""}<0.0001` : grouped(value, 4);
}

function grouped(value, places) {
  return value.toLocaleString("en", { minimumFractionDigits: places, maximumFractionDigits: places });
}

/** Shortens an amount for the axis of a chart: 12,500 is 12.5k. */
export function compact(value) {
  return value.toLocaleString("en", { notation: "compact", maximumFractionDigits: 2 });
}
