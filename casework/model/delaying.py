"""The moves that change when a dossier is due or promised, or say why it waits: extensions, apologies, payments, blockers.

Pure: each gives the next record or raises. Who may make them, and from which states, stands in the table of `dossier`; the clock is
computed there too, and the dates that an extension led to are noted by `noted`.
"""

from dataclasses import replace
from datetime import datetime

from casework.model.errors import Invalid
from casework.model.intervals import backwards, begun, expired, handed_over, room
from casework.model.moves import (
    Apologise,
    Barred,
    ClearBlocker,
    Extend,
    Move,
    MoveName,
    RaiseBlocker,
    RecordPayment,
    RequirePayment,
    Setting,
)
from casework.model.record import Apology, Blocker, Dossier, Extended, Payment, State


def extendable(dossier: Dossier, at: datetime, setting: Setting) -> None:
    """Extend before expiry, and as often as the version allows."""
    if len(dossier.extended) >= setting.procedure.extensions:
        raise Barred("EXTENSION_LIMIT", f"{setting.procedure.code} may be extended {setting.procedure.extensions} times")
    if expired(dossier, at):
        raise Barred("AFTER_DUE", "nothing is extended after the due date: apologise with a new promised date")


def extended(dossier: Dossier, move: Move, at: datetime, setting: Setting) -> Dossier:
    """Add units to the limit; the applicant is promised the new date."""
    assert isinstance(move, Extend)
    left = setting.procedure.extended - sum(one.amount for one in dossier.extended)
    if not 1 <= move.amount <= left:
        tell = f"1 to {left} more of {setting.procedure.limit.unit} may be added" if left > 0 else "nothing more may be added"
        raise Invalid(tell, path=("amount",), code="EXTENSION_LIMIT")
    _after_last(dossier, MoveName.EXTEND, at)
    room(dossier.extensions, "extensions")
    longer = Extended(len(dossier.extensions) + 1, at, move.amount, move.reason, move.notice, dossier.due_at)
    return replace(dossier, extensions=(*dossier.extensions, longer))


def noted(before: Dossier, after: Dossier) -> Dossier:
    """Note, once the clock is computed, the date that an extension led to; that date is the promise now."""
    if len(after.extensions) == len(before.extensions):
        return after
    *others, last = after.extensions
    return replace(after, extensions=(*others, replace(last, to_due_at=after.due_at)), promised_due_at=after.due_at)


def unapologised(dossier: Dossier, at: datetime, setting: Setting) -> None:  # noqa: ARG001 - one shape for all guards
    """Apologise once."""
    if dossier.apologised:
        raise Barred("ALREADY_APOLOGISED", "an apology was made already: its date is the promise")


def apologised(dossier: Dossier, move: Move, at: datetime, setting: Setting) -> Dossier:  # noqa: ARG001 - one shape for all moves
    """Promise another date; the due date stays."""
    assert isinstance(move, Apologise)
    if move.promised_due_at <= at:
        raise Invalid("what is promised lies ahead", path=("promisedDueAt",), code="DUE_BEFORE_START")
    _after_last(dossier, MoveName.APOLOGISE, at)
    room(dossier.apologies, "apologies")
    made = Apology(len(dossier.apologies) + 1, at, move.promised_due_at, move.letter)
    return replace(dossier, apologies=(*dossier.apologies, made), promised_due_at=move.promised_due_at)


def payable(dossier: Dossier, at: datetime, setting: Setting) -> None:  # noqa: ARG001 - one shape for all guards
    """Ask for a fee while there is one that was not asked for."""
    if not {fee.code for fee in setting.procedure.fees} - {payment.fee for payment in dossier.payments}:
        raise Barred("UNKNOWN_FEE", f"{setting.procedure.code} has no fee that was not asked for")


def payment_required(dossier: Dossier, move: Move, at: datetime, setting: Setting) -> Dossier:
    """Ask the applicant for a fee; the clock pauses where the version says so."""
    assert isinstance(move, RequirePayment)
    found = next((fee for fee in setting.procedure.fees if fee.code == move.fee), None)
    if found is None or any(payment.fee == move.fee for payment in dossier.payments):
        left = [fee.code for fee in setting.procedure.fees if fee.code not in {payment.fee for payment in dossier.payments}]
        raise Invalid(f"{move.fee!r} is none of the fees left to ask for: {', '.join(left)}", path=("fee",), code="UNKNOWN_FEE")
    _after_last(dossier, MoveName.REQUIRE_PAYMENT, at)
    asked = Payment(len(dossier.payments) + 1, found.code, found.amount, at, bool(setting.procedure.payment_pauses))
    dossier = replace(dossier, state=State.AWAITING_PAYMENT, payments=(*dossier.payments, asked))
    return handed_over(dossier, MoveName.REQUIRE_PAYMENT, "PAYMENT", at)


def payment_recorded(dossier: Dossier, move: Move, at: datetime, setting: Setting) -> Dossier:  # noqa: ARG001 - one shape for all moves
    """Record the fee as paid; a clock that stood for it resumes."""
    assert isinstance(move, RecordPayment)
    *before, asked = dossier.payments
    if at < asked.asked_at:
        raise backwards(MoveName.RECORD_PAYMENT)
    _after_last(dossier, MoveName.RECORD_PAYMENT, at)
    paid = replace(asked, paid_at=at, reference=move.reference, online=move.online)
    dossier = replace(dossier, state=State.IN_PROCESS, payments=(*before, paid))
    return handed_over(dossier, MoveName.RECORD_PAYMENT, "PAID", at)


def blocked(dossier: Dossier, move: Move, at: datetime, setting: Setting) -> Dossier:  # noqa: ARG001 - one shape for all moves
    """Raise a blocker; the clock pauses where it says so."""
    assert isinstance(move, RaiseBlocker)
    _after_last(dossier, MoveName.RAISE_BLOCKER, at)
    room(dossier.blockers, "blockers")
    raised = Blocker(len(dossier.blockers) + 1, at, move.reason, move.stops_clock, move.legal_basis)
    return handed_over(replace(dossier, blockers=(*dossier.blockers, raised)), MoveName.RAISE_BLOCKER, "BLOCKED", at)


def blocked_still(dossier: Dossier, at: datetime, setting: Setting) -> None:  # noqa: ARG001 - one shape for all guards
    """Clear a blocker while one stands."""
    if not any(blocker.stands and not blocker.incident for blocker in dossier.blockers):
        raise Barred("UNKNOWN_BLOCKER", "no blocker stands")


def unblocked(dossier: Dossier, move: Move, at: datetime, setting: Setting) -> Dossier:  # noqa: ARG001 - one shape for all moves
    """Clear a blocker; a clock that stood for it alone resumes."""
    assert isinstance(move, ClearBlocker)
    found = next((blocker for blocker in dossier.blockers if blocker.number == move.blocker and blocker.stands), None)
    if found is None:
        raise Invalid("no blocker of that number stands", path=("blocker",), code="UNKNOWN_BLOCKER")
    if found.incident:
        raise Invalid("an incident's blocker goes with it: close the incident", path=("blocker",), code="UNKNOWN_BLOCKER")
    if at < found.at:
        raise backwards(MoveName.CLEAR_BLOCKER)
    _after_last(dossier, MoveName.CLEAR_BLOCKER, at)
    gone = replace(found, cleared_at=at, clear_reason=move.reason)
    dossier = replace(dossier, blockers=tuple(gone if blocker is found else blocker for blocker in dossier.blockers))
    return handed_over(dossier, MoveName.CLEAR_BLOCKER, "UNBLOCKED", at)


def _after_last(dossier: Dossier, name: MoveName, at: datetime) -> None:
    """Refuse what lies before the interval that it would end, before the naming of its lead, or before an extension."""
    last = begun(dossier)
    longer = dossier.extensions[-1].at if dossier.extensions else None
    if any(limit is not None and at < limit for limit in (last, longer)):
        raise backwards(name)
