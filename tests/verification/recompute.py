"""A second program for the audit trail, written from `docs/audit-format.md` and sharing nothing with the service.

It takes the items of each table as DynamoDB has them and recomputes what stands in them: chains, commitments, disclosures, and every
attribute that follows from these. `problems` names each item that is not as it must be. It reads no clock, no secret and no database.
"""

import contextlib
import hashlib
import json
import re
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

Item = Mapping[str, Mapping[str, Any]]
Tables = Mapping[str, Sequence[Item]]

# What only the service can check, by kind of item and attribute: values under its secret, and what no entry speaks of.
UNCHECKED = {
    ("state", "applicant_key"): "keyed, and there or not as the applicant has an account",
    ("memory", "fingerprint"): "keyed",
    ("memory", "expires_at"): "when a request is forgotten proves nothing; that it is there is checked",
    ("memory", "pk"): "of a submission: the scope after `submit:` is keyed; every other scope is checked",
    ("memory", "sk"): "of a person's request: the key after the mutation is the caller's own word",
    ("counter", "drawn"): "numbers may be drawn and not used, so only one that is too low is found",
}

TABLES = ("trail", "subjects", "disclosures", "due", "alerts", "log", "accesses")
SECOND = "A#"  # before the partitions of the log that accesses are in
GENESIS = "0" * 64
NO_DUE = "9999-12-31T23:59:59.999999Z"
LARGEST = 2**53
SALT_BYTES = 16
MEMBERS = (
    "action", "actor", "after", "changes", "digests", "log", "occurred_at", "on_behalf_of", "prev", "province", "reason", "recorded_at",
    "request", "seq", "subject", "v",
)  # fmt: skip
FIELDS = {
    "dossier": re.compile(
        "code|state|kind|procedure|procedure_version|unit|reception_point|delivery_point|channel|slip_key|secret_generation|submitted_at|"
        "version|rehearsal|applicant|imported|received_at|checked|fixed_due_at|original_due_at|promised_due_at|due_at|calendar_version|"
        "arming|decided_at|outcome|decision_reason|waiver|result|rating|ended_at|end_reason|end_basis|flags|"
        r"(assignments|steps|opinions|intervals|supplements|reopenings|extensions|apologies|payments|blockers|amendments|"
        r"armed|alerts|erasures)\.[1-9][0-9]*"
    ),
    "procedure": re.compile(r"code|unit|version|versions\.[1-9][0-9]*"),
    "calendar": re.compile(r"unit|version|overrides\.\d{4}-\d\d-\d\d", re.ASCII),
    "task": re.compile(
        "kind|of|seq|unit|asked_at|version|state|calendar_version|first_on|passing|within|place|page|tries|looked|changed|failed|started_at|"
        "ended_at"
    ),
    "incident": re.compile("unit|opened_at|stops_clocks|reason|version|legal_basis|closed_at|close_reason"),
    "export": re.compile(
        "unit|asked_at|scope|form|version|state|of|begin|end|pending|inspection|checkpoint|size|low|high|steps|done|ready_at|bytes|sha256|"
        "expires_at|failure"
    ),
    "inspection": re.compile("unit|opened_at|inspector|scope|of|begin|end|reason|legal_basis|version|reads|last_read|closed_at|conclusion"),
}
NATION = "VN"  # the province of a procedure, the calendar and a task
# The actions of each kind of subject but a dossier; all others are a dossier's.
ACTIONS = {
    "procedure": frozenset({"PROCEDURE_PUBLISHED"}),
    "calendar": frozenset({"CALENDAR_AMENDED"}),
    "task": frozenset({"TASK_STARTED", "TASK_TAKEN", "TASK_PROGRESSED", "TASK_PASSED", "TASK_DONE"}),
    "incident": frozenset({"INCIDENT_OPENED", "INCIDENT_CLOSED"}),
    "export": frozenset({"EXPORT_REQUESTED", "EXPORT_STARTED", "EXPORT_PROGRESSED", "EXPORT_READY", "EXPORT_FAILED", "EXPORT_EXPIRED"}),
    "inspection": frozenset({"INSPECTION_OPENED", "INSPECTION_READ", "INSPECTION_CLOSED"}),
}
VIEWS = frozenset({"VIEWED", "UNMASKED"})  # the actions of accesses, none of which is in the trail
# Those that nobody made: the service by itself, without the memory of a request.
BY_ITSELF = frozenset({"ALERT_RAISED", "DEADLINE_RECOMPUTED", "INCIDENT_BEGAN", "INCIDENT_ENDED"})
LATE = frozenset({"OVERDUE", "ESCALATED"})
OVER = frozenset({"REFUSED", "WITHDRAWN", "STOPPED", "DELIVERED"})  # an applicant is erased in these alone
OPEN = frozenset({"SUBMITTED", "RECEIVED", "IN_PROCESS", "AWAITING_SUPPLEMENT", "AWAITING_PAYMENT"})
MUTATIONS = {
    "SUBMITTED": "submitDossier",
    "RECEIVED": "receiveDossier",
    "ASSIGNED": "assignDossier",
    "STEP_COMPLETED": "completeStep",
    "OPINION_GIVEN": "giveOpinion",
    "SUPPLEMENT_REQUESTED": "requestSupplement",
    "DOCUMENTS_SUPPLIED": "supplyDocuments",
    "DECIDED": "decideDossier",
    "REFUSED": "refuseDossier",
    "ASSIGNMENT_RETURNED": "returnAssignment",
    "DELIVERED": "deliverResult",
    "WITHDRAWN": "withdrawDossier",
    "STOPPED": "stopDossier",
    "REOPENED": "reopenDossier",
    "RATED": "rateDossier",
    "SECRET_ROTATED": "rotateTrackingSecret",
    "DEADLINE_EXTENDED": "extendDeadline",
    "APOLOGISED": "apologise",
    "PAYMENT_REQUIRED": "requirePayment",
    "PAYMENT_RECORDED": "recordPayment",
    "BLOCKER_RAISED": "raiseBlocker",
    "BLOCKER_CLEARED": "clearBlocker",
    "ALERT_ACKNOWLEDGED": "acknowledgeAlert",
    "APPLICANT_ERASED": "eraseApplicant",
    "PROCEDURE_PUBLISHED": "publishProcedure",
    "CALENDAR_AMENDED": "amendCalendar",
    "UNMASKED": "unmaskApplicant",
    "INCIDENT_OPENED": "openIncident",
    "INCIDENT_CLOSED": "closeIncident",
    "EXPORT_REQUESTED": "requestExport",
    "INSPECTION_OPENED": "openInspection",
    "INSPECTION_CLOSED": "closeInspection",
}

ID = re.compile(r"[0-9a-f]{32}")
HASH = re.compile(r"[0-9a-f]{64}")
DIGEST = re.compile(r"[A-Za-z0-9_-]{43}")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
WHOLE = re.compile(r"0|-?[1-9][0-9]*", re.ASCII)
CODE = re.compile(r"(.+)-([0-9]{6})-([0-9]{4,})", re.ASCII)
ESCAPED = re.compile(r'[\x00-\x1f"\\]')
SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class Wrong(Exception):
    """Something is not as it must be."""


def problems(tables: Tables) -> list[str]:
    """Recompute everything; each finding names its item. An empty list means that every byte is as it must be."""
    check = Check()
    for name in sorted(tables.keys() - set(TABLES)):
        check.found.append(f"{name}: no such table")
    check.trail(tables["trail"])
    check.accesses(tables["accesses"])
    check.disclosures(tables["disclosures"])
    check.subjects(tables["subjects"])
    check.due(tables["due"])
    check.alerts(tables["alerts"])
    check.log([item for item in tables["log"] if not _second(item)])
    check.second.log([_first(item) for item in tables["log"] if _second(item)])
    check.complete()
    check.second.complete()
    return check.found + check.second.found


def _second(item: Item) -> bool:
    return str(item.get("pk", {}).get("S", "")).startswith(SECOND)


def _first(item: Item) -> Item:
    """Give an item of the second log as it were one of the first."""
    return {**item, "pk": {"S": item["pk"]["S"].removeprefix(SECOND)}}


def canonical(value: object) -> bytes:
    """Write canonical JSON."""
    return _written(value).encode()


def _written(value: object) -> str:
    if isinstance(value, str):
        return '"' + ESCAPED.sub(_escaped, value) + '"'
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            _must(abs(value) < LARGEST, f"{value} is too large a number")
            return str(value)
        case list():
            return "[" + ",".join(map(_written, value)) + "]"
        case dict():
            _must(all(isinstance(key, str) and key.isascii() for key in value), "a key is not ASCII")
            return "{" + ",".join([f"{_written(key)}:{_written(value[key])}" for key in sorted(value)]) + "}"
        case _:
            raise Wrong(f"{value!r} is no canonical JSON")


def _escaped(found: re.Match[str]) -> str:
    return SHORT.get(found[0]) or f"\\u{ord(found[0]):04x}"


def hash_of(line: str) -> str:
    """Give the hash of an entry."""
    return hashlib.sha256(line.encode()).hexdigest()


def field_commitment(name: str, value: object) -> str:
    """Commit to one field."""
    return hashlib.sha256(b"giamsat/field/v1\0" + canonical([name, value])).hexdigest()


def state_commitment(fields: Mapping[str, str]) -> str:
    """Commit to a state by the commitments of its fields."""
    return hashlib.sha256(b"giamsat/state/v1\0" + canonical(dict(fields))).hexdigest()


def digest_of(disclosure: str) -> str:
    """Give the digest of a disclosure."""
    return urlsafe_b64encode(hashlib.sha256(disclosure.encode("ascii")).digest()).rstrip(b"=").decode()


def disclosed(disclosure: str) -> tuple[str, object]:
    """Open a disclosure: name and value."""
    raw = urlsafe_b64decode(disclosure + "=" * (-len(disclosure) % 4))
    _must(urlsafe_b64encode(raw).rstrip(b"=").decode() == disclosure, "a disclosure is not base64url without padding")
    salt, name, value = json.loads(raw)
    _must(canonical([salt, name, value]) == raw, "a disclosure is not canonical")
    _must(isinstance(name, str), "a disclosure has no name")
    _must(len(urlsafe_b64decode(salt + "==")) == SALT_BYTES, f"a salt is not {SALT_BYTES} bytes")
    return name, value


@dataclass
class Entry:
    """What other items must agree with."""

    seq: int
    hash: str
    body: Mapping[str, Any]
    unit: str
    before: str | None  # record time of the entry before

    @property
    def recorded_at(self) -> str:
        return str(self.body["recorded_at"])


def leaf_of(kind: int, tag: str, number: int, hash_: str) -> bytes:
    """Section 7."""
    return bytes([kind]) + hashlib.sha256(tag.encode()).digest() + number.to_bytes(8, "big") + bytes.fromhex(hash_)


def subtrees(hashes: Sequence[bytes]) -> list[bytes]:
    """Section 7: the roots of the whole subtrees of a tree, the largest first; RFC 9162 section 2.1.1 by its own recursion."""
    out, at = [], 0
    while at < len(hashes):
        width = 1 << (len(hashes) - at).bit_length() - 1
        level = list(hashes[at : at + width])
        while len(level) > 1:
            level = [hashlib.sha256(b"\1" + level[i] + level[i + 1]).digest() for i in range(0, len(level), 2)]
        out += level
        at += width
    return out


@dataclass
class Chain:
    """A subject as its entries leave it."""

    id: str
    kind: str = ""
    state: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)
    entries: dict[int, Entry] = field(default_factory=dict)
    personal: set[str] = field(default_factory=set)  # digests that tell who a citizen is
    erased: set[str] = field(default_factory=set)

    @property
    def nameless(self) -> bool:
        """Whether the applicant's name was erased."""
        return bool("applicant" in self.state and self.state["applicant"]["name"]["digest"] in self.erased)

    @property
    def last(self) -> Entry | None:
        return self.entries.get(len(self.entries))

    def shard(self, digits: int, shards: int) -> int:
        return int(self.id[:digits], 16) % shards


class Check:
    """One run over the tables of a store, in the order in which one thing follows from another.

    The second log, that of accesses, has a run of its own beside that: chains of accesses, and what waits for that log or stands in it.
    """

    def __init__(self, *, second: bool = False) -> None:
        self.is_second = second
        if not second:
            self.second = Check(second=True)
        self.found: list[str] = []
        self.chains: dict[str, Chain] = {}
        self.logs: set[str] = set()
        self.with_disclosures: set[tuple[str, int]] = set()
        self.marked: set[tuple[str, int]] = set()
        self.remembered: set[tuple[str, int]] = set()
        self.states: dict[str, Mapping[str, Any]] = {}
        self.codes: set[str] = set()
        self.rows: set[str] = set()
        self.alerted: set[tuple[str, str]] = set()
        self.counters: list[tuple[str, str, int, str]] = []
        self.leaves: list[bytes] = []  # their hashes
        self.logged: dict[tuple[str, int], int] = {}  # entry -> index of its leaf
        self.placed: set[tuple[str, int]] = set()
        self.opened: dict[str, list[str]] = defaultdict(list)  # unit -> the dossiers that it opened, by number
        self.registered: dict[str, int] = {}
        self.given: set[tuple[str, int]] = set()

    @contextlib.contextmanager
    def at(self, item: str) -> Iterator[None]:
        """Note what is wrong with an item and go on with the next. Bytes that cannot be read at all fail in many ways."""
        try:
            yield
        except (Wrong, ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
            self.found.append(f"{item}: {error if isinstance(error, Wrong) else repr(error)}")

    def entry(self, subject: str, seq: int) -> Entry:
        chain = self.chains.get(subject)
        _must(chain is not None and seq in chain.entries, f"there is no entry {seq} of {subject!r}")
        assert chain is not None
        return chain.entries[seq]

    # trail

    def trail(self, items: Sequence[Item]) -> None:
        by_subject: dict[str, list[tuple[str, Item]]] = defaultdict(list)
        for item in items:
            with self.at(f"trail {_key(item, 'subject', 'seq')}"):
                by_subject[item["subject"]["S"]].append((item["seq"]["S"], item))
        for subject, rows in by_subject.items():
            chain = self.chains[subject] = Chain(subject)
            for key, item in sorted(rows, key=lambda row: row[0]):
                with self.at(f"trail {subject} {key}"):
                    self._entry(chain, item)
        if len(self.logs) > 1:
            self.found.append(f"trail: entries of several logs: {sorted(self.logs)}")

    def _entry(self, chain: Chain, item: Item) -> None:
        seen = _plain(
            item,
            {"subject": "S", "seq": "S", "line": "S", "moment": "S", "unit_month": "S", "province_day": "S"},
            {"actor_month": "S"},
        )
        _must(ID.fullmatch(chain.id), "the subject is no id")
        here = self._chained(chain, seen)
        body = here.body
        owner = next((kind for kind, actions in ACTIONS.items() if body["action"] in actions), "dossier")
        _is(owner, chain.kind, "the kind of subject of that action")
        _must(body["action"] not in VIEWS, "an access in the trail")
        _applied(chain, body)
        if chain.kind in HELD:
            HELD[chain.kind](chain, body)
        else:
            _raised(chain, body)
            _erased(chain, body)
        here.unit = str(chain.state["unit"])
        self._referred(chain, here)
        _indexed(chain, here, seen)

    def _chained(self, chain: Chain, seen: Mapping[str, Any]) -> Entry:
        """Read the next entry of a chain, and hold it to the one before."""
        body = json.loads(seen["line"])
        _must(canonical(body) == seen["line"].encode(), "the line is not canonical")
        _must(body.keys() == set(MEMBERS), "the line has other members")
        before = chain.last
        seq = len(chain.entries) + 1
        # The entry counts as read from here on, so that one fault does not look like a gap as well.
        unit = chain.state.get("unit", "")
        here = chain.entries[seq] = Entry(seq, hash_of(seen["line"]), body, unit, before.recorded_at if before else None)
        self.logs.add(str(body["log"]))
        _well_formed(body)
        chain.kind = chain.kind or str(body["subject"]["kind"])
        _must(chain.kind in FIELDS, "there is no such kind of subject")
        _is(body["subject"], {"kind": chain.kind, "id": chain.id}, "subject")
        _is(body["seq"], seq, "seq")
        _is(seen["seq"], f"E#{seq:08d}", "the key's seq")
        _is(body["prev"], before.hash if before else GENESIS, "prev")
        _must(before is None or body["recorded_at"] > before.recorded_at, "recorded_at does not grow")
        _is(body["province"], before.body["province"] if before else seen["province"], "the line's province")
        _is(seen["province"], body["province"], "province")
        return here

    # accesses

    def accesses(self, items: Sequence[Item]) -> None:
        for item in sorted(items, key=lambda item: _key(item, "subject", "seq")):
            with self.at(f"accesses {_key(item, 'subject', 'seq')}"):
                seen = _plain(item, {"subject": "S", "seq": "S", "line": "S"}, {"disclosures": "L"})
                chain = self.second.chains.setdefault(seen["subject"], Chain(seen["subject"]))
                self._access(chain, seen)
        if len(self.second.logs) > 1 or self.second.logs & self.logs:
            self.found.append(f"accesses: entries of several logs: {sorted(self.second.logs | self.logs)}")

    def _access(self, chain: Chain, seen: Mapping[str, Any]) -> None:
        here = self.second._chained(chain, seen)
        body, opened = here.body, self.entry(chain.id, 1).body
        _is([body["subject"], body["province"]], [opened["subject"], opened["province"]], "its dossier, and the province of that")
        _is(body["subject"]["kind"], "dossier", "the kind of what is looked at")
        _must(body["action"] in VIEWS and body["actor"]["kind"] == "OFFICER", "an access by an official")
        _is(body["changes"], [{"field": "accesses", "from": here.seq - 1 or None, "to": here.seq}], "changes")
        _is(body["after"], state_commitment({"accesses": field_commitment("accesses", here.seq)}), "after")
        reason = body["reason"]
        _is(reason is not None, body["action"] == "UNMASKED", "that a reason is given")
        _must(reason is None or (reason.keys() == {"code", "text"} and reason["code"] == "UNMASKING"), "the reason")
        _must(not list(_references([body["actor"], body["on_behalf_of"]])), "nobody is named")
        _is([number for _, number in _references([reason])], [here.seq] * len(body["digests"]), "the references")
        _is(sorted(digest for digest, _ in _references([reason])), body["digests"], "the digests")
        kept = seen.get("disclosures", [])
        _must("disclosures" not in seen or kept, "there are none in it")
        _is([digest_of(text) for text in kept], body["digests"], "the disclosures")
        _must(all(disclosed(text)[0] == "reason" for text in kept), "another disclosure")

    def _referred(self, chain: Chain, entry: Entry) -> None:
        for digest, number in _references(
            [change["to"] for change in entry.body["changes"]] + [entry.body[name] for name in ("actor", "on_behalf_of", "reason")]
        ):
            _must(number in chain.entries, f"a reference to entry {number}")
            _must(digest in chain.entries[number].body["digests"], f"a reference to {digest}, which did not come with entry {number}")

    # disclosures

    def disclosures(self, items: Sequence[Item]) -> None:
        for item in items:
            with self.at(f"disclosures {_key(item, 'subject', 'seq')}"):
                seen = _plain(item, {"subject": "S", "seq": "S", "disclosures": "L"})
                entry = self.entry(seen["subject"], _seq(seen["seq"]))
                _is(seen["province"], entry.body["province"], "province")
                _must(seen["disclosures"], "there are none in it")
                left = [digest for digest in entry.body["digests"] if digest not in self.chains[seen["subject"]].erased]
                _is([digest_of(text) for text in seen["disclosures"]], left, "digests")
                for text in seen["disclosures"]:
                    disclosed(text)
                _once(self.with_disclosures, (seen["subject"], entry.seq))

    # subjects

    def subjects(self, items: Sequence[Item]) -> None:
        for item in items:
            name = _key(item, "pk", "sk")
            with self.at(f"subjects {name}"):
                sort = item["sk"]["S"]
                if sort == "STATE":
                    self._state(item)
                elif sort == "CODE":
                    self._code(item)
                elif sort == "COUNTER":
                    self._counter(item)
                elif sort.startswith("KEY#"):
                    self._memory(item)
                else:
                    raise Wrong("a stray item")

    def _state(self, item: Item) -> None:
        chain = self.chains.get(item["pk"]["S"])
        _must(chain and chain.last, "a state without entries")
        assert chain is not None
        assert chain.last is not None
        wanted = {"pk": "S", "sk": "S", "kind": "S", "entries": "N", "version": "N", "head": "S", "recorded_at": "S", "state": "S"}
        optional: dict[str, str] = {}
        if chain.kind == "dossier":
            wanted |= {"unit_key": "S", "province_key": "S", "due_sort": "S"}
            optional = dict.fromkeys(("officer_key", "applicant_key", "point_key", "due_bucket", "due_moment", "due_level"), "S")
        if chain.kind in {"task", "export"}:
            optional = dict.fromkeys(("due_bucket", "due_moment", "due_level"), "S")
        seen = _plain(item, wanted, optional)
        _must(chain.id not in self.states, "a second state")
        self.states[chain.id] = seen
        last, state = chain.last, chain.state
        _is(seen["state"].encode(), canonical(state), "state")
        expected = {
            "kind": chain.kind,
            "entries": last.seq,
            "version": state["version"],
            "head": last.hash,
            "recorded_at": last.recorded_at,
            "province": last.body["province"],
        }
        if chain.kind == "dossier":
            expected |= _listed(chain, last.body["province"])
        for name, value in expected.items():
            _is(seen.get(name), value, name)
        rows = [seen.get(name) is not None for name in ("due_bucket", "due_moment", "due_level")]
        _must(all(rows) or not any(rows), "half a due row")
        _must(not chain.nameless or "applicant_key" not in seen, "a dossier whose applicant was erased is in a list of the applicant's")

    def _code(self, item: Item) -> None:
        seen = _plain(item, {"pk": "S", "sk": "S", "subject": "S"})
        entry = self.entry(seen["subject"], 1)
        _is(self.chains[seen["subject"]].kind, "dossier", "the kind of what has a code")
        _is(seen["pk"], f"CODE#{self.chains[seen['subject']].state['code']}", "pk")
        _is(seen["province"], entry.body["province"], "province")
        _once(self.codes, seen["subject"])

    def _memory(self, item: Item) -> None:
        seen = _plain(item, {"pk": "S", "sk": "S", "subject": "S", "seq": "N", "fingerprint": "S"}, {"expires_at": "N"})
        check = self.second if seen["sk"].startswith("KEY#unmaskApplicant#") else self
        entry = check.entry(seen["subject"], seen["seq"])
        body = entry.body
        _is(seen["province"], body["province"], "province")
        _once(check.remembered, (seen["subject"], entry.seq))
        if body["actor"]["kind"] == "IMPORT":
            _is(seen["pk"], body["request"], "scope")
            _is(seen["sk"], "KEY#import#move", "sk")
            _must("expires_at" not in seen, "an import is remembered for ever")
            return
        _must("expires_at" in seen, "a request of a person is not remembered for ever")
        mutation = MUTATIONS[body["action"]]
        _must(seen["sk"].startswith(f"KEY#{mutation}#"), f"the mutation is not {mutation}")
        if mutation == "submitDossier":
            _must(seen["pk"].startswith("submit:"), "the scope is not that of a submission")
        else:
            _is(seen["pk"], seen["subject"], "scope")

    def _counter(self, item: Item) -> None:
        seen = _plain(item, {"pk": "S", "sk": "S", "drawn": "N"})
        head, unit, on = seen["pk"].split("#")
        _is(head, "COUNTER", "pk")
        _is(date.fromisoformat(on).isoformat(), on, "the day")
        self.counters.append((unit, on, seen["drawn"], seen["province"]))

    # due, log

    def due(self, items: Sequence[Item]) -> None:
        for item in items:
            with self.at(f"due {_key(item, 'bucket', 'moment')}"):
                seen = _plain(item, {"bucket": "S", "moment": "S", "subject": "S", "level": "S"})
                state = self.states.get(seen["subject"])
                _must(state is not None, "a row without a state")
                assert state is not None
                _is(seen["province"], state["province"], "province")
                _is([state.get(f"due_{name}") for name in ("bucket", "moment", "level")],
                    [seen["bucket"], seen["moment"], seen["level"]], "the state's row")  # fmt: skip
                instant, _, subject = seen["moment"].partition("#")
                _is(subject, seen["subject"], "subject")
                _instant(instant)
                shard = self.chains[subject].shard(4, 16)
                _is(seen["bucket"], f"{max(instant, state['recorded_at'])[:13]}#{shard:02d}", "bucket")
                _once(self.rows, subject)

    def alerts(self, items: Sequence[Item]) -> None:
        for item in items:
            with self.at(f"alerts {_key(item, 'subject', 'number')}"):
                seen = _plain(
                    item,
                    {"subject": "S", "number": "S", "body": "S", "unit_key": "S", "raised_sort": "S"},
                    {"province_key": "S", "officer_key": "S", "point_key": "S"},
                )
                chain = self.chains.get(seen["subject"])
                _must(chain and re.fullmatch(r"[AK]#[0-9]{6}", seen["number"]), "an alert of nothing")
                assert chain is not None
                number = int(seen["number"][2:])
                alert = chain.state.get(f"alerts.{number}")
                _must(alert is not None, "the state has no such alert")
                assert alert is not None
                side = "PAST" if {"closed_at", "acknowledged_at"} & alert.keys() else "OPEN"
                late = alert["level"] in LATE
                whole = seen["number"][0] == "A"
                _must(whole or alert["unit"] != chain.state["unit"], "a copy of an alert for the unit that has it")
                expected = {
                    "province": self.states[chain.id]["province"],
                    "body": canonical(alert).decode(),
                    "unit_key": f"{chain.state['unit'] if whole else alert['unit']}#{side}",
                    "province_key": f"{self.states[chain.id]['province']}#{side}" if whole else None,
                    "officer_key": f"{alert['officer']}#{side}" if whole and "officer" in alert else None,
                    "point_key": f"{chain.state['reception_point']}#{side}" if whole and late else None,
                    "raised_sort": f"{alert['observed_at']}#{chain.id}#{number:06d}",
                }
                for name, value in expected.items():
                    _is(seen.get(name), value, name)
                _once(self.alerted, (chain.id, seen["number"]))

    def log(self, items: Sequence[Item]) -> None:
        kinds: dict[str, list[Item]] = defaultdict(list)
        for item in items:
            with self.at(f"log {_key(item, 'pk', 'sk')}"):
                kinds[item["pk"]["S"].partition("#")[0]].append(item)
        for item in kinds.pop("OUTBOX", ()):
            with self.at(f"log {_key(item, 'pk', 'sk')}"):
                self._waiting(item)
        read = {"LEAVES": self._leaves, "LEAF": self._leaf, "REGISTER": self._register, "LOG": self._head}
        for kind in sorted(kinds.keys() - read.keys()):
            self.found.append(f"log {kind}: no such kind of item")
        for kind, check in read.items():
            for item in sorted(kinds[kind], key=lambda item: _key(item, "pk", "sk")):
                with self.at(f"log {_key(item, 'pk', 'sk')}"):
                    check(item)
        with self.at("log LOG HEAD"):
            _must(bool(self.leaves) is bool(kinds["LOG"]), "leaves and no head, or a head and no leaves")
        for unit, numbers in self.opened.items():
            with self.at(f"log REGISTER {unit}"):
                _must(unit in self.registered, "the register of the unit is missing")
                _is(self.registered[unit], len(numbers), "the last number of the unit's register")
                _must(all((unit, number) in self.given for number in range(1, len(numbers) + 1)), "a number of the register is missing")

    def _waiting(self, item: Item) -> None:
        wanted = {"pk": "S", "sk": "S", "subject": "S", "kind": "S", "seq": "N", "hash": "S"}
        seen = _plain(item, wanted if self.is_second else {**wanted, "unit": "S"}, {"before": "S"})
        entry = self.entry(seen["subject"], seen["seq"])
        chain = self.chains[seen["subject"]]
        expected = {
            "pk": f"OUTBOX#{chain.shard(2, 16):02d}",
            "sk": f"{entry.recorded_at}#{chain.id}#{entry.seq:08d}",
            "kind": entry.body["subject"]["kind"],
            "hash": entry.hash,
            "unit": None if self.is_second else entry.unit,
            "before": entry.before,
            "province": entry.body["province"],
        }
        for name, value in expected.items():
            _is(seen.get(name), value, name)
        _once(self.marked, (chain.id, entry.seq))

    def _leaves(self, item: Item) -> None:
        seen = _plain(item, {"pk": "S", "sk": "S", "body": "S", "places": "S"})
        _is(seen["province"], "-", "province")
        start = len(self.leaves)
        _is((seen["pk"], seen["sk"]), (f"LEAVES#{start // 100_000:08d}", f"{start:012d}"), "the place of these leaves")
        raw = b64decode(seen["body"], validate=True)
        _is(b64encode(raw).decode(), seen["body"], "the leaves as Base64")
        expected = b""
        places = seen["places"].split(" ")
        for number, place in enumerate(places):
            subject, _, digits = place.partition("#")
            entry = self.entry(subject, int(digits))
            _is(place, f"{subject}#{entry.seq}", "the place of an entry")
            if (subject, entry.seq) in self.logged and number and places[number - 1] == place:
                _must(self._opens(entry), "a number for what opens no dossier")
                numbers = self.opened[entry.unit]
                numbers.append(subject)
                expected += leaf_of(2, f"unit/v1\0{entry.unit}", len(numbers), entry.hash)
                self.leaves.append(b"")
                continue
            _must(entry.seq == 1 or (subject, entry.seq - 1) in self.logged, "an entry stands before the one before it")
            _must((subject, entry.seq) not in self.logged, "an entry is in the log twice")
            _must((subject, entry.seq) not in self.marked, "an entry is in the log, and waits for it")
            _must(not self._opens(entry) or places[number + 1 : number + 2] == [place], "a dossier was opened without a number")
            self.logged[subject, entry.seq] = len(self.leaves)
            expected += leaf_of(1, f"tag/v1\0{subject}", entry.seq, entry.hash)
            self.leaves.append(b"")
        _is(raw, expected, "the leaves")
        self.leaves[start:] = [hashlib.sha256(b"\0" + raw[at : at + 73]).digest() for at in range(0, len(raw), 73)]

    def _opens(self, entry: Entry) -> bool:
        return not self.is_second and entry.seq == 1 and entry.body["subject"]["kind"] == "dossier"

    def _leaf(self, item: Item) -> None:
        seen = _plain(item, {"pk": "S", "sk": "S", "number": "N"})
        _is(seen["province"], "-", "province")
        subject, seq = seen["pk"].partition("#")[2], _seq(seen["sk"])
        _must((subject, seq) in self.logged, "the place of what is not in the log")
        _is(seen["number"], self.logged[subject, seq], "the index of the leaf")
        _once(self.placed, (subject, seq))

    def _register(self, item: Item) -> None:
        if item["sk"]["S"] != "REGISTER":
            self._number(item)
            return
        seen = _plain(item, {"pk": "S", "sk": "S", "unit": "S", "number": "N"})
        _is(seen["province"], "-", "province")
        _is((seen["pk"], seen["sk"]), (f"REGISTER#{seen['unit']}", "REGISTER"), "the place of the register")
        _must(seen["unit"] in self.opened, "a register of a unit that has opened none")
        _must(seen["unit"] not in self.registered, "there is one already")
        self.registered[seen["unit"]] = seen["number"]

    def _number(self, item: Item) -> None:
        seen = _plain(item, {"pk": "S", "sk": "S", "subject": "S"})
        _is(seen["province"], "-", "province")
        unit, number = seen["pk"].partition("#")[2], int(seen["sk"][2:])
        _is((seen["pk"], seen["sk"]), (f"REGISTER#{unit}", f"N#{number:012d}"), "the place of a number")
        _must(0 < number <= len(self.opened.get(unit, ())), "a number that was not given")
        _is(seen["subject"], self.opened[unit][number - 1], "the dossier of a number")
        _once(self.given, (unit, number))

    def _head(self, item: Item) -> None:
        seen = _plain(item, {"pk": "S", "sk": "S", "number": "N", "body": "S"})
        _is(seen["province"], "-", "province")
        _is((seen["pk"], seen["sk"]), ("LOG", "HEAD"), "the place of the head")
        _is(seen["number"], len(self.leaves), "the number of leaves")
        _is(seen["body"], " ".join(one.hex() for one in subtrees(self.leaves)), "the roots of the subtrees")

    # what must be there

    def complete(self) -> None:
        if self.is_second:
            self._whole()
            return
        drawn = {(unit, on): (count, province) for unit, on, count, province in self.counters}
        for chain in self.chains.values():
            with self.at(f"subjects {chain.id}"):
                state = self.states.get(chain.id)
                _must(state is not None, "entries without a state")
                assert state is not None
                _must("due_bucket" not in state or chain.id in self.rows, "the due row is missing")
                if chain.kind == "dossier":
                    _must(chain.id in self.codes, "the code is missing")
                    _numbered(chain, drawn)
                    alerts = [value for name, value in chain.state.items() if name.startswith("alerts.")]
                    for alert in alerts:
                        for kind in "AK" if alert["unit"] != chain.state["unit"] else "A":
                            _must((chain.id, f"{kind}#{alert['number']:06d}") in self.alerted, "an alert has no row")
                    _each_once(alerts)
            for seq, entry in chain.entries.items():
                with self.at(f"trail {chain.id} {seq}"):
                    here = (chain.id, seq)
                    left = set(entry.body["digests"]) - chain.erased
                    _must(not left or here in self.with_disclosures, "the disclosures are missing, and no entry erased them")
                    kept = entry.body["actor"]["kind"] != "IMPORT" or here in self.remembered
                    _must(kept, "the memory of the import is missing")
        self._whole()

    def _whole(self) -> None:
        """Every entry waits for the log, or stands in it."""
        for chain in self.chains.values():
            for seq in chain.entries:
                here = (chain.id, seq)
                with self.at(f"log {chain.id} {seq}"):
                    _must(here in self.marked or here in self.logged, "the outbox marker is missing, and the log has no leaf")
                    _must(here not in self.logged or here in self.placed, "the place of the leaf is missing")


def _well_formed(body: Mapping[str, Any]) -> None:
    _must(type(body["v"]) is int and body["v"] == 1, "v is not 1")
    for name in ("log", "province", "action", "request"):
        _must(isinstance(body[name], str) and body[name], f"{name} is no text")
    for name in ("prev", "after"):
        _must(HASH.fullmatch(body[name]), f"{name} is no hash")
    for name in ("occurred_at", "recorded_at"):
        _instant(body[name])
    _party(body["actor"])
    if body["on_behalf_of"] is not None:
        _party(body["on_behalf_of"])
    if body["reason"] is not None:
        _must("code" in body["reason"] and body["reason"].keys() <= {"code", "text", "log"}, "reason")
    digests = body["digests"]
    _must(digests == sorted(set(digests)) and all(map(DIGEST.fullmatch, digests)), "digests are not sorted digests")
    actor, request = body["actor"], body["request"]
    if actor["kind"] == "IMPORT":
        _must(request.startswith(f"import:{actor['id']}:"), "the request is not that of an import")


def _party(party: Mapping[str, Any]) -> None:
    optional = {"role", "unit"} | ({"identity"} if party.get("kind") == "CITIZEN" else set())
    _must({"kind", "id"} <= party.keys() <= {"kind", "id"} | optional, "a party has other members")
    _must(all(isinstance(value, str) and value for name, value in party.items() if name != "identity"), "a party's member is no text")


def _applied(chain: Chain, body: Mapping[str, Any]) -> None:
    """Apply the changes, and hold the result to `after`."""
    names = [change["field"] for change in body["changes"]]
    _must(names == sorted(set(names)), "changes are not ordered by field")
    version = chain.state.get("version", 0)
    for change in body["changes"]:
        _must(change.keys() == {"field", "from", "to"}, "a change has other members")
        name = change["field"]
        _must(FIELDS[chain.kind].fullmatch(name), f"{name!r} is no field of a {chain.kind}")
        _is(change["from"], chain.state.get(name), f"from of {name}")
        _must(canonical(change["from"]) != canonical(change["to"]), f"{name} does not differ")
        if change["to"] is None:
            del chain.state[name], chain.fields[name]
        else:
            chain.state[name] = change["to"]
            chain.fields[name] = field_commitment(name, change["to"])
    _is(body["after"], state_commitment(chain.fields), "after")
    _is(chain.state.get("version", 0), version + (body["actor"]["kind"] != "SERVICE"), "version")


def _published(chain: Chain, body: Mapping[str, Any]) -> None:
    """Hold a procedure to its code, and its versions to their numbers."""
    named = hashlib.sha256(b"procedure\0" + chain.state["code"].encode()).hexdigest()
    _is(chain.id, named[:32], "the id of a procedure of that code")
    _is(body["province"], NATION, "the province of a procedure")
    for name, value in chain.state.items():
        if name.startswith("versions."):
            _is([name, value["code"]], [f"versions.{value['version']}", chain.state["code"]], "a version's number and code")


def _amended(chain: Chain, body: Mapping[str, Any]) -> None:
    """Hold the calendar to the one id that it has, and its overrides to their days."""
    _is(chain.id, hashlib.sha256(b"calendar\0VN").hexdigest()[:32], "the id of the calendar")
    _is(body["province"], NATION, "the province of the calendar")
    for name, value in chain.state.items():
        if name.startswith("overrides."):
            _is(name, f"overrides.{value['day']}", "an override's day")


def _worked(chain: Chain, body: Mapping[str, Any]) -> None:
    """Hold a task to the entry that it follows from, and to having been made by nobody."""
    named = hashlib.sha256(f"task\0{chain.state['of']}\0{chain.state['seq']}".encode()).hexdigest()
    _is(chain.id, named[:32], "the id of a task that follows from that entry")
    _is(body["province"], NATION, "the province of a task")
    _is([body["actor"], chain.state["version"]], [{"kind": "SERVICE", "id": "tasks"}, 0], "the maker of a task")


# The state that an action leads to, and those that it may come from.
MADE = {
    "EXPORT_REQUESTED": ("REQUESTED", frozenset({None})),
    "EXPORT_STARTED": ("RUNNING", frozenset({"REQUESTED"})),
    "EXPORT_PROGRESSED": ("RUNNING", frozenset({"RUNNING"})),
    "EXPORT_READY": ("READY", frozenset({"RUNNING"})),
    "EXPORT_FAILED": ("FAILED", frozenset({"REQUESTED", "RUNNING"})),
    "EXPORT_EXPIRED": ("EXPIRED", frozenset({"READY"})),
}


def _exported(chain: Chain, body: Mapping[str, Any]) -> None:
    """Hold an export to whoever asked for it, and to what the service made of it, in this order."""
    action, state = body["action"], chain.state
    changed = {change["field"]: change["from"] for change in body["changes"]}
    becomes, before = MADE[action]
    _is(state["state"], becomes, "the state of the export")
    _must(changed.get("state", becomes) in before, "an export goes on otherwise")
    _is(body["actor"]["kind"], "OFFICER" if action == "EXPORT_REQUESTED" else "SERVICE", "the maker of an export")
    _must(state["done"] <= state["steps"] and state["version"] == 1, "more is done than there is to do")
    _must(("sha256" in state) is (becomes in {"READY", "EXPIRED"}), "a sum of what is not there")


def _inspected(chain: Chain, body: Mapping[str, Any]) -> None:
    """Hold an inspection to whoever opened it, each read to the one before, and its end to being the last."""
    action, state = body["action"], chain.state
    changed = {change["field"]: change["from"] for change in body["changes"]}
    _is(action == "INSPECTION_OPENED", len(chain.entries) == 1, "that it begins by being opened")
    _is(action == "INSPECTION_CLOSED", "closed_at" in state, "that it ends by being closed")
    _is([body["actor"]["kind"], body["actor"]["role"]], ["OFFICER", "INSPECTOR"], "the maker of an entry")
    _must(action == "INSPECTION_CLOSED" or body["actor"]["id"] == state["inspector"], "somebody else's inspection")
    _is(state["scope"] == "ALL", "of" not in state, "that it is of something, or of everything")
    if action == "INSPECTION_OPENED":
        _must(state["reads"] == 0 and "last_read" not in state, "it was read under before it was there")
    elif action == "INSPECTION_CLOSED":
        _must(changed.keys() <= {"closed_at", "conclusion", "version"}, "an end changes something else")
    else:
        _is(sorted(changed), ["last_read", "reads", "version"], "the fields that a read changes")
        _is(state["reads"], changed["reads"] + 1, "the number of reads")
        _is(state["last_read"]["at"], body["occurred_at"], "when it was read")


HELD = {"procedure": _published, "calendar": _amended, "task": _worked, "inspection": _inspected, "export": _exported}


def _raised(chain: Chain, body: Mapping[str, Any]) -> None:
    """Hold what the service does to a dossier by itself to its actions, and an alert to one level of a deadline as it is armed then."""
    _is(body["actor"]["kind"] == "SERVICE", body["action"] in BY_ITSELF, "that the service did this by itself")
    if body["action"] == "ALERT_RAISED":
        raised = [change["to"] for change in body["changes"] if change["field"].startswith("alerts.") and change["from"] is None]
        _must(len(raised) == 1 and len(body["changes"]) == 1, "an entry raises one alert and does nothing else")
        times = [body["occurred_at"], raised[0]["observed_at"], body["recorded_at"]]
        _is([raised[0]["reached_at"], *times[1:]], sorted(times), "that it was reached, noticed, recorded in this order")
        _is([raised[0]["arming"], raised[0]["due_at"]], _armed(chain.state, raised[0]), "the arming and date of its deadline")


def _erased(chain: Chain, body: Mapping[str, Any]) -> None:
    """Hold an erasure to what it may erase: what tells who a citizen is, once, when the dossier is over; nobody is named after it."""
    parties = [party["identity"] for party in (body["actor"], body["on_behalf_of"]) if party and "identity" in party]
    named = [change["to"] for change in body["changes"] if change["field"] == "applicant"]
    personal = {digest for digest, _ in _references([parties, named])}
    _must(not personal or not chain.nameless, "somebody is named after the applicant was erased")
    chain.personal |= personal
    rows = [change for change in body["changes"] if change["field"].startswith("erasures.")]
    _is(body["action"] == "APPLICANT_ERASED", bool(rows), "that it erases")
    if not rows:
        return
    _is([change["field"] for change in body["changes"]], [rows[0]["field"], "version"], "what an erasure changes")
    (row,) = (change["to"] for change in rows)
    number = sum(name.startswith("erasures.") for name in chain.state)
    _must(rows[0]["from"] is None and row["number"] == number and rows[0]["field"] == f"erasures.{number}", "the number of an erasure")
    _must({"number", "at", "digests", "legal_basis"} <= row.keys() <= {"number", "at", "digests", "legal_basis", "reason"}, "its members")
    _is(row["at"], body["occurred_at"], "when it was made")
    _is(row["digests"], sorted(set(row["digests"])), "its digests in order")
    _must(row["digests"] and chain.personal.issuperset(row["digests"]), "it erases what does not tell who a citizen is")
    _must(chain.erased.isdisjoint(row["digests"]), "it erases what was erased before")
    _must(chain.state["state"] in OVER, "it erases the applicant of a dossier that is not over")
    chain.erased |= set(row["digests"])


def _armed(state: Mapping[str, Any], alert: Mapping[str, Any]) -> list[Any]:
    if "of" not in alert:
        return [state["arming"], state["due_at"]]
    key = (alert["kind"], alert["of"])
    rows = (value for name, value in state.items() if name.startswith("armed."))
    return next(([row["arming"], row["due_at"]] for row in rows if (row["kind"], row["of"]) == key), [])


def _each_once(alerts: Sequence[Mapping[str, Any]]) -> None:
    keys = [(alert["kind"], alert.get("of"), alert["arming"], alert["level"]) for alert in alerts]
    _must(len(set(keys)) == len(keys), "a level of one arming was raised twice")


def _listed(chain: Chain, province: str) -> dict[str, str | None]:
    """Give what a dossier's state has for the indexes."""
    state = chain.state
    side = "OPEN" if state["state"] in OPEN else "CLOSED"
    leads = [v for n, v in state.items() if n.startswith("assignments.") and v["role"] == "LEAD"]
    _must(sum("ended_at" not in lead for lead in leads) <= 1, "more than one lead")
    lead = max(leads, key=lambda found: found["number"], default=None)
    piles = {"SUBMITTED": f"{state['reception_point']}#INTAKE", "DECIDED": f"{state['delivery_point']}#DELIVERY"}
    return {
        "unit_key": f"{state['unit']}#{side}",
        "province_key": f"{province}#{side}",
        "officer_key": f"{lead['officer']}#{side}" if lead else None,
        "point_key": piles.get(state["state"]),
        "due_sort": f"{state.get('due_at', NO_DUE)}#{chain.id}",
    }


def _indexed(chain: Chain, entry: Entry, seen: Mapping[str, Any]) -> None:
    at, actor = entry.recorded_at, entry.body["actor"]
    expected = {
        "moment": f"{at}#{chain.id}#{entry.seq:08d}",
        "unit_month": f"{entry.unit}#{at[:7]}",
        "province_day": f"{entry.body['province']}#{at[:10]}#{chain.shard(2, 8)}",
        "actor_month": f"{actor['id']}#{at[:7]}" if actor["kind"] == "OFFICER" else None,
    }
    for name, value in expected.items():
        _is(seen.get(name), value, name)


def _references(value: object) -> Iterator[tuple[str, int]]:
    if isinstance(value, dict):
        if value.keys() == {"digest", "entry"}:
            yield value["digest"], value["entry"]
        else:
            yield from _references(list(value.values()))
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def _numbered(chain: Chain, drawn: Mapping[tuple[str, str], tuple[int, str]]) -> None:
    """Hold a code to the counter that gave its number, of its unit on the legal day on which it was submitted."""
    found = CODE.fullmatch(chain.state["code"])
    _must(found, "the code is none")
    assert found is not None
    _is(found[1], chain.state["unit"], "the code's unit")
    near = datetime.fromisoformat(chain.state["submitted_at"])
    days = [(near + timedelta(days)).date().isoformat() for days in (-1, 0, 1)]
    day = next((day for day in days if day[2:].replace("-", "") == found[2]), None)
    _must(day, "the code's day is not that of the submission")
    assert day is not None
    _must((found[1], day) in drawn, "the counter that gave the code's number is missing")
    count, province = drawn[found[1], day]
    _must(count >= int(found[3]), "the counter has not come to the code's number")
    assert chain.last is not None
    _is(province, chain.last.body["province"], "the counter's province")


def _plain(item: Item, wanted: Mapping[str, str], optional: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Read an item that has all of `wanted`, perhaps some of `optional`, and nothing else, each of its type."""
    wanted = {"v": "N", "province": "S", **wanted}
    types = {**wanted, **(optional or {})}
    _must(not wanted.keys() - item.keys(), f"{sorted(wanted.keys() - item.keys())} missing")
    _must(not item.keys() - types.keys(), f"{sorted(item.keys() - types.keys())} stray")
    seen = {name: _value(value, types[name], name) for name, value in item.items()}
    _is(seen["v"], 1, "v")
    return seen


def _value(value: Mapping[str, Any], type_: str, name: str) -> object:
    _must(list(value) == [type_], f"{name} is of another type")
    inner = value[type_]
    if type_ == "L":
        return [_value(element, "S", name) for element in inner]
    _must(isinstance(inner, str) and inner, f"{name} is empty")
    if type_ == "N":
        _must(WHOLE.fullmatch(inner), f"{name} is no whole number")
        return int(inner)
    return inner


def _instant(text: str) -> None:
    _must(INSTANT.fullmatch(text), f"{text!r} is no instant")
    datetime.fromisoformat(text)


def _seq(key: str) -> int:
    _must(re.fullmatch(r"E#[0-9]{8}", key), f"{key!r} is no seq")
    return int(key[2:])


def _key(item: Item, *names: str) -> str:
    return " ".join(str(next(iter(item.get(name, {"": "?"}).values()), "?")) for name in names)


def _is(found: object, right: object, what: str) -> None:
    # Python takes true for 1, the bytes do not; deep down only canonical JSON tells the two apart.
    same = found == right and type(found) is type(right)
    if not same or (isinstance(found, list | dict) and canonical(found) != canonical(right)):
        raise Wrong(f"{what} is not {right!r}"[:500])


def _must(holds: object, tell: str) -> None:
    if not holds:
        raise Wrong(tell)


def _once(seen: set[Any], key: object) -> None:
    _must(key not in seen, "there is one already")
    seen.add(key)
