"""Loading the register: all of it, once, and nothing over what stands there."""

from dataclasses import replace

import pytest

from casework.model.errors import Unavailable
from casework.model.limit import Limit, LimitUnit
from casework.model.unit import Unit
from casework.ports import Services, Span
from local import register
from local.seeding import NOTE, seed, total


def test_all_of_it_is_loaded(services: Services) -> None:
    store = services.store
    assert len(store.units_below(None, Span(100))) >= 34
    by_kind: dict[type, register.Thing] = {}
    for _, thing in register.things():
        by_kind.setdefault(type(thing), thing)
        if isinstance(thing, Unit) and thing.code == "22-XD":
            assert store.unit("22-XD") == thing
    assert len(by_kind) == 5
    assert store.point("22-MC") in by_kind.values() or store.point("22-MC") is not None
    assert store.officer("officer-1") is not None
    assert [version.code for version in store.versions("XD-01")] == ["XD-01"]
    assert store.calendar().overrides


def test_a_second_load_looks_at_nothing(services: Services) -> None:
    assert seed(services.store) == 0


def test_what_stands_there_is_left_as_it_is(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    known = services.store.versions("XD-01")[0]
    unit = Unit("99-NEW", known.title, "DEPARTMENT", "99")
    changed = replace(known, limit=Limit(LimitUnit.WORKING_DAYS, 99))
    services.store.note(NOTE, "another register")
    monkeypatch.setattr(register, "things", lambda: iter([("VN", changed), ("99", unit)]))
    told: list[int] = []
    assert seed(services.store, told.append) == sum(told) == 2
    assert services.store.versions("XD-01")[0] == known
    assert services.store.unit("99-NEW") == unit
    assert services.store.noted(NOTE) == register.digest()


def test_a_load_that_fails_is_not_noted(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing() -> None:
        raise Unavailable("the store did not answer")

    before = services.store.noted(NOTE)
    services.store.note(NOTE, "another register")
    monkeypatch.setattr(register, "things", failing)
    with pytest.raises(Unavailable):
        seed(services.store)
    assert services.store.noted(NOTE) == "another register"
    services.store.note(NOTE, before or "")


def test_the_total_is_what_a_load_looks_at() -> None:
    assert total() == sum(1 for _ in register.things()) > 10_000
