"""The simulation of growth: the same each time, and a key that all of a province share shows."""

from dataclasses import replace

import pytest

from benchmarks import growth
from benchmarks.setting import PlainTokens, walked
from casework.adapters.dynamo import items
from casework.ports import Change, Services

RATE, SECONDS = 20.0, 2


@pytest.fixture
def changes(services: Services) -> list[Change]:
    """The changes of a dossier that is opened and received."""
    kept = growth.Kept(services.store)
    walked(replace(services, store=kept, tokens=PlainTokens()), 1)
    return kept.changes


def test_a_key_without_shards_shows(changes: list[Change], monkeypatch: pytest.MonkeyPatch) -> None:
    one = growth.places(1)
    before = growth.worst(one, changes, RATE, SECONDS)
    assert before == growth.worst(one, changes, RATE, SECONDS), "it is seeded"
    entries = before["subjects by_province"][0].writes  # two for each whose due date moves
    assert before["trail by_province"][0].writes < entries / 2
    monkeypatch.setattr(items, "PROVINCE_SHARDS", 1)
    assert growth.worst(one, changes, RATE, SECONDS)["trail by_province"][0].writes >= entries / 2


def test_shares_add_up() -> None:
    names, shares = growth.places(growth.PROVINCES)
    assert len(names) == len(set(names)) == growth.PROVINCES
    assert shares[0] == pytest.approx(growth.LARGEST)
    assert shares[-1] == pytest.approx(1)
    assert sum(growth.ARRIVALS.values()) == pytest.approx(1)
