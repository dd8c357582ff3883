"""What the benchmarks share: the log they read, services on an engine of their own, percentiles."""

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import boto3

from casework.actions.imports import Log
from casework.adapters.dynamo import DynamoStore
from casework.model.errors import Unauthenticated
from casework.model.parties import Viewer
from casework.model.slip import Keys
from casework.ports import Services
from local import engine as engines
from local import eventlog, tables
from local.home import QUICK, REGION, NoCourier, prepare_credentials
from local.seeding import seed

RECEIPT = Path(__file__).parents[2] / "shared" / "data" / "receipt.csv"
SMALL = Path(__file__).parents[1] / "tests" / "data" / "permits.csv"


class NoTokens:
    """Benchmarks of the import need no token."""

    def read(self, token: str, now: datetime) -> tuple[Viewer, datetime]:
        """Refuse any."""
        del token, now
        raise Unauthenticated("there are no tokens here")


def log_of(cases: int) -> Log:
    """Give the first cases of the receipt-phase log, or the project's own small log where that is absent."""
    log = eventlog.read(RECEIPT if RECEIPT.exists() else SMALL)
    return replace(log, cases=log.cases[:cases])


@contextmanager
def engine_on_disk() -> Iterator[engines.Engine]:
    """Start an engine over an empty folder, as the service does."""
    prepare_credentials()
    with tempfile.TemporaryDirectory() as folder, engines.start(Path(folder)) as engine:
        yield engine


def services_on(engine: engines.Engine, stage: str) -> Services:
    """Wire services to a stage of their own, tables made and register loaded."""
    made_tables(engine, stage)
    services = Services(
        store=DynamoStore(stage, region=REGION, endpoint=engine.endpoint),
        courier=NoCourier(),
        tokens=NoTokens(),
        keys=Keys({1: secrets.token_bytes(32)}),
        log="giamsat.bench/trail",
        now=lambda: datetime.now(UTC),
        entropy=secrets.token_bytes,
    )
    seed(services)
    return services


def made_tables(engine: engines.Engine, stage: str) -> None:
    """Make the tables of a stage."""
    tables.create(boto3.client("dynamodb", endpoint_url=engine.endpoint, region_name=REGION, config=QUICK), stage)
