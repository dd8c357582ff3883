"""Alert levels: the instants of each, the level at an instant, and the next instant to look at."""

from datetime import date, datetime, time, timedelta
from random import Random

import pytest

from casework.model.alert import AlertLevel, BadThresholds, Thresholds, level_at, levels, next_level
from casework.model.clock import Course, Reckoning, reckoned
from casework.model.errors import ClockInput
from casework.model.laying import Pause
from casework.model.limit import Limit, LimitUnit, Rule
from casework.model.workdays import ZONE, Calendar, at_time, legal_day

CALENDAR = Calendar()
WORKING, HOURS, CALENDAR_DAYS, MONTHS, FIXED = LimitUnit
AT_RISK, DUE_TODAY, OVERDUE, ESCALATED = AlertLevel
SECOND = timedelta(seconds=1)
SEED = 1530


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def clock(received: str, amount: int, unit: LimitUnit = WORKING, pauses: tuple[Pause, ...] = ()) -> Reckoning:
    return reckoned(Rule(Limit(unit, amount)), Course(at(received), pauses), CALENDAR)


def instants(found: Reckoning, thresholds: Thresholds | None = None) -> dict[AlertLevel, datetime]:
    return dict(levels(found, CALENDAR, thresholds or Thresholds()))


def test_levels_ascend() -> None:
    assert [level.rank for level in AlertLevel] == [0, 1, 2, 3]


def test_the_four_instants() -> None:
    assert levels(clock("2025-01-20T09:00", 10), CALENDAR) == (
        (AT_RISK, at("2025-02-06T07:30")),
        (DUE_TODAY, at("2025-02-10T07:30")),
        (OVERDUE, at("2025-02-10T17:00:01")),
        (ESCALATED, at("2025-02-17T17:00:01")),
    )


@pytest.mark.parametrize(
    ("received", "amount", "unit", "at_risk"),
    [
        ("2026-03-02T09:00", 5, WORKING, "2026-03-05T07:30"),
        ("2026-03-02T09:00", 14, WORKING, "2026-03-18T07:30"),
        ("2026-03-02T09:00", 15, WORKING, "2026-03-18T07:30"),
        ("2026-03-02T09:00", 20, WORKING, "2026-03-24T07:30"),
        ("2026-03-02T09:00", 2, WORKING, "2026-03-02T09:00"),
        ("2026-03-02T06:00", 2, WORKING, "2026-03-02T07:30"),
        ("2026-03-01T09:00", 1, WORKING, "2026-03-01T09:00"),
        # Two working days before Tet come earlier than six calendar days before the end.
        ("2026-01-16T09:00", 30, CALENDAR_DAYS, "2026-02-12T07:30"),
        # Six calendar days before Wednesday 1 April come earlier than two working days, Monday 30.
        ("2026-03-02T09:00", 30, CALENDAR_DAYS, "2026-03-26T07:30"),
        # Two working days, or a fifth of 96 hours: twelve days, so two and then some.
        ("2026-03-02T09:00", 8, HOURS, "2026-03-02T09:00"),
        ("2026-03-02T07:30", 96, HOURS, "2026-03-13T07:30"),
        ("2026-03-02T07:30", 160, HOURS, "2026-03-23T07:30"),
        # A fifth of the days of two months is twelve.
        ("2026-03-02T09:00", 2, MONTHS, "2026-04-22T07:30"),
        # A fifth of 4 days is none: two working days left.
        ("2026-03-02T09:00", 4, CALENDAR_DAYS, "2026-03-04T07:30"),
    ],
)
def test_at_risk(received: str, amount: int, unit: LimitUnit, at_risk: str) -> None:
    assert instants(clock(received, amount, unit))[AT_RISK] == at(at_risk)


def test_thresholds_move_the_instants() -> None:
    found = instants(clock("2026-03-02T09:00", 10), Thresholds(3, 50, 1))
    assert found[AT_RISK] == at("2026-03-09T07:30")
    assert found[ESCALATED] == at("2026-03-17T17:00:01")


@pytest.mark.parametrize("bad", [(-1, 20, 5), (2, -1, 5), (2, 101, 5), (2, 20, 0)])
def test_thresholds_that_name_no_day_are_refused(bad: tuple[int, int, int]) -> None:
    with pytest.raises(BadThresholds) as refusal:
        Thresholds(*bad)
    assert isinstance(refusal.value, ValueError)
    assert isinstance(refusal.value, ClockInput)


def test_a_fixed_date_has_no_limit_to_take_a_fifth_of() -> None:
    rule, received_at, due_at = Rule(Limit(FIXED)), at("2026-03-02T09:00"), at("2026-03-15T06:00")
    found = instants(reckoned(rule, Course(received_at, fixed_due_at=due_at), CALENDAR))
    assert found == {
        # Due on a Sunday: on Wednesday two working days are left, Thursday and Friday.
        AT_RISK: at("2026-03-11T07:30"),
        DUE_TODAY: due_at,
        OVERDUE: due_at + SECOND,
        ESCALATED: at("2026-03-20T17:00:01"),
    }


def test_a_paused_clock_raises_nothing() -> None:
    found = clock("2026-03-02T09:00", 5, pauses=(Pause(at("2026-03-03T09:00")),))
    assert levels(found, CALENDAR) == ()
    assert level_at(found, CALENDAR, at("2027-01-01T09:00")) is None


@pytest.mark.parametrize(
    ("now", "level"),
    [
        ("2025-02-06T07:29:59", None),
        ("2025-02-06T07:30:00", AT_RISK),
        ("2025-02-10T07:30:00", DUE_TODAY),
        ("2025-02-10T17:00:00", DUE_TODAY),
        ("2025-02-10T17:00:01", OVERDUE),
        ("2025-02-17T17:00:00", OVERDUE),
        ("2025-02-17T17:00:01", ESCALATED),
        ("2026-02-17T17:00:01", ESCALATED),
    ],
)
def test_the_level_at_an_instant(now: str, level: AlertLevel | None) -> None:
    found = clock("2025-01-20T09:00", 10)
    assert level_at(found, CALENDAR, at(now)) is level


def test_the_next_level() -> None:
    found = clock("2025-01-20T09:00", 10)
    all_four = levels(found, CALENDAR)
    none: frozenset[AlertLevel] = frozenset()
    assert (next_level(all_four, none) or (None, None))[1] == at("2025-02-06T07:30")
    assert (next_level(all_four, frozenset({AT_RISK})) or (None, None))[1] == at("2025-02-10T07:30")
    assert (next_level(all_four, none, at("2025-02-10T07:30")) or (None, None))[1] == at("2025-02-10T17:00:01")
    assert (next_level(all_four, frozenset({OVERDUE}), at("2025-02-10T07:30")) or (None, None))[1] == at("2025-02-17T17:00:01")
    assert next_level(all_four, frozenset(AlertLevel)) is None
    assert next_level((), none) is None


def naive_at_risk(found: Reckoning) -> datetime:
    """Walk forward from the receipt to the first working morning on which little is left."""
    limit, due_on = found.rule.limit, found.due_on
    amount = limit.amount or 0
    on: date = legal_day(found.received_at) - timedelta(days=30)
    while True:
        days = [on + timedelta(n) for n in range(1, (due_on - on).days + 1)]
        working = sum(CALENDAR.working(day) for day in days)
        left = working if limit.unit is WORKING else len(days)
        if CALENDAR.working(on) and (working <= 2 or left <= amount / 5):
            return max(at_time(on, time(7, 30)), found.received_at)
        on += timedelta(1)


def test_at_risk_agrees_with_walking_the_days() -> None:
    random = Random(SEED)  # noqa: S311 - cases, not secrets
    for case in range(300):
        minutes = timedelta(minutes=random.randrange(60 * 24 * 900))
        received = (at("2024-01-02T00:00") + minutes).replace(tzinfo=None).isoformat()
        found = clock(received, random.randint(1, 60), random.choice((WORKING, CALENDAR_DAYS)))
        assert instants(found)[AT_RISK] == naive_at_risk(found), f"seed {SEED}, case {case}: {found}"
