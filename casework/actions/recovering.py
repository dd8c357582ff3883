"""After a restore from a backup: a store that is older than what its log has published gets back, entry by entry, what it lacks.

The entries are read from the journal, all of them are held to the newest checkpoint before anything is written, and each is one
transaction, as it was the first time: state, entry, alerts, rows of the register and of the due table follow from it. Then the log takes
them in the very steps in which it had. Erasures are made again. What is gone for good are the texts that came with these entries, since
disclosures are in no journal, the memory of their requests but an import's, and what was never published: the last seconds before the loss.

Nobody else may write meanwhile. It may run twice, at once, and be killed in the middle.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from casework import journal
from casework.accesses import newest as newest_access
from casework.accesses import tip_of
from casework.audit import tree
from casework.audit.chain import Entry, Subject, Tip, committed
from casework.audit.leaves import entry_leaf
from casework.audit.note import Checkpoint
from casework.commits import TRIES, due_key, fingerprint_of, imported, rest
from casework.erasing import erase_again
from casework.journal import Kept
from casework.model.amending import OverrideTable
from casework.model.errors import Contended, Corrupt, Fault, Unavailable
from casework.model.export import Export, ExportState
from casework.model.incident import Incident, ongoing
from casework.model.packing import Plain, moment
from casework.model.parties import PartyKind
from casework.model.publication import Publication
from casework.model.raising import next_alert
from casework.model.record import Dossier, DossierId, decoded
from casework.model.subjects import Record, restored
from casework.model.task import Task, TaskState
from casework.ports import Accessed, Change, Held, LogHead, Marker, Raced, Repeat, Seen, Services, Taking, Thing, outbox_shard
from casework.published import newest
from casework.steps import grown_from, step
from casework.views import setting

ERASED = "APPLICANT_ERASED"
AGAIN = "AGAIN"  # the level of the row of what goes on by itself
CHANGED = "restore all tables to the same instant, and let nothing write before they are recovered"
SLOW = f"run it again, since tables that are new may be slow at first; if that goes on, {CHANGED}"


@dataclass(slots=True)
class Recovered:
    """What was put back: entries, those subjects that the store knew nothing of, and disclosures that were erased again."""

    entries: int = 0
    subjects: int = 0
    erased: int = 0
    leaves: int = 0  # that the log took again


PutBack = Callable[[Services, Entry, Recovered], None]


def lacking(services: Services) -> int:
    """Give how many leaves of what the log has published are not in the store's log; of both logs by `services` and its `second`.

    Where only what was kept and not published yet is lacking, it is the leaves of the first such step.

    Raises:
        Corrupt: the newest checkpoint is none, or not by the log's key.
        Unavailable: the store, the vault or the journal did not answer.
    """
    published, size = newest(services), services.store.log_head().size
    behind = published.checkpoint.size - size if published else 0
    return behind if behind > 0 else len(journal.read(services, size) or ())


def recover(services: Services, advance: Callable[[int], None] = lambda _: None) -> Recovered:
    """Put back what the trail lacks, and let the log take it; `advance` hears how many leaves were proved, and then how many were taken.

    Raises:
        Corrupt: the journal does not lead to the newest checkpoint, and nothing was written; or what the store has is something else.
        Contended: others write.
        Unavailable: the store, the journal or the vault did not answer; it goes on from there when it runs again.
    """
    return _recovered(services, _entry, advance)


def recover_accesses(services: Services, advance: Callable[[int], None] = lambda _: None) -> Recovered:
    """Do the same for the second log, that of accesses."""
    return _recovered(services.second, _access, advance)


def _recovered(services: Services, put_back: PutBack, advance: Callable[[int], None]) -> Recovered:
    found, published = Recovered(), newest(services)
    proved = _proved(services, published.checkpoint, advance) if published else {}
    try:
        _gone_through(services, published.checkpoint.size if published else 0, proved, put_back, found, advance)
    except Fault as fault:
        fault.add_note(f"{found.entries} entries of {services.log} were put back before that, and stay")
        raise
    return found


def _gone_through(
    services: Services, size: int, proved: Mapping[int, bytes], put_back: PutBack, found: Recovered, advance: Callable[[int], None]
) -> None:
    """Put back step by step what the journal has from the log's head on, and let the log take it."""
    tries = 0
    while kept := _kept(services, (head := services.store.log_head()).size, size, proved):
        for entry in (entry for _, entry in kept if entry is not None):
            put_back(services, entry, found)
        try:
            taking = _taking(services, head, kept)
        except Corrupt:
            if services.store.log_head() == head:
                raise
            continue  # Another run has taken the step meanwhile.
        if services.store.take(head, taking):
            found.leaves += len(kept)
            advance(len(kept))
            tries = 0
        elif services.store.log_head() == head:
            tries += 1
            if tries == TRIES:
                raise Contended(f"the log does not take what begins at leaf {head.size}: {SLOW}")
            rest(tries)


def _taking(services: Services, head: LogHead, kept: Sequence[Kept]) -> Taking:
    """Give the step that the log had taken, out of the markers that were put back."""
    taking = step(services, head, [_marker(services, entry) for _, entry in kept if entry is not None])
    if [one.leaf for one in taking.leaves] != [leaf for leaf, _ in kept]:
        raise Corrupt(f"the log numbers what was opened from leaf {head.size} on otherwise than it had: {CHANGED}")
    return taking


def _proved(services: Services, checkpoint: Checkpoint, advance: Callable[[int], None]) -> Mapping[int, bytes]:
    """Hold what was kept from the log's head on to the newest checkpoint; gives the hash of each step's leaves by the index of the first.

    Raises:
        Corrupt: it does not lead there.
    """
    grown, proved = grown_from(services.store.log_head()), dict[int, bytes]()
    if grown.size >= checkpoint.size:
        return proved
    while grown.size < checkpoint.size:
        start, kept = grown.size, _kept(services, grown.size, checkpoint.size, {})
        proved[start] = _hashed(kept)
        for leaf, _ in kept:
            grown.append(tree.leaf_hash(leaf))
        advance(len(kept))
    if (grown.size, grown.root) != (checkpoint.size, checkpoint.root):
        raise Corrupt(
            f"what the store has and the journal keeps does not lead to the checkpoint of {checkpoint.size} leaves: restore another backup"
        )
    return proved


def _hashed(kept: Sequence[Kept]) -> bytes:
    return hashlib.sha256(b"".join(leaf for leaf, _ in kept)).digest()


def _kept(services: Services, start: int, size: int, proved: Mapping[int, bytes]) -> Sequence[Kept]:
    """Read a step; behind the newest checkpoint, of that `size`, there may be none.

    What lies there was kept for the next checkpoint, which was never signed. The log takes it too, since nothing else can be kept in its
    place; it is held to its chains alone.

    Raises:
        Corrupt: it is missing, or it is not what leads to the checkpoint.
    """
    found = journal.read(services, start)
    if not found:
        if start >= size:
            return ()
        raise Corrupt(f"the journal of {services.log} has nothing that begins at leaf {start}: the store cannot be recovered from there")
    for leaf, entry in found:
        if entry is not None and leaf != bytes(entry_leaf(*entry.place, entry.hash)):
            raise Corrupt(f"the journal has another entry {entry.seq} of {entry.place[0]} than the log")
    if start in proved and _hashed(found) != proved[start]:
        raise Corrupt(f"the journal's step from leaf {start} on was changed meanwhile: run it again")
    return found


def _marker(services: Services, entry: Entry) -> Marker:
    """Find the marker of an entry that the log has yet to take."""
    subject, seq = entry.place
    found = services.store.marker(outbox_shard(subject), f"{moment(entry.recorded_at)}#{subject}#{seq:08d}")
    if found is None or found.hash != entry.hash:
        raise Corrupt(f"entry {seq} of {subject} does not wait for the log: {CHANGED}")
    return found


# The trail.


def _entry(services: Services, entry: Entry, found: Recovered) -> None:
    """Put an entry back, unless it is there."""
    subject = DossierId(entry.place[0])
    for attempt in range(TRIES):
        held = services.store.held(subject)
        if held is not None and entry.seq <= held.tip.seq:
            _same(services, entry)
            break
        now = services.now()
        try:
            services.store.commit(_change(services, subject, held, entry, now), now)
        except (Raced, Seen):  # Another run puts it back; or somebody else writes, which the next look tells.
            rest(attempt)
            continue
        found.entries += 1
        found.subjects += held is None
        break
    else:
        raise Contended(f"entry {entry.seq} of {subject} cannot be put back{_taken(services, entry)}: {SLOW}")
    if entry.seq == 1:
        _counted(services, subject)
    if entry.body["action"] == ERASED:
        found.erased += erase_again(services, subject)


def _taken(services: Services, entry: Entry) -> str:
    """Say whether the code of the dossier that an entry opens was given to another one meanwhile."""
    code = next((change["to"] for change in entry.body["changes"] if change["field"] == "code"), None) if entry.seq == 1 else None
    other = services.store.coded(code) if code else None
    return f", since its code {code} was given to another dossier, {other}" if other and other != entry.place[0] else ""


def _counted(services: Services, subject: DossierId) -> None:
    """Let no code be drawn a second time."""
    held = services.store.held(subject)
    if held is not None and isinstance(held.record, Dossier):
        unit, on, number = decoded(held.record.code)
        services.store.keep_numbered(unit, held.province, on, number)


def _same(services: Services, entry: Entry) -> None:
    there = services.store.lines([entry.place]).get(entry.place)
    if there != entry.line:
        subject, seq = entry.place
        raise Corrupt(f"the store has {'another' if there else 'no'} entry {seq} of {subject}, which was published: {CHANGED}")


def _change(services: Services, subject: DossierId, held: Held | None, entry: Entry, now: datetime) -> Change:
    """Make the change that an entry tells of."""
    body, tip = entry.body, held.tip if held else Tip()
    if (entry.seq, body["prev"]) != (tip.seq + 1, tip.hash):
        raise Corrupt(f"entry {entry.seq} of {subject} does not go on from what the store has: {CHANGED}")
    flat = _led(held.flat if held else {}, entry)
    record = restored(body["subject"]["kind"], flat)
    after = Held(
        id=subject,
        province=body["province"],
        record=record,
        flat=flat,
        tip=Tip(entry.seq, entry.hash, entry.recorded_at),
        due=due_key(subject, _next(services, record, now), now),
        applicant_key=None if isinstance(record, Dossier) and record.erased else held.applicant_key if held else None,
    )
    brought = _brought(subject, held, record)
    return Change(Subject(body["subject"]["kind"], subject), held, after, entry, {}, _memory(services, entry), brought)


def _memory(services: Services, entry: Entry) -> Repeat | None:
    """Give the memory of an import's move, without which a second run of the import would make it once more; None of any other."""
    actor, named = entry.body["actor"], entry.body["request"]
    if actor["kind"] != PartyKind.IMPORT:
        return None
    request = imported(actor["id"], named.removeprefix(f"import:{actor['id']}:"))
    return Repeat(*request.memory, fingerprint_of(services, request), *entry.place, None)


def _led(before: Mapping[str, Plain], entry: Entry) -> dict[str, Plain]:
    """Give the state that an entry's changes lead to."""
    flat = dict(before)
    for change in entry.body["changes"]:
        flat[change["field"]] = change["to"]
    flat = {name: value for name, value in flat.items() if value is not None}
    if committed(flat) != entry.body["after"]:
        raise Corrupt(f"entry {entry.seq} of {entry.place[0]} does not lead to the state that it commits to: {CHANGED}")
    return flat


def _next(services: Services, record: Record, now: datetime) -> tuple[str, datetime] | None:
    """Give what is next to be done by itself, and when."""
    match record:
        case Dossier():
            try:
                return next_alert(record, setting(services, record))
            except Unavailable:
                raise
            except Fault:  # What the register had been loaded with is not there yet: the sweep looks again until it is.
                return (AGAIN, now) if record.open else None
        case Task():
            return None if record.state is TaskState.DONE else (AGAIN, now)
        case Export(state=ExportState.REQUESTED | ExportState.RUNNING):
            return AGAIN, now
        case Export(state=ExportState.READY, expires_at=datetime() as at):
            return AGAIN, at
        case _:
            return None


def _brought(subject: DossierId, held: Held | None, record: Record) -> tuple[Thing, ...]:
    """Give the rows of the register that a change brought."""
    before = held.record if held else None
    match record:
        case Publication():
            stood = before.versions if isinstance(before, Publication) else ()
            return tuple(version for version in record.versions if version not in stood)
        case OverrideTable():
            there = before.overrides if isinstance(before, OverrideTable) else ()
            return tuple(override for override in record.overrides if override not in there)
        case Incident():
            return (ongoing(subject, record),)
        case _:
            return ()


# Accesses.


def _access(services: Services, entry: Entry, found: Recovered) -> None:
    """Put an access back, unless it is there."""
    subject = entry.place[0]
    for attempt in range(TRIES):
        last = next(newest_access(services, subject), None)
        tip = tip_of(last)
        if entry.seq <= tip.seq:
            _same(services, entry)
            return
        if (entry.seq, entry.body["prev"]) != (tip.seq + 1, tip.hash):
            raise Corrupt(f"access {entry.seq} to {subject} does not go on from what the store has: {CHANGED}")
        try:
            services.store.access(Accessed(entry, {}), tip, None, services.now())
        except Raced:
            rest(attempt)
            continue
        found.entries += 1
        found.subjects += entry.seq == 1
        return
    raise Contended(f"access {entry.seq} to {subject} cannot be put back: {SLOW}")
