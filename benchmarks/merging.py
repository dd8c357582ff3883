"""What the log costs those who make moves, and how soon it has what they did.

The cost: dossiers go their usual way through the API, as in `moves`, with the marker taken out of each transaction on its way to the
engine, as it is, and with the sequencer beside, which looks once a second, as the service does on one machine. They take turns, the first
two short ones, and the median turn is told, since a machine is seldom quiet. Items are counted, each of which takes DynamoDB two write
units for each begun KB; the embedded engine tells those of one item of each table.

The delay: a dossier begins every 0.4 s and goes its way of eight moves, with the sequencer beside. It is the time from an entry's
`recorded_at` until a checkpoint that has it is published, by this machine's clock, of every entry.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from statistics import median
from threading import Event
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.bare import of_dossier
from benchmarks.report import Result
from benchmarks.sequencing import published_in
from benchmarks.setting import WAY, engine_on_disk, services_on, walked
from casework.adapters.dynamo.models import SubjectItem
from casework.adapters.seal import FileSeal
from casework.adapters.vault import FolderVault
from casework.ports import Services
from handlers import sequencer
from local.schedule import MERGE_S

UNLOGGED, MARKED, SEQUENCED = range(3)  # without the log, with its markers, and with the sequencer beside
ROUNDS, AT_ONCE = 4, 2
TURNS, SLICE = 5, 4  # of the first two ways in a round, and dossiers of a turn
MOVES = 1 + len(WAY)  # of a dossier
DELAY_DOSSIERS, EVERY_S = 50, 0.4
SETTLE_S = 3 * MERGE_S
GOAL_S = 10
SENT = "provide-client-params.dynamodb.TransactWriteItems"


def measured() -> list[Result]:
    """Measure both."""
    with engine_on_disk() as engine, tempfile.TemporaryDirectory() as folder:
        services = published_in(services_on(engine, "cost"), Path(folder) / "cost")
        costs = _costs(services)
        vault = TimedVault(Path(folder) / "delay", services.now)
        services = services_on(engine, "delay")
        seal = FileSeal(services.log, Ed25519PrivateKey.generate())
        delays = _delays(replace(services, vault=vault, seal=seal), vault)
    without, marked, sequenced = costs
    items, items_without = (cost.written / cost.moves for cost in (marked, without))
    p99 = delays[len(delays) * 99 // 100]
    return [
        Result("move through the API, with the log's marker", marked.ms, "ms", "without it", without.ms, marked.ms / without.ms),
        Result("the same, items written", items, "items", "without it", items_without, items / items_without),
        Result("the same, sequencer beside", sequenced.ms, "ms", "without the log", without.ms, sequenced.ms / without.ms),
        Result("sequencer beside, items written per entry", sequenced.stepped / sequenced.taken, "items"),
        Result("merge delay at 20 moves a second, median", median(delays), "s"),
        Result("merge delay at 20 moves a second, p99", p99, "s", goal=f"< {GOAL_S}", met=p99 < GOAL_S),
        Result("merge delay at 20 moves a second, worst", delays[-1], "s"),
    ]


# The cost.


@dataclass(slots=True)
class Cost:
    """What moves took: their time turn by turn, and the items that their transactions wrote, and those of the log's steps meanwhile."""

    turns: list[float] = field(default_factory=list)  # milliseconds of a move in each
    moves: int = 0
    written: int = 0
    stepped: int = 0
    taken: int = 0

    @property
    def ms(self) -> float:
        """Milliseconds of a move in the median turn."""
        return median(self.turns)


@dataclass(slots=True)
class Ear:
    """Counts what transactions write or take away, and takes the markers out of them on their way, if it is to."""

    strips: bool
    written: int = 0
    stepped: int = 0

    def hear(self, params: dict[str, Any], **_: object) -> None:
        """Change what is sent."""
        items = params["TransactItems"]
        if not of_dossier(items):
            self.stepped += len(items)
            return
        if self.strips:
            params["TransactItems"] = [item for item in items if not item.get("Put", {"TableName": ""})["TableName"].endswith("-log")]
            assert len(params["TransactItems"]) == len(items) - 1, "each entry has one marker"
        self.written += len(params["TransactItems"])


@contextmanager
def _heard(*, strips: bool) -> Iterator[Ear]:
    client = SubjectItem._get_connection().connection.client  # noqa: SLF001 - the bare client beneath pynamodb
    ear = Ear(strips)
    client.meta.events.register(SENT, ear.hear)
    try:
        yield ear
    finally:
        client.meta.events.unregister(SENT, ear.hear)


def _costs(services: Services) -> list[Cost]:
    """Let each way have its turns; what the log did not take meanwhile it takes between them."""
    costs = [Cost(), Cost(), Cost()]
    _gone(services, TURNS * SLICE)
    for _ in range(ROUNDS):
        for turn in range(TURNS):
            for way in (UNLOGGED, MARKED) if turn % 2 else (MARKED, UNLOGGED):
                _measured(services, way, costs[way], SLICE)
        sequencer.handle({}, services)
        _measured(services, SEQUENCED, costs[SEQUENCED], TURNS * SLICE)
        sequencer.handle({}, services)
        told = ", ".join(f"{cost.ms:.1f} ms" for cost in costs)
        print(f"  a move without the log, with its marker, with the sequencer beside: {told}", flush=True)
    print(f"  the sequencer took {costs[SEQUENCED].taken} of {costs[SEQUENCED].moves} entries beside the moves", flush=True)
    return costs


def _measured(services: Services, way: int, cost: Cost, dossiers: int) -> None:
    with _heard(strips=way == UNLOGGED) as ear, ExitStack() as stack:
        runs = stack.enter_context(beside(services)) if way == SEQUENCED else []
        began = time.monotonic()
        _gone(services, dossiers)
        cost.turns.append((time.monotonic() - began) / (dossiers * MOVES) * 1000)
    cost.moves += dossiers * MOVES
    cost.written += ear.written
    cost.stepped += ear.stepped
    cost.taken += sum(found["taken"] for found in runs)


def _gone(services: Services, dossiers: int) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda _: walked(services, len(WAY)), range(dossiers)))


@contextmanager
def beside(services: Services) -> Iterator[list[dict[str, Any]]]:
    """Run the sequencer once a second on a thread of its own, as `local.schedule` does where something is written all the time."""
    stopping, runs = Event(), list[dict[str, Any]]()

    def work() -> None:
        while not stopping.wait(MERGE_S):
            runs.append(sequencer.handle({}, services))

    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        try:
            yield runs
        finally:
            stopping.set()
            working.result()


# The delay.


class TimedVault(FolderVault):
    """A vault that notes when each checkpoint was there."""

    def __init__(self, folder: Path, now: Callable[[], datetime]) -> None:
        """Publish into a folder."""
        super().__init__(folder)
        self._now = now
        self.noted: list[tuple[int, datetime]] = []

    def publish(self, size: int, note: str) -> None:
        """See `ports.Vault`."""
        super().publish(size, note)
        self.noted.append((size, self._now()))


def _delays(services: Services, vault: TimedVault) -> list[float]:
    """Give the delay of each entry in seconds, the shortest first."""
    began = time.monotonic()

    def gone(number: int) -> None:
        time.sleep(max(0.0, began + number * EVERY_S - time.monotonic()))
        walked(services, len(WAY))

    with beside(services) as runs:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(gone, range(DELAY_DOSSIERS)))
        took = time.monotonic() - began
        time.sleep(SETTLE_S)
    assert not sequencer.handle({}, services)["taken"], "the log had all of them"
    leaves = services.store.leaves(0, services.store.log_head().size)
    first = {(leaf.subject, leaf.seq): index for index, leaf in reversed(list(enumerate(leaves)))}
    entries = services.store.entries_named(first)
    count = DELAY_DOSSIERS * MOVES
    assert len(entries) == sum(found["taken"] for found in runs) == count, "each entry is in the log"
    print(f"  {count / took:.1f} moves a second, {len(vault.noted)} checkpoints", flush=True)
    seen = {place: next(at for size, at in vault.noted if size > index) for place, index in first.items()}
    return sorted((seen[place] - entry.recorded_at).total_seconds() for place, entry in entries.items())
