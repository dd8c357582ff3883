"""Bringing one client up to date, from a place on, up to where the stream goes on.

For whoever subscribes, and for the stream where a subscription has fallen behind or whoever replayed it has died. A subject replays from
its trail. The switch from replay to live is one transaction: LIVE is set on condition that the last replayed entry is the subject's last
at that moment. So no entry is missed or sent twice, whatever is written meanwhile (docs/decisions/0003-replay-to-live.md). A feed replays
from its rows, is set LIVE, and is read on to its end: what is put later finds the row LIVE, and a client may hear an event twice. What is
told too late might lie behind a cursor that the client has by then; so whoever is late leaves the subscription REPLAYING at the place that
it had reached, for the heartbeat to go on (docs/decisions/0008-feeds.md, 0010-live.md). Who is to be told of an entry is for `watching`.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from casework.audit.chain import Entry
from casework.live import feeds
from casework.live.cohorts import Subscription
from casework.live.topics import Kind, cursor, kind_of
from casework.model.access import Decision
from casework.model.errors import Forbidden
from casework.model.parties import Viewer
from casework.model.record import DossierId
from casework.ports import Held, Services
from casework.views import decided, readable
from casework.watching import Event, Render, may_follow, payload, told, watches

log = logging.getLogger("giamsat")

PAGE = 100  # entries or rows replayed at a time

# payload -> whether the client is still there
Push = Callable[[bytes], bool]


def whom(kind: Kind) -> str:
    """Say what is watched on a topic of that kind."""
    named = {Kind.TASK: "task", Kind.EXPORT: "export", Kind.TRAIL: "unit or person"}
    return named.get(kind, "dossier" if kind.trailed else "unit")


def hidden(kind: Kind) -> Forbidden:
    """Refuse a topic: whether it is there is not told."""
    return Forbidden(f"there is no such {whom(kind)} for you to watch")


def sight(services: Services, viewer: Viewer, held: Held | None, kind: Kind) -> Decision:
    """Decide what a viewer may see of a subject.

    Raises:
        Forbidden: nothing.
    """
    decision = decided(services, viewer, held) if held else None
    if decision is None or not watches(decision, kind):
        raise hidden(kind)
    return decision


def chain(services: Services, kind: Kind, subject: str, after: int, limit: int) -> list[Entry]:
    """Read the entries that a topic replays from: those of its subject's trail, or of the chain of accesses to it."""
    if kind is Kind.ACCESSES:
        return [one.entry for one in services.store.accesses(subject, after, limit)]
    return services.store.entries(subject, after, limit)


@dataclass(slots=True)
class Follower:
    """Brings a client up to date on a subscription that is REPLAYING, for `feeds.READ` or until an instant that comes before.

    What is left then, the heartbeat brings. Each page is kept, on condition that nobody else has taken the subscription up meanwhile; who
    finds that somebody has leaves it to him.
    """

    services: Services
    row: Subscription
    viewer: Viewer
    render: Render
    push: Push
    until: datetime | None = None

    @property
    def kind(self) -> Kind:
        """What its topic is of."""
        return kind_of(self.row.topic)

    def read(self) -> None:
        """Tell what comes behind the row's place, and set it LIVE.

        Raises:
            Forbidden: the viewer may not follow it any more.
        """
        assert self.row.place is not None
        least = self.services.now() + feeds.READ
        self.until = min(self.until, least) if self.until else least
        (self._trail if self.kind.trailed else self._feed)(self.row.place)

    def _trail(self, place: str) -> None:
        """Tell entries of a trail."""
        seen, store = int(place), self.services.store
        while not store.go_live(self.row, seen):
            held = store.held(DossierId(self.row.subject))
            decision = sight(self.services, self.viewer, held, self.kind)
            entries = chain(self.services, self.kind, self.row.subject, seen, PAGE)
            for entry in entries:
                if self._over():
                    self._keep(str(seen), left=True)
                    return
                if not self._pushed(decision, Event(self.kind, cursor(entry.seq), entry.recorded_at, held, entry)):
                    return
                seen = entry.seq
            if len(entries) == PAGE and not self._keep(str(seen)):
                return

    def _feed(self, place: str) -> None:
        """Tell what has settled, set LIVE, and read on: what is put from here on finds the row LIVE."""
        store, now = self.services.store, self.services.now
        live: datetime | None = None  # since when
        while True:
            upto = feeds.before(now() - feeds.SETTLED) if live is None else None
            rows = store.fed(self.row.topic, place, upto, PAGE)
            for row, decision, event in self._events(rows):
                if self._over() or (live is not None and now() - live > feeds.LAST_READ):
                    # What comes now might lie too far behind what the client hears from the stream.
                    self._keep(place, left=True)
                    return
                if not self._pushed(decision, event):
                    return
                place = row.place
            place = rows[-1].place if rows else place
            if len(rows) == PAGE:
                if live is None and not self._keep(place):
                    return
                continue
            if live is not None:
                store.moved(self.row, self.row.reached(live, place).hears(live).settled())
                return
            live = now()
            if not self._moved(self.row.reached(live, place).hears(live)):  # Its last read is owed still.
                return

    def _over(self) -> bool:
        return self.until is not None and self.services.now() > self.until

    def _keep(self, place: str, *, left: bool = False) -> bool:
        """Keep how far it has come, maybe for others to go on at once; False when it is not this one's to bring any more."""
        since = self.services.now() - feeds.LEFT - feeds.SKEW if left else self.services.now()
        return self._moved(self.row.reached(since, place))

    def _moved(self, now: Subscription) -> bool:
        done = self.services.store.moved(self.row, now)
        self.row = now
        return done

    def _events(self, rows: list[feeds.Fed]) -> list[tuple[feeds.Fed, Decision, Event]]:
        """Give what is to be told of these rows, with their dossiers as they are now."""
        if not may_follow(self.services, self.viewer, self.row.topic):
            raise hidden(self.kind)
        held = readable(self.services, [DossierId(row.subject) for row in rows])
        entries = self.services.store.entries_named([(row.subject, row.seq) for row in rows])
        shown = {}
        for row in rows:
            here, entry = held.get(DossierId(row.subject)), entries.get((row.subject, row.seq))
            if here is None or entry is None:
                log.error("the feed %s names an entry that there is not: %s", self.row.topic, row.place)
                continue
            decision = decided(self.services, self.viewer, here)
            event = Event(self.kind, feeds.cursor(row.arrived_at), entry.recorded_at, here, entry)
            if told(decision, event):
                shown[row] = decision, event
        return [(one.row, shown[one.row][0], shown[one.row][1].standing_for(one.count)) for one in feeds.gathered(shown)]

    def _pushed(self, decision: Decision, event: Event) -> bool:
        return self.push(payload(self.render, self.row.cohort, decision, event))
