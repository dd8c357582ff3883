"""The schema: queries of all nouns, and the printed SDL that is committed beside."""

from collections.abc import Callable
from datetime import date, datetime, time
from typing import Annotated

import strawberry
from graphql import GraphQLEnumType
from strawberry.schema.config import StrawberryConfig

from casework.actions.dossiers import in_force
from casework.model.alert import AlertLevel
from casework.model.clock import Course, reckoned
from casework.model.limit import LimitUnit
from casework.model.moves import Setting
from casework.model.workdays import legal_day
from casework.trails import During
from casework.views import confirmed_viewer
from schema.access import Viewer
from schema.accesses import access_entry_of, access_of
from schema.alert import Alert, alert_of, alerts_page
from schema.audit import AuditEntry, audit_trail, entry_of
from schema.context import Info, context_of
from schema.deadline import Clock, clock_shown
from schema.dossier import Dossier, dossier_shown, view_of
from schema.enums import VALUES
from schema.errors import Invalid, NotFound, Refused
from schema.export import Export, export_of
from schema.handling import assignment_of
from schema.incident import incident_of
from schema.inspection import Inspection, inspection_of
from schema.lean import lighten
from schema.listing import DossierFilter, DossierOrder, dossiers_page
from schema.live import DossierEvent, Subscription
from schema.log import AuditCheckpoint, ConsistencyProof, checkpoint_shown, consistency_shown
from schema.move import Conflict, Mutation
from schema.node import Node, key_of, read_id
from schema.paging import After, Before, Connection, First, Last
from schema.procedure import Procedure, ProcedureFilter, procedure_of, procedures_page
from schema.scalars import DAY, INSTANT, PLAIN, TIME, Plain
from schema.task import Task, task_of
from schema.tracking import TrackedDossier, tracked_of
from schema.unit import Unit, point_of, unit_of, units_page
from schema.work_calendar import WorkCalendar, calendar_shown

NODES: dict[str, Callable[[Info, str], Node | None]] = {
    "access": lambda info, key: access_of(context_of(info), key),
    "access-entry": lambda info, key: access_entry_of(context_of(info), key),
    "alert": lambda info, key: alert_of(context_of(info), key),
    "assignment": lambda info, key: assignment_of(context_of(info), key),
    "entry": lambda info, key: entry_of(context_of(info), key),
    "export": lambda info, key: export_of(context_of(info), key),
    "incident": incident_of,
    "inspection": lambda info, key: inspection_of(context_of(info), key),
    "point": point_of,
    "procedure": procedure_of,
    "task": lambda info, key: task_of(context_of(info), key),
    "unit": unit_of,
}


@strawberry.type(description="What may be read. What is absent or hidden is null.")
class Query:
    """The queries."""

    @strawberry.field(description="Who is asking.")
    def viewer(self, info: Info) -> Viewer:
        """Show the viewer."""
        context = context_of(info)
        viewer = confirmed_viewer(context.services, context.viewer)
        return Viewer(role=viewer.role, sub=viewer.sub, units=list(viewer.units), on_behalf_of=viewer.on_behalf_of)

    @strawberry.field(description="Anything by its global id.")
    def node(self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="A global id.")]) -> Node | None:
        """Find a node."""
        kind, key = read_id(id) or ("", "")
        if kind == "dossier":
            view = view_of(context_of(info), id)
            return dossier_shown(view) if view else None
        return NODES[kind](info, key) if kind in NODES else None

    @strawberry.field(description="A dossier, read consistently.")
    def dossier(
        self,
        info: Info,
        code: Annotated[strawberry.ID, strawberry.argument(description="The dossier's code or id.")],
    ) -> Dossier | None:
        """Find a dossier."""
        view = view_of(context_of(info), code)
        return dossier_shown(view) if view else None

    @strawberry.field(
        description="Dossiers, by due date: those that the filter names and the viewer may see; without one, the viewer's own."
    )
    def dossiers(
        self,
        info: Info,
        filter: Annotated[DossierFilter | None, strawberry.argument(description="Which.")] = None,
        order_by: Annotated[DossierOrder | None, strawberry.argument(description="In which order.")] = None,
        first: First = None,
        last: Last = None,
        after: After = None,
        before: Before = None,
    ) -> Connection[Dossier]:
        """Read a page of dossiers."""
        return dossiers_page(context_of(info), filter, order_by, first, last, after, before)

    @strawberry.field(
        description="Alerts, in the order in which they were noticed: of a unit and all below it; without `unit`, the viewer's own."
    )
    def alerts(
        self,
        info: Info,
        unit: Annotated[strawberry.ID | None, strawberry.argument(description="The unit's code or id.")] = None,
        min_level: Annotated[AlertLevel | None, strawberry.argument(description="Of that level or a more urgent one.")] = None,
        open: Annotated[bool | None, strawberry.argument(description="Whether it is open still; left out: both.")] = None,
        first: First = None,
        last: Last = None,
        after: After = None,
        before: Before = None,
    ) -> Connection[Alert]:
        """Read a page of alerts."""
        return alerts_page(context_of(info), unit, min_level, open, first, last, after, before)

    @strawberry.field(description="Public tracking: state, unit and due date, no names. Null for a wrong secret as for an unknown code.")
    def track(
        self,
        info: Info,
        code: Annotated[strawberry.ID, strawberry.argument(description="The dossier's code.")],
        secret: Annotated[str, strawberry.argument(description="The tracking secret of the slip; only as a variable, only by POST.")],
    ) -> TrackedDossier | None:
        """Track a dossier."""
        return tracked_of(context_of(info), code, secret)

    @strawberry.field(
        description="The audit trail of a dossier, of a unit, or of what a person has done, oldest first: name one of the three. "
        "Without `from`, a unit's or a person's begins with 2025."
    )
    def audit_trail(  # noqa: PLR0913, PLR0917 - as the field has them
        self,
        info: Info,
        dossier: Annotated[strawberry.ID | None, strawberry.argument(description="The dossier's code or id.")] = None,
        unit: Annotated[
            strawberry.ID | None,
            strawberry.argument(
                description="The unit's code or id: its own entries, without those of the units below. For its head, supervisors and "
                "inspectors."
            ),
        ] = None,
        actor: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="The person's code, as the register has it. For whoever may name that person's unit here."),
        ] = None,
        from_: Annotated[
            datetime | None, strawberry.argument(name="from", description="Recorded at that instant or later; left out: from the first on.")
        ] = None,
        to: Annotated[datetime | None, strawberry.argument(description="Recorded before that instant; left out: up to now.")] = None,
        first: First = None,
        last: Last = None,
        after: After = None,
        before: Before = None,
    ) -> Connection[AuditEntry]:
        """Read a page of a trail."""
        named = {"dossier": dossier, "unit": unit, "actor": actor}
        return audit_trail(context_of(info), named, During(from_, to), first, last, after, before)

    @strawberry.field(description="The newest checkpoint of the log of all entries, signed; null before the first. Public.")
    def audit_checkpoint(self, info: Info) -> AuditCheckpoint | None:
        """Show the newest checkpoint."""
        return checkpoint_shown(context_of(info))

    @strawberry.field(description="That the log of one size begins with what it was at a smaller one; null before the first checkpoint.")
    def audit_consistency(
        self,
        info: Info,
        old: Annotated[int, strawberry.argument(name="from", description="The smaller size, from 1.")],
        new: Annotated[int, strawberry.argument(name="to", description="The larger size, up to that of the newest checkpoint.")],
    ) -> ConsistencyProof | None:
        """Prove that it only grew."""
        return consistency_shown(context_of(info), old, new)

    @strawberry.field(description="A procedure, in the version in force today.")
    def procedure(
        self,
        info: Info,
        code: Annotated[strawberry.ID, strawberry.argument(description="The procedure's code or id.")],
    ) -> Procedure | None:
        """Find a procedure."""
        return procedure_of(info, key_of(code, "procedure"))

    @strawberry.field(description="Procedures, by code.")
    def procedures(
        self,
        info: Info,
        filter: Annotated[ProcedureFilter | None, strawberry.argument(description="Which; left out: all.")] = None,
        first: First = None,
        last: Last = None,
        after: After = None,
        before: Before = None,
    ) -> Connection[Procedure]:
        """Read a page of procedures."""
        return procedures_page(info, filter, first, last, after, before)

    @strawberry.field(description="A unit.")
    def unit(
        self,
        info: Info,
        code: Annotated[strawberry.ID, strawberry.argument(description="The unit's code or id.")],
    ) -> Unit | None:
        """Find a unit."""
        return unit_of(info, key_of(code, "unit"))

    @strawberry.field(description="Units right below one, by code; without `parent`, those that have none above them.")
    def units(
        self,
        info: Info,
        parent: Annotated[strawberry.ID | None, strawberry.argument(description="The unit's code or id.")] = None,
        first: First = None,
        last: Last = None,
        after: After = None,
        before: Before = None,
    ) -> Connection[Unit]:
        """Read a page of units."""
        return units_page(info, key_of(parent, "unit") if parent is not None else None, first, last, after, before)

    @strawberry.field(description="The days of a year: worked or not, why, and by which document.")
    def work_calendar(
        self,
        info: Info,
        year: Annotated[int, strawberry.argument(description="The year, 1950 to 2099.")],
    ) -> WorkCalendar:
        """Show a year."""
        return calendar_shown(context_of(info).services.store.calendar(), year)

    @strawberry.field(description="Long work that was begun; null before that, and for whoever does not answer for its outcome.")
    def task(self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The task's id.")]) -> Task | None:
        """Find a task."""
        return task_of(context_of(info), key_of(id, "task"))

    @strawberry.field(description="An export that was asked for. For inspectors.")
    def export(self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The export's id.")]) -> Export | None:
        """Find an export."""
        return export_of(context_of(info), key_of(id, "export"))

    @strawberry.field(description="An inspection. For inspectors.")
    def inspection(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The inspection's id.")]
    ) -> Inspection | None:
        """Find an inspection."""
        return inspection_of(context_of(info), key_of(id, "inspection"))

    @strawberry.field(description="When a dossier received at that instant would be due, and why. Null for an unknown procedure.")
    def due_if_received(
        self,
        info: Info,
        procedure: Annotated[strawberry.ID, strawberry.argument(description="The procedure's code or id.")],
        at: Annotated[datetime, strawberry.argument(description="The instant of receipt.")],
    ) -> Clock | None:
        """Compute a due date."""
        services = context_of(info).services
        code = key_of(procedure, "procedure").partition("@")[0]
        if not services.store.versions(code):
            return None
        setting = Setting(in_force(services, code, legal_day(at)), services.store.calendar())
        if setting.procedure.limit.unit is LimitUnit.FIXED_DATE:
            return None
        return clock_shown(reckoned(setting.procedure.rule, Course(at), setting.calendar, told=False), setting, at)


schema = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    types=[DossierEvent, Invalid, NotFound, Refused, Conflict],
    config=StrawberryConfig(scalar_map={datetime: INSTANT, date: DAY, time: TIME, Plain: PLAIN}),
)
core = schema._schema  # noqa: SLF001 - executing an event outside of Strawberry's own loop needs it

for enum_name, texts in VALUES.items():
    enum = core.type_map[enum_name]
    assert isinstance(enum, GraphQLEnumType)
    for value_name, text in texts.items():
        enum.values[value_name].description = text

lighten(core)


def printed() -> str:
    """Print the SDL as it is committed."""
    return schema.as_str().strip() + "\n"
