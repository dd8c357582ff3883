"""Publishing a version of a procedure: whole and by default, each input that is none, by whom, and which version governs afterwards."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from threading import Barrier
from typing import Any

import pytest

from casework.actions.procedures import subject_of
from casework.model import publication
from casework.model.limit import MOST, LimitUnit
from casework.model.workdays import legal_day
from schema.node import global_id
from tests.schema.common import BAD_TEXTS, bad_input
from tests.support import Client, present

PUBLISH = """mutation($input: PublishProcedureInput!) { publishProcedure(input: $input) {
    dossier { code }
    procedure { id code version kind field tier department unit { code } legalBasis publishedOn validFrom validTo cutOff stepOrder channels
        vi: title en: title(lang: EN) fr: title(lang: FR) limit { unit amount } steps { code title allottedDays }
        components { code title mandatory } fees { code title amount legalBasis } clarityLead clarityCoordinating
        paymentPauses mostExtensions mostExtended supplementDays paymentDays }
    entry { id seq action actor { kind id role } changes { field from to } }
    errors { __typename code message(lang: EN) vi: message path } } }"""
TITLE = {"vi": "Cấp giấy phép", "en": "Permit", "fr": "Permis"}
VERSION = "query($code: ID!) { procedure(code: $code) { version validFrom validTo limit { amount } } }"
DUE = "query($c: ID!, $at: DateTime!) { dueIfReceived(procedure: $c, at: $at) { dueAt } }"
OF_DOSSIER = "query($code: ID!) { dossier(code: $code) { procedure { code version } clock { dueAt } } }"


def today() -> date:
    return legal_day(present())


def on(days: int) -> str:
    return (today() + timedelta(days=days)).isoformat()


def fresh() -> str:
    return f"T-{secrets.token_hex(4).upper()}"


def draft(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"code": fresh(), "title": TITLE, "kind": "ADMINISTRATIVE", "field": "test", "tier": "province", "department": "XD",
            "limit": {"unit": "WORKING_DAYS", "amount": 5}, "legalBasis": "61/2018/NĐ-CP", "validFrom": on(0), "channels": ["ONLINE"],
            **more}  # fmt: skip


def asked(client: Client, who: str | None = "ADMIN", subject: str | None = None, /, **given: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    given.setdefault("idempotencyKey", secrets.token_hex(8))
    return client.ask(PUBLISH, who, subject, input=given)


def published(client: Client, who: str | None = "ADMIN", subject: str | None = None, /, **given: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    answer = asked(client, who, subject, **given)
    assert "errors" not in answer, answer
    payload: dict[str, Any] = answer["data"]["publishProcedure"]
    assert payload["dossier"] is None
    return payload


def done(client: Client, **given: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    payload = published(client, **given)
    assert payload["errors"] == []
    return payload


def told(payload: dict[str, Any]) -> dict[str, Any]:
    assert (payload["procedure"], payload["entry"]) == (None, None)
    (error,) = payload["errors"]
    assert error["__typename"] == "Invalid"
    assert error["message"] != error["vi"]
    found: dict[str, Any] = error
    return found


# As it succeeds.


def test_a_whole_version_is_published_as_it_was_given(client: Client) -> None:
    part = {"code": "A.1", "title": TITLE}
    given = draft(
        kind="COMPLAINT", department=None, unit="22-XD", validFrom=on(3), validTo=on(400), channels=["POST", "ONLINE", "POST"],
        cutOff="16:30:00", stepOrder="FREE", limit={"unit": "CALENDAR_DAYS", "amount": 3650},
        steps=[{**part, "allottedDays": 2}, {"code": "B", "title": TITLE}], components=[{**part, "mandatory": False}],
        fees=[{**part, "amount": 0, "legalBasis": "85/2019/TT-BTC"}], clarityLead=["officer", "authority", "officer"],
        paymentPauses=True, mostExtensions=2, mostExtended=0, supplementDays=30, paymentDays=1,
        clarityCoordinating=["due_at"],
    )  # fmt: skip
    found = done(client, **given)
    shown = found["procedure"]
    assert shown["id"] == global_id("procedure", f"{given['code']}@1")
    assert shown | {"id": ""} == {
        "id": "", "code": given["code"], "version": 1, "kind": "COMPLAINT", "field": "test", "tier": "province", "department": None,
        "unit": {"code": "22-XD"}, "legalBasis": "61/2018/NĐ-CP", "publishedOn": on(0), "validFrom": on(3), "validTo": on(400),
        "cutOff": "16:30:00", "stepOrder": "FREE", "channels": ["POST", "ONLINE"], **TITLE,
        "limit": {"unit": "CALENDAR_DAYS", "amount": 3650},
        "steps": [{"code": "A.1", "title": TITLE["vi"], "allottedDays": 2}, {"code": "B", "title": TITLE["vi"], "allottedDays": None}],
        "components": [{"code": "A.1", "title": TITLE["vi"], "mandatory": False}],
        "fees": [{"code": "A.1", "title": TITLE["vi"], "amount": 0, "legalBasis": "85/2019/TT-BTC"}],
        "clarityLead": ["officer", "authority"], "clarityCoordinating": ["due_at"],
        "paymentPauses": True, "mostExtensions": 2, "mostExtended": 0, "supplementDays": 30, "paymentDays": 1,
    }  # fmt: skip
    assert (found["entry"]["seq"], found["entry"]["action"]) == (1, "PROCEDURE_PUBLISHED")
    assert found["entry"]["actor"] == {"kind": "OFFICER", "id": "admin-1", "role": "ADMIN"}
    document = PUBLISH[PUBLISH.index("{ id code version kind") : PUBLISH.index("    entry {")]
    again = client.ask("query($code: ID!) { procedure(code: $code) " + document + " }", code=given["code"])["data"]["procedure"]
    assert again == shown


def test_what_is_left_out_has_its_usual_value(client: Client) -> None:
    shown = done(client, **draft())["procedure"]
    assert (shown["cutOff"], shown["stepOrder"], shown["validTo"], shown["department"], shown["unit"]) == (
        "15:00:00",
        "ORDERED",
        None,
        "XD",
        None,
    )
    for name in ("steps", "components", "fees", "clarityLead", "clarityCoordinating"):
        assert shown[name] == []
    assert (shown["paymentPauses"], shown["mostExtensions"], shown["mostExtended"]) == (False, 1, shown["limit"]["amount"])
    assert (shown["supplementDays"], shown["paymentDays"]) == (None, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"mostExtensions": 10},
        {"mostExtensions": -1},
        {"mostExtended": -1},
        {"mostExtended": 3651},
        {"supplementDays": 0},
        {"paymentDays": 3651},
    ],
)
def test_times_and_extensions_keep_to_their_range(client: Client, wrong: dict[str, int]) -> None:
    (error,) = published(client, **draft(**wrong))["errors"]
    assert (error["code"], error["path"]) == ("INVALID", list(wrong))


def test_a_commune_handles_what_names_neither_department_nor_unit(client: Client) -> None:
    given = draft(tier="commune", department=None)
    done(client, **given)
    opened = client.move(
        "submitDossier", "CITIZEN", procedure=given["code"], receptionPoint="06652-MC", channel="ONLINE", applicant={"name": "An"}
    )
    assert opened["dossier"]["code"].startswith("06652-")


def test_a_unit_is_taken_by_its_id(client: Client) -> None:
    assert done(client, **draft(department=None, unit=global_id("unit", "22-MT")))["procedure"]["unit"] == {"code": "22-MT"}


def test_it_is_in_the_lists_at_once(client: Client) -> None:
    field = f"field-{secrets.token_hex(4)}"
    code = done(client, **draft(field=field))["procedure"]["code"]
    done(client, **draft(field=field, code=code, validFrom=on(9)))
    document = "query($f: ProcedureFilter) { procedures(filter: $f, first: 100) { nodes { code version } } }"
    assert client.ask(document, f={"field": field})["data"]["procedures"]["nodes"] == [{"code": code, "version": 1}]
    assert {"code": code, "version": 1} in client.ask(document)["data"]["procedures"]["nodes"]


# Versions.


def test_the_version_before_ends_the_day_before(client: Client) -> None:
    given = draft()
    done(client, **given)
    second = done(client, **{**given, "validFrom": on(10), "limit": {"unit": "WORKING_DAYS", "amount": 2}})
    assert second["procedure"]["version"] == 2
    assert {change["field"] for change in second["entry"]["changes"]} == {"version", "versions.1", "versions.2"}
    assert client.ask(VERSION, code=given["code"])["data"]["procedure"] == {
        "version": 1, "validFrom": on(0), "validTo": on(9), "limit": {"amount": 5},
    }  # fmt: skip
    assert client.ask(VERSION, code=f"{given['code']}@2")["data"]["procedure"]["validTo"] is None
    third = published(client, **{**given, "validFrom": on(10)})
    assert (told(third)["code"], told(third)["path"]) == ("BAD_VALIDITY", ["validFrom"])


def test_a_gap_between_versions_stays_one(client: Client) -> None:
    given = draft(validTo=on(2))
    done(client, **given)
    done(client, **{**given, "validFrom": on(10), "validTo": None})
    assert client.ask(VERSION, code=f"{given['code']}@1")["data"]["procedure"]["validTo"] == on(2)


def test_a_procedure_keeps_its_kind(client: Client) -> None:
    given = draft()
    done(client, **given)
    error = told(published(client, **{**given, "validFrom": on(1), "kind": "FEEDBACK"}))
    assert (error["code"], error["path"]) == ("KIND_CHANGED", ["kind"])


def test_a_procedure_has_so_many_versions(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publication, "MOST_VERSIONS", 2)
    given = draft()
    for days in (0, 1):
        done(client, **{**given, "validFrom": on(days)})
    assert told(published(client, **{**given, "validFrom": on(2)}))["code"] == "TOO_MANY"


def test_a_version_that_is_too_large_for_its_record_is_refused(client: Client) -> None:
    title = dict.fromkeys(TITLE, "ế" * 200)
    parts = [{"code": f"P-{n}", "title": title} for n in range(50)]
    given = draft(steps=parts, components=parts, fees=[{**part, "amount": 1, "legalBasis": "ế" * 200} for part in parts])
    assert told(published(client, **given))["code"] == "TOO_MANY"


@pytest.mark.parametrize("received_first", [True, False])
def test_a_dossier_keeps_the_version_of_its_receipt(client: Client, received_first: bool) -> None:  # noqa: FBT001
    code = fresh()
    known = client.services.store.versions("XD-01")[0]
    client.services.store.register([replace(known, code=code, components=())], "VN")
    dossier = client.submitted(procedure=code)["dossier"]["code"]
    if received_first:
        client.done("receiveDossier", "RECEPTION", dossier=dossier)
    done(client, **draft(code=code, field=known.field, limit={"unit": "WORKING_DAYS", "amount": 1}))
    if not received_first:
        client.done("receiveDossier", "RECEPTION", dossier=dossier)
    found = client.ask(OF_DOSSIER, "HEAD", None, code=dossier)["data"]["dossier"]
    assert found["procedure"] == {"code": code, "version": 1 if received_first else 2}
    due = client.ask(DUE, c=code, at=present().isoformat())["data"]["dueIfReceived"]
    assert (found["clock"]["dueAt"] == due["dueAt"]) is not received_first
    client.done("assignDossier", "HEAD", dossier=dossier, role="LEAD", unit="22-XD", officer="officer-1", **(
        {"task": "t", "responsibility": "r", "expectedResult": "e", "dueAt": (present() + timedelta(minutes=9)).isoformat()}
        if received_first else {}  # the new version asks for nothing
    ))  # fmt: skip


def test_what_is_not_in_force_yet_opens_no_dossier(client: Client) -> None:
    code = done(client, **draft(validFrom=on(1)))["procedure"]["code"]
    refused = client.move("submitDossier", "CITIZEN", procedure=code, receptionPoint="22-MC", channel="ONLINE", applicant={"name": "An"})
    assert refused["errors"][0]["code"] == "NOT_IN_FORCE"
    assert client.ask(VERSION, code=code)["data"]["procedure"]["version"] == 1


# As it is refused.

PART = {"code": "A", "title": TITLE}
MANY = [{"code": f"S{n}", "title": TITLE} for n in range(51)]
WRONG: dict[str, tuple[dict[str, Any], str, list[str]]] = {
    **{f"code {code!r}": ({"code": code}, "BAD_CHARACTER", ["code"])
       for code in ("", "xd-01", "XD 01", "-XD", "XD@1", "XD\n", "X" * 33, "ĐD-01", "XD#1", "\u202eXD")},
    "department": ({"department": "x"}, "BAD_CHARACTER", ["department"]),
    "tier": ({"tier": "nation"}, "INVALID", ["tier"]),
    "department and unit": ({"unit": "22-XD"}, "INVALID", ["unit"]),
    "neither": ({"department": None}, "INVALID", ["department"]),
    "unknown unit": ({"department": None, "unit": "XX"}, "UNKNOWN_UNIT", ["unit"]),
    "long unit": ({"department": None, "unit": "x" * 5000}, "UNKNOWN_UNIT", ["unit"]),
    "unit that is no more": ({"department": None, "unit": "02"}, "UNKNOWN_UNIT", ["unit"]),
    "no channel": ({"channels": []}, "EMPTY", ["channels"]),
    "a fixed date": ({"limit": {"unit": "FIXED_DATE", "amount": 1}}, "CLOCK_INPUT", ["limit", "unit"]),
    "no time": ({"limit": {"unit": "WORKING_DAYS", "amount": 0}}, "CLOCK_INPUT", ["limit", "amount"]),
    "less than none": ({"limit": {"unit": "CALENDAR_DAYS", "amount": -1}}, "CLOCK_INPUT", ["limit", "amount"]),
    "all the time in the world": ({"limit": {"unit": "WORKING_DAYS", "amount": 2**31 - 1}}, "CLOCK_INPUT", ["limit", "amount"]),
    "51 steps": ({"steps": MANY}, "TOO_MANY", ["steps"]),
    "51 components": ({"components": MANY}, "TOO_MANY", ["components"]),
    "51 fees": ({"fees": [{**one, "amount": 1, "legalBasis": "x"} for one in MANY]}, "TOO_MANY", ["fees"]),
    "a step twice": ({"steps": [PART, PART]}, "INVALID", ["steps", "code"]),
    "a component twice": ({"components": [PART, PART]}, "INVALID", ["components", "code"]),
    "a fee twice": ({"fees": [{**PART, "amount": n, "legalBasis": "x"} for n in (1, 2)]}, "INVALID", ["fees", "code"]),
    "a step's code": ({"steps": [{**PART, "code": "a"}]}, "BAD_CHARACTER", ["steps", "code"]),
    "a component's code": ({"components": [{**PART, "code": ""}]}, "BAD_CHARACTER", ["components", "code"]),
    "a fee's code": ({"fees": [{**PART, "code": "A B", "amount": 1, "legalBasis": "x"}]}, "BAD_CHARACTER", ["fees", "code"]),
    "a step without a day": ({"steps": [{**PART, "allottedDays": 0}]}, "INVALID", ["steps", "allottedDays"]),
    "a fee below 0": ({"fees": [{**PART, "amount": -1, "legalBasis": "x"}]}, "INVALID", ["fees", "amount"]),
    "clarity": ({"clarityLead": ["task", "zeal"]}, "INVALID", ["clarityLead"]),
    "clarity of a coordinating unit": ({"clarityCoordinating": ["dueAt"]}, "INVALID", ["clarityCoordinating"]),
    "from yesterday": ({"validFrom": on(-1)}, "BAD_VALIDITY", ["validFrom"]),
    "from long ago": ({"validFrom": "0001-01-01"}, "BAD_VALIDITY", ["validFrom"]),
    "ended before it began": ({"validFrom": on(5), "validTo": on(4)}, "BAD_VALIDITY", ["validTo"]),
    "no key": ({"idempotencyKey": ""}, "BAD_KEY", ["idempotencyKey"]),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_an_input_that_is_wrong_is_invalid_and_publishes_nothing(client: Client, name: str) -> None:
    wrong, code, path = WRONG[name]
    given = draft(**wrong)
    error = told(published(client, **given))
    assert (error["code"], error["path"]) == (code, path)
    assert client.services.store.versions(given["code"]) == ()


TEXTS: dict[str, tuple[Any, list[str]]] = {
    **{f"title {lang}": (lambda text, lang=lang: {"title": {**TITLE, lang: text}}, ["title", lang]) for lang in TITLE},
    "field": (lambda text: {"field": text}, ["field"]),
    "legal basis": (lambda text: {"legalBasis": text}, ["legalBasis"]),
    "a step's title": (lambda text: {"steps": [{"code": "A", "title": {**TITLE, "fr": text}}]}, ["steps", "title", "fr"]),
    "a component's title": (lambda text: {"components": [{"code": "A", "title": {**TITLE, "vi": text}}]}, ["components", "title", "vi"]),
    "a fee's basis": (lambda text: {"fees": [{**PART, "amount": 1, "legalBasis": text}]}, ["fees", "legalBasis"]),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_that_is_none_is_invalid(client: Client, name: str) -> None:
    given, path = TEXTS[name]
    for text, code in {**BAD_TEXTS, "x" * 201: "TOO_LONG"}.items():
        error = told(published(client, **draft(**given(text))))
        assert (error["code"], error["path"]) == (code, path), repr(text)


@pytest.mark.parametrize(
    "wrong",
    [{"validFrom": "tomorrow"}, {"validFrom": 5}, {"validFrom": None}, {"validFrom": "2027-02-30"}, {"validTo": "2027-01-01T00:00:00Z"},
     {"cutOff": "25:00"}, {"cutOff": 15}, {"cutOff": ""}, {"cutOff": "15:00:00+07:00"}, {"cutOff": "15:00Z"}, {"channels": ["SMOKE"]},
     {"title": {"vi": "a", "en": "b"}}, {"title": "a"}, {"kind": "NONSENSE"}, {"limit": {"unit": "YEARS", "amount": 1}},
     {"steps": [{"code": "A"}]},
     {"fees": [{**PART, "amount": 1.5, "legalBasis": "x"}]}, {"fees": [{**PART, "amount": 2**31, "legalBasis": "x"}]}, {"version": 7}],
)  # fmt: skip
def test_what_has_no_such_type_is_bad_user_input(client: Client, wrong: dict[str, Any]) -> None:
    message = bad_input(asked(client, **draft(**wrong)))
    for innards in ("fromisoformat", "isoformat string", "must be in", "Traceback"):
        assert innards not in message


def test_times_and_days_may_stand_in_the_document(client: Client) -> None:
    document = """mutation { publishProcedure(input: {idempotencyKey: "k", code: "%s", title: {vi: "a", en: "b", fr: "c"}, kind: FEEDBACK,
        field: "f", tier: "commune", limit: {unit: WORKING_DAYS, amount: 1}, legalBasis: "x", channels: [EMAIL],
        validFrom: "%s", cutOff: "%s"}) {
        procedure { validFrom cutOff } errors { code } } }"""
    found = client.ask(document % (fresh(), on(2), "11:30"), "ADMIN")["data"]["publishProcedure"]
    assert found == {"procedure": {"validFrom": on(2), "cutOff": "11:30:00"}, "errors": []}
    for day, at in (("soon", "11:30"), (on(2), "11:30+07:00"), (on(2), "noon")):
        bad_input(client.ask(document % (fresh(), day, at), "ADMIN"))


def test_every_limit_that_can_be_computed_can_be_published(client: Client) -> None:
    for unit in set(LimitUnit) - {LimitUnit.FIXED_DATE}:
        for amount in (1, MOST[unit]):
            code = done(client, **draft(limit={"unit": unit.value, "amount": amount}))["procedure"]["code"]
            assert client.ask(DUE, c=code, at=present().isoformat())["data"]["dueIfReceived"]


def test_the_cut_off_counts(client: Client) -> None:
    dues = []
    for cut_off in ("00:00:00", "23:59:59"):
        code = done(client, **draft(cutOff=cut_off, validFrom=on(1)))["procedure"]["code"]
        at = datetime.combine(today() + timedelta(days=1), time(12), UTC).isoformat()
        dues.append(client.ask(DUE, c=code, at=at)["data"]["dueIfReceived"]["dueAt"])
    assert dues[0] >= dues[1]


# By whom, and how often.


@pytest.mark.parametrize("who", [None, "CITIZEN", "RECEPTION", "OFFICER", "HEAD", "SUPERVISOR", "INSPECTOR"])
def test_only_an_admin_publishes(client: Client, who: str | None) -> None:
    given = draft()
    error = told(published(client, who, **given))
    assert (error["code"], error["path"]) == ("NOT_YOUR_MOVE", None)
    assert client.services.store.versions(given["code"]) == ()


def test_the_register_says_who_is_an_admin(client: Client) -> None:
    assert told(published(client, "ADMIN", "officer-1", **draft()))["code"] == "NOT_YOUR_MOVE"


def test_a_repeat_gives_the_same_entry_and_version(client: Client) -> None:
    given = {**draft(), "idempotencyKey": "once"}
    first = done(client, **given)
    assert done(client, **given) == first
    done(client, **{**given, "idempotencyKey": "twice", "validFrom": on(4)})
    again = done(client, **given)
    assert again["entry"] == first["entry"]
    assert (again["procedure"]["version"], again["procedure"]["validFrom"]) == (1, on(0))
    assert len(client.services.store.entries(subject_of(given["code"]), 0, 10)) == 2


def test_a_key_used_otherwise_is_refused(client: Client) -> None:
    given = {**draft(), "idempotencyKey": "once"}
    done(client, **given)
    for change in ({"validFrom": on(1)}, {"field": "other"}, {"title": {**TITLE, "vi": "khác"}}, {"steps": [PART]}, {"cutOff": "10:00"}):
        error = told(published(client, **{**given, **change}))
        assert (error["code"], error["path"]) == ("IDEMPOTENCY_KEY_REUSED", ["idempotencyKey"])
    assert told(published(client, "ADMIN", "admin-9", **given))["code"] == "IDEMPOTENCY_KEY_REUSED"
    done(client, **{**given, "code": fresh()})  # a key is its procedure's own


def test_of_several_who_publish_at_once_one_comes_through(client: Client) -> None:
    given = draft()
    gate = Barrier(4)

    def publish(number: int) -> list[str]:
        gate.wait()
        return [error["code"] for error in published(client, **{**given, "field": f"f{number}"})["errors"]]

    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(publish, range(4)))
    assert answers == [[], ["BAD_VALIDITY"], ["BAD_VALIDITY"], ["BAD_VALIDITY"]]
    assert len(client.services.store.versions(given["code"])) == 1


# Its trail.


def test_the_trail_is_for_those_who_answer_for_it(client: Client) -> None:
    given = draft()
    entry, chain = done(client, **given)["entry"], global_id("dossier", subject_of(given["code"]))
    node = "query($id: ID!) { node(id: $id) { id ... on AuditEntry { seq action actor { id } changes { field } } } }"
    trail = "query($id: ID) { auditTrail(dossier: $id, first: 5) { nodes { id } } }"
    id_ = client.ask(node, "ADMIN", id=entry["id"])["data"]["node"]["id"]
    assert id_ == entry["id"]
    for who, sees in (("ADMIN", True), ("INSPECTOR", True), ("SUPERVISOR", False), ("HEAD", False), ("OFFICER", False), ("CITIZEN", False),
                      (None, False)):  # fmt: skip
        assert (client.ask(node, who, id=entry["id"])["data"]["node"] is not None) is sees, who
        assert client.ask(trail, who, id=chain)["data"]["auditTrail"]["nodes"] == ([{"id": entry["id"]}] if sees else [])


def test_an_entry_names_the_procedure_that_it_is_about(client: Client) -> None:
    given = draft()
    entry = done(client, **given)["entry"]
    done(client, **{**given, "validFrom": on(5)})
    document = "query($id: ID!) { node(id: $id) { __typename ... on AuditEntry { subject } ... on Procedure { code version } } }"
    subject = client.ask(document, "ADMIN", id=entry["id"])["data"]["node"]["subject"]
    found = client.ask(document, id=subject)["data"]["node"]
    assert found == {"__typename": "Procedure", "code": given["code"], "version": 1}


@pytest.mark.parametrize("who", [None, "CITIZEN", "RECEPTION", "OFFICER", "HEAD", "SUPERVISOR", "INSPECTOR", "ADMIN"])
def test_a_procedures_chain_is_no_dossier(client: Client, who: str | None) -> None:
    """Its id follows from its code, so that anybody may ask for it as for a dossier's."""
    id_ = global_id("dossier", subject_of(done(client, **draft())["procedure"]["code"]))
    document = """query($id: ID!, $secret: String!) {
        dossier(code: $id) { code } node(id: $id) { id } track(code: $id, secret: $secret) { code } }"""
    assert client.ask(document, who, id=id_, secret="x") == {"data": {"dossier": None, "node": None, "track": None}}  # noqa: S106 - of nothing
    for name, given in (("withdrawDossier", {}), ("rotateTrackingSecret", {}), ("decideDossier", {"outcome": "GRANTED"})):
        (error,) = client.move(name, who, dossier=id_, **given)["errors"]
        assert (error["__typename"], error["code"]) == ("NotFound", "NOT_FOUND")
