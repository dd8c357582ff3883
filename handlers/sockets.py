"""WebSocket events of API Gateway ($connect, $default, $disconnect) -> the protocol's intents, performed.

$waited is one more, which a gateway does not send: a connection has had its time to send connection_init.

Each message is an invocation of its own; what lies between two of them stands in the table `live`.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from graphql import OperationType

from casework.actions.subscriptions import Client, Wanted, subscribe
from casework.correlation import asked, correlated, current, made
from casework.live import messages, protocol
from casework.live.connection import LIFE, OPERATIONS, Began, Connection, Operation, Phase
from casework.live.messages import LONGEST_PAYLOAD, LONGEST_SENT, SUBPROTOCOL, Subscribe
from casework.model.errors import Contended, Fault, Forbidden, Invalid, Unauthenticated, Unavailable
from casework.model.parties import PUBLIC
from casework.ports import Services
from casework.views import hide, show
from handlers import entry, log
from handlers.rendering import renderer
from schema.context import Context
from schema.errors import MASKED, TopLevel
from schema.execution import Compiled, compiled, encoded, executed, operation_kind
from schema.live import aimed

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
OK: dict[str, Any] = {"statusCode": 200}


def handle(event: dict[str, Any], services: Services) -> dict[str, Any]:
    """Take one event of a WebSocket API."""
    with correlated(asked({}, event["requestContext"].get("requestId"))):
        try:
            return _taken(event, services)
        except Exception:
            log.exception("unexpected")
            raise


def _taken(event: dict[str, Any], services: Services) -> dict[str, Any]:
    about = event["requestContext"]
    match about["routeKey"]:
        case "$connect":
            return _connect(event, about["connectionId"], services)
        case "$waited":
            _waited(about["connectionId"], services)
        case "$disconnect":
            services.store.disconnect(about["connectionId"])
        case _:
            try:
                _message(event.get("body") or "", about["connectionId"], services)
            except Unavailable as fault:  # What the client is to hear, it might not: it comes again behind what it has heard.
                log.warning("connection %s: %s", about["connectionId"], fault.message)
                _let_go(about["connectionId"], services)
    return OK


def _connect(event: dict[str, Any], connection: str, services: Services) -> dict[str, Any]:
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    offered = [name.strip() for name in headers.get("sec-websocket-protocol", "").split(",")]
    if SUBPROTOCOL not in offered:
        return {"statusCode": 400, "body": f"offer the subprotocol {SUBPROTOCOL}"}
    origin = headers.get("origin")
    if origin and not (origin in services.origins or urlsplit(origin).hostname in LOOPBACK):
        return {"statusCode": 403, "body": "pages of that origin may not connect"}
    services.store.connect(Connection(connection, services.now() + LIFE))
    return {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": SUBPROTOCOL}}


def _waited(connection_id: str, services: Services) -> None:
    connection = services.store.connection(connection_id, services.now())
    if connection and (close := protocol.waited(connection.phase)):
        services.courier.close_all([connection_id], close.code, close.reason)


def _let_go(connection_id: str, services: Services) -> None:
    services.courier.close_all([connection_id], protocol.TRY_LATER.code, protocol.TRY_LATER.reason)
    with suppress(Unavailable):
        services.store.disconnect(connection_id)


def _message(text: str, connection_id: str, services: Services) -> None:
    connection = services.store.connection(connection_id, services.now())
    if connection is None:
        services.courier.close_all([connection_id], protocol.EXPIRED.code, protocol.EXPIRED.reason)
        return
    for intent in protocol.received(connection.phase, text):
        match intent:
            case protocol.Send(text=answer):
                services.courier.post(connection_id, answer)
            case protocol.Close(code=code, reason=reason):
                services.courier.close_all([connection_id], code, reason)
            case protocol.Acknowledge(authorization=authorization):
                _acknowledge(connection, authorization, services)
            case protocol.End(operation=operation):
                services.store.end(connection_id, operation, services.now())
            case protocol.Start(message=message):
                began = time.perf_counter()
                if came := _start(connection, message, services):
                    took = round((time.perf_counter() - began) * 1000)
                    log.info("operation", extra={"connection": connection_id, "outcome": came, "ms": took})


def _acknowledge(connection: Connection, authorization: str | None, services: Services) -> None:
    """Keep who it is. A bad token is acknowledged too: its operations are refused one by one, which starts no reconnecting storm."""
    found = replace(connection, phase=Phase.ACKNOWLEDGED, viewer=hide(services, PUBLIC))
    if authorization is not None:
        try:
            viewer, until = services.tokens.read(bearer(authorization), services.now())
            found = replace(found, viewer=hide(services, viewer), viewer_until=until)
        except Unauthenticated as fault:
            found = replace(found, viewer=None, refusal=fault.message)
    if services.store.acknowledge(found):
        services.courier.post(connection.id, messages.ack())
    else:
        services.courier.close_all([connection.id], protocol.AGAIN.code, protocol.AGAIN.reason)


def bearer(authorization: str) -> str:
    """Give the token of an authorization value.

    Raises:
        Unauthenticated: it is no bearer token.
    """
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("authorization is `Bearer <token>`")
    return token.strip()


def _start(connection: Connection, message: Subscribe, services: Services) -> str | None:
    """Have an operation done; gives what came of it, None where it was not begun."""
    until = min(connection.expires_at, connection.viewer_until or connection.expires_at)
    began = services.store.begin(Operation(connection.id, message.id, connection.expires_at), OPERATIONS, services.now())
    if close := protocol.began(began, message):
        services.courier.close_all([connection.id], close.code, close.reason)
    if began is not Began.BEGUN:
        return None
    correlation = current() or made()
    expired = connection.viewer_until is not None and connection.viewer_until <= services.now()
    if connection.viewer is None or expired:
        why = "the token has expired: connect with a new one" if expired else connection.refusal or "bad token"
        return _fail(services, connection.id, message.id, [_error(TopLevel.UNAUTHENTICATED, why, correlation)])
    if operation_kind(message.query, message.operation) in {OperationType.QUERY, OperationType.MUTATION}:
        context = Context(services, show(services, connection.viewer), correlation)
        result = executed(message.query, message.variables, message.operation, context)
        if result.data is None and result.errors:
            return _fail(services, connection.id, message.id, [dict(error.formatted) for error in result.errors])
        answer = encoded(result, correlation)
        if len(answer) > LONGEST_PAYLOAD:
            why = f"the answer is longer than the {LONGEST_SENT // 1024} KB that a message carries: select less, or ask over HTTP"
            return _fail(services, connection.id, message.id, [_error(TopLevel.BAD_USER_INPUT, why, correlation)])
        services.courier.post(connection.id, messages.following(message.id, answer))
        if services.store.end(connection.id, message.id, services.now()):
            services.courier.post(connection.id, messages.complete(message.id))
        return "answered"
    return _subscribe(connection, message, until, correlation, services)


def _subscribe(connection: Connection, message: Subscribe, until: datetime, correlation: str, services: Services) -> str:
    found = compiled(message.query, message.variables, message.operation, correlation)
    if not isinstance(found, Compiled):
        return _fail(services, connection.id, message.id, found)
    assert connection.viewer is not None
    viewer = show(services, connection.viewer)
    client = Client(connection.id, message.id, viewer, until)
    context = Context(services, viewer, correlation)
    try:
        wanted = Wanted(*aimed(context, found.field, found.arguments), found.arguments, found.document, found.variables, found.operation)
        subscribe(services, client, wanted, renderer(services), _pusher(services, connection.id, message.id))
    except Fault as fault:
        return _fail(services, connection.id, message.id, [_told(fault, correlation)])
    return "subscribed"


def _pusher(services: Services, connection: str, operation: str) -> Callable[[bytes], bool]:
    def push(payload: bytes) -> bool:
        if services.courier.post(connection, messages.following(operation, payload)):
            return True
        services.store.disconnect(connection)
        return False

    return push


def _fail(services: Services, connection: str, operation: str, errors: list[dict[str, Any]]) -> str:
    services.courier.post(connection, messages.error(operation, errors))
    services.store.end(connection, operation, services.now())
    return "refused"


def _told(fault: Fault, correlation: str) -> dict[str, Any]:
    """Tell a fault; one of our own is logged, and shows its correlation id alone."""
    code = _code(fault)
    if code is not TopLevel.INTERNAL or isinstance(fault, Contended | Unavailable):
        return _error(code, fault.message, correlation)
    log.error("%s %s", correlation, fault.message)
    return _error(code, MASKED, correlation)


def _error(code: TopLevel, message: str, correlation: str) -> dict[str, Any]:
    return {"message": message, "extensions": {"code": code.value, "correlationId": correlation}}


def _code(fault: Fault) -> TopLevel:
    if isinstance(fault, Invalid):
        return TopLevel.BAD_USER_INPUT
    return TopLevel.FORBIDDEN if isinstance(fault, Forbidden) else TopLevel.INTERNAL


handler = entry(handle)
