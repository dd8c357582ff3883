"""Salted disclosures: where personal values and free text stand, outside the entry.

In the style of RFC 9901 (SD-JWT): a disclosure is base64url, without padding, of the canonical JSON `[salt, name, value]`; its digest
is base64url of the SHA-256 of that text. The entry holds digests alone, so a disclosure can be erased and every proof still holds.
It draws no randomness: the salt comes from the caller.
"""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field

import orjson

from casework.audit.canonical import canonical
from casework.model.errors import Corrupt
from casework.model.parties import Ref

SALT_BYTES = 16
PERSONAL = ("applicant.", "account", "identity")  # how the names of those begin that tell who a citizen is


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def digest_of(disclosure: str) -> str:
    """Give the digest of a disclosure."""
    return _text(hashlib.sha256(disclosure.encode()).digest())


@dataclass(slots=True)
class Envelope:
    """Collects the disclosures of the one entry that is being written.

    `salt()` gives SALT_BYTES fresh random bytes.
    """

    entry: int
    salt: Callable[[], bytes]
    disclosures: dict[str, str] = field(default_factory=dict)

    def enclosed(self, name: str, value: str) -> Ref:
        """Put a value into a disclosure of its own and give the reference to it."""
        disclosure = _text(canonical([_text(self.salt()), name, value]))
        digest = digest_of(disclosure)
        self.disclosures[digest] = disclosure
        return Ref(digest, self.entry)

    def enclosed_if(self, name: str, value: str | None) -> Ref | None:
        """As `enclosed`; None for None."""
        return None if value is None else self.enclosed(name, value)


def opened(disclosure: str) -> tuple[str, str]:
    """Give name and value of a disclosure.

    Raises:
        Corrupt: it is not one.
    """
    try:
        parts = orjson.loads(urlsafe_b64decode(disclosure + "=" * (-len(disclosure) % 4)))
    except ValueError as error:
        raise Corrupt("a stored disclosure cannot be read") from error
    match parts:
        case [str(), str(name), str(value)]:
            return name, value
    raise Corrupt("a stored disclosure cannot be read")


def is_personal(disclosure: str) -> bool:
    """Whether it tells who a citizen is."""
    return opened(disclosure)[0].startswith(PERSONAL)
