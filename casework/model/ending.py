"""The moves that end a dossier, hand out its result, or open it again; the applicant's rating and secret.

Pure: each gives the next record or raises. Who may make them, and from which states, stands in the table of `dossier`; the clock is
computed there too.
"""

from dataclasses import replace
from datetime import datetime

from casework.model.clock import Course, reckoned
from casework.model.errors import Invalid
from casework.model.intervals import backwards, begun, burdened_by_all, holding, room, unanswered, unburdened
from casework.model.moves import (
    Barred,
    Decide,
    Deliver,
    Move,
    MoveName,
    Rate,
    Refuse,
    Reopen,
    Rotate,
    Setting,
    Stop,
    Withdraw,
)
from casework.model.parties import Ref
from casework.model.record import AssignmentRole, Dossier, Rating, Reopening, Result, State

SCORES = range(1, 6)


def refused(dossier: Dossier, move: Move, at: datetime, setting: Setting) -> Dossier:  # noqa: ARG001 - one shape for all moves
    """Do not take the dossier in."""
    assert isinstance(move, Refuse)
    return _ended(dossier, MoveName.REFUSE, at, State.REFUSED, move.reason, move.legal_basis)


def withdrawn(dossier: Dossier, move: Move, at: datetime, setting: Setting) -> Dossier:  # noqa: ARG001 - one shape for all moves
    """Take the dossier back."""
    assert isinstance(move, Withdraw)
    return _ended(dossier, MoveName.WITHDRAW, at, State.WITHDRAWN, move.reason, None)


def stopped(dossier: Dossier, move: Move, at: datetime, setting: Setting) -> Dossier:  # noqa: ARG001 - one shape for all moves
    """End it without a decision."""
    assert isinstance(move, Stop)
    return _ended(dossier, MoveName.STOP, at, State.STOPPED, move.reason, move.legal_basis)


def all_answered(dossier: Dossier, at: datetime, setting: Setting) -> None:
    """Decide with every opinion in, or overdue: that one can be waived."""
    for assignment, overdue in unanswered(dossier, at):
        if not overdue and not setting.imported:
            tell = f"unit {assignment.unit} has not answered; an opinion that is overdue can be waived with a reason"
            raise Barred("OPINION_MISSING", tell)


def decided(dossier: Dossier, move: Move, at: datetime, setting: Setting) -> Dossier:
    """Decide it; the clock stops."""
    assert isinstance(move, Decide)
    overdue = [assignment.unit for assignment, _ in unanswered(dossier, at)]
    if overdue and move.waiver is None and not setting.imported:
        raise Barred("OPINION_MISSING", f"unit {overdue[0]} has not answered and is overdue: give waiveOpinionsReason to waive its opinion")
    flags = dossier.flags
    if at < dossier.intervals[-1].from_at:
        if not setting.imported:
            raise backwards(MoveName.DECIDE)
        flags = (*flags, "INCONSISTENT")
    return replace(
        _closed(dossier, at),
        state=State.DECIDED,
        decided_at=at,
        outcome=move.outcome,
        decision_reason=move.reason,
        waiver=move.waiver,
        flags=flags,
    )


def delivered(dossier: Dossier, move: Move, at: datetime, setting: Setting) -> Dossier:  # noqa: ARG001 - one shape for all moves
    """Hand out the result. It is dated apart: the clock stopped with the decision."""
    assert isinstance(move, Deliver)
    if dossier.decided_at is None or at < dossier.decided_at:
        raise backwards(MoveName.DELIVER)
    return replace(dossier, state=State.DELIVERED, result=Result(move.medium, at, move.reference))


def reopened(dossier: Dossier, move: Move, at: datetime, setting: Setting) -> Dossier:
    """Handle it anew: what it had come to is kept as it was, a new clock starts, and whoever led it leads it again.

    Who gave it back, or is gone, leads it in name alone: its unit holds it until a head names another.
    """
    assert isinstance(move, Reopen)
    closed_at = dossier.intervals[-1].to_at
    assert dossier.started_at
    assert dossier.decided_at
    assert closed_at
    if at < max(closed_at, dossier.result.at if dossier.result else dossier.decided_at):
        raise backwards(MoveName.REOPEN)
    assert dossier.outcome
    assert dossier.due_at
    room(dossier.reopenings, "reopenings")
    room(dossier.assignments, "assignments")
    kept = Reopening(
        len(dossier.reopenings) + 1, at, move.reason, dossier.started_at, dossier.intervals[-1].number, dossier.decided_at,
        dossier.outcome, dossier.due_at, dossier.original_due_at or dossier.due_at, dossier.promised_due_at or dossier.due_at,
        dossier.decision_reason, dossier.waiver, dossier.result, dossier.calendar_version, len(dossier.steps), len(dossier.supplements),
    )  # fmt: skip
    fresh = reckoned(setting.procedure.rule, Course(at, fixed_due_at=dossier.fixed_due_at), setting.calendar, told=False).due_at
    former = [a for a in dossier.assignments if a.role is AssignmentRole.LEAD][-1:]
    again = tuple(
        replace(
            a,
            number=len(dossier.assignments) + 1,
            assigned_at=at,
            ended_at=None,
            due_at=fresh if fresh > at else None,
            returned_at=None,
            return_reason=None,
            vacant_at=at if a.left or move.gone else None,
        )
        for a in former
    )
    dossier = replace(
        dossier,
        state=State.IN_PROCESS,
        reopenings=(*dossier.reopenings, kept),
        assignments=(*dossier.assignments, *again),
        decided_at=None,
        outcome=None,
        decision_reason=None,
        waiver=None,
        result=None,
        original_due_at=None,
        promised_due_at=None,
        due_at=None,
    )
    here = {incident.incident for incident in setting.incidents}
    gone = {blocker.incident for blocker in dossier.blockers if blocker.incident and blocker.incident not in here}
    dossier = unburdened(dossier, gone, at)  # They were closed while nobody worked on it.
    first = replace(holding(dossier, "REOPENED", at), number=kept.last_interval + 1)
    return burdened_by_all(replace(dossier, intervals=(*dossier.intervals, first)), setting.incidents, at)


def unrated(dossier: Dossier, at: datetime, setting: Setting) -> None:  # noqa: ARG001 - one shape for all guards
    """Rate a dossier once."""
    if dossier.rating is not None:
        raise Barred("ALREADY_RATED", "a dossier is rated once")


def rated(dossier: Dossier, move: Move, at: datetime, setting: Setting) -> Dossier:  # noqa: ARG001 - one shape for all moves
    """Say how it went."""
    assert isinstance(move, Rate)
    if move.score not in SCORES:
        raise Invalid(f"a score is {SCORES[0]} to {SCORES[-1]}", path=("score",), code="BAD_SCORE")
    if dossier.result is None or at < dossier.result.at:
        raise backwards(MoveName.RATE)
    return replace(dossier, rating=Rating(move.score, at, move.comment))


def rotated(dossier: Dossier, move: Move, at: datetime, setting: Setting) -> Dossier:  # noqa: ARG001 - one shape for all moves
    """Make the old secret void."""
    assert isinstance(move, Rotate)
    if at < dossier.submitted_at:  # when the secret was issued
        raise backwards(MoveName.ROTATE)
    return replace(dossier, secret_generation=dossier.secret_generation + 1, slip_key=move.slip_key)


def _ended(dossier: Dossier, name: MoveName, at: datetime, state: State, reason: Ref | None, basis: Ref | None) -> Dossier:
    last = begun(dossier)
    if last is not None and at < last:
        raise backwards(name)
    return replace(_closed(dossier, at), state=state, ended_at=at, end_reason=reason, end_basis=basis)


def _closed(dossier: Dossier, at: datetime) -> Dossier:
    """Close the last interval and every assignment."""
    *before, last = dossier.intervals or (None,)
    intervals = (*before, replace(last, to_at=max(at, last.from_at))) if last else ()
    return replace(
        dossier,
        intervals=tuple(interval for interval in intervals if interval),
        assignments=tuple(replace(a, ended_at=a.ended_at or max(at, a.assigned_at)) for a in dossier.assignments),
    )
