"""The deadlines of a dossier: which there are in each state, when each is due, who is to keep it, and what stands with the dossier."""

from dataclasses import replace
from datetime import datetime

import pytest

from casework.model.alert import AlertLevel, DeadlineKind, level_at
from casework.model.deadlines import Deadline, deadlines
from casework.model.moves import Setting
from casework.model.procedure import DossierKind, StepOrder
from casework.model.record import Dossier, State
from casework.model.workdays import Calendar
from tests.casework.model.cases import (
    ANSWERED,
    ASK,
    ASKED,
    BACK,
    BLOCK,
    BLOCKED,
    CHARGED,
    COORDINATED,
    DAY,
    DUE,
    GIVE,
    GRANT,
    HOUR,
    LED,
    PAY,
    RECEIVED,
    REOPEN,
    STANDING,
    STEP,
    SUBMITTED,
    T1,
    T2,
    T3,
    TO_OTHER,
    UNBLOCK,
    VERSION,
    after,
    at,
)

ALLOTTED = tuple(replace(step, allotted_days=days) for step, days in zip(VERSION.steps, (4, 3, None), strict=True))
TIMED = Setting(replace(VERSION, steps=ALLOTTED, supplement_days=10, payment_days=5), Calendar())
OWN, STEPS, BESIDE = DeadlineKind.DOSSIER, DeadlineKind.STEP, DeadlineKind.COORDINATION


def told(dossier: Dossier, setting: Setting = TIMED) -> list[tuple[DeadlineKind, str, datetime, bool]]:
    return [(one.kind, one.of, one.reckoning.due_at, one.reckoning.paused) for one in deadlines(dossier, setting)]


def only(dossier: Dossier, kind: DeadlineKind, setting: Setting = TIMED) -> Deadline:
    (found,) = (one for one in deadlines(dossier, setting) if one.kind is kind)
    return found


def test_there_are_none_before_it_is_received_or_after_its_end() -> None:
    assert deadlines(SUBMITTED, TIMED) == ()
    for state, dossier in STANDING.items():
        assert bool(deadlines(dossier, TIMED)) is (state in {State.RECEIVED, *DOING}), state


DOING = (State.IN_PROCESS, State.AWAITING_SUPPLEMENT, State.AWAITING_PAYMENT)


def test_its_own_comes_first_and_is_kept_by_its_lead() -> None:
    assert told(RECEIVED) == [(OWN, "", DUE, False)]
    assert (only(RECEIVED, OWN).unit, only(RECEIVED, OWN).officer) == ("22-XD", None)
    assert only(LED, OWN).officer == "officer-1"
    assert only(after(LED, (BACK, T2)), OWN).officer is None
    assert deadlines(replace(LED, kind=DossierKind.FEEDBACK), TIMED)[0].kind is DeadlineKind.FEEDBACK


def test_a_step_runs_from_the_naming_of_the_lead_and_the_next_from_the_step_before() -> None:
    assert told(LED) == [(OWN, "", DUE, False), (STEPS, "CHECK", at("2025-01-24T17:00"), False)]
    done = after(LED, (STEP, T1 + 2 * DAY))
    assert told(done)[1:] == [(STEPS, "SITE", at("2025-02-03T17:00"), False)]
    assert only(done, STEPS).reckoning.received_at == T1 + 2 * DAY
    again = after(done, (replace(STEP, step="SITE"), T1 + 3 * DAY))
    assert told(again)[1:] == []  # the last step has no allotment
    assert told(LED, Setting(replace(TIMED.procedure, step_order=StepOrder.FREE), Calendar()))[1:] == []


def test_a_step_stands_with_the_dossier_and_never_ends_after_it() -> None:
    assert told(BLOCKED)[1] == (STEPS, "CHECK", at("2025-01-24T17:00"), True)
    freed = after(BLOCKED, (UNBLOCK, T2 + 2 * DAY))
    assert told(freed)[1] == (STEPS, "CHECK", at("2025-02-04T17:00"), False)
    long = Setting(replace(TIMED.procedure, steps=(replace(ALLOTTED[0], allotted_days=99), *ALLOTTED[1:])), Calendar())
    assert told(LED, long)[1] == (STEPS, "CHECK", DUE, False)


def test_steps_begin_anew_after_a_reopening() -> None:
    reopened = after(ANSWERED, (STEP, T2), (GRANT, T3), (REOPEN, at("2025-02-05T09:00")))
    assert told(reopened)[1] == (STEPS, "CHECK", at("2025-02-11T17:00"), False)


def test_a_coordinating_unit_has_its_own_and_never_more_than_the_dossier() -> None:
    found = only(COORDINATED, BESIDE)
    assert (found.of, found.unit, found.officer, found.reckoning.due_at) == ("2", "22-MT", None, DUE - 5 * DAY)
    assert told(after(COORDINATED, (BLOCK, T3)))[2] == (BESIDE, "2", DUE - 5 * DAY, True)
    without = after(LED, (replace(TO_OTHER, due_at=None), T2), setting=Setting(replace(VERSION, clarity_coordinating=()), Calendar()))
    assert only(without, BESIDE).reckoning.due_at == DUE
    assert [kind for kind, *_ in told(ANSWERED)] == [OWN, STEPS]


def test_an_applicant_has_his_time_while_the_dossiers_stands() -> None:
    asked = only(ASKED, DeadlineKind.SUPPLEMENT)
    assert (asked.of, asked.unit, asked.reckoning.due_at, asked.reckoning.paused) == ("1", None, DUE, False)
    assert told(ASKED)[0] == (OWN, "", DUE, True)
    charged = only(CHARGED, DeadlineKind.PAYMENT)
    assert (charged.of, charged.reckoning.due_at) == ("1", at("2025-02-03T17:00"))
    assert not [one for one in told(after(ASKED, (GIVE, T3))) if one[0] is DeadlineKind.SUPPLEMENT]
    assert not [one for one in told(after(CHARGED, (PAY, T3))) if one[0] is DeadlineKind.PAYMENT]
    untimed = Setting(VERSION, Calendar())
    assert [kind for kind, *_ in told(ASKED, untimed) + told(CHARGED, untimed)] == [OWN, OWN]


@pytest.mark.parametrize(("now", "level"), [
    ("2025-01-22T07:29:59", None), ("2025-01-22T07:30", AlertLevel.AT_RISK), ("2025-01-24T07:30", AlertLevel.DUE_TODAY),
    ("2025-01-24T17:00", AlertLevel.DUE_TODAY), ("2025-01-24T17:00:01", AlertLevel.OVERDUE),
])  # fmt: skip
def test_each_has_a_level_of_its_own(now: str, level: AlertLevel | None) -> None:
    assert level_at(only(LED, STEPS).reckoning, Calendar(), at(now)) is level
    assert level_at(only(LED, OWN).reckoning, Calendar(), at(now)) is None


def test_a_supplement_asked_for_while_it_is_blocked_still_has_its_time() -> None:
    found = after(BLOCKED, (ASK, T3), (UNBLOCK, T3 + HOUR))
    assert only(found, DeadlineKind.SUPPLEMENT).reckoning.received_at == T3
