"""Events: what Spendgate publishes on EventBridge, each at least once.

Model
    An event says that something happened to a budget or a reservation. Its source is an item of
    the table: an outbox item (thresholds, exhausted, paused, resumed), a statement (a period was
    closed), an entry of the change log (a budget was changed) or a reservation (overrun, or expired
    while still held). Writing the item is what makes the event happen; a consumer of the table's
    stream publishes it.

    threshold_events   writes an outbox item for every level that a balance has reached
    change_log         builds the write of an entry of the change log
    envelope           turns a record of the stream into an event
    publish            the stream's consumer: publishes a batch, dead-letters what the bus refuses
    bus                the calls to EventBridge, and what its errors mean
    redrive            publishes dead-lettered events again; used by the command of `dead_letters`
    schema             the JSON Schema of the events

Invariants
    - An event happens once: an outbox item's key contains the period, and the item is written only
      if it does not exist. It may be published more than once, always with the same `id`.
    - Levels are compared, not changes of them: what a crash left out, the next grant or settlement
      writes.
    - An event never fails the request that it is about.
    - The stream is never blocked for longer than `retry_seconds`. Then the finished event goes to
      the queue of undelivered events, where it stays for two weeks.

Cost
    One write unit for each new level of a budget and period (two where the write is part of a
    transaction); none for a level that this execution environment has written before. Publishing
    reads and writes nothing in the table.

Boundaries
    Events decides nothing about money: it reads balances and statements as they are. Who receives
    an event is a rule on the bus. Dead-lettered settlements are not events: see `dead_letters`.
"""
