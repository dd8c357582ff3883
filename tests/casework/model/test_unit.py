"""Units: the days on which they exist, and the tree above them."""

from dataclasses import replace
from datetime import date

import pytest

from casework.model.procedure import Texts
from casework.model.unit import Unit, lineage

NAME = Texts("Sở", "Department", "Direction")
UNIT = Unit("QN-XD", NAME, "DEPARTMENT", "QN", "QN", date(2025, 7, 1), date(2026, 6, 30))
UNITS = {
    unit.code: unit
    for unit in (
        Unit("QN", NAME, "PROVINCE", "QN"),
        UNIT,
        replace(UNIT, code="QN-XD-1", parent="QN-XD"),
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
    assert UNITS["QN"].active(date(1945, 9, 2))


@pytest.mark.parametrize(("code", "above"), [
    ("QN", ("QN",)),
    ("QN-XD-1", ("QN-XD-1", "QN-XD", "QN")),
    ("LOST", ("LOST", "NOWHERE")),
    ("NOWHERE", ("NOWHERE",)),
    ("ROUND-1", ("ROUND-1", "ROUND-2")),
    ("SELF", ("SELF",)),
])  # fmt: skip
def test_a_lineage_goes_up_nearest_first_and_ends(code: str, above: tuple[str, ...]) -> None:
    assert lineage(UNITS, code) == above
