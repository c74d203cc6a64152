"""Processes of a race: forked from a server that has imported all they need.

A spawned process takes a second and a half of CPU to import the service, and with boto3's client
to read the SDK's models; the server does both once.
"""

import multiprocessing
from multiprocessing.context import ForkServerContext

_PRELOADED = "tests.concurrency.preloaded"


def forked_context() -> ForkServerContext:
    """How the processes of a race are started, and what they share is made."""
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload([_PRELOADED])
    return server
