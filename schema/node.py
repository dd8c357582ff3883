"""Global ids: opaque to callers, `kind:key` to us. An argument of type ID takes either a global id or a code."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode

import strawberry


@strawberry.interface(description="Anything with a global id.")
class Node:
    """Relay's Node."""

    place: strawberry.Private[tuple[str, str]]  # its kind and key

    @strawberry.field(description="Opaque, global, never reused.")
    def id(self) -> strawberry.ID:
        """Write the id."""
        return global_id(*self.place)


def global_id(kind: str, key: str) -> strawberry.ID:
    """Write a global id."""
    return strawberry.ID(urlsafe_b64encode(f"{kind}:{key}".encode()).rstrip(b"=").decode())


def read_id(text: str) -> tuple[str, str] | None:
    """Read a global id as (kind, key); None when it is none, as a code is."""
    if len(text) > LONGEST:
        return None
    try:
        raw = urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)).decode()
    except (binascii.Error, ValueError):
        return None
    kind, _, key = raw.partition(":")
    known = kind in KINDS and key and global_id(kind, key) == text
    return (kind, key) if known else None


def key_of(text: str, kind: str) -> str:
    """Give the key of a global id of that kind, or the text itself, which then is a code."""
    if len(text) > LONGEST:
        return NOTHING
    found = read_id(text)
    return found[1] if found and found[0] == kind else text


LONGEST = 256  # characters: nothing has a longer code or id, and the engine looks for none over 2 KB
NOTHING = "-"  # a code that nothing has
KINDS = frozenset({
    "access", "access-entry", "alert", "dossier", "entry", "procedure", "unit", "point", "step", "assignment", "task", "incident", "export",
    "inspection",
})  # fmt: skip
