"""`doctor`: is everything in order, and if not, what to do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Annotated

import typer

from spendgate import APIStatusError, Spendgate, SpendgateError, Unavailable, __version__
from spendgate.cli import aws, profiles
from spendgate.cli.exits import Exit, sentence_of
from spendgate.cli.findings import Finding
from spendgate.cli.options import SET_UP, Out, command
from spendgate.cli.printing import Column, Output, print_rows
from spendgate.cli.session import session

CLOCK_SECONDS_MAX = 5
SLOW_SECONDS = 2.0
EXPIRES_SOON = timedelta(days=14)

API_VERSION = "1"
_STYLES = {"ok": "green", "warning": "yellow", "error": "red", "skipped": "dim"}

COLUMNS = (
    Column("check", lambda finding: finding.check),
    Column("state", lambda finding: finding.state, style=lambda finding: _STYLES[finding.state]),
    Column("found", lambda finding: finding.found, wraps=True),
    Column("what_to_do", lambda finding: finding.to_do, wraps=True),
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "doctor", example="spendgate doctor --stack spendgate-prod", panel=SET_UP)(doctor)


def doctor(
    stack: Annotated[
        str | None,
        typer.Option(
            "--stack", help="The CloudFormation stack, to see dead letters and alarms (boto3)."
        ),
    ] = None,
    output: Out = Output.TEXT,
) -> None:
    """Check the service, the key, the clock, the versions, dead letters and alarms."""
    findings = list(_findings(stack))
    if output is Output.JSON:
        print_rows([asdict(finding) for finding in findings], COLUMNS, output, empty="")
    else:
        print_rows(findings, COLUMNS, output, empty="")
    if any(finding.state == "error" for finding in findings):
        raise typer.Exit(Exit.FAILED)


def _findings(stack: str | None) -> Iterator[Finding]:
    chosen = session.credentials()
    yield _configuration(chosen.name)
    with session.client() as client:
        try:
            started = time.monotonic()
            health = client.send("GET", "health")
            seconds = time.monotonic() - started
        except (Unavailable, APIStatusError) as error:
            yield Finding(
                "service", "error", sentence_of(error), "Check the URL, the network and the stack."
            )
            return
        yield _service(chosen.url, seconds)
        yield _clock(health.headers.get("date"), seconds)
        yield from _key(client)
        yield _versions(client)
    yield from aws.findings(stack)


def _configuration(name: str) -> Finding:
    if profiles.is_readable_by_others():
        return Finding(
            "configuration",
            "warning",
            f"{profiles.path()} can be read by other users",
            f"chmod 600 {profiles.path()}",
        )
    return Finding("configuration", "ok", f"profile {name}")


def _service(url: str, seconds: float) -> Finding:
    if seconds > SLOW_SECONDS:
        return Finding(
            "service",
            "warning",
            f"{url} took {seconds:.1f} s to answer",
            "Ask again; if it stays slow, see the alarms and the region.",
        )
    return Finding("service", "ok", f"{url} answers in {seconds * 1000:.0f} ms")


def _clock(date: str | None, seconds: float) -> Finding:
    if date is None:
        return Finding("clock", "skipped", "the response has no date")
    away = abs((datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds())
    difference = max(0.0, away - seconds - 1)  # a date is whole seconds, and was on its way
    if difference > CLOCK_SECONDS_MAX:
        return Finding(
            "clock",
            "warning",
            f"this machine's clock differs by {difference:.0f} s",
            "Synchronise the clock (NTP); holds and times of records depend on it.",
        )
    return Finding("clock", "ok", f"differs by less than {difference + 1:.0f} s")


def _key(client: Spendgate) -> Iterator[Finding]:
    try:
        me = client.me()
    except APIStatusError as error:
        yield Finding("key", "error", sentence_of(error), "Run spendgate login with a valid key.")
        return
    who = f"{me.role} of {me.tenant_id or 'every tenant'} ({me.key.key_id})"
    end = me.key.expires_at
    if end is not None and end - datetime.now(UTC) < EXPIRES_SOON:
        yield Finding("key", "warning", f"{who}, expires at {end}", "Rotate the key.")
    else:
        yield Finding("key", "ok", who)


def _versions(client: Spendgate) -> Finding:
    try:
        service = str(client.request("GET", "openapi.json")["info"]["version"])
    except (SpendgateError, KeyError):
        return Finding("versions", "skipped", "the service does not say its version")
    found = f"API {service}, client {__version__}"
    if service != API_VERSION:
        return Finding("versions", "warning", found, "Install a client for this version.")
    return Finding("versions", "ok", found)
