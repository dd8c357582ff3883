"""What stands in a dossier, type by type: assignments, steps, opinions, supplements, result, rating, reopenings.

The dossier itself is in `dossier`.
"""

from collections.abc import Callable
from datetime import datetime
from functools import cached_property

import strawberry

from casework.audit.disclosure import opened
from casework.model.access import Group
from casework.model.masking import masked_name, masked_number, masked_text
from casework.model.parties import Ref
from casework.model.record import Applicant as StoredApplicant
from casework.model.record import Assignment as StoredAssignment
from casework.model.record import AssignmentRole, DossierId, Medium, Outcome
from casework.model.record import Interval as StoredInterval
from casework.model.record import Opinion as StoredOpinion
from casework.model.record import Rating as StoredRating
from casework.model.record import Reopening as StoredReopening
from casework.model.record import Result as StoredResult
from casework.model.record import Step as StoredStep
from casework.model.record import Supplement as StoredSupplement
from casework.views import View
from schema.context import Context, Info
from schema.deadline import Interval, intervals_shown
from schema.node import Node
from schema.unit import Unit, unit_of


class Texts:
    """A dossier's disclosures, read when the first is asked for; a group that the viewer lacks gives None."""

    def __init__(self, context: Context, view: View) -> None:
        """Read nothing yet."""
        self._context = context
        self._view = view

    @cached_property
    def _kept(self) -> dict[str, str]:
        return dict(self._context.disclosed(self._view.held))

    def of(self, ref: Ref | None, group: Group) -> str | None:
        """Give a text; None when there is none, when it was erased, or when the viewer may not read it."""
        if ref is None or group not in self._view.decision.groups or ref.digest not in self._kept:
            return None
        return opened(self._kept[ref.digest])[1]


def texts_of(context: Context, view: View) -> Texts:
    """Give the texts of a dossier in that state, read once."""
    return context.texts.setdefault((view.held.id, view.held.tip.seq, view.decision), Texts(context, view))


@strawberry.type(description="Who asks. Only those whom a rule allows read these values.")
class Applicant:
    """An applicant's values."""

    name: str | None = strawberry.field(description="Name.")
    phone: str | None = strawberry.field(description="Telephone number.")
    address: str | None = strawberry.field(description="Address.")
    identity_number: str | None = strawberry.field(description="Number of the identity document.")
    masked: bool = strawberry.field(
        description="Whether the values are masked: a name's first letter, a number's last digits, nothing of an address. Unmasking them "
        "takes a reason, and the applicant is told."
    )


def applicant_shown(stored: StoredApplicant, texts: Texts, *, masked: bool) -> Applicant:
    """Show an applicant."""
    group = Group.MASKED if masked else Group.PERSONAL

    def told(ref: Ref | None, mask: Callable[[str], str]) -> str | None:
        found = texts.of(ref, group)
        return mask(found) if masked and found is not None else found

    return Applicant(
        name=told(stored.name, masked_name),
        phone=told(stored.phone, masked_number),
        address=told(stored.address, masked_text),
        identity_number=told(stored.identity_number, masked_number),
        masked=masked,
    )


@strawberry.type(description="Who is to do what by when, with which result.")
class Assignment(Node):
    """An assignment."""

    stored: strawberry.Private[StoredAssignment]
    number: int = strawberry.field(description="Its number in the dossier.")
    role: AssignmentRole = strawberry.field(description="Lead or coordinating.")
    officer: str | None = strawberry.field(description="The officer's code.")
    assigned_at: datetime = strawberry.field(description="When it began.")
    ended_at: datetime | None = strawberry.field(description="When it ended.")
    returned_at: datetime | None = strawberry.field(description="When its officer gave it back.")
    vacant_at: datetime | None = strawberry.field(
        description="Since when nobody acts on it: the dossier was reopened when its lead had given it back or was gone."
    )
    return_reason: str | None = strawberry.field(description="Why; internal.")
    due_at: datetime | None = strawberry.field(description="By when.")
    task: str | None = strawberry.field(description="What is to be done; internal.")
    responsibility: str | None = strawberry.field(description="What the person answers for; internal.")
    authority: str | None = strawberry.field(description="What the person may decide; internal.")
    expected_result: str | None = strawberry.field(description="What must come of it; internal.")

    @strawberry.field(description="The unit.")
    def unit(self, info: Info) -> Unit | None:
        """Find the unit."""
        return unit_of(info, self.stored.unit)


@strawberry.type(description="A step as it was completed.")
class CompletedStep:
    """A completed step."""

    stored: strawberry.Private[StoredStep]
    number: int = strawberry.field(description="Its number in the dossier.")
    code: str = strawberry.field(description="The step's code in the procedure.")
    at: datetime = strawberry.field(description="When it was completed.")
    officer: str = strawberry.field(description="Who completed it.")
    after_decision: bool = strawberry.field(description="Whether an import recorded it after the end.")

    @strawberry.field(description="For which unit.")
    def unit(self, info: Info) -> Unit | None:
        """Find the unit."""
        return unit_of(info, self.stored.unit)


@strawberry.type(description="What a coordinating unit answered.")
class Opinion:
    """An opinion."""

    stored: strawberry.Private[StoredOpinion]
    number: int = strawberry.field(description="Its number in the dossier.")
    at: datetime = strawberry.field(description="When it was given.")
    officer: str = strawberry.field(description="Who gave it.")
    subject: str | None = strawberry.field(description="What it is on, as an imported log names it.")
    text: str | None = strawberry.field(description="The opinion.")
    after_decision: bool = strawberry.field(description="Whether an import recorded it after the end.")

    @strawberry.field(description="For which unit.")
    def unit(self, info: Info) -> Unit | None:
        """Find the unit."""
        return unit_of(info, self.stored.unit)


@strawberry.type(description="A component that was asked for.")
class SupplementItem:
    """An item of a supplement request."""

    component: str = strawberry.field(description="The component's code.")
    legal_basis: str | None = strawberry.field(description="The law that asks for it.")


@strawberry.type(description="A request for supplements (yêu cầu bổ sung).")
class Supplement:
    """A supplement request."""

    number: int = strawberry.field(description="Its number in the dossier.")
    asked_at: datetime = strawberry.field(description="When it was asked.")
    supplied_at: datetime | None = strawberry.field(description="When it was supplied.")
    items: list[SupplementItem] = strawberry.field(description="What was asked for.")


@strawberry.type(description="The result (kết quả) as it was handed out.")
class Result:
    """A result."""

    medium: Medium = strawberry.field(description="Electronic or on paper.")
    delivered_at: datetime = strawberry.field(description="When it was handed out.")
    reference: str | None = strawberry.field(description="Number or address of the document.")


@strawberry.type(description="What the applicant thinks of it.")
class Rating:
    """A rating."""

    score: int = strawberry.field(description="1 to 5; 5 is best.")
    at: datetime = strawberry.field(description="When it was given.")
    comment: str | None = strawberry.field(description="In the applicant's words.")


@strawberry.type(description="What a dossier had come to before it was reopened. Its clock then stays as it was.")
class Reopening:
    """A reopening."""

    number: int = strawberry.field(description="Its number in the dossier.")
    at: datetime = strawberry.field(description="When it was reopened: the start of the clock after.")
    reason: str | None = strawberry.field(description="Why.")
    started_at: datetime = strawberry.field(description="When the clock before began.")
    decided_at: datetime = strawberry.field(description="When it ended.")
    due_at: datetime = strawberry.field(description="When it was due.")
    original_due_at: datetime = strawberry.field(description="As it was computed first.")
    promised_due_at: datetime = strawberry.field(description="As it stood on the slip.")
    outcome: Outcome = strawberry.field(description="What had been decided.")
    decision_reason: str | None = strawberry.field(description="Why it had been decided so.")
    result: Result | None = strawberry.field(description="The result that had been handed out.")
    intervals: list[Interval] = strawberry.field(description="The stretches of the clock before.")


def assignment_shown(stored: StoredAssignment, dossier: str, texts: Texts) -> Assignment:
    """Show an assignment."""
    group = Group.INTERNAL
    return Assignment(
        place=("assignment", f"{dossier}/{stored.number}"), stored=stored, number=stored.number, role=stored.role,
        officer=stored.officer, assigned_at=stored.assigned_at, ended_at=stored.ended_at, due_at=stored.due_at,
        returned_at=stored.returned_at, vacant_at=stored.vacant_at, return_reason=texts.of(stored.return_reason, group),
        task=texts.of(stored.task, group), responsibility=texts.of(stored.responsibility, group),
        authority=texts.of(stored.authority, group), expected_result=texts.of(stored.expected_result, group),
    )  # fmt: skip


def step_shown(stored: StoredStep) -> CompletedStep:
    """Show a step."""
    return CompletedStep(
        stored=stored, number=stored.number, code=stored.code, at=stored.at, officer=stored.officer,
        after_decision=stored.after_decision,
    )  # fmt: skip


def opinion_shown(stored: StoredOpinion, texts: Texts) -> Opinion:
    """Show an opinion."""
    return Opinion(
        stored=stored, number=stored.number, at=stored.at, officer=stored.officer, subject=stored.subject,
        text=texts.of(stored.text, Group.INTERNAL), after_decision=stored.after_decision,
    )  # fmt: skip


def supplement_shown(stored: StoredSupplement, texts: Texts) -> Supplement:
    """Show a supplement request."""
    items = [SupplementItem(component=item.component, legal_basis=texts.of(item.legal_basis, Group.REASONS)) for item in stored.items]
    return Supplement(number=stored.number, asked_at=stored.asked_at, supplied_at=stored.supplied_at, items=items)


def result_shown(stored: StoredResult | None, texts: Texts) -> Result | None:
    """Show a result."""
    if stored is None:
        return None
    return Result(medium=stored.medium, delivered_at=stored.at, reference=texts.of(stored.reference, Group.REASONS))


def rating_shown(stored: StoredRating | None, texts: Texts) -> Rating | None:
    """Show a rating."""
    return Rating(score=stored.score, at=stored.at, comment=texts.of(stored.comment, Group.REASONS)) if stored else None


def reopening_shown(stored: StoredReopening, intervals: tuple[StoredInterval, ...], texts: Texts) -> Reopening:
    """Show a reopening."""
    return Reopening(
        number=stored.number, at=stored.at, reason=texts.of(stored.reason, Group.REASONS), started_at=stored.started_at,
        decided_at=stored.decided_at, due_at=stored.due_at, original_due_at=stored.original_due_at,
        promised_due_at=stored.promised_due_at, outcome=stored.outcome,
        decision_reason=texts.of(stored.decision_reason, Group.REASONS), result=result_shown(stored.result, texts),
        intervals=intervals_shown(intervals),
    )  # fmt: skip


def assignment_of(context: Context, key: str) -> Assignment | None:
    """Find an assignment by `dossier/number`; None where it may not be seen."""
    subject, _, number = key.partition("/")
    view = context.view(DossierId(subject))
    found = [a for a in view.held.dossier.assignments if str(a.number) == number] if view else []
    if view is None or not found:
        return None
    return assignment_shown(found[0], view.held.id, texts_of(context, view))
