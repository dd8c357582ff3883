"""Who makes a change: as entries name it, and as the memory of a request does. Citizens stand under a pseudonym for each subject."""

from casework.audit.disclosure import Envelope
from casework.model.parties import Party, PartyKind, Role, Viewer
from casework.ports import Services


def caller(viewer: Viewer) -> str:
    """Name who asks, and for whom: a key repeated by another, or for another, is not the same request."""
    return "\0".join((viewer.role, viewer.sub or "", viewer.on_behalf_of or ""))


def actor(services: Services, viewer: Viewer, subject: str, envelope: Envelope, *, told: bool = True) -> Party:
    """Name who acts; with `told`, who a citizen is stands in a disclosure."""
    if viewer.role is Role.CITIZEN:
        return _citizen(services, viewer.sub or "", subject, envelope, told=told)
    return official(viewer)[0]


def official(viewer: Viewer) -> tuple[Party, Party | None]:
    """Name an official who acts, and the one for whom."""
    acting = Party(PartyKind.OFFICER, viewer.sub or "", viewer.role, viewer.units[0] if viewer.units else None)
    return acting, Party(PartyKind.OFFICER, viewer.on_behalf_of) if viewer.on_behalf_of is not None else None


def service(name: str) -> Party:
    """Name a part of the service that acts by itself."""
    return Party(PartyKind.SERVICE, name)


def behalf(services: Services, viewer: Viewer, subject: str, envelope: Envelope, *, told: bool = True) -> Party | None:
    """Name for whom; `told` as above."""
    if viewer.on_behalf_of is None:
        return None
    if viewer.role in {Role.CITIZEN, Role.RECEPTION}:
        return _citizen(services, viewer.on_behalf_of, subject, envelope, told=told)
    return official(viewer)[1]


def _citizen(services: Services, sub: str, subject: str, envelope: Envelope, *, told: bool) -> Party:
    """Name a citizen by a pseudonym; who that is stands in a disclosure of the same entry."""
    pseudonym = services.keys.pseudonym(subject, sub)
    return Party(PartyKind.CITIZEN, pseudonym, Role.CITIZEN, identity=envelope.enclosed("identity", sub) if told else None)
