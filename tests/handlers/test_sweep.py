"""The scheduled run: it sweeps each second until its time is over."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from casework.actions import tasks
from casework.actions.amendments import CALENDAR
from casework.actions.tasks import id_of
from casework.adapters.dynamo import items
from casework.adapters.dynamo.models import LiveItem
from casework.commits import Plan, recorded
from casework.makers import service
from casework.model.errors import Unavailable
from casework.model.packing import moment
from casework.model.task import Task, TaskKind, started
from casework.ports import Held, Services
from handlers import sweep
from tests.simulation.worlds import World

START = datetime(2030, 6, 3, 2, 0, 0, 250_000, tzinfo=UTC)


@pytest.fixture
def here(services: Services) -> Iterator[Services]:
    LiveItem(*items.SWEPT).delete()
    services.store.keep_swept(moment(START)[:13])
    yield replace(services, now=lambda: START)
    LiveItem(*items.SWEPT).delete()


def counted(rounds: int, written: int, failed: int, *, lag: float) -> dict[str, Any]:
    return {"rounds": rounds, "written": written, "failed": failed, "figures": {"SweepLag": lag}}


def test_it_sweeps_each_second_while_it_goes(here: Services) -> None:
    rests: list[float] = []
    assert sweep.handle({}, here, rests.append, lambda: len(rests) < 3) == counted(3, 0, 0, lag=0.0)
    assert rests == [0.75] * 3, "until the next second begins"


def test_a_run_is_over_after_its_time(here: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "RUN_S", 0.05)
    done = sweep.handle({}, here, lambda _: None)
    assert done["rounds"] >= 1


def test_a_round_that_is_cut_short_is_made_up_for_by_the_next(here: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    usual, asked = here.store.swept, list[str]()

    def throttled() -> str | None:
        asked.append("")
        if len(asked) == 2:
            raise Unavailable("the store did not answer")
        return usual()

    monkeypatch.setattr(here.store, "swept", throttled)
    rests: list[float] = []
    assert sweep.handle({}, here, rests.append, lambda: len(rests) < 4) == counted(4, 0, 1, lag=0.0)
    assert len(asked) == 4


def test_a_task_keeps_no_alert_waiting(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    world = World(15)
    subject = world.received()
    task = Task(TaskKind.AMENDMENT, CALENDAR, 1, "VN", world.clock.now, calendar_version=99, first_on=date(2031, 3, 5))

    def begun(held: Held | None, now: datetime) -> Plan | None:
        return None if held else Plan(started(task, now), "VN", "TASK_STARTED", service("tasks"), now, alert=("TASK", now))

    recorded(world.services, id_of(task), "test", begun)
    world.store.keep_swept(moment(world.clock.now)[:13])
    world.clock.now += timedelta(days=40)
    working, going_on = [], threading.Event()

    def slow(_: Services, held: Held) -> None:
        working.append(held.id)
        going_on.wait(20)
        raise [Unavailable("no answer"), ZeroDivisionError()][len(working) % 2]

    monkeypatch.setattr(tasks, "work", slow)
    rests: list[float] = []

    def rest(seconds: float) -> None:
        rests.append(seconds)
        if len(rests) > 2:
            going_on.set()

    assert sweep.handle({}, world.services, rest, lambda: len(rests) < 5)["written"] == 4
    held = world.store.held(subject)
    assert held
    assert len(held.dossier.alerts) == 4
    assert set(working) == {id_of(task)}
    assert working.count(id_of(task)) < 5, "nobody begins what is in hand"
    assert "waits: no answer" in caplog.text or "cannot be worked on" in caplog.text


def test_it_raises_what_is_due() -> None:
    world = World(11)
    subject = world.received()
    world.store.keep_swept(moment(world.clock.now)[:13])
    world.clock.now += timedelta(days=40)
    rests: list[float] = []
    done = sweep.handle({}, world.services, rests.append, lambda: len(rests) < 2)
    held = world.store.held(subject)
    assert held
    assert (done["written"], done["failed"]) == (4, 0)
    assert [alert.level for alert in held.dossier.alerts] == ["AT_RISK", "DUE_TODAY", "OVERDUE", "ESCALATED"]
