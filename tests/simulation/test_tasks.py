"""Tasks under faults: whoever dies where, and however many work at once, each dossier is computed anew once and none is forgotten."""

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, cast

import pytest

from casework import errands
from casework.actions import tasks
from casework.actions.amendments import Amending, amend
from casework.actions.deadlines import Sweeper
from casework.actions.tasks import following_of, id_of, work
from casework.audit.chain import Entry
from casework.errands import BEFORE
from casework.model.amending import Amendment, Moved
from casework.model.errors import Contended, Unavailable
from casework.model.packing import instant, moment
from casework.model.parties import Role, Viewer
from casework.model.record import DossierId
from casework.model.task import AGAIN, LEASE, Task, TaskState
from casework.model.workdays import Calendar, OverrideKind
from casework.ports import Change, Held, Services, Store
from casework.recomputing import recompute
from handlers.tasks import handle
from tests.simulation.faults import Crash, Faults
from tests.simulation.soundness import unsound
from tests.simulation.stream import Stream
from tests.simulation.test_faults import EACH
from tests.simulation.worlds import DAY, HOUR, World

ADMIN = Viewer(Role.ADMIN, "admin-1", ("22",))
NONE = Faults()
MINUTE = timedelta(minutes=1)
EARLY, LATE = 3, 7  # dossiers that are due before the day, and behind it


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
class Amended:
    """A world in which a day off was added, with dossiers on either side of it."""

    world: World
    early: list[DossierId]
    late: list[DossierId]
    entry: Entry

    @property
    def task(self) -> DossierId:
        following = following_of(self.entry)
        assert following
        return id_of(following)

    @property
    def held(self) -> Held:
        held = self.world.store.held(self.task)
        assert held
        return held

    @property
    def state(self) -> Task:
        assert isinstance(self.held.record, Task)
        return self.held.record


def amended(seed: int) -> Amended:
    world = World(seed)
    early = [world.received() for _ in range(EARLY)]
    world.clock.now += 50 * DAY
    late = [world.received() for _ in range(LATE)]
    world.insisted(world.opening())  # has no due date yet
    first, last = (world.store.held(subjects[0]) for subjects in (early, late))
    assert first
    assert last
    assert first.dossier.due_at
    assert last.dossier.due_at
    day = last.dossier.due_at.date()
    assert first.dossier.due_at.date() < day - BEFORE
    return Amended(world, early, late, off(world, day))


def off(world: World, day: date) -> Entry:
    asked = Amendment("1/VPCP", date(2031, 3, 3), (Moved(day, OverrideKind.OFF),))
    done = world.insisted(lambda: amend(world.services, ADMIN, asked, Amending(f"amend-{day}", "test", day.isoformat())))
    assert done
    return done.entry


def followed(made: Amended) -> None:
    """Let the follower of the stream see all there is, whatever it takes."""
    stream = Stream(made.world.store)
    while stream.behind:
        with suppress(Unavailable):
            for event in stream:
                handle(event, made.world.services)
        made.world.clock.now += MINUTE


def finished(made: Amended, most: int = 500) -> None:
    """Let a worker come whenever the task's row is due, until it is done."""
    for _ in range(most):
        with suppress(Unavailable, Contended):
            held = made.held
            if held.due is None:
                return
            made.world.clock.now = max(made.world.clock.now, instant(held.due.moment.partition("#")[0]))
            work(made.world.services, held)
    raise AssertionError("the task comes to no end")


def told(made: Amended, subject: DossierId) -> list[dict[str, Any]]:
    entries = made.world.store.entries(subject, 0, 100)
    return [dict(entry.body) for entry in entries if entry.body["action"] == "DEADLINE_RECOMPUTED"]


def check(made: Amended) -> None:
    """Ask that each dossier was computed anew as it must be, once, and that the task says so."""
    for subject in made.early:
        assert told(made, subject) == []
    for subject in made.late:
        (entry,) = told(made, subject)
        assert entry["actor"] == {"kind": "SERVICE", "id": "tasks"}
        fields = {change["field"]: (change["from"], change["to"]) for change in entry["changes"]}
        before, after = fields["due_at"]
        assert before < after
        row = fields["amendments.1"][1]
        assert (row["from_due_at"], row["to_due_at"], row["documents"]) == (before, after, ["1/VPCP"])
        assert "promised_due_at" not in fields
    task = made.state
    assert (task.state, task.changed, task.failed, task.page) == (TaskState.DONE, LATE, 0, ())
    assert task.started_at
    assert task.ended_at
    assert task.ended_at >= task.asked_at + AGAIN
    assert unsound(made.world.store) == []
    due = {moment.partition("#")[2] for _, moment in made.world.store.due_rows}
    assert made.task not in due


def test_a_task_goes_through_all_that_the_day_moves(seed: int) -> None:
    made = amended(seed)
    followed(made)
    followed(made)  # what comes again begins nothing anew
    assert (made.state.state, made.held.tip.seq) == (TaskState.RUNNING, 1)
    work(made.world.services, made.held)
    assert (made.state.passing, made.state.changed) == (2, LATE)
    work(made.world.services, made.held)  # before its time
    seq = made.held.tip.seq
    made.world.clock.now += HOUR
    work(made.world.services, made.held)
    assert made.held.tip.seq == seq + 1
    check(made)
    actions = [entry.body["action"] for entry in made.world.store.entries(made.task, 0, 100)]
    assert actions == ["TASK_STARTED", *["TASK_TAKEN", "TASK_PROGRESSED"] * 3, "TASK_PASSED", "TASK_DONE"]
    work(made.world.services, made.held)
    assert made.state.state is TaskState.DONE


def test_the_sweep_finds_a_task_and_ends_it(seed: int) -> None:
    made = amended(seed)
    made.world.store.keep_swept(moment(made.world.clock.now - DAY)[:13])
    followed(made)
    sweeper = Sweeper(made.world.services, work)
    sweeper.round()
    assert (made.state.passing, made.state.changed) == (2, LATE)
    made.world.clock.now += AGAIN
    sweeper.round()
    check(made)


@pytest.mark.parametrize("after", [False, True])
def test_whoever_dies_in_a_slice_is_taken_over_from(seed: int, *, after: bool) -> None:
    for number in range(1, 500):
        made = amended(seed)
        followed(made)
        made.world.store.faults = Faults(crash_at=number, crash_after=after)
        try:
            work(made.world.services, made.held)
        except Crash:
            pass
        else:
            assert number > 3 * LATE
            return
        finally:
            made.world.store.faults = NONE
        made.world.clock.now += 2 * MINUTE
        finished(made)
        check(made)
    raise AssertionError("a slice comes to no end")


@pytest.mark.parametrize("after", [False, True])
def test_a_follower_that_dies_begins_its_task_when_it_comes_again(seed: int, *, after: bool) -> None:
    for number in (1, 2):
        made = amended(seed)
        made.world.store.faults = Faults(crash_at=number, crash_after=after)
        with pytest.raises(Crash):
            followed(made)
        made.world.store.faults = NONE
        followed(made)
        assert (made.state.state, made.held.tip.seq) == (TaskState.RUNNING, 1)


@dataclass
class Elbowed:
    """A store before whose n-th commit something else happens."""

    store: Store
    left: int
    before: Callable[[], object]

    def commit(self, change: Change, now: datetime) -> None:
        self.left -= 1
        if self.left == 0:
            self.before()
        self.store.commit(change, now)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - all else is the store's own
        return getattr(self.store, name)


@pytest.mark.parametrize("lapsed", [False, True])
def test_two_workers_at_once_count_each_dossier_once(seed: int, *, lapsed: bool) -> None:
    for number in range(1, 500):
        made = amended(seed)
        followed(made)

        def other(made: Amended = made) -> None:
            made.world.clock.now += 2 * MINUTE if lapsed else timedelta()
            work(made.world.services, made.held)

        store = Elbowed(made.world.store, number, other)
        slow: Services = replace(made.world.services, store=cast("Store", store))
        work(slow, made.held)
        finished(made)
        check(made)
        if store.left > 0:
            assert number > LATE
            return
    raise AssertionError("a slice comes to no end")


@pytest.mark.parametrize("name", EACH)
def test_a_task_is_done_under_every_fault(seed: int, name: str) -> None:
    made = amended(seed)
    made.world.store.faults = EACH[name]
    followed(made)
    finished(made)
    made.world.store.faults = NONE
    check(made)


def test_what_was_received_by_the_old_calendar_is_left_to_the_second_pass(seed: int) -> None:
    made = amended(seed)
    followed(made)
    old = Calendar(made.world.store.calendar().overrides[:2], 2)
    world = made.world
    work(world.services, made.held)
    assert made.state.passing == 2
    with pytest.MonkeyPatch.context() as behind:
        behind.setattr(world.store, "calendar", lambda **_: old)
        made.late.append(world.received())
    held = world.store.held(made.late[-1])
    assert held
    assert (held.dossier.calendar_version, held.dossier.amendments) == (2, ())
    finished(made)
    assert len(told(made, made.late[-1])) == 1
    assert (made.state.looked, made.state.changed) == (1, LATE + 1)


def test_a_dossier_that_fails_is_tried_again(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made = amended(seed)
    followed(made)

    def failing(services: Services, subject: DossierId, *given: Any, **more: Any) -> object:  # noqa: ANN401 - as it is
        if subject == made.late[0]:
            raise Contended("others were faster")
        return recompute(services, subject, *given, **more)

    with monkeypatch.context() as contended:
        contended.setattr(errands, "recompute", failing)
        work(made.world.services, made.held)
        made.world.clock.now += HOUR
        assert (made.state.passing, made.state.changed) == (2, LATE - 1)
        work(made.world.services, made.held)
        assert (made.state.state, made.state.passing, made.state.changed) == (TaskState.RUNNING, 3, LATE - 1)
    finished(made)
    check(made)


def test_a_dossier_for_which_the_store_never_answers_holds_no_task_up(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made = amended(seed)
    followed(made)

    def silent(services: Services, subject: DossierId, *given: Any, **more: Any) -> object:  # noqa: ANN401 - as it is
        if subject == made.late[0]:
            raise Unavailable("the store did not answer")
        return recompute(services, subject, *given, **more)

    with monkeypatch.context() as unanswered:
        unanswered.setattr(errands, "recompute", silent)
        for tries in range(1, tasks.MOST_TRIES):
            with pytest.raises(Unavailable):
                work(made.world.services, made.held)
            assert made.state.tries == tries, "the page is begun anew"
            made.world.clock.now += 2 * LEASE
        with suppress(Unavailable):  # The second pass tries that one again.
            work(made.world.services, made.held)
        assert (made.state.passing, made.state.changed) == (2, LATE - 1), "it goes on without that one"
    finished(made)
    check(made)


def test_what_is_looked_through_in_vain_is_not_looked_through_again(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made = amended(seed)
    followed(made)
    monkeypatch.setattr(tasks, "LOOKS", 1)
    work(made.world.services, made.held)
    first = [entry.body["action"] for entry in made.world.store.entries(made.task, 0, 3)]
    assert first == ["TASK_STARTED", "TASK_PROGRESSED", "TASK_TAKEN"]  # the early ones fill the first page
    finished(made)
    check(made)
