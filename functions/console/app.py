"""Serve the web console's static files."""

from pathlib import Path

from spendgate_service.api.handlers.console import console_handler

handler = console_handler(Path(__file__).parent / "static")
