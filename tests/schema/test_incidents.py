"""Incidents: by whom they are opened and closed, each input that is none, what a dossier tells of one, and who reads why."""

import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from casework.actions.tasks import begin, following_of, id_of, work
from casework.adapters.dynamo import DynamoStore
from casework.audit.chain import Entry
from casework.model.record import DossierId
from casework.ports import Services
from handlers import stream
from local.engine import Engine
from schema.node import global_id, read_id
from tests.handlers.test_sockets import Socket
from tests.handlers.test_stream import record
from tests.schema.common import BAD_TEXTS
from tests.stages import staged
from tests.support import Client, RecordingCourier, SettableClock

FIELDS = """dossier { code } task { id kind state }
    incident { id unit { code } openedAt closedAt stopsClocks reason legalBasis closeReason }
    entry { id action subject reason { code } actor { id } } errors { __typename code message(lang: EN) vi: message path }"""
OPEN = f"mutation($input: OpenIncidentInput!) {{ openIncident(input: $input) {{ {FIELDS} }} }}"
CLOSE = f"mutation($input: CloseIncidentInput!) {{ closeIncident(input: $input) {{ {FIELDS} }} }}"
NODE = "query($id: ID!) { node(id: $id) { __typename ... on Incident { id unit { code } reason stopsClocks closedAt } } }"
DOSSIER = """query($code: ID!) { dossier(code: $code) { state clock { dueAt paused intervals { kind holder } }
    blockers { number stopsClock reason clearedAt incident { id reason } } trail(last: 1) { nodes { action actor { kind id } } } } }"""


@pytest.fixture(scope="module")
def store(store: DynamoStore, engine: Engine) -> Iterator[DynamoStore]:
    """A store of these tests alone: an incident comes to whatever dossiers there are."""
    with staged("incidents", store, engine) as own:
        yield own


def asked(client: Client, document: str, who: str | None, subject: str | None = None, /, **given: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    given.setdefault("idempotencyKey", secrets.token_hex(8))
    answer = client.ask(document, who, subject, input=given)
    assert "errors" not in answer, answer
    (payload,) = answer["data"].values()
    assert payload["dossier"] is None
    found: dict[str, Any] = payload
    return found


def opened(client: Client, who: str | None = "HEAD", /, **given: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return asked(client, OPEN, who, **{"unit": "22-XD", "reason": "mất điện", "stopsClocks": True, **given})


def closed(client: Client, incident: str, who: str | None = "HEAD", /, **given: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return asked(client, CLOSE, who, incident=incident, **given)


def done(payload: dict[str, Any]) -> dict[str, Any]:
    assert payload["errors"] == []
    return payload


def refusal(payload: dict[str, Any]) -> tuple[str, list[str] | None]:
    assert (payload["incident"], payload["task"], payload["entry"]) == (None, None, None)
    (error,) = payload["errors"]
    assert error["__typename"] == "Invalid"
    assert error["message"] != error["vi"]
    return error["code"], error["path"]


def carried_out(services: Services, payload: dict[str, Any]) -> None:
    """Begin the task that follows an entry, and do its first pass."""
    subject, _, seq = (read_id(payload["entry"]["id"]) or ("", ""))[1].partition("/")
    entry: Entry = services.store.entries(subject, int(seq) - 1, 1)[0]
    begin(services, entry)
    following = following_of(entry)
    assert following
    held = services.store.held(id_of(following))
    assert held
    work(services, held)


def test_an_incident_stops_the_clocks_of_its_unit_until_it_is_closed(client: Client, services: Services) -> None:
    code = client.assigned()
    made = done(opened(client, legalBasis="61/2018/NĐ-CP"))
    incident = made["incident"]
    assert incident == {
        "id": incident["id"], "unit": {"code": "22-XD"}, "openedAt": incident["openedAt"], "closedAt": None, "stopsClocks": True,
        "reason": "mất điện", "legalBasis": "61/2018/NĐ-CP", "closeReason": None,
    }  # fmt: skip
    assert (made["entry"]["action"], made["entry"]["subject"], made["entry"]["actor"]) == (
        "INCIDENT_OPENED",
        incident["id"],
        {"id": "head-1"},
    )
    assert (made["task"]["kind"], made["task"]["state"]) == ("INCIDENT", "PENDING")
    carried_out(services, made)
    found = client.ask(DOSSIER, "HEAD", None, code=code)["data"]["dossier"]
    assert found["blockers"] == [
        {"number": 1, "stopsClock": True, "reason": None, "clearedAt": None, "incident": {"id": incident["id"], "reason": "mất điện"}}
    ]
    assert (found["state"], found["clock"]["paused"], found["clock"]["intervals"][-1]) == (
        "IN_PROCESS", True, {"kind": "PAUSED", "holder": "INCIDENT"},
    )  # fmt: skip
    assert found["trail"]["nodes"] == [{"action": "INCIDENT_BEGAN", "actor": {"kind": "SERVICE", "id": "tasks"}}]
    received = client.received()
    assert client.ask(DOSSIER, "HEAD", None, code=received)["data"]["dossier"]["blockers"][0]["incident"]["id"] == incident["id"]
    assert client.move("clearBlocker", "HEAD", dossier=code, blocker="1")["errors"][0]["code"] == "UNKNOWN_BLOCKER"
    over = done(closed(client, incident["id"], reason="có điện lại"))
    assert over["incident"]["closeReason"] == "có điện lại"
    assert datetime.fromisoformat(over["incident"]["closedAt"]) >= datetime.fromisoformat(incident["openedAt"])
    carried_out(services, over)
    for each in (code, received):
        found = client.ask(DOSSIER, "HEAD", None, code=each)["data"]["dossier"]
        assert (found["clock"]["paused"], found["blockers"][0]["clearedAt"] is not None) == (False, True)
    assert refusal(closed(client, incident["id"])) == ("UNKNOWN_INCIDENT", ["incident"])


def test_one_that_stops_no_clock_is_told_all_the_same(client: Client, services: Services) -> None:
    code = client.assigned()
    made = done(opened(client, "SUPERVISOR", unit="22", stopsClocks=False))
    assert made["task"]["kind"] == "INCIDENT"
    carried_out(services, made)
    found = client.ask(DOSSIER, "HEAD", None, code=code)["data"]["dossier"]
    assert (found["clock"]["paused"], found["blockers"][-1]["stopsClock"]) == (False, False)
    assert done(closed(client, made["incident"]["id"], "SUPERVISOR"))["task"]["state"] == "PENDING"


@pytest.mark.parametrize(("who", "unit", "code"), [
    ("HEAD", "22-XD", None), ("SUPERVISOR", "22-XD", None), ("SUPERVISOR", "22", None), ("HEAD", "22", "NOT_YOUR_MOVE"),
    ("HEAD", "22-MT", "NOT_YOUR_MOVE"), ("OFFICER", "22-XD", "NOT_YOUR_MOVE"), ("RECEPTION", "22-XD", "NOT_YOUR_MOVE"),
    ("CITIZEN", "22-XD", "NOT_YOUR_MOVE"), ("INSPECTOR", "22-XD", "NOT_YOUR_MOVE"), ("ADMIN", "22-XD", "NOT_YOUR_MOVE"),
    (None, "22-XD", "NOT_YOUR_MOVE"), ("HEAD", "22-XX", "UNKNOWN_UNIT"), ("HEAD", "x" * 300, "UNKNOWN_UNIT"),
])  # fmt: skip
def test_heads_and_supervisors_open_and_close(client: Client, who: str | None, unit: str, code: str | None) -> None:
    payload = opened(client, who, unit=unit, stopsClocks=False)
    if code is not None:
        assert refusal(payload)[0] == code
        return
    assert done(closed(client, done(payload)["incident"]["id"], who))["incident"]["closedAt"]


@pytest.mark.parametrize("who", ["OFFICER", "RECEPTION", "CITIZEN", "INSPECTOR", "ADMIN", None])
def test_nobody_else_closes(client: Client, who: str | None) -> None:
    incident = done(opened(client, stopsClocks=False))["incident"]["id"]
    assert refusal(closed(client, incident, who)) == ("NOT_YOUR_MOVE", None)
    assert done(closed(client, incident))


@pytest.mark.parametrize("incident", ["", "x", global_id("incident", "0" * 32), global_id("dossier", "0" * 32), "x" * 300])
def test_an_incident_that_there_is_not_is_not_closed(client: Client, incident: str) -> None:
    assert refusal(closed(client, incident)) == ("UNKNOWN_INCIDENT", ["incident"])


def test_a_dossier_is_no_incident(client: Client, services: Services) -> None:
    subject = global_id("incident", str(services.store.coded(client.received())))
    assert refusal(closed(client, subject)) == ("UNKNOWN_INCIDENT", ["incident"])
    assert client.ask(NODE, "INSPECTOR", None, id=subject) == {"data": {"node": None}}


@pytest.mark.parametrize(("text", "code"), BAD_TEXTS.items())
def test_texts_are_texts(client: Client, text: str, code: str) -> None:
    assert refusal(opened(client, reason=text)) == (code, ["reason"])
    assert refusal(opened(client, legalBasis=text)) == (code, ["legalBasis"])


def test_a_repeated_request_opens_one(client: Client, services: Services) -> None:
    key = secrets.token_hex(8)
    made = done(opened(client, idempotencyKey=key, stopsClocks=False))
    assert done(opened(client, idempotencyKey=key, stopsClocks=False)) == made
    assert refusal(opened(client, idempotencyKey=key, reason="khác")) == ("IDEMPOTENCY_KEY_REUSED", ["idempotencyKey"])
    other = done(opened(client, "SUPERVISOR", idempotencyKey=key, stopsClocks=False))["incident"]["id"]
    assert other != made["incident"]["id"]
    over = done(closed(client, other, "SUPERVISOR", idempotencyKey=key))
    assert done(closed(client, other, "SUPERVISOR", idempotencyKey=key)) == over
    assert done(closed(client, made["incident"]["id"]))
    assert services.store.incidents("22-XD") == ()
    assert len(services.store.entries(DossierId((read_id(other) or ("", ""))[1]), 0, 9)) == 2


def test_all_see_that_there_is_one_and_officials_why(client: Client) -> None:
    incident = done(opened(client, stopsClocks=False))["incident"]["id"]
    for who, reads in {"HEAD": True, "SUPERVISOR": True, "INSPECTOR": True, "OFFICER": True, "RECEPTION": True, "ADMIN": False,
                       "CITIZEN": False, None: False}.items():  # fmt: skip
        found = client.ask(NODE, who, None, id=incident)["data"]["node"]
        assert (found["id"], found["unit"], found["reason"]) == (incident, {"code": "22-XD"}, "mất điện" if reads else None)
    assert done(closed(client, incident))


TRAIL = """subscription($unit: ID, $actor: ID, $after: String) { trailAppended(unit: $unit, actor: $actor, after: $after) {
    id cursor ready entry { action subject reason { code } } } }"""


@pytest.mark.parametrize("given", [{"unit": "22-XD"}, {"actor": "head-1"}])
def test_its_entries_are_on_the_trail_of_its_unit_and_of_who_made_them(
    client: Client, services: Services, courier: RecordingCourier, clock: SettableClock, given: dict[str, str]
) -> None:
    def followed(after: str | None = None) -> Socket:
        socket = Socket(services, courier)
        socket.connect()
        socket.say("connection_init", payload={"authorization": f"Bearer {client.issuer.token('INSPECTOR')}"})
        socket.subscribe(TRAIL, after=after, **given)
        return socket

    def told(socket: Socket) -> list[dict[str, Any]]:
        return [message["payload"]["data"]["trailAppended"] for message in socket.heard() if message["type"] == "next"]

    watching = followed()
    (ready,) = [event for event in told(watching) if event["ready"]]
    made = done(opened(client))
    subject, _, seq = (read_id(made["entry"]["id"]) or ("", ""))[1].partition("/")
    (entry,) = services.store.entries(subject, int(seq) - 1, 1)
    stream.handle({"Records": [record(entry)]}, services)
    wanted = [("INCIDENT_OPENED", made["incident"]["id"])]
    assert [(event["entry"]["action"], event["entry"]["subject"]) for event in told(watching)] == wanted
    clock.ahead = timedelta(seconds=30)  # by then its row has settled
    again = [event["entry"] for event in told(followed(ready["cursor"])) if event["entry"]]
    assert wanted[0] in [(one["action"], one["subject"]) for one in again]
    assert done(closed(client, made["incident"]["id"]))
