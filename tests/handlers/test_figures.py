"""What the scheduled runs tell of themselves when the store or the vault is away: an alarm is to hear of it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest

from casework.actions.deadlines import Round, Sweeper
from casework.model.errors import Unavailable
from casework.ports import Services
from handlers import sequencer, sweep


@pytest.fixture
def passing(services: Services) -> Services:
    """A clock that goes on by ten seconds whenever it is asked."""
    began, asked = services.now(), count()
    return replace(services, now=lambda: began + timedelta(seconds=10 * next(asked)))


def rounds(number: int) -> Iterator[bool]:
    return iter([True] * number + [False] * 9)


def test_a_log_that_is_not_published_has_a_delay(passing: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise Unavailable("the vault does not answer")

    monkeypatch.setattr(sequencer, "handle", away)
    going = rounds(3)
    assert sequencer.run({}, passing, lambda _: None, lambda: next(going))["figures"]["MergeDelay"] >= 30


def test_the_delay_of_accesses_counts(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"taken": 1, "merge_delay_s": 1.0, "accesses": {"taken": 1, "merge_delay_s": 25.0}}
    monkeypatch.setattr(sequencer, "handle", lambda *_: found)
    going = rounds(1)
    assert sequencer.run({}, services, lambda _: None, lambda: next(going))["figures"]["MergeDelay"] == 25.0


@pytest.mark.parametrize("found", [Unavailable("the store did not answer"), Round(written=0, failed=1, whole=True)])
def test_a_sweep_that_sees_not_all_has_a_lag(passing: Services, monkeypatch: pytest.MonkeyPatch, found: Round | Exception) -> None:
    rests: list[float] = []

    def round_(_: Sweeper) -> Round:
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(Sweeper, "round", round_)
    assert sweep.handle({}, passing, rests.append, lambda: len(rests) < 3)["figures"]["SweepLag"] >= 30


def test_a_sweep_that_sees_all_lags_a_round(passing: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    rests: list[float] = []
    monkeypatch.setattr(Sweeper, "round", lambda _: Round(written=0, failed=0, whole=True))
    assert sweep.handle({}, passing, rests.append, lambda: len(rests) < 9)["figures"]["SweepLag"] <= 50
