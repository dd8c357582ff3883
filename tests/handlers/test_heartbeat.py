"""The heartbeat: each connection is pinged every four minutes, those that are gone are forgotten, and what was left is taken over."""

import secrets
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from casework import following
from casework.actions import heartbeats
from casework.adapters.tokens import KeySetTokens
from casework.live import feeds
from casework.live.cohorts import Status, Subscription
from casework.live.connection import BEATS, LANES, LIFE, Connection
from casework.model.errors import Unavailable
from casework.ports import Services
from handlers import heartbeat
from tests.simulation.clients import Follower, Network, Watcher, mortal
from tests.simulation.connections import SimulatedConnections
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


class Left:
    """Followers of a unit whose replays have died, each with an event to hear."""

    def __init__(self, count: int, *, life: timedelta = LIFE) -> None:
        issuer, self.world, self.network = Issuer(), World(secrets.randbits(16)), Network(1)
        tokens = KeySetTokens(issuer.key_set(), issuer=ISSUER, audience=AUDIENCE)
        self.services = replace(self.world.services, tokens=tokens, courier=self.network)
        self.subject, after = self.world.received(), feeds.cursor(self.world.clock.now)
        self.services.store.feed(UNIT, feeds.Fed(self.world.clock.now, self.subject, 1))
        self.world.clock.now += feeds.SETTLED + timedelta(seconds=1)
        token = issuer.token("INSPECTOR", exp=int((self.world.clock.now + life).timestamp()))
        self.followers = [Follower(self.services, self.network, token, FOLLOW, {}, name=str(number)) for number in range(count)]
        for follower in self.followers:
            follower.greatest, heard = after, list[bool]()
            for calls in range(20):  # It dies behind READY.
                follower.services = mortal(self.services, calls)
                follower.connect()
                heard = [event["ready"] for event in follower.listened()]
                if heard:
                    break
            follower.services = self.services
            assert heard == [True]
        self.world.clock.now += feeds.LEFT + timedelta(seconds=1)

    def heard(self) -> list[list[str]]:
        return [[event["id"] for event in follower.listened()] for follower in self.followers]


def test_one_that_cannot_be_brought_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    left = Left(9)
    usual, failed = SimulatedConnections.put_back, left.followers[4].connection

    def put_back(store: SimulatedConnections, row: Subscription, *more: Any) -> Any:  # noqa: ANN401 - as it is
        if row.connection == failed:
            raise Unavailable("the store did not answer")
        return usual(store, row, *more)

    with monkeypatch.context() as patch:
        patch.setattr(SimulatedConnections, "put_back", put_back)
        assert heartbeat.handle({}, left.services)["taken_over"] == 8
    event = f"{left.subject}/1"
    assert left.heard() == [[event] if number != 4 else [] for number in range(9)]
    assert heartbeat.handle({}, left.services)["taken_over"] == 1
    assert left.heard() == [[event] if number == 4 else [] for number in range(9)]


def test_each_minute_another_lane_comes_first(here: tuple[World, RecordingCourier, Services], monkeypatch: pytest.MonkeyPatch) -> None:
    """One that takes all the time holds up the others for some minutes, and not for ever."""
    world, _, services = here
    asked: list[int] = []

    def owed(lane: int, *_: object) -> list[object]:
        asked.append(lane)
        world.clock.now += timedelta(minutes=1)  # all the time that there is
        return []

    monkeypatch.setattr(services.store, "owed", owed)
    for _ in range(LANES):
        heartbeat.handle({}, services)
    assert sorted(asked) == list(range(LANES))


def test_whose_token_has_expired_is_told_so_and_nothing_else() -> None:
    left = Left(1, life=timedelta(seconds=30))
    assert heartbeat.handle({}, left.services)["taken_over"] == 0
    (told,) = left.network.arrived(left.followers[0].connection)
    assert (told["type"], told["payload"][0]["extensions"]["code"]) == ("error", "UNAUTHENTICATED")


@pytest.mark.parametrize("life", [timedelta(seconds=90), LIFE])
def test_a_subscription_ends_when_its_time_is_over_though_nothing_happens(life: timedelta) -> None:
    left = Left(1, life=life)
    heartbeat.handle({}, left.services)
    (follower,) = left.followers
    follower.listened()
    left.world.clock.now += life - feeds.LEFT - timedelta(seconds=3)
    heartbeat.handle({}, left.services)
    assert left.network.arrived(follower.connection) == [] or life is LIFE, "it is a moment too early, but for a ping"
    assert follower.connection not in left.network.ended
    left.world.clock.now += timedelta(minutes=1)
    heartbeat.handle({}, left.services)
    if life is LIFE:
        assert follower.connection in left.network.ended, "the connection is too old: it comes again"
    else:
        told = left.network.arrived(follower.connection)[-1]
        assert (told["type"], told["payload"][0]["extensions"]["code"]) == ("error", "UNAUTHENTICATED")
    assert left.services.store.subscriptions(UNIT, left.services.now()) == []
    assert all(left.services.store.owed(lane, left.services.now(), None, 5) == [] for lane in range(LANES))


def test_replays_are_taken_over_though_the_pings_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    left = Left(1)

    def beating(*_: object) -> list[str]:
        raise Unavailable("the store did not answer")

    monkeypatch.setattr(SimulatedConnections, "beating", beating)
    with pytest.raises(Unavailable):
        heartbeat.handle({}, left.services)
    assert left.heard() == [[f"{left.subject}/1"]]


@pytest.mark.parametrize("page", [2, 100])
def test_a_long_replay_is_done_in_several_parts_and_each_is_kept(monkeypatch: pytest.MonkeyPatch, page: int) -> None:
    monkeypatch.setattr(following, "PAGE", page)
    left = Left(1)
    (follower,) = left.followers
    total = 30
    for number in range(2, total + 1):
        while left.world.insisted(left.world.some(left.subject)) is None:
            pass
        left.services.store.feed(UNIT, feeds.Fed(left.world.clock.now, left.subject, number))
    left.world.clock.now += feeds.SETTLED + timedelta(seconds=1)
    usual = left.network.post

    def slow(connection: str, message: str) -> bool:
        left.world.clock.now += timedelta(seconds=2)
        return usual(connection, message)

    monkeypatch.setattr(left.network, "post", slow)
    found: list[str] = []
    for _ in range(9):
        heartbeat.handle({}, left.services)
        new = [event["id"] for event in follower.listened()]
        assert len(new) <= 12, "it is left for the next time"
        found += new
        left.world.clock.now += timedelta(minutes=1)
    assert found == [f"{left.subject}/{number}" for number in range(1, total + 1)]
    (row,) = left.services.store.subscriptions(UNIT, left.services.now())
    assert (row.status, row.owed) == (Status.LIVE, False)


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
