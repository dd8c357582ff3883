"""Alerts: the instants at which a deadline reaches each level, and the level it has at a given one.

Everything is derived from the due date, so a late look gives the same answer. What was raised, to whom
and whether it was acknowledged is kept elsewhere; a paused clock raises nothing. Rule: domain.md section 5.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from casework.model.clock import LimitUnit, Reckoning
from casework.model.errors import ClockInput
from casework.model.workdays import CLOSES, OPENS, Calendar, at_time

SECOND = timedelta(seconds=1)
HUNDRED = 100


class BadThresholds(ClockInput, ValueError):
    """Thresholds that name no day."""


class AlertLevel(StrEnum):
    """How urgent a deadline is, ascending."""

    AT_RISK = "AT_RISK"
    DUE_TODAY = "DUE_TODAY"
    OVERDUE = "OVERDUE"
    ESCALATED = "ESCALATED"

    @property
    def rank(self) -> int:
        """The place of the level, from 0; names of levels do not sort."""
        return tuple(AlertLevel).index(self)


Levels = tuple[tuple[AlertLevel, datetime], ...]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a version calls a deadline at risk, and when it is escalated, in working days."""

    at_risk_days: int = 2
    at_risk_percent: int = 20
    escalated_days: int = 5

    def __post_init__(self) -> None:
        """Refuse what names no day."""
        if min(self.at_risk_days, self.at_risk_percent) < 0 or self.at_risk_percent > HUNDRED:
            raise BadThresholds("at risk: 0 days or more, and 0 to 100 percent", path=("thresholds",))
        if self.escalated_days < 1:
            raise BadThresholds("escalated: 1 working day past due or more", path=("thresholds",))


STANDARD = Thresholds()


def levels(reckoning: Reckoning, received_at: datetime, calendar: Calendar, thresholds: Thresholds = STANDARD) -> Levels:
    """Give each level with the instant it is reached; none while the clock is paused."""
    if reckoning.paused:
        return ()
    due_at, due_on = reckoning.due_at, reckoning.due_on
    at_risk_on = _at_risk_on(reckoning, due_on, calendar, thresholds)
    escalated_on = calendar.nth_after(due_on, thresholds.escalated_days)
    return (
        (AlertLevel.AT_RISK, max(at_time(at_risk_on, OPENS), received_at)),
        (AlertLevel.DUE_TODAY, min(at_time(due_on, OPENS), due_at)),
        # The due instant itself is in time; so is the closing time of the fifth day.
        (AlertLevel.OVERDUE, due_at + SECOND),
        (AlertLevel.ESCALATED, at_time(escalated_on, CLOSES) + SECOND),
    )


def level_at(
    reckoning: Reckoning,
    received_at: datetime,
    calendar: Calendar,
    now: datetime,
    thresholds: Thresholds = STANDARD,
) -> AlertLevel | None:
    """Give the highest level reached by now, if any."""
    reached = [level for level, at in levels(reckoning, received_at, calendar, thresholds) if at <= now]
    return max(reached, key=lambda level: level.rank, default=None)


def next_level(levels_: Levels, raised: Collection[AlertLevel], after: datetime | None = None) -> tuple[AlertLevel, datetime] | None:
    """Give the first level not raised yet and its instant, later than `after` where that is given."""
    ahead = [(level, at) for level, at in levels_ if level not in raised and (after is None or at > after)]
    return min(ahead, key=lambda row: row[1], default=None)


def _at_risk_on(reckoning: Reckoning, due_on: date, calendar: Calendar, thresholds: Thresholds) -> date:
    """Find the first working day on which little is left: two working days, or a fifth of the limit."""
    limit = reckoning.rule.limit
    share = (limit.amount or 0) * thresholds.at_risk_percent // HUNDRED
    if limit.unit is LimitUnit.WORKING_DAYS:
        return calendar.nth_after(due_on, -max(thresholds.at_risk_days, share))
    by_days = calendar.nth_after(due_on, -thresholds.at_risk_days)
    # A fifth of calendar days is counted in calendar days; whichever comes earlier.
    return min(by_days, calendar.first_from(due_on - timedelta(share))) if share else by_days
