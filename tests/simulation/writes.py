"""What may be asked of a table: one write, on a condition on the row as it is, and why it was not made."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tests.simulation.tables import Place, Row, Table

Condition = Callable[[Row | None], bool]


class Reason(StrEnum):
    """Why a write of a transaction was not made."""

    CONDITION = "ConditionalCheckFailed"
    CONFLICT = "TransactionConflict"


class Cancelled(Exception):
    """Nothing was written; one reason, or None, for each write that was asked for."""

    def __init__(self, reasons: Sequence[Reason | None]) -> None:
        """Keep the reasons."""
        super().__init__(", ".join(reason or "-" for reason in reasons))
        self.reasons = tuple(reasons)


@dataclass(frozen=True, slots=True)
class Write:
    """One write: what becomes of a row, on a condition on what it is."""

    table: Table
    place: Place
    becomes: Callable[[Row | None], Row | None]
    condition: Condition


def anyhow(row: Row | None) -> bool:
    """Ask nothing."""
    del row
    return True


def absent(row: Row | None) -> bool:
    """Ask that there be no such row."""
    return row is None


def present(row: Row | None) -> bool:
    """Ask that there be such a row."""
    return row is not None


def put(table: Table, row: Row, condition: Condition = anyhow) -> Write:
    """Put a row, over the one before."""
    return Write(table, table.place(row), lambda _: row, condition)


def update(table: Table, place: Place, sets: Row, condition: Condition = anyhow, *, add: Mapping[str, int] | None = None) -> Write:
    """Set attributes of a row and add to others; a row that is not there is made."""

    def becomes(row: Row | None) -> Row:
        here: dict[str, Any] = dict(zip(table.names, place, strict=True)) if row is None else dict(row)
        return here | dict(sets) | {name: here.get(name, 0) + by for name, by in (add or {}).items()}

    return Write(table, place, becomes, condition)


def delete(table: Table, place: Place, condition: Condition = anyhow) -> Write:
    """Take a row away."""
    return Write(table, place, lambda _: None, condition)


def check(table: Table, place: Place, condition: Condition) -> Write:
    """Write nothing, on a condition."""
    return Write(table, place, lambda row: row, condition)
