"""The frameworks leave connections open, and say so when they are collected."""

from __future__ import annotations

import warnings

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("filterwarnings", "ignore::ResourceWarning")  # for the tests
    warnings.filterwarnings("ignore", category=ResourceWarning)  # for what is collected after them
