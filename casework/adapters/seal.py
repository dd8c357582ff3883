"""The log's key on one machine: Ed25519 in a file. Its public half is what inspectors hold."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from casework.audit.note import SIGNED, Key


class FileSeal:
    """`ports.Seal` with a key at hand."""

    def __init__(self, origin: str, private: Ed25519PrivateKey) -> None:
        """Sign for the log of that name."""
        self._private = private
        self._key = Key(origin, SIGNED, private.public_key().public_bytes_raw())

    @property
    def key(self) -> Key:
        """See `ports.Seal`."""
        return self._key

    def sign(self, message: bytes) -> bytes:
        """See `ports.Seal`."""
        return self._private.sign(message)
