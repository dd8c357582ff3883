"""The trail of a unit and of a person: what it gives to whom, between two instants, and pages that give each entry once, month by month."""

from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from casework import lists, trails
from casework.adapters.dynamo import DynamoStore
from casework.model.packing import moment
from casework.model.parties import Role
from casework.model.unit import Officer
from casework.ports import Services
from local.engine import Engine
from schema import audit
from schema.node import global_id, read_id
from schema.paging import cursor, place_cursor
from tests.schema.common import bad_input, beside, lead
from tests.stages import staged
from tests.support import SUBMISSION, Client, Issuer, RecordingCourier, SettableClock, services_over

ARGUMENTS = (
    "dossier: $dossier, unit: $unit, actor: $actor, from: $from, to: $to, first: $first, last: $last, after: $after, before: $before"
)
VARIABLES = """$dossier: ID, $unit: ID, $actor: ID, $from: DateTime, $to: DateTime, $first: Int, $last: Int, $after: String,
    $before: String"""
LIST = f"""query({VARIABLES}) {{ auditTrail({ARGUMENTS}) {{ edges {{ cursor node {{ id }} }}
    nodes {{ id seq action recordedAt subject actor {{ id }} reason {{ code text }} changes {{ field to }} dossier {{ code }} }}
    pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}"""
EMPTY = {
    "edges": [], "nodes": [], "pageInfo": {"hasNextPage": False, "hasPreviousPage": False, "startCursor": None, "endCursor": None},
}  # fmt: skip
Who = tuple[str | None, str | None]

HEAD: Who = ("HEAD", "22-XD-H")
SUPERVISOR: Who = ("SUPERVISOR", "22-S")
INSPECTOR: Who = ("INSPECTOR", None)
SPRING: dict[str, Any] = {"from": "2036-03-01T00:00:00Z"}  # before all that is recorded here: months of nothing cost queries
APRIL, MAY, JUNE = timedelta(days=-65), timedelta(days=-35), timedelta(0)


@dataclass(frozen=True)
class Fact:
    """What is known of an entry without any list."""

    node: dict[str, Any]

    @property
    def at(self) -> datetime:
        return datetime.fromisoformat(self.node["recordedAt"])

    @property
    def place(self) -> tuple[datetime, str]:
        return self.at, (read_id(self.node["id"]) or ("", ""))[1]

    @property
    def month(self) -> str:
        return f"{self.at.astimezone(UTC):%Y-%m}"

    @property
    def actor(self) -> str:
        return str(self.node["actor"]["id"])


def moved(client: Client, code: str, name: str, who: str, subject: str, **given: Any) -> None:  # noqa: ANN401 - JSON
    client.done(name, who, subject, dossier=code, **given)


def opened(client: Client, procedure: str = "XD-01") -> str:
    given = {**SUBMISSION, "procedure": procedure, "channel": "COUNTER"}
    code: str = client.done("submitDossier", "CITIZEN", **given)["dossier"]["code"]
    return code


def taken_in(client: Client, code: str, officer: str = "22-XD-1") -> str:
    """Receive a dossier as of an hour ago, with a reason that names it, and give it a lead."""
    late = {"at": (client.services.now() - timedelta(hours=1)).isoformat(), "backdatingReason": f"nhập bù {code}"}
    moved(client, code, "receiveDossier", "RECEPTION", "22-MC-1", checked=["FORM", "DEED"], **late)
    moved(client, code, "assignDossier", "HEAD", "22-XD-H", **lead(officer=officer, dueAt=tomorrow(client)))
    return code


def tomorrow(client: Client) -> str:
    return (client.services.now() + timedelta(days=1)).isoformat()


def trail(client: Client, code: str) -> list[Fact]:
    return [Fact(node) for node in client.ask(LIST, "INSPECTOR", None, dossier=code, first=100)["data"]["auditTrail"]["nodes"]]


@pytest.fixture(scope="module")
def store(store: DynamoStore, engine: Engine) -> Iterator[DynamoStore]:
    """A store of these tests alone, with the register of one province and a supervisor of another."""
    with staged("trail", store, engine) as own:
        own.register([Officer("48-S", Role.SUPERVISOR, "48")], "48")
        yield own


@pytest.fixture(scope="module")
def town(store: DynamoStore, issuer: Issuer) -> list[Fact]:
    """All entries of a unit in the order of their record: of four dossiers, in three months."""
    clock = SettableClock()
    client = Client(services_over(store, issuer, RecordingCourier(), clock), issuer)
    clock.ahead = APRIL
    first, second = taken_in(client, opened(client)), opened(client)
    moved(client, first, "assignDossier", "HEAD", "22-XD-H", **beside(officer="22-MT-1", dueAt=tomorrow(client)))
    clock.ahead = MAY
    taken_in(client, second, "22-XD-2")
    third = taken_in(client, opened(client))
    moved(client, first, "giveOpinion", "OFFICER", "22-MT-1", assignment="2", opinion="được")
    clock.ahead = JUNE
    moved(client, third, "completeStep", "OFFICER", "22-XD-1", step="CHECK")
    moved(client, second, "decideDossier", "OFFICER", "22-XD-2", outcome="GRANTED")
    moved(client, first, "decideDossier", "OFFICER", "22-XD-1", outcome="GRANTED")
    fourth = taken_in(client, opened(client))
    found = sorted((fact for code in (first, second, third, fourth) for fact in trail(client, code)), key=lambda fact: fact.place)
    assert {fact.month for fact in found} == {"2036-04", "2036-05", "2036-06"}
    return found


def page(client: Client, who: Who, **asked: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    answer = client.ask(LIST, *who, **asked)
    assert "errors" not in answer, answer
    found: dict[str, Any] = answer["data"]["auditTrail"]
    return found


def pages(client: Client, who: Who, size: int, *, backwards: bool = False, **asked: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - JSON
    """Read page after page, from the one end or the other, and hold each to Relay's rules."""
    count, cursor_, at = ("last", "before", "startCursor") if backwards else ("first", "after", "endCursor")
    further, begun = ("hasPreviousPage", "hasNextPage") if backwards else ("hasNextPage", "hasPreviousPage")
    place = None
    for number in range(200):
        found = page(client, who, **{count: size, cursor_: place}, **asked)
        info = found["pageInfo"]
        assert len(found["edges"]) <= size
        assert [edge["node"]["id"] for edge in found["edges"]] == [node["id"] for node in found["nodes"]]
        assert info[begun] is (number > 0)
        yield found
        if not info[further]:
            return
        assert info[at] not in {None, place}
        place = info[at]
    raise AssertionError("the list does not end")


def collected(client: Client, who: Who, size: int = 100, *, backwards: bool = False, **asked: Any) -> list[str]:  # noqa: ANN401 - JSON
    found = [[node["id"] for node in one["nodes"]] for one in pages(client, who, size, backwards=backwards, **asked)]
    return [id_ for ids in (found[::-1] if backwards else found) for id_ in ids]


def ids(facts: list[Fact]) -> list[str]:
    return [fact.node["id"] for fact in facts]


# What it gives.

GIVEN: dict[str, tuple[Who, dict[str, Any], str | None]] = {
    # who, what is named, whose entries alone
    "a unit's, to its head": (HEAD, {"unit": "22-XD"}, None),
    "a unit's, to a supervisor": (SUPERVISOR, {"unit": "22-XD"}, None),
    "a unit's, to an inspector": (INSPECTOR, {"unit": "22-XD"}, None),
    "a unit's, by its id": (INSPECTOR, {"unit": global_id("unit", "22-XD")}, None),
    "an officer's, to his head": (HEAD, {"actor": "22-XD-1"}, "22-XD-1"),
    "another officer's": (HEAD, {"actor": "22-XD-2"}, "22-XD-2"),
    "the head's own": (HEAD, {"actor": "22-XD-H"}, "22-XD-H"),
    "an officer's, to a supervisor": (SUPERVISOR, {"actor": "22-XD-1"}, "22-XD-1"),
    "an officer's, to an inspector": (INSPECTOR, {"actor": "22-XD-1"}, "22-XD-1"),
    "a coordinating officer's": (INSPECTOR, {"actor": "22-MT-1"}, "22-MT-1"),
    "the counter's": (SUPERVISOR, {"actor": "22-MC-1"}, "22-MC-1"),
}


@pytest.mark.parametrize("name", GIVEN)
def test_a_trail_gives_what_it_says_in_order_and_once(client: Client, town: list[Fact], name: str) -> None:
    who, named, actor = GIVEN[name]
    wanted = ids([fact for fact in town if actor in {None, fact.actor}])
    assert wanted
    for size in (2, 5, 100):
        for backwards in (False, True):
            assert collected(client, who, size, backwards=backwards, **named, **SPRING) == wanted
    assert page(client, who, first=100, **named, **SPRING)["nodes"] == [
        fact.node for fact in town if actor in {None, fact.actor}
    ]  # each as its dossier's own trail shows it


def test_a_trail_has_no_entry_of_the_units_below(client: Client, town: list[Fact]) -> None:
    assert town
    for who in (SUPERVISOR, INSPECTOR):
        assert collected(client, who, unit="22", **SPRING) == []


def test_without_from_it_is_read_from_the_first_month_on(client: Client, town: list[Fact]) -> None:
    found = list(pages(client, HEAD, 100, unit="22-XD"))
    assert [node["id"] for one in found for node in one["nodes"]] == ids(town)
    assert len(found) == 1 + (11 * 12 + 6 - 1) // trails.MOST_MONTHS  # from January 2025 to June 2036
    assert collected(client, HEAD, 100, backwards=True, unit="22-XD") == ids(town)
    assert [node["id"] for node in page(client, HEAD, last=3, unit="22-XD")["nodes"]] == ids(town)[-3:]


def test_a_trail_lies_between_two_instants(client: Client, town: list[Fact]) -> None:
    one, other = town[2], town[-3]
    for named in ({"unit": "22-XD"}, {"actor": "22-XD-H"}):
        fits = [fact for fact in town if named.get("actor") in {None, fact.actor}]
        for since, until in ((one.at, other.at), (one.at, None), (None, other.at), (one.at, one.at + timedelta(microseconds=1))):
            bounds: dict[str, Any] = {"from": since.isoformat() if since else SPRING["from"], "to": until.isoformat() if until else None}
            wanted = [fact for fact in fits if (since is None or fact.at >= since) and (until is None or fact.at < until)]
            for size in (1, 100):
                for backwards in (False, True):
                    assert collected(client, HEAD, size, backwards=backwards, **named, **bounds) == ids(wanted), bounds
    assert one in town


def test_a_trail_in_the_future_or_before_the_first_month_is_empty(client: Client, town: list[Fact]) -> None:
    assert town
    for bounds in (
        {"from": "2099-01-01T00:00:00Z"},
        {"from": "9999-12-31T23:59:59Z"},
        {"to": "2024-12-31T00:00:00Z"},
        {"to": "0001-01-01T00:00:00Z"},
        {"from": "2036-06-30T00:00:00Z", "to": "2099-01-01T00:00:00Z"},
    ):
        for count in ({"first": 5}, {"last": 5}):
            assert page(client, INSPECTOR, unit="22-XD", **count, **bounds) == EMPTY
    edge: dict[str, Any] = {"from": "2036-06-01T00:00:00Z", "to": "2099-01-01T00:00:00Z"}
    assert collected(client, INSPECTOR, unit="22-XD", **edge) == ids([fact for fact in town if fact.month == "2036-06"])


@pytest.mark.parametrize("most", [1, 2, 100])
@pytest.mark.parametrize("who", [("HEAD", "22-XD-H"), ("OFFICER", "22-XD-1")])
def test_a_dossiers_trail_lies_between_two_instants(
    client: Client, town: list[Fact], monkeypatch: pytest.MonkeyPatch, most: int, who: Who
) -> None:
    monkeypatch.setattr(audit, "MOST", most)
    facts = [fact for fact in town if fact.node["dossier"] == town[0].node["dossier"]]
    fits = [fact for fact in facts if who[0] == "HEAD" or fact.actor == who[1]]
    for since, until in ((facts[2].at, facts[-1].at), (facts[-1].at, None), (None, facts[1].at), (facts[1].at, None)):
        bounds: dict[str, Any] = {"from": since and since.isoformat(), "to": until and until.isoformat()}
        wanted = [fact for fact in fits if (since is None or fact.at >= since) and (until is None or fact.at < until)]
        for size in (1, 100):
            for backwards in (False, True):
                found = collected(client, who, size, backwards=backwards, dossier=town[0].node["dossier"]["code"], **bounds)
                assert found == ids(wanted), bounds


def test_a_page_between_two_cursors(client: Client, town: list[Fact]) -> None:
    asked = {"unit": "22-XD", **SPRING}
    cursors = [edge["cursor"] for edge in page(client, HEAD, first=100, **asked)["edges"]]
    for count in ({"first": 100}, {"last": 100}):
        found = page(client, HEAD, after=cursors[1], before=cursors[-2], **count, **asked)
        assert [node["id"] for node in found["nodes"]] == ids(town)[2:-2]
        assert page(client, HEAD, after=cursors[5], before=cursors[3], **count, **asked)["nodes"] == []
    inside = page(client, HEAD, first=100, after=cursors[1], unit="22-XD", to=town[5].node["recordedAt"])
    assert [node["id"] for node in inside["nodes"]] == ids(town)[2:5]


def test_months_are_gone_through_a_few_a_page(client: Client, town: list[Fact], monkeypatch: pytest.MonkeyPatch) -> None:
    for most in (1, 2):
        monkeypatch.setattr(trails, "MOST_MONTHS", most)
        for size in (1, 3, 100):
            for backwards in (False, True):
                assert collected(client, HEAD, size, backwards=backwards, unit="22-XD", **SPRING) == ids(town)
    monkeypatch.setattr(trails, "MOST_MONTHS", 1)
    first = page(client, HEAD, first=100, unit="22-XD", **{"from": "2036-02-01T00:00:00Z"})
    assert (first["nodes"], first["pageInfo"]["hasNextPage"]) == ([], True)  # nothing in February, and more behind it


def test_what_is_hidden_in_between_is_looked_through_in_stretches(
    client: Client, town: list[Fact], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A head may read what his own person did; of a dossier that another unit leads he sees no trail."""
    assert [fact.actor for fact in town].count("22-MT-1") == 1
    assert collected(client, ("HEAD", "22-MT-H"), actor="22-MT-1", **SPRING) == []
    monkeypatch.setattr(lists, "MOST_LOOKED", 1)
    monkeypatch.setattr(lists, "LEAST_LOOKED", 1)
    for backwards in (False, True):
        found = list(pages(client, ("HEAD", "22-MT-H"), 1, backwards=backwards, actor="22-MT-1", **SPRING))
        assert [one["nodes"] for one in found] == [[]] * len(found)


# What an entry leads to.


def test_an_incident_is_on_the_trail_of_its_unit(client: Client) -> None:
    """Of a unit without dossiers, whom it would come to."""
    given = {"unit": "22-VH", "reason": "mất điện", "stopsClocks": False, "idempotencyKey": "trail"}
    document = "mutation($input: OpenIncidentInput!) { openIncident(input: $input) { incident { id } entry { id dossier { code } } } }"
    payload = client.ask(document, "HEAD", "22-VH-H", input=given)["data"]["openIncident"]
    assert payload["entry"]["dossier"] is None
    for named in ({"unit": "22-VH"}, {"actor": "22-VH-H"}):
        (node,) = page(client, ("HEAD", "22-VH-H"), last=5, **named)["nodes"]
        assert (node["id"], node["action"], node["dossier"]) == (payload["entry"]["id"], "INCIDENT_OPENED", None)
        assert node["subject"] == payload["incident"]["id"]


def test_an_entry_shows_its_dossier_to_whoever_sees_it(client: Client, town: list[Fact]) -> None:
    code = town[0].node["dossier"]["code"]
    for who, sees in ((HEAD, True), (("CITIZEN", "citizen-1"), True), (("OFFICER", "22-XD-1"), True), (("ADMIN", None), False)):
        nodes = page(client, who, dossier=code, first=100)["nodes"]
        assert nodes
        assert {node["dossier"] and node["dossier"]["code"] for node in nodes} == {code if sees else None}
    moved_ = client.ask("query($id: ID!) { node(id: $id) { ... on AuditEntry { dossier { code } } } }", *HEAD, id=town[0].node["id"])
    assert moved_["data"]["node"]["dossier"]["code"] == code


def counted(services: Services, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note every read of what is not the register."""
    calls: list[str] = []
    for name in ("recorded", "newest", "entries", "held", "held_all", "disclosed", "disclosed_with"):
        wrapped = getattr(services.store, name)

        def noted(*given: Any, name: str = name, wrapped: Any = wrapped, **more: Any) -> Any:  # noqa: ANN401 - whatever it takes
            calls.append(name)
            return wrapped(*given, **more)

        monkeypatch.setattr(services.store, name, noted)
    return calls


def test_a_page_is_one_query_and_its_subjects_and_texts_are_read_at_once(
    client: Client, town: list[Fact], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = counted(client.services, monkeypatch)
    june = [fact for fact in town if fact.month == "2036-06"]
    for asked, wanted in (({"first": len(june), "from": "2036-06-01T00:00:00Z"}, june), ({"last": 4}, june[-4:])):
        assert [node["id"] for node in page(client, HEAD, unit="22-XD", **asked)["nodes"]] == ids(wanted)
        assert sorted(calls) == ["disclosed_with", "held_all", "recorded"]
        calls.clear()
    found = page(client, HEAD, unit="22-XD", first=100, **{"from": "2036-05-01T00:00:00Z"})
    texts = {node["reason"]["text"] for node in found["nodes"] if node["reason"]}
    assert texts == {f"nhập bù {node['dossier']['code']}" for node in found["nodes"] if node["reason"]}
    assert len(texts) == 3
    assert sorted(calls) == ["disclosed_with", "held_all", "recorded", "recorded"]  # a month each


def test_dossiers_of_a_page_are_read_at_once(client: Client, town: list[Fact], monkeypatch: pytest.MonkeyPatch) -> None:
    calls = counted(client.services, monkeypatch)
    document = """query($unit: ID, $from: DateTime) { auditTrail(unit: $unit, from: $from, first: 50) {
        nodes { subject dossier { code state assignments { task } trail(last: 2) { nodes { seq } } } } } }"""
    found = client.ask(document, *HEAD, unit="22-XD", **SPRING)["data"]["auditTrail"]["nodes"]
    assert len(found) == len(town)
    assert sorted(calls) == ["disclosed_with", "held_all", "newest", "recorded", "recorded", "recorded", "recorded"]  # March has nothing


# What is refused, and what is hidden.

LAST = place_cursor(f"2036-05-01T00:00:00.000000Z#{'0' * 32}#00000001")
FORGED = {
    "a word": "x", "nothing": "", "not base64": "====", "a dossier's": cursor(5), "a unit's": place_cursor("22-XD"),
    "a list's": place_cursor(f"2036-05-01T00:00:00.000000Z#{'0' * 32}"), "half": LAST[:-7], "a partition": place_cursor("22-XD#2036-05"),
    "no month": place_cursor(f"2036-13-01T00:00:00.000000Z#{'0' * 32}#00000001"), "another kind": urlsafe_b64encode(b"n:1").decode(),
    "a line more": place_cursor(f"2036-05-01T00:00:00.000000Z#{'0' * 32}#00000001\n"), "bytes": urlsafe_b64encode(b"\xff\xfe").decode(),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_cursor_is_bad_input(client: Client, name: str) -> None:
    for who in (HEAD, (None, None)):  # whether anything is there or not
        for asked in ({"first": 5, "after": FORGED[name]}, {"last": 5, "after": LAST, "before": FORGED[name]}):
            for named in ({"unit": "22-XD"}, {"actor": "22-XD-1"}):
                assert "no cursor of this list" in bad_input(client.ask(LIST, *who, **asked, **named))


def test_a_cursor_of_nothing_that_is_may_be_asked_behind(client: Client, town: list[Fact]) -> None:
    early, late = (place_cursor(f"{year}-01-01T00:00:00.000000Z") for year in ("1970", "9999"))
    asked = {"unit": "22-XD", **SPRING}
    assert [node["id"] for node in page(client, HEAD, first=100, after=early, **asked)["nodes"]] == ids(town)
    assert page(client, HEAD, first=100, after=late, **asked)["nodes"] == []
    assert [node["id"] for node in page(client, HEAD, last=100, before=late, **asked)["nodes"]] == ids(town)


@pytest.mark.parametrize("asked", [{}, {"first": 0}, {"first": 101}, {"last": 101}, {"first": 5, "last": 5}, {"first": "5"}])
@pytest.mark.parametrize("who", [HEAD, (None, None)])
def test_a_page_is_one_to_a_hundred_from_one_end(client: Client, who: Who, asked: dict[str, Any]) -> None:
    for named in ({"unit": "22-XD"}, {"actor": "22-XD-1"}, {"dossier": "x"}):
        bad_input(client.ask(LIST, *who, **named, **asked))


@pytest.mark.parametrize("named", [
    {}, {"unit": "22-XD", "actor": "22-XD-1"}, {"dossier": "x", "unit": "22-XD"}, {"dossier": "x", "actor": "22-XD-1"},
    {"dossier": "x", "unit": "22-XD", "actor": "22-XD-1"}, SPRING, {"unit": None},
])  # fmt: skip
@pytest.mark.parametrize("who", [HEAD, INSPECTOR, (None, None)])
def test_one_of_the_three_is_named(client: Client, who: Who, named: dict[str, Any]) -> None:
    message = bad_input(client.ask(LIST, *who, first=5, **named))
    assert message == "name one thing that the trail is of: an index serves dossier, unit or actor, each with any of from and to"


@pytest.mark.parametrize("bounds", [
    {**SPRING, "to": SPRING["from"]}, {"from": "2036-05-01T00:00:00Z", "to": "2036-04-01T00:00:00Z"},
    {"from": "2036-05-01T07:00:00+07:00", "to": "2036-05-01T00:00:00Z"}, {"from": "2036-05-01"}, {"to": "yesterday"},
    {"from": "2036-05-01T00:00:00"}, {"to": 5},
])  # fmt: skip
def test_a_stretch_that_is_none_is_bad_input(client: Client, bounds: dict[str, Any]) -> None:
    for who in (HEAD, (None, None)):
        for named in ({"unit": "22-XD"}, {"actor": "22-XD-1"}, {"dossier": "x"}):
            bad_input(client.ask(LIST, *who, first=5, **named, **bounds))


HIDDEN: list[tuple[Who, dict[str, Any]]] = [
    *((who, {"unit": unit}) for who in (HEAD, INSPECTOR) for unit in ("XX", "", "x" * 5000, "22-xd", global_id("point", "22-MC"))),
    *((who, {"actor": actor}) for who in (HEAD, INSPECTOR, SUPERVISOR) for actor in ("nobody", "", "x" * 5000, "22-XD", "citizen-1")),
    (HEAD, {"unit": "22-MT"}), (HEAD, {"unit": "22"}), (HEAD, {"actor": "22-MT-1"}), (HEAD, {"actor": "22-MC-1"}),
    (("HEAD", "22-MT-H"), {"unit": "22-XD"}), (("HEAD", "22-MT-H"), {"actor": "22-XD-1"}), (("SUPERVISOR", "48-S"), {"unit": "22-XD"}),
    (("SUPERVISOR", "48-S"), {"actor": "22-XD-1"}), (("OFFICER", "22-XD-1"), {"unit": "22-XD"}),
    (("OFFICER", "22-XD-1"), {"actor": "22-XD-1"}), (("RECEPTION", "22-MC-1"), {"unit": "22-XD"}),
    (("RECEPTION", "22-MC-1"), {"actor": "22-MC-1"}), (("ADMIN", None), {"unit": "22-XD"}), (("ADMIN", None), {"actor": "22-XD-1"}),
    (("CITIZEN", "citizen-1"), {"unit": "22-XD"}), (("CITIZEN", "22-XD-1"), {"actor": "22-XD-1"}),
    ((None, None), {"unit": "22-XD"}), ((None, None), {"actor": "22-XD-1"}),
]  # fmt: skip


@pytest.mark.parametrize(("who", "named"), HIDDEN)
def test_what_is_unknown_or_hidden_is_an_empty_list(client: Client, town: list[Fact], who: Who, named: dict[str, Any]) -> None:
    assert town
    for count in ({"first": 5}, {"last": 5}, {"first": 5, **SPRING}):
        assert page(client, who, **named, **count) == EMPTY


# While others write.


@pytest.mark.parametrize("backwards", [False, True])
def test_pages_stand_still_while_entries_come_in(client: Client, clock: SettableClock, backwards: bool) -> None:  # noqa: FBT001
    """Of a unit that the other tests leave alone."""
    who, asked = ("HEAD", "22-MT-H"), {"unit": "22-MT", **SPRING}
    for ahead in (MAY, MAY, JUNE, JUNE):
        clock.ahead = ahead
        opened(client, "MT-01")
    old = collected(client, who, **asked)
    seen: list[str] = []
    new: list[str] = []
    for number, found in enumerate(pages(client, who, 2, backwards=backwards, **asked)):
        those = [node["id"] for node in found["nodes"]]
        seen = those + seen if backwards else seen + those
        if number < 2:
            new += ids(trail(client, opened(client, "MT-01")))
    assert seen == (old if backwards else old + new)  # what is new is recorded last
    assert moment(client.services.now())[:7] == "2036-06"
