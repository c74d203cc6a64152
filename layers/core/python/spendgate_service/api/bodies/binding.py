"""A key's own subjects: part of every request that spends with it."""

from collections.abc import Mapping
from typing import Any, Protocol, Self

from spendgate_service.api.bodies.spending import UsageBody
from spendgate_service.api.principal import Principal
from spendgate_service.domain.errors import ForeignSubject, InvalidValue
from spendgate_service.domain.subjects import MODEL, SUBJECTS_MAX
from spendgate_service.pricing.names import subject_name


class _SpendingBody(Protocol):
    """The body of a request that names who spends."""

    @property
    def subjects(self) -> Mapping[str, str]: ...

    @property
    def usage(self) -> UsageBody | None: ...

    def model_copy(self, *, update: Mapping[str, Any] | None = None) -> Self: ...


def bound_to_key[B: _SpendingBody](body: B, principal: Principal) -> B:
    """Add the subjects of the key to a body, before its fingerprint is taken.

    So two keys with other subjects never share the replay of a request. Raises ForeignSubject if
    the body names another value, and InvalidValue if there are too many subjects in all.
    """
    if not principal.subjects:
        return body
    subjects = with_subjects_of_key(
        body.subjects, principal, root="body.subjects", usage=body.usage
    )
    return body.model_copy(update={"subjects": subjects})


def with_subjects_of_key(
    named: Mapping[str, str],
    principal: Principal,
    *,
    root: str,
    usage: UsageBody | None = None,
) -> dict[str, str]:
    """Add the subjects of the key to those that a request names.

    Raises ForeignSubject and InvalidValue.
    """
    for subject_type, bound in principal.subjects.items():
        value = named.get(subject_type)
        if value is None and subject_type == MODEL and usage is not None:
            value = subject_name(usage.provider, usage.model)
        if value not in {None, bound}:
            raise ForeignSubject(
                f"{subject_type}:{value}",
                bound=f"{subject_type}:{bound}",
                param=f"{root}.{subject_type}",
            )
    subjects = {**named, **principal.subjects}
    if len(subjects) > SUBJECTS_MAX:
        raise InvalidValue(
            f"{root}: with those of the API key these are {len(subjects)} subjects, and a request "
            f"has at most {SUBJECTS_MAX}",
            param=root,
        )
    return subjects
