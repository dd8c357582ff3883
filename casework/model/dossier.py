"""The lifecycle: the one table of moves, their guards, and `moved`, which makes one.

Pure: it takes the record, the move, who makes it and when, and gives the next record or raises. It neither loads, nor seals, nor
computes dates (`clock` does, through `timed`). Rules: Decree 61/2018/ND-CP on one-stop handling; domain.md section 3.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from casework.model.alert import AlertLevel, levels, next_level
from casework.model.clock import Pause, Reckoning, reckoned
from casework.model.errors import Invalid, Refused
from casework.model.moves import (
    NAMES,
    Assign,
    CompleteStep,
    Decide,
    GiveOpinion,
    Move,
    MoveName,
    Receive,
    RequestSupplement,
    Setting,
    Supply,
)
from casework.model.parties import Relation
from casework.model.procedure import Channel, StepOrder
from casework.model.record import (
    Assignment,
    AssignmentRole,
    Dossier,
    HolderKind,
    Interval,
    IntervalKind,
    Opinion,
    State,
    Step,
    Supplement,
)

MOST_OF_A_KIND = 500  # assignments, steps, opinions or supplements of one dossier; `commits` bounds the bytes of the whole


@dataclass(frozen=True, slots=True)
class MoveRule:
    """A row of the table: who may make the move, from which states, and the action its entry is named after."""

    makers: frozenset[Relation]
    allowed_from: frozenset[State]
    action: str
    made: Callable[[Dossier, "Move", datetime, Setting], Dossier]


def moved(dossier: Dossier, move: Move, at: datetime, setting: Setting) -> tuple[Dossier, str]:
    """Make a move: the next record, its clock computed anew, and the action for the entry.

    Raises:
        Refused: the state does not allow it (code STATE), or a guard speaks against it.
        Invalid: the input names what the version does not know, or leaves out what it asks.
    """
    name = NAMES[type(move)]
    rule = MOVES[name]
    if _late(dossier, move, setting):
        return rule.made(dossier, move, at, setting), "STEP_RECORDED_AFTER_DECISION"
    if dossier.state not in rule.allowed_from:
        raise refused(dossier, name, "STATE", f"{name} is not allowed in state {dossier.state}")
    return timed(rule.made(dossier, move, at, setting), setting), rule.action


def timed(dossier: Dossier, setting: Setting) -> Dossier:
    """Compute the dossier's dates anew; a changed due date opens the next arming of its alerts."""
    if dossier.received_at is None:
        return dossier
    found = clock_of(dossier, setting)
    changed = found.due_at != dossier.due_at
    return replace(
        dossier,
        due_at=found.due_at,
        original_due_at=dossier.original_due_at or found.due_at,
        promised_due_at=dossier.promised_due_at or found.due_at,
        calendar_version=setting.calendar.version,
        arming=dossier.arming + 1 if changed else dossier.arming,
        raised=() if changed else dossier.raised,
    )


def clock_of(dossier: Dossier, setting: Setting) -> Reckoning:
    """Compute the clock of a received dossier, with its derivation."""
    if dossier.received_at is None:
        raise Invalid("the clock starts when the dossier is received", code="NOT_RECEIVED")
    pauses = tuple(Pause(i.from_at, i.to_at) for i in dossier.intervals if i.kind is IntervalKind.PAUSED)
    return reckoned(
        setting.procedure.rule,
        dossier.received_at,
        pauses,
        setting.calendar,
        fixed_due_at=dossier.fixed_due_at,
    )


def next_alert(dossier: Dossier, setting: Setting) -> tuple[AlertLevel, datetime] | None:
    """Give the first level still to be raised and its instant; None when paused, closed, not yet received, or nothing is left.

    An imported dossier has none before its import is complete, and then only those that lay ahead at that time.
    """
    if not dossier.open or dossier.received_at is None or (dossier.imported and dossier.imported.alerts_from is None):
        return None
    after = dossier.imported.alerts_from if dossier.imported else None
    due = levels(clock_of(dossier, setting), dossier.received_at, setting.calendar, setting.procedure.thresholds)
    return next_level(due, dossier.raised, after)


def refused(dossier: Dossier, name: MoveName, code: str, message: str) -> Refused:
    """Say no, with the states the move is allowed from."""
    allowed = tuple(state.value for state in State if state in MOVES[name].allowed_from)
    return Refused(message, code=code, state=dossier.state.value, allowed_from=allowed)


def _late(dossier: Dossier, move: Move, setting: Setting) -> bool:
    """Tell a step or an opinion that an imported log holds after the end: recorded, and nothing else."""
    return setting.imported and isinstance(move, CompleteStep | GiveOpinion) and dossier.state is State.DECIDED


def _receive(dossier: Dossier, move: Move, at: datetime, setting: Setting) -> Dossier:
    assert isinstance(move, Receive)
    known = {component.code: component for component in setting.procedure.components}
    for code in move.checked:
        if code not in known:
            raise Invalid(
                f"{code!r} is no component of {setting.procedure.code}",
                path=("checked",),
                code="UNKNOWN_COMPONENT",
            )
    missing = [code for code, component in known.items() if component.mandatory and code not in move.checked]
    if missing:
        raise Invalid(f"not checked as complete: {', '.join(missing)}", path=("checked",), code="INCOMPLETE")
    if dossier.channel is Channel.ONLINE and at < dossier.submitted_at and not setting.imported:
        raise _backwards(MoveName.RECEIVE)  # Paper may have come in before it was keyed in; what came online cannot.
    first = Interval(1, IntervalKind.RUNNING, "RECEIVED", HolderKind.UNIT, at, unit=dossier.unit)
    checked = tuple(dict.fromkeys(move.checked))
    version = setting.procedure.version  # The version in force at receipt governs, whichever was in force at submission.
    return replace(dossier, state=State.RECEIVED, received_at=at, checked=checked, intervals=(first,), procedure_version=version)


def _assign(dossier: Dossier, move: Move, at: datetime, setting: Setting) -> Dossier:
    assert isinstance(move, Assign)
    lead = move.role is AssignmentRole.LEAD
    if not lead and dossier.state is State.RECEIVED:
        raise refused(dossier, MoveName.ASSIGN, "LEAD_FIRST", "the first assignment names the lead")
    if lead and move.officer is None:
        raise Invalid("a lead is a person: officer is missing", path=("officer",), code="UNCLEAR_ASSIGNMENT")
    wanted = setting.procedure.clarity_lead if lead else setting.procedure.clarity_coordinating
    for name in wanted:
        if getattr(move, name) is None:
            raise Invalid(
                f"the clarity set of {setting.procedure.code} asks for {camel(name)}",
                path=(camel(name),),
                code="UNCLEAR_ASSIGNMENT",
            )
    if _time_left(dossier, at) and move.due_at and dossier.due_at and move.due_at > dossier.due_at and not setting.imported:
        raise Invalid("no assignment ends after the dossier is due", path=("dueAt",), code="AFTER_DUE")
    if move.due_at and move.due_at <= at:
        raise Invalid("what is assigned cannot be due before it is assigned", path=("dueAt",), code="DUE_BEFORE_START")
    begun = [dossier.intervals[-1].from_at, *(a.assigned_at for a in dossier.assignments if a.role is AssignmentRole.LEAD)]
    if lead and at < max(begun):
        raise _backwards(MoveName.ASSIGN)
    _room(dossier.assignments, "assignments")
    old = tuple(
        replace(a, ended_at=at) if lead and a.role is AssignmentRole.LEAD and a.ended_at is None else a for a in dossier.assignments
    )
    new = Assignment(
        len(old) + 1, move.role, move.unit, at, move.officer, None, move.due_at,
        move.task, move.responsibility, move.authority, move.expected_result,
    )  # fmt: skip
    dossier = replace(dossier, assignments=(*old, new))
    if not lead:
        return dossier
    state = State.IN_PROCESS if dossier.state is State.RECEIVED else dossier.state
    if dossier.intervals[-1].kind is IntervalKind.RUNNING:
        running = Interval(0, IntervalKind.RUNNING, "ASSIGNED", HolderKind.OFFICER, at, move.unit, move.officer)
        dossier = _switched(dossier, MoveName.ASSIGN, running, at)
    return replace(dossier, state=state)


def _complete_step(dossier: Dossier, move: Move, at: datetime, setting: Setting) -> Dossier:
    assert isinstance(move, CompleteStep)
    steps = [step.code for step in setting.procedure.steps]
    if move.step not in steps:
        raise Invalid(f"{move.step!r} is no step of {setting.procedure.code}", path=("step",), code="UNKNOWN_STEP")
    if setting.procedure.step_order is StepOrder.ORDERED:
        expected = stage(dossier, setting)
        if move.step != expected:
            tell = f"the next step is {expected}" if expected else "every step is completed"
            raise refused(dossier, MoveName.COMPLETE_STEP, "STEP_ORDER", tell)
    if dossier.lead and at < dossier.lead.assigned_at and not setting.imported:
        raise _backwards(MoveName.COMPLETE_STEP)
    _room(dossier.steps, "steps")
    late = dossier.state is State.DECIDED
    step = Step(len(dossier.steps) + 1, move.step, at, move.unit, move.officer, late)
    return replace(dossier, steps=(*dossier.steps, step))


def _give_opinion(dossier: Dossier, move: Move, at: datetime, setting: Setting) -> Dossier:
    assert isinstance(move, GiveOpinion)
    late = dossier.state is State.DECIDED
    if not late and not (move.assignment is not None and dossier.coordinating(move.assignment)):
        raise Invalid(
            "no coordinating assignment of that number stands",
            path=("assignment",),
            code="UNKNOWN_ASSIGNMENT",
        )
    if not setting.imported and any(at < a.assigned_at for a in dossier.coordinating(move.assignment)):
        raise _backwards(MoveName.GIVE_OPINION)
    _room(dossier.opinions, "opinions")
    opinion = Opinion(len(dossier.opinions) + 1, at, move.unit, move.officer, move.assignment, move.text, move.subject, late)
    return replace(dossier, opinions=(*dossier.opinions, opinion))


def _request_supplement(dossier: Dossier, move: Move, at: datetime, setting: Setting) -> Dossier:
    assert isinstance(move, RequestSupplement)
    if not move.items:
        raise Invalid("name at least one item with its legal basis", path=("items",), code="NO_ITEM")
    known = {component.code for component in setting.procedure.components}
    for item in move.items:
        if item.component not in known:
            raise Invalid(
                f"{item.component!r} is no component of {setting.procedure.code}",
                path=("items",),
                code="UNKNOWN_COMPONENT",
            )
    if dossier.due_at is not None and at > dossier.due_at:
        raise refused(dossier, MoveName.REQUEST_SUPPLEMENT, "AFTER_DUE", "nothing is asked for after the due date")
    here = stage(dossier, setting)
    if move.override is None and any(s.stage == here for s in dossier.supplements):
        tell = "supplements were asked for once at this stage; a head of unit may override with a reason"
        raise refused(dossier, MoveName.REQUEST_SUPPLEMENT, "ONCE_PER_STAGE", tell)
    _room(dossier.supplements, "supplements")
    asked = Supplement(len(dossier.supplements) + 1, here, at, move.items, move.override)
    paused = Interval(0, IntervalKind.PAUSED, "SUPPLEMENT", HolderKind.APPLICANT, at)
    dossier = replace(dossier, state=State.AWAITING_SUPPLEMENT, supplements=(*dossier.supplements, asked))
    return _switched(dossier, MoveName.REQUEST_SUPPLEMENT, paused, at)


def _supply(dossier: Dossier, move: Move, at: datetime, setting: Setting) -> Dossier:  # noqa: ARG001 - one shape for all moves
    assert isinstance(move, Supply)
    *before, asked = dossier.supplements
    wanted = [item.component for item in asked.items]
    given = {document.component for document in move.documents}
    missing = [code for code in wanted if code not in given]
    if missing:
        raise Invalid(f"still missing: {', '.join(missing)}", path=("documents",), code="INCOMPLETE")
    if stray := sorted(given - set(wanted)):
        raise Invalid(f"not asked for: {', '.join(stray)}", path=("documents",), code="UNKNOWN_COMPONENT")
    done = replace(asked, supplied_at=at, documents=move.documents)
    lead = dossier.lead
    if lead and at < lead.assigned_at:
        raise _backwards(MoveName.SUPPLY)
    running = Interval(
        0, IntervalKind.RUNNING, "SUPPLIED", HolderKind.OFFICER if lead else HolderKind.UNIT, at,
        lead.unit if lead else dossier.unit, lead.officer if lead else None,
    )  # fmt: skip
    dossier = replace(dossier, state=State.IN_PROCESS, supplements=(*before, done))
    return _switched(dossier, MoveName.SUPPLY, running, at)


def _decide(dossier: Dossier, move: Move, at: datetime, setting: Setting) -> Dossier:
    assert isinstance(move, Decide)
    answered = {opinion.assignment for opinion in dossier.opinions}
    for assignment in dossier.coordinating():
        if assignment.number in answered or setting.imported:
            continue
        due_at = assignment.due_at or dossier.due_at  # A coordinating unit's time never ends after the dossier's.
        overdue = due_at is not None and at > due_at
        if not (overdue and move.waiver):
            tell = f"unit {assignment.unit} has not answered; an opinion that is overdue can be waived with a reason"
            raise refused(dossier, MoveName.DECIDE, "OPINION_MISSING", tell)
    last = dossier.intervals[-1]
    flags = dossier.flags
    if at < last.from_at:
        if not setting.imported:
            raise _backwards(MoveName.DECIDE)
        flags = (*flags, "INCONSISTENT")
    closed = replace(last, to_at=max(at, last.from_at))
    return replace(
        dossier,
        state=State.DECIDED,
        decided_at=at,
        outcome=move.outcome,
        decision_reason=move.reason,
        waiver=move.waiver,
        flags=flags,
        intervals=(*dossier.intervals[:-1], closed),
        assignments=tuple(replace(a, ended_at=a.ended_at or max(at, a.assigned_at)) for a in dossier.assignments),
    )


def _time_left(dossier: Dossier, at: datetime) -> bool:
    """Whether the due date is still ahead and will not move: past it, or while the clock is paused, it limits nobody."""
    running = dossier.intervals[-1].kind is IntervalKind.RUNNING
    return running and dossier.due_at is not None and at < dossier.due_at


def stage(dossier: Dossier, setting: Setting) -> str:
    """Name the step that is due next; empty when all are done or steps run freely."""
    if setting.procedure.step_order is StepOrder.FREE:
        return ""
    done = {step.code for step in dossier.steps}
    return next((step.code for step in setting.procedure.steps if step.code not in done), "")


def _switched(dossier: Dossier, name: MoveName, following: Interval, at: datetime) -> Dossier:
    """Close the last interval at `at` and open the next there, so that intervals tile."""
    last = dossier.intervals[-1]
    if at < last.from_at:
        raise _backwards(name)
    closed = replace(last, to_at=at)
    return replace(dossier, intervals=(*dossier.intervals[:-1], closed, replace(following, number=last.number + 1)))


def _backwards(name: MoveName) -> Invalid:
    return Invalid(
        f"{name} cannot lie before the move that it follows: no past interval is edited",
        path=("at",),
        code="BEFORE_LAST_MOVE",
    )


def _room(things: tuple[object, ...], what: str) -> None:
    if len(things) >= MOST_OF_A_KIND:
        raise Invalid(f"a dossier holds at most {MOST_OF_A_KIND} {what}", code="TOO_MANY")


def camel(name: str) -> str:
    """Give the schema's spelling of a field's name."""
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


_WORKED = frozenset({State.IN_PROCESS, State.AWAITING_SUPPLEMENT, State.AWAITING_PAYMENT})

MOVES: dict[MoveName, MoveRule] = {
    MoveName.RECEIVE: MoveRule(
        frozenset({Relation.RECEPTION, Relation.IMPORT}), frozenset({State.SUBMITTED}), "RECEIVED", _receive
    ),
    MoveName.ASSIGN: MoveRule(
        frozenset({Relation.HEAD, Relation.IMPORT}), frozenset({State.RECEIVED}) | _WORKED, "ASSIGNED", _assign
    ),
    MoveName.COMPLETE_STEP: MoveRule(
        frozenset({Relation.LEAD, Relation.IMPORT}), frozenset({State.IN_PROCESS}), "STEP_COMPLETED", _complete_step
    ),
    MoveName.GIVE_OPINION: MoveRule(
        frozenset({Relation.COORDINATING, Relation.IMPORT}), _WORKED, "OPINION_GIVEN", _give_opinion
    ),
    MoveName.REQUEST_SUPPLEMENT: MoveRule(
        frozenset({Relation.LEAD, Relation.HEAD, Relation.IMPORT}), frozenset({State.IN_PROCESS}),
        "SUPPLEMENT_REQUESTED", _request_supplement,
    ),
    MoveName.SUPPLY: MoveRule(
        frozenset({Relation.APPLICANT, Relation.RECEPTION, Relation.IMPORT}), frozenset({State.AWAITING_SUPPLEMENT}),
        "DOCUMENTS_SUPPLIED", _supply,
    ),
    MoveName.DECIDE: MoveRule(
        frozenset({Relation.LEAD, Relation.HEAD, Relation.IMPORT}), frozenset({State.IN_PROCESS}), "DECIDED", _decide
    ),
}  # fmt: skip
