"""What a viewer may do next of a dossier: the moves, and for those that are barred the refusal that making them would meet."""

from collections.abc import Iterable

import strawberry

from casework.model.dossier import refused
from casework.model.moves import MoveName
from casework.model.next_moves import NextMove as Told
from casework.model.record import Dossier
from schema.errors import Refused, refused_shown


@strawberry.type(description="A move, and whether the viewer may make it now.")
class NextMove:
    """A move of the table."""

    move: MoveName = strawberry.field(description="The move.")
    mutation: str = strawberry.field(description="The mutation that makes it.")
    allowed: bool = strawberry.field(description="Whether a good input would be accepted now.")
    refusal: Refused | None = strawberry.field(description="Why not; null when it is allowed.")


def next_moves_shown(dossier: Dossier, moves: Iterable[Told]) -> list[NextMove]:
    """Show the moves."""
    return [
        NextMove(
            move=told.name,
            mutation=told.name.value,
            allowed=told.code is None,
            refusal=refused_shown(refused(dossier, told.name, told.code, told.message or "")) if told.code else None,
        )
        for told in moves
    ]
