"""Messages of graphql-transport-ws: reading those of a client, writing those of the server.

Source: the protocol's public description, `PROTOCOL.md` of the project graphql-ws. State and order are the concern of `protocol`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

SUBPROTOCOL = "graphql-transport-ws"
LONGEST_BYTES = 32 * 1024  # one frame of API Gateway; the same limit holds on one machine
LONGEST_ID = 128
LONGEST_SENT = 128 * 1024  # bytes of a message of API Gateway; the same limit holds on one machine
LONGEST_PAYLOAD = LONGEST_SENT - 6 * LONGEST_ID - 64  # what is left of it beside an envelope, whose id may be all escapes


@dataclass(frozen=True, slots=True)
class Init:
    """connection_init, with the value of `authorization` when the payload holds one."""

    authorization: str | None = None


@dataclass(frozen=True, slots=True)
class Ping:
    """ping."""

    payload: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Pong:
    """pong."""


@dataclass(frozen=True, slots=True)
class Subscribe:
    """subscribe: any operation, under the client's id."""

    id: str
    query: str
    variables: Mapping[str, Any]
    operation: str | None


@dataclass(frozen=True, slots=True)
class Complete:
    """complete, from the client's side."""

    id: str


Message = Init | Ping | Pong | Subscribe | Complete


class Malformed(Exception):
    """The text is no message of the protocol; its argument says why, short enough for a close reason."""


def read(text: str) -> Message:
    """Read a client's message.

    Raises:
        Malformed: anything that is not one.
    """
    if len(text.encode(errors="replace")) > LONGEST_BYTES:
        raise Malformed("Message too long")
    try:
        raw = orjson.loads(text)
        orjson.dumps(raw)  # What nests too deep to be written again, as in a pong, is refused here.
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, UnicodeEncodeError) as error:
        raise Malformed("Invalid message received") from error
    if not isinstance(raw, dict) or not isinstance(raw.get("type"), str):
        raise Malformed("Invalid message received")
    payload = raw.get("payload")
    match raw["type"]:
        case "connection_init":
            found = _object(payload, optional=True)
            token = found.get("authorization", found.get("Authorization")) if found else None
            return Init(token if isinstance(token, str) else None)
        case "ping":
            return Ping(_object(payload, optional=True))
        case "pong":
            _object(payload, optional=True)
            return Pong()
        case "complete":
            return Complete(_id(raw))
        case "subscribe":
            return _subscribe(_id(raw), _object(payload))
    raise Malformed("Invalid message received")


def _subscribe(operation_id: str, payload: Mapping[str, Any] | None) -> Subscribe:
    found = payload or {}
    query, variables, operation = found.get("query"), found.get("variables"), found.get("operationName")
    _object(found.get("extensions"), optional=True)
    if not isinstance(query, str) or not isinstance(operation, str | None):
        raise Malformed("Invalid message received")
    return Subscribe(operation_id, query, _object(variables, optional=True) or {}, operation)


def _id(raw: Mapping[str, Any]) -> str:
    found = raw.get("id")
    if not isinstance(found, str) or not 0 < len(found) <= LONGEST_ID:
        raise Malformed("Invalid message received")
    return found


def _object(value: object, *, optional: bool = False) -> Mapping[str, Any] | None:
    if isinstance(value, dict) or (optional and value is None):
        return value
    raise Malformed("Invalid message received")


def _written(message: Mapping[str, Any]) -> str:
    return orjson.dumps(message).decode()


def ack() -> str:
    """Write connection_ack."""
    return _written({"type": "connection_ack"})


def ping() -> str:
    """Write ping."""
    return _written({"type": "ping"})


def pong(payload: Mapping[str, Any] | None) -> str:
    """Write pong, with what the ping brought."""
    return _written({"type": "pong"} if payload is None else {"type": "pong", "payload": payload})


def following(operation: str, payload: bytes) -> str:
    """Write next around an encoded payload. The id stands last, so that one payload serves many envelopes."""
    return (b'{"type":"next","payload":' + payload + b',"id":' + orjson.dumps(operation) + b"}").decode()


def error(operation: str, errors: list[dict[str, Any]]) -> str:
    """Write error: the operation ended before or because of these."""
    return _written({"id": operation, "type": "error", "payload": errors})


def complete(operation: str) -> str:
    """Write complete."""
    return _written({"id": operation, "type": "complete"})
