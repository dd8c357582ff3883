"""From entries of the stream to pushes: each event once for each cohort and decision, one envelope for each connection.

It writes no entry and trusts no row: who may see what is decided anew at each event, by the register as it is now. A feed gets the rows of
a batch first, and only then are its subscriptions read: whoever is not LIVE by then finds the rows (docs/decisions/0008-feeds.md). What
comes too late for a client's cursor is not pushed: the subscription is put back and read on from there. Large audiences go through a queue,
part by part, where there is one (docs/decisions/0010-live.md).
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from casework.audit.chain import Entry
from casework.following import Follower
from casework.live import feeds, messages
from casework.live.cohorts import Cohort, Status, Subscription, split
from casework.live.protocol import EXPIRED, TRY_LATER, Close
from casework.live.topics import LATE, Kind, alert_of, cursor, kind_of, topics_of
from casework.model.access import Decision
from casework.model.errors import Contended, Corrupt, Forbidden, Unavailable
from casework.model.parties import PUBLIC, Viewer
from casework.model.record import DossierId
from casework.model.unit import lineage
from casework.ports import Held, Parcel, Posted, Services
from casework.views import decided, readable, show
from casework.watching import Arrived, Event, Render, may_follow, payload, told

log = logging.getLogger("giamsat")

TRIES = 3  # of putting a row that took too long
PART = 500  # connections: what is more goes through the queue, so many at a time
Member = tuple[str, str]  # connection and operation


def deliver(services: Services, arrived: Sequence[Arrived], render: Render) -> int:
    """Push entries, in the order given on each topic, to whoever watches; gives how many messages were posted."""
    desks = _desks(services, arrived)
    spread: dict[str, list[Entry]] = {}
    for one in arrived:
        for topic in _topics(services, one, desks):
            spread.setdefault(topic, []).append(one.entry)
    heads = services.store.watched(list(spread), services.now())
    loading = _Loading(services)
    # Whether a feed has members is to be asked behind its rows alone: one may have come since the heads were read.
    wanted = {topic: entries for topic, entries in spread.items() if (heads.get(topic) if kind_of(topic).trailed else topic in heads)}
    return sum(_Topic(services, topic, render, loading).delivered(entries) for topic, entries in wanted.items())


def hand_out(services: Services, parcel: Parcel, render: Render) -> int:
    """Post a part of an audience, as it comes out of the queue, to those who are there still; gives how many messages were posted.

    What comes too late for a feed's clients is not posted: they are read on from there.
    """
    topic, now, asked = _Topic(services, parcel.topic, render, _Loading(services)), services.now(), set(parcel.members)
    rows = [row for row in services.store.subscriptions(parcel.topic, now) if (row.connection, row.operation) in asked]
    here = [row for row in rows if row.expires_at > now and row.status is Status.LIVE]
    if parcel.stamp is None or now - parcel.stamp <= feeds.POST:
        return topic.posted([(row.connection, row.operation) for row in here], parcel.payload)
    place = feeds.before(parcel.stamp)
    topic.brought(row.replays(parcel.stamp, place) for row in here)
    return 0


def _topics(services: Services, one: Arrived, desks: Mapping[str, str]) -> tuple[str, ...]:
    find, desk = services.store.unit, desks.get(one.entry.body["subject"]["id"])
    alert = alert_of(one.entry.body)
    keeper = lineage(find, alert.unit) if alert and alert.unit != one.unit else ()  # A coordinating unit hears of its own deadlines.
    return topics_of(one.entry.body, lineage(find, one.unit), lineage(find, desk) if desk else (), keeper)


def _desks(services: Services, arrived: Iterable[Arrived]) -> Mapping[str, str]:
    """Find the units that run the reception points of those dossiers that are late by these entries."""
    alerts = ((one.entry.body["subject"]["id"], alert_of(one.entry.body)) for one in arrived)
    late = [DossierId(subject) for subject, alert in alerts if alert is not None and alert.level in LATE]
    found: dict[str, str] = {}
    for subject, held in readable(services, late).items():
        point = services.store.point(held.dossier.reception_point)
        if point is not None:
            found[subject] = point.unit
    return found


@dataclass(slots=True)
class _Loading:
    """Loads a subject when somebody is to be told of it: once for all entries of a batch, which are older than the reading."""

    services: Services
    found: dict[str, Held | None] = field(default_factory=dict)

    def __call__(self, entry: Entry) -> Held | None:
        subject = entry.body["subject"]["id"]
        if subject not in self.found:
            self.found[subject] = self.services.store.held(DossierId(subject))
            if self.found[subject] is None:
                log.error("entry %s of %s has no subject", entry.seq, subject)
        return self.found[subject]


@dataclass(slots=True)
class _Topic:
    """One topic, and whoever watches it."""

    services: Services
    name: str
    render: Render
    loading: Callable[[Entry], Held | None]
    viewers: dict[Member, Viewer] = field(default_factory=dict)
    decisions: dict[tuple[Viewer, str], Decision] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)  # connections
    told: set[Member] = field(default_factory=set)  # who needs to hear no more of this batch

    @property
    def kind(self) -> Kind:
        return kind_of(self.name)

    def delivered(self, entries: Sequence[Entry]) -> int:
        """Push entries to those who watch; gives how many messages were posted."""
        stamps = [entry.recorded_at if self.kind.trailed else _fed(self.services, self.name, entry) for entry in entries]
        now = self.services.now()
        lively, expired = _parted(self.services.store.subscriptions(self.name, now), lambda row: row.expires_at > now)
        lively, withdrawn = _parted(lively, self._follows)
        # A row that replays will come to these entries by itself, unless whoever replayed it has died.
        self.brought(row for row in lively if self._left(row, now))
        lively = [row for row in lively if row.status is Status.LIVE]
        self._expired(expired, now)
        self._withdrawn(withdrawn)
        return sum(self._pushed(event, stamp, those) for event, stamp, those in self._events(entries, stamps, lively))

    def _left(self, row: Subscription, now: datetime) -> bool:
        """Whether somebody who brought a client up to date has not come to an end."""
        owed = row.status is Status.REPLAYING or not self.kind.trailed
        return owed and row.since is not None and row.place is not None and now - row.since > feeds.LEFT

    def _expired(self, rows: Iterable[Subscription], now: datetime) -> None:
        """End what is over: a connection that is too old comes again by itself, one whose token has expired with a new one."""
        spent = []
        for row in rows:
            if self.services.store.connection(row.connection, now) is None:
                _let_go(self.services, row.connection, EXPIRED)
            else:
                spent.append(row)
        _ended(self.services, spent, "UNAUTHENTICATED", "the token has expired: connect with a new one")

    def brought(self, rows: Iterable[Subscription]) -> None:
        """Bring up to date whoever has fallen behind, each from its place on."""
        for row in rows:
            self.told.add((row.connection, row.operation))
            if not self.services.store.put_back(row.replays(self.services.now(), row.place or "")):
                continue
            try:
                Follower(self.services, row, self._viewer(row), self.render, self._pusher(row)).read()
            except Forbidden:
                self._withdrawn([row])
            except Contended as fault:
                _ended(self.services, [row], "INTERNAL", fault.message)

    def posted(self, members: Sequence[Member], message: bytes) -> int:
        """Post a payload to its audience, each in its own envelope; gives how many are still there."""
        here = [member for member in members if member[0] not in self.gone]
        outcomes = self.services.courier.post_all([(connection, messages.following(operation, message)) for connection, operation in here])
        for (connection, _), outcome in zip(here, outcomes, strict=True):
            if outcome is not Posted.DONE:
                self.gone.add(connection)
                _let_go(self.services, connection, TRY_LATER if outcome is Posted.FAILED else None)
        return sum(outcome is Posted.DONE for outcome in outcomes)

    def _events(
        self, entries: Sequence[Entry], stamps: Sequence[datetime], rows: list[Subscription]
    ) -> Iterator[tuple[Event, datetime, list[Subscription]]]:
        """Give events with those whom each is for. Of too many in a second of a feed, one stands for all that a client may see."""
        if not rows:
            return
        found: list[tuple[Event, datetime]] = []
        for entry, stamp in zip(entries, stamps, strict=True):
            if here := self.loading(entry):
                at = cursor(entry.seq) if self.kind.trailed else feeds.cursor(stamp)
                found.append((Event(self.kind, at, entry.recorded_at, here, entry), stamp))
        if self.kind.trailed:
            for event, stamp in found:
                assert event.entry
                seq = event.entry.seq
                yield event, stamp, [row for row in rows if row.seen < seq]  # One that has seen it is not told again.
            return
        places = {feeds.Fed(stamp, event.entry.body["subject"]["id"], event.entry.seq): event for event, stamp in found if event.entry}
        audiences: dict[tuple[feeds.Fed, int], list[Subscription]] = {}
        for row in rows:
            seen = [place for place, event in places.items() if told(self._decided(row, event), event)]
            for place, count in feeds.gathered(seen):
                audiences.setdefault((place, count), []).append(row)
        order = {place: number for number, place in enumerate(places)}
        for (place, count), those in sorted(audiences.items(), key=lambda one: order[one[0][0]]):
            yield places[place].standing_for(count), place.arrived_at, those

    def _pushed(self, event: Event, stamp: datetime, rows: list[Subscription]) -> int:
        rows = [row for row in rows if row.connection not in self.gone and (row.connection, row.operation) not in self.told]
        posted = 0
        for (cohort, decision), members in split(rows, lambda row: self._decided(row, event)).items():
            if not (decision.sees or decision.tracked):
                self._withdrawn(members)
            elif not self.kind.trailed and self.services.now() - stamp > feeds.POST:
                self.brought(row.replays(stamp, feeds.before(stamp)) for row in members)
            else:
                posted += self._spread(cohort, decision, event, stamp, [(row.connection, row.operation) for row in members])
        return posted

    def _spread(self, cohort: Cohort, decision: Decision, event: Event, stamp: datetime, members: list[Member]) -> int:
        message, queue = payload(self.render, cohort, decision, event), self.services.queue
        if queue is None or len(members) <= PART:
            return self.posted(members, message)
        rest = iter(members)
        late = None if self.kind.trailed else stamp
        queue.put([Parcel(self.name, message, part, late) for part in iter(lambda: tuple(islice(rest, PART)), ())])
        return len(members)

    def _decided(self, row: Subscription, event: Event) -> Decision:
        assert event.held
        key = self._viewer(row), event.held.id
        if key not in self.decisions:
            self.decisions[key] = decided(self.services, key[0], event.held)
        return self.decisions[key]

    def _follows(self, row: Subscription) -> bool:
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
        _ended(self.services, rows, "FORBIDDEN", f"you may no longer watch this {self.kind if self.kind.trailed else Kind.UNIT}")

    def _pusher(self, row: Subscription) -> Callable[[bytes], bool]:
        return lambda message: self.posted([(row.connection, row.operation)], message) == 1


def _parted(rows: Iterable[Subscription], fits: Callable[[Subscription], bool]) -> tuple[list[Subscription], list[Subscription]]:
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


def _let_go(services: Services, connection: str, end: Close | None) -> None:
    """Forget a connection that is gone, or is to be ended; its client comes again behind its last event. That hurts nobody else."""
    if end is not None:
        with suppress(Unavailable):
            services.courier.close(connection, end.code, end.reason)
    services.store.disconnect(connection)


def _ended(services: Services, rows: Iterable[Subscription], code: str, why: str) -> None:
    """Tell clients that an operation is over, and forget it."""
    for row in rows:
        error = {"message": why, "extensions": {"code": code, "correlationId": row.operation}}
        (outcome,) = services.courier.post_all([(row.connection, messages.error(row.operation, [error]))])
        if outcome is Posted.DONE:
            services.store.end(row.connection, row.operation, services.now())
        else:
            _let_go(services, row.connection, TRY_LATER if outcome is Posted.FAILED else None)
