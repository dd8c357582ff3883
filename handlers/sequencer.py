"""Woken by the streams, and by a schedule: what the outbox holds goes into the log, and what the log has come to is published.

The second log, that of accesses, goes the same way.
"""

from contextlib import ExitStack
from datetime import datetime
from typing import Any

from casework.actions.sequencing import publish, sequence
from casework.ports import Services
from handlers import entry, log

ROUNDS = 200  # of a run; the next one goes on


def handle(event: dict[str, Any], services: Services) -> dict[str, Any]:
    """Take what there is, and publish it; of the second log, that of accesses, too, where that is published.

    `merge_delay_s` is how long ago the oldest entry was recorded that is published with this run, None where none was.
    """
    del event
    with ExitStack() as after:  # what is wrong with one of them does not hold the other up
        found: dict[str, Any] = {}
        if services.accesses_vault is not None:
            after.callback(lambda: found.update(accesses=_advanced(services.second)))
        found.update(_advanced(services))
    return found


def _advanced(services: Services) -> dict[str, Any]:
    taken = 0
    oldest: datetime | None = None
    for _ in range(ROUNDS):
        found = sequence(services)
        taken += found.count
        oldest = min(filter(None, (oldest, found.oldest)), default=None)
        if not found.count:
            break
    size = publish(services)
    delay = (services.now() - oldest).total_seconds() if oldest and size else None
    if size is not None:
        log.debug("the log %s has %d leaves", services.log, size)
    return {"taken": taken, "published": size, "merge_delay_s": delay}


handler = entry(handle)
