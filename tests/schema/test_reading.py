"""What is read, and by whom: viewer, nodes, dossiers, trails, procedures, due dates."""

import json
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from casework.adapters.dynamo import DynamoStore
from casework.model.limit import Limit, LimitUnit
from casework.ports import Services
from schema import audit
from schema.node import global_id
from schema.paging import cursor
from tests.support import Client, Issuer, RecordingCourier, SettableClock, present, services_over

DOSSIER = """query($code: ID!) { dossier(code: $code) {
    id code state version entries kind channel rehearsal submittedAt receivedAt decidedAt outcome checked flags
    unit { code } receptionPoint { code unit { code } } procedure { code version }
    applicant { name phone address identityNumber }
    assignments { id number role officer task responsibility authority expectedResult unit { code } }
    steps { code officer unit { code } } opinions { number officer text unit { code } }
    supplements { number items { component legalBasis } } decisionReason
    clock { dueAt paused intervals { kind cause holder officer unit { code } } explanation { kind text } }
    trail(first: 100) { nodes { seq action actor { kind id } changes { field } } }
} }"""
TRAIL = """query($dossier: ID, $first: Int, $last: Int, $after: String, $before: String) {
    auditTrail(dossier: $dossier, first: $first, last: $last, after: $after, before: $before) {
        edges { cursor node { seq } }
        nodes { seq action actor { id } onBehalfOf { id } reason { code text } changes { field from to } hash prev }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
DUE = """query($procedure: ID!, $at: DateTime!, $lang: Language! = EN) { dueIfReceived(procedure: $procedure, at: $at) {
    dueAt originalDueAt promisedDueAt level paused remainingMinutes usedMinutes intervals { cause }
    explanation { kind on from to legalBasis text(lang: $lang) } } }"""
SECRETS = {
    "name": "Trần Thị Bí Mật",
    "phone": "0912 345 678",
    "address": "12 Phố Kín",
    "identityNumber": "001099000001",
}
MASKED = {"name": "T***", "phone": "*******678", "address": "***", "identityNumber": "*********001"}
INTERNAL = ["việc nội bộ", "trách nhiệm nội bộ", "quyền nội bộ", "kết quả nội bộ", "ý kiến nội bộ"]
REASONS = ["50/2014/QH13, 95", "đủ điều kiện cấp phép"]


@dataclass(frozen=True)
class Worked:
    """A dossier that has been through every move."""

    code: str
    id: str


@pytest.fixture(scope="module")
def worked(store: DynamoStore, issuer: Issuer) -> Worked:
    client = Client(services_over(store, issuer, RecordingCourier(), SettableClock()), issuer)
    opened = client.move("submitDossier", "CITIZEN", procedure="XD-01", receptionPoint="22-MC", channel="ONLINE", applicant=SECRETS)
    code = opened["dossier"]["code"]
    due = (present() + timedelta(days=3)).isoformat()
    task, responsibility, authority, result, opinion = INTERNAL
    steps: list[tuple[str, str, str | None, dict[str, Any]]] = [
        ("receiveDossier", "RECEPTION", None, {"checked": ["FORM", "DEED"]}),
        ("assignDossier", "HEAD", None, {"role": "LEAD", "unit": "22-XD", "officer": "officer-1", "task": task, "dueAt": due,
                                         "responsibility": responsibility, "authority": authority, "expectedResult": result}),
        ("assignDossier", "HEAD", None, {"role": "COORDINATING", "unit": "22-MT", "task": task, "dueAt": due, "expectedResult": result}),
        ("giveOpinion", "OFFICER", "officer-2", {"assignment": "2", "opinion": opinion}),
        ("requestSupplement", "OFFICER", None, {"items": [{"component": "PLAN", "legalBasis": REASONS[0]}]}),
        ("supplyDocuments", "CITIZEN", None, {"documents": [{"component": "PLAN", "digital": True}]}),
        ("completeStep", "OFFICER", None, {"step": "CHECK"}),
        ("decideDossier", "OFFICER", None, {"outcome": "GRANTED", "reason": REASONS[1]}),
    ]  # fmt: skip
    for name, who, subject, given in steps:
        assert client.move(name, who, subject, dossier=code, **given)["errors"] == [], name
    return Worked(code, opened["dossier"]["id"])


def ask_as(client: Client, token: str | None, document: str, **variables: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    headers = {"authorization": f"Bearer {token}"} if token else {}
    found: dict[str, Any] = json.loads(client.raw(json.dumps({"query": document, "variables": variables}), **headers)["body"])
    return found


def seen(client: Client, token: str | None, code: str) -> dict[str, Any]:
    found = ask_as(client, token, DOSSIER, code=code)
    assert "errors" not in found, found
    dossier: dict[str, Any] = found["data"]["dossier"]
    assert dossier is not None
    return dossier


def unseen(client: Client, token: str | None, code: str) -> bool:
    return ask_as(client, token, DOSSIER, code=code) == {"data": {"dossier": None}}


# The viewer.


@pytest.mark.parametrize("role", ["CITIZEN", "RECEPTION", "OFFICER", "HEAD", "SUPERVISOR", "INSPECTOR", "ADMIN"])
def test_the_viewer_is_who_the_token_says(client: Client, issuer: Issuer, role: str) -> None:
    token = issuer.token(role, "someone", ("A", "B"), on_behalf_of="another")
    found = ask_as(client, token, "{ viewer { role sub units onBehalfOf } }")
    assert found == {"data": {"viewer": {"role": role, "sub": "someone", "units": ["A", "B"], "onBehalfOf": "another"}}}


def test_the_viewer_without_a_token_is_the_public(client: Client) -> None:
    found = client.ask("{ viewer { role sub units onBehalfOf } }")
    assert found == {"data": {"viewer": {"role": "PUBLIC", "sub": None, "units": [], "onBehalfOf": None}}}


# Nodes.

NODE = "query($id: ID!) { node(id: $id) { __typename id ... on AuditEntry { seq } ... on Procedure { version } } }"


def test_nodes_of_every_kind_are_found_by_their_id(client: Client, worked: Worked) -> None:
    found = client.ask(
        """query($code: ID!) { dossier(code: $code) { id unit { id } receptionPoint { id } procedure { id }
        trail(last: 1) { nodes { id } } } }""",
        "HEAD", None, code=worked.code,
    )["data"]["dossier"]  # fmt: skip
    wanted = {"Dossier": found["id"], "Unit": found["unit"]["id"], "ReceptionPoint": found["receptionPoint"]["id"],
              "Procedure": found["procedure"]["id"], "AuditEntry": found["trail"]["nodes"][0]["id"]}  # fmt: skip
    for kind, id_ in wanted.items():
        node = client.ask(NODE, "HEAD", None, id=id_)["data"]["node"]
        assert (node["__typename"], node["id"]) == (kind, id_)


def test_a_node_that_is_hidden_is_as_one_that_is_not(client: Client, worked: Worked, issuer: Issuer) -> None:
    entry = global_id("entry", f"{_key(client, worked)}/3")
    for token in (None, issuer.token("CITIZEN", "citizen-2"), issuer.token("OFFICER", "officer-9")):
        for id_ in (worked.id, entry):
            assert ask_as(client, token, NODE, id=id_) == {"data": {"node": None}}
    assert ask_as(client, issuer.token("OFFICER"), NODE, id=entry) == {"data": {"node": None}}  # the head's action, not his own
    assert ask_as(client, issuer.token("ADMIN"), NODE, id=entry)["data"]["node"]["seq"] == 3


def _key(client: Client, worked: Worked) -> str:
    found = client.services.store.coded(worked.code)
    assert found
    return found


@pytest.mark.parametrize(
    "id_",
    [
        "", "x", "XD-01", "====", global_id("dossier", "0" * 32), global_id("dossier", ""), global_id("nonsense", "x"),
        global_id("unit", "XX"),
        global_id("point", "XX"), global_id("procedure", "XX@1"), global_id("procedure", "XD-01@9"), global_id("entry", "x"),
        global_id("entry", "x/1"), global_id("entry", "x/0"), global_id("entry", "x/-1"), global_id("entry", "x/99999999999"),
        global_id("entry", "/1"), global_id("step", "CHECK"), "é", "x" * 5000, urlsafe_b64encode(b"unit:\xff").decode(),
    ],
)  # fmt: skip
def test_an_id_of_nothing_is_null(client: Client, id_: str) -> None:
    assert client.ask(NODE, "INSPECTOR", None, id=id_) == {"data": {"node": None}}


def test_entries_beyond_the_chain_are_null(client: Client, worked: Worked) -> None:
    key = _key(client, worked)
    for seq, there in ((0, False), (1, True), (9, True), (10, False)):
        node = client.ask(NODE, "HEAD", None, id=global_id("entry", f"{key}/{seq}"))["data"]["node"]
        assert (node is not None) is there, seq


# Dossiers: by code, by id, by whom.


def test_a_dossier_is_found_by_code_and_by_id(client: Client, worked: Worked, issuer: Issuer) -> None:
    token = issuer.token("HEAD")
    assert seen(client, token, worked.code) == seen(client, token, worked.id)
    assert unseen(client, token, worked.code + "x")
    assert seen(client, token, f" {worked.code.lower()} ") == seen(client, token, worked.code)


def _texts_in(dossier: dict[str, Any]) -> set[str]:
    text = json.dumps(dossier, ensure_ascii=False)
    return {value for value in [*SECRETS.values(), *INTERNAL, *REASONS] if value in text}


PERSONAL = set(SECRETS.values())
WHO: dict[str, tuple[tuple[str, str, tuple[str, ...]], set[str]]] = {
    "applicant": (("CITIZEN", "citizen-1", ()), PERSONAL | set(REASONS)),
    "reception": (("RECEPTION", "reception-1", ("22-MC",)), set(REASONS)),
    "lead": (("OFFICER", "officer-1", ("22-XD",)), PERSONAL | set(REASONS) | set(INTERNAL)),
    "coordinating": (("OFFICER", "officer-2", ("22-MT",)), PERSONAL | set(REASONS) | set(INTERNAL)),
    "head": (("HEAD", "head-1", ("22-XD",)), PERSONAL | set(REASONS) | set(INTERNAL)),
    "coordinating head": (("HEAD", "head-9", ("22-MT",)), set(REASONS) | set(INTERNAL)),
    "supervisor": (("SUPERVISOR", "supervisor-1", ("22",)), set(REASONS) | set(INTERNAL)),
    "supervisor of the unit": (("SUPERVISOR", "supervisor-9", ("22-XD",)), set(REASONS) | set(INTERNAL)),
    "inspector": (("INSPECTOR", "inspector-1", ()), set(REASONS) | set(INTERNAL)),
}


@pytest.mark.parametrize("who", WHO)
def test_each_reads_the_texts_that_a_rule_allows(client: Client, worked: Worked, issuer: Issuer, who: str) -> None:
    (role, subject, units), allowed = WHO[who]
    dossier = seen(client, issuer.token(role, subject, units), worked.code)
    assert _texts_in(dossier) == allowed
    assert dossier["state"] == "DECIDED"
    assert dossier["applicant"] == (SECRETS if allowed >= PERSONAL else MASKED if role in {"SUPERVISOR", "INSPECTOR"} else None)
    assert (dossier["opinions"] is not None) is (allowed >= set(INTERNAL))
    assert [a["officer"] for a in dossier["assignments"]] == ["officer-1", None]
    assert [a["unit"]["code"] for a in dossier["assignments"]] == ["22-XD", "22-MT"]


OUTSIDE: dict[str, tuple[str, str, tuple[str, ...]] | None] = {
    "public": None,
    "another citizen": ("CITIZEN", "citizen-2", ()),
    "a citizen of an officer's name": ("CITIZEN", "officer-1", ("22-XD",)),
    "reception elsewhere": ("RECEPTION", "reception-9", ("HN-MC",)),
    "an officer of the unit": ("OFFICER", "officer-9", ("22-XD",)),
    "an officer of another unit": ("OFFICER", "officer-9", ("HN",)),
    "a head elsewhere": ("HEAD", "head-9", ("HN",)),
    "a head of the unit above": ("HEAD", "head-9", ("22",)),
    "a supervisor elsewhere": ("SUPERVISOR", "supervisor-9", ("HN",)),
    "a supervisor of the unit beside": ("SUPERVISOR", "supervisor-9", ("22-MT",)),
    "admin": ("ADMIN", "admin-1", ()),
}


@pytest.mark.parametrize("who", OUTSIDE)
def test_to_others_it_does_not_exist(client: Client, worked: Worked, issuer: Issuer, who: str) -> None:
    given = OUTSIDE[who]
    token = issuer.token(*given) if given else None
    assert unseen(client, token, worked.code)
    assert unseen(client, token, worked.id)
    assert ask_as(client, token, DOSSIER, code=worked.code) == ask_as(client, token, DOSSIER, code="22-XD-260101-9999")


def test_the_register_has_the_last_word_on_role_and_unit(client: Client, worked: Worked, issuer: Issuer) -> None:
    assert unseen(client, issuer.token("HEAD", "officer-3", ()), worked.code)
    posing = issuer.token("HEAD", "reception-1", ("22-XD",))  # the register knows this one as reception staff
    assert _texts_in(seen(client, posing, worked.code)) == set(REASONS)
    assert unseen(client, issuer.token("INSPECTOR", "admin-1", ()), worked.code)


def test_an_agent_of_the_applicant_sees_what_the_applicant_sees(client: Client, worked: Worked, issuer: Issuer) -> None:
    agent = issuer.token("CITIZEN", "agent-1", on_behalf_of="citizen-1")
    assert seen(client, agent, worked.code) == seen(client, issuer.token("CITIZEN"), worked.code)
    assert unseen(client, issuer.token("CITIZEN", "agent-1"), worked.code)
    assert unseen(client, issuer.token("CITIZEN", "citizen-1", on_behalf_of="citizen-2"), worked.code)


def test_the_counter_reads_the_applicants_values_until_intake(client: Client) -> None:
    code = client.submitted()["dossier"]["code"]
    before = client.ask(DOSSIER, "RECEPTION", None, code=code)["data"]["dossier"]
    assert before["applicant"] == {"name": "Nguyễn Văn An", "phone": "0900 000 000", "address": None, "identityNumber": None}
    assert before["clock"] is None
    assert client.move("receiveDossier", "RECEPTION", dossier=code, checked=["FORM", "DEED"])["errors"] == []
    after = client.ask(DOSSIER, "RECEPTION", None, code=code)["data"]["dossier"]
    assert after["applicant"] is None
    assert after["clock"] is not None
    assert client.ask(DOSSIER, "OFFICER", None, code=code)["data"]["dossier"] is None  # not yet his
    assert client.ask(DOSSIER, "HEAD", None, code=code)["data"]["dossier"]["applicant"] is not None


def test_a_lead_that_was_replaced_sees_it_no_more(client: Client, services: Services) -> None:
    code = client.assigned()
    officer = services.store.officer("officer-1")
    assert officer
    services.store.register([replace(officer, code="officer-5")], "22")
    due = (present() + timedelta(days=3)).isoformat()
    done = client.move("assignDossier", "HEAD", dossier=code, role="LEAD", unit="22-XD", officer="officer-5", task="t",
                       responsibility="r", dueAt=due, expectedResult="e")  # fmt: skip
    assert done["errors"] == []
    assert client.ask(DOSSIER, "OFFICER", "officer-5", code=code)["data"]["dossier"] is not None
    assert client.ask(DOSSIER, "OFFICER", "officer-1", code=code)["data"]["dossier"] is None


def test_a_decided_dossier_reads_as_it_was_worked(client: Client, worked: Worked) -> None:
    dossier = client.ask(DOSSIER, "HEAD", None, code=worked.code)["data"]["dossier"]
    assert (dossier["version"], dossier["entries"]) == (9, 9)
    assert (dossier["kind"], dossier["channel"], dossier["outcome"], dossier["rehearsal"]) == ("ADMINISTRATIVE", "ONLINE", "GRANTED", False)
    assert (dossier["checked"], dossier["flags"]) == (["FORM", "DEED"], [])
    assert dossier["unit"] == {"code": "22-XD"}
    assert dossier["receptionPoint"] == {"code": "22-MC", "unit": {"code": "22"}}
    assert dossier["procedure"] == {"code": "XD-01", "version": 1}
    assert dossier["steps"] == [{"code": "CHECK", "officer": "officer-1", "unit": {"code": "22-XD"}}]
    assert dossier["opinions"] == [{"number": 1, "officer": "officer-2", "text": INTERNAL[4], "unit": {"code": "22-MT"}}]
    assert dossier["applicant"] == SECRETS
    held = [(i["kind"], i["cause"], i["holder"], i["officer"]) for i in dossier["clock"]["intervals"]]
    assert held == [
        ("RUNNING", "RECEIVED", "UNIT", None),
        ("RUNNING", "ASSIGNED", "OFFICER", "officer-1"),
        ("PAUSED", "SUPPLEMENT", "APPLICANT", None),
        ("RUNNING", "SUPPLIED", "OFFICER", "officer-1"),
    ]
    assert dossier["submittedAt"] <= dossier["receivedAt"] <= dossier["decidedAt"]


# Trails.

ACTIONS = ["SUBMITTED", "RECEIVED", "ASSIGNED", "ASSIGNED", "OPINION_GIVEN", "SUPPLEMENT_REQUESTED", "DOCUMENTS_SUPPLIED",
           "STEP_COMPLETED", "DECIDED"]  # fmt: skip
OWN = {"officer-1": [6, 8, 9], "officer-2": [5]}
EVERY = list(range(1, 10))
TRAILS: dict[str, tuple[tuple[str, str, tuple[str, ...]] | None, list[int], list[int] | None]] = {
    # who -> token, numbers seen through auditTrail, numbers seen through Dossier.trail
    "applicant": (("CITIZEN", "citizen-1", ()), EVERY, EVERY),
    "lead": (("OFFICER", "officer-1", ("22-XD",)), OWN["officer-1"], OWN["officer-1"]),
    "coordinating": (("OFFICER", "officer-2", ("22-MT",)), OWN["officer-2"], OWN["officer-2"]),
    "head": (("HEAD", "head-1", ("22-XD",)), EVERY, EVERY),
    "supervisor": (("SUPERVISOR", "supervisor-1", ("22",)), EVERY, EVERY),
    "inspector": (("INSPECTOR", "inspector-1", ()), EVERY, EVERY),
    "admin": (("ADMIN", "admin-1", ()), EVERY, None),
    "reception": (("RECEPTION", "reception-1", ("22-MC",)), [], None),
    "coordinating head": (("HEAD", "head-9", ("22-MT",)), [], None),
    "another citizen": (("CITIZEN", "citizen-2", ()), [], None),
    "another officer": (("OFFICER", "officer-9", ("22-XD",)), [], None),
    "public": (None, [], None),
}


@pytest.mark.parametrize("who", TRAILS)
def test_each_sees_the_part_of_the_trail_that_a_rule_allows(client: Client, worked: Worked, issuer: Issuer, who: str) -> None:
    given, numbers, inside = TRAILS[who]
    token = issuer.token(*given) if given else None
    for name in (worked.code, worked.id):
        found = ask_as(client, token, TRAIL, dossier=name, first=100)["data"]["auditTrail"]
        assert [node["seq"] for node in found["nodes"]] == numbers
        assert [node["action"] for node in found["nodes"]] == [ACTIONS[n - 1] for n in numbers]
    dossier = ask_as(client, token, DOSSIER, code=worked.code)["data"]["dossier"]
    trail = dossier["trail"] if dossier else None
    assert ([node["seq"] for node in trail["nodes"]] if trail else None) == inside


def test_an_admin_sees_numbers_and_hashes_alone(client: Client, worked: Worked) -> None:
    nodes = client.ask(TRAIL, "ADMIN", None, dossier=worked.code, first=100)["data"]["auditTrail"]["nodes"]
    for node in nodes:
        assert (node["actor"], node["onBehalfOf"], node["reason"], node["changes"]) == (None, None, None, None)
        assert len(node["hash"]) == 64


def test_an_applicant_sees_no_internal_field(client: Client, worked: Worked) -> None:
    document = {"dossier": worked.code, "first": 100}
    mine = client.ask(TRAIL, "CITIZEN", None, **document)["data"]["auditTrail"]["nodes"]
    whole = client.ask(TRAIL, "HEAD", None, **document)["data"]["auditTrail"]["nodes"]
    names = {change["field"] for node in mine for change in node["changes"]}
    every = {change["field"] for node in whole for change in node["changes"]}
    assert {name.partition(".")[0] for name in every - names} == {"assignments", "opinions"}
    assert "state" in names


def test_hashes_chain(client: Client, worked: Worked) -> None:
    nodes = client.ask(TRAIL, "ADMIN", None, dossier=worked.code, first=100)["data"]["auditTrail"]["nodes"]
    assert [node["prev"] for node in nodes] == ["0" * 64, *(node["hash"] for node in nodes[:-1])]


def test_a_citizen_goes_by_a_pseudonym_that_differs_between_dossiers(client: Client, worked: Worked) -> None:
    other = client.submitted()["dossier"]["code"]
    names = [
        client.ask(TRAIL, "HEAD", None, dossier=code, first=1)["data"]["auditTrail"]["nodes"][0]["actor"]["id"]
        for code in (worked.code, other)
    ]
    assert len(set(names)) == 2
    assert all("citizen" not in name for name in names)


def test_no_personal_value_is_in_a_trail(client: Client, worked: Worked, issuer: Issuer) -> None:
    for given, _, _ in TRAILS.values():
        found = ask_as(client, issuer.token(*given) if given else None, TRAIL, dossier=worked.code, first=100)
        text = json.dumps(found, ensure_ascii=False)
        assert not [value for value in [*PERSONAL, *INTERNAL, *REASONS, "citizen-1"] if value in text]


def page(client: Client, who: str, code: str, **asked: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    found: dict[str, Any] = client.ask(TRAIL, who, None, dossier=code, **asked)["data"]["auditTrail"]
    return found


@pytest.mark.parametrize(("who", "wanted"), [("HEAD", EVERY), ("OFFICER", [6, 8, 9])])
@pytest.mark.parametrize("size", [1, 2, 3, 8, 9, 100])
def test_pages_forwards_and_backwards_give_each_entry_once(client: Client, worked: Worked, who: str, wanted: list[int], size: int) -> None:
    forwards: list[int] = []
    info: dict[str, Any] = {"endCursor": None}
    for number in range(20):
        found = page(client, who, worked.code, first=size, after=info["endCursor"])
        info = found["pageInfo"]
        forwards += [edge["node"]["seq"] for edge in found["edges"]]
        assert info["hasPreviousPage"] is (number > 0)
        assert info["startCursor"] == found["edges"][0]["cursor"]
        if not info["hasNextPage"]:
            break
    assert forwards == wanted
    backwards: list[int] = []
    info = {"startCursor": None}
    for number in range(20):
        found = page(client, who, worked.code, last=size, before=info["startCursor"])
        info = found["pageInfo"]
        backwards = [edge["node"]["seq"] for edge in found["edges"]] + backwards
        assert info["hasNextPage"] is (number > 0)
        if not info["hasPreviousPage"]:
            break
    assert backwards == wanted


@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_filtered_trail_is_read_on_until_a_page_is_full(
    client: Client, worked: Worked, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(audit, "MOST", most)
    for asked, wanted, further in (({"first": 2}, [6, 8], True), ({"last": 2}, [8, 9], True), ({"first": 3}, [6, 8, 9], False),
                                   ({"last": 3}, [6, 8, 9], False), ({"first": 2, "after": cursor(6)}, [8, 9], False),
                                   ({"last": 2, "before": cursor(8)}, [6], False)):  # fmt: skip
        found = page(client, "OFFICER", worked.code, **asked)
        assert [node["seq"] for node in found["nodes"]] == wanted
        assert found["pageInfo"]["hasNextPage" if "first" in asked else "hasPreviousPage"] is further


def test_an_entry_names_the_dossier_that_it_is_about(client: Client, worked: Worked) -> None:
    document = "query($dossier: ID) { auditTrail(dossier: $dossier, first: 100) { nodes { subject } } }"
    nodes = client.ask(document, "HEAD", dossier=worked.code)["data"]["auditTrail"]["nodes"]
    assert {node["subject"] for node in nodes} == {worked.id}


def test_a_page_between_two_cursors(client: Client, worked: Worked) -> None:
    cursors = [edge["cursor"] for edge in page(client, "HEAD", worked.code, first=9)["edges"]]
    for asked in ({"first": 100}, {"last": 100}):
        found = page(client, "HEAD", worked.code, after=cursors[1], before=cursors[6], **asked)
        assert [node["seq"] for node in found["nodes"]] == [3, 4, 5, 6]
    empty = page(client, "HEAD", worked.code, first=5, after=cursors[8])
    assert empty["nodes"] == []
    assert (empty["pageInfo"]["startCursor"], empty["pageInfo"]["endCursor"]) == (None, None)
    assert page(client, "HEAD", worked.code, first=5, after=cursors[5], before=cursors[2])["nodes"] == []


def test_a_page_inside_a_dossier_is_the_same_page(client: Client, worked: Worked) -> None:
    document = "query($code: ID!) { dossier(code: $code) { trail(last: 2) { nodes { seq } pageInfo { hasPreviousPage } } } }"
    found = client.ask(document, "HEAD", None, code=worked.code)["data"]["dossier"]["trail"]
    assert found == {"nodes": [{"seq": 8}, {"seq": 9}], "pageInfo": {"hasPreviousPage": True}}


FORGED = ["x", "", "bjo", "bjotMQ", urlsafe_b64encode(b"m:1").decode(), urlsafe_b64encode(b"n:1x").decode(), "é",
          urlsafe_b64encode(b"n:9999999999").decode(), urlsafe_b64encode(b"\xff").decode()]  # fmt: skip


@pytest.mark.parametrize(
    "asked",
    [
        {}, {"first": 0}, {"first": 101}, {"first": -1}, {"last": 0}, {"last": 101}, {"first": 1, "last": 1},
        *({"first": 1, "after": text} for text in FORGED), *({"last": 1, "before": text} for text in FORGED),
    ],
)  # fmt: skip
@pytest.mark.parametrize("hidden", [False, True])
def test_a_page_that_cannot_be_is_bad_user_input(client: Client, worked: Worked, asked: dict[str, Any], hidden: bool) -> None:  # noqa: FBT001
    code = "22-XD-260101-9999" if hidden else worked.code  # asking wrongly tells nothing about what is there
    found = client.ask(TRAIL, "HEAD", None, dossier=code, **asked)
    assert found["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert not found.get("data")


def test_a_trail_of_nothing_in_particular_names_the_filters_that_are_served(client: Client) -> None:
    found = client.ask(TRAIL, "INSPECTOR", None, first=1)
    assert found["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert "dossier" in found["errors"][0]["message"]


def test_a_trail_that_is_hidden_is_as_empty_as_one_that_is_not(client: Client, worked: Worked) -> None:
    hidden = page(client, "RECEPTION", worked.code, first=10)
    assert hidden == page(client, "RECEPTION", "22-XD-260101-9999", first=10)
    assert hidden["nodes"] == []
    assert hidden["pageInfo"]["hasNextPage"] is False


# Procedures.

PROCEDURE = """query($code: ID!, $lang: Language! = VI) { procedure(code: $code) { id code version kind field tier legalBasis publishedOn
    validFrom validTo cutOff stepOrder channels limit { unit amount } title(lang: $lang)
    department unit { code }
    steps { code title(lang: $lang) allottedDays } components { code mandatory title(lang: $lang) } } }"""


def test_a_procedure_is_public_and_whole(client: Client) -> None:
    found = client.ask(PROCEDURE, code="XD-01", lang="EN")["data"]["procedure"]
    assert found["title"] == "Building permit for a single house"
    assert found["limit"] == {"unit": "WORKING_DAYS", "amount": 10}
    assert (found["validFrom"], found["validTo"], found["publishedOn"], found["cutOff"]) == ("2025-01-01", None, "2024-12-16", "15:00:00")
    assert (found["department"], found["unit"]) == ("XD", None)  # whichever province it comes in at
    assert [step["code"] for step in found["steps"]] == ["CHECK", "SITE", "DRAFT"]
    assert [c["mandatory"] for c in found["components"]] == [True, True, False]
    assert client.ask(PROCEDURE, code=found["id"], lang="EN")["data"]["procedure"] == found


def test_texts_come_in_the_language_asked_for(client: Client) -> None:
    titles = {lang: client.ask(PROCEDURE, code="KN-01", lang=lang)["data"]["procedure"]["title"] for lang in ("VI", "EN", "FR")}
    assert titles == {
        "VI": "Giải quyết khiếu nại lần đầu",
        "EN": "First settlement of a complaint",
        "FR": "Première réponse à une réclamation",
    }
    assert client.ask('{ procedure(code: "KN-01") { title } }')["data"]["procedure"]["title"] == titles["VI"]
    assert client.ask(PROCEDURE, code="KN-01", lang="DE")["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize("code", ["", "XX-01", "xd-01", "XD-01@1x", "XD-01@9", "22-XD"])
def test_an_unknown_procedure_is_null(client: Client, code: str) -> None:
    assert client.ask(PROCEDURE, code=code) == {"data": {"procedure": None}}


# Due dates.


def due(client: Client, procedure: str, at: str, lang: str = "EN") -> dict[str, Any]:
    found: dict[str, Any] = client.ask(DUE, procedure=procedure, at=at, lang=lang)
    return found


@pytest.mark.parametrize(
    ("procedure", "at", "wanted"),
    [
        ("XD-01", "2026-03-02T09:00:00+07:00", "2026-03-16T10:00:00+00:00"),  # ten working days from a Monday
        ("XD-01", "2026-03-02T02:00:00Z", "2026-03-16T10:00:00+00:00"),  # the same instant
        ("XD-01", "2026-03-02T15:00:00+07:00", "2026-03-16T10:00:00+00:00"),  # the cut-off itself is in time
        ("XD-01", "2026-03-02T15:00:01+07:00", "2026-03-17T10:00:00+00:00"),  # after it: the next working day
        ("XD-01", "2026-03-07T09:00:00+07:00", "2026-03-23T10:00:00+00:00"),  # a Saturday
        ("XD-01", "2026-02-06T09:00:00+07:00", "2026-02-27T10:00:00+00:00"),  # over Tet
        ("KN-01", "2026-03-02T09:00:00+07:00", "2026-04-01T10:00:00+00:00"),  # thirty days of the calendar
        ("KN-01", "2026-03-05T09:00:00+07:00", "2026-04-06T10:00:00+00:00"),  # the thirtieth is a Saturday: rolled on
    ],
)
def test_due_if_received(client: Client, procedure: str, at: str, wanted: str) -> None:
    clock = due(client, procedure, at)["data"]["dueIfReceived"]
    assert clock["dueAt"] == clock["originalDueAt"] == wanted
    assert (clock["paused"], clock["level"], clock["promisedDueAt"], clock["usedMinutes"], clock["intervals"]) == (False, None, None, 0, [])
    assert clock["remainingMinutes"] > 0
    assert clock["explanation"][0]["kind"] == "START"
    assert clock["explanation"][0]["legalBasis"]


def test_each_day_off_is_named(client: Client) -> None:
    clock = due(client, "XD-01", "2026-02-06T09:00:00+07:00")["data"]["dueIfReceived"]
    skipped = {line["on"] for line in clock["explanation"] if line["kind"] == "SKIPPED_DAY"}
    assert {f"2026-02-{day}" for day in (16, 17, 18, 19, 20)} <= skipped
    lines = due(client, "KN-01", "2026-03-05T09:00:00+07:00")["data"]["dueIfReceived"]["explanation"]
    assert [(line["from"], line["to"]) for line in lines if line["kind"] == "ROLLED"] == [("2026-04-04", "2026-04-06")]


def test_a_derivation_is_told_in_three_languages(client: Client) -> None:
    told = {
        lang: due(client, "XD-01", "2026-02-06T09:00:00+07:00", lang)["data"]["dueIfReceived"]["explanation"] for lang in ("VI", "EN", "FR")
    }
    texts = {lang: [line["text"] for line in lines] for lang, lines in told.items()}
    assert len({tuple(lines) for lines in texts.values()}) == 3
    assert all(text for lines in texts.values() for text in lines)
    facts = [[{**line, "text": ""} for line in lines] for lines in told.values()]
    assert facts[0] == facts[1] == facts[2]


def test_due_dates_of_an_unknown_procedure_are_null(client: Client) -> None:
    for code in ("XX-01", "", "x" * 5000):
        assert due(client, code, "2026-03-02T09:00:00+07:00") == {"data": {"dueIfReceived": None}}


def test_a_procedure_is_taken_by_its_id_too(client: Client) -> None:
    at = "2026-03-02T09:00:00+07:00"
    assert due(client, global_id("procedure", "XD-01@1"), at) == due(client, "XD-01", at)


@pytest.mark.parametrize(
    "at",
    [
        "2024-12-31T09:00:00+07:00", "1900-01-01T00:00:00Z", "2200-01-01T00:00:00Z", "2099-12-31T09:00:00+07:00",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00Z",
    ],
)  # fmt: skip
def test_an_instant_that_no_clock_can_start_at_is_bad_user_input(client: Client, at: str) -> None:
    found = due(client, "XD-01", at)
    assert found["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert found["data"] == {"dueIfReceived": None}


def test_a_fixed_date_cannot_be_foreseen(client: Client, services: Services) -> None:
    known = services.store.versions("XD-01")[0]
    code = f"FD-{secrets.token_hex(4)}"
    services.store.register([replace(known, code=code, limit=Limit(LimitUnit.FIXED_DATE))], "22")
    assert due(client, code, "2026-03-02T09:00:00+07:00") == {"data": {"dueIfReceived": None}}
    assert client.ask(PROCEDURE, code=code)["data"]["procedure"]["limit"] == {"unit": "FIXED_DATE", "amount": None}


def test_the_version_in_force_is_the_one_that_counts(client: Client, services: Services) -> None:
    known = services.store.versions("XD-01")[0]
    code = f"V-{secrets.token_hex(4)}"
    first = replace(known, code=code, valid_to=known.valid_from.replace(year=2026, month=2, day=28))
    second = replace(
        known, code=code, version=2, valid_from=known.valid_from.replace(year=2026, month=3), limit=Limit(LimitUnit.WORKING_DAYS, 5)
    )
    services.store.register([first, second], "22")
    before, after = (due(client, code, f"2026-0{month}-02T09:00:00+07:00")["data"]["dueIfReceived"] for month in (2, 3))
    assert after["dueAt"] == "2026-03-09T10:00:00+00:00"
    assert before["explanation"][0]["text"] != after["explanation"][0]["text"]
    named = client.ask(PROCEDURE, code=f"{code}@1")["data"]["procedure"]
    assert (named["version"], named["validTo"]) == (1, "2026-02-28")
