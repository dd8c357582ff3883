"""An inspector takes the trail of the running service away, and verifies it with the one file that he carries."""

import hashlib
import json
import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import LONGEST_S, PROJECT, Service

OPEN = """mutation($key: ID!) { submitDossier(input: {idempotencyKey: $key, procedure: "XD-01", receptionPoint: "22-MC", channel: ONLINE,
    applicant: {name: "Nguyễn Văn An"}}) { dossier { id code } errors { code } } }"""
REQUEST = "mutation($input: RequestExportInput!) { requestExport(input: $input) { export { id state url } errors { code } } }"
EXPORT = "query($id: ID!) { export(id: $id) { state done steps size bytes sha256 url failure dossier } }"


def until_ready(service: Service, export: str) -> dict[str, Any]:
    """Ask until it is made; none takes half a minute."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        found: dict[str, Any] = service.ask(EXPORT, "INSPECTOR", id=export)["data"]["export"]
        if found["state"] not in {"REQUESTED", "RUNNING"}:
            return found
        time.sleep(0.2)
    raise AssertionError("the export is not made")


def got(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=LONGEST_S) as answer:  # noqa: S310 - on loopback
        assert answer.headers["content-type"] == "application/zip"
        found: bytes = answer.read()
    return found


@pytest.fixture(scope="module")
def verifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one file, built as `make verifier` builds it, and copied to where nothing else of the project is."""
    subprocess.run([sys.executable, "tools/verifier.py"], cwd=PROJECT, check=True, capture_output=True, timeout=60)
    place = tmp_path_factory.mktemp("inspector") / "giamsat-verify.pyz"
    place.write_bytes((PROJECT / "build" / "giamsat-verify.pyz").read_bytes())
    return place


def verified(verifier: Path, bundle: Path, *given: str | Path) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-I", verifier, bundle, *given, "--json"]
    done = subprocess.run(list(map(str, command)), cwd=verifier.parent, capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, found


@pytest.mark.parametrize("form", ["FULL", "LIGHT"])
def test_a_dossier_is_taken_away_and_verified(service: Service, verifier: Path, tmp_path: Path, form: str) -> None:
    dossier = service.ask(OPEN, "CITIZEN", key=secrets.token_hex(8))["data"]["submitDossier"]["dossier"]
    given = {"idempotencyKey": secrets.token_hex(8), "dossier": dossier["code"], "form": form}
    asked = service.ask(REQUEST, "INSPECTOR", input=given)["data"]["requestExport"]
    assert (asked["errors"], asked["export"]["state"], asked["export"]["url"]) == ([], "REQUESTED", None)
    made = until_ready(service, asked["export"]["id"])
    assert (made["state"], made["failure"], made["done"], made["dossier"]) == ("READY", None, made["steps"], dossier["id"])
    raw = got(made["url"])
    assert (len(raw), hashlib.sha256(raw).hexdigest()) == (made["bytes"], made["sha256"])
    bundle = tmp_path / "export.zip"
    bundle.write_bytes(raw)
    key = service.data / "keys" / "log.vkey"
    status, report = verified(verifier, bundle, "--dossier", dossier["id"], "--vkey", key)
    limits = ["LIGHT"] * (form == "LIGHT") + ["NO_HELD_CHECKPOINT", "NO_WITNESS"]
    assert (status, report["limits"], report["failure"], report["entries"], report["personal"] > 0) == (4, limits, None, 1, True)
    assert report["checkpoint"]["size"] == made["size"]
    bundle.write_bytes(raw.replace(b'"ONLINE"', b'"COUNTE"'))
    assert verified(verifier, bundle, "--dossier", dossier["id"], "--vkey", key)[0] == 1
    assert "Nguyễn" not in raw.decode("utf-8", "replace"), "no personal value is in it"


def test_an_address_that_is_not_ours_gives_nothing(service: Service) -> None:
    base = service.url.removesuffix("/graphql")
    for path in ("/exports/x", "/exports/../keys/log.pem?until=9999999999&signature=x", "/exports/%2e%2e/keys/log.pem"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            got(f"{base}{path}")
        assert caught.value.code == 404
        caught.value.close()


def test_a_witness_watches_the_running_service(service: Service, verifier: Path, tmp_path: Path) -> None:
    dossier = service.ask(OPEN, "CITIZEN", key=secrets.token_hex(8))["data"]["submitDossier"]["dossier"]
    command = [sys.executable, "-m", "local.commands", "witness", "--data", service.data, "--keys", tmp_path / "keys", "--every", "1s"]
    witness = subprocess.Popen(list(map(str, command)), cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ})
    try:
        end = time.monotonic() + 60
        while not (service.data / "log" / "cosigned").is_dir() and time.monotonic() < end:
            time.sleep(0.1)
        given = {"idempotencyKey": secrets.token_hex(8), "dossier": dossier["code"]}
        asked = service.ask(REQUEST, "INSPECTOR", input=given)["data"]["requestExport"]
        made = until_ready(service, asked["export"]["id"])
    finally:
        witness.terminate()
        witness.communicate(timeout=30)
    bundle = tmp_path / "export.zip"
    bundle.write_bytes(got(made["url"]))
    brought = ("--witness", tmp_path / "keys" / "witness.vkey", "--held", tmp_path / "keys" / "held", "--max-age", "1h")
    key = service.data / "keys" / "log.vkey"
    status, report = verified(verifier, bundle, "--dossier", dossier["id"], "--vkey", key, *brought)
    # What the witness holds may be newer by now than what the export is shown for: then it says so.
    assert status == 0 or report["failure"]["check"] == "HELD", report
