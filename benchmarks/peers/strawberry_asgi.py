"""Strawberry's own subscriptions over ASGI, with data at hand: `python -m benchmarks.peers.strawberry_asgi PORT`.

It prints "ready", and for each line of its standard input pushes one event to all and prints when, in nanoseconds.
"""

import asyncio
import sys
import threading
import time
from collections.abc import AsyncGenerator

import strawberry
import uvicorn
from strawberry.asgi import GraphQL


@strawberry.type
class Clock:
    due_at: str = "2026-12-01T10:00:00Z"
    paused: bool = False


@strawberry.type
class Dossier:
    code: str = "22-XD-261128-0001"
    state: str = "IN_PROCESS"

    @strawberry.field
    def clock(self) -> Clock:
        return Clock()


@strawberry.type
class Entry:
    seq: int
    action: str = "ASSIGNED"


@strawberry.type
class Event:
    id: strawberry.ID
    cursor: str
    ready: bool
    gap: bool = False
    at: str = "2026-11-28T10:00:00Z"
    version: int | None = None
    entry: Entry | None = None
    dossier: Dossier | None = None


waiting: set["asyncio.Queue[Event]"] = set()


@strawberry.type
class Query:
    ok: bool = True


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def dossier_changed(self, code: strawberry.ID, after: str | None = None) -> AsyncGenerator[Event, None]:
        del code, after
        queue: asyncio.Queue[Event] = asyncio.Queue()
        waiting.add(queue)
        try:
            yield Event(id=strawberry.ID("ready"), cursor="0", ready=True)
            while True:
                yield await queue.get()
        finally:
            waiting.discard(queue)


def pushed(loop: asyncio.AbstractEventLoop) -> None:
    """Push an event for each line."""
    for number, _ in enumerate(sys.stdin, 1):
        event = Event(
            id=strawberry.ID(f"x/{number}"), cursor=str(number), ready=False, version=number, entry=Entry(seq=number), dossier=Dossier()
        )

        def push(event: Event = event) -> None:
            print(time.time_ns(), flush=True)
            for queue in waiting:
                queue.put_nowait(event)

        loop.call_soon_threadsafe(push)


async def main(port: int) -> None:
    """Serve until it is ended."""
    app = GraphQL(strawberry.Schema(Query, subscription=Subscription), subscription_protocols=["graphql-transport-ws"])
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical", ws="websockets-sansio", ws_ping_interval=None))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - it sets no event
        await asyncio.sleep(0.01)
    print("ready", flush=True)
    threading.Thread(target=pushed, args=(asyncio.get_running_loop(),), daemon=True).start()
    await serving


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
