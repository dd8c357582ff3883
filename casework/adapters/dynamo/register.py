"""The register: procedures, units, points, officers, calendar overrides. Single things are read through a cache of 30 seconds."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast

from pynamodb.connection import Connection
from pynamodb.exceptions import PynamoDBException, QueryError, TransactWriteError
from pynamodb.transactions import TransactWrite

from casework.adapters.dynamo import items
from casework.adapters.dynamo.models import RegisterItem
from casework.adapters.dynamo.reader import Reader
from casework.adapters.dynamo.subjects import answered, unavailable
from casework.audit.canonical import parsed
from casework.model.packing import unpacked
from casework.model.procedure import DossierKind, ProcedureVersion
from casework.model.unit import Officer, Ongoing, ReceptionPoint, Unit
from casework.model.workdays import Calendar, Override, checked, version_of
from casework.ports import Span, Thing

FRESH_S = 30.0
MOST_CACHED = 10_000  # partitions, those asked for in vain among them
MOST_ROWS = 1000  # of one partition: the versions of a procedure, the overrides of the calendar
AT_ONCE = 100  # of one transaction: the embedded engine takes these thrice as fast as batches of puts
LIST_KEYS = ("list_key", "list_sort")

T = TypeVar("T")


@dataclass(slots=True)
class _Cached:
    value: Any
    read_at: float


class RegisterTable:
    """The part of the store that holds the register."""

    def __init__(self, engine: Connection, reader: Reader) -> None:
        """Start with nothing cached."""
        self._engine = engine
        self._reader = reader
        self._cache: dict[str, _Cached] = {}

    def versions(self, procedure: str, *, fresh: bool = False) -> tuple[ProcedureVersion, ...]:
        """See `ports.Register`."""
        pk = f"PROCEDURE#{procedure}"
        if fresh:  # Past what is remembered, and past what another thread is about to remember.
            found = _versions(pk)
            self._cache[pk] = _Cached(found, time.monotonic())
            return found
        return self._fresh(pk, _versions)

    def unit(self, code: str) -> Unit | None:
        """See `ports.Register`."""
        return self._fresh(f"UNIT#{code}", lambda pk: next(iter(_rows(pk, Unit) or _rows("UNITS", Unit, code, whole=True)), None))

    def point(self, code: str) -> ReceptionPoint | None:
        """See `ports.Register`."""
        read = partial(_rows, "POINTS", ReceptionPoint, code, whole=True)
        return self._fresh(f"POINT#{code}", lambda pk: next(iter(_rows(pk, ReceptionPoint) or read()), None))

    def officer(self, code: str) -> Officer | None:
        """See `ports.Register`."""
        return self._fresh(f"OFFICER#{code}", lambda pk: next(iter(_rows(pk, Officer)), None))

    def calendar(self, *, fresh: bool = False) -> Calendar:
        """See `ports.Register`."""
        if fresh:
            self._cache["CALENDAR"] = _Cached(_calendar("CALENDAR"), time.monotonic())
        return self._fresh("CALENDAR", _calendar)

    def incidents(self, unit: str, *, closed: bool = False) -> tuple[Ongoing, ...]:
        """See `ports.Register`."""
        found = self._fresh(f"INCIDENTS#{unit}", lambda pk: tuple(_rows(pk, Ongoing)))
        return tuple(one for one in found if closed or one.closed_at is None)

    def units_below(self, parent: str | None, span: Span) -> list[Unit]:
        """See `ports.Register`."""
        return self._listed(f"UNITS#{items.NONE if parent is None else parent}", span, Unit)

    def points_of(self, unit: str, span: Span) -> list[ReceptionPoint]:
        """See `ports.Register`."""
        return self._listed(f"POINTS#{unit}", span, ReceptionPoint)

    def officers_of(self, unit: str, span: Span) -> list[Officer]:
        """See `ports.Register`."""
        return self._listed(f"OFFICERS#{unit}", span, Officer)

    def procedures(self, kind: DossierKind | None, field: str | None, span: Span) -> list[str]:
        """See `ports.Register`."""
        key = "PROCEDURES"
        if kind is not None:
            key = f"PROCEDURES#KIND#{kind}"
        elif field is not None:
            key = f"PROCEDURES#FIELD#{field}"
        return [row["list_sort"] for row in self._reader.page("register", "by_list", LIST_KEYS, key, span)]

    def register(self, things: Iterable[Thing], province: str) -> None:
        """See `ports.Register`."""
        wanted = {(item.pk, item.sk): item for thing in things for item in items.thing_items(thing, province)}
        rows = list(wanted.values())
        for start in range(0, len(rows), AT_ONCE):
            self._put_absent(rows[start : start + AT_ONCE])

    def _put_absent(self, rows: list[RegisterItem]) -> None:
        """Put those that do not stand there: all at once, or if some stand already, the others."""
        try:
            self._put(rows)
        except TransactWriteError as error:
            if not any(reason and reason.code == "ConditionalCheckFailed" for reason in error.cancellation_reasons):
                raise unavailable(error) from error
            standing = {(row["pk"], row["sk"]) for row in self._reader.batch("register", [{"pk": r.pk, "sk": r.sk} for r in rows])}
            if missing := [row for row in rows if (row.pk, row.sk) not in standing]:
                self._put_absent(missing)  # Another load may put some of them meanwhile.

    def _put(self, rows: list[RegisterItem]) -> None:
        with TransactWrite(connection=self._engine) as write:
            for row in rows:
                write.save(row, condition=RegisterItem.pk.does_not_exist())
                self._cache.pop(row.pk, None)

    def noted(self, name: str) -> str | None:
        """See `ports.Register`."""
        with answered():
            found = list(RegisterItem.query(f"NOTE#{name}", consistent_read=True, limit=1))
        return str(parsed(found[0].body)["text"]) if found else None

    def note(self, name: str, text: str) -> None:
        """See `ports.Register`."""
        with answered():
            items.note_item(name, text).save()

    def forget(self, things: Iterable[Thing]) -> None:
        """Read what was changed here anew when it is asked for next: versions of procedures, the calendar, incidents."""
        for thing in things:
            for item in items.thing_items(thing, items.NONE):
                self._cache.pop(item.pk, None)

    def _listed(self, key: str, span: Span, kind: type[T]) -> list[T]:
        rows = self._reader.page("register", "by_list", LIST_KEYS, key, span)
        return [unpacked(kind, cast("Mapping[str, Any]", parsed(row["body"]))) for row in rows]

    def _fresh(self, pk: str, read: Callable[[str], T]) -> T:
        cached = self._cache.get(pk)
        now = time.monotonic()
        if cached is None or now - cached.read_at > FRESH_S:
            if len(self._cache) >= MOST_CACHED:
                self._cache.clear()
            cached = self._cache[pk] = _Cached(read(pk), now)
        return cast("T", cached.value)


def _rows(pk: str, kind: type[T], prefix: str | None = None, *, whole: bool = False) -> list[T]:
    """Read a partition, or those of its rows whose sort key begins with `prefix`, or is the `whole` of it.

    Version 0.1 kept all units in one partition, and all points: what is in none of its own is looked for there.
    """
    span = None
    if prefix == "":  # No sort key is empty: nothing has it, and nothing begins with it alone.
        return []
    if prefix is not None:
        span = RegisterItem.sk == prefix if whole else RegisterItem.sk.startswith(prefix)
    try:
        found = list(RegisterItem.query(pk, span, consistent_read=True, limit=MOST_ROWS))
    except (QueryError, PynamoDBException) as error:
        raise unavailable(error) from error
    return [unpacked(kind, cast("Mapping[str, Any]", parsed(item.body))) for item in found]


def _versions(pk: str) -> tuple[ProcedureVersion, ...]:
    return tuple(_rows(pk, ProcedureVersion, "V#"))


def _calendar(pk: str) -> Calendar:
    overrides = checked(tuple(_rows(pk, Override)))
    return Calendar(overrides, version_of(overrides))
