"""Procedure versions: the days on which one is in force, and the rule of its clock."""

from dataclasses import replace
from datetime import date, time

import pytest

from casework.model.limit import Limit, LimitUnit, Rule
from casework.model.procedure import Channel, DossierKind, ProcedureVersion, StepOrder, Texts

TITLE = Texts("một", "one", "un")
VERSION = ProcedureVersion(
    code="XD-01",
    version=3,
    title=TITLE,
    kind=DossierKind.ADMINISTRATIVE,
    field="construction",
    tier="province",
    unit="22-XD",
    limit=Limit(LimitUnit.WORKING_DAYS, 10),
    legal_basis="50/2014/QH13, 102",
    valid_from=date(2025, 1, 1),
    channels=(Channel.ONLINE,),
    valid_to=date(2025, 6, 30),
    cut_off=time(16, 30),
)


@pytest.mark.parametrize(("on", "in_force"), [
    (date(2024, 12, 31), False),
    (date(2025, 1, 1), True),
    (date(2025, 6, 30), True),
    (date(2025, 7, 1), False),
])  # fmt: skip
def test_a_version_is_in_force_from_its_first_day_to_its_last(on: date, in_force: bool) -> None:  # noqa: FBT001 - a column
    assert VERSION.in_force(on) is in_force


def test_a_version_without_a_last_day_stays_in_force() -> None:
    assert replace(VERSION, valid_to=None).in_force(date(2999, 1, 1))


def test_the_clock_computes_with_the_version_s_own_rule() -> None:
    assert VERSION.rule == Rule(Limit(LimitUnit.WORKING_DAYS, 10), time(16, 30), "50/2014/QH13, 102", 3)


def test_a_version_says_nothing_more_than_it_must() -> None:
    plain = ProcedureVersion(
        "X", 1, TITLE, DossierKind.FEEDBACK, "f", "t", Limit(LimitUnit.FIXED_DATE), "", date(2025, 1, 1), ()
    )  # fmt: skip
    assert (plain.unit, plain.department, plain.fees) == (None, None, ())
    assert (plain.cut_off, plain.step_order, plain.steps, plain.components) == (time(15), StepOrder.ORDERED, (), ())
    assert (plain.clarity_lead, plain.clarity_coordinating, plain.valid_to) == ((), (), None)
