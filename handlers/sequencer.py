"""The schedule, each minute -> the log, round after round: what the outbox holds goes into it, and what it has come to is published.

The second log, that of accesses, goes the same way.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

from casework.actions.sequencing import publish, sequence
from casework.model.errors import Unavailable
from casework.ports import Services
from handlers import entry, log

ROUNDS = 200  # of a run; the next one goes on
RUN_S = 75.0
REST_S = 1.0
EACH = timedelta(seconds=1)  # between two checkpoints of a run that has much to take


def handle(event: dict[str, Any], services: Services) -> dict[str, Any]:
    """Take what there is, and publish it; of the second log, that of accesses, too, where that is published.

    `merge_delay_s` is how long an entry that is published with this run has waited at most, None where none was.
    """
    del event
    with ExitStack() as after:  # what is wrong with one of them does not hold the other up
        found: dict[str, Any] = {}
        if services.accesses_vault is not None:
            after.callback(lambda: found.update(accesses=_advanced(services.second)))
        found.update(_advanced(services))
    return found


def _advanced(services: Services) -> dict[str, Any]:
    """Take round after round while there is more than a round reads, and publish now and then, and in the end."""
    taken, size, delays = 0, None, [0.0]
    oldest: datetime | None = None
    since = services.now()
    for left in reversed(range(ROUNDS)):
        found = sequence(services)
        taken += found.count
        oldest = min(filter(None, (oldest, found.oldest)), default=None)
        if left and found.more and found.count and services.now() - since < EACH:
            continue
        size = publish(services) or size
        since = services.now()
        delays += [(since - oldest).total_seconds()] if oldest and size else []
        oldest = None
        if not found.more or not found.count:  # What has come since is for the next run: one that waits for nothing to come may wait long.
            break
    if size is not None:
        log.debug("the log %s has %d leaves", services.log, size)
    return {"taken": taken, "published": size, "merge_delay_s": max(delays) if len(delays) > 1 else None}


def run(event: dict[str, Any], services: Services, rest: Callable[[float], object] = time.sleep,
        going: Callable[[], bool] = lambda: True) -> dict[str, Any]:  # fmt: skip
    """Look each second until the run is over, or as long as it is `going`; `rest` waits for the next second.

    A run covers its start to 75 s later, so that two overlap and one that is lost leaves no minute out; two at once are one too many and
    do no harm.
    """
    until = time.monotonic() + RUN_S
    taken, rounds, delays = 0, 0, [0.0]
    well = services.now()  # since when nothing has been published, where rounds fail
    while going() and time.monotonic() < until:
        rounds += 1
        try:
            found = handle(event, services)
        except Unavailable as fault:  # The next round looks again.
            log.warning("a round of the log was cut short: %s", fault.message)
        else:
            taken += found["taken"]
            delays += [one["merge_delay_s"] or 0.0 for one in (found, found.get("accesses", found))]
            well = services.now()
        delays.append((services.now() - well).total_seconds())
        rest(REST_S - services.now().microsecond / 1e6)
    return {"rounds": rounds, "taken": taken, "figures": {"MergeDelay": max(delays)}}


handler = entry(run)
