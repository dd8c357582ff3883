"""Parts that moves share: how one interval follows another, which step is due, and what lies before what.

Pure. No move stands here: those of the handling are in `handling`, those that end or reopen a dossier in `ending`.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from casework.model.errors import Invalid
from casework.model.moves import MoveName, Setting
from casework.model.procedure import Channel, StepOrder
from casework.model.record import Assignment, AssignmentRole, Blocker, Dossier, HolderKind, Interval, IntervalKind, State
from casework.model.unit import Ongoing

MOST_OF_A_KIND = 500  # assignments, steps, opinions or supplements of one dossier; `commits` bounds the bytes of the whole


def stage(dossier: Dossier, setting: Setting) -> str:
    """Name the step that is due next; empty when all are done or steps run freely."""
    if setting.procedure.step_order is StepOrder.FREE:
        return ""
    before = dossier.reopenings[-1].last_step if dossier.reopenings else 0  # What was done before a reopening is done again.
    done = {step.code for step in dossier.steps[before:]}
    return next((step.code for step in setting.procedure.steps if step.code not in done), "")


def switched(dossier: Dossier, name: MoveName, following: Interval, at: datetime) -> Dossier:
    """Close the last interval at `at` and open the next there, so that intervals tile."""
    last = dossier.intervals[-1]
    if at < last.from_at:
        raise backwards(name)
    closed = replace(last, to_at=at)
    return replace(dossier, intervals=(*dossier.intervals[:-1], closed, replace(following, number=last.number + 1)))


def begun(dossier: Dossier) -> datetime | None:
    """When the last of its intervals began, or later in a pause its lead was named or gave back: no move of its clock lies before."""
    if not dossier.intervals:
        return dossier.submitted_at if dossier.channel is Channel.ONLINE else None
    leads = (a.returned_at or a.assigned_at for a in dossier.assignments if a.role is AssignmentRole.LEAD)
    return max([dossier.intervals[-1].from_at, *leads])


def running(dossier: Dossier, cause: str, at: datetime) -> Interval:
    """Give the interval of whoever holds the dossier while its clock runs: the lead officer, or his unit while there is none to act."""
    lead = dossier.lead
    if lead is None or not lead.stands:
        return Interval(0, IntervalKind.RUNNING, cause, HolderKind.UNIT, at, dossier.unit)
    return Interval(0, IntervalKind.RUNNING, cause, HolderKind.OFFICER, at, lead.unit, lead.officer)


def holding(dossier: Dossier, cause: str, at: datetime) -> Interval:
    """Give the interval that follows from the record: whoever it waits for, else what blocks it, else whoever works on it."""
    if dossier.state is State.AWAITING_SUPPLEMENT:
        return Interval(0, IntervalKind.PAUSED, cause, HolderKind.APPLICANT, at)
    if dossier.state is State.AWAITING_PAYMENT and dossier.payments[-1].pauses:
        return Interval(0, IntervalKind.PAUSED, cause, HolderKind.TREASURY, at)
    stops = next((blocker for blocker in dossier.blockers if blocker.stands and blocker.stops_clock), None)
    if stops is not None:
        return Interval(0, IntervalKind.PAUSED, cause, HolderKind.INCIDENT if stops.incident else HolderKind.BLOCKER, at)
    return running(dossier, cause, at)


def handed_over(dossier: Dossier, name: MoveName, cause: str, at: datetime) -> Dossier:
    """Switch to the interval that follows from the record, unless it is in the same hands still."""
    following, last = holding(dossier, cause, at), dossier.intervals[-1]
    hands = (following.kind, following.holder, following.unit, following.officer)
    return dossier if hands == (last.kind, last.holder, last.unit, last.officer) else switched(dossier, name, following, at)


def burdened(dossier: Dossier, incident: Ongoing, at: datetime) -> Dossier:
    """Let it carry an incident from `at` on; the clock pauses where the incident says so."""
    room(dossier.blockers, "blockers")
    raised = Blocker(len(dossier.blockers) + 1, at, stops_clock=incident.stops_clocks, incident=incident.incident)
    return handed_over(replace(dossier, blockers=(*dossier.blockers, raised)), MoveName.RAISE_BLOCKER, "INCIDENT_BEGAN", at)


def burdened_by_all(dossier: Dossier, incidents: Iterable[Ongoing], at: datetime) -> Dossier:
    """Let it carry all of these that it does not, from `at` on or from when they were opened."""
    for incident in sorted(incidents, key=lambda one: one.opened_at):
        if not any(blocker.stands and blocker.incident == incident.incident for blocker in dossier.blockers):
            dossier = burdened(dossier, incident, max(at, incident.opened_at))
    return dossier


def unburdened(dossier: Dossier, gone: Collection[str], at: datetime) -> Dossier:
    """Take incidents off a dossier, whose intervals stay as they are."""
    cleared = (
        replace(blocker, cleared_at=max(at, blocker.at)) if blocker.stands and blocker.incident in gone else blocker
        for blocker in dossier.blockers
    )
    return replace(dossier, blockers=tuple(cleared))


def relieved(dossier: Dossier, gone: Collection[str], at: datetime) -> Dossier:
    """Take incidents off a dossier; a clock that stood for them alone resumes."""
    return handed_over(unburdened(dossier, gone, at), MoveName.CLEAR_BLOCKER, "INCIDENT_ENDED", at)


def expired(dossier: Dossier, at: datetime) -> bool:
    """Whether the time is over: the due instant itself is in time, and a clock that stands does not run out."""
    until = min(at, dossier.intervals[-1].from_at) if dossier.paused else at
    return dossier.due_at is not None and until > dossier.due_at


def unanswered(dossier: Dossier, at: datetime) -> Iterator[tuple[Assignment, bool]]:
    """List the coordinating assignments without an opinion, and whether each is overdue."""
    answered = {opinion.assignment for opinion in dossier.opinions}
    for assignment in dossier.coordinating():
        if assignment.number not in answered:
            due_at = assignment.due_at or dossier.due_at  # A coordinating unit's time never ends after the dossier's.
            yield assignment, due_at is not None and at > due_at


def backwards(name: MoveName) -> Invalid:
    return Invalid(
        f"{name} cannot lie before the move that it follows: no past interval is edited",
        path=("at",),
        code="BEFORE_LAST_MOVE",
    )


def room(things: tuple[object, ...], what: str) -> None:
    if len(things) >= MOST_OF_A_KIND:
        raise Invalid(f"a dossier holds at most {MOST_OF_A_KIND} {what}", code="TOO_MANY")
