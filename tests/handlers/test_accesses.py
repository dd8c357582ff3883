"""`fileViewed`: the applicant hears of each access as it is written, and so does whoever supervises."""

import secrets
from collections.abc import Callable
from typing import Any

import pytest

from casework.model.record import DossierId
from casework.ports import Accessed, Services
from handlers import stream
from local.engine import Engine
from local.pump import Pump
from tests.handlers.test_sockets import Socket, join
from tests.support import Client, RecordingCourier

__all__ = ["join"]
Join = Callable[..., Socket]
VIEWED = """subscription($code: ID!, $after: String) { fileViewed(code: $code, after: $after) {
    id cursor gap ready at count version access { id seq kind reason hash prev actor { id role unit } } } }"""
READ = "query($code: ID!) { dossier(code: $code) { applicant { name } } }"
UNMASK = "mutation($input: UnmaskApplicantInput!) { unmaskApplicant(input: $input) { access { id } errors { code } } }"


def record(one: Accessed) -> dict[str, Any]:
    keys = {"subject": {"S": one.entry.place[0]}, "seq": {"S": f"E#{one.entry.seq:08d}"}}
    kept = {"disclosures": {"L": [{"S": text} for text in one.disclosures.values()]}} if one.disclosures else {}
    return {"eventName": "INSERT", "dynamodb": {"Keys": keys, "NewImage": {**keys, "v": {"N": "1"}, "line": {"S": one.entry.line}, **kept}}}


def subject_of(services: Services, code: str) -> DossierId:
    found = services.store.coded(code)
    assert found
    return found


def pumped(services: Services, code: str, after: int = 0) -> list[Accessed]:
    """Hand a dossier's accesses to the stream's handler, as the engine would; gives them."""
    found = services.store.accesses(subject_of(services, code), after, 100)
    assert stream.handle({"Records": [record(one) for one in found]}, services) == {"batchItemFailures": []}
    return found


def told(socket: Socket) -> list[dict[str, Any]]:
    heard = socket.heard()
    assert all(message["type"] == "next" and "errors" not in message["payload"] for message in heard), heard
    return [message["payload"]["data"]["fileViewed"] for message in heard]


def looked(client: Client, code: str, who: str = "HEAD") -> None:
    assert client.ask(READ, who, None, code=code)["data"]["dossier"]["applicant"]


def unmask(client: Client, code: str) -> None:
    given = {"dossier": code, "reason": "đơn kêu cứu", "idempotencyKey": secrets.token_hex(8)}
    assert client.ask(UNMASK, "SUPERVISOR", None, input=given)["data"]["unmaskApplicant"]["errors"] == []


@pytest.mark.parametrize("who", ["CITIZEN", "SUPERVISOR", "INSPECTOR"])
def test_an_access_is_heard_of_as_it_is_written(client: Client, services: Services, join: Join, who: str) -> None:
    code, subject = client.assigned(), ""
    socket = join(who)
    socket.subscribe(VIEWED, code=code)
    (ready,) = told(socket)
    assert (ready["ready"], ready["cursor"], ready["access"], ready["count"]) == (True, "0", None, 0)
    looked(client, code)
    unmask(client, code)
    first, second = pumped(services, code)
    subject = subject_of(services, code)
    events = told(socket)
    assert [(event["id"], event["cursor"], event["version"]) for event in events] == [
        (f"accesses/{subject}/1", "1", None),
        (f"accesses/{subject}/2", "2", None),
    ]
    assert events[0]["access"] == {
        "id": events[0]["access"]["id"], "seq": 1, "kind": "VIEWED", "reason": None, "hash": first.entry.hash, "prev": "0" * 64,
        "actor": {"id": "head-1", "role": "HEAD", "unit": "22-XD"},
    }  # fmt: skip
    assert (events[1]["access"]["kind"], events[1]["access"]["reason"]) == ("UNMASKED", "đơn kêu cứu")
    assert (events[1]["access"]["hash"], events[1]["access"]["prev"]) == (second.entry.hash, first.entry.hash)


def test_whoever_comes_late_hears_what_was_before(client: Client, services: Services, join: Join) -> None:
    code = client.assigned()
    for _ in range(3):
        unmask(client, code)
    socket = join("CITIZEN")
    socket.subscribe(VIEWED, code=code, after="1")
    ready, *events = told(socket)
    assert (ready["cursor"], [event["cursor"] for event in events]) == ("1", ["2", "3"])
    pumped(services, code)  # What comes again from the stream has been seen.
    assert told(socket) == []
    unmask(client, code)
    pumped(services, code, 3)
    assert [event["cursor"] for event in told(socket)] == ["4"]


@pytest.mark.parametrize("after", ["2", "x", "-1", ""])
def test_a_cursor_that_no_event_brought_is_refused(client: Client, join: Join, after: str) -> None:
    code = client.assigned()
    unmask(client, code)
    socket = join("CITIZEN")
    socket.subscribe(VIEWED, code=code, after=after)
    (refused,) = socket.heard()
    assert (refused["type"], refused["payload"][0]["extensions"]["code"]) == ("error", "BAD_USER_INPUT")


@pytest.mark.parametrize(("who", "subject"), [
    ("HEAD", None), ("OFFICER", None), ("RECEPTION", None), ("ADMIN", None), (None, None), ("CITIZEN", "citizen-2"),
])  # fmt: skip
def test_others_watch_nothing(client: Client, join: Join, who: str | None, subject: str | None) -> None:
    code = client.assigned()
    socket = join(who, subject)
    socket.subscribe(VIEWED, code=code)
    (refused,) = socket.heard()
    assert (refused["type"], refused["payload"][0]["extensions"]["code"]) == ("error", "FORBIDDEN")


@pytest.mark.parametrize("code", ["22-XD-260101-9999", "", "x"])
def test_of_what_there_is_not_nothing_is_watched(join: Join, code: str) -> None:
    socket = join("INSPECTOR")
    socket.subscribe(VIEWED, code=code)
    (refused,) = socket.heard()
    assert refused["payload"][0]["extensions"]["code"] == "FORBIDDEN"


def test_an_access_is_no_event_of_the_dossier_nor_an_entry_one_of_its_accesses(client: Client, services: Services, join: Join) -> None:
    code = client.assigned()
    changed, viewed = join("CITIZEN"), join("CITIZEN")
    changed.subscribe("subscription($code: ID!) { dossierChanged(code: $code) { cursor } }", code=code)
    viewed.subscribe(VIEWED, code=code)
    assert len(changed.heard()) == len(viewed.heard()) == 1
    looked(client, code)
    pumped(services, code)
    assert changed.heard() == []
    assert len(told(viewed)) == 1
    client.done("completeStep", "OFFICER", dossier=code, step="CHECK")
    held = services.store.held(subject_of(services, code))
    assert held
    (entry,) = services.store.entries(held.id, held.tip.seq - 1, 1)
    line = {"S": entry.line}
    stream.handle(
        {
            "Records": [
                {"eventName": "INSERT", "dynamodb": {"NewImage": {"v": {"N": "1"}, "line": line, "unit_month": {"S": "22-XD#2036-06"}}}}
            ]
        },
        services,
    )
    assert len(changed.heard()) == 1
    assert told(viewed) == []


def test_the_stream_of_accesses_is_followed(
    client: Client, services: Services, engine: Engine, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.pump.STAGE", "test")
    monkeypatch.setattr("local.pump.FOLLOWER", f"accesses-{secrets.token_hex(4)}")
    code = client.assigned()
    socket = join("CITIZEN")
    socket.subscribe(VIEWED, code=code)
    assert len(told(socket)) == 1
    pump = Pump(services, engine.endpoint, lambda: True)
    pump.start()
    try:
        looked(client, code)
        for _ in range(600):
            if events := told(socket):
                break
            pump._stopping.wait(0.05)
    finally:
        pump.stop()
    assert [event["access"]["actor"]["id"] for event in events] == ["head-1"]


def test_a_changed_access_is_an_alarm(services: Services, caplog: pytest.LogCaptureFixture, courier: RecordingCourier) -> None:
    keys = {"subject": {"S": "0" * 32}, "seq": {"S": "E#00000001"}}
    stream.handle({"Records": [{"eventName": "MODIFY", "dynamodb": {"Keys": keys}}]}, services)
    assert "was changed" in caplog.text
    assert courier.posts == []
