"""The sweep: whatever falls due by itself is done then, once, whatever runs twice or together, and however late it is noticed.

It trusts no row of the due table: a dossier's clocks are computed anew, and the commit is on its entry number. It writes nothing but
entries and the watermark. What other rows ask for is for `work`; what keeps it going, for the handler. Source: architecture.md section 4.
"""

import logging
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import Protocol, TypeVar

from casework.commits import DUE_SHARDS
from casework.correlation import correlated
from casework.model.errors import Fault, Unavailable
from casework.model.packing import moment
from casework.model.record import Dossier, DossierId
from casework.noticing import MAKER, MOST_AT_ONCE, settle
from casework.ports import DueKey, Held, Services

log = logging.getLogger("giamsat")

PAGE = 100  # rows of a bucket at a time, and as many dossiers
HOUR = timedelta(hours=1)
OLDEST = datetime(2026, 5, 1, tzinfo=UTC)  # no row lies before it in a store that was never swept
KEPT_EACH = 24  # hours left behind before the watermark is kept: a long outage is caught up in several runs
LONGEST_REST = timedelta(minutes=1)  # before a row that could not be handled is tried again

A = TypeVar("A")
B = TypeVar("B")
Work = Callable[[Services, Held], None]


class Left(Enum):
    """What was found in an hour: nothing, rows that could not be handled before and nothing else, or more."""

    NOTHING = auto()
    STUCK = auto()
    MORE = auto()


# How long after its end an hour is left behind. It may still get rows of a commit that took long, or by a clock that goes wrong;
# what cannot be handled may yet be, and is looked at again and again also behind the watermark, which would else stand still.
WAITS = {Left.NOTHING: timedelta(minutes=15), Left.STUCK: timedelta(days=1)}


class Each(Protocol):
    """Applies a function to each of several things, maybe at once: `map`, or that of a pool."""

    def __call__(self, do: Callable[[A], B], things: Iterable[A], /) -> Iterable[B]:
        """Give the results in order."""


@dataclass(frozen=True, slots=True)
class Round:
    """What came of a round: entries written, rows that could not be handled, and whether it saw all that was due."""

    written: int
    failed: int
    whole: bool


class Sweeper:
    """Sweeps again and again; what it keeps between two rounds is only which rows are to rest."""

    def __init__(self, services: Services, work: Work, each: Each = map, going: Callable[[], bool] = lambda: True) -> None:
        """Do with these; `going` tells whether there is time left in this run."""
        self._services = services
        self._store = services.store
        self._work = work
        self._each = each
        self._going = going
        self._resting: dict[tuple[str, str], tuple[datetime, timedelta]] = {}
        self._written = 0
        self._failed = 0
        self._why = ""  # of the last that could not be handled
        self._round = ""  # the correlation id of what a round writes

    def round(self) -> Round:
        """Do all that is due by now, hour by hour, and move the watermark over the hours that are left behind."""
        self._written = self._failed = 0
        now = self._services.now()
        self._round = f"{MAKER}:{moment(now)}"
        with correlated(self._round):
            self._looked(now)
            if self._failed:
                log.warning("%d rows and pages of the due table wait for the next round: %s", self._failed, self._why)
            if self._written:
                log.info("swept", extra={"written": self._written})
        return Round(self._written, self._failed, self._going())

    def _looked(self, now: datetime) -> None:
        for hour in self._store.stuck():
            if self._hour(hour, now) is Left.NOTHING:
                self._store.keep_stuck(hour, stuck=False)
        kept = passed = self._store.swept() or moment(min(now, OLDEST))[:13]
        behind = True
        for looked, hour in enumerate(_hours(passed, now), 1):
            left = self._hour(hour, now)
            behind = behind and left in WAITS and _start(hour) + HOUR + WAITS[left] <= now
            if behind:
                if left is Left.STUCK:
                    self._store.keep_stuck(hour, stuck=True)
                passed = moment(_start(hour) + HOUR)[:13]
                if looked % KEPT_EACH == 0:
                    self._store.keep_swept(passed)
                    kept = passed
            if not self._going():
                break
        if passed != kept:
            self._store.keep_swept(passed)

    def _hour(self, hour: str, now: datetime) -> "Left":
        """Handle the buckets of an hour, in an order of its own, so that two sweeps meet seldom; tells what was found in them."""
        buckets = [f"{hour}#{shard:02d}" for shard in range(DUE_SHARDS)]
        random.shuffle(buckets)
        first = list(self._each(lambda bucket: self._read(bucket, now), buckets))
        resting = set(self._resting)
        for bucket, found in zip(buckets, first, strict=True):
            rows = found
            while rows and self._going():
                self._handle(rows, now)
                rows = self._read(bucket, now, rows[-1].moment) if len(rows) == PAGE else []
            if rows is None:
                self._failed += 1
        if all(rows == [] for rows in first):
            return Left.NOTHING
        stuck = all(rows is not None and len(rows) < PAGE and resting.issuperset(row.place for row in rows) for rows in first)
        return Left.STUCK if stuck else Left.MORE

    def _read(self, bucket: str, now: datetime, after: str | None = None) -> list[DueKey] | None:
        """Read a page of a bucket; None when the engine does not answer, which the next round makes up for."""
        try:
            return self._store.due(bucket, now, PAGE, after)
        except Unavailable as fault:
            self._why = fault.message
            return None

    def _handle(self, rows: list[DueKey], now: datetime) -> None:
        ready = [row for row in rows if self._resting.get(row.place, (now,))[0] <= now]
        held = self._loaded(ready)
        for row, done in zip(ready, self._each(lambda row: self._one(row, held, now), ready), strict=True):
            if done is None:
                self._failed += 1
                rest = min(2 * self._resting.get(row.place, (now, timedelta(seconds=0.5)))[1], LONGEST_REST)
                self._resting[row.place] = now + rest, rest
            else:
                self._written += done
                self._resting.pop(row.place, None)

    def _loaded(self, rows: list[DueKey]) -> Mapping[DossierId, Held] | None:
        """Load what a page of rows is of, at once; None where one of them cannot be read, so that each is read by itself."""
        try:
            return self._store.held_all([DossierId(row.subject) for row in rows])
        except Fault as fault:
            self._why = fault.message
            return None

    def _one(self, row: DueKey, loaded: Mapping[DossierId, Held] | None, now: datetime) -> int | None:
        """Do what one row asks for; gives how many entries that took, or None when it could not be done. It hurts no other row."""
        subject = DossierId(row.subject)
        with correlated(self._round):  # in a thread of the pool's
            try:
                return self._done(row, self._store.held(subject) if loaded is None else loaded.get(subject), now)
            except Fault as fault:
                self._why = fault.message
            except Exception:
                log.exception("the row of %s cannot be handled", row.subject)
            return None

    def _done(self, row: DueKey, held: Held | None, now: datetime) -> int:
        if held is None or held.due is None or held.due.place != row.place:
            self._store.strike(row)
            return 0
        if not isinstance(held.record, Dossier):
            self._work(self._services, held)
            return 0
        known = held
        for count in range(MOST_AT_ONCE):
            written = settle(self._services, held.id, self._round, known=known)
            if written is None:  # All is raised, by this sweep or by one that was faster.
                return count
            known = written.held
            if known.due is None or known.due.moment > moment(now):
                return count + 1
        return MOST_AT_ONCE


def _hours(first: str, now: datetime) -> Iterator[str]:
    at = _start(first)
    while at <= now:
        yield moment(at)[:13]
        at += HOUR


def _start(hour: str) -> datetime:
    return datetime.fromisoformat(f"{hour}:00:00+00:00")
