"""Erasures of who the applicant of a dossier is: as front ends see them, and the input of the move that makes one."""

from datetime import datetime

import strawberry

from casework.actions.dossiers import Making
from casework.audit.disclosure import Envelope
from casework.model import moves, record
from casework.model.access import Group
from casework.model.parties import Viewer
from casework.model.texts import optional_text, text
from casework.ports import Held
from schema.handling import Texts
from schema.inputs import KeyedInput


@strawberry.type(description="An erasure of who the applicant is, by law. What it erased is null from then on, for everybody.")
class Erasure:
    """An erasure."""

    number: int = strawberry.field(description="Its number in the dossier.")
    at: datetime = strawberry.field(description="When it was made.")
    legal_basis: str | None = strawberry.field(description="The law that it rests on.")
    reason: str | None = strawberry.field(description="Why.")
    digests: list[str] = strawberry.field(description="The digests of the disclosures that it erased, as entries have them.")


def erasure_shown(stored: record.Erasure, texts: Texts) -> Erasure:
    """Show an erasure."""
    return Erasure(
        number=stored.number, at=stored.at, legal_basis=texts.of(stored.legal_basis, Group.REASONS),
        reason=texts.of(stored.reason, Group.REASONS), digests=list(stored.digests),
    )  # fmt: skip


@strawberry.input(description="Erases who the applicant is, now and for good. It cannot be dated back.")
class EraseApplicantInput(KeyedInput):
    """Input of eraseApplicant."""

    dossier: strawberry.ID = strawberry.field(description="The dossier's code or id.")
    expected_version: int | None = strawberry.field(
        default=None,
        description="The `version` acted upon; a stale one gives Conflict. Left out: no matter which.",
    )
    legal_basis: str = strawberry.field(description="The law that it rests on. It stays: it must not name the applicant.")
    reason: str | None = strawberry.field(default=None, description="Why. It stays: it must not name the applicant.")


def erasing(given: EraseApplicantInput) -> Making:
    """Say what eraseApplicant asks for; what goes is found by the action."""

    def make(held: Held, viewer: Viewer, envelope: Envelope) -> moves.Erase:  # noqa: ARG001 - one shape for all
        basis = envelope.enclosed("legal_basis", text(given.legal_basis, "legalBasis"))
        return moves.Erase(basis, envelope.enclosed_if("reason", optional_text(given.reason, "reason")))

    return make
