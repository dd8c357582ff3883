"""`taskProgressed`: whoever subscribes as soon as the calendar is amended hears of every step of the task, once."""

import secrets
import threading
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from casework.actions.amendments import CALENDAR
from casework.actions.tasks import work
from casework.adapters.dynamo import DynamoStore
from casework.audit.chain import Entry
from casework.model.record import DossierId
from casework.ports import Services
from handlers import stream, tasks
from local.engine import Engine
from schema.node import key_of
from tests.handlers.test_sockets import Socket
from tests.handlers.test_stream import record
from tests.stages import staged
from tests.support import Client, Issuer, RecordingCourier

TASK = """subscription($id: ID!, $after: String) { taskProgressed(id: $id, after: $after) {
    id cursor gap ready count version task { id state done changed } } }"""
AMEND = "mutation($input: AmendCalendarInput!) { amendCalendar(input: $input) { task { id state } errors { code } } }"


@pytest.fixture(scope="module")
def store(store: DynamoStore, engine: Engine) -> Iterator[DynamoStore]:
    """A store of these tests alone: an amendment moves whatever dossiers there are."""
    with staged("taskevents", store, engine) as own:
        yield own


@pytest.fixture
def task(client: Client) -> str:
    """Amend the calendar; gives the id of the task that is to follow."""
    day = client.services.store.calendar(fresh=True).nth_after(date(2040, 3, 1), secrets.randbelow(5000))
    days = [{"on": day.isoformat(), "kind": "OFF"}]
    given = {"idempotencyKey": secrets.token_hex(8), "document": "1/VPCP", "announcedOn": "2026-01-02", "days": days}
    client.assigned()
    found = client.ask(AMEND, "ADMIN", None, input=given)["data"]["amendCalendar"]
    assert (found["errors"], found["task"]["state"]) == ([], "PENDING")
    return str(found["task"]["id"])


def last(services: Services) -> Entry:
    (entry,) = services.store.entries(CALENDAR, 0, 1, backwards=True)
    return entry


def opened(services: Services, courier: RecordingCourier, issuer: Issuer, who: str) -> Socket:
    socket = Socket(services, courier)
    socket.connect()
    socket.say("connection_init", payload={"authorization": f"Bearer {issuer.token(who)}"})
    socket.heard()
    return socket


def told(socket: Socket) -> list[dict[str, Any]]:
    return [message["payload"]["data"]["taskProgressed"] for message in socket.heard()]


def test_every_step_is_told_to_whoever_subscribed_at_once(services: Services, courier: RecordingCourier, issuer: Issuer, task: str) -> None:
    socket = opened(services, courier, issuer, "ADMIN")
    subject = DossierId(key_of(task, "task"))
    begun = threading.Timer(0.3, lambda: tasks.handle({"Records": [record(last(services))]}, services))
    begun.start()
    socket.subscribe(TASK, id=task)
    begun.join()
    (ready,) = told(socket)
    assert (ready["ready"], ready["cursor"], ready["count"], ready["task"]) == (True, "1", 0, None)
    held = services.store.held(subject)
    assert held
    work(services, held)
    steps = services.store.entries(subject, 1, 100)
    assert steps
    for batch in (steps, steps[:1]):  # A record may come again.
        stream.handle({"Records": [record(entry) for entry in batch]}, services)
    events = told(socket)
    assert [event["cursor"] for event in events] == [str(entry.seq) for entry in (*steps, steps[0])], "what comes again has its cursor"
    assert all(event["task"]["id"] == task and event["version"] is None for event in events)
    late = opened(services, courier, issuer, "INSPECTOR")
    late.subscribe(TASK, id=task, after="1")
    _, *again = told(late)
    assert [event["id"] for event in again] == [event["id"] for event in events[:-1]]


@pytest.mark.parametrize("who", ["RECEPTION", "OFFICER", "CITIZEN"])
def test_others_are_told_nothing(services: Services, courier: RecordingCourier, issuer: Issuer, task: str, who: str) -> None:
    tasks.handle({"Records": [record(last(services))]}, services)
    socket = opened(services, courier, issuer, who)
    socket.subscribe(TASK, id=task)
    (refused,) = socket.heard()
    assert refused["type"] == "error"
    assert refused["payload"][0]["extensions"]["code"] == "FORBIDDEN"
