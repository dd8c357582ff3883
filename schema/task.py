"""Tasks: long work as it goes on, for those who answer for its outcome."""

from datetime import date, datetime

import strawberry

from casework.actions.tasks import following_of, id_of
from casework.audit.chain import Entry
from casework.model import task
from casework.model.access import decide_task
from casework.model.record import DossierId
from casework.model.task import TaskKind, TaskState
from casework.views import confirmed_viewer
from schema.context import Context
from schema.node import Node, global_id


@strawberry.type(description="Long work that follows from one entry, and is done page by page over the dossiers that it concerns.")
class Task(Node):
    """A task."""

    stored: strawberry.Private[task.Task]
    kind: TaskKind = strawberry.field(description="What it carries out.")
    state: TaskState = strawberry.field(description="How far it is.")
    done: int = strawberry.field(description="How many dossiers it has looked at closely in this pass.")
    changed: int = strawberry.field(description="How many of them were changed, in all passes: by an amendment those whose due date moved.")
    failed: int = strawberry.field(description="How many of this pass could not be changed; the next one tries them again.")
    passing: int = strawberry.field(
        name="pass", description="Which time it goes through the dossiers, from 1; the second one takes what the first did not see."
    )
    calendar_version: int | None = strawberry.field(description="The version of the calendar that it brings to the dossiers.")
    first_on: date | None = strawberry.field(description="The earliest day that was amended.")
    asked_at: datetime = strawberry.field(description="When the entry was written that it follows from.")
    started_at: datetime | None = strawberry.field(description="When it began; null until then.")
    ended_at: datetime | None = strawberry.field(description="When it was done; null until then.")

    @strawberry.field(description="Global id of the entry that it follows from.")
    def follows(self) -> strawberry.ID:
        """Name the entry."""
        return global_id("entry", f"{self.stored.of}/{self.stored.seq}")


def task_shown(subject: DossierId, stored: task.Task) -> Task:
    """Show a task, begun or not."""
    return Task(
        place=("task", subject),
        stored=stored,
        kind=stored.kind,
        state=stored.state,
        done=stored.looked,
        changed=stored.changed,
        failed=stored.failed,
        passing=stored.passing,
        calendar_version=stored.calendar_version,
        first_on=stored.first_on,
        asked_at=stored.asked_at,
        started_at=stored.started_at,
        ended_at=stored.ended_at,
    )


def task_of(context: Context, key: str) -> Task | None:
    """Find a task that was begun; None where the viewer may not see it."""
    held = context.services.store.held(DossierId(key)) if key else None
    if held is None or not isinstance(held.record, task.Task) or not context.decided(held).sees:
        return None
    return task_shown(held.id, held.record)


def task_following(context: Context, entry: Entry) -> Task | None:
    """Show the task that follows from an entry, also before it is begun; None where none does, or the viewer may not see it."""
    following = following_of(entry)
    if following is None or not decide_task(confirmed_viewer(context.services, context.viewer)).sees:
        return None
    return task_of(context, id_of(following)) or task_shown(id_of(following), following)
