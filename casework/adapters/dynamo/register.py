"""The register: procedures, units, points, officers, calendar overrides. Read through a cache of 30 seconds."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from pynamodb.exceptions import PutError, PynamoDBException, QueryError

from casework.adapters.dynamo.models import ITEM_VERSION, RegisterItem
from casework.adapters.dynamo.subjects import unavailable
from casework.audit.canonical import canonical, parsed
from casework.model.packing import packed, unpacked
from casework.model.procedure import ProcedureVersion
from casework.model.unit import Officer, ReceptionPoint, Unit
from casework.model.workdays import Calendar, Override, checked

FRESH_S = 30.0
MOST_CACHED = 10_000  # partitions, those asked for in vain among them
MOST_ROWS = 20_000  # of one partition; the whole country has 3,355 units

T = TypeVar("T")
Thing = Unit | ReceptionPoint | Officer | ProcedureVersion | Override


@dataclass(slots=True)
class _Cached:
    value: Any
    read_at: float


class RegisterTable:
    """The part of the store that holds the register."""

    def __init__(self) -> None:
        """Start with nothing cached."""
        self._cache: dict[str, _Cached] = {}

    def versions(self, procedure: str) -> tuple[ProcedureVersion, ...]:
        """See `ports.Register`."""
        return self._fresh(f"PROCEDURE#{procedure}", lambda pk: tuple(_rows(pk, ProcedureVersion)))

    def units(self) -> Mapping[str, Unit]:
        """See `ports.Register`."""
        return self._fresh("UNITS", lambda pk: {unit.code: unit for unit in _rows(pk, Unit)})

    def point(self, code: str) -> ReceptionPoint | None:
        """See `ports.Register`."""
        points = self._fresh("POINTS", lambda pk: {point.code: point for point in _rows(pk, ReceptionPoint)})
        return points.get(code)

    def officer(self, code: str) -> Officer | None:
        """See `ports.Register`."""
        return self._fresh(f"OFFICER#{code}", lambda pk: next(iter(_rows(pk, Officer)), None))

    def calendar(self) -> Calendar:
        """See `ports.Register`."""
        return self._fresh("CALENDAR", _calendar)

    def register(self, things: Iterable[Thing], province: str) -> None:
        """See `ports.Register`."""
        for thing in things:
            pk, sk = _key(thing)
            item = RegisterItem(pk, sk, v=ITEM_VERSION, province=province, body=canonical(packed(thing)).decode())
            try:
                item.save(condition=RegisterItem.pk.does_not_exist())
            except PutError as error:
                if error.cause_response_code != "ConditionalCheckFailedException":
                    raise unavailable(error) from error
            self._cache.pop(pk, None)

    def _fresh(self, pk: str, read: Callable[[str], T]) -> T:
        cached = self._cache.get(pk)
        now = time.monotonic()
        if cached is None or now - cached.read_at > FRESH_S:
            if len(self._cache) >= MOST_CACHED:
                self._cache.clear()
            cached = self._cache[pk] = _Cached(read(pk), now)
        return cast("T", cached.value)


def _key(thing: Thing) -> tuple[str, str]:
    match thing:
        case ProcedureVersion():
            return f"PROCEDURE#{thing.code}", f"V#{thing.version:04d}"
        case Unit():
            return "UNITS", thing.code
        case ReceptionPoint():
            return "POINTS", thing.code
        case Officer():
            return f"OFFICER#{thing.code}", "OFFICER"
        case Override():
            return "CALENDAR", thing.day.isoformat()


def _rows(pk: str, kind: type[T]) -> list[T]:
    try:
        found = list(RegisterItem.query(pk, consistent_read=True, limit=MOST_ROWS))
    except (QueryError, PynamoDBException) as error:
        raise unavailable(error) from error
    return [unpacked(kind, cast("Mapping[str, Any]", parsed(item.body))) for item in found]


def _calendar(pk: str) -> Calendar:
    overrides = checked(tuple(_rows(pk, Override)))
    return Calendar(overrides, len(overrides))
