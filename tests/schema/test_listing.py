"""Lists of dossiers: what a filter gives to whom, in which order, and pages that give each dossier once."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from casework import lists
from casework.adapters.dynamo import DynamoStore
from casework.model.record import DossierId
from casework.ports import Held, Services
from schema.node import global_id
from schema.paging import cursor, place_cursor
from tests.schema.common import GROUNDS, SUPPLEMENT, bad_input, beside, lead, soon
from tests.support import Client, Issuer, RecordingCourier, SettableClock, present, services_over

LIST = """query($filter: DossierFilter, $order: DossierOrder, $first: Int, $last: Int, $after: String, $before: String) {
    dossiers(filter: $filter, orderBy: $order, first: $first, last: $last, after: $after, before: $before) {
        edges { cursor node { code state clock { dueAt } } } nodes { code }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
FACTS = """query($code: ID!) { dossier(code: $code) {
    state unit { code } deliveryPoint { code } receptionPoint { code } clock { dueAt paused } assignments { role officer } } }"""
EMPTY = {
    "edges": [], "nodes": [], "pageInfo": {"hasNextPage": False, "hasPreviousPage": False, "startCursor": None, "endCursor": None},
}  # fmt: skip
OPEN = {"SUBMITTED", "RECEIVED", "IN_PROCESS", "AWAITING_SUPPLEMENT", "AWAITING_PAYMENT"}
NEVER = datetime.max.replace(tzinfo=UTC)
NOW = present()
Who = tuple[str | None, str | None]


@dataclass(frozen=True)
class Fact:
    """What is known of a dossier without any list."""

    code: str
    id: str
    state: str
    unit: str
    due: datetime | None
    paused: bool
    officer: str | None
    points: tuple[str, str]
    applicant: str

    @property
    def place(self) -> tuple[datetime, str]:
        return self.due or NEVER, self.id

    @property
    def open(self) -> bool:
        return self.state in OPEN

    @property
    def overdue(self) -> bool:
        return self.open and not self.paused and self.due is not None and self.due < NOW


def opened(client: Client, procedure: str = "XD-01", place: str = "48", citizen: str = "citizen-48") -> str:
    channel = "COUNTER"
    done = client.done("submitDossier", "CITIZEN", citizen, procedure=procedure, receptionPoint=f"{place}-MC", channel=channel,
                       applicant={"name": "An"})  # fmt: skip
    code: str = done["dossier"]["code"]
    return code


def received(client: Client, days: float, procedure: str = "XD-01", place: str = "48") -> str:
    """Take in a dossier that came in some days ago."""
    code = opened(client, procedure, place)
    checked = [c.code for c in client.services.store.versions(procedure)[-1].components if c.mandatory]
    client.done("receiveDossier", "RECEPTION", f"{place}-MC-1", dossier=code, checked=checked, at=soon(-days), backdatingReason="nhập bù")
    return code


def led(client: Client, days: float, officer: str = "48-XD-1", at: float | None = None) -> str:
    code = received(client, days)
    back = {"at": soon(-at), "backdatingReason": "nhập bù"} if at else {}
    due = soon(-at + 1) if at else soon(1)
    client.done("assignDossier", "HEAD", "48-XD-H", dossier=code, **lead(unit="48-XD", officer=officer, dueAt=due), **back)
    return code


def decided(client: Client, days: float, officer: str = "48-XD-1") -> str:
    code = led(client, days, officer)
    client.done("decideDossier", "OFFICER", officer, dossier=code, outcome="GRANTED")
    return code


def fact(client: Client, code: str, applicant: str = "citizen-48") -> Fact:
    found = client.ask(FACTS, "INSPECTOR", None, code=code)["data"]["dossier"]
    subject = client.services.store.coded(code)
    assert subject
    leads = [a["officer"] for a in found["assignments"] if a["role"] == "LEAD"]
    clock = found["clock"]
    return Fact(
        code, subject, found["state"], found["unit"]["code"], datetime.fromisoformat(clock["dueAt"]) if clock else None,
        bool(clock) and clock["paused"], leads[-1] if leads else None,
        (found["receptionPoint"]["code"], found["deliveryPoint"]["code"]), applicant,
    )  # fmt: skip


@pytest.fixture(scope="module")
def town(store: DynamoStore, issuer: Issuer) -> list[Fact]:
    """All dossiers of a province that no other test touches."""
    client = Client(services_over(store, issuer, RecordingCourier(), SettableClock()), issuer)
    assert not collected(client, SUPERVISOR), "another test opened a dossier in this province"
    codes = [opened(client), opened(client), opened(client, "MT-01"), received(client, 1), received(client, 2, "MT-01")]
    codes += [received(client, 1, "PA-02", "20194"), opened(client, "PA-02", "20194")]
    codes += [led(client, 2), led(client, 5, "48-XD-2"), led(client, 30), led(client, 31, "48-XD-2"), led(client, 29)]
    waiting = led(client, 20, at=19.5)
    client.done("requestSupplement", "OFFICER", "48-XD-1", dossier=waiting, **SUPPLEMENT, at=soon(-19), backdatingReason="nhập bù")
    coordinated = led(client, 4)
    client.done("assignDossier", "HEAD", "48-XD-H", dossier=coordinated, **beside(unit="48-MT", officer="48-MT-1"))
    codes += [waiting, coordinated, decided(client, 3), decided(client, 40, "48-XD-2"), decided(client, 6)]
    client.done("deliverResult", "RECEPTION", "48-MC-1", dossier=codes[-1], medium="PAPER")
    refused, withdrawn, stopped = opened(client), received(client, 1), led(client, 25)
    client.done("refuseDossier", "RECEPTION", "48-MC-1", dossier=refused, **GROUNDS)
    client.done("withdrawDossier", "CITIZEN", "citizen-48", dossier=withdrawn)
    client.done("stopDossier", "HEAD", "48-XD-H", dossier=stopped, **GROUNDS)
    other = opened(client, citizen="citizen-49")
    return [fact(client, code) for code in (*codes, refused, withdrawn, stopped)] + [fact(client, other, "citizen-49")]


def page(client: Client, who: Who, **asked: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    answer = client.ask(LIST, *who, **asked)
    assert "errors" not in answer, answer
    found: dict[str, Any] = answer["data"]["dossiers"]
    return found


def pages(client: Client, who: Who, size: int, *, backwards: bool = False, **asked: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - JSON
    """Read page after page, from the one end or the other, and hold each to Relay's rules."""
    count, cursor_, at = ("last", "before", "startCursor") if backwards else ("first", "after", "endCursor")
    further, begun = ("hasPreviousPage", "hasNextPage") if backwards else ("hasNextPage", "hasPreviousPage")
    place = None
    for number in range(100):
        found = page(client, who, **{count: size, cursor_: place}, **asked)
        info, cursors = found["pageInfo"], [edge["cursor"] for edge in found["edges"]]
        assert len(found["edges"]) <= size
        assert found["nodes"] == [{"code": edge["node"]["code"]} for edge in found["edges"]]
        assert info[begun] is (number > 0)
        assert not cursors or (info["startCursor"], info["endCursor"]) == (cursors[0], cursors[-1])
        yield found
        if not info[further]:
            return
        place = info[at]
    raise AssertionError("the list does not end")


def collected(client: Client, who: Who, size: int = 100, *, backwards: bool = False, **asked: Any) -> list[str]:  # noqa: ANN401 - JSON
    found = [[node["code"] for node in one["nodes"]] for one in pages(client, who, size, backwards=backwards, **asked)]
    return [code for codes in (found[::-1] if backwards else found) for code in codes]


# What a filter gives.

HEAD: Who = ("HEAD", "48-XD-H")
INSPECTOR: Who = ("INSPECTOR", None)
SUPERVISOR: Who = ("SUPERVISOR", "48-S")
CLERK: Who = ("RECEPTION", "48-MC-1")
DUE = (NOW - timedelta(days=5)).isoformat()
Test = Callable[[Fact], bool]


def _xd(fact: Fact) -> bool:
    return fact.unit == "48-XD"


def _desk(fact: Fact) -> bool:
    taken, handed = fact.points
    return (fact.state, taken) == ("SUBMITTED", "48-MC") or (fact.state, handed) == ("DECIDED", "48-MC")


CASES: dict[str, tuple[Who, dict[str, Any] | None, Test]] = {
    "a unit": (HEAD, {"unit": "48-XD"}, _xd),
    "a unit by its id": (INSPECTOR, {"unit": global_id("unit", "48-XD")}, _xd),
    "a unit, to its supervisor": (SUPERVISOR, {"unit": "48-XD"}, _xd),
    "a unit's own, without those below": (INSPECTOR, {"unit": "48"}, lambda _: False),
    "a province": (SUPERVISOR, {"unit": "48", "includeBelow": True}, lambda _: True),
    "a commune": (("HEAD", "20194-H"), {"unit": "20194", "includeBelow": True}, lambda f: f.unit == "20194"),
    "a department with those below it": (HEAD, {"unit": "48-XD", "includeBelow": True}, _xd),
    "open": (HEAD, {"unit": "48-XD", "open": True}, lambda f: _xd(f) and f.open),
    "closed": (HEAD, {"unit": "48-XD", "open": False}, lambda f: _xd(f) and not f.open),
    "one state": (HEAD, {"unit": "48-XD", "state": ["IN_PROCESS"]}, lambda f: _xd(f) and f.state == "IN_PROCESS"),
    "two states": (HEAD, {"unit": "48-XD", "state": ["DECIDED", "SUBMITTED"]}, lambda f: _xd(f) and f.state in {"DECIDED", "SUBMITTED"}),
    "states and open": (
        HEAD, {"unit": "48-XD", "state": ["DECIDED", "SUBMITTED"], "open": True}, lambda f: _xd(f) and f.state == "SUBMITTED",
    ),
    "states that cannot be": (HEAD, {"unit": "48-XD", "state": ["DECIDED"], "open": True}, lambda _: False),
    "due before": (HEAD, {"unit": "48-XD", "dueBefore": DUE}, lambda f: _xd(f) and f.due is not None and f.due < NOW - timedelta(days=5)),
    "overdue": (HEAD, {"unit": "48-XD", "overdue": True}, lambda f: _xd(f) and f.overdue),
    "overdue and closed": (HEAD, {"unit": "48-XD", "overdue": True, "open": False}, lambda _: False),
    "not overdue": (HEAD, {"unit": "48-XD", "overdue": False}, lambda f: _xd(f) and not f.overdue),
    "not overdue but due before": (
        SUPERVISOR, {"unit": "48", "includeBelow": True, "overdue": False, "dueBefore": DUE},
        lambda f: not f.overdue and f.due is not None and f.due < NOW - timedelta(days=5),
    ),
    "an officer's": (INSPECTOR, {"officer": "48-XD-2"}, lambda f: f.officer == "48-XD-2"),
    "an officer's, to his head": (HEAD, {"officer": "48-XD-2", "open": True}, lambda f: f.officer == "48-XD-2" and f.open),
    "an officer's, to the supervisor": (SUPERVISOR, {"officer": "48-XD-1"}, lambda f: f.officer == "48-XD-1"),
    "an officer's, to himself": (
        ("OFFICER", "48-XD-1"), {"officer": "48-XD-1", "overdue": True}, lambda f: f.officer == "48-XD-1" and f.overdue,
    ),
    "a counter's": (CLERK, {"receptionPoint": "48-MC"}, _desk),
    "a counter's by its id": (INSPECTOR, {"receptionPoint": global_id("point", "48-MC")}, _desk),
    "a counter's to be handed out": (CLERK, {"receptionPoint": "48-MC", "open": False}, lambda f: _desk(f) and f.state == "DECIDED"),
    "a counter's to be taken in": (
        CLERK, {"receptionPoint": "48-MC", "state": ["SUBMITTED"]}, lambda f: _desk(f) and f.state == "SUBMITTED",
    ),
    "an officer's own": (("OFFICER", "48-XD-1"), None, lambda f: f.officer == "48-XD-1"),
    "an officer's own open ones": (("OFFICER", "48-XD-1"), {"open": True}, lambda f: f.officer == "48-XD-1" and f.open),
    "a head's own": (HEAD, None, _xd),
    "a head's own overdue ones": (HEAD, {"overdue": True}, lambda f: _xd(f) and f.overdue),
    "a supervisor's own": (SUPERVISOR, None, lambda _: True),
    "a counter's own": (CLERK, {}, _desk),
    "an applicant's own": (("CITIZEN", "citizen-48"), None, lambda f: f.applicant == "citizen-48"),
    "an applicant's own open ones": (("CITIZEN", "citizen-48"), {"open": True}, lambda f: f.applicant == "citizen-48" and f.open),
    "an applicant's own closed ones": (("CITIZEN", "citizen-48"), {"open": False}, lambda f: f.applicant == "citizen-48" and not f.open),
    "another's own": (("CITIZEN", "citizen-49"), {"state": ["SUBMITTED"]}, lambda f: f.applicant == "citizen-49"),
    "another's own, closed": (("CITIZEN", "citizen-49"), {"open": False}, lambda _: False),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_filter_gives_what_it_says_in_order_and_once(client: Client, town: list[Fact], name: str) -> None:
    who, wanted, test = CASES[name]
    rising = [one.code for one in sorted(filter(test, town), key=lambda one: one.place)]
    asked = {} if wanted is None else {"filter": wanted}
    for size in (2, 5, 100):
        for backwards in (False, True):
            assert collected(client, who, size, backwards=backwards, **asked) == rising
            falling = collected(client, who, size, backwards=backwards, order={"direction": "DESC"}, **asked)
            assert falling == rising[::-1]


def test_the_town_has_something_of_everything(town: list[Fact]) -> None:
    """Hold the cases above to being no empty talk."""
    assert {one.state for one in town} == OPEN - {"AWAITING_PAYMENT"} | {"REFUSED", "WITHDRAWN", "STOPPED", "DECIDED", "DELIVERED"}
    for name, (_, _, test) in CASES.items():
        count = sum(map(test, town))
        assert count > 0 or name in {
            "a unit's own, without those below", "states that cannot be", "overdue and closed", "another's own, closed",
        }, name  # fmt: skip
        assert count < len(town) or name in {"a province", "a supervisor's own"}, name
    assert any(one.paused and one.due and one.due < NOW for one in town)  # past due, but its clock stands
    assert any(not one.open and one.due and one.due < NOW for one in town)


def test_pages_of_one(client: Client, town: list[Fact]) -> None:
    rising = [one.code for one in sorted(filter(_xd, town), key=lambda one: one.place)]
    for backwards in (False, True):
        assert collected(client, HEAD, 1, backwards=backwards, filter={"unit": "48-XD"}) == rising


def test_the_order_may_be_said(client: Client, town: list[Fact]) -> None:
    usual = collected(client, HEAD)
    for order in ({}, {"field": "DUE_AT"}, {"direction": "ASC"}, {"field": "DUE_AT", "direction": "ASC"}, None):
        assert collected(client, HEAD, order=order) == usual
    assert town


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
def test_a_page_between_two_cursors(client: Client, town: list[Fact], direction: str) -> None:
    order = {"direction": direction}
    edges = page(client, HEAD, first=100, order=order)["edges"]
    codes, cursors = [edge["node"]["code"] for edge in edges], [edge["cursor"] for edge in edges]
    between = {"after": cursors[1], "before": cursors[6], "order": order}
    for count in ({"first": 100}, {"last": 100}):
        assert [node["code"] for node in page(client, HEAD, **count, **between)["nodes"]] == codes[2:6]
    first, last = page(client, HEAD, first=2, **between), page(client, HEAD, last=2, **between)
    assert [node["code"] for node in first["nodes"]] == codes[2:4]
    assert [node["code"] for node in last["nodes"]] == codes[4:6]
    assert (first["pageInfo"]["hasNextPage"], last["pageInfo"]["hasPreviousPage"]) == (True, True)
    crossed = page(client, HEAD, first=5, after=cursors[6], before=cursors[1], order=order)
    assert crossed["nodes"] == []
    assert town


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize("wanted", [{}, {"overdue": True}, {"dueBefore": DUE}, {"state": ["REFUSED"]}])
def test_a_page_past_the_end_is_empty(client: Client, town: list[Fact], direction: str, wanted: dict[str, Any]) -> None:
    asked = {"filter": {"unit": "48-XD", **wanted}, "order": {"direction": direction}}
    codes = [
        edge["cursor"] for edge in page(client, HEAD, first=100, order=asked["order"])["edges"]
    ]  # the last of all, in the filter or not
    for over in ({"first": 5, "after": codes[-1]}, {"last": 5, "before": codes[0]}):
        found = page(client, HEAD, **over, **asked)
        assert (found["edges"], found["pageInfo"]["startCursor"], found["pageInfo"]["endCursor"]) == ([], None, None)
        forwards = "first" in over
        assert (found["pageInfo"]["hasNextPage"], found["pageInfo"]["hasPreviousPage"]) == (not forwards, forwards)
    assert town


def test_what_no_index_orders_by_is_looked_for_in_stretches(client: Client, town: list[Fact], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "MOST_LOOKED", 3)
    monkeypatch.setattr(lists, "LEAST_LOOKED", 3)
    wanted = {"unit": "48-XD", "state": ["STOPPED", "WITHDRAWN"]}
    rising = [one.code for one in sorted(town, key=lambda one: one.place) if one.state in wanted["state"]]
    for backwards, falling in ((False, False), (True, False), (False, True), (True, True)):
        count, cursor_, at, further = (
            ("last", "before", "startCursor", "hasPreviousPage") if backwards else ("first", "after", "endCursor", "hasNextPage")
        )
        asked: dict[str, Any] = {"filter": wanted, "order": {"direction": "DESC" if falling else "ASC"}}
        found: list[str] = []
        lengths, place = [], None
        for _ in range(20):
            one = page(client, INSPECTOR, **{count: 2, cursor_: place}, **asked)
            codes = [node["code"] for node in one["nodes"]]
            found = codes + found if backwards else found + codes
            lengths.append(len(codes))
            place = one["pageInfo"][at]
            if not one["pageInfo"][further]:
                break
        assert found == (rising[::-1] if falling else rising)
        assert 0 in lengths  # a page may be empty and still have one behind it


# What is refused, and what is hidden.

LAST = place_cursor(f"2026-01-01T00:00:00.000000Z#{'0' * 32}")
FORGED = {
    "a word": "x", "nothing": "", "not base64": "====", "not ASCII": "é", "a trail's": cursor(5), "a unit's": place_cursor("22-XD"),
    "a dossier's id": global_id("dossier", "0" * 32), "half": LAST[:-7], "another kind": urlsafe_b64encode(b"n:" + b"1" * 9).decode(),
    "no kind": urlsafe_b64encode(b"2026-01-01T00:00:00.000000Z#" + b"0" * 32).decode(),
    "bytes": urlsafe_b64encode(b"\xff\xfe\x00").decode(), "JSON": urlsafe_b64encode(b'{"unit":"01"}').decode(),
    "another partition": place_cursor("48-XD#OPEN"),
    "no id": place_cursor("2026-01-01T00:00:00.000000Z#"), "a long id": place_cursor(f"2026-01-01T00:00:00.000000Z#{'0' * 33}"),
    "a line more": place_cursor(f"2026-01-01T00:00:00.000000Z#{'0' * 32}\n"), "no instant": place_cursor(f"yesterday#{'0' * 32}"),
    "1 MB": "A" * 1_000_000,
}  # fmt: skip


@pytest.mark.parametrize("asked", [{}, {"first": 0}, {"first": 101}, {"first": -1}, {"last": 0}, {"last": 101}, {"first": 5, "last": 5},
                                   {"after": LAST}, {"first": 1.5}, {"first": "5"}])  # fmt: skip
@pytest.mark.parametrize("who", [HEAD, ("CITIZEN", None), (None, None)])
def test_a_page_is_one_to_a_hundred_from_one_end(client: Client, who: Who, asked: dict[str, Any]) -> None:
    bad_input(client.ask(LIST, *who, **asked))


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_cursor_is_bad_input(client: Client, name: str) -> None:
    for who in (HEAD, (None, None)):  # whether anything is there or not
        for asked in (
            {"first": 5, "after": FORGED[name]},
            {"last": 5, "before": FORGED[name]},
            {"first": 5, "after": LAST, "before": FORGED[name]},
        ):
            assert "no cursor of this list" in bad_input(client.ask(LIST, *who, **asked))


def test_a_cursor_of_nothing_that_is_may_be_asked_behind(client: Client, town: list[Fact]) -> None:
    """A position is no dossier: the one that stood there may have moved on."""
    early, late = (place_cursor(f"{year}-01-01T00:00:00.000000Z#{'f' * 32}") for year in ("1970", "2099"))
    assert collected(client, HEAD) == [node["code"] for node in page(client, HEAD, first=100, after=early)["nodes"]]
    assert {one.code for one in town if _xd(one) and one.due is None} == {
        node["code"] for node in page(client, HEAD, first=100, after=late)["nodes"]
    }


@pytest.mark.parametrize(
    ("who", "wanted"),
    [
        (INSPECTOR, None), (INSPECTOR, {}), (INSPECTOR, {"open": True}), (INSPECTOR, {"state": ["DECIDED"], "overdue": True}),
        (HEAD, {"unit": "48-XD", "officer": "48-XD-1"}), (HEAD, {"unit": "48-XD", "receptionPoint": "48-MC"}),
        (INSPECTOR, {"officer": "48-XD-1", "receptionPoint": "48-MC"}), (SUPERVISOR, {"includeBelow": True}),
        (INSPECTOR, {"officer": "48-XD-1", "includeBelow": True}), (("CITIZEN", None), {"unit": "48-XD", "officer": "48-XD-1"}),
        ((None, None), {"unit": "48-XD", "officer": "48-XD-1"}),
    ],
)  # fmt: skip
def test_a_filter_that_no_index_serves_names_those_that_are(client: Client, who: Who, wanted: dict[str, Any] | None) -> None:
    message = bad_input(client.ask(LIST, *who, first=5, filter=wanted))
    for served in ("unit", "includeBelow", "officer", "receptionPoint", "state", "open", "dueBefore", "overdue"):
        assert served in message


@pytest.mark.parametrize("wanted", [{"state": []}, {"state": ["DECIDED"] * 11}, {"state": ["NONSENSE"]}, {"state": [None]},
                                    {"overdue": "yes"}, {"dueBefore": "2026-01-01"}, {"nonsense": 1}, {"unit": {}}])  # fmt: skip
def test_a_filter_that_is_none_is_bad_input(client: Client, wanted: dict[str, Any]) -> None:
    bad_input(client.ask(LIST, *HEAD, first=5, filter={"unit": "48-XD", **wanted}))


HIDDEN: list[tuple[Who, dict[str, Any]]] = [
    *((who, {"unit": unit}) for who in (HEAD, INSPECTOR, SUPERVISOR)
      for unit in ("XX", "", "x" * 5000, "48-xd", global_id("point", "48-MC"))),
    (INSPECTOR, {"unit": "XX", "includeBelow": True}), (INSPECTOR, {"officer": "XX"}), (INSPECTOR, {"officer": "x" * 5000}),
    (INSPECTOR, {"officer": ""}), (INSPECTOR, {"receptionPoint": "XX"}), (INSPECTOR, {"receptionPoint": "x" * 5000}),
    (HEAD, {"unit": "48-MT"}), (HEAD, {"unit": "48"}), (HEAD, {"unit": "48", "includeBelow": True}), (HEAD, {"officer": "48-MT-1"}),
    (HEAD, {"officer": "x" * 5000}), (HEAD, {"receptionPoint": "48-MC"}), (("OFFICER", "48-XD-1"), {"unit": "48-XD"}),
    (("OFFICER", "48-XD-1"), {"officer": "48-XD-2"}), (CLERK, {"unit": "48-XD"}), (CLERK, {"receptionPoint": "48-CN1"}),
    (CLERK, {"receptionPoint": "20194-MC"}), (("OFFICER", "48-MT-1"), {"officer": "48-XD-1"}),
    (("SUPERVISOR", None), {"unit": "48-XD"}), (("SUPERVISOR", None), {"officer": "48-XD-1"}),
    (SUPERVISOR, {"receptionPoint": "48-MC"}), (("CITIZEN", "citizen-48"), {"unit": "48-XD"}),
    (("CITIZEN", "48-XD-1"), {"officer": "48-XD-1"}), (("CITIZEN", "citizen-48"), {"receptionPoint": "48-MC"}),
    (("CITIZEN", "citizen-50"), {}), (("ADMIN", None), {}), (("ADMIN", None), {"unit": "48-XD"}), ((None, None), {}),
    ((None, None), {"unit": "48-XD"}), ((None, None), {"officer": "48-XD-1"}),
]  # fmt: skip


@pytest.mark.parametrize(("who", "wanted"), HIDDEN)
def test_what_is_unknown_or_hidden_is_an_empty_list(client: Client, town: list[Fact], who: Who, wanted: dict[str, Any]) -> None:
    assert town
    for count in ({"first": 5}, {"last": 5}):
        assert page(client, who, filter=wanted, **count) == EMPTY


# While others write.


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
def test_pages_stand_still_while_dossiers_come_in(client: Client, direction: str) -> None:
    head: Who = ("HEAD", "79-XD-H")
    order = {"direction": direction}
    before = [received(client, days, place="79") for days in (9, 7, 5, 3)]
    old = collected(client, head, order=order)
    assert set(before) <= set(old)
    seen: list[str] = []
    new: list[str] = []
    for number, found in enumerate(pages(client, head, 2, order=order)):
        seen += [node["code"] for node in found["nodes"]]
        if number < 3:
            new += [received(client, 20 + number, place="79"), received(client, 0.01, place="79"), opened(client, place="79")]
    assert [code for code in seen if code in old] == old
    assert len(set(seen)) == len(seen)
    assert set(seen) - set(old) < set(new)


def test_a_dossier_that_moves_on_is_not_lost_from_the_next_list(client: Client) -> None:
    code = received(client, 2, place="01")
    assert code in collected(client, ("HEAD", "01-XD-H"), filter={"open": True})
    client.done("withdrawDossier", "RECEPTION", "01-MC-1", dossier=code)
    assert code not in collected(client, ("HEAD", "01-XD-H"), filter={"open": True})
    assert code in collected(client, ("HEAD", "01-XD-H"), filter={"open": False})


# Inside of a page.

TRAILS = """last5: trail(last: 5) { ...T } last2: trail(last: 2) { ...T } first2: trail(first: 2) { ...T }
    before: trail(last: 2, before: $cursor) { ...T } after: trail(last: 3, after: $cursor) { ...T } all: trail(last: 100) { ...T }"""
INNER = f"""code version entries state endReason endLegalBasis decisionReason applicant {{ name phone }}
    assignments {{ task responsibility returnReason }} supplements {{ items {{ legalBasis }} }} {TRAILS}
    clock {{ dueAt originalDueAt promisedDueAt level paused explanation {{ kind text }} intervals {{ from to officer }} }}
    nextMoves {{ mutation allowed refusal {{ code message }} }}"""
FRAGMENT = """fragment T on AuditEntryConnection { edges { cursor node { id seq action actor { id } changes { field from to } hash } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }"""
WHOLE = f"query($cursor: String!) {{ dossiers(first: 8) {{ nodes {{ {INNER} }} }} }} {FRAGMENT}"
ALONE = f"query($code: ID!, $cursor: String!) {{ dossier(code: $code) {{ {INNER} }} }} {FRAGMENT}"


@pytest.mark.parametrize("who", [HEAD, SUPERVISOR, CLERK, ("OFFICER", "48-XD-1"), ("CITIZEN", "citizen-48")])
def test_a_dossier_on_a_page_is_the_dossier(client: Client, town: list[Fact], who: Who) -> None:
    assert town
    found = client.ask(WHOLE, *who, cursor=cursor(3))["data"]["dossiers"]["nodes"]
    assert len(found) > 1
    for node in found:
        assert client.ask(ALONE, *who, code=node["code"], cursor=cursor(3))["data"]["dossier"] == node


def test_an_officers_trail_on_a_page_is_his_own(client: Client, town: list[Fact]) -> None:
    assert town
    officer: Who = ("OFFICER", "48-XD-1")
    found = client.ask(WHOLE, *officer, cursor=cursor(3))["data"]["dossiers"]["nodes"]
    actors = [edge["node"]["actor"]["id"] for node in found for edge in node["last5"]["edges"]]
    assert set(actors) == {"48-XD-1"}
    for node in found:
        assert node["all"]["pageInfo"]["hasPreviousPage"] is False
        assert node["all"]["pageInfo"]["hasNextPage"] is False


def test_pages_of_a_trail_on_a_page_follow_each_other(client: Client, town: list[Fact]) -> None:
    assert town
    found = client.ask(WHOLE, *HEAD, cursor=cursor(3))["data"]["dossiers"]["nodes"]
    assert max(node["entries"] for node in found) > 3
    for node in found:
        seqs = {
            name: [edge["node"]["seq"] for edge in node[name]["edges"]] for name in ("last5", "last2", "first2", "before", "after", "all")
        }
        every = list(range(1, node["entries"] + 1))
        assert seqs == {
            "last5": every[-5:], "last2": every[-2:], "first2": every[:2], "before": every[:2], "after": every[3:][-3:], "all": every,
        }  # fmt: skip
        assert node["last2"]["pageInfo"]["hasPreviousPage"] is (len(every) > 2)
        assert node["first2"]["pageInfo"]["hasNextPage"] is (len(every) > 2)
        assert node["all"]["pageInfo"]["hasPreviousPage"] is False


def test_trails_and_texts_of_a_page_are_read_at_once(
    services: Services, issuer: Issuer, town: list[Fact], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    for name in ("newest", "entries", "held", "disclosed", "disclosed_with"):
        wrapped = getattr(services.store, name)

        def counted(*given: Any, name: str = name, wrapped: Any = wrapped, **more: Any) -> Any:  # noqa: ANN401 - whatever it takes
            calls.append(name)
            return wrapped(*given, **more)

        monkeypatch.setattr(services.store, name, counted)
    document = """{ dossiers(first: 50) { nodes { code state clock { dueAt } unit { code } applicant { name } endReason
        assignments { task } trail(last: 5) { nodes { seq } } } } }"""
    found = Client(services, issuer).ask(document, *HEAD)["data"]["dossiers"]["nodes"]
    assert len(found) == len([one for one in town if _xd(one)])
    assert sorted(calls) == ["disclosed_with", "newest"]


def test_a_dossier_asked_for_beside_a_list_is_read_itself(
    services: Services, issuer: Issuer, town: list[Fact], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list may lag behind; a dossier by its code does not."""
    code = next(one.code for one in town if _xd(one))
    wrapped, calls = services.store.held, []

    def held(subject: DossierId) -> Held | None:
        calls.append(subject)
        return wrapped(subject)

    monkeypatch.setattr(services.store, "held", held)
    document = (
        "query($code: ID!) { dossiers(first: 100) { nodes { code } } dossier(code: $code) { code } again: dossier(code: $code) { id } }"
    )
    found = Client(services, issuer).ask(document, *HEAD, code=code)["data"]
    assert {"code": code} in found["dossiers"]["nodes"]
    assert found["dossier"] == {"code": code}
    assert len(calls) == 1


def test_a_denouncer_is_in_no_list_but_his_handlers(client: Client) -> None:
    name = {"applicant": {"name": "Người Tố Giác"}, "procedure": "TO-01", "receptionPoint": "48-MC", "channel": "POST"}
    code = client.done("submitDossier", "CITIZEN", "denouncer-1", **name)["dossier"]["code"]
    client.done("receiveDossier", "RECEPTION", "48-MC-1", dossier=code, checked=["LETTER"])
    given = lead(unit="48-TT", officer="48-TT-1", authority="a")
    client.done("assignDossier", "HEAD", "48-TT-H", dossier=code, **given)
    document = """query($filter: DossierFilter) { dossiers(filter: $filter, first: 100) { nodes { code kind applicant { name } } } }"""
    for who, sees in ((("HEAD", "48-TT-H"), False), (("OFFICER", "48-TT-1"), True), (("CITIZEN", "denouncer-1"), True)):
        node = client.ask(document, *who)["data"]["dossiers"]["nodes"][-1]
        assert (node["code"], node["kind"]) == (code, "DENUNCIATION")
        assert node["applicant"] == (name["applicant"] if sees else None)
    found = json.dumps(client.ask(document, *INSPECTOR, filter={"unit": "48", "includeBelow": True}), ensure_ascii=False)
    assert code in found
    assert "Người Tố Giác" not in found
