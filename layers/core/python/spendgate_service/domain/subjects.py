"""Subjects: who or what spends, written `type:id`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from spendgate_service.domain.errors import InvalidValue

ORGANIZATION = "organization"
ORGANIZATION_SPELLINGS = frozenset({ORGANIZATION, "org"})
API_KEY = "api_key"
MODEL = "model"
AGENT = "agent"
SESSION = "session"
CREDENTIAL_TYPES = frozenset({ORGANIZATION, API_KEY})
"""Types that come from the credential; a request names no key, and no other organization."""

ANY_ID = "*"
ID_LENGTH_MAX = 256
SUBJECTS_MAX = 10

_REFUSAL_ORDER = (
    ORGANIZATION,
    "app",
    "app_channel",
    "user",
    API_KEY,
    AGENT,
    SESSION,
    "tool",
    MODEL,
)
STANDARD_TYPES = frozenset(_REFUSAL_ORDER)
_RANK = {subject_type: rank for rank, subject_type in enumerate(_REFUSAL_ORDER)}
_WORD = re.compile(r"[a-z][a-z0-9_]{0,31}")
_NOT_IN_IDS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def is_word(text: str) -> bool:
    """Return whether a text is a lower-case word that may name a subject type or a unit."""
    return _WORD.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Subject:
    """One subject; the id `*` means every subject of the type without its own budget.

    An id is any text of 1 to 256 characters without control characters. Ids are compared character
    by character, without normalization, so look-alikes stay distinct.
    """

    type: str
    id: str

    def __str__(self) -> str:
        return f"{self.type}:{self.id}"

    @property
    def is_default(self) -> bool:
        """Whether budgets on it are defaults."""
        return self.id == ANY_ID

    @property
    def default(self) -> "Subject":
        """The subject with the defaults of this one's type."""
        return Subject(self.type, ANY_ID)

    @property
    def refusal_rank(self) -> tuple[int, str]:
        """The position of its refusal among several: the known types first, others by name."""
        return (_RANK.get(self.type, len(_RANK)), str(self))


def id_of_type(subjects: Iterable[Subject], subject_type: str) -> str | None:
    """Return the id of the subject of a type; None if there is none."""
    return next((subject.id for subject in subjects if subject.type == subject_type), None)


@lru_cache(maxsize=4096)
def parse_subject(text: str) -> Subject:
    """Parse `type:id`; the id may contain further colons. Raises InvalidValue."""
    subject_type, colon, subject_id = text.partition(":")
    if not colon:
        raise InvalidValue("a subject is written type:id, for example agent:researcher")
    return make_subject(subject_type, subject_id)


def make_subject(subject_type: str, subject_id: str) -> Subject:
    """Make a subject from its parts; `org` is read as `organization`.

    Raises InvalidValue if one of them is invalid.
    """
    if not is_word(subject_type):
        raise InvalidValue(
            "a subject's type is a lower-case word of at most 32 letters, digits and underscores"
        )
    if not 1 <= len(subject_id) <= ID_LENGTH_MAX:
        raise InvalidValue(f"a subject's id has 1 to {ID_LENGTH_MAX} characters")
    if _NOT_IN_IDS.search(subject_id):
        raise InvalidValue("a subject's id has no control characters and no lone surrogates")
    if ANY_ID in subject_id and subject_id != ANY_ID:
        raise InvalidValue(
            f"a subject's id is {ANY_ID} alone, for every subject of the type, or has no {ANY_ID}: "
            "patterns such as team-* are not supported"
        )
    if subject_type in ORGANIZATION_SPELLINGS:
        subject_type = ORGANIZATION
    return Subject(subject_type, subject_id)


def check_own_organization(subject: Subject, *, tenant_id: str, param: str) -> None:
    """Raise InvalidValue for an organization that is not the caller's."""
    if subject.type == ORGANIZATION and subject.id not in {tenant_id, ANY_ID}:
        own = Subject(ORGANIZATION, tenant_id)
        raise InvalidValue(f"{param}: {subject} is not your organization; write {own}", param=param)
