"""The pynamodb models against `infra/tables.yml`, which is the only list of tables."""

from typing import Any

import pytest
from pynamodb.attributes import Attribute

from casework.adapters.dynamo import DynamoStore
from casework.adapters.dynamo.models import MODELS
from local.tables import definitions

TABLES = {table["TableName"].rpartition("-")[2]: table for table in definitions("test")}
TYPES = {"S": "S", "N": "N"}


def keys(schema: list[dict[str, str]]) -> dict[str, str]:
    return {part["KeyType"]: part["AttributeName"] for part in schema}


def model_keys(holder: type) -> dict[str, str]:
    """Give the keys of a model or of an index."""
    attributes = [attribute for attribute in vars(holder).values() if isinstance(attribute, Attribute)]
    kinds = {"HASH": "is_hash_key", "RANGE": "is_range_key"}
    return {kind: attribute.attr_name for kind, flag in kinds.items() for attribute in attributes if getattr(attribute, flag)}


def test_each_table_has_a_model_and_each_model_a_table() -> None:
    assert set(MODELS) == set(TABLES)


@pytest.mark.parametrize("name", MODELS)
def test_keys_are_those_of_the_table(name: str) -> None:
    assert model_keys(MODELS[name]) == keys(TABLES[name]["KeySchema"])


@pytest.mark.parametrize("name", MODELS)
def test_a_bound_model_is_named_as_the_table(store: DynamoStore, name: str) -> None:
    assert store
    meta: Any = MODELS[name].Meta
    assert meta.table_name == TABLES[name]["TableName"]


@pytest.mark.parametrize("name", MODELS)
def test_indexes_are_those_of_the_table(name: str) -> None:
    wanted = {
        index["IndexName"]: (keys(index["KeySchema"]), index["Projection"]["ProjectionType"])
        for index in TABLES[name].get("GlobalSecondaryIndexes", [])
    }
    found = {
        index.Meta.index_name: (model_keys(type(index)), index.Meta.projection.projection_type) for index in MODELS[name]._indexes.values()
    }
    assert found == wanted


@pytest.mark.parametrize("name", MODELS)
def test_every_key_is_an_attribute_of_the_same_type(name: str) -> None:
    attributes = {attribute.attr_name: attribute.attr_type for attribute in MODELS[name].get_attributes().values()}
    for defined in TABLES[name]["AttributeDefinitions"]:
        assert attributes[defined["AttributeName"]] == TYPES[defined["AttributeType"]]


@pytest.mark.parametrize("name", MODELS)
def test_what_expires_is_a_number_of_the_model(name: str) -> None:
    attributes = {attribute.attr_name: attribute.attr_type for attribute in MODELS[name].get_attributes().values()}
    ttl = TABLES[name].get("TimeToLiveSpecification")
    assert (ttl is not None) is ("expires_at" in attributes)
    if ttl:
        assert ttl == {"AttributeName": "expires_at", "Enabled": True}
        assert attributes[ttl["AttributeName"]] == "N"


@pytest.mark.parametrize("name", MODELS)
def test_every_item_carries_version_and_province(name: str) -> None:
    attributes = MODELS[name].get_attributes()
    assert not attributes["v"].null
    assert not attributes["province"].null


def test_the_keys_of_optional_index_entries_may_be_absent() -> None:
    assert MODELS["trail"].get_attributes()["actor_month"].null  # people only
    assert MODELS["subjects"].get_attributes()["applicant_key"].null
    assert MODELS["subjects"].get_attributes()["officer_key"].null
    assert MODELS["subjects"].get_attributes()["point_key"].null  # on no counter's pile
    assert MODELS["subjects"].get_attributes()["unit_key"].null  # what is no dossier
    assert MODELS["register"].get_attributes()["list_key"].null  # what is in no list
