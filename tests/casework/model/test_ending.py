"""The moves that end a dossier, hand out its result or open it again, each with its guards and what it does to the clock."""

from dataclasses import replace
from datetime import datetime

import pytest

from casework.model.alert import AlertLevel
from casework.model.course import clock_of
from casework.model.moves import Assign, Decide, Deliver, Move, Rate, Rotate, Setting
from casework.model.procedure import Channel
from casework.model.raising import next_alert
from casework.model.record import (
    Dossier,
    HolderKind,
    Interval,
    IntervalKind,
    Medium,
    Outcome,
    Rating,
    Reopening,
    Result,
    State,
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
    COORDINATED,
    COORDINATING,
    DAY,
    DECIDED,
    DELIVER,
    DELIVERED,
    DUE,
    ENDED,
    GIVE,
    GRANT,
    HOUR,
    IMPORTED,
    IMPORTING,
    LEAD,
    LED,
    LEFT,
    OPINION,
    OTHER,
    RATE,
    RECEIVED,
    REF,
    REFUSE,
    REOPEN,
    ROTATE,
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
    T5,
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
)

AGAIN = at("2025-02-05T09:00")
DUE_AGAIN = at("2025-02-19T17:00")
REOPENED = after(DELIVERED, (REOPEN, AGAIN))


# Refuse.


def test_a_refusal_gives_reason_and_legal_basis() -> None:
    found = after(SUBMITTED, (REFUSE, T1))
    assert found == replace(SUBMITTED, state=State.REFUSED, ended_at=T1, end_reason=REF, end_basis=OTHER)
    assert (found.open, found.intervals, found.due_at) == (False, (), None)
    assert restored(flattened(found)) == found


def test_what_came_online_is_not_refused_before_it_came() -> None:
    early = START - SECOND
    assert fault(SUBMITTED, REFUSE, early) == BACKWARDS
    assert after(replace(SUBMITTED, channel=Channel.COUNTER), (REFUSE, early)).ended_at == early


# Decide.


def test_deciding_stops_clock_and_assignments() -> None:
    found = after(ANSWERED, (replace(GRANT, waiver=REF), T3))
    assert (found.decided_at, found.outcome, found.decision_reason, found.waiver) == (T3, Outcome.GRANTED, REF, REF)
    assert found.intervals[-1].to_at == T3
    assert [a.ended_at for a in found.assignments] == [T3, T3]
    assert (found.lead, found.open, found.flags, found.ended_at) == (None, False, (), None)


def test_an_opinion_is_waited_for_until_it_is_overdue_and_waived() -> None:
    due = TO_OTHER.due_at
    assert due
    waived = replace(GRANT, waiver=REF)
    for move, instant in ((GRANT, T4), (waived, due), (GRANT, due + SECOND)):
        assert refusal(COORDINATED, move, instant).code == "OPINION_MISSING"
    assert after(COORDINATED, (waived, due + SECOND)).state is State.DECIDED


def test_an_opinion_without_a_due_date_is_overdue_with_the_dossier() -> None:
    loose = Setting(replace(VERSION, clarity_coordinating=()), Calendar())
    found = after(LED, (Assign(COORDINATING, "22-MT"), T1), setting=loose)
    waived = replace(GRANT, waiver=REF)
    assert refusal(found, waived, DUE, loose).code == "OPINION_MISSING"
    assert after(found, (waived, DUE + SECOND), setting=loose).state is State.DECIDED


def test_each_coordinating_unit_answers_for_itself() -> None:
    two = after(ANSWERED, (replace(TO_OTHER, unit="22-TC"), T2))
    assert "22-TC" in refusal(two, GRANT).message
    assert after(two, (replace(OPINION, unit="22-TC", assignment=3), T3), (GRANT, T3)).state is State.DECIDED


def test_a_head_decides_what_its_lead_gave_back() -> None:
    found = after(LEFT, (GRANT, T3))
    assert (found.state, found.intervals[-1].to_at, found.intervals[-1].holder) == (State.DECIDED, T3, HolderKind.UNIT)
    assert found.assignments[0].ended_at == T3


def test_the_date_in_force_at_the_decision_is_that_of_the_calendar_then() -> None:
    found = after(ANSWERED, (GRANT, T3), setting=AMENDED)
    assert (found.due_at, found.calendar_version, found.promised_due_at) == (at("2025-02-11T17:00"), 2, DUE)


# Deliver.


def test_a_result_is_dated_apart_from_the_decision() -> None:
    found = after(DECIDED, (Deliver(Medium.ELECTRONIC, OTHER), T4))
    assert found == replace(DECIDED, state=State.DELIVERED, result=Result(Medium.ELECTRONIC, T4, OTHER))
    assert found.intervals[-1].to_at == found.decided_at == T2
    assert restored(flattened(found)) == found
    assert after(DECIDED, (Deliver(Medium.PAPER), T2)).result == Result(Medium.PAPER, T2)


def test_no_result_is_handed_out_before_the_decision() -> None:
    assert fault(DECIDED, DELIVER, T2 - SECOND) == BACKWARDS


# Withdraw and stop.


@pytest.mark.parametrize(("move", "state"), [(WITHDRAW, State.WITHDRAWN), (STOP, State.STOPPED)])
@pytest.mark.parametrize("dossier", [RECEIVED, ANSWERED, ASKED, LEFT, REOPENED], ids=["received", "led", "asked", "left", "reopened"])
def test_an_end_without_a_decision_closes_clock_and_assignments(dossier: Dossier, move: Move, state: State) -> None:
    end = max(T4, dossier.intervals[-1].from_at + HOUR)
    found = after(dossier, (move, end))
    assert (found.state, found.ended_at, found.end_reason, found.open) == (state, end, REF, False)
    assert found.end_basis == (OTHER if move is STOP else None)
    assert found.intervals == (*dossier.intervals[:-1], replace(dossier.intervals[-1], to_at=end))
    assert [a.ended_at for a in found.assignments] == [a.ended_at or end for a in dossier.assignments]
    assert (found.lead, found.decided_at, found.outcome, found.promised_due_at) == (None, None, None, dossier.promised_due_at)
    assert next_alert(found, SETTING) is None
    assert restored(flattened(found)) == found


def test_a_dossier_is_withdrawn_before_it_is_received_too() -> None:
    found = after(SUBMITTED, (replace(WITHDRAW, reason=None), T1))
    assert found == replace(SUBMITTED, state=State.WITHDRAWN, ended_at=T1)


def test_what_came_online_is_not_withdrawn_before_it_came() -> None:
    early = START - SECOND
    assert fault(SUBMITTED, WITHDRAW, early) == BACKWARDS
    assert after(replace(SUBMITTED, channel=Channel.POST), (WITHDRAW, early)).ended_at == early


@pytest.mark.parametrize("move", [WITHDRAW, STOP])
@pytest.mark.parametrize("before", [TO_LEAD, BACK], ids=["named", "gave back"])
def test_no_dossier_ends_before_its_lead_was_named_or_gave_back(before: Move, move: Move) -> None:
    found = after(ASKED, (before, T4))
    assert fault(found, move, T4 - SECOND) == BACKWARDS
    assert after(found, (move, T4)).ended_at == T4


def test_the_end_in_a_pause_is_no_resume() -> None:
    found = after(ASKED, (WITHDRAW, T2 + 2 * DAY))
    assert (found.intervals[-1].kind, found.intervals[-1].to_at) == (IntervalKind.PAUSED, T2 + 2 * DAY)
    assert found.supplements[-1].supplied_at is None
    assert clock_of(found, SETTING).paused
    assert (found.due_at, found.arming) == (ASKED.due_at, ASKED.arming), "the date stands as it stood when the pause began"


# After the end.


@pytest.mark.parametrize(("dossier", "move"), [
    (DECIDED, DELIVER),
    (DELIVERED, RATE),
    *((dossier, ROTATE) for dossier in STANDING.values() if not dossier.open),
])  # fmt: skip
def test_a_calendar_amended_after_the_end_moves_no_date(dossier: Dossier, move: Move) -> None:
    found = after(dossier, (move, T5), setting=AMENDED)
    for name in ("due_at", "original_due_at", "promised_due_at", "calendar_version", "arming", "alerts", "intervals", "assignments"):
        assert getattr(found, name) == getattr(dossier, name), name
    if dossier.received_at:
        assert clock_of(dossier, AMENDED).due_at != dossier.due_at


# Reopen.


def test_what_a_dossier_had_come_to_is_kept() -> None:
    waived = after(ANSWERED, (replace(GRANT, waiver=OTHER), T2), (DELIVER, T3))
    found = after(waived, (REOPEN, AGAIN))
    assert found.reopenings == (
        Reopening(1, AGAIN, REF, START, 2, T2, Outcome.GRANTED, DUE, DUE, DUE, REF, OTHER, Result(Medium.PAPER, T3, REF), 1),
    )
    assert (found.state, found.open) == (State.IN_PROCESS, True)
    assert (found.decided_at, found.outcome, found.decision_reason, found.waiver, found.result) == (None,) * 5
    assert after(DECIDED, (REOPEN, AGAIN)).reopenings[0].result is None
    assert restored(flattened(found)) == found


def test_the_dates_of_the_old_clock_are_kept_as_they_had_become() -> None:
    moved_on = after(ASKED, (GIVE, T2 + 2 * DAY), (GRANT, T2 + 3 * DAY))
    (kept,) = after(moved_on, (REOPEN, AGAIN)).reopenings
    assert (kept.due_at, kept.original_due_at, kept.promised_due_at) == (at("2025-02-12T17:00"), DUE, DUE)
    assert (kept.started_at, kept.decided_at, kept.last_interval) == (START, T2 + 3 * DAY, 4)


def test_a_new_clock_starts_where_the_old_one_is_left_alone() -> None:
    *old, first = REOPENED.intervals
    assert tuple(old) == DELIVERED.intervals
    assert first == Interval(3, IntervalKind.RUNNING, "REOPENED", HolderKind.OFFICER, AGAIN, "22-XD", "officer-1")
    assert (REOPENED.started_at, REOPENED.received_at, REOPENED.current) == (AGAIN, START, (first,))
    assert REOPENED.due_at == REOPENED.original_due_at == REOPENED.promised_due_at == DUE_AGAIN
    assert clock_of(REOPENED, SETTING).received_at == AGAIN


def test_a_pause_of_the_old_clock_moves_no_date_of_the_new_one() -> None:
    paused = after(ASKED, (GIVE, T2 + 2 * DAY), (GRANT, T2 + 3 * DAY), (REOPEN, AGAIN))
    assert paused.due_at == DUE_AGAIN
    asked = after(paused, (replace(ASK, override=REF), AGAIN + DAY), (GIVE, AGAIN + 6 * DAY))
    assert (asked.due_at, asked.promised_due_at) == (at("2025-02-24T17:00"), DUE_AGAIN)
    assert clock_of(asked, SETTING).course.pauses[0].from_at == AGAIN + DAY
    assert asked.intervals[: len(paused.intervals) - 1] == paused.intervals[:-1]


@pytest.mark.parametrize(("instant", "setting", "due"), [
    (at("2025-02-05T15:00"), SETTING, DUE_AGAIN),
    (at("2025-02-05T15:01"), SETTING, at("2025-02-20T17:00")),
    (AGAIN, AMENDED, at("2025-02-21T17:00")),
], ids=["at the cut-off", "after it", "amended calendar"])  # fmt: skip
def test_the_new_clock_counts_by_the_same_rules(instant: datetime, setting: Setting, due: datetime) -> None:
    found = after(DELIVERED, (REOPEN, instant), setting=setting)
    assert (found.due_at, found.promised_due_at, found.calendar_version) == (due, due, setting.calendar.version)
    assert (found.lead and found.lead.due_at, found.reopenings[0].due_at) == (due, DUE)


def test_alerts_come_from_the_new_clock() -> None:
    raised = noticed(replace(DELIVERED, arming=3), *AlertLevel)
    found = after(raised, (REOPEN, AGAIN))
    assert (found.arming, levels_of(found)) == (4, ())
    assert next_alert(found, SETTING) == (AlertLevel.AT_RISK, at("2025-02-17T07:30"))


def test_a_new_clock_is_a_new_arming_though_it_ends_on_the_same_day() -> None:
    found = after(DECIDED, (REOPEN, T2))
    assert (found.due_at, found.arming, levels_of(found)) == (DECIDED.due_at, DECIDED.arming + 1, ())


def test_whoever_led_it_leads_it_again() -> None:
    former = ANSWERED.assignments[0]
    assert REOPENED.assignments[:2] == DELIVERED.assignments
    assert REOPENED.lead == replace(former, number=3, assigned_at=AGAIN, due_at=DUE_AGAIN)
    assert [a.number for a in REOPENED.assignments if a.role is LEAD and a.ended_at is None] == [3]
    assert REOPENED.coordinating() == ()


def test_the_last_of_several_leads_leads_again() -> None:
    found = after(ANSWERED, (replace(TO_LEAD, officer="officer-9"), T2), (TO_OTHER, T2), (replace(OPINION, assignment=4), T2))
    found = after(found, (GRANT, T3), (REOPEN, AGAIN))
    assert found.lead
    assert (found.lead.number, found.lead.officer) == (5, "officer-9")


@pytest.mark.parametrize(("dossier", "move", "bounces"), [(LEFT, REOPEN, 1), (ANSWERED, replace(REOPEN, gone=True), 0)])
def test_a_lead_who_had_given_back_or_is_gone_leads_in_name_alone(dossier: Dossier, move: Move, bounces: int) -> None:
    found = after(dossier, (GRANT, T3), (move, AGAIN))
    assert found.lead == replace(ANSWERED.assignments[0], number=3, assigned_at=AGAIN, due_at=DUE_AGAIN, vacant_at=AGAIN)
    assert (found.lead.stands, found.bounces) == (False, bounces)
    assert (found.intervals[-1].holder, found.intervals[-1].officer) == (HolderKind.UNIT, None)
    again = after(found, (GRANT, AGAIN + HOUR), (REOPEN, AGAIN + DAY))
    assert again.lead
    assert not again.lead.stands
    named = after(found, (replace(TO_LEAD, due_at=DUE_AGAIN), AGAIN + HOUR))
    assert named.lead
    assert (named.lead.stands, named.intervals[-1].holder) == (True, HolderKind.OFFICER)


def test_no_secret_is_rotated_before_it_was_issued() -> None:
    assert fault(LED, ROTATE, START - SECOND) == BACKWARDS
    assert after(LED, (ROTATE, START)).secret_generation == 2


@pytest.mark.parametrize(("dossier", "last"), [(DECIDED, T2), (DELIVERED, T3)])
def test_nothing_is_reopened_before_it_had_come_to_its_end(dossier: Dossier, last: datetime) -> None:
    assert fault(dossier, REOPEN, last - SECOND) == BACKWARDS
    assert after(dossier, (REOPEN, last)).started_at == last


def test_no_new_clock_starts_before_the_old_one_ends() -> None:
    early = after(TAKEN, (Decide(Outcome.OTHER), START - DAY), setting=IMPORTING)
    setting = replace(IMPORTING, imported=False)
    assert fault(early, REOPEN, START - SECOND, setting) == BACKWARDS
    assert after(early, (REOPEN, START), setting=setting).started_at == START


@pytest.mark.parametrize(("instant", "lead_due"), [(T3, DUE), (DUE, None), (DUE + DAY, None)])
def test_an_import_that_is_reopened_keeps_the_one_date_it_has(instant: datetime, lead_due: datetime | None) -> None:
    found = after(ENDED, (REOPEN, instant), setting=Setting(IMPORTED, Calendar()))
    assert (found.due_at, found.promised_due_at, found.arming) == (DUE, DUE, 2)
    assert found.lead
    assert found.lead.due_at == lead_due


def test_supplements_may_be_asked_for_once_again() -> None:
    once = after(ASKED, (GIVE, T3), (GRANT, T4), (REOPEN, T5))
    assert refusal(after(ASKED, (GIVE, T3)), ASK).code == "ONCE_PER_STAGE"
    found = after(once, (ASK, AGAIN), (GIVE, AGAIN))
    assert [s.stage for s in found.supplements] == ["CHECK", "CHECK"]
    assert refusal(found, ASK, AGAIN).code == "ONCE_PER_STAGE"
    assert after(found, (STEP, AGAIN), (ASK, AGAIN)).supplements[-1].stage == "SITE"


def test_no_move_of_the_new_clock_lies_in_the_old_one() -> None:
    for move in (STEP, ASK, GRANT, STOP, WITHDRAW, TO_LEAD, replace(BACK, assignment=3)):
        assert fault(REOPENED, move, AGAIN - SECOND) == BACKWARDS, move


def test_a_second_reopening_keeps_both_clocks() -> None:
    decided = after(REOPENED, (replace(GRANT, outcome=Outcome.REJECTED), AGAIN + DAY))
    assert (decided.reopenings, decided.intervals[-1].to_at) == (REOPENED.reopenings, AGAIN + DAY)
    last = AGAIN + 8 * DAY
    found = after(decided, (REOPEN, last))
    first, second = found.reopenings
    assert (first,) == REOPENED.reopenings
    assert second == Reopening(
        2, last, REF, AGAIN, 3, AGAIN + DAY, Outcome.REJECTED, DUE_AGAIN, DUE_AGAIN, DUE_AGAIN, REF, calendar_version=1
    )
    assert found.intervals[:3] == decided.intervals
    assert (found.started_at, found.current, found.arming) == (last, found.intervals[3:], 3)
    assert (found.due_at, found.lead and found.lead.number) == (at("2025-02-27T17:00"), 4)
    assert restored(flattened(found)) == found


# Rate.


def test_a_dossier_is_rated_once() -> None:
    found = after(DELIVERED, (RATE, T4))
    assert found == replace(DELIVERED, rating=Rating(4, T4, REF))
    assert restored(flattened(found)) == found
    error = refusal(found, RATE)
    assert (error.code, error.allowed_from) == ("ALREADY_RATED", ("DELIVERED",))
    again = after(found, (REOPEN, AGAIN), (GRANT, AGAIN), (DELIVER, AGAIN))
    assert again.rating == found.rating
    assert refusal(again, RATE, AGAIN).code == "ALREADY_RATED"


@pytest.mark.parametrize("score", [1, 2, 3, 4, 5])
def test_a_score_is_one_to_five(score: int) -> None:
    assert after(DELIVERED, (Rate(score), T4)).rating == Rating(score, T4)


@pytest.mark.parametrize("score", [-1, 0, 6, 50])
def test_any_other_score_is_invalid(score: int) -> None:
    assert fault(DELIVERED, Rate(score)) == ("BAD_SCORE", ("score",))


def test_nothing_is_rated_before_it_is_delivered() -> None:
    assert fault(DELIVERED, RATE, T3 - SECOND) == BACKWARDS
    assert after(DELIVERED, (RATE, T3)).rating


# Rotate.


@pytest.mark.parametrize("state", State)
def test_a_secret_is_replaced_in_every_state(state: State) -> None:
    dossier = STANDING[state]
    found = after(dossier, (Rotate(7), T4), (Rotate(8), T4))
    assert found == replace(dossier, secret_generation=3, slip_key=8)


def test_the_explanation_of_a_new_clock_tells_of_the_reopening() -> None:
    for dossier, word in ((after(DELIVERED, (REOPEN, AGAIN)), "reopened"), (DELIVERED, "received")):
        (start, *_) = clock_of(dossier, SETTING).reasons
        assert start.anew is (word == "reopened")
        other = {"reopened": "received", "received": "reopened"}[word]
        assert other not in start.text("en").lower()
