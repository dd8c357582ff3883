"""Extensions, apologies, payments and blockers: what they do to the clock, to the promise, and to whoever holds the dossier."""

from dataclasses import replace
from datetime import datetime

import pytest

from casework.model.alert import AlertLevel
from casework.model.course import clock_of
from casework.model.limit import Limit, LimitUnit
from casework.model.moves import ClearBlocker, Extend, Move, RaiseBlocker, RequirePayment, Setting
from casework.model.raising import next_alert
from casework.model.record import Apology, Blocker, Dossier, Extended, HolderKind, IntervalKind, Payment, State, flattened, restored
from casework.model.workdays import Calendar
from tests.casework.model.cases import (
    ANSWERED,
    ASK,
    ASKED,
    BACKWARDS,
    BLOCK,
    BLOCKED,
    CHARGE,
    CHARGED,
    DAY,
    DUE,
    EXTEND,
    GIVE,
    GRANT,
    HOUR,
    LED,
    OTHER,
    PAY,
    REF,
    REOPEN,
    SECOND,
    SETTING,
    SORRY,
    STOP,
    T1,
    T2,
    T3,
    T4,
    T5,
    TO_LEAD,
    UNBLOCK,
    VERSION,
    after,
    at,
    fault,
    refusal,
)

TWICE = Setting(replace(VERSION, most_extensions=2, most_extended=5), Calendar())
RUNNING = Setting(replace(VERSION, payment_pauses=None), Calendar())
LATER = at("2025-02-12T17:00")


def holder(dossier: Dossier) -> tuple[IntervalKind, HolderKind, str | None]:
    last = dossier.intervals[-1]
    return last.kind, last.holder, last.officer


OFFICER = (IntervalKind.RUNNING, HolderKind.OFFICER, "officer-1")


# Extensions.


def test_an_extension_adds_units_and_moves_the_promise() -> None:
    found = after(ANSWERED, (EXTEND, T2))
    assert (found.due_at, found.promised_due_at, found.original_due_at) == (LATER, LATER, DUE)
    assert found.extensions == (Extended(1, T2, 2, REF, OTHER, DUE, LATER),)
    assert (found.arming, found.state, found.intervals) == (ANSWERED.arming + 1, State.IN_PROCESS, ANSWERED.intervals)
    assert restored(flattened(found)) == found


def test_it_is_extended_until_it_is_due() -> None:
    assert after(ANSWERED, (EXTEND, DUE)).due_at == LATER
    assert refusal(ANSWERED, EXTEND, DUE + SECOND).code == "AFTER_DUE"
    # A clock that stands has not run out, however long it stands.
    assert after(BLOCKED, (EXTEND, DUE + 9 * DAY)).extensions[0].amount == 2


def test_an_extension_keeps_to_the_count_and_the_sum_of_the_version() -> None:
    once = after(ANSWERED, (EXTEND, T2))
    assert refusal(once, EXTEND, T3).code == "EXTENSION_LIMIT"
    for amount in (-1, 0, 11):
        assert fault(ANSWERED, Extend(amount, REF)) == ("EXTENSION_LIMIT", ("amount",))
    assert after(ANSWERED, (Extend(10, REF), T2)).due_at == at("2025-02-24T17:00")
    assert fault(once, Extend(4, REF), T3, TWICE) == ("EXTENSION_LIMIT", ("amount",))
    assert after(once, (Extend(3, REF), T3), setting=TWICE).due_at == at("2025-02-17T17:00")
    assert refusal(ANSWERED, EXTEND, T2, Setting(replace(VERSION, most_extensions=0), Calendar())).code == "EXTENSION_LIMIT"


def test_a_fixed_date_is_never_extended() -> None:
    assert replace(VERSION, limit=Limit(LimitUnit.FIXED_DATE), most_extensions=3).extensions == 0
    assert (VERSION.extensions, VERSION.extended) == (1, 10)


def test_a_second_extension_escalates_at_once() -> None:
    once = after(ANSWERED, (EXTEND, T2), setting=TWICE)
    twice = after(once, (Extend(1, REF), T3), setting=TWICE)
    assert next_alert(once, TWICE) == (AlertLevel.AT_RISK, at("2025-02-10T07:30"))
    assert next_alert(twice, TWICE) == (AlertLevel.ESCALATED, T3)


def test_no_extension_lies_before_the_one_before_it_or_before_the_lead_was_named() -> None:
    assert fault(LED, EXTEND, T1 - SECOND) == BACKWARDS
    once = after(ANSWERED, (EXTEND, T3), setting=TWICE)
    assert fault(once, Extend(1, REF), T3 - SECOND, TWICE) == BACKWARDS


def test_a_reopened_dossier_is_extended_and_apologised_for_anew() -> None:
    found = after(ANSWERED, (EXTEND, T2), (SORRY, T2), (GRANT, T3), (REOPEN, T4))
    assert (found.extended, found.apologised, len(found.extensions)) == ((), False, 1)
    again = after(found, (EXTEND, T5), (SORRY, T5))
    assert [(one.number, one.at) for one in again.extended] == [(2, T5)]
    assert again.apologised


# Apologies.


def test_an_apology_promises_another_date_and_leaves_the_due_date() -> None:
    for instant in (T2, DUE + 3 * DAY):
        sorry = replace(SORRY, promised_due_at=DUE + 9 * DAY)
        found = after(ANSWERED, (sorry, instant))
        assert (found.due_at, found.promised_due_at, found.arming) == (DUE, DUE + 9 * DAY, ANSWERED.arming)
        assert found.apologies == (Apology(1, instant, DUE + 9 * DAY, REF),)
        assert refusal(found, SORRY, instant + HOUR).code == "ALREADY_APOLOGISED"


def test_what_is_promised_lies_ahead() -> None:
    assert fault(ANSWERED, replace(SORRY, promised_due_at=T4), T4) == ("DUE_BEFORE_START", ("promisedDueAt",))


# Payments.


def test_a_payment_pauses_where_the_version_says_so() -> None:
    assert (CHARGED.state, holder(CHARGED)) == (State.AWAITING_PAYMENT, (IntervalKind.PAUSED, HolderKind.TREASURY, None))
    assert CHARGED.payments == (Payment(1, "PERMIT", 75_000, T2, pauses=True),)
    paid = after(CHARGED, (PAY, T2 + 7 * DAY))
    assert (paid.state, holder(paid), paid.due_at) == (State.IN_PROCESS, OFFICER, at("2025-02-14T17:00"))
    assert paid.payments == (Payment(1, "PERMIT", 75_000, T2, True, T2 + 7 * DAY, REF, True),)  # noqa: FBT003 - as it stands in the record
    assert restored(flattened(paid)) == paid


def test_a_payment_that_does_not_pause_leaves_the_clock_running() -> None:
    charged = after(ANSWERED, (CHARGE, T2), setting=RUNNING)
    assert (charged.state, charged.intervals, charged.due_at) == (State.AWAITING_PAYMENT, ANSWERED.intervals, DUE)
    paid = after(charged, (PAY, T3), setting=RUNNING)
    assert (paid.state, paid.intervals, paid.due_at) == (State.IN_PROCESS, ANSWERED.intervals, DUE)


def test_a_fee_is_asked_for_once_and_is_the_versions() -> None:
    assert fault(ANSWERED, RequirePayment("STAMP")) == ("UNKNOWN_FEE", ("fee",))
    assert refusal(after(CHARGED, (PAY, T3)), CHARGE).code == "UNKNOWN_FEE"
    assert refusal(ANSWERED, CHARGE, T4, Setting(replace(VERSION, fees=()), Calendar())).code == "UNKNOWN_FEE"
    two = Setting(replace(VERSION, fees=(*VERSION.fees, replace(VERSION.fees[0], code="STAMP"))), Calendar())
    once = after(ANSWERED, (CHARGE, T2), (PAY, T3), setting=two)
    assert fault(once, CHARGE, T4, two) == ("UNKNOWN_FEE", ("fee",))
    assert after(once, (RequirePayment("STAMP"), T4), setting=two).payments[-1].fee == "STAMP"


def test_nothing_is_paid_before_it_was_asked_for() -> None:
    assert fault(CHARGED, PAY, T2 - SECOND) == BACKWARDS
    assert fault(after(ANSWERED, (CHARGE, T3), setting=RUNNING), PAY, T3 - SECOND, RUNNING) == BACKWARDS


# Blockers.


def test_a_blocker_stops_the_clock_where_it_says_so() -> None:
    assert (BLOCKED.state, holder(BLOCKED)) == (State.IN_PROCESS, (IntervalKind.PAUSED, HolderKind.BLOCKER, None))
    assert BLOCKED.blockers == (Blocker(1, T2, REF, stops_clock=True, legal_basis=OTHER),)
    freed = after(BLOCKED, (UNBLOCK, T2 + 7 * DAY))
    assert (holder(freed), freed.due_at) == (OFFICER, at("2025-02-14T17:00"))
    assert freed.blockers[0].cleared_at == T2 + 7 * DAY
    noticed = after(ANSWERED, (RaiseBlocker(REF, stops_clock=False), T2))
    assert (noticed.intervals, noticed.due_at) == (ANSWERED.intervals, DUE)
    assert after(noticed, (UNBLOCK, T3)).intervals == ANSWERED.intervals


def test_two_blockers_are_one_pause_until_both_are_gone() -> None:
    both = after(BLOCKED, (BLOCK, T3))
    assert both.intervals == BLOCKED.intervals
    one = after(both, (ClearBlocker(2), T4))
    assert one.intervals == BLOCKED.intervals
    assert holder(after(one, (UNBLOCK, T5))) == OFFICER
    assert fault(one, ClearBlocker(2), T5) == ("UNKNOWN_BLOCKER", ("blocker",))
    assert refusal(ANSWERED, UNBLOCK).code == "UNKNOWN_BLOCKER"


def test_a_supplement_comes_before_a_blocker_and_the_blocker_goes_on_after_it() -> None:
    asked = after(BLOCKED, (ASK, T3))
    assert holder(asked) == (IntervalKind.PAUSED, HolderKind.APPLICANT, None)
    given = after(asked, (GIVE, T4))
    assert (given.state, holder(given)) == (State.IN_PROCESS, (IntervalKind.PAUSED, HolderKind.BLOCKER, None))
    # Three pauses that adjoin are as one.
    assert after(given, (UNBLOCK, T2 + 7 * DAY)).due_at == after(BLOCKED, (UNBLOCK, T2 + 7 * DAY)).due_at
    late = after(ASKED, (BLOCK, T3))
    assert late.intervals == ASKED.intervals
    assert holder(after(late, (UNBLOCK, T4), (GIVE, T5))) == OFFICER


def test_a_lead_named_while_it_is_blocked_holds_it_once_it_is_free() -> None:
    named = after(BLOCKED, (replace(TO_LEAD, officer="officer-9"), T3))
    assert named.intervals == BLOCKED.intervals
    assert holder(after(named, (UNBLOCK, T4))) == (IntervalKind.RUNNING, HolderKind.OFFICER, "officer-9")


@pytest.mark.parametrize("move", [GRANT, STOP])
def test_what_ends_while_it_is_blocked_keeps_its_date(move: Move) -> None:
    ended = after(BLOCKED, (move, DUE + 9 * DAY))
    assert ended.due_at == DUE
    assert clock_of(ended, SETTING).due_at == DUE


def test_a_dossier_that_is_reopened_while_something_blocks_it_is_blocked() -> None:
    found = after(BLOCKED, (GRANT, T3), (REOPEN, T4))
    assert holder(found) == (IntervalKind.PAUSED, HolderKind.BLOCKER, None)
    assert next_alert(found, SETTING) is None
    assert holder(after(found, (UNBLOCK, T5))) == OFFICER


@pytest.mark.parametrize(("dossier", "move", "instant"), [
    (ANSWERED, BLOCK, T1 - SECOND), (BLOCKED, UNBLOCK, T2 - SECOND), (ANSWERED, SORRY, T1 - SECOND), (ANSWERED, CHARGE, T1 - SECOND),
    (after(ASKED, (BLOCK, T3)), UNBLOCK, T3 - SECOND), (BLOCKED, ASK, T2 - SECOND),
])  # fmt: skip
def test_none_of_them_lies_before_what_it_follows(dossier: Dossier, move: Move, instant: datetime) -> None:
    assert fault(dossier, move, instant) == BACKWARDS
