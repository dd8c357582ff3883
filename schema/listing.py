"""Lists of dossiers: what may be asked for, in which order, and their pages. Which index serves a filter is decided in `casework.lists`."""

import re
from datetime import datetime
from enum import Enum

import strawberry

from casework.lists import Filter, listed
from casework.model.errors import Invalid
from casework.model.record import State
from casework.ports import Span
from schema.context import Context
from schema.dossier import Dossier, dossier_shown
from schema.node import key_of
from schema.paging import Connection, connected, page_info, place_cursor, spanned

PLACE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z#[0-9a-f]{32}")  # a due date and an id
MOST_STATES = len(State)


@strawberry.input(
    description="Which dossiers. One of unit, officer and receptionPoint names the list; without any, it is the viewer's own."
)
class DossierFilter:
    """A filter of dossiers."""

    unit: strawberry.ID | None = strawberry.field(default=None, description="The competent unit, by code or id.")
    include_below: bool | None = strawberry.field(default=None, description="With `unit`: those of the units below it too.")
    officer: strawberry.ID | None = strawberry.field(default=None, description="The lead officer, or who was it last, by code.")
    reception_point: strawberry.ID | None = strawberry.field(
        default=None, description="The counter: what waits there to be taken in, and to be handed out."
    )
    state: list[State] | None = strawberry.field(default=None, description="In one of these states.")
    open: bool | None = strawberry.field(
        default=None, description="Whether it is still to be decided: once DECIDED it is closed, handed out or not."
    )
    due_before: datetime | None = strawberry.field(default=None, description="Due before that instant.")
    overdue: bool | None = strawberry.field(default=None, description="Whether it is open, its clock runs, and it is past due.")


@strawberry.enum(description="What dossiers are ordered by.")
class DossierOrderField(Enum):
    """Orders that an index serves."""

    DUE_AT = strawberry.enum_value("due_at", description="When they are due; those without a due date come last.")


@strawberry.enum(description="Which way.")
class OrderDirection(Enum):
    """Directions."""

    ASC = strawberry.enum_value("asc", description="From the earliest.")
    DESC = strawberry.enum_value("desc", description="From the latest.")


@strawberry.input(description="The order of a list of dossiers; left out: by due date, the earliest first.")
class DossierOrder:
    """An order."""

    field: DossierOrderField = strawberry.field(default=DossierOrderField.DUE_AT, description="What by.")
    direction: OrderDirection = strawberry.field(default=OrderDirection.ASC, description="Which way.")


def dossiers_page(
    context: Context,
    wanted: DossierFilter | None,
    order: DossierOrder | None,
    first: int | None,
    last: int | None,
    after: str | None,
    before: str | None,
) -> Connection[Dossier]:
    """Read a page of dossiers.

    Raises:
        Invalid: a page or a cursor that is none, or a filter that no index serves.
    """
    falling = order is not None and order.direction is OrderDirection.DESC
    return listed_page(
        context, _read(wanted or DossierFilter()), spanned(first, last, after, before, PLACE, falling=falling), falling=falling
    )


def listed_page(context: Context, wanted: Filter, span: Span, *, falling: bool = False) -> Connection[Dossier]:
    """Read a page of dossiers, by due date.

    Raises:
        Invalid: a filter that no index serves.
    """
    found = listed(context.services, context.viewer, wanted, span)
    rows = list(found.views)
    if span.backwards is not falling:
        rows.reverse()
    context.page(view for _, view in rows)
    cursors = [place_cursor(place) for place, _ in rows]
    info = page_info(cursors, span, more=found.more, end=found.looked, falling=falling)
    return connected(cursors, [dossier_shown(view) for _, view in rows], info)


def _read(given: DossierFilter) -> Filter:
    if given.state is not None and not 1 <= len(given.state) <= MOST_STATES:
        raise Invalid(f"name 1 to {MOST_STATES} states, or leave it out", path=("filter", "state"))
    return Filter(
        unit=key_of(given.unit, "unit") if given.unit is not None else None,
        include_below=bool(given.include_below),
        officer=key_of(given.officer, "officer") if given.officer is not None else None,
        reception_point=key_of(given.reception_point, "point") if given.reception_point is not None else None,
        states=frozenset(given.state) if given.state is not None else None,
        open=given.open,
        due_before=given.due_before,
        overdue=given.overdue,
    )
