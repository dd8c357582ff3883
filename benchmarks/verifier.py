"""Verifies a bundle of everything, and follows its chain alone, in a process of its own.

As a program: `python -m benchmarks.verifier BUNDLE KEY TURNS [deep]`. It loads what a verifier needs and no more, so that its peak of
memory is a verifier's. It prints one line of JSON, with CPU seconds of a turn and the peak in bytes before the chain alone was followed.
"""

import hashlib
import json
import resource
import sys
import time
from binascii import hexlify
from pathlib import Path

from casework.audit.bundle import ENTRIES, Bundle
from casework.audit.note import Key
from casework.audit.verify import Report, Scope, Trust, verify

STATUS = Path("/proc/self/status")
PREV = b'"prev":"'
UNGIVEN = {"NO_HELD_CHECKPOINT", "NO_WITNESS"}  # the limits of whoever brings the log's key alone


def main() -> None:
    """Verify and follow, turn by turn."""
    path, key, turns, *deep = sys.argv[1:]
    verified, alone, peak = [], [], 0
    for _ in range(int(turns)):
        began = time.process_time()
        report = _verified(Path(path), Key.read(key), deep=bool(deep))
        verified.append(time.process_time() - began)
        peak = peak or _peak()
        began = time.process_time()
        begun = _followed(Path(path))
        alone.append(time.process_time() - began)
        assert begun == report.subjects, "the chain goes on but where a subject begins"
    told = {"entries": report.entries, "disclosed": report.disclosed, "peak": peak}
    print(json.dumps({**told, "verified": sum(verified) / len(verified), "alone": sum(alone) / len(alone)}))


def _verified(path: Path, key: Key, *, deep: bool) -> Report:
    with path.open("rb") as file:
        report = verify(file, Scope("ALL"), Trust(key), deep=deep)
    assert report.failure is None, report.failure.message
    assert set(report.limits) == UNGIVEN, report.limits
    return report


def _followed(path: Path) -> int:
    """Follow the chain and nothing else; gives how many lines do not go on from the one before them."""
    link, begun, sha256 = b"", 0, hashlib.sha256
    with path.open("rb") as file:
        for line in Bundle(file).lines(ENTRIES):
            at = line.rfind(PREV) + len(PREV)
            if line[at : at + 64] != link:
                begun += 1
            link = hexlify(sha256(line).digest())
    return begun


def _peak() -> int:
    """Give the most memory that this process had. Linux's `getrusage` has that of the process that started it in it, too."""
    if STATUS.exists():
        (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) << 10
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most << 10


if __name__ == "__main__":
    main()
