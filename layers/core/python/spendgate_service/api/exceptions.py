"""The errors of an HTTP request that no rule of the domain has seen yet.

RequestError
├── InvalidJson        the body is not valid JSON
├── RequestTooLarge    the body is larger than any valid request
├── InvalidApiKey      there is no API key, or it is not valid
├── Forbidden          the role of the API key may not do this
├── RouteNotFound      the API has no such path
└── MethodNotAllowed   the path takes other methods
"""

from collections.abc import Sequence


class RequestError(Exception):
    """The root of the errors of a request."""


class InvalidJson(RequestError):
    """The body is not JSON, or JSON that two parsers could read differently."""


class RequestTooLarge(RequestError):
    """The body is larger than `size_max` bytes."""

    def __init__(self, *, size_max: int) -> None:
        super().__init__(f"the body is larger than {size_max} bytes; send less")
        self.size_max = size_max


class InvalidApiKey(RequestError):
    """There is no API key, or it is not valid (any more)."""

    def __init__(
        self, message: str = "no valid API key; send one as `Authorization: Bearer <key>`"
    ) -> None:
        super().__init__(message)


class Forbidden(RequestError):
    """The role of the API key may not do this."""

    def __init__(self, *, role: str, roles: Sequence[str]) -> None:
        super().__init__(
            f"a key of the role {role} may not do this; use one of the role {' or '.join(roles)}"
        )
        self.role = role


class RouteNotFound(RequestError):
    """The API has no such path."""

    def __init__(self, *, method: str, path: str) -> None:
        super().__init__(f"there is no {method} {path}; GET /v1/openapi.json lists all routes")


class MethodNotAllowed(RequestError):
    """The path takes other methods."""

    def __init__(self, *, method: str, path: str, allowed: Sequence[str]) -> None:
        super().__init__(f"{path} does not take {method}; it takes {' and '.join(allowed)}")
        self.allowed = tuple(allowed)
