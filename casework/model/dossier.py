"""The lifecycle: the one table of moves, and `moved`, which makes one.

Pure: it takes the record, the move, who makes it and when, and gives the next record or raises. It neither loads, nor seals, nor
computes dates (`clock` does, through `timed`); what each move does stands in `handling` and `ending`. Rules: Decree 61/2018/ND-CP on
one-stop handling; domain.md section 3.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from casework.model import acknowledging, delaying, ending, erasing, handling
from casework.model.course import clock_of
from casework.model.errors import Refused
from casework.model.moves import NAMES, Barred, CompleteStep, GiveOpinion, Move, MoveName, Setting
from casework.model.parties import Relation
from casework.model.raising import armed
from casework.model.record import Amended, Dossier, State
from casework.model.workdays import legal_day


def _free(dossier: Dossier, at: datetime, setting: Setting) -> None:
    """Guard nothing."""


@dataclass(frozen=True, slots=True)
class MoveRule:
    """A row of the table: who may make the move, from which states, the action its entry is named after, what it does.

    `guard` holds what does not depend on the input, so that `next_moves` can tell beforehand; it raises `Barred`.
    """

    makers: frozenset[Relation]
    allowed_from: frozenset[State]
    action: str
    made: Callable[[Dossier, Move, datetime, Setting], Dossier]
    guard: Callable[[Dossier, datetime, Setting], None] = _free


def moved(dossier: Dossier, move: Move, at: datetime, setting: Setting) -> tuple[Dossier, str]:
    """Make a move: the next record, its clock computed anew while it runs, and the action for the entry.

    Raises:
        Refused: the state does not allow it (code STATE), or a guard speaks against it.
        Invalid: the input names what the version does not know, or leaves out what it asks.
    """
    name = NAMES[type(move)]
    rule = MOVES[name]
    dossier = amended(dossier, at, setting)
    late = _late(dossier, move, setting)
    try:
        if not late:
            permitted(dossier, name, at, setting)
        after = rule.made(dossier, move, at, setting)
    except Barred as barred:
        raise refused(dossier, name, barred.code, barred.message) from None
    if late:
        return after, "STEP_RECORDED_AFTER_DECISION"
    # The date in force at the end stays: a calendar amended later moves no closed clock.
    return delaying.noted(dossier, timed(after, at, setting)) if dossier.open or after.open else after, rule.action


def permitted(dossier: Dossier, name: MoveName, at: datetime, setting: Setting) -> None:
    """Hold a move against the table, as far as no input is needed.

    Raises:
        Barred: by the state (code STATE) or by the move's guard.
    """
    rule = MOVES[name]
    if dossier.state not in rule.allowed_from:
        raise Barred("STATE", f"{name} is not allowed in state {dossier.state}")
    rule.guard(dossier, at, setting)


def timed(dossier: Dossier, at: datetime, setting: Setting) -> Dossier:
    """Compute the dossier's dates anew; a changed due date opens the next arming of its alerts."""
    if dossier.received_at is None:
        return dossier
    found = clock_of(dossier, setting, told=False)
    dated = replace(
        dossier,
        due_at=found.due_at,
        original_due_at=dossier.original_due_at or found.due_at,
        promised_due_at=dossier.promised_due_at or found.due_at,
        calendar_version=setting.calendar.version,
        arming=dossier.arming + (found.due_at != dossier.due_at),
    )
    return armed(dated, at, setting)


def amended(dossier: Dossier, at: datetime, setting: Setting) -> Dossier:
    """Take in what the calendar was amended by since the dossier was last computed: its due date moves, its promise does not.

    Whoever holds an older calendar than the dossier's own changes nothing.
    """
    if not dossier.open or dossier.due_at is None or (dossier.calendar_version or 0) >= setting.calendar.version:
        return dossier
    after = timed(dossier, at, setting)
    assert after.due_at is not None
    if after.due_at == dossier.due_at:
        return after
    assert dossier.started_at is not None
    last = legal_day(max(dossier.due_at, after.due_at))
    documents = setting.calendar.documents_since(dossier.calendar_version or 0, legal_day(dossier.started_at), last)
    row = Amended(len(dossier.amendments) + 1, at, setting.calendar.version, dossier.due_at, after.due_at, documents)
    return replace(after, amendments=(*dossier.amendments, row))


def refused(dossier: Dossier, name: MoveName, code: str, message: str) -> Refused:
    """Say no, with the states the move is allowed from."""
    allowed = tuple(state.value for state in State if state in MOVES[name].allowed_from)
    return Refused(message, code=code, state=dossier.state.value, allowed_from=allowed)


def _late(dossier: Dossier, move: Move, setting: Setting) -> bool:
    """Tell a step or an opinion that an imported log holds after the end: recorded, and nothing else."""
    return setting.imported and isinstance(move, CompleteStep | GiveOpinion) and dossier.state is State.DECIDED


def _by(*relations: Relation) -> frozenset[Relation]:
    return frozenset(relations)


_WORKED = frozenset({State.IN_PROCESS, State.AWAITING_SUPPLEMENT, State.AWAITING_PAYMENT})
_TAKEN_IN = _WORKED | {State.RECEIVED}
_SUBMITTED, _IN_PROCESS = frozenset({State.SUBMITTED}), frozenset({State.IN_PROCESS})
_OVER = frozenset({State.REFUSED, State.WITHDRAWN, State.STOPPED, State.DELIVERED})  # nothing is owed to the applicant any more
_R = Relation

MOVES: dict[MoveName, MoveRule] = {
    MoveName.RECEIVE: MoveRule(_by(_R.RECEPTION, _R.IMPORT), _SUBMITTED, "RECEIVED", handling.received),
    MoveName.REFUSE: MoveRule(_by(_R.RECEPTION), _SUBMITTED, "REFUSED", ending.refused),
    MoveName.ASSIGN: MoveRule(_by(_R.HEAD, _R.IMPORT), _TAKEN_IN, "ASSIGNED", handling.assigned),
    MoveName.RETURN: MoveRule(_by(_R.LEAD, _R.COORDINATING), _WORKED, "ASSIGNMENT_RETURNED", handling.returned),
    MoveName.COMPLETE_STEP: MoveRule(
        _by(_R.LEAD, _R.IMPORT), _IN_PROCESS, "STEP_COMPLETED", handling.step_completed, handling.step_left
    ),
    MoveName.GIVE_OPINION: MoveRule(_by(_R.COORDINATING, _R.IMPORT), _WORKED, "OPINION_GIVEN", handling.opinion_given),
    MoveName.REQUEST_SUPPLEMENT: MoveRule(
        _by(_R.LEAD, _R.HEAD, _R.IMPORT), _IN_PROCESS, "SUPPLEMENT_REQUESTED", handling.supplement_requested, handling.in_time
    ),
    MoveName.SUPPLY: MoveRule(
        _by(_R.APPLICANT, _R.RECEPTION, _R.IMPORT), frozenset({State.AWAITING_SUPPLEMENT}), "DOCUMENTS_SUPPLIED", handling.supplied
    ),
    MoveName.DECIDE: MoveRule(_by(_R.LEAD, _R.HEAD, _R.IMPORT), _IN_PROCESS, "DECIDED", ending.decided, ending.all_answered),
    MoveName.DELIVER: MoveRule(_by(_R.DELIVERY), frozenset({State.DECIDED}), "DELIVERED", ending.delivered),
    MoveName.WITHDRAW: MoveRule(_by(_R.APPLICANT, _R.RECEPTION), _SUBMITTED | _TAKEN_IN, "WITHDRAWN", ending.withdrawn),
    MoveName.STOP: MoveRule(_by(_R.HEAD), _TAKEN_IN, "STOPPED", ending.stopped),
    MoveName.REOPEN: MoveRule(_by(_R.HEAD), frozenset({State.DECIDED, State.DELIVERED}), "REOPENED", ending.reopened, erasing.unerased),
    MoveName.RATE: MoveRule(_by(_R.APPLICANT), frozenset({State.DELIVERED}), "RATED", ending.rated, ending.unrated),
    MoveName.EXTEND: MoveRule(_by(_R.HEAD), _IN_PROCESS, "DEADLINE_EXTENDED", delaying.extended, delaying.extendable),
    MoveName.APOLOGISE: MoveRule(_by(_R.HEAD), _TAKEN_IN, "APOLOGISED", delaying.apologised, delaying.unapologised),
    MoveName.REQUIRE_PAYMENT: MoveRule(_by(_R.LEAD), _IN_PROCESS, "PAYMENT_REQUIRED", delaying.payment_required, delaying.payable),
    MoveName.RECORD_PAYMENT: MoveRule(
        _by(_R.RECEPTION), frozenset({State.AWAITING_PAYMENT}), "PAYMENT_RECORDED", delaying.payment_recorded
    ),
    MoveName.RAISE_BLOCKER: MoveRule(_by(_R.HEAD, _R.SUPERVISOR), _TAKEN_IN, "BLOCKER_RAISED", delaying.blocked),
    MoveName.CLEAR_BLOCKER: MoveRule(
        _by(_R.HEAD, _R.SUPERVISOR), _TAKEN_IN, "BLOCKER_CLEARED", delaying.unblocked, delaying.blocked_still
    ),
    MoveName.ACKNOWLEDGE: MoveRule(
        _by(_R.LEAD, _R.COORDINATING, _R.HEAD, _R.RECEPTION, _R.SUPERVISOR), frozenset(State), "ALERT_ACKNOWLEDGED",
        acknowledging.acknowledged, acknowledging.awaited,
    ),
    MoveName.ROTATE: MoveRule(_by(_R.APPLICANT, _R.RECEPTION), frozenset(State), "SECRET_ROTATED", ending.rotated),
    MoveName.ERASE: MoveRule(_by(_R.HEAD, _R.SUPERVISOR), _OVER, "APPLICANT_ERASED", erasing.erased, erasing.named),
}  # fmt: skip
