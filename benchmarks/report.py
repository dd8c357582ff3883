"""Results: one row for each figure, printed as a table and written to `benchmarks/results.json`."""

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILE = ROOT / "benchmarks" / "results.json"


@dataclass(frozen=True, slots=True)
class Result:
    """One figure. `goal` is the issue's own, for the ratio where there is a peer, else for the value; None where there is none."""

    name: str
    value: float
    unit: str
    peer: str | None = None
    peer_value: float | None = None
    ratio: float | None = None
    goal: str | None = None
    met: bool | None = None


def written(results: list[Result], *, whole: bool) -> None:
    """Print the table; a whole run writes the file, since figures of several runs are of several machines' moods."""
    printed(results)
    if not whole:
        return
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607 - git of the path
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    body = {"commit": commit.stdout.strip() or None, "machine": machine, "results": [asdict(result) for result in results]}
    FILE.write_text(json.dumps(body, indent=1) + "\n")


def printed(results: list[Result]) -> None:
    """Print the table."""
    print(f"{'figure':<46}{'value':>12} {'unit':<10}{'peer':>12}{'ratio':>8}  goal")
    for row in results:
        peer = f"{row.peer_value:.1f}" if row.peer_value is not None else ""
        ratio = f"{row.ratio:.2f}" if row.ratio is not None else ""
        verdict = {None: "", True: "met", False: "NOT MET"}[row.met]
        print(f"{row.name:<46}{row.value:>12.1f} {row.unit:<10}{peer:>12}{ratio:>8}  {row.goal or ''} {verdict}")
