"""The scheduled run: it sweeps each second until its time is over."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from casework.adapters.dynamo import items
from casework.adapters.dynamo.models import LiveItem
from casework.model.packing import moment
from casework.ports import Services
from handlers import sweep
from tests.simulation.worlds import World

START = datetime(2030, 6, 3, 2, 0, 0, 250_000, tzinfo=UTC)


@pytest.fixture
def here(services: Services) -> Iterator[Services]:
    LiveItem(*items.SWEPT).delete()
    services.store.keep_swept(moment(START)[:13])
    yield replace(services, now=lambda: START)
    LiveItem(*items.SWEPT).delete()


def test_it_sweeps_each_second_while_it_goes(here: Services) -> None:
    rests: list[float] = []
    assert sweep.handle({}, here, rests.append, lambda: len(rests) < 3) == {"rounds": 3, "written": 0, "failed": 0}
    assert rests == [0.75] * 3, "until the next second begins"


def test_a_run_is_over_after_its_time(here: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "RUN_S", 0.05)
    done = sweep.handle({}, here, lambda _: None)
    assert done["rounds"] >= 1


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
