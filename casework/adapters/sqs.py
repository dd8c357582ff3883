"""Messages into a queue of Amazon SQS, several at once, signed by us. Source: the JSON protocol of SQS, action SendMessage."""

from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from urllib.parse import urlsplit

import orjson

from casework.adapters.lines import Call, Lines, framed
from casework.adapters.signing import Signer, credentials
from casework.model.errors import Unavailable

TRIES = 3
TIMEOUT_S = 5
PAUSE_S = 0.1  # at most, before the second try; twice that before the third
CONNECTIONS = 8
BROKEN = 500
HEADERS = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "AmazonSQS.SendMessage"}


class Sqs:
    """A queue that is put into."""

    def __init__(self, url: str, *, region: str) -> None:
        """Put into the queue at `url`; its credentials are looked for when it first sends."""
        self._url, self._region = url, region
        parts = urlsplit(url)
        self._lines = Lines(f"{parts.scheme}://{parts.netloc}", TIMEOUT_S, CONNECTIONS)

    @cached_property
    def _signer(self) -> Signer:
        return Signer(credentials(), "sqs", self._region)

    def send(self, messages: Sequence[Mapping[str, str]]) -> None:
        """Send messages, each with the parameters of SendMessage.

        Raises:
            Unavailable: some may not have been taken.
        """
        calls = [Call(partial(self._request, message), lambda status: status >= BROKEN, TRIES, PAUSE_S) for message in messages]
        self._lines.run(calls)
        for call in calls:
            if call.status is None or call.status >= 300:  # noqa: PLR2004 - HTTP's own border
                raise Unavailable(f"the queue did not take a message ({call.said})")

    def shut(self) -> None:
        """End its connections."""
        self._lines.close()

    def _request(self, message: Mapping[str, str]) -> bytes:
        body = orjson.dumps({"QueueUrl": self._url, **message})
        return framed("POST", "/", self._signer.headers("POST", self._lines.host, "/", body, HEADERS).items(), body)
