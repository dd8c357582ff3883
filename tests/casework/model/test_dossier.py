"""The lifecycle: the table of moves cell by cell, each guard, what holds after any walk, and what an import may do."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise, product
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casework.model.alert import AlertLevel
from casework.model.clock import Limit, LimitUnit
from casework.model.dossier import MOST_OF_A_KIND, MOVES, camel, clock_of, moved, next_alert, stage, timed
from casework.model.errors import Invalid, Refused
from casework.model.moves import (
    NAMES,
    Assign,
    CompleteStep,
    Decide,
    GiveOpinion,
    Move,
    MoveName,
    Receive,
    RequestSupplement,
    Setting,
    Supply,
)
from casework.model.parties import Ref, Relation
from casework.model.procedure import Channel, Component, DossierKind, ProcedureVersion, StepOrder, StepRule, Texts
from casework.model.record import (
    Assignment,
    AssignmentRole,
    Document,
    Dossier,
    HolderKind,
    Imported,
    IntervalKind,
    Opinion,
    Outcome,
    State,
    Step,
    Supplement,
    SupplementItem,
    flattened,
    restored,
)
from casework.model.workdays import ZONE, Calendar, Override, OverrideKind

CALENDAR = Calendar()
LEAD, COORDINATING = AssignmentRole.LEAD, AssignmentRole.COORDINATING
TITLE = Texts("một", "one", "un")
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
CLARITY = ("officer", "task", "responsibility", "due_at", "expected_result")
VERSION = ProcedureVersion(
    code="XD-01",
    version=1,
    title=TITLE,
    kind=DossierKind.ADMINISTRATIVE,
    field="construction",
    tier="province",
    unit="QN-XD",
    limit=Limit(LimitUnit.WORKING_DAYS, 10),
    legal_basis="50/2014/QH13, 102",
    valid_from=date(2025, 1, 1),
    channels=(Channel.ONLINE,),
    steps=tuple(StepRule(code, TITLE) for code in ("CHECK", "SITE", "DRAFT")),
    components=(Component("FORM", TITLE), Component("DEED", TITLE), Component("PLAN", TITLE, mandatory=False)),
    clarity_lead=CLARITY,
    clarity_coordinating=("task", "due_at"),
)
SETTING = Setting(VERSION, CALENDAR)
FREELY = Setting(replace(VERSION, step_order=StepOrder.FREE), CALENDAR)
IMPORTED = replace(VERSION, step_order=StepOrder.FREE, limit=Limit(LimitUnit.FIXED_DATE), clarity_lead=(), clarity_coordinating=())
IMPORTING = Setting(IMPORTED, CALENDAR, imported=True)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC)


START = at("2025-01-20T09:00")
DUE = at("2025-02-10T17:00")
T1, T2, T3, T4 = (START + n * HOUR for n in (1, 2, 3, 4))
REF = Ref("d", 1)
SUBMITTED = Dossier(
    code="QN-XD-250120-0001", state=State.SUBMITTED, kind=DossierKind.ADMINISTRATIVE, procedure="XD-01", procedure_version=1,
    unit="QN-XD", reception_point="QN-MC", delivery_point="QN-MC", channel=Channel.ONLINE, slip_key=1, secret_generation=1,
    submitted_at=START,
)  # fmt: skip
IMPORTED_CASE = replace(SUBMITTED, fixed_due_at=DUE, imported=Imported("a log", "case-1", START))

RECEIVE = Receive(("FORM", "DEED"))
TO_LEAD = Assign(LEAD, "QN-XD", "officer-1", DUE, REF, REF, None, REF)
TO_OTHER = Assign(COORDINATING, "QN-MT", None, DUE - 5 * DAY, REF)
STEP = CompleteStep("CHECK", "QN-XD", "officer-1")
OPINION = GiveOpinion("QN-MT", "officer-2", 2, REF)
ASK = RequestSupplement((SupplementItem("PLAN", REF),))
GIVE = Supply((Document("PLAN", "00" * 32),))
GRANT = Decide(Outcome.GRANTED, REF)


def after(dossier: Dossier, *moves: tuple[Move, datetime], setting: Setting = SETTING) -> Dossier:
    for move, instant in moves:
        dossier, _ = moved(dossier, move, instant, setting)
    return dossier


RECEIVED = after(SUBMITTED, (RECEIVE, START))
LED = after(RECEIVED, (TO_LEAD, T1))
COORDINATED = after(LED, (TO_OTHER, T1))
ANSWERED = after(COORDINATED, (OPINION, T1))
ASKED = after(ANSWERED, (ASK, T2))
DECIDED = after(ANSWERED, (GRANT, T2))
STANDING = {
    State.SUBMITTED: SUBMITTED,
    State.RECEIVED: RECEIVED,
    State.REFUSED: replace(SUBMITTED, state=State.REFUSED),
    State.IN_PROCESS: ANSWERED,
    State.AWAITING_SUPPLEMENT: ASKED,
    State.AWAITING_PAYMENT: replace(ASKED, state=State.AWAITING_PAYMENT),
    State.WITHDRAWN: replace(DECIDED, state=State.WITHDRAWN),
    State.STOPPED: replace(DECIDED, state=State.STOPPED),
    State.DECIDED: DECIDED,
    State.DELIVERED: replace(DECIDED, state=State.DELIVERED),
}
SAMPLES: dict[MoveName, Move] = {NAMES[type(move)]: move for move in (RECEIVE, TO_LEAD, STEP, OPINION, ASK, GIVE, GRANT)}
WORKED = (State.IN_PROCESS, State.AWAITING_SUPPLEMENT, State.AWAITING_PAYMENT)

# Each move: the states it is allowed from, in the order of the status list; the action; who makes it.
LIFECYCLE: dict[MoveName, tuple[tuple[State, ...], str, set[Relation]]] = {
    MoveName.RECEIVE: ((State.SUBMITTED,), "RECEIVED", {Relation.RECEPTION}),
    MoveName.ASSIGN: ((State.RECEIVED, *WORKED), "ASSIGNED", {Relation.HEAD}),
    MoveName.COMPLETE_STEP: ((State.IN_PROCESS,), "STEP_COMPLETED", {Relation.LEAD}),
    MoveName.GIVE_OPINION: (WORKED, "OPINION_GIVEN", {Relation.COORDINATING}),
    # A head of unit asks with an override, which is a guard of the action.
    MoveName.REQUEST_SUPPLEMENT: ((State.IN_PROCESS,), "SUPPLEMENT_REQUESTED", {Relation.LEAD, Relation.HEAD}),
    MoveName.SUPPLY: ((State.AWAITING_SUPPLEMENT,), "DOCUMENTS_SUPPLIED", {Relation.APPLICANT, Relation.RECEPTION}),
    MoveName.DECIDE: ((State.IN_PROCESS,), "DECIDED", {Relation.LEAD, Relation.HEAD}),
}
LEADS_TO: dict[tuple[State, MoveName], State] = {
    (State.SUBMITTED, MoveName.RECEIVE): State.RECEIVED,
    (State.RECEIVED, MoveName.ASSIGN): State.IN_PROCESS,
    (State.IN_PROCESS, MoveName.REQUEST_SUPPLEMENT): State.AWAITING_SUPPLEMENT,
    (State.AWAITING_SUPPLEMENT, MoveName.SUPPLY): State.IN_PROCESS,
    (State.IN_PROCESS, MoveName.DECIDE): State.DECIDED,
}


def lacking(move: Assign, field: str) -> Assign:
    without: dict[str, Any] = {field: None}
    return replace(move, **without)


def refusal(dossier: Dossier, move: Move, instant: datetime = T4, setting: Setting = SETTING) -> Refused:
    with pytest.raises(Refused) as caught:
        moved(dossier, move, instant, setting)
    return caught.value


def fault(dossier: Dossier, move: Move, instant: datetime = T4, setting: Setting = SETTING) -> tuple[str, tuple[str, ...]]:
    with pytest.raises(Invalid) as caught:
        moved(dossier, move, instant, setting)
    return caught.value.code, caught.value.path


# The table.


def test_every_move_but_the_first_stands_in_the_table() -> None:
    assert set(MOVES) == set(MoveName) - {MoveName.SUBMIT} == set(LIFECYCLE)
    assert set(NAMES) == set(get_args(Move))
    assert sorted(NAMES.values()) == sorted(MOVES)


@pytest.mark.parametrize(("state", "name"), list(product(State, LIFECYCLE)))
def test_a_move_is_made_or_refused_as_the_table_says(state: State, name: MoveName) -> None:
    allowed, action, _ = LIFECYCLE[name]
    dossier = STANDING[state]
    if state in allowed:
        found, said = moved(dossier, SAMPLES[name], T4, SETTING)
        assert said == action
        assert found.state is LEADS_TO.get((state, name), state)
    else:
        error = refusal(dossier, SAMPLES[name])
        assert (error.code, error.state, error.allowed_from) == ("STATE", state, allowed)


@pytest.mark.parametrize(("relation", "name"), list(product(Relation, LIFECYCLE)))
def test_a_move_has_its_makers(relation: Relation, name: MoveName) -> None:
    makers = LIFECYCLE[name][2] | {Relation.IMPORT}
    assert (relation in MOVES[name].makers) is (relation in makers)


# Receive.


def test_receiving_starts_clock_and_first_interval() -> None:
    assert RECEIVED.received_at == START
    assert RECEIVED.original_due_at == RECEIVED.promised_due_at == RECEIVED.due_at == DUE
    assert (RECEIVED.arming, RECEIVED.raised, RECEIVED.calendar_version) == (1, (), 1)
    (first,) = RECEIVED.intervals
    assert (first.number, first.kind, first.holder, first.unit) == (1, IntervalKind.RUNNING, HolderKind.UNIT, "QN-XD")
    assert (first.from_at, first.to_at) == (START, None)


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


# Assign.


def test_the_first_lead_takes_the_dossier_under_way() -> None:
    assert LED.state is State.IN_PROCESS
    assert LED.lead == Assignment(1, LEAD, "QN-XD", T1, "officer-1", None, DUE, REF, REF, None, REF)
    first, second = LED.intervals
    assert first.to_at == second.from_at == T1
    assert (second.holder, second.unit, second.officer) == (HolderKind.OFFICER, "QN-XD", "officer-1")


def test_the_lead_comes_first() -> None:
    error = refusal(RECEIVED, TO_OTHER)
    assert (error.code, error.state) == ("LEAD_FIRST", "RECEIVED")
    assert error.allowed_from == LIFECYCLE[MoveName.ASSIGN][0]


@pytest.mark.parametrize("field", CLARITY)
def test_an_unclear_lead_is_refused_with_the_path_of_the_schema(field: str) -> None:
    path = {"due_at": "dueAt", "expected_result": "expectedResult"}.get(field, field)
    assert fault(RECEIVED, lacking(TO_LEAD, field)) == ("UNCLEAR_ASSIGNMENT", (path,))


@pytest.mark.parametrize(("field", "path"), [("task", "task"), ("due_at", "dueAt")])
def test_an_unclear_coordination_is_refused(field: str, path: str) -> None:
    assert fault(LED, lacking(TO_OTHER, field)) == ("UNCLEAR_ASSIGNMENT", (path,))


def test_the_clarity_set_is_data() -> None:
    sixth = Setting(replace(VERSION, clarity_lead=(*CLARITY, "authority")), CALENDAR)
    assert fault(RECEIVED, TO_LEAD, setting=sixth) == ("UNCLEAR_ASSIGNMENT", ("authority",))
    none = Setting(replace(VERSION, clarity_lead=(), clarity_coordinating=()), CALENDAR)
    found = after(RECEIVED, (Assign(LEAD, "QN-XD", "officer-1"), T1), (Assign(COORDINATING, "QN-MT"), T2), setting=none)
    assert [a.task for a in found.assignments] == [None, None]


def test_a_lead_is_a_person_whatever_the_clarity_set() -> None:
    none = Setting(replace(VERSION, clarity_lead=()), CALENDAR)
    assert fault(RECEIVED, Assign(LEAD, "QN-XD"), setting=none) == ("UNCLEAR_ASSIGNMENT", ("officer",))


def test_no_assignment_ends_after_the_dossier_is_due() -> None:
    assert fault(RECEIVED, replace(TO_LEAD, due_at=DUE + SECOND)) == ("AFTER_DUE", ("dueAt",))
    assert after(RECEIVED, (TO_LEAD, T1)).lead


def test_a_new_lead_ends_the_old_one() -> None:
    found = after(COORDINATED, (replace(TO_LEAD, officer="officer-9"), T2))
    assert [(a.number, a.role, a.ended_at) for a in found.assignments] == [(1, LEAD, T2), (2, COORDINATING, None), (3, LEAD, None)]
    assert found.lead
    assert found.lead.officer == found.intervals[-1].officer == "officer-9"


def test_a_lead_named_during_a_pause_takes_over_when_it_ends() -> None:
    found = after(ASKED, (replace(TO_LEAD, officer="officer-9"), T3))
    assert found.intervals == ASKED.intervals
    assert after(found, (GIVE, T4)).intervals[-1].officer == "officer-9"


def test_a_coordinating_unit_holds_nothing() -> None:
    assert COORDINATED.intervals == LED.intervals
    assert COORDINATED.state is State.IN_PROCESS


@pytest.mark.parametrize("dossier", [LED, ASKED, after(ASKED, (TO_LEAD, T3))], ids=["led", "asked", "led again while asked"])
def test_no_lead_is_named_before_the_move_that_it_follows(dossier: Dossier) -> None:
    last = max(dossier.intervals[-1].from_at, *(a.assigned_at for a in dossier.assignments if a.role is LEAD))
    assert fault(dossier, TO_LEAD, last - SECOND) == ("BEFORE_LAST_MOVE", ("at",))
    assert after(dossier, (TO_LEAD, last)).lead


# Steps.


def test_steps_follow_the_order_of_the_version() -> None:
    found = LED
    assert refusal(found, CompleteStep("SITE", "QN-XD", "officer-1")).message == "the next step is CHECK"
    for code in ("CHECK", "SITE", "DRAFT"):
        assert stage(found, SETTING) == code
        found = after(found, (CompleteStep(code, "QN-XD", "officer-1"), T2))
    assert stage(found, SETTING) == ""
    error = refusal(found, STEP)
    assert (error.code, error.message) == ("STEP_ORDER", "every step is completed")
    assert [(s.number, s.code, s.after_decision) for s in found.steps] == [(1, "CHECK", False), (2, "SITE", False), (3, "DRAFT", False)]


def test_free_steps_come_in_any_order_and_recur() -> None:
    codes = ("DRAFT", "CHECK", "DRAFT")
    found = after(LED, *((CompleteStep(code, "QN-XD", "officer-1"), T2) for code in codes), setting=FREELY)
    assert tuple(step.code for step in found.steps) == codes
    assert stage(found, FREELY) == ""


@pytest.mark.parametrize("setting", [SETTING, FREELY])
def test_an_unknown_step_is_invalid(setting: Setting) -> None:
    assert fault(LED, CompleteStep("SIGN", "QN-XD", "officer-1"), setting=setting) == ("UNKNOWN_STEP", ("step",))


# Opinions.


@pytest.mark.parametrize("number", [None, 1, 3])
def test_an_opinion_answers_a_coordinating_assignment(number: int | None) -> None:
    assert fault(COORDINATED, replace(OPINION, assignment=number)) == ("UNKNOWN_ASSIGNMENT", ("assignment",))


def test_an_opinion_is_kept_with_the_assignment_it_answers() -> None:
    assert ANSWERED.opinions == (Opinion(1, T1, "QN-MT", "officer-2", 2, REF),)
    assert ANSWERED.intervals == COORDINATED.intervals


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
    raised = replace(after(LED, (ASK, T2)), raised=(AlertLevel.AT_RISK,))
    assert after(raised, (GIVE, T3)).raised == (AlertLevel.AT_RISK,)
    assert after(raised, (GIVE, T2 + 2 * DAY)).raised == ()


def test_without_a_lead_the_unit_holds_again_what_was_supplied() -> None:
    orphan = replace(ASKED, assignments=())
    last = after(orphan, (GIVE, T4)).intervals[-1]
    assert (last.holder, last.unit, last.officer) == (HolderKind.UNIT, "QN-XD", None)


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
    assert refusal(back, ASK).code == "ONCE_PER_STAGE"
    assert after(back, (replace(ASK, override=REF), T3)).supplements[-1].override == REF
    next_stage = after(back, (STEP, T3), (ASK, T3))
    assert [s.stage for s in next_stage.supplements] == ["CHECK", "SITE"]


def test_free_steps_make_one_stage() -> None:
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


# Decide.


def test_deciding_stops_clock_and_assignments() -> None:
    found = after(ANSWERED, (replace(GRANT, waiver=REF), T3))
    assert (found.decided_at, found.outcome, found.decision_reason, found.waiver) == (T3, Outcome.GRANTED, REF, REF)
    assert found.intervals[-1].to_at == T3
    assert [a.ended_at for a in found.assignments] == [T3, T3]
    assert (found.lead, found.open, found.flags) == (None, False, ())


def test_an_opinion_is_waited_for_until_it_is_overdue_and_waived() -> None:
    due = TO_OTHER.due_at
    assert due
    waived = replace(GRANT, waiver=REF)
    for move, instant in ((GRANT, T4), (waived, due), (GRANT, due + SECOND)):
        assert refusal(COORDINATED, move, instant).code == "OPINION_MISSING"
    assert after(COORDINATED, (waived, due + SECOND)).state is State.DECIDED


def test_an_opinion_without_a_due_date_is_overdue_with_the_dossier() -> None:
    loose = Setting(replace(VERSION, clarity_coordinating=()), CALENDAR)
    found = after(LED, (Assign(COORDINATING, "QN-MT"), T1), setting=loose)
    waived = replace(GRANT, waiver=REF)
    assert refusal(found, waived, DUE, loose).code == "OPINION_MISSING"
    assert after(found, (waived, DUE + SECOND), setting=loose).state is State.DECIDED


def test_nothing_is_due_before_it_is_assigned() -> None:
    with pytest.raises(Invalid) as caught:
        after(LED, (replace(TO_OTHER, due_at=T1), T1))
    assert (caught.value.code, caught.value.path) == ("DUE_BEFORE_START", ("dueAt",))


def test_each_coordinating_unit_answers_for_itself() -> None:
    two = after(ANSWERED, (replace(TO_OTHER, unit="QN-TC"), T2))
    assert "QN-TC" in refusal(two, GRANT).message
    assert after(two, (replace(OPINION, unit="QN-TC", assignment=3), T3), (GRANT, T3)).state is State.DECIDED


# Time.


@pytest.mark.parametrize(("dossier", "move"), [(LED, ASK), (LED, GRANT), (RECEIVED, TO_LEAD), (ASKED, GIVE)])
def test_no_move_edits_a_past_interval(dossier: Dossier, move: Move) -> None:
    last = dossier.intervals[-1].from_at
    assert fault(dossier, move, last - SECOND) == ("BEFORE_LAST_MOVE", ("at",))
    assert len(after(dossier, (move, last)).intervals) >= len(dossier.intervals)


@pytest.mark.parametrize(("what", "dossier", "move"), [
    ("assignments", replace(LED, assignments=LED.assignments * MOST_OF_A_KIND), TO_OTHER),
    ("steps", replace(LED, steps=(Step(1, "DRAFT", T1, "QN-XD", "officer-1"),) * MOST_OF_A_KIND), STEP),
    ("opinions", replace(ANSWERED, opinions=ANSWERED.opinions * MOST_OF_A_KIND), OPINION),
    ("supplements", replace(LED, supplements=(Supplement(1, "OLD", T1, ()),) * MOST_OF_A_KIND), ASK),
])  # fmt: skip
def test_a_dossier_holds_a_bounded_number_of_each_kind(what: str, dossier: Dossier, move: Move) -> None:
    with pytest.raises(Invalid, match=f"at most 500 {what}") as caught:
        moved(dossier, move, T4, SETTING)
    assert caught.value.code == "TOO_MANY"


def test_a_clock_starts_at_receipt() -> None:
    assert timed(SUBMITTED, SETTING) is SUBMITTED
    with pytest.raises(Invalid, match="starts when the dossier is received") as caught:
        clock_of(SUBMITTED, SETTING)
    assert caught.value.code == "NOT_RECEIVED"


def test_an_amended_calendar_moves_the_due_date_and_not_the_promise() -> None:
    off = Override(date(2025, 2, 5), OverrideKind.OFF, None, "1/QD", date(2025, 1, 25))
    found = timed(LED, Setting(VERSION, Calendar((off,), version=2)))
    assert found.due_at == at("2025-02-11T17:00")
    assert (found.original_due_at, found.promised_due_at) == (DUE, DUE)
    assert (found.calendar_version, found.arming) == (2, 2)


def test_camel_case_is_that_of_the_schema() -> None:
    assert [camel(name) for name in ("officer", "due_at", "expected_result")] == ["officer", "dueAt", "expectedResult"]


# Imports.

TAKEN = after(IMPORTED_CASE, (Receive(("FORM", "DEED")), START), (Assign(LEAD, "QN-XD", "officer-1"), START), setting=IMPORTING)
ENDED = after(TAKEN, (Decide(Outcome.OTHER), T2), setting=IMPORTING)


def test_an_import_keeps_the_due_date_of_its_log() -> None:
    assert (TAKEN.due_at, TAKEN.original_due_at, TAKEN.promised_due_at) == (DUE, DUE, DUE)


@pytest.mark.parametrize("move", [STEP, GiveOpinion("QN-MT", "officer-2", subject="T07-1")])
def test_what_a_log_holds_after_the_end_is_recorded_and_changes_nothing_else(move: Move) -> None:
    found, action = moved(ENDED, move, T4, IMPORTING)
    assert action == "STEP_RECORDED_AFTER_DECISION"
    assert replace(found, steps=(), opinions=()) == ENDED
    assert [step.after_decision for step in found.steps] + [opinion.after_decision for opinion in found.opinions] == [True]


@pytest.mark.parametrize("move", [STEP, OPINION])
def test_people_record_nothing_after_the_end(move: Move) -> None:
    assert refusal(DECIDED, move).code == "STATE"


@pytest.mark.parametrize("name", [n for n in LIFECYCLE if n not in {MoveName.COMPLETE_STEP, MoveName.GIVE_OPINION}])
def test_an_import_makes_no_other_move_after_the_end(name: MoveName) -> None:
    assert refusal(ENDED, SAMPLES[name], setting=IMPORTING).code == "STATE"


@pytest.mark.parametrize("state", [s for s in State if s not in {State.DECIDED, State.IN_PROCESS}])
def test_only_a_decided_import_takes_a_late_step(state: State) -> None:
    assert refusal(STANDING[state], STEP, setting=IMPORTING).code == "STATE"


def test_an_end_before_the_start_is_kept_flagged_and_has_no_length() -> None:
    early = START - DAY
    found = after(TAKEN, (Decide(Outcome.OTHER), early), setting=IMPORTING)
    assert (found.state, found.decided_at, found.flags) == (State.DECIDED, early, ("INCONSISTENT",))
    assert found.intervals[-1].from_at == found.intervals[-1].to_at == START
    assert [a.ended_at for a in found.assignments] == [START]
    assert ENDED.flags == ()


def test_an_import_waits_for_no_opinion_and_for_no_due_date() -> None:
    late = Assign(COORDINATING, "QN-MT", due_at=DUE + DAY)
    found = after(TAKEN, (late, T1), (Decide(Outcome.OTHER), T2), setting=IMPORTING)
    assert (found.state, found.opinions) == (State.DECIDED, ())


# The next alert.


def test_the_next_alert_is_the_first_not_yet_raised() -> None:
    assert next_alert(LED, SETTING) == (AlertLevel.AT_RISK, at("2025-02-06T07:30"))
    assert next_alert(replace(LED, raised=(AlertLevel.AT_RISK,)), SETTING) == (AlertLevel.DUE_TODAY, at("2025-02-10T07:30"))
    assert next_alert(replace(LED, raised=tuple(AlertLevel)), SETTING) is None


@pytest.mark.parametrize("dossier", [SUBMITTED, ASKED, *(STANDING[s] for s in State if not STANDING[s].open)])
def test_nothing_is_raised_before_receipt_while_paused_or_after_the_end(dossier: Dossier) -> None:
    assert next_alert(dossier, SETTING) is None


def test_an_import_raises_only_what_lies_ahead_of_its_completion() -> None:
    assert next_alert(TAKEN, IMPORTING) is None

    def ahead(alerts_from: datetime) -> AlertLevel | None:
        found = next_alert(replace(TAKEN, imported=Imported("a log", "case-1", START, alerts_from)), IMPORTING)
        return found[0] if found else None

    assert ahead(START) is AlertLevel.AT_RISK
    assert ahead(at("2025-02-06T07:30")) is AlertLevel.DUE_TODAY
    assert ahead(DUE) is AlertLevel.OVERDUE
    assert ahead(DUE + 30 * DAY) is None


# Any walk of moves.

OFFICERS = st.sampled_from(["officer-1", "officer-2", "officer-3"])
ANY_MOVE: st.SearchStrategy[Move] = st.one_of(
    st.just(RECEIVE),
    OFFICERS.map(lambda officer: replace(TO_LEAD, officer=officer)),
    st.just(TO_OTHER),
    st.sampled_from(["CHECK", "SITE", "DRAFT", "SIGN"]).map(lambda code: CompleteStep(code, "QN-XD", "officer-1")),
    st.integers(1, 4).map(lambda number: replace(OPINION, assignment=number)),
    st.sampled_from([None, REF]).map(lambda override: replace(ASK, override=override)),
    st.just(GIVE),
    st.sampled_from([None, REF]).map(lambda waiver: replace(GRANT, waiver=waiver)),
)
WALKS = st.lists(st.tuples(ANY_MOVE, st.integers(-600, 60 * 24 * 3)), max_size=25)
# One that comes a long way, so that what follows it is walked too.
BEGINNINGS = st.sampled_from([SUBMITTED, RECEIVED, LED, COORDINATED, ANSWERED, ASKED])
WALKED = {State.IN_PROCESS, State.AWAITING_SUPPLEMENT}


def holds(dossier: Dossier) -> None:
    """Check what holds of every dossier, whatever was done to it."""
    tiles = dossier.intervals
    assert [tile.number for tile in tiles] == list(range(1, len(tiles) + 1))
    assert all(one.to_at == following.from_at for one, following in pairwise(tiles))
    assert all(tile.to_at is None or tile.from_at <= tile.to_at for tile in tiles)
    if tiles:
        assert tiles[0].from_at == dossier.received_at
        stopped = None if dossier.decided_at is None else max(dossier.decided_at, tiles[-1].from_at)
        assert tiles[-1].to_at == stopped
        assert (tiles[-1].kind is IntervalKind.PAUSED) is (dossier.state is State.AWAITING_SUPPLEMENT)
    leads = [a for a in dossier.assignments if a.role is LEAD]
    assert len([a for a in leads if a.ended_at is None]) == (dossier.state in WALKED)
    assert bool(leads) is (dossier.state in WALKED | {State.DECIDED})
    assert all(one.ended_at == following.assigned_at for one, following in pairwise(leads))
    assert [a.number for a in dossier.assignments] == list(range(1, len(dossier.assignments) + 1))
    assert all(a.ended_at is None or a.assigned_at <= a.ended_at for a in dossier.assignments)
    assert restored(flattened(dossier)) == dossier


def past_is_kept(before: Dossier, found: Dossier) -> None:
    """Check that what was done stays as it was: only the last interval may get an end, a lead an end, a supplement its answer."""
    kept = len(before.intervals)
    for past, now in zip(before.intervals, found.intervals[:kept], strict=True):
        assert now == (past if past.to_at else replace(past, to_at=now.to_at))
    assert found.steps[: len(before.steps)] == before.steps
    assert found.opinions[: len(before.opinions)] == before.opinions
    for old, new in zip(before.assignments, found.assignments, strict=False):
        assert new == (old if old.ended_at else replace(old, ended_at=new.ended_at))
    for asked, answer in zip(before.supplements, found.supplements, strict=False):
        assert answer == (asked if asked.supplied_at else replace(asked, supplied_at=answer.supplied_at, documents=answer.documents))
    if before.received_at:
        assert (found.received_at, found.original_due_at) == (before.received_at, before.original_due_at)
        assert found.arming == before.arming + (found.due_at != before.due_at)


@settings(print_blob=True, deadline=None)
@given(BEGINNINGS, WALKS, st.sampled_from([SETTING, FREELY]))
def test_after_any_walk_intervals_tile_one_leads_and_the_past_is_kept(
    dossier: Dossier, walk: list[tuple[Move, int]], setting: Setting
) -> None:
    now = max(T2, dossier.submitted_at)
    for move, minutes in walk:
        instant = now + timedelta(minutes=minutes)
        try:
            found, action = moved(dossier, move, instant, setting)
        except (Refused, Invalid):
            continue
        assert action == MOVES[NAMES[type(move)]].action
        holds(found)
        past_is_kept(dossier, found)
        dossier, now = found, max(now, instant)


@settings(print_blob=True, deadline=None)
@given(st.lists(st.tuples(ANY_MOVE, st.integers(-600, 60 * 24 * 3)), max_size=25))
def test_an_import_out_of_order_tiles_too(walk: list[tuple[Move, int]]) -> None:
    dossier, now = TAKEN, START
    for move, minutes in walk:
        instant = now + timedelta(minutes=minutes)
        try:
            found, _ = moved(dossier, move, instant, IMPORTING)
        except (Refused, Invalid):
            continue
        holds(found)
        past_is_kept(dossier, found)
        assert ("INCONSISTENT" in found.flags) is (found.decided_at is not None and found.decided_at < found.intervals[-1].from_at)
        dossier, now = found, max(now, instant)
