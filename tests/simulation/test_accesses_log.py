"""The second log takes accesses as the first takes entries: each once, those of a dossier in order, and no dossier is numbered in it."""

from dataclasses import replace
from pathlib import Path

import pytest

from casework.adapters.dynamo import DynamoStore
from casework.adapters.seal import FileSeal
from casework.adapters.vault import FolderVault
from casework.audit import tree
from casework.audit.leaves import ENTRY, entry_leaf, tag_of
from casework.audit.note import Checkpoint, Proof, verified
from casework.model.errors import Corrupt
from casework.model.record import DossierId
from casework.ports import OUTBOX_SHARDS, Services
from casework.published import newest
from handlers import sequencer
from local import engine as engines
from tests.simulation.faults import Crash, Faults
from tests.simulation.test_accesses import unmasked, view
from tests.simulation.test_log import PRIVATE, Play, Shelf, leaves_of
from tests.simulation.worlds import HEAD, World
from tests.stages import staged
from tests.support import Client, Issuer, RecordingCourier, SettableClock, services_over
from tests.verification import recompute

SEEDS = 20
ACCESSES = "query($code: ID!) { dossier(code: $code) { accesses(first: 100) { nodes { seq hash proof { index size hashes text } } } } }"
UNMASK = "mutation($input: UnmaskApplicantInput!) { unmaskApplicant(input: $input) { access { hash proof { index } } errors { code } } }"


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nothing between two tries."""
    monkeypatch.setattr("casework.commits.time.sleep", lambda seconds: None)


def logged(services: Services, folder: Path | None = None) -> Services:
    """Give services that publish both logs."""
    first, second = (FolderVault(folder / "log"), FolderVault(folder / "log-accesses")) if folder else (Shelf(), Shelf())
    return replace(
        services, vault=first, seal=FileSeal(services.log, PRIVATE), accesses_vault=second,
        accesses_seal=FileSeal(services.accesses_log, PRIVATE),
    )  # fmt: skip


def hold(world: World, services: Services, say: str) -> None:
    """Hold the second log against the accesses that were written."""
    store = services.second.store
    leaves = leaves_of(services.second)
    assert {leaf.kind for leaf in leaves} <= {ENTRY}, say
    subjects = {DossierId(row["subject"]) for row in world.store.engine.accesses.values()}
    hashes = {subject: [one.entry.hash for one in store.accesses(subject, 0, 1000)] for subject in subjects}
    assert len(leaves) == sum(map(len, hashes.values())), say
    for subject, those in hashes.items():
        mine = [leaf for leaf in leaves if leaf.tag == tag_of(subject)]
        assert [(leaf.number, leaf.hash.hex()) for leaf in mine] == list(enumerate(those, 1)), say
        found = store.leaves_of([(subject, seq) for seq in range(1, len(those) + 1)])
        assert [leaves[index] for _, index in sorted(found.items())] == mine, say
    assert all(not store.outbox(shard, 5) for shard in range(OUTBOX_SHARDS)), say
    assert recompute.problems(world.store.scanned()) == [], say


class Views(Play):
    """The same play with the second log: officials look at dossiers, four sequencers work at once, each of which is killed now and then."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.both = logged(self.world.services)
        self.services = self.both.second

    def _move(self) -> None:
        while self.left:
            self.left -= 1
            subject, number = self.chance.choice(self.subjects), self.left
            if self.chance.random() < 0.5:
                self.people.insisted(lambda subject=subject, number=number: unmasked(self.people.services, subject, f"k{number}"))  # type: ignore[misc]
            else:
                viewer = replace(HEAD, sub=f"head-9{number}")
                self.people.insisted(lambda subject=subject, viewer=viewer: seen(self.people.services, subject, viewer))  # type: ignore[misc]

    def hold(self) -> None:
        hold(self.world, self.both, f"seed {self.seed}")
        published = newest(self.services)
        assert published
        assert published.checkpoint.size == self.services.store.log_head().size, f"seed {self.seed}"
        assert self.both.store.log_head().size == 0, "nobody worked on the first"


def seen(services: Services, subject: DossierId, viewer: object) -> None:
    fault = view(services, subject, viewer)  # type: ignore[arg-type]
    if fault is not None:
        raise fault


@pytest.mark.parametrize("first", range(0, SEEDS, 10))
def test_each_access_is_in_the_second_log_once_and_in_order(first: int) -> None:
    for seed in range(first, first + 10):
        play = Views(seed)
        play.run()
        play.hold()


def test_a_sequencer_that_is_killed_at_any_call_loses_nothing_of_either(tmp_path: Path) -> None:
    call, died = 0, True
    while died:
        call += 1
        world = World(call)
        services = logged(world.services, tmp_path / str(call))
        subject = world.received()
        assert view(world.services, subject) is None
        unmasked(world.services, subject)
        world.store.faults = Faults(crash_at=call, crash_after=call % 2 == 0)
        try:
            sequencer.handle({}, services)
            died = False
        except Crash:
            pass
        world.store.faults = Faults()
        sequencer.handle({}, services)
        hold(world, services, f"killed at {call}")
        assert [newest(each).checkpoint.size for each in (services, services.second)] == [3, 2]  # type: ignore[union-attr]
    assert call > 40


def test_an_access_is_proved_by_the_second_log_and_an_entry_by_the_first(tmp_path: Path) -> None:
    world = World(3)
    services = logged(world.services, tmp_path)
    client = Client(services, world.issuer)
    subject = world.received()
    held = world.store.held(subject)
    assert held
    code = held.dossier.code
    asked = {"dossier": code, "reason": "r", "idempotencyKey": "k"}
    made = client.ask(UNMASK, "SUPERVISOR", None, input=asked)["data"]["unmaskApplicant"]
    assert (made["errors"], made["access"]["proof"]) == ([], None)
    assert view(services, subject) is None
    found = sequencer.handle({}, services)
    assert (found["taken"], found["published"], found["accesses"]["taken"], found["accesses"]["published"]) == (2, 3, 2, 2)
    nodes = client.ask(ACCESSES, "INSPECTOR", None, code=code)["data"]["dossier"]["accesses"]["nodes"]
    assert [node["seq"] for node in nodes] == [1, 2]
    key = FileSeal(services.accesses_log, PRIVATE).key
    for node in nodes:
        proof = Proof.read(node["proof"]["text"])
        assert verified(proof.checkpoint, [key])
        checkpoint = Checkpoint.read(proof.checkpoint.text)
        assert (checkpoint.origin, checkpoint.size) == (services.accesses_log, 2)
        leaf = tree.leaf_hash(bytes(entry_leaf(subject, node["seq"], node["hash"])))
        tree.included(proof.index, checkpoint.size, leaf, proof.hashes, checkpoint.root)
    document = """query($code: ID!) { dossier(code: $code) {
        trail(first: 1) { nodes { proof { size text } } } accesses(first: 1) { nodes { proof { size } } } } }"""
    shown = client.ask(document, "INSPECTOR", None, code=code)["data"]["dossier"]
    assert (shown["trail"]["nodes"][0]["proof"]["size"], shown["accesses"]["nodes"][0]["proof"]["size"]) == (3, 2)
    assert Checkpoint.read(Proof.read(shown["trail"]["nodes"][0]["proof"]["text"]).checkpoint.text).origin == services.log


def test_no_item_of_it_goes_unnoticed(tmp_path: Path) -> None:
    world = World(4)
    services = logged(world.services, tmp_path)
    subject = world.received()
    unmasked(services, subject)
    sequencer.handle({}, services)
    unmasked(services, subject, "other")
    tables = world.store.scanned()
    whole = list(tables["log"])
    assert {item["pk"]["S"].split("#")[1] for item in whole if item["pk"]["S"].startswith("A#")} == {"LOG", "LEAVES", "LEAF", "OUTBOX"}
    for item in whole:
        tables["log"] = [one for one in whole if one is not item]
        assert recompute.problems(tables), f"{item}"


def test_a_log_that_is_published_nowhere_is_left_alone(tmp_path: Path) -> None:
    world = World(5)
    services = replace(logged(world.services, tmp_path), accesses_vault=None, accesses_seal=None)
    unmasked(services, world.received())
    assert "accesses" not in sequencer.handle({}, services)
    assert services.second.store.log_head().size == 0


def test_a_fault_of_the_first_log_does_not_hold_the_second_up(tmp_path: Path) -> None:
    world = World(5)
    services = logged(world.services, tmp_path)
    unmasked(services, world.received())
    assert services.vault
    services.vault.publish(99, "of another store\n99\nroot\n")
    with pytest.raises(Corrupt):
        sequencer.handle({}, services)
    assert services.second.store.log_head().size == 1
    assert services.second.vault
    assert "\n1\n" in (services.second.vault.checkpoint() or "")


def test_it_is_the_same_on_the_engine(store: DynamoStore, engine: engines.Engine, tmp_path: Path) -> None:
    with staged("second", store, engine) as own:
        issuer = Issuer()
        services = logged(services_over(own, issuer, RecordingCourier(), SettableClock()), tmp_path)
        client = Client(services, issuer)
        code = client.assigned()
        for key in ("a", "b", "c"):
            asked = {"dossier": code, "reason": "r", "idempotencyKey": key}
            assert client.ask(UNMASK, "SUPERVISOR", None, input=asked)["data"]["unmaskApplicant"]["errors"] == []
        found = sequencer.handle({}, services)
        assert (found["taken"], found["published"], found["accesses"]["taken"], found["accesses"]["published"]) == (3, 4, 3, 3)
        nodes = client.ask(ACCESSES, "CITIZEN", None, code=code)["data"]["dossier"]["accesses"]["nodes"]
        assert [node["proof"]["index"] for node in nodes] == [0, 1, 2]
        assert [leaf.number for leaf in leaves_of(services.second)] == [1, 2, 3]
        assert sequencer.handle({}, services)["accesses"] == {"taken": 0, "published": None, "merge_delay_s": None}
