"""What the template tells the functions, by environment variables of the same names."""

import os


def table_name() -> str:
    """The one table."""
    return os.environ["TABLE_NAME"]


def retention_days() -> int:
    """How long a period is remembered after its end."""
    return int(os.environ.get("RETENTION_DAYS", "400"))


def dead_letter_queue_url() -> str:
    """Where messages go that can never be applied."""
    return os.environ["DEAD_LETTER_QUEUE_URL"]


def event_bus_name() -> str:
    """The bus on which events are published."""
    return os.environ["EVENT_BUS_NAME"]


def undelivered_events_url() -> str:
    """The queue of events that the bus did not take."""
    return os.environ["UNDELIVERED_EVENTS_URL"]


def event_retry_seconds() -> int:
    """For how long an event is tried that the bus does not take."""
    return int(os.environ["EVENT_RETRY_SECONDS"])
