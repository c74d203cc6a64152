"""The one table of all routes: what lives where, in which function, and who may call it.

An admin may do everything in its tenant, a reader whatever only reads, and the operator nothing
but manage tenants. A route without roles needs no key.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from spendgate_service.domain.tenants import Role

type FunctionName = Literal["check", "reserve", "settle", "admin"]
type Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

PUBLIC: tuple[Role, ...] = ()
OPERATOR: tuple[Role, ...] = ("operator",)
ADMIN: tuple[Role, ...] = ("admin",)
SPENDER: tuple[Role, ...] = ("admin", "caller")
ANY_READER: tuple[Role, ...] = ("admin", "caller", "reader")
ADMIN_READER: tuple[Role, ...] = ("admin", "reader")


@dataclass(frozen=True, slots=True)
class Route:
    """One method on one path; `path` is written as API Gateway's route keys are.

    A last step such as `{model+}` takes all that is left of a path, slashes included.
    """

    method: Method
    path: str
    function: FunctionName
    roles: tuple[Role, ...]

    @property
    def key(self) -> str:
        """API Gateway's name for it: `POST /v1/check`."""
        return f"{self.method} {self.path}"

    def is_at(self, path: str) -> bool:
        """Whether the path of a request leads here."""
        here = self.path.split("/")
        there = path.split("/", maxsplit=len(here) - 1 if here[-1].endswith("+}") else -1)
        return len(here) == len(there) and all(
            step == name or (name.startswith("{") and step != "")
            for name, step in zip(here, there, strict=True)
        )


ROUTES: tuple[Route, ...] = (
    Route("POST", "/v1/check", "check", SPENDER),
    Route("GET", "/v1/spend", "check", ANY_READER),
    Route("GET", "/v1/reservations/{id}", "check", ANY_READER),
    Route("POST", "/v1/reservations", "reserve", SPENDER),
    Route("POST", "/v1/reservations/{id}/settle", "settle", SPENDER),
    Route("POST", "/v1/reservations/{id}/release", "settle", SPENDER),
    Route("POST", "/v1/reservations/{id}/extend", "settle", SPENDER),
    Route("POST", "/v1/spend", "settle", SPENDER),
    Route("POST", "/v1/budgets", "admin", ADMIN),
    Route("GET", "/v1/budgets", "admin", ADMIN_READER),
    Route("GET", "/v1/budgets/{id}", "admin", ADMIN_READER),
    Route("PATCH", "/v1/budgets/{id}", "admin", ADMIN),
    Route("DELETE", "/v1/budgets/{id}", "admin", ADMIN),
    Route("GET", "/v1/budgets/{id}/ledger", "admin", ADMIN_READER),
    Route("GET", "/v1/budgets/{id}/balance", "admin", ADMIN_READER),
    Route("GET", "/v1/budgets/{id}/statements", "admin", ADMIN_READER),
    Route("GET", "/v1/budgets/{id}/audit", "admin", ADMIN_READER),
    Route("POST", "/v1/budgets/{id}/credits", "admin", ADMIN),
    Route("POST", "/v1/budgets/{id}/pause", "admin", ADMIN),
    Route("POST", "/v1/budgets/{id}/resume", "admin", ADMIN),
    Route("POST", "/v1/budgets/{id}/disable", "admin", ADMIN),
    Route("POST", "/v1/budgets/{id}/enable", "admin", ADMIN),
    Route("GET", "/v1/export/ledger", "admin", ADMIN_READER),
    Route("GET", "/v1/token-caps/{type}/{id+}", "admin", ADMIN_READER),
    Route("PUT", "/v1/token-caps/{type}/{id+}", "admin", ADMIN),
    Route("DELETE", "/v1/token-caps/{type}/{id+}", "admin", ADMIN),
    Route("GET", "/v1/prices/{provider}/{model+}", "admin", ADMIN_READER),
    Route("PUT", "/v1/prices/{provider}/{model+}", "admin", ADMIN),
    Route("DELETE", "/v1/prices/{provider}/{model+}", "admin", ADMIN),
    Route("GET", "/v1/rates/{from}/{to}", "admin", ADMIN_READER),
    Route("PUT", "/v1/rates/{from}/{to}", "admin", ADMIN),
    Route("DELETE", "/v1/rates/{from}/{to}", "admin", ADMIN),
    Route("POST", "/v1/keys", "admin", ADMIN),
    Route("GET", "/v1/keys", "admin", ADMIN_READER),
    Route("DELETE", "/v1/keys/{id}", "admin", ADMIN),
    Route("GET", "/v1/tenant", "admin", ADMIN_READER),
    Route("PATCH", "/v1/tenant", "admin", ADMIN),
    Route("POST", "/v1/tenants", "admin", OPERATOR),
    Route("GET", "/v1/tenants", "admin", OPERATOR),
    Route("GET", "/v1/health", "admin", PUBLIC),
    Route("GET", "/v1/openapi.json", "admin", PUBLIC),
)

ROUTE_BY_KEY: Mapping[str, Route] = {route.key: route for route in ROUTES}


def methods_at(path: str) -> list[str]:
    """The methods that a path takes, in the order of the table; none if nothing lives there."""
    return [route.method for route in ROUTES if route.is_at(path)]
