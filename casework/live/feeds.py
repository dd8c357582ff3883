"""Feeds: topics that many subjects write to. Their rows, the cursors on them, and the limits by which nothing vanishes.

A row is placed by when it arrived, and comes a little later than its place says; so a reader trusts the order of those alone that have
settled, and a client resumes some time before its cursor and drops by `id` what it has. Source: live.md, "Order and resume". It reads
and writes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby

from casework.live.topics import no_cursor

# Limits. What is resumed before a cursor covers all that may pass between two rows in the wrong order.
POST = timedelta(seconds=30)  # from a row's stamp to its last post
LAST_READ = timedelta(seconds=20)  # from LIVE to the end of a subscription's last read
PUT = timedelta(seconds=5)  # from a row's stamp to where others read it
SKEW = timedelta(seconds=5)  # between the clocks of two processes
READ = timedelta(seconds=20)  # in which somebody replays before it leaves the rest to whoever looks after it: a function has 29 s
LEFT = timedelta(seconds=60)  # after which nobody replays a subscription any more, if that was not noted anew
LEFT_LIVE = timedelta(seconds=30)  # after which nobody makes the last read of one that hears what is new already
SETTLED = PUT + SKEW  # all rows that are older can be read
ANEW = timedelta(seconds=50)  # from a row's stamp to where it is put anew: who has come since may have resumed behind it
OVERLAP = timedelta(seconds=60)  # how far before its cursor a client resumes
KEPT = timedelta(days=7)  # what is older may be gone: `gap`
HELD = KEPT + timedelta(hours=1)  # how long a row is there: none goes that is still promised, overlap and reading included
assert OVERLAP == POST + LAST_READ + PUT + SKEW
assert LAST_READ < LEFT_LIVE <= OVERLAP - SETTLED - SKEW  # a last read that nobody makes is taken up before a client is too far ahead
assert READ + SKEW < LEFT
assert POST < ANEW <= OVERLAP - PUT - SKEW

MOST_A_SECOND = 50  # events of a feed that a watcher gets one by one

EPOCH = 1  # a feed that has to be built anew gets the next one
ZERO = datetime(1970, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
SEQ_DIGITS = 9  # of an entry's number, so that those of one instant keep their order
DIGITS = 16  # of a stamp in microseconds: enough until the year 2286


@dataclass(frozen=True, slots=True)
class Fed:
    """A row of a feed: the entry that came, and when."""

    arrived_at: datetime
    subject: str
    seq: int

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"{before(self.arrived_at)}#{self.subject}/{self.seq:0{SEQ_DIGITS}d}"


@dataclass(frozen=True, slots=True)
class Start:
    """Where a subscription starts: the cursor of its READY, the place behind which it reads, and whether events before it are gone."""

    cursor: str
    after: str
    gap: bool


@dataclass(frozen=True, slots=True)
class Told:
    """A row that is told, and stands for `count` rows from `first` on, itself among them."""

    row: Fed
    first: Fed
    count: int = 1


def gathered(rows: Iterable[Fed]) -> list[Told]:
    """Let the last row of a second stand for all of that second where these are too many."""
    out: list[Told] = []
    for _, second in groupby(rows, key=lambda row: row.arrived_at.replace(microsecond=0)):
        those = list(second)
        out += [Told(those[-1], those[0], len(those))] if len(those) > MOST_A_SECOND else [Told(row, row) for row in those]
    return out


def before(at: datetime) -> str:
    """Give the place before all rows of an instant."""
    return f"{(at - ZERO) // TICK:0{DIGITS}d}"


def row_at(place: str) -> Fed:
    """Read the row back that stands at a place; the place says all of it."""
    stamp, _, event = place.partition("#")
    subject, _, seq = event.partition("/")
    return Fed(ZERO + int(stamp) * TICK, subject, int(seq))


def cursor(at: datetime) -> str:
    """Write a feed's cursor: its epoch, and when the row arrived."""
    return f"{EPOCH}.{(at - ZERO) // TICK}"


def started(after: str | None, now: datetime) -> Start:
    """Find where a subscription starts; without a cursor it is now, as every clock may have it.

    Raises:
        Invalid: no cursor of a feed, or one that lies ahead.
    """
    if after is None:
        return Start(cursor(now), before(now - SKEW), gap=False)
    epoch, _, micros = after.partition(".")
    if not all(part.isascii() and part.isdigit() and len(part) <= DIGITS for part in (epoch, micros)):
        raise no_cursor()
    at = ZERO + int(micros) * TICK
    if int(epoch) > EPOCH or at > now + SKEW:
        raise no_cursor()
    if int(epoch) < EPOCH or at < now - KEPT:
        return Start(cursor(now - KEPT), before(now - KEPT), gap=True)
    return Start(after, before(at - OVERLAP), gap=False)
