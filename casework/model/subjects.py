"""Everything that has a chain of its own: its kind, and its record as flat fields. What a record means stands with the record."""

from collections.abc import Mapping
from typing import Any

from casework.model import amending, export, incident, inspection, publication, record, task
from casework.model.amending import OverrideTable
from casework.model.export import Export
from casework.model.incident import Incident
from casework.model.inspection import Inspection
from casework.model.packing import Plain
from casework.model.publication import Publication
from casework.model.record import Dossier
from casework.model.task import Task

Record = Dossier | Publication | OverrideTable | Task | Incident | Export | Inspection
DOSSIER, PROCEDURE, CALENDAR, TASK, INCIDENT, EXPORT = "dossier", "procedure", "calendar", "task", "incident", "export"
INSPECTION = "inspection"


def kind_of(what: Record) -> str:
    """Name the kind of subject that a record belongs to."""
    match what:
        case Dossier():
            return DOSSIER
        case Publication():
            return PROCEDURE
        case OverrideTable():
            return CALENDAR
        case Task():
            return TASK
        case Export():
            return EXPORT
        case Inspection():
            return INSPECTION
        case _:
            return INCIDENT


def flattened(what: Record) -> dict[str, Plain]:
    """Give a record's fields."""
    match what:
        case Dossier():
            return record.flattened(what)
        case Publication():
            return publication.flattened(what)
        case OverrideTable():
            return amending.flattened(what)
        case Task():
            return task.flattened(what)
        case Export():
            return export.flattened(what)
        case Inspection():
            return inspection.flattened(what)
        case _:
            return incident.flattened(what)


def restored(kind: str, fields: Mapping[str, Any]) -> Record:
    """Build a record back.

    Raises:
        KeyError, ValueError, TypeError: the fields are not those of that kind, or there is no such kind.
    """
    match kind:
        case "dossier":
            return record.restored(fields)
        case "procedure":
            return publication.restored(fields)
        case "calendar":
            return amending.restored(fields)
        case "task":
            return task.restored(fields)
        case "incident":
            return incident.restored(fields)
        case "export":
            return export.restored(fields)
        case "inspection":
            return inspection.restored(fields)
        case _:
            raise ValueError(f"no kind of subject: {kind}")
