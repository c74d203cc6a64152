"""`login`, `logout`, `whoami`: which service, with which key."""

from __future__ import annotations

from typing import Annotated

import typer

from spendgate import Spendgate
from spendgate.cli import profiles
from spendgate.cli.exits import CommandError, Exit
from spendgate.cli.options import SET_UP, Out, command
from spendgate.cli.printing import Output, print_object, say
from spendgate.cli.profiles import DEFAULT_PROFILE, Profile
from spendgate.cli.session import TIMEOUT_SECONDS, read_secret, session


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(
        app, "login", example="spendgate login --url https://spendgate.example.com", panel=SET_UP
    )(login)
    command(app, "logout", example="spendgate --profile staging logout", panel=SET_UP)(logout)
    command(app, "whoami", example="spendgate whoami", panel=SET_UP)(whoami)


def login(
    url: Annotated[
        str | None, typer.Option("--url", help="The service; asked for if left out.")
    ] = None,
    profile: Annotated[
        str | None, typer.Option("--profile", help="The name to save it under.")
    ] = None,
) -> None:
    """Save the URL of a service and an API key, after trying them.

    The key is asked for without showing it, or read from standard input. The file is readable by
    its owner only.
    """
    name = profile or session.profile or DEFAULT_PROFILE
    if url is None:
        url = str(typer.prompt("URL of the service", err=True))
    api_key = read_secret("API key: ")
    if not api_key:
        raise CommandError("no API key was given", Exit.CONFIG)
    with Spendgate(url=url, api_key=api_key, timeout=TIMEOUT_SECONDS) as client:
        me = client.me()
    file = profiles.save(Profile(name, url, api_key))
    say(f"Profile {name} saved in {file}: {me.role} of {me.tenant_id or 'every tenant'}.")


def logout() -> None:
    """Remove a profile from this machine; the key stays valid until it is revoked."""
    name = session.profile or DEFAULT_PROFILE
    if not profiles.remove(name):
        raise CommandError(f"there is no profile {name}", Exit.CONFIG)
    say(f"Profile {name} removed.")


def whoami(output: Out = Output.TEXT) -> None:
    """Show the tenant, the role and the key that commands use."""
    chosen = session.credentials()
    with session.client() as client:
        me = client.me()
    fields = {
        "service": chosen.url,
        "profile": chosen.name,
        "tenant": me.tenant_id or "(every tenant)",
        "role": me.role,
        "key": me.key.key_id,
        "key_name": me.key.name,
        "subjects": me.key.subjects,
        "expires_at": me.key.expires_at,
    }
    print_object(me, fields, output)
