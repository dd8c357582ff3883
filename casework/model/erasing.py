"""The move that erases who the applicant is, and what no longer goes without him.

Pure. Which disclosures go is found by `casework.erasing`; that they do, and the entry that names them, is one transaction.
"""

from dataclasses import replace
from datetime import datetime

from casework.model.intervals import backwards, room
from casework.model.moves import Barred, Erase, Move, MoveName, Setting
from casework.model.record import Dossier, Erasure


def named(dossier: Dossier, at: datetime, setting: Setting) -> None:  # noqa: ARG001 - one shape for all guards
    """Erase an applicant while there is one."""
    if dossier.applicant is None:
        raise Barred("NO_APPLICANT", "it came with a log, which names no applicant: there is nothing to erase")
    if dossier.erased:
        raise Barred("ERASED", "its applicant was erased already: nothing is left of him")


def unerased(dossier: Dossier, at: datetime, setting: Setting) -> None:  # noqa: ARG001 - one shape for all guards
    """Open no dossier again whose applicant is not known any more."""
    if dossier.erased:
        raise Barred("ERASED", "its applicant was erased, and nobody can be asked or answered: open a new dossier")


def erased(dossier: Dossier, move: Move, at: datetime, setting: Setting) -> Dossier:  # noqa: ARG001 - one shape for all moves
    """Name what went. References to it stay, so that every hash holds."""
    assert isinstance(move, Erase)
    if at < dossier.last_at:
        raise backwards(MoveName.ERASE)
    room(dossier.erasures, "erasures")
    row = Erasure(len(dossier.erasures) + 1, at, move.digests, move.legal_basis, move.reason)
    return replace(dossier, erasures=(*dossier.erasures, row))
