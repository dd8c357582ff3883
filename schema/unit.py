"""Units, reception points, and the people of a unit."""

from datetime import date

import strawberry

from casework.model.parties import Role
from casework.model.unit import Officer as StoredOfficer
from casework.model.unit import PointKind
from casework.model.unit import ReceptionPoint as Point
from casework.model.unit import Unit as Stored
from casework.views import confirmed_viewer
from schema.context import Info, context_of
from schema.node import Node
from schema.paging import CODE, After, Before, Connection, First, Last, paged, spanned
from schema.text import Lang, Language, said


@strawberry.type(description="An authority, in the tree of authorities.")
class Unit(Node):
    """A unit of the register."""

    stored: strawberry.Private[Stored]
    code: str = strawberry.field(description="Its code; the official one where there is one.")
    kind: str = strawberry.field(description="What it is: PROVINCE, DEPARTMENT, WARD, COMMUNE, SPECIAL_ZONE, or IMPORTED.")
    valid_from: date = strawberry.field(description="First legal day.")
    valid_to: date | None = strawberry.field(description="Last legal day; null while it stands.")

    @strawberry.field(description="Its name.")
    def name(self, lang: Lang = Language.VI) -> str:
        """Say it in a language."""
        return said(self.stored.name, lang)

    @strawberry.field(description="The unit above it.")
    def parent(self, info: Info) -> "Unit | None":
        """Find the unit above."""
        return unit_of(info, self.stored.parent) if self.stored.parent else None

    @strawberry.field(description="The units that took its place; empty while it stands.")
    def successors(self, info: Info) -> "list[Unit]":
        """Find those after it."""
        return [unit for code in self.stored.successors if (unit := unit_of(info, code))]

    @strawberry.field(description="The units right below it, by code.")
    def children(
        self, info: Info, first: First = None, last: Last = None, after: After = None, before: Before = None
    ) -> "Connection[Unit]":
        """Read a page of them."""
        return units_page(info, self.stored.code, first, last, after, before)

    @strawberry.field(description="The reception points that it runs, by code.")
    def reception_points(
        self, info: Info, first: First = None, last: Last = None, after: After = None, before: Before = None
    ) -> "Connection[ReceptionPoint]":
        """Read a page of them."""
        span = spanned(first, last, after, before, CODE)
        found = context_of(info).services.store.points_of(self.stored.code, span.wider)
        return paged(span, found, lambda point: point.code, point_shown)

    @strawberry.field(description="The people of the unit, by code; null to the public and to citizens.")
    def officers(
        self, info: Info, first: First = None, last: Last = None, after: After = None, before: Before = None
    ) -> "Connection[Officer] | None":
        """Read a page of them."""
        context = context_of(info)
        span = spanned(first, last, after, before, CODE)
        if confirmed_viewer(context.services, context.viewer).role in {Role.PUBLIC, Role.CITIZEN}:
            return None
        found = context.services.store.officers_of(self.stored.code, span.wider)
        return paged(span, found, lambda person: person.code, _officer_shown)


@strawberry.type(description="Where dossiers come in (bộ phận một cửa).")
class ReceptionPoint(Node):
    """A reception point of the register."""

    stored: strawberry.Private[Point]
    code: str = strawberry.field(description="Its code.")
    kind: PointKind = strawberry.field(description="What kind it is.")

    @strawberry.field(description="Its name.")
    def name(self, lang: Lang = Language.VI) -> str:
        """Say it in a language."""
        return said(self.stored.name, lang)

    @strawberry.field(description="The unit that runs it.")
    def unit(self, info: Info) -> Unit | None:
        """Find the unit."""
        return unit_of(info, self.stored.unit)


@strawberry.type(description="A person in office.")
class Officer:
    """An officer of the register."""

    code: str = strawberry.field(description="The code by which assignments and entries name the person.")
    role: Role = strawberry.field(description="The role in office.")
    valid_to: date | None = strawberry.field(description="Last day in office; null while there is none.")


def units_page(
    info: Info, parent: str | None, first: int | None, last: int | None, after: str | None, before: str | None
) -> Connection[Unit]:
    """Read a page of the units right below one, or of those below none."""
    span = spanned(first, last, after, before, CODE)
    store = context_of(info).services.store
    found = store.units_below(parent, span.wider) if parent is None or store.unit(parent) else []
    return paged(span, found, lambda unit: unit.code, unit_shown)


def unit_shown(stored: Stored) -> Unit:
    """Show a unit."""
    return Unit(
        place=("unit", stored.code), stored=stored, code=stored.code, kind=stored.kind,
        valid_from=stored.valid_from, valid_to=stored.valid_to,
    )  # fmt: skip


def unit_of(info: Info, code: str) -> Unit | None:
    """Find a unit by code."""
    found = context_of(info).services.store.unit(code)
    return unit_shown(found) if found else None


def point_shown(stored: Point) -> ReceptionPoint:
    """Show a reception point."""
    return ReceptionPoint(place=("point", stored.code), stored=stored, code=stored.code, kind=stored.kind)


def point_of(info: Info, code: str) -> ReceptionPoint | None:
    """Find a reception point by code."""
    found = context_of(info).services.store.point(code)
    return point_shown(found) if found else None


def _officer_shown(stored: StoredOfficer) -> Officer:
    return Officer(code=stored.code, role=stored.role, valid_to=stored.valid_to)
