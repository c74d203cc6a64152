"""The web console: static files that call the API with the key that a person enters.

It has no routes of the API and reads no table.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spendgate_service.api.static_files import StaticFiles
from spendgate_service.observability import correlation_paths, logger


def console_handler(folder: Path) -> Any:
    """Make the handler of a function that serves the files of a folder."""
    files = StaticFiles(folder)

    @logger.inject_lambda_context(
        clear_state=True, correlation_id_path=correlation_paths.API_GATEWAY_HTTP
    )
    def handler(event: Mapping[str, Any], _context: Any) -> dict[str, object]:
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        path = (event.get("pathParameters") or {}).get("path", "")
        return files.respond(path, headers)

    return handler
