"""The register on the engine: its lists against the files they come from, what stands there stays, and how old a reading may be."""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, TypeVar

import pytest
from pynamodb.connection import Connection
from pynamodb.exceptions import QueryError

from casework.adapters.dynamo import DynamoStore, register
from casework.adapters.dynamo.models import RegisterItem
from casework.adapters.dynamo.register import RegisterTable
from casework.model.errors import Unavailable
from casework.model.limit import Limit, LimitUnit
from casework.model.parties import Role
from casework.model.procedure import DossierKind, ProcedureVersion, Texts
from casework.model.unit import Officer, PointKind, ReceptionPoint, Unit
from casework.model.workdays import Override, OverrideKind
from casework.ports import Span
from local.register import Thing, things

T = TypeVar("T")
NAME = Texts("một", "one", "un")


@pytest.fixture(scope="module")
def files() -> list[Thing]:
    return [thing for _, thing in things()]


@pytest.fixture
def other(store: DynamoStore) -> RegisterTable:
    """Another process's reading of the same register."""
    return RegisterTable(store._engine, store._reader)


def code() -> str:
    return f"R-{secrets.token_hex(6)}"


def walked(read: Callable[[Span], Sequence[T]], place: Callable[[T], str], *, count: int = 30, backwards: bool = False) -> Iterator[T]:
    """Page through a list."""
    span = Span(count, backwards=backwards)
    while rows := read(span):
        assert len(rows) <= count
        yield from rows
        last = place(rows[-1])
        span = Span(count, high=last, backwards=True) if backwards else Span(count, low=last)


def coded(thing: Unit | ReceptionPoint | Officer) -> str:
    return thing.code


# Lists.


@pytest.mark.parametrize("backwards", [False, True])
def test_units_below_one_come_by_code(store: DynamoStore, files: list[Thing], backwards: bool) -> None:  # noqa: FBT001
    wanted = sorted((thing for thing in files if isinstance(thing, Unit) and thing.parent == "22"), key=coded, reverse=backwards)
    assert len(wanted) > 60
    found = list(walked(lambda span: store.units_below("22", span), coded, backwards=backwards))
    assert [unit.code for unit in found] == sorted((unit.code for unit in found), reverse=backwards)
    assert [unit for unit in found if unit in wanted] == wanted  # other tests bring units of their own
    assert all(unit.parent == "22" for unit in found)
    assert store.units_below(wanted[0].code, Span(9)) == []


def test_roots_are_those_that_nothing_stands_above(store: DynamoStore, files: list[Thing]) -> None:
    known = {thing.code: thing for thing in files if isinstance(thing, Unit)}
    found = list(walked(lambda span: store.units_below(None, span), coded))
    assert [unit.code for unit in found] == sorted(unit.code for unit in found)
    assert {unit.code for unit in found} & known.keys() == {code for code, unit in known.items() if unit.parent is None}
    assert all(unit.parent is None for unit in found)
    assert len([unit for unit in found if unit.code in known and unit.valid_to is None]) == 34


def test_points_and_officers_stand_under_their_unit(store: DynamoStore, files: list[Thing]) -> None:
    for unit in ("22", "22-XD", "00004"):
        points = sorted((thing for thing in files if isinstance(thing, ReceptionPoint) and thing.unit == unit), key=coded)
        officers = sorted((thing for thing in files if isinstance(thing, Officer) and thing.unit == unit), key=coded)
        found = list(walked(lambda span, unit=unit: store.points_of(unit, span), coded, count=2))  # type: ignore[misc]
        people = list(walked(lambda span, unit=unit: store.officers_of(unit, span), coded, count=3))  # type: ignore[misc]
        assert [point for point in found if point in points] == points
        assert [officer for officer in people if officer in officers] == officers
        assert {point.unit for point in found} | {officer.unit for officer in people} == {unit}
        assert len(officers) >= 4


def test_procedures_come_once_each_whole_by_kind_or_by_field(store: DynamoStore, files: list[Thing]) -> None:
    versions = [thing for thing in files if isinstance(thing, ProcedureVersion)]
    known = {version.code for version in versions}
    assert len(versions) > len(known) >= 15

    def listed(kind: DossierKind | None, field: str | None) -> list[str]:
        return list(walked(lambda span: store.procedures(kind, field, span), str, count=7))

    def right(where: Callable[[ProcedureVersion], bool]) -> list[str]:
        return sorted({version.code for version in versions if where(version)})

    everything = listed(None, None)
    assert everything == sorted(set(everything))
    assert [name for name in everything if name in known] == sorted(known)
    for kind in DossierKind:
        assert [name for name in listed(kind, None) if name in known] == right(lambda version, kind=kind: version.kind is kind)  # type: ignore[misc]
    for field in {version.field for version in versions}:
        assert [name for name in listed(None, field) if name in known] == right(lambda version, field=field: version.field == field)  # type: ignore[misc]
    assert listed(None, "nothing") == []


# What is put there.


def test_what_stands_in_the_register_is_left_as_it_is(store: DynamoStore, other: RegisterTable) -> None:
    unit = store.unit("22-XD")
    assert unit
    store.register([replace(unit, kind="CHANGED")], "22")
    assert store.unit("22-XD") == other.unit("22-XD") == unit


def test_of_many_things_those_that_are_absent_are_put(store: DynamoStore) -> None:
    parent = code()
    units = [Unit(f"{parent}-{number:03d}", NAME, "DEPARTMENT", "22", parent) for number in range(250)]
    store.register(units[60:170:10], "22")
    store.register([replace(unit, kind="LATER") for unit in units], "22")
    kinds = {unit.code: unit.kind for unit in walked(lambda span: store.units_below(parent, span), coded, count=100)}
    assert kinds == {unit.code: "DEPARTMENT" if unit in units[60:170:10] else "LATER" for unit in units}
    store.register(units, "22")
    assert {unit.kind for unit in store.units_below(parent, Span(100))} == {"DEPARTMENT", "LATER"}


def test_what_another_load_puts_meanwhile_is_left_as_well(store: DynamoStore, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = (Unit(code(), NAME, "FIRST", "22") for _ in range(3))
    store.register([first], "22")
    read = store._reader.batch

    def meanwhile(table: str, keys: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
        found = list(read(table, keys))
        monkeypatch.setattr(store._reader, "batch", read)
        store.register([second], "22")
        return found

    monkeypatch.setattr(store._reader, "batch", meanwhile)
    store.register([replace(unit, kind="SECOND") for unit in (first, second, third)], "22")
    kinds = [unit.kind for unit in map(store.unit, (first.code, second.code, third.code)) if unit]
    assert kinds == ["FIRST", "FIRST", "SECOND"]


def test_a_thing_of_each_kind_reads_back(store: DynamoStore) -> None:
    name = code()
    version = replace(store.versions("XD-01")[0], code=name)
    later = replace(version, version=2, limit=Limit(LimitUnit.WORKING_DAYS, 3))
    unit, point = Unit(name, NAME, "DEPARTMENT", "22", "22"), ReceptionPoint(name, NAME, PointKind.BRANCH, "22")
    officer = Officer(name, Role.RECEPTION, "22", name, date(2026, 3, 2))
    store.register([later, version, unit, point, officer], "22")
    assert store.versions(name) == (version, later)
    assert (store.unit(name), store.point(name), store.officer(name)) == (unit, point, officer)


def test_the_calendar_has_the_overrides_of_the_register(store: DynamoStore) -> None:
    calendar = store.calendar()
    assert Override(date(2026, 1, 2), OverrideKind.OFF, date(2026, 1, 10), "12729/VPCP-KGVX", date(2025, 12, 25)) in calendar.overrides
    assert not calendar.working(date(2026, 1, 2))
    assert calendar.working(date(2026, 1, 10))


# Notes.


def test_a_note_stands_over_the_one_before(store: DynamoStore) -> None:
    name = code()
    assert store.noted(name) is None
    for text in ("một", "hai"):
        store.note(name, text)
        assert store.noted(name) == text
    assert store.noted(name[:-1]) is None


# How old a reading may be.


def test_the_register_is_read_anew_after_thirty_seconds(store: DynamoStore, other: RegisterTable, monkeypatch: pytest.MonkeyPatch) -> None:
    name, clock = code(), [1000.0]
    monkeypatch.setattr("casework.adapters.dynamo.register.time.monotonic", lambda: clock[0])
    found = Officer(name, Role.OFFICER, "22-XD")
    assert other.officer(name) is None
    store.register([found], "22")
    clock[0] += register.FRESH_S
    assert other.officer(name) is None
    clock[0] += 0.1
    assert other.officer(name) == found


def test_versions_are_read_past_what_is_remembered_when_they_must_be(store: DynamoStore, other: RegisterTable) -> None:
    version = replace(store.versions("XD-01")[0], code=code())
    assert other.versions(version.code) == ()
    store.register([version], "VN")
    assert other.versions(version.code) == ()
    assert other.versions(version.code, fresh=True) == (version,)
    assert other.versions(version.code) == (version,)


def test_whoever_puts_a_thing_reads_it_at_once(store: DynamoStore) -> None:
    name = code()
    assert (store.unit(name), store.point(name), store.officer(name), store.versions(name)) == (None, None, None, ())
    unit, point, officer = Unit(name, NAME, "X", "22"), ReceptionPoint(name, NAME, PointKind.BRANCH, "22"), Officer(name, Role.HEAD, "22")
    store.register([unit, point, officer, replace(store.versions("XD-01")[0], code=name)], "22")
    assert (store.unit(name), store.point(name), store.officer(name), len(store.versions(name))) == (unit, point, officer, 1)


def test_what_is_read_once_is_not_asked_for_again(other: RegisterTable, monkeypatch: pytest.MonkeyPatch) -> None:
    read = [other.unit("22-XD"), other.point("22-MC"), other.officer("officer-1"), other.versions("XD-01"), other.calendar()]
    monkeypatch.setattr(RegisterItem, "query", None)
    assert [other.unit("22-XD"), other.point("22-MC"), other.officer("officer-1"), other.versions("XD-01"), other.calendar()] == read


def test_asking_for_what_is_not_there_fills_no_memory(other: RegisterTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(register, "MOST_CACHED", 10)
    for number in range(50):
        assert other.versions(f"none-{number}") == ()
        assert len(other._cache) <= 10
    assert other.versions("XD-01")


# An engine that does not answer.


def test_a_load_that_the_engine_does_not_take_is_unavailable(store: DynamoStore) -> None:
    dead = Connection(region="local", host="http://127.0.0.1:9", connect_timeout_seconds=1, max_retry_attempts=0)
    with pytest.raises(Unavailable, match="did not answer"):
        RegisterTable(dead, store._reader).register([Unit(code(), NAME, "X", "22")], "22")


def test_a_reading_that_fails_is_unavailable_and_not_kept(other: RegisterTable, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object, **__: object) -> None:
        raise QueryError("no")

    query = RegisterItem.query
    monkeypatch.setattr(RegisterItem, "query", failing)
    reads: list[Callable[[], object]] = [lambda: other.unit("22-XD"), other.calendar, lambda: other.noted("x")]
    for read in reads:
        with pytest.raises(Unavailable, match="did not answer"):
            read()
    monkeypatch.setattr(RegisterItem, "query", query)
    assert other.unit("22-XD")
