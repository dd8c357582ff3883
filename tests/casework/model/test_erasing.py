"""The move that erases who the applicant is: what it keeps, and what no longer goes."""

from dataclasses import replace

import pytest

from casework.model.access import decide
from casework.model.dossier import moved
from casework.model.errors import Invalid
from casework.model.intervals import MOST_OF_A_KIND
from casework.model.moves import MoveName
from casework.model.parties import Ref, Role, Viewer
from casework.model.record import Erasure, State, flattened, restored
from tests.casework.model.cases import (
    ANSWERED,
    BACKWARDS,
    DECIDED,
    DELIVERED,
    ERASE,
    OTHER,
    RATE,
    REF,
    REOPEN,
    ROTATE,
    SECOND,
    SETTING,
    STANDING,
    T3,
    T4,
    after,
    fault,
    refusal,
)

GONE = after(DELIVERED, (ERASE, T4))


def test_it_names_what_went_and_changes_nothing_else() -> None:
    assert GONE.erasures == (Erasure(1, T4, (REF.digest,), OTHER, REF),)
    assert replace(GONE, erasures=()) == DELIVERED
    assert GONE.applicant is not None
    assert restored(flattened(GONE)) == GONE
    assert flattened(GONE)["erasures.1"] == {
        "number": 1, "at": "2025-01-20T06:00:00.000000Z", "digests": ["d"], "legal_basis": {"digest": "e", "entry": 2},
        "reason": {"digest": "d", "entry": 1},
    }  # fmt: skip


@pytest.mark.parametrize("state", [state for state in State if STANDING[state].open or state is State.DECIDED])
def test_no_dossier_loses_its_applicant_to_whom_something_is_owed(state: State) -> None:
    error = refusal(STANDING[state], ERASE)
    assert (error.code, set(error.allowed_from)) == ("STATE", {"REFUSED", "WITHDRAWN", "STOPPED", "DELIVERED"})


def test_it_goes_on_until_the_name_is_gone() -> None:
    part = after(DELIVERED, (replace(ERASE, digests=("x",)), T4))
    assert (part.erased, GONE.erased, ANSWERED.erased) == (False, True, False)
    whole = after(part, (ERASE, T4))
    assert ([row.number for row in whole.erasures], whole.erased) == ([1, 2], True)
    assert refusal(whole, ERASE).code == "ERASED"
    assert after(part, (REOPEN, T4)).state is State.IN_PROCESS


def test_without_an_applicant_there_is_nothing_to_erase() -> None:
    assert refusal(replace(DELIVERED, applicant=None), ERASE).code == "NO_APPLICANT"
    assert not replace(GONE, applicant=None).erased


def test_what_was_erased_is_not_opened_again_and_all_else_goes_on() -> None:
    assert refusal(GONE, REOPEN).code == "ERASED"
    assert after(GONE, (RATE, T4), (ROTATE, T4)).secret_generation == 2
    assert after(DECIDED, (REOPEN, T4)).state is State.IN_PROCESS


def test_it_is_not_dated_before_the_end() -> None:
    assert fault(DELIVERED, ERASE, T3 - SECOND) == BACKWARDS
    assert after(DELIVERED, (ERASE, T3)).erased


def test_there_are_so_many_of_them() -> None:
    full = replace(DELIVERED, erasures=(Erasure(1, T4, ("x",), REF),) * MOST_OF_A_KIND)
    with pytest.raises(Invalid, match="at most 500 erasures"):
        moved(full, ERASE, T4, SETTING)


@pytest.mark.parametrize(("viewer", "may"), [
    (Viewer(Role.HEAD, "head-1", ("22-XD",)), True),
    (Viewer(Role.HEAD, "officer-1", ("22-XD",)), False),  # he led it
    (Viewer(Role.SUPERVISOR, "s", ("22",)), True),
    (Viewer(Role.SUPERVISOR, "s", ("48",)), False),
    (Viewer(Role.ADMIN, "admin-1"), False),
    (Viewer(Role.INSPECTOR, "inspector-1"), False),
    (Viewer(Role.CITIZEN, "citizen-1"), False),
    (Viewer(Role.OFFICER, "officer-1", ("22-XD",)), False),
])  # fmt: skip
def test_who_may(viewer: Viewer, may: bool) -> None:  # noqa: FBT001 - a row of the table
    assert DELIVERED.applicant is not None
    dossier = replace(DELIVERED, applicant=replace(DELIVERED.applicant, account=Ref("a", 1)))
    found = decide(viewer, dossier, subject="a" * 32, person="pseudonym-1", lineage=("22-XD", "22"))
    assert (MoveName.ERASE in found.moves) is may
