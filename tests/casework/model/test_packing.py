"""Packing: what comes back is what went in, absent values are left out, and what is not known is refused or passed over."""

import dataclasses
import json
import types
import typing
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import Enum
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casework.model.alert import AlertLevel, Thresholds
from casework.model.limit import Limit, LimitUnit
from casework.model.packing import instant, moment, packed, unpacked
from casework.model.parties import Party, Role, Viewer
from casework.model.procedure import Channel, DossierKind, ProcedureVersion, StepOrder, Texts
from casework.model.record import Dossier
from casework.model.unit import Officer, ReceptionPoint, Unit
from casework.model.workdays import ZONE, Override, OverrideKind

SHOWN = settings(print_blob=True, deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
INSTANTS = st.datetimes(
    datetime(1900, 1, 1),  # noqa: DTZ001 - bounds may not have a zone
    datetime(2200, 1, 1),  # noqa: DTZ001 - as above
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=7)), timezone(timedelta(hours=-9, minutes=-30))]),
)
LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: st.integers(-(2**53) + 1, 2**53 - 1),
    str: st.text(max_size=8),
    datetime: INSTANTS,
    date: st.dates(),
    time: st.times(),
    Limit: st.builds(Limit, st.sampled_from([LimitUnit.WORKING_DAYS, LimitUnit.CALENDAR_DAYS]), st.integers(1, 3650))
    | st.just(Limit(LimitUnit.FIXED_DATE)),
    Thresholds: st.builds(Thresholds, st.integers(0, 9), st.integers(0, 100), st.integers(1, 9)),
}


def anything(hint: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401 - any annotation
    """Make values of an annotation: a dataclass with every field, given or absent."""
    if hint in LEAVES:
        return LEAVES[hint]
    args = typing.get_args(hint)
    if isinstance(hint, types.UnionType):
        return st.one_of(st.none(), *(anything(arm) for arm in args if arm is not types.NoneType))
    if typing.get_origin(hint) is tuple:
        return st.lists(anything(args[0]), max_size=2).map(tuple)
    if dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        return st.builds(typing.cast("type[Any]", hint), **{field.name: anything(hints[field.name]) for field in dataclasses.fields(hint)})
    assert issubclass(hint, Enum), hint
    return st.sampled_from(list(hint))


KINDS = (Dossier, ProcedureVersion, Unit, ReceptionPoint, Officer, Override, Viewer, Party)


def absent_in(plain: Any) -> bool:  # noqa: ANN401 - any plain value
    """Whether an absent value stands anywhere."""
    if isinstance(plain, dict):
        return any(value is None or value == [] or absent_in(value) for value in plain.values())
    return isinstance(plain, list) and any(absent_in(value) for value in plain)


@pytest.mark.parametrize("kind", KINDS)
@SHOWN
@given(data=st.data())
def test_what_is_packed_comes_back_through_json(kind: type[Any], data: st.DataObject) -> None:
    value = data.draw(anything(kind))
    plain = packed(value)
    assert unpacked(kind, json.loads(json.dumps(plain))) == value
    assert not absent_in(plain)


@pytest.mark.parametrize("kind", KINDS)
@SHOWN
@given(data=st.data())
def test_names_that_a_kind_does_not_know_are_passed_over(kind: type[Any], data: st.DataObject) -> None:
    value = data.draw(anything(kind))
    assert unpacked(kind, {**packed(value), "added_later": {"by": ["a newer version"]}}) == value


@pytest.mark.parametrize("kind", KINDS)
@SHOWN
@given(data=st.data())
def test_an_explicit_null_is_an_absent_value(kind: type[Any], data: st.DataObject) -> None:
    value = data.draw(anything(kind))
    optional = {name: None for name, hint in typing.get_type_hints(kind).items() if types.NoneType in typing.get_args(hint)}
    assert unpacked(kind, {**optional, **packed(value)}) == value


def test_nothing_and_what_counts_as_something_are_told_apart() -> None:
    assert packed(Viewer(Role.PUBLIC, sub="", units=("",), generation=0)) == {
        "role": "PUBLIC",
        "sub": "",
        "units": [""],
        "generation": 0,
    }
    assert packed(Viewer(Role.PUBLIC)) == {"role": "PUBLIC"}


def test_a_field_without_a_default_may_be_absent_too() -> None:
    extra = Override(date(2025, 9, 1), OverrideKind.OFF, None, "1/QD", date(2025, 8, 1))
    assert packed(extra) == {"day": "2025-09-01", "kind": "OFF", "document": "1/QD", "announced_on": "2025-08-01"}
    assert unpacked(Override, packed(extra)) == extra


def test_a_value_that_is_needed_is_missed() -> None:
    with pytest.raises(TypeError, match="role"):
        unpacked(Viewer, {"sub": "officer-1"})


@pytest.mark.parametrize(("kind", "plain"), [
    (Viewer, {"role": "KING"}),
    (Officer, {"code": "o", "role": "OFFICER", "unit": "u", "valid_to": "yesterday"}),
    (Dossier, {"submitted_at": "2025-13-01T00:00:00Z"}),
    (Limit, {"unit": "WORKING_DAYS", "amount": 0}),
])  # fmt: skip
def test_a_plain_form_of_something_else_is_refused(kind: type[Any], plain: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        unpacked(kind, plain)


def test_a_whole_version_as_it_is_written() -> None:
    version = ProcedureVersion(
        "XD-01", 1, Texts("một", "one", "un"), DossierKind.COMPLAINT, "field", "tier",
        Limit(LimitUnit.WORKING_DAYS, 10), "50/2014/QH13", date(2025, 1, 1), (Channel.ONLINE, Channel.POST), "22-XD",
    )  # fmt: skip
    assert packed(version) == {
        "code": "XD-01",
        "version": 1,
        "title": {"vi": "một", "en": "one", "fr": "un"},
        "kind": "COMPLAINT",
        "field": "field",
        "tier": "tier",
        "unit": "22-XD",
        "limit": {"unit": "WORKING_DAYS", "amount": 10},
        "legal_basis": "50/2014/QH13",
        "valid_from": "2025-01-01",
        "channels": ["ONLINE", "POST"],
        "cut_off": "15:00:00",
        "step_order": StepOrder.ORDERED.value,
        "thresholds": {"at_risk_days": 2, "at_risk_percent": 20, "escalated_days": 5},
    }


@dataclass(frozen=True, slots=True)
class Bag:
    """Anything, by name."""

    things: dict[str, Any]


def test_a_mapping_keeps_its_names_and_packs_its_values() -> None:
    plain = packed(Bag({"at": datetime(2025, 1, 20, 2, tzinfo=UTC), "levels": [AlertLevel.OVERDUE], "done": False}))
    assert plain == {"things": {"at": "2025-01-20T02:00:00.000000Z", "levels": ["OVERDUE"], "done": False}}
    assert unpacked(Bag, plain) == Bag(typing.cast("dict[str, Any]", plain["things"]))


@pytest.mark.parametrize("value", [1.5, b"bytes", {1, 2}])
def test_what_has_no_plain_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        packed(Bag({"value": value}))


@SHOWN
@given(INSTANTS, INSTANTS)
def test_the_order_of_texts_is_the_order_of_instants(one: datetime, other: datetime) -> None:
    assert instant(moment(one)) == one
    assert instant(moment(one)).utcoffset() == timedelta(0)
    assert (moment(one) < moment(other)) is (one < other)


def test_a_moment_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="an instant has an offset"):
        moment(datetime(2025, 1, 20, 2))  # noqa: DTZ001 - what is refused


def test_a_moment_has_always_six_digits() -> None:
    assert moment(datetime(2025, 1, 20, 9, tzinfo=ZONE)) == "2025-01-20T02:00:00.000000Z"
    assert moment(datetime(2025, 1, 20, 2, 0, 0, 1, UTC)) == "2025-01-20T02:00:00.000001Z"
