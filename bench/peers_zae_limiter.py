"""A client of zae-limiter for `bench.peers`, run in its own environment.

Started as `python peers_zae_limiter.py URL TABLE NUMBER`; each line on its input is a turn.
"""

import os
import random
import sys
import warnings
from collections.abc import Iterator

from peers_client import Turns  # type: ignore[import-not-found]  # run as a script
from zae_limiter import Limit, SyncRateLimiter, SyncRepository

RESOURCE = "llm"
ESTIMATE, ACTUAL = 50, 31


def pairs(limiter: SyncRateLimiter, turns: Turns, number: int) -> Iterator[None]:
    """Acquire and adjust forever, yielding after each pair."""
    chosen = random.Random(number)
    limits = [Limit.per_day("usd", 10**12)]
    while True:
        with limiter.acquire(
            entity_id=turns.agent(chosen),
            resource=RESOURCE,
            limits=limits,
            consume={"usd": ESTIMATE},
        ) as lease:
            lease.adjust(usd=ACTUAL - ESTIMATE)
        yield


if __name__ == "__main__":
    url, table, number = sys.argv[1:]
    os.environ.update(
        AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION="us-east-1"
    )
    warnings.simplefilter("ignore")
    repository = SyncRepository(table, region="us-east-1", endpoint_url=url)
    if number == "create":
        repository.create_table()
    else:
        turns = Turns(sys.stdout)
        turns.take(pairs(SyncRateLimiter(repository=repository), turns, int(number)))
