"""Divide a batch: commands that are applied together, and plans that fit one transaction."""

from collections.abc import Iterable, Mapping, Sequence

from spendgate_service.domain.requests import Capture, SettlementCommand
from spendgate_service.settlements.plan import Plan, own_key
from spendgate_service.store import keys
from spendgate_service.store.errors import TransactionFailed
from spendgate_service.store.postings import WRITES_MAX
from spendgate_service.store.usage import usage_items_of


def groups_of(
    commands: Sequence[SettlementCommand], places: Sequence[int]
) -> Iterable[Mapping[int, SettlementCommand]]:
    """Group the captures of each lease, by their places; any other command stands alone."""
    groups: dict[keys.Key | int | None, dict[int, SettlementCommand]] = {}
    for place in places:
        command = commands[place]
        shared = own_key(command) if isinstance(command, Capture) else place
        groups.setdefault(shared, {})[place] = command
    return groups.values()


def names_conditions(failed: TransactionFailed) -> bool:
    """Tell whether conditions failed, and nothing else went wrong."""
    return any(objection is not None and objection.is_condition for objection in failed.objections)


def chunks_of(plans: list[Plan]) -> list[list[Plan]]:
    """Group plans that fit one transaction together."""
    if _writes_max(plans) <= WRITES_MAX:
        return [plans] if plans else []
    chunks: list[list[Plan]] = []
    for plan in plans:
        if not chunks or _writes_max([*chunks[-1], plan]) > WRITES_MAX:
            chunks.append([])
        chunks[-1].append(plan)
    return chunks


def _writes_max(plans: Sequence[Plan]) -> int:
    """Count the writes of plans at most: they share counters, ledger and usage items."""
    counters = {posting.counter for plan in plans for posting in plan.postings}
    ledgers = {partition for partition, _ in counters}
    usage = usage_items_of([(plan.tenant_id, record) for plan in plans for record in plan.usage])
    return len(plans) + len(counters) + len(ledgers) + usage
