"""Runs the applications, and holds the service's books against the provider's log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from rich.console import Console
from rich.table import Table
from spendgate import Spendgate
from spendgate.testing import FakeProvider

from local.bootstrap import StackFile
from local.demo.apps.cast import CAST, Application, Stage
from local.demo.checks import Check
from local.demo.prices import USD
from local.demo.tenant import DemoTenant

_TIMEOUT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Books:
    """What one application did, what the provider served, and what the service counted."""

    agent: str
    story: str
    calls: int
    served_tokens: int
    spent_tokens: int
    spent_usd: Decimal
    held_usd: Decimal


def run_applications(stack: StackFile, tenant: DemoTenant) -> list[Books]:
    """Run every application of the cast, one after the other."""
    with (
        FakeProvider() as provider,
        Spendgate(url=stack.api_url, api_key=tenant.caller_key, timeout=_TIMEOUT_SECONDS) as guard,
        Spendgate(url=stack.api_url, api_key=tenant.admin_key, timeout=_TIMEOUT_SECONDS) as admin,
    ):
        stage = Stage(stack.api_url, tenant.caller_key, provider.openai_url, guard, admin)
        return [_run(application, stage, provider) for application in CAST]


def _run(application: Application, stage: Stage, provider: FakeProvider) -> Books:
    agent = application.agent
    stage.admin.budgets.create(
        subject=f"agent:{agent}", unit=USD, limit=application.limit_usd, name=f"{agent}'s budget"
    )
    story = application.act(stage, agent)
    served = provider.log_of(f"{agent}: ")
    (spent,) = stage.admin.usage.totals(group_by="agent", only={"agent": agent})
    (balance,) = stage.admin.spend(agent=agent).budgets
    return Books(
        agent=agent,
        story=story,
        calls=len(served),
        served_tokens=sum(call.total_tokens for call in served),
        spent_tokens=_tokens(spent.tokens),
        spent_usd=balance.spent,
        held_usd=balance.held,
    )


def _tokens(counted: Mapping[str, int]) -> int:
    return counted.get("input", 0) + counted.get("output", 0)


def books_agree(books: Sequence[Books]) -> Check:
    """Every application spent what the provider served it, and nothing is left held."""
    failures = [
        f"agent:{book.agent}: expected {book.served_tokens} tokens spent as in the provider's log, "
        f"found {book.spent_tokens}"
        for book in books
        if book.spent_tokens != book.served_tokens
    ]
    failures += [
        f"agent:{book.agent}: expected 0 held, found {book.held_usd:f}"
        for book in books
        if book.held_usd
    ]
    calls, tokens = sum(book.calls for book in books), sum(book.served_tokens for book in books)
    looked_at = f"{len(books)} applications, {calls} calls, {tokens} tokens"
    return Check("the books are the provider's log", looked_at, tuple(failures))


def print_books(console: Console, books: Sequence[Books]) -> None:
    """Print what each application did and spent."""
    table = Table(box=None, padding=(0, 1), header_style="bold", pad_edge=False)
    table.add_column("Application", no_wrap=True)
    for name in ("Calls", "Tokens", "usd"):
        table.add_column(name, justify="right")
    table.add_column("", overflow="fold")
    for book in books:
        tokens, usd = f"{book.spent_tokens:,}", f"{book.spent_usd:.4f}"
        table.add_row(f"  agent:{book.agent}", str(book.calls), tokens, usd, book.story)
    console.print(table)
    console.print()
