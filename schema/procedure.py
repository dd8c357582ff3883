"""Procedures: what may be asked for, how long it may take, what must be handed in."""

from datetime import date, time

import strawberry

from casework.model.errors import Invalid
from casework.model.procedure import Channel, DossierKind, ProcedureVersion, StepOrder, Texts
from casework.model.texts import LONGEST_NAME
from casework.model.workdays import legal_day
from schema.context import Info, context_of
from schema.deadline import Limit
from schema.node import Node
from schema.paging import CODE, Connection, paged, spanned
from schema.text import Lang, Language, said
from schema.unit import Unit, unit_of


@strawberry.type(description="A step of a procedure.")
class ProcedureStep:
    """A step of a version."""

    texts: strawberry.Private[Texts]
    code: str = strawberry.field(description="Its code.")
    allotted_days: int | None = strawberry.field(description="Working days it may take, where the version says so.")

    @strawberry.field(description="Its title.")
    def title(self, lang: Lang = Language.VI) -> str:
        """Say it in a language."""
        return said(self.texts, lang)


@strawberry.type(description="A document that the dossier consists of (thành phần hồ sơ).")
class Component:
    """A component of a version."""

    texts: strawberry.Private[Texts]
    code: str = strawberry.field(description="Its code.")
    mandatory: bool = strawberry.field(description="Whether it must be there at receipt.")

    @strawberry.field(description="Its title.")
    def title(self, lang: Lang = Language.VI) -> str:
        """Say it in a language."""
        return said(self.texts, lang)


@strawberry.type(description="What an applicant pays (phí, lệ phí).")
class Fee:
    """A fee of a version."""

    texts: strawberry.Private[Texts]
    code: str = strawberry.field(description="Its code.")
    amount: int = strawberry.field(description="In whole dong.")
    legal_basis: str = strawberry.field(description="The law that it rests on.")

    @strawberry.field(description="Its title.")
    def title(self, lang: Lang = Language.VI) -> str:
        """Say it in a language."""
        return said(self.texts, lang)


@strawberry.type(description="One version of an administrative procedure.")
class Procedure(Node):
    """A procedure version."""

    stored: strawberry.Private[ProcedureVersion]
    code: str = strawberry.field(description="Its code, the same for all versions.")
    version: int = strawberry.field(description="The version's number.")
    kind: DossierKind = strawberry.field(description="What its dossiers are.")
    field: str = strawberry.field(description="Field of administration.")
    tier: str = strawberry.field(description="Tier that handles it.")
    limit: Limit = strawberry.field(description="How long it may take.")
    cut_off: time = strawberry.field(description="What comes in after it counts for the next working day.")
    step_order: StepOrder = strawberry.field(description="Whether steps follow each other.")
    channels: list[Channel] = strawberry.field(description="How its dossiers may come in.")
    legal_basis: str = strawberry.field(description="The law it rests on.")
    published_on: date | None = strawberry.field(description="When the version was published.")
    valid_from: date = strawberry.field(description="First legal day in force.")
    valid_to: date | None = strawberry.field(description="Last legal day in force.")
    steps: list[ProcedureStep] = strawberry.field(description="Its steps.")
    components: list[Component] = strawberry.field(description="What must be handed in.")
    fees: list[Fee] = strawberry.field(description="What is paid.")
    department: str | None = strawberry.field(
        description="The department that handles it in the province of the reception point, as XD; null where another rule holds."
    )
    clarity_lead: list[str] = strawberry.field(description="What an assignment of the lead must say.")
    clarity_coordinating: list[str] = strawberry.field(description="What an assignment of a coordinating unit must say.")
    payment_pauses: bool = strawberry.field(description="Whether the clock stands while a payment is awaited.")
    most_extensions: int = strawberry.field(description="How often the limit may be extended in the course of one clock.")
    most_extended: int = strawberry.field(description="How many units of the limit extensions may add in all.")
    supplement_days: int | None = strawberry.field(
        description="How many working days the applicant has to supply what is missing; null: no time is set."
    )
    payment_days: int | None = strawberry.field(description="How many working days the applicant has to pay; null: no time is set.")

    @strawberry.field(description="Its title.")
    def title(self, lang: Lang = Language.VI) -> str:
        """Say it in a language."""
        return said(self.stored.title, lang)

    @strawberry.field(description="The one unit that handles it, wherever it comes in; null where `department` or the commune does.")
    def unit(self, info: Info) -> Unit | None:
        """Find the unit."""
        return unit_of(info, self.stored.unit) if self.stored.unit else None


@strawberry.input(description="Which procedures: all, those of a kind, or those of a field.")
class ProcedureFilter:
    """A filter of procedures."""

    kind: DossierKind | None = strawberry.field(default=None, description="What their dossiers are.")
    field: str | None = strawberry.field(default=None, description="Field of administration, as `field` of a procedure has it.")


def procedures_page(
    info: Info, wanted: ProcedureFilter | None, first: int | None, last: int | None, after: str | None, before: str | None
) -> Connection[Procedure]:
    """Read a page of procedures, by code, each in the version in force today or else the last one.

    Raises:
        Invalid: no index serves the filter.
    """
    kind, field = (wanted.kind, wanted.field) if wanted else (None, None)
    if kind is not None and field is not None:
        raise Invalid("no index serves kind and field at once; there are kind and field", path=("filter",), code="NO_INDEX")
    if field is not None and len(field) > LONGEST_NAME:
        raise Invalid(f"a field has at most {LONGEST_NAME} characters", path=("filter", "field"), code="TOO_LONG")
    span = spanned(first, last, after, before, CODE)
    store = context_of(info).services.store
    found = store.procedures(kind, field, span.wider)
    for code in found:
        if not store.versions(code):  # Published a moment ago, after somebody had asked for it in vain.
            store.versions(code, fresh=True)
    shown = {code: one for code in found if (one := procedure_of(info, code))}
    return paged(span, [code for code in found if code in shown], lambda code: code, shown.__getitem__)


def procedure_shown(version: ProcedureVersion) -> Procedure:
    """Show a version."""
    return Procedure(
        place=("procedure", f"{version.code}@{version.version}"),
        stored=version,
        code=version.code,
        version=version.version,
        kind=version.kind,
        field=version.field,
        tier=version.tier,
        limit=Limit(unit=version.limit.unit, amount=version.limit.amount),
        cut_off=version.cut_off,
        step_order=version.step_order,
        channels=list(version.channels),
        legal_basis=version.legal_basis,
        published_on=version.published_on,
        valid_from=version.valid_from,
        valid_to=version.valid_to,
        steps=[ProcedureStep(texts=s.title, code=s.code, allotted_days=s.allotted_days) for s in version.steps],
        components=[Component(texts=c.title, code=c.code, mandatory=c.mandatory) for c in version.components],
        fees=[Fee(texts=f.title, code=f.code, amount=f.amount, legal_basis=f.legal_basis) for f in version.fees],
        department=version.department,
        clarity_lead=list(version.clarity_lead),
        clarity_coordinating=list(version.clarity_coordinating),
        payment_pauses=bool(version.payment_pauses),
        most_extensions=version.extensions,
        most_extended=version.extended,
        supplement_days=version.supplement_days,
        payment_days=version.payment_days,
    )


def procedure_of(info: Info, key: str) -> Procedure | None:
    """Find a procedure by code, in the version in force today or else the last one; `code@version` names one."""
    context = context_of(info)
    code, _, number = key.partition("@")
    versions = context.services.store.versions(code)
    if number:
        versions = tuple(v for v in versions if str(v.version) == number)
    today = legal_day(context.services.now())
    current = [v for v in versions if v.in_force(today)] or list(versions)
    return procedure_shown(current[-1]) if current else None
