"""An incident (sự cố) that affects a unit and all below it: what is kept of it, and how it ends.

Pure. What it does to a dossier stands in `affecting`; which dossiers it comes to, and when, is for the task that follows it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from casework.model import flat
from casework.model.errors import Invalid
from casework.model.packing import Plain
from casework.model.parties import Ref
from casework.model.unit import Ongoing


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident as it stands: opened, or closed as well."""

    unit: str
    opened_at: datetime
    stops_clocks: bool
    reason: Ref
    version: int = 0
    legal_basis: Ref | None = None
    closed_at: datetime | None = None
    close_reason: Ref | None = None


def flattened(incident: Incident) -> dict[str, Plain]:
    """Give its fields."""
    return flat.flattened(incident, {})


def restored(fields: Mapping[str, Any]) -> Incident:
    """Build it back."""
    return flat.restored(Incident, fields, {})


def closed(incident: Incident, at: datetime, reason: Ref | None) -> Incident:
    """Close it.

    Raises:
        Invalid: it is closed already.
    """
    if incident.closed_at is not None:
        raise Invalid("the incident is closed already", path=("incident",), code="UNKNOWN_INCIDENT")
    return replace(incident, closed_at=max(at, incident.opened_at), close_reason=reason)


def ongoing(name: str, incident: Incident) -> Ongoing:
    """Give it as the register has it."""
    return Ongoing(name, incident.unit, incident.opened_at, incident.stops_clocks, incident.closed_at)
