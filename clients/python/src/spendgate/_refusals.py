"""Errors of the service as responses that a provider's SDK understands and does not retry."""

from __future__ import annotations

import json
from typing import Any

from spendgate._calls import Kind
from spendgate.errors import APIStatusError, BudgetPaused, SpendgateError, Unavailable

ERROR_EXTENSION = "spendgate_error"
"""Under this name a response that stands for an error carries the error."""

_STATUS_UNAVAILABLE = 503
_STATUS_CONFIGURATION = 400


def refusal_response(error: SpendgateError, kind: Kind) -> tuple[int, dict[str, str], bytes]:
    """The status, headers and body of the response that stands for an error.

    A refusal keeps its status and its body; a pause becomes a 429 (SDKs retry a 409). Anthropic
    names the type beside the error.
    """
    status, body = status_and_error(error)
    headers = {"content-type": "application/json", **refusal_headers(error)}
    if kind == "messages":
        shown: dict[str, Any] = {"type": "error", "error": body}
    else:
        shown = {"error": body}
    return status, headers, json.dumps(shown).encode()


def refusal_headers(error: SpendgateError) -> dict[str, str]:
    """The headers that keep an SDK from retrying, and those of the service that help a caller."""
    headers = {"x-should-retry": "false"}
    if isinstance(error, APIStatusError):
        for name in ("retry-after", "x-request-id"):
            if name in error.headers:
                headers[name] = error.headers[name]
    return headers


def status_and_error(error: SpendgateError) -> tuple[int, dict[str, Any]]:
    """The status and the error object that stand for one of our errors."""
    if isinstance(error, Unavailable):
        body = {"code": "spendgate_unavailable", "type": "api_error", "param": None}
        return _STATUS_UNAVAILABLE, {**body, "message": f"Spendgate is unavailable: {error}"}
    if isinstance(error, APIStatusError):
        status = 429 if isinstance(error, BudgetPaused) else error.status_code
        body = {"code": None, "type": None, "param": None}
        return status, {**body, **error.error, "message": f"Spendgate: {error.message}"}
    body = {"code": "spendgate_configuration", "type": "invalid_request_error", "param": None}
    return _STATUS_CONFIGURATION, {**body, "message": f"Spendgate: {error}"}
