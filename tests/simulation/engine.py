"""The engine in memory: single writes, transactions, batches and queries over `tables`, and the place where faults strike.

A public call of the store holds `lock` for as long as it takes, so several threads may share a store. What one thread does between two
reads of another's call is played by `meanwhile`, where the seed says so: a run with one thread is repeated by its seed alone. It knows
conditions and limits of the real engine, and no noun of the domain.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from heapq import merge
from itertools import islice

from casework.adapters.dynamo.reader import BATCH, TOP
from casework.adapters.dynamo.subjects import HASH_OF
from casework.model.errors import Unavailable
from casework.ports import By, Index, Span
from tests.simulation.faults import Chance, Crash, Faults
from tests.simulation.tables import Place, Row, Table
from tests.simulation.writes import Cancelled, Reason, Write, delete

AT_ONCE = 100  # writes of one transaction
HALF = 0.5
PUT_OFF_S = 10.0  # a write that was given up is made by then: no engine works at one for longer
ALERT_KEYS = ("unit", "province", "officer", "point")
EXPIRING = ("subjects", "live")  # tables of which the engine takes away what has expired


class Engine:
    """Tables, and calls to them that may fail."""

    def __init__(self, now: Callable[[], datetime], seed: int, faults: Faults) -> None:
        """Start empty."""
        self.now = now
        self.chance = Chance(seed)
        self.lock = threading.RLock()
        self.meanwhile: Callable[[], None] | None = None  # what others do while a call goes on
        self.subjects = Table("pk", "sk", {index.value: (HASH_OF[index], "due_sort") for index in Index})
        self.trail = Table("subject", "seq", {f"by_{by}": (f"{by}_month", "moment") for by in By})
        self.disclosures = Table("subject", "seq")
        self.due = Table("bucket", "moment")
        self.alerts = Table("subject", "number", {f"by_{key}": (f"{key}_key", "raised_sort") for key in ALERT_KEYS})
        self.log = Table("pk", "sk")
        self.accesses = Table("subject", "seq")
        self.live = Table("pk", "sk")
        self.register = Table("pk", "sk", {"by_list": ("list_key", "list_sort")}, remembers=True)
        self.calls = 0  # since the faults were set
        self._faults = faults
        self._delayed: list[tuple[datetime, tuple[Write, ...]]] = []
        self._away = False

    @property
    def faults(self) -> Faults:
        """What may go wrong from now on. To set it counts calls from 1 again."""
        return self._faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        with self.lock:
            self._faults, self.calls = faults, 0

    # Reads. All are consistent but those of an index, and those that may be `late`.

    def get(self, table: Table, place: Place) -> Row | None:
        """Read one row."""
        with self._call():
            return _copied(table.get(place))

    def batch(self, table: Table, places: Sequence[Place]) -> list[Row]:
        """Read rows by their keys, in no order and at no one moment; what is absent is left out."""
        assert len(set(places)) == len(places), "the engine refuses a batch that names a key twice"
        found: list[Row | None] = []
        for start in range(0, len(places), BATCH):
            wanted = places[start : start + BATCH]
            with self._call():
                for place in self.chance.shuffled(wanted) if self.faults.interleaved else wanted:
                    self._others()
                    found.append(_copied(table.get(place)))
        return [row for row in found if row is not None]

    def query(
        self, table: Table, key: str, low: str = "", high: str = TOP, *, most: int, backwards: bool = False, late: bool = False
    ) -> list[Row]:
        """Read the rows of a partition between two sort keys, both included; `late` ones may be as they were a while ago."""
        as_of = None
        if late and self.chance.hits(self.faults.stale):
            as_of = self.now() - timedelta(seconds=self.chance.upto(self.faults.stale_s))
        rows = self._paged(lambda: table.partition(key, as_of), low, high, most, backwards=backwards)
        return [row for _, row in rows]

    def page(self, table: Table, index: str, key: str, span: Span) -> list[tuple[str, Row]]:
        """Read one page of one partition of an index, each row with its place in it."""
        shown = table.indexes[index]

        def between() -> list[tuple[str, Row]]:
            return [row for row in shown.rows(key, self.now()) if (span.low or "") < row[0] < (span.high or TOP)]

        return self._paged(between, "", TOP, span.count, backwards=span.backwards)

    def merged(self, table: Table, index: str, keys: Sequence[str], span: Span) -> list[tuple[str, Row]]:
        """Read one page out of several partitions of an index, one after the other."""
        pages = [self.page(table, index, key, span) for key in keys]
        return list(islice(merge(*pages, key=lambda row: row[0], reverse=span.backwards), span.count))

    def _paged(
        self, read: Callable[[], list[tuple[str, Row]]], low: str, high: str, most: int, *, backwards: bool
    ) -> list[tuple[str, Row]]:
        """Read in as many calls as the engine takes: an answer ends where it likes, and others write before the next."""
        found: list[tuple[str, Row]] = []
        shown: str | None = None
        while True:
            with self._call():
                rows = [(sort, row) for sort, row in read() if low <= sort <= high]
                ahead = [row for row in (rows[::-1] if backwards else rows) if shown is None or _beyond(row[0], shown, backwards=backwards)]
                ahead = ahead[: most - len(found)]
                answer = ahead
                if ahead and self.chance.hits(self.faults.interleaved):
                    answer = ahead[: 1 + self.chance.below(len(ahead))]
                found.extend((sort, dict(row)) for sort, row in answer)
            if len(answer) == len(ahead):
                return found
            shown = answer[-1][0]

    # Writes.

    def write(self, write: Write) -> Row | None:
        """Make one write; gives the row as it is then.

        Raises:
            Cancelled: its condition does not hold.
        """
        with self._call(writes=True):
            self._put_off((write,))
            (row,) = self._applied((write,))
            if self.chance.hits(self.faults.resent):
                (row,) = self._applied((write,))
            return _copied(row)

    def transact(self, *writes: Write) -> None:
        """Make all of these writes or none. To send it again makes it no second time, since the client library gives it a token.

        Raises:
            Cancelled: a condition does not hold, or another transaction was at one of the rows.
        """
        places = [(id(write.table), write.place) for write in writes]
        assert len(set(places)) == len(places) <= AT_ONCE, "the engine refuses a transaction with two writes of one row, or with too many"
        with self._call(writes=True):
            self._put_off(writes)
            if self.chance.hits(self.faults.conflict):
                at = self.chance.below(len(writes))
                raise Cancelled([Reason.CONFLICT if number == at else None for number in range(len(writes))])
            self._applied(writes)

    def _applied(self, writes: Sequence[Write]) -> list[Row | None]:
        reasons = [None if write.condition(write.table.get(write.place)) else Reason.CONDITION for write in writes]
        if any(reasons):
            raise Cancelled(reasons)
        for write in writes:
            before = write.table.get(write.place)
            after = write.becomes(before)
            if after is not before:
                write.table.write(write.place, after, self.now(), self._showing)
        return [write.table.get(write.place) for write in writes]

    def _put_off(self, writes: tuple[Write, ...]) -> None:
        if self.chance.hits(self.faults.delayed):
            self._delayed.append((self.now(), writes))
            raise Unavailable("the store did not answer (it is still at work)")

    # Faults.

    @contextmanager
    def _call(self, *, writes: bool = False) -> Iterator[None]:
        """Make one call: whatever may go wrong before it, and between what it does and its answer."""
        self._others()
        self.calls += 1
        number, faults = self.calls, self.faults
        if faults.crash_at == number and not faults.crash_after:
            raise Crash(number, done=False)
        self._housekeep()
        if self.chance.hits(faults.throttled):
            raise Unavailable("the store did not answer (ThrottlingException)")
        refusal = None
        try:
            yield
        except Cancelled as cancelled:
            refusal = cancelled
        if faults.crash_at == number:
            raise Crash(number, done=refusal is None)
        if writes and self.chance.hits(faults.lost):
            raise Unavailable("the store did not answer (its answer was lost)")
        if refusal:
            raise refusal

    def _others(self) -> None:
        """Let others do something, unless they are who is calling."""
        if self.meanwhile is None or self._away or not self.chance.hits(self.faults.interleaved):
            return
        self._away = True
        try:
            self.meanwhile()
        finally:
            self._away = False

    def _housekeep(self) -> None:
        """Make writes that were put off, each alone and on its own conditions, and take a row away that has expired."""
        waiting, self._delayed = self._delayed, []
        for at, writes in waiting:
            if (self.now() - at).total_seconds() > PUT_OFF_S or self.chance.hits(HALF):
                with suppress(Cancelled):
                    self._applied(writes)
            else:
                self._delayed.append((at, writes))
        if self.chance.hits(self.faults.reaped):
            now = self.now().timestamp()
            tables: list[Table] = [getattr(self, name) for name in EXPIRING]
            expired = [(table, place) for table in tables for place, row in table.items() if row.get("expires_at", now) < now]
            if expired:
                table, place = expired[self.chance.below(len(expired))]
                self._applied((delete(table, place),))

    def _showing(self) -> tuple[datetime, datetime]:
        """Say when an index shows what is written now: the old spot empty, and the new one filled."""
        gone_at = shown_at = self.now()
        if self.chance.hits(self.faults.lagging):
            gone_at = shown_at = gone_at + timedelta(seconds=self.chance.upto(self.faults.lag_s))
        if self.chance.hits(self.faults.torn):
            later = shown_at + timedelta(seconds=self.chance.upto(self.faults.lag_s))
            gone_at, shown_at = (later, shown_at) if self.chance.hits(HALF) else (gone_at, later)
        return gone_at, shown_at


def _copied(row: Row | None) -> Row | None:
    return None if row is None else dict(row)


def _beyond(sort: str, shown: str, *, backwards: bool) -> bool:
    return sort < shown if backwards else sort > shown
