"""Read a file of budgets, and say where each mistake is."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from spendgate.cli.code.json_values import not_json
from spendgate.cli.code.model import BudgetFile
from spendgate.cli.code.objects import Objects, objects_of
from spendgate.cli.exits import CommandError, Exit

MESSAGES_MAX = 20
_MESSAGES = {"extra_forbidden": "there is no such field here", "missing": "it is missing"}


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """What is wrong, and where: lines and columns count from 1."""

    line: int
    column: int
    message: str


class WrongFile(CommandError):
    """A file that cannot be used."""

    def __init__(self, path: Path, mistakes: Sequence[Mistake]) -> None:
        lines = [
            f"{path}:{mistake.line}:{mistake.column}: {mistake.message}" for mistake in mistakes
        ]
        super().__init__("\n".join(lines[:MESSAGES_MAX]), Exit.DATA)


class _ExactConstructor(RoundTripConstructor):
    """Reads numbers as exact decimals."""

    def construct_yaml_float(self, node: Any) -> Any:
        text = node.value.replace("_", "")
        try:
            return Decimal(text)
        except ArithmeticError:
            return Decimal(text.replace(".", ""))  # .inf and .nan, which JSON has not


_ExactConstructor.add_constructor("tag:yaml.org,2002:float", _ExactConstructor.construct_yaml_float)


def read_file(path: Path) -> tuple[BudgetFile, Objects]:
    """Read and check a file, offline. Raises WrongFile with every mistake."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise CommandError(f"{path} does not exist: pass -f FILE", Exit.DATA) from None
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read: {error}", Exit.DATA) from None
    parsed = _parse(path, text)
    if strange := [Mistake(*_place(parsed, where), text) for where, text in not_json(parsed)]:
        raise WrongFile(path, sorted(strange))
    try:
        file = BudgetFile.model_validate(parsed)
    except ValidationError as error:
        mistakes = [_mistake(parsed, details) for details in error.errors()]
        raise WrongFile(path, sorted(mistakes)) from None
    objects, wrong = objects_of(file)
    if wrong:
        raise WrongFile(path, [Mistake(*_place(parsed, where), text) for where, text in wrong])
    return file, objects


def _parse(path: Path, text: str) -> Any:
    yaml = YAML(typ="rt")
    yaml.Constructor = _ExactConstructor
    try:
        parsed = yaml.load(io.StringIO(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        raise WrongFile(path, [Mistake(line, column, _first_line(error.problem))]) from None
    except (YAMLError, ValueError) as error:
        raise WrongFile(path, [Mistake(1, 1, _first_line(str(error)))]) from None
    if not isinstance(parsed, dict):
        raise WrongFile(path, [Mistake(1, 1, "write version: 1, stack and budgets")])
    return parsed


def _mistake(parsed: Any, details: Any) -> Mistake:
    where = [step for step in details["loc"] if step != "[key]"]
    line, column = _place(parsed, where)
    steps = [step for step in where if not _is_tag_of_union(step)]
    message = _MESSAGES.get(details["type"]) or details["msg"].removeprefix("Value error, ")
    return Mistake(line, column, f"{'.'.join(map(str, steps)) or 'file'}: {message}")


def _is_tag_of_union(step: object) -> bool:
    """Whether a step is the kind of a period, which pydantic adds to a path."""
    return step in ("none", "calendar", "duration", "rolling")


def _place(parsed: Any, where: Sequence[object]) -> tuple[int, int]:
    """The line and column of the last step of a path that is in the file."""
    line, column = 0, 0
    here: Any = parsed
    for step in where:
        if not hasattr(here, "lc"):
            break
        try:
            line, column = (here.lc.key if hasattr(here, "keys") else here.lc.item)(step)
            here = here[step]
        except (KeyError, IndexError, TypeError):
            if not _is_tag_of_union(step):
                break
    return line + 1, column + 1


def _first_line(text: str | None) -> str:
    return (text or "this is no YAML").splitlines()[0]
