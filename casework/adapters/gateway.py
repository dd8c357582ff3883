"""Posts to WebSocket connections through API Gateway's `@connections`: signed (SigV4), over kept-alive HTTP.

What that transport cannot do, and what is done instead:

- It ends a connection with no close code. To npm's `graphql-ws` that is a normal end, after which it comes back at once and without a
  pause, thousands of times where what it did is refused each time. So an end for a client's own fault is told first, by a message that
  is none of the protocol's and names code and reason: the client shows it as its error and stays away. Where it should come back
  (4408: the connection is old) the connection is only ended.
- It carries 128 KB. A longer answer would be refused at every try, and hold up whatever stands behind it: its operation gets an `error`.

It knows no subscriptions: whoever hears that a connection is gone forgets what it held.
"""

import json
import random
import socket
import time
from urllib.parse import quote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest
from botocore.exceptions import BotoCoreError, NoCredentialsError
from botocore.httpsession import URLLib3Session
from botocore.session import Session

from casework.live import messages
from casework.model.errors import Unavailable

LONGEST_BYTES = 128 * 1024
TRIES = 3
PAUSE_S = 0.2  # at most, before the second try; twice that before the third
TIMEOUT_S = 4  # to connect, and again to answer: with every try it is less than a function's 29 s
CONNECTIONS = 32
COMES_BACK = frozenset({4408})

GONE = 410
TOO_MANY = 429
BROKEN = 500


class GatewayCourier:
    """`ports.Courier` on API Gateway."""

    def __init__(self, url: str, *, region: str) -> None:
        """Post to the WebSocket API at `url`, which ends with its stage, with the credentials that AWS libraries find."""
        credentials = Session().get_credentials()
        if credentials is None:
            raise NoCredentialsError
        self._credentials = credentials
        self._connections = f"{url.rstrip('/')}/@connections/"
        self._region = region
        self._http = URLLib3Session(
            timeout=TIMEOUT_S,
            max_pool_connections=CONNECTIONS,
            # By itself a session holds the body back until the head is acknowledged, for some 40 ms.
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],  # type: ignore[list-item] # it takes what a socket takes
        )

    def post(self, connection: str, message: str) -> bool:
        """See `ports.Courier`.

        Raises:
            Unavailable: the gateway refused, or failed at each try. One that timed out may have posted: a client may hear it twice.
        """
        data = message.encode()
        return self._called("POST", connection, data if len(data) <= LONGEST_BYTES else _too_long(message))

    def close(self, connection: str, code: int, reason: str) -> None:
        """See `ports.Courier`."""
        if code in COMES_BACK or self.post(connection, json.dumps({"type": f"close {code}: {reason}"})):
            self._called("DELETE", connection, b"")

    def _called(self, method: str, connection: str, data: bytes) -> bool:
        """Call until an answer stands: True when it was done, False when the connection is gone."""
        answer = ""
        for tried in range(TRIES):
            if tried:
                time.sleep(random.uniform(0, PAUSE_S * tried))  # noqa: S311 - it spreads tries and hides nothing
            request = self._signed(method, connection, data)
            try:
                status = self._http.send(request).status_code
            except BotoCoreError as error:
                answer = type(error).__name__
                continue
            if status == GONE:
                return False
            if status < 300:  # noqa: PLR2004 - HTTP's own border
                return True
            answer = str(status)
            if status != TOO_MANY and status < BROKEN:
                break
        raise Unavailable(f"the gateway did not take a message ({answer})")

    def _signed(self, method: str, connection: str, data: bytes) -> AWSPreparedRequest:
        request = AWSRequest(method=method, url=self._connections + quote(connection, safe=""), data=data)
        SigV4Auth(self._credentials.get_frozen_credentials(), "execute-api", self._region).add_auth(request)
        return request.prepare()


def _too_long(message: str) -> bytes:
    operation = json.loads(message)["id"]
    why = f"the answer is longer than the {LONGEST_BYTES // 1024} KB that a message carries: select less"
    error = {"message": why, "extensions": {"code": "BAD_USER_INPUT", "correlationId": operation}}
    return messages.error(operation, [error]).encode()
