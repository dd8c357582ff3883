"""Signature Version 4 of AWS, for requests whose body is at hand: the key of a day is derived once, which is most of the work.

Source: "AWS Signature Version 4 for API requests" in AWS's documentation. A test holds each signature to botocore's. It sends nothing,
and knows no services: what is particular to one, as S3's encoding of paths, is not here.
"""

import hashlib
import hmac
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from botocore.exceptions import NoCredentialsError
from botocore.session import Session

ALGORITHM = "AWS4-HMAC-SHA256"
STAMP = "%Y%m%dT%H%M%SZ"
PLAIN = re.compile(r"[A-Za-z0-9/_.~=%@-]*")  # of which three characters alone are encoded


def encoded(path: str) -> str:
    """Encode a path as RFC 3986 asks for, all but its slashes; quick for what addresses of ours are made of."""
    if PLAIN.fullmatch(path) is None:
        return quote(path, safe="/~")
    return path.replace("%", "%25").replace("@", "%40").replace("=", "%3D")


def credentials() -> Any:  # noqa: ANN401 - botocore's, which renew themselves
    """Find credentials as AWS libraries do: a session of theirs, which takes some 10 ms to make.

    Raises:
        NoCredentialsError: there are none.
    """
    found = Session().get_credentials()
    if found is None:
        raise NoCredentialsError
    return found


class Signer:
    """Signs requests to one service of a region."""

    def __init__(self, credentials: Any, service: str, region: str) -> None:  # noqa: ANN401 - botocore's, which renew themselves
        """Sign with what botocore found."""
        self._credentials = credentials
        self._scope = f"{region}/{service}/aws4_request"
        self._key: tuple[tuple[str, str], bytes] = ("", ""), b""
        self._second, self._stamp = 0, ""  # the second of the last signature, as it is written

    def headers(
        self, method: str, host: str, path: str, body: bytes, more: Mapping[str, str] | None = None, at: datetime | None = None
    ) -> dict[str, str]:
        """Give all headers that a request needs but those of its framing; `path` is as it is sent, names of `more` are in lower case."""
        frozen = self._credentials.get_frozen_credentials()
        stamp = at.strftime(STAMP) if at else self._now()
        signed = {"host": host, "x-amz-date": stamp, **(more or {})}
        if frozen.token:
            signed["x-amz-security-token"] = frozen.token
        names = sorted(signed)
        together = ";".join(names)
        lines = "".join([f"{name}:{signed[name]}\n" for name in names])
        digest = hashlib.sha256(body).hexdigest()
        request = f"{method}\n{encoded(path)}\n\n{lines}\n{together}\n{digest}"
        day = stamp[:8]
        text = f"{ALGORITHM}\n{stamp}\n{day}/{self._scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        signature = hmac.digest(self._key_of(day, frozen.secret_key), text.encode(), "sha256").hex()
        signed["authorization"] = (
            f"{ALGORITHM} Credential={frozen.access_key}/{day}/{self._scope}, SignedHeaders={together}, Signature={signature}"
        )
        return signed

    def _now(self) -> str:
        second = int(time.time())
        if self._second != second:
            self._second, self._stamp = second, datetime.fromtimestamp(second, UTC).strftime(STAMP)
        return self._stamp

    def _key_of(self, day: str, secret: str) -> bytes:
        if self._key[0] != (day, secret):
            key = f"AWS4{secret}".encode()
            for step in (day, *self._scope.split("/")):
                key = hmac.digest(key, step.encode(), "sha256")
            self._key = (day, secret), key
        return self._key[1]
