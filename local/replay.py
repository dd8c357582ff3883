"""`giamsat replay`: a process event log through the service's own moves, with progress, resumable at any point.

Cases run side by side, the moves of one case one after the other. With a speed, moves of all cases come in the log's own order of time.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass

from casework.actions.imports import Case, ImportedMove, Kind, Log, by_time, made, moves, register, remembered
from casework.model.procedure import ProcedureVersion
from casework.model.record import DossierId
from casework.ports import Held, Services

WORKERS = 2  # one prepares while the engine writes for the other; more of them make the embedded engine slower
EVENTS = frozenset({Kind.STEP, Kind.OPINION})


@dataclass(slots=True)
class Tally:
    """What the store holds of a log after a run, and what the run added."""

    dossiers: int = 0
    events: int = 0
    entries: int = 0
    ended: int = 0
    ended_late: int = 0
    added: int = 0
    moves_per_s: float = 0.0

    def count(self, held: Held, steps: tuple[ImportedMove, ...]) -> None:
        """Count a case whose moves all stand."""
        dossier = held.dossier
        self.dossiers += 1
        self.events += sum(step.kind in EVENTS for step in steps)
        self.entries += held.tip.seq
        if dossier.decided_at is not None:
            self.ended += 1
            self.ended_late += dossier.due_at is not None and dossier.decided_at > dossier.due_at

    def told(self) -> dict[str, float]:
        """Give the figures."""
        return {**asdict(self), "moves_per_s": round(self.moves_per_s, 1)}


Progress = Callable[[int], None]  # how many moves more stand now


def replay(services: Services, log: Log, speed: float | None, progress: Progress) -> Tally:
    """Make every move of a log that is not made yet; `speed` times as fast as the log's own time, or as fast as can be."""
    version = register(services, log)
    began = time.monotonic()
    tally = Tally()
    if speed is None:
        _all(services, log, version, tally, progress)
    else:
        _paced(services, log, version, speed, tally, progress)
    tally.moves_per_s = tally.added / max(time.monotonic() - began, 0.001)
    return tally


def total(log: Log) -> int:
    """Count the moves of a log."""
    return sum(len(moves(log, case)) for case in log.cases)


def _all(services: Services, log: Log, version: ProcedureVersion, tally: Tally, progress: Progress) -> None:
    def run(case: Case) -> tuple[Held, tuple[ImportedMove, ...], int]:
        return _case(services, log, version, case, progress)

    waiting = iter(log.cases)
    with ThreadPoolExecutor(WORKERS) as pool:
        running: set[Future[tuple[Held, tuple[ImportedMove, ...], int]]] = set()
        try:
            while True:
                running |= {pool.submit(run, case) for case in _some(waiting, 2 * WORKERS - len(running))}
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    held, steps, added = future.result()
                    tally.count(held, steps)
                    tally.added += added
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _some(cases: Iterator[Case], count: int) -> Iterator[Case]:
    for _, case in zip(range(count), cases, strict=False):
        yield case


def _case(
    services: Services, log: Log, version: ProcedureVersion, case: Case, progress: Progress
) -> tuple[Held, tuple[ImportedMove, ...], int]:
    steps = moves(log, case)
    there = remembered(services, log, steps)
    known: Held | DossierId | None = _subject(there, steps)
    progress(len(there))
    added = 0
    for step in steps:
        if step.id not in there:
            known = made(services, log, version, case, step, known).held
            added += 1
            progress(1)
    held = known if isinstance(known, Held) else services.store.held(DossierId(known or ""))
    assert held is not None, "a case has at least the move that opens it"
    return held, steps, added


def _paced(services: Services, log: Log, version: ProcedureVersion, speed: float, tally: Tally, progress: Progress) -> None:
    there: dict[str, frozenset[str]] = {}
    known: dict[str, Held | DossierId | None] = {}
    laid = {case.id: moves(log, case) for case in log.cases}
    for case in log.cases:
        found = remembered(services, log, laid[case.id])
        there[case.id], known[case.id] = frozenset(found), _subject(found, laid[case.id])
        progress(len(found))
    clock: tuple[float, float] | None = None
    for case, step in by_time(log):
        if step.id in there[case.id]:
            continue
        logged = step.at.timestamp()
        clock = clock or (time.monotonic(), logged)
        ahead = (logged - clock[1]) / speed - (time.monotonic() - clock[0])
        if ahead > 0:
            time.sleep(ahead)
        known[case.id] = made(services, log, version, case, step, known[case.id]).held
        tally.added += 1
        progress(1)
    for case in log.cases:
        last = known[case.id]
        held = last if isinstance(last, Held) else services.store.held(DossierId(last or ""))
        assert held is not None, "a case has at least the move that opens it"
        tally.count(held, laid[case.id])


def _subject(there: object, steps: tuple[ImportedMove, ...]) -> DossierId | None:
    found = there.get(steps[0].id) if isinstance(there, dict) else None
    return DossierId(found.subject) if found else None
