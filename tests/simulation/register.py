"""The second store's register. Nothing is cached: a reading that is some seconds old is a fault, drawn by the seed.

What version 0.1 wrote is not read, since nothing writes it any longer.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast

from casework.adapters.dynamo import items
from casework.adapters.dynamo.register import MOST_ROWS
from casework.audit.canonical import parsed
from casework.model.errors import Unavailable
from casework.model.packing import unpacked
from casework.model.procedure import DossierKind, ProcedureVersion
from casework.model.unit import Officer, Ongoing, ReceptionPoint, Unit
from casework.model.workdays import Calendar, Override, checked, version_of
from casework.ports import Span, Thing
from tests.simulation.engine import AT_ONCE, Engine
from tests.simulation.tables import Row, laid_out
from tests.simulation.writes import Cancelled, Reason, absent, put

T = TypeVar("T")


class SimulatedRegister:
    """The part of the store that holds the register."""

    def __init__(self, engine: Engine) -> None:
        """Share the store's engine."""
        self._engine = engine

    def versions(self, procedure: str, *, fresh: bool = False) -> tuple[ProcedureVersion, ...]:
        """See `ports.Register`."""
        return tuple(self._rows(f"PROCEDURE#{procedure}", ProcedureVersion, "V#", late=not fresh))

    def unit(self, code: str) -> Unit | None:
        """See `ports.Register`."""
        return next(iter(self._rows(f"UNIT#{code}", Unit)), None)

    def point(self, code: str) -> ReceptionPoint | None:
        """See `ports.Register`."""
        return next(iter(self._rows(f"POINT#{code}", ReceptionPoint)), None)

    def officer(self, code: str) -> Officer | None:
        """See `ports.Register`."""
        return next(iter(self._rows(f"OFFICER#{code}", Officer)), None)

    def calendar(self, *, fresh: bool = False) -> Calendar:
        """See `ports.Register`."""
        overrides = checked(tuple(self._rows("CALENDAR", Override, late=not fresh)))
        return Calendar(overrides, version_of(overrides))

    def incidents(self, unit: str, *, closed: bool = False) -> tuple[Ongoing, ...]:
        """See `ports.Register`."""
        return tuple(one for one in self._rows(f"INCIDENTS#{unit}", Ongoing) if closed or one.closed_at is None)

    def units_below(self, parent: str | None, span: Span) -> list[Unit]:
        """See `ports.Register`."""
        return [_thing(Unit, row) for row in self._listed(f"UNITS#{items.NONE if parent is None else parent}", span)]

    def points_of(self, unit: str, span: Span) -> list[ReceptionPoint]:
        """See `ports.Register`."""
        return [_thing(ReceptionPoint, row) for row in self._listed(f"POINTS#{unit}", span)]

    def officers_of(self, unit: str, span: Span) -> list[Officer]:
        """See `ports.Register`."""
        return [_thing(Officer, row) for row in self._listed(f"OFFICERS#{unit}", span)]

    def procedures(self, kind: DossierKind | None, field: str | None, span: Span) -> list[str]:
        """See `ports.Register`."""
        key = "PROCEDURES"
        if kind is not None:
            key = f"PROCEDURES#KIND#{kind}"
        elif field is not None:
            key = f"PROCEDURES#FIELD#{field}"
        return [row["list_sort"] for row in self._listed(key, span)]

    def register(self, things: Iterable[Thing], province: str) -> None:
        """See `ports.Register`."""
        wanted = {(item.pk, item.sk): laid_out(item) for thing in things for item in items.thing_items(thing, province)}
        rows = list(wanted.values())
        with self._engine.lock:
            for start in range(0, len(rows), AT_ONCE):
                self._put_absent(rows[start : start + AT_ONCE])

    def noted(self, name: str) -> str | None:
        """See `ports.Register`."""
        with self._engine.lock:
            rows = self._engine.query(self._engine.register, f"NOTE#{name}", most=1)
        return str(parsed(rows[0]["body"])["text"]) if rows else None

    def note(self, name: str, text: str) -> None:
        """See `ports.Register`."""
        with self._engine.lock:
            self._engine.write(put(self._engine.register, laid_out(items.note_item(name, text))))

    def _put_absent(self, rows: list[Row]) -> None:
        table = self._engine.register
        while rows:
            try:
                self._engine.transact(*(put(table, row, absent) for row in rows))
            except Cancelled as cancelled:
                if Reason.CONDITION not in cancelled.reasons:
                    raise Unavailable("the store did not answer (TransactionCanceledException)") from cancelled
                standing = {table.place(row) for row in self._engine.batch(table, [table.place(row) for row in rows])}
                rows = [row for row in rows if table.place(row) not in standing]
            else:
                return

    def _listed(self, key: str, span: Span) -> list[Row]:
        with self._engine.lock:
            return [row for _, row in self._engine.page(self._engine.register, "by_list", key, span)]

    def _rows(self, key: str, kind: type[T], prefix: str = "", *, late: bool = True) -> list[T]:
        with self._engine.lock:
            rows = self._engine.query(self._engine.register, key, most=MOST_ROWS, late=late)
        return [_thing(kind, row) for row in rows if row["sk"].startswith(prefix)]


def _thing(kind: type[T], row: Row) -> T:
    return unpacked(kind, cast("Mapping[str, Any]", parsed(row["body"])))
