"""Make the tables of `infra/tables.yml` on an endpoint: the file that the cloud deploys is the only list."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from local.faults import EngineFailed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TEMPLATE = Path(__file__).parents[1] / "infra" / "tables.yml"
# What CreateTable takes as the template writes it; backups and protection mean nothing on one machine.
AS_WRITTEN = ("TableName", "BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
INDEX_S = 600  # for one index: the engine reads every item of the table
POLL_S = 0.1


def definitions(stage: str) -> list[dict[str, Any]]:
    """The properties of each table, with the stage's name filled in."""
    resources = yaml.safe_load(TEMPLATE.read_text(encoding="utf-8"))["Resources"]
    return [_resolved(resource["Properties"], stage) for resource in resources.values() if resource["Type"] == "AWS::DynamoDB::Table"]


def create(client: DynamoDBClient, stage: str) -> None:
    """Create what is missing, tables and indexes; what exists is left as it is.

    Raises:
        EngineFailed: an index does not become ready.
    """
    for table in definitions(stage):
        wanted = {name: table[name] for name in AS_WRITTEN if name in table}
        if "StreamSpecification" in table:
            wanted["StreamSpecification"] = {"StreamEnabled": True, **table["StreamSpecification"]}
        # One that exists is still looked at: an earlier version may have made it, or the run before have ended in between.
        try:
            client.create_table(**wanted)
        except client.exceptions.ResourceInUseException:
            _index(client, table)
        if "TimeToLiveSpecification" in table:
            _expire(client, table["TableName"], table["TimeToLiveSpecification"])


def _index(client: DynamoDBClient, table: dict[str, Any]) -> None:
    """Add the indexes that a table lacks, one at a time, as the engine takes them; one that was begun before is waited for."""
    name, missing = table["TableName"], {index["IndexName"]: index for index in table.get("GlobalSecondaryIndexes", ())}
    while True:
        for present in _indexes(client, name):
            missing.pop(present, None)
        if not missing:
            return
        index = missing[next(iter(missing))]
        keys = {key["AttributeName"] for key in index["KeySchema"]}
        client.update_table(
            TableName=name,
            AttributeDefinitions=[defined for defined in table["AttributeDefinitions"] if defined["AttributeName"] in keys],
            GlobalSecondaryIndexUpdates=[{"Create": index}],
        )


def _indexes(client: DynamoDBClient, name: str) -> list[str]:
    """Name the indexes that a table has, once they are all ready."""
    until = time.monotonic() + INDEX_S
    while True:
        present = client.describe_table(TableName=name)["Table"].get("GlobalSecondaryIndexes", [])
        begun = [index["IndexName"] for index in present if index["IndexStatus"] != "ACTIVE"]
        if not begun:
            return [index["IndexName"] for index in present]
        if time.monotonic() > until:
            raise EngineFailed(f"index {begun[0]} of {name} is not ready after {INDEX_S} s: start again")
        time.sleep(POLL_S)


def _expire(client: DynamoDBClient, name: str, wanted: Any) -> None:  # noqa: ANN401 - as the template has it.
    present = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    # To ask for what is already so is an error.
    if present.get("TimeToLiveStatus") not in {"ENABLING", "ENABLED"}:
        client.update_time_to_live(TableName=name, TimeToLiveSpecification=wanted)


def _resolved(node: Any, stage: str) -> Any:  # noqa: ANN401 - a template is any tree.
    match node:
        case {"Fn::Sub": str(text)}:
            return text.replace("${Stage}", stage)
        case {"Ref": "Stage"}:
            return stage
        case dict():
            return {key: _resolved(value, stage) for key, value in node.items()}
        case list():
            return [_resolved(value, stage) for value in node]
        case _:
            return node
