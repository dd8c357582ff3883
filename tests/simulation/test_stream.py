"""The second store's stream: every entry comes, in order for its subject, whatever else happens to it on the way."""

import secrets
from collections import defaultdict
from itertools import pairwise
from typing import Any

import pytest

from casework.audit.chain import Entry
from casework.ports import Held
from handlers import stream as handler
from tests.simulation.changes import moved, opened
from tests.simulation.faults import Faults
from tests.simulation.store import SimulatedStore
from tests.simulation.stream import Stream
from tests.simulation.worlds import HOUR, SECOND, START, World
from tests.support import StandingClock

SURE = 1.0


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


def written(store: SimulatedStore, subjects: int = 5, moves: int = 6) -> list[tuple[str, int]]:
    """Write entries of several subjects, in turn; gives them in the order of their writing."""
    out: list[tuple[str, int]] = []
    held: list[Held] = []
    for _ in range(subjects):
        change = opened(START)
        store.commit(change, START)
        held.append(change.after)
        out.append((change.after.id, 1))
    for _ in range(moves):
        for number, before in enumerate(held):
            change = moved(before, START + HOUR)
            store.commit(change, START)
            held[number] = change.after
            out.append((change.after.id, change.entry.seq))
    return out


def read(event: dict[str, Any]) -> list[tuple[str, int]]:
    """Name the entries of a batch."""
    keys = [record["dynamodb"]["Keys"] for record in event["Records"]]
    return [(key["subject"]["S"], int(key["seq"]["S"].removeprefix("E#"))) for key in keys]


def arrived(stream: Stream) -> list[tuple[str, int]]:
    return [entry for event in stream for entry in read(event)]


def by_subject(entries: list[tuple[str, int]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for subject, seq in entries:
        found[subject].append(seq)
    return found


def test_entries_come_once_in_the_order_of_their_writing(store: SimulatedStore) -> None:
    stream = Stream(store, 10)
    assert list(stream) == []
    wanted = written(store)
    assert stream.behind == 35
    batches = [read(event) for event in stream]
    assert [len(batch) for batch in batches] == [10, 10, 10, 5]
    assert [entry for batch in batches for entry in batch] == wanted
    assert (stream.behind, list(stream)) == (0, [])
    more = written(store, 1, 1)
    assert arrived(stream) == more
    assert arrived(Stream(store)) == wanted + more  # another follower reads from the first record on


def test_a_record_is_as_the_engine_gives_it(store: SimulatedStore) -> None:
    change = opened(START)
    store.commit(change, START)
    ((record,),) = [event["Records"] for event in Stream(store)]
    image = record["dynamodb"]["NewImage"]
    assert record["eventName"] == "INSERT"
    assert record["dynamodb"]["Keys"] == {"subject": {"S": change.after.id}, "seq": {"S": "E#00000001"}}
    assert image["line"] == {"S": change.entry.line}
    assert image["v"] == {"N": "1"}
    assert {next(iter(typed)) for typed in image.values()} == {"S", "N"}
    assert record["dynamodb"]["ApproximateCreationDateTime"] == START.timestamp()
    assert record["dynamodb"]["SequenceNumber"].isdigit()


def test_a_batch_whose_handling_fails_is_given_again(store: SimulatedStore) -> None:
    wanted = written(store, 2, 2)
    stream = Stream(store, 4)
    for event in stream:
        first = read(event)
        break
    with pytest.raises(ValueError, match="no"):
        _failing(stream)
    assert first == wanted[:4]
    assert stream.behind == 6
    assert arrived(stream) == wanted


def _failing(stream: Stream) -> None:
    for event in stream:
        assert event["Records"]
        raise ValueError("no")


def test_the_handler_takes_the_batches(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(seed)
    found: list[Entry] = []
    monkeypatch.setattr(handler, "deliver", lambda services, arrived, render: found.extend(one.entry for one in arrived))
    subject = world.received()
    for event in Stream(world.store):
        assert handler.handle(event, world.services) == {"batchItemFailures": []}
    assert found == world.store.entries(subject, 0, 9)
    assert len(found) == 2


def test_what_changes_the_trail_shows(store: SimulatedStore) -> None:
    change = opened(START)
    store.commit(change, START)
    engine = store.engine
    place = (change.after.id, "E#00000001")
    engine.trail.write(place, {**engine.trail[place], "line": "{}"}, START, engine._showing)
    engine.trail.write(place, None, START, engine._showing)
    names = [record["eventName"] for event in Stream(store) for record in event["Records"]]
    assert names == ["INSERT", "MODIFY", "REMOVE"]
    assert [record.image is None for record in engine.trail.records] == [False, False, True]


# Faults.


def test_records_of_several_subjects_overtake_each_other_but_not_those_of_one(store: SimulatedStore) -> None:
    store.faults = Faults(reordered=0.5)
    wanted = written(store)
    found = arrived(Stream(store, 10))
    assert found != wanted
    assert sorted(found) == sorted(wanted)
    assert by_subject(found) == by_subject(wanted)


def test_records_that_are_late_come_late_and_hold_up_those_behind_them(store: SimulatedStore, clock: StandingClock) -> None:
    store.faults = Faults(late=0.3, late_s=5.0)
    wanted = written(store)
    stream = Stream(store, 10)
    found = arrived(stream)
    assert 0 < len(found) < len(wanted)
    assert stream.behind == len(wanted) - len(found)
    for _ in range(6):
        clock.now += SECOND
        found += arrived(stream)
    assert stream.behind == 0
    assert found != wanted
    assert by_subject(found) == by_subject(wanted)


def test_batches_that_are_given_again_go_on_from_there_without_a_gap(store: SimulatedStore) -> None:
    store.faults = Faults(duplicated=0.5)
    wanted = written(store)
    found = arrived(Stream(store, 4))
    assert len(found) > len(wanted)
    assert set(found) == set(wanted)
    for seqs in by_subject(found).values():
        assert seqs[0] == 1
        assert all(after <= before + 1 for before, after in pairwise(seqs))  # back at times, but never over one that was not seen


def test_all_of_it_at_once_loses_nothing(store: SimulatedStore, clock: StandingClock) -> None:
    store.faults = Faults(duplicated=0.4, late=0.4, reordered=0.5)
    stream, wanted, found = Stream(store, 7), list[tuple[str, int]](), list[tuple[str, int]]()
    for _ in range(10):
        wanted += written(store, 3, 2)
        clock.now += SECOND
        found += arrived(stream)
    clock.now += HOUR
    found += arrived(stream)
    assert (stream.behind, set(found)) == (0, set(wanted))
    firsts = list(dict.fromkeys(found))
    assert by_subject(firsts) == by_subject(wanted)
    assert firsts != wanted
    assert len(found) > len(wanted)
