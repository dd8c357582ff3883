"""GraphQL over HTTP, as the audit of npm `graphql-http` understands it: all that must, should and may be."""

import json
import subprocess
from collections import Counter
from pathlib import Path

from tests.e2e.conftest import LONGEST_S, Service

AUDIT = Path(__file__).with_name("audit.mjs")
AUDITS = 61


def test_every_audit_passes(service: Service) -> None:
    done = subprocess.run(
        ["node", AUDIT, service.url],  # noqa: S607 - the machine's own Node
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    *audits, summary = [json.loads(line) for line in done.stdout.splitlines()] or [done.stderr]
    assert [audit for audit in audits if audit["status"] != "ok"] == []
    assert summary == {"audits": AUDITS, "ok": AUDITS}
    assert len({audit["id"] for audit in audits}) == AUDITS
    assert set(Counter(audit["name"].split()[0] for audit in audits)) == {"MUST", "SHOULD", "MAY"}
    assert done.returncode == 0
