"""Entries that the verifier verifies in a second of one core, and the memory that it takes, beside the chain alone and `openssl speed`.

A bundle of everything with 1,000,000 entries of some 600 bytes, of a thousand each, every twentieth with a text that is disclosed. The
chain alone is each line read, its `prev` compared, and its hash: no verifier in this language can be faster. The two take turns in one
process (`benchmarks.verifier`). OpenSSL hashes as many bytes from its own loop, and reads nothing.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks import bags
from benchmarks.bags import Bag
from benchmarks.report import ROOT, Result

SUBJECTS, EACH, TOLD, TURNS = 1_000, 1_000, 20, 2
DEEP_SUBJECTS = 100  # with as many entries each
SHORT_SUBJECTS, SHORT_EACH = 20_000, 10
LINE_BYTES = 600
RATE_GOAL, MEMORY_GOAL_MB = 250_000, 300
OPENSSL_S = 2


@dataclass(frozen=True, slots=True)
class Told:
    """What the process tells: CPU seconds of verifying all and of following the chain alone, its peak, and what it verified."""

    entries: int
    disclosed: int
    peak: int
    verified: float
    alone: float

    @property
    def rate(self) -> float:
        """Entries verified in a second."""
        return self.entries / self.verified


def measured() -> list[Result]:
    """Measure all."""
    deep = _told(DEEP_SUBJECTS, EACH, deep=True)
    short = _told(SHORT_SUBJECTS, SHORT_EACH)
    told = _told(SUBJECTS, EACH, turns=TURNS)
    alone, megabytes, openssl = told.entries / told.alone, told.peak / 1e6, _openssl()
    return [
        Result("verify 1,000,000 entries, per CPU second", told.rate, "1/s", goal=f">= {RATE_GOAL:,}", met=told.rate >= RATE_GOAL),
        Result("the same", told.rate, "1/s", "the chain alone", alone, told.rate / alone),
        *(
            [Result("the chain alone", alone, "1/s", f"openssl speed sha256, {LINE_BYTES} bytes", openssl, alone / openssl)]
            if openssl
            else []
        ),
        Result("verify 1,000,000 entries, peak of memory", megabytes, "MB", goal=f"< {MEMORY_GOAL_MB}", met=megabytes < MEMORY_GOAL_MB),
        Result("verify 100,000 entries with depth", deep.rate, "1/s"),
        Result("verify 200,000 entries, ten of a dossier", short.rate, "1/s"),
    ]


def _told(subjects: int, each: int, *, turns: int = 1, deep: bool = False) -> Told:
    """Write a bundle, and have it verified."""
    with tempfile.TemporaryDirectory() as folder:
        bag = bags.written(Path(folder), subjects, each, TOLD)
        print(f"  written: {bag.entries} entries of {bag.line_bytes:.0f} bytes", flush=True)
        told = _verified(bag, turns, deep=deep)
    assert (told.entries, told.disclosed) == (subjects * each, subjects * (each // TOLD)), "all of them were verified"
    print(f"  verified: {told.rate:.0f}/s, the chain alone {told.entries / told.alone:.0f}/s", flush=True)
    return told


def _verified(bag: Bag, turns: int, *, deep: bool) -> Told:
    command = [sys.executable, "-m", "benchmarks.verifier", str(bag.path), bag.key, str(turns), *(["deep"] if deep else [])]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert out.returncode == 0, out.stderr
    return Told(**json.loads(out.stdout))


def _openssl() -> float | None:
    """Give how many blocks of a line's length OpenSSL hashes in a second; None where there is none."""
    program = shutil.which("openssl")
    if program is None:
        print("  there is no openssl here: its row is left out", flush=True)
        return None
    command = [program, "speed", "-seconds", str(OPENSSL_S), "-bytes", str(LINE_BYTES), "sha256"]
    out = subprocess.run(command, capture_output=True, text=True, check=False)
    if out.returncode or not out.stdout.rstrip().endswith("k"):
        print("  this openssl measures nothing of the kind: its row is left out", flush=True)
        return None
    return float(out.stdout.split()[-1].removesuffix("k")) * 1000 / LINE_BYTES
