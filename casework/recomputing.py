"""Taking an amended calendar into a dossier that nobody moves: its dates, its alerts and its row of the due table, with an entry.

Shared by the sweep, which finds a row that is no longer true, and by the task that an amendment starts. Moves do the same by themselves.
"""

from datetime import datetime

from casework.commits import Plan, Written, recorded
from casework.makers import service
from casework.model.dossier import amended, timed
from casework.model.packing import moment
from casework.model.raising import next_alert
from casework.model.record import Dossier, DossierId
from casework.ports import Held, Services
from casework.views import setting

RECOMPUTED = "DEADLINE_RECOMPUTED"


def recompute(services: Services, subject: DossierId, maker: str, correlation: str, *, known: Held | None = None) -> Written | None:
    """Compute a dossier's deadlines by the calendar in force; None when nothing that is kept of them changes.

    Raises:
        Contended, Unavailable: as `commits.recorded`.
    """
    return recorded(services, subject, correlation, lambda held, now: recomputed(services, held, maker, now), known=known)


def recomputed(services: Services, held: Held | None, maker: str, now: datetime) -> Plan | None:
    """Plan that; None when there is nothing to write, or nothing that could be computed."""
    if held is None or not isinstance(held.record, Dossier) or not held.record.open:
        return None
    dossier = held.record
    context = setting(services, dossier)
    after = amended(dossier, now, context)
    if (after.calendar_version or 0) <= context.calendar.version:
        # Version 0.2 kept no dates of steps; and who read the calendar in the middle of an amendment may have kept a wrong one.
        after = timed(after, now, context)
    alert = next_alert(after, context)
    stands = (held.due.moment, held.due.level) if held.due else None
    true = (f"{moment(alert[1])}#{held.id}", alert[0].value) if alert else None
    if stands == true and (after.due_at, after.armed, after.alerts) == (dossier.due_at, dossier.armed, dossier.alerts):
        return None
    return Plan(after, held.province, RECOMPUTED, service(maker), now, alert=alert)
