"""A page of 50 dossiers with clock and last five entries: CPU over bare graphql-core, and read units at 100,000 dossiers over 1,000.

CPU: the whole request through `handlers.api` against the engine, and bare graphql-core executing the same document over the same rows in
memory (plain dictionaries, default resolvers); they take turns. Read units: as the engine counts them, for the page and for its rows alone
from the middle of the list. The dossiers of the page are real, made move by move; those that fill the table are copies of one's state.
"""

import json
import secrets
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any

import orjson
from graphql import GraphQLSchema, build_schema, parse
from graphql.execution import execute

from benchmarks.report import ROOT, Result
from benchmarks.setting import asked, engine_on_disk, services_on, walked
from casework.adapters.dynamo import DynamoStore, items
from casework.adapters.dynamo.models import SubjectItem
from casework.model.packing import moment
from casework.ports import Held, Index, Partition, Services, Span

UNIT = "22-XD"
SMALL, LARGE = 1_000, 100_000
REAL = 60
MOVES = 5  # after its submission: a dossier in process, with six entries
TURNS = 40
AT_ONCE = 100
CPU_GOAL, UNITS_GOAL = 2.0, 1.05
INSPECTOR = "INSPECTOR:inspector-1:"
DOCUMENT = """query Page($unit: ID!) { dossiers(filter: {unit: $unit, open: true}, first: 50) {
  nodes {
    id code version entries state kind channel submittedAt receivedAt rehearsal unit { code name } receptionPoint { code }
    clock { dueAt originalDueAt promisedDueAt level paused remainingMinutes usedMinutes }
    trail(last: 5) { nodes { seq action occurredAt recordedAt actor { kind id } } }
  }
  pageInfo { hasNextPage endCursor } } }"""


@dataclass(slots=True)
class Spent:
    """CPU seconds inside of the store's list reads."""

    seconds: float = 0.0


def measured() -> list[Result]:
    """Measure the page at both sizes."""
    units: dict[int, float] = {}
    middles: dict[int, float] = {}
    results: list[Result] = []
    with engine_on_disk() as engine:
        for size in (SMALL, LARGE):
            services = services_on(engine, f"page{size}")
            _filled(services, size)
            store = services.store
            assert isinstance(store, DynamoStore)
            _asked(services)
            units[size] = _units(store, partial(_asked, services))
            middles[size] = _units(store, partial(store.listed, [MIDDLE], Span(51, _middle(size))))
            print(f"  {size} dossiers: {units[size]:.1f} read units a page, {middles[size]:.1f} for 51 rows of the middle", flush=True)
        results.extend(_cpu(services))
    return [
        *results,
        Result(
            "page of 50, read units at 100,000", units[LARGE], "units", "the same at 1,000", units[SMALL],
            units[LARGE] / units[SMALL], f"<= {UNITS_GOAL}", units[LARGE] / units[SMALL] <= UNITS_GOAL,
        ),
        Result(
            "51 rows of the middle, read units at 100,000", middles[LARGE], "units", "the same at 1,000", middles[SMALL],
            middles[LARGE] / middles[SMALL], f"<= {UNITS_GOAL}", middles[LARGE] / middles[SMALL] <= UNITS_GOAL,
        ),
    ]  # fmt: skip


def _cpu(services: Services) -> list[Result]:
    spent = Spent()
    timed = replace(services, store=_Timed(services.store, spent))
    answer = _asked(services)
    rows = json.loads(answer)["data"]
    assert len(rows["dossiers"]["nodes"]) == 50, "the page is full"  # noqa: PLR2004
    assert all(row["trail"]["nodes"] and row["clock"] for row in rows["dossiers"]["nodes"]), "clocks and entries are there"
    schema = build_schema((ROOT / "schema" / "schema.graphql").read_text())
    document = parse(DOCUMENT)
    ours, engine, bare = [], [], []
    for _ in range(TURNS):
        spent.seconds = 0.0
        began = time.process_time()
        _asked(timed)
        ours.append(time.process_time() - began)
        engine.append(spent.seconds)
        began = time.process_time()
        _bare(schema, document, rows)
        bare.append(time.process_time() - began)
    whole, calls, peer = (statistics.median(figures) * 1000 for figures in (ours, engine, bare))
    told = f"<= {CPU_GOAL}"
    return [
        Result("page of 50, CPU of a request", whole, "ms", "bare graphql-core", peer, whole / peer, told, whole / peer <= CPU_GOAL),
        Result("page of 50, of which reading from the engine", calls, "ms"),
        Result("page of 50, without that", whole - calls, "ms", "bare graphql-core", peer, (whole - calls) / peer),
        Result("page of 50, CPU of the worst request", max(ours) * 1000, "ms"),
    ]


def _bare(schema: GraphQLSchema, document: Any, rows: dict[str, Any]) -> bytes:  # noqa: ANN401 - a parsed document
    result = execute(schema, document, root_value=rows, variable_values={"unit": UNIT})
    assert not getattr(result, "errors", None), result
    return orjson.dumps({"data": result.data})  # type: ignore[union-attr] # nothing is awaited


def _asked(services: Services) -> str:
    return asked(services, INSPECTOR, DOCUMENT, {"unit": UNIT})


class _Timed:
    """The store, with a clock on the two reads of a page."""

    def __init__(self, store: Any, spent: Spent) -> None:  # noqa: ANN401 - any store
        self._store = store
        self._spent = spent

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the store has
        return getattr(self._store, name)

    def listed(self, *arguments: Any) -> Any:  # noqa: ANN401
        with self._clocked():
            return self._store.listed(*arguments)

    def newest(self, *arguments: Any) -> Any:  # noqa: ANN401
        with self._clocked():
            return self._store.newest(*arguments)

    @contextmanager
    def _clocked(self) -> Iterator[None]:
        began = time.process_time()
        yield
        self._spent.seconds += time.process_time() - began


def _units(store: DynamoStore, read: Any) -> float:  # noqa: ANN401 - any reading
    before = store.consumed
    read()
    return store.consumed - before


MIDDLE = Partition(Index.UNIT, f"{UNIT}#OPEN")
FIRST_FILLER = datetime(2027, 1, 4, 10, tzinfo=UTC)


def _middle(size: int) -> str:
    return moment(FIRST_FILLER + timedelta(minutes=size // 2))


def _filled(services: Services, size: int) -> None:
    """Make the dossiers of the page, move by move, and fill the table up with copies of the state of one."""
    made = [walked(services, MOVES) for _ in range(REAL)]
    print(f"  {len(made)} dossiers made; filling up to {size}", flush=True)
    subject = services.store.coded(made[0])
    held = services.store.held(subject) if subject else None
    assert held is not None
    client: Any = SubjectItem._get_connection().connection.client  # noqa: SLF001 - the bare client beneath pynamodb
    places = iter(range(size - REAL))
    while rows := [_copy(held, FIRST_FILLER + timedelta(minutes=place)) for place in islice(places, AT_ONCE)]:
        client.transact_write_items(TransactItems=[{"Put": {"TableName": SubjectItem.Meta.table_name, "Item": row}} for row in rows])


def _copy(held: Held, due_at: datetime) -> dict[str, Any]:
    state = orjson.dumps({**held.flat, "due_at": moment(due_at)}, option=orjson.OPT_SORT_KEYS).decode()
    subject = secrets.token_hex(16)
    texts = {
        "pk": subject, "sk": items.STATE, "province": held.province, "kind": "dossier", "head": held.tip.hash,
        "recorded_at": moment(held.tip.recorded_at or due_at), "state": state, "unit_key": MIDDLE.key,
        "due_sort": f"{moment(due_at)}#{subject}",
    }  # fmt: skip
    numbers = {"v": 1, "version": held.version, "entries": held.tip.seq}
    return {**{name: {"S": text} for name, text in texts.items()}, **{name: {"N": str(number)} for name, number in numbers.items()}}
