"""The trail's stream of the second store, or that of accesses, as one follower reads it: batches as `handlers.stream.handle` takes them.

    for event in Stream(store):
        stream.handle(event, services)

A batch counts as handled when the next one is asked for: one whose handling raised is given again. Records of one subject keep their
order, whatever happens: what is given again goes on from there without a gap. It forgets nothing, as the real one does after a day.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from tests.simulation.store import SimulatedStore
from tests.simulation.tables import Record, Table

MOST = 100  # records of a batch


class Stream:
    """A follower's reading of the stream, from its first record on."""

    def __init__(self, store: SimulatedStore, most: int = MOST, table: str = "trail") -> None:
        """Follow a table of a store; a batch has at most that many records."""
        self._engine = store.engine
        self._table: Table = getattr(store.engine, table)
        self._most = most
        self._taken = 0
        self._lines: dict[str, list[tuple[datetime, Record]]] = {}  # by subject, each record with when it arrives
        self._places: dict[str, int] = {}  # by subject, how many are handled

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Give batches until nothing more has arrived."""
        while batch := self._batch():
            yield {"Records": [record.event for record in batch]}
            self._handled(batch)

    @property
    def behind(self) -> int:
        """How many records are not handled, those that have not arrived yet among them."""
        with self._engine.lock:
            self._arrive()
            return sum(len(line) - self._places[subject] for subject, line in self._lines.items())

    def _batch(self) -> list[Record]:
        """Choose the next records: the oldest ones, unless others overtake them. It moves no place."""
        with self._engine.lock:
            self._arrive()
            now, chance, faults = self._engine.now(), self._engine.chance, self._engine.faults
            places, batch = dict(self._places), list[Record]()
            while len(batch) < self._most:
                heads = {subject: line[places[subject]] for subject, line in self._lines.items() if places[subject] < len(line)}
                ready = sorted((record.number, subject) for subject, (at, record) in heads.items() if at <= now)
                if not ready:
                    break
                _, subject = ready[chance.below(len(ready)) if chance.hits(faults.reordered) else 0]
                batch.append(heads[subject][1])
                places[subject] += 1
            return batch

    def _handled(self, batch: list[Record]) -> None:
        """Move behind a batch, or only behind a part of it: what comes after that part is given again."""
        with self._engine.lock:
            chance = self._engine.chance
            if chance.hits(self._engine.faults.duplicated):
                batch = batch[: chance.below(len(batch))]
            for record in batch:
                self._places[record.partition] += 1

    def _arrive(self) -> None:
        """Take what was written since, and say when it arrives; none before those ahead of it."""
        chance, faults = self._engine.chance, self._engine.faults
        records = self._table.records
        for record in records[self._taken :]:
            at = record.at + timedelta(seconds=chance.upto(faults.late_s) if chance.hits(faults.late) else 0)
            line = self._lines.setdefault(record.partition, [])
            line.append((max(at, line[-1][0]) if line else at, record))
            self._places.setdefault(record.partition, 0)
        self._taken = len(records)
