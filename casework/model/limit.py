"""Limits of time: what they are counted in, and the rule of a procedure version that a clock computes with."""

from dataclasses import dataclass
from datetime import time
from enum import StrEnum

from casework.model.errors import ClockInput

MOST_UNITS = 3650


class BadClock(ClockInput, ValueError):
    """A limit, a time or a pause that no clock can be computed from."""


class LimitUnit(StrEnum):
    """What a limit is counted in."""

    WORKING_DAYS = "WORKING_DAYS"
    WORKING_HOURS = "WORKING_HOURS"
    CALENDAR_DAYS = "CALENDAR_DAYS"
    MONTHS = "MONTHS"
    FIXED_DATE = "FIXED_DATE"


# Ten years at the most, in each unit; a day has eight working hours.
MOST: dict[LimitUnit, int] = {
    LimitUnit.WORKING_DAYS: MOST_UNITS,
    LimitUnit.WORKING_HOURS: MOST_UNITS,
    LimitUnit.CALENDAR_DAYS: MOST_UNITS,
    LimitUnit.MONTHS: 120,
}


@dataclass(frozen=True, slots=True)
class Limit:
    """The time a procedure may take (thời hạn giải quyết); a fixed date has no amount."""

    unit: LimitUnit
    amount: int | None = None

    def __post_init__(self) -> None:
        """Refuse an amount out of range, or one where there is none."""
        if self.unit is LimitUnit.FIXED_DATE:
            if self.amount is not None:
                raise BadClock("a fixed date has no amount", path=("limit", "amount"))
        elif self.amount is None or not 1 <= self.amount <= MOST[self.unit]:
            raise BadClock(f"a limit is 1 to {MOST[self.unit]} of {self.unit}, not {self.amount}", path=("limit", "amount"))


@dataclass(frozen=True, slots=True)
class Rule:
    """What the procedure version says of its clock, with the law each part rests on."""

    limit: Limit
    cut_off: time = time(15)
    legal_basis: str = ""
    version: int = 1
    roll_basis: str = "91/2015/QH13, 148.5"
