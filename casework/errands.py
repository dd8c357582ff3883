"""What a task does to dossiers, by its kind: in which lists it looks for them, which of them it wants, and what becomes of one.

How it goes through them, and who does when, is for `actions.tasks`.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from casework.affecting import affect
from casework.lists import tree_of
from casework.model.affecting import carries
from casework.model.incident import Incident
from casework.model.record import Dossier, DossierId, State
from casework.model.task import Task, TaskKind
from casework.model.unit import PROVINCE
from casework.model.workdays import legal_day
from casework.ports import Held, Index, Partition, Services, Span
from casework.recomputing import recompute

MAKER = "tasks"
MOST_PROVINCES = 100
MOST_UNITS = 5000  # below one that is no province
BEFORE = timedelta(days=30)  # a dossier that was due so long before an amended day has all its levels behind it


class Errand(Protocol):
    """What is to be done to dossiers."""

    def lists(self) -> dict[str, Partition]:
        """Give the lists in which they stand, each under a name of its own."""

    def wants(self, dossier: Dossier) -> bool:
        """Whether it has anything to do to a dossier."""

    def do(self, subject: DossierId, known: Held, correlation: str) -> object:
        """Do it, once.

        Raises:
            Contended, Unavailable: as `commits.recorded`.
        """

    def changed(self, dossier: Dossier) -> bool:
        """Whether it was done to a dossier that was wanted, whoever did it."""


@dataclass(frozen=True, slots=True)
class Amending:
    """Takes an amended calendar into the dossiers that it may move."""

    services: Services
    task: Task

    def lists(self) -> dict[str, Partition]:
        """See `Errand`: the open dossiers of every province."""
        provinces = {unit.province for unit in self.services.store.units_below(None, Span(MOST_PROVINCES))}
        return {province: Partition(Index.PROVINCE, f"{province}#OPEN") for province in provinces}

    def wants(self, dossier: Dossier) -> bool:
        """See `Errand`: one whose dates it may move; the span of one that waits has no end yet."""
        assert self.task.first_on is not None
        older = dossier.open and (dossier.calendar_version or 0) < (self.task.calendar_version or 0)
        return older and dossier.due_at is not None and (dossier.paused or legal_day(dossier.due_at) >= self.task.first_on - BEFORE)

    def do(self, subject: DossierId, known: Held, correlation: str) -> object:
        """See `Errand`."""
        store = self.services.store
        if store.calendar().version < (self.task.calendar_version or 0):  # It was amended elsewhere a moment ago.
            store.calendar(fresh=True)
        return recompute(self.services, subject, MAKER, correlation, known=known)

    def changed(self, dossier: Dossier) -> bool:
        """See `Errand`: its due date was moved."""
        return any(row.calendar_version >= (self.task.calendar_version or 0) for row in dossier.amendments)


@dataclass(frozen=True, slots=True)
class Affecting:
    """Lets the dossiers of a unit and of all below it carry an incident, or rids them of it."""

    services: Services
    task: Task
    incident: Incident

    @property
    def opens(self) -> bool:
        """Whether the task follows from the incident's opening."""
        return self.task.seq == 1

    def lists(self) -> dict[str, Partition]:
        """See `Errand`: the open dossiers of the units; none where the incident was closed before it came to them."""
        if self.opens and self.incident.closed_at is not None:
            return {}
        unit = self.services.store.unit(self.incident.unit)
        if unit is not None and unit.kind == PROVINCE:
            return {unit.province: Partition(Index.PROVINCE, f"{unit.province}#OPEN")}
        return {code: Partition(Index.UNIT, f"{code}#OPEN") for code in tree_of(self.services, self.incident.unit, MOST_UNITS)}

    def wants(self, dossier: Dossier) -> bool:
        """See `Errand`."""
        taken_in = dossier.open and dossier.state is not State.SUBMITTED
        return taken_in and carries(dossier, self.task.of) is not self.opens

    def do(self, subject: DossierId, known: Held, correlation: str) -> object:
        """See `Errand`."""
        return affect(self.services, subject, (self.task.of, self.incident), MAKER, correlation, known=known)

    def changed(self, dossier: Dossier) -> bool:
        """See `Errand`."""
        return any(blocker.incident == self.task.of and blocker.stands is self.opens for blocker in dossier.blockers)


def errand_of(services: Services, task: Task) -> Errand:
    """Give the errand of a task, as things stand."""
    if task.kind is TaskKind.AMENDMENT:
        return Amending(services, task)
    held = services.store.held(DossierId(task.of))
    assert held is not None
    assert isinstance(held.record, Incident)
    return Affecting(services, task, held.record)
