"""The golden bundles of format version 1 verify for ever, and no bit of them may be another.

Whoever flips a bit may fit zip, manifests and sums to it. Every single bit of entries, leaves, checkpoint and disclosures is tried.
"""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from casework.audit.bundle import CHECKPOINT, DISCLOSURES, ENTRIES, LEAVES, PROOFS, REQUEST, STATES
from casework.audit.note import Key
from casework.audit.verify import Trust
from tests.bags import dossier, judged, opened, packed

GOLDEN = Path(__file__).parents[1] / "golden"
ROOT = Path(__file__).parents[2]
FORMS = {"full": [], "light": ["LIGHT", "NO_HELD_CHECKPOINT"]}
SUBJECT = (GOLDEN / "bundle-v1-dossier").read_text().strip()


def trust() -> Trust:
    log, witness = (Key.read((GOLDEN / f"bundle-v1-{name}.vkey").read_text()) for name in ("log", "witness"))
    return Trust(log, witness, (GOLDEN / "bundle-v1-held").read_text())


def golden(form: str) -> bytes:
    return (GOLDEN / f"bundle-v1-{form}.zip").read_bytes()


@pytest.mark.parametrize("form", FORMS)
def test_it_verifies(form: str) -> None:
    report = judged(golden(form), dossier(SUBJECT), trust())
    assert (report.failure, report.limits) == (None, FORMS[form])
    assert (report.entries, report.subjects, report.disclosed, report.personal, report.withheld) == (3, 1, 3, 3, [])


@pytest.mark.parametrize("form", FORMS)
def test_the_second_verifier_verifies_it(form: str) -> None:
    brought = [
        "--vkey",
        f"{GOLDEN}/bundle-v1-log.vkey",
        "--witness",
        f"{GOLDEN}/bundle-v1-witness.vkey",
        "--held",
        f"{GOLDEN}/bundle-v1-held",
    ]
    command = [
        shutil.which("node") or "node",
        "clients/verify.mjs",
        f"{GOLDEN}/bundle-v1-{form}.zip",
        "--dossier",
        SUBJECT,
        "--json",
        *brought,
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == (4 if FORMS[form] else 0), done.stderr
    assert sorted(json.loads(done.stdout)["limits"]) == FORMS[form]


@pytest.mark.parametrize("name", [LEAVES, CHECKPOINT, DISCLOSURES])
def test_every_bit_of_it_counts(name: str) -> None:
    flipped("full", name, 0, 1)


@pytest.mark.parametrize("part", range(4))
def test_every_bit_of_its_entries_counts(part: int) -> None:
    flipped("full", ENTRIES, part, 4)


@pytest.mark.parametrize(
    ("form", "name"), [("full", STATES), ("full", REQUEST), ("light", ENTRIES), ("light", PROOFS), ("light", CHECKPOINT)]
)
def test_bits_of_the_rest_count(form: str, name: str) -> None:
    flipped(form, name, 5, 13)


def flipped(form: str, name: str, part: int, parts: int) -> None:
    """Flip each bit of a part of a member."""
    payload, scope = opened(golden(form)), dossier(SUBJECT)
    # With the witness's key a cosignature counts, too; without it the rest has to show by itself.
    brought = trust() if name == CHECKPOINT else Trust(trust().log)
    whole = payload[name]
    tried = 0
    for at in range(part, len(whole), parts):
        for bit in range(8):
            payload[name] = whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :]
            report = judged(packed(payload), scope, brought)
            assert report.failure, f"{name}: byte {at}, bit {bit}: {report.verdict} {report.limits}"
            tried += 1
    assert tried == 8 * len(range(part, len(whole), parts))
    assert tried > 0
