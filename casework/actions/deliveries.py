"""From entries of the stream to pushes: each event once for each cohort and decision, one envelope for each connection.

It writes no entry and trusts no row: who may see what is decided anew at each event, by the register as it is now. A feed gets its row
first, and only then are its subscriptions read: whoever is not LIVE by then finds the row (docs/decisions/0008-feeds.md).
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cache

from casework.audit.chain import Entry
from casework.live import feeds, messages
from casework.live.cohorts import Status, Subscription, split
from casework.live.topics import LATE, Kind, alert_of, cursor, kind_of, topics_of, unit_of
from casework.model.access import Decision, sees_alert
from casework.model.errors import Corrupt, Unavailable
from casework.model.parties import PUBLIC, Viewer
from casework.model.record import DossierId
from casework.model.unit import lineage
from casework.ports import Held, Services
from casework.views import decided, readable, show
from casework.watching import Arrived, Event, Render, may_follow

log = logging.getLogger("giamsat")

TRIES = 3  # of putting a row that took too long


def deliver(services: Services, arrived: Sequence[Arrived], render: Render) -> int:
    """Push entries, in the order given, to whoever watches; gives how many messages were posted."""
    desks = _desks(services, arrived)
    spread = [(one.entry, _topics(services, one, desks)) for one in arrived]
    heads = services.store.watched([topic for _, topics in spread for topic in topics], services.now())
    posted = 0
    for entry, topics in spread:
        held = _loading(services, entry)
        for topic in topics:
            # Whether a feed has members is to be asked behind its row alone: one may have come since the heads were read.
            if heads.get(topic) if kind_of(topic).trailed else topic in heads:
                posted += _pushed(services, topic, entry, held, render)
    return posted


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


def _loading(services: Services, entry: Entry) -> Callable[[], Held | None]:
    """Give what loads an entry's subject, once, when somebody is to be told of it."""

    @cache
    def held() -> Held | None:
        found = services.store.held(DossierId(entry.body["subject"]["id"]))
        if found is None:
            log.error("entry %s of %s has no subject", entry.seq, entry.body["subject"]["id"])
        return found

    return held


def _pushed(services: Services, topic: str, entry: Entry, held: Callable[[], Held | None], render: Render) -> int:
    kind = kind_of(topic)
    at = cursor(entry.seq) if kind.trailed else feeds.cursor(_fed(services, topic, entry))
    now = services.now()
    # A row that replays will come to this entry by itself; one that has seen it is not told again.
    rows = [row for row in services.store.subscriptions(topic, now) if row.status is Status.LIVE and row.seen < entry.seq]
    here = held() if rows else None
    if here is None:
        return 0
    viewers = {(row.connection, row.operation): _viewer(services, row) for row in rows}
    event = Event(kind, at, entry.recorded_at, here, entry)

    def decide(row: Subscription) -> Decision:
        return decided(services, viewers[row.connection, row.operation], here)

    def follows(row: Subscription) -> bool:
        return kind.trailed or may_follow(services, viewers[row.connection, row.operation], unit_of(topic))

    lively, expired = _parted(rows, lambda row: row.expires_at > now)
    lively, withdrawn = _parted(lively, follows)
    alert = alert_of(entry.body) if kind is Kind.ALERTS else None
    _ended(services, expired, "UNAUTHENTICATED", "the connection or its token has expired: connect again")
    posted = 0
    for (cohort, decision), members in split(lively, decide).items():
        if alert is not None and not sees_alert(decision, alert):
            continue
        if decision.sees or decision.tracked:
            payload = render(cohort, decision, event)
            posted += sum(_posted(services, row, messages.following(row.operation, payload)) for row in members)
        elif kind.trailed:  # On a feed, a dossier that may not be seen is none of his; others may be.
            withdrawn += members
    _ended(services, withdrawn, "FORBIDDEN", f"you may no longer watch this {kind if kind.trailed else Kind.UNIT}")
    return posted


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


def _viewer(services: Services, row: Subscription) -> Viewer:
    try:
        return show(services, row.viewer)
    except Corrupt as fault:  # One row that cannot be read hurts nobody else; it sees what the public sees.
        log.error("subscription of %s: %s", row.connection, fault.message)  # noqa: TRY400 - the fault says all there is
        return PUBLIC


def _posted(services: Services, row: Subscription, message: str) -> bool:
    try:
        if services.courier.post(row.connection, message):
            return True
    except Unavailable as fault:  # One bad connection hurts nobody else: it is ended, and its client comes again behind its last event.
        log.warning("connection %s: %s", row.connection, fault.message)
        with suppress(Unavailable):
            services.courier.close(row.connection, 1011, "the connection could not be served; connect again")
    services.store.disconnect(row.connection)
    return False


def _ended(services: Services, rows: Iterable[Subscription], code: str, why: str) -> None:
    """Tell clients that an operation is over, and forget it."""
    for row in rows:
        error = {"message": why, "extensions": {"code": code, "correlationId": row.operation}}
        services.store.end(row.connection, row.operation, services.now())
        _posted(services, row, messages.error(row.operation, [error]))
