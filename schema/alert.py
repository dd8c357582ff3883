"""Alerts: a level of a deadline as it was noticed."""

from datetime import datetime

import strawberry

from casework.model.access import Decision
from casework.model.alert import Alert as Stored
from casework.model.alert import AlertLevel
from casework.ports import Held
from schema.node import global_id


@strawberry.type(description="A level of a deadline as it was noticed (cảnh báo).")
class Alert:
    """An alert."""

    id: strawberry.ID = strawberry.field(description="Opaque, global, never reused.")
    level: AlertLevel = strawberry.field(description="How urgent.")
    due_at: datetime = strawberry.field(description="When the deadline is due, as it was then.")
    observed_at: datetime = strawberry.field(description="When it was noticed.")


def alert_shown(held: Held, alert: Stored, decision: Decision) -> Alert:
    """Show an alert to one who sees its dossier."""
    del decision
    return Alert(id=global_id("alert", f"{held.id}/{alert.number}"), level=alert.level, due_at=alert.due_at, observed_at=alert.observed_at)
