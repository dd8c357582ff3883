"""What is raised of a dossier's deadlines: each level once for each arming, in the order of its instants, and what closes by itself."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from casework.model.access import Decision, Group, sees_alert
from casework.model.alert import Alert, AlertLevel, DeadlineKind, Thresholds
from casework.model.course import clock_of
from casework.model.derivation import ReasonKind
from casework.model.dossier import amended, moved
from casework.model.moves import Move, Return, Setting
from casework.model.parties import Relation
from casework.model.procedure import DossierKind
from casework.model.raising import next_alert, raised
from casework.model.record import Dossier, Imported
from casework.model.workdays import Calendar, Override, OverrideKind, version_of
from tests.casework.model.cases import (
    ASK,
    CHARGE,
    DAY,
    DUE,
    EXTEND,
    GIVE,
    GRANT,
    HOUR,
    IMPORTING,
    PAY,
    RECEIVE,
    REF,
    REOPEN,
    START,
    STEP,
    SUBMITTED,
    T1,
    T2,
    T3,
    TAKEN,
    TO_LEAD,
    TO_OTHER,
    after,
    at,
)
from tests.casework.model.test_deadlines import TIMED

BACK_BY_NEXT = Return(3, REF)
LATER = DUE + 60 * DAY
RISK, TODAY, LATE, ESCALATED = AlertLevel
OWN, STEPS, BESIDE, SUPPLY = DeadlineKind.DOSSIER, DeadlineKind.STEP, DeadlineKind.COORDINATION, DeadlineKind.SUPPLEMENT
LOOSE = replace(TIMED, procedure=replace(TIMED.procedure, clarity_coordinating=()))
FOLLOWING = replace(TO_OTHER, due_at=None)  # a coordinating unit whose date is the dossier's
OFF = Override(date(2025, 1, 23), OverrideKind.OFF, None, "1/QD", date(2025, 1, 21), since=5)
BARE = Setting(replace(TIMED.procedure, steps=(), supplement_days=None, payment_days=None), Calendar())


def all_raised(dossier: Dossier, until: datetime = LATER, setting: Setting = TIMED) -> Dossier:
    """Raise whatever is reached by an instant."""
    while found := raised(dossier, setting, until):
        dossier = found
    return dossier


def told(dossier: Dossier, kind: DeadlineKind | None = None) -> list[tuple[DeadlineKind, str | None, int, AlertLevel]]:
    return [(one.kind, one.of, one.arming, one.level) for one in dossier.alerts if kind in {None, one.kind}]


def led(setting: Setting = TIMED) -> Dossier:
    """A dossier in the hands of its lead, with all its deadlines armed."""
    return after(SUBMITTED, (RECEIVE, START), (TO_LEAD, T1), setting=setting)


def test_each_level_is_raised_once_in_the_order_of_the_instants() -> None:
    found = all_raised(led(BARE), setting=BARE)
    assert told(found) == [(OWN, None, 1, level) for level in AlertLevel]
    assert [one.number for one in found.alerts] == [1, 2, 3, 4]
    reached = [at("2025-02-06T07:30"), at("2025-02-10T07:30"), at("2025-02-10T17:00:01"), at("2025-02-17T17:00:01")]
    assert [one.reached_at for one in found.alerts] == reached
    assert {(one.due_at, one.observed_at, one.unit, one.officer) for one in found.alerts} == {(DUE, LATER, "22-XD", "officer-1")}
    assert raised(found, BARE, LATER) is None
    assert next_alert(found, BARE) is None


def test_nothing_is_raised_before_its_instant() -> None:
    dossier = led(BARE)
    assert raised(dossier, BARE, at("2025-02-06T07:30") - timedelta(microseconds=1)) is None
    assert raised(dossier, BARE, at("2025-02-06T07:30")) is not None


def test_the_version_says_when_it_is_near_and_when_it_goes_up() -> None:
    setting = replace(BARE, procedure=replace(BARE.procedure, thresholds=Thresholds(at_risk_days=4, escalated_days=1)))
    found = all_raised(led(setting), setting=setting)
    assert [found.alerts[0].reached_at, found.alerts[-1].reached_at] == [at("2025-02-04T07:30"), at("2025-02-11T17:00:01")]


def test_feedback_has_one_clock_under_a_name_of_its_own() -> None:
    dossier = all_raised(replace(led(BARE), kind=DossierKind.FEEDBACK), at("2025-02-07T12:00"), BARE)
    longer = all_raised(after(dossier, (EXTEND, at("2025-02-07T13:00")), setting=BARE), setting=BARE)
    assert longer.armed == (), "its armings are the dossier's"
    assert told(longer) == [
        (DeadlineKind.FEEDBACK, None, arming, level) for arming, level in [(1, RISK), *((2, one) for one in AlertLevel)]
    ]


def test_of_several_deadlines_the_earliest_level_comes_first() -> None:
    dossier = after(led(), (TO_OTHER, T2), setting=TIMED)
    found = all_raised(dossier)
    assert {row[:2] for row in told(found)} == {(OWN, None), (STEPS, "CHECK"), (BESIDE, "2")}
    assert len(told(found)) == len(set(told(found))) == 12
    assert [one.reached_at for one in found.alerts] == sorted(one.reached_at for one in found.alerts)
    (beside,) = {(one.unit, one.officer) for one in found.alerts if one.kind is BESIDE}
    assert beside == ("22-MT", None), "whoever is to keep it"


def test_the_dates_of_other_deadlines_are_kept_with_their_armings() -> None:
    dossier = after(led(), (TO_OTHER, T2), (STEP, T3), setting=TIMED)
    assert [(row.number, row.kind, row.of, row.arming) for row in dossier.armed] == [
        (1, STEPS, "CHECK", 1), (2, BESIDE, "2", 1), (3, STEPS, "SITE", 1)
    ]  # fmt: skip


def test_what_is_near_closes_with_its_deadline_and_what_is_late_does_not() -> None:
    done = after(all_raised(led()), (STEP, T3), setting=TIMED)
    of_step = {one.level: (one.open, one.closed_at) for one in done.alerts if one.kind is STEPS}
    assert of_step == {RISK: (False, LATER), TODAY: (False, LATER), LATE: (True, None), ESCALATED: (True, None)}, (
        "not before it was noticed"
    )
    in_time = after(all_raised(led(), T3), (STEP, T3 + HOUR), setting=TIMED)
    assert all(one.closed_at == T3 + HOUR for one in in_time.alerts if one.kind is STEPS)
    assert all(one.open for one in done.alerts if one.kind is OWN), "its own clock runs still"
    ended = after(all_raised(led(BARE), setting=BARE), (GRANT, LATER), setting=BARE)
    assert [one.open for one in ended.alerts] == [False, False, True, True]


def test_an_extension_opens_the_next_arming() -> None:
    dossier = all_raised(led(BARE), at("2025-02-07T12:00"), BARE)
    longer = after(dossier, (EXTEND, at("2025-02-07T13:00")), setting=BARE)
    assert [one.open for one in longer.alerts] == [False]
    assert told(all_raised(longer, setting=BARE)) == [(OWN, None, 1, RISK), *((OWN, None, 2, level) for level in AlertLevel)]


def test_what_is_paused_raises_nothing_but_the_time_of_the_applicant() -> None:
    asked = after(led(), (ASK, T3), setting=TIMED)
    assert {kind for kind, *_ in told(all_raised(asked))} == {SUPPLY}
    supplied = after(all_raised(asked), (GIVE, LATER), setting=TIMED)
    assert [one.open for one in supplied.alerts] == [False, False, True, True]
    again = after(supplied, (replace(ASK, override=REF), LATER + DAY), setting=TIMED)
    fresh = [row for row in told(all_raised(again, LATER + 90 * DAY), SUPPLY) if row[1] == "2"]
    assert fresh == [(SUPPLY, "2", 1, level) for level in AlertLevel], "another request has another deadline"


def test_a_payment_that_is_awaited_has_levels_of_its_own() -> None:
    charged = all_raised(after(led(), (CHARGE, T2), setting=TIMED))
    assert told(charged) == [(DeadlineKind.PAYMENT, "1", 1, level) for level in AlertLevel]
    paid = after(charged, (PAY, LATER), setting=TIMED)
    assert [one.open for one in paid.alerts] == [False, False, True, True]


@pytest.mark.parametrize(("move", "kind"), [(TO_OTHER, STEPS), (FOLLOWING, BESIDE), (ASK, SUPPLY), (CHARGE, DeadlineKind.PAYMENT)])
def test_a_date_that_moves_is_armed_anew_and_its_levels_raised_anew(move: Move, kind: DeadlineKind) -> None:
    dossier = all_raised(after(led(LOOSE), (move, T2), setting=LOOSE), setting=LOOSE)
    (here,) = (row for row in dossier.armed if row.kind is kind)
    calendar = replace(LOOSE, calendar=Calendar((OFF,), 5))
    away = all_raised(amended(dossier, T3, calendar), setting=calendar)
    (there,) = (row for row in away.armed if row.kind is kind)
    assert (here.arming, there.arming, there.number, there.due_at > here.due_at) == (1, 2, here.number, True)
    assert told(away, kind) == [(kind, here.of, arming, level) for arming in (1, 2) for level in AlertLevel]
    assert [one.open for one in away.alerts if one.kind is kind] == [False, False, True, True, True, True, True, True]


def test_each_coordinating_unit_has_armings_of_its_own() -> None:
    both = after(led(LOOSE), (TO_OTHER, T2), (replace(FOLLOWING, unit="22-TC"), T2), setting=LOOSE)
    calendar = replace(LOOSE, calendar=Calendar((OFF,), 5))
    found = all_raised(amended(both, T3, calendar), setting=calendar)
    assert {row[1:3] for row in told(found, BESIDE)} == {("2", 1), ("3", 2)}, "the date of one moved, that of the other did not"


def test_a_payment_that_is_made_is_waited_for_no_longer() -> None:
    charged = all_raised(after(led(), (CHARGE, T3), setting=TIMED), at("2025-02-03T12:00"))
    paid = after(charged, (PAY, at("2025-02-03T13:00")), setting=TIMED)
    assert [one.open for one in paid.alerts] == [False, False]
    assert [level for *_, level in told(all_raised(paid), DeadlineKind.PAYMENT)] == [RISK, TODAY]


def test_an_extension_arms_what_ends_with_the_dossier_and_nothing_else() -> None:
    asked = after(led(LOOSE), (FOLLOWING, T2), setting=LOOSE)
    longer = after(asked, (EXTEND, T3), setting=LOOSE)
    assert [(row.kind, row.arming, row.due_at) for row in longer.armed] == [
        (STEPS, 1, asked.armed[0].due_at), (BESIDE, 2, DUE + 2 * DAY)
    ]  # fmt: skip


def test_a_second_extension_escalates_at_once() -> None:
    twice = replace(BARE, procedure=replace(BARE.procedure, most_extensions=2))
    longer = after(led(twice), (EXTEND, T2), (EXTEND, T3), setting=twice)
    assert next_alert(longer, twice) == (ESCALATED, T3)
    (only,) = all_raised(longer, T3, twice).alerts
    assert (only.level, only.arming, only.reached_at, only.due_at) == (ESCALATED, 3, T3, longer.due_at)


def test_a_resumption_on_another_day_opens_the_next_arming() -> None:
    dossier = all_raised(led(BARE), at("2025-02-06T12:00"), BARE)
    back = after(dossier, (ASK, at("2025-02-06T13:00")), (GIVE, at("2025-02-07T09:00")), setting=BARE)
    assert (back.arming, back.due_at, [one.open for one in back.alerts]) == (2, DUE + DAY, [False])
    assert next_alert(back, BARE) == (RISK, at("2025-02-07T07:30"))


def test_a_pause_within_a_day_raises_nothing_anew() -> None:
    dossier = all_raised(led(BARE), at("2025-02-06T12:00"), BARE)
    back = after(dossier, (ASK, at("2025-02-06T13:00")), (GIVE, at("2025-02-06T14:00")), setting=BARE)
    assert (back.arming, [one.open for one in back.alerts]) == (1, [True])
    assert next_alert(back, BARE) == (TODAY, at("2025-02-10T07:30"))


def test_a_date_that_moves_away_and_back_is_a_third_arming() -> None:
    dossier = after(led(), (TO_OTHER, T2), setting=TIMED)
    here = next(row for row in dossier.armed if row.kind is STEPS)
    away = amended(dossier, T3, replace(TIMED, calendar=Calendar((OFF,), 5)))
    moved_row = next(row for row in away.armed if row.kind is STEPS)
    assert (here.due_at, moved_row.due_at) == (at("2025-01-24T17:00"), at("2025-02-03T17:00")), "over Tết"
    back = amended(away, T3 + HOUR, replace(TIMED, calendar=Calendar((), 6)))
    last = next(row for row in back.armed if row.kind is STEPS)
    assert (last.due_at, [here.arming, moved_row.arming, last.arming]) == (here.due_at, [1, 2, 3])
    assert (back.due_at, back.arming) == (dossier.due_at, 3)
    assert [row.number for row in back.armed] == [row.number for row in dossier.armed]
    assert [(row.from_due_at, row.to_due_at, row.documents) for row in back.amendments] == [
        (DUE, DUE + DAY, ("1/QD",)), (DUE + DAY, DUE, ())
    ]  # fmt: skip
    assert back.promised_due_at == dossier.promised_due_at


def test_an_amendment_is_told_among_the_reasons() -> None:
    off = Override(date(2025, 1, 23), OverrideKind.OFF, None, "1/QD", date(2025, 1, 21), since=2)
    setting = replace(BARE, calendar=Calendar((off,), version_of((off,))))
    found = amended(led(BARE), T3, setting)
    (reason,) = [one for one in clock_of(found, setting).reasons if one.kind is ReasonKind.AMENDED]
    assert (reason.on, reason.from_on, reason.to_on, reason.legal_basis) == (
        date(2025, 1, 20),
        date(2025, 2, 10),
        date(2025, 2, 11),
        "1/QD",
    )
    moved_too, _ = moved(led(BARE), GRANT, T3, setting)
    assert (moved_too.due_at, len(moved_too.amendments)) == (DUE + DAY, 1), "a move takes it in by itself"


def test_an_amendment_that_moves_no_date_is_taken_in_quietly() -> None:
    off = Override(date(2025, 2, 12), OverrideKind.OFF, None, "1/QD", date(2025, 1, 21), since=2)
    setting = replace(BARE, calendar=Calendar((off,), 2))
    found = amended(led(BARE), T3, setting)
    assert (found.due_at, found.calendar_version, found.amendments) == (DUE, 2, ())
    assert amended(found, T3, BARE) is found, "whoever holds an older calendar changes nothing"
    assert amended(SUBMITTED, T3, setting) is SUBMITTED
    ended = after(led(BARE), (GRANT, T2), setting=BARE)
    assert amended(ended, T3, setting) is ended


def test_a_reopened_dossier_raises_all_levels_anew() -> None:
    done = after(all_raised(led(BARE), setting=BARE), (GRANT, LATER), (REOPEN, LATER + DAY), setting=BARE)
    found = told(all_raised(done, LATER + 90 * DAY, BARE))
    assert found == [(OWN, None, 1, level) for level in AlertLevel] + [(OWN, None, 2, level) for level in AlertLevel]


def test_an_import_raises_what_lies_ahead_of_its_completion_alone() -> None:
    assert raised(TAKEN, IMPORTING, LATER) is None
    whole = replace(TAKEN, imported=Imported("a log", "case-1", START, DUE))
    assert [level for *_, level in told(all_raised(whole, setting=IMPORTING))] == [LATE, ESCALATED]


def test_what_is_open_goes_with_the_dossier_to_its_next_lead() -> None:
    dossier = all_raised(after(led(), (TO_OTHER, T2), setting=TIMED), at("2025-02-12T12:00"))
    other = after(dossier, (replace(TO_LEAD, officer="officer-9", due_at=LATER), at("2025-02-12T13:00")), setting=TIMED)
    mine = {one.officer for one in other.alerts if one.kind is not BESIDE and one.open}
    assert mine == {"officer-9"}
    assert {one.officer for one in other.alerts if one.kind is BESIDE} == {None}
    back = after(other, (BACK_BY_NEXT, at("2025-02-12T14:00")), setting=TIMED)
    assert {one.officer for one in back.alerts if one.kind is not BESIDE and one.open} == {None}


def test_without_a_lead_an_alert_names_no_officer() -> None:
    (first, *_) = all_raised(after(SUBMITTED, (RECEIVE, START), setting=BARE), setting=BARE).alerts
    assert (first.unit, first.officer) == ("22-XD", None)


@pytest.mark.parametrize(
    ("decision", "level", "seen"),
    [
        (Decision(frozenset({Group.SUMMARY, Group.INTERNAL})), RISK, True),
        (Decision(frozenset({Group.SUMMARY}), relations=frozenset({Relation.RECEPTION})), LATE, True),
        (Decision(frozenset({Group.SUMMARY}), relations=frozenset({Relation.RECEPTION})), TODAY, False),
        (Decision(frozenset({Group.SUMMARY}), relations=frozenset({Relation.APPLICANT})), LATE, False),
    ],
)
def test_an_alert_is_seen_by_officials_and_what_is_late_by_the_counter(decision: Decision, level: AlertLevel, seen: bool) -> None:  # noqa: FBT001
    assert sees_alert(decision, Alert(1, OWN, 1, level, DUE, DUE, DUE, "22-XD")) is seen


def test_a_calendar_counts_what_it_was_loaded_with_and_its_amendments() -> None:
    loaded = Override(date(2026, 1, 2), OverrideKind.OFF, None, "1/QD", date(2025, 12, 1))
    later = replace(loaded, day=date(2026, 3, 2), document="2/QD", since=2)
    assert version_of(()) == 0
    assert version_of((loaded,)) == 1
    assert version_of((loaded, later, replace(later, day=date(2026, 3, 3)))) == 2
    table = Calendar((loaded, later, replace(later, day=date(2026, 3, 3))), 2)
    days = (date(2026, 1, 1), date(2026, 12, 31))
    assert [table.documents_since(version, *days) for version in (0, 1, 2)] == [("2/QD",), ("2/QD",), ()]
    assert table.documents_since(0, date(2026, 3, 4), days[1]) == table.documents_since(0, days[0], date(2026, 3, 1)) == ()
