"""Names of models: one normalisation for own prices, built-in prices and the subject `model`.

`normalised_name` needs no price table: case, spaces, aliases of a provider, and a provider or
`models/` in front of a model's name. `base_of` takes the date off a dated version.
"""

import re
from functools import lru_cache

_ALIASES = {
    "azure-openai": "azure",
    "azure-ai": "azure",
    "azure-foundry": "azure",
    "microsoft": "azure",
    "amazon": "aws",
    "bedrock": "aws",
    "amazon-bedrock": "aws",
    "aws-bedrock": "aws",
    "bedrock-converse": "aws",
    "gemini": "google",
    "vertex": "google",
    "vertex-ai": "google",
    "vertexai": "google",
    "google-ai": "google",
    "google-genai": "google",
    "google-gla": "google",
    "google-vertex": "google",
    "google-ai-studio": "google",
    "xai": "x-ai",
    "mistralai": "mistral",
    "mistral-ai": "mistral",
    "together-ai": "together",
    "togetherai": "together",
    "fireworks-ai": "fireworks",
    "moonshot": "moonshotai",
    "open-router": "openrouter",
    "openai-chat": "openai",
    "openai-responses": "openai",
}
"""Spellings that SDKs, gateways and people use for a provider of the price table."""

_PREFIXES = ("models/", "publishers/", "model/")
_SEPARATORS = re.compile(r"[\s_]+")
_DATE = re.compile(r"[-@](20\d{2})-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])(?=$|[-:])")


@lru_cache(maxsize=4096)
def normalised_provider(provider: str) -> str:
    """A provider's name: lower case, `-` between words, aliases resolved."""
    name = _SEPARATORS.sub("-", provider.strip().lower())
    return _ALIASES.get(name, name)


@lru_cache(maxsize=4096)
def normalised_model(provider: str, model: str) -> str:
    """A model's name: lower case, without spaces, the provider or `models/` in front.

    The provider is taken off where it is the request's own, under any of its spellings.
    """
    name = re.sub(r"\s+", "-", model.strip().lower())
    owner = normalised_provider(provider)
    while "/" in name:
        prefix = next((known for known in _PREFIXES if name.startswith(known)), None)
        first, _, rest = name.partition("/")
        if prefix is None and normalised_provider(first) != owner:
            break
        if not rest:
            break
        name = name[len(prefix) :] if prefix else rest
    return name


def normalised_name(provider: str, model: str) -> str:
    """`provider/model`, as own prices are kept."""
    return f"{normalised_provider(provider)}/{normalised_model(provider, model)}"


def base_of(model: str) -> str:
    """A dated model's name without its date: `gpt-4o` of `gpt-4o-2024-08-06`."""
    return _DATE.sub("", model)


def subject_name(provider: str, model: str) -> str:
    """Return the name that a model has as a subject: normalised, without the date of a version."""
    return base_of(normalised_model(provider, model))
