"""The tree of errors: as its docstring draws it, a stable code each, and the fields that each brings along."""

import re

import pytest

from casework.model import alert, errors, limit, workdays
from casework.model.errors import (
    ClockInput,
    Conflict,
    Contended,
    Corrupt,
    Fault,
    Forbidden,
    Invalid,
    NotFound,
    Refused,
    Unauthenticated,
    Unavailable,
    Unreadable,
)

CODES: dict[type[Fault], str] = {
    Fault: "INTERNAL",
    Invalid: "INVALID",
    ClockInput: "CLOCK_INPUT",
    NotFound: "NOT_FOUND",
    Refused: "REFUSED",
    Conflict: "CONFLICT",
    Unauthenticated: "UNAUTHENTICATED",
    Forbidden: "FORBIDDEN",
    Contended: "CONTENDED",
    Unavailable: "UNAVAILABLE",
    Unreadable: "UNREADABLE",
    Corrupt: "CORRUPT",
}
HERE = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Fault)}


def test_the_docstring_draws_the_tree() -> None:
    drawn = re.findall(r"^ {4}(?:[| ]*[|`]- )?([A-Z]\w+) {2,}", errors.__doc__ or "", re.MULTILINE)
    assert set(drawn) == {kind.__name__ for kind in HERE}
    assert len(drawn) == len(HERE)


def test_each_error_has_a_code_of_its_own() -> None:
    assert {kind: kind.code for kind in HERE} == CODES
    assert len(set(CODES.values())) == len(CODES)


def test_all_but_one_stand_directly_under_the_root() -> None:
    assert {kind for kind in HERE if kind.__mro__[1] is not Fault} == {Fault, ClockInput}
    assert issubclass(ClockInput, Invalid)


@pytest.mark.parametrize(
    "kind", [limit.BadClock, workdays.BadCalendar, workdays.OutsideCalendar, workdays.UnpairedSwap, alert.BadThresholds]
)
def test_what_a_clock_refuses_is_an_input_of_it(kind: type[ClockInput]) -> None:
    assert issubclass(kind, ClockInput)
    assert issubclass(kind, ValueError)
    assert kind("no", path=("limit",)).code == "CLOCK_INPUT"


@pytest.mark.parametrize(("fault", "message", "code", "fields"), [
    (Fault("m"), "m", "INTERNAL", {}),
    (Fault("m", code="OTHER"), "m", "OTHER", {}),
    (Invalid("m"), "m", "INVALID", {"path": ()}),
    (Invalid("m", path=("a", "b"), code="X"), "m", "X", {"path": ("a", "b")}),
    (ClockInput("m", path=("a",)), "m", "CLOCK_INPUT", {"path": ("a",)}),
    (NotFound("m", path=("dossier",)), "m", "NOT_FOUND", {"path": ("dossier",)}),
    (Refused("m", code="STATE", state="DECIDED", allowed_from=("RECEIVED",)), "m", "STATE",
     {"state": "DECIDED", "allowed_from": ("RECEIVED",)}),
    (Conflict("m", subject="id", version=3), "m", "CONFLICT", {"subject": "id", "version": 3}),
    (Unreadable("m"), "m", "UNREADABLE", {"line": None}),
    (Unreadable("m", line=7), "line 7: m", "UNREADABLE", {"line": 7}),
    (Corrupt("m"), "m", "CORRUPT", {}),
])  # fmt: skip
def test_an_error_brings_its_message_code_and_fields(fault: Fault, message: str, code: str, fields: dict[str, object]) -> None:
    assert (str(fault), fault.message, fault.code) == (message, message, code)
    assert {key: value for key, value in vars(fault).items() if key not in {"code", "message"}} == fields


def test_the_code_of_one_error_is_not_that_of_its_class() -> None:
    Invalid("m", code="X")
    assert Invalid.code == "INVALID"
