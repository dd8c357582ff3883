"""Alerts: a level of a deadline as it was noticed, lists of them, and the input of the move that acknowledges one.

Which index serves whom is decided in `casework.alerts`, whom an alert goes to in `casework.model.access`.
"""

import re
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from casework.actions.dossiers import Making
from casework.alerts import alerts
from casework.audit.disclosure import Envelope
from casework.model import alert as model
from casework.model import moves
from casework.model.access import Decision, Group, sees_alert
from casework.model.alert import AlertLevel, DeadlineKind
from casework.model.errors import Invalid
from casework.model.parties import Viewer
from casework.model.record import DossierId
from casework.model.texts import text
from casework.ports import Held
from casework.views import View
from schema.context import Context, Info, context_of
from schema.handling import texts_of
from schema.inputs import KeyedInput
from schema.node import Node, global_id, key_of, read_id
from schema.paging import Connection, connected, page_info, place_cursor, spanned
from schema.unit import Unit, unit_of

if TYPE_CHECKING:
    from schema.dossier import Dossier

PLACE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z#[0-9a-f]{32}#\d{6}")  # an instant, an id and a number
NUMBER = re.compile(r"[1-9][0-9]{0,5}")


@strawberry.type(description="Which of its dossier's deadlines an alert is of.")
class AlertDeadline:
    """A deadline as an alert names it."""

    kind: DeadlineKind = strawberry.field(description="What it is for.")
    of: str | None = strawberry.field(
        description="The step's code, or the number of assignment, supplement or payment; null for the dossier."
    )


@strawberry.type(description="An alert (cảnh báo): a level of a deadline as it was noticed, once for each due date that the deadline has.")
class Alert(Node):
    """An alert for one viewer."""

    view: strawberry.Private[View]
    stored: strawberry.Private[model.Alert]
    number: int = strawberry.field(description="Its number in the dossier.")
    deadline: AlertDeadline = strawberry.field(description="Which deadline it is of.")
    level: AlertLevel = strawberry.field(description="How urgent the deadline was.")
    arming: int = strawberry.field(description="Which of the deadline's due dates it is of, from 1: each change of the date is an arming.")
    due_at: datetime = strawberry.field(description="When the deadline was due by that date.")
    reached_at: datetime = strawberry.field(description="When the level was reached.")
    observed_at: datetime = strawberry.field(description="When that was noticed.")
    officer: str | None = strawberry.field(description="Who was to keep the deadline, where that was a person of the register.")
    open: bool = strawberry.field(description="Whether somebody is to act on it still: it was neither acknowledged nor closed.")
    closed_at: datetime | None = strawberry.field(
        description="When it closed by itself, as AT_RISK and DUE_TODAY do once the deadline has ended or has another date."
    )
    acknowledged_at: datetime | None = strawberry.field(description="When it was acknowledged; null until then.")
    acknowledged_by: str | None = strawberry.field(description="Code of whoever acknowledged it.")

    @strawberry.field(description="The dossier; null where the viewer does not see it.")
    def dossier(self) -> "Annotated[Dossier, strawberry.lazy('schema.dossier')] | None":
        """Show the dossier."""
        from schema.dossier import dossier_shown  # noqa: PLC0415 - a dossier has alerts, and an alert its dossier

        return dossier_shown(self.view) if self.view.decision.sees else None

    @strawberry.field(description="The unit that was to keep the deadline; of what waits for the applicant, the competent one.")
    def unit(self, info: Info) -> Unit | None:
        """Find the unit."""
        return unit_of(info, self.stored.unit)

    @strawberry.field(description="What was said when it was acknowledged; null where it may not be read.")
    def note(self, info: Info) -> str | None:
        """Show the note."""
        return texts_of(context_of(info), self.view).of(self.stored.note, Group.INTERNAL)


@strawberry.input(description="Takes note of an alert.")
class AcknowledgeAlertInput(KeyedInput):
    """Input of acknowledgeAlert: a move whose dossier follows from the alert."""

    alert: strawberry.ID = strawberry.field(description="The alert's id, or its number in `dossier`.")
    note: str = strawberry.field(description="What is done about it, or why nothing.")
    dossier: strawberry.ID | None = strawberry.field(default=None, description="The dossier's code or id, where `alert` is a number.")
    expected_version: int | None = strawberry.field(
        default=None,
        description="The `version` acted upon; a stale one gives Conflict. Left out: no matter which.",
    )
    at: datetime | None = strawberry.field(default=None, description="When it happened, if not now.")
    backdating_reason: str | None = strawberry.field(default=None, description="Why it is dated back.")


def acknowledging(given: AcknowledgeAlertInput) -> Making:
    """Say what acknowledgeAlert asks for."""

    def make(held: Held, viewer: Viewer, envelope: Envelope) -> moves.Acknowledge:
        note = envelope.enclosed("note", text(given.note, "note"))
        return moves.Acknowledge(number_in(given, held), viewer.sub or "", note)

    return make


def number_in(given: AcknowledgeAlertInput, held: Held) -> int:
    """Read the alert's number in that dossier; 0, which none has, where it is another's."""
    subject, _, number = key_of(given.alert, "alert").rpartition("/")
    return int(number) if subject in {"", held.id} and NUMBER.fullmatch(number) else 0


def acknowledged_in(given: AcknowledgeAlertInput) -> tuple[str, str]:
    """Name the dossier, and the field that does so.

    Raises:
        Invalid: none does.
    """
    if given.dossier is not None:
        return given.dossier, "dossier"
    kind, key = read_id(given.alert) or ("", "")
    if kind != "alert":
        raise Invalid("give the alert's id, or its number and its dossier", path=("alert",), code="UNKNOWN_ALERT")
    return global_id("dossier", key.partition("/")[0]), "alert"


def alert_shown(held: Held, alert: model.Alert, decision: Decision) -> Alert:
    """Show an alert of a dossier to whoever that decision is of, who sees it."""
    return Alert(
        place=("alert", f"{held.id}/{alert.number}"), view=View(held, decision), stored=alert, number=alert.number,
        deadline=AlertDeadline(kind=alert.kind, of=alert.of), level=alert.level, arming=alert.arming, due_at=alert.due_at,
        reached_at=alert.reached_at, observed_at=alert.observed_at, officer=alert.officer, open=alert.open, closed_at=alert.closed_at,
        acknowledged_at=alert.acknowledged_at, acknowledged_by=alert.acknowledged_by,
    )  # fmt: skip


def alerts_shown(view: View) -> list[Alert]:
    """Show the alerts of a dossier that its viewer may see."""
    return [alert_shown(view.held, one, view.decision) for one in view.held.dossier.alerts if sees_alert(view.decision, one)]


def alert_of(context: Context, key: str) -> Alert | None:
    """Find an alert by `dossier/number`; None where it may not be seen."""
    subject, _, number = key.partition("/")
    view = context.view(DossierId(subject)) if NUMBER.fullmatch(number) else None
    return next((one for one in alerts_shown(view) if str(one.number) == number), None) if view else None


def alerts_page(
    context: Context,
    unit: str | None,
    least: AlertLevel | None,
    stands: bool | None,  # noqa: FBT001 - as the field has it
    first: int | None,
    last: int | None,
    after: str | None,
    before: str | None,
) -> Connection[Alert]:
    """Read a page of alerts.

    Raises:
        Invalid: a page or a cursor that is none, or what no index serves.
    """
    span = spanned(first, last, after, before, PLACE)
    named = key_of(unit, "unit") if unit is not None else None
    found = alerts(context.services, context.viewer, span, unit=named, least=least, stands=stands)
    rows = list(found.views)
    if span.backwards:
        rows.reverse()
    context.page({row.view.held.id: row.view for _, row in rows}.values())
    cursors = [place_cursor(place) for place, _ in rows]
    shown = [alert_shown(row.view.held, row.alert, row.view.decision) for _, row in rows]
    return connected(cursors, shown, page_info(cursors, span, more=found.more, end=found.looked))
