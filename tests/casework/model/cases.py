"""Dossiers in every state, one good input for each move, and short ways to make moves: what the tests of the lifecycle share."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from casework.model.alert import Alert, AlertLevel, DeadlineKind
from casework.model.dossier import moved
from casework.model.errors import Invalid, Refused
from casework.model.limit import Limit, LimitUnit
from casework.model.moves import (
    NAMES,
    Acknowledge,
    Apologise,
    Assign,
    ClearBlocker,
    CompleteStep,
    Decide,
    Deliver,
    Erase,
    Extend,
    GiveOpinion,
    Move,
    MoveName,
    RaiseBlocker,
    Rate,
    Receive,
    RecordPayment,
    Refuse,
    Reopen,
    RequestSupplement,
    RequirePayment,
    Return,
    Rotate,
    Setting,
    Stop,
    Supply,
    Withdraw,
)
from casework.model.parties import Ref
from casework.model.procedure import Channel, Component, DossierKind, Fee, ProcedureVersion, StepOrder, StepRule, Texts
from casework.model.record import Applicant, AssignmentRole, Document, Dossier, Imported, Medium, Outcome, State, SupplementItem
from casework.model.workdays import ZONE, Calendar, Override, OverrideKind

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
    unit="22-XD",
    limit=Limit(LimitUnit.WORKING_DAYS, 10),
    legal_basis="50/2014/QH13, 102",
    valid_from=date(2025, 1, 1),
    channels=(Channel.ONLINE,),
    steps=tuple(StepRule(code, TITLE) for code in ("CHECK", "SITE", "DRAFT")),
    components=(Component("FORM", TITLE), Component("DEED", TITLE), Component("PLAN", TITLE, mandatory=False)),
    fees=(Fee("PERMIT", TITLE, 75_000, "85/2019/TT-BTC"),),
    clarity_lead=CLARITY,
    clarity_coordinating=("task", "due_at"),
    payment_pauses=True,
)
SETTING = Setting(VERSION, Calendar())
FREELY = Setting(replace(VERSION, step_order=StepOrder.FREE), Calendar())
IMPORTED = replace(VERSION, step_order=StepOrder.FREE, limit=Limit(LimitUnit.FIXED_DATE), clarity_lead=(), clarity_coordinating=())
IMPORTING = Setting(IMPORTED, Calendar(), imported=True)
# A day is taken off that the first clock of these dossiers counts, and one that it does not reach.
AMENDED = Setting(
    VERSION,
    Calendar(tuple(Override(day, OverrideKind.OFF, None, "1/QD", date(2025, 1, 25)) for day in (date(2025, 2, 5), date(2025, 2, 12))), 2),
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC)


START = at("2025-01-20T09:00")
DUE = at("2025-02-10T17:00")
T1, T2, T3, T4, T5, T6 = (START + n * HOUR for n in (1, 2, 3, 4, 5, 6))
REF, OTHER = Ref("d", 1), Ref("e", 2)
SUBMITTED = Dossier(
    code="22-XD-250120-0001", state=State.SUBMITTED, kind=DossierKind.ADMINISTRATIVE, procedure="XD-01", procedure_version=1,
    unit="22-XD", reception_point="22-MC", delivery_point="22-MD", channel=Channel.ONLINE, slip_key=1, secret_generation=1,
    submitted_at=START, applicant=Applicant(REF, person="pseudonym-1"),
)  # fmt: skip
IMPORTED_CASE = replace(SUBMITTED, applicant=None, fixed_due_at=DUE, imported=Imported("a log", "case-1", START))

RECEIVE = Receive(("FORM", "DEED"))
REFUSE = Refuse(REF, OTHER)
TO_LEAD = Assign(LEAD, "22-XD", "officer-1", DUE, REF, REF, None, REF)
TO_OTHER = Assign(COORDINATING, "22-MT", None, DUE - 5 * DAY, REF)
BACK = Return(1, REF)
STEP = CompleteStep("CHECK", "22-XD", "officer-1")
OPINION = GiveOpinion("22-MT", "officer-2", 2, REF)
ASK = RequestSupplement((SupplementItem("PLAN", REF),))
GIVE = Supply((Document("PLAN", "00" * 32),))
GRANT = Decide(Outcome.GRANTED, REF)
DELIVER = Deliver(Medium.PAPER, REF)
WITHDRAW = Withdraw(REF)
STOP = Stop(REF, OTHER)
REOPEN = Reopen(REF)
RATE = Rate(4, REF)
ROTATE = Rotate(2)
EXTEND = Extend(2, REF, OTHER)
SORRY = Apologise(DUE + DAY, REF)
CHARGE = RequirePayment("PERMIT")
PAY = RecordPayment(REF, online=True)
BLOCK = RaiseBlocker(REF, stops_clock=True, legal_basis=OTHER)
UNBLOCK = ClearBlocker(1, REF)
ACKNOWLEDGE = Acknowledge(1, "head-1", REF)
ERASE = Erase(OTHER, REF, (REF.digest,))
SAMPLES: dict[MoveName, Move] = {
    NAMES[type(move)]: move
    for move in (
        RECEIVE, REFUSE, TO_LEAD, BACK, STEP, OPINION, ASK, GIVE, GRANT, DELIVER, WITHDRAW, STOP, REOPEN, RATE, ROTATE,
        EXTEND, SORRY, CHARGE, PAY, BLOCK, UNBLOCK, ACKNOWLEDGE, ERASE,
    )
}  # fmt: skip


def after(dossier: Dossier, *moves: tuple[Move, datetime], setting: Setting = SETTING) -> Dossier:
    for move, instant in moves:
        dossier, _ = moved(dossier, move, instant, setting)
    return dossier


def refusal(dossier: Dossier, move: Move, instant: datetime = T4, setting: Setting = SETTING) -> Refused:
    with pytest.raises(Refused) as caught:
        moved(dossier, move, instant, setting)
    return caught.value


def fault(dossier: Dossier, move: Move, instant: datetime = T4, setting: Setting = SETTING) -> tuple[str, tuple[str, ...]]:
    with pytest.raises(Invalid) as caught:
        moved(dossier, move, instant, setting)
    return caught.value.code, caught.value.path


BACKWARDS = ("BEFORE_LAST_MOVE", ("at",))
RECEIVED = after(SUBMITTED, (RECEIVE, START))
LED = after(RECEIVED, (TO_LEAD, T1))
COORDINATED = after(LED, (TO_OTHER, T1))
ANSWERED = after(COORDINATED, (OPINION, T1))
ASKED = after(ANSWERED, (ASK, T2))
CHARGED = after(ANSWERED, (CHARGE, T2))
BLOCKED = after(ANSWERED, (BLOCK, T2))
LEFT = after(ANSWERED, (BACK, T2))  # by its lead, who gave it back
DECIDED = after(ANSWERED, (GRANT, T2))
DELIVERED = after(DECIDED, (DELIVER, T3))
STANDING = {
    State.SUBMITTED: SUBMITTED,
    State.RECEIVED: RECEIVED,
    State.REFUSED: after(SUBMITTED, (REFUSE, START)),
    State.IN_PROCESS: ANSWERED,
    State.AWAITING_SUPPLEMENT: ASKED,
    State.AWAITING_PAYMENT: CHARGED,
    State.WITHDRAWN: after(ANSWERED, (WITHDRAW, T2)),
    State.STOPPED: after(ANSWERED, (STOP, T2)),
    State.DECIDED: DECIDED,
    State.DELIVERED: DELIVERED,
}
TAKEN = after(IMPORTED_CASE, (RECEIVE, START), (Assign(LEAD, "22-XD", "officer-1"), START), setting=IMPORTING)
ENDED = after(TAKEN, (Decide(Outcome.OTHER), T2), setting=IMPORTING)


def noticed(dossier: Dossier, *levels: AlertLevel) -> Dossier:
    """Give a dossier of which these levels of its own clock were raised."""
    assert dossier.due_at is not None
    given = (DeadlineKind.DOSSIER, dossier.arming)
    alerts = [Alert(number, *given, level, dossier.due_at, START, START, dossier.unit) for number, level in enumerate(levels, 1)]
    return replace(dossier, alerts=tuple(alerts))


def warned(dossier: Dossier) -> Dossier:
    """Give a dossier, in any state, of which it was noticed once that it is overdue."""
    late = Alert(1, DeadlineKind.DOSSIER, 1, AlertLevel.OVERDUE, START, START, START, dossier.unit)
    return replace(dossier, alerts=(late,))


def levels_of(dossier: Dossier) -> tuple[AlertLevel, ...]:
    """Give the levels that were raised of its own clock since its due date moved last."""
    return tuple(alert.level for alert in dossier.alerts if alert.kind is DeadlineKind.DOSSIER and alert.arming == dossier.arming)
