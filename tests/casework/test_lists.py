"""Lists of dossiers: who may list what, which index serves it, and pages that hold exactly what a look at everything gives."""

import random
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casework import lists
from casework.adapters.dynamo import DynamoStore
from casework.adapters.dynamo.items import due_sort
from casework.lists import MOST_UNITS, Filter, Page, listed
from casework.model.errors import Invalid
from casework.model.packing import moment
from casework.model.parties import PUBLIC, Ref, Role, Viewer
from casework.model.procedure import Texts
from casework.model.record import OPEN, Applicant, Assignment, AssignmentRole, Dossier, HolderKind, Interval, IntervalKind, State
from casework.model.unit import Officer, PointKind, ReceptionPoint, Unit
from casework.ports import Held, Index, Partition, Services, Span, Store
from casework.views import View
from tests.casework.adapters.laid import dossier, fresh, laid
from tests.support import Issuer, RecordingCourier, SettableClock, present, services_over

SHOWN = settings(print_blob=True, deadline=None, max_examples=40)
NAME = Texts("một", "one", "un")
NOW = present()
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EVERYTHING = Span(100)


@dataclass
class World:
    """A province of its own, with departments, counters and people, and what was laid into it."""

    services: Services
    code: str = field(default_factory=lambda: f"W{secrets.token_hex(4)}")
    held: list[Held] = field(default_factory=list)
    account: dict[str, str] = field(default_factory=dict)  # id -> whose it is

    def unit(self, path: str) -> str:
        """Give a unit's code: A is a department, A-1 stands below it, the empty one is the province."""
        return f"{self.code}-{path}" if path else self.code

    def parent(self, path: str) -> str | None:
        return self.unit(path.rpartition("-")[0]) if path else None

    def build(self) -> None:
        units = [Unit(self.unit(path), NAME, "DEPARTMENT" if path else "PROVINCE", self.code, self.parent(path)) for path in UNITS]
        points = [ReceptionPoint(self.unit(point), NAME, PointKind.CENTRE, self.code) for point in POINTS]
        people = [Officer(self.unit(f"{path}-o"), Role.OFFICER, self.unit(path)) for path in UNITS]
        self.services.store.register([*units, *points, *people], self.code)

    def lay(self, dossiers: Iterable[Dossier], account: str | None = None) -> list[Held]:
        """Lay dossiers, of somebody's or of nobody's account."""
        keys, named = self.services.keys, []
        for one in dossiers:
            id_ = fresh()
            applicant = Applicant(Ref("d", 1), keys.pseudonym(id_, account)) if account else None
            named.append((id_, replace(one, applicant=applicant)))
        key = keys.applicant(account) if account else None
        found = laid(cast("DynamoStore", self.services.store), named, self.code, applicant_key=key)
        self.held += found
        self.account |= {one.id: account for one in found if account}
        return found

    def viewer(self, role: Role, sub: str | None = None, *paths: str) -> Viewer:
        return Viewer(role, sub or f"somebody-{secrets.token_hex(4)}", tuple(map(self.unit, paths)))

    def page(self, viewer: Viewer, wanted: Filter, span: Span = EVERYTHING) -> Page[View]:
        return listed(self.services, viewer, wanted, span)

    def all(self, viewer: Viewer, wanted: Filter, count: int = 100, *, backwards: bool = False) -> list[str]:
        """Page through a list; gives ids."""
        return [id_ for page in self.pages(viewer, wanted, count, backwards=backwards) for id_ in ids(page)]

    def pages(self, viewer: Viewer, wanted: Filter, count: int, *, backwards: bool = False) -> list[Page[View]]:
        span, out = Span(count, backwards=backwards), list[Page[View]]()
        while True:
            page = self.page(viewer, wanted, span)
            assert len(page.views) <= count
            out.append(page)
            if not page.more:
                return out
            assert page.looked
            span = Span(count, high=page.looked, backwards=True) if backwards else Span(count, low=page.looked)


UNITS = ("", "A", "A-1", "A-1-1", "A-2", "B")
POINTS = ("MC", "CN")


def ids(page: Page[View]) -> list[str]:
    return [view.held.id for _, view in page.views]


def lead(officer: str, unit: str) -> Assignment:
    return Assignment(1, AssignmentRole.LEAD, unit, NOW - DAY, officer)


def clock(*, paused: bool) -> tuple[Interval, ...]:
    kind, holder = (IntervalKind.PAUSED, HolderKind.APPLICANT) if paused else (IntervalKind.RUNNING, HolderKind.UNIT)
    return (Interval(1, kind, "X", holder, NOW - DAY),)


def services_on(store: DynamoStore) -> Services:
    return services_over(store, Issuer(), RecordingCourier(), SettableClock())


@pytest.fixture
def world(store: DynamoStore) -> World:
    found = World(services_on(store))
    found.build()
    return found


# Who may list what.


@dataclass
class Cast:
    """One dossier in each unit of a world, and what else somebody may list."""

    world: World
    of_unit: dict[str, str]
    intake: str
    delivery: str
    elsewhere: str
    own: str


@pytest.fixture(scope="module")
def there(store: DynamoStore) -> Cast:
    world = World(services_on(store))
    world.build()

    def one(path: str, state: State = State.IN_PROCESS, account: str | None = None, **given: Any) -> str:  # noqa: ANN401 - a record's fields
        usual = {"point": world.unit("XX"), "state": state, "assignments": (lead(world.unit(f"{path}-o"), world.unit(path)),)}
        return world.lay([dossier(world.unit(path), **{**usual, **given})], account)[0].id

    return Cast(
        world,
        of_unit={path: one(path) for path in UNITS},
        intake=one("B", State.SUBMITTED, point=world.unit("MC"), assignments=()),
        delivery=one("B", State.DECIDED, delivery_point=world.unit("MC")),
        elsewhere=one("B", assignments=(lead(world.unit("A-o"), world.unit("A")),)),  # led by an officer of another department
        own=one("A-2", State.DECIDED, f"{world.code}-citizen"),
    )


def everybody(cast_: Cast) -> dict[str, Viewer]:
    world = cast_.world
    return {
        "head of A": world.viewer(Role.HEAD, None, "A"),
        "head of A-1": world.viewer(Role.HEAD, None, "A-1"),
        "head of the province": world.viewer(Role.HEAD, None, ""),
        "head of nothing": world.viewer(Role.HEAD),
        "supervisor of the province": world.viewer(Role.SUPERVISOR, None, ""),
        "supervisor of A": world.viewer(Role.SUPERVISOR, None, "A"),
        "supervisor of A-1": world.viewer(Role.SUPERVISOR, None, "A-1"),
        "officer of A": world.viewer(Role.OFFICER, world.unit("A-o"), "A"),
        "officer of B": world.viewer(Role.OFFICER, world.unit("B-o"), "B"),
        "reception": world.viewer(Role.RECEPTION, None, "", "MC"),
        "reception elsewhere": world.viewer(Role.RECEPTION, None, "", "CN"),
        "inspector": world.viewer(Role.INSPECTOR),
        "admin": world.viewer(Role.ADMIN, None, ""),
        "citizen": Viewer(Role.CITIZEN, f"{world.code}-citizen"),
        "citizen for another": Viewer(Role.CITIZEN, "proxy", (), f"{world.code}-citizen"),
        "another citizen": Viewer(Role.CITIZEN, "another"),
        "another for a third": Viewer(Role.CITIZEN, f"{world.code}-citizen", (), "a third"),
        "public": PUBLIC,
    }


A_TREE = ("A", "A-1", "A-1-1", "A-2")
B_ALL = ("B", "intake", "delivery", "elsewhere")
NOTHING: tuple[str, ...] = ()
# who, what is asked for (a path of a unit, an officer or a point), and what is found: a unit's own dossier, or one of the others
LISTS: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("head of A", {}, ("A",)),
    ("head of A", {"unit": "A"}, ("A",)),
    ("head of A", {"unit": "A", "include_below": True}, ("A",)),  # nothing of the units below, which have heads of their own
    ("head of A", {"unit": "A-1"}, NOTHING),
    ("head of A", {"unit": "B"}, NOTHING),
    ("head of A", {"unit": ""}, NOTHING),
    ("head of A", {"officer": "A-o"}, ("A",)),  # not the one that he leads for another department
    ("head of A", {"officer": "A-1-o"}, NOTHING),
    ("head of A", {"officer": "B-o"}, NOTHING),
    ("head of A", {"officer": "nobody"}, NOTHING),
    ("head of A", {"reception_point": "MC"}, NOTHING),
    ("head of the province", {"unit": "", "include_below": True}, ("",)),
    ("supervisor of the province", {}, (*UNITS, "intake", "delivery", "elsewhere", "own")),
    ("supervisor of the province", {"unit": ""}, ("",)),
    ("supervisor of the province", {"unit": "", "include_below": True}, (*UNITS, "intake", "delivery", "elsewhere", "own")),
    ("supervisor of the province", {"unit": "A-1"}, ("A-1",)),
    ("supervisor of the province", {"unit": "A", "include_below": True}, (*A_TREE, "own")),
    ("supervisor of the province", {"officer": "A-o"}, ("A", "elsewhere")),
    ("supervisor of the province", {"reception_point": "MC"}, NOTHING),
    ("supervisor of A", {}, (*A_TREE, "own")),
    ("supervisor of A", {"unit": "A-1", "include_below": True}, ("A-1", "A-1-1")),
    ("supervisor of A", {"unit": "A-1-1", "include_below": True}, ("A-1-1",)),
    ("supervisor of A", {"unit": "B"}, NOTHING),
    ("supervisor of A", {"unit": ""}, NOTHING),
    ("supervisor of A", {"unit": "", "include_below": True}, NOTHING),
    ("supervisor of A", {"officer": "A-o"}, ("A",)),
    ("supervisor of A", {"officer": "A-1-1-o"}, ("A-1-1",)),
    ("supervisor of A", {"officer": "B-o"}, NOTHING),
    ("supervisor of A-1", {}, ("A-1", "A-1-1")),
    ("supervisor of A-1", {"unit": "A"}, NOTHING),
    ("officer of A", {}, ("A", "elsewhere")),
    ("officer of A", {"officer": "A-o"}, ("A", "elsewhere")),
    ("officer of A", {"officer": "A-1-o"}, NOTHING),
    ("officer of A", {"unit": "A"}, NOTHING),
    ("officer of A", {"reception_point": "MC"}, NOTHING),
    ("officer of B", {}, ("B", "delivery")),
    ("reception", {}, ("intake", "delivery")),
    ("reception", {"reception_point": "MC"}, ("intake", "delivery")),
    ("reception", {"reception_point": "CN"}, NOTHING),
    ("reception", {"unit": ""}, NOTHING),
    ("reception", {"officer": "A-o"}, NOTHING),
    ("reception elsewhere", {}, NOTHING),
    ("reception elsewhere", {"reception_point": "MC"}, NOTHING),
    ("inspector", {"unit": "A"}, ("A",)),
    ("inspector", {"unit": "B"}, B_ALL),
    ("inspector", {"unit": "", "include_below": True}, (*UNITS, "intake", "delivery", "elsewhere", "own")),
    ("inspector", {"officer": "A-o"}, ("A", "elsewhere")),
    ("inspector", {"officer": "nobody"}, NOTHING),
    ("inspector", {"reception_point": "MC"}, ("intake", "delivery")),
    ("inspector", {"unit": "nowhere", "include_below": True}, NOTHING),
    ("citizen", {}, ("own",)),
    ("citizen", {"unit": "A-2"}, NOTHING),
    ("citizen", {"officer": "A-2-o"}, NOTHING),
    ("citizen", {"reception_point": "MC"}, NOTHING),
    ("citizen for another", {}, ("own",)),
    ("another citizen", {}, NOTHING),
    ("another for a third", {}, NOTHING),
    ("admin", {}, NOTHING),
    ("admin", {"unit": "", "include_below": True}, NOTHING),
    ("admin", {"officer": "A-o"}, NOTHING),
    ("public", {}, NOTHING),
    ("public", {"unit": "A"}, NOTHING),
    ("public", {"reception_point": "MC"}, NOTHING),
]


def asked(world: World, named: dict[str, Any]) -> Filter:
    values: dict[str, Any] = {name: world.unit(value) if isinstance(value, str) else value for name, value in named.items()}
    return Filter(**values)


@pytest.mark.parametrize(("who", "given", "wanted"), LISTS)
def test_each_lists_what_is_his(there: Cast, who: str, given: dict[str, Any], wanted: tuple[str, ...]) -> None:
    others = {"intake": there.intake, "delivery": there.delivery, "elsewhere": there.elsewhere, "own": there.own}
    right = {there.of_unit[name] if name in UNITS else others[name] for name in wanted}
    page = there.world.page(everybody(there)[who], asked(there.world, given))
    assert set(ids(page)) == right
    assert len(page.views) == len(right)
    assert (page.more, page.looked) == (False, None)
    assert all(view.decision.sees for _, view in page.views)


def test_what_the_register_says_of_a_person_counts_and_not_his_token(there: Cast) -> None:
    world = there.world
    posing = Viewer(Role.INSPECTOR, world.unit("A-1-o"), ())
    assert ids(world.page(posing, Filter())) == [there.of_unit["A-1"]]
    assert ids(world.page(posing, Filter(unit=world.unit("A-1")))) == []


SERVED = "unit, unit with includeBelow, officer or receptionPoint, each with any of state, open, dueBefore and overdue"


@pytest.mark.parametrize(("who", "given"), [
    *((who, {"unit": "A", "officer": "A-o"}) for who in ("head of A", "inspector", "citizen", "public")),
    ("head of A", {"unit": "A", "reception_point": "MC"}),
    ("reception", {"officer": "A-o", "reception_point": "MC"}),
    *((who, {"include_below": True}) for who in ("supervisor of A", "inspector", "citizen", "public")),
    ("officer of A", {"include_below": True, "officer": "A-o"}),
    ("inspector", {}),
    ("inspector", {"states": frozenset({State.DECIDED})}),
    ("inspector", {"overdue": True, "open": True, "due_before": NOW}),
    ("head of nothing", {}),
])  # fmt: skip
def test_what_no_index_serves_is_refused_with_those_that_there_are(there: Cast, who: str, given: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as caught:
        there.world.page(everybody(there)[who], asked(there.world, given))
    assert (caught.value.code, caught.value.path) == ("NO_INDEX", ("filter",))
    assert SERVED in caught.value.message


def test_a_tree_of_more_units_than_one_page_merges_is_refused(world: World) -> None:
    viewer, top = world.viewer(Role.INSPECTOR), world.unit("B")
    below = [Unit(world.unit(f"B-{number}"), NAME, "DIVISION", world.code, top) for number in range(MOST_UNITS)]
    world.services.store.register(below[:-1], world.code)
    (one,) = world.lay([dossier(below[3].code)])
    assert ids(world.page(viewer, Filter(unit=top, include_below=True))) == [one.id]
    world.services.store.register(below, world.code)
    with pytest.raises(
        Invalid, match=rf"^{top} and the units below it are more than 32: name a province, or a unit further down$"
    ) as caught:
        world.page(viewer, Filter(unit=top, include_below=True))
    assert (caught.value.code, caught.value.path) == ("NO_INDEX", ("filter", "unit"))
    assert ids(world.page(viewer, Filter(unit=below[3].code, include_below=True))) == [one.id]


# Which index serves it.


@dataclass
class Noting:
    """A store that keeps which partitions were read."""

    store: Store
    read: list[tuple[Partition, ...]] = field(default_factory=list)

    def listed(self, partitions: Sequence[Partition], span: Span) -> list[tuple[str, Held]]:
        self.read.append(tuple(partitions))
        return self.store.listed(partitions, span)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the store has
        return getattr(self.store, name)


def noted(world: World) -> tuple[World, Noting]:
    noting = Noting(world.services.store)
    return replace(world, services=replace(world.services, store=cast("Store", noting))), noting


BOTH, OPENED, CLOSED = ("OPEN", "CLOSED"), ("OPEN",), ("CLOSED",)
SIDES: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({}, BOTH),
    ({"open": True}, OPENED),
    ({"open": False}, CLOSED),
    ({"overdue": True}, OPENED),
    ({"overdue": False}, BOTH),
    ({"overdue": True, "open": False}, NOTHING),
    ({"states": frozenset({State.RECEIVED, State.IN_PROCESS})}, OPENED),
    ({"states": frozenset({State.DECIDED})}, CLOSED),
    ({"states": frozenset({State.DECIDED, State.RECEIVED})}, BOTH),
    ({"states": frozenset({State.DECIDED}), "open": True}, NOTHING),
    ({"states": frozenset(State), "open": True}, OPENED),
    ({"states": frozenset()}, NOTHING),
]


@pytest.mark.parametrize(("given", "sides"), SIDES)
@pytest.mark.parametrize(("named", "index", "keys"), [
    ({"unit": "A-2"}, Index.UNIT, ["A-2"]),
    ({"unit": "A", "include_below": True}, Index.UNIT, ["A", "A-1", "A-2", "A-1-1"]),
    ({"unit": ""}, Index.UNIT, [""]),
    ({"unit": "", "include_below": True}, Index.PROVINCE, [""]),
    ({"officer": "A-o"}, Index.OFFICER, ["A-o"]),
])  # fmt: skip
def test_a_list_reads_the_halves_that_can_hold_it(
    there: Cast, named: dict[str, Any], index: Index, keys: list[str], given: dict[str, Any], sides: tuple[str, ...]
) -> None:
    world, noting = noted(there.world)
    world.page(world.viewer(Role.INSPECTOR), asked(world, {**named, **given}))
    wanted = tuple(Partition(index, f"{world.unit(key)}#{side}") for key in keys for side in sides)
    assert noting.read == ([wanted] if wanted else [])


@pytest.mark.parametrize(("who", "given"), [(who, given) for who, given, wanted in LISTS if given and not wanted and who != "inspector"])
def test_what_is_not_his_is_not_even_read(there: Cast, who: str, given: dict[str, Any]) -> None:
    world, noting = noted(there.world)
    world.page(everybody(there)[who], asked(world, given))
    assert noting.read == []


def test_a_counters_list_and_an_applicants_have_no_halves(there: Cast) -> None:
    world, noting = noted(there.world)
    point = world.unit("MC")
    for who, partitions in {
        "reception": (Partition(Index.POINT, f"{point}#INTAKE"), Partition(Index.POINT, f"{point}#DELIVERY")),
        "citizen": (Partition(Index.APPLICANT, world.services.keys.applicant(f"{world.code}-citizen")),),
    }.items():
        for filters in ({}, {"open": True}, {"overdue": True}, {"states": frozenset({State.DECIDED})}):
            noting.read.clear()
            world.page(everybody(there)[who], asked(world, filters))
            assert noting.read == [partitions]
    for who in ("admin", "public", "another citizen"):
        noting.read.clear()
        world.page(everybody(there)[who], Filter(unit=world.unit("A")))
        assert noting.read == []


# Filters.


CASES: dict[str, dict[str, Any]] = {
    "late": {"state": State.IN_PROCESS, "due_at": NOW - HOUR, "intervals": clock(paused=False)},
    "long late": {"state": State.RECEIVED, "due_at": NOW - 90 * DAY, "intervals": clock(paused=False)},
    "late but paused": {"state": State.AWAITING_SUPPLEMENT, "due_at": NOW - 2 * DAY, "intervals": clock(paused=True)},
    "late and decided": {"state": State.DECIDED, "due_at": NOW - 3 * DAY, "intervals": clock(paused=False)},
    "stopped in time": {"state": State.STOPPED, "due_at": NOW + 3 * DAY, "intervals": clock(paused=False)},
    "in time": {"state": State.IN_PROCESS, "due_at": NOW + DAY, "intervals": clock(paused=False)},
    "paused": {"state": State.AWAITING_SUPPLEMENT, "due_at": NOW + 5 * DAY, "intervals": clock(paused=True)},
    "not taken in": {"state": State.SUBMITTED},
    "refused": {"state": State.REFUSED},
}
TIMED = {"long late", "late and decided", "late but paused", "late", "in time", "stopped in time", "paused"}
FILTERS: list[tuple[dict[str, Any], set[str]]] = [
    ({}, set(CASES)),
    ({"open": True}, set(CASES) - {"late and decided", "stopped in time", "refused"}),
    ({"open": False}, {"late and decided", "stopped in time", "refused"}),
    ({"overdue": True}, {"late", "long late"}),
    ({"overdue": False}, set(CASES) - {"late", "long late"}),
    ({"overdue": False, "open": True}, {"late but paused", "in time", "paused", "not taken in"}),
    ({"overdue": True, "open": False}, set()),
    ({"states": frozenset({State.IN_PROCESS})}, {"late", "in time"}),
    ({"states": frozenset({State.IN_PROCESS, State.DECIDED})}, {"late", "in time", "late and decided"}),
    ({"states": frozenset({State.IN_PROCESS, State.DECIDED}), "overdue": True}, {"late"}),
    ({"states": frozenset({State.DELIVERED})}, set()),
    ({"states": frozenset({State.DECIDED}), "open": True}, set()),
    ({"states": frozenset()}, set()),
    ({"due_before": NOW}, {"late", "long late", "late but paused", "late and decided"}),
    ({"due_before": NOW + DAY}, TIMED - {"in time", "stopped in time", "paused"}),  # due at that very instant is not before it
    ({"due_before": NOW + DAY + timedelta(microseconds=1)}, TIMED - {"stopped in time", "paused"}),
    ({"due_before": NOW + 365 * DAY}, TIMED),  # none that has no due date
    ({"due_before": NOW - 2 * HOUR, "overdue": True}, {"long late"}),
    ({"due_before": NOW + 9 * DAY, "overdue": True}, {"late", "long late"}),
    ({"due_before": NOW, "open": True, "overdue": False}, {"late but paused"}),
    ({"due_before": NOW - 365 * DAY}, set()),
]


@pytest.fixture(scope="module")
def cases(store: DynamoStore) -> tuple[World, dict[str, str], dict[str, tuple[Viewer, dict[str, Any]]]]:
    """Lay the same cases so that every index has them; gives who lists them how."""
    world = World(services_on(store))
    world.build()
    officer, account = world.unit("A-o"), f"{world.code}-citizen"
    given = {name: {"assignments": (lead(officer, world.unit("A")),), **case} for name, case in CASES.items()}
    found = world.lay((dossier(world.unit("A"), **case) for case in given.values()), account)
    lists_ = {
        "unit": (world.viewer(Role.HEAD, None, "A"), {"unit": world.unit("A")}),
        "tree": (world.viewer(Role.SUPERVISOR, None, "A"), {}),
        "province": (world.viewer(Role.SUPERVISOR, None, ""), {}),
        "officer": (world.viewer(Role.OFFICER, officer, "A"), {}),
        "applicant": (Viewer(Role.CITIZEN, account), {}),
    }
    return world, dict(zip(given, (one.id for one in found), strict=True)), lists_


@pytest.mark.parametrize(("given", "wanted"), FILTERS)
@pytest.mark.parametrize("which", ["unit", "tree", "province", "officer", "applicant"])
def test_a_filter_holds_in_each_list(
    cases: tuple[World, dict[str, str], dict[str, tuple[Viewer, dict[str, Any]]]], which: str, given: dict[str, Any], wanted: set[str]
) -> None:
    world, named, lists_ = cases
    viewer, base = lists_[which]
    assert {name for name, id_ in named.items() if id_ in ids(world.page(viewer, Filter(**base, **given)))} == wanted


def test_a_counters_piles_are_filtered_too(world: World) -> None:
    point = world.unit("MC")
    waiting, done = world.lay(
        [dossier(point=point, due_at=NOW + DAY), dossier(point=point, state=State.DECIDED, due_at=NOW - DAY, intervals=clock(paused=False))]
    )
    viewer = world.viewer(Role.RECEPTION, None, "", "MC")
    found: list[tuple[dict[str, Any], list[Held]]] = [
        ({}, [done, waiting]), ({"open": True}, [waiting]), ({"open": False}, [done]), ({"states": frozenset({State.DECIDED})}, [done]),
        ({"due_before": NOW}, [done]), ({"overdue": True}, []), ({"overdue": False}, [done, waiting]),
    ]  # fmt: skip
    for filters, wanted in found:
        assert ids(world.page(viewer, Filter(**filters))) == [one.id for one in wanted], filters


def test_the_due_instant_itself_is_in_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    (one,) = world.lay([dossier(world.unit("A"), state=State.IN_PROCESS, due_at=NOW, intervals=clock(paused=False))])
    viewer = world.viewer(Role.HEAD, None, "A")
    for at, late in ((NOW, False), (NOW + timedelta(microseconds=1), True)):
        monkeypatch.setattr(SettableClock, "__call__", lambda _, at=at: at)
        assert ids(world.page(viewer, Filter(overdue=True))) == ([one.id] if late else [])
        assert ids(world.page(viewer, Filter(overdue=False))) == ([] if late else [one.id])


# Pages.


def right(world: World, who: Callable[[Dossier], bool], wanted: Filter, *, backwards: bool = False) -> list[str]:
    """Give a list by looking at everything there is."""

    def fits(one: Dossier) -> bool:
        stands = one.open and not (one.intervals and one.intervals[-1].kind is IntervalKind.PAUSED)
        late = stands and one.due_at is not None and one.due_at < NOW
        asked = [
            wanted.states is None or one.state in wanted.states,
            wanted.open is None or (one.state in OPEN) is wanted.open,
            wanted.due_before is None or (one.due_at is not None and one.due_at < wanted.due_before),
            wanted.overdue is None or late is wanted.overdue,
        ]
        return who(one) and all(asked)

    found = [one for one in world.held if fits(one.dossier)]
    return [one.id for one in sorted(found, key=lambda one: due_sort(one.dossier, one.id), reverse=backwards)]


@pytest.fixture(scope="module")
def crowd(store: DynamoStore) -> World:
    """A world of 160 dossiers, some due at the same instant."""
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 - shown when a test fails
    chance, world = random.Random(seed), World(services_on(store))  # noqa: S311 - dossiers to be repeated by their seed
    world.build()
    instants = [None, *(NOW + chance.choice([-1, 1]) * timedelta(minutes=chance.randint(10, 10**5)) for _ in range(40))]
    for account in (None, "x", "y"):
        world.lay(
            (
                dossier(
                    world.unit(path := chance.choice(UNITS)),
                    world.unit(chance.choice(POINTS)),
                    state=chance.choice(list(State)),
                    due_at=chance.choice(instants),
                    intervals=clock(paused=chance.random() < 0.3),
                    assignments=(lead(world.unit(f"{chance.choice(UNITS)}-o"), world.unit(path)),),
                )
                for _ in range(100 if account is None else 30)
            ),
            account and f"{world.code}-{account}",
        )
    return world


def tree(world: World, *paths: str) -> Callable[[Dossier], bool]:
    return lambda one: one.unit in map(world.unit, paths)


def whose(world: World) -> dict[str, tuple[Viewer, Filter, Callable[[Dossier], bool]]]:
    """Say who lists, what he names, and which dossiers that may hold."""
    officer, point, head = world.unit("A-o"), world.unit("MC"), world.unit("A")
    pseudonyms = {world.services.keys.pseudonym(id_, account) for id_, account in world.account.items() if account.endswith("-x")}
    return {
        "head": (world.viewer(Role.HEAD, None, "A"), Filter(), tree(world, "A")),
        "supervisor of a tree": (world.viewer(Role.SUPERVISOR, None, "A"), Filter(), tree(world, *A_TREE)),
        "supervisor": (world.viewer(Role.SUPERVISOR, None, ""), Filter(), lambda one: True),
        "inspector": (world.viewer(Role.INSPECTOR), Filter(unit=world.unit("B")), tree(world, "B")),
        "officer": (world.viewer(Role.OFFICER, officer, "A"), Filter(), lambda one: one.assignments[0].officer == officer),
        "head of an officer": (
            world.viewer(Role.HEAD, None, "A"),
            Filter(officer=officer),
            lambda one: one.assignments[0].officer == officer and one.unit == head,
        ),
        "reception": (
            world.viewer(Role.RECEPTION, None, "", "MC"),
            Filter(),
            lambda one: one.reception_point == point and one.state in {State.SUBMITTED, State.DECIDED},
        ),
        "citizen": (
            Viewer(Role.CITIZEN, f"{world.code}-x"),
            Filter(),
            lambda one: one.applicant is not None and one.applicant.person in pseudonyms,
        ),
    }


WANTED = st.builds(
    Filter,
    states=st.none() | st.frozensets(st.sampled_from(State), min_size=1),
    open=st.sampled_from([None, None, True, False]),
    due_before=st.none() | st.integers(-(10**5), 10**5).map(lambda minutes: NOW + timedelta(minutes=minutes)),
    overdue=st.sampled_from([None, None, True, False]),
)


@SHOWN
@given(wanted=WANTED, count=st.integers(3, 60), looked=st.sampled_from([(1000, 51), (25, 51), (25, 0), (1000, 7)]),
       backwards=st.booleans(), who=st.sampled_from(
    ["head", "supervisor of a tree", "supervisor", "inspector", "officer", "head of an officer", "reception", "citizen"]))  # fmt: skip
def test_paging_through_a_list_gives_what_a_look_at_everything_gives(
    crowd: World, wanted: Filter, count: int, looked: tuple[int, int], who: str, *, backwards: bool
) -> None:
    viewer, named, may = whose(crowd)[who]
    asked = replace(wanted, unit=named.unit, officer=named.officer)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lists, "MOST_LOOKED", looked[0])
        patch.setattr(lists, "LEAST_LOOKED", looked[1])
        assert crowd.all(viewer, asked, count, backwards=backwards) == right(crowd, may, wanted, backwards=backwards)


def test_a_page_tells_whether_others_follow(world: World) -> None:
    found = world.lay(dossier(world.unit("A"), due_at=NOW + number * DAY) for number in range(6))
    viewer, names = world.viewer(Role.HEAD, None, "A"), [one.id for one in found]
    places = [due_sort(one.dossier, one.id) for one in found]
    world, noting = noted(world)
    for span, wanted, more in [
        (Span(6), names, False), (Span(7), names, False), (Span(5), names[:5], True), (Span(2, places[1]), names[2:4], True),
        (Span(2, places[3]), names[4:], False), (Span(2, places[3], places[5]), names[4:5], False), (Span(2, places[5]), [], False),
        (Span(2, backwards=True), names[:3:-1], True), (Span(2, high=places[2], backwards=True), names[1::-1], False),
        (Span(1, places[0], places[2], backwards=True), names[1:2], False), (Span(3, places[4], places[1]), [], False),
    ]:  # fmt: skip
        noting.read.clear()
        page = world.page(viewer, Filter(), span)
        assert (ids(page), page.more, len(noting.read)) == (wanted, more, 1), span
        assert page.looked == (page.views[-1][0] if more else None)
        assert [place for place, _ in page.views] == [places[names.index(id_)] for id_ in wanted]


@pytest.mark.parametrize("backwards", [False, True])
def test_a_list_that_few_fit_is_looked_through_in_parts(world: World, monkeypatch: pytest.MonkeyPatch, backwards: bool) -> None:  # noqa: FBT001
    monkeypatch.setattr(lists, "MOST_LOOKED", 10)
    monkeypatch.setattr(lists, "LEAST_LOOKED", 0)
    states = [State.RECEIVED if number % 9 == 4 else State.IN_PROCESS for number in range(60)]
    found = world.lay(dossier(world.unit("A"), state=state, due_at=NOW + number * HOUR) for number, state in enumerate(states))
    wanted = [one.id for one in found if one.dossier.state is State.RECEIVED]
    pages = world.pages(world.viewer(Role.HEAD, None, "A"), Filter(states=frozenset({State.RECEIVED})), 3, backwards=backwards)
    assert [id_ for page in pages for id_ in ids(page)] == (wanted[::-1] if backwards else wanted)
    short = [page for page in pages[:-1] if len(page.views) < 3]
    assert len(short) >= 3
    assert all(page.more and page.looked for page in short)
    assert any(page.views == () for page in pages)


def test_a_page_looks_at_no_more_than_it_may(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "MOST_LOOKED", 10)
    world.lay(dossier(world.unit("A"), state=State.IN_PROCESS, due_at=NOW + number * HOUR) for number in range(60))
    world, noting = noted(world)
    for least, reads in ((0, 3), (5, 2), (51, 1)):  # rows of a query: four, five, and more than all that may be looked at
        monkeypatch.setattr(lists, "LEAST_LOOKED", least)
        noting.read.clear()
        page = world.page(world.viewer(Role.HEAD, None, "A"), Filter(states=frozenset({State.RECEIVED})), Span(3))
        assert (page.views, page.more, len(noting.read)) == ((), True, reads)


def test_who_finds_little_looks_on_by_larger_steps(world: World) -> None:
    citizen = Viewer(Role.CITIZEN, f"citizen-{secrets.token_hex(4)}")
    mine = [dossier(world.unit("A"), state=State.IN_PROCESS, due_at=NOW + number * HOUR) for number in range(150)]
    world.lay(mine, citizen.sub)
    world, noting = noted(world)
    page = world.page(citizen, Filter(open=False), Span(1))
    assert (page.views, page.more, len(noting.read)) == ((), False, 3)  # of 2, of 100, and the rest


def test_reading_a_page_costs_the_same_in_a_larger_table(world: World, store: DynamoStore) -> None:
    sizes = {"A-1": 220, "A-2": 880}
    worked: dict[str, Any] = {"state": State.IN_PROCESS, "intervals": clock(paused=False)}
    for path, size in sizes.items():
        world.lay(dossier(world.unit(path), due_at=NOW + (number - size / 2) * HOUR, **worked) for number in range(size))
    viewer = world.viewer(Role.INSPECTOR)
    middle = moment(NOW + HOUR / 2)

    def cost(path: str, span: Span, **more: Any) -> float:  # noqa: ANN401 - a filter's fields
        before = store.consumed
        assert len(world.page(viewer, Filter(unit=world.unit(path), **more), span).views) == 10
        return store.consumed - before

    for span, more in [
        (Span(10), {}), (Span(10, low=middle), {}), (Span(10, backwards=True), {"overdue": True}), (Span(10), {"open": True}),
        (Span(10, low=middle), {"overdue": False}),
    ]:  # fmt: skip
        small, large = (cost(path, span, **more) for path in sizes)
        assert 0 < large <= small * 1.05
    assert len(world.all(viewer, Filter(unit=world.unit("A"), include_below=True))) == 1100
