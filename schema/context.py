"""What a resolver is given beside its arguments: services, viewer, and the views loaded so far in this operation."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import strawberry

from casework.accesses import noted
from casework.audit.chain import Entry
from casework.audit.note import Proof
from casework.model.access import Decision, Group, watched_by
from casework.model.errors import Fault
from casework.model.parties import Viewer
from casework.model.record import DossierId
from casework.ports import Accessed, Held, Services
from casework.published import newest, proofs
from casework.views import View, decided, disclosures, disclosures_of_all, disclosures_of_reasons, viewed
from schema.node import key_of

if TYPE_CHECKING:
    from schema.handling import Texts


@dataclass(slots=True)
class Context:
    """One operation's context."""

    services: Services
    viewer: Viewer
    correlation: str
    views: dict[DossierId, View | None] = field(default_factory=dict)
    texts: "dict[tuple[DossierId, int, Decision], Texts]" = field(default_factory=dict)  # by dossier, its last entry, what is seen of it
    pages: dict[DossierId, list[Held]] = field(default_factory=dict)
    kept: dict[str, Mapping[str, str]] = field(default_factory=dict)
    ends: dict[tuple[DossierId, int], list[Entry]] = field(default_factory=dict)
    trails: dict[str, list[Entry]] = field(default_factory=dict)  # by the hash of an entry, its page
    reasons: dict[str, Mapping[str, str]] = field(default_factory=dict)  # by the hash of an entry
    proofs: dict[str, Proof | None] = field(default_factory=dict)  # likewise
    opened: dict[DossierId, Fault | None] = field(default_factory=dict)  # whose applicants' values are shown, or why not

    def view(self, subject: DossierId) -> View | None:
        """Load a dossier for the viewer, once."""
        if subject not in self.views:
            self.views[subject] = viewed(self.services, self.viewer, subject)
        return self.views[subject]

    def page(self, views: Iterable[View]) -> None:
        """Remember what stands on one page: what one of them needs is then read for all at once.

        The views themselves are not kept: a list may lag, and a dossier that is asked for by its code does not.
        """
        page = [view.held for view in views]
        self.pages.update((held.id, page) for held in page)

    def newest(self, held: Held, count: int) -> list[Entry] | None:
        """Give the last entries of a dossier on a page, newest first, read with those of the whole page; None where it is on none."""
        page = self._page_of(held)
        if page is None:
            return None
        if (held.id, count) not in self.ends:
            found = self.services.store.newest({one.id: one.tip.seq for one in page}, count)
            self.ends.update({(DossierId(one), count): entries for one, entries in found.items()})
        return self.ends[held.id, count]

    def disclosed(self, held: Held) -> Mapping[str, str]:
        """Give a dossier's disclosures; those of one on a page are read with those of the whole page."""
        page = self._page_of(held)
        if page is None:
            return disclosures(self.services, held.id)
        if held.id not in self.kept:
            self.kept.update(disclosures_of_all(self.services, page))
        return self.kept[held.id]

    def trail(self, entries: Iterable[Entry]) -> None:
        """Remember what stands on one page of a trail: the texts of its reasons, and its proofs, are then read at once."""
        page = list(entries)
        self.trails.update((entry.hash, page) for entry in page)

    def reason(self, entry: Entry) -> Mapping[str, str]:
        """Give the disclosures that an entry's reason refers to; those of one on a page are read with those of the whole page."""
        if entry.hash not in self.reasons:
            page = self.trails.get(entry.hash, [entry])
            found = disclosures_of_reasons(self.services, page)
            self.reasons.update((one.hash, found[one.place[0]]) for one in page)
        return self.reasons[entry.hash]

    def accesses(self, page: Sequence[Accessed]) -> None:
        """Remember accesses that were read at once, with the texts of their reasons."""
        self.trail(one.entry for one in page)
        self.reasons.update((one.entry.hash, one.disclosures) for one in page)

    def access_reason(self, entry: Entry) -> Mapping[str, str]:
        """Give the disclosures that came with an access."""
        if entry.hash not in self.reasons:
            subject, seq = entry.place
            self.accesses(self.services.store.accesses(subject, seq - 1, 1))
        return self.reasons[entry.hash]

    def proof(self, entry: Entry) -> Proof | None:
        """Prove that the log has an entry as it was published, read with those of its page; None while it has not."""
        if entry.hash not in self.proofs:
            page = self.trails.get(entry.hash, [entry])
            services = self.services if entry.body["log"] == self.services.log else self.services.second
            published = newest(services) if services.vault and services.seal else None
            found = proofs(services, published, [one.place for one in page]) if published else {}
            self.proofs.update({one.hash: found.get(one.place) for one in page})
        return self.proofs[entry.hash]

    def open(self, view: View) -> None:
        """Note that a viewer is shown an applicant's values, before they are shown: once for a dossier and operation.

        Those of a page, who are shown too, are noted with the first of them. Whoever reads his own values opens nothing.

        Raises:
            Unavailable, Contended: it could not be noted, so nothing is to be shown.
        """
        if not watched_by(view.decision):
            return
        if view.held.id not in self.opened:
            beside = [one for one in self._page_of(view.held) or () if one.id not in self.opened and self._opens(one)]
            self.opened.update(noted(self.services, self.viewer, [view.held, *beside], self.correlation))
        fault = self.opened[view.held.id]
        if fault is not None:
            raise fault

    def _opens(self, held: Held) -> bool:
        return held.dossier.applicant is not None and Group.PERSONAL in self.decided(held).groups

    def _page_of(self, held: Held) -> list[Held] | None:
        """Find the page on which this very state stands: what was read of the same dossier elsewhere may be newer."""
        page = self.pages.get(held.id, ())
        return list(page) if any(one is held for one in page) else None

    def trail_view(self, text: str) -> View | None:
        """Load the dossier behind a code or a global id for the reading of its trail, which some may who see nothing else."""
        subject = self.subject(text)
        held = self.services.store.held(subject) if subject else None
        return View(held, self.decided(held)) if held else None

    def subject(self, text: str) -> DossierId | None:
        """Find the id behind a code, however it is typed, or a global id."""
        key = key_of(text, "dossier")
        return DossierId(key) if key != text else self.services.store.coded(text.strip().upper())

    def decided(self, held: Held) -> Decision:
        """Decide what the viewer may see of a dossier that is loaded already."""
        return decided(self.services, self.viewer, held)

    def decide_once(self, held: Held, decision: Decision) -> None:
        """Take a decision that was made already: live delivery makes one for a whole cohort."""
        self.views[held.id] = View(held, decision)


Info = strawberry.Info[Context, None]


def context_of(info: Info) -> Context:
    """Give the context of a resolver."""
    return info.context
