"""An application that is killed between the provider's answer and its settlement.

`python -m local.demo.apps.crash PROVIDER_URL AGENT JOURNAL CALLS`; the service and the key are in
the environment.
"""

import os
import signal
import sys

from spendgate import Spendgate

from local.demo.apps.caller import caller


def main(provider_url: str, agent: str, journal: str, calls: str) -> None:
    """Make some calls, and die by kill -9 while their settlements wait in the background."""
    guard = Spendgate(settlement="background", journal=journal)
    with caller(guard, provider_url, agent) as app:
        for number in range(int(calls)):
            app.call(f"call {number}")
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
