"""The dossier, as far as its viewer may see it, and what the bearer of its tracking secret sees."""

from datetime import datetime
from functools import cached_property

import strawberry

from casework.audit.disclosure import opened
from casework.model.access import Group, Trail
from casework.model.parties import Ref
from casework.model.procedure import Channel, DossierKind
from casework.model.record import Assignment as StoredAssignment
from casework.model.record import AssignmentRole, Outcome, State
from casework.model.record import Opinion as StoredOpinion
from casework.model.record import Step as StoredStep
from casework.model.record import Supplement as StoredSupplement
from casework.ports import Held
from casework.views import View, disclosures, setting
from schema.audit import AuditEntryConnection, trail_page
from schema.context import Context, Info, context_of
from schema.deadline import Clock, dossier_clock
from schema.node import Node, global_id
from schema.paging import After, Before, First, Last
from schema.procedure import Procedure, procedure_of
from schema.unit import ReceptionPoint, Unit, point_of, unit_of


class Texts:
    """A dossier's disclosures, read when the first is asked for; a group that the viewer lacks gives None."""

    def __init__(self, context: Context, view: View) -> None:
        """Read nothing yet."""
        self._context = context
        self._view = view

    @cached_property
    def _kept(self) -> dict[str, str]:
        return dict(disclosures(self._context.services, self._view.held.id))

    def of(self, ref: Ref | None, group: Group) -> str | None:
        """Give a text; None when there is none, when it was erased, or when the viewer may not read it."""
        if ref is None or group not in self._view.decision.groups or ref.digest not in self._kept:
            return None
        return opened(self._kept[ref.digest])[1]


@strawberry.type(description="Who asks. Only those whom a rule allows read these values.")
class Applicant:
    """An applicant's values."""

    name: str | None = strawberry.field(description="Name.")
    phone: str | None = strawberry.field(description="Telephone number.")
    address: str | None = strawberry.field(description="Address.")
    identity_number: str | None = strawberry.field(description="Number of the identity document.")


@strawberry.type(description="Who is to do what by when, with which result.")
class Assignment(Node):
    """An assignment."""

    stored: strawberry.Private[StoredAssignment]
    number: int = strawberry.field(description="Its number in the dossier.")
    role: AssignmentRole = strawberry.field(description="Lead or coordinating.")
    officer: str | None = strawberry.field(description="The officer's code.")
    assigned_at: datetime = strawberry.field(description="When it began.")
    ended_at: datetime | None = strawberry.field(description="When it ended.")
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


@strawberry.type(description="A dossier (hồ sơ): one applicant's case under one procedure.")
class Dossier(Node):
    """A dossier for one viewer."""

    view: strawberry.Private[View]
    code: str = strawberry.field(description="The code on the slip. A code alone shows nothing to the public.")
    version: int = strawberry.field(description="Counts the moves of people; give it as `expectedVersion`.")
    entries: int = strawberry.field(description="Counts all entries of its trail.")
    state: State = strawberry.field(description="Where it stands.")
    kind: DossierKind = strawberry.field(description="What it is.")
    channel: Channel = strawberry.field(description="How it came in.")
    rehearsal: bool = strawberry.field(description="Whether it is a rehearsal, which no figure counts.")
    submitted_at: datetime = strawberry.field(description="When it was handed in.")
    received_at: datetime | None = strawberry.field(description="When it was taken in: the clock's start.")
    decided_at: datetime | None = strawberry.field(description="When it was decided: the clock's end.")
    outcome: Outcome | None = strawberry.field(description="What was decided.")
    flags: list[str] = strawberry.field(description="Oddities: INCONSISTENT, for an import that ends before it starts.")
    checked: list[str] = strawberry.field(description="Components found complete at receipt.")

    @strawberry.field(description="The procedure, in the version that governs this dossier.")
    def procedure(self, info: Info) -> Procedure | None:
        """Find the version."""
        stored = self.view.held.dossier
        return procedure_of(info, f"{stored.procedure}@{stored.procedure_version}")

    @strawberry.field(description="The competent unit.")
    def unit(self, info: Info) -> Unit | None:
        """Find the unit."""
        return unit_of(info, self.view.held.dossier.unit)

    @strawberry.field(description="Where it came in.")
    def reception_point(self, info: Info) -> ReceptionPoint | None:
        """Find the point."""
        return point_of(info, self.view.held.dossier.reception_point)

    @strawberry.field(description="The applicant; null where no rule lets the viewer read it.")
    def applicant(self, info: Info) -> Applicant | None:
        """Show the applicant's values."""
        stored = self.view.held.dossier.applicant
        if stored is None or Group.PERSONAL not in self.view.decision.groups:
            return None
        texts, group = self._texts(info), Group.PERSONAL
        return Applicant(
            name=texts.of(stored.name, group),
            phone=texts.of(stored.phone, group),
            address=texts.of(stored.address, group),
            identity_number=texts.of(stored.identity_number, group),
        )

    @strawberry.field(description="Its assignments, oldest first.")
    def assignments(self, info: Info) -> list[Assignment]:
        """Show the assignments."""
        texts, group = self._texts(info), Group.INTERNAL
        return [
            Assignment(
                id=global_id("assignment", f"{self.view.held.id}/{a.number}"), stored=a, number=a.number, role=a.role,
                officer=a.officer, assigned_at=a.assigned_at, ended_at=a.ended_at, due_at=a.due_at,
                task=texts.of(a.task, group), responsibility=texts.of(a.responsibility, group),
                authority=texts.of(a.authority, group), expected_result=texts.of(a.expected_result, group),
            )
            for a in self.view.held.dossier.assignments
        ]  # fmt: skip

    @strawberry.field(description="The steps completed, oldest first.")
    def steps(self) -> list[CompletedStep]:
        """Show the steps."""
        return [
            CompletedStep(
                stored=s,
                number=s.number,
                code=s.code,
                at=s.at,
                officer=s.officer,
                after_decision=s.after_decision,
            )
            for s in self.view.held.dossier.steps
        ]

    @strawberry.field(description="The opinions given; null where they may not be seen.")
    def opinions(self, info: Info) -> list[Opinion] | None:
        """Show the opinions."""
        if Group.INTERNAL not in self.view.decision.groups:
            return None
        texts = self._texts(info)
        return [
            Opinion(
                stored=o, number=o.number, at=o.at, officer=o.officer, subject=o.subject,
                text=texts.of(o.text, Group.INTERNAL), after_decision=o.after_decision,
            )
            for o in self.view.held.dossier.opinions
        ]  # fmt: skip

    @strawberry.field(description="The supplements asked for, oldest first.")
    def supplements(self, info: Info) -> list[Supplement]:
        """Show the supplement requests."""
        texts = self._texts(info)
        return [_supplement(stored, texts) for stored in self.view.held.dossier.supplements]

    @strawberry.field(description="The reason of the decision.")
    def decision_reason(self, info: Info) -> str | None:
        """Show the reason."""
        return self._texts(info).of(self.view.held.dossier.decision_reason, Group.REASONS)

    @strawberry.field(description="The statutory clock; null until received.")
    def clock(self, info: Info) -> Clock | None:
        """Compute the clock."""
        services = context_of(info).services
        stored = self.view.held.dossier
        return dossier_clock(stored, setting(services, stored), services.now())

    @strawberry.field(description="The audit trail; null where none of it may be seen.")
    def trail(
        self,
        info: Info,
        first: First = None,
        last: Last = None,
        after: After = None,
        before: Before = None,
    ) -> AuditEntryConnection | None:
        """Read a page of the trail."""
        if self.view.decision.trail is Trail.NONE:
            return None
        return trail_page(context_of(info), self.view, first, last, after, before)

    def _texts(self, info: Info) -> Texts:
        context = context_of(info)
        return context.texts.setdefault(self.view.held.id, Texts(context, self.view))


@strawberry.type(description="What a dossier's code and tracking secret show: no names.")
class TrackedDossier:
    """A dossier for the bearer of its secret."""

    held: strawberry.Private[Held]
    code: str = strawberry.field(description="Its code.")
    state: State = strawberry.field(description="Where it stands.")

    @strawberry.field(description="The competent unit.")
    def unit(self, info: Info) -> Unit | None:
        """Find the unit."""
        return unit_of(info, self.held.dossier.unit)

    @strawberry.field(description="Where it came in.")
    def reception_point(self, info: Info) -> ReceptionPoint | None:
        """Find the point."""
        return point_of(info, self.held.dossier.reception_point)

    @strawberry.field(description="The statutory clock; null until received. Its intervals name no officer.")
    def clock(self, info: Info) -> Clock | None:
        """Compute the clock."""
        services = context_of(info).services
        found = dossier_clock(self.held.dossier, setting(services, self.held.dossier), services.now())
        for interval in found.intervals if found else []:
            interval.officer = None
        return found


def _supplement(stored: StoredSupplement, texts: Texts) -> Supplement:
    items = [SupplementItem(component=item.component, legal_basis=texts.of(item.legal_basis, Group.REASONS)) for item in stored.items]
    return Supplement(number=stored.number, asked_at=stored.asked_at, supplied_at=stored.supplied_at, items=items)


def dossier_shown(view: View) -> Dossier:
    """Show a dossier."""
    held, stored = view.held, view.held.dossier
    return Dossier(
        id=global_id("dossier", held.id), view=view, code=stored.code, version=held.version, entries=held.tip.seq,
        state=stored.state, kind=stored.kind, channel=stored.channel, rehearsal=stored.rehearsal,
        submitted_at=stored.submitted_at, received_at=stored.received_at, decided_at=stored.decided_at,
        outcome=stored.outcome, flags=list(stored.flags), checked=list(stored.checked),
    )  # fmt: skip


def view_of(context: Context, text: str) -> View | None:
    """Load the dossier behind a code or a global id for the viewer."""
    subject = context.subject(text)
    return context.view(subject) if subject else None
