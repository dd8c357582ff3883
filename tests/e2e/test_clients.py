"""graphql-ws, urql and Apollo with the reference client: each event once and in order, though the service is killed in the middle."""

import contextlib
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import LONGEST_S, PROJECT, Service, started

KINDS = ("graphql-ws", "urql", "apollo")
WATCH = """subscription Watch($code: ID!, $after: String) {
    dossierChanged(code: $code, after: $after) { id cursor ready gap entry { seq action } dossier { state } } }"""
FOLLOW = """subscription Follow($unit: ID!, $after: String) {
    unitFeed(unit: $unit, after: $after) { id cursor ready gap entry { seq action } dossier { code } } }"""


@dataclass
class Observer:
    """A client in a process of its own, and what it has observed."""

    process: "subprocess.Popen[str]"
    events: list[dict[str, Any]] = field(default_factory=list)
    more: threading.Condition = field(default_factory=threading.Condition)

    def listen(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            with self.more:
                self.events.append(json.loads(line))
                self.more.notify_all()

    def until(self, seq: int, subject: str = "") -> None:
        """Wait for the event of that number."""
        with self.more:
            there = self.more.wait_for(lambda: any(self.seq(event) == seq for event in self.of(subject)), LONGEST_S / 3)
        assert there, self.events

    def until_ready(self, count: int) -> None:
        """Wait until that many watchers are ready."""
        with self.more:
            assert self.more.wait_for(lambda: sum("ready" in event for event in self.events) >= count, LONGEST_S / 3), self.events

    def until_count(self, count: int) -> None:
        """Wait for that many events of entries."""
        with self.more:
            assert self.more.wait_for(lambda: sum("entry" in event for event in self.events) >= count, LONGEST_S / 3), self.events

    def of(self, code: str) -> list[dict[str, Any]]:
        return [event for event in self.events if not code or event.get("dossier", {}).get("code", code) == code]

    @staticmethod
    def seq(event: dict[str, Any]) -> int:
        found: int = event["entry"]["seq"]
        return found


@contextlib.contextmanager
def observing(
    service: Service, kind: str, rule: str, query: str, token: str, *, after: str | None = "0", twice: bool = False, **variables: str
) -> Iterator[Observer]:
    command = [shutil.which("node") or "node", "tests/e2e/observe.mjs", kind, service.socket, rule, query, json.dumps(variables), token]
    more = [after] if rule == "watch" and after else []
    environ = {**os.environ, **({"TWICE": "1"} if twice else {})}
    with subprocess.Popen([*command, *more], cwd=PROJECT, stdout=subprocess.PIPE, text=True, env=environ) as process:
        observer = Observer(process)
        listening = threading.Thread(target=observer.listen)
        listening.start()
        try:
            yield observer
        finally:
            process.terminate()
            listening.join(LONGEST_S)


@pytest.mark.parametrize("kind", KINDS)
def test_each_event_is_observed_once_though_the_service_is_killed(tmp_path: Path, kind: str) -> None:
    data = tmp_path / "data"
    with started(data) as first, contextlib.ExitStack() as stack:
        code, _ = first.submitted()
        token = first.token("INSPECTOR")
        watcher = stack.enter_context(observing(first, kind, "watch", WATCH, token, code=code))
        follower = stack.enter_context(observing(first, kind, "follow", FOLLOW, token, unit="22-XD"))
        watcher.until(1)
        first.move("receiveDossier", "RECEPTION", dossier=code, checked=["FORM", "DEED"])
        watcher.until(2)
        other, _ = first.submitted()
        follower.until(1, other)
        first.kill()
        with started(data, first.port) as second:
            for dossier in (code, other):
                if dossier == other:
                    second.move("receiveDossier", "RECEPTION", dossier=other, checked=["FORM", "DEED"])
                for _ in range(2):
                    second.move("raiseBlocker", "SUPERVISOR", dossier=dossier, reason="x", stopsClock=False)
            watcher.until(4)
            follower.until(4, code)
            follower.until(4, other)
        assert [Observer.seq(event) for event in watcher.events] == [1, 2, 3, 4]
        assert watcher.events[-1]["dossier"]["state"] == "RECEIVED"
        seen = [(event["dossier"]["code"], Observer.seq(event)) for event in follower.events]
        assert len(seen) == len(set(seen))
        assert [seq for dossier, seq in seen if dossier == other] == [1, 2, 3, 4]
        assert [seq for dossier, seq in seen if dossier == code][-2:] == [3, 4]


@pytest.mark.parametrize("kind", KINDS)
def test_a_client_whose_operation_is_ended_comes_again(kind: str) -> None:
    command = [shutil.which("node") or "node", "tests/e2e/ended.mjs", kind]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True, timeout=LONGEST_S)
    assert int(done.stdout) == 3


REFUSED = {
    "FORBIDDEN": (WATCH, None),
    "UNAUTHENTICATED": (WATCH, "no token"),
    "BAD_USER_INPUT": (WATCH.replace("state", "nonsense"), None),
    4400: (WATCH, None),  # a frame that is too long, by a variable
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("code", REFUSED)
def test_a_refusal_is_final_and_told(service: Service, kind: str, code: str | int) -> None:
    query, token = REFUSED[code]
    given = token or service.token("CITIZEN", "somebody")
    padding = "x" * (40_000 if code == 4400 else 1)
    with observing(service, kind, "watch", query, given, code="22-XD-260101-9999", padding=padding) as observer:
        observer.process.wait(LONGEST_S / 3)
        assert observer.process.returncode == 1
    (told,) = observer.events
    assert told["error"]["code"] == code
    assert told["error"]["message"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_subscription_that_lacks_what_is_kept_is_told_so(service: Service, kind: str) -> None:
    code, _ = service.submitted()
    query = "subscription($code: ID!, $after: String) { dossierChanged(code: $code, after: $after) { cursor } }"
    with observing(service, kind, "watch", query, service.token("INSPECTOR"), code=code) as observer:
        observer.process.wait(LONGEST_S / 3)
        assert observer.process.returncode == 1
    (told,) = observer.events
    assert "select `cursor ready`" in told["error"]["message"]


@pytest.mark.parametrize("kind", KINDS)
def test_two_watchers_of_the_same_thing_over_one_client_hear_each_event(service: Service, kind: str) -> None:
    code, _ = service.submitted()
    with observing(service, kind, "watch", WATCH, service.token("INSPECTOR"), after=None, twice=True, code=code) as observer:
        observer.until_ready(2)
        service.move("receiveDossier", "RECEPTION", dossier=code, checked=["FORM", "DEED"])
        observer.until_count(2)
    assert [Observer.seq(event) for event in observer.events if event.get("entry")] == [2, 2]
