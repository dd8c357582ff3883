"""Parcels of large audiences through Amazon SQS: how one is written and read, and how it is put into the queue.

The queue is FIFO, its message groups the lanes of a topic, so that what is meant for one client comes out in order. Whoever takes
them out is a function of its own (`handlers/fanout.py`).
"""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import orjson

from casework.adapters.sqs import Sqs
from casework.model.errors import Corrupt
from casework.model.packing import instant, moment
from casework.ports import Parcel

LONGEST = 256 * 1024  # bytes of a message; infra/queues.yml has the same
PLAIN = ("topic", "lane", "subject", "sight", "members", "place", "correlation")  # fields that are written as they are


def written(parcel: Parcel) -> str:
    """Write a parcel as a message: JSON, the payload in it as Base64, whose length is known: as a text each of its quotes would be two."""
    stamp, held = moment(parcel.stamp) if parcel.stamp else None, b64encode(parcel.payload).decode()
    return orjson.dumps({**{name: getattr(parcel, name) for name in PLAIN}, "payload": held, "stamp": stamp}).decode()


def read(text: str) -> Parcel:
    """Read one back.

    Raises:
        Corrupt: it is none.
    """
    try:
        found: dict[str, Any] = orjson.loads(text)
        members = tuple((str(connection), str(operation)) for connection, operation in found["members"])
        texts = {name: str(found[name]) for name in ("topic", "subject", "sight", "place")}
        stamp, payload = instant(found["stamp"]) if found["stamp"] else None, b64decode(found["payload"], validate=True)
        correlation = None if found.get("correlation") is None else str(found["correlation"])  # version 0.4 wrote none
        return Parcel(**texts, lane=int(found["lane"]), members=members, payload=payload, stamp=stamp, correlation=correlation)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise Corrupt("a message of the queue is no parcel") from error


def group_of(parcel: Parcel) -> str:
    """Name the message group of a parcel."""
    return f"{hashlib.sha256(parcel.topic.encode()).hexdigest()[:32]}-{parcel.lane}"


def _fitting(parcel: Parcel) -> Iterator[str]:
    """Write a parcel as messages that are short enough."""
    text, half = written(parcel), len(parcel.members) // 2
    if half and len(text) > LONGEST:
        yield from _fitting(replace(parcel, members=parcel.members[:half]))
        yield from _fitting(replace(parcel, members=parcel.members[half:]))
    else:
        yield text


class SqsQueue(Sqs):
    """`ports.Queue` on Amazon SQS."""

    def put(self, parcels: Sequence[Parcel]) -> None:
        """See `ports.Queue`."""
        self.send([_message(parcel, text) for parcel in parcels for text in _fitting(parcel)])


def _message(parcel: Parcel, text: str) -> dict[str, str]:
    once = hashlib.sha256(text.encode()).hexdigest()  # One that was taken without an answer is not taken a second time.
    return {"MessageBody": text, "MessageGroupId": group_of(parcel), "MessageDeduplicationId": once}
