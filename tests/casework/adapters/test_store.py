"""The store on the real engine: one transaction or nothing, races told apart, numbers drawn once."""

import contextlib
import random
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest
from pynamodb.exceptions import (
    CancellationReason,
    DeleteError,
    GetError,
    PutError,
    PynamoDBException,
    QueryError,
    TransactWriteError,
    UpdateError,
    VerboseClientError,
)
from pynamodb.transactions import TransactWrite

from casework.actions.procedures import Publishing, publish
from casework.adapters.dynamo import DynamoStore, connections
from casework.adapters.dynamo.connections import TRIES
from casework.adapters.dynamo.items import due_sort
from casework.adapters.dynamo.models import LiveItem, SubjectItem
from casework.adapters.dynamo.register import RegisterTable
from casework.audit.chain import reopened
from casework.audit.disclosure import digest_of, opened
from casework.live.cohorts import Cohort, Owed, Status, Subscription
from casework.live.connection import Began, Connection, Operation, Phase
from casework.live.feeds import Fed
from casework.model.errors import Contended, Corrupt, Unavailable
from casework.model.packing import moment
from casework.model.parties import Role, Viewer
from casework.model.record import DossierId
from casework.model.workdays import legal_day
from casework.ports import Change, Held, Index, Partition, Raced, Repeat, Seen, Services, Span, Store
from local.engine import Engine
from local.home import REGION
from tests.casework.adapters.laid import dossier, laid
from tests.support import SUBMISSION, Client, Issuer, present

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

WRITTEN = ("subjects", "trail", "disclosures", "due", "log")


@dataclass
class Holding:
    """A store that keeps the changes it is asked to commit, and commits none."""

    store: DynamoStore
    changes: list[Change] = field(default_factory=list)

    def commit(self, change: Change, now: datetime) -> None:
        del now
        self.changes.append(change)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the store has
        return getattr(self.store, name)


@pytest.fixture
def tables(engine: Engine, store: DynamoStore) -> "DynamoDBClient":
    assert store
    return boto3.client("dynamodb", endpoint_url=engine.endpoint, region_name=REGION)


def changed(services: Services, issuer: Issuer, store: DynamoStore, name: str, who: str, **given: Any) -> Change:  # noqa: ANN401 - JSON
    """Give the change that a move would commit, uncommitted."""
    holding = Holding(store)
    client = Client(replace(services, store=cast("Store", holding)), issuer)
    if name == "submitDossier":
        client.submitted(**given)
    else:
        client.move(name, who, **given)
    (change,) = holding.changes
    return change


def counts(tables: "DynamoDBClient") -> Mapping[str, int]:
    found = {}
    for name in WRITTEN:
        pages = tables.get_paginator("scan").paginate(TableName=f"giamsat-test-{name}", Select="COUNT")
        found[name] = sum(page["Count"] for page in pages)
    return found


def grown(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    return {name: after[name] - before[name] for name in WRITTEN}


def held(store: DynamoStore, code: str) -> Held:
    subject = store.coded(code)
    assert subject
    found = store.held(subject)
    assert found
    return found


def lead() -> dict[str, Any]:
    """Say who is to lead a dossier."""
    due = (present() + timedelta(days=3)).isoformat()
    clear = {"task": "t", "responsibility": "r", "dueAt": due, "expectedResult": "e"}
    return {"role": "LEAD", "unit": "22-XD", "officer": "officer-1", **clear}


# Commits.


def test_a_first_change_writes_all_of_its_items_and_reads_back(
    services: Services, issuer: Issuer, store: DynamoStore, tables: "DynamoDBClient"
) -> None:
    change = changed(services, issuer, store, "submitDossier", "CITIZEN")
    before = counts(tables)
    store.commit(change, services.now())
    assert grown(before, counts(tables)) == {"subjects": 3, "trail": 1, "disclosures": 1, "due": 0, "log": 1}
    subject = change.after.id
    assert store.held(subject) == change.after
    assert store.coded(change.after.dossier.code) == subject
    assert store.entries(subject, 0, 10) == [change.entry]
    assert dict(store.disclosed(subject)) == dict(change.disclosures)
    again, memory = store.held_with_memory(subject, change.memory.scope, change.memory.key)
    assert again is None or again == change.after
    assert memory
    assert memory.expires_at
    assert change.memory.expires_at
    assert memory == replace(change.memory, expires_at=change.memory.expires_at.replace(microsecond=0))


def test_a_change_twice_is_seen_and_writes_nothing(
    services: Services, issuer: Issuer, store: DynamoStore, tables: "DynamoDBClient"
) -> None:
    change = changed(services, issuer, store, "submitDossier", "CITIZEN")
    store.commit(change, services.now())
    before = counts(tables)
    with pytest.raises(Seen):
        store.commit(change, services.now())
    assert counts(tables) == before


def test_a_change_that_takes_its_due_row_away_twice_is_seen(client: Client, services: Services, issuer: Issuer, store: DynamoStore) -> None:
    change = changed(services, issuer, store, "decideDossier", "HEAD", dossier=client.assigned(), outcome="GRANTED")
    store.commit(change, services.now())
    with pytest.raises(Seen):
        store.commit(change, services.now())


def test_the_second_of_two_changes_of_one_state_is_raced_and_writes_nothing(
    client: Client, services: Services, issuer: Issuer, store: DynamoStore, tables: "DynamoDBClient"
) -> None:
    code = client.assigned()
    first = changed(services, issuer, store, "decideDossier", "HEAD", dossier=code, outcome="GRANTED", reason="một")
    second = changed(services, issuer, store, "decideDossier", "OFFICER", dossier=code, outcome="REJECTED", reason="hai")
    before = counts(tables)
    store.commit(first, services.now())
    assert grown(before, counts(tables)) == {"subjects": 1, "trail": 1, "disclosures": 1, "due": -1, "log": 1}
    before = counts(tables)
    with pytest.raises(Raced):
        store.commit(second, services.now())
    assert counts(tables) == before
    assert store.held(first.after.id) == first.after
    assert not set(second.disclosures) & set(store.disclosed(first.after.id))
    assert store.held_with_memory(first.after.id, second.memory.scope, second.memory.key)[1] is None


def test_a_dossier_that_is_there_is_not_opened_again(
    services: Services, issuer: Issuer, store: DynamoStore, tables: "DynamoDBClient"
) -> None:
    change = changed(services, issuer, store, "submitDossier", "CITIZEN")
    store.commit(change, services.now())
    other = replace(change, repeat=replace(change.memory, key="another"))
    twin = changed(services, issuer, store, "submitDossier", "CITIZEN")
    same_code = replace(twin, after=replace(twin.after, record=replace(twin.after.dossier, code=change.after.dossier.code)))
    before = counts(tables)
    for wrong in (other, same_code):
        with pytest.raises(Raced):
            store.commit(wrong, services.now())
    assert counts(tables) == before


def test_an_entry_is_never_overwritten(
    client: Client, services: Services, issuer: Issuer, store: DynamoStore, tables: "DynamoDBClient"
) -> None:
    code = client.assigned()
    change = changed(services, issuer, store, "completeStep", "OFFICER", dossier=code, step="CHECK")
    body = {**change.entry.body, "seq": 3}
    with pytest.raises(Raced):
        store.commit(replace(change, entry=replace(change.entry, seq=3, body=body)), services.now())
    row = tables.get_item(TableName="giamsat-test-trail", Key={"subject": {"S": change.after.id}, "seq": {"S": "E#00000003"}})
    assert reopened(row["Item"]["line"]["S"]).body["action"] == "ASSIGNED"


@pytest.mark.parametrize(("age", "free"), [(timedelta(seconds=-1), False), (timedelta(0), True), (timedelta(days=3), True)])
def test_a_memory_that_has_expired_may_be_written_over(  # at its very second, as the reader has it
    client: Client,
    services: Services,
    issuer: Issuer,
    store: DynamoStore,
    age: timedelta,
    free: bool,  # noqa: FBT001
) -> None:
    code = client.assigned()
    first = changed(services, issuer, store, "completeStep", "OFFICER", dossier=code, step="CHECK", idempotencyKey="again")
    now = services.now().replace(microsecond=0)
    store.commit(replace(first, repeat=replace(first.memory, expires_at=now - age)), now - timedelta(days=4))
    second = changed(services, issuer, store, "completeStep", "OFFICER", dossier=code, step="SITE")
    second = replace(second, repeat=replace(second.memory, key=first.memory.key))
    if not free:
        with pytest.raises(Seen):
            store.commit(second, now)
        return
    store.commit(second, now)
    memory = store.held_with_memory(second.after.id, second.memory.scope, second.memory.key)[1]
    assert memory
    assert memory.seq == second.entry.seq


def test_a_memory_without_an_end_is_kept_for_ever(client: Client, services: Services, issuer: Issuer, store: DynamoStore) -> None:
    code = client.assigned()
    first = changed(services, issuer, store, "completeStep", "OFFICER", dossier=code, step="CHECK")
    store.commit(replace(first, repeat=replace(first.memory, expires_at=None)), services.now())
    second = changed(services, issuer, store, "completeStep", "OFFICER", dossier=code, step="SITE")
    with pytest.raises(Seen):
        store.commit(replace(second, repeat=replace(second.memory, key=first.memory.key)), services.now() + timedelta(days=36_500))


# The due row.


def due_rows(tables: "DynamoDBClient", subject: str) -> list[dict[str, str]]:
    pages = tables.get_paginator("scan").paginate(TableName="giamsat-test-due")
    rows = [item for page in pages for item in page["Items"] if item["subject"]["S"] == subject]
    return [{name: item[name]["S"] for name in ("bucket", "moment", "level")} for item in rows]


def test_an_open_dossier_has_at_most_one_due_row_and_it_moves_along(client: Client, store: DynamoStore, tables: "DynamoDBClient") -> None:
    code = client.submitted()["dossier"]["code"]
    subject = held(store, code).id
    plan = [{"component": "PLAN", "legalBasis": "luật"}]
    assert due_rows(tables, subject) == []
    moves: list[tuple[str, str, dict[str, Any], int]] = [
        ("receiveDossier", "RECEPTION", {"checked": ["FORM", "DEED"]}, 1),
        ("assignDossier", "HEAD", lead(), 1),
        ("requestSupplement", "OFFICER", {"items": plan}, 0),
        ("supplyDocuments", "CITIZEN", {"documents": [{"component": "PLAN"}]}, 1),
        ("decideDossier", "HEAD", {"outcome": "GRANTED"}, 0),
    ]
    for name, who, given, rows in moves:
        assert client.move(name, who, dossier=code, **given)["errors"] == []
        found, key = due_rows(tables, subject), held(store, code).due
        assert len(found) == rows, name
        if rows:
            assert key
            assert found == [{"bucket": key.bucket, "moment": key.moment, "level": key.level}]
            assert key.level == "AT_RISK"
            hour, _, shard = key.bucket.partition("#")
            assert key.moment.startswith(hour)
            assert 0 <= int(shard) < 16
        else:
            assert key is None


def test_a_due_row_that_changes_its_place_leaves_the_old_one(
    client: Client, services: Services, issuer: Issuer, store: DynamoStore, tables: "DynamoDBClient"
) -> None:
    code = client.assigned()
    change = changed(services, issuer, store, "completeStep", "OFFICER", dossier=code, step="CHECK")
    assert change.after.due
    later = replace(
        change.after.due, bucket=f"2031-01-01T00#{change.after.due.bucket[-2:]}", moment=f"{moment(datetime(2031, 1, 1, tzinfo=UTC))}#x"
    )
    store.commit(replace(change, after=replace(change.after, due=later)), services.now())
    assert due_rows(tables, change.after.id) == [{"bucket": later.bucket, "moment": later.moment, "level": later.level}]
    assert held(store, code).due == later


def test_a_backdated_receipt_writes_no_row_behind_the_hour(client: Client, store: DynamoStore) -> None:
    code = client.submitted(channel="COUNTER")["dossier"]["code"]
    at = (present() - timedelta(days=90)).isoformat()
    done = client.move("receiveDossier", "RECEPTION", dossier=code, checked=["FORM", "DEED"], at=at, backdatingReason="sổ giấy")
    assert done["errors"] == []
    key = held(store, code).due
    assert key
    assert key.moment < moment(present() - timedelta(days=30))
    assert key.bucket[:13] >= moment(present() - timedelta(hours=1))[:13]


# What every item carries.


def test_every_item_carries_version_and_province(client: Client, tables: "DynamoDBClient") -> None:
    client.assigned()
    for name in (*WRITTEN, "register"):
        for page in tables.get_paginator("scan").paginate(TableName=f"giamsat-test-{name}"):
            for item in page["Items"]:
                assert item["v"] == {"N": "1"}, name
                assert item["province"]["S"], name


def test_only_people_have_an_actor_key_and_an_officer_one_place(client: Client, store: DynamoStore, tables: "DynamoDBClient") -> None:
    code = client.assigned()
    subject = held(store, code).id
    rows = tables.query(
        TableName="giamsat-test-trail", KeyConditionExpression="subject = :s", ExpressionAttributeValues={":s": {"S": subject}}
    )["Items"]
    assert [row.get("actor_month", {}).get("S", "").partition("#")[0] for row in rows] == ["", "reception-1", "head-1"]
    assert all(row["unit_month"]["S"].startswith("22-XD#20") for row in rows)
    state = tables.get_item(TableName="giamsat-test-subjects", Key={"pk": {"S": subject}, "sk": {"S": "STATE"}})["Item"]
    assert state["unit_key"]["S"] == "22-XD#OPEN"
    assert state["officer_key"]["S"] == "officer-1#OPEN"
    assert client.move("decideDossier", "HEAD", dossier=code, outcome="GRANTED")["errors"] == []
    state = tables.get_item(TableName="giamsat-test-subjects", Key={"pk": {"S": subject}, "sk": {"S": "STATE"}})["Item"]
    assert (state["unit_key"]["S"], state["province_key"]["S"]) == ("22-XD#CLOSED", "22#CLOSED")


def test_no_personal_value_is_outside_the_disclosures(client: Client, store: DynamoStore, tables: "DynamoDBClient") -> None:
    name = f"Lê Văn {secrets.token_hex(6)}"
    subject_ = f"citizen-{secrets.token_hex(6)}"
    given = {**SUBMISSION, "applicant": {"name": name}}
    done = client.move("submitDossier", "CITIZEN", subject_, **given)
    found = {opened(text) for text in store.disclosed(held(store, done["dossier"]["code"]).id).values()}
    assert found == {("applicant.name", name), ("account", subject_), ("identity", subject_)}
    for table in ("subjects", "trail", "due", "log"):
        for page in tables.get_paginator("scan").paginate(TableName=f"giamsat-test-{table}"):
            text = repr(page["Items"])
            assert name not in text
            assert subject_ not in text


# Reads.


def test_entries_between_two_numbers_in_either_order(client: Client, store: DynamoStore) -> None:
    code = client.assigned()
    subject = held(store, code).id
    asked: list[tuple[int, int, bool, int | None]] = [
        (0, 10, False, None), (1, 10, False, None), (0, 2, False, None), (0, 10, True, None), (0, 2, True, None), (1, 10, True, 3),
        (0, 10, False, 1), (3, 10, False, None), (5, 10, False, 3),
    ]  # fmt: skip
    seen = [
        [entry.seq for entry in store.entries(subject, after, limit, backwards=backwards, before=before)]
        for after, limit, backwards, before in asked
    ]
    assert seen == [[1, 2, 3], [2, 3], [1, 2], [3, 2, 1], [3, 2], [2], [], [], []]


def test_what_is_not_there_is_none(store: DynamoStore) -> None:
    nothing = DossierId("0" * 32)
    assert store.held(nothing) is None
    assert store.coded("22-XD-260101-9999") is None
    assert store.entries(nothing, 0, 10) == []
    assert store.disclosed(nothing) == {}
    assert store.held_with_memory(nothing, "scope", "key") == (None, None)
    assert store.remembered([("scope", "key")]) == {}
    assert store.remembered([]) == {}


def test_any_number_of_memories_is_found_at_once(client: Client, store: DynamoStore) -> None:
    codes = [client.received() for _ in range(3)]
    found = [held(store, code).id for code in codes]
    assert client.move("assignDossier", "HEAD", dossier=codes[0], idempotencyKey="x", **lead())["errors"] == []
    scopes = [(subject, f"assignDossier#{key}") for subject in found for key in ("x", *map(str, range(80)))]
    memories = store.remembered(scopes)
    assert list(memories) == [(found[0], "assignDossier#x")]
    assert isinstance(memories[found[0], "assignDossier#x"], Repeat)
    assert memories[found[0], "assignDossier#x"].seq == 3


def test_disclosures_go_by_their_digest(client: Client, store: DynamoStore) -> None:
    kept = store.disclosed(held(store, client.assigned()).id)
    assert len(kept) >= 5
    assert all(digest_of(text) == digest for digest, text in kept.items())


def test_the_disclosures_of_some_entries_are_those_that_came_with_them(client: Client, store: DynamoStore) -> None:
    first, second = (held(store, code).id for code in (client.assigned(), client.received()))
    brought = {seq: frozenset(store.entries(first, seq - 1, 1)[0].body["digests"]) for seq in (1, 2, 3)}
    assert len(brought[1]) >= 2
    assert len(brought[3]) >= 3
    found = store.disclosed_with({first: [3], second: {1, 2}})
    assert found[first].keys() == brought[3]
    assert {**found[second]} == {**store.disclosed(second)}
    assert {**store.disclosed_with({first: (3, 1)})[first]} == {**store.disclosed(first)}
    assert store.disclosed_with({first: [], "0" * 32: [1]}) == {first: {}, "0" * 32: {}}
    assert store.disclosed_with({}) == {}


# Numbers.


def test_numbers_are_drawn_once(store: DynamoStore) -> None:
    unit = f"U-{secrets.token_hex(4)}"
    with ThreadPoolExecutor(16) as pool:
        drawn = list(pool.map(lambda _: store.numbered(unit, "22", date(2026, 3, 2)), range(160)))
    assert sorted(drawn) == list(range(1, 161))
    assert store.numbered(unit, "22", date(2026, 3, 3)) == 1
    assert store.numbered(unit + "x", "22", date(2026, 3, 2)) == 1


# Lists.


def test_the_newest_entries_of_several_are_the_last_ones_of_each(client: Client, store: DynamoStore) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    chance = random.Random(seed)  # noqa: S311 - dossiers to be repeated by their seed
    ways = [lambda: client.submitted()["dossier"]["code"], client.received, client.assigned]
    codes = [way() for way in (*ways, *chance.choices(ways, k=5))]
    for _ in range(15):
        due = (present() + timedelta(days=3)).isoformat()
        client.move("assignDossier", "HEAD", dossier=chance.choice(codes), role="COORDINATING", unit="22-MT", task="t", expectedResult="e",
                    dueAt=due)  # fmt: skip
    lengths: dict[str, int] = {found.id: found.tip.seq for found in (held(store, code) for code in codes)}
    assert len(set(lengths.values())) > 2
    for count in (1, 2, 5, 40):
        wanted = {subject: store.entries(subject, 0, count, backwards=True) for subject in lengths}
        assert store.newest(lengths, count) == wanted
    behind = {subject: max(length - 1, 0) for subject, length in lengths.items()}  # as they were before the last entry
    assert store.newest(behind, 2) == {
        subject: store.entries(subject, 0, 2, backwards=True, before=length) for subject, length in lengths.items()
    }
    assert store.newest({}, 5) == {}
    assert store.newest({"0" * 32: 3, "1" * 32: 0}, 5) == {"0" * 32: [], "1" * 32: []}


def test_a_list_gives_dossiers_with_their_places_as_they_are_held(client: Client, store: DynamoStore) -> None:
    codes = [client.submitted()["dossier"]["code"], client.received(), client.assigned()]
    found = [held(store, code) for code in codes]
    halves = [Partition(Index.UNIT, "22-XD#OPEN"), Partition(Index.UNIT, "22-XD#CLOSED")]
    listed = {one.id: (place, one) for place, one in store.listed(halves, Span(1000))}
    for one in found:
        assert listed[one.id] == (due_sort(one.dossier, one.id), one)
    assert store.listed([], Span(5)) == []


@pytest.mark.parametrize(("index", "key"), [
    (Index.UNIT, "22-XD#OPEN"), (Index.PROVINCE, "22#OPEN"), (Index.OFFICER, "officer-1#OPEN"), (Index.POINT, None),
])  # fmt: skip
def test_each_index_has_what_belongs_there(client: Client, store: DynamoStore, index: Index, key: str | None) -> None:
    found = held(store, client.assigned())
    place = due_sort(found.dossier, found.id)
    around = Span(5, place[:-1], place + "x")
    for other, name in ((index, key), (index, "22-XD#CLOSED"), (Index.POINT, "22-MC#INTAKE"), (Index.POINT, "22-MC#DELIVERY")):
        if name is not None:
            rows = [one.id for _, one in store.listed([Partition(other, name)], around)]
            assert rows == ([found.id] if name == key else []), (other, name)


def test_an_applicants_list_is_under_a_key_of_the_service(client: Client, services: Services, store: DynamoStore) -> None:
    person = f"citizen-{secrets.token_hex(6)}"
    codes = [client.move("submitDossier", "CITIZEN", person, **SUBMISSION)["dossier"]["code"] for _ in range(3)]
    rows = store.listed([Partition(Index.APPLICANT, services.keys.applicant(person))], Span(9))
    assert sorted(one.dossier.code for _, one in rows) == sorted(codes)
    assert store.listed([Partition(Index.APPLICANT, person)], Span(9)) == []


def test_a_dossier_lies_on_a_counters_pile_while_it_waits_there(client: Client, store: DynamoStore) -> None:
    code = client.submitted(deliveryPoint="22-CN1")["dossier"]["code"]
    subject = held(store, code).id

    def piles() -> list[str]:
        names = [f"{point}#{pile}" for point in ("22-MC", "22-CN1") for pile in ("INTAKE", "DELIVERY")]
        place = due_sort(held(store, code).dossier, subject)
        span = Span(5, place[:-1], place + "x")
        return [name for name in names if any(one.id == subject for _, one in store.listed([Partition(Index.POINT, name)], span))]

    moves: list[tuple[str, str, str | None, dict[str, Any], list[str]]] = [
        ("receiveDossier", "RECEPTION", None, {"checked": ["FORM", "DEED"]}, []),
        ("assignDossier", "HEAD", None, lead(), []),
        ("decideDossier", "HEAD", None, {"outcome": "GRANTED"}, ["22-CN1#DELIVERY"]),
        ("reopenDossier", "HEAD", None, {"reason": "sai"}, []),
        ("decideDossier", "HEAD", None, {"outcome": "GRANTED"}, ["22-CN1#DELIVERY"]),
        ("deliverResult", "RECEPTION", "22-CN1-1", {"medium": "PAPER"}, []),
    ]
    assert piles() == ["22-MC#INTAKE"]
    for name, who, person, given, wanted in moves:
        assert client.move(name, who, person, dossier=code, **given)["errors"] == []
        assert piles() == wanted, name
    other = client.submitted()["dossier"]["code"]
    assert client.move("withdrawDossier", "CITIZEN", dossier=other)["errors"] == []
    assert SubjectItem.get(held(store, other).id, "STATE").point_key is None


# What a change brings to the register.


def test_a_publication_stands_in_the_register_with_its_entry(services: Services, store: DynamoStore, tables: "DynamoDBClient") -> None:
    code = f"P-{secrets.token_hex(4)}"
    first = replace(store.versions("XD-01")[0], code=code, field=code)
    store.register([first], "VN")
    elsewhere = RegisterTable(store._engine, store._reader)
    assert store.versions(code) == elsewhere.versions(code) == (first,)
    holding = Holding(store)
    today = legal_day(services.now())
    with contextlib.suppress(Contended):
        publish(
            replace(services, store=cast("Store", holding)),
            Viewer(Role.ADMIN, "admin-1", ("22",)),
            replace(first, valid_from=today),
            Publishing("key", "test", {}),
        )
    (change,) = holding.changes
    before = counts(tables)
    store.commit(change, services.now())
    assert grown(before, counts(tables)) == {"subjects": 2, "trail": 1, "disclosures": 0, "due": 0, "log": 1}
    versions = store.versions(code)  # at once, and elsewhere within half a minute
    assert [(version.version, version.valid_from, version.valid_to) for version in versions] == [
        (1, first.valid_from, today - timedelta(1)), (2, today, None),
    ]  # fmt: skip
    assert change.register == versions
    assert elsewhere.versions(code) == (first,)
    assert store.procedures(None, code, Span(9)) == [code]
    assert store.held(change.after.id) == change.after
    before = counts(tables)
    with pytest.raises(Seen):
        store.commit(change, services.now())
    late = replace(change, repeat=replace(change.memory, key="another"), register=(replace(first, version=3),))
    with pytest.raises(Raced):
        store.commit(late, services.now())
    assert (counts(tables), store.versions(code)) == (before, versions)


# An engine that does not answer.


def cancelled(*codes: str | None, cause: str | None = None) -> TransactWriteError:
    """Give what pynamodb raises of a transaction."""
    answer = {"Error": {"Code": cause or "TransactionCanceledException", "Message": "no"}}
    reasons = [CancellationReason(code) if code else None for code in codes]
    return TransactWriteError("no", VerboseClientError(answer, "TransactWriteItems", {}, cancellation_reasons=reasons))


@pytest.mark.parametrize(("error", "wanted"), [
    (cancelled("ConditionalCheckFailed", "ConditionalCheckFailed"), Seen),
    (cancelled(None, "ConditionalCheckFailed"), Raced),
    (cancelled("TransactionConflict", None), Raced),
    (cancelled(None, None, "ThrottlingError"), Raced),
    (cancelled(None, "ProvisionedThroughputExceeded"), Raced),
    (cancelled(cause="TransactionInProgressException"), Raced),
    (cancelled(cause="ThrottlingException"), Raced),
    (cancelled(None, "ItemCollectionSizeLimitExceeded"), Unavailable),
    (cancelled(cause="ValidationException"), Unavailable),
    (cancelled(cause="InternalServerError"), Unavailable),
])  # fmt: skip
def test_why_a_transaction_wascancelled_is_told_apart(
    services: Services, issuer: Issuer, store: DynamoStore, monkeypatch: pytest.MonkeyPatch, error: TransactWriteError,
    wanted: type[Exception],
) -> None:  # fmt: skip
    change = changed(services, issuer, store, "submitDossier", "CITIZEN")

    def failing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("casework.adapters.dynamo.subjects.TransactWrite", failing)
    with pytest.raises(wanted):
        store.commit(change, services.now())


READS: dict[str, tuple[str, type[PynamoDBException], Callable[[DynamoStore], object]]] = {
    "held": ("SubjectItem.get", GetError, lambda store: store.held(DossierId("x"))),
    "coded": ("SubjectItem.get", GetError, lambda store: store.coded("x")),
    "remembered": ("SubjectItem.batch_get", GetError, lambda store: store.remembered([("x", "y")])),
    "numbered": ("SubjectItem.update", UpdateError, lambda store: store.numbered("x", "22", date(2026, 3, 2))),
    "entries": ("TrailItem.query", QueryError, lambda store: store.entries("x", 0, 1)),
    "disclosed": ("DisclosureItem.query", QueryError, lambda store: store.disclosed("x")),
}


@pytest.mark.parametrize("name", READS)
def test_a_read_that_fails_is_unavailable(store: DynamoStore, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    called, error, read = READS[name]

    def failing(*_: object, **__: object) -> None:
        raise error("no")

    monkeypatch.setattr(f"casework.adapters.dynamo.subjects.{called}", failing)
    with pytest.raises(Unavailable, match="did not answer"):
        read(store)


def test_a_state_of_a_later_form_is_not_read(store: DynamoStore) -> None:
    (found,) = laid(store, [dossier(point="22-LATER")])
    item = SubjectItem.get(found.id, "STATE")
    item.update([SubjectItem.v.set(2)])
    with pytest.raises(Corrupt, match="of form 2, and this version reads forms up to 1: deploy"):
        store.held(found.id)
    with pytest.raises(Corrupt):
        store.listed([Partition(Index.POINT, "22-LATER#INTAKE")], Span(10))
    item.delete(add_version_condition=False)


# Connections.


@pytest.fixture
def connection(store: DynamoStore) -> Connection:
    made = Connection(f"conn-{secrets.token_hex(6)}", present().replace(microsecond=0) + timedelta(hours=2))
    store.connect(made)
    return made


def test_a_connection_is_acknowledged_once(store: DynamoStore, connection: Connection) -> None:
    now = present()
    assert store.connection(connection.id, now) == connection
    known = replace(connection, phase=Phase.ACKNOWLEDGED, viewer="hidden")
    assert store.acknowledge(known)
    assert not store.acknowledge(replace(known, viewer="another"))
    assert store.connection(connection.id, now) == known
    assert store.connection(connection.id, connection.expires_at) is None
    assert not store.acknowledge(replace(known, id="never-connected"))


def test_an_operation_begins_once(store: DynamoStore, connection: Connection) -> None:
    now = present()
    first, second, third = (Operation(connection.id, name, connection.expires_at) for name in "abc")
    assert store.begin(first, 2, now) is Began.FULL  # not acknowledged
    store.acknowledge(replace(connection, phase=Phase.ACKNOWLEDGED))
    assert store.begin(first, 2, now) is Began.BEGUN
    assert store.begin(first, 2, now) is Began.DUPLICATE
    assert store.begin(second, 2, now) is Began.BEGUN
    assert store.begin(third, 2, now) is Began.FULL
    assert store.end(connection.id, "a", now)
    assert not store.end(connection.id, "a", now)  # leaves a tombstone
    assert store.begin(third, 2, now) is Began.BEGUN
    assert store.begin(first, 3, now) is Began.COMPLETED
    assert store.begin(first, 3, now) is Began.BEGUN
    assert store.begin(Operation("never-connected", "a", connection.expires_at), 2, now) is Began.GONE


def test_going_live_asks_for_the_last_entry(client: Client, store: DynamoStore, connection: Connection) -> None:
    now = present()
    code = client.assigned()
    subject = held(store, code).id
    store.acknowledge(replace(connection, phase=Phase.ACKNOWLEDGED))
    store.begin(Operation(connection.id, "a", connection.expires_at), 5, now)
    row = Subscription(
        f"dossier:{subject}", Cohort("{}", None, "{}", "role:HEAD"), connection.id, "a", subject, "hidden", connection.expires_at
    )
    store.subscribe(row, now)
    assert store.watched([row.topic, "dossier:x", row.topic], now) == {row.topic: True}
    assert store.watched([row.topic], now + timedelta(days=8, seconds=1)) == {}
    assert not store.go_live(row, 2)
    assert store.subscriptions(row.topic, now) == [row]
    assert store.go_live(row, 3)
    assert store.subscriptions(row.topic, now) == [replace(row, status=Status.LIVE, seen=3)]
    assert client.move("completeStep", "OFFICER", dossier=code, step="CHECK")["errors"] == []
    assert not store.go_live(row, 3)
    store.disconnect(connection.id)
    assert store.subscriptions(row.topic, now) == []
    assert store.go_live(row, 4)  # nobody is left to be brought up to date
    assert store.subscriptions(row.topic, now) == []
    assert store.watched([row.topic], now) == {row.topic: False}


def test_a_subscription_whose_operation_was_completed_takes_its_row_back(store: DynamoStore, connection: Connection) -> None:
    now = present()
    row = Subscription(
        f"dossier:{secrets.token_hex(16)}", Cohort("{}", None, "{}", "s"), connection.id, "a", "x", "hidden", connection.expires_at
    )
    store.subscribe(row, now)  # there is no such operation
    assert store.subscriptions(row.topic, now) == []
    assert store.watched([row.topic], now) == {row.topic: False}


def test_any_number_of_topics_is_asked_for_at_once(store: DynamoStore) -> None:
    assert store.watched([f"dossier:{number}" for number in range(250)], present()) == {}
    assert store.watched([], present()) == {}


def test_a_follower_keeps_its_place(store: DynamoStore) -> None:
    follower = f"follower-{secrets.token_hex(4)}"
    assert store.place(follower, "shard-1") is None
    for position in ("1", "2"):
        store.keep_place(follower, "shard-1", position)
    assert (store.place(follower, "shard-1"), store.place(follower, "shard-2")) == ("2", None)


# Connections while the engine does not answer.


class UnreadError(Unavailable):
    """As the list reader tells it."""

    def __init__(self, _: str) -> None:
        super().__init__("the store did not answer")


def test_an_operation_that_begins_while_it_is_ended_is_ended(store: DynamoStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its end has seen nothing yet, and its tombstone is not to lie over what has begun meanwhile."""
    now = datetime.now(UTC).replace(microsecond=0)
    connection = Connection(f"c-{secrets.token_hex(4)}", now + timedelta(hours=1))
    store.connect(connection)
    assert store.acknowledge(replace(connection, phase=Phase.ACKNOWLEDGED))
    usual = connections._get
    begun: list[Began] = []

    def get(*key: str) -> Any:  # noqa: ANN401 - an item
        found = usual(*key)
        if not begun:
            begun.append(store.begin(Operation(connection.id, "a", connection.expires_at), 5, now))
        return found

    monkeypatch.setattr(connections, "_get", get)
    assert store.end(connection.id, "a", now), "it stood, and is over"
    assert begun == [Began.BEGUN]
    assert store.begin(Operation(connection.id, "a", connection.expires_at), 1, now) is Began.BEGUN, "there is room, and no tombstone"
    store.disconnect(connection.id)


@pytest.mark.parametrize("conflicts", [1, TRIES - 1, TRIES])
def test_a_write_that_meets_another_is_made_again(store: DynamoStore, monkeypatch: pytest.MonkeyPatch, conflicts: int) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    connection = Connection(f"c-{secrets.token_hex(4)}", now + timedelta(hours=1))
    store.connect(connection)
    assert store.acknowledge(replace(connection, phase=Phase.ACKNOWLEDGED))
    left = [conflicts]

    class Meeting(TransactWrite):
        def __exit__(self, *how: object) -> None:
            if left[0]:
                left[0] -= 1
                raise cancelled("TransactionConflict", None)
            super().__exit__(*how)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(connections, "TransactWrite", Meeting)
    monkeypatch.setattr(connections, "REST_S", 0)

    def begin() -> Began:
        return store.begin(Operation(connection.id, "a", connection.expires_at), 5, now)

    if conflicts < TRIES:
        assert begin() is Began.BEGUN
    else:
        with pytest.raises(Unavailable):
            begin()
    store.disconnect(connection.id)


BOUND = Subscription("dossier:x", Cohort("{}", None, "{}", "s"), "c", "a", "x", "hidden", datetime(2099, 1, 1, tzinfo=UTC))
LIVE: dict[str, tuple[str, type[Exception], Callable[[DynamoStore, datetime], object]]] = {
    "connect": ("LiveItem.save", PutError, lambda store, now: store.connect(Connection("c", now))),
    "connection": ("LiveItem.get", GetError, lambda store, now: store.connection("c", now)),
    "acknowledge": ("LiveItem.update", UpdateError, lambda store, now: store.acknowledge(Connection("c", now))),
    "begin": ("TransactWrite", TransactWriteError, lambda store, now: store.begin(Operation("c", "a", now), 1, now)),
    "subscribe": ("LiveItem.update", UpdateError, lambda store, now: store.subscribe(BOUND, now)),
    "go live": ("TransactWrite", TransactWriteError, lambda store, now: store.go_live(BOUND, 1)),
    "end": ("LiveItem.get", GetError, lambda store, now: store.end("c", "a", now)),
    "disconnect": ("LiveItem.query", QueryError, lambda store, now: store.disconnect("c")),
    "watched": ("LiveItem.batch_get", GetError, lambda store, now: store.watched(["x"], now)),
    "put back": ("LiveItem.get", GetError, lambda store, now: store.put_back(BOUND, now, "0")),
    "moved": ("LiveItem.update", UpdateError, lambda store, now: store.moved(BOUND, BOUND.replays(now, "0"))),
    "paid": ("LiveItem.delete", DeleteError, lambda store, now: store.paid(Owed(0, "0", None))),
    "feed": ("LiveItem.save", PutError, lambda store, now: store.feed("unit:x", Fed(now, "s", 1))),
    "subscriptions": ("Reader.rows", UnreadError, lambda store, now: store.subscriptions("x", now)),
    "place": ("LiveItem.get", GetError, lambda store, now: store.place("f", "s")),
    "keep place": ("LiveItem.save", PutError, lambda store, now: store.keep_place("f", "s", "1")),
}


@pytest.mark.parametrize("name", LIVE)
def test_connections_tell_an_engine_that_does_not_answer(store: DynamoStore, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    called, error, read = LIVE[name]

    def failing(*_: object, **__: object) -> None:
        raise error("no")

    monkeypatch.setattr(f"casework.adapters.dynamo.connections.{called}", failing)
    with pytest.raises(Unavailable, match="did not answer"):
        read(store, present())


@pytest.mark.parametrize("there", [True, False])
def test_an_operation_that_another_ends_meanwhile_has_ended(
    store: DynamoStore, connection: Connection, monkeypatch: pytest.MonkeyPatch, there: bool  # noqa: FBT001
) -> None:  # fmt: skip
    now = present()
    store.acknowledge(replace(connection, phase=Phase.ACKNOWLEDGED))
    assert store.begin(Operation(connection.id, "a", connection.expires_at), 2, now) is Began.BEGUN
    row = replace(BOUND, topic=f"dossier:{secrets.token_hex(16)}", connection=connection.id, expires_at=connection.expires_at)
    store.subscribe(row, now)
    get = LiveItem.get.__func__  # type: ignore[attr-defined] # a class method has it

    def late(cls: type[LiveItem], /, *keys: str, **options: bool) -> LiveItem:
        found: LiveItem = get(cls, *keys, **options)
        monkeypatch.undo()
        store.end(connection.id, "a", now) if there else store.disconnect(connection.id)
        return found

    monkeypatch.setattr(LiveItem, "get", classmethod(late))
    assert not store.end(connection.id, "a", now)
    assert (store.subscriptions(row.topic, now), store.watched([row.topic], now)) == ([], {row.topic: False})
