"""The README's tour, typed as it stands there."""

import json
import os
import re
import subprocess
from pathlib import Path

from tests.e2e.conftest import Service

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"<!-- tour: (\w+) -->\n```bash\n(.*?)```", re.DOTALL)
LIMIT_S = 120


def test_the_tour_pastes(service: Service) -> None:
    blocks = dict(BLOCK.findall((ROOT / "README.md").read_text()))
    assert list(blocks) == ["submit", "receive", "watch", "assign", "due", "trail", "replay"]
    script = "".join(f"echo '### {name}'\n{text}\n" for name, text in blocks.items())
    done = subprocess.run(
        ["bash", "-eu", "-c", script],  # noqa: S607 - the shell of whoever pastes it
        cwd=ROOT,
        env={**os.environ, "PORT": str(service.port), "DATA": str(service.data)},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = dict(re.findall(r"### (\w+)\n(.*?)(?=### |\Z)", done.stdout, re.DOTALL))
    assert json.loads(said["submit"])["data"]["submitDossier"]["dossier"]["state"] == "SUBMITTED"
    received = json.loads(said["receive"])["data"]["receiveDossier"]["dossier"]
    assert received["state"] == "RECEIVED"
    assert received["clock"]["explanation"][0]["kind"] == "START"
    watched = [json.loads(line) for line in (said["watch"] + said["assign"]).splitlines() if '"cursor"' in line]
    assert [event["cursor"] for event in watched] == ["0", "1", "2", "3"]
    assert [event["ready"] for event in watched] == [True, False, False, False]
    assert '"action":"ASSIGNED"' in said["assign"]
    due = json.loads(said["due"])["data"]["dueIfReceived"]
    assert due["dueAt"] == "2025-02-17T10:00:00+00:00"
    assert [node["seq"] for node in json.loads(said["trail"])["data"]["auditTrail"]["nodes"]] == [1, 2, 3]
    figures = json.loads(said["replay"].splitlines()[-1])
    assert figures["added"] == figures["entries"] > 0
