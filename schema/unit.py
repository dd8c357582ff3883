"""Units and reception points."""

from datetime import date

import strawberry

from casework.model.unit import PointKind
from casework.model.unit import ReceptionPoint as Point
from casework.model.unit import Unit as Stored
from schema.context import Info, context_of
from schema.node import Node, global_id
from schema.text import Lang, Language, said


@strawberry.type(description="An authority, in the tree of authorities.")
class Unit(Node):
    """A unit of the register."""

    stored: strawberry.Private[Stored]
    code: str = strawberry.field(description="Its code.")
    kind: str = strawberry.field(description="What kind of authority it is.")
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


def unit_of(info: Info, code: str) -> Unit | None:
    """Find a unit by code."""
    found = context_of(info).services.store.units().get(code)
    if found is None:
        return None
    return Unit(
        id=global_id("unit", code),
        stored=found,
        code=code,
        kind=found.kind,
        valid_from=found.valid_from,
        valid_to=found.valid_to,
    )


def point_of(info: Info, code: str) -> ReceptionPoint | None:
    """Find a reception point by code."""
    found = context_of(info).services.store.point(code)
    return ReceptionPoint(id=global_id("point", code), stored=found, code=code, kind=found.kind) if found else None
