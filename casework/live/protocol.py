"""graphql-transport-ws as a table: (phase of the connection, message) -> intents. Sans I/O.

Each message is a call of its own, so the state comes in and intents go out; whoever performs them owns sockets and tables. What a
client did wrong is a `Close` intent with the protocol's code; which of these a transport can carry is its courier's concern.
"""

from collections.abc import Callable
from dataclasses import dataclass

from casework.live import messages
from casework.live.connection import Began, Phase
from casework.live.messages import Complete, Init, Malformed, Message, Ping, Pong, Subscribe


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Read the token, keep the viewer once, answer connection_ack; close with 4429 when it was done before."""

    authorization: str | None


@dataclass(frozen=True, slots=True)
class Send:
    """Post this text."""

    text: str


@dataclass(frozen=True, slots=True)
class Start:
    """Take the operation's id and run it."""

    message: Subscribe


@dataclass(frozen=True, slots=True)
class End:
    """End the operation of that id; the client hears nothing of it."""

    operation: str


@dataclass(frozen=True, slots=True)
class Close:
    """End the connection with a code of the protocol."""

    code: int
    reason: str


Intent = Acknowledge | Send | Start | End | Close

LONGEST_REASON = 123  # bytes: a control frame of RFC 6455 holds 125, two of them the code

UNAUTHORIZED = Close(4401, "Unauthorized")
AGAIN = Close(4429, "Too many initialisation requests")
EXPIRED = Close(4408, "Connection expired")
LATE = Close(4408, "Connection initialisation timeout")
TRY_LATER = Close(1013, "the connection could not be served: connect again")  # 1011 would keep npm's graphql-ws away for good
CROWDED = Close(4429, "Too many operations")


def received(phase: Phase, text: str) -> tuple[Intent, ...]:
    """Tell what a client's message leads to."""
    try:
        message = messages.read(text)
    except Malformed as error:
        return (Close(4400, str(error)),)
    made = TABLE.get((phase, type(message)))
    return (made(message),) if made else ()


def waited(phase: Phase) -> Close | None:
    """Tell whether a connection that has had its time to send connection_init may stay; a Close when not."""
    return LATE if phase is Phase.OPENED else None


def began(outcome: Began, message: Subscribe) -> Close | None:
    """Tell whether an operation that asked for its id may run; a Close when not. COMPLETED and GONE are silent ends."""
    if outcome is Began.DUPLICATE:
        reason = f"Subscriber for {message.id} already exists"
        return Close(4409, reason if len(reason.encode()) <= LONGEST_REASON else "Subscriber already exists")
    return CROWDED if outcome is Began.FULL else None


def _pong(message: Message) -> Intent:
    assert isinstance(message, Ping)
    return Send(messages.pong(message.payload))


def _acknowledge(message: Message) -> Intent:
    assert isinstance(message, Init)
    return Acknowledge(message.authorization)


def _start(message: Message) -> Intent:
    assert isinstance(message, Subscribe)
    return Start(message)


def _end(message: Message) -> Intent:
    assert isinstance(message, Complete)
    return End(message.id)


TABLE: dict[tuple[Phase, type], Callable[[Message], Intent]] = {
    (Phase.OPENED, Init): _acknowledge,
    (Phase.OPENED, Ping): _pong,
    (Phase.OPENED, Subscribe): lambda _: UNAUTHORIZED,
    (Phase.ACKNOWLEDGED, Init): lambda _: AGAIN,
    (Phase.ACKNOWLEDGED, Ping): _pong,
    (Phase.ACKNOWLEDGED, Subscribe): _start,
    (Phase.ACKNOWLEDGED, Complete): _end,
}
# What asks for nothing: a heartbeat, and the end of an operation that there is not. A gap between the two tables fails a test.
SILENT = frozenset({*((phase, Pong) for phase in Phase), (Phase.OPENED, Complete)})
