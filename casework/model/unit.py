"""Units, reception points and officers, effective-dated, and the tree they stand in. It loads nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from casework.model.parties import Role
from casework.model.procedure import ProcedureVersion, Texts

PROVINCE = "PROVINCE"
COMMUNES = frozenset({"WARD", "COMMUNE", "SPECIAL_ZONE"})  # kinds of unit of the lower tier


class PointKind(StrEnum):
    """Kinds of reception point (bộ phận một cửa)."""

    CENTRE = "CENTRE"
    BRANCH = "BRANCH"
    COMMUNE_COUNTER = "COMMUNE_COUNTER"
    POSTAL_AGENT = "POSTAL_AGENT"
    ONLINE = "ONLINE"


@dataclass(frozen=True, slots=True)
class Unit:
    """An authority. `province` is the code of the province it belongs to: the partition of everything stored for it."""

    code: str
    name: Texts
    kind: str
    province: str
    parent: str | None = None
    valid_from: date = date(1945, 9, 2)
    valid_to: date | None = None
    successors: tuple[str, ...] = ()

    def active(self, on: date) -> bool:
        """Whether the unit exists on that legal day (`valid_to` is its last day)."""
        return self.valid_from <= on and (self.valid_to is None or on <= self.valid_to)


@dataclass(frozen=True, slots=True)
class ReceptionPoint:
    """Where dossiers come in; `unit` is the authority that runs it."""

    code: str
    name: Texts
    kind: PointKind
    unit: str


@dataclass(frozen=True, slots=True)
class Officer:
    """A person in office, known by the `sub` of a token; `point` is set for reception staff.

    `valid_to` is the last day in office.
    """

    code: str
    role: Role
    unit: str
    point: str | None = None
    valid_to: date | None = None


@dataclass(frozen=True, slots=True)
class Ongoing:
    """An incident of a unit, as whoever takes in a dossier of it, or of one below it, has to know it."""

    incident: str
    unit: str
    opened_at: datetime
    stops_clocks: bool
    closed_at: datetime | None = None


def lineage(find: Callable[[str], Unit | None], code: str) -> tuple[str, ...]:
    """Give a unit and those above it, nearest first; an unknown code gives itself alone."""
    out: list[str] = []
    here: str | None = code
    while here is not None and here not in out:
        out.append(here)
        unit = find(here)
        here = unit.parent if unit else None
    return tuple(out)


def competent(version: ProcedureVersion, at: Unit) -> str | None:
    """Name the unit that handles a procedure for a reception point run by `at`; None where the dossier has to name it."""
    if version.unit is not None:
        return version.unit
    if version.department is not None:
        return f"{at.province}-{version.department}"
    return at.code if at.kind in COMMUNES else None
