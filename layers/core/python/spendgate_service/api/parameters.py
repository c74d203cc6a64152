"""The parameters of the API, each declared once: its type, and what it means.

The type validates a value and gives the schema in the OpenAPI document.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from spendgate_service.api.bodies.body import reader_of
from spendgate_service.api.bodies.declaring import (
    Limits,
    WithJsonSchema,
)
from spendgate_service.api.bodies.fields import (
    ID_PATTERN,
    SUBJECT_SCHEMA,
    WORD_SCHEMA,
    LabelField,
    ReferenceField,
    SlugField,
    SubjectsField,
    UnitField,
)
from spendgate_service.api.query import CURSOR_LENGTH_MAX
from spendgate_service.domain.balances import BalanceStatus
from spendgate_service.domain.calendar import CalendarUnit
from spendgate_service.domain.increase_requests import RequestState
from spendgate_service.domain.subjects import ID_LENGTH_MAX
from spendgate_service.store.paging import PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX
from spendgate_service.wire.fields import Doc

ROWS_DEFAULT = 100
ROWS_MAX = 1000

MAX_AGE_SECONDS = 366 * 86_400

_Word = Annotated[str, WithJsonSchema(WORD_SCHEMA)]
_Moment = Annotated[
    str,
    WithJsonSchema(
        {
            "type": "string",
            "anyOf": [{"format": "date"}, {"format": "date-time"}],
            "examples": ["2026-03-01", "2026-03-01T00:00:00Z"],
        }
    ),
]


@dataclass(frozen=True, eq=False)
class Parameter:
    """A parameter in the path, in the query or in a header.

    `any_name` stands for any number of parameters in the query, each a member of one object.
    """

    name: str
    type: Any
    meaning: str
    any_name: bool = False

    def read(self, text: object) -> Any:
        """Read a value as its type. Raises pydantic's ValidationError."""
        return reader_of(self.type)(text)


ID = Parameter(
    "id",
    Annotated[str, WithJsonSchema({"type": "string", "pattern": f"^{ID_PATTERN}$"})],
    "The id of the object; in a token cap the subject's, or * for the default of its type.",
)
TYPE = Parameter("type", _Word, "The type of the subject.")
PROVIDER = Parameter("provider", LabelField, "The company that runs the model.")
MODEL = Parameter("model", ReferenceField, "The provider's name of the model; it may have slashes.")
FROM_UNIT = Parameter("from", UnitField, "The unit that is converted.")
TO_UNIT = Parameter("to", UnitField, "The unit that is converted to.")
SLUG = Parameter(
    "slug",
    SlugField,
    "The budget's name for tools: lower-case letters, digits, dots, underscores and hyphens.",
)
SUBJECT = Parameter(
    "subject", Annotated[str, WithJsonSchema(SUBJECT_SCHEMA)], "Only of this subject, as type:id."
)
IN_PATH = {
    parameter.name: parameter for parameter in (ID, TYPE, PROVIDER, MODEL, FROM_UNIT, TO_UNIT, SLUG)
}
SUBJECTS = Parameter("subjects", SubjectsField, "Any number of type=id.", any_name=True)
FORMAT = Parameter("format", Literal["csv", "jsonl"], "csv (the default) or jsonl.")
FROM = Parameter("from", _Moment, "The first moment of the export.")
TO = Parameter("to", _Moment, "The first moment after the export.")
CHANGED_FROM = Parameter("from", _Moment, "The first moment of the changes.")
CHANGED_TO = Parameter("to", _Moment, "The first moment after the changes.")
STATUS = Parameter("status", BalanceStatus.__value__, "Only balances of this status.")
STATE = Parameter("state", Literal["held"], "held: open holds; there is no other list.")
REQUEST_STATE = Parameter(
    "state", RequestState.__value__, "Only increase requests in this state; default: all."
)
OLDER_THAN = Parameter(
    "older_than_seconds",
    Annotated[int, Limits(ge=0, le=MAX_AGE_SECONDS)],
    "Only holds that were taken at least so many seconds ago.",
)
SORT = Parameter("sort", Literal["-utilization"], "-utilization: the highest utilization first.")
OBJECT = Parameter(
    "object",
    ReferenceField,
    "Only of this object: an id, or price:openai/gpt-4o, rate:eur/usd, token_cap:agent:*, tenant.",
)
ACTOR = Parameter(
    "actor", ReferenceField, "Only by this key (its id), or for this Spendgate-Actor."
)
CURSOR = Parameter(
    "cursor",
    Annotated[str, Limits(max_length=CURSOR_LENGTH_MAX)],
    "Where to continue: the next cursor of the page before.",
)
LIMIT = Parameter(
    "limit",
    Annotated[int, Limits(ge=1, le=PAGE_SIZE_MAX), Doc(default=PAGE_SIZE_DEFAULT)],
    "How many on one page.",
)

IDEMPOTENCY_KEY = Parameter(
    "Idempotency-Key",
    Annotated[str, Limits(pattern="^[!-~]{1,255}$")],
    "A request with the key and the body of an earlier one gets the first response again.",
)

IF_MATCH = Parameter(
    "If-Match",
    Annotated[str, Limits(pattern=r'^(\*|"[!#-~]*")$')],
    "The ETag of the object as you have read it; if it has changed since, nothing is changed.",
)

_Filters = Annotated[
    dict[str, str],
    WithJsonSchema(
        {
            "type": "object",
            "propertyNames": {"pattern": r"^([a-z][a-z0-9_]{0,31}|metadata\..{1,91})$"},
            "additionalProperties": {"type": "string", "minLength": 1, "maxLength": ID_LENGTH_MAX},
        }
    ),
]
_NAMES = "subject types, provider, model, key_id, metadata.<name>"

SPAN_FROM = Parameter(
    "from", _Moment, "The first moment, on a quarter of an hour; default: 30 days before `to`."
)
RECORDS_FROM = Parameter("from", _Moment, "The first moment; default: 30 days before `to`.")
SPAN_TO = Parameter("to", _Moment, "The first moment after the span; default: now.")
REFUSED_FROM = Parameter("from", _Moment, "The first minute; default: a day before `to`.")
REFUSED_TO = Parameter("to", _Moment, "The first moment after the span; default: now.")
TIMEZONE = Parameter("timezone", LabelField, "An IANA time zone for days; default: UTC.")
GROUP_BY = Parameter(
    "group_by", Annotated[str, Limits(max_length=512)], f"Names, separated by commas: {_NAMES}."
)
INTERVAL = Parameter(
    "interval", CalendarUnit.__value__, "Divide the span by hours, days and so on; default: not."
)
FILTERS = Parameter(
    "filters", _Filters, f"Any number of name=value: only what has it ({_NAMES}).", any_name=True
)
ROWS = Parameter(
    "limit",
    Annotated[int, Limits(ge=1, le=ROWS_MAX), Doc(default=ROWS_DEFAULT)],
    "How many rows on one page.",
)
RESERVATION = Parameter(
    "reservation_id",
    Annotated[str, Limits(max_length=64)],
    "Only the spend of this reservation.",
)
USAGE_FORMAT = Parameter(
    "format", Literal["csv", "jsonl", "focus"], "csv (the default), jsonl or focus."
)

ACTOR_LENGTH_MAX = 256
REASON_LENGTH_MAX = 500

_LATIN = r"[ -~\u00a1-\u00ac\u00ae-\u00ff]"
"""The printable characters that a header can carry everywhere."""

ACTOR_HEADER = Parameter(
    "Spendgate-Actor",
    Annotated[str, Limits(pattern=f"^{_LATIN}{{0,{ACTOR_LENGTH_MAX}}}$")],
    f"For whom the key acts, for the change log; up to {ACTOR_LENGTH_MAX} printable characters.",
)
REASON_HEADER = Parameter(
    "Spendgate-Reason",
    Annotated[str, Limits(pattern=f"^{_LATIN}{{0,{REASON_LENGTH_MAX}}}$")],
    f"Why, for the change log; up to {REASON_LENGTH_MAX} printable characters.",
)
