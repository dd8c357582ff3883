"""A procedure as it is published: what is kept of its versions, and how the next one follows. What a version says stands in `procedure`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from casework.model import flat
from casework.model.errors import Invalid
from casework.model.packing import Plain
from casework.model.procedure import ProcedureVersion

LISTS = {"versions": "version"}
MOST_VERSIONS = 60  # of one procedure: what its record may hold in bytes
DAY = timedelta(1)


@dataclass(frozen=True, slots=True)
class Publication:
    """All versions of a procedure, oldest first. `unit` is that of whoever published last, `version` counts the publications."""

    code: str
    unit: str
    version: int = 0
    versions: tuple[ProcedureVersion, ...] = ()


def flattened(publication: Publication) -> dict[str, Plain]:
    """Give its fields: `versions.2` is the second version."""
    return flat.flattened(publication, LISTS)


def restored(fields: Mapping[str, Any]) -> Publication:
    """Build it back."""
    return flat.restored(Publication, fields, LISTS)


def published(before: Publication, draft: ProcedureVersion, today: date) -> Publication:
    """Add a version: the one before ends the day before it begins. What is in force, or was, is never changed otherwise.

    Raises:
        Invalid: it begins before today or not after the last one, ends before it begins, is of another kind, or there are too many.
    """
    last = before.versions[-1] if before.versions else None
    if draft.valid_from < today:
        raise Invalid(
            "a version comes into force today or later: what was received is not judged anew", path=("validFrom",), code="BAD_VALIDITY"
        )
    if draft.valid_to is not None and draft.valid_to < draft.valid_from:
        raise Invalid("a version ends on its first day or later", path=("validTo",), code="BAD_VALIDITY")
    if len(before.versions) >= MOST_VERSIONS:
        raise Invalid(f"a procedure has at most {MOST_VERSIONS} versions", code="TOO_MANY")
    if last is not None and draft.valid_from <= last.valid_from:
        raise Invalid(f"the version before begins on {last.valid_from}; choose a later day", path=("validFrom",), code="BAD_VALIDITY")
    if last is not None and draft.kind is not last.kind:
        raise Invalid(f"{draft.code} is of kind {last.kind}; a procedure keeps its kind", path=("kind",), code="KIND_CHANGED")
    if last is not None and draft.field != last.field:
        raise Invalid(f"{draft.code} is of the field {last.field}; a procedure keeps its field", path=("field",), code="KIND_CHANGED")
    earlier = before.versions
    if last is not None and (last.valid_to is None or last.valid_to >= draft.valid_from):
        earlier = (*earlier[:-1], replace(last, valid_to=draft.valid_from - DAY))
    number = last.version + 1 if last else 1
    return replace(before, versions=(*earlier, replace(draft, version=number, published_on=today)))
