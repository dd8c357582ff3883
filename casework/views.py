"""Reading: find a dossier for a viewer, with what that viewer may see of it. What may not be seen is as if it were absent."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

from casework.audit.canonical import canonical, parsed
from casework.audit.chain import Entry
from casework.model.access import (
    Decision,
    Trail,
    confirmed,
    decide,
    decide_export,
    decide_incident,
    decide_inspection,
    decide_procedure,
    decide_task,
)
from casework.model.errors import Corrupt
from casework.model.export import Export
from casework.model.incident import Incident
from casework.model.inspection import Inspection
from casework.model.moves import Setting
from casework.model.packing import packed, unpacked
from casework.model.parties import Role, Viewer
from casework.model.procedure import ProcedureVersion
from casework.model.record import Dossier, DossierId
from casework.model.slip import NONCE_BYTES
from casework.model.task import Task
from casework.model.unit import lineage
from casework.model.workdays import legal_day
from casework.ports import Held, Services

log = logging.getLogger("giamsat")

MOST_VIEWERS = 10_000  # whom a process remembers as read
UNKNOWN = DossierId("0" * 32)  # an id that nothing has
REFERENCE = frozenset({"digest", "entry"})  # the fields of a `parties.Ref`


@dataclass(frozen=True, slots=True)
class View:
    """A dossier, and what this viewer may see and do of it."""

    held: Held
    decision: Decision


def confirmed_viewer(services: Services, viewer: Viewer) -> Viewer:
    """Let the register have the last word on role and unit of a person it knows."""
    if viewer.sub is None or viewer.role in {Role.CITIZEN, Role.IMPORT}:
        return viewer
    return confirmed(viewer, services.store.officer(viewer.sub), legal_day(services.now()))


def decided(services: Services, viewer: Viewer, held: Held) -> Decision:
    """Decide what a viewer may see of a subject, by the register as it is now."""
    viewer = confirmed_viewer(services, viewer)
    if not isinstance(held.record, Dossier):
        return _decided_elsewhere(services, viewer, held)
    person = viewer.on_behalf_of or viewer.sub if viewer.role is Role.CITIZEN else None
    return decide(
        viewer,
        held.dossier,
        subject=held.id,
        person=services.keys.pseudonym(held.id, person) if person else None,
        lineage=lineage(services.store.unit, held.dossier.unit),
    )


def _decided_elsewhere(services: Services, viewer: Viewer, held: Held) -> Decision:
    match held.record:
        case Incident(unit=unit):
            find = services.store.unit
            return decide_incident(viewer, lineage(find, unit), affected=any(unit in lineage(find, own) for own in viewer.units))
        case Task():
            return decide_task(viewer)
        case Export():
            return decide_export(viewer)
        case Inspection():
            return decide_inspection(viewer)
        case _:
            return decide_procedure(viewer)


def viewed(services: Services, viewer: Viewer, subject: DossierId) -> View | None:
    """Load a dossier for a viewer; None when there is none, or none for this viewer."""
    held = services.store.held(subject)
    if held is None or not isinstance(held.record, Dossier):  # A procedure's id follows from its code, so anybody may ask for it.
        return None
    view = View(held, decided(services, viewer, held))
    return view if view.decision.sees else None


def readable(services: Services, subjects: Sequence[DossierId]) -> Mapping[DossierId, Held]:
    """Load several subjects; one whose state cannot be read is left out, and hurts no other."""
    try:
        return services.store.held_all(subjects) if subjects else {}
    except Corrupt as fault:
        log.error("%s", fault.message)  # noqa: TRY400 - the fault says all there is
    found = {}
    for subject in dict.fromkeys(subjects):
        with suppress(Corrupt):
            held = services.store.held(subject)
            if held:
                found[subject] = held
    return found


def tracked(services: Services, subject: DossierId | None, secret: str, bearer: Viewer) -> tuple[Held, Viewer] | None:
    """Turn a tracking secret into the dossier and the viewer that it makes.

    None when it is wrong, when there is no such dossier, and for ADMIN, who sees no dossier by any way. The three take the same reads
    and nearly the same time: the dossier itself is only read once the secret is known to be right.
    """
    here = subject or UNKNOWN
    slip = services.store.slip(here)
    generation, key = slip or (1, services.keys.current)
    right = services.keys.tracks(secret, here, generation, key)
    if not right or slip is None or confirmed_viewer(services, bearer).role is Role.ADMIN:
        return None
    held = services.store.held(here)
    if held is None or held.dossier.secret_generation != generation:  # It was rotated this very moment.
        return None
    return held, Viewer(Role.PUBLIC, dossier=held.id, generation=generation)


def hide(services: Services, viewer: Viewer) -> str:
    """Write a viewer as it may stand in a table."""
    return services.keys.hidden(canonical(packed(viewer)).decode(), services.entropy(NONCE_BYTES))


def show(services: Services, hidden: str) -> Viewer:
    """Read a viewer that `hide` wrote."""
    return _viewer(services.keys.shown(hidden))


@lru_cache(maxsize=MOST_VIEWERS)
def _viewer(text: str) -> Viewer:
    return unpacked(Viewer, parsed(text))


def setting(services: Services, dossier: Dossier) -> Setting:
    """Bring what moves and clock are judged against: the dossier's own version, and the calendar in force.

    Raises:
        Corrupt: the register does not have the version that the dossier names.
    """
    version = _version(services.store.versions(dossier.procedure), dossier)
    if version is None:  # It may have been published elsewhere a moment ago.
        version = _version(services.store.versions(dossier.procedure, fresh=True), dossier)
    if version is None:
        raise Corrupt(f"the register lacks version {dossier.procedure_version} of {dossier.procedure}")
    calendar = services.store.calendar()
    if calendar.version < (dossier.calendar_version or 0):  # It was amended elsewhere a moment ago.
        calendar = services.store.calendar(fresh=True)
    return Setting(version, calendar)


def _version(versions: Iterable[ProcedureVersion], dossier: Dossier) -> ProcedureVersion | None:
    return next((version for version in versions if version.version == dossier.procedure_version), None)


def visible(entries: list[Entry], decision: Decision) -> list[Entry | None]:
    """Hide the entries that a viewer may not see; those stay in place as None, so that cursors stay dense."""
    if decision.trail in {Trail.ALL, Trail.APPLICANT, Trail.TECHNICAL}:
        return list(entries)
    if decision.trail is Trail.OWN_ACTIONS:
        return [entry if _made_by(entry, decision.actor) else None for entry in entries]
    return [None] * len(entries)


def disclosures(services: Services, subject: str) -> Mapping[str, str]:
    """Read a dossier's disclosures; the caller shows of them what the decision allows."""
    return services.store.disclosed(subject)


def disclosures_of_all(services: Services, page: Iterable[Held]) -> Mapping[str, Mapping[str, str]]:
    """Read the disclosures that the records of a whole page refer to, at once."""
    return services.store.disclosed_with({held.id: frozenset(_entries_referred_to(held.flat)) for held in page})


def disclosures_of_reasons(services: Services, page: Iterable[Entry]) -> Mapping[str, Mapping[str, str]]:
    """Read the disclosures that the reasons of a whole page of entries refer to, at once."""
    wanted: dict[str, set[int]] = {}
    for entry in page:
        wanted.setdefault(entry.place[0], set()).update(_entries_referred_to(entry.body["reason"]))
    return services.store.disclosed_with(wanted)


def _entries_referred_to(plain: object) -> Iterator[int]:
    """Find the entries that references in plain values came with."""
    if isinstance(plain, list):
        for inner in plain:
            yield from _entries_referred_to(inner)
    if isinstance(plain, Mapping):
        if plain.keys() == REFERENCE:
            yield int(plain["entry"])
        else:
            for inner in plain.values():
                yield from _entries_referred_to(inner)


def _made_by(entry: Entry, sub: str | None) -> bool:
    actor, behalf = entry.body["actor"], entry.body["on_behalf_of"]
    return sub is not None and sub in {actor["id"], behalf["id"] if behalf else None}
