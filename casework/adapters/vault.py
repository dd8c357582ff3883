"""Where the log is published on one machine: a folder, in the layout of C2SP tlog-tiles, in which nothing is ever changed but `checkpoint`.

That is the newest, and only a larger one takes its place. Tiles that are not whole go when theirs is, as tlog-tiles allows. It checks
nothing else of what it is given.
"""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from casework.model.errors import Corrupt, Unavailable

READ_ONLY = 0o444


class FolderVault:
    """`ports.Vault` in a folder."""

    def __init__(self, folder: Path) -> None:
        """Publish into a folder, which is made when something is put there."""
        self.folder = folder

    def put(self, path: str, data: bytes) -> None:
        """See `ports.Vault`."""
        with _answered(), self._written(path, data) as fresh:
            try:
                os.link(fresh, self.folder / path)
            except FileExistsError:
                if (self.folder / path).read_bytes() != data:
                    raise Corrupt(f"{path} of the log was published otherwise before") from None
            if (parts := self.folder / f"{path}.p").is_dir():
                shutil.rmtree(parts, ignore_errors=True)

    def read(self, path: str) -> bytes | None:
        """See `ports.Vault`."""
        with _answered():
            try:
                return (self.folder / path).read_bytes()
            except FileNotFoundError:
                return None

    def checkpoint(self) -> str | None:
        """See `ports.Vault`."""
        found = self.read("checkpoint")
        return found.decode(errors="surrogateescape") if found is not None else None

    def cosigned(self) -> str | None:
        """See `ports.Vault`."""
        found = self.read("cosigned/newest")
        return found.decode(errors="surrogateescape") if found is not None else None

    def publish(self, size: int, note: str) -> None:
        """See `ports.Vault`."""
        with _answered(), self._written("checkpoint", note.encode()) as fresh, self._alone():
            there = self.checkpoint()
            if there is None or int(there.split("\n")[1]) < size:
                fresh.replace(self.folder / "checkpoint")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Compare and replace by turns with other publishers."""
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    @contextmanager
    def _written(self, path: str, data: bytes) -> Iterator[Path]:
        """Write a file beside the place where it is to be, whole and on the disk."""
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        fresh = place.parent / f".{place.name}.{secrets.token_hex(4)}"
        try:
            with fresh.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            fresh.chmod(READ_ONLY)
            yield fresh
        finally:
            fresh.unlink(missing_ok=True)


@contextmanager
def _answered() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(f"the folder of the log cannot be used: {error.strerror}") from error
