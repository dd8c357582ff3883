"""The record: its flat fields and the way back, its code, and who stands assigned."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework.model.procedure import Channel, DossierKind
from casework.model.record import (
    LISTS,
    OPEN,
    Assignment,
    AssignmentRole,
    Dossier,
    Outcome,
    State,
    Step,
    coded,
    flattened,
    restored,
)
from tests.casework.model.test_packing import SHOWN, absent_in, anything

GOLDEN = Path(__file__).parents[2] / "golden" / "entry-v1.json"
NOW = datetime(2025, 1, 20, 2, tzinfo=UTC)
LEAD, COORDINATING = AssignmentRole.LEAD, AssignmentRole.COORDINATING
DOSSIER = Dossier(
    code="QN-XD-250120-0001", state=State.SUBMITTED, kind=DossierKind.ADMINISTRATIVE, procedure="XD-01", procedure_version=1,
    unit="QN-XD", reception_point="QN-MC", delivery_point="QN-MC", channel=Channel.ONLINE, slip_key=1, secret_generation=1,
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
    steps = tuple(Step(n, f"S{n}", NOW, "QN-XD", "officer-1") for n in range(1, 121))
    flat = flattened(replace(DOSSIER, steps=steps))
    assert "steps" not in flat
    assert restored(dict(sorted(flat.items()))).steps == steps


def test_fields_of_a_later_version_are_passed_over() -> None:
    flat = {**flattened(DOSSIER), "added_later": 1, "additions.1": {"number": 1}}
    assert restored(flat) == DOSSIER


def test_a_new_dossier_has_these_fields_and_no_other() -> None:
    state = json.loads(GOLDEN.read_text(encoding="utf-8"))["state"]
    flat = flattened(replace(DOSSIER, version=1))
    assert flat == {name: value for name, value in state.items() if name != "applicant"}
    assert flattened(restored(state)) == state


def test_what_is_no_dossier_is_refused() -> None:
    with pytest.raises(TypeError):
        restored({})
    with pytest.raises(ValueError, match="LOST"):
        restored({**flattened(DOSSIER), "state": "LOST"})


@pytest.mark.parametrize(("number", "code"), [
    (1, "QN-XD-250120-0001"),
    (9999, "QN-XD-250120-9999"),
    (10000, "QN-XD-250120-10000"),
])  # fmt: skip
def test_a_code_has_at_least_four_digits(number: int, code: str) -> None:
    assert coded("QN-XD", date(2025, 1, 20), number) == code


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
        Assignment(1, LEAD, "QN-XD", NOW, "officer-0", NOW),
        Assignment(2, LEAD, "QN-XD", NOW, "officer-1"),
        Assignment(3, COORDINATING, "QN-MT", NOW),
        Assignment(4, COORDINATING, "QN-TC", NOW, ended_at=NOW),
    )
    dossier = replace(DOSSIER, assignments=(gone, lead, other, over))
    assert dossier.lead == lead
    assert dossier.coordinating() == (other,)
    assert dossier.coordinating(3) == (other,)
    assert dossier.coordinating(2) == dossier.coordinating(4) == ()
    assert (DOSSIER.lead, DOSSIER.coordinating()) == (None, ())


def test_an_outcome_of_an_import_may_be_unknown() -> None:
    assert set(Outcome) == {"GRANTED", "REJECTED", "OTHER"}
