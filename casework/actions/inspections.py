"""Opening and closing an inspection. What is read under one, and written down with it, is for `inspecting`."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from casework.audit.disclosure import Envelope
from casework.commits import Plan, Request, Written, written
from casework.makers import actor, behalf, caller
from casework.model.errors import Invalid
from casework.model.inspection import Inspection, InspectionScope, checked, closed
from casework.model.packing import Plain
from casework.model.parties import Role, Viewer
from casework.model.record import Dossier, DossierId
from casework.model.texts import optional_text, text
from casework.ports import Held, Services
from casework.views import confirmed_viewer

OPENED, CLOSED = "INSPECTION_OPENED", "INSPECTION_CLOSED"
NATION = "VN"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: its key, its correlation id, and the input as it was given."""

    key: str
    correlation: str
    input: Plain


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens an inspection, as typed; `of` is the dossier's id or the unit's code."""

    scope: InspectionScope
    of: str | None
    begin: datetime | None
    end: datetime | None
    reason: str
    legal_basis: str


def id_of(viewer: Viewer, key: str) -> DossierId:
    """Give the id of the inspection that a viewer opens with a key."""
    return DossierId(hashlib.sha256("\0".join(("inspection", caller(viewer), key)).encode()).hexdigest()[:32])


def open_inspection(services: Services, viewer: Viewer, opening: Opening, asked: Asked) -> Written:
    """Open an inspection, from now on.

    Raises:
        Invalid: the viewer is no inspector; there is no such dossier or unit; a text is none; see `model.inspection.checked`.
    """
    viewer = _inspector(services, viewer)
    subject = id_of(viewer, asked.key)
    request = Request(subject, "openInspection", asked.key, asked.input, asked.correlation, caller(viewer))
    unit, province = _place(services, opening)

    def decide(held: Held | None, envelope: Envelope, now: datetime) -> Plan:
        if held is not None:  # Its memory is gone, and so is what it was asked with.
            raise Invalid("this idempotencyKey has opened an inspection", path=("idempotencyKey",), code="IDEMPOTENCY_KEY_REUSED")
        reason = envelope.enclosed("reason", text(opening.reason, "reason"))
        basis = envelope.enclosed("legal_basis", text(opening.legal_basis, "legalBasis"))
        after = Inspection(
            unit, now, viewer.sub or "", opening.scope, reason, basis, of=opening.of, begin=opening.begin, end=opening.end
        )  # fmt: skip
        return _plan(services, viewer, subject, envelope, checked(after), OPENED, province, now)

    return written(services, subject, request, decide)


def close_inspection(services: Services, viewer: Viewer, subject: DossierId, conclusion: str | None, asked: Asked) -> Written:
    """Close an inspection, from now on: whoever opened it, or another inspector, since he may have left office.

    Raises:
        Invalid: the viewer is no inspector; there is none of that id, or it is closed; a text is none.
    """
    viewer = _inspector(services, viewer)
    request = Request(subject, "closeInspection", asked.key, asked.input, asked.correlation, caller(viewer))

    def decide(held: Held | None, envelope: Envelope, now: datetime) -> Plan:
        if held is None or not isinstance(held.record, Inspection):
            raise Invalid("there is no such inspection", path=("inspection",), code="UNKNOWN_INSPECTION")
        after = closed(held.record, now, envelope.enclosed_if("conclusion", optional_text(conclusion, "conclusion")))
        return _plan(services, viewer, subject, envelope, after, CLOSED, held.province, now)

    return written(services, subject, request, decide)


def _inspector(services: Services, viewer: Viewer) -> Viewer:
    viewer = confirmed_viewer(services, viewer)
    if viewer.role is not Role.INSPECTOR:
        raise Invalid("inspectors open and close inspections", code="NOT_YOUR_MOVE")
    return viewer


def _place(services: Services, opening: Opening) -> tuple[str, str]:
    """Give the unit on whose trail an inspection stands, and its province."""
    match opening.scope:
        case InspectionScope.DOSSIER:
            held = services.store.held(DossierId(opening.of or ""))
            if held is None or not isinstance(held.record, Dossier):
                raise Invalid("there is no such dossier", path=("dossier",), code="UNKNOWN_DOSSIER")
            return held.record.unit, held.province
        case InspectionScope.UNIT:
            unit = services.store.unit(opening.of or "")
            if unit is None:
                raise Invalid("there is no such unit", path=("unit",), code="UNKNOWN_UNIT")
            return unit.code, unit.province
        case _:
            return NATION, NATION


def _plan(
    services: Services, viewer: Viewer, subject: DossierId, envelope: Envelope, after: Inspection, action: str, province: str, now: datetime
) -> Plan:
    return Plan(
        after=after,
        province=province,
        action=action,
        actor=actor(services, viewer, subject, envelope),
        on_behalf_of=behalf(services, viewer, subject, envelope),
        occurred_at=now,
    )
