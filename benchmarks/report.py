"""Results: one row for each figure, printed as a table and kept in `benchmarks/results.json`, benchmark by benchmark."""

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


def kept(name: str, results: list[Result]) -> None:
    """Keep what a benchmark gave in the place of what it gave before, with commit and machine: figures of several are not of one hour.

    A commit that is followed by `+` had changes beside it.
    """
    commit = f"{_git('rev-parse', '--short=12', 'HEAD')}{'+' if _git('status', '--porcelain', '--untracked-files=no') else ''}"
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    body = json.loads(FILE.read_text()) if FILE.exists() else {}
    body[name] = {"commit": commit, "machine": machine, "results": [asdict(result) for result in results]}
    fresh = FILE.with_suffix(".new")
    fresh.write_text(json.dumps(body, indent=1) + "\n")
    fresh.replace(FILE)


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607 - git of the path
    return "".join(line for line in done.stdout.splitlines(keepends=True) if "benchmarks/results.json" not in line).strip()


def printed(results: list[Result]) -> None:
    """Print the table."""
    print(f"{'figure':<46}{'value':>12} {'unit':<10}{'peer':>12}{'ratio':>8}  goal")
    for row in results:
        peer = f"{row.peer_value:.1f}" if row.peer_value is not None else ""
        ratio = f"{row.ratio:.2f}" if row.ratio is not None else ""
        verdict = {None: "", True: "met", False: "NOT MET"}[row.met]
        print(f"{row.name:<46}{row.value:>12.1f} {row.unit:<10}{peer:>12}{ratio:>8}  {row.goal or ''} {verdict}")
