"""What schemathesis has to know beyond the OpenAPI document."""

import json
import os
import zlib
from typing import Any

import schemathesis
from schemathesis.generation.meta import CoveragePhaseData
from schemathesis.openapi.checks import RejectedPositiveData

_IDS: dict[str, list[str]] = json.loads(os.environ["SPENDGATE_IDS"])
"""Ids that lead somewhere, by the beginning of their path: no schema can name them."""

_KEYS_IN_USE = frozenset(json.loads(os.environ["SPENDGATE_KEY_IDS"]))

_INVALID_ONE_IN = int(os.environ["SPENDGATE_INVALID_ONE_IN"])
"""Of so many requests just outside a boundary of the schema, one is sent."""

BEYOND_A_SCHEMA = (
    # One value depends on another, or on what the table holds.
    "is a part of ",
    "are parts of ",
    "a period of unit ",
    "send input_tokens, or provider_usage",
    "is more than amounts has of it",
    "min_output_tokens is more than max_output_tokens",
    "a minimum goes with amounts or with usage",
    "two tiers have the same above_input_tokens",
    "two of the fallback models are the same",
    "there is no soft_limit to pause at",
    "is above the limit of",
    "this period never resets, so nothing carries over",
    "it limits what was not used",
    "is not your organization",
    "needs no rate to itself",
    "this budget is a default; name the",
    "this budget counts",
    "send a moment after from",
    "budgets already, which is as many as a subject may have",
    "tokens are over the cap of",
    "is older than it may be; set it anew",
    "a hold lasts at most",
    "balances can be sorted; leave it out",
    "no price is known for",
    "is more than can be counted in",
    "what is spent or held cannot be taken",
    "this moment is in the past",
    "are to be taken from credits that expire then",
    "different ends",
    "has a balance for each id",
    "opening_spent is what another period starts with",
    "are still in their grace",
    "send an https URL with a host name",
    "notifications already, which is as many as it may have",
    "goes to a chat, which has no secret",
    "is not bound to subjects",  # only a caller's key is
    "approves nothing; leave max_amount out",
    "so there is nothing to increase",
    "send a moment at least",
    "pending increase requests; ",
    # One value follows a rule that a pattern cannot say.
    "query.cursor: ",
    "an amount has at most",
    "metadata has at most",
    "metadata holds a number that is out of range",
    "time zone",
    "a window has at most",
    "send a date such as",
    "<name>, separated by commas",
    "send a moment on a quarter of an hour",
    # A text that no sender can mean: it is refused before any schema.
    "is not valid UTF-8",
    "half a surrogate pair",
    "nested more than",
)
"""The only refusals of a request that fits its schema."""


@schemathesis.hook
def filter_failure(_context: Any, failure: Any, _case: Any, response: Any) -> bool:
    """Keep a failure, unless it is a well-formed request refused for a rule beyond its schema."""
    if not isinstance(failure, RejectedPositiveData) or response.status_code not in {400, 422}:
        return True
    message = response.json()["error"]["message"]
    if "header.if-match: " in message and not response.request.headers.get("If-Match"):
        return False  # it sends an empty header, which does not match the pattern
    return not any(rule in message for rule in BEYOND_A_SCHEMA)


@schemathesis.hook
def filter_case(_context: Any, case: Any) -> bool:
    """Leave out some of the requests just outside a boundary, and never one that is well-formed.

    Which are sent, their names decide: the same in every run.
    """
    tried = case.meta.phase.data if case.meta else None
    if not isinstance(tried, CoveragePhaseData) or case.meta.generation.mode.is_positive:
        return True
    name = f"{case.method} {case.path} {tried.location} {tried.parameter} {tried.description}"
    return zlib.crc32(name.encode()) % _INVALID_ONE_IN == 0


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """Lead every other well-formed request to something that is there, and none to a key in use.

    A key in use that is revoked would leave nothing but 401 to see.
    """
    parameters = case.path_parameters or {}
    given = str(parameters.get("id", ""))
    if case.path == "/v1/keys/{id}" and given in _KEYS_IN_USE:
        parameters["id"] = f"{given[:-1]}-"
    known = _IDS.get(case.path.split("/")[2])
    is_positive = case.meta is not None and case.meta.generation.mode.is_positive
    if known and "id" in parameters and given not in known and is_positive and len(given) % 2:
        parameters["id"] = known[len(given) // 2 % len(known)]
