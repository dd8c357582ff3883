"""Exports: what an inspector takes away, while it is made and when it is there."""

from datetime import datetime

import strawberry

from casework.actions.exports import Wanted, path_of
from casework.model import export
from casework.model.errors import Invalid
from casework.model.export import ExportForm, ExportScope, ExportState
from casework.model.record import DossierId
from casework.ports import Held
from schema.context import Context, Info, context_of
from schema.inputs import KeyedInput
from schema.node import NOTHING, Node, global_id, key_of


@strawberry.type(
    description="A file with all there is of a dossier, of a unit's dossiers of a period, or of everything, with what proves it."
)
class Export(Node):
    """An export."""

    stored: strawberry.Private[export.Export]
    scope: ExportScope = strawberry.field(description="What it holds all of.")
    form: ExportForm = strawberry.field(description="How it is shown that entries are in the log.")
    state: ExportState = strawberry.field(description="How far it is.")
    begin: datetime | None = strawberry.field(name="from", description="Begin of the period, in it.")
    end: datetime | None = strawberry.field(name="to", description="End of the period, not in it.")
    size: int | None = strawberry.field(description="Leaves of the checkpoint that it is shown for; null until it has begun.")
    steps: int = strawberry.field(description="How many steps it takes; 0 until it has begun.")
    done: int = strawberry.field(description="How many of them are done.")
    asked_at: datetime = strawberry.field(description="When it was asked for.")
    ready_at: datetime | None = strawberry.field(description="When the file was there; null until then.")
    bytes: int | None = strawberry.field(description="The size of the file.")
    sha256: str | None = strawberry.field(description="SHA-256 of the file, in hexadecimal.")
    expires_at: datetime | None = strawberry.field(description="Until when it is there.")
    failure: str | None = strawberry.field(description="Why there is none; null unless it FAILED.")

    @strawberry.field(description="Global id of the dossier that it is of; null where it is of more.")
    def dossier(self) -> strawberry.ID | None:
        """Name the dossier."""
        return global_id("dossier", self.stored.of) if self.scope is ExportScope.DOSSIER and self.stored.of else None

    @strawberry.field(description="Code of the unit whose dossiers it holds; null for other scopes.")
    def unit(self) -> str | None:
        """Name the unit."""
        return self.stored.of if self.scope is ExportScope.UNIT else None

    @strawberry.field(description="Where the file is to be had, for an hour, by whoever has the address; null while there is none.")
    def url(self, info: Info) -> str | None:
        """Sign an address."""
        services = context_of(info).services
        if self.state is not ExportState.READY or services.depot is None:
            return None
        return services.depot.link(path_of(self.place[1]), services.now() + export.LINKED)


@strawberry.input(
    description="Asks for an export: of a `dossier`; of a `unit`, the dossiers that it opened from `from` on and before `to`; or of "
    "everything, without any of them."
)
class RequestExportInput(KeyedInput):
    """Input of requestExport."""

    dossier: strawberry.ID | None = strawberry.field(default=None, description="The dossier's code or id.")
    unit: strawberry.ID | None = strawberry.field(default=None, description="The unit's code or id.")
    begin: datetime | None = strawberry.field(name="from", default=None, description="Begin of the period, in it.")
    end: datetime | None = strawberry.field(name="to", default=None, description="End of the period, not in it; a year later at most.")
    form: ExportForm = strawberry.field(
        default=ExportForm.FULL, description="FULL: with all leaves of the log, 73 bytes each. LIGHT: with a proof of each entry."
    )
    pending: bool = strawberry.field(
        default=False, description="Of a dossier: also the entries of the last seconds, which the log does not have yet."
    )
    inspection: strawberry.ID | None = strawberry.field(
        default=None, description="The id of the inspection under which it is asked for: your own, open, and covering what is exported."
    )


def wanted_of(context: Context, given: RequestExportInput) -> Wanted:
    """Read what is wanted.

    Raises:
        Invalid: a dossier and a unit; a unit without a period, or a period without a unit.
    """
    if given.dossier is not None and given.unit is not None:
        raise Invalid("an export is of a `dossier` or of a `unit`", path=("unit",), code="BAD_SCOPE")
    if (given.unit is not None) != (given.begin is not None) or (given.begin is None) != (given.end is None):
        raise Invalid("a `unit` comes with `from` and `to`, and these with a unit", path=("from",), code="BAD_SCOPE")
    under = key_of(given.inspection, "inspection") or NOTHING if given.inspection is not None else None
    if given.dossier is not None:
        return Wanted(ExportScope.DOSSIER, given.form, context.subject(given.dossier) or NOTHING, pending=given.pending, inspection=under)
    if given.unit is not None:
        return Wanted(ExportScope.UNIT, given.form, key_of(given.unit, "unit"), given.begin, given.end, given.pending, under)
    return Wanted(ExportScope.ALL, given.form, pending=given.pending, inspection=under)


def export_shown(held: Held) -> Export:
    """Show an export."""
    stored = held.record
    assert isinstance(stored, export.Export)
    return Export(
        place=("export", held.id),
        stored=stored,
        scope=stored.scope,
        form=stored.form,
        state=stored.state,
        begin=stored.begin,
        end=stored.end,
        size=stored.size,
        steps=stored.steps,
        done=stored.done,
        asked_at=stored.asked_at,
        ready_at=stored.ready_at,
        bytes=stored.bytes,
        sha256=stored.sha256,
        expires_at=stored.expires_at,
        failure=stored.failure,
    )


def export_of(context: Context, key: str) -> Export | None:
    """Find an export; None where the viewer may not see it."""
    held = context.services.store.held(DossierId(key)) if key else None
    if held is None or not isinstance(held.record, export.Export) or not context.decided(held).sees:
        return None
    return export_shown(held)
