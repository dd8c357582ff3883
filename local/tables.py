"""Make the tables of `infra/tables.yml` on an endpoint: the file that the cloud deploys is the only list."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TEMPLATE = Path(__file__).parents[1] / "infra" / "tables.yml"
# What CreateTable takes as the template writes it; backups and protection mean nothing on one machine.
AS_WRITTEN = ("TableName", "BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")


def definitions(stage: str) -> list[dict[str, Any]]:
    """The properties of each table, with the stage's name filled in."""
    resources = yaml.safe_load(TEMPLATE.read_text(encoding="utf-8"))["Resources"]
    return [_resolved(resource["Properties"], stage) for resource in resources.values() if resource["Type"] == "AWS::DynamoDB::Table"]


def create(client: DynamoDBClient, stage: str) -> None:
    """Create what is missing; what exists is left as it is."""
    for table in definitions(stage):
        wanted = {name: table[name] for name in AS_WRITTEN if name in table}
        if "StreamSpecification" in table:
            wanted["StreamSpecification"] = {"StreamEnabled": True, **table["StreamSpecification"]}
        # One that exists still has its expiry looked at: the run before may have ended in between.
        with contextlib.suppress(client.exceptions.ResourceInUseException):
            client.create_table(**wanted)
        if "TimeToLiveSpecification" in table:
            _expire(client, table["TableName"], table["TimeToLiveSpecification"])


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
