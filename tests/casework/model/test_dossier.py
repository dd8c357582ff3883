"""The lifecycle: the table of moves cell by cell, what holds after any walk, what an import may do, and the next alert."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise, product
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casework.model.alert import AlertLevel
from casework.model.course import clock_of
from casework.model.dossier import MOVES, moved, permitted, timed
from casework.model.errors import Invalid, Refused
from casework.model.intervals import MOST_OF_A_KIND
from casework.model.moves import (
    NAMES,
    Assign,
    Barred,
    CompleteStep,
    Decide,
    Deliver,
    GiveOpinion,
    Move,
    MoveName,
    Rate,
    Rotate,
    Setting,
)
from casework.model.parties import Relation
from casework.model.raising import next_alert
from casework.model.record import Dossier, HolderKind, Imported, IntervalKind, Medium, Outcome, State, Step, Supplement, flattened, restored
from casework.model.workdays import Calendar, Override, OverrideKind
from tests.casework.model.cases import (
    ANSWERED,
    ASK,
    ASKED,
    BACK,
    BACKWARDS,
    BLOCK,
    COORDINATED,
    COORDINATING,
    DAY,
    DECIDED,
    DELIVERED,
    DUE,
    ENDED,
    FREELY,
    GIVE,
    GRANT,
    IMPORTING,
    LEAD,
    LED,
    LEFT,
    OPINION,
    RECEIVE,
    RECEIVED,
    REF,
    REFUSE,
    REOPEN,
    SAMPLES,
    SECOND,
    SETTING,
    STANDING,
    START,
    STEP,
    STOP,
    SUBMITTED,
    T1,
    T2,
    T3,
    T4,
    TAKEN,
    TO_LEAD,
    TO_OTHER,
    VERSION,
    WITHDRAW,
    after,
    at,
    fault,
    levels_of,
    noticed,
    refusal,
    warned,
)

WORKED = (State.IN_PROCESS, State.AWAITING_SUPPLEMENT, State.AWAITING_PAYMENT)
TAKEN_IN = (State.RECEIVED, *WORKED)
LATE = {MoveName.COMPLETE_STEP, MoveName.GIVE_OPINION}
_R = Relation

# Each move: the states it is allowed from, in the order of the status list; the action; who makes it.
LIFECYCLE: dict[MoveName, tuple[tuple[State, ...], str, set[Relation]]] = {
    MoveName.RECEIVE: ((State.SUBMITTED,), "RECEIVED", {_R.RECEPTION, _R.IMPORT}),
    MoveName.REFUSE: ((State.SUBMITTED,), "REFUSED", {_R.RECEPTION}),
    MoveName.ASSIGN: (TAKEN_IN, "ASSIGNED", {_R.HEAD, _R.IMPORT}),
    MoveName.RETURN: (WORKED, "ASSIGNMENT_RETURNED", {_R.LEAD, _R.COORDINATING}),
    MoveName.COMPLETE_STEP: ((State.IN_PROCESS,), "STEP_COMPLETED", {_R.LEAD, _R.IMPORT}),
    MoveName.GIVE_OPINION: (WORKED, "OPINION_GIVEN", {_R.COORDINATING, _R.IMPORT}),
    # A head of unit asks with an override, which is a guard of the action.
    MoveName.REQUEST_SUPPLEMENT: ((State.IN_PROCESS,), "SUPPLEMENT_REQUESTED", {_R.LEAD, _R.HEAD, _R.IMPORT}),
    MoveName.SUPPLY: ((State.AWAITING_SUPPLEMENT,), "DOCUMENTS_SUPPLIED", {_R.APPLICANT, _R.RECEPTION, _R.IMPORT}),
    MoveName.DECIDE: ((State.IN_PROCESS,), "DECIDED", {_R.LEAD, _R.HEAD, _R.IMPORT}),
    MoveName.DELIVER: ((State.DECIDED,), "DELIVERED", {_R.DELIVERY}),
    MoveName.WITHDRAW: ((State.SUBMITTED, *TAKEN_IN), "WITHDRAWN", {_R.APPLICANT, _R.RECEPTION}),
    MoveName.STOP: (TAKEN_IN, "STOPPED", {_R.HEAD}),
    MoveName.REOPEN: ((State.DECIDED, State.DELIVERED), "REOPENED", {_R.HEAD}),
    MoveName.RATE: ((State.DELIVERED,), "RATED", {_R.APPLICANT}),
    MoveName.EXTEND: ((State.IN_PROCESS,), "DEADLINE_EXTENDED", {_R.HEAD}),
    MoveName.APOLOGISE: (TAKEN_IN, "APOLOGISED", {_R.HEAD}),
    MoveName.REQUIRE_PAYMENT: ((State.IN_PROCESS,), "PAYMENT_REQUIRED", {_R.LEAD}),
    MoveName.RECORD_PAYMENT: ((State.AWAITING_PAYMENT,), "PAYMENT_RECORDED", {_R.RECEPTION}),
    MoveName.RAISE_BLOCKER: (TAKEN_IN, "BLOCKER_RAISED", {_R.HEAD, _R.SUPERVISOR}),
    MoveName.CLEAR_BLOCKER: (TAKEN_IN, "BLOCKER_CLEARED", {_R.HEAD, _R.SUPERVISOR}),
    MoveName.ACKNOWLEDGE: (tuple(State), "ALERT_ACKNOWLEDGED", {_R.LEAD, _R.COORDINATING, _R.HEAD, _R.RECEPTION, _R.SUPERVISOR}),
    MoveName.ROTATE: (tuple(State), "SECRET_ROTATED", {_R.APPLICANT, _R.RECEPTION}),
    MoveName.ERASE: (
        (State.REFUSED, State.WITHDRAWN, State.STOPPED, State.DELIVERED),
        "APPLICANT_ERASED",
        {_R.HEAD, _R.SUPERVISOR},
    ),
}
LEADS_TO: dict[tuple[State, MoveName], State] = {
    (State.SUBMITTED, MoveName.RECEIVE): State.RECEIVED,
    (State.SUBMITTED, MoveName.REFUSE): State.REFUSED,
    (State.RECEIVED, MoveName.ASSIGN): State.IN_PROCESS,
    (State.IN_PROCESS, MoveName.REQUEST_SUPPLEMENT): State.AWAITING_SUPPLEMENT,
    (State.AWAITING_SUPPLEMENT, MoveName.SUPPLY): State.IN_PROCESS,
    (State.IN_PROCESS, MoveName.REQUIRE_PAYMENT): State.AWAITING_PAYMENT,
    (State.AWAITING_PAYMENT, MoveName.RECORD_PAYMENT): State.IN_PROCESS,
    (State.IN_PROCESS, MoveName.DECIDE): State.DECIDED,
    (State.DECIDED, MoveName.DELIVER): State.DELIVERED,
    **{(state, MoveName.WITHDRAW): State.WITHDRAWN for state in (State.SUBMITTED, *TAKEN_IN)},
    **{(state, MoveName.STOP): State.STOPPED for state in TAKEN_IN},
    **{(state, MoveName.REOPEN): State.IN_PROCESS for state in (State.DECIDED, State.DELIVERED)},
}


# The table.


def test_every_move_but_the_first_stands_in_the_table() -> None:
    assert set(MOVES) == set(MoveName) - {MoveName.SUBMIT} == set(LIFECYCLE) == set(SAMPLES)
    assert set(NAMES) == set(get_args(Move))
    assert sorted(NAMES.values()) == sorted(MOVES)


@pytest.mark.parametrize(("state", "name"), list(product(State, LIFECYCLE)))
def test_a_move_is_made_or_refused_as_the_table_says(state: State, name: MoveName) -> None:
    allowed, action, _ = LIFECYCLE[name]
    dossier = STANDING[state]
    if state in allowed:
        dossier = after(dossier, (BLOCK, T3)) if name is MoveName.CLEAR_BLOCKER else dossier
        dossier = warned(dossier) if name is MoveName.ACKNOWLEDGE else dossier
        found, said = moved(dossier, SAMPLES[name], T4, SETTING)
        assert said == action
        assert found.state is LEADS_TO.get((state, name), state)
        permitted(dossier, name, T4, SETTING)
    else:
        error = refusal(dossier, SAMPLES[name])
        assert (error.code, error.state, error.allowed_from) == ("STATE", state, allowed)
        with pytest.raises(Barred) as barred:
            permitted(dossier, name, T4, SETTING)
        assert (barred.value.code, barred.value.message) == (error.code, error.message)


@pytest.mark.parametrize(("relation", "name"), list(product(Relation, LIFECYCLE)))
def test_a_move_has_its_makers(relation: Relation, name: MoveName) -> None:
    assert (relation in MOVES[name].makers) is (relation in LIFECYCLE[name][2])


# Time.


@pytest.mark.parametrize(("dossier", "move"), [
    (LED, ASK),
    (LED, GRANT),
    (LED, STOP),
    (LED, WITHDRAW),
    (RECEIVED, TO_LEAD),
    (ASKED, GIVE),
    (ASKED, STOP),
    (ASKED, WITHDRAW),
    (LEFT, TO_LEAD),
    (LEFT, GRANT),
])  # fmt: skip
def test_no_move_edits_a_past_interval(dossier: Dossier, move: Move) -> None:
    last = dossier.intervals[-1].from_at
    assert fault(dossier, move, last - SECOND) == BACKWARDS
    assert len(after(dossier, (move, last)).intervals) >= len(dossier.intervals)


@pytest.mark.parametrize(("what", "dossier", "move"), [
    ("assignments", replace(LED, assignments=LED.assignments * MOST_OF_A_KIND), TO_OTHER),
    ("steps", replace(LED, steps=(Step(1, "DRAFT", T1, "22-XD", "officer-1"),) * MOST_OF_A_KIND), STEP),
    ("opinions", replace(ANSWERED, opinions=ANSWERED.opinions * MOST_OF_A_KIND), OPINION),
    ("supplements", replace(LED, supplements=(Supplement(1, "OLD", T1, ()),) * MOST_OF_A_KIND), ASK),
])  # fmt: skip
def test_a_dossier_holds_a_bounded_number_of_each_kind(what: str, dossier: Dossier, move: Move) -> None:
    with pytest.raises(Invalid, match=f"at most 500 {what}") as caught:
        moved(dossier, move, T4, SETTING)
    assert caught.value.code == "TOO_MANY"


def test_a_clock_starts_at_receipt() -> None:
    assert timed(SUBMITTED, T1, SETTING) is SUBMITTED
    with pytest.raises(Invalid, match="starts when the dossier is received") as caught:
        clock_of(SUBMITTED, SETTING)
    assert caught.value.code == "NOT_RECEIVED"


def test_an_amended_calendar_moves_the_due_date_and_not_the_promise() -> None:
    off = Override(date(2025, 2, 5), OverrideKind.OFF, None, "1/QD", date(2025, 1, 25))
    found = timed(LED, T1, Setting(VERSION, Calendar((off,), version=2)))
    assert found.due_at == at("2025-02-11T17:00")
    assert (found.original_due_at, found.promised_due_at) == (DUE, DUE)
    assert (found.calendar_version, found.arming) == (2, 2)


# Imports.


def test_an_import_keeps_the_due_date_of_its_log() -> None:
    assert (TAKEN.due_at, TAKEN.original_due_at, TAKEN.promised_due_at) == (DUE, DUE, DUE)


@pytest.mark.parametrize("move", [STEP, GiveOpinion("22-MT", "officer-2", subject="T07-1")])
def test_what_a_log_holds_after_the_end_is_recorded_and_changes_nothing_else(move: Move) -> None:
    found, action = moved(ENDED, move, T4, IMPORTING)
    assert action == "STEP_RECORDED_AFTER_DECISION"
    assert replace(found, steps=(), opinions=()) == ENDED
    assert [step.after_decision for step in found.steps] + [opinion.after_decision for opinion in found.opinions] == [True]


@pytest.mark.parametrize("move", [STEP, OPINION])
def test_people_record_nothing_after_the_end(move: Move) -> None:
    assert refusal(DECIDED, move).code == "STATE"


@pytest.mark.parametrize("name", [n for n in MOVES if _R.IMPORT in MOVES[n].makers and n not in LATE])
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
    late = Assign(COORDINATING, "22-MT", due_at=DUE + DAY)
    found = after(TAKEN, (late, T1), (Decide(Outcome.OTHER), T2), setting=IMPORTING)
    assert (found.state, found.opinions) == (State.DECIDED, ())


# The next alert.


def test_the_next_alert_is_the_first_not_yet_raised() -> None:
    assert next_alert(LED, SETTING) == (AlertLevel.AT_RISK, at("2025-02-06T07:30"))
    assert next_alert(noticed(LED, AlertLevel.AT_RISK), SETTING) == (AlertLevel.DUE_TODAY, at("2025-02-10T07:30"))
    assert next_alert(noticed(LED, *AlertLevel), SETTING) is None


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
TEXT = st.sampled_from([None, REF])
HANDLING: st.SearchStrategy[Move] = st.one_of(
    st.just(RECEIVE),
    OFFICERS.map(lambda officer: replace(TO_LEAD, officer=officer, due_at=DUE + 60 * DAY)),
    OFFICERS.map(lambda officer: replace(TO_LEAD, officer=officer)),
    st.just(TO_OTHER),
    st.integers(1, 5).map(lambda number: replace(BACK, assignment=number)),
    st.sampled_from(["CHECK", "SITE", "DRAFT", "SIGN"]).map(lambda code: CompleteStep(code, "22-XD", "officer-1")),
    st.integers(1, 4).map(lambda number: replace(OPINION, assignment=number)),
    TEXT.map(lambda override: replace(ASK, override=override)),
    st.just(GIVE),
    TEXT.map(lambda waiver: replace(GRANT, waiver=waiver)),
)
ENDING: st.SearchStrategy[Move] = st.one_of(
    st.sampled_from([REFUSE, WITHDRAW, STOP, REOPEN]),
    st.sampled_from(Medium).map(Deliver),
    st.integers(0, 6).map(Rate),
    st.integers(1, 3).map(Rotate),
)
MINUTES = st.integers(-600, 60 * 24 * 3)
WALKS = st.lists(st.tuples(st.one_of(HANDLING, HANDLING, ENDING), MINUTES), max_size=25)
# One that comes a long way, so that what follows it is walked too.
BEGINNINGS = st.sampled_from([SUBMITTED, RECEIVED, LED, COORDINATED, ANSWERED, ASKED, LEFT, DECIDED, DELIVERED])
UNDECIDED = {State.REFUSED, State.WITHDRAWN, State.STOPPED}
SETTLED = {State.DECIDED, State.DELIVERED}


def holds(dossier: Dossier) -> None:
    """Check what holds of every dossier, whatever was done to it."""
    assert restored(flattened(dossier)) == dossier
    assert (dossier.decided_at is not None) is (dossier.outcome is not None) is (dossier.state in SETTLED)
    assert (dossier.result is not None) is (dossier.state is State.DELIVERED)
    assert (dossier.ended_at is not None) is (dossier.state in UNDECIDED)
    clock_holds(dossier)
    leads_hold(dossier)


def clock_holds(dossier: Dossier) -> None:
    """Check that the intervals of each clock tile it from its start to its end."""
    tiles = dossier.intervals
    assert [tile.number for tile in tiles] == list(range(1, len(tiles) + 1))
    assert [kept.number for kept in dossier.reopenings] == list(range(1, len(dossier.reopenings) + 1))
    assert all(tile.to_at is None or tile.from_at <= tile.to_at for tile in tiles)
    assert bool(tiles) is (dossier.received_at is not None)
    dates = (dossier.due_at, dossier.original_due_at, dossier.promised_due_at, dossier.calendar_version)
    assert [date is None for date in dates] == [not tiles] * len(dates)
    if not tiles:
        return
    starts = [dossier.received_at, *(kept.at for kept in dossier.reopenings)]
    ends = [*(kept.decided_at for kept in dossier.reopenings), dossier.decided_at or dossier.ended_at]
    cuts = [0, *(kept.last_interval for kept in dossier.reopenings), len(tiles)]
    for (begun, ended), start, end in zip(pairwise(cuts), starts, ends, strict=True):
        clock = tiles[begun:ended]
        assert all(one.to_at == following.from_at for one, following in pairwise(clock))
        assert clock[0].from_at == start
        assert clock[-1].to_at == (None if end is None else max(end, clock[-1].from_at))
    assert dossier.started_at == starts[-1]
    assert dossier.current == tiles[cuts[-2] :]
    if dossier.open:
        assert (tiles[-1].kind is IntervalKind.PAUSED) is (dossier.state is State.AWAITING_SUPPLEMENT)


def leads_hold(dossier: Dossier) -> None:
    """Check that one leads while the dossier is handled, none else, and that whoever acts on it holds it."""
    leads = [a for a in dossier.assignments if a.role is LEAD]
    assert len([a for a in leads if a.ended_at is None]) == (dossier.state in WORKED)
    assert bool(leads) is any(tile.cause != "RECEIVED" for tile in dossier.intervals)
    again = {kept.at for kept in dossier.reopenings}
    assert all(one.ended_at == following.assigned_at or following.assigned_at in again for one, following in pairwise(leads))
    assert [a.number for a in dossier.assignments] == list(range(1, len(dossier.assignments) + 1))
    assert all(a.ended_at is None or a.assigned_at <= a.ended_at for a in dossier.assignments)
    assert all(a.returned_at is None or a.assigned_at <= a.returned_at for a in dossier.assignments)
    assert dossier.open or not any(a.stands for a in dossier.assignments)
    if dossier.open and dossier.intervals and dossier.intervals[-1].kind is IntervalKind.RUNNING:
        last, lead = dossier.intervals[-1], dossier.lead
        acts = lead.officer if lead and lead.stands else None
        assert (last.holder, last.officer) == (HolderKind.OFFICER if acts else HolderKind.UNIT, acts)


def past_is_kept(before: Dossier, found: Dossier) -> None:
    """Check that what was done stays: only the last interval gets an end, an assignment its return or end, a supplement its answer."""
    kept = len(before.intervals)
    for past, now in zip(before.intervals, found.intervals[:kept], strict=True):
        assert now == (past if past.to_at else replace(past, to_at=now.to_at))
    assert found.steps[: len(before.steps)] == before.steps
    assert found.opinions[: len(before.opinions)] == before.opinions
    assert found.reopenings[: len(before.reopenings)] == before.reopenings
    assert before.rating in {None, found.rating}
    for old, new in zip(before.assignments, found.assignments, strict=False):
        back = (old.returned_at, old.return_reason) if old.returned_at else (new.returned_at, new.return_reason)
        assert new == (old if old.ended_at else replace(old, ended_at=new.ended_at, returned_at=back[0], return_reason=back[1]))
    for asked, answer in zip(before.supplements, found.supplements, strict=False):
        assert answer == (asked if asked.supplied_at else replace(asked, supplied_at=answer.supplied_at, documents=answer.documents))
    if before.received_at:
        assert found.received_at == before.received_at
        clock_is_kept(before, found)


def clock_is_kept(before: Dossier, found: Dossier) -> None:
    """Check that no promise moves, that each change of the due date is an arming, and that an ended clock stands."""
    if len(found.reopenings) > len(before.reopenings):
        old = found.reopenings[-1]
        assert (old.due_at, old.original_due_at, old.promised_due_at) == (before.due_at, before.original_due_at, before.promised_due_at)
        assert (found.original_due_at, found.promised_due_at) == (found.due_at, found.due_at)
        assert (found.arming, levels_of(found)) == (before.arming + 1, ())
        return
    assert (found.original_due_at, found.promised_due_at) == (before.original_due_at, before.promised_due_at)
    assert found.arming == before.arming + (found.due_at != before.due_at)
    if not before.open:
        assert (found.due_at, found.intervals) == (before.due_at, before.intervals)


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
@given(st.lists(st.tuples(HANDLING, MINUTES), max_size=25))
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
