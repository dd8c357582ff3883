"""Everything that has a chain of its own: its kind, and its record as flat fields. What a record means stands with the record."""

from collections.abc import Mapping
from typing import Any

from casework.model import publication, record
from casework.model.packing import Plain
from casework.model.publication import Publication
from casework.model.record import Dossier

Record = Dossier | Publication
DOSSIER, PROCEDURE = "dossier", "procedure"


def kind_of(what: Record) -> str:
    """Name the kind of subject that a record belongs to."""
    return DOSSIER if isinstance(what, Dossier) else PROCEDURE


def flattened(what: Record) -> dict[str, Plain]:
    """Give a record's fields."""
    return record.flattened(what) if isinstance(what, Dossier) else publication.flattened(what)


def restored(kind: str, fields: Mapping[str, Any]) -> Record:
    """Build a record back.

    Raises:
        KeyError, ValueError, TypeError: the fields are not those of that kind.
    """
    return record.restored(fields) if kind == DOSSIER else publication.restored(fields)
