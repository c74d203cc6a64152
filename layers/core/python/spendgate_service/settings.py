"""The settings that template.yaml passes to the functions, in environment variables."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

LOCAL_RECEIVERS = "_SPENDGATE_LOCAL_RECEIVERS"


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a function; each is read when it is needed.

    A function has only the variables that its code needs: reading another one raises KeyError.
    """

    variables: Mapping[str, str] = field(default_factory=lambda: os.environ)

    @property
    def table_name(self) -> str:
        """The name of the DynamoDB table."""
        return self.variables["TABLE_NAME"]

    @property
    def retention_days(self) -> int:
        """How many days after the end of a period its items are kept."""
        return int(self.variables.get("RETENTION_DAYS", "400"))

    @property
    def dead_letter_queue_url(self) -> str:
        """The queue of messages that can never be applied."""
        return self.variables["DEAD_LETTER_QUEUE_URL"]

    @property
    def settlement_queue_url(self) -> str:
        """The queue of settlements, whose failed messages are delivered again after a backoff."""
        return self.variables["SETTLEMENT_QUEUE_URL"]

    @property
    def notification_queue_url(self) -> str:
        """The queue of notifications."""
        return self.variables["NOTIFICATION_QUEUE_URL"]

    @property
    def undelivered_notifications_url(self) -> str:
        """The queue of notifications that could not be delivered for a day."""
        return self.variables["UNDELIVERED_NOTIFICATIONS_URL"]

    @property
    def console_url(self) -> str:
        """The URL of the web console, which messages link to; empty: they have no link."""
        return self.variables.get("CONSOLE_URL", "")

    @property
    def allows_local_receivers(self) -> bool:
        """Whether a notification may go to http://127.0.0.1, as the local stack allows.

        Lambda accepts no variable whose name begins with an underscore, so no template can set it.
        """
        return self.variables.get(LOCAL_RECEIVERS) == "1"

    @property
    def event_bus_name(self) -> str:
        """The EventBridge bus that events are published on."""
        return self.variables["EVENT_BUS_NAME"]

    @property
    def undelivered_events_url(self) -> str:
        """The queue of events that the bus did not accept."""
        return self.variables["UNDELIVERED_EVENTS_URL"]

    @property
    def event_retry_seconds(self) -> int:
        """For how long an event is retried that the bus does not accept."""
        return int(self.variables["EVENT_RETRY_SECONDS"])
