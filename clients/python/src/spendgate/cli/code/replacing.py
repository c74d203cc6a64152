"""Replace a budget by one on another subject or in another unit, without a gap between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spendgate import NotFoundError, Spendgate, SpendgateError, VersionMismatch
from spendgate.cli.code import state
from spendgate.cli.code.planner import Change, Facts
from spendgate.cli.exits import CommandError, code_of, sentence_of

if TYPE_CHECKING:
    from spendgate import models


def replace_budget(client: Spendgate, change: Change, body: Any) -> models.Budget:
    """Create the new budget, then delete the old one: what is refused leaves the old one as it was.

    The old one has its slug until it is deleted, so the new one gets it afterwards. Raises
    VersionMismatch or NotFoundError, before anything is changed, if the old one has changed.
    """
    facts, slug = change.before.facts, change.key.name
    assert facts is not None
    _check_as_planned(client, change, facts)
    keeps_slug = facts.slug == slug
    made = client.budgets.create(slug=None if keeps_slug else slug, **body)
    try:
        client.budgets.delete(facts.budget_id, if_match=change.before.etag)
    except NotFoundError:
        pass  # a retry after a lost response, or another deleted it: it is gone
    except SpendgateError as error:
        _take_back(client, made, facts, error)
        raise
    if keeps_slug:
        _name(client, made, slug)
    return made


def _check_as_planned(client: Spendgate, change: Change, facts: Facts) -> None:
    now = state.existing_budget(client.budgets.retrieve(facts.budget_id))
    if now.etag != change.before.etag:
        raise VersionMismatch("it was changed since the plan", status_code=412)


def _take_back(client: Spendgate, made: models.Budget, old: Facts, refusal: SpendgateError) -> None:
    """Delete the new budget because the old one could not be deleted."""
    try:
        client.budgets.delete(made.budget_id)
    except NotFoundError:
        pass
    except SpendgateError as error:
        raise CommandError(
            f"the old budget {old.budget_id} was not deleted: {sentence_of(refusal)} The new"
            f" one, {made.budget_id} on {made.subject}, was created and could not be deleted"
            f" again: {sentence_of(error)} Delete it",
            code_of(refusal),
        ) from refusal


def _name(client: Spendgate, made: models.Budget, slug: str) -> None:
    try:
        client.budgets.update(made.budget_id, slug=slug)
    except SpendgateError as error:
        raise CommandError(
            f"the old budget was deleted, and the new one, {made.budget_id} on {made.subject}, is"
            f" there without its slug {slug}: {sentence_of(error)} Plan with --adopt gives it its"
            " slug",
            code_of(error),
        ) from error
