"""A store of a test module alone, for tests whose changes concern everybody: the calendar, or whatever dossiers there are."""

from collections.abc import Iterator
from contextlib import contextmanager

import boto3

from casework.adapters.dynamo import DynamoStore
from local import engine as engines
from local import tables
from local.home import QUICK, REGION
from tests.casework.test_wiring import bind_again
from tests.simulation.worlds import province


@contextmanager
def staged(stage: str, session: DynamoStore, engine: engines.Engine) -> Iterator[DynamoStore]:
    """Give a store with the register of one province in it; afterwards the models are bound to the session's tables again."""
    tables.create(boto3.client("dynamodb", endpoint_url=engine.endpoint, region_name=REGION, config=QUICK), stage)
    own = another(stage, engine)
    for name, things in province():
        own.register(things, name)
    try:
        yield own
    finally:
        bind_again(session, engine)


def another(stage: str, engine: engines.Engine) -> DynamoStore:
    """Give the store of a stage as another process has it: what it has read of the register is its own."""
    return DynamoStore(stage, region=REGION, endpoint=engine.endpoint)
