"""Subscribing to a topic: check who may, bring the client up to date, and let the stream go on from there.

A subject replays from its trail. The switch from replay to live is one transaction: LIVE is set on condition that the last replayed entry
is the subject's last at that moment. So no entry is missed or sent twice, whatever is written meanwhile
(docs/decisions/0003-replay-to-live.md). A feed replays from its rows, is set LIVE, and is read on to its end: what is put later finds the
row LIVE, and a client may hear an event twice (docs/decisions/0008-feeds.md).
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from casework.live import feeds
from casework.live.cohorts import Cohort, Subscription, scope
from casework.live.topics import Kind, alert_of, cursor, position, topic, unit_of
from casework.model.access import Decision, decide_task, sees_alert
from casework.model.errors import Contended, Forbidden
from casework.model.parties import Viewer
from casework.model.record import DossierId
from casework.model.subjects import kind_of
from casework.ports import Held, Services
from casework.views import confirmed_viewer, decided, hide, readable, tracked
from casework.watching import Event, Render, may_follow

log = logging.getLogger("giamsat")

PAGE = 100  # entries replayed at a time
WAITS, WAIT_S = 10, 0.25  # for a task that is about to begin
ROUNDS = 200  # pages and switches before a client is asked to come again: more than a dossier of 10,000 entries needs


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


# payload -> whether the client is still there
Push = Callable[[bytes], bool]


def subscribe(services: Services, client: Client, wanted: Wanted, render: Render, push: Push) -> None:
    """Subscribe a client to a topic; what it is to hear goes through `push`, READY first.

    Raises:
        Forbidden: no such thing, or none for this viewer or this secret: the three are told alike.
        Invalid: `after` is no cursor of it.
        Contended: it cannot be brought up to date; it may come again behind what it has.
    """
    (_watch if wanted.kind.trailed else _follow)(services, client, wanted, render, push)


def _row(services: Services, client: Client, wanted: Wanted, key: str, viewer: Viewer) -> Subscription:
    cohort = Cohort(wanted.document, wanted.operation_name, wanted.variables, scope(confirmed_viewer(services, viewer)))
    name, subject = topic(wanted.kind, key), key if wanted.kind.trailed else ""
    return Subscription(name, cohort, client.connection, client.operation, subject, hide(services, viewer), client.until)


def _hidden(kind: Kind) -> Forbidden:
    return Forbidden(f"there is no such {kind if kind.trailed else Kind.UNIT} for you to watch")


# A subject with a trail.


def _watch(services: Services, client: Client, wanted: Wanted, render: Render, push: Push) -> None:
    secret, after = wanted.arguments.get("secret"), wanted.arguments.get("after")
    subject = DossierId(wanted.key) if wanted.key else None
    if secret is None:
        found = _found(services, client.viewer, subject, wanted.kind) if subject else None
        watched = (found, client.viewer) if found and kind_of(found.record) == wanted.kind else None
    else:
        watched = tracked(services, subject, secret, client.viewer)
    if watched is None:
        raise _hidden(wanted.kind)
    held, viewer = watched
    decision = _sight(services, viewer, held, wanted.kind)
    seen = held.tip.seq if after is None else position(after, held.tip.seq)
    row = _row(services, client, wanted, held.id, viewer)
    services.store.subscribe(row, services.now())
    if push(render(row.cohort, decision, Event(wanted.kind, cursor(seen), services.now(), held))):
        _replay(services, row, wanted.kind, viewer, seen, render, push)


def _found(services: Services, viewer: Viewer, subject: DossierId, kind: Kind) -> Held | None:
    """Load a subject; a task is begun a moment after the entry that it follows from, and whoever may see tasks waits for it."""
    waits = WAITS if kind is Kind.TASK and decide_task(confirmed_viewer(services, viewer)).sees else 0
    for _ in range(waits):
        if held := services.store.held(subject):
            return held
        time.sleep(WAIT_S)
    return services.store.held(subject)


def _replay(services: Services, row: Subscription, kind: Kind, viewer: Viewer, seen: int, render: Render, push: Push) -> None:
    for _ in range(ROUNDS):
        if services.store.go_live(row, seen):
            return
        held = services.store.held(DossierId(row.subject))
        decision = _sight(services, viewer, held, kind)
        for entry in services.store.entries(row.subject, seen, PAGE):
            if not push(render(row.cohort, decision, Event(kind, cursor(entry.seq), entry.recorded_at, held, entry))):
                return
            seen = entry.seq
    raise Contended(f"the {kind} changes faster than it can be replayed; subscribe again behind your last cursor")


def _sight(services: Services, viewer: Viewer, held: Held | None, kind: Kind) -> Decision:
    decision = decided(services, viewer, held) if held else None
    if decision is None or not (decision.sees or decision.tracked):
        raise _hidden(kind)
    return decision


# A feed.


def _follow(services: Services, client: Client, wanted: Wanted, render: Render, push: Push) -> None:
    name = topic(wanted.kind, wanted.key or "")
    if not may_follow(services, client.viewer, unit_of(name)):
        raise _hidden(wanted.kind)
    now = services.now()
    start = feeds.started(wanted.arguments.get("after"), now)
    row = _row(services, client, wanted, wanted.key or "", client.viewer)
    services.store.subscribe(row, now)
    ready = Event(wanted.kind, start.cursor, now, gap=start.gap)
    if push(render(row.cohort, Decision(), ready)):
        _Follower(services, row, wanted.kind, client.viewer, render, push).read(start.after)


@dataclass(frozen=True, slots=True)
class _Follower:
    """Reads a feed for a client, up to where the stream goes on."""

    services: Services
    row: Subscription
    kind: Kind
    viewer: Viewer
    render: Render
    push: Push

    def read(self, after: str) -> None:
        """Tell what has settled, set LIVE, and read on: what is put from here on finds the row LIVE."""
        store = self.services.store
        place, live = after, False
        for _ in range(ROUNDS):
            upto = None if live else feeds.before(self.services.now() - feeds.SETTLED)
            rows = store.fed(self.row.topic, place, upto, PAGE)
            if not self._told(rows):
                return
            place = rows[-1].place if rows else place
            if len(rows) < PAGE:
                if live:
                    return
                live = store.go_live(self.row, None)
        raise Contended("more arrives than can be replayed; subscribe again behind your last cursor")

    def _told(self, rows: list[feeds.Fed]) -> bool:
        """Tell the entries of these rows, with their dossiers as they are now; False when the client has gone."""
        if not may_follow(self.services, self.viewer, unit_of(self.row.topic)):
            raise _hidden(self.kind)
        held = readable(self.services, [DossierId(row.subject) for row in rows])
        entries = self.services.store.entries_named([(row.subject, row.seq) for row in rows])
        for row in rows:
            here, entry = held.get(DossierId(row.subject)), entries.get((row.subject, row.seq))
            if here is None or entry is None:
                log.error("the feed %s names an entry that there is not: %s", self.row.topic, row.place)
                continue
            decision = decided(self.services, self.viewer, here)
            event = Event(self.kind, feeds.cursor(row.arrived_at), entry.recorded_at, here, entry)
            alert = alert_of(entry.body) if self.kind is Kind.ALERTS else None
            sees = decision.sees if alert is None else sees_alert(decision, alert)
            if sees and not self.push(self.render(self.row.cohort, decision, event)):
                return False
        return True
