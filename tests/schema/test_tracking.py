"""Public tracking: what code and secret show together, and that nothing else tells anything."""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

import pytest

from casework.actions.procedures import subject_of
from casework.ports import Services
from schema.node import global_id
from tests.schema.common import STATES, UNKNOWN, beside, lead
from tests.support import Client, Issuer

TRACK = """query($code: ID!, $secret: String!) { track(code: $code, secret: $secret) {
    code state unit { code name } receptionPoint { code kind } clock { dueAt originalDueAt promisedDueAt level paused usedMinutes
        explanation { kind on text } intervals { kind cause holder officer from to unit { code } } } } }"""
WRONG = "AAAA-BBBB-CCCC-DDDD"
WHO: list[tuple[str | None, str | None]] = [
    (None, None), ("CITIZEN", None), ("CITIZEN", "citizen-2"), ("RECEPTION", None), ("OFFICER", None), ("HEAD", None),
    ("SUPERVISOR", None), ("INSPECTOR", None),
]  # fmt: skip


@dataclass
class Counting:
    """A store that notes which of its methods are called."""

    store: Any
    calls: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as the store has it
        def called(*given: Any, **more: Any) -> Any:  # noqa: ANN401 - whatever the store takes and gives
            self.calls.append(name)
            return getattr(self.store, name)(*given, **more)

        return called


def raw(client: Client, code: str, secret: str) -> str:
    """Give the answer as it leaves, to the byte."""
    body: str = client.raw(json.dumps({"query": TRACK, "variables": {"code": code, "secret": secret}}))["body"]
    return body


def slip(client: Client, **more: Any) -> tuple[str, str]:  # noqa: ANN401 - JSON
    opened = client.submitted(**more)
    return opened["dossier"]["code"], opened["trackingSecret"]


# What is shown.


def test_code_and_secret_show_state_unit_and_due_date(client: Client) -> None:
    code, secret = slip(client)
    before = client.ask(TRACK, code=code, secret=secret)["data"]["track"]
    assert before == {
        "code": code, "state": "SUBMITTED", "clock": None,
        "unit": {"code": "22-XD", "name": "Sở Xây dựng tỉnh Quảng Ninh"}, "receptionPoint": {"code": "22-MC", "kind": "CENTRE"},
    }  # fmt: skip
    client.done("receiveDossier", "RECEPTION", dossier=code, checked=["FORM", "DEED"])
    client.done("assignDossier", "HEAD", dossier=code, **lead())
    found = client.ask(TRACK, code=code, secret=secret)["data"]["track"]
    own = client.ask("query($c: ID!) { dossier(code: $c) { state clock { dueAt promisedDueAt } } }", "CITIZEN", c=code)["data"]["dossier"]
    assert found["state"] == own["state"] == "IN_PROCESS"
    assert {name: found["clock"][name] for name in own["clock"]} == own["clock"]
    assert found["clock"]["explanation"][0]["kind"] == "START"
    assert [(i["holder"], i["officer"], i["unit"]) for i in found["clock"]["intervals"]] == [
        ("UNIT", None, {"code": "22-XD"}), ("OFFICER", None, {"code": "22-XD"}),
    ]  # fmt: skip


@pytest.mark.parametrize("who", WHO)
def test_it_shows_the_same_to_everybody(client: Client, who: tuple[str | None, str | None]) -> None:
    code, secret = slip(client)
    assert client.ask(TRACK, *who, code=code, secret=secret) == client.ask(TRACK, code=code, secret=secret)
    assert client.ask(TRACK, *who, code=code, secret=secret)["data"]["track"]["code"] == code
    assert client.ask(TRACK, *who, code=code, secret=WRONG) == {"data": {"track": None}}


def test_it_shows_nothing_to_an_admin(client: Client, services: Services, issuer: Issuer) -> None:
    """Domain, section 9: an admin keeps the register and sees no dossier."""
    code, secret = slip(client)
    counting = Counting(services.store)
    found = Client(replace(services, store=counting), issuer).ask(TRACK, "ADMIN", code=code, secret=secret)
    assert found == {"data": {"track": None}}
    assert [name for name in counting.calls if name != "officer"] == ["coded", "slip"]


@pytest.mark.parametrize("typed", [str.lower, lambda s: s.replace("-", ""), lambda s: s.replace("-", " "), lambda s: f" {s.lower()}\n",
                                   lambda s: s.replace("-", " - ")])  # fmt: skip
def test_a_secret_may_be_typed_as_one_likes(client: Client, typed: Callable[[str], str]) -> None:
    code, secret = slip(client)
    assert client.ask(TRACK, code=code, secret=typed(secret))["data"]["track"]["code"] == code


def test_the_id_does_for_the_code(client: Client) -> None:
    opened = client.submitted()
    assert client.ask(TRACK, code=opened["dossier"]["id"], secret=opened["trackingSecret"])["data"]["track"]


@pytest.mark.parametrize("state", STATES)
def test_it_shows_every_state(client: Client, state: str) -> None:
    code = STATES[state](client)
    secret = client.done("rotateTrackingSecret", "CITIZEN", dossier=code)["trackingSecret"]
    found = client.ask(TRACK, code=code, secret=secret)["data"]["track"]
    assert found["state"] == state
    assert (found["clock"] is None) is (state in {"SUBMITTED", "REFUSED"})


KINDS = {"XD-01": "ONLINE", "KN-01": "ONLINE", "TO-01": "POST", "PA-01": "EMAIL", "TT-01": "ONLINE"}  # one of each kind


@pytest.mark.parametrize("procedure", KINDS)
def test_there_is_no_name_in_it_whatever_the_kind(client: Client, procedure: str) -> None:
    name = {"name": "Trần Thị Kín", "phone": "0912 345 678", "address": "12 Phố Kín", "identityNumber": "001099000001"}
    done = client.done("submitDossier", "CITIZEN", "citizen-kín", procedure=procedure, receptionPoint="22-MC",
                       channel=KINDS[procedure], applicant=name)  # fmt: skip
    code, unit = done["dossier"]["code"], done["dossier"]["code"][:5]
    version = client.services.store.versions(procedure)[-1]
    client.done("receiveDossier", "RECEPTION", dossier=code, checked=[c.code for c in version.components if c.mandatory])
    given = lead(unit=unit, officer=f"{unit}-1", task="việc kín", responsibility="kín", authority="kín", expectedResult="kín")
    client.done("assignDossier", "HEAD", f"{unit}-H", dossier=code, **given)
    client.done("assignDossier", "HEAD", f"{unit}-H", dossier=code, **beside(officer="officer-2", task="việc kín", expectedResult="kín"))
    found = raw(client, code, done["trackingSecret"])
    assert json.loads(found)["data"]["track"]["state"] == "IN_PROCESS"
    for hidden in (*name.values(), "kín", f"{unit}-1", "officer-2", f"{unit}-H", "reception-1"):
        assert hidden not in json.dumps(json.loads(found), ensure_ascii=False), hidden


def test_the_type_has_no_more_than_that() -> None:
    from schema.root import core  # noqa: PLC0415 - one test asks it

    assert set(core.type_map["TrackedDossier"].fields) == {"code", "state", "unit", "receptionPoint", "clock"}  # type: ignore[attr-defined]


# What is not.


def test_a_wrong_secret_is_answered_as_an_unknown_code(client: Client) -> None:
    code, secret = slip(client)
    other, others = slip(client)
    id_ = client.ask("query($c: ID!) { dossier(code: $c) { id } }", "CITIZEN", c=other)["data"]["dossier"]["id"]
    nobody, procedure = global_id("dossier", "0" * 32), global_id("dossier", subject_of("XD-01"))
    wrong = [WRONG, others, secret[:-1], secret + "A", "", "é", "x" * 5000, "\x00"]
    asked = [(code, text) for text in wrong] + [(UNKNOWN, text) for text in (secret, WRONG, "")]
    asked += [(text, secret) for text in (f"{code}x", "", "x" * 5000, id_, nobody, procedure)] + [(id_, WRONG)]
    answers = {raw(client, *one) for one in asked}
    assert answers == {'{"data":{"track":null}}'}


@pytest.mark.parametrize("typed", [str.lower, lambda code: f" {code} "])
def test_a_code_is_found_as_it_is_typed(client: Client, typed: Callable[[str], str]) -> None:
    code, secret = slip(client)
    assert json.loads(raw(client, typed(code), secret))["data"]["track"]["code"] == code


def test_a_wrong_secret_costs_the_reads_of_an_unknown_code(client: Client, services: Services, issuer: Issuer) -> None:
    code, secret = slip(client)
    id_ = client.ask("query($c: ID!) { dossier(code: $c) { id } }", "CITIZEN", c=code)["data"]["dossier"]["id"]
    counts = {}
    for name, asked in {"wrong": (code, WRONG), "unknown": (UNKNOWN, secret), "empty": (code, ""), "wrong by id": (id_, WRONG),
                        "unknown by id": (global_id("dossier", "0" * 32), secret)}.items():  # fmt: skip
        counting = Counting(services.store)
        assert raw(Client(replace(services, store=counting), issuer), *asked) == '{"data":{"track":null}}'
        counts[name] = counting.calls
    assert counts["wrong"] == counts["unknown"] == counts["empty"] == ["coded", "slip"]
    assert counts["wrong by id"] == counts["unknown by id"] == ["slip"]


def test_a_code_alone_shows_nothing(client: Client) -> None:
    code, _ = slip(client)
    assert client.ask("query($c: ID!) { dossier(code: $c) { code } }", c=code) == {"data": {"dossier": None}}
    found = client.ask("query($c: ID!) { track(code: $c) { code } }", c=code)
    assert found["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


# How a secret may come.

LITERALS = {
    "in the document": '{ track(code: "%s", secret: "%s") { code } }',
    "in a block": '{ track(code: "%s", secret: """%s""") { code } }',
    "in a fragment": '{ ...F } fragment F on Query { track(code: "%s", secret: "%s") { code } }',
    "in a fragment in a fragment": '{ ...F } fragment F on Query { ...G } fragment G on Query { track(code: "%s", secret: "%s") { code } }',
    "in a fragment without a name": '{ ... on Query { ... { track(code: "%s", secret: "%s") { code } } } }',
    "behind an alias": '{ a: track(code: "%s", secret: "%s") { code } }',
    "where it is skipped": '{ track(code: "%s", secret: "%s") @skip(if: true) { code } viewer { role } }',
    "in another operation": 'query A { viewer { role } } query B { track(code: "%s", secret: "%s") { code } }',
    "as a default": 'query($c: ID! = "%s", $s: String! = "%s") { track(code: $c, secret: $s) { code } }',
    "as a default for a fragment": """query($c: ID! = "%s", $s: String! = "%s") { ...F }
        fragment F on Query { track(code: $c, secret: $s) { code } }""",
}  # fmt: skip


@pytest.mark.parametrize("name", LITERALS)
def test_a_secret_in_a_document_is_bad_input(client: Client, name: str) -> None:
    code, secret = slip(client)
    body = {"query": LITERALS[name] % (code, secret), "operationName": "A" if "operation" in name else None}
    found = json.loads(client.raw(json.dumps(body))["body"])
    assert "data" not in found
    assert {error["extensions"]["code"] for error in found["errors"]} == {"BAD_USER_INPUT"}
    assert "`secret`" in found["errors"][0]["message"]
    assert secret not in json.dumps(found)


@pytest.mark.parametrize("document", ['{ track(code: "x", secret: null) { code } }', '{ track(code: "x", secret: 5) { code } }',
                                      "query($s: Int!) { track(code: 1, secret: $s) { code } }"])  # fmt: skip
def test_a_secret_of_another_type_is_bad_input(client: Client, document: str) -> None:
    found = client.ask(document, s=5)
    assert {error["extensions"]["code"] for error in found["errors"]} == {"BAD_USER_INPUT"}


def test_a_default_of_another_variable_is_nobodys_secret(client: Client) -> None:
    code, secret = slip(client)
    document = """query($code: ID!, $secret: String!, $lang: Language! = EN) {
        track(code: $code, secret: $secret) { unit { name(lang: $lang) } } }"""
    found = client.ask(document, code=code, secret=secret)["data"]["track"]
    assert found == {"unit": {"name": "Department of Construction of Quảng Ninh province"}}


def test_tracking_by_get_is_refused(client: Client) -> None:
    code, secret = slip(client)
    for document in (
        TRACK,
        "query($code: ID!, $secret: String!) { ...F } fragment F on Query { track(code: $code, secret: $secret) { code } }",
    ):
        query = urlencode({"query": document, "variables": json.dumps({"code": code, "secret": secret})})
        answer = client.raw(None, method="GET", query=query)
        assert answer["statusCode"] == 400
        found = json.loads(answer["body"])
        assert set(found) == {"errors"}
        assert found["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "correlationId": "test-request"}
        assert "POST" in found["errors"][0]["message"]
        assert code not in answer["body"]


def test_a_literal_by_get_is_refused_too(client: Client) -> None:
    code, secret = slip(client)
    query = urlencode({"query": LITERALS["in the document"] % (code, secret)})
    answer = client.raw(None, method="GET", query=query, accept="application/graphql-response+json")
    assert answer["statusCode"] == 400
    assert set(json.loads(answer["body"])) == {"errors"}


def test_several_may_be_tracked_at_once(client: Client) -> None:
    (one, first), (two, second) = slip(client), slip(client)
    document = """query($a: ID!, $s: String!, $b: ID!, $t: String!) {
        a: track(code: $a, secret: $s) { code } b: track(code: $b, secret: $t) { code } c: track(code: $a, secret: $t) { code } }"""
    found = client.ask(document, a=one, s=first, b=two, t=second)["data"]
    assert found == {"a": {"code": one}, "b": {"code": two}, "c": None}


def test_secrets_are_of_one_dossier_each(client: Client) -> None:
    made = {slip(client, idempotencyKey=secrets.token_hex(8))[1] for _ in range(5)}
    assert len(made) == 5
