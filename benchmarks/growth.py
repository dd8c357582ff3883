"""Growth by simulation: what the hottest keys take in the worst second of a province and of the country, through the real keys.

One dossier is walked through its life on the engine, and its changes are kept: the submission, seven moves, a level raised by the sweep.
They are then drawn again for other dossiers, units, officers and times, seeded, and laid out by the service's own functions, so that a key
that is bad shows. Nothing is sent; writes and units are counted by table, index and key (`capacity`), second by second, as if the engine
kept up. The log takes all entries of a second, in steps as large as there are, and every feed is wanted. What is assumed about a day stands
below and in `docs/scale.md`.

A flash audience is measured instead: watchers come over `handlers.sockets` one by one, and what each writes to a key that all share is
multiplied.
"""

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

from benchmarks import capacity
from benchmarks.capacity import Item, Written
from benchmarks.page import INSPECTOR
from benchmarks.report import Result
from benchmarks.setting import WAY, Nowhere, engine_on_disk, opened, services_on, walked
from benchmarks.sweep import RECEIVED, Clock, overdue_soon
from benchmarks.units import WATCH, counted, watching
from casework import commits
from casework.adapters.dynamo import items
from casework.adapters.dynamo.models import LiveItem, LogItem
from casework.audiences import PART
from casework.audit.chain import Entry
from casework.live.connection import LANES
from casework.live.feeds import Fed
from casework.live.topics import dossier_topic, kind_of, topics_of
from casework.model.packing import instant, moment
from casework.model.record import DossierId
from casework.noticing import settle
from casework.ports import MOST_TAKEN, Change, Held, Logged, LogHead, Services
from local.tables import definitions

SEED = 7
PROVINCES, COMMUNES, DEPARTMENTS, OFFICERS = 34, 98, 15, 10  # of the country; of a province; of a unit
LARGEST = 1 / 7  # of the country's dossiers: its largest province
DEPARTMENTAL = 0.3  # of a province's dossiers: those of its departments
WORKDAYS = 250
PROVINCE, COUNTRY = 1_000_000, 100_000_000  # dossiers a year
# Of a day's moves, by the hour at which they are made; the busiest minute has half as many again as its hour's mean.
ARRIVALS = {7: 0.06, 8: 0.19, 9: 0.17, 10: 0.14, 11: 0.05, 13: 0.10, 14: 0.14, 15: 0.10, 16: 0.05}
BUSIEST = 1.5
SECONDS, BURST_SECONDS = 30, 10  # drawn of a busiest minute, and of a burst
RAISED = 360  # alerts a second: two runs of the sweep that overlap, each with its 5.6 ms of the processor an alert (results.json)
JOINING = 500  # connections a second: API Gateway's quota
AUDIENCE = 10_000
SAMPLE = 20  # watchers that come one by one
WRITES_GOAL = 500
PARTITION, READ_PARTITION = 1000.0, 3000.0  # units written, and read, of a partition in a second
MORNING = datetime.fromisoformat("2026-10-05T01:30:00+00:00")  # a Monday, half past eight in Viet Nam

Places = tuple[list[str], list[float]]  # provinces, and their shares summed up
Worst = dict[str, tuple[Written, Written]]  # table or index -> the most writes, and the most units, of a key in a second
Load = dict[tuple[str, str], Written]  # table or index, and key -> what it takes in a second


@dataclass(frozen=True, slots=True)
class Place:
    """Where a dossier is handled, and by whom."""

    province: str
    unit: str
    point: str
    officer: str


@dataclass
class Kept:
    """The store, which keeps what is committed."""

    store: Any
    changes: list[Change] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the store has
        return getattr(self.store, name)

    def commit(self, change: Change, now: datetime) -> None:
        """Keep it, and pass it on."""
        self.changes.append(change)
        self.store.commit(change, now)


def measured() -> list[Result]:
    """Simulate, and measure the audience."""
    with engine_on_disk() as engine:
        services = replace(services_on(engine, "growth"), courier=Nowhere())
        moves, levels = _changes(services)
        audience = _audience(services)
    everywhere, here = places(PROVINCES), places(1)
    scenes = {
        "a province's busiest minute": (here, moves, _peak(PROVINCE), SECONDS),
        "the country's busiest minute": (everywhere, moves, _peak(COUNTRY), SECONDS),
        "alerts all over the country": (everywhere, levels, RAISED, BURST_SECONDS),
        "alerts of one province": (here, levels, RAISED, BURST_SECONDS),
    }
    results = []
    for name, (where, changes, rate, seconds) in scenes.items():
        results += _told(name, rate, worst(where, changes, rate, seconds))
    return [*results, *audience]


def _changes(services: Services) -> tuple[list[Change], list[Change]]:
    """Walk a dossier through its life, and let another one become overdue; gives the changes."""
    clock = Clock(RECEIVED)
    kept = Kept(services.store)
    services = replace(services, store=kept, now=clock)
    walked(services, len(WAY))
    moves, kept.changes = kept.changes, []
    held = overdue_soon(services, clock)
    settle(services, held.id, "bench", known=held)
    levels = [change for change in kept.changes if change.alerts]
    print(f"  a dossier that nobody finishes has {len(levels)} levels raised by the time that it is overdue", flush=True)
    return moves, levels[-1:]


def _peak(dossiers: int) -> float:
    """Give the moves of a second in the busiest minute."""
    return dossiers / WORKDAYS * (1 + len(WAY)) * max(ARRIVALS.values()) / 3600 * BUSIEST


def places(provinces: int) -> Places:
    """Give provinces, and their shares summed up."""
    others = provinces - 1
    shares = [LARGEST, *[(1 - LARGEST) / others] * others] if others else [1.0]
    return [f"{number:02d}" for number in range(provinces)], list(accumulate(shares))


def _drawn(where: Places, chance: random.Random) -> Place:
    (province,) = chance.choices(where[0], cum_weights=where[1])
    if chance.random() < DEPARTMENTAL:
        unit, point = f"{province}-D{chance.randrange(DEPARTMENTS):02d}", f"{province}-MC"
    else:
        unit = point = f"{province}{chance.randrange(COMMUNES):03d}"
    return Place(province, unit, point, f"{unit}-{chance.randrange(OFFICERS)}")


def worst(where: Places, changes: list[Change], rate: float, seconds: int) -> Worst:
    """Give, for each table and index, the most writes and the most units that a key of it takes in a second."""
    chance, size = random.Random(SEED), 0  # noqa: S311 - no secret
    found: Worst = defaultdict(lambda: (Written(0, 0), Written(0, 0)))
    indexes = {
        (table["TableName"].rpartition("-")[2], index["IndexName"]): tuple(part["AttributeName"] for part in index["KeySchema"])
        for table in definitions("growth")
        for index in table.get("GlobalSecondaryIndexes", ())
    }
    for second in range(seconds):
        load: Load = defaultdict(lambda: Written(0, 0))
        drawn = []
        for number in range(_poisson(rate, chance)):
            at = MORNING + timedelta(seconds=second, microseconds=number)
            drawn.append(_redrawn(chance.choice(changes), _drawn(where, chance), DossierId(f"{chance.getrandbits(128):032x}"), at, chance))
        for change in drawn:
            _laid(change, indexes, load)
        size = _logged(drawn, size, load)
        for (place, _), here in load.items():
            most, dearest = found[place]
            found[place] = max(most, here, key=lambda one: one.writes), max(dearest, here, key=lambda one: one.units)
    return found


def _poisson(rate: float, chance: random.Random) -> int:
    """Draw how many come in a second."""
    at, count = chance.expovariate(rate), 0
    while at < 1:
        at, count = at + chance.expovariate(rate), count + 1
    return count


def _redrawn(change: Change, place: Place, subject: DossierId, at: datetime, chance: random.Random) -> Change:
    """Give a change as it would be of another dossier, elsewhere, at another time."""
    later = timedelta(days=chance.randrange(1, 60))

    def moved(held: Held) -> Held:
        dossier = held.dossier
        assigned = tuple(replace(one, unit=place.unit, officer=place.officer) for one in dossier.assignments)
        alerts = tuple(replace(one, unit=place.unit, officer=one.officer and place.officer) for one in dossier.alerts)
        due_at = dossier.due_at + later if dossier.due_at else None
        record = replace(
            dossier, code=f"{place.unit}-{subject[:8]}", unit=place.unit, reception_point=place.point, delivery_point=place.point,
            assignments=assigned, alerts=alerts, due_at=due_at,
        )  # fmt: skip
        level = (held.due.level, instant(held.due.moment.partition("#")[0]) + later) if held.due else None
        due = commits.due_key(subject, level, at)
        key = held.applicant_key and subject
        return replace(held, id=subject, province=place.province, record=record, due=due, applicant_key=key)

    body, actor = change.entry.body, change.entry.body["actor"]
    told = {
        **body, "subject": {**body["subject"], "id": subject}, "province": place.province, "recorded_at": moment(at),
        "actor": {**actor, "id": place.officer} if actor["kind"] == "OFFICER" else actor,
    }  # fmt: skip
    return replace(
        change, subject=replace(change.subject, id=subject), before=moved(change.before) if change.before else None,
        after=moved(change.after), entry=Entry(change.entry.line, change.entry.seq, told),
    )  # fmt: skip


def _rows(change: Change) -> Iterator[tuple[str, Item | None, Item | None]]:
    """Lay out what a change writes: of which table, what stood there, and what stands there then."""
    before, after = change.before, change.after
    state = items.state_item(change).serialize()
    stood = items.state_item(replace(change, after=before)).serialize() if before else None
    yield "subjects", stood, state
    yield "trail", None, items.trail_item(change).serialize()
    yield "log", None, items.marker_item(change).serialize()
    if change.disclosures:
        yield "disclosures", None, items.disclosure_item(change).serialize()
    if before is None:
        yield "subjects", None, items.code_item(change).serialize()
    left = before.due if before else None
    if left and left != after.due:
        yield "due", items.due_item(change, left).serialize(), None
    if after.due and after.due != left:
        yield "due", None, items.due_item(change, after.due).serialize()
    for alert in change.alerts:
        yield from (("alerts", None, row.serialize()) for row in items.alert_items(change, alert))


def _laid(change: Change, indexes: dict[tuple[str, str], tuple[str, ...]], load: Load) -> None:
    """Add a change's writes to a second's load: its transaction, its unit's counter where it opens a dossier, and the rows of feeds."""
    for table, before, after in _rows(change):
        row: Item = after or before or {}
        _add(load, table, _hash(row), capacity.table(before, after, transacted=True))
        for (of, index), (hashed, ranged) in indexes.items():
            if of == table:
                for key, written in capacity.index((hashed, ranged), before, after):
                    _add(load, f"{table} {index}", key, written)
    entry, dossier = change.entry, change.after.dossier
    if change.before is None:
        _add(load, "subjects", items.counter_key(dossier.unit, entry.recorded_at.date())[0], Written(1, 1))
    units = (dossier.unit, change.after.province)
    for topic in topics_of(entry.body, units, (dossier.reception_point, change.after.province)):
        if not kind_of(topic).trailed:
            place = Fed(entry.recorded_at, change.after.id, entry.seq).place
            fed = LiveItem(f"FEED#{topic}", place, province="-", expires_at=0).serialize()
            _add(load, "live", _hash(fed), capacity.table(None, fed, transacted=False))


def _logged(changes: list[Change], size: int, load: Load) -> int:
    """Add what the log writes when it takes a second's entries; gives its new size."""
    for start in range(0, len(changes), MOST_TAKEN):
        taken = changes[start : start + MOST_TAKEN]
        head = LogHead(size, ("0" * 64,) * 25)
        body = " ".join(head.hashes)
        _log(load, items.LOG_HEAD, number=size, body=body)
        each = [change for change in taken for _ in range(2 if change.before is None else 1)]
        leaves = [Logged(b"0" * 73, change.after.id, change.entry.seq) for change in each]
        _log(load, items.leaves_key(size), **items.leaves_body(leaves))
        for change in taken:
            marker = items.marker_item(change).serialize()
            _add(load, "log", _hash(marker), capacity.table(marker, None, transacted=True))
            _log(load, items.leaf_key(change.after.id, change.entry.seq), number=size)
            if change.before is None:
                _log(load, items.number_key(change.after.dossier.unit, size), subject=change.after.id)
        for unit in {change.after.dossier.unit for change in taken if change.before is None}:
            _log(load, items.register_key(unit), unit=unit, number=size)
        size += len(leaves)
    return size


def _log(load: Load, place: tuple[str, str], **more: Any) -> None:  # noqa: ANN401 - the attributes of the model
    row = LogItem(*place, province="-", **more).serialize()
    _add(load, "log", place[0], capacity.table(None, row, transacted=True))


def _hash(item: Item) -> str:
    """Give the hash key of an item, whatever its table."""
    return str(next(item[name]["S"] for name in ("pk", "bucket", "subject") if name in item))


def _add(load: Load, place: str, key: str, written: Written) -> None:
    there = load[place, key]
    load[place, key] = Written(there.writes + written.writes, there.units + written.units)


def _told(name: str, rate: float, found: Worst) -> list[Result]:
    print(f"  {name}: {rate:.1f} entries a second; of the hottest key, writes and units in its worst second:")
    for place, (most, dearest) in sorted(found.items(), key=lambda pair: -pair[1][1].units):
        print(f"    {place:<24}{most.writes:>6}{dearest.units:>8}", flush=True)
    indexes = [both for place, both in found.items() if " " in place]
    tables = [both for place, both in found.items() if " " not in place]
    writes = float(max(most.writes for most, _ in indexes))
    index, table = (float(max(dearest.units for _, dearest in those)) for those in (indexes, tables))
    took = "a partition takes"
    return [
        Result(f"{name}: hottest index key, writes a second", writes, "1/s", goal=f"<= {WRITES_GOAL}", met=writes <= WRITES_GOAL),
        Result(f"{name}: hottest index key, units a second", index, "1/s", took, PARTITION, index / PARTITION),
        Result(f"{name}: hottest table key, units a second", table, "1/s", took, PARTITION, table / PARTITION),
    ]


def _audience(services: Services) -> list[Result]:
    """Let watchers of one dossier come, and count what they write to keys that they share, and what reading them takes."""
    code = opened(services)
    subject = services.store.coded(code)
    assert subject
    with counted(services.store) as found:
        for number in range(SAMPLE):
            watching(services, f"sample-{number:04d}", INSPECTOR, WATCH, {"code": code})
    shared = {key: units / SAMPLE for (table, key), units in found.keys.items() if table.endswith("-live") and "sample-" not in key}
    for key, units in sorted(shared.items(), key=lambda pair: -pair[1]):
        print(f"    {key.partition(':')[0]:<24}{units:>6.1f} units a watcher, {units * JOINING:.0f} a second", flush=True)
    with counted(services.store) as read:
        services.store.subscriptions(dossier_topic(subject), services.now())
    each = read.units.read / SAMPLE
    parcels = LANES * -(-AUDIENCE // (LANES * PART))
    hottest = max(shared.values()) * JOINING
    took = "a partition takes"
    return [
        Result(f"{JOINING} watchers of one topic a second, units of its key", hottest, "1/s", took, PARTITION, hottest / PARTITION),
        Result(
            f"reading {AUDIENCE:,} watchers of one topic", each * AUDIENCE, "units", took, READ_PARTITION, each * AUDIENCE / READ_PARTITION
        ),
        Result(f"an event to {AUDIENCE:,} watchers, by {parcels} parcels", each * AUDIENCE * (1 + parcels), "units"),
    ]
