"""Amending the work calendar: overrides for the register, in one transaction with the entry that says who entered them.

No dossier is computed anew here: the task that follows the entry does that (`tasks`).
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime

from casework.audit.disclosure import Envelope
from casework.commits import Plan, Request, Written, written
from casework.makers import actor, behalf, caller
from casework.model.amending import Amendment, OverrideTable, amended
from casework.model.errors import Contended, Invalid
from casework.model.packing import Plain
from casework.model.parties import Role, Viewer
from casework.model.record import DossierId
from casework.model.workdays import legal_day
from casework.ports import Held, Services
from casework.views import confirmed_viewer

NATION = "VN"
CALENDAR = DossierId(hashlib.sha256(f"calendar\0{NATION}".encode()).hexdigest()[:32])  # the id under which the calendar has its chain
AMENDED = "CALENDAR_AMENDED"


@dataclass(frozen=True, slots=True)
class Amending:
    """A request to amend: its key, its correlation id, and the input as it was given."""

    key: str
    correlation: str
    input: Plain


def amend(services: Services, viewer: Viewer, amendment: Amendment, asked: Amending) -> Written:
    """Enter an amendment. Its overrides carry the next version of the calendar.

    Raises:
        Invalid: the viewer is no ADMIN, or the days cannot be moved so.
    """
    viewer = confirmed_viewer(services, viewer)
    if viewer.role is not Role.ADMIN:
        raise Invalid("the calendar is amended by ADMIN", code="NOT_YOUR_MOVE")
    request = Request(CALENDAR, "amendCalendar", asked.key, asked.input, asked.correlation, caller(viewer))

    def decide(held: Held | None, envelope: Envelope, now: datetime) -> Plan:
        before = held.record if held else None
        if not isinstance(before, OverrideTable):
            before = OverrideTable("")
        # The register has the last word on what stands: it was loaded with overrides that no amendment brought.
        standing = services.store.calendar(fresh=True)
        if standing.version < before.calendar_version:
            raise Contended("the calendar is being amended; nothing was written, try again with the same key")
        unit = viewer.units[0] if viewer.units else NATION
        before = replace(before, unit=unit, overrides=standing.overrides)
        after = amended(before, amendment, legal_day(now))
        return Plan(
            after=after,
            province=NATION,
            action=AMENDED,
            actor=actor(services, viewer, CALENDAR, envelope),
            on_behalf_of=behalf(services, viewer, CALENDAR, envelope),
            occurred_at=now,
            register=tuple(override for override in after.overrides if override.since == after.calendar_version),
        )

    return written(services, CALENDAR, request, decide)
