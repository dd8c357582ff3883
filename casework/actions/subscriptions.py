"""Subscribing to a topic: check who may, write the subscription, send READY, and bring the client up to date (`following`)."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from casework.following import Follower, Push, hidden, sight
from casework.live import feeds
from casework.live.cohorts import Cohort, Subscription, scope
from casework.live.topics import Kind, cursor, position, topic
from casework.model.access import Decision, decide_task
from casework.model.parties import Viewer
from casework.model.record import DossierId
from casework.model.subjects import DOSSIER, kind_of
from casework.ports import Held, Services
from casework.views import confirmed_viewer, hide, tracked
from casework.watching import Event, Render, may_follow

log = logging.getLogger("giamsat")

WAITS, WAIT_S = 10, 0.25  # for a task that is about to begin


@dataclass(frozen=True, slots=True)
class Wanted:
    """A subscription as compiled: its topic, the arguments of its root field, and what its cohort executes.

    `key` is the topic's (`topics.topic`), None where nothing has the name that the client gave.
    """

    kind: Kind
    key: str | None
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


def subscribe(services: Services, client: Client, wanted: Wanted, render: Render, push: Push) -> None:
    """Subscribe a client to a topic; what it is to hear goes through `push`, READY first.

    Raises:
        Forbidden: no such thing, or none for this viewer or this secret: the three are told alike.
        Invalid: `after` is no cursor of it.
        Contended: it cannot be brought up to date; it may come again behind what it has.
    """
    (_watch if wanted.kind.trailed else _follow)(services, client, wanted, render, push)


def _row(services: Services, client: Client, wanted: Wanted, key: str, viewer: Viewer, place: str) -> Subscription:
    cohort = Cohort(wanted.document, wanted.operation_name, wanted.variables, scope(confirmed_viewer(services, viewer)))
    name, subject = topic(wanted.kind, key), key if wanted.kind.trailed else ""
    made = Subscription(name, cohort, client.connection, client.operation, subject, hide(services, viewer), client.until)
    return made.replays(services.now(), place)


def _watch(services: Services, client: Client, wanted: Wanted, render: Render, push: Push) -> None:
    """Follow a subject with a trail."""
    secret, after = wanted.arguments.get("secret"), wanted.arguments.get("after")
    subject = DossierId(wanted.key) if wanted.key else None
    if secret is None:
        found = _found(services, client.viewer, subject, wanted.kind) if subject else None
        fits = found is not None and kind_of(found.record) == (DOSSIER if wanted.kind is Kind.ACCESSES else wanted.kind)
        watched = (found, client.viewer) if found and fits else None
    else:
        watched = tracked(services, subject, secret, client.viewer)
    if watched is None:
        raise hidden(wanted.kind)
    held, viewer = watched
    decision = sight(services, viewer, held, wanted.kind)
    last = _last(services, held, wanted.kind)
    seen = last if after is None else position(after, last)
    row = _row(services, client, wanted, held.id, viewer, str(seen))
    services.store.subscribe(row, services.now())
    if push(render(row.cohort, decision, Event(wanted.kind, cursor(seen), services.now(), held))):
        Follower(services, row, viewer, render, push).read()


def _last(services: Services, held: Held, kind: Kind) -> int:
    """Give the number of the last entry that a topic has."""
    if kind is not Kind.ACCESSES:
        return held.tip.seq
    return next((one.entry.seq for one in services.store.accesses(held.id, 0, 1, backwards=True)), 0)


def _found(services: Services, viewer: Viewer, subject: DossierId, kind: Kind) -> Held | None:
    """Load a subject; a task is begun a moment after the entry that it follows from, and whoever may see tasks waits for it."""
    waits = WAITS if kind is Kind.TASK and decide_task(confirmed_viewer(services, viewer)).sees else 0
    for _ in range(waits):
        if held := services.store.held(subject):
            return held
        time.sleep(WAIT_S)
    return services.store.held(subject)


def _follow(services: Services, client: Client, wanted: Wanted, render: Render, push: Push) -> None:
    """Follow a feed."""
    name = topic(wanted.kind, wanted.key or "")
    if not may_follow(services, client.viewer, name):
        raise hidden(wanted.kind)
    now = services.now()
    start = feeds.started(wanted.arguments.get("after"), now)
    row = _row(services, client, wanted, wanted.key or "", client.viewer, start.after)
    services.store.subscribe(row, now)
    ready = Event(wanted.kind, start.cursor, now, gap=start.gap)
    if push(render(row.cohort, Decision(), ready)):
        Follower(services, row, client.viewer, render, push).read()
