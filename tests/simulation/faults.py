"""What may go wrong with the second store, and the one chance that decides when it does.

All of it is off in `Faults()`. A field without a unit is a probability at each occasion, one in `_s` the longest time in seconds by the
store's clock. Where a fault strikes is for `engine` and `stream`; nothing here touches a row.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from casework.adapters.dynamo.register import FRESH_S

T = TypeVar("T")


class Crash(BaseException):
    """The process died here. No `except Exception` holds it up, as none holds up a SIGKILL; what was written stands."""

    def __init__(self, call: int, *, done: bool) -> None:
        """Say at which call, and whether that call took effect."""
        super().__init__(f"crashed {'after' if done else 'before'} call {call}")
        self.call = call
        self.done = done


@dataclass(frozen=True, slots=True)
class Faults:
    """What may go wrong."""

    # Of calls to the engine. A public call of the store makes one or more of them, `engine.calls` counts them.
    throttled: float = 0.0  # Unavailable, and nothing is written
    conflict: float = 0.0  # a transaction is cancelled for another's sake, and nothing is written
    lost: float = 0.0  # Unavailable, though what was to be written stands
    delayed: float = 0.0  # Unavailable, and what was to be written is tried at some later call
    resent: float = 0.0  # the answer to a single write is lost, and the client library sends it once more by itself
    crash_at: int | None = None  # which call from now on, counted from 1, is the process's last
    crash_after: bool = False  # whether that call takes effect before the crash

    # Of reads.
    interleaved: float = 0.0  # what others do (`engine.meanwhile`) comes between two reads of a call; queries come in pages
    stale: float = 0.0  # a single thing of the register is read as it was up to `stale_s` ago
    stale_s: float = FRESH_S
    lagging: float = 0.0  # an index shows a write up to `lag_s` late
    lag_s: float = 1.0
    torn: float = 0.0  # a row that moves within an index is for up to `lag_s` in both places, or in none
    reaped: float = 0.0  # at a call, the engine takes a row away that has expired

    # Of the trail's stream.
    late: float = 0.0  # a record, and with it those behind it of the same subject, is up to `late_s` late
    late_s: float = 5.0
    reordered: float = 0.0  # a record comes before older ones of other subjects
    duplicated: float = 0.0  # a batch is given again, from some record of it on

    def __post_init__(self) -> None:
        chances = (
            self.throttled, self.conflict, self.lost, self.delayed, self.resent, self.interleaved, self.stale, self.lagging, self.torn,
            self.reaped, self.late, self.reordered, self.duplicated,
        )  # fmt: skip
        assert all(0 <= chance <= 1 for chance in chances), "a probability lies between 0 and 1"
        assert self.duplicated < 1, "a stream that repeats every batch never ends"
        assert 0 <= self.stale_s <= FRESH_S, "the port promises a register that is at most that old"


class Chance:
    """One seeded source of chance for a store and whatever follows its stream."""

    def __init__(self, seed: int) -> None:
        """Start a sequence that the seed repeats."""
        self.seed = seed
        self._random = random.Random(seed)  # noqa: S311 - faults to be repeated by their seed, no secret

    def hits(self, probability: float) -> bool:
        """Whether something of that probability happens now. What never happens draws nothing."""
        return probability > 0 and self._random.random() < probability

    def upto(self, most: float) -> float:
        """Draw a number between 0 and `most`."""
        return self._random.uniform(0, most)

    def below(self, count: int) -> int:
        """Draw a whole number from 0 up to, and without, `count`."""
        return self._random.randrange(count)

    def shuffled(self, things: Iterable[T]) -> list[T]:
        """Put things into some order."""
        found = list(things)
        self._random.shuffle(found)
        return found
