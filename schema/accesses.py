"""Accesses: which official was shown an applicant's values, by whom, when and why."""

from datetime import datetime

import strawberry

from casework.accesses import AccessKind
from casework.audit.chain import Entry
from casework.audit.disclosure import opened
from casework.model.access import Group
from casework.model.record import DossierId
from casework.ports import Span
from casework.views import View
from schema.audit import Actor, AuditEntry, actor_shown, numbered
from schema.context import Context, Info, context_of
from schema.inputs import KeyedInput
from schema.log import InclusionProof, proved
from schema.node import Node
from schema.paging import Connection, asked, connected, cursor, page_info


@strawberry.type(
    description="An access (lượt xem): an official was shown an applicant's values. It is an entry of the second log, in a chain of its "
    "dossier's own."
)
class Access(Node):
    """An access."""

    entry: strawberry.Private[Entry]
    seq: int = strawberry.field(description="Its number in the chain of accesses to its dossier, from 1, without gaps.")
    kind: AccessKind = strawberry.field(description="What it is.")
    at: datetime = strawberry.field(description="When it was written, right before the values were shown.")
    actor: Actor = strawberry.field(description="Who was shown them.")
    on_behalf_of: Actor | None = strawberry.field(description="In whose name; null when in its own.")
    prev: str = strawberry.field(description="SHA-256 of the line before; 64 zeros for the first.")

    @strawberry.field(description="SHA-256 of its line.")
    def hash(self) -> str:
        """Compute it."""
        return self.entry.hash

    @strawberry.field(description="Why they were unmasked, as it was given; the applicant reads it, too. Null for a view.")
    def reason(self, info: Info) -> str | None:
        """Show the reason."""
        ref = (self.entry.body["reason"] or {}).get("text")
        text = context_of(info).access_reason(self.entry).get(ref["digest"]) if ref else None
        return opened(text)[1] if text else None

    @strawberry.field(description="That it is in the second log as it was published; null until then, which takes seconds.")
    def proof(self, info: Info) -> InclusionProof | None:
        """Prove it, with the others of its page."""
        return proved(context_of(info), self.entry)


@strawberry.input(description="Unmasks the applicant's values of a dossier, for the answer to this request alone.")
class UnmaskApplicantInput(KeyedInput):
    """Input of unmaskApplicant."""

    dossier: strawberry.ID = strawberry.field(description="The dossier's code or id.")
    reason: str = strawberry.field(description="Why. The applicant reads it.")
    inspection: strawberry.ID | None = strawberry.field(default=None, description="The open inspection that an inspector unmasks for.")


def access_shown(entry: Entry) -> Access:
    """Show an access to whoever may see those of its dossier."""
    body, (subject, seq) = entry.body, entry.place
    return Access(
        place=("access", f"{subject}/{seq}"),
        entry=entry,
        seq=seq,
        kind=AccessKind(body["action"]),
        at=entry.recorded_at,
        actor=actor_shown(body["actor"]),
        on_behalf_of=actor_shown(body["on_behalf_of"]) if body["on_behalf_of"] else None,
        prev=body["prev"],
    )


def access_entry_shown(entry: Entry, view: View) -> AuditEntry:
    """Show an access as the entry that it is."""
    subject, seq = entry.place
    return AuditEntry(
        place=("access-entry", f"{subject}/{seq}"), entry=entry, view=view, seq=seq, action=entry.body["action"], prev=entry.body["prev"]
    )


def accesses_page(
    context: Context, view: View, first: int | None, last: int | None, after: str | None, before: str | None
) -> Connection[Access] | None:
    """Read a page of the accesses to a dossier, oldest first; None where they may not be seen."""
    page = asked(first, last, after, before)
    if Group.ACCESSES not in view.decision.groups:
        return None
    found = context.services.store.accesses(
        view.held.id, page.after or 0, page.count + 1, backwards=page.backwards, before=page.before
    )  # fmt: skip
    more, found = len(found) > page.count, found[: page.count]
    if page.backwards:
        found.reverse()
    context.accesses(found)
    cursors = [cursor(one.entry.seq) for one in found]
    span = Span(page.count, cursor(page.after) if page.after else None, cursor(page.before) if page.before else None, page.backwards)
    return connected(cursors, [access_shown(one.entry) for one in found], page_info(cursors, span, more=more))


def access_of(context: Context, key: str) -> Access | None:
    """Find one access by `dossier/number`; None where it may not be seen."""
    found = _found(context, key)
    return access_shown(found[0]) if found else None


def access_entry_of(context: Context, key: str) -> AuditEntry | None:
    """Find an access as the entry that it is; None where it may not be seen."""
    found = _found(context, key)
    return access_entry_shown(*found) if found else None


def _found(context: Context, key: str) -> tuple[Entry, View] | None:
    place = numbered(key)
    view = context.view(DossierId(place[0])) if place else None
    if place is None or view is None or Group.ACCESSES not in view.decision.groups:
        return None
    found = context.services.store.accesses(place[0], place[1] - 1, 1, before=place[1] + 1)
    context.accesses(found)
    return (found[0].entry, view) if found else None
