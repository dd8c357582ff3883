"""The clock held to a naive twin, over 100,000 random cases of the years 2024 to 2027, in every unit, with pauses and extensions."""

from datetime import date, datetime, time, timedelta
from random import Random

import pytest

from casework.model.clock import Course, reckoned
from casework.model.derivation import ReasonKind
from casework.model.laying import Extension, Pause, happened
from casework.model.limit import Limit, LimitUnit, Rule
from casework.model.workdays import ZONE, Calendar, Override, OverrideKind
from tests.casework.model.naive import DAY, Naive, local

CASES, PARTS = 100_000, 4
SEED = 20260306
FROM = datetime(2024, 1, 2, tzinfo=ZONE)
MINUTES = 60 * 24 * 1200  # the last receipts lie in April 2027, and the last due dates in that year
MOST = {LimitUnit.WORKING_DAYS: 40, LimitUnit.WORKING_HOURS: 90, LimitUnit.CALENDAR_DAYS: 60, LimitUnit.MONTHS: 4}
SWAP = (
    Override(date(2026, 1, 2), OverrideKind.OFF, date(2026, 1, 10), "12729/VPCP-KGVX", date(2025, 12, 25)),
    Override(date(2026, 1, 10), OverrideKind.MAKEUP, date(2026, 1, 2), "12729/VPCP-KGVX", date(2025, 12, 25)),
)
CALENDARS = (Calendar(), Calendar(SWAP, 2))


def drawn(chance: Random) -> tuple[Rule, Course, Calendar]:
    unit = chance.choice(list(MOST))
    received_at = FROM + timedelta(minutes=chance.randrange(MINUTES))
    if chance.random() < 0.1:  # the edges: opening, closing, the hours of the cut-off
        edge = chance.choice((time(7, 30), time(11, 30), time(13), time(15), time(16), time(17)))
        received_at = datetime.combine(received_at.date(), edge, ZONE)
    rule = Rule(Limit(unit, chance.randint(1, MOST[unit])), chance.choice((time(15), time(15), time(16), time(11, 30))))
    scale = chance.choice((2, 10, 60)) * 1440
    ats = [received_at + timedelta(minutes=n) for n in sorted(chance.randrange(scale) for _ in range(2 * chance.randint(0, 3)))]
    pauses = tuple(Pause(*pair) for pair in zip(ats[::2], ats[1::2], strict=True))
    longer = sorted(received_at + timedelta(minutes=chance.randrange(scale)) for _ in range(chance.choice((0, 0, 0, 1, 2))))
    return rule, Course(received_at, pauses, tuple(Extension(at, chance.randint(1, 9)) for at in longer)), chance.choice(CALENDARS)


@pytest.mark.parametrize("part", range(PARTS))
def test_the_clock_agrees_with_its_naive_twin(part: int) -> None:
    seed = f"{SEED}/{part}"
    chance = Random(seed)  # noqa: S311 - cases, not secrets
    for case in range(CASES // PARTS):
        rule, course, calendar = drawn(chance)
        said = f"seed {seed}, case {case}: {rule.limit} from {course}"
        twin = Naive(calendar, rule.limit.unit, rule.limit.amount or 0, course.received_at, rule.cut_off)
        found = reckoned(rule, course, calendar, told=case % 20 == 0)
        assert found.due_at == twin.due(happened(course.pauses, course.extensions)), said
        if rule.limit.unit is not LimitUnit.WORKING_HOURS:
            assert found.start_on == twin.start(), said
        if rule.limit.unit is LimitUnit.WORKING_DAYS and found.reasons:
            skipped = [reason.on for reason in found.reasons if reason.kind is ReasonKind.SKIPPED_DAY]
            stops = [(local(begun), local(ended)) for begun, ended in twin.stops]
            assert skipped == days_off(calendar, local(course.received_at), found.start_on, found.due_on, stops), said


def days_off(calendar: Calendar, first: date, start_on: date, last: date, stops: list[tuple[date, date]]) -> list[date]:
    """A day is paused when the clock stood in the night before it and in the night after it."""
    nights = {begun + n * DAY for begun, ended in stops for n in range((ended - begun).days)}
    days = [first + n * DAY for n in range((last - first).days + 1)]
    return [on for on in days if not calendar.working(on) and (on < start_on or not {on - DAY, on} <= nights)]
