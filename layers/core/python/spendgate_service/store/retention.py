"""How long the table remembers a period: its counter, its ledger and its statements.

They go together, by TTL, some time after the period has ended; what has no end stays.
"""

from collections.abc import Iterable

from spendgate_service.domain.period_keys import period_of
from spendgate_service.domain.periods import Period
from spendgate_service.settings import Settings
from spendgate_service.store import values
from spendgate_service.store.errors import Item

RETENTION_SECONDS = Settings().retention_days * 86_400


def kept_until(period: Period) -> int | None:
    """Until when (epoch seconds) what belongs to a period is kept; None for ever."""
    return None if period.ends_at is None else period.ends_at + RETENTION_SECONDS


def is_forgotten(period_key: str, *, now_ms: int) -> bool:
    """Whether TTL may have removed what belongs to a period, or a part of it."""
    until = kept_until(period_of(period_key))
    return until is not None and until * 1000 <= now_ms


def expiry_of(period_keys: Iterable[str]) -> Item:
    """The TTL attribute of an item that belongs to these periods; none where one never ends."""
    untils = [kept_until(period_of(key)) for key in period_keys]
    latest = max((until for until in untils if until is not None), default=None)
    return {} if latest is None or None in untils else {"expires_ttl": values.number(latest)}
