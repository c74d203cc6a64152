"""The same routes stand in the table, in the template and in the functions.

`tests/unit/api/test_openapi.py` holds that the document describes them, too.
"""

from importlib import import_module

import pytest

from spendgate_service.api.routes import ROUTES
from tests.support.engines import template

FUNCTIONS = ("admin", "check", "reserve", "settle")


def of_function(function: str) -> set[str]:
    return {route.key for route in ROUTES if route.function == function}


def in_template(function: str) -> set[str]:
    events = template()["Resources"][f"{function.capitalize()}Function"]["Properties"]["Events"]
    http = [event["Properties"] for event in events.values() if event["Type"] == "HttpApi"]
    return {f"{event['Method'].upper()} {event['Path']}" for event in http if "Path" in event}


def test_every_route_is_in_a_function_that_is_there() -> None:
    assert {route.function for route in ROUTES} == set(FUNCTIONS)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_template_sends_a_function_exactly_its_routes(function: str) -> None:
    assert in_template(function) == of_function(function)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_handles_exactly_its_routes(function: str) -> None:
    handlers = import_module(f"spendgate_service.api.handlers.{function}")

    assert set(handlers.ROUTES) == of_function(function)
