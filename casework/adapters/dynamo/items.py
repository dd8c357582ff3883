"""What each item holds, and how it is read back. `docs/audit-format.md` describes those that prove something.

Every attribute beside the line and the state follows from these two, so that a changed byte anywhere shows.
"""

from datetime import UTC, date, datetime

from casework.adapters.dynamo.models import (
    ITEM_VERSION,
    DisclosureItem,
    DueItem,
    LogItem,
    SubjectItem,
    TrailItem,
)
from casework.audit.canonical import canonical, parsed
from casework.audit.chain import Tip
from casework.model.errors import Corrupt
from casework.model.packing import instant, moment
from casework.model.record import AssignmentRole, Dossier, DossierId, restored
from casework.ports import Change, DueKey, Held, Repeat

STATE = "STATE"
LAST_SEQ = 99_999_999
LOG_SHARDS = 16
PROVINCE_SHARDS = 8
NO_DUE = "9999-12-31T23:59:59.999999Z"


def seq_key(seq: int) -> str:
    """Write an entry's sort key."""
    return f"E#{seq:08d}"


def memory_key(scope: str, key: str) -> tuple[str, str]:
    """Place the memory of a request."""
    return scope, f"KEY#{key}"


def code_key(code: str) -> tuple[str, str]:
    """Place a code."""
    return f"CODE#{code}", "CODE"


def counter_key(unit: str, on: date) -> tuple[str, str]:
    """Place a unit's counter of a day."""
    return f"COUNTER#{unit}#{on.isoformat()}", "COUNTER"


def state_item(change: Change) -> SubjectItem:
    """Lay out a state."""
    held = change.after
    dossier = held.dossier
    side = "OPEN" if dossier.open else "CLOSED"
    lead = next((a for a in reversed(dossier.assignments) if a.role is AssignmentRole.LEAD), None)
    due = held.due
    return SubjectItem(
        held.id,
        STATE,
        v=ITEM_VERSION,
        province=held.province,
        kind=change.subject.kind,
        version=held.version,
        entries=held.tip.seq,
        head=held.tip.hash,
        recorded_at=moment(change.entry.recorded_at),
        state=canonical(dict(held.flat)).decode(),
        unit_key=f"{dossier.unit}#{side}",
        province_key=f"{held.province}#{side}",
        officer_key=f"{lead.officer}#{side}" if lead else None,
        applicant_key=held.applicant_key,
        due_sort=due_sort(dossier, held.id),
        due_bucket=due.bucket if due else None,
        due_moment=due.moment if due else None,
        due_level=due.level if due else None,
    )


def due_sort(dossier: Dossier, subject: str) -> str:
    """Order dossiers by due date; those without one come last."""
    return f"{moment(dossier.due_at) if dossier.due_at else NO_DUE}#{subject}"


def held(item: SubjectItem) -> Held:
    """Read a state back.

    Raises:
        Corrupt: it is of a later version than this service knows, or not a state.
    """
    if int(item.v) != ITEM_VERSION or item.state is None or item.recorded_at is None:
        raise Corrupt(f"the state of {item.pk} is of a form that this version does not read")
    flat = parsed(item.state)
    due = None
    if item.due_bucket and item.due_moment and item.due_level:
        due = DueKey(item.due_bucket, item.due_moment, item.due_level)
    return Held(
        id=DossierId(item.pk),
        province=item.province,
        dossier=restored(flat),
        flat=flat,
        tip=Tip(int(item.entries or 0), str(item.head), instant(item.recorded_at)),
        due=due,
        applicant_key=item.applicant_key,
    )


def trail_item(change: Change) -> TrailItem:
    """Lay out an entry. Only people have an actor key: an import or a sweep would make one partition hot."""
    entry, after = change.entry, change.after
    recorded = moment(entry.recorded_at)
    actor = entry.body["actor"]
    shard = int(change.subject.id[:2], 16) % PROVINCE_SHARDS
    return TrailItem(
        change.subject.id,
        seq_key(entry.seq),
        v=ITEM_VERSION,
        province=after.province,
        line=entry.line,
        moment=f"{recorded}#{change.subject.id}#{entry.seq:08d}",
        unit_month=f"{after.dossier.unit}#{recorded[:7]}",
        province_day=f"{after.province}#{recorded[:10]}#{shard}",
        actor_month=f"{actor['id']}#{recorded[:7]}" if actor["kind"] == "OFFICER" else None,
    )


def marker_item(change: Change) -> LogItem:
    """Lay out an outbox marker; its shard follows from the subject, so that one reader sees a subject's entries in order."""
    entry, before = change.entry, change.before
    shard = int(change.subject.id[:2], 16) % LOG_SHARDS
    return LogItem(
        f"OUTBOX#{shard:02d}",
        f"{moment(entry.recorded_at)}#{change.subject.id}#{entry.seq:08d}",
        v=ITEM_VERSION,
        province=change.after.province,
        subject=change.subject.id,
        kind=change.subject.kind,
        seq=entry.seq,
        hash=entry.hash,
        unit=change.after.dossier.unit,
        before=moment(before.tip.recorded_at) if before and before.tip.recorded_at else None,
    )


def disclosure_item(change: Change) -> DisclosureItem:
    """Lay out an entry's disclosures, in the order of their digests, which says nothing."""
    texts = [change.disclosures[digest] for digest in sorted(change.disclosures)]
    return DisclosureItem(
        change.subject.id,
        seq_key(change.entry.seq),
        v=ITEM_VERSION,
        province=change.after.province,
        disclosures=texts,
    )


def code_item(change: Change) -> SubjectItem:
    """Lay out the way from a code to its dossier."""
    held = change.after
    return SubjectItem(*code_key(held.dossier.code), v=ITEM_VERSION, province=held.province, subject=held.id)


def due_item(change: Change, due: DueKey) -> DueItem:
    """Lay out the due row."""
    return DueItem(
        due.bucket,
        due.moment,
        v=ITEM_VERSION,
        province=change.after.province,
        subject=change.subject.id,
        level=due.level,
    )


def repeat_item(repeat: Repeat, province: str) -> SubjectItem:
    """Lay out the memory of a request."""
    return SubjectItem(
        *memory_key(repeat.scope, repeat.key),
        v=ITEM_VERSION,
        province=province,
        subject=repeat.subject,
        seq=repeat.seq,
        fingerprint=repeat.fingerprint,
        expires_at=int(repeat.expires_at.timestamp()) if repeat.expires_at else None,
    )


def repeat(item: SubjectItem, scope: str, key: str) -> Repeat:
    """Read the memory of a request back."""
    until = datetime.fromtimestamp(int(item.expires_at), UTC) if item.expires_at else None
    return Repeat(scope, key, str(item.fingerprint), str(item.subject), int(item.seq or 0), until)
