"""Verifies a bundle offline: what it holds is what the log has, nothing of the scope is missing, and nothing was changed.

Source: `docs/audit-format.md`, section 9, whose steps are the functions here. The scope and all keys come from whoever asks, never from the
bundle. Whatever cannot be read is a failure. It needs the standard library and `cryptography` alone, reads no clock and writes nothing.
"""

import hashlib
import json
import re
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import hexlify
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, BinaryIO, NoReturn

from casework.audit import tree
from casework.audit.bundle import CHECKPOINT, DISCLOSURES, ENTRIES, FULL, LEAVES, OUTSIDE, PROOFS, REQUEST, STATES, Broken, Bundle, NoZip
from casework.audit.leaves import ENTRY, LEAF_BYTES, NUMBER_BYTES, OPENED, TAG_BYTES, entry_leaf, opened_leaf, tag_of, unit_tag
from casework.audit.note import Checkpoint, Key, Note, Unreadable, verified
from casework.audit.tree import HASH_BYTES, Refuted

GENESIS = b"0" * 64
AHEAD = timedelta(minutes=5)  # a witness's clock may be wrong by
MEMBERS = frozenset(
    ("action", "actor", "after", "changes", "digests", "log", "occurred_at", "on_behalf_of", "prev", "province", "reason", "recorded_at",
     "request", "seq", "subject", "v")
)  # fmt: skip
TAIL = re.compile(rb',"seq":1,"subject":\{"id":"([0-9a-f]{32})","kind":"([a-z]{1,32})"\},"v":1\}')
LONGEST_TAIL = 160
PREV = b'"prev":"'
DIGESTS = b'"digests":["'
DISCLOSED = re.compile(
    rb'\{"disclosures":\["([A-Za-z0-9_-]+(?:","[A-Za-z0-9_-]+)*)"\],"seq":([1-9][0-9]{0,15}),"subject":"([0-9a-f]{32})"\}'
)
INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
HASH = re.compile(r"[0-9a-f]{64}")
FIELD_TAG, STATE_TAG = b"giamsat/field/v1\0", b"giamsat/state/v1\0"
DOSSIER = "dossier"
CHANGE = frozenset(("field", "from", "to"))
ERASURE = re.compile(r"erasures\.[1-9][0-9]*")
LARGEST = 2**53
DEEPEST = 64  # levels of objects and lists
LEAF = struct.Struct(f">B{TAG_BYTES}sQ{HASH_BYTES}s")


class Failed(Exception):
    """The bundle is not verified: which step tells, why, and of which entry."""

    def __init__(self, check: str, message: str, subject: str | None = None, seq: int | None = None) -> None:
        """Say it."""
        super().__init__(message)
        self.check, self.message, self.subject, self.seq = check, message, subject, seq


@dataclass(frozen=True, slots=True)
class Scope:
    """What the bundle is to hold all of: one dossier by its id, a unit's dossiers of a period, or everything."""

    kind: str
    dossier: str | None = None
    unit: str | None = None
    begin: str | None = None
    end: str | None = None

    @property
    def asked(self) -> dict[str, str]:
        """Write it as a request does."""
        if self.kind == "DOSSIER":
            return {"kind": self.kind, "dossier": self.dossier or ""}
        if self.kind == "UNIT":
            return {"kind": self.kind, "unit": self.unit or "", "from": self.begin or "", "to": self.end or ""}
        return {"kind": "ALL"}


@dataclass(frozen=True, slots=True)
class Trust:
    """What the inspector brings: the log's key, a witness's, a checkpoint held from before, how old a cosignature may be, and the time."""

    log: Key
    witness: Key | None = None
    held: str | None = None
    max_age: timedelta | None = None
    now: float = 0


@dataclass(slots=True)
class Report:
    """What came of it. It is verified if there is no failure, with limits if it names some."""

    failure: Failed | None = None
    limits: list[str] = field(default_factory=list)
    checkpoint: Checkpoint | None = None
    entries: int = 0
    subjects: int = 0
    pending: int = 0
    disclosed: int = 0
    personal: int = 0
    erased: int = 0
    unerased: int = 0  # that an entry erased, and that are here all the same
    withheld: list[tuple[str, int]] = field(default_factory=list)  # subject and number of the entries that lack some

    @property
    def verdict(self) -> str:
        """Say it in a word."""
        return "FAILED" if self.failure else "LIMITED" if self.limits else "VERIFIED"


def verify(file: BinaryIO, scope: Scope, trust: Trust, *, deep: bool | None = None) -> Report:
    """Verify an open bundle. Whatever goes wrong is a failure.

    Raises:
        NoZip: the file is nothing of the kind.
    """
    report = Report()
    try:
        _Verifying(Bundle(file), scope, trust, report, scope.kind == "DOSSIER" if deep is None else deep).run()
    except NoZip:
        raise
    except Failed as fault:
        report.failure = fault
    except Broken as fault:
        report.failure = Failed("BUNDLE", str(fault))
    except Exception as fault:  # noqa: BLE001 - what nobody thought of is no reason to pass
        report.failure = Failed("UNREADABLE", f"it cannot be read: {type(fault).__name__}: {fault}")
    return report


@dataclass(slots=True)
class Chain:
    """A subject, entry by entry: what the log has of it, and what was seen last."""

    id: str
    kind: str
    end: bytes  # what its lines have behind their number
    hashes: bytes = b""  # that the log has of it; of LIGHT not kept
    logged: int = 0  # how many of its entries the log has; of LIGHT, how many are proved so far
    first_leaf: int | None = None  # index of its first leaf
    last_leaf: int = -1  # of LIGHT: index of the last one proved
    prev: bytes = b""  # what `prev` of the line in hand is, up to the member behind it
    seq: int = 0
    line: bytes = b""
    first: bytes = b""
    unit: str = ""  # that opened it
    number: Mapping[str, Any] | None = None  # of LIGHT: the proof of its number in the register
    fields: dict[str, str] = field(default_factory=dict)  # commitments of the state, with depth
    values: dict[str, Any] = field(default_factory=dict)
    recorded_at: str = ""
    lacking: dict[int, set[bytes]] = field(default_factory=dict)  # seq -> digests without a disclosure
    lines: dict[int, bytes] = field(default_factory=dict)  # of those that lack some
    given: set[bytes] = field(default_factory=set)  # digests of the disclosures that are here
    opened_at: str = ""  # when its first entry was recorded
    pending: set[str] = field(default_factory=set)  # fields that entries changed which the log does not have

    def fail(self, check: str, message: str) -> Failed:
        """Give a failure at the entry in hand."""
        return Failed(check, message, self.id, self.seq)


class _Verifying:
    """One run."""

    def __init__(self, bundle: Bundle, scope: Scope, trust: Trust, report: Report, deep: bool) -> None:  # noqa: FBT001 - of this module
        self.bundle, self.scope, self.trust, self.report, self.deep = bundle, scope, trust, report, deep
        self.whole = bundle.form == FULL
        self.leaves = b""
        self.first_leaf: dict[bytes, int] = {}  # tag -> index of its first leaf
        self.hashes: dict[bytes, bytearray] = {}  # tag -> hashes of its leaves, of subjects that have not come yet
        self.registers: dict[bytes, int] = {}  # tag of a unit -> how many dossiers it numbered
        self.empty = b'"digests":[],"log":"%b","occurred_at":"' % trust.log.name.encode()
        self.proofs: Iterator[bytes] = iter(())
        self.states = bundle.lines(STATES)
        self.disclosures = bundle.lines(DISCLOSURES)
        self.disclosed: Sequence[bytes] = ()
        self.next: tuple[str, int] = ("", 0)  # of which subject and entry those are
        self.order = -1  # index of the first leaf of the subject before
        self.seen: set[str] = set()
        self.kinds: set[str] = set()
        self.logged = 0
        self.numbers: dict[int, str] = {}  # number in the unit's register -> when the dossier was opened

    def run(self) -> None:
        self.bundle.listed()
        self._requested()
        if self.whole:
            self._logged()
        else:
            self.proofs = self.bundle.lines(PROOFS)
        self._held()
        self._next_disclosures()
        self._entries()
        self._scoped()
        if self.disclosed:
            raise Failed("DISCLOSURE", "what is disclosed of it belongs to no entry here, or to one that has none", *self.next)
        for left, what in ((self.states, "states"), (self.proofs, "proofs")):
            if next(left, None) is not None:
                raise Failed("BUNDLE", f"there are more {what} than entries")
        self._limited()

    # steps 2 and 3

    def _requested(self) -> None:
        asked = _object(self.bundle.read(REQUEST), "BUNDLE", "the request")
        size, log, scope = asked.get("size"), asked.get("log"), _canonical(asked.get("scope"))
        right = {"form": self.bundle.form, "log": log, "scope": asked.get("scope"), "size": size, "v": 1}
        if type(size) is not int or _canonical(asked) != _canonical(right):
            raise Failed("BUNDLE", "the request is none of its form")
        if log != self.trust.log.name:
            raise Failed("REQUEST", f"it is of the log {str(log)[:100]}, and your key is that of {self.trust.log.name}")
        if scope != _canonical(self.scope.asked):
            raise Failed("REQUEST", f"it is an export of {scope.decode()[:300]}, and you ask about {_canonical(self.scope.asked).decode()}")
        if self.scope.kind == "ALL" and not self.whole:
            raise Failed("BUNDLE", "a bundle of everything has all leaves")
        self.checkpoint, self.signers = self._note(self.bundle.read(CHECKPOINT).decode(), "CHECKPOINT")
        if self.checkpoint.size != size or not size:
            raise Failed("CHECKPOINT", f"the checkpoint is of {self.checkpoint.size} leaves, the request of {size}")
        self.report.checkpoint = self.checkpoint
        if self.trust.witness:
            self._witnessed(self.trust.witness)

    def _note(self, text: str, check: str) -> tuple[Checkpoint, Note]:
        """Read a checkpoint that the log's key has signed; what the witness's has signed holds, too."""
        keys = [self.trust.log, *([self.trust.witness] if self.trust.witness else [])]
        try:
            note = Note.read(text)
            found, by = Checkpoint.read(note.text), verified(note, keys)
        except (Unreadable, Refuted) as error:
            raise Failed(check, f"the checkpoint that you hold: {error}" if check == "HELD" else str(error)) from error
        if self.trust.log not in by or found.origin != self.trust.log.name:
            raise Failed(check, f"it is not signed by {self.trust.log.name} with the key that you hold")
        return found, note

    def _witnessed(self, witness: Key) -> None:
        times = self.signers.times(witness)
        if times and self.scope.kind == "UNIT" and max(times) < datetime.fromisoformat(self.end).timestamp():
            self.report.limits.append("OPEN_PERIOD")
        if not times:
            raise Failed("WITNESS", "your witness has not cosigned the checkpoint")
        if self.trust.max_age is not None:
            ages = [self.trust.now - at for at in times]
            if not any(-AHEAD.total_seconds() <= age <= self.trust.max_age.total_seconds() for age in ages):
                raise Failed("WITNESS", f"your witness cosigned the checkpoint {_ago(int(min(ages)))}")

    # steps 4 and 5

    def _logged(self) -> None:
        size = self.checkpoint.size
        if self.bundle.size(LEAVES) != size * LEAF_BYTES:
            raise Failed("LEAVES", f"there are not {size} leaves")
        self.leaves = b"".join(self.bundle.chunks(LEAVES))
        if tree.root_of(self.leaves, LEAF_BYTES) != self.checkpoint.root:
            raise Failed("LEAVES", "the leaves lead to another root than the checkpoint's: some were changed, left out, or put in")
        first_leaf, found, registers = self.first_leaf, self.hashes, self.registers
        opened = None  # hash of the leaf before, where it is that of a first entry
        for index, (kind, tag, number, hash_) in enumerate(LEAF.iter_unpack(self.leaves)):
            if kind == ENTRY:
                mine = found.get(tag)
                if mine is None:
                    mine, first_leaf[tag] = found.setdefault(tag, bytearray()), index
                mine += hash_
                follows = len(mine) // HASH_BYTES
                opened = hash_ if follows == 1 else None
            elif kind == OPENED and hash_ == opened:
                follows = registers[tag] = registers.get(tag, 0) + 1
                opened = None
            else:
                raise Failed("LEAVES", f"leaf {index} is none, or numbers what is no first entry")
            if number != follows:
                raise Failed("LEAVES", f"leaf {index} has not the number that follows: one was left out, or is there twice")

    def _held(self) -> None:
        if self.trust.held is None:
            self.report.limits.append("NO_HELD_CHECKPOINT")
            return
        held, _ = self._note(self.trust.held, "HELD")
        if held.size > self.checkpoint.size:
            raise Failed(
                "OLDER",
                f"the bundle is older than the checkpoint that you hold, {self.checkpoint.size} leaves of {held.size}",
            )
        if self.whole:
            root = tree.root_of(self.leaves[: held.size * LEAF_BYTES], LEAF_BYTES)
        elif held.size == self.checkpoint.size:
            root = self.checkpoint.root
        else:
            self.report.limits.append("NO_HELD_CHECKPOINT")
            return
        if root != held.root:
            raise Failed("HELD", "the log does not go on from the checkpoint that you hold, which proves that it was written anew")

    # step 6

    def _entries(self) -> None:  # noqa: C901 - a call for each line would cost as much as its hash
        """Hold each line to the one before it and to the log. A million go through here, so all that most of them need stands here."""
        chain: Chain | None = None
        count, seq, place, sha256, whole, deep, empty = 0, 0, 0, hashlib.sha256, self.whole, self.deep, self.empty
        hashes = end = link = b""
        between = len(empty) + len("2026-11-27T09:30:15.000000Z") + len('","on_behalf_of":null,')
        for line in self.bundle.lines(ENTRIES):
            if not line.endswith(b',"seq":%d%b' % (seq + 1, end)) or chain is None:
                if chain is not None:
                    self._left(chain, line)
                chain = self._begun(line, count)
                seq, place, hashes, end, link = 0, 0, chain.hashes, chain.end, GENESIS + b'",'
            seq += 1
            chain.seq, chain.line, chain.prev = seq, line, link
            at = line.rfind(PREV)
            if line[at + 8 : at + 74] != link:
                raise chain.fail("CHAIN", "it does not go on from the entry before it: that was changed, or one is missing")
            found = sha256(line).digest()
            link = hexlify(found) + b'",'
            if hashes:
                if not hashes.startswith(found, place) and place < len(hashes):
                    raise chain.fail("LOG", "the log has another entry here")
                place += HASH_BYTES
            elif not whole:
                self._proved(chain, found.hex())
            if deep or seq == 1 or (chain.logged < seq):
                self._read(chain)
            if not line.startswith(empty, at - between):
                self._disclosed(chain)
            count += 1
        if chain is not None:
            self._ended(chain)
        self.report.entries = count

    def _left(self, chain: Chain, line: bytes) -> None:
        """End a subject before a line that does not go on from it."""
        if b'"subject":{"id":"%b",' % chain.id.encode() in line[-LONGEST_TAIL:]:
            chain.seq += 1
            raise chain.fail("CHAIN", "it is missing, or stands elsewhere: another entry of the subject stands in its place")
        self._ended(chain)

    def _read(self, chain: Chain) -> None:
        """Read a line: the first of a subject, those that the log does not have, and with depth each."""
        body = self._parsed(chain, chain.line)
        if chain.seq == 1:
            chain.first, chain.unit, chain.opened_at = chain.line, _unit_of(body), body["recorded_at"]
            if not self.whole:
                self._ordered(chain)
        if chain.seq > chain.logged:
            chain.pending.update(change["field"] for change in body["changes"])
        if self.deep:
            self._followed(chain, body)

    def _begun(self, line: bytes, count: int) -> Chain:
        at = line.rfind(b',"seq":')
        found = TAIL.fullmatch(line, at) if len(line) - at <= LONGEST_TAIL else None
        if found is None:
            raise Failed("CHAIN", f"line {count + 1} begins no chain and goes on none: {line[-LONGEST_TAIL:]!r}")
        name, kind = found[1].decode(), found[2].decode()
        if name in self.seen:
            raise Failed("CHAIN", "the subject comes twice, or a number was left out", name)
        self.seen.add(name)
        self.kinds.add(kind)
        chain = Chain(name, kind, line[at + len(b',"seq":1') :])
        if self.whole:
            self._has(chain)
            self._ordered(chain)
        return chain

    def _has(self, chain: Chain) -> None:
        """Of FULL: take what the log has of a subject."""
        tag = tag_of(chain.id)
        chain.hashes = bytes(self.hashes.pop(tag, b""))
        chain.logged, chain.first_leaf = len(chain.hashes) // HASH_BYTES, self.first_leaf.get(tag)

    def _ordered(self, chain: Chain) -> None:
        """See that subjects come as the log first knew them, and behind them those that it does not know."""
        first = self.checkpoint.size if chain.first_leaf is None else chain.first_leaf
        if first < self.order or (chain.logged and first == self.order):
            raise chain.fail("CHAIN", "the subjects stand in another order than the log knew them")
        self.order = first

    def _proved(self, chain: Chain, hash_: str) -> None:
        """Of LIGHT: take the proof of an entry; one of its pending tail has none."""
        proof = _object(next(self.proofs, b""), "LOG", "a proof", chain)
        if not proof:
            return
        if chain.logged + 1 != chain.seq or ("register" in proof and chain.seq > 1):
            raise chain.fail("LOG", "an entry in the log stands behind one that is not, or has a number that is not its")
        try:
            self._included({name: proof[name] for name in proof if name != "register"}, bytes(entry_leaf(chain.id, chain.seq, hash_)))
        except Refuted as error:
            raise chain.fail("LOG", f"the log is not shown to have it: {error}") from error
        index: int = proof["index"]
        if index <= chain.last_leaf:
            raise chain.fail("LOG", "it stands in the log before the one before it")
        if chain.seq == 1:
            chain.number, chain.first_leaf = proof.get("register"), index
        chain.logged, chain.last_leaf = chain.seq, index

    def _included(self, proof: Mapping[str, Any], leaf: bytes) -> None:
        if proof.keys() != {"hashes", "index"} or type(proof["index"]) is not int or not _texts(proof["hashes"]):
            raise Refuted("it is no proof")
        if not all(HASH.fullmatch(one) for one in proof["hashes"]):
            raise Refuted("it holds what is no hash")
        hashes = [bytes.fromhex(one) for one in proof["hashes"]]
        tree.included(proof["index"], self.checkpoint.size, tree.leaf_hash(leaf), hashes, self.checkpoint.root)

    # steps 7 and 8

    def _parsed(self, chain: Chain, line: bytes) -> dict[str, Any]:
        body = _object(line, "FORM", "an entry", chain)
        named = {"id": chain.id, "kind": chain.kind}
        if body.keys() != MEMBERS or body["v"] != 1 or body["subject"] != named or body["log"] != self.trust.log.name:
            raise chain.fail("FORM", "it is no entry of this log")
        if body["prev"] != chain.prev[:64].decode():
            raise chain.fail("FORM", "it goes on from another entry than its line says")
        changes, digests = body["changes"], body["digests"]
        if (
            not isinstance(changes, list)
            or not all(isinstance(one, dict) and one.keys() == CHANGE for one in changes)
            or not _texts(digests)
        ):
            raise chain.fail("FORM", "its changes or digests are none")
        if not _texts([change["field"] for change in changes]) or not isinstance(body["recorded_at"], str):
            raise chain.fail("FORM", "its changes or its time are none")
        return body

    def _ended(self, chain: Chain) -> None:
        """End a subject: its state, its number in the register, its tail, what was erased."""
        body = self._parsed(chain, chain.line)
        if chain.seq < chain.logged:
            raise chain.fail("LOG", f"the log has {chain.logged} entries of it: those behind this one were left out")
        stated = _object(next(self.states, b""), "STATE", "a state", chain)
        state, entries = stated.get("state"), stated.get("entries")
        if (
            stated.keys() != {"entries", "state", "subject"}
            or (type(entries), entries, stated["subject"]) != (int, chain.seq, chain.id)
            or not isinstance(state, dict)
        ):
            raise chain.fail("STATE", "there is no state of this subject behind this entry")
        fields = {name: _commitment(name, value) for name, value in state.items()}
        if _state(fields) != body["after"] or (self.deep and fields != chain.fields):
            raise chain.fail("STATE", "the state is not what the entries led to: it was changed without one")
        self.logged += chain.logged
        self.report.pending += chain.seq - chain.logged
        self.report.subjects += 1
        if chain.first_leaf is not None and chain.kind == DOSSIER:
            unit, number = self._registered(chain, chain.first_leaf + 1)
            if unit == self.scope.unit:
                self.numbers[number] = chain.opened_at
        elif chain.first_leaf is not None and self.whole and self._kind(chain.first_leaf + 1) == OPENED:
            raise chain.fail("LOG", "a register numbers what is no dossier")
        self._lacking(chain, state)

    def _kind(self, index: int) -> int | None:
        at = index * LEAF_BYTES
        return self.leaves[at] if at < len(self.leaves) else None

    def _registered(self, chain: Chain, index: int) -> tuple[str, int]:
        """Give the unit that opened a dossier, and its number there, which the leaf of that index gives it."""
        unit, hash_ = chain.unit, hashlib.sha256(chain.first).hexdigest()
        proof = chain.number
        if self.whole:
            at = index * LEAF_BYTES
            number = int.from_bytes(self.leaves[at + 1 + TAG_BYTES : at + 1 + TAG_BYTES + NUMBER_BYTES], "big")
            if self.leaves[at : at + LEAF_BYTES] == bytes(opened_leaf(unit, number, hash_)):
                return unit, number
        elif isinstance(proof, dict) and proof.keys() == {"hashes", "index", "number", "unit"}:
            number = proof["number"]
            if (proof["unit"], proof["index"]) == (unit, index) and type(number) is int and number > 0:
                with suppress(Refuted, OverflowError):
                    self._included({name: proof[name] for name in ("hashes", "index")}, bytes(opened_leaf(unit, number, hash_)))
                    return unit, number
        raise chain.fail("LOG", f"the register of {unit} has no number for it")

    def _followed(self, chain: Chain, body: Mapping[str, Any]) -> None:
        """With depth: follow what an entry changes."""
        names = [change["field"] for change in body["changes"]]
        if names != sorted(set(names)):
            raise chain.fail("REPLAY", "its changes are not in order, or name a field twice")
        for change in body["changes"]:
            name, before, after = change["field"], change["from"], change["to"]
            if _canonical(before) != _canonical(chain.values.get(name)) or before == after:
                raise chain.fail("REPLAY", f"it changes {name} from what does not stand there")
            if after is None:
                del chain.values[name], chain.fields[name]
            else:
                chain.values[name], chain.fields[name] = after, _commitment(name, after)
        if _state(chain.fields) != body["after"]:
            raise chain.fail("REPLAY", "its changes do not lead to the state that it commits to")
        if not INSTANT.fullmatch(body["recorded_at"]) or body["recorded_at"] <= chain.recorded_at:
            raise chain.fail("REPLAY", "it is not recorded after the entry before it")
        chain.recorded_at = body["recorded_at"]
        made = [digest for digest, entry, _ in _references(body) if entry == chain.seq]
        if sorted(set(made)) != body["digests"]:
            raise chain.fail("REPLAY", "its digests are not those of its references")

    # step 9

    def _next_disclosures(self) -> None:
        line = next(self.disclosures, None)
        self.disclosed, self.next = (), ("", 0)
        if line is not None:
            found = DISCLOSED.fullmatch(line)
            if found is None:
                raise Failed("DISCLOSURE", f"no line of disclosures: {line[:LONGEST_TAIL]!r}")
            self.disclosed, self.next = found[1].split(b'","'), (found[3].decode(), int(found[2]))

    def _disclosed(self, chain: Chain) -> None:
        """Match what is disclosed of an entry with its digests."""
        stated = _digests(chain)
        if self.next == (chain.id, chain.seq):
            found = [urlsafe_b64encode(hashlib.sha256(one).digest()).rstrip(b"=") for one in self.disclosed]
            given = set(found)
            if found != sorted(given) or not given <= stated:
                raise chain.fail("DISCLOSURE", "a disclosure is not one of its: it was changed, or belongs elsewhere")
            for one in self.disclosed:
                parts = READER.decode(urlsafe_b64decode(one + b"=" * (-len(one) % 4)).decode())
                if not (isinstance(parts, list) and len(parts) == 3 and all(isinstance(part, str) for part in parts)):  # noqa: PLR2004
                    raise chain.fail("DISCLOSURE", "a disclosure is not salt, name and value")
            self.report.disclosed += len(found)
            chain.given |= given
            stated -= given
            self._next_disclosures()
        if stated:
            chain.lacking[chain.seq], chain.lines[chain.seq] = stated, chain.line

    def _lacking(self, chain: Chain, state: Mapping[str, Any]) -> None:
        named = [value for name, value in state.items() if ERASURE.fullmatch(name) and name not in chain.pending]
        lists = [value["digests"] for value in named if isinstance(value, dict) and _texts(value.get("digests"))]
        erased = {digest.encode() for digests in lists for digest in digests}
        self.report.unerased += len(erased & chain.given)
        for seq, digests in chain.lacking.items():
            references = _references(READER.decode(chain.lines[seq].decode()))
            personal = digests & {digest.encode() for digest, number, is_personal in references if is_personal and number == seq}
            self.report.erased += len(personal & erased)
            self.report.personal += len(personal - erased)
            if digests - personal:
                self.report.withheld.append((chain.id, seq))

    # step 10

    def _scoped(self) -> None:
        if self.scope.kind != "UNIT" and self.bundle.size(OUTSIDE):
            raise Failed("SCOPE", "only a unit's dossiers have neighbours")
        if self.scope.kind == "DOSSIER":
            if self.seen != {self.scope.dossier} or self.kinds != {DOSSIER}:
                raise Failed("SCOPE", f"the bundle is not of the dossier {self.scope.dossier} alone")
            if not self.logged:
                raise Failed("SCOPE", "the log has no entry of the dossier")
        elif self.scope.kind == "ALL":
            if not self.report.entries or self.hashes:
                raise Failed("SCOPE", "entries that the log has are not in the bundle")
        else:
            self._run_of_numbers()

    def _run_of_numbers(self) -> None:
        """Of a unit and period: the numbers have no gap, and those next to them lie outside."""
        assert self.scope.unit is not None
        beside = self._neighbours()
        if len(self.numbers) != self.report.subjects:
            raise Failed("SCOPE", f"what {self.scope.unit} has not opened is in the bundle")
        last = self.registers.get(unit_tag(self.scope.unit), 0) if self.whole else None
        inside = sorted(self.numbers)
        low, high = (inside[0], inside[-1]) if inside else (max((n for n, at in beside.items() if at < self.begin), default=0) + 1, 0)
        high = high or low - 1
        if inside != list(range(low, high + 1)):
            missing = next(number for number in range(low, high) if number not in self.numbers)
            raise Failed("SCOPE", f"dossier {missing} of the register of {self.scope.unit} is missing")
        if not beside.keys() <= {low - 1, high + 1}:
            raise Failed("SCOPE", f"what lies outside is not next to what {self.scope.unit} opened in the period")
        self._of_the_period(inside)
        if low > 1 and not (low - 1 in beside and beside[low - 1] < self.begin):
            raise Failed("SCOPE", f"dossier {low - 1} of the register of {self.scope.unit} is missing")
        if high + 1 in beside:
            if beside[high + 1] < self.end:
                raise Failed("SCOPE", f"dossier {high + 1} of the register of {self.scope.unit} is of the period and not in the bundle")
        elif last is not None and last != high:
            raise Failed("SCOPE", f"dossier {high + 1} of the register of {self.scope.unit} is missing")
        elif last is None and not inside and not beside:
            raise Failed("SCOPE", "nothing shows that there is nothing")

    def _of_the_period(self, inside: Sequence[int]) -> None:
        """See that the run is no longer than the period needs: what is before it is told by a neighbour alone."""
        if not all(INSTANT.fullmatch(self.numbers[number]) for number in inside):
            raise Failed("SCOPE", "a dossier was opened at no instant")
        if inside and (self.numbers[inside[0]] < self.begin or self.numbers[inside[-1]] >= self.end):
            raise Failed("SCOPE", f"dossiers {inside[0]} to {inside[-1]} of the register of {self.scope.unit} are not those of the period")

    @property
    def begin(self) -> str:
        return self.scope.begin or ""

    @property
    def end(self) -> str:
        return self.scope.end or ""

    def _neighbours(self) -> dict[int, str]:
        """Give number and time of the dossiers next to those of the period."""
        found: dict[int, str] = {}
        for line in self.bundle.lines(OUTSIDE):
            at = line.rfind(b',"seq":')
            tail = TAIL.fullmatch(line, at) if 0 < len(line) - at <= LONGEST_TAIL else None
            if tail is None or tail[2].decode() != DOSSIER:
                raise Failed("SCOPE", "what lies outside of the period is no first entry")
            chain = Chain(tail[1].decode(), tail[2].decode(), b"", seq=1, line=line, first=line, prev=GENESIS)
            body, hash_ = self._parsed(chain, line), hashlib.sha256(line).digest()
            chain.unit = _unit_of(body)
            if self.whole:
                self._has(chain)
                if chain.hashes[:HASH_BYTES] != hash_:
                    raise chain.fail("LOG", "the log has another entry here")
            else:
                self._proved(chain, hash_.hex())
            unit, number = self._registered(chain, self.checkpoint.size if chain.first_leaf is None else chain.first_leaf + 1)
            if (
                not INSTANT.fullmatch(body["recorded_at"])
                or unit != self.scope.unit
                or number in self.numbers
                or number <= max(found, default=0)
            ):
                raise chain.fail("SCOPE", "what lies outside of the period is of another unit, lies inside, or is out of order")
            found[number] = body["recorded_at"]
        return found

    def _limited(self) -> None:
        limits = self.report.limits
        limits += ["PENDING_TAIL"] * bool(self.report.pending) + ["LIGHT"] * (not self.whole) + ["NO_WITNESS"] * (not self.trust.witness)
        limits += ["WITHHELD"] * bool(self.report.withheld)
        limits.sort()


# Bytes.


def _object(line: bytes, check: str, what: str, chain: Chain | None = None) -> dict[str, Any]:
    """Read one object of canonical JSON (section 1)."""
    where = (chain.id, chain.seq) if chain else (None, None)
    with suppress(ValueError):
        found = READER.decode(line.decode())
        if (
            isinstance(found, dict)
            and (line.count(b"{") + line.count(b"[") <= DEEPEST or _flat(found, DEEPEST))
            and _canonical(found) == line
            and (line.isascii() or _plain(found))
        ):
            return found
    raise Failed(check, f"{what} is not canonical JSON", *where)


def _refused(text: str) -> NoReturn:
    raise ValueError(text)


def _number(text: str) -> int:
    found = int(text)
    if abs(found) >= LARGEST:
        raise ValueError(text)
    return found


READER = json.JSONDecoder(parse_float=_refused, parse_int=_number, parse_constant=_refused)
WRITER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False)


def _canonical(value: object) -> bytes:
    """Write what `READER` read in canonical JSON."""
    return WRITER.encode(value).encode()


def _flat(value: object, levels: int) -> bool:
    """Whether nothing lies below so many levels."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return inner is None or (levels > 0 and all(_flat(one, levels - 1) for one in inner))


def _plain(value: object) -> bool:
    """Whether all names are of ASCII; of others the order would be in doubt."""
    if isinstance(value, dict):
        return all(name.isascii() and _plain(inner) for name, inner in value.items())
    return not isinstance(value, list) or all(map(_plain, value))


def _ago(seconds: int) -> str:
    return f"{timedelta(seconds=seconds)} ago" if seconds >= 0 else f"in {timedelta(seconds=-seconds)} by your clock"


def _digests(chain: Chain) -> set[bytes]:
    """Give the digests of the entry in hand: the last member of that name in its line. A line that is not the log's is read whole."""
    line = chain.line
    if chain.seq > chain.logged:
        return {one.encode() for one in READER.decode(line.decode())["digests"]}
    at = line.rfind(DIGESTS) + len(DIGESTS)
    return set() if at < len(DIGESTS) else set(line[at : line.find(b'"]', at)].split(b'","'))


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _commitment(name: str, value: object) -> str:
    return hashlib.sha256(FIELD_TAG + _canonical([name, value])).hexdigest()


def _state(fields: Mapping[str, str]) -> str:
    return hashlib.sha256(STATE_TAG + _canonical(fields)).hexdigest()


def _unit_of(body: Mapping[str, Any]) -> str:
    return str(next((change["to"] for change in body["changes"] if change["field"] == "unit"), ""))


def _references(body: Mapping[str, Any]) -> Iterator[tuple[str, int, bool]]:
    """Find the references of an entry: digest, the entry that it came with, and whether it is personal."""
    for party in (body["actor"], body["on_behalf_of"]):
        yield from _within(party, personal=True)
    for change in body["changes"]:
        yield from _within(change["to"], personal=change["field"] == "applicant")
    yield from _within(body["reason"], personal=False)


def _within(value: object, *, personal: bool) -> Iterator[tuple[str, int, bool]]:
    if isinstance(value, dict):
        if value.keys() == {"digest", "entry"} and isinstance(value["digest"], str) and type(value["entry"]) is int:
            yield value["digest"], value["entry"], personal
            return
        for inner in value.values():
            yield from _within(inner, personal=personal)
    elif isinstance(value, list):
        for inner in value:
            yield from _within(inner, personal=personal)
