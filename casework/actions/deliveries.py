"""From entries of the stream to the audiences of their topics; and what comes out of the queue, or was begun and left.

It writes no entry and trusts no row. A feed gets the rows of a batch first, and only then are its subscriptions read: whoever is not LIVE
by then finds the rows (docs/decisions/0008-feeds.md). Who is told what of an event, and how, is for `audiences`.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from casework.audiences import Audience, Batch, parted
from casework.audit.chain import Entry
from casework.correlation import correlated
from casework.live import feeds
from casework.live.cohorts import Owed, Status
from casework.live.connection import LANES
from casework.live.topics import LATE, accesses_topic, alert_of, kind_of, topics_of
from casework.model.errors import Corrupt, Unavailable
from casework.model.record import DossierId
from casework.model.unit import lineage
from casework.ports import Parcel, Services
from casework.views import readable
from casework.watching import Arrived, Render

log = logging.getLogger("giamsat")

PAGE = 100  # replays that were begun, at a time
WITHIN = timedelta(seconds=20)  # to look after those that were left


def deliver(services: Services, arrived: Sequence[Arrived], render: Render) -> int:
    """Push entries, in the order given on each topic, to whoever watches; gives how many messages were posted."""
    desks = _desks(services, arrived)
    spread: dict[str, list[Entry]] = {}
    for one in arrived:
        for topic in _topics(services, one, desks):
            spread.setdefault(topic, []).append(one.entry)
    heads = services.store.watched(list(spread), services.now())
    batch = Batch(services)
    # Whether a feed has members is to be asked behind its rows alone: one may have come since the heads were read.
    wanted = {topic: entries for topic, entries in spread.items() if (heads.get(topic) if kind_of(topic).trailed else topic in heads)}
    posted = sum(Audience(services, topic, render, batch).delivered(entries) for topic, entries in wanted.items())
    for one in arrived:
        place = subject, seq = one.entry.place
        with correlated(one.entry.correlation):
            log.info("delivered", extra={"subject": subject, "seq": seq, "posted": batch.posted[place], "queued": batch.queued[place]})
    return posted


def hand_out(services: Services, parcel: Parcel, render: Render) -> int:
    """Post a part of an audience, as it comes out of the queue, to those who are there still; gives how many messages were posted.

    What comes too late for a feed's clients is not posted: they are read on from there, but for those who have been read past it. Nor is
    it posted to whoever may see more or less by now than it holds.
    """
    now, asked = services.now(), set(parcel.members)
    topic = Audience(services, parcel.topic, render, Batch(services))
    rows = [row for row in services.store.subscriptions(parcel.topic, now) if (row.connection, row.operation) in asked]
    held = services.store.held(DossierId(parcel.subject))
    if held is None:
        raise Corrupt(f"a parcel of {parcel.topic} has no subject")
    late = parcel.stamp is not None and now - parcel.stamp > feeds.POST
    there, replaying = parted([row for row in rows if not row.over(now)], lambda row: row.status is Status.LIVE)
    fitting, others = parted(there, lambda row: topic.follows(row) and topic.decided(row, held).sight == parcel.sight)
    behind = [row for row in (there if late else others) if topic.kind.trailed or not row.told(parcel.place)]
    behind += [row for row in replaying if not topic.kind.trailed and not row.told(parcel.place)]
    topic.brought((row, parcel.place) for row in behind)
    return 0 if late else topic.posted([(row.connection, row.operation) for row in fitting], parcel.payload)


def tend(services: Services, render: Render) -> int:
    """Bring up to date whoever was left in the middle of it, and end those whose time is over; gives how many were brought.

    What is not done in time is done the next time.

    Raises:
        Unavailable: the store did not answer; the others are brought the next time round.
    """
    began, found = services.now(), 0
    first = int(began.timestamp() // 60)  # Another lane comes first each minute: one that takes all the time holds up no other for long.
    for number in range(LANES):
        after = None
        while services.now() - began <= WITHIN:
            owed = services.store.owed((first + number) % LANES, began - feeds.LEFT, after, PAGE)
            found += _taken_over(services, owed, render, began + WITHIN)
            if len(owed) < PAGE:
                break
            after = owed[-1].place
    if found:
        log.warning("%d subscriptions were left in the middle of a replay and have been brought up to date", found)
    return found


def _taken_over(services: Services, owed: Sequence[Owed], render: Render, until: datetime) -> int:
    """Bring those who were left, and forget what is paid. One that cannot be brought holds up no other, and is tried again."""
    now, found, failed = services.now(), 0, set[str]()
    both = [(one, row) for one in owed if (row := one.subscription) is not None and (row.left(now) or row.over(now))]
    left = {(row.topic, row.connection, row.operation): (one, row) for one, row in both}
    for one, row in left.values():
        if services.now() > until:
            failed.add(one.place)
            continue
        audience = Audience(services, row.topic, render, Batch(services, until))
        try:
            if row.over(now):
                audience.expired([row], now)
            else:
                audience.brought([(row, row.place or "")])
                found += 1
        except Unavailable as fault:
            log.warning("a subscription of %s waits: %s", row.connection, fault.message)
            failed.add(one.place)
    for one in owed:
        there = one.subscription
        if one.place not in failed and (there is None or not there.owed or there.left(now) or there.over(now)):
            services.store.paid(one)
    return found


def _topics(services: Services, one: Arrived, desks: Mapping[str, str]) -> tuple[str, ...]:
    if one.unit is None:
        return (accesses_topic(one.entry.place[0]),)
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
