"""The register as everybody reads it: units, reception points, people, procedures, the work calendar."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from typing import Any

import pytest

from casework.model.procedure import ProcedureVersion
from casework.model.unit import COMMUNES, Officer, ReceptionPoint, Unit
from local.register.reading import things
from schema.node import global_id
from schema.paging import cursor, place_cursor
from tests.schema.common import bad_input
from tests.support import Client

PAGE = "edges { cursor node { code } } nodes { code } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
ARGUMENTS = "first: $first, last: $last, after: $after, before: $before"
VARIABLES = "$first: Int, $last: Int, $after: String, $before: String"
UNITS = f"query($parent: ID, {VARIABLES}) {{ units(parent: $parent, {ARGUMENTS}) {{ {PAGE} }} }}"
INSIDE = """query($unit: ID!, %s) { unit(code: $unit) { %s(%s) { edges { cursor node { code } } nodes { code }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }"""
PROCEDURES = f"query($filter: ProcedureFilter, {VARIABLES}) {{ procedures(filter: $filter, {ARGUMENTS}) {{ {PAGE} }} }}"
UNIT = """query($code: ID!, $lang: Language! = VI) { unit(code: $code) { __typename id code kind validFrom validTo name(lang: $lang)
    parent { code parent { code } } successors { code name(lang: $lang) }
    receptionPoints(first: 10) { nodes { id code kind name(lang: $lang) unit { code } } } } }"""
YEAR = """query($year: Int!) { workCalendar(year: $year) { year official version
    days { on working kind document vi: reason en: reason(lang: EN) fr: reason(lang: FR) } } }"""


@cache
def register() -> tuple[Any, ...]:
    return tuple(thing for _, thing in things())


def units_of(parent: str | None) -> list[str]:
    return sorted(thing.code for thing in register() if isinstance(thing, Unit) and thing.parent == parent)


def connection(found: dict[str, Any]) -> dict[str, Any]:
    """Take the one connection out of an answer, however deep it stands."""
    assert "errors" not in found, found
    inner = found["data"]
    while "pageInfo" not in inner:
        (inner,) = inner.values()
    page: dict[str, Any] = inner
    return page


def pages(client: Client, document: str, size: int, *, backwards: bool = False, **more: Any) -> Iterator[list[str]]:  # noqa: ANN401 - JSON
    count, place, at = ("last", "before", "startCursor") if backwards else ("first", "after", "endCursor")
    further, begun = ("hasPreviousPage", "hasNextPage") if backwards else ("hasNextPage", "hasPreviousPage")
    info: dict[str, Any] = {at: None}
    for number in range(100):
        found = connection(client.ask(document, **{count: size, place: info[at]}, **more))
        info, edges = found["pageInfo"], found["edges"]
        assert info[begun] is (number > 0)
        assert [edge["node"] for edge in edges] == found["nodes"]
        assert not edges or (info["startCursor"], info["endCursor"]) == (edges[0]["cursor"], edges[-1]["cursor"])
        yield [node["code"] for node in found["nodes"]]
        if not info[further]:
            return
    raise AssertionError("the list does not end")


def listed(client: Client, document: str, size: int = 100, *, backwards: bool = False, **more: Any) -> list[str]:  # noqa: ANN401 - JSON
    found = list(pages(client, document, size, backwards=backwards, **more))
    return [code for codes in (found[::-1] if backwards else found) for code in codes]


# Units.


def test_provinces_stand_at_the_top_and_so_do_those_that_are_no_more(client: Client) -> None:
    found = listed(client, UNITS)
    assert found == sorted(found)
    assert set(units_of(None)) <= set(found)
    today = [thing for thing in register() if isinstance(thing, Unit) and thing.kind == "PROVINCE" and thing.valid_to is None]
    assert len(today) == 34
    assert len(units_of(None)) == 63


def test_all_communes_of_the_country_are_paged_through_once(client: Client) -> None:
    seen = Counter(code for province in listed(client, UNITS) for code in listed(client, UNITS, parent=province))
    assert set(seen.values()) == {1}
    communes = [thing.code for thing in register() if isinstance(thing, Unit) and thing.kind in COMMUNES]
    assert len(communes) == len(set(communes)) == 3321
    assert set(communes) <= set(seen)


@pytest.mark.parametrize("size", [1, 7, 49, 50, 51, 100])
@pytest.mark.parametrize("backwards", [False, True])
def test_pages_of_units_give_each_once_from_both_ends(client: Client, size: int, backwards: bool) -> None:  # noqa: FBT001
    assert len(units_of("12")) == 50
    assert listed(client, UNITS, size, backwards=backwards, parent="12") == units_of("12")


def test_children_are_the_units_below(client: Client) -> None:
    document = INSIDE % (VARIABLES, "children", ARGUMENTS)
    for unit in ("22", "22-XD", "06652", "02"):
        found = listed(client, document, unit=unit)
        assert [code for code in found if code in units_of(unit)] == units_of(unit), "other tests may have added some"
        assert found == sorted(set(found))
    found = listed(client, UNITS, parent=global_id("unit", "22"))
    assert [code for code in found if code in units_of("22")] == units_of("22")


def test_reception_points_and_people_of_a_unit(client: Client) -> None:
    points = sorted(thing.code for thing in register() if isinstance(thing, ReceptionPoint) and thing.unit == "22")
    found = listed(client, INSIDE % (VARIABLES, "receptionPoints", ARGUMENTS), 3, unit="22")
    assert [code for code in found if code in points] == points, "other tests may have added some"
    assert len(points) == 4
    people = sorted(thing.code for thing in register() if isinstance(thing, Officer) and thing.unit == "22-XD")
    document = "query($unit: ID!) { unit(code: $unit) { officers(first: 100) { nodes { code role validTo } } } }"
    for who in ("RECEPTION", "OFFICER", "HEAD", "SUPERVISOR", "INSPECTOR", "ADMIN"):
        shown = client.ask(document, who, unit="22-XD")["data"]["unit"]["officers"]["nodes"]
        assert [one["code"] for one in shown if one["code"] in people] == people
    assert {"code": "head-1", "role": "HEAD", "validTo": None} in shown
    assert {"code": "22-XD-2", "role": "OFFICER", "validTo": None} in shown


@pytest.mark.parametrize("who", [(None, None), ("CITIZEN", None), ("CITIZEN", "officer-1")])
def test_the_people_of_a_unit_are_not_for_the_public(client: Client, who: tuple[str | None, str | None]) -> None:
    document = "query($first: Int) { unit(code: 22) { officers(first: $first) { nodes { code } } } }"
    assert client.ask(document, *who, first=5) == {"data": {"unit": {"officers": None}}}
    assert client.ask(document, *who, first=0)["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


def test_a_province_in_three_languages(client: Client) -> None:
    names = {}
    for lang in ("VI", "EN", "FR"):
        found = client.ask(UNIT, code="22", lang=lang)["data"]["unit"]
        points = {point["code"]: point["name"] for point in found["receptionPoints"]["nodes"]}
        names[lang] = (found["name"], points["22-MC"])
    assert names == {
        "VI": ("Tỉnh Quảng Ninh", "Trung tâm Phục vụ hành chính công tỉnh Quảng Ninh"),
        "EN": ("Quảng Ninh province", "Public administration service centre of Quảng Ninh province"),
        "FR": ("province de Quảng Ninh", "Centre de services administratifs de la province de Quảng Ninh"),
    }
    assert (found["kind"], found["validFrom"], found["validTo"], found["parent"], found["successors"]) == (
        "PROVINCE", "2025-07-01", None, None, [],
    )  # fmt: skip
    assert {point["kind"] for point in found["receptionPoints"]["nodes"]} == {"CENTRE", "BRANCH", "ONLINE"}
    assert {point["unit"]["code"] for point in found["receptionPoints"]["nodes"]} == {"22"}


def test_a_province_that_is_no_more_names_its_successor(client: Client) -> None:
    found = client.ask(UNIT, code="49")["data"]["unit"]
    assert (found["name"], found["validFrom"], found["validTo"]) == ("Tỉnh Quảng Nam", "1945-09-02", "2025-06-30")
    assert found["successors"] == [{"code": "48", "name": "Thành phố Đà Nẵng"}]
    assert found["receptionPoints"]["nodes"] == []


def test_a_department_and_a_commune_stand_below_their_province(client: Client) -> None:
    for code, kind, points in (("22-XD", "DEPARTMENT", set()), ("06652", "WARD", {"COMMUNE_COUNTER", "POSTAL_AGENT"})):
        found = client.ask(UNIT, code=code)["data"]["unit"]
        assert (found["kind"], found["parent"]) == (kind, {"code": "22", "parent": None})
        assert {point["kind"] for point in found["receptionPoints"]["nodes"]} == points
        assert client.ask(UNIT, code=found["id"])["data"]["unit"] == found


def test_units_and_points_are_nodes(client: Client) -> None:
    document = "query($id: ID!) { node(id: $id) { __typename id ... on Unit { code } ... on ReceptionPoint { code unit { code } } } }"
    for kind, named, code in (("unit", "Unit", "22-XD"), ("unit", "Unit", "02"), ("point", "ReceptionPoint", "22-MC")):
        id_ = global_id(kind, code)
        found = client.ask(document, id=id_)["data"]["node"]
        assert (found["__typename"], found["id"], found["code"]) == (named, id_, code)


@pytest.mark.parametrize("code", ["", "XX", "22-xd", "x" * 5000, "\x00", "-", global_id("point", "22-MC"), global_id("unit", "XX"), "22 "])
def test_an_unknown_unit_is_null_and_has_nothing_below(client: Client, code: str) -> None:
    assert client.ask(UNIT, code=code) == {"data": {"unit": None}}
    assert connection(client.ask(UNITS, parent=code, first=5))["nodes"] == []


FORGED = ["x", "", "é", "====", cursor(1), place_cursor(""), place_cursor("22#XD"), place_cursor("x" * 257), place_cursor("22\n"),
          place_cursor(f"2026-01-01T00:00:00.000000Z#{'0' * 32}"), global_id("unit", "22"), "A" * 1_000_000]  # fmt: skip
BAD = [{}, {"first": 0}, {"first": 101}, {"first": -1}, {"last": 0}, {"last": 101}, {"first": 1, "last": 1},
       *({"first": 5, "after": text} for text in FORGED), *({"last": 5, "before": text} for text in FORGED)]  # fmt: skip


@pytest.mark.parametrize("asked", BAD, ids=lambda asked: str(asked)[:40])
def test_a_page_that_cannot_be_is_bad_input(client: Client, asked: dict[str, Any]) -> None:
    bad_input(client.ask(UNITS, **asked))
    bad_input(client.ask(PROCEDURES, **asked))
    for name in ("children", "receptionPoints", "officers"):
        found = client.ask(INSIDE % (VARIABLES, name, ARGUMENTS), "ADMIN", unit="22", **asked)
        assert found["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


def test_a_page_past_the_end_is_empty(client: Client) -> None:
    for document in (UNITS, PROCEDURES):
        for asked in ({"first": 5, "after": place_cursor("zzz")}, {"last": 5, "before": place_cursor("0")},
                      {"first": 5, "after": place_cursor("Z"), "before": place_cursor("A")}):  # fmt: skip
            found = connection(client.ask(document, **asked))
            assert (found["edges"], found["pageInfo"]["startCursor"], found["pageInfo"]["endCursor"]) == ([], None, None)


# Procedures.


def codes_of(**wanted: str) -> list[str]:
    versions = [thing for thing in register() if isinstance(thing, ProcedureVersion)]
    return sorted({one.code for one in versions if all(str(getattr(one, name)) == value for name, value in wanted.items())})


@pytest.mark.parametrize(
    "wanted",
    [{}, {"kind": "ADMINISTRATIVE"}, {"kind": "COMPLAINT"}, {"kind": "DENUNCIATION"}, {"kind": "FEEDBACK"}, {"kind": "ACCESS_REQUEST"},
     {"field": "land"}, {"field": "complaints"}, {"field": "judicial-records"}],
)  # fmt: skip
def test_procedures_are_listed_by_kind_or_field(client: Client, wanted: dict[str, str]) -> None:
    for size in (2, 100):
        for backwards in (False, True):
            found = listed(client, PROCEDURES, size, backwards=backwards, filter=wanted)
            assert found == sorted(set(found))
            assert [code for code in found if code in codes_of()] == codes_of(**wanted)
    if not wanted:
        assert listed(client, PROCEDURES) == found
        assert len(codes_of()) == 30


@pytest.mark.parametrize("field", ["nonsense", "LAND", " ", "x" * 200, "land#", "\x00", ""])
def test_an_unknown_field_has_no_procedures(client: Client, field: str) -> None:
    assert connection(client.ask(PROCEDURES, first=5, filter={"field": field}))["nodes"] == []


def test_kind_and_field_at_once_are_served_by_no_index(client: Client) -> None:
    message = bad_input(client.ask(PROCEDURES, first=5, filter={"kind": "ADMINISTRATIVE", "field": "land"}))
    assert "kind" in message
    assert "field" in message
    bad_input(client.ask(PROCEDURES, first=5, filter={"kind": "NONSENSE"}))


PROCEDURE = """query($code: ID!) { procedure(code: $code) { id code version kind field tier department unit { code } legalBasis
    validFrom validTo publishedOn limit { unit amount } steps { code title(lang: EN) allottedDays } components { code mandatory }
    fees { code amount legalBasis title vi: title(lang: VI) en: title(lang: EN) fr: title(lang: FR) } clarityLead clarityCoordinating } }"""


def test_a_procedure_has_fees_a_department_and_clarity_sets(client: Client) -> None:
    found = client.ask(PROCEDURE, code="XD-01")["data"]["procedure"]
    (fee,) = found["fees"]
    assert (fee["code"], fee["amount"], fee["legalBasis"]) == ("PERMIT", 75000, "97/2015/QH13; 85/2019/TT-BTC")
    assert fee["title"] == fee["vi"] == "Lệ phí cấp giấy phép xây dựng nhà ở riêng lẻ"
    assert (fee["en"], fee["fr"]) == ("Fee for the permit of a single house", "Droit de permis de maison individuelle")
    assert (found["tier"], found["department"], found["unit"]) == ("province", "XD", None)
    assert found["clarityLead"] == ["officer", "task", "responsibility", "due_at", "expected_result"]
    assert found["clarityCoordinating"] == ["task", "due_at", "expected_result"]
    assert "authority" in client.ask(PROCEDURE, code="TO-01")["data"]["procedure"]["clarityLead"]


def test_a_commune_handles_what_names_no_department(client: Client) -> None:
    found = client.ask(PROCEDURE, code="HT-01")["data"]["procedure"]
    assert (found["tier"], found["department"], found["unit"]) == ("commune", None, None)


def test_the_version_in_force_today_is_shown_and_others_by_number(client: Client) -> None:
    today = client.ask(PROCEDURE, code="LD-02")["data"]["procedure"]
    assert (today["version"], today["validFrom"], today["validTo"]) == (2, "2025-08-08", None)
    before = client.ask(PROCEDURE, code="LD-02@1")["data"]["procedure"]
    assert (before["version"], before["validTo"], before["limit"]) == (1, "2025-08-07", {"unit": "WORKING_DAYS", "amount": 5})
    assert client.ask(PROCEDURE, code=before["id"])["data"]["procedure"] == before
    document = "query($id: ID!) { node(id: $id) { id ... on Procedure { version } } }"
    for one in (today, before):
        assert client.ask(document, id=one["id"])["data"]["node"] == {"id": one["id"], "version": one["version"]}


def test_a_procedure_out_of_force_is_shown_as_it_was_last(client: Client) -> None:
    found = client.ask(PROCEDURE, code="LL-01")["data"]["procedure"]
    assert (found["version"], found["validTo"]) == (1, "2025-02-28")
    assert "LL-01" in listed(client, PROCEDURES)
    document = '{ dueIfReceived(procedure: "LL-01", at: "%s") { dueAt } }'
    assert client.ask(document % "2025-02-28T09:00:00+07:00")["data"]["dueIfReceived"]
    assert "LL-01" in bad_input(client.ask(document % "2025-03-01T09:00:00+07:00"))


# The work calendar.


def year(client: Client, number: int) -> dict[str, Any]:
    found: dict[str, Any] = client.ask(YEAR, year=number)["data"]["workCalendar"]
    return found


@pytest.mark.parametrize("number", [1950, 2024, 2025, 2026, 2027, 2099])
def test_a_year_has_all_its_days(client: Client, number: int) -> None:
    found = year(client, number)
    days = [date.fromisoformat(day["on"]) for day in found["days"]]
    length = (date(number + 1, 1, 1) - date(number, 1, 1)).days
    assert days == [date(number, 1, 1) + timedelta(n) for n in range(length)]
    assert found["year"] == number
    for on, day in zip(days, found["days"], strict=True):
        assert day["working"] is (day["kind"] in {"WEEKDAY", "MAKEUP"})
        assert (day["kind"] in {"WEEKDAY", "HOLIDAY", "SWAPPED_OFF"}) or on.weekday() > 4
        assert all(day[lang].strip() for lang in ("vi", "en", "fr"))


def test_the_official_swap_stands_with_its_document(client: Client) -> None:
    found = year(client, 2026)
    days = {day["on"]: day for day in found["days"]}
    assert (found["official"], found["version"]) == (True, 2)
    off, worked = days["2026-01-02"], days["2026-01-10"]
    assert (off["kind"], off["working"], off["document"]) == ("SWAPPED_OFF", False, "12729/VPCP-KGVX")
    assert (worked["kind"], worked["working"], worked["document"]) == ("MAKEUP", True, "12729/VPCP-KGVX")
    assert (worked["vi"], worked["en"], worked["fr"]) == (
        "làm bù cho thứ Sáu, 02/01/2026", "making up for Friday 2 January 2026", "rattrapage du vendredi 2 janvier 2026",
    )  # fmt: skip
    assert days["2026-02-17"]["en"] == "Lunar New Year"
    assert {day["on"] for day in found["days"] if day["document"]} == {"2026-01-02", "2026-01-10"}


def test_a_year_without_a_document_is_not_official(client: Client) -> None:
    found = year(client, 2027)
    assert found["official"] is False
    assert {day["on"] for day in found["days"] if day["kind"] == "HOLIDAY"} >= {"2027-01-01", "2027-02-05", "2027-04-30", "2027-09-02"}
    assert all(day["document"] is None for day in found["days"])


@pytest.mark.parametrize("number", [1949, 2100, 0, -1, 2**31 - 1])
def test_a_year_that_nobody_knows_is_bad_input(client: Client, number: int) -> None:
    assert str(number) in bad_input(client.ask(YEAR, year=number))


@pytest.mark.parametrize("number", [2**31, 2026.5, "2026", None])
def test_a_year_that_is_none_is_bad_input(client: Client, number: object) -> None:
    bad_input(client.ask(YEAR, year=number))
