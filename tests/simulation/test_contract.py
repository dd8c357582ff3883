"""One contract for both stores: the engine's own, and the one in memory. Each test runs on the one and on the other.

What a port promises is tried on both, then the items that they keep, and then both go through the same long walk of calls by a seed. Faults
are tried in `test_faults`. Times lie years ahead, since the engine drops what has expired by its own clock.
"""

import os
import random
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, TypeVar, cast

import boto3
import pytest

from casework.adapters.dynamo import DynamoStore
from casework.adapters.dynamo.items import due_sort
from casework.adapters.dynamo.models import DueItem
from casework.audit.chain import Entry, Tip
from casework.audit.disclosure import digest_of
from casework.audit.disclosure import opened as disclosed
from casework.live.cohorts import Cohort, Status, Subscription
from casework.live.connection import LANES, TOMBSTONE, Began, Connection, Operation, Phase, beat_of, lane_of
from casework.live.feeds import Fed, before
from casework.model.alert import Alert, AlertLevel, DeadlineKind
from casework.model.packing import moment
from casework.model.parties import Party, PartyKind, Role
from casework.model.procedure import DossierKind, Texts
from casework.model.publication import Publication
from casework.model.record import Assignment, AssignmentRole, DossierId, State
from casework.model.unit import Officer, Ongoing, PointKind, ReceptionPoint, Unit
from casework.model.workdays import Override
from casework.ports import Accessed, By, Change, Erased, Held, Index, Noticed, Partition, Raced, Repeat, Seen, Span, Store
from local.engine import Engine
from local.home import REGION
from local.register import Thing, things
from tests.casework.adapters.laid import dossier, fresh
from tests.simulation.changes import KEPT, PROVINCE, UNIT, end_of, looked_at, made, moved, opened
from tests.simulation.store import SimulatedStore

T = TypeVar("T")
NOW = datetime(2031, 3, 3, 2, 0, 0, 123456, tzinfo=UTC)
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
NAME = Texts("một", "one", "un")
THREADS = 8


@pytest.fixture(scope="module")
def simulated() -> SimulatedStore:
    """Give the second store, with the register that the first one has."""
    made_store = SimulatedStore(lambda: NOW, 0)
    by_province: dict[str, list[Thing]] = {}
    for province, thing in things():
        by_province.setdefault(province, []).append(thing)
    for province, those in by_province.items():
        made_store.register(those, province)
    return made_store


@pytest.fixture(params=["engine", "memory"])
def either(request: pytest.FixtureRequest) -> Store:
    """Give the one store, then the other."""
    return cast("Store", request.getfixturevalue({"engine": "store", "memory": "simulated"}[request.param]))


def code(prefix: str = "K") -> str:
    return f"{prefix}-{secrets.token_hex(6)}"


def committed(store: Store, change: Change, now: datetime = NOW) -> Held:
    """Commit a change; gives what it led to."""
    store.commit(change, now)
    return change.after


def begun(store: Store, **given: Any) -> Held:  # noqa: ANN401 - the record's own fields
    """Open a dossier."""
    return committed(store, opened(NOW, **given))


def alert(level: AlertLevel = AlertLevel.AT_RISK, number: int = 1, **given: Any) -> Alert:  # noqa: ANN401 - as above
    """Give an alert."""
    usual: dict[str, Any] = {"due_at": NOW, "reached_at": NOW, "observed_at": NOW, "unit": UNIT}
    return Alert(number, DeadlineKind.DOSSIER, 1, level, **{**usual, **given})


def due_rows(store: Store, subject: str) -> list[tuple[str, str, str]]:
    """Give the rows of the due table that belong to a subject."""
    if isinstance(store, SimulatedStore):
        return [(bucket, at, row["level"]) for (bucket, at), row in store.due_rows.items() if row["subject"] == subject]
    return [(row.bucket, row.moment, row.level) for row in DueItem.scan(consistent_read=True) if row.subject == subject]


def whole(store: Store, subject: DossierId) -> tuple[object, ...]:
    """Give all that the ports show of a dossier."""
    held = store.held(subject)
    code_of = store.coded(held.dossier.code) if held else None
    return held, store.entries(subject, 0, 100), dict(store.disclosed(subject)), code_of, due_rows(store, subject)


# Commits.


def test_a_first_change_reads_back_everywhere(either: Store) -> None:
    change = opened(NOW, texts=("một", "hai"))
    subject = committed(either, change).id
    assert either.held(subject) == change.after
    assert either.coded(change.after.dossier.code) == subject
    assert either.slip(subject) == (change.after.dossier.secret_generation, change.after.dossier.slip_key)
    assert either.entries(subject, 0, 10) == [change.entry]
    assert either.entries(subject, 0, 10)[0].hash == change.entry.hash
    assert dict(either.disclosed(subject)) == dict(change.disclosures)
    assert {disclosed(text) for text in either.disclosed(subject).values()} == {("text", "một"), ("text", "hai")}
    assert either.disclosed_with({subject: [1]}) == {subject: change.disclosures}
    assert either.newest({subject: 1}, 5) == {subject: [change.entry]}
    assert [held for _, held in either.listed([Partition(Index.UNIT, f"{UNIT}#OPEN")], _around(change.after))] == [change.after]


def test_what_is_read_is_built_anew(either: Store) -> None:
    change = opened(NOW)
    subject = committed(either, change).id
    first, second = either.held(subject), either.held(subject)
    assert first is not None
    assert second is not None
    assert first == second
    cast("dict[str, Any]", first.flat)["unit"] = "changed by its reader"
    assert second.flat["unit"] == UNIT
    assert either.held(subject) == second
    assert first is not change.after
    assert first.record is not change.after.record


def test_what_is_not_there_is_none_or_empty(either: Store) -> None:
    nothing = DossierId("0" * 32)
    assert either.held(nothing) is None
    assert either.coded("22-XD-990101-9999") is None
    assert either.slip(DossierId("0" * 32)) is None
    assert either.held_with_memory(nothing, "scope", "key") == (None, None)
    assert either.remembered([("scope", "key")]) == {}
    assert either.remembered([]) == {}
    assert either.entries(nothing, 0, 10) == []
    assert either.newest({nothing: 3, DossierId("1" * 32): 0}, 5) == {nothing: [], "1" * 32: []}
    assert either.newest({}, 5) == {}
    assert either.disclosed(nothing) == {}
    assert either.disclosed_with({nothing: [1], "1" * 32: []}) == {nothing: {}, "1" * 32: {}}
    assert either.disclosed_with({}) == {}
    assert either.listed([], Span(5)) == []
    assert either.listed([Partition(Index.UNIT, code())], Span(5)) == []


def test_dossier_and_memory_are_read_at_once(either: Store) -> None:
    change = opened(NOW)
    subject, repeat = committed(either, change).id, change.memory
    memory = replace(repeat, expires_at=(NOW + KEPT).replace(microsecond=0))  # kept to the second
    assert either.held_with_memory(subject, repeat.scope, repeat.key) == (change.after, memory)
    assert either.held_with_memory(subject, repeat.scope, "another") == (change.after, None)
    assert either.held_with_memory(fresh(), repeat.scope, repeat.key) == (None, memory)
    assert either.remembered([(repeat.scope, repeat.key), (repeat.scope, "another"), ("another", repeat.key)]) == {
        (repeat.scope, repeat.key): memory
    }


def test_any_number_of_memories_is_found(either: Store) -> None:
    changes = [opened(NOW) for _ in range(3)]
    for change in changes:
        either.commit(change, NOW)
    scopes = [(change.memory.scope, key) for change in changes for key in (change.memory.key, *map(str, range(80)))]
    assert either.remembered(scopes).keys() == {(change.memory.scope, change.memory.key) for change in changes}


def test_a_change_twice_is_seen_and_writes_nothing(either: Store) -> None:
    held = committed(either, moved(begun(either), NOW + HOUR, alert_at=NOW + DAY))
    change = moved(held, NOW + DAY, texts=["x"], state=State.DECIDED)  # its due row goes
    either.commit(change, NOW)
    before = whole(either, held.id)
    for again in (change, replace(change, before=change.after), replace(change, repeat=replace(change.memory, fingerprint="another"))):
        with pytest.raises(Seen):
            either.commit(again, NOW)
    assert whole(either, held.id) == before
    assert len(either.entries(held.id, 0, 10)) == 3


def test_the_second_of_two_changes_of_one_state_is_raced_and_writes_nothing(either: Store) -> None:
    held = begun(either)
    first = moved(held, NOW + HOUR, texts=["một"], alert_at=NOW + DAY, unit="S1-MT")
    second = moved(held, NOW + HOUR, texts=["hai"], alert_at=NOW + 2 * DAY, unit="S1-YT")
    either.commit(first, NOW)
    before = whole(either, held.id)
    with pytest.raises(Raced):
        either.commit(second, NOW)
    assert whole(either, held.id) == before
    assert either.held(held.id) == first.after
    assert not second.disclosures.keys() & either.disclosed(held.id).keys()
    assert either.remembered([(second.memory.scope, second.memory.key)]) == {}
    assert either.listed([Partition(Index.UNIT, "S1-YT#OPEN")], _around(second.after)) == []


def test_a_dossier_that_is_there_is_not_opened_again(either: Store) -> None:
    change = opened(NOW)
    held = committed(either, change)
    before = whole(either, held.id)
    with pytest.raises(Raced):
        either.commit(opened(NOW, held.id), NOW)
    twin = opened(NOW, code=held.dossier.code)
    with pytest.raises(Raced):
        either.commit(twin, NOW)
    assert whole(either, held.id) == before
    assert whole(either, twin.after.id) == (None, [], {}, None, [])


def test_a_change_of_what_is_not_there_is_raced(either: Store) -> None:
    change = moved(opened(NOW).after, NOW + HOUR)
    with pytest.raises(Raced):
        either.commit(change, NOW)
    assert either.entries(change.after.id, 0, 10) == []


def test_an_entry_is_never_overwritten(either: Store) -> None:
    held = committed(either, moved(begun(either), NOW + HOUR))
    change = moved(held, NOW + DAY)
    with pytest.raises(Raced):
        either.commit(replace(change, entry=replace(change.entry, seq=2)), NOW)
    assert [entry.seq for entry in either.entries(held.id, 0, 10)] == [1, 2]
    assert either.held(held.id) == held


def test_a_change_of_an_older_state_is_raced_though_its_entry_were_free(either: Store) -> None:
    first = begun(either)
    held = committed(either, moved(first, NOW + HOUR))
    stale = moved(first, NOW + DAY)
    with pytest.raises(Raced):
        either.commit(replace(stale, entry=replace(stale.entry, seq=9)), NOW)
    assert [entry.seq for entry in either.entries(held.id, 0, 10)] == [1, 2]
    assert either.held(held.id) == held


@pytest.mark.parametrize(("age", "free"), [(-SECOND, False), (timedelta(0), True), (3 * DAY, True)])
def test_a_memory_that_has_expired_is_written_over(either: Store, age: timedelta, free: bool) -> None:  # noqa: FBT001
    now = NOW.replace(microsecond=0)
    held = begun(either)
    first = moved(held, now, key="again")
    either.commit(replace(first, repeat=replace(first.memory, expires_at=now - age)), now - 4 * DAY)
    second = moved(first.after, now + HOUR, key="again")
    if not free:
        with pytest.raises(Seen):
            either.commit(second, now)
        return
    either.commit(second, now)
    assert either.remembered([(held.id, "again")])[held.id, "again"].seq == 3


def test_a_memory_without_an_end_is_kept_for_ever(either: Store) -> None:
    first = moved(begun(either), NOW, key="again")
    either.commit(replace(first, repeat=replace(first.memory, expires_at=None)), NOW)
    assert either.remembered([(first.after.id, "again")])[first.after.id, "again"].expires_at is None
    with pytest.raises(Seen):
        either.commit(moved(first.after, NOW + HOUR, key="again"), NOW + 36_500 * DAY)


def test_of_writers_at_once_one_wins(either: Store) -> None:
    held = begun(either)
    changes = [moved(held, NOW + HOUR, texts=[str(number)]) for number in range(THREADS)]

    def tried(change: Change) -> str | None:
        try:
            either.commit(change, NOW)
        except Raced:
            return None
        return change.entry.hash

    with ThreadPoolExecutor(THREADS) as pool:
        won = [hash_ for hash_ in pool.map(tried, changes) if hash_]
    assert [entry.hash for entry in either.entries(held.id, 1, 10)] == won
    assert len(won) == 1
    assert len(either.disclosed(held.id)) == 2


# The due row.


def test_a_dossier_has_at_most_one_due_row(either: Store) -> None:
    held = begun(either)
    assert due_rows(either, held.id) == []
    for hours in (5, 5, 7, None, 9, 2, None, None):
        at = NOW + hours * HOUR if hours else None
        held = committed(either, moved(held, NOW + HOUR, alert_at=at))
        wanted = [(held.due.bucket, held.due.moment, held.due.level)] if held.due else []
        assert len(wanted) == (at is not None)
        assert due_rows(either, held.id) == wanted
        assert either.held(held.id) == held
    held = committed(either, moved(held, NOW + HOUR, alert_at=NOW + DAY))
    assert held.due
    other = moved(held, NOW + HOUR)
    higher = replace(held.due, level="OVERDUE")  # in its place
    held = committed(either, replace(other, after=replace(other.after, due=higher)))
    assert due_rows(either, held.id) == [(higher.bucket, higher.moment, "OVERDUE")]


# Entries.


def due_at(store: Store, at: datetime) -> Held:
    """Bring a dossier to where it has a row of the due table at an instant."""
    held = begun(store)
    return committed(store, moved(held, NOW, alert_at=at))


def test_what_is_due_is_read_in_order_by_its_instant(either: Store) -> None:
    # An hour of these tests alone; the shard follows from the id, so those of one bucket are chosen.
    hour = datetime(2033, secrets.randbelow(12) + 1, secrets.randbelow(28) + 1, secrets.randbelow(24), tzinfo=UTC)
    rows = [held.due for held in (due_at(either, hour + number * SECOND) for number in range(40)) if held.due]
    bucket = max({row.bucket for row in rows}, key=lambda name: sum(row.bucket == name for row in rows))
    mine = [row for row in rows if row.bucket == bucket]
    assert len(mine) >= 2
    assert [row for row in either.due(bucket, hour + HOUR, 1000) if row in rows] == mine
    assert either.due(bucket, hour + HOUR, 1) == mine[:1]
    assert either.due(bucket, hour + HOUR, 1000, mine[0].moment) == mine[1:]
    last_at = datetime.fromisoformat(mine[-1].moment.partition("#")[0])
    assert mine[-1] in either.due(bucket, last_at, 1000), "its very instant is due"
    assert mine[-1] not in either.due(bucket, last_at - timedelta(microseconds=1), 1000)
    assert either.due("2033-01-01T00#99", hour + HOUR, 1000) == []
    assert [row.subject for row in mine] == [row.moment.partition("#")[2] for row in mine]


def test_a_row_is_struck_unless_its_state_names_it(either: Store) -> None:
    held = due_at(either, NOW + DAY)
    assert held.due
    either.strike(held.due)
    assert due_rows(either, held.id) == [(held.due.bucket, held.due.moment, held.due.level)]
    elsewhere = replace(held.due, bucket=f"{moment(NOW + 2 * DAY)[:13]}#{held.due.bucket[-2:]}")
    either.strike(elsewhere)  # there is none
    assert len(due_rows(either, held.id)) == 1


def test_several_subjects_are_loaded_at_once(either: Store) -> None:
    first, second = begun(either), begun(either)
    found = either.held_all([first.id, second.id, first.id, fresh()])
    assert found == {first.id: either.held(first.id), second.id: either.held(second.id)}
    assert either.held_all([]) == {}


def test_the_watermark_moves_forward_only(either: Store) -> None:
    before = either.swept() or "2031-01-01T00"
    later = f"20{int(before[2:4]) + 1}-01-01T05"
    for hour, stands in ((later, later), (before, later), (f"{later[:-1]}6", f"{later[:-1]}6")):
        either.keep_swept(hour)
        assert either.swept() == stands


def test_an_hour_is_stuck_until_it_is_not(either: Store) -> None:
    hours = [f"2027-03-{day:02d}T05" for day in (2, 1, 3)]
    assert either.stuck() == []
    for hour in (*hours, hours[0]):
        either.keep_stuck(hour, stuck=True)
    either.keep_swept("2027-04-01T00")
    assert either.stuck() == sorted(hours)
    for _ in range(2):
        either.keep_stuck(hours[0], stuck=False)
    assert either.stuck() == ["2027-03-01T05", "2027-03-03T05"]
    for hour in hours:
        either.keep_stuck(hour, stuck=False)


@pytest.mark.parametrize(("after", "limit", "backwards", "before", "wanted"), [
    (0, 10, False, None, [1, 2, 3, 4]), (1, 10, False, None, [2, 3, 4]), (0, 2, False, None, [1, 2]), (2, 1, False, None, [3]),
    (0, 10, True, None, [4, 3, 2, 1]), (0, 2, True, None, [4, 3]), (1, 10, True, 4, [3, 2]), (1, 1, True, 4, [3]), (0, 9, False, 3, [1, 2]),
    (0, 10, False, 1, []), (4, 10, False, None, []), (5, 10, False, 3, []), (2, 9, False, 3, []), (9, 1, True, None, []),
])  # fmt: skip
def test_entries_between_two_numbers_in_either_order(
    either: Store, after: int, limit: int, backwards: bool, before: int | None, wanted: list[int]  # noqa: FBT001
) -> None:  # fmt: skip
    held = begun(either)
    lines = {1: either.entries(held.id, 0, 1)[0].line}
    for _ in range(3):
        change = moved(held, NOW + HOUR)
        held, lines[change.entry.seq] = committed(either, change), change.entry.line
    found = either.entries(held.id, after, limit, backwards=backwards, before=before)
    assert [(entry.seq, entry.line) for entry in found] == [(seq, lines[seq]) for seq in wanted]


def test_the_newest_of_several_are_the_last_ones_of_each(either: Store) -> None:
    lengths: dict[str, int] = {}
    for moves in (0, 1, 4, 60):
        held = begun(either)
        for _ in range(moves):
            held = committed(either, moved(held, NOW + HOUR))
        lengths[held.id] = held.tip.seq
    for count in (1, 2, 5, 80):
        assert either.newest(lengths, count) == {subject: either.entries(subject, 0, count, backwards=True) for subject in lengths}
    behind = {subject: length - 1 for subject, length in lengths.items()}
    wanted = {subject: either.entries(subject, 0, 2, backwards=True, before=length) for subject, length in lengths.items()}
    assert either.newest(behind, 2) == wanted


def test_disclosures_go_by_their_digest_and_their_entry(either: Store) -> None:
    first = opened(NOW, texts=("a", "b"))
    second = moved(first.after, NOW + HOUR, texts=("c",))
    third = moved(second.after, NOW + HOUR)
    for change in (first, second, third):
        either.commit(change, NOW)
    subject = first.after.id
    assert dict(either.disclosed(subject)) == {**first.disclosures, **second.disclosures}
    assert all(digest_of(text) == digest for digest, text in either.disclosed(subject).items())
    assert either.disclosed_with({subject: [2]}) == {subject: second.disclosures}
    assert either.disclosed_with({subject: {1, 2, 3, 4}}) == {subject: {**first.disclosures, **second.disclosures}}
    assert either.disclosed_with({subject: (3,)}) == {subject: {}}
    rows = either.disclosed_by_entry(subject)
    assert rows == {1: tuple(first.disclosures[one] for one in sorted(first.disclosures)), 2: tuple(second.disclosures.values())}
    assert either.disclosed_by_entry(fresh()) == {}


def texts_of(change: Change) -> tuple[str, ...]:
    return tuple(change.disclosures[digest] for digest in sorted(change.disclosures))


def test_a_change_erases_disclosures_of_other_entries_whole_or_not_at_all(either: Store) -> None:
    first = opened(NOW, texts=("a", "b"))
    second = moved(first.after, NOW + HOUR, texts=("c",))
    for change in (first, second):
        either.commit(change, NOW)
    subject, (one, other) = first.after.id, texts_of(first)
    third = moved(second.after, NOW + HOUR, texts=("d",))
    wrong = (Erased(1, (one, other), (other,)), Erased(2, (other,), ()))
    with pytest.raises(Raced):
        either.commit(replace(third, erased=wrong), NOW)  # one does not stand so
    before = either.disclosed_by_entry(subject)
    assert before == {1: (one, other), 2: texts_of(second)}
    right = replace(third, erased=(Erased(1, (one, other), (other,)), Erased(2, texts_of(second), ())))
    either.commit(right, NOW)
    assert either.disclosed_by_entry(subject) == {1: (other,), 3: texts_of(third)}
    assert [entry.seq for entry in either.entries(subject, 0, 9)] == [1, 2, 3]
    with pytest.raises(Seen):
        either.commit(right, NOW)  # its memory is found behind all that it deletes
    assert either.disclosed_by_entry(subject) == {1: (other,), 3: texts_of(third)}


def test_disclosures_are_erased_as_long_as_they_stand_so(either: Store) -> None:
    change = opened(NOW, texts=("a", "b"))
    either.commit(change, NOW)
    subject, (one, other) = change.after.id, texts_of(change)
    assert not either.erase(subject, Erased(1, (other, one), ()))
    assert not either.erase(subject, Erased(2, (one,), ()))
    assert either.erase(subject, Erased(1, (one, other), (other,)))
    assert not either.erase(subject, Erased(1, (one, other), (other,)))
    assert either.disclosed(subject) == {digest_of(other): other}
    assert either.erase(subject, Erased(1, (other,), ()))
    assert not either.erase(subject, Erased(1, (other,), ()))
    assert either.disclosed_by_entry(subject) == {}


# Numbers.


def test_numbers_are_drawn_once(either: Store) -> None:
    unit = code("U")
    with ThreadPoolExecutor(THREADS) as pool:
        drawn = list(pool.map(lambda _: either.numbered(unit, "22", date(2031, 3, 3)), range(40)))
    assert sorted(drawn) == list(range(1, 41))
    assert either.numbered(unit, "22", date(2031, 3, 3)) == 41
    assert either.numbered(unit, "22", date(2031, 3, 4)) == 1
    assert either.numbered(unit + "x", "22", date(2031, 3, 3)) == 1


def test_numbers_go_on_behind_one_that_is_kept(either: Store) -> None:
    unit, on = code("U"), date(2031, 3, 3)
    either.keep_numbered(unit, "22", on, 7)
    assert either.numbered(unit, "22", on) == 8
    for number in (3, 8):
        either.keep_numbered(unit, "22", on, number)
    assert either.numbered(unit, "22", on) == 9


# Lists.


def _around(held: Held) -> Span:
    """Give a span that holds no more than that dossier."""
    place = due_sort(held.dossier, held.id)
    return Span(5, place[:-1], place + "x")


def walked(read: Callable[[Span], Sequence[T]], place: Callable[[T], str], count: int, *, backwards: bool = False) -> Iterator[T]:
    """Page through a list."""
    span = Span(count, backwards=backwards)
    while rows := read(span):
        assert len(rows) <= count
        yield from rows
        last = place(rows[-1])
        assert last != (span.high if backwards else span.low), "a page begins behind the one before"
        span = Span(count, high=last, backwards=True) if backwards else Span(count, low=last)


@pytest.mark.parametrize("backwards", [False, True])
def test_a_list_goes_by_due_date_and_is_paged(either: Store, backwards: bool) -> None:  # noqa: FBT001
    unit = code("U")
    dates = [NOW + number * HOUR for number in (5, 3, 9, 3)] + [None, None]
    opens = [begun(either, unit=unit, due_at=due_at) for due_at in dates]
    closed = [begun(either, unit=unit, due_at=NOW + number * HOUR, state=State.DELIVERED) for number in (4, 8)]
    halves = [Partition(Index.UNIT, f"{unit}#OPEN"), Partition(Index.UNIT, f"{unit}#CLOSED")]

    def placed(some: list[Held]) -> list[tuple[str, Held]]:
        return sorted(((due_sort(held.dossier, held.id), held) for held in some), key=lambda row: row[0], reverse=backwards)

    for partitions, wanted in ((halves[:1], placed(opens)), (halves, placed(opens + closed)), (halves[::-1], placed(opens + closed))):
        assert either.listed(partitions, Span(50, backwards=backwards)) == wanted
        assert either.listed(partitions, Span(2, backwards=backwards)) == wanted[:2]
        for count in (1, 3):
            assert list(walked(partial(either.listed, partitions), lambda row: row[0], count, backwards=backwards)) == wanted
    low, high = moment(NOW + 3 * HOUR), moment(NOW + 8 * HOUR)  # instants bound a list, too
    inside = [row for row in placed(opens + closed) if low < row[0] < high]
    assert len(inside) == 4
    assert either.listed(halves, Span(50, low, high, backwards=backwards)) == inside
    assert either.listed(halves, Span(2, low, high, backwards=backwards)) == inside[:2]
    assert either.listed(halves, Span(50, high, low, backwards=backwards)) == []
    assert either.listed(halves, Span(50, inside[0][0], inside[0][0], backwards=backwards)) == []


def test_a_dossier_stands_in_every_list_that_it_belongs_to_and_in_no_other(either: Store) -> None:
    unit, point, other, person, officer = (code() for _ in range(5))
    lead = Assignment(1, AssignmentRole.LEAD, unit, NOW, officer)
    names = [
        Partition(Index.UNIT, f"{unit}#OPEN"), Partition(Index.UNIT, f"{unit}#CLOSED"),
        Partition(Index.PROVINCE, f"{PROVINCE}#OPEN"), Partition(Index.PROVINCE, f"{PROVINCE}#CLOSED"),
        Partition(Index.OFFICER, f"{officer}#OPEN"), Partition(Index.OFFICER, f"{officer}#CLOSED"), Partition(Index.APPLICANT, person),
        Partition(Index.POINT, f"{point}#INTAKE"), Partition(Index.POINT, f"{point}#DELIVERY"), Partition(Index.POINT, f"{other}#DELIVERY"),
    ]  # fmt: skip
    change = opened(NOW, unit=unit, point=point, delivery_point=other)
    held = committed(either, replace(change, after=replace(change.after, applicant_key=person)))
    steps: list[tuple[dict[str, Any], list[int]]] = [
        ({"state": State.RECEIVED, "due_at": NOW + DAY}, [0, 2, 6]), ({"state": State.IN_PROCESS, "assignments": (lead,)}, [0, 2, 4, 6]),
        ({"due_at": NOW + 2 * DAY}, [0, 2, 4, 6]), ({"state": State.DECIDED}, [1, 3, 5, 6, 9]), ({"state": State.DELIVERED}, [1, 3, 5, 6]),
    ]  # fmt: skip

    def there() -> list[int]:
        found = [either.listed([name], _around(held)) for name in names]
        assert all(rows == [(due_sort(held.dossier, held.id), held)] for rows in found if rows)
        return [number for number, rows in enumerate(found) if rows]

    assert there() == [0, 2, 6, 7]
    for given, wanted in steps:
        left = _around(held)
        held = committed(either, moved(held, NOW + HOUR, **given))
        assert there() == wanted, given
        if left != _around(held):
            assert either.listed([names[0]], left) == []


@pytest.mark.parametrize("backwards", [False, True])
def test_alerts_go_by_when_they_were_noticed_and_are_paged(either: Store, backwards: bool) -> None:  # noqa: FBT001
    unit, halves = code("U"), ("OPEN", "PAST")
    given: list[tuple[int, dict[str, Any]]] = [(5, {}), (3, {}), (9, {"closed_at": NOW}), (3, {"acknowledged_at": NOW}), (4, {})]
    wanted: list[tuple[str, Noticed]] = []
    for hours, ends in given:
        noticed = alert(observed_at=NOW + hours * HOUR, **ends)
        held = begun(either, unit=unit)
        committed(either, moved(held, NOW + HOUR, alerts=(noticed,)))
        wanted.append((f"{moment(noticed.observed_at)}#{held.id}#000001", Noticed(held.id, noticed)))
    wanted.sort(key=lambda row: row[0], reverse=backwards)
    partitions = [Partition(Index.UNIT, f"{unit}#{half}") for half in halves]
    assert either.alerts(partitions, Span(50, backwards=backwards)) == wanted
    assert either.alerts(partitions[:1], Span(50, backwards=backwards)) == [row for row in wanted if row[1].alert.open]
    for count in (1, 2, 3):
        assert list(walked(partial(either.alerts, partitions), lambda row: row[0], count, backwards=backwards)) == wanted
    low, high = moment(NOW + 3 * HOUR), moment(NOW + 5 * HOUR)
    assert either.alerts(partitions, Span(50, low, high, backwards=backwards)) == [row for row in wanted if low < row[0] < high]
    assert either.alerts(partitions, Span(50, high, low, backwards=backwards)) == []
    assert either.alerts([], Span(5)) == []


def test_an_alert_stands_in_every_list_that_it_belongs_to_and_in_no_other(either: Store) -> None:
    unit, point, officer = (code() for _ in range(3))
    keys = {Index.UNIT: unit, Index.PROVINCE: PROVINCE, Index.OFFICER: officer, Index.POINT: point}
    names = [Partition(index, f"{key}#{half}") for index, key in keys.items() for half in ("OPEN", "PAST")]
    held = begun(either, unit=unit, point=point)
    early, late = alert(officer=officer), alert(AlertLevel.OVERDUE, 2)

    def there(number: int) -> list[int]:
        place = f"{moment(NOW)}#{held.id}#{number:06d}"
        around = Span(5, place[:-1], f"{place}$")
        return [name for name, partition in enumerate(names) if place in dict(either.alerts([partition], around))]

    held = committed(either, moved(held, NOW + HOUR, alerts=(early, late)))
    assert (there(1), there(2)) == ([0, 2, 4], [0, 2, 6])  # the counter is told of what is late; the second is nobody's
    held = committed(either, moved(held, NOW + HOUR, alerts=(replace(early, closed_at=NOW), late)))
    assert (there(1), there(2)) == ([1, 3, 5], [0, 2, 6])
    held = committed(either, moved(held, NOW + HOUR, alerts=(held.dossier.alerts[0], replace(late, acknowledged_at=NOW))))
    assert (there(1), there(2)) == ([1, 3, 5], [1, 3, 7])


@pytest.mark.parametrize("by", By)
@pytest.mark.parametrize("backwards", [False, True])
def test_a_trail_goes_by_its_record_month_by_month_and_is_paged(either: Store, by: By, backwards: bool) -> None:  # noqa: FBT001
    unit, person = code("U"), Party(PartyKind.OFFICER, code(), Role.OFFICER)
    begins = datetime(2031, 4, 1, tzinfo=UTC)
    wanted: dict[str, list[tuple[str, Entry]]] = {}

    def done(before: Held | None, at: datetime, maker: Party = person, **given: Any) -> Held:  # noqa: ANN401 - the record's own fields
        record = replace(before.dossier, **given) if before else dossier(unit=unit)
        change = made(before, before.id if before else fresh(), record, at, maker=maker)
        wanted.setdefault(f"{at:%Y-%m}", []).append((f"{moment(at)}#{change.after.id}#{change.entry.seq:08d}", change.entry))
        return committed(either, change)

    first, second = done(None, NOW), done(None, NOW)  # two at one instant
    first = done(first, begins - timedelta(microseconds=1))
    first, second = done(first, begins), done(second, begins + HOUR)
    other, service = replace(person, id=code()), Party(PartyKind.SERVICE, code())
    if by is By.UNIT:  # whoever acts
        first, second = done(first, begins + 2 * HOUR, other), done(second, begins + 3 * HOUR, service)
        committed(either, moved(first, begins + 4 * HOUR, unit=code("U")))  # another's from this entry on
    else:  # wherever it is
        done(first, begins + 2 * HOUR, unit=code("U"))
        for maker in (other, service):
            second = committed(either, made(second, second.id, second.dossier, begins + 3 * HOUR, maker=maker))
    whose = unit if by is By.UNIT else person.id
    for month, rows in wanted.items():
        rows.sort(key=lambda row: row[0], reverse=backwards)
        read = partial(either.recorded, by, whose, month)
        assert read(Span(50, backwards=backwards)) == rows
        for count in (1, 2, 3):
            assert list(walked(read, lambda row: row[0], count, backwards=backwards)) == rows
    assert {month: len(rows) for month, rows in wanted.items()} == {"2031-03": 3, "2031-04": 4 if by is By.UNIT else 3}
    read = partial(either.recorded, by, whose, "2031-04")
    low, high = moment(begins), moment(begins + 2 * HOUR)  # an instant stands before what was recorded at it
    assert read(Span(50, low, high, backwards=backwards)) == [row for row in wanted["2031-04"] if row[1].recorded_at < begins + 2 * HOUR]
    assert read(Span(50, high, low, backwards=backwards)) == read(Span(50, low, low, backwards=backwards)) == []
    assert either.recorded(by, whose, "2031-05", Span(50)) == either.recorded(by, other.id + "x", "2031-04", Span(50)) == []
    assert either.recorded(By.ACTOR, service.id, "2031-04", Span(50)) == []  # no person


# What a change brings to the register.


def test_a_publication_stands_in_the_register_with_its_entry(either: Store) -> None:
    name, field = code("P"), code("F")
    first = replace(either.versions("XD-01")[0], code=name, field=field)
    assert either.versions(name) == ()
    change = made(None, fresh(), Publication(name, UNIT, 0, (first,)), NOW, register=(first,))
    held = committed(either, change)
    assert either.held(held.id) == held
    assert isinstance(held.record, Publication)
    assert either.versions(name) == either.versions(name, fresh=True) == (first,)
    assert either.procedures(None, field, Span(9)) == [name]
    ended, second = replace(first, valid_to=date(2031, 3, 3)), replace(first, version=2, valid_from=date(2031, 3, 4))
    both = made(held, held.id, Publication(name, UNIT, 0, (ended, second)), NOW + HOUR, register=(ended, second))
    either.commit(both, NOW)
    assert either.versions(name) == (ended, second)  # what stood is written over
    assert either.procedures(None, field, Span(9)) == [name]
    late = made(held, held.id, Publication(name, UNIT), NOW + HOUR, register=(replace(first, version=3),))
    with pytest.raises(Raced):
        either.commit(late, NOW)
    assert either.versions(name, fresh=True) == (ended, second)


# The register.


def test_a_thing_of_each_kind_reads_back(either: Store) -> None:
    name = code()
    assert (either.unit(name), either.point(name), either.officer(name), either.versions(name)) == (None, None, None, ())
    version = replace(either.versions("XD-01")[0], code=name)
    later = replace(version, version=12)
    unit, point = Unit(name, NAME, "DEPARTMENT", PROVINCE, UNIT, successors=("a", "b")), ReceptionPoint(name, NAME, PointKind.BRANCH, UNIT)
    officer = Officer(name, Role.RECEPTION, UNIT, name, date(2026, 3, 2))
    either.register([later, version, unit, point, officer], "22")
    assert either.versions(name) == either.versions(name, fresh=True) == (version, later)
    assert (either.unit(name), either.point(name), either.officer(name)) == (unit, point, officer)


def test_what_stands_in_the_register_is_left_as_it_is(either: Store) -> None:
    parent = code("N")
    units = [Unit(f"{parent}-{number:03d}", NAME, "FIRST", "22", parent) for number in range(230)]
    either.register(units[60:170:10], "22")
    either.register([replace(unit, kind="LATER") for unit in units], "22")
    wanted = {unit.code: "FIRST" if unit in units[60:170:10] else "LATER" for unit in units}
    found = list(walked(lambda span: either.units_below(parent, span), lambda unit: unit.code, 100))
    assert {unit.code: unit.kind for unit in found} == wanted
    either.register(units, "22")
    assert {name: unit.kind for name in wanted if (unit := either.unit(name))} == wanted
    either.register([], "22")


@pytest.mark.parametrize("backwards", [False, True])
def test_units_points_and_people_come_by_code(either: Store, backwards: bool) -> None:  # noqa: FBT001
    home = code("H")
    units = [Unit(f"{home}-{number}", NAME, "X", "22", home) for number in (3, 1, 2)]
    points = [ReceptionPoint(f"{home}-P{number}", NAME, PointKind.BRANCH, home) for number in (2, 3, 1)]
    people = [Officer(f"{home}-O{number}", Role.OFFICER, home) for number in (1, 3, 2)]
    either.register([*units, *points, *people], "22")
    lists: list[tuple[Callable[[str, Span], Sequence[Any]], Sequence[Any]]] = [
        (either.units_below, units), (either.points_of, points), (either.officers_of, people),
    ]  # fmt: skip
    for read, registered in lists:
        wanted = sorted(registered, key=lambda thing: thing.code, reverse=backwards)
        assert read(home, Span(9, backwards=backwards)) == wanted
        assert read(home, Span(2, backwards=backwards)) == wanted[:2]
        assert list(walked(partial(read, home), lambda thing: thing.code, 1, backwards=backwards)) == wanted
        assert read(home, Span(9, f"{wanted[0].code}", f"{wanted[0].code}")) == []
        assert read(home + "x", Span(9)) == []


def test_roots_are_those_that_nothing_stands_above(either: Store) -> None:
    root = Unit(code(), NAME, "X", "22")
    below = Unit(f"{root.code}-1", NAME, "X", "22", root.code)
    either.register([root, below], "22")
    assert either.units_below(None, Span(9, root.code[:-1], f"{root.code}-2")) == [root]
    provinces = {thing.code for _, thing in things() if isinstance(thing, Unit) and thing.parent is None}
    found = list(walked(lambda span: either.units_below(None, span), lambda unit: unit.code, 30))
    assert [unit.code for unit in found] == sorted(unit.code for unit in found)
    assert provinces <= {unit.code for unit in found}


def test_procedures_come_once_each_whole_by_kind_or_by_field(either: Store) -> None:
    field, pattern = code("F"), either.versions("XD-01")[0]
    names = [f"{field}-{number}" for number in (2, 1, 3)]
    either.register([replace(pattern, code=name, field=field, version=number) for name in names for number in (1, 2)], "22")
    either.register([replace(pattern, code=f"{field}-4", field=field, kind=DossierKind.COMPLAINT)], "22")
    mine = Span(9, field, f"{field}-9")
    assert either.procedures(None, field, Span(9)) == [f"{field}-{number}" for number in (1, 2, 3, 4)]
    assert either.procedures(None, field, Span(2, backwards=True)) == [f"{field}-4", f"{field}-3"]
    assert either.procedures(None, None, mine) == [f"{field}-{number}" for number in (1, 2, 3, 4)]
    assert either.procedures(pattern.kind, None, mine) == sorted(names)
    assert either.procedures(pattern.kind, "nothing", mine) == sorted(names)  # a kind goes before a field
    assert either.procedures(DossierKind.COMPLAINT, None, mine) == [f"{field}-4"]
    assert either.procedures(None, "nothing", Span(9)) == []


def test_the_calendar_has_the_overrides_of_the_register(either: Store) -> None:
    wanted = sorted((thing for _, thing in things() if isinstance(thing, Override)), key=lambda override: override.day)
    calendar = either.calendar()
    assert list(calendar.overrides) == wanted
    assert calendar.version == len(wanted) > 0
    either.register([replace(wanted[0], document="another")], "22")
    assert either.calendar() == calendar


def test_incidents_of_a_unit_are_those_that_are_open(either: Store) -> None:
    unit = code("U")
    first, second = (Ongoing(fresh(), unit, NOW, stops_clocks=stops) for stops in (True, False))
    assert either.incidents(unit) == ()
    change = made(None, fresh(), dossier(), NOW, register=(first, second))
    either.commit(change, NOW)
    assert set(either.incidents(unit)) == {first, second}
    over = replace(first, closed_at=NOW)
    either.commit(made(change.after, change.after.id, change.after.dossier, NOW, register=(over,)), NOW)
    assert either.incidents(unit) == (second,)
    assert set(either.incidents(unit, closed=True)) == {over, second}
    assert either.incidents(unit[:-1]) == ()


def test_a_note_stands_over_the_one_before(either: Store) -> None:
    name = code()
    assert either.noted(name) is None
    for text in ("một", "hai"):
        either.note(name, text)
        assert either.noted(name) == text
    assert either.noted(name[:-1]) is None


# Connections.


def connected(store: Store, *, acknowledged: bool = True, until: datetime = NOW + 2 * HOUR) -> Connection:
    connection = Connection(code("C"), until.replace(microsecond=0))
    store.connect(connection)
    known = replace(connection, phase=Phase.ACKNOWLEDGED, viewer="hidden")
    if acknowledged:
        assert store.acknowledge(known)
    return known if acknowledged else connection


def operation(connection: Connection, name: str, until: datetime | None = None) -> Operation:
    return Operation(connection.id, name, until or connection.expires_at)


def subscription(connection: Connection, name: str, subject: str, cohort: str = "{}") -> Subscription:
    return Subscription(
        f"dossier:{subject}", Cohort(cohort, None, "{}", "role:HEAD"), connection.id, name, subject, "hidden", connection.expires_at
    )


def test_a_connection_is_acknowledged_once(either: Store) -> None:
    connection = connected(either, acknowledged=False)
    assert either.connection(connection.id, NOW) == connection
    known = replace(connection, phase=Phase.ACKNOWLEDGED, viewer="hidden", viewer_until=NOW + HOUR)
    assert either.acknowledge(known)
    assert not either.acknowledge(replace(known, viewer="another"))
    assert either.connection(connection.id, NOW) == known
    assert either.connection(connection.id, connection.expires_at - timedelta(microseconds=1)) == known
    assert either.connection(connection.id, connection.expires_at) is None
    assert not either.acknowledge(replace(known, id=code()))
    assert either.connection(code(), NOW) is None


def test_of_acknowledgements_at_once_one_counts(either: Store) -> None:
    connection = connected(either, acknowledged=False)
    known = [replace(connection, phase=Phase.ACKNOWLEDGED, viewer=str(number)) for number in range(THREADS)]
    with ThreadPoolExecutor(THREADS) as pool:
        won = [one for one, first in zip(known, pool.map(either.acknowledge, known), strict=True) if first]
    assert won == [either.connection(connection.id, NOW)]


def test_an_operation_begins_once(either: Store) -> None:
    connection = connected(either, acknowledged=False)
    first, second, third = (operation(connection, name) for name in "abc")
    assert either.begin(first, 2, NOW) is Began.FULL  # it is not acknowledged
    either.acknowledge(replace(connection, phase=Phase.ACKNOWLEDGED))
    assert either.begin(first, 2, NOW) is Began.BEGUN
    assert either.begin(first, 2, NOW) is Began.DUPLICATE
    assert either.begin(second, 2, NOW) is Began.BEGUN
    assert either.begin(second, 2, NOW) is Began.DUPLICATE
    assert either.begin(third, 2, NOW) is Began.FULL
    assert either.end(connection.id, "a", NOW)
    assert either.begin(third, 2, NOW) is Began.BEGUN
    assert either.begin(first, 2, NOW) is Began.FULL
    assert either.begin(operation(replace(connection, id=code()), "a"), 2, NOW) is Began.GONE


def test_an_operation_that_has_expired_may_begin_again(either: Store) -> None:
    connection = connected(either)
    until = (NOW + HOUR).replace(microsecond=0)
    assert either.begin(operation(connection, "a", until), 5, NOW) is Began.BEGUN
    assert either.begin(operation(connection, "a"), 5, until) is Began.DUPLICATE
    assert either.begin(operation(connection, "a"), 5, until + SECOND) is Began.BEGUN


def test_a_completion_waits_for_the_subscribe_that_it_overtook(either: Store) -> None:
    connection = connected(either)
    assert not either.end(connection.id, "a", NOW)
    assert not either.end(connection.id, "a", NOW)
    assert either.begin(operation(connection, "a"), 5, NOW) is Began.COMPLETED
    assert either.begin(operation(connection, "a"), 5, NOW) is Began.BEGUN
    assert not either.end(connection.id, "b", NOW)
    assert either.begin(operation(connection, "b"), 5, NOW + TOMBSTONE + SECOND) is Began.BEGUN


def test_no_more_operations_begin_than_there_is_room_for(either: Store) -> None:
    connection = connected(either)

    def tried(name: int) -> Began:
        for _ in range(20):
            try:
                return either.begin(operation(connection, str(name)), 3, NOW)
            except Exception as error:  # noqa: BLE001 - the engine may find itself busy with the others
                last = error
        raise last

    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(tried, range(THREADS)))
    assert sorted(found) == [Began.BEGUN] * 3 + [Began.FULL] * (THREADS - 3)


def test_going_live_asks_for_the_last_entry(either: Store) -> None:
    connection = connected(either)
    held = committed(either, moved(begun(either), NOW + HOUR))
    row = replace(subscription(connection, "a", held.id), seen=1)
    assert either.begin(operation(connection, "a"), 5, NOW) is Began.BEGUN
    either.subscribe(row, NOW)
    assert not either.go_live(row, 1)
    assert not either.go_live(row, 3)
    assert either.subscriptions(row.topic, NOW) == [row]
    assert either.go_live(row, 2)
    assert either.subscriptions(row.topic, NOW) == [replace(row, status=Status.LIVE, seen=2)]
    held = committed(either, moved(held, NOW + HOUR))
    assert not either.go_live(row, 2)
    assert either.end(connection.id, "a", NOW)
    assert either.go_live(row, 2)  # nobody is left to be brought up to date
    assert either.go_live(row, 3) is True
    assert either.subscriptions(row.topic, NOW) == []


def test_going_live_on_accesses_asks_for_the_last_of_these(either: Store) -> None:
    connection, held = connected(either), begun(either)
    row = replace(subscription(connection, "a", held.id), topic=f"accesses:{held.id}")
    assert either.begin(operation(connection, "a"), 5, NOW) is Began.BEGUN
    either.subscribe(row, NOW)
    made = written(either, held, 2)
    assert not either.go_live(row, 0)
    assert not either.go_live(row, 1)
    assert either.subscriptions(row.topic, NOW) == [row]
    assert either.go_live(row, 2)
    assert either.subscriptions(row.topic, NOW) == [replace(row, status=Status.LIVE, seen=2)]
    either.access(looked_at(held, NOW, end_of(made[1])), end_of(made[1]), None, NOW)
    assert not either.go_live(row, 2)
    assert either.end(connection.id, "a", NOW)
    assert either.go_live(row, 3), "nobody is left to be brought up to date"
    assert either.subscriptions(row.topic, NOW) == []


def test_a_topic_is_wanted_for_eight_days_and_tells_whether_it_has_members(either: Store) -> None:
    connection, other = connected(either), connected(either)
    rows = [subscription(connection, "a", fresh()), subscription(connection, "b", fresh())]
    rows.append(replace(rows[0], connection=other.id))
    for row in rows:
        either.begin(Operation(row.connection, row.operation, NOW + HOUR), 5, NOW)
        either.subscribe(row, NOW)
    topics = [rows[0].topic, rows[1].topic]
    both = dict.fromkeys(topics, True)
    assert either.watched([*topics, "dossier:x", topics[0]], NOW) == both
    assert either.watched(topics, NOW + timedelta(days=8)) == {}
    assert either.watched(topics, NOW + timedelta(days=7, hours=23)) == both
    assert either.end(connection.id, "a", NOW)
    assert either.watched(topics, NOW) == both
    either.disconnect(other.id)
    assert either.watched(topics, NOW) == {topics[0]: False, topics[1]: True}
    assert either.subscriptions(topics[0], NOW) == []
    either.disconnect(connection.id)
    assert either.watched(topics, NOW) == dict.fromkeys(topics, False)
    assert either.watched(topics, NOW + timedelta(days=8)) == {}
    assert either.watched([f"dossier:{number}" for number in range(250)], NOW) == either.watched([], NOW) == {}


def test_a_feed_is_read_in_order_between_two_places(either: Store) -> None:
    topic, subject = f"unit:{code()}", fresh()
    rows = [Fed(NOW + number * SECOND, subject, 10 - number) for number in range(5)]
    rows.insert(2, replace(rows[1], seq=10))  # at the very same instant; as texts, 10 would come before 9
    for row in reversed(rows):
        either.feed(topic, row)
    either.feed(topic, rows[3])
    first = before(NOW)
    assert either.fed(topic, first, None, 100) == rows
    assert either.fed(topic, first, None, 4) == rows[:4]
    assert either.fed(topic, rows[1].place, None, 100) == rows[2:]
    assert either.fed(topic, rows[1].place, rows[4].place, 100) == rows[2:4]
    assert either.fed(topic, first, before(NOW + SECOND), 100) == rows[:1]
    assert either.fed(topic, before(NOW + SECOND), before(NOW), 100) == either.fed(topic, first, first, 100) == []
    assert either.fed(topic, rows[-1].place, None, 100) == either.fed(f"{topic}x", first, None, 100) == []


def test_a_feed_goes_live_whatever_its_subjects_have(either: Store) -> None:
    connection = connected(either)
    row = replace(subscription(connection, "a", ""), topic=f"unit:{code()}")
    assert either.begin(operation(connection, "a"), 5, NOW) is Began.BEGUN
    either.subscribe(row, NOW)
    live = row.replays(NOW, "0").hears(NOW)
    assert either.moved(row, live)
    assert either.subscriptions(row.topic, NOW) == [live]
    assert not either.moved(row, live.settled()), "it is no longer what it was"
    assert either.moved(live, live.settled())
    assert either.end(connection.id, "a", NOW)
    assert not either.moved(live.settled(), live), "nobody is left to be brought up to date"
    assert either.subscriptions(row.topic, NOW) == []


def test_a_row_is_put_back_to_replay_from_a_place(either: Store) -> None:
    connection = connected(either)
    row = replace(subscription(connection, "a", ""), topic=f"unit:{code()}")
    assert either.begin(operation(connection, "a"), 5, NOW) is Began.BEGUN
    either.subscribe(row, NOW)
    first, second = (f"{number:016d}" for number in (1, 2))
    back = either.put_back(row, NOW, second)
    assert back == row.replays(NOW, second)
    assert either.subscriptions(row.topic, NOW) == [back]
    assert either.put_back(row, NOW + SECOND, first) == row.replays(NOW + SECOND, first)
    again = either.put_back(row, NOW, second)
    assert again == row.replays(NOW, first), "what is owed already is not forgotten"
    assert again
    assert not either.moved(back, back.settled()), "somebody else has taken it up"
    live = again.hears(NOW)
    assert either.moved(again, live)
    assert either.put_back(row, NOW, second) == again, "its last read was owed"
    assert either.moved(again, live.settled())
    assert either.put_back(row, NOW, second) == row.replays(NOW, second)
    assert either.end(connection.id, "a", NOW)
    assert either.put_back(row, NOW, second) is None, "nobody is there any more"
    assert either.subscriptions(row.topic, NOW) == []


def test_connections_are_found_by_the_minute_of_their_end(either: Store) -> None:
    far = NOW + timedelta(days=secrets.randbelow(3000), minutes=3)
    ids = sorted(f"beat-{code()}-{number}" for number in range(3))
    for id_ in reversed(ids):
        either.connect(Connection(id_, far))
    either.connect(Connection(f"{ids[0]}-later", far + timedelta(minutes=1)))

    def beating(after: str | None, count: int) -> list[str]:
        return [id_ for id_ in either.beating(beat_of(far), after, count) if id_ in ids]

    assert beating(None, 1000) == ids
    assert either.beating(beat_of(far), ids[0], 1) == ids[1:2]
    assert beating(ids[2], 1000) == []
    either.disconnect(ids[1])
    assert beating(None, 1000) == [ids[0], ids[2]]
    for id_ in (ids[0], ids[2], f"{ids[0]}-later"):
        either.disconnect(id_)


def test_what_was_begun_for_a_subscription_is_noted_until_it_is_paid(either: Store) -> None:
    connection = connected(either, until=NOW + timedelta(days=400))
    began, lane = NOW + timedelta(days=300, seconds=secrets.randbelow(10**6)), lane_of(connection.id)
    rows = [subscription(connection, name, code("s")).replays(began + number * SECOND, str(number)) for number, name in enumerate("abc")]
    for row in rows:
        assert either.begin(operation(connection, row.operation), 5, NOW) is Began.BEGUN
        either.subscribe(row, NOW)

    def owed(until: datetime, after: str | None = None, count: int = 100) -> list[Subscription | None]:
        return [one.subscription for one in either.owed(lane, until, after, count) if one.place >= before(began)]

    assert owed(began + 2 * SECOND) == rows[:2]
    assert owed(began + 3 * SECOND) == rows
    notes = [one for one in either.owed(lane, began + 3 * SECOND, before(began), 100) if connection.id in one.place]
    assert [one.subscription for one in either.owed(lane, began + 3 * SECOND, notes[0].place, 1)] == rows[1:2]
    assert all(not either.owed(other, began + 3 * SECOND, before(began), 100) for other in range(LANES) if other != lane)
    again = either.put_back(rows[0], began + 9 * SECOND, "7")
    assert again == replace(rows[0], since=began + 9 * SECOND)
    assert owed(began + 10 * SECOND) == [again, *rows[1:], again], "each time that it was begun"
    assert either.end(connection.id, "b", NOW)
    assert owed(began + 10 * SECOND) == [again, None, rows[2], again]
    for one in either.owed(lane, began + 3 * SECOND, before(began), 100):
        either.paid(one)
        either.paid(one)
    assert owed(began + 10 * SECOND) == [again]
    assert either.owed(lane, before_all := NOW - timedelta(days=3000), None, 5) == either.owed(lane, before_all, before(began), 5) == []
    either.disconnect(connection.id)


def test_entries_are_read_by_their_names(either: Store) -> None:
    first, second = begun(either), begun(either)
    first = committed(either, moved(first, NOW + HOUR))
    places = [(first.id, 2), (second.id, 1), (first.id, 2), (first.id, 3), (fresh(), 1)]
    found = either.entries_named(places)
    assert found == {(first.id, 2): either.entries(first.id, 1, 1)[0], (second.id, 1): either.entries(second.id, 0, 1)[0]}
    assert either.entries_named([]) == {}
    assert either.entries_named([(first.id, number) for number in range(1, 250)]).keys() == {(first.id, 1), (first.id, 2)}


def test_subscriptions_of_a_topic_come_by_cohort(either: Store) -> None:
    subject = fresh()
    rows = []
    for cohort in ("{a}", "{b}", "{a}", "{b}"):
        connection = connected(either)
        for name in "ba":
            rows.append(subscription(connection, name, subject, cohort))
            either.begin(operation(connection, name), 5, NOW)
            either.subscribe(rows[-1], NOW)
    assert either.subscriptions(rows[0].topic, NOW + 9 * HOUR) == sorted(
        rows, key=lambda row: (row.cohort.key, row.connection, row.operation)
    )  # those that have expired among them
    assert either.subscriptions("dossier:x", NOW) == []


def test_a_subscription_whose_operation_was_completed_takes_its_row_back(either: Store) -> None:
    row = subscription(connected(either), "a", fresh())
    either.subscribe(row, NOW)  # there is no such operation
    assert either.subscriptions(row.topic, NOW) == []
    assert either.watched([row.topic], NOW) == {row.topic: False}


def test_an_operation_ends_once_and_gives_its_room_back(either: Store) -> None:
    connection = connected(either)
    row = subscription(connection, "a", fresh())
    assert either.begin(operation(connection, "a"), 1, NOW) is Began.BEGUN
    either.subscribe(row, NOW)
    assert either.end(connection.id, "a", NOW)
    assert either.subscriptions(row.topic, NOW) == []
    assert not either.end(connection.id, "a", NOW)
    assert either.begin(operation(connection, "b"), 1, NOW) is Began.BEGUN
    assert not either.end(code(), "a", NOW)


def test_whoever_disconnects_is_forgotten(either: Store) -> None:
    connection, subject = connected(either), fresh()
    for name in "ab":
        either.begin(operation(connection, name), 5, NOW)
        either.subscribe(subscription(connection, name, subject), NOW)
    either.begin(operation(connection, "c"), 5, NOW)
    either.end(connection.id, "never begun", NOW)
    either.disconnect(connection.id)
    assert either.connection(connection.id, NOW) is None
    assert either.subscriptions(f"dossier:{subject}", NOW) == []
    assert either.watched([f"dossier:{subject}"], NOW) == {f"dossier:{subject}": False}
    assert either.begin(operation(connection, "never begun"), 5, NOW) is Began.GONE
    assert either.begin(operation(connection, "a"), 5, NOW) is Began.GONE
    either.disconnect(connection.id)


def test_a_follower_keeps_its_place_in_each_shard(either: Store) -> None:
    follower = code()
    assert either.place(follower, "shard-1") is None
    for position in ("1", "2"):
        either.keep_place(follower, "shard-1", position)
    either.keep_place(follower, "shard-2", "7")
    assert [either.place(follower, f"shard-{number}") for number in (1, 2, 3)] == ["2", "7", None]
    assert either.place(follower + "x", "shard-1") is None


# Accesses.


def written(store: Store, held: Held, count: int, **given: Any) -> list[Accessed]:  # noqa: ANN401 - as `looked_at` takes it
    """Write some accesses to a dossier."""
    made, tip = [], Tip()
    for _ in range(count):
        made.append(looked_at(held, NOW, tip, **given))
        store.access(made[-1], tip, None, NOW)
        tip = end_of(made[-1])
    return made


def test_accesses_read_back_in_order_and_against_it(either: Store) -> None:
    held = begun(either)
    assert either.accesses(held.id, 0, 10) == []
    made = written(either, held, 5, texts=("một", "hai"))
    assert either.accesses(held.id, 0, 10) == made
    assert {disclosed(text) for text in either.accesses(held.id, 0, 1)[0].disclosures.values()} == {("text", "một"), ("text", "hai")}
    assert either.accesses(held.id, 2, 2) == made[2:4]
    assert either.accesses(held.id, 0, 2, backwards=True) == [made[4], made[3]]
    assert either.accesses(held.id, 1, 9, backwards=True, before=4) == [made[2], made[1]]
    assert either.accesses(held.id, 3, 9, before=4) == either.accesses(held.id, 5, 9) == either.accesses(DossierId("0" * 32), 0, 9) == []
    assert either.entries(held.id, 0, 10)[0].body["log"] != made[0].entry.body["log"]
    assert written(either, begun(either), 1)[0].disclosures == {}


def test_an_access_of_a_number_that_there_is_writes_nothing(either: Store) -> None:
    held = begun(either)
    (first,) = written(either, held, 1)
    with pytest.raises(Raced):
        either.access(looked_at(held, NOW + HOUR, texts=("x",)), Tip(), None, NOW)
    memory = Repeat(held.id, "k", "f", held.id, 1, NOW + HOUR)
    with pytest.raises(Raced):
        either.access(looked_at(held, NOW + HOUR), Tip(), memory, NOW)
    assert either.accesses(held.id, 0, 10) == [first]
    assert either.remembered([(held.id, "k")]) == {}


def test_an_access_that_is_remembered_is_written_once(either: Store) -> None:
    held = begun(either)
    made = looked_at(held, NOW)
    memory = Repeat(held.id, "k", "f", held.id, 1, (NOW + HOUR).replace(microsecond=0))
    either.access(made, Tip(), memory, NOW)
    assert either.held_with_memory(held.id, held.id, "k") == (held, memory)
    later = looked_at(held, NOW, end_of(made))
    with pytest.raises(Seen):
        either.access(made, Tip(), memory, NOW)
    with pytest.raises(Seen):
        either.access(later, end_of(made), replace(memory, seq=2), NOW)
    assert either.accesses(held.id, 0, 10) == [made]
    either.access(later, end_of(made), replace(memory, seq=2, expires_at=(NOW + DAY).replace(microsecond=0)), NOW + 2 * HOUR)
    assert either.accesses(held.id, 0, 10) == [made, later]
    assert either.remembered([(held.id, "k")])[held.id, "k"].seq == 2


def test_of_accesses_at_once_one_is_written(either: Store) -> None:
    held = begun(either)

    def tried(number: int) -> bool:
        try:
            either.access(looked_at(held, NOW, texts=(str(number),)), Tip(), None, NOW)
        except Raced:
            return False
        return True

    with ThreadPoolExecutor(THREADS) as pool:
        assert sum(pool.map(tried, range(THREADS))) == 1
    assert len(either.accesses(held.id, 0, 10)) == 1


# Both at once.


def items_of(tables: Mapping[str, Sequence[Mapping[str, Any]]], subjects: frozenset[str]) -> set[str]:
    """Give the items that belong to some subjects, each as a text."""

    def texts(item: Mapping[str, Any]) -> set[str]:
        return {str(item.get(name, {}).get("S")) for name in ("subject", "pk")}

    return {f"{table} {sorted(item.items())}" for table, items in tables.items() for item in items if texts(item) & subjects}


def test_both_keep_the_same_items(store: DynamoStore, simulated: SimulatedStore, engine: Engine) -> None:
    first = opened(NOW, texts=("a", "b"))
    second = moved(first.after, NOW + HOUR, texts=("c",), alert_at=NOW + DAY, state=State.RECEIVED)
    third = moved(second.after, NOW + HOUR, alert_at=NOW + 2 * DAY)
    looks = [looked_at(first.after, NOW)]
    looks.append(looked_at(first.after, NOW, end_of(looks[0]), texts=("e", "f")))
    for each in (store, simulated):
        for change in (first, second, third):
            each.commit(change, NOW)
        with pytest.raises(Raced):
            each.commit(moved(second.after, NOW + HOUR, texts=("d",), alert_at=NOW + 3 * DAY), NOW)
        each.access(looks[0], Tip(), None, NOW)
        each.access(looks[1], end_of(looks[0]), Repeat(first.after.id, "k", "f", first.after.id, 2, NOW + HOUR), NOW)
    client = boto3.client("dynamodb", endpoint_url=engine.endpoint, region_name=REGION)
    here = simulated.scanned()
    scans = {name: client.get_paginator("scan").paginate(TableName=f"giamsat-test-{name}", ConsistentRead=True) for name in here}
    there = {name: [item for page in pages for item in page["Items"]] for name, pages in scans.items()}
    mine = frozenset({first.after.id})
    assert items_of(here, mine) == items_of(there, mine)
    # State, code, memories, entries, disclosures, due row, markers; accesses, with the memory of one and their markers.
    assert len(items_of(here, mine)) == 1 + 1 + 3 + 3 + 2 + 1 + 3 + 2 + 1 + 2


class Walk:
    """Calls made up by chance from what earlier ones led to; each is made on both stores."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.now = NOW
        self.subjects: list[DossierId] = [DossierId(f"{chance.getrandbits(128):032x}") for _ in range(5)]
        self.unit, *connections = (f"W-{chance.getrandbits(64):x}" for _ in range(4))
        self.connections = [Connection(name, NOW + 3 * HOUR) for name in connections]
        self.known: list[Held] = []
        self.changes: list[Change] = []

    def step(self) -> tuple[str, Callable[[Store], object]]:
        """Make up a call."""
        self.now += self.chance.choice([timedelta(0), SECOND, 20 * SECOND, HOUR / 4])
        name = self.chance.choice([*["commit"] * 12, "read", "read", "entries", "list", "list", "list", *["live"] * 16])
        return name, getattr(self, f"_{name}")()

    def _commit(self) -> Callable[[Store], object]:
        chance, now = self.chance, self.now
        texts = [f"text {number}" for number in range(chance.choice([0, 0, 1, 2]))]
        kind = chance.random()
        if kind < 0.2 or not self.known:
            lasting = {"unit": self.unit, "code": f"{self.unit}-{chance.randrange(6)}", "delivery_point": self.unit}
            change = opened(now, chance.choice(self.subjects), texts=texts, **lasting)
        elif kind < 0.3:
            change = chance.choice(self.changes)
        else:
            before = self.known[-1] if chance.random() < 0.4 else chance.choice(self.known)
            alert_at, due_at = (chance.choice([None, NOW + chance.randrange(9) * DAY]) for _ in range(2))
            given = {"state": chance.choice(list(State)[:9]), "due_at": due_at}
            change = moved(before, now, texts=texts, alert_at=alert_at, key=f"key-{chance.randrange(12)}", **given)
            until = chance.choice([None, now + HOUR, now + 6 * HOUR])
            change = replace(change, repeat=replace(change.memory, expires_at=until))
        self.changes.append(change)

        def commit(store: Store) -> object:
            store.commit(change, now)
            if change.after not in self.known:
                self.known.append(change.after)
            return store.held(change.after.id)

        return commit

    def _read(self) -> Callable[[Store], object]:
        subject, key = self.chance.choice(self.subjects), f"key-{self.chance.randrange(12)}"
        some: dict[str, set[int]] = {one: {1, self.chance.randrange(1, 9)} for one in self.subjects}
        name = f"{self.unit}-{self.chance.randrange(6)}"
        return lambda store: (
            store.held(subject), store.held_with_memory(subject, subject, key), store.coded(name), store.disclosed(subject),
            store.disclosed_with(some), store.remembered([(one, key) for one in self.subjects]), sorted(due_rows(store, subject)),
        )  # fmt: skip

    def _entries(self) -> Callable[[Store], object]:
        chance = self.chance
        subject, after, limit = chance.choice(self.subjects), chance.randrange(9), chance.randrange(1, 9)
        before, backwards = chance.choice([None, chance.randrange(12)]), chance.random() < 0.5
        lengths: dict[str, int] = {one: chance.randrange(9) for one in self.subjects}
        return lambda store: (
            store.entries(subject, after, limit, backwards=backwards, before=before),
            store.newest(lengths, limit),
            store.recorded(By.UNIT, self.unit, f"{NOW:%Y-%m}", Span(limit, backwards=backwards)),
        )

    def _list(self) -> Callable[[Store], object]:
        chance = self.chance
        index, ends = chance.choice(
            [(Index.UNIT, ("#OPEN", "#CLOSED")), (Index.POINT, ("#DELIVERY", "#INTAKE")), (Index.OFFICER, ("#OPEN",))]
        )
        partitions = [Partition(index, self.unit + end) for end in chance.sample(ends, chance.randrange(1, len(ends) + 1))]
        places = [None, moment(NOW + HOUR), *(due_sort(held.dossier, held.id) for held in self.known)]
        span = Span(chance.randrange(1, 7), chance.choice(places), chance.choice(places), chance.random() < 0.5)
        return lambda store: store.listed(partitions, span)

    def _live(self) -> Callable[[Store], object]:
        chance, now = self.chance, self.now
        connection, name, subject = chance.choice(self.connections), chance.choice("abc"), chance.choice(self.subjects)
        row = replace(subscription(connection, name, subject, chance.choice(["{a}", "{b}"])), seen=chance.randrange(3))
        length = max((held.tip.seq for held in self.known if held.id == subject), default=0)
        known, limit = replace(connection, phase=Phase.ACKNOWLEDGED, viewer=name), chance.randrange(1, 4)
        begins, until = replace(operation(connection, name), expires_at=now + HOUR), chance.choice([length, length, 1])
        topics = [f"dossier:{one}" for one in self.subjects]
        calls: list[Callable[[Store], object]] = [
            lambda store: store.connect(connection), lambda store: store.acknowledge(known), lambda store: store.acknowledge(known),
            lambda store: store.begin(begins, limit, now), lambda store: store.begin(begins, 5, now),
            lambda store: store.subscribe(row, now), lambda store: store.subscribe(row, now), lambda store: store.go_live(row, until),
            lambda store: store.end(connection.id, name, now), lambda store: store.disconnect(connection.id),
        ]  # fmt: skip
        call = chance.choice(calls)
        return lambda store: (
            call(store), store.connection(connection.id, now), store.subscriptions(row.topic, now), store.watched(topics, now),
        )  # fmt: skip


@pytest.mark.parametrize("turn", range(3))
def test_both_answer_alike_all_along_a_walk(store: DynamoStore, turn: int) -> None:
    seed = int(os.environ.get("GIAMSAT_SIMULATION_SEED", secrets.randbits(32) + turn))
    print(f"seed {seed}: walk again with GIAMSAT_SIMULATION_SEED={seed}")  # noqa: T201 - shown when the test fails
    walk = Walk(random.Random(seed))  # noqa: S311 - calls to be repeated by their seed
    simulated = SimulatedStore(lambda: walk.now, seed)
    seen: set[type[Exception] | None] = set()
    for number in range(300):
        name, call = walk.step()
        answers: list[tuple[type[Exception] | None, object]] = []
        for each in (store, simulated):
            try:
                answers.append((None, call(each)))
            except (Seen, Raced) as error:
                answers.append((type(error), None))
        assert answers[0] == answers[1], f"call {number}, {name}"
        seen.add(answers[0][0])
    assert seen == {None, Seen, Raced}
