"""The table of overrides of the work calendar as it is amended: what is kept of it, and how an amendment changes it.

Pure. What an override makes of its day stands in `workdays`; which dossiers it moves is for the task that follows it. Source: domain.md
section 4.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from casework.model import flat
from casework.model.errors import Invalid
from casework.model.packing import Plain
from casework.model.workdays import FIRST_YEAR, LAST_YEAR, Calendar, Override, OverrideKind, UnpairedSwap, checked, version_of

LISTS = {"overrides": "day"}
MOST_DAYS = 50  # of one amendment: what one transaction takes, with room
MOST_OVERRIDES = 900  # what one reading of the register gives, with room


@dataclass(frozen=True, slots=True)
class OverrideTable:
    """All overrides that stand, by day. `unit` is that of whoever amended last, `version` counts the amendments."""

    unit: str
    version: int = 0
    overrides: tuple[Override, ...] = ()

    @property
    def calendar_version(self) -> int:
        """The version of the calendar that they make."""
        return version_of(self.overrides)


@dataclass(frozen=True, slots=True)
class Moved:
    """A day as an amendment has it; `pair` is the other half of a swap."""

    on: date
    kind: OverrideKind
    pair: date | None = None


@dataclass(frozen=True, slots=True)
class Amendment:
    """A document that moves days, and when it was announced."""

    document: str
    announced_on: date
    days: tuple[Moved, ...]


def flattened(table: OverrideTable) -> dict[str, Plain]:
    """Give its fields: `overrides.2026-01-02` is the override of that day."""
    return flat.flattened(table, LISTS)


def restored(fields: Mapping[str, Any]) -> OverrideTable:
    """Build it back."""
    return flat.restored(OverrideTable, fields, LISTS)


def amended(before: OverrideTable, amendment: Amendment, today: date) -> OverrideTable:
    """Lay an amendment over the table: each of its days has the override that it says, and all others stay.

    Raises:
        Invalid: it is announced in the future, moves no day or too many, or one of its days cannot be moved so.
    """
    if amendment.announced_on > today:
        raise Invalid("an amendment is announced before it is entered", path=("announcedOn",), code="IN_FUTURE")
    _known(amendment.announced_on, "announcedOn")
    if not amendment.days:
        raise Invalid("an amendment moves a day at least", path=("days",), code="EMPTY")
    if len(amendment.days) > MOST_DAYS:
        raise Invalid(f"an amendment moves at most {MOST_DAYS} days", path=("days",), code="TOO_MANY")
    calendar = Calendar(before.overrides)
    standing = {override.day: override for override in before.overrides}
    since = before.calendar_version + 1
    brought: dict[date, Override] = {}
    for moved in amendment.days:
        _known(moved.on, "days", "on")
        _known(moved.pair or moved.on, "days", "pair")
        if moved.on in brought:
            raise Invalid(f"{moved.on} stands there twice", path=("days", "on"), code="DAY_TWICE")
        _changes(calendar, standing.get(moved.on), moved)
        brought[moved.on] = Override(moved.on, moved.kind, moved.pair, amendment.document, amendment.announced_on, since)
    after = standing | brought
    if len(after) > MOST_OVERRIDES:
        raise Invalid(f"the calendar has at most {MOST_OVERRIDES} overrides", path=("days",), code="TOO_MANY")
    try:
        overrides = checked(tuple(after[day] for day in sorted(after)))
    except UnpairedSwap as unpaired:
        raise Invalid(unpaired.message, path=("days", "pair"), code="UNPAIRED_SWAP") from None
    return replace(before, overrides=overrides)


def _known(on: date, *path: str) -> None:
    if not FIRST_YEAR <= on.year <= LAST_YEAR:
        raise Invalid(f"the year {on.year} is outside {FIRST_YEAR} to {LAST_YEAR}", path=path, code="CLOCK_INPUT")


def _changes(calendar: Calendar, stands: Override | None, moved: Moved) -> None:
    """Ask that it change its day, or the other half of the swap in which the day stands.

    A day that makes up for none takes back a day off that an amendment had brought by itself, and nothing else.
    """
    taken_back = stands is not None and stands.kind is OverrideKind.OFF and stands.pair is None
    if moved.kind is OverrideKind.MAKEUP and moved.pair is None and not taken_back:
        tell = f"{moved.on} makes up for a day: say which (without one, only a day off that was entered by itself is taken back)"
        raise Invalid(tell, path=("days", "pair"), code="UNPAIRED_SWAP")
    if calendar.working(moved.on) is (moved.kind is OverrideKind.OFF) or (stands is not None and stands.pair != moved.pair):
        return
    if moved.kind is OverrideKind.OFF:
        raise Invalid(f"{moved.on} is off already", path=("days", "on"), code="ALREADY_OFF")
    raise Invalid(f"{moved.on} is worked already", path=("days", "on"), code="ALREADY_WORKED")
