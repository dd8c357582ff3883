"""One topic and whoever watches it: each event pushed once for each cohort and decision, in one envelope for each connection.

Who may see what is decided anew at each event. What comes too late for a client's cursor is not pushed: the subscription is put back and
read on from there. Large audiences go through a queue, part by part, where there is one (docs/decisions/0010-live.md). Which topics an
event goes to, and when, is for `actions.deliveries`.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from casework.audit.chain import Entry
from casework.correlation import correlated, current, made
from casework.following import Follower, whom
from casework.live import feeds, messages
from casework.live.cohorts import Status, Subscription, split
from casework.live.connection import LANES, lane_of
from casework.live.protocol import EXPIRED, TRY_LATER, Close
from casework.live.topics import Kind, cursor, kind_of
from casework.model.access import Decision
from casework.model.errors import Corrupt, Forbidden, Unavailable
from casework.model.parties import PUBLIC, Viewer
from casework.model.record import DossierId
from casework.ports import Held, Parcel, Posted, Services
from casework.views import decided, show
from casework.watching import Event, Render, may_follow, payload, told, watches

log = logging.getLogger("giamsat")

TRIES = 3  # of putting a row that took too long
PART = 500  # connections: what is more goes through the queue, so many at a time
BRINGING = timedelta(seconds=5)  # to bring others up to date
Member = tuple[str, str]  # connection and operation


@dataclass(slots=True)
class Batch:
    """What the audiences of one batch share: the subjects that are told of, and the time that there is to bring others up to date.

    A subject is loaded when somebody is to be told of it, once for all entries, which are older than the reading. It counts the messages
    of each entry, by its place: those that were posted, and those left to the queue.
    """

    services: Services
    until: datetime | None = None
    subjects: dict[str, Held | None] = field(default_factory=dict)
    posted: Counter[tuple[str, int]] = field(default_factory=Counter)
    queued: Counter[tuple[str, int]] = field(default_factory=Counter)

    def subject(self, entry: Entry) -> Held | None:
        """Give the subject of an entry; None, which is logged, when it is gone or cannot be read: that hurts no other."""
        subject = entry.body["subject"]["id"]
        if subject not in self.subjects:
            try:
                self.subjects[subject] = self.services.store.held(DossierId(subject))
            except Corrupt as fault:
                log.error("%s cannot be told: %s", subject, fault.message)  # noqa: TRY400 - the fault says all there is
                self.subjects[subject] = None
            else:
                if self.subjects[subject] is None:
                    log.error("entry %s of %s has no subject", entry.seq, subject)
        return self.subjects[subject]

    def bringing(self) -> datetime:
        """Give until when others are brought up to date, since everybody else waits meanwhile; it begins with the first."""
        self.until = self.until or self.services.now() + BRINGING
        return self.until


@dataclass(slots=True)
class Audience:
    """One topic, and whoever watches it."""

    services: Services
    name: str
    render: Render
    batch: Batch
    viewers: dict[Member, Viewer] = field(default_factory=dict)
    decisions: dict[tuple[Viewer, str], Decision] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)  # connections
    told: set[Member] = field(default_factory=set)  # who needs to hear no more of this batch

    @property
    def kind(self) -> Kind:
        """What the topic is of."""
        return kind_of(self.name)

    def delivered(self, entries: Sequence[Entry]) -> int:
        """Push entries to those who watch; gives how many messages were posted."""
        stamps = [entry.recorded_at if self.kind.trailed else _fed(self.services, self.name, entry) for entry in entries]
        now = self.services.now()
        lively, expired = parted(self.services.store.subscriptions(self.name, now), lambda row: not row.over(now))
        lively, withdrawn = parted(lively, self.follows)
        # A row that replays will come to these entries by itself, unless whoever replayed it has died.
        self.brought((row, row.place or "") for row in lively if row.left(now))
        lively = [row for row in lively if row.status is Status.LIVE]
        self.expired(expired, now)
        self._withdrawn(withdrawn)
        return sum(self._told(event, stamp, those) for event, stamp, those in self._events(entries, stamps, lively))

    def expired(self, rows: Iterable[Subscription], now: datetime) -> None:
        """End what is over: a connection that is too old comes again by itself, one whose token has expired with a new one."""
        spent, old = parted(rows, lambda row: self.services.store.connection(row.connection, now) is not None)
        _let_go(self.services, [row.connection for row in old], EXPIRED)
        _ended(self.services, spent, "UNAUTHENTICATED", "the token has expired: connect with a new one")

    def brought(self, rows: Iterable[tuple[Subscription, str]]) -> None:
        """Bring up to date whoever has fallen behind, each from its place on; when the time is over, leave them for others."""
        for row, place in rows:
            self.told.add((row.connection, row.operation))
            now, until = self.services.now(), self.batch.bringing()
            back = self.services.store.put_back(row, now if now <= until else now - feeds.LEFT - feeds.SKEW, place)
            if back is None or now > until:
                continue
            try:
                Follower(self.services, back, self._viewer(row), self.render, self._pusher(row), until).read()
            except Forbidden:
                self._withdrawn([row])
            except Unavailable:
                raise
            except Exception:  # Whatever it is, it hurts nobody else.
                log.exception("%s could not be told of %s", row.connection, self.name)
                self._failed([row])

    def posted(self, members: Sequence[Member], message: bytes) -> int:
        """Post a payload to its audience, each in its own envelope; gives how many are still there."""
        here = [member for member in members if member[0] not in self.gone]
        outcomes = self.services.courier.post_all([(connection, messages.following(operation, message)) for connection, operation in here])
        self.gone |= _lost(self.services, [connection for connection, _ in here], outcomes)
        return sum(outcome is Posted.DONE for outcome in outcomes)

    def _failed(self, rows: Sequence[Subscription]) -> None:
        """End what cannot be told, as a document that this version does not know: it hurts nobody else."""
        self.told |= {(row.connection, row.operation) for row in rows}
        _ended(self.services, rows, "INTERNAL", "an event could not be told: subscribe again behind your last cursor")

    def _events(
        self, entries: Sequence[Entry], stamps: Sequence[datetime], rows: list[Subscription]
    ) -> Iterator[tuple[Event, datetime, list[Subscription]]]:
        """Give events with those whom each is for. Of too many in a second of a feed, one stands for all that a client may see."""
        if not rows:
            return
        found: list[tuple[Event, datetime]] = []
        for entry, stamp in zip(entries, stamps, strict=True):
            with correlated(entry.correlation):
                here = self.batch.subject(entry)
            if here:
                at = cursor(entry.seq) if self.kind.trailed else feeds.cursor(stamp)
                found.append((Event(self.kind, at, entry.recorded_at, here, entry), stamp))
        if self.kind.trailed:
            for event, stamp in found:
                assert event.entry
                seq = event.entry.seq
                yield event, stamp, [row for row in rows if row.seen < seq]  # One that has seen it is not told again.
            return
        places = {feeds.Fed(stamp, event.entry.body["subject"]["id"], event.entry.seq): event for event, stamp in found if event.entry}
        audiences: dict[feeds.Told, list[Subscription]] = {}
        for row in rows:
            seen = [place for place, event in places.items() if event.held and told(self.decided(row, event.held), event)]
            for one in feeds.gathered(seen):
                audiences.setdefault(one, []).append(row)
        order = {place: number for number, place in enumerate(places)}
        for one, those in sorted(audiences.items(), key=lambda pair: order[pair[0].row]):
            yield places[one.row].standing_for(one.count), one.first.arrived_at, those

    def _told(self, event: Event, stamp: datetime, rows: list[Subscription]) -> int:
        """Tell an event under the correlation id of its entry."""
        assert event.entry
        with correlated(event.entry.correlation):
            return self._pushed(event, stamp, rows)

    def _pushed(self, event: Event, stamp: datetime, rows: list[Subscription]) -> int:
        """Tell an event that came at an instant, or whose first one did, to whom it is for."""
        rows = [row for row in rows if row.connection not in self.gone and (row.connection, row.operation) not in self.told]
        held, posted = event.held, 0
        assert held
        for (cohort, decision), members in split(rows, lambda row: self.decided(row, held)).items():
            if not watches(decision, self.kind):
                self._withdrawn(members)
                continue
            try:
                message = payload(self.render, cohort, decision, event)
            except Unavailable:
                raise
            except Exception:  # as above
                log.exception("%d subscriptions could not be told of %s", len(members), self.name)
                self._failed(members)
            else:
                posted += self._spread(message, decision, event, stamp, members)
        return posted

    def _spread(self, message: bytes, decision: Decision, event: Event, stamp: datetime, rows: list[Subscription]) -> int:
        """Post a message to its audience, part by part, as long as it does not come too late; or through the queue."""
        assert event.entry
        place = self._place(event, stamp)
        if self.services.queue is not None and len(rows) > PART and not self._late(stamp):
            try:
                self.services.queue.put(self._parcels(message, decision, event, stamp, rows))
            except Unavailable as fault:  # Those that were taken are told twice, and drop it.
                log.warning("an audience of %s is told without the queue: %s", self.name, fault.message)
            else:
                self.batch.queued[event.entry.place] += len(rows)
                return len(rows)
        posted = 0
        for part in _parts(rows):
            if self._late(stamp):
                self.brought((row, place) for row in part)
            else:
                posted += self.posted([(row.connection, row.operation) for row in part], message)
        self.batch.posted[event.entry.place] += posted
        return posted

    def _late(self, stamp: datetime) -> bool:
        """Whether an event comes too late to be posted.

        Raises:
            Unavailable: it comes so late that whoever has come meanwhile may have resumed behind it. The batch is given again, and its rows
                are put anew.
        """
        if self.kind.trailed:
            return False
        age = self.services.now() - stamp
        if age > feeds.ANEW:
            raise Unavailable("an event of a feed is told too late, and is put into it anew")
        return age > feeds.POST

    def _place(self, event: Event, stamp: datetime) -> str:
        """Give the place right before an event, or before all that it stands for."""
        assert event.entry
        return str(event.entry.seq - 1) if self.kind.trailed else feeds.before(stamp)

    def _parcels(self, message: bytes, decision: Decision, event: Event, stamp: datetime, rows: list[Subscription]) -> list[Parcel]:
        assert event.held
        place, came = self._place(event, stamp), None if self.kind.trailed else stamp
        parcels = []
        for lane in range(LANES):  # By the connection alone: so what is meant for one comes out in order.
            for part in _parts([row for row in rows if lane_of(row.connection) == lane]):
                members = tuple((row.connection, row.operation) for row in part)
                parcels.append(Parcel(self.name, lane, event.held.id, decision.sight, message, members, place, came, current()))
        return parcels

    def decided(self, row: Subscription, held: Held) -> Decision:
        """Decide what a watcher may see of a subject now."""
        key = self._viewer(row), held.id
        if key not in self.decisions:
            self.decisions[key] = decided(self.services, key[0], held)
        return self.decisions[key]

    def follows(self, row: Subscription) -> bool:
        """Whether a watcher may watch this at all."""
        return self.kind.trailed or may_follow(self.services, self._viewer(row), self.name)

    def _viewer(self, row: Subscription) -> Viewer:
        key = row.connection, row.operation
        if key not in self.viewers:
            try:
                self.viewers[key] = show(self.services, row.viewer)
            except Corrupt as fault:  # One row that cannot be read hurts nobody else; it sees what the public sees.
                log.error("subscription of %s: %s", row.connection, fault.message)  # noqa: TRY400 - the fault says all there is
                self.viewers[key] = PUBLIC
        return self.viewers[key]

    def _withdrawn(self, rows: Sequence[Subscription]) -> None:
        self.told |= {(row.connection, row.operation) for row in rows}
        _ended(self.services, rows, "FORBIDDEN", f"you may no longer watch this {whom(self.kind)}")

    def _pusher(self, row: Subscription) -> Callable[[bytes], bool]:
        return lambda message: self.posted([(row.connection, row.operation)], message) == 1


def _parts(rows: Sequence[Subscription]) -> Iterator[Sequence[Subscription]]:
    return (rows[start : start + PART] for start in range(0, len(rows), PART))


def parted(rows: Iterable[Subscription], fits: Callable[[Subscription], bool]) -> tuple[list[Subscription], list[Subscription]]:
    """Part rows into those that fit, and the others."""
    parts: tuple[list[Subscription], list[Subscription]] = [], []
    for row in rows:
        parts[not fits(row)].append(row)
    return parts


def _fed(services: Services, topic: str, entry: Entry) -> datetime:
    """Put the row of an entry, and give when it arrived. One that was not there in time may lie behind a reader: it is put again.

    Raises:
        Unavailable: no row was put in time, or none at all.
    """
    for _ in range(TRIES):
        row = feeds.Fed(services.now(), entry.body["subject"]["id"], entry.seq)
        services.store.feed(topic, row)
        if services.now() - row.arrived_at <= feeds.PUT:
            return row.arrived_at
    raise Unavailable("the store takes too long to put a row of a feed")


def _let_go(services: Services, connections: Sequence[str], end: Close | None = None) -> None:
    """Forget connections that are gone, or are to be ended; their clients come again behind their last events. That hurts nobody else."""
    if end is not None and connections:
        services.courier.close_all(connections, end.code, end.reason)
    for connection in connections:
        try:
            services.store.disconnect(connection)
        except Unavailable as fault:  # Its rows stay until the next event finds it gone, or their time is over.
            log.warning("connection %s was not forgotten: %s", connection, fault.message)


def _lost(services: Services, connections: Sequence[str], outcomes: Sequence[Posted]) -> set[str]:
    """Let those go to whom a message could not be posted, and give them."""
    both = list(zip(connections, outcomes, strict=True))
    _let_go(services, [connection for connection, outcome in both if outcome is Posted.GONE])
    _let_go(services, [connection for connection, outcome in both if outcome is Posted.FAILED], TRY_LATER)
    return {connection for connection, outcome in both if outcome is not Posted.DONE}


def _ended(services: Services, rows: Sequence[Subscription], code: str, why: str) -> None:
    """Tell clients that an operation is over, and forget it."""
    if not rows:
        return
    told, correlation = [], current() or made()
    for row in rows:
        error = {"message": why, "extensions": {"code": code, "correlationId": correlation}}
        told.append((row.connection, messages.error(row.operation, [error])))
    gone = _lost(services, [row.connection for row in rows], services.courier.post_all(told))
    for row in rows:
        if row.connection not in gone:
            services.store.end(row.connection, row.operation, services.now())
