"""Erasures under faults: what an entry names is gone, and nothing else is, whoever dies where and whatever others do meanwhile."""

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from casework.audit.disclosure import is_personal, opened
from casework.commits import Written
from casework.erasing import erase_again
from casework.model.errors import Contended, Refused
from casework.model.moves import MoveName
from casework.model.record import DossierId
from casework.ports import Erased, Held
from schema import inputs
from schema.erasure import EraseApplicantInput
from tests.simulation.faults import Crash, Faults
from tests.simulation.soundness import unsound
from tests.simulation.store import SimulatedStore
from tests.simulation.tables import Place, Row
from tests.simulation.test_faults import EACH
from tests.simulation.turns import Turns
from tests.simulation.worlds import CITIZEN, DESK, HEAD, SECOND, World
from tests.simulation.writes import put

NONE = Faults()
MOST = "casework.actions.dossiers.MOST_ERASED"


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nothing between two tries."""
    monkeypatch.setattr("casework.commits.time.sleep", lambda seconds: None)


@pytest.fixture
def seed() -> int:
    drawn = secrets.randbits(32)
    print(f"seed {drawn}")  # noqa: T201 - shown when the test fails
    return drawn


def over(world: World, rotations: int = 2) -> DossierId:
    """Have a dossier that its applicant took back, and of which he had another secret so often."""
    subject = world.received()
    world.insisted(world.making(DESK, inputs.WithdrawDossierInput, MoveName.WITHDRAW, subject, reason="đổi ý"))
    for _ in range(rotations):
        world.insisted(rotating(world, subject))
    return subject


def rotating(world: World, subject: DossierId) -> Callable[[], Written]:
    return world.making(CITIZEN, inputs.RotateTrackingSecretInput, MoveName.ROTATE, subject)


def erasing(world: World, subject: DossierId) -> Callable[[], Written]:
    return world.making(HEAD, EraseApplicantInput, MoveName.ERASE, subject, legal_basis="luật")


def held(world: World, subject: DossierId) -> Held:
    found = world.store.held(subject)
    assert found
    return found


def personal(world: World, subject: DossierId) -> list[str]:
    return sorted(opened(text)[0] for text in world.store.disclosed(subject).values() if is_personal(text))


def erasures(world: World, subject: DossierId) -> int:
    return sum(entry.body["action"] == "APPLICANT_ERASED" for entry in world.store.entries(subject, 0, 1000))


def check(world: World, subject: DossierId) -> None:
    """Ask that its applicant was erased, and nothing else."""
    here = held(world, subject)
    assert (here.dossier.erased, here.applicant_key, personal(world, subject)) == (True, None, [])
    kept = sorted(opened(text)[0] for text in world.store.disclosed(subject).values())
    assert kept == sorted(["reason", *["legal_basis"] * erasures(world, subject)])
    assert unsound(world.store) == []


def test_an_applicant_is_erased(seed: int) -> None:
    world = World(seed)
    subject, other = over(world), over(world)
    assert personal(world, subject) == ["account", "applicant.name", "identity", "identity", "identity"]
    assert held(world, subject).applicant_key
    assert world.insisted(erasing(world, subject))
    check(world, subject)
    assert len(personal(world, other)) == 5
    assert world.insisted(erasing(world, subject)) is None
    assert world.tried[-1] == "ERASED"


@pytest.mark.parametrize("after", [False, True])
def test_whoever_dies_at_any_call_has_erased_all_or_nothing(seed: int, *, after: bool) -> None:
    for number in range(1, 100):
        world = World(seed)
        subject = over(world)
        ask = erasing(world, subject)
        world.store.faults = Faults(crash_at=number, crash_after=after)
        try:
            ask()
        except Crash:
            world.store.faults = NONE
            assert unsound(world.store) == []
            assert len(personal(world, subject)) == (0 if held(world, subject).dossier.erased else 5)
            assert world.insisted(ask)  # the same request, asked again
            check(world, subject)
            assert erasures(world, subject) == 1
        else:
            assert number > 3
            return
    raise AssertionError("an erasure comes to no end")


@pytest.mark.parametrize("name", EACH)
def test_an_applicant_is_erased_once_under_every_fault(seed: int, name: str) -> None:
    world = World(seed)
    subject = over(world)
    world.store.faults = EACH[name]
    assert world.insisted(erasing(world, subject))
    world.store.faults = NONE
    check(world, subject)
    assert erasures(world, subject) == 1


def test_of_several_at_once_one_erases_and_nothing_that_comes_meanwhile_is_lost_or_left(seed: int) -> None:
    between, untold = 0, 0
    for number in range(seed, seed + 40):
        world = World(number)
        subject = over(world)
        plain, turns, told = world.store, Turns(number), list[str]()
        world.services = replace(world.services, store=turns.over(plain))
        asks = [erasing(world, subject), erasing(world, subject), rotating(world, subject), rotating(world, subject)]

        def job(ask: Callable[[], Written], told: list[str] = told) -> Callable[[], None]:
            def run() -> None:
                while True:
                    with suppress(Contended):
                        try:
                            done = str(ask().entry.body["action"])
                        except Refused as fault:
                            done = fault.code
                        told.append(done)
                        return

            return run

        turns.run([job(ask) for ask in asks])
        assert sorted(told) == ["APPLICANT_ERASED", "ERASED", "SECRET_ROTATED", "SECRET_ROTATED"]
        check(world, subject)
        actions = [entry.body["action"] for entry in plain.entries(subject, 0, 100)][-3:]
        between += actions.index("APPLICANT_ERASED") > 0
        untold += actions.index("APPLICANT_ERASED") < 2
    assert between > 0
    assert untold > 0


def test_what_is_disclosed_between_looking_and_erasing_is_erased_too(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(seed)
    subject, looks = over(world), 0
    look = world.store.disclosed_by_entry

    def looked(one: str) -> object:
        nonlocal looks
        found = look(one)
        looks += 1
        if looks == 1:
            assert world.insisted(rotating(world, subject))
        return found

    monkeypatch.setattr(world.store, "disclosed_by_entry", looked)
    assert world.insisted(erasing(world, subject))
    assert looks == 2
    check(world, subject)


def test_more_than_one_transaction_takes_goes_step_by_step_and_the_name_last(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MOST, 2)
    world = World(seed)
    subject = over(world, 4)
    left = []
    for _ in range(3):
        assert not held(world, subject).dossier.erased
        done = world.insisted(erasing(world, subject))
        assert done
        assert unsound(world.store) == []
        left.append(len(personal(world, subject)))
        assert ("applicant.name" in personal(world, subject)) is (held(world, subject).applicant_key is not None)
        if len(left) == 1:
            assert world.insisted(rotating(world, subject))  # he is named still, so whoever acts is
    assert left == [5, 4, 0]
    check(world, subject)
    assert erasures(world, subject) == 3
    assert world.insisted(erasing(world, subject)) is None


def test_as_much_goes_at_once_as_is_promised(seed: int) -> None:
    world = World(seed)
    subject = over(world, 81)
    assert world.insisted(erasing(world, subject))
    assert personal(world, subject) == ["account", "applicant.name", "identity", "identity"]
    assert world.insisted(erasing(world, subject))
    check(world, subject)


def test_an_erasure_ends_where_something_was_missing_before(seed: int) -> None:
    world = World(seed)
    subject = over(world)
    rows = world.store.disclosed_by_entry(subject)
    assert world.store.erase(subject, Erased(1, rows[1], ()))
    assert unsound(world.store)
    assert world.insisted(erasing(world, subject))
    assert held(world, subject).dossier.erased
    assert len(held(world, subject).dossier.erasures[0].digests) == 4  # but for who submitted it: nothing tells of that any more


# A restore.


def kept(store: SimulatedStore) -> dict[Place, Row]:
    return dict(store.engine.disclosures)


def restored(store: SimulatedStore, before: dict[Place, Row]) -> None:
    """Put disclosures back to how they were."""
    for row in before.values():
        store.engine.write(put(store.engine.disclosures, row))


def test_a_restore_replays_the_erasures(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MOST, 2)
    monkeypatch.setattr("casework.erasing.PAGE", 2)
    world = World(seed)
    subject, other = over(world), over(world)
    before = kept(world.store)
    while not held(world, subject).dossier.erased:
        assert world.insisted(erasing(world, subject))
    erased = kept(world.store)
    assert erase_again(world.services, subject) == 0
    restored(world.store, before)
    assert len(unsound(world.store)) == 3
    assert erase_again(world.services, other) == 0
    assert erase_again(world.services, subject) == 5
    assert kept(world.store) == erased
    check(world, subject)
    assert erase_again(world.services, subject) == 0


@pytest.mark.parametrize("after", [False, True])
def test_whoever_dies_while_replaying_can_replay_again(seed: int, *, after: bool) -> None:
    for number in range(1, 100):
        world = World(seed)
        subject = over(world)
        before = kept(world.store)
        assert world.insisted(erasing(world, subject))
        restored(world.store, before)
        world.store.faults = Faults(crash_at=number, crash_after=after)
        try:
            erase_again(world.services, subject)
        except Crash:
            world.store.faults = NONE
            erase_again(world.services, subject)
            check(world, subject)
        else:
            assert number > 5
            return
    raise AssertionError("a replay comes to no end")


def test_several_may_replay_at_once_while_it_is_moved(seed: int) -> None:
    for number in range(seed, seed + 20):
        world = World(number)
        subject = over(world)
        before = kept(world.store)
        assert world.insisted(erasing(world, subject))
        restored(world.store, before)
        world.clock.now += SECOND
        plain, turns, counts = world.store, Turns(number), list[int]()
        world.services = replace(world.services, store=turns.over(plain))

        def replay(world: World = world, subject: DossierId = subject, counts: list[int] = counts) -> None:
            counts.append(erase_again(world.services, subject))

        def rotate(world: World = world, subject: DossierId = subject) -> None:
            world.insisted(rotating(world, subject))

        turns.run([replay, replay, rotate])
        assert sum(counts) == 5
        check(world, subject)
