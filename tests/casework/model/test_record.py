"""The record: its flat fields and the way back, its code, and who stands assigned."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework.model.parties import Ref
from casework.model.procedure import Channel, DossierKind
from casework.model.record import (
    LISTS,
    OPEN,
    Assignment,
    AssignmentRole,
    Dossier,
    HolderKind,
    Interval,
    IntervalKind,
    Medium,
    Outcome,
    Reopening,
    Result,
    State,
    Step,
    coded,
    decoded,
    flattened,
    restored,
)
from tests.casework.model.test_packing import SHOWN, absent_in, anything

GOLDEN = Path(__file__).parents[2] / "golden" / "entry-v1.json"
NOW, HOUR = datetime(2025, 1, 20, 2, tzinfo=UTC), timedelta(hours=1)
LEAD, COORDINATING = AssignmentRole.LEAD, AssignmentRole.COORDINATING
DOSSIER = Dossier(
    code="22-XD-250120-0001", state=State.SUBMITTED, kind=DossierKind.ADMINISTRATIVE, procedure="XD-01", procedure_version=1,
    unit="22-XD", reception_point="22-MC", delivery_point="22-MC", channel=Channel.ONLINE, slip_key=1, secret_generation=1,
    submitted_at=NOW,
)  # fmt: skip


def numbered(dossier: Dossier) -> Dossier:
    """Number the elements of each list from 1, as moves do."""
    lists: dict[str, Any] = {name: tuple(replace(e, number=n) for n, e in enumerate(getattr(dossier, name), 1)) for name in LISTS}
    return replace(dossier, **lists)


DOSSIERS: st.SearchStrategy[Dossier] = anything(Dossier).map(numbered)


@SHOWN
@given(DOSSIERS)
def test_a_dossier_comes_back_from_its_flat_fields(dossier: Dossier) -> None:
    flat = flattened(dossier)
    assert restored(json.loads(json.dumps(flat))) == dossier
    assert not absent_in(flat)
    assert all(value is not None and value != [] for value in flat.values())


@SHOWN
@given(DOSSIERS, st.randoms(use_true_random=False))
def test_the_order_of_fields_does_not_matter(dossier: Dossier, random: Random) -> None:
    fields = list(flattened(dossier).items())
    random.shuffle(fields)
    assert restored(dict(fields)) == dossier


def test_more_than_nine_elements_keep_their_order() -> None:
    steps = tuple(Step(n, f"S{n}", NOW, "22-XD", "officer-1") for n in range(1, 121))
    flat = flattened(replace(DOSSIER, steps=steps))
    assert "steps" not in flat
    assert restored(dict(sorted(flat.items()))).steps == steps


def test_fields_of_a_later_version_are_passed_over() -> None:
    flat = {**flattened(DOSSIER), "added_later": 1, "additions.1": {"number": 1}}
    assert restored(flat) == DOSSIER


def test_a_new_dossier_has_these_fields_and_no_other() -> None:
    state = json.loads(GOLDEN.read_text(encoding="utf-8"))["state"]
    named = {name: state[name] for name in ("code", "unit", "reception_point", "delivery_point")}  # as provinces were once named
    flat = flattened(replace(DOSSIER, version=1, **named))
    assert flat == {name: value for name, value in state.items() if name != "applicant"}
    assert flattened(restored(state)) == state


def test_what_is_no_dossier_is_refused() -> None:
    with pytest.raises(TypeError):
        restored({})
    with pytest.raises(ValueError, match="LOST"):
        restored({**flattened(DOSSIER), "state": "LOST"})


@pytest.mark.parametrize(("number", "code"), [
    (1, "22-XD-250120-0001"),
    (9999, "22-XD-250120-9999"),
    (10000, "22-XD-250120-10000"),
])  # fmt: skip
def test_a_code_has_at_least_four_digits(number: int, code: str) -> None:
    assert coded("22-XD", date(2025, 1, 20), number) == code
    assert decoded(code) == ("22-XD", date(2025, 1, 20), number)


@pytest.mark.parametrize("state", State)
def test_a_dossier_is_open_until_its_end(state: State) -> None:
    ended = {State.REFUSED, State.WITHDRAWN, State.STOPPED, State.DECIDED, State.DELIVERED}
    assert replace(DOSSIER, state=state).open is (state not in ended)
    assert (state in OPEN) is (state not in ended)


def test_states_stand_in_the_order_of_the_national_list() -> None:
    assert [state.value for state in State] == [
        "SUBMITTED", "RECEIVED", "REFUSED", "IN_PROCESS", "AWAITING_SUPPLEMENT", "AWAITING_PAYMENT", "WITHDRAWN", "STOPPED",
        "DECIDED", "DELIVERED",
    ]  # fmt: skip


def test_those_who_stand_assigned() -> None:
    gone, lead, other, over = (
        Assignment(1, LEAD, "22-XD", NOW, "officer-0", NOW),
        Assignment(2, LEAD, "22-XD", NOW, "officer-1"),
        Assignment(3, COORDINATING, "22-MT", NOW),
        Assignment(4, COORDINATING, "22-TC", NOW, ended_at=NOW),
    )
    dossier = replace(DOSSIER, assignments=(gone, lead, other, over))
    assert dossier.lead == lead
    assert dossier.coordinating() == (other,)
    assert dossier.coordinating(3) == (other,)
    assert dossier.coordinating(2) == dossier.coordinating(4) == ()
    assert (DOSSIER.lead, DOSSIER.coordinating()) == (None, ())
    assert dossier.last_lead == lead
    assert replace(dossier, assignments=(gone, other)).last_lead == gone
    assert DOSSIER.last_lead is None
    assert [a.stands for a in dossier.assignments] == [False, True, True, False]


def test_what_is_returned_is_counted_and_stands_no_longer() -> None:
    kept, left = Assignment(1, LEAD, "22-XD", NOW, "officer-0"), Assignment(2, COORDINATING, "22-MT", NOW, returned_at=NOW)
    dossier = replace(DOSSIER, assignments=(kept, left, replace(left, number=3, ended_at=NOW)))
    assert (dossier.bounces, DOSSIER.bounces) == (2, 0)
    assert [a.stands for a in dossier.assignments] == [True, False, False]


def test_the_last_reopening_began_the_clock() -> None:
    first, second, third = (Interval(n, IntervalKind.RUNNING, "TEST", HolderKind.UNIT, NOW + n * HOUR) for n in (1, 2, 3))
    received = replace(DOSSIER, received_at=NOW + HOUR, intervals=(first, second, third))
    assert (DOSSIER.started_at, DOSSIER.current) == (None, ())
    assert (received.started_at, received.current) == (NOW + HOUR, (first, second, third))
    kept = tuple(
        Reopening(n, NOW + (n + 1) * HOUR, Ref("d", 1), NOW, n, NOW, Outcome.GRANTED, NOW, NOW, NOW) for n in (1, 2)
    )  # fmt: skip
    again = replace(received, reopenings=kept)
    assert (again.started_at, again.current) == (NOW + 3 * HOUR, (third,))


def test_an_outcome_of_an_import_may_be_unknown() -> None:
    assert set(Outcome) == {"GRANTED", "REJECTED", "OTHER"}


def test_the_last_move_that_others_do_not_precede() -> None:
    assert DOSSIER.last_at == DOSSIER.submitted_at
    run = Interval(1, IntervalKind.RUNNING, "TEST", HolderKind.UNIT, NOW + HOUR)
    assert replace(DOSSIER, intervals=(run,)).last_at == NOW + HOUR
    assert replace(DOSSIER, intervals=(replace(run, to_at=NOW + 2 * HOUR),)).last_at == NOW + 2 * HOUR
    named = Assignment(1, LEAD, "22-XD", NOW + 3 * HOUR, "officer-0")
    assert replace(DOSSIER, intervals=(run,), assignments=(named,)).last_at == NOW + 3 * HOUR
    assert replace(DOSSIER, assignments=(replace(named, returned_at=NOW + 4 * HOUR),)).last_at == NOW + 4 * HOUR
    assert replace(DOSSIER, ended_at=NOW + HOUR).last_at == NOW + HOUR
    decided = replace(DOSSIER, decided_at=NOW + 2 * HOUR)
    assert decided.last_at == NOW + 2 * HOUR
    assert replace(decided, result=Result(Medium.PAPER, NOW + 5 * HOUR)).last_at == NOW + 5 * HOUR
