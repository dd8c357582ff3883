"""What each item holds, and how it is read back. `docs/audit-format.md` describes those that prove something.

Every attribute beside the line and the state follows from these two, so that a changed byte anywhere shows.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from casework.adapters.dynamo.forms import FORMS
from casework.adapters.dynamo.models import (
    AccessItem,
    AlertItem,
    DisclosureItem,
    DueItem,
    LogItem,
    RegisterItem,
    SubjectItem,
    TrailItem,
)
from casework.audit.canonical import canonical, parsed
from casework.audit.chain import Entry, Tip, reopened
from casework.audit.disclosure import digest_of
from casework.audit.leaves import LEAF_BYTES
from casework.model.alert import PASSING, Alert
from casework.model.errors import Corrupt
from casework.model.packing import Plain, instant, moment, packed, unpacked
from casework.model.procedure import ProcedureVersion
from casework.model.record import Dossier, DossierId, State
from casework.model.subjects import DOSSIER, restored
from casework.model.unit import Officer, Ongoing, ReceptionPoint, Unit
from casework.model.workdays import Override
from casework.ports import MOST_TAKEN, Accessed, Change, DueKey, Held, Logged, Noticed, Repeat, Thing, outbox_shard

STATE = "STATE"
SWEPT = ("SWEPT", "SWEPT")  # the place of the sweep's watermark; before it, the hours in which something is stuck
MOST_STUCK = 1000  # of these hours
LAST_SEQ = 99_999_999
PROVINCE_SHARDS = 8
NONE = "-"  # the list of what stands below nothing
NO_DUE = "9999-12-31T23:59:59.999999Z"


def seq_key(seq: int) -> str:
    """Write an entry's sort key."""
    return f"E#{seq:08d}"


def seq_of(key: str) -> int:
    """Read it back."""
    return int(key.removeprefix("E#"))


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
    """Lay out a state; a dossier has index keys beside it."""
    held = change.after
    due = held.due
    item = SubjectItem(
        held.id,
        STATE,
        province=held.province,
        kind=change.subject.kind,
        version=held.version,
        entries=held.tip.seq,
        head=held.tip.hash,
        recorded_at=moment(change.entry.recorded_at),
        state=canonical(dict(held.flat)).decode(),
        applicant_key=held.applicant_key,
        due_bucket=due.bucket if due else None,
        due_moment=due.moment if due else None,
        due_level=due.level if due else None,
    )
    if isinstance(held.record, Dossier):
        _indexed(item, held.record, held.province)
    return item


def _indexed(item: SubjectItem, dossier: Dossier, province: str) -> None:
    side = "OPEN" if dossier.open else "CLOSED"
    lead = dossier.last_lead
    item.unit_key = f"{dossier.unit}#{side}"
    item.province_key = f"{province}#{side}"
    item.officer_key = f"{lead.officer}#{side}" if lead else None
    item.point_key = desk(dossier)
    item.due_sort = due_sort(dossier, item.pk)


def desk(dossier: Dossier) -> str | None:
    """Name the counter's pile on which a dossier lies: to be taken in, or to be handed out; None for all others."""
    if dossier.state is State.SUBMITTED:
        return f"{dossier.reception_point}#INTAKE"
    return f"{dossier.delivery_point}#DELIVERY" if dossier.state is State.DECIDED else None


def due_sort(dossier: Dossier, subject: str) -> str:
    """Order dossiers by due date; those without one come last."""
    return f"{moment(dossier.due_at) if dossier.due_at else NO_DUE}#{subject}"


def held(item: SubjectItem) -> Held:
    """Read a state back.

    Raises:
        Corrupt: as for `held_of`.
    """
    return held_of(item.attribute_values)


def slip(item: Mapping[str, Any]) -> tuple[int, int] | None:
    """Read generation and key version from a dossier's state; None for a subject of another kind."""
    if item["kind"] != DOSSIER:
        return None
    flat = FORMS["subjects"].state(item, parsed(item["state"]))
    return int(flat["secret_generation"]), int(flat["slip_key"])


def held_of(item: Mapping[str, Any]) -> Held:
    """Read a state back from its attributes by name.

    The record is built from the fields in their newest form; `flat` is what is stored, since the next entry tells what changes against
    that: a change of the form stands in the entry that makes it.

    Raises:
        Corrupt: it is of a later form than this version reads, or not a state.
    """
    try:
        flat = parsed(item["state"])
        record = restored(item["kind"], FORMS["subjects"].state(item, flat))
        recorded_at = instant(item["recorded_at"])
    except (KeyError, ValueError, TypeError) as error:
        raise Corrupt(f"the state of {item['pk']} cannot be read") from error
    due = None
    if item.get("due_bucket"):
        due = DueKey(item["due_bucket"], item["due_moment"], item["due_level"])
    return Held(
        id=DossierId(item["pk"]),
        province=item["province"],
        record=record,
        flat=flat,
        tip=Tip(int(item["entries"]), item["head"], recorded_at),
        due=due,
        applicant_key=item.get("applicant_key"),
    )


def month_key(code: str, month: str) -> str:
    """Give the partition of what was recorded of a unit, or of a person, in a month."""
    return f"{code}#{month}"


def trail_item(change: Change) -> TrailItem:
    """Lay out an entry. Only people have an actor key: an import or a sweep would make one partition hot."""
    entry, after = change.entry, change.after
    recorded = moment(entry.recorded_at)
    actor = entry.body["actor"]
    shard = int(change.subject.id[:2], 16) % PROVINCE_SHARDS
    return TrailItem(
        change.subject.id,
        seq_key(entry.seq),
        province=after.province,
        line=entry.line,
        moment=f"{recorded}#{change.subject.id}#{entry.seq:08d}",
        unit_month=month_key(after.record.unit, recorded[:7]),
        province_day=f"{after.province}#{recorded[:10]}#{shard}",
        actor_month=month_key(actor["id"], recorded[:7]) if actor["kind"] == "OFFICER" else None,
    )


LOG_HEAD = ("LOG", "HEAD")
SECOND = "A#"  # before the partitions of the second log, that of accesses
LEAVES_SPAN = 100_000  # indices of the leaves of one partition
MOST_LEAVES = 2 * MOST_TAKEN


def outbox(shard: int) -> str:
    """Give the partition of a shard of the outbox."""
    return f"OUTBOX#{shard:02d}"


def leaves_key(start: int) -> tuple[str, str]:
    """Give where the leaves of a step are, by the index of its first."""
    return f"LEAVES#{start // LEAVES_SPAN:08d}", f"{start:012d}"


def leaves_between(start: int, end: int) -> list[tuple[str, str | None, str]]:
    """Give the partitions, each with the sort keys in between, of all steps that may have leaves from one index up to another."""
    first = max(0, start - MOST_LEAVES + 1)
    spans = range(first // LEAVES_SPAN, max(first, end - 1) // LEAVES_SPAN + 1)
    return [(leaves_key(span * LEAVES_SPAN)[0], f"{first - 1:012d}" if first else None, f"{end:012d}") for span in spans]


def leaves_body(leaves: Sequence[Logged]) -> dict[str, str]:
    """Lay out the leaves of a step, and the entry that each is for."""
    return {
        "body": b64encode(b"".join(one.leaf for one in leaves)).decode(),
        "places": " ".join(f"{one.subject}#{one.seq}" for one in leaves),
    }


def logged(body: str, places: str) -> list[Logged]:
    """Read the leaves of a step back."""
    raw = b64decode(body)
    found = []
    for number, place in enumerate(places.split()):
        subject, _, seq = place.partition("#")
        found.append(Logged(raw[number * LEAF_BYTES : (number + 1) * LEAF_BYTES], subject, int(seq)))
    return found


def leaf_key(subject: str, seq: int) -> tuple[str, str]:
    """Give where the index of an entry's leaf is."""
    return f"LEAF#{subject}", seq_key(seq)


def register_key(unit: str) -> tuple[str, str]:
    """Give where the number of dossiers is that a unit has opened."""
    return f"REGISTER#{unit}", "REGISTER"


def number_key(unit: str, number: int) -> tuple[str, str]:
    """Give where the id of the dossier is that has a number of a unit's register."""
    return f"REGISTER#{unit}", f"N#{number:012d}"


def marker_item(change: Change) -> LogItem:
    """Lay out the outbox marker of a change."""
    return _marker("", change.entry, change.before.tip if change.before else Tip(), change.after.record.unit)


def access_item(access: Accessed) -> AccessItem:
    """Lay out an access; its disclosures stand in the order of their digests, which says nothing."""
    entry = access.entry
    return AccessItem(
        entry.place[0],
        seq_key(entry.seq),
        province=entry.body["province"],
        line=entry.line,
        disclosures=[access.disclosures[digest] for digest in sorted(access.disclosures)] or None,
    )


def accessed(line: str, disclosures: Iterable[str] | None) -> Accessed:
    """Read an access back."""
    return Accessed(reopened(line), {digest_of(text): text for text in disclosures or ()})


def access_marker_item(access: Accessed, tip: Tip) -> LogItem:
    """Lay out the outbox marker of an access. It has no unit: what the second log has of a dossier opens none."""
    return _marker(SECOND, access.entry, tip, None)


def _marker(log: str, entry: Entry, tip: Tip, unit: str | None) -> LogItem:
    """Lay out an outbox marker; its shard follows from the subject, so that one reader sees a subject's entries in order."""
    subject = entry.body["subject"]
    return LogItem(
        f"{log}{outbox(outbox_shard(subject['id']))}",
        f"{moment(entry.recorded_at)}#{subject['id']}#{entry.seq:08d}",
        province=entry.body["province"],
        subject=subject["id"],
        kind=subject["kind"],
        seq=entry.seq,
        hash=entry.hash,
        unit=unit,
        before=moment(tip.recorded_at) if tip.recorded_at else None,
    )


def disclosure_item(change: Change) -> DisclosureItem:
    """Lay out an entry's disclosures, in the order of their digests, which says nothing."""
    texts = [change.disclosures[digest] for digest in sorted(change.disclosures)]
    return DisclosureItem(
        change.subject.id,
        seq_key(change.entry.seq),
        province=change.after.province,
        disclosures=texts,
    )


def code_item(change: Change) -> SubjectItem:
    """Lay out the way from a code to its dossier."""
    held = change.after
    return SubjectItem(*code_key(held.dossier.code), province=held.province, subject=held.id)


def due_item(change: Change, due: DueKey) -> DueItem:
    """Lay out the due row."""
    return DueItem(
        due.bucket,
        due.moment,
        province=change.after.province,
        subject=change.subject.id,
        level=due.level,
    )


def last_of(upto: datetime) -> str:
    """Give what stands behind all rows of the due table of an instant, and before those of the next microsecond."""
    return f"{moment(upto)}$"


def alert_items(change: Change, alert: Alert) -> Iterator[AlertItem]:
    """Lay out an alert: a copy of what the dossier's state holds, and the keys of the lists that it is in.

    What is late stands in the list of the reception point, too. A unit beside the dossier's own that is to keep the deadline has a copy
    for its own list.
    """
    held, side = change.after, "OPEN" if alert.open else "PAST"
    same: dict[str, Any] = {
        "province": held.province,
        "body": canonical(packed(alert)).decode(),
        "raised_sort": f"{moment(alert.observed_at)}#{held.id}#{alert.number:06d}",
    }
    yield AlertItem(
        held.id,
        alert_key(alert.number),
        unit_key=f"{held.dossier.unit}#{side}",
        province_key=f"{held.province}#{side}",
        officer_key=f"{alert.officer}#{side}" if alert.officer else None,
        point_key=None if alert.level in PASSING else f"{held.dossier.reception_point}#{side}",
        **same,
    )
    if alert.unit != held.dossier.unit:
        yield AlertItem(held.id, alert_key(alert.number, "K"), unit_key=f"{alert.unit}#{side}", **same)


def noticed(item: Mapping[str, Any]) -> Noticed:
    """Read an alert of a list back."""
    return Noticed(DossierId(item["subject"]), unpacked(Alert, parsed(item["body"])))


def alert_key(number: int, whose: str = "A") -> str:
    """Write an alert's sort key: `A`, or `K` for the copy of the unit that is to keep the deadline."""
    return f"{whose}#{number:06d}"


def version_items(version: ProcedureVersion, province: str) -> Iterator[RegisterItem]:
    """Lay out a version of a procedure, and the procedure's places in the lists of all, of its kind and of its field."""
    yield _registered(f"PROCEDURE#{version.code}", f"V#{version.version:04d}", province, packed(version))
    for key in ("PROCEDURES", f"PROCEDURES#KIND#{version.kind}", f"PROCEDURES#FIELD#{version.field}"):
        yield _registered(f"PROCEDURE#{version.code}", f"IN#{key}", province, {"code": version.code}, key, version.code)


def brought(change: Change) -> Iterable[RegisterItem]:
    """Lay out the rows of the register that a change brings; two versions of one procedure share its places in the lists."""
    return {(item.pk, item.sk): item for thing in change.register for item in thing_items(thing, change.after.province)}.values()


def thing_items(thing: Thing, province: str) -> Iterator[RegisterItem]:
    """Lay out a thing of the register. What is listed carries the key of its list."""
    body = packed(thing)
    match thing:
        case ProcedureVersion():
            yield from version_items(thing, province)
        case Unit():
            yield _registered(f"UNIT#{thing.code}", "UNIT", province, body, f"UNITS#{thing.parent or NONE}", thing.code)
        case ReceptionPoint():
            yield _registered(f"POINT#{thing.code}", "POINT", province, body, f"POINTS#{thing.unit}", thing.code)
        case Officer():
            yield _registered(f"OFFICER#{thing.code}", "OFFICER", province, body, f"OFFICERS#{thing.unit}", thing.code)
        case Override():
            yield _registered("CALENDAR", thing.day.isoformat(), province, body)
        case Ongoing():
            yield _registered(f"INCIDENTS#{thing.unit}", thing.incident, province, body)


def note_item(name: str, text: str) -> RegisterItem:
    """Lay out a note."""
    return _registered(f"NOTE#{name}", "NOTE", NONE, {"text": text})


def _registered(pk: str, sk: str, province: str, body: Plain, list_key: str | None = None, list_sort: str | None = None) -> RegisterItem:
    return RegisterItem(pk, sk, province=province, body=canonical(body).decode(), list_key=list_key, list_sort=list_sort)


def repeat_item(repeat: Repeat, province: str) -> SubjectItem:
    """Lay out the memory of a request."""
    return SubjectItem(
        *memory_key(repeat.scope, repeat.key),
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
