"""The moves of the handling, each with its guards: receipt, assignment and its return, steps, opinions, supplements."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from casework.model.alert import AlertLevel
from casework.model.handling import MOST_BESIDE, camel
from casework.model.moves import Assign, CompleteStep, Move, Receive, RequestSupplement, Setting, Supply
from casework.model.procedure import Channel
from casework.model.record import (
    Assignment,
    Document,
    Dossier,
    HolderKind,
    IntervalKind,
    Opinion,
    State,
    Supplement,
    SupplementItem,
    flattened,
    restored,
)
from casework.model.workdays import Calendar
from tests.casework.model.cases import (
    AMENDED,
    ANSWERED,
    ASK,
    ASKED,
    BACK,
    BACKWARDS,
    CLARITY,
    COORDINATED,
    COORDINATING,
    DAY,
    DUE,
    FREELY,
    GIVE,
    GRANT,
    IMPORTED_CASE,
    IMPORTING,
    LEAD,
    LED,
    LEFT,
    OPINION,
    OTHER,
    RECEIVE,
    RECEIVED,
    REF,
    SECOND,
    SETTING,
    START,
    STEP,
    SUBMITTED,
    T1,
    T2,
    T3,
    T4,
    T5,
    TAKEN,
    TO_LEAD,
    TO_OTHER,
    VERSION,
    after,
    at,
    fault,
    levels_of,
    noticed,
    refusal,
)

ANEW = replace(TO_LEAD, officer="officer-9")
BACK_2 = replace(BACK, assignment=2)
UNKNOWN = ("UNKNOWN_ASSIGNMENT", ("assignment",))


def lacking(move: Assign, field: str) -> Assign:
    without: dict[str, Any] = {field: None}
    return replace(move, **without)


# Receive.


def test_receiving_starts_clock_and_first_interval() -> None:
    assert RECEIVED.received_at == RECEIVED.started_at == START
    assert RECEIVED.original_due_at == RECEIVED.promised_due_at == RECEIVED.due_at == DUE
    assert (RECEIVED.arming, RECEIVED.alerts, RECEIVED.calendar_version) == (1, (), 1)
    (first,) = RECEIVED.intervals
    assert (first.number, first.kind, first.holder, first.unit) == (1, IntervalKind.RUNNING, HolderKind.UNIT, "22-XD")
    assert (first.from_at, first.to_at) == (START, None)


def test_the_version_in_force_at_receipt_governs() -> None:
    found = after(SUBMITTED, (RECEIVE, START), setting=Setting(replace(VERSION, version=2), Calendar()))
    assert found.procedure_version == 2


def test_each_component_is_kept_once() -> None:
    found = after(SUBMITTED, (Receive(("DEED", "FORM", "PLAN", "FORM")), START))
    assert found.checked == ("DEED", "FORM", "PLAN")


@pytest.mark.parametrize(("checked", "code"), [
    (("FORM", "DEED", "MAP"), "UNKNOWN_COMPONENT"),
    (("FORM",), "INCOMPLETE"),
    ((), "INCOMPLETE"),
])  # fmt: skip
def test_components_are_known_and_complete(checked: tuple[str, ...], code: str) -> None:
    assert fault(SUBMITTED, Receive(checked)) == (code, ("checked",))


def test_what_came_online_is_not_received_before_it_came() -> None:
    early = START - SECOND
    assert fault(SUBMITTED, RECEIVE, early) == BACKWARDS
    assert after(replace(SUBMITTED, channel=Channel.POST), (RECEIVE, early)).received_at == early
    assert after(IMPORTED_CASE, (RECEIVE, early), setting=IMPORTING).received_at == early


# Assign.


def test_the_first_lead_takes_the_dossier_under_way() -> None:
    assert LED.state is State.IN_PROCESS
    assert LED.lead == Assignment(1, LEAD, "22-XD", T1, "officer-1", None, DUE, REF, REF, None, REF)
    first, second = LED.intervals
    assert first.to_at == second.from_at == T1
    assert (second.cause, second.holder, second.unit, second.officer) == ("ASSIGNED", HolderKind.OFFICER, "22-XD", "officer-1")


def test_the_lead_comes_first() -> None:
    error = refusal(RECEIVED, TO_OTHER)
    assert (error.code, error.state) == ("LEAD_FIRST", "RECEIVED")
    assert error.allowed_from == ("RECEIVED", "IN_PROCESS", "AWAITING_SUPPLEMENT", "AWAITING_PAYMENT")


@pytest.mark.parametrize("field", CLARITY)
def test_an_unclear_lead_is_refused_with_the_path_of_the_schema(field: str) -> None:
    path = {"due_at": "dueAt", "expected_result": "expectedResult"}.get(field, field)
    assert fault(RECEIVED, lacking(TO_LEAD, field)) == ("UNCLEAR_ASSIGNMENT", (path,))


@pytest.mark.parametrize(("field", "path"), [("task", "task"), ("due_at", "dueAt")])
def test_an_unclear_coordination_is_refused(field: str, path: str) -> None:
    assert fault(LED, lacking(TO_OTHER, field)) == ("UNCLEAR_ASSIGNMENT", (path,))


def test_the_clarity_set_is_data() -> None:
    sixth = Setting(replace(VERSION, clarity_lead=(*CLARITY, "authority")), Calendar())
    assert fault(RECEIVED, TO_LEAD, setting=sixth) == ("UNCLEAR_ASSIGNMENT", ("authority",))
    none = Setting(replace(VERSION, clarity_lead=(), clarity_coordinating=()), Calendar())
    found = after(RECEIVED, (Assign(LEAD, "22-XD", "officer-1"), T1), (Assign(COORDINATING, "22-MT"), T2), setting=none)
    assert [a.task for a in found.assignments] == [None, None]


def test_a_lead_is_a_person_whatever_the_clarity_set() -> None:
    none = Setting(replace(VERSION, clarity_lead=()), Calendar())
    assert fault(RECEIVED, Assign(LEAD, "22-XD"), setting=none) == ("UNCLEAR_ASSIGNMENT", ("officer",))


def test_no_assignment_ends_after_the_dossier_is_due() -> None:
    assert fault(RECEIVED, replace(TO_LEAD, due_at=DUE + SECOND)) == ("AFTER_DUE", ("dueAt",))
    assert after(RECEIVED, (TO_LEAD, T1)).lead


@pytest.mark.parametrize(("dossier", "instant"), [(LED, DUE), (LED, DUE + DAY), (ASKED, T3)], ids=["due", "overdue", "paused"])
def test_a_due_date_that_is_past_or_will_move_limits_nobody(dossier: Dossier, instant: datetime) -> None:
    late = replace(TO_OTHER, due_at=DUE + 2 * DAY)
    assert after(dossier, (late, instant)).assignments[-1].due_at == late.due_at


def test_nothing_is_due_before_it_is_assigned() -> None:
    assert fault(LED, replace(TO_OTHER, due_at=T1), T1) == ("DUE_BEFORE_START", ("dueAt",))
    assert after(LED, (replace(TO_OTHER, due_at=T1 + SECOND), T1)).coordinating()


def test_a_new_lead_ends_the_old_one() -> None:
    found = after(COORDINATED, (ANEW, T2))
    assert [(a.number, a.role, a.ended_at) for a in found.assignments] == [(1, LEAD, T2), (2, COORDINATING, None), (3, LEAD, None)]
    assert found.lead
    assert found.lead.officer == found.intervals[-1].officer == "officer-9"
    assert found.bounces == 0


def test_a_lead_named_during_a_pause_takes_over_when_it_ends() -> None:
    found = after(ASKED, (ANEW, T3))
    assert found.intervals == ASKED.intervals
    assert after(found, (GIVE, T4)).intervals[-1].officer == "officer-9"


def test_a_coordinating_unit_holds_nothing() -> None:
    assert COORDINATED.intervals == LED.intervals
    assert COORDINATED.state is State.IN_PROCESS
    assert after(ASKED, (TO_OTHER, T1)).intervals == ASKED.intervals


@pytest.mark.parametrize(("dossier", "last"), [
    (LED, T1),
    (ASKED, T2),
    (after(ASKED, (TO_LEAD, T3)), T3),
    (after(ASKED, (BACK, T3)), T3),
], ids=["led", "asked", "led again while asked", "given back while asked"])  # fmt: skip
def test_no_lead_is_named_before_the_move_that_it_follows(dossier: Dossier, last: datetime) -> None:
    assert fault(dossier, TO_LEAD, last - SECOND) == BACKWARDS
    assert after(dossier, (TO_LEAD, last)).lead


# Return.


def test_a_lead_who_gives_back_leads_in_name_and_the_unit_holds() -> None:
    lead = LEFT.lead
    assert lead == replace(ANSWERED.assignments[0], returned_at=T2, return_reason=REF)
    assert not lead.stands
    assert LEFT.last_lead == lead
    *before, closed, last = LEFT.intervals
    assert (tuple(before), closed) == (ANSWERED.intervals[:-1], replace(ANSWERED.intervals[-1], to_at=T2))
    assert (last.number, last.kind, last.cause, last.from_at) == (3, IntervalKind.RUNNING, "RETURNED", T2)
    assert (last.holder, last.unit, last.officer) == (HolderKind.UNIT, "22-XD", None)
    assert (LEFT.state, LEFT.due_at, LEFT.arming, LEFT.bounces) == (State.IN_PROCESS, DUE, 1, 1)
    assert restored(flattened(LEFT)) == LEFT


def test_the_next_lead_ends_what_was_given_back() -> None:
    found = after(LEFT, (ANEW, T3))
    assert [(a.number, a.returned_at, a.ended_at) for a in found.assignments if a.role is LEAD] == [(1, T2, T3), (3, None, None)]
    assert found.intervals[-1].officer == "officer-9"
    again = after(found, (replace(BACK, assignment=3), T4), (TO_LEAD, T5))
    assert again.bounces == 2
    assert again.lead
    assert again.lead.number == 4


@pytest.mark.parametrize(("dossier", "number"), [
    (ANSWERED, 0),
    (ANSWERED, 3),
    (LEFT, 1),
    (after(LEFT, (ANEW, T3)), 1),
    (after(ANSWERED, (BACK_2, T2)), 2),
], ids=["none", "not yet", "given back", "given back and ended", "coordinating, given back"])  # fmt: skip
def test_only_what_stands_is_given_back(dossier: Dossier, number: int) -> None:
    assert fault(dossier, replace(BACK, assignment=number)) == UNKNOWN


def test_a_coordinating_unit_that_gives_back_is_waited_for_no_longer() -> None:
    found = after(COORDINATED, (BACK_2, T2))
    assert found.assignments[1] == replace(COORDINATED.assignments[1], returned_at=T2, return_reason=REF, ended_at=T2)
    assert (found.coordinating(), found.bounces, found.intervals) == ((), 1, COORDINATED.intervals)
    assert fault(found, OPINION) == UNKNOWN
    assert refusal(COORDINATED, GRANT).code == "OPINION_MISSING"
    assert after(found, (GRANT, T3)).state is State.DECIDED
    asked_anew = after(found, (replace(TO_OTHER, unit="22-TC"), T3))
    assert "22-TC" in refusal(asked_anew, GRANT).message


def test_nothing_is_given_back_before_it_is_assigned() -> None:
    assert fault(LED, BACK, T1 - SECOND) == BACKWARDS
    assert after(LED, (BACK, T1)).bounces == 1
    later = after(LED, (TO_OTHER, T2))
    assert fault(later, BACK_2, T2 - SECOND) == BACKWARDS
    assert after(later, (BACK_2, T2)).bounces == 1


def test_no_lead_gives_back_before_the_pause_that_he_asked_for() -> None:
    assert fault(ASKED, BACK, T2 - SECOND) == BACKWARDS
    assert after(ASKED, (BACK, T2)).bounces == 1


def test_a_coordinating_unit_gives_back_what_it_did_before_the_last_interval_too() -> None:
    assert after(ASKED, (BACK_2, T1)).assignments[1].returned_at == T1


def test_what_is_supplied_after_a_return_goes_to_the_unit() -> None:
    found = after(ASKED, (BACK, T3))
    assert found.intervals == ASKED.intervals
    last = after(found, (GIVE, T4)).intervals[-1]
    assert (last.cause, last.holder, last.unit, last.officer) == ("SUPPLIED", HolderKind.UNIT, "22-XD", None)
    assert after(found, (ANEW, T4), (GIVE, T5)).intervals[-1].officer == "officer-9"


def test_a_return_moves_no_date_but_for_an_amended_calendar() -> None:
    found = after(ANSWERED, (BACK, T2), setting=AMENDED)
    assert (found.due_at, found.promised_due_at, found.arming) == (at("2025-02-11T17:00"), DUE, 2)


# Steps.


def test_steps_follow_the_order_of_the_version() -> None:
    found = LED
    assert refusal(found, CompleteStep("SITE", "22-XD", "officer-1")).message == "the next step is CHECK"
    for code in ("CHECK", "SITE", "DRAFT"):
        found = after(found, (CompleteStep(code, "22-XD", "officer-1"), T2))
    error = refusal(found, STEP)
    assert (error.code, error.message) == ("STEP_ORDER", "every step is completed")
    assert [(s.number, s.code, s.after_decision) for s in found.steps] == [(1, "CHECK", False), (2, "SITE", False), (3, "DRAFT", False)]


def test_a_log_in_order_holds_no_late_step_out_of_order() -> None:
    importing = Setting(VERSION, Calendar(), imported=True)
    done = after(LED, (STEP, T2), (GRANT, T2), setting=importing)
    assert refusal(done, STEP, setting=importing).message == "the next step is SITE"
    done = replace(done, steps=tuple(replace(done.steps[0], number=n, code=code) for n, code in enumerate(("CHECK", "SITE", "DRAFT"), 1)))
    assert refusal(done, STEP, setting=importing).message == "every step is completed"


def test_free_steps_come_in_any_order_and_recur() -> None:
    codes = ("DRAFT", "CHECK", "DRAFT")
    found = after(LED, *((CompleteStep(code, "22-XD", "officer-1"), T2) for code in codes), setting=FREELY)
    assert tuple(step.code for step in found.steps) == codes


@pytest.mark.parametrize("setting", [SETTING, FREELY])
def test_an_unknown_step_is_invalid(setting: Setting) -> None:
    assert fault(LED, CompleteStep("SIGN", "22-XD", "officer-1"), setting=setting) == ("UNKNOWN_STEP", ("step",))


def test_no_step_is_completed_before_its_lead_was_named() -> None:
    assert fault(LED, STEP, T1 - SECOND) == BACKWARDS
    assert after(LED, (STEP, T1)).steps[-1].at == T1
    assert after(TAKEN, (STEP, START - SECOND), setting=IMPORTING).steps[-1].at == START - SECOND


# Opinions.


@pytest.mark.parametrize("number", [None, 1, 3])
def test_an_opinion_answers_a_coordinating_assignment(number: int | None) -> None:
    assert fault(COORDINATED, replace(OPINION, assignment=number)) == UNKNOWN


def test_an_opinion_is_kept_with_the_assignment_it_answers() -> None:
    assert ANSWERED.opinions == (Opinion(1, T1, "22-MT", "officer-2", 2, REF),)
    assert ANSWERED.intervals == COORDINATED.intervals


def test_no_opinion_is_given_before_it_was_asked_for() -> None:
    assert fault(COORDINATED, OPINION, T1 - SECOND) == BACKWARDS
    taken = Setting(VERSION, Calendar(), imported=True)
    assert after(COORDINATED, (OPINION, T1 - SECOND), setting=taken).opinions


# Supplements.


def test_a_supplement_pauses_the_clock_and_supplying_resumes_it() -> None:
    asked = after(LED, (ASK, T2))
    assert asked.supplements == (Supplement(1, "CHECK", T2, ASK.items),)
    assert (asked.intervals[-1].kind, asked.intervals[-1].holder) == (IntervalKind.PAUSED, HolderKind.APPLICANT)
    assert (asked.due_at, asked.arming) == (DUE, 1)
    given_at = T2 + 2 * DAY
    found = after(asked, (GIVE, given_at))
    assert found.supplements == (Supplement(1, "CHECK", T2, ASK.items, None, given_at, GIVE.documents),)
    assert (found.due_at, found.original_due_at, found.promised_due_at) == (at("2025-02-12T17:00"), DUE, DUE)
    assert found.arming == 2
    last = found.intervals[-1]
    assert (last.kind, last.cause, last.officer) == (IntervalKind.RUNNING, "SUPPLIED", "officer-1")


def test_alerts_are_raised_anew_only_when_the_due_date_has_moved() -> None:
    raised = noticed(after(LED, (ASK, T2)), AlertLevel.AT_RISK)
    assert levels_of(after(raised, (GIVE, T3))) == (AlertLevel.AT_RISK,)
    assert levels_of(after(raised, (GIVE, T2 + 2 * DAY))) == ()


def test_without_a_lead_the_unit_holds_again_what_was_supplied() -> None:
    orphan = replace(ASKED, assignments=())
    last = after(orphan, (GIVE, T4)).intervals[-1]
    assert (last.holder, last.unit, last.officer) == (HolderKind.UNIT, "22-XD", None)


@pytest.mark.parametrize("move", [ANEW, BACK], ids=["named", "gave back"])
def test_nothing_is_supplied_before_the_lead_who_has_it_was_named_or_gave_back(move: Move) -> None:
    found = after(ASKED, (move, T4))
    assert fault(found, GIVE, T4 - SECOND) == BACKWARDS
    assert after(found, (GIVE, T4)).state is State.IN_PROCESS


def test_a_supplement_names_items_of_the_version() -> None:
    assert fault(LED, RequestSupplement(())) == ("NO_ITEM", ("items",))
    stray = RequestSupplement((*ASK.items, SupplementItem("MAP", REF)))
    assert fault(LED, stray) == ("UNKNOWN_COMPONENT", ("items",))


def test_nothing_is_asked_for_after_the_due_date() -> None:
    assert refusal(LED, ASK, DUE + SECOND).code == "AFTER_DUE"
    assert refusal(LED, replace(ASK, override=REF), DUE + SECOND).code == "AFTER_DUE"
    assert after(LED, (ASK, DUE)).state is State.AWAITING_SUPPLEMENT


def test_supplements_are_asked_for_once_a_stage_unless_overridden() -> None:
    back = after(LED, (ASK, T2), (GIVE, T2))
    error = refusal(back, ASK)
    assert (error.code, error.allowed_from) == ("ONCE_PER_STAGE", ("IN_PROCESS",))
    assert after(back, (replace(ASK, override=OTHER), T3)).supplements[-1].override == OTHER
    next_stage = after(back, (STEP, T3), (ASK, T3))
    assert [s.stage for s in next_stage.supplements] == ["CHECK", "SITE"]


def test_what_was_asked_for_at_the_instant_of_receipt_counts() -> None:
    at_once = after(RECEIVED, (TO_LEAD, START), (ASK, START), (GIVE, START))
    assert refusal(at_once, ASK).code == "ONCE_PER_STAGE"


def test_free_steps_make_one_stage_to_ask_at() -> None:
    free = after(LED, (ASK, T2), (GIVE, T2), (STEP, T3), setting=FREELY)
    assert refusal(free, ASK, setting=FREELY).code == "ONCE_PER_STAGE"


@pytest.mark.parametrize(("given_codes", "code"), [
    ((), "INCOMPLETE"),
    (("PLAN",), "INCOMPLETE"),
    (("PLAN", "DEED", "FORM"), "UNKNOWN_COMPONENT"),
])  # fmt: skip
def test_what_was_asked_for_is_supplied_and_nothing_else(given_codes: tuple[str, ...], code: str) -> None:
    asked = after(LED, (RequestSupplement((SupplementItem("PLAN", REF), SupplementItem("DEED", REF))), T2))
    assert fault(asked, Supply(tuple(Document(c) for c in given_codes))) == (code, ("documents",))
    assert after(asked, (Supply((Document("DEED"), Document("PLAN"))), T3)).state is State.IN_PROCESS


def test_camel_case_is_that_of_the_schema() -> None:
    assert [camel(name) for name in ("officer", "due_at", "expected_result")] == ["officer", "dueAt", "expectedResult"]


def test_a_bounded_number_of_units_is_asked_at_once() -> None:
    full = LED
    for _ in range(MOST_BESIDE):
        full = after(full, (TO_OTHER, T2))
    assert fault(full, TO_OTHER, T3) == ("TOO_MANY", ())
    room_again = after(full, (OPINION, T3), (TO_OTHER, T4))
    assert len(room_again.coordinating()) == MOST_BESIDE + 1
