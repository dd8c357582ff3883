"""Publishing a procedure: a new version for the register, in one transaction with the entry that says who published it."""

import hashlib
from dataclasses import dataclass, replace
from datetime import date, datetime

from casework.audit.canonical import canonical
from casework.audit.disclosure import Envelope
from casework.commits import Plan, Request, Written, written
from casework.makers import actor, behalf, caller
from casework.model.errors import Contended, Invalid
from casework.model.packing import Plain, packed
from casework.model.parties import Role, Viewer
from casework.model.procedure import ProcedureVersion
from casework.model.publication import Publication, published
from casework.model.record import DossierId
from casework.model.workdays import legal_day
from casework.ports import Held, Services, Span
from casework.views import confirmed_viewer

NATION = "VN"
MOST_PROVINCES = 100
LARGEST_VERSION = 80_000  # bytes; an entry may hold three of them


@dataclass(frozen=True, slots=True)
class Publishing:
    """A request to publish: its key, its correlation id, and the input as it was given."""

    key: str
    correlation: str
    input: Plain


def publish(services: Services, viewer: Viewer, draft: ProcedureVersion, asked: Publishing) -> Written:
    """Publish a version. Its number and day of publication are given here; the version before ends the day before it begins.

    Raises:
        Invalid: the viewer is no ADMIN, or the draft cannot follow what stands, or names a unit that there is not.
    """
    viewer = confirmed_viewer(services, viewer)
    if viewer.role is not Role.ADMIN:
        raise Invalid("a procedure is published by ADMIN", code="NOT_YOUR_MOVE")
    subject = subject_of(draft.code)
    request = Request(subject, "publishProcedure", asked.key, asked.input, asked.correlation, caller(viewer))

    def decide(held: Held | None, envelope: Envelope, now: datetime) -> Plan:
        today = legal_day(now)
        _checked(services, draft, today)
        before = held.record if held else None
        if not isinstance(before, Publication):
            before = Publication(draft.code, "")
        # The register has the last word on what stands: it may have been loaded with versions that no publication brought.
        standing = services.store.versions(draft.code, fresh=True)
        if {version.version for version in before.versions} - {version.version for version in standing}:
            raise Contended("another version is being published; nothing was written, try again with the same key")
        before = replace(before, versions=standing)
        after = published(replace(before, unit=viewer.units[0] if viewer.units else NATION), draft, today)
        changed = tuple(version for version in after.versions if version not in before.versions)
        return Plan(
            after=after,
            province=NATION,
            action="PROCEDURE_PUBLISHED",
            actor=actor(services, viewer, subject, envelope),
            on_behalf_of=behalf(services, viewer, subject, envelope),
            occurred_at=now,
            register=changed,
        )

    return written(services, subject, request, decide)


def published_by(done: Written) -> ProcedureVersion:
    """Give the version that a publication brought; an entry may take in versions that stood in the register before it."""
    record = done.held.record
    assert isinstance(record, Publication)
    fresh = [change["field"] for change in done.entry.body["changes"] if change["from"] is None]
    number = max(int(field.partition(".")[2]) for field in fresh if field.startswith("versions."))
    return next(version for version in record.versions if version.version == number)


def subject_of(code: str) -> DossierId:
    """Give the id under which a procedure has its chain: 32 hexadecimal digits that follow from its code."""
    return DossierId(hashlib.sha256(f"procedure\0{code}".encode()).hexdigest()[:32])


def _checked(services: Services, draft: ProcedureVersion, today: date) -> None:
    if len(canonical(packed(draft))) > LARGEST_VERSION:
        raise Invalid(f"a version has at most {LARGEST_VERSION} bytes", code="TOO_MANY")
    if draft.unit is not None:
        unit = services.store.unit(draft.unit)
        if unit is None or not unit.active(today):
            raise Invalid("no such unit is active", path=("unit",), code="UNKNOWN_UNIT")
    if draft.department is not None:
        provinces = services.store.units_below(None, Span(MOST_PROVINCES))
        if not any(services.store.unit(f"{province.code}-{draft.department}") for province in provinces):
            raise Invalid("no province has such a department", path=("department",), code="UNKNOWN_UNIT")
