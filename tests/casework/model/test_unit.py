"""Units: the days on which they exist, and the tree above them."""

from dataclasses import replace
from datetime import date

import pytest

from casework.model.procedure import Texts
from casework.model.unit import Unit, competent, lineage
from tests.casework.model.cases import VERSION

NAME = Texts("Sở", "Department", "Direction")
UNIT = Unit("22-XD", NAME, "DEPARTMENT", "22", "22", date(2025, 7, 1), date(2026, 6, 30))
UNITS = {
    unit.code: unit
    for unit in (
        Unit("22", NAME, "PROVINCE", "22"),
        UNIT,
        replace(UNIT, code="22-XD-1", parent="22-XD"),
        replace(UNIT, code="LOST", parent="NOWHERE"),
        replace(UNIT, code="ROUND-1", parent="ROUND-2"),
        replace(UNIT, code="ROUND-2", parent="ROUND-1"),
        replace(UNIT, code="SELF", parent="SELF"),
    )
}


@pytest.mark.parametrize(("on", "active"), [
    (date(2025, 6, 30), False),
    (date(2025, 7, 1), True),
    (date(2026, 6, 30), True),
    (date(2026, 7, 1), False),
])  # fmt: skip
def test_a_unit_exists_from_its_first_day_to_its_last(on: date, active: bool) -> None:  # noqa: FBT001 - a column
    assert UNIT.active(on) is active


def test_a_unit_without_a_last_day_goes_on() -> None:
    assert replace(UNIT, valid_to=None).active(date(2999, 1, 1))
    assert UNITS["22"].active(date(1945, 9, 2))


@pytest.mark.parametrize(("code", "above"), [
    ("22", ("22",)),
    ("22-XD-1", ("22-XD-1", "22-XD", "22")),
    ("LOST", ("LOST", "NOWHERE")),
    ("NOWHERE", ("NOWHERE",)),
    ("ROUND-1", ("ROUND-1", "ROUND-2")),
    ("SELF", ("SELF",)),
])  # fmt: skip
def test_a_lineage_goes_up_nearest_first_and_ends(code: str, above: tuple[str, ...]) -> None:
    assert lineage(UNITS.get, code) == above


@pytest.mark.parametrize(("unit", "department", "kind", "found"), [
    ("22-XD", "MT", "DEPARTMENT", "22-XD"),
    (None, "MT", "DEPARTMENT", "22-MT"),
    (None, "MT", "WARD", "22-MT"),
    (None, None, "WARD", "22-XD"),
    (None, None, "COMMUNE", "22-XD"),
    (None, None, "SPECIAL_ZONE", "22-XD"),
    (None, None, "DEPARTMENT", None),
])  # fmt: skip
def test_who_is_competent_follows_from_the_version_and_the_point(
    unit: str | None, department: str | None, kind: str, found: str | None
) -> None:
    assert competent(replace(VERSION, unit=unit, department=department), replace(UNIT, kind=kind)) == found
