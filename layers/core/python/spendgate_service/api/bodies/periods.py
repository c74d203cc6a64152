"""How a budget's period is written."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from spendgate_service.api.bodies.fields import Body, LabelField
from spendgate_service.domain.errors import InvalidValue
from spendgate_service.domain.periods import (
    WINDOW_SECONDS_MAX,
    CalendarPeriod,
    CalendarUnit,
    DurationPeriod,
    NoPeriod,
    PeriodRule,
    RollingPeriod,
    parse_window,
    zone,
)


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

    type: Literal["none"]

    def to_period(self) -> PeriodRule:
        """The rule."""
        return NoPeriod()


class CalendarPeriodBody(Body):
    """A period of the calendar, in a time zone."""

    type: Literal["calendar"]
    unit: CalendarUnit
    timezone: Annotated[LabelField, AfterValidator(_timezone)] = "UTC"

    def to_period(self) -> PeriodRule:
        """The rule."""
        return CalendarPeriod(self.unit, self.timezone)


SecondsField = Annotated[int, Field(ge=1, le=WINDOW_SECONDS_MAX)]
WindowField = Annotated[
    LabelField,
    AfterValidator(_window),
    Field(examples=["5h", "30d"], json_schema_extra={"pattern": "^[1-9][0-9]{0,8}[smhdw]$"}),
]


_ONE_LENGTH: JsonDict = {
    "oneOf": [
        {"required": ["seconds"], "properties": {"seconds": {"type": "integer"}}},
        {"required": ["window"], "properties": {"window": {"type": "string"}}},
    ]
}


class _LengthBody(Body):
    model_config = ConfigDict(json_schema_extra=_ONE_LENGTH)

    seconds: SecondsField | None = None
    window: WindowField | None = None

    @model_validator(mode="after")
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

    type: Literal["duration"]

    def to_period(self) -> PeriodRule:
        """The rule."""
        return DurationPeriod(self.length_seconds)


class RollingPeriodBody(_LengthBody):
    """A sliding window."""

    type: Literal["rolling"]

    def to_period(self) -> PeriodRule:
        """The rule."""
        return RollingPeriod(self.length_seconds)


PeriodField = Annotated[
    NoPeriodBody | CalendarPeriodBody | DurationPeriodBody | RollingPeriodBody,
    Field(discriminator="type"),
]
