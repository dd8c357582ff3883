"""From the outbox into the log, and from the log to where it is published.

A step takes some markers, the oldest first, and moves the log's head in one transaction: each entry once, and those of a subject in order.
A reading of the outbox is no snapshot, so before the first marker of a subject the one before it is looked for. What is published follows
from the leaves alone, so it may be done twice, or by two; a checkpoint is signed only when the tree that it names goes on from the one
before, and what it is of is kept in the journal. Format: `docs/audit-format.md`, section 7.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from casework import journal
from casework.audit import tree
from casework.audit.note import Checkpoint, Note, signed
from casework.audit.tree import HASH_BYTES, TILE_WIDTH, Refuted
from casework.model.errors import Corrupt
from casework.model.packing import instant
from casework.ports import MOST_TAKEN, OUTBOX_SHARDS, Marker, Services, Vault
from casework.published import newest, tiles_of, where
from casework.steps import grown_from, step

log = logging.getLogger("giamsat")

LENGTH_BYTES = 2  # before each leaf of a bundle
AHEAD = 4 * MOST_TAKEN  # markers of one reading of a shard
OLDER = "the store was restored. Run `giamsat recover`, which puts back what it lacks, before anything else writes"


# Into the log.


@dataclass(frozen=True, slots=True)
class Taken:
    """What a round took: how many entries, when the oldest of them was recorded, and whether more waited than it read."""

    count: int = 0
    oldest: datetime | None = None
    more: bool = False


def sequence(services: Services) -> Taken:
    """Take what waits, the oldest first whatever its shard, as far as one reading of each shard shows it.

    Raises:
        Corrupt: the log's head is older than what was published or kept, as after a restore from a backup. Nothing is taken.
        Unavailable: the store did not answer; what was taken is taken.
    """
    _fresh(services)
    taken: list[Marker] = []
    ready, more = _ready(services)
    for start in range(0, len(ready), MOST_TAKEN):
        chosen = _ordered(services, ready[start : start + MOST_TAKEN], taken)[:MOST_TAKEN]
        head = services.store.log_head()
        if chosen and not taken and journal.goes_on(services, head):
            raise Corrupt(f"the log has {head.size} leaves and its journal goes on behind them: {OLDER}")
        if chosen and services.store.take(head, step(services, head, chosen)):
            taken += chosen
    return Taken(len(taken), min((instant(marker.recorded_at) for marker in taken), default=None), more)


def _ready(services: Services) -> tuple[list[Marker], bool]:
    """Read what waits in all shards, oldest first, up to where the first of them has more than was read; and whether one has."""
    found: list[Marker] = []
    upto: str | None = None
    for shard in range(OUTBOX_SHARDS):
        rows = services.store.outbox(shard, AHEAD)
        found += rows
        if len(rows) == AHEAD:
            upto = min(filter(None, (upto, rows[-1].place)))
    return sorted((one for one in found if upto is None or one.place <= upto), key=lambda one: one.place), upto is not None


def _fresh(services: Services) -> None:
    """Refuse to go on from a head that lies behind what others have seen: two trees would grow from there."""
    published = newest(services)
    if published is not None and published.checkpoint.size > (size := services.store.log_head().size):
        raise Corrupt(f"the log has {size} leaves and {published.checkpoint.size} were published: {OLDER}")


def _ordered(services: Services, markers: Iterable[Marker], taken: Iterable[Marker]) -> list[Marker]:
    """Put markers in order, each behind the one before it of its subject; what was not seen yet, nor taken, is looked for."""
    out: list[Marker] = []
    done = {(marker.subject, marker.seq) for marker in taken}
    for marker in markers:
        chain = [marker]
        while (last := chain[-1]).before is not None and (last.subject, last.seq - 1) not in done:
            found = services.store.marker(last.shard, f"{last.before}#{last.subject}#{last.seq - 1:08d}")
            if found is None:
                break  # The log has it.
            chain.append(found)
        for one in reversed(chain):
            if (one.subject, one.seq) not in done:
                done.add((one.subject, one.seq))
                out.append(one)
    return out


# Out of the log.


def publish(services: Services) -> int | None:
    """Publish what the log has come to; gives the size of the new checkpoint, None when there is nothing new.

    Raises:
        Corrupt: the log does not go on from its newest checkpoint; nothing is signed.
        Unavailable: the store or the vault did not answer.
    """
    vault, seal = where(services)
    before, head = newest(services), services.store.log_head()  # in that order, since others may publish: never behind it
    old = before.checkpoint.size if before else 0
    if head.size == old:
        return None
    journal.keep(services, old, head.size)
    _published_tiles(services, vault, old, head.size)
    root = grown_from(head).root
    read = tree.tiled(tiles_of(vault, head.size))
    try:
        if before and old:
            tree.consistent(old, head.size, before.checkpoint.root, root, tree.consistency(old, head.size, read))
        last = services.store.leaves(head.size - 1, 1)
        tree.included(head.size - 1, head.size, tree.leaf_hash(last[0].leaf), tree.inclusion(head.size - 1, head.size, read), root)
    except (Refuted, ValueError, IndexError) as error:
        raise Corrupt(f"the log of {head.size} does not go on from its checkpoint of {old}: {error}") from error
    text = Checkpoint(services.log, head.size, root).text
    vault.publish(head.size, str(Note(text, (signed(text, seal.key, seal.sign),))))
    return head.size


def _published_tiles(services: Services, vault: Vault, old: int, new: int) -> None:
    read = tiles_of(vault, new)
    for one in tree.tiles(old, new):
        if one.level == 0:
            leaves = [found.leaf for found in services.store.leaves(one.index * TILE_WIDTH, one.width)]
            if len(leaves) != one.width:
                raise Corrupt(f"leaves of the log are missing from {one.index * TILE_WIDTH} on")
            vault.put(tree.bundle_path(one.index, one.width), b"".join(len(leaf).to_bytes(LENGTH_BYTES, "big") + leaf for leaf in leaves))
            hashes = [tree.leaf_hash(leaf) for leaf in leaves]
        else:
            first = one.index * TILE_WIDTH
            hashes = [tree.root(_hashes(read(one.level - 1, index))) for index in range(first, first + one.width)]
        vault.put(one.path, b"".join(hashes))


def _hashes(data: bytes) -> list[bytes]:
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]
