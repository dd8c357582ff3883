"""The schedule, each minute -> the sweep, round after round: what falls due is raised within the second.

A run covers its start to 75 s later, so that two overlap and a run that is lost leaves no second out. Tasks and exports are worked on
aside, so that a page of one keeps no alert waiting.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

from casework.actions import exports, tasks
from casework.actions.deadlines import Sweeper
from casework.commits import begun_by
from casework.correlation import correlated
from casework.model.errors import Fault
from casework.model.export import Export
from casework.ports import Held, Services
from handlers import entry, log

RUN_S = 75.0
AT_ONCE = 8  # commits in flight
TASKS = 2  # worked on at once
REST_S = 1.0


def handle(event: dict[str, Any], services: Services, rest: Callable[[float], object] = time.sleep,
           going: Callable[[], bool] = lambda: True) -> dict[str, Any]:  # fmt: skip
    """Sweep until the run is over, or as long as it is `going`; `rest` waits for the next second."""
    del event
    until = time.monotonic() + RUN_S

    def lasts() -> bool:
        return going() and time.monotonic() < until

    written = failed = rounds = 0
    lags, seen = [], services.now()  # since when all that was due has been seen
    with ThreadPoolExecutor(AT_ONCE, "sweep") as pool, ThreadPoolExecutor(TASKS, "tasks") as beside:
        sweeper = Sweeper(services, _Aside(beside), pool.map, lasts)
        while lasts():
            rounds += 1
            looked = seen
            try:
                began = services.now()
                found = sweeper.round()
                looked = began if found.whole and not found.failed else seen
                written, failed = written + found.written, failed + found.failed
            except Fault as fault:  # The next round looks again.
                failed += 1
                log.warning("a round of the sweep was cut short: %s", fault.message)
            lags.append((services.now() - seen).total_seconds())
            seen = looked
            if lasts():
                rest(REST_S - services.now().microsecond / 1e6)
    log.debug("swept %d rounds: %d written, %d failed", rounds, written, failed)
    return {"rounds": rounds, "written": written, "failed": failed, "figures": {"SweepLag": max(lags, default=RUN_S)}}


class _Aside:
    """Has a task worked on in another thread, by one at a time; the round that found its row goes on."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        """Have the work done by this pool."""
        self._pool = pool
        self._doing: dict[str, Future[None]] = {}

    def __call__(self, services: Services, held: Held) -> None:
        """See `deadlines.Work`."""
        doing = self._doing.get(held.id)
        if doing is None or doing.done():
            self._doing[held.id] = self._pool.submit(_worked, services, held)


def _worked(services: Services, held: Held) -> None:
    with ExitStack() as within:
        try:
            within.enter_context(correlated(begun_by(services, held.id)))
            (exports if isinstance(held.record, Export) else tasks).work(services, held)
        except Fault as fault:  # Its row is there still: a later round finds it.
            log.warning("task %s waits: %s", held.id, fault.message)
        except Exception:  # noqa: BLE001 - nobody waits for this thread; the log has the rest, and the row is there still
            log.exception("task %s cannot be worked on", held.id)


handler = entry(handle)
