"""What the clients of `bench.peers` have in common; it must import nothing of ours."""

import json
import random
import sys
import time
from collections.abc import Iterator
from typing import TextIO

COLD_AGENTS = 2000
HOT_AGENT = "hot"


class Turns:
    """Takes turns as the other end of a pipe says: `{"agents": ..., "seconds": ...}` a line.

    Answers each turn with how many pairs were made and how long it took.
    """

    def __init__(self, answers: TextIO) -> None:
        self._answers = answers
        self._agents = 1

    def agent(self, chosen: random.Random) -> str:
        """Who spends next: always the same one, or any of many."""
        return HOT_AGENT if self._agents == 1 else f"cold-{chosen.randrange(self._agents)}"

    def take(self, pairs: Iterator[None]) -> None:
        """Take turns until nobody asks for another."""
        self._say(ready=True)
        for line in sys.stdin:
            wanted = json.loads(line)
            self._agents = wanted["agents"]
            self._say(**self._turn(pairs, wanted["seconds"]))

    def _turn(self, pairs: Iterator[None], seconds: float) -> dict[str, float]:
        made, cpu, started = 0, time.process_time(), time.perf_counter()
        while time.perf_counter() - started < seconds:
            next(pairs)
            made += 1
        return {
            "pairs": made,
            "seconds": time.perf_counter() - started,
            "cpu": time.process_time() - cpu,
        }

    def _say(self, **said: float) -> None:
        print(json.dumps(said), file=self._answers, flush=True)
