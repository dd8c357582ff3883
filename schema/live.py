"""Subscriptions: their events, as front ends see them. Who gets which event, and when, is decided in `casework`."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import strawberry

from casework.audit.chain import Entry
from casework.model.access import Decision
from casework.ports import Held
from casework.views import View, visible
from schema.audit import AuditEntry, entry_shown
from schema.dossier import Dossier, dossier_shown
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
    version: int | None = strawberry.field(description="The dossier's version after it; null when no person's move changed it.")


@strawberry.type(description="A change of a dossier. Cursors are dense: a missing number is a missing event.")
class DossierEvent(Event):
    """An event of a dossier."""

    entry: AuditEntry | None = strawberry.field(description="The entry; null where it may not be seen.")
    dossier: Dossier | None = strawberry.field(description="The dossier as it is now, never older than the entry.")
    tracked: TrackedDossier | None = strawberry.field(description="With a secret, this alone.")


@dataclass(frozen=True, slots=True)
class DossierSource:
    """What an event is made from; no entry for READY."""

    held: Held
    cursor: str
    at: datetime
    entry: Entry | None = None


def event_shown(source: DossierSource, decision: Decision) -> DossierEvent:
    """Show an event to those of one decision."""
    entry, held = source.entry, source.held
    seen = visible([entry], decision)[0] if entry and not decision.tracked else None
    return DossierEvent(
        id=strawberry.ID(f"{held.id}/{source.cursor}" if entry else f"{held.id}/ready/{source.cursor}"),
        cursor=source.cursor,
        gap=False,
        ready=entry is None,
        at=source.at,
        count=0 if entry is None else 1,
        version=_version(entry) if entry else None,
        entry=entry_shown(seen, decision) if seen else None,
        dossier=dossier_shown(View(held, decision)) if entry and decision.sees else None,
        tracked=tracked_shown(held) if entry and decision.tracked else None,
    )


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
