"""A client that follows a unit by the rule of feeds observes each event once, whatever the stream and its own connections do. By seeds."""

import json
import random
import secrets
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from casework import commits
from casework.adapters.tokens import KeySetTokens
from casework.live import feeds
from casework.ports import Services
from handlers import sockets, stream
from tests.simulation.connections import SimulatedConnections
from tests.simulation.faults import Faults
from tests.simulation.stream import Stream
from tests.simulation.turns import Turns
from tests.simulation.worlds import World
from tests.support import AUDIENCE, ISSUER, Issuer, RecordingCourier

FOLLOW = 'subscription($after: String) { unitFeed(unit: "22-XD", after: $after) { id cursor ready gap } }'
HARD = Faults(late=0.3, late_s=4.0, reordered=0.3, duplicated=0.2, lagging=0.5)
SEEDS = range(40)
MOVES = 24
LAST_ROUNDS = 12
LOST = 0.9  # of a connection, each time that the client looks
TICK = timedelta(milliseconds=300)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait: turns are taken by the seed."""
    monkeypatch.setattr(commits, "time", SimpleNamespace(sleep=lambda _: None))


@dataclass
class Follower:
    """A client that keeps the rule: it resumes from the greatest cursor, and drops by id."""

    services: Services
    courier: RecordingCourier
    token: str
    connection: str = ""
    greatest: str | None = None
    seen: list[str] = field(default_factory=list)
    taken: int = 0

    def connect(self) -> None:
        """Open a connection and subscribe from where it was."""
        self.connection, self.taken = secrets.token_hex(6), 0
        self._event("$connect", headers={"Sec-WebSocket-Protocol": "graphql-transport-ws"})
        self._say(type="connection_init", payload={"authorization": f"Bearer {self.token}"})
        self._say(type="subscribe", id="1", payload={"query": FOLLOW, "variables": {"after": self.greatest}})

    def take(self) -> None:
        """Take what has arrived."""
        arrived = self.courier.to(self.connection)
        for message in arrived[self.taken :]:
            assert message["type"] in {"connection_ack", "next"}, message
            if message["type"] == "next":
                event = message["payload"]["data"]["unitFeed"]
                assert not event["gap"]
                if not event["ready"] and event["id"] not in self.seen:
                    self.seen.append(event["id"])
                if self.greatest is None or int(event["cursor"].partition(".")[2]) > int(self.greatest.partition(".")[2]):
                    self.greatest = event["cursor"]
        self.taken = len(arrived)

    def die(self) -> None:
        """Lose the connection: whatever is posted from now on arrives nowhere."""
        self.take()
        self.courier.gone.add(self.connection)

    def _say(self, **message: Any) -> None:  # noqa: ANN401 - JSON
        self._event("$default", body=json.dumps(message))

    def _event(self, route: str, **more: Any) -> None:  # noqa: ANN401 - parts of an event
        sockets.handle({"requestContext": {"routeKey": route, "connectionId": self.connection}, **more}, self.services)


class Play:
    """People move dossiers, two followers of the stream deliver, and a client comes and goes."""

    def __init__(self, seed: int, lost: float) -> None:
        """Begin, with the client subscribed, so that the topic is wanted; `lost` of its connections, each time that it looks."""
        issuer, courier = Issuer(), RecordingCourier()
        self.lost, self.world = lost, World(seed)
        tokens = KeySetTokens(issuer.key_set(), issuer=ISSUER, audience=AUDIENCE)
        self.world.services = replace(self.world.services, courier=courier, tokens=tokens)
        self.turns, self.chance = Turns(seed), random.Random(seed)  # noqa: S311 - to be repeated
        self.subjects = [self.world.received() for _ in range(3)]
        self.before = self.told()
        self.client = Follower(self.world.services, courier, issuer.token("INSPECTOR", exp=int(self.world.clock.now.timestamp()) + 10**6))
        self.client.connect()
        self.streams = [Stream(self.world.store, 8) for _ in range(2)]
        for one in self.streams:
            list(one)
        self.left, self.early = MOVES, self.before

    def told(self) -> set[str]:
        """Name all events that there are by now."""
        held = (self.world.store.held(subject) for subject in self.subjects)
        return {f"{one.id}/{seq}" for one in held if one for seq in range(1, one.tip.seq + 1)}

    def run(self) -> None:
        """Play until the moves are made, everything has arrived, and the client has come once more."""
        services = replace(self.world.services, store=self.turns.over(self.world.store))
        people = object.__new__(World)
        people.__dict__.update(self.world.__dict__, services=services)
        self.client.services, self.world.store.faults = services, HARD
        self.turns.run([lambda: self._move(people), *(partial(self._deliver, services, number) for number in range(2)), self._follow])
        self.world.store.faults = Faults()
        self.world.clock.now += timedelta(seconds=5)
        for one in self.streams:
            for event in one:
                stream.handle(event, self.world.services)
        if self.lost:
            self.client.die()
            self.client.services = self.world.services
            self.client.connect()
        self.client.take()

    def _move(self, people: World) -> None:
        while self.left:
            self.left -= 1
            self.world.clock.now += TICK
            people.insisted(people.some(self.chance.choice(self.subjects)))

    def _deliver(self, services: Services, number: int) -> None:
        rounds = 0
        while rounds < LAST_ROUNDS:
            rounds += not self.left
            self.world.clock.now += TICK
            for _ in range(self.chance.randrange(12)):
                services.store.place("f", "s")  # others have their turns, and entries wait
            for event in self.streams[number]:
                subjects = ((record, int(record["dynamodb"]["Keys"]["subject"]["S"], 16)) for record in event["Records"])
                stream.handle({"Records": [record for record, subject in subjects if subject % 2 == number]}, services)

    def _follow(self) -> None:
        self.early = self.told()  # What is written before it subscribes is none of its events, if it does not resume.
        if not self.lost:
            self.client.greatest = None
        self.client.connect()
        while self.left:
            for _ in range(1 + self.chance.randrange(2)):
                self.world.clock.now += TICK
                self.client.services.store.place("f", "s")
            if self.chance.random() < self.lost:
                self.client.die()
                self.client.connect()
            self.client.take()


def followed(seed: int, lost: float = LOST) -> None:
    """Hold what a client saw against what there was to see; one that stays saw all since it was READY."""
    play = Play(seed, lost)
    play.run()
    seen = set(play.client.seen)
    assert len(play.client.seen) == len(seen)
    assert play.told() - (play.before if lost else play.early) <= seen <= play.told(), f"seed {seed}"


def stayed(seed: int) -> None:
    """The same with a client that subscribes once and stays."""
    followed(seed, 0)


@pytest.mark.parametrize("seed", SEEDS)
def test_each_event_is_observed_once(seed: int) -> None:
    followed(seed)
    stayed(seed)


def test_without_the_overlap_an_event_vanishes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "OVERLAP", timedelta(0))
    with pytest.raises(AssertionError, match="seed"):
        list(map(followed, range(40, 260)))


def test_a_row_put_behind_the_reading_of_subscriptions_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    put, looked = SimulatedConnections.feed, SimulatedConnections.place
    waiting: list[tuple[Any, ...]] = []

    def feed(store: SimulatedConnections, *row: Any) -> None:  # noqa: ANN401 - as the store takes it
        waiting.append((store, *row))

    def place(store: SimulatedConnections, *asked: Any) -> str | None:  # noqa: ANN401 - as above
        while waiting:
            put(*waiting.pop())
        return looked(store, *asked)

    monkeypatch.setattr(SimulatedConnections, "feed", feed)
    monkeypatch.setattr(SimulatedConnections, "place", place)
    with pytest.raises(AssertionError, match="seed"):
        list(map(stayed, range(300)))
