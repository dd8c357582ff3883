"""The audit trail: who did what, when, why, and the hashes that prove it."""

from datetime import datetime
from typing import Any

import strawberry

from casework.audit.chain import Entry
from casework.audit.disclosure import opened
from casework.model.access import Decision, Group, Trail
from casework.model.parties import PartyKind
from casework.model.publication import Publication
from casework.model.record import DossierId
from casework.model.subjects import PROCEDURE
from casework.ports import Span
from casework.views import View, disclosures, visible
from schema.context import Context, Info, context_of
from schema.log import InclusionProof, Proofs
from schema.node import Node, global_id
from schema.paging import MOST, Connection, Page, asked, connected, cursor, page_info
from schema.scalars import Plain

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
    decision: strawberry.Private[Decision]
    proofs: strawberry.Private[Proofs | None]
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
    def subject(self, info: Info) -> strawberry.ID:
        """Name the subject: a procedure by its code, all others by their ids."""
        kind, key = self.entry.body["subject"]["kind"], self.entry.body["subject"]["id"]
        held = context_of(info).services.store.held(DossierId(key)) if kind == PROCEDURE else None
        return global_id(kind, held.record.code if held and isinstance(held.record, Publication) else key)

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
        if found is None or self.decision.trail is Trail.TECHNICAL:
            return None
        text = None
        if "text" in found and Group.INTERNAL in self.decision.groups:
            kept = disclosures(context_of(info).services, self.entry.body["subject"]["id"])
            text = opened(kept[found["text"]["digest"]])[1] if found["text"]["digest"] in kept else None
        return EntryReason(code=found["code"], text=text, log=found.get("log"))

    @strawberry.field(description="That it is in the log as it was published; null until then, which takes seconds.")
    def proof(self, info: Info) -> InclusionProof | None:
        """Prove it, with the others of its page."""
        subject = self.entry.body["subject"]["id"]
        return (self.proofs or Proofs(context_of(info), [(subject, self.seq)])).of(subject, self.seq)

    @strawberry.field(description="The fields it changed; null where they may not be seen.")
    def changes(self) -> list[Change] | None:
        """Show the changes."""
        if self.decision.trail is Trail.TECHNICAL:
            return None
        hidden = INTERNAL_FIELDS if self.decision.trail is Trail.APPLICANT else ()
        return [
            Change(field=change["field"], before=change["from"], after=change["to"])
            for change in self.entry.body["changes"]
            if not str(change["field"]).startswith(hidden or "\0")
        ]

    def _party(self, name: str) -> Actor | None:
        party: dict[str, Any] | None = self.entry.body[name]
        if party is None or self.decision.trail is Trail.TECHNICAL:
            return None
        return Actor(kind=PartyKind(party["kind"]), id=party["id"], role=party.get("role"), unit=party.get("unit"))


def entry_shown(entry: Entry, decision: Decision, proofs: Proofs | None = None) -> AuditEntry:
    """Show an entry; `proofs` are those of its page, where it is on one."""
    place = ("entry", f"{entry.body['subject']['id']}/{entry.seq}")
    action, prev = str(entry.body["action"]), entry.body["prev"]
    return AuditEntry(place=place, entry=entry, decision=decision, proofs=proofs, seq=entry.seq, action=action, prev=prev)


def trail_page(
    context: Context,
    view: View | None,
    first: int | None,
    last: int | None,
    after: str | None,
    before: str | None,
) -> Connection[AuditEntry]:
    """Read a page of a subject's trail, as far as the viewer may see it; empty for what is hidden."""
    page = asked(first, last, after, before)
    found: list[Entry] = []
    newest = False
    if view is not None and view.decision.trail is not Trail.NONE:
        newest = page.backwards and page.before is None and page.after is None and view.decision.trail is not Trail.OWN_ACTIONS
        found = (context.newest(view.held, page.count) if newest else None) or _seen(context, view, page)
    more = len(found) > page.count or (newest and bool(found) and found[-1].seq > 1)
    found = found[: page.count]
    if page.backwards:
        found.reverse()
    cursors = [cursor(entry.seq) for entry in found]
    span = Span(page.count, cursor(page.after) if page.after else None, cursor(page.before) if page.before else None, page.backwards)
    proofs = Proofs(context, [(view.held.id, entry.seq) for entry in found]) if view else None
    nodes = [entry_shown(entry, view.decision, proofs) for entry in found if view]
    return connected(cursors, nodes, page_info(cursors, span, more=more))


def _seen(context: Context, view: View, page: Page) -> list[Entry]:
    """Read until one more than the page is found, or the chain ends."""
    out: list[Entry] = []
    low, high = page.after or 0, page.before
    while len(out) <= page.count:
        batch = context.services.store.entries(view.held.id, low, MOST, backwards=page.backwards, before=high)
        out.extend(entry for entry in visible(batch, view.decision) if entry is not None)
        if len(batch) < MOST:
            break
        if page.backwards:
            high = batch[-1].seq
        else:
            low = batch[-1].seq
    return out


def entry_of(context: Context, key: str) -> AuditEntry | None:
    """Find one entry by `subject/seq`; None where it may not be seen."""
    subject, _, number = key.partition("/")
    if not (subject and number.isascii() and number.isdigit() and len(number) <= len(str(MOST_SEQ))):
        return None
    seq = int(number)
    found = context.services.store.entries(subject, seq - 1, 1, before=seq + 1)
    held = context.services.store.held(DossierId(subject)) if found else None
    if held is None:
        return None
    decision = context.decided(held)
    shown = visible(found, decision)[0]
    return entry_shown(shown, decision) if shown else None


MOST_SEQ = 99_999_999
