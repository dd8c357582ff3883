"""The log as it was published, read: its newest checkpoint, proofs that entries are in it, and that it only grew. It writes nothing."""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache

from casework.audit import tree
from casework.audit.note import Checkpoint, Note, Proof, verified
from casework.audit.tree import HASH_BYTES, TILE_WIDTH, Refuted, Tile
from casework.model.errors import Corrupt
from casework.ports import Seal, Services, Vault

log = logging.getLogger("giamsat")


@dataclass(frozen=True, slots=True)
class Published:
    """The newest checkpoint: what it says, and the note as it was signed."""

    checkpoint: Checkpoint
    note: Note


def newest(services: Services) -> Published | None:
    """Give the newest checkpoint; None before the first.

    Raises:
        Corrupt: it is none, or not by the log's key.
    """
    vault, seal = where(services)
    text = vault.checkpoint()
    return _trusted(services, seal, text) if text is not None else None


def cosigned(services: Services) -> Published | None:
    """Give the newest checkpoint that a witness has cosigned, with its cosignatures; None before the first, and for what is none."""
    vault, seal = where(services)
    text = vault.cosigned()
    try:
        return _trusted(services, seal, text) if text is not None else None
    except Corrupt as fault:
        log.error("what a witness has put there is none: %s", fault.message)  # noqa: TRY400 - the fault says all there is
        return None


def _trusted(services: Services, seal: Seal, text: str) -> Published:
    try:
        note = Note.read(text)
        found = Checkpoint.read(note.text)
        by = verified(note, [seal.key])
    except (ValueError, Refuted) as error:
        raise Corrupt(f"the newest checkpoint of the log is not to be trusted: {error}") from error
    if seal.key not in by or found.origin != services.log:
        raise Corrupt("the newest checkpoint of the log is not by its key, or of another log")
    return Published(found, note)


def proofs(services: Services, published: Published, places: Collection[tuple[str, int]]) -> Mapping[tuple[str, int], Proof]:
    """Prove that entries, by subject and number, are in the log as it was published; those that are not yet are left out."""
    vault, _ = where(services)
    size = published.checkpoint.size
    read = tree.tiled(tiles_of(vault, size))
    indices = {place: index for place, index in services.store.leaves_of(places).items() if index < size}
    return {place: Proof(index, tuple(tree.inclusion(index, size, read)), published.note) for place, index in indices.items()}


def growth(services: Services, published: Published, old: int, new: int) -> list[bytes]:
    """Prove that the published log of the larger size begins with that of the smaller one.

    Raises:
        ValueError: they are no sizes of it, smaller first.
    """
    vault, _ = where(services)
    if new > published.checkpoint.size:
        raise ValueError(f"the newest checkpoint has {published.checkpoint.size} leaves")
    size = published.checkpoint.size
    return tree.consistency(old, new, tree.tiled(tiles_of(vault, size)))


def tiles_of(vault: Vault, size: int) -> Callable[[int, int], bytes]:
    """Give a function that reads the tiles which a tree of some size has, each once."""

    @cache
    def read(level: int, index: int) -> bytes:
        width = min(TILE_WIDTH, (size >> 8 * level) - index * TILE_WIDTH)
        tile = Tile(level, index, width)
        # Those that are not whole go when they are.
        data = (vault.read(tile.path) or vault.read(Tile(level, index).path)) if width > 0 else None
        if data is None:
            raise Corrupt(f"the log's {tile.path} was not published")
        return data[: width * HASH_BYTES]

    return read


def where(services: Services) -> tuple[Vault, Seal]:
    """Give where the log is published, and what signs it."""
    assert services.vault is not None, "a process that works on the log has a vault"
    assert services.seal is not None, "and a seal"
    return services.vault, services.seal
