"""Taking note of an alert: once, while it is open, in any state; its deadline goes on."""

from dataclasses import replace
from datetime import timedelta

import pytest

from casework.model.alert import AlertLevel
from casework.model.dossier import moved
from casework.model.moves import SKEW, Acknowledge
from casework.model.raising import next_alert
from casework.model.record import Dossier, State
from tests.casework.model.cases import (
    ACKNOWLEDGE,
    ANSWERED,
    BACKWARDS,
    DUE,
    EXTEND,
    GRANT,
    LED,
    REF,
    SECOND,
    SETTING,
    STANDING,
    START,
    T2,
    T3,
    T4,
    after,
    fault,
    noticed,
    refusal,
    warned,
)

OVERDUE = DUE + SECOND


@pytest.mark.parametrize("state", State)
def test_it_is_taken_note_of_in_any_state_and_nothing_else_changes(state: State) -> None:
    before = warned(STANDING[state])
    found, action = moved(before, ACKNOWLEDGE, T4, SETTING)
    (alert,) = found.alerts
    assert action == "ALERT_ACKNOWLEDGED"
    assert (alert.acknowledged_at, alert.acknowledged_by, alert.note, alert.open) == (T4, "head-1", REF, False)
    assert replace(found, alerts=before.alerts) == before
    assert replace(alert, acknowledged_at=None, acknowledged_by=None, note=None) == before.alerts[0]


def test_one_of_several_is_named() -> None:
    before = noticed(LED, *AlertLevel)
    found = after(before, (Acknowledge(3, "head-1", REF), T4))
    assert [alert.open for alert in found.alerts] == [True, True, False, True]
    assert next_alert(found, SETTING) == next_alert(before, SETTING)


@pytest.mark.parametrize("number", [0, 2, -1, 99])
@pytest.mark.parametrize("dossier", [warned(ANSWERED), warned(STANDING[State.DECIDED])])
def test_one_that_there_is_not_is_invalid(dossier: Dossier, number: int) -> None:
    assert fault(dossier, Acknowledge(number, "head-1", REF)) == ("UNKNOWN_ALERT", ("alert",))


def test_it_is_taken_note_of_once() -> None:
    found = refusal(after(noticed(ANSWERED, *AlertLevel), (ACKNOWLEDGE, T3)), ACKNOWLEDGE)
    assert (found.code, found.message) == ("ALERT_CLOSED", "it was acknowledged already")
    assert set(found.allowed_from) == {state.value for state in State}


@pytest.mark.parametrize("dossier", [ANSWERED, after(warned(ANSWERED), (ACKNOWLEDGE, T3))])
def test_where_none_is_open_there_is_nothing_to_take_note_of(dossier: Dossier) -> None:
    for number in (1, 2):
        found = refusal(dossier, Acknowledge(number, "head-1", REF))
        assert (found.code, found.message) == ("ALERT_CLOSED", "no alert is open")


@pytest.mark.parametrize("end", [GRANT, EXTEND])
def test_one_that_has_closed_by_itself_is_not_taken_note_of(end: type) -> None:
    before = noticed(ANSWERED, AlertLevel.AT_RISK, AlertLevel.OVERDUE)
    dossier = after(before, (end, T3))  # type: ignore[arg-type] # a move
    found = refusal(dossier, ACKNOWLEDGE)
    assert (found.code, found.message) == ("ALERT_CLOSED", "it has closed by itself")
    assert after(dossier, (Acknowledge(2, "head-1", REF), T4)).alerts[1].acknowledged_at == T4


def test_one_that_was_taken_note_of_does_not_close_any_more() -> None:
    dossier = after(noticed(ANSWERED, AlertLevel.AT_RISK), (ACKNOWLEDGE, T2), (GRANT, T3))
    assert (dossier.alerts[0].acknowledged_at, dossier.alerts[0].closed_at) == (T2, None)


def test_nobody_takes_note_before_it_was_noticed_but_for_what_clocks_differ() -> None:
    dossier = warned(ANSWERED)
    assert fault(dossier, ACKNOWLEDGE, START - SKEW - timedelta(microseconds=1)) == BACKWARDS
    assert after(dossier, (ACKNOWLEDGE, START - SKEW)).alerts[0].acknowledged_at == START - SKEW
