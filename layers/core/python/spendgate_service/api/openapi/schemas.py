"""Schemas of what no response declares: headers, parameters, and references."""

type Schema = dict[str, object]

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}

REF_TEMPLATE = "#/components/schemas/{model}"


def ref(name: str) -> Schema:
    """Return a reference to a schema by its name."""
    return {"$ref": REF_TEMPLATE.format(model=name)}


def word_of(*words: str) -> Schema:
    """Return the schema of one of these words."""
    return {"type": "string", "enum": list(words)}
