"""Connections and operations as they are kept: what a new one is, and limits that fit each other."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from casework.live.connection import LIFE, OPERATIONS, TOMBSTONE, Connection, Operation, Phase
from casework.model.packing import packed, unpacked

EXPIRES = datetime(2025, 1, 20, 4, tzinfo=UTC)


def test_a_new_connection_is_opened_and_nobody_s() -> None:
    found = Connection("c1", EXPIRES)
    assert (found.phase, found.viewer, found.viewer_until, found.refusal) == (Phase.OPENED, None, None, None)
    assert unpacked(Connection, packed(found)) == found


def test_an_acknowledged_connection_comes_back_as_it_was_kept() -> None:
    found = replace(Connection("c1", EXPIRES), phase=Phase.ACKNOWLEDGED, viewer="hidden", viewer_until=EXPIRES, refusal="expired")
    assert unpacked(Connection, packed(found)) == found


def test_a_new_operation_has_no_topic() -> None:
    assert Operation("c1", "1", EXPIRES) == Operation("c1", "1", EXPIRES, topic=None, row=None)


def test_limits_are_those_of_the_gateway_and_fit_each_other() -> None:
    assert timedelta(hours=2) == LIFE
    assert timedelta(0) < TOMBSTONE < LIFE
    assert OPERATIONS == 100
