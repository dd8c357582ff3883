"""Keeps going on one machine what the cloud starts each minute, the sweep and the heartbeat, and what the stream wakes there: the log.

The very same handlers. The log follows within `MERGE_S` of whoever wakes it, and looks by itself now and then.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable

from casework.correlation import correlated, made
from casework.model.errors import Corrupt, Fault
from casework.ports import Services
from handlers import heartbeat, sequencer, sweep

log = logging.getLogger("giamsat")

AGAIN_S = 1.0
MINUTE_S = 60.0
MERGE_S = 1.0  # between two looks of the log at a store that is busy: each leaves a checkpoint
IDLE_S = 10.0  # between two looks where nobody wakes it
DELAYS = 1000  # of the newest checkpoints, which `merge_delay_s` is of


class Schedule:
    """Three threads."""

    def __init__(self, services: Services) -> None:
        """Work with these; nothing is begun yet."""
        self._services = services
        self.fault: Exception | None = None
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._began = services.now()
        self._delays: deque[float] = deque(maxlen=DELAYS)
        works = (self._swept, self._beaten, *((self._sequenced,) if services.vault else ()))
        self._threads = [threading.Thread(target=self._run, args=(work,), name=work.__name__, daemon=True) for work in works]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    @property
    def alive(self) -> bool:
        """Whether all go on."""
        return all(thread.is_alive() for thread in self._threads)

    def wake(self) -> None:
        """Tell that there is something for the log to take."""
        self._woken.set()

    def merge_delay_s(self) -> float | None:
        """Give in how many seconds 99 of 100 of the newest checkpoints came, each after the oldest entry new in it; None before one."""
        delays = sorted(self._delays)
        return delays[len(delays) * 99 // 100] if delays else None

    def stop(self) -> None:
        """End after what is in hand."""
        self._stopping.set()
        self._woken.set()
        for thread in self._threads:
            thread.join(timeout=10)

    def _swept(self) -> None:
        sweep.handle({}, self._services, self._stopping.wait, lambda: not self._stopping.is_set())

    def _beaten(self) -> None:
        self._stopping.wait(MINUTE_S)
        if not self._stopping.is_set():
            heartbeat.handle({}, self._services)

    def _sequenced(self) -> None:
        self._woken.wait(IDLE_S)
        if not self._stopping.wait(MERGE_S):
            self._woken.clear()
            found = sequencer.handle({}, self._services)
            ahead = (self._services.now() - self._began).total_seconds()  # What lay before waited for nobody.
            delays = (found["merge_delay_s"], found.get("accesses", {}).get("merge_delay_s"))
            self._delays.extend(delay for delay in delays if delay is not None and delay <= ahead)

    def _run(self, work: Callable[[], None]) -> None:
        try:
            while not self._stopping.is_set():
                with correlated(made()):
                    try:
                        work()
                    except Corrupt as fault:
                        log.critical("%s", fault.message)
                        self._stopping.wait(MINUTE_S)
                    except Fault as fault:
                        log.warning("the schedule begins again: %s", fault.message)
                        self._stopping.wait(AGAIN_S)
        except Exception as fault:
            self.fault = fault  # Whoever watches the schedule ends the service with it.
            raise
