"""The verbs of people: who a key belongs to, which version governs, and what happens past the due date."""

import secrets
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, cast

import pytest

from casework.actions.dossiers import Asked, Person, Submission, move, submit
from casework.adapters.dynamo import DynamoStore
from casework.adapters.dynamo.models import SubjectItem
from casework.audit.disclosure import opened
from casework.model.errors import Invalid, Refused
from casework.model.limit import Limit, LimitUnit
from casework.model.moves import MoveName, Receive
from casework.model.parties import Role, Viewer
from casework.model.procedure import IMPORT_TIER, Channel, Texts
from casework.model.record import HolderKind
from casework.model.unit import COMMUNES, Officer, PointKind, ReceptionPoint, Unit
from casework.model.workdays import legal_day
from casework.ports import Held, Services, Span
from tests.support import Client, SettableClock, present

PROXY = Viewer(Role.CITIZEN, "proxy-1", (), "citizen-y")
SUBMISSION = Submission("XD-01", "22-MC", Channel.ONLINE, Person("Nguyễn Văn Ý"))
DESK = Viewer(Role.RECEPTION, "reception-1", ("22-MC",))


def asked(key: str | None = None) -> Asked:
    return Asked(key or secrets.token_hex(8), "test", {})


def test_a_key_repeated_for_somebody_else_is_not_the_same_request(services: Services) -> None:
    request = asked()
    first, secret = submit(services, PROXY, SUBMISSION, request)
    again, same = submit(services, PROXY, SUBMISSION, request)
    assert (again.held.id, same, again.repeated) == (first.held.id, secret, True)
    with pytest.raises(Invalid) as caught:
        submit(services, replace(PROXY, on_behalf_of="citizen-z"), SUBMISSION, request)
    assert caught.value.code == "IDEMPOTENCY_KEY_REUSED"


def test_whoever_acts_and_for_whom_is_disclosed(services: Services) -> None:
    done, _ = submit(services, PROXY, SUBMISSION, asked())
    body = done.entry.body
    kept = services.store.disclosed(done.held.id)
    named = [opened(kept[body[party]["identity"]["digest"]]) for party in ("actor", "on_behalf_of")]
    assert named == [("identity", "proxy-1"), ("identity", "citizen-y")]
    assert "proxy-1" not in done.entry.line


def test_the_version_in_force_at_receipt_governs(services: Services) -> None:
    (old,) = services.store.versions("XD-01")
    code = f"V-{secrets.token_hex(4)}"
    later = replace(old, code=code, version=2, valid_from=date(2025, 2, 1), limit=Limit(LimitUnit.WORKING_DAYS, 3))
    services.store.register([replace(old, code=code)], "22")
    done, _ = submit(services, PROXY, replace(SUBMISSION, procedure=code), asked())
    services.store.register([later], "22")
    given = Receive(("FORM", "DEED"))
    received = move(services, DESK, done.held.id, MoveName.RECEIVE, asked(), lambda *_: given).held.dossier
    assert (done.held.dossier.procedure_version, received.procedure_version) == (1, 2)
    assert {"field": "procedure_version", "from": 1, "to": 2} in list(services.store.entries(done.held.id, 1, 1)[0].body["changes"])


def test_a_repeat_that_loads_the_state_after_its_own_commit_gives_its_entry(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    done, _ = submit(services, PROXY, SUBMISSION, asked())
    request, given = asked(), Receive(("FORM", "DEED"))
    first = move(services, DESK, done.held.id, MoveName.RECEIVE, request, lambda *_: given)
    both = services.store.held_with_memory

    def memory_unread(subject: str, scope: str, key: str) -> tuple[Held | None, None]:
        return both(subject, scope, key)[0], None  # type: ignore[arg-type] # the ids are what they were

    monkeypatch.setattr(services.store, "held_with_memory", memory_unread)
    again = move(services, DESK, done.held.id, MoveName.RECEIVE, request, lambda *_: given)
    assert (again.entry.hash, again.repeated) == (first.entry.hash, True)
    with pytest.raises(Refused):
        move(services, DESK, done.held.id, MoveName.RECEIVE, asked(), lambda *_: given)


def test_an_overdue_dossier_can_be_assigned_anew(client: Client, clock: SettableClock) -> None:
    code = client.received()
    clock.ahead = timedelta(days=40)
    due = (clock() + timedelta(days=2)).isoformat()
    token = client.issuer.token("HEAD", exp=int(clock().timestamp()) + 60)
    document = """mutation($input: AssignDossierInput!) { assignDossier(input: $input) { dossier { state } errors { code } } }"""
    given = {
        "idempotencyKey": "k", "dossier": code, "role": "LEAD", "unit": "22-XD", "officer": "officer-1", "task": "t",
        "responsibility": "r", "dueAt": due, "expectedResult": "e",
    }  # fmt: skip
    answer = client.asked_with(token, document, input=given)
    assert answer["data"]["assignDossier"] == {"dossier": {"state": "IN_PROCESS"}, "errors": []}


def test_a_closed_dossier_stays_its_officers(client: Client, services: Services) -> None:
    code = client.assigned()
    for step in ("CHECK", "SITE", "DRAFT"):
        client.move("completeStep", "OFFICER", dossier=code, step=step)
    client.move("decideDossier", "OFFICER", dossier=code, outcome="GRANTED")
    subject = services.store.coded(code)
    assert subject
    assert SubjectItem.get(subject, "STATE").officer_key == "officer-1#CLOSED"


def test_what_came_online_is_not_received_before_it_came(client: Client, clock: SettableClock) -> None:
    before = (clock() - timedelta(days=3)).isoformat()
    given = {"checked": ["FORM", "DEED"], "at": before, "backdatingReason": "x"}
    online, paper = (client.submitted(channel=channel)["dossier"]["code"] for channel in ("ONLINE", "COUNTER"))
    assert client.move("receiveDossier", "RECEPTION", dossier=online, **given)["errors"][0]["code"] == "BEFORE_LAST_MOVE"
    assert client.move("receiveDossier", "RECEPTION", dossier=paper, **given)["errors"] == []


# Where it comes in, who handles it, where its result is fetched.


@pytest.fixture(scope="module")
def places(store: DynamoStore) -> dict[str, str]:
    """Name a commune of the province, one of another, a unit below the department, and one that is no more."""
    communes = [unit.code for unit in store.units_below("22", Span(100)) if unit.kind in COMMUNES]
    below, gone = (f"22-XD-{secrets.token_hex(4)}" for _ in range(2))
    name = Texts("một", "one", "un")
    store.register(
        [Unit(below, name, "DIVISION", "22", "22-XD"), Unit(gone, name, "DIVISION", "22", "22-XD", valid_to=date(2025, 6, 30))], "22"
    )
    former = next(unit.code for unit in store.units_below(None, Span(100)) if unit.valid_to is not None and unit.kind == "PROVINCE")
    other = next(unit.code for unit in store.units_below("01", Span(100)) if unit.kind in COMMUNES)
    found = {"commune": communes[0], "neighbour": communes[1], "elsewhere": other, "below": below, "gone": gone, "former": former}
    return found | {"counter": f"{communes[0]}-MC", "post": f"{communes[0]}-BD", "other counter": f"{other}-MC"}


def opened_at(services: Services, procedure: str, point: str, unit: str | None = None, delivery: str | None = None) -> Held:
    submission = replace(SUBMISSION, procedure=procedure, reception_point=point, unit=unit, delivery_point=delivery)
    return submit(services, PROXY, submission, asked())[0].held


def refused_at(services: Services, procedure: str, point: str, unit: str | None = None, delivery: str | None = None) -> tuple[str, str]:
    with pytest.raises(Invalid) as caught:
        opened_at(services, procedure, point, unit, delivery)
    (field,) = caught.value.path
    return caught.value.code, field


@pytest.mark.parametrize(("procedure", "point", "unit", "handles"), [
    ("XD-01", "22-MC", None, "22-XD"),
    ("XD-01", "22-CN1", None, "22-XD"),
    ("XD-01", "22-DVC", None, "22-XD"),
    ("XD-01", "01-MC", None, "01-XD"),  # of the province where it came in
    ("XD-01", "counter", None, "22-XD"),  # a commune's counter takes in what the department handles
    ("XD-01", "post", None, "22-XD"),
    ("XD-01", "other counter", None, "01-XD"),
    ("XD-01", "22-MC", "22-XD", "22-XD"),
    ("XD-01", "22-MC", "below", "below"),
    ("XD-01", "counter", "below", "below"),
    ("DD-02", "counter", None, "commune"),
    ("DD-02", "post", None, "commune"),
    ("DD-02", "counter", "neighbour", "neighbour"),
    ("DD-02", "22-MC", "commune", "commune"),  # the centre takes in what a commune handles, once it is named
    ("DD-02", "22-MC", "neighbour", "neighbour"),
    ("DD-02", "other counter", None, "elsewhere"),
])  # fmt: skip
def test_whoever_is_competent_handles_it(
    services: Services, places: dict[str, str], procedure: str, point: str, unit: str | None, handles: str
) -> None:
    held = opened_at(services, procedure, places.get(point, point), places.get(unit, unit) if unit else None)
    dossier = held.dossier
    assert dossier.unit == places.get(handles, handles)
    assert dossier.reception_point == dossier.delivery_point == places.get(point, point)
    assert dossier.code.startswith(f"{dossier.unit}-")
    known = services.store.unit(dossier.unit)
    assert known
    assert held.province == known.province


@pytest.mark.parametrize(("procedure", "point", "unit", "wanted"), [
    ("DD-02", "22-MC", None, ("UNIT_NEEDED", "unit")),
    ("DD-02", "22-DVC", None, ("UNIT_NEEDED", "unit")),
    ("DD-02", "22-MC", "22-XD", ("NOT_COMPETENT", "unit")),
    ("DD-02", "22-MC", "22", ("NOT_COMPETENT", "unit")),
    ("DD-02", "counter", "below", ("NOT_COMPETENT", "unit")),
    ("DD-02", "22-MC", "elsewhere", ("OTHER_PROVINCE", "receptionPoint")),
    ("DD-02", "other counter", "commune", ("OTHER_PROVINCE", "receptionPoint")),
    ("XD-01", "22-MC", "22-MT", ("NOT_COMPETENT", "unit")),
    ("XD-01", "22-MC", "22", ("NOT_COMPETENT", "unit")),
    ("XD-01", "counter", "commune", ("NOT_COMPETENT", "unit")),
    ("XD-01", "22-MC", "01-XD", ("OTHER_PROVINCE", "receptionPoint")),
    ("XD-01", "01-MC", "22-XD", ("OTHER_PROVINCE", "receptionPoint")),
    ("XD-01", "22-MC", "nowhere", ("UNKNOWN_UNIT", "unit")),
    ("XD-01", "22-MC", "gone", ("UNKNOWN_UNIT", "unit")),
    ("XD-01", "22-MC", "former", ("UNKNOWN_UNIT", "unit")),
    ("DD-02", "22-MC", "former", ("UNKNOWN_UNIT", "unit")),
    ("XD-01", "nowhere", None, ("UNKNOWN_POINT", "receptionPoint")),
    ("XX-99", "22-MC", None, ("UNKNOWN_PROCEDURE", "procedure")),
])  # fmt: skip
def test_what_cannot_be_handled_there_is_refused(
    services: Services, places: dict[str, str], procedure: str, point: str, unit: str | None, wanted: tuple[str, str]
) -> None:
    assert refused_at(services, procedure, places.get(point, point), places.get(unit, unit) if unit else None) == wanted


def test_a_version_that_names_one_unit_is_handled_there(services: Services) -> None:
    known = services.store.versions("XD-01")[0]
    code = f"V-{secrets.token_hex(4)}"
    services.store.register([replace(known, code=code, department=None, unit="22-MT")], "VN")
    assert opened_at(services, code, "22-MC").dossier.unit == "22-MT"
    assert refused_at(services, code, "22-MC", "22-XD") == ("NOT_COMPETENT", "unit")
    assert opened_at(services, code, "01-MC").dossier.unit == "22-MT", "wherever it comes in"


def test_a_point_of_no_unit_takes_nothing_in(services: Services) -> None:
    point = ReceptionPoint(f"P-{secrets.token_hex(4)}", Texts("một", "one", "un"), PointKind.BRANCH, "nowhere")
    services.store.register([point], "22")
    for unit in (None, "22-XD"):
        assert refused_at(services, "XD-01", point.code, unit) == ("UNKNOWN_POINT", "receptionPoint")


def test_a_procedure_out_of_force_or_by_another_channel_is_not_opened(services: Services) -> None:
    known = services.store.versions("XD-01")[0]
    over, paper = (f"V-{secrets.token_hex(4)}" for _ in range(2))
    services.store.register(
        [replace(known, code=over, valid_to=date(2025, 12, 31)), replace(known, code=paper, channels=(Channel.POST,))], "VN"
    )
    assert refused_at(services, over, "22-MC") == ("NOT_IN_FORCE", "procedure")
    assert refused_at(services, paper, "22-MC") == ("CHANNEL_NOT_ALLOWED", "channel")


def test_a_refused_submission_draws_no_number(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[object] = []
    monkeypatch.setattr(services.store, "numbered", lambda *asked: drawn.append(asked))
    for unit, delivery in (("22-MT", None), ("nowhere", None), (None, "nowhere")):
        refused_at(services, "XD-01", "22-MC", unit, delivery)
    assert drawn == []


def test_only_the_staff_of_the_point_or_a_citizen_opens_it(services: Services) -> None:
    assert submit(services, DESK, SUBMISSION, asked())[0].held.dossier.applicant
    for viewer in (replace(DESK, sub="reception-9", units=("22-CN1",)), Viewer(Role.HEAD, "head-1", ("22-MC",)), Viewer(Role.PUBLIC)):
        with pytest.raises(Refused) as caught:
            submit(services, viewer, SUBMISSION, asked())
        assert caught.value.code == "NOT_YOUR_MOVE"


def test_the_result_is_fetched_where_it_came_in_or_where_the_applicant_says(services: Services, places: dict[str, str]) -> None:
    assert opened_at(services, "XD-01", "22-MC").dossier.delivery_point == "22-MC"
    for point in ("22-CN1", places["counter"], places["post"]):
        dossier = opened_at(services, "XD-01", "22-MC", delivery=point).dossier
        assert (dossier.reception_point, dossier.delivery_point, dossier.unit) == ("22-MC", point, "22-XD")
    assert refused_at(services, "XD-01", "22-MC", delivery="nowhere") == ("UNKNOWN_POINT", "deliveryPoint")
    for point in ("01-MC", places["other counter"]):
        assert refused_at(services, "XD-01", "22-MC", delivery=point) == ("OTHER_PROVINCE", "deliveryPoint")


def test_the_result_is_handed_out_at_the_delivery_point_alone(client: Client) -> None:
    code = client.submitted(deliveryPoint="22-CN1")["dossier"]["code"]
    given = {"dossier": code, "medium": "PAPER"}
    assert (
        client.move("receiveDossier", "RECEPTION", "22-CN1-1", dossier=code, checked=["FORM", "DEED"])["errors"][0]["code"]
        == "NOT_YOUR_MOVE"
    )
    assert client.move("receiveDossier", "RECEPTION", dossier=code, checked=["FORM", "DEED"])["errors"] == []
    due = (present() + timedelta(days=5)).isoformat()
    clear = {"task": "t", "responsibility": "r", "dueAt": due, "expectedResult": "e"}
    client.move("assignDossier", "HEAD", dossier=code, role="LEAD", unit="22-XD", officer="officer-1", **clear)
    assert client.move("deliverResult", "RECEPTION", "22-CN1-1", **given)["errors"][0]["code"] == "STATE"
    assert client.move("decideDossier", "HEAD", dossier=code, outcome="GRANTED")["errors"] == []
    told = {who: client.move("deliverResult", role, who, **given)["errors"][0]["code"] for who, role in [
        ("reception-1", "RECEPTION"), ("22-CN2-1", "RECEPTION"), ("officer-1", "OFFICER"), ("head-1", "HEAD"), ("citizen-1", "CITIZEN"),
    ]}  # fmt: skip
    not_yours = dict.fromkeys(("reception-1", "officer-1", "head-1", "citizen-1"), "NOT_YOUR_MOVE")
    assert told == {**not_yours, "22-CN2-1": "NOT_FOUND"}
    done = client.move("deliverResult", "RECEPTION", "22-CN1-1", **given)
    assert (done["errors"], done["dossier"]["state"], done["entry"]["actor"]["id"]) == ([], "DELIVERED", "22-CN1-1")


# When it happened, and who is named.


@pytest.mark.parametrize(("at", "why", "code"), [
    (timedelta(minutes=1), None, "IN_FUTURE"), (-timedelta(hours=1), None, "BACKDATING_REASON_NEEDED"), (timedelta(seconds=4), None, None),
    (-timedelta(seconds=4), None, None), (-timedelta(hours=1), "sổ giấy", None),
])  # fmt: skip
def test_a_move_lies_now_or_says_why_not(client: Client, at: timedelta, why: str | None, code: str | None) -> None:
    dossier = client.submitted(channel="COUNTER")["dossier"]["code"]
    instant = (present() + at).isoformat()
    done = client.move("receiveDossier", "RECEPTION", dossier=dossier, checked=["FORM", "DEED"], at=instant, backdatingReason=why)
    assert [error["code"] for error in done["errors"]] == ([code] if code else [])


@pytest.mark.parametrize(("given", "code"), [
    ({"unit": "nowhere"}, "UNKNOWN_UNIT"), ({"unit": "gone"}, "UNKNOWN_UNIT"), ({"unit": "22-MT", "officer": "officer-2"}, "UNKNOWN_UNIT"),
    ({"officer": "nobody"}, "UNKNOWN_OFFICER"), ({"officer": "officer-2"}, "UNKNOWN_OFFICER"), ({"officer": "head-1"}, "UNKNOWN_OFFICER"),
    ({"officer": "22-XD-1"}, None),
])  # fmt: skip
def test_whoever_is_assigned_is_in_office_there(client: Client, places: dict[str, str], given: dict[str, str], code: str | None) -> None:
    due = (present() + timedelta(days=5)).isoformat()
    clear = {"task": "t", "responsibility": "r", "dueAt": due, "expectedResult": "e"}
    usual = {"dossier": client.received(), "role": "LEAD", "unit": "22-XD", "officer": "officer-1", **clear}
    done = client.move("assignDossier", "HEAD", **{**usual, **{name: places.get(value, value) for name, value in given.items()}})
    assert [error["code"] for error in done["errors"]] == ([code] if code else [])


def test_supplements_are_asked_for_by_the_lead_and_again_by_the_head(client: Client) -> None:
    code = client.assigned()
    given = {"dossier": code, "items": [{"component": "PLAN", "legalBasis": "luật"}]}
    assert client.move("requestSupplement", "HEAD", **given)["errors"][0]["code"] == "NOT_YOUR_MOVE"
    assert client.move("requestSupplement", "OFFICER", overrideReason="x", **given)["errors"][0]["code"] == "NOT_YOUR_MOVE"
    assert client.move("requestSupplement", "OFFICER", **given)["errors"] == []
    assert client.move("supplyDocuments", "CITIZEN", dossier=code, documents=[{"component": "PLAN"}])["errors"] == []
    assert client.move("requestSupplement", "OFFICER", **given)["errors"][0]["code"] == "ONCE_PER_STAGE"
    assert client.move("requestSupplement", "HEAD", overrideReason="x", **given)["errors"] == []


# What the register adds.


@pytest.mark.parametrize(("given", "code"), [
    ({"unit": "elsewhere"}, "OTHER_PROVINCE"), ({"unit": "22-XD", "officer": "officer-1"}, "UNKNOWN_OFFICER"),
    ({"unit": "22-XD", "officer": "22-XD-1"}, None), ({"unit": "22-MT"}, None),
])  # fmt: skip
def test_who_coordinates_is_of_the_province_and_not_the_lead(
    client: Client, places: dict[str, str], given: dict[str, str], code: str | None
) -> None:
    due = (present() + timedelta(days=5)).isoformat()
    asked_ = {name: places.get(value, value) for name, value in given.items()}
    done = client.move(
        "assignDossier", "HEAD", dossier=client.assigned(), role="COORDINATING", task="t", dueAt=due, expectedResult="e", **asked_
    )
    assert [error["code"] for error in done["errors"]] == ([code] if code else [])


def test_nobody_opens_a_dossier_of_a_log(services: Services) -> None:
    (old,) = services.store.versions("XD-01")
    code = f"LOG-{secrets.token_hex(4)}"
    services.store.register([replace(old, code=code, tier=IMPORT_TIER)], "22")
    with pytest.raises(Invalid) as caught:
        submit(services, PROXY, replace(SUBMISSION, procedure=code), asked())
    assert (caught.value.code, caught.value.path) == ("UNKNOWN_PROCEDURE", ("procedure",))


@pytest.mark.parametrize("gone", [False, True])
def test_a_reopened_dossier_goes_back_to_a_lead_who_is_still_there(services: Services, client: Client, gone: bool) -> None:  # noqa: FBT001 - a case
    officer = f"22-XD-{secrets.token_hex(4)}"
    yesterday = legal_day(services.now()) - timedelta(days=1)
    services.store.register([Officer(officer, Role.OFFICER, "22-XD")], "22")
    code = client.received()
    due = (present() + timedelta(days=5)).isoformat()
    clear = {"task": "t", "responsibility": "r", "dueAt": due, "expectedResult": "e"}
    client.done("assignDossier", "HEAD", dossier=code, role="LEAD", unit="22-XD", officer=officer, **clear)
    client.done("decideDossier", "HEAD", dossier=code, outcome="GRANTED")
    if gone:
        found = services.store.officer
        there = replace(services, store=Left(services.store, officer, Officer(officer, Role.OFFICER, "22-XD", valid_to=yesterday)))
        assert found(officer)
        client = replace(client, services=there)
    done = client.done("reopenDossier", "HEAD", dossier=code, reason="r")
    subject = services.store.coded(code)
    assert subject
    held = services.store.held(subject)
    assert held
    last = held.dossier.intervals[-1]
    assert done["dossier"]["state"] == "IN_PROCESS"
    assert (last.holder, last.officer) == ((HolderKind.UNIT, None) if gone else (HolderKind.OFFICER, officer))
    assert held.dossier.lead
    assert held.dossier.lead.stands is not gone


class Left:
    """A store in which one officer has left."""

    def __init__(self, store: Any, code: str, officer: Officer) -> None:  # noqa: ANN401 - any store
        self._store, self._code, self._officer = store, code, officer

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the store has
        return getattr(self._store, name)

    def officer(self, code: str) -> Officer | None:
        return self._officer if code == self._code else cast("Officer | None", self._store.officer(code))


@pytest.mark.parametrize("name", ["receiveDossier", "refuseDossier"])
def test_no_paper_came_in_before_there_was_the_procedure(client: Client, name: str) -> None:
    code = client.submitted(channel="COUNTER")["dossier"]["code"]
    more = {"checked": ["FORM", "DEED"]} if name == "receiveDossier" else {"reason": "r", "legalBasis": "l"}
    given = {"dossier": code, "backdatingReason": "sổ giấy", **more}
    for at in ("1900-01-01T09:00:00+07:00", "2024-12-31T09:00:00+07:00"):
        (error,) = client.move(name, "RECEPTION", at=at, **given)["errors"]
        assert (error["code"], error["path"]) == ("NOT_IN_FORCE", ["at"])
    client.done(name, "RECEPTION", at="2025-01-02T09:00:00+07:00", **given)
