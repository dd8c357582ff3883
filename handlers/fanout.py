"""The queue of large audiences: parcels -> posts. One that fails comes again; what it posted already is dropped by its clients."""

from typing import Any

from casework.actions.deliveries import hand_out
from casework.adapters.parcels import read
from casework.model.errors import Fault
from casework.ports import Services
from handlers import entry, log
from handlers.rendering import renderer


def handle(event: dict[str, Any], services: Services) -> dict[str, Any]:
    """Take a batch of messages of the queue."""
    failed = []
    for record in event["Records"]:
        try:
            hand_out(services, read(record["body"]), renderer(services))
        except Fault as fault:
            log.warning("a parcel waits: %s", fault.message)
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


handler = entry(handle)
