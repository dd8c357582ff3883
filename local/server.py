"""Real HTTP and WebSocket traffic as API Gateway events for the very handlers that run in the cloud. It decides nothing itself."""

import asyncio
import contextlib
import logging
import secrets
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from anyio import to_thread
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from casework.adapters.depot import FolderDepot
from casework.correlation import HEADER, TRACE
from casework.live.connection import INIT
from casework.ports import Services
from handlers import api, health, sockets
from handlers.api import LONGEST_BYTES
from local import pages
from local.courier import Closing, Line, LocalCourier

THREADS = 8  # calls at once: more only wait for the engine, which writes one transaction at a time
LOOPBACK_ORIGIN = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"  # as handlers.sockets has it
INBOUND = 64  # messages of one connection that may wait; then its socket is read no further


def application(
    services: Services,
    courier: LocalCourier,
    lifespan: Callable[[], AsyncIterator[None]] | None = None,
    lag: health.Lag | None = None,
    merge_delay: health.Lag | None = None,
) -> Starlette:
    """Build the application; `lifespan` runs beside it, and `lag` tells how far the stream's pump is behind, `merge_delay` the log."""
    limiter: list[Any] = []

    async def call(handle: Callable[[dict[str, Any], Services], dict[str, Any]], event: dict[str, Any]) -> dict[str, Any]:
        if not limiter:
            limiter.append(_limiter())
        return await to_thread.run_sync(handle, event, services, limiter=limiter[0])

    async def graphql(request: Request) -> Response:
        body = await _body(request)
        return _response(await call(api.handle, _http_event(request, body)))

    async def healthy(request: Request) -> Response:
        # Not by `call`: it would wait behind all who wait for an engine that hangs.
        return _response(await to_thread.run_sync(health.handle, _http_event(request, b""), services, lag, merge_delay))

    async def export(request: Request) -> Response:
        query, depot = request.query_params, services.depot
        asked = (request.path_params["path"], query.get("until", ""), query.get("signature", ""))
        found = await to_thread.run_sync(depot.opened, *asked, services.now()) if isinstance(depot, FolderDepot) else None
        if found is None:
            return Response("no such export, or its address has expired: ask for `export { url }` again\n", 404, media_type="text/plain")
        return FileResponse(found, media_type="application/zip", filename=found.name)

    async def socket(websocket: WebSocket) -> None:
        await _served(websocket, courier, call)

    @contextlib.asynccontextmanager
    async def beside(_: Starlette) -> AsyncIterator[None]:
        if lifespan is None:
            yield
            return
        async with contextlib.asynccontextmanager(lifespan)():
            yield

    routes = [
        Route("/graphql", graphql, methods=["GET", "POST"]),
        WebSocketRoute("/graphql", socket),
        Route("/health", healthy),
        Route("/exports/{path:path}", export),
        *pages.routes(),
    ]
    # Pages of the origins that may open sockets may ask over HTTP too; in the cloud the HTTP API answers for it.
    cross = Middleware(
        CORSMiddleware,
        allow_origins=sorted(services.origins),
        allow_origin_regex=LOOPBACK_ORIGIN,
        allow_methods=["GET", "POST"],
        allow_headers=["authorization", "content-type", TRACE, HEADER],
        expose_headers=[HEADER],
        max_age=600,
    )
    return Starlette(routes=routes, lifespan=beside, middleware=[cross])


def _limiter() -> Any:  # noqa: ANN401 - anyio's own type
    from anyio import CapacityLimiter  # noqa: PLC0415 - it must be made inside of a running loop

    return CapacityLimiter(THREADS)


async def _body(request: Request) -> bytes:
    """Read a body, no further than one byte past what the handler takes."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_BYTES:
            break
    return body[: LONGEST_BYTES + 1]


def _http_event(request: Request, body: bytes) -> dict[str, Any]:
    """Lay out a request as an HTTP API of API Gateway does (payload format 2.0)."""
    try:
        text, coded = body.decode(), False
    except UnicodeDecodeError:
        text, coded = b64encode(body).decode(), True
    return {
        "version": "2.0",
        "rawPath": request.url.path,
        "rawQueryString": request.url.query,
        "headers": dict(request.headers),
        "requestContext": {"http": {"method": request.method}, "requestId": secrets.token_hex(8)},
        "body": text,
        "isBase64Encoded": coded,
    }


def _response(answer: dict[str, Any]) -> Response:
    headers = {name: value for name, value in answer["headers"].items() if name != "content-type"}
    return Response(answer["body"], answer["statusCode"], headers, media_type=answer["headers"]["content-type"])


log = logging.getLogger("giamsat")

Inbound = asyncio.Queue[tuple[str, str]]  # route and body
Call = Callable[[Callable[..., dict[str, Any]], dict[str, Any]], Awaitable[dict[str, Any]]]


async def _served(websocket: WebSocket, courier: LocalCourier, call: Call) -> None:
    """Serve one connection: its messages in order, its answers in order, its end told once."""
    connection = secrets.token_urlsafe(9)
    event = {
        "requestContext": {"routeKey": "$connect", "connectionId": connection},
        "headers": dict(websocket.headers),
    }
    answer = await call(sockets.handle, event)
    if answer["statusCode"] != 200:  # noqa: PLR2004 - API Gateway's own rule
        denial = Response(answer.get("body", ""), answer["statusCode"])
        await websocket.send_denial_response(denial)
        return
    line = courier.opened(connection)
    await websocket.accept(answer["headers"]["Sec-WebSocket-Protocol"])
    inbound: Inbound = asyncio.Queue(INBOUND)
    tasks = [
        asyncio.create_task(_read(websocket, inbound, line)),
        asyncio.create_task(_worked(connection, inbound, call)),
        asyncio.create_task(_sent(websocket, line)),
        asyncio.create_task(_waited(inbound)),
    ]
    try:
        ended, _ = await asyncio.wait(tasks[:2], return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            if fault := task.exception():
                log.error("a message of %s could not be handled", connection, exc_info=fault)
                line.put(Closing(1011, "Internal error"))
                await asyncio.wait(tasks[2:3], timeout=2)
    finally:
        courier.gone(connection)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # Where the service stops with more of them than it has time for, the heartbeat forgets the rest after its next start.
        with contextlib.suppress(asyncio.CancelledError):
            await call(sockets.handle, {"requestContext": {"routeKey": "$disconnect", "connectionId": connection}})


async def _read(websocket: WebSocket, inbound: Inbound, line: Line) -> None:
    while True:
        with contextlib.suppress(KeyError):  # a binary frame holds no text
            try:
                await inbound.put(("$default", await websocket.receive_text()))
            except WebSocketDisconnect:
                return
            continue
        line.put(Closing(4400, "Invalid message received"))


async def _worked(connection: str, inbound: Inbound, call: Call) -> None:
    while True:
        route, body = await inbound.get()
        await call(sockets.handle, {"requestContext": {"routeKey": route, "connectionId": connection}, "body": body})


async def _waited(inbound: Inbound) -> None:
    """Tell that the time to send connection_init is over, behind whatever came in it and still waits for its turn."""
    await asyncio.sleep(INIT.total_seconds())
    await inbound.put(("$waited", ""))


async def _sent(websocket: WebSocket, line: Line) -> None:
    while websocket.application_state is WebSocketState.CONNECTED:
        item = await line.queue.get()
        if isinstance(item, Closing):
            await websocket.close(item.code, item.reason)
            return
        await websocket.send_text(item)
