"""CPU of computing a due date: limits in every unit, a third of them with pauses, without reasons and with them.

The peer is `get_nth_working_day` of the package `holidays`, from which the calendar has its seed. For each limit in working days it is
asked for the same working day after the same start day, which is the easier question: it knows neither receipts nor pauses. Both have
their years laid out beforehand, and take turns. Where there is no pause, both must give the same day.
"""

import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random

import holidays

from benchmarks.report import Result
from casework.model.clock import Course, reckoned
from casework.model.laying import Pause, started_on
from casework.model.limit import Limit, LimitUnit, Rule
from casework.model.workdays import Calendar

DATES, TOLD = 100_000, 10_000
SLICES = 10
GOAL_US = 20
SEED = 2026
SECOND_US = 1_000_000
FIRST_AT = datetime(2024, 1, 1, tzinfo=UTC)
MINUTES = 4 * 365 * 24 * 60  # 2024 to 2027
MOST = {LimitUnit.WORKING_DAYS: 60, LimitUnit.WORKING_HOURS: 80, LimitUnit.CALENDAR_DAYS: 90, LimitUnit.MONTHS: 6}
Case = tuple[Rule, Course]


def measured() -> list[Result]:
    """Measure the clock and its peer."""
    chance = Random(SEED)  # noqa: S311 - chance, not a secret
    cases = [_case(chance, number) for number in range(DATES)]
    calendar = Calendar()  # The overrides of a register are unknown to the peer.
    _dated(cases[:TOLD], calendar)
    peer = holidays.country_holidays("VN", years=range(2024, 2031))
    by_days = [(rule, course) for rule, course in cases if rule.limit.unit is LimitUnit.WORKING_DAYS]
    asked = [(started_on(rule, course.received_at, calendar), rule.limit.amount or 0) for rule, course in by_days]
    _compared(by_days, asked, calendar, peer)
    whole = told = ours = theirs = 0.0
    for turn in range(SLICES):
        whole += _dated(cases[turn::SLICES], calendar)
        told += _dated(cases[turn:TOLD:SLICES], calendar, told=True)
        ours += _dated(by_days[turn::SLICES], calendar)
        began = time.process_time()
        for day, amount in asked[turn::SLICES]:
            peer.get_nth_working_day(day, amount)
        theirs += time.process_time() - began
    each, with_reasons = whole / DATES * SECOND_US, told / TOLD * SECOND_US
    each_by_days, peer_each = ours / len(by_days) * SECOND_US, theirs / len(asked) * SECOND_US
    return [
        Result("due date, CPU of each", each, "us", goal=f"<= {GOAL_US} us", met=each <= GOAL_US),
        Result("due date with its reasons, CPU of each", with_reasons, "us"),
        Result(
            "due date in working days, CPU of each",
            each_by_days,
            "us",
            "holidays, get_nth_working_day",
            peer_each,
            each_by_days / peer_each,
        ),
    ]


def _case(chance: Random, number: int) -> Case:
    """Make a limit and what happened to its clock; every third has a pause."""
    unit = tuple(MOST)[number % len(MOST)]
    received_at = FIRST_AT + timedelta(minutes=chance.randrange(MINUTES))
    pauses: tuple[Pause, ...] = ()
    if number % 3 == 0:
        paused_at = received_at + timedelta(minutes=chance.randrange(10 * 24 * 60))
        pauses = (Pause(paused_at, paused_at + timedelta(minutes=chance.randrange(20 * 24 * 60))),)
    return Rule(Limit(unit, chance.randint(1, MOST[unit]))), Course(received_at, pauses)


def _dated(cases: Sequence[Case], calendar: Calendar, *, told: bool = False) -> float:
    """Compute their due dates; gives the seconds of CPU that it took."""
    began = time.process_time()
    for rule, course in cases:
        reckoned(rule, course, calendar, told=told)
    return time.process_time() - began


def _compared(cases: Sequence[Case], asked: Sequence[tuple[date, int]], calendar: Calendar, peer: holidays.HolidayBase) -> None:
    """Hold both to the same answers, on the questions that are the same."""
    for (rule, course), (day, amount) in list(zip(cases, asked, strict=True))[: TOLD // 10]:
        if not course.pauses and reckoned(rule, course, calendar, told=False).due_on != peer.get_nth_working_day(day, amount):
            raise RuntimeError(f"the peer has another day than {rule.limit} from {course.received_at}")
