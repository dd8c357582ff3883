"""What tests of every package share."""

from collections.abc import Iterator

import boto3
import pytest

from casework.adapters.dynamo import DynamoStore
from casework.ports import Services
from local import engine as engines
from local import tables
from local.home import QUICK, REGION, prepare_credentials
from local.seeding import seed
from tests.support import Client, Issuer, RecordingCourier, SettableClock, services_over


@pytest.fixture(scope="session")
def engine() -> Iterator[engines.Engine]:
    """One engine in memory for the whole session: a test keeps to its own stage or its own keys."""
    with engines.start(None) as running:
        yield running


@pytest.fixture(scope="session")
def store(engine: engines.Engine) -> DynamoStore:
    """The store of this process, with the register in it. Tests open dossiers of their own."""
    prepare_credentials()
    tables.create(boto3.client("dynamodb", endpoint_url=engine.endpoint, region_name=REGION, config=QUICK), "test")
    found = DynamoStore("test", region=REGION, endpoint=engine.endpoint)
    seed(found)
    return found


@pytest.fixture(scope="session")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def courier() -> RecordingCourier:
    return RecordingCourier()


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def services(store: DynamoStore, issuer: Issuer, courier: RecordingCourier, clock: SettableClock) -> Services:
    return services_over(store, issuer, courier, clock)


@pytest.fixture
def client(services: Services, issuer: Issuer) -> Client:
    return Client(services, issuer)
