"""Tables in memory: rows by their two keys, the indexes that lag behind them, what they held before, and the records of their streams.

Nothing fails here and nothing is left to chance: whoever writes says when an index is to show it. What may happen to a call is for
`engine`, what an item holds for `casework.adapters.dynamo.items`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappop, heappush
from typing import Any

from pynamodb.models import Model

Row = Mapping[str, Any]
Place = tuple[str, str]
Spot = tuple[str, str]  # in an index: its partition, and where a row stands in it
Showing = Callable[[], tuple[datetime, datetime]]  # when an index drops a row from its old spot, and when it has it in the new one


def laid_out(item: Model) -> Row:
    """Give a model's attributes as they are stored: absent ones are not there, and nothing in them can be changed from outside."""
    there = {name: value for name, value in item.attribute_values.items() if value is not None}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in there.items()}


def marshalled(row: Row) -> dict[str, Any]:
    """Give a row in the engine's own form, as streams and scans have it."""
    return {name: _typed(value) for name, value in row.items()}


def _typed(value: object) -> dict[str, Any]:
    if isinstance(value, int):
        return {"N": str(value)}
    return {"L": [_typed(inner) for inner in value]} if isinstance(value, tuple) else {"S": value}


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a table's stream, as NEW_IMAGE has it."""

    number: int
    at: datetime
    name: str
    keys: Row
    image: Row | None

    @property
    def partition(self) -> str:
        """What its order is kept for."""
        return str(next(iter(self.keys.values())))

    @property
    def event(self) -> dict[str, Any]:
        """Give it in the form that a function is called with."""
        told = {
            "Keys": marshalled(self.keys),
            "SequenceNumber": f"{self.number:021d}",
            "ApproximateCreationDateTime": self.at.timestamp(),
            "StreamViewType": "NEW_IMAGE",
        }
        if self.image is not None:
            told["NewImage"] = marshalled(self.image)
        return {"eventID": f"{self.number:032x}", "eventName": self.name, "eventSource": "aws:dynamodb", "dynamodb": told}


@dataclass(order=True, slots=True)
class _Pending:
    at: datetime
    number: int
    spot: Spot = field(compare=False)
    place: Place = field(compare=False)
    row: Row | None = field(compare=False)


class Index:
    """A global secondary index: what it shows follows the table late, but for each row in the order of its writes."""

    def __init__(self, hash_name: str, range_name: str) -> None:
        """Name the attributes it goes by; a row that lacks one of them is not in it."""
        self.names = (hash_name, range_name)
        self._shown: dict[str, dict[tuple[str, Place], Row]] = {}
        self._pending: list[_Pending] = []
        self._last: dict[Place, datetime] = {}
        self._count = 0

    def follow(self, place: Place, old: Row | None, new: Row | None, showing: Showing, now: datetime) -> None:
        """Take note of a write."""
        before, after = self._spot(old), self._spot(new)
        if before is None and after is None:
            return
        floor = self._last.get(place, now)
        gone_at, shown_at = (max(at, floor) for at in showing())
        if before is not None and before != after:
            self._wait(gone_at, before, place, None)
        if after is not None:
            self._wait(shown_at, after, place, new)
        self._last[place] = max(gone_at, shown_at)
        self._catch_up(now)  # so that what is shown at once stays so, whatever the clock says next

    def rows(self, key: str, now: datetime) -> list[tuple[str, Row]]:
        """Give what is shown of a partition by then, in order."""
        self._catch_up(now)
        return [(spot[0], row) for spot, row in sorted(self._shown.get(key, {}).items(), key=lambda shown: shown[0])]

    def _spot(self, row: Row | None) -> Spot | None:
        if row is None or any(name not in row for name in self.names):
            return None
        return str(row[self.names[0]]), str(row[self.names[1]])

    def _wait(self, at: datetime, spot: Spot, place: Place, row: Row | None) -> None:
        self._count += 1
        heappush(self._pending, _Pending(at, self._count, spot, place, row))

    def _catch_up(self, now: datetime) -> None:
        while self._pending and self._pending[0].at <= now:
            due = heappop(self._pending)
            shown = self._shown.setdefault(due.spot[0], {})
            if due.row is None:
                shown.pop((due.spot[1], due.place), None)
            else:
                shown[due.spot[1], due.place] = due.row


class Table(Mapping[Place, Row]):
    """A table: a mapping from the two keys of a row to the row."""

    def __init__(self, hash_name: str, range_name: str, indexes: Mapping[str, Spot] | None = None, *, remembers: bool = False) -> None:
        """Name the keys, and the indexes with theirs; `remembers` keeps the past of each partition."""
        self.names = (hash_name, range_name)
        self.indexes = {name: Index(*names) for name, names in (indexes or {}).items()}
        self.records: list[Record] = []
        self._partitions: dict[str, dict[str, Row]] = {}
        self._past: dict[str, list[tuple[datetime, dict[str, Row]]]] | None = {} if remembers else None

    def __getitem__(self, place: Place) -> Row:
        return self._partitions[place[0]][place[1]]

    def __iter__(self) -> Iterator[Place]:
        return ((partition, sort) for partition, rows in self._partitions.items() for sort in rows)

    def __len__(self) -> int:
        return sum(map(len, self._partitions.values()))

    def place(self, row: Row) -> Place:
        """Give the keys of a row."""
        return row[self.names[0]], row[self.names[1]]

    def partition(self, key: str, as_of: datetime | None = None) -> list[tuple[str, Row]]:
        """Give the rows of a partition in order, as they are, or as they were."""
        rows = self._partitions.get(key, {})
        if as_of is not None and self._past is not None:
            rows = next((rows for at, rows in reversed(self._past.get(key, ())) if at <= as_of), {})
        return sorted(rows.items())

    def write(self, place: Place, row: Row | None, now: datetime, showing: Showing) -> None:
        """Put a row, or with None take it away."""
        old = self.get(place)
        if old is None and row is None:
            return
        rows = self._partitions.setdefault(place[0], {})
        if row is None:
            del rows[place[1]]
        else:
            assert self.place(row) == place
            rows[place[1]] = dict(row)
        if not rows:
            del self._partitions[place[0]]
        for index in self.indexes.values():
            index.follow(place, old, row, showing, now)
        if self._past is not None:
            self._past.setdefault(place[0], []).append((now, dict(rows)))
        name = "INSERT" if old is None else "REMOVE" if row is None else "MODIFY"
        self.records.append(Record(len(self.records) + 1, now, name, dict(zip(self.names, place, strict=True)), row))
