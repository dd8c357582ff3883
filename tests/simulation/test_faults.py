"""Faults of the second store: each happens under some seed, does what its name says, and leaves every change whole or unmade."""

import random
import secrets
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any

import pytest

from casework.adapters.dynamo.items import due_sort
from casework.audit.chain import Tip
from casework.live.cohorts import Owed
from casework.live.connection import Connection, Operation, Phase
from casework.live.feeds import Fed
from casework.model.errors import Unavailable
from casework.model.packing import moment
from casework.model.parties import Role
from casework.model.record import State
from casework.model.unit import Officer
from casework.ports import By, Change, DueKey, Erased, Held, Index, Logged, LogHead, Partition, Raced, Seen, Span, Store, Taking
from tests.casework.adapters.laid import fresh
from tests.simulation.changes import PROVINCE, UNIT, looked_at, moved, opened
from tests.simulation.faults import Crash, Faults
from tests.simulation.soundness import uncounted, unsound
from tests.simulation.store import SimulatedStore
from tests.simulation.test_contract import subscription, whole
from tests.simulation.worlds import DAY, HOUR, SECOND, START, World
from tests.support import StandingClock

NONE = Faults()
OPEN, CLOSED = Partition(Index.UNIT, f"{UNIT}#OPEN"), Partition(Index.UNIT, f"{UNIT}#CLOSED")
ALL = Span(1000)
SURE = 1.0  # the probability of what is to happen each time
THREADS = 6


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nothing between two tries."""
    monkeypatch.setattr("casework.commits.time.sleep", lambda seconds: None)


@pytest.fixture
def seed() -> int:
    drawn = secrets.randbits(32)
    print(f"seed {drawn}")  # noqa: T201 - shown when the test fails
    return drawn


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock(START)


@pytest.fixture
def store(clock: StandingClock, seed: int) -> SimulatedStore:
    return SimulatedStore(clock, seed)


def until(happened: Callable[[int], object], seed: int, most: int = 300) -> int:
    """Try one seed after another until something happens under it; gives that seed."""
    for number in range(seed, seed + most):
        if happened(number):
            return number
    raise AssertionError(f"it happens under none of the seeds {seed} to {seed + most - 1}")


def begun(store: SimulatedStore, **given: Any) -> Held:  # noqa: ANN401 - the record's own fields
    change = opened(START, **given)
    store.commit(change, START)
    return change.after


def committed(store: SimulatedStore, change: Change) -> Held:
    store.commit(change, START)
    return change.after


def shown(store: SimulatedStore, *partitions: Partition) -> list[Held]:
    return [held for _, held in store.listed(partitions, ALL)]


# Nothing happens unless it is asked for.


def test_without_faults_nothing_is_left_to_chance(store: SimulatedStore) -> None:
    before = store.engine.chance._random.getstate()
    held = begun(store)
    committed(store, moved(held, START + HOUR, alert_at=START + DAY))
    assert shown(store, OPEN) == [store.held(held.id)]
    store.register([Officer("x", Role.HEAD, "22")], "22")
    assert store.officer("x")
    subscribed(store)
    assert store.engine.chance._random.getstate() == before


@pytest.mark.parametrize("wrong", [{"lost": 1.1}, {"torn": -0.1}, {"duplicated": 1.0}, {"stale": 0.5, "stale_s": 31.0}])
def test_faults_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(AssertionError):
        Faults(**wrong)  # type: ignore[arg-type] # only fields that are numbers


def test_a_seed_repeats_a_run(seed: int) -> None:
    def run() -> tuple[list[str], int]:
        world = World(seed)
        world.store.faults = WORST
        walked(world, 30)
        return world.tried, world.store.engine.calls

    assert run() == run()


# Calls that fail.


def subscribed(store: SimulatedStore, name: str = "a", subject: str = "s") -> tuple[Connection, str]:
    """Connect, and watch a dossier."""
    connection = Connection(fresh(), START + 2 * HOUR)
    store.connect(connection)
    store.acknowledge(replace(connection, phase=Phase.ACKNOWLEDGED))
    store.begin(Operation(connection.id, name, connection.expires_at), 5, START)
    row = subscription(connection, name, subject)
    store.subscribe(row, START)
    return connection, row.topic


CALLS: dict[str, Callable[[Store, Change, Connection], object]] = {
    "held": lambda store, change, _: store.held(change.after.id),
    "held_with_memory": lambda store, change, _: store.held_with_memory(change.after.id, "scope", "key"),
    "alerts": lambda store, change, _: store.alerts([OPEN], ALL),
    "held_all": lambda store, change, _: store.held_all([change.after.id]),
    "due": lambda store, change, _: store.due("2031-03-03T02#00", START, 5),
    "strike": lambda store, change, _: store.strike(
        DueKey("2031-03-03T02#00", f"2031-03-03T02:00:00.000000Z#{change.after.id}", "AT_RISK")
    ),
    "swept": lambda store, change, _: store.swept(),
    "stuck": lambda store, change, _: store.stuck(),
    "keep_stuck": lambda store, change, _: store.keep_stuck("2031-03-03T01", stuck=True),
    "keep_swept": lambda store, change, _: store.keep_swept("2031-03-03T02"),
    "coded": lambda store, change, _: store.coded(change.after.dossier.code),
    "remembered": lambda store, change, _: store.remembered([(change.memory.scope, change.memory.key)]),
    "numbered": lambda store, change, _: store.numbered("22-XD", "22", date(2031, 3, 3)),
    "keep_numbered": lambda store, change, _: store.keep_numbered("22-XD", "22", date(2031, 3, 3), 7),
    "commit": lambda store, change, _: store.commit(change, START),
    "entries": lambda store, change, _: store.entries(change.after.id, 0, 5),
    "entries_named": lambda store, change, _: store.entries_named([(change.after.id, 1)]),
    "access": lambda store, change, _: store.access(looked_at(change.after, START), Tip(), None, START),
    "accesses": lambda store, change, _: store.accesses(change.after.id, 0, 5),
    "feed": lambda store, change, _: store.feed("unit:22", Fed(START, change.after.id, 1)),
    "fed": lambda store, change, _: store.fed("unit:22", "", None, 5),
    "newest": lambda store, change, _: store.newest({change.after.id: 1}, 5),
    "listed": lambda store, change, _: store.listed([OPEN], ALL),
    "recorded": lambda store, change, _: store.recorded(By.UNIT, "22-XD", "2031-03", ALL),
    "disclosed": lambda store, change, _: store.disclosed(change.after.id),
    "disclosed_by_entry": lambda store, change, _: store.disclosed_by_entry(change.after.id),
    "erase": lambda store, change, _: store.erase(change.after.id, Erased(1, tuple(change.disclosures.values()), ())),
    "disclosed_with": lambda store, change, _: store.disclosed_with({change.after.id: [1]}),
    "versions": lambda store, change, _: store.versions("XD-01"),
    "unit": lambda store, change, _: store.unit("22"),
    "point": lambda store, change, _: store.point("22-MC"),
    "officer": lambda store, change, _: store.officer("x"),
    "calendar": lambda store, change, _: store.calendar(),
    "incidents": lambda store, change, _: store.incidents("22"),
    "units_below": lambda store, change, _: store.units_below(None, ALL),
    "points_of": lambda store, change, _: store.points_of("22", ALL),
    "officers_of": lambda store, change, _: store.officers_of("22", ALL),
    "procedures": lambda store, change, _: store.procedures(None, None, ALL),
    "register": lambda store, change, _: store.register([Officer("x", Role.HEAD, "22")], "22"),
    "noted": lambda store, change, _: store.noted("n"),
    "note": lambda store, change, _: store.note("n", "text"),
    "connect": lambda store, change, connection: store.connect(connection),
    "connection": lambda store, change, connection: store.connection(connection.id, START),
    "acknowledge": lambda store, change, connection: store.acknowledge(connection),
    "slip": lambda store, change, connection: store.slip(change.after.id),
    "begin": lambda store, change, connection: store.begin(Operation(connection.id, "b", START), 5, START),
    "subscribe": lambda store, change, connection: store.subscribe(subscription(connection, "b", "s"), START),
    "beating": lambda store, change, connection: store.beating(0, None, 5),
    "put_back": lambda store, change, connection: store.put_back(subscription(connection, "a", "s"), START, "0"),
    "moved": lambda store, change, connection: store.moved(subscription(connection, "a", "s"), subscription(connection, "a", "s")),
    "log_head": lambda store, change, _: store.log_head(),
    "outbox": lambda store, change, _: store.outbox(0, 5),
    "marker": lambda store, change, _: store.marker(0, "p"),
    "registered": lambda store, change, _: store.registered(["22"]),
    "take": lambda store, change, _: store.take(LogHead(), Taking((), (Logged(bytes(73), "s", 1),), (), {}, (), LogHead(1, ("00" * 32,)))),
    "leaves": lambda store, change, _: store.leaves(0, 5),
    "numbered_from": lambda store, change, _: store.numbered_from("22", 1, 5),
    "steps": lambda store, change, _: store.steps(0, 5),
    "lines": lambda store, change, _: store.lines([("s", 1)]),
    "leaves_of": lambda store, change, _: store.leaves_of([("s", 1)]),
    "owed": lambda store, change, connection: store.owed(0, START, None, 5),
    "paid": lambda store, change, connection: store.paid(Owed(0, "p", None)),
    "go_live": lambda store, change, connection: store.go_live(subscription(connection, "a", "s"), 1),
    "end": lambda store, change, connection: store.end(connection.id, "a", START),
    "disconnect": lambda store, change, connection: store.disconnect(connection.id),
    "watched": lambda store, change, connection: store.watched(["dossier:s"], START),
    "subscriptions": lambda store, change, connection: store.subscriptions("dossier:s", START),
    "place": lambda store, change, _: store.place("f", "s"),
    "keep_place": lambda store, change, _: store.keep_place("f", "s", "1"),
}


def rows_of(store: SimulatedStore) -> dict[str, dict[Any, Any]]:
    engine = store.engine
    names = ("subjects", "trail", "disclosures", "due", "alerts", "log", "accesses", "live", "register")
    return {name: dict(getattr(engine, name)) for name in names}


def test_every_call_of_the_port_is_tried() -> None:
    wanted = {name for port in Store.__mro__ for name, what in vars(port).items() if callable(what) and not name.startswith("_")}
    assert wanted == set(CALLS)


@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_is_throttled_writes_nothing(store: SimulatedStore, name: str) -> None:
    connection, _ = subscribed(store)
    before = rows_of(store)
    store.faults = Faults(throttled=SURE)
    with pytest.raises(Unavailable, match="Throttling"):
        CALLS[name](store, opened(START), connection)
    assert rows_of(store) == before
    assert store.engine.trail.records == []


@pytest.mark.parametrize("name", CALLS)
def test_a_call_whose_process_dies_before_it_writes_nothing(store: SimulatedStore, name: str) -> None:
    connection, _ = subscribed(store)
    before = rows_of(store)
    store.faults = Faults(crash_at=1)
    with pytest.raises(Crash) as crash:
        CALLS[name](store, opened(START), connection)
    assert (crash.value.call, crash.value.done) == (1, False)
    assert rows_of(store) == before
    CALLS[name](store, opened(START), connection)  # there is one crash, and nothing is locked any more


def test_a_crash_is_no_exception_that_code_may_catch() -> None:
    assert not issubclass(Crash, Exception)


def test_a_transaction_that_conflicts_writes_nothing(store: SimulatedStore) -> None:
    held = begun(store)
    connection, _ = subscribed(store, subject=held.id)
    row = subscription(connection, "a", held.id)
    before = rows_of(store)
    store.faults = Faults(conflict=SURE)
    with pytest.raises(Raced):
        store.commit(moved(held, START + HOUR, texts=["x"], alert_at=START + DAY), START)
    with pytest.raises(Raced):
        store.commit(opened(START), START)
    with pytest.raises(Raced):
        store.access(looked_at(held, START), Tip(), None, START)
    for call in (
        lambda: store.go_live(row, 1),
        lambda: store.begin(Operation(connection.id, "b", START), 5, START),
        lambda: store.register([Officer("x", Role.HEAD, "22")], "22"),
    ):
        with pytest.raises(Unavailable, match=r"Transaction(Canceled|Conflict)"):
            call()
    assert rows_of(store) == before
    store.faults = NONE
    assert store.go_live(row, 1)


def test_an_answer_that_is_lost_leaves_the_change(store: SimulatedStore) -> None:
    held = begun(store)
    change = moved(held, START + HOUR, texts=["x"], alert_at=START + DAY)
    store.faults = Faults(lost=SURE)
    with pytest.raises(Unavailable, match="lost"):
        store.commit(change, START)
    with pytest.raises(Unavailable, match="lost"):
        store.commit(change, START)  # the answer that it is seen is lost as well
    assert store.held(held.id) == change.after  # reads have their answers
    store.faults = NONE
    with pytest.raises(Seen):
        store.commit(change, START)
    assert [entry.seq for entry in store.entries(held.id, 0, 9)] == [1, 2]


@pytest.mark.parametrize(
    "name", ["numbered", "keep_numbered", "note", "connect", "acknowledge", "begin", "keep_place", "register", "access"]
)
def test_every_write_may_lose_its_answer(store: SimulatedStore, name: str) -> None:
    connection, change = Connection(fresh(), START + HOUR), opened(START)
    if name != "connect":
        store.connect(connection)
    if name == "begin":
        store.acknowledge(replace(connection, phase=Phase.ACKNOWLEDGED))
    before = rows_of(store)
    store.faults = Faults(lost=SURE)
    with pytest.raises(Unavailable):
        CALLS[name](store, change, replace(connection, phase=Phase.ACKNOWLEDGED) if name == "acknowledge" else connection)
    assert rows_of(store) != before


def test_a_change_may_be_made_after_its_answer_was_given_up(clock: StandingClock, seed: int) -> None:
    def late(number: int) -> bool:
        store = SimulatedStore(clock, number)
        held = begun(store)
        change = moved(held, START + HOUR)
        store.faults = Faults(delayed=SURE)
        with pytest.raises(Unavailable, match="still at work"):
            store.commit(change, START)
        store.faults = NONE
        first, second = store.held(held.id), [store.held(held.id) for _ in range(20)]
        assert second[-1] == change.after
        return first == held

    until(late, seed)


def test_a_change_that_is_made_late_asks_its_conditions_again(clock: StandingClock, store: SimulatedStore) -> None:
    held = begun(store)
    late, other = moved(held, START + HOUR, texts=["late"]), moved(held, START + HOUR)
    store.faults = Faults(delayed=SURE)
    with pytest.raises(Unavailable):
        store.commit(late, START)
    store.faults = NONE
    outcome = None
    with suppress(Raced):
        store.commit(other, START)
        outcome = other
    clock.now += DAY
    assert store.held(held.id) == (outcome or late).after
    assert [entry.seq for entry in store.entries(held.id, 0, 9)] == [1, 2]
    assert len(store.disclosed(held.id)) == (1 if outcome else 2)


def test_a_single_write_that_is_sent_again_is_made_twice(store: SimulatedStore) -> None:
    connection = Connection(fresh(), START + HOUR)
    store.connect(connection)
    store.faults = Faults(resent=SURE)
    assert [store.numbered("22-XD", "22", date(2031, 3, 3)) for _ in range(3)] == [2, 4, 6]
    assert not store.acknowledge(replace(connection, phase=Phase.ACKNOWLEDGED))
    known = store.connection(connection.id, START)
    assert known
    assert known.phase is Phase.ACKNOWLEDGED  # it was, by the first sending
    change = opened(START)
    store.commit(change, START)  # a transaction has a token
    assert store.held(change.after.id) == change.after


# A crash at each call in turn.


def test_a_subscription_that_dies_anywhere_forgets_nobody(clock: StandingClock, seed: int) -> None:
    for after in (False, True):
        left = set()
        for call in range(1, 5):
            store = SimulatedStore(clock, seed)
            connection, topic = subscribed(store)
            store.begin(Operation(connection.id, "b", connection.expires_at), 5, START)
            store.faults = Faults(crash_at=call, crash_after=after)
            with pytest.raises(Crash) as crash:
                store.subscribe(subscription(connection, "b", "s").replays(START, "0"), START)
            assert crash.value.done is after
            assert uncounted(store) == []
            left.add((len(store.subscriptions(topic, START)), store.engine.live[f"HEAD#{topic}", "HEAD"]["members"]))
        assert left == ({(1, 1), (1, 2), (2, 2)} if after else {(1, 1), (1, 2)})


def test_whoever_dies_while_disconnecting_can_disconnect_again(clock: StandingClock, seed: int) -> None:
    calls = 0
    for call in range(1, 20):
        store = SimulatedStore(clock, seed)
        connection, topic = subscribed(store)
        store.begin(Operation(connection.id, "b", connection.expires_at), 5, START)
        store.subscribe(subscription(connection, "b", "s"), START)
        store.faults = Faults(crash_at=call, crash_after=True)
        try:
            store.disconnect(connection.id)
        except Crash:
            calls += 1
        store.faults = NONE
        assert uncounted(store) == []
        store.disconnect(connection.id)
        assert store.subscriptions(topic, START) == []
        assert store.connection(connection.id, START) is None
    assert calls == 1 + 2 + 2 * 2  # one query; the connection and its minute; of each operation its row with the head's count, and itself


def test_a_commit_that_dies_is_whole_or_not_there(clock: StandingClock, seed: int) -> None:
    for after in (False, True):
        store = SimulatedStore(clock, seed)
        held = begun(store)
        change = moved(held, START + HOUR, texts=["x"], alert_at=START + DAY)
        before = whole(store, held.id)
        store.faults = Faults(crash_at=1, crash_after=after)
        with pytest.raises(Crash):
            store.commit(change, START)
        assert store.held(held.id) == (change.after if after else held)
        assert (whole(store, held.id) == before) is not after
        if after:
            with pytest.raises(Seen):
                store.commit(change, START)


# Reads that are late.


def test_lists_lag_a_write_and_nothing_else_does(store: SimulatedStore, clock: StandingClock) -> None:
    store.faults = Faults(lagging=SURE, lag_s=1.0)
    held = begun(store)
    clock.now += SECOND / 1_000_000
    assert shown(store, OPEN) == []
    assert store.held(held.id) == held
    assert store.coded(held.dossier.code) == held.id
    assert len(store.entries(held.id, 0, 9)) == 1
    clock.now += SECOND
    assert shown(store, OPEN) == [held]
    later = committed(store, moved(held, START + HOUR, state=State.DECIDED))
    assert (shown(store, OPEN), shown(store, CLOSED)) == ([held], [])
    clock.now += SECOND
    assert (shown(store, OPEN), shown(store, CLOSED)) == ([], [later])


def test_the_register_lags_in_its_lists(store: SimulatedStore, clock: StandingClock) -> None:
    store.faults = Faults(lagging=SURE, lag_s=1.0)
    person = Officer("x", Role.HEAD, "22")
    store.register([person], "22")
    assert (store.officer("x"), store.officers_of("22", ALL)) == (person, [])
    clock.now += SECOND
    assert store.officers_of("22", ALL) == [person]


def test_an_index_never_goes_back(clock: StandingClock, seed: int) -> None:
    store = SimulatedStore(clock, seed, Faults(lagging=0.7, torn=0.3, lag_s=5.0))
    chance = random.Random(seed)  # noqa: S311 - moves to be repeated
    held = begun(store)
    behind, seen = 0, 0
    for _ in range(200):
        clock.now += chance.random() * SECOND
        held = committed(store, moved(held, START + HOUR, due_at=START + chance.randrange(9) * DAY))
        rows = shown(store, OPEN)
        assert max((row.tip.seq for row in rows), default=seen) >= seen
        seen = max((row.tip.seq for row in rows), default=seen)
        behind += seen < held.tip.seq
    assert behind
    clock.now += 11 * SECOND
    assert shown(store, OPEN) == [held]


def test_each_index_lags_by_itself(clock: StandingClock, seed: int) -> None:
    def apart(number: int) -> bool:
        store = SimulatedStore(clock, number, Faults(lagging=0.5))
        begun(store)
        return len(shown(store, OPEN)) != len(shown(store, Partition(Index.PROVINCE, f"{PROVINCE}#OPEN")))

    until(apart, seed)


@pytest.mark.parametrize("count", [0, 2])
def test_a_row_that_moves_within_an_index_may_be_in_both_places_or_in_none(clock: StandingClock, seed: int, count: int) -> None:
    def torn(number: int) -> bool:
        store = SimulatedStore(clock, number)
        held = begun(store)
        store.faults = Faults(torn=SURE)
        later = committed(store, moved(held, START + HOUR, state=State.DECIDED))
        rows = shown(store, OPEN, CLOSED)
        clock.now += SECOND
        assert shown(store, OPEN, CLOSED) == [later]
        assert all(row in (held, later) for row in rows)
        return len(rows) == count

    until(torn, seed)


def test_the_register_may_be_half_a_minute_old_but_no_older(clock: StandingClock, seed: int) -> None:
    store = SimulatedStore(clock, seed)
    found = Counter[str]()
    for number in range(40):
        store.faults = NONE
        person = Officer(f"o-{number}", Role.HEAD, "22")
        clock.now += DAY
        assert store.officer(person.code) is None
        store.register([person], "22")
        store.note("n", str(number))
        clock.now += 15 * SECOND
        store.faults = Faults(stale=0.5)
        found["old" if store.officer(person.code) is None else "new"] += 1
        assert store.noted("n") == str(number)
        clock.now += 15 * SECOND
        assert store.officer(person.code) == person
    assert min(found["old"], found["new"]) > 0


def test_what_is_asked_for_fresh_is_fresh(seed: int) -> None:
    world = World(seed)
    (last,) = world.store.versions("XD-01")[-1:]
    world.clock.now += DAY
    later = replace(last, version=9)
    world.store.register([later], "VN")
    world.store.faults = Faults(stale=SURE)
    assert later not in world.store.versions("XD-01")
    assert later in world.store.versions("XD-01", fresh=True)


# Reads that are no snapshot.


def test_others_may_write_between_two_reads_of_one_call(clock: StandingClock, seed: int) -> None:
    found = Counter[tuple[bool, bool]]()
    for number in range(seed, seed + 400):
        store = SimulatedStore(clock, number, Faults(interleaved=0.5))
        change = opened(START)
        store.engine.meanwhile = partial(once, store, change)
        held, memory = store.held_with_memory(change.after.id, change.memory.scope, change.memory.key)
        found[held is not None, memory is not None] += 1
    assert len(found) == 4, found


def once(store: SimulatedStore, change: Change) -> None:
    with suppress(Seen):
        store.commit(change, START)


def test_a_merged_list_may_show_a_dossier_twice_or_not_at_all(clock: StandingClock, seed: int) -> None:
    def listed(number: int) -> int:
        store = SimulatedStore(clock, number)
        held = begun(store)
        change = moved(held, START + HOUR, state=State.DECIDED)
        store.faults = Faults(interleaved=0.5)
        store.engine.meanwhile = partial(once, store, change)
        return len(shown(store, *([OPEN, CLOSED] if number % 2 else [CLOSED, OPEN])))

    for count in (0, 2):
        until(lambda number, wanted=count: listed(number) == wanted, seed)  # type: ignore[misc] # mypy does not see the default


def test_a_long_query_comes_in_pages_and_sees_what_is_written_between_them(clock: StandingClock, seed: int) -> None:
    def grown(number: int) -> bool:
        store = SimulatedStore(clock, number)
        held = begun(store)
        for _ in range(5):
            held = committed(store, moved(held, START + HOUR))
        change = moved(held, START + HOUR)
        store.faults = Faults(interleaved=0.3)
        calls = store.engine.calls
        store.engine.meanwhile = partial(once, store, change)
        found = [entry.seq for entry in store.entries(held.id, 0, 100)]
        store.engine.meanwhile = None
        assert found in ([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6, 7])
        assert [entry.seq for entry in store.entries(held.id, 0, 4)] == [1, 2, 3, 4]
        assert [entry.seq for entry in store.entries(held.id, 1, 3, backwards=True, before=6)] == [5, 4, 3]
        return len(found) == 7 and store.engine.calls > calls + 2

    until(grown, seed)


def test_pages_of_a_list_are_whole_whatever_the_engine_answers(store: SimulatedStore) -> None:
    wanted = sorted((begun(store, due_at=START + number * HOUR) for number in range(12)), key=lambda held: due_sort(held.dossier, held.id))
    store.faults = Faults(interleaved=0.7)
    for _ in range(20):
        assert shown(store, OPEN, CLOSED) == wanted
        assert [held for _, held in store.listed([OPEN], Span(5, moment(START + HOUR), backwards=True))] == wanted[:6:-1]


def test_what_has_expired_may_be_taken_away_at_any_call(store: SimulatedStore, clock: StandingClock) -> None:
    connection, _ = subscribed(store)
    change = opened(START)
    store.commit(change, START)
    store.faults = Faults(reaped=SURE)
    before = rows_of(store)
    store.place("f", "s")
    assert rows_of(store) == before  # nothing has expired yet
    clock.now += 3 * DAY
    for _ in range(9):
        store.place("f", "s")
    left = rows_of(store)
    assert (f"CONN#{connection.id}", "CONN") not in left["live"]
    assert not [place for place in left["live"] if place[0].startswith("TOPIC#")]
    assert (change.memory.scope, f"KEY#{change.memory.key}") not in left["subjects"]
    assert store.held(change.after.id) == change.after
    assert {name: len(rows) for name, rows in left.items() if name in {"trail", "log"}} == {"trail": 1, "log": 1}


# All of them at once, under the verbs.

WORST = Faults(
    throttled=0.05, conflict=0.1, lost=0.1, delayed=0.1, resent=0.05, interleaved=0.2, stale=0.3, lagging=0.5, torn=0.2, reaped=0.1
)
EACH = {
    "throttled": Faults(throttled=0.1), "conflict": Faults(conflict=0.3), "lost": Faults(lost=0.3), "delayed": Faults(delayed=0.3),
    "resent": Faults(resent=0.3), "stale": Faults(stale=0.5), "lagging": Faults(lagging=0.5, torn=0.5), "reaped": Faults(reaped=0.5),
    "all": WORST,
}  # fmt: skip


def walked(world: World, steps: int) -> int:
    """Let people open dossiers and move them; gives how many requests were done."""
    subjects = [world.received()]
    done = 2
    for _ in range(steps):
        subject = world.chance.choice(subjects)
        if world.chance.random() < 0.2:
            subjects.append(world.received())
            done += 2
        else:
            done += world.insisted(world.some(subject)) is not None
    return done


def moves(world: World) -> int:
    """Count the entries of a world that somebody asked for: what falls due is noticed besides, by whoever comes first."""
    return sum('"action":"ALERT_RAISED"' not in row["line"] for row in world.store.engine.trail.values())


@pytest.mark.parametrize("name", EACH)
def test_each_request_is_done_once_and_whole_under_every_fault(seed: int, name: str) -> None:
    world = World(seed)
    world.store.faults = EACH[name]
    done = walked(world, 40)
    world.store.faults = NONE
    world.clock.now += HOUR
    for _ in range(20):
        world.store.place("f", "s")  # what was put off is made by now
    assert unsound(world.store) == []
    assert moves(world) == done
    if EACH[name].throttled or EACH[name].lost or EACH[name].delayed:
        assert "UNAVAILABLE" in world.tried


def test_two_take_turns_within_each_others_calls(seed: int) -> None:
    def both(number: int) -> bool:
        world = World(number)
        subject, turns, done = world.received(), iter(range(12)), Counter[str]()

        def other() -> None:
            if next(turns, None) is not None:
                done["other"] += world.insisted(world.some(subject)) is not None

        world.store.faults = Faults(interleaved=0.5)
        world.store.engine.meanwhile = other
        for _ in range(30):
            done["one"] += world.insisted(world.some(subject)) is not None
        assert unsound(world.store) == []
        assert moves(world) == 2 + done.total()
        return done["one"] > 0 and done["other"] > 0

    until(both, seed)


def test_several_threads_may_use_a_store(seed: int) -> None:
    world = World(seed)
    world.store.faults = replace(WORST, reaped=0.0)
    held = begun_by_force(world.store)
    waves = 30

    def write(number: int) -> int:
        done = 0
        for _ in range(waves):
            with suppress(Unavailable, Raced, Seen):
                before = world.store.held(held.id)
                assert before
                world.store.commit(moved(before, START + HOUR, texts=[str(number)]), START)
                done += 1
        return done

    with ThreadPoolExecutor(THREADS) as pool:
        done = sum(pool.map(write, range(THREADS)))
    world.store.faults = NONE
    world.clock.now += HOUR
    world.store.place("f", "s")
    found = world.store.held(held.id)
    assert found
    entries = world.store.entries(held.id, 0, 1000)
    assert [entry.seq for entry in entries] == list(range(1, found.tip.seq + 1))
    assert [entry.body["prev"] for entry in entries[1:]] == [entry.hash for entry in entries[:-1]]
    assert entries[-1].hash == found.tip.hash
    assert 1 + done <= len(entries) <= 1 + THREADS * waves  # those whose answers were lost among them
    assert len(world.store.disclosed(held.id)) == len(entries)


def begun_by_force(store: SimulatedStore) -> Held:
    kept, store.faults = store.faults, NONE
    held = begun(store)
    store.faults = kept
    return held


def test_what_does_not_hold_is_named(seed: int) -> None:
    world = World(seed)
    walked(world, 10)
    engine = world.store.engine
    while not engine.due:
        walked(world, 1)
    _, topic = subscribed(world.store)
    assert unsound(world.store) == []
    broken: list[tuple[Any, Any, dict[str, Any] | None]] = [
        (engine.live, (f"HEAD#{topic}", "HEAD"), {"members": 0}), (engine.trail, next(iter(engine.trail)), None),
        (engine.due, next(iter(engine.due)), None), (engine.log, next(iter(engine.log)), {"hash": "0" * 64}),
    ]  # fmt: skip
    for table, place, change in broken:
        row = dict(table[place])
        table.write(place, None if change is None else row | change, START, engine._showing)
        assert unsound(world.store) != []
        table.write(place, row, START, engine._showing)
        assert unsound(world.store) == []
