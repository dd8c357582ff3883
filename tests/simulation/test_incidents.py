"""Incidents under faults: each dossier of the unit and of those below it carries one once, and is rid of it once, whoever dies where."""

import secrets
from dataclasses import dataclass
from datetime import timedelta

import pytest

from casework.actions import tasks
from casework.actions.incidents import Asked, Opening, close_incident, open_incident
from casework.actions.tasks import work
from casework.audit.chain import Entry
from casework.model.moves import MoveName
from casework.model.parties import Role, Viewer
from casework.model.record import DossierId, IntervalKind
from casework.model.task import AGAIN, TaskState
from schema import inputs
from tests.simulation.faults import Crash, Faults
from tests.simulation.soundness import unsound
from tests.simulation.test_faults import EACH
from tests.simulation.test_tasks import Amended, finished, followed
from tests.simulation.worlds import DESK, World

SUPERVISOR = Viewer(Role.SUPERVISOR, "supervisor-1", ("22",))
NONE = Faults()
MINUTE = timedelta(minutes=1)
COUNT = 7


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nothing between two tries, and do small pages."""
    monkeypatch.setattr("casework.commits.time.sleep", lambda seconds: None)
    monkeypatch.setattr(tasks, "PAGE", 3)


@pytest.fixture
def seed() -> int:
    drawn = secrets.randbits(32)
    print(f"seed {drawn}")  # noqa: T201 - shown when the test fails
    return drawn


@dataclass
class Flooded(Amended):
    """A world in which an incident was opened; `late` are the dossiers that it affects."""

    @property
    def incident(self) -> DossierId:
        return DossierId(self.entry.body["subject"]["id"])

    def closed(self) -> "Flooded":
        asked = Asked("close", "test", "close")
        done = self.world.insisted(lambda: close_incident(self.world.services, SUPERVISOR, self.incident, "over", asked))
        assert done
        return Flooded(self.world, [], self.late, done.entry)


def flooded(seed: int, unit: str = "22-XD") -> Flooded:
    world = World(seed)
    late = [world.received() for _ in range(COUNT)]
    world.insisted(world.opening())  # is not taken in
    return Flooded(world, [], late, opened(world, unit))


def opened(world: World, unit: str) -> Entry:
    opening, asked = Opening(unit, "flood", None, stops_clocks=True), Asked(f"open-{unit}", "test", unit)
    done = world.insisted(lambda: open_incident(world.services, SUPERVISOR, opening, asked))
    assert done
    return done.entry


def actions(made: Flooded, subject: DossierId) -> list[str]:
    found = [str(entry.body["action"]) for entry in made.world.store.entries(subject, 0, 100)]
    return [action for action in found if action.startswith("INCIDENT")]


def check(made: Flooded, *told: str) -> None:
    """Ask that each dossier has these entries and no others, and that the task says so."""
    for subject in made.late:
        assert actions(made, subject) == list(told)
        held = made.world.store.held(subject)
        assert held
        kind = IntervalKind.PAUSED if told[-1] == "INCIDENT_BEGAN" else IntervalKind.RUNNING
        assert held.dossier.intervals[-1].kind is kind
        assert (held.due is None) is (kind is IntervalKind.PAUSED)
    assert (made.state.state, made.state.changed, made.state.failed) == (TaskState.DONE, len(made.late), 0)
    assert unsound(made.world.store) == []


@pytest.mark.parametrize("unit", ["22-XD", "22"])
def test_an_incident_comes_and_goes(seed: int, unit: str) -> None:
    made = flooded(seed, unit)
    followed(made)
    finished(made)
    check(made, "INCIDENT_BEGAN")
    over = made.closed()
    followed(over)
    finished(over)
    check(over, "INCIDENT_BEGAN", "INCIDENT_ENDED")


def test_what_is_taken_in_meanwhile_carries_it_by_that_move(seed: int) -> None:
    made = flooded(seed)
    subject = made.world.received()
    held = made.world.store.held(subject)
    assert held
    assert [blocker.incident for blocker in held.dossier.blockers] == [made.incident]
    followed(made)
    finished(made)
    check(made, "INCIDENT_BEGAN")
    assert actions(made, subject) == []


def test_what_a_receipt_missed_is_taken_by_the_second_pass(seed: int) -> None:
    made = flooded(seed)
    followed(made)
    work(made.world.services, made.held)
    with pytest.MonkeyPatch.context() as behind:
        behind.setattr(made.world.store, "incidents", lambda unit, **_: ())
        made.late.append(made.world.received())
    assert actions(made, made.late[-1]) == []
    finished(made)
    check(made, "INCIDENT_BEGAN")


def test_an_incident_that_is_over_before_it_came_to_anybody_comes_to_nobody(seed: int) -> None:
    made = flooded(seed)
    over = made.closed()
    followed(made)
    finished(made)
    finished(over)
    assert {tuple(actions(made, subject)) for subject in made.late} == {()}
    assert (made.state.changed, over.state.changed, over.state.state) == (0, 0, TaskState.DONE)


def test_its_end_overtakes_its_beginning(seed: int) -> None:
    made = flooded(seed)
    followed(made)
    made.world.store.faults = Faults(crash_at=12)
    with pytest.raises(Crash):
        work(made.world.services, made.held)
    made.world.store.faults = NONE
    over = made.closed()
    followed(over)
    finished(over)
    made.world.clock.now += AGAIN
    finished(made)
    for subject in made.late:
        held = made.world.store.held(subject)
        assert held
        assert not any(blocker.stands for blocker in held.dossier.blockers)
        assert actions(made, subject) in ([], ["INCIDENT_BEGAN", "INCIDENT_ENDED"])


@pytest.mark.parametrize("after", [False, True])
def test_whoever_dies_in_a_slice_is_taken_over_from(seed: int, *, after: bool) -> None:
    for number in range(1, 500):
        made = flooded(seed)
        followed(made)
        made.world.store.faults = Faults(crash_at=number, crash_after=after)
        try:
            work(made.world.services, made.held)
        except Crash:
            pass
        else:
            assert number > 3 * COUNT
            return
        finally:
            made.world.store.faults = NONE
        made.world.clock.now += 2 * MINUTE
        finished(made)
        check(made, "INCIDENT_BEGAN")
    raise AssertionError("a slice comes to no end")


@pytest.mark.parametrize("name", EACH)
def test_an_incident_comes_and_goes_under_every_fault(seed: int, name: str) -> None:
    made = flooded(seed)
    made.world.store.faults = EACH[name]
    followed(made)
    finished(made)
    over = made.closed()
    followed(over)
    finished(over)
    made.world.store.faults = NONE
    check(over, "INCIDENT_BEGAN", "INCIDENT_ENDED")


def test_a_dossier_that_it_affects_is_worked_on(seed: int) -> None:
    made = flooded(seed)
    followed(made)
    finished(made)
    done = made.world.insisted(made.world.making(DESK, inputs.WithdrawDossierInput, MoveName.WITHDRAW, made.late[0], reason="r"))
    assert done
    over = made.closed()
    followed(over)
    finished(over)
    assert actions(made, made.late.pop(0)) == ["INCIDENT_BEGAN"]
    check(over, "INCIDENT_BEGAN", "INCIDENT_ENDED")
