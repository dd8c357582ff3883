"""Posts against a real HTTP server on loopback: what is sent, signed as AWS's own client signs, and what each answer leads to."""

import hashlib
import hmac
import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import pytest
from botocore.exceptions import NoCredentialsError

from casework.adapters import gateway, lines
from casework.adapters.gateway import CONNECTIONS, LEAST_RATE, RATE, TRIES, Bucket, GatewayCourier
from casework.model.errors import Unavailable
from casework.ports import Courier, Posted

ROOT = Path(__file__).parents[3]
KEY, REGION = "key-of-the-test", "ap-southeast-1"
ID = "L0SM9cOFvHcCIhw="
HANG_UP = 0  # no answer, and the end of the connection


@dataclass(frozen=True)
class Seen:
    """One request as the server saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    peer: int


@dataclass
class Gateway:
    """Answers with what is queued, and then with 200; a None is no answer in time."""

    url: str = ""
    answers: list[int | None] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    body: bytes = b""
    refused: dict[str, int] = field(default_factory=dict)  # the status for a connection, each time
    released: threading.Event = field(default_factory=threading.Event)


@contextmanager
def served() -> Iterator[Gateway]:
    """Serve on a free port of loopback."""
    gate = Gateway()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            gate.seen.append(Seen(self.command, self.path, headers, body, self.client_address[1]))
            status = gate.refused.get(self.path.rpartition("/")[2]) or (gate.answers.pop(0) if gate.answers else 200)
            if status == HANG_UP:
                self.close_connection = True
                return
            if status is None:
                gate.released.wait(10)
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(gate.body)))
            self.end_headers()
            self.wfile.write(gate.body)

        do_POST = do_DELETE = answer  # noqa: N815 - http.server's own names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128  # by itself it takes five connections at once, and the sixth waits for seconds

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        gate.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield gate
        finally:
            gate.released.set()
            server.shutdown()
            thread.join()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token-of-the-test")
    monkeypatch.setattr(gateway, "PAUSE_S", 0.001)
    with served() as found:
        yield found


@pytest.fixture
def courier(gate: Gateway) -> Iterator[GatewayCourier]:
    found = GatewayCourier(f"{gate.url}/prod", region=REGION)
    yield found
    found.shut()


def verified(seen: Seen) -> bool:
    """Whether a request is signed for API Gateway."""
    return signed_by(seen, "execute-api")


def signed_by(seen: Seen, service: str) -> bool:
    """Compute the signature anew, from the public description of Signature Version 4."""
    algorithm, _, rest = seen.headers["authorization"].partition(" ")
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    scope = parts["Credential"].partition("/")[2]
    names = parts["SignedHeaders"].split(";")
    signed = "".join(f"{name}:{seen.headers[name].strip()}\n" for name in names)
    digest = hashlib.sha256(seen.body).hexdigest()
    request = "\n".join([seen.method, quote(seen.path, safe="/~"), "", signed, ";".join(names), digest])
    text = "\n".join([algorithm, seen.headers["x-amz-date"], scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{KEY}".encode()
    for step in [*scope.split("/"), text]:
        key = hmac.digest(key, step.encode(), "sha256")
    return hmac.compare_digest(key.hex(), parts["Signature"]) and scope.endswith(f"/{REGION}/{service}/aws4_request")


def test_it_is_a_courier(courier: GatewayCourier) -> None:
    made: Courier = courier
    assert made.post(ID, "text")


def test_a_message_goes_to_its_connection_signed(gate: Gateway, courier: GatewayCourier) -> None:
    assert courier.post(ID, '{"type":"next","tên":"Nguyễn"}')
    (seen,) = gate.seen
    assert (seen.method, seen.path) == ("POST", "/prod/@connections/L0SM9cOFvHcCIhw%3D")
    assert seen.body.decode() == '{"type":"next","tên":"Nguyễn"}'
    assert seen.headers["x-amz-security-token"] == "token-of-the-test"
    assert "x-amz-security-token" in seen.headers["authorization"]
    assert verified(seen)


def test_it_is_what_the_client_of_aws_sends(gate: Gateway, courier: GatewayCourier) -> None:
    official = boto3.Session().client("apigatewaymanagementapi", endpoint_url=f"{gate.url}/prod", region_name=REGION)
    official.post_to_connection(ConnectionId=ID, Data=b"text")
    official.delete_connection(ConnectionId=ID)
    official.close()
    courier.post(ID, "text")
    courier.close_all([ID], 4408, "Connection expired")
    theirs, ours = gate.seen[:2], gate.seen[2:]
    assert all(verified(seen) for seen in gate.seen)
    assert [(seen.method, seen.path, seen.body) for seen in ours] == [(seen.method, seen.path, seen.body) for seen in theirs]


def test_one_connection_is_kept(gate: Gateway, courier: GatewayCourier) -> None:
    assert all(courier.post(ID, str(number)) for number in range(5))
    assert all(before.peer == after.peer for before, after in pairwise(gate.seen))


def test_one_that_is_gone_is_told_at_once(gate: Gateway, courier: GatewayCourier) -> None:
    gate.answers = [410]
    assert courier.post(ID, "text") is False
    assert len(gate.seen) == 1


@pytest.mark.parametrize("answers", [[429], [500], [503, 429], [502, 410]])
def test_what_passes_is_tried_again(gate: Gateway, courier: GatewayCourier, answers: list[int | None]) -> None:
    gate.answers = [*answers]
    assert courier.post(ID, "text") is (answers[-1] != 410)
    assert {seen.body for seen in gate.seen} == {b"text"}
    assert all(verified(seen) for seen in gate.seen)


@pytest.mark.parametrize("status", [429, 500])
def test_what_does_not_pass_is_told_after_the_last_try(
    gate: Gateway, courier: GatewayCourier, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:  # fmt: skip
    monkeypatch.setattr(lines, "PATIENCE_S", 0.0)
    gate.answers = [status] * 9
    with pytest.raises(Unavailable, match=str(status)):
        courier.post(ID, "text")
    assert len(gate.seen) == TRIES


def test_what_is_only_too_much_is_waited_out(gate: Gateway, courier: GatewayCourier) -> None:
    gate.answers = [*[429] * 4 * TRIES]
    assert courier.post(ID, "text")
    assert len(gate.seen) == 4 * TRIES + 1


@pytest.mark.parametrize("status", [400, 403, 307])
def test_a_refusal_is_not_tried_again(gate: Gateway, courier: GatewayCourier, status: int) -> None:
    gate.answers = [status]
    with pytest.raises(Unavailable, match=str(status)):
        courier.post(ID, "text")
    assert len(gate.seen) == 1


def test_silence_is_tried_again(gate: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "TIMEOUT_S", 0.1)
    gate.answers = [None, 200, None, None, None]
    courier = GatewayCourier(gate.url, region=REGION)
    assert courier.post(ID, "text")
    with pytest.raises(Unavailable, match="no answer in time"):
        courier.post(ID, "text")
    assert len(gate.seen) == 2 + TRIES
    courier.shut()


@pytest.mark.usefixtures("gate")
def test_nobody_there_is_told() -> None:
    nobody = GatewayCourier("http://127.0.0.1:9/prod", region=REGION)
    with pytest.raises(Unavailable, match="ConnectionRefusedError"):
        nobody.post(ID, "text")
    nobody.shut()


def test_the_tries_fit_into_a_function() -> None:
    assert TRIES * 2 * gateway.TIMEOUT_S + gateway.PAUSE_S * sum(range(TRIES)) < 29


def test_many_are_posted_at_once_and_each_is_told_its_own(gate: Gateway, courier: GatewayCourier) -> None:
    messages = [(f"connection-{number}", f"text {number}") for number in range(100)]
    assert courier.post_all(messages) == [Posted.DONE] * 100
    assert sorted((seen.path.rpartition("/")[2], seen.body.decode()) for seen in gate.seen) == sorted(messages)
    assert all(verified(seen) for seen in gate.seen)
    assert 1 < len({seen.peer for seen in gate.seen}) <= CONNECTIONS


def test_one_that_fails_hurts_no_other(gate: Gateway, courier: GatewayCourier) -> None:
    gate.refused = {"gone": 410, "broken": 500, "forbidden": 403}
    outcomes = courier.post_all([(name, "text") for name in ("a", "gone", "b", "broken", "forbidden", "c")])
    assert outcomes == [Posted.DONE, Posted.GONE, Posted.DONE, Posted.FAILED, Posted.FAILED, Posted.DONE]
    assert [seen.path.rpartition("/")[2] for seen in gate.seen].count("broken") == TRIES
    assert courier.post_all([]) == []


def test_a_connection_that_was_kept_for_too_long_costs_no_try(gate: Gateway, courier: GatewayCourier) -> None:
    gate.answers = [200, HANG_UP]
    for _ in range(2):
        assert courier.post(ID, "text")
    gate.answers = [HANG_UP] * 9
    with pytest.raises(Unavailable, match="closed"):
        courier.post(ID, "text")


def test_refusals_halve_the_rate_and_time_brings_it_back() -> None:
    bucket = Bucket()
    assert [bucket.take(1.0) for _ in range(RATE // 10)] == [0.0] * (RATE // 10)
    assert bucket.take(1.0) == pytest.approx(1 / RATE)
    bucket.refused(1.0)
    assert bucket.rate == RATE / 2
    for second in range(2, 60):
        bucket.take(float(second))
    assert bucket.rate == RATE
    for _ in range(99):
        bucket.refused(60.0)
    assert bucket.rate == RATE / 2, "refusals of one second are one"
    for second in range(61, 90):
        bucket.refused(float(second))
    assert bucket.rate == LEAST_RATE
    waits = [bucket.take(89.5) for _ in range(LEAST_RATE)]
    assert waits == sorted(waits)
    assert waits[-1] == pytest.approx(1, abs=0.2)
    bucket.take(89.5 + 60)
    assert bucket.rate == RATE, "time brings it back, however long nobody posted"


def test_a_connection_that_is_old_is_only_ended(gate: Gateway, courier: GatewayCourier) -> None:
    courier.close_all([ID], 4408, "Connection expired")
    assert [(seen.method, seen.path) for seen in gate.seen] == [("DELETE", "/prod/@connections/L0SM9cOFvHcCIhw%3D")]


@pytest.mark.parametrize("code", [4400, 4401, 4409, 4429])
def test_a_fault_is_told_before_the_end(gate: Gateway, courier: GatewayCourier, code: int) -> None:
    courier.close_all([ID], code, 'Bad "thing"')
    assert [seen.method for seen in gate.seen] == ["POST", "DELETE"]
    assert json.loads(gate.seen[0].body) == {"type": f'close {code}: Bad "thing"'}


def test_who_is_gone_need_not_be_ended(gate: Gateway, courier: GatewayCourier) -> None:
    gate.answers = [410, 410]
    courier.close_all([ID], 4400, "Bad")
    courier.close_all([ID], 4408, "Old")
    assert [seen.method for seen in gate.seen] == ["POST", "DELETE"]


def test_without_credentials_nothing_is_posted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    courier = GatewayCourier("http://127.0.0.1:9/prod", region=REGION)
    with pytest.raises(NoCredentialsError):
        courier.post(ID, "{}")


# A server that ends each operation as API Gateway can, with 1000, after telling what is in argv; says how often the client came.
ENDED = """
import { WebSocketServer, WebSocket } from "ws";
import { createClient } from "graphql-ws";
const told = JSON.parse(process.argv[1]);
let came = 0;
const server = new WebSocketServer({ port: 0, host: "127.0.0.1", handleProtocols: () => "graphql-transport-ws" });
server.on("connection", (socket) => {
  came++;
  socket.on("message", (data) => {
    if (JSON.parse(data).type === "connection_init") return socket.send('{"type":"connection_ack"}');
    told.forEach((text) => socket.send(text));
    socket.close(1000);
  });
});
await new Promise((listening) => server.on("listening", listening));
const client = createClient({ url: `ws://127.0.0.1:${server.address().port}`, webSocketImpl: WebSocket });
let error = null;
client.subscribe({ query: "subscription { a }" }, { next() {}, error(found) { error = found.message; }, complete() {} });
const told_or_back = () => error !== null || came > 20;
for (let tries = 0; tries < 500 && !told_or_back(); tries++) await new Promise((next) => setTimeout(next, 20));
await new Promise((next) => setTimeout(next, 300)); // time enough to come again
console.log(JSON.stringify({ came, error }));
process.exit(0);
"""


def ended(told: list[str]) -> dict[str, Any]:
    command = ["node", "--input-type=module", "--eval", ENDED, json.dumps(told)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=30)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_client_that_is_told_stays_away(gate: Gateway, courier: GatewayCourier) -> None:
    assert ended([])["came"] > 20  # what is to be avoided
    courier.close_all([ID], 4429, "Too many operations")
    found = ended([gate.seen[0].body.decode()])
    assert found["came"] == 1
    assert "close 4429: Too many operations" in found["error"]
