"""Made `tests/golden/bundle-v1*.zip` and their keys; what it makes now may differ, what it made then verifies for ever.

Run from the project: `.venv/bin/python -m tests.golden.make_bundle FOLDER`.
"""

import sys
import tempfile
from pathlib import Path

from casework.model.moves import MoveName
from casework.model.record import AssignmentRole
from schema import inputs
from tests.bags import WITNESS, Exporting, full, light
from tests.simulation.worlds import DAY, HEAD


def main(folder: Path) -> None:
    """Make them: a dossier of three entries, one of them with texts of officials, beside another."""
    world = Exporting(Path(tempfile.mkdtemp()), seed=2026)
    subject = world.received()
    world.received()
    work = {"task": "xem xét", "responsibility": "r", "expected_result": "kết quả", "due_at": world.clock.now + DAY}
    lead = {"role": AssignmentRole.LEAD, "unit": "22-XD", "officer": "officer-1", **work}
    assert world.insisted(world.making(HEAD, inputs.AssignDossierInput, MoveName.ASSIGN, subject, **lead))
    (folder / "bundle-v1-held").write_text(str(world.taken()))
    (folder / "bundle-v1-full.zip").write_bytes(world.exported(full(subject), witnessed=True))
    (folder / "bundle-v1-light.zip").write_bytes(world.exported(light(subject), witnessed=True))
    (folder / "bundle-v1-dossier").write_text(f"{subject}\n")
    (folder / "bundle-v1-log.vkey").write_text(f"{world.key}\n")
    (folder / "bundle-v1-witness.vkey").write_text(f"{WITNESS}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
