"""What stands in the log: 73 bytes for each entry, and 73 more for each dossier that a unit opened.

An entry's leaf names its subject by a tag, its number and its hash, so that an entry that was left out shows as a gap in its subject's
numbers. A dossier's first entry is followed by a leaf that numbers it among those of its unit, so that a whole dossier that was left out
shows as a gap in the unit's. Source: `docs/audit-format.md`, section 7. It needs the standard library alone.
"""

import hashlib
from dataclasses import dataclass

ENTRY, OPENED = 0x01, 0x02
TAG_BYTES, NUMBER_BYTES = 32, 8
LEAF_BYTES = 1 + TAG_BYTES + NUMBER_BYTES + 32


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf: its kind, whose it is, its number there, and the hash of the entry that it is for."""

    kind: int
    tag: bytes
    number: int
    hash: bytes

    def __bytes__(self) -> bytes:
        """Write it."""
        return bytes([self.kind]) + self.tag + self.number.to_bytes(NUMBER_BYTES, "big") + self.hash

    @classmethod
    def read(cls, raw: bytes) -> "Leaf":
        """Read one.

        Raises:
            ValueError: it is none.
        """
        if len(raw) != LEAF_BYTES or raw[0] not in {ENTRY, OPENED}:
            raise ValueError("a leaf of the log is 73 bytes and begins with 1 or 2")
        number = int.from_bytes(raw[1 + TAG_BYTES : 1 + TAG_BYTES + NUMBER_BYTES], "big")
        return cls(raw[0], raw[1 : 1 + TAG_BYTES], number, raw[1 + TAG_BYTES + NUMBER_BYTES :])


def tag_of(subject: str) -> bytes:
    """Give the tag of a subject, by its id."""
    return hashlib.sha256(b"tag/v1\0" + subject.encode()).digest()


def unit_tag(unit: str) -> bytes:
    """Give the tag of a unit, by its code."""
    return hashlib.sha256(b"unit/v1\0" + unit.encode()).digest()


def entry_leaf(subject: str, seq: int, hash_: str) -> Leaf:
    """Make the leaf of an entry; its hash is hexadecimal."""
    return Leaf(ENTRY, tag_of(subject), seq, bytes.fromhex(hash_))


def opened_leaf(unit: str, number: int, hash_: str) -> Leaf:
    """Make the leaf that numbers a dossier among those that its unit opened, by the hash of its first entry."""
    return Leaf(OPENED, unit_tag(unit), number, bytes.fromhex(hash_))
