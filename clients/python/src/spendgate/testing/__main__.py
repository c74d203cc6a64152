"""Serve the fake provider: `python -m spendgate.testing [PORT]`."""

from __future__ import annotations

import sys
import threading

from spendgate.testing.fake_provider import FakeProvider


def main(arguments: list[str]) -> int:
    """Serve until Ctrl-C."""
    port = int(arguments[0]) if arguments else 9099
    with FakeProvider(port) as provider:
        print(f"OpenAI:    base_url={provider.openai_url}")
        print(f"Anthropic: base_url={provider.url}")
        print(f"log:       {provider.url}/log", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
