"""From entries of the stream to pushes: each event once for each cohort and decision, one envelope for each connection.

It writes no entry and trusts no row: who may see what is decided anew at each event, by the register as it is now.
"""

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime

from casework.audit.chain import Entry
from casework.live import messages
from casework.live.cohorts import Cohort, Status, Subscription, split
from casework.live.topics import cursor, dossier_topic
from casework.model.access import Decision
from casework.model.errors import Corrupt, Unavailable
from casework.model.record import DossierId
from casework.model.subjects import DOSSIER
from casework.ports import Held, Services
from casework.views import decided, show

log = logging.getLogger("giamsat")

Render = Callable[[Cohort, Decision, Held, str, datetime, Entry | None], bytes]


def deliver(services: Services, entries: Iterable[Entry], render: Render) -> int:
    """Push entries, in the order given, to whoever watches their dossiers; gives how many messages were posted."""
    wanted = [entry for entry in entries if entry.body["subject"]["kind"] == DOSSIER]
    topics = services.store.watched([dossier_topic(entry.body["subject"]["id"]) for entry in wanted], services.now())
    posted = 0
    for entry in wanted:
        topic = dossier_topic(entry.body["subject"]["id"])
        if topic in topics:
            posted += _pushed(services, topic, entry, render)
    return posted


def _pushed(services: Services, topic: str, entry: Entry, render: Render) -> int:
    now = services.now()
    # A row that replays will come to this entry by itself; one that has seen it is not told again.
    rows = [row for row in services.store.subscriptions(topic, now) if row.status is Status.LIVE and row.seen < entry.seq]
    if not rows:
        return 0
    subject = DossierId(entry.body["subject"]["id"])
    held = services.store.held(subject)
    if held is None:
        log.error("entry %s of %s has no subject", entry.seq, subject)
        return 0
    here = held

    def decide(row: Subscription) -> Decision:
        try:
            return decided(services, show(services, row.viewer), here)
        except Corrupt as fault:  # One row that cannot be read hurts nobody else.
            log.error("subscription of %s: %s", row.connection, fault.message)  # noqa: TRY400 - the fault says all there is
            return Decision()

    posted = 0
    for (cohort, decision), members in split(rows, decide).items():
        lively = [row for row in members if row.expires_at > now]
        _ended(
            services,
            [row for row in members if row.expires_at <= now],
            "UNAUTHENTICATED",
            "the connection or its token has expired: connect again",
        )
        if not (decision.sees or decision.tracked):
            _ended(services, lively, "FORBIDDEN", "you may no longer watch this dossier")
            continue
        if not lively:
            continue
        payload = render(cohort, decision, held, cursor(entry.seq), entry.recorded_at, entry)
        posted += sum(_posted(services, row, messages.following(row.operation, payload)) for row in lively)
    return posted


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
