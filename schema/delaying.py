"""What delays a dossier, or changes when it is due or promised: extensions, apologies, payments, blockers; and whose time it was.

Types as front ends see them, and inputs of the moves that make them. What a move does stands in `casework.model.delaying`.
"""

from datetime import datetime

import strawberry

from casework.actions.dossiers import Making
from casework.audit.disclosure import Envelope
from casework.model import moves, record
from casework.model.access import Group
from casework.model.attribution import held_minutes
from casework.model.parties import Ref, Viewer
from casework.model.record import HolderKind
from casework.model.texts import optional_text, text
from casework.model.workdays import Calendar
from casework.ports import Held
from schema.context import Info
from schema.handling import Texts
from schema.incident import Incident, incident_of
from schema.inputs import MoveInput
from schema.unit import Unit, unit_of


@strawberry.type(description="An extension (gia hạn): units added to the limit before it expired.")
class Extension:
    """An extension."""

    number: int = strawberry.field(description="Its number in the dossier.")
    at: datetime = strawberry.field(description="When it was made.")
    amount: int = strawberry.field(description="How many units of the limit were added.")
    from_due_at: datetime | None = strawberry.field(description="When it was due before.")
    to_due_at: datetime | None = strawberry.field(description="When it was due after.")
    reason: str | None = strawberry.field(description="Why.")
    notice: str | None = strawberry.field(description="The notice to the applicant.")


@strawberry.type(description="An apology (văn bản xin lỗi) with another promised date. The statutory due date stays.")
class Apology:
    """An apology."""

    number: int = strawberry.field(description="Its number in the dossier.")
    at: datetime = strawberry.field(description="When it was made.")
    promised_due_at: datetime = strawberry.field(description="The date that it promises.")
    letter: str | None = strawberry.field(description="The letter: its number, or its words.")


@strawberry.type(description="A financial obligation (nghĩa vụ tài chính): a fee that was asked for.")
class FinancialObligation:
    """A payment."""

    number: int = strawberry.field(description="Its number in the dossier.")
    fee: str = strawberry.field(description="The fee's code in the procedure version.")
    amount: int = strawberry.field(description="In whole dong.")
    asked_at: datetime = strawberry.field(description="When it was asked for.")
    paused: bool = strawberry.field(description="Whether the clock stood for it, as the version says.")
    paid_at: datetime | None = strawberry.field(description="When it was paid; null until then.")
    online: bool | None = strawberry.field(description="Whether it was paid online; null until it was paid.")
    reference: str | None = strawberry.field(description="Number of the receipt.")


@strawberry.type(description="A blocker (vướng mắc): what keeps everybody from going on.")
class Blocker:
    """A blocker."""

    number: int = strawberry.field(description="Its number in the dossier.")
    at: datetime = strawberry.field(description="Since when it stands.")
    stops_clock: bool = strawberry.field(description="Whether the clock stands for it.")
    named: strawberry.Private[str | None]
    reason: str | None = strawberry.field(description="What it is; null for an incident, which has the reason.")
    legal_basis: str | None = strawberry.field(description="The law that lets the clock stand, or that is missing.")
    cleared_at: datetime | None = strawberry.field(description="When it was gone; null while it stands.")
    clear_reason: str | None = strawberry.field(description="What cleared it.")

    @strawberry.field(description="The incident that it is; null where it is another thing.")
    def incident(self, info: Info) -> Incident | None:
        """Find the incident."""
        return incident_of(info, self.named) if self.named else None


@strawberry.type(description="How long somebody held the dossier, in working minutes. Those of all holders add up to the whole, exactly.")
class HeldTime:
    """Time of one holder."""

    held_by: strawberry.Private[str | None]
    holder: HolderKind = strawberry.field(description="Who held it.")
    officer: str | None = strawberry.field(description="The officer's code, where a person held it.")
    minutes: int = strawberry.field(description="Working minutes, up to now or to the end.")

    @strawberry.field(description="The unit, where one held it.")
    def unit(self, info: Info) -> Unit | None:
        """Find the unit."""
        return unit_of(info, self.held_by) if self.held_by else None


def delay_shown(dossier: record.Dossier, calendar: Calendar, now: datetime) -> list[HeldTime]:
    """Show whose time the clock took that runs, or ran last."""
    until = dossier.decided_at or dossier.ended_at or now
    return [
        HeldTime(held_by=holder.unit, holder=holder.kind, officer=holder.officer, minutes=minutes)
        for holder, minutes in held_minutes(dossier.current, calendar, min(now, until)).items()
    ]


def extension_shown(stored: record.Extended, texts: Texts) -> Extension:
    """Show an extension."""
    return Extension(
        number=stored.number, at=stored.at, amount=stored.amount, from_due_at=stored.from_due_at, to_due_at=stored.to_due_at,
        reason=texts.of(stored.reason, Group.REASONS), notice=texts.of(stored.notice, Group.REASONS),
    )  # fmt: skip


def apology_shown(stored: record.Apology, texts: Texts) -> Apology:
    """Show an apology."""
    letter = texts.of(stored.letter, Group.REASONS)
    return Apology(number=stored.number, at=stored.at, promised_due_at=stored.promised_due_at, letter=letter)


def payment_shown(stored: record.Payment, texts: Texts) -> FinancialObligation:
    """Show a payment."""
    return FinancialObligation(
        number=stored.number, fee=stored.fee, amount=stored.amount, asked_at=stored.asked_at, paused=stored.pauses,
        paid_at=stored.paid_at, online=stored.online, reference=texts.of(stored.reference, Group.REASONS),
    )  # fmt: skip


def blocker_shown(stored: record.Blocker, texts: Texts) -> Blocker:
    """Show a blocker."""
    return Blocker(
        number=stored.number, at=stored.at, stops_clock=stored.stops_clock, cleared_at=stored.cleared_at, named=stored.incident,
        reason=texts.of(stored.reason, Group.REASONS), legal_basis=texts.of(stored.legal_basis, Group.REASONS),
        clear_reason=texts.of(stored.clear_reason, Group.REASONS),
    )  # fmt: skip


@strawberry.input(description="Adds units to the limit, before it expires.")
class ExtendDeadlineInput(MoveInput):
    """Input of extendDeadline."""

    amount: int = strawberry.field(description="How many units of the procedure's limit.")
    reason: str = strawberry.field(description="Why.")
    notice: str | None = strawberry.field(default=None, description="The notice to the applicant: its number, or its words.")


@strawberry.input(description="Promises another date by a letter.")
class ApologiseInput(MoveInput):
    """Input of apologise."""

    promised_due_at: datetime = strawberry.field(description="The date that is promised now.")
    letter: str = strawberry.field(description="The letter: its number, or its words.")


@strawberry.input(description="Asks the applicant for a fee of the procedure version.")
class RequirePaymentInput(MoveInput):
    """Input of requirePayment."""

    fee: strawberry.ID = strawberry.field(description="The fee's code.")


@strawberry.input(description="Records the fee that was asked for as paid.")
class RecordPaymentInput(MoveInput):
    """Input of recordPayment."""

    reference: str | None = strawberry.field(default=None, description="Number of the receipt.")
    online: bool | None = strawberry.field(default=None, description="Whether it was paid online.")


@strawberry.input(description="Says what keeps everybody from going on.")
class RaiseBlockerInput(MoveInput):
    """Input of raiseBlocker."""

    reason: str = strawberry.field(description="What it is.")
    stops_clock: bool = strawberry.field(description="Whether the clock stands for it.")
    legal_basis: str | None = strawberry.field(default=None, description="The law that lets the clock stand, or that is missing.")


@strawberry.input(description="Says that a blocker is gone.")
class ClearBlockerInput(MoveInput):
    """Input of clearBlocker."""

    blocker: strawberry.ID = strawberry.field(description="The blocker's number in the dossier.")
    reason: str | None = strawberry.field(default=None, description="What cleared it.")


def extending(given: ExtendDeadlineInput) -> Making:
    """Say what extendDeadline asks for."""

    def make(held: Held, viewer: Viewer, envelope: Envelope) -> moves.Extend:  # noqa: ARG001 - one shape for all
        reason = envelope.enclosed("reason", text(given.reason, "reason"))
        return moves.Extend(given.amount, reason, _free(envelope, given.notice, "notice"))

    return make


def apologising(given: ApologiseInput) -> Making:
    """Say what apologise asks for."""
    return lambda held, viewer, envelope: moves.Apologise(
        given.promised_due_at, envelope.enclosed("letter", text(given.letter, "letter"))
    )  # fmt: skip


def requiring_payment(given: RequirePaymentInput) -> Making:
    """Say what requirePayment asks for."""
    return lambda held, viewer, envelope: moves.RequirePayment(given.fee)


def recording_payment(given: RecordPaymentInput) -> Making:
    """Say what recordPayment asks for."""
    return lambda held, viewer, envelope: moves.RecordPayment(_free(envelope, given.reference, "reference"), bool(given.online))


def blocking(given: RaiseBlockerInput) -> Making:
    """Say what raiseBlocker asks for."""

    def make(held: Held, viewer: Viewer, envelope: Envelope) -> moves.RaiseBlocker:  # noqa: ARG001 - one shape for all
        reason = envelope.enclosed("reason", text(given.reason, "reason"))
        basis = envelope.enclosed_if("legal_basis", optional_text(given.legal_basis, "legalBasis"))
        return moves.RaiseBlocker(reason, given.stops_clock, basis)

    return make


def unblocking(given: ClearBlockerInput) -> Making:
    """Say what clearBlocker asks for."""
    number = int(given.blocker) if given.blocker.isascii() and given.blocker.isdigit() and len(given.blocker) < len("100000") else 0
    return lambda held, viewer, envelope: moves.ClearBlocker(number, _free(envelope, given.reason, "reason"))


def _free(envelope: Envelope, value: str | None, field: str) -> Ref | None:
    return envelope.enclosed_if(field, optional_text(value, field))
