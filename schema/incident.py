"""Incidents of units: as front ends see them, and what opens and closes one."""

from collections.abc import Mapping
from datetime import datetime

import strawberry

from casework.audit.disclosure import opened
from casework.model import incident
from casework.model.access import Group
from casework.model.parties import Ref
from casework.model.record import DossierId
from casework.ports import Held
from casework.views import disclosures
from schema.context import Context, Info, context_of
from schema.inputs import KeyedInput
from schema.node import Node
from schema.unit import Unit, unit_of


@strawberry.type(description="An incident (sự cố) that affects a unit and all below it. Dossiers in process there carry it as a blocker.")
class Incident(Node):
    """An incident."""

    stored: strawberry.Private[incident.Incident]
    opened_at: datetime = strawberry.field(description="Since when.")
    closed_at: datetime | None = strawberry.field(description="Until when; null while it lasts.")
    stops_clocks: bool = strawberry.field(description="Whether the clocks of the dossiers stand for it.")
    reason: str | None = strawberry.field(description="What it is; null where it may not be read.")
    legal_basis: str | None = strawberry.field(description="The law that lets clocks stand; null where it may not be read.")
    close_reason: str | None = strawberry.field(description="What ended it; null where it may not be read.")

    @strawberry.field(description="The unit that it affects, with all below it.")
    def unit(self, info: Info) -> Unit | None:
        """Find the unit."""
        return unit_of(info, self.stored.unit)


@strawberry.input(description="Opens an incident of a unit and all below it, from now on.")
class OpenIncidentInput(KeyedInput):
    """Input of openIncident."""

    unit: strawberry.ID = strawberry.field(description="The unit's code or id.")
    reason: str = strawberry.field(description="What it is.")
    legal_basis: str | None = strawberry.field(default=None, description="The law that lets clocks stand.")
    stops_clocks: bool = strawberry.field(description="Whether the clocks of the dossiers stand for it.")


@strawberry.input(description="Closes an incident, from now on.")
class CloseIncidentInput(KeyedInput):
    """Input of closeIncident."""

    incident: strawberry.ID = strawberry.field(description="The incident's id.")
    reason: str | None = strawberry.field(default=None, description="What ended it.")


def incident_shown(context: Context, held: Held) -> Incident:
    """Show an incident, as far as the viewer may see it."""
    stored = held.record
    assert isinstance(stored, incident.Incident)
    kept: Mapping[str, str] = disclosures(context.services, held.id) if Group.REASONS in context.decided(held).groups else {}

    def said(ref: Ref | None) -> str | None:
        return opened(kept[ref.digest])[1] if ref and ref.digest in kept else None

    return Incident(
        place=("incident", held.id),
        stored=stored,
        opened_at=stored.opened_at,
        closed_at=stored.closed_at,
        stops_clocks=stored.stops_clocks,
        reason=said(stored.reason),
        legal_basis=said(stored.legal_basis),
        close_reason=said(stored.close_reason),
    )


def incident_of(info: Info, key: str) -> Incident | None:
    """Find an incident."""
    context = context_of(info)
    held = context.services.store.held(DossierId(key)) if key else None
    return incident_shown(context, held) if held and isinstance(held.record, incident.Incident) else None
