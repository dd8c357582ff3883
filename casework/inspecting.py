"""What is done under an inspection: whether it covers a thing, and each read written down before anything is given.

A read is an entry of the inspection's own chain. Where it cannot be written, nothing is given; what was written may not have been given.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from casework.commits import Plan, recorded
from casework.makers import official
from casework.model.errors import Invalid
from casework.model.inspection import Inspection, Read, conducted, covers_dossier, covers_unit, read_under
from casework.model.parties import Role, Viewer
from casework.model.record import DossierId
from casework.model.unit import lineage
from casework.ports import Held, Services
from casework.views import confirmed_viewer

READ = "INSPECTION_READ"


@dataclass(frozen=True, slots=True)
class All:
    """All of a unit, or without one everything, from an instant on and before another."""

    unit: str | None = None
    begin: datetime | None = None
    end: datetime | None = None


def covered(services: Services, viewer: Viewer, subject: DossierId, what: Held | All) -> Held:
    """Give an inspection that is open, this inspector's, and covers a dossier or all of a unit.

    Raises:
        Invalid: there is none, it is closed or another's (UNKNOWN_INSPECTION), or it does not cover that (OUT_OF_SCOPE).
    """
    held = services.store.held(subject)
    _covering(services, confirmed_viewer(services, viewer), held, what)
    assert held is not None
    return held


def noted(services: Services, viewer: Viewer, subject: DossierId, what: Held | All, read: Read, correlation: str) -> Held:
    """Write a read of a dossier, or of all of a unit, down; gives the inspection behind it. Without it nothing may be given.

    Raises:
        Invalid: as `covered`.
        Contended, Unavailable: as `commits.recorded`.
    """
    viewer = confirmed_viewer(services, viewer)
    maker, behalf = official(viewer)

    def settle(held: Held | None, now: datetime) -> Plan:
        after = read_under(_covering(services, viewer, held, what), replace(read, at=now))
        assert held is not None
        assert after.last_read is not None
        return Plan(after, held.province, READ, maker, after.last_read.at, on_behalf_of=behalf)

    done = recorded(services, subject, correlation, settle)
    assert done is not None
    return done.held


def _covering(services: Services, viewer: Viewer, held: Held | None, what: Held | All) -> Inspection:
    if viewer.role is not Role.INSPECTOR or held is None or not isinstance(held.record, Inspection):
        raise Invalid("there is no such inspection of yours: open one", path=("inspection",), code="UNKNOWN_INSPECTION")
    inspection = conducted(held.record, viewer.sub)
    if isinstance(what, All):
        units = lineage(services.store.unit, what.unit) if what.unit is not None else ()
        covers = covers_unit(inspection, units, what.begin, what.end)
    else:
        covers = covers_dossier(inspection, what.id, what.dossier, lineage(services.store.unit, what.dossier.unit))
    if not covers:
        raise Invalid("the inspection does not cover this: open one that does", path=("inspection",), code="OUT_OF_SCOPE")
    return inspection
