"""What the service derives from its own secret: tracking secrets, pseudonyms, fingerprints of inputs.

HMAC-SHA-256 with a label for each use, so that nothing derived for one use serves another. Nothing derived here is stored in a form
that gives the secret away; the secret itself comes from the caller.
"""

import hashlib
import hmac
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from casework.model.errors import Corrupt

NONCE_BYTES = 12
SECRET_CHARS = 16  # 80 bits: beyond guessing, short enough to type from a slip


@dataclass(frozen=True, slots=True)
class Keys:
    """The service's secrets by version; slips printed under an old version stay valid."""

    secrets: Mapping[int, bytes]
    current: int = 1

    def tracking_secret(self, dossier: str, generation: int, version: int) -> str:
        """Derive the secret printed on the slip: four groups of four letters and digits."""
        raw = self._mac(version, "slip", dossier, str(generation))
        text = b32encode(raw).decode()[:SECRET_CHARS]
        return "-".join(text[i : i + 4] for i in range(0, SECRET_CHARS, 4))

    def tracks(self, secret: str, dossier: str, generation: int, version: int) -> bool:
        """Whether `secret` is the dossier's, compared in constant time, however it was typed."""
        if version not in self.secrets:
            return False
        typed = "".join(char for char in secret.upper() if char.isascii() and char.isalnum())
        right = self.tracking_secret(dossier, generation, version).replace("-", "")
        return hmac.compare_digest(typed, right)

    def pseudonym(self, dossier: str, sub: str) -> str:
        """Name a citizen inside one dossier; two dossiers' names for one citizen have nothing in common."""
        return self._mac(1, "pseudonym", dossier, sub).hex()[:32]

    def applicant(self, sub: str) -> str:
        """Derive the index key under which a citizen's own dossiers are listed."""
        return self._mac(1, "applicant", sub).hex()[:32]

    def fingerprint(self, canonical_input: bytes) -> str:
        """Tell inputs apart without keeping them."""
        return hmac.new(self.secrets[1], b"input\0" + canonical_input, hashlib.sha256).hexdigest()

    def hidden(self, text: str, nonce: bytes) -> str:
        """Encrypt what must not stand in a table as it is (AES-GCM); `nonce` is NONCE_BYTES fresh random bytes."""
        return (nonce + self._cipher().encrypt(nonce, text.encode(), None)).hex()

    def shown(self, hidden: str) -> str:
        """Decrypt what `hidden` gave.

        Raises:
            Corrupt: it is not that.
        """
        try:
            raw = bytes.fromhex(hidden)
            return self._cipher().decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], None).decode()
        except (InvalidTag, ValueError) as error:
            raise Corrupt("a stored viewer cannot be read with this service's secret") from error

    def _cipher(self) -> AESGCM:
        return AESGCM(self._mac(1, "viewer"))

    def _mac(self, version: int, label: str, *parts: str) -> bytes:
        message = "\0".join((label, *parts)).encode()
        return hmac.new(self.secrets[version], message, hashlib.sha256).digest()
