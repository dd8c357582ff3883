"""The move by which a person takes note of an alert. Pure; whom an alert goes to is for `access`, and when it is raised for `raising`."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from casework.model.alert import Alert
from casework.model.errors import Invalid
from casework.model.intervals import backwards
from casework.model.moves import SKEW, Acknowledge, Barred, Move, MoveName, Setting
from casework.model.record import Dossier


def awaited(dossier: Dossier, at: datetime, setting: Setting) -> None:  # noqa: ARG001 - one shape for all guards
    """Take note while an alert is open."""
    if not any(alert.open for alert in dossier.alerts):
        raise Barred("ALERT_CLOSED", "no alert is open")


def named(alerts: Iterable[Alert], number: int) -> Alert:
    """Find an alert by its number."""
    found = next((alert for alert in alerts if alert.number == number), None)
    if found is None:
        raise Invalid("no alert of that number", path=("alert",), code="UNKNOWN_ALERT")
    return found


def acknowledged(dossier: Dossier, move: Move, at: datetime, setting: Setting) -> Dossier:  # noqa: ARG001 - one shape for all moves
    """Take note of an alert that is open; its deadline goes on."""
    assert isinstance(move, Acknowledge)
    found = named(dossier.alerts, move.alert)
    if not found.open:
        raise Barred("ALERT_CLOSED", "it was acknowledged already" if found.acknowledged_at else "it has closed by itself")
    if at < found.observed_at - SKEW:  # Whoever noticed it may have another machine's clock.
        raise backwards(MoveName.ACKNOWLEDGE)
    seen = replace(found, acknowledged_at=at, acknowledged_by=move.officer, note=move.note)
    return replace(dossier, alerts=tuple(seen if alert is found else alert for alert in dossier.alerts))
