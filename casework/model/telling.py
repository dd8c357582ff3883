"""Which lines a derivation has for its start, its days off and its make-up days. The words of a line are in `derivation` and `wording`."""

from collections.abc import Iterator

from casework.model.derivation import Reason, ReasonKind
from casework.model.laying import Laid, Told, merged
from casework.model.limit import LimitUnit, Rule
from casework.model.workdays import DayKind, WorkDay

CALENDAR_UNITS = frozenset({LimitUnit.CALENDAR_DAYS, LimitUnit.MONTHS})


def told_start(rule: Rule, received: WorkDay, laid: Laid, *, anew: bool) -> Reason:
    """Tell where the count starts, by which rule, and whether that is not the day, or the hour, of receipt."""
    moved = received.on != laid.start_on
    from_on, to_on = (received.on, laid.start_on) if moved else (None, None)
    name = None if received.working else received.names
    return Reason(
        ReasonKind.START, laid.start_on, from_on, to_on, rule.legal_basis, name, rule.limit.amount, rule.limit.unit, anew,
        to_at=laid.start_at,
    )  # fmt: skip


def told_days(unit: LimitUnit, days: Iterator[WorkDay], laid: Laid) -> Iterator[Told]:
    """Tell each day off that the count went over, and each make-up day that it counted."""
    # Calendar days roll over days off from their last day on, which may lie in a pause that began behind it.
    spans, start_on = [] if unit in CALENDAR_UNITS else list(merged(laid)), laid.start_on
    by_hours = unit is LimitUnit.WORKING_HOURS
    # Calendar days and months count a day off like any other; only the end may not fall on one.
    first_on = laid.last_on if unit in CALENDAR_UNITS else start_on
    for day in days:
        on = day.on
        if day.kind is DayKind.WEEKDAY or start_on <= on < first_on:
            continue
        if day.kind is DayKind.MAKEUP:
            # Hours count the first day and what is left of the day of a resume; days are counted from the day after.
            before = on < start_on if by_hours else on <= start_on
            if before or any(begun < on < ended or (on == ended and not by_hours) for begun, ended in spans):
                continue
            kind = ReasonKind.MAKEUP_DAY
        elif on >= start_on and any(begun < on < ended for begun, ended in spans):
            continue
        else:
            kind = ReasonKind.SKIPPED_DAY
        yield on, Reason(kind, on, None, None, day.document or "", day.names)
