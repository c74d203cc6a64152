"""What may happen in a story: who spends, on which terms, how much, and how time goes by."""

from dataclasses import dataclass
from decimal import Decimal

from hypothesis import strategies as st

from spendgate_service.domain.reservations import OnExpiry
from tests.model.state import Opening, Report
from tests.model.time import Every

TENANT = "acme"

MOMENTS = {
    "a Sunday at noon": 1_772_971_200_000,
    "before New York loses an hour": 1_772_952_900_000,
    "before Paris gains an hour": 1_792_890_000_000,
    "before the year ends in UTC": 1_798_761_000_000,
}
CALLERS = (
    {"agent": "a"}, {"agent": "b"}, {"agent": "a", "session": "s"}, {"session": "s"},
)  # fmt: skip
SUBJECTS = st.sampled_from(
    [f"organization:{TENANT}", "agent:*", "agent:*", "agent:a", "agent:a", "session:*", "session:s"]
)
PERIODS = st.sampled_from(
    [
        Every("none"),
        Every("calendar", unit="hour", zone="America/New_York"),
        Every("calendar", unit="day", zone="Europe/Paris"),
        Every("calendar", unit="week"),
        Every("calendar", unit="month"),
        Every("calendar", unit="year", zone="Asia/Kathmandu"),
        Every("duration", 1800),
        Every("duration", 86_400),
        Every("rolling", 60),
        Every("rolling", 3600),
    ]
)
AMOUNT = st.sampled_from(["0", "0.000000001", "0.5", "1", "2.25", "3", "7"]).map(Decimal)
CREDIT = st.sampled_from(["0.000000001", "0.5", "2.25", "7", "-0.5", "-2.25", "-7"]).map(Decimal)
AGO = st.sampled_from(
    [
        None,
        None,
        -61,
        -30,
        0,
        20,
        61,
        1801,
        3600,
        7200,
        86_400,
        8 * 86_400,
        34 * 86_400,
        36 * 86_400,
    ]
)
"""How many seconds ago something was spent, as its report says."""

END = st.sampled_from([None, None, -20, 5, 15, 40, 400, 7200, 40 * 86_400])
"""When a credit ends, in seconds from now."""

OPENING: st.SearchStrategy[Opening | None] = st.sampled_from(
    [None, "inherit", "inherit", Decimal(0), Decimal("2.25"), Decimal(7)]
)
LIMIT = st.sampled_from(["0", "1", "5", "8.5", "10", "20"]).map(Decimal)
UNIT = st.sampled_from(["usd", "usd", "eur", "tokens"])
AMOUNTS = st.sampled_from(["usd", "usd", "tokens", "usd tokens", "usd eur"]).flatmap(
    lambda units: st.fixed_dictionaries(dict.fromkeys(units.split(), AMOUNT))
)
REPORT = st.builds(Report, captured=AMOUNTS, returned=st.just({}) | AMOUNTS)
ON_EXPIRY: st.SearchStrategy[OnExpiry] = st.sampled_from(["release", "release", "charge"])


@dataclass(frozen=True)
class Terms:
    """What a budget is created with."""

    subject: str
    unit: str
    limit: Decimal
    every: Every
    soft: str
    shadow: bool
    opening: Opening | None


TERMS = st.builds(
    Terms,
    subject=SUBJECTS,
    unit=UNIT,
    limit=LIMIT,
    every=PERIODS,
    soft=st.sampled_from(["", "", "warn", "pause"]),
    shadow=st.sampled_from([False, False, False, True]),
    opening=OPENING,
)
WHEN = st.sampled_from(sorted(MOMENTS))
TTL = st.sampled_from([1, 7, 60, 300, 4000])
CALLER = st.sampled_from(CALLERS)
JUMP = st.sampled_from([0.4, 1, 5, 30, 61, 400, 3600, 7200, 86_400, 8 * 86_400])
