"""The schedule of each minute: a ping to the connections whose minute it is, and replays that were left are taken over."""

from typing import Any

from casework.actions.deliveries import tend
from casework.actions.heartbeats import beat
from casework.ports import Services
from handlers import entry, log
from handlers.rendering import renderer


def handle(event: dict[str, Any], services: Services) -> dict[str, Any]:
    """Do one minute's; one of the two does not wait for the other to pass."""
    del event
    try:
        there = beat(services)
    finally:
        taken_over = tend(services, renderer(services))
    log.debug("pinged %d connections", there)
    return {"pinged": there, "taken_over": taken_over}


handler = entry(handle)
