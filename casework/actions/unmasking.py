"""Unmasking: whoever sees an applicant's values masked is shown those of one dossier, once, for a reason. It writes an access (`accesses`).

Supervisors may at any time, inspectors during an inspection of theirs that covers it.
"""

from dataclasses import dataclass

from casework.accesses import AccessKind, newest, sealed_access, tip_of
from casework.commits import REMEMBERED, TRIES, Request, fingerprint_of, hold_to, rest
from casework.inspecting import covered, noted
from casework.makers import caller
from casework.model.access import Decision, Group
from casework.model.errors import Contended, Invalid, NotFound, Refused
from casework.model.inspection import Read, ReadKind
from casework.model.packing import Plain
from casework.model.parties import Role, Viewer
from casework.model.record import Dossier, DossierId
from casework.model.texts import text
from casework.ports import Accessed, Held, Raced, Repeat, Seen, Services
from casework.views import View, confirmed_viewer, decided


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: its key, its correlation id, and the input as it was given."""

    key: str
    correlation: str
    input: Plain


@dataclass(frozen=True, slots=True)
class Unmasked:
    """What came of it: the dossier, as the viewer sees it otherwise, and the access."""

    view: View
    access: Accessed


def unmask(services: Services, viewer: Viewer, subject: DossierId, reason: str, inspection: str | None, asked: Asked) -> Unmasked:
    """Write down that the viewer unmasks the applicant's values of a dossier.

    A repeated request gives the access of its first time, if the viewer may unmask them still. What is unmasked during an inspection is
    a read of it, too, which is written first.

    Raises:
        NotFound: no such dossier, or none for this viewer.
        Refused: code NOT_YOUR_MOVE, nothing of it is masked for this viewer; ERASED, nothing is left to be shown.
        Invalid: the reason; INSPECTION_NEEDED, or as `inspecting.covered`; the key was used with another input, or is no key.
        Contended: others were faster each time.
    """
    viewer = confirmed_viewer(services, viewer)
    why = text(reason, "reason")
    request = Request(subject, "unmaskApplicant", asked.key, asked.input, asked.correlation, caller(viewer))
    fingerprint = fingerprint_of(services, request)
    for attempt in range(TRIES):
        held, memory = services.store.held_with_memory(subject, *request.memory)
        view = _allowed(services, viewer, held, inspection)
        now = services.now()
        if memory is not None and memory.stands(now):
            hold_to(memory, fingerprint)
            return Unmasked(view, services.store.accesses(subject, memory.seq - 1, 1)[0])
        tip = tip_of(next(newest(services, subject), None))
        if inspection is not None and viewer.role is Role.INSPECTOR:
            noted(services, viewer, DossierId(inspection), view.held, Read(now, ReadKind.UNMASKING, subject), asked.correlation)
        made = sealed_access(services, viewer, view.held, AccessKind.UNMASKED, asked.correlation, tip, now, ("UNMASKING", why))
        repeat = Repeat(*request.memory, fingerprint, subject, made.entry.seq, now + REMEMBERED)
        try:
            services.store.access(made, tip, repeat, now)
        except (Raced, Seen):  # Seen: this very request has written elsewhere, and the next load finds its memory.
            rest(attempt)
            continue
        return Unmasked(view, made)
    raise Contended("the dossier is being looked at by many others; nothing was written, try again with the same key")


def _allowed(services: Services, viewer: Viewer, held: Held | None, inspection: str | None) -> View:
    decision = decided(services, viewer, held) if held and isinstance(held.record, Dossier) else Decision()
    if held is None or not decision.sees:
        raise NotFound("no such dossier", path=("dossier",))
    if Group.MASKED not in decision.groups or held.dossier.applicant is None:
        raise Refused("nothing of this dossier is masked for you", code="NOT_YOUR_MOVE", state=held.dossier.state, allowed_from=())
    if held.dossier.erased:
        raise Refused("its applicant was erased: nothing is left to be shown", code="ERASED", state=held.dossier.state, allowed_from=())
    if viewer.role is Role.INSPECTOR:
        if inspection is None:
            raise Invalid("an inspector unmasks during an open inspection: name it", path=("inspection",), code="INSPECTION_NEEDED")
        covered(services, viewer, DossierId(inspection), held)
    return View(held, decision)
