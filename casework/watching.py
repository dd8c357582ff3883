"""What subscribing and delivering share: who may watch what, and an event as it is before it is shown.

Who may is decided anew at each event, by the register as it is now. It reads no topic and posts nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from casework.audit.chain import Entry
from casework.lists import supervises
from casework.live.cohorts import Cohort
from casework.live.topics import Kind
from casework.model.access import Decision
from casework.model.parties import Role, Viewer
from casework.ports import Held, Services
from casework.views import confirmed_viewer


@dataclass(frozen=True, slots=True)
class Arrived:
    """An entry as the stream brings it, with the unit that it belongs to."""

    entry: Entry
    unit: str


@dataclass(frozen=True, slots=True)
class Event:
    """An event on a topic of that kind: of an entry of the subject, or without one READY, which on a feed has no subject either."""

    kind: Kind
    cursor: str
    at: datetime
    held: Held | None = None
    entry: Entry | None = None
    gap: bool = False


# What is to be shown, for one cohort and decision -> the encoded payload
Render = Callable[[Cohort, Decision, Event], bytes]


def may_follow(services: Services, viewer: Viewer, unit: str) -> bool:
    """Whether the viewer may follow a unit's feeds: who may list its dossiers, an officer of it, and the counter of a point that it runs.

    The last two are told of those dossiers alone that they may see.
    """
    if services.store.unit(unit) is None:
        return False
    viewer = confirmed_viewer(services, viewer)
    match viewer.role:
        case Role.OFFICER:
            return unit in viewer.units
        case Role.RECEPTION:
            return any(point is not None and point.unit == unit for point in map(services.store.point, viewer.units))
        case _:
            return supervises(services, viewer, unit)
