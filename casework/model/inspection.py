"""An inspection (thanh tra): what an inspector set out to look at, why, by which law, and how much was read under it.

Pure. It is of a dossier; of a unit and all below it; or of everything. A period limits the last two to the dossiers that were submitted in
it, and trails to what was recorded in it. What it covers is asked with the units that a thing stands below (`lineage`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from casework.model import flat
from casework.model.errors import Invalid
from casework.model.packing import Plain
from casework.model.parties import Ref
from casework.model.record import Dossier

TICK = timedelta(microseconds=1)  # an instant has six digits


class InspectionScope(StrEnum):
    """What it is of."""

    DOSSIER = "DOSSIER"
    UNIT = "UNIT"
    ALL = "ALL"


class ReadKind(StrEnum):
    """What a read gives."""

    DOSSIER = "DOSSIER"
    DOSSIERS = "DOSSIERS"  # a page of those of a unit and all below it
    DOSSIER_TRAIL = "DOSSIER_TRAIL"
    UNIT_TRAIL = "UNIT_TRAIL"
    ACTOR_TRAIL = "ACTOR_TRAIL"
    UNMASKING = "UNMASKING"  # of a dossier's applicant; the access itself is in the second log


@dataclass(frozen=True, slots=True)
class Read:
    """A read as it was asked for. `of` is the dossier's id, or the code of the unit or of the person; what follows names the page.

    `after` and `before` are positions in its list, or numbers of entries.
    """

    at: datetime
    what: ReadKind
    of: str
    begin: datetime | None = None
    end: datetime | None = None
    first: int | None = None
    last: int | None = None
    after: str | None = None
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Inspection:
    """An inspection as it stands. `unit` is whose trail it stands on, `of` the dossier's id or the unit's code, `inspector` a code."""

    unit: str
    opened_at: datetime
    inspector: str
    scope: InspectionScope
    reason: Ref
    legal_basis: Ref
    version: int = 0
    of: str | None = None
    begin: datetime | None = None
    end: datetime | None = None
    reads: int = 0
    last_read: Read | None = None
    closed_at: datetime | None = None
    conclusion: Ref | None = None


def flattened(inspection: Inspection) -> dict[str, Plain]:
    """Give its fields."""
    return flat.flattened(inspection, {})


def restored(fields: Mapping[str, Any]) -> Inspection:
    """Build it back."""
    return flat.restored(Inspection, fields, {})


def checked(inspection: Inspection) -> Inspection:
    """Refuse a period that is none, and one of a single dossier.

    Raises:
        Invalid: it is such a one.
    """
    begin, end = inspection.begin, inspection.end
    if inspection.scope is InspectionScope.DOSSIER and (begin or end):
        raise Invalid("a period is of a unit, or of everything: leave `from` and `to` out", path=("from",), code="BAD_PERIOD")
    if begin is not None and end is not None and begin >= end:
        raise Invalid("`from` lies before `to`", path=("from",), code="BAD_PERIOD")
    return inspection


def closed(inspection: Inspection, at: datetime, conclusion: Ref | None) -> Inspection:
    """Close it.

    Raises:
        Invalid: it is closed already.
    """
    if inspection.closed_at is not None:
        raise Invalid("the inspection is closed already", path=("inspection",), code="UNKNOWN_INSPECTION")
    return replace(inspection, closed_at=max(at, inspection.opened_at), conclusion=conclusion)


def read_under(inspection: Inspection, read: Read) -> Inspection:
    """Count a read, which is later than the one before: so each differs from that, and is named by its entry."""
    last = inspection.last_read
    read = replace(read, at=max(read.at, last.at + TICK)) if last else read
    return replace(inspection, reads=inspection.reads + 1, last_read=read)


def conducted(inspection: Inspection, inspector: str | None) -> Inspection:
    """Hold it to whoever opened it, and to being open.

    Raises:
        Invalid: it is somebody else's, or closed.
    """
    if inspection.inspector != inspector:
        raise Invalid("the inspection is another inspector's: open one of your own", path=("inspection",), code="UNKNOWN_INSPECTION")
    if inspection.closed_at is not None:
        raise Invalid("the inspection is closed: open another one", path=("inspection",), code="UNKNOWN_INSPECTION")
    return inspection


def covers_dossier(inspection: Inspection, subject: str, dossier: Dossier, lineage: Iterable[str]) -> bool:
    """Whether it covers a dossier; `lineage` is of its competent unit."""
    if inspection.scope is InspectionScope.DOSSIER:
        return inspection.of == subject
    begun = inspection.begin is None or inspection.begin <= dossier.submitted_at
    ended = inspection.end is None or dossier.submitted_at < inspection.end
    return begun and ended and _reaches(inspection, lineage)


def covers_unit(inspection: Inspection, lineage: Iterable[str], begin: datetime | None = None, end: datetime | None = None) -> bool:
    """Whether it covers all of a unit from an instant on and before another; of everything, where `lineage` names nothing."""
    begun = inspection.begin is None or (begin is not None and inspection.begin <= begin)
    ended = inspection.end is None or (end is not None and end <= inspection.end)
    return begun and ended and _reaches(inspection, lineage)


def _reaches(inspection: Inspection, lineage: Iterable[str]) -> bool:
    return inspection.scope is InspectionScope.ALL or (inspection.scope is InspectionScope.UNIT and inspection.of in tuple(lineage))
