"""Inputs of the mutations, and the moves that they ask for. Free text goes into salted disclosures on its way."""

import re
from datetime import datetime
from typing import TypeVar

import strawberry

from casework.actions.dossiers import Making
from casework.audit.disclosure import Envelope
from casework.model import moves
from casework.model.access import assigned_to
from casework.model.dossier import refused
from casework.model.errors import Invalid
from casework.model.parties import Ref, Viewer
from casework.model.procedure import Channel
from casework.model.record import AssignmentRole, Document, Medium, Outcome, SupplementItem
from casework.model.texts import optional_text, text
from casework.ports import Held
from schema.node import key_of

T = TypeVar("T")
DIGEST = re.compile(r"[0-9a-f]{64}")
MOST_ITEMS = 100


@strawberry.input(description="What every mutation brings.")
class KeyedInput:
    """Common to all inputs."""

    idempotency_key: strawberry.ID = strawberry.field(
        description="The caller's own name for this request, kept 48 hours: a repeat gives the first answer's entry."
    )


@strawberry.input(description="What every move of a dossier brings.")
class MoveInput(KeyedInput):
    """Common to all moves but submit."""

    dossier: strawberry.ID = strawberry.field(description="The dossier's code or id.")
    expected_version: int | None = strawberry.field(
        default=None,
        description="The `version` acted upon; a stale one gives Conflict. Left out: no matter which.",
    )
    at: datetime | None = strawberry.field(default=None, description="When it happened, if not now.")
    backdating_reason: str | None = strawberry.field(default=None, description="Why it is dated back.")


@strawberry.input(description="An applicant's values.")
class ApplicantInput:
    """An applicant."""

    name: str = strawberry.field(description="Name.")
    phone: str | None = strawberry.field(default=None, description="Telephone number.")
    address: str | None = strawberry.field(default=None, description="Address.")
    identity_number: str | None = strawberry.field(default=None, description="Number of the identity document.")


@strawberry.input(description="Opens a dossier.")
class SubmitDossierInput(KeyedInput):
    """Input of submitDossier."""

    procedure: strawberry.ID = strawberry.field(description="The procedure's code or id.")
    reception_point: strawberry.ID = strawberry.field(description="The reception point's code or id.")
    unit: strawberry.ID | None = strawberry.field(default=None, description="The competent unit, if not the procedure's own.")
    delivery_point: strawberry.ID | None = strawberry.field(
        default=None, description="Where the result is handed out, if not where it comes in."
    )
    channel: Channel = strawberry.field(description="How it comes in.")
    applicant: ApplicantInput = strawberry.field(description="Who asks.")
    rehearsal: bool | None = strawberry.field(default=None, description="Whether it is a rehearsal.")


@strawberry.input(description="Takes a dossier in.")
class ReceiveDossierInput(MoveInput):
    """Input of receiveDossier."""

    checked: list[str] | None = strawberry.field(default=None, description="Codes of the components found complete.")


@strawberry.input(description="Assigns a dossier; what the procedure's clarity set asks for must be there.")
class AssignDossierInput(MoveInput):
    """Input of assignDossier."""

    role: AssignmentRole = strawberry.field(description="LEAD replaces the lead; COORDINATING adds a unit.")
    unit: strawberry.ID = strawberry.field(description="The unit's code or id.")
    officer: strawberry.ID | None = strawberry.field(default=None, description="The officer's code.")
    task: str | None = strawberry.field(default=None, description="What is to be done.")
    responsibility: str | None = strawberry.field(default=None, description="What the person answers for.")
    authority: str | None = strawberry.field(default=None, description="What the person may decide.")
    due_at: datetime | None = strawberry.field(default=None, description="By when.")
    expected_result: str | None = strawberry.field(default=None, description="What must come of it.")


@strawberry.input(description="Records a step as done.")
class CompleteStepInput(MoveInput):
    """Input of completeStep."""

    step: strawberry.ID = strawberry.field(description="The step's code.")


@strawberry.input(description="Answers as a coordinating unit.")
class GiveOpinionInput(MoveInput):
    """Input of giveOpinion."""

    assignment: strawberry.ID = strawberry.field(description="The assignment's id, or its number in the dossier.")
    opinion: str = strawberry.field(description="The opinion.")


@strawberry.input(description="A component that is missing.")
class SupplementItemInput:
    """An item of requestSupplement."""

    component: str = strawberry.field(description="The component's code.")
    legal_basis: str = strawberry.field(description="The law that asks for it.")


@strawberry.input(description="Asks the applicant for what is missing.")
class RequestSupplementInput(MoveInput):
    """Input of requestSupplement."""

    items: list[SupplementItemInput] = strawberry.field(description="What is missing, at least one item.")
    override_reason: str | None = strawberry.field(default=None, description="Why it is asked for again at this stage; by HEAD alone.")


@strawberry.input(description="A component as it is handed in.")
class DocumentInput:
    """A document of supplyDocuments."""

    component: str = strawberry.field(description="The component's code.")
    digest: str | None = strawberry.field(default=None, description="SHA-256 of the file, 64 hexadecimal digits.")
    digital: bool | None = strawberry.field(default=None, description="Whether it is an electronic document.")


@strawberry.input(description="Hands in what was asked for.")
class SupplyDocumentsInput(MoveInput):
    """Input of supplyDocuments."""

    documents: list[DocumentInput] = strawberry.field(description="The components that were asked for.")


@strawberry.input(description="Decides a dossier.")
class DecideDossierInput(MoveInput):
    """Input of decideDossier."""

    outcome: Outcome = strawberry.field(description="What is decided.")
    reason: str | None = strawberry.field(default=None, description="Why.")
    waive_opinions_reason: str | None = strawberry.field(default=None, description="Why overdue opinions are not waited for.")


@strawberry.input(description="Does not take a dossier in.")
class RefuseDossierInput(MoveInput):
    """Input of refuseDossier."""

    reason: str = strawberry.field(description="Why; the applicant reads it.")
    legal_basis: str = strawberry.field(description="The law that it rests on.")


@strawberry.input(description="Gives an assignment back.")
class ReturnAssignmentInput(MoveInput):
    """Input of returnAssignment."""

    assignment: strawberry.ID = strawberry.field(description="The assignment's id, or its number in the dossier.")
    reason: str = strawberry.field(description="Why.")


@strawberry.input(description="Hands out the result.")
class DeliverResultInput(MoveInput):
    """Input of deliverResult."""

    medium: Medium = strawberry.field(description="Electronic or on paper.")
    reference: str | None = strawberry.field(default=None, description="Number or address of the document.")


@strawberry.input(description="Takes a dossier back.")
class WithdrawDossierInput(MoveInput):
    """Input of withdrawDossier."""

    reason: str | None = strawberry.field(default=None, description="Why, if the applicant says so.")


@strawberry.input(description="Ends a dossier without a decision.")
class StopDossierInput(MoveInput):
    """Input of stopDossier."""

    reason: str = strawberry.field(description="Why; the applicant reads it.")
    legal_basis: str = strawberry.field(description="The law that it rests on.")


@strawberry.input(description="Opens a decided dossier again.")
class ReopenDossierInput(MoveInput):
    """Input of reopenDossier."""

    reason: str = strawberry.field(description="Why; the applicant reads it.")


@strawberry.input(description="Rates how a dossier was handled.")
class RateDossierInput(MoveInput):
    """Input of rateDossier."""

    score: int = strawberry.field(description="1 to 5; 5 is best.")
    comment: str | None = strawberry.field(default=None, description="In the applicant's own words.")


@strawberry.input(description="Makes the tracking secret void, and a new one.")
class RotateTrackingSecretInput(MoveInput):
    """Input of rotateTrackingSecret."""


def receiving(given: ReceiveDossierInput) -> Making:
    """Say what receiveDossier asks for."""
    return lambda held, viewer, envelope: moves.Receive(tuple(_few(given.checked or [], "checked")))


def assigning(given: AssignDossierInput) -> Making:
    """Say what assignDossier asks for."""

    def make(held: Held, viewer: Viewer, envelope: Envelope) -> moves.Assign:  # noqa: ARG001 - one shape for all
        return moves.Assign(
            role=given.role,
            unit=key_of(given.unit, "unit"),
            officer=key_of(given.officer, "officer") if given.officer is not None else None,
            due_at=given.due_at,
            task=_free(envelope, given.task, "task"),
            responsibility=_free(envelope, given.responsibility, "responsibility"),
            authority=_free(envelope, given.authority, "authority"),
            expected_result=_free(envelope, given.expected_result, "expectedResult"),
        )

    return make


def completing(given: CompleteStepInput) -> Making:
    """Say what completeStep asks for; the step is the lead's."""

    def make(held: Held, viewer: Viewer, envelope: Envelope) -> moves.CompleteStep:  # noqa: ARG001 - one shape for all
        lead = held.dossier.lead
        unit = lead.unit if lead else held.dossier.unit
        return moves.CompleteStep(key_of(given.step, "step"), unit, viewer.sub or "")

    return make


def answering(given: GiveOpinionInput) -> Making:
    """Say what giveOpinion asks for."""

    def make(held: Held, viewer: Viewer, envelope: Envelope) -> moves.GiveOpinion:
        number = _number(given.assignment)
        standing = held.dossier.coordinating(number)
        mine = [assignment for assignment in standing if assigned_to(viewer, assignment)]
        if standing and not mine:
            raise refused(
                held.dossier,
                moves.MoveName.GIVE_OPINION,
                "NOT_YOUR_MOVE",
                "that assignment is another's to answer",
            )
        unit = mine[0].unit if mine else ""
        return moves.GiveOpinion(unit, viewer.sub or "", number, envelope.enclosed("opinion", text(given.opinion, "opinion")))

    return make


def requesting(given: RequestSupplementInput) -> Making:
    """Say what requestSupplement asks for."""

    def make(held: Held, viewer: Viewer, envelope: Envelope) -> moves.RequestSupplement:  # noqa: ARG001 - one shape for all
        items = tuple(
            SupplementItem(
                item.component,
                envelope.enclosed("legal_basis", text(item.legal_basis, "items", "legalBasis")),
            )
            for item in _few(given.items, "items")
        )
        return moves.RequestSupplement(items, _free(envelope, given.override_reason, "overrideReason"))

    return make


def supplying(given: SupplyDocumentsInput) -> Making:
    """Say what supplyDocuments asks for."""
    return lambda held, viewer, envelope: moves.Supply(
        tuple(
            Document(document.component, _digest(document.digest), bool(document.digital))
            for document in _few(given.documents, "documents")
        )
    )


def deciding(given: DecideDossierInput) -> Making:
    """Say what decideDossier asks for."""
    return lambda held, viewer, envelope: moves.Decide(
        given.outcome,
        _free(envelope, given.reason, "reason"),
        _free(envelope, given.waive_opinions_reason, "waiveOpinionsReason"),
    )


def refusing(given: RefuseDossierInput) -> Making:
    """Say what refuseDossier asks for."""
    return lambda held, viewer, envelope: moves.Refuse(*_grounds(envelope, given.reason, given.legal_basis))


def returning(given: ReturnAssignmentInput) -> Making:
    """Say what returnAssignment asks for."""

    def make(held: Held, viewer: Viewer, envelope: Envelope) -> moves.Return:
        number = _number(given.assignment)
        standing = [a for a in held.dossier.assignments if a.number == number and a.stands]
        if standing and not assigned_to(viewer, standing[0]):
            raise refused(held.dossier, moves.MoveName.RETURN, "NOT_YOUR_MOVE", "that assignment is another's to give back")
        return moves.Return(number, envelope.enclosed("reason", text(given.reason, "reason")))

    return make


def delivering(given: DeliverResultInput) -> Making:
    """Say what deliverResult asks for."""
    return lambda held, viewer, envelope: moves.Deliver(given.medium, _free(envelope, given.reference, "reference"))


def withdrawing(given: WithdrawDossierInput) -> Making:
    """Say what withdrawDossier asks for."""
    return lambda held, viewer, envelope: moves.Withdraw(_free(envelope, given.reason, "reason"))


def stopping(given: StopDossierInput) -> Making:
    """Say what stopDossier asks for."""
    return lambda held, viewer, envelope: moves.Stop(*_grounds(envelope, given.reason, given.legal_basis))


def reopening(given: ReopenDossierInput) -> Making:
    """Say what reopenDossier asks for."""
    return lambda held, viewer, envelope: moves.Reopen(envelope.enclosed("reason", text(given.reason, "reason")))


def rating(given: RateDossierInput) -> Making:
    """Say what rateDossier asks for."""
    return lambda held, viewer, envelope: moves.Rate(given.score, _free(envelope, given.comment, "comment"))


def rotating(slip_key: int) -> Making:
    """Say what rotateTrackingSecret asks for: a secret under the service's current key."""
    return lambda held, viewer, envelope: moves.Rotate(slip_key)


def _grounds(envelope: Envelope, reason: str, legal_basis: str) -> tuple[Ref, Ref]:
    return envelope.enclosed("reason", text(reason, "reason")), envelope.enclosed("legal_basis", text(legal_basis, "legalBasis"))


def _number(assignment: str) -> int:
    """Read an assignment's number out of its id, or as it is; 0, which none has, for anything else."""
    key = key_of(assignment, "assignment").rpartition("/")[2]
    return int(key) if key.isascii() and key.isdigit() and len(key) < len("100000") else 0


def _free(envelope: Envelope, value: str | None, field: str) -> Ref | None:
    return envelope.enclosed_if(field, optional_text(value, field))


def _few(things: list[T], field: str) -> list[T]:
    if len(things) > MOST_ITEMS:
        raise Invalid(f"at most {MOST_ITEMS}", path=(field,), code="TOO_MANY")
    return things


def _digest(digest: str | None) -> str | None:
    if digest is not None and not DIGEST.fullmatch(digest):
        raise Invalid("a digest is 64 hexadecimal digits in lower case", path=("documents", "digest"), code="BAD_DIGEST")
    return digest
