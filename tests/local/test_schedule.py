"""The schedule of one machine: it sweeps by itself, and whoever started it hears of its end."""

import threading
import time
from datetime import timedelta
from typing import Any

import pytest

from casework.model.errors import Unavailable
from casework.model.packing import moment
from handlers import sweep
from local import schedule as scheduling
from local.schedule import Schedule
from tests.simulation.worlds import World


def waited(until: Any, longest_s: float = 20) -> bool:  # noqa: ANN401 - any condition
    end = time.monotonic() + longest_s
    while not until() and time.monotonic() < end:
        time.sleep(0.01)
    return bool(until())


def test_it_sweeps_until_it_is_stopped() -> None:
    world = World(12)
    subject = world.received()
    world.store.keep_swept(moment(world.clock.now)[:13])
    world.clock.now += timedelta(days=40)
    schedule = Schedule(world.services)
    schedule.start()

    def raised() -> bool:
        held = world.store.held(subject)
        return held is not None and len(held.dossier.alerts) == 4

    assert waited(raised)
    states = [schedule.alive]
    schedule.stop()
    assert [*states, schedule.alive] == [True, False]
    assert schedule.fault is None


def test_it_begins_again_after_a_fault_of_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Semaphore(0)

    def failing(*_: object) -> None:
        begun.release()
        raise Unavailable("the store did not answer")

    monkeypatch.setattr(sweep, "handle", failing)
    monkeypatch.setattr(scheduling, "AGAIN_S", 0.01)
    schedule = Schedule(World(13).services)
    schedule.start()
    assert begun.acquire(timeout=10)
    assert begun.acquire(timeout=10)
    schedule.stop()
    assert schedule.fault is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_of_its_own_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(sweep, "handle", broken)
    schedule = Schedule(World(14).services)
    schedule.start()
    assert waited(lambda: not schedule.alive)
    assert isinstance(schedule.fault, ZeroDivisionError)
