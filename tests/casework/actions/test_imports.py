"""A process event log as moves: how a case is laid out, in which order cases go, and what a second run adds."""

import random
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from casework.actions.imports import Case, ImportedMove, Kind, Log, LoggedEvent, by_time, made, moves, register, remembered
from casework.adapters.dynamo import DynamoStore
from casework.model.errors import Invalid
from casework.model.procedure import Channel
from casework.model.record import DossierId, HolderKind, State
from casework.ports import Held, Services
from tests.support import SettableClock, present

DAY = datetime(2026, 3, 2, 2, tzinfo=UTC)
OWN, BESIDE = "L-EMPTY", "L-G4"


def at(hours: float) -> datetime:
    return DAY + timedelta(hours=hours)


def event(id_: str, hours: float, *, opinion: bool = False, unit: str = OWN, name: str = "T01") -> LoggedEvent:
    return LoggedEvent(id_, name, at(hours), "R1", unit, opinion)


def case(*events: LoggedEvent, id_: str = "c1", ended: float | None = None, starts: float = 0) -> Case:
    return Case(id_, Channel.POST, at(starts), at(24 * 30), "R0", events, at(ended) if ended is not None else None)


def log(*cases: Case, name: str = "log") -> Log:
    return Log(name, OWN, {OWN: "Own", BESIDE: "Beside"}, {"R0": OWN, "R1": OWN, "R2": BESIDE}, ("T01", "T02", "T07-1"), cases)


def shape(found: tuple[ImportedMove, ...]) -> list[tuple[Kind, float]]:
    return [(move.kind, (move.at - DAY) / timedelta(hours=1)) for move in found]


OPENING = [(Kind.SUBMIT, 0.0), (Kind.RECEIVE, 0.0), (Kind.LEAD, 0.0)]


def test_a_plain_case_is_opened_worked_and_decided() -> None:
    one = case(event("e1", 1), event("e2", 2), ended=3)
    found = moves(log(one), one)
    assert shape(found) == [*OPENING, (Kind.STEP, 1), (Kind.STEP, 2), (Kind.DECIDE, 3)]
    assert [move.officer for move in found] == [None, "R0", "R0", "R1", "R1", "R0"]
    assert [move.last for move in found] == [False] * 5 + [True]
    assert [move.id for move in found] == ["case/c1/submit", "case/c1/receive", "case/c1/lead", "event/e1", "event/e2", "case/c1/decide"]


def test_a_case_without_an_end_is_not_decided() -> None:
    one = case(event("e1", 1))
    found = moves(log(one), one)
    assert shape(found) == [*OPENING, (Kind.STEP, 1)]
    assert found[-1].last


def test_a_case_without_events_is_opened_and_ended() -> None:
    one = case(ended=3)
    assert shape(moves(log(one), one)) == [*OPENING, (Kind.DECIDE, 3)]
    alone = case()
    assert shape(moves(log(alone), alone)) == OPENING


def test_events_after_the_end_follow_the_decision_and_one_at_the_end_does_not() -> None:
    one = case(event("e1", 1), event("e2", 3), event("e3", 4), event("e4", 5, opinion=True, unit=BESIDE), ended=3)
    found = moves(log(one), one)
    assert shape(found) == [*OPENING, (Kind.STEP, 1), (Kind.STEP, 3), (Kind.DECIDE, 3), (Kind.STEP, 4), (Kind.OPINION, 5)]
    assert found[-1].last
    assert sum(move.last for move in found) == 1


def test_events_before_the_start_date_the_first_move() -> None:
    one = case(event("e1", -5), event("e2", 1), ended=2)
    found = moves(log(one), one)
    assert shape(found)[:4] == [(Kind.SUBMIT, -5), (Kind.RECEIVE, -5), (Kind.LEAD, -5), (Kind.STEP, -5)]
    assert one.starts_at == at(0)


def test_a_case_that_ends_before_it_starts_keeps_its_dates() -> None:
    one = case(event("e1", 1), ended=-2)
    assert shape(moves(log(one), one)) == [*OPENING, (Kind.DECIDE, -2), (Kind.STEP, 1)]


def test_a_unit_is_made_to_coordinate_once_before_its_first_opinion() -> None:
    one = case(
        event("e1", 1, opinion=True, unit=BESIDE),
        event("e2", 2, opinion=True, unit=BESIDE),
        event("e3", 3, opinion=True),
        ended=9,
    )
    found = moves(log(one), one)
    kinds = [(move.kind, move.unit) for move in found[3:]]
    assert kinds == [(Kind.COORDINATE, BESIDE), (Kind.OPINION, BESIDE), (Kind.OPINION, BESIDE), (Kind.COORDINATE, OWN), (Kind.OPINION, OWN),
                     (Kind.DECIDE, OWN)]  # fmt: skip
    assert found[3].id == f"case/c1/coordinate/{BESIDE}"
    assert (found[3].officer, found[3].at) == ("R0", at(1))


def test_each_move_has_an_identity_of_its_own() -> None:
    one = case(event("e1", 1, opinion=True, unit=BESIDE), event("e2", 2), ended=3)
    ids = [(move.id, move.kind) for move in moves(log(one), one)]
    assert len(set(ids)) == len(ids)


def test_cases_interleave_by_time_and_each_keeps_its_order() -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    chance = random.Random(seed)  # noqa: S311 - a log, not a secret
    cases = []
    for number in range(30):
        hours = sorted(chance.uniform(-10, 100) for _ in range(chance.randint(0, 8)))
        events = [
            event(f"c{number}-e{n}", hour, opinion=chance.random() < 0.3, unit=chance.choice([OWN, BESIDE])) for n, hour in enumerate(hours)
        ]
        ended = chance.choice([None, chance.uniform(-20, 120)])
        cases.append(case(*events, id_=f"c{number}", ended=ended, starts=chance.uniform(0, 50)))
    whole = log(*cases)
    ordered = list(by_time(whole))
    for one in cases:
        assert tuple(move for of, move in ordered if of is one) == moves(whole, one)
    assert len(ordered) == sum(len(moves(whole, one)) for one in cases)
    latest: dict[str, datetime] = {}
    reached = []
    for of, move in ordered:
        latest[of.id] = max(latest.get(of.id, move.at), move.at)
        reached.append(latest[of.id])
    assert reached == sorted(reached)


# Into the store.


@pytest.fixture
def whole() -> Log:
    first = case(event("e1", 1), event("e2", 2, opinion=True, unit=BESIDE, name="T07-1"), event("e3", 9, name="T02"), ended=5, id_="a")
    second = case(event("f1", 3), id_="b")
    odd = case(event("g1", 1), ended=-2, id_="c")
    return log(first, second, odd, name=f"log-{secrets.token_hex(4)}")


def run(services: Services, whole: Log, stop: int | None = None) -> dict[str, Held]:
    """Import as `giamsat replay` does, up to a number of moves; gives the dossiers by case."""
    version = register(services, whole)
    known: dict[str, Held | DossierId] = {}
    found: dict[str, Held] = {}
    for number, (one, move) in enumerate(by_time(whole)):
        if stop is not None and number >= stop:
            break
        memory = remembered(services, whole, (move,)).get(move.id)
        if memory is not None:
            known[one.id] = DossierId(memory.subject)
            continue
        known[one.id] = found[one.id] = made(services, whole, version, one, move, known.get(one.id)).held
    return found


def test_a_log_becomes_dossiers(services: Services, store: DynamoStore, whole: Log) -> None:
    found = run(services, whole)
    first = found["a"].dossier
    assert (first.state, first.decided_at, first.due_at, first.received_at) == (State.DECIDED, at(5), at(24 * 30), at(0))
    actions = [entry.body["action"] for entry in store.entries(found["a"].id, 0, 100)]
    assert actions == [
        "SUBMITTED",
        "RECEIVED",
        "ASSIGNED",
        "STEP_COMPLETED",
        "ASSIGNED",
        "OPINION_GIVEN",
        "DECIDED",
        "STEP_RECORDED_AFTER_DECISION",
    ]
    assert [step.after_decision for step in first.steps] == [False, True]
    assert first.opinions[0].subject == "T07-1"
    assert first.opinions[0].assignment == 2
    assert first.lead is None
    assert first.assignments[0].officer == "R0"
    assert first.imported
    assert (first.imported.log, first.imported.case, first.imported.starts_at) == (whole.name, "a", at(0))


def test_entries_bear_the_logs_own_times_and_officers(services: Services, store: DynamoStore, whole: Log) -> None:
    found = run(services, whole)
    entries = store.entries(found["a"].id, 0, 100)
    assert [entry.occurred_at for entry in entries] == [at(0), at(0), at(0), at(1), at(2), at(2), at(5), at(9)]
    for entry in entries:
        assert entry.body["actor"] == {"kind": "IMPORT", "id": whole.name, "role": "IMPORT"}
        assert entry.body["reason"] == {"code": "IMPORTED", "log": whole.name}
        assert entry.body["digests"] == []
    assert entries[0].body["on_behalf_of"] is None
    assert entries[3].body["on_behalf_of"] == {"kind": "OFFICER", "id": "R1", "unit": OWN}


def test_a_case_that_ends_before_it_starts_is_kept_and_flagged(services: Services, whole: Log) -> None:
    odd = run(services, whole)["c"].dossier
    assert odd.flags == ("INCONSISTENT",)
    assert (odd.received_at, odd.decided_at) == (at(0), at(-2))
    assert odd.intervals[-1].from_at == odd.intervals[-1].to_at


def test_an_open_case_gets_its_due_row_with_its_last_move(services: Services, whole: Log, clock: SettableClock) -> None:
    clock.ahead = at(10) - present()  # while the due date lies ahead
    found = run(services, whole)
    assert found["b"].dossier.state is State.IN_PROCESS
    assert found["b"].dossier.intervals[-1].holder is HolderKind.OFFICER
    assert found["b"].due
    assert found["a"].due is None
    assert found["b"].dossier.imported
    assert found["b"].dossier.imported.alerts_from


def test_levels_that_passed_before_the_import_are_never_raised(services: Services, whole: Log, clock: SettableClock) -> None:
    clock.ahead = at(24 * 400) - present()
    assert run(services, whole)["b"].due is None


def test_a_second_run_adds_nothing(services: Services, store: DynamoStore, whole: Log) -> None:
    found = run(services, whole)
    before = {name: store.entries(held.id, 0, 100) for name, held in found.items()}
    assert run(services, whole) == {}
    assert {name: store.entries(held.id, 0, 100) for name, held in found.items()} == before


@pytest.mark.parametrize("stop", [1, 4, 9, 14])
def test_a_run_that_was_broken_off_goes_on_where_it_stopped(services: Services, store: DynamoStore, whole: Log, stop: int) -> None:
    run(services, whole, stop)
    run(services, whole)
    for one in whole.cases:
        memories = remembered(services, whole, moves(whole, one))
        assert set(memories) == {move.id for move in moves(whole, one)}
        (subject,) = {memory.subject for memory in memories.values()}
        assert len(store.entries(subject, 0, 100)) == len(moves(whole, one))
        assert all(memory.expires_at is None for memory in memories.values())


def test_a_move_that_another_run_made_meanwhile_is_not_made_twice(services: Services, store: DynamoStore, whole: Log) -> None:
    version = register(services, whole)
    one = whole.cases[0]
    first, second, *_ = moves(whole, one)
    opened = made(services, whole, version, one, first, None)
    again = made(services, whole, version, one, first, None)
    assert again.repeated
    assert again.held.id == opened.held.id
    received = made(services, whole, version, one, second, opened.held)
    assert made(services, whole, version, one, second, opened.held).repeated
    assert store.held(opened.held.id) == received.held


def test_the_register_knows_the_log_and_learns_new_steps(services: Services, whole: Log) -> None:
    version = register(services, whole)
    assert (version.version, version.limit.unit.value, {step.code for step in version.steps}) == (1, "FIXED_DATE", set(whole.steps))
    assert register(services, whole) == version
    wider = replace(whole, steps=(*whole.steps, "T99"))
    assert register(services, wider).version == 2
    beside = services.store.unit(BESIDE)
    assert beside
    assert beside.parent == OWN
    officer = services.store.officer("R2")
    assert officer
    assert officer.unit == BESIDE


def test_a_log_named_as_something_of_the_register_is_refused(services: Services) -> None:
    for name in ("XD-01", "22-XD"):
        with pytest.raises(Invalid) as caught:
            register(services, replace(log(case(event("e1", 1))), name=name, unit=name, units={name: name}))
        assert caught.value.code == "NAME_TAKEN"
    assert [version.version for version in services.store.versions("XD-01")] == [1]
