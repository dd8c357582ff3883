"""The heartbeat: each connection is pinged every four minutes, those that are gone are forgotten, and what was left is taken over."""

import secrets
from dataclasses import replace
from datetime import timedelta

import pytest

from casework.actions import heartbeats
from casework.adapters.tokens import KeySetTokens
from casework.live import feeds
from casework.live.cohorts import Status
from casework.live.connection import BEATS, LANES, LIFE, Connection
from casework.ports import Services
from handlers import heartbeat
from tests.simulation.clients import Follower, Network, Watcher, mortal
from tests.simulation.worlds import World
from tests.support import AUDIENCE, ISSUER, Issuer, RecordingCourier

MINUTE = timedelta(minutes=1)
FOLLOW = 'subscription($after: String) { unitFeed(unit: "22-XD", after: $after) { id cursor ready gap } }'
WATCH = "subscription($code: ID!, $after: String) { dossierChanged(code: $code, after: $after) { id cursor ready gap } }"
UNIT, DOSSIER = "unit:22-XD", "dossier:{}"


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
        assert heartbeat.handle({}, services)["pinged"] == 1
        assert courier.posts[before:] == [(made[minute % BEATS], {"type": "ping"})]
        world.clock.now += MINUTE
    assert timedelta(minutes=10) > BEATS * MINUTE, "what is silent for longer is ended"


def test_pages_are_gone_through_and_the_gone_forgotten(
    here: tuple[World, RecordingCourier, Services], monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    world, courier, services = here
    monkeypatch.setattr(heartbeats, "PAGE", 2)
    made = [opened(services) for _ in range(5)]
    world.clock.now += BEATS * MINUTE
    courier.gone |= {made[1], made[4]}
    assert heartbeat.handle({}, services)["pinged"] == 3
    assert sorted(connection for connection, _ in courier.posts) == sorted({*made} - courier.gone)
    assert [services.store.connection(id_, services.now()) is None for id_ in made] == [False, True, False, False, True]
    assert heartbeat.handle({}, services)["pinged"] == 3


def test_one_that_is_opening_is_not_forgotten_though_nothing_reaches_it_yet(
    here: tuple[World, RecordingCourier, Services], monkeypatch: pytest.MonkeyPatch
) -> None:
    world, courier, services = here
    opening = opened(services)
    courier.gone |= {opening}
    assert heartbeat.handle({}, services)["pinged"] == 0
    assert services.store.connection(opening, services.now())
    with monkeypatch.context() as patch:
        patch.setattr(services.store, "connection", lambda *_: None)  # Its row is written behind its place among the others.
        heartbeat.handle({}, services)
    assert services.store.connection(opening, services.now())
    world.clock.now += BEATS * MINUTE
    heartbeat.handle({}, services)
    assert services.store.connection(opening, services.now()) is None


@pytest.mark.parametrize("query", [FOLLOW, WATCH], ids=["feed", "dossier"])
@pytest.mark.parametrize("calls", range(4, 16))
def test_a_replay_whose_process_died_is_taken_over_though_nothing_more_happens(query: str, calls: int) -> None:
    issuer, world, network = Issuer(), World(calls), Network(calls)
    services = replace(world.services, tokens=KeySetTokens(issuer.key_set(), issuer=ISSUER, audience=AUDIENCE), courier=network)
    subject = world.received()
    held = services.store.held(subject)
    assert held
    token = issuer.token("INSPECTOR", exp=int(world.clock.now.timestamp()) + 10**6)
    kind, after = (Follower, feeds.cursor(world.clock.now)) if query is FOLLOW else (Watcher, "0")
    client = kind(services, network, token, query, {"code": held.dossier.code} if query is WATCH else {})
    client.after = lambda: after  # type: ignore[method-assign]
    services.store.feed(UNIT, feeds.Fed(world.clock.now, subject, held.tip.seq))
    world.clock.now += feeds.SETTLED + timedelta(seconds=1)
    client.services = mortal(services, calls)
    client.connect()
    heard = client.listened()
    world.clock.now += feeds.LEFT + timedelta(seconds=1)
    done = heartbeat.handle({}, services)
    heard += client.listened()
    row = next((row for row in services.store.subscriptions(DOSSIER.format(subject) if query is WATCH else UNIT, services.now())), None)
    assert done["taken_over"] <= 1
    if not any(event["ready"] for event in heard) and row is None:
        return  # It had not subscribed yet: a client that hears no READY comes again.
    assert row
    assert (row.status, row.owed) == (Status.LIVE, False)
    assert f"{subject}/{held.tip.seq}" in {event["id"] for event in heard if not event["ready"]}
    assert heartbeat.handle({}, services)["taken_over"] == 0
    assert all(services.store.owed(lane, services.now(), None, 5) == [] for lane in range(LANES))
