"""The trail's stream: entries that long work follows from -> tasks. The work itself is done by the sweep, which finds a task by its row.

A record that is no new entry is left to `handlers.stream`, which raises the alarm.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from casework.actions.tasks import begin
from casework.adapters.dynamo.images import entry_of
from casework.correlation import correlated
from casework.ports import Services
from handlers import entry, log
from handlers.taking import Record, taken


def handle(event: dict[str, Any], services: Services) -> dict[str, Any]:
    """Take a batch of stream records, in order; one that comes again begins nothing anew."""
    entries = [record for record in event["Records"] if record["eventName"] == "INSERT"]
    return taken(entries, services, "tasks", partial(_begin, services))


def _begin(services: Services, records: Sequence[Record]) -> None:
    for record in records:
        arrived = entry_of(record)[0]
        with correlated(arrived.correlation):
            if task := begin(services, arrived):
                log.info("begun", extra={"task": task})


handler = entry(handle)
