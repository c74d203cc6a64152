"""Write docs/api.md from the OpenAPI document, and docs/events.schema.json from the events."""

import json

from local.docs.render import api_md
from local.paths import ROOT
from spendgate_service.events import schema

API_MD = ROOT / "docs" / "api.md"
EVENTS_SCHEMA = ROOT / "docs" / "events.schema.json"


def events_schema() -> str:
    """The schema of the events as a file."""
    return json.dumps(schema.document(), indent=2) + "\n"


def main() -> None:
    """Write them."""
    API_MD.write_text(api_md(), encoding="utf-8")
    EVENTS_SCHEMA.write_text(events_schema(), encoding="utf-8")


if __name__ == "__main__":
    main()
