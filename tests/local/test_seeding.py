"""Loading the small register: all of it, and nothing over what stands there."""

from pathlib import Path

import pytest
import yaml

from casework.model.parties import Role
from casework.model.unit import PointKind
from casework.ports import Services
from local.seeding import REGISTER, seed


def test_all_of_it_is_loaded(services: Services) -> None:
    raw = yaml.safe_load(REGISTER.read_text(encoding="utf-8"))
    assert seed(services) == sum(len(rows) for rows in raw.values() if isinstance(rows, list))
    store = services.store
    assert {row["code"] for row in raw["units"]} <= store.units().keys()
    for row in raw["officers"]:
        officer = store.officer(row["code"])
        assert officer is not None
        assert (officer.role, officer.unit) == (Role(row["role"]), row["unit"])
    for row in raw["procedures"]:
        (version,) = store.versions(row["code"])
        assert (version.title.vi, version.limit.amount) == (row["title"]["vi"], row["limit"]["amount"])
        assert [step.code for step in version.steps] == [step["code"] for step in row["steps"]]
    for row in raw["points"]:
        point = store.point(row["code"])
        assert point is not None
        assert (point.kind, point.unit) == (PointKind(row["kind"]), row["unit"])


def test_it_has_what_one_machine_needs() -> None:
    raw = yaml.safe_load(REGISTER.read_text(encoding="utf-8"))
    assert {row["role"] for row in raw["officers"]} == set(Role) - {Role.PUBLIC, Role.IMPORT, Role.CITIZEN}
    assert {row["limit"]["unit"] for row in raw["procedures"]} == {"WORKING_DAYS", "CALENDAR_DAYS"}
    assert len(raw["units"]) >= 2
    for thing in (*raw["units"], *raw["points"]):
        assert all(thing["name"][language] for language in ("vi", "en", "fr"))


def test_what_stands_there_is_left_as_it_is(services: Services, tmp_path: Path) -> None:
    seed(services)
    before = services.store.versions("XD-01")
    changed = tmp_path / "register.yml"
    changed.write_text(REGISTER.read_text(encoding="utf-8").replace("amount: 10", "amount: 99"), encoding="utf-8")
    assert seed(services, changed) == seed(services)
    assert services.store.versions("XD-01") == before
    assert before[0].limit.amount == 10


@pytest.mark.parametrize("kind", ["units", "points", "officers", "procedures", "overrides"])
def test_each_kind_of_thing_is_there(kind: str) -> None:
    assert yaml.safe_load(REGISTER.read_text(encoding="utf-8"))[kind]
