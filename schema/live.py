"""Subscriptions: their events, as front ends see them. Who gets which event, and when, is decided in `casework`."""

from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import datetime
from typing import Annotated, Any

import strawberry

from casework.audit.chain import Entry
from casework.live.topics import Kind, alerts_key, trail_key
from casework.model.access import Decision, Group
from casework.model.alert import AlertLevel
from casework.model.errors import Invalid
from casework.model.export import Export as StoredExport
from casework.model.task import Task as Stored
from casework.views import View, visible
from casework.watching import Event as Told
from casework.watching import alerted
from schema.accesses import Access, access_shown
from schema.alert import Alert, alert_shown
from schema.audit import AuditEntry, entry_shown
from schema.context import Context
from schema.dossier import Dossier, dossier_shown
from schema.export import Export, export_shown
from schema.node import key_of, read_id
from schema.task import Task, task_shown
from schema.tracking import TrackedDossier, tracked_shown


@strawberry.interface(description="What every event of a subscription has.")
class Event:
    """An event."""

    id: strawberry.ID = strawberry.field(description="The same for the same event, however often it arrives.")
    cursor: str = strawberry.field(description="Where it stands; give it as `after` to resume behind it.")
    gap: bool = strawberry.field(description="Whether events before it can no longer be had.")
    ready: bool = strawberry.field(description="True for the first event of a subscription, which has these fields alone.")
    at: datetime = strawberry.field(description="When it was recorded.")
    count: int = strawberry.field(description="How many events this one stands for.")
    thin: bool = strawberry.field(
        description="True where it was too long to be carried: it has these fields alone, and the rest is to be asked for."
    )
    version: int | None = strawberry.field(description="The dossier's version after it; null when no person's move changed it.")


@strawberry.type(description="A change of a dossier. On `dossierChanged` cursors are dense: a missing number is a missing event.")
class DossierEvent(Event):
    """An event of a dossier."""

    entry: AuditEntry | None = strawberry.field(description="The entry; null where it may not be seen.")
    dossier: Dossier | None = strawberry.field(description="The dossier as it is now, never older than the entry.")
    tracked: TrackedDossier | None = strawberry.field(description="With a secret, this alone.")


@strawberry.type(description="An alert that was raised. Cursors order events; what arrives twice has the same id.")
class AlertEvent(Event):
    """An event of a unit's alerts."""

    alert: Alert | None = strawberry.field(description="The alert as it was raised; null for READY.")


@strawberry.type(description="A step of a task or of an export. Cursors are dense: a missing number is a missing event.")
class TaskEvent(Event):
    """An event of a task."""

    task: Task | None = strawberry.field(description="The task as it is now, never older than the step; null for READY, and for an export.")
    export: Export | None = strawberry.field(
        description="The export as it is now, never older than the step; null for READY, and for a task."
    )


@strawberry.type(description="An access to a dossier. Cursors are dense: a missing number is a missing event.")
class AccessEvent(Event):
    """An event of the accesses to a dossier."""

    access: Access | None = strawberry.field(description="The access; null for READY.")


@strawberry.type(description="An entry of a trail. Cursors order events; what arrives twice has the same id.")
class AuditEntryEvent(Event):
    """An event of the trail of a unit or of a person."""

    entry: AuditEntry | None = strawberry.field(description="The entry; null for READY.")


def _entry_event(event: Told, decision: Decision) -> AuditEntryEvent:
    held, entry = (None, None) if event.thin else (event.held, event.entry)
    return AuditEntryEvent(**_common(event), entry=entry_shown(entry, View(held, decision)) if held and entry else None)


def _access_event(event: Told, decision: Decision) -> AccessEvent:
    shown = event.entry if Group.ACCESSES in decision.groups and not event.thin else None
    return AccessEvent(**_common(event), access=access_shown(shown) if shown else None)


def _trail_of(given: Mapping[str, Any]) -> str:
    named = [(by, given[by]) for by in ("unit", "actor") if given.get(by) is not None]
    if len(named) != 1:
        raise Invalid("name what the trail is of: `unit` or `actor`", path=("unit",), code="NO_INDEX")
    ((by, code),) = named
    return trail_key(by, key_of(code, "unit") if by == "unit" else code)


def _task_event(event: Told, decision: Decision) -> TaskEvent:
    held = event.held if event.entry and decision.sees and not event.thin else None
    return TaskEvent(
        **_common(event),
        task=task_shown(held.id, held.record) if held and isinstance(held.record, Stored) else None,
        export=export_shown(held) if held and isinstance(held.record, StoredExport) else None,
    )


def _dossier_event(event: Told, decision: Decision) -> DossierEvent:
    entry, held = (None, None) if event.thin else (event.entry, event.held)
    view = View(held, decision) if held else None
    seen = visible([entry], decision)[0] if entry and not decision.tracked else None
    return DossierEvent(
        **_common(event),
        entry=entry_shown(seen, view) if seen and view else None,
        dossier=dossier_shown(view) if view and entry and decision.sees else None,
        tracked=tracked_shown(held) if held and entry and decision.tracked else None,
    )


def _alert_event(event: Told, decision: Decision) -> AlertEvent:
    alert = None if event.thin else alerted(event)
    return AlertEvent(**_common(event), alert=alert_shown(event.held, alert, decision) if event.held and alert else None)


def _common(event: Told) -> dict[str, Any]:
    """Give what every event has."""
    entry, held = event.entry, event.held
    # One that stands for several is another event than the last of them: a client that has that one is to hear of the rest all the same.
    several = f"+{event.count}" if event.count > 1 else ""
    whose = held.id if held else str(event.kind)
    if held and event.kind is Kind.ACCESSES:
        whose = f"{event.kind}/{held.id}"  # Its entries have the numbers of others.
    return {
        "id": f"{whose}/{entry.seq}{several}" if held and entry else f"{whose}/ready/{event.cursor}",
        "cursor": event.cursor,
        "gap": event.gap,
        "ready": entry is None,
        "at": event.at,
        "count": 0 if entry is None else event.count,
        "thin": event.thin,
        "version": _version(entry) if entry else None,
    }


# What makes the event of each kind of topic.
SHOWN: Mapping[Kind, Callable[[Told, Decision], Event]] = {
    Kind.DOSSIER: _dossier_event,
    Kind.UNIT: _dossier_event,
    Kind.ALERTS: _alert_event,
    Kind.TASK: _task_event,
    Kind.EXPORT: _task_event,
    Kind.TRAIL: _entry_event,
    Kind.ACCESSES: _access_event,
}

# Root field -> the topic that its arguments name: its kind and key; None where nothing has that name.
Aim = Callable[[Context, Mapping[str, Any]], tuple[Kind, str | None]]
AIMS: Mapping[str, Aim] = {
    "dossierChanged": lambda context, given: (Kind.DOSSIER, context.subject(given["code"])),
    "fileViewed": lambda context, given: (Kind.ACCESSES, context.subject(given["code"])),
    "unitFeed": lambda _, given: (Kind.UNIT, key_of(given["unit"], "unit")),
    "taskProgressed": lambda _, given: _work_of(given["id"]),
    "trailAppended": lambda _, given: (Kind.TRAIL, _trail_of(given)),
    "alertRaised": lambda _, given: (Kind.ALERTS, alerts_key(key_of(given["unit"], "unit"), given.get("minLevel"))),
}


def _work_of(text: str) -> tuple[Kind, str]:
    kind = Kind.EXPORT if (read_id(text) or ("", ""))[0] == "export" else Kind.TASK
    return kind, key_of(text, kind)


def aimed(context: Context, field: str, arguments: Mapping[str, Any]) -> tuple[Kind, str | None]:
    """Name the topic that a subscription asks for."""
    return AIMS[field](context, arguments)


def event_shown(event: Told, decision: Decision) -> Event:
    """Show an event to those of one decision."""
    return SHOWN[event.kind](event, decision)


def _version(entry: Entry) -> int | None:
    """Give the version after an entry; None for an entry that no person made, which leaves it as it was."""
    return next((change["to"] for change in entry.body["changes"] if change["field"] == "version"), None)


@strawberry.type(description="What is pushed. The first event of each is READY.")
class Subscription:
    """The subscriptions. They run over graphql-transport-ws alone, where each event is executed on its own."""

    @strawberry.subscription(
        description="Every entry of one dossier, once, in order. With `secret`, for the bearer of its tracking secret."
    )
    async def dossier_changed(
        self,
        code: Annotated[strawberry.ID, strawberry.argument(description="The dossier's code or id.")],
        secret: Annotated[str | None, strawberry.argument(description="The tracking secret; only as a variable.")] = None,
        after: Annotated[str | None, strawberry.argument(description="Resume behind this cursor; left out: from now on.")] = None,
    ) -> AsyncGenerator[DossierEvent, None]:
        """Tell that a subscription has no stream of its own: see `execution.rendered`."""
        del code, secret, after
        for _ in ():  # A generator by its shape alone.
            yield _

    @strawberry.subscription(
        description="Every entry of the dossiers of a unit and of those below it. For its head, supervisors and inspectors; an officer of "
        "it and the counter of a point that it runs are told of the dossiers that they may see."
    )
    async def unit_feed(
        self,
        unit: Annotated[strawberry.ID, strawberry.argument(description="The unit's code or id.")],
        after: Annotated[
            str | None, strawberry.argument(description="Resume here, a minute before this cursor; left out: from now on.")
        ] = None,
    ) -> AsyncGenerator[DossierEvent, None]:
        """Tell that a subscription has no stream of its own: see `execution.rendered`."""
        del unit, after
        for _ in ():
            yield _

    @strawberry.subscription(
        description="Every alert of the dossiers of a unit and of those below it, once; a late one of those that came in at its reception "
        "points, too. For those who may follow `unitFeed`."
    )
    async def alert_raised(
        self,
        unit: Annotated[strawberry.ID, strawberry.argument(description="The unit's code or id.")],
        min_level: Annotated[AlertLevel | None, strawberry.argument(description="From this level on; left out: every level.")] = None,
        after: Annotated[
            str | None, strawberry.argument(description="Resume here, a minute before this cursor; left out: from now on.")
        ] = None,
    ) -> AsyncGenerator[AlertEvent, None]:
        """Tell that a subscription has no stream of its own: see `execution.rendered`."""
        del unit, min_level, after
        for _ in ():
            yield _

    @strawberry.subscription(
        description="Every entry of the trail of a unit and all below it, or of what one person of the register has done: name one of "
        "the two. For whoever answers for the unit: its head, supervisors and inspectors."
    )
    async def trail_appended(
        self,
        unit: Annotated[strawberry.ID | None, strawberry.argument(description="The unit's code or id.")] = None,
        actor: Annotated[strawberry.ID | None, strawberry.argument(description="The person's code.")] = None,
        after: Annotated[
            str | None, strawberry.argument(description="Resume here, a minute before this cursor; left out: from now on.")
        ] = None,
    ) -> AsyncGenerator[AuditEntryEvent, None]:
        """Tell that a subscription has no stream of its own: see `execution.rendered`."""
        del unit, actor, after
        for _ in ():
            yield _

    @strawberry.subscription(
        description="Every access to a dossier, once, in order: which official was shown the applicant's values. For the applicant, "
        "supervisors of the tree and inspectors."
    )
    async def file_viewed(
        self,
        code: Annotated[strawberry.ID, strawberry.argument(description="The dossier's code or id.")],
        after: Annotated[str | None, strawberry.argument(description="Resume behind this cursor; left out: from now on.")] = None,
    ) -> AsyncGenerator[AccessEvent, None]:
        """Tell that a subscription has no stream of its own: see `execution.rendered`."""
        del code, after
        for _ in ():
            yield _

    @strawberry.subscription(
        description="Every step of a task, once, in order. For HEAD, SUPERVISOR, INSPECTOR and ADMIN; of an export for INSPECTOR. "
        "A task begins a moment after its entry; "
        "whoever subscribes at once waits for it."
    )
    async def task_progressed(
        self,
        id: Annotated[strawberry.ID, strawberry.argument(description="The id of the task or of the export.")],
        after: Annotated[str | None, strawberry.argument(description="Resume behind this cursor; left out: from now on.")] = None,
    ) -> AsyncGenerator[TaskEvent, None]:
        """Tell that a subscription has no stream of its own: see `execution.rendered`."""
        del id, after
        for _ in ():
            yield _
