"""A plan as JSON: what `plan --out` writes and `apply PLAN` reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spendgate.cli.code.objects import Key
from spendgate.cli.code.planner import Change, Existing, Facts, Plan
from spendgate.cli.exits import CommandError, Exit

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Target:
    """The service and the tenant that a plan was made for."""

    url: str
    tenant_id: str


def to_json(plan: Plan, target: Target) -> dict[str, Any]:
    """The plan as a document."""
    return {"format": FORMAT, **asdict(target), **asdict(plan)}


def from_json(document: Mapping[str, Any]) -> tuple[Plan, Target]:
    """Read a plan. Raises ValueError, KeyError or TypeError if it is none."""
    if document["format"] != FORMAT:
        raise ValueError("a plan of another version")
    changes = tuple(_change(fields) for fields in document["changes"])
    plan = Plan(document["stack"], changes, tuple(document["notes"]))
    return plan, Target(document["url"], document["tenant_id"])


def write(path: Path, plan: Plan, target: Target) -> None:
    """Write a plan to a file."""
    path.write_text(json.dumps(to_json(plan, target), indent=2) + "\n", encoding="utf-8")


def read(path: Path) -> tuple[Plan, Target]:
    """Read a plan from a file."""
    try:
        return from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise CommandError(
            f"there is no file {path}: spendgate plan --out {path}", Exit.DATA
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"{path} is no plan of spendgate plan --out: {error}"
        raise CommandError(message, Exit.DATA) from None


def _change(fields: Mapping[str, Any]) -> Change:
    before = fields["before"]
    facts = Facts(**before["facts"]) if before["facts"] is not None else None
    return Change(
        fields["action"],
        Key(**fields["key"]),
        Existing(before["fields"], before["etag"], facts),
        fields["after"],
        adopts=fields["adopts"],
        opening=fields["opening"],
        warnings=tuple(fields["warnings"]),
        needs=tuple(fields["needs"]),
    )
