"""Lanes, and the heartbeat's buckets: one for each minute, and every connection's comes round before API Gateway ends it."""

from datetime import UTC, datetime, timedelta

from casework.live.connection import BEATS, LANES, LIFE, beat_of, lane_of

AT = datetime(2026, 11, 28, 9, 30, 59, tzinfo=UTC)


def test_each_minute_has_a_bucket_and_they_come_round() -> None:
    minutes = [beat_of(AT + timedelta(minutes=number)) for number in range(2 * BEATS)]
    assert sorted(minutes[:BEATS]) == list(range(BEATS))
    assert minutes[BEATS:] == minutes[:BEATS]
    assert beat_of(AT.replace(second=0)) == beat_of(AT)


def test_a_connection_is_pinged_in_the_minute_of_its_end_as_in_that_of_its_beginning() -> None:
    assert beat_of(AT + LIFE) == beat_of(AT)
    assert timedelta(minutes=BEATS) < timedelta(minutes=10)


def test_a_connection_keeps_its_lane_and_all_lanes_are_used() -> None:
    lanes = [lane_of(f"connection-{number}") for number in range(200)]
    assert {*lanes} == {*range(LANES)}
    assert lanes == [lane_of(f"connection-{number}") for number in range(200)]
    assert (lane_of("a"), lane_of("L0SM9cOFvHcCIhw=")) == (3, 2), "the same in every process and version: what waits is in order by it"
