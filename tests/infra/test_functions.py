"""Lambda's entry points on events as API Gateway and DynamoDB send them."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import handlers
from casework.adapters.dynamo import DynamoStore
from casework.adapters.gateway import GatewayCourier
from handlers import api, sockets, stream
from local.engine import Engine
from tests.casework.adapters.test_gateway import Gateway, served
from tests.casework.test_wiring import bind_again, settings
from tests.infra.test_template import ROOT
from tests.support import Client, Issuer

HEADERS = {
    "Host": "abc123.execute-api.ap-southeast-1.amazonaws.com",
    "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": "graphql-transport-ws",
    "Sec-WebSocket-Version": "13",
    "X-Forwarded-For": "192.0.2.1",
}
WATCH = "subscription($code: ID!) { dossierChanged(code: $code) { cursor ready entry { seq } } }"
READ = "query($code: ID!) { dossier(code: $code) { code state trail(first: 2) { nodes { seq } } } }"
APPLICANT = "query($code: ID!) { dossier(code: $code) { applicant { name } } }"
VIEWED = "subscription($code: ID!) { fileViewed(code: $code) { cursor ready access { seq } } }"
FOLLOW = 'subscription { alertRaised(unit: "22-XD") { cursor ready alert { level } } }'
ALERTS = "{ alerts(first: 5) { nodes { level } } }"
LISTS = """{ dossiers(first: 2) { nodes { code trail(first: 1) { nodes { seq } } } } procedures(first: 2) { nodes { code } }
    units(first: 2) { nodes { code } } workCalendar(year: 2026) { days { on } } }"""
TRAILS = """{ unit: auditTrail(unit: "22-XD", last: 2) { nodes { seq reason { text } dossier { code } } }
    actor: auditTrail(actor: "officer-1", last: 2) { nodes { seq } } }"""


@pytest.fixture
def gate(tmp_path: Path, issuer: Issuer, engine: Engine, store: DynamoStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """Set the environment of a function; gives where its posts arrive."""
    handlers.services.cache_clear()
    with served() as found:
        for name, value in {**settings(tmp_path, issuer, engine), "GIAMSAT_GATEWAY_URL": f"{found.url}/test"}.items():
            monkeypatch.setenv(name, value)
        yield found
        courier = handlers.services().courier
        assert isinstance(courier, GatewayCourier)
        courier.shut()
    handlers.services.cache_clear()
    bind_again(store, engine)


@dataclass(frozen=True)
class Socket:
    """A connection as API Gateway tells of it."""

    id: str

    def event(self, route: str, kind: str, **more: Any) -> Any:  # noqa: ANN401 - what Lambda gets back
        context = {
            "routeKey": route, "eventType": kind, "messageDirection": "IN", "stage": "test", "connectedAt": 1795426481057,
            "requestTimeEpoch": 1795426481058, "requestId": "TNPDPGXnvHcFYnQ=", "extendedRequestId": "TNPDPGXnvHcFYnQ=",
            "domainName": HEADERS["Host"], "apiId": "abc123", "connectionId": self.id, "identity": {"sourceIp": "192.0.2.1"},
        }  # fmt: skip
        return sockets.handler({"requestContext": context, "isBase64Encoded": False, **more}, object())

    def say(self, **message: Any) -> None:  # noqa: ANN401 - JSON
        assert self.event("$default", "MESSAGE", body=json.dumps(message)) == {"statusCode": 200}


@pytest.fixture
def socket(gate: Gateway) -> Iterator[Socket]:
    assert gate
    made = Socket(f"{secrets.token_urlsafe(10)}=")
    answer = made.event("$connect", "CONNECT", headers=HEADERS, multiValueHeaders={name: [value] for name, value in HEADERS.items()})
    assert answer == {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "graphql-transport-ws"}}
    yield made
    handlers.services().store.disconnect(made.id)


def asked(document: str, token: str, **variables: str) -> Any:  # noqa: ANN401 - JSON
    event = {
        "version": "2.0", "routeKey": "POST /graphql", "rawPath": "/graphql", "rawQueryString": "",
        "headers": {"content-type": "application/json", "authorization": f"Bearer {token}", "x-forwarded-proto": "https"},
        "requestContext": {
            "accountId": "anonymous", "apiId": "abc123", "domainName": HEADERS["Host"], "domainPrefix": "abc123",
            "http": {"method": "POST", "path": "/graphql", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "curl"},
            "requestId": "JKJaXmPLvHcESHA=", "routeKey": "POST /graphql", "stage": "$default", "timeEpoch": 1795426481057,
        },
        "body": json.dumps({"query": document, "variables": variables}), "isBase64Encoded": False,
    }  # fmt: skip
    answer = api.handler(event, object())
    assert (answer["statusCode"], set(answer)) == (200, {"statusCode", "headers", "body"})
    found = json.loads(answer["body"])
    assert "errors" not in found, found
    return found["data"]


def streamed(code: str) -> None:
    """Hand a dossier's entries to the function as its event source mapping does."""
    store = handlers.services().store
    subject = store.coded(code)
    assert subject
    records = [
        {
            "eventID": secrets.token_hex(16), "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb",
            "awsRegion": "ap-southeast-1", "eventSourceARN": "arn:aws:dynamodb:ap-southeast-1:anonymous:table/giamsat-test-trail/stream/x",
            "dynamodb": {
                "ApproximateCreationDateTime": 1795426481.0, "SequenceNumber": f"{entry.seq:021d}", "SizeBytes": len(entry.line),
                "StreamViewType": "NEW_IMAGE", "Keys": {"subject": {"S": subject}, "seq": {"S": f"E#{entry.seq:08d}"}},
                "NewImage": {"subject": {"S": subject}, "v": {"N": "1"}, "line": {"S": entry.line}, "unit_month": {"S": "22-XD#2026-11"}},
            },
        }
        for entry in store.entries(subject, 0, 100)
    ]  # fmt: skip
    assert stream.handler({"Records": records}, object()) == {"batchItemFailures": []}


def heard(gate: Gateway) -> list[Any]:
    return [json.loads(seen.body) for seen in gate.seen if seen.method == "POST"]


def test_an_import_reads_no_setting_and_builds_nothing() -> None:
    named = ", ".join(f"handlers.{name}" for name in ("api", "fanout", "heartbeat", "sockets", "stream", "sweep", "tasks"))
    look = f"import {named}; print(handlers.services.cache_info().currsize)"
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", look], env=bare, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_a_setting_that_is_missing_is_named_at_each_event(gate: Gateway, issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert gate
    with monkeypatch.context() as broken:
        broken.delenv("GIAMSAT_LOG")
        for _ in range(2):
            with pytest.raises(KeyError, match="GIAMSAT_LOG"):
                asked("{ viewer { role } }", issuer.token("HEAD"))
    assert asked("{ viewer { role } }", issuer.token("HEAD"))["viewer"]["role"] == "HEAD"


def test_an_entry_is_pushed_to_who_watches(gate: Gateway, socket: Socket, issuer: Issuer) -> None:
    built = handlers.services()
    code = Client(built, issuer).assigned()
    socket.say(type="connection_init", payload={"authorization": f"Bearer {issuer.token('HEAD')}"})
    socket.say(type="subscribe", id="1", payload={"query": WATCH, "variables": {"code": code}})
    ack, ready = heard(gate)
    assert ack == {"type": "connection_ack"}
    assert ready["payload"]["data"]["dossierChanged"]["ready"] is True
    assert Client(built, issuer).move("completeStep", "OFFICER", dossier=code, step="CHECK")["errors"] == []
    streamed(code)
    (event,) = heard(gate)[2:]
    assert (event["type"], event["id"]) == ("next", "1")
    seq = event["payload"]["data"]["dossierChanged"]["entry"]["seq"]
    assert seq == int(ready["payload"]["data"]["dossierChanged"]["cursor"]) + 1
    assert {seen.path for seen in gate.seen} == {f"/test/@connections/{socket.id.replace('=', '%3D')}"}
    assert handlers.services() is built


def test_a_message_without_a_body_ends_the_connection(gate: Gateway, socket: Socket) -> None:
    for more in ({}, {"body": None}):
        assert socket.event("$default", "MESSAGE", **more) == {"statusCode": 200}
    assert [seen.method for seen in gate.seen] == ["POST", "DELETE"] * 2


def test_a_connection_that_left_is_forgotten(gate: Gateway, socket: Socket) -> None:
    left = {"headers": {"Host": HEADERS["Host"], "x-api-key": "", "x-restapi": ""}, "multiValueHeaders": {}}
    assert socket.event("$disconnect", "DISCONNECT", **left) == {"statusCode": 200}
    socket.say(type="ping")
    assert [seen.method for seen in gate.seen] == ["DELETE"]


def test_figures_are_told_as_metrics_and_are_no_part_of_the_answer(gate: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert gate
    capsys.readouterr()
    answer = stream.handler({"Records": [{"eventName": "MODIFY", "dynamodb": {"Keys": {}}}]}, object())
    assert answer == {"batchItemFailures": []}
    (told,) = [found for line in capsys.readouterr().out.splitlines() if "_aws" in (found := json.loads(line))]
    (metrics,) = told["_aws"]["CloudWatchMetrics"]
    assert metrics["Namespace"] == "giamsat"
    assert [sorted(names) for names in metrics["Dimensions"]] == [["service", "stage"]]
    assert [(one["Name"], one["Unit"]) for one in metrics["Metrics"]] == [("TrailChanged", "Count")]
    assert (told["TrailChanged"], told["stage"], told["service"]) == ([1.0], handlers.services().stage, "giamsat")
