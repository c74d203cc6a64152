"""The answers about spending: balances, reservations, recorded spend. Plain dictionaries."""

from collections.abc import Iterable, Sequence

from spendgate_service.domain.amounts import Amount, amount_text
from spendgate_service.domain.counters import Balance
from spendgate_service.domain.decisions import shadowed_after
from spendgate_service.domain.forecast import Forecast, forecast_of
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.periods import (
    CalendarPeriod,
    DurationPeriod,
    NoPeriod,
    Period,
    PeriodRule,
    RollingPeriod,
    window_text,
)
from spendgate_service.domain.reservations import Line, Reservation
from spendgate_service.domain.settlements import RecordedSpend
from spendgate_service.domain.subjects import CREDENTIAL_TYPES, Subject
from spendgate_service.wire.values import amounts_on_wire, optional_time_on_wire, time_on_wire


def balance_answer(balance: Balance) -> dict[str, object]:
    """A budget's balances for one subject and period.

    What remains in per cent is what is not spent, whatever is held; it is never below 0.
    """
    budget, counter = balance.budget, balance.counter
    utilization = balance.utilization_tenths_pct
    return {
        "budget_id": budget.budget_id,
        "name": budget.name,
        "subject": str(balance.subject),
        "unit": budget.unit,
        "period": _period_answer(budget.period, balance.period),
        "limit": amount_text(counter.limit),
        "credits": amount_text(counter.credits),
        "carried_in": amount_text(counter.carried_in),
        "soft_limit": None if budget.soft_limit is None else amount_text(budget.soft_limit),
        "spent": amount_text(balance.spent),
        "held": amount_text(balance.held),
        "available": amount_text(balance.available),
        "overrun": amount_text(balance.overrun),
        "utilization_pct": utilization / 10,
        "percent_remaining": max(0, 1000 - utilization) / 10,
        "status": balance.status,
        "resets_at": _boundary(balance.resets_at),
        "resets_in_seconds": balance.resets_in_seconds,
        "forecast": _forecast_answer(forecast_of(balance)),
    }


def _forecast_answer(forecast: Forecast | None) -> dict[str, str | None] | None:
    if forecast is None:
        return None
    return {
        "burn_rate_per_hour": amount_text(forecast.burn_rate_per_hour),
        "limit_reached_at": optional_time_on_wire(forecast.limit_reached_at_ms),
    }


def _period_answer(rule: PeriodRule, period: Period) -> dict[str, object]:
    return {
        "type": period_rule_answer(rule)["type"],
        "key": period.key,
        "starts_at": _boundary(period.starts_at),
        "ends_at": _boundary(period.ends_at),
    }


def period_rule_answer(rule: PeriodRule) -> dict[str, str | int]:
    """What kind of period a budget has."""
    match rule:
        case NoPeriod():
            return {"type": "none"}
        case CalendarPeriod():
            return {"type": "calendar", "unit": rule.unit, "timezone": rule.timezone}
        case DurationPeriod():
            return {"type": "duration", "seconds": rule.seconds, "window": rule.label}
        case RollingPeriod():
            window = window_text(rule.seconds)
            return {"type": "rolling", "seconds": rule.seconds, "window": window}


def _boundary(seconds: int | None) -> str | None:
    return optional_time_on_wire(None if seconds is None else seconds * 1000)


def warnings_of(balances: Iterable[Balance], shadowed: Iterable[Balance] = ()) -> list[str]:
    """One sentence for each budget past a threshold, and each shadow that would have refused."""
    past = [_warning(balance) for balance in balances if balance.is_warning]
    return past + [f"{_warning(balance)}; this shadow would have refused" for balance in shadowed]


def _warning(balance: Balance) -> str:
    """For example `agent:researcher usd day at 85.0%: 8.50 of 10`."""
    tenths = balance.utilization_tenths_pct
    spent, whole = balance.spent, balance.counter.entitlement
    return (
        f"{balance.subject} {balance.budget.unit} {balance.budget.period.label} "
        f"at {tenths // 10}.{tenths % 10}%: {amount_in_sentence(spent)} of "
        f"{amount_in_sentence(whole)}"
    )


def amount_in_sentence(amount: Amount) -> str:
    """An amount for people: one with a fraction has at least two digits after the point.

    So it is `8.50`, as money is written, and `10`; in every unit alike.
    """
    text = amount_text(amount)
    _, point, fraction = text.partition(".")
    return text + "0" if point and len(fraction) == 1 else text


def subjects_answer(subjects: Iterable[Subject]) -> dict[str, str]:
    """The subjects as the request named them, without those of the credential."""
    return {
        subject.type: subject.id for subject in subjects if subject.type not in CREDENTIAL_TYPES
    }


def reservation_granted(
    reservation: Reservation,
    balances: Sequence[Balance],
    *,
    notes: Sequence[str] = (),
    unpriced: bool = False,
) -> dict[str, object]:
    """The answer to a reservation that was granted; `notes` are warnings of another origin.

    `unpriced` says that a usage counts in tokens only, for want of a price.
    """
    warnings = [*notes, *warnings_of(balances, shadowed_after(balances))]
    return {
        "reservation_id": reservation.reservation_id,
        "state": "held",
        "expires_at": time_on_wire(reservation.expires_at_ms),
        "created_at": time_on_wire(reservation.created_at_ms),
        "subjects": subjects_answer(reservation.subjects),
        "amounts": amounts_on_wire(reservation.amounts),
        "action": "warn" if warnings else "continue",
        "warnings": warnings,
        "unpriced": unpriced,
        "budgets": [balance_answer(balance) for balance in balances],
    }


def reservation_answer(
    reservation: Reservation, *, now_ms: int, unpriced: bool = False
) -> dict[str, object]:
    """A reservation and what became of it; `actual` is null until it is settled or released.

    Flagged as `unpriced` is what was settled by a usage that counts in tokens only.
    """
    actual = reservation.actual
    flag = {"unpriced": True} if unpriced else {}
    return {
        **flag,
        "reservation_id": reservation.reservation_id,
        "state": reservation.state_at(now_ms=now_ms),
        "expires_at": time_on_wire(reservation.expires_at_ms),
        "created_at": time_on_wire(reservation.created_at_ms),
        "finalized_at": optional_time_on_wire(reservation.finalized_at_ms),
        "subjects": subjects_answer(reservation.subjects),
        "amounts": amounts_on_wire(reservation.amounts),
        "actual": None if actual is None else amounts_on_wire(actual),
        "late": reservation.late,
        "overrun": reservation.overrun,
        "lines": [_line_answer(line) for line in reservation.lines],
        "metadata": dict(reservation.metadata),
    }


def _line_answer(line: Line) -> dict[str, object]:
    """What was held on one budget, and by which rate where the request named another unit."""
    conversion = next(iter(line.conversions), None)
    return {
        "budget_id": line.budget_id,
        "subject": str(line.subject),
        "unit": line.unit,
        "period_key": line.period_key,
        "amount": amount_text(line.amount),
        "from": conversion.unit if conversion else None,
        "rate": amount_text(conversion.rate) if conversion else None,
    }


def spend_answer(
    *, tenant_id: str, subjects: Iterable[Subject], balances: Iterable[Balance]
) -> dict[str, object]:
    """What was spent: all balances of the subjects."""
    return {
        "tenant_id": tenant_id,
        "subjects": subjects_answer(subjects),
        "budgets": [balance_answer(balance) for balance in balances],
    }


def record_answer(recorded: RecordedSpend) -> dict[str, object]:
    """Spend that was recorded without a reservation, and what it debited."""
    return {
        "subjects": subjects_answer(recorded.subjects),
        "actual": amounts_on_wire(recorded.actual),
        "entries": [ledger_entry_answer(entry) for entry in recorded.entries],
        "unpriced": recorded.unpriced,
        "created_at": time_on_wire(recorded.created_at_ms),
    }


def ledger_entry_answer(entry: LedgerEntry) -> dict[str, object]:
    """One debit or credit, and what kind of entry it is."""
    return {
        "id": entry.entry_id,
        "budget_id": entry.budget_id,
        "subject": str(entry.subject),
        "period_key": entry.period_key,
        "amount": amount_text(entry.amount),
        "unit": entry.unit,
        "meter_source": entry.meter_source,
        "ref_type": entry.ref_type,
        "ref_id": entry.ref_id,
        "session_id": entry.session_id,
        "reservation_id": entry.reservation_id,
        "description": entry.description,
        "kind": entry.kind,
        "created_at": time_on_wire(entry.created_at_ms),
    }
