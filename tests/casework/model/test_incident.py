"""Incidents: their end, their fields, and what they do to a dossier in every state."""

from dataclasses import replace
from datetime import datetime

import pytest

from casework.model.affecting import affected, carries, freed
from casework.model.errors import Invalid
from casework.model.incident import Incident, closed, flattened, ongoing, restored
from casework.model.record import Blocker, Dossier, HolderKind, IntervalKind, State
from casework.model.unit import Ongoing
from tests.casework.model.cases import (
    AMENDED,
    ANSWERED,
    ASK,
    ASKED,
    BLOCK,
    BLOCKED,
    CHARGED,
    DAY,
    DECIDED,
    DUE,
    GIVE,
    GRANT,
    HOUR,
    LED,
    OTHER,
    RECEIVE,
    RECEIVED,
    REF,
    REOPEN,
    SECOND,
    SETTING,
    STANDING,
    START,
    SUBMITTED,
    T1,
    T2,
    T3,
    T4,
    T5,
    UNBLOCK,
    after,
    at,
    fault,
    refusal,
)  # fmt: skip

FLOOD = Ongoing("f" * 32, "22-XD", T3, stops_clocks=True)
NOISE = Ongoing("e" * 32, "22-XD", T3, stops_clocks=False)
INCIDENT = Incident("22-XD", T3, stops_clocks=True, reason=REF, legal_basis=OTHER)
PAUSED = (IntervalKind.PAUSED, HolderKind.INCIDENT)


def carrying(dossier: Dossier, incident: Ongoing = FLOOD) -> tuple[Dossier, datetime]:
    found = affected(dossier, incident, SETTING)
    assert found
    return found


def rid(dossier: Dossier, incident: Ongoing = FLOOD, closed_at: datetime = T5) -> tuple[Dossier, datetime]:
    found = freed(dossier, incident.incident, closed_at, SETTING)
    assert found
    return found


def holder(dossier: Dossier) -> tuple[IntervalKind, HolderKind]:
    return dossier.intervals[-1].kind, dossier.intervals[-1].holder


# The incident itself.


def test_an_incident_is_closed_once() -> None:
    done = closed(INCIDENT, T5, OTHER)
    assert (done.closed_at, done.close_reason) == (T5, OTHER)
    assert closed(INCIDENT, T1, None).closed_at == T3  # by a clock that is behind
    with pytest.raises(Invalid) as caught:
        closed(done, T5, None)
    assert (caught.value.code, caught.value.path) == ("UNKNOWN_INCIDENT", ("incident",))


def test_the_register_has_what_a_receipt_asks() -> None:
    assert ongoing(FLOOD.incident, INCIDENT) == FLOOD
    assert ongoing(FLOOD.incident, closed(INCIDENT, T5, None)) == replace(FLOOD, closed_at=T5)


def test_an_incident_comes_back_from_its_fields() -> None:
    for incident in (INCIDENT, closed(INCIDENT, T5, OTHER)):
        assert restored(flattened(incident)) == incident


# What it does.


def test_a_dossier_carries_it_from_its_opening_on() -> None:
    found, when = carrying(ANSWERED)
    assert when == T3
    assert found.blockers == (Blocker(1, T3, stops_clock=True, incident=FLOOD.incident),)
    assert (holder(found), found.intervals[-1].from_at, found.intervals[-1].cause) == (PAUSED, T3, "INCIDENT_BEGAN")
    assert (found.version, found.state, found.promised_due_at) == (ANSWERED.version, ANSWERED.state, ANSWERED.promised_due_at)
    assert affected(found, FLOOD, SETTING) is None
    gone, when = rid(found, closed_at=T3 + 7 * DAY)
    assert when == T3 + 7 * DAY
    assert (gone.blockers[0].cleared_at, gone.due_at) == (T3 + 7 * DAY, at("2025-02-14T17:00"))
    assert holder(gone) == (IntervalKind.RUNNING, HolderKind.OFFICER)
    assert freed(gone, FLOOD.incident, T5, SETTING) is None
    again, _ = carrying(gone, replace(FLOOD, incident="d" * 32))
    assert [blocker.stands for blocker in again.blockers] == [False, True]


def test_one_that_stops_no_clock_is_carried_all_the_same() -> None:
    found, _ = carrying(ANSWERED, NOISE)
    assert (carries(found, NOISE.incident), found.intervals, found.due_at) == (True, ANSWERED.intervals, DUE)
    gone, _ = rid(found, NOISE)
    assert (carries(gone, NOISE.incident), gone.intervals) == (False, ANSWERED.intervals)


def test_what_was_done_meanwhile_stays_before_it() -> None:
    late = after(LED, (BLOCK, T4), (UNBLOCK, T5))
    found, when = carrying(late)
    assert (when, found.intervals[-1].from_at) == (T5, T5)
    _, when = rid(found, closed_at=T4)
    assert when == T5


@pytest.mark.parametrize("state", State)
def test_it_comes_to_what_is_taken_in_and_open(state: State) -> None:
    dossier = STANDING[state]
    assert (affected(dossier, FLOOD, SETTING) is not None) is (dossier.open and state is not State.SUBMITTED)


@pytest.mark.parametrize("dossier", [ASKED, CHARGED])
def test_whoever_it_waits_for_comes_before_an_incident(dossier: Dossier) -> None:
    found, _ = carrying(dossier)
    assert found.intervals == dossier.intervals
    assert freed(found, FLOOD.incident, T5, SETTING)


def test_it_goes_on_when_the_applicant_has_answered() -> None:
    found, _ = carrying(ASKED)
    assert holder(after(found, (GIVE, T4))) == PAUSED


def test_of_a_blocker_and_an_incident_the_first_holds_it() -> None:
    found, _ = carrying(BLOCKED)
    assert holder(found) == (IntervalKind.PAUSED, HolderKind.BLOCKER)
    assert holder(after(found, (UNBLOCK, T4))) == PAUSED
    both = after(carrying(ANSWERED)[0], (BLOCK, T4))
    assert holder(both) == PAUSED
    assert holder(rid(both)[0]) == (IntervalKind.PAUSED, HolderKind.BLOCKER)


def test_nobody_clears_an_incident_as_a_blocker() -> None:
    found, _ = carrying(ANSWERED)
    assert refusal(found, UNBLOCK).code == "UNKNOWN_BLOCKER"
    assert fault(carrying(BLOCKED)[0], replace(UNBLOCK, blocker=2)) == ("UNKNOWN_BLOCKER", ("blocker",))


def test_an_amended_calendar_is_taken_in_with_it() -> None:
    found = affected(ANSWERED, FLOOD, AMENDED)
    assert found
    assert (found[0].calendar_version, len(found[0].amendments)) == (AMENDED.calendar.version, 1)
    gone = freed(found[0], FLOOD.incident, T5, AMENDED)
    assert gone
    assert gone[0].due_at == found[0].amendments[0].to_due_at


# What begins meanwhile.


def test_what_is_received_meanwhile_carries_it_from_its_receipt() -> None:
    found = after(SUBMITTED, (RECEIVE, T4), setting=replace(SETTING, incidents=(FLOOD, NOISE)))
    assert [(blocker.at, blocker.incident) for blocker in found.blockers] == [(T4, FLOOD.incident), (T4, NOISE.incident)]
    assert holder(found) == PAUSED
    assert (found.received_at, found.intervals[-1].from_at) == (T4, T4)
    assert found.due_at == after(SUBMITTED, (RECEIVE, T4)).due_at
    assert affected(found, FLOOD, SETTING) is None


def test_what_is_dated_back_before_it_carries_it_from_its_opening() -> None:
    found = after(SUBMITTED, (RECEIVE, START), setting=replace(SETTING, incidents=(FLOOD,)))
    assert [(i.kind, i.from_at, i.to_at) for i in found.intervals] == [
        (IntervalKind.RUNNING, START, T3), (IntervalKind.PAUSED, T3, None),
    ]  # fmt: skip
    assert found.intervals[0] == replace(RECEIVED.intervals[0], to_at=T3)


def test_what_is_reopened_carries_what_goes_on_and_nothing_else() -> None:
    both, _ = carrying(carrying(ANSWERED, NOISE)[0])
    decided = after(both, (GRANT, T4))
    assert freed(decided, FLOOD.incident, T5, SETTING) is None
    still = after(decided, (REOPEN, T5), setting=replace(SETTING, incidents=(FLOOD,)))
    assert (carries(still, FLOOD.incident), carries(still, NOISE.incident)) == (True, False)
    assert (holder(still), len(still.blockers)) == (PAUSED, 2)
    over = after(decided, (REOPEN, T5))
    assert not any(blocker.stands for blocker in over.blockers)
    assert holder(over) == (IntervalKind.RUNNING, HolderKind.OFFICER)
    new = after(DECIDED, (REOPEN, T5), setting=replace(SETTING, incidents=(FLOOD,)))
    assert (holder(new), new.blockers[0].at) == (PAUSED, T5)


def test_intervals_tile() -> None:
    found = after(carrying(ANSWERED)[0], (ASK, T4))
    gone, _ = rid(found, closed_at=T4 + HOUR)
    last = after(gone, (GIVE, T4 + 2 * HOUR))
    assert all(one.to_at == following.from_at for one, following in zip(last.intervals, last.intervals[1:], strict=False))
    assert last.intervals[0].from_at == START
    assert T1 < T2 < T2 + SECOND < T4
