"""Alerts as front ends see them: by whom, in lists and pages, as nodes and of their dossier."""

import secrets
from datetime import datetime
from typing import Any

import pytest

from casework.adapters.dynamo import DynamoStore
from casework.model.access import Decision
from schema.alert import alert_shown
from schema.node import global_id, read_id
from schema.paging import place_cursor
from tests.schema.common import BAD_TEXTS, alerted, bad_input, beside, soon, swept
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


# Taking note of one.


ACKNOWLEDGE = f"""mutation($input: AcknowledgeAlertInput!) {{ acknowledgeAlert(input: $input) {{
    alert {{ {FIELDS} }} dossier {{ code version }} entry {{ action actor {{ id }} changes {{ field }} }}
    errors {{ __typename code path message(lang: EN) ... on Refused {{ state allowedFrom }} ... on Conflict {{ current {{ version }} }} }}
    }} }}"""
NOTE = "thêm người từ thứ hai"
GOES_TO: dict[str, list[tuple[str, str | None]]] = {
    "AT_RISK": [("OFFICER", "officer-1")],
    "DUE_TODAY": [("OFFICER", "officer-1"), ("HEAD", None)],
    "OVERDUE": [("HEAD", None), ("RECEPTION", None)],
    "ESCALATED": [("SUPERVISOR", None)],
}
EVERYBODY: list[tuple[str, str | None]] = [*WHO, ("RECEPTION", None), ("CITIZEN", None), ("HEAD", "22-MT-H"), ("ADMIN", None)]


def acknowledged(client: Client, who: str, subject: str | None = None, **given: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    given = {"idempotencyKey": secrets.token_hex(8), "note": NOTE, **given}
    found = client.ask(ACKNOWLEDGE, who, subject, input=given)
    assert "errors" not in found, found
    payload: dict[str, Any] = found["data"]["acknowledgeAlert"]
    assert (payload["errors"] == []) is (payload["alert"] is not None) is (payload["entry"] is not None)
    return payload


def refused(client: Client, who: str, subject: str | None = None, **given: Any) -> tuple[str, list[str] | None]:  # noqa: ANN401 - JSON
    (error,) = acknowledged(client, who, subject, **given)["errors"]
    return error["code"], error["path"]


@pytest.mark.parametrize(("level", "who", "subject"), [(level, *one) for level, those in GOES_TO.items() for one in those])
def test_whoever_it_goes_to_takes_note_once(client: Client, level: str, who: str, subject: str | None) -> None:
    code = alerted(client)
    before = {row["level"]: row for row in of(client, code)}
    payload = acknowledged(client, who, subject, alert=before[level]["id"])
    sub = payload["alert"]["acknowledgedBy"]
    assert (payload["dossier"]["code"], payload["entry"]["action"]) == (code, "ALERT_ACKNOWLEDGED")
    assert payload["entry"]["actor"]["id"] == sub
    after = {row["level"]: row for row in of(client, code)}
    assert after[level]["acknowledgedAt"] is not None
    note = {"acknowledgedAt": after[level]["acknowledgedAt"], "acknowledgedBy": sub, "note": NOTE, "open": False}
    assert after == {**before, level: {**before[level], **note}}
    assert payload["alert"] == {**after[level], "note": None if who == "RECEPTION" else NOTE}  # the counter reads nothing internal
    assert refused(client, who, subject, alert=before[level]["id"]) == ("ALERT_CLOSED", None)


def test_others_take_no_note_of_it(client: Client, late: str) -> None:
    rows = {row["level"]: row["id"] for row in of(client, late)}
    for level, right in GOES_TO.items():
        for who, subject in EVERYBODY:
            if (who, subject) in right:
                continue
            unseen = who == "ADMIN" or subject == "22-MT-H"
            absent = who == "RECEPTION" and level in {"AT_RISK", "DUE_TODAY"}
            code = "NOT_FOUND" if unseen else "UNKNOWN_ALERT" if absent else "NOT_YOUR_MOVE"
            assert refused(client, who, subject, alert=rows[level])[0] == code, (level, who)
    assert all(row["open"] for row in of(client, late))


def test_it_is_named_by_its_id_or_by_dossier_and_number(client: Client) -> None:
    code, other = alerted(client), alerted(client)
    rows = [row for row in of(client, code) if row["level"] in {"DUE_TODAY", "OVERDUE"}]
    assert acknowledged(client, "HEAD", alert=str(rows[0]["number"]), dossier=code)["alert"]["id"] == rows[0]["id"]
    assert acknowledged(client, "HEAD", alert=rows[1]["id"], dossier=code)["alert"]["id"] == rows[1]["id"]
    for given in (
        {"alert": "99", "dossier": other}, {"alert": "0", "dossier": other}, {"alert": "x", "dossier": other},
        {"alert": "", "dossier": other},
        {"alert": "-1", "dossier": other}, {"alert": "x/1", "dossier": other}, {"alert": rows[1]["id"], "dossier": other},
        {"alert": "1"}, {"alert": ""}, {"alert": code}, {"alert": global_id("dossier", "1")},
    ):  # fmt: skip
        assert refused(client, "HEAD", **given) == ("UNKNOWN_ALERT", ["alert"]), given
    for given in ({"alert": global_id("alert", f"{'0' * 32}/1")}, {"alert": "1", "dossier": "22-XD-260101-9999"}):
        assert refused(client, "HEAD", **given)[0] == "NOT_FOUND"


def test_a_repeat_gives_the_alert_as_it_is_and_writes_nothing(client: Client) -> None:
    code = alerted(client)
    given = {"alert": next(row["id"] for row in of(client, code) if row["level"] == "OVERDUE"), "idempotencyKey": "once"}
    first = acknowledged(client, "HEAD", **given)
    assert acknowledged(client, "HEAD", **given) == first
    assert refused(client, "HEAD", **given, note="khác")[0] == "IDEMPOTENCY_KEY_REUSED"
    assert client.ask("query($code: ID!) { dossier(code: $code) { version } }", "HEAD", None, code=code)["data"]["dossier"] == {
        "version": first["dossier"]["version"]
    }


def test_an_alert_in_between_makes_no_version_stale_and_a_note_does(client: Client) -> None:
    code = client.submitted(channel="COUNTER")["dossier"]["code"]
    back = {"backdatingReason": "nhập bù"}
    version = client.done("receiveDossier", "RECEPTION", dossier=code, checked=["FORM", "DEED"], at=soon(-50), **back)["dossier"]["version"]
    swept(client, code)
    rows = [row for row in of(client, code) if row["level"] in {"DUE_TODAY", "OVERDUE"}]
    done = acknowledged(client, "HEAD", alert=rows[0]["id"], expectedVersion=version)
    assert done["dossier"]["version"] == version + 1
    assert refused(client, "HEAD", alert=rows[1]["id"], expectedVersion=version)[0] == "CONFLICT"


@pytest.mark.parametrize(("note", "code"), BAD_TEXTS.items())
def test_a_note_is_a_text(client: Client, late: str, note: str, code: str) -> None:
    alert = next(row["id"] for row in of(client, late) if row["level"] == "OVERDUE")
    assert refused(client, "HEAD", alert=alert, note=note) == (code, ["note"])


def test_nothing_is_taken_note_of_before_it_was_noticed_or_in_the_future(client: Client, late: str) -> None:
    alert = next(row["id"] for row in of(client, late) if row["level"] == "OVERDUE")
    assert refused(client, "HEAD", alert=alert, at=soon(-1), backdatingReason="ghi muộn") == ("BEFORE_LAST_MOVE", ["at"])
    assert refused(client, "HEAD", alert=alert, at=soon(1)) == ("IN_FUTURE", ["at"])


def test_while_nobody_leads_the_head_takes_note_from_the_start(client: Client) -> None:
    code = alerted(client)
    at_risk = next(row["id"] for row in of(client, code) if row["level"] == "AT_RISK")
    assert refused(client, "HEAD", alert=at_risk)[0] == "NOT_YOUR_MOVE"
    client.done("returnAssignment", "OFFICER", dossier=code, assignment="1", reason="bận")
    assert acknowledged(client, "HEAD", alert=at_risk)["alert"]["open"] is False


def test_a_coordinating_officer_takes_note_of_what_his_unit_is_to_answer(client: Client) -> None:
    code = client.assigned()
    client.done("assignDossier", "HEAD", dossier=code, **beside(dueAt=soon(0.01)))
    swept(client, code)
    (row, *_) = of(client, code, kind="COORDINATION")
    assert (row["level"], row["unit"], row["deadline"]["of"], row["officer"]) == ("AT_RISK", {"code": "22-MT"}, "2", None)
    assert refused(client, "OFFICER", alert=row["id"])[0] == refused(client, "HEAD", alert=row["id"])[0] == "NOT_YOUR_MOVE"
    assert acknowledged(client, "OFFICER", "officer-2", alert=row["id"])["alert"]["acknowledgedBy"] == "officer-2"


def test_a_coordinating_unit_finds_what_it_is_to_answer_in_its_own_list(client: Client) -> None:
    code = client.assigned()
    client.done("assignDossier", "HEAD", dossier=code, **beside(dueAt=soon(0.01)))
    swept(client, code)
    (row, *_) = of(client, code, kind="COORDINATION")

    def found(who: str, subject: str | None = None, **given: Any) -> list[str]:  # noqa: ANN401 - JSON
        return [one["id"] for one in listed(client, who, subject, last=100, **given)["nodes"] if one["dossier"]["code"] == code]

    for viewer in (("HEAD", "22-MT-H"), ("HEAD", None), ("INSPECTOR", None, "22-MT"), ("INSPECTOR", None, "22-XD")):
        who, subject, *unit = viewer
        assert found(who, subject, unit=unit[0] if unit else None).count(row["id"]) == 1, viewer
    whole = listed(client, "INSPECTOR", unit="22", last=100)
    assert [one["id"] for one in whole["nodes"]].count(row["id"]) == 1, "once, though both its units are in the tree"
    acknowledged(client, "OFFICER", "officer-2", alert=row["id"])
    assert row["id"] not in found("HEAD", "22-MT-H", open=True)
    assert found("HEAD", "22-MT-H", open=False) == [row["id"]]


def test_what_is_late_is_taken_note_of_after_the_end_too(client: Client) -> None:
    code = alerted(client)
    client.done("decideDossier", "OFFICER", dossier=code, outcome="GRANTED")
    rows = {row["level"]: row["id"] for row in of(client, code)}
    assert refused(client, "OFFICER", alert=rows["AT_RISK"])[0] == "ALERT_CLOSED"
    assert acknowledged(client, "RECEPTION", alert=rows["OVERDUE"])["alert"]["open"] is False
    assert [row["level"] for row in listed(client, "INSPECTOR", unit="22-XD", last=100, open=False)["nodes"]
            if row["dossier"]["code"] == code and row["deadline"]["kind"] == "DOSSIER"] == LEVELS[:3]  # fmt: skip
