"""Real HTTP and WebSocket traffic through the handlers: a server on a free port, and clients over loopback."""

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import uvicorn
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from casework.live.messages import LONGEST_BYTES as LONGEST_MESSAGE
from casework.ports import Services
from handlers import sockets
from handlers.api import LONGEST_BYTES
from local.courier import LocalCourier
from local.server import INBOUND, application
from local.serving import LONGEST_FRAME
from tests.support import Client, Issuer

PROTOCOL = Subprotocol("graphql-transport-ws")
LONGEST_S = 60
JSON = {"content-type": "application/json"}
ASK = "{ viewer { __typename } }"


class Server:
    """The application, served by a thread."""

    def __init__(self, services: Services) -> None:
        self.courier = LocalCourier()
        self.beside: list[str] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]

        async def lifespan() -> AsyncIterator[None]:
            self.beside.append("began")
            yield
            self.beside.append("ended")

        self.services = replace(services, courier=self.courier)
        self.server = uvicorn.Server(
            uvicorn.Config(
                application(self.services, self.courier, lifespan),
                log_level="critical",
                ws="websockets-sansio",
                ws_max_size=LONGEST_FRAME,
                timeout_graceful_shutdown=3,
            )
        )
        self.thread = threading.Thread(target=lambda: self.server.run(sockets=[self.listener]))

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] = JSON) -> tuple[int, str, bytes]:
        """Give status, content type and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LONGEST_S)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers.get("content-type", ""), answer.read()

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


def closed(opened: ClientConnection) -> tuple[int, str]:
    """Read to the end; gives its code and its reason."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            opened.recv(timeout=LONGEST_S)
    assert opened.close_code is not None
    return opened.close_code, opened.close_reason or ""


def subscribe(number: int, query: str = ASK) -> str:
    return json.dumps({"type": "subscribe", "id": str(number), "payload": {"query": query}})


# HTTP


def test_post_and_get(server: Server) -> None:
    status, kind, body = server.ask("POST", "/graphql", json.dumps({"query": ASK}).encode())
    assert (status, json.loads(body)["data"]["viewer"]["__typename"]) == (200, "Viewer")
    assert kind.startswith("application/")
    status, _, body = server.ask("GET", "/graphql?query=%7B%20viewer%20%7B%20__typename%20%7D%20%7D")
    assert (status, json.loads(body)["data"]["viewer"]["__typename"]) == (200, "Viewer")


def test_the_kind_of_answer_is_the_handlers(server: Server) -> None:
    accept = {**JSON, "accept": "application/graphql-response+json"}
    _, kind, _ = server.ask("POST", "/graphql", json.dumps({"query": ASK}).encode(), accept)
    assert kind.startswith("application/graphql-response+json")


def test_headers_come_through(server: Server, issuer: Issuer) -> None:
    question = json.dumps({"query": ASK}).encode()
    status, _, _ = server.ask("POST", "/graphql", question, {**JSON, "Authorization": f"Bearer {issuer.token('HEAD')}"})
    assert status == 200
    status, _, body = server.ask("POST", "/graphql", question, {**JSON, "Authorization": "Bearer nonsense"})
    assert (status, json.loads(body)["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")


def test_texts_of_any_script_come_through(server: Server) -> None:
    question = "query Q($code: ID!) { dossier(code: $code) { code } }"
    status, _, body = server.ask(
        "POST", "/graphql", json.dumps({"query": question, "variables": {"code": "hồ sơ"}}, ensure_ascii=False).encode()
    )
    assert (status, json.loads(body)["data"]) == (200, {"dossier": None})


@pytest.mark.parametrize("body", [b"\xff\xfe", b"", b"{", b"[]", b"null", b"\0" * 10], ids=repr)
def test_a_body_that_is_no_request(server: Server, body: bytes) -> None:
    status, _, said = server.ask("POST", "/graphql", body)
    assert 400 <= status < 500
    assert b"Traceback" not in said


def test_other_methods_and_addresses(server: Server) -> None:
    assert server.ask("DELETE", "/graphql")[0] == 405
    assert server.ask("GET", "/graph")[0] == 404


def test_a_body_of_the_longest_size_is_read(server: Server) -> None:
    question = json.dumps({"query": ASK}).encode()
    assert server.ask("POST", "/graphql", question + b" " * (LONGEST_BYTES - len(question)))[0] == 200


@pytest.mark.parametrize("more", [1, LONGEST_BYTES])
def test_a_longer_body_is_refused(server: Server, more: int) -> None:
    question = json.dumps({"query": ASK}).encode()
    try:
        status, _, _ = server.ask("POST", "/graphql", question + b" " * (LONGEST_BYTES + more - len(question)))
    except ConnectionError:
        return  # it was closed upon while it was still sending
    assert status == 413


# WebSocket


def test_a_query_over_a_socket(server: Server) -> None:
    with server.acknowledged() as opened:
        assert opened.subprotocol == PROTOCOL
        opened.send(subscribe(1))
        assert received(opened) == {"type": "next", "id": "1", "payload": {"data": {"viewer": {"__typename": "Viewer"}}}}
        assert received(opened) == {"type": "complete", "id": "1"}


def test_messages_are_answered_in_their_order(server: Server) -> None:
    count = 2 * INBOUND
    with server.acknowledged() as opened:
        for number in range(count):
            opened.send(json.dumps({"type": "ping", "payload": {"n": number}}))
        assert [received(opened) for _ in range(count)] == [{"type": "pong", "payload": {"n": number}} for number in range(count)]


def test_only_its_protocol_is_spoken(server: Server) -> None:
    for offered in ([Subprotocol("graphql-ws")], None):
        with pytest.raises(InvalidStatus) as told:
            server.connect(offered)
        assert told.value.response.status_code == 400
    assert server.courier.connected == 0


def test_pages_of_elsewhere_are_kept_out(server: Server) -> None:
    with pytest.raises(InvalidStatus) as told:
        server.connect(origin="https://elsewhere.example")
    assert told.value.response.status_code == 403
    with server.connect(origin="http://localhost:3000") as opened:
        opened.send(json.dumps({"type": "ping"}))
        assert received(opened)["type"] == "pong"


@pytest.mark.parametrize("frame", [b"", b"\0\1", b'{"type": "ping"}'], ids=repr)
def test_a_binary_frame_ends_the_connection(server: Server, frame: bytes) -> None:
    with server.connect() as opened:
        opened.send(frame)
        assert closed(opened) == (4400, "Invalid message received")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"type": "fly"}', '{"type": 3}', '{"id": "1"}'])
def test_a_text_that_is_no_message_ends_the_connection(server: Server, text: str) -> None:
    with server.connect() as opened:
        opened.send(text)
        assert closed(opened) == (4400, "Invalid message received")


def test_a_long_message_ends_the_connection(server: Server) -> None:
    with server.connect() as opened:
        opened.send(json.dumps({"type": "ping", "payload": {"n": "x" * LONGEST_MESSAGE}}))
        assert closed(opened) == (4400, "Message too long")


def test_a_longer_frame_is_not_even_read(server: Server) -> None:
    with server.connect() as opened:
        opened.send("x" * (LONGEST_FRAME + 1))
        assert closed(opened)[0] == 1009


def test_an_operation_before_its_init_ends_the_connection(server: Server) -> None:
    with server.connect() as opened:
        opened.send(subscribe(1))
        assert closed(opened) == (4401, "Unauthorized")


def test_a_second_init_ends_the_connection(server: Server) -> None:
    with server.acknowledged() as opened:
        opened.send(json.dumps({"type": "connection_init"}))
        assert closed(opened)[0] == 4429


def test_a_syntax_error_is_one_of_its_operation(server: Server) -> None:
    with server.acknowledged() as opened:
        opened.send(subscribe(1, "subscription {"))
        told = received(opened)
        assert (told["type"], told["id"]) == ("error", "1")
        opened.send(subscribe(2))
        assert received(opened)["type"] == "next"


def test_a_bad_token_is_an_error_of_each_operation(server: Server) -> None:
    with server.acknowledged(authorization="Bearer nonsense") as opened:
        for number in (1, 2):
            opened.send(subscribe(number))
            told = received(opened)
            assert (told["type"], told["id"]) == ("error", str(number))
            assert told["payload"][0]["extensions"]["code"] == "UNAUTHENTICATED"


def test_a_connection_that_ends_is_forgotten(server: Server, issuer: Issuer, client: Client) -> None:
    code = client.submitted()["dossier"]["code"]
    with server.acknowledged(authorization=f"Bearer {issuer.token('SUPERVISOR')}") as opened:
        opened.send(subscribe(1, f'subscription {{ dossierChanged(code: "{code}") {{ ready cursor }} }}'))
        assert received(opened)["payload"]["data"]["dossierChanged"] == {"ready": True, "cursor": "1"}
        assert server.courier.connected == 1
        (connection,) = server.courier._lines
    until(lambda: server.courier.connected == 0)
    until(lambda: server.services.store.connection(connection, server.services.now()) is None)


def test_a_handler_that_fails_ends_its_connection_and_no_other(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    handle = sockets.handle

    def failing(event: dict[str, Any], services: Services) -> dict[str, Any]:
        if "boom" in event.get("body", ""):
            raise RuntimeError("boom")
        return handle(event, services)

    monkeypatch.setattr(sockets, "handle", failing)
    with server.acknowledged() as other, server.acknowledged() as opened:
        opened.send('{"type": "ping", "payload": {"boom": 1}}')
        assert closed(opened) == (1011, "Internal error")
        other.send('{"type": "ping"}')
        assert received(other)["type"] == "pong"
    until(lambda: server.courier.connected == 0)
