"""10,000 connections, of which 1,000 watch 100 dossiers, ten each, at 20 events a second for a minute; the service runs by itself.

The time is that from an entry's `recordedAt` to its arrival in the clients' process, both by this machine's clock. Every watcher is to have
every event of its dossier. Memory is what the service's process has grown by, for each connection.
"""

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.push import made, resident_mb
from benchmarks.report import Result
from benchmarks.setting import SUBMITTED
from benchmarks.sockets import arrived, crowd
from benchmarks.watch import served
from casework.model.parties import Role
from local.home import Home
from local.tokens import issued
from schema.node import read_id

CONNECTED, DOSSIERS, EACH = 10_000, 100, 10
PER_S, SECONDS = 20, 60
MOVERS = 4
QUERY = "subscription($code: ID!) { dossierChanged(code: $code) { id cursor ready dossier { code state clock { dueAt } } } }"


def measured() -> list[Result]:
    """Measure it."""
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as service:
        home, url = Home(Path(folder)), service.url
        tokens = {role: issued(home, role) for role in (Role.CITIZEN, Role.RECEPTION, Role.SUPERVISOR, Role.INSPECTOR)}
        codes = [_opened(url, tokens) for _ in range(DOSSIERS)]
        before = resident_mb(service.process.pid)
        groups: list[dict[str, Any]] = [
            {"count": EACH, "token": tokens[Role.INSPECTOR], "query": QUERY, "variables": {"code": code}} for code in codes
        ]
        groups.append({"count": CONNECTED - DOSSIERS * EACH, "token": tokens[Role.INSPECTOR]})
        print(f"  {CONNECTED} are connecting", flush=True)
        with crowd(service.socket, groups) as clients:
            grown = resident_mb(service.process.pid) - before
            recorded = _paced(url, tokens[Role.SUPERVISOR], codes)
            seen = arrived(clients, len(recorded) * EACH)
    delays = sorted(at / 1e6 - recorded[event] * 1000 for _, event, at in seen)
    assert len({(connection, event) for connection, event, _ in seen}) == len(recorded) * EACH, "each watcher has each event once"
    return [
        Result("10,000 connected: entry to watcher, median", delays[len(delays) // 2], "ms"),
        Result("10,000 connected: entry to watcher, p99", delays[int(len(delays) * 0.99)], "ms"),
        Result("10,000 connected: entry to watcher, worst", delays[-1], "ms"),
        Result("10,000 connected: events lost", 0.0, "events", goal="= 0", met=True),
        Result("memory of a connection", grown * 1024 / CONNECTED, "KB"),
    ]


def _opened(url: str, tokens: dict[Role, str]) -> str:
    code: str = made(url, tokens[Role.CITIZEN], "submitDossier", SUBMITTED)["dossier"]["code"]
    made(url, tokens[Role.RECEPTION], "receiveDossier", {"dossier": code, "checked": ["FORM", "DEED"]})
    return code


def _paced(url: str, token: str, codes: list[str]) -> dict[str, float]:
    """Make moves at the pace; gives each event's id with when it was recorded, in seconds."""
    began = time.monotonic()

    def one(number: int) -> tuple[str, float]:
        time.sleep(max(0.0, began + number / PER_S - time.monotonic()))
        given = {"dossier": codes[number % len(codes)], "reason": "r", "stopsClock": False}
        entry = made(url, token, "raiseBlocker", given)["entry"]
        return (read_id(entry["id"]) or ("", ""))[1], datetime.fromisoformat(entry["recordedAt"]).timestamp()

    with ThreadPoolExecutor(MOVERS) as pool:
        return dict(pool.map(one, range(PER_S * SECONDS)))
