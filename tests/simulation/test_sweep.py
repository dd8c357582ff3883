"""Four sweeps at once under faults: each level is raised once, and none is missing. Seeds are printed; one is repeated by its number."""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from casework import commits
from casework.actions import deadlines as sweeping
from casework.actions.deadlines import Sweeper
from casework.model import raising
from casework.model.alert import levels
from casework.model.deadlines import deadlines
from casework.model.errors import Corrupt, Unavailable
from casework.model.moves import MoveName
from casework.model.packing import moment
from casework.model.record import AssignmentRole, DossierId
from casework.noticing import MOST_AT_ONCE
from casework.ports import Held, Services, Store
from casework.views import setting
from schema import inputs
from tests.simulation import dossiers as simulated
from tests.simulation.faults import Crash, Faults
from tests.simulation.soundness import unsound
from tests.simulation.store import SimulatedStore
from tests.simulation.turns import Turns
from tests.simulation.worlds import DAY, HEAD, HOUR, SECOND, World
from tests.simulation.writes import anyhow, put

SEEDS = range(50)
SWEEPS = 4
DOSSIERS = 4
LONG = 31 * DAY  # until everything that was left alone has escalated
NONE = Faults()
HARD = Faults(
    throttled=0.01, conflict=0.05, lost=0.03, delayed=0.02, resent=0.02, interleaved=0.1, stale=0.1, lagging=0.5, torn=0.1, reaped=0.01
)  # fmt: skip
ROUNDS = 2
Raised = Counter[tuple[str, str | None, int, str]]


@pytest.fixture(autouse=True)
def repeatable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait, and the order of buckets be the same each time: turns are taken by the seed."""
    monkeypatch.setattr(commits, "time", SimpleNamespace(sleep=lambda _: None))
    monkeypatch.setattr(sweeping, "random", random.Random(0))  # noqa: S311 - as above


def world_of(seed: int, count: int = DOSSIERS) -> tuple[World, list[DossierId]]:
    """Give a world in which some dossiers were taken in, some of them handed out, at several instants."""
    world = World(seed)
    subjects = []
    for _ in range(count):
        world.clock.now += world.chance.choice((0, 0, 9, 30)) * HOUR
        subjects.append(world.received())
        if world.chance.random() < 0.7:
            world.insisted(leading(world, subjects[-1]))
    world.store.keep_swept(moment(world.clock.now - 10 * DAY)[:13])
    return world, subjects


def leading(world: World, subject: DossierId) -> Callable[[], object]:
    work = {"task": "t", "responsibility": "r", "expected_result": "e", "due_at": world.clock.now + DAY}
    given = {"role": AssignmentRole.LEAD, "unit": "22-XD", "officer": "officer-1", **work}
    return world.making(HEAD, inputs.AssignDossierInput, MoveName.ASSIGN, subject, **given)


def no_work(services: Services, held: Held) -> None:
    raise AssertionError(f"{held.id} is a dossier, and {services} has nothing else")


def expected(world: World, subjects: list[DossierId]) -> Raised:
    """Say which levels are reached by now, of every deadline of dossiers that nobody moves any more."""
    found: Raised = Counter()
    for subject in subjects:
        held = world.store.held(subject)
        assert held
        context = setting(world.services, held.dossier)
        for one in deadlines(held.dossier, context):
            for level, at in levels(one.reckoning, context.calendar, context.procedure.thresholds):
                if at <= world.clock.now:
                    found[subject, f"{one.kind}#{one.of}", raising._arming(held.dossier, one), level] += 1
    return found


def raised_of(world: World, subjects: list[DossierId]) -> Raised:
    """Count what was raised, by the entries of the trail."""
    found: Raised = Counter()
    for subject in subjects:
        for entry in world.store.entries(subject, 0, 10_000):
            if entry.body["action"] == "ALERT_RAISED":
                (alert,) = [
                    change["to"] for change in entry.body["changes"] if change["field"].startswith("alerts.") and not change["from"]
                ]
                assert alert["reached_at"] == entry.body["occurred_at"] <= entry.body["recorded_at"]
                found[subject, f"{alert['kind']}#{alert.get('of', '')}", alert["arming"], alert["level"]] += 1
    return found


def swept(world: World, seed: int, ahead: list[datetime], *, crashes: bool = True) -> Turns:
    """Let four sweeps run at each of these instants, dying now and then, and a last one without faults."""
    chance, turns = random.Random(seed), Turns(seed)  # noqa: S311 - when a process dies, to be repeated

    def faulty() -> Faults:
        return replace(HARD, crash_at=chance.randrange(1, 900) if crashes else None, crash_after=chance.random() < 0.5)

    def sweep() -> None:
        services = replace(world.services, store=turns.over(world.store))
        sweeper = Sweeper(services, no_work)
        for _ in range(ROUNDS):
            world.clock.now += SECOND
            try:
                sweeper.round()
            except Crash:  # The process has died; the next one knows nothing of it.
                world.store.faults = faulty()
                sweeper = Sweeper(services, no_work)
            except Unavailable:
                continue

    for at in ahead:
        world.clock.now = max(world.clock.now, at)
        world.store.faults = faulty()
        turns.run([sweep] * SWEEPS)
    settled(world)
    return turns


def settled(world: World) -> None:
    """Let the faults end, and whoever is left sweep what is left."""
    world.store.faults = NONE
    world.clock.now += HOUR
    world.store.place("f", "s")  # what was put off is made by now
    for _ in range(3):
        world.clock.now += SECOND
        assert Sweeper(world.services, no_work).round().failed == 0


def instants(world: World, seed: int) -> list[datetime]:
    """Choose the instants at which anybody looks: some are days late."""
    chance = random.Random(seed)  # noqa: S311 - to be repeated
    at, found = world.clock.now, []
    while at < world.clock.now + LONG:
        at += timedelta(hours=chance.choice((9, 24, 60, 120)))
        found.append(at)
    return found


def checked(seed: int) -> Turns:
    """Sweep a world and hold it against what must have been raised."""
    world, subjects = world_of(seed)
    turns = swept(world, seed, instants(world, seed))
    found, wanted = raised_of(world, subjects), expected(world, subjects)
    assert wanted.total() >= DOSSIERS * 4, "all levels of each dossier's own clock are reached"
    assert found == wanted, f"seed {seed}"
    assert unsound(world.store) == []
    assert {record.name for record in world.store.engine.trail.records} == {"INSERT"}, "no entry is written over another"
    assert not [row for row in world.store.due_rows.values() if row["moment"] <= moment(world.clock.now)], "nothing that is due is left"
    return turns


@pytest.mark.parametrize("seed", SEEDS)
def test_four_sweeps_at_once_raise_each_level_once(seed: int) -> None:
    assert checked(seed).taken > 0


def test_without_the_condition_on_the_level_a_level_is_raised_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(dossier: object, *more: object) -> object:
        return NEXT(replace(dossier, alerts=()), *more)  # type: ignore[type-var, arg-type] # as the function takes it

    monkeypatch.setattr(raising, "_next", forgetful)
    monkeypatch.setattr("casework.actions.deadlines.MOST_AT_ONCE", 3)
    with pytest.raises(AssertionError, match="seed 1"):
        checked(1)


NEXT = raising._next


def test_without_the_condition_on_the_entry_a_level_is_raised_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(table: object, row: object, condition: object = anyhow) -> object:
        del condition
        return PUT(table, row)  # type: ignore[arg-type] # as the function takes it

    monkeypatch.setattr(simulated, "put", careless)
    with pytest.raises(AssertionError):
        list(map(checked, range(8)))


PUT = put


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_sweep_may_die_at_any_call(after: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 - one of the two
    def late(crash_at: int | None) -> tuple[World, list[DossierId], list[int]]:
        """Sweep a world once that nobody has swept for long, and tell at which calls it did more than look at an empty bucket."""
        monkeypatch.setattr(sweeping, "random", random.Random(7))  # noqa: S311 - the order of buckets, to be repeated
        world, subjects = world_of(7, 1)
        world.clock.now += LONG
        calls: list[int] = []
        services = replace(world.services, store=cast("Store", Noting(world.store, calls)))
        world.store.faults = Faults(crash_at=crash_at, crash_after=after)
        with suppress(Crash):
            Sweeper(services, no_work).round()
        world.store.faults = NONE
        return world, subjects, calls

    *_, calls = late(None)
    assert len(calls) > 15
    for call in calls:
        world, subjects, _ = late(call)
        world.clock.now += SECOND
        Sweeper(world.services, no_work).round()
        assert raised_of(world, subjects) == expected(world, subjects), f"died at call {call}"
        assert unsound(world.store) == []


class Noting:
    """A store that notes at which calls of its engine it is asked for anything but what is due."""

    def __init__(self, store: SimulatedStore, calls: list[int]) -> None:
        self._store, self._calls = store, calls

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as the store has it
        if name != "due":
            self._calls.append(self._store.engine.calls + 1)
        return getattr(self._store, name)


@pytest.mark.parametrize("seed", range(6))
def test_what_people_do_meanwhile_is_not_lost(seed: int) -> None:
    world, subjects = world_of(seed)
    turns, chance = Turns(seed), random.Random(seed)  # noqa: S311 - to be repeated
    services = replace(world.services, store=turns.over(world.store))
    people = taking_turns(world, services)

    def sweep() -> None:
        sweeper = Sweeper(services, no_work)
        for _ in range(ROUNDS):
            world.clock.now += SECOND
            with suppress(Unavailable):
                sweeper.round()

    def moving() -> None:
        for _ in range(3):
            people.insisted(people.some(chance.choice(subjects)))

    for at in instants(world, seed)[:12]:
        world.clock.now = max(world.clock.now, at)
        world.store.faults = replace(HARD, stale=0.0)
        turns.run([sweep, sweep, moving])
    settled(world)
    assert unsound(world.store) == []
    assert max(raised_of(world, subjects).values(), default=1) == 1
    for subject in subjects:
        held = world.store.held(subject)
        assert held
        assert raising.raised(held.dossier, setting(world.services, held.dossier), world.clock.now) is None


def taking_turns(world: World, services: Services) -> World:
    """Give the same world with people whose calls take turns with others'."""
    twin = object.__new__(World)
    twin.__dict__.update(world.__dict__)
    twin.services = services
    return twin


def test_a_row_that_no_state_names_is_struck() -> None:
    world, subjects = world_of(3)
    held = world.store.held(subjects[0])
    assert held
    assert held.due
    engine = world.store.engine
    for bucket, subject in ((held.due.bucket, "f" * 32), (f"{moment(world.clock.now)[:13]}#03", held.id)):
        at = f"{moment(world.clock.now - HOUR)}#{subject}"
        row = {"bucket": bucket, "moment": at, "v": 1, "province": "22", "subject": subject, "level": "AT_RISK"}
        engine.due.write((bucket, at), row, world.clock.now, engine._showing)
    world.clock.now += LONG
    Sweeper(world.services, no_work).round()
    assert unsound(world.store) == []
    assert raised_of(world, subjects) == expected(world, subjects)


def test_one_row_that_cannot_be_handled_holds_no_other_up(monkeypatch: pytest.MonkeyPatch) -> None:
    world, subjects = world_of(5)
    world.clock.now += LONG
    broken = subjects[0]
    usual = raising.raised

    def failing(dossier: object, *more: object) -> object:
        held = world.store.held(broken)
        assert held
        if dossier == held.record:
            raise ZeroDivisionError("no clock that we know")
        return usual(dossier, *more)  # type: ignore[arg-type] # as the function takes it

    monkeypatch.setattr("casework.noticing.raised", failing)
    sweeper = Sweeper(world.services, no_work)
    found = sweeper.round()
    assert found.failed == 1
    assert raised_of(world, subjects[1:]) == expected(world, subjects[1:])
    assert sweeper.round().failed == 0, "it rests"
    before = world.store.swept()
    monkeypatch.undo()
    world.clock.now += 2 * SECOND
    assert sweeper.round().failed == 0
    assert raised_of(world, subjects) == expected(world, subjects)
    assert (world.store.swept() or "") >= (before or "")


def test_the_watermark_leaves_a_row_behind_that_is_never_handled_and_comes_back_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    world, subjects = world_of(5)
    broken = subjects[0]
    usual = world.store.held_all

    def spoiled(ids: Sequence[DossierId]) -> Mapping[DossierId, Held]:
        if broken in ids:
            raise Corrupt("a state that nobody can read")
        return usual(ids)

    monkeypatch.setattr(world.store, "held_all", spoiled)
    monkeypatch.setattr(world.store, "held", lambda subject: spoiled([subject]).get(subject))
    sweeper = Sweeper(world.services, no_work)
    world.clock.now += LONG
    for _ in range(3):
        sweeper.round()
        world.clock.now += HOUR
    due = next(row for row in world.store.due_rows.values() if row["subject"] == broken)
    stuck = due["bucket"].partition("#")[0]
    assert world.store.stuck() == [stuck]
    assert stuck < moment(world.clock.now - 3 * HOUR)[:13] <= (world.store.swept() or ""), "it waits for nobody"
    monkeypatch.undo()
    for _ in range(2):
        Sweeper(world.services, no_work).round()
    assert world.store.stuck() == []
    assert raised_of(world, subjects) == expected(world, subjects)


def test_the_watermark_stays_before_what_is_left() -> None:
    world, subjects = world_of(9)
    world.clock.now += LONG
    going = iter([True] * 40)
    Sweeper(world.services, no_work, going=lambda: next(going, False)).round()
    (oldest, *_) = sorted(row["moment"] for row in world.store.due_rows.values())
    assert (world.store.swept() or "") <= oldest[:13]
    for _ in range(3):
        world.clock.now += SECOND
        Sweeper(world.services, no_work).round()
    assert raised_of(world, subjects) == expected(world, subjects)
    assert (world.store.swept() or "") >= moment(world.clock.now - 2 * HOUR)[:13], "all that is left behind is behind the watermark"
    assert MOST_AT_ONCE >= 24
