"""Many graphql-transport-ws clients in one process of their own, for benchmarks: they say when each event arrived.

As a program: `python -m benchmarks.sockets`. It reads one line of JSON, {"url", "groups": [{"count", "token", "query", "variables"}]},
opens and subscribes them all, writes "ready", and then for each event one line "<connection> <id> <nanoseconds>", the time by the
machine's own clock. A group without a query stays connected and silent. It ends with its standard input.
"""

import asyncio
import json
import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from benchmarks.report import ROOT

OPENING = 64  # at once
PATIENCE_S = 60
ID = re.compile(r'"id":"([^"]*)"')
PROTOCOL = Subprotocol("graphql-transport-ws")


Lines = queue.Queue[str]  # what they say; it is read as they say it, since they could not go on behind a pipe that is full


@contextmanager
def crowd(url: str, groups: Sequence[dict[str, Any]]) -> Iterator[Lines]:
    """Run such clients; they are all there when the block begins."""
    command = [sys.executable, "-m", "benchmarks.sockets"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdin
            assert process.stdout
            process.stdin.write(json.dumps({"url": url, "groups": list(groups)}) + "\n")
            process.stdin.flush()
            if process.stdout.readline() != "ready\n":
                raise RuntimeError("the clients did not get ready")
            lines: Lines = queue.Queue()
            threading.Thread(target=_read, args=[process.stdout, lines], daemon=True).start()
            yield lines
        finally:
            process.kill()


def _read(said: Iterable[str], lines: Lines) -> None:
    for line in said:
        lines.put(line)


def arrived(lines: Lines, count: int) -> list[tuple[str, str, int]]:
    """Take that many events: connection, id, nanoseconds.

    Raises:
        queue.Empty: they do not come.
    """
    found = []
    for _ in range(count):
        connection, event, at = lines.get(timeout=PATIENCE_S).split()
        found.append((connection, event, int(at)))
    return found


async def _client(name: str, url: str, group: dict[str, Any], gate: asyncio.Semaphore, told: list[str]) -> ClientConnection:
    async with gate:
        socket = await connect(url, subprotocols=[PROTOCOL], compression=None, ping_interval=None, open_timeout=120)
        payload = {"authorization": f"Bearer {group['token']}"} if group.get("token") else {}
        await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
        await socket.recv()
        if group.get("query"):
            asked = {"query": group["query"], "variables": group.get("variables", {})}
            await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": asked}))
            first = str(await socket.recv())
            assert '"ready":true' in first.replace(" ", ""), first
    asyncio.get_running_loop().create_task(_listened(name, socket, told))
    return socket


async def _listened(name: str, socket: ClientConnection, told: list[str]) -> None:
    async for message in socket:
        at = time.time_ns()
        if isinstance(message, str) and '"type":"next"' in message.replace(" ", ""):
            found = ID.search(message)
            told.append(f"{name} {found.group(1) if found else '-'} {at}\n")


async def _main() -> None:
    asked = json.loads(sys.stdin.readline())
    gate, told = asyncio.Semaphore(OPENING), list[str]()
    clients = [(f"{place}-{number}", group) for place, group in enumerate(asked["groups"]) for number in range(group["count"])]
    sockets = await asyncio.gather(*(_client(name, asked["url"], group, gate, told) for name, group in clients))
    assert len(sockets) == len(clients)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    reader = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    while not reader.done():
        await asyncio.sleep(0.05)
        if told:
            lines, told[:] = "".join(told), []
            sys.stdout.write(lines)
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_main())
