"""What the verbs call through: the protocols of the store, the courier and the tokens, and the shapes that pass through them.

No protocol here knows tables, sockets or environments. `Services` is what one process holds of them; `wiring` builds it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol, TypeVar

from casework.audit.chain import Entry, Subject, Tip
from casework.audit.note import Key
from casework.live.cohorts import Owed, Subscription
from casework.live.connection import Began, Connection, Operation
from casework.live.feeds import Fed
from casework.model.alert import Alert
from casework.model.packing import Plain
from casework.model.parties import Viewer
from casework.model.procedure import DossierKind, ProcedureVersion
from casework.model.record import Dossier, DossierId
from casework.model.slip import Keys
from casework.model.subjects import Record
from casework.model.unit import Officer, Ongoing, ReceptionPoint, Unit
from casework.model.workdays import Calendar, Override

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Noticed:
    """An alert as a list has it, and the dossier that it is of."""

    subject: DossierId
    alert: Alert


@dataclass(frozen=True, slots=True)
class DueKey:
    """Where a subject's one row of the due table stands: `hour#shard`, and `instant#subject`; `level` tells what is to be done."""

    bucket: str
    moment: str
    level: str

    @property
    def place(self) -> tuple[str, str]:
        """The row's key."""
        return self.bucket, self.moment

    @property
    def subject(self) -> str:
        """The subject that the row is of."""
        return self.moment.partition("#")[2]


@dataclass(frozen=True, slots=True)
class Held:
    """A subject as stored: the record, its flat fields, and the end of its chain."""

    id: DossierId
    province: str
    record: Record
    flat: Mapping[str, Plain]
    tip: Tip
    due: DueKey | None = None
    applicant_key: str | None = None

    @property
    def dossier(self) -> Dossier:
        """The record of a dossier; whoever asks knows that it is one."""
        assert isinstance(self.record, Dossier)
        return self.record

    @property
    def version(self) -> int:
        """How many moves people have made."""
        return self.record.version


@dataclass(frozen=True, slots=True)
class Repeat:
    """The memory of a request: its key in its scope, a keyed digest of its input, the entry it led to.

    `expires_at` is None for what is kept for ever.
    """

    scope: str
    key: str
    fingerprint: str
    subject: str
    seq: int
    expires_at: datetime | None

    def stands(self, now: datetime) -> bool:
        """Whether it is remembered still."""
        return self.expires_at is None or self.expires_at > now


@dataclass(frozen=True, slots=True)
class Erased:
    """An entry's disclosures of which some are erased: those that stood, and those that are left, in the same order."""

    seq: int
    stood: tuple[str, ...]
    left: tuple[str, ...]

    @property
    def gone(self) -> tuple[str, ...]:
        """Those that are erased."""
        return tuple(text for text in self.stood if text not in self.left)


@dataclass(frozen=True, slots=True)
class Change:
    """All that one transaction writes: state, entry, disclosures, marker, due row, alerts, and the memory of the request.

    `register` are rows of the register that this change brings, `erased` the disclosures of other entries that it erases. What
    the service does by itself has no memory: it is done again only if the state says so.
    """

    subject: Subject
    before: Held | None
    after: Held
    entry: Entry
    disclosures: Mapping[str, str]
    repeat: Repeat | None
    register: "tuple[Thing, ...]" = ()
    erased: tuple[Erased, ...] = ()

    @property
    def memory(self) -> Repeat:
        """The memory of the request; whoever asks knows that there was one."""
        assert self.repeat is not None
        return self.repeat

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """The alerts that are new or have changed."""
        if not isinstance(self.after.record, Dossier) or self.before is None:
            return ()
        stood = frozenset(self.before.dossier.alerts)
        return tuple(alert for alert in self.after.record.alerts if alert not in stood)


Thing = Unit | ReceptionPoint | Officer | ProcedureVersion | Override | Ongoing


class Index(StrEnum):
    """The named indexes that serve lists: of dossiers in order of due date, and of alerts, which no applicant has, of observation."""

    UNIT = "by_unit"
    PROVINCE = "by_province"
    OFFICER = "by_officer"
    APPLICANT = "by_applicant"
    POINT = "by_point"


class By(StrEnum):
    """What the trail is listed by, month by month of its record: the unit that the subject was of then, or the person who acted."""

    UNIT = "unit"
    ACTOR = "actor"


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition of an index."""

    index: Index
    key: str


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a list: at most `count` rows between two positions, both left out, from the one end or the other."""

    count: int
    low: str | None = None
    high: str | None = None
    backwards: bool = False

    @property
    def wider(self) -> "Span":
        """The same with one row more, which tells whether others follow."""
        return replace(self, count=self.count + 1)

    def kept(self, rows: Sequence[T]) -> list[T]:
        """Take the rows of the page out of those of `wider`, in the list's own order."""
        page = list(rows[: self.count])
        return page[::-1] if self.backwards else page


class Raced(Exception):
    """Another writer was faster, or the engine cancelled the transaction for another's sake; nothing was written."""


class Seen(Exception):
    """The request's key is remembered already; nothing was written."""


class Dossiers(Protocol):
    """Subjects, their trail and their disclosures. Reads are consistent unless they say otherwise."""

    def held(self, subject: DossierId) -> Held | None:
        """Load a dossier."""

    def held_with_memory(self, subject: DossierId, scope: str, key: str) -> tuple[Held | None, Repeat | None]:
        """Load a dossier and the memory of a request at once."""

    def slip(self, subject: DossierId) -> tuple[int, int] | None:
        """Read of a dossier what its tracking secret follows from, and nothing else: generation, and version of the key."""

    def coded(self, code: str) -> DossierId | None:
        """Find the id that a code was issued to."""

    def remembered(self, scopes: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Repeat]:
        """Find what is remembered of these (scope, key); any number of them."""

    def held_all(self, subjects: Sequence[DossierId]) -> Mapping[DossierId, Held]:
        """Load any number of subjects; those that there are not are left out."""

    def numbered(self, unit: str, province: str, on: date) -> int:
        """Draw the unit's next number of that legal day. A number that is then not used is no fault."""

    def keep_numbered(self, unit: str, province: str, on: date, number: int) -> None:
        """Let the unit's numbers of that legal day go on behind this one."""

    def commit(self, change: Change, now: datetime) -> None:
        """Write a change, whole or not at all.

        Raises:
            Raced: try again from the load.
            Seen: look at the memory of the request.
            Unavailable: the engine did not answer; the change may stand.
        """

    def entries(self, subject: str, after: int, limit: int, *, backwards: bool = False, before: int | None = None) -> list[Entry]:
        """Read entries with `after` < seq (< `before`), at most `limit`, in order of seq or against it."""

    def newest(self, lengths: Mapping[str, int], count: int) -> Mapping[str, list[Entry]]:
        """Read the last entries, at most `count`, of each of several subjects whose number of entries is known; newest first."""

    def entries_named(self, places: Collection[tuple[str, int]]) -> Mapping[tuple[str, int], Entry]:
        """Read entries by subject and number; those that there are not are left out."""

    def listed(self, partitions: Sequence[Partition], span: Span) -> list[tuple[str, Held]]:
        """Read dossiers with their positions, in order or against it, merged from several partitions.

        Lists may lag a write by about a second.
        """

    def alerts(self, partitions: Sequence[Partition], span: Span) -> list[tuple[str, Noticed]]:
        """Read alerts with their positions, in the order in which they were noticed or against it, merged from several partitions.

        Lists may lag a write by about a second.
        """

    def recorded(self, by: By, code: str, month: str, span: Span) -> list[tuple[str, Entry]]:
        """Read a month's entries (2026-01) of a unit or of a person with their positions, in the order of their record or against it.

        Lists may lag a write by about a second.
        """

    def disclosed(self, subject: str) -> Mapping[str, str]:
        """Read all disclosures of a subject that are not erased: digest -> disclosure."""

    def disclosed_by_entry(self, subject: str) -> Mapping[int, tuple[str, ...]]:
        """Read the same by the number of the entry that they came with, those of each in order; without a limit."""

    def erase(self, subject: str, erased: Erased) -> bool:
        """Erase disclosures that an entry names already; False when they no longer stand so.

        What an entry is yet to name goes with it, in `Change`.
        """

    def disclosed_with(self, entries: Mapping[str, Collection[int]]) -> Mapping[str, Mapping[str, str]]:
        """Read the disclosures that came with these entries of several subjects: subject -> digest -> disclosure."""


@dataclass(frozen=True, slots=True)
class Accessed:
    """An access: its entry in the second log, and the disclosures that came with it."""

    entry: Entry
    disclosures: Mapping[str, str]


class Accesses(Protocol):
    """The entries of the second log: which official was shown an applicant's values, in a chain for each dossier. Reads are consistent."""

    def access(self, access: Accessed, tip: Tip, repeat: Repeat | None, now: datetime) -> None:
        """Write an access behind the end of its chain, with its marker and the memory of the request, if it has one; all or nothing.

        Raises:
            Raced: the chain goes on from there already.
            Seen: look at the memory of the request.
            Unavailable: the engine did not answer; it may stand.
        """

    def accesses(self, subject: str, after: int, limit: int, *, backwards: bool = False, before: int | None = None) -> list[Accessed]:
        """Read accesses to a dossier with `after` < seq (< `before`), at most `limit`, in order of seq or against it."""


class Due(Protocol):
    """The due table: one row for whatever is next to be done by itself, by the hour in which that is. Every read is consistent."""

    def due(self, bucket: str, upto: datetime, count: int, after: str | None = None) -> list[DueKey]:
        """Read the rows of a bucket whose instant is not after `upto`, in order, behind the moment `after`."""

    def strike(self, row: DueKey) -> None:
        """Take a row away that its subject's state does not name; one that it names stays."""

    def swept(self) -> str | None:
        """Give the hour before which nothing is left to be done; None before the first sweep."""

    def keep_swept(self, hour: str) -> None:
        """Keep that hour; it moves forward only."""

    def stuck(self) -> list[str]:
        """Give the hours before that one in which a row is left that cannot be handled, oldest first, a thousand at the most."""

    def keep_stuck(self, hour: str, *, stuck: bool) -> None:
        """Keep whether an hour is one of those."""


class Register(Protocol):
    """Procedures, units, people and the calendar, as the register has them; at most 30 s old."""

    def versions(self, procedure: str, *, fresh: bool = False) -> tuple[ProcedureVersion, ...]:
        """Give every version of a procedure, oldest first; empty when there is none. `fresh` reads past what is remembered."""

    def unit(self, code: str) -> Unit | None:
        """Find a unit."""

    def point(self, code: str) -> ReceptionPoint | None:
        """Find a reception point."""

    def officer(self, code: str) -> Officer | None:
        """Find a person in office."""

    def calendar(self, *, fresh: bool = False) -> Calendar:
        """Give the calendar in force: seed and overrides. `fresh` reads past what is remembered."""

    def incidents(self, unit: str, *, closed: bool = False) -> tuple[Ongoing, ...]:
        """Give a unit's own incidents that are open; with `closed` all that there were."""

    def units_below(self, parent: str | None, span: Span) -> list[Unit]:
        """List the units right below one, or those that have none above them, by code."""

    def points_of(self, unit: str, span: Span) -> list[ReceptionPoint]:
        """List the reception points that a unit runs, by code."""

    def officers_of(self, unit: str, span: Span) -> list[Officer]:
        """List the people of a unit, by code."""

    def procedures(self, kind: DossierKind | None, field: str | None, span: Span) -> list[str]:
        """List the codes of all procedures, of those of a kind, or of those of a field."""

    def register(self, things: Iterable[Thing], province: str) -> None:
        """Put things into the register; one that stands there already is left as it is."""

    def noted(self, name: str) -> str | None:
        """Read a note: what whoever loads the register remembers of it."""

    def note(self, name: str, text: str) -> None:
        """Keep a note, over the one before."""


class Connections(Protocol):
    """Connections, their operations, and the subscriptions by topic. Every read is consistent; TTL is never relied upon."""

    def connect(self, connection: Connection) -> None:
        """Keep a new connection."""

    def connection(self, connection: str, now: datetime) -> Connection | None:
        """Load a connection that has not expired."""

    def beating(self, bucket: int, after: str | None, count: int) -> list[str]:
        """Read, in order, at most `count` connections of a bucket of the heartbeat, `connection.beat_of` their end, behind one of them."""

    def acknowledge(self, connection: Connection) -> bool:
        """Keep who it is, once; False when it was acknowledged before or is gone."""

    def begin(self, operation: Operation, limit: int, now: datetime) -> Began:
        """Take an operation's id, once; COMPLETED when its `complete` came first."""

    def subscribe(self, subscription: Subscription, now: datetime) -> None:
        """Write a subscription as REPLAYING: what it is owed and its topic's head first, then its row and its operation at once."""

    def go_live(self, subscription: Subscription, seen: int) -> bool:
        """Set LIVE from entry `seen` on, if that is the subject's last entry at that very moment; False when more have come.

        Where the row is gone, or no longer as given since somebody else replays it, nothing is done, and True.
        """

    def put_back(self, subscription: Subscription, since: datetime, place: str) -> Subscription | None:
        """Set REPLAYING as `Subscription.replays` says, whatever its row is by now, so that whoever fans out passes it over.

        What it is owed is noted first. Gives the row as it is then, None when it is gone.
        """

    def moved(self, was: Subscription, now: Subscription) -> bool:
        """Write a row over what whoever replays it wrote before; False when it is gone, or somebody else replays it."""

    def owed(self, lane: int, until: datetime, after: str | None, count: int) -> list[Owed]:
        """Read, oldest first, at most `count` notes of a lane (`connection.lane_of`) from before an instant, behind one of them.

        There is one of each replay that was begun, from then, and one of each subscription's end, from `feeds.LEFT` before it.
        """

    def paid(self, owed: Owed) -> None:
        """Forget such a note."""

    def end(self, connection: str, operation: str, now: datetime) -> bool:
        """End an operation; an unknown one leaves a tombstone for a `subscribe` that comes late. True when it stood."""

    def disconnect(self, connection: str) -> None:
        """Forget a connection and all it holds."""

    def watched(self, topics: Sequence[str], now: datetime) -> Mapping[str, bool]:
        """Tell which of these topics are wanted, and of each whether it has members, in one read for each hundred."""

    def subscriptions(self, topic: str, now: datetime) -> list[Subscription]:
        """Read a topic's subscriptions, sorted by cohort."""

    def feed(self, topic: str, row: Fed) -> None:
        """Put a row of a feed."""

    def fed(self, topic: str, after: str, upto: str | None, count: int) -> list[Fed]:
        """Read, in order, at most `count` rows of a feed between two places, both left out."""

    def place(self, follower: str, shard: str) -> str | None:
        """Where a follower of a stream's shard stands."""

    def keep_place(self, follower: str, shard: str, position: str) -> None:
        """Keep where it stands."""


OUTBOX_SHARDS = 16


def outbox_shard(subject: str) -> int:
    """Give the shard of the outbox that a subject's markers are in: one reader sees them in order."""
    return int(subject[:2], 16) % OUTBOX_SHARDS


MOST_TAKEN = 24  # markers of one step of the log: each is two writes of a transaction, and two of a unit's register; it takes 100


@dataclass(frozen=True, slots=True)
class Marker:
    """An entry that the log has yet to take: where that is noted, what its leaf is made of, and when the one before was recorded.

    An access has no unit.
    """

    shard: int
    place: str
    subject: str
    kind: str
    seq: int
    hash: str
    unit: str | None
    before: str | None

    @property
    def recorded_at(self) -> str:
        """When the entry was recorded."""
        return self.place.partition("#")[0]


@dataclass(frozen=True, slots=True)
class Logged:
    """A leaf of the log, and the entry that it is for."""

    leaf: bytes
    subject: str
    seq: int


@dataclass(frozen=True, slots=True)
class LogHead:
    """How far the log has come: the number of its leaves, and the roots of its whole subtrees in hexadecimal (`tree.Frontier`)."""

    size: int = 0
    hashes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Taking:
    """A step of the log: the markers taken, the leaves that they become, each unit's last number, and the head behind it.

    `at` gives for each marker the index of its leaf.
    """

    markers: tuple[Marker, ...]
    leaves: tuple[Logged, ...]
    at: tuple[int, ...]
    registers: Mapping[str, tuple[int, int]]  # unit -> its number before and behind it
    opened: tuple[tuple[str, int, str], ...]  # unit, number and id of each dossier opened
    head: LogHead


class Log(Protocol):
    """The outbox, and the log that takes what is in it. One writer moves the head; whoever else tries finds it moved."""

    @property
    def second(self) -> "Store":
        """The same store with the second log, that of accesses, in the place of the first."""

    def log_head(self) -> LogHead:
        """Give how far the log has come."""

    def outbox(self, shard: int, count: int) -> list[Marker]:
        """Read, oldest first, at most `count` markers of a shard; one may be there while an older one of its subject is not seen yet."""

    def marker(self, shard: int, place: str) -> Marker | None:
        """Read one marker."""

    def registered(self, units: Collection[str]) -> Mapping[str, int]:
        """Give the number of the last dossier that each of these units opened; 0 before its first."""

    def numbered_from(self, unit: str, first: int, last: int) -> list[tuple[int, str]]:
        """Give number and id of the dossiers that a unit opened, from one number of its register to another."""

    def take(self, head: LogHead, step: Taking) -> bool:
        """Move the log on by a step, all of it or nothing; False when its head has moved meanwhile."""

    def leaves(self, start: int, count: int) -> "list[Logged]":
        """Read leaves in order."""

    def steps(self, start: int, end: int) -> "list[list[Logged]]":
        """Read the leaves from one size of the log up to another, step by step as they were taken; both are sizes that its head had."""

    def leaves_of(self, places: Collection[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
        """Give the indices of the leaves of entries, by subject and number; those that the log has not taken yet are left out."""

    def lines(self, places: Collection[tuple[str, int]]) -> Mapping[tuple[str, int], str]:
        """Read the lines of this log's entries, by subject and number; those that there are not are left out."""


class Vault(Protocol):
    """Where the log is published: what is put there is never changed."""

    def put(self, path: str, data: bytes) -> None:
        """Put something; to put the same again is nothing.

        Raises:
            Corrupt: something else is there.
            Unavailable: it may not be there.
        """

    def read(self, path: str) -> bytes | None:
        """Read what was put; None when there is nothing."""

    def checkpoint(self) -> str | None:
        """Read the newest checkpoint, a signed note; None before the first."""

    def cosigned(self) -> str | None:
        """Read the newest checkpoint that witnesses have cosigned, which they put there; None when there is none."""

    def publish(self, size: int, note: str) -> None:
        """Publish a checkpoint of that size, which is the newest from then on."""


class Journal(Protocol):
    """Where the lines of what is published are kept, apart from the store: what is put there is never changed. `Vault` says the rest."""

    def put(self, path: str, data: bytes) -> None:
        """Put something; to put the same again is nothing."""

    def read(self, path: str) -> bytes | None:
        """Read what was put; None when there is nothing."""


class Depot(Protocol):
    """Where exports lie while they are made, and until they expire: ordinary storage."""

    def write(self, path: str, chunks: Iterable[bytes]) -> None:
        """Put a file, whole or not at all, over one that is there.

        Raises:
            Unavailable: it may not be there.
        """

    def read(self, path: str) -> Iterable[bytes]:
        """Read a file piece by piece.

        Raises:
            FileNotFoundError: there is none.
            Unavailable: it could not be read.
        """

    def remove(self, folder: str) -> None:
        """Take all files of a folder away; there may be none."""

    def link(self, path: str, until: datetime) -> str:
        """Give an address at which whoever has it gets the file until then."""


class Seal(Protocol):
    """Signs for the log."""

    @property
    def key(self) -> Key:
        """The public half of its key."""

    def sign(self, message: bytes) -> bytes:
        """Sign a message.

        Raises:
            Unavailable: it could not be signed.
        """


class Store(Dossiers, Accesses, Due, Register, Connections, Log, Protocol):
    """The one store behind all of them."""


class Posted(StrEnum):
    """What came of a message."""

    DONE = "DONE"
    GONE = "GONE"  # there is no such connection any more
    FAILED = "FAILED"  # it could not be posted, or nobody knows whether it was


class Courier(Protocol):
    """Carries messages to connections."""

    def post(self, connection: str, message: str) -> bool:
        """Post a message; False when the connection is gone.

        Raises:
            Unavailable: it could not be posted, or nobody knows whether it was.
        """

    def post_all(self, messages: Sequence[tuple[str, str]]) -> Sequence[Posted]:
        """Post messages to different connections, maybe at once; gives what came of each. One that fails hurts no other."""

    def close_all(self, connections: Sequence[str], code: int, reason: str) -> None:
        """End connections, maybe at once, with the code where the transport can carry one; what fails hurts no other."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A payload for a part of a topic's audience, each member a connection and its operation.

    They are those of one `lane` (`connection.lane_of`) who saw of a subject what `sight` names (`Decision.sight`). Whoever is not to get it
    is read on from `place`. `stamp` is when it arrived on a feed, `correlation` the id of the request that it comes of.
    """

    topic: str
    lane: int
    subject: str
    sight: str
    payload: bytes
    members: tuple[tuple[str, str], ...]
    place: str
    stamp: datetime | None = None
    correlation: str | None = None


class Queue(Protocol):
    """Takes parcels, each of which is handed out soon and at least once, by somebody else; those of a topic and lane in order."""

    def put(self, parcels: Sequence[Parcel]) -> None:
        """Put parcels in.

        Raises:
            Unavailable: some may not have been taken; those that were are handed out all the same.
        """


@dataclass(frozen=True, slots=True)
class Letter:
    """An entry that a follower of a stream could not take: who could not, where the entry stands, and the kind of what was wrong."""

    follower: str  # a function: stream, tasks
    table: str  # trail, accesses
    subject: str
    seq: int
    why: str


class Aside(Protocol):
    """The dead-letter queue: keeps what was set aside until somebody has it taken again."""

    def put(self, letter: Letter) -> None:
        """Keep a letter.

        Raises:
            Unavailable: it may not have been taken.
        """


class Tokens(Protocol):
    """Reads JSON Web Tokens."""

    def read(self, token: str, now: datetime) -> tuple[Viewer, datetime]:
        """Give the viewer and when the token expires.

        Raises:
            Unauthenticated: bad, expired or foreign.
        """


@dataclass(frozen=True, slots=True)
class Services:
    """What a process holds. `log` names the log that its entries belong to, `accesses_log` the second log, that of accesses.

    `stage` names its deployment among others of an account; without `aside`, what cannot be taken holds up all behind it.

    `now` and `entropy` are its only sources of time and chance.
    """

    store: Store
    courier: Courier
    tokens: Tokens
    keys: Keys
    log: str
    accesses_log: str
    now: Callable[[], datetime]
    entropy: Callable[[int], bytes]
    origins: frozenset[str] = field(default_factory=frozenset)
    queue: Queue | None = None
    vault: Vault | None = None
    seal: Seal | None = None
    depot: Depot | None = None
    accesses_vault: Vault | None = None
    accesses_seal: Seal | None = None
    journal: Journal | None = None
    accesses_journal: Journal | None = None
    aside: Aside | None = None
    stage: str = ""

    @property
    def second(self) -> "Services":
        """The same with the second log, that of accesses, in the place of the first: name, items, vault, seal and journal."""
        return replace(
            self, log=self.accesses_log, store=self.store.second, vault=self.accesses_vault, seal=self.accesses_seal,
            journal=self.accesses_journal, accesses_vault=None, accesses_seal=None, accesses_journal=None,
        )  # fmt: skip
