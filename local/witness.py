"""A witness of a log, in a folder of its own: its key, the checkpoint that it cosigned last, and what speaks against the log.

Layout: `witness.pem` and `witness.vkey` (the key, and its public line for others), `held` (the note that was cosigned last, or that there
is none), `evidence/`, `lock`. What is cosigned is held, on the disk, before anybody is shown it: a witness that was killed in between must
not cosign another tree. Format: `docs/witness.md`.
"""

import fcntl
import http.client
import os
import secrets
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from casework.adapters.vault import FolderVault
from casework.audit import note as notes
from casework.audit.note import COSIGNED, LONGEST, SIGNED, Checkpoint, Key, Note
from casework.audit.tree import Refuted
from casework.audit.witness import Fetch, Refusal, beside, kept, renewed, witnessed
from casework.model.errors import Unavailable, Unreadable
from local.faults import LocalError

NAME = "giamsat.witness"
WEB = ("http://", "https://")
ANSWER_S = 10
NOT_FOUND = 404
RENEWED_S = 3600  # after which the same checkpoint is cosigned again: whoever verifies may ask for one that is not old
OWN, PUBLIC = 0o600, 0o644  # who may read a file
NOTHING = "nothing was cosigned yet\n"
KINDS = {SIGNED: "log", COSIGNED: "witness"}
ANOTHER = (
    "begin another witness in a folder of its own, or put back exactly what was there last, and no older copy: this one must not begin anew"
)


class Witness:
    """A witness whose folder this process has taken: see `opened`."""

    def __init__(self, folder: Path, key: Key, private: Ed25519PrivateKey) -> None:
        """Work in a folder with the key that lies there."""
        self.folder = folder
        self.key = key
        self._private = private

    def look(self, log: Key, where: str, to: Path) -> int | None:
        """Look once at a log that is published somewhere, and publish what is cosigned in a folder.

        It is `cosigned/<size>` there, and the largest is `cosigned/newest`, too. Gives its size, None when there is nothing new. What was
        held and not published, as after a crash, is published first.

        Raises:
            LocalError: it does not go on from what is held, or what is held is damaged. The message says where the evidence is.
            Unreadable: what is published as its checkpoint is none.
            Unavailable: it does not answer, or has no checkpoint.
        """
        try:
            held = self._held(log)
            size = held[0].size if held and self._publish(log, held[1], to) else None
            fetch = source(where)
            text = fetch("checkpoint")
            if text is None:
                raise Unavailable(f"there is no checkpoint of a log in {where}")
            seen, now = held[0] if held else None, int(time.time())
            note = witnessed(log, seen, text.decode(errors="surrogateescape"), fetch, self.key, self._private.sign, now)
            if note is None and held is not None:
                note = renewed(log, self.key, held[1], self._private.sign, now, RENEWED_S)
            if note is not None:
                self._hold(note)
                self._publish(log, note, to)
                size = Checkpoint.read(note.text).size
        except notes.Unreadable as error:
            raise Unreadable(f"the checkpoint in {where} cannot be read: {error}") from error
        except Refusal as refusal:
            file = self._evidence(log, refusal)
            raise LocalError(f"{refusal}{f'; the evidence is in {file}' if file else ''}") from refusal
        return size

    def watch(self, log: Key, where: str, to: Path, every: float, tell: Callable[[int], None]) -> None:
        """Look again and again, telling of each size that is cosigned, until something is refused; what does not answer is waited for."""
        said = ""
        while True:
            try:
                size = self.look(log, where, to)
                said = ""
                if size is not None:
                    tell(size)
            except Unavailable as error:
                if said != str(error):
                    said = str(error)
                    print(f"giamsat: {said}; looking again every {every:g} s", file=sys.stderr, flush=True)
            time.sleep(every)

    def _held(self, log: Key) -> tuple[Checkpoint, Note] | None:
        file = self.folder / "held"
        try:
            text = _read(file)
            return kept(log, self.key, text) if text != NOTHING else None
        except FileNotFoundError as error:
            raise LocalError(f"{file} is missing; {ANOTHER}") from error
        except (notes.Unreadable, Refuted) as error:
            raise LocalError(f"{file} is damaged: {error}; {ANOTHER}") from error

    def _hold(self, note: Note) -> None:
        _written(self.folder / "held", str(note), PUBLIC)

    def _publish(self, log: Key, note: Note, to: Path) -> bool:
        """Publish a cosigned note; gives whether that was left to do."""
        folder, size = to / "cosigned", Checkpoint.read(note.text).size
        folder.mkdir(parents=True, exist_ok=True)
        file, newest = folder / str(size), folder / "newest"
        with _alone(folder):  # other witnesses publish there, too
            there, known = (_read(one) if one.exists() else "" for one in (file, newest))
            whole = str(beside(log, self.key, note, there))
            if whole != there:
                _written(file, whole, PUBLIC)
            if known != whole and _size(known) <= size:
                _written(newest, whole, PUBLIC)
        return whole != there

    def _evidence(self, log: Key, refusal: Refusal) -> Path | None:
        """Keep two notes that contradict each other, if there are two; what was kept before stays."""
        held = self._held(log) if refusal.note else None
        if held is None or refusal.note is None:
            return None
        text, sizes = refusal.evidence(held[1]), f"{held[0].size}-{Checkpoint.read(refusal.note.text).size}"
        folder = self.folder / "evidence"
        folder.mkdir(exist_ok=True)
        _synced(self.folder)
        names = (f"{sizes}.txt" if number == 1 else f"{sizes}-{number}.txt" for number in count(1))
        file = next(folder / name for name in names if not (folder / name).exists() or _read(folder / name) == text)
        _written(file, text, PUBLIC)
        return file


def _size(text: str) -> int:
    """Give the size of a checkpoint; 0 of what is none."""
    try:
        return Checkpoint.read(Note.read(text).text).size
    except notes.Unreadable:
        return 0


@contextmanager
def opened(folder: Path, name: str | None = None) -> Iterator[Witness]:
    """Take a witness's folder, which is made on first use with a key of that name, or of one that follows from the key.

    Raises:
        LocalError: another process has it, or its key is missing or damaged.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalError(f"another witness is at work in {folder}; end it first, or choose another folder with --keys") from None
        yield Witness(folder, *_key(folder, name))


def _key(folder: Path, name: str | None) -> tuple[Key, Ed25519PrivateKey]:
    pem, line = folder / "witness.pem", folder / "witness.vkey"
    held = folder / "held"
    lost = [file for file in (pem, line) if not file.exists()]
    if lost and ((held.exists() and _read(held) != NOTHING) or lost == [pem]):
        raise LocalError(f"{lost[0]} is missing; {ANOTHER}")
    if pem in lost:
        _written(held, NOTHING, PUBLIC)  # first: a key without a memory is one that has forgotten
        fresh = Ed25519PrivateKey.generate()
        _written(pem, fresh.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(), OWN)
        _synced(folder.parent)
    try:
        private = load_pem_private_key(pem.read_bytes(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # no key, an encrypted one, one of a kind unheard of
        raise LocalError(f"{pem} is no key; {ANOTHER}") from None
    if not isinstance(private, Ed25519PrivateKey):
        raise LocalError(f"{pem} is no Ed25519 key; {ANOTHER}")
    public = private.public_key().public_bytes_raw()
    if line in lost:  # whoever was killed between the two has shown the key to nobody
        _written(line, f"{Key(name or f'{NAME}/{public.hex()[:8]}', COSIGNED, public)}\n", PUBLIC)
    try:
        key = read_key(line, COSIGNED)
    except Unreadable as error:
        raise LocalError(f"{error}; {ANOTHER}") from error
    if key.public != public:
        raise LocalError(f"{line} is not the public half of {pem}; {ANOTHER}")
    return key, private


def read_key(file: Path, kind: int = SIGNED) -> Key:
    """Read the public line of a key: of a log's, unless it is to be a witness's.

    Raises:
        Unreadable: it is none.
    """
    try:
        key = Key.read(_read(file))
    except OSError as error:
        raise Unreadable(f"{file}: {error.strerror}") from error
    except ValueError as error:
        raise Unreadable(f"{file}: {error}") from error
    if key.kind != kind:
        raise Unreadable(f"{file} is not the key of a {KINDS[kind]} but of a {KINDS[key.kind]}")
    return key


# Where a log is published.


def source(where: str) -> Fetch:
    """Read a published log from a folder, or from an address that begins with http:// or https://."""
    return _web(where.rstrip("/")) if where.lower().startswith(WEB) else FolderVault(Path(where)).read


class _Here(urllib.request.HTTPRedirectHandler):
    """Follows no redirection: an address is where the log is."""

    def redirect_request(self, *_: object) -> None:
        """Go nowhere."""


def _web(address: str) -> Fetch:
    opener = urllib.request.build_opener(_Here)

    def fetch(path: str) -> bytes | None:
        try:
            asked = urllib.request.Request(f"{address}/{path}", headers={"cache-control": "no-cache"})  # noqa: S310 - see `source`
            with opener.open(asked, timeout=ANSWER_S) as answer:
                data: bytes = answer.read(LONGEST + 1)
                if answer.length and len(data) <= LONGEST:
                    raise Unavailable(f"{address}/{path} ended early")
                return data
        except urllib.error.HTTPError as error:
            with error:
                if error.code == NOT_FOUND:
                    return None
                raise Unavailable(f"{address}/{path} answers {error.code}") from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise Unavailable(f"{address}/{path} does not answer: {getattr(error, 'reason', None) or error}") from error

    return fetch


# Files.


def _read(file: Path) -> str:
    """Read a text as it is; what is no UTF-8 becomes what no note and no key holds."""
    return file.read_bytes().decode(errors="surrogateescape")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Work in a folder that others work in, by turns."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _written(file: Path, text: str, mode: int) -> None:
    """Put a file in its place, whole; it is on the disk when this is done."""
    fresh = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as out:
            out.write(text.encode())
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)
    _synced(file.parent)


def _synced(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
