"""How values look on the wire."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from spendgate_service.domain.amounts import Amount, amount_text
from spendgate_service.domain.subjects import CREDENTIAL_TYPES, Subject


def json_text(body: Mapping[str, object]) -> str:
    """Write a body as it is sent."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False)


def joined(text: str, more: Mapping[str, object]) -> str:
    """Return the text of a JSON object with more fields at its end."""
    return f"{text[:-1]},{json_text(more)[1:]}"


def amounts_on_wire(amounts: Mapping[str, Amount]) -> dict[str, str]:
    """Write amounts by unit as plain decimal strings."""
    return {unit: amount_text(amount) for unit, amount in amounts.items()}


def time_on_wire(moment_ms: int) -> str:
    """Write a moment by RFC 3339 in UTC, with milliseconds: `2026-03-01T00:00:00.000Z`."""
    seconds, milliseconds = divmod(moment_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}Z"


def optional_time_on_wire(moment_ms: int | None) -> str | None:
    """Write a moment as `time_on_wire` does; None stays None."""
    return None if moment_ms is None else time_on_wire(moment_ms)


def optional_amount(amount: Amount | None) -> str | None:
    """Write an amount as `amount_text` does; None stays None."""
    return None if amount is None else amount_text(amount)


def amount_in_warning(amount: Amount) -> str:
    """Write an amount of a warning: `8.50` and `10`, with two digits of a fraction at least."""
    text = amount_text(amount)
    _, point, fraction = text.partition(".")
    return text + "0" if point and len(fraction) == 1 else text


def subjects_on_wire(subjects: Iterable[Subject]) -> dict[str, str]:
    """Write the subjects that the request named: all but those of the credential."""
    return {
        subject.type: subject.id for subject in subjects if subject.type not in CREDENTIAL_TYPES
    }
