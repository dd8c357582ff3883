"""How a limit is laid over days or hours, with its pauses and extensions: the arithmetic of the clock.

Pure. Days are counted from a day that is not itself counted (Civil Code 147); an end on a day off rolls on (148.5). What has happened is
gone through in order, so that each line of the derivation tells what stood at that moment.
"""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from casework.model.derivation import Reason, ReasonKind
from casework.model.limit import LimitUnit, Rule
from casework.model.workdays import CLOSES, Calendar, at_time, legal_day

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
YEAR_MONTHS = 12
Told = tuple[date, Reason]  # a line, and the day by which it is sorted


@dataclass(frozen=True, slots=True)
class Pause:
    """A stretch in which the clock stands; `to_at` is None while it lasts."""

    from_at: datetime
    to_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Extension:
    """Units added to the limit, at an instant."""

    at: datetime
    amount: int
    legal_basis: str = ""


@dataclass(frozen=True, slots=True)
class Laid:
    """A limit laid out: where it starts, the last day before any rolling, and when it is due; `told` are its pauses and extensions."""

    start_on: date
    last_on: date
    due_on: date
    due_at: datetime
    told: tuple[Told, ...]
    start_at: datetime | None = None  # of a limit in hours


def happened(pauses: tuple[Pause, ...], extensions: tuple[Extension, ...]) -> list[Pause | Extension]:
    """Put pauses and extensions in the order in which they began."""
    if not extensions:
        return list(pauses)
    return sorted((*pauses, *extensions), key=lambda one: one.from_at if isinstance(one, Pause) else one.at)


def started_on(rule: Rule, received_at: datetime, calendar: Calendar) -> date:
    """Find the start day: a day off or an hour after the cut-off moves it to the next working day."""
    on = legal_day(received_at)
    in_time = received_at <= at_time(on, rule.cut_off)
    return on if in_time and calendar.working(on) else calendar.nth_after(on, 1)


def months_after(day: date, count: int) -> date:
    """The same day so many months later; a month without it ends on its last day."""
    year, month = divmod(day.year * YEAR_MONTHS + day.month - 1 + count, YEAR_MONTHS)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


@dataclass(frozen=True, slots=True)
class _Days:
    """Days as they stand laid: from `anchor`, `left` of them are to be worked off; of calendar units, `moved` days later than the limit."""

    unit: LimitUnit
    start_on: date
    amount: int
    anchor: date
    left: int
    moved: int = 0

    def last_on(self, calendar: Calendar) -> date:
        if self.unit is LimitUnit.WORKING_DAYS:
            return calendar.nth_after(self.anchor, self.left) if self.left > 0 else self.anchor
        whole = months_after(self.start_on, self.amount) if self.unit is LimitUnit.MONTHS else self.start_on + timedelta(self.amount)
        return whole + timedelta(self.moved)

    def longer(self, amount: int) -> "_Days":
        return replace(self, amount=self.amount + amount, left=self.left + amount)

    def resumed(self, from_on: date, to_on: date, calendar: Calendar) -> tuple["_Days", int]:
        """Lay what is left after a pause; gives what its line tells: the days left, or the days by which the end moves."""
        anchor = max(to_on, self.anchor)
        if self.unit is LimitUnit.WORKING_DAYS:
            # A day worked beyond the limit, on which it ended, is used up too: an extension finds it used.
            left = self.left - calendar.counted(self.anchor, from_on)
            return replace(self, anchor=anchor, left=left), max(left, 0)
        # All of its days, also those before the start day: a month is no number of days, and a later start must not end earlier.
        moved = (to_on - from_on).days
        return replace(self, anchor=anchor, moved=self.moved + moved), moved


def days_laid(rule: Rule, received_at: datetime, pauses: tuple[Pause, ...], extensions: tuple[Extension, ...], calendar: Calendar) -> Laid:
    """Lay a limit in working days, calendar days or months."""
    start_on, amount = started_on(rule, received_at, calendar), rule.limit.amount or 0
    laid = _Days(rule.limit.unit, start_on, amount, start_on, amount)
    last_on = laid.last_on(calendar)
    due_on = calendar.first_from(last_on)
    told: list[Told] = []
    for one in happened(pauses, extensions):
        before = due_on
        if isinstance(one, Pause):
            laid, line = _paused(laid, one, due_on, calendar)
        else:
            laid, line = laid.longer(one.amount), None
        last_on = laid.last_on(calendar)
        due_on = calendar.first_from(last_on)
        if line is None:
            assert isinstance(one, Extension)
            line = (legal_day(one.at), _extended(one, laid.unit, before, due_on))
        told.append(line)
    return Laid(start_on, last_on, due_on, at_time(due_on, CLOSES), tuple(told))


def _paused(laid: _Days, pause: Pause, due_on: date, calendar: Calendar) -> tuple[_Days, Told]:
    from_on = legal_day(pause.from_at)
    if pause.to_at is None:
        return laid, (from_on, Reason(ReasonKind.PAUSE, from_on=from_on))
    to_on = legal_day(pause.to_at)
    # Late stays late: what begins after the due day moves nothing, unless it adjoins what did.
    if from_on > max(due_on, laid.anchor):
        return laid, (from_on, Reason(ReasonKind.PAUSE, None, from_on, to_on))
    after, amount = laid.resumed(from_on, to_on, calendar)
    later = after.anchor if after.anchor > to_on else None
    unit = LimitUnit.WORKING_DAYS if laid.unit is LimitUnit.WORKING_DAYS else LimitUnit.CALENDAR_DAYS
    return after, (from_on, Reason(ReasonKind.PAUSE, later, from_on, to_on, amount=amount, unit=unit))


def _extended(extension: Extension, unit: LimitUnit, from_on: date, to_on: date) -> Reason:
    return Reason(ReasonKind.EXTENSION, None, from_on, to_on, extension.legal_basis, amount=extension.amount, unit=unit)


def hours_laid(rule: Rule, received_at: datetime, pauses: tuple[Pause, ...], extensions: tuple[Extension, ...], calendar: Calendar) -> Laid:
    """Lay a limit in working hours: exact, inside opening hours, from the receipt or the next opening after it; no cut-off."""
    anchor = start_at = calendar.opening_from(received_at)
    left = (rule.limit.amount or 0) * HOUR
    due_at = calendar.opened_after(anchor, left)
    told: list[Told] = []
    for one in happened(pauses, extensions):
        before = due_at
        if isinstance(one, Extension):
            left += one.amount * HOUR
            due_at = calendar.opened_after(anchor, left)
            line = _extended(one, rule.limit.unit, legal_day(before), legal_day(due_at))
            told.append((legal_day(one.at), replace(line, from_at=before, to_at=due_at)))
            continue
        from_on, ends = legal_day(one.from_at), one.to_at
        if ends is None:
            told.append((from_on, Reason(ReasonKind.PAUSE, from_on=from_on, from_at=one.from_at)))
            continue
        line = Reason(ReasonKind.PAUSE, None, from_on, legal_day(ends), from_at=one.from_at, to_at=ends)
        if one.from_at <= max(due_at, anchor):
            left -= calendar.opened(anchor, one.from_at)
            anchor = max(ends, anchor)
            due_at = calendar.opened_after(anchor, left)
            line = replace(line, amount=-(-left // MINUTE), unit="WORKING_MINUTES")
        told.append((from_on, line))
    due_on = legal_day(due_at)
    return Laid(legal_day(start_at), due_on, due_on, due_at, tuple(told), start_at)


def merged(laid: Laid) -> Iterator[tuple[date, date]]:
    """Join the pauses that meet on a day, which is then wholly inside; an open one, or one after the due day, hides no day."""
    begun: date | None = None
    ended = date.min
    for _, line in laid.told:
        if line.kind is not ReasonKind.PAUSE or line.amount is None or line.from_on is None or line.to_on is None:
            continue
        if begun is not None and line.from_on <= ended:
            ended = line.to_on
            continue
        if begun is not None:
            yield begun, ended
        begun, ended = line.from_on, line.to_on
    if begun is not None:
        yield begun, ended
