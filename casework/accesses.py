"""Accesses: that an official was shown an applicant's values, by whom, when and why (docs/accesses.md).

Each is an entry of the second log, in a chain of its dossier's own. The last entry is the end of the chain, and one is put on condition
that there is none of its number; so of two at once one finds the other's, and whoever was killed in between leaves one or none.
"""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from casework.audit.chain import Draft, Reason, Subject, Tip, sealed
from casework.audit.disclosure import SALT_BYTES, Envelope
from casework.commits import TRIES, rest
from casework.makers import actor, behalf
from casework.model.errors import Contended, Fault
from casework.model.parties import Viewer
from casework.model.record import DossierId
from casework.model.subjects import kind_of
from casework.ports import Accessed, Held, Raced, Services
from casework.views import confirmed_viewer

WINDOW = timedelta(minutes=10)  # in which the same viewer who sees the same dossier again has the same access
PAGE = 20  # accesses of one reading of a chain
AT_ONCE = 8  # dossiers of a page whose accesses are noted at once


class AccessKind(StrEnum):
    """What an access is, the action of its entry."""

    VIEWED = "VIEWED"
    UNMASKED = "UNMASKED"


def noted(services: Services, viewer: Viewer, page: Iterable[Held], correlation: str) -> Mapping[DossierId, Fault | None]:
    """Note that a viewer is shown the applicants' values of some dossiers; gives for each None, or why it could not be noted.

    Raises:
        Unavailable: who the viewer is could not be read; nothing is noted.
    """
    viewer = confirmed_viewer(services, viewer)

    def note(held: Held) -> Fault | None:
        try:
            _note(services, viewer, held, correlation)
        except Fault as fault:
            return fault
        return None

    those = list({held.id: held for held in page}.values())
    if len(those) == 1:
        return {those[0].id: note(those[0])}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip([held.id for held in those], pool.map(note, those), strict=True))


def _note(services: Services, viewer: Viewer, held: Held, correlation: str) -> None:
    """Write a view, unless the same viewer has had one within `WINDOW`, or the applicant was erased.

    Raises:
        Contended: others were faster each time.
        Unavailable: the store did not answer; it may stand.
    """
    if held.dossier.erased:
        return  # nothing is left that could be shown
    for attempt in range(TRIES):
        now = services.now()
        recent, tip = _recent(services, held.id, now)
        made = sealed_access(services, viewer, held, AccessKind.VIEWED, correlation, tip, now)
        if any(_same(one.entry.body, made.entry.body) for one in recent):
            return
        try:
            services.store.access(made, tip, None, now)
        except Raced:
            rest(attempt)
            continue
        return
    raise Contended("the dossier is being looked at by many others; nothing was shown, try again")


def _recent(services: Services, subject: str, now: datetime) -> tuple[list[Accessed], Tip]:
    """Read the accesses within `WINDOW`, newest first, and the end of the chain."""
    recent: list[Accessed] = []
    tip = Tip()
    for one in newest(services, subject):
        tip = tip if tip.seq else tip_of(one)
        if now - one.entry.recorded_at >= WINDOW:
            break
        recent.append(one)
    return recent, tip


def newest(services: Services, subject: str) -> Iterator[Accessed]:
    """Read the accesses to a dossier from the last one back, page by page."""
    before = None
    while page := services.store.accesses(subject, 0, PAGE, backwards=True, before=before):
        yield from page
        before = page[-1].entry.seq


def tip_of(last: Accessed | None) -> Tip:
    """Give the end of a chain by its last entry."""
    return Tip(last.entry.seq, last.entry.hash, last.entry.recorded_at) if last else Tip()


def sealed_access(
    services: Services,
    viewer: Viewer,
    held: Held,
    kind: AccessKind,
    correlation: str,
    tip: Tip,
    now: datetime,
    why: tuple[str, str] | None = None,
) -> Accessed:
    """Seal an access to a dossier behind the end of its chain; `why` is the code and the text of its reason.

    Its state has one field, how many accesses there were. Of a citizen it has the pseudonym alone: who that is stands in the trail, where
    it can be erased.
    """
    envelope = Envelope(tip.seq + 1, lambda: services.entropy(SALT_BYTES))
    draft = Draft(
        log=services.accesses_log,
        province=held.province,
        subject=Subject(kind_of(held.record), held.id),
        action=kind,
        actor=actor(services, viewer, held.id, envelope),
        on_behalf_of=behalf(services, viewer, held.id, envelope, told=False),
        occurred_at=now,
        reason=Reason(why[0], envelope.enclosed("reason", why[1])) if why else None,
        request=correlation,
        before={"accesses": tip.seq} if tip.seq else {},
        after={"accesses": tip.seq + 1},
        digests=envelope.disclosures,
    )
    return Accessed(sealed(draft, tip, now), dict(envelope.disclosures))


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two entries tell of the same thing, done by the same person in the same role for the same one."""
    return all(one[name] == other[name] for name in ("action", "actor", "on_behalf_of"))
