"""The explorer itself, on processes so small that their orders can be counted by hand."""

from collections.abc import Callable
from itertools import count

import pytest
from botocore.exceptions import ReadTimeoutError

from tests.interleavings.clients import ScheduledPool, WaitingClient
from tests.interleavings.exploring import Explorer, explore_at_random
from tests.interleavings.processes import Process
from tests.interleavings.runs import Run
from tests.support.exact_table import ExactTable

ADD = "SET amount = if_not_exists(amount, :zero) + :one"
SET = "SET amount = :amount"
VALUES = {":zero": {"N": "0"}, ":one": {"N": "1"}}

type Body = Callable[[Run], object]


def key(name: str) -> dict[str, dict[str, str]]:
    return {"pk": {"S": name}, "sk": {"S": "-"}}


def total_in(run: Run, name: str) -> int:
    item = run.engine.items.get((name, "-"))
    return int(item["amount"]["N"]) if item else 0


def add_one(name: str) -> Body:
    def body(run: Run) -> None:
        WaitingClient(run).update_item(
            TableName="t", Key=key(name), UpdateExpression=ADD, ExpressionAttributeValues=VALUES
        )

    return body


def read_and_set(name: str) -> Body:
    """A lost update, if another comes between."""

    def body(run: Run) -> None:
        client = WaitingClient(run)
        item = client.get_item(TableName="t", Key=key(name)).get("Item")
        total = int(item["amount"]["N"]) if item else 0
        client.update_item(
            TableName="t", Key=key(name), UpdateExpression=SET,
            ExpressionAttributeValues={":amount": {"N": str(total + 1)}},
        )  # fmt: skip

    return body


def several(*bodies: Body) -> Body:
    return lambda run: [body(run) for body in bodies]


class Orders:
    """Explores bodies, and notes how each run ended."""

    def __init__(self, *bodies: Body, **options: int) -> None:
        self.bodies = bodies
        self.options = options
        self.ends: list[tuple[int, int]] = []
        self.complete = 0

    def start(self) -> Run:
        run = Run(ExactTable(), now_ms=0)
        for number, body in zip(count(1), self.bodies):
            process = Process(f"p{number}", lambda body=body: body(run))  # type: ignore[misc]
            process.losses_left = self.options.get("losses", 0)
            run.add(process)
        return run

    def finish(self, run: Run) -> None:
        self.ends.append((total_in(run, "x"), total_in(run, "y")))

    def explore(self) -> "Orders":
        explored = Explorer(self.start, self.finish).explore(complete_max=1000)
        assert explored.is_exhausted
        self.complete = explored.complete
        return self


def test_independent_steps_have_one_order() -> None:
    assert Orders(add_one("x"), add_one("y"), add_one("z")).explore().complete == 1


def test_two_writes_of_one_item_have_both_orders() -> None:
    assert Orders(add_one("x"), add_one("x")).explore().complete == 2


def test_three_writes_of_one_item_have_all_six_orders() -> None:
    assert Orders(add_one("x"), add_one("x"), add_one("x")).explore().complete == 6


def test_a_lost_update_is_found() -> None:
    orders = Orders(read_and_set("x"), read_and_set("x")).explore()

    assert {x for x, _ in orders.ends} == {1, 2}


def test_steps_of_one_process_keep_their_order() -> None:
    orders = Orders(several(add_one("x"), add_one("y")), several(add_one("y"), add_one("x")))

    assert orders.explore().complete == 3


def test_what_is_explored_at_random_is_among_what_is_explored_in_order() -> None:
    orders = Orders(read_and_set("x"), read_and_set("x"), read_and_set("x")).explore()
    drawn = Orders(read_and_set("x"), read_and_set("x"), read_and_set("x"))

    different = explore_at_random(drawn.start, drawn.finish, complete=500, seed=1)

    assert set(drawn.ends) == set(orders.ends) == {(1, 0), (2, 0), (3, 0)}
    assert different == orders.complete


def test_an_answer_is_lost_after_the_write() -> None:
    def try_again(run: Run) -> None:
        try:
            add_one("x")(run)
        except ReadTimeoutError:
            add_one("y")(run)

    orders = Orders(try_again, losses=1).explore()

    assert sorted(orders.ends) == [(1, 0), (1, 1)]


def test_what_is_given_to_the_pool_runs_in_every_order_and_is_waited_for() -> None:
    def side_by_side(run: Run) -> None:
        other = ScheduledPool(run).submit(lambda: read_and_set("x")(run))
        read_and_set("x")(run)
        other.result()
        add_one("y")(run)

    orders = Orders(side_by_side).explore()

    assert {x for x, _ in orders.ends} == {1, 2}
    assert {y for _, y in orders.ends} == {1}


def test_what_fails_is_shown_with_its_schedule() -> None:
    orders = Orders(read_and_set("x"), read_and_set("x"))

    def finish(run: Run) -> None:
        assert total_in(run, "x") == 2, "an update is lost"

    with pytest.raises(AssertionError, match="an update is lost") as failed:
        Explorer(orders.start, finish).explore(complete_max=100)

    assert failed.value.__notes__[0].count("update_item x/-") == 2
