"""Signed notes: written and read back, by the rules of C2SP, and refused in every other form."""

import os
from base64 import b64encode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from casework.audit import tree
from casework.audit.note import (
    COSIGNED,
    LONGEST,
    MOST_SIGNATURES,
    SIGNED,
    Checkpoint,
    Key,
    Note,
    Proof,
    Signature,
    Unreadable,
    cosigned,
    signed,
    verified,
)  # fmt: skip
from casework.audit.tree import Refuted, leaf_hash

TESSERA = Path(__file__).parents[4] / "shared" / "data" / "vectors" / "tessera" / "testdata" / "log"
TESSERA_KEY = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"  # the public key of that test log
ORIGIN, AT = "giamsat.example/trail", 1_700_000_000


def pair(seed: int, name: str = ORIGIN, kind: int = SIGNED) -> tuple[Key, Ed25519PrivateKey]:
    private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return Key(name, kind, private.public_key().public_bytes_raw()), private


LOG, LOG_SECRET = pair(1)
WITNESS, WITNESS_SECRET = pair(2, "witness.example", COSIGNED)
CHECKPOINT = Checkpoint(ORIGIN, 5, bytes(range(32)))
NOTE = Note(CHECKPOINT.text, (signed(CHECKPOINT.text, LOG, LOG_SECRET.sign),))
BOTH = NOTE.signed_also(cosigned(CHECKPOINT.text, WITNESS, WITNESS_SECRET.sign, AT))


def test_a_checkpoint_is_written_as_the_specification_says() -> None:
    lines = str(BOTH).split("\n")
    assert lines[:4] == [ORIGIN, "5", b64encode(bytes(range(32))).decode(), ""]
    assert [line.split(" ")[:2] for line in lines[4:6]] == [["\u2014", ORIGIN], ["\u2014", "witness.example"]]
    assert lines[6:] == [""]
    assert Note.read(str(BOTH)) == BOTH
    assert Checkpoint.read(BOTH.text) == CHECKPOINT


def test_who_signed_is_told_and_a_witness_with_its_time() -> None:
    assert verified(BOTH, [LOG, WITNESS]) == {LOG: None, WITNESS: AT}
    assert verified(BOTH, [WITNESS]) == {WITNESS: AT}
    assert verified(NOTE, [WITNESS]) == verified(BOTH, []) == {}
    again = BOTH.signed_also(cosigned(CHECKPOINT.text, WITNESS, WITNESS_SECRET.sign, AT + 9), *BOTH.signatures)
    assert len(again.signatures) == 3
    assert verified(again, [LOG, WITNESS]) == {LOG: None, WITNESS: AT + 9}


def test_signatures_of_others_are_passed_over() -> None:
    stranger, secret = pair(3)  # of the same name
    other, other_secret = pair(1, "another")  # of the same bytes
    note = NOTE.signed_also(signed(NOTE.text, stranger, secret.sign), signed(NOTE.text, other, other_secret.sign))
    assert verified(note, [LOG]) == {LOG: None}
    assert verified(note, [pair(4)[0]]) == {}


@pytest.mark.parametrize("kind", [SIGNED, COSIGNED])
def test_one_that_is_not_by_its_key_refutes_the_note(kind: int) -> None:
    key, _ = pair(1, kind=kind)
    for wrong in (LOG_SECRET.sign(b"another text"), WITNESS_SECRET.sign(NOTE.text.encode()), b"short", b"\0" * 80):
        with pytest.raises(Refuted, match=ORIGIN):
            verified(Note(NOTE.text, (Signature(ORIGIN, key.id, wrong),)), [key])


def test_a_cosignature_is_no_signature_and_is_of_its_own_time() -> None:
    (seen,) = BOTH.signatures[1:]
    for at in (0, AT + 1):
        late = Signature(seen.name, seen.id, at.to_bytes(8, "big") + seen.signature[8:])
        with pytest.raises(Refuted):
            verified(Note(NOTE.text, (late,)), [WITNESS])


@settings(print_blob=True, deadline=None)
@given(st.integers(0, 8 * len(str(BOTH).encode()) - 1))
def test_no_bit_of_a_note_can_be_flipped(bit: int) -> None:
    raw = bytearray(str(BOTH).encode())
    raw[bit // 8] ^= 1 << bit % 8
    try:
        note = Note.read(raw.decode())
        found = verified(note, [LOG, WITNESS])
        Checkpoint.read(note.text)
    except (UnicodeDecodeError, Unreadable, Refuted):
        return
    assert found != {LOG: None, WITNESS: AT}


# Keys.


def test_a_key_is_written_and_read_back() -> None:
    for key in (LOG, WITNESS):
        assert Key.read(f" {key}\n") == key
    assert str(LOG).startswith(f"{ORIGIN}+{LOG.id.hex()}+")
    assert pair(1, kind=COSIGNED)[0].id != LOG.id


@pytest.mark.parametrize(
    "text",
    ["", "a", "a+b", str(LOG).replace("trail", "other"), str(LOG)[:-1], str(LOG) + "A", "a b+00000000+AQ==", "+00000000+AQ==",
     "a+00000000+", f"a+00000000+{b64encode(bytes([1]) + bytes(31)).decode()}", f"a+00000000+{b64encode(bytes([9]) + bytes(32)).decode()}"],
)  # fmt: skip
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        Key.read(text)


# Notes, checkpoints and proofs in every wrong form.

BODY, SIGNATURE = CHECKPOINT.text, str(NOTE.signatures[0])


@pytest.mark.parametrize(
    "text",
    ["", "\n\n", f"\n\n{SIGNATURE}", BODY, f"{BODY}\n", f"{BODY}{SIGNATURE}", f"{BODY}\n{SIGNATURE[:-1]}",
     f"{BODY}\n{SIGNATURE}x",
     f"{BODY}\n{SIGNATURE}\n", f"{BODY}\n{SIGNATURE[2:]}", f"{BODY}\n\u2014 a\n", f"{BODY}\n\u2014 a b\n",
     f"{BODY}\n\u2014 a+b AAAAAAAA\n",
     f"{BODY}\n\u2014  AAAAAAAA\n", f"{BODY}\n\u2014 a AAAA\n", f"{BODY}\n\u2014 a AAAAAAB=\n", f"a\rb\n\n{SIGNATURE}",
     f"a\x00\n\n{SIGNATURE}", f"a\ud800\n\n{SIGNATURE}", f"{BODY}\n{SIGNATURE * (MOST_SIGNATURES + 1)}", "x" * (LONGEST + 1)],
)  # fmt: skip
def test_what_is_no_note_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        Note.read(text)


def test_a_text_may_have_empty_lines() -> None:
    text = f"a\n\nb\n\n{SIGNATURE}"
    assert Note.read(text).text == "a\n\nb\n"
    assert str(Note.read(text)) == text


ROOT = b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "text",
    ["", "a\n", "a\n1\n", f"\n1\n{ROOT}\n", f"a\n01\n{ROOT}\n", f"a\n-1\n{ROOT}\n", f"a\n1.0\n{ROOT}\n", f"a\n\u0661\n{ROOT}\n",
     f"a\n1\n{ROOT}",
     f"a\n1\n{ROOT}\nmore\n", "a\n1\nAAAA\n", f"a\n1\n{ROOT[:-1]}\n", f"a\n9223372036854775808\n{ROOT}\n",
     f"a\n99999999999999999999\n{ROOT}\n"],
)  # fmt: skip
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        Checkpoint.read(text)


PROOF = Proof(3, (bytes(32), bytes([1]) * 32), BOTH)


def test_a_proof_is_written_as_the_specification_says() -> None:
    lines = str(PROOF).split("\n")
    assert lines[:5] == ["c2sp.org/tlog-proof@v1", "index 3", ROOT, b64encode(bytes([1]) * 32).decode(), ""]
    assert "\n".join(lines[5:]) == str(BOTH)
    for one in (PROOF, Proof(0, (), NOTE)):
        assert Proof.read(str(one)) == one
    assert Proof.read(str(PROOF).replace("index", "extra AAAA\nindex")) == PROOF


@pytest.mark.parametrize(
    "change",
    [("c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v2"), ("index 3", "index 03"), ("index 3\n", ""), ("index", "extra AAA\nindex"),
     (ROOT, "AAAA"), (ROOT, "!"), ("\n\n", "\n")],
)  # fmt: skip
def test_what_is_no_proof_is_refused(change: tuple[str, str]) -> None:
    with pytest.raises(Unreadable):
        Proof.read(str(PROOF).replace(*change))


def test_a_proof_proves_by_itself() -> None:
    leaves = [leaf_hash(os.urandom(8)) for _ in range(5)]
    read = lambda level, index: tree.root(leaves[index << level : (index + 1) << level])  # noqa: E731
    checkpoint = Checkpoint(ORIGIN, 5, tree.root(leaves))
    note = Note(checkpoint.text, (signed(checkpoint.text, LOG, LOG_SECRET.sign),))
    text = str(Proof(3, tuple(tree.inclusion(3, 5, read)), note))
    found = Proof.read(text)
    assert verified(found.checkpoint, [LOG]) == {LOG: None}
    seen = Checkpoint.read(found.checkpoint.text)
    tree.included(found.index, seen.size, leaves[3], found.hashes, seen.root)


# A public log.


@pytest.mark.skipif(not TESSERA.is_dir(), reason="the shared vectors are absent")
def test_the_log_of_tessera_is_read_and_grows() -> None:
    """Its checkpoints by its key; its leaves and tiles give their roots; each size is consistent with the ones before."""
    key = Key.read(TESSERA_KEY)
    roots: list[bytes] = []
    for size in range(16):
        note = Note.read((TESSERA / f"checkpoint.{size}").read_text())
        assert verified(note, [key]) == {key: None}
        found = Checkpoint.read(note.text)
        assert (found.origin, found.size) == ("example.com/log/testdata", size)
        leaves, rest = [], (TESSERA / tree.bundle_path(0, size)).read_bytes() if size else b""
        while rest:
            length = int.from_bytes(rest[:2], "big")
            leaves.append(leaf_hash(rest[2 : 2 + length]))
            rest = rest[2 + length :]
        assert tree.root(leaves) == found.root
        for one in tree.tiles(0, size):
            assert (TESSERA / one.path).read_bytes() == b"".join(leaves)
        read = tree.tiled(lambda level, index, size=size: (TESSERA / tree.Tile(level, index, size).path).read_bytes())  # type: ignore[misc]
        for old in range(1, size):
            tree.consistent(old, size, roots[old], found.root, tree.consistency(old, size, read))
        roots.append(found.root)
