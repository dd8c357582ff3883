"""Whatever happens between an entry and its watchers, a client that keeps the rule observes each event once and in order. By seeds.

Posts fail, are dropped, come twice, late and in another order; the stream repeats and reorders; connections die, and so do the processes
that bring them up to date. Each mutant that an event could vanish by, or come twice, is shown to be caught.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import count
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest

from casework import audiences, commits
from casework.actions.subscriptions import subscribe as subscribing
from casework.adapters.dynamo import DynamoStore
from casework.adapters.tokens import KeySetTokens
from casework.live import feeds
from casework.live.cohorts import Status, Subscription
from casework.model.errors import Unavailable
from casework.ports import Services
from handlers import heartbeat, sockets, stream
from local import engine as engines
from tests.handlers.test_stream import record
from tests.simulation.clients import Client, Follower, Network, Watcher, Weather
from tests.simulation.connections import SimulatedConnections, _body
from tests.simulation.faults import Faults
from tests.simulation.store import SimulatedStore
from tests.simulation.stream import Stream
from tests.simulation.turns import Turns
from tests.simulation.worlds import DAY, World
from tests.stages import staged
from tests.support import AUDIENCE, ISSUER, Issuer, RecordingCourier, SettableClock, services_over

FOLLOW = 'subscription($after: String) { unitFeed(unit: "22-XD", after: $after) { id cursor ready gap } }'
WATCH = "subscription($code: ID!, $after: String) { dossierChanged(code: $code, after: $after) { id cursor ready gap } }"
SEEDS, AT_ONCE = 200, 10
FAULTS = Faults(throttled=0.01, lost=0.01, late=0.3, late_s=4.0, reordered=0.3, duplicated=0.2, lagging=0.5)
STORM = Weather(failed=0.05, twice=0.1, late=0.2, died=0.15, killed=0.2)
WORST = replace(STORM, dropped=0.1, overtaken=0.2)  # for whoever can tell by the numbers
CALM = Weather()
MOVES, LAST_ROUNDS = 24, 10
TICK, LONG = timedelta(milliseconds=300), timedelta(seconds=70)
Made = Callable[[int], World]


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait: turns are taken by the seed."""
    monkeypatch.setattr(commits, "time", SimpleNamespace(sleep=lambda _: None))


class Play:
    """People move dossiers, two followers of the stream deliver, a client watches one of them and another the unit."""

    def __init__(self, seed: int, made: Made = World, storm: Weather = STORM, worst: Weather = WORST, faults: Faults = FAULTS) -> None:
        """Begin, both clients subscribed."""
        self.faults = faults
        issuer, self.seed, self.world = Issuer(), seed, made(seed)
        self.turns, self.chance = Turns(seed), random.Random(seed)  # noqa: S311 - to be repeated
        tokens = KeySetTokens(issuer.key_set(), issuer=ISSUER, audience=AUDIENCE)
        self.network, self.weathers = Network(seed), [worst, storm]
        self.world.services = replace(self.world.services, tokens=tokens, courier=self.network)
        self.subjects = [self.world.received() for _ in range(3)]
        token = issuer.token("INSPECTOR", exp=int(self.world.clock.now.timestamp()) + 10**6)
        held = self.world.store.held(self.subjects[0])
        assert held
        self.watcher = Watcher(self.world.services, self.network, token, WATCH, {"code": held.dossier.code})
        self.follower = Follower(self.world.services, self.network, token, FOLLOW, {})
        self.clients: list[Client] = [self.watcher, self.follower]
        self.before = self.told()
        for client in self.clients:
            client.connect()
            client.take()
        self.streams = [self.stream() for _ in range(2)]
        for one in self.streams:
            list(one)
        self.left = MOVES

    def stream(self) -> Stream:
        return Stream(self.world.store, 8)

    def told(self) -> set[str]:
        """Name all events that there are by now."""
        held = (self.world.store.held(subject) for subject in self.subjects)
        return {f"{one.id}/{seq}" for one in held if one for seq in range(1, one.tip.seq + 1)}

    def run(self) -> None:
        """Play until the moves are made and everything has arrived."""
        store = self.turns.over(self.world.store)
        people = object.__new__(World)
        people.__dict__.update(self.world.__dict__, services=replace(self.world.services, store=store))
        for client, weather in zip(self.clients, self.weathers, strict=True):
            client.services, client.weather = replace(client.services, store=store), weather
        self._weather(self.faults)
        jobs = [partial(self._move, people), *(partial(self._deliver, store, number) for number in range(2))]
        self.turns.run([*jobs, *(partial(self._look, client) for client in self.clients)])
        self._calm()

    def _weather(self, faults: Faults) -> None:
        self.world.store.faults = faults

    def _calm(self) -> None:
        """Let the storm pass. Whoever stays is brought up to date by the heartbeat, a minute later, even if who replayed it has died."""
        self._weather(Faults())
        for client in self.clients:
            client.services, client.weather = replace(client.services, store=self.world.store), CALM
            self.network.weathers[client.connection] = CALM
        for _ in range(2):
            for number in range(len(self.streams)):
                self._drained(number, self.world.store)
            self.world.clock.now += LONG
            heartbeat.handle({}, self.world.services)
            for client in self.clients:
                client.take()
        for client in self.clients:
            self.world.clock.now += LONG
            client.take()
        self.watcher.connect()  # of what was dropped last nothing tells
        self.watcher.take()

    def _move(self, people: World) -> None:
        while self.left:
            self.left -= 1
            self.world.clock.now += LONG if self.chance.random() < 0.05 else TICK
            people.insisted(people.some(self.chance.choice(self.subjects)))

    def _deliver(self, store: Any, number: int) -> None:  # noqa: ANN401 - stands for the store
        rounds = 0
        while rounds < LAST_ROUNDS:
            rounds += not self.left
            self.world.clock.now += TICK
            for _ in range(self.chance.randrange(8)):
                self._waits(store)  # others have their turns, and entries wait
            with suppress(Unavailable):  # The batch is given again.
                self._drained(number, store)

    def _drained(self, number: int, store: Any) -> None:  # noqa: ANN401 - as above
        """Hand on what has come; each follower has dossiers of its own, since those of one come in order."""
        for event in self.streams[number]:
            subjects = ((record, int(record["dynamodb"]["Keys"]["subject"]["S"], 16)) for record in event["Records"])
            records = [record for record, subject in subjects if subject % 2 == number]
            stream.handle({"Records": records}, replace(self.world.services, store=store))

    def _look(self, client: Client) -> None:
        while self.left:
            for _ in range(1 + self.chance.randrange(3)):
                self.world.clock.now += TICK
                self._waits(client.services.store)
            client.take()

    def _waits(self, store: Any) -> None:  # noqa: ANN401 - as above
        with suppress(Unavailable):
            store.place("f", "s")

    def hold(self) -> None:
        """Hold what both saw against what there was to see."""
        there, say = self.told(), f"seed {self.seed}"
        mine = {event for event in there if event.startswith(self.subjects[0])}
        ordered = sorted(mine - self.before, key=lambda event: int(event.partition("/")[2]))
        assert self.watcher.seen == ordered, say
        assert len(self.follower.seen) == len(set(self.follower.seen)), say
        assert there - self.before <= set(self.follower.seen) <= there, say
        for subject in self.subjects:
            cursors = [
                self.follower.order[event]
                for event in sorted(there, key=_seq)
                if event.startswith(subject) and event in self.follower.order
            ]
            assert cursors == sorted(cursors, key=lambda at: int(at.partition(".")[2])), say


def _seq(event: str) -> int:
    return int(event.partition("/")[2])


def played(seed: int, **given: Any) -> None:  # noqa: ANN401 - of a play
    play = Play(seed, **given)
    play.run()
    play.hold()


@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
def test_each_event_is_observed_once_and_in_order(first: int) -> None:
    for seed in range(first, first + AT_ONCE):
        played(seed)


# On the engine.


class Real(World):
    """A world on the engine; each begins on a day of its own, since they share its feeds."""

    own: ClassVar[DynamoStore]

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)  # noqa: S311 - to be repeated
        self.clock.now += self.seed * DAY
        usual = services_over(self.own, Issuer(), RecordingCourier(), SettableClock())
        self.services = replace(usual, now=self.clock, entropy=self.chance.randbytes)
        self.store = cast("SimulatedStore", self.own)  # what is asked of it below is asked of any
        self._keys = (f"{self.seed}-{number}" for number in count())


class OnTheEngine(Play):
    """The same play; the stream is read from the trail, and repeats itself."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, Real)
        self.left = MOVES // 2

    def stream(self) -> Stream:
        return cast("Stream", Trail(self))

    def _weather(self, faults: Faults) -> None:
        del faults


class Trail:
    """A follower of the stream of some dossiers: batches in order, some of which are given again."""

    def __init__(self, play: Play) -> None:
        self.play = play
        self.places = dict.fromkeys(play.subjects, 0)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for subject, place in self.places.items():
            if found := self.play.world.store.entries(subject, place, 8):
                yield {"Records": [record(entry) for entry in found]}
                self.places[subject] = found[-1].seq - (self.play.chance.random() < FAULTS.duplicated)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_each_event_is_observed_once_and_in_order_on_the_engine(store: DynamoStore, engine: engines.Engine, seed: int) -> None:
    with staged(f"live{seed}", store, engine) as own:
        Real.own = own
        play = OnTheEngine(seed)
        play.run()
        play.hold()


# Mutants: what an event could vanish by, or come twice.


def caught(seeds: int = 300, **given: Any) -> None:  # noqa: ANN401 - of a play
    """See that some seed tells."""
    with pytest.raises(AssertionError, match="seed"):
        list(map(partial(played, **given), range(1000, 1000 + seeds)))


def test_subscribing_behind_the_replay_loses_events(monkeypatch: pytest.MonkeyPatch) -> None:
    written, put = SimulatedConnections.subscribe, SimulatedConnections.put_back
    waiting: dict[str, tuple[SimulatedConnections, Subscription, Any]] = {}

    def subscribe(store: SimulatedConnections, row: Subscription, now: Any) -> None:  # noqa: ANN401 - an instant
        waiting[row.connection] = store, row, now

    def go_live(store: Any, row: Subscription, seen: int) -> bool:  # noqa: ANN401 - the whole store
        return bool(store.held(row.subject).tip.seq == seen)

    def behind(services: Services, client: Any, *more: Any) -> None:  # noqa: ANN401 - as it is
        subscribing(services, client, *more)
        services.store.place("f", "s")
        store, row, now = waiting.pop(client.connection)
        written(store, row, now)
        assert row.place is not None
        if back := put(store, row, now, row.place):
            SimulatedConnections._written(store, _body(back), back.status.value, back.hears(now).settled())

    monkeypatch.setattr(SimulatedConnections, "subscribe", subscribe)
    monkeypatch.setattr(SimulatedConnections, "go_live", go_live)
    monkeypatch.setattr(SimulatedConnections, "moved", lambda *_: True)
    monkeypatch.setattr(sockets, "subscribe", behind)
    caught(storm=replace(STORM, killed=0.0), worst=replace(WORST, killed=0.0))


def test_posting_to_those_who_replay_loses_events(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = SimulatedConnections.subscriptions

    def subscriptions(store: SimulatedConnections, topic: str, now: Any) -> list[Subscription]:  # noqa: ANN401 - an instant
        return [replace(row, status=Status.LIVE) for row in usual(store, topic, now)]

    monkeypatch.setattr(SimulatedConnections, "subscriptions", subscriptions)
    caught()


def test_resuming_at_the_cursor_itself_loses_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "OVERLAP", timedelta(0))
    caught()


def test_reading_what_was_there_a_moment_ago_loses_events(monkeypatch: pytest.MonkeyPatch) -> None:
    def stale(usual: Callable[..., Any]) -> Callable[..., Any]:
        def read(store: Any, *given: Any) -> Any:  # noqa: ANN401 - as the store has it
            consistent = store._engine.query

            def query(*asked: Any, **more: Any) -> Any:  # noqa: ANN401 - as the engine has it
                return consistent(*asked, **more, late=True)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(store._engine, "query", query)
                return usual(store, *given)

        return read

    for name in ("subscriptions", "fed"):
        monkeypatch.setattr(SimulatedConnections, name, stale(getattr(SimulatedConnections, name)))
    # What heals it is away: a client that comes again, and whoever takes over from a process that seems to have died.
    monkeypatch.setattr(feeds, "LEFT", timedelta(days=1))
    quiet = replace(STORM, failed=0.0, killed=0.0)
    caught(faults=replace(FAULTS, stale=1.0, stale_s=30.0), storm=quiet)


def test_the_time_of_an_entry_as_the_place_of_its_row_loses_events(monkeypatch: pytest.MonkeyPatch) -> None:
    def fed(services: Services, topic: str, entry: Any) -> Any:  # noqa: ANN401 - an entry, an instant
        services.store.feed(topic, feeds.Fed(entry.recorded_at, entry.body["subject"]["id"], entry.seq))
        return entry.recorded_at

    monkeypatch.setattr(audiences, "_fed", fed)
    monkeypatch.setattr(feeds, "ANEW", timedelta(days=100))  # By such times all would be put anew, for ever.
    caught()


def test_a_client_that_does_not_drop_by_id_observes_events_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Follower, "drops", False)
    caught()


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
    caught()


def test_nobody_goes_on_for_a_process_that_died(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "LEFT", timedelta(days=1))
    caught()


def passed_by(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let a process stand still between reading who is there and its post, while another tells a newer event and the client comes again.

    Gives what of both the client hears.
    """
    play = Play(1, storm=CALM, worst=CALM, faults=Faults())
    usual, still = SimulatedConnections.subscriptions, [True]

    def step(subject: Any) -> None:  # noqa: ANN401 - the id of a dossier
        held = play.world.store.held(subject)
        assert held
        while play.world.insisted(play.world.some(subject)) is None:
            pass
        found = play.world.store.entries(subject, held.tip.seq, 9)
        for _ in range(3):
            with suppress(Unavailable):  # The batch is given again.
                stream.handle({"Records": [record(entry) for entry in found]}, play.world.services)
                return

    def subscriptions(store: SimulatedConnections, topic: str, now: Any) -> list[Subscription]:  # noqa: ANN401 - an instant
        there = usual(store, topic, now)
        if topic == "unit:22-XD" and still:
            still.clear()
            play.world.clock.now += LONG
            step(play.subjects[2])
            play.follower.take()
            play.follower.connect()
            play.follower.take()
        return there

    monkeypatch.setattr(SimulatedConnections, "subscriptions", subscriptions)
    step(play.subjects[1])
    play.follower.take()
    return [event for event in play.follower.seen if event not in play.before]


def test_what_was_passed_by_is_told_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(passed_by(monkeypatch)) == 2


def test_what_is_told_too_late_and_not_put_anew_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "ANEW", timedelta(days=1))
    assert len(passed_by(monkeypatch)) == 1
