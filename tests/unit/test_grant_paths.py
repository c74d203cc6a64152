"""Every condition that grants says that no credit on the counter has ended.

An ended credit is part of `available` until a write takes it out, so a condition without this
clause would grant what is no longer there.
"""

import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import spendgate_service
from spendgate_service.store import holds
from spendgate_service.store.counters import NO_CREDIT_HAS_ENDED

PACKAGE = Path(spendgate_service.__file__).parent

GRANT_PATHS = {
    "holds.CAN_GRANT",
    "holds.CAN_GRANT_BELOW_PAUSE",
    "holds.CAN_GRANT_OR_IS_NEW",
    "holds.CAN_GRANT_BELOW_PAUSE_OR_IS_NEW",
    "holds.CAN_MOVE_AND_GRANT",
    "holds.CAN_MOVE_AND_GRANT_BELOW_PAUSE",
    "holds.ENOUGH_COMES_BACK",
    "holds.ENOUGH_COMES_BACK_BELOW_PAUSE",
    "credit_writes.CAN_CORRECT_UNTIL",
    "credit_writes.CAN_CORRECT_UNTIL_PERIOD_ENDS",
}
"""All conditions on what is available: a new one has to be listed here."""


def conditions() -> Iterator[tuple[str, str]]:
    """Every constant of the service that compares what is available."""
    for module in walk_packages(spendgate_service.__path__, "spendgate_service."):
        if module.name.endswith("__main__"):
            continue
        for name, value in vars(import_module(module.name)).items():
            texts = value.values() if isinstance(value, Mapping) else [value]
            for text in texts:
                if isinstance(text, str) and re.search(r"\bavailable >", text):
                    yield f"{module.name.rpartition('.')[2]}.{name}", text


def test_every_condition_that_grants_says_that_no_credit_has_ended() -> None:
    found = dict(conditions())

    assert found.keys() - {"holds._CONDITIONS", "holds._MOVING_CONDITIONS"} == GRANT_PATHS
    assert [name for name, text in found.items() if NO_CREDIT_HAS_ENDED not in text] == []


def test_every_hold_says_it_also_of_an_amount_that_needs_nothing() -> None:
    texts = [*holds._CONDITIONS.values(), *holds._MOVING_CONDITIONS.values()]
    assert [text for text in texts if NO_CREDIT_HAS_ENDED not in text] == []


def test_no_condition_on_what_is_available_is_written_outside_of_a_constant() -> None:
    written = [
        (path.name, line)
        for path in PACKAGE.rglob("*.py")
        for line in path.read_text().splitlines()
        if re.search(r"\bavailable >=? :", line)
    ]

    assert len(written) == 2, written
    assert all(re.match(r"[A-Z_]+ = ", line) for _, line in written)
