"""The audit trail: who did what, when, why, and the hashes that prove it."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from casework.audit.chain import Entry
from casework.audit.disclosure import opened
from casework.model import record
from casework.model.access import Group, Trail
from casework.model.errors import Invalid
from casework.model.parties import PartyKind
from casework.model.publication import Publication
from casework.model.record import DossierId
from casework.ports import By, Span
from casework.trails import ALWAYS, During, recorded
from casework.views import View, visible
from schema.context import Context, Info, context_of
from schema.log import InclusionProof, proved
from schema.node import Node, global_id, key_of
from schema.paging import MOST, Connection, Page, asked, connected, cursor, page_info, place_cursor, spanned
from schema.scalars import Plain

if TYPE_CHECKING:
    from schema.dossier import Dossier

SERVED = "dossier, unit or actor, each with any of from and to"
# An instant, and with an entry at it its subject and number.
PLACE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-\d\dT\d\d:\d\d:\d\d\.\d{6}Z(#[0-9a-f]{32}#\d{8})?")
INTERNAL_FIELDS = ("opinions.", "assignments.", "alerts.")  # an applicant sees that something was done, not what it says


@strawberry.type(description="A field that an entry changed.")
class Change:
    """One change."""

    field: str = strawberry.field(description="The field, as docs/audit-format.md names it.")
    before: Plain | None = strawberry.field(name="from", description="Its value before; null when there was none.")
    after: Plain | None = strawberry.field(name="to", description="Its value after; null when it was taken away.")


@strawberry.type(description="An actor as an entry names it.")
class Actor:
    """A party of an entry."""

    kind: PartyKind = strawberry.field(description="What kind of actor.")
    id: str = strawberry.field(description="An officer's code, a log's name, or a citizen's pseudonym for this dossier.")
    role: str | None = strawberry.field(description="The role in which it acted.")
    unit: str | None = strawberry.field(description="Code of the unit for which it acted.")


@strawberry.type(description="Why something was done out of the ordinary.")
class EntryReason:
    """A reason of an entry."""

    code: str = strawberry.field(description="What kind of reason.")
    text: str | None = strawberry.field(description="The reason as it was given; null where it may not be read.")
    log: str | None = strawberry.field(description="The log that an import read.")


@strawberry.type(description="One entry of the audit trail: one change, sealed into the chain of its subject.")
class AuditEntry(Node):
    """An entry."""

    entry: strawberry.Private[Entry]
    view: strawberry.Private[View]
    seq: int = strawberry.field(description="Its number in the chain of its subject, from 1, without gaps.")
    action: str = strawberry.field(description="What was done.")
    prev: str = strawberry.field(description="SHA-256 of the line before; 64 zeros for the first.")

    @strawberry.field(description="When it happened, as its maker says; this rules the clock.")
    def occurred_at(self) -> datetime:
        """Read the instant."""
        return self.entry.occurred_at

    @strawberry.field(description="When it was written.")
    def recorded_at(self) -> datetime:
        """Read the instant."""
        return self.entry.recorded_at

    @strawberry.field(description="SHA-256 of its line.")
    def hash(self) -> str:
        """Compute it."""
        return self.entry.hash

    @strawberry.field(description="Global id of what the entry is about.")
    def subject(self) -> strawberry.ID:
        """Name the subject: a procedure by its code, all others by their ids."""
        held, kind = self.view.held, self.entry.body["subject"]["kind"]
        return global_id(kind, held.record.code if isinstance(held.record, Publication) else held.id)

    @strawberry.field(description="The dossier that it is about, as it is now; null where the viewer does not see it, or it is no dossier.")
    def dossier(self) -> "Annotated[Dossier, strawberry.lazy('schema.dossier')] | None":
        """Show the dossier."""
        from schema.dossier import dossier_shown  # noqa: PLC0415 - a dossier has entries, and an entry its dossier

        seen = self.view.decision.sees and isinstance(self.view.held.record, record.Dossier)
        return dossier_shown(self.view) if seen else None

    @strawberry.field(description="Who did it; null where it may not be seen.")
    def actor(self) -> Actor | None:
        """Show the actor."""
        return self._party("actor")

    @strawberry.field(description="In whose name; null when in its own.")
    def on_behalf_of(self) -> Actor | None:
        """Show for whom."""
        return self._party("on_behalf_of")

    @strawberry.field(description="Why, when out of the ordinary.")
    def reason(self, info: Info) -> EntryReason | None:
        """Show the reason; its text is internal."""
        found = self.entry.body["reason"]
        if found is None or self.view.decision.trail is Trail.TECHNICAL:
            return None
        text = None
        if "text" in found and Group.INTERNAL in self.view.decision.groups:
            kept = context_of(info).reason(self.entry)
            text = opened(kept[found["text"]["digest"]])[1] if found["text"]["digest"] in kept else None
        return EntryReason(code=found["code"], text=text, log=found.get("log"))

    @strawberry.field(description="That it is in the log as it was published; null until then, which takes seconds.")
    def proof(self, info: Info) -> InclusionProof | None:
        """Prove it, with the others of its page."""
        return proved(context_of(info), self.entry)

    @strawberry.field(description="The fields it changed; null where they may not be seen.")
    def changes(self) -> list[Change] | None:
        """Show the changes."""
        if self.view.decision.trail is Trail.TECHNICAL:
            return None
        hidden = INTERNAL_FIELDS if self.view.decision.trail is Trail.APPLICANT else ()
        return [
            Change(field=change["field"], before=change["from"], after=change["to"])
            for change in self.entry.body["changes"]
            if not str(change["field"]).startswith(hidden or "\0")
        ]

    def _party(self, name: str) -> Actor | None:
        party: dict[str, Any] | None = self.entry.body[name]
        return actor_shown(party) if party is not None and self.view.decision.trail is not Trail.TECHNICAL else None


def actor_shown(party: Mapping[str, Any]) -> Actor:
    """Show a party of an entry."""
    return Actor(kind=PartyKind(party["kind"]), id=party["id"], role=party.get("role"), unit=party.get("unit"))


def entry_shown(entry: Entry, view: View) -> AuditEntry:
    """Show an entry to whoever sees its subject so."""
    subject, seq = entry.place
    place = ("entry", f"{subject}/{seq}")
    return AuditEntry(place=place, entry=entry, view=view, seq=seq, action=str(entry.body["action"]), prev=entry.body["prev"])


def audit_trail(
    context: Context,
    named: Mapping[str, str | None],
    during: During,
    first: int | None,
    last: int | None,
    after: str | None,
    before: str | None,
) -> Connection[AuditEntry]:
    """Read a page of the one trail that is named: a dossier's, a unit's or a person's.

    Raises:
        Invalid: a page or a cursor that is none, or not one trail.
    """
    name, text = one_named(named)
    if name == "dossier":
        asked(first, last, after, before)
        return trail_page(context, context.trail_view(text), first, last, after, before, during)
    span = spanned(first, last, after, before, PLACE)
    return _recorded_page(context, By(name), key_of(text, name), during, span)


def one_named(named: Mapping[str, str | None]) -> tuple[str, str]:
    """Give the one thing that a trail is of: what it is, and its code or id.

    Raises:
        Invalid: none is named, or several.
    """
    given = [(name, text) for name, text in named.items() if text is not None]
    if len(given) != 1:
        raise Invalid(f"name one thing that the trail is of: an index serves {SERVED}", path=("dossier",), code="NO_INDEX")
    return given[0]


def _recorded_page(context: Context, by: By, code: str, during: During, span: Span) -> Connection[AuditEntry]:
    found = recorded(context.services, context.viewer, by, code, during, span)
    rows = list(found.views)
    if span.backwards:
        rows.reverse()
    views = {row.view.held.id: row.view for _, row in rows}
    context.page(view for view in views.values() if isinstance(view.held.record, record.Dossier))
    context.trail(row.entry for _, row in rows)
    cursors = [place_cursor(place) for place, _ in rows]
    nodes = [entry_shown(row.entry, row.view) for _, row in rows]
    return connected(cursors, nodes, page_info(cursors, span, more=found.more, end=found.looked))


def trail_page(
    context: Context,
    view: View | None,
    first: int | None,
    last: int | None,
    after: str | None,
    before: str | None,
    during: During = ALWAYS,
) -> Connection[AuditEntry]:
    """Read a page of a subject's trail, as far as the viewer may see it; empty for what is hidden."""
    page = asked(first, last, after, before)
    found: list[Entry] = []
    newest = False
    if view is not None and view.decision.trail is not Trail.NONE:
        whole = during == ALWAYS and view.decision.trail is not Trail.OWN_ACTIONS
        newest = page.backwards and page.before is None and page.after is None and whole
        found = (context.newest(view.held, page.count) if newest else None) or _seen(context, view, page, during)
    more = len(found) > page.count or (newest and bool(found) and found[-1].seq > 1)
    found = found[: page.count]
    if page.backwards:
        found.reverse()
    context.trail(found)
    cursors = [cursor(entry.seq) for entry in found]
    span = Span(page.count, cursor(page.after) if page.after else None, cursor(page.before) if page.before else None, page.backwards)
    nodes = [entry_shown(entry, view) for entry in found if view]
    return connected(cursors, nodes, page_info(cursors, span, more=more))


def _seen(context: Context, view: View, page: Page, during: During) -> list[Entry]:
    """Read until one more than the page is found, or the chain ends, along which record time rises."""
    out: list[Entry] = []
    low, high = page.after or 0, page.before
    end = during.since if page.backwards else during.until
    while len(out) <= page.count:
        batch = context.services.store.entries(view.held.id, low, MOST, backwards=page.backwards, before=high)
        out.extend(entry for entry in visible(batch, view.decision) if entry is not None and during.has(entry.recorded_at))
        if len(batch) < MOST or (end is not None and (batch[-1].recorded_at < end) is page.backwards):
            break  # What follows lies beyond.
        if page.backwards:
            high = batch[-1].seq
        else:
            low = batch[-1].seq
    return out


def entry_of(context: Context, key: str) -> AuditEntry | None:
    """Find one entry by `subject/seq`; None where it may not be seen."""
    place = numbered(key)
    if place is None:
        return None
    subject, seq = place
    found = context.services.store.entries(subject, seq - 1, 1, before=seq + 1)
    held = context.services.store.held(DossierId(subject)) if found else None
    if held is None:
        return None
    view = View(held, context.decided(held))
    shown = visible(found, view.decision)[0]
    return entry_shown(shown, view) if shown else None


def numbered(key: str) -> tuple[str, int] | None:
    """Read `subject/seq`; None when it is none."""
    subject, _, number = key.partition("/")
    known = subject and number.isascii() and number.isdigit() and len(number) <= len(str(MOST_SEQ))
    return (subject, int(number)) if known else None


MOST_SEQ = 99_999_999
