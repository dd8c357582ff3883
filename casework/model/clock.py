"""The statutory clock: when a dossier is due, and why on that day.

One pure function, `reckoned`, gives the due date with its derivation, so that a citizen can check it on a
wall calendar. It holds no state, reads no time of its own, and knows neither dossiers nor alerts. Limits in
working hours or in months are not for it. Rules: Civil Code 2015 (91/2015/QH13), articles 147 and 148.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise

from casework.model.derivation import Reason as Reason  # noqa: PLC0414 - it is part of what a clock gives
from casework.model.derivation import ReasonKind as ReasonKind  # noqa: PLC0414 - as Reason
from casework.model.errors import ClockInput
from casework.model.workdays import CLOSES, Calendar, DayKind, WorkDay, at_time, legal_day

MOST_UNITS = 3650
MINUTE = timedelta(minutes=1)


class BadClock(ClockInput, ValueError):
    """A limit, a time or a pause that no clock can be computed from."""


class LimitUnit(StrEnum):
    """What a limit is counted in."""

    WORKING_DAYS = "WORKING_DAYS"
    CALENDAR_DAYS = "CALENDAR_DAYS"
    FIXED_DATE = "FIXED_DATE"


@dataclass(frozen=True, slots=True)
class Limit:
    """The time a procedure may take (thời hạn giải quyết); a fixed date has no amount."""

    unit: LimitUnit
    amount: int | None = None

    def __post_init__(self) -> None:
        """Refuse an amount out of range, or one where there is none."""
        if self.unit is LimitUnit.FIXED_DATE:
            if self.amount is not None:
                raise BadClock("a fixed date has no amount", path=("limit", "amount"))
        elif self.amount is None or not 1 <= self.amount <= MOST_UNITS:
            raise BadClock(f"a limit is 1 to {MOST_UNITS} units, not {self.amount}", path=("limit", "amount"))


@dataclass(frozen=True, slots=True)
class Pause:
    """A stretch in which the clock stands; `to_at` is None while it lasts."""

    from_at: datetime
    to_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """What the procedure version says of its clock, with the law each part rests on."""

    limit: Limit
    cut_off: time = time(15)
    legal_basis: str = ""
    version: int = 1
    roll_basis: str = "91/2015/QH13, 148.5"


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
    received_at: datetime
    pauses: tuple[Pause, ...] = ()

    @property
    def due_on(self) -> date:
        """The legal day of the due date."""
        return legal_day(self.due_at)


@dataclass(frozen=True, slots=True)
class _Laid:
    """The days left, laid from a day that is not itself counted."""

    anchor: date
    left: int
    last_on: date
    due_on: date


def reckoned(
    rule: Rule,
    received_at: datetime,
    pauses: tuple[Pause, ...],
    calendar: Calendar,
    fixed_due_at: datetime | None = None,
    *,
    told: bool = True,
    anew: bool = False,
) -> Reckoning:
    """Compute when a dossier is due, and each reason why; without reasons where they are not to be `told`, in a third of the time.

    `anew` tells that it begins with a reopening, which the reasons then say.
    """
    _check(received_at, pauses)
    paused = bool(pauses) and pauses[-1].to_at is None
    received_on = legal_day(received_at)
    start_on = _started(rule, received_at, calendar)
    if (fixed_due_at is not None) is not (rule.limit.unit is LimitUnit.FIXED_DATE):
        raise BadClock("a fixed date, and no other limit, comes with its due date", path=("fixedDueAt",))
    given = (paused, rule, calendar.version, received_at, pauses)
    if fixed_due_at is not None:
        due_on = legal_day(fixed_due_at)
        imported = Reason(ReasonKind.IMPORTED, on=due_on, legal_basis=rule.legal_basis)
        return Reckoning(fixed_due_at, start_on, due_on, (imported,), *given)
    laid, stops = _laid_over(rule, start_on, pauses, calendar)
    if not told:
        return Reckoning(at_time(laid.due_on, CLOSES), start_on, laid.last_on, (), *given)
    days = calendar.between(received_on, laid.due_on)
    lines = [*_days_told(rule.limit.unit, days, start_on, laid, stops), *stops]
    if laid.due_on != laid.last_on:
        lines.append(Reason(ReasonKind.ROLLED, None, laid.last_on, laid.due_on, rule.roll_basis))
    # Of lines on one day, a day comes before a pause and a pause before the rolling: the sort is stable.
    lines.sort(key=_told_on)
    reasons = (_start_told(rule, calendar.day(received_on), start_on, anew=anew), *lines)
    return Reckoning(at_time(laid.due_on, CLOSES), start_on, laid.last_on, reasons, *given)


def remaining_minutes(reckoning: Reckoning, now: datetime, calendar: Calendar) -> int:
    """Count the working minutes left until the due date: none when overdue, and standing while paused."""
    return calendar.opened(_until(reckoning, now), reckoning.due_at) // MINUTE


def used_minutes(reckoning: Reckoning, now: datetime, calendar: Calendar) -> int:
    """Count the working minutes since receipt in which the clock ran."""
    until = _until(reckoning, now)
    used = calendar.opened(reckoning.received_at, until)
    for pause in reckoning.pauses:
        if pause.to_at is not None:
            used -= calendar.opened(max(pause.from_at, reckoning.received_at), min(pause.to_at, until))
    return used // MINUTE


def _until(reckoning: Reckoning, now: datetime) -> datetime:
    return min(now, reckoning.pauses[-1].from_at) if reckoning.paused else now


def _check(received_at: datetime, pauses: tuple[Pause, ...]) -> None:
    """Refuse instants without an offset, and pauses that overlap or are out of order."""
    ends = [at for pause in pauses for at in (pause.from_at, pause.to_at) if at is not None]
    if any(at.utcoffset() is None for at in (received_at, *ends)):
        raise BadClock("an instant of the clock has no offset")
    if any(pause.to_at is None for pause in pauses[:-1]):
        raise BadClock("only the last pause may be open", path=("pauses",))
    if any(later < earlier for earlier, later in pairwise(ends)):
        raise BadClock("pauses must be in order and may not overlap", path=("pauses",))


def _started(rule: Rule, received_at: datetime, calendar: Calendar) -> date:
    """Find the start day: a day off or an hour after the cut-off moves it to the next working day."""
    on = legal_day(received_at)
    in_time = received_at <= at_time(on, rule.cut_off)
    return on if in_time and calendar.working(on) else calendar.nth_after(on, 1)


def _laid(unit: LimitUnit | None, anchor: date, left: int, calendar: Calendar) -> _Laid:
    """Lay the days left after a day; an end on a day off rolls on (Civil Code 148.5)."""
    by_calendar = unit is LimitUnit.CALENDAR_DAYS or not left
    last_on = anchor + timedelta(left) if by_calendar else calendar.nth_after(anchor, left)
    return _Laid(anchor, left, last_on, calendar.first_from(last_on))


def _laid_over(rule: Rule, start_on: date, pauses: tuple[Pause, ...], calendar: Calendar) -> tuple[_Laid, list[Reason]]:
    """Lay the limit over the pauses; the start day is not counted (Civil Code 147)."""
    unit = rule.limit.unit
    laid = _laid(unit, start_on, rule.limit.amount or 0, calendar)
    stops: list[Reason] = []
    for pause in pauses:
        from_on = legal_day(pause.from_at)
        if pause.to_at is None:
            stops.append(Reason(ReasonKind.PAUSE, from_on=from_on))
            continue
        to_on = legal_day(pause.to_at)
        # Late stays late: what begins after the due day moves nothing, unless it adjoins what did.
        if from_on > max(laid.due_on, laid.anchor):
            stops.append(Reason(ReasonKind.PAUSE, None, from_on, to_on))
            continue
        anchor = max(to_on, laid.anchor)
        if unit is LimitUnit.CALENDAR_DAYS:
            left = laid.left - max((from_on - laid.anchor).days, 0)
            told = (anchor - max(from_on, laid.anchor)).days
        else:
            left = told = max(laid.left - calendar.counted(laid.anchor, from_on), 0)
        later = anchor if anchor > to_on else None
        stops.append(Reason(ReasonKind.PAUSE, later, from_on, to_on, amount=told, unit=unit))
        laid = _laid(unit, anchor, left, calendar)
    return laid, stops


def _start_told(rule: Rule, received: WorkDay, start_on: date, *, anew: bool) -> Reason:
    """Tell where the count starts, by which rule, and whether that is not the day of receipt."""
    from_on, to_on = (received.on, start_on) if received.on != start_on else (None, None)
    name = None if received.working else received.names
    unit, amount = rule.limit.unit, rule.limit.amount
    return Reason(ReasonKind.START, start_on, from_on, to_on, rule.legal_basis, name, amount, unit, anew)


def _days_told(unit: LimitUnit, days: Iterator[WorkDay], start_on: date, laid: _Laid, stops: list[Reason]) -> Iterator[Reason]:
    """Tell each day off that the count went over, and each make-up day that it counted."""
    spans = _merged(stops)
    # Calendar days count a day off like any other; only the end may not fall on one.
    first_on = laid.last_on if unit is LimitUnit.CALENDAR_DAYS else start_on
    for day in days:
        on = day.on
        if day.kind is DayKind.WEEKDAY or start_on <= on < first_on:
            continue
        if day.kind is DayKind.MAKEUP:
            # A pause takes the days from the one after it began to the one it ended on.
            if on <= start_on or any(begun < on <= ended for begun, ended in spans):
                continue
            kind = ReasonKind.MAKEUP_DAY
        elif on >= start_on and any(begun < on < ended for begun, ended in spans):
            continue
        else:
            kind = ReasonKind.SKIPPED_DAY
        yield Reason(kind, on, None, None, day.document or "", day.names)


def _merged(stops: list[Reason]) -> list[tuple[date, date]]:
    """Join the pauses that meet on a day, which is then wholly inside; an open one hides no day."""
    spans: list[tuple[date, date]] = []
    for stop in stops:
        if stop.from_on is None or stop.to_on is None:
            continue
        if spans and stop.from_on <= spans[-1][1]:
            spans[-1] = (spans[-1][0], stop.to_on)
        else:
            spans.append((stop.from_on, stop.to_on))
    return spans


def _told_on(reason: Reason) -> date:
    return reason.from_on or reason.on or date.max
