"""Changes made by hand, past every verb: what a store is given to commit, sealed as the service seals it."""

import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from casework.audit.chain import Draft, Subject, Tip, sealed
from casework.audit.disclosure import SALT_BYTES, Envelope
from casework.model.alert import AlertLevel
from casework.model.packing import moment
from casework.model.parties import Party, PartyKind, Role
from casework.model.record import Dossier, DossierId
from casework.model.subjects import Record, flattened, kind_of
from casework.ports import Accessed, Change, DueKey, Held, Repeat, Thing
from tests.casework.adapters.laid import dossier, fresh

PROVINCE, UNIT, POINT = "S1", "S1-XD", "S1-MC"  # of these tests alone: other tests of a session list what they have laid
MAKER = Party(PartyKind.OFFICER, "S1-XD-1", Role.OFFICER, UNIT)
KEPT = timedelta(hours=48)


def opened(now: datetime, subject: DossierId | None = None, *, texts: Iterable[str] = ("một",), **given: Any) -> Change:  # noqa: ANN401 - the record's own fields
    """Give the change that opens a dossier; `texts` come as disclosures."""
    return made(None, subject or fresh(), dossier(**{"unit": UNIT, "point": POINT, **given}), now, texts=texts)


def moved(
    before: Held, now: datetime, *, texts: Iterable[str] = (), alert_at: datetime | None = None, key: str = "",
    **given: Any,  # noqa: ANN401 - as above
) -> Change:  # fmt: skip
    """Give a change of a dossier; `alert_at` is the instant of its row of the due table."""
    return made(before, before.id, replace(before.dossier, **given), now, texts=texts, alert_at=alert_at, key=key)


def made(  # noqa: PLR0913 - all that a change has
    before: Held | None, subject: DossierId, record: Record, now: datetime, *, texts: Iterable[str] = (), alert_at: datetime | None = None,
    key: str = "", register: tuple[Thing, ...] = (), maker: Party = MAKER,
) -> Change:  # fmt: skip
    """Give a change of any subject."""
    tip = before.tip if before else Tip()
    record = replace(record, version=tip.seq + 1)
    named, province = Subject(kind_of(record), subject), before.province if before else PROVINCE
    envelope = Envelope(tip.seq + 1, lambda: secrets.token_bytes(SALT_BYTES))
    for text in texts:
        envelope.enclosed("text", text)
    draft = Draft(
        log="giamsat.test/trail", province=province, subject=named, action="TRIED", actor=maker, occurred_at=now, request="test",
        before=before.flat if before else {}, after=flattened(record), digests=envelope.disclosures,
    )  # fmt: skip
    entry = sealed(draft, tip, now)
    due = None
    if alert_at is not None and isinstance(record, Dossier):
        due = DueKey(f"{moment(alert_at)[:13]}#{int(subject[:4], 16) % 16:02d}", f"{moment(alert_at)}#{subject}", AlertLevel.AT_RISK.value)
    after = Held(
        subject, province, record, draft.after, Tip(entry.seq, entry.hash, entry.recorded_at), due,
        before.applicant_key if before else None,
    )  # fmt: skip
    repeat = Repeat(subject, key or f"try#{secrets.token_hex(6)}", secrets.token_hex(8), subject, entry.seq, now + KEPT)
    return Change(named, before, after, entry, dict(envelope.disclosures), repeat, register)


def looked_at(held: Held, now: datetime, tip: Tip = Tip(), *, texts: Iterable[str] = ()) -> Accessed:  # noqa: B008 - it is frozen
    """Give an access to a dossier behind the end of its chain; `texts` come as disclosures."""
    envelope = Envelope(tip.seq + 1, lambda: secrets.token_bytes(SALT_BYTES))
    for text in texts:
        envelope.enclosed("text", text)
    draft = Draft(
        log="giamsat.test/accesses", province=held.province, subject=Subject(kind_of(held.record), held.id), action="TRIED", actor=MAKER,
        occurred_at=now, request="test", before={"accesses": tip.seq} if tip.seq else {}, after={"accesses": tip.seq + 1},
        digests=envelope.disclosures,
    )  # fmt: skip
    return Accessed(sealed(draft, tip, now), dict(envelope.disclosures))


def end_of(access: Accessed) -> Tip:
    """Give the end of the chain behind an access."""
    return Tip(access.entry.seq, access.entry.hash, access.entry.recorded_at)
