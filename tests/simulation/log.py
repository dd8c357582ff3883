"""The second store's outbox and log, call by call as the first store makes them."""

from collections.abc import Callable, Collection, Mapping
from copy import copy
from functools import partial
from typing import Self

from casework.adapters.dynamo import items
from casework.adapters.dynamo.connections import NOWHERE
from casework.adapters.dynamo.forms import FORMS
from casework.model.errors import Unavailable
from casework.ports import Logged, LogHead, Marker, Taking
from tests.simulation.engine import Engine
from tests.simulation.tables import Place, Row, Table
from tests.simulation.writes import Cancelled, Condition, Reason, Write, anyhow, delete, present, put


class SimulatedLog:
    """The part of the store that holds the log."""

    def __init__(self, engine: Engine) -> None:
        """Share the store's engine."""
        self._engine = engine
        self._log = ""  # before its partitions

    @property
    def second(self) -> Self:
        """See `ports.Log`."""
        found = copy(self)
        found._log = items.SECOND
        return found

    def log_head(self) -> LogHead:
        """See `ports.Log`."""
        found = self._row(self._place(items.LOG_HEAD))
        return LogHead(found["number"], tuple(found["body"].split())) if found else LogHead()

    def outbox(self, shard: int, count: int) -> list[Marker]:
        """See `ports.Log`."""
        with self._engine.lock:
            return [_marker(row) for row in self._engine.query(self._engine.log, self._log + items.outbox(shard), most=count)]

    def marker(self, shard: int, place: str) -> Marker | None:
        """See `ports.Log`."""
        found = self._row((self._log + items.outbox(shard), place))
        return _marker(found) if found else None

    def registered(self, units: Collection[str]) -> Mapping[str, int]:
        """See `ports.Log`."""
        with self._engine.lock:
            rows = self._engine.batch(self._engine.log, [self._place(items.register_key(unit)) for unit in units])
        found = {row["unit"]: row["number"] for row in rows}
        return {unit: found.get(unit, 0) for unit in units}

    def numbered_from(self, unit: str, first: int, last: int) -> list[tuple[int, str]]:
        """See `ports.Log`."""
        (pk, low), (_, high) = items.number_key(unit, first), items.number_key(unit, last)
        with self._engine.lock:
            rows = self._engine.query(self._engine.log, self._log + pk, low, high, most=last - first + 1)
        return [(int(row["sk"][2:]), row["subject"]) for row in rows]

    def take(self, head: LogHead, step: Taking) -> bool:
        """See `ports.Log`."""
        writes: list[Callable[[Table], Write]] = [
            _put(self._place(items.LOG_HEAD), {"number": step.head.size, "body": " ".join(step.head.hashes)}, _at(head.size)),
            _put(self._place(items.leaves_key(head.size)), items.leaves_body(step.leaves)),
        ]
        for marker, index in zip(step.markers, step.at, strict=True):
            writes.append(partial(_gone, place=(self._log + items.outbox(marker.shard), marker.place)))
            writes.append(_put(self._place(items.leaf_key(marker.subject, marker.seq)), {"number": index}, lambda row: row is None))
        for unit, (before, number) in step.registers.items():
            writes.append(_put(self._place(items.register_key(unit)), {"unit": unit, "number": number}, _at(before)))
        writes += [_put(self._place(items.number_key(unit, number)), {"subject": subject}) for unit, number, subject in step.opened]
        with self._engine.lock:
            try:
                self._engine.transact(*(write(self._engine.log) for write in writes))
            except Cancelled as cancelled:
                if {*cancelled.reasons} & {Reason.CONDITION, Reason.CONFLICT}:
                    return False
                raise Unavailable(f"the store did not answer ({cancelled})") from cancelled
        return True

    def leaves(self, start: int, count: int) -> list[Logged]:
        """See `ports.Log`."""
        found: list[Logged] = []
        with self._engine.lock:
            for pk, low, high in items.leaves_between(start, start + count):
                for row in self._engine.query(self._engine.log, self._log + pk, low or "", high, most=items.LEAVES_SPAN):
                    first, many = int(row["sk"]), items.logged(row["body"], row["places"])
                    found += many[max(0, start - first) : max(0, start + count - first)]
        return found

    def steps(self, start: int, end: int) -> list[list[Logged]]:
        """See `ports.Log`."""
        with self._engine.lock:
            parts = items.leaves_between(start, end)
            found = [
                self._engine.query(self._engine.log, self._log + pk, low or "", high, most=items.LEAVES_SPAN) for pk, low, high in parts
            ]
        return [items.logged(row["body"], row["places"]) for rows in found for row in rows if start <= int(row["sk"]) < end]

    def leaves_of(self, places: Collection[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
        """See `ports.Log`."""
        wanted = {self._place(items.leaf_key(subject, seq)): (subject, seq) for subject, seq in places}
        with self._engine.lock:
            rows = self._engine.batch(self._engine.log, list(wanted))
        return {wanted[row["pk"], row["sk"]]: int(row["number"]) for row in rows}

    def lines(self, places: Collection[tuple[str, int]]) -> Mapping[tuple[str, int], str]:
        """See `ports.Log`."""
        table = self._engine.accesses if self._log else self._engine.trail
        with self._engine.lock:
            rows = self._engine.batch(table, [(subject, items.seq_key(seq)) for subject, seq in places])
        return {(row["subject"], items.seq_of(row["seq"])): row["line"] for row in rows}

    def _place(self, place: Place) -> Place:
        return self._log + place[0], place[1]

    def _row(self, place: Place) -> Row | None:
        with self._engine.lock:
            return self._engine.get(self._engine.log, place)


def _put(place: Place, attributes: Row, condition: Condition = anyhow) -> Callable[[Table], Write]:
    row = {"pk": place[0], "sk": place[1], "v": FORMS["log"].writes, "province": NOWHERE, **attributes}
    return lambda log: put(log, row, condition)


def _gone(log: Table, place: Place) -> Write:
    return delete(log, place, present)


def _at(number: int) -> Condition:
    return lambda row: (row is None) if number == 0 else (row is not None and row["number"] == number)


def _marker(row: Row) -> Marker:
    shard = int(row["pk"].rpartition("#")[2])
    return Marker(shard, row["sk"], row["subject"], row["kind"], row["seq"], row["hash"], row.get("unit"), row.get("before"))
