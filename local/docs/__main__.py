"""Write docs/api.md from the OpenAPI document."""

from local.docs.render import api_md
from local.paths import ROOT

API_MD = ROOT / "docs" / "api.md"


def main() -> None:
    """Write it."""
    API_MD.write_text(api_md(), encoding="utf-8")


if __name__ == "__main__":
    main()
