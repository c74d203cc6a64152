"""The file of profiles: a URL and an API key each, readable by its owner only."""

from __future__ import annotations

import configparser
import os
import stat
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import typer

from spendgate.cli.exits import CommandError, Exit

DEFAULT_PROFILE = "default"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Profile:
    """Which service, and with which key."""

    name: str
    url: str
    api_key: str = field(repr=False)


def path() -> Path:
    """Where the profiles are: SPENDGATE_CONFIG, else the user's configuration directory."""
    named = os.environ.get("SPENDGATE_CONFIG")
    return Path(named) if named else Path(typer.get_app_dir("spendgate")) / "profiles.ini"


def load(name: str) -> Profile | None:
    """The profile of that name; None if there is none."""
    parser = _read()
    if not parser.has_section(name):
        return None
    section = parser[name]
    missing = [field for field in ("url", "api_key") if not section.get(field)]
    if missing:
        raise CommandError(
            f"profile {name} in {path()} has no {missing[0]}: run spendgate login --profile {name}",
            Exit.CONFIG,
        )
    return Profile(name, section["url"], section["api_key"])


def names() -> list[str]:
    """The names of all profiles."""
    return _read().sections()


def save(profile: Profile) -> Path:
    """Write a profile beside the others."""
    parser = _read()
    parser[profile.name] = {"url": profile.url, "api_key": profile.api_key}
    return _write(parser)


def remove(name: str) -> bool:
    """Remove a profile; False if there was none."""
    parser = _read()
    removed = parser.remove_section(name)
    if removed:
        _write(parser)
    return removed


def is_readable_by_others() -> bool:
    """Whether the keys are exposed to other users of this machine."""
    file = path()
    return os.name == "posix" and file.exists() and bool(file.stat().st_mode & _OTHERS)


def _read() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, default_section="\0")
    try:
        parser.read(path(), encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError) as error:
        first_line = str(error).splitlines()[0]
        raise CommandError(f"{path()} cannot be read: {first_line}", Exit.CONFIG) from error
    return parser


def _write(parser: configparser.ConfigParser) -> Path:
    """Replace the file at once; a new temporary file has mode 0600."""
    target = path()
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".profiles-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            parser.write(file)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return target
