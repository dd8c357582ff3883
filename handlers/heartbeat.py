"""The schedule of each minute: a ping to the connections whose minute it is."""

from typing import Any

from casework.actions.heartbeats import beat
from casework.ports import Services
from handlers import entry, log


def handle(event: dict[str, Any], services: Services) -> dict[str, Any]:
    """Do one minute's."""
    del event
    there = beat(services)
    log.debug("pinged %d connections", there)
    return {"pinged": there}


handler = entry(handle)
