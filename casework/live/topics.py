"""Topics: their names, which of them an entry goes to, and the cursors of those that replay from a trail.

A dossier, a task and an export have a topic each, which replays from their own trail; the accesses to a dossier have one, which replays
from their chain. A unit, and a unit's alerts from some level on,
are feeds, whose rows and cursors are those of `feeds`. It looks nothing up: the caller brings the units.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any

from casework.model.alert import Alert, AlertLevel
from casework.model.errors import Invalid
from casework.model.packing import unpacked

DIGITS = 9
RAISED = "ALERT_RAISED"  # the action of an entry that raises an alert


class Kind(StrEnum):
    """What a topic is of; one that replays from a trail has the name of its kind of subject, that of the accesses to a dossier apart."""

    DOSSIER = "dossier"
    TASK = "task"
    EXPORT = "export"
    ACCESSES = "accesses"
    UNIT = "unit"
    ALERTS = "alerts"
    TRAIL = "trail"

    @property
    def trailed(self) -> bool:
        """Whether it replays from the trail of its subject, or the chain of accesses to it; the others are feeds."""
        return self in {Kind.DOSSIER, Kind.TASK, Kind.EXPORT, Kind.ACCESSES}


OFFICER = "OFFICER"  # the kind of an actor who is a person of the register
LATE = frozenset({AlertLevel.OVERDUE, AlertLevel.ESCALATED})  # levels that concern the reception point, too


def topic(kind: Kind, key: str) -> str:
    """Name a topic: of a subject by its id, of a unit by its code, of a unit's alerts by `alerts_key`."""
    return f"{kind}:{key}"


def dossier_topic(subject: str) -> str:
    """Name the topic on which a dossier's entries are pushed."""
    return topic(Kind.DOSSIER, subject)


def accesses_topic(subject: str) -> str:
    """Name the topic on which the accesses to a dossier are pushed."""
    return topic(Kind.ACCESSES, subject)


def alerts_key(unit: str, level: AlertLevel | None) -> str:
    """Give the key of a unit's alerts of that level and those above; of all alerts, without one."""
    return f"{unit}:{level or AlertLevel.AT_RISK}"


def trail_key(by: str, code: str) -> str:
    """Give the key of the trail of a unit and all below it (`unit`), or of what somebody has done (`actor`)."""
    return f"{by}/{code}"


def kind_of(name: str) -> Kind:
    """Tell what a topic is of."""
    return Kind(name.partition(":")[0])


def whose(name: str) -> tuple[str, str]:
    """Tell by what a feed of entries goes, and whose it is: of a unit, or of an actor."""
    by, _, code = name.partition(":")[2].partition("/")
    return by, code


def unit_of(name: str) -> str:
    """Tell which unit a feed of dossiers or of alerts is of."""
    key = name.partition(":")[2]
    return key.rpartition(":")[0] if kind_of(name) is Kind.ALERTS else key


def alert_of(body: Mapping[str, Any]) -> Alert | None:
    """Give the alert that an entry raises; None when it raises none."""
    if body["action"] != RAISED:
        return None
    raised = (change["to"] for change in body["changes"] if change["field"].startswith("alerts.") and change["from"] is None)
    found = next(raised, None)
    return unpacked(Alert, found) if found else None


def topics_of(body: Mapping[str, Any], units: Iterable[str], desk: Iterable[str] = (), keeper: Iterable[str] = ()) -> tuple[str, ...]:
    """Name the topics that an entry goes to, each once.

    Args:
        body: what the entry says.
        units: the dossier's unit and those above it.
        desk: the unit that runs its reception point and those above it; asked for a late alert alone.
        keeper: of an alert, the unit that is to keep the deadline and those above it, where that is another.
    """
    there = tuple(units)
    return tuple(dict.fromkeys([*_topics(body, there, desk, keeper), *_trails(body, there)]))


def _topics(body: Mapping[str, Any], units: tuple[str, ...], desk: Iterable[str], keeper: Iterable[str]) -> Iterator[str]:
    subject = body["subject"]
    if subject["kind"] not in {kind for kind in Kind if kind.trailed}:
        return
    yield topic(Kind(subject["kind"]), subject["id"])
    if subject["kind"] != Kind.DOSSIER:
        return
    yield from (topic(Kind.UNIT, unit) for unit in units)
    alert = alert_of(body)
    if alert is not None:
        told = (*units, *keeper, *(desk if alert.level in LATE else ()))
        # To the topic of each least level, so that the key alone says who is told.
        least = [level for level in AlertLevel if level.rank <= alert.level.rank]
        yield from (topic(Kind.ALERTS, alerts_key(unit, level)) for unit in told for level in least)


def _trails(body: Mapping[str, Any], units: tuple[str, ...]) -> Iterator[str]:
    yield from (topic(Kind.TRAIL, trail_key("unit", unit)) for unit in units)
    if body["actor"]["kind"] == OFFICER:  # The service and an import are no person; what they do is on the trail of its unit.
        yield topic(Kind.TRAIL, trail_key("actor", body["actor"]["id"]))


def cursor(seq: int) -> str:
    """Write the cursor of a topic with a trail: its entry's number. Cursors are dense, so a missing one shows."""
    return str(seq)


def position(after: str, last: int) -> int:
    """Read such a cursor back.

    Raises:
        Invalid: no cursor of this subject.
    """
    known = after.isascii() and after.isdigit() and len(after) <= DIGITS
    if not known or int(after) > last:
        raise no_cursor()
    return int(after)


def no_cursor() -> Invalid:
    """Make the fault of an `after` that no event brought."""
    return Invalid("`after` is no cursor of this subscription: give one that an event brought", path=("after",), code="CURSOR")
