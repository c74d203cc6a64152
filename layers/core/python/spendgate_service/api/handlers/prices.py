"""What a tenant sets for itself: prices over the built-in table, and rates between units."""

import re
from collections.abc import Callable
from dataclasses import replace

from spendgate_service.api.author import author_of
from spendgate_service.api.bodies.administration import PriceBody, RateBody
from spendgate_service.api.http import Request, Response, ok
from spendgate_service.api.parameters import FROM_UNIT, MODEL, PROVIDER, TO_UNIT
from spendgate_service.api.query import refuse
from spendgate_service.api.route import ADMIN, ADMIN_READER, TAG, route, routes_in
from spendgate_service.api.tags import content_tag, precondition_of, tagged
from spendgate_service.domain.changes import Action
from spendgate_service.domain.errors import NotFound
from spendgate_service.domain.prices import Price, price_key
from spendgate_service.domain.rates import Rate
from spendgate_service.domain.tenants import Tenant
from spendgate_service.pricing.builtin import TABLE_DATE
from spendgate_service.pricing.names import normalised_model, normalised_provider
from spendgate_service.pricing.priced_amounts import own_price, price_for
from spendgate_service.store.listings import page_by_name
from spendgate_service.store.tenants import read_tenant_of
from spendgate_service.tenants import tenants
from spendgate_service.tenants.tenants import TenantChange
from spendgate_service.wire.changes import Shown, price_fields
from spendgate_service.wire.pages import PageResponse, page_response
from spendgate_service.wire.prices import PriceResponse, price_response
from spendgate_service.wire.rates import RateResponse, rate_response

_PRICE_POSITION = re.compile("[^/]+/.+")
_RATE_POSITION = re.compile("[a-z0-9_]+/[a-z0-9_]+")


@route("GET /v1/prices", role=ADMIN_READER, response=PageResponse[PriceResponse], paged=True)
def list_prices(request: Request) -> Response:
    """List the tenant's own prices, by provider and model."""
    page = page_by_name(_tenant(request).prices, request.page(), _PRICE_POSITION)
    return ok(page_response([_shown(price) for price in page.data], next_cursor=page.next_cursor))


@route("GET /v1/prices/{provider}/{model+}", role=ADMIN_READER, response=PriceResponse, headers=TAG)
def read_price(request: Request) -> Response:
    """Show what a model costs per million tokens: the tenant's own price, or the built-in one."""
    provider, model = _model_in_path(request)
    price = price_for(_tenant(request), provider, model, now_ms=request.now_ms)
    if price is None:
        raise NotFound("price for", price_key(provider, model))
    return _tagged(_shown(price))


@route(
    "PUT /v1/prices/{provider}/{model+}",
    role=ADMIN,
    body=PriceBody,
    response=PriceResponse,
    conditional=True,
    headers=TAG,
)
def put_price(request: Request[PriceBody]) -> Response:
    """Set a price that replaces the built-in one."""
    provider, model = _model_in_path(request)
    price = request.read_body().to_price(provider=provider, model=model, now_ms=request.now_ms)
    _change_price(request, "price.set", price, lambda tenant: tenant.with_price(price))
    return _tagged(_shown(price))


@route(
    "DELETE /v1/prices/{provider}/{model+}",
    role=ADMIN,
    response=PriceResponse,
    conditional=True,
    headers=TAG,
)
def delete_price(request: Request) -> Response:
    """Delete the tenant's own price; the built-in one applies again."""
    provider, model = _model_in_path(request)
    last = own_price(_tenant(request), provider, model)
    if last is None:
        raise NotFound("own price for", price_key(provider, model))
    _change_price(request, "price.deleted", last, lambda tenant: tenant.without_price(last.key))
    return _tagged(_shown(last))


def _shown(price: Price) -> PriceResponse:
    return price_response(price, table_date=TABLE_DATE)


@route("GET /v1/rates", role=ADMIN_READER, response=PageResponse[RateResponse], paged=True)
def list_rates(request: Request) -> Response:
    """List the tenant's conversion rates, by their units; also those too old to be used."""
    rates = {
        f"{source}/{target}": rate
        for target, by_source in _tenant(request).rates.items()
        for source, rate in by_source.items()
    }
    page = page_by_name(rates, request.page(), _RATE_POSITION)
    return ok(
        page_response([rate_response(rate) for rate in page.data], next_cursor=page.next_cursor)
    )


@route("GET /v1/rates/{from}/{to}", role=ADMIN_READER, response=RateResponse, headers=TAG)
def read_rate(request: Request) -> Response:
    """Show a conversion rate, even one that is too old to be used."""
    source, target = _units_in_path(request)
    rate = _tenant(request).rate(source, target)
    if rate is None:
        raise NotFound("rate from", f"{source} to {target}")
    return _tagged(rate_response(rate))


@route(
    "PUT /v1/rates/{from}/{to}",
    role=ADMIN,
    body=RateBody,
    response=RateResponse,
    conditional=True,
    headers=TAG,
)
def put_rate(request: Request[RateBody]) -> Response:
    """Set how much of one unit another is worth, as of now."""
    source, target = _units_in_path(request)
    if source == target:
        refuse("path.to", f"{source} needs no rate to itself")
    rate = request.read_body().to_rate(source=source, target=target, now_ms=request.now_ms)
    _change_rate(request, "rate.set", rate, lambda tenant: tenant.with_rate(rate))
    return _tagged(rate_response(rate))


@route(
    "DELETE /v1/rates/{from}/{to}",
    role=ADMIN,
    response=RateResponse,
    conditional=True,
    headers=TAG,
)
def delete_rate(request: Request) -> Response:
    """Delete a conversion rate."""
    source, target = _units_in_path(request)
    last = _tenant(request).rate(source, target)
    if last is None:
        raise NotFound("rate from", f"{source} to {target}")
    _change_rate(request, "rate.deleted", last, lambda tenant: tenant.without_rate(source, target))
    return _tagged(rate_response(last))


def _tenant(request: Request) -> Tenant:
    return read_tenant_of(request.app.table, request.tenant_id)


def _tagged(shown: PriceResponse | RateResponse) -> Response:
    return tagged(ok(shown), content_tag(shown))


def _change_price(
    request: Request, action: Action, price: Price, change: Callable[[Tenant], Tenant]
) -> None:
    """Change the tenant's own price of a model, if it is as the caller has read it.

    Without an own price, what the caller has read is the built-in one.
    """

    def before(tenant: Tenant) -> PriceResponse | None:
        applies = price_for(tenant, price.provider, price.model, now_ms=request.now_ms)
        return None if applies is None else _shown(applies)

    def own(tenant: Tenant) -> Shown | None:
        return price_fields(tenant.prices.get(price.key))

    _change(request, before, TenantChange(action, f"price:{price.key}", change, own))


def _change_rate(
    request: Request, action: Action, rate: Rate, change: Callable[[Tenant], Tenant]
) -> None:
    def before(tenant: Tenant) -> RateResponse | None:
        found = tenant.rate(rate.source, rate.target)
        return None if found is None else rate_response(found)

    about = f"rate:{rate.source}/{rate.target}"
    _change(request, before, TenantChange(action, about, change, before))


def _change(
    request: Request,
    before: Callable[[Tenant], PriceResponse | RateResponse | None],
    wanted: TenantChange,
) -> None:
    """Make a change, if the object is as the caller has read it."""
    precondition = precondition_of(request)

    def change(tenant: Tenant) -> Tenant:
        shown = before(tenant)
        precondition.check(wanted.about, None if shown is None else content_tag(shown))
        return wanted.change(tenant)

    tenants.change_tenant(
        request.app.table,
        request.tenant_id,
        replace(wanted, change=change),
        by=author_of(request),
        now_ms=request.now_ms,
    )


def _model_in_path(request: Request) -> tuple[str, str]:
    """Read the normalised names of a model: each spelling is shown, tagged and changed as one."""
    provider = request.path_value(PROVIDER)
    return normalised_provider(provider), normalised_model(provider, request.path_value(MODEL))


def _units_in_path(request: Request) -> tuple[str, str]:
    return request.path_value(FROM_UNIT), request.path_value(TO_UNIT)


ROUTES = routes_in(vars())
