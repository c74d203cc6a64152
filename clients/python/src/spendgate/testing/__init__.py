"""A fake provider on the standard library, for tests and for trying things out."""

from __future__ import annotations

from spendgate.testing.fake_provider import FakeProvider, Served

__all__ = ["FakeProvider", "Served"]
