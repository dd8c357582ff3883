"""The demonstration: deterministic, whole after an interruption, every plot's dossiers as the plot wants them, and some that move on."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from random import Random

import pytest

from casework.actions import dossiers as dossiers_
from casework.actions.dossiers import ID_BYTES
from casework.adapters.dynamo import DynamoStore
from casework.model.alert import AlertLevel, level_at
from casework.model.clock import Course, reckoned
from casework.model.errors import Unavailable
from casework.model.limit import LimitUnit
from casework.model.moves import MoveName
from casework.model.packing import instant
from casework.model.procedure import ProcedureVersion
from casework.model.record import DossierId, IntervalKind, State
from casework.model.workdays import legal_day
from casework.ports import Held, Services
from local import demo, stories
from local import engine as engines
from local.seeding import seed
from local.stories import COUNT, PLOTS, SEED, laid, told
from tests.stages import staged
from tests.support import Issuer, RecordingCourier, SettableClock, services_over

BEGAN = datetime(2026, 10, 14, 8, 30, tzinfo=UTC)
SOME = 8


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave province 48 to the tests of lists, which share the store."""
    monkeypatch.setattr(stories, "PROVINCES", ("22", "01", "79"))


@pytest.fixture
def few(services: Services, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """A store that is to have the first few dossiers of a demonstration of its own."""
    seed = Random().randrange(10**9)  # noqa: S311 - other tests share the store
    print(f"seed {seed}")  # noqa: T201 - told when the test fails
    monkeypatch.setattr(demo, "COUNT", SOME)
    monkeypatch.setattr(demo, "SEED", seed)
    yield services
    services.store.note(demo.NOTE, "")


def stories_of(services: Services, seed: int) -> list[object]:
    return [
        (s.submitter, s.submission, s.age_days, s.age_hours, [(act.name, act.maker, act.after) for act in s.acts])
        for s in (told(services, number, BEGAN, seed) for number in range(40))
    ]


def dossiers(services: Services) -> list[Held]:
    here = demo.progress(services)
    assert here is not None
    ids = [DossierId(Random(f"{here.seed}/entropy/{number}").randbytes(ID_BYTES).hex()) for number in range(SOME)]  # noqa: S311 - as the code
    return [held for subject in ids if (held := services.store.held(subject))]


def test_a_seed_tells_the_same_stories(services: Services) -> None:
    assert stories_of(services, SEED) == stories_of(services, SEED)
    assert stories_of(services, SEED) != stories_of(services, SEED + 1)


def test_every_plot_has_its_share() -> None:
    assert sum(PLOTS.values()) == 100
    plots = [plot for plot, weight in PLOTS.items() for _ in range(weight)]
    assert Counter(plots[number * 37 % 100] for number in range(COUNT)) == {plot: 3 * weight for plot, weight in PLOTS.items()}


def test_no_story_reaches_into_the_future(services: Services) -> None:
    calendar = services.store.calendar()
    for number in range(COUNT):
        story = told(services, number, BEGAN)
        times = laid(story, BEGAN, calendar, number)
        assert len(times) == len(story.acts) + 1
        assert times == sorted(times)
        assert times[-1] < BEGAN


# A working afternoon, a night, a Saturday, the middle of Tết, the morning after it, the minute at which offices open.
BEGINNINGS = ["2026-10-14T15:30", "2026-10-15T02:00", "2026-10-17T11:00", "2026-02-18T10:00", "2026-02-23T08:00", "2026-11-26T07:30"]


@pytest.fixture(scope="module")
def fresh(store: DynamoStore, engine: engines.Engine) -> Iterator[Services]:
    """A register that nobody has published in."""
    with staged("demo", store, engine) as own:
        found = services_over(own, Issuer(), RecordingCourier(), SettableClock())
        seed(own)
        yield found


@pytest.mark.parametrize("began", BEGINNINGS)
def test_clocks_stand_where_the_plot_wants_them(fresh: Services, began: str) -> None:
    services = fresh
    began_at, calendar = datetime.fromisoformat(f"{began}+07:00").astimezone(UTC), services.store.calendar()
    wanted = {"at_risk": {AlertLevel.AT_RISK, AlertLevel.DUE_TODAY}, "overdue": {AlertLevel.OVERDUE, AlertLevel.ESCALATED}}
    units: dict[str, set[LimitUnit]] = {plot: set() for plot in wanted}
    plots = [plot for plot, weight in PLOTS.items() for _ in range(weight)]
    for number in range(COUNT * 3):
        plot = plots[number * 37 % 100]
        if plot not in {*wanted, "paused", "resumed"}:
            continue
        story = told(services, number, began_at)
        times = laid(story, began_at, calendar, number)
        *_, version = (one for one in services.store.versions(story.submission.procedure) if one.in_force(legal_day(began_at)))
        if plot in wanted:
            reckoning = reckoned(version.rule, Course(times[1]), calendar)
            assert level_at(reckoning, calendar, began_at, version.thresholds) in wanted[plot], (plot, version.code, number)
            units[plot].add(version.limit.unit)
        asked = [at for act, at in zip(story.acts, times[1:], strict=True) if act.name is MoveName.REQUEST_SUPPLEMENT]
        if asked:
            assert asked[0] <= reckoned(version.rule, Course(times[1]), calendar).due_at, (plot, version.code, number)
    assert all({LimitUnit.WORKING_HOURS, LimitUnit.MONTHS} <= found for found in units.values())


def test_it_is_made_once(few: Services) -> None:
    demo.begin(few)
    told_of: list[int] = []
    assert demo.fill(few, told_of.append) == sum(told_of) == SOME
    made = [(held.dossier.code, held.tip) for held in dossiers(few)]
    assert len(made) == SOME
    assert demo.fill(few) == 0
    assert [(held.dossier.code, held.tip) for held in dossiers(few)] == made


def test_an_interruption_doubles_nothing(few: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    demo.begin(few)
    real, calls = dossiers_.move, 0

    def failing(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise Unavailable("the store did not answer")
        return real(*arguments)  # type: ignore[arg-type] # as they came

    monkeypatch.setattr(demo, "move", failing)
    with pytest.raises(Unavailable):
        demo.fill(few)
    assert 0 < len(dossiers(few)) < SOME
    demo.fill(few)
    here = demo.progress(few)
    assert here is not None
    for number, held in enumerate(dossiers(few)):
        story = told(few, number, instant(here.began), here.seed)
        assert held.version == 1 + len(story.acts)
        assert [entry.seq for entry in few.store.entries(held.id, 0, 100)] == list(range(1, held.tip.seq + 1))


def test_what_is_made_lies_in_the_past(few: Services) -> None:
    demo.begin(few)
    demo.fill(few)
    for held in dossiers(few):
        assert all(entry.recorded_at <= few.now() for entry in few.store.entries(held.id, 0, 100))
        if held.dossier.state is State.AWAITING_SUPPLEMENT:
            assert held.dossier.intervals[-1].kind is IntervalKind.PAUSED


def test_a_store_that_is_not_to_have_it_gets_none(services: Services) -> None:
    services.store.note(demo.NOTE, "")
    assert demo.progress(services) is None
    assert demo.fill(services) == 0


def test_a_walk_lives_its_story_now(services: Services) -> None:
    walk = demo.Walk(services, 14)
    turns = 0
    while walk.step():
        turns += 1
    assert walk._subject is not None
    made = [entry for entry in services.store.entries(walk._subject, 0, 100) if entry.body["action"] != "ALERT_RAISED"]
    assert len(made) == 1 + len(walk._story.acts) == turns + 1 + (not walk._story.acts)


def test_a_dossier_that_somebody_else_moved_is_left(services: Services) -> None:
    number = next(n for n in range(50) if len(told(services, n, services.now()).acts) >= 3)
    walk = demo.Walk(services, number)
    assert walk.step()
    walk._place = 2  # as if the moves before it had never been made
    assert not walk.step()


def test_a_story_that_nobody_foresaw_does_not_end_the_mover(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []

    class Odd:
        def __init__(self, _services: Services, number: int) -> None:
            begun.append(number)
            raise IndexError(number)

    monkeypatch.setattr(demo, "Walk", Odd)
    mover = demo.Mover(services, tempo_s=0.001)
    mover.start()
    while len(begun) < 3:
        assert mover._thread.is_alive()
    mover.stop()


def test_no_story_is_of_a_procedure_without_components_or_steps(fresh: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    services, versions = fresh, fresh.store.versions
    monkeypatch.setattr(stories, "PAGE", 3)  # the one that is left is on a later page

    def bare(code: str, *, fresh: bool = False) -> tuple[ProcedureVersion, ...]:
        return tuple(replace(one, components=()) if code != "XD-01" else one for one in versions(code, fresh=fresh))

    monkeypatch.setattr(services.store, "versions", bare)
    administrative = [number for number in range(40) if number % 12 < 8]  # as stories choose the kind
    assert {told(services, number, BEGAN).submission.procedure for number in administrative} == {"XD-01"}


def test_the_mover_moves_and_stops(services: Services) -> None:
    written: list[object] = []
    real = services.store.commit

    class Counting:
        def __getattr__(self, name: str) -> object:
            return getattr(services.store, name)

        def commit(self, *arguments: object) -> None:
            real(*arguments)  # type: ignore[arg-type] # as they came
            written.append(arguments)

    mover = demo.Mover(replace(services, store=Counting()), tempo_s=0.01)  # type: ignore[arg-type] # a store by its shape
    mover.start()
    while len(written) < 12:
        assert mover._thread.is_alive()
    mover.stop()
    assert not mover._thread.is_alive()
    subjects = Counter(change[0].subject.id for change in written)  # type: ignore[index] # a change and its time
    assert len(subjects) >= demo.AT_ONCE
