"""Accesses under faults: each view and each unmasking is written once, by whoever was first, however often, at once, or killed within."""

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from casework.accesses import WINDOW, noted
from casework.actions.unmasking import Asked, Unmasked, unmask
from casework.commits import REMEMBERED
from casework.model.errors import Contended, Fault, Unavailable
from casework.model.parties import Role, Viewer
from casework.model.record import DossierId
from casework.ports import Accessed, Services
from tests.simulation.faults import Crash, Faults
from tests.simulation.turns import Turns
from tests.simulation.worlds import HEAD, SECOND, World
from tests.verification import recompute

SUPERVISOR = Viewer(Role.SUPERVISOR, "supervisor-1", ("22",))
SURE = 1.0
NONE = Faults()
CALLS = 12  # more calls than a view or an unmasking makes


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nothing between two tries."""
    monkeypatch.setattr("casework.commits.time.sleep", lambda seconds: None)


@pytest.fixture
def world() -> World:
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    return World(seed)


def view(services: Services, subject: DossierId, viewer: Viewer = HEAD) -> Fault | None:
    held = services.store.held(subject)
    assert held
    return noted(services, viewer, [held], "test")[subject]


def unmasked(services: Services, subject: DossierId, key: str = "k") -> Unmasked:
    return unmask(services, SUPERVISOR, subject, "đơn kêu cứu", None, Asked(key, "test", "input"))


def told(world: World, subject: DossierId) -> list[tuple[str, str]]:
    """Check that the store is sound; gives who was shown the applicant's values, and how."""
    assert recompute.problems(world.store.scanned()) == []
    found: list[Accessed] = world.store.accesses(subject, 0, 1000)
    return [(one.entry.body["action"], one.entry.body["actor"]["id"]) for one in found]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(1, CALLS))
def test_a_view_that_was_killed_leaves_one_access_once_it_is_repeated(world: World, number: int, after: bool) -> None:  # noqa: FBT001
    subject = world.received()
    world.store.faults = Faults(crash_at=number, crash_after=after)
    killed = False
    try:
        assert view(world.services, subject) is None
    except Crash:
        killed = True
    world.store.faults = NONE
    assert len(told(world, subject)) <= 1
    world.clock.now += SECOND
    assert view(world.services, subject) is None
    assert told(world, subject) == [("VIEWED", "head-1")]
    assert killed is (number <= 4)  # the dossier, the viewer's office, the end of the chain, the access


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(1, CALLS))
def test_an_unmasking_that_was_killed_is_done_once_by_its_key(world: World, number: int, after: bool) -> None:  # noqa: FBT001
    subject = world.received()
    world.store.faults = Faults(crash_at=number, crash_after=after)
    with suppress(Crash):
        unmasked(world.services, subject)
    world.store.faults = NONE
    world.clock.now += SECOND
    first = unmasked(world.services, subject).access
    assert unmasked(world.services, subject).access == first
    assert told(world, subject) == [("UNMASKED", "supervisor-1")]


@pytest.mark.parametrize("faults", [
    Faults(throttled=SURE), Faults(conflict=SURE), Faults(lost=SURE), Faults(delayed=SURE),
], ids=["throttled", "conflict", "lost", "delayed"])  # fmt: skip
def test_what_may_not_be_written_is_told_as_a_fault(world: World, faults: Faults) -> None:
    subject = world.received()
    held = world.store.held(subject)
    assert held
    world.store.faults = faults
    fault: Fault | None = None
    try:
        fault = noted(world.services, HEAD, [held], "test")[subject]
    except Unavailable as raised:  # The viewer's office could not be read.
        fault = raised
    assert isinstance(fault, Unavailable | Contended)
    world.store.faults = NONE
    world.clock.now += SECOND
    assert view(world.services, subject) is None
    world.clock.now += SECOND
    assert told(world, subject) == [("VIEWED", "head-1")]


def test_whatever_fails_now_and_then_each_has_one_access_in_its_window(world: World) -> None:
    subject, others = world.received(), [replace(HEAD, sub=f"head-9{number}") for number in range(4)]
    world.store.faults = Faults(throttled=0.1, conflict=0.1, lost=0.1, delayed=0.1, interleaved=0.3)
    keys = [f"k{number}" for number in range(3)]
    asks: list[Callable[[], object]] = [lambda viewer=viewer: view(world.services, subject, viewer) for viewer in others]  # type: ignore[misc]
    asks += [lambda key=key: unmasked(world.services, subject, key) for key in keys]  # type: ignore[misc]
    for _ in range(60):
        ask = world.chance.choice(asks)
        with suppress(Unavailable, Contended):
            ask()
        world.clock.now += SECOND
    world.store.faults = NONE
    for ask in asks:
        assert not isinstance(ask(), Fault)
    world.clock.now += 20 * SECOND  # what was put off is made or given up by then
    assert sorted(told(world, subject)) == sorted([*(("VIEWED", f"head-9{n}") for n in range(4)), *[("UNMASKED", "supervisor-1")] * 3])


@pytest.mark.parametrize("turn", range(10))
def test_at_once_one_viewer_has_one_access_and_each_unmasking_one(world: World, turn: int) -> None:
    subject = world.received()
    turns = Turns(world.seed + turn)
    services = replace(world.services, store=turns.over(world.store))
    failed: list[Fault] = []

    def viewing(viewer: Viewer) -> Callable[[], None]:
        def job() -> None:
            for _ in range(3):
                while fault := view(services, subject, viewer):
                    failed.append(fault)

        return job

    def unmasking(key: str) -> Callable[[], None]:
        return lambda: turns_of(lambda: unmasked(services, subject, key))

    def turns_of(ask: Callable[[], object]) -> None:
        while True:
            try:
                ask()
            except Contended as fault:
                failed.append(fault)
            else:
                return

    turns.run([viewing(HEAD), viewing(HEAD), viewing(replace(HEAD, sub="head-2")), unmasking("a"), unmasking("a"), unmasking("b")])
    assert all(isinstance(fault, Contended) for fault in failed)
    assert sorted(told(world, subject)) == [("UNMASKED", "supervisor-1")] * 2 + [("VIEWED", "head-1"), ("VIEWED", "head-2")]


def test_a_window_is_over_to_the_instant(world: World) -> None:
    subject = world.received()
    assert view(world.services, subject) is None
    world.clock.now += WINDOW - SECOND
    assert view(world.services, subject) is None
    assert len(told(world, subject)) == 1
    world.clock.now += SECOND
    assert view(world.services, subject) is None
    assert len(told(world, subject)) == 2


def test_a_key_is_remembered_for_two_days(world: World) -> None:
    subject = world.received()
    first = unmasked(world.services, subject).access
    world.clock.now += REMEMBERED - SECOND
    assert unmasked(world.services, subject).access == first
    world.clock.now += SECOND
    assert unmasked(world.services, subject).access.entry.seq == 2
    assert told(world, subject) == [("UNMASKED", "supervisor-1")] * 2
