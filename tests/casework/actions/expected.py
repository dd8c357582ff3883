"""A small model of the domain: who may make which move of a dossier, when, with which input, and what becomes of it.

It is written from the rules, and calls nothing that it judges. `worlds` holds the service against it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from casework.actions.dossiers import Making
from casework.model.laying import Extension, Pause
from casework.model.moves import SKEW, MoveName
from casework.model.parties import Role, Viewer
from casework.model.procedure import ProcedureVersion, StepOrder
from casework.model.record import AssignmentRole, DossierId
from schema import delaying, inputs
from schema.alert import AcknowledgeAlertInput, acknowledging
from schema.erasure import EraseApplicantInput, erasing

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
DONE, REPEATED = "DONE", "REPEATED"
UNIT, POINT, BRANCH, BESIDE = "01-XD", "01-MC", "01-CN1", "01-MT"
M = MoveName
Given = Any  # an input of `schema.inputs`; each move has one of its own


def official(role: Role, sub: str, *units: str) -> Viewer:
    return Viewer(role, sub, units)


PEOPLE = {
    "applicant": Viewer(Role.CITIZEN, "citizen-01"),
    "proxy": Viewer(Role.CITIZEN, "proxy-01", (), "citizen-01"),
    "desk": official(Role.RECEPTION, "01-MC-1", "01", POINT),
    "branch": official(Role.RECEPTION, "01-CN1-1", "01", BRANCH),
    "head": official(Role.HEAD, "01-XD-H", UNIT),
    "lead": official(Role.OFFICER, "01-XD-1", UNIT),
    "colleague": official(Role.OFFICER, "01-XD-2", UNIT),
    "beside": official(Role.OFFICER, "01-MT-1", BESIDE),
    "beside too": official(Role.OFFICER, "01-MT-2", BESIDE),
    "second head": official(Role.HEAD, "deputy-01", UNIT),  # unknown to the register: the issuer of the token vouches
    "other citizen": Viewer(Role.CITIZEN, "citizen-49"),
    "other desk": official(Role.RECEPTION, "01-CN2-1", "01", "01-CN2"),
    "stranger": official(Role.OFFICER, "01-YT-1", "01-YT"),
    "other head": official(Role.HEAD, "01-MT-H", BESIDE),
    "supervisor": official(Role.SUPERVISOR, "01-S", "01"),
    "other supervisor": official(Role.SUPERVISOR, "01-S", "01"),
    "inspector": official(Role.INSPECTOR, "inspector-1", "22"),
    "admin": official(Role.ADMIN, "admin-1", "22"),
    "public": Viewer(Role.PUBLIC),
}
KNOWN = {viewer.sub: viewer for viewer in PEOPLE.values()}
PEOPLE["pretender"] = official(Role.HEAD, "01-XD-1", UNIT)  # the register knows him as an officer
PEOPLE["desk for him"] = replace(PEOPLE["desk"], on_behalf_of="citizen-01")

MAKERS = {
    M.RECEIVE: {"RECEPTION"}, M.REFUSE: {"RECEPTION"}, M.ASSIGN: {"HEAD"}, M.RETURN: {"LEAD", "COORDINATING"}, M.COMPLETE_STEP: {"LEAD"},
    M.GIVE_OPINION: {"COORDINATING"}, M.REQUEST_SUPPLEMENT: {"LEAD", "HEAD"}, M.SUPPLY: {"APPLICANT", "RECEPTION"},
    M.DECIDE: {"LEAD", "HEAD"}, M.DELIVER: {"DELIVERY"}, M.WITHDRAW: {"APPLICANT", "RECEPTION"}, M.STOP: {"HEAD"}, M.REOPEN: {"HEAD"},
    M.RATE: {"APPLICANT"}, M.ROTATE: {"APPLICANT", "RECEPTION"},
    M.EXTEND: {"HEAD"}, M.APOLOGISE: {"HEAD"}, M.REQUIRE_PAYMENT: {"LEAD"}, M.RECORD_PAYMENT: {"RECEPTION"},
    M.RAISE_BLOCKER: {"HEAD", "SUPERVISOR"}, M.CLEAR_BLOCKER: {"HEAD", "SUPERVISOR"},
    M.ACKNOWLEDGE: {"LEAD", "COORDINATING", "HEAD", "RECEPTION", "SUPERVISOR"}, M.ERASE: {"HEAD", "SUPERVISOR"},
}  # fmt: skip
WORKED = {"IN_PROCESS", "AWAITING_SUPPLEMENT", "AWAITING_PAYMENT"}
TAKEN_IN = {"RECEIVED", *WORKED}
OPEN = {"SUBMITTED", *TAKEN_IN}
FROM = {
    M.RECEIVE: {"SUBMITTED"}, M.REFUSE: {"SUBMITTED"}, M.ASSIGN: TAKEN_IN, M.RETURN: WORKED, M.COMPLETE_STEP: {"IN_PROCESS"},
    M.GIVE_OPINION: WORKED, M.REQUEST_SUPPLEMENT: {"IN_PROCESS"}, M.SUPPLY: {"AWAITING_SUPPLEMENT"}, M.DECIDE: {"IN_PROCESS"},
    M.DELIVER: {"DECIDED"}, M.WITHDRAW: OPEN, M.STOP: TAKEN_IN, M.REOPEN: {"DECIDED", "DELIVERED"}, M.RATE: {"DELIVERED"},
    M.EXTEND: {"IN_PROCESS"}, M.APOLOGISE: TAKEN_IN, M.REQUIRE_PAYMENT: {"IN_PROCESS"}, M.RECORD_PAYMENT: {"AWAITING_PAYMENT"},
    M.RAISE_BLOCKER: TAKEN_IN, M.CLEAR_BLOCKER: TAKEN_IN,
    M.ACKNOWLEDGE: {*OPEN, "REFUSED", "WITHDRAWN", "STOPPED", "DECIDED", "DELIVERED"},
    M.ROTATE: {*OPEN, "REFUSED", "WITHDRAWN", "STOPPED", "DECIDED", "DELIVERED"},
    M.ERASE: {"REFUSED", "WITHDRAWN", "STOPPED", "DELIVERED"},
}  # fmt: skip
NAMES: dict[type, MoveName] = {
    inputs.ReceiveDossierInput: M.RECEIVE, inputs.RefuseDossierInput: M.REFUSE, inputs.AssignDossierInput: M.ASSIGN,
    inputs.ReturnAssignmentInput: M.RETURN, inputs.CompleteStepInput: M.COMPLETE_STEP, inputs.GiveOpinionInput: M.GIVE_OPINION,
    inputs.RequestSupplementInput: M.REQUEST_SUPPLEMENT, inputs.SupplyDocumentsInput: M.SUPPLY, inputs.DecideDossierInput: M.DECIDE,
    inputs.DeliverResultInput: M.DELIVER, inputs.WithdrawDossierInput: M.WITHDRAW, inputs.StopDossierInput: M.STOP,
    inputs.ReopenDossierInput: M.REOPEN, inputs.RateDossierInput: M.RATE, inputs.RotateTrackingSecretInput: M.ROTATE,
    delaying.ExtendDeadlineInput: M.EXTEND, delaying.ApologiseInput: M.APOLOGISE, delaying.RequirePaymentInput: M.REQUIRE_PAYMENT,
    delaying.RecordPaymentInput: M.RECORD_PAYMENT, delaying.RaiseBlockerInput: M.RAISE_BLOCKER,
    delaying.ClearBlockerInput: M.CLEAR_BLOCKER, AcknowledgeAlertInput: M.ACKNOWLEDGE, EraseApplicantInput: M.ERASE,
}  # fmt: skip
MAKINGS: dict[MoveName, Callable[[Given], Making]] = {
    M.RECEIVE: inputs.receiving, M.REFUSE: inputs.refusing, M.ASSIGN: inputs.assigning, M.RETURN: inputs.returning,
    M.COMPLETE_STEP: inputs.completing, M.GIVE_OPINION: inputs.answering, M.REQUEST_SUPPLEMENT: inputs.requesting,
    M.SUPPLY: inputs.supplying, M.DECIDE: inputs.deciding, M.DELIVER: inputs.delivering, M.WITHDRAW: inputs.withdrawing,
    M.STOP: inputs.stopping, M.REOPEN: inputs.reopening, M.RATE: inputs.rating, M.ROTATE: lambda given: inputs.rotating(1),
    M.EXTEND: delaying.extending, M.APOLOGISE: delaying.apologising, M.REQUIRE_PAYMENT: delaying.requiring_payment,
    M.RECORD_PAYMENT: delaying.recording_payment, M.RAISE_BLOCKER: delaying.blocking, M.CLEAR_BLOCKER: delaying.unblocking,
    M.ACKNOWLEDGE: acknowledging, M.ERASE: erasing,
}  # fmt: skip
TEXTS = ("reason", "legal_basis", "task", "responsibility", "expected_result", "opinion", "override_reason", "waive_opinions_reason",
         "reference", "comment", "notice", "letter", "note")  # fmt: skip


@dataclass
class Work:
    """An assignment, as the model keeps it."""

    number: int
    lead: bool
    unit: str
    officer: str | None
    at: datetime
    due_at: datetime | None
    returned_at: datetime | None = None
    ended: bool = False
    vacant: bool = False  # in the name of somebody who had left it before it was reopened

    @property
    def left(self) -> bool:
        return self.vacant or self.returned_at is not None

    @property
    def stands(self) -> bool:
        return not self.ended and not self.left

    def whose(self, who: Viewer) -> bool:
        return self.officer == who.sub if self.officer else self.unit in who.units


@dataclass(frozen=True)
class Warned:
    """An alert. What was raised, and what has closed by itself, is taken from the record."""

    beside: str | None  # the assignment of a coordinating unit that it is of
    level: str
    at: datetime
    open: bool


@dataclass(frozen=True)
class Memory:
    """A request that was granted: who asked for what, the entry it led to, and until when it is remembered."""

    viewer: Viewer
    given: Given
    hash: str
    until: datetime


@dataclass(repr=False)
class Case:
    """A dossier, as the model keeps it."""

    id: DossierId
    terms: ProcedureVersion
    account: str | None
    online: bool
    delivery: str
    submitted_at: datetime
    state: str = "SUBMITTED"
    version: int = 1
    generation: int = 1
    works: list[Work] = field(default_factory=list)
    started: datetime | None = None  # the clock that runs, or ran last
    reopened: int = 0  # times; two may fall on one instant
    since: datetime | None = None  # its last interval
    settled: datetime | None = None  # decided or delivered
    due_at: datetime | None = None  # as `falling` has it
    happened: list[Pause | Extension] = field(default_factory=list)  # to this clock
    steps: list[str] = field(default_factory=list)
    fresh: list[str] = field(default_factory=list)  # the steps of this clock
    stepped_at: datetime | None = None  # the last of these
    asked: list[str] = field(default_factory=list)  # the stages of this clock at which supplements were asked for
    asked_at: datetime | None = None
    requests: int = 0  # for supplements, of all its clocks
    wanted: set[str] = field(default_factory=set)
    answered: set[int] = field(default_factory=set)
    rated: bool = False
    erased: bool = False
    longer: list[int] = field(default_factory=list)  # units added to this clock
    longer_at: datetime | None = None  # the last extension of any clock
    sorry: bool = False
    charged_at: datetime | None = None
    fees: list[str] = field(default_factory=list)
    blockers: dict[int, tuple[datetime, bool]] = field(default_factory=dict)  # those that stand: since when, and whether the clock stands
    raised: int = 0
    warnings: dict[str, Warned] = field(default_factory=dict)  # by number
    noted: dict[str, str | None] = field(default_factory=dict)  # who took note of which
    memories: dict[tuple[MoveName, str], Memory] = field(default_factory=dict)
    kept: dict[str, bytes] = field(default_factory=dict)  # fields that no move may edit
    noticed: int = 0  # entries that the sweep has written
    buckets: list[str] = field(default_factory=list)  # of the due table, in which it ever had a row

    def __repr__(self) -> str:
        return f"<{self.terms.code} {self.state} {self.version}>"

    @property
    def runs(self) -> bool:
        return self.waits is None

    @property
    def waits(self) -> str | None:
        """What the clock stands for."""
        if self.state == "AWAITING_SUPPLEMENT":
            return "APPLICANT"
        if self.state == "AWAITING_PAYMENT" and self.terms.payment_pauses:
            return "TREASURY"
        if self.state in TAKEN_IN and any(stops for _, stops in self.blockers.values()):
            return "BLOCKER"
        return None if self.state in TAKEN_IN else "NOBODY"

    @property
    def lead(self) -> Work | None:
        """The last that was named."""
        return next((work for work in reversed(self.works) if work.lead), None)

    @property
    def beside(self) -> list[Work]:
        """The coordinating assignments that have not ended."""
        return [work for work in self.works if not work.lead and not work.ended]

    @property
    def stage(self) -> str:
        """The step that is due next; empty when there is none, or no order."""
        left = [step.code for step in self.terms.steps if step.code not in self.fresh]
        return left[0] if left and self.ordered else ""

    @property
    def allotted(self) -> tuple[datetime, int] | None:
        """Since when that step runs, and how many days it has: from the naming of a lead, or the step before it."""
        days = next((step.allotted_days for step in self.terms.steps if step.code == self.stage), None)
        named = [work.at for work in self.works if work.lead and self.started and work.at >= self.started]
        return (max([min(named), *([self.stepped_at] if self.stepped_at else [])]), days) if days and named else None

    @property
    def begun(self) -> datetime | None:
        """The instant before which no move lies that ends an interval or names a lead."""
        if self.since is None:
            return self.submitted_at if self.online else None
        return max([self.since, *(work.returned_at or work.at for work in self.works if work.lead)])

    @property
    def last(self) -> datetime:
        """The instant of the last move, as far as it began an interval or ended one."""
        return self.settled or self.since or self.submitted_at

    @property
    def ordered(self) -> bool:
        return self.terms.step_order is StepOrder.ORDERED

    def work(self, number: str) -> Work | None:
        return next((work for work in self.works if str(work.number) == number), None)


def truth(viewer: Viewer) -> Viewer:
    """Who it really is, by the register."""
    known = KNOWN.get(viewer.sub, viewer)
    return replace(viewer, role=known.role, units=known.units)


def relations(viewer: Viewer, case: Case) -> set[str]:
    who = truth(viewer)
    found: dict[str, object] = {}
    match who.role:
        case Role.CITIZEN:
            found = {"APPLICANT": case.account == (who.on_behalf_of or who.sub)}
        case Role.RECEPTION:
            found = {"RECEPTION": POINT in who.units, "DELIVERY": case.delivery in who.units}
        case Role.OFFICER:
            lead = [work for work in case.works if work is case.lead and work.officer == who.sub]
            his = [*lead, *(work for work in case.works if not work.lead and work.whose(who))]
            found = {("LEAD" if work.lead else "COORDINATING") if not work.left else "RETURNED": True for work in his}
        case Role.HEAD:
            other = any(work.unit in who.units for work in case.works if not work.lead)
            found = {"HEAD": UNIT in who.units, "COORDINATING_HEAD": other}
        case Role.SUPERVISOR:
            found = {"SUPERVISOR": {UNIT, "01"} & set(who.units)}
        case Role.INSPECTOR:
            found = {"INSPECTOR": True}
    return {relation for relation, holds in found.items() if holds}


def unanswered(case: Case, at: datetime) -> list[bool]:
    """Tell of each coordinating unit that has not answered whether it is overdue."""
    waited = [work.due_at or case.due_at for work in case.beside if work.number not in case.answered]
    return [due_at is not None and at > due_at for due_at in waited]


def addressed(case: Case, warning: Warned, viewer: Viewer) -> bool:
    """Whether it is his to take note of an alert."""
    theirs, lead = relations(viewer, case), case.lead
    officer = "LEAD" in theirs
    if warning.beside:
        work = case.work(warning.beside)
        officer = "COORDINATING" in theirs and work is not None and work.stands and work.whose(truth(viewer))
    nobody = warning.beside is None and not (lead and lead.stands)
    return {
        "AT_RISK": officer or (nobody and "HEAD" in theirs),
        "DUE_TODAY": officer or "HEAD" in theirs,
        "OVERDUE": bool(theirs & {"HEAD", "RECEPTION"}),
        "ESCALATED": "SUPERVISOR" in theirs,
    }[warning.level]


def bar(case: Case, name: MoveName, viewer: Viewer, at: datetime) -> str | None:
    """Foretell what speaks against a move whatever its input is."""
    theirs, who = relations(viewer, case), truth(viewer)
    if not MAKERS[name] & theirs:
        return "NOT_YOUR_MOVE"
    if case.state not in FROM[name]:
        return "STATE"
    # A clock that stands does not run out.
    late = case.due_at is not None and (at if case.runs or case.since is None else min(at, case.since)) > case.due_at
    standing = [work for work in (case.beside if name is M.GIVE_OPINION else case.works) if work.stands and work.whose(who)]
    told = {
        M.COMPLETE_STEP: ("STEP_ORDER", case.ordered and not case.stage),
        M.DECIDE: ("OPINION_MISSING", not all(unanswered(case, at))),
        M.RATE: ("ALREADY_RATED", case.rated),
        M.REOPEN: ("ERASED", case.erased),
        M.ERASE: ("ERASED", case.erased),
        M.REQUEST_SUPPLEMENT: ("AFTER_DUE", late) if late else ("ONCE_PER_STAGE", case.stage in case.asked and "HEAD" not in theirs),
        M.EXTEND: ("AFTER_DUE", late) if len(case.longer) < case.terms.extensions else ("EXTENSION_LIMIT", True),
        M.APOLOGISE: ("ALREADY_APOLOGISED", case.sorry),
        M.REQUIRE_PAYMENT: ("UNKNOWN_FEE", not {fee.code for fee in case.terms.fees} - {*case.fees}),
        M.CLEAR_BLOCKER: ("UNKNOWN_BLOCKER", not case.blockers),
        M.ACKNOWLEDGE: ("ALERT_CLOSED", not any(one.open and addressed(case, one, viewer) for one in case.warnings.values())),
        M.RETURN: ("UNKNOWN_ASSIGNMENT", not standing),
        M.GIVE_OPINION: ("UNKNOWN_ASSIGNMENT", not standing),
    }.get(name)
    return told[0] if told and told[1] else None


def flaws(case: Case, name: MoveName, viewer: Viewer, given: Given, at: datetime, now: datetime) -> set[str]:
    """Foretell what is wrong with the input."""
    return {*_dated(given, now), *_texts(given), *FLAWS[name](case, given, at, viewer)}


def _dated(given: Given, now: datetime) -> Iterator[str]:
    if getattr(given, "at", None) is None:
        return
    if given.at > now + SKEW:
        yield "IN_FUTURE"
    elif given.backdating_reason is not None and not given.backdating_reason.strip():
        yield "EMPTY"
    elif given.at < now - SKEW and given.backdating_reason is None:
        yield "BACKDATING_REASON_NEEDED"


def _texts(given: Given) -> Iterator[str]:
    for holder in (given, *(getattr(given, "items", None) or ())):
        values = [getattr(holder, name, None) for name in TEXTS]
        if any(value is not None and not value.strip() for value in values):
            yield "EMPTY"


def _before(at: datetime, limit: datetime | None) -> Iterator[str]:
    if limit is not None and at < limit:
        yield "BEFORE_LAST_MOVE"


def _receive(case: Case, given: Given, at: datetime, viewer: Viewer) -> Iterator[str]:  # noqa: ARG001 - one shape for all
    checked, known = set(given.checked or ()), {component.code: component.mandatory for component in case.terms.components}
    if checked - known.keys():
        yield "UNKNOWN_COMPONENT"
    if any(mandatory and code not in checked for code, mandatory in known.items()):
        yield "INCOMPLETE"
    yield from _before(at, case.submitted_at if case.online else None)


def _assign(case: Case, given: Given, at: datetime, viewer: Viewer) -> Iterator[str]:  # noqa: ARG001 - as above
    lead = given.role is AssignmentRole.LEAD
    if given.unit not in {UNIT, BESIDE} or (lead and given.unit != UNIT):
        yield "UNKNOWN_UNIT"
    if given.officer is not None:
        officer = KNOWN.get(given.officer)
        if officer is None or officer.role is not Role.OFFICER or given.unit not in officer.units:
            yield "UNKNOWN_OFFICER"
    if not lead and case.state == "RECEIVED":
        yield "LEAD_FIRST"
    wanted = case.terms.clarity_lead if lead else case.terms.clarity_coordinating
    if any(getattr(given, name) is None for name in wanted) or (lead and given.officer is None):
        yield "UNCLEAR_ASSIGNMENT"
    if given.due_at is not None and given.due_at <= at:
        yield "DUE_BEFORE_START"
    if given.due_at is not None and case.runs and case.due_at and at < case.due_at < given.due_at:
        yield "AFTER_DUE"
    if lead:
        yield from _before(at, case.begun)
    else:
        yield from _before(at, case.started)


def _number(case: Case, given: Given, at: datetime, viewer: Viewer) -> Iterator[str]:
    """Judge the assignment that an opinion or a return names."""
    opinion = NAMES[type(given)] is M.GIVE_OPINION
    work = case.work(given.assignment)
    if work is None or not work.stands or (opinion and work.lead):
        yield "UNKNOWN_ASSIGNMENT"
    elif not work.whose(truth(viewer)):
        yield "NOT_YOUR_MOVE"
    else:
        yield from _before(at, case.begun if work.lead else work.at)


def _step(case: Case, given: Given, at: datetime, viewer: Viewer) -> Iterator[str]:  # noqa: ARG001 - as above
    if given.step not in {step.code for step in case.terms.steps}:
        yield "UNKNOWN_STEP"
    elif case.ordered and given.step != case.stage:
        yield "STEP_ORDER"
    yield from _before(at, case.lead.at if case.lead else None)


def _request(case: Case, given: Given, at: datetime, viewer: Viewer) -> Iterator[str]:
    if (given.override_reason is not None) is not ("HEAD" in relations(viewer, case)):
        yield "NOT_YOUR_MOVE"
    if not given.items:
        yield "NO_ITEM"
    if {item.component for item in given.items} - {component.code for component in case.terms.components}:
        yield "UNKNOWN_COMPONENT"
    yield from _before(at, case.since)


def _supply(case: Case, given: Given, at: datetime, viewer: Viewer) -> Iterator[str]:  # noqa: ARG001 - as above
    brought = {document.component for document in given.documents}
    if case.wanted - brought:
        yield "INCOMPLETE"
    if brought - case.wanted:
        yield "UNKNOWN_COMPONENT"
    if any(document.digest and len(document.digest) != 64 for document in given.documents):
        yield "BAD_DIGEST"
    yield from _before(at, case.begun)


def _decide(case: Case, given: Given, at: datetime, viewer: Viewer) -> Iterator[str]:  # noqa: ARG001 - as above
    if unanswered(case, at) and given.waive_opinions_reason is None:
        yield "OPINION_MISSING"
    yield from _before(at, case.since)


def _rate(case: Case, given: Given, at: datetime, viewer: Viewer) -> Iterator[str]:  # noqa: ARG001 - as above
    if not 1 <= given.score <= 5:
        yield "BAD_SCORE"
    yield from _before(at, case.settled)


def _delay(case: Case, given: Given, at: datetime, viewer: Viewer) -> Iterator[str]:  # noqa: ARG001 - as above
    """Judge what changes when it is due or promised, or why it waits."""
    name = NAMES[type(given)]
    if name is M.EXTEND and not 1 <= given.amount <= case.terms.extended - sum(case.longer):
        yield "EXTENSION_LIMIT"
    if name is M.APOLOGISE and given.promised_due_at <= at:
        yield "DUE_BEFORE_START"
    if name is M.REQUIRE_PAYMENT and given.fee not in {fee.code for fee in case.terms.fees} - {*case.fees}:
        yield "UNKNOWN_FEE"
    if name is M.CLEAR_BLOCKER and given.blocker not in map(str, case.blockers):
        yield "UNKNOWN_BLOCKER"
    elif name is M.CLEAR_BLOCKER:
        yield from _before(at, case.blockers[int(given.blocker)][0])
    if name is M.RECORD_PAYMENT:
        yield from _before(at, case.charged_at)
    yield from _before(at, case.begun)
    yield from _before(at, case.longer_at)


def _note(case: Case, given: Given, at: datetime, viewer: Viewer) -> Iterator[str]:
    warning = case.warnings.get(given.alert)
    late = warning is not None and warning.level in {"OVERDUE", "ESCALATED"}
    if warning is None or (relations(viewer, case) <= {"RECEPTION", "DELIVERY"} and not late):
        yield "UNKNOWN_ALERT"
    elif not addressed(case, warning, viewer):
        yield "NOT_YOUR_MOVE"
    elif not warning.open:
        yield "ALERT_CLOSED"
    else:
        yield from _before(at, warning.at - SKEW)


FLAWS: dict[MoveName, Callable[[Case, Given, datetime, Viewer], Iterable[str]]] = {
    M.RECEIVE: _receive, M.ASSIGN: _assign, M.RETURN: _number, M.GIVE_OPINION: _number, M.COMPLETE_STEP: _step,
    M.REQUEST_SUPPLEMENT: _request, M.SUPPLY: _supply, M.DECIDE: _decide, M.RATE: _rate,
    M.REFUSE: lambda case, given, at, viewer: _before(at, case.begun),
    M.DELIVER: lambda case, given, at, viewer: _before(at, case.settled),
    M.REOPEN: lambda case, given, at, viewer: _before(at, case.settled),
    M.WITHDRAW: lambda case, given, at, viewer: _before(at, case.begun),
    M.STOP: lambda case, given, at, viewer: _before(at, case.begun),
    M.ROTATE: lambda case, given, at, viewer: _before(at, case.submitted_at),
    M.EXTEND: _delay, M.APOLOGISE: _delay, M.REQUIRE_PAYMENT: _delay, M.RECORD_PAYMENT: _delay, M.RAISE_BLOCKER: _delay,
    M.CLEAR_BLOCKER: _delay, M.ACKNOWLEDGE: _note, M.ERASE: lambda case, given, at, viewer: (),
}  # fmt: skip
SWITCHES = {M.REQUEST_SUPPLEMENT, M.SUPPLY, M.REQUIRE_PAYMENT, M.RECORD_PAYMENT, M.RAISE_BLOCKER, M.CLEAR_BLOCKER}
ENDS = {M.REFUSE: "REFUSED", M.WITHDRAW: "WITHDRAWN", M.STOP: "STOPPED", M.DECIDE: "DECIDED"}


def follow(case: Case, name: MoveName, given: Given, at: datetime, viewer: Viewer) -> None:  # noqa: C901, PLR0912, PLR0915 - one case for each move
    """Let the model make the move."""
    case.version += 1
    running, waited = case.runs, case.waits
    match name:
        case M.RECEIVE:
            case.state, case.started, case.since = "RECEIVED", at, at
        case M.ASSIGN:
            _named(case, given, at)
        case M.RETURN:
            work = case.work(given.assignment)
            assert work
            work.returned_at, work.ended = at, not work.lead
            case.since = at if work.lead and running else case.since
        case M.COMPLETE_STEP:
            case.steps.append(given.step)
            case.fresh.append(given.step)
            case.stepped_at = max(case.stepped_at or at, at)
        case M.GIVE_OPINION:
            case.answered.add(int(given.assignment))
        case M.REQUEST_SUPPLEMENT:
            case.asked.append(case.stage)
            case.asked_at, case.requests = at, case.requests + 1
            case.wanted, case.state = {item.component for item in given.items}, "AWAITING_SUPPLEMENT"
        case M.SUPPLY:
            case.wanted, case.state = set(), "IN_PROCESS"
        case M.EXTEND:
            case.longer.append(given.amount)
            case.longer_at = at
            case.happened.append(Extension(at, given.amount))
        case M.APOLOGISE:
            case.sorry = True
        case M.REQUIRE_PAYMENT:
            case.fees.append(given.fee)
            case.state, case.charged_at = "AWAITING_PAYMENT", at
        case M.RECORD_PAYMENT:
            case.state = "IN_PROCESS"
        case M.RAISE_BLOCKER:
            case.raised += 1
            case.blockers[case.raised] = (at, given.stops_clock)
        case M.CLEAR_BLOCKER:
            del case.blockers[int(given.blocker)]
        case M.REFUSE | M.WITHDRAW | M.STOP | M.DECIDE:
            case.state, case.settled = ENDS[name], at
            for work in case.works:
                work.ended = True
        case M.DELIVER:
            case.state, case.settled = "DELIVERED", at
        case M.REOPEN:
            assert case.lead
            again = replace(case.lead, number=len(case.works) + 1, at=at, ended=False, returned_at=None, vacant=case.lead.left)
            case.works.append(again)
            case.state, case.started, case.since, case.settled, case.fresh, case.asked = "IN_PROCESS", at, at, None, [], []
            case.longer, case.sorry, case.stepped_at = [], False, None
            case.reopened += 1
            case.happened = [] if case.runs else [Pause(at)]  # a blocker that stands still stops the next clock, too
        case M.RATE:
            case.rated = True
        case M.ERASE:
            case.erased = True
        case M.ACKNOWLEDGE:
            case.noted[given.alert] = truth(viewer).sub
        case M.ROTATE:
            case.generation += 1
    if name in SWITCHES and case.waits != waited:
        case.since = at
        _stood(case, waited, at)


def _stood(case: Case, waited: str | None, at: datetime) -> None:
    """Note when the clock stands; what it stands for next is another pause."""
    if waited is not None:
        place, begun = max((n, one.from_at) for n, one in enumerate(case.happened) if isinstance(one, Pause))
        case.happened[place] = Pause(begun, at)
    if not case.runs:
        case.happened.append(Pause(at))


def _named(case: Case, given: Given, at: datetime) -> None:
    lead = given.role is AssignmentRole.LEAD
    if lead:
        if case.lead:
            case.lead.ended = True
        case.since = at if case.runs else case.since
        case.state = "IN_PROCESS" if case.state == "RECEIVED" else case.state
    case.works.append(Work(len(case.works) + 1, lead, given.unit, given.officer, at, given.due_at))
