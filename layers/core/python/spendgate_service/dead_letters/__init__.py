"""Dead letters: messages that could not be processed, kept with the reason until they are redriven.

Model
    There are three dead-letter queues: settlement messages that the consumer could not apply
    (`api/queue.py`), events that could not be published (`events/publish.py`), and notifications
    that could not be delivered (`notifications/deliver.py`). A message arrives there in one of two
    ways: the consumer sends it, with `code`, `reason` and `source_message_id` as message
    attributes; or AWS moves it by itself after the last try, without a reason.

    queue       sends a message to a dead-letter queue
    redelivery  delays the next delivery of a failed message, before it comes to that
    redrive     reads a dead-letter queue, and sends chosen messages back
    __main__    the command: list, show, redrive

Invariants
    - Reading takes nothing away: a message that was only read becomes visible again, after five
      minutes at most, also if the command dies.
    - A message is deleted only after it was sent to its destination. A crash in between leaves it
      in both queues; settlements and events are idempotent, so the second one changes nothing.
    - A message goes back as it came, without the attributes that say why it failed.

Cost
    Calls to SQS only; no read and no write of the table.

Boundaries
    Which failures are final is decided by the consumers, not here. How an event is published again
    is decided by `events.redrive`; this package only sends a message to a destination it is given.
"""
