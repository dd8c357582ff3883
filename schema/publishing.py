"""What publishProcedure brings: a version of a procedure, as the law or a decision lays it down."""

import re
from collections.abc import Sequence
from datetime import date, time
from typing import TypeVar

import strawberry

from casework.model import procedure
from casework.model.errors import Invalid
from casework.model.limit import MOST_UNITS, Limit, LimitUnit
from casework.model.procedure import Channel, DossierKind, ProcedureVersion, StepOrder, Texts
from casework.model.texts import LONGEST_NAME, text
from schema.inputs import KeyedInput
from schema.node import key_of

CODE = re.compile(r"[A-Z0-9][A-Z0-9._-]{0,31}")
MOST_PARTS = 50  # steps, components or fees of a version
CLARITY = frozenset({"officer", "task", "responsibility", "due_at", "authority", "expected_result"})
TIERS = ("province", "commune")
UNIMPORTED = frozenset(LimitUnit) - {LimitUnit.FIXED_DATE}
T = TypeVar("T")


@strawberry.input(description="A text in the three languages of the service.")
class TextsInput:
    """A text for people."""

    vi: str = strawberry.field(description="Vietnamese.")
    en: str = strawberry.field(description="English.")
    fr: str = strawberry.field(description="French.")


@strawberry.input(description="How long a procedure may take.")
class LimitInput:
    """A limit."""

    unit: LimitUnit = strawberry.field(description="What is counted; FIXED_DATE is for imports alone.")
    amount: int = strawberry.field(description="How many.")


@strawberry.input(description="A step of a version.")
class StepInput:
    """A step."""

    code: str = strawberry.field(description="Its code.")
    title: TextsInput = strawberry.field(description="Its title.")
    allotted_days: int | None = strawberry.field(default=None, description="Working days it may take.")


@strawberry.input(description="A document that the dossier consists of.")
class ComponentInput:
    """A component."""

    code: str = strawberry.field(description="Its code.")
    title: TextsInput = strawberry.field(description="Its title.")
    mandatory: bool = strawberry.field(default=True, description="Whether it must be there at receipt.")


@strawberry.input(description="What an applicant pays.")
class FeeInput:
    """A fee."""

    code: str = strawberry.field(description="Its code.")
    title: TextsInput = strawberry.field(description="Its title.")
    amount: int = strawberry.field(description="In whole dong.")
    legal_basis: str = strawberry.field(description="The law that it rests on.")


@strawberry.input(description="Publishes a version of a procedure.")
class PublishProcedureInput(KeyedInput):
    """Input of publishProcedure."""

    code: str = strawberry.field(description="The procedure's code, the same for all versions.")
    title: TextsInput = strawberry.field(description="Its title.")
    kind: DossierKind = strawberry.field(description="What its dossiers are; the same for all versions.")
    field: str = strawberry.field(description="Field of administration.")
    tier: str = strawberry.field(description="Tier that handles it: province or commune.")
    department: str | None = strawberry.field(
        default=None, description="The department of a province that handles it, as XD. Left out: `unit`, or the commune."
    )
    unit: strawberry.ID | None = strawberry.field(default=None, description="The one unit that handles it, wherever it comes in.")
    limit: LimitInput = strawberry.field(description="How long it may take.")
    legal_basis: str = strawberry.field(description="The law that it rests on.")
    valid_from: date = strawberry.field(description="First legal day in force: today or later. The version before ends the day before.")
    valid_to: date | None = strawberry.field(default=None, description="Last legal day in force.")
    channels: list[Channel] = strawberry.field(description="How its dossiers may come in.")
    cut_off: time = strawberry.field(default=time(15), description="What comes in after it counts for the next working day.")
    step_order: StepOrder = strawberry.field(default=StepOrder.ORDERED, description="Whether steps follow each other.")
    steps: list[StepInput] = strawberry.field(default_factory=list, description="Its steps.")
    components: list[ComponentInput] = strawberry.field(default_factory=list, description="What must be handed in.")
    fees: list[FeeInput] = strawberry.field(default_factory=list, description="What is paid.")
    clarity_lead: list[str] = strawberry.field(
        default_factory=list,
        description="What an assignment of the lead must say: officer task responsibility due_at authority expected_result.",
    )
    clarity_coordinating: list[str] = strawberry.field(default_factory=list, description="What one of a coordinating unit must say.")
    payment_pauses: bool | None = strawberry.field(
        default=None, description="Whether the clock stands while a payment is awaited; usually not."
    )
    most_extensions: int | None = strawberry.field(default=None, description="How often the limit may be extended, 0 to 9; usually once.")
    most_extended: int | None = strawberry.field(
        default=None, description="How many units of the limit extensions may add in all; usually as many as the limit has."
    )
    supplement_days: int | None = strawberry.field(
        default=None, description="How many working days the applicant has to supply what is missing; usually no time is set."
    )
    payment_days: int | None = strawberry.field(
        default=None, description="How many working days the applicant has to pay; usually no time is set."
    )


def draft_of(given: PublishProcedureInput) -> ProcedureVersion:
    """Build the version that is asked for; its number is given when it is published.

    Raises:
        Invalid: a code, a text, a number or a list that is none.
    """
    if given.tier not in TIERS:
        raise Invalid(f"a tier is {' or '.join(TIERS)}", path=("tier",))
    if given.department is not None and given.unit is not None:
        raise Invalid("a department or a unit handles it, not both", path=("unit",))
    if given.department is None and given.unit is None and given.tier != "commune":
        raise Invalid("say which department of the province handles it, or which unit", path=("department",))
    if not given.channels:
        raise Invalid("say how its dossiers may come in", path=("channels",), code="EMPTY")
    if given.limit.unit not in UNIMPORTED:
        raise Invalid("a fixed date comes with an import alone", path=("limit", "unit"), code="CLOCK_INPUT")
    return ProcedureVersion(
        code=_code(given.code, "code"),
        version=0,
        title=_texts(given.title, "title"),
        kind=given.kind,
        field=text(given.field, "field", longest=LONGEST_NAME),
        tier=given.tier,
        department=_code(given.department, "department") if given.department is not None else None,
        unit=key_of(given.unit, "unit") if given.unit is not None else None,
        limit=Limit(given.limit.unit, given.limit.amount),
        legal_basis=text(given.legal_basis, "legalBasis", longest=LONGEST_NAME),
        valid_from=given.valid_from,
        valid_to=given.valid_to,
        channels=tuple(dict.fromkeys(given.channels)),
        cut_off=given.cut_off,
        step_order=given.step_order,
        steps=tuple(_step(step) for step in _several(given.steps, "steps")),
        components=tuple(
            procedure.Component(_code(c.code, "components", "code"), _texts(c.title, "components", "title"), c.mandatory)
            for c in _several(given.components, "components")
        ),
        fees=tuple(_fee(fee) for fee in _several(given.fees, "fees")),
        clarity_lead=_clarity(given.clarity_lead, "clarityLead"),
        clarity_coordinating=_clarity(given.clarity_coordinating, "clarityCoordinating"),
        payment_pauses=given.payment_pauses,
        most_extensions=_within(given.most_extensions, 0, 9, "mostExtensions"),
        most_extended=_within(given.most_extended, 0, MOST_UNITS, "mostExtended"),
        supplement_days=_within(given.supplement_days, 1, MOST_UNITS, "supplementDays"),
        payment_days=_within(given.payment_days, 1, MOST_UNITS, "paymentDays"),
    )


def _within(number: int | None, least: int, most: int, path: str) -> int | None:
    if number is not None and not least <= number <= most:
        raise Invalid(f"{least} to {most}", path=(path,))
    return number


def _step(given: StepInput) -> procedure.StepRule:
    if given.allotted_days is not None and given.allotted_days < 1:
        raise Invalid("a step is allotted a day or more", path=("steps", "allottedDays"))
    return procedure.StepRule(_code(given.code, "steps", "code"), _texts(given.title, "steps", "title"), given.allotted_days)


def _fee(given: FeeInput) -> procedure.Fee:
    if given.amount < 0:
        raise Invalid("a fee is 0 dong or more", path=("fees", "amount"))
    basis = text(given.legal_basis, "fees", "legalBasis", longest=LONGEST_NAME)
    return procedure.Fee(_code(given.code, "fees", "code"), _texts(given.title, "fees", "title"), given.amount, basis)


def _texts(given: TextsInput, *path: str) -> Texts:
    vi, en, fr = (text(value, *path, name, longest=LONGEST_NAME) for name, value in (("vi", given.vi), ("en", given.en), ("fr", given.fr)))
    return Texts(vi, en, fr)


def _code(value: str, *path: str) -> str:
    if not CODE.fullmatch(value):
        raise Invalid(
            "a code is 1 to 32 capital letters, digits, dots, dashes and underscores, a letter or digit first",
            path=path,
            code="BAD_CHARACTER",
        )
    return value


def _clarity(names: list[str], path: str) -> tuple[str, ...]:
    if unknown := [name for name in names if name not in CLARITY]:
        raise Invalid(f"{unknown[0]!r} is nothing that an assignment says; it says {', '.join(sorted(CLARITY))}", path=(path,))
    return tuple(dict.fromkeys(names))


def _several(things: Sequence[T], path: str) -> Sequence[T]:
    """Hold a list to its length, and the codes in it to standing once."""
    if len(things) > MOST_PARTS:
        raise Invalid(f"at most {MOST_PARTS}", path=(path,), code="TOO_MANY")
    codes = [getattr(thing, "code", None) for thing in things]
    if len(set(codes)) < len(codes):
        raise Invalid("a code stands there twice", path=(path, "code"))
    return things
