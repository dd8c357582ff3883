"""The moves: what each asks for, in words of the domain, and what a move is judged against. The table of moves is in `dossier`."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from casework.model.parties import Ref
from casework.model.procedure import ProcedureVersion
from casework.model.record import AssignmentRole, Document, Outcome, SupplementItem
from casework.model.workdays import Calendar

SKEW = timedelta(seconds=5)  # no two machines' clocks are trusted to agree any closer


class MoveName(StrEnum):
    """Moves, named as their mutations are."""

    SUBMIT = "submitDossier"
    RECEIVE = "receiveDossier"
    ASSIGN = "assignDossier"
    COMPLETE_STEP = "completeStep"
    GIVE_OPINION = "giveOpinion"
    REQUEST_SUPPLEMENT = "requestSupplement"
    SUPPLY = "supplyDocuments"
    DECIDE = "decideDossier"


@dataclass(frozen=True, slots=True)
class Receive:
    """Take the dossier in: the components found complete. The clock starts."""

    checked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Assign:
    """Give it to a person, with task, responsibility, timeline and result."""

    role: AssignmentRole
    unit: str
    officer: str | None = None
    due_at: datetime | None = None
    task: Ref | None = None
    responsibility: Ref | None = None
    authority: Ref | None = None
    expected_result: Ref | None = None


@dataclass(frozen=True, slots=True)
class CompleteStep:
    """Record a step as done by that officer of that unit."""

    step: str
    unit: str
    officer: str


@dataclass(frozen=True, slots=True)
class GiveOpinion:
    """Answer as a coordinating unit."""

    unit: str
    officer: str
    assignment: int | None = None
    text: Ref | None = None
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class RequestSupplement:
    """Ask the applicant for what is missing. The clock pauses."""

    items: tuple[SupplementItem, ...]
    override: Ref | None = None


@dataclass(frozen=True, slots=True)
class Supply:
    """Hand in what was asked for. The clock resumes."""

    documents: tuple[Document, ...]


@dataclass(frozen=True, slots=True)
class Decide:
    """Decide the dossier. The clock stops."""

    outcome: Outcome
    reason: Ref | None = None
    waiver: Ref | None = None


Move = Receive | Assign | CompleteStep | GiveOpinion | RequestSupplement | Supply | Decide


@dataclass(frozen=True, slots=True)
class Setting:
    """What a move is judged against: the version and the calendar; and whether a log brings it, which is past refusing."""

    procedure: ProcedureVersion
    calendar: Calendar
    imported: bool = False


NAMES: dict[type, MoveName] = {
    Receive: MoveName.RECEIVE,
    Assign: MoveName.ASSIGN,
    CompleteStep: MoveName.COMPLETE_STEP,
    GiveOpinion: MoveName.GIVE_OPINION,
    RequestSupplement: MoveName.REQUEST_SUPPLEMENT,
    Supply: MoveName.SUPPLY,
    Decide: MoveName.DECIDE,
}
