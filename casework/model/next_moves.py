"""What a viewer may do next of a dossier, and for the rest why not.

Pure: it makes no move, and asks the very table that a move is held against.
"""

from dataclasses import dataclass
from datetime import datetime

from casework.model.access import Decision, goes_to
from casework.model.dossier import MOVES, permitted
from casework.model.handling import asked_once
from casework.model.moves import Barred, MoveName, Setting
from casework.model.parties import Relation
from casework.model.record import Dossier


@dataclass(frozen=True, slots=True)
class NextMove:
    """A move, and what speaks against it now: a code and a message, or neither. A good input may still be needed."""

    name: MoveName
    code: str | None = None
    message: str | None = None


def next_moves(dossier: Dossier, decision: Decision, at: datetime, setting: Setting) -> tuple[NextMove, ...]:
    """Tell for each move of the table whether this viewer may make it now."""
    return tuple(_told(dossier, name, decision, at, setting) for name in MOVES)


def _told(dossier: Dossier, name: MoveName, decision: Decision, at: datetime, setting: Setting) -> NextMove:
    if name not in decision.moves:
        return NextMove(name, "NOT_YOUR_MOVE", f"{name} is not for you here")
    try:
        permitted(dossier, name, at, setting)
        if name is MoveName.REQUEST_SUPPLEMENT and Relation.HEAD not in decision.relations:
            asked_once(dossier, setting)
    except Barred as barred:
        return NextMove(name, barred.code, barred.message)
    if name is MoveName.ACKNOWLEDGE and not any(alert.open and goes_to(decision, dossier, alert) for alert in dossier.alerts):
        return NextMove(name, "ALERT_CLOSED", "no alert that goes to you is open")
    if name in {MoveName.RETURN, MoveName.GIVE_OPINION} and not _mine(dossier, name, decision):
        return NextMove(name, "UNKNOWN_ASSIGNMENT", "no assignment of yours stands")
    return NextMove(name)


def _mine(dossier: Dossier, name: MoveName, decision: Decision) -> bool:
    mine = decision.standing
    if name is MoveName.GIVE_OPINION:
        mine &= {assignment.number for assignment in dossier.coordinating()}
    return bool(mine)
