"""The scenario table: what is held, spent, and served by the provider after every kind of call.

Each scenario runs for {sync, async} x {chat, Responses, Messages} with openai 3 and anthropic. With
openai 2 it runs for sync chat and async Responses; `make test-client-long` runs all four.
The provider's own log is the truth about what was generated.
"""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import spendgate
from spendgate import LocalCap
from spendgate.testing import FakeProvider
from tests.support.drivers import (
    APIS,
    MAX_TOKENS,
    RUNS_EVERYTHING,
    Api,
    AsyncDriver,
    Driver,
    SyncDriver,
)
from tests.support.service import Account, Service

NOTHING = (0, 0)


@pytest.fixture(scope="session")
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as provider:
        yield provider


def combinations() -> list[tuple[type[Driver], Api]]:
    """The drivers and APIs that every scenario runs with."""
    drivers = [SyncDriver, AsyncDriver]
    if RUNS_EVERYTHING:
        return list(itertools.product(drivers, APIS))
    return list(zip(drivers, APIS, strict=True))


@pytest.fixture(params=combinations(), ids=lambda pair: f"{pair[0].__name__}-{pair[1].name}")
def driver(
    request: pytest.FixtureRequest, provider: FakeProvider, service: Service, account: Account
) -> Driver:
    kind, api = request.param
    options = {"url": service.url, "api_key": service.caller_key, "timeout": 60}
    found: Driver = kind(api, provider, options, account.agent)
    return found


class Books:
    """What the service and the provider say after a scenario."""

    def __init__(self, account: Account, provider: FakeProvider) -> None:
        self._account = account
        self._provider = provider

    def are(self, *, requests: int, held: int = 0) -> None:
        """What was spent is what was served; held is what is said."""
        served = self._provider.log_of(self._account.agent)
        assert len(served) == requests
        assert self._account.tokens == (sum(call.total_tokens for call in served), held)

    def estimate(self) -> int:
        """What a call of the scenario holds."""
        (call, *_) = self._provider.log_of(self._account.agent)
        return call.input_tokens + MAX_TOKENS


@pytest.fixture
def books(account: Account, provider: FakeProvider) -> Books:
    return Books(account, provider)


def sdk_errors(driver: Driver) -> Any:
    return __import__(driver.api.sdk)


def broken_stream_errors(driver: Driver) -> tuple[type[Exception], ...]:
    """OpenAI 2 and Anthropic let the HTTP library's error pass where a stream breaks off."""
    libraries = [name for name in ("httpx", "httpx2") if importlib.util.find_spec(name)]
    theirs = [importlib.import_module(name).RemoteProtocolError for name in libraries]
    return (sdk_errors(driver).APIConnectionError, *theirs)


def test_a_call_is_settled_at_the_usage_of_the_provider(driver: Driver, books: Books) -> None:
    assert driver.complete(f"{driver.agent} hello").startswith("gen-")
    books.are(requests=1)


def test_a_stream_is_settled_at_its_usage(driver: Driver, books: Books) -> None:
    assert driver.stream(f"{driver.agent} hello !words=7 !reasoning=5") == "".join(
        f"word{n} " for n in range(7)
    )
    books.are(requests=1)


def test_the_stream_helpers_of_the_sdk_are_guarded(driver: Driver, books: Books) -> None:
    assert driver.helper(f"{driver.agent} hello").startswith("word0 word1")
    books.are(requests=1)


def test_raw_responses_are_guarded(driver: Driver, books: Books) -> None:
    assert driver.raw(f"{driver.agent} hello").startswith("gen-")
    books.are(requests=1)


def test_streaming_responses_are_guarded(driver: Driver, books: Books) -> None:
    assert b"word0 word1" in driver.streaming_response(f"{driver.agent} hello")
    books.are(requests=1)


def test_a_stream_without_usage_is_settled_at_what_was_streamed(
    driver: Driver, books: Books
) -> None:
    driver.stream(f"{driver.agent} hello !no_usage !words=6")
    books.are(requests=1)


def test_an_aborted_stream_is_settled_at_what_was_streamed(driver: Driver, books: Books) -> None:
    driver.stream(f"{driver.agent} hello !words=20 !wait=3", take=3)
    books.are(requests=1)


def test_an_exception_of_the_application_settles_what_was_streamed(
    driver: Driver, books: Books
) -> None:
    with pytest.raises(ZeroDivisionError):
        driver.stream(
            f"{driver.agent} hello !words=20 !wait=3", take=3, error=ZeroDivisionError("a bug")
        )
    books.are(requests=1)


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
def test_a_cancelled_task_settles_what_was_streamed(
    api: Api, provider: FakeProvider, service: Service, account: Account, books: Books
) -> None:
    options = {"url": service.url, "api_key": service.caller_key, "timeout": 60}
    driver = AsyncDriver(api, provider, options, account.agent)
    driver.cancelled(f"{account.agent} hello !words=20 !wait=3", after=3)
    books.are(requests=1)


def test_a_dropped_stream_is_settled_at_what_was_streamed(driver: Driver, books: Books) -> None:
    with pytest.raises(broken_stream_errors(driver)):
        driver.stream(f"{driver.agent} hello !words=20 !drop=3")
    books.are(requests=1)


def test_a_429_of_the_provider_is_retried_by_the_sdk_and_costs_nothing(
    driver: Driver, books: Books
) -> None:
    driver.complete(f"{driver.agent} hello !status=429 !times=1")
    books.are(requests=2)


def test_three_errors_of_the_provider_cost_nothing(driver: Driver, books: Books) -> None:
    driver.client_options["max_retries"] = 2
    with pytest.raises(sdk_errors(driver).InternalServerError):
        driver.complete(f"{driver.agent} hello !status=500")
    books.are(requests=3)


def test_a_refused_connection_costs_nothing(driver: Driver, books: Books) -> None:
    driver.client_options.update(base_url="http://127.0.0.1:9", max_retries=1)
    with pytest.raises(sdk_errors(driver).APIConnectionError):
        driver.complete(f"{driver.agent} hello")
    books.are(requests=0)


@pytest.mark.parametrize("fault", ["!slow=1.5", "!reset", "!status=504"])
def test_where_the_provider_may_have_billed_the_hold_expires_by_itself(
    driver: Driver, books: Books, account: Account, fault: str
) -> None:
    driver.client_options.update(timeout=0.5, max_retries=0)
    with pytest.raises(sdk_errors(driver).APIError):
        driver.complete(f"{driver.agent} hello {fault}")
    assert account.tokens == (0, books.estimate())


def test_an_answer_that_breaks_off_is_settled_at_its_estimate(
    driver: Driver, books: Books, account: Account
) -> None:
    driver.client_options["max_retries"] = 0
    with pytest.raises(sdk_errors(driver).APIConnectionError):
        driver.complete(f"{driver.agent} hello !drop=0")
    assert account.tokens == (books.estimate(), 0)


def test_a_refusal_reaches_the_application_and_not_the_provider(
    driver: Driver,
    provider: FakeProvider,
    service: Service,
    accounts: Callable[..., Account],
) -> None:
    poor = accounts(tokens=10)
    driver.agent = poor.agent
    asked = service.requests().count("/v1/reservations")
    with pytest.raises(spendgate.BudgetExceeded) as refused:
        driver.stream(f"{poor.agent} hello")
    assert isinstance(refused.value, sdk_errors(driver).RateLimitError)
    assert refused.value.violations[0].available == 10
    assert type(pickle.loads(pickle.dumps(refused.value))) is spendgate.BudgetExceeded
    assert service.requests().count("/v1/reservations") == asked + 1, "no SDK retries a refusal"
    assert provider.log_of(poor.agent) == []
    assert poor.tokens == NOTHING


def test_a_pause_reaches_the_application_and_not_the_provider(
    driver: Driver, books: Books, account: Account, admin: spendgate.Spendgate
) -> None:
    admin.budgets.pause(account.usd_id)
    with pytest.raises(spendgate.BudgetPaused) as refused:
        driver.complete(f"{driver.agent} hello")
    assert isinstance(refused.value, sdk_errors(driver).RateLimitError)
    books.are(requests=0)


def test_it_fails_closed_while_the_service_is_unavailable(
    driver: Driver, books: Books, service: Service
) -> None:
    driver.guard_options["max_retries"] = 1
    service.fail_next({"path": "/v1/reservations", "status": 503, "times": 2})
    with pytest.raises(spendgate.Unavailable):
        driver.complete(f"{driver.agent} hello")
    books.are(requests=0)


def test_a_local_cap_grants_while_the_service_is_unavailable_and_records_afterwards(
    driver: Driver, books: Books, service: Service
) -> None:
    driver.guard_options.update(
        max_retries=0, on_unavailable=LocalCap({"tokens": MAX_TOKENS + 40}, per=3600)
    )
    service.fail_next({"path": "/v1/reservations", "status": 503, "times": 2})
    driver.complete(f"{driver.agent} one")
    with pytest.raises(spendgate.Unavailable):
        driver.complete(f"{driver.agent} two")
    books.are(requests=1)
