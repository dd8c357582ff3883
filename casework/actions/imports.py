"""Reading a process event log into dossiers, through the same moves as people make.

An import is a maker of its own, without a token. Every move of a case has an identity, (log name, the event's own id), that is remembered
for ever: a second run adds nothing, and one that was interrupted goes on where it stopped. Files are read elsewhere.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from casework.audit.chain import Reason
from casework.audit.disclosure import Envelope
from casework.commits import Plan, Written, imported, written
from casework.model.dossier import moved
from casework.model.errors import Invalid
from casework.model.limit import Limit, LimitUnit
from casework.model.moves import Assign, CompleteStep, Decide, GiveOpinion, Move, Receive, Setting
from casework.model.parties import Party, PartyKind, Role
from casework.model.procedure import IMPORT_TIER, Channel, DossierKind, ProcedureVersion, StepOrder, StepRule, Texts
from casework.model.raising import next_alert
from casework.model.record import AssignmentRole, Dossier, DossierId, Imported, Outcome, State, coded
from casework.model.unit import Officer, PointKind, ReceptionPoint, Unit
from casework.model.workdays import legal_day
from casework.ports import Held, Repeat, Services

ID_BYTES = 16
FIELD, KIND = "import", "IMPORTED"  # by these the register tells what an import brought


class Kind(StrEnum):
    """Moves of an imported case."""

    SUBMIT = "submit"
    RECEIVE = "receive"
    LEAD = "lead"
    COORDINATE = "coordinate"
    STEP = "step"
    OPINION = "opinion"
    DECIDE = "decide"


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """One event of the log; `opinion` tells that a coordinating unit answers with it."""

    id: str
    name: str
    at: datetime
    officer: str
    unit: str
    opinion: bool


@dataclass(frozen=True, slots=True)
class Case:
    """One case of the log, its events by time."""

    id: str
    channel: Channel
    starts_at: datetime
    due_at: datetime
    responsible: str
    events: tuple[LoggedEvent, ...]
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Log:
    """A whole log. `unit` is the procedure's own unit, the others stand below it; `officers` maps each to its usual unit."""

    name: str
    unit: str
    units: Mapping[str, str]
    officers: Mapping[str, str]
    steps: tuple[str, ...]
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class ImportedMove:
    """One move to be made: its identity in the log, when it happened, and in whose name. `last` is the last of its case.

    The identity of an event is `event/` and the log's own id for it; what the import adds is `case/`, the case and the kind.
    """

    id: str
    kind: Kind
    at: datetime
    officer: str | None
    unit: str
    name: str = ""
    last: bool = False


def moves(log: Log, case: Case) -> tuple[ImportedMove, ...]:
    """Lay out the moves of a case, in the order in which they are made.

    A case is taken in at its start, or at its earliest event if that lies before. Steps and opinions that come after its end are
    recorded after the decision.
    """
    first = min([case.starts_at, *(event.at for event in case.events)])
    out = [
        ImportedMove(f"case/{case.id}/submit", Kind.SUBMIT, first, None, log.unit),
        ImportedMove(f"case/{case.id}/receive", Kind.RECEIVE, first, case.responsible, log.unit),
        ImportedMove(f"case/{case.id}/lead", Kind.LEAD, first, case.responsible, log.unit),
    ]
    asked: set[str] = set()
    ended = False
    for event in case.events:
        if case.ended_at is not None and not ended and event.at > case.ended_at:
            out.append(_end(log, case, case.ended_at))
            ended = True
        if event.opinion and not ended and event.unit not in asked:
            asked.add(event.unit)
            out.append(
                ImportedMove(
                    f"case/{case.id}/coordinate/{event.unit}",
                    Kind.COORDINATE,
                    event.at,
                    case.responsible,
                    event.unit,
                )
            )
        kind = Kind.OPINION if event.opinion else Kind.STEP
        out.append(ImportedMove(f"event/{event.id}", kind, event.at, event.officer, event.unit, event.name))
    if case.ended_at is not None and not ended:
        out.append(_end(log, case, case.ended_at))
    out[-1] = replace(out[-1], last=True)
    return tuple(out)


def register(services: Services, log: Log) -> ProcedureVersion:
    """Put the log's units, officers and procedure into the register; give the version that knows all of its steps.

    Raises:
        Invalid: the log's name is that of a unit or procedure which no import brought (code NAME_TAKEN).
    """
    first = min(legal_day(event.at) for case in log.cases for event in case.events)
    first = min(first, *(legal_day(case.starts_at) for case in log.cases))
    known = services.store.versions(log.name)
    own = any(version.field != FIELD for version in known)
    standing = filter(None, map(services.store.unit, log.units))
    if own or any(unit.kind != KIND for unit in standing):
        raise Invalid(f"the register has {log.name} already, and no import made it: rename the file", code="NAME_TAKEN")
    version = next((v for v in known if {s.code for s in v.steps} >= set(log.steps)), None)
    if version is None:
        version = ProcedureVersion(
            code=log.name,
            version=len(known) + 1,
            title=_texts(log.name),
            kind=DossierKind.ADMINISTRATIVE,
            field=FIELD,
            tier=IMPORT_TIER,
            unit=log.unit,
            limit=Limit(LimitUnit.FIXED_DATE, None),
            legal_basis="",
            valid_from=first,
            channels=tuple(Channel),
            step_order=StepOrder.FREE,
            steps=tuple(StepRule(step, _texts(step)) for step in log.steps),
        )
    units = [Unit(code, _texts(name), KIND, log.unit, None if code == log.unit else log.unit, first) for code, name in log.units.items()]
    people = [Officer(code, Role.OFFICER, unit) for code, unit in log.officers.items()]
    point = ReceptionPoint(log.unit, _texts(log.name), PointKind.COMMUNE_COUNTER, log.unit)
    services.store.register([*units, point, *people, version], log.unit)
    return version


def remembered(services: Services, log: Log, steps: tuple[ImportedMove, ...]) -> Mapping[str, Repeat]:
    """Find which moves of a case were made before: id of the move -> its memory."""
    found = services.store.remembered([imported(log.name, step.id).memory for step in steps])
    return {step.id: found[memory] for step in steps if (memory := imported(log.name, step.id).memory) in found}


def made(
    services: Services,
    log: Log,
    version: ProcedureVersion,
    case: Case,
    step: ImportedMove,
    known: Held | DossierId | None,
) -> Written:
    """Make one move of a case, in the name of its officer.

    `known` is the dossier as the move before left it, or its id when it has yet to be loaded, or None for the first.
    """
    context = Setting(version, services.store.calendar(), imported=True)
    subject = known.id if isinstance(known, Held) else known or DossierId(services.entropy(ID_BYTES).hex())

    def decide(held: Held | None, envelope: Envelope, now: datetime) -> Plan:  # noqa: ARG001 - an import discloses nothing
        if held is None:
            after, action = _opened(services, log, version, case, step.at), "SUBMITTED"
        else:
            after, action = moved(held.dossier, _move(held.dossier, case, step), step.at, context)
        if step.last and after.imported:
            after = replace(after, imported=replace(after.imported, alerts_from=now))
        return Plan(
            after=after,
            province=log.unit,
            action=action,
            actor=Party(PartyKind.IMPORT, log.name, Role.IMPORT),
            on_behalf_of=Party(PartyKind.OFFICER, step.officer, unit=step.unit) if step.officer else None,
            occurred_at=step.at,
            reason=Reason("IMPORTED", log=log.name),
            alert=next_alert(after, context),
        )

    return written(services, subject, imported(log.name, step.id), decide, known=known if isinstance(known, Held) else None)


def by_time(log: Log) -> Iterator[tuple[Case, ImportedMove]]:
    """Give the moves of all cases interleaved by time; those of one case stay in their order."""
    laid = [(case, moves(log, case)) for case in log.cases]
    ranked = []
    for number, (case, steps) in enumerate(laid):
        latest = steps[0].at
        for place, step in enumerate(steps):
            latest = max(latest, step.at)
            ranked.append((latest, number, place, case, step))
    ranked.sort(key=lambda row: row[:3])
    yield from ((case, step) for *_, case, step in ranked)


def _opened(services: Services, log: Log, version: ProcedureVersion, case: Case, at: datetime) -> Dossier:
    on = legal_day(at)
    return Dossier(
        code=coded(log.unit, on, services.store.numbered(log.unit, log.unit, on)),
        state=State.SUBMITTED,
        kind=DossierKind.ADMINISTRATIVE,
        procedure=version.code,
        procedure_version=version.version,
        unit=log.unit,
        reception_point=log.unit,
        delivery_point=log.unit,
        channel=case.channel,
        slip_key=services.keys.current,
        secret_generation=1,
        submitted_at=at,
        fixed_due_at=case.due_at,
        imported=Imported(log.name, case.id, case.starts_at),
    )


def _move(dossier: Dossier, case: Case, step: ImportedMove) -> Move:
    officer = step.officer or case.responsible
    match step.kind:
        case Kind.RECEIVE:
            return Receive()
        case Kind.LEAD:
            return Assign(AssignmentRole.LEAD, step.unit, officer)
        case Kind.COORDINATE:
            return Assign(AssignmentRole.COORDINATING, step.unit)
        case Kind.STEP:
            return CompleteStep(step.name, step.unit, officer)
        case Kind.OPINION:
            here = next((a.number for a in dossier.coordinating() if a.unit == step.unit), None)
            return GiveOpinion(step.unit, officer, here, subject=step.name)
        case _:
            return Decide(Outcome.OTHER)


def _end(log: Log, case: Case, at: datetime) -> ImportedMove:
    return ImportedMove(f"case/{case.id}/decide", Kind.DECIDE, at, case.responsible, log.unit)


def _texts(name: str) -> Texts:
    return Texts(name, name, name)
