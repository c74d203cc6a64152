"""Writes docs/api.md from the OpenAPI document, and docs/events.schema.json from the events."""

import json

from local.paths import ROOT
from spendgate_service.events import schema
from tools.api_md import api_md

API_MD = ROOT / "docs" / "api.md"
EVENTS_SCHEMA = ROOT / "docs" / "events.schema.json"


def events_schema() -> str:
    """Return the JSON schema of the events as text."""
    return json.dumps(schema.document(), indent=2) + "\n"


def main() -> None:
    """Write both files."""
    API_MD.write_text(api_md(), encoding="utf-8")
    EVENTS_SCHEMA.write_text(events_schema(), encoding="utf-8")


if __name__ == "__main__":
    main()
