"""What a tenant sets for itself: prices over the built-in table, and rates between units."""

from collections.abc import Callable

from pydantic import TypeAdapter

from spendgate_service.api.bodies.administration import PriceBody, RateBody
from spendgate_service.api.bodies.fields import LabelField, ReferenceField, UnitField
from spendgate_service.api.http import Request
from spendgate_service.api.query import refuse
from spendgate_service.api.validation import validated
from spendgate_service.domain.errors import NotFound
from spendgate_service.domain.tenants import Tenant, price_key
from spendgate_service.pricing.usage import builtin_price
from spendgate_service.store.tenants import read_tenant_of
from spendgate_service.tenants import tenants
from spendgate_service.wire.prices import price_response
from spendgate_service.wire.rates import rate_response
from spendgate_service.wire.values import Response, ok

_PROVIDER: TypeAdapter[str] = TypeAdapter(LabelField)
_MODEL: TypeAdapter[str] = TypeAdapter(ReferenceField)
_UNIT: TypeAdapter[str] = TypeAdapter(UnitField)


def read_price(request: Request) -> Response:
    """Show the price that a model's usage is counted at."""
    provider, model = _model_in_path(request)
    key = price_key(provider, model)
    own = _tenant(request).prices.get(key)
    if own is not None:
        return ok(price_response(own, is_override=True))
    builtin = builtin_price(provider, model, now_ms=request.now_ms)
    if builtin is None:
        raise NotFound("price for", key)
    return ok(price_response(builtin, is_override=False))


def put_price(request: Request) -> Response:
    """Set a price over the built-in one."""
    provider, model = _model_in_path(request)
    price = request.body(PriceBody).to_price(provider=provider, model=model, now_ms=request.now_ms)
    _change(request, lambda tenant: tenant.with_price(price))
    return ok(price_response(price, is_override=True))


def delete_price(request: Request) -> Response:
    """Go back to the built-in price, and show the own one for the last time."""
    key = price_key(*_model_in_path(request))
    last = _tenant(request).prices.get(key)
    if last is None:
        raise NotFound("own price for", key)
    _change(request, lambda tenant: tenant.without_price(key))
    return ok(price_response(last, is_override=True))


def read_rate(request: Request) -> Response:
    """Show a rate, also one that has grown too old."""
    source, target = _units_in_path(request)
    rate = _tenant(request).rate(source, target)
    if rate is None:
        raise NotFound("rate from", f"{source} to {target}")
    return ok(rate_response(rate))


def put_rate(request: Request) -> Response:
    """Set a rate, as of now."""
    source, target = _units_in_path(request)
    if source == target:
        refuse("path.to", f"{source} needs no rate to itself")
    rate = request.body(RateBody).to_rate(source=source, target=target, now_ms=request.now_ms)
    _change(request, lambda tenant: tenant.with_rate(rate))
    return ok(rate_response(rate))


def delete_rate(request: Request) -> Response:
    """Take a rate away, and show it for the last time."""
    source, target = _units_in_path(request)
    last = _tenant(request).rate(source, target)
    if last is None:
        raise NotFound("rate from", f"{source} to {target}")
    _change(request, lambda tenant: tenant.without_rate(source, target))
    return ok(rate_response(last))


def _tenant(request: Request) -> Tenant:
    return read_tenant_of(request.app.table, request.tenant_id)


def _change(request: Request, change: Callable[[Tenant], Tenant]) -> None:
    tenants.change_tenant(request.app.table, request.tenant_id, change, now_ms=request.now_ms)


def _model_in_path(request: Request) -> tuple[str, str]:
    return (
        validated(_PROVIDER.validate_python, request.path_text("provider"), root="path.provider"),
        validated(_MODEL.validate_python, request.path_text("model"), root="path.model"),
    )


def _units_in_path(request: Request) -> tuple[str, str]:
    return (
        validated(_UNIT.validate_python, request.path_text("from"), root="path.from"),
        validated(_UNIT.validate_python, request.path_text("to"), root="path.to"),
    )


HANDLERS = {
    "GET /v1/prices/{provider}/{model+}": read_price,
    "PUT /v1/prices/{provider}/{model+}": put_price,
    "DELETE /v1/prices/{provider}/{model+}": delete_price,
    "GET /v1/rates/{from}/{to}": read_rate,
    "PUT /v1/rates/{from}/{to}": put_rate,
    "DELETE /v1/rates/{from}/{to}": delete_rate,
}
