"""What falls due of a dossier, by the model alone: its deadlines, how often each was armed, and what is to be raised of it when.

Limits are laid by the naive clock, other days are walked one by one; nothing is asked of the service. `worlds` holds the sweep against it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from casework.model.laying import Pause
from casework.model.limit import LimitUnit
from casework.model.workdays import ZONE, Calendar
from tests.casework.actions.expected import OPEN, SECOND, UNIT, Case
from tests.casework.model.naive import DAY, Naive, local

OPENING, CLOSING = time(7, 30), time(17)
PASSING = {"AT_RISK", "DUE_TODAY"}  # levels that close by themselves
Key = tuple[str, str | None]  # kind of a deadline, and what it is of
OWN: Key = ("DOSSIER", None)


@dataclass(frozen=True)
class Falling:
    """A deadline as it stands; `warn_on` is the day on which little is left."""

    key: Key
    begun: datetime
    due_at: datetime
    warn_on: date
    stands: bool
    keeper: tuple[str, str | None]


@dataclass(frozen=True)
class Rung:
    """A level of a deadline, of one arming: what an alert tells."""

    key: Key
    arming: int
    level: str
    due_at: datetime
    reached_at: datetime


@dataclass
class Watch:
    """What was seen of a dossier's deadlines: the arming and date of each; what was raised, whether it has not closed, and whose it is."""

    calendar: Calendar
    armed: dict[Key, tuple[int, datetime]] = field(default_factory=dict)
    reopened: int = 0  # how often it was when it was seen last
    raised: dict[Rung, tuple[bool, str | None]] = field(default_factory=dict)

    def follow(self, case: Case) -> None:
        """Look at the deadlines after a move: a date that is new opens the next arming; what is near closes with its deadline.

        Whoever leads next gets what is open; what somebody took note of stays as it is.
        """
        here = list(falling(case, self.calendar))
        for one in here:
            arming, due_at = self.armed.get(one.key, (0, None))
            anew = due_at != one.due_at or (one.key == OWN and self.reopened != case.reopened)  # A reopening is a clock of its own.
            self.armed[one.key] = arming + anew, one.due_at
        self.reopened = case.reopened
        live = {(one.key, self.armed[one.key][0]) for one in here}
        for number, (rung, (stood, officer)) in enumerate(self.raised.items(), 1):
            if stood and str(number) not in case.noted:
                stays = rung.level not in PASSING or (rung.key, rung.arming) in live
                goes_on = stays and rung.key[0] != "COORDINATION"
                self.raised[rung] = stays, leader(case) if goes_on else officer

    def ahead(self, case: Case) -> tuple[Rung, tuple[str, str | None]] | None:
        """Tell which level is raised next, and to whom it falls to keep the deadline."""
        rungs = [
            (Rung(one.key, self.armed[one.key][0], level, one.due_at, reached_at), one.keeper)
            for one in falling(case, self.calendar)
            if not one.stands
            for level, reached_at in rises(one, case, self.calendar)
        ]
        done = {(rung.key, rung.arming, rung.level) for rung in self.raised}
        left = [row for row in rungs if (row[0].key, row[0].arming, row[0].level) not in done]
        return min(left, key=lambda row: row[0].reached_at, default=None)


def own_due(case: Case, calendar: Calendar) -> datetime:
    """When the dossier itself is due."""
    assert case.started
    limit = case.terms.limit
    return Naive(calendar, limit.unit, limit.amount or 0, case.started, case.terms.cut_off).due(case.happened)


def falling(case: Case, calendar: Calendar) -> Iterator[Falling]:
    """List the deadlines of a dossier: its own, its step's, those of the units that have yet to answer, its applicant's."""
    if case.state not in OPEN or case.started is None:
        return
    whole, terms = own_due(case, calendar), case.terms
    keeper = UNIT, leader(case)
    stands = not case.runs
    share = (terms.limit.amount or 0) + sum(case.longer)
    yield Falling(OWN, case.started, whole, warned_on(whole, terms.limit.unit, share, case, calendar), stands, keeper)
    if step := case.allotted:
        begun, days = step
        due_at = Naive(calendar, LimitUnit.WORKING_DAYS, days, begun, terms.cut_off).due(since(case, begun))
        few = warned_on(due_at, LimitUnit.WORKING_DAYS, days, case, calendar)
        if due_at > whole:
            due_at, few = whole, warned_on(whole, LimitUnit.FIXED_DATE, 0, case, calendar)
        yield Falling(("STEP", case.stage), begun, due_at, few, stands, keeper)
    for work in case.beside:
        if work.number not in case.answered:
            due_at = min(work.due_at or whole, whole)
            few = warned_on(due_at, LimitUnit.FIXED_DATE, 0, case, calendar)
            yield Falling(("COORDINATION", str(work.number)), work.at, due_at, few, stands, (work.unit, work.officer))
    waiting = {"AWAITING_SUPPLEMENT": ("SUPPLEMENT", case.requests, case.asked_at, terms.supplement_days),
               "AWAITING_PAYMENT": ("PAYMENT", len(case.fees), case.charged_at, terms.payment_days)}  # fmt: skip
    if case.state in waiting:
        kind, number, asked_at, time_left = waiting[case.state]
        if time_left and asked_at:
            due_at = Naive(calendar, LimitUnit.WORKING_DAYS, time_left, asked_at, terms.cut_off).due(())
            few = warned_on(due_at, LimitUnit.WORKING_DAYS, time_left, case, calendar)
            yield Falling((kind, str(number)), asked_at, due_at, few, stands=False, keeper=keeper)


def leader(case: Case) -> str | None:
    """Name who leads, while there is one to act."""
    return case.lead.officer if case.lead and case.lead.stands else None


def since(case: Case, begun: datetime) -> list[Pause]:
    """Give what of the pauses of a dossier lies after an instant, those that have ended."""
    pauses = [one for one in case.happened if isinstance(one, Pause)]
    return [Pause(max(one.from_at, begun), one.to_at) for one in pauses if one.to_at and one.to_at > begun]


def warned_on(due_at: datetime, unit: LimitUnit, amount: int, case: Case, calendar: Calendar) -> date:
    """Find the first working day on which two working days are left, or a fifth of the limit: what the version says."""
    few, percent = case.terms.thresholds.at_risk_days, case.terms.thresholds.at_risk_percent
    share, on = amount * percent // 100, local(due_at)
    last = on  # Of what is due on a day off, the working day before is the last that is left.
    while not calendar.working(last):
        last -= DAY
    if unit is LimitUnit.WORKING_DAYS:
        return working_days_from(last, -max(few, share), calendar)
    early = working_days_from(last, -few, calendar)
    if unit is LimitUnit.CALENDAR_DAYS and share:
        begins = on - share * DAY
        while not calendar.working(begins):
            begins += DAY
        return min(begins, early)
    return early


def rises(one: Falling, case: Case, calendar: Calendar) -> Iterator[tuple[str, datetime]]:
    """Tell when each level of a deadline is reached."""
    due_on = local(one.due_at)
    yield "AT_RISK", max(clock(one.warn_on, OPENING), one.begun)
    yield "DUE_TODAY", max(min(clock(due_on, OPENING), one.due_at), one.begun)
    yield "OVERDUE", max(one.due_at + SECOND, one.begun)
    late = max(clock(working_days_from(due_on, case.terms.thresholds.escalated_days, calendar), CLOSING) + SECOND, one.begun)
    again = one.key == OWN and len(case.longer) > 1
    yield "ESCALATED", case.longer_at if again and case.longer_at else late


def working_days_from(on: date, count: int, calendar: Calendar) -> date:
    """Walk so many working days on, or back."""
    step = timedelta(1 if count > 0 else -1)
    while count:
        on += step
        count -= calendar.working(on) * step.days
    return on


def clock(on: date, at: time) -> datetime:
    return datetime.combine(on, at, ZONE)
