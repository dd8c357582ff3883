"""The moves of the handling: receipt, assignment and its return, steps, opinions, supplements. Each gives the next record or raises.

Pure. Who may make them, and from which states, stands in the table of `dossier`; the clock is computed there too.
"""

from dataclasses import replace
from datetime import datetime

from casework.model.errors import Invalid
from casework.model.intervals import backwards, begun, burdened_by_all, expired, handed_over, room, running, stage, switched, unanswered
from casework.model.moves import (
    Assign,
    Barred,
    CompleteStep,
    GiveOpinion,
    Move,
    MoveName,
    Receive,
    RequestSupplement,
    Return,
    Setting,
    Supply,
)
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

MOST_BESIDE = 30  # units that have yet to answer: the alerts of all deadlines that end at once go into one transaction


def received(dossier: Dossier, move: Move, at: datetime, setting: Setting) -> Dossier:
    """Take the dossier in: what is mandatory is there, and the clock starts."""
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
        raise backwards(MoveName.RECEIVE)  # Paper may have come in before it was keyed in; what came online cannot.
    first = Interval(1, IntervalKind.RUNNING, "RECEIVED", HolderKind.UNIT, at, unit=dossier.unit)
    checked = tuple(dict.fromkeys(move.checked))
    version = setting.procedure.version  # The version in force at receipt governs, whichever was in force at submission.
    dossier = replace(dossier, state=State.RECEIVED, received_at=at, checked=checked, intervals=(first,), procedure_version=version)
    return burdened_by_all(dossier, setting.incidents, at)


def assigned(dossier: Dossier, move: Move, at: datetime, setting: Setting) -> Dossier:
    """Name the lead, or a unit that coordinates; the holder changes at that instant."""
    assert isinstance(move, Assign)
    lead = move.role is AssignmentRole.LEAD
    if not lead and dossier.state is State.RECEIVED:
        raise Barred("LEAD_FIRST", "the first assignment names the lead")
    _clear(dossier, move, at, setting)
    last = begun(dossier) if lead else dossier.started_at
    if last and at < last and (lead or not setting.imported):
        raise backwards(MoveName.ASSIGN)
    room(dossier.assignments, "assignments")
    if not lead and not setting.imported and sum(1 for _ in unanswered(dossier, at)) >= MOST_BESIDE:
        raise Invalid(f"at most {MOST_BESIDE} units are asked at once", code="TOO_MANY")
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
        dossier = switched(dossier, MoveName.ASSIGN, running(dossier, "ASSIGNED", at), at)
    return replace(dossier, state=state)


def _clear(dossier: Dossier, move: Assign, at: datetime, setting: Setting) -> None:
    """Refuse an assignment that does not say what the clarity set asks for, or whose time is none."""
    lead = move.role is AssignmentRole.LEAD
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


def returned(dossier: Dossier, move: Move, at: datetime, setting: Setting) -> Dossier:  # noqa: ARG001 - one shape for all moves
    """Give an assignment back. A lead stays in name until a head assigns anew, so that there is always one; the unit holds the dossier."""
    assert isinstance(move, Return)
    mine = next((a for a in dossier.assignments if a.number == move.assignment and a.stands), None)
    if mine is None:
        raise Invalid("no assignment of that number stands", path=("assignment",), code="UNKNOWN_ASSIGNMENT")
    lead = mine.role is AssignmentRole.LEAD
    last = begun(dossier) if lead else None
    if at < (last or mine.assigned_at):
        raise backwards(MoveName.RETURN)
    back = replace(mine, returned_at=at, return_reason=move.reason, ended_at=None if lead else at)
    dossier = replace(dossier, assignments=tuple(back if a is mine else a for a in dossier.assignments))
    if lead and dossier.intervals[-1].kind is IntervalKind.RUNNING:
        return switched(dossier, MoveName.RETURN, running(dossier, "RETURNED", at), at)
    return dossier


def step_left(dossier: Dossier, at: datetime, setting: Setting) -> None:  # noqa: ARG001 - one shape for all guards
    """Complete a step only while one is left."""
    if not setting.procedure.steps or (setting.procedure.step_order is StepOrder.ORDERED and not stage(dossier, setting)):
        raise Barred("STEP_ORDER", "every step is completed")


def step_completed(dossier: Dossier, move: Move, at: datetime, setting: Setting) -> Dossier:
    """Record a step as done."""
    assert isinstance(move, CompleteStep)
    steps = [step.code for step in setting.procedure.steps]
    if move.step not in steps:
        raise Invalid(f"{move.step!r} is no step of {setting.procedure.code}", path=("step",), code="UNKNOWN_STEP")
    if setting.procedure.step_order is StepOrder.ORDERED:
        expected = stage(dossier, setting)
        if move.step != expected:
            raise Barred("STEP_ORDER", f"the next step is {expected}" if expected else "every step is completed")
    if dossier.lead and at < dossier.lead.assigned_at and not setting.imported:
        raise backwards(MoveName.COMPLETE_STEP)
    room(dossier.steps, "steps")
    late = dossier.state is State.DECIDED
    step = Step(len(dossier.steps) + 1, move.step, at, move.unit, move.officer, late)
    return replace(dossier, steps=(*dossier.steps, step))


def opinion_given(dossier: Dossier, move: Move, at: datetime, setting: Setting) -> Dossier:
    """Record what a coordinating unit answers."""
    assert isinstance(move, GiveOpinion)
    late = dossier.state is State.DECIDED
    if not late and not (move.assignment is not None and dossier.coordinating(move.assignment)):
        raise Invalid(
            "no coordinating assignment of that number stands",
            path=("assignment",),
            code="UNKNOWN_ASSIGNMENT",
        )
    if not setting.imported and any(at < a.assigned_at for a in dossier.coordinating(move.assignment)):
        raise backwards(MoveName.GIVE_OPINION)
    room(dossier.opinions, "opinions")
    opinion = Opinion(len(dossier.opinions) + 1, at, move.unit, move.officer, move.assignment, move.text, move.subject, late)
    return replace(dossier, opinions=(*dossier.opinions, opinion))


def in_time(dossier: Dossier, at: datetime, setting: Setting) -> None:
    """Ask for nothing after the due date."""
    if not setting.procedure.components:
        raise Barred("UNKNOWN_COMPONENT", f"{setting.procedure.code} has no components to ask for")
    if expired(dossier, at):
        raise Barred("AFTER_DUE", "nothing is asked for after the due date")


def asked_once(dossier: Dossier, setting: Setting) -> None:
    """Ask for supplements once at a stage; a head may override."""
    here = stage(dossier, setting)
    before = dossier.reopenings[-1].last_supplement if dossier.reopenings else 0
    if any(asked.stage == here for asked in dossier.supplements[before:]):
        raise Barred("ONCE_PER_STAGE", "supplements were asked for once at this stage; a head of unit may override with a reason")


def supplement_requested(dossier: Dossier, move: Move, at: datetime, setting: Setting) -> Dossier:
    """Ask the applicant for what is missing; the clock pauses."""
    assert isinstance(move, RequestSupplement)
    if move.override is None:
        asked_once(dossier, setting)
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
    room(dossier.supplements, "supplements")
    here = stage(dossier, setting)
    asked = Supplement(len(dossier.supplements) + 1, here, at, move.items, move.override)
    if at < dossier.intervals[-1].from_at:
        raise backwards(MoveName.REQUEST_SUPPLEMENT)
    dossier = replace(dossier, state=State.AWAITING_SUPPLEMENT, supplements=(*dossier.supplements, asked))
    return handed_over(dossier, MoveName.REQUEST_SUPPLEMENT, "SUPPLEMENT", at)


def supplied(dossier: Dossier, move: Move, at: datetime, setting: Setting) -> Dossier:  # noqa: ARG001 - one shape for all moves
    """Take in what was asked for; the clock resumes."""
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
    last = begun(dossier)
    if last and at < last:
        raise backwards(MoveName.SUPPLY)
    dossier = replace(dossier, state=State.IN_PROCESS, supplements=(*before, done))
    return handed_over(dossier, MoveName.SUPPLY, "SUPPLIED", at)


def _time_left(dossier: Dossier, at: datetime) -> bool:
    """Whether the due date is still ahead and will not move: past it, or while the clock is paused, it limits nobody."""
    runs = dossier.intervals[-1].kind is IntervalKind.RUNNING
    return runs and dossier.due_at is not None and at < dossier.due_at


def camel(name: str) -> str:
    """Give the schema's spelling of a field's name."""
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)
