"""Leaves of the log: 73 bytes, as docs/audit-format.md says."""

import hashlib

import pytest

from casework.audit.leaves import ENTRY, LEAF_BYTES, OPENED, Leaf, entry_leaf, opened_leaf

HASH = "ab" * 32


def test_a_leaf_is_laid_out_as_the_format_says() -> None:
    entry, opened = bytes(entry_leaf("00" * 16, 3, HASH)), bytes(opened_leaf("22-XD", 7, HASH))
    assert entry == b"\x01" + hashlib.sha256(b"tag/v1\0" + b"00" * 16).digest() + bytes(7) + b"\x03" + bytes.fromhex(HASH)
    assert opened == b"\x02" + hashlib.sha256(b"unit/v1\x0022-XD").digest() + bytes(7) + b"\x07" + bytes.fromhex(HASH)
    assert len(entry) == len(opened) == LEAF_BYTES == 73


@pytest.mark.parametrize("leaf", [entry_leaf("s", 1, HASH), opened_leaf("22", 2**63, HASH)])
def test_a_leaf_is_read_back(leaf: Leaf) -> None:
    assert Leaf.read(bytes(leaf)) == leaf
    assert leaf.kind in {ENTRY, OPENED}


@pytest.mark.parametrize("raw", [b"", bytes(73), b"\x01" + bytes(71), b"\x01" + bytes(73), b"\x03" + bytes(72)])
def test_what_is_no_leaf_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="73 bytes"):
        Leaf.read(raw)
