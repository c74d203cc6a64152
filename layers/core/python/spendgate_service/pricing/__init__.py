"""Pricing: what usage of a model comes to, in tokens and in money.

Model
    A caller names a provider, a model and what was or will be used, or passes the provider's own
    usage object. Each kind of token has a rate; the sum is an amount in the price's currency, and
    each kind is an amount in its own unit. Reservations and settlements count both like amounts
    that the caller named.

    names           one spelling for each model: in own prices, built-in prices, the subject `model`
    builtin         the built-in prices: `listed` reads them from a text, `library` asks
                    genai-prices for what is not listed (ADR 52)
    provider_usage  usage objects of the providers, read into `domain.model_usage`
    priced_amounts  what one request asks for or reports, priced as its tenant wants it
    alternatives    the same usage of the tenant's fallback models

Invariants
    - A tenant's own price comes before the built-in one.
    - A kind of token without a rate is never counted at another kind's rate: the request is
      refused, or warned where it settles.
    - Nothing is fetched over the network; the table is the one of the pinned package.
    - A total contains its parts once, in every provider's usage object.

Cost
    No write units. A listed price is found in 2 ms. genai-prices is loaded, in about 0.3 s, for a
    name that is not listed and for a provider's own usage object.

Boundaries
    How a price is computed is a rule of `domain.prices`. Prices of a tenant are settings, kept in
    `tenants`; whether what a request comes to is granted is decided in `reservations`.
"""
