"""The client against a running service."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

import spendgate
from spendgate import (
    APIConnectionError,
    AsyncSpendgate,
    BudgetExceeded,
    BudgetPaused,
    ConfigurationError,
    NotFoundError,
    ReservationFinalized,
    Spendgate,
    Unavailable,
    Usage,
    WrongEventLoop,
)
from tests.support.service import Account, Service, eventually

GPT_4O = Usage(provider="openai", model="gpt-4o", input_tokens=1000, max_output_tokens=1000)


def test_reserve_settle_and_look(guard: Spendgate, account: Account) -> None:
    with guard.reserve(agent=account.agent, usage=GPT_4O) as hold:
        assert account.usd == (Decimal(0), Decimal("0.0125"))
        hold.settle(provider_usage={"prompt_tokens": 1000, "completion_tokens": 100})
    assert account.usd == (Decimal("0.0035"), Decimal(0))
    assert hold.reservation is not None and hold.reservation.amounts["tokens"] == 2000


def test_a_refusal_says_which_budget_and_holds_nothing(guard: Spendgate, account: Account) -> None:
    with pytest.raises(BudgetExceeded) as refused:
        guard.reserve(agent=account.agent, amounts={"usd": "100.01"})
    violation = refused.value.violations[0]
    assert (violation.budget_id, violation.available) == (account.usd_id, Decimal(100))
    assert account.usd == (Decimal(0), Decimal(0))


def test_a_part_of_a_usage_is_held_where_the_whole_does_not_fit(
    guard: Spendgate, account: Account
) -> None:
    much = replace(GPT_4O, max_output_tokens=20_000_000, min_output_tokens=100)
    hold = guard.reserve(agent=account.agent, usage=much)
    assert hold.reservation is not None and hold.reservation.usage is not None
    assert 100 <= hold.reservation.usage.max_output_tokens < 20_000_000
    assert account.usd == (Decimal(0), hold.reservation.amounts["usd"])
    hold.release()


def test_a_part_of_the_amounts_is_held_where_the_whole_does_not_fit(
    guard: Spendgate, account: Account
) -> None:
    much, least = {"usd": "400"}, {"usd": "1"}
    assert guard.check(agent=account.agent, amounts=much, min_amounts=least).allowed
    hold = guard.reserve(agent=account.agent, amounts=much, min_amounts=least)
    assert hold.reservation is not None and hold.reservation.amounts == {"usd": Decimal(100)}
    with pytest.raises(BudgetExceeded):
        guard.reserve(agent=account.agent, amounts=much, min_amounts=least)
    hold.release()


def test_a_pause_is_a_refusal_of_its_own(
    guard: Spendgate, admin: Spendgate, account: Account
) -> None:
    admin.budgets.pause(account.usd_id)
    with pytest.raises(BudgetPaused) as refused:
        guard.reserve(agent=account.agent, amounts={"usd": 1})
    assert refused.value.budget_id == account.usd_id
    admin.budgets.resume(account.usd_id)
    guard.reserve(agent=account.agent, amounts={"usd": 1}).release()
    assert account.usd == (Decimal(0), Decimal(0))


def test_an_exception_after_the_provider_was_paid_releases_nothing(
    guard: Spendgate, account: Account
) -> None:
    with pytest.raises(KeyError), guard.reserve(agent=account.agent, amounts={"usd": 1}):
        raise KeyError("a bug of the application")
    assert account.usd == (Decimal(0), Decimal(1))


def test_an_allowance_is_a_sentence_and_holds_nothing(guard: Spendgate, account: Account) -> None:
    allowance = guard.allowance(agent=account.agent)

    assert allowance.max_amounts["usd"] == Decimal(100)
    assert "may spend up to 100 usd" in allowance.summary
    assert account.usd == (Decimal(0), Decimal(0))


def test_check_holds_nothing(guard: Spendgate, account: Account) -> None:
    assert guard.check(agent=account.agent, amounts={"usd": 1}).action == "continue"
    stopped = guard.check(agent=account.agent, amounts={"usd": 101})
    assert (stopped.allowed, stopped.action) == (False, "stop")
    assert account.usd == (Decimal(0), Decimal(0))


def test_a_record_counts_once_under_its_key(guard: Spendgate, account: Account) -> None:
    key = f"record-{account.agent}"
    first, second = (
        guard.record(agent=account.agent, actual={"usd": "0.5"}, idempotency_key=key)
        for _ in range(2)
    )
    assert first == second
    assert first.actual == {"usd": Decimal("0.5")}
    assert account.usd == (Decimal("0.5"), Decimal(0))


def test_a_record_says_when_it_occurred_and_what_it_was(
    guard: Spendgate, admin: Spendgate, account: Account
) -> None:
    yesterday = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    guard.record(
        agent=account.agent,
        actual={"usd": "0.25"},
        metadata={"run": "nightly"},
        occurred_at=yesterday.isoformat(),
    )
    (record,) = admin.usage.records(only={"agent": account.agent})
    assert (record.occurred_at, record.metadata) == (yesterday, {"run": "nightly"})


def test_the_same_key_is_the_same_reservation(guard: Spendgate, account: Account) -> None:
    key = f"job-{account.agent}"
    first, second = (
        guard.reserve(agent=account.agent, amounts={"usd": 1}, idempotency_key=key)
        for _ in range(2)
    )
    assert first.id == second.id
    assert (first.is_replayed, second.is_replayed) == (False, True)
    assert account.usd == (Decimal(0), Decimal(1))
    first.settle(actual={"usd": 1})
    with pytest.raises(ReservationFinalized):
        second.settle(actual={"usd": 2})


def test_a_lost_response_is_asked_again_under_the_same_key(
    guard: Spendgate, service: Service, account: Account
) -> None:
    service.fail_next({"path": "/v1/reservations", "drop": True, "after": True})
    guard.reserve(agent=account.agent, amounts={"usd": 1})
    assert account.usd == (Decimal(0), Decimal(1))


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 503, "body": {"error": {"code": "unavailable", "type": "api_error"}}},
        {"status": 500},
        {"status": 429, "body": {"message": "Too Many Requests"}},
        {"drop": True},
    ],
)
def test_passing_faults_are_repeated(
    guard: Spendgate, service: Service, account: Account, fault: dict[str, object]
) -> None:
    service.fail_next({"path": "/v1/reservations", **fault})
    guard.reserve(agent=account.agent, amounts={"usd": 1}).settle(actual={"usd": "0.5"})
    assert account.usd == (Decimal("0.5"), Decimal(0))


def test_a_lasting_fault_is_unavailable(
    guard: Spendgate, service: Service, account: Account
) -> None:
    service.fail_next({"path": "/v1/reservations", "status": 503, "times": 3})
    with pytest.raises(Unavailable):
        guard.reserve(agent=account.agent, amounts={"usd": 1})


def test_a_service_that_is_not_there_is_unavailable() -> None:
    with (
        Spendgate(url="http://127.0.0.1:9", api_key="key", max_retries=0) as guard,
        pytest.raises(APIConnectionError, match=r"127\.0\.0\.1:9 cannot be reached"),
    ):
        guard.reserve(amounts={"usd": 1})


def test_settings_come_from_the_environment_or_say_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SPENDGATE_URL", raising=False)
    monkeypatch.delenv("SPENDGATE_API_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="SPENDGATE_URL"):
        Spendgate()
    monkeypatch.setenv("SPENDGATE_URL", "https://example.test")
    with pytest.raises(ConfigurationError, match="SPENDGATE_API_KEY"):
        Spendgate()
    monkeypatch.setenv("SPENDGATE_API_KEY", "sg.acme.key_1.secret")
    guard = Spendgate()
    assert guard._settings.tenant_id == "acme"
    assert "secret" not in repr(guard._settings)
    with pytest.raises(ConfigurationError, match="journal="):
        Spendgate(settlement="background")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "f")
    with pytest.raises(ConfigurationError, match="Lambda"):
        Spendgate(settlement="background", journal="/nowhere")


def test_whitespace_around_the_url_and_the_key_is_removed(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPENDGATE_URL", f" {service.url}\n")
    monkeypatch.setenv("SPENDGATE_API_KEY", f"\t{service.caller_key} \r\n")
    with Spendgate(timeout=60) as guard:
        assert guard.me().tenant_id == service.caller_key.split(".")[1]


@pytest.mark.parametrize("broken", ["\n", "\x00", "é", "\u200b"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(broken: str) -> None:
    with pytest.raises(ConfigurationError, match="API key") as refused:
        Spendgate(url="https://example.test", api_key=f"sg.acme.key_1.secret{broken}more")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    ["http://[::1", "http://x:abc", "http://x:99999", "http://", "http://a\nb", "ftp://x", "x.test",
     "sg.acme.key_1.secret"],
)  # fmt: skip
def test_a_url_that_cannot_be_used_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError, match="the URL") as refused:
        Spendgate(url=url, api_key="key")
    assert "secret" not in str(refused.value)


def test_a_header_that_cannot_be_sent_is_neither_shown_nor_an_outage(
    guard: Spendgate, account: Account
) -> None:
    key = "a\nprivate"
    with pytest.raises(ConfigurationError, match="idempotency key") as refused:
        guard.reserve(agent=account.agent, amounts={"usd": 1}, idempotency_key=key)
    assert "private" not in "".join(traceback.format_exception(refused.value))


def test_lists_are_read_page_by_page(admin: Spendgate, accounts: Callable[..., Account]) -> None:
    account = accounts()
    pages = admin.budgets.list(subject=f"agent:{account.agent}", limit=1)
    assert len(pages.page().data) == 1
    assert {budget.unit for budget in pages} == {"usd", "tokens"}


def test_admins_manage_everything(admin: Spendgate, account: Account) -> None:
    subject = f"agent:{account.agent}"
    assert admin.budgets.update(account.usd_id, limit="60").limit == 60
    assert admin.budgets.credit(account.usd_id, amount=5, description="gift").amount == -5
    assert admin.budgets.balance(account.usd_id).available == 65
    assert [entry.kind for entry in admin.budgets.ledger(account.usd_id)] == ["credit"]
    assert list(admin.budgets.statements(account.usd_id)) == []
    assert admin.budgets.audit(account.usd_id).differences == []
    assert admin.budgets.disable(account.usd_id).status == "disabled"
    assert admin.budgets.enable(account.usd_id).status == "active"
    assert admin.token_caps.set(subject, max_total_tokens=10).max_total_tokens == 10
    with pytest.raises(spendgate.TokenCapExceeded):
        admin.reserve(agent=account.agent, usage=GPT_4O)
    admin.token_caps.delete(subject)
    price = admin.prices.set("own", f"m/{account.agent}", input_per_million=1, output_per_million=2)
    assert price.input_per_million == 1
    assert admin.prices.retrieve("own", f"m/{account.agent}").source == "override"
    admin.prices.delete("own", f"m/{account.agent}")
    assert admin.rates.set("eur", "usd", rate="1.08").rate == Decimal("1.08")
    assert admin.rates.delete("eur", "usd").from_ == "eur"
    assert "gift" in "".join(admin.export_ledger())
    key = admin.keys.create(role="reader", name="finance")
    assert key.secret is not None
    assert key.key_id in {listed.key_id for listed in admin.keys.list()}
    admin.keys.revoke(key.key_id)
    assert admin.tenant.update(name="Ours").name == "Ours"
    admin.budgets.delete(account.usd_id)
    with pytest.raises(NotFoundError):
        admin.budgets.retrieve(account.usd_id)


def test_admins_see_what_was_spent_and_undo_it(admin: Spendgate, account: Account) -> None:
    recorded = admin.record(agent=account.agent, actual={"usd": "2"})
    only = {"agent": account.agent}

    (row,) = admin.usage.totals(group_by="agent", only=only)
    (record,) = admin.usage.records(only=only)
    reversal = admin.usage.reverse(record.id, reason="twice")

    assert (dict(row.group), row.amounts["usd"]) == ({"agent": account.agent}, Decimal(2))
    assert record.id == recorded.usage_id
    assert (reversal.reverses, reversal.amounts["usd"]) == (record.id, Decimal(-2))
    assert sum(row.amounts["usd"] for row in admin.usage.totals(only=only)) == 0
    assert record.id in "".join(admin.usage.export())
    with pytest.raises(BudgetExceeded):
        admin.reserve(agent=account.agent, amounts={"usd": "1000000"})
    assert account.usd_id in {refusal.budget_id for refusal in admin.refusals.list()}


def test_admins_manage_notifications(admin: Spendgate) -> None:
    made = admin.notifications.create(
        format="webhook",
        url="https://example.com/hooks/0123456789-aBcD",
        event_types=["budget.exhausted"],
    )
    changed = admin.notifications.update(
        made.id, if_match=made.revision, event_types=["budget.paused"]
    )

    assert made.secret is not None and made.secret.startswith("whsec_")
    assert (changed.url_last4, changed.event_types) == ("aBcD", ["budget.paused"])
    assert admin.notifications.rotate(made.id).secret != made.secret
    assert admin.notifications.test(made.id).last_delivery.state == "none"
    assert admin.notifications.retrieve(made.id).secret is None
    assert made.id in {target.id for target in admin.notifications.list()}
    admin.notifications.delete(made.id)
    with pytest.raises(NotFoundError):
        admin.notifications.retrieve(made.id)


def test_operators_manage_tenants(service: Service, account: Account) -> None:
    with Spendgate(url=service.url, api_key=service.operator_key) as operator:
        created = operator.tenants.create(tenant_id=f"t-{account.agent}")
        assert created.admin_key is not None
        assert created.tenant_id in {tenant.tenant_id for tenant in operator.tenants.list()}


def test_the_async_client_has_the_same_names() -> None:
    names = {name for name in dir(Spendgate) if not name.startswith("_")}
    assert names ^ {name for name in dir(AsyncSpendgate) if not name.startswith("_")} == {
        "close",
        "aclose",
    }


async def _use_async(service: Service, account: Account) -> None:
    async with AsyncSpendgate(url=service.url, api_key=service.caller_key) as guard:
        async with guard.reserve(agent=account.agent, usage=GPT_4O) as hold:
            await hold.extend(600)
            await hold.settle(actual={"usd": "0.003"})
        kept = await guard.reserve(agent=account.agent, amounts={"usd": 1})
        await kept.release()
        spend = await guard.spend(agent=account.agent)
        assert {str(balance.held) for balance in spend.budgets} == {"0"}
        with pytest.raises(BudgetExceeded):
            await guard.reserve(agent=account.agent, amounts={"usd": 1000})
    async with AsyncSpendgate(url=service.url, api_key=service.admin_key) as admin:
        budgets = [budget async for budget in admin.budgets.list(subject=f"agent:{account.agent}")]
        assert len(budgets) == 2


def test_reserve_settle_and_look_async(service: Service, account: Account) -> None:
    asyncio.run(_use_async(service, account))
    assert account.usd == (Decimal("0.003"), Decimal(0))


def test_an_async_client_says_that_it_is_bound_to_its_loop(service: Service) -> None:
    guard = AsyncSpendgate(url=service.url, api_key=service.caller_key)

    async def use() -> None:
        await guard.spend(agent="a")
        await guard.aclose()

    asyncio.run(use())
    with pytest.raises(WrongEventLoop, match="one AsyncSpendgate per event loop"):
        asyncio.run(use())


def test_a_cancelled_reserve_gives_its_hold_back(service: Service, account: Account) -> None:
    async def cancel() -> None:
        async with AsyncSpendgate(url=service.url, api_key=service.caller_key) as guard:
            service.fail_next({"path": "/v1/reservations", "status": 503})
            waiting = asyncio.ensure_future(
                guard._reserve({"agent": account.agent}, amounts={"usd": 1})
            )
            await asyncio.sleep(0.001)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            released = await asyncio.to_thread(eventually, lambda: _releases(service) > before)
            assert released

    before = _releases(service)
    asyncio.run(cancel())
    assert account.usd == (Decimal(0), Decimal(0))


def _releases(service: Service) -> int:
    return sum(path.endswith("/release") for path in service.requests())
