"""The trail's stream: entries that long work follows from -> tasks. The work itself is done by the sweep, which finds a task by its row.

A record that is no new entry is left to `handlers.stream`, which raises the alarm.
"""

from typing import Any

from casework.actions.tasks import begin
from casework.audit.chain import reopened
from casework.ports import Services
from handlers import entry


def handle(event: dict[str, Any], services: Services) -> dict[str, Any]:
    """Take a batch of stream records, in order; one that comes again begins nothing anew."""
    for record in event["Records"]:
        if record["eventName"] == "INSERT":
            begin(services, reopened(record["dynamodb"]["NewImage"]["line"]["S"]))
    return {"batchItemFailures": []}


handler = entry(handle)
