"""Amending the calendar: as it succeeds, each input that is none, by whom, the year as it is told, and the task that follows."""

import secrets
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from casework.actions.amendments import CALENDAR
from casework.actions.tasks import begin, work
from casework.adapters.dynamo import DynamoStore
from casework.model.amending import MOST_DAYS
from casework.model.record import DossierId
from casework.model.workdays import legal_day
from casework.ports import Services
from local.engine import Engine
from schema.node import global_id, read_id
from tests.schema.common import BAD_TEXTS, bad_input
from tests.stages import staged
from tests.support import Client, present

AMEND = """mutation($input: AmendCalendarInput!) { amendCalendar(input: $input) {
    dossier { code } calendarVersion
    task { id kind state done changed failed pass calendarVersion firstOn follows askedAt startedAt endedAt }
    entry { id seq action subject actor { id role } changes { field } }
    errors { __typename code message(lang: EN) vi: message path } } }"""
TASK = "query($id: ID!) { task(id: $id) { id kind state done changed failed pass calendarVersion firstOn follows startedAt endedAt } }"
NODE = "query($id: ID!) { node(id: $id) { __typename id ... on Task { state changed } ... on AuditEntry { action } } }"
YEAR = """query($year: Int!) { workCalendar(year: $year) { year official version vi: note en: note(lang: EN) fr: note(lang: FR)
    days { on working kind reason(lang: EN) document } } }"""
FRIDAY, SATURDAY, SUNDAY = "2026-03-06", "2026-03-07", "2026-03-08"


@pytest.fixture(scope="module")
def store(store: DynamoStore, engine: Engine) -> Iterator[DynamoStore]:
    """A store of these tests alone: an amendment moves whatever dossiers there are."""
    with staged("amending", store, engine) as own:
        yield own


def asked(client: Client, who: str | None = "ADMIN", **given: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    usual = {"idempotencyKey": secrets.token_hex(8), "document": "1/VPCP", "announcedOn": "2026-01-02"}
    return client.ask(AMEND, who, None, input={**usual, **given})


def amended(client: Client, who: str | None = "ADMIN", **given: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    answer = asked(client, who, **given)
    assert "errors" not in answer, answer
    payload: dict[str, Any] = answer["data"]["amendCalendar"]
    assert payload["dossier"] is None
    return payload


def refusal(payload: dict[str, Any]) -> tuple[str, list[str] | None]:
    assert (payload["task"], payload["entry"], payload["calendarVersion"]) == (None, None, None)
    (error,) = payload["errors"]
    assert error["__typename"] == "Invalid"
    assert error["message"] != error["vi"]
    return error["code"], error["path"]


def year(client: Client, number: int) -> dict[str, Any]:
    found: dict[str, Any] = client.ask(YEAR, None, None, year=number)["data"]["workCalendar"]
    return found


def day(on: str, kind: str = "OFF", pair: str | None = None) -> dict[str, Any]:
    return {"on": on, "kind": kind, "pair": pair}


# As it succeeds.


def test_a_swap_is_told_with_its_document(client: Client) -> None:
    before = year(client, 2031)
    assert before["official"] is False
    payload = amended(client, days=[day("2031-03-07", "OFF", "2031-03-08"), day("2031-03-08", "MAKEUP", "2031-03-07")])
    assert payload["errors"] == []
    after = year(client, 2031)
    assert payload["calendarVersion"] == after["version"] == before["version"] + 1
    assert after["official"] is True
    told = {one["on"]: one for one in after["days"]}
    assert told["2031-03-07"] == {
        "on": "2031-03-07", "working": False, "kind": "SWAPPED_OFF", "document": "1/VPCP", "reason": told["2031-03-07"]["reason"],
    }  # fmt: skip
    assert (told["2031-03-08"]["working"], told["2031-03-08"]["kind"], told["2031-03-08"]["document"]) == (True, "MAKEUP", "1/VPCP")
    entry = payload["entry"]
    assert (entry["action"], entry["actor"]) == ("CALENDAR_AMENDED", {"id": "admin-1", "role": "ADMIN"})
    assert {"overrides.2031-03-07", "overrides.2031-03-08"} <= {change["field"] for change in entry["changes"]}
    assert entry["subject"] == global_id("calendar", CALENDAR)


def test_a_year_says_what_it_rests_on(client: Client) -> None:
    known, unknown = year(client, 2026), year(client, 2040)
    assert (known["official"], unknown["official"]) == (True, False)
    assert "documents of the Government that are entered" in known["en"]
    assert "no document of the Government is entered" in unknown["en"]
    for found in (known, unknown):
        assert len({found["vi"], found["en"], found["fr"]}) == 3
        assert all(one["reason"] for one in found["days"])
    assert known["vi"] != unknown["vi"]
    assert known["fr"] != unknown["fr"]


def test_the_task_is_shown_before_it_is_begun_and_as_it_goes_on(client: Client, services: Services) -> None:
    given: dict[str, Any] = {"idempotencyKey": "tell-the-task", "days": [day("2032-03-05")]}
    payload = amended(client, **given)
    task = payload["task"]
    assert task == {
        "id": task["id"], "kind": "AMENDMENT", "state": "PENDING", "done": 0, "changed": 0, "failed": 0, "pass": 1,
        "calendarVersion": payload["calendarVersion"], "firstOn": "2032-03-05", "follows": payload["entry"]["id"],
        "askedAt": task["askedAt"], "startedAt": None, "endedAt": None,
    }  # fmt: skip
    assert client.ask(TASK, "ADMIN", None, id=task["id"])["data"]["task"] is None
    subject, _, seq = (read_id(payload["entry"]["id"]) or ("", ""))[1].partition("/")
    begin(services, services.store.entries(subject, int(seq) - 1, 1)[0])
    assert client.ask(TASK, "ADMIN", None, id=task["id"])["data"]["task"]["state"] == "RUNNING"
    assert amended(client, **given)["task"]["state"] == "RUNNING"
    held = services.store.held(DossierId((read_id(task["id"]) or ("", ""))[1]))
    assert held
    work(services, held)
    found = client.ask(TASK, "ADMIN", None, id=task["id"])["data"]["task"]
    assert (found["id"], found["state"], found["pass"], found["done"]) == (task["id"], "RUNNING", 2, 0)
    for who, sees in {"ADMIN": True, "INSPECTOR": True, "SUPERVISOR": True, "HEAD": True, "OFFICER": False, "RECEPTION": False,
                      "CITIZEN": False, None: False}.items():  # fmt: skip
        assert (client.ask(TASK, who, None, id=task["id"])["data"]["task"] is not None) is sees
        node = client.ask(NODE, who, None, id=task["id"])["data"]["node"]
        assert node == ({"__typename": "Task", "id": task["id"], "state": "RUNNING", "changed": 0} if sees else None)
        entry = client.ask(NODE, who, None, id=global_id("entry", f"{held.id}/1"))["data"]["node"]
        assert (entry["action"] if entry else None) == ("TASK_STARTED" if sees else None)


@pytest.mark.parametrize("task", ["", "x", global_id("task", "0" * 32), global_id("dossier", "0" * 32), "x" * 300])
def test_a_task_that_there_is_not_is_null(client: Client, task: str) -> None:
    assert client.ask(TASK, "ADMIN", None, id=task) == {"data": {"task": None}}


def test_a_dossier_is_no_task_and_a_task_no_dossier(client: Client, services: Services) -> None:
    code = client.received()
    subject = services.store.coded(code)
    assert client.ask(TASK, "INSPECTOR", None, id=global_id("task", str(subject)))["data"]["task"] is None
    task = amended(client, days=[day("2033-03-04")])["task"]["id"]
    as_dossier = global_id("dossier", (read_id(task) or ("", ""))[1])
    assert client.ask("query($c: ID!) { dossier(code: $c) { code } }", "INSPECTOR", None, c=as_dossier)["data"]["dossier"] is None


# As it is refused.


@pytest.mark.parametrize(("given", "told"), [
    ({"days": [day(SUNDAY)]}, ("ALREADY_OFF", ["days", "on"])),
    ({"days": [day("2026-01-01")]}, ("ALREADY_OFF", ["days", "on"])),
    ({"days": [day("2026-01-02", "OFF", "2026-01-10")]}, ("ALREADY_OFF", ["days", "on"])),
    ({"days": [day(FRIDAY, "MAKEUP", SATURDAY), day(SATURDAY, "OFF", FRIDAY)]}, ("ALREADY_WORKED", ["days", "on"])),
    ({"days": [day(FRIDAY, "OFF", SATURDAY)]}, ("UNPAIRED_SWAP", ["days", "pair"])),
    ({"days": [day(SATURDAY, "MAKEUP", FRIDAY)]}, ("UNPAIRED_SWAP", ["days", "pair"])),
    ({"days": [day(SATURDAY, "MAKEUP")]}, ("UNPAIRED_SWAP", ["days", "pair"])),
    ({"days": [day(FRIDAY), day(FRIDAY)]}, ("DAY_TWICE", ["days", "on"])),
    ({"days": []}, ("EMPTY", ["days"])),
    ({"days": [day(FRIDAY)] * (MOST_DAYS + 1)}, ("TOO_MANY", ["days"])),
    ({"days": [day("1900-03-06")]}, ("CLOCK_INPUT", ["days", "on"])),
    ({"days": [day("2200-03-06")]}, ("CLOCK_INPUT", ["days", "on"])),
    ({"days": [day(FRIDAY, "OFF", "2200-03-06")]}, ("CLOCK_INPUT", ["days", "pair"])),
    ({"days": [day(FRIDAY)], "announcedOn": "1900-01-01"}, ("CLOCK_INPUT", ["announcedOn"])),
    ({"days": [day(FRIDAY)], "announcedOn": (legal_day(present()) + timedelta(2)).isoformat()}, ("IN_FUTURE", ["announcedOn"])),
    ({"days": [day(FRIDAY)], "idempotencyKey": ""}, ("BAD_KEY", ["idempotencyKey"])),
])  # fmt: skip
def test_what_cannot_be_is_refused_and_changes_nothing(client: Client, given: dict[str, Any], told: tuple[str, list[str]]) -> None:
    before = year(client, 2026)
    assert refusal(amended(client, **given)) == told
    assert year(client, 2026) == before


@pytest.mark.parametrize(("text", "code"), BAD_TEXTS.items())
def test_a_document_has_a_number(client: Client, text: str, code: str) -> None:
    assert refusal(amended(client, days=[day(FRIDAY)], document=text)) == (code, ["document"])


@pytest.mark.parametrize("who", ["HEAD", "SUPERVISOR", "INSPECTOR", "OFFICER", "RECEPTION", "CITIZEN", None])
def test_admin_amends_and_nobody_else(client: Client, who: str | None) -> None:
    assert refusal(amended(client, who, days=[day(FRIDAY)])) == ("NOT_YOUR_MOVE", None)


@pytest.mark.parametrize("on", ["2026-02-30", "06/03/2026", "2026-03-06T00:00:00Z", 20260306, None])
def test_a_day_is_a_day(client: Client, on: object) -> None:
    assert bad_input(asked(client, days=[{"on": on, "kind": "OFF"}]))
