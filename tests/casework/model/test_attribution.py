"""Whose time it was: the working minutes of all holders add up to those of the whole."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from casework.model.attribution import MINUTE, Holder, held_minutes
from casework.model.record import HolderKind, Interval, IntervalKind
from casework.model.workdays import Calendar
from tests.casework.model.cases import BLOCKED, DAY, T2, UNBLOCK, after, at
from tests.casework.model.test_packing import SHOWN

CALENDAR = Calendar()
LEAD, UNIT = Holder(HolderKind.OFFICER, "22-XD", "officer-1"), Holder(HolderKind.UNIT, "22-XD")


def test_each_holder_has_his_minutes() -> None:
    freed = after(BLOCKED, (UNBLOCK, T2 + DAY))
    # Received at nine, named at ten, blocked from eleven to eleven of the next day.
    found = held_minutes(freed.current, CALENDAR, at("2025-01-21T17:00"))
    assert found == {UNIT: 60, LEAD: 60 + 270, Holder(HolderKind.BLOCKER): 480}
    assert sum(found.values()) == CALENDAR.opened(at("2025-01-20T09:00"), at("2025-01-21T17:00")) // MINUTE


def test_what_lies_ahead_is_nobodys_yet() -> None:
    assert held_minutes(BLOCKED.current, CALENDAR, at("2025-01-20T10:30")) == {UNIT: 60, LEAD: 30}
    assert held_minutes((), CALENDAR, at("2025-01-20T10:30")) == {}


@SHOWN
@given(st.datetimes(datetime(2025, 1, 1), datetime(2026, 12, 1)), st.lists(st.integers(0, 10**6), max_size=12), st.integers(0, 10**7))  # noqa: DTZ001 - made aware below
def test_the_minutes_of_all_add_up_to_the_whole(start: datetime, gaps: list[int], seconds: int) -> None:
    from_at = at(start.isoformat())
    ends = [from_at]
    for gap in gaps:
        ends.append(ends[-1] + timedelta(seconds=gap))
    kinds = list(HolderKind)
    tiles = [
        Interval(number, IntervalKind.RUNNING, "TEST", kinds[number % len(kinds)], begun, to_at=ended)
        for number, (begun, ended) in enumerate(zip(ends, [*ends[1:], None], strict=True))
    ]
    until = from_at + timedelta(seconds=seconds)
    found = held_minutes(tiles, CALENDAR, until)
    assert sum(found.values()) == CALENDAR.opened(from_at, until) // MINUTE
    assert all(minutes >= 0 for minutes in found.values())
