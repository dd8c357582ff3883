"""Appending to a log of 1,000,000 leaves, publishing from it and proving out of what is published, beside the same at 1,000 leaves.

The log is published into a folder by the service's own function, with each file on the disk, out of leaves that are made as they are read:
there is no store. A proof begins with no tile at hand each time, though the machine has the files in memory, and is checked.
"""

import hashlib
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.report import Result
from benchmarks.setting import PlainTokens
from casework.actions.sequencing import publish
from casework.adapters.seal import FileSeal
from casework.adapters.vault import FolderVault
from casework.audit import tree
from casework.audit.leaves import entry_leaf
from casework.audit.tree import Frontier
from casework.model.slip import Keys
from casework.ports import Logged, LogHead, Services
from casework.published import tiles_of
from local.home import NoCourier

SMALL, LARGE = 1_000, 1_000_000
APPENDED, APPENDS = 1_000, 100  # leaves, and how often so many are appended
PROOFS, PUBLICATIONS = 200, 20
MORE = 100  # leaves of a publication
SEED = 2026
LOG = "giamsat.bench/trail"
Milliseconds = list[float]


def measured() -> list[Result]:
    """Measure at both sizes."""
    small, large = _at(SMALL), _at(LARGE)
    figures: list[tuple[str, str, Callable[[Figures], float]]] = [
        ("append at 1,000,000, leaves per CPU second", "1/s", lambda one: one.appended),
        (f"publish {MORE} leaves at 1,000,000, median", "ms", lambda one: statistics.median(one.published)),
        ("inclusion proof at 1,000,000, median", "ms", lambda one: statistics.median(one.inclusion)),
        (f"inclusion proof at 1,000,000, worst of {PROOFS}", "ms", lambda one: max(one.inclusion)),
        ("consistency proof at 1,000,000, median", "ms", lambda one: statistics.median(one.consistency)),
        (f"consistency proof at 1,000,000, worst of {PROOFS}", "ms", lambda one: max(one.consistency)),
    ]
    return [
        Result("publish 1,000,000 leaves", large.filled, "s"),
        *(Result(name, of(large), unit, "the same at 1,000", of(small), of(large) / of(small)) for name, unit, of in figures),
    ]


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured at a size."""

    filled: float
    appended: float
    inclusion: Milliseconds
    consistency: Milliseconds
    published: Milliseconds


@dataclass(slots=True)
class Leaves:
    """The part of a store that publishing reads: leaves that follow from their index. It keeps the roots of some sizes."""

    kept: frozenset[int]
    tree: Frontier = field(default_factory=Frontier)
    roots: dict[int, bytes] = field(default_factory=dict)

    def grown(self, count: int) -> None:
        """Append so many."""
        for _ in range(count):
            self.tree.append(tree.leaf_hash(_leaf(self.tree.size)))
            if self.tree.size in self.kept:
                self.roots[self.tree.size] = self.tree.root

    def log_head(self) -> LogHead:
        """See `ports.Log`."""
        return LogHead(self.tree.size, tuple(one.hex() for one in self.tree.hashes))

    def leaves(self, start: int, count: int) -> list[Logged]:
        """See `ports.Log`."""
        return [Logged(_leaf(index), "", index) for index in range(start, start + count)]


def _leaf(index: int) -> bytes:
    return bytes(entry_leaf(f"{index:032x}", 1, hashlib.sha256(index.to_bytes(8, "big")).hexdigest()))


def _at(size: int) -> Figures:
    chance = Random(SEED)  # noqa: S311 - chance, not a secret
    indices = [chance.randrange(size) for _ in range(PROOFS)]
    sizes = [sorted(chance.sample(range(1, size + 1), 2)) for _ in range(PROOFS)]
    with tempfile.TemporaryDirectory() as folder:
        log = Leaves(frozenset({size, *(one for pair in sizes for one in pair)}))
        log.grown(size)
        vault = FolderVault(Path(folder))
        services = _services(log, vault)
        began = time.monotonic()
        assert publish(services) == size
        filled = time.monotonic() - began
        print(f"  {size} leaves published in {filled:.1f} s", flush=True)
        appended = _appended(log.tree)
        inclusion = [_included(vault, log, index) for index in indices]
        consistency = [_consistent(vault, log, old, new) for old, new in sizes]
        published = [_published(services, log) for _ in range(PUBLICATIONS)]
    return Figures(filled, appended, inclusion, consistency, published)


def _services(log: Any, vault: FolderVault) -> Services:  # noqa: ANN401 - a part of a store
    services = Services(
        store=log,
        courier=NoCourier(),
        tokens=PlainTokens(),
        keys=Keys({1: bytes(32)}),
        log=LOG,
        accesses_log="giamsat.bench/accesses",
        now=lambda: datetime.now(UTC),
        entropy=bytes,
    )
    return replace(services, vault=vault, seal=FileSeal(LOG, Ed25519PrivateKey.generate()))


def _appended(at: Frontier) -> float:
    """Append to a tree again and again from where it is; gives leaves for each second of CPU."""
    leaves = [_leaf(index) for index in range(at.size, at.size + APPENDED)]
    began = time.process_time()
    for _ in range(APPENDS):
        grown = Frontier(at.size, list(at.hashes))
        for leaf in leaves:
            grown.append(tree.leaf_hash(leaf))
    return APPENDS * APPENDED / (time.process_time() - began)


def _included(vault: FolderVault, log: Leaves, index: int) -> float:
    size = log.tree.size
    began = time.perf_counter()
    proof = tree.inclusion(index, size, tree.tiled(tiles_of(vault, size)))
    took = time.perf_counter() - began
    tree.included(index, size, tree.leaf_hash(_leaf(index)), proof, log.roots[size])
    return took * 1000


def _consistent(vault: FolderVault, log: Leaves, old: int, new: int) -> float:
    began = time.perf_counter()
    proof = tree.consistency(old, new, tree.tiled(tiles_of(vault, log.tree.size)))
    took = time.perf_counter() - began
    tree.consistent(old, new, log.roots[old], log.roots[new], proof)
    return took * 1000


def _published(services: Services, log: Leaves) -> float:
    log.grown(MORE)
    began = time.perf_counter()
    assert publish(services) == log.tree.size
    return (time.perf_counter() - began) * 1000
