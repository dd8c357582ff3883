"""Real HTTP and WebSocket traffic through the handlers: a server on a free port, and clients over loopback."""

import contextlib
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection
from websockets.typing import Subprotocol

from casework.live.messages import LONGEST_BYTES as LONGEST_MESSAGE
from casework.ports import Services
from handlers import api, sockets
from handlers.api import LONGEST_BYTES
from local.server import INBOUND, THREADS
from local.serving import LONGEST_FRAME
from tests.local.conftest import JSON, LONGEST_S, PROTOCOL, Server, received, until
from tests.support import Client, Issuer

ASK = "{ viewer { __typename } }"


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


# Pages of other origins


@pytest.mark.parametrize(
    ("origin", "may"), [("http://localhost:3000", True), ("http://127.0.0.1:5173", True), ("https://example.org", False)]
)
def test_pages_of_loopback_may_ask(server: Server, origin: str, may: bool) -> None:  # noqa: FBT001 - a case
    asking = {"origin": origin, "access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}
    status, told, _ = server.asked("OPTIONS", "/graphql", headers=asking)
    assert (status == 200, told["access-control-allow-origin"] == origin) == (may, may)
    status, told, _ = server.asked("POST", "/graphql", json.dumps({"query": ASK}).encode(), {**JSON, "origin": origin})
    assert (status, told["access-control-allow-origin"]) == (200, origin if may else None)


# Health


def test_health_tells_engine_and_stream(server: Server) -> None:
    server.lag = 1.5
    status, told, body = server.asked("GET", "/health")
    assert (status, told["content-type"], told["cache-control"]) == (200, "application/json; charset=utf-8", "no-store")
    found = json.loads(body)
    assert (found["status"], found["engine"]["answers"], found["stream"]) == ("ok", True, {"lag_s": 1.5})
    status, told, body = server.asked("HEAD", "/health")
    assert (status, told["content-type"], body) == (200, "application/json; charset=utf-8", b"")
    assert server.asked("POST", "/health")[0] == 405


def test_health_fails_with_the_pump(server: Server) -> None:
    server.lag = None
    status, _, body = server.ask("GET", "/health")
    assert (status, json.loads(body)["status"]) == (503, "failing")


def test_health_waits_behind_nobody(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Semaphore(0), threading.Event()

    def hanging(event: dict[str, Any], services: Services) -> dict[str, Any]:
        begun.release()
        go_on.wait(LONGEST_S)
        return handle(event, services)

    handle = api.handle
    monkeypatch.setattr(api, "handle", hanging)
    question = json.dumps({"query": ASK}).encode()
    with ThreadPoolExecutor(THREADS + 1) as askers:
        asked = [askers.submit(server.ask, "POST", "/graphql", question) for _ in range(THREADS + 1)]
        try:
            assert all(begun.acquire(timeout=LONGEST_S) for _ in range(THREADS))
            assert server.ask("GET", "/health")[0] == 200
            assert [one for one in asked if one.done()] == []
        finally:
            go_on.set()
        assert [one.result()[0] for one in asked] == [200] * (THREADS + 1)


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


def test_a_text_that_is_no_utf_8_ends_the_connection(server: Server) -> None:
    with server.acknowledged() as opened, server.acknowledged() as other:
        opened.send(b'{"type": "ping", "payload": {"n": "\xff\xfe"}}', text=True)
        assert closed(opened)[0] == 1007
        other.send(subscribe(1))
        assert received(other)["type"] == "next"


def test_a_flood_holds_up_nobody_else(server: Server) -> None:
    count = 20 * INBOUND
    with server.acknowledged() as flooding, server.acknowledged() as other:
        sending = threading.Thread(target=lambda: list(map(flooding.send, ['{"type":"ping"}'] * count)))
        sending.start()
        for number in range(5):
            other.send(subscribe(number))
            assert (received(other)["type"], received(other)["type"]) == ("next", "complete")
        assert [received(flooding)["type"] for _ in range(count)] == ["pong"] * count, "each is answered"
        sending.join(LONGEST_S)


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


def test_what_was_sent_in_time_counts_though_it_is_read_later(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """When thousands connect at once, messages wait for their turn: nobody is ended for that."""
    usual = sockets.handle

    def slow(event: dict[str, Any], services: Services) -> dict[str, Any]:
        if event["requestContext"]["routeKey"] == "$default":
            time.sleep(0.6)
        return usual(event, services)

    monkeypatch.setattr(sockets, "handle", slow)
    monkeypatch.setattr("local.server.INIT", timedelta(seconds=0.1))
    with server.connect() as opened:
        opened.send(json.dumps({"type": "connection_init"}))
        assert received(opened)["type"] == "connection_ack"
        opened.send(subscribe(1))
        assert received(opened)["type"] == "next"
