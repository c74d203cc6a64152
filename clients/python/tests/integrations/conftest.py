"""Fixtures of the integrations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from spendgate.testing import FakeProvider


@pytest.fixture(scope="session")
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as provider:
        yield provider
