"""Amending the table of overrides: what is laid over what, and each amendment that is none."""

from datetime import date

import pytest

from casework.model.amending import MOST_DAYS, MOST_OVERRIDES, Amendment, Moved, OverrideTable, amended, flattened, restored
from casework.model.errors import Invalid
from casework.model.workdays import Calendar, Override, OverrideKind

OFF, MAKEUP = OverrideKind.OFF, OverrideKind.MAKEUP
TODAY = date(2026, 3, 2)
THURSDAY, FRIDAY, SATURDAY, SUNDAY = (date(2026, 3, day) for day in (5, 6, 7, 8))
NEXT_SATURDAY = date(2026, 3, 14)
LOADED = tuple(
    Override(day, kind, pair, "12729/VPCP-KGVX", date(2025, 12, 25))
    for day, kind, pair in ((date(2026, 1, 2), OFF, date(2026, 1, 10)), (date(2026, 1, 10), MAKEUP, date(2026, 1, 2)))
)
TABLE = OverrideTable("22", 0, LOADED)
SWAP = (Moved(FRIDAY, OFF, SATURDAY), Moved(SATURDAY, MAKEUP, FRIDAY))


def amendment(*days: Moved, announced_on: date = TODAY) -> Amendment:
    return Amendment("1/VPCP", announced_on, days)


def refusal(table: OverrideTable, asked: Amendment) -> tuple[str, tuple[str, ...]]:
    with pytest.raises(Invalid) as caught:
        amended(table, asked, TODAY)
    return caught.value.code, caught.value.path


def test_an_amendment_brings_its_days_with_the_next_version() -> None:
    assert TABLE.calendar_version == 2
    after = amended(TABLE, amendment(Moved(THURSDAY, OFF), *SWAP), TODAY)
    assert after.calendar_version == 3
    assert after.overrides == (
        *LOADED,
        Override(THURSDAY, OFF, None, "1/VPCP", TODAY, 3),
        Override(FRIDAY, OFF, SATURDAY, "1/VPCP", TODAY, 3),
        Override(SATURDAY, MAKEUP, FRIDAY, "1/VPCP", TODAY, 3),
    )
    calendar = Calendar(after.overrides, after.calendar_version)
    assert [calendar.working(day) for day in (THURSDAY, FRIDAY, SATURDAY)] == [False, False, True]
    assert amended(after, amendment(Moved(date(2026, 3, 9), OFF)), TODAY).calendar_version == 4


def test_a_make_up_day_moves_to_another_saturday() -> None:
    before = amended(TABLE, amendment(*SWAP), TODAY)
    moved = amendment(Moved(FRIDAY, OFF, NEXT_SATURDAY), Moved(SATURDAY, OFF), Moved(NEXT_SATURDAY, MAKEUP, FRIDAY))
    after = amended(before, moved, TODAY)
    assert {o.day: (o.kind, o.pair, o.since) for o in after.overrides if o.since} == {
        FRIDAY: (OFF, NEXT_SATURDAY, 4), SATURDAY: (OFF, None, 4), NEXT_SATURDAY: (MAKEUP, FRIDAY, 4),
    }  # fmt: skip


def test_a_day_off_may_become_half_of_a_swap() -> None:
    single = amended(TABLE, amendment(Moved(FRIDAY, OFF)), TODAY)
    assert refusal(single, amendment(Moved(SATURDAY, MAKEUP, FRIDAY))) == ("UNPAIRED_SWAP", ("days", "pair"))  # it does not point back
    both = amended(single, amendment(*SWAP), TODAY)
    assert [override.pair for override in both.overrides[2:]] == [SATURDAY, FRIDAY]


@pytest.mark.parametrize(("asked", "told"), [
    (amendment(*SWAP, announced_on=date(2026, 3, 3)), ("IN_FUTURE", ("announcedOn",))),
    (amendment(*SWAP, announced_on=date(1900, 3, 3)), ("CLOCK_INPUT", ("announcedOn",))),
    (amendment(), ("EMPTY", ("days",))),
    (amendment(*(Moved(THURSDAY, OFF),) * (MOST_DAYS + 1)), ("TOO_MANY", ("days",))),
    (amendment(Moved(date(1949, 3, 3), OFF)), ("CLOCK_INPUT", ("days", "on"))),
    (amendment(Moved(date(2200, 3, 3), OFF)), ("CLOCK_INPUT", ("days", "on"))),
    (amendment(Moved(FRIDAY, OFF, date(2100, 1, 2))), ("CLOCK_INPUT", ("days", "pair"))),
    (amendment(Moved(FRIDAY, OFF), Moved(FRIDAY, OFF)), ("DAY_TWICE", ("days", "on"))),
    (amendment(Moved(SUNDAY, OFF)), ("ALREADY_OFF", ("days", "on"))),
    (amendment(Moved(date(2026, 1, 1), OFF)), ("ALREADY_OFF", ("days", "on"))),
    (amendment(Moved(date(2026, 1, 2), OFF, date(2026, 1, 10))), ("ALREADY_OFF", ("days", "on"))),
    (amendment(Moved(FRIDAY, MAKEUP, THURSDAY), Moved(THURSDAY, OFF, FRIDAY)), ("ALREADY_WORKED", ("days", "on"))),
    (amendment(Moved(date(2026, 1, 10), MAKEUP, date(2026, 1, 2))), ("ALREADY_WORKED", ("days", "on"))),
    (amendment(Moved(SATURDAY, MAKEUP)), ("UNPAIRED_SWAP", ("days", "pair"))),
    (amendment(Moved(SATURDAY, MAKEUP, FRIDAY)), ("UNPAIRED_SWAP", ("days", "pair"))),
    (amendment(Moved(FRIDAY, OFF, SATURDAY)), ("UNPAIRED_SWAP", ("days", "pair"))),
    (amendment(Moved(FRIDAY, OFF, FRIDAY)), ("UNPAIRED_SWAP", ("days", "pair"))),
    (amendment(Moved(FRIDAY, OFF, SATURDAY), Moved(SATURDAY, MAKEUP, THURSDAY), Moved(THURSDAY, OFF)), ("UNPAIRED_SWAP", ("days", "pair"))),
    (amendment(Moved(date(2026, 1, 10), OFF)), ("UNPAIRED_SWAP", ("days", "pair"))),  # the 2nd would be off for nothing
    (amendment(Moved(FRIDAY, OFF, THURSDAY), Moved(THURSDAY, OFF, FRIDAY)), ("UNPAIRED_SWAP", ("days", "pair"))),
])  # fmt: skip
def test_what_cannot_be_is_refused(asked: Amendment, told: tuple[str, tuple[str, ...]]) -> None:
    assert refusal(TABLE, asked) == told


def test_a_table_that_is_full_takes_no_more() -> None:
    days = [date.fromordinal(date(2030, 1, 1).toordinal() + n) for n in range(MOST_OVERRIDES)]
    full = OverrideTable("22", 0, tuple(Override(day, OFF, None, "1", TODAY) for day in days))
    assert refusal(full, amendment(Moved(FRIDAY, OFF))) == ("TOO_MANY", ("days",))


def test_a_table_comes_back_from_its_fields() -> None:
    after = amended(TABLE, amendment(*SWAP), TODAY)
    flat = flattened(after)
    assert flat["overrides.2026-03-06"] == {
        "day": "2026-03-06", "kind": "OFF", "pair": "2026-03-07", "document": "1/VPCP", "announced_on": "2026-03-02", "since": 3,
    }  # fmt: skip
    assert restored(flat) == after


def test_a_day_off_that_was_entered_by_itself_is_taken_back() -> None:
    off = amended(TABLE, amendment(Moved(FRIDAY, OFF)), TODAY)
    back = amended(off, amendment(Moved(FRIDAY, MAKEUP)), TODAY)
    assert [Calendar(table.overrides).working(FRIDAY) for table in (TABLE, off, back)] == [True, False, True]
    assert back.calendar_version == off.calendar_version + 1
    again = amended(back, amendment(Moved(FRIDAY, OFF)), TODAY)
    assert not Calendar(again.overrides).working(FRIDAY)
