"""Keeps going on one machine what the cloud starts each minute: the sweep, run after run, and the heartbeat; the very same handlers."""

import logging
import threading
from collections.abc import Callable

from casework.model.errors import Fault
from casework.ports import Services
from handlers import heartbeat, sweep

log = logging.getLogger("giamsat")

AGAIN_S = 1.0
MINUTE_S = 60.0


class Schedule:
    """Two threads."""

    def __init__(self, services: Services) -> None:
        """Work with these; nothing is begun yet."""
        self._services = services
        self.fault: Exception | None = None
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(work,), name=work.__name__, daemon=True) for work in (self._swept, self._beaten)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    @property
    def alive(self) -> bool:
        """Whether both go on."""
        return all(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        """End after what is in hand."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=10)

    def _swept(self) -> None:
        sweep.handle({}, self._services, self._stopping.wait, lambda: not self._stopping.is_set())

    def _beaten(self) -> None:
        self._stopping.wait(MINUTE_S)
        if not self._stopping.is_set():
            heartbeat.handle({}, self._services)

    def _run(self, work: Callable[[], None]) -> None:
        try:
            while not self._stopping.is_set():
                try:
                    work()
                except Fault as fault:
                    log.warning("the schedule begins again: %s", fault.message)
                    self._stopping.wait(AGAIN_S)
        except Exception as fault:
            self.fault = fault  # Whoever watches the schedule ends the service with it.
            raise
