"""Watching dossiers with npm graphql-ws: over a real socket, every entry is seen once and in order."""

import contextlib
import json
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Empty, Queue
from typing import Any, Self

from local.eventlog import COLUMNS, UNUSED
from tests.e2e.conftest import LONGEST_S, PROJECT, Service, command, environment, started

WATCH = Path(__file__).with_name("watch.mjs")
Seen = dict[str, Any]


@dataclass
class Watcher:
    """One run of `watch.mjs`, and what it has printed."""

    process: "subprocess.Popen[str]"
    seen: list[Seen] = field(default_factory=list)
    _lines: "Queue[Seen | None]" = field(default_factory=Queue)

    def __post_init__(self) -> None:
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout
        with contextlib.suppress(ValueError):  # closed while it was read
            for line in self.process.stdout:
                self._lines.put(json.loads(line))
        self._lines.put(None)

    def until(self, count: int) -> Self:
        """Wait until it has printed that many lines in all."""
        while len(self.seen) < count:
            line = self._next()
            assert line is not None, f"it ended after {self.seen}"
            self.seen.append(line)
        return self

    def ended(self) -> list[Seen]:
        """Wait for its end; gives all that it printed."""
        while (line := self._next()) is not None:
            self.seen.append(line)
        self.process.wait(LONGEST_S)
        return self.seen

    def _next(self) -> Seen | None:
        try:
            return self._lines.get(timeout=LONGEST_S)
        except Empty:
            raise AssertionError(f"it says nothing more after {self.seen}") from None


@contextlib.contextmanager
def watching(service: Service, code: str, *more: str) -> Iterator[Watcher]:
    with subprocess.Popen(
        ["node", str(WATCH), service.socket, code, *more],  # noqa: S607 - wherever it stands
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Watcher(process)
        finally:
            process.kill()


def numbers(seen: list[Seen]) -> list[int]:
    """The cursors of what came after READY."""
    ready, *events = seen
    assert ready["ready"], seen
    assert ready["entry"] is None
    assert not any(event["ready"] or event["gap"] for event in events)
    return [int(event["cursor"]) for event in events]


def test_moves_are_seen_as_they_are_made(service: Service) -> None:
    code, _ = service.submitted()
    with watching(service, code, "--token", service.token("SUPERVISOR"), "--raw", "--until", "7") as watcher:
        watcher.until(1)
        assert service.completed(code) == 7
        seen = watcher.ended()
    assert seen[0]["cursor"] == "1"
    assert numbers(seen) == [2, 3, 4, 5, 6, 7]
    assert [event["entry"]["seq"] for event in seen[1:]] == [2, 3, 4, 5, 6, 7]
    assert [event["entry"]["action"] for event in seen[1:]] == [
        "RECEIVED", "ASSIGNED", "STEP_COMPLETED", "STEP_COMPLETED", "STEP_COMPLETED", "DECIDED",
    ]  # fmt: skip
    # The dossier is the one of now: never older than the entry.
    assert all(event["dossier"]["entries"] >= event["entry"]["seq"] for event in seen[1:])
    assert seen[-1]["dossier"]["state"] == "DECIDED"
    assert len({event["id"] for event in seen[1:]}) == 6


def test_a_watcher_goes_on_behind_its_cursor(service: Service) -> None:
    code, _ = service.submitted()
    service.move("receiveDossier", "RECEPTION", dossier=code, checked=["FORM", "DEED"])
    token = service.token("SUPERVISOR")
    with watching(service, code, "--token", token, "--raw", "--after", "0", "--until", "2") as whole:
        assert numbers(whole.ended()) == [1, 2]
    with watching(service, code, "--token", token, "--raw", "--after", "1", "--until", "2") as rest:
        seen = rest.ended()
    assert (seen[0]["cursor"], numbers(seen)) == ("1", [2])
    assert seen[1]["id"] == whole.seen[2]["id"]


def test_a_cursor_that_was_never_given_is_refused(service: Service) -> None:
    code, _ = service.submitted()
    with watching(service, code, "--token", service.token("SUPERVISOR"), "--after", "99") as watcher:
        (refused,) = watcher.ended()
    assert refused["error"]["code"] == "BAD_USER_INPUT"


def test_a_secret_shows_what_is_tracked_and_nothing_else(service: Service) -> None:
    code, secret = service.submitted()
    with watching(service, code, "--secret", secret, "--raw", "--until", "2") as watcher:
        watcher.until(1)
        service.move("receiveDossier", "RECEPTION", dossier=code, checked=["FORM", "DEED"])
        seen = watcher.ended()
    assert numbers(seen) == [2]
    assert (seen[1]["entry"], seen[1]["dossier"]) == (None, None)
    assert (seen[1]["tracked"]["code"], seen[1]["tracked"]["state"]) == (code, "RECEIVED")
    assert seen[1]["tracked"]["clock"]["dueAt"]


def test_a_wrong_secret_and_an_absent_dossier_are_told_alike(service: Service) -> None:
    code, secret = service.submitted()
    told = []
    for there, given in ((code, "x" * len(secret)), ("22-XD-000101-0001", secret), (code, "")):
        with watching(service, there, "--secret", given) as watcher:
            (refused,) = watcher.ended()
            told.append((refused["error"]["message"], refused["error"]["code"]))
            assert watcher.process.returncode == 1
    assert set(told) == {("there is no such dossier for you to watch", "FORBIDDEN")}


def test_nobody_watches_without_a_token_or_with_one_of_another_unit(service: Service) -> None:
    code, _ = service.submitted()
    for token in ((), ("--token", service.token("HEAD", "head-9", ("22-MT",)))):
        with watching(service, code, *token) as watcher:
            (refused,) = watcher.ended()
        assert refused["error"]["code"] == "FORBIDDEN"


def test_a_bad_token_is_an_error_of_the_operation(service: Service) -> None:
    code, _ = service.submitted()
    signed = service.token("SUPERVISOR")
    for token in ("nonsense", signed[:-8] + "AAAAAAAA", ""):
        # A client that was closed upon would connect again, twenty times with a growing pause; this one ends at once.
        with watching(service, code, "--token", token or "x.y.z") as watcher:
            (refused,) = watcher.ended()
        assert refused["error"]["code"] == "UNAUTHENTICATED"


FIRST = datetime(2024, 3, 4, 1, tzinfo=UTC)  # 8 in the morning in Vietnam
EVENTS = 60
OPINIONS = (20, 40)
ENTRIES = 3 + EVENTS + 1 + 1  # submitted, received, assigned; the events; one unit asked for opinions; decided
SPAN = timedelta(minutes=10 * (EVENTS + 2))
REPLAY_S = 10


def log(file: Path) -> Path:
    """One long case that is the first of its day, and others whose events lie between its own."""
    columns = (*COLUMNS, *UNUSED)
    lines = [",".join(columns)]

    def add(case: str, start: datetime, count: int, end: datetime | None) -> None:
        for number in range(count):
            given = {
                "case:channel": "Internet",
                "case:concept:name": case,
                "case:deadline": start + timedelta(days=20),
                "case:enddate": end or "",
                "case:responsible": "Officer 1",
                "case:startdate": start,
                "concept:instance": f"{case}-{number}",
                "concept:name": "T07-1 advice" if number in OPINIONS else f"T{number:02} step",
                "org:group": "Group 2" if number in OPINIONS else "Group 1",
                "org:resource": "Officer 2",
                "time:timestamp": start + timedelta(minutes=10 * (number + 1)),
            }
            lines.append(",".join(str(given.get(column, "any")) for column in columns))

    add("long", FIRST, EVENTS, FIRST + SPAN)
    for other in range(10):
        add(f"short-{other}", FIRST + timedelta(minutes=30 * (other + 1)), 6, None)
    file.write_text("\n".join(lines) + "\n")
    return file


@contextlib.contextmanager
def replaying(service: Service, file: Path) -> Iterator["subprocess.Popen[str]"]:
    """Replay a log in about ten seconds; the first case's dossier is there when the block begins."""
    speed = SPAN.total_seconds() / REPLAY_S
    with subprocess.Popen(
        command("replay", file, "--speed", str(speed), "--json"),
        cwd=PROJECT,
        env=environment(service.data),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            question = "query Q($code: ID!) { dossier(code: $code) { entries } }"
            while not service.ask(question, "INSPECTOR", code=first_code(file))["data"]["dossier"]:
                assert process.poll() is None, process.communicate()
            yield process
        finally:
            process.kill()


def first_code(file: Path) -> str:
    return f"{file.stem.upper()}-240304-0001"


def test_a_running_replay_is_watched(service: Service, tmp_path: Path) -> None:
    file = log(tmp_path / "watched.csv")
    asked = (first_code(file), "--token", service.token("INSPECTOR"), "--after", "0", "--raw", "--until", str(ENTRIES))
    with replaying(service, file) as replay, contextlib.ExitStack() as stack:
        watchers = [stack.enter_context(watching(service, *asked)) for _ in range(3)]
        told, errors = replay.communicate(timeout=LONGEST_S)
        assert replay.returncode == 0, errors
        seen = [watcher.ended() for watcher in watchers]
    figures = json.loads(told)
    assert (figures["dossiers"], figures["events"], figures["ended"]) == (11, EVENTS + 60, 1)
    for one in seen:
        assert numbers(one) == list(range(1, ENTRIES + 1))
        assert [event["entry"]["seq"] for event in one[1:]] == list(range(1, ENTRIES + 1))
        assert one[-1]["dossier"]["state"] == "DECIDED"
    # The log's own times are the entries' times, which never go back within a case.
    times = [datetime.fromisoformat(event["entry"]["occurredAt"]) for event in seen[0][1:]]
    assert times == sorted(times)
    assert (times[0], times[-1]) == (FIRST, FIRST + SPAN)


def test_a_watcher_survives_a_killed_service(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with started(data) as first:
        code, _ = first.submitted()
        token = first.token("SUPERVISOR")
        with watching(first, code, "--token", token, "--after", "0", "--until", "7") as watcher:
            watcher.until(2)
            first.move("receiveDossier", "RECEPTION", dossier=code, checked=["FORM", "DEED"])
            watcher.until(3)
            first.kill()
            with started(data, first.port) as second:
                due = (datetime.now(UTC) + timedelta(days=5)).isoformat()
                second.move(
                    "assignDossier", "HEAD", dossier=code, role="LEAD", unit="22-XD", officer="officer-1",
                    task="t", responsibility="r", dueAt=due, expectedResult="e",
                )  # fmt: skip
                for step in ("CHECK", "SITE", "DRAFT"):
                    second.move("completeStep", "OFFICER", dossier=code, step=step)
                second.move("decideDossier", "OFFICER", dossier=code, outcome="GRANTED", reason="đủ điều kiện")
                seen = watcher.ended()
    ready = [event for event in seen if event.get("ready")]
    assert len(ready) == 2, "it connected again, once"
    assert [int(event["cursor"]) for event in seen if not event["ready"]] == [1, 2, 3, 4, 5, 6, 7]
    assert watcher.process.returncode == 0
