"""The composition root: the service over one table, by one clock.

A function makes one `Spendgate` when it starts and keeps it, so that a warm invocation opens no
connection and keeps the policies that it has read. Each capability is made when it is first used,
and its module is imported then: a cold start imports only what its function needs (`make bench
BENCH=cold_start`). For the same reason the client of the table is the lean one where that is
possible, and those of the queues and the bus come from botocore, the only part of boto3 needed.
"""

from functools import cached_property
from typing import TYPE_CHECKING, Self, cast

from spendgate_service.clock import Clock
from spendgate_service.observability import count
from spendgate_service.settings import Settings
from spendgate_service.store.client import Table
from spendgate_service.store.clients.selection import create_dynamo_client

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from spendgate_service.dead_letters.queue import DeadLetters
    from spendgate_service.dead_letters.redelivery import Redelivery
    from spendgate_service.events.bus import EventBus
    from spendgate_service.events.threshold_events import ThresholdEvents
    from spendgate_service.notifications.deliver import Notifier
    from spendgate_service.notifications.queue import NotificationQueue
    from spendgate_service.reservations.check import Balances
    from spendgate_service.reservations.grow import Leases
    from spendgate_service.reservations.refusal_log import RefusalLog
    from spendgate_service.reservations.reserve import Reservations
    from spendgate_service.settlements.apply import Settlements
    from spendgate_service.store.messaging import EventsClient, SqsClient
    from spendgate_service.store.policy_cache import PolicyCache
    from spendgate_service.usage.remembered_days import RememberedDays

_PARALLEL_BUDGETS_MAX = 16
"""How many budgets of one request are updated at the same time."""

_PARALLEL_TARGETS_MAX = 10
"""To how many targets notifications are posted at the same time."""


class Spendgate:
    """The service over one table."""

    def __init__(
        self,
        table: Table,
        *,
        clock: Clock | None = None,
        settings: Settings | None = None,
        schema_is_known: bool = True,
    ) -> None:
        self.table = table
        self.clock = clock or Clock()
        self.settings = settings or Settings()
        self._schema_is_known = schema_is_known

    @classmethod
    def from_environment(cls) -> Self:
        """Connect to the table of this stack.

        A function calls this while Lambda initializes it: it has a whole processor then, and later
        only the share that its memory buys.
        """
        clock, settings = Clock(), Settings()
        client = create_dynamo_client(settings.variables, now_ms=clock.now_ms, observe=count)
        table = Table(client, settings.table_name, observe=count)
        return cls(table, clock=clock, settings=settings, schema_is_known=False)

    def require_schema(self, *, create: bool = False) -> None:
        """Refuse a table of another schema. Raises WrongSchema.

        The first call of an environment reads one item, later calls read nothing. `create` writes
        the item where it is absent.
        """
        if self._schema_is_known:
            return
        from spendgate_service.store.schema import require_schema

        require_schema(self.table, create=create)
        self._schema_is_known = True

    @cached_property
    def policy_cache(self) -> "PolicyCache":
        """The policies and tenant settings that this environment has read."""
        from spendgate_service.store.policy_cache import PolicyCache

        return PolicyCache(self.table, monotonic=self.clock.monotonic)

    @cached_property
    def threshold_events(self) -> "ThresholdEvents":
        """The writer of threshold events, with those that this environment has written."""
        from spendgate_service.events.threshold_events import ThresholdEvents

        return ThresholdEvents(self.table, self.policy_cache)

    @cached_property
    def reservations(self) -> "Reservations":
        """Holds on budgets."""
        from spendgate_service.reservations.reserve import Reservations

        return Reservations(
            self.table,
            self.policy_cache,
            pool=self.budgets_pool,
            now_ms=self.clock.now_ms,
            threshold_events=self.threshold_events,
        )

    @cached_property
    def leases(self) -> "Leases":
        """Reservations that grow."""
        from spendgate_service.reservations.grow import Leases

        return Leases(
            self.table,
            self.policy_cache,
            pool=self.budgets_pool,
            now_ms=self.clock.now_ms,
            threshold_events=self.threshold_events,
        )

    @cached_property
    def refusal_log(self) -> "RefusalLog":
        """The refusals that this environment has counted."""
        from spendgate_service.reservations.refusal_log import RefusalLog

        return RefusalLog(self.table)

    @cached_property
    def remembered_days(self) -> "RememberedDays":
        """What past days of the usage log came to, as this environment has reported them."""
        from spendgate_service.usage.remembered_days import RememberedDays

        return RememberedDays()

    @cached_property
    def balances(self) -> "Balances":
        """Read-only queries of budgets."""
        from spendgate_service.reservations.check import Balances

        return Balances(self.table, self.policy_cache, now_ms=self.clock.now_ms)

    @cached_property
    def settlements(self) -> "Settlements":
        """The end of holds, and spend without a hold."""
        from spendgate_service.settlements.apply import Settlements

        return Settlements(
            self.table,
            self.policy_cache,
            now_ms=self.clock.now_ms,
            threshold_events=self.threshold_events,
        )

    @cached_property
    def redelivery(self) -> "Redelivery":
        """The backoff of failed messages of the settlement queue."""
        from spendgate_service.dead_letters.redelivery import Redelivery

        return Redelivery(self._sqs, self.settings.settlement_queue_url)

    @cached_property
    def notification_queue(self) -> "NotificationQueue":
        """The queue of notifications."""
        from spendgate_service.notifications.queue import NotificationQueue

        return NotificationQueue(self._sqs, self.settings.notification_queue_url)

    @cached_property
    def notification_redelivery(self) -> "Redelivery":
        """The backoff of failed messages of the queue of notifications."""
        from spendgate_service.dead_letters.redelivery import Redelivery

        return Redelivery(self._sqs, self.settings.notification_queue_url)

    @cached_property
    def undelivered_notifications(self) -> "DeadLetters":
        """The queue of notifications that could not be delivered for a day."""
        return self._queue(self.settings.undelivered_notifications_url)

    @cached_property
    def notifier(self) -> "Notifier":
        """The consumer of the queue of notifications."""
        from spendgate_service.notifications.deliver import Notifier
        from spendgate_service.notifications.sending import Sender

        return Notifier(
            self.table,
            self.notification_queue,
            Sender(),
            pool=self.targets_pool,
            now_ms=self.clock.now_ms,
            console_url=self.settings.console_url,
            allow_local=self.settings.allows_local_receivers,
        )

    @cached_property
    def targets_pool(self) -> "Executor":
        """The threads that post notifications, each to one target."""
        from concurrent.futures import ThreadPoolExecutor

        return ThreadPoolExecutor(_PARALLEL_TARGETS_MAX, thread_name_prefix="target")

    @cached_property
    def dead_letters(self) -> "DeadLetters":
        """The dead-letter queue of settlement messages."""
        return self._queue(self.settings.dead_letter_queue_url)

    @cached_property
    def undelivered_events(self) -> "DeadLetters":
        """The queue of events that the bus did not accept."""
        return self._queue(self.settings.undelivered_events_url)

    @cached_property
    def event_bus(self) -> "EventBus":
        """The event bus. Its client retries: an event may be published twice."""
        from spendgate_service.events.bus import EventBus
        from spendgate_service.store.clients.boto import MESSAGING_CONFIG, create_client

        client = cast("EventsClient", create_client("events", MESSAGING_CONFIG, self.clock.now_ms))
        return EventBus(client, self.settings.event_bus_name)

    @cached_property
    def budgets_pool(self) -> "Executor":
        """The threads that update the budgets of one request."""
        from concurrent.futures import ThreadPoolExecutor

        return ThreadPoolExecutor(_PARALLEL_BUDGETS_MAX, thread_name_prefix="budget")

    @cached_property
    def shards_pool(self) -> "Executor":
        """The threads that close periods, one for each shard of the index of due counters."""
        from concurrent.futures import ThreadPoolExecutor

        from spendgate_service.store import keys

        return ThreadPoolExecutor(keys.DUE_SHARDS, thread_name_prefix="shard")

    def _queue(self, url: str) -> "DeadLetters":
        from spendgate_service.dead_letters.queue import DeadLetters

        return DeadLetters(self._sqs, url)

    @cached_property
    def _sqs(self) -> "SqsClient":
        """The client of every queue; creating one takes tens of milliseconds."""
        from spendgate_service.store.clients.boto import MESSAGING_CONFIG, create_client

        return cast("SqsClient", create_client("sqs", MESSAGING_CONFIG, self.clock.now_ms))
