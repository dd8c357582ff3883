"""The service as a user runs it: a process of its own, on a free port, over a folder of its own."""

import atexit
import contextlib
import functools
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from casework.model.parties import Role
from local.engine import free_port
from local.home import Home
from local.tokens import issued

PROJECT = Path(__file__).parents[2]
LONGEST_S = 300  # no test takes that long; it is there so that none hangs


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "local.commands", *map(str, arguments)]


def environment(data: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "DATA": str(data), "COLUMNS": "200", "DEMO": "0", **more}


@dataclass
class Service:
    """A running service."""

    process: "subprocess.Popen[str]"
    data: Path
    port: int
    errors: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"

    @property
    def socket(self) -> str:
        return f"ws://127.0.0.1:{self.port}/graphql"

    @property
    def engine(self) -> int:
        """The number of the engine's process."""
        found: int = json.loads((self.data / "store" / "engine.lock").read_text())["engine"]
        return found

    def token(self, role: str, subject: str | None = None, units: tuple[str, ...] | None = None) -> str:
        return issued(Home(self.data), Role(role), subject=subject, units=units)

    def ask(self, document: str, role: str | None = None, /, **variables: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        body = json.dumps({"query": document, "variables": variables}).encode()
        request = urllib.request.Request(self.url, body, {"content-type": "application/json"})  # noqa: S310 - on loopback
        if role:
            request.add_header("authorization", f"Bearer {self.token(role)}")
        try:
            with urllib.request.urlopen(request, timeout=LONGEST_S) as answer:  # noqa: S310 - on loopback
                found: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                found = json.load(error)
        return found

    def move(self, name: str, role: str, /, **given: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        given.setdefault("idempotencyKey", secrets.token_hex(8))
        secret = "trackingSecret" if name == "submitDossier" else ""
        document = f"""mutation Move($input: {name[0].upper()}{name[1:]}Input!) {{ {name}(input: $input) {{
            dossier {{ code entries }} errors {{ code message(lang: EN) }} {secret} }} }}"""
        answer = self.ask(document, role, input=given)
        assert "errors" not in answer, answer
        found: dict[str, Any] = answer["data"][name]
        assert found["errors"] == [], found
        return found

    def submitted(self) -> tuple[str, str]:
        """Open a dossier; gives its code and its secret."""
        made = self.move(
            "submitDossier", "CITIZEN", procedure="XD-01", receptionPoint="22-MC", channel="ONLINE", applicant={"name": "Nguyễn Văn An"}
        )
        return made["dossier"]["code"], made["trackingSecret"]

    def completed(self, code: str) -> int:
        """Bring an open dossier to its last step, in six moves; gives how many entries it has then."""
        self.move("receiveDossier", "RECEPTION", dossier=code, checked=["FORM", "DEED"])
        due = (datetime.now(UTC) + timedelta(days=5)).isoformat()
        self.move(
            "assignDossier", "HEAD", dossier=code, role="LEAD", unit="22-XD", officer="officer-1",
            task="t", responsibility="r", dueAt=due, expectedResult="e",
        )  # fmt: skip
        for step in ("CHECK", "SITE", "DRAFT"):
            self.move("completeStep", "OFFICER", dossier=code, step=step)
        done = self.move("decideDossier", "OFFICER", dossier=code, outcome="GRANTED", reason="đủ điều kiện")
        entries: int = done["dossier"]["entries"]
        return entries

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(LONGEST_S)

    def end(self, by: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end; gives its status."""
        if self.process.poll() is None:
            self.process.send_signal(by)
        return self.process.wait(LONGEST_S)

    def said(self) -> str:
        """What it wrote on standard error."""
        return self.errors.read_text()


@functools.cache
def loaded() -> Path:
    """The engine's files with the register in them and nothing else, made once: to load it takes ten seconds."""
    data = Path(tempfile.mkdtemp(prefix="giamsat-register-"))
    atexit.register(shutil.rmtree, data, ignore_errors=True)
    # In a process of its own: this one's models belong to the store under test.
    subprocess.run(command("seed", "--data", data), cwd=PROJECT, check=True, capture_output=True, timeout=LONGEST_S)
    return data / "store"


@contextlib.contextmanager
def started(data: Path, port: int | None = None, **more: str) -> Iterator[Service]:
    """Run a service until the block is left, or until it is ended inside of it; without DEMO a new folder has the register already."""
    if not (data / "store").exists() and "DEMO" not in more:
        shutil.copytree(loaded(), data / "store", ignore=shutil.ignore_patterns("engine.*"))
    chosen = port or free_port()
    errors = data.with_name(f"{data.name}.{chosen}.errors")
    with (
        errors.open("w") as told,
        subprocess.Popen(
            command("serve"),
            cwd=PROJECT,
            env=environment(data, PORT=str(chosen), **more),
            stdout=subprocess.PIPE,
            stderr=told,
            text=True,
        ) as process,
    ):
        service = Service(process, data, chosen, errors)
        try:
            _await_ready(service)
            yield service
        finally:
            process.kill() if process.returncode is None and sys.exc_info()[0] else service.end()


def _await_ready(service: Service) -> None:
    late = threading.Timer(LONGEST_S, service.process.kill)
    late.start()
    try:
        assert service.process.stdout
        for line in service.process.stdout:
            if line == "Ready.\n":
                return
    finally:
        late.cancel()
    pytest.fail(f"the service did not start: {service.said()}")


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for all tests that do not end it; each opens dossiers of its own."""
    with started(tmp_path_factory.mktemp("service") / "data") as running:
        yield running
