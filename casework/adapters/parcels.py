"""Parcels of large audiences through Amazon SQS: how one is written and read, and how it is put into the queue.

Source: the JSON protocol of SQS, action SendMessage. Whoever takes them out is a function of its own (`handlers/fanout.py`).
"""

from base64 import b64decode, b64encode
from collections.abc import Sequence
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
BROKEN = 500
HEADERS = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "AmazonSQS.SendMessage"}


def written(parcel: Parcel) -> str:
    """Write a parcel as a message: JSON, the payload in it as Base64, whose length is known: as a text each of its quotes would be two."""
    stamp, held = moment(parcel.stamp) if parcel.stamp else None, b64encode(parcel.payload).decode()
    return orjson.dumps({"topic": parcel.topic, "payload": held, "members": parcel.members, "stamp": stamp}).decode()


def read(text: str) -> Parcel:
    """Read one back.

    Raises:
        Corrupt: it is none.
    """
    try:
        found: dict[str, Any] = orjson.loads(text)
        members = tuple((str(connection), str(operation)) for connection, operation in found["members"])
        return Parcel(
            found["topic"], b64decode(found["payload"], validate=True), members, instant(found["stamp"]) if found["stamp"] else None
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise Corrupt("a message of the queue is no parcel") from error


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
        calls = [Call(partial(self._request, parcel), lambda status: status >= BROKEN, TRIES, PAUSE_S) for parcel in parcels]
        self._lines.run(calls)
        for call in calls:
            if call.status is None or call.status >= 300:  # noqa: PLR2004 - HTTP's own border
                raise Unavailable(f"the queue did not take a message ({call.said})")

    def shut(self) -> None:
        """End its connections."""
        self._lines.close()

    def _request(self, parcel: Parcel) -> bytes:
        body = orjson.dumps({"QueueUrl": self._url, "MessageBody": written(parcel)})
        return framed("POST", "/", self._signer.headers("POST", self._lines.host, "/", body, HEADERS).items(), body)
