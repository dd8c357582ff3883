"""What is kept of a dossier: its record, and the flat fields that audit entries and commitments speak of.

Personal values and free text never stand here: a `Ref` names the salted disclosure that holds one. Moves are in `dossier`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, NewType

from casework.model import flat
from casework.model.alert import Alert, Armed
from casework.model.packing import Plain
from casework.model.parties import Ref
from casework.model.procedure import Channel, DossierKind

DossierId = NewType("DossierId", str)


class State(StrEnum):
    """States of the lifecycle; the number in the comment is that of the national status list."""

    SUBMITTED = "SUBMITTED"  # 1
    RECEIVED = "RECEIVED"  # 2
    REFUSED = "REFUSED"  # 3
    IN_PROCESS = "IN_PROCESS"  # 4
    AWAITING_SUPPLEMENT = "AWAITING_SUPPLEMENT"  # 5
    AWAITING_PAYMENT = "AWAITING_PAYMENT"  # 6
    WITHDRAWN = "WITHDRAWN"  # 7
    STOPPED = "STOPPED"  # 8
    DECIDED = "DECIDED"  # 9
    DELIVERED = "DELIVERED"  # 10


OPEN = frozenset({State.SUBMITTED, State.RECEIVED, State.IN_PROCESS, State.AWAITING_SUPPLEMENT, State.AWAITING_PAYMENT})


class AssignmentRole(StrEnum):
    """One LEAD (chủ trì), any number COORDINATING (phối hợp)."""

    LEAD = "LEAD"
    COORDINATING = "COORDINATING"


class IntervalKind(StrEnum):
    """Whether the clock runs."""

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"


class HolderKind(StrEnum):
    """Who holds the dossier during an interval."""

    UNIT = "UNIT"
    OFFICER = "OFFICER"
    APPLICANT = "APPLICANT"
    TREASURY = "TREASURY"
    INCIDENT = "INCIDENT"
    BLOCKER = "BLOCKER"


class Medium(StrEnum):
    """How a result is handed out."""

    ELECTRONIC = "ELECTRONIC"
    PAPER = "PAPER"


class Outcome(StrEnum):
    """What was decided. OTHER is what an import knows no more of."""

    GRANTED = "GRANTED"
    REJECTED = "REJECTED"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class Applicant:
    """Who asks. `person` is the pseudonym, for this dossier alone, of the citizen whose account it is; `account` discloses that."""

    name: Ref
    person: str | None = None
    account: Ref | None = None
    phone: Ref | None = None
    address: Ref | None = None
    identity_number: Ref | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """Who is to do what by when, with which result: the clarity set."""

    number: int
    role: AssignmentRole
    unit: str
    assigned_at: datetime
    officer: str | None = None
    ended_at: datetime | None = None
    due_at: datetime | None = None
    task: Ref | None = None
    responsibility: Ref | None = None
    authority: Ref | None = None
    expected_result: Ref | None = None
    returned_at: datetime | None = None
    return_reason: Ref | None = None
    vacant_at: datetime | None = None  # since when nobody acts on it, though it is in somebody's name: a reopening found him gone

    @property
    def left(self) -> bool:
        """Whether the person in whose name it is no longer acts on it: he gave it back, or he was gone when it was reopened."""
        return self.returned_at is not None or self.vacant_at is not None

    @property
    def stands(self) -> bool:
        """Whether somebody is to act on it: it has neither ended nor been left."""
        return self.ended_at is None and not self.left


@dataclass(frozen=True, slots=True)
class Step:
    """A step as it was completed; a step that recurs stands once for each time."""

    number: int
    code: str
    at: datetime
    unit: str
    officer: str
    after_decision: bool = False


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a coordinating unit answered. An imported one has the log's name for it as `subject`, and no text."""

    number: int
    at: datetime
    unit: str
    officer: str
    assignment: int | None = None
    text: Ref | None = None
    subject: str | None = None
    after_decision: bool = False


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of the dossier's clock and whoever held the dossier during it; `to_at` is None while it lasts."""

    number: int
    kind: IntervalKind
    cause: str
    holder: HolderKind
    from_at: datetime
    unit: str | None = None
    officer: str | None = None
    to_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SupplementItem:
    """A component that is missing, and the legal basis for asking."""

    component: str
    legal_basis: Ref


@dataclass(frozen=True, slots=True)
class Document:
    """A component as it was handed in; `digest` is the SHA-256 of the file, in hexadecimal."""

    component: str
    digest: str | None = None
    digital: bool = False


@dataclass(frozen=True, slots=True)
class Supplement:
    """A request for supplements (yêu cầu bổ sung) and what came of it."""

    number: int
    stage: str
    asked_at: datetime
    items: tuple[SupplementItem, ...]
    override: Ref | None = None
    supplied_at: datetime | None = None
    documents: tuple[Document, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """The result (kết quả) as it was handed out."""

    medium: Medium
    at: datetime
    reference: Ref | None = None


@dataclass(frozen=True, slots=True)
class Rating:
    """What the applicant thinks of it: a score of 1 to 5."""

    score: int
    at: datetime
    comment: Ref | None = None


@dataclass(frozen=True, slots=True)
class Extended:
    """An extension (gia hạn): units added to the limit, and what the due date was before and after it."""

    number: int
    at: datetime
    amount: int
    reason: Ref
    notice: Ref | None = None
    from_due_at: datetime | None = None
    to_due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Apology:
    """An apology (văn bản xin lỗi), with the date that it promises."""

    number: int
    at: datetime
    promised_due_at: datetime
    letter: Ref


@dataclass(frozen=True, slots=True)
class Payment:
    """A financial obligation (nghĩa vụ tài chính): a fee of the version, in whole dong; `pauses` where the clock stood for it."""

    number: int
    fee: str
    amount: int
    asked_at: datetime
    pauses: bool
    paid_at: datetime | None = None
    reference: Ref | None = None
    online: bool | None = None


@dataclass(frozen=True, slots=True)
class Blocker:
    """What keeps everybody from going on (vướng mắc): a seal that is not there yet, a text that is not adjusted.

    Where it is an incident, that is named, and has the reason.
    """

    number: int
    at: datetime
    reason: Ref | None = None
    stops_clock: bool = False
    legal_basis: Ref | None = None
    cleared_at: datetime | None = None
    clear_reason: Ref | None = None
    incident: str | None = None

    @property
    def stands(self) -> bool:
        """Whether it is there still."""
        return self.cleared_at is None


@dataclass(frozen=True, slots=True)
class Amended:
    """An amendment of the calendar that moved the due date; the promise stays. `documents` are those that amended it."""

    number: int
    at: datetime
    calendar_version: int
    from_due_at: datetime
    to_due_at: datetime
    documents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Erasure:
    """An erasure by law: the digests of the disclosures that went with it, in order."""

    number: int
    at: datetime
    digests: tuple[str, ...]
    legal_basis: Ref
    reason: Ref | None = None


@dataclass(frozen=True, slots=True)
class Reopening:
    """What a reopened dossier had come to: its decision, and its clock, which stays as it was.

    That clock ran from `started_at` to `decided_at`, over the intervals up to number `last_interval`; steps and supplement requests up to
    those numbers belong to it.
    """

    number: int
    at: datetime
    reason: Ref
    started_at: datetime
    last_interval: int
    decided_at: datetime
    outcome: Outcome
    due_at: datetime
    original_due_at: datetime
    promised_due_at: datetime
    decision_reason: Ref | None = None
    waiver: Ref | None = None
    result: Result | None = None
    calendar_version: int | None = None
    last_step: int = 0
    last_supplement: int = 0


@dataclass(frozen=True, slots=True)
class Imported:
    """Where an imported dossier comes from. No level whose instant is not after `alerts_from` is ever raised."""

    log: str
    case: str
    starts_at: datetime
    alerts_from: datetime | None = None


@dataclass(frozen=True, slots=True)
class Dossier:
    """A dossier as it stands after its last entry. `version` counts the moves that people made."""

    code: str
    state: State
    kind: DossierKind
    procedure: str
    procedure_version: int
    unit: str
    reception_point: str
    delivery_point: str
    channel: Channel
    slip_key: int
    secret_generation: int
    submitted_at: datetime
    version: int = 0
    rehearsal: bool = False
    applicant: Applicant | None = None
    imported: Imported | None = None
    received_at: datetime | None = None
    checked: tuple[str, ...] = ()
    fixed_due_at: datetime | None = None
    original_due_at: datetime | None = None
    promised_due_at: datetime | None = None
    due_at: datetime | None = None
    calendar_version: int | None = None
    arming: int = 0
    decided_at: datetime | None = None
    outcome: Outcome | None = None
    decision_reason: Ref | None = None
    waiver: Ref | None = None
    result: Result | None = None
    rating: Rating | None = None
    ended_at: datetime | None = None
    end_reason: Ref | None = None
    end_basis: Ref | None = None
    flags: tuple[str, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    steps: tuple[Step, ...] = ()
    opinions: tuple[Opinion, ...] = ()
    intervals: tuple[Interval, ...] = ()
    supplements: tuple[Supplement, ...] = ()
    reopenings: tuple[Reopening, ...] = ()
    extensions: tuple[Extended, ...] = ()
    apologies: tuple[Apology, ...] = ()
    payments: tuple[Payment, ...] = ()
    blockers: tuple[Blocker, ...] = ()
    amendments: tuple[Amended, ...] = ()
    armed: tuple[Armed, ...] = ()
    alerts: tuple[Alert, ...] = ()
    erasures: tuple[Erasure, ...] = ()

    @property
    def open(self) -> bool:
        """Whether anything is still to be done about it."""
        return self.state in OPEN

    @property
    def erased(self) -> bool:
        """Whether it is no longer known who the applicant is. His name goes last: nothing else is left of him then."""
        return self.applicant is not None and any(self.applicant.name.digest in erasure.digests for erasure in self.erasures)

    @property
    def lead(self) -> Assignment | None:
        """The one LEAD, from the first assignment until the end."""
        return next((a for a in self.assignments if a.role is AssignmentRole.LEAD and a.ended_at is None), None)

    @property
    def last_lead(self) -> Assignment | None:
        """The LEAD, or after the end whoever it was last."""
        return next((a for a in reversed(self.assignments) if a.role is AssignmentRole.LEAD), None)

    @property
    def started_at(self) -> datetime | None:
        """When the clock that runs, or ran last, began: at receipt, or at the last reopening."""
        return self.reopenings[-1].at if self.reopenings else self.received_at

    @property
    def current(self) -> tuple[Interval, ...]:
        """The intervals of that clock."""
        before = self.reopenings[-1].last_interval if self.reopenings else 0
        return self.intervals[before:]

    @property
    def extended(self) -> tuple[Extended, ...]:
        """The extensions of that clock."""
        return tuple(one for one in self.extensions if self.started_at is not None and one.at >= self.started_at)

    @property
    def amended(self) -> tuple[Amended, ...]:
        """The amendments that moved the due date of that clock."""
        return tuple(one for one in self.amendments if self.started_at is not None and one.at >= self.started_at)

    @property
    def apologised(self) -> bool:
        """Whether an apology was made in the course of that clock."""
        return any(self.started_at is not None and one.at >= self.started_at for one in self.apologies)

    @property
    def paused(self) -> bool:
        """Whether its clock stands."""
        return bool(self.intervals) and self.intervals[-1].kind is IntervalKind.PAUSED

    @property
    def last_at(self) -> datetime:
        """The instant of its last move that others must not lie before."""
        result = self.result.at if self.result else None
        ends = (i.to_at or i.from_at for i in self.intervals[-1:])
        given = (a.returned_at or a.assigned_at for a in self.assignments)
        return max([self.submitted_at, *ends, *given, *(at for at in (self.ended_at, self.decided_at, result) if at)])

    @property
    def bounces(self) -> int:
        """How many assignments were returned."""
        return sum(a.returned_at is not None for a in self.assignments)

    def coordinating(self, number: int | None = None) -> tuple[Assignment, ...]:
        """The COORDINATING assignments that stand, or the one of that number."""
        return tuple(
            a for a in self.assignments if a.role is AssignmentRole.COORDINATING and a.ended_at is None and number in {None, a.number}
        )


def coded(unit: str, on: date, number: int) -> str:
    """Write a dossier's code: unit, legal day of submission, number of at least four digits."""
    return f"{unit}-{on:%y%m%d}-{number:04d}"


def decoded(code: str) -> tuple[str, date, int]:
    """Read unit, legal day and number back."""
    unit, on, number = code.rsplit("-", 2)
    return unit, date(2000 + int(on[:2]), int(on[2:4]), int(on[4:])), int(number)


LISTS = dict.fromkeys(
    (
        "assignments", "steps", "opinions", "intervals", "supplements", "reopenings", "extensions", "apologies", "payments", "blockers",
        "amendments", "armed", "alerts", "erasures",
    ),
    "number",
)  # fmt: skip


def flattened(dossier: Dossier) -> dict[str, Plain]:
    """Give the dossier's fields, one level deep: `steps.3` is the third step, absent values are left out."""
    return flat.flattened(dossier, LISTS)


def restored(fields: Mapping[str, Any]) -> Dossier:
    """Build the dossier back from `flattened`."""
    return flat.restored(Dossier, fields, LISTS)
