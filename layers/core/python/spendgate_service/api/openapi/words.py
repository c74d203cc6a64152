"""What each field means: one meaning for one name, wherever in the interface it stands."""

from collections.abc import Mapping

from spendgate_service.api.openapi.schemas import Schema

_A_COUNT = "How many, at most, in one request; null for no cap."

MEANINGS: Mapping[str, str] = {
    "action": "What to do: continue, warn (go on, but heed the warnings), pause or stop.",
    "actual": "What was spent, by unit.",
    "admin_key": "The bearer of the tenant's first admin key.",
    "allowed": "Whether a reservation of the same body would be granted now.",
    "amount": "Positive is a debit, negative a credit.",
    "amounts": "What is to be held, by unit.",
    "available": "What can be granted now: limit, credits and what was carried over, less spent "
    "and held; below 0 after an overrun.",
    "balance": "The balance of the budget in the period in force.",
    "budget_id": "The budget that it belongs to.",
    "budgets": "The balance of every budget that applies, in the order of refusals.",
    "cached_input_per_million": "The price of a million cached input tokens; null for the full.",
    "cached_input_tokens": "The part of the input tokens that the provider had cached.",
    "burn_rate_per_hour": "What was spent per hour on average since the period began.",
    "carried_in": "What came over from the period before; negative for a debt.",
    "carried_out": "What went into the next period; negative for a debt.",
    "carry_over": "What goes into the next period; null for nothing.",
    "closed_at": "When the statement was written.",
    "code": "What went wrong, as a word that never changes.",
    "counters": "How many counters were compared.",
    "corrects": "The statement of the same period that it takes the place of; null for the first.",
    "created_at": "When it was made.",
    "credits": "Top-ups and refunds.",
    "currency": "The unit of the amount beside it.",
    "debt": "Whether an overrun is taken off the next period.",
    "description": "A sentence for people.",
    "differences": "Every counter that does not equal its ledger; empty if all is well.",
    "ends_at": "The first moment after the period; null where it never ends.",
    "entries": "The ledger entries.",
    "error": "What went wrong.",
    "error_code": "The code that a reservation would be refused with.",
    "expected": "What the ledger adds up to.",
    "expires_at": "When the hold gives itself back.",
    "finalized_at": "When it was settled or released.",
    "forecast": "When the limit is reached if spending goes on as it did; null where no period is.",
    "found": "What the counter says.",
    "from": "The unit that is converted.",
    "held": "What open reservations hold.",
    "hint": "One sentence that an agent can act on.",
    "id": "Its own id.",
    "input_per_million": "The price of a million input tokens.",
    "input_tokens": "The tokens of the prompt, cached ones included.",
    "is_current": "Whether no later statement has taken its place.",
    "is_final": "Whether nothing was held any more when it was written.",
    "key": "The name of the period, unique within the budget.",
    "key_id": "The id of the API key; not secret.",
    "late": "Whether it was settled after its hold had expired.",
    "kind": "Whether it was spent, credited, or carried over from or to another period.",
    "limit": "What may be spent in one period.",
    "limit_reached_at": "When nothing is left at the burn rate; null if the period ends first.",
    "lines": "What was held on each budget that applied, in the budget's unit.",
    "max": "How much of what was not used goes into the next period; null for all.",
    "max_age_seconds": "How long the rate may be used after it was set; null for ever.",
    "max_completion_tokens": _A_COUNT,
    "max_output_tokens": "The most that the model may write.",
    "max_prompt_tokens": _A_COUNT,
    "max_total_tokens": _A_COUNT,
    "message": "A sentence for people.",
    "metadata": "Anything, up to 4 KB as JSON; kept and shown, never looked at.",
    "meter_source": "Who counted it, for example the provider's answer.",
    "mode": "shadow decides and reports, but never refuses.",
    "model": "The model as its provider names it.",
    "name": "A name for people.",
    "next_cursor": "Where the next page begins; null on the last.",
    "on_soft_limit": "What happens at the soft limit: a warning, or a pause.",
    "output_per_million": "The price of a million output tokens.",
    "output_tokens": "The tokens that the model wrote.",
    "overrun": "By how much the spent amount is above the limit.",
    "param": "The path of the field that is wrong; null where none is.",
    "percent_remaining": "How much of the limit is not spent, whatever is held.",
    "period": "Over which stretch of time the limit holds.",
    "period_key": "The name of the period that it belongs to.",
    "provider": "Who runs the model.",
    "rate": "How much of the one unit one of the other is worth.",
    "ref_id": "The id of what it was spent on, in a system of yours.",
    "ref_type": "What kind of thing it was spent on.",
    "requested": "What was asked of the budget, in its unit.",
    "require_budget": "Whether a request that no budget limits is refused.",
    "reservation_id": "The reservation that it belongs to.",
    "resets_at": "When what is spent counts no more; null where nothing resets.",
    "resets_in_seconds": "The same in seconds from now, at least 1.",
    "retry_after_seconds": "When to come back, in seconds from now; null if time will not help.",
    "role": "What the key may do.",
    "revision": "The number of the statement among those of its period, from 1.",
    "scope": "The type of the subject.",
    "seconds": "The length of the period; send this or window.",
    "secret": "The bearer of the key.",
    "session_id": "The session among the subjects, if one was.",
    "soft_limit": "The spent amount at which it warns or pauses; null for none.",
    "source": "builtin for the price table, override for the tenant's own price.",
    "spent": "What was spent in the period.",
    "starts_at": "The first moment of the period; null where it never began.",
    "state": "held, settled, released or expired.",
    "status": "The worst that is true: disabled, paused, exhausted, warning, active.",
    "subject": "Who or what spends, as type:id; type:* is the default of the type.",
    "subjects": "Who or what spends: the id for each type.",
    "tenant_id": "The tenant.",
    "timezone": "An IANA time zone.",
    "to": "The unit that is converted to.",
    "ttl_seconds": "How long the hold lasts from now on.",
    "type": "Of which kind it is.",
    "unit": "What is counted: a lower-case word such as usd or tokens.",
    "unpriced": "Whether a usage counts in tokens only, for want of a price.",
    "unpriced_model": "What becomes of usage without a price: reject, or allow in tokens only.",
    "unused": "What was not used.",
    "updated_at": "When it was last changed.",
    "usage": "The tokens of a call to a model, to be priced here.",
    "utilization_pct": "How much of the limit is spent, in per cent.",
    "version": "Increases with every change to the budgets of the subject.",
    "violations": "Every budget that refused, in the order of refusals.",
    "warn_at_pct": "The parts of the limit, in per cent, from which on it warns.",
    "warnings": "A sentence for each budget past a threshold, and each shadow that would refuse.",
    "window": "The length of the period, such as 30m, 5h, 7d or 2w; send this or seconds.",
}

_ELSEWHERE: Mapping[str, str] = {
    "Audit.entries": "How many entries were added up.",
    "Difference.balance": "Which of the counter's numbers differs.",
    "PeriodRule.unit": "hour, day, week (from Monday), month or year.",
    "CalendarPeriodBody.unit": "hour, day, week (from Monday), month or year.",
    "CarryOverBody.unused": "Whether what was not used goes into the next period.",
    "Check.balance": "What the most restrictive budget has available.",
    "Check.budget_id": "The most restrictive budget.",
    "CreditBody.amount": "How much more may be spent in the period in force.",
    "CreditBody.subject": "Whose counter is meant, where the budget is a default.",
    "Reservation.overrun": "Whether it was settled above its estimate.",
    "Statement.unused": "What was not used; negative after an overrun.",
}
"""Where a name means something of its own."""


def explained(schemas: Mapping[str, Schema]) -> dict[str, Schema]:
    """The schemas with the meaning of every field that does not say it itself."""
    return {name: _explained(name, schema) for name, schema in schemas.items()}


def _explained(owner: str, schema: Schema) -> Schema:
    said = {key: _inside(owner, value) for key, value in schema.items()}
    properties = said.get("properties")
    if isinstance(properties, dict):
        said["properties"] = {
            name: {**field, "description": _together(_meaning(owner, name), field)}
            for name, field in properties.items()
        }
    return said


def _inside(owner: str, value: object) -> object:
    match value:
        case dict():
            return _explained(owner, value)
        case list():
            return [_inside(owner, one) for one in value]
        case _:
            return value


def _together(meaning: str, field: Schema) -> str:
    return " ".join([meaning, *(str(field[key]) for key in ("description",) if key in field)])


def _meaning(owner: str, name: str) -> str:
    return _ELSEWHERE.get(f"{owner}.{name}") or MEANINGS[name]
