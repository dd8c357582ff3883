"""What moves share: the step that is due, one interval after another, who holds, which opinions are waited for, and the limits."""

from dataclasses import replace

import pytest

from casework.model.errors import Invalid
from casework.model.intervals import MOST_OF_A_KIND, backwards, room, running, stage, switched, unanswered
from casework.model.moves import CompleteStep, MoveName
from casework.model.record import Dossier, HolderKind, Interval, IntervalKind
from tests.casework.model.cases import (
    ANSWERED,
    BACK,
    BACKWARDS,
    COORDINATED,
    DECIDED,
    DUE,
    FREELY,
    LED,
    LEFT,
    RECEIVED,
    SECOND,
    SETTING,
    T1,
    T2,
    TO_OTHER,
    after,
)

PAUSED = Interval(0, IntervalKind.PAUSED, "TEST", HolderKind.TREASURY, T1)


def test_the_stage_is_the_first_step_not_done() -> None:
    found = LED
    for code in ("CHECK", "SITE", "DRAFT"):
        assert stage(found, SETTING) == code
        found = after(found, (CompleteStep(code, "22-XD", "officer-1"), T2))
    assert stage(found, SETTING) == ""


def test_free_steps_make_one_stage() -> None:
    site = after(LED, (CompleteStep("SITE", "22-XD", "officer-1"), T2), setting=FREELY)
    assert stage(LED, FREELY) == stage(site, FREELY) == ""


def test_an_interval_begins_where_the_last_one_ends() -> None:
    found = switched(LED, MoveName.ASSIGN, PAUSED, T1)
    assert found.intervals == (LED.intervals[0], replace(LED.intervals[1], to_at=T1), replace(PAUSED, number=3))
    assert replace(found, intervals=LED.intervals) == LED


def test_no_interval_ends_before_it_begins() -> None:
    with pytest.raises(Invalid) as caught:
        switched(LED, MoveName.ASSIGN, PAUSED, T1 - SECOND)
    assert (caught.value.code, caught.value.path) == BACKWARDS


def test_the_refusal_names_the_move() -> None:
    assert backwards(MoveName.STOP).message.startswith("stopDossier cannot lie before")


@pytest.mark.parametrize(("dossier", "holder", "unit", "officer"), [
    (RECEIVED, HolderKind.UNIT, "22-XD", None),
    (ANSWERED, HolderKind.OFFICER, "22-XD", "officer-1"),
    (LEFT, HolderKind.UNIT, "22-XD", None),
    (after(COORDINATED, (replace(BACK, assignment=2), T2)), HolderKind.OFFICER, "22-XD", "officer-1"),
    (DECIDED, HolderKind.UNIT, "22-XD", None),
])  # fmt: skip
def test_whoever_is_to_act_holds_the_dossier(dossier: Dossier, holder: HolderKind, unit: str, officer: str | None) -> None:
    assert running(dossier, "TEST", T2) == Interval(0, IntervalKind.RUNNING, "TEST", holder, T2, unit, officer)


def test_an_opinion_is_overdue_after_its_own_time() -> None:
    (assignment,) = COORDINATED.coordinating()
    due_at = TO_OTHER.due_at
    assert due_at
    assert list(unanswered(COORDINATED, due_at)) == [(assignment, False)]
    assert list(unanswered(COORDINATED, due_at + SECOND)) == [(assignment, True)]


def test_an_opinion_without_a_time_of_its_own_is_overdue_with_the_dossier() -> None:
    loose = replace(COORDINATED, assignments=tuple(replace(a, due_at=None) for a in COORDINATED.assignments))
    assert [overdue for _, overdue in unanswered(loose, DUE)] == [False]
    assert [overdue for _, overdue in unanswered(loose, DUE + SECOND)] == [True]
    assert [overdue for _, overdue in unanswered(replace(loose, due_at=None), DUE + SECOND)] == [False]


def test_what_is_answered_returned_or_ended_is_not_waited_for() -> None:
    returned = after(COORDINATED, (replace(BACK, assignment=2), T2))
    ended = replace(COORDINATED, assignments=tuple(replace(a, ended_at=T2) for a in COORDINATED.assignments))
    for dossier in (LED, ANSWERED, returned, ended):
        assert list(unanswered(dossier, DUE + SECOND)) == []


def test_there_is_room_up_to_the_limit() -> None:
    room((None,) * (MOST_OF_A_KIND - 1), "things")
    with pytest.raises(Invalid, match="at most 500 things") as caught:
        room((None,) * MOST_OF_A_KIND, "things")
    assert caught.value.code == "TOO_MANY"
