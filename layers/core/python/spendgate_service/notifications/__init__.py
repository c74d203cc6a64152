"""Notifications: messages about events, to chats and webhooks that a tenant has chosen.

Model
    A target is a URL with a format, the types of events that go there, and a prefix of subjects. A
    rule on the bus sends every event to a queue. Its consumer finds the targets of the event's
    tenant and sends one delivery for each back to the queue; a delivery is posted to its target.
    What fails is hidden in the queue for a while and tried again for a day, then dead-lettered.

    targets     creates, changes, rotates and deletes targets
    queue       sends deliveries to the queue, and test messages
    deliver     the queue's consumer: fans out, takes turns, posts, retries
    sending     one POST, to an address that was judged before
    formats     the body of a post: Slack, Teams, webhook; the signature of a webhook
    sentences   an event as a colleague would say it, from the parts in `wording`

Invariants
    - A message arrives once or more, always with the id of its event; none is lost: what cannot be
      delivered for a day is in the dead-letter queue, with the reason.
    - No connection is made to an address that is not public. The name is resolved once, and the
      connection goes to an address that was judged.
    - Neither a URL nor a secret is in a response, the change log, an event, an error or a log.
    - A chat gets at most one post in ten seconds; what happens meanwhile is gathered into the next.
    - One target that is down never holds up another: it is asked once per backoff, and not once per
      message.

Cost
    Per event: one read of the tenant's targets. Per post: two write units for the state of the
    target. Changing a target: two write units per KB of all targets, and the change log.

Boundaries
    Notifications reads events as they are published, and decides nothing about money. Email is sent
    by a rule and a topic of the template, not here.
"""
