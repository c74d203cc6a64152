"""Tenants and their settings."""

from typing import Annotated, NotRequired, TypedDict

from spendgate_service.domain.tenants import Tenant, UnpricedModel
from spendgate_service.wire.fields import Doc, Time
from spendgate_service.wire.values import time_on_wire


class TenantResponse(TypedDict):
    """A tenant and its settings."""

    tenant_id: Annotated[str, Doc("The id of the tenant.")]
    name: Annotated[str | None, Doc("A name for people.")]
    require_budget: Annotated[bool, Doc("Whether a request to which no budget applies is refused.")]
    unpriced_model: Annotated[
        UnpricedModel,
        Doc("What happens to usage of a model without a price: reject, or allow in tokens only."),
    ]
    default_max_output_tokens: Annotated[
        int, Doc("How many output tokens are held for a usage without max_output_tokens.")
    ]
    default_agent: Annotated[
        str | None, Doc("The agent that a request counts for if it names none; null: no agent.")
    ]
    fallback_models: Annotated[
        list[str],
        Doc("Models, as provider/model, that responses name as alternatives to a refused one."),
    ]
    created_at: Annotated[Time, Doc("When the tenant was created.")]
    updated_at: Annotated[Time, Doc("When the settings were last changed.")]
    admin_key: NotRequired[
        Annotated[
            str | None,
            Doc(
                "The secret of the tenant's first admin key. Shown once, in the response that "
                "creates the tenant; null in a replay of it."
            ),
        ]
    ]


def tenant_response(tenant: Tenant) -> TenantResponse:
    """Build the response about a tenant."""
    return {
        "tenant_id": tenant.tenant_id,
        "name": tenant.name,
        "require_budget": tenant.require_budget,
        "unpriced_model": tenant.unpriced_model,
        "default_max_output_tokens": tenant.default_max_output_tokens,
        "default_agent": tenant.default_agent,
        "fallback_models": list(tenant.fallback_models),
        "created_at": time_on_wire(tenant.created_at_ms),
        "updated_at": time_on_wire(tenant.updated_at_ms),
    }


def tenant_created(tenant: Tenant, *, admin_key: str | None) -> TenantResponse:
    """Build the response to the creation of a tenant, with its first key; None in a replay."""
    return {**tenant_response(tenant), "admin_key": admin_key}
