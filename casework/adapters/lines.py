"""Many small requests to one host over a few kept-alive connections, at once: HTTP/1.1 with bodies at hand, for whoever posts a lot.

One request at a time goes over a connection. It follows no redirect, stores no cookie and reads no body of an answer but to get past it.
When to try again is for the caller. Source of the framing: RFC 9112.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

LONGEST_ANSWER = 1 << 20  # bytes


class Unanswered(Exception):
    """Nobody knows whether a request was done: no connection, no answer in time, or none that can be read."""


class Closed(Unanswered):
    """The connection went before there was an answer, as one does that was kept for too long."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The status of an answer, where it ends, and whether another request may follow it."""

    status: int
    length: int
    keeps: bool


def answer_in(data: bytes) -> Answer | None:
    """Find the answer with which bytes begin; None while it is not whole.

    Raises:
        Unanswered: they are no answer.
    """
    head, found, body = data.partition(b"\r\n\r\n")
    if len(data) > LONGEST_ANSWER:
        raise Unanswered("an answer that is too long")
    if not found:
        return None
    first, *lines = head.split(b"\r\n")
    parts = first.split(b" ", 2)
    if len(parts) < 2 or not parts[0].startswith(b"HTTP/1.") or not parts[1].isdigit():  # noqa: PLR2004 - version and status
        raise Unanswered("no answer of HTTP/1.1")
    headers = {name.lower(): value.strip().lower() for name, _, value in (line.partition(b":") for line in lines)}
    status, before = int(parts[1]), len(head) + 4
    keeps = headers.get(b"connection") != b"close" and parts[0] == b"HTTP/1.1"
    if headers.get(b"transfer-encoding") == b"chunked":
        length = _chunked(body)
        return None if length is None else Answer(status, before + length, keeps)
    told = headers.get(b"content-length", b"0")
    if not told.isdigit():
        raise Unanswered("an answer of no length")
    return Answer(status, before + int(told), keeps) if len(body) >= int(told) else None


def _chunked(body: bytes) -> int | None:
    """Give the length of a body in chunks; None while it is not whole."""
    at = 0
    while (end := body.find(b"\r\n", at)) >= 0:
        size = body[at:end].partition(b";")[0].strip()
        try:
            length = int(size, 16)
        except ValueError as error:
            raise Unanswered("a chunk of no length") from error
        at = end + 2 + length + 2
        if length == 0:
            break
    else:
        return None
    return at if len(body) >= at else None


class Line(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        """Start without one."""
        self.transport: asyncio.Transport | None = None
        self._data = b""
        self._waiting: asyncio.Future[Answer] | None = None

    @property
    def open(self) -> bool:
        """Whether another request may be sent."""
        return self.transport is not None and not self.transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._data += data
        if self._waiting is None or self._waiting.done():
            return
        try:
            answer = answer_in(self._data)
        except Unanswered as fault:
            self._waiting.set_exception(fault)
            self.close()
            return
        if answer is not None:
            self._data = self._data[answer.length :]
            self._waiting.set_result(answer)
            if not answer.keeps:
                self.close()

    def connection_lost(self, error: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self.transport = None
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(Closed(type(error).__name__ if error else "the connection was closed"))

    def close(self) -> None:
        """End it; at once where a request is under way."""
        if self.transport is not None:
            self.transport.abort()

    async def ask(self, request: bytes) -> int:
        """Send a request; gives the status of its answer.

        Raises:
            Unanswered: there was none before `late` was called.
        """
        assert self.transport is not None
        self._data, self._waiting = b"", asyncio.get_running_loop().create_future()
        self.transport.write(request)
        try:
            return (await self._waiting).status
        finally:
            self._waiting = None

    def late(self) -> None:
        """Wait no longer."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(Unanswered("no answer in time"))
        self.close()


class Lines:
    """Connections to one host, made when they are needed and kept."""

    def __init__(self, url: str, within_s: float, context: ssl.SSLContext | None = None) -> None:
        """Speak to the host of an address of HTTP or HTTPS; `within_s` is the time to connect, and again to answer."""
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        self.host = parts.netloc
        self._at = parts.hostname or "", parts.port or (443 if secure else 80)
        self._context = (context or ssl.create_default_context()) if secure else None
        self._within_s = within_s
        self._free: list[Line] = []
        self._until: dict[Line, float] = {}  # those that wait for an answer, and how long they do
        self._watch: asyncio.TimerHandle | None = None

    async def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> int:
        """Send a request; gives the status of its answer.

        Raises:
            Unanswered: nobody knows whether it was done.
        """
        head = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        request = f"{method} {path} HTTP/1.1\r\n{head}content-length: {len(body)}\r\n\r\n".encode() + body
        kept = next((line for line in iter(self._kept, None) if line.open), None)
        line = kept or await self._new()
        try:
            status = await self._asked(line, request)
        except Closed:
            if kept is None:
                raise
            line = await self._new()
            status = await self._asked(line, request)
        if line.open:
            self._free.append(line)
        return status

    async def _asked(self, line: Line, request: bytes) -> int:
        loop = asyncio.get_running_loop()
        self._until[line] = loop.time() + self._within_s
        if self._watch is None:  # One timer for all: one for each request would cost as much as its signature.
            self._watch = loop.call_later(self._within_s / 4, self._looked)
        try:
            return await line.ask(request)
        finally:
            del self._until[line]
            if not self._until and self._watch is not None:
                self._watch.cancel()
                self._watch = None

    def _looked(self) -> None:
        loop = asyncio.get_running_loop()
        for line, until in list(self._until.items()):
            if until <= loop.time():
                line.late()
        self._watch = loop.call_later(self._within_s / 4, self._looked) if self._until else None

    def _kept(self) -> Line | None:
        return self._free.pop() if self._free else None

    async def _new(self) -> Line:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._within_s):
                _, line = await loop.create_connection(Line, *self._at, ssl=self._context)
        except (OSError, TimeoutError) as error:
            raise Unanswered(type(error).__name__) from error
        return line

    def close(self) -> None:
        """End all that are free."""
        for line in self._free:
            line.close()
        self._free.clear()
