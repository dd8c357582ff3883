"""Entries, version 1, and the chain they form. `docs/audit-format.md` is the byte-exact description; this module writes it.

One entry is one line of canonical JSON. `prev` is the SHA-256 of the previous line; `after` commits to the whole state that the change
led to, over one commitment for each field, so that a field can be shown, or a text erased, without breaking a proof. It stores nothing.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from casework.audit.canonical import canonical, parsed
from casework.model.errors import Corrupt, Invalid
from casework.model.moves import SKEW
from casework.model.packing import Plain, instant, moment, packed
from casework.model.parties import Party, Ref

VERSION = 1
GENESIS = "0" * 64  # `prev` of a subject's first entry
FIELD_TAG = b"giamsat/field/v1\0"
STATE_TAG = b"giamsat/state/v1\0"
TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Subject:
    """Whatever has a chain of its own."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why, where an entry says so: a code, and the disclosure of a free text or the name of a log."""

    code: str
    text: Ref | None = None
    log: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry before it is sealed; `before` and `after` are the flat fields of the state on either side of it."""

    log: str
    province: str
    subject: Subject
    action: str
    actor: Party
    occurred_at: datetime
    request: str
    before: Mapping[str, Plain]
    after: Mapping[str, Plain]
    on_behalf_of: Party | None = None
    reason: Reason | None = None
    digests: Iterable[str] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A sealed entry: its line, and what the line says."""

    line: str
    seq: int
    body: Mapping[str, Any]

    @property
    def hash(self) -> str:
        """SHA-256 of its line, in hexadecimal: what the next entry names as `prev`."""
        return hashlib.sha256(self.line.encode()).hexdigest()

    @property
    def place(self) -> tuple[str, int]:
        """Its subject's id, and its number."""
        return self.body["subject"]["id"], self.seq

    @property
    def correlation(self) -> str:
        """The id of the request that it comes of."""
        return str(self.body["request"])

    @property
    def recorded_at(self) -> datetime:
        """When it was written, by the order of its chain."""
        return instant(self.body["recorded_at"])

    @property
    def occurred_at(self) -> datetime:
        """When the thing happened, as the maker says; this rules the clock."""
        return instant(self.body["occurred_at"])


@dataclass(frozen=True, slots=True)
class Tip:
    """The end of a chain: number, hash and record time of its last entry."""

    seq: int = 0
    hash: str = GENESIS
    recorded_at: datetime | None = None


def sealed(draft: Draft, tip: Tip, now: datetime) -> Entry:
    """Seal a draft as the next entry after `tip`; `recorded_at` is now, or one microsecond after the previous entry."""
    recorded_at = now if tip.recorded_at is None else max(now, tip.recorded_at + TICK)
    if draft.occurred_at > recorded_at + SKEW:
        raise Invalid("nothing is recorded before it happens", path=("at",), code="IN_FUTURE")
    body = {
        "v": VERSION,
        "log": draft.log,
        "province": draft.province,
        "subject": {"kind": draft.subject.kind, "id": draft.subject.id},
        "seq": tip.seq + 1,
        "prev": tip.hash,
        "occurred_at": moment(draft.occurred_at),
        "recorded_at": moment(recorded_at),
        "actor": packed(draft.actor),
        "on_behalf_of": packed(draft.on_behalf_of) if draft.on_behalf_of else None,
        "action": draft.action,
        "reason": packed(draft.reason) if draft.reason else None,
        "changes": changed(draft.before, draft.after),
        "request": draft.request,
        "after": committed(draft.after),
        "digests": sorted(draft.digests),
    }
    line = canonical(body)
    return Entry(line.decode(), tip.seq + 1, body)


def reopened(line: str) -> Entry:
    """Read a stored line back as the entry it is.

    Raises:
        Corrupt: it is none.
    """
    try:
        body = parsed(line)
        return Entry(line, int(str(body["seq"])), body)
    except (ValueError, KeyError) as error:
        raise Corrupt("a stored entry cannot be read") from error


def changed(before: Mapping[str, Plain], after: Mapping[str, Plain]) -> list[Plain]:
    """List the fields that differ, by name: `{field, from, to}`, where an absent side is null."""
    names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return [{"field": name, "from": before.get(name), "to": after.get(name)} for name in names]


def committed(state: Mapping[str, Plain]) -> str:
    """Commit to a state: SHA-256 over the canonical object {field: commitment of the field}, tagged."""
    fields = {name: _field(canonical([name, value])) for name, value in state.items()}
    return hashlib.sha256(STATE_TAG + canonical(fields)).hexdigest()


@lru_cache(maxsize=4096)
def _field(bytes_: bytes) -> str:
    return hashlib.sha256(FIELD_TAG + bytes_).hexdigest()
