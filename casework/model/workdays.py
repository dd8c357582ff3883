"""Working days: which days the offices work, how many lie between two days, which day is the n-th.

The seed is the package `holidays` (public holidays, Tet, the swaps it knows); a table of overrides,
each with its document, is the authority on top of it. Half days, opening hours of single offices and
the announcing of an amendment are not for this module.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import accumulate

from casework.model.errors import ClockInput
from casework.model.wording import WEEKLY_REST, WORKING_DAY, Words, holiday_in_french, making_up, swapped_off
from casework.model.wording import ZONE as ZONE  # noqa: PLC0414 - the zone of every legal day

OPENS = time(7, 30)
CLOSES = time(17, 0)
SHIFTS = ((OPENS, time(11, 30)), (time(13, 0), CLOSES))
FULL_DAY = timedelta(hours=8)
FIRST_YEAR = 1950
LAST_YEAR = 2099

_SUBSTITUTED = re.compile(r"thay cho ngày (\d\d)/(\d\d)/(\d{4})")
_SATURDAY = 5


class BadCalendar(ClockInput, ValueError):
    """A day or an instant that no calendar can place."""


class OutsideCalendar(BadCalendar):
    """The year lies outside those whose holidays are known."""


class UnpairedSwap(BadCalendar):
    """A swapped day whose other half is missing, does not point back, or is of the same kind."""


class OverrideKind(StrEnum):
    """What an override makes of its day."""

    OFF = "OFF"
    MAKEUP = "MAKEUP"


class DayKind(StrEnum):
    """Why a day is worked or not."""

    WEEKDAY = "WEEKDAY"
    WEEKEND = "WEEKEND"
    HOLIDAY = "HOLIDAY"
    SWAPPED_OFF = "SWAPPED_OFF"
    MAKEUP = "MAKEUP"


@dataclass(frozen=True, slots=True)
class Override:
    """One day the Government moved by a document; `pair` is the other half of a swap.

    `since` is the version of the calendar that it came with; None for those that the register was loaded with.
    """

    day: date
    kind: OverrideKind
    pair: date | None
    document: str
    announced_on: date
    since: int | None = None


@dataclass(frozen=True, slots=True)
class WorkDay:
    """A legal day: worked or not, why, and by which document."""

    on: date
    kind: DayKind
    names: Words
    document: str | None = None

    @property
    def working(self) -> bool:
        return self.kind is DayKind.WEEKDAY or self.kind is DayKind.MAKEUP


@dataclass(frozen=True, slots=True)
class _Year:
    """A year laid out once: its days, how many were worked up to each, and which."""

    first: int
    days: tuple[WorkDay, ...]
    worked: tuple[int, ...]
    working_on: tuple[date, ...]


def legal_day(at: datetime) -> date:
    """The day of an instant in Viet Nam."""
    if at.utcoffset() is None:
        raise BadCalendar(f"{at.isoformat()} has no offset")
    try:
        return at.astimezone(ZONE).date()
    except OverflowError:
        raise OutsideCalendar(f"{at.isoformat()} is outside every calendar") from None


@lru_cache(maxsize=8192)
def at_time(on: date, clock: time) -> datetime:
    """The instant, in UTC, of a wall-clock time in Viet Nam."""
    return datetime.combine(on, clock, ZONE).astimezone(UTC)


def checked(overrides: tuple[Override, ...]) -> tuple[Override, ...]:
    """Give the same overrides, verified: each day there once, each pair pointing both ways."""
    by_day = {override.day: override for override in overrides}
    if len(by_day) < len(overrides):
        raise UnpairedSwap("one day has two overrides")
    for override in overrides:
        if override.pair is None:
            continue
        other = by_day.get(override.pair)
        if other is None or other.pair != override.day or other.kind is override.kind:
            why = f"its pair {override.pair} is missing, does not point back, or is {override.kind} too"
            raise UnpairedSwap(f"override of {override.day}: {why}")
    return overrides


def version_of(overrides: tuple[Override, ...]) -> int:
    """Give the version of the calendar that these make: as many as it was loaded with, and one more for each amendment."""
    return max([sum(override.since is None for override in overrides), *(override.since or 0 for override in overrides)])


@lru_cache(maxsize=LAST_YEAR - FIRST_YEAR + 1)
def _seeded(year: int) -> dict[date, WorkDay]:
    """Holidays, swapped days off and make-up days of a year as the package knows them."""
    import holidays  # noqa: PLC0415 - it takes 0.2 s, and many a process never asks for a day

    vietnamese = holidays.country_holidays("VN", years=year, language="vi")
    english = holidays.country_holidays("VN", years=year, language="en_US")
    days: dict[date, WorkDay] = {}
    makes_up: dict[date, date] = {}
    for on, name in vietnamese.items():
        substituted = _SUBSTITUTED.search(name)
        names = Words(name, english[on], holiday_in_french(english[on]))
        days[on] = WorkDay(on, DayKind.HOLIDAY, names)
        if substituted:
            day, month, of = map(int, substituted.groups())
            pair = date(of, month, day)
            makes_up[pair] = on
            days[on] = WorkDay(on, DayKind.SWAPPED_OFF, swapped_off(pair))
    # A make-up day whose day off lies in another year is known, but not which day it makes up for.
    for on in vietnamese.weekend_workdays:
        if on.year == year:
            days[on] = WorkDay(on, DayKind.MAKEUP, making_up(makes_up.get(on)))
    return days


def _overridden(override: Override, seed: WorkDay | None) -> WorkDay:
    """A day as its override has it; a holiday keeps its name."""
    if override.kind is OverrideKind.MAKEUP:
        return WorkDay(override.day, DayKind.MAKEUP, making_up(override.pair), override.document)
    festive = seed is not None and seed.kind is DayKind.HOLIDAY
    names = seed.names if seed is not None and festive else swapped_off(override.pair)
    kind = DayKind.HOLIDAY if override.pair is None else DayKind.SWAPPED_OFF
    return WorkDay(override.day, kind, names, override.document)


def _plain(on: date) -> WorkDay:
    """A day nothing is said about: Monday to Friday are worked."""
    if on.weekday() < _SATURDAY:
        return WorkDay(on, DayKind.WEEKDAY, WORKING_DAY)
    return WorkDay(on, DayKind.WEEKEND, WEEKLY_REST)


def _laid_out(year: int, overrides: tuple[Override, ...]) -> _Year:
    seed = _seeded(year)
    said = seed | {o.day: _overridden(o, seed.get(o.day)) for o in overrides if o.day.year == year}
    first, last = date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal()
    days = tuple(said.get(on) or _plain(on) for on in map(date.fromordinal, range(first, last + 1)))
    worked = tuple(accumulate(int(day.working) for day in days))
    return _Year(first, days, worked, tuple(day.on for day in days if day.working))


@dataclass(frozen=True, slots=True)
class Calendar:
    """The working days of the offices, under one version of the override table."""

    overrides: tuple[Override, ...] = ()
    version: int = 1
    _years: dict[int, _Year] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        checked(self.overrides)

    def documents_since(self, version: int, first: date, last: date) -> tuple[str, ...]:
        """Name the documents of the amendments after a version that have a day between two days, both included; each once."""
        fresh = (override for override in self.overrides if (override.since or 0) > version and first <= override.day <= last)
        return tuple(dict.fromkeys(override.document for override in fresh))

    def _year(self, year: int) -> _Year:
        laid_out = self._years.get(year)
        if laid_out is None:
            if not FIRST_YEAR <= year <= LAST_YEAR:
                raise OutsideCalendar(f"the year {year} is outside {FIRST_YEAR} to {LAST_YEAR}")
            laid_out = self._years[year] = _laid_out(year, self.overrides)
        return laid_out

    def year(self, number: int) -> tuple[WorkDay, ...]:
        """Every day of a year."""
        return self._year(number).days

    def day(self, on: date) -> WorkDay:
        year = self._year(on.year)
        return year.days[on.toordinal() - year.first]

    def working(self, on: date) -> bool:
        return self.day(on).working

    def between(self, first: date, last: date) -> Iterator[WorkDay]:
        """Every day from the first to the last, both included."""
        for number in range(first.year, last.year + 1):
            year = self._year(number)
            start = max(first.toordinal() - year.first, 0)
            yield from year.days[start : max(last.toordinal() - year.first + 1, 0)]

    def counted(self, after: date, upto: date) -> int:
        """How many days are worked in (after, upto]; none if that is empty."""
        if upto <= after:
            return 0
        begun, ended = self._year(after.year), self._year(upto.year)
        whole = sum(len(self._year(number).working_on) for number in range(after.year, upto.year))
        before = begun.worked[after.toordinal() - begun.first]
        return whole + ended.worked[upto.toordinal() - ended.first] - before

    def nth_after(self, day: date, n: int) -> date:
        """The n-th working day after a day; 0 is the last one up to it, and below 0 counts on back."""
        number = day.year
        year = self._year(number)
        place = year.worked[day.toordinal() - year.first] + n
        while place < 1:
            number -= 1
            year = self._year(number)
            place += len(year.working_on)
        while place > len(year.working_on):
            place -= len(year.working_on)
            number += 1
            year = self._year(number)
        return year.working_on[place - 1]

    def first_from(self, day: date) -> date:
        """The first working day on or after a day."""
        return day if self.working(day) else self.nth_after(day, 1)

    def opened(self, from_at: datetime, to_at: datetime) -> timedelta:
        """Add up the working time between two instants; none if that is empty."""
        if to_at <= from_at:
            return timedelta()
        from_on, to_on = legal_day(from_at), legal_day(to_at)
        days = self.counted(from_on, to_on) - self.working(to_on) + self.working(from_on)
        return days * FULL_DAY + self._open_before(to_at, to_on) - self._open_before(from_at, from_on)

    def opening_from(self, at: datetime) -> datetime:
        """The instant itself where the offices are open, else the next one at which they open."""
        on = legal_day(at)
        if self.working(on):
            for opens, closes in SHIFTS:
                begun = at_time(on, opens)
                if at < at_time(on, closes):
                    return max(at, begun)
        return at_time(self.nth_after(on, 1), OPENS)

    def opened_after(self, at: datetime, amount: timedelta) -> datetime:
        """The first instant by which the offices were open for so long after `at`; that instant itself for no time."""
        if not amount:
            return at
        on = legal_day(at)
        whole = amount + self._open_before(at, on)
        days = -(-whole // FULL_DAY) - 1  # the last day may be a full one, and then ends at closing time
        rest = whole - days * FULL_DAY
        if not self.working(on):
            days += 1
        last_on = self.nth_after(on, days) if days else on
        (first_at, first_to), (second_at, _) = ((at_time(last_on, opens), at_time(last_on, closes)) for opens, closes in SHIFTS)
        morning = first_to - first_at
        return first_at + rest if rest <= morning else second_at + rest - morning

    def _open_before(self, at: datetime, on: date) -> timedelta:
        if not self.working(on):
            return timedelta()
        total = timedelta()
        for opens, closes in SHIFTS:
            begun = at_time(on, opens)
            if at > begun:
                total += min(at, at_time(on, closes)) - begun
        return total
