"""Functions as Lambda runs them: loaded by their path, called with an event and a context."""

import importlib.util
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any
from unittest.mock import patch

from spendgate_service.app import Spendgate
from tests.support.engines import ROOT

type Handler = Callable[[Mapping[str, Any], object], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class LambdaContext:
    """What Lambda tells a function about itself."""

    function_name: str = "function"
    memory_limit_in_mb: int = 1024
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:function"
    aws_request_id: str = "invocation-1"


class LongContext(LambdaContext):
    """Tells a function that it has all the time it wants."""

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def load_function(name: str, app: Spendgate) -> ModuleType:
    """The module of a function, loaded anew: a cold start of that service."""
    path = ROOT / "functions" / name / "app.py"
    spec = importlib.util.spec_from_file_location(f"functions_{name}_app", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with patch.object(Spendgate, "from_environment", return_value=app):
        spec.loader.exec_module(module)
    return module


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What a caller sees."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""

    @property
    def code(self) -> str:
        """The code of an error."""
        code: str = self.body["error"]["code"]
        return code


def answer_of(function: ModuleType, event: Mapping[str, Any]) -> HttpAnswer:
    """What a function answers to an HTTP event."""
    handler: Handler = function.handler
    answered = handler(event, LambdaContext())
    text, headers = answered["body"], answered["headers"]
    is_json = text and headers["Content-Type"] == "application/json"
    return HttpAnswer(answered["statusCode"], json.loads(text) if is_json else {}, headers, text)
