"""The dossier, as far as its viewer may see it."""

from datetime import datetime

import strawberry

from casework.model.access import Group, Trail
from casework.model.next_moves import next_moves
from casework.model.procedure import Channel, DossierKind
from casework.model.record import Outcome, State
from casework.views import View, setting
from schema.accesses import Access, accesses_page
from schema.alert import Alert, alerts_shown
from schema.audit import AuditEntry, trail_page
from schema.context import Context, Info, context_of
from schema.deadline import Clock, Deadline, deadlines_shown, dossier_clock
from schema.delaying import (
    Apology,
    Blocker,
    Extension,
    FinancialObligation,
    HeldTime,
    apology_shown,
    blocker_shown,
    delay_shown,
    extension_shown,
    payment_shown,
)
from schema.erasure import Erasure, erasure_shown
from schema.handling import (
    Applicant,
    Assignment,
    CompletedStep,
    Opinion,
    Rating,
    Reopening,
    Result,
    Supplement,
    Texts,
    applicant_shown,
    assignment_shown,
    opinion_shown,
    rating_shown,
    reopening_shown,
    result_shown,
    step_shown,
    supplement_shown,
    texts_of,
)
from schema.next_move import NextMove, next_moves_shown
from schema.node import Node
from schema.paging import After, Before, Connection, First, Last
from schema.procedure import Procedure, procedure_of
from schema.unit import ReceptionPoint, Unit, point_of, unit_of


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
    delivered_at: datetime | None = strawberry.field(description="When the result was handed out.")
    ended_at: datetime | None = strawberry.field(description="When it was refused, withdrawn or stopped.")
    outcome: Outcome | None = strawberry.field(description="What was decided.")
    bounces: int = strawberry.field(description="How many of its assignments were given back.")
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

    @strawberry.field(description="Where its result is handed out.")
    def delivery_point(self, info: Info) -> ReceptionPoint | None:
        """Find the point."""
        return point_of(info, self.view.held.dossier.delivery_point)

    @strawberry.field(
        description="The applicant; null where no rule lets the viewer read it. To supervisors and inspectors it is masked. That an "
        "official was shown it is noted, for the applicant to see. Once erased, its values are null."
    )
    def applicant(self, info: Info) -> Applicant | None:
        """Show the applicant's values, masked or not; what is not masked is noted first."""
        stored, groups = self.view.held.dossier.applicant, self.view.decision.groups
        if stored is None or not groups & {Group.PERSONAL, Group.MASKED}:
            return None
        masked = Group.PERSONAL not in groups
        if not masked:
            context_of(info).open(self.view)
        return applicant_shown(stored, self._texts(info), masked=masked)

    @strawberry.field(description="Its assignments, oldest first.")
    def assignments(self, info: Info) -> list[Assignment]:
        """Show the assignments."""
        texts = self._texts(info)
        return [assignment_shown(stored, self.view.held.id, texts) for stored in self.view.held.dossier.assignments]

    @strawberry.field(description="The steps completed, oldest first.")
    def steps(self) -> list[CompletedStep]:
        """Show the steps."""
        return [step_shown(stored) for stored in self.view.held.dossier.steps]

    @strawberry.field(description="The opinions given; null where they may not be seen.")
    def opinions(self, info: Info) -> list[Opinion] | None:
        """Show the opinions."""
        if Group.INTERNAL not in self.view.decision.groups:
            return None
        texts = self._texts(info)
        return [opinion_shown(stored, texts) for stored in self.view.held.dossier.opinions]

    @strawberry.field(description="The supplements asked for, oldest first.")
    def supplements(self, info: Info) -> list[Supplement]:
        """Show the supplement requests."""
        texts = self._texts(info)
        return [supplement_shown(stored, texts) for stored in self.view.held.dossier.supplements]

    @strawberry.field(description="The reason of the decision.")
    def decision_reason(self, info: Info) -> str | None:
        """Show the reason."""
        return self._texts(info).of(self.view.held.dossier.decision_reason, Group.REASONS)

    @strawberry.field(description="Why it was refused, withdrawn or stopped.")
    def end_reason(self, info: Info) -> str | None:
        """Show the reason."""
        return self._texts(info).of(self.view.held.dossier.end_reason, Group.REASONS)

    @strawberry.field(description="The law on which it was refused or stopped.")
    def end_legal_basis(self, info: Info) -> str | None:
        """Show the legal basis."""
        return self._texts(info).of(self.view.held.dossier.end_basis, Group.REASONS)

    @strawberry.field(description="The result; null until it was handed out.")
    def result(self, info: Info) -> Result | None:
        """Show the result."""
        return result_shown(self.view.held.dossier.result, self._texts(info))

    @strawberry.field(description="The applicant's rating; null until it was given.")
    def rating(self, info: Info) -> Rating | None:
        """Show the rating."""
        return rating_shown(self.view.held.dossier.rating, self._texts(info))

    @strawberry.field(description="What it had come to before each reopening, oldest first.")
    def reopenings(self, info: Info) -> list[Reopening]:
        """Show the reopenings."""
        stored, texts, before = self.view.held.dossier, self._texts(info), 0
        shown = []
        for reopening in stored.reopenings:
            shown.append(reopening_shown(reopening, stored.intervals[before : reopening.last_interval], texts))
            before = reopening.last_interval
        return shown

    @strawberry.field(description="Its extensions, oldest first.")
    def extensions(self, info: Info) -> list[Extension]:
        """Show the extensions."""
        texts = self._texts(info)
        return [extension_shown(stored, texts) for stored in self.view.held.dossier.extensions]

    @strawberry.field(description="Its apologies, oldest first: one for each clock at the most.")
    def apologies(self, info: Info) -> list[Apology]:
        """Show the apologies."""
        texts = self._texts(info)
        return [apology_shown(stored, texts) for stored in self.view.held.dossier.apologies]

    @strawberry.field(description="The fees that were asked for, oldest first.")
    def payments(self, info: Info) -> list[FinancialObligation]:
        """Show the payments."""
        texts = self._texts(info)
        return [payment_shown(stored, texts) for stored in self.view.held.dossier.payments]

    @strawberry.field(description="What kept or keeps everybody from going on, oldest first.")
    def blockers(self, info: Info) -> list[Blocker]:
        """Show the blockers."""
        texts = self._texts(info)
        return [blocker_shown(stored, texts) for stored in self.view.held.dossier.blockers]

    @strawberry.field(description="What was erased of its applicant, and by which law, oldest first.")
    def erasures(self, info: Info) -> list[Erasure]:
        """Show the erasures."""
        texts = self._texts(info)
        return [erasure_shown(stored, texts) for stored in self.view.held.dossier.erasures]

    @strawberry.field(description="Its deadlines that run or stand: its own first, then those of whoever is to act on it now.")
    def deadlines(self, info: Info) -> list[Deadline]:
        """Compute the deadlines."""
        services = context_of(info).services
        stored = self.view.held.dossier
        return deadlines_shown(stored, setting(services, stored), services.now())

    @strawberry.field(
        description="What was raised of its deadlines, oldest first; at the counter only what is late, and nothing for its applicant."
    )
    def alerts(self) -> list[Alert]:
        """Show the alerts."""
        return alerts_shown(self.view)

    @strawberry.field(description="Whose time the clock took: working minutes of each holder, which add up to the whole.")
    def delay(self, info: Info) -> list[HeldTime]:
        """Tell whose time it was."""
        services = context_of(info).services
        return delay_shown(self.view.held.dossier, services.store.calendar(), services.now())

    @strawberry.field(description="Every move: whether this viewer may make it now, and if not, why not.")
    def next_moves(self, info: Info) -> list[NextMove]:
        """Tell the moves."""
        services = context_of(info).services
        stored = self.view.held.dossier
        return next_moves_shown(stored, next_moves(stored, self.view.decision, services.now(), setting(services, stored)))

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
    ) -> Connection[AuditEntry] | None:
        """Read a page of the trail."""
        if self.view.decision.trail is Trail.NONE:
            return None
        return trail_page(context_of(info), self.view, first, last, after, before)

    @strawberry.field(
        description="Which officials were shown the applicant's values, oldest first. For the applicant, supervisors and inspectors; null "
        "for all others."
    )
    def accesses(
        self,
        info: Info,
        first: First = None,
        last: Last = None,
        after: After = None,
        before: Before = None,
    ) -> Connection[Access] | None:
        """Read a page of the accesses."""
        return accesses_page(context_of(info), self.view, first, last, after, before)

    def _texts(self, info: Info) -> Texts:
        context = context_of(info)
        return texts_of(context, self.view)


def dossier_shown(view: View) -> Dossier:
    """Show a dossier."""
    held, stored = view.held, view.held.dossier
    return Dossier(
        place=("dossier", held.id), view=view, code=stored.code, version=held.version, entries=held.tip.seq,
        state=stored.state, kind=stored.kind, channel=stored.channel, rehearsal=stored.rehearsal,
        submitted_at=stored.submitted_at, received_at=stored.received_at, decided_at=stored.decided_at,
        delivered_at=stored.result.at if stored.result else None, ended_at=stored.ended_at, bounces=stored.bounces,
        outcome=stored.outcome, flags=list(stored.flags), checked=list(stored.checked),
    )  # fmt: skip


def view_of(context: Context, text: str) -> View | None:
    """Load the dossier behind a code or a global id for the viewer."""
    subject = context.subject(text)
    return context.view(subject) if subject else None
