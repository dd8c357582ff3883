"""The applicant watches who looks: over a real socket he hears of a view and of an unmasking, which the second log then proves."""

import json
import time
from typing import Any

from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from casework.audit.note import Checkpoint, Key, Note, Proof, verified
from tests.e2e.conftest import LONGEST_S, Service

SUBPROTOCOL = Subprotocol("graphql-transport-ws")
VIEWED = "subscription($code: ID!) { fileViewed(code: $code) { cursor ready access { kind reason hash actor { id role } } } }"
READ = "query($code: ID!) { dossier(code: $code) { applicant { name masked } } }"
UNMASK = """mutation($input: UnmaskApplicantInput!) { unmaskApplicant(input: $input) {
    dossier { applicant { name } } access { hash } errors { code } } }"""
PROVED = "query($code: ID!) { dossier(code: $code) { accesses(first: 10) { nodes { hash proof { index size text } } } } }"


def next_of(socket: ClientConnection) -> dict[str, Any]:
    while (message := json.loads(socket.recv(LONGEST_S)))["type"] == "ping":
        continue  # It comes in a minute of its own, whatever else is said.
    assert message["type"] == "next", message
    found: dict[str, Any] = message["payload"]["data"]["fileViewed"]
    return found


def proved(service: Service, code: str) -> list[dict[str, Any]]:
    """Wait until all accesses are proved, which takes seconds; gives them."""
    deadline = time.monotonic() + LONGEST_S
    while time.monotonic() < deadline:
        nodes: list[dict[str, Any]] = service.ask(PROVED, "CITIZEN", code=code)["data"]["dossier"]["accesses"]["nodes"]
        if all(node["proof"] for node in nodes):
            return nodes
        time.sleep(0.1)
    raise AssertionError("an access is not in the second log")


def test_the_applicant_hears_who_looks_at_his_file(service: Service) -> None:
    code, _ = service.submitted()
    with connect(service.socket, subprotocols=[SUBPROTOCOL]) as socket:
        socket.send(json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {service.token('CITIZEN')}"}}))
        assert json.loads(socket.recv(LONGEST_S)) == {"type": "connection_ack"}
        payload = {"query": VIEWED, "variables": {"code": code}}
        socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
        assert next_of(socket) == {"cursor": "0", "ready": True, "access": None}
        for _ in range(2):
            found = service.ask(READ, "RECEPTION", code=code)["data"]["dossier"]["applicant"]
            assert found == {"name": "Nguyễn Văn An", "masked": False}
        viewed = next_of(socket)
        assert (viewed["cursor"], viewed["access"]["kind"], viewed["access"]["actor"]) == (
            "1", "VIEWED", {"id": "reception-1", "role": "RECEPTION"},
        )  # fmt: skip
        assert service.ask(READ, "SUPERVISOR", code=code)["data"]["dossier"]["applicant"] == {"name": "N***", "masked": True}
        given = {"dossier": code, "reason": "đơn kêu cứu", "idempotencyKey": "unmask"}
        made = service.ask(UNMASK, "SUPERVISOR", input=given)["data"]["unmaskApplicant"]
        assert (made["errors"], made["dossier"]["applicant"]) == ([], {"name": "Nguyễn Văn An"})
        unmasked = next_of(socket)
        assert (unmasked["cursor"], unmasked["access"]["reason"]) == ("2", "đơn kêu cứu")
        assert unmasked["access"]["hash"] == made["access"]["hash"]
    key = Key.read((service.data / "keys" / "accesses.vkey").read_text().strip())
    nodes = proved(service, code)
    assert [node["hash"] for node in nodes] == [viewed["access"]["hash"], unmasked["access"]["hash"]]
    for node in nodes:
        assert verified(Proof.read(node["proof"]["text"]).checkpoint, [key])
    published = Note.read((service.data / "log-accesses" / "checkpoint").read_text())
    assert Checkpoint.read(published.text).origin == "giamsat.local/accesses"
    assert verified(published, [key])
