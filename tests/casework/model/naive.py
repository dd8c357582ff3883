"""A second clock, deliberately naive: it walks from day to day and from shift to shift, and shares no arithmetic with the real one.

It is given what has happened in order, and asks itself anew after each thing when the limit would end.
"""

from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from casework.model.laying import Extension, Pause
from casework.model.limit import LimitUnit
from casework.model.workdays import ZONE, Calendar

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
SHIFTS = ((time(7, 30), time(11, 30)), (time(13), time(17)))


@dataclass
class Naive:
    """One limit, under one calendar."""

    calendar: Calendar
    unit: LimitUnit
    amount: int
    received_at: datetime
    cut_off: time = time(15)
    stops: list[tuple[datetime, datetime]] = field(default_factory=list)

    def due(self, happened: Sequence[Pause | Extension]) -> datetime:
        """Tell when it is due after all of these."""
        for one in happened:
            if isinstance(one, Extension):
                self.amount += one.amount
            elif one.to_at is not None and not self._late(one.from_at):
                self.stops.append((one.from_at, one.to_at))
        return self._due()

    def _late(self, from_at: datetime) -> bool:
        """What begins when all is over changes nothing, unless it adjoins what did."""
        if self.unit is LimitUnit.WORKING_HOURS:
            return from_at > max([self._due(), *(ended for _, ended in self.stops)])
        return local(from_at) > max([local(self._due()), *(local(ended) for _, ended in self.stops)])

    def _due(self) -> datetime:
        if self.unit is LimitUnit.WORKING_HOURS:
            return self._by_hours()
        on = self._by_working_days() if self.unit is LimitUnit.WORKING_DAYS else self._by_calendar()
        return datetime.combine(self._rolled(on), time(17), ZONE)

    def _rolled(self, on: date) -> date:
        while not self.calendar.working(on):
            on += DAY
        return on

    def start(self) -> date:
        """The day that is not counted."""
        at = self.received_at.astimezone(ZONE)
        return self._rolled(at.date() if at.time() <= self.cut_off else at.date() + DAY)

    def _by_working_days(self) -> date:
        stops = [(local(begun), local(ended)) for begun, ended in self.stops]
        on, left = self.start(), self.amount
        while left:
            on += DAY
            left -= self.calendar.working(on) and not any(begun < on <= ended for begun, ended in stops)
        while later := [ended for begun, ended in stops if begun <= self._rolled(on) and ended > on]:
            on = min(later)
        return on

    def _by_calendar(self) -> date:
        on = start = self.start()
        if self.unit is LimitUnit.CALENDAR_DAYS:
            for _ in range(self.amount):
                on += DAY
        else:
            year, month = on.year, on.month
            for _ in range(self.amount):
                year, month = (year + 1, 1) if month == 12 else (year, month + 1)
            on = date(year, month, min(start.day, monthrange(year, month)[1]))
        nights = {local(begun) + n * DAY for begun, ended in self.stops for n in range((local(ended) - local(begun)).days)}
        return on + len(nights) * DAY

    def _by_hours(self) -> datetime:
        left = self.amount * 60 * MINUTE
        due_at = self.received_at
        for begun, ended in self._open():
            if left <= ended - begun:
                due_at = begun + left
                break
            left -= ended - begun
        for begun, ended in self.stops:
            if begun <= due_at < ended:
                due_at = ended
        return due_at

    def _open(self) -> Iterator[tuple[datetime, datetime]]:
        """Give each stretch of opening hours from the receipt on in which the clock runs."""
        on = local(self.received_at)
        while True:
            for opens, closes in SHIFTS if self.calendar.working(on) else ():
                free = [(max(datetime.combine(on, opens, ZONE), self.received_at), datetime.combine(on, closes, ZONE))]
                for begun, ended in self.stops:
                    free = [part for a, b in free for part in ((a, min(b, begun)), (max(a, ended), b))]
                yield from ((a, b) for a, b in free if a < b)
            on += DAY


def local(at: datetime) -> date:
    """The day of an instant in Viet Nam."""
    return at.astimezone(ZONE).date()
