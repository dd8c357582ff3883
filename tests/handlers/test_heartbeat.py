"""The heartbeat: each connection is pinged every four minutes, and those that are gone are forgotten."""

import secrets
from dataclasses import replace
from datetime import timedelta

import pytest

from casework.actions import heartbeats
from casework.live.connection import BEATS, LIFE, Connection
from casework.ports import Services
from handlers import heartbeat
from tests.simulation.worlds import World
from tests.support import RecordingCourier

MINUTE = timedelta(minutes=1)


@pytest.fixture
def here() -> tuple[World, RecordingCourier, Services]:
    world, courier = World(3), RecordingCourier()
    return world, courier, replace(world.services, courier=courier)


def opened(services: Services) -> str:
    id_ = f"beat-{secrets.token_hex(4)}"
    services.store.connect(Connection(id_, services.now() + LIFE))
    return id_


def test_each_connection_is_pinged_every_four_minutes(here: tuple[World, RecordingCourier, Services]) -> None:
    world, courier, services = here
    made = []
    for _ in range(BEATS):
        made.append(opened(services))
        world.clock.now += MINUTE
    for minute in range(3 * BEATS):
        before = len(courier.posts)
        assert heartbeat.handle({}, services) == {"pinged": 1}
        assert courier.posts[before:] == [(made[minute % BEATS], {"type": "ping"})]
        world.clock.now += MINUTE
    assert timedelta(minutes=10) > BEATS * MINUTE, "what is silent for longer is ended"


def test_pages_are_gone_through_and_the_gone_forgotten(
    here: tuple[World, RecordingCourier, Services], monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    _, courier, services = here
    monkeypatch.setattr(heartbeats, "PAGE", 2)
    made = [opened(services) for _ in range(5)]
    courier.gone |= {made[1], made[4]}
    assert heartbeat.handle({}, services) == {"pinged": 3}
    assert sorted(connection for connection, _ in courier.posts) == sorted({*made} - courier.gone)
    assert [services.store.connection(id_, services.now()) is None for id_ in made] == [False, True, False, False, True]
    assert heartbeat.handle({}, services) == {"pinged": 3}
