"""The moves as mutations: inputs, payloads, and the one way from an input to a written entry.

A refusal that concerns the input or the dossier is in the payload's `errors`; nothing was written then. What each input means stands in
`inputs`; what a move does stands in the table of moves.
"""

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from datetime import date, datetime, time
from enum import Enum
from functools import partial
from typing import Annotated, Any, TypeVar

import strawberry

from casework.actions.amendments import Amending, amend
from casework.actions.dossiers import Asked, Making, Person, Submission, move, secret_of, submit
from casework.actions.exports import Asked as Taking
from casework.actions.exports import request_export
from casework.actions.incidents import Asked as Reporting
from casework.actions.incidents import Opening, close_incident, open_incident
from casework.actions.inspections import Asked as Inspecting
from casework.actions.inspections import close_inspection, open_inspection
from casework.actions.procedures import Publishing, publish, published_by
from casework.actions.tasks import following_of
from casework.actions.unmasking import Asked as Unmasking
from casework.actions.unmasking import unmask
from casework.commits import Written
from casework.model.access import unmasked
from casework.model.errors import Conflict as Stale
from casework.model.errors import Fault
from casework.model.errors import Invalid as Wrong
from casework.model.errors import NotFound as Absent
from casework.model.errors import Refused as No
from casework.model.moves import MoveName
from casework.model.packing import Plain, moment
from casework.model.parties import Viewer
from casework.model.record import DossierId
from casework.ports import Services
from casework.views import UNKNOWN, View, decided
from schema import delaying, inputs
from schema.accesses import Access, UnmaskApplicantInput, access_entry_shown, access_shown
from schema.alert import AcknowledgeAlertInput, Alert, acknowledged_in, acknowledging, alert_shown, number_in
from schema.amending import AmendCalendarInput, amendment_of
from schema.audit import AuditEntry, entry_shown
from schema.context import Info, context_of
from schema.dossier import Dossier, dossier_shown
from schema.erasure import EraseApplicantInput, erasing
from schema.errors import Invalid, NotFound, UserError, refused_shown
from schema.export import Export, RequestExportInput, export_shown, wanted_of
from schema.incident import CloseIncidentInput, Incident, OpenIncidentInput, incident_shown
from schema.inspection import CloseInspectionInput, Inspection, OpenInspectionInput, inspection_shown, opening_of
from schema.node import NOTHING, key_of
from schema.procedure import Procedure, procedure_shown
from schema.publishing import PublishProcedureInput, draft_of
from schema.task import Task, task_following

P = TypeVar("P", bound="Payload")
G = TypeVar("G", bound=inputs.KeyedInput)
Given = Annotated[G, strawberry.argument(description="What is asked for.")]


@strawberry.type(description="The version acted upon is not the current one: look at `current`, then ask again.")
class Conflict(UserError):
    """`errors.Conflict` as a value."""

    current: Dossier = strawberry.field(description="The dossier as it is now.")


@strawberry.type(description="What came of a mutation.")
class Payload:
    """Common to all payloads."""

    dossier: Dossier | None = strawberry.field(description="The dossier as it is now; null when refused.")
    entry: AuditEntry | None = strawberry.field(description="The one entry that was written; null when refused.")
    errors: list[UserError] = strawberry.field(description="Why it was refused; empty when it was not.")


@strawberry.type(description="What came of submitDossier.")
class SubmitDossierPayload(Payload):
    """Payload of submitDossier."""

    tracking_secret: str | None = strawberry.field(description="The secret for the slip; shown here and nowhere else.")


@strawberry.type(description="What came of receiveDossier.")
class ReceiveDossierPayload(Payload):
    """Payload of receiveDossier."""


@strawberry.type(description="What came of assignDossier.")
class AssignDossierPayload(Payload):
    """Payload of assignDossier."""


@strawberry.type(description="What came of completeStep.")
class CompleteStepPayload(Payload):
    """Payload of completeStep."""


@strawberry.type(description="What came of giveOpinion.")
class GiveOpinionPayload(Payload):
    """Payload of giveOpinion."""


@strawberry.type(description="What came of requestSupplement.")
class RequestSupplementPayload(Payload):
    """Payload of requestSupplement."""


@strawberry.type(description="What came of supplyDocuments.")
class SupplyDocumentsPayload(Payload):
    """Payload of supplyDocuments."""


@strawberry.type(description="What came of decideDossier.")
class DecideDossierPayload(Payload):
    """Payload of decideDossier."""


@strawberry.type(description="What came of refuseDossier.")
class RefuseDossierPayload(Payload):
    """Payload of refuseDossier."""


@strawberry.type(description="What came of returnAssignment.")
class ReturnAssignmentPayload(Payload):
    """Payload of returnAssignment."""


@strawberry.type(description="What came of deliverResult.")
class DeliverResultPayload(Payload):
    """Payload of deliverResult."""


@strawberry.type(description="What came of withdrawDossier.")
class WithdrawDossierPayload(Payload):
    """Payload of withdrawDossier."""


@strawberry.type(description="What came of stopDossier.")
class StopDossierPayload(Payload):
    """Payload of stopDossier."""


@strawberry.type(description="What came of reopenDossier.")
class ReopenDossierPayload(Payload):
    """Payload of reopenDossier."""


@strawberry.type(description="What came of rateDossier.")
class RateDossierPayload(Payload):
    """Payload of rateDossier."""


@strawberry.type(description="What came of extendDeadline.")
class ExtendDeadlinePayload(Payload):
    """Payload of extendDeadline."""


@strawberry.type(description="What came of apologise.")
class ApologisePayload(Payload):
    """Payload of apologise."""


@strawberry.type(description="What came of requirePayment.")
class RequirePaymentPayload(Payload):
    """Payload of requirePayment."""


@strawberry.type(description="What came of recordPayment.")
class RecordPaymentPayload(Payload):
    """Payload of recordPayment."""


@strawberry.type(description="What came of raiseBlocker.")
class RaiseBlockerPayload(Payload):
    """Payload of raiseBlocker."""


@strawberry.type(description="What came of clearBlocker.")
class ClearBlockerPayload(Payload):
    """Payload of clearBlocker."""


@strawberry.type(description="What came of acknowledgeAlert.")
class AcknowledgeAlertPayload(Payload):
    """Payload of acknowledgeAlert."""

    alert: Alert | None = strawberry.field(description="The alert as it is now; null when refused.")


@strawberry.type(description="What came of eraseApplicant.")
class EraseApplicantPayload(Payload):
    """Payload of eraseApplicant."""

    complete: bool | None = strawberry.field(
        description="Whether nothing is left that tells who the applicant is; null when refused. False where citizens acted in the dossier "
        "so often that one transaction could not erase it all: ask again, with another key."
    )


@strawberry.type(description="What came of rotateTrackingSecret.")
class RotateTrackingSecretPayload(Payload):
    """Payload of rotateTrackingSecret."""

    tracking_secret: str | None = strawberry.field(description="The new secret for the slip; the one before is void.")


@strawberry.type(description="What came of publishProcedure.")
class PublishProcedurePayload(Payload):
    """Payload of publishProcedure; a procedure is no dossier, so `dossier` is always null."""

    procedure: Procedure | None = strawberry.field(description="The version as it was published; null when refused.")


@strawberry.type(description="What came of amendCalendar.")
class AmendCalendarPayload(Payload):
    """Payload of amendCalendar; the calendar is no dossier, so `dossier` is always null."""

    task: Task | None = strawberry.field(
        description="The task that computes the dossiers anew, PENDING until it is begun; null when refused."
    )
    calendar_version: int | None = strawberry.field(description="The version of the calendar that it made; null when refused.")


@strawberry.type(description="What came of requestExport.")
class RequestExportPayload(Payload):
    """Payload of requestExport; an export is no dossier, so `dossier` is always null."""

    export: Export | None = strawberry.field(description="The export as it is now; null when refused.")


@strawberry.type(description="What came of unmaskApplicant. In `dossier` the applicant's values stand as they are.")
class UnmaskApplicantPayload(Payload):
    """Payload of unmaskApplicant; its entry is one of the second log."""

    access: Access | None = strawberry.field(description="The access that was written, as the applicant sees it; null when refused.")


@strawberry.type(description="What came of openIncident.")
class OpenIncidentPayload(Payload):
    """Payload of openIncident; an incident is no dossier, so `dossier` is always null."""

    incident: Incident | None = strawberry.field(description="The incident as it is now; null when refused.")
    task: Task | None = strawberry.field(
        description="The task that brings it to the dossiers; null when refused, and where it may not be seen."
    )


@strawberry.type(description="What came of closeIncident.")
class CloseIncidentPayload(Payload):
    """Payload of closeIncident; an incident is no dossier, so `dossier` is always null."""

    incident: Incident | None = strawberry.field(description="The incident as it is now; null when refused.")
    task: Task | None = strawberry.field(
        description="The task that rids the dossiers of it; null when refused, and where it may not be seen."
    )


@strawberry.type(description="What came of openInspection.")
class OpenInspectionPayload(Payload):
    """Payload of openInspection; an inspection is no dossier, so `dossier` is always null."""

    inspection: Inspection | None = strawberry.field(description="The inspection as it is now; null when refused.")


@strawberry.type(description="What came of closeInspection.")
class CloseInspectionPayload(Payload):
    """Payload of closeInspection; an inspection is no dossier, so `dossier` is always null."""

    inspection: Inspection | None = strawberry.field(description="The inspection as it is now; null when refused.")


@strawberry.type(description="Every change is one mutation: one transaction, one entry in the trail.")
class Mutation:
    """The mutations."""

    @strawberry.mutation(description="Open a dossier: issues its code and its tracking secret. By the applicant, or RECEPTION.")
    def submit_dossier(self, info: Info, input: Given[inputs.SubmitDossierInput]) -> SubmitDossierPayload:
        """Open a dossier."""
        context = context_of(info)
        applicant = input.applicant
        submission = Submission(
            procedure=key_of(input.procedure, "procedure").partition("@")[0],
            reception_point=key_of(input.reception_point, "point"),
            channel=input.channel,
            applicant=Person(applicant.name, applicant.phone, applicant.address, applicant.identity_number),
            unit=key_of(input.unit, "unit") if input.unit else None,
            delivery_point=key_of(input.delivery_point, "point") if input.delivery_point else None,
            rehearsal=bool(input.rehearsal),
        )
        try:
            done, secret = submit(context.services, context.viewer, submission, _asked(info, input))
        except (Wrong, No) as fault:
            return SubmitDossierPayload(dossier=None, entry=None, tracking_secret=None, errors=[_told(info, fault)])
        payload = _done(info, SubmitDossierPayload, done, tracking_secret=secret)
        assert isinstance(payload, SubmitDossierPayload)
        return payload

    @strawberry.mutation(description="Take a dossier in: its clock starts. By RECEPTION of its reception point.")
    def receive_dossier(self, info: Info, input: Given[inputs.ReceiveDossierInput]) -> ReceiveDossierPayload:
        """Take a dossier in."""
        return _moved(info, input, MoveName.RECEIVE, ReceiveDossierPayload, inputs.receiving(input))

    @strawberry.mutation(description="Name the lead, or a unit that coordinates. By HEAD of the competent unit.")
    def assign_dossier(self, info: Info, input: Given[inputs.AssignDossierInput]) -> AssignDossierPayload:
        """Assign a dossier."""
        return _moved(info, input, MoveName.ASSIGN, AssignDossierPayload, inputs.assigning(input))

    @strawberry.mutation(description="Record a step as done. By the lead OFFICER.")
    def complete_step(self, info: Info, input: Given[inputs.CompleteStepInput]) -> CompleteStepPayload:
        """Complete a step."""
        return _moved(info, input, MoveName.COMPLETE_STEP, CompleteStepPayload, inputs.completing(input))

    @strawberry.mutation(description="Answer as a coordinating unit. By an OFFICER of it.")
    def give_opinion(self, info: Info, input: Given[inputs.GiveOpinionInput]) -> GiveOpinionPayload:
        """Give an opinion."""
        return _moved(info, input, MoveName.GIVE_OPINION, GiveOpinionPayload, inputs.answering(input))

    @strawberry.mutation(description="Ask for what is missing: the clock pauses. By the lead OFFICER; HEAD may override.")
    def request_supplement(self, info: Info, input: Given[inputs.RequestSupplementInput]) -> RequestSupplementPayload:
        """Request supplements."""
        return _moved(info, input, MoveName.REQUEST_SUPPLEMENT, RequestSupplementPayload, inputs.requesting(input))

    @strawberry.mutation(description="Hand in what was asked for: the clock resumes. By the applicant, or RECEPTION for him.")
    def supply_documents(self, info: Info, input: Given[inputs.SupplyDocumentsInput]) -> SupplyDocumentsPayload:
        """Supply documents."""
        return _moved(info, input, MoveName.SUPPLY, SupplyDocumentsPayload, inputs.supplying(input))

    @strawberry.mutation(description="Decide: the clock stops. By the lead OFFICER or HEAD.")
    def decide_dossier(self, info: Info, input: Given[inputs.DecideDossierInput]) -> DecideDossierPayload:
        """Decide a dossier."""
        return _moved(info, input, MoveName.DECIDE, DecideDossierPayload, inputs.deciding(input))

    @strawberry.mutation(description="Do not take a dossier in, with reason and legal basis. By RECEPTION of its reception point.")
    def refuse_dossier(self, info: Info, input: Given[inputs.RefuseDossierInput]) -> RefuseDossierPayload:
        """Refuse a dossier."""
        return _moved(info, input, MoveName.REFUSE, RefuseDossierPayload, inputs.refusing(input))

    @strawberry.mutation(description="Give an assignment back: a head is to assign anew, and it is counted. By its officer.")
    def return_assignment(self, info: Info, input: Given[inputs.ReturnAssignmentInput]) -> ReturnAssignmentPayload:
        """Return an assignment."""
        return _moved(info, input, MoveName.RETURN, ReturnAssignmentPayload, inputs.returning(input))

    @strawberry.mutation(description="Hand out the result. By RECEPTION of the delivery point.")
    def deliver_result(self, info: Info, input: Given[inputs.DeliverResultInput]) -> DeliverResultPayload:
        """Deliver the result."""
        return _moved(info, input, MoveName.DELIVER, DeliverResultPayload, inputs.delivering(input))

    @strawberry.mutation(description="Take a dossier back before it is decided: the clock stops. By the applicant, or RECEPTION for him.")
    def withdraw_dossier(self, info: Info, input: Given[inputs.WithdrawDossierInput]) -> WithdrawDossierPayload:
        """Withdraw a dossier."""
        return _moved(info, input, MoveName.WITHDRAW, WithdrawDossierPayload, inputs.withdrawing(input))

    @strawberry.mutation(description="End a dossier without a decision: the clock stops. By HEAD of the competent unit.")
    def stop_dossier(self, info: Info, input: Given[inputs.StopDossierInput]) -> StopDossierPayload:
        """Stop a dossier."""
        return _moved(info, input, MoveName.STOP, StopDossierPayload, inputs.stopping(input))

    @strawberry.mutation(
        description="Handle a decided dossier anew: a new clock starts, the old one stays as it was. By HEAD of the competent unit."
    )
    def reopen_dossier(self, info: Info, input: Given[inputs.ReopenDossierInput]) -> ReopenDossierPayload:
        """Reopen a dossier."""
        return _moved(info, input, MoveName.REOPEN, ReopenDossierPayload, inputs.reopening(input))

    @strawberry.mutation(description="Say how it went, once, after the result is there. By the applicant.")
    def rate_dossier(self, info: Info, input: Given[inputs.RateDossierInput]) -> RateDossierPayload:
        """Rate a dossier."""
        return _moved(info, input, MoveName.RATE, RateDossierPayload, inputs.rating(input))

    @strawberry.mutation(
        description="Add units to the limit, before it expires; the applicant is promised the new date. By HEAD of the competent unit."
    )
    def extend_deadline(self, info: Info, input: Given[delaying.ExtendDeadlineInput]) -> ExtendDeadlinePayload:
        """Add units to the limit."""
        return _moved(info, input, MoveName.EXTEND, ExtendDeadlinePayload, delaying.extending(input))

    @strawberry.mutation(description="Promise another date by a letter, once; the due date stays. By HEAD of the competent unit.")
    def apologise(self, info: Info, input: Given[delaying.ApologiseInput]) -> ApologisePayload:
        """Promise another date by a letter."""
        return _moved(info, input, MoveName.APOLOGISE, ApologisePayload, delaying.apologising(input))

    @strawberry.mutation(description="Ask for a fee of the version; the clock pauses where the version says so. By the lead OFFICER.")
    def require_payment(self, info: Info, input: Given[delaying.RequirePaymentInput]) -> RequirePaymentPayload:
        """Ask for a fee of the version."""
        return _moved(info, input, MoveName.REQUIRE_PAYMENT, RequirePaymentPayload, delaying.requiring_payment(input))

    @strawberry.mutation(description="Record the fee as paid. By RECEPTION.")
    def record_payment(self, info: Info, input: Given[delaying.RecordPaymentInput]) -> RecordPaymentPayload:
        """Record the fee as paid."""
        return _moved(info, input, MoveName.RECORD_PAYMENT, RecordPaymentPayload, delaying.recording_payment(input))

    @strawberry.mutation(
        description="Say what keeps everybody from going on, and whether the clock stands for it. By HEAD, or SUPERVISOR of the tree."
    )
    def raise_blocker(self, info: Info, input: Given[delaying.RaiseBlockerInput]) -> RaiseBlockerPayload:
        """Say what keeps everybody from going on."""
        return _moved(info, input, MoveName.RAISE_BLOCKER, RaiseBlockerPayload, delaying.blocking(input))

    @strawberry.mutation(description="Say that a blocker is gone. By HEAD, or SUPERVISOR of the tree.")
    def clear_blocker(self, info: Info, input: Given[delaying.ClearBlockerInput]) -> ClearBlockerPayload:
        """Say that a blocker is gone."""
        return _moved(info, input, MoveName.CLEAR_BLOCKER, ClearBlockerPayload, delaying.unblocking(input))

    @strawberry.mutation(
        description="Take note of an alert, and say what is done about it. By whoever it goes to: AT_RISK to the lead OFFICER, or one of "
        "the coordinating unit; DUE_TODAY to HEAD, too; OVERDUE to HEAD and RECEPTION of the reception point; ESCALATED to SUPERVISOR."
    )
    def acknowledge_alert(self, info: Info, input: Given[AcknowledgeAlertInput]) -> AcknowledgeAlertPayload:
        """Take note of an alert."""
        payload = partial(AcknowledgeAlertPayload, alert=None)
        try:
            named = acknowledged_in(input)
        except Wrong as fault:
            return payload(dossier=None, entry=None, errors=[_told(info, fault)])
        done = _moved_in(info, named, input, MoveName.ACKNOWLEDGE, payload, acknowledging(input))
        if done.dossier is not None and done.entry is not None:
            view = done.dossier.view
            stored = view.held.dossier.alerts[number_in(input, view.held) - 1]
            done.alert = alert_shown(view.held, stored, view.decision)
        return done

    @strawberry.mutation(
        description="Erase who the applicant of a dossier is that has ended: name, telephone, address, identity number, account, and which "
        "citizens acted. It is for good; every proof still holds. By HEAD of the competent unit, or SUPERVISOR of the tree."
    )
    def erase_applicant(self, info: Info, input: Given[EraseApplicantInput]) -> EraseApplicantPayload:
        """Erase who the applicant is."""
        payload = partial(EraseApplicantPayload, complete=None)
        done = _moved_in(info, (input.dossier, "dossier"), input, MoveName.ERASE, payload, erasing(input))
        done.complete = done.dossier.view.held.dossier.erased if done.dossier else None
        return done

    @strawberry.mutation(description="Make the tracking secret void, and a new one. By the applicant, or RECEPTION for him.")
    def rotate_tracking_secret(self, info: Info, input: Given[inputs.RotateTrackingSecretInput]) -> RotateTrackingSecretPayload:
        """Rotate the secret."""
        services = context_of(info).services
        payload = partial(RotateTrackingSecretPayload, tracking_secret=None)
        done = _moved(info, input, MoveName.ROTATE, payload, inputs.rotating(services.keys.current))
        if done.dossier is not None and done.entry is not None:
            done.tracking_secret = secret_of(services, done.dossier.view.held, done.entry.entry)
        return done

    @strawberry.mutation(description="Publish a version of a procedure, in force from a day to come or from today. By ADMIN.")
    def publish_procedure(self, info: Info, input: Given[PublishProcedureInput]) -> PublishProcedurePayload:
        """Publish a version."""
        context = context_of(info)
        asked = _asked(info, input)
        try:
            done = publish(context.services, context.viewer, draft_of(input), Publishing(asked.key, asked.correlation, asked.input))
        except Wrong as fault:
            return PublishProcedurePayload(dossier=None, procedure=None, entry=None, errors=[Invalid(fault=fault)])
        entry = entry_shown(done.entry, View(done.held, context.decided(done.held)))
        return PublishProcedurePayload(dossier=None, procedure=procedure_shown(published_by(done)), entry=entry, errors=[])

    @strawberry.mutation(
        description="Amend the work calendar by a document. The dossiers that it moves are computed anew by a task. By ADMIN."
    )
    def amend_calendar(self, info: Info, input: Given[AmendCalendarInput]) -> AmendCalendarPayload:
        """Amend the calendar."""
        context = context_of(info)
        asked = _asked(info, input)
        try:
            done = amend(context.services, context.viewer, amendment_of(input), Amending(asked.key, asked.correlation, asked.input))
        except Wrong as fault:
            return AmendCalendarPayload(dossier=None, task=None, calendar_version=None, entry=None, errors=[Invalid(fault=fault)])
        following = following_of(done.entry)
        assert following is not None
        shown = task_following(context, done.entry)
        entry = entry_shown(done.entry, View(done.held, context.decided(done.held)))
        return AmendCalendarPayload(dossier=None, task=shown, calendar_version=following.calendar_version, entry=entry, errors=[])

    @strawberry.mutation(
        description="Open an incident of a unit and all below it; dossiers in process there carry it. By HEAD, or a SUPERVISOR of the tree."
    )
    def open_incident(self, info: Info, input: Given[OpenIncidentInput]) -> OpenIncidentPayload:
        """Open an incident."""
        opening = Opening(key_of(input.unit, "unit"), input.reason, input.legal_basis, input.stops_clocks)
        return _incident(info, input, OpenIncidentPayload, lambda asked: open_incident(*_who(info), opening, asked))

    @strawberry.mutation(
        description="Ask for an export of the trail, which can be verified offline. It is made in the background: follow `taskProgressed` "
        "with its id. By INSPECTOR."
    )
    def request_export(self, info: Info, input: Given[RequestExportInput]) -> RequestExportPayload:
        """Ask for an export."""
        context = context_of(info)
        try:
            typed = replace(input, idempotency_key=strawberry.ID(""))  # The key is no part of what it is used with.
            asked = Taking(str(input.idempotency_key), context.correlation, _plain(typed))
            done = request_export(*_who(info), wanted_of(context, input), asked)
        except Wrong as fault:
            return RequestExportPayload(dossier=None, export=None, entry=None, errors=[Invalid(fault=fault)])
        entry = entry_shown(done.entry, View(done.held, context.decided(done.held)))
        return RequestExportPayload(dossier=None, export=export_shown(done.held), entry=entry, errors=[])

    @strawberry.mutation(
        description="Be shown the applicant's values of a dossier unmasked, in this answer alone, for a reason that the applicant "
        "reads. By SUPERVISOR of the tree; by INSPECTOR during an open inspection."
    )
    def unmask_applicant(self, info: Info, input: Given[UnmaskApplicantInput]) -> UnmaskApplicantPayload:
        """Unmask the applicant."""
        context, asked = context_of(info), _asked(info, input)
        subject = context.subject(input.dossier) or UNKNOWN
        try:
            why = Unmasking(asked.key, asked.correlation, asked.input)
            inspection = key_of(input.inspection, "inspection") if input.inspection is not None else None
            done = unmask(*_who(info), subject, input.reason, inspection, why)
        except (Wrong, Absent, No) as fault:
            return UnmaskApplicantPayload(dossier=None, access=None, entry=None, errors=[_told(info, fault)])
        context.opened[subject] = None  # What is shown here has been noted.
        shown = dossier_shown(View(done.view.held, unmasked(done.view.decision)))
        context.accesses([done.access])
        entry = access_entry_shown(done.access.entry, done.view)
        return UnmaskApplicantPayload(dossier=shown, access=access_shown(done.access.entry), entry=entry, errors=[])

    @strawberry.mutation(description="Close an incident; dossiers are rid of it from now on. By HEAD, or a SUPERVISOR of the tree.")
    def close_incident(self, info: Info, input: Given[CloseIncidentInput]) -> CloseIncidentPayload:
        """Close an incident."""
        subject = DossierId(key_of(input.incident, "incident") or NOTHING)
        return _incident(info, input, CloseIncidentPayload, lambda asked: close_incident(*_who(info), subject, input.reason, asked))

    @strawberry.mutation(
        description="Open an inspection of a dossier, of a unit and all below it, or of everything. What is read under it is written down. "
        "By INSPECTOR."
    )
    def open_inspection(self, info: Info, input: Given[OpenInspectionInput]) -> OpenInspectionPayload:
        """Open an inspection."""

        def make() -> Written:
            opening = opening_of(context_of(info), input)
            asked = Inspecting(str(input.idempotency_key), context_of(info).correlation, _plain(opening))
            return open_inspection(*_who(info), opening, asked)

        return _inspection(info, OpenInspectionPayload, make)

    @strawberry.mutation(description="Close an inspection: nothing more is read under it. By INSPECTOR, whoever opened it.")
    def close_inspection(self, info: Info, input: Given[CloseInspectionInput]) -> CloseInspectionPayload:
        """Close an inspection."""

        def make() -> Written:
            subject, asked = DossierId(key_of(input.inspection, "inspection") or NOTHING), _asked(info, input)
            return close_inspection(*_who(info), subject, input.conclusion, Inspecting(asked.key, asked.correlation, asked.input))

        return _inspection(info, CloseInspectionPayload, make)


def _who(info: Info) -> tuple[Services, Viewer]:
    context = context_of(info)
    return context.services, context.viewer


def _incident(info: Info, given: inputs.KeyedInput, payload: Callable[..., P], make: Callable[[Reporting], Written]) -> P:
    context, asked = context_of(info), _asked(info, given)
    try:
        done = make(Reporting(asked.key, asked.correlation, asked.input))
    except Wrong as fault:
        return payload(dossier=None, incident=None, task=None, entry=None, errors=[Invalid(fault=fault)])
    shown, entry = incident_shown(context, done.held), entry_shown(done.entry, View(done.held, context.decided(done.held)))
    return payload(dossier=None, incident=shown, task=task_following(context, done.entry), entry=entry, errors=[])


def _inspection(info: Info, payload: Callable[..., P], make: Callable[[], Written]) -> P:
    context = context_of(info)
    try:
        done = make()
    except Wrong as fault:
        return payload(dossier=None, inspection=None, entry=None, errors=[Invalid(fault=fault)])
    entry = entry_shown(done.entry, View(done.held, context.decided(done.held)))
    return payload(dossier=None, inspection=inspection_shown(context, done.held), entry=entry, errors=[])


def _moved(info: Info, given: inputs.MoveInput, name: MoveName, payload: Callable[..., P], making: Making) -> P:
    return _moved_in(info, (given.dossier, "dossier"), given, name, payload, making)


def _moved_in(info: Info, named: tuple[str, str], given: inputs.KeyedInput, name: MoveName, payload: Callable[..., P], making: Making) -> P:
    """Make a move; `named` is the dossier, and the field that names it."""
    context = context_of(info)
    subject = context.subject(named[0])
    if subject is None:
        return payload(dossier=None, entry=None, errors=[NotFound(fault=Absent("no such dossier", path=named[1:]))])
    try:
        return _done(info, payload, move(context.services, context.viewer, subject, name, _asked(info, given), making))
    except (Wrong, Absent, No, Stale) as fault:
        return payload(dossier=None, entry=None, errors=[_told(info, fault)])


def _done(info: Info, payload: Callable[..., P], done: Written, **more: object) -> P:
    context = context_of(info)
    view = View(done.held, context.decided(done.held))
    context.decide_once(view.held, view.decision)
    shown = dossier_shown(view) if view.decision.sees else None
    return payload(dossier=shown, entry=entry_shown(done.entry, view), errors=[], **more)


def _asked(info: Info, given: inputs.KeyedInput) -> Asked:
    typed = _plain(given)
    assert isinstance(typed, dict)
    key = str(typed.pop("idempotency_key"))
    typed.pop("dossier", None)  # The scope names it, whether it was given by code or by id.
    return Asked(
        key=key,
        correlation=context_of(info).correlation,
        input=typed,
        expected_version=getattr(given, "expected_version", None),
        at=getattr(given, "at", None),
        backdating_reason=getattr(given, "backdating_reason", None),
    )


def _plain(value: Any) -> Plain:  # noqa: ANN401 - an input, or anything in one
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, date | time):
        return value.isoformat()
    return value  # type: ignore[no-any-return] # a scalar, or None


def _told(info: Info, fault: Fault) -> UserError:
    """Tell a fault as a value."""
    match fault:
        case No():
            return refused_shown(fault)
        case Stale():
            context = context_of(info)
            held = context.services.store.held(fault.subject)  # type: ignore[arg-type] # a dossier's id
            assert held is not None
            return Conflict(
                fault=fault,
                current=dossier_shown(View(held, decided(context.services, context.viewer, held))),
            )
        case Absent():
            return NotFound(fault=fault)
        case _:
            return Invalid(fault=fault)
