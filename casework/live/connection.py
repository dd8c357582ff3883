"""A connection and an operation as they are kept between two messages, each of which is a call of its own."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zlib import crc32

LIFE = timedelta(hours=2)  # API Gateway ends a connection after two hours; so does every reader of its row
INIT = timedelta(seconds=10)  # to send connection_init; a cold start in the cloud takes some of it
BEATS = 4  # minutes between two pings of the service: API Gateway ends a connection that is silent for ten, and a run may fail
OPERATIONS = 100  # at once on one connection
LANES = 8  # over which connections are spread where one row, or one order, for all of them would hold them up
TOMBSTONE = timedelta(seconds=30)  # how long a `complete` waits for the `subscribe` that it overtook


def beat_of(at: datetime) -> int:
    """Tell the bucket of the heartbeat that an instant's minute is: the next ones follow every BEATS minutes."""
    return int(at.timestamp() // 60) % BEATS


def lane_of(connection: str) -> int:
    """Tell the lane of a connection: always the same one."""
    return crc32(connection.encode()) % LANES


class Phase(StrEnum):
    """Where a connection stands in the protocol."""

    OPENED = "OPENED"
    ACKNOWLEDGED = "ACKNOWLEDGED"


class Began(StrEnum):
    """What came of taking an operation's id."""

    BEGUN = "BEGUN"
    DUPLICATE = "DUPLICATE"
    COMPLETED = "COMPLETED"
    FULL = "FULL"
    GONE = "GONE"


@dataclass(frozen=True, slots=True)
class Connection:
    """A socket. `viewer` is None when its token was bad: each of its operations is then answered so.

    The token is not kept, and the viewer is hidden (`views.hide`), since its subject may be a citizen's identity.
    """

    id: str
    expires_at: datetime
    phase: Phase = Phase.OPENED
    viewer: str | None = None
    viewer_until: datetime | None = None
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a connection, under the id that the client gave it."""

    connection: str
    id: str
    expires_at: datetime
    topic: str | None = None
    row: str | None = None
