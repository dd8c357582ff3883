"""Moves per second of a replay, nobody watching, over the engine's own rate (see `bare`).

The log is cut into slices, and all take turns on each slice, so that a machine that is slow for a while is slow for all of them.
"""

import time
from dataclasses import replace

from benchmarks.bare import Rates, heard
from benchmarks.report import Result
from benchmarks.setting import engine_on_disk, log_of, services_on
from local.replay import replay

CASES = 100
SLICES = 5
GOAL = 0.5


def measured() -> list[Result]:
    """Measure the replay and its peer."""
    log = log_of(CASES)
    slices = [replace(log, cases=log.cases[start::SLICES]) for start in range(SLICES)]
    moves, seconds, cpu = 0, 0.0, 0.0
    with engine_on_disk() as engine:
        warm = services_on(engine, "warm")  # Hearing the requests warms the engine up, too.
        requests = [heard(lambda piece=piece: replay(warm, piece, None, lambda _: None)) for piece in slices]  # type: ignore[misc]
        rates = Rates(engine, "warm")
        services = services_on(engine, "measured")
        for piece, chains in zip(slices, requests, strict=True):
            began, used = time.monotonic(), time.process_time()
            moves += replay(services, piece, None, lambda _: None).added
            seconds, cpu = seconds + time.monotonic() - began, cpu + time.process_time() - used
            rates.add(chains)
            print(f"  ours {moves / seconds:.0f}/s, bare botocore {rates.best[1]:.0f}/s", flush=True)
    rate, (workers, best) = moves / seconds, rates.best
    peer = f"bare botocore, {workers} in flight"
    return [
        Result("replay, moves per second", rate, "1/s", peer, best, rate / best, f">= {GOAL}", rate / best >= GOAL),
        Result("replay, CPU of the service per move", cpu / moves * 1000, "ms"),
    ]
