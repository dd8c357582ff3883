"""Large audiences, long events, and many at once.

An audience is told in parts through the queue, each posted once it comes out, or read on for whoever it comes too late.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from casework import audiences, following, views, watching
from casework.actions import deliveries
from casework.adapters.parcels import group_of, read, written
from casework.adapters.tokens import KeySetTokens
from casework.live import feeds
from casework.live.cohorts import Status
from casework.live.connection import lane_of
from casework.model.access import Decision, Group, Trail
from casework.model.errors import Corrupt, Unavailable
from casework.ports import Parcel, Services
from handlers import fanout, heartbeat, rendering, stream
from schema import execution
from tests.handlers.test_stream import record
from tests.simulation.clients import Follower, Network, Weather
from tests.simulation.worlds import World
from tests.support import AUDIENCE, ISSUER, Issuer

FOLLOW = """subscription($after: String) { unitFeed(unit: "22-XD", after: $after) {
    id cursor ready gap count thin version entry { seq } dossier { code } } }"""
MEMBERS, UNIT = 5, "unit:22-XD"


@dataclass
class Kept:
    """A queue that keeps what is put in."""

    messages: list[str] = field(default_factory=list)

    def put(self, parcels: Sequence[Parcel]) -> None:
        self.messages += map(written, parcels)

    def records(self) -> dict[str, Any]:
        """What the function gets of it."""
        both = [(text, {"MessageGroupId": group_of(read(text))}) for text in self.messages]
        return {"Records": [{"messageId": str(number), "body": text, "attributes": group} for number, (text, group) in enumerate(both)]}


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
    monkeypatch.setattr(audiences, "PART", 2)
    return Hall()


def test_a_large_audience_is_told_in_parts(hall: Hall) -> None:
    event = hall.step()
    assert hall.seen() == [[]] * MEMBERS
    parcels = [read(text) for text in hall.queue.messages]
    assert all(0 < len(parcel.members) <= 2 for parcel in parcels)
    assert sorted(connection for parcel in parcels for connection, _ in parcel.members) == sorted(one.connection for one in hall.followers)
    assert all(lane_of(connection) == parcel.lane for parcel in parcels for connection, _ in parcel.members)
    assert fanout.handle(hall.queue.records(), hall.services) == {"batchItemFailures": []}
    assert hall.seen() == [[event]] * MEMBERS


def test_whoever_has_gone_meanwhile_is_told_nothing(hall: Hall) -> None:
    hall.step()
    gone, replaying, *_ = hall.followers
    store, now = hall.services.store, hall.services.now()
    store.end(gone.connection, "1", now)
    (row,) = [one for one in store.subscriptions("unit:22-XD", now) if one.connection == replaying.connection]
    assert store.put_back(row, now, feeds.before(now - timedelta(minutes=1)))  # It will come to the event by itself.
    assert fanout.handle(hall.queue.records(), hall.services) == {"batchItemFailures": []}
    assert [len(follower.listened()) for follower in hall.followers] == [0, 0, 1, 1, 1]


def test_a_small_audience_is_told_at_once(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audiences, "PART", MEMBERS)
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
    monkeypatch.setattr(audiences, "PART", MEMBERS)
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


def test_of_too_many_in_a_second_that_come_too_late_none_is_lost(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "MOST_A_SECOND", 2)
    monkeypatch.setattr(audiences, "PART", MEMBERS)
    usual, before = audiences._fed, hall.seq

    def fed(services: Services, topic: str, entry: Any) -> Any:  # noqa: ANN401 - an instant
        stamp = usual(services, topic, entry)
        if topic == UNIT and entry.seq == hall.seq:  # Whoever follows the stream stands still behind the last row.
            hall.world.clock.now += feeds.POST + timedelta(seconds=1)
        return stamp

    monkeypatch.setattr(audiences, "_fed", fed)
    event = hall.step(4)
    for follower in hall.followers:
        assert [(one["id"], one["count"]) for one in follower.listened()] == [(f"{event}+{hall.seq - before}", hall.seq - before)]


@pytest.mark.parametrize("late", [False, True])
def test_an_event_that_cannot_be_told_hurts_nobody_else(hall: Hall, monkeypatch: pytest.MonkeyPatch, *, late: bool) -> None:
    monkeypatch.setattr(audiences, "PART", MEMBERS)
    (stuck, *others), usual = hall.followers, audiences._fed
    stuck.query = stuck.query.replace("count", "count at")  # a cohort of its own
    stuck.connect()
    stuck.take()

    def rendered(services: Services, cohort: Any, *more: Any) -> bytes:  # noqa: ANN401 - as it is
        assert " at" not in cohort.document, "a field that this version does not know"
        return execution.rendered(services, cohort, *more)

    def fed(services: Services, *more: Any) -> Any:  # noqa: ANN401 - as it is
        stamp = usual(services, *more)
        hall.world.clock.now += feeds.POST + timedelta(seconds=1)
        return stamp

    with monkeypatch.context() as patch:
        patch.setattr(rendering, "rendered", rendered)
        if late:
            patch.setattr(audiences, "_fed", fed)
        event = hall.step()
    for one in others:
        one.take()
    assert [one.seen for one in others] == [[event]] * (MEMBERS - 1)
    (told,) = hall.network.arrived(stuck.connection)
    assert (told["type"], told["payload"][0]["extensions"]["code"]) == ("error", "INTERNAL")
    stuck.connect()
    stuck.take()
    assert stuck.seen == [event], "it comes again, and hears it then"


def test_a_subject_that_cannot_be_read_hurts_no_other(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audiences, "PART", MEMBERS)
    bad, usual = hall.world.received(), hall.services.store.held
    written = hall.world.store.entries(bad, 0, 100)

    def held(subject: Any) -> Any:  # noqa: ANN401 - as the store has it
        if subject == bad:
            raise Corrupt("a stored state cannot be read")
        return usual(subject)

    before = hall.seq
    while hall.world.insisted(hall.world.some(hall.subject)) is None:
        pass
    good = hall.world.store.entries(hall.subject, before, 100)
    with monkeypatch.context() as patch:
        patch.setattr(hall.services.store, "held", held)
        stream.handle({"Records": [record(entry) for entry in [*written, *good]]}, hall.services)
    assert hall.seen() == [[f"{hall.subject}/{entry.seq}" for entry in good]] * MEMBERS


def test_what_takes_too_long_to_post_is_left_to_the_rows(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of an audience are posted one by one, each only while it is in time."""
    hall.services = replace(hall.services, queue=None)
    usual = hall.network.post_all

    def slow(messages: Sequence[tuple[str, str]]) -> Any:  # noqa: ANN401 - as it is
        done = usual(messages)
        hall.world.clock.now += timedelta(seconds=20)
        return done

    monkeypatch.setattr(hall.network, "post_all", slow)
    event = hall.step()
    assert [len(follower.listened()) for follower in hall.followers].count(1) >= 4
    monkeypatch.undo()
    for _ in range(2):
        hall.world.clock.now += feeds.LEFT
        heartbeat.handle({}, hall.services)
    for follower in hall.followers:
        follower.connect()
    assert hall.seen() == [[event]] * MEMBERS
    rows = hall.services.store.subscriptions(UNIT, hall.services.now())
    assert all(row.status is Status.LIVE and not row.owed for row in rows)


def test_what_is_too_long_comes_thin_alone_and_in_a_replay(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audiences, "PART", MEMBERS)
    monkeypatch.setattr(watching, "LONGEST_PAYLOAD", 100)
    event = hall.step()
    (first, *_) = hall.followers
    for _ in range(2):
        (told,) = [one for one in first.listened() if not one["ready"]]
        assert (told["id"], told["thin"], told["entry"], told["dossier"], told["count"]) == (event, True, None, None, 1)
        assert told["version"] is not None
        hall.world.clock.now += timedelta(seconds=30)
        first.connect()


def test_one_that_cannot_be_read_holds_up_nobody(hall: Hall, caplog: pytest.LogCaptureFixture) -> None:
    event = hall.step()
    records = hall.queue.records()
    for number, text in enumerate(["{", written(replace(read(hall.queue.messages[0]), subject="f" * 32))]):
        records["Records"].insert(number, {**records["Records"][-1], "messageId": f"bad-{number}", "body": text})
    assert fanout.handle(records, hall.services) == {"batchItemFailures": []}
    assert hall.seen() == [[event]] * MEMBERS
    assert [found.levelname for found in caplog.records if found.levelname != "INFO"] == ["CRITICAL"] * 2
    assert "bad-0" in caplog.text
    assert "bad-1" in caplog.text


def test_behind_one_that_fails_those_of_its_group_wait(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    events = [hall.step(), hall.step()]
    records = hall.queue.records()
    (first, *_) = records["Records"]
    group = [one["messageId"] for one in records["Records"] if one["attributes"] == first["attributes"]]
    assert len(group) >= 2
    usual = deliveries.hand_out

    def failing(services: Services, parcel: Parcel, render: Any) -> int:  # noqa: ANN401 - as it is
        if parcel == read(first["body"]):
            raise Unavailable("the store did not answer")
        return usual(services, parcel, render)

    with monkeypatch.context() as patch:
        patch.setattr(fanout, "hand_out", failing)
        failed = fanout.handle(records, hall.services)["batchItemFailures"]
    assert [one["itemIdentifier"] for one in failed] == group
    again = {"Records": [one for one in records["Records"] if one["messageId"] in group]}
    assert fanout.handle(again, hall.services) == {"batchItemFailures": []}
    assert hall.seen() == [events] * MEMBERS


def test_a_queue_that_refuses_is_gone_round(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    def put(parcels: Sequence[Parcel]) -> None:
        hall.queue.messages += map(written, parcels[:1])
        raise Unavailable("the queue did not take a message (403)")

    monkeypatch.setattr(hall.queue, "put", put)
    event = hall.step()
    assert hall.seen() == [[event]] * MEMBERS
    fanout.handle(hall.queue.records(), hall.services)
    assert hall.seen() == [[event]] * MEMBERS


@pytest.mark.parametrize("late", [False, True])
def test_whoever_has_been_read_past_a_late_parcel_is_not_read_on_once_more(hall: Hall, *, late: bool) -> None:
    """Both of a group come late: the first is read on, over the second."""
    events = [hall.step(), hall.step()]
    hall.world.clock.now += feeds.POST + timedelta(seconds=1) if late else timedelta(0)
    posts = hall.network.posts
    assert fanout.handle(hall.queue.records(), hall.services) == {"batchItemFailures": []}
    assert hall.network.posts == posts + 2 * MEMBERS
    assert hall.seen() == [events] * MEMBERS


def test_whoever_sees_less_when_it_comes_out_is_told_what_he_sees_then(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    hall.step()
    less, *more = hall.followers
    usual = views.decided

    def decided(services: Services, viewer: Any, held: Any) -> Decision:  # noqa: ANN401 - as it is
        found = usual(services, viewer, held)
        return replace(found, groups=frozenset({Group.SUMMARY}), trail=Trail.NONE) if viewer.sub == "less" else found

    usual_viewer = views.show
    (hidden,) = [row.viewer for row in hall.services.store.subscriptions(UNIT, hall.services.now()) if row.connection == less.connection]
    shown: Any = lambda services, viewer: replace(usual_viewer(services, viewer), sub="less" if viewer == hidden else "more")  # noqa: E731
    monkeypatch.setattr(audiences, "show", shown)
    for module in (audiences, following):
        monkeypatch.setattr(module, "decided", decided)
    assert fanout.handle(hall.queue.records(), hall.services) == {"batchItemFailures": []}
    assert [one["entry"] is None for one in less.listened()] == [True]
    assert [[one["entry"] is None for one in follower.listened()] for follower in more] == [[False]] * (MEMBERS - 1)


WHOLE = {"topic": "a", "lane": 1, "subject": "s", "sight": "", "payload": "e30=", "members": [["c", "1"]], "place": "1", "stamp": None}


@pytest.mark.parametrize("text", ["", "null", "[]", "{}"])
def test_what_is_no_parcel_is_told(text: str) -> None:
    with pytest.raises(Corrupt):
        read(text)


@pytest.mark.parametrize("wrong", [{"payload": 1}, {"payload": "x"}, {"members": [1]}, {"stamp": "today"}, {"lane": "x"}])
def test_a_parcel_with_a_part_that_is_none_is_told(wrong: dict[str, Any]) -> None:
    assert read(json.dumps(WHOLE)).payload == b"{}"
    with pytest.raises(Corrupt):
        read(json.dumps({**WHOLE, **wrong}))


def test_a_parcel_comes_back(hall: Hall) -> None:
    for stamp in (None, hall.world.clock.now):
        parcel = Parcel("unit:22-XD", 3, "s", "sees", '{"a":"ế"}'.encode(), (("c1", "1"), ("c2", 'x"y')), "7", stamp)
        assert read(written(parcel)) == parcel
