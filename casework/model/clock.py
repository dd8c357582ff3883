"""The statutory clock: when a dossier is due, and why on that day.

One pure function, `reckoned`, gives the due date with its derivation, so that a citizen can check it on a
wall calendar. It holds no state, reads no time of its own, and knows neither dossiers nor alerts; how days and
hours are laid is in `laying`, which sentence a line takes in `derivation`. Rules: Civil Code 2015 (91/2015/QH13),
articles 147 and 148.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

from casework.model.derivation import Reason, ReasonKind
from casework.model.laying import Extension, Laid, Pause, days_laid, hours_laid
from casework.model.limit import BadClock, LimitUnit, Rule
from casework.model.telling import told_days, told_start
from casework.model.workdays import CLOSES, Calendar, at_time, legal_day

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Amendment:
    """The calendar was amended on a day, by a document, and the due date moved from one legal day to another."""

    on: date
    from_on: date
    to_on: date
    document: str


@dataclass(frozen=True, slots=True)
class Course:
    """All that has happened to a clock. `anew` tells that it began with a reopening; a fixed date has its due date from elsewhere.

    Pauses are in order and do not overlap; extensions are in order. Amendments change nothing: they are told.
    """

    received_at: datetime
    pauses: tuple[Pause, ...] = ()
    extensions: tuple[Extension, ...] = ()
    fixed_due_at: datetime | None = None
    amendments: tuple[Amendment, ...] = ()
    anew: bool = False


@dataclass(frozen=True, slots=True)
class Reckoning:
    """A due date with all that it was derived from. `last_on` is the last day before any rolling."""

    due_at: datetime
    start_on: date
    last_on: date
    reasons: tuple[Reason, ...]
    paused: bool
    rule: Rule
    calendar_version: int
    course: Course

    @property
    def due_on(self) -> date:
        """The legal day of the due date."""
        return legal_day(self.due_at)

    @property
    def received_at(self) -> datetime:
        """When the clock was started."""
        return self.course.received_at


def reckoned(rule: Rule, course: Course, calendar: Calendar, *, told: bool = True) -> Reckoning:
    """Compute when a dossier is due, and each reason why; without reasons where they are not to be `told`, in a third of the time.

    Raises:
        BadClock: an instant without an offset, pauses or extensions that no clock has, a fixed date where there is none.
    """
    _check(rule, course)
    paused = bool(course.pauses) and course.pauses[-1].to_at is None
    given = (paused, rule, calendar.version, course)
    if course.fixed_due_at is not None:
        due_on = legal_day(course.fixed_due_at)
        imported = Reason(ReasonKind.IMPORTED, on=due_on, legal_basis=rule.legal_basis)
        return Reckoning(course.fixed_due_at, legal_day(course.received_at), due_on, (imported,), *given)
    if rule.limit.unit is LimitUnit.WORKING_HOURS:
        laid = hours_laid(rule, course.received_at, course.pauses, course.extensions, calendar)
        due_at = laid.due_at
    else:
        laid = days_laid(rule, course.received_at, course.pauses, course.extensions, calendar)
        due_at = at_time(laid.due_on, CLOSES)
    reasons = _told(rule, course, laid, calendar) if told else ()
    return Reckoning(due_at, laid.start_on, laid.last_on, reasons, *given)


def remaining_minutes(reckoning: Reckoning, now: datetime, calendar: Calendar) -> int:
    """Count the working minutes left until the due date: none when overdue, and standing while paused."""
    return calendar.opened(_until(reckoning, now), reckoning.due_at) // MINUTE


def used_minutes(reckoning: Reckoning, now: datetime, calendar: Calendar) -> int:
    """Count the working minutes since receipt in which the clock ran."""
    until = _until(reckoning, now)
    used = calendar.opened(reckoning.received_at, until)
    for pause in reckoning.course.pauses:
        if pause.to_at is not None:
            used -= calendar.opened(max(pause.from_at, reckoning.received_at), min(pause.to_at, until))
    return used // MINUTE


def _until(reckoning: Reckoning, now: datetime) -> datetime:
    return min(now, reckoning.course.pauses[-1].from_at) if reckoning.paused else now


def _check(rule: Rule, course: Course) -> None:
    """Refuse instants without an offset, pauses that overlap or are out of order, and what a fixed date does not have."""
    ends = [at for pause in course.pauses for at in (pause.from_at, pause.to_at) if at is not None]
    longer = [extension.at for extension in course.extensions]
    if any(at.utcoffset() is None for at in (course.received_at, *ends, *longer)):
        raise BadClock("an instant of the clock has no offset")
    if any(pause.to_at is None for pause in course.pauses[:-1]):
        raise BadClock("only the last pause may be open", path=("pauses",))
    if any(later < earlier for earlier, later in pairwise(ends)):
        raise BadClock("pauses must be in order and may not overlap", path=("pauses",))
    if any(later < earlier for earlier, later in pairwise(longer)):
        raise BadClock("extensions must be in order", path=("extensions",))
    fixed = rule.limit.unit is LimitUnit.FIXED_DATE
    if (course.fixed_due_at is not None) is not fixed:
        raise BadClock("a fixed date, and no other limit, comes with its due date", path=("fixedDueAt",))
    if fixed and longer:
        raise BadClock("a fixed date is not extended", path=("extensions",))


def _told(rule: Rule, course: Course, laid: Laid, calendar: Calendar) -> tuple[Reason, ...]:
    """Tell the derivation, line by line, in the order of the days that the lines speak of."""
    received = calendar.day(legal_day(course.received_at))
    days = calendar.between(received.on, laid.due_on)
    lines = [*told_days(rule.limit.unit, days, laid), *laid.told]
    if laid.due_on != laid.last_on:
        lines.append((laid.due_on, Reason(ReasonKind.ROLLED, None, laid.last_on, laid.due_on, rule.roll_basis)))
    # Of lines on one day, a day comes before a pause and a pause before the rolling: the sort is stable.
    lines.sort(key=lambda line: line[0])
    amended = [Reason(ReasonKind.AMENDED, one.on, one.from_on, one.to_on, one.document) for one in course.amendments]
    return (told_start(rule, received, laid, anew=course.anew), *(reason for _, reason in lines), *amended)
