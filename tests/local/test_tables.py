from typing import TYPE_CHECKING

import pytest

from local import tables
from local.engine import Engine
from tests.local.test_engine import client

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

STAGE = "tables-test"
NAMES = {"subjects", "trail", "disclosures", "due", "log", "live", "register"}


@pytest.fixture
def made(engine: Engine) -> "DynamoDBClient":
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
