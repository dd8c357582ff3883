"""Letting dossiers that nobody moves carry an incident, or ridding them of it, each with an entry. For the task that follows one."""

from datetime import datetime

from casework.commits import Plan, Written, recorded
from casework.makers import service
from casework.model.affecting import affected, freed
from casework.model.incident import Incident, ongoing
from casework.model.raising import next_alert
from casework.model.record import Dossier, DossierId
from casework.noticing import behind, notice
from casework.ports import Held, Services
from casework.views import setting

BEGAN, ENDED = "INCIDENT_BEGAN", "INCIDENT_ENDED"


def affect(
    services: Services, subject: DossierId, incident: tuple[str, Incident], maker: str, correlation: str, *, known: Held | None = None
) -> Written | None:
    """Bring an incident as it stands to a dossier: open, the dossier carries it; closed, it does not. None where that is so already.

    Raises:
        Contended, Unavailable: as `commits.recorded`.
    """
    name, stands = incident

    def settle(held: Held | None, _: datetime) -> Plan | None:
        if held is None or not isinstance(held.record, Dossier) or not held.record.open:
            return None
        context = setting(services, held.record)
        if stands.closed_at is None:
            found = affected(held.record, ongoing(name, stands), context)
        else:
            found = freed(held.record, name, stands.closed_at, context)
        if found is None:
            return None
        after, at = found
        action = BEGAN if stands.closed_at is None else ENDED
        return Plan(after, held.province, action, service(maker), at, alert=next_alert(after, context))

    here = known or services.store.held(subject)
    if here and behind(here, services.now()):  # What its deadlines have come to is noticed before they stand or run on.
        notice(services, subject, correlation)
        here = None
    return recorded(services, subject, correlation, settle, known=here)
