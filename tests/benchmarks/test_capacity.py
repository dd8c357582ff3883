"""AWS's arithmetic of units, against examples worked by hand, and against the engine where its count is AWS's: outside transactions."""

import boto3
import pytest

from benchmarks import capacity
from benchmarks.capacity import Item, Written
from casework.adapters.dynamo import DynamoStore
from casework.adapters.dynamo.models import SubjectItem
from local.engine import Engine
from local.home import QUICK, REGION

BY_UNIT = ("unit_key", "due_sort")


def item(length: int, **more: str) -> Item:
    """Give an item whose text has that many bytes."""
    return {name: {"S": text} for name, text in {"pk": "capacity", "sk": "x", "state": "a" * length, **more}.items()}


def test_a_size_is_that_of_names_and_values() -> None:
    listed: Item = {"pk": {"S": "ữ"}, "n": {"N": "12345"}, "l": {"L": [{"S": "ab"}, {"S": "c"}]}}
    assert capacity.size(listed) == (2 + 3) + (1 + 4) + (1 + 3 + 3 + 2)


@pytest.mark.parametrize(
    ("before", "after", "transacted", "expected"),
    [
        (None, item(10), False, 1),
        (None, item(1500), False, 2),
        (item(1500), item(10), False, 2),
        (item(2500), None, True, 6),
        (None, None, True, 2),
    ],
)
def test_the_larger_of_before_and_after_counts(before: Item | None, after: Item | None, transacted: bool, expected: int) -> None:  # noqa: FBT001
    assert capacity.table(before, after, transacted=transacted) == Written(1, expected)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, item(10), []),
        (None, item(10, unit_key="a", due_sort="1"), [("a", 1)]),
        (item(10, unit_key="a", due_sort="1"), item(1500, unit_key="a", due_sort="1"), [("a", 2)]),
        (item(10, unit_key="a", due_sort="1"), item(10, unit_key="a", due_sort="1"), []),
        (item(1500, unit_key="a", due_sort="1"), item(10, unit_key="b", due_sort="1"), [("a", 2), ("b", 1)]),
        (item(10, unit_key="a", due_sort="1"), item(10, unit_key="a", due_sort="2"), [("a", 1), ("a", 1)]),
        (item(1500, unit_key="a", due_sort="1"), item(10), [("a", 2)]),
    ],
)
def test_an_index_pays_for_what_changes_in_it(
    before: Item | None, after: Item | None, expected: list[tuple[str, int]], engine: Engine, store: DynamoStore
) -> None:
    del store  # Its tables are there.
    found = capacity.index(BY_UNIT, before, after)
    assert found == [(key, Written(1, units)) for key, units in expected]
    client = boto3.client("dynamodb", endpoint_url=engine.endpoint, region_name=REGION, config=QUICK)
    table = str(SubjectItem.Meta.table_name)
    client.delete_item(TableName=table, Key={"pk": {"S": "capacity"}, "sk": {"S": "x"}})
    if before:
        client.put_item(TableName=table, Item=dict(before))
    assert after
    said = client.put_item(TableName=table, Item=dict(after), ReturnConsumedCapacity="TOTAL")["ConsumedCapacity"]["CapacityUnits"]
    client.delete_item(TableName=table, Key={"pk": {"S": "capacity"}, "sk": {"S": "x"}})  # It is no item of ours, and others read all.
    assert said == capacity.table(before, after, transacted=False).units + sum(units for _, units in expected)
