"""Reservations: the response to a grant, and what became of a hold."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, NotRequired, TypedDict

from spendgate_service.domain.amounts import Amount, amount_text
from spendgate_service.domain.balances import Balance
from spendgate_service.domain.budgeted import UNBUDGETED
from spendgate_service.domain.decisions import shadowed_after
from spendgate_service.domain.reservations import Line, OnExpiry, Reservation, ReservationState
from spendgate_service.wire.balances import BalanceResponse, balance_response, warnings_of
from spendgate_service.wire.fields import Amounts, AmountText, Doc, Subjects, Time
from spendgate_service.wire.prices import PriceResponse
from spendgate_service.wire.values import (
    amounts_on_wire,
    optional_time_on_wire,
    subjects_on_wire,
    time_on_wire,
)


class _Reservation(TypedDict):
    reservation_id: Annotated[str, Doc("The id of the reservation.")]
    expires_at: Annotated[Time, Doc("When the hold expires by itself.")]
    created_at: Annotated[Time, Doc("When the reservation was granted.")]
    subjects: Annotated[Subjects, Doc("The subjects that the request named: the id of each type.")]
    amounts: Annotated[
        Amounts,
        Doc(
            "The amounts that the request asked for, by unit; with a minimum the part of them that "
            "was granted; of a lease all that was granted since the start."
        ),
    ]


class GrantedUsage(TypedDict):
    """What is granted of a usage that named a minimum."""

    max_output_tokens: Annotated[int, Doc("The most output tokens that the call may have.")]


class LeaseTerms(TypedDict):
    """What the holder of a lease needs to admit calls by itself."""

    prices: Annotated[
        dict[str, PriceResponse | None],
        Doc(
            "What the model of the usage and each of `models` costs, by the name that was sent, as "
            "provider/model; null for a model without a price."
        ),
    ]
    budgeted_types: Annotated[
        list[str],
        Doc("The types of subjects that budgets ever had: a lease counts for one value of each."),
    ]


class Granted(_Reservation):
    """A reservation that was granted just now, as it is stored for replays."""

    usage: NotRequired[
        Annotated[
            GrantedUsage,
            Doc("Sent if the usage named min_output_tokens: how much of it is granted."),
        ]
    ]
    state: Annotated[Literal["held"], Doc("A new reservation is held.")]
    action: Annotated[
        Literal["continue", "warn"],
        Doc("What to do: continue, or warn (go on, but consider the warnings)."),
    ]
    warnings: Annotated[
        list[str],
        Doc("A sentence for each budget past a threshold, and each shadow that would refuse."),
    ]
    unpriced: Annotated[
        bool, Doc("Whether a usage counts in tokens only, because its model has no price.")
    ]
    unbudgeted: Annotated[bool, Doc("Whether no budget applies, so that nothing limits it.")]
    budgets: Annotated[
        list[BalanceResponse],
        Doc("The balance of every budget that applies, in the order of refusals."),
    ]


class ReservationGranted(Granted, LeaseTerms):
    """A reservation that was granted just now."""


LineResponse = TypedDict(  # a field is named `from`, which is a keyword of Python
    "LineResponse",
    {
        "budget_id": Annotated[str, Doc("The budget on which the amount was held.")],
        "subject": Annotated[str, Doc("The subject whose balance it is, as type:id.")],
        "unit": Annotated[str, Doc("The budget's unit.")],
        "period_key": Annotated[str, Doc("The key of the period in which it was held.")],
        "amount": Annotated[AmountText, Doc("What was held, in the budget's unit.")],
        "from": Annotated[
            str | None, Doc("The unit of the request that was converted; null: none was.")
        ],
        "rate": Annotated[
            AmountText | None, Doc("How much of the budget's unit one of `from` was worth.")
        ],
    },
)


class ReservationResponse(_Reservation):
    """A reservation and what became of it."""

    unpriced: NotRequired[
        Annotated[
            bool,
            Doc("Sent if the usage was settled in tokens only, because its model has no price."),
        ]
    ]
    warnings: NotRequired[
        Annotated[
            list[str],
            Doc(
                "A sentence for each unit of the settlement that was not held and that no budget "
                "counts; sent by the first response to it, if there is one."
            ),
        ]
    ]
    state: Annotated[ReservationState, Doc("held, settled, released or expired.")]
    finalized_at: Annotated[
        Time | None, Doc("When the reservation was settled or released; null: it was not.")
    ]
    actual: Annotated[Amounts | None, Doc("What was spent, by unit; null while it is held.")]
    granted: Annotated[Amounts, Doc("What was granted since the start, by unit.")]
    captured: Annotated[Amounts, Doc("What captures reported as spent since the start, by unit.")]
    returned: Annotated[Amounts, Doc("What captures gave back since the start, by unit.")]
    held: Annotated[
        Amounts,
        Doc("What is held now: granted less captured and returned; 0 once the hold has ended."),
    ]
    on_expiry: Annotated[
        OnExpiry, Doc("What becomes of what is held when it expires: release or charge.")
    ]
    charged: Annotated[
        bool,
        Doc("Whether what was held when it expired counts as spent; a settlement replaces that."),
    ]
    late: Annotated[bool, Doc("Whether it was settled or captured after its hold had expired.")]
    overrun: Annotated[bool, Doc("Whether more was settled or captured than was granted.")]
    lines: Annotated[
        list[LineResponse],
        Doc("What was held on each budget that applied, in the budget's unit."),
    ]
    metadata: Annotated[
        Mapping[str, object], Doc("Any JSON object up to 4 KB; stored and returned unread.")
    ]


def reservation_granted(
    reservation: Reservation,
    balances: Sequence[Balance],
    *,
    max_output_tokens: int | None = None,
    notes: Sequence[str] = (),
    unpriced: bool = False,
) -> Granted:
    """Build the response to a granted reservation; `notes` are warnings not about budgets.

    `max_output_tokens` is what is granted of a usage that may have been granted in part.
    """
    amounts = (line.amount for line in reservation.lines)
    shadowed = shadowed_after(zip(balances, amounts, strict=True))
    unbudgeted = [] if balances else [UNBUDGETED]
    warnings = [*notes, *unbudgeted, *warnings_of(balances, shadowed)]
    granted: Granted = {
        "reservation_id": reservation.reservation_id,
        "state": "held",
        "expires_at": time_on_wire(reservation.expires_at_ms),
        "created_at": time_on_wire(reservation.created_at_ms),
        "subjects": subjects_on_wire(reservation.subjects),
        "amounts": amounts_on_wire(reservation.amounts),
        "action": "warn" if warnings else "continue",
        "warnings": warnings,
        "unpriced": unpriced,
        "unbudgeted": not balances,
        "budgets": [balance_response(balance) for balance in balances],
    }
    if max_output_tokens is not None:
        granted["usage"] = {"max_output_tokens": max_output_tokens}
    return granted


class ReservationExtended(ReservationResponse, LeaseTerms):
    """A reservation after its extension."""

    budgets: Annotated[
        list[BalanceResponse],
        Doc("The balance of every budget that applies, if more was granted; else empty."),
    ]


def reservation_extended(
    reservation: Reservation, balances: Sequence[Balance], terms: LeaseTerms, *, now_ms: int
) -> ReservationExtended:
    """Build the response to an extension."""
    return {
        **reservation_response(reservation, now_ms=now_ms),
        "budgets": [balance_response(balance) for balance in balances],
        **terms,
    }


def reservation_response(
    reservation: Reservation, *, now_ms: int, unpriced: bool = False, notes: Sequence[str] = ()
) -> ReservationResponse:
    """Build the response about a reservation; `unpriced` and warnings are sent only if there."""
    actual = reservation.actual
    response: ReservationResponse = {
        "reservation_id": reservation.reservation_id,
        "state": reservation.state_at(now_ms=now_ms),
        "expires_at": time_on_wire(reservation.expires_at_ms),
        "created_at": time_on_wire(reservation.created_at_ms),
        "finalized_at": optional_time_on_wire(reservation.finalized_at_ms),
        "subjects": subjects_on_wire(reservation.subjects),
        "amounts": amounts_on_wire(reservation.amounts),
        "actual": None if actual is None else amounts_on_wire(actual),
        "granted": amounts_on_wire(reservation.amounts),
        "captured": by_granted_unit(reservation.captured, reservation),
        "returned": by_granted_unit(reservation.returned, reservation),
        "held": by_granted_unit(reservation.held_at(now_ms=now_ms), reservation),
        "on_expiry": reservation.on_expiry,
        "charged": reservation.charged,
        "late": reservation.late,
        "overrun": reservation.overrun,
        "lines": [_line(line, reservation.amounts) for line in reservation.lines],
        "metadata": dict(reservation.metadata),
    }
    if unpriced:
        response["unpriced"] = True
    if notes:
        response["warnings"] = list(notes)
    return response


def by_granted_unit(totals: Mapping[str, Amount], reservation: Reservation) -> Amounts:
    """Show totals, also those of 0 in each unit that was granted."""
    return amounts_on_wire({**dict.fromkeys(reservation.amounts, 0), **totals})


def _line(line: Line, held: Mapping[str, Amount]) -> LineResponse:
    conversion = next((rate for rate in line.conversions if rate.unit in held), None)
    return {
        "budget_id": line.budget_id,
        "subject": str(line.subject),
        "unit": line.unit,
        "period_key": line.period_key,
        "amount": amount_text(line.amount),
        "from": conversion.unit if conversion else None,
        "rate": amount_text(conversion.rate) if conversion else None,
    }
