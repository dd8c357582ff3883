"""Moves per second that people make through the API, over the engine's own rate (see `bare`).

Each dossier goes its usual way from submission to delivery, eight mutations through `handlers.api`, two dossiers at a time. Rounds take
turns with the bare client.
"""

import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.bare import Rates, heard
from benchmarks.report import Result
from benchmarks.setting import WAY, engine_on_disk, services_on, walked
from casework.ports import Services

DOSSIERS = 20  # a round
ROUNDS = 4
AT_ONCE = 2


def measured() -> list[Result]:
    """Measure the API and its peer."""
    moves, seconds, cpu = 0, 0.0, 0.0
    with engine_on_disk() as engine:
        warm = services_on(engine, "warm")
        rounds = [heard(lambda: _round(warm)) for _ in range(ROUNDS)]
        rates = Rates(engine, "warm")
        services = services_on(engine, "measured")
        for chains in rounds:
            began, used = time.monotonic(), time.process_time()
            moves += _round(services)
            seconds, cpu = seconds + time.monotonic() - began, cpu + time.process_time() - used
            rates.add(chains)
            print(f"  ours {moves / seconds:.0f}/s, bare botocore {rates.best[1]:.0f}/s", flush=True)
    rate, (workers, best) = moves / seconds, rates.best
    return [
        Result("API, moves per second", rate, "1/s", f"bare botocore, {workers} in flight", best, rate / best),
        Result("API, CPU of the service per move", cpu / moves * 1000, "ms"),
    ]


def _round(services: Services) -> int:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda _: walked(services, len(WAY)), range(DOSSIERS)))
    return DOSSIERS * (1 + len(WAY))
