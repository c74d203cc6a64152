"""Preconditions of a change: the object is still as the caller has read it (`If-Match`, RFC 9110).

Every object that can be changed has a tag, which changes with the object. A budget's tag is its own
revision, so neither balances nor changes to other budgets of the subject change it.
"""

from dataclasses import dataclass

from spendgate_service.domain.errors import VersionMismatch

ANY_TAG = "*"


@dataclass(frozen=True, slots=True)
class Precondition:
    """The tags of which the object must have one; `*` stands for any object that exists.

    None means that there is no condition.
    """

    tags: frozenset[str] | None = None

    def check(self, what: str, tag: str | None) -> None:
        """Raise VersionMismatch unless the condition holds; a `tag` of None: there is no object."""
        if self.tags is None:
            return
        if tag is None or self.tags.isdisjoint({tag, ANY_TAG}):
            raise VersionMismatch(what, current=tag)


UNCONDITIONAL = Precondition()


def revision_tag(revision: int) -> str:
    """Return the tag of an object that counts its revisions."""
    return f'"{revision}"'
