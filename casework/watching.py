"""What subscribing and delivering share: who may watch what, and an event as it is before it is shown.

Who may is decided anew at each event, by the register as it is now. It reads no topic and posts nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from casework.audit.chain import Entry
from casework.lists import supervises
from casework.live.cohorts import Cohort
from casework.live.messages import LONGEST_PAYLOAD
from casework.live.topics import Kind, alert_of, kind_of, unit_of, whose
from casework.model.access import Decision, Group, sees_alert
from casework.model.alert import Alert
from casework.model.parties import Role, Viewer
from casework.ports import By, Held, Services
from casework.trails import may_read
from casework.views import confirmed_viewer, visible


@dataclass(frozen=True, slots=True)
class Arrived:
    """An entry as the stream brings it, with the unit that it belongs to; an access belongs to none."""

    entry: Entry
    unit: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """An event on a topic of that kind: of an entry of the subject, or without one READY, which on a feed has no subject either.

    `count` is how many events it stands for. A `thin` one is shown with what all events have, and nothing more.
    """

    kind: Kind
    cursor: str
    at: datetime
    held: Held | None = None
    entry: Entry | None = None
    gap: bool = False
    count: int = 1
    thin: bool = False

    def standing_for(self, count: int) -> "Event":
        """Give it as the one that so many are told by."""
        return self if count == 1 else replace(self, count=count)


# What is to be shown, for one cohort and decision -> the encoded payload
Render = Callable[[Cohort, Decision, Event], bytes]


def payload(render: Render, cohort: Cohort, decision: Decision, event: Event) -> bytes:
    """Execute an event for those of a cohort and decision; thin where the answer is longer than a message carries."""
    found = render(cohort, decision, event)
    return found if len(found) <= LONGEST_PAYLOAD else render(cohort, decision, replace(event, thin=True))


def alerted(event: Event) -> Alert | None:
    """Give the alert that an event of the topic of a unit's alerts tells of."""
    return alert_of(event.entry.body) if event.kind is Kind.ALERTS and event.entry else None


def watches(decision: Decision, kind: Kind) -> bool:
    """Whether a subject is for those of a decision to watch, on a topic of that kind."""
    return Group.ACCESSES in decision.groups if kind is Kind.ACCESSES else decision.sees or decision.tracked


def told(decision: Decision, event: Event) -> bool:
    """Whether a feed's event is for those of a decision: a dossier that may not be seen is nothing to them, others may be."""
    if event.kind is Kind.TRAIL:
        return decision.sees and event.entry is not None and visible([event.entry], decision)[0] is not None
    alert = alerted(event)
    return decision.sees if alert is None else decision.sees and sees_alert(decision, alert)


def may_follow(services: Services, viewer: Viewer, name: str) -> bool:
    """Whether the viewer may follow a feed.

    A unit's: who may list its dossiers, an officer of it, and the counter of a point that it runs; the last two are told of those dossiers
    alone that they may see. The trail of a unit, or of somebody of it: who may read it.
    """
    viewer = confirmed_viewer(services, viewer)
    if kind_of(name) is Kind.TRAIL:
        by, code = whose(name)
        return may_read(services, viewer, By(by), code)
    unit = unit_of(name)
    if services.store.unit(unit) is None:
        return False
    match viewer.role:
        case Role.OFFICER:
            return unit in viewer.units
        case Role.RECEPTION:
            return any(point is not None and point.unit == unit for point in map(services.store.point, viewer.units))
        case _:
            return supervises(services, viewer, unit)
