"""The sweep: read units at 100,000 open dossiers over 5,000, and 20,000 deadlines at one 17:00 over the engine's own rate (see `bare`).

One dossier is made move by move and lives until the second before it is overdue; those that fill the tables are copies of its state, each
with a row of the due table. Nobody watches. Portions of the 20,000 take turns with the bare client.
"""

import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice, repeat
from typing import Any

from benchmarks.bare import IN_FLIGHT, Rates, heard
from benchmarks.report import Result
from benchmarks.setting import engine_on_disk, services_on, walked
from casework.actions.deadlines import PAGE, Sweeper
from casework.adapters.dynamo import DynamoStore, items
from casework.adapters.dynamo.models import SubjectItem
from casework.audit.canonical import canonical
from casework.commits import DUE_SHARDS
from casework.model.packing import instant, moment
from casework.noticing import settle
from casework.ports import DueKey, Held, Services
from handlers.sweep import AT_ONCE
from local.engine import Engine

SMALL, LARGE, DUE = 5_000, 100_000, 1_000
BURST, PORTION, SAMPLE = 20_000, 5_000, 800
UNITS_GOAL, RATE_GOAL = 1.05, 0.7
MOVES = 2  # after its submission: received, and in the hands of an officer
RECEIVED = datetime(2026, 10, 5, 2, tzinfo=UTC)  # a Monday, nine o'clock in Viet Nam
SECOND = timedelta(seconds=1)
ROWS = 100  # of one transaction


@dataclass
class Clock:
    """The time, which stands until it is set."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


def measured() -> list[Result]:
    """Measure both."""
    with engine_on_disk() as engine:
        units = {size: _units(engine, size) for size in (SMALL, LARGE)}
        ratio = units[LARGE] / units[SMALL]
        clock = Clock(RECEIVED)
        warm = replace(services_on(engine, "warm"), now=clock)
        held = overdue_soon(warm, clock)
        subjects = filled(held, SAMPLE)
        chains = heard(lambda: _swept(warm))
        assert len(chains) >= SAMPLE, "every one of the sample was raised"
        rates = Rates(engine, "warm")
        _laid(held, subjects)
        portions = BURST // PORTION
        services = replace(services_on(engine, "measured"), now=clock)
        services.store.keep_swept(moment(clock.now)[:13])
        filled(held, BURST)
        done, seconds, cpu = 0, 0.0, 0.0
        for part in range(portions):
            began, used = time.monotonic(), time.process_time()
            done += _swept(services, PORTION // PAGE if part + 1 < portions else None)
            seconds, cpu = seconds + time.monotonic() - began, cpu + time.process_time() - used
            rates.add({subject: chains[subject] for subject in subjects[part::portions]})
            print(f"  {done} raised, ours {done / seconds:.0f}/s, bare botocore {rates.best[1]:.0f}/s", flush=True)
    rate, (workers, best) = done / seconds, rates.best
    return [
        Result(
            "sweep of 1,000 due, read units at 100,000 open", units[LARGE], "units", "the same at 5,000", units[SMALL], ratio,
            f"<= {UNITS_GOAL}", ratio <= UNITS_GOAL,
        ),
        Result(
            "20,000 deadlines at one 17:00, alerts per second", rate, "1/s", f"bare botocore, {workers} in flight", best, rate / best,
            f">= {RATE_GOAL}", rate / best >= RATE_GOAL,
        ),
        Result("20,000 deadlines at one 17:00, until the last", seconds, "s"),
        Result("sweep, CPU of the service per alert", cpu / done * 1000, "ms"),
    ]  # fmt: skip


def _units(engine: Engine, size: int) -> float:
    clock = Clock(RECEIVED)
    services = replace(services_on(engine, f"sweep{size}"), now=clock)
    held = overdue_soon(services, clock)
    filled(held, DUE)
    filled(held, size - DUE, later=True)
    store = services.store
    assert isinstance(store, DynamoStore)
    before = store.consumed
    assert _swept(services) >= DUE
    print(f"  {size} open dossiers: {store.consumed - before:.1f} read units for {DUE} that are due", flush=True)
    return store.consumed - before


def overdue_soon(services: Services, clock: Clock) -> Held:
    """Make a dossier and let it live until the row of its being overdue is the next."""
    code = walked(services, MOVES)
    subject = services.store.coded(code)
    held = services.store.held(subject) if subject else None
    assert held
    assert held.dossier.due_at
    due_at = held.dossier.due_at
    while held.due and (at := instant(held.due.moment.partition("#")[0])) <= due_at:
        clock.now = max(clock.now, at)
        done = settle(services, held.id, "bench", known=held)
        assert done
        held = done.held
    clock.now = due_at + 2 * SECOND
    services.store.keep_swept(moment(due_at)[:13])
    return held


def _swept(services: Services, pages: int | None = None) -> int:
    """Sweep all that is due, or about so many pages of it; gives how many alerts were raised."""
    left = iter(range(pages)) if pages else repeat(0)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = Sweeper(services, lambda *_: None, pool.map, lambda: next(left, None) is not None).round()
    assert found.failed == 0
    return found.written


def filled(held: Held, count: int, *, later: bool = False) -> list[str]:
    """Fill the tables that the process is bound to with copies of a dossier, each with its row; gives their ids."""
    client: Any = SubjectItem._get_connection().connection.client  # noqa: SLF001 - the bare client beneath pynamodb
    subjects = [secrets.token_hex(16) for _ in range(count)]
    rows = _rows(held, subjects, SubjectItem.Meta.table_name, later=later)
    while batch := list(islice(rows, ROWS)):
        client.transact_write_items(TransactItems=[{"Put": row} for row in batch])
    return subjects


def _laid(held: Held, subjects: list[str]) -> None:
    """Bring the states of the sample back, in each of the bare client's stages."""
    client: Any = SubjectItem._get_connection().connection.client  # noqa: SLF001 - as above
    for workers in IN_FLIGHT:
        rows = _rows(held, subjects, f"giamsat-warm-bare{workers}-subjects")
        while batch := list(islice(rows, ROWS)):
            client.transact_write_items(TransactItems=[{"Put": row} for row in batch])


def _rows(held: Held, subjects: list[str], table: str, *, later: bool = False) -> Iterator[dict[str, Any]]:
    due = held.due
    assert due
    for number, subject in enumerate(subjects):
        hour = moment(instant(f"{due.bucket[:13]}:00:00+00:00") + timedelta(hours=1 + number % 500))[:13] if later else due.bucket[:13]
        at = f"{hour}:30:00.000000Z" if later else due.moment.partition("#")[0]
        key = DueKey(f"{hour}#{int(subject[:4], 16) % DUE_SHARDS:02d}", f"{at}#{subject}", due.level)
        yield {"TableName": table, "Item": _state(held, subject, key)}
        texts = {"bucket": key.bucket, "moment": key.moment, "province": held.province, "subject": subject, "level": key.level}
        item = {**{name: {"S": text} for name, text in texts.items()}, "v": {"N": "1"}}
        yield {"TableName": table.replace("-subjects", "-due"), "Item": item}


def _state(held: Held, subject: str, due: DueKey) -> dict[str, Any]:
    dossier = held.dossier
    lead = dossier.last_lead
    texts = {
        "pk": subject, "sk": items.STATE, "province": held.province, "kind": "dossier", "head": held.tip.hash,
        "recorded_at": moment(held.tip.recorded_at or RECEIVED), "state": canonical(dict(held.flat)).decode(),
        "unit_key": f"{dossier.unit}#OPEN", "province_key": f"{held.province}#OPEN", "due_sort": items.due_sort(dossier, subject),
        "due_bucket": due.bucket, "due_moment": due.moment, "due_level": due.level,
        **({"officer_key": f"{lead.officer}#OPEN"} if lead else {}),
    }  # fmt: skip
    numbers = {"v": 1, "version": held.version, "entries": held.tip.seq}
    return {**{name: {"S": text} for name, text in texts.items()}, **{name: {"N": str(number)} for name, number in numbers.items()}}
