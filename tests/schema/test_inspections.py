"""Inspections: who opens and closes one, what it covers, and that each read under one is written down once, before it is answered."""

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLInterfaceType, GraphQLObjectType, GraphQLUnionType, get_named_type

from casework import commits, inspecting
from casework.actions.inspections import id_of
from casework.adapters.depot import FolderDepot
from casework.adapters.dynamo import DynamoStore
from casework.adapters.vault import FolderVault
from casework.audit.chain import Entry
from casework.inspecting import All, covered
from casework.model.errors import Invalid, Unavailable
from casework.model.inspection import Inspection, Read, ReadKind
from casework.model.packing import instant, moment
from casework.model.parties import PUBLIC, Role, Viewer
from casework.model.record import DossierId
from casework.model.unit import Officer
from casework.ports import Change, Held, Raced, Services
from handlers import stream
from local.engine import Engine
from schema.context import Context
from schema.execution import executed
from schema.inspection import inspection_of
from schema.node import global_id, read_id
from schema.root import core
from tests.handlers.test_sockets import Socket
from tests.handlers.test_stream import record
from tests.schema.common import BAD_TEXTS, bad_input
from tests.stages import staged
from tests.support import Client, Issuer, RecordingCourier, SettableClock, services_over

SHOWN = "id scope of inspector from to openedAt closedAt reads reason legalBasis conclusion"
FIELDS = f"""dossier {{ code }} inspection {{ {SHOWN} }}
    entry {{ id seq action subject reason {{ code }} actor {{ kind id role }} }}
    errors {{ __typename code message(lang: EN) vi: message path }}"""
OPEN = f"mutation($input: OpenInspectionInput!) {{ openInspection(input: $input) {{ {FIELDS} }} }}"
CLOSE = f"mutation($input: CloseInspectionInput!) {{ closeInspection(input: $input) {{ {FIELDS} }} }}"
ASK = f"query($id: ID!) {{ inspection(id: $id) {{ {SHOWN} }} node(id: $id) {{ __typename id }} }}"
ITS = "query($id: ID!) { inspection(id: $id) { trail(first: 100) { nodes { seq action actor { id } changes { field from to } } } } }"
ONE = "query($id: ID!, $code: ID!) { inspection(id: $id) { dossier(code: $code) { code state } } }"
PAGE = """query($id: ID!, $unit: ID, $first: Int, $last: Int, $after: String, $before: String) { inspection(id: $id) {
    dossiers(unit: $unit, first: $first, last: $last, after: $after, before: $before) {
      nodes { code trail(first: 1) { nodes { action } } } pageInfo { hasNextPage endCursor } } } }"""
TRAIL = """query($id: ID!, $dossier: ID, $unit: ID, $actor: ID, $from: DateTime, $to: DateTime, $first: Int, $last: Int, $after: String) {
    inspection(id: $id) { auditTrail(dossier: $dossier, unit: $unit, actor: $actor, from: $from, to: $to, first: $first, last: $last,
      after: $after) { nodes { id action } edges { cursor } } } }"""
EXPORT = """mutation($input: RequestExportInput!) { requestExport(input: $input) {
    dossier { code } export { scope } entry { action changes { field to } } errors { code path } } }"""
INSPECTOR = Viewer(Role.INSPECTOR, "inspector-1", ("22",))
Answer = dict[str, Any]


@pytest.fixture(scope="module")
def store(store: DynamoStore, engine: Engine) -> Iterator[DynamoStore]:
    """A store of these tests alone, with an officer of another province."""
    with staged("inspections", store, engine) as own:
        own.register([Officer("48-S", Role.SUPERVISOR, "48")], "48")
        yield own


@pytest.fixture(scope="module")
def town(store: DynamoStore, issuer: Issuer) -> list[str]:
    """Codes of three dossiers of 22-XD, the last one submitted ten days after the others."""
    clock = SettableClock()
    client = Client(services_over(store, issuer, RecordingCourier(), clock), issuer)
    clock.ahead = timedelta(days=-20)
    codes = [client.submitted()["dossier"]["code"] for _ in range(2)]
    clock.ahead = timedelta(days=-10)
    return [*codes, client.submitted()["dossier"]["code"]]


def asked(client: Client, document: str, who: str | None, subject: str | None = None, /, **given: Any) -> Answer:  # noqa: ANN401 - JSON
    given.setdefault("idempotencyKey", secrets.token_hex(8))
    answer = client.ask(document, who, subject, input=given)
    assert "errors" not in answer, answer
    (payload,) = answer["data"].values()
    assert payload["dossier"] is None
    found: Answer = payload
    return found


def opening(client: Client, who: str | None = "INSPECTOR", subject: str | None = None, /, **given: Any) -> Answer:  # noqa: ANN401 - JSON
    return asked(client, OPEN, who, subject, **{"reason": "đơn phản ánh", "legalBasis": "11/2022/QH15, 44", **given})


def opened(client: Client, **given: Any) -> str:  # noqa: ANN401 - JSON
    return str(done(opening(client, **given))["inspection"]["id"])


def closed(client: Client, inspection: str, who: str | None = "INSPECTOR", subject: str | None = None, /, **given: Any) -> Answer:  # noqa: ANN401 - JSON
    return asked(client, CLOSE, who, subject, inspection=inspection, **given)


def done(payload: Answer) -> Answer:
    assert payload["errors"] == []
    return payload


def refusal(payload: Answer) -> tuple[str, list[str] | None]:
    assert (payload["inspection"], payload["entry"]) == (None, None)
    (error,) = payload["errors"]
    assert error["__typename"] == "Invalid"
    assert error["message"] != error["vi"]
    return error["code"], error["path"]


def key(id_: str) -> DossierId:
    return DossierId((read_id(id_) or ("", ""))[1])


def held(client: Client, inspection: str) -> Held:
    found = client.services.store.held(key(inspection))
    assert found
    return found


def stored(client: Client, inspection: str) -> Inspection:
    found = held(client, inspection).record
    assert isinstance(found, Inspection)
    return found


def chain(client: Client, inspection: str) -> list[Entry]:
    return client.services.store.entries(key(inspection), 0, 1000)


def reads(client: Client, inspection: str) -> list[tuple[str, str | None]]:
    """Give what was read under it, entry by entry, and hold each entry to what one is."""
    found: list[tuple[str, str | None]] = []
    for entry in chain(client, inspection):
        if entry.body["action"] != inspecting.READ:
            continue
        changes = {change["field"]: (change["from"], change["to"]) for change in entry.body["changes"]}
        assert set(changes) == {"reads", "last_read", "version"}
        assert changes["reads"] == (len(found), len(found) + 1)
        assert entry.body["actor"] == {"kind": "OFFICER", "id": "inspector-1", "role": "INSPECTOR", "unit": "22"}
        assert (entry.body["request"], entry.body["digests"]) == ("test-request", [])
        assert changes["last_read"][1]["at"] == entry.body["occurred_at"]
        found.append((changes["last_read"][1]["what"], changes["last_read"][1]["of"]))
    assert stored(client, inspection).reads == len(found)
    return found


def last_read(client: Client, inspection: str) -> Read:
    found = stored(client, inspection).last_read
    assert found
    return found


def read(client: Client, document: str, inspection: str, subject: str | None = None, /, **given: Any) -> Any:  # noqa: ANN401 - JSON
    """Ask for the one field of an inspection that a document has, which is answered."""
    answer = client.ask(document, "INSPECTOR", subject, id=inspection, **given)
    assert "errors" not in answer, answer
    (found,) = answer["data"]["inspection"].values()
    return found


def unread(client: Client, document: str, inspection: str, subject: str | None = None, /, **given: Any) -> str:  # noqa: ANN401 - JSON
    """Ask for a field that is refused: null, one error, nothing written. Gives its message."""
    before = held(client, inspection)
    answer = client.ask(document, "INSPECTOR", subject, id=inspection, **given)
    assert list(answer["data"]["inspection"].values()) == [None]
    assert held(client, inspection) == before
    return bad_input({"errors": answer["errors"]})


# Opening and closing.


def test_an_inspection_of_a_dossier_is_opened_read_under_and_closed(client: Client, town: list[str]) -> None:
    made = done(opening(client, dossier=town[0]))
    inspection, subject = made["inspection"], client.services.store.coded(town[0])
    assert subject
    assert inspection == {
        "id": inspection["id"], "scope": "DOSSIER", "of": global_id("dossier", subject), "inspector": "inspector-1",
        "from": None, "to": None, "openedAt": inspection["openedAt"], "closedAt": None, "reads": 0,
        "reason": "đơn phản ánh", "legalBasis": "11/2022/QH15, 44",
        "conclusion": None,
    }  # fmt: skip
    actor = {"kind": "OFFICER", "id": "inspector-1", "role": "INSPECTOR"}
    entry = {
        "id": made["entry"]["id"],
        "seq": 1,
        "action": "INSPECTION_OPENED",
        "subject": inspection["id"],
        "reason": None,
        "actor": actor,
    }
    assert made["entry"] == entry
    assert read(client, ONE, inspection["id"], code=town[0]) == {"code": town[0], "state": "SUBMITTED"}
    assert reads(client, inspection["id"]) == [("DOSSIER", subject)]
    over = done(closed(client, inspection["id"], conclusion="12/KL-TTr"))
    assert over["inspection"] == {**inspection, "reads": 1, "closedAt": over["inspection"]["closedAt"], "conclusion": "12/KL-TTr"}
    assert instant(over["inspection"]["closedAt"]) >= instant(inspection["openedAt"])
    assert (over["entry"]["seq"], over["entry"]["action"]) == (3, "INSPECTION_CLOSED")
    assert refusal(closed(client, inspection["id"])) == ("UNKNOWN_INSPECTION", ["inspection"])
    nodes = client.ask(ITS, "INSPECTOR", None, id=inspection["id"])["data"]["inspection"]["trail"]["nodes"]
    assert [(one["seq"], one["action"], one["actor"]["id"]) for one in nodes] == [
        (1, "INSPECTION_OPENED", "inspector-1"), (2, "INSPECTION_READ", "inspector-1"), (3, "INSPECTION_CLOSED", "inspector-1"),
    ]  # fmt: skip
    assert {change["field"]: change["to"] for change in nodes[1]["changes"]}["last_read"]["of"] == subject
    answer = client.ask(ASK, "INSPECTOR", None, id=inspection["id"])
    assert answer["data"] == {"inspection": over["inspection"], "node": {"__typename": "Inspection", "id": inspection["id"]}}


@pytest.mark.parametrize(("given", "scope", "of", "unit"), [
    ({}, "ALL", None, "VN"), ({"unit": "22"}, "UNIT", global_id("unit", "22"), "22"),
    ({"unit": global_id("unit", "22-XD"), "from": "2030-01-01T00:00:00+07:00"}, "UNIT", global_id("unit", "22-XD"), "22-XD"),
    ({"from": "2030-01-01T00:00:00Z", "to": "2030-02-01T00:00:00Z"}, "ALL", None, "VN"),
])  # fmt: skip
def test_it_is_of_what_is_named(client: Client, given: Answer, scope: str, of: str | None, unit: str) -> None:
    found = done(opening(client, **given))["inspection"]
    assert (found["scope"], found["of"], stored(client, found["id"]).unit) == (scope, of, unit)
    for name in ("from", "to"):
        assert (found[name] and instant(found[name])) == (instant(given[name]) if name in given else None)


@pytest.mark.parametrize(("given", "code", "path"), [
    ({"unit": "22-XX"}, "UNKNOWN_UNIT", ["unit"]), ({"unit": ""}, "UNKNOWN_UNIT", ["unit"]),
    ({"unit": "x" * 300}, "UNKNOWN_UNIT", ["unit"]),
    ({"dossier": "22-XD-260101-9999"}, "UNKNOWN_DOSSIER", ["dossier"]), ({"dossier": ""}, "UNKNOWN_DOSSIER", ["dossier"]),
    ({"dossier": global_id("dossier", "0" * 32)}, "UNKNOWN_DOSSIER", ["dossier"]), ({"dossier": "x", "unit": "22"}, "BAD_SCOPE", ["unit"]),
    ({"from": "2030-01-02T00:00:00Z", "to": "2030-01-01T00:00:00Z"}, "BAD_PERIOD", ["from"]),
    ({"idempotencyKey": ""}, "BAD_KEY", ["idempotencyKey"]),
])  # fmt: skip
def test_what_is_not_there_is_not_inspected(client: Client, given: Answer, code: str, path: list[str]) -> None:
    assert refusal(opening(client, **given)) == (code, path)


def test_a_period_of_one_dossier_and_what_is_no_dossier_are_refused(client: Client, town: list[str]) -> None:
    assert refusal(opening(client, dossier=town[0], to="2030-01-02T00:00:00Z")) == ("BAD_PERIOD", ["from"])
    other = global_id("dossier", key(opened(client)))
    assert refusal(opening(client, dossier=other)) == ("UNKNOWN_DOSSIER", ["dossier"])


@pytest.mark.parametrize(("text", "code"), BAD_TEXTS.items())
def test_texts_are_texts(client: Client, text: str, code: str) -> None:
    assert refusal(opening(client, reason=text)) == (code, ["reason"])
    assert refusal(opening(client, legalBasis=text)) == (code, ["legalBasis"])
    inspection = opened(client)
    assert refusal(closed(client, inspection, conclusion=text)) == (code, ["conclusion"])
    assert stored(client, inspection).closed_at is None


@pytest.mark.parametrize("who", ["HEAD", "SUPERVISOR", "OFFICER", "RECEPTION", "CITIZEN", "ADMIN", None])
def test_inspectors_alone_open_close_and_see(client: Client, town: list[str], who: str | None) -> None:
    assert refusal(opening(client, who)) == refusal(opening(client, who, dossier=town[0])) == ("NOT_YOUR_MOVE", None)
    inspection = opened(client, dossier=town[0])
    assert refusal(closed(client, inspection, who)) == refusal(closed(client, "x", who)) == ("NOT_YOUR_MOVE", None)
    assert client.ask(ASK, who, None, id=inspection) == {"data": {"inspection": None, "node": None}}
    assert client.ask(ONE, who, None, id=inspection, code=town[0]) == {"data": {"inspection": None}}
    entry = global_id("entry", f"{key(inspection)}/1")
    found = client.ask("query($id: ID!) { node(id: $id) { id ... on AuditEntry { changes { field } actor { id } } } }", who, None, id=entry)
    technical = {"id": entry, "changes": None, "actor": None}
    assert found["data"]["node"] == (technical if who == "ADMIN" else None)
    assert reads(client, inspection) == []


@pytest.mark.parametrize("inspection", ["", "x", global_id("inspection", "0" * 32), global_id("dossier", "0" * 32), "x" * 300])
def test_an_inspection_that_there_is_not(client: Client, inspection: str) -> None:
    assert refusal(closed(client, inspection)) == ("UNKNOWN_INSPECTION", ["inspection"])
    assert client.ask(ASK, "INSPECTOR", None, id=inspection)["data"]["inspection"] is None


def test_a_dossier_is_no_inspection(client: Client, town: list[str]) -> None:
    subject = global_id("inspection", str(client.services.store.coded(town[0])))
    assert refusal(closed(client, subject)) == ("UNKNOWN_INSPECTION", ["inspection"])
    assert client.ask(ASK, "INSPECTOR", None, id=subject) == {"data": {"inspection": None, "node": None}}


def test_a_repeated_request_opens_one_and_closes_it_once(client: Client, town: list[str]) -> None:
    keys = [secrets.token_hex(8), secrets.token_hex(8)]
    made = done(opening(client, idempotencyKey=keys[0], dossier=town[0]))
    inspection = made["inspection"]["id"]
    assert key(inspection) == id_of(INSPECTOR, keys[0])
    named = global_id("dossier", str(client.services.store.coded(town[0])))
    assert done(opening(client, idempotencyKey=keys[0], dossier=named)) == made  # the same, whether by its code or its id
    for other in ({"dossier": town[1]}, {"reason": "khác", "dossier": town[0]}, {}):
        assert refusal(opening(client, idempotencyKey=keys[0], **other)) == ("IDEMPOTENCY_KEY_REUSED", ["idempotencyKey"])
    assert opening(client, "INSPECTOR", "inspector-2", idempotencyKey=keys[0])["inspection"]["id"] != inspection
    over = done(closed(client, inspection, idempotencyKey=keys[1]))
    assert done(closed(client, inspection, idempotencyKey=keys[1])) == over
    assert refusal(closed(client, inspection, idempotencyKey=keys[1], conclusion="x"))[0] == "IDEMPOTENCY_KEY_REUSED"
    again = done(opening(client, idempotencyKey=keys[0], dossier=town[0]))
    assert (again["entry"], again["inspection"]) == (made["entry"], over["inspection"])
    assert len(chain(client, inspection)) == 2


def test_a_key_whose_memory_is_gone_opens_nothing_more(client: Client, clock: SettableClock) -> None:
    word = secrets.token_hex(8)
    opened(client, idempotencyKey=word)
    clock.ahead = commits.REMEMBERED + timedelta(seconds=1)
    token = client.issuer.token("INSPECTOR", exp=int(clock().timestamp()) + 60)
    given = {"idempotencyKey": word, "reason": "đơn phản ánh", "legalBasis": "11/2022/QH15, 44"}
    payload = client.asked_with(token, OPEN, input=given)["data"]["openInspection"]
    assert refusal(payload) == ("IDEMPOTENCY_KEY_REUSED", ["idempotencyKey"])


def test_another_inspector_sees_and_closes_it_and_does_not_read_under_it(client: Client, town: list[str]) -> None:
    inspection = opened(client, unit="22")
    assert client.ask(ASK, "INSPECTOR", "inspector-2", id=inspection)["data"]["inspection"]["reason"] == "đơn phản ánh"
    for document, given in ((ONE, {"code": town[0]}), (PAGE, {"first": 1}), (TRAIL, {"unit": "22-XD", "first": 1})):
        assert "another inspector's" in unread(client, document, inspection, "inspector-2", **given)
    over = done(closed(client, inspection, "INSPECTOR", "inspector-2"))
    assert (over["entry"]["actor"]["id"], over["inspection"]["inspector"]) == ("inspector-2", "inspector-1")


# Reading under one.


def test_each_read_is_an_entry_and_a_page_is_one(client: Client, town: list[str]) -> None:
    inspection, store = opened(client, unit="22"), client.services.store
    ids = [store.coded(code) for code in town]
    for _ in range(2):  # they are two reads
        read(client, ONE, inspection, code=town[0])
    assert reads(client, inspection) == [("DOSSIER", ids[0])] * 2
    several = """query($id: ID!, $a: ID!, $b: ID!) { inspection(id: $id) {
        reads a: dossier(code: $a) { code } b: dossier(code: $b) { code } again: reads } }"""
    answer = client.ask(several, "INSPECTOR", None, id=inspection, a=town[1], b=global_id("dossier", str(ids[2])))
    assert answer["data"]["inspection"] == {"reads": 2, "a": {"code": town[1]}, "b": {"code": town[2]}, "again": 2}
    assert reads(client, inspection)[2:] == [("DOSSIER", ids[1]), ("DOSSIER", ids[2])]
    page = read(client, PAGE, inspection, first=100)
    assert {node["code"] for node in page["nodes"]} >= set(town)
    assert page["nodes"][0]["trail"]["nodes"] == [{"action": "SUBMITTED"}]
    found = read(client, TRAIL, inspection, dossier=town[0], first=50)
    assert [node["action"] for node in found["nodes"]] == ["SUBMITTED"]
    assert {"INSPECTION_OPENED", "INSPECTION_READ"} <= {
        node["action"] for node in read(client, TRAIL, inspection, unit="22", last=100, **{"from": ahead(client, -1)})["nodes"]
    }
    acted = read(client, TRAIL, inspection, actor="inspector-1", last=10, **{"from": ahead(client, -1)})["nodes"]
    assert acted[-1]["action"] == "INSPECTION_READ"
    assert reads(client, inspection)[4:] == [
        ("DOSSIERS", "22"), ("DOSSIER_TRAIL", ids[0]), ("UNIT_TRAIL", "22"), ("ACTOR_TRAIL", "inspector-1"),
    ]  # fmt: skip
    assert last_read(client, inspection).last == 10
    assert stored(client, inspection).version == held(client, inspection).tip.seq == 9  # a person made each


def ahead(client: Client, days: float) -> str:
    return moment(client.services.now() + timedelta(days=days))


def test_a_read_names_the_page_that_was_asked_for(client: Client, town: list[str]) -> None:
    inspection, page = opened(client), {"first": 1}
    first = read(client, PAGE, inspection, unit="22-XD", **page)
    assert last_read(client, inspection) == Read(last_read(client, inspection).at, ReadKind.DOSSIERS, "22-XD", first=1)
    second = read(client, PAGE, inspection, unit="22-XD", **page, after=first["pageInfo"]["endCursor"])
    assert second["nodes"][0]["code"] != first["nodes"][0]["code"]
    place = last_read(client, inspection).after
    assert place
    assert place.endswith(str(client.services.store.coded(first["nodes"][0]["code"])))
    cursor = read(client, TRAIL, inspection, dossier=town[0], first=1)["edges"][0]["cursor"]
    since, until = ahead(client, -400), ahead(client, 1)
    read(client, TRAIL, inspection, dossier=town[0], last=7, after=cursor, **{"from": since, "to": until})
    named = last_read(client, inspection)
    assert named == Read(
        named.at, ReadKind.DOSSIER_TRAIL, str(client.services.store.coded(town[0])), instant(since), instant(until), last=7, after="1"
    )  # fmt: skip


def test_a_mutation_may_read_at_once(client: Client, town: list[str]) -> None:
    document = """mutation($input: OpenInspectionInput!, $code: ID!) { openInspection(input: $input) {
        inspection { id dossier(code: $code) { code } } } }"""
    given = {"idempotencyKey": secrets.token_hex(8), "reason": "r", "legalBasis": "b"}
    found = client.ask(document, "INSPECTOR", None, input=given, code=town[0])["data"]["openInspection"]["inspection"]
    assert found["dossier"] == {"code": town[0]}
    assert len(reads(client, found["id"])) == 1


def test_what_it_does_not_cover_is_refused(client: Client, town: list[str]) -> None:
    store = client.services.store
    inspection = opened(client, dossier=town[0])
    for document, given in (
        (ONE, {"code": town[1]}), (TRAIL, {"dossier": town[1], "first": 1}), (TRAIL, {"unit": "22-XD", "first": 1}),
        (TRAIL, {"actor": "officer-1", "first": 1}), (PAGE, {"unit": "22-XD", "first": 1}),
    ):  # fmt: skip
        assert "does not cover" in unread(client, document, inspection, **given)
    assert "name the `unit`" in unread(client, PAGE, inspection, first=1)
    assert read(client, TRAIL, inspection, dossier=town[0], first=1)["nodes"]
    other = opened(client, unit="22-MT")
    for document, given in (
        (ONE, {"code": town[0]}), (TRAIL, {"dossier": town[0], "first": 1}), (TRAIL, {"unit": "22", "first": 1}),
        (TRAIL, {"actor": "48-S", "first": 1}), (PAGE, {"unit": "22", "first": 1}),
    ):  # fmt: skip
        assert "does not cover" in unread(client, document, other, **given)
    assert read(client, PAGE, other, first=1)["nodes"] == []
    assert [what for what, _ in reads(client, inspection) + reads(client, other)] == ["DOSSIER_TRAIL", "DOSSIERS"]
    whole = opened(client)
    assert "name the `unit`" in unread(client, PAGE, whole, first=1)
    for actor in ("48-S", "officer-1"):
        read(client, TRAIL, whole, actor=actor, last=1, **{"from": ahead(client, -1)})
    assert store.unit("22-MT")


def test_a_period_limits_lists_and_trails(client: Client, town: list[str]) -> None:
    since, until = ahead(client, -15), ahead(client, -5)
    inspection = opened(client, unit="22", **{"from": since, "to": until})
    assert [node["code"] for node in read(client, PAGE, inspection, first=100)["nodes"]] == [town[2]]
    assert read(client, ONE, inspection, code=town[2])["code"] == town[2]
    for code in town[:2]:
        assert "does not cover" in unread(client, ONE, inspection, code=code)
    within = read(client, TRAIL, inspection, unit="22-XD", first=100)
    assert [node["action"] for node in within["nodes"]] == ["SUBMITTED"]
    named = last_read(client, inspection)
    assert (named.begin, named.end) == (instant(since), instant(until))
    assert read(client, TRAIL, inspection, unit="22-XD", first=100, **{"from": ahead(client, -8)})["nodes"] == []
    for wider in ({"from": ahead(client, -16)}, {"to": ahead(client, -4)}):
        assert "does not cover" in unread(client, TRAIL, inspection, unit="22-XD", first=1, **wider)
    assert "lies before" in unread(client, TRAIL, inspection, unit="22-XD", first=1, **{"from": ahead(client, -1)})
    assert read(client, TRAIL, inspection, dossier=town[2], first=9)["nodes"]  # all of it, since it was submitted then
    for half, codes in (({"from": since}, town[2:]), ({"to": since}, town[:2])):
        one = opened(client, unit="22-XD", **half)
        found = [node["code"] for node in read(client, PAGE, one, first=100)["nodes"]]
        assert set(found) & set(town) == set(codes)


def test_what_there_is_not_is_null_and_no_read(client: Client) -> None:
    inspection = opened(client)
    other = global_id("dossier", key(inspection))
    for code in ("22-XD-260101-9999", "", "x" * 300, other):
        assert read(client, ONE, inspection, code=code) is None
        assert read(client, TRAIL, inspection, dossier=code, first=1) is None
    for code in ("22-XX", "", "x" * 300, "một đời người"):
        assert read(client, PAGE, inspection, unit=code, first=1) is None
        assert read(client, TRAIL, inspection, unit=code, first=1) is None
        assert read(client, TRAIL, inspection, actor=code, first=1) is None
    assert reads(client, inspection) == []


@pytest.mark.parametrize(("document", "given"), [
    (PAGE, {"unit": "22"}), (PAGE, {"unit": "22", "first": 0}), (PAGE, {"unit": "22", "first": 1, "after": "x"}),
    (PAGE, {"unit": "22", "first": 1, "last": 1}), (TRAIL, {"first": 1}), (TRAIL, {"unit": "22", "actor": "head-1", "first": 1}),
    (TRAIL, {"unit": "22", "first": 101}), (TRAIL, {"unit": "22", "first": 1, "after": "bjox"}),
    (TRAIL, {"unit": "22", "first": 1, "from": "2030-01-01T00:00:00Z", "to": "2030-01-01T00:00:00Z"}),
])  # fmt: skip
def test_what_is_malformed_is_no_read(client: Client, document: str, given: Answer) -> None:
    assert unread(client, document, opened(client), **given)


def test_nothing_is_read_under_a_closed_one(client: Client, town: list[str]) -> None:
    inspection = opened(client, unit="22")
    done(closed(client, inspection))
    for document, given in ((ONE, {"code": town[0]}), (PAGE, {"first": 1}), (TRAIL, {"unit": "22-XD", "first": 1})):
        assert "is closed: open another" in unread(client, document, inspection, **given)


def test_who_has_left_office_reads_nothing_more(client: Client, store: DynamoStore, town: list[str], clock: SettableClock) -> None:
    gone = f"inspector-{secrets.token_hex(4)}"
    store.register([Officer(gone, Role.INSPECTOR, "22", valid_to=clock().date())], "22")
    inspection = done(opening(client, "INSPECTOR", gone))["inspection"]["id"]
    assert client.ask(ONE, "INSPECTOR", gone, id=inspection, code=town[0])["data"]["inspection"]["dossier"]
    clock.ahead = timedelta(days=2)
    token = client.issuer.token("INSPECTOR", gone, exp=int(clock().timestamp()) + 60)
    assert client.asked_with(token, ONE, id=inspection, code=town[0]) == {"data": {"inspection": None}}


# Fail closed, at once.


@pytest.mark.parametrize("fault", [Unavailable("the store did not answer"), Raced()])
@pytest.mark.parametrize(("document", "given"), [(ONE, {"code": 0}), (PAGE, {"first": 9}), (TRAIL, {"dossier": 0, "first": 9})])
def test_what_cannot_be_written_down_is_not_read(
    client: Client, town: list[str], monkeypatch: pytest.MonkeyPatch, fault: Exception, document: str, given: Answer
) -> None:
    inspection = opened(client, unit="22")
    monkeypatch.setattr("casework.commits.time.sleep", lambda seconds: None)

    def failing(change: Change, now: object) -> None:
        del change, now
        raise fault

    named = {name: town[0] if value == 0 else value for name, value in given.items()}
    with monkeypatch.context() as broken:
        broken.setattr(client.services.store, "commit", failing)
        answer = client.ask(document, "INSPECTOR", None, id=inspection, **named)
    assert list(answer["data"]["inspection"].values()) == [None]
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "INTERNAL"
    assert town[0] not in str(answer["data"])
    assert reads(client, inspection) == []
    assert read(client, document, inspection, **named)
    assert len(reads(client, inspection)) == 1


def test_one_that_is_closed_while_it_is_read_under_gives_nothing(client: Client, town: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    inspection, store = opened(client), client.services.store
    commit = store.commit

    def overtaken(change: Change, now: Any) -> None:  # noqa: ANN401 - an instant
        monkeypatch.setattr(store, "commit", commit)
        done(closed(client, inspection))
        commit(change, now)

    monkeypatch.setattr(store, "commit", overtaken)
    answer = client.ask(ONE, "INSPECTOR", None, id=inspection, code=town[0])
    assert answer["data"] == {"inspection": {"dossier": None}}
    assert "is closed" in bad_input({"errors": answer["errors"]})
    assert [entry.body["action"] for entry in chain(client, inspection)] == ["INSPECTION_OPENED", "INSPECTION_CLOSED"]


def test_reads_at_once_are_each_written_down(client: Client, town: list[str]) -> None:
    inspection, rounds = opened(client), 15

    def some(number: int) -> int:
        given = {"id": inspection, "code": town[number % 3]}
        return sum(bool(client.ask(ONE, "INSPECTOR", None, **given)["data"]["inspection"]["dossier"]) for _ in range(rounds))

    with ThreadPoolExecutor(2) as two:
        found = sum(two.map(some, range(2)))
    assert found > rounds
    assert len(reads(client, inspection)) == found
    assert [entry.seq for entry in chain(client, inspection)] == list(range(1, found + 2))


# Live, and the trails of units.


@pytest.mark.parametrize("who", ["INSPECTOR", "SUPERVISOR", "HEAD"])
def test_inspectors_alone_find_its_entries_on_the_trail_of_its_unit(
    client: Client, services: Services, courier: RecordingCourier, town: list[str], who: str
) -> None:
    def followed(document: str) -> Socket:
        socket = Socket(services, courier)
        socket.connect()
        socket.say("connection_init", payload={"authorization": f"Bearer {client.issuer.token(who)}"})
        socket.subscribe(document)
        return socket

    unit = "22-XD"
    watching = followed(
        f'subscription {{ trailAppended(unit: "{unit}") {{ ready entry {{ action subject dossier {{ code }} changes {{ field }} }} }} }}'
    )
    feed = followed(f'subscription {{ unitFeed(unit: "{unit}") {{ ready }} }}')
    inspection = opened(client, dossier=town[0])
    read(client, ONE, inspection, code=town[0])
    done(closed(client, inspection))
    for entry in chain(client, inspection):
        stream.handle({"Records": [record(entry)]}, services)
    payloads = [message["payload"] for message in watching.heard() if message["type"] == "next"]
    assert all("errors" not in payload for payload in payloads)
    events = [payload["data"]["trailAppended"] for payload in payloads]
    assert events[0]["ready"]
    actions = ["INSPECTION_OPENED", "INSPECTION_READ", "INSPECTION_CLOSED"] if who == "INSPECTOR" else []
    assert [event["entry"]["action"] for event in events[1:]] == actions
    assert {event["entry"]["subject"] for event in events[1:]} <= {inspection}
    assert len([message for message in feed.heard() if message["type"] == "next"]) == 1  # READY: it is no dossier's
    listed = "query($unit: ID!, $from: DateTime!) { auditTrail(unit: $unit, from: $from, last: 100) { nodes { action subject } } }"
    nodes = client.ask(listed, who, None, unit=unit, **{"from": ahead(client, -1)})["data"]["auditTrail"]["nodes"]
    assert [node["action"] for node in nodes if node["subject"] == inspection] == actions
    assert who == "INSPECTOR" or not any(node["action"].startswith("INSPECTION") for node in nodes)


def test_no_event_leads_to_an_inspection() -> None:
    """Nothing that delivers an event may read under one: it would write, once for a whole audience."""
    assert core.subscription_type
    seen: set[str] = set()
    left: list[Any] = [core.subscription_type]
    while left:
        kind = left.pop()
        if kind.name in seen or not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType):
            continue
        seen.add(kind.name)
        if isinstance(kind, GraphQLInterfaceType | GraphQLUnionType):
            left += core.get_possible_types(kind)
        if not isinstance(kind, GraphQLUnionType):
            left += [get_named_type(field.type) for field in kind.fields.values()]
    assert {"Dossier", "AuditEntry", "Export"} <= seen
    assert "Inspection" not in seen


@pytest.mark.parametrize("viewer", [Viewer(Role.INSPECTOR), PUBLIC, Viewer(Role.ADMIN, "admin-1")])
def test_whoever_executes_an_event_reads_nothing_under_one(client: Client, services: Services, town: list[str], viewer: Viewer) -> None:
    inspection = opened(client)
    shown = inspection_of(Context(services, INSPECTOR, "test"), key(inspection))
    assert shown
    with pytest.raises(Invalid) as caught:
        shown._note(Context(services, viewer, "test"), All("22"), ReadKind.DOSSIERS, "22")
    assert caught.value.code == "UNKNOWN_INSPECTION"
    result = executed(ONE, {"id": inspection, "code": town[0]}, None, Context(services, viewer, "test"))
    seen = viewer.role is Role.INSPECTOR
    assert (result.data, bool(result.errors)) == ({"inspection": {"dossier": None} if seen else None}, seen)
    assert reads(client, inspection) == []


# For others that go under one.


@pytest.fixture
def exporting(client: Client, tmp_path: Path) -> Client:
    log = replace(client.services, vault=FolderVault(tmp_path / "log"), depot=FolderDepot(tmp_path / "exports", b"secret"))
    return Client(log, client.issuer)


def test_an_export_names_the_inspection_that_covers_it(exporting: Client, town: list[str]) -> None:
    period = {"from": ahead(exporting, -15), "to": ahead(exporting, -5)}
    whole, unit, one = (opened(exporting, **given) for given in ({}, {"unit": "22", **period}, {"dossier": town[0]}))
    for inspection, given in (
        (whole, {}), (whole, {"unit": "22-XD", **period}), (whole, {"dossier": town[1]}), (unit, {"unit": "22-XD", **period}),
        (unit, {"dossier": town[2]}), (one, {"dossier": town[0]}),
    ):  # fmt: skip
        payload = asked(exporting, EXPORT, "INSPECTOR", inspection=inspection, **given)
        assert payload["errors"] == []
        named = {change["field"]: change["to"] for change in payload["entry"]["changes"]}
        assert named["inspection"] == key(inspection)
    wider = {**period, "to": ahead(exporting, -4)}
    for inspection, given in (
        (unit, {}),
        (one, {}),
        (unit, {"unit": "22-XD", **wider}),
        (unit, {"dossier": town[0]}),
        (one, {"dossier": town[1]}),
    ):
        (error,) = asked(exporting, EXPORT, "INSPECTOR", inspection=inspection, **given)["errors"]
        assert (error["code"], error["path"]) == ("OUT_OF_SCOPE", ["inspection"])
    assert "inspection" not in str(asked(exporting, EXPORT, "INSPECTOR")["entry"]["changes"])


def test_an_export_goes_under_an_open_inspection_of_ones_own(exporting: Client, town: list[str]) -> None:
    inspection, word = opened(exporting), secrets.token_hex(8)
    made = asked(exporting, EXPORT, "INSPECTOR", inspection=inspection, dossier=town[0], idempotencyKey=word)
    assert asked(exporting, EXPORT, "INSPECTOR", "inspector-2", inspection=inspection)["errors"][0]["code"] == "UNKNOWN_INSPECTION"
    done(closed(exporting, inspection))
    for none in (inspection, "", "x" * 300, global_id("inspection", "0" * 32)):
        assert asked(exporting, EXPORT, "INSPECTOR", inspection=none)["errors"][0]["code"] == "UNKNOWN_INSPECTION"
    assert asked(exporting, EXPORT, "INSPECTOR", inspection=inspection, dossier=town[0], idempotencyKey=word) == made


def test_covered_gives_the_inspection_or_says_why_not(client: Client, services: Services, town: list[str]) -> None:
    dossier = services.store.held(services.store.coded(town[0]) or DossierId(""))
    assert dossier
    inspection = key(opened(client, unit="22-XD"))

    def refused(viewer: Viewer, subject: DossierId, what: Held | All) -> str:
        with pytest.raises(Invalid) as caught:
            covered(services, viewer, subject, what)
        assert caught.value.path == ("inspection",)
        return caught.value.code

    assert covered(services, INSPECTOR, inspection, dossier) == covered(services, INSPECTOR, inspection, All("22-XD"))
    assert covered(services, INSPECTOR, inspection, dossier).id == inspection
    for viewer in (replace(INSPECTOR, sub="inspector-2"), Viewer(Role.HEAD, "head-1", ("22-XD",)), Viewer(Role.INSPECTOR), PUBLIC):
        assert refused(viewer, inspection, dossier) == "UNKNOWN_INSPECTION"
    assert refused(INSPECTOR, dossier.id, dossier) == "UNKNOWN_INSPECTION"
    assert [refused(INSPECTOR, inspection, what) for what in (All("22"), All())] == ["OUT_OF_SCOPE"] * 2
    assert len(chain(client, global_id("inspection", inspection))) == 1  # it writes nothing
