"""The deadlines of a dossier: its own clock, and those of whoever is to act on it now, each computed from the record.

Pure. Alerts are raised in `raising`. A step's time runs from the naming of the lead or the step before; a coordinating unit's never ends
after the dossier's, and neither does a step's; a supplement and a payment have the applicant's time, which runs while the dossier's
stands. Source: domain.md section 5.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from casework.model.alert import DeadlineKind
from casework.model.clock import Course, Reckoning, reckoned
from casework.model.course import clock_of
from casework.model.intervals import stage, unanswered
from casework.model.laying import Pause
from casework.model.limit import Limit, LimitUnit, Rule
from casework.model.moves import Setting
from casework.model.procedure import DossierKind, StepOrder
from casework.model.record import AssignmentRole, Dossier, IntervalKind, State


@dataclass(frozen=True, slots=True)
class Deadline:
    """A deadline that runs or stands. `of` names the step, or the number of assignment, supplement or payment; it may be empty."""

    kind: DeadlineKind
    of: str
    reckoning: Reckoning
    unit: str | None = None
    officer: str | None = None


def deadlines(dossier: Dossier, setting: Setting) -> tuple[Deadline, ...]:
    """Give all deadlines of a dossier, its own first; none before it is received or after its end."""
    if not dossier.open or dossier.started_at is None:
        return ()
    whole = clock_of(dossier, setting, told=False)
    lead = dossier.lead
    kind = DeadlineKind.FEEDBACK if dossier.kind is DossierKind.FEEDBACK else DeadlineKind.DOSSIER
    officer = lead.officer if lead and lead.stands else None
    return (
        Deadline(kind, "", whole, dossier.unit, officer),
        *_of_step(dossier, setting, whole, officer),
        *_of_coordination(dossier, setting, whole),
        *_of_applicant(dossier, setting),
    )


def _of_step(dossier: Dossier, setting: Setting, whole: Reckoning, officer: str | None) -> Iterator[Deadline]:
    """Give the deadline of the step that is due next; steps that run freely have none."""
    version, started_at, code = setting.procedure, dossier.started_at, stage(dossier, setting)
    rule = next((step for step in version.steps if step.code == code), None)
    named = [a.assigned_at for a in dossier.assignments if a.role is AssignmentRole.LEAD and started_at and a.assigned_at >= started_at]
    if version.step_order is StepOrder.FREE or rule is None or rule.allotted_days is None or not named:
        return
    before = dossier.reopenings[-1].last_step if dossier.reopenings else 0
    begun = max([min(named), *(step.at for step in dossier.steps[before:])])
    limit = Rule(Limit(LimitUnit.WORKING_DAYS, rule.allotted_days), version.cut_off, version.legal_basis, version.version)
    own = reckoned(limit, Course(begun, _pauses(dossier, begun)), setting.calendar, told=False)
    yield Deadline(DeadlineKind.STEP, code, _within(own, whole, setting), dossier.unit, officer)


def _of_coordination(dossier: Dossier, setting: Setting, whole: Reckoning) -> Iterator[Deadline]:
    """Give those of the units that have yet to answer."""
    for assignment, _ in unanswered(dossier, whole.due_at):
        due_at = min(assignment.due_at or whole.due_at, whole.due_at)
        own = _fixed(assignment.assigned_at, due_at, _pauses(dossier, assignment.assigned_at), setting)
        yield Deadline(DeadlineKind.COORDINATION, str(assignment.number), own, assignment.unit, assignment.officer)


def _of_applicant(dossier: Dossier, setting: Setting) -> Iterator[Deadline]:
    """Give that of what the applicant is to do, where the version says how long he has."""
    version = setting.procedure
    if dossier.state is State.AWAITING_SUPPLEMENT and version.supplement_days:
        asked = dossier.supplements[-1]
        own = _days(version.supplement_days, asked.asked_at, setting)
        yield Deadline(DeadlineKind.SUPPLEMENT, str(asked.number), own)
    if dossier.state is State.AWAITING_PAYMENT and version.payment_days:
        payment = dossier.payments[-1]
        yield Deadline(DeadlineKind.PAYMENT, str(payment.number), _days(version.payment_days, payment.asked_at, setting))


def _days(count: int, begun: datetime, setting: Setting) -> Reckoning:
    version = setting.procedure
    rule = Rule(Limit(LimitUnit.WORKING_DAYS, count), version.cut_off, version.legal_basis, version.version)
    return reckoned(rule, Course(begun), setting.calendar, told=False)


def _within(own: Reckoning, whole: Reckoning, setting: Setting) -> Reckoning:
    """Keep a deadline inside of the dossier's."""
    if own.due_at <= whole.due_at:
        return own
    return _fixed(own.received_at, whole.due_at, own.course.pauses, setting)


def _fixed(begun: datetime, due_at: datetime, pauses: tuple[Pause, ...], setting: Setting) -> Reckoning:
    rule = Rule(Limit(LimitUnit.FIXED_DATE), legal_basis=setting.procedure.legal_basis, version=setting.procedure.version)
    return reckoned(rule, Course(begun, pauses, fixed_due_at=due_at), setting.calendar, told=False)


def _pauses(dossier: Dossier, begun: datetime) -> tuple[Pause, ...]:
    """Give the pauses of the dossier's clock as far as they lie after an instant."""
    return tuple(
        Pause(max(i.from_at, begun), i.to_at)
        for i in dossier.current
        if i.kind is IntervalKind.PAUSED and (i.to_at is None or i.to_at > begun)
    )
