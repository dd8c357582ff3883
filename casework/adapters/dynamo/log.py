"""The outbox and the log, in the table `log`. Markers are written by the transactions of their entries, and taken away by those of the log.

Each step of the log is one transaction on condition that its head is where it was read, so that whatever runs twice or at once, was given
up or comes late makes it once or not at all.
"""

from collections.abc import Collection, Mapping
from copy import copy
from typing import Any, Self

from pynamodb.connection import Connection as Engine
from pynamodb.exceptions import TransactWriteError
from pynamodb.transactions import TransactWrite

from casework.adapters.dynamo import items
from casework.adapters.dynamo.connections import CONDITION, CONFLICT, NOWHERE
from casework.adapters.dynamo.forms import Attributes
from casework.adapters.dynamo.models import LogItem
from casework.adapters.dynamo.reader import TOP, Reader
from casework.adapters.dynamo.subjects import unavailable
from casework.ports import Logged, LogHead, Marker, Taking

KEYS = ("pk", "sk")


class LogTable:
    """The part of the store that holds the log."""

    def __init__(self, engine: Engine, reader: Reader) -> None:
        """Share the process's one connection to the engine."""
        self._engine = engine
        self._reader = reader
        self._log = ""  # before its partitions

    @property
    def second(self) -> Self:
        """See `ports.Log`."""
        found = copy(self)
        found._log = items.SECOND  # noqa: SLF001 - one of its own kind
        return found

    def log_head(self) -> LogHead:
        """See `ports.Log`."""
        found = self._one(*self._place(items.LOG_HEAD))
        return LogHead(int(found["number"]), tuple(found["body"].split())) if found else LogHead()

    def outbox(self, shard: int, count: int) -> list[Marker]:
        """See `ports.Log`."""
        return [_marker(row) for row in self._reader.rows("log", KEYS, self._log + items.outbox(shard), None, TOP, count)]

    def marker(self, shard: int, place: str) -> Marker | None:
        """See `ports.Log`."""
        found = self._one(self._log + items.outbox(shard), place)
        return _marker(found) if found else None

    def registered(self, units: Collection[str]) -> Mapping[str, int]:
        """See `ports.Log`."""
        keys = [dict(zip(KEYS, self._place(items.register_key(unit)), strict=True)) for unit in units]
        found = {row["unit"]: int(row["number"]) for row in self._reader.batch("log", keys)}
        return {unit: found.get(unit, 0) for unit in units}

    def numbered_from(self, unit: str, first: int, last: int) -> list[tuple[int, str]]:
        """See `ports.Log`."""
        (pk, below), (_, high) = items.number_key(unit, first - 1), items.number_key(unit, last)
        rows = self._reader.rows("log", KEYS, self._log + pk, below, f"{high}$", last - first + 1)
        return [(int(row["sk"][2:]), row["subject"]) for row in rows]

    def take(self, head: LogHead, step: Taking) -> bool:
        """See `ports.Log`."""
        stands = (LogItem.number == head.size) if head.size else LogItem.pk.does_not_exist()
        try:
            with TransactWrite(connection=self._engine) as write:
                write.save(_item(*self._place(items.LOG_HEAD), number=step.head.size, body=" ".join(step.head.hashes)), condition=stands)
                write.save(_item(*self._place(items.leaves_key(head.size)), **items.leaves_body(step.leaves)))
                for marker, index in zip(step.markers, step.at, strict=True):
                    gone = LogItem(self._log + items.outbox(marker.shard), marker.place)
                    write.delete(gone, condition=LogItem.pk.exists(), add_version_condition=False)
                    leaf = self._place(items.leaf_key(marker.subject, marker.seq))
                    write.save(_item(*leaf, number=index), condition=LogItem.pk.does_not_exist())
                for unit, (before, number) in step.registers.items():
                    same = (LogItem.number == before) if before else LogItem.pk.does_not_exist()
                    write.save(_item(*self._place(items.register_key(unit)), unit=unit, number=number), condition=same)
                for unit, number, subject in step.opened:
                    write.save(_item(*self._place(items.number_key(unit, number)), subject=subject))
        except TransactWriteError as error:
            codes = {reason.code if reason else None for reason in error.cancellation_reasons}
            if codes & {CONDITION, CONFLICT}:
                return False
            raise unavailable(error) from error
        return True

    def leaves(self, start: int, count: int) -> list[Logged]:
        """See `ports.Log`."""
        found: list[Logged] = []
        for pk, low, high in items.leaves_between(start, start + count):
            for row in self._reader.rows("log", KEYS, self._log + pk, low, high, items.LEAVES_SPAN):
                first, many = int(row["sk"]), items.logged(row["body"], row["places"])
                found += many[max(0, start - first) : max(0, start + count - first)]
        return found

    def steps(self, start: int, end: int) -> list[list[Logged]]:
        """See `ports.Log`."""
        parts = items.leaves_between(start, end)
        rows = (row for pk, low, high in parts for row in self._reader.rows("log", KEYS, self._log + pk, low, high, items.LEAVES_SPAN))
        return [items.logged(row["body"], row["places"]) for row in rows if start <= int(row["sk"]) < end]

    def leaves_of(self, places: Collection[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
        """See `ports.Log`."""
        wanted = {self._place(items.leaf_key(subject, seq)): (subject, seq) for subject, seq in places}
        rows = self._reader.batch("log", [dict(zip(KEYS, key, strict=True)) for key in wanted])
        return {wanted[row["pk"], row["sk"]]: int(row["number"]) for row in rows}

    def lines(self, places: Collection[tuple[str, int]]) -> Mapping[tuple[str, int], str]:
        """See `ports.Log`."""
        keys = [{"subject": subject, "seq": items.seq_key(seq)} for subject, seq in places]
        if self._log:
            rows = self._reader.batch("accesses", keys, ("subject", "seq", "line"))
        else:
            rows = self._reader.batch("trail", keys, ("subject", "seq", "line"))
        return {(row["subject"], items.seq_of(row["seq"])): row["line"] for row in rows}

    def _place(self, place: tuple[str, str]) -> tuple[str, str]:
        """Give where an item of this log is."""
        return self._log + place[0], place[1]

    def _one(self, pk: str, sk: str) -> Attributes | None:
        return next(iter(list(self._reader.batch("log", [{"pk": pk, "sk": sk}]))), None)


def _marker(row: Attributes) -> Marker:
    shard, seq = int(row["pk"].rpartition("#")[2]), int(row["seq"])
    return Marker(shard, row["sk"], row["subject"], row["kind"], seq, row["hash"], row.get("unit"), row.get("before"))


def _item(pk: str, sk: str, **attributes: Any) -> LogItem:  # noqa: ANN401 - the attributes of the model
    return LogItem(pk, sk, province=NOWHERE, **attributes)
