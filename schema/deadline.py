"""The statutory clock as citizens see it: due dates with their reasons."""

from datetime import date, datetime

import strawberry

from casework.model.alert import AlertLevel, DeadlineKind, level_at
from casework.model.clock import Reckoning, reckoned, remaining_minutes, used_minutes
from casework.model.course import clock_of
from casework.model.deadlines import Deadline as StoredDeadline
from casework.model.deadlines import deadlines
from casework.model.derivation import Reason, ReasonKind
from casework.model.limit import LimitUnit
from casework.model.moves import Setting
from casework.model.record import Dossier, HolderKind, IntervalKind
from casework.model.record import Interval as Stored
from schema.context import Info
from schema.text import LANGS, Lang, Language
from schema.unit import Unit, unit_of


@strawberry.type(description="How long a procedure may take.")
class Limit:
    """A limit."""

    unit: LimitUnit = strawberry.field(description="What is counted.")
    amount: int | None = strawberry.field(description="How many; null for FIXED_DATE.")


@strawberry.type(description="One line of the derivation of a due date.")
class ClockReason:
    """A reason of the clock."""

    reason: strawberry.Private[Reason]
    kind: ReasonKind = strawberry.field(description="What the line tells.")
    on: date | None = strawberry.field(description="The legal day that it speaks of.")
    from_on: date | None = strawberry.field(name="from", description="First day of a stretch, or the day before a move.")
    to_on: date | None = strawberry.field(name="to", description="Last day of a stretch, or the day after a move.")
    from_at: datetime | None = strawberry.field(description="Of a limit in working hours: the instant behind `from`.")
    to_at: datetime | None = strawberry.field(description="Of a limit in working hours: the instant behind `to`, or when it starts.")
    amount: int | None = strawberry.field(description="How much the line counts: the limit, what is left, or what is added, in `unit`.")
    unit: str | None = strawberry.field(description="What `amount` counts: a unit of limits, or WORKING_MINUTES.")
    legal_basis: str | None = strawberry.field(description="The law or document that it rests on.")

    @strawberry.field(description="The line as a sentence.")
    def text(self, lang: Lang = Language.VI) -> str:
        """Say it in a language."""
        return self.reason.text(LANGS[lang])


@strawberry.type(description="A stretch of the clock, and who held the dossier during it. Intervals tile the whole.")
class Interval:
    """An interval."""

    stored: strawberry.Private[Stored]
    kind: IntervalKind = strawberry.field(description="Whether the clock runs.")
    cause: str = strawberry.field(description="The move that opened it.")
    holder: HolderKind = strawberry.field(description="Who holds the dossier.")
    from_at: datetime = strawberry.field(name="from", description="When it begins.")
    to_at: datetime | None = strawberry.field(name="to", description="When it ends; null while it lasts.")
    officer: str | None = strawberry.field(description="The officer's code, where a person holds it.")

    @strawberry.field(description="The unit, where one holds it.")
    def unit(self, info: Info) -> Unit | None:
        """Find the unit."""
        return unit_of(info, self.stored.unit) if self.stored.unit else None


@strawberry.type(description="A statutory clock: when it is due, and why.")
class Clock:
    """A clock."""

    found: strawberry.Private[Reckoning]
    setting: strawberry.Private[Setting]
    now: strawberry.Private[datetime]
    runs: strawberry.Private[bool]
    stretches: strawberry.Private[tuple[Stored, ...]]
    anonymous: strawberry.Private[bool]
    due_at: datetime = strawberry.field(
        description="When it is due; that instant is in time. While paused: as it stood when the pause began."
    )
    original_due_at: datetime = strawberry.field(description="As it was computed at receipt.")
    promised_due_at: datetime | None = strawberry.field(description="As it stands on the slip.")
    paused: bool = strawberry.field(description="Whether the clock stands.")

    @strawberry.field(description="How urgent it is now; null when it is not, paused or ended.")
    def level(self) -> AlertLevel | None:
        """Derive the level."""
        if not self.runs:
            return None
        return level_at(self.found, self.setting.calendar, self.now, self.setting.procedure.thresholds)

    @strawberry.field(description="Working minutes left; 0 when overdue.")
    def remaining_minutes(self) -> int:
        """Count them."""
        return remaining_minutes(self.found, self.now, self.setting.calendar)

    @strawberry.field(description="Working minutes used, pauses left out.")
    def used_minutes(self) -> int:
        """Count them."""
        return used_minutes(self.found, self.now, self.setting.calendar)

    @strawberry.field(description="The derivation, line by line.")
    def explanation(self) -> list[ClockReason]:
        """Tell it."""
        return [_line(reason) for reason in reckoned(self.found.rule, self.found.course, self.setting.calendar).reasons]

    @strawberry.field(description="The stretches of the clock.")
    def intervals(self) -> list[Interval]:
        """Show them."""
        return intervals_shown(self.stretches, anonymous=self.anonymous)


@strawberry.type(description="A deadline (thời hạn): the dossier's own, or that of whoever is to act on it now.")
class Deadline:
    """A deadline."""

    stored: strawberry.Private[StoredDeadline]
    now: strawberry.Private[datetime]
    setting: strawberry.Private[Setting]
    kind: DeadlineKind = strawberry.field(description="What it is for.")
    of: str | None = strawberry.field(
        description="The step's code, or the number of assignment, supplement or payment; null for the dossier."
    )
    officer: str | None = strawberry.field(description="Who is to keep it, where that is a person of the register.")
    started_at: datetime = strawberry.field(description="When its time began.")
    due_at: datetime = strawberry.field(
        description="When it is due; that instant is in time. While paused: as it stood when the pause began."
    )
    paused: bool = strawberry.field(description="Whether its time stands.")

    @strawberry.field(description="The unit that is to keep it; null where it is the applicant.")
    def unit(self, info: Info) -> Unit | None:
        """Find the unit."""
        return unit_of(info, self.stored.unit) if self.stored.unit else None

    @strawberry.field(description="How urgent it is now; null when it is not, or paused.")
    def level(self) -> AlertLevel | None:
        """Derive the level."""
        return level_at(self.stored.reckoning, self.setting.calendar, self.now, self.setting.procedure.thresholds)


def deadlines_shown(dossier: Dossier, setting: Setting, now: datetime) -> list[Deadline]:
    """Show the deadlines of a dossier."""
    return [
        Deadline(
            stored=one, now=now, setting=setting, kind=one.kind, of=one.of or None, officer=one.officer,
            started_at=one.reckoning.received_at, due_at=one.reckoning.due_at, paused=one.reckoning.paused,
        )
        for one in deadlines(dossier, setting)
    ]  # fmt: skip


def dossier_clock(dossier: Dossier, setting: Setting, now: datetime, *, anonymous: bool = False) -> Clock | None:
    """Give the clock of a dossier; None before it is received. One that has ended stands there. `anonymous` names no officer."""
    if dossier.started_at is None or dossier.due_at is None:
        return None
    ended_at = dossier.decided_at or dossier.ended_at
    found = clock_of(dossier, setting, told=False)
    return Clock(
        found=found, setting=setting, now=min(now, ended_at) if ended_at else now, runs=dossier.open,
        stretches=dossier.current, anonymous=anonymous, due_at=dossier.due_at,
        original_due_at=dossier.original_due_at or dossier.due_at, promised_due_at=dossier.promised_due_at,
        paused=found.paused and dossier.open,
    )  # fmt: skip


def clock_shown(found: Reckoning, setting: Setting, now: datetime) -> Clock:
    """Show a clock that belongs to no dossier."""
    return Clock(
        found=found, setting=setting, now=now, runs=True, stretches=(), anonymous=True, due_at=found.due_at,
        original_due_at=found.due_at, promised_due_at=None, paused=found.paused,
    )  # fmt: skip


def intervals_shown(stretches: tuple[Stored, ...], *, anonymous: bool = False) -> list[Interval]:
    """Show intervals."""
    return [
        Interval(
            stored=i, kind=i.kind, cause=i.cause, holder=i.holder, from_at=i.from_at, to_at=i.to_at,
            officer=None if anonymous else i.officer,
        )
        for i in stretches
    ]  # fmt: skip


def _line(reason: Reason) -> ClockReason:
    return ClockReason(
        reason=reason, kind=reason.kind, on=reason.on, from_on=reason.from_on, to_on=reason.to_on, from_at=reason.from_at,
        to_at=reason.to_at, amount=reason.amount, unit=reason.unit, legal_basis=reason.legal_basis or None,
    )  # fmt: skip
