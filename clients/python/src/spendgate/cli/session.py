"""Which service a command talks to, and with which key."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from spendgate import Spendgate
from spendgate.cli import profiles
from spendgate.cli.exits import CommandError, Exit
from spendgate.cli.profiles import DEFAULT_PROFILE, Profile

TIMEOUT_SECONDS = 30.0


class Session:
    """The choice of the command line; a profile or the environment is used whole, never mixed.

    So a key is never sent to the URL of another environment.
    """

    def __init__(self) -> None:
        self.start(profile=None, reason=None)

    def start(self, *, profile: str | None, reason: str | None) -> None:
        """Begin a command with these options."""
        self.profile = profile
        self.reason = reason
        self._credentials: Profile | None = None

    def credentials(self) -> Profile:
        """The URL and the key: of `--profile`, else the environment, else the default profile.

        They are found once per command, so that a key is asked for once.
        """
        if self._credentials is None:
            self._credentials = self._found()
        return self._credentials

    def _found(self) -> Profile:
        if self.profile is not None:
            return self._saved(self.profile)
        url, key = os.environ.get("SPENDGATE_URL"), os.environ.get("SPENDGATE_API_KEY")
        if url:
            return Profile("(environment)", url, key or _asked_for(url))
        if key:
            raise CommandError("SPENDGATE_API_KEY is set, but SPENDGATE_URL is not", Exit.CONFIG)
        return self._saved(DEFAULT_PROFILE)

    @contextmanager
    def client(self) -> Iterator[Spendgate]:
        """A client, closed at the end."""
        chosen = self.credentials()
        with Spendgate(
            url=chosen.url,
            api_key=chosen.api_key,
            timeout=TIMEOUT_SECONDS,
            actor=os.environ.get("SPENDGATE_ACTOR"),
            reason=self.reason,
        ) as client:
            yield client

    def _saved(self, name: str) -> Profile:
        saved = profiles.load(name)
        if saved is not None:
            return saved
        if name == DEFAULT_PROFILE and self.profile is None:
            raise CommandError(
                "no service is known: run spendgate login, or set SPENDGATE_URL and"
                " SPENDGATE_API_KEY",
                Exit.CONFIG,
            )
        known = ", ".join(profiles.names()) or "none"
        raise CommandError(
            f"there is no profile {name} (known: {known}): run spendgate login --profile {name}",
            Exit.CONFIG,
        )


session = Session()
"""The session of this process; `--profile` and `--reason` start it."""


def read_secret(prompt: str) -> str:
    """Read a secret from the terminal without showing it, else the first line of standard input."""
    if sys.stdin.isatty():
        return getpass.getpass(prompt).strip()
    return sys.stdin.readline().strip()


def _asked_for(url: str) -> str:
    if not sys.stdin.isatty():
        raise CommandError("SPENDGATE_URL is set, but SPENDGATE_API_KEY is not", Exit.CONFIG)
    return getpass.getpass(f"API key for {url}: ").strip()
