"""`make demo`: starts the stack, replays a trace and checks the results from the outside."""

import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
from rich.console import Console
from spendgate import Spendgate
from spendgate.testing import FakeProvider

from local.bootstrap import StackFile
from local.console import number, run, say, step
from local.demo import checks
from local.demo.apps.books import books_agree, print_books, run_applications
from local.demo.limits import AGENT_BUDGET, budgets_for
from local.demo.observed import Observed, observe, usage_of
from local.demo.progress import Display
from local.demo.record import Record
from local.demo.replay import Replay
from local.demo.report import COLUMNS_MAX, print_checks, print_table, print_usage, verdict
from local.demo.scenario import RUNAWAY, PlannedRequest, plan
from local.demo.settlements import Reporter, waiting_messages
from local.demo.tenant import DemoBudget, DemoTenant, create_budgets, create_tenant
from local.demo.trace import SHIPPED_TRACE, read_trace
from local.emulator.account import aws_client
from local.up import INTERRUPTED, up

DRAIN_SECONDS_MAX = 120.0
TIMEOUT_SECONDS = 30


def main() -> int:
    """Run the demo; return 0 if every check holds."""
    return 0 if _run(_console(), *_arguments()) else 1


def _console() -> Console:
    """Return a console as wide as the table, or as the terminal if that is narrower."""
    console = Console(highlight=False)
    console.width = min(COLUMNS_MAX, console.width) if console.is_terminal else COLUMNS_MAX
    return console


def _arguments() -> tuple[Path, int | None]:
    """Return the trace and the number of its requests, as make passes them."""
    return Path(os.environ.get("TRACE") or SHIPPED_TRACE), number("REQUESTS")


def _run(console: Console, trace: Path, requests_max: int | None) -> bool:
    requests = plan(read_trace(trace, requests_max=requests_max))
    stack = up()
    started = time.monotonic()
    run = f"demo-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.getpid()}"
    with step(f'Creating the tenant "{run}" with its budgets and keys'):
        tenant = create_tenant(stack.api_url, stack.operator_key, run)
        budgets = create_budgets(tenant, budgets_for(requests, tenant_id=run))
        apps = create_tenant(stack.api_url, stack.operator_key, f"{run}-apps")
    sqs: Any = aws_client("sqs", stack.aws_endpoint_url)
    dead_before = waiting_messages(sqs, stack.dead_letter_queue_url)
    say(f"Replaying {len(requests)} requests of {trace.name}")
    record = Record()
    with ThreadPoolExecutor(1) as beside:
        applications = beside.submit(run_applications, stack, apps)
        left = _replay(console, requests, tenant, stack, sqs, record)
    with step("Waiting for the applications that use the client"):
        books = applications.result()
    with step("Reading balances, ledgers and audits"):
        odd = [grant.reservation_id for grant in checks.remarkable(record.grants)]
        observed = observe(tenant.admin, budgets, _subjects(budgets, record), odd)
        usage = usage_of(tenant.admin)
    dead_after = waiting_messages(sqs, stack.dead_letter_queue_url)
    print_table(console, budgets, observed, record)
    print_usage(console, usage)
    print_books(console, books)
    found = [
        *_checks(record, observed, budgets, len(requests)),
        checks.usage_log_is_what_was_settled(
            record.grants, observed, usage, organization=f"organization:{run}"
        ),
        books_agree(books),
        checks.no_dead_letters(record, before=dead_before, after=dead_after, waiting=left),
    ]
    print_checks(console, found)
    good = all(check.holds for check in found)
    sentence = verdict(found, record, took_seconds=time.monotonic() - started)
    console.print(f"\n{sentence}", style="bold green" if good else "bold red")
    console.print(
        f"See it in the console: {stack.console_url}\n"
        f"Sign in with this tenant's admin key: {tenant.admin_key}",
        soft_wrap=True,
    )
    return good


def _checks(
    record: Record, observed: Observed, budgets: Sequence[DemoBudget], requests: int
) -> list[checks.Check]:
    limits = {budget.budget_id: budget.plan.limit for budget in budgets}
    agents = next(budget.budget_id for budget in budgets if budget.plan.name == AGENT_BUDGET)
    runaway = f"agent:{RUNAWAY}"
    return [
        checks.everything_was_answered(record, requests),
        checks.provider_served_the_grants(record),
        checks.no_grant_past_a_limit(record.grants, limits),
        checks.no_grant_past_a_limit_by_own_record(record.grants, limits),
        checks.runaway_was_stopped(record, limits, budget_id=agents, subject=runaway),
        checks.ledger_agrees_with_counters(record.grants, observed),
        checks.ledger_is_what_was_settled(record.grants, observed),
        checks.reservations_say_how_they_ended(record.grants, observed),
        checks.nothing_is_held(observed),
    ]


def _replay(
    console: Console,
    requests: Sequence[PlannedRequest],
    tenant: DemoTenant,
    stack: StackFile,
    sqs: Any,
    record: Record,
) -> int:
    """Replay everything, wait for the queue and return how many messages it still has."""

    def waiting() -> int:
        return waiting_messages(sqs, stack.settlement_queue_url)

    reporter = Reporter(sqs, stack.settlement_queue_url, record, tenant_id=tenant.tenant_id)
    with (
        FakeProvider() as provider,
        Spendgate(url=stack.api_url, api_key=tenant.caller_key, timeout=TIMEOUT_SECONDS) as guard,
        httpx2.Client(base_url=provider.openai_url, timeout=TIMEOUT_SECONDS) as model,
        Display(console, record, len(requests), waiting) as display,
    ):
        replay = Replay(guard, model, reporter, record, run=tenant.tenant_id)
        replay.play(requests, while_waiting=display.look)
        record.served = provider.log()
        reporter.close(while_waiting=display.look)
        deadline = time.monotonic() + DRAIN_SECONDS_MAX
        while (left := waiting()) and time.monotonic() < deadline:
            time.sleep(0.2)
            display.look()
    return left


def _subjects(budgets: Sequence[DemoBudget], record: Record) -> list[tuple[str, str]]:
    """Return every budget and subject with a grant or refusal, budget by budget."""
    seen = {counter[:2] for counter in record.counters()}
    seen |= {violated for refusal in record.refusals for violated in refusal.violated}
    order = {budget.budget_id: place for place, budget in enumerate(budgets)}
    return sorted(seen, key=lambda counter: (order[counter[0]], counter[1]))


if __name__ == "__main__":
    sys.exit(run(main, interrupted=INTERRUPTED))
