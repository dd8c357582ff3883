"""Parcels of large audiences through Amazon SQS: how one is written and read, and how it is put into the queue.

The queue is FIFO, its message groups the lanes of a topic, so that what is meant for one client comes out in order. Source: the JSON
protocol of SQS, action SendMessage. Whoever takes them out is a function of its own (`handlers/fanout.py`).
"""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import orjson
from botocore.exceptions import NoCredentialsError
from botocore.session import Session

from casework.adapters.lines import Call, Lines, framed
from casework.adapters.signing import Signer
from casework.model.errors import Corrupt, Unavailable
from casework.model.packing import instant, moment
from casework.ports import Parcel

TRIES = 3
TIMEOUT_S = 5
PAUSE_S = 0.1  # at most, before the second try; twice that before the third
CONNECTIONS = 8
LONGEST = 256 * 1024  # bytes of a message; infra/queues.yml has the same
BROKEN = 500
PLAIN = ("topic", "lane", "subject", "sight", "members", "place")  # fields that are written as they are
HEADERS = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "AmazonSQS.SendMessage"}


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
        return Parcel(**texts, lane=int(found["lane"]), members=members, payload=payload, stamp=stamp)
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


class SqsQueue:
    """`ports.Queue` on Amazon SQS."""

    def __init__(self, url: str, *, region: str) -> None:
        """Put into the queue at `url`, with the credentials that AWS libraries find."""
        credentials = Session().get_credentials()
        if credentials is None:
            raise NoCredentialsError
        self._url = url
        self._signer = Signer(credentials, "sqs", region)
        parts = urlsplit(url)
        self._lines = Lines(f"{parts.scheme}://{parts.netloc}", TIMEOUT_S, CONNECTIONS)

    def put(self, parcels: Sequence[Parcel]) -> None:
        """See `ports.Queue`."""
        messages = [(group_of(parcel), text) for parcel in parcels for text in _fitting(parcel)]
        calls = [Call(partial(self._request, *message), lambda status: status >= BROKEN, TRIES, PAUSE_S) for message in messages]
        self._lines.run(calls)
        for call in calls:
            if call.status is None or call.status >= 300:  # noqa: PLR2004 - HTTP's own border
                raise Unavailable(f"the queue did not take a message ({call.said})")

    def shut(self) -> None:
        """End its connections."""
        self._lines.close()

    def _request(self, group: str, text: str) -> bytes:
        once = hashlib.sha256(text.encode()).hexdigest()  # One that was taken without an answer is not taken a second time.
        message = {"QueueUrl": self._url, "MessageBody": text, "MessageGroupId": group, "MessageDeduplicationId": once}
        body = orjson.dumps(message)
        return framed("POST", "/", self._signer.headers("POST", self._lines.host, "/", body, HEADERS).items(), body)
