"""The Merkle tree of a log: roots, proofs that an entry is in it, proofs that it only grew, and the tiles in which it is published.

Source: RFC 9162 section 2.1 (the tree is RFC 6962's), C2SP tlog-tiles. A *node* is (level, index): the hash of the 2^level leaves from
index * 2^level on, all of them there. It stores nothing: whoever asks for a proof brings a function that reads nodes. It needs the standard
library alone, since a verifier carries it along.
"""

import hashlib
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

HASH_BYTES = 32
TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT  # hashes of a whole tile
LARGEST = (1 << 63) - 1  # leaves of a tree: a size is a positive number of 64 bits everywhere

# (level, index) -> the hash of that node
Read = Callable[[int, int], bytes]


class Refuted(Exception):
    """A proof does not prove what it is for; its argument says why."""


def leaf_hash(leaf: bytes) -> bytes:
    """Hash a leaf."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two neighbours."""
    return hashlib.sha256(b"\x01" + left + right).digest()


EMPTY = hashlib.sha256().digest()  # the root of a tree without leaves


@dataclass(slots=True)
class Frontier:
    """A tree that grows at its end: its size, and the roots of its whole subtrees, the largest first. A million leaves are 20 hashes."""

    size: int = 0
    hashes: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuse what cannot be one.

        Raises:
            ValueError: as many hashes as there are subtrees are needed.
        """
        if self.size < 0 or len(self.hashes) != self.size.bit_count() or any(len(one) != HASH_BYTES for one in self.hashes):
            raise ValueError("a tree of this size has another number of subtrees")

    def append(self, leaf: bytes) -> None:
        """Add the hash of a leaf."""
        size, hashes = self.size, self.hashes
        while size & 1:
            leaf = node_hash(hashes.pop(), leaf)
            size >>= 1
        hashes.append(leaf)
        self.size += 1

    @property
    def root(self) -> bytes:
        """The hash of the whole tree."""
        if not self.hashes:
            return EMPTY
        found = self.hashes[-1]
        for left in self.hashes[-2::-1]:
            found = node_hash(left, found)
        return found


def root(leaves: Iterable[bytes]) -> bytes:
    """Give the root over hashes of leaves."""
    tree = Frontier()
    for leaf in leaves:
        tree.append(leaf)
    return tree.root


CHUNK_LEVELS = 8  # hashes of so many levels at a time stay near the processor


def root_of(leaves: bytes, width: int) -> bytes:
    """Give the root over leaves of one width, which stand one behind the other; much faster than one by one."""
    begun, tops = hashlib.sha256(b"\x00").copy, []
    for start in range(0, len(leaves), width << CHUNK_LEVELS):
        hashes = []
        for (leaf,) in struct.iter_unpack(f"{width}s", leaves[start : start + (width << CHUNK_LEVELS)]):
            one = begun()
            one.update(leaf)
            hashes.append(one.digest())
        tops.append(_folded(hashes))
    return _folded(tops) if tops else EMPTY


def _folded(hashes: list[bytes]) -> bytes:
    """Hash neighbours level by level; one without a neighbour goes up as it is. This is RFC 9162's tree, from below."""
    begun = hashlib.sha256(b"\x01").copy
    while len(hashes) > 1:
        pairs = iter(hashes)
        above = []
        for left, right in zip(pairs, pairs, strict=False):
            one = begun()
            one.update(left + right)
            above.append(one.digest())
        hashes = [*above, hashes[-1]] if len(hashes) % 2 else above
    return hashes[0]


# Proofs, made.


def inclusion(index: int, size: int, read: Read) -> list[bytes]:
    """Prove that a leaf is in the tree of that size: the hashes from its sibling's up.

    Raises:
        ValueError: there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} has no leaf {index}")
    proof: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _half(high - low)
        if index < middle:
            proof.append(_subtree(middle, high, read))
            high = middle
        else:
            proof.append(_subtree(low, middle, read))
            low = middle
    return proof[::-1]


def consistency(old: int, new: int, read: Read) -> list[bytes]:
    """Prove that the tree of the larger size begins with that of the smaller one.

    Raises:
        ValueError: the sizes are the wrong way round, or the smaller one is 0, with which everything begins.
    """
    if not 0 < old <= new:
        raise ValueError(f"nothing to prove from {old} to {new}")
    proof: list[bytes] = []
    low, high, whole = 0, new, True  # whether the old tree is a whole subtree up to here, so that its root is known
    while old != high:
        middle = low + _half(high - low)
        if old <= middle:
            proof.append(_subtree(middle, high, read))
            high = middle
        else:
            proof.append(_subtree(low, middle, read))
            low, whole = middle, False
    if not whole:
        proof.append(_subtree(low, high, read))
    return proof[::-1]


def _half(count: int) -> int:
    """Give the largest power of two below a count of at least 2: how many leaves are on the left."""
    return 1 << (count - 1).bit_length() - 1


def _subtree(low: int, high: int, read: Read) -> bytes:
    """Give the root over some leaves, which begin where a subtree of their number may."""
    parts: list[bytes] = []
    while low < high:
        level = (high - low).bit_length() - 1
        parts.append(read(level, low >> level))
        low += 1 << level
    found = parts.pop()
    while parts:
        found = node_hash(parts.pop(), found)
    return found


# Proofs, checked. Source: RFC 9162 sections 2.1.3.2 and 2.1.4.2.


def included(index: int, size: int, leaf: bytes, proof: Sequence[bytes], head: bytes) -> None:
    """Check that a leaf, by its hash, is at that index of the tree with that root.

    Raises:
        Refuted: it is not shown.
    """
    if not 0 <= index < size <= LARGEST:
        raise Refuted(f"a tree of {size} has no leaf {index}")
    _whole([*proof, leaf, head])
    found = leaf
    for left, one in _climbed(index, size - 1, proof):
        found = node_hash(one, found) if left else node_hash(found, one)
    if found != head:
        raise Refuted("the proof leads to another root")


def consistent(old: int, new: int, before: bytes, after: bytes, proof: Sequence[bytes]) -> None:
    """Check that the tree of the larger size begins with that of the smaller one, which is not empty: with that all begin.

    Raises:
        Refuted: it is not shown.
    """
    if not 0 < old <= new <= LARGEST:
        raise Refuted(f"a tree does not go from {old} to {new}")
    _whole(proof)
    if old == new:
        if proof or before != after:
            raise Refuted("one size has one root, and needs no proof")
        return
    if not proof:
        raise Refuted("the proof is too short")
    start, *rest = proof if old & (old - 1) else [before, *proof]
    whole = (old & -old).bit_length() - 1  # levels of the largest subtree at the old tree's end, with which the proof begins
    first = second = start
    for left, one in _climbed((old - 1) >> whole, (new - 1) >> whole, rest):
        if left:
            first = node_hash(one, first)
        second = node_hash(one, second) if left else node_hash(second, one)
    if first != before or second != after:
        raise Refuted("the proof leads to another root")


def _climbed(place: int, last: int, proof: Sequence[bytes]) -> Iterator[tuple[bool, bytes]]:
    """Go up from a node of a level to the root, given the last node of its level: the hashes passed, and whether each is on the left."""
    for one in proof:
        if last == 0:
            raise Refuted("the proof is too long")
        left = bool(place & 1) or place == last
        yield left, one
        while left and not place & 1 and place:
            place, last = place >> 1, last >> 1
        place, last = place >> 1, last >> 1
    if last:
        raise Refuted("the proof is too short")


def _whole(hashes: Iterable[bytes]) -> None:
    if any(len(one) != HASH_BYTES for one in hashes):
        raise Refuted("the proof holds what is no hash")


# Tiles. Source: C2SP tlog-tiles.


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """A tile of a level: the hashes from index * 256 on, `width` of them, each over 256^level leaves."""

    level: int
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """Where it is published."""
        return f"tile/{self.level}/{_place(self.index, self.width)}"


def bundle_path(index: int, width: int = TILE_WIDTH) -> str:
    """Give where the leaves of a tile of level 0 are published."""
    return f"tile/entries/{_place(index, width)}"


def _place(index: int, width: int) -> str:
    parts = [f"{index % 1000:03d}"]
    while index >= 1000:  # noqa: PLR2004 - three digits are a folder
        index //= 1000
        parts.append(f"x{index % 1000:03d}")
    return "/".join(reversed(parts)) + (f".p/{width}" if width < TILE_WIDTH else "")


def tiles(old: int, new: int) -> Iterator[Tile]:
    """Give the tiles that a tree of the new size has and one of the old size had not, a level after the other."""
    level = 0
    while new:
        for index in range(old // TILE_WIDTH, -(-new // TILE_WIDTH)):
            width = min(new - index * TILE_WIDTH, TILE_WIDTH)
            if index * TILE_WIDTH + width > old:
                yield Tile(level, index, width)
        old, new, level = old // TILE_WIDTH, new // TILE_WIDTH, level + 1


def tiled(tile_at: Callable[[int, int], bytes]) -> Read:
    """Read nodes out of tiles, given a function from level and index of a tile to its bytes, of which there may be more than needed."""

    def read(level: int, index: int) -> bytes:
        below = level % TILE_HEIGHT
        first = index << below
        data = tile_at(level // TILE_HEIGHT, first // TILE_WIDTH)
        start = first % TILE_WIDTH * HASH_BYTES
        hashes = [data[at : at + HASH_BYTES] for at in range(start, start + (HASH_BYTES << below), HASH_BYTES)]
        if len(hashes[-1]) != HASH_BYTES:
            raise Refuted("a tile is too short")
        while len(hashes) > 1:
            hashes = [node_hash(hashes[at], hashes[at + 1]) for at in range(0, len(hashes), 2)]
        return hashes[0]

    return read
