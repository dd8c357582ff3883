"""One request followed on one machine, as docs/operations.md says: in what the service writes, and only where that is asked for."""

import json
import threading
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.conftest import LONGEST_S, Service, started
from tests.support import SUBMISSION

ID = "7f1c2b9e-03d4-4a5b-8c6d-9e0f1a2b3c4d"


def asked(service: Service) -> None:
    """Open a dossier under an id of ours."""
    given = {**SUBMISSION, "idempotencyKey": "k"}
    document = "mutation($input: SubmitDossierInput!) { submitDossier(input: $input) { errors { code } } }"
    body = json.dumps({"query": document, "variables": {"input": given}}).encode()
    headers = {"content-type": "application/json", "x-correlation-id": ID, "authorization": f"Bearer {service.token('CITIZEN')}"}
    with urllib.request.urlopen(urllib.request.Request(service.url, body, headers), timeout=LONGEST_S) as answer:  # noqa: S310 - on loopback
        assert answer.headers["x-correlation-id"] == ID
        assert json.load(answer) == {"data": {"submitDossier": {"errors": []}}}


@pytest.mark.parametrize("level", ["INFO", ""])
def test_one_request_is_followed_where_that_is_asked_for(tmp_path: Path, level: str) -> None:
    with started(tmp_path / "data", POWERTOOLS_LOG_LEVEL=level) as service:
        asked(service)
        out = service.process.stdout
        assert out
        told: list[str] = []
        late = threading.Timer(LONGEST_S, service.process.kill)
        late.start()
        try:
            while level and set(told) != {"request", "delivered"}:  # Each is told by a thread of its own.
                line = out.readline()
                assert line, told
                told += [json.loads(line)["message"]] if ID in line else []
        finally:
            late.cancel()
        service.end()
        assert sorted(told) == (["delivered", "request"] if level else [])
        assert level or ID not in out.read()
