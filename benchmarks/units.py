"""Units that the tables consume in what is done most, at 100,000 dossiers over 1,000; and what AWS would charge for each.

The first figure is the sum of ReturnConsumedCapacity of all calls, reads and writes, at both sizes; its ratio is the goal's. The engine's
count is not AWS's: of a transaction's items of a table it counts those that consume equally once, and each four times instead of twice;
a Query, and a key of BatchGetItem, that finds nothing is nothing to it, and to AWS a reading of one block. So the charge is computed, at
both sizes: writes from the items as they stood before and stand after (`capacity`), reads as the engine counts them and a block for each
that finds nothing.

The dossiers that are acted on are made move by move, those that fill the tables are copies of one's state with a row of the due table
each. What a process keeps (units, procedures, calendar) has been read before.
"""

import json
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3

from benchmarks import capacity
from benchmarks.capacity import Item
from benchmarks.page import DOCUMENT, INSPECTOR, UNIT
from benchmarks.report import Result
from benchmarks.sequencing import published_in
from benchmarks.setting import HEAD, OFFICER, WAY, Nowhere, asked, engine_on_disk, gone_on, moved, opened, services_on, streamed, walked
from benchmarks.sweep import RECEIVED, SECOND, Clock, filled, overdue_soon
from casework.actions.deadlines import Sweeper
from casework.adapters.dynamo import DynamoStore, register
from casework.adapters.dynamo.models import SubjectItem
from casework.model.packing import instant
from casework.ports import Held, Posted, Services
from handlers import heartbeat, sequencer, sockets, stream
from local.engine import Engine
from local.home import QUICK, REGION

SMALL, LARGE = 1_000, 100_000
GOAL = 1.05
LONG_S = 86_400.0  # for which the register is kept here; a process reads it anew each 30 s
REAL, MOVES = 60, 5  # dossiers of the page, and their moves
LIVES = 3  # dossiers whose whole lives are counted
OPENING = "submitDossier"
OK = 200
WATCHERS = 10
BEFORE = RECEIVED - timedelta(days=7)  # the page's dossiers are due before all others
PROMISED = (OPENING, "receiveDossier", "page of 50", "delivery to 11 watchers", "sweep of one due", "sweep of none due")
READS = frozenset({"GetItem", "Query", "BatchGetItem"})
VIEW = (
    "query($code: ID!) { dossier(code: $code) { code state applicant { name } clock { dueAt } trail(last: 20) { nodes { seq action } } } }"
)
WATCH = "subscription($code: ID!) { dossierChanged(code: $code) { id cursor ready dossier { code state clock { dueAt } } } }"
FEED = "subscription($unit: ID!) { unitFeed(unit: $unit) { id cursor ready dossier { code state clock { dueAt } } } }"


@dataclass(frozen=True, slots=True)
class Touched:
    """An item that a call writes, or holds to a condition."""

    table: str
    key: Item
    transacted: bool
    checked: bool


@dataclass
class Units:
    """Units as the engine reports them, and read and write units as AWS charges."""

    reported: float = 0.0
    read: float = 0.0
    written: float = 0.0


@dataclass
class Counter:
    """Counts what calls consume; writes by what stood before and what stands after."""

    client: Any
    units: Units = field(default_factory=Units)
    keys: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))  # units written, by table and partition key
    tables: dict[str, Any] = field(default_factory=dict)
    waiting: list[tuple[Touched, Item | None]] = field(default_factory=list)

    def before(self, operation: str, asked: Mapping[str, Any]) -> None:
        """Look at what a call is about to write."""
        transacted = operation == "TransactWriteItems"
        parts = [pair for one in asked["TransactItems"] for pair in one.items()] if transacted else [(operation, asked)]
        self.waiting = []
        for kind, one in parts:
            if kind.removesuffix("Item") in {"Put", "Update", "Delete", "ConditionCheck"}:
                where = one.get("Key") or {
                    part["AttributeName"]: one["Item"][part["AttributeName"]] for part in self._of(one["TableName"])["KeySchema"]
                }
                touched = Touched(one["TableName"], where, transacted, kind == "ConditionCheck")
                self.waiting.append((touched, self._there(touched)))

    def after(self, operation: str, asked: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        """Count a call that was answered."""
        found = answer.get("ConsumedCapacity") or []
        said = sum(one["CapacityUnits"] for one in (found if isinstance(found, list) else [found]))
        self.units.reported += said
        if operation in READS:
            self.units.read += said + _of_nothing(operation, asked, answer)
        for touched, stood in self.waiting:
            self._write(touched, stood, stood if touched.checked else self._there(touched))

    def _write(self, touched: Touched, before: Item | None, after: Item | None) -> None:
        written = capacity.table(before, after, transacted=touched.transacted)
        self.keys[touched.table, next(iter(touched.key.values()))["S"]] += written.units
        self.units.written += written.units
        for index in self._of(touched.table).get("GlobalSecondaryIndexes", ()):
            hashed, ranged = (part["AttributeName"] for part in index["KeySchema"])
            self.units.written += sum(one.units for _, one in capacity.index((hashed, ranged), before, after))

    def _of(self, table: str) -> Any:  # noqa: ANN401 - as the engine answers
        if table not in self.tables:
            self.tables[table] = self.client.describe_table(TableName=table)["Table"]
        return self.tables[table]

    def _there(self, touched: Touched) -> Item | None:
        item: Item | None = self.client.get_item(TableName=touched.table, Key=touched.key, ConsistentRead=True).get("Item")
        return item


def _of_nothing(operation: str, asked: Mapping[str, Any], answer: Mapping[str, Any]) -> float:
    """Count what the engine leaves out: readings that find nothing."""
    if operation == "Query":
        return 0.0 if answer["Items"] else _block(asked)
    if operation == "BatchGetItem":
        wanted = asked["RequestItems"].items()
        return sum(_block(one) * (len(one["Keys"]) - len(answer["Responses"].get(name, ()))) for name, one in wanted)
    return 0.0


def _block(asked: Mapping[str, Any]) -> float:
    return 1.0 if asked.get("ConsistentRead") else 0.5


@contextmanager
def counted(store: Any) -> Iterator[Counter]:  # noqa: ANN401 - a store over the engine
    """Count what a store's calls consume, those of pynamodb's client and those of the list reader, one after the other."""
    assert isinstance(store, DynamoStore)
    bare: Any = SubjectItem._get_connection().connection.client  # noqa: SLF001 - the bare client beneath pynamodb
    events, reader = bare.meta.events, store._reader  # noqa: SLF001 - as above
    ask = reader._asked  # noqa: SLF001 - as above
    counter = Counter(boto3.client("dynamodb", endpoint_url=bare.meta.endpoint_url, region_name=REGION, config=QUICK))
    waiting: list[dict[str, Any]] = []

    def before(params: dict[str, Any], model: Any, **_: object) -> None:  # noqa: ANN401 - botocore's
        params["ReturnConsumedCapacity"] = "TOTAL"
        counter.before(model.name, params)
        waiting.append(params)

    def after(parsed: dict[str, Any], model: Any, **_: object) -> None:  # noqa: ANN401 - as above
        asked = waiting.pop()
        if parsed["ResponseMetadata"]["HTTPStatusCode"] == OK:
            counter.after(model.name, asked, parsed)
        counter.waiting = []

    def read(operation: str, body: Mapping[str, Any]) -> Any:  # noqa: ANN401 - as the engine answers
        answer = ask(operation, body)
        counter.after(operation, body, answer)
        return answer

    events.register("provide-client-params.dynamodb", before)
    events.register("after-call.dynamodb", after)
    try:
        with patch.object(reader, "_asked", read):
            yield counter
    finally:
        events.unregister("provide-client-params.dynamodb", before)
        events.unregister("after-call.dynamodb", after)


def measured() -> list[Result]:
    """Measure at both sizes."""
    with engine_on_disk() as engine:
        small, large = (Size(engine, size).counted() for size in (SMALL, LARGE))
    print(f"  {'':<34}{'at 1,000':>10}{'at 100,000':>12}{'read':>10}{'written':>10}")
    for name, one in large.items():
        print(f"  {name:<34}{small[name].reported:>10.1f}{one.reported:>12.1f}{one.read:>10.1f}{one.written:>10.1f}", flush=True)
    life = (OPENING, *(name for _, name, _ in WAY))
    return [
        *(_grown(f"{name}, units at 100,000", large[name].reported, small[name].reported, GOAL) for name in PROMISED),
        *(_grown(f"{name}, read units on AWS", large[name].read, small[name].read) for name in PROMISED),
        *(_grown(f"{name}, write units on AWS", large[name].written, small[name].written) for name in PROMISED if large[name].written),
        _grown("submission and seven moves, write units on AWS", *(sum(size[name].written for name in life) for size in (large, small))),
    ]


def _grown(name: str, now: float, before: float, goal: float | None = None) -> Result:
    """Give a figure over that of the smaller tables."""
    ratio = now / before
    told, met = (f"<= {goal}", ratio <= goal) if goal else (None, None)
    return Result(name, now, "units", "the same at 1,000", before, ratio, told, met)


@dataclass
class Size:
    """The tables filled up to a number of dossiers, and what is done with them."""

    engine: Engine
    size: int
    clock: Clock = field(default_factory=lambda: Clock(BEFORE))

    def counted(self) -> dict[str, Units]:
        """Fill the tables, do each thing, and count."""
        with tempfile.TemporaryDirectory() as folder:
            services = replace(services_on(self.engine, f"units{self.size}"), now=self.clock, courier=Nowhere())
            services = published_in(services, Path(folder))
            for _ in range(REAL):
                walked(services, MOVES)
            self.clock.now = RECEIVED
            due = overdue_soon(services, self.clock)
            print(f"  {REAL} dossiers made; filling up to {self.size}", flush=True)
            filled(due, self.size - REAL, later=True)
            with patch.object(register, "FRESH_S", LONG_S):
                return self._done(services, due)

    def _done(self, services: Services, due: Held) -> dict[str, Units]:
        parts = (self._due(services, due), self._lists(services), self._lives(services), self._live(services))
        return {name: units for part in parts for name, units in part}

    def _lists(self, services: Services) -> Iterator[tuple[str, Units]]:
        page = partial(asked, services, INSPECTOR, DOCUMENT, {"unit": UNIT})
        nodes = json.loads(page())["data"]["dossiers"]["nodes"]
        assert len(nodes) == 50, "the page is full"  # noqa: PLR2004
        assert all(len(node["trail"]["nodes"]) == 5 for node in nodes), "its dossiers are real"  # noqa: PLR2004
        yield "page of 50", _of(services, page)

    def _lives(self, services: Services) -> Iterator[tuple[str, Units]]:
        while sequencer.handle({}, services)["taken"]:
            pass
        walked(services, len(WAY))  # so that all that is kept has been read
        sequencer.handle({}, services)
        found: dict[str, list[Units]] = defaultdict(list)
        for _ in range(LIVES):
            with counted(services.store) as units:
                code = opened(services)
            found[OPENING].append(units.units)
            for place, (_, name, _) in enumerate(WAY):
                found[name].append(_of(services, partial(gone_on, services, code, place)))
        for name, those in found.items():
            yield name, Units(*(statistics.mean(part) for part in zip(*map(astuple, those), strict=True)))
        with counted(services.store) as counter:
            taken = sequencer.handle({}, services)["taken"]
        assert taken == LIVES * (1 + len(WAY)), "no level was raised on the way"
        yield f"log, each of {taken} entries", Units(*(part / taken for part in astuple(counter.units)))
        opened(services)
        yield "log, one entry", _of(services, partial(sequencer.handle, {}, services))
        yield "log, no entry", _of(services, partial(sequencer.handle, {}, services))

    def _live(self, services: Services) -> Iterator[tuple[str, Units]]:
        self.clock.now = max(self.clock.now, datetime.now(UTC))  # The engine takes away what has expired by its own clock.
        code, other = (walked(services, MOVES) for _ in range(2))
        subject = services.store.coded(code)
        assert subject
        asked(services, OFFICER, VIEW, {"code": code})
        view = partial(asked, services, HEAD, VIEW, {"code": code})
        yield "view by an official", _of(services, view)
        yield "the same again", _of(services, view)
        self._pushed(services, code, subject)
        yield "delivery to nobody", self._pushed(services, code, subject)
        watching(services, "warm", INSPECTOR, WATCH, {"code": other})
        names = [f"watcher-{number}" for number in range(WATCHERS)]
        joining = [_of(services, partial(watching, services, name, INSPECTOR, WATCH, {"code": code})) for name in names]
        yield "connecting and watching", joining[-1]
        watching(services, "head", HEAD, FEED, {"unit": UNIT})
        posted: list[int] = []

        def taken(_: Nowhere, messages: Sequence[tuple[str, str]]) -> list[Posted]:
            posted.append(len(messages))
            return [Posted.DONE] * len(messages)

        with patch.object(Nowhere, "post_all", taken):
            yield f"delivery to {WATCHERS + 1} watchers", self._pushed(services, code, subject)
        assert sum(posted) == WATCHERS + 1, "all were told"
        yield "disconnecting", _of(services, partial(_said, services, names[0], "$disconnect"))
        yield "heartbeat of nobody", _of(services, partial(heartbeat.handle, {}, services))

    def _pushed(self, services: Services, code: str, subject: str) -> Units:
        """Let one more entry be written, and count its delivery."""
        seq = moved(services, HEAD, "raiseBlocker", {"dossier": code, "reason": "r", "stopsClock": False})["entry"]["seq"]
        record = streamed(services, subject, seq)
        return _of(services, lambda: stream.handle({"Records": [record]}, services))

    def _due(self, services: Services, held: Held) -> Iterator[tuple[str, Units]]:
        sweeper, at = Sweeper(services, lambda *_: None), self.clock.now
        assert held.due
        self.clock.now = instant(held.due.moment.partition("#")[0]) - SECOND
        yield "sweep of none due", _of(services, sweeper.round)
        self.clock.now = at
        yield "sweep of one due", _of(services, sweeper.round)
        after = services.store.held(held.id)
        assert after
        assert after.tip.seq == held.tip.seq + 1, "one level was raised"
        record = streamed(services, held.id, after.tip.seq)
        stream.handle({"Records": [record]}, services)
        yield "delivery of an alert to nobody", _of(services, lambda: stream.handle({"Records": [record]}, services))


def _of(services: Services, do: Callable[[], object]) -> Units:
    with counted(services.store) as found:
        do()
    return found.units


def _said(services: Services, connection: str, route: str, **more: Any) -> None:  # noqa: ANN401 - parts of an event
    assert sockets.handle({"requestContext": {"routeKey": route, "connectionId": connection}, **more}, services)["statusCode"] == OK


def watching(services: Services, connection: str, token: str, document: str, variables: dict[str, str]) -> None:
    """Connect, and subscribe."""
    _said(services, connection, "$connect", headers={"Sec-WebSocket-Protocol": "graphql-transport-ws"})
    for message in (
        {"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}},
        {"type": "subscribe", "id": "1", "payload": {"query": document, "variables": variables}},
    ):
        _said(services, connection, "$default", body=json.dumps(message))
