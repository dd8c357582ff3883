"""Opening and closing an incident of a unit, with its row of the register, which whoever takes in a dossier meanwhile reads.

No dossier is changed here: the task that follows the entry does that (`tasks`).
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from casework.audit.disclosure import Envelope
from casework.commits import Plan, Request, Written, written
from casework.makers import actor, behalf, caller
from casework.model.errors import Invalid
from casework.model.incident import Incident, closed, ongoing
from casework.model.packing import Plain
from casework.model.parties import Role, Viewer
from casework.model.record import DossierId
from casework.model.texts import optional_text, text
from casework.model.unit import Unit, lineage
from casework.model.workdays import legal_day
from casework.ports import Held, Services
from casework.views import confirmed_viewer

OPENED, CLOSED = "INCIDENT_OPENED", "INCIDENT_CLOSED"
MOST_OF_A_UNIT = 900  # what one reading of the register gives, with room


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: its key, its correlation id, and the input as it was given."""

    key: str
    correlation: str
    input: Plain


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens an incident, as typed."""

    unit: str
    reason: str
    legal_basis: str | None
    stops_clocks: bool


def open_incident(services: Services, viewer: Viewer, opening: Opening, asked: Asked) -> Written:
    """Open an incident, from now on.

    Raises:
        Invalid: the viewer neither heads the unit nor supervises it; there is no such unit; a text is none.
    """
    viewer = confirmed_viewer(services, viewer)
    unit = _answered_for(services, viewer, opening.unit)
    named = "\0".join(("incident", unit.code, caller(viewer), asked.key))
    subject = DossierId(hashlib.sha256(named.encode()).hexdigest()[:32])
    request = Request(subject, "openIncident", asked.key, asked.input, asked.correlation, caller(viewer))

    def decide(held: Held | None, envelope: Envelope, now: datetime) -> Plan:
        if held is not None:  # Its memory is gone, and so is what it was asked with.
            raise Invalid("this idempotencyKey has opened an incident", path=("idempotencyKey",), code="IDEMPOTENCY_KEY_REUSED")
        if len(services.store.incidents(unit.code, closed=True)) >= MOST_OF_A_UNIT:
            raise Invalid(f"a unit has at most {MOST_OF_A_UNIT} incidents", path=("unit",), code="TOO_MANY")
        reason = envelope.enclosed("reason", text(opening.reason, "reason"))
        basis = envelope.enclosed_if("legal_basis", optional_text(opening.legal_basis, "legalBasis"))
        incident = Incident(unit.code, now, opening.stops_clocks, reason, legal_basis=basis)
        return _plan(services, viewer, subject, envelope, incident, OPENED, unit.province, now)

    return written(services, subject, request, decide)


def close_incident(services: Services, viewer: Viewer, subject: DossierId, reason: str | None, asked: Asked) -> Written:
    """Close an incident, from now on.

    Raises:
        Invalid: there is none of that id, or it is closed; the viewer neither heads its unit nor supervises it; a text is none.
    """
    viewer = confirmed_viewer(services, viewer)
    request = Request(subject, "closeIncident", asked.key, asked.input, asked.correlation, caller(viewer))

    def sighted(held: Held | None) -> Incident:
        if held is None or not isinstance(held.record, Incident):
            raise Invalid("there is no such incident", path=("incident",), code="UNKNOWN_INCIDENT")
        _answered_for(services, viewer, held.record.unit, standing=True)
        return held.record

    def decide(held: Held | None, envelope: Envelope, now: datetime) -> Plan:
        incident = sighted(held)
        assert held is not None
        after = closed(incident, now, envelope.enclosed_if("reason", optional_text(reason, "reason")))
        return _plan(services, viewer, subject, envelope, after, CLOSED, held.province, now)

    return written(services, subject, request, decide, sight=sighted)


def _answered_for(services: Services, viewer: Viewer, code: str, *, standing: bool = False) -> Unit:
    """Find a unit that the viewer heads, or supervises; one that has been wound up only where something of it is `standing`."""
    unit = services.store.unit(code)
    if unit is None or not (standing or unit.active(legal_day(services.now()))):
        raise Invalid("no such unit is active", path=("unit",), code="UNKNOWN_UNIT")
    above = lineage(services.store.unit, code)
    supervises = viewer.role is Role.SUPERVISOR and bool(frozenset(viewer.units) & frozenset(above))
    if not (supervises or (viewer.role is Role.HEAD and code in viewer.units)):
        raise Invalid("the head of the unit, or a supervisor of it, opens and closes its incidents", code="NOT_YOUR_MOVE")
    return unit


def _plan(
    services: Services, viewer: Viewer, subject: DossierId, envelope: Envelope, after: Incident, action: str, province: str, now: datetime
) -> Plan:
    return Plan(
        after=after,
        province=province,
        action=action,
        actor=actor(services, viewer, subject, envelope),
        on_behalf_of=behalf(services, viewer, subject, envelope),
        occurred_at=now,
        register=(ongoing(subject, after),),
    )
