"""The streams of the trail and of the second log: entries as they were written -> pushes to whoever watches.

A record that is no new entry (MODIFY, REMOVE) means that somebody changed the log: it is logged as an alarm and pushed to nobody.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from casework.actions.deliveries import deliver
from casework.adapters.dynamo.images import entry_of
from casework.ports import Services
from casework.watching import Arrived
from handlers import entry, log
from handlers.rendering import renderer
from handlers.taking import Record, taken


def handle(event: dict[str, Any], services: Services) -> dict[str, Any]:
    """Take a batch of stream records, in order."""
    changes = [record for record in event["Records"] if record["eventName"] != "INSERT"]
    for change in changes:
        log.critical("the trail was changed: %s of %s", change["eventName"], change["dynamodb"].get("Keys"))
    entries = [record for record in event["Records"] if record["eventName"] == "INSERT"]
    answer = taken(entries, services, "stream", partial(_push, services))
    if changes:
        answer["figures"] = {**answer.get("figures", {}), "TrailChanged": len(changes)}
    return answer


def _push(services: Services, records: Sequence[Record]) -> None:
    deliver(services, [Arrived(*entry_of(record)) for record in records], renderer(services))


handler = entry(handle)
