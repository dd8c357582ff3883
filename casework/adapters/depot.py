"""Where exports lie on one machine: a folder, and addresses that are signed, as those of a presigned request are in the cloud."""

import hashlib
import hmac
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import quote, urlencode

from casework.model.errors import Unavailable

CHUNK = 1 << 20
OWN, OWN_FOLDER = 0o600, 0o700  # what is in an export is for whoever has its address, not for others on the machine


def _own(path: str, flags: int) -> int:
    return os.open(path, flags, OWN)


class FolderDepot:
    """`ports.Depot` in a folder."""

    def __init__(self, folder: Path, secret: bytes, address: str = "") -> None:
        """Keep files in a folder; addresses begin with `address` and are signed with the secret."""
        self.folder = folder
        self._secret, self._address = secret, address

    def write(self, path: str, chunks: Iterable[bytes]) -> None:
        """See `ports.Depot`."""
        place = self.folder / path
        fresh = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=OWN_FOLDER)
            place.parent.mkdir(parents=True, exist_ok=True, mode=OWN_FOLDER)
            with open(fresh, "xb", opener=_own) as file:
                file.writelines(chunks)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(place)
        except OSError as error:
            raise Unavailable(f"the folder of exports cannot be used: {error.strerror}") from error
        finally:
            fresh.unlink(missing_ok=True)

    def read(self, path: str) -> Iterator[bytes]:
        """See `ports.Depot`."""
        try:
            with (self.folder / path).open("rb") as file:
                while chunk := file.read(CHUNK):
                    yield chunk
        except FileNotFoundError:
            raise
        except OSError as error:
            raise Unavailable(f"the folder of exports cannot be used: {error.strerror}") from error

    def remove(self, folder: str) -> None:
        """See `ports.Depot`."""
        shutil.rmtree(self.folder / folder, ignore_errors=True)

    def link(self, path: str, until: datetime) -> str:
        """See `ports.Depot`."""
        at = str(int(until.timestamp()))
        return f"{self._address}/exports/{quote(path)}?{urlencode({'until': at, 'signature': self._signature(path, at)})}"

    def opened(self, path: str, until: str, signature: str, now: datetime) -> Path | None:
        """Give the file that such an address is of; None where it is no such address, or no longer."""
        right = hmac.compare_digest(signature.encode(), self._signature(path, until).encode())
        found = self.folder / path
        return found if right and int(until) >= now.timestamp() and found.is_file() else None  # a path of ours: it was signed

    def _signature(self, path: str, until: str) -> str:
        return hmac.new(self._secret, f"export\0{path}\0{until}".encode(), hashlib.sha256).hexdigest()
