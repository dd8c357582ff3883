"""Bringing one client up to date, from a place on, up to where the stream goes on.

For whoever subscribes, and for the stream where a subscription has fallen behind or whoever replayed it has died. A subject replays from
its trail. The switch from replay to live is one transaction: LIVE is set on condition that the last replayed entry is the subject's last
at that moment. So no entry is missed or sent twice, whatever is written meanwhile (docs/decisions/0003-replay-to-live.md). A feed replays
from its rows, is set LIVE, and is read on to its end: what is put later finds the row LIVE, and a client may hear an event twice. What is
told too late might lie behind a cursor that the client has by then; so whoever is late puts the subscription back and goes on from the
place that it had reached (docs/decisions/0008-feeds.md, 0010-live.md). Who is to be told of an entry is for `watching`.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from casework.live import feeds
from casework.live.cohorts import Subscription
from casework.live.topics import Kind, cursor, kind_of
from casework.model.access import Decision
from casework.model.errors import Contended, Forbidden
from casework.model.parties import Viewer
from casework.model.record import DossierId
from casework.ports import Held, Services
from casework.views import decided, readable
from casework.watching import Event, Render, may_follow, payload, told

log = logging.getLogger("giamsat")

PAGE = 100  # entries or rows replayed at a time
ROUNDS = 200  # pages and switches before a client is asked to come again: more than a dossier of 10,000 entries needs

# payload -> whether the client is still there
Push = Callable[[bytes], bool]


def hidden(kind: Kind) -> Forbidden:
    """Refuse a topic: whether it is there is not told."""
    return Forbidden(f"there is no such {kind if kind.trailed else Kind.UNIT} for you to watch")


def sight(services: Services, viewer: Viewer, held: Held | None, kind: Kind) -> Decision:
    """Decide what a viewer may see of a subject.

    Raises:
        Forbidden: nothing.
    """
    decision = decided(services, viewer, held) if held else None
    if decision is None or not (decision.sees or decision.tracked):
        raise hidden(kind)
    return decision


@dataclass(frozen=True, slots=True)
class Follower:
    """Brings a client up to date on a subscription that is REPLAYING."""

    services: Services
    row: Subscription
    viewer: Viewer
    render: Render
    push: Push

    @property
    def kind(self) -> Kind:
        """What its topic is of."""
        return kind_of(self.row.topic)

    def read(self) -> None:
        """Tell what comes behind the row's place, and set it LIVE.

        Raises:
            Forbidden: the viewer may not follow it any more.
            Contended: more arrives than can be told.
        """
        assert self.row.place is not None
        if not (self._trail(int(self.row.place)) if self.kind.trailed else self._feed(self.row.place)):
            raise Contended(f"more is written to this {self.kind} than can be replayed; subscribe again behind your last cursor")

    def _trail(self, seen: int) -> bool:
        """Tell entries of a trail; False when that came to no end."""
        for _ in range(ROUNDS):
            if self.services.store.go_live(self.row, seen):
                return True
            held = self.services.store.held(DossierId(self.row.subject))
            decision = sight(self.services, self.viewer, held, self.kind)
            for entry in self.services.store.entries(self.row.subject, seen, PAGE):
                if not self._pushed(decision, Event(self.kind, cursor(entry.seq), entry.recorded_at, held, entry)):
                    return True
                seen = entry.seq
        return False

    def _feed(self, place: str) -> bool:
        """Tell what has settled, set LIVE, and read on: what is put from here on finds the row LIVE. False when that came to no end."""
        store, now = self.services.store, self.services.now
        live: datetime | None = None  # since when
        for _ in range(ROUNDS):
            upto = feeds.before(now() - feeds.SETTLED) if live is None else None
            rows = store.fed(self.row.topic, place, upto, PAGE)
            for row, decision, event in self._events(rows):
                if live is not None and now() - live > feeds.LAST_READ:
                    break
                if not self._pushed(decision, event):
                    return True
                place = row.place
            else:
                place = rows[-1].place if rows else place
                if len(rows) < PAGE:
                    if live is not None:
                        store.go_live(self.row.replays(live, place).settled(), None)
                        return True
                    live = now()
                    store.go_live(self.row.replays(live, place), None)  # Its last read is owed still.
                continue
            # What comes now might lie too far behind what the client hears from the stream.
            store.put_back(self.row.replays(now(), place))
            live = None
        return False

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
        return [(row, decision, event.standing_for(count)) for row, count in feeds.gathered(shown) for decision, event in (shown[row],)]

    def _pushed(self, decision: Decision, event: Event) -> bool:
        return self.push(payload(self.render, self.row.cohort, decision, event))
