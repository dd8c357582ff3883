"""The second program agrees with the service, and no byte that the service stored can change without its noticing."""

import ast
import copy
import hashlib
import json
import random
import secrets
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import strawberry

from casework.actions.dossiers import Asked, move
from casework.actions.procedures import subject_of
from casework.adapters.dynamo import DynamoStore
from casework.audit import chain
from casework.model.moves import MoveName
from casework.model.parties import Party, PartyKind, Role, Viewer
from casework.model.workdays import legal_day
from casework.noticing import settle
from casework.ports import Services
from local import engine as engines
from local import eventlog
from local.home import QUICK, REGION
from local.replay import replay
from local.tokens import USUAL
from schema.alert import AcknowledgeAlertInput, acknowledging
from tests.support import Client, Issuer, RecordingCourier, SettableClock, present, services_over
from tests.verification import recompute

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TESTS = Path(__file__).parents[1]
PERMITS = TESTS / "data" / "permits.csv"
Tables = dict[str, list[dict[str, Any]]]
PRINTABLE = [chr(code) for code in range(0x20, 0x7F)]
DESCRIBED = {
    "amendments",
    "armed",
    "alerts",
    "result",
    "rating",
    "reopenings",
    "extensions",
    "apologies",
    "payments",
    "blockers",
    "erasures",
}
KINDS = {"trail", "disclosures", "due", "alerts", "outbox", "state", "procedure", "code", "memory", "counter", "accesses"}


def scanned(client: "DynamoDBClient", table: str) -> list[dict[str, Any]]:
    """Read every item of a table, as it is."""
    pages = client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    return [item for page in pages for item in page["Items"]]


def stored(client: "DynamoDBClient", stage: str) -> Tables:
    """Read every item of the tables that prove something."""
    return {name: scanned(client, f"giamsat-{stage}-{name}") for name in recompute.TABLES}


def belonging(tables: Tables, subjects: set[str]) -> Tables:
    """Keep the items of some dossiers, and the counters that gave their codes."""
    counters = set()
    for item in tables["subjects"]:
        if item["sk"]["S"] == "STATE" and item["pk"]["S"] in subjects:
            state = json.loads(item["state"]["S"])
            if "submitted_at" in state:
                unit, day, _ = state["code"].rsplit("-", 2)
                counters.add(f"COUNTER#{unit}#20{day[:2]}-{day[2:4]}-{day[4:]}")

    def kept(item: dict[str, Any]) -> bool:
        subject = item.get("subject") or item.get("pk") or {}
        return subject.get("S") in subjects or item.get("pk", {}).get("S") in counters

    return {name: [item for item in items if kept(item)] for name, items in tables.items()}


def kind_of(table: str, item: dict[str, Any]) -> str:
    if table != "subjects":
        return "outbox" if table == "log" else table
    if item.get("kind") == {"S": "procedure"}:
        return "procedure"
    return {"STATE": "state", "CODE": "code", "COUNTER": "counter"}.get(item["sk"]["S"], "memory")


def of_people(tables: Tables, code: str) -> str:
    found: str = next(item["subject"]["S"] for item in tables["subjects"] if item["pk"]["S"] == f"CODE#{code}")
    return found


@pytest.fixture(scope="module")
def tables(engine: engines.Engine, store: DynamoStore, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """Dossiers of people through every move, with all kinds of disclosures, a procedure, and an imported log; nothing else of the store."""
    services = services_over(store, issuer, RecordingCourier(), SettableClock())
    client = Client(services, issuer)
    codes = [whole(client), client.assigned(), client.submitted()["dossier"]["code"], client.delivered(), *ended(client)]
    looked_at(client, issuer, codes)
    procedure = published(client, services)
    left_alone(services, codes[1])
    file = tmp_path_factory.mktemp("log") / f"proved-{secrets.token_hex(4)}.csv"
    shutil.copy(PERMITS, file)
    log = eventlog.read(file)
    replay(services, log, None, lambda _: None)
    found = stored(boto3.client("dynamodb", endpoint_url=engine.endpoint, region_name=REGION, config=QUICK), "test")
    subjects = {of_people(found, code) for code in codes} | {procedure}
    subjects |= {item["subject"]["S"] for item in found["trail"] if item["province"]["S"] == log.unit}
    return belonging(found, subjects)


def left_alone(services: Services, code: str) -> None:
    """Let a dossier lie until all levels of its deadlines are raised, and then a supervisor take note of the last."""
    subject = services.store.coded(code)
    assert subject
    late = replace(services, now=SettableClock(timedelta(days=60)))
    raised = 0
    while settle(late, subject, "sweep"):
        raised += 1
    assert raised >= 8, "its own and its step's"
    held = late.store.held(subject)
    assert held
    seen = AcknowledgeAlertInput(
        idempotency_key=strawberry.ID("seen"), alert=strawberry.ID(f"{held.dossier.alerts[-1].number}"), note="đã rõ"
    )
    viewer = Viewer(Role.SUPERVISOR, *USUAL[Role.SUPERVISOR])
    move(late, viewer, subject, MoveName.ACKNOWLEDGE, Asked("seen", "test", None), acknowledging(seen))


def looked_at(client: Client, issuer: Issuer, codes: list[str]) -> None:
    """Let officials be shown the applicant's values: by a right, for somebody else, and unmasked for a reason, twice by one."""
    document = "query($code: ID!) { dossier(code: $code) { applicant { name } } }"
    for who, code in (("HEAD", codes[0]), ("OFFICER", codes[1]), ("HEAD", codes[1])):
        assert client.ask(document, who, None, code=code)["data"]["dossier"]["applicant"]
    counter = issuer.token("RECEPTION", on_behalf_of="citizen-1")
    assert client.asked_with(counter, document, code=codes[2])["data"]["dossier"]["applicant"]
    unmask = "mutation($input: UnmaskApplicantInput!) { unmaskApplicant(input: $input) { entry { id } errors { code } } }"
    for key in ("unmask-1", "unmask-2"):
        given = {"dossier": codes[1], "reason": "đơn kêu cứu", "idempotencyKey": key}
        assert client.ask(unmask, "SUPERVISOR", None, input=given)["data"]["unmaskApplicant"]["errors"] == []


def whole(client: Client) -> str:
    """Take a dossier from its submission to its second decision, through nearly every move there is; gives its code."""
    now = present()
    person = {"name": "Trần Thị Bé", "phone": "0900 000 001", "address": '1 "Lê Lợi"\\\t', "identityNumber": "000000000001"}
    code: str = client.move(
        "submitDossier", "CITIZEN", procedure="XD-01", receptionPoint="22-MC", channel="COUNTER", applicant=person,
    )["dossier"]["code"]  # fmt: skip
    due = (now + timedelta(days=3)).isoformat()
    clear = {"task": "xem xét", "expectedResult": "kết quả", "dueAt": due}
    steps: list[tuple[str, str, str | None, dict[str, Any]]] = [
        ("receiveDossier", "RECEPTION", None,
         {"checked": ["FORM", "DEED"], "at": (now - timedelta(minutes=1)).isoformat(), "backdatingReason": "ghi muộn"}),
        ("assignDossier", "HEAD", None, {**clear, "role": "LEAD", "unit": "22-XD", "officer": "officer-1", "responsibility": "r"}),
        ("assignDossier", "HEAD", None, {**clear, "role": "COORDINATING", "unit": "22-MT", "authority": "a"}),
        ("giveOpinion", "OFFICER", "officer-2", {"assignment": "2", "opinion": "đồng ý"}),
        ("completeStep", "OFFICER", None, {"step": "CHECK"}),
        ("extendDeadline", "HEAD", None, {"amount": 2, "reason": "cần giám định", "notice": "12/TB-SXD"}),
        ("apologise", "HEAD", None, {"promisedDueAt": (now + timedelta(days=40)).isoformat(), "letter": "12/XL-SXD"}),
        ("requirePayment", "OFFICER", None, {"fee": "PERMIT"}),
        ("recordPayment", "RECEPTION", None, {"reference": "BL-1", "online": True}),
        ("raiseBlocker", "SUPERVISOR", None, {"reason": "chưa có con dấu", "legalBasis": "30/2020/NĐ-CP", "stopsClock": True}),
        ("clearBlocker", "HEAD", None, {"blocker": "1", "reason": "đã có con dấu"}),
        ("requestSupplement", "OFFICER", None, {"items": [{"component": "PLAN", "legalBasis": "50/2014/QH13"}]}),
        ("supplyDocuments", "CITIZEN", None, {"documents": [{"component": "PLAN", "digest": "0" * 64, "digital": True}]}),
        ("decideDossier", "HEAD", None, {"outcome": "REJECTED", "reason": "không đủ điều kiện"}),
        ("deliverResult", "RECEPTION", None, {"medium": "PAPER", "reference": "12/QĐ-SXD"}),
        ("rateDossier", "CITIZEN", None, {"score": 2, "comment": "chậm"}),
        ("rotateTrackingSecret", "CITIZEN", None, {}),
        ("reopenDossier", "HEAD", None, {"reason": "có tình tiết mới"}),
        ("returnAssignment", "OFFICER", None, {"assignment": "3", "reason": "quá tải"}),
        ("assignDossier", "HEAD", None, {**clear, "role": "LEAD", "unit": "22-XD", "officer": "22-XD-1", "responsibility": "r"}),
        ("decideDossier", "OFFICER", "22-XD-1", {"outcome": "GRANTED"}),
    ]  # fmt: skip
    for name, role, subject, given in steps:
        client.done(name, role, subject, dossier=code, **given)
    return code


def ended(client: Client) -> list[str]:
    """End a dossier in each way that is no decision; gives their codes."""
    grounds = {"reason": "không thuộc thẩm quyền", "legalBasis": "61/2018/NĐ-CP"}
    refused, withdrawn, stopped = client.submitted(deliveryPoint="22-CN1")["dossier"]["code"], client.received(), client.assigned()
    client.done("refuseDossier", "RECEPTION", dossier=refused, **grounds)
    client.done("withdrawDossier", "CITIZEN", dossier=withdrawn, reason="đổi ý")
    client.done("stopDossier", "HEAD", dossier=stopped, **grounds)
    client.done("eraseApplicant", "HEAD", dossier=withdrawn, legalBasis="13/2023/NĐ-CP, 16", reason="theo yêu cầu")
    client.done("rotateTrackingSecret", "CITIZEN", dossier=withdrawn)
    return [refused, withdrawn, stopped]


def published(client: Client, services: Services) -> str:
    """Publish a procedure twice over one that the register had; gives its id."""
    code, today = f"PROVED-{secrets.token_hex(4).upper()}", legal_day(services.now())
    services.store.register([replace(services.store.versions("XD-01")[0], code=code, field="x")], "VN")
    title = {"vi": "Cấp phép", "en": "Permit", "fr": "Permis"}
    given = {"code": code, "title": title, "kind": "ADMINISTRATIVE", "field": "x", "tier": "province", "department": "XD",
             "limit": {"unit": "WORKING_DAYS", "amount": 5}, "legalBasis": "x", "channels": ["ONLINE"]}  # fmt: skip
    for days in (0, 9):
        client.done("publishProcedure", "ADMIN", **given, validFrom=(today + timedelta(days)).isoformat())
    return str(subject_of(code))


@pytest.fixture(scope="module")
def few(tables: Tables) -> Tables:
    """A few dossiers and the procedure, enough of each kind: an attack looks at the whole each time."""
    states = {item["pk"]["S"]: json.loads(item["state"]["S"]) for item in tables["subjects"] if item["sk"]["S"] == "STATE"}

    def wanted(state: dict[str, Any]) -> bool:
        imported = state.get("imported")
        if imported:
            return imported["case"] in {"permit-5", "permit-8"}
        return "alerts.1" in state or state.get("state") in {None, "SUBMITTED", "DECIDED", "STOPPED", "WITHDRAWN"}

    return belonging(tables, {subject for subject, state in states.items() if wanted(state)})


@pytest.fixture
def chance() -> random.Random:
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 - told when a test fails
    return random.Random(seed)  # noqa: S311 - attacks to be repeated by their seed


# What it recomputes


def test_it_shares_nothing_with_the_service() -> None:
    tree = ast.parse(Path(recompute.__file__).read_text(encoding="utf-8"))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names


def test_the_golden_entry() -> None:
    golden = json.loads((TESTS / "golden" / "entry-v1.json").read_text(encoding="utf-8"))
    assert recompute.canonical(json.loads(golden["line"])).decode() == golden["line"]
    assert recompute.hash_of(golden["line"]) == golden["hash"]
    fields = {name: recompute.field_commitment(name, value) for name, value in golden["state"].items()}
    assert recompute.state_commitment(fields) == golden["after"] == json.loads(golden["line"])["after"]
    assert sorted(map(recompute.digest_of, golden["disclosures"])) == json.loads(golden["line"])["digests"]
    assert {recompute.disclosed(text) for text in golden["disclosures"]} == {
        ("applicant.name", "Nguyễn Văn Ánh"),
        ("applicant.phone", "0900 000 000"),
    }


def test_the_golden_entry_is_in_the_document() -> None:
    golden = json.loads((TESTS / "golden" / "entry-v1.json").read_text(encoding="utf-8"))
    document = (TESTS.parent / "docs" / "audit-format.md").read_text(encoding="utf-8")
    for text in (golden["line"], golden["hash"], *golden["disclosures"]):
        assert f"{text}\n" in document


def test_the_service_writes_the_golden_entry() -> None:
    golden = json.loads((TESTS / "golden" / "entry-v1.json").read_text(encoding="utf-8"))
    body = json.loads(golden["line"])
    at = datetime(2025, 1, 20, 2, tzinfo=UTC)
    draft = chain.Draft(
        log=body["log"],
        province=body["province"],
        subject=chain.Subject("dossier", body["subject"]["id"]),
        action="SUBMITTED",
        actor=Party(PartyKind.CITIZEN, body["actor"]["id"], Role.CITIZEN),
        occurred_at=at,
        request="golden",
        before={},
        after=golden["state"],
        digests=body["digests"],
    )
    entry = chain.sealed(draft, chain.Tip(), at)
    assert (entry.line, entry.hash) == (golden["line"], golden["hash"])


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ('\x00\x1f\b\t\n\f\r"\\/\x7f\u2028é😀', '"\\u0000\\u001f\\b\\t\\n\\f\\r\\"\\\\/\x7f\u2028é😀"'),
        ({"b": [1, -2, True, None], "B": {}, "a": [], "aa": ""}, '{"B":{},"a":[],"aa":"","b":[1,-2,true,null]}'),
        (2**53 - 1, "9007199254740991"),
    ],
)
def test_canonical_json(value: object, written: str) -> None:
    assert recompute.canonical(value).decode() == written


@pytest.mark.parametrize("value", [1.0, 2**53, {"é": 1}, {1: 2}, (1, 2)])
def test_what_is_no_canonical_json(value: object) -> None:
    with pytest.raises(recompute.Wrong):
        recompute.canonical(value)


def test_what_the_service_stored_is_as_it_must_be(tables: Tables) -> None:
    assert recompute.problems(tables) == []
    kinds = {kind_of(table, item) for table, items in tables.items() for item in items}
    assert kinds == KINDS
    entries = Counter(json.loads(item["line"]["S"])["action"] for item in tables["trail"])
    # see test_subjects
    elsewhere = {
        "CALENDAR_AMENDED",
        "INCIDENT_OPENED",
        "INCIDENT_CLOSED",
        "INSPECTION_OPENED",
        "INSPECTION_CLOSED",
        "EXPORT_REQUESTED",
        "UNMASKED",
    }
    assert (set(recompute.MUTATIONS) - elsewhere) | {"STEP_RECORDED_AFTER_DECISION", "ALERT_RAISED"} == set(entries)
    fields = {name.partition(".")[0] for item in tables["subjects"] if "state" in item for name in json.loads(item["state"]["S"])}
    assert fields >= {"result", "rating", "ended_at", "end_reason", "end_basis", "reopenings", "versions", "assignments", "supplements"}


def test_every_name_of_a_disclosure_is_in_the_document(tables: Tables) -> None:
    document = (TESTS.parent / "docs" / "audit-format.md").read_text(encoding="utf-8")
    told = set(document.partition("Names in disclosures:")[2].partition("## 4.")[0].replace("`", " ").split())
    names = {recompute.disclosed(text["S"])[0] for item in tables["disclosures"] for text in item["disclosures"]["L"]}
    assert names >= {"reason", "legal_basis", "reference", "comment", "opinion", "identity", "account", "applicant.name"}
    assert names <= told


def test_every_mutation_and_field_is_in_the_document(tables: Tables) -> None:
    document = (TESTS.parent / "docs" / "audit-format.md").read_text(encoding="utf-8")
    assert all(f"`{action}` {mutation}" in document for action, mutation in recompute.MUTATIONS.items())
    told = set(document.partition("## 4.")[2].partition("## 5.")[0].replace("`", " ").replace("|", " ").split())
    states = [json.loads(item["state"]["S"]) for item in tables["subjects"] if "state" in item]
    assert {name for state in states for name in state if "." not in name} <= told
    inside = [value for state in states for name, value in state.items() if name.partition(".")[0] in DESCRIBED]
    assert {member for value in inside for member in value} <= {word.rstrip(",") for word in told}


# Attacks


@dataclass(frozen=True)
class Place:
    """A text in an item."""

    table: str
    row: int
    attribute: str
    element: int | None = None

    def value(self, tables: Tables) -> dict[str, Any]:
        value: dict[str, Any] = tables[self.table][self.row][self.attribute]
        if self.element is not None:
            value = value["L"][self.element]
        return value


def places(tables: Tables) -> Iterator[Place]:
    for table, items in tables.items():
        for row, item in enumerate(items):
            for attribute, value in sorted(item.items()):
                if "L" in value:
                    yield from (Place(table, row, attribute, element) for element in range(len(value["L"])))
                else:
                    yield Place(table, row, attribute)


def excused(tables: Tables, place: Place, position: int) -> bool:
    """Whether a byte is of those that only the service can check."""
    item = tables[place.table][place.row]
    which = (kind_of(place.table, item), place.attribute)
    text = place.value(tables).get("S", "")
    if which == ("memory", "pk"):
        return bool(text.startswith("submit:")) and position >= len("submit:")
    if which == ("memory", "sk"):
        return "expires_at" in item and position > text.index("#", len("KEY#"))
    return which in recompute.UNCHECKED


def flipped(text: str, type_: str, position: int, chance: random.Random) -> str:
    """Change the one byte at a position; a number stays one, as the engine takes no other."""
    others = [char for char in ("0123456789" if type_ == "N" else PRINTABLE) if char != text[position]]
    return text[:position] + chance.choice(others) + text[position + 1 :]


def changed(tables: Tables, place: Place, position: int, chance: random.Random) -> tuple[str, list[str]]:
    """Change a byte, look, and change it back: what was done, and the problems found."""
    value = place.value(tables)
    (type_, right), *_ = value.items()
    value[type_] = flipped(right, type_, position, chance)
    try:
        return f"{place} at {position}: {right[position]!r} to {value[type_][position]!r}", recompute.problems(tables)
    finally:
        value[type_] = right


def test_a_changed_byte_in_any_attribute_of_any_kind_is_found(few: Tables, chance: random.Random) -> None:
    tables = copy.deepcopy(few)
    kinds: dict[tuple[str, str], list[Place]] = {}
    for place in places(tables):
        kinds.setdefault((kind_of(place.table, tables[place.table][place.row]), place.attribute), []).append(place)
    tried, skipped = 0, set()
    for which, found in sorted(kinds.items()):
        for place in chance.sample(found, min(len(found), 8)):
            position = chance.randrange(len(next(iter(place.value(tables).values()))))
            if excused(tables, place, position):
                skipped.add(which)
                continue
            what, told = changed(tables, place, position, chance)
            assert told, f"{which}: {what}"
            tried += 1
    assert tried >= 300
    assert skipped <= set(recompute.UNCHECKED)
    assert {kind for kind, _ in kinds} == KINDS
    assert recompute.problems(tables) == []


@pytest.mark.parametrize(
    ("table", "attribute"),
    [("trail", "line"), ("subjects", "state"), ("disclosures", "disclosures"), ("accesses", "line"), ("accesses", "disclosures")],
)
def test_a_changed_byte_inside_what_is_long_is_found(few: Tables, chance: random.Random, table: str, attribute: str) -> None:
    tables = copy.deepcopy(few)
    found = [place for place in places(tables) if (place.table, place.attribute) == (table, attribute)]
    for _ in range(100):
        place = chance.choice(found)
        what, told = changed(tables, place, chance.randrange(len(next(iter(place.value(tables).values())))), chance)
        assert told, what


def test_every_byte_of_keys_is_held(few: Tables, chance: random.Random) -> None:
    tables = copy.deepcopy(few)
    keys = {"trail": ("subject", "seq"), "disclosures": ("subject", "seq"), "subjects": ("pk", "sk"), "due": ("bucket", "moment"),
            "log": ("pk", "sk"), "accesses": ("subject", "seq")}  # fmt: skip
    sample = {kind: row for row, item in enumerate(tables["subjects"]) for kind in [kind_of("subjects", item)]}
    for table, names in keys.items():
        for row in sorted(sample.values()) if table == "subjects" else [chance.randrange(len(tables[table]))]:
            for name in names:
                place = Place(table, row, name)
                for position in range(len(place.value(tables)["S"])):
                    if not excused(tables, place, position):
                        what, told = changed(tables, place, position, chance)
                        assert told, what


def test_the_list_of_what_is_not_checked_holds_nothing_that_is(few: Tables, chance: random.Random) -> None:
    tables = copy.deepcopy(few)
    unnoticed = set()
    for place in places(tables):
        item = tables[place.table][place.row]
        which = (kind_of(place.table, item), place.attribute)
        text = next(iter(place.value(tables).values()))
        if which in recompute.UNCHECKED and which not in unnoticed and excused(tables, place, len(text) - 1):
            value = place.value(tables)
            (type_, right), *_ = value.items()
            value[type_] = right[:-1] + ("9" if type_ == "N" else flipped(right, type_, len(right) - 1, chance)[-1])
            if recompute.problems(tables) == []:
                unnoticed.add(which)
            value[type_] = right
    assert unnoticed == set(recompute.UNCHECKED)


def test_what_is_missing_or_stray_is_found(few: Tables) -> None:
    tables = copy.deepcopy(few)
    done = set()
    for table, items in tables.items():
        for row, item in enumerate(items):
            kind = kind_of(table, item)
            for name in [name for name in item if (kind, name) not in done]:
                done.add((kind, name))
                if (kind, name) != ("state", "applicant_key"):
                    items[row] = {key: value for key, value in item.items() if key != name}
                    assert recompute.problems(tables), f"{kind} without {name}"
                    items[row] = {**item, name: {"B": b"x"}}
                    assert recompute.problems(tables), f"{kind} with another type of {name}"
            items[row] = {**item, "note": {"S": "x"}}
            assert recompute.problems(tables), f"{kind} with a stray attribute"
            items[row] = item
    assert recompute.problems({**tables, "notes": []})


def test_an_item_removed_or_added_is_found(few: Tables) -> None:
    tables = few
    for table, items in tables.items():
        for row, item in enumerate(items):
            if kind_of(table, item) == "memory" and "expires_at" in item:
                continue  # A person's request is forgotten in time.
            assert recompute.problems({**tables, table: items[:row] + items[row + 1 :]}), f"{table} without {item}"
        for item in items[:3]:
            if kind_of(table, item) != "counter":
                assert recompute.problems({**tables, table: [*items, item]}), f"{table} with {item} twice"
    stray = {"pk": {"S": "x"}, "sk": {"S": "NOTE"}, "v": {"N": "1"}, "province": {"S": "22"}}
    assert recompute.problems({**tables, "subjects": [*tables["subjects"], stray]})


def exchanged(first: dict[str, Any], second: dict[str, Any], *names: str) -> None:
    for name in names:
        first[name], second[name] = second[name], first[name]


def relined(item: dict[str, Any], change: Callable[[dict[str, Any]], object]) -> None:
    body = json.loads(item["line"]["S"])
    change(body)
    item["line"]["S"] = recompute.canonical(body).decode()


def first_of(tables: Tables, seq: int, *, digests: int = 0) -> dict[str, Any]:
    key = f"E#{seq:08d}"
    return next(i for i in tables["trail"] if i["seq"]["S"] == key and len(json.loads(i["line"]["S"])["digests"]) >= digests)


def rehashed(tables: Tables, item: dict[str, Any]) -> None:
    """Fit the marker and, of a last entry, the head to a forged line."""
    subject, seq = item["subject"]["S"], str(int(item["seq"]["S"][2:]))
    hash_ = recompute.hash_of(item["line"]["S"])
    for marker in tables["log"]:
        if (marker["subject"]["S"], marker["seq"]["N"]) == (subject, seq) and not recompute._second(marker):
            marker["hash"]["S"] = hash_
    for state in tables["subjects"]:
        if (state["pk"]["S"], state.get("entries", {}).get("N")) == (subject, seq):
            state["head"]["S"] = hash_


def last_of(tables: Tables, *, digests: int = 0, kind: str = "state") -> dict[str, Any]:
    """An entry of a dossier, or of a procedure, that nothing follows: no `prev` guards it."""
    ends = {(i["pk"]["S"], f"E#{int(i['entries']['N']):08d}") for i in tables["subjects"] if kind_of("subjects", i) == kind}
    found = [i for i in tables["trail"] if (i["subject"]["S"], i["seq"]["S"]) in ends]
    return next(i for i in found if len(json.loads(i["line"]["S"])["digests"]) >= digests)


FORGERIES: dict[str, tuple[Callable[[Tables], dict[str, Any]], Callable[[dict[str, Any]], object]]] = {
    "an action, hashes fitted, inside a chain": (lambda t: first_of(t, 2), lambda body: body.update(action="REFUSED")),
    "an action of a procedure, hashes fitted": (last_of, lambda body: body.update(action="PROCEDURE_PUBLISHED")),
    "another kind of subject, hashes fitted": (last_of, lambda body: body["subject"].update(kind="procedure")),
    "an action of a dossier, hashes fitted": (lambda t: last_of(t, kind="procedure"), lambda body: body.update(action="DECIDED")),
    "a version, hashes fitted": (lambda t: last_of(t, kind="procedure"), lambda body: body["changes"][-1]["to"].update(version=9)),
    "a state, hashes fitted": (last_of, lambda body: body["changes"][-1].update(to="x")),
    "a commitment, hashes fitted": (last_of, lambda body: body.update(after="0" * 64)),
    "a from, hashes fitted": (last_of, lambda body: body["changes"][-1].update({"from": "x"})),
    "a change left out, hashes fitted": (last_of, lambda body: body["changes"].pop()),
    "changes out of order, hashes fitted": (last_of, lambda body: body["changes"].reverse()),
    "a digest left out, hashes fitted": (lambda t: last_of(t, digests=1), lambda body: body["digests"].pop()),
    "a digest added, hashes fitted": (last_of, lambda body: body.update(digests=sorted([*body["digests"], "A" * 43]))),
    "a member added, hashes fitted": (last_of, lambda body: body.update(note="x")),
    "another time, hashes fitted": (last_of, lambda body: body.update(recorded_at="2000-01-01T00:00:00.000000Z")),
    "another log, hashes fitted": (last_of, lambda body: body.update(log="x")),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_line_is_found(few: Tables, name: str) -> None:
    tables = copy.deepcopy(few)
    chosen, change = FORGERIES[name]
    item = chosen(tables)
    relined(item, change)
    rehashed(tables, item)
    assert recompute.problems(tables)


def last_access(tables: Tables, action: str) -> dict[str, Any]:
    """An access that none follows."""
    ends = {item["subject"]["S"]: item["seq"]["S"] for item in sorted(tables["accesses"], key=lambda item: str(item["seq"]["S"]))}
    of_kind = (item for item in tables["accesses"] if json.loads(item["line"]["S"])["action"] == action)
    return next(item for item in of_kind if item["seq"]["S"] == ends[item["subject"]["S"]])


MISSEEN: dict[str, tuple[str, Callable[[dict[str, Any]], object]]] = {
    "an action of the trail": ("VIEWED", lambda body: body.update(action="DECIDED")),
    "by a citizen": ("VIEWED", lambda body: body["actor"].update(kind="CITIZEN")),
    "a view for a reason": ("VIEWED", lambda body: body.update(reason={"code": "UNMASKING"})),
    "unmasked without one": ("UNMASKED", lambda body: body.update(reason=None)),
    "unmasked for another reason": ("UNMASKED", lambda body: body["reason"].update(code="x")),
    "a reason from elsewhere": ("UNMASKED", lambda body: body["reason"]["text"].update(entry=1)),
    "another number": ("UNMASKED", lambda body: body["changes"][0].update(to=99)),
    "another field": ("UNMASKED", lambda body: body["changes"][0].update(field="version")),
    "another state": ("UNMASKED", lambda body: body.update(after="0" * 64)),
    "another province": ("UNMASKED", lambda body: body.update(province="48")),
    "another log": ("UNMASKED", lambda body: body.update(log="x")),
    "the first log": ("UNMASKED", lambda body: body.update(log="giamsat.test/trail")),
    "another subject": ("UNMASKED", lambda body: body["subject"].update(kind="incident")),
    "a digest left out": ("UNMASKED", lambda body: body["digests"].pop()),
}


@pytest.mark.parametrize("how", MISSEEN)
def test_a_forged_access_is_found(tables: Tables, how: str) -> None:
    forged = copy.deepcopy(tables)
    action, change = MISSEEN[how]
    item = last_access(forged, action)
    relined(item, change)
    subject, seq = item["subject"]["S"], str(int(item["seq"]["S"][2:]))
    for marker in forged["log"]:
        if (marker["subject"]["S"], marker["seq"]["N"]) == (subject, seq) and recompute._second(marker):
            marker["hash"]["S"] = recompute.hash_of(item["line"]["S"])
    assert recompute.problems(forged)


def test_an_access_of_nothing_is_found(tables: Tables) -> None:
    forged = copy.deepcopy(tables)
    item = last_access(forged, "VIEWED")
    forged["trail"] = [entry for entry in forged["trail"] if entry["subject"] != item["subject"]]
    assert any(problem.startswith(f"accesses {item['subject']['S']}") for problem in recompute.problems(forged))


def test_things_exchanged_are_found(few: Tables) -> None:
    for table, names in {
        "trail": ("line",),
        "disclosures": ("disclosures",),
        "log": ("hash",),
        "subjects": ("subject",),
    }.items():
        forged = copy.deepcopy(few)
        first, *others = [item for item in forged[table] if all(name in item for name in names) and item.get("sk") != {"S": "CODE"}]
        second = next(item for item in others if all(item[name] != first[name] for name in names))
        exchanged(first, second, *names)
        assert recompute.problems(forged), table
    forged = copy.deepcopy(few)
    several = next(item for item in forged["disclosures"] if len(item["disclosures"]["L"]) > 1)
    several["disclosures"]["L"].reverse()
    assert recompute.problems(forged)
    forged = copy.deepcopy(few)
    codes = [item for item in forged["subjects"] if item["sk"]["S"] == "CODE"]
    exchanged(codes[0], codes[1], "subject")
    assert recompute.problems(forged)


def of_kind(tables: Tables, kind: str) -> dict[str, Any]:
    return next(item for item in tables["subjects"] if kind_of("subjects", item) == kind)


def test_what_a_procedure_does_not_have_is_found(few: Tables) -> None:
    state, row = of_kind(few, "procedure"), few["due"][0]
    named = {"v": {"N": "1"}, "province": {"S": "VN"}, "subject": state["pk"]}
    code = {**named, "pk": {"S": f"CODE#{json.loads(state['state']['S'])['code']}"}, "sk": {"S": "CODE"}}
    due = {**row, **named, "moment": {"S": f"{row['moment']['S'].partition('#')[0]}#{state['pk']['S']}"}}
    assert recompute.problems({**few, "subjects": [*few["subjects"], code]})
    assert recompute.problems({**few, "due": [*few["due"], due]})
    for name, text in {"unit_key": "22#OPEN", "due_sort": f"{recompute.NO_DUE}#{state['pk']['S']}", "applicant_key": "0" * 32}.items():
        forged = [{**item, name: {"S": text}} if item is state else item for item in few["subjects"]]
        assert recompute.problems({**few, "subjects": forged}), name


@pytest.mark.parametrize(("state", "province"), [
    ({"code": "X", "versions.1": {"version": 1, "code": "X"}}, "22"),
    ({"code": "Y", "versions.1": {"version": 1, "code": "Y"}}, "VN"),
    ({"code": "X", "versions.1": {"version": 2, "code": "X"}}, "VN"),
    ({"code": "X", "versions.1": {"version": 1, "code": "Y"}}, "VN"),
])  # fmt: skip
def test_a_procedure_is_held_to_its_code_and_its_numbers(state: dict[str, Any], province: str) -> None:
    right = {"code": "X", "versions.1": {"version": 1, "code": "X"}}
    subject = hashlib.sha256(b"procedure\0X").hexdigest()[:32]
    recompute._published(recompute.Chain(subject, "procedure", right), {"province": "VN"})
    with pytest.raises(recompute.Wrong):
        recompute._published(recompute.Chain(subject, "procedure", state), {"province": province})


def raising() -> tuple[dict[str, Any], dict[str, Any]]:
    """Give a state with an alert of its own clock and one of a step's, and the entry that raised the latter."""
    times = [f"2026-03-0{day}T00:30:00.000000Z" for day in range(1, 5)]
    own = {"number": 1, "kind": "DOSSIER", "arming": 2, "level": "AT_RISK", "due_at": times[3]}
    of_step = {**own, "number": 2, "kind": "STEP", "of": "CHECK", "arming": 1, "reached_at": times[0], "observed_at": times[1]}
    state = {"arming": 2, "due_at": times[3], "alerts.1": own, "alerts.2": of_step,
             "armed.1": {"number": 1, "kind": "STEP", "of": "CHECK", "arming": 1, "due_at": times[3]}}  # fmt: skip
    changes = [{"field": "alerts.2", "from": None, "to": of_step}]
    return state, {"actor": {"kind": "SERVICE", "id": "sweep"}, "action": "ALERT_RAISED", "occurred_at": times[0],
                   "recorded_at": times[2], "changes": changes}  # fmt: skip


MISRAISED: dict[str, Callable[[dict[str, Any], dict[str, Any]], object]] = {
    "by a person": lambda _, body: body["actor"].update(kind="OFFICER"),
    "as another action": lambda _, body: body.update(action="DECIDED"),
    "with something else": lambda _, body: body["changes"].append({"field": "due_at", "from": None, "to": "x"}),
    "of a deadline that is not armed": lambda state, _: state.pop("armed.1"),
    "without an alert": lambda _, body: body["changes"].clear(),
    "before it was reached": lambda _, body: body["changes"][0]["to"].update(observed_at="2026-02-01T00:00:00.000000Z"),
    "as reached at another time": lambda _, body: body.update(occurred_at="2026-03-01T00:31:00.000000Z"),
    "as noticed after it was recorded": lambda _, body: body["changes"][0]["to"].update(observed_at="2026-03-04T00:00:00.000000Z"),
    "for another arming": lambda state, _: state["armed.1"].update(arming=2),
    "for another date": lambda state, _: state["armed.1"].update(due_at="2026-03-09T10:00:00.000000Z"),
    "for another arming of its own clock": lambda _, body: body["changes"][0]["to"].pop("of"),
}


@pytest.mark.parametrize("how", MISRAISED)
def test_an_alert_raised_wrongly_is_found(how: str) -> None:
    state, body = raising()
    recompute._raised(recompute.Chain("0" * 32, "dossier", state), body)
    MISRAISED[how](state, body)
    with pytest.raises(recompute.Wrong):
        recompute._raised(recompute.Chain("0" * 32, "dossier", state), body)


def test_a_level_raised_twice_is_found() -> None:
    state, _ = raising()
    recompute._each_once([state["alerts.1"], state["alerts.2"]])
    with pytest.raises(recompute.Wrong):
        recompute._each_once([state["alerts.2"], {**state["alerts.2"], "number": 3}])


def test_what_an_alert_does_not_have_is_found(few: Tables) -> None:
    entry = next(item for item in few["trail"] if json.loads(item["line"]["S"])["action"] == "ALERT_RAISED")
    memory = of_kind(few, "memory")
    seq = {"N": str(int(entry["seq"]["S"][2:]))}
    stray = {**memory, "pk": entry["subject"], "subject": entry["subject"], "seq": seq, "province": entry["province"]}
    assert recompute.problems({**few, "subjects": [*few["subjects"], stray]}), "nobody asked for it"
    first, second, *others = few["alerts"]
    forged = [{**first, "body": second["body"]}, {**second, "body": first["body"]}, *others]
    assert recompute.problems({**few, "alerts": forged})
    for side in ("OPEN", "PAST"):
        moved = {**first, "unit_key": {"S": f"{first['unit_key']['S'].partition('#')[0]}#{side}"}}
        assert (moved == first) == (recompute.problems({**few, "alerts": [moved, second, *others]}) == [])


def test_a_dossier_on_another_pile_is_found(few: Tables) -> None:
    for row, item in enumerate(few["subjects"]):
        if kind_of("subjects", item) == "state":
            for pile in ("INTAKE", "DELIVERY"):
                forged = {**item, "point_key": {"S": f"22-MC#{pile}"}}
                if forged != item:
                    assert recompute.problems({**few, "subjects": [*few["subjects"][:row], forged, *few["subjects"][row + 1 :]]})


# Erasures


def erased_in(tables: Tables) -> tuple[str, list[str], list[dict[str, Any]]]:
    """Find the dossier whose applicant was erased: its id, what was erased, and the items of what is left."""
    state = next(item for item in tables["subjects"] if "erasures.1" in json.loads(item.get("state", {"S": "{}"})["S"]))
    digests = json.loads(state["state"]["S"])["erasures.1"]["digests"]
    return state["pk"]["S"], digests, [item for item in tables["disclosures"] if item["subject"] == state["pk"]]


def test_what_was_erased_is_gone_and_the_rest_is_there(few: Tables) -> None:
    _, digests, left = erased_in(few)
    texts = [recompute.disclosed(text["S"]) for item in left for text in item["disclosures"]["L"]]
    assert sorted(name for name, _ in texts) == ["legal_basis", "reason", "reason"]
    assert len(digests) == 5, "name, telephone and account, and who submitted and withdrew"


def test_a_disclosure_that_no_entry_erased_is_missed(few: Tables) -> None:
    subject, _, left = erased_in(few)
    for item in left:
        told = recompute.problems({**few, "disclosures": [one for one in few["disclosures"] if one is not item]})
        assert any("no entry erased them" in one for one in told)
        short = {**item, "disclosures": {"L": item["disclosures"]["L"][1:] or [{"S": "x"}]}}
        told = recompute.problems({**few, "disclosures": [short if one is item else one for one in few["disclosures"]]})
        assert any(subject in one for one in told)


def test_a_disclosure_that_was_erased_and_is_there_is_found(client: Client, engine: engines.Engine) -> None:
    code, scan = client.received(), boto3.client("dynamodb", endpoint_url=engine.endpoint, region_name=REGION, config=QUICK)
    client.done("withdrawDossier", "CITIZEN", dossier=code, reason="đổi ý")
    before = stored(scan, "test")
    client.done("eraseApplicant", "SUPERVISOR", dossier=code, legalBasis="luật")
    subject = of_people(before, code)
    old, new = belonging(before, {subject}), belonging(stored(scan, "test"), {subject})
    assert recompute.problems(old) == recompute.problems(new) == []
    for item in old["disclosures"]:
        rest = [one for one in new["disclosures"] if one["seq"] != item["seq"]]
        assert recompute.problems({**new, "disclosures": [*rest, item]}), item["seq"]
    keyed = [item.get("applicant_key") for tables in (old, new) for item in tables["subjects"] if item["sk"]["S"] == "STATE"]
    assert keyed[0] is not None
    assert keyed[1] is None
    listed = [{**item, "applicant_key": keyed[0]} if item["sk"]["S"] == "STATE" else item for item in new["subjects"]]
    assert recompute.problems({**new, "subjects": listed})


def erasure() -> tuple[recompute.Chain, dict[str, Any]]:
    """Give a dossier that is over, and the entry that erases its applicant."""
    row = {"number": 1, "at": "2026-03-01T00:00:00.000000Z", "digests": ["n", "p"], "legal_basis": {"digest": "b", "entry": 2}}
    state = {"state": "STOPPED", "version": 2, "applicant": {"name": {"digest": "n", "entry": 1}}, "erasures.1": row}
    changes = [{"field": "erasures.1", "from": None, "to": row}, {"field": "version", "from": 1, "to": 2}]
    body = {"actor": {"kind": "OFFICER", "id": "x"}, "on_behalf_of": None, "action": "APPLICANT_ERASED", "changes": changes,
            "occurred_at": row["at"]}  # fmt: skip
    return recompute.Chain("0" * 32, "dossier", state, personal={"n", "p"}), body


MISERASED: dict[str, Callable[[recompute.Chain, dict[str, Any]], object]] = {
    "an opinion": lambda chain, _: chain.personal.remove("p"),
    "twice": lambda chain, _: chain.erased.add("p"),
    "while it is open": lambda chain, _: chain.state.update(state="DECIDED"),
    "under another action": lambda _, body: body.update(action="STOPPED"),
    "in words alone": lambda _, body: body.update(changes=body["changes"][1:]),
    "and something else": lambda _, body: body["changes"].append({"field": "x", "from": None, "to": 1}),
    "out of order": lambda _, body: body["changes"][0]["to"].update(digests=["p", "n"]),
    "nothing": lambda _, body: body["changes"][0]["to"].update(digests=[]),
    "under another number": lambda _, body: body["changes"][0]["to"].update(number=2),
    "over an older one": lambda _, body: body["changes"][0].update({"from": {}}),
    "without a law": lambda _, body: body["changes"][0]["to"].pop("legal_basis"),
    "at another time": lambda _, body: body.update(occurred_at="2026-03-02T00:00:00.000000Z"),
}


@pytest.mark.parametrize("how", MISERASED)
def test_an_erasure_made_wrongly_is_found(how: str) -> None:
    chain_, body = erasure()
    MISERASED[how](chain_, body)
    with pytest.raises(recompute.Wrong):
        recompute._erased(chain_, body)


def test_somebody_named_after_an_erasure_is_found() -> None:
    chain_, body = erasure()
    recompute._erased(chain_, body)
    assert chain_.nameless
    later = {**body, "action": "RATED", "changes": [], "actor": {"kind": "CITIZEN", "id": "x"}}
    recompute._erased(chain_, later)
    later["actor"] = {**later["actor"], "identity": {"digest": "i", "entry": 3}}
    with pytest.raises(recompute.Wrong):
        recompute._erased(chain_, later)
