import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from local import engine as engines
from local import tables
from local.faults import EngineFailed
from tests.local.test_engine import client

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

STAGE = "tables-test"
NAMES = {"subjects", "trail", "disclosures", "due", "alerts", "log", "accesses", "live", "register"}


@pytest.fixture(scope="module")
def engine() -> Iterator[engines.Engine]:
    """An engine of its own: to add an index, it reads every item of every table."""
    with engines.start(None) as running:
        yield running


@pytest.fixture
def made(engine: engines.Engine) -> "DynamoDBClient":
    connected = client(engine.endpoint)
    tables.create(connected, STAGE)
    return connected


def test_the_stage_names_the_tables() -> None:
    names = {table["TableName"] for table in tables.definitions("prod")}
    assert names == {f"giamsat-prod-{name}" for name in NAMES}


def test_every_table_is_protected_and_can_be_restored() -> None:
    for table in tables.definitions("prod"):
        assert table["DeletionProtectionEnabled"]
        assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
        assert table["SSESpecification"]["SSEEnabled"]


def test_each_table_exists_as_the_file_says(made: "DynamoDBClient") -> None:
    for table in tables.definitions(STAGE):
        present = made.describe_table(TableName=table["TableName"])["Table"]
        assert present["KeySchema"] == table["KeySchema"]
        assert {index["IndexName"] for index in present.get("GlobalSecondaryIndexes", [])} == {
            index["IndexName"] for index in table.get("GlobalSecondaryIndexes", [])
        }


def test_the_trail_streams_new_images(made: "DynamoDBClient") -> None:
    present = made.describe_table(TableName=f"giamsat-{STAGE}-trail")["Table"]
    assert present["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}


@pytest.mark.parametrize("name", ["subjects", "live"])
def test_what_expires_does(made: "DynamoDBClient", name: str) -> None:
    present = made.describe_time_to_live(TableName=f"giamsat-{STAGE}-{name}")["TimeToLiveDescription"]
    assert present["TimeToLiveStatus"] == "ENABLED"
    assert present["AttributeName"] == "expires_at"


def test_creating_again_is_harmless(made: "DynamoDBClient") -> None:
    made.put_item(TableName=f"giamsat-{STAGE}-log", Item={"pk": {"S": "a"}, "sk": {"S": "b"}})
    tables.create(made, STAGE)
    kept = made.get_item(TableName=f"giamsat-{STAGE}-log", Key={"pk": {"S": "a"}, "sk": {"S": "b"}})
    assert "Item" in kept


# Tables of an earlier version.

ADDED = {"by_province": ("province_key", "22#OPEN"), "by_point": ("point_key", "22-MC#INTAKE")}


@dataclass
class Watched:
    """A client that tells which indexes are asked for, and is cut off after one where it is told to."""

    client: "DynamoDBClient"
    cut: bool = False
    asked: list[str] = field(default_factory=list)

    def update_table(self, **given: Any) -> None:  # noqa: ANN401 - as boto3 takes it
        (update,) = given["GlobalSecondaryIndexUpdates"]
        self.asked.append(update["Create"]["IndexName"])
        self.client.update_table(**given)
        if self.cut:
            raise KeyboardInterrupt

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the client has
        return getattr(self.client, name)


@dataclass
class Earlier:
    """A table of subjects that an earlier version made, with dossiers in it, and how it is to be now."""

    name: str
    watched: Watched

    def create(self) -> None:
        tables.create(cast("DynamoDBClient", self.watched), STAGE)

    def listed(self, index: str) -> list[int]:
        attribute, key = ADDED[index]
        found = self.watched.client.query(
            TableName=self.name, IndexName=index, KeyConditionExpression=f"{attribute} = :key",
            ExpressionAttributeValues={":key": {"S": key}},
        )  # fmt: skip
        return [int(item["due_sort"]["S"]) for item in found["Items"]]


@pytest.fixture
def earlier(engine: engines.Engine, monkeypatch: pytest.MonkeyPatch) -> Earlier:
    table = next(table for table in tables.definitions(f"earlier-{secrets.token_hex(4)}") if table["TableName"].endswith("-subjects"))
    named = {index["IndexName"]: index for index in table["GlobalSecondaryIndexes"]}
    table["GlobalSecondaryIndexes"] = [named["by_unit"], *(named[name] for name in ADDED)]
    keys = ["pk", "sk", "due_sort", "unit_key", *(attribute for attribute, _ in ADDED.values())]
    table["AttributeDefinitions"] = [
        defined for name in keys for defined in table["AttributeDefinitions"] if defined["AttributeName"] == name
    ]
    connected = client(engine.endpoint)
    connected.create_table(
        TableName=table["TableName"], BillingMode=table["BillingMode"], KeySchema=table["KeySchema"],
        AttributeDefinitions=table["AttributeDefinitions"][:4], GlobalSecondaryIndexes=[named["by_unit"]],
    )  # fmt: skip
    for number in range(12):
        item = {"pk": f"{number:032x}", "sk": "STATE", "unit_key": "22-XD#OPEN", "province_key": "22#OPEN", "due_sort": f"{number:02d}"}
        item |= {} if number % 3 else {"point_key": "22-MC#INTAKE"}
        connected.put_item(TableName=table["TableName"], Item={name: {"S": text} for name, text in item.items()})
    monkeypatch.setattr(tables, "definitions", lambda _: [table])
    return Earlier(table["TableName"], Watched(connected))


def test_a_table_of_an_earlier_version_gets_the_indexes_that_it_lacks(earlier: Earlier) -> None:
    earlier.create()
    assert earlier.watched.asked == ["by_province", "by_point"]
    assert earlier.listed("by_province") == list(range(12))
    assert earlier.listed("by_point") == [0, 3, 6, 9]
    assert earlier.watched.describe_time_to_live(TableName=earlier.name)["TimeToLiveDescription"]["TimeToLiveStatus"] == "ENABLED"
    earlier.create()
    assert len(earlier.watched.asked) == 2


def test_indexes_that_were_cut_off_are_gone_on_with(earlier: Earlier) -> None:
    earlier.watched.cut = True
    with pytest.raises(KeyboardInterrupt):
        earlier.create()
    earlier.watched.cut = False
    earlier.create()
    assert earlier.watched.asked == ["by_province", "by_point"]
    assert (earlier.listed("by_province"), earlier.listed("by_point")) == (list(range(12)), [0, 3, 6, 9])


def test_an_index_that_does_not_become_ready_is_told(earlier: Earlier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "INDEX_S", -1)
    with pytest.raises(EngineFailed, match=rf"^index by_province of {earlier.name} is not ready after -1 s: start again$"):
        earlier.create()
