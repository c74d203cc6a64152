"""Options that several commands take, and what they come to."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, TypeVar

import typer

from spendgate import Spendgate, Usage
from spendgate.cli.exits import CommandError, Exit
from spendgate.cli.printing import Output

_ARGUMENTS = {
    name
    for method in (Spendgate.reserve, Spendgate.record)
    for name in inspect.signature(method).parameters
}
"""What the client's methods call their own arguments, beside the subjects."""

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])
ValueT = TypeVar("ValueT")

Out = Annotated[Output, typer.Option("--output", "-o", help="The form of the output.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="Show so many at most.")]
OfSubject = Annotated[
    str | None,
    typer.Option("--subject", help="A subject as type:id; of a default, the one to look at."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Agent = Annotated[str | None, typer.Option("--agent", help="The agent that spends.")]
Subjects = Annotated[
    list[str] | None,
    typer.Option("--subject", help="Another subject that spends, as type:id; may be repeated."),
]
Usd = Annotated[str | None, typer.Option("--usd", help="An amount in usd.")]
AmountsOption = Annotated[
    list[str] | None,
    typer.Option("--amount", help="An amount as unit=number, such as tokens=1000; repeatable."),
]
Model = Annotated[
    str | None, typer.Option("--model", help="The model of a call as provider/model.")
]
InputTokens = Annotated[int, typer.Option("--input-tokens", min=0, help="Tokens that go in.")]
MaxOutputTokens = Annotated[
    int | None,
    typer.Option("--max-output-tokens", min=0, help="The most that the model may write."),
]
OutputTokens = Annotated[int, typer.Option("--output-tokens", min=0, help="Tokens written.")]
Ttl = Annotated[int, typer.Option("--ttl", min=1, help="Seconds until the hold expires.")]


SEE, SPEND, CHANGE, AS_CODE, SET_UP = "See", "Spend", "Change", "Budgets as code", "Set up"
"""The panels of the help."""


def group(help_text: str) -> typer.Typer:
    """A group of commands."""
    return typer.Typer(help=help_text, no_args_is_help=True, rich_markup_mode="markdown")


def command(
    app: typer.Typer, name: str, *, example: str, panel: str | None = None, **settings: Any
) -> Callable[[FunctionT], FunctionT]:
    """Register a command; its help ends with an example."""
    epilog = f"Example: {example}"
    return app.command(name, epilog=epilog, rich_help_panel=panel, **settings)


def subject_of(text: str) -> tuple[str, str]:
    """The type and the id of a subject that is written `type:id`."""
    kind, separator, name = text.partition(":")
    if not separator or not kind or not name:
        raise typer.BadParameter(f"{text!r} is no subject: write type:id, such as agent:researcher")
    if kind in _ARGUMENTS:
        raise typer.BadParameter(f"{kind!r} cannot be the type of a subject here")
    return kind, name


def subjects_of(agent: str | None, others: Iterable[str] | None) -> dict[str, Any]:
    """The subjects that a request names."""
    pairs = list(map(subject_of, others or ()))
    if agent is not None:
        pairs.append(("agent", agent))
    return _each_once(pairs, "subject of the type")


def given(**fields: object) -> dict[str, Any]:
    """The fields that were named; a body without a field differs from one with null."""
    return {name: value for name, value in fields.items() if value is not None}


def decimal_of(text: str) -> Decimal:
    """An exact number."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise typer.BadParameter(f"{text!r} is no number")
    return number


def amounts_of(usd: str | None, others: Iterable[str] | None) -> dict[str, Decimal] | None:
    """The amounts by unit; None if there are none."""
    amounts: list[tuple[str, Decimal]] = []
    for text in others or ():
        unit, separator, number = text.partition("=")
        if not separator or not unit:
            raise typer.BadParameter(f"{text!r} is no amount: write unit=number, as in tokens=1000")
        amounts.append((unit, decimal_of(number)))
    if usd is not None:
        amounts.append(("usd", decimal_of(usd)))
    return _each_once(amounts, "amount in") or None


def _each_once(pairs: Iterable[tuple[str, ValueT]], what: str) -> dict[str, ValueT]:
    """Return pairs as a dict. Raises BadParameter for a name that is given twice."""
    named: dict[str, ValueT] = {}
    for name, value in pairs:
        if name in named:
            raise typer.BadParameter(f"there are two values for the {what} {name}: write one")
        named[name] = value
    return named


def usage_of(
    model: str | None,
    *,
    input_tokens: int = 0,
    output_tokens: int = 0,
    max_output_tokens: int | None = None,
) -> Usage | None:
    """The usage of a call to a model; None if no model is named."""
    if model is None:
        if input_tokens or output_tokens or max_output_tokens:
            raise typer.BadParameter("tokens of a call need --model provider/model")
        return None
    provider, separator, name = model.partition("/")
    if not separator or not provider or not name:
        raise typer.BadParameter(f"{model!r} is no model: write provider/model, as openai/gpt-4o")
    return Usage(
        provider=provider,
        model=name,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        max_output_tokens=max_output_tokens,
    )


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something that cannot be undone; a program has to say `--yes`."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError(f"{question} Pass --yes where no person can answer.", Exit.USAGE)
    if not typer.confirm(question, err=True):
        raise CommandError("nothing was changed")
