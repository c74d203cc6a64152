"""Whatever spelling finds the built-in price finds the own price, and the subject `model`."""

from hypothesis import given
from hypothesis import strategies as st

from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.prices import Price, Rates
from spendgate_service.domain.tenants import Tenant
from spendgate_service.pricing.builtin import find_builtin
from spendgate_service.pricing.names import _ALIASES, normalised_name, subject_name
from spendgate_service.pricing.priced_amounts import own_price

MODELS = (
    ("openai", "gpt-4o"),
    ("azure", "gpt-4o"),
    ("anthropic", "claude-sonnet-4-5"),
    ("google", "gemini-2.5-flash"),
    ("mistral", "mistral-large-latest"),
    ("x-ai", "grok-3"),
)


@st.composite
def spellings(draw: st.DrawFn) -> tuple[str, str, str, str]:
    """A model under its plain name, and under another that means the same."""
    provider, model = draw(st.sampled_from(MODELS))
    names = [provider, *(alias for alias, name in _ALIASES.items() if name == provider)]
    spelled = draw(st.sampled_from(names))
    prefix = draw(st.sampled_from(["", f"{provider}/", f"{spelled}/", "models/"]))
    case = draw(st.sampled_from([str.lower, str.upper, str.title]))
    separator = draw(st.sampled_from("-_ "))
    space = draw(st.sampled_from(["", " "]))
    return (
        provider,
        model,
        f"{space}{case(spelled).replace('-', separator)}{space}",
        f"{space}{case(prefix + model)}{space}",
    )


def tenant_with(provider: str, model: str) -> Tenant:
    owner, _, name = normalised_name(provider, model).partition("/")
    return Tenant("acme").with_price(Price(owner, name, "usd", Rates(input_per_million=ONE)))


@given(spellings())
def test_an_own_price_is_found_under_every_spelling_of_the_built_in_one(
    spelling: tuple[str, str, str, str],
) -> None:
    provider, model, spelled_provider, spelled_model = spelling

    assert (
        find_builtin(spelled_provider, spelled_model) == find_builtin(provider, model) is not None
    )
    assert own_price(tenant_with(provider, model), spelled_provider, spelled_model) is not None
    assert own_price(tenant_with(spelled_provider, spelled_model), provider, model) is not None


@given(spellings())
def test_the_subject_of_a_model_is_the_same_under_every_spelling(
    spelling: tuple[str, str, str, str],
) -> None:
    provider, model, spelled_provider, spelled_model = spelling

    assert subject_name(spelled_provider, spelled_model) == subject_name(provider, model)


def test_a_dated_version_is_the_subject_of_its_model() -> None:
    assert subject_name("openai", "gpt-4o-2024-08-06") == "gpt-4o"
    assert subject_name("anthropic", "claude-3-7-sonnet-20250219") == "claude-3-7-sonnet"
    assert subject_name("openrouter", "openai/gpt-4o") == "openai/gpt-4o"
