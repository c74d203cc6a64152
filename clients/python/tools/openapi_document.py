"""Print the OpenAPI document of the service; run by the service's Python."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "layers/core/python"))

from spendgate_service.api.openapi.document import document

if __name__ == "__main__":
    json.dump(document(), sys.stdout)
