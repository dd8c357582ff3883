"""Mutations: each as it succeeds and as it is refused, keys that repeat, versions that are stale, writers that race."""

import json
import random
import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any

import pytest

from casework.model.texts import LONGEST_NAME
from schema.node import global_id
from tests.schema.common import LONG, TRAIL, UNKNOWN, beside, code_of, coordinated, entries, lead, soon, told
from tests.support import SUBMISSION, Client, Issuer, SettableClock, present

AN = {"name": "Nguyễn Văn An"}
OPEN = {**SUBMISSION, "applicant": AN}


def asked_for(client: Client) -> str:
    code = client.assigned()
    done = client.move("requestSupplement", "OFFICER", dossier=code, items=[{"component": "PLAN", "legalBasis": "luật"}])
    assert done["errors"] == []
    return code


def moved_as(client: Client, token: str, name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Make a mutation with a token of one's own; gives the payload."""
    document = f"""mutation($input: {name[0].upper()}{name[1:]}Input!) {{ {name}(input: $input) {{
        dossier {{ code }} entry {{ actor {{ id }} onBehalfOf {{ id kind }} }} errors {{ code }} }} }}"""
    body = json.dumps({"query": document, "variables": {"input": {"idempotencyKey": secrets.token_hex(8), **given}}})
    found: dict[str, Any] = json.loads(client.raw(body, authorization=f"Bearer {token}")["body"])["data"][name]
    return found


# Each move as it succeeds.


def test_each_move_gives_its_entry_and_the_dossier(client: Client) -> None:
    opened = client.submitted()
    code, id_ = opened["dossier"]["code"], opened["dossier"]["id"]
    supplement = [{"component": "PLAN", "legalBasis": "luật"}]
    steps: list[tuple[str, str, str | None, dict[str, Any], str, str]] = [
        ("receiveDossier", "RECEPTION", None, {"checked": ["FORM", "DEED"]}, "RECEIVED", "RECEIVED"),
        ("assignDossier", "HEAD", None, lead(), "ASSIGNED", "IN_PROCESS"),
        ("assignDossier", "HEAD", None, beside(), "ASSIGNED", "IN_PROCESS"),
        ("giveOpinion", "OFFICER", "officer-2", {"assignment": global_id("assignment", f"{'0' * 32}/2"), "opinion": "được"},
         "OPINION_GIVEN", "IN_PROCESS"),
        ("completeStep", "OFFICER", None, {"step": "CHECK"}, "STEP_COMPLETED", "IN_PROCESS"),
        ("requestSupplement", "OFFICER", None, {"items": supplement}, "SUPPLEMENT_REQUESTED", "AWAITING_SUPPLEMENT"),
        ("supplyDocuments", "RECEPTION", None, {"documents": [{"component": "PLAN", "digest": "a" * 64}]},
         "DOCUMENTS_SUPPLIED", "IN_PROCESS"),
        ("requestSupplement", "HEAD", None, {"items": supplement, "overrideReason": "sai"}, "SUPPLEMENT_REQUESTED", "AWAITING_SUPPLEMENT"),
        ("supplyDocuments", "CITIZEN", None, {"documents": [{"component": "PLAN"}]}, "DOCUMENTS_SUPPLIED", "IN_PROCESS"),
        ("decideDossier", "HEAD", None, {"outcome": "REJECTED", "reason": "thiếu"}, "DECIDED", "DECIDED"),
    ]  # fmt: skip
    for version, (name, who, subject, given, action, state) in enumerate(steps, start=2):
        done = client.move(name, who, subject, dossier=id_ if version % 2 else code, expectedVersion=version - 1, **given)
        assert done["errors"] == [], name
        assert (done["entry"]["action"], done["entry"]["seq"]) == (action, version)
        assert (done["dossier"]["state"], done["dossier"]["version"], done["dossier"]["entries"]) == (state, version, version)
        assert done["dossier"]["code"] == code
    assert [entry["seq"] for entry in entries(client, code)] == list(range(1, 12))


def test_submit_gives_code_and_secret_and_numbers_go_up(client: Client) -> None:
    first, second = client.submitted(), client.submitted(procedure="MT-01", rehearsal=True)
    third = client.submitted()
    assert first["entry"] | {"id": "", "occurredAt": "", "actor": {}} == {
        "id": "", "seq": 1, "action": "SUBMITTED", "occurredAt": "", "actor": {},
    }  # fmt: skip
    assert first["entry"]["actor"]["kind"] == "CITIZEN"
    assert second["dossier"]["code"].startswith("22-MT-")
    numbers = [int(payload["dossier"]["code"].rpartition("-")[2]) for payload in (first, third)]
    assert numbers[1] == numbers[0] + 1
    assert len({payload["trackingSecret"] for payload in (first, second, third)}) == 3
    assert all(len(payload["trackingSecret"]) == 19 for payload in (first, second, third))


def test_ids_do_for_codes(client: Client) -> None:
    ids = {
        "procedure": global_id("procedure", "XD-01@1"),
        "receptionPoint": global_id("point", "22-MC"),
        "unit": global_id("unit", "22-XD"),
    }
    done = client.move("submitDossier", "CITIZEN", **{**OPEN, **ids})
    assert done["errors"] == []
    assert done["dossier"]["code"].startswith("22-XD-")


# Refusals: the input.

SUBMISSIONS: list[tuple[dict[str, Any], str, list[str] | None]] = [
    ({"procedure": "XX-01"}, "UNKNOWN_PROCEDURE", ["procedure"]),
    ({"procedure": "x" * 5000}, "UNKNOWN_PROCEDURE", ["procedure"]),
    ({"receptionPoint": "XX"}, "UNKNOWN_POINT", ["receptionPoint"]),
    ({"receptionPoint": ""}, "UNKNOWN_POINT", ["receptionPoint"]),
    ({"unit": "XX"}, "UNKNOWN_UNIT", ["unit"]),
    ({"unit": "x" * 5000}, "UNKNOWN_UNIT", ["unit"]),
    ({"unit": "02"}, "UNKNOWN_UNIT", ["unit"]),  # Hà Giang is no more
    ({"unit": "22-MT"}, "NOT_COMPETENT", ["unit"]),
    ({"unit": "22"}, "NOT_COMPETENT", ["unit"]),
    ({"unit": "06652"}, "NOT_COMPETENT", ["unit"]),  # a ward does not what a department does
    ({"procedure": "HT-01", "unit": "22-XD"}, "NOT_COMPETENT", ["unit"]),
    ({"procedure": "HT-01"}, "UNIT_NEEDED", ["unit"]),
    ({"procedure": "LL-01"}, "NOT_IN_FORCE", ["procedure"]),  # the police took it over in 2025
    ({"unit": "01-XD"}, "OTHER_PROVINCE", ["receptionPoint"]),
    ({"deliveryPoint": "XX"}, "UNKNOWN_POINT", ["deliveryPoint"]),
    ({"deliveryPoint": "x" * 5000}, "UNKNOWN_POINT", ["deliveryPoint"]),
    ({"channel": "EMAIL"}, "CHANNEL_NOT_ALLOWED", ["channel"]),
    ({"applicant": {"name": ""}}, "EMPTY", ["applicant", "name"]),
    ({"applicant": {"name": " \t\n "}}, "EMPTY", ["applicant", "name"]),
    ({"applicant": {"name": "x" * (LONGEST_NAME + 1)}}, "TOO_LONG", ["applicant", "name"]),
    ({"applicant": {"name": "A\x00n"}}, "BAD_CHARACTER", ["applicant", "name"]),
    ({"applicant": {"name": "A\x1bn"}}, "BAD_CHARACTER", ["applicant", "name"]),
    ({"applicant": {"name": "A\u202en"}}, "BAD_CHARACTER", ["applicant", "name"]),
    ({"applicant": {"name": "A\u2067n"}}, "BAD_CHARACTER", ["applicant", "name"]),
    ({"applicant": {"name": "A\u200fn"}}, "BAD_CHARACTER", ["applicant", "name"]),
    ({"applicant": {"name": "A\ue000n"}}, "BAD_CHARACTER", ["applicant", "name"]),
    ({"applicant": {**AN, "phone": "1" * 41}}, "TOO_LONG", ["applicant", "phone"]),
    ({"applicant": {**AN, "address": "\u2028\x85"}}, "EMPTY", ["applicant", "address"]),
    ({"applicant": {**AN, "identityNumber": "0\u202d1"}}, "BAD_CHARACTER", ["applicant", "identityNumber"]),
    ({"idempotencyKey": ""}, "BAD_KEY", ["idempotencyKey"]),
    ({"idempotencyKey": "k" * 129}, "BAD_KEY", ["idempotencyKey"]),
    ({"idempotencyKey": "a\nb"}, "BAD_KEY", ["idempotencyKey"]),
]


@pytest.mark.parametrize(("wrong", "code", "path"), SUBMISSIONS)
def test_a_submission_that_is_wrong_is_invalid(client: Client, wrong: dict[str, Any], code: str, path: list[str]) -> None:
    error = told(client.move("submitDossier", "CITIZEN", **{**OPEN, **wrong}))
    assert (error["__typename"], error["code"], error["path"]) == ("Invalid", code, path)


@pytest.mark.parametrize("name", ["Bùi Thị É", "e\u0301", "李小龍", "O'Brien", "x" * LONGEST_NAME, "A\nB"])
def test_names_of_every_kind_are_taken(client: Client, name: str) -> None:
    assert client.move("submitDossier", "CITIZEN", **{**OPEN, "applicant": {"name": name}})["errors"] == []


@pytest.mark.parametrize(
    ("who", "subject"),
    [
        (None, None),
        ("OFFICER", None),
        ("HEAD", None),
        ("SUPERVISOR", None),
        ("INSPECTOR", None),
        ("ADMIN", None),
        ("RECEPTION", "reception-9"),
    ],
)
def test_others_may_not_submit(client: Client, issuer: Issuer, who: str | None, subject: str | None) -> None:
    given = {**OPEN, "idempotencyKey": "k"}
    if subject:
        token = issuer.token("RECEPTION", subject, ("HN-MC",))
        assert moved_as(client, token, "submitDossier", given)["errors"] == [{"code": "NOT_YOUR_MOVE"}]
        return
    error = told(client.move("submitDossier", who, **given))
    assert (error["__typename"], error["code"], error["state"], error["allowedFrom"]) == ("Refused", "NOT_YOUR_MOVE", "SUBMITTED", [])


ASSIGNMENTS: list[tuple[dict[str, Any], str, list[str] | None]] = [
    (lead(officer=None), "UNCLEAR_ASSIGNMENT", ["officer"]),
    (lead(task=None), "UNCLEAR_ASSIGNMENT", ["task"]),
    (lead(responsibility=None), "UNCLEAR_ASSIGNMENT", ["responsibility"]),
    (lead(dueAt=None), "UNCLEAR_ASSIGNMENT", ["dueAt"]),
    (lead(expectedResult=None), "UNCLEAR_ASSIGNMENT", ["expectedResult"]),
    (lead(task=""), "EMPTY", ["task"]),
    (lead(task=LONG), "TOO_LONG", ["task"]),
    (lead(authority="\u202e"), "BAD_CHARACTER", ["authority"]),
    (lead(dueAt=soon(60)), "AFTER_DUE", ["dueAt"]),
    (lead(unit="XX"), "UNKNOWN_UNIT", ["unit"]),
    (lead(unit="22"), "UNKNOWN_UNIT", ["unit"]),
    (lead(unit="22-MT", officer="officer-2"), "UNKNOWN_UNIT", ["unit"]),
    (lead(officer="officer-2"), "UNKNOWN_OFFICER", ["officer"]),
    (lead(officer="head-1"), "UNKNOWN_OFFICER", ["officer"]),
    (lead(officer="nobody"), "UNKNOWN_OFFICER", ["officer"]),
    (lead(officer=""), "UNKNOWN_OFFICER", ["officer"]),
    (lead(officer="x" * 5000), "UNKNOWN_OFFICER", ["officer"]),
]


@pytest.fixture
def received(client: Client) -> str:
    return client.received()


@pytest.mark.parametrize(("wrong", "code", "path"), ASSIGNMENTS)
def test_an_assignment_that_is_wrong_is_invalid(client: Client, received: str, wrong: dict[str, Any], code: str, path: list[str]) -> None:
    error = told(client.move("assignDossier", "HEAD", dossier=received, **wrong))
    assert (error["__typename"], error["code"], error["path"]) == ("Invalid", code, path)
    assert len(entries(client, received)) == 2


def test_a_coordinating_assignment_has_a_clarity_set_of_its_own(client: Client) -> None:
    code = client.assigned()
    for name in ("task", "dueAt", "expectedResult"):
        error = told(client.move("assignDossier", "HEAD", dossier=code, **beside(**{name: None})))
        assert (error["code"], error["path"]) == ("UNCLEAR_ASSIGNMENT", [name])
    assert client.move("assignDossier", "HEAD", dossier=code, **beside(officer="officer-2"))["errors"] == []


def test_the_lead_comes_first(client: Client) -> None:
    error = told(client.move("assignDossier", "HEAD", dossier=client.received(), **beside()))
    assert (error["__typename"], error["code"]) == ("Refused", "LEAD_FIRST")


def test_receipt_checks_components(client: Client) -> None:
    code = client.submitted()["dossier"]["code"]
    for checked, wrong in ((["FORM"], "INCOMPLETE"), ([], "INCOMPLETE"), (None, "INCOMPLETE"), (["FORM", "DEED", "X"], "UNKNOWN_COMPONENT"),
                           (["FORM"] * 101, "TOO_MANY")):  # fmt: skip
        error = told(client.move("receiveDossier", "RECEPTION", dossier=code, checked=checked))
        assert (error["code"], error["path"]) == (wrong, ["checked"])
    assert client.move("receiveDossier", "RECEPTION", dossier=code, checked=["DEED", "FORM", "PLAN", "FORM"])["errors"] == []


def test_steps_are_known_and_in_order(client: Client) -> None:
    code = client.assigned()
    for step, wrong in (("SITE", "STEP_ORDER"), ("XX", "UNKNOWN_STEP"), ("", "UNKNOWN_STEP"), ("x" * 5000, "UNKNOWN_STEP")):
        assert code_of(client.move("completeStep", "OFFICER", dossier=code, step=step)) == wrong
    for step in ("CHECK", "SITE", "DRAFT"):
        assert client.move("completeStep", "OFFICER", dossier=code, step=step)["errors"] == []
    assert code_of(client.move("completeStep", "OFFICER", dossier=code, step="DRAFT")) == "STEP_ORDER"


def test_opinions_answer_an_assignment_of_ones_own(client: Client) -> None:
    code = coordinated(client)
    for number in ("9", "0", "-1", "x", "", "2x", "٢", "9" * 30):
        assert (
            code_of(client.move("giveOpinion", "OFFICER", "officer-2", dossier=code, assignment=number, opinion="x"))
            == "UNKNOWN_ASSIGNMENT"
        )
    for text, wrong in (("", "EMPTY"), (LONG, "TOO_LONG"), ("\x07", "BAD_CHARACTER")):
        error = told(client.move("giveOpinion", "OFFICER", "officer-2", dossier=code, assignment="2", opinion=text))
        assert (error["code"], error["path"]) == (wrong, ["opinion"])
    for who in ("OFFICER", "HEAD", "CITIZEN", "RECEPTION"):
        assert code_of(client.move("giveOpinion", who, dossier=code, assignment="2", opinion="x")) == "NOT_YOUR_MOVE"
    assert client.move("giveOpinion", "OFFICER", "officer-2", dossier=code, assignment="2", opinion="được")["errors"] == []


def test_an_assignment_to_one_officer_is_not_another_units_to_answer(client: Client) -> None:
    code = coordinated(client)
    assert client.move("assignDossier", "HEAD", dossier=code, **beside(unit="22-XD"))["errors"] == []
    refused = client.move("giveOpinion", "OFFICER", "officer-2", dossier=code, assignment="3", opinion="x")
    assert code_of(refused) == "NOT_YOUR_MOVE"


def test_supplements_name_known_components_once_a_stage(client: Client) -> None:
    code = client.assigned()
    item = {"component": "PLAN", "legalBasis": "luật"}
    for items, wrong in (([], "NO_ITEM"), ([{**item, "component": "X"}], "UNKNOWN_COMPONENT"), ([{**item, "legalBasis": " "}], "EMPTY"),
                         ([item] * 101, "TOO_MANY")):  # fmt: skip
        assert code_of(client.move("requestSupplement", "OFFICER", dossier=code, items=items)) == wrong
    refused = client.move("requestSupplement", "OFFICER", dossier=code, items=[item], overrideReason="tôi muốn")
    assert code_of(refused) == "NOT_YOUR_MOVE"  # only a head overrides
    assert client.move("requestSupplement", "OFFICER", dossier=code, items=[item])["errors"] == []
    both = [{"component": "PLAN"}, {"component": "FORM"}]
    for documents, wrong in (([], "INCOMPLETE"), (both[1:], "INCOMPLETE"), (both, "UNKNOWN_COMPONENT"),
                             ([{"component": "PLAN"}] * 101, "TOO_MANY")):  # fmt: skip
        assert code_of(client.move("supplyDocuments", "CITIZEN", dossier=code, documents=documents)) == wrong
    assert client.move("supplyDocuments", "CITIZEN", dossier=code, documents=[{"component": "PLAN"}])["errors"] == []
    assert code_of(client.move("requestSupplement", "OFFICER", dossier=code, items=[item])) == "ONCE_PER_STAGE"
    assert client.move("completeStep", "OFFICER", dossier=code, step="CHECK")["errors"] == []
    assert client.move("requestSupplement", "OFFICER", dossier=code, items=[item])["errors"] == []


@pytest.mark.parametrize("digest", ["x", "A" * 64, "a" * 63, "a" * 65, "a" * 64 + "\n", ""])
def test_a_digest_is_one(client: Client, digest: str) -> None:
    error = told(client.move("supplyDocuments", "CITIZEN", dossier=asked_for(client), documents=[{"component": "PLAN", "digest": digest}]))
    assert (error["__typename"], error["code"], error["path"]) == ("Invalid", "BAD_DIGEST", ["documents", "digest"])


def test_a_decision_waits_for_opinions(client: Client, issuer: Issuer, clock: SettableClock) -> None:
    code = coordinated(client)
    error = told(client.move("decideDossier", "HEAD", dossier=code, outcome="GRANTED"))
    assert (error["__typename"], error["code"], error["state"]) == ("Refused", "OPINION_MISSING", "IN_PROCESS")
    early = client.move("decideDossier", "HEAD", dossier=code, outcome="GRANTED", waiveOpinionsReason="gấp")
    assert code_of(early) == "OPINION_MISSING"  # not overdue yet
    clock.ahead = timedelta(days=4)
    token = issuer.token("HEAD", exp=int((clock() + timedelta(hours=1)).timestamp()))
    given = {"dossier": code, "outcome": "GRANTED"}
    assert moved_as(client, token, "decideDossier", given)["errors"] == [{"code": "OPINION_MISSING"}]
    assert moved_as(client, token, "decideDossier", {**given, "waiveOpinionsReason": "gấp"})["errors"] == []


# Refusals: the state, and who.


def test_a_move_the_state_does_not_allow_is_refused_with_those_that_do(client: Client) -> None:
    code = client.submitted()["dossier"]["code"]
    error = told(client.move("assignDossier", "HEAD", dossier=code, **lead()))
    assert (error["__typename"], error["code"], error["state"]) == ("Refused", "STATE", "SUBMITTED")
    assert error["allowedFrom"] == ["RECEIVED", "IN_PROCESS", "AWAITING_SUPPLEMENT", "AWAITING_PAYMENT"]
    assert error["path"] is None
    code = client.received()
    error = told(client.move("receiveDossier", "RECEPTION", dossier=code, checked=["FORM", "DEED"]))
    assert (error["code"], error["state"], error["allowedFrom"]) == ("STATE", "RECEIVED", ["SUBMITTED"])
    error = told(client.move("decideDossier", "HEAD", dossier=code, outcome="GRANTED"))
    assert (error["code"], error["allowedFrom"]) == ("STATE", ["IN_PROCESS"])
    code = client.assigned()
    assert client.move("decideDossier", "HEAD", dossier=code, outcome="GRANTED")["errors"] == []
    for name, given in (("decideDossier", {"outcome": "GRANTED"}), ("assignDossier", lead()), ("requestSupplement", {"items": []})):
        assert told(client.move(name, "HEAD", dossier=code, **given))["state"] == "DECIDED"
    assert len(entries(client, code)) == 4


GIVEN: dict[str, dict[str, Any]] = {
    "receiveDossier": {"checked": ["FORM", "DEED"]},
    "assignDossier": lead(),
    "completeStep": {"step": "CHECK"},
    "giveOpinion": {"assignment": "2", "opinion": "x"},
    "requestSupplement": {"items": [{"component": "PLAN", "legalBasis": "x"}]},
    "supplyDocuments": {"documents": [{"component": "PLAN"}]},
    "decideDossier": {"outcome": "GRANTED"},
}
MAKERS = {
    "receiveDossier": {"RECEPTION"},
    "assignDossier": {"HEAD"},
    "completeStep": {"OFFICER"},
    "giveOpinion": set(),
    "requestSupplement": {"OFFICER", "HEAD"},
    "supplyDocuments": {"CITIZEN", "RECEPTION"},
    "decideDossier": {"OFFICER", "HEAD"},
}


@pytest.mark.parametrize("name", GIVEN)
def test_each_move_is_for_its_makers(client: Client, name: str) -> None:
    code = coordinated(client)
    for who in ("CITIZEN", "RECEPTION", "OFFICER", "HEAD", "SUPERVISOR", "INSPECTOR"):
        if who in MAKERS[name]:
            continue
        error = told(client.move(name, who, dossier=code, **GIVEN[name]))
        assert (error["__typename"], error["code"], error["state"]) == ("Refused", "NOT_YOUR_MOVE", "IN_PROCESS"), who
    assert len(entries(client, code)) == 4


@pytest.mark.parametrize("name", GIVEN)
def test_to_whom_a_dossier_is_hidden_it_is_as_absent(client: Client, issuer: Issuer, name: str) -> None:
    code = client.assigned()
    id_ = client.ask("query($code: ID!) { dossier(code: $code) { id } }", "HEAD", None, code=code)["data"]["dossier"]["id"]
    for who in (("CITIZEN", "citizen-2"), ("OFFICER", "officer-2"), ("ADMIN", None), (None, None), ("OFFICER", "officer-9")):
        answers = [
            client.move(name, *who, dossier=there, **GIVEN[name]) for there in (code, id_, UNKNOWN, global_id("dossier", "0" * 32), "")
        ]
        assert all(answer == answers[0] for answer in answers)
        assert (answers[0]["errors"][0]["__typename"], told(answers[0])["path"]) == ("NotFound", ["dossier"])
    posing = issuer.token("HEAD", "head-9", ("HN",))
    assert moved_as(client, posing, name, {"dossier": code, **GIVEN[name]})["errors"] == [{"code": "NOT_FOUND"}]
    assert len(entries(client, code)) == 3


def test_a_hidden_dossier_is_absent_to_a_stale_version_and_a_bad_text_too(client: Client) -> None:
    code = client.assigned()
    for more in ({"expectedVersion": 1}, {"reason": "\x00"}, {"at": soon()}, {"backdatingReason": "\u202e"}):
        given = {"dossier": code, "outcome": "GRANTED", **more}
        absent = {**given, "dossier": UNKNOWN}
        assert client.move("decideDossier", "CITIZEN", "citizen-2", **given) == client.move(
            "decideDossier", "CITIZEN", "citizen-2", **absent
        )


def test_the_lead_does_not_assign_his_own_dossier(client: Client, issuer: Issuer) -> None:
    code = client.assigned()
    assert moved_as(client, issuer.token("HEAD", "officer-1", ("22-XD",)), "assignDossier", {"dossier": code, **lead()})["errors"] == [
        {"code": "NOT_YOUR_MOVE"}
    ]


def test_a_refusal_speaks_three_languages(client: Client) -> None:
    code = client.received()
    document = """mutation($input: DecideDossierInput!) { decideDossier(input: $input) { errors {
        vi: message en: message(lang: EN) fr: message(lang: FR) } } }"""
    given = {"idempotencyKey": "k", "dossier": code, "outcome": "GRANTED"}
    texts = client.ask(document, "HEAD", None, input=given)["data"]["decideDossier"]["errors"][0]
    assert texts == {
        "vi": "Trạng thái hiện tại của hồ sơ không cho phép.",
        "en": "decideDossier is not allowed in state RECEIVED",
        "fr": "L'état actuel du dossier ne le permet pas.",
    }


# Versions.


def test_a_stale_version_is_a_conflict_with_the_dossier_as_it_is(client: Client) -> None:
    code = client.assigned()
    for version in (2, 4, 0, -1):
        error = told(client.move("completeStep", "OFFICER", dossier=code, step="CHECK", expectedVersion=version))
        assert (error["__typename"], error["code"]) == ("Conflict", "CONFLICT")
        assert error["current"] == {"code": code, "version": 3}
    assert client.move("completeStep", "OFFICER", dossier=code, step="CHECK", expectedVersion=3)["dossier"]["version"] == 4


def test_the_dossier_in_a_conflict_shows_no_more_than_the_viewer_may_see(client: Client) -> None:
    code = coordinated(client)
    document = """mutation($input: ReceiveDossierInput!) { receiveDossier(input: $input) { errors { ... on Conflict {
        current { version applicant { name } opinions { text } assignments { task } trail(first: 1) { nodes { seq } } } } } } }"""
    given = {"idempotencyKey": "k", "dossier": code, "expectedVersion": 1}
    current = client.ask(document, "RECEPTION", None, input=given)["data"]["receiveDossier"]["errors"][0]["current"]
    assert current == {"version": 4, "applicant": None, "opinions": None, "assignments": [{"task": None}] * 2, "trail": None}


# Event time.


def test_backdating_wants_a_reason_and_keeps_it_from_the_entry(client: Client) -> None:
    code = client.submitted(channel="COUNTER")["dossier"]["code"]
    before = present() - timedelta(days=1)
    given = {"dossier": code, "checked": ["FORM", "DEED"], "at": before.isoformat()}
    error = told(client.move("receiveDossier", "RECEPTION", **given))
    assert (error["code"], error["path"]) == ("BACKDATING_REASON_NEEDED", ["backdatingReason"])
    for reason, wrong in (("", "EMPTY"), ("\x00", "BAD_CHARACTER"), (LONG, "TOO_LONG")):
        error = told(client.move("receiveDossier", "RECEPTION", **given, backdatingReason=reason))
        assert (error["code"], error["path"]) == (wrong, ["backdatingReason"])
    done = client.move("receiveDossier", "RECEPTION", **given, backdatingReason="mất điện tại quầy")
    assert done["errors"] == []
    assert datetime.fromisoformat(done["entry"]["occurredAt"]) == before
    subject = client.services.store.coded(code)
    assert subject
    line = client.services.store.entries(subject, 1, 1)[0].line
    assert "mất điện" not in line
    assert "BACKDATED" in line
    reasons = {
        who: client.ask(TRAIL, who, None, code=code)["data"]["auditTrail"]["nodes"][1]["reason"]
        for who in ("HEAD", "INSPECTOR", "SUPERVISOR", "CITIZEN", "ADMIN")
    }
    told_so = {"code": "BACKDATED", "text": "mất điện tại quầy"}
    assert [reasons[who] for who in ("HEAD", "INSPECTOR", "SUPERVISOR")] == [told_so] * 3
    assert reasons["CITIZEN"] == {"code": "BACKDATED", "text": None}
    assert reasons["ADMIN"] is None


def test_a_move_of_this_moment_needs_no_reason(client: Client) -> None:
    code = client.submitted()["dossier"]["code"]
    at = present().isoformat()
    done = client.move("receiveDossier", "RECEPTION", dossier=code, checked=["FORM", "DEED"], at=at)
    assert done["errors"] == []
    assert entries(client, code)[1]["reason"] is None


def test_the_future_is_not_taken(client: Client) -> None:
    code = client.assigned()
    error = told(client.move("completeStep", "OFFICER", dossier=code, step="CHECK", at=soon(0.01)))
    assert (error["__typename"], error["code"], error["path"]) == ("Invalid", "IN_FUTURE", ["at"])
    assert code_of(client.move("completeStep", "OFFICER", dossier=code, step="CHECK", at="9999-12-31T23:59:59Z")) == "IN_FUTURE"


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
def test_an_instant_outside_of_time_is_bad_user_input(client: Client, at: str) -> None:
    document = "mutation($input: CompleteStepInput!) { completeStep(input: $input) { errors { code } } }"
    given = {"idempotencyKey": "k", "dossier": UNKNOWN, "step": "CHECK", "at": at}
    assert client.ask(document, "OFFICER", None, input=given)["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


def test_nothing_is_dated_before_the_interval_that_it_ends(client: Client) -> None:
    code = client.assigned()
    back = {"at": soon(-2), "backdatingReason": "quên"}
    for name, who, given in (("decideDossier", "HEAD", GIVEN["decideDossier"]), ("assignDossier", "HEAD", lead()),
                             ("requestSupplement", "OFFICER", GIVEN["requestSupplement"])):  # fmt: skip
        error = told(client.move(name, who, dossier=code, **given, **back))
        assert (error["__typename"], error["code"], error["path"]) == ("Invalid", "BEFORE_LAST_MOVE", ["at"])
    assert len(entries(client, code)) == 3


# Keys.


def test_a_repeat_gives_the_same_entry_and_writes_none(client: Client) -> None:
    code = client.assigned()
    given = {"dossier": code, "step": "CHECK", "idempotencyKey": "same", "expectedVersion": 3}
    first = client.move("completeStep", "OFFICER", **given)
    again = client.move("completeStep", "OFFICER", **given)
    assert again == first
    assert again["errors"] == []
    by_id = {**given, "dossier": client.ask("query($c: ID!) { dossier(code: $c) { id } }", "HEAD", None, c=code)["data"]["dossier"]["id"]}
    assert client.move("completeStep", "OFFICER", **by_id) == first
    assert client.move("completeStep", "OFFICER", dossier=code, step="SITE")["errors"] == []
    later = client.move("completeStep", "OFFICER", **given)
    assert later["entry"] == first["entry"]
    assert (later["dossier"]["version"], later["dossier"]["entries"]) == (5, 5)  # as it is now
    assert client.move("decideDossier", "HEAD", dossier=code, outcome="GRANTED")["errors"] == []
    assert client.move("completeStep", "OFFICER", **given)["entry"] == first["entry"]  # no state speaks against a repeat
    actions = [entry["action"] for entry in entries(client, code)]
    assert actions[3:] == ["STEP_COMPLETED", "STEP_COMPLETED", "ALERT_RAISED", "DECIDED"]


def test_a_repeat_from_someone_who_lost_sight_is_told_nothing(client: Client) -> None:
    code = client.assigned()
    given = {"dossier": code, "step": "CHECK", "idempotencyKey": "lost"}
    assert client.move("completeStep", "OFFICER", **given)["errors"] == []
    assert code_of(client.move("completeStep", "OFFICER", "officer-2", **given)) == "NOT_FOUND"
    assert code_of(client.move("completeStep", "CITIZEN", "citizen-2", **given)) == "NOT_FOUND"


def test_a_key_used_with_another_input_is_refused(client: Client) -> None:
    code = client.assigned()
    given: dict[str, Any] = {"dossier": code, "step": "CHECK", "idempotencyKey": "key"}
    assert client.move("completeStep", "OFFICER", **given)["errors"] == []
    for change in ({"step": "SITE"}, {"expectedVersion": 3}, {"at": present().isoformat()}, {"backdatingReason": "x"}):
        error = told(client.move("completeStep", "OFFICER", **{**given, **change}))
        assert (error["__typename"], error["code"], error["path"]) == ("Invalid", "IDEMPOTENCY_KEY_REUSED", ["idempotencyKey"])
    assert len(entries(client, code)) == 4


def test_a_key_is_of_one_mutation_and_one_dossier(client: Client) -> None:
    codes = [client.assigned(), client.assigned()]
    for code in codes:
        assert client.move("completeStep", "OFFICER", dossier=code, step="CHECK", idempotencyKey="everywhere")["errors"] == []
        assert client.move("decideDossier", "OFFICER", dossier=code, outcome="GRANTED", idempotencyKey="everywhere")["errors"] == []
    assert [len(entries(client, code)) for code in codes] == [5, 5]


def test_a_refusal_is_not_remembered(client: Client) -> None:
    code = client.assigned()
    given = {"dossier": code, "step": "SITE", "idempotencyKey": "early"}
    assert code_of(client.move("completeStep", "OFFICER", **given)) == "STEP_ORDER"
    assert client.move("completeStep", "OFFICER", dossier=code, step="CHECK")["errors"] == []
    assert client.move("completeStep", "OFFICER", **given)["errors"] == []


def test_submit_repeated_gives_the_same_dossier_and_secret(client: Client) -> None:
    key = secrets.token_hex(8)
    first = client.submitted(idempotencyKey=key)
    again = client.submitted(idempotencyKey=key)
    assert again == first
    assert again["trackingSecret"]
    other = client.move("submitDossier", "CITIZEN", "citizen-2", **OPEN, idempotencyKey=key)
    assert other["dossier"]["code"] != first["dossier"]["code"]  # a key is its subject's own
    assert code_of(client.submitted(procedure="KN-01", idempotencyKey=key)) == "IDEMPOTENCY_KEY_REUSED"


@pytest.mark.parametrize(("ahead", "known"), [(timedelta(hours=47, minutes=59), True), (timedelta(hours=48, seconds=1), False)])
def test_a_key_is_kept_for_two_days(client: Client, issuer: Issuer, clock: SettableClock, ahead: timedelta, known: bool) -> None:  # noqa: FBT001
    key = secrets.token_hex(8)
    first = client.submitted(idempotencyKey=key)["dossier"]["code"]
    clock.ahead = ahead
    token = issuer.token("CITIZEN", exp=int((clock() + timedelta(hours=1)).timestamp()))
    given = {**OPEN, "applicant": {"name": "Nguyễn Văn An", "phone": "0900 000 000"}, "idempotencyKey": key}
    again = moved_as(client, token, "submitDossier", given)
    assert again["errors"] == []
    assert (again["dossier"]["code"] == first) is known
    if not known:
        assert moved_as(client, token, "submitDossier", given)["dossier"]["code"] == again["dossier"]["code"]


# Writers at once.


def at_once(number: int, do: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - what is done, by its number
    gate = Barrier(number)

    def wait(index: int) -> dict[str, Any]:
        gate.wait()
        found: dict[str, Any] = do(index)
        return found

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(wait, range(number)))


def test_one_request_eight_times_at_once_is_one_entry(client: Client) -> None:
    code = client.assigned()
    given = {"dossier": code, "step": "CHECK", "idempotencyKey": "eight"}
    answers = at_once(8, lambda _: client.move("completeStep", "OFFICER", **given))
    assert all(answer["errors"] == [] for answer in answers)
    assert len({answer["entry"]["id"] for answer in answers}) == 1
    assert [entry["seq"] for entry in entries(client, code)] == [1, 2, 3, 4]


def test_one_submission_eight_times_at_once_is_one_dossier(client: Client) -> None:
    key = secrets.token_hex(8)
    answers = at_once(8, lambda _: client.submitted(idempotencyKey=key))
    assert len({answer["dossier"]["code"] for answer in answers}) == 1
    assert len({answer["trackingSecret"] for answer in answers}) == 1


def test_of_lead_and_head_who_decide_at_once_one_wins(client: Client) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    chance = random.Random(seed)  # noqa: S311 - an order, not a secret
    won: set[str] = set()
    for _ in range(50):
        code = client.assigned()
        makers = chance.sample(["OFFICER", "HEAD"], 2)
        answers = at_once(
            2, lambda i, c=code, m=makers: client.move("decideDossier", m[i], dossier=c, outcome="GRANTED", expectedVersion=3)
        )  # fmt: skip
        winners = [index for index, answer in enumerate(answers) if not answer["errors"]]
        assert len(winners) == 1, answers
        won.add(makers[winners[0]])
        error = told(answers[1 - winners[0]])
        assert (error["__typename"], error["current"]) == ("Conflict", {"code": code, "version": 4})
        assert [entry["action"] for entry in entries(client, code)][3:] == ["DECIDED"]
    assert won


def test_writers_without_a_version_all_come_through_in_turn(client: Client) -> None:
    code = client.assigned()
    answers = at_once(4, lambda i: client.move("assignDossier", "HEAD", dossier=code, **beside(task=f"việc {i}")))
    assert [answer["errors"] for answer in answers] == [[]] * 4
    assert sorted(answer["entry"]["seq"] for answer in answers) == [4, 5, 6, 7]


# On behalf of.


def test_reception_opens_for_a_citizen_who_then_is_the_applicant(client: Client, issuer: Issuer) -> None:
    counter = issuer.token("RECEPTION", on_behalf_of="citizen-7")
    done = moved_as(client, counter, "submitDossier", {**OPEN, "channel": "COUNTER"})
    code = done["dossier"]["code"]
    assert done["entry"]["actor"] == {"id": "reception-1"}
    assert done["entry"]["onBehalfOf"]["kind"] == "CITIZEN"
    assert done["entry"]["onBehalfOf"]["id"] != "citizen-7"
    document = "query($code: ID!) { dossier(code: $code) { applicant { name } } }"
    assert client.ask(document, "CITIZEN", "citizen-7", code=code)["data"]["dossier"] == {"applicant": AN}
    assert client.ask(document, "CITIZEN", "reception-1", code=code)["data"]["dossier"] is None


def test_reception_opens_for_somebody_without_an_account(client: Client) -> None:
    done = client.move("submitDossier", "RECEPTION", **{**OPEN, "channel": "COUNTER"})
    assert done["errors"] == []
    document = "query($code: ID!) { dossier(code: $code) { code } }"
    assert client.ask(document, "CITIZEN", "reception-1", code=done["dossier"]["code"])["data"]["dossier"] is None


def test_an_agent_supplies_for_the_applicant(client: Client, issuer: Issuer) -> None:
    code = asked_for(client)
    agent = issuer.token("CITIZEN", "agent-1", on_behalf_of="citizen-1")
    done = moved_as(client, agent, "supplyDocuments", {"dossier": code, "documents": [{"component": "PLAN"}]})
    assert done["errors"] == []
    assert done["entry"]["onBehalfOf"]["kind"] == "CITIZEN"
    assert done["entry"]["actor"]["id"] != done["entry"]["onBehalfOf"]["id"]
