"""Noticing what a dossier's deadlines have reached: each level as an entry of its own, before anything else changes what they are.

Shared by the sweep, which comes by itself, by moves, and by what a task does to a dossier: whoever ends a deadline, or gives it another
date, notices first what it had come to. Which row is due is for the sweep to find.
"""

import logging
from datetime import datetime

from casework.commits import Plan, Written, recorded
from casework.makers import service
from casework.model.errors import Fault
from casework.model.packing import moment
from casework.model.raising import next_alert, raised
from casework.model.record import Dossier, DossierId
from casework.ports import Held, Services
from casework.recomputing import recomputed
from casework.views import setting

log = logging.getLogger("giamsat")

MAKER = "sweep"
RAISED = "ALERT_RAISED"
MOST_AT_ONCE = 100  # entries of one dossier at a time


def settle(services: Services, subject: DossierId, correlation: str, *, known: Held | None = None) -> Written | None:
    """Raise the next level of a dossier that is reached, or write what else is no longer true of its deadlines; None when all is.

    Raises:
        Contended, Unavailable: as `commits.recorded`.
    """

    def plan(held: Held | None, now: datetime) -> Plan | None:
        if amendment := recomputed(services, held, MAKER, now):
            return amendment
        if held is None or not isinstance(held.record, Dossier):
            return None
        context = setting(services, held.record)
        after = raised(held.record, context, now)
        if after is None:
            return None
        return Plan(after, held.province, RAISED, service(MAKER), after.alerts[-1].reached_at, alert=next_alert(after, context))

    return recorded(services, subject, correlation, plan, known=known)


def behind(held: Held, now: datetime) -> bool:
    """Whether a level of a dossier's deadlines is reached that nobody has noticed yet."""
    return isinstance(held.record, Dossier) and held.due is not None and held.due.moment.partition("#")[0] <= moment(now)


def notice(services: Services, subject: DossierId, correlation: str) -> None:
    """Raise all that is reached. Where that cannot be done it is left to the sweep: it holds nobody up."""
    try:
        for _ in range(MOST_AT_ONCE):
            if settle(services, subject, correlation) is None:
                return
    except Fault as fault:
        log.warning("what is due of %s waits: %s", subject, fault.message)
