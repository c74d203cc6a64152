"""The settings of a client, from arguments and the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import httpx2

from spendgate._subjects import named
from spendgate.errors import ConfigurationError

if TYPE_CHECKING:
    from spendgate._leases.tenures import LeaseTerms
    from spendgate._local_cap import LocalCap
    from spendgate.estimators import Estimator

Settlement = Literal["inline", "background", "sqs"]

DEFAULT_TIMEOUT_SECONDS = 10.0
DEFAULT_MAX_RETRIES = 2
DEFAULT_TTL_SECONDS = 300
_PORT_MAX = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a client was configured with."""

    url: str
    api_key: str = field(repr=False)
    timeout: float
    max_retries: int
    subjects: Mapping[str, str]
    ttl_seconds: int
    heartbeat: bool
    estimator: Estimator
    on_unavailable: LocalCap | None
    settlement: Settlement
    journal: Path | None
    queue_url: str | None
    lease: LeaseTerms | None
    """How calls are leased behind wrap and reserve; None: each is reserved."""
    authorship: Mapping[str, str]
    """Headers that the change log keeps: for whom, and why."""

    @property
    def tenant_id(self) -> str:
        """The tenant, which the key names: `sg.<tenant>.<key id>.<secret>`."""
        parts = self.api_key.split(".")
        if len(parts) != 4:
            raise ConfigurationError(
                "the API key names no tenant, so no SQS message can be written"
            )
        return parts[1]


def in_lambda() -> bool:
    """Whether this process runs in AWS Lambda, which freezes threads between invocations."""
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ


def resolve(
    *,
    url: str | None,
    api_key: str | None,
    subjects: Mapping[str, object] | None,
    timeout: float,
    max_retries: int,
    ttl_seconds: int,
    heartbeat: bool,
    estimator: Estimator | None,
    on_unavailable: LocalCap | None,
    settlement: Settlement,
    journal: str | Path | None,
    queue_url: str | None,
    lease: LeaseTerms | bool,
    actor: str | None,
    reason: str | None,
) -> Settings:
    """Check the arguments; raises ConfigurationError that says what is missing."""
    _check_settlement(settlement, journal=journal, queue_url=queue_url)
    return Settings(
        url=_url(url or os.environ.get("SPENDGATE_URL")),
        api_key=_api_key(api_key or os.environ.get("SPENDGATE_API_KEY")),
        timeout=timeout,
        max_retries=max_retries,
        subjects=named(subjects or {}),
        ttl_seconds=ttl_seconds,
        heartbeat=heartbeat,
        estimator=estimator or _default_estimator(),
        on_unavailable=on_unavailable,
        settlement=settlement,
        journal=Path(journal) if journal is not None else None,
        queue_url=queue_url,
        lease=_lease_terms(lease),
        authorship=_authorship(actor, reason),
    )


def _url(given: str | None) -> str:
    url = (given or "").strip()
    if not url:
        raise ConfigurationError("the URL is missing: pass url= or set SPENDGATE_URL")
    if not url.startswith(("http://", "https://")):
        shown = "an API key" if url.startswith("sg.") else repr(url)
        raise ConfigurationError(f"the URL must start with https:// or http://, got {shown}")
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise ConfigurationError(f"the URL {url!r} cannot be read: {error}") from None
    if not parsed.host:
        raise ConfigurationError(f"the URL {url!r} names no host")
    if (parsed.port or 0) > _PORT_MAX:
        raise ConfigurationError(f"the URL {url!r} has a port above {_PORT_MAX}")
    return url.rstrip("/").removesuffix("/v1")


def _api_key(given: str | None) -> str:
    """Return the key without surrounding whitespace; an error never shows it."""
    api_key = (given or "").strip()
    if not api_key:
        raise ConfigurationError("the API key is missing: pass api_key= or set SPENDGATE_API_KEY")
    if not (api_key.isascii() and api_key.isprintable()):
        raise ConfigurationError(
            "the API key has characters that no key has (a line break, or a letter outside "
            "ASCII): copy it again into api_key= or SPENDGATE_API_KEY"
        )
    return api_key


def _authorship(actor: str | None, reason: str | None) -> dict[str, str]:
    headers = {}
    for header, name, text in (
        ("Spendgate-Actor", "actor", actor),
        ("Spendgate-Reason", "reason", reason),
    ):
        if not text:
            continue
        if not (text.isascii() and text.isprintable()):
            raise ConfigurationError(f"{name} must be printable ASCII, got {text!r}")
        headers[header] = text
    return headers


def _lease_terms(lease: LeaseTerms | bool) -> LeaseTerms | None:
    if not lease:
        return None
    refuse_leases_in_lambda()
    from spendgate._leases.tenures import LeaseTerms  # noqa: PLC0415 (loaded when it is needed)

    return LeaseTerms() if lease is True else lease


def refuse_leases_in_lambda() -> None:
    """Raise ConfigurationError where threads are frozen: a lease would not be renewed."""
    if in_lambda():
        raise ConfigurationError(
            "leases do not work in AWS Lambda, which freezes threads between invocations: "
            "reserve each call"
        )


def _default_estimator() -> Estimator:
    from spendgate.estimators import ByteEstimator  # noqa: PLC0415 (loaded when it is needed)

    return ByteEstimator()


def _check_settlement(
    settlement: Settlement, *, journal: str | Path | None, queue_url: str | None
) -> None:
    if settlement not in ("inline", "background", "sqs"):
        raise ConfigurationError(
            f'settlement must be "inline", "background" or "sqs", got {settlement!r}'
        )
    if settlement == "background" and journal is None:
        raise ConfigurationError(
            'settlement="background" needs journal=DIRECTORY, so that a crash loses nothing'
        )
    if settlement == "background" and in_lambda():
        raise ConfigurationError(
            'settlement="background" does not work in AWS Lambda, which freezes threads: '
            'use "inline" or "sqs"'
        )
    if settlement == "sqs" and not queue_url:
        raise ConfigurationError('settlement="sqs" needs queue_url=')
