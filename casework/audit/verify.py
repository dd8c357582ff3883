"""Verifies a bundle offline: what it holds is what the log has, nothing of the scope is missing, and nothing was changed.

Source: `docs/audit-format.md`, section 9, whose steps are the functions here. The scope and all keys come from whoever asks, never from the
bundle. Whatever cannot be read is a failure. It needs the standard library and `cryptography` alone, reads no clock and writes nothing.
"""

import hashlib
import json
import re
from array import array
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, BinaryIO

from casework.audit import tree
from casework.audit.bundle import CHECKPOINT, DISCLOSURES, ENTRIES, FULL, LEAVES, OUTSIDE, PROOFS, REQUEST, STATES, Broken, Bundle, NoZip
from casework.audit.leaves import ENTRY, LEAF_BYTES, OPENED, TAG_BYTES, entry_leaf, opened_leaf, tag_of, unit_tag
from casework.audit.note import Checkpoint, Key, Note, Unreadable, verified
from casework.audit.tree import Refuted

GENESIS = b"0" * 64
AHEAD = timedelta(minutes=5)  # a witness's clock may be wrong by
MEMBERS = frozenset(
    ("action", "actor", "after", "changes", "digests", "log", "occurred_at", "on_behalf_of", "prev", "province", "reason", "recorded_at",
     "request", "seq", "subject", "v")
)  # fmt: skip
TAIL = re.compile(rb',"seq":1,"subject":\{"id":"([0-9a-f]{32})","kind":"([a-z]{1,32})"\},"v":1\}')
LONGEST_TAIL = 160
PREV = b',"prev":"'
DIGESTS = b',"digests":["'
INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
HASH = re.compile(r"[0-9a-f]{64}")
FIELD_TAG, STATE_TAG = b"giamsat/field/v1\0", b"giamsat/state/v1\0"
DOSSIER = "dossier"
LARGEST = 2**53


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
    leaves: Sequence[int]  # indices of its leaves; of LIGHT those proved
    end: bytes
    logged: int = 0  # how many leaves these are; of LIGHT not kept
    link: bytes = GENESIS + b'",'  # what `prev` is next, up to the member behind it
    seq: int = 0
    line: bytes = b""
    first: bytes = b""
    number: Mapping[str, Any] | None = None  # of LIGHT: the proof of its number in the register
    fields: dict[str, str] = field(default_factory=dict)  # commitments of the state, with depth
    values: dict[str, Any] = field(default_factory=dict)
    recorded_at: str = ""
    lacking: dict[int, set[str]] = field(default_factory=dict)  # seq -> digests without a disclosure
    lines: dict[int, bytes] = field(default_factory=dict)  # of those that lack some
    given: set[str] = field(default_factory=set)  # digests of the disclosures that are here

    def fail(self, check: str, message: str) -> Failed:
        """Give a failure at the entry in hand."""
        return Failed(check, message, self.id, self.seq)


class _Verifying:
    """One run."""

    def __init__(self, bundle: Bundle, scope: Scope, trust: Trust, report: Report, deep: bool) -> None:  # noqa: FBT001 - of this module
        self.bundle, self.scope, self.trust, self.report, self.deep = bundle, scope, trust, report, deep
        self.whole = bundle.form == FULL
        self.leaves = b""
        self.places: dict[bytes, array[int]] = {}  # tag -> indices of its leaves
        self.registers: dict[bytes, array[int]] = {}  # tag of a unit -> indices of its numbers
        self.proofs: Iterator[bytes] = iter(())
        self.states = bundle.lines(STATES)
        self.disclosures = bundle.lines(DISCLOSURES)
        self.disclosed: Mapping[str, Any] | None = None
        self.next: tuple[object, object] = (None, None)  # of which subject and entry those are
        self.order = -1  # index of the first leaf of the subject before
        self.seen: set[str] = set()
        self.logged = 0
        self.numbers: dict[int, str] = {}  # number in the unit's register -> subject

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
        for left, what in ((self.disclosed, "disclosures"), (next(self.states, None), "states"), (next(self.proofs, None), "proofs")):
            if left is not None:
                raise Failed("BUNDLE", f"there are more {what} than entries")
        self._limited()

    # steps 2 and 3

    def _requested(self) -> None:
        asked = _object(self.bundle.read(REQUEST), "REQUEST", "the request")
        size = asked.get("size")
        right = {"form": self.bundle.form, "log": self.trust.log.name, "scope": self.scope.asked, "size": size, "v": 1}
        if not isinstance(size, int) or _canonical(asked) != _canonical(right):
            raise Failed("REQUEST", f"it is a bundle of something else: {_canonical(asked).decode()[:300]}")
        if self.scope.kind == "ALL" and not self.whole:
            raise Failed("REQUEST", "a bundle of everything has all leaves")
        self.checkpoint, by = self._note(self.bundle.read(CHECKPOINT).decode(), "CHECKPOINT")
        if self.checkpoint.size != size or not size:
            raise Failed("CHECKPOINT", f"the checkpoint is of {self.checkpoint.size} leaves, the request of {size}")
        self.report.checkpoint = self.checkpoint
        if self.trust.witness:
            self._witnessed(by.get(self.trust.witness))

    def _note(self, text: str, check: str) -> tuple[Checkpoint, Mapping[Key, int | None]]:
        """Read a checkpoint that the log's key has signed, and tell who of those known has."""
        keys = [self.trust.log, *([self.trust.witness] if self.trust.witness else [])]
        try:
            note = Note.read(text)
            found, by = Checkpoint.read(note.text), verified(note, keys)
        except (Unreadable, Refuted) as error:
            raise Failed(check, str(error)) from error
        if self.trust.log not in by or found.origin != self.trust.log.name:
            raise Failed(check, f"it is not signed by {self.trust.log.name} with the key that you hold")
        return found, by

    def _witnessed(self, at: int | None) -> None:
        if at is None:
            raise Failed("WITNESS", "your witness has not cosigned the checkpoint")
        if self.trust.max_age is not None:
            age = self.trust.now - at
            if not -AHEAD.total_seconds() <= age <= self.trust.max_age.total_seconds():
                raise Failed("WITNESS", f"your witness cosigned the checkpoint {timedelta(seconds=int(age))} ago")

    # steps 4 and 5

    def _logged(self) -> None:
        size = self.checkpoint.size
        if self.bundle.size(LEAVES) != size * LEAF_BYTES:
            raise Failed("LEAVES", f"there are not {size} leaves")
        self.leaves = b"".join(self.bundle.chunks(LEAVES))
        if tree.root_of(self.leaves, LEAF_BYTES) != self.checkpoint.root:
            raise Failed("LEAVES", "the leaves lead to another root than the checkpoint's: some were changed, left out, or put in")
        leaves, places = self.leaves, self.places
        for index, at in enumerate(range(0, len(leaves), LEAF_BYTES)):
            tag = leaves[at + 1 : at + 1 + TAG_BYTES]
            if leaves[at] == ENTRY:
                mine = places.get(tag)
                if mine is None:
                    mine = places[tag] = array("Q")
            elif leaves[at] == OPENED and self._opens(at):
                mine = self.registers.setdefault(tag, array("Q"))
            else:
                raise Failed("LEAVES", f"leaf {index} is none, or numbers what is no first entry")
            mine.append(index)
            if int.from_bytes(leaves[at + 33 : at + 41], "big") != len(mine):
                raise Failed("LEAVES", f"leaf {index} has not the number that follows: one was left out, or is there twice")

    def _opens(self, at: int) -> bool:
        """Whether the leaf before is that of a first entry, with the same hash."""
        before = self.leaves[at - LEAF_BYTES : at]
        return at > 0 and before[0] == ENTRY and before[33:41] == (1).to_bytes(8, "big") and before[41:] == self.leaves[at + 41 : at + 73]

    def _held(self) -> None:
        if self.trust.held is None:
            self.report.limits.append("NO_HELD_CHECKPOINT")
            return
        held, _ = self._note(self.trust.held, "HELD")
        if held.size > self.checkpoint.size:
            raise Failed(
                "HELD",
                f"the bundle is older than the checkpoint that you hold, {self.checkpoint.size} leaves of {held.size}: ask for a new one",
            )
        if self.whole:
            root = tree.root_of(self.leaves[: held.size * LEAF_BYTES], LEAF_BYTES)
        elif held.size == self.checkpoint.size:
            root = self.checkpoint.root
        else:
            self.report.limits.append("NO_HELD_CHECKPOINT")
            return
        if root != held.root:
            raise Failed("HELD", "the log does not go on from the checkpoint that you hold: it was written anew. Keep both")

    # step 6

    def _entries(self) -> None:  # noqa: C901 - a call for each line would cost as much as its hash
        """Hold each line to the one before it and to the log. A million go through here, so all that most of them need stands here."""
        chain: Chain | None = None
        count, sha256, leaves, whole, deep = 0, hashlib.sha256, self.leaves, self.whole, self.deep
        for line in self.bundle.lines(ENTRIES):
            if chain is None or not line.endswith(b',"seq":%d%b' % (chain.seq + 1, chain.end)):
                if chain is not None:
                    self._ended(chain)
                chain = self._begun(line, count)
            seq = chain.seq = chain.seq + 1
            at = line.rfind(PREV) + 9
            if line[at : at + 66] != chain.link:
                raise chain.fail("CHAIN", "it does not go on from the entry before it: that was changed, or one is missing")
            found = sha256(line)
            chain.line, chain.link = line, b'%b",' % found.hexdigest().encode()
            if not whole:
                self._proved(chain, found.hexdigest())
            elif seq <= chain.logged:
                place = chain.leaves[seq - 1] * LEAF_BYTES + 41
                if leaves[place : place + 32] != found.digest():
                    raise chain.fail("LOG", "the log has another entry here")
            if deep or seq == 1:
                self._read(chain)
            if DIGESTS in line or (seq == self.next[1] and chain.id == self.next[0]):
                self._disclosed(chain)
            count += 1
        if chain is not None:
            self._ended(chain)
        self.report.entries = count

    def _read(self, chain: Chain) -> None:
        """Read a line: the first of a subject, and with depth each."""
        if chain.seq == 1:
            chain.first = chain.line
            if not self.whole:
                self._ordered(chain)
        if self.deep:
            self._followed(chain)
        else:
            self._parsed(chain, chain.line)

    def _begun(self, line: bytes, count: int) -> Chain:
        at = line.rfind(b',"seq":')
        found = TAIL.fullmatch(line, at) if len(line) - at <= LONGEST_TAIL else None
        if found is None:
            raise Failed("CHAIN", f"line {count + 1} begins no chain and goes on none: {line[-LONGEST_TAIL:]!r}")
        name, kind = found[1].decode(), found[2].decode()
        if name in self.seen:
            raise Failed("CHAIN", "the subject comes twice, or a number was left out", name)
        self.seen.add(name)
        mine: Sequence[int] = self.places.get(tag_of(name), ()) if self.whole else []
        chain = Chain(name, kind, mine, line[at + len(b',"seq":1') :], len(mine))
        if self.whole:
            self._ordered(chain)
        return chain

    def _ordered(self, chain: Chain) -> None:
        """See that subjects come as the log first knew them, and behind them those that it does not know."""
        first = chain.leaves[0] if chain.leaves else self.checkpoint.size
        if first < self.order or (chain.leaves and first == self.order):
            raise chain.fail("CHAIN", "the subjects stand in another order than the log knew them")
        self.order = first

    def _proved(self, chain: Chain, hash_: str) -> None:
        """Of LIGHT: take the proof of an entry; one of its pending tail has none."""
        proof = _object(next(self.proofs, b""), "LOG", "a proof", chain)
        if not proof:
            return
        if len(chain.leaves) + 1 != chain.seq or ("register" in proof and chain.seq > 1):
            raise chain.fail("LOG", "an entry in the log stands behind one that is not, or has a number that is not its")
        try:
            self._included({name: proof[name] for name in proof if name != "register"}, bytes(entry_leaf(chain.id, chain.seq, hash_)))
        except Refuted as error:
            raise chain.fail("LOG", f"the log is not shown to have it: {error}") from error
        index = proof["index"]
        if chain.leaves and index <= chain.leaves[-1]:
            raise chain.fail("LOG", "it stands in the log before the one before it")
        if chain.seq == 1:
            chain.number = proof.get("register")
        chain.leaves = [*chain.leaves, index]

    def _included(self, proof: Mapping[str, Any], leaf: bytes) -> None:
        if proof.keys() != {"hashes", "index"} or not isinstance(proof["index"], int):
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
        return body

    def _ended(self, chain: Chain) -> None:
        """End a subject: its state, its number in the register, its tail, what was erased."""
        body = self._parsed(chain, chain.line)
        stated = _object(next(self.states, b""), "STATE", "a state", chain)
        state = stated.get("state")
        right = {"entries": chain.seq, "state": state, "subject": chain.id}
        if not isinstance(state, dict) or _canonical(stated) != _canonical(right):
            raise chain.fail("STATE", "there is no state of this subject behind this entry")
        fields = {name: _commitment(name, value) for name, value in state.items()}
        if _state(fields) != body["after"] or (self.deep and fields != chain.fields):
            raise chain.fail("STATE", "the state is not what the entries led to: it was changed without one")
        if self.whole and chain.seq < len(chain.leaves):
            raise chain.fail("LOG", f"the log has {len(chain.leaves)} entries of it: its last ones were left out")
        self.logged += len(chain.leaves)
        self.report.pending += chain.seq - len(chain.leaves)
        self.report.subjects += 1
        if chain.kind != DOSSIER and self.whole and chain.leaves and self._kind(chain.leaves[0] + 1) == OPENED:
            raise chain.fail("LOG", "a register numbers what is no dossier")
        if chain.kind == DOSSIER and chain.leaves:
            unit, number = self._registered(chain)
            if unit == self.scope.unit:
                self.numbers[number] = chain.id
        self._lacking(chain, state)

    def _kind(self, index: int) -> int | None:
        at = index * LEAF_BYTES
        return self.leaves[at] if at < len(self.leaves) else None

    def _registered(self, chain: Chain) -> tuple[str, int]:
        """Give the unit that opened a dossier, and its number there."""
        unit, hash_ = _unit_of(_object(chain.first, "FORM", "an entry", chain)), hashlib.sha256(chain.first).hexdigest()
        proof = chain.number
        if self.whole:
            at = (chain.leaves[0] + 1) * LEAF_BYTES
            number = int.from_bytes(self.leaves[at + 33 : at + 41], "big")
            if self.leaves[at : at + LEAF_BYTES] == bytes(opened_leaf(unit, number, hash_)):
                return unit, number
        elif (
            proof
            and proof.keys() == {"hashes", "index", "number", "unit"}
            and (proof["unit"], proof["index"]) == (unit, chain.leaves[0] + 1)
        ):
            with suppress(Refuted):
                self._included({name: proof[name] for name in ("hashes", "index")}, bytes(opened_leaf(unit, proof["number"], hash_)))
                return unit, proof["number"]
        raise chain.fail("LOG", f"the register of {unit} has no number for it")

    def _followed(self, chain: Chain) -> None:
        """With depth: follow what an entry changes."""
        body = self._parsed(chain, chain.line)
        names = [change["field"] for change in body["changes"]]
        if names != sorted(set(names)):
            raise chain.fail("REPLAY", "its changes are not in order, or name a field twice")
        for change in body["changes"]:
            name, before, after = change["field"], change["from"], change["to"]
            if change.keys() != {"field", "from", "to"} or _canonical(before) != _canonical(chain.values.get(name)) or before == after:
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
        self.disclosed, self.next = None, (None, None)
        if line is not None:
            found = self.disclosed = _object(line, "DISCLOSURE", "a line of disclosures")
            if found.keys() != {"disclosures", "seq", "subject"}:
                raise Failed("DISCLOSURE", "a line of disclosures has other members")
            self.next = found["subject"], found["seq"]

    def _disclosed(self, chain: Chain) -> None:
        """Match what is disclosed of an entry with its digests."""
        here = self.disclosed
        stated = set(self._digests(chain))
        if here and here["subject"] == chain.id and here["seq"] == chain.seq:
            found = [_text(hashlib.sha256(one.encode("ascii")).digest()) for one in here["disclosures"]]
            if not found or found != sorted(set(found)) or not stated.issuperset(found):
                raise chain.fail("DISCLOSURE", "a disclosure is not one of its: it was changed, or belongs elsewhere")
            for one in here["disclosures"]:
                parts = json.loads(urlsafe_b64decode(one + "=" * (-len(one) % 4)))
                if not (isinstance(parts, list) and len(parts) == 3 and all(isinstance(part, str) for part in parts)):  # noqa: PLR2004
                    raise chain.fail("DISCLOSURE", "a disclosure is not salt, name and value")
            self.report.disclosed += len(found)
            chain.given.update(found)
            stated -= set(found)
            self._next_disclosures()
        if stated:
            chain.lacking[chain.seq], chain.lines[chain.seq] = stated, chain.line

    def _digests(self, chain: Chain) -> list[str]:
        """Give the digests of an entry: the last member of that name in its line."""
        at = chain.line.rfind(DIGESTS)
        end = chain.line.find(b"]", at)
        return [] if at < 0 else [one.decode()[1:-1] for one in chain.line[at + len(DIGESTS) - 1 : end].split(b",")]

    def _lacking(self, chain: Chain, state: Mapping[str, Any]) -> None:
        erased = {digest for name, value in state.items() if name.startswith("erasures.") for digest in value["digests"]}
        self.report.unerased += len(erased & chain.given)
        for seq, digests in chain.lacking.items():
            left = digests - erased
            self.report.erased += len(digests) - len(left)
            if left:
                personal = {digest for digest, _, is_personal in _references(json.loads(chain.lines[seq])) if is_personal}
                self.report.personal += len(left & personal)
                if left - personal:
                    self.report.withheld.append((chain.id, seq))

    # step 10

    def _scoped(self) -> None:
        if self.scope.kind != "UNIT" and self.bundle.size(OUTSIDE):
            raise Failed("SCOPE", "only a unit's dossiers have neighbours")
        if self.scope.kind == "DOSSIER":
            if self.seen != {self.scope.dossier}:
                raise Failed("SCOPE", f"the bundle is not of the dossier {self.scope.dossier} alone")
            if not self.logged:
                raise Failed("SCOPE", "the log has no entry of the dossier")
        elif self.scope.kind == "ALL":
            if not self.report.entries or self.logged != sum(map(len, self.places.values())):
                raise Failed("SCOPE", "entries that the log has are not in the bundle")
        else:
            self._run_of_numbers()

    def _run_of_numbers(self) -> None:
        """Of a unit and period: the numbers have no gap, and those next to them lie outside."""
        assert self.scope.unit is not None
        beside = self._neighbours()
        if len(self.numbers) != self.report.subjects:
            raise Failed("SCOPE", f"what {self.scope.unit} has not opened is in the bundle")
        last = len(self.registers.get(unit_tag(self.scope.unit), ())) if self.whole else None
        inside = sorted(self.numbers)
        low, high = (inside[0], inside[-1]) if inside else (max((n for n, at in beside.items() if at < self.begin), default=0) + 1, 0)
        high = high or low - 1
        if inside != list(range(low, high + 1)):
            missing = next(number for number in range(low, high) if number not in self.numbers)
            raise Failed("SCOPE", f"dossier {missing} of the register of {self.scope.unit} is missing")
        if not beside.keys() <= {low - 1, high + 1}:
            raise Failed("SCOPE", f"what lies outside is not next to what {self.scope.unit} opened in the period")
        if low > 1 and not (low - 1 in beside and beside[low - 1] < self.begin):
            raise Failed("SCOPE", f"dossier {low - 1} of the register of {self.scope.unit} is missing")
        if high + 1 in beside:
            if beside[high + 1] < self.end:
                raise Failed("SCOPE", f"dossier {high + 1} of the register of {self.scope.unit} is of the period and not in the bundle")
        elif last is not None and last != high:
            raise Failed("SCOPE", f"dossier {high + 1} of the register of {self.scope.unit} is missing")
        elif last is None and not inside and not beside:
            raise Failed("SCOPE", "nothing shows that there is nothing")

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
            if tail is None:
                raise Failed("SCOPE", "what lies outside of the period is no first entry")
            chain = Chain(tail[1].decode(), tail[2].decode(), [], b"", seq=1, line=line, first=line)
            body, hash_ = self._parsed(chain, line), hashlib.sha256(line).hexdigest()
            if self.whole:
                chain.leaves = self.places.get(tag_of(chain.id), ())[:1]
                place = chain.leaves[0] * LEAF_BYTES if chain.leaves else 0
                if self.leaves[place : place + LEAF_BYTES] != bytes(entry_leaf(chain.id, 1, hash_)):
                    raise chain.fail("LOG", "the log has another entry here")
            else:
                self._proved(chain, hash_)
            unit, number = self._registered(chain)
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
    """Read one object of canonical JSON."""
    where = (chain.id, chain.seq) if chain else (None, None)
    with suppress(ValueError):
        found = json.loads(line)
        if isinstance(found, dict) and _canonical(found) == line:
            return found
    raise Failed(check, f"{what} is not canonical JSON", *where)


def _canonical(value: object) -> bytes:
    """Write canonical JSON (section 1)."""
    _whole(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _whole(value: object) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            if not name.isascii():
                raise ValueError(name)
            _whole(inner)
    elif isinstance(value, list):
        for inner in value:
            _whole(inner)
    elif isinstance(value, float) or (isinstance(value, int) and abs(value) >= LARGEST):
        raise ValueError(value)


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


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
        if value.keys() == {"digest", "entry"}:
            yield value["digest"], value["entry"], personal
            return
        for inner in value.values():
            yield from _within(inner, personal=personal)
    elif isinstance(value, list):
        for inner in value:
            yield from _within(inner, personal=personal)
