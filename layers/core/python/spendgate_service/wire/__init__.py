"""What callers read: a TypedDict and its builder for each response and each event.

A field is declared once, with its type and description (`fields.Doc`). The type checker holds the
builder to it; `json_schema` derives the OpenAPI document and the schema of the events from it.
"""
