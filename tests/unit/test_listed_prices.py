"""The list of built-in prices says what genai-prices says, of every name that it has."""

import subprocess
import sys

import pytest

from spendgate_service.pricing.builtin import builtin_price, find_builtin
from spendgate_service.pricing.library import find_in_library, library_price
from spendgate_service.pricing.listed import PATH, find_listed
from tools.builtin_prices import builtin_prices

DAY = 86_400
NOW = 1_795_910_400  # 29 November 2026


def names() -> list[tuple[str, str]]:
    lines = PATH.read_text(encoding="utf-8").splitlines()
    keys = [line.partition("\t")[0] for line in lines if not line.startswith("=")]
    return [(owner, model) for owner, _, model in (key.partition("/") for key in keys)]


def test_the_list_is_that_of_the_pinned_release() -> None:
    assert PATH.read_text(encoding="utf-8") == builtin_prices(), "python -m tools.builtin_prices"


def test_every_listed_name_means_and_costs_what_the_library_says() -> None:
    for owner, model in names():
        listed = find_listed(owner, model)
        assert listed is not None
        assert listed.meant == find_in_library(owner, model), (owner, model)
        changes = [since for since, _ in listed.prices]
        for second in {NOW, NOW - 400 * DAY, *changes, *(since - 1 for since in changes if since)}:
            price = library_price(owner, model, second=second)
            assert listed.price(owner, model, second=second) == price, (owner, model, second)


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("OpenAI", " GPT-4o "),
        ("bedrock", "anthropic.claude-3-5-sonnet-20241022-v2:0"),
        ("azure", "gpt-4o"),
        ("huggingface_cerebras", "openai/gpt-oss-120b"),
        ("deepseek", "deepseek-chat"),
        ("openai", "gpt-4o-2099-01-01"),
        ("openai", "no-such-model"),
        ("no-such-provider", "gpt-4o"),
        ("", ""),
    ],
)
def test_a_name_in_any_spelling_costs_what_the_library_says(provider: str, model: str) -> None:
    assert find_builtin(provider, model) == find_in_library(provider, model)
    price = library_price(provider, model, second=NOW)
    assert builtin_price(provider, model, now_ms=NOW * 1000) == price


def test_a_provider_whose_id_has_an_underscore_is_found_under_its_name() -> None:
    assert builtin_price("huggingface_cerebras", "openai/gpt-oss-120b", now_ms=NOW * 1000)


def test_a_listed_model_is_priced_without_the_library() -> None:
    code = (
        "from spendgate_service.pricing.builtin import builtin_price, find_builtin\n"
        f"assert builtin_price('openai', 'gpt-4o', now_ms={NOW}000)\n"
        "assert find_builtin('anthropic', 'claude-sonnet-4-5')\n"
        "import sys\n"
        "assert not {'genai_prices', 'pydantic', 'httpx2'} & set(sys.modules)"
    )
    environment = {"PYTHONPATH": ":".join(sys.path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
