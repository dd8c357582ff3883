"""Long work that is done page by page over the open dossiers of the country or of a unit: what is kept of it, and how it goes on.

Pure. A task knows how far it has come, and nothing of what it does to a dossier. Whoever does a page names its dossiers first, so that
another who takes over does the same page again and counts each of them once. It goes through them twice: lists lag, and what a process
has read of the register may be half a minute old.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from casework.model import flat
from casework.model.packing import Plain

AGAIN = timedelta(minutes=15)  # between what a task follows from and its second pass, and between later ones
LEASE = timedelta(minutes=1)  # how long a page may take before another takes over
PAGE = 100  # dossiers
PASSES = 2
MOST_PASSES = 8  # what fails as often is left to the next move of its dossier, and counted


class TaskKind(StrEnum):
    """What a task carries out."""

    AMENDMENT = "AMENDMENT"
    INCIDENT = "INCIDENT"


class TaskState(StrEnum):
    """How far a task is. PENDING is one that its follower has not begun yet."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    DONE = "DONE"


@dataclass(frozen=True, slots=True)
class Task:
    """A task as it stands. `of` and `seq` name the entry that it follows from.

    `page` are the dossiers in hand, which were found in the list of `within` up to `place`, and `tries` how often that page was begun.
    `looked` counts the dossiers looked at in this pass, `failed` those of them that could not be changed, `changed` all that were.
    """

    kind: TaskKind
    of: str
    seq: int
    unit: str
    asked_at: datetime
    version: int = 0
    state: TaskState = TaskState.PENDING
    calendar_version: int | None = None
    first_on: date | None = None
    passing: int = 1
    within: str | None = None
    place: str | None = None
    page: tuple[str, ...] = ()
    tries: int | None = None
    looked: int = 0
    changed: int = 0
    failed: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None


def flattened(task: Task) -> dict[str, Plain]:
    """Give its fields."""
    return flat.flattened(task, {})


def restored(fields: Mapping[str, Any]) -> Task:
    """Build it back."""
    return flat.restored(Task, fields, {})


def started(task: Task, at: datetime) -> Task:
    """Begin."""
    return replace(task, state=TaskState.RUNNING, started_at=at)


def taken(task: Task, within: str, place: str | None, page: Sequence[str]) -> Task:
    """Take a page in hand: its dossiers, and the list in which they were found with the place up to which it was looked through."""
    return replace(task, within=within, place=place, page=tuple(page))


def begun(task: Task) -> Task:
    """Begin with the page in hand, or begin again after a worker has died, or the store has not answered."""
    return replace(task, tries=(task.tries or 0) + 1)


def progressed(task: Task, changed: int, failed: int) -> Task:
    """Put the page in hand down, done."""
    done = len(task.page)
    return replace(task, page=(), tries=None, looked=task.looked + done, changed=task.changed + changed, failed=task.failed + failed)


def passed(task: Task, at: datetime) -> tuple[Task, datetime | None]:
    """End a pass: the task as it goes on and when, or with None as it is done."""
    if task.passing < PASSES or (task.failed and task.passing < MOST_PASSES):
        following = replace(task, passing=task.passing + 1, within=None, place=None, looked=0, failed=0)
        return following, max(at, task.asked_at + AGAIN) if task.passing < PASSES else at + AGAIN
    return replace(task, state=TaskState.DONE, within=None, place=None, ended_at=at), None
