"""The fields that bodies and messages share, and the limit of every text.

Unknown fields are refused and nothing is coerced: a typo or a wrong type in a request about money
is never guessed at.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import isfinite
from typing import Annotated, Any, Literal

from spendgate_service.api.bodies.body import Body
from spendgate_service.api.bodies.declaring import (
    AfterValidator,
    Limits,
    PlainValidator,
    WithJsonSchema,
)
from spendgate_service.domain.amounts import parse_amount, parse_exact, parse_spent_amount
from spendgate_service.domain.errors import InvalidValue
from spendgate_service.domain.hold_buckets import TTL_SECONDS_MAX
from spendgate_service.domain.reservations import Provenance
from spendgate_service.domain.subjects import (
    ANY_ID,
    API_KEY,
    SUBJECTS_MAX,
    is_word,
    make_subject,
)
from spendgate_service.domain.tenants import TENANT_ID_PATTERN
from spendgate_service.wire.fields import Doc

# Every text is stored, logged and shown, so every text has a limit. Together they keep a
# reservation under 32 KB, were all its ids of four-byte characters and 24 budgets on them, and a
# budget under 6 KB: a policy item of 20 budgets stays under 400 KB.
NAME_LENGTH_MAX = 100  # fits a column of a table
DESCRIPTION_LENGTH_MAX = 500  # a sentence or two, as in Stripe's metadata values
REFERENCE_LENGTH_MAX = 256  # as long as a subject's id: often one, a URL or a trace id
LABEL_LENGTH_MAX = 64  # words for machines: meter_source, ref_type, provider, a time zone
EVENT_ID_LENGTH_MAX = 255  # does the job of an Idempotency-Key, and is as long
OBJECT_ID_LENGTH_MAX = 64  # our own ids have at most 40 characters
METADATA_BYTES_MAX = 4096  # as JSON; said by the interface
PROVIDER_USAGE_BYTES_MAX = 8192
UNITS_MAX = 10  # as many as subjects; each unit may touch a budget on each subject
TOKENS_MAX = 10**12  # a million times the largest context window; priced, it is still an amount

_TENANT_ID = re.compile(TENANT_ID_PATTERN)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def changing[B: Body](body: B, *, nullable: Collection[str]) -> B:
    """A patch that names something, and null only where null means something.

    Raises ValueError.
    """
    if not body.model_fields_set:
        raise ValueError("name at least one field to change")
    for name in body.model_fields_set:
        if getattr(body, name) is None and name not in nullable:
            raise ValueError(f"{name} cannot be null; leave it out to keep it")
    return body


def patch_schema(*, nullable: Collection[str]) -> Callable[[dict[str, Any]], None]:
    """Let the schema of a patch say the same: something is named, and null only where it may be."""

    def say(schema: dict[str, Any]) -> None:
        schema["minProperties"] = 1
        for name, field in schema["properties"].items():
            if name not in nullable:
                kinds = [kind for kind in field.pop("anyOf") if kind != {"type": "null"}]
                field.update(kinds[0] if len(kinds) == 1 else {"anyOf": kinds})
                del field["default"]

    return say


def _amount(value: object) -> int:
    if not isinstance(value, (str, int, Decimal)):
        raise ValueError('an amount is a decimal number, such as 0.05 or "0.05"')
    amount = parse_amount(value)
    if amount < 0:
        raise ValueError("an amount is not negative")
    return amount


def _opening_spent(value: object) -> int | Literal["inherit"]:
    return "inherit" if value == "inherit" else _amount(value)


def _spent_amount(value: object) -> int:
    if not isinstance(value, (str, int, Decimal)):
        raise ValueError('an amount is a decimal number, such as 0.05 or "0.05"')
    amount = parse_spent_amount(value)
    if amount < 0 or (not amount and str(value).startswith("-") and Decimal(value)):
        raise ValueError("an amount is not negative")
    return amount


def _exact_amount(value: object) -> Decimal:
    """Read an amount as it was written, and check that it can be rounded up."""
    _spent_amount(value)
    assert isinstance(value, (str, int, Decimal))
    return parse_exact(value)


def _positive(amount: int) -> int:
    if amount <= 0:
        raise ValueError("this amount is greater than 0")
    return amount


def _moment(value: object) -> int:
    """Read a time of RFC 3339 as milliseconds since the epoch."""
    try:
        if not isinstance(value, str) or not _MOMENT.fullmatch(value):
            raise ValueError
        moment = datetime.fromisoformat(value.upper())
        return (moment - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        raise ValueError(
            "a time is written by RFC 3339 with its offset, such as 2026-03-08T12:00:00Z"
        ) from None


def _credited(value: object) -> int:
    if not isinstance(value, (str, int, Decimal)):
        raise ValueError('an amount is a decimal number, such as 5 or "-0.05"')
    amount = parse_amount(value)
    if not amount:
        raise ValueError("a credit is greater than 0, or a correction below 0")
    return amount


def _unit(text: str) -> str:
    if not is_word(text):
        raise ValueError(
            "a unit is a lower-case word of at most 32 letters, digits and underscores, like usd"
        )
    return text


def _subject_type(text: str) -> str:
    if text == API_KEY:
        raise ValueError(f"{text} comes from the credential; leave it out")
    try:
        make_subject(text, "any")
    except InvalidValue as error:
        raise ValueError(str(error)) from None
    return text


def _subject_id(text: str) -> str:
    if text == ANY_ID:
        raise ValueError(f"{ANY_ID} stands for a default; name the one who spends")
    try:
        make_subject("any", text)
    except InvalidValue as error:
        raise ValueError(str(error)) from None
    return text


def _tenant_id(text: str) -> str:
    if not _TENANT_ID.fullmatch(text):
        raise ValueError(
            "a tenant's id has 1 to 64 letters, digits, dots, underscores and hyphens, "
            "and begins with a letter or digit"
        )
    return text


def _metadata(value: dict[str, object]) -> dict[str, object]:
    plain = {name: _plain(inner) for name, inner in value.items()}
    size = len(json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode())
    if size > METADATA_BYTES_MAX:
        raise ValueError(f"metadata has at most {METADATA_BYTES_MAX} bytes as JSON")
    return plain


def _provider_usage(value: dict[str, object]) -> dict[str, object]:
    plain = {name: _whole_numbers(inner) for name, inner in value.items()}
    if len(json.dumps(plain)) > PROVIDER_USAGE_BYTES_MAX:
        raise ValueError(f"provider_usage has at most {PROVIDER_USAGE_BYTES_MAX} bytes as JSON")
    return plain


def _whole_numbers(value: object) -> object:
    """Convert whole numbers to integers and other numbers to floats; keep all other values."""
    match value:
        case Decimal():
            return int(value) if value.is_finite() and value == int(value) else float(value)
        case dict():
            return {name: _whole_numbers(inner) for name, inner in value.items()}
        case list():
            return [_whole_numbers(inner) for inner in value]
        case _:
            return value


def _plain(value: object) -> object:
    """Metadata's numbers are not amounts: they become what JSON can carry anywhere."""
    match value:
        case Decimal():
            number = float(value)
            if not isfinite(number):
                raise ValueError("metadata holds a number that is out of range")
            return number
        case dict():
            return {name: _plain(inner) for name, inner in value.items()}
        case list():
            return [_plain(inner) for inner in value]
        case _:
            return value


type _Schema = dict[str, object]

# What a schema can say of the rules above; `tests/e2e/test_fuzz.py` compares the two.
_WORD_PATTERN = "[a-z][a-z0-9_]{0,31}"
ID_PATTERN = r"[^\u0000-\u001f\u007f-\u009f]{1,256}"

AMOUNT_SCHEMA: _Schema = {
    "description": "An exact decimal: at most 18 digits before the point and 9 after it.",
    "anyOf": [
        {"type": "string", "pattern": r"^[0-9]{1,18}(\.[0-9]{1,9})?$", "examples": ["0.0125"]},
        {"type": "number", "minimum": 0, "exclusiveMaximum": 10**18},
    ],
}
SPENT_AMOUNT_SCHEMA: _Schema = {
    "description": (
        "A decimal of at most 18 digits before the point; more than 9 fractional digits are "
        "rounded up to the next billionth."
    ),
    "anyOf": [
        {
            "type": "string",
            "pattern": r"^[0-9]{1,18}(\.[0-9]{1,40})?$",
            "examples": ["0.0125"],
        },
        {"type": "number", "minimum": 0, "exclusiveMaximum": 10**18},
    ],
}
_POSITIVE_AMOUNT_SCHEMA = {
    "description": AMOUNT_SCHEMA["description"],
    "anyOf": [
        {
            "type": "string",
            "pattern": r"^(?=.*[1-9])[0-9]{1,18}(\.[0-9]{1,9})?$",
            "examples": ["0.0125"],
        },
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 10**18},
    ],
}
_CREDIT_AMOUNT_SCHEMA = {
    "description": AMOUNT_SCHEMA["description"],
    "anyOf": [
        {
            "type": "string",
            "pattern": r"^-?(?=.*[1-9])[0-9]{1,18}(\.[0-9]{1,9})?$",
            "examples": ["5", "-0.0125"],
        },
        {
            "type": "number",
            "not": {"const": 0},
            "exclusiveMinimum": -(10**18),
            "exclusiveMaximum": 10**18,
        },
    ],
}
WORD_SCHEMA: _Schema = {"type": "string", "pattern": f"^{_WORD_PATTERN}$"}
_SUBJECT_TYPE_SCHEMA: _Schema = {**WORD_SCHEMA, "not": {"const": API_KEY}}
_SUBJECT_ID_SCHEMA: _Schema = {
    "type": "string",
    "pattern": f"^{ID_PATTERN}$",
    "not": {"pattern": r"\*"},
}
SUBJECT_SCHEMA: _Schema = {
    "type": "string",
    "pattern": f"^{_WORD_PATTERN}:{ID_PATTERN}$",
}
_AMOUNTS_SCHEMA: _Schema = {
    "type": "object",
    "propertyNames": WORD_SCHEMA,
    "additionalProperties": SPENT_AMOUNT_SCHEMA,
    "maxProperties": UNITS_MAX,
}
SUBJECTS_SCHEMA: _Schema = {
    "type": "object",
    "propertyNames": _SUBJECT_TYPE_SCHEMA,
    "additionalProperties": _SUBJECT_ID_SCHEMA,
    "maxProperties": SUBJECTS_MAX,
}

AmountField = Annotated[int, PlainValidator(_amount), WithJsonSchema(AMOUNT_SCHEMA)]
OpeningSpentField = Annotated[
    int | Literal["inherit"],
    PlainValidator(_opening_spent),
    WithJsonSchema({"anyOf": [{"type": "string", "const": "inherit"}, AMOUNT_SCHEMA]}),
]
SpentAmountField = Annotated[
    int, PlainValidator(_spent_amount), WithJsonSchema(SPENT_AMOUNT_SCHEMA)
]
PositiveAmountField = Annotated[
    int, PlainValidator(_amount), AfterValidator(_positive), WithJsonSchema(_POSITIVE_AMOUNT_SCHEMA)
]
CreditAmountField = Annotated[int, PlainValidator(_credited), WithJsonSchema(_CREDIT_AMOUNT_SCHEMA)]
UnitField = Annotated[str, AfterValidator(_unit), WithJsonSchema(WORD_SCHEMA)]
ExactAmountsField = Annotated[
    dict[UnitField, Annotated[Decimal, PlainValidator(_exact_amount)]],
    Limits(max_length=UNITS_MAX),
    WithJsonSchema(_AMOUNTS_SCHEMA),
]
"""Amounts that are added up before they are rounded."""

AmountsField = Annotated[
    dict[UnitField, SpentAmountField], Limits(max_length=UNITS_MAX), WithJsonSchema(_AMOUNTS_SCHEMA)
]
SubjectTypeField = Annotated[str, AfterValidator(_subject_type)]
SubjectIdField = Annotated[str, AfterValidator(_subject_id), WithJsonSchema(_SUBJECT_ID_SCHEMA)]
SubjectsField = Annotated[
    dict[SubjectTypeField, SubjectIdField],
    Limits(max_length=SUBJECTS_MAX),
    WithJsonSchema(SUBJECTS_SCHEMA),
]
MomentField = Annotated[
    int, PlainValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})
]
MetadataField = Annotated[dict[str, object], AfterValidator(_metadata)]
SLUG_PATTERN = "[a-z0-9][a-z0-9._-]{0,63}"

SlugField = Annotated[str, Limits(pattern=f"^{SLUG_PATTERN}$")]
ProviderUsageField = Annotated[dict[str, object], AfterValidator(_provider_usage)]
TtlField = Annotated[int, Limits(ge=1, le=TTL_SECONDS_MAX)]
TokensField = Annotated[int, Limits(ge=0, le=TOKENS_MAX)]

NameField = Annotated[str, Limits(min_length=1, max_length=NAME_LENGTH_MAX)]
DescriptionField = Annotated[str, Limits(min_length=1, max_length=DESCRIPTION_LENGTH_MAX)]
ReferenceField = Annotated[str, Limits(min_length=1, max_length=REFERENCE_LENGTH_MAX)]
LabelField = Annotated[str, Limits(min_length=1, max_length=LABEL_LENGTH_MAX)]
ModelNameField = Annotated[
    str,
    Limits(
        pattern=r"^[^/\s][^/]*/.*\S$",
        max_length=LABEL_LENGTH_MAX + 1 + REFERENCE_LENGTH_MAX,
    ),
    Doc(examples=["openai/gpt-4o-mini"]),
]
"""A provider and a model of it."""

MODELS_MAX = 20


def named_models(names: Iterable[str]) -> list[tuple[str, str]]:
    """Return the provider and the model of each name."""
    return [(provider, model) for provider, _, model in (name.partition("/") for name in names)]


def whole_seconds(moment_ms: int | None) -> int | None:
    """Return a moment in whole seconds: a fraction is cut off."""
    return None if moment_ms is None else moment_ms // 1000


ModelsField = Annotated[list[ModelNameField], Limits(max_length=MODELS_MAX)]
EventIdField = Annotated[str, Limits(min_length=1, max_length=EVENT_ID_LENGTH_MAX)]
ObjectIdField = Annotated[str, Limits(min_length=1, max_length=OBJECT_ID_LENGTH_MAX)]
TenantIdField = Annotated[
    str,
    AfterValidator(_tenant_id),
    WithJsonSchema({"type": "string", "pattern": f"^{TENANT_ID_PATTERN}$"}),
]


class ProvenanceBody(Body):
    """A body that says where its number comes from."""

    meter_source: Annotated[
        LabelField | None, Doc("Who counted the usage, for example the provider's response.")
    ] = None
    ref_type: Annotated[LabelField | None, Doc("The type of what the amount was spent on.")] = None
    ref_id: Annotated[
        ReferenceField | None, Doc("The id, in your system, of what it was spent on.")
    ] = None
    description: Annotated[DescriptionField | None, Doc("A sentence for people.")] = None

    def to_provenance(self) -> Provenance:
        """Where the number comes from."""
        return Provenance(
            meter_source=self.meter_source,
            ref_type=self.ref_type,
            ref_id=self.ref_id,
            description=self.description,
        )


class EmptyBody(Body):
    """The body of a request that says everything by its path."""
