// The filters of a view as one text, in addresses and in the field "Only": `agent=a, model=m`.

const SEPARATOR = /,(?=[^,=]*=)/;
const TAKES_A_MEANING = /[%,]|^\s|\s$/g;

/** Writes pairs of a name and a value; of a value what would separate pairs is percent-encoded. */
export function textOf(filters) {
  return filters.map(([name, value]) => `${name}=${value.replace(TAKES_A_MEANING, encodeURIComponent)}`).join(", ");
}

/** Reads pairs of a name and a value; a comma belongs to the value if no `=` follows it. */
export function filtersIn(text = "") {
  return text.split(SEPARATOR).map((pair) => pair.trim()).filter((pair) => pair.includes("=")).map((pair) => {
    const [name, ...value] = pair.split("=");
    return [name.trim(), decoded(value.join("=").trim())];
  });
}

/** Reads a value; one with a percent sign that encodes nothing, as typed, is itself. */
function decoded(value) {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
