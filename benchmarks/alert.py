"""From the due moment to `alertRaised` at a subscriber, at twenty deadlines a second, on a service in a process of its own.

The deadlines are those of coordinating units, each with a date of its own to the twentieth of a second. The due moment is the first
second after that date, at which it is OVERDUE; the time is that from there to the arrival in an npm graphql-ws client, both by this
machine's clock.
"""

import json
import statistics
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.push import made as asked
from benchmarks.report import ROOT, Result
from benchmarks.setting import SUBMITTED
from benchmarks.watch import served
from casework.model.parties import Role
from local.home import Home
from local.tokens import issued

DOSSIERS, EACH = 40, 12  # dossiers, and coordinating units of each
PER_S = 20
SETUP = timedelta(seconds=75)
SETTLE_S = 5
UNITS = ("06652", "06658", "06661", "06673", "06676", "06685", "06688", "06706", "06709", "06712", "06724", "06733")
GOAL_S = 2.0
SECOND = timedelta(seconds=1)


def measured() -> list[Result]:
    """Measure the way of an alert."""
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as service:
        home = Home(Path(folder))
        tokens = {role: issued(home, role) for role in (Role.CITIZEN, Role.RECEPTION, Role.HEAD, Role.INSPECTOR)}
        command = ["node", str(ROOT / "tests" / "e2e" / "alerts.mjs"), service.socket, "22-XD", "OVERDUE", tokens[Role.INSPECTOR]]
        out = Path(folder) / "seen"  # no pipe, which would hold up the client once it is full
        with out.open("w") as seen, subprocess.Popen(command, cwd=ROOT, stdout=seen) as following:
            first = datetime.now(UTC) + SETUP

            def made(number: int) -> None:
                code = asked(service.url, tokens[Role.CITIZEN], "submitDossier", SUBMITTED)["dossier"]["code"]
                asked(service.url, tokens[Role.RECEPTION], "receiveDossier", {"dossier": code, "checked": ["FORM", "DEED"]})
                given = {"dossier": code, "task": "t", "responsibility": "r", "expectedResult": "e"}
                due = {"dueAt": (first + timedelta(days=5)).isoformat()}
                asked(
                    service.url,
                    tokens[Role.HEAD],
                    "assignDossier",
                    {**given, **due, "role": "LEAD", "unit": "22-XD", "officer": "officer-1"},
                )
                for place, unit in enumerate(UNITS):
                    at = first + (place * DOSSIERS + number) * SECOND / PER_S
                    asked(
                        service.url,
                        tokens[Role.HEAD],
                        "assignDossier",
                        {**given, "dueAt": at.isoformat(), "role": "COORDINATING", "unit": unit},
                    )

            with ThreadPoolExecutor(2) as pool:
                list(pool.map(made, range(DOSSIERS)))
            left = (first - datetime.now(UTC)).total_seconds()
            print(f"  {DOSSIERS * EACH} deadlines made, {left:.0f} s before the first", flush=True)
            assert left > 1, "the machine is too slow for so many"
            time.sleep(left + DOSSIERS * EACH / PER_S + SETTLE_S)
            following.terminate()
            following.wait(10)
        events = [event for event in map(json.loads, out.read_text().splitlines()) if event["ready"] is False]
    delays = sorted(
        (datetime.fromisoformat(event["seenAt"]) - datetime.fromisoformat(event["alert"]["dueAt"]) - SECOND).total_seconds()
        for event in events
    )
    if len(delays) != DOSSIERS * EACH:
        raise RuntimeError(f"{len(delays)} alerts were seen of {DOSSIERS * EACH}")
    p99 = delays[int(len(delays) * 0.99)]
    return [
        Result("due moment to alertRaised, median", statistics.median(delays), "s"),
        Result("due moment to alertRaised, p99", p99, "s", goal=f"<= {GOAL_S}", met=p99 <= GOAL_S),
        Result("due moment to alertRaised, worst", delays[-1], "s"),
    ]
