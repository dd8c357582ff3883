"""An export: what an inspector asked to take away, and how far the making of it is. What the file holds is for `audit.bundle`.

Pure. It is made step by step; a step may be made twice. An export ends as a file, which is there for `KEPT`, or as a failure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from casework.model import flat
from casework.model.errors import Invalid
from casework.model.packing import Plain

KEPT = timedelta(days=30)
LINKED = timedelta(hours=1)  # an address of the file holds
LONGEST_PERIOD = timedelta(days=366)


class ExportForm(StrEnum):
    """How it is shown that entries are in the log."""

    FULL = "FULL"
    LIGHT = "LIGHT"


class ExportScope(StrEnum):
    """What it holds all of."""

    DOSSIER = "DOSSIER"
    UNIT = "UNIT"
    ALL = "ALL"


class ExportState(StrEnum):
    """How far it is."""

    REQUESTED = "REQUESTED"
    RUNNING = "RUNNING"
    READY = "READY"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class Export:
    """An export as it stands. `unit` is whose trail it stands on, `of` the dossier's id or the unit's code.

    `checkpoint` is the signed note that all of it is shown for, `size` its number of leaves; `low` and `high` are the first and the last
    number of the unit's register that it holds. `steps` are to be made, `done` of them are.
    """

    unit: str
    asked_at: datetime
    scope: ExportScope
    form: ExportForm
    version: int = 0
    state: ExportState = ExportState.REQUESTED
    of: str | None = None
    begin: datetime | None = None
    end: datetime | None = None
    pending: bool = False
    inspection: str | None = None
    checkpoint: str | None = None
    size: int | None = None
    low: int | None = None
    high: int | None = None
    steps: int = 0
    done: int = 0
    ready_at: datetime | None = None
    bytes: int | None = None
    sha256: str | None = None
    expires_at: datetime | None = None
    failure: str | None = None


def flattened(export: Export) -> dict[str, Plain]:
    """Give its fields."""
    return flat.flattened(export, {})


def restored(fields: Mapping[str, Any]) -> Export:
    """Build it back."""
    return flat.restored(Export, fields, {})


def checked(export: Export) -> Export:
    """Refuse what is asked for in a form that it has not.

    Raises:
        Invalid: everything without the leaves; a period that is none, or over a year; a pending tail of more than a dossier.
    """
    if export.scope is ExportScope.ALL and export.form is not ExportForm.FULL:
        raise Invalid("everything is exported with all leaves of the log: ask for the form FULL", path=("form",), code="BAD_FORM")
    if export.begin is not None and export.end is not None and not timedelta(0) < export.end - export.begin <= LONGEST_PERIOD:
        raise Invalid("`from` lies before `to`, by a year at most", path=("from",), code="BAD_PERIOD")
    if export.pending and export.scope is not ExportScope.DOSSIER:
        raise Invalid("entries that the log does not have yet come with a single dossier alone", path=("pending",), code="BAD_FORM")
    return export


def started(export: Export, checkpoint: str, size: int, steps: int, numbers: tuple[int, int] | None) -> Export:
    """Begin, for a checkpoint."""
    low, high = numbers or (None, None)
    return replace(export, state=ExportState.RUNNING, checkpoint=checkpoint, size=size, steps=steps, low=low, high=high)


def ready(export: Export, at: datetime, size: int, sha256: str) -> Export:
    """End with a file."""
    return replace(export, state=ExportState.READY, ready_at=at, bytes=size, sha256=sha256, expires_at=at + KEPT)


def failed(export: Export, why: str) -> Export:
    """End without one."""
    return replace(export, state=ExportState.FAILED, failure=why[:500])


def expired(export: Export) -> Export:
    """Take the file away."""
    return replace(export, state=ExportState.EXPIRED)
