"""The log's key on one machine: Ed25519 in a file. Its public half is what inspectors hold."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from casework.audit.note import SIGNED, Key


class FileSeal:
    """`ports.Seal` with a key at hand."""

    def __init__(self, origin: str, private: Ed25519PrivateKey) -> None:
        """Sign for the log of that name."""
        self._private = private
        self._key = Key(origin, SIGNED, private.public_key().public_bytes_raw())

    @classmethod
    def kept(cls, origin: str, file: Path) -> "FileSeal":
        """Read the key from a file (PEM).

        Raises:
            ValueError: the file holds none.
        """
        found = load_pem_private_key(file.read_bytes(), None)
        if not isinstance(found, Ed25519PrivateKey):
            raise ValueError(f"{file} holds no Ed25519 key")  # noqa: TRY004 - what is wrong is the file's content
        return cls(origin, found)

    @property
    def key(self) -> Key:
        """See `ports.Seal`."""
        return self._key

    def sign(self, message: bytes) -> bytes:
        """See `ports.Seal`."""
        return self._private.sign(message)
