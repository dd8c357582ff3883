"""Alerts: the instants at which a deadline reaches each level, and the level it has at a given one.

Everything is derived from the due date, so a late look gives the same answer; a paused clock raises nothing. What was raised is kept
with the dossier in the shapes given here; when that happens is for `raising`. Rule: domain.md section 5.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from casework.model.clock import Reckoning
from casework.model.errors import ClockInput
from casework.model.laying import months_after
from casework.model.limit import LimitUnit
from casework.model.parties import Ref
from casework.model.workdays import CLOSES, OPENS, Calendar, at_time

SECOND = timedelta(seconds=1)
HUNDRED = 100
DAY_HOURS = 8


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


class DeadlineKind(StrEnum):
    """What a deadline is for."""

    DOSSIER = "DOSSIER"
    FEEDBACK = "FEEDBACK"
    STEP = "STEP"
    COORDINATION = "COORDINATION"
    SUPPLEMENT = "SUPPLEMENT"
    PAYMENT = "PAYMENT"


PASSING = frozenset({AlertLevel.AT_RISK, AlertLevel.DUE_TODAY})  # levels that close by themselves


@dataclass(frozen=True, slots=True)
class Armed:
    """A deadline beside the dossier's own, with its due date. Each change of that date is an arming: its levels may be raised anew.

    `of` names the step, or the number of assignment, supplement or payment.
    """

    number: int
    kind: DeadlineKind
    of: str
    arming: int
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Alert:
    """A level of a deadline as it was noticed (cảnh báo), once for each arming.

    `reached_at` is the instant of the level, `observed_at` when it was noticed. AT_RISK and DUE_TODAY close when the deadline ends or has
    another date; what is late stays open until somebody acknowledges it. `unit` and `officer` are those that are to keep the deadline,
    or for what waits for the applicant, those of the dossier.
    """

    number: int
    kind: DeadlineKind
    arming: int
    level: AlertLevel
    due_at: datetime
    reached_at: datetime
    observed_at: datetime
    unit: str
    of: str | None = None
    officer: str | None = None
    closed_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    note: Ref | None = None

    @property
    def open(self) -> bool:
        """Whether somebody is to act on it still."""
        return self.closed_at is None and self.acknowledged_at is None


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


def levels(reckoning: Reckoning, calendar: Calendar, thresholds: Thresholds = STANDARD) -> Levels:
    """Give each level with the instant it is reached; none while the clock is paused. A second extension escalates at once."""
    if reckoning.paused:
        return ()
    due_at, due_on, received_at = reckoning.due_at, reckoning.due_on, reckoning.received_at
    at_risk_on = _at_risk_on(reckoning, due_on, calendar, thresholds)
    escalated_on = calendar.nth_after(due_on, thresholds.escalated_days)
    again = reckoning.course.extensions[1:]
    return (
        (AlertLevel.AT_RISK, max(at_time(at_risk_on, OPENS), received_at)),
        (AlertLevel.DUE_TODAY, max(min(at_time(due_on, OPENS), due_at), received_at)),
        # The due instant itself is in time; so is the closing time of the fifth day.
        # Who is named after the date is late from then on, and never was before.
        (AlertLevel.OVERDUE, max(due_at + SECOND, received_at)),
        (AlertLevel.ESCALATED, again[-1].at if again else max(at_time(escalated_on, CLOSES) + SECOND, received_at)),
    )


def level_at(reckoning: Reckoning, calendar: Calendar, now: datetime, thresholds: Thresholds = STANDARD) -> AlertLevel | None:
    """Give the highest level reached by now, if any."""
    reached = [level for level, at in levels(reckoning, calendar, thresholds) if at <= now]
    return max(reached, key=lambda level: level.rank, default=None)


def next_level(levels_: Levels, raised: Collection[AlertLevel], after: datetime | None = None) -> tuple[AlertLevel, datetime] | None:
    """Give the first level not raised yet and its instant, later than `after` where that is given."""
    ahead = [(level, at) for level, at in levels_ if level not in raised and (after is None or at > after)]
    return min(ahead, key=lambda row: row[1], default=None)


def _at_risk_on(reckoning: Reckoning, due_on: date, calendar: Calendar, thresholds: Thresholds) -> date:
    """Find the first working day on which little is left: two working days, or a fifth of the limit, extensions included."""
    limit = reckoning.rule.limit
    whole = (limit.amount or 0) + sum(extension.amount for extension in reckoning.course.extensions)
    by_days = calendar.nth_after(due_on, -thresholds.at_risk_days)
    match limit.unit:
        case LimitUnit.WORKING_DAYS:
            return calendar.nth_after(due_on, -max(thresholds.at_risk_days, whole * thresholds.at_risk_percent // HUNDRED))
        case LimitUnit.WORKING_HOURS:
            return calendar.nth_after(due_on, -max(thresholds.at_risk_days, whole * thresholds.at_risk_percent // (HUNDRED * DAY_HOURS)))
        case LimitUnit.MONTHS:
            whole = (months_after(reckoning.start_on, whole) - reckoning.start_on).days
    # A fifth of calendar days, or of the days of months, is counted in calendar days; whichever comes earlier.
    share = whole * thresholds.at_risk_percent // HUNDRED
    return min(by_days, calendar.first_from(due_on - timedelta(share))) if share else by_days
