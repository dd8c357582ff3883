"""Alerts as front ends see them: by whom, in lists and pages, as nodes and of their dossier."""

from datetime import datetime
from typing import Any

import pytest

from casework.adapters.dynamo import DynamoStore
from casework.model.access import Decision
from schema.alert import alert_shown
from schema.node import global_id, read_id
from schema.paging import place_cursor
from tests.schema.common import alerted, bad_input
from tests.support import Client, Issuer, RecordingCourier, SettableClock, services_over

FIELDS = """id number level arming dueAt reachedAt observedAt officer open closedAt acknowledgedAt acknowledgedBy note
    deadline { kind of } unit { code } dossier { code }"""
OF_DOSSIER = f"query($code: ID!) {{ dossier(code: $code) {{ id clock {{ dueAt }} alerts {{ {FIELDS} }} }} }}"
NODE = f"query($id: ID!) {{ node(id: $id) {{ ... on Alert {{ {FIELDS} }} }} }}"
LIST = """query($unit: ID, $level: AlertLevel, $open: Boolean, $first: Int, $last: Int, $after: String, $before: String) {
    alerts(unit: $unit, minLevel: $level, open: $open, first: $first, last: $last, after: $after, before: $before) {
        edges { cursor node { id dossier { code } } } nodes { id level open deadline { kind } dossier { code } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
LEVELS = ["AT_RISK", "DUE_TODAY", "OVERDUE", "ESCALATED"]
WHO = [("OFFICER", "officer-1"), ("HEAD", None), ("SUPERVISOR", None), ("INSPECTOR", None)]


@pytest.fixture(scope="module")
def late(store: DynamoStore, issuer: Issuer) -> str:
    return alerted(Client(services_over(store, issuer, RecordingCourier(), SettableClock()), issuer))


def of(client: Client, code: str, who: str | None = "INSPECTOR", subject: str | None = None, kind: str = "DOSSIER") -> list[dict[str, Any]]:
    found = client.ask(OF_DOSSIER, who, subject, code=code)["data"]["dossier"]
    rows: list[dict[str, Any]] = found["alerts"]
    return [row for row in rows if row["deadline"]["kind"] == kind]


def listed(client: Client, who: str, subject: str | None = None, **given: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    found: dict[str, Any] = client.ask(LIST, who, subject, **given)["data"]["alerts"]
    return found


def test_a_dossier_has_its_alerts_oldest_first(client: Client, late: str) -> None:
    rows = of(client, late)
    assert [row["level"] for row in rows] == LEVELS
    steps = of(client, late, kind="STEP")
    assert [row["level"] for row in steps] == LEVELS
    assert {row["deadline"]["of"] for row in steps} == {"CHECK"}
    assert sorted(row["number"] for row in rows + steps) == list(range(1, 9))
    assert [row["number"] for row in rows] == sorted(row["number"] for row in rows)
    due_at = client.ask(OF_DOSSIER, "INSPECTOR", None, code=late)["data"]["dossier"]["clock"]["dueAt"]
    for row in rows:
        assert row["dueAt"] == due_at
        assert row["deadline"] == {"kind": "DOSSIER", "of": None}
        assert (row["officer"], row["unit"], row["dossier"], row["arming"]) == ("officer-1", {"code": "22-XD"}, {"code": late}, 1)
        assert datetime.fromisoformat(row["reachedAt"]) < datetime.fromisoformat(row["observedAt"])
        assert [row[name] for name in ("closedAt", "acknowledgedAt", "acknowledgedBy", "note")] == [None] * 4
        assert row["open"] is True


@pytest.mark.parametrize(("who", "subject", "levels"), [
    *((who, subject, LEVELS) for who, subject in WHO),
    ("RECEPTION", None, LEVELS[2:]),  # the counter is told of what is late
    ("CITIZEN", None, []),
])  # fmt: skip
def test_each_sees_the_alerts_that_concern_him(client: Client, late: str, who: str, subject: str | None, levels: list[str]) -> None:
    assert [row["level"] for row in of(client, late, who, subject)] == levels
    for row in of(client, late):
        node = client.ask(NODE, who, subject, id=row["id"])["data"]["node"]
        assert node == (row if row["level"] in levels else None)


@pytest.mark.parametrize(("who", "subject"), [(None, None), ("ADMIN", None), ("HEAD", "22-MT-H"), ("OFFICER", "officer-2")])
def test_a_node_is_null_for_whoever_does_not_see_the_dossier(client: Client, late: str, who: str | None, subject: str | None) -> None:
    for row in of(client, late):
        assert client.ask(NODE, who, subject, id=row["id"])["data"]["node"] is None


def test_a_node_that_there_is_not_is_null(client: Client, late: str) -> None:
    subject = (read_id(of(client, late)[0]["id"]) or ("", ""))[1].partition("/")[0]
    for key in (
        f"{subject}/9",
        f"{subject}/01",
        f"{subject}/0",
        f"{subject}/-1",
        f"{subject}/x",
        subject,
        f"{subject}/",
        f"{'0' * 32}/1",
        "/1",
    ):
        assert client.ask(NODE, "INSPECTOR", None, id=global_id("alert", key))["data"]["node"] is None, key


def test_an_alert_hides_a_dossier_that_its_viewer_does_not_see(client: Client, late: str) -> None:
    subject = client.services.store.coded(late)
    held = client.services.store.held(subject) if subject else None
    assert held
    assert alert_shown(held, held.dossier.alerts[0], Decision()).dossier() is None


@pytest.mark.parametrize(("who", "subject"), WHO[:3])
def test_each_has_a_list_of_his_own(client: Client, late: str, who: str, subject: str | None) -> None:
    codes = [row["dossier"]["code"] for row in listed(client, who, subject, last=100)["nodes"]]
    assert codes.count(late) == 8


def test_a_level_and_a_half_are_asked_for(client: Client, late: str) -> None:
    def mine(**given: Any) -> list[str]:  # noqa: ANN401 - JSON
        rows = listed(client, "INSPECTOR", unit="22-XD", last=100, **given)["nodes"]
        return [row["level"] for row in rows if row["dossier"]["code"] == late and row["deadline"]["kind"] == "DOSSIER"]

    assert mine() == mine(open=True) == LEVELS
    assert mine(open=False) == []
    assert mine(level="OVERDUE") == LEVELS[2:]
    assert mine(level="ESCALATED", open=True) == LEVELS[3:]


def test_a_unit_goes_by_code_or_id(client: Client, late: str) -> None:
    for unit in ("22-XD", global_id("unit", "22-XD")):
        assert late in [row["dossier"]["code"] for row in listed(client, "HEAD", None, unit=unit, last=100)["nodes"]]
    assert listed(client, "HEAD", None, unit="22-MT", first=5)["nodes"] == []


def test_pages_give_each_alert_once_in_order(client: Client) -> None:
    alerted(client)
    alerted(client)
    whole = [row["id"] for row in listed(client, "HEAD", None, last=100)["nodes"]]
    assert len(whole) >= 8
    forwards, backwards = list[str](), list[str]()
    page = listed(client, "HEAD", None, last=3)
    while True:
        backwards = [row["id"] for row in page["nodes"]] + backwards
        if len(backwards) >= len(whole):
            break
        assert page["pageInfo"]["hasPreviousPage"]
        page = listed(client, "HEAD", None, last=3, before=page["pageInfo"]["startCursor"])
    assert backwards[-len(whole) :] == whole
    start = listed(client, "HEAD", None, last=8)
    page = listed(client, "HEAD", None, first=3, after=start["edges"][0]["cursor"])
    while True:
        forwards += [row["id"] for row in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        page = listed(client, "HEAD", None, first=3, after=page["pageInfo"]["endCursor"])
    assert forwards == whole[-7:]


def test_what_no_index_serves_and_what_is_no_page_is_bad_input(client: Client) -> None:
    assert (
        bad_input(client.ask(LIST, "INSPECTOR", None, first=5)) == "say whose alerts: an index serves unit, with any of minLevel and open"
    )
    assert bad_input(client.ask(LIST, "HEAD", None)) == "give `first` or `last`, and not both"
    assert bad_input(client.ask(LIST, "HEAD", None, first=101)) == "`first` is 1 to 100"
    for place in ("x", f"2026-01-05T00:00:00.000000Z#{'0' * 32}", f"2026-01-05T00:00:00.000000Z#{'0' * 32}#1"):
        assert bad_input(client.ask(LIST, "HEAD", None, first=1, after=place_cursor(place))) == "`after` is no cursor of this list"


def test_an_applicant_finds_no_alert_in_his_trail(client: Client, late: str) -> None:
    document = "query($code: ID!) { auditTrail(dossier: $code, first: 50) { nodes { action changes { field } } } }"
    for who, shown in (("CITIZEN", False), ("INSPECTOR", True)):
        rows = client.ask(document, who, None, code=late)["data"]["auditTrail"]["nodes"]
        raised = [row for row in rows if row["action"] == "ALERT_RAISED"]
        assert len(raised) == 8
        assert any(change["field"].startswith("alerts.") for row in raised for change in row["changes"]) is shown


def test_one_that_closed_by_itself_says_when(client: Client) -> None:
    code = alerted(client)
    client.done("decideDossier", "OFFICER", dossier=code, outcome="GRANTED")
    rows = {row["level"]: row for row in of(client, code)}
    assert [rows[level]["open"] for level in LEVELS] == [False, False, True, True]
    assert rows["AT_RISK"]["closedAt"] is not None
    assert rows["OVERDUE"]["closedAt"] is None
