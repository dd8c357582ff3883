"""Moves per second of a replay, nobody watching, over the engine's own rate.

The engine's own rate: the same transactions, item for item, prebuilt, sent by a bare botocore client, best of 1, 4, 8 and 16 in flight,
each into tables of its own on the same engine in the same run. The transactions of one dossier stay in their order. The log is cut into
slices, and all take turns on each slice, so that a machine that is slow for a while is slow for all of them.
"""

import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import boto3
from botocore.config import Config

from benchmarks.report import Result
from benchmarks.setting import engine_on_disk, log_of, made_tables, services_on
from casework.actions.imports import Log
from casework.adapters.dynamo import models
from local.engine import Engine
from local.home import REGION
from local.replay import replay

CASES = 100
SLICES = 5
IN_FLIGHT = (1, 4, 8, 16)
GOAL = 0.5

Requests = dict[str, list[dict[str, Any]]]  # dossier -> its transactions in order


def measured() -> list[Result]:
    """Measure the replay and its peer."""
    log = log_of(CASES)
    slices = [replace(log, cases=log.cases[start::SLICES]) for start in range(SLICES)]
    sent: dict[int, int] = dict.fromkeys(IN_FLIGHT, 0)
    spent: dict[int, float] = dict.fromkeys(IN_FLIGHT, 0.0)
    moves, seconds, cpu = 0, 0.0, 0.0
    with engine_on_disk() as engine:
        heard = [_captured(engine, piece) for piece in slices]
        for workers in IN_FLIGHT:
            made_tables(engine, f"bare{workers}")
        services = services_on(engine, "measured")
        for piece, requests in zip(slices, heard, strict=True):
            began, used = time.monotonic(), time.process_time()
            moves += replay(services, piece, None, lambda _: None).added
            seconds, cpu = seconds + time.monotonic() - began, cpu + time.process_time() - used
            for workers in IN_FLIGHT:
                count, took = _bare(engine, requests, workers)
                sent[workers], spent[workers] = sent[workers] + count, spent[workers] + took
            print(f"  ours {moves / seconds:.0f}/s, bare botocore", {n: round(sent[n] / spent[n]) for n in IN_FLIGHT}, flush=True)
    rates = {workers: sent[workers] / spent[workers] for workers in IN_FLIGHT}
    rate, best = moves / seconds, max(rates.values())
    peer = f"bare botocore, {max(rates, key=lambda workers: rates[workers])} in flight"
    return [
        Result("replay, moves per second", rate, "1/s", peer, best, rate / best, f">= {GOAL}", rate / best >= GOAL),
        Result("replay, CPU of the service per move", cpu / moves * 1000, "ms"),
    ]


def _captured(engine: Engine, log: Log) -> Requests:
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
    replay(services, log, None, lambda _: None)
    client.meta.events.unregister("provide-client-params.dynamodb.TransactWriteItems", hear)
    return heard


def _bare(engine: Engine, requests: Requests, workers: int) -> tuple[int, float]:
    """Send the same transactions to tables of another stage; gives how many they were and the seconds they took."""
    config = Config(parameter_validation=False, max_pool_connections=workers, retries={"total_max_attempts": 1})
    client = boto3.client("dynamodb", endpoint_url=engine.endpoint, region_name=REGION, config=config)
    prebuilt = [[_moved(request, f"bare{workers}") for request in chain] for chain in requests.values()]

    def send(chain: list[dict[str, Any]]) -> int:
        for request in chain:
            client.transact_write_items(**request)
        return len(chain)

    with ThreadPoolExecutor(workers) as pool:
        began = time.monotonic()
        count = sum(pool.map(send, prebuilt))
        return count, time.monotonic() - began


def _moved(request: dict[str, Any], stage: str) -> dict[str, Any]:
    items = []
    for item in request["TransactItems"]:
        ((verb, inner),) = item.items()
        items.append({verb: {**inner, "TableName": inner["TableName"].replace("giamsat-warm-", f"giamsat-{stage}-")}})
    return {"TransactItems": items}
