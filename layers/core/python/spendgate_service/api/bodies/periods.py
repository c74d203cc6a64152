"""How a budget's period is written."""

from typing import Annotated, Literal, Self

from spendgate_service.api.bodies.body import Body
from spendgate_service.api.bodies.declaring import (
    AfterValidator,
    Discriminator,
    JsonSchema,
    Limits,
    model_validator,
)
from spendgate_service.api.bodies.fields import LabelField
from spendgate_service.domain.calendar import (
    NO_ANCHOR,
    Anchor,
    CalendarPeriod,
    CalendarUnit,
    Weekday,
    check_anchor,
    zone,
)
from spendgate_service.domain.errors import InvalidValue
from spendgate_service.domain.periods import (
    WINDOW_SECONDS_MAX,
    DurationPeriod,
    NoPeriod,
    PeriodRule,
    RollingPeriod,
    parse_window,
)
from spendgate_service.wire.fields import Doc


def _timezone(name: str) -> str:
    try:
        zone(name)
    except InvalidValue as error:
        raise ValueError(str(error)) from None
    return name


def _window(text: str) -> str:
    try:
        parse_window(text)
    except InvalidValue as error:
        raise ValueError(str(error)) from None
    return text


class NoPeriodBody(Body):
    """A balance that never resets."""

    type: Annotated[Literal["none"], Doc("The kind of period.")]

    def to_period(self) -> PeriodRule:
        """The rule."""
        return NoPeriod()


class AnchorBody(Body):
    """Where a calendar period turns: a billing day, a reset hour, the first day of the week."""

    month: Annotated[
        Annotated[int, Limits(ge=1, le=12)] | None,
        Doc("The month of a year, or the month within a quarter (1 to 3)."),
    ] = None
    day: Annotated[
        Annotated[int, Limits(ge=1, le=31)] | None,
        Doc("The day of the month; a shorter month turns on its last day."),
    ] = None
    weekday: Annotated[Weekday | None, Doc("The first day of a week.")] = None
    hour: Annotated[
        Annotated[int, Limits(ge=0, le=23)] | None, Doc("The hour, on the clocks of the time zone.")
    ] = None

    def to_anchor(self) -> Anchor:
        """Return the anchor."""
        return Anchor(**self.model_dump(exclude_none=True))


class CalendarPeriodBody(Body):
    """A period of the calendar, in a time zone."""

    type: Annotated[Literal["calendar"], Doc("The kind of period.")]
    unit: Annotated[CalendarUnit, Doc("hour, day, week, month, quarter or year.")]
    timezone: Annotated[LabelField, AfterValidator(_timezone), Doc("An IANA time zone.")] = "UTC"
    anchor: Annotated[
        AnchorBody | None,
        Doc(
            "Where the period turns; without it where the calendar turns. day takes hour; week "
            "takes weekday, hour; month takes day, hour; quarter and year take month, day, hour."
        ),
    ] = None

    @model_validator
    def _anchor_fits_the_unit(self) -> Self:
        if self.anchor is not None:
            try:
                check_anchor(self.unit, self.anchor.model_dump(exclude_none=True))
            except InvalidValue as error:
                raise ValueError(str(error)) from None
        return self

    def to_period(self) -> PeriodRule:
        """The rule."""
        anchor = NO_ANCHOR if self.anchor is None else self.anchor.to_anchor()
        return CalendarPeriod(self.unit, self.timezone, anchor)


WINDOW_PATTERN = (
    r"^\s*[1-9][0-9]{0,8}\s*"
    r"([sS]([eE][cC]([oO][nN][dD])?[sS]?)?|[mM]([iI][nN]([uU][tT][eE])?[sS]?)?"
    r"|[hH]([rR][sS]?|[oO][uU][rR][sS]?)?|[dD]([aA][yY][sS]?)?"
    r"|[wW]([kK][sS]?|[eE]{2}[kK][sS]?)?)?\s*$"
)
"""The spellings of `domain.periods.parse_window`, in any case."""

SecondsField = Annotated[int, Limits(ge=1, le=WINDOW_SECONDS_MAX)]
WindowField = Annotated[
    LabelField,
    AfterValidator(_window),
    Doc(examples=["5h", "30d"], pattern=WINDOW_PATTERN),
]


_ONE_LENGTH: JsonSchema = {
    "oneOf": [
        {"required": ["seconds"], "properties": {"seconds": {"type": "integer"}}},
        {"required": ["window"], "properties": {"window": {"type": "string"}}},
    ]
}


class _LengthBody(Body, json_schema_extra=_ONE_LENGTH):
    seconds: Annotated[
        SecondsField | None, Doc("The length of the period in seconds; send this or window.")
    ] = None
    window: Annotated[
        WindowField | None,
        Doc("The length of the period, such as 30 min, 5h, 7d or 2 weeks; send this or seconds."),
    ] = None

    @model_validator
    def _one_length(self) -> Self:
        if (self.seconds is None) == (self.window is None):
            raise ValueError('send either seconds, such as 18000, or window, such as "5h"')
        return self

    @property
    def length_seconds(self) -> int:
        """The length, whichever way it was written."""
        if self.seconds is not None:
            return self.seconds
        assert self.window is not None
        return parse_window(self.window)


class DurationPeriodBody(_LengthBody):
    """A fixed length that starts at the first use and restarts when it has elapsed."""

    type: Annotated[Literal["duration"], Doc("The kind of period.")]

    def to_period(self) -> PeriodRule:
        """The rule."""
        return DurationPeriod(self.length_seconds)


class RollingPeriodBody(_LengthBody):
    """A sliding window."""

    type: Annotated[Literal["rolling"], Doc("The kind of period.")]

    def to_period(self) -> PeriodRule:
        """The rule."""
        return RollingPeriod(self.length_seconds)


PeriodField = Annotated[
    NoPeriodBody | CalendarPeriodBody | DurationPeriodBody | RollingPeriodBody,
    Discriminator("type"),
]
