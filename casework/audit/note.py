"""Signed notes, and what a log says by them: checkpoints, the cosignatures of witnesses, and proofs of a single leaf as text.

Source: C2SP signed-note, tlog-checkpoint, tlog-cosignature (version 1, Ed25519), tlog-proof. It stores nothing and knows no clock. It
needs `cryptography` and the standard library, since a verifier carries it along.
"""

import hashlib
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from casework.audit.tree import HASH_BYTES, LARGEST, Refuted

SIGNED, COSIGNED = 0x01, 0x04  # types of signatures: of the text as it is; of the text and when a witness saw it
LONGEST = 64 * 1024  # bytes of a note
MOST_SIGNATURES = 64
KEY_BYTES, ID_BYTES, TIME_BYTES = 32, 4, 8
DASH = "\u2014 "
PROOF_HEADER = "c2sp.org/tlog-proof@v1"
NUMBER = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")

# message -> the 64 bytes of its Ed25519 signature; the key may lie elsewhere
Sign = Callable[[bytes], bytes]


class Unreadable(ValueError):
    """A text is no note, checkpoint, key or proof; its argument says what is wrong."""


@dataclass(frozen=True, slots=True)
class Key:
    """The public half of a key that signs notes: its name, the type of its signatures, and its 32 bytes."""

    name: str
    kind: int
    public: bytes

    def __post_init__(self) -> None:
        """Refuse what can be none.

        Raises:
            Unreadable: a name with a space or a plus, another type, or another length.
        """
        if not self.name or _unfit(self.name) or CONTROL.search(self.name):
            raise Unreadable("the name of a key holds neither spaces nor plus signs, and is not empty")
        if self.kind not in {SIGNED, COSIGNED} or len(self.public) != KEY_BYTES:
            raise Unreadable("a key is one of Ed25519, for signatures or for cosignatures")

    @property
    def id(self) -> bytes:
        """Four bytes that tell it from others of its name."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:ID_BYTES]

    def __str__(self) -> str:
        """Write it as a line: `name+id+base64(type, key)`."""
        return f"{self.name}+{self.id.hex()}+{b64encode(bytes([self.kind]) + self.public).decode()}"

    @classmethod
    def read(cls, text: str) -> "Key":
        """Read such a line.

        Raises:
            Unreadable: it is none.
        """
        parts = text.strip(" \t\r\n").split("+", 2)
        if len(parts) != 3:  # noqa: PLR2004 - as written above
            raise Unreadable("a key is written name+id+base64")
        raw = _unbase64(parts[2])
        key = cls(parts[0], raw[0] if raw else 0, raw[1:])
        if key.id.hex() != parts[1]:
            raise Unreadable(f"the id of the key {key.name} does not fit")
        return key


@dataclass(frozen=True, slots=True)
class Signature:
    """One line below a note."""

    name: str
    id: bytes
    signature: bytes

    def __str__(self) -> str:
        """Write it as it stands there."""
        return f"{DASH}{self.name} {b64encode(self.id + self.signature).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text, which ends with a line's end, and those who signed it. Nobody may trust it before `verified`."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        """Write it whole."""
        return f"{self.text}\n{''.join(map(str, self.signatures))}"

    def times(self, witness: Key) -> list[int]:
        """Give when a witness says that it saw the text, in seconds since 1970; `verified` tells whether these are its words."""
        return [
            int.from_bytes(one.signature[:TIME_BYTES], "big") for one in self.signatures if (one.name, one.id) == (witness.name, witness.id)
        ]

    def signed_also(self, *more: Signature) -> "Note":
        """Add signatures that it has not."""
        return Note(self.text, (*self.signatures, *(one for one in more if one not in self.signatures)))

    @classmethod
    def read(cls, text: str) -> "Note":
        """Read a note.

        Raises:
            Unreadable: it is none.
        """
        if len(text.encode(errors="surrogatepass")) > LONGEST:
            raise Unreadable(f"a note is longer than {LONGEST} bytes")
        if CONTROL.search(text) or any(0xD800 <= ord(one) <= 0xDFFF for one in text):  # noqa: PLR2004 - Unicode's
            raise Unreadable("a note holds control characters")
        body, gap, below = text.rpartition("\n\n")
        if not gap or not body or not below.endswith("\n"):
            raise Unreadable("a note is a text, an empty line and signatures")
        lines = below[:-1].split("\n")
        if len(lines) > MOST_SIGNATURES:
            raise Unreadable(f"a note has more than {MOST_SIGNATURES} signatures")
        return cls(body + "\n", tuple(map(_signature, lines)))


def _unfit(name: str) -> bool:
    """Whether the name of a key holds what none may: white space as Unicode has it, a byte order mark, or a plus sign."""
    return any(one.isspace() or one in "+\ufeff" for one in name)


def _signature(line: str) -> Signature:
    name, space, coded = line.removeprefix(DASH).partition(" ")
    if not line.startswith(DASH) or not space or not name or _unfit(name):
        raise Unreadable("a line below a note is no signature")
    raw = _unbase64(coded)
    if len(raw) <= ID_BYTES:
        raise Unreadable("a signature is too short")
    return Signature(name, raw[:ID_BYTES], raw[ID_BYTES:])


def _unbase64(text: str) -> bytes:
    """Read Base64 in its one right form: two texts never stand for the same bytes."""
    try:
        raw = b64decode(text, validate=True)
    except ValueError as error:
        raise Unreadable("what should be Base64 is none") from error
    if b64encode(raw).decode() != text:
        raise Unreadable("what should be Base64 is none")
    return raw


def signed(text: str, key: Key, sign: Sign) -> Signature:
    """Sign a text."""
    return Signature(key.name, key.id, sign(text.encode()))


def cosigned(text: str, key: Key, sign: Sign, at: int) -> Signature:
    """Cosign a checkpoint's text as seen at a time, in seconds since 1970."""
    return Signature(key.name, key.id, at.to_bytes(TIME_BYTES, "big") + sign(_cosigned(text, at)))


def _cosigned(text: str, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{text}".encode()


def verified(note: Note, keys: Iterable[Key]) -> dict[Key, int | None]:
    """Give which of these keys signed a note, a witness's with when it did, in seconds since 1970.

    Signatures of other keys are passed over, as they may be of any.

    Raises:
        Refuted: a signature by one of these keys is not its.
    """
    known = {(key.name, key.id): key for key in keys}
    found: dict[Key, int | None] = {}
    for one in note.signatures:
        key = known.get((one.name, one.id))
        if key is None:
            continue
        at, raw, message = None, one.signature, note.text.encode()
        if key.kind == COSIGNED:
            at, raw = int.from_bytes(raw[:TIME_BYTES], "big"), raw[TIME_BYTES:]
            message = _cosigned(note.text, at)
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(raw, message)
        except (InvalidSignature, ValueError) as error:
            raise Refuted(f"the signature of {key.name} is not by its key, or not of this text") from error
        found[key] = at if at is None or found.get(key) is None else max(at, found[key] or 0)
    return found


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says of itself: how many leaves its tree has, and their root."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"

    @classmethod
    def read(cls, text: str) -> "Checkpoint":
        """Read such a text. Lines behind the third are none of ours: this log writes none.

        Raises:
            Unreadable: it is none.
        """
        lines = text.split("\n")
        if len(lines) != 4 or lines[3] or not lines[0]:  # noqa: PLR2004 - three lines, each ended
            raise Unreadable("a checkpoint is three lines: origin, size, root")
        root = _unbase64(lines[2])
        if len(root) != HASH_BYTES:
            raise Unreadable("the root of a checkpoint is no hash")
        return cls(lines[0], _number(lines[1]), root)


def _number(text: str) -> int:
    if not NUMBER.fullmatch(text) or int(text) > LARGEST:
        raise Unreadable("what should be a size or an index is none")
    return int(text)


@dataclass(frozen=True, slots=True)
class Proof:
    """That a leaf is in a log: where, the hashes up to the root, and the log's checkpoint as it was signed."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: Note

    def __str__(self) -> str:
        """Write it as text."""
        return "\n".join([PROOF_HEADER, f"index {self.index}", *(b64encode(one).decode() for one in self.hashes), "", str(self.checkpoint)])

    @classmethod
    def read(cls, text: str) -> "Proof":
        """Read such a text; `extra`, which nothing vouches for, is passed over.

        Raises:
            Unreadable: it is none.
        """
        head, gap, note = text.partition("\n\n")
        first, *lines = head.split("\n")
        if first != PROOF_HEADER or not gap:
            raise Unreadable(f"a proof begins with {PROOF_HEADER}")
        if lines and lines[0].startswith("extra "):
            _unbase64(lines.pop(0).removeprefix("extra "))
        if not lines or not lines[0].startswith("index "):
            raise Unreadable("a proof names an index")
        hashes = tuple(map(_unbase64, lines[1:]))
        if any(len(one) != HASH_BYTES for one in hashes):
            raise Unreadable("a proof holds what is no hash")
        return cls(_number(lines[0].removeprefix("index ")), hashes, Note.read(note))
