"""Erasures over the real engine, at once with others; and what an export shows of a dossier whose applicant was erased."""

import io
import secrets
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from casework.actions import exports
from casework.actions.exports import Asked, Wanted, request_export
from casework.adapters.depot import FolderDepot
from casework.adapters.dynamo import DynamoStore
from casework.adapters.seal import FileSeal
from casework.adapters.vault import FolderVault
from casework.audit.disclosure import is_personal
from casework.audit.verify import Report, Scope, Trust, verify
from casework.erasing import erase_again
from casework.model.export import ExportForm, ExportScope
from casework.model.moves import MoveName
from casework.model.parties import Role, Viewer
from casework.model.record import DossierId
from casework.ports import Erased
from handlers import sequencer
from schema import inputs
from schema.erasure import EraseApplicantInput
from tests.simulation.soundness import unsound
from tests.simulation.worlds import CITIZEN, DESK, HEAD, World
from tests.support import Client

INSPECTOR = Viewer(Role.INSPECTOR, "inspector-1")
LAW = {"legalBasis": "13/2023/NĐ-CP, 16"}


# The real engine.


def withdrawn(client: Client, store: DynamoStore) -> tuple[str, DossierId]:
    code = client.received()
    client.done("withdrawDossier", "CITIZEN", dossier=code, reason="đổi ý")
    subject = store.coded(code)
    assert subject
    return code, subject


def personal(store: DynamoStore, subject: DossierId) -> int:
    return sum(map(is_personal, store.disclosed(subject).values()))


def test_of_several_at_once_one_erases(client: Client, store: DynamoStore) -> None:
    code, subject = withdrawn(client, store)
    gate, count = threading.Barrier(6), 6

    def ask(number: int) -> dict[str, Any]:
        gate.wait()
        return client.move("eraseApplicant", ("HEAD", "SUPERVISOR")[number % 2], dossier=code, **LAW)

    with ThreadPoolExecutor(count) as pool:
        answers = list(pool.map(ask, range(count)))
    told = Counter("DONE" if not answer["errors"] else answer["errors"][0]["code"] for answer in answers)
    assert told == {"DONE": 1, "ERASED": count - 1}
    held = store.held(subject)
    assert held
    assert (len(held.dossier.erasures), personal(store, subject), held.applicant_key) == (1, 0, None)
    assert len(store.disclosed(subject)) == 2  # why it was withdrawn, and by which law it was erased


def test_what_others_disclose_at_once_is_erased_or_never_comes(client: Client, store: DynamoStore) -> None:
    for _ in range(10):
        code, subject = withdrawn(client, store)
        gate = threading.Barrier(3)
        asks = [("eraseApplicant", "HEAD", LAW), ("rotateTrackingSecret", "CITIZEN", {}), ("rotateTrackingSecret", "CITIZEN", {})]

        def ask(what: tuple[str, str, dict[str, Any]], gate: threading.Barrier = gate, code: str = code) -> dict[str, Any]:
            gate.wait()
            return client.move(what[0], what[1], dossier=code, **what[2])

        with ThreadPoolExecutor(3) as pool:
            answers = list(pool.map(ask, asks))
        assert [answer["errors"] for answer in answers] == [[], [], []]
        assert personal(store, subject) == 0
        assert len(store.disclosed(subject)) == 2


def test_an_item_goes_or_keeps_what_is_not_erased(client: Client, store: DynamoStore) -> None:
    code, subject = withdrawn(client, store)
    before = store.disclosed_by_entry(subject)
    assert set(before) == {1, 3}
    client.done("eraseApplicant", "HEAD", dossier=code, **LAW)
    after = store.disclosed_by_entry(subject)
    assert set(after) == {3, 4}
    assert after[3] == tuple(text for text in before[3] if not is_personal(text))
    assert erase_again(client.services, subject) == 0
    assert not store.erase(subject, Erased(3, before[3], after[3]))  # it stands so no more
    assert not store.erase(subject, Erased(1, before[1], ()))
    assert store.disclosed_by_entry(subject) == after


# Exports.


@dataclass
class Bureau:
    """A world over the second store whose log is published and whose inspector takes exports away."""

    world: World
    folder: Path
    seal: FileSeal

    @classmethod
    def begun(cls, folder: Path) -> "Bureau":
        world = World(secrets.randbits(32))
        seal = FileSeal(world.services.log, Ed25519PrivateKey.generate())
        depot = FolderDepot(folder / "exports", b"x" * 32, "http://x")
        world.services = replace(world.services, vault=FolderVault(folder / "log"), seal=seal, depot=depot)
        return cls(world, folder, seal)

    def stopped(self) -> DossierId:
        """Have a dossier with an official's texts that its applicant took back."""
        subject = self.world.received()
        given: dict[str, Any] = {"reason": "đổi ý"}
        self.world.insisted(self.world.making(DESK, inputs.WithdrawDossierInput, MoveName.WITHDRAW, subject, **given))
        self.world.insisted(self.world.making(CITIZEN, inputs.RotateTrackingSecretInput, MoveName.ROTATE, subject))
        return subject

    def erase(self, subject: DossierId) -> None:
        assert self.world.insisted(self.world.making(HEAD, EraseApplicantInput, MoveName.ERASE, subject, legal_basis="luật"))

    def verified(self, of: DossierId | None, form: ExportForm = ExportForm.FULL) -> Report:
        """Take an export of a dossier, or of everything, and verify it as an inspector does."""
        services, scope = self.world.services, ExportScope.DOSSIER if of else ExportScope.ALL
        sequencer.handle({}, services)
        done = request_export(services, INSPECTOR, Wanted(scope, form, of), Asked(secrets.token_hex(4), "test", None))
        sequencer.handle({}, services)
        made = services.store.held(done.held.id)
        assert made
        exports.work(services, made)
        bundle = (self.folder / "exports" / exports.path_of(done.held.id)).read_bytes()
        return verify(io.BytesIO(bundle), Scope(str(scope), of), Trust(self.seal.key), deep=True)


@pytest.fixture
def bureau(tmp_path: Path) -> Bureau:
    return Bureau.begun(tmp_path)


@pytest.mark.parametrize("form", ExportForm)
def test_an_export_of_an_erased_dossier_verifies_and_counts_what_was_erased(bureau: Bureau, form: ExportForm) -> None:
    subject = bureau.stopped()
    before = bureau.verified(subject, form)
    assert (before.failure, before.erased, before.personal, before.disclosed, before.withheld) == (None, 0, 4, 1, [])
    bureau.erase(subject)
    after = bureau.verified(subject, form)
    assert (after.failure, after.erased, after.personal, after.disclosed, after.withheld) == (None, 4, 0, 2, [])
    assert (after.unerased, after.entries) == (0, before.entries + 1)


def test_an_export_of_everything_counts_them_too(bureau: Bureau) -> None:
    erased, _ = bureau.stopped(), bureau.stopped()
    bureau.erase(erased)
    found = bureau.verified(None)
    assert (found.failure, found.erased, found.personal, found.withheld) == (None, 4, 4, [])


def test_a_disclosure_that_is_gone_without_an_entry_is_reported(bureau: Bureau) -> None:
    subject = bureau.stopped()
    store = bureau.world.store
    rows = store.disclosed_by_entry(subject)
    (why,) = [seq for seq, texts in rows.items() if not all(map(is_personal, texts))]
    assert store.erase(subject, Erased(1, rows[1], ()))  # the applicant's values
    found = bureau.verified(subject)
    assert (found.failure, found.erased, found.personal, found.withheld) == (None, 0, 4, [])  # none of these is shown to an inspector
    assert store.erase(subject, Erased(why, rows[why], tuple(filter(is_personal, rows[why]))))  # a text
    found = bureau.verified(subject)
    assert (found.failure, found.erased, found.personal, found.withheld) == (None, 0, 4, [(subject, why)])
    assert "WITHHELD" in found.limits
    assert [problem for problem in unsound(store) if subject in problem]
