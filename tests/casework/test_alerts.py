"""Lists of alerts: who may list what, which index serves it, and pages that hold exactly what a look at everything gives."""

import random
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework import alerts as module
from casework import lists
from casework.adapters.dynamo import DynamoStore
from casework.alerts import AlertView, alerts
from casework.lists import MOST_UNITS, Page
from casework.model.alert import PASSING, Alert, AlertLevel, DeadlineKind
from casework.model.errors import Invalid
from casework.model.packing import moment
from casework.model.parties import PUBLIC, Role, Viewer
from casework.model.record import Dossier, State
from casework.model.unit import Unit
from casework.ports import Index, Noticed, Partition, Span, Store
from tests.casework.adapters.laid import dossier
from tests.casework.test_lists import A_TREE, EVERYTHING, HOUR, NAME, NOTHING, NOW, POINTS, SHOWN, UNITS, World, lead, services_on

AT_RISK, DUE_TODAY, OVERDUE, ESCALATED = AlertLevel
RANK = {AT_RISK: 1, DUE_TODAY: 2, OVERDUE: 3, ESCALATED: 4}
Row = tuple[str, int]  # a dossier and the number of its alert


def alert(level: AlertLevel = OVERDUE, number: int = 1, **given: Any) -> Alert:  # noqa: ANN401 - the record's own fields
    usual: dict[str, Any] = {"due_at": NOW, "reached_at": NOW, "observed_at": NOW, "unit": "any", "kind": DeadlineKind.DOSSIER, "arming": 1}
    return Alert(number=number, level=level, **{**usual, **given})


def page(world: World, viewer: Viewer, span: Span = EVERYTHING, **wanted: Any) -> Page[AlertView]:  # noqa: ANN401 - as the list takes them
    return alerts(world.services, viewer, span, **wanted)


def rows(found: Page[AlertView]) -> list[Row]:
    return [(view.view.held.id, view.alert.number) for _, view in found.views]


def all_of(world: World, viewer: Viewer, count: int, *, backwards: bool = False, **wanted: Any) -> list[Row]:  # noqa: ANN401 - as above
    """Page through a list."""
    span, out = Span(count, backwards=backwards), list[Row]()
    while True:
        found = page(world, viewer, span, **wanted)
        assert len(found.views) <= count
        out += rows(found)
        if not found.more:
            return out
        assert found.looked
        span = Span(count, high=found.looked, backwards=True) if backwards else Span(count, low=found.looked)


@pytest.fixture
def world(store: DynamoStore) -> World:
    found = World(services_on(store))
    found.build()
    return found


# Who may list what.


@dataclass
class Cast:
    """One dossier with an alert in each unit of a world, and what else somebody may list."""

    world: World
    named: dict[str, str] = field(default_factory=dict)  # id -> its name here


@pytest.fixture(scope="module")
def there(store: DynamoStore) -> Cast:
    world = World(services_on(store))
    world.build()
    cast_ = Cast(world)

    def one(name: str, path: str, level: AlertLevel, officer: str, **given: Any) -> None:  # noqa: ANN401 - a record's fields
        code, leader = world.unit(path), world.unit(officer)
        usual = {"state": State.IN_PROCESS, "assignments": (lead(leader, code),), "point": world.unit("XX")}
        (held,) = world.lay([dossier(code, **{**usual, **given, "alerts": (alert(level, officer=leader),)})])
        cast_.named[held.id] = name

    for path in UNITS:
        one(path, path, AT_RISK, f"{path}-o")
    one("late", "B", OVERDUE, "B-o", point=world.unit("MC"))
    one("at risk", "B", DUE_TODAY, "B-o", point=world.unit("MC"))
    one("elsewhere", "B", ESCALATED, "A-o")  # led by an officer of another department
    return cast_


def everybody(world: World) -> dict[str, Viewer]:
    return {
        "head of A": world.viewer(Role.HEAD, None, "A"),
        "head of the province": world.viewer(Role.HEAD, None, ""),
        "head of nothing": world.viewer(Role.HEAD),
        "supervisor of the province": world.viewer(Role.SUPERVISOR, None, ""),
        "supervisor of A": world.viewer(Role.SUPERVISOR, None, "A"),
        "officer of A": world.viewer(Role.OFFICER, world.unit("A-o"), "A"),
        "officer of A-1": world.viewer(Role.OFFICER, world.unit("A-1-o"), "A-1"),
        "reception": world.viewer(Role.RECEPTION, None, "", "MC"),
        "reception elsewhere": world.viewer(Role.RECEPTION, None, "", "CN"),
        "inspector": world.viewer(Role.INSPECTOR),
        "admin": world.viewer(Role.ADMIN, None, ""),
        "citizen": Viewer(Role.CITIZEN, f"{world.code}-citizen"),
        "public": PUBLIC,
    }


B_ALL = ("B", "late", "at risk", "elsewhere")
ALL = (*UNITS, "late", "at risk", "elsewhere")
LISTS: list[tuple[str, str | None, tuple[str, ...]]] = [
    ("head of A", None, ("A",)),
    ("head of A", "A", ("A",)),  # nothing of the units below, which have heads of their own
    ("head of A", "A-1", NOTHING),
    ("head of A", "B", NOTHING),
    ("head of the province", None, ("",)),
    ("head of the province", "", ("",)),
    ("supervisor of the province", None, ALL),
    ("supervisor of the province", "", ALL),
    ("supervisor of the province", "A", A_TREE),
    ("supervisor of A", None, A_TREE),
    ("supervisor of A", "A-1", ("A-1", "A-1-1")),
    ("supervisor of A", "B", NOTHING),
    ("supervisor of A", "", NOTHING),
    ("officer of A", None, ("A", "elsewhere")),
    ("officer of A", "A", NOTHING),
    ("officer of A-1", None, ("A-1",)),
    ("reception", None, ("late",)),  # the counter is told of what is late
    ("reception", "B", NOTHING),
    ("reception elsewhere", None, NOTHING),
    ("inspector", "", ALL),
    ("inspector", "B", B_ALL),
    ("inspector", "nowhere", NOTHING),
    ("admin", None, NOTHING),
    ("admin", "", NOTHING),
    ("citizen", None, NOTHING),
    ("citizen", "B", NOTHING),
    ("public", None, NOTHING),
    ("public", "B", NOTHING),
]


@pytest.mark.parametrize(("who", "unit", "wanted"), LISTS)
def test_each_lists_what_is_his(there: Cast, who: str, unit: str | None, wanted: tuple[str, ...]) -> None:
    world = there.world
    found = page(world, everybody(world)[who], unit=None if unit is None else world.unit(unit))
    assert sorted(there.named[view.view.held.id] for _, view in found.views) == sorted(wanted)
    assert (found.more, found.looked) == (False, None)


def test_what_the_register_says_of_a_person_counts_and_not_his_token(there: Cast) -> None:
    world = there.world
    posing = Viewer(Role.INSPECTOR, world.unit("A-1-o"), ())
    assert [there.named[id_] for id_, _ in rows(page(world, posing))] == ["A-1"]
    assert rows(page(world, posing, unit=world.unit("A-1"))) == []


@pytest.mark.parametrize("who", ["inspector", "head of nothing"])
def test_whoever_has_no_list_of_his_own_is_told_what_there_is(there: Cast, who: str) -> None:
    with pytest.raises(Invalid, match=r"^say whose alerts: an index serves unit, with any of minLevel and open$") as caught:
        page(there.world, everybody(there.world)[who])
    assert (caught.value.code, caught.value.path) == ("NO_INDEX", ("unit",))


def test_a_tree_of_more_units_than_one_page_merges_is_refused(world: World) -> None:
    viewer, top = world.viewer(Role.INSPECTOR), world.unit("B")
    below = [Unit(world.unit(f"B-{number}"), NAME, "DIVISION", world.code, top) for number in range(MOST_UNITS)]
    world.services.store.register(below[:-1], world.code)
    (one,) = world.lay([dossier(below[3].code, alerts=(alert(),))])
    assert rows(page(world, viewer, unit=top)) == [(one.id, 1)]
    world.services.store.register(below, world.code)
    with pytest.raises(Invalid) as caught:
        page(world, viewer, unit=top)
    assert (caught.value.code, caught.value.path) == ("NO_INDEX", ("unit",))
    assert rows(page(world, viewer, unit=below[3].code)) == [(one.id, 1)]


# Which index serves it, and how far behind it may be.


@dataclass
class Noting:
    """A store that keeps which partitions were read; `told` stands for what the indexes say."""

    store: Store
    read: list[tuple[Partition, ...]] = field(default_factory=list)
    told: list[tuple[str, Noticed]] | None = None

    def alerts(self, partitions: Sequence[Partition], span: Span) -> list[tuple[str, Noticed]]:
        self.read.append(tuple(partitions))
        return self.store.alerts(partitions, span) if self.told is None else self.told

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the store has
        return getattr(self.store, name)


def noted(world: World) -> tuple[World, Noting]:
    noting = Noting(world.services.store)
    return replace(world, services=replace(world.services, store=cast("Store", noting))), noting


@pytest.mark.parametrize(("stands", "sides"), [(None, ("OPEN", "PAST")), (True, ("OPEN",)), (False, ("PAST",))])
@pytest.mark.parametrize(("who", "unit", "index", "keys"), [
    ("inspector", "A", Index.UNIT, ["A", "A-1", "A-2", "A-1-1"]),
    ("inspector", "A-2", Index.UNIT, ["A-2"]),
    ("inspector", "", Index.PROVINCE, [""]),
    ("head of the province", "", Index.UNIT, [""]),
    ("head of A", None, Index.UNIT, ["A"]),
    ("officer of A", None, Index.OFFICER, ["A-o"]),
    ("reception", None, Index.POINT, ["MC"]),
])  # fmt: skip
def test_a_list_reads_the_halves_that_can_hold_it(
    there: Cast, who: str, unit: str | None, index: Index, keys: list[str], *, stands: bool | None, sides: tuple[str, ...]
) -> None:
    world, noting = noted(there.world)
    page(world, everybody(world)[who], unit=None if unit is None else world.unit(unit), stands=stands)
    assert noting.read == [tuple(Partition(index, f"{world.unit(key)}#{side}") for key in keys for side in sides)]


@pytest.mark.parametrize(
    ("who", "unit"), [(who, unit) for who, unit, wanted in LISTS if not wanted and who not in {"inspector", "reception elsewhere"}]
)
def test_what_is_not_his_is_not_even_read(there: Cast, who: str, unit: str | None) -> None:
    world, noting = noted(there.world)
    page(world, everybody(world)[who], unit=None if unit is None else world.unit(unit))
    assert noting.read == []


def test_an_alert_is_shown_as_it_stands_and_once_whatever_the_index_says(world: World) -> None:
    seen = alert(acknowledged_at=NOW, acknowledged_by="x")
    (one,) = world.lay([dossier(world.unit("A"), alerts=(seen,))])
    viewer = world.viewer(Role.HEAD, None, "A")
    ((place, _),) = world.services.store.alerts([Partition(Index.UNIT, f"{world.unit('A')}#PAST")], EVERYTHING)
    world, noting = noted(world)
    noting.told = [(place, Noticed(one.id, alert())), (place, Noticed(one.id, seen))]  # in the open half still, and in the other
    for stands, wanted in ((None, [seen]), (True, []), (False, [seen])):
        assert [view.alert for _, view in page(world, viewer, stands=stands).views] == wanted


# Levels.


def test_a_level_takes_the_more_urgent_ones_with_it(world: World) -> None:
    raised = tuple(alert(level, number, observed_at=NOW + number * HOUR) for number, level in enumerate(AlertLevel, 1))
    (one,) = world.lay([dossier(world.unit("A"), alerts=raised)])
    for number, level in enumerate(AlertLevel, 1):
        found = page(world, world.viewer(Role.HEAD, None, "A"), least=level)
        assert rows(found) == [(one.id, at) for at in range(number, 5)]


@pytest.mark.parametrize("backwards", [False, True])
def test_a_list_that_few_fit_is_looked_through_in_parts(world: World, monkeypatch: pytest.MonkeyPatch, backwards: bool) -> None:  # noqa: FBT001
    monkeypatch.setattr(lists, "MOST_LOOKED", 10)
    monkeypatch.setattr(lists, "LEAST_LOOKED", 0)
    monkeypatch.setattr(module, "LEAST_LOOKED", 0)
    given = [alert(ESCALATED if number % 9 == 4 else AT_RISK, observed_at=NOW + number * HOUR) for number in range(60)]
    found = world.lay(dossier(world.unit("A"), alerts=(one,)) for one in given)
    wanted = [(held.id, 1) for held, one in zip(found, given, strict=True) if one.level is ESCALATED]
    viewer = world.viewer(Role.HEAD, None, "A")
    assert all_of(world, viewer, 3, least=ESCALATED, backwards=backwards) == (wanted[::-1] if backwards else wanted)
    first = page(world, viewer, Span(3, backwards=backwards), least=ESCALATED)
    assert (len(first.views) < 3, first.more) == (True, True)


# Pages.


@pytest.fixture(scope="module")
def crowd(store: DynamoStore) -> World:
    """A world of 120 dossiers with some 300 alerts, some noticed at the same instant."""
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 - shown when a test fails
    chance, world = random.Random(seed), World(services_on(store))  # noqa: S311 - alerts to be repeated by their seed
    world.build()
    instants = [NOW + timedelta(minutes=chance.randint(0, 10**5)) for _ in range(50)]

    def raised(officer: str) -> tuple[Alert, ...]:
        noticed = sorted(chance.choice(instants) for _ in range(chance.randint(0, 5)))
        ends: list[dict[str, Any]] = [{}, {}, {"closed_at": NOW}, {"acknowledged_at": NOW, "acknowledged_by": "x"}]
        return tuple(
            alert(chance.choice(list(AlertLevel)), number, observed_at=at, officer=officer, **chance.choice(ends))
            for number, at in enumerate(noticed, 1)
        )

    world.lay(
        dossier(
            world.unit(path := chance.choice(UNITS)), world.unit(chance.choice(POINTS)), state=State.IN_PROCESS,
            alerts=raised(officer := world.unit(f"{chance.choice(UNITS)}-o")), assignments=(lead(officer, world.unit(path)),),
        )
        for _ in range(120)
    )  # fmt: skip
    return world


Of = Callable[[Dossier, Alert], bool]


def whose(world: World) -> dict[str, tuple[Viewer, str | None, Of]]:
    """Say who lists, which unit he names, and which alerts that may hold."""
    officer, point, tree = world.unit("A-o"), world.unit("MC"), frozenset(map(world.unit, A_TREE))
    return {
        "head": (world.viewer(Role.HEAD, None, "A"), None, lambda one, _: one.unit == world.unit("A")),
        "supervisor of a tree": (world.viewer(Role.SUPERVISOR, None, "A"), None, lambda one, _: one.unit in tree),
        "supervisor": (world.viewer(Role.SUPERVISOR, None, ""), None, lambda *_: True),
        "inspector": (world.viewer(Role.INSPECTOR), world.unit("B"), lambda one, _: one.unit == world.unit("B")),
        "officer": (world.viewer(Role.OFFICER, officer, "A"), None, lambda _, raised: raised.officer == officer),
        "reception": (
            world.viewer(Role.RECEPTION, None, "", "MC"), None,
            lambda one, raised: one.reception_point == point and raised.level not in PASSING,
        ),
    }  # fmt: skip


def right(world: World, may: Of, least: AlertLevel | None, *, stands: bool | None, backwards: bool) -> list[Row]:
    """Give a list by looking at everything there is."""
    found = [
        (raised.observed_at, held.id, raised.number)
        for held in world.held
        for raised in held.dossier.alerts
        if may(held.dossier, raised) and stands in {None, raised.open} and RANK[raised.level] >= RANK[least or AT_RISK]
    ]
    return [(id_, number) for _, id_, number in sorted(found, reverse=backwards)]


@SHOWN
@given(least=st.none() | st.sampled_from(AlertLevel), stands=st.sampled_from([None, True, False]), count=st.integers(3, 60),
       looked=st.sampled_from([(1000, 51), (25, 51), (25, 0), (1000, 7)]), backwards=st.booleans(),
       who=st.sampled_from(["head", "supervisor of a tree", "supervisor", "inspector", "officer", "reception"]))  # fmt: skip
def test_paging_through_a_list_gives_what_a_look_at_everything_gives(
    crowd: World, least: AlertLevel | None, count: int, looked: tuple[int, int], who: str, *, stands: bool | None, backwards: bool
) -> None:
    viewer, unit, may = whose(crowd)[who]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lists, "MOST_LOOKED", looked[0])
        for place in (lists, module):
            patch.setattr(place, "LEAST_LOOKED", looked[1])
        found = all_of(crowd, viewer, count, backwards=backwards, unit=unit, least=least, stands=stands)
    assert found == right(crowd, may, least, stands=stands, backwards=backwards)


def test_reading_a_page_costs_the_same_in_a_larger_table(world: World, store: DynamoStore) -> None:
    sizes = {"A-1": 220, "A-2": 880}
    for path, size in sizes.items():
        world.lay(
            dossier(world.unit(path), alerts=(alert(OVERDUE, observed_at=NOW + (number - size // 2) * HOUR),)) for number in range(size)
        )
    viewer, middle = world.viewer(Role.INSPECTOR), moment(NOW + HOUR / 2)

    def cost(path: str, span: Span, **more: Any) -> float:  # noqa: ANN401 - as the list takes them
        before = store.consumed
        assert len(page(world, viewer, span, unit=world.unit(path), **more).views) == 10
        return store.consumed - before

    asked: list[tuple[Span, dict[str, Any]]] = [
        (Span(10), {}), (Span(10, low=middle), {}), (Span(10, backwards=True), {"stands": True}), (Span(10), {"least": OVERDUE}),
    ]  # fmt: skip
    for span, more in asked:
        small, large = (cost(path, span, **more) for path in sizes)
        assert 0 < large <= small * 1.05
    assert len(all_of(world, viewer, 100, unit=world.unit("A"))) == 1100
