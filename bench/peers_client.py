"""Shared by the clients of `bench.peers`; imports nothing of Spendgate."""

import json
import random
import sys
import time
from collections.abc import Iterator
from typing import TextIO

COLD_AGENTS = 2000
HOT_AGENT = "hot"


class Turns:
    """Takes turns on command of a pipe: `{"agents": ..., "seconds": ...}` per line.

    Responds to each turn with the number of pairs, the time it took, and how long each took.
    """

    def __init__(self, responses: TextIO) -> None:
        self._responses = responses
        self._agents = 1

    def agent(self, chosen: random.Random) -> str:
        """Return the next agent: always the same, or one of many."""
        return HOT_AGENT if self._agents == 1 else f"cold-{chosen.randrange(self._agents)}"

    def take(self, pairs: Iterator[None]) -> None:
        """Take turns until the input ends."""
        self._respond(ready=True)
        for line in sys.stdin:
            wanted = json.loads(line)
            self._agents = wanted["agents"]
            self._respond(**self._turn(pairs, wanted["seconds"]))

    def _turn(self, pairs: Iterator[None], seconds: float) -> dict[str, object]:
        waits: list[float] = []
        cpu, started = time.process_time(), time.perf_counter()
        before = started
        while before - started < seconds:
            next(pairs)
            now = time.perf_counter()
            waits.append((now - before) * 1000)
            before = now
        return {
            "pairs": len(waits),
            "seconds": before - started,
            "cpu": time.process_time() - cpu,
            "waits_ms": waits,
        }

    def _respond(self, **values: object) -> None:
        print(json.dumps(values), file=self._responses, flush=True)
