"""Feeds: places that stand in order of time, cursors, and where a client starts."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casework.live.feeds import (
    HELD,
    KEPT,
    MOST_A_SECOND,
    OVERLAP,
    SETTLED,
    SKEW,
    TICK,
    ZERO,
    Fed,
    Start,
    Told,
    before,
    cursor,
    gathered,
    row_at,
    started,
)
from casework.model.errors import Invalid

NOW = datetime(2031, 3, 3, 2, 0, 0, 123456, tzinfo=UTC)
INSTANTS = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants them bare


@settings(print_blob=True, deadline=None)
@given(INSTANTS, INSTANTS, st.integers(1, 10**8), st.integers(1, 10**8))
def test_places_stand_in_order_of_time_and_are_read_back(one: datetime, other: datetime, seq: int, more: int) -> None:
    first, second = Fed(one, "a" * 32, seq), Fed(other, "b" * 32, more)
    assert row_at(first.place) == first
    assert before(one) < first.place
    if one < other:
        assert first.place < before(other) < second.place


def test_the_limits_hold_together() -> None:
    assert timedelta(seconds=60) == OVERLAP
    assert timedelta(seconds=10) == SETTLED
    assert HELD >= KEPT + OVERLAP


def test_without_a_cursor_it_is_now() -> None:
    assert started(None, NOW) == Start(cursor(NOW), before(NOW - SKEW), gap=False)


@pytest.mark.parametrize("age", [-SKEW, timedelta(0), TICK, timedelta(hours=5), KEPT])
def test_a_cursor_is_resumed_a_minute_before_it(age: timedelta) -> None:
    after = cursor(NOW - age)
    assert started(after, NOW) == Start(after, before(NOW - age - OVERLAP), gap=False)


@pytest.mark.parametrize("after", [cursor(NOW - KEPT - TICK), cursor(ZERO), cursor(NOW).replace("1.", "0.")])
def test_one_that_is_too_old_or_of_an_older_epoch_leaves_a_gap(after: str) -> None:
    assert started(after, NOW) == Start(cursor(NOW - KEPT), before(NOW - KEPT), gap=True)


@pytest.mark.parametrize("after", [
    "", "1", "1.", ".1", "x", "1.x", "-1.5", "1.-5", "1.5.5", "1 .5", "1. 5", "\u0661.5", "1.\u0661", "3", "1." + "9" * 17,
    "1" * 17 + ".5", "\0",
    "2.1", cursor(NOW + SKEW + TICK), "1." + "9" * 16,
])  # fmt: skip
def test_what_no_event_brought_is_no_cursor(after: str) -> None:
    with pytest.raises(Invalid, match="no cursor of this subscription") as caught:
        started(after, NOW)
    assert (caught.value.code, caught.value.path) == ("CURSOR", ("after",))


def test_of_too_many_in_a_second_the_last_stands_for_all() -> None:
    at = datetime(2031, 3, 3, 2, tzinfo=UTC)
    few = [Fed(at + number * TICK, "a", number) for number in range(MOST_A_SECOND)]
    many = [Fed(at + timedelta(seconds=1) + number * TICK, "b", number) for number in range(MOST_A_SECOND + 1)]
    rest = [Fed(at + timedelta(seconds=2), "c", 1)]
    assert gathered([]) == []
    alone = [Told(row, row, 1) for row in few]
    assert gathered(few) == alone
    assert gathered([*few, *many, *rest]) == [*alone, Told(many[-1], many[0], len(many)), Told(rest[0], rest[0], 1)]
