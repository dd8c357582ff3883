"""The queue of large audiences: parcels -> posts. One that fails comes again; what it posted already is dropped by its clients."""

from contextlib import ExitStack
from typing import Any

from casework.actions.deliveries import hand_out
from casework.adapters.parcels import read
from casework.correlation import correlated
from casework.model.errors import Corrupt, Fault
from casework.ports import Services
from handlers import entry, log
from handlers.rendering import renderer


def handle(event: dict[str, Any], services: Services) -> dict[str, Any]:
    """Take a batch of messages of the queue. Behind one that fails, those of its group wait as well: their order is kept."""
    failed, waiting = [], set()
    for record in event["Records"]:
        group = record["attributes"]["MessageGroupId"]
        if group not in waiting and not _taken(record, services):
            waiting.add(group)
        if group in waiting:
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


def _taken(record: dict[str, Any], services: Services) -> bool:
    """Hand out a message's parcel; False where it is to wait."""
    with ExitStack() as within:
        try:
            parcel = read(record["body"])
            within.enter_context(correlated(parcel.correlation))
            posted = hand_out(services, parcel, renderer(services))
        except Corrupt as fault:  # It would fail again, and hold up its group.
            log.critical("the queue's message %s is left out: %s", record["messageId"], fault.message)
        except Fault as fault:
            log.warning("a parcel waits: %s", fault.message)
            return False
        else:
            log.info("handed out", extra={"subject": parcel.subject, "members": len(parcel.members), "posted": posted})
    return True


handler = entry(handle)
