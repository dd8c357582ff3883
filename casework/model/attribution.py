"""Whose time it was: every working minute of a clock belongs to exactly one holder.

Pure. Minutes are counted from the clock's start on, so that those of the holders add up to those of the whole, to the minute.
Source: domain.md section 6.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from casework.model.record import HolderKind, Interval
from casework.model.workdays import Calendar

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who held it: an officer of a unit, a unit, the applicant, the treasury, an incident, a blocker."""

    kind: HolderKind
    unit: str | None = None
    officer: str | None = None


def held_minutes(intervals: Iterable[Interval], calendar: Calendar, until: datetime) -> dict[Holder, int]:
    """Count the working minutes of each holder up to an instant, in the order in which they first held it."""
    found: dict[Holder, int] = {}
    start: datetime | None = None
    for interval in intervals:
        start = start or interval.from_at
        if interval.from_at > until:
            break
        ends = min(interval.to_at or until, until)
        minutes = calendar.opened(start, ends) // MINUTE - calendar.opened(start, interval.from_at) // MINUTE
        holder = Holder(interval.holder, interval.unit, interval.officer)
        found[holder] = found.get(holder, 0) + minutes
    return found
