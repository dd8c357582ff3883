"""A batch of a stream's records -> whoever follows it: all at once, and where that fails, record by record.

A record that fails by itself is put on the dead-letter queue after its tries, as (subject, seq), and those behind it go on: a failure
destination of Lambda's holds no data, and the stream forgets after a day. What the store or the network is to blame for waits with all
behind it, for an hour at most: then it is set aside too. `giamsat redrive` has it taken again (docs/decisions/0017-set-aside.md).
"""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from casework.adapters.dynamo.images import entry_of, table_of
from casework.correlation import correlated
from casework.model.errors import Contended, Fault, Unavailable
from casework.ports import Letter, Services
from handlers import log
from handlers.telling import kind

Record = dict[str, Any]

PAUSES_S = (0.1, 1.0)  # before the second try of a record, and before the third
LONGEST_S = 200.0  # for a batch, of the 300 s that the function has
PATIENCE = timedelta(hours=1)  # with what is nobody's fault; infra keeps records for longer


def taken(
    records: Sequence[Record], services: Services, follower: str, take: Callable[[Sequence[Record]], object],
    rest: Callable[[float], object] = time.sleep,
) -> dict[str, Any]:  # fmt: skip
    """Have a batch taken; gives Lambda's answer, with how many records were set aside.

    Where nothing can be set aside, what fails is raised: the whole batch comes again.
    """
    try:
        take(records)
    except Exception as fault:
        if services.aside is None:
            raise
        log.warning("%s: a batch of %d is taken record by record: %s", follower, len(records), kind(fault))
    else:
        return _answer()
    aside, until = 0, time.monotonic() + LONGEST_S
    for record in records:
        if time.monotonic() > until:  # What is done is kept, and the rest comes again.
            return _answer(aside, record)
        with correlated(_request(record)):
            why = _tried(record, take, rest)
            if why is None:
                continue
            if not _set_aside(record, services, follower, why):
                return _answer(aside, record)
        aside += 1
    return _answer(aside)


def _answer(aside: int = 0, failed: Record | None = None) -> dict[str, Any]:
    """Name the record from which on the batch is to come again. Source: ReportBatchItemFailures, Lambda with DynamoDB streams."""
    failures = [{"itemIdentifier": failed["dynamodb"]["SequenceNumber"]}] if failed else []
    return {"batchItemFailures": failures, **({"setAside": aside, "figures": {"SetAside": aside}} if aside else {})}


def _tried(record: Record, take: Callable[[Sequence[Record]], object], rest: Callable[[float], object]) -> Exception | None:
    """Have a record taken by itself, a few times; gives what it fails of."""
    why: Exception | None = None
    for pause in (0.0, *PAUSES_S):
        if why is not None:
            rest(pause)
        try:
            take([record])
        except Exception as fault:  # noqa: BLE001 - whatever it is, it must not hold up those behind it; it is kept and told
            why = fault
        else:
            return None
    return why


def _set_aside(record: Record, services: Services, follower: str, fault: Exception) -> bool:
    """Put a record's place on the queue; False where it is to wait instead."""
    if isinstance(fault, Unavailable | Contended) and services.now() - _arrived(record, services.now()) < PATIENCE:
        return False
    keys = record["dynamodb"].get("Keys")
    try:
        letter = Letter(
            follower=follower,
            table=table_of(record),
            subject=keys["subject"]["S"],
            seq=int(keys["seq"]["S"].partition("#")[2]),
            why=type(fault).__name__,
        )
    except (KeyError, TypeError, ValueError):
        log.critical("%s: a row that is no entry of ours is left out: %s", follower, keys)
        return True
    assert services.aside is not None
    try:
        services.aside.put(letter)
    except Unavailable as unavailable:
        log.warning("%s: nothing can be set aside: %s", follower, unavailable.message)
        return False
    log.error("%s: entry %d of %s is set aside: %s", follower, letter.seq, letter.subject, kind(fault))
    return True


def _request(record: Record) -> str | None:
    """Give the correlation id of a record's entry; None where it cannot be read, which may be why it could not be taken."""
    try:
        return entry_of(record)[0].correlation
    except (Fault, KeyError, TypeError):
        return None


def _arrived(record: Record, now: datetime) -> datetime:
    """Tell when a record was written: Lambda gives seconds, the stream's own client an instant."""
    at = record["dynamodb"].get("ApproximateCreationDateTime", now)
    return at if isinstance(at, datetime) else datetime.fromtimestamp(at, UTC)
