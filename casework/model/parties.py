"""Who acts: roles, the relations in which a viewer stands to a dossier, and makers of moves.

What a relation may see or do is decided in `access`; which relation may make a move stands in the table of moves.
"""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """Roles of a token (api.md); PUBLIC is the absence of one, IMPORT has no token at all."""

    PUBLIC = "PUBLIC"
    CITIZEN = "CITIZEN"
    RECEPTION = "RECEPTION"
    OFFICER = "OFFICER"
    HEAD = "HEAD"
    SUPERVISOR = "SUPERVISOR"
    INSPECTOR = "INSPECTOR"
    ADMIN = "ADMIN"
    IMPORT = "IMPORT"


class Relation(StrEnum):
    """How a viewer stands to one dossier."""

    APPLICANT = "APPLICANT"
    RECEPTION = "RECEPTION"  # at the dossier's reception point
    DELIVERY = "DELIVERY"  # at the point where its result is handed out
    LEAD = "LEAD"  # the lead officer himself
    RETURNED = "RETURNED"  # an officer who gave the assignment back
    COORDINATING = "COORDINATING"  # an officer of a unit that coordinates
    HEAD = "HEAD"  # head of the competent unit
    COORDINATING_HEAD = "COORDINATING_HEAD"
    SUPERVISOR = "SUPERVISOR"  # of a unit above the competent one, or of that one
    INSPECTOR = "INSPECTOR"
    ADMIN = "ADMIN"
    IMPORT = "IMPORT"


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whoever asks: the token's subject, role and units as the register confirms them.

    `dossier` and `generation` are set for a tracker alone: the bearer of one dossier's tracking secret.
    """

    role: Role
    sub: str | None = None
    units: tuple[str, ...] = ()
    on_behalf_of: str | None = None
    dossier: str | None = None
    generation: int | None = None


PUBLIC = Viewer(Role.PUBLIC)


class PartyKind(StrEnum):
    """Kinds of actor in an audit entry."""

    CITIZEN = "CITIZEN"
    OFFICER = "OFFICER"
    IMPORT = "IMPORT"
    SERVICE = "SERVICE"


@dataclass(frozen=True, slots=True)
class Ref:
    """A value kept as a salted disclosure: its digest, and the entry it came with."""

    digest: str
    entry: int


@dataclass(frozen=True, slots=True)
class Party:
    """An actor as an entry names it: an officer's code, a log's name, or a citizen's pseudonym (one per dossier).

    `identity` discloses whom the pseudonym stands for.
    """

    kind: PartyKind
    id: str
    role: Role | None = None
    unit: str | None = None
    identity: Ref | None = None
