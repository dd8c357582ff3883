"""A witness: it cosigns a tree that goes on from the one it holds; anything else it refuses, and keeps what that shows.

`Trail` is a log in memory, of which tests elsewhere make files.
"""

from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from casework.audit import tree, witness
from casework.audit.note import (
    COSIGNED,
    MOST_SIGNATURES,
    SIGNED,
    Checkpoint,
    Key,
    Note,
    Signature,
    Unreadable,
    cosigned,
    signed,
    verified,
)  # fmt: skip
from casework.audit.tree import HASH_BYTES, LARGEST, TILE_WIDTH, Refuted, Tile, leaf_hash
from casework.audit.witness import FORK, NO_PROOF, NOT_ITS_KEY, OTHER_LOG, ROLLBACK, Refusal, beside, kept, witnessed

ORIGIN, AT = "giamsat.example/trail", 1_700_000_000
SHOWN = settings(print_blob=True, deadline=None)


def pair(seed: int, name: str = ORIGIN, kind: int = SIGNED) -> tuple[Key, Ed25519PrivateKey]:
    private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return Key(name, kind, private.public_key().public_bytes_raw()), private


LOG, LOG_SECRET = pair(1)
WITNESS, WITNESS_SECRET = pair(2, "witness.example", COSIGNED)
OTHER, OTHER_SECRET = pair(3, "another.example", COSIGNED)


@dataclass(frozen=True)
class Trail:
    """A log: the hashes of its leaves, and what is published of it."""

    leaves: tuple[bytes, ...]

    @classmethod
    def of(cls, size: int, word: str = "honest") -> "Trail":
        return cls(tuple(leaf_hash(f"{word} {number}".encode()) for number in range(size)))

    def grown(self, size: int, word: str = "honest") -> "Trail":
        """Go on to a size; with another word another way."""
        return Trail(self.leaves + Trail.of(size, word).leaves[len(self.leaves) :])

    @property
    def checkpoint(self) -> Checkpoint:
        return Checkpoint(ORIGIN, len(self.leaves), tree.root(self.leaves))

    @property
    def note(self) -> Note:
        return note_of(self.checkpoint)

    def files(self, old: int = 0) -> dict[str, bytes]:
        """What it published since a size."""
        return {one.path: b"".join(self._hashes(one)) for one in tree.tiles(old, len(self.leaves))}

    def _hashes(self, tile: Tile) -> list[bytes]:
        span = TILE_WIDTH**tile.level
        first = tile.index * TILE_WIDTH
        return [tree.root(self.leaves[at * span : (at + 1) * span]) for at in range(first, first + tile.width)]


def note_of(checkpoint: Checkpoint, key: Key = LOG, secret: Ed25519PrivateKey = LOG_SECRET) -> Note:
    return Note(checkpoint.text, (signed(checkpoint.text, key, secret.sign),))


def asked(trail: Trail | Note | str, held: Trail | None = None, files: dict[str, bytes] | None = None, log: Key = LOG) -> Note | None:
    """Ask for a cosignature of what a log shows, by a witness that holds what it showed before."""
    note = trail.note if isinstance(trail, Trail) else trail
    there = trail.files() if files is None and isinstance(trail, Trail) else files or {}
    return witnessed(log, held.checkpoint if held else None, str(note), there.get, WITNESS, WITNESS_SECRET.sign, AT)


def refused(*given: Any, code: str, **more: Any) -> Refusal:  # noqa: ANN401 - as `asked` takes them
    with pytest.raises(Refusal) as caught:
        asked(*given, **more)
    assert caught.value.code == code
    assert str(caught.value).startswith(f"{code}: ")
    return caught.value


def proves(evidence: str) -> bool:
    """Judge evidence by itself, with the log's key alone: does it show that the log signed what contradicts itself?"""
    parts = evidence.split("\n\n")
    notes = [Note.read(f"{parts[0]}\n\n{parts[1]}\n"), Note.read(f"{parts[2]}\n\n{parts[3].rstrip()}\n")]
    assert all(verified(note, [LOG]) == {LOG: None} for note in notes)
    held, found = (Checkpoint.read(note.text) for note in notes)
    if held.size == found.size:
        return held.root != found.root
    if len(parts) == 4:
        return False
    begins, *proof = [b64decode(line) for line in parts[4].split()]
    tree.consistent(held.size, found.size, begins, found.root, proof)
    return begins != held.root


def test_the_first_checkpoint_is_taken_when_its_tiles_lead_to_it() -> None:
    for size in (0, 1, 2, 7, 255, 256, 257, 600):
        note = asked(Trail.of(size))
        assert note
        assert Note.read(str(note)) == note
        assert note.text == Trail.of(size).note.text
        assert verified(note, [LOG, WITNESS]) == {LOG: None, WITNESS: AT}


@pytest.mark.parametrize("size", [0, 1, 7, 256, 600])
def test_the_first_checkpoint_must_be_that_of_the_tiles(size: int) -> None:
    wrong = note_of(Checkpoint(ORIGIN, size, bytes(HASH_BYTES)))
    assert refused(wrong, files=Trail.of(size).files(), code=NO_PROOF).note == wrong
    if size:
        refused(Trail.of(size), files={}, code=NO_PROOF)


@SHOWN
@given(st.integers(0, 700), st.integers(0, 700))
def test_a_tree_that_goes_on_is_cosigned_and_no_other(one: int, other: int) -> None:
    old, new = sorted((one, other))
    before, after = Trail.of(old), Trail.of(new)
    note = asked(after, before)
    if old == new:
        assert note is None
    else:
        assert note
        assert verified(note, [LOG, WITNESS]) == {LOG: None, WITNESS: AT}
        assert refused(before, after, code=ROLLBACK).note == before.note
    if old:
        for changed in {0, old // 2, old - 1}:
            rewritten = Trail((*after.leaves[:changed], leaf_hash(b"another"), *after.leaves[changed + 1 :]))
            refusal = refused(rewritten, before, code=FORK)
            assert proves(refusal.evidence(before.note))


def test_the_same_tree_is_nothing_new() -> None:
    for size in (0, 1, 300):
        assert asked(Trail.of(size), Trail.of(size), files={}) is None


def test_everything_goes_on_from_an_empty_tree() -> None:
    assert asked(Trail.of(5), Trail.of(0))
    with pytest.raises(Refusal, match=FORK):
        witnessed(LOG, Checkpoint(ORIGIN, 0, bytes(32)), str(Trail.of(5).note), Trail.of(5).files().get, WITNESS, WITNESS_SECRET.sign, AT)


def test_tiles_that_lead_elsewhere_prove_nothing() -> None:
    """As when what is shown is the honest tree, and what is signed is another."""
    before, after = Trail.of(300), Trail.of(400)
    forged = Trail.of(400, "forged")
    refusal = refused(forged.note, before, after.files(), code=NO_PROOF)
    assert refusal.note == forged.note
    assert not proves(refusal.evidence(before.note))
    assert not proves(refused(before, after, code=ROLLBACK).evidence(after.note))


def test_a_tile_that_is_missing_short_or_other_is_no_proof() -> None:
    before, after = Trail.of(255), Trail.of(600)
    files = after.files()
    needed = [path for path in files if _refusal(after, before, {**files, path: b""})]
    assert needed == ["tile/0/000", "tile/0/002.p/88", "tile/1/000.p/2"]
    for path in needed:
        for data in (files[path][:-1], bytes(len(files[path]))):
            assert _refusal(after, before, {**files, path: data}) in {NO_PROOF, FORK}
        assert _refusal(after, before, {name: data for name, data in files.items() if name != path}) == NO_PROOF


def _refusal(after: Trail, before: Trail, files: dict[str, bytes]) -> str | None:
    try:
        asked(after.note, before, files)
    except Refusal as refusal:
        return refusal.code
    return None


def test_a_whole_tile_serves_where_its_part_was_removed() -> None:
    before, after = Trail.of(100), Trail.of(200)
    files = Trail.of(256).files()
    assert "tile/0/000.p/200" not in files
    assert asked(after.note, before, files)


def test_a_tree_may_be_as_large_as_a_size_can_be() -> None:
    refused(note_of(Checkpoint(ORIGIN, LARGEST, bytes(32))), Trail.of(3), code=NO_PROOF)


# Whose it is.


def test_only_the_log_s_own_signature_counts() -> None:
    trail, (stranger, secret) = Trail.of(3), pair(4)
    for note in (
        note_of(trail.checkpoint, stranger, secret),
        note_of(trail.checkpoint, *pair(1, "another.example/trail")),
        Note(trail.checkpoint.text, (Signature(ORIGIN, LOG.id, bytes(64)),)),
        Note(trail.checkpoint.text, (*trail.note.signatures, Signature(ORIGIN, LOG.id, bytes(64)))),
        Note(trail.checkpoint.text, (cosigned(trail.checkpoint.text, pair(1, kind=COSIGNED)[0], LOG_SECRET.sign, AT),)),
    ):
        assert refused(note, files=trail.files(), code=NOT_ITS_KEY).note is None


def test_a_checkpoint_of_another_log_is_refused_by_any_key() -> None:
    other = Checkpoint("another.example/trail", 3, Trail.of(3).checkpoint.root)
    for note in (note_of(other), note_of(other, *pair(1, other.origin))):
        assert refused(note, files=Trail.of(3).files(), code=OTHER_LOG).note is None


@pytest.mark.parametrize("text", ["", "nonsense", str(Note("a\n\nb\n", Trail.of(1).note.signatures))])
def test_what_is_no_checkpoint_is_unreadable(text: str) -> None:
    with pytest.raises(Unreadable):
        asked(text)


def test_others_signatures_are_left_out_so_that_there_is_always_room() -> None:
    trail = Trail.of(3)
    strangers = [signed(trail.note.text, key, secret.sign) for key, secret in (pair(seed, "a.example") for seed in range(4, 70))]
    for signatures in ((*strangers[: MOST_SIGNATURES - 1], *trail.note.signatures), trail.note.signatures * MOST_SIGNATURES):
        note = asked(Note(trail.note.text, signatures), files=trail.files())
        assert note == trail.note.signed_also(cosigned(trail.note.text, WITNESS, WITNESS_SECRET.sign, AT))


@SHOWN
@given(st.data())
def test_no_bit_of_a_checkpoint_can_be_flipped(data: st.DataObject) -> None:
    before, after = Trail.of(5), Trail.of(9)
    raw = bytearray(str(after.note).encode())
    bit = data.draw(st.integers(0, 8 * len(raw) - 1))
    raw[bit // 8] ^= 1 << bit % 8
    with pytest.raises((Unreadable, Refusal)):
        asked(raw.decode(errors="surrogateescape"), before, after.files())


# What is held.


def test_what_is_held_is_what_was_given() -> None:
    trail = Trail.of(3)
    note = asked(trail)
    assert kept(LOG, WITNESS, str(note)) == (trail.checkpoint, note)


def test_what_is_held_is_the_witness_s_own() -> None:
    note = asked(Trail.of(3))
    assert note
    theirs = Trail.of(3).note.signed_also(cosigned(note.text, OTHER, OTHER_SECRET.sign, AT))
    for wrong in (Trail.of(3).note, theirs, Note(Trail.of(4).note.text, note.signatures)):
        with pytest.raises(Refuted):
            kept(LOG, WITNESS, str(wrong))
    for key in (pair(4)[0], pair(1, "another.example/trail")[0]):
        with pytest.raises(Refusal, match="OTHER_LOG"):
            kept(key, WITNESS, str(note))
    foreign = Checkpoint("another.example/trail", 3, bytes(32)).text
    both = Note(foreign, (signed(foreign, LOG, LOG_SECRET.sign), cosigned(foreign, WITNESS, WITNESS_SECRET.sign, AT)))
    with pytest.raises(Refusal, match="OTHER_LOG"):
        kept(LOG, WITNESS, str(both))


@SHOWN
@given(st.data())
def test_no_bit_of_what_is_held_can_be_flipped(data: st.DataObject) -> None:
    raw = bytearray(str(asked(Trail.of(3))).encode())
    bit = data.draw(st.integers(0, 8 * len(raw) - 1))
    raw[bit // 8] ^= 1 << bit % 8
    with pytest.raises((Unreadable, Refuted, Refusal)):
        kept(LOG, WITNESS, raw.decode(errors="surrogateescape"))


# Beside others.


def other(trail: Trail) -> Note:
    return trail.note.signed_also(cosigned(trail.note.text, OTHER, OTHER_SECRET.sign, AT + 5))


def test_other_witnesses_lines_stay_and_all_come_to_the_same() -> None:
    trail = Trail.of(3)
    mine = asked(trail)
    assert mine
    both = beside(LOG, WITNESS, mine, str(other(trail)))
    assert verified(both, [LOG, WITNESS, OTHER]) == {LOG: None, WITNESS: AT, OTHER: AT + 5}
    assert beside(LOG, WITNESS, mine, str(both)) == beside(LOG, OTHER, other(trail), str(both)) == both


def test_what_is_not_to_be_trusted_gives_way() -> None:
    trail = Trail.of(3)
    mine = asked(trail)
    assert mine
    bad = Signature(ORIGIN, LOG.id, bytes(64))
    full = Note(trail.note.text, tuple(Signature("a", bytes([at, 0, 0, 0]), bytes(64)) for at in range(MOST_SIGNATURES)))
    forged = Trail.of(3, "forged").checkpoint
    for there in ("", "nonsense", other(trail).signed_also(bad), full, note_of(forged, *pair(4)), Trail.of(4, "forged").note):
        assert beside(LOG, WITNESS, mine, str(there)) == mine


def test_another_tree_that_another_witness_was_shown_is_a_fork() -> None:
    mine, forged = asked(Trail.of(3)), Trail.of(3, "forged")
    assert mine
    with pytest.raises(Refusal, match=FORK) as caught:
        beside(LOG, WITNESS, mine, str(other(forged)))
    assert proves(caught.value.evidence(mine).replace(str(other(forged)), str(forged.note)))


# Mutants.


def shown(trails: Sequence[Trail]) -> None:
    """Show trees to one witness, each with its own tiles and with honest ones: what it cosigns is one tree that grows."""
    held: Trail | None = None
    for trail in trails:
        for files in (trail.files(), Trail.of(len(trail.leaves)).files()):
            try:
                note = asked(trail.note, held, files)
            except Refusal:
                continue
            if note is not None:
                assert held is None or trail.leaves[: len(held.leaves)] == held.leaves, "two trees were cosigned"
                held = trail
    assert held == Trail.of(400), "the honest log was not"


TREES = [Trail.of(size, word) for size, word in ((5, "honest"), *((size, word) for size in (5, 300, 400) for word in ("forged", "honest")))]


def test_one_tree_is_cosigned() -> None:
    shown(TREES)


def test_a_witness_that_does_not_compare_roots_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(log: Key, held: Checkpoint | None, text: str, *more: Any) -> Note | None:  # noqa: ANN401 - as before
        same = held and Checkpoint.read(Note.read(text).text).size == held.size
        return witnessed(log, None if same else held, text, *more)

    monkeypatch.setitem(globals(), "asked", _asking(forgetful))
    with pytest.raises(AssertionError, match="two trees"):
        shown(TREES)


def test_a_witness_that_does_not_check_the_proof_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither that it leads to the checkpoint, nor what it begins with, may be left out."""
    with monkeypatch.context() as patch:
        patch.setattr(tree, "consistent", lambda *_: None)
        with pytest.raises(AssertionError, match="two trees"):
            shown(TREES)
    usual = witness._beginning
    monkeypatch.setattr(witness, "_beginning", lambda old, found, read: (Trail.of(old).checkpoint.root, usual(old, found, read)[1]))
    with pytest.raises(AssertionError, match="two trees"):
        shown(TREES)


def _asking(ask: Any) -> Any:  # noqa: ANN401 - functions
    def asked(note: Note, held: Trail | None, files: dict[str, bytes]) -> Note | None:
        found: Note | None = ask(LOG, held.checkpoint if held else None, str(note), files.get, WITNESS, WITNESS_SECRET.sign, AT)
        return found

    return asked


def test_what_is_held_is_cosigned_again_when_its_cosignature_is_old() -> None:
    trail = Trail.of(5)
    held = witnessed(LOG, None, str(trail.note), trail.files().get, WITNESS, WITNESS_SECRET.sign, AT)
    assert held
    assert witness.renewed(LOG, WITNESS, held, WITNESS_SECRET.sign, AT + 3600, 3600) is None
    again = witness.renewed(LOG, WITNESS, held, WITNESS_SECRET.sign, AT + 3601, 3600)
    assert again
    assert verified(again, [LOG, WITNESS]) == {LOG: None, WITNESS: AT + 3601}
    both = beside(LOG, WITNESS, again, str(held))
    assert (both, len(both.signatures)) == (again, 2), "the older one goes"
