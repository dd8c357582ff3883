"""One event to 1,000 subscribers of one cohort, beside Strawberry's ASGI subscriptions and npm graphql-ws; and 1,000 cohorts.

The time is that from the stream's record in the handler's hands to the last arrival in a process of clients; for the peers, whose event
lies in their memory, from the push. Ours reads the engine for its subscriptions and its dossier, decides for each, executes once, and
posts. For 1,000 cohorts of a subscriber each the processor's time of a cohort is told.
"""

import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from typing import Any
from unittest.mock import patch

import uvicorn

from benchmarks.report import ROOT, Result
from benchmarks.setting import HEAD, Nowhere, engine_on_disk, moved, services_on, streamed, walked
from benchmarks.sockets import arrived, crowd
from casework.actions.subscriptions import Client, Wanted, subscribe
from casework.live.connection import Connection, Operation, Phase
from casework.live.topics import Kind
from casework.model.parties import Role, Viewer
from casework.ports import Services
from handlers import stream
from handlers.rendering import renderer
from local.courier import LocalCourier
from local.engine import free_port
from local.server import application
from schema.execution import Compiled, compiled, rendered

WATCHERS, ROUNDS, WARM = 1_000, 9, 3
COHORTS = 1_000
STRAWBERRY_GOAL, NPM_GOAL = 0.5, 1.5
READY_S = 60
INSPECTOR = "INSPECTOR:inspector-1:"
QUERY = """subscription($code: ID!, $after: String) { dossierChanged(code: $code, after: $after) {
    id cursor ready gap at version entry { seq action } dossier { code state clock { dueAt paused } } } }"""
FLAGS = tuple(f"f{number}" for number in range(10))
FLAGGED = f"""subscription($code: ID!, {", ".join(f"${flag}: Boolean!" for flag in FLAGS)}) {{ dossierChanged(code: $code) {{
    id cursor ready version dossier {{ code state {" ".join(f"{flag}: state @include(if: ${flag})" for flag in FLAGS)}
        clock {{ dueAt }} }} }} }}"""


def measured() -> list[Result]:
    """Measure all."""
    with engine_on_disk() as engine:
        services = services_on(engine, "fan")
        ours, executions = _ours(services)
        cohort_us = _cohorts(services)
    strawberry = _peer([sys.executable, "-m", "benchmarks.peers.strawberry_asgi"])
    npm = _peer(["node", "benchmarks/peers/npm.mjs"])
    return [
        Result(f"executions for {WATCHERS} of one cohort", executions, "", goal="= 1", met=executions == 1),
        Result("record to last of 1,000, median", ours, "ms", "strawberry", strawberry, ours / strawberry, f"<= {STRAWBERRY_GOAL}",
               ours / strawberry <= STRAWBERRY_GOAL),
        Result("the same", ours, "ms", "npm graphql-ws", npm, ours / npm, f"<= {NPM_GOAL}", ours / npm <= NPM_GOAL),
        Result("CPU of a cohort, of 1,000", cohort_us, "us"),
    ]  # fmt: skip


def _ours(services: Services) -> tuple[float, float]:
    """Give the median in milliseconds, and the executions of an event."""
    courier, port = LocalCourier(), free_port()
    services = replace(services, courier=courier)
    code = walked(services, 2)
    executions: list[str] = []

    def counted(*given: Any) -> bytes:  # noqa: ANN401 - as the schema takes it
        executions.append("")
        return rendered(*given)

    with patch("handlers.rendering.rendered", counted), _served(services, courier, port):
        group = {"count": WATCHERS, "token": INSPECTOR, "query": QUERY, "variables": {"code": code}}
        with crowd(f"ws://127.0.0.1:{port}/graphql", [group]) as clients:
            times = []
            for _ in range(WARM + ROUNDS):
                record = _moved(services, code)
                executions.clear()
                began = time.time_ns()
                stream.handle({"Records": [record]}, services)
                times.append((max(at for _, _, at in arrived(clients, WATCHERS)) - began) / 1e6)
            return statistics.median(times[WARM:]), float(len(executions))


@contextmanager
def _served(services: Services, courier: LocalCourier, port: int) -> Iterator[None]:
    config = uvicorn.Config(application(services, courier), port=port, log_level="critical", ws="websockets-sansio", ws_ping_interval=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        thread.join(READY_S)


def _moved(services: Services, code: str) -> dict[str, Any]:
    """Let one more entry be written; gives its record of the stream."""
    seq = moved(services, HEAD, "raiseBlocker", {"dossier": code, "reason": "r", "stopsClock": False})["entry"]["seq"]
    subject = services.store.coded(code)
    assert subject
    return streamed(services, subject, seq)


def _cohorts(services: Services) -> float:
    """Give the processor's time of one cohort of many, in microseconds."""
    services = replace(services, courier=Nowhere())
    code, render = walked(services, 2), renderer(services)
    subject = services.store.coded(code)
    assert subject
    until = services.now().replace(year=services.now().year + 1)
    for number, flags in zip(range(COHORTS), product((False, True), repeat=len(FLAGS)), strict=False):
        variables = {"code": code, **dict(zip(FLAGS, flags, strict=True))}
        found = compiled(FLAGGED, variables, None, "bench")
        assert isinstance(found, Compiled), found
        client = Client(f"nobody-{number}", "1", Viewer(Role.INSPECTOR, "inspector-1"), until)
        wanted = Wanted(Kind.DOSSIER, subject, found.arguments, found.document, found.variables, found.operation)
        _subscribed(services, client, wanted, render)
    for _ in range(2):
        record = _moved(services, code)
        began = time.process_time()
        stream.handle({"Records": [record]}, services)
        spent = time.process_time() - began
    return spent / COHORTS * 1e6


def _subscribed(services: Services, client: Client, wanted: Wanted, render: Any) -> None:  # noqa: ANN401 - as the handler gives it
    services.store.connect(Connection(client.connection, client.until))
    services.store.acknowledge(Connection(client.connection, client.until, Phase.ACKNOWLEDGED))
    services.store.begin(Operation(client.connection, client.operation, client.until), 9, services.now())
    subscribe(services, client, wanted, render, lambda _: True)


def _peer(command: list[str]) -> float:
    """Give a peer's median in milliseconds."""
    port = free_port()
    with subprocess.Popen(
        [*command, str(port)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    ) as peer:
        try:
            assert peer.stdin
            assert peer.stdout
            assert peer.stdout.readline() == "ready\n"
            group = {"count": WATCHERS, "query": QUERY, "variables": {"code": "x"}}
            with crowd(f"ws://127.0.0.1:{port}/graphql", [group]) as clients:
                times = []
                for _ in range(WARM + ROUNDS):
                    peer.stdin.write("\n")
                    peer.stdin.flush()
                    began = int(peer.stdout.readline())
                    times.append((max(at for _, _, at in arrived(clients, WATCHERS)) - began) / 1e6)
                    time.sleep(0.2)
            return statistics.median(times[WARM:])
        finally:
            peer.kill()
