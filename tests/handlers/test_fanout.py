"""Large audiences, long events, and many at once.

An audience is told in parts through the queue, each posted once it comes out, or read on for whoever it comes too late.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from casework import watching
from casework.actions import deliveries
from casework.adapters.parcels import read, written
from casework.adapters.tokens import KeySetTokens
from casework.live import feeds
from casework.model.errors import Corrupt
from casework.ports import Parcel, Services
from handlers import fanout, stream
from tests.handlers.test_stream import record
from tests.simulation.clients import Follower, Network, Weather
from tests.simulation.worlds import World
from tests.support import AUDIENCE, ISSUER, Issuer

FOLLOW = """subscription($after: String) { unitFeed(unit: "22-XD", after: $after) {
    id cursor ready gap count thin version entry { seq } dossier { code } } }"""
MEMBERS = 5


@dataclass
class Kept:
    """A queue that keeps what is put in."""

    messages: list[str] = field(default_factory=list)

    def put(self, parcels: Sequence[Parcel]) -> None:
        self.messages += map(written, parcels)

    def records(self) -> dict[str, Any]:
        """What the function gets of it."""
        return {"Records": [{"messageId": str(number), "body": text} for number, text in enumerate(self.messages)]}


class Hall:
    """Several followers of a unit, and a dossier of it."""

    def __init__(self) -> None:
        issuer, self.world, self.network, self.queue = Issuer(), World(secrets.randbits(16)), Network(1), Kept()
        tokens = KeySetTokens(issuer.key_set(), issuer=ISSUER, audience=AUDIENCE)
        self.services: Services = replace(self.world.services, tokens=tokens, courier=self.network, queue=self.queue)
        self.subject = self.world.received()
        token = issuer.token("INSPECTOR", exp=int(self.world.clock.now.timestamp()) + 10**6)
        self.followers = [Follower(self.services, self.network, token, FOLLOW, {}, Weather(), name=str(n)) for n in range(MEMBERS)]
        self.world.clock.now += timedelta(minutes=2)
        for follower in self.followers:
            follower.connect()
            follower.take()

    def step(self, count: int = 1) -> str:
        """Let entries be written and handed on together; gives the event's id of the last."""
        before = self.seq
        for _ in range(count):
            while self.world.insisted(self.world.some(self.subject)) is None:
                pass
        found = self.world.store.entries(self.subject, before, 100)
        stream.handle({"Records": [record(entry) for entry in found]}, self.services)
        return f"{self.subject}/{self.seq}"

    @property
    def seq(self) -> int:
        held = self.world.store.held(self.subject)
        assert held
        return held.tip.seq

    def seen(self) -> list[list[str]]:
        for follower in self.followers:
            follower.take()
        return [follower.seen for follower in self.followers]


@pytest.fixture
def hall(monkeypatch: pytest.MonkeyPatch) -> Hall:
    monkeypatch.setattr(deliveries, "PART", 2)
    return Hall()


def test_a_large_audience_is_told_in_parts(hall: Hall) -> None:
    event = hall.step()
    assert hall.seen() == [[]] * MEMBERS
    assert [len(read(text).members) for text in hall.queue.messages] == [2, 2, 1]
    assert fanout.handle(hall.queue.records(), hall.services) == {"batchItemFailures": []}
    assert hall.seen() == [[event]] * MEMBERS


def test_whoever_has_gone_meanwhile_is_told_nothing(hall: Hall) -> None:
    hall.step()
    gone, replaying, *_ = hall.followers
    store, now = hall.services.store, hall.services.now()
    store.end(gone.connection, "1", now)
    (row,) = [one for one in store.subscriptions("unit:22-XD", now) if one.connection == replaying.connection]
    assert store.put_back(row.replays(now, feeds.before(now)))  # It will come to the event by itself.
    assert fanout.handle(hall.queue.records(), hall.services) == {"batchItemFailures": []}
    assert [len(follower.listened()) for follower in hall.followers] == [0, 0, 1, 1, 1]


def test_a_small_audience_is_told_at_once(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "PART", MEMBERS)
    event = hall.step()
    assert hall.queue.messages == []
    assert hall.seen() == [[event]] * MEMBERS


def test_what_comes_out_too_late_is_read_on_from_there(hall: Hall) -> None:
    first = hall.step()
    late, hall.queue.messages = hall.queue.records(), []
    hall.world.clock.now += feeds.POST
    second = hall.step()
    posts = hall.network.posts
    fanout.handle(hall.queue.records(), hall.services)
    hall.world.clock.now += timedelta(seconds=1)
    fanout.handle(late, hall.services)
    assert hall.network.posts >= posts + 2 * MEMBERS
    assert [sorted(seen) for seen in hall.seen()] == [sorted([first, second])] * MEMBERS


def test_of_too_many_in_a_second_one_is_told_that_stands_for_them(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "MOST_A_SECOND", 2)
    monkeypatch.setattr(deliveries, "PART", MEMBERS)
    before = hall.seq
    event = hall.step(4)
    wanted = [(f"{event}+{hall.seq - before}", hall.seq - before, hall.seq)]
    assert hall.seq - before >= 4
    for follower in hall.followers:
        told = follower.listened()
        assert [(one["id"], one["count"], one["entry"]["seq"]) for one in told] == wanted
    hall.world.clock.now += timedelta(seconds=30)
    (first, *_) = hall.followers
    first.connect()
    assert [(one["id"], one["count"], one["entry"]["seq"]) for one in first.listened() if not one["ready"]] == wanted, "in a replay too"


def test_what_is_too_long_comes_thin_alone_and_in_a_replay(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "PART", MEMBERS)
    monkeypatch.setattr(watching, "LONGEST_PAYLOAD", 100)
    event = hall.step()
    (first, *_) = hall.followers
    for _ in range(2):
        (told,) = [one for one in first.listened() if not one["ready"]]
        assert (told["id"], told["thin"], told["entry"], told["dossier"], told["count"]) == (event, True, None, None, 1)
        assert told["version"] is not None
        hall.world.clock.now += timedelta(seconds=30)
        first.connect()


def test_one_that_cannot_be_read_comes_again_alone(hall: Hall) -> None:
    event = hall.step()
    records = hall.queue.records()
    records["Records"].insert(1, {"messageId": "bad", "body": "{"})
    assert fanout.handle(records, hall.services) == {"batchItemFailures": [{"itemIdentifier": "bad"}]}
    assert hall.seen() == [[event]] * MEMBERS


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", '{"topic":"a"}', '{"topic":"a","payload":1,"members":[],"stamp":null}',
                                  '{"topic":"a","payload":"x","members":[1],"stamp":null}',
                                  '{"topic":"a","payload":"x","members":[],"stamp":"today"}'])  # fmt: skip
def test_what_is_no_parcel_is_told(text: str) -> None:
    with pytest.raises(Corrupt):
        read(text)


def test_a_parcel_comes_back(hall: Hall) -> None:
    for stamp in (None, hall.world.clock.now):
        parcel = Parcel("unit:22-XD", '{"a":"ế"}'.encode(), (("c1", "1"), ("c2", 'x"y')), stamp)
        assert read(written(parcel)) == parcel
