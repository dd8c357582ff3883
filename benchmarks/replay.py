"""Moves per second of a replay, nobody watching, over the engine's own rate.

The engine's own rate: the same transactions, item for item, prebuilt, sent by a bare botocore client, best of 1, 4, 8 and 16 in flight,
each into empty tables of the same engine in the same run. The transactions of one dossier stay in their order.
"""

import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config

from benchmarks.report import Result
from benchmarks.setting import engine_on_disk, log_of, made_tables, services_on
from casework.adapters.dynamo import models
from local.engine import Engine
from local.home import REGION
from local.replay import replay

CASES = 100
IN_FLIGHT = (1, 4, 8, 16)
GOAL = 0.5

Requests = dict[str, list[dict[str, Any]]]  # dossier -> its transactions in order


def measured() -> list[Result]:
    """Measure the replay and its peer."""
    log = log_of(CASES)
    with engine_on_disk() as engine:
        requests = _captured(engine)
        rates = {}
        for workers in IN_FLIGHT:
            made_tables(engine, f"bare{workers}")
            rates[workers] = _bare(engine, requests, f"bare{workers}", workers)
            print(f"  bare botocore, {workers} in flight: {rates[workers]:.0f}/s", flush=True)
        services = services_on(engine, "measured")
        cpu = time.process_time()
        tally = replay(services, log, None, lambda _: None)
        cpu = time.process_time() - cpu
    best = max(rates.values())
    ratio = tally.moves_per_s / best
    peer = f"bare botocore, {max(rates, key=lambda workers: rates[workers])} in flight"
    return [
        Result("replay, moves per second", tally.moves_per_s, "1/s", peer, best, ratio, f">= {GOAL}", ratio >= GOAL),
        Result("replay, CPU of the service per move", cpu / tally.added * 1000, "ms"),
    ]


def _captured(engine: Engine) -> Requests:
    """Replay once with an ear on the client; this also warms the engine up."""
    services = services_on(engine, "warm")
    client = models.SubjectItem._get_connection().connection.client  # noqa: SLF001 - the bare client beneath pynamodb
    heard: Requests = defaultdict(list)

    def hear(params: dict[str, Any], **_: object) -> None:
        subject = next(
            item["Put"]["Item"]["subject"]["S"]
            for item in params["TransactItems"]
            if item.get("Put", {}).get("TableName", "").endswith("-trail")
        )
        heard[subject].append({"TransactItems": params["TransactItems"]})

    client.meta.events.register("provide-client-params.dynamodb.TransactWriteItems", hear)
    replay(services, log_of(CASES), None, lambda _: None)
    client.meta.events.unregister("provide-client-params.dynamodb.TransactWriteItems", hear)
    return heard


def _bare(engine: Engine, requests: Requests, stage: str, workers: int) -> float:
    """Send the same transactions to tables of another stage; gives how many went through in a second."""
    config = Config(parameter_validation=False, max_pool_connections=workers, retries={"total_max_attempts": 1})
    client = boto3.client("dynamodb", endpoint_url=engine.endpoint, region_name=REGION, config=config)
    prebuilt = [[_moved(request, stage) for request in chain] for chain in requests.values()]

    def send(chain: list[dict[str, Any]]) -> int:
        for request in chain:
            client.transact_write_items(**request)
        return len(chain)

    began = time.monotonic()
    with ThreadPoolExecutor(workers) as pool:
        sent = sum(pool.map(send, prebuilt))
    return sent / (time.monotonic() - began)


def _moved(request: dict[str, Any], stage: str) -> dict[str, Any]:
    items = []
    for item in request["TransactItems"]:
        ((verb, inner),) = item.items()
        items.append({verb: {**inner, "TableName": inner["TableName"].replace("giamsat-warm-", f"giamsat-{stage}-")}})
    return {"TransactItems": items}
