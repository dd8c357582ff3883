"""Subscribing to a dossier: check who may, bring the client up to date from the trail, and let the stream go on from there.

The switch from replay to live is one transaction: LIVE is set on condition that the last replayed entry is the dossier's last at that
moment. So no entry is missed or sent twice, whatever is written meanwhile (docs/decisions/0003-replay-to-live.md).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from casework.audit.chain import Entry
from casework.live.cohorts import Cohort, Subscription, scope
from casework.live.topics import cursor, dossier_topic, position
from casework.model.access import Decision
from casework.model.errors import Contended, Forbidden
from casework.model.parties import Viewer
from casework.model.record import Dossier, DossierId
from casework.ports import Held, Services
from casework.views import confirmed_viewer, decided, hide, tracked

PAGE = 100  # entries replayed at a time
ROUNDS = 200  # pages and switches before a client is asked to come again: more than a dossier of 10,000 entries needs


@dataclass(frozen=True, slots=True)
class Wanted:
    """A subscription as compiled: the arguments of its root field, and what its cohort executes."""

    arguments: Mapping[str, Any]
    document: str
    variables: str
    operation_name: str | None


@dataclass(frozen=True, slots=True)
class Client:
    """Who subscribes: connection, operation, viewer, and until when."""

    connection: str
    operation: str
    viewer: Viewer
    until: datetime


# (held, decision, cursor, time, entry or None for READY) -> the encoded payload
Render = Callable[[Cohort, Decision, Held, str, datetime, Entry | None], bytes]
# payload -> whether the client is still there
Push = Callable[[bytes], bool]


def subscribe(services: Services, client: Client, wanted: Wanted, subject: DossierId | None, render: Render, push: Push) -> None:
    """Subscribe a client to a dossier; what it is to hear goes through `push`, READY first.

    Raises:
        Forbidden: no such dossier, or none for this viewer or this secret: the three are told alike.
        Invalid: `after` is no cursor of it.
    """
    secret, after = wanted.arguments.get("secret"), wanted.arguments.get("after")
    if secret is None:
        found = services.store.held(subject) if subject else None
        watched = (found, client.viewer) if found and isinstance(found.record, Dossier) else None
    else:
        watched = tracked(services, subject, secret, client.viewer)
    if watched is None:
        raise Forbidden("there is no such dossier for you to watch")
    held, viewer = watched
    decision = decided(services, viewer, held)
    if not (decision.sees or decision.tracked):
        raise Forbidden("there is no such dossier for you to watch")
    seen = held.tip.seq if after is None else position(after, held.tip.seq)
    confirmed = confirmed_viewer(services, viewer)
    cohort = Cohort(wanted.document, wanted.operation_name, wanted.variables, scope(confirmed))
    row = Subscription(
        dossier_topic(held.id),
        cohort,
        client.connection,
        client.operation,
        held.id,
        hide(services, viewer),
        client.until,
        seen=seen,
    )
    services.store.subscribe(row, services.now())
    if not push(render(cohort, decision, held, cursor(seen), services.now(), None)):
        return
    _replay(services, row, viewer, render, push)


def _replay(services: Services, row: Subscription, viewer: Viewer, render: Render, push: Push) -> None:
    seen = row.seen
    for _ in range(ROUNDS):
        if services.store.go_live(row, seen):
            return
        held = services.store.held(DossierId(row.subject))
        decision = decided(services, viewer, held) if held else None
        if held is None or decision is None or not (decision.sees or decision.tracked):
            raise Forbidden("there is no such dossier for you to watch")
        for entry in services.store.entries(row.subject, seen, PAGE):
            if not push(render(row.cohort, decision, held, cursor(entry.seq), entry.recorded_at, entry)):
                return
            seen = entry.seq
    raise Contended("the dossier changes faster than it can be replayed; subscribe again behind your last cursor")
