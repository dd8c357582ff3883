"""Entries that the sequencer takes into the log and publishes in a second, over the engine's own rate (see `bare`).

The outbox is filled with the markers of dossiers that go on side by side, eight entries each, as if they had just been written, and
`handlers.sequencer` empties it. The steps of a log stand on one another, so the bare client sends them one by one, too: it reads no
outbox, decides nothing and publishes nothing. The two take turns.
"""

import secrets
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.bare import Items, Rates, heard
from benchmarks.report import Result
from benchmarks.setting import engine_on_disk, services_on
from casework.adapters.dynamo import items
from casework.adapters.dynamo.models import LogItem
from casework.adapters.seal import FileSeal
from casework.adapters.vault import FolderVault
from casework.model.packing import moment
from casework.ports import Services, outbox_shard
from handlers import sequencer

ROUNDS, DOSSIERS, EACH = 4, 125, 8
ENTRIES = DOSSIERS * EACH  # of a round
APART, BETWEEN = timedelta(seconds=1), timedelta(seconds=30)  # dossiers, and a dossier's entries
UNITS = 10
FIRST_AT = datetime(2026, 10, 5, 2, tzinfo=UTC)
ROWS = 100  # of one transaction
BARE = 1  # in flight
Rows = list[dict[str, Any]]


def measured() -> list[Result]:
    """Measure the sequencer and its peer."""
    done, seconds, cpu = 0, 0.0, 0.0
    with engine_on_disk() as engine, tempfile.TemporaryDirectory() as folder:
        warm = published_in(services_on(engine, "warm"), Path(folder) / "warm")
        rows = [_markers(number) for number in range(ROUNDS)]
        rounds = [heard(partial(_taken, warm, portion), _of_log) for portion in rows]
        rates = Rates(engine, "warm", (BARE,))
        services = published_in(services_on(engine, "measured"), Path(folder) / "measured")
        for portion, steps in zip(rows, rounds, strict=True):
            _laid(portion, LogItem.Meta.table_name)
            began, used = time.monotonic(), time.process_time()
            found = sequencer.handle({}, services)
            seconds, cpu = seconds + time.monotonic() - began, cpu + time.process_time() - used
            done += found["taken"]
            assert found["published"] == services.store.log_head().size, "all that was taken is published"
            _laid(portion, f"giamsat-warm-bare{BARE}-log")
            rates.add(steps)
            each = done / rates.sent[BARE]
            print(f"  {done} taken, ours {done / seconds:.0f}/s, bare botocore {rates.best[1] * each:.0f}/s", flush=True)
    assert done == ROUNDS * ENTRIES, "each entry was taken once"
    rate, best = done / seconds, rates.best[1] * each
    return [
        Result("sequencer, entries per second", rate, "1/s", "bare botocore, 1 in flight", best, rate / best),
        Result("sequencer, CPU of the service per entry", cpu / done * 1000, "ms"),
    ]


def published_in(services: Services, folder: Path) -> Services:
    """Give the services a log that is published in a folder."""
    return replace(services, vault=FolderVault(folder), seal=FileSeal(services.log, Ed25519PrivateKey.generate()))


def _of_log(transaction: Items) -> str | None:
    """Tell a step of the log: it writes the log's head."""
    return "log" if any(item["Put"]["Item"].get("pk") == {"S": items.LOG_HEAD[0]} for item in transaction if "Put" in item) else None


def _taken(services: Services, rows: Rows) -> None:
    _laid(rows, LogItem.Meta.table_name)
    assert sequencer.handle({}, services)["taken"] == len(rows)


def _markers(number: int) -> Rows:
    """Lay out a round's markers."""
    return [row for one in range(number * DOSSIERS, (number + 1) * DOSSIERS) for row in _of_dossier(one)]


def _of_dossier(number: int) -> Iterator[dict[str, Any]]:
    subject, before = secrets.token_hex(16), None
    for seq in range(1, EACH + 1):
        at = moment(FIRST_AT + number * APART + seq * BETWEEN)
        yield LogItem(
            items.outbox(outbox_shard(subject)), f"{at}#{subject}#{seq:08d}", province="22", subject=subject,
            kind="dossier", seq=seq, hash=secrets.token_hex(32), unit=f"22-XD-{number % UNITS}", before=before,
        ).serialize()  # fmt: skip
        before = at


def _laid(rows: Rows, table: str) -> None:
    """Put markers into the outbox of a stage."""
    client: Any = LogItem._get_connection().connection.client  # noqa: SLF001 - the bare client beneath pynamodb
    left = iter(rows)
    while batch := list(islice(left, ROWS)):
        client.transact_write_items(TransactItems=[{"Put": {"TableName": table, "Item": row}} for row in batch])
