"""What people do to a dossier: open it, and make each move of the table. Imports have a file of their own."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime

from casework.audit.chain import Entry, Reason
from casework.audit.disclosure import Envelope, digest_of
from casework.commits import Plan, Request, Written, written
from casework.erasing import MOST_ERASED, erasable
from casework.makers import actor, behalf, caller
from casework.model.access import Decision, goes_to, may_submit, sees_alert
from casework.model.acknowledging import named
from casework.model.dossier import moved, refused
from casework.model.errors import Conflict, Invalid, NotFound, Refused
from casework.model.moves import SKEW, Acknowledge, Assign, Erase, Move, MoveName, Reopen, RequestSupplement, Setting
from casework.model.packing import Plain
from casework.model.parties import Relation, Role, Viewer
from casework.model.procedure import IMPORT_TIER, Channel, ProcedureVersion
from casework.model.raising import next_alert
from casework.model.record import Applicant, AssignmentRole, Dossier, DossierId, State, coded
from casework.model.texts import LONGEST_NAME, optional_text, text
from casework.model.unit import COMMUNES, ReceptionPoint, Unit, competent, lineage
from casework.model.workdays import legal_day
from casework.noticing import behind, notice
from casework.ports import Erased, Held, Services
from casework.views import confirmed_viewer, decided, setting

ID_BYTES = 16
LOOKS = 3  # at what a dossier's deadlines have reached, before a move is made all the same


@dataclass(frozen=True, slots=True)
class Person:
    """An applicant's values as typed."""

    name: str
    phone: str | None = None
    address: str | None = None
    identity_number: str | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """What opens a dossier.

    `unit` is the competent unit when it is not the procedure's own, `delivery_point` where its result is fetched when not where it came in.
    """

    procedure: str
    reception_point: str
    channel: Channel
    applicant: Person
    unit: str | None = None
    delivery_point: str | None = None
    rehearsal: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """What every move brings along: key, version the caller acted upon, event time when it is not now, and why then."""

    key: str
    correlation: str
    input: Plain
    expected_version: int | None = None
    at: datetime | None = None
    backdating_reason: str | None = None


Making = Callable[[Held, Viewer, Envelope], Move]


def submit(services: Services, viewer: Viewer, submission: Submission, asked: Asked) -> tuple[Written, str | None]:
    """Open a dossier. Gives what was written and the tracking secret, which a repeated request gets again while it holds.

    Raises:
        Invalid: unknown procedure, point or unit; not in force; channel not allowed; a text that is not one.
        Refused: code NOT_YOUR_MOVE.
    """
    viewer = confirmed_viewer(services, viewer)
    if not may_submit(viewer, submission.reception_point):
        raise Refused("an applicant, or the staff of the reception point, opens a dossier",
                      code="NOT_YOUR_MOVE", state=State.SUBMITTED, allowed_from=())  # fmt: skip
    account = viewer.on_behalf_of or (viewer.sub if viewer.role is Role.CITIZEN else None)
    request = Request(
        f"submit:{services.keys.applicant(viewer.sub or '')}",
        "submitDossier",
        asked.key,
        asked.input,
        asked.correlation,
        caller(viewer),
    )
    subject = DossierId(services.entropy(ID_BYTES).hex())

    def decide(held: Held | None, envelope: Envelope, now: datetime) -> Plan:
        assert held is None, "the id is fresh"
        unit, dossier = _opened(services, submission, subject, account, envelope, now)
        return Plan(
            after=dossier,
            province=unit.province,
            action="SUBMITTED",
            actor=actor(services, viewer, subject, envelope),
            on_behalf_of=behalf(services, viewer, subject, envelope),
            occurred_at=now,
            applicant_key=services.keys.applicant(account) if account else None,
        )

    done = written(services, subject, request, decide)
    return done, secret_of(services, done.held, done.entry)


def move(services: Services, viewer: Viewer, subject: DossierId, name: MoveName, asked: Asked, making: Making) -> Written:
    """Make a move on a dossier.

    `making` builds the move from the dossier as loaded; it may run several times.

    Raises:
        NotFound: no such dossier, or none for this viewer.
        Conflict: `expected_version` is stale.
        Refused: by the table, by a guard, or NOT_YOUR_MOVE.
        Invalid: the input.
    """
    viewer = confirmed_viewer(services, viewer)
    request = Request(subject, name.value, asked.key, asked.input, asked.correlation, caller(viewer))
    looks = iter(range(LOOKS))

    def decide(held: Held | None, envelope: Envelope, now: datetime) -> Plan:
        decision = sighted(services, viewer, held)
        assert held is not None
        if asked.expected_version is not None and asked.expected_version != held.version:
            raise Conflict("the dossier has changed since that version", subject=held.id, version=held.version)
        if name not in decision.moves:
            raise refused(held.dossier, name, "NOT_YOUR_MOVE", f"{name} is not for {viewer.role} here")
        at, reason = _event_time(asked, held.dossier, envelope, now)
        made = making(held, viewer, envelope)
        context = _setting(services, held.dossier, name, legal_day(at))
        made = _guarded(services, held.dossier, decision, made, legal_day(at))
        gone: tuple[Erased, ...] = ()
        if isinstance(made, Erase):
            made, gone = _erasing(services, held, made)
        after, action = moved(held.dossier, made, at, context)
        if behind(held, now) and next(looks, None) is not None:
            raise _Unnoticed
        return Plan(
            after=after,
            province=held.province,
            action=action,
            actor=actor(services, viewer, held.id, envelope, told=not held.dossier.erased),
            on_behalf_of=behalf(services, viewer, held.id, envelope, told=not held.dossier.erased),
            occurred_at=at,
            reason=reason,
            alert=next_alert(after, context),
            erased=gone,
        )

    while True:
        try:
            return written(services, subject, request, decide, sight=lambda held: sighted(services, viewer, held))
        except _Unnoticed:
            notice(services, subject, asked.correlation)


class _Unnoticed(Exception):
    """A move that is allowed would end or shift a deadline that has reached a level which nobody has noticed yet."""


def secret_of(services: Services, held: Held, entry: Entry) -> str | None:
    """Give the tracking secret that an entry brought; None when a later one has made it void: that is for whoever asked for it."""
    brought = next((change["to"] for change in entry.body["changes"] if change["field"] == "secret_generation"), None)
    dossier = held.dossier
    if brought != dossier.secret_generation:
        return None
    return services.keys.tracking_secret(held.id, dossier.secret_generation, dossier.slip_key)


def in_force(services: Services, procedure: str, on: date, *, fresh: bool = False) -> ProcedureVersion:
    """Find the version of a procedure that is in force on a legal day.

    Raises:
        Invalid: no such procedure, or none in force.
    """
    versions = services.store.versions(procedure, fresh=fresh)
    if not versions:
        raise Invalid("no such procedure", path=("procedure",), code="UNKNOWN_PROCEDURE")
    found = [version for version in versions if version.in_force(on)]
    if not found:
        raise Invalid(f"no version of {procedure} is in force on that day", path=("procedure",), code="NOT_IN_FORCE")
    return found[-1]


def sighted(services: Services, viewer: Viewer, held: Held | None) -> Decision:
    """Decide what the viewer may see and do.

    Raises:
        NotFound: nothing, or there is no such dossier.
    """
    decision = decided(services, viewer, held) if held and isinstance(held.record, Dossier) else None
    if decision is None or not decision.sees:
        raise NotFound("no such dossier", path=("dossier",))
    return decision


def _setting(services: Services, dossier: Dossier, name: MoveName, on: date) -> Setting:
    """Bring what the move is judged against; a receipt chooses the version in force that day, where there is one."""
    own = setting(services, dossier)
    if name in {MoveName.RECEIVE, MoveName.REOPEN}:
        above = lineage(services.store.unit, dossier.unit)
        own = replace(own, incidents=tuple(one for unit in above for one in services.store.incidents(unit)))
    if dossier.state is not State.SUBMITTED:
        return own
    # Paper may have lain before it was keyed in, but nobody can have handed it in before there was the procedure.
    versions = services.store.versions(dossier.procedure, fresh=True)
    if versions and on < versions[0].valid_from:
        raise Invalid(f"{dossier.procedure} was not in force yet on that day", path=("at",), code="NOT_IN_FORCE")
    if name is not MoveName.RECEIVE:
        return own
    current = [version for version in versions if version.in_force(on)]
    return replace(own, procedure=current[-1]) if current else own


def _opened(
    services: Services, submission: Submission, subject: DossierId, account: str | None, envelope: Envelope, now: datetime
) -> tuple[Unit, Dossier]:
    on = legal_day(now)
    version = in_force(services, submission.procedure, on, fresh=True)
    if version.tier == IMPORT_TIER:
        raise Invalid("the dossiers of a log come with it; nobody opens another", path=("procedure",), code="UNKNOWN_PROCEDURE")
    point = services.store.point(submission.reception_point)
    if point is None:
        raise Invalid("no such reception point", path=("receptionPoint",), code="UNKNOWN_POINT")
    if submission.channel not in version.channels:
        raise Invalid(f"{version.code} takes {', '.join(version.channels)}", path=("channel",), code="CHANNEL_NOT_ALLOWED")
    delivery = services.store.point(submission.delivery_point) if submission.delivery_point else point
    if delivery is None:
        raise Invalid("no such delivery point", path=("deliveryPoint",), code="UNKNOWN_POINT")
    unit = _competent(services, submission, version, point, on)
    came_in, handed_out = services.store.unit(point.unit), services.store.unit(delivery.unit)
    if came_in is None or handed_out is None or handed_out.province != came_in.province:
        raise Invalid("a result is handed out in the province where it came in", path=("deliveryPoint",), code="OTHER_PROVINCE")
    applicant = _enclosed(services, submission.applicant, subject, account, envelope)
    return unit, Dossier(
        code=coded(unit.code, on, services.store.numbered(unit.code, unit.province, on)),
        state=State.SUBMITTED,
        kind=version.kind,
        procedure=version.code,
        procedure_version=version.version,
        unit=unit.code,
        reception_point=point.code,
        delivery_point=delivery.code,
        channel=submission.channel,
        slip_key=services.keys.current,
        secret_generation=1,
        submitted_at=now,
        rehearsal=submission.rehearsal,
        applicant=applicant,
    )


def _competent(services: Services, submission: Submission, version: ProcedureVersion, point: ReceptionPoint, on: date) -> Unit:
    """Find the unit that is to handle it: reception is anywhere in the province, handling where the version says or the caller names."""
    at = services.store.unit(point.unit)
    if at is None:
        raise Invalid("no such reception point", path=("receptionPoint",), code="UNKNOWN_POINT")
    own = competent(version, at)
    code = submission.unit or own
    if code is None:
        raise Invalid(f"{version.code} is handled by a commune: name it as unit", path=("unit",), code="UNIT_NEEDED")
    unit = services.store.unit(code)
    if unit is None or not unit.active(on):
        raise Invalid("no such unit is active", path=("unit",), code="UNKNOWN_UNIT")
    if version.unit is None and at.province != unit.province:
        raise Invalid("a reception point takes dossiers for its own province", path=("receptionPoint",), code="OTHER_PROVINCE")
    by_commune = version.unit is None and version.department is None
    fits = unit.kind in COMMUNES if by_commune else own in lineage(services.store.unit, unit.code)
    if not fits:
        tell = "a commune" if by_commune else f"{own}, or a unit below it,"
        raise Invalid(f"{tell} handles {version.code}", path=("unit",), code="NOT_COMPETENT")
    return unit


def _enclosed(services: Services, typed: Person, subject: DossierId, account: str | None, envelope: Envelope) -> Applicant:
    return Applicant(
        name=envelope.enclosed("applicant.name", text(typed.name, "applicant", "name", longest=LONGEST_NAME)),
        phone=envelope.enclosed_if("applicant.phone", optional_text(typed.phone, "applicant", "phone", longest=40)),
        address=envelope.enclosed_if("applicant.address", optional_text(typed.address, "applicant", "address", longest=500)),
        identity_number=envelope.enclosed_if(
            "applicant.identity_number", optional_text(typed.identity_number, "applicant", "identityNumber", longest=40)
        ),
        person=services.keys.pseudonym(subject, account) if account else None,
        account=envelope.enclosed_if("account", account),
    )


def _event_time(asked: Asked, dossier: Dossier, envelope: Envelope, now: datetime) -> tuple[datetime, Reason | None]:
    if asked.at is None:
        last = dossier.last_at
        return (last if now < last <= now + SKEW else now), None  # Another machine's clock may be ahead of this one's.
    if asked.at > now + SKEW:
        raise Invalid("a move cannot lie in the future", path=("at",), code="IN_FUTURE")
    why = optional_text(asked.backdating_reason, "backdatingReason")
    if asked.at >= now - SKEW:
        return asked.at, None
    if why is None:
        raise Invalid("say why the move is dated back", path=("backdatingReason",), code="BACKDATING_REASON_NEEDED")
    return asked.at, Reason("BACKDATED", envelope.enclosed("reason", why))


def _guarded(services: Services, dossier: Dossier, decision: Decision, made: Move, on: date) -> Move:
    """Hold the guards that ask who makes the move, and those that ask the register; gives the move with what the register adds to it."""
    if isinstance(made, RequestSupplement) and (Relation.HEAD if made.override else Relation.LEAD) not in decision.relations:
        tell = "only a head of unit overrides" if made.override else "the lead officer asks; a head of unit overrides, with overrideReason"
        raise refused(dossier, MoveName.REQUEST_SUPPLEMENT, "NOT_YOUR_MOVE", tell)
    if isinstance(made, Acknowledge) and any(alert.open for alert in dossier.alerts):
        found = named((alert for alert in dossier.alerts if sees_alert(decision, alert)), made.alert)
        if not goes_to(decision, dossier, found):
            raise refused(dossier, MoveName.ACKNOWLEDGE, "NOT_YOUR_MOVE", f"{found.level} is for others to acknowledge")
    if isinstance(made, Reopen):
        last = dossier.last_lead
        return replace(made, gone=last is not None and last.officer is not None and not _serves(services, last.officer, last.unit, on))
    if isinstance(made, Assign):
        _assignable(services, dossier, made, on)
    return made


def _erasing(services: Services, held: Held, made: Erase) -> tuple[Erase, tuple[Erased, ...]]:
    """Find what goes, as much as one transaction takes; whoever asks again gets the rest.

    With the last of it goes whatever the record names of its applicant, so that an erasure ends where something was missing before.
    """
    found = erasable(services, held)
    digests = {digest_of(text) for row in found[:MOST_ERASED] for text in row.gone}
    applicant = held.dossier.applicant
    if len(found) <= MOST_ERASED and applicant is not None:
        values = (applicant.name, applicant.account, applicant.phone, applicant.address, applicant.identity_number)
        digests.update(value.digest for value in values if value is not None)
    return replace(made, digests=tuple(sorted(digests))), found[:MOST_ERASED]


def _assignable(services: Services, dossier: Dossier, made: Assign, on: date) -> None:
    """Ask the register whether that unit and that officer may be named."""
    unit = services.store.unit(made.unit)
    if unit is None or not unit.active(on):
        raise Invalid("no such unit is active", path=("unit",), code="UNKNOWN_UNIT")
    if made.role is AssignmentRole.LEAD and dossier.unit not in lineage(services.store.unit, made.unit):
        raise Invalid("the lead is of the competent unit or of one below it", path=("unit",), code="UNKNOWN_UNIT")
    if made.role is AssignmentRole.COORDINATING:
        own = services.store.unit(dossier.unit)
        if own is not None and unit.province != own.province:
            raise Invalid("a unit of another province does not coordinate", path=("unit",), code="OTHER_PROVINCE")
        if dossier.lead is not None and made.officer is not None and made.officer == dossier.lead.officer:
            raise Invalid("the lead gives no opinion to himself: name another officer", path=("officer",), code="UNKNOWN_OFFICER")
    if made.officer is not None and not _serves(services, made.officer, made.unit, on):
        raise Invalid("no such officer serves in that unit", path=("officer",), code="UNKNOWN_OFFICER")


def _serves(services: Services, code: str, unit: str, on: date) -> bool:
    """Whether the register has somebody as an officer of that unit on that day, and the unit as active."""
    officer, place = services.store.officer(code), services.store.unit(unit)
    there = officer and officer.role is Role.OFFICER and officer.unit == unit and (officer.valid_to is None or officer.valid_to >= on)
    return bool(there and place and place.active(on))
