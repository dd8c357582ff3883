"""What a viewer may do next: told as the table and the guards then answer, for every state and relation and after any walk."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings

from casework.model.access import Decision, decide, goes_to
from casework.model.alert import AlertLevel
from casework.model.dossier import MOVES, moved
from casework.model.errors import Invalid, Refused
from casework.model.moves import (
    Acknowledge,
    ClearBlocker,
    CompleteStep,
    Extend,
    Move,
    MoveName,
    Rate,
    Receive,
    RequestSupplement,
    RequirePayment,
    Setting,
    Supply,
)
from casework.model.next_moves import NextMove, next_moves
from casework.model.parties import PUBLIC, Relation, Role, Viewer
from casework.model.record import Document, Dossier, State, SupplementItem
from casework.model.workdays import Calendar
from tests.casework.model.cases import (
    ANSWERED,
    ASKED,
    BACK,
    BLOCK,
    BLOCKED,
    CHARGED,
    COORDINATED,
    DAY,
    DECIDED,
    DELIVERED,
    DUE,
    ERASE,
    EXTEND,
    FREELY,
    GIVE,
    GRANT,
    IMPORTED,
    LED,
    LEFT,
    OPINION,
    PAY,
    RATE,
    REF,
    REOPEN,
    SAMPLES,
    SECOND,
    SETTING,
    SORRY,
    STANDING,
    STEP,
    T2,
    T3,
    T4,
    TAKEN,
    TO_LEAD,
    TO_OTHER,
    VERSION,
    after,
    noticed,
    warned,
)
from tests.casework.model.test_dossier import BEGINNINGS, WALKS

ID = "a" * 32
VIEWERS = {
    "applicant": Viewer(Role.CITIZEN, "citizen-1"),
    "reception": Viewer(Role.RECEPTION, "reception-1", ("22-MC",)),
    "delivery": Viewer(Role.RECEPTION, "reception-2", ("22-MD",)),
    "lead": Viewer(Role.OFFICER, "officer-1", ("22-XD",)),
    "coordinating": Viewer(Role.OFFICER, "officer-2", ("22-MT",)),
    "lead of both units": Viewer(Role.OFFICER, "officer-1", ("22-XD", "22-MT")),
    "head": Viewer(Role.HEAD, "head-1", ("22-XD",)),
    "head and lead": Viewer(Role.HEAD, "officer-1", ("22-XD",)),
    "coordinating head": Viewer(Role.HEAD, "head-2", ("22-MT",)),
    "supervisor": Viewer(Role.SUPERVISOR, "supervisor-1", ("22",)),
    "inspector": Viewer(Role.INSPECTOR, "inspector-1"),
    "admin": Viewer(Role.ADMIN, "admin-1"),
    "stranger": Viewer(Role.OFFICER, "officer-7", ("22-TC",)),
    "public": PUBLIC,
    "tracker": Viewer(Role.PUBLIC, dossier=ID, generation=1),
}
ALL_STEPS = tuple((CompleteStep(step.code, "22-XD", "officer-1"), T2) for step in VERSION.steps)
OVERDUE = DUE + SECOND
CASES: dict[str, tuple[Dossier, datetime]] = {
    **{state.value: (dossier, T4) for state, dossier in STANDING.items()},
    "led alone": (LED, T4),
    "unanswered": (COORDINATED, T4),
    "unanswered and overdue": (COORDINATED, OVERDUE),
    "overdue": (ANSWERED, OVERDUE),
    "asked, then overdue": (ASKED, DUE + 9 * DAY),
    "asked before": (after(ASKED, (GIVE, T3)), T4),
    "asked at an earlier stage": (after(ASKED, (GIVE, T3), (STEP, T3)), T4),
    "every step completed": (after(ANSWERED, *ALL_STEPS), T4),
    "left by its lead": (LEFT, T4),
    "left by its lead while asked": (after(ASKED, (BACK, T3)), T4),
    "left by the coordinating unit": (after(COORDINATED, (replace(BACK, assignment=2), T2)), T4),
    "left by one coordinating unit of two": (after(COORDINATED, (TO_OTHER, T2), (replace(BACK, assignment=2), T2)), T4),
    "extended": (after(ANSWERED, (EXTEND, T3)), T4),
    "apologised": (after(ANSWERED, (SORRY, T3)), T4),
    "paid": (after(CHARGED, (PAY, T3)), T4),
    "blocked": (BLOCKED, T4),
    "blocked, then overdue": (BLOCKED, OVERDUE),
    "blocked while asked": (after(ASKED, (BLOCK, T3)), T4),
    "reopened after an extension and an apology": (after(ANSWERED, (EXTEND, T3), (SORRY, T3), (GRANT, T3), (REOPEN, T3 + SECOND)), T4),
    "at risk": (noticed(ANSWERED, AlertLevel.AT_RISK), T4),
    "at risk and led by nobody": (noticed(LEFT, AlertLevel.AT_RISK), T4),
    "noticed at every level": (noticed(ANSWERED, *AlertLevel), OVERDUE),
    "noticed and taken note of": (after(warned(ANSWERED), (SAMPLES[MoveName.ACKNOWLEDGE], T3)), T4),
    "decided too late": (warned(DECIDED), T4),
    "led by another": (after(LEFT, (replace(TO_LEAD, officer="officer-9"), T3)), T4),
    "decided after its lead left": (after(LEFT, (GRANT, T3)), T4),
    "reopened": (after(DECIDED, (REOPEN, T3)), T4),
    "reopened after a supplement": (after(ASKED, (GIVE, T3), (GRANT, T3), (REOPEN, T3 + SECOND)), T4),
    "reopened, every step completed": (after(ANSWERED, *ALL_STEPS, (GRANT, T3), (REOPEN, T3)), T4),
    "reopened after its lead left": (after(LEFT, (GRANT, T3), (REOPEN, T3)), T4),
    "rated": (after(DELIVERED, (RATE, T4)), T4),
    "rated and reopened": (after(DELIVERED, (RATE, T4), (REOPEN, T4)), T4),
    "rated and delivered again": (after(DELIVERED, (RATE, T4), (REOPEN, T4), (GRANT, T4), (SAMPLES[MoveName.DELIVER], T4)), T4),
    "erased": (after(DELIVERED, (ERASE, T4)), T4),
    "erased in part": (after(DELIVERED, (replace(ERASE, digests=("x",)), T4)), T4),
    "ended without an applicant": (replace(STANDING[State.STOPPED], applicant=None), T4),
}


def decided(dossier: Dossier, viewer: Viewer) -> Decision:
    person = "pseudonym-1" if viewer.role is Role.CITIZEN else None
    return decide(viewer, dossier, subject=ID, person=person, lineage=("22-XD", "22"))


def sound(  # noqa: C901 - one case for each move
    name: MoveName, dossier: Dossier, decision: Decision, instant: datetime, setting: Setting
) -> Iterator[Move]:
    """Give inputs as this viewer may give them, some of which are good if any is."""
    standing = {assignment.number for assignment in dossier.assignments if assignment.stands}
    numbers = range(len(dossier.assignments) + 2)
    match name:
        case MoveName.ASSIGN:
            yield replace(TO_LEAD, due_at=instant + SECOND)
        case MoveName.RETURN:  # What is another's to give back, the action refuses.
            yield from (replace(BACK, assignment=n) for n in numbers if n in decision.standing or n not in standing)
        case MoveName.GIVE_OPINION:
            others = {assignment.number for assignment in dossier.coordinating()} - decision.standing
            yield from (replace(OPINION, assignment=n) for n in numbers if n not in others)
        case MoveName.COMPLETE_STEP:
            yield from (CompleteStep(step.code, "22-XD", "officer-1") for step in setting.procedure.steps)
        case MoveName.REQUEST_SUPPLEMENT:  # The lead asks, a head overrides: that too is the action's to tell.
            override = REF if Relation.HEAD in decision.relations else None
            items = (SupplementItem(component.code, REF) for component in setting.procedure.components)
            yield from (RequestSupplement((item,), override) for item in items)
        case MoveName.SUPPLY:
            wanted = dossier.supplements[-1].items if dossier.supplements else ()
            yield Supply(tuple(Document(item.component) for item in wanted))
        case MoveName.APOLOGISE:
            yield replace(SORRY, promised_due_at=instant + SECOND)
        case MoveName.CLEAR_BLOCKER:
            yield from (ClearBlocker(n) for n in range(len(dossier.blockers) + 2))
        case MoveName.ACKNOWLEDGE:  # What does not go to him the action refuses.
            yield from (Acknowledge(alert.number, "x", REF) for alert in dossier.alerts if goes_to(decision, dossier, alert))
        case MoveName.DECIDE:
            yield from (GRANT, replace(GRANT, waiver=REF))
        case _:
            yield SAMPLES[name]


UNSOUND: dict[MoveName, tuple[Move, ...]] = {
    MoveName.RECEIVE: (Receive(), Receive(("MAP",))),
    MoveName.ASSIGN: (replace(TO_LEAD, officer=None), replace(TO_LEAD, task=None), replace(TO_OTHER, due_at=T2)),
    MoveName.COMPLETE_STEP: (CompleteStep("SIGN", "22-XD", "officer-1"),),
    MoveName.REQUEST_SUPPLEMENT: (RequestSupplement(()), RequestSupplement((SupplementItem("MAP", REF),), REF)),
    MoveName.SUPPLY: (Supply(()), Supply((Document("MAP"),))),
    MoveName.RATE: (Rate(0), Rate(6)),
    MoveName.EXTEND: (Extend(0, REF), Extend(99, REF)),
    MoveName.REQUIRE_PAYMENT: (RequirePayment("STAMP"),),
}


def answer(dossier: Dossier, move: Move, instant: datetime, setting: Setting) -> str | None:
    try:
        moved(dossier, move, instant, setting)
    except (Refused, Invalid) as error:
        return error.code
    return None


def keeps_its_word(told: NextMove, dossier: Dossier, decision: Decision, instant: datetime, setting: Setting) -> None:
    """Check that what is allowed can be done, and that what is not is refused with the code that was told."""
    assert (told.code is None) is (told.message is None)
    assert (told.code == "NOT_YOUR_MOVE") is (told.name not in decision.moves)
    if told.code == "NOT_YOUR_MOVE":
        return
    answers = {answer(dossier, move, instant, setting) for move in sound(told.name, dossier, decision, instant, setting)}
    if told.code is None:
        assert None in answers, told
        return
    if told.code == "ALERT_CLOSED":
        assert answers <= {told.code}, told  # none, where no alert ever went to him
        return
    if told.code != "ONCE_PER_STAGE":  # told of a request that is complete
        answers |= {answer(dossier, move, instant, setting) for move in UNSOUND.get(told.name, ())}
    assert answers == {told.code}, told


def all_keep_their_word(dossier: Dossier, instant: datetime, setting: Setting) -> set[tuple[MoveName, str | None]]:
    seen = set()
    for viewer in VIEWERS.values():
        decision = decided(dossier, viewer)
        found = next_moves(dossier, decision, instant, setting)
        assert [told.name for told in found] == list(MOVES)
        for told in found:
            keeps_its_word(told, dossier, decision, instant, setting)
            seen.add((told.name, told.code))
    return seen


@pytest.mark.parametrize("setting", [SETTING, FREELY], ids=["ordered", "free"])
@pytest.mark.parametrize("case", CASES)
def test_what_is_told_is_what_is_answered(case: str, setting: Setting) -> None:
    all_keep_their_word(*CASES[case], setting)


@settings(print_blob=True, deadline=None)
@given(BEGINNINGS, WALKS)
def test_after_any_walk_what_is_told_is_what_is_answered(dossier: Dossier, walk: list[tuple[Move, int]]) -> None:
    now = max(T3, dossier.submitted_at)
    for move, minutes in walk:
        instant = now + timedelta(minutes=minutes)
        try:
            dossier, _ = moved(dossier, move, instant, SETTING)
        except (Refused, Invalid):
            continue
        now = max(now, instant)
    all_keep_their_word(dossier, now, SETTING)


def test_each_code_is_told_of_its_moves() -> None:
    told = {told for dossier, instant in CASES.values() for told in all_keep_their_word(dossier, instant, SETTING)}
    everywhere = {(name, code) for name in MOVES for code in (None, "STATE", "NOT_YOUR_MOVE")}
    assert told == everywhere - {(MoveName.ROTATE, "STATE"), (MoveName.ACKNOWLEDGE, "STATE")} | {
        (MoveName.ACKNOWLEDGE, "ALERT_CLOSED"),
        (MoveName.COMPLETE_STEP, "STEP_ORDER"),
        (MoveName.REQUEST_SUPPLEMENT, "AFTER_DUE"),
        (MoveName.REQUEST_SUPPLEMENT, "ONCE_PER_STAGE"),
        (MoveName.DECIDE, "OPINION_MISSING"),
        (MoveName.RATE, "ALREADY_RATED"),
        (MoveName.EXTEND, "AFTER_DUE"),
        (MoveName.EXTEND, "EXTENSION_LIMIT"),
        (MoveName.APOLOGISE, "ALREADY_APOLOGISED"),
        (MoveName.REQUIRE_PAYMENT, "UNKNOWN_FEE"),
        (MoveName.CLEAR_BLOCKER, "UNKNOWN_BLOCKER"),
        (MoveName.RETURN, "UNKNOWN_ASSIGNMENT"),
        (MoveName.GIVE_OPINION, "UNKNOWN_ASSIGNMENT"),
        (MoveName.REOPEN, "ERASED"),
        (MoveName.ERASE, "ERASED"),
        (MoveName.ERASE, "NO_APPLICANT"),
    }


@pytest.mark.parametrize("who", VIEWERS)
@pytest.mark.parametrize("state", State)
def test_where_no_guard_speaks_the_table_does(state: State, who: str) -> None:
    dossier = STANDING[state]
    decision = decided(dossier, VIEWERS[who])
    own = {MoveName.ASSIGN, MoveName.STOP, MoveName.REOPEN, MoveName.EXTEND, MoveName.APOLOGISE, MoveName.ERASE}
    own = own if who == "head and lead" and dossier.assignments else set()
    mine = {name for name, rule in MOVES.items() if rule.makers & decision.relations} - own - {MoveName.CLEAR_BLOCKER, MoveName.ACKNOWLEDGE}
    allowed = {name for name in mine if state in MOVES[name].allowed_from}
    found = {told.name: told.code for told in next_moves(dossier, decision, T4, SETTING)}
    assert {name for name, code in found.items() if code is None} == allowed
    assert {name for name, code in found.items() if code == "STATE"} - {MoveName.CLEAR_BLOCKER} == mine - allowed


def codes(dossier: Dossier, who: str, instant: datetime = T4) -> dict[MoveName, str | None]:
    return {told.name: told.code for told in next_moves(dossier, decided(dossier, VIEWERS[who]), instant, SETTING)}


def test_the_lead_asks_once_and_the_head_may_again() -> None:
    asked, instant = CASES["asked before"]
    assert codes(asked, "lead", instant)[MoveName.REQUEST_SUPPLEMENT] == "ONCE_PER_STAGE"
    assert codes(asked, "head", instant)[MoveName.REQUEST_SUPPLEMENT] is None
    assert codes(ANSWERED, "lead")[MoveName.REQUEST_SUPPLEMENT] is None


def test_a_lead_who_gave_back_does_nothing_and_the_head_goes_on() -> None:
    assert set(codes(LEFT, "lead").values()) == {"NOT_YOUR_MOVE"}
    head = codes(LEFT, "head")
    assert {name for name, code in head.items() if code is None} == {
        MoveName.ASSIGN, MoveName.REQUEST_SUPPLEMENT, MoveName.DECIDE, MoveName.STOP, MoveName.EXTEND, MoveName.APOLOGISE,
        MoveName.RAISE_BLOCKER,
    }  # fmt: skip


def test_an_officer_gives_back_and_answers_what_is_his() -> None:
    other = replace(TO_OTHER, unit="22-TC")
    dossier = after(ANSWERED, (replace(BACK, assignment=2), T2), (other, T3))
    for who, back, opinion in (
        ("lead", None, "NOT_YOUR_MOVE"),
        ("lead of both units", None, "NOT_YOUR_MOVE"),
        ("stranger", None, None),  # He is of the unit that coordinates now.
    ):
        found = codes(dossier, who)
        assert (found[MoveName.RETURN], found[MoveName.GIVE_OPINION]) == (back, opinion), who


def test_messages_name_the_move_and_the_state() -> None:
    found = {told.name: told.message for told in next_moves(STANDING[State.SUBMITTED], decided(ANSWERED, VIEWERS["head"]), T4, SETTING)}
    assert found[MoveName.STOP] == "stopDossier is not allowed in state SUBMITTED"
    assert found[MoveName.RATE] == "rateDossier is not for you here"


@pytest.mark.parametrize("setting", [
    Setting(replace(VERSION, steps=()), Calendar()),
    Setting(replace(FREELY.procedure, steps=()), Calendar()),
    Setting(replace(VERSION, components=()), Calendar()),
], ids=["no steps", "no free steps", "no components"])  # fmt: skip
def test_what_the_version_has_none_of_is_not_offered(setting: Setting) -> None:
    all_keep_their_word(ANSWERED, T4, setting)


def test_of_an_import_the_date_of_its_log_counts() -> None:
    setting = Setting(IMPORTED, Calendar())
    all_keep_their_word(TAKEN, T4, setting)
    all_keep_their_word(TAKEN, OVERDUE, setting)
