"""Items as the first version wrote them, in `tests/data`: each is read by today's ports, shown by today's schema, and goes on."""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from casework.adapters import dynamo
from casework.adapters.dynamo import DynamoStore, items
from casework.adapters.dynamo.forms import FORMS, Attributes, Forms, plain
from casework.adapters.dynamo.models import MODELS
from casework.audit.verify import Scope
from casework.live.connection import BEATS, LANES, Began, Operation, Phase
from casework.model import subjects
from casework.model.packing import instant, moment
from casework.model.procedure import DossierKind
from casework.model.record import State
from casework.ports import OUTBOX_SHARDS, By, Index, Partition, Span
from local.engine import Engine
from schema.node import global_id
from tests.casework.adapters.story import FIRST, kept
from tests.casework.adapters.town import Town, key_of, town

ALL = Span(1000)
Place = tuple[str, str, str]
ITEMS = kept(FIRST)
KEYS = {table: [name for name, attribute in model.get_attributes().items() if key_of(attribute)] for table, model in MODELS.items()}


def rows(table: str, **begin: str) -> list[Attributes]:
    """Give the items of a table whose attributes begin like this."""
    found = map(plain, ITEMS[table])
    return [row for row in found if all(name in row and row[name].startswith(text) for name, text in begin.items())]


def place(table: str, item: Mapping[str, Any]) -> Place:
    first, second = KEYS[table]
    return table, item[first], item[second]


@pytest.fixture(scope="module")
def first(engine: Engine, store: DynamoStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A town in which nothing is but those items, a second after the last of them."""
    with town("first", tmp_path_factory.mktemp("first"), engine, store) as here:
        for table, there in ITEMS.items():
            for start in range(0, len(there), 25):
                wanted: Any = {f"giamsat-first-{table}": [{"PutRequest": {"Item": item}} for item in there[start : start + 25]]}
                assert not here.engine.batch_write_item(RequestItems=wanted)["UnprocessedItems"]
        here.clock.now = max(instant(row["moment"][:27]) for row in rows("trail")) + timedelta(seconds=1)
        yield here


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> set[Place]:
    """Note which items are read."""
    found: set[Place] = set()
    usual = Forms.read

    def noting(forms: Forms, item: Attributes) -> Attributes:
        found.add(place(forms.table, item))
        return usual(forms, item)

    monkeypatch.setattr(Forms, "read", noting)
    return found


# By the ports.


def test_states_are_read_as_they_were_written(first: Town) -> None:
    states = rows("subjects", sk="STATE")
    assert {row["kind"] for row in states} == {
        getattr(subjects, name) for name in ("DOSSIER", "PROCEDURE", "CALENDAR", "TASK", "INCIDENT", "EXPORT", "INSPECTION")
    }
    together = first.store.held_all([row["pk"] for row in states])
    for row in states:
        held = first.held(row["pk"])
        assert held == together[held.id]
        assert (held.flat, held.province, held.applicant_key) == (json.loads(row["state"]), row["province"], row.get("applicant_key"))
        assert held.tip.recorded_at
        assert (held.tip.seq, held.tip.hash, moment(held.tip.recorded_at)) == (int(row["entries"]), row["head"], row["recorded_at"])
        assert (held.due.place if held.due else None) == ((row["due_bucket"], row["due_moment"]) if "due_bucket" in row else None)
        assert subjects.kind_of(held.record) == row["kind"]
        assert subjects.flattened(held.record) == held.flat
        slip = (held.flat["secret_generation"], held.flat["slip_key"]) if row["kind"] == "dossier" else None
        assert first.store.slip(held.id) == slip


def test_what_stands_beside_a_state_is_read(first: Town) -> None:
    for row in rows("subjects", pk="CODE#"):
        assert first.store.coded(row["pk"].removeprefix("CODE#")) == row["subject"]
    memories = {(row["pk"], row["sk"].removeprefix("KEY#")): row for row in rows("subjects", sk="KEY#")}
    found = first.store.remembered(list(memories))
    assert found.keys() == memories.keys()
    for memory, row in memories.items():
        until = found[memory].expires_at
        assert (found[memory].subject, found[memory].seq, found[memory].fingerprint) == (
            row["subject"],
            int(row["seq"]),
            row["fingerprint"],
        )
        assert (int(until.timestamp()) if until else None) == (int(row["expires_at"]) if "expires_at" in row else None)
    for row in rows("subjects", sk="COUNTER"):
        _, unit, day = row["pk"].split("#")
        assert first.store.numbered(unit, row["province"], date.fromisoformat(day)) == int(row["drawn"]) + 1
        assert first.item("subjects", pk=row["pk"], sk=row["sk"])["v"] == {"N": "1"}


def test_entries_and_disclosures_are_read_as_they_were_written(first: Town) -> None:
    entries = {subject: first.store.entries(subject, 0, 1000) for subject in {row["subject"] for row in rows("trail")}}
    assert {(subject, entry.seq): entry.line for subject, found in entries.items() for entry in found} == {
        (row["subject"], items.seq_of(row["seq"])): row["line"] for row in rows("trail")
    }
    assert first.store.entries_named([entry.place for found in entries.values() for entry in found]) == {
        entry.place: entry for found in entries.values() for entry in found
    }
    months = {(By.UNIT, row["unit_month"]) for row in rows("trail")} | {
        (By.ACTOR, row["actor_month"]) for row in rows("trail", actor_month="")
    }
    recorded = [entry for by, key in months for _, entry in first.store.recorded(by, key[:-8], key[-7:], ALL)]  # a code, `#`, a month
    assert len(recorded) == len(rows("trail")) + len(rows("trail", actor_month=""))
    accesses = [
        (subject, one) for subject in {row["subject"] for row in rows("accesses")} for one in first.store.accesses(subject, 0, 1000)
    ]
    assert sorted(one.entry.line for _, one in accesses) == sorted(row["line"] for row in rows("accesses"))
    for subject in {row["subject"] for row in rows("disclosures")}:
        there = {items.seq_of(row["seq"]): tuple(text["S"] for text in row["disclosures"]) for row in rows("disclosures", subject=subject)}
        assert first.store.disclosed_by_entry(subject) == there
        assert set(first.store.disclosed(subject).values()) == {text for texts in there.values() for text in texts}


def test_every_item_is_read_by_a_port(first: Town, seen: set[Place]) -> None:
    store, now = first.store, first.clock.now
    test_states_are_read_as_they_were_written(first)
    test_entries_and_disclosures_are_read_as_they_were_written(first)
    listed(first)
    for row in rows("subjects", pk="CODE#"):
        store.coded(row["pk"].removeprefix("CODE#"))
    store.remembered([(row["pk"], row["sk"].removeprefix("KEY#")) for row in rows("subjects", sk="KEY#")])
    for row in rows("due"):
        (due,) = store.due(row["bucket"], instant(row["moment"].partition("#")[0]), 10)
        assert (due.place, due.level, due.subject) == ((row["bucket"], row["moment"]), row["level"], row["subject"])
    logged(first)
    watched(first, now)
    registered(first)
    every = {place(table, plain(item)) for table, there in ITEMS.items() for item in there}
    assert every - seen == {place("subjects", row) for row in rows("subjects", sk="COUNTER")}  # which is read by what updates it


def listed(here: Town) -> None:
    """Read all lists of dossiers and of alerts."""
    for table, sort, read in (("subjects", "due_sort", here.store.listed), ("alerts", "raised_sort", here.store.alerts)):
        for index in Index:
            name = f"{index.value.removeprefix('by_')}_key"
            for key in {row[name] for row in rows(table) if name in row}:
                there = sorted(row[sort] for row in rows(table) if row.get(name) == key and sort in row)
                assert [found[0] for found in read([Partition(index, key)], ALL)] == there
    alerts = here.store.alerts([Partition(Index.UNIT, f"22-XD#{side}") for side in ("OPEN", "PAST")], ALL)
    for _, noticed in alerts:
        assert noticed.alert in here.held(noticed.subject).dossier.alerts


def logged(here: Town) -> None:
    """Read both logs."""
    for log, store in (("", here.store), (items.SECOND, here.store.second)):
        (head,) = rows("log", pk=f"{log}LOG")
        assert (store.log_head().size, " ".join(store.log_head().hashes)) == (int(head["number"]), head["body"])
        markers = [marker for shard in range(OUTBOX_SHARDS) for marker in store.outbox(shard, 100)]
        assert {(one.place, one.subject, one.kind, str(one.seq), one.hash, one.unit, one.before) for one in markers} == {
            (row["sk"], row["subject"], row["kind"], row["seq"], row["hash"], row.get("unit"), row.get("before"))
            for row in rows("log", pk=f"{log}OUTBOX")
        }
        leaves = store.leaves(0, store.log_head().size)
        assert len(leaves) == store.log_head().size > 0
        found = store.leaves_of([(one.subject, one.seq) for one in leaves])  # An entry's leaf stands before that of the register's number.
        assert found == {(one.subject, one.seq): number for number, one in reversed(list(enumerate(leaves)))}
    numbers = {row["unit"]: int(row["number"]) for row in rows("log", sk="REGISTER")}
    assert here.store.registered(list(numbers)) == numbers
    for unit, number in numbers.items():
        assert [one for one, _ in here.store.numbered_from(unit, 1, number)] == list(range(1, number + 1))


def watched(here: Town, now: datetime) -> None:
    """Read what is live."""
    store = here.store
    assert sorted(one for bucket in range(BEATS) for one in store.beating(bucket, None, 10)) == ["conn-1", "conn-2"]
    topics = [row["pk"].removeprefix("HEAD#") for row in rows("live", pk="HEAD#")]
    assert store.watched(topics, now) == {topic: not topic.startswith("alerts:") for topic in topics}
    subscriptions = [one for topic in topics for one in store.subscriptions(topic, now)]
    assert {one.connection for one in subscriptions} == {"conn-1", "conn-2"}
    for one in subscriptions:
        connection = store.connection(one.connection, now)
        assert connection
        assert connection.phase is Phase.ACKNOWLEDGED
        assert store.begin(Operation(one.connection, "1", now + timedelta(hours=1)), 10, now) is Began.DUPLICATE
    owed = [one for lane in range(LANES) for one in store.owed(lane, now + timedelta(days=9), None, 100)]
    assert len(owed) == len(rows("live", pk="OWED#"))
    assert {one.subscription.connection for one in owed if one.subscription} == {"conn-1", "conn-2"}
    fed = [one.place for topic in topics for one in store.fed(topic, "0", None, 100)]
    assert sorted(fed) == sorted(row["sk"] for row in rows("live", pk="FEED#"))
    assert store.place("stream", "shard-1") == "position-1"
    assert (store.swept(), store.stuck()) == ("2036-06-09T03", ["2036-06-08T18"])
    tombstone = Operation("conn-2", "2", now + timedelta(hours=1))
    assert store.begin(tombstone, 10, now) is Began.COMPLETED


def registered(here: Town) -> None:
    """Read the register."""
    store = here.store
    bodies = {(row["pk"], row["sk"]): json.loads(row["body"]) for row in rows("register")}
    for (pk, sk), body in bodies.items():
        kind, _, code = pk.partition("#")
        match kind, sk[:2]:
            case "PROCEDURE", "V#":
                assert body["version"] in [one.version for one in store.versions(code)]
            case "UNIT" | "POINT" | "OFFICER", _:
                found = getattr(store, kind.lower())(code)
                assert (found.code, found.unit if kind != "UNIT" else found.parent) == (code, body.get("unit", body.get("parent")))
            case "CALENDAR", _:
                assert date.fromisoformat(sk) in [one.day for one in store.calendar().overrides]
            case "INCIDENTS", _:
                assert sk in [one.incident for one in store.incidents(code, closed=True)]
            case "NOTE", _:
                assert store.noted(code) == body["text"]
    for (kind, of), count in Counter(row["list_key"].partition("#")[::2] for row in rows("register", list_key="")).items():
        assert len(in_order(store, kind, of)) == count


def in_order(store: DynamoStore, kind: str, of: str) -> Sequence[object]:
    """Give a list of the register."""
    match kind:
        case "UNITS":
            return store.units_below(None if of == items.NONE else of, ALL)
        case "POINTS":
            return store.points_of(of, ALL)
        case "OFFICERS":
            return store.officers_of(of, ALL)
        case _:
            by, _, name = of.partition("#")
            return store.procedures(DossierKind(name) if by == "KIND" else None, name if by == "FIELD" else None, ALL)


# By the schema.


def test_dossiers_are_shown_as_they_stand(first: Town) -> None:
    for row in rows("subjects", kind="dossier"):
        dossier = first.held(row["pk"]).dossier
        shown = first.asked(DOSSIER, "INSPECTOR", None, code=dossier.code)["dossier"]
        entries = first.store.entries(row["pk"], 0, 1000)
        assert (shown["state"], shown["version"], shown["entries"]) == (dossier.state, dossier.version, int(row["entries"]))
        assert [(one["seq"], one["action"]) for one in shown["trail"]["nodes"]] == [(one.seq, one.body["action"]) for one in entries]
        assert [one["level"] for one in shown["alerts"]] == [one.level for one in dossier.alerts]
        assert len(shown["accesses"]["nodes"]) == len(rows("accesses", subject=row["pk"]))
        if dossier.applicant:
            assert shown["applicant"]["name"] == (None if dossier.erased else "T***")


def test_lists_and_what_else_has_a_chain_are_shown(first: Town) -> None:
    mine = [first.held(row["pk"]).dossier for row in rows("subjects", unit_key="22-XD#")]
    shown = first.asked(LIST, "HEAD", None, unit="22-XD")
    assert {(one["code"], one["state"]) for one in shown["dossiers"]["nodes"]} == {(one.code, one.state) for one in mine}
    assert len(shown["alerts"]["nodes"]) == len(rows("alerts", number="A#", unit_key="22-XD#"))
    for kind in ("task", "incident", "export", "inspection"):
        for row in rows("subjects", kind=kind):
            id_ = global_id(kind, row["pk"])
            answers = [first.asked(NODE, who, None, id=id_)["node"] for who in ("HEAD", "INSPECTOR")]
            assert {"__typename": kind.capitalize(), "id": id_} in answers
    (row,) = rows("subjects", kind="procedure")
    (version,) = [json.loads(one["body"]) for one in rows("register", pk="PROCEDURE#XD-09", sk="V#")]
    found = first.asked("query($code: ID!) { procedure(code: $code) { code version legalBasis } }", None, None, code="XD-09")
    assert found["procedure"] == {"code": "XD-09", "version": 1, "legalBasis": version["legal_basis"]}


DOSSIER = """query($code: ID!) { dossier(code: $code) { state version entries applicant { name } alerts { level }
    trail(first: 100) { nodes { seq action changes { field from to } } } accesses(first: 100) { nodes { kind } } } }"""
NODE = "query($id: ID!) { node(id: $id) { __typename id } }"
LIST = """query($unit: ID!) { dossiers(filter: { unit: $unit }, first: 100) { nodes { code state } }
    alerts(unit: $unit, first: 100) { nodes { level } } }"""


# And on they go.


def test_dossiers_are_moved_on_and_every_export_verifies(first: Town) -> None:
    subjects_of = {first.held(row["pk"]).dossier.state: first.held(row["pk"]) for row in rows("subjects", kind="dossier")}
    assert {State.SUBMITTED, State.IN_PROCESS, State.AWAITING_PAYMENT, State.DECIDED, State.DELIVERED} < subjects_of.keys()
    codes = {state: held.dossier.code for state, held in subjects_of.items()}
    first.done("receiveDossier", "RECEPTION", dossier=codes[State.SUBMITTED], checked=["FORM", "DEED"])
    first.done("recordPayment", "RECEPTION", dossier=codes[State.AWAITING_PAYMENT], reference="BL-2", online=False)
    first.done("deliverResult", "RECEPTION", dossier=codes[State.DECIDED], medium="PAPER", reference="13/GPXD")
    first.done("rateDossier", "CITIZEN", dossier=codes[State.DELIVERED], score=5)
    first.later(days=40)
    (waiting,) = [row for row in rows("subjects", kind="task") if "due_bucket" in row]
    first.worked(waiting["pk"])
    for row in rows("subjects", kind="dossier"):
        first.noticed(first.held(row["pk"]).dossier.code)
    first.pumped()
    grown = {held.id: first.held(held.id).tip.seq - held.tip.seq for held in subjects_of.values()}
    assert all(grown[subjects_of[state].id] for state in codes if state not in {State.REFUSED, State.STOPPED, State.WITHDRAWN})
    for state, code in codes.items():
        report = first.verified(first.exported(dossier=code), Scope("DOSSIER", subjects_of[state].id), deep=True)
        assert (report.failure, report.entries) == (None, first.held(subjects_of[state].id).tip.seq)
    report = first.verified(first.exported(), Scope("ALL"), deep=True)
    assert report.failure is None
    assert report.subjects > len(rows("subjects", sk="STATE"))
    assert first.store.log_head().size > int(rows("log", pk="LOG")[0]["number"])


# Every kind.


NO_KEYS = {"POST", "TOTAL", "S", "T"}  # of the adapter's words in capitals those of requests, of the engine's types and of its own


def test_an_item_of_every_kind_is_kept() -> None:
    """What the adapter writes into keys, and keeps in a status, are words in capitals: each has an example."""
    written = {
        word
        for file in Path(dynamo.__path__[0]).glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for word in node.value.split("#")
        if re.fullmatch("[A-Z]+", word)
    }
    there = {word for table in ITEMS for row in rows(table) for text in row.values() if isinstance(text, str) for word in text.split("#")}
    assert written - NO_KEYS <= there
    assert not NO_KEYS & there
    kinds = {value for name, value in vars(subjects).items() if name.isupper() and isinstance(value, str)}
    assert {row["kind"] for row in rows("subjects", sk="STATE")} == kinds


def test_every_table_has_forms_and_every_attribute_an_example() -> None:
    assert FORMS.keys() == MODELS.keys() == ITEMS.keys()
    for table, model in MODELS.items():
        assert {name for row in rows(table) for name in row} == model.get_attributes().keys()
        assert {row["v"] for row in rows(table)} == {"1"}
