"""Reads under an inspection, under faults: nothing is given that was not written down before, whoever dies where."""

import secrets
from functools import partial

import pytest

from casework.actions.inspections import Asked, Opening, close_inspection, open_inspection
from casework.inspecting import All, noted
from casework.model.inspection import Inspection, InspectionScope, Read, ReadKind
from casework.model.parties import Role, Viewer
from casework.model.record import DossierId
from casework.ports import Held
from tests.simulation.faults import Crash, Faults
from tests.simulation.soundness import unsound
from tests.simulation.test_faults import EACH
from tests.simulation.worlds import HOUR, World

INSPECTOR = Viewer(Role.INSPECTOR, "inspector-1", ("22",))
NONE = Faults()
OPENING = Opening(InspectionScope.UNIT, "22", None, None, "reason", "basis")
ROUNDS = 20


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nothing between two tries."""
    monkeypatch.setattr("casework.commits.time.sleep", lambda seconds: None)


@pytest.fixture
def seed() -> int:
    drawn = secrets.randbits(32)
    print(f"seed {drawn}")  # noqa: T201 - shown when the test fails
    return drawn


def opened(world: World, key: str = "open") -> DossierId:
    done = world.insisted(lambda: open_inspection(world.services, INSPECTOR, OPENING, Asked(key, "test", key)))
    assert done
    return done.held.id


def read(world: World, inspection: DossierId) -> Held:
    return noted(world.services, INSPECTOR, inspection, All("22-XD"), Read(world.clock(), ReadKind.DOSSIERS, "22-XD"), "test")


def counted(world: World, inspection: DossierId) -> int:
    """Count what was written down, as the trail has it; the state says the same, and all is as it must be."""
    held = world.store.held(inspection)
    assert held
    assert isinstance(held.record, Inspection)
    found = [entry.body["action"] for entry in world.store.entries(inspection, 0, 1000)].count("INSPECTION_READ")
    assert held.record.reads == found
    assert unsound(world.store) == []
    return found


@pytest.mark.parametrize("name", EACH)
def test_what_is_given_was_written_down_under_every_fault(seed: int, name: str) -> None:
    world = World(seed)
    inspection = opened(world)
    world.store.faults = EACH[name]
    before = len(world.tried)
    for _ in range(ROUNDS):
        assert world.insisted(lambda: read(world, inspection))
    over = world.insisted(lambda: close_inspection(world.services, INSPECTOR, inspection, None, Asked("close", "test", None)))
    assert over
    world.store.faults = NONE
    world.clock.now += HOUR
    for _ in range(20):
        world.store.place("f", "s")  # what was put off is made by now
    found = counted(world, inspection)
    # An answer that was lost leaves a read that nobody was given; that is all that may be more.
    lost = world.tried[before:].count("UNAVAILABLE")
    assert ROUNDS <= found <= ROUNDS + lost
    assert found == ROUNDS or EACH[name].lost or EACH[name].delayed


@pytest.mark.parametrize("after", [False, True])
def test_whoever_dies_leaves_a_read_written_down_or_nothing(seed: int, *, after: bool) -> None:
    for number in range(1, 100):
        world = World(seed)
        inspection = opened(world)
        world.store.faults = Faults(crash_at=number, crash_after=after)
        try:
            read(world, inspection)
        except Crash:
            died = True
        else:
            died = False
        world.store.faults = NONE
        found = counted(world, inspection)
        assert found in ({0, 1} if died else {1})
        assert world.insisted(partial(read, world, inspection))
        assert counted(world, inspection) == found + 1
        if not died:
            assert number > 1
            return
    raise AssertionError("a read comes to no end")


def test_two_who_read_within_each_others_calls_are_each_written_down(seed: int) -> None:
    world = World(seed)
    inspection, left = opened(world), iter(range(12))
    done: list[Held | None] = []

    def other() -> None:
        if next(left, None) is not None:
            done.append(world.insisted(lambda: read(world, inspection)))

    world.store.faults = Faults(interleaved=0.5)
    world.store.engine.meanwhile = other
    own = [world.insisted(lambda: read(world, inspection)) for _ in range(ROUNDS)]
    world.store.faults = NONE
    assert all(own + done)
    assert counted(world, inspection) == len(own) + len(done) > ROUNDS


def test_nothing_is_written_down_behind_its_end(seed: int) -> None:
    world = World(seed)
    inspection = opened(world)
    held = world.store.held(inspection)
    assert held
    commit = world.store.commit

    with pytest.MonkeyPatch.context() as patched:

        def overtaken(change: object, now: object) -> None:
            patched.setattr(world.store, "commit", commit)
            assert world.insisted(lambda: close_inspection(world.services, INSPECTOR, inspection, None, Asked("close", "test", None)))
            commit(change, now)  # type: ignore[arg-type] # as it came

        patched.setattr(world.store, "commit", overtaken)
        assert world.insisted(lambda: read(world, inspection)) is None
    assert world.tried[-1] == "UNKNOWN_INSPECTION"
    assert counted(world, inspection) == 0
