"""Many small requests to one host over a few kept-alive connections, at once: HTTP/1.1 with bodies at hand, for whoever posts a lot.

One request at a time goes over a connection. It follows no redirect, stores no cookie and reads no body of an answer but to get past it.
Whoever calls waits until all are answered; nothing goes on in between, so it suits a function that stands still between two calls. It is
written over `selectors`, since asyncio's TLS costs as much again as all the rest. Source of the framing: RFC 9112.
"""

import random
import selectors
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from urllib.parse import urlsplit

LONGEST_ANSWER = 1 << 20  # bytes
CHUNK = 1 << 16
TOO_MANY = 429
PATIENCE_S = 10.0
WAITS = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
PACED = True  # a call has waited for its turn
BOTH = selectors.EVENT_READ | selectors.EVENT_WRITE


class Unanswered(Exception):
    """Nobody knows whether a request was done: no connection, no answer in time, or none that can be read."""


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


@dataclass(slots=True)
class Call:
    """A request, made anew for each try, and what came of it: the status of its last answer, or `said`, why there was none."""

    made: Callable[[], bytes]
    again: Callable[[int], bool]
    tries: int
    pause_s: float  # at most, before the second try; twice that before the third
    status: int | None = None
    said: str = ""
    tried: int = 0
    until: float | None = None  # how long it asks again where it was only too much, by `time.monotonic`

    def answered(self, status: int) -> float | None:
        """Take a status; gives after how long to try again, if so. One that says that it was too much costs no try, for some seconds."""
        self.status, self.said = status, str(status)
        now = time.monotonic()
        self.until = self.until or now + PATIENCE_S
        if status == TOO_MANY and self.again(status) and now < self.until:
            return random.uniform(0, self.pause_s)  # noqa: S311 - it spreads tries and hides nothing
        return self._again() if self.again(status) else None

    def unanswered(self, why: str) -> float | None:
        """Take that there was no answer; gives after how long to try again, if so."""
        self.status, self.said = None, why
        return self._again()

    def _again(self) -> float | None:
        self.tried += 1
        return random.uniform(0, self.pause_s * self.tried) if self.tried < self.tries else None  # noqa: S311 - it spreads tries


def _connected(made: socket.socket) -> None:
    if fault := made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(fault, "not connected")


def framed(method: str, path: str, headers: Iterable[tuple[str, str]], body: bytes) -> bytes:
    """Write a request."""
    head = "".join([f"{name}: {value}\r\n" for name, value in headers])
    return f"{method} {path} HTTP/1.1\r\n{head}content-length: {len(body)}\r\n\r\n".encode() + body


@dataclass(eq=False, slots=True)
class _Line:
    """One connection, and the call that is under way on it."""

    socket: socket.socket
    opening: bool = True  # until it is connected, and its handshake is done
    call: Call | None = None
    left: memoryview = field(default_factory=lambda: memoryview(b""))
    data: bytes = b""
    until: float = 0.0
    used: bool = False  # whether it has carried a request before


class Lines:
    """Connections to one host, made when they are needed and kept."""

    def __init__(self, url: str, within_s: float, most: int, context: ssl.SSLContext | None = None) -> None:
        """Speak to an address's host over `most` connections of HTTP or HTTPS; `within_s` is the time to connect, and again to answer.

        Of several addresses that a name has, the next one is tried when one could not be connected to.
        """
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        self.host = parts.netloc
        self._at = parts.hostname or "", parts.port or (443 if secure else 80)
        self._secure, self._context = secure, context
        self._within_s, self._most = within_s, most
        self._free: list[_Line] = []
        self._busy: set[_Line] = set()
        self._later: list[tuple[float, int, Call, bool]] = []  # when, in which order, and whether its turn was paced already
        self._number = count()
        self._refused = 0  # how many connections could not be made
        self._selector: selectors.BaseSelector | None = None

    def run(self, calls: Iterable[Call], pace: Callable[[float], float] = lambda _: 0.0) -> None:
        """Make calls until all are done; `pace` says how long each has to wait, by `time.monotonic`."""
        self._selector = self._selector or selectors.DefaultSelector()
        if self._secure and self._context is None:
            self._context = ssl.create_default_context()  # not before it is needed: it reads every certificate there is
        try:
            self._run(iter(calls), pace)
        finally:  # What raised leaves nothing behind for the next calls.
            for line in list(self._busy):
                self._busy.discard(line)
                self._drop(line)
            self._later.clear()

    def _run(self, fresh: Iterator[Call], pace: Callable[[float], float]) -> None:
        more = True
        while more or self._busy or self._later:
            while len(self._busy) < self._most:
                now = time.monotonic()
                paced = False
                if self._later and self._later[0][0] <= now:
                    _, _, call, paced = heappop(self._later)
                elif more and (following := next(fresh, None)) is not None:
                    call = following
                else:
                    more = False
                    break
                if not paced and (waits := pace(now)):
                    heappush(self._later, (now + waits, next(self._number), call, PACED))
                    continue
                self._begin(call)
            self._look(time.monotonic())

    def close(self) -> None:
        """End all connections."""
        for line in [*self._free, *self._busy]:
            self._drop(line)
        self._free.clear()
        if self._selector is not None:
            self._selector.close()
            self._selector = None

    def _look(self, now: float) -> None:
        """Wait for whatever comes next, and deal with it."""
        assert self._selector is not None
        later = [self._later[0][0]] if self._later and len(self._busy) < self._most else []  # while all are busy, none begins
        soonest = min([line.until for line in self._busy] + later, default=now)
        for key, _ in self._selector.select(max(0.0, soonest - now)):
            if key.data in self._busy:
                (self._open if key.data.opening else self._turn)(key.data)
            else:
                self._free.remove(key.data)  # It speaks without being asked: it has been closed.
                self._drop(key.data)
        now = time.monotonic()
        for line in [line for line in self._busy if line.until <= now]:
            self._refused += line.opening
            self._lost(line, "no connection in time" if line.opening else "no answer in time")

    def _begin(self, call: Call) -> None:
        request = memoryview(call.made())
        line = self._free.pop() if self._free else self._new(call)
        if line is None:
            return
        line.call, line.data, line.left, line.until = call, b"", request, time.monotonic() + self._within_s
        self._busy.add(line)
        if not line.opening:
            self._send(line)

    def _new(self, call: Call) -> _Line | None:
        assert self._selector is not None
        try:
            addresses = socket.getaddrinfo(*self._at, type=socket.SOCK_STREAM)
            family, kind, protocol, _, address = addresses[self._refused % len(addresses)]
            made = socket.socket(family, kind, protocol)
            made.settimeout(0)  # it waits for nothing
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with suppress(BlockingIOError):
                made.connect(address)
        except OSError as error:
            self._refused += 1
            self._after(call, call.unanswered(type(error).__name__))
            return None
        line = _Line(made)
        self._selector.register(made, selectors.EVENT_WRITE, line)
        return line

    def _open(self, line: _Line) -> None:
        """Go on opening a connection; when it stands, its request is sent."""
        assert self._selector is not None
        try:
            _connected(line.socket)
            if self._context is not None:
                if not isinstance(line.socket, ssl.SSLSocket):
                    self._selector.unregister(line.socket)
                    line.socket = self._context.wrap_socket(line.socket, server_hostname=self._at[0], do_handshake_on_connect=False)
                    self._selector.register(line.socket, selectors.EVENT_READ, line)
                line.socket.do_handshake()
        except ssl.SSLWantReadError:
            self._selector.modify(line.socket, selectors.EVENT_READ, line)
        except ssl.SSLWantWriteError:
            self._selector.modify(line.socket, selectors.EVENT_WRITE, line)
        except OSError as error:
            self._refused += 1
            self._lost(line, type(error).__name__)
        else:
            line.opening, line.until = False, time.monotonic() + self._within_s
            self._selector.modify(line.socket, selectors.EVENT_READ, line)
            self._send(line)

    def _send(self, line: _Line) -> None:
        assert self._selector is not None
        try:
            while line.left:
                line.left = line.left[line.socket.send(line.left) :]
        except WAITS:
            self._selector.modify(line.socket, BOTH, line)
        except OSError as error:
            self._lost(line, type(error).__name__, gone=True)

    def _turn(self, line: _Line) -> None:
        assert self._selector is not None
        if line.left:
            self._send(line)
            if line not in self._busy:
                return
            if not line.left:
                self._selector.modify(line.socket, selectors.EVENT_READ, line)
        try:
            chunk = line.socket.recv(CHUNK)
            while isinstance(line.socket, ssl.SSLSocket) and line.socket.pending():
                chunk += line.socket.recv(CHUNK)
        except WAITS:
            return
        except OSError as error:
            self._lost(line, type(error).__name__, gone=True)
            return
        if not chunk:
            self._lost(line, "the connection was closed", gone=True)
            return
        line.data += chunk
        try:
            answer = answer_in(line.data)
        except Unanswered as fault:
            self._lost(line, str(fault))
            return
        if answer is not None:
            self._done(line, answer)

    def _done(self, line: _Line, answer: Answer) -> None:
        assert line.call is not None
        self._busy.discard(line)
        call, line.call, line.used = line.call, None, True
        if answer.keeps and not line.left:  # One that was answered before it was sent whole carries no other.
            self._free.append(line)
        else:
            self._drop(line)
        self._after(call, call.answered(answer.status))

    def _lost(self, line: _Line, why: str, *, gone: bool = False) -> None:
        """Give a connection up. One that was kept and has gone meanwhile costs its call no try."""
        assert line.call is not None
        self._busy.discard(line)
        self._drop(line)
        stale = gone and line.used and not line.data
        self._after(line.call, 0.0 if stale else line.call.unanswered(why))

    def _after(self, call: Call, waits: float | None) -> None:
        if waits is not None:
            heappush(self._later, (time.monotonic() + waits, next(self._number), call, not PACED))

    def _drop(self, line: _Line) -> None:
        if self._selector is not None:
            with suppress(KeyError, ValueError):
                self._selector.unregister(line.socket)
        with suppress(OSError):
            line.socket.close()
