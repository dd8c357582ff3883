"""The application on a free port, in a thread of the tests' own process, over the engine that they share."""

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from email.message import Message
from typing import Any

import pytest
import uvicorn
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from casework.ports import Services
from local.courier import LocalCourier
from local.server import application
from local.serving import LONGEST_FRAME

PROTOCOL = Subprotocol("graphql-transport-ws")
LONGEST_S = 60
JSON = {"content-type": "application/json"}


class Server:
    """The application, served by a thread."""

    def __init__(self, services: Services) -> None:
        self.courier = LocalCourier()
        self.beside: list[str] = []
        self.lag: float | None = 0.0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]

        async def lifespan() -> AsyncIterator[None]:
            self.beside.append("began")
            yield
            self.beside.append("ended")

        self.services = replace(services, courier=self.courier)
        self.server = uvicorn.Server(
            uvicorn.Config(
                application(self.services, self.courier, lifespan, lambda: self.lag),
                log_level="critical",
                ws="websockets-sansio",
                ws_max_size=LONGEST_FRAME,
                timeout_graceful_shutdown=3,
            )
        )
        self.thread = threading.Thread(target=lambda: self.server.run(sockets=[self.listener]))

    def asked(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] = JSON) -> tuple[int, Message, bytes]:
        """Give status, headers and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LONGEST_S)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] = JSON) -> tuple[int, str, bytes]:
        """Give status, content type and body."""
        status, told, said = self.asked(method, path, body, headers)
        return status, told.get("content-type", ""), said

    def connect(self, offered: Sequence[Subprotocol] | None = (PROTOCOL,), origin: str | None = None) -> ClientConnection:
        return connect(f"ws://127.0.0.1:{self.port}/graphql", subprotocols=offered, origin=Origin(origin) if origin else None)

    @contextlib.contextmanager
    def acknowledged(self, **payload: str) -> Iterator[ClientConnection]:
        with self.connect() as opened:
            opened.send(json.dumps({"type": "connection_init", "payload": payload}))
            assert received(opened) == {"type": "connection_ack"}
            yield opened


@pytest.fixture
def server(services: Services) -> Iterator[Server]:
    made = Server(services)
    with made.listener:
        made.thread.start()
        try:
            until(lambda: made.server.started or not made.thread.is_alive())
            assert made.server.started
            yield made
        finally:
            made.server.should_exit = True
            made.thread.join(LONGEST_S)
    assert made.beside == ["began", "ended"]


def until(true: Any) -> None:  # noqa: ANN401 - a question
    deadline = time.monotonic() + LONGEST_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def received(opened: ClientConnection) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(opened.recv(timeout=LONGEST_S))
    return found
