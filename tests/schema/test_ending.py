"""The moves that end a dossier, hand out its result, open it again; its rating, its secret, and assignments given back."""

import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from casework.adapters.dynamo import DynamoStore
from casework.model.parties import Role
from casework.model.unit import Officer
from schema.node import global_id
from tests.schema.common import (
    BAD_TEXTS,
    GROUNDS,
    STATES,
    SUPPLEMENT,
    UNKNOWN,
    beside,
    code_of,
    coordinated,
    entries,
    lead,
    soon,
    submitted,
    told,
)
from tests.support import Client, Issuer, RecordingCourier, SettableClock, present, services_over

FULL = """query($code: ID!) { dossier(code: $code) {
    state version outcome decidedAt deliveredAt endedAt endReason endLegalBasis decisionReason bounces
    deliveryPoint { code } receptionPoint { code } unit { code }
    result { medium reference deliveredAt } rating { score comment at }
    assignments { id number role officer assignedAt endedAt returnedAt returnReason dueAt task }
    clock { dueAt originalDueAt promisedDueAt level paused intervals { kind cause holder officer from to } }
    reopenings { number at reason startedAt decidedAt dueAt originalDueAt promisedDueAt outcome decisionReason
        result { medium reference } intervals { kind cause from to } }
} }"""
TRACK = "query($code: ID!, $secret: String!) { track(code: $code, secret: $secret) { state } }"


TAKEN_IN = ["RECEIVED", "IN_PROCESS", "AWAITING_SUPPLEMENT", "AWAITING_PAYMENT"]


@dataclass(frozen=True)
class Row:
    """A move: a good input, who makes it, its action, the state it leads to, and the states it is allowed from."""

    given: dict[str, Any]
    makers: tuple[tuple[str, str | None], ...]
    action: str
    state: str | None
    allowed: list[str]


APPLICANT, CLERK, LEAD, HEAD = (("CITIZEN", None),), (("RECEPTION", None),), (("OFFICER", None),), (("HEAD", None),)
ROWS: dict[str, Row] = {
    "refuseDossier": Row(GROUNDS, CLERK, "REFUSED", "REFUSED", ["SUBMITTED"]),
    "returnAssignment": Row({"assignment": "1", "reason": "bận"}, LEAD, "ASSIGNMENT_RETURNED", None, TAKEN_IN[1:]),
    "deliverResult": Row({"medium": "ELECTRONIC", "reference": "https://x/1"}, CLERK, "DELIVERED", "DELIVERED", ["DECIDED"]),
    "withdrawDossier": Row({"reason": "thôi"}, APPLICANT + CLERK, "WITHDRAWN", "WITHDRAWN", ["SUBMITTED", *TAKEN_IN]),
    "stopDossier": Row(GROUNDS, HEAD, "STOPPED", "STOPPED", TAKEN_IN),
    "reopenDossier": Row({"reason": "sai sót"}, HEAD, "REOPENED", "IN_PROCESS", ["DECIDED", "DELIVERED"]),
    "rateDossier": Row({"score": 4, "comment": "tốt"}, APPLICANT, "RATED", "DELIVERED", ["DELIVERED"]),
    "rotateTrackingSecret": Row({}, APPLICANT + CLERK, "SECRET_ROTATED", None, list(STATES)),
}  # fmt: skip
SUCCESSES = [(name, who, state) for name, row in ROWS.items() for who in row.makers for state in row.allowed if state in STATES]
ALIENS: tuple[tuple[str | None, str | None], ...] = (
    (None, None), ("CITIZEN", "citizen-2"), ("ADMIN", None), ("OFFICER", "22-XD-1"), ("HEAD", "48-XD-H"), ("RECEPTION", "22-CN1-1"),
    ("SUPERVISOR", "48-S"),
)  # fmt: skip


@pytest.fixture(scope="module")
def standing(store: DynamoStore, issuer: Issuer) -> dict[str, str]:
    """One dossier in each state, for tests that change none."""
    client = Client(services_over(store, issuer, RecordingCourier(), SettableClock()), issuer)
    return {state: bring(client) for state, bring in STATES.items()}


def full(client: Client, code: str, who: str = "HEAD", subject: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = client.ask(FULL, who, subject, code=code)["data"]["dossier"]
    return found


def maker(name: str, state: str) -> tuple[str, str | None]:
    """Name who makes a move; nobody is the officer of what is not yet assigned."""
    return ROWS[name].makers[0] if name != "returnAssignment" or state not in {"SUBMITTED", "RECEIVED", "REFUSED"} else ("HEAD", None)


# Each as it succeeds, and as it is refused.


@pytest.mark.parametrize(("name", "who", "state"), SUCCESSES)
def test_each_is_made_by_its_makers(client: Client, name: str, who: tuple[str, str | None], state: str) -> None:
    code = STATES[state](client)
    before = full(client, code)
    row = ROWS[name]
    done = client.done(name, *who, dossier=code, expectedVersion=before["version"], **row.given)
    assert done["entry"]["action"] == row.action
    assert (done["dossier"]["state"], done["dossier"]["version"]) == (row.state or state, before["version"] + 1)
    assert [entry["action"] for entry in entries(client, code)][before["version"] :] == [row.action]


@pytest.mark.parametrize("name", ROWS)
def test_each_is_refused_in_other_states_with_those_it_is_allowed_from(client: Client, standing: dict[str, str], name: str) -> None:
    row = ROWS[name]
    for state, code in standing.items():
        if state in row.allowed:
            continue
        error = told(client.move(name, *maker(name, state), dossier=code, **row.given))
        if maker(name, state) not in row.makers:
            assert (error["code"], error["state"]) == ("NOT_YOUR_MOVE", state)
            continue
        assert (error["__typename"], error["code"], error["state"]) == ("Refused", "STATE", state)
        assert error["path"] is None
        order = [*STATES, "AWAITING_PAYMENT"]
        assert sorted(error["allowedFrom"], key=order.index) == sorted(row.allowed, key=order.index)


@pytest.mark.parametrize("name", ROWS)
def test_each_is_for_its_makers_alone(client: Client, standing: dict[str, str], name: str) -> None:
    row = ROWS[name]
    state = "IN_PROCESS" if name == "returnAssignment" else row.allowed[0]
    code = standing[state]
    count = len(entries(client, code))
    everyone: list[tuple[str, str | None]] = [
        ("CITIZEN", None),
        ("RECEPTION", None),
        ("HEAD", None),
        ("SUPERVISOR", None),
        ("INSPECTOR", None),
    ]
    officers: list[tuple[str, str | None]] = [("OFFICER", None), ("OFFICER", "officer-2"), ("HEAD", "22-MT-H")]
    assigned = state in {"IN_PROCESS", "DECIDED", "DELIVERED"}
    for who in [*everyone, *(officers if assigned else [])]:
        if who in row.makers:
            continue
        error = told(client.move(name, *who, dossier=code, **row.given))
        assert (error["__typename"], error["code"], error["state"]) == ("Refused", "NOT_YOUR_MOVE", state), who
    absent = client.move(name, "CITIZEN", "citizen-2", dossier=UNKNOWN, **row.given)
    for stranger in [*ALIENS, *([] if assigned else officers)]:
        answer = client.move(name, *stranger, dossier=code, **row.given)
        assert answer == absent, stranger
        assert (answer["errors"][0]["__typename"], code_of(answer)) == ("NotFound", "NOT_FOUND")
    assert len(entries(client, code)) == count


@pytest.mark.parametrize("name", ["stopDossier", "reopenDossier"])
def test_a_head_neither_stops_nor_reopens_what_he_leads(client: Client, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    code = STATES["IN_PROCESS" if name == "stopDossier" else "DECIDED"](client)
    find = client.services.store.officer

    def promoted(officer: str) -> Officer | None:
        found = find(officer)
        return replace(found, role=Role.HEAD) if found and officer == "officer-1" else found

    monkeypatch.setattr(client.services.store, "officer", promoted)
    assert code_of(client.move(name, "HEAD", "officer-1", dossier=code, **ROWS[name].given)) == "NOT_YOUR_MOVE"
    client.done(name, "HEAD", dossier=code, **ROWS[name].given)


@pytest.mark.parametrize("name", ROWS)
def test_each_holds_to_version_and_key(client: Client, name: str) -> None:
    row = ROWS[name]
    state = "IN_PROCESS" if name == "returnAssignment" else row.allowed[0]
    code = STATES[state](client)
    version = full(client, code)["version"]
    who = row.makers[0]
    given = {"dossier": code, "idempotencyKey": "once", **row.given}
    error = told(client.move(name, *who, **given, expectedVersion=version - 1))
    assert (error["__typename"], error["current"]) == ("Conflict", {"code": code, "version": version})
    first = client.done(name, *who, **given)
    again = client.done(name, *who, **given)
    assert again == first
    assert len(entries(client, code)) == version + 1
    error = told(client.move(name, *who, **given, backdatingReason="khác"))
    assert (error["code"], error["path"]) == ("IDEMPOTENCY_KEY_REUSED", ["idempotencyKey"])


FIELDS = [("refuseDossier", "reason"), ("refuseDossier", "legalBasis"), ("returnAssignment", "reason"), ("deliverResult", "reference"),
          ("withdrawDossier", "reason"), ("stopDossier", "reason"), ("stopDossier", "legalBasis"), ("reopenDossier", "reason"),
          ("rateDossier", "comment")]  # fmt: skip


@pytest.mark.parametrize(("name", "field"), FIELDS)
def test_a_text_that_is_none_is_invalid(client: Client, standing: dict[str, str], name: str, field: str) -> None:
    row = ROWS[name]
    code = standing["IN_PROCESS" if name == "returnAssignment" else row.allowed[0]]
    count = len(entries(client, code))
    for text, wrong in BAD_TEXTS.items():
        error = told(client.move(name, *row.makers[0], dossier=code, **{**row.given, field: text}))
        assert (error["__typename"], error["code"], error["path"]) == ("Invalid", wrong, [field]), repr(text)
    assert len(entries(client, code)) == count


@pytest.mark.parametrize(
    ("name", "left_out"),
    [("deliverResult", "reference"), ("withdrawDossier", "reason"), ("rateDossier", "comment")],
)
def test_what_may_be_left_out_is_null_then(client: Client, name: str, left_out: str) -> None:
    code = STATES[ROWS[name].allowed[0]](client)
    client.done(name, *ROWS[name].makers[0], dossier=code, **{**ROWS[name].given, left_out: None})
    found = full(client, code)
    shown = {"deliverResult": (found["result"] or {}).get("reference"), "withdrawDossier": found["endReason"],
             "rateDossier": (found["rating"] or {}).get("comment")}  # fmt: skip
    assert shown[name] is None


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [("deliverResult", "medium", None), ("deliverResult", "medium", "STONE"), ("rateDossier", "score", None),
     ("rateDossier", "score", 2**31), ("rateDossier", "score", 4.5), ("rateDossier", "score", "5"), ("refuseDossier", "legalBasis", None),
     ("reopenDossier", "reason", None)],
)  # fmt: skip
def test_what_has_no_such_type_is_bad_user_input(client: Client, standing: dict[str, str], name: str, field: str, value: object) -> None:
    document = f"""mutation($input: {name[0].upper()}{name[1:]}Input!) {{ {name}(input: $input) {{ errors {{ code }} }} }}"""
    given = {"idempotencyKey": "k", "dossier": standing[ROWS[name].allowed[0]], **ROWS[name].given, field: value}
    found = client.ask(document, *ROWS[name].makers[0], input=given)
    assert found["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert "data" not in found


def test_nothing_is_dated_before_what_it_follows(client: Client, standing: dict[str, str]) -> None:
    back = {"at": soon(-2), "backdatingReason": "quên"}
    for name, state in (("refuseDossier", "SUBMITTED"), ("returnAssignment", "IN_PROCESS"), ("deliverResult", "DECIDED"),
                        ("withdrawDossier", "IN_PROCESS"), ("stopDossier", "RECEIVED"), ("reopenDossier", "DELIVERED"),
                        ("rateDossier", "DELIVERED")):  # fmt: skip
        error = told(client.move(name, *ROWS[name].makers[0], dossier=standing[state], **ROWS[name].given, **back))
        assert (error["code"], error["path"]) == ("BEFORE_LAST_MOVE", ["at"]), name


# What each leaves behind.


def test_a_refused_dossier_says_why_and_never_had_a_clock(client: Client, standing: dict[str, str]) -> None:
    found = full(client, standing["REFUSED"])
    assert (found["endReason"], found["endLegalBasis"], found["clock"]) == (GROUNDS["reason"], GROUNDS["legalBasis"], None)
    assert found["endedAt"]


@pytest.mark.parametrize("state", ["WITHDRAWN", "STOPPED"])
def test_what_ends_before_a_decision_has_a_clock_that_stands(client: Client, standing: dict[str, str], state: str) -> None:
    found = full(client, standing[state])
    assert found["clock"]["level"] is None
    assert found["clock"]["intervals"][-1]["to"] == found["endedAt"]
    assert {assignment["endedAt"] for assignment in found["assignments"]} == {found["endedAt"]}
    assert (found["decidedAt"], found["outcome"], found["result"]) == (None, None, None)


def test_the_result_is_handed_out_apart_from_the_decision(client: Client) -> None:
    code = STATES["DECIDED"](client)
    before = full(client, code)
    assert (before["result"], before["deliveredAt"], before["rating"]) == (None, None, None)
    client.done("deliverResult", "RECEPTION", dossier=code, medium="ELECTRONIC", reference="https://kq.example/1")
    found = full(client, code)
    assert found["result"] == {"medium": "ELECTRONIC", "reference": "https://kq.example/1", "deliveredAt": found["deliveredAt"]}
    assert found["clock"] == before["clock"]
    assert found["decidedAt"] == before["decidedAt"] < found["deliveredAt"]


@pytest.mark.parametrize("named", ["22-CN1", global_id("point", "22-CN1")])
def test_the_result_is_fetched_where_the_applicant_wished(client: Client, named: str) -> None:
    code = client.submitted(deliveryPoint=named)["dossier"]["code"]
    for who in (("RECEPTION", "22-CN1-1"), ("RECEPTION", None)):
        found = full(client, code, *who)
        assert (found["receptionPoint"], found["deliveryPoint"], found["unit"]) == (
            {"code": "22-MC"},
            {"code": "22-CN1"},
            {"code": "22-XD"},
        )
    checked = {"dossier": code, "checked": ["FORM", "DEED"]}
    assert code_of(client.move("receiveDossier", "RECEPTION", "22-CN1-1", **checked)) == "NOT_YOUR_MOVE"
    client.done("receiveDossier", "RECEPTION", **checked)
    client.done("assignDossier", "HEAD", dossier=code, **lead())
    client.done("decideDossier", "HEAD", dossier=code, outcome="GRANTED")
    assert code_of(client.move("deliverResult", "RECEPTION", dossier=code, medium="PAPER")) == "NOT_YOUR_MOVE"
    assert code_of(client.move("rotateTrackingSecret", "RECEPTION", "22-CN1-1", dossier=code)) == "NOT_YOUR_MOVE"
    assert client.done("deliverResult", "RECEPTION", "22-CN1-1", dossier=code, medium="PAPER")["dossier"]["state"] == "DELIVERED"


@pytest.mark.parametrize("score", [0, 6, -1, 2**31 - 1])
def test_a_score_is_one_to_five(client: Client, standing: dict[str, str], score: int) -> None:
    error = told(client.move("rateDossier", "CITIZEN", dossier=standing["DELIVERED"], score=score))
    assert (error["__typename"], error["code"], error["path"]) == ("Invalid", "BAD_SCORE", ["score"])


def test_a_dossier_is_rated_once_and_by_its_applicant(client: Client, issuer: Issuer) -> None:
    code = STATES["DELIVERED"](client)
    agent = issuer.token("CITIZEN", "agent-1", on_behalf_of="citizen-1")
    document = "mutation($input: RateDossierInput!) { rateDossier(input: $input) { errors { code } } }"
    given = {"idempotencyKey": "k", "dossier": code, "score": 5, "comment": "nhanh"}
    assert client.asked_with(agent, document, input=given)["data"]["rateDossier"]["errors"] == []
    error = told(client.move("rateDossier", "CITIZEN", dossier=code, score=1))
    assert (error["__typename"], error["code"], error["state"]) == ("Refused", "ALREADY_RATED", "DELIVERED")
    rating = full(client, code)["rating"]
    assert (rating["score"], rating["comment"]) == (5, "nhanh")


# Assignments given back.


def test_a_lead_who_gives_it_back_stays_in_name_until_another_is_named(client: Client) -> None:
    code = coordinated(client)
    id_ = full(client, code)["assignments"][0]["id"]
    client.done("returnAssignment", "OFFICER", dossier=code, assignment=id_, reason="không đúng chuyên môn")
    found = full(client, code)
    (first, other), clock = found["assignments"], found["clock"]
    assert (found["state"], found["bounces"]) == ("IN_PROCESS", 1)
    assert (first["officer"], first["endedAt"], first["returnReason"]) == ("officer-1", None, "không đúng chuyên môn")
    assert (other["returnedAt"], other["returnReason"], other["endedAt"]) == (None, None, None)
    assert clock["intervals"][-1] | {"from": "", "to": ""} == {
        "kind": "RUNNING", "cause": "RETURNED", "holder": "UNIT", "officer": None, "from": "", "to": "",
    }  # fmt: skip
    assert clock["intervals"][-1]["from"] == first["returnedAt"]
    for name, given in (("decideDossier", {"outcome": "GRANTED"}), ("completeStep", {"step": "CHECK"}), ("requestSupplement", SUPPLEMENT),
                        ("returnAssignment", {"assignment": "1", "reason": "x"})):  # fmt: skip
        assert code_of(client.move(name, "OFFICER", dossier=code, **given)) == "NOT_YOUR_MOVE"
    assert full(client, code, "OFFICER")["assignments"][0]["returnReason"] == "không đúng chuyên môn"  # he sees it still
    client.done("assignDossier", "HEAD", dossier=code, **lead(officer="22-XD-1"))
    found = full(client, code)
    assert (found["bounces"], found["assignments"][2]["officer"], found["assignments"][2]["returnedAt"]) == (1, "22-XD-1", None)
    assert found["assignments"][0]["endedAt"] == found["assignments"][2]["assignedAt"]
    assert full(client, code, "OFFICER") is None  # and now no more


def test_a_coordinating_unit_that_gives_it_back_is_out_of_it(client: Client) -> None:
    code = coordinated(client)
    client.done("returnAssignment", "OFFICER", "officer-2", dossier=code, assignment="2", reason="không liên quan")
    found = full(client, code)
    assert (found["bounces"], found["assignments"][0]["returnedAt"]) == (1, None)
    assert found["assignments"][1]["endedAt"] == found["assignments"][1]["returnedAt"]
    assert code_of(client.move("giveOpinion", "OFFICER", "officer-2", dossier=code, assignment="2", opinion="x")) == "NOT_YOUR_MOVE"
    assert full(client, code, "OFFICER", "officer-2")["assignments"][1]["returnReason"] == "không liên quan"  # it sees it still
    client.done("decideDossier", "OFFICER", dossier=code, outcome="GRANTED")  # no opinion is waited for


def test_only_an_assignment_of_ones_own_is_given_back(client: Client, standing: dict[str, str]) -> None:
    code = standing["IN_PROCESS"]
    for who, number in ((None, "2"), ("officer-2", "1")):
        assert code_of(client.move("returnAssignment", "OFFICER", who, dossier=code, assignment=number, reason="x")) == "NOT_YOUR_MOVE"
    for number in ("9", "0", "-1", "x", "", "1x", "\u0661", "9" * 30, global_id("assignment", f"{'0' * 32}/9"), global_id("unit", "1")):
        error = told(client.move("returnAssignment", "OFFICER", dossier=code, assignment=number, reason="x"))
        assert (error["__typename"], error["code"], error["path"]) == ("Invalid", "UNKNOWN_ASSIGNMENT", ["assignment"])


# Reopening.


def taken_in_days_ago(client: Client, days: float) -> str:
    """Open a dossier at the counter that came in some days ago, and decide it now."""
    code: str = client.move("submitDossier", "RECEPTION", procedure="XD-01", receptionPoint="22-MC", channel="COUNTER",
                            applicant={"name": "An"})["dossier"]["code"]  # fmt: skip
    client.done("receiveDossier", "RECEPTION", dossier=code, checked=["FORM", "DEED"], at=soon(-days), backdatingReason="nhập bù")
    client.done("assignDossier", "HEAD", dossier=code, **lead())
    client.done("decideDossier", "HEAD", dossier=code, outcome="REJECTED", reason="thiếu bản vẽ")
    return code


def test_a_reopened_dossier_has_a_new_clock_and_keeps_the_old_one(client: Client) -> None:
    code = taken_in_days_ago(client, 30)
    client.done("deliverResult", "RECEPTION", dossier=code, medium="PAPER", reference="7/TB")
    before = full(client, code)
    client.done("reopenDossier", "HEAD", dossier=code, reason="có bản vẽ")
    found = full(client, code)
    assert (found["state"], found["outcome"], found["decidedAt"], found["result"], found["decisionReason"]) == (
        "IN_PROCESS", None, None, None, None,
    )  # fmt: skip
    (old,) = found["reopenings"]
    assert (old["number"], old["reason"], old["outcome"], old["decisionReason"]) == (1, "có bản vẽ", "REJECTED", "thiếu bản vẽ")
    assert old["result"] == {"medium": "PAPER", "reference": "7/TB"}
    assert old["decidedAt"] == before["decidedAt"]
    for name in ("dueAt", "originalDueAt", "promisedDueAt"):
        assert old[name] == before["clock"][name]
        assert found["clock"][name] > before["clock"][name]
    assert old["intervals"] == [{key: i[key] for key in ("kind", "cause", "from", "to")} for i in before["clock"]["intervals"]]
    assert old["intervals"][0]["from"] == old["startedAt"]
    (running,) = found["clock"]["intervals"]
    assert (running["cause"], running["holder"], running["officer"], running["to"]) == ("REOPENED", "OFFICER", "officer-1", None)
    assert running["from"] == old["at"]
    again = found["assignments"][-1]
    assert (again["number"], again["role"], again["officer"], again["endedAt"]) == (2, "LEAD", "officer-1", None)


def test_a_dossier_is_reopened_as_often_as_it_takes(client: Client) -> None:
    code = STATES["DELIVERED"](client)
    client.done("rateDossier", "CITIZEN", dossier=code, score=2)
    for number in (1, 2):
        client.done("reopenDossier", "HEAD", dossier=code, reason=f"lần {number}")
        client.done("requestSupplement", "OFFICER", dossier=code, **SUPPLEMENT)  # once a stage, for each clock
        client.done("supplyDocuments", "CITIZEN", dossier=code, documents=[{"component": "PLAN"}])
        client.done("decideDossier", "OFFICER", dossier=code, outcome="GRANTED")
    found = full(client, code)
    assert [old["reason"] for old in found["reopenings"]] == ["lần 1", "lần 2"]
    assert [len(old["intervals"]) for old in found["reopenings"]] == [2, 3]
    for stretches in (*(old["intervals"] for old in found["reopenings"]), found["clock"]["intervals"]):
        assert all(one["to"] == other["from"] for one, other in pairwise(stretches))
    assert found["reopenings"][1]["startedAt"] == found["reopenings"][0]["at"]
    assert found["clock"]["intervals"][0]["from"] == found["reopenings"][1]["at"]
    assert found["rating"]["score"] == 2
    client.done("deliverResult", "RECEPTION", dossier=code, medium="PAPER")
    assert code_of(client.move("rateDossier", "CITIZEN", dossier=code, score=5)) == "ALREADY_RATED"


# Who reads what was written.


@dataclass(frozen=True)
class Written:
    """Two dossiers with all texts of these moves in them."""

    stopped: str
    rated: str


TEXTS = {"endReason": "lý do dừng kín", "endLegalBasis": "luật dừng kín", "reference": "số kết quả kín", "comment": "lời khen kín",
         "reopened": "lý do mở lại kín", "returnReason": "lý do trả lại kín"}  # fmt: skip
READ_BY_ALL = {name for name in TEXTS if name != "returnReason"}


@pytest.fixture(scope="module")
def written(store: DynamoStore, issuer: Issuer) -> Written:
    client = Client(services_over(store, issuer, RecordingCourier(), SettableClock()), issuer)
    stopped = coordinated(client)
    client.done("stopDossier", "HEAD", dossier=stopped, reason=TEXTS["endReason"], legalBasis=TEXTS["endLegalBasis"])
    rated = STATES["DELIVERED"](client)
    client.done("reopenDossier", "HEAD", dossier=rated, reason=TEXTS["reopened"])
    client.done("assignDossier", "HEAD", dossier=rated, **beside())
    client.done("returnAssignment", "OFFICER", "officer-2", dossier=rated, assignment="4", reason=TEXTS["returnReason"])
    client.done("decideDossier", "OFFICER", dossier=rated, outcome="OTHER")
    client.done("deliverResult", "RECEPTION", dossier=rated, medium="PAPER", reference=TEXTS["reference"])
    client.done("rateDossier", "CITIZEN", dossier=rated, score=5, comment=TEXTS["comment"])
    return Written(stopped, rated)


READERS: dict[tuple[str, str | None], set[str]] = {
    ("CITIZEN", None): READ_BY_ALL,
    ("RECEPTION", None): READ_BY_ALL,
    ("OFFICER", None): set(TEXTS),
    ("OFFICER", "officer-2"): set(TEXTS),
    ("HEAD", None): set(TEXTS),
    ("HEAD", "22-MT-H"): set(TEXTS),
    ("SUPERVISOR", None): set(TEXTS),
    ("INSPECTOR", None): set(TEXTS),
}


@pytest.mark.parametrize("who", READERS)
def test_each_reads_the_texts_that_a_rule_allows(client: Client, written: Written, who: tuple[str, str | None]) -> None:
    said = str([full(client, code, *who) for code in (written.stopped, written.rated)])
    assert {name for name, text in TEXTS.items() if text in said} == READERS[who]


def test_to_others_there_is_nothing_to_read(client: Client, written: Written) -> None:
    for who in ALIENS:
        for code in (written.stopped, written.rated):
            assert client.ask(FULL, *who, code=code) == {"data": {"dossier": None}}


def test_no_text_stands_in_the_trail(client: Client, written: Written) -> None:
    document = (
        """query($code: ID!) { auditTrail(dossier: $code, first: 100) { nodes { action reason { text } changes { field from to } } } }"""
    )
    for who in [*READERS, ("ADMIN", None)]:
        for code in (written.stopped, written.rated):
            assert "kín" not in str(client.ask(document, *who, code=code)["data"])


# The secret.


def tracks(client: Client, code: str, secret: str) -> bool:
    return client.ask(TRACK, code=code, secret=secret)["data"]["track"] is not None


def test_a_rotated_secret_voids_the_one_before(client: Client) -> None:
    opened = client.submitted()
    code, old = opened["dossier"]["code"], opened["trackingSecret"]
    new = client.done("rotateTrackingSecret", "CITIZEN", dossier=code)["trackingSecret"]
    newest = client.done("rotateTrackingSecret", "RECEPTION", dossier=code)["trackingSecret"]
    assert len({old, new, newest}) == 3
    assert [tracks(client, code, secret) for secret in (old, new, newest)] == [False, False, True]


def test_a_repeat_shows_the_secret_while_it_holds(client: Client) -> None:
    code = submitted(client)
    key = secrets.token_hex(8)
    first = client.done("rotateTrackingSecret", "CITIZEN", dossier=code, idempotencyKey=key)
    assert client.done("rotateTrackingSecret", "CITIZEN", dossier=code, idempotencyKey=key) == first
    assert tracks(client, code, first["trackingSecret"])
    client.done("rotateTrackingSecret", "CITIZEN", dossier=code)
    again = client.done("rotateTrackingSecret", "CITIZEN", dossier=code, idempotencyKey=key)
    assert (again["entry"], again["trackingSecret"]) == (first["entry"], None)
    assert len(entries(client, code)) == 3


def test_a_submission_repeated_after_a_rotation_shows_no_secret_of_another(client: Client) -> None:
    key = secrets.token_hex(8)
    opened = client.submitted(idempotencyKey=key)
    assert client.submitted(idempotencyKey=key)["trackingSecret"] == opened["trackingSecret"]
    client.done("rotateTrackingSecret", "CITIZEN", dossier=opened["dossier"]["code"])
    again = client.submitted(idempotencyKey=key)
    assert (again["entry"], again["trackingSecret"]) == (opened["entry"], None)


def test_the_secret_stands_in_no_trail(client: Client) -> None:
    code = submitted(client)
    secret = client.done("rotateTrackingSecret", "CITIZEN", dossier=code)["trackingSecret"]
    subject = client.services.store.coded(code)
    assert subject
    lines = "".join(entry.line for entry in client.services.store.entries(subject, 0, 100))
    for text in (secret, secret.replace("-", "")):
        assert text not in lines
        assert text not in str(client.services.store.disclosed(subject))
    assert "SECRET_ROTATED" in lines


def test_a_clock_of_this_moment_stays_so_after_the_end(client: Client, clock: SettableClock, issuer: Issuer) -> None:
    code = STATES["STOPPED"](client)
    before = full(client, code)["clock"]
    clock.ahead = timedelta(days=60)
    token = issuer.token("HEAD", exp=int((present() + timedelta(days=61)).timestamp()))
    assert client.asked_with(token, FULL, code=code)["data"]["dossier"]["clock"] == before
