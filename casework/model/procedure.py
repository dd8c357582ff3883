"""Procedures and their versions: limits, steps, components, channels, clarity set. All of it is effective-dated data."""

from dataclasses import dataclass
from datetime import date, time
from enum import StrEnum

from casework.model.alert import STANDARD, Thresholds
from casework.model.limit import Limit, LimitUnit, Rule

IMPORT_TIER = "import"


class DossierKind(StrEnum):
    """What a dossier is; all kinds share one lifecycle."""

    ADMINISTRATIVE = "ADMINISTRATIVE"
    COMPLAINT = "COMPLAINT"
    DENUNCIATION = "DENUNCIATION"
    FEEDBACK = "FEEDBACK"
    ACCESS_REQUEST = "ACCESS_REQUEST"


class Channel(StrEnum):
    """How a dossier comes in."""

    ONLINE = "ONLINE"
    COUNTER = "COUNTER"
    POST = "POST"
    EMAIL = "EMAIL"
    INTERNAL = "INTERNAL"


class StepOrder(StrEnum):
    """Whether steps follow each other in the version's order, or run (and recur) freely."""

    ORDERED = "ORDERED"
    FREE = "FREE"


@dataclass(frozen=True, slots=True)
class Texts:
    """A text for people in the three languages of the service."""

    vi: str
    en: str
    fr: str


@dataclass(frozen=True, slots=True)
class StepRule:
    """One step of a version; `allotted_days` are the working days it may take, where the version says so."""

    code: str
    title: Texts
    allotted_days: int | None = None


@dataclass(frozen=True, slots=True)
class Component:
    """One document of the dossier (thành phần hồ sơ)."""

    code: str
    title: Texts
    mandatory: bool = True


@dataclass(frozen=True, slots=True)
class Fee:
    """What an applicant pays (phí, lệ phí); `amount` in whole dong."""

    code: str
    title: Texts
    amount: int
    legal_basis: str


@dataclass(frozen=True, slots=True)
class ProcedureVersion:
    """One version of a procedure. A dossier keeps the version in force at its receipt.

    `tier` is province, commune or import. Who is competent: `unit`, where the version names one; else the `department` of that name in the
    province of the reception point (XD names the unit 22-XD of province 22); else, at the tier commune, the commune of that point.
    How many working days an applicant has to supply what is missing, or to pay: absent where the version sets no time for it.
    Whether a payment pauses the clock, how often and by how many units it may be extended: absent where the usual holds.
    """

    code: str
    version: int
    title: Texts
    kind: DossierKind
    field: str
    tier: str
    limit: Limit
    legal_basis: str
    valid_from: date
    channels: tuple[Channel, ...]
    unit: str | None = None
    department: str | None = None
    valid_to: date | None = None
    published_on: date | None = None
    cut_off: time = time(15)
    step_order: StepOrder = StepOrder.ORDERED
    steps: tuple[StepRule, ...] = ()
    components: tuple[Component, ...] = ()
    fees: tuple[Fee, ...] = ()
    clarity_lead: tuple[str, ...] = ()
    clarity_coordinating: tuple[str, ...] = ()
    thresholds: Thresholds = STANDARD
    payment_pauses: bool | None = None
    most_extensions: int | None = None
    most_extended: int | None = None
    supplement_days: int | None = None
    payment_days: int | None = None

    def in_force(self, on: date) -> bool:
        """Whether a dossier may be opened under this version on that legal day (`valid_to` is its last day)."""
        return self.valid_from <= on and (self.valid_to is None or on <= self.valid_to)

    @property
    def extensions(self) -> int:
        """How often its limit may be extended: once where it does not say, and a fixed date never."""
        if self.limit.unit is LimitUnit.FIXED_DATE:
            return 0
        return 1 if self.most_extensions is None else self.most_extensions

    @property
    def extended(self) -> int:
        """How many units may be added in all: as many as the limit has where it does not say."""
        return (self.limit.amount or 0) if self.most_extended is None else self.most_extended

    @property
    def rule(self) -> Rule:
        """The rule that the clock computes with."""
        return Rule(limit=self.limit, cut_off=self.cut_off, legal_basis=self.legal_basis, version=self.version)
