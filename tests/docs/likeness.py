"""Whether a real answer is the documented one: ids and times may differ, nothing else may.

An id that differs is remembered, so that a later command means the real object. `...` stands for
whatever else there is.
"""

import json
import re
from typing import Any

CLOCK_FIELDS = {"forecast", "resets_in_seconds", "retry_after_seconds"}
CURSOR_FIELDS = {"next_cursor"}
RANDOM_FIELDS = {"secret_last4"}

ID = re.compile(r"(?:\b|(?<=\\n))(?:(?:bud|rsv|led|stm|key|use|chg|req|ntf)_[0-9A-Za-z]+|req-\d+)")
SECRET = re.compile(r"\bsg\.[\w.-]+|\bwhsec_[\w+/=]+")
_TIMES = re.compile(
    r"\b\d{4}-(?:W\d{2}|\d{2}(?:-\d{2}(?:T\d{2}(?::\d{2}:\d{2}(?:\.\d+)?Z)?)?)?)\b"
    r"|\b\d+(?= seconds)"
)
_STRING_OR_ELLIPSIS = re.compile(r'"(?:[^"\\]|\\.)*"|\.\.\.,?')


class Unlike(AssertionError):
    """Where the documentation and the service say different things."""


def documented_json(text: str) -> Any:
    """JSON in which `...` may stand for further fields or items."""

    def marked(match: re.Match[str]) -> str:
        if not match[0].startswith("..."):
            return match[0]
        rest = text[match.end() :].lstrip()
        inside_list = _opening(text[: match.start()]) == "["
        comma = "" if rest.startswith(("}", "]")) else ","
        return ('"..."' if inside_list else '"...": 0') + comma

    return json.loads(_STRING_OR_ELLIPSIS.sub(marked, text))


def _opening(before: str) -> str:
    """The bracket that is still open at the end of a text."""
    depth: list[str] = []
    for bracket in re.findall(r"[\[\]{}]", re.sub(r'"(?:[^"\\]|\\.)*"', '""', before)):
        if bracket in "[{":
            depth.append(bracket)
        else:
            depth.pop()
    return depth[-1]


class Likeness:
    """Compares answers with what is documented, and knows which id stands for which."""

    def __init__(self) -> None:
        self.real_ids: dict[str, str] = {}

    def really(self, command: str) -> str:
        """A documented text with the real ids in it."""
        return ID.sub(lambda match: self.real_ids.get(match[0], match[0]), command)

    def compare(self, documented: Any, real: Any, *, at: str = "answer") -> None:
        """Raises Unlike."""
        match documented, real:
            case dict(), dict():
                self._compare_objects(documented, real, at)
            case list(), list():
                self._compare_lists(documented, real, at)
            case str(), str():
                self.compare_texts(documented, real, at=at)
            case _ if documented != real or type(documented) is not type(real):
                raise Unlike(f"{at} is {real!r}, and {documented!r} is documented")

    def _compare_lists(self, documented: list[Any], real: list[Any], at: str) -> None:
        shown = [example for example in documented if example != "..."]
        if len(shown) > len(real) or (shown == documented and len(shown) < len(real)):
            raise Unlike(f"{at} has {len(real)} items, and {len(shown)} are documented")
        for number, (one, other) in enumerate(zip(shown, real, strict=False)):
            self.compare(one, other, at=f"{at}.{number}")

    def _compare_objects(self, documented: dict[str, Any], real: dict[str, Any], at: str) -> None:
        missing = documented.keys() - real.keys() - {"..."}
        extra = real.keys() - documented.keys() if "..." not in documented else set()
        if missing or extra:
            raise Unlike(f"{at} has not {sorted(missing)}, and has {sorted(extra)} besides")
        for name in documented.keys() - {"..."}:
            one, other, place = documented[name], real[name], f"{at}.{name}"
            may_differ = CLOCK_FIELDS | CURSOR_FIELDS | RANDOM_FIELDS
            if name in may_differ and type(one) is type(other):
                continue
            self.compare(one, other, at=place)

    def compare_texts(self, documented: str, real: str, *, at: str) -> None:
        """Compare two texts line by line, but for ids, secrets, times and seconds."""
        pattern = re.escape(_plain(documented)).replace(re.escape("..."), r"[\s\S]*")
        if not re.fullmatch(pattern, _plain(real)):
            raise Unlike(f"{at} is {real!r}, and {documented!r} is documented")
        if "..." in documented:
            return
        for one, other in zip(ID.findall(documented), ID.findall(real), strict=True):
            if self.real_ids.setdefault(one, other) != other:
                raise Unlike(f"{at} is {other}, and {one} has been {self.real_ids[one]} before")


def kind_of(object_id: str) -> str:
    """The beginning of an id that says what it is the id of."""
    return object_id[:4]


def _plain(text: str) -> str:
    ids = ID.sub(lambda match: f"<{kind_of(match[0])}>", SECRET.sub("<secret>", text.strip()))
    return _TIMES.sub("<time>", ids)
