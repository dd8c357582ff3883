"""The id by which all that comes of one request is found in the log: which one it is, and which is in hand.

What is stored or sent carries the id by itself (the member `request` of an entry, a parcel); here it is kept for whoever writes a line
meanwhile. It does not follow into another thread: whoever works there says what is in hand (docs/decisions/0019-correlation.md).
"""

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

HEADER = "x-correlation-id"
TRACE = "traceparent"
# 128 bits in hexadecimal, maybe with the dashes of a UUID (RFC 9562): nothing else of a client's goes into a trail that is kept for ever.
_GIVEN = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_TRACE = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")  # https://www.w3.org/TR/trace-context/#traceparent-header
_NO_TRACE = "0" * 32

_in_hand: ContextVar[str | None] = ContextVar("in_hand", default=None)


def made() -> str:
    """Make an id."""
    return secrets.token_hex(8)


def asked(headers: Mapping[str, str], gateway: str | None) -> str:
    """Give the id of a request: what its client gave, if that is one; else the gateway's, or a new one. Names of headers are lower case."""
    if _GIVEN.fullmatch(given := headers.get(HEADER, "")):
        return given
    trace = _TRACE.fullmatch(headers.get(TRACE, ""))
    return trace[1] if trace and trace[1] != _NO_TRACE else gateway or made()


def current() -> str | None:
    """Give the id of what is in hand here; None where nobody has said."""
    return _in_hand.get()


@contextmanager
def correlated(correlation: str | None) -> Iterator[None]:
    """Say what is in hand, until the block is left."""
    before = _in_hand.set(correlation)
    try:
        yield
    finally:
        _in_hand.reset(before)
