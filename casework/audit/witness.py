"""What a witness of a log does: it cosigns a checkpoint that goes on from the one it holds, and no other.

Source: C2SP tlog-witness, section add-checkpoint, whose rules it keeps; but it makes the proof itself, out of the tiles, so that the log
need not know of it. It stores nothing and knows no clock: who calls it holds what was cosigned, durably, before anybody is shown it. It
needs `cryptography` and the standard library, since a verifier carries it along.
"""

from base64 import b64encode
from collections.abc import Callable
from functools import cache

from casework.audit import tree
from casework.audit.note import Checkpoint, Key, Note, Sign, Unreadable, cosigned, verified
from casework.audit.tree import TILE_HEIGHT, TILE_WIDTH, Frontier, Read, Refuted, Tile

NOT_ITS_KEY, OTHER_LOG, ROLLBACK, FORK, NO_PROOF = "NOT_ITS_KEY", "OTHER_LOG", "ROLLBACK", "FORK", "NO_PROOF"
SHOWN = 80  # characters of a name that nobody vouches for

# where something is published -> what is there, None when nothing is
Fetch = Callable[[str], bytes | None]


class Refusal(Exception):
    """What is not cosigned, why, and what to do about it: a stable code, and whatever the log signed that speaks against it."""

    def __init__(self, code: str, message: str, note: Note | None = None, hashes: tuple[bytes, ...] = ()) -> None:
        """Keep the log's note, and the hashes that show what is wrong with it."""
        super().__init__(f"{code}: {message}")
        self.code = code
        self.note = note
        self.hashes = hashes

    def evidence(self, held: Note) -> str:
        """Write what is to be kept: the note that was held, the other one, and the hashes if there are any, with empty lines between."""
        hashes = "".join(f"{b64encode(one).decode()}\n" for one in self.hashes)
        return "\n".join([str(held), str(self.note), *([hashes] if hashes else [])])


def witnessed(log: Key, held: Checkpoint | None, text: str, fetch: Fetch, by: Key, sign: Sign, at: int) -> Note | None:
    """Cosign a log's newest checkpoint, as it was published, at a time in seconds since 1970; with nothing held it is the first.

    Gives it with the log's signature and the witness's and no others, None when it is the one that is held.

    Raises:
        Unreadable: it is no note, or no checkpoint.
        Refusal: it is not the log's, or does not go on from what is held.
    """
    found, note = _signed(log, text)
    if held and found.size < held.size:
        raise Refusal(
            ROLLBACK,
            f"the log shows {found.size} leaves, and {held.size} were cosigned: it was restored from a backup, is shown from an old copy "
            "or hides entries; keep both checkpoints and ask its operator",
            note,
        )
    if held and found.size == held.size:
        if found.root != held.root:
            raise _forked(note, found.size)
        return None
    _gone_on(held, found, note, tree.tiled(_tiles(found.size, fetch)))
    return note.signed_also(cosigned(note.text, by, sign, at))


def renewed(log: Key, by: Key, held: Note, sign: Sign, at: int, age: int) -> Note | None:
    """Cosign what is held anew, since nothing has come to the log; None while the cosignature is no older than that many seconds.

    Raises:
        Refuted: as `kept`.
    """
    seen = verified(held, [log, by])[by]
    if seen is None or at - seen <= age:
        return None
    signed = tuple(one for one in held.signatures if (one.name, one.id) == (log.name, log.id))
    return Note(held.text, signed).signed_also(cosigned(held.text, by, sign, at))


def kept(log: Key, by: Key, text: str) -> tuple[Checkpoint, Note]:
    """Read what a witness holds: a note that it gave itself.

    Raises:
        Unreadable: it is none.
        Refuted: the witness's own signature is missing, or one is not by its key.
        Refusal: it is of another log.
    """
    note = Note.read(text)
    found = Checkpoint.read(note.text)
    signers = verified(note, [log, by])
    if by not in signers:
        raise Refuted(f"{by.name} did not cosign it")
    if log not in signers or found.origin != log.name:
        raise Refusal(OTHER_LOG, f"what is held is of {found.origin[:SHOWN]}, and not by the key {log}; give each log a folder of its own")
    return found, note


def beside(log: Key, by: Key, note: Note, there: str) -> Note:
    """Put a cosigned note beside what other witnesses published under its size: their lines stay if they are below the same text.

    What cannot be read or verified gives way.

    Raises:
        Refusal: another tree of that size, signed by the log, is there.
    """
    try:
        other = Note.read(there)
        signers, size = verified(other, [log, by]), Checkpoint.read(other.text).size
        if other.text == note.text:
            mine = {(one.name, one.id) for one in note.signatures if one not in other.signatures}
            others = tuple(one for one in other.signatures if (one.name, one.id) not in mine)  # An older one of ours goes.
            return Note.read(str(Note(other.text, others).signed_also(*note.signatures)))
    except (Unreadable, Refuted):
        return note
    if log in signers and size == Checkpoint.read(note.text).size:
        raise _forked(other, size)
    return note


def _signed(log: Key, text: str) -> tuple[Checkpoint, Note]:
    """Read a checkpoint of the log; gives it with the first of the log's signatures alone, so that there is room for another."""
    note = Note.read(text)
    found = Checkpoint.read(note.text)
    if found.origin != log.name:
        raise Refusal(
            OTHER_LOG, f"the checkpoint is of {found.origin[:SHOWN]}, and the key of {log.name}; give the place and the key of one log"
        )
    try:
        signers = verified(note, [log])
    except Refuted as error:
        raise Refusal(NOT_ITS_KEY, f"{error}; whoever wrote it is not the log: tell its operator") from error
    if not signers:
        raise Refusal(NOT_ITS_KEY, f"the checkpoint is not signed by {log}; compare that key with the one that the log's operator gives")
    return found, Note(note.text, next((one,) for one in note.signatures if (one.name, one.id) == (log.name, log.id)))


def _gone_on(held: Checkpoint | None, found: Checkpoint, note: Note, read: Read) -> None:
    """Check that a checkpoint's tree is the one in the tiles, and begins with the one that is held."""
    old = held.size if held else 0
    try:
        begins, proof = _beginning(old, found, read)
    except Refuted as error:
        raise Refusal(
            NO_PROOF,
            f"the tiles of the log do not lead to its checkpoint of {found.size} leaves: {error}; have its operator publish them, "
            "and look again",
            note,
        ) from error
    if held and begins != held.root:
        raise Refusal(
            FORK,
            f"the tree of {found.size} leaves does not begin with the one of {old} that was cosigned: the log was rewritten; keep both "
            "checkpoints and the hashes, which prove it to anybody, and show them to whoever relies on the log",
            note,
            (begins, *proof),
        )


def _beginning(old: int, found: Checkpoint, read: Read) -> tuple[bytes, list[bytes]]:
    """Give the root over the first leaves of a checkpoint's tree, and the proof that it begins with them; with none, all begin.

    Raises:
        Refuted: what is read is no tree with the checkpoint's root.
    """
    begins = _root(old, read)
    if old:
        proof = tree.consistency(old, found.size, read)
        tree.consistent(old, found.size, begins, found.root, proof)
        return begins, proof
    if _root(found.size, read) != found.root:
        raise Refuted("they lead to another root")
    return begins, []


def _forked(note: Note, size: int) -> Refusal:
    return Refusal(
        FORK,
        f"the log signed two trees of {size} leaves; keep both checkpoints, which prove it to anybody, and show them to whoever relies "
        "on the log",
        note,
    )


def _root(size: int, read: Read) -> bytes:
    """Give the root over the first leaves of a tree."""
    return Frontier(size, [read(level, (size >> level) - 1) for level in reversed(range(size.bit_length())) if size >> level & 1]).root


def _tiles(size: int, fetch: Fetch) -> Callable[[int, int], bytes]:
    """Give a function that reads the tiles of a tree of some size, each once; a whole one may have taken the place of a part of it."""

    @cache
    def read(level: int, index: int) -> bytes:
        tile = Tile(level, index, min(TILE_WIDTH, (size >> TILE_HEIGHT * level) - index * TILE_WIDTH))
        data = fetch(tile.path)
        if data is None and tile.width < TILE_WIDTH:
            data = fetch(Tile(level, index).path)
        if data is None:
            raise Refuted(f"{tile.path} is not there")
        return data

    return read
