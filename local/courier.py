"""Carries messages to the sockets of this process, in the order in which they were posted, with the protocol's own close codes."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from casework.ports import Posted

MOST_PENDING = 5000  # messages; a client that reads slower than this is let go, so that it holds up nobody else
TOO_SLOW = (1013, "Too slow")


@dataclass(frozen=True, slots=True)
class Closing:
    """The last thing that is sent to a connection."""

    code: int
    reason: str


@dataclass(slots=True)
class Line:
    """One connection's way out, written by any thread and read by its own task."""

    loop: asyncio.AbstractEventLoop
    queue: asyncio.Queue[str | Closing] = field(default_factory=asyncio.Queue)
    closed: bool = False

    def put(self, item: str | Closing) -> None:
        """Hand over; from any thread."""
        self.loop.call_soon_threadsafe(self._put, item)

    def _put(self, item: str | Closing) -> None:
        if self.closed:
            return
        if self.queue.qsize() >= MOST_PENDING:
            item = Closing(*TOO_SLOW)
        self.closed = isinstance(item, Closing)
        self.queue.put_nowait(item)


def _put_all(messages: Sequence[tuple[Line, str]]) -> None:
    for line, message in messages:
        line._put(message)  # noqa: SLF001 - of this module


class LocalCourier:
    """`ports.Courier` over the sockets of this process."""

    def __init__(self) -> None:
        """Start with nobody connected."""
        self._lines: dict[str, Line] = {}

    def opened(self, connection: str) -> Line:
        """Take a new connection; called on its event loop."""
        line = self._lines[connection] = Line(asyncio.get_running_loop())
        return line

    def gone(self, connection: str) -> None:
        """Forget a connection."""
        self._lines.pop(connection, None)

    @property
    def connected(self) -> int:
        """How many connections there are."""
        return len(self._lines)

    def post(self, connection: str, message: str) -> bool:
        """See `ports.Courier`."""
        line = self._lines.get(connection)
        if line is None or line.closed:
            return False
        line.put(message)
        return True

    def post_all(self, messages: Sequence[tuple[str, str]]) -> list[Posted]:
        """See `ports.Courier`."""
        found = [(self._lines.get(connection), message) for connection, message in messages]
        here = [(line, message) for line, message in found if line is not None and not line.closed]
        if here:
            here[0][0].loop.call_soon_threadsafe(_put_all, here)
        return [Posted.GONE if line is None or line.closed else Posted.DONE for line, _ in found]

    def close_all(self, connections: Sequence[str], code: int, reason: str) -> None:
        """See `ports.Courier`."""
        for connection in connections:
            if line := self._lines.get(connection):
                line.put(Closing(code, reason))
