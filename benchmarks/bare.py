"""The engine's own rate: the same transactions, item for item, prebuilt, sent by a bare botocore client.

The best of 1, 4, 8 and 16 in flight, each into tables of its own on the same engine in the same run. The transactions of one chain, such
as those of one dossier, stay in their order.
"""

import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config

from benchmarks.setting import made_tables
from casework.adapters.dynamo import models
from local.engine import Engine
from local.home import REGION

IN_FLIGHT = (1, 4, 8, 16)

Requests = dict[str, list[dict[str, Any]]]  # dossier, or other chain -> its transactions in order
Items = list[dict[str, Any]]  # of a transaction


@dataclass(slots=True)
class Rates:
    """What was sent so far with each number in flight, and how long it took."""

    engine: Engine
    warm: str
    in_flight: tuple[int, ...] = IN_FLIGHT
    sent: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    spent: dict[int, float] = field(default_factory=lambda: defaultdict(float))

    def __post_init__(self) -> None:
        """Make the tables."""
        for workers in self.in_flight:
            made_tables(self.engine, self._stage(workers))

    def add(self, requests: Requests) -> None:
        """Send the requests once more with each number in flight."""
        for workers in self.in_flight:
            count, took = _sent(self.engine, requests, workers, f"giamsat-{self.warm}-", f"giamsat-{self._stage(workers)}-")
            self.sent[workers] += count
            self.spent[workers] += took

    @property
    def best(self) -> tuple[int, float]:
        """The number in flight that was fastest, and its rate a second."""
        rates = {workers: self.sent[workers] / self.spent[workers] for workers in self.in_flight}
        workers = max(rates, key=rates.__getitem__)
        return workers, rates[workers]

    def _stage(self, workers: int) -> str:
        return f"{self.warm}-bare{workers}"


def of_dossier(items: Items) -> str | None:
    """Name the subject whose entry a transaction writes; the register's rows have none."""
    puts = (item["Put"] for item in items if "Put" in item)
    return next((put["Item"]["subject"]["S"] for put in puts if put["TableName"].endswith("-trail")), None)


def heard(run: Callable[[], object], chain_of: Callable[[Items], str | None] = of_dossier) -> Requests:
    """Run something with an ear on the client beneath pynamodb; gives its transactions that are of a chain."""
    client = models.SubjectItem._get_connection().connection.client  # noqa: SLF001 - the bare client beneath pynamodb
    found: Requests = defaultdict(list)

    def hear(params: dict[str, Any], **_: object) -> None:
        if chain := chain_of(params["TransactItems"]):
            found[chain].append({"TransactItems": params["TransactItems"]})

    client.meta.events.register("provide-client-params.dynamodb.TransactWriteItems", hear)
    run()
    client.meta.events.unregister("provide-client-params.dynamodb.TransactWriteItems", hear)
    return found


def _sent(engine: Engine, requests: Requests, workers: int, old: str, new: str) -> tuple[int, float]:
    config = Config(parameter_validation=False, max_pool_connections=workers, retries={"total_max_attempts": 1})
    client = boto3.client("dynamodb", endpoint_url=engine.endpoint, region_name=REGION, config=config)
    prebuilt = [[_moved(request, old, new) for request in chain] for chain in requests.values()]

    def send(chain: list[dict[str, Any]]) -> int:
        for request in chain:
            client.transact_write_items(**request)
        return len(chain)

    with ThreadPoolExecutor(workers) as pool:
        began = time.monotonic()
        count = sum(pool.map(send, prebuilt))
        return count, time.monotonic() - began


def _moved(request: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    items = []
    for item in request["TransactItems"]:
        ((verb, inner),) = item.items()
        items.append({verb: {**inner, "TableName": inner["TableName"].replace(old, new)}})
    return {"TransactItems": items}
