"""From entry to watcher: the service runs, a log is replayed into it at its own pace, npm graphql-ws clients follow dossiers of it.

The time of an event is that from the entry's `recordedAt` to its arrival in the client, both by this machine's clock. Entries that were
there before a client had subscribed are left out.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.report import ROOT, Result
from benchmarks.setting import log_of
from casework.actions.imports import Case, Log, by_time, moves, remembered
from casework.model.parties import Role
from casework.model.record import DossierId
from casework.ports import Services
from local.engine import free_port
from local.home import Home
from local.replay import replay, total
from local.tokens import issued

CASES = 60
WATCHED = 8
MOVES_PER_S = 15.0
READY_S = 60
SETTLE_S = 3
WATCH = ROOT / "tests" / "e2e" / "watch.mjs"


def measured() -> list[Result]:
    """Measure the way of an event."""
    log = log_of(CASES)
    instants = [step.at.timestamp() for _, step in by_time(log)]
    speed = max((max(instants) - min(instants)) / (total(log) / MOVES_PER_S), 1.0)
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as service:
        home = Home(Path(folder))
        token = issued(home, Role.INSPECTOR)
        with home.opened() as opened:
            running = threading.Thread(target=replay, args=(opened.services, log, speed, lambda _: None))
            running.start()
            watchers = [watcher(service.socket, token, _code(opened.services, log, case)) for case in _longest(log)]
            running.join()
        time.sleep(SETTLE_S)
        delays = sorted(delay for one in watchers for delay in _delays(one))
    if not delays:
        raise RuntimeError("no watcher saw an event: nothing was measured")
    return [
        Result("entry to watcher, median", statistics.median(delays), "ms"),
        Result("entry to watcher, p99", delays[int(len(delays) * 0.99)], "ms"),
        Result("entry to watcher, worst", delays[-1], "ms"),
        Result("entry to watcher, events measured", float(len(delays)), "events"),
    ]


@dataclass(frozen=True, slots=True)
class Served:
    """A service that runs in a process of its own."""

    process: "subprocess.Popen[str]"
    port: int

    @property
    def url(self) -> str:
        """Where it answers HTTP."""
        return f"http://127.0.0.1:{self.port}/graphql"

    @property
    def socket(self) -> str:
        """Where it answers WebSockets."""
        return f"ws://127.0.0.1:{self.port}/graphql"


@contextmanager
def served(data: Path) -> Iterator[Served]:
    """Run the service over a folder, without demonstration data."""
    port = free_port()
    command = [sys.executable, "-m", "local.commands", "serve", "--data", str(data), "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "DEMO": "0"}) as process:
        try:
            deadline = time.monotonic() + READY_S
            assert process.stdout is not None
            while process.stdout.readline().strip() != "Ready.":
                if time.monotonic() > deadline or process.poll() is not None:
                    raise RuntimeError("the service did not start")
            yield Served(process, port)
        finally:
            process.terminate()


def _longest(log: Log) -> list[Case]:
    """Choose the cases with the most moves, those that begin first in front."""
    chosen = sorted(log.cases, key=lambda case: -len(moves(log, case)))[:WATCHED]
    return sorted(chosen, key=lambda case: moves(log, case)[0].at)


def _code(services: Services, log: Log, case: Case) -> str:
    """Wait until the replay has opened the case's dossier, and give its code."""
    first = moves(log, case)[:1]
    while not (found := remembered(services, log, first)):
        time.sleep(0.02)
    held = services.store.held(DossierId(found[first[0].id].subject))
    assert held is not None
    return held.dossier.code


def watcher(url: str, token: str, code: str) -> "subprocess.Popen[str]":
    """Follow a dossier with npm graphql-ws."""
    command = ["node", str(WATCH), url, code, "--token", token]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def stopped(following: "subprocess.Popen[str]") -> Iterator[dict[str, Any]]:
    """End a watcher; gives each event that came after READY."""
    following.terminate()
    out, _ = following.communicate(timeout=10)
    for line in out.splitlines():
        event = json.loads(line)
        if event.get("ready") is False:
            yield event


def _delays(following: "subprocess.Popen[str]") -> Iterator[float]:
    for event in stopped(following):
        recorded, seen = (datetime.fromisoformat(text) for text in (event["entry"]["recordedAt"], event["seenAt"]))
        yield (seen - recorded).total_seconds() * 1000
