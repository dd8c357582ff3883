"""Woken by the trail's stream, and by a schedule: what the outbox holds goes into the log, and what the log has come to is published."""

from typing import Any

from casework.actions.sequencing import publish, sequence
from casework.ports import Services
from handlers import entry, log

ROUNDS = 200  # of a run; the next one goes on


def handle(event: dict[str, Any], services: Services) -> dict[str, Any]:
    """Take what there is, and publish it."""
    del event
    taken = 0
    for number in range(ROUNDS):
        found = sequence(services, first=number)
        taken += found
        if not found:
            break
    size = publish(services)
    if size is not None:
        log.debug("the log has %d leaves", size)
    return {"taken": taken, "published": size}


handler = entry(handle)
