"""Posts to WebSocket connections through API Gateway's `@connections`: signed (SigV4), many at once over kept-alive HTTP.

What that transport cannot do, and what is done instead:

- It ends a connection with no close code. To npm's `graphql-ws` that is a normal end, after which it comes back at once and without a
  pause, thousands of times where what it did is refused each time. So an end for a client's own fault is told first, by a message that
  is none of the protocol's and names code and reason: the client shows it as its error and stays away. Where it should come back
  (4408: the connection is old; 1013: it could not be served) the connection is only ended.
- Its account has a quota of requests, which posts share with everything else: a bucket of tokens keeps this process below its part of it,
  and a 429 halves that part for a while.

It knows no subscriptions: whoever hears that a connection is gone forgets what it held.
"""

import json
import threading
import time
from collections.abc import Sequence
from functools import cached_property
from urllib.parse import urlsplit

from casework.adapters.lines import Call, Lines, framed
from casework.adapters.signing import Signer, credentials, encoded
from casework.model.errors import Unavailable
from casework.ports import Posted

TRIES = 3
PAUSE_S = 0.2  # at most, before the second try; twice that before the third
TIMEOUT_S = 4  # to connect, and again to answer: with every try it is less than a function's 29 s
CONNECTIONS = 32  # posts at once
# Posts a second at the most: half of an account's quota, https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
RATE = 5000
LEAST_RATE = 50
GAIN = 1.1  # of the rate, each second that nothing was refused
COMES_BACK = frozenset({4408, 1013})

GONE = 410
TOO_MANY = 429
BROKEN = 500


class Bucket:
    """Tokens that come at a rate, at most a tenth of a second's; refusals halve the rate, and time brings it back."""

    def __init__(self, most: float = RATE) -> None:
        """Start full."""
        self.most = self.rate = most
        self._tokens = most / 10
        self._at = 0.0
        self._gained = 0.0
        self._refused = -1.0

    def take(self, now: float) -> float:
        """Take a token; gives how long to wait before it is there, in seconds. `now` is a clock that only goes forward."""
        if now - self._gained >= 1:
            self.rate = min(self.most, self.rate * GAIN ** (now - self._gained)) if self.rate < self.most else self.most
            self._gained = now
        self._tokens = min(self.rate / 10, self._tokens + (now - self._at) * self.rate) - 1
        self._at = now
        return max(0.0, -self._tokens / self.rate)

    def refused(self, now: float) -> None:
        """Take note of a refusal; those of one second are one."""
        if now - self._refused >= 1:
            self.rate = max(LEAST_RATE, self.rate / 2)
            self._gained = self._refused = now


class GatewayCourier:
    """`ports.Courier` on API Gateway."""

    def __init__(self, url: str, *, region: str) -> None:
        """Post to the WebSocket API at `url`, which ends with its stage; its credentials are looked for at the first post."""
        self._region = region
        self._path = f"{urlsplit(url).path.rstrip('/')}/@connections/"
        self._lines = Lines(url, TIMEOUT_S, CONNECTIONS)
        self._bucket = Bucket()
        self._one = threading.Lock()

    @cached_property
    def _signer(self) -> Signer:
        return Signer(credentials(), "execute-api", self._region)

    def post(self, connection: str, message: str) -> bool:
        """See `ports.Courier`.

        Raises:
            Unavailable: the gateway refused, or failed at each try. One that timed out may have posted: a client may hear it twice.
        """
        return self._done("POST", connection, message.encode())

    def post_all(self, messages: Sequence[tuple[str, str]]) -> list[Posted]:
        """See `ports.Courier`."""
        calls = [self._call("POST", connection, message.encode()) for connection, message in messages]
        self._run(calls)
        return [Posted.DONE if _done(call) else Posted.GONE if call.status == GONE else Posted.FAILED for call in calls]

    def close_all(self, connections: Sequence[str], code: int, reason: str) -> None:
        """See `ports.Courier`."""
        if code not in COMES_BACK:
            told = self.post_all([(connection, _told(code, reason)) for connection in connections])
            connections = [connection for connection, posted in zip(connections, told, strict=True) if posted is Posted.DONE]
        self._run([self._call("DELETE", connection, b"") for connection in connections])

    def shut(self) -> None:
        """End its connections."""
        self._lines.close()

    def _done(self, method: str, connection: str, data: bytes) -> bool:
        """Call until an answer stands: True when it was done, False when the connection is gone."""
        call = self._call(method, connection, data)
        self._run([call])
        if not _done(call) and call.status != GONE:
            raise Unavailable(f"the gateway did not take a message ({call.said})")
        return _done(call)

    def _run(self, calls: Sequence[Call]) -> None:
        with self._one:
            self._lines.run(calls, self._bucket.take)

    def _call(self, method: str, connection: str, data: bytes) -> Call:
        path = self._path + encoded(connection).replace("/", "%2F")

        def made() -> bytes:
            return framed(method, path, self._signer.headers(method, self._lines.host, path, data).items(), data)

        return Call(made, self._again, TRIES, PAUSE_S)

    def _again(self, status: int) -> bool:
        if status == TOO_MANY:
            self._bucket.refused(time.monotonic())
        return status == TOO_MANY or status >= BROKEN


def _told(code: int, reason: str) -> str:
    return json.dumps({"type": f"close {code}: {reason}"})


def _done(call: Call) -> bool:
    return call.status is not None and call.status < 300  # noqa: PLR2004 - HTTP's own border
