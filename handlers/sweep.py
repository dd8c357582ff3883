"""The schedule, each minute -> the sweep, round after round: what falls due is raised within the second.

A run covers its start to 75 s later, so that two overlap and a run that is lost leaves no second out.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from casework.actions.deadlines import Sweeper
from casework.actions.tasks import work
from casework.ports import Services
from handlers import entry, log

RUN_S = 75.0
AT_ONCE = 8  # commits in flight
REST_S = 1.0


def handle(event: dict[str, Any], services: Services, rest: Callable[[float], object] = time.sleep,
           going: Callable[[], bool] = lambda: True) -> dict[str, Any]:  # fmt: skip
    """Sweep until the run is over, or as long as it is `going`; `rest` waits for the next second."""
    del event
    until = time.monotonic() + RUN_S

    def lasts() -> bool:
        return going() and time.monotonic() < until

    written = failed = rounds = 0
    with ThreadPoolExecutor(AT_ONCE, "sweep") as pool:
        sweeper = Sweeper(services, work, pool.map, lasts)
        while lasts():
            found = sweeper.round()
            rounds, written, failed = rounds + 1, written + found.written, failed + found.failed
            if lasts():
                rest(REST_S - services.now().microsecond / 1e6)
    log.debug("swept %d rounds: %d written, %d failed", rounds, written, failed)
    return {"rounds": rounds, "written": written, "failed": failed}


handler = entry(handle)
