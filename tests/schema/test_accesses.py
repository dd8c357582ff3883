"""Accesses: what an official is shown of an applicant is written down first, and told to the applicant; supervisors see it masked."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from casework.accesses import PAGE, WINDOW
from casework.adapters.dynamo import DynamoStore
from casework.model.errors import Unavailable
from casework.ports import Accessed, Services
from local.engine import Engine
from schema.node import global_id
from tests.schema.common import BAD_TEXTS, UNKNOWN, lead, submitted
from tests.stages import staged
from tests.support import Client, Issuer, RecordingCourier, SettableClock, services_over

AN = {"name": "Nguyễn Văn An", "phone": "0900 000 000"}
MASKED = {"name": "N***", "phone": "*******000"}
ACCESSES = """accesses(last: 100) { nodes {
    id seq kind at actor { kind id role unit } onBehalfOf { kind id } reason hash prev proof { index } } }"""
READ = f"query($code: ID!) {{ dossier(code: $code) {{ applicant {{ name phone }} {ACCESSES} }} }}"
SHOWN = "query($code: ID!) { dossier(code: $code) { applicant { name phone } } }"
UNMASK = """mutation($input: UnmaskApplicantInput!) { unmaskApplicant(input: $input) {
    dossier { code applicant { name phone masked } } access { id seq kind reason hash }
    entry { id seq action hash prev actor { id role unit } reason { code text } changes { field from to } dossier { applicant { name } } }
    errors { __typename code message(lang: EN) vi: message path } } }"""


def accesses(services: Services, code: str) -> list[Accessed]:
    subject = services.store.coded(code)
    assert subject
    return services.store.accesses(subject, 0, 1000)


def told(services: Services, code: str) -> list[tuple[str, str]]:
    return [(one.entry.body["action"], one.entry.body["actor"]["id"]) for one in accesses(services, code)]


def shown(client: Client, who: str | None, code: str, subject: str | None = None) -> Any:  # noqa: ANN401 - JSON
    answer = client.ask(SHOWN, who, subject, code=code)
    assert "errors" not in answer, answer
    return answer["data"]["dossier"] and answer["data"]["dossier"]["applicant"]


def unmask(client: Client, code: str, who: str | None = "SUPERVISOR", subject: str | None = None, /, **given: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    asked = {"dossier": code, "reason": "đơn kêu cứu", "idempotencyKey": secrets.token_hex(8), **given}
    answer = client.ask(UNMASK, who, subject, input=asked)
    assert "errors" not in answer, answer
    found: dict[str, Any] = answer["data"]["unmaskApplicant"]
    return found


def refusal(payload: dict[str, Any]) -> tuple[str, str, list[str] | None]:
    assert (payload["dossier"], payload["access"], payload["entry"]) == (None, None, None)
    (error,) = payload["errors"]
    assert error["message"] != error["vi"]
    return error["__typename"], error["code"], error["path"]


# Views.


def test_a_view_is_written_once_within_its_window(client: Client, services: Services, clock: SettableClock) -> None:
    code = client.assigned()
    assert accesses(services, code) == []
    for _ in range(3):
        assert shown(client, "HEAD", code) == AN
    assert told(services, code) == [("VIEWED", "head-1")]
    assert shown(client, "OFFICER", code) == AN
    assert shown(client, "HEAD", code) == AN
    assert told(services, code) == [("VIEWED", "head-1"), ("VIEWED", "officer-1")]
    clock.ahead = WINDOW - timedelta(minutes=1)
    assert shown(client, "HEAD", code) == AN
    assert len(accesses(services, code)) == 2
    clock.ahead = WINDOW + timedelta(seconds=1)
    assert shown(client, "HEAD", code) == AN
    assert told(services, code)[2:] == [("VIEWED", "head-1")]


def test_one_operation_is_one_access(client: Client, services: Services) -> None:
    code = client.assigned()
    fields = "a: applicant { name } b: applicant { phone } trail(first: 2) { nodes { dossier { applicant { address } } } }"
    document = f"query($code: ID!) {{ one: dossier(code: $code) {{ {fields} }} other: dossier(code: $code) {{ {fields} }} }}"
    assert "errors" not in client.ask(document, "HEAD", None, code=code)
    assert told(services, code) == [("VIEWED", "head-1")]


def test_the_entry_is_one_of_the_second_log(client: Client, services: Services) -> None:
    code = client.assigned()
    assert shown(client, "HEAD", code)
    assert shown(client, "OFFICER", code)
    first, second = (one.entry for one in accesses(services, code))
    assert {**first.body, "after": "", "recorded_at": "", "occurred_at": ""} == {
        "v": 1, "log": "giamsat.test/accesses", "province": "22", "subject": {"kind": "dossier", "id": services.store.coded(code)},
        "seq": 1, "prev": "0" * 64, "occurred_at": "", "recorded_at": "", "action": "VIEWED", "reason": None, "request": "test-request",
        "actor": {"kind": "OFFICER", "id": "head-1", "role": "HEAD", "unit": "22-XD"}, "on_behalf_of": None,
        "changes": [{"field": "accesses", "from": None, "to": 1}], "after": "", "digests": [],
    }  # fmt: skip
    assert (second.seq, second.body["prev"], second.body["changes"]) == (2, first.hash, [{"field": "accesses", "from": 1, "to": 2}])
    assert second.body["after"] != first.body["after"]


def test_who_reads_his_own_values_or_none_writes_nothing(client: Client, services: Services) -> None:
    code = client.assigned()
    assert shown(client, "CITIZEN", code) == AN
    assert shown(client, "RECEPTION", code) is None
    for who in ("SUPERVISOR", "INSPECTOR"):
        assert shown(client, who, code) == MASKED
    assert shown(client, None, code) is None
    assert shown(client, "ADMIN", code) is None
    assert client.ask("query($c: ID!) { dossier(code: $c) { state } }", "HEAD", None, c=code)["data"]["dossier"]
    assert accesses(services, code) == []


def test_the_counter_s_view_at_intake_is_written_for_whom_it_is(client: Client, services: Services, issuer: Issuer) -> None:
    code = submitted(client)
    for _ in range(2):
        token = issuer.token("RECEPTION", on_behalf_of="citizen-1")
        assert client.asked_with(token, SHOWN, code=code)["data"]["dossier"]["applicant"] == AN
    (one,) = accesses(services, code)
    assert one.entry.body["on_behalf_of"]["kind"] == "CITIZEN"
    assert "citizen-1" not in one.entry.line
    assert list(one.disclosures) == one.entry.body["digests"] == []
    assert one.entry.body["on_behalf_of"].keys() == {"kind", "id", "role"}
    assert shown(client, "RECEPTION", code) == AN  # in its own name: another access
    assert len(accesses(services, code)) == 2


def test_what_a_mutation_shows_is_written_too(client: Client, services: Services) -> None:
    code = client.received()
    document = "mutation($input: AssignDossierInput!) { assignDossier(input: $input) { dossier { applicant { name } } errors { code } } }"
    answer = client.ask(document, "HEAD", None, input={"dossier": code, "idempotencyKey": "k", **lead()})
    assert answer["data"]["assignDossier"] == {"dossier": {"applicant": {"name": AN["name"]}}, "errors": []}
    assert told(services, code) == [("VIEWED", "head-1")]


@pytest.fixture(scope="module")
def own(store: DynamoStore, engine: Engine) -> Iterator[DynamoStore]:
    """A store of these lists alone."""
    with staged("accesses", store, engine) as made:
        yield made


def test_a_page_is_written_dossier_by_dossier(own: DynamoStore, issuer: Issuer, clock: SettableClock) -> None:
    services = services_over(own, issuer, RecordingCourier(), clock)
    client = Client(services, issuer)
    codes = [client.received() for _ in range(12)]
    assert shown(client, "HEAD", codes[0])
    document = """{ dossiers(first: 100) { nodes { code applicant { name } } } again: dossiers(last: 5) { nodes { applicant { phone } } }
        alerts(first: 5) { nodes { dossier { applicant { name } } } } }"""
    for _ in range(2):
        answer = client.ask(document, "HEAD")
        assert "errors" not in answer, answer
        found = {node["code"]: node["applicant"]["name"] for node in answer["data"]["dossiers"]["nodes"]}
        assert {code: found[code] for code in codes} == dict.fromkeys(codes, AN["name"])
    assert [told(services, code) for code in codes] == [[("VIEWED", "head-1")]] * 12
    assert "errors" not in client.ask("{ dossiers(first: 100) { nodes { applicant { name } } } }", "SUPERVISOR")
    assert [len(accesses(services, code)) for code in codes] == [1] * 12
    answer = client.ask("{ dossiers(first: 100) { nodes { code } } }", "OFFICER")
    assert [len(accesses(services, code)) for code in codes] == [1] * 12


def test_many_others_in_the_window_make_no_second_access(client: Client, services: Services, issuer: Issuer) -> None:
    code = client.assigned()
    for number in range(PAGE + 3):
        assert client.asked_with(issuer.token("HEAD", f"head-9{number}", ("22-XD",)), SHOWN, code=code)["data"]["dossier"]["applicant"]
    assert len(accesses(services, code)) == PAGE + 3
    assert client.asked_with(issuer.token("HEAD", "head-90", ("22-XD",)), SHOWN, code=code)["data"]["dossier"]["applicant"]
    assert len(accesses(services, code)) == PAGE + 3


# What cannot be written is not shown.


class Closed:
    """A store into which no access can be written, of the dossiers that it is told."""

    def __init__(self, store: Any, *subjects: str | None) -> None:  # noqa: ANN401 - stands for the store
        self._store, self._subjects = store, subjects

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as the store has it
        return getattr(self._store, name)

    def access(self, access: Accessed, *given: Any) -> None:  # noqa: ANN401 - as the store takes it
        if access.entry.place[0] in self._subjects:
            raise Unavailable("the store did not answer (at all)")
        self._store.access(access, *given)


def test_what_cannot_be_written_is_not_shown(client: Client, services: Services) -> None:
    code = client.assigned()
    shut = replace(client, services=replace(services, store=Closed(services.store, services.store.coded(code))))
    answer = shut.ask(
        "query($code: ID!) { dossier(code: $code) { state a: applicant { name } b: applicant { name } } }", "HEAD", None, code=code
    )
    assert answer["data"]["dossier"] == {"state": "IN_PROCESS", "a": None, "b": None}
    assert [(one["path"], one["extensions"]["code"]) for one in answer["errors"]] == [
        (["dossier", "a"], "INTERNAL"),
        (["dossier", "b"], "INTERNAL"),
    ]
    assert AN["name"] not in str(answer)
    assert accesses(services, code) == []
    found = shut.ask(READ, "CITIZEN", None, code=code)["data"]["dossier"]
    assert found == {"applicant": AN, "accesses": {"nodes": []}}
    assert shown(shut, "SUPERVISOR", code) == MASKED


def test_one_of_a_page_that_cannot_be_written_hides_no_other(own: DynamoStore, issuer: Issuer, clock: SettableClock) -> None:
    services = services_over(own, issuer, RecordingCourier(), clock)
    client = Client(services, issuer)
    codes = [client.received() for _ in range(3)]
    closed = replace(services, store=Closed(own, own.coded(codes[1])))
    answer = Client(closed, issuer).ask("{ dossiers(first: 100) { nodes { code applicant { name } } } }", "HEAD")
    found = {node["code"]: node["applicant"] for node in answer["data"]["dossiers"]["nodes"]}
    assert [found[code] for code in codes] == [{"name": AN["name"]}, None, {"name": AN["name"]}]
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "INTERNAL"


# Unmasking.


def test_a_supervisor_unmasks_for_a_reason(client: Client, services: Services) -> None:
    code = client.assigned()
    payload = unmask(client, code)
    assert payload["errors"] == []
    assert payload["dossier"] == {"code": code, "applicant": {**AN, "masked": False}}
    entry, access = payload["entry"], payload["access"]
    assert (entry["action"], entry["seq"], entry["prev"]) == ("UNMASKED", 1, "0" * 64)
    assert entry["actor"] == {"id": "supervisor-1", "role": "SUPERVISOR", "unit": "22"}
    assert entry["reason"] == {"code": "UNMASKING", "text": "đơn kêu cứu"}
    assert entry["changes"] == [{"field": "accesses", "from": None, "to": 1}]
    assert entry["dossier"] == {"applicant": {"name": "N***"}}
    assert (access["kind"], access["seq"], access["reason"], access["hash"]) == ("UNMASKED", 1, "đơn kêu cứu", entry["hash"])
    assert shown(client, "SUPERVISOR", code) == MASKED
    assert told(services, code) == [("UNMASKED", "supervisor-1")]
    (one,) = accesses(services, code)
    assert "đơn kêu cứu" not in one.entry.line
    assert list(one.disclosures) == one.entry.body["digests"]


def test_each_unmasking_is_an_access_and_no_view(client: Client, services: Services) -> None:
    code = client.assigned()
    for _ in range(2):
        assert unmask(client, code)["errors"] == []
    assert told(services, code) == [("UNMASKED", "supervisor-1")] * 2


def test_a_repeated_request_unmasks_once(client: Client, services: Services) -> None:
    code = client.assigned()
    first = unmask(client, code, idempotencyKey="again")
    assert shown(client, "HEAD", code)
    assert unmask(client, code, idempotencyKey="again") == first
    assert refusal(unmask(client, code, idempotencyKey="again", reason="khác")) == ("Invalid", "IDEMPOTENCY_KEY_REUSED", ["idempotencyKey"])
    assert refusal(unmask(client, code, "SUPERVISOR", "supervisor-9", idempotencyKey="again"))[1] == "IDEMPOTENCY_KEY_REUSED"
    assert told(services, code) == [("UNMASKED", "supervisor-1"), ("VIEWED", "head-1")]


@pytest.mark.parametrize(("who", "wanted"), [
    ("HEAD", ("Refused", "NOT_YOUR_MOVE", None)), ("OFFICER", ("Refused", "NOT_YOUR_MOVE", None)),
    ("RECEPTION", ("Refused", "NOT_YOUR_MOVE", None)), ("CITIZEN", ("Refused", "NOT_YOUR_MOVE", None)),
    ("INSPECTOR", ("Invalid", "INSPECTION_NEEDED", ["inspection"])), ("ADMIN", ("NotFound", "NOT_FOUND", ["dossier"])),
    (None, ("NotFound", "NOT_FOUND", ["dossier"])),
])  # fmt: skip
def test_nobody_else_unmasks(client: Client, services: Services, who: str | None, wanted: tuple[str, str, list[str] | None]) -> None:
    code = client.assigned()
    assert refusal(unmask(client, code, who)) == wanted
    unknown = ("Invalid", "UNKNOWN_INSPECTION", ["inspection"])
    assert refusal(unmask(client, code, who, inspection="x")) == (unknown if who == "INSPECTOR" else wanted)
    assert accesses(services, code) == []


OPEN = "mutation($input: OpenInspectionInput!) { openInspection(input: $input) { inspection { id } errors { code } } }"
CLOSE = "mutation($input: CloseInspectionInput!) { closeInspection(input: $input) { errors { code } } }"


def test_an_inspector_unmasks_during_an_inspection(client: Client, services: Services) -> None:
    code, other = client.assigned(), client.assigned()
    given = {"idempotencyKey": code, "dossier": code, "reason": "đơn phản ánh", "legalBasis": "11/2022/QH15"}
    inspection = client.ask(OPEN, "INSPECTOR", input=given)["data"]["openInspection"]["inspection"]["id"]
    assert unmask(client, code, "INSPECTOR", inspection=inspection)["errors"] == []
    assert told(services, code) == [("UNMASKED", "inspector-1")]
    assert unmask(client, code, "INSPECTOR", inspection=inspection, idempotencyKey="again")["errors"] == []
    assert unmask(client, code, "INSPECTOR", inspection=inspection, idempotencyKey="again")["errors"] == []
    reads = "query($id: ID!) { inspection(id: $id) { reads trail(first: 9) { nodes { changes { field to } } } } }"
    read = client.ask(reads, "INSPECTOR", id=inspection)
    assert read["data"]["inspection"]["reads"] == 2, "a repeated request is none"
    assert '"UNMASKING"' in json.dumps(read)
    assert refusal(unmask(client, other, "INSPECTOR", inspection=inspection)) == ("Invalid", "OUT_OF_SCOPE", ["inspection"])
    assert refusal(unmask(client, code, "INSPECTOR", "inspector-9", inspection=inspection))[1] == "UNKNOWN_INSPECTION"
    assert (
        client.ask(CLOSE, "INSPECTOR", input={"idempotencyKey": code, "inspection": inspection})["data"]["closeInspection"]["errors"] == []
    )
    assert refusal(unmask(client, code, "INSPECTOR", inspection=inspection))[1] == "UNKNOWN_INSPECTION"
    assert accesses(services, other) == []


def test_what_there_is_not_is_not_unmasked(client: Client) -> None:
    for code in (UNKNOWN, "", "x" * 300, global_id("dossier", "0" * 32), global_id("procedure", "XD-01")):
        assert refusal(unmask(client, code)) == ("NotFound", "NOT_FOUND", ["dossier"])


def test_a_supervisor_elsewhere_unmasks_nothing(client: Client, services: Services, issuer: Issuer) -> None:
    code = client.assigned()
    asked = {"dossier": code, "reason": "r", "idempotencyKey": "k"}
    answer = client.asked_with(issuer.token("SUPERVISOR", "supervisor-7", ("48",)), UNMASK, input=asked)
    assert refusal(answer["data"]["unmaskApplicant"]) == ("NotFound", "NOT_FOUND", ["dossier"])
    assert accesses(services, code) == []


@pytest.mark.parametrize(("text", "code"), BAD_TEXTS.items())
def test_a_reason_is_a_text(client: Client, text: str, code: str) -> None:
    assert refusal(unmask(client, UNKNOWN, reason=text)) == ("Invalid", code, ["reason"])


@pytest.mark.parametrize("key", ["", "x" * 129, "a\nb"])
def test_a_key_is_a_key(client: Client, key: str) -> None:
    assert refusal(unmask(client, UNKNOWN, idempotencyKey=key)) == ("Invalid", "BAD_KEY", ["idempotencyKey"])


# Who sees accesses.


SEE: dict[str, bool] = {
    "CITIZEN": True, "SUPERVISOR": True, "INSPECTOR": True, "HEAD": False, "OFFICER": False, "RECEPTION": False,
}  # fmt: skip


@pytest.mark.parametrize("who", SEE)
def test_each_sees_the_accesses_that_a_rule_allows(client: Client, who: str) -> None:
    code = client.assigned()
    made = unmask(client, code)
    assert shown(client, "HEAD", code)
    document = f"query($code: ID!) {{ dossier(code: $code) {{ {ACCESSES} }} }}"
    found = client.ask(document, who, None, code=code)["data"]["dossier"]["accesses"]
    if not SEE[who]:
        assert found is None
    else:
        first, second = found["nodes"]
        assert (first["id"], first["hash"], first["reason"]) == (made["access"]["id"], made["access"]["hash"], "đơn kêu cứu")
        assert (second["prev"], second["reason"], second["kind"], second["seq"]) == (first["hash"], None, "VIEWED", 2)
        assert second["actor"] == {"kind": "OFFICER", "id": "head-1", "role": "HEAD", "unit": "22-XD"}
        assert (first["proof"], first["onBehalfOf"]) == (None, None)
    node = "query($id: ID!) { node(id: $id) { id ... on Access { reason } ... on AuditEntry { action } } }"
    for id_, rest in ((made["access"]["id"], {"reason": "đơn kêu cứu"}), (made["entry"]["id"], {"action": "UNMASKED"})):
        assert client.ask(node, who, None, id=id_)["data"]["node"] == ({"id": id_, **rest} if SEE[who] else None)


@pytest.mark.parametrize("kind", ["access", "access-entry"])
def test_an_access_that_there_is_not_is_null(client: Client, services: Services, kind: str) -> None:
    code = client.assigned()
    assert shown(client, "HEAD", code)
    subject = services.store.coded(code)
    node = "query($id: ID!) { node(id: $id) { id } }"
    assert client.ask(node, "SUPERVISOR", None, id=global_id(kind, f"{subject}/1"))["data"]["node"]
    for key in (f"{subject}/2", f"{subject}/0", f"{subject}/x", f"{'0' * 32}/1", "/1", "x"):
        assert client.ask(node, "SUPERVISOR", None, id=global_id(kind, key)) == {"data": {"node": None}}


def test_accesses_come_in_pages(client: Client) -> None:
    code = client.assigned()
    for _ in range(5):
        assert unmask(client, code)["errors"] == []
    page = """query($code: ID!, $first: Int, $last: Int, $after: String, $before: String) { dossier(code: $code) {
        accesses(first: $first, last: $last, after: $after, before: $before) {
            nodes { seq } edges { cursor } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }"""

    def read(**given: Any) -> tuple[list[int], dict[str, Any]]:  # noqa: ANN401 - JSON
        found = client.ask(page, "CITIZEN", None, code=code, **given)["data"]["dossier"]["accesses"]
        assert [edge["cursor"] for edge in found["edges"]][:1] == [found["pageInfo"]["startCursor"]][: len(found["edges"])]
        return [node["seq"] for node in found["nodes"]], found["pageInfo"]

    seqs, info = read(first=2)
    assert (seqs, info["hasNextPage"], info["hasPreviousPage"]) == ([1, 2], True, False)
    seqs, info = read(first=10, after=info["endCursor"])
    assert (seqs, info["hasNextPage"], info["hasPreviousPage"]) == ([3, 4, 5], False, True)
    seqs, info = read(last=2)
    assert (seqs, info["hasNextPage"], info["hasPreviousPage"]) == ([4, 5], False, True)
    seqs, info = read(last=2, before=info["startCursor"])
    assert (seqs, info["hasNextPage"], info["hasPreviousPage"]) == ([2, 3], True, True)
    answer = client.ask(page, "CITIZEN", None, code=code, first=2, last=2)
    assert (answer["data"]["dossier"]["accesses"], answer["errors"][0]["extensions"]["code"]) == (None, "BAD_USER_INPUT")


def test_an_agent_of_the_applicant_sees_them_too(client: Client, issuer: Issuer) -> None:
    code = client.assigned()
    assert shown(client, "HEAD", code)
    agent = issuer.token("CITIZEN", "agent-1", on_behalf_of="citizen-1")
    assert len(client.asked_with(agent, READ, code=code)["data"]["dossier"]["accesses"]["nodes"]) == 1


# A denouncer.


def test_a_denouncer_is_known_to_his_handler_alone(client: Client, services: Services) -> None:
    code = client.submitted("TO-01", channel="POST", applicant={"name": "Người Tố Giác"})["dossier"]["code"]
    for who in ("SUPERVISOR", "INSPECTOR", "RECEPTION", "HEAD"):
        assert shown(client, who, code) is None
    assert refusal(unmask(client, code)) == ("Refused", "NOT_YOUR_MOVE", None)
    assert accesses(services, code) == []
