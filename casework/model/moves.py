"""The moves: what each asks for, in words of the domain, and what a move is judged against. The table of moves is in `dossier`."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from casework.model.parties import Ref
from casework.model.procedure import ProcedureVersion
from casework.model.record import AssignmentRole, Document, Medium, Outcome, SupplementItem
from casework.model.unit import Ongoing
from casework.model.workdays import Calendar

SKEW = timedelta(seconds=5)  # no two machines' clocks are trusted to agree any closer


class MoveName(StrEnum):
    """Moves, named as their mutations are."""

    SUBMIT = "submitDossier"
    RECEIVE = "receiveDossier"
    REFUSE = "refuseDossier"
    ASSIGN = "assignDossier"
    RETURN = "returnAssignment"
    COMPLETE_STEP = "completeStep"
    GIVE_OPINION = "giveOpinion"
    REQUEST_SUPPLEMENT = "requestSupplement"
    SUPPLY = "supplyDocuments"
    DECIDE = "decideDossier"
    DELIVER = "deliverResult"
    WITHDRAW = "withdrawDossier"
    STOP = "stopDossier"
    REOPEN = "reopenDossier"
    RATE = "rateDossier"
    ROTATE = "rotateTrackingSecret"
    EXTEND = "extendDeadline"
    APOLOGISE = "apologise"
    REQUIRE_PAYMENT = "requirePayment"
    RECORD_PAYMENT = "recordPayment"
    RAISE_BLOCKER = "raiseBlocker"
    CLEAR_BLOCKER = "clearBlocker"
    ACKNOWLEDGE = "acknowledgeAlert"
    ERASE = "eraseApplicant"


class Barred(Exception):
    """A guard speaks against a move: `code` and the message. `dossier.moved` tells it to the caller as `Refused`."""

    def __init__(self, code: str, message: str) -> None:
        """Keep both."""
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Receive:
    """Take the dossier in: the components found complete. The clock starts."""

    checked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refuse:
    """Do not take the dossier in."""

    reason: Ref
    legal_basis: Ref


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
class Return:
    """Give an assignment back: a head is to assign anew."""

    assignment: int
    reason: Ref


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


@dataclass(frozen=True, slots=True)
class Deliver:
    """Hand out the result."""

    medium: Medium
    reference: Ref | None = None


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take the dossier back, before it is decided. The clock stops."""

    reason: Ref | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """End it without a decision. The clock stops."""

    reason: Ref
    legal_basis: Ref


@dataclass(frozen=True, slots=True)
class Reopen:
    """Handle a decided dossier anew: a new clock starts, the old one stays as it was. `gone`: whoever led it is no longer in office."""

    reason: Ref
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Rate:
    """Say how it went, once."""

    score: int
    comment: Ref | None = None


@dataclass(frozen=True, slots=True)
class Rotate:
    """Make the tracking secret void and have a new one, under the service's current key."""

    slip_key: int


@dataclass(frozen=True, slots=True)
class Extend:
    """Add units to the limit, before it expires; the notice tells the applicant."""

    amount: int
    reason: Ref
    notice: Ref | None = None


@dataclass(frozen=True, slots=True)
class Apologise:
    """Promise another date by a letter. The statutory due date stays: late stays late."""

    promised_due_at: datetime
    letter: Ref


@dataclass(frozen=True, slots=True)
class RequirePayment:
    """Ask the applicant for a fee of the version. The clock pauses where the version says so."""

    fee: str


@dataclass(frozen=True, slots=True)
class RecordPayment:
    """Record the fee as paid, online or at a counter."""

    reference: Ref | None = None
    online: bool = False


@dataclass(frozen=True, slots=True)
class RaiseBlocker:
    """Say what keeps everybody from going on, and whether the clock stands for it."""

    reason: Ref
    stops_clock: bool
    legal_basis: Ref | None = None


@dataclass(frozen=True, slots=True)
class ClearBlocker:
    """Say that it is gone."""

    blocker: int
    reason: Ref | None = None


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Take note of an alert, and say what is done about it."""

    alert: int
    officer: str
    note: Ref


@dataclass(frozen=True, slots=True)
class Erase:
    """Erase who the applicant is, by law; `digests` are those of the disclosures that go, which the action finds."""

    legal_basis: Ref
    reason: Ref | None = None
    digests: tuple[str, ...] = ()


Move = (
    Receive | Refuse | Assign | Return | CompleteStep | GiveOpinion | RequestSupplement | Supply
    | Decide | Deliver | Withdraw | Stop | Reopen | Rate | Rotate
    | Extend | Apologise | RequirePayment | RecordPayment | RaiseBlocker | ClearBlocker | Acknowledge | Erase
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Setting:
    """What a move is judged against: the version and the calendar; and whether a log brings it, which is past refusing.

    `incidents` are those that affect the dossier's unit, for the moves that begin a clock.
    """

    procedure: ProcedureVersion
    calendar: Calendar
    imported: bool = False
    incidents: tuple[Ongoing, ...] = ()


NAMES: dict[type, MoveName] = {
    Receive: MoveName.RECEIVE,
    Refuse: MoveName.REFUSE,
    Assign: MoveName.ASSIGN,
    Return: MoveName.RETURN,
    CompleteStep: MoveName.COMPLETE_STEP,
    GiveOpinion: MoveName.GIVE_OPINION,
    RequestSupplement: MoveName.REQUEST_SUPPLEMENT,
    Supply: MoveName.SUPPLY,
    Decide: MoveName.DECIDE,
    Deliver: MoveName.DELIVER,
    Withdraw: MoveName.WITHDRAW,
    Stop: MoveName.STOP,
    Reopen: MoveName.REOPEN,
    Rate: MoveName.RATE,
    Rotate: MoveName.ROTATE,
    Extend: MoveName.EXTEND,
    Apologise: MoveName.APOLOGISE,
    RequirePayment: MoveName.REQUIRE_PAYMENT,
    RecordPayment: MoveName.RECORD_PAYMENT,
    RaiseBlocker: MoveName.RAISE_BLOCKER,
    ClearBlocker: MoveName.CLEAR_BLOCKER,
    Acknowledge: MoveName.ACKNOWLEDGE,
    Erase: MoveName.ERASE,
}
