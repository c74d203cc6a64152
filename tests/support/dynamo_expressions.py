"""DynamoDB's expressions, compiled to Python: conditions, key conditions and updates.

Only what the service sends is understood; anything else raises `Unsupported`, so that the engine
never guesses. An item, a value and a result are in DynamoDB's typed form (`{"N": "1"}`).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact
from functools import cache, lru_cache
from importlib.util import find_spec
from operator import eq, ge, gt, le, lt
from pathlib import Path
from typing import Any

type Typed = Mapping[str, Any]
type Attributes = dict[str, Typed]


class Unsupported(NotImplementedError):
    """An expression that the service does not send."""


class InvalidExpression(ValueError):
    """What DynamoDB answers with a ValidationException."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression is evaluated against."""

    item: Mapping[str, Typed]
    names: Mapping[str, str]
    values: Mapping[str, Typed]


type Condition = Callable[[Scope], bool]
type Operand = Callable[[Scope], Typed | None]

_TOKEN = re.compile(r"\s*(<>|<=|>=|[=<>(),+-]|[#:]?[A-Za-z_][A-Za-z0-9_]*)")
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": eq, "<": lt, "<=": le, ">": gt, ">=": ge,
}  # fmt: skip
_ORDERED = frozenset({"N", "S", "B"})
_NUMBERS = Context(prec=38, traps=[Inexact])


@lru_cache(maxsize=4096)
def _decimal(text: str) -> Decimal:
    return Decimal(text)


@lru_cache(maxsize=4096)
def normalized(text: str) -> str:
    """A number as DynamoDB answers it: plain, without zeros that say nothing."""
    try:
        value = _NUMBERS.create_decimal(text).normalize(_NUMBERS)
    except Inexact:
        raise InvalidExpression(f"{text} has more than 38 significant digits") from None
    return "0" if not value else format(value, "f")


@cache
def reserved_words() -> frozenset[str]:
    """The words that no expression may use as a name: moto has DynamoDB's list."""
    moto = find_spec("moto")
    assert moto is not None and moto.origin is not None
    listed = Path(moto.origin).with_name("dynamodb") / "parsing" / "reserved_keywords.txt"
    return frozenset(listed.read_text(encoding="utf-8").upper().split())


def tokens_of(text: str) -> list[str]:
    """The words of an expression."""
    found, place = [], 0
    text = text.strip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise Unsupported(text)
        found.append(match[1])
        place = match.end()
    return found


class _Reader:
    """Reads one expression from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._tokens = tokens_of(text)
        self._place = 0

    @property
    def next(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def take(self, *expected: str) -> str:
        token = self.next
        if not token or (expected and token not in expected):
            raise Unsupported(f"{self.text}: {token!r} where {expected} was expected")
        self._place += 1
        return token

    def take_if(self, *wanted: str) -> bool:
        if self.next not in wanted:
            return False
        self._place += 1
        return True

    # ------------------------------------------------------------------ conditions

    def condition(self) -> Condition:
        parts = [self._conjunction()]
        while self.take_if("OR"):
            parts.append(self._conjunction())
        if len(parts) == 1:
            return parts[0]
        return lambda scope: any(part(scope) for part in parts)

    def _conjunction(self) -> Condition:
        parts = [self._negation()]
        while self.take_if("AND"):
            parts.append(self._negation())
        if len(parts) == 1:
            return parts[0]
        return lambda scope: all(part(scope) for part in parts)

    def _negation(self) -> Condition:
        if self.take_if("NOT"):
            negated = self._negation()
            return lambda scope: not negated(scope)
        if self.take_if("("):
            inner = self.condition()
            self.take(")")
            return inner
        if self.next in _FUNCTIONS:
            return self._function()
        return self._comparison()

    def _function(self) -> Condition:
        function = self.take()
        self.take("(")
        name = self._path()
        if function == "begins_with":
            self.take(",")
            prefix = self.operand()
            self.take(")")
            return lambda scope: _begins_with(scope.item.get(name(scope)), prefix(scope))
        self.take(")")
        if function == "attribute_exists":
            return lambda scope: name(scope) in scope.item
        return lambda scope: name(scope) not in scope.item

    def _comparison(self) -> Condition:
        left = self.operand()
        if self.take_if("BETWEEN"):
            low = self.operand()
            self.take("AND")
            high = self.operand()
            return lambda scope: (
                compare(left(scope), ">=", low(scope)) and compare(left(scope), "<=", high(scope))
            )
        operator = self.take(*_COMPARISONS)
        right = self.operand()
        return lambda scope: compare(left(scope), operator, right(scope))

    # ------------------------------------------------------------------ operands

    def _path(self) -> Callable[[Scope], str]:
        token = self.take()
        if token[0] == "#":
            return lambda scope: scope.names[token]
        if not token[0].isalpha() and token[0] != "_":
            raise Unsupported(f"{self.text}: {token!r} is no attribute")
        if token.upper() in reserved_words():
            raise InvalidExpression(f"{self.text}: {token} is a reserved word")
        return lambda _scope: token

    def operand(self) -> Operand:
        if self.next.startswith(":"):
            token = self.take()
            return lambda scope: scope.values[token]
        if self.next == "if_not_exists":
            return self._if_not_exists()
        if self.next == "size":
            return self._size()
        name = self._path()
        return lambda scope: scope.item.get(name(scope))

    def _size(self) -> Operand:
        self.take("size")
        self.take("(")
        name = self._path()
        self.take(")")
        return lambda scope: _size_of(scope.item.get(name(scope)))

    def _if_not_exists(self) -> Operand:
        self.take("if_not_exists")
        self.take("(")
        name = self._path()
        self.take(",")
        otherwise = self.operand()
        self.take(")")

        def value(scope: Scope) -> Typed | None:
            found = scope.item.get(name(scope))
            return otherwise(scope) if found is None else found

        return value

    # ------------------------------------------------------------------ updates

    def update(self) -> "Update":
        sets: list[tuple[Callable[[Scope], str], Operand]] = []
        removes: list[Callable[[Scope], str]] = []
        while self.next:
            section = self.take("SET", "REMOVE", "ADD")
            while True:
                if section == "REMOVE":
                    removes.append(self._path())
                else:
                    sets.append(self._assignment() if section == "SET" else self._addition())
                if not self.take_if(","):
                    break
        return Update(self.text, tuple(sets), tuple(removes))

    def _assignment(self) -> tuple[Callable[[Scope], str], Operand]:
        name = self._path()
        self.take("=")
        return name, self._sum()

    def _addition(self) -> tuple[Callable[[Scope], str], Operand]:
        name, added = self._path(), self.operand()
        return name, lambda scope: _united(scope.item.get(name(scope)), added(scope))

    def _sum(self) -> Operand:
        left = self.operand()
        if self.next not in {"+", "-"}:
            return left
        operator, right = self.take(), self.operand()
        return lambda scope: _added(left(scope), operator, right(scope))


_FUNCTIONS = frozenset({"attribute_exists", "attribute_not_exists", "begins_with"})


def _begins_with(value: Typed | None, prefix: Typed | None) -> bool:
    if value is None or prefix is None or "S" not in value:
        return False
    return str(value["S"]).startswith(prefix["S"])


def compare(left: Typed | None, operator: str, right: Typed | None) -> bool:
    """Whether it is true; never where an attribute is missing or of another type."""
    if left is None or right is None:
        return False
    (kind,), (other_kind,) = left, right
    if kind != other_kind:
        return False
    one, other = left[kind], right[kind]
    if kind == "N":
        one, other = _decimal(one), _decimal(other)
    if operator != "=" and kind not in _ORDERED:
        return False
    return bool(_COMPARISONS[operator](one, other))


def _size_of(value: Typed | None) -> Typed | None:
    if value is None:
        return None
    if "SS" not in value:
        raise Unsupported("the size of anything but a set of strings")
    return {"N": str(len(value["SS"]))}


def _united(stored: Typed | None, added: Typed | None) -> Typed:
    if added is None or "SS" not in added:
        raise Unsupported("ADD of anything but a set of strings")
    if stored is not None and "SS" not in stored:
        raise InvalidExpression("an operand is no set of strings")
    return {"SS": sorted({*(stored or added)["SS"], *added["SS"]})}


def _added(left: Typed | None, operator: str, right: Typed | None) -> Typed:
    if left is None or right is None:
        raise InvalidExpression("the expression refers to an attribute that does not exist")
    if "N" not in left or "N" not in right:
        raise InvalidExpression("an operand is no number")
    one, other = _decimal(left["N"]), _decimal(right["N"])
    try:
        result = _NUMBERS.add(one, other) if operator == "+" else _NUMBERS.subtract(one, other)
    except Inexact:
        raise InvalidExpression("the result has more than 38 significant digits") from None
    return {"N": "0" if not result else format(result.normalize(_NUMBERS), "f")}


@dataclass(frozen=True, slots=True)
class Update:
    """A compiled update expression."""

    text: str
    sets: tuple[tuple[Callable[[Scope], str], Operand], ...]
    removes: tuple[Callable[[Scope], str], ...]

    def apply(self, scope: Scope) -> Attributes:
        """The item afterwards. Every operand sees the item as it was."""
        after: Attributes = dict(scope.item)
        written = [name(scope) for name, _ in self.sets]
        written += [name(scope) for name in self.removes]
        if len(set(written)) < len(written):
            raise InvalidExpression("two paths of the update overlap")
        for name, operand in self.sets:
            value = operand(scope)
            if value is None:
                raise InvalidExpression("the expression refers to an attribute that does not exist")
            after[name(scope)] = value
        for name in self.removes:
            after.pop(name(scope), None)
        return after


@lru_cache(maxsize=4096)
def condition_of(text: str) -> Condition:
    """A condition or key condition, compiled once."""
    reader = _Reader(text)
    compiled = reader.condition()
    if reader.next:
        raise Unsupported(text)
    return compiled


@lru_cache(maxsize=4096)
def update_of(text: str) -> Update:
    """An update expression, compiled once."""
    return _Reader(text).update()


@lru_cache(maxsize=4096)
def placeholders_of(*texts: str) -> frozenset[str]:
    """The names and values that expressions use."""
    return frozenset(token for text in texts for token in tokens_of(text) if token[0] in "#:")
