"""Keeps the sweep going on one machine: run after run of the very handler that the cloud's schedule starts each minute."""

import logging
import threading

from casework.model.errors import Fault
from casework.ports import Services
from handlers import sweep

log = logging.getLogger("giamsat")

AGAIN_S = 1.0


class Schedule:
    """A thread that sweeps."""

    def __init__(self, services: Services) -> None:
        """Sweep with these; nothing is begun yet."""
        self._services = services
        self.fault: Exception | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="schedule", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether it sweeps still."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """End after the rows in hand."""
        self._stopping.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                try:
                    sweep.handle({}, self._services, self._stopping.wait, lambda: not self._stopping.is_set())
                except Fault as fault:
                    log.warning("the sweep begins again: %s", fault.message)
                    self._stopping.wait(AGAIN_S)
        except Exception as fault:
            self.fault = fault  # Whoever watches the schedule ends the service with it.
            raise
