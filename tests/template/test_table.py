"""The table that the tests run on is the one that is deployed."""

import time

from spendgate_service.store import values
from spendgate_service.store.client import Table
from tests.support.engines import table_definition


def test_the_tests_create_the_table_with_the_keys_and_indexes_of_the_template() -> None:
    definition = table_definition()

    assert [key["AttributeName"] for key in definition["KeySchema"]] == ["pk", "sk"]
    assert {index["IndexName"] for index in definition["GlobalSecondaryIndexes"]} == {
        "due",
        "by_budget",
        "open_holds",
    }
    assert definition["BillingMode"] == "PAY_PER_REQUEST"


def test_an_item_that_was_put_is_read_back(memory_table: Table) -> None:
    item = {**values.key(("a", "b")), "written_at": values.number(int(time.time()))}

    memory_table.put(item)

    assert memory_table.get(values.key(("a", "b"))) == item
