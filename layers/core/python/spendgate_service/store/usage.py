"""The usage log: the records of one transaction on one day share an item, which never changes.

The partition is the tenant's UTC day of `occurred_at`, spread over some shards; in it, items are
sorted by when they were recorded. A record's id names its item and its place in it. The lines of an
item are deflated with a preset dictionary (RFC 1950): ten records cost about as much as two.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, cast

from spendgate_service.domain.amounts import amount_text, parse_amount
from spendgate_service.domain.model_usage import COUNTS, Usage
from spendgate_service.domain.reservations import Provenance
from spendgate_service.domain.subjects import Subject, parse_subject
from spendgate_service.domain.usage_days import day_of
from spendgate_service.domain.usage_records import BudgetShare, MeteredUsage, UsageRecord
from spendgate_service.store import counters, keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.ids import new_ulid, time_ms_of_ulid
from spendgate_service.store.ledger import origin_text, read_origin
from spendgate_service.store.packing import Packing
from spendgate_service.store.values import Item

RECORDS_PER_ITEM_MAX = 100

RECORD_ID_PREFIX = "use_"

_ID = re.compile(RECORD_ID_PREFIX + r"(?P<day>\d{8})(?P<batch>[0-9a-z]{26})(?P<place>\d{2})")

_DEFAULT_USAGE = Usage("", "")
_PROVENANCE = tuple(provenance_field.name for provenance_field in fields(Provenance))

_PACKED = Packing(
    b'"reverses":"use_2026","metadata":{"trace_id":"","overrun":true,"late":true,"calls":'
    b'"description":"","ref_id":"","ref_type":"llm_generation","meter_source":"provider",'
    b'"web_searches":1,"service_tier":"batch","requests":1,"reasoning_tokens":'
    b'"output_audio_tokens":"input_audio_tokens":"cache_write_1h_tokens":"cache_write_tokens":'
    b'"cached_input_tokens":{"provider":"anthropic","model":"claude-sonnet-4-5",'
    b'"priced_by":"override","leaves_at":17'
    b'"metered":{"provider":"openai","model":"gpt-4o-mini","priced_by":"builtin","usage":{'
    b'"input_tokens":1000,"output_tokens":500}},"reservation_id":"rsv_01","counted":false,'
    b'{"occurred_at_ms":17,"subjects":["organization:","api_key:key_01","app:","user:","tool:",'
    b'"session:","agent:","model:gpt-4o"],"amounts":{"eur":"0.0","credits":"usd":"0.0",'
    b'"tokens":"1500"},"budgets":[{"budget_id":"bud_01","of":1,"period_key":"month-UTC-2026-",'
    b'"unit":"usd","amount":"0.0"},{"budget_id":"bud_01","of":2,"period_key":"day-UTC-2026-",'
    b'"unit":"usd","amount":"0.0"},{"budget_id":"bud_01","of":0,"period_key":"none",'
    b'"unit":"tokens","amount":"1'
)


class UsageBatch:
    """The records of one transaction, as they are numbered and written."""

    def __init__(self, table_name: str, *, now_ms: int) -> None:
        self._table_name = table_name
        self._now_ms = now_ms
        self._items: dict[tuple[str, str], list[tuple[str, list[UsageRecord]]]] = {}
        """By tenant and day: the items, each by its batch id."""

    def add(self, tenant_id: str, record: UsageRecord) -> UsageRecord:
        """Add a record; return it with its id."""
        group = tenant_id, day_of(record.occurred_at_ms)
        items = self._items.setdefault(group, [])
        if not items or len(items[-1][1]) == RECORDS_PER_ITEM_MAX:
            items.append((new_ulid(now_ms=self._now_ms), []))
        batch_id, together = items[-1]
        numbered = replace(
            record,
            record_id=_record_id(group[1], batch_id, len(together)),
            recorded_at_ms=self._now_ms,
        )
        together.append(numbered)
        return numbered

    def puts(self) -> list[dict[str, Any]]:
        """Make the writes: one item for each tenant and day, more of very many records."""
        return [
            {
                "Put": {
                    "TableName": self._table_name,
                    "Item": {
                        **values.key(keys.usage_key(tenant_id, day, batch_id,
                                                    recorded_at_ms=self._now_ms)),
                        "usage_lines": _PACKED.pack_lines([_line_of(record) for record in records]),
                        **_expiry(records),
                    },
                    "ConditionExpression": keys.IS_NEW,
                }
            }
            for (tenant_id, day), items in self._items.items()
            for batch_id, records in items
        ]  # fmt: skip


def usage_items_of(records: Sequence[tuple[str, UsageRecord]]) -> int:
    """Count the items of records, each with its tenant."""
    of_group = Counter((tenant_id, day_of(record.occurred_at_ms)) for tenant_id, record in records)
    return sum(-(-count // RECORDS_PER_ITEM_MAX) for count in of_group.values())


def find_usage_record(table: Table, tenant_id: str, record_id: str) -> UsageRecord | None:
    """Read one record consistently; None if there is none. One read unit."""
    if not _ID.fullmatch(record_id):
        return None
    item = table.get(values.key(key_of_record(tenant_id, record_id)))
    records = [] if item is None else read_usage(item)
    return next((record for record in records if record.record_id == record_id), None)


def key_of_record(tenant_id: str, record_id: str) -> keys.Key:
    """Return the key of the item of a record, which the record's id names."""
    named = _ID.fullmatch(record_id)
    assert named is not None
    moment = time_ms_of_ulid(named["batch"])
    return keys.usage_key(tenant_id, named["day"], named["batch"], recorded_at_ms=moment)


def day_of_record(record_id: str) -> str:
    """Return the UTC day of a record, which its id names."""
    named = _ID.fullmatch(record_id)
    assert named is not None
    return named["day"]


def find_reversal(table: Table, tenant_id: str, record_id: str) -> UsageRecord | None:
    """Read the record that reverses a record; None if it was not reversed. Two read units."""
    marker = table.get(values.key(keys.reversal_key(tenant_id, record_id)))
    if marker is None:
        return None
    return find_usage_record(table, tenant_id, marker["reversal_id"]["S"])


def put_of_reversal(table_name: str, tenant_id: str, reversal: UsageRecord) -> dict[str, Any]:
    """Make the write of the marker that makes a reversal happen once; it expires with the log."""
    assert reversal.reverses is not None
    return {
        "Put": {
            "TableName": table_name,
            "Item": {
                **values.key(keys.reversal_key(tenant_id, reversal.reverses)),
                "reversal_id": values.text(reversal.record_id),
                **_expiry([reversal]),
            },
            "ConditionExpression": keys.IS_NEW,
        }
    }


def usage_items(
    table: Table,
    partition: str,
    *,
    first: str = keys.USAGE_FIRST,
    last: str = keys.USAGE_LAST,
    newest_first: bool = False,
) -> Iterator[Item]:
    """Read the items of a day's shard between two sort keys, both included, page by page.

    None lie between them if the first sorts after the last; DynamoDB refuses to look.
    """
    if first > last:
        return iter(())
    return table.query_items(
        KeyConditionExpression=keys.SORTED_BETWEEN,
        ExpressionAttributeValues={
            ":pk": values.text(partition),
            ":first": values.text(first),
            ":last": values.text(last),
        },
        ConsistentRead=True,
        ScanIndexForward=not newest_first,
    )


def read_usage(item: Item) -> list[UsageRecord]:
    """Read the records of an item, in the order in which they were applied."""
    partition, sort_key = keys.read_key(item)
    day, (recorded_at_ms, batch_id) = (
        keys.usage_day_of(partition),
        keys.usage_place_of(sort_key),
    )
    lines = _PACKED.read_lines(item["usage_lines"])
    return [
        replace(
            _record_of(line),
            record_id=_record_id(day, batch_id, place),
            recorded_at_ms=recorded_at_ms,
        )
        for place, line in enumerate(lines)
    ]


def _record_id(day: str, batch_id: str, place: int) -> str:
    assert 0 <= place < RECORDS_PER_ITEM_MAX
    return f"{RECORD_ID_PREFIX}{day}{batch_id}{place:02d}"


def _expiry(records: Sequence[UsageRecord]) -> Item:
    """Make the TTL attribute: the records are kept as long as their ledger entries."""
    expiry = {
        "expires_ttl": values.number(records[0].recorded_at_ms // 1000 + counters.RETENTION_SECONDS)
    }
    period_keys = {
        share.period_key for record in records for share in record.budgets if share.period_key
    }
    if not period_keys:
        return expiry
    of_ledger = counters.expiry_of(period_keys)
    return max(expiry, of_ledger, key=_moment) if of_ledger else {}


def _moment(expiry: Item) -> int:
    return values.read_number(expiry["expires_ttl"])


def _line_of(record: UsageRecord) -> dict[str, object]:
    """Write a record as JSON, without what it has in common with most records."""
    places = {subject: place for place, subject in enumerate(record.subjects)}
    optional = {
        "metered": _metered_value(record.metered),
        "reservation_id": record.reservation_id,
        **{name: getattr(record.provenance, name) for name in _PROVENANCE},
        "late": record.late or None,
        "overrun": record.overrun or None,
        "calls": record.calls if record.calls != 1 else None,
        "metadata": dict(record.metadata) or None,
        "reverses": record.reverses,
    }
    return {
        "occurred_at_ms": record.occurred_at_ms,
        "subjects": [str(subject) for subject in record.subjects],
        "amounts": {unit: amount_text(amount) for unit, amount in record.amounts.items()},
        "budgets": [_share_value(share, places) for share in record.budgets],
        **{name: value for name, value in optional.items() if value is not None},
    }


def _record_of(line: Mapping[str, Any]) -> UsageRecord:
    subjects = tuple(map(parse_subject, line["subjects"]))
    return UsageRecord(
        subjects=subjects,
        amounts={unit: parse_amount(text) for unit, text in line["amounts"].items()},
        occurred_at_ms=line["occurred_at_ms"],
        budgets=tuple(_share_of(value, subjects) for value in line["budgets"]),
        metered=_metered_of(line["metered"]) if "metered" in line else None,
        provenance=Provenance(**{name: line.get(name) for name in _PROVENANCE}),
        calls=line.get("calls", 1),
        reservation_id=line.get("reservation_id"),
        late=line.get("late", False),
        overrun=line.get("overrun", False),
        metadata=line.get("metadata", {}),
        reverses=line.get("reverses"),
    )


def _share_value(share: BudgetShare, places: Mapping[Subject, int]) -> dict[str, object]:
    """Write a share; `of` is the place of its subject among those of the record."""
    value: dict[str, object] = {
        "budget_id": share.budget_id,
        "of": places[share.subject],
        "period_key": share.period_key,
        "unit": share.unit,
        "amount": amount_text(share.amount),
    }
    if not share.counted:
        value["counted"] = False
    if share.leaves_at is not None:
        value["leaves_at"] = share.leaves_at
    if share.origin is not None:
        value["converted_from"] = origin_text(share.origin)
    return value


def _share_of(value: Mapping[str, Any], subjects: Sequence[Subject]) -> BudgetShare:
    return BudgetShare(
        budget_id=value["budget_id"],
        subject=subjects[value["of"]],
        period_key=value["period_key"],
        unit=value["unit"],
        amount=parse_amount(value["amount"]),
        counted=value.get("counted", True),
        leaves_at=value.get("leaves_at"),
        origin=read_origin(value.get("converted_from")),
    )


def _metered_value(metered: MeteredUsage | None) -> dict[str, object] | None:
    if metered is None:
        return None
    usage = metered.usage
    counts: dict[str, object] = {
        name: getattr(usage, name)
        for name in COUNTS
        if getattr(usage, name) != getattr(_DEFAULT_USAGE, name)
    }
    if usage.service_tier != _DEFAULT_USAGE.service_tier:
        counts["service_tier"] = usage.service_tier
    value: dict[str, object] = {"provider": metered.provider, "model": metered.model}
    if metered.priced_by is not None:
        value["priced_by"] = metered.priced_by
    return {**value, "usage": counts}


def _metered_of(value: Mapping[str, Any]) -> MeteredUsage:
    provider, model = value["provider"], value["model"]
    return MeteredUsage(
        provider,
        model,
        Usage(provider, model, **value["usage"]),
        cast("Any", value.get("priced_by")),
    )
