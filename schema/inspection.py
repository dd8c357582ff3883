"""Inspections: what opens and closes one, and what is read under it, each read written down before it is answered.

A field that reads gives null for what there is not, as a query does, and an error where the inspection is closed, another's, or does not
cover what is asked for. Nothing here is part of an event: delivering one writes nothing.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated

import strawberry

from casework.actions.inspections import Opening
from casework.audit.disclosure import opened
from casework.inspecting import All, noted
from casework.lists import Filter
from casework.model import inspection
from casework.model.access import Group
from casework.model.errors import Invalid
from casework.model.inspection import InspectionScope, Read, ReadKind
from casework.model.parties import Ref
from casework.model.record import Dossier as Stored
from casework.model.record import DossierId
from casework.ports import Held, Span
from casework.trails import ALWAYS, During
from casework.views import View, disclosures
from schema.audit import PLACE as TRAIL_PLACE
from schema.audit import AuditEntry, audit_trail, one_named, trail_page
from schema.context import Context, Info, context_of
from schema.dossier import Dossier, dossier_shown
from schema.inputs import KeyedInput
from schema.listing import PLACE, listed_page
from schema.node import NOTHING, Node, global_id, key_of
from schema.paging import After, Before, Connection, First, Last, asked, numbered, spanned

TRAILS = {"dossier": ReadKind.DOSSIER_TRAIL, "unit": ReadKind.UNIT_TRAIL, "actor": ReadKind.ACTOR_TRAIL}


@strawberry.type(
    description="An inspection (thanh tra). Each time one of `dossier`, `dossiers` and `auditTrail` is answered, an entry of its own trail "
    "says first what was asked for; only whoever opened it reads by these, while it is open."
)
class Inspection(Node):
    """An inspection."""

    held: strawberry.Private[Held]
    stored: strawberry.Private[inspection.Inspection]
    scope: InspectionScope = strawberry.field(description="What it is of.")
    inspector: str = strawberry.field(description="Who opened it, by code.")
    begin: datetime | None = strawberry.field(name="from", description="Begin of its period, in it; null where it has none.")
    end: datetime | None = strawberry.field(name="to", description="End of its period, not in it; null where it has none.")
    opened_at: datetime = strawberry.field(description="Since when.")
    closed_at: datetime | None = strawberry.field(description="Until when; null while it is open.")
    reads: int = strawberry.field(description="How often it was read under it, before this request.")
    reason: str | None = strawberry.field(description="Why it was opened; null where it was erased.")
    legal_basis: str | None = strawberry.field(description="The law, or the decision, that it rests upon; null where it was erased.")
    conclusion: str | None = strawberry.field(description="What it came to; null where nothing was said.")

    @strawberry.field(description="Global id of the dossier or of the unit that it is of; null where it is of everything.")
    def of(self) -> strawberry.ID | None:
        """Name the dossier or the unit."""
        kind = "dossier" if self.scope is InspectionScope.DOSSIER else "unit"
        return global_id(kind, self.stored.of) if self.stored.of else None

    @strawberry.field(description="A dossier that it covers; the read is written down first.")
    def dossier(
        self, info: Info, code: Annotated[strawberry.ID, strawberry.argument(description="The dossier's code or id.")]
    ) -> Dossier | None:
        """Read a dossier."""
        context = context_of(info)
        subject = context.subject(code)
        view = context.view(subject) if subject else None
        if view is None:
            return None
        self._note(context, view.held, ReadKind.DOSSIER, view.held.id)
        return dossier_shown(view)

    @strawberry.field(
        description="The dossiers of a unit that it covers, and of those below it, by due date; of its period, where it has one. The read "
        "of a page is written down first, once."
    )
    def dossiers(
        self,
        info: Info,
        unit: Annotated[
            strawberry.ID | None, strawberry.argument(description="The unit's code or id; left out: the unit that the inspection is of.")
        ] = None,
        first: First = None,
        last: Last = None,
        after: After = None,
        before: Before = None,
    ) -> Connection[Dossier] | None:
        """Read a page of dossiers."""
        context, scope = context_of(info), self.stored
        span = spanned(first, last, after, before, PLACE)
        code = key_of(unit, "unit") if unit is not None else scope.of if self.scope is InspectionScope.UNIT else None
        if code is None:
            raise Invalid("name the `unit` whose dossiers are to be read", path=("unit",), code="NO_INDEX")
        if not code or context.services.store.unit(code) is None:
            return None
        self._note(context, All(code, scope.begin, scope.end), ReadKind.DOSSIERS, code, page=span)
        wanted = Filter(unit=code, include_below=True, submitted_from=scope.begin, submitted_before=scope.end)
        return listed_page(context, wanted, span)

    @strawberry.field(
        description="The audit trail of a dossier that it covers, of a unit, or of what a person of one has done, oldest first: name one "
        "of the three. The last two within its period, where it has one. The read of a page is written down first, once."
    )
    def audit_trail(  # noqa: PLR0913, PLR0917 - as the field has them
        self,
        info: Info,
        dossier: Annotated[strawberry.ID | None, strawberry.argument(description="The dossier's code or id.")] = None,
        unit: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="The unit's code or id: its own entries, without those of the units below."),
        ] = None,
        actor: Annotated[strawberry.ID | None, strawberry.argument(description="The person's code, as the register has it.")] = None,
        from_: Annotated[
            datetime | None,
            strawberry.argument(name="from", description="Recorded at that instant or later; left out: from the begin of the period on."),
        ] = None,
        to: Annotated[
            datetime | None, strawberry.argument(description="Recorded before that instant; left out: up to the end of the period.")
        ] = None,
        first: First = None,
        last: Last = None,
        after: After = None,
        before: Before = None,
    ) -> Connection[AuditEntry] | None:
        """Read a page of a trail."""
        context = context_of(info)
        named: Mapping[str, str | None] = {"dossier": dossier, "unit": unit, "actor": actor}
        name, text = one_named(named)
        if name == "dossier":
            page, during = numbered(asked(first, last, after, before)), During(from_, to)
        else:
            page = spanned(first, last, after, before, TRAIL_PLACE)
            during = During(from_ or self.stored.begin, to or self.stored.end)
        found = _found(context, name, text, during)
        if found is None:
            return None
        what, of = found
        self._note(context, what, TRAILS[name], of, during, page)
        return audit_trail(context, named, during, first, last, after, before)

    @strawberry.field(description="Its own trail, oldest first: that it was opened, each read, that it was closed.")
    def trail(
        self, info: Info, first: First = None, last: Last = None, after: After = None, before: Before = None
    ) -> Connection[AuditEntry] | None:
        """Read a page of its own trail."""
        context = context_of(info)
        return trail_page(context, View(self.held, context.decided(self.held)), first, last, after, before)

    def _note(self, context: Context, what: Held | All, kind: ReadKind, of: str, during: During = ALWAYS, page: Span | None = None) -> None:
        """Write a read down; an error keeps the field from being answered."""
        read = Read(context.services.now(), kind, of, during.since, during.until)
        if page is not None:
            first, last = (None, page.count) if page.backwards else (page.count, None)
            read = replace(read, first=first, last=last, after=page.low, before=page.high)
        noted(context.services, context.viewer, self.held.id, what, read, context.correlation)


def _found(context: Context, name: str, text: str, during: During) -> tuple[Held | All, str] | None:
    """Give what a trail is of, and its id or code; None where there is no such thing."""
    store = context.services.store
    if name == "dossier":
        view = context.trail_view(text)
        return (view.held, view.held.id) if view and isinstance(view.held.record, Stored) else None
    code = key_of(text, name)
    if not code:
        return None
    if name == "unit":
        return (All(code, during.since, during.until), code) if store.unit(code) else None
    person = store.officer(code)
    return (All(person.unit, during.since, during.until), code) if person else None


@strawberry.input(
    description="Opens an inspection, from now on: of a `dossier`, or of a `unit` and all below it; of everything, without either. `from` "
    "and `to` limit the last two to the dossiers submitted in between, and to what was recorded then."
)
class OpenInspectionInput(KeyedInput):
    """Input of openInspection."""

    dossier: strawberry.ID | None = strawberry.field(default=None, description="The dossier's code or id.")
    unit: strawberry.ID | None = strawberry.field(default=None, description="The unit's code or id.")
    begin: datetime | None = strawberry.field(name="from", default=None, description="Begin of the period, in it.")
    end: datetime | None = strawberry.field(name="to", default=None, description="End of the period, not in it.")
    reason: str = strawberry.field(description="Why it is opened.")
    legal_basis: str = strawberry.field(description="The law, or the decision, that it rests upon.")


@strawberry.input(description="Closes an inspection, from now on.")
class CloseInspectionInput(KeyedInput):
    """Input of closeInspection."""

    inspection: strawberry.ID = strawberry.field(description="The inspection's id.")
    conclusion: str | None = strawberry.field(default=None, description="What it came to, or where that is written.")


def opening_of(context: Context, given: OpenInspectionInput) -> Opening:
    """Read what is to be opened.

    Raises:
        Invalid: a dossier and a unit.
    """
    if given.dossier is not None and given.unit is not None:
        raise Invalid("an inspection is of a `dossier` or of a `unit`", path=("unit",), code="BAD_SCOPE")
    scope, of = InspectionScope.ALL, None
    if given.dossier is not None:
        scope, of = InspectionScope.DOSSIER, context.subject(given.dossier) or NOTHING
    if given.unit is not None:
        scope, of = InspectionScope.UNIT, key_of(given.unit, "unit") or NOTHING
    return Opening(scope, of, given.begin, given.end, given.reason, given.legal_basis)


def inspection_shown(context: Context, held: Held) -> Inspection:
    """Show an inspection."""
    stored = held.record
    assert isinstance(stored, inspection.Inspection)
    kept: Mapping[str, str] = disclosures(context.services, held.id) if Group.INTERNAL in context.decided(held).groups else {}

    def said(ref: Ref | None) -> str | None:
        return opened(kept[ref.digest])[1] if ref and ref.digest in kept else None

    return Inspection(
        place=("inspection", held.id),
        held=held,
        stored=stored,
        scope=stored.scope,
        inspector=stored.inspector,
        begin=stored.begin,
        end=stored.end,
        opened_at=stored.opened_at,
        closed_at=stored.closed_at,
        reads=stored.reads,
        reason=said(stored.reason),
        legal_basis=said(stored.legal_basis),
        conclusion=said(stored.conclusion),
    )


def inspection_of(context: Context, key: str) -> Inspection | None:
    """Find an inspection; None where the viewer may not see it."""
    held = context.services.store.held(DossierId(key)) if key else None
    if held is None or not isinstance(held.record, inspection.Inspection) or not context.decided(held).sees:
        return None
    return inspection_shown(context, held)
