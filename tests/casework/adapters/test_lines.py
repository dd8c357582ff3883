"""Answers of HTTP/1.1, whole or in pieces, good or not; and what happens to requests when a connection goes wrong."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from casework.adapters.lines import LONGEST_ANSWER, Answer, Call, Lines, Unanswered, answer_in, framed

OK = b"HTTP/1.1 200 OK\r\n"
WHOLE: dict[str, tuple[bytes, Answer]] = {
    "no body": (OK + b"Content-Length: 0\r\n\r\n", Answer(200, 38, keeps=True)),
    "no length": (OK + b"\r\n", Answer(200, 19, keeps=True)),
    "a body": (OK + b"content-length: 3\r\n\r\nabc", Answer(200, 41, keeps=True)),
    "no reason": (b"HTTP/1.1 410\r\nContent-Length:0\r\n\r\n", Answer(410, 34, keeps=True)),
    "an end": (b"HTTP/1.1 500 Oh\r\nConnection: Close\r\n\r\n", Answer(500, 38, keeps=False)),
    "an old one": (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", Answer(200, 38, keeps=False)),
    "chunks": (
        OK + b"Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n", Answer(200, 81, keeps=True)
    ),
    "no chunk": (OK + b"transfer-encoding: Chunked\r\n\r\n0\r\n\r\n", Answer(200, 52, keeps=True)),
}  # fmt: skip
NONE: dict[str, bytes] = {
    "another protocol": b"SSH-2.0-OpenSSH\r\n\r\n",
    "no status": b"HTTP/1.1\r\n\r\n",
    "a status that is no number": b"HTTP/1.1 OK 200\r\n\r\n",
    "a length that is no number": OK + b"Content-Length: -1\r\n\r\n",
    "a chunk of no length": OK + b"Transfer-Encoding: chunked\r\n\r\nx\r\n",
    "too much": b"x" * (LONGEST_ANSWER + 1),
}


@pytest.mark.parametrize("name", WHOLE)
def test_an_answer_is_read_when_it_is_whole(name: str) -> None:
    data, wanted = WHOLE[name]
    assert wanted.length == len(data)
    assert answer_in(data) == wanted
    assert answer_in(data + b"HTTP/1.1 500") == wanted, "what follows is another's"
    for length in range(len(data)):
        found = answer_in(data[:length])
        assert found is None, length


@pytest.mark.parametrize("name", NONE)
def test_what_is_no_answer_is_told(name: str) -> None:
    with pytest.raises(Unanswered):
        answer_in(NONE[name])


# Over real sockets.

LONG = b"x" * (16 << 20)  # more than a socket takes at once
OK_EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@contextmanager
def serving(*hosts: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve one connection after the other, each in its own way; gives the address."""
    ended = threading.Event()

    def served(listener: socket.socket) -> None:
        held = []
        for host in hosts:
            peer, _ = listener.accept()
            held.append(peer)
            host(peer)
        ended.wait(20)
        for peer in held:
            peer.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=served, args=(listener,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            ended.set()
            thread.join(20)


def call(path: str, body: bytes, tries: int) -> Call:
    return Call(lambda: framed("POST", path, {"host": "x"}.items(), body), lambda _: False, tries, 0.01)


def whole(peer: socket.socket) -> None:
    """Read a request to its end, and answer it."""
    data = b""
    while b"\r\n\r\n" not in data or len(data.partition(b"\r\n\r\n")[2]) < int(data.split(b"content-length: ")[1].split(b"\r\n")[0]):
        data += peer.recv(1 << 20)
    peer.sendall(OK_EMPTY)


def test_what_is_answered_before_it_is_sent_whole_ends_its_connection() -> None:
    def hasty(peer: socket.socket) -> None:
        peer.recv(1000)
        peer.sendall(b"HTTP/1.1 400 Too long\r\nContent-Length: 0\r\n\r\n")

    with serving(hasty, whole) as url:
        lines = Lines(url, 5, 1)
        first, second = call("/first", LONG, 1), call("/second", b"y", 1)
        lines.run([first, second])
        lines.close()
    assert (first.status, second.status, second.said) == (400, 200, "200")


def test_a_connection_that_is_reset_in_the_middle_costs_one_try() -> None:
    def reset(peer: socket.socket) -> None:
        peer.recv(1000)
        time.sleep(0.3)  # until the other side can write no more
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()

    with serving(reset, whole) as url:
        lines = Lines(url, 10, 1)
        one = call("/", LONG, 3)
        lines.run([one])
        lines.close()
    assert (one.status, one.tried) == (200, 1)


def test_a_connection_that_takes_long_to_open_holds_up_no_other() -> None:
    accepted: list[float] = []
    with serving(*[lambda _: accepted.append(time.monotonic())] * 3) as url:  # nobody answers its handshake
        lines = Lines(url.replace("http:", "https:"), 0.5, 3)
        calls = [call(f"/{number}", b"", 1) for number in range(3)]
        began = time.monotonic()
        lines.run(calls)
        lines.close()
    assert len(accepted) == 3
    assert max(accepted) - began < 0.5, "all were connecting before the first was given up"
    assert [(one.status, one.said) for one in calls] == [(None, "no connection in time")] * 3


def test_of_several_addresses_the_next_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(whole) as url, socket.create_server(("127.0.0.1", 0)) as closed:
        dead, usual = closed.getsockname(), socket.getaddrinfo
        closed.close()

        def found(*asked: Any, **more: Any) -> list[Any]:  # noqa: ANN401 - as the resolver takes it
            (good,) = usual(*asked, **more)
            return [(*good[:4], dead), good]

        monkeypatch.setattr(socket, "getaddrinfo", found)
        lines, one = Lines(url, 2, 1), call("/", b"x", 2)
        lines.run([one])
        lines.close()
    assert one.status == 200


def test_whoever_cannot_make_its_request_leaves_nothing_behind() -> None:
    def broken() -> bytes:
        raise ValueError("no credentials")

    with serving(whole) as url:
        lines = Lines(url, 5, 1)
        with pytest.raises(ValueError, match="no credentials"):
            lines.run([Call(broken, lambda _: False, 3, 0.01), call("/never", b"", 1)])
        after = call("/", b"y", 1)
        lines.run([after])
        lines.close()
    assert after.status == 200
