"""Texts of other people, quoted and cut, and errors as one sentence.

A model may take a name that another caller chose for an instruction. Quotes and a short length
show it as what it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pydantic import ValidationError

from spendgate._outcomes import causes_of
from spendgate.errors import APIStatusError, SpendgateError, Unavailable

SHOWN_TEXT_MAX = 40
"""So many characters of a text that other people chose are shown."""

_SENTENCE_MAX = 400
_PLAIN = re.compile(rf"[A-Za-z0-9_.@/:*-]{{1,{SHOWN_TEXT_MAX}}}")


class WrongArgument(SpendgateError):
    """Arguments of a tool that do not go together."""


def quoted(text: str) -> str:
    """A text of other people: an identifier as it is, anything else in quotes and cut."""
    if _PLAIN.fullmatch(text):
        return text
    return _in_quotes(text)


def subject_name(subject: str) -> str:
    """A subject `type:id` with its id quoted and cut."""
    kind, _, name = subject.partition(":")
    return f"{kind}:{quoted(name)}"


def with_quotes(sentence: str, *, subjects: Iterable[str], names: Iterable[str]) -> str:
    """A sentence of the service with the subjects in it, and names in quotes, quoted and cut."""
    shown = {subject: subject_name(subject) for subject in subjects}
    shown.update({f'"{name}"': _in_quotes(name) for name in names})
    if shown:
        longest_first = sorted(shown, key=len, reverse=True)
        pattern = "|".join(re.escape(text) for text in longest_first)
        sentence = re.sub(pattern, lambda match: shown[match[0]], sentence)
    return _cut(_one_line(sentence))


def sentence_of(error: BaseException) -> str | None:
    """What the model reads about an error, in one sentence; None if the error is a bug."""
    for cause in causes_of(error):
        if isinstance(cause, SpendgateError):
            return _sentence_of_service(cause)
        if isinstance(cause, ValidationError):
            return _sentence_of_arguments(cause)
    return None


def _sentence_of_service(error: SpendgateError) -> str:
    if isinstance(error, Unavailable):
        return error.public_message
    if isinstance(error, APIStatusError):
        return _cut(_one_line(error.message))
    return _cut(_one_line(str(error)))


def _sentence_of_arguments(error: ValidationError) -> str:
    wrong = [
        f"{'.'.join(str(step) for step in detail['loc'])}: {detail['msg'].lower()}"
        for detail in error.errors(include_url=False, include_input=False)
    ]
    return _cut(_one_line("; ".join(wrong)))


def _in_quotes(text: str) -> str:
    plain = _one_line(text).replace('"', "'")
    return f'"{plain[:SHOWN_TEXT_MAX]}{"…" if len(plain) > SHOWN_TEXT_MAX else ""}"'


def _one_line(text: str) -> str:
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())


def _cut(text: str) -> str:
    return text if len(text) <= _SENTENCE_MAX else f"{text[:_SENTENCE_MAX]}…"
