"""Who may see and do what: the one table (relation to the dossier) -> fields, and with the table of moves, -> moves.

Every resolver, list, mutation and subscription asks `decide`. What a viewer may not see is as if it were absent. Source: domain.md
section 9. It reads no register: the caller brings the lineage of the dossier's unit.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from casework.model.alert import PASSING, Alert, AlertLevel, DeadlineKind
from casework.model.dossier import MOVES
from casework.model.moves import MoveName
from casework.model.parties import Relation, Role, Viewer
from casework.model.procedure import DossierKind
from casework.model.record import Assignment, AssignmentRole, Dossier, State
from casework.model.unit import Officer


class Group(StrEnum):
    """Groups of a dossier's fields."""

    SUMMARY = "SUMMARY"  # state, dates, units, who is assigned; no name of an applicant, no text
    PERSONAL = "PERSONAL"  # the applicant's values
    MASKED = "MASKED"  # the applicant's values, masked (`masking`): whoever sees them so may unmask them for a reason
    REASONS = "REASONS"  # the texts that an applicant may read: supplement items, reason of the decision
    INTERNAL = "INTERNAL"  # opinions, tasks and other internal texts
    ACCESSES = "ACCESSES"  # which officials were shown the applicant's values


class Trail(StrEnum):
    """How much of the audit trail is seen."""

    NONE = "NONE"
    APPLICANT = "APPLICANT"  # every entry, without internal fields
    OWN_ACTIONS = "OWN_ACTIONS"  # the entries that the viewer made
    TECHNICAL = "TECHNICAL"  # number, times and hashes
    ALL = "ALL"


@dataclass(frozen=True, slots=True)
class Decision:
    """What one viewer may see and do of one dossier. Equal decisions see equal answers, so live delivery executes once for each.

    `actor` is set when the answer depends on who asks: it is the viewer whose own actions are shown. `standing` are the numbers of the
    assignments that are this officer's to act on.
    """

    groups: frozenset[Group] = frozenset()
    moves: frozenset[MoveName] = frozenset()
    trail: Trail = Trail.NONE
    relations: frozenset[Relation] = frozenset()
    standing: frozenset[int] = frozenset()
    tracked: bool = False
    actor: str | None = None

    @property
    def sight(self) -> str:
        """Name what is seen, of whatever moves are open: the same wherever it is computed."""
        groups, relations = ",".join(sorted(self.groups)), ",".join(sorted(self.relations))
        return f"{groups}/{relations}/{self.trail}/{self.tracked}/{self.actor or ''}"

    @property
    def sees(self) -> bool:
        """Whether the dossier exists for this viewer."""
        return Group.SUMMARY in self.groups


_OFFICIAL = frozenset({Group.SUMMARY, Group.REASONS, Group.INTERNAL})
_HANDLING = _OFFICIAL | {Group.PERSONAL}
_OVERSEEING = _OFFICIAL | {Group.MASKED, Group.ACCESSES}
_APPLICANT_S = frozenset({Group.PERSONAL, Group.MASKED})  # what shows anything of the applicant's values

TABLE: dict[Relation, tuple[frozenset[Group], Trail]] = {
    Relation.APPLICANT: (frozenset({Group.SUMMARY, Group.PERSONAL, Group.REASONS, Group.ACCESSES}), Trail.APPLICANT),
    Relation.RECEPTION: (frozenset({Group.SUMMARY, Group.REASONS}), Trail.NONE),
    Relation.DELIVERY: (frozenset({Group.SUMMARY, Group.REASONS}), Trail.NONE),
    Relation.LEAD: (_HANDLING, Trail.OWN_ACTIONS),
    Relation.RETURNED: (_OFFICIAL, Trail.OWN_ACTIONS),
    Relation.COORDINATING: (_HANDLING, Trail.OWN_ACTIONS),
    Relation.HEAD: (_HANDLING, Trail.ALL),
    Relation.COORDINATING_HEAD: (_OFFICIAL, Trail.NONE),
    Relation.SUPERVISOR: (_OVERSEEING, Trail.ALL),
    Relation.INSPECTOR: (_OVERSEEING, Trail.ALL),
    Relation.ADMIN: (frozenset(), Trail.TECHNICAL),
    Relation.IMPORT: (frozenset({Group.SUMMARY}), Trail.NONE),
}

# What a head does of his unit's dossiers, but not of one that he leads himself.
_NOT_BY_THE_LEAD = frozenset({MoveName.ASSIGN, MoveName.STOP, MoveName.REOPEN, MoveName.EXTEND, MoveName.APOLOGISE, MoveName.ERASE})
_RANK = {trail: rank for rank, trail in enumerate(Trail)}


def decide(viewer: Viewer, dossier: Dossier, *, subject: str, person: str | None, lineage: Iterable[str]) -> Decision:
    """Decide what `viewer` may see and do of `dossier`.

    Args:
        viewer: who asks.
        dossier: the record.
        subject: the dossier's id.
        person: the viewer's pseudonym for this dossier, None for those who have none.
        lineage: the competent unit and those above it.
    """
    if viewer.dossier is not None:
        return Decision(tracked=viewer.dossier == subject and viewer.generation == dossier.secret_generation)
    relations = frozenset(_relations(viewer, dossier, person, frozenset(lineage)))
    groups = frozenset(group for relation in relations for group in TABLE[relation][0])
    if Relation.RECEPTION in relations and dossier.state is State.SUBMITTED:
        groups |= {Group.PERSONAL}  # At intake the counter checks the applicant's values.
    if dossier.kind is DossierKind.DENUNCIATION and not relations & {Relation.APPLICANT, Relation.LEAD}:
        groups -= _APPLICANT_S  # A denouncer's identity is for its handler alone.
    trail = max((TABLE[relation][1] for relation in relations), key=_RANK.__getitem__, default=Trail.NONE)
    moves = frozenset(name for name, rule in MOVES.items() if rule.makers & relations)
    if dossier.last_lead is not None and dossier.last_lead.officer == viewer.sub:
        moves -= _NOT_BY_THE_LEAD
    actor = viewer.sub if trail is Trail.OWN_ACTIONS else None
    standing = frozenset(a.number for a in dossier.assignments if a.stands and assigned_to(viewer, a)) if actor else frozenset[int]()
    return Decision(groups, moves, trail, relations, standing, actor=actor)


def decide_procedure(viewer: Viewer) -> Decision:
    """Decide what a viewer may see of a procedure, or of the calendar: all may see what it says, and those who answer for it its trail."""
    trail = Trail.ALL if viewer.role in {Role.ADMIN, Role.INSPECTOR} else Trail.NONE
    return Decision(frozenset({Group.SUMMARY, Group.INTERNAL}) if trail is Trail.ALL else frozenset({Group.SUMMARY}), trail=trail)


def decide_task(viewer: Viewer) -> Decision:
    """Decide what a viewer may see of a task, which counts and names nobody: whoever may begin or inspect one sees all of it."""
    if viewer.role in {Role.ADMIN, Role.INSPECTOR, Role.SUPERVISOR, Role.HEAD}:
        return Decision(frozenset({Group.SUMMARY, Group.INTERNAL}), trail=Trail.ALL)
    return Decision()


def decide_export(viewer: Viewer) -> Decision:
    """Decide what a viewer may see of an export: inspectors all of it, the administrator that there is one."""
    if viewer.role is Role.INSPECTOR:
        return Decision(frozenset({Group.SUMMARY, Group.INTERNAL}), trail=Trail.ALL)
    return Decision(trail=Trail.TECHNICAL) if viewer.role is Role.ADMIN else Decision()


def decide_inspection(viewer: Viewer) -> Decision:
    """Decide what a viewer may see of an inspection, as of an export: those who are inspected are not told, nor what was looked at."""
    return decide_export(viewer)


def decide_incident(viewer: Viewer, lineage: Iterable[str], *, affected: bool) -> Decision:
    """Decide what a viewer may see of an incident: all that there is one, officials whom it concerns why.

    It concerns those of its unit and of the units above (`lineage` names it and them), and below it those who are `affected`. Who answers
    for the unit or for one above sees its trail, too.
    """
    if viewer.role is Role.ADMIN:
        return Decision(frozenset({Group.SUMMARY}), trail=Trail.TECHNICAL)
    above = viewer.role is Role.INSPECTOR or bool(frozenset(viewer.units) & frozenset(lineage))
    answers = above and viewer.role in {Role.HEAD, Role.SUPERVISOR, Role.INSPECTOR}
    official = answers or viewer.role in {Role.HEAD, Role.SUPERVISOR, Role.RECEPTION, Role.OFFICER}
    groups = _OFFICIAL if official and (above or affected) else frozenset({Group.SUMMARY})
    return Decision(groups, trail=Trail.ALL if answers else Trail.NONE)


def pushed(decision: Decision) -> Decision:
    """Give the decision for an event: it carries no personal value to an official, who asks for the dossier, and that read is logged."""
    if Relation.APPLICANT in decision.relations:
        return decision
    return replace(decision, groups=decision.groups - _APPLICANT_S)


def unmasked(decision: Decision) -> Decision:
    """Give the decision for the answer to an unmasking, in which the applicant's values stand as they are."""
    return replace(decision, groups=decision.groups - {Group.MASKED} | {Group.PERSONAL})


def watched_by(decision: Decision) -> bool:
    """Whether the dossier is opened by an official: what its applicant's values show him is an access."""
    return Relation.APPLICANT not in decision.relations


def sees_alert(decision: Decision, alert: Alert) -> bool:
    """Whether the viewer may see an alert: whoever sees what is internal does, and the counter what is late."""
    return Group.INTERNAL in decision.groups or (Relation.RECEPTION in decision.relations and alert.level not in PASSING)


def goes_to(decision: Decision, dossier: Dossier, alert: Alert) -> bool:
    """Whether an alert goes to the viewer, who is to acknowledge it. Rule: domain.md section 5.

    What is late is not the officer's to acknowledge. Before that it is, and while nobody leads the head's.
    """
    relations = decision.relations
    match alert.level:
        case AlertLevel.ESCALATED:
            return Relation.SUPERVISOR in relations
        case AlertLevel.OVERDUE:
            return bool(relations & {Relation.HEAD, Relation.RECEPTION})
    if alert.kind is DeadlineKind.COORDINATION:
        officer = Relation.COORDINATING in relations and str(alert.of) in map(str, decision.standing)
        return officer or (Relation.HEAD in relations and alert.level is AlertLevel.DUE_TODAY)
    led = dossier.lead is not None and dossier.lead.stands and dossier.lead.officer is not None
    return Relation.LEAD in relations or (Relation.HEAD in relations and (alert.level is AlertLevel.DUE_TODAY or not led))


def may_submit(viewer: Viewer, point: str) -> bool:
    """Whether the viewer may open a dossier at that reception point: a citizen anywhere, its own staff there."""
    if viewer.role is Role.CITIZEN:
        return viewer.sub is not None
    return viewer.role is Role.RECEPTION and point in viewer.units


def _relations(viewer: Viewer, dossier: Dossier, person: str | None, lineage: frozenset[str]) -> Iterable[Relation]:
    match viewer.role:
        case Role.CITIZEN:
            if person is not None and dossier.applicant is not None and dossier.applicant.person == person:
                yield Relation.APPLICANT
        case Role.RECEPTION:
            yield from (Relation.RECEPTION,) if dossier.reception_point in viewer.units else ()
            yield from (Relation.DELIVERY,) if dossier.delivery_point in viewer.units else ()
        case Role.OFFICER:
            yield from _as_officer(viewer, dossier)
        case Role.HEAD:
            yield from _as_head(viewer, dossier)
        case Role.SUPERVISOR if lineage & frozenset(viewer.units):
            yield Relation.SUPERVISOR
        case Role.INSPECTOR | Role.ADMIN | Role.IMPORT:
            yield Relation(viewer.role.value)


def _as_officer(viewer: Viewer, dossier: Dossier) -> Iterable[Relation]:
    lead = dossier.last_lead
    if lead is not None and lead.officer == viewer.sub:
        yield Relation.RETURNED if lead.left else Relation.LEAD
    for assignment in dossier.assignments:
        if assignment.role is AssignmentRole.COORDINATING and assigned_to(viewer, assignment):
            yield Relation.RETURNED if assignment.left else Relation.COORDINATING


def _as_head(viewer: Viewer, dossier: Dossier) -> Iterable[Relation]:
    if dossier.unit in viewer.units:
        yield Relation.HEAD
    elif any(a.role is AssignmentRole.COORDINATING and a.unit in viewer.units for a in dossier.assignments):
        yield Relation.COORDINATING_HEAD


def assigned_to(viewer: Viewer, assignment: Assignment) -> bool:
    """Whether an assignment is this officer's: its own officer's, or where it names none any officer's of its unit."""
    return assignment.officer == viewer.sub if assignment.officer is not None else assignment.unit in viewer.units


def confirmed(viewer: Viewer, officer: Officer | None, on: date) -> Viewer:
    """Take role and units from the register where it knows the person; nobody who has left office keeps any.

    A subject unknown to the register keeps what its token says: the issuer vouches for it.
    """
    if officer is None:
        return viewer
    if officer.valid_to is not None and officer.valid_to < on:
        return Viewer(Role.PUBLIC)
    units = tuple(code for code in (officer.unit, officer.point) if code)
    known = viewer.role is officer.role and viewer.units == units
    return viewer if known else replace(viewer, role=officer.role, units=units)
