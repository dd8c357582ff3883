"""What is raised of a dossier's deadlines: which are armed, which level comes next, and the alert that it becomes.

Pure. Each level of a deadline is raised once for each arming, whoever looks, and however late. When somebody looks is for the sweep.
"""

from dataclasses import replace
from datetime import datetime

from casework.model.alert import PASSING, Alert, AlertLevel, Armed, DeadlineKind, levels, next_level
from casework.model.deadlines import Deadline, deadlines
from casework.model.moves import Setting
from casework.model.record import Dossier

OWN = frozenset({DeadlineKind.DOSSIER, DeadlineKind.FEEDBACK})


def armed(dossier: Dossier, at: datetime, setting: Setting) -> Dossier:
    """Arm the deadlines as they are now; close the alerts of those that have ended, or have another date; hand on what is open still."""
    here = deadlines(dossier, setting)
    rows = {(row.kind, row.of): row for row in dossier.armed}
    for one in here:
        key, due_at = (one.kind, one.of), one.reckoning.due_at
        row = rows.get(key)
        if one.kind in OWN or (row is not None and row.due_at == due_at):
            continue
        rows[key] = replace(row, arming=row.arming + 1, due_at=due_at) if row else Armed(len(rows) + 1, *key, 1, due_at)
    dossier = replace(dossier, armed=tuple(rows.values()))
    live = {(one.kind, one.of, _arming(dossier, one)) for one in here}
    keeper = _keeper(dossier)

    def now(alert: Alert) -> Alert:
        if not alert.open:
            return alert
        if alert.level in PASSING and (alert.kind, alert.of or "", alert.arming) not in live:
            return replace(alert, closed_at=max(at, alert.observed_at))  # A move may be dated back.
        return alert if alert.kind is DeadlineKind.COORDINATION else replace(alert, officer=keeper)

    return replace(dossier, alerts=tuple(map(now, dossier.alerts)))


def next_alert(dossier: Dossier, setting: Setting) -> tuple[AlertLevel, datetime] | None:
    """Give the first level still to be raised and its instant; None when all clocks stand or have ended, and when nothing is left.

    An imported dossier has none before its import is complete, and then only those that lay ahead at that time.
    """
    found = _next(dossier, setting)
    return found[1:] if found else None


def raised(dossier: Dossier, setting: Setting, now: datetime) -> Dossier | None:
    """Raise the next level, if it was reached by now; None when it was not. The alert is the last of the record's."""
    found = _next(dossier, setting)
    if found is None or found[2] > now:
        return None
    deadline, level, reached_at = found
    alert = Alert(
        number=len(dossier.alerts) + 1,
        kind=deadline.kind,
        arming=_arming(dossier, deadline),
        level=level,
        due_at=deadline.reckoning.due_at,
        reached_at=reached_at,
        observed_at=now,
        unit=deadline.unit or dossier.unit,
        of=deadline.of or None,
        officer=deadline.officer if deadline.unit else _keeper(dossier),
    )
    return replace(dossier, alerts=(*dossier.alerts, alert))


def _keeper(dossier: Dossier) -> str | None:
    """Name who answers for a dossier's own deadlines now, and for those of its applicant: its lead, while there is one to act."""
    lead = dossier.lead
    return lead.officer if lead and lead.stands else None


def _next(dossier: Dossier, setting: Setting) -> tuple[Deadline, AlertLevel, datetime] | None:
    if dossier.imported and dossier.imported.alerts_from is None:
        return None
    after = dossier.imported.alerts_from if dossier.imported else None
    first: tuple[Deadline, AlertLevel, datetime] | None = None
    for one in deadlines(dossier, setting):
        key = (one.kind, one.of or None, _arming(dossier, one))
        done = {alert.level for alert in dossier.alerts if (alert.kind, alert.of, alert.arming) == key}
        found = next_level(levels(one.reckoning, setting.calendar, setting.procedure.thresholds), done, after)
        if found and (first is None or found[1] < first[2]):
            first = one, *found
    return first


def _arming(dossier: Dossier, deadline: Deadline) -> int:
    if deadline.kind in OWN:
        return dossier.arming
    return next((row.arming for row in dossier.armed if (row.kind, row.of) == (deadline.kind, deadline.of)), 1)
