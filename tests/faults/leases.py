"""Operations on leases for faults to be tried on: captures, growth, charges and their ends."""

from spendgate_service.settlements.charges import charge_expired
from spendgate_service.store.errors import Unavailable
from tests.faults.operations import SETTLED, Act, Known, Operation, in_use, on_held, prepared
from tests.support.fault_fixture import Stage
from tests.support.functions import HttpAnswer

CAPTURED = {"actual": {"usd": "1"}}
ENTRIES = {
    "actual": {"usd": "1.5"},
    "returned": {"usd": "0.25"},
    "entries": [{"amounts": {"usd": "1"}, "calls": 3}, {"amounts": {"usd": "0.5"}}],
}


def _captured(stage: Stage, known: Known) -> None:
    path = f"/v1/reservations/{known['held']['reservation_id']}/capture"
    stage.party.done("POST", path, CAPTURED)


def _to_be_charged(stage: Stage, known: Known) -> None:
    """A lease that counts in full once it has expired, of which a part is captured."""
    known["held"] = stage.party.reserve(2, ttl_seconds=60, on_expiry="charge")
    _captured(stage, known)


def _expires(stage: Stage, _known: Known) -> None:
    stage.clock.advance(400)


def _charged(stage: Stage, known: Known) -> None:
    assert _charge(stage, known).status == 200


def _charge(stage: Stage, _known: Known) -> HttpAnswer:
    """What the scheduled function does for charges; one that fails is tried by the next run."""
    settlements, now_ms = stage.party.service.app.settlements, stage.clock.now_ms()
    try:
        done = charge_expired(stage.table, settlements, now_ms=now_ms, has_time=lambda: True)
    except Unavailable:
        return HttpAnswer(503, {}, {"Retry-After": "60"})
    return HttpAnswer(503 if done.failed else 200, {}, {"Retry-After": "60"})


_CAPTURE: Act = on_held("capture", {"actual": {"usd": "1.5"}})
_CHARGE_EXPIRES = prepared(in_use, _to_be_charged, _expires)

LEASES = (
    Operation("capture a lease", in_use, _CAPTURE),
    Operation("capture a lease with entries", in_use, on_held("capture", ENTRIES)),
    Operation("capture a lease again", prepared(in_use, _captured), _CAPTURE),
    Operation("capture a lease after its expiry", prepared(in_use, _expires), _CAPTURE),
    Operation(
        "grow a lease", in_use, on_held("extend", {"ttl_seconds": 900, "amounts": {"usd": "4"}})
    ),
    Operation("settle a captured lease", prepared(in_use, _captured), on_held("settle", SETTLED)),
    Operation("release a captured lease", prepared(in_use, _captured), on_held("release")),
    Operation("charge an expired lease", _CHARGE_EXPIRES, _charge),
    Operation(
        "settle a charged lease",
        prepared(in_use, _to_be_charged, _expires, _charged),
        on_held("settle", SETTLED),
    ),
)
