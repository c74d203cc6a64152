"""What does not fit one answer of the table is read page by page to its end."""

from spendgate_service.store import values
from spendgate_service.store.client import Table
from spendgate_service.store.values import Item

ONE_PARTITION = {
    "KeyConditionExpression": "pk = :pk",
    "ExpressionAttributeValues": {":pk": values.text("p")},
}
NAMES = ["a", "b", "c", "d", "e"]


def names_in(page: list[Item]) -> list[str]:
    return [item["sk"]["S"] for item in page]


def fill(table: Table) -> None:
    for name in NAMES:
        table.put(values.key(("p", name)))


def test_a_query_finds_what_is_on_later_pages(memory_table: Table) -> None:
    fill(memory_table)

    pages = [names_in(page) for page in memory_table.query_pages(**ONE_PARTITION, Limit=2)]

    assert pages == [["a", "b"], ["c", "d"], ["e"]]
    assert names_in(list(memory_table.query_items(**ONE_PARTITION, Limit=2))) == NAMES


def test_a_page_is_read_when_it_is_come_to(memory_table: Table) -> None:
    fill(memory_table)
    found = memory_table.query_items(**ONE_PARTITION, Limit=2)
    assert [next(found)["sk"]["S"] for _ in range(2)] == ["a", "b"]

    memory_table.put(values.key(("p", "bb")))

    assert names_in(list(found)) == ["bb", "c", "d", "e"]


def test_a_scan_finds_what_is_on_later_pages(memory_table: Table) -> None:
    fill(memory_table)

    pages = list(memory_table.scan_pages(Limit=2))

    assert [len(page) for page in pages] == [2, 2, 1]
    assert sorted(name for page in pages for name in names_in(page)) == NAMES
