"""From a mutation's answer to its push, while 1,000 connections are idle; and what that service takes of memory.

One dossier is assigned again and again over HTTP, one npm graphql-ws client follows it. The time is that from the arrival of the answer to
the arrival of the event, both by this machine's clock; it is below 0 where the event was faster. Memory is the resident set of the
service's process before any request and after them; the engine's is told beside it.
"""

import json
import statistics
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.report import Result
from benchmarks.setting import SUBMITTED
from benchmarks.sockets import crowd
from benchmarks.watch import served, stopped, watcher
from casework.model.parties import Role
from local.home import Home
from local.tokens import issued

MOVES = 200
PAUSE_S = 0.1
IDLE = 1_000  # connections beside the one that watches
MEDIAN_GOAL, P99_GOAL = 150.0, 500.0
SETTLE_S = 2


def measured() -> list[Result]:
    """Measure both."""
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as service, ExitStack() as stack:
        home = Home(Path(folder))
        engine = json.loads((Path(folder) / "store" / "engine.lock").read_text())["engine"]
        idle, beside = resident_mb(service.process.pid), resident_mb(engine)
        tokens = {role: issued(home, role) for role in (Role.CITIZEN, Role.RECEPTION, Role.HEAD, Role.INSPECTOR)}
        url = service.url
        code = made(url, tokens[Role.CITIZEN], "submitDossier", SUBMITTED)["dossier"]["code"]
        made(url, tokens[Role.RECEPTION], "receiveDossier", {"dossier": code, "checked": ["FORM", "DEED"]})
        stack.enter_context(crowd(service.socket, [{"count": IDLE, "token": tokens[Role.INSPECTOR]}]))
        following = watcher(service.socket, tokens[Role.INSPECTOR], code)
        time.sleep(SETTLE_S)
        answered = {}
        for number in range(MOVES):
            due = (datetime.now(UTC) + timedelta(days=2)).isoformat()
            given = {
                "dossier": code, "role": "LEAD", "unit": "22-XD", "officer": ("officer-1", "22-XD-1")[number % 2],
                "task": "t", "responsibility": "r", "expectedResult": "e", "dueAt": due,
            }  # fmt: skip
            entry = made(url, tokens[Role.HEAD], "assignDossier", given)["entry"]
            answered[entry["seq"]] = datetime.now(UTC)
            time.sleep(PAUSE_S)
        time.sleep(SETTLE_S)
        seen = {event["entry"]["seq"]: datetime.fromisoformat(event["seenAt"]) for event in stopped(following)}
        used = resident_mb(service.process.pid)
    delays = sorted((seen[seq] - at).total_seconds() * 1000 for seq, at in answered.items() if seq in seen)
    if len(delays) < MOVES:
        raise RuntimeError(f"{MOVES - len(delays)} events were not seen")
    median, p99 = statistics.median(delays), delays[int(len(delays) * 0.99)]
    return [
        Result("answer to push, median", median, "ms", goal=f"<= {MEDIAN_GOAL:.0f}", met=median <= MEDIAN_GOAL),
        Result("answer to push, p99", p99, "ms", goal=f"<= {P99_GOAL:.0f}", met=p99 <= P99_GOAL),
        Result("answer to push, worst", delays[-1], "ms"),
        Result("memory of the idle service", idle, "MB", "the engine beside it", beside),
        Result("memory of the service after the moves", used, "MB"),
    ]


def made(url: str, token: str, name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Make one mutation over HTTP; gives its payload."""
    document = f"""mutation Move($input: {name[0].upper()}{name[1:]}Input!) {{
        {name}(input: $input) {{ dossier {{ code }} entry {{ id seq recordedAt }} errors {{ code message(lang: EN) }} }} }}"""
    body = {"query": document, "variables": {"input": {"idempotencyKey": f"{name}-{time.monotonic_ns()}", **given}}}
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310 - on loopback
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - on loopback
        payload: dict[str, Any] = json.load(answer)["data"][name]
    assert payload["errors"] == [], payload
    return payload


def resident_mb(pid: int) -> float:
    """Read a process's resident set (Linux)."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) / 1024
