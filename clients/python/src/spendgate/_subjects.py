"""Who or what spends: subjects from the client, the context and the call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from urllib.parse import quote, unquote

from spendgate.errors import ConfigurationError

SUBJECTS_HEADER = "spendgate-subjects"

_current: ContextVar[Mapping[str, str]] = ContextVar(
    "spendgate_subjects", default=MappingProxyType({})
)


@contextmanager
def subjects_in_context(**subjects: str) -> Iterator[None]:
    """Add subjects to every call of this thread or task; inner values replace outer ones."""
    token = _current.set({**_current.get(), **named(subjects)})
    try:
        yield
    finally:
        _current.reset(token)


def merged(*layers: Mapping[str, object], header: str | None = None) -> dict[str, str]:
    """The subjects of a call: the layers in turn, the context's, then the header's; last wins."""
    subjects: dict[str, str] = {}
    for layer in (*layers, _current.get(), parse_header(header)):
        subjects.update(named(layer))
    return subjects


def adds_nothing(subjects: Mapping[str, object]) -> bool:
    """Whether a call has no subjects of its own, and neither has its context."""
    return not subjects and not _current.get()


def named(subjects: Mapping[str, object]) -> dict[str, str]:
    """Without those that are None."""
    return {name: str(value) for name, value in subjects.items() if value is not None}


def header_of(subjects: Mapping[str, str]) -> str:
    """Write subjects as the header does; ids are percent-encoded."""
    return ",".join(f"{name}={quote(value, safe='')}" for name, value in subjects.items())


def parse_header(header: str | None) -> dict[str, str]:
    """Read `tool=search,session=s-42`; values may be percent-encoded."""
    if not header:
        return {}
    subjects = {}
    for pair in header.split(","):
        name, equals, value = pair.strip().partition("=")
        if not (name and equals and value):
            raise ConfigurationError(
                f"{SUBJECTS_HEADER}: expected type=id,type=id and got {pair.strip()!r}"
            )
        subjects[name.strip()] = unquote(value.strip())
    return subjects
