"""The log as front ends see it: checkpoint, growth, and the proofs of entries."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from casework.adapters.seal import FileSeal
from casework.adapters.vault import FolderVault
from casework.audit import tree
from casework.audit.leaves import entry_leaf
from casework.audit.note import Checkpoint, Note, Proof, verified
from casework.model.record import DossierId
from handlers import sequencer
from tests.simulation.worlds import World
from tests.support import Client

CHECKPOINT = "{ auditCheckpoint { origin size root note } }"
TRAIL = """query($code: ID!) { dossier(code: $code) { trail(first: 100) { nodes { seq hash proof { index size hashes text } } } } }"""
GROWTH = "query($old: Int!, $new: Int!) { auditConsistency(from: $old, to: $new) { from to hashes } }"


class Logging(World):
    """A world whose log is published in a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(5)
        self.seal = FileSeal(self.services.log, Ed25519PrivateKey.generate())
        self.services = replace(self.services, vault=FolderVault(folder), seal=self.seal)
        self.client = Client(self.services, self.issuer)

    def taken(self) -> Checkpoint:
        """Let the log take what there is; gives the checkpoint that is shown, verified."""
        sequencer.handle({}, self.services)
        shown = self.client.ask(CHECKPOINT)["data"]["auditCheckpoint"]
        note = Note.read(shown["note"])
        assert list(verified(note, [self.seal.key])) == [self.seal.key]
        found = Checkpoint.read(note.text)
        assert (shown["origin"], shown["size"], shown["root"]) == (found.origin, found.size, found.root.hex())
        return found

    def code(self, subject: DossierId) -> str:
        held = self.store.held(subject)
        assert held
        return held.dossier.code


@pytest.fixture
def world(tmp_path: Path) -> Logging:
    return Logging(tmp_path)


def test_before_the_first_checkpoint_there_is_nothing_to_show(world: Logging) -> None:
    subject = world.received()
    assert world.client.ask(CHECKPOINT) == {"data": {"auditCheckpoint": None}}
    assert world.client.ask(GROWTH, old=1, new=2) == {"data": {"auditConsistency": None}}
    (first, *_) = world.client.ask(TRAIL, "INSPECTOR", code=world.code(subject))["data"]["dossier"]["trail"]["nodes"]
    assert first["proof"] is None


def test_each_entry_of_a_page_is_proved(world: Logging) -> None:
    subject = world.received()
    checkpoint = world.taken()
    shown = world.client.ask(TRAIL, "INSPECTOR", code=world.code(subject))["data"]["dossier"]["trail"]["nodes"]
    assert len(shown) == 2
    for entry in shown:
        proof = Proof.read(entry["proof"]["text"])
        assert verified(proof.checkpoint, [world.seal.key])
        assert Checkpoint.read(proof.checkpoint.text) == checkpoint
        assert (entry["proof"]["index"], entry["proof"]["size"]) == (proof.index, checkpoint.size)
        assert entry["proof"]["hashes"] == [one.hex() for one in proof.hashes]
        leaf = tree.leaf_hash(bytes(entry_leaf(subject, entry["seq"], entry["hash"])))
        tree.included(proof.index, checkpoint.size, leaf, proof.hashes, checkpoint.root)


def test_it_shows_that_the_log_only_grew(world: Logging) -> None:
    world.received()
    before = world.taken()
    for _ in range(5):
        world.received()
    after = world.taken()
    shown = world.client.ask(GROWTH, old=before.size, new=after.size)["data"]["auditConsistency"]
    assert (shown["from"], shown["to"]) == (before.size, after.size)
    tree.consistent(before.size, after.size, before.root, after.root, [bytes.fromhex(one) for one in shown["hashes"]])
    same = world.client.ask(GROWTH, old=after.size, new=after.size)["data"]["auditConsistency"]
    assert same["hashes"] == []


@pytest.mark.parametrize(("old", "new"), [(0, 2), (-1, 2), (2, 1), (1, 1000)])
def test_what_is_no_size_of_it_is_refused(world: Logging, old: int, new: int) -> None:
    world.received()
    world.taken()
    (error,) = world.client.ask(GROWTH, old=old, new=new)["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "1 to 3" in error["message"]


def test_a_page_reads_the_places_of_its_leaves_together(world: Logging, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = world.received()
    world.taken()
    asked: list[list[tuple[str, int]]] = []
    usual = world.store.leaves_of

    def leaves_of(places: Collection[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
        asked.append(list(places))
        return usual(places)

    monkeypatch.setattr(world.store, "leaves_of", leaves_of)
    world.client.ask(TRAIL, "INSPECTOR", code=world.code(subject))
    assert asked == [[(subject, 1), (subject, 2)]]


def test_a_process_without_a_log_says_nothing_of_it(world: Logging) -> None:
    world.received()
    world.taken()
    bare = Client(replace(world.services, vault=None, seal=None), world.issuer)
    assert bare.ask(CHECKPOINT) == {"data": {"auditCheckpoint": None}}
