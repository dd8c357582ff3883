"""The log under faults: whatever is killed, late, lost or done at once, each entry is in it once, and those of a subject in order.

By seeds, on the second store; some on the engine. Mutants that would break it are shown to be caught.
"""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from casework import commits
from casework.actions import sequencing
from casework.actions.sequencing import publish, sequence
from casework.adapters.dynamo import DynamoStore
from casework.adapters.seal import FileSeal
from casework.adapters.vault import FolderVault
from casework.audit import tree
from casework.audit.leaves import ENTRY, OPENED, Leaf, entry_leaf, tag_of, unit_tag
from casework.audit.note import Checkpoint, Note, signed, verified
from casework.audit.tree import Frontier, leaf_hash
from casework.model.errors import Corrupt, Unavailable
from casework.model.record import DossierId
from casework.ports import OUTBOX_SHARDS, LogHead, Services, Taking
from casework.published import growth, newest, proofs
from handlers import sequencer
from local import engine as engines
from tests.simulation.clients import mortal
from tests.simulation.faults import Crash, Faults
from tests.simulation.log import SimulatedLog
from tests.simulation.turns import Turns
from tests.simulation.worlds import World
from tests.stages import staged
from tests.support import Issuer, RecordingCourier, SettableClock, services_over
from tests.verification import recompute

ORIGIN = "giamsat.test/trail"
SEEDS = 50
STORM = Faults(throttled=0.03, conflict=0.1, lost=0.05, delayed=0.05, resent=0.05, interleaved=0.3, stale=0.3, lagging=0.5)
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def logged(services: Services, folder: Path) -> Services:
    """Give services with a vault and a key."""
    return replace(services, log=ORIGIN, vault=FolderVault(folder), seal=FileSeal(ORIGIN, PRIVATE))


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait: turns are taken by the seed."""
    monkeypatch.setattr(commits, "time", SimpleNamespace(sleep=lambda _: None))


class Shelf:
    """A vault in memory, which costs no time of a disk."""

    def __init__(self) -> None:
        self.there: dict[str, bytes] = {}
        self.newest: tuple[int, str] | None = None

    def put(self, path: str, data: bytes) -> None:
        if self.there.setdefault(path, data) != data:
            raise Corrupt(f"{path} of the log was published otherwise before")

    def read(self, path: str) -> bytes | None:
        return self.there.get(path)

    def checkpoint(self) -> str | None:
        return self.newest[1] if self.newest else None

    def cosigned(self) -> str | None:
        return None

    def publish(self, size: int, note: str) -> None:
        self.newest = max(self.newest or (0, ""), (size, note))


def leaves_of(services: Services) -> list[Leaf]:
    return [Leaf.read(one.leaf) for one in services.store.leaves(0, services.store.log_head().size)]


def written(world: World) -> dict[str, list[str]]:
    """Give the hashes of all entries that there are, by subject, in order."""
    rows = sorted(world.store.engine.trail.values(), key=lambda row: row["seq"])
    subjects = dict.fromkeys(row["subject"] for row in rows)
    return {subject: [entry.hash for entry in world.store.entries(subject, 0, 10_000)] for subject in subjects}


def hold(world: World, services: Services, say: str) -> None:
    """Hold the log against what was written."""
    leaves, there = leaves_of(services), written(world)
    entries = [leaf for leaf in leaves if leaf.kind == ENTRY]
    assert len(entries) == len({(leaf.tag, leaf.number) for leaf in entries}), f"{say}: an entry is there twice"
    for subject, hashes in there.items():
        mine = [leaf for leaf in entries if leaf.tag == tag_of(subject)]
        assert [leaf.number for leaf in mine] == list(range(1, len(hashes) + 1)), f"{say}: the entries of a subject"
        assert [leaf.hash.hex() for leaf in mine] == hashes, say
    assert len(entries) == sum(map(len, there.values())), f"{say}: others"
    opened: dict[bytes, list[int]] = {}
    for place, leaf in enumerate(leaves):
        if leaf.kind == OPENED:
            assert (leaves[place - 1].number, leaves[place - 1].hash) == (1, leaf.hash), f"{say}: it numbers a first entry"
            opened.setdefault(leaf.tag, []).append(leaf.number)
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in opened.values()), f"{say}: the register of a unit"
    head = services.store.log_head()
    assert Frontier(head.size, [bytes.fromhex(one) for one in head.hashes]).root == tree.root(leaf_hash(bytes(leaf)) for leaf in leaves), (
        say
    )
    for subject, hashes in there.items():
        for seq in range(1, len(hashes) + 1):
            index = services.store.leaves_of([(subject, seq)]).get((subject, seq))
            assert index is not None, say
            assert leaves[index] == entry_leaf(subject, seq, hashes[seq - 1]), say
    assert all(not services.store.outbox(shard, 5) for shard in range(OUTBOX_SHARDS)), f"{say}: nothing waits"
    assert recompute.problems(world.store.scanned()) == [], say


class Play:
    """People move dossiers, four sequencers work at once, each of which is killed now and then."""

    def __init__(self, seed: int) -> None:
        self.world, self.turns, self.chance, self.seed = World(seed), Turns(seed), random.Random(seed), seed  # noqa: S311 - to be repeated
        self.services = replace(logged(self.world.services, Path()), vault=Shelf())
        self.subjects = [self.world.received() for _ in range(3)]
        self.left = 12

    def run(self) -> None:
        store: Any = self.turns.over(self.world.store)
        self.people = object.__new__(World)
        self.people.__dict__.update(self.world.__dict__, services=replace(self.world.services, store=store))
        self.world.store.faults = STORM
        mine = replace(self.services, store=self.turns.over(self.services.store))
        self.turns.run([self._move, *[lambda: self._sequence(mine)] * 4])
        self.world.store.faults = Faults()
        for _ in range(20):
            self.world.store.place("f", "s")  # what was put off is made by now
        self.world.clock.now += timedelta(minutes=1)
        while sequence(self.services).count:
            pass
        publish(self.services)

    def _move(self) -> None:
        while self.left:
            self.left -= 1
            if self.chance.random() < 0.3:
                self.subjects.append(self.people.received())
            else:
                self.people.insisted(self.people.some(self.chance.choice(self.subjects)))

    def _sequence(self, services: Services) -> None:
        rounds = 0
        while self.left or rounds < 5:
            rounds += not self.left
            with suppress(Unavailable, Crash):
                killed = self.chance.random() < 0.3
                sequencer.handle({}, mortal(services, self.chance.randrange(40)) if killed else services)

    def hold(self) -> None:
        hold(self.world, self.services, f"seed {self.seed}")
        published = newest(self.services)
        assert published
        assert published.checkpoint.size == self.services.store.log_head().size, f"seed {self.seed}"


def played(seed: int) -> None:
    play = Play(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sequencing, "MOST_TAKEN", play.chance.choice([1, 2, 24]))  # in one step, or in many
        play.run()
    play.hold()


@pytest.mark.parametrize("first", range(0, SEEDS, 10))
def test_each_entry_is_in_the_log_once_and_in_order(first: int) -> None:
    for seed in range(first, first + 10):
        played(seed)


def test_a_sequencer_that_is_killed_at_any_call_loses_nothing(tmp_path: Path) -> None:
    calls = 0
    for after in (False, True):
        for call in range(1, 200):
            world = World(call)
            services = logged(world.services, tmp_path / f"{after}-{call}")
            subject = world.received()
            for _ in range(3):
                world.insisted(world.some(subject))
            world.store.faults = Faults(crash_at=call, crash_after=after)
            died = False
            try:
                sequencer.handle({}, services)
            except Crash:
                died, calls = True, calls + 1
            world.store.faults = Faults()
            sequencer.handle({}, services)
            hold(world, services, f"killed at {call}")
            published = newest(services)
            assert published
            assert published.checkpoint.size == services.store.log_head().size
            if not died:
                break
    assert calls > 40


def test_no_byte_of_it_changes_unnoticed(tmp_path: Path) -> None:
    world = World(7)
    services = logged(world.services, tmp_path)
    for _ in range(3):
        world.insisted(world.some(world.received()))
    sequencer.handle({}, services)
    tables = world.store.scanned()
    chance, tried = random.Random(7), 0  # noqa: S311 - to be repeated
    for item in tables["log"]:
        for attribute in item.values():
            ((kind, text),) = attribute.items()
            for at in chance.sample(range(len(text)), min(3, len(text))):
                other = chance.choice([one for one in "0123456789" if one != text[at]])
                attribute[kind] = text[:at] + other + text[at + 1 :]
                assert recompute.problems(tables), f"{item}"
                attribute[kind], tried = text, tried + 1
    assert recompute.problems(tables) == []
    assert tried > 100


def test_no_item_of_it_goes_unnoticed(tmp_path: Path) -> None:
    world = World(8)
    services = logged(world.services, tmp_path)
    world.insisted(world.some(world.received()))
    sequencer.handle({}, services)
    tables = world.store.scanned()
    whole = list(tables["log"])
    for item in whole:
        tables["log"] = [one for one in whole if one is not item]
        assert recompute.problems(tables), f"{item}"


# Mutants.


def caught(seeds: int = 60) -> None:
    """See that some seed tells, by what is in the log or by a guard that stops."""
    with pytest.raises((AssertionError, Corrupt), match=r"seed|the log|of the log"):
        list(map(played, range(1000, 1000 + seeds)))


def test_a_step_in_two_writes_loses_or_doubles(monkeypatch: pytest.MonkeyPatch) -> None:
    def take(store: SimulatedLog, head: LogHead, step: Taking) -> bool:
        usual = store._engine.transact

        def apart(*writes: Any) -> None:  # noqa: ANN401 - writes
            usual(*writes[:2])  # the head and the leaves, and then the rest
            usual(*writes[2:])

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(store._engine, "transact", apart)
            return whole(store, head, step)

    whole = SimulatedLog.take
    monkeypatch.setattr(SimulatedLog, "take", take)
    caught()


def test_a_step_without_its_condition_loses_or_doubles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.simulation.log._at", lambda _: lambda _: True)
    caught()


def test_a_step_that_does_not_look_for_the_one_before_is_in_no_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reading of the outbox is no snapshot: an entry may be seen before the one before it."""
    usual: Callable[..., Any] = SimulatedLog.outbox

    def outbox(store: Any, shard: int, count: int) -> Any:  # noqa: ANN401 - the whole store
        found = usual(store, shard, count)
        # As if the first marker had been written behind the reader's back.
        return found[1:] if len(found) > 1 and found[0].subject == found[1].subject and store._engine.chance.hits(0.3) else found

    monkeypatch.setattr(SimulatedLog, "outbox", outbox)
    for seed in range(3):
        played(seed)
    monkeypatch.setattr(sequencing, "_ordered", lambda _, markers, __: list(markers))
    caught()


# On the engine.


def test_the_log_on_the_engine(store: DynamoStore, engine: engines.Engine, tmp_path: Path) -> None:
    from tests.simulation.test_live import Real  # noqa: PLC0415 - a world on the engine

    with staged("log", store, engine) as own:
        Real.own = own
        world = Real(7)
        services = logged(replace(services_over(own, Issuer(), RecordingCourier(), SettableClock()), now=world.clock), tmp_path)
        there: dict[DossierId, int] = {}
        sizes = []
        for _ in range(3):
            for _ in range(20):
                there[world.received()] = 2
            for subject in list(there)[:5]:
                there[subject] += world.insisted(world.some(subject)) is not None
            while sequence(services).count:
                pass
            assert publish(services)
            sizes.append(services.store.log_head().size)
        assert publish(services) is None
        assert sequence(services).count == 0
        published = newest(services)
        assert published
        leaves = leaves_of(services)
        assert tree.root(leaf_hash(bytes(leaf)) for leaf in leaves) == published.checkpoint.root
        units = {unit_tag("22-XD")}
        assert [leaf.number for leaf in leaves if leaf.kind == OPENED and leaf.tag in units] == list(range(1, 61))
        for subject in there:
            held = own.held(subject)
            assert held
            for entry in own.entries(subject, 0, 100):
                shown = proofs(services, published, [(subject, entry.seq)]).get((subject, entry.seq))
                assert shown
                leaf = bytes(entry_leaf(subject, entry.seq, entry.hash))
                tree.included(shown.index, published.checkpoint.size, leaf_hash(leaf), shown.hashes, published.checkpoint.root)
            assert proofs(services, published, [(subject, held.tip.seq + 1)]) == {}
        numbers = own.numbered_from("22-XD", 1, 60)
        assert ([number for number, _ in numbers], {subject for _, subject in numbers}) == (list(range(1, 61)), {*there})
        assert own.numbered_from("22-XD", 3, 5) == numbers[2:5]
        assert own.numbered_from("22-XD", 60, 99) == numbers[59:]
        for old, new in pairwise(sizes):
            before, after = (tree.root(leaf_hash(bytes(leaf)) for leaf in leaves[:size]) for size in (old, new))
            tree.consistent(old, new, before, after, growth(services, published, old, new))


# What is refused.


def begun(tmp_path: Path) -> tuple[World, Services]:
    world = World(5)
    services = logged(world.services, tmp_path)
    world.received()
    sequencer.handle({}, services)
    return world, services


def test_a_store_that_was_restored_does_not_go_on(tmp_path: Path) -> None:
    world, services = begun(tmp_path)
    old = dict(world.store.engine.log.items())
    world.received()
    sequencer.handle({}, services)
    for place in list(world.store.engine.log):
        world.store.engine.log.write(place, old.get(place), world.clock.now, lambda: (world.clock.now, world.clock.now))
    world.received()
    with pytest.raises(Corrupt, match="the store was restored"):
        sequencer.handle({}, services)
    assert leaves_of(services)[-1].number <= 2


def test_a_tree_that_does_not_go_on_is_not_signed(tmp_path: Path) -> None:
    world, services = begun(tmp_path)
    assert services.vault
    before = services.vault.checkpoint()
    (place, row), *_ = [(place, row) for place, row in world.store.engine.log.items() if place[0].startswith("LEAVES#")]
    forged = {**row, "body": "AQ" + row["body"][2:] if not row["body"].startswith("AQ") else "Ag" + row["body"][2:]}
    world.store.engine.log.write(place, forged, world.clock.now, lambda: (world.clock.now, world.clock.now))
    world.received()
    while sequence(services).count:
        pass
    with pytest.raises(Corrupt, match=r"published otherwise before|does not go on"):
        publish(services)
    assert services.vault.checkpoint() == before


@pytest.mark.parametrize("what", ["key", "origin", "nonsense"])
def test_a_checkpoint_that_is_not_ours_stops_the_log(tmp_path: Path, what: str) -> None:
    _, services = begun(tmp_path)
    stranger = FileSeal(ORIGIN if what == "key" else "another.test/trail", Ed25519PrivateKey.generate() if what == "key" else PRIVATE)
    text = Checkpoint(stranger.key.name, 99, bytes(32)).text
    note = str(Note(text, (signed(text, stranger.key, stranger.sign),))) if what != "nonsense" else "nonsense"
    (tmp_path / "checkpoint").unlink()
    (tmp_path / "checkpoint").write_text(note)
    with pytest.raises(Corrupt, match="checkpoint of the log is not"):
        sequencer.handle({}, services)


def test_a_log_that_is_always_behind_is_published_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While entries come as fast as they are taken, a run ends; while more waits than it reads at once, it publishes on the way."""
    world = World(5)
    services = logged(world.services, tmp_path)
    calls = 0

    def one_more(services: Services) -> Any:  # noqa: ANN401 - as it gives
        nonlocal calls
        calls += 1
        found = sequence(services)
        world.received()
        return found

    world.received()
    monkeypatch.setattr(sequencer, "sequence", one_more)
    assert sequencer.handle({}, services)["published"] == services.store.log_head().size > 0
    assert calls == 1
    monkeypatch.setattr(sequencer, "sequence", sequence)
    for _ in range(30):
        world.received()
    monkeypatch.setattr(sequencing, "AHEAD", 1)
    notes: list[int] = []
    vault = Shelf()
    usual = vault.publish

    def noted(size: int, note: str) -> None:
        notes.append(size)
        usual(size, note)

    monkeypatch.setattr(vault, "publish", noted)

    def later() -> datetime:
        world.clock.now += timedelta(milliseconds=400)
        return world.clock.now

    found = sequencer.handle({}, replace(services, vault=vault, now=later))
    assert len(notes) > 2
    assert notes == sorted(set(notes))
    assert notes[-1] == found["published"] == services.store.log_head().size
    assert found["merge_delay_s"] > 1


def test_a_run_goes_on_after_a_round_that_was_cut_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(5)
    services, rounds = logged(world.services, tmp_path), iter(range(3))
    rests: list[float] = []
    world.received()
    monkeypatch.setattr(sequencer, "publish", Mock(side_effect=[Unavailable("the vault does not answer"), 2, None]))
    found = sequencer.run({}, services, rests.append, lambda: next(rounds, None) is not None)
    assert (found["rounds"], len(rests), services.store.log_head().size > 0) == (3, 3, True)
    monkeypatch.setattr(sequencer, "publish", Mock(side_effect=Corrupt("another log")))
    with pytest.raises(Corrupt):
        sequencer.run({}, services, rests.append)


def test_what_is_published_is_read_by_others(tmp_path: Path) -> None:
    """A checkpoint, tiles and bundles in the layout of C2SP tlog-tiles."""
    _, services = begun(tmp_path)
    assert services.seal
    note = Note.read((tmp_path / "checkpoint").read_text())
    found = Checkpoint.read(note.text)
    assert verified(note, [services.seal.key]) == {services.seal.key: None}
    assert (found.origin, found.size) == (ORIGIN, services.store.log_head().size)
    raw, leaves = (tmp_path / tree.bundle_path(0, found.size)).read_bytes(), []
    while raw:
        length = int.from_bytes(raw[:2], "big")
        leaves.append(raw[2 : 2 + length])
        raw = raw[2 + length :]
    assert tree.root(map(leaf_hash, leaves)) == found.root
    assert (tmp_path / tree.Tile(0, 0, found.size).path).read_bytes() == b"".join(map(leaf_hash, leaves))
