"""A process event log replayed into a store: what stands there then, whatever interrupts it."""

import contextlib
import csv
import json
import os
import random
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from casework.actions.imports import Log
from casework.adapters.dynamo import DynamoStore
from casework.model.errors import Unavailable
from casework.model.packing import moment
from casework.ports import Change, Services
from local import engine as engines
from local import eventlog
from local.home import QUICK, REGION
from local.replay import replay, total
from tests.e2e.conftest import loaded
from tests.support import Issuer, RecordingCourier, SettableClock, services_over
from tests.verification import recompute

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ROOT = Path(__file__).parents[2]
PERMITS = ROOT / "tests" / "data" / "permits.csv"
RECEIPT = ROOT.parent / "shared" / "data" / "receipt.csv"
COUNTS = {"dossiers": 9, "events": 35, "ended": 7, "ended_late": 2, "entries": 74}
RECEIPT_COUNTS = {"dossiers": 1434, "events": 8577, "ended": 1329, "ended_late": 377, "entries": 14296}
ACTIONS = {
    "SUBMITTED": 9,
    "RECEIVED": 9,
    "ASSIGNED": 14,
    "STEP_COMPLETED": 23,
    "OPINION_GIVEN": 6,
    "STEP_RECORDED_AFTER_DECISION": 6,
    "DECIDED": 7,
}
AS_FAST = 1e12
Tables = dict[str, list[dict[str, Any]]]
State = dict[str, Any]


def database(endpoint: str) -> "DynamoDBClient":
    return boto3.client(
        "dynamodb",
        endpoint_url=endpoint,
        region_name=REGION,
        config=QUICK,
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 - the engine takes any.
    )


def scanned(client: "DynamoDBClient", stage: str) -> Tables:
    """Read every item of the tables that prove something."""
    found: Tables = {}
    for name in recompute.TABLES:
        pages = client.get_paginator("scan").paginate(TableName=f"giamsat-{stage}-{name}", ConsistentRead=True)
        found[name] = [item for page in pages for item in page["Items"]]
    return found


def own(tables: Tables, log: Log) -> Tables:
    """Keep what a log's import wrote: it is a province of its own."""
    return {name: [item for item in items if item["province"]["S"] == log.unit] for name, items in tables.items()}


def told(tally: object) -> dict[str, Any]:
    return {name: getattr(tally, name) for name in COUNTS}


class Stored:
    """What the store holds of a log."""

    def __init__(self, engine: engines.Engine, log: Log) -> None:
        self.tables = own(scanned(database(engine.endpoint), "test"), log)
        self.bodies = [json.loads(item["line"]["S"]) for item in self.tables["trail"]]
        self.states: dict[str, State] = {}  # by case
        self.subjects: dict[str, str] = {}
        for item in self.tables["subjects"]:
            if item["sk"]["S"] == "STATE":
                state = json.loads(item["state"]["S"])
                self.states[state["imported"]["case"]] = state
                self.subjects[state["imported"]["case"]] = item["pk"]["S"]

    def entries(self, case: str) -> list[dict[str, Any]]:
        here = [body for body in self.bodies if body["subject"]["id"] == self.subjects[case]]
        return sorted(here, key=lambda body: int(body["seq"]))


class Tapped(DynamoStore):
    """The store under test, with a look at each change before and after it is committed."""

    def __init__(self, store: DynamoStore, before: Callable[[Change], object], after: Callable[[Change], object]) -> None:
        self.__dict__.update(store.__dict__)  # the process stays bound to the one store
        self._before, self._after = before, after

    def commit(self, change: Change, now: datetime) -> None:
        self._before(change)
        super().commit(change, now)
        self._after(change)


def fresh(folder: Path, source: Path = PERMITS) -> Log:
    """The log under a name of its own, so that it is a log of its own."""
    file = folder / f"{source.stem}-{secrets.token_hex(4)}.csv"
    shutil.copy(source, file)
    return eventlog.read(file)


def rows(source: Path = PERMITS) -> list[dict[str, str]]:
    with source.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def at(text: str) -> str:
    return moment(datetime.fromisoformat(text))


# The small log, once


@pytest.fixture(scope="module")
def replayed(store: DynamoStore, issuer: Issuer, engine: engines.Engine, tmp_path_factory: pytest.TempPathFactory) -> tuple[Log, Stored]:
    services = services_over(store, issuer, RecordingCourier(), SettableClock())
    log = fresh(tmp_path_factory.mktemp("once"))
    steps = 0

    def advance(more: int) -> None:
        nonlocal steps
        steps += more

    tally = replay(services, log, None, advance)
    assert told(tally) == COUNTS
    assert tally.added == steps == total(log) == COUNTS["entries"]
    return log, Stored(engine, log)


def test_each_event_is_exactly_one_entry(replayed: tuple[Log, Stored]) -> None:
    log, stored = replayed
    assert Counter(body["action"] for body in stored.bodies) == ACTIONS
    by_request = {body["request"]: body for body in stored.bodies}
    assert len(by_request) == len(stored.bodies)
    for row in rows():
        body = by_request[f"import:{log.name}:event/{row['concept:instance']}"]
        unit = log.unit if row["org:group"] == "EMPTY" else f"{log.unit}-{row['org:group'].upper().replace(' ', '-')}"
        assert body["occurred_at"] == at(row["time:timestamp"])
        assert body["on_behalf_of"] == {"kind": "OFFICER", "id": row["org:resource"], "unit": unit}
        assert body["actor"] == {"kind": "IMPORT", "id": log.name, "role": "IMPORT"}
        assert body["reason"] == {"code": "IMPORTED", "log": log.name}
        assert body["digests"] == []
        opinion = row["concept:name"].startswith(("T07-", "T09-"))
        ended = row["case:enddate"] and at(row["time:timestamp"]) > at(row["case:enddate"])
        usual = "OPINION_GIVEN" if opinion else "STEP_COMPLETED"
        assert body["action"] == ("STEP_RECORDED_AFTER_DECISION" if ended else usual)
        (new,) = [change["to"] for change in body["changes"] if change["field"].startswith("opinions." if opinion else "steps.")]
        assert (new["at"], new["unit"], new["officer"]) == (body["occurred_at"], unit, row["org:resource"])
        assert new["subject" if opinion else "code"] == row["concept:name"]
        assert new["after_decision"] is bool(ended)


def test_the_moves_that_are_no_events(replayed: tuple[Log, Stored]) -> None:
    log, stored = replayed
    firsts = {row["case:concept:name"]: row for row in rows()}
    for case, row in firsts.items():
        opening = stored.entries(case)[:3]
        assert [body["action"] for body in opening] == ["SUBMITTED", "RECEIVED", "ASSIGNED"]
        first = min(at(other["time:timestamp"]) for other in rows() if other["case:concept:name"] == case)
        assert {body["occurred_at"] for body in opening} == {min(first, at(row["case:startdate"]))}
        state = stored.states[case]
        assert state["assignments.1"]["role"] == "LEAD"
        assert state["assignments.1"]["officer"] == row["case:responsible"]
        assert state["due_at"] == state["original_due_at"] == state["fixed_due_at"] == at(row["case:deadline"])
        assert state.get("decided_at") == (at(row["case:enddate"]) if row["case:enddate"] else None)
        assert state["imported"]["starts_at"] == at(row["case:startdate"])
        assert state["imported"]["log"] == log.name
        assert state["procedure"] == log.name
    asked = {case: [state[name]["unit"] for name in sorted(state) if name.startswith("assignments.")][1:]
             for case, state in stored.states.items()}  # fmt: skip
    assert {case: units for case, units in asked.items() if units} == {
        "permit-3": [f"{log.unit}-WATER-BOARD", log.unit, f"{log.unit}-FIRE-BRIGADE"],
        "permit-4": [f"{log.unit}-WATER-BOARD"],
        "permit-7": [f"{log.unit}-FIRE-BRIGADE"],
    }


def test_what_comes_after_the_end_changes_no_state(replayed: tuple[Log, Stored]) -> None:
    _, stored = replayed
    found = 0
    for case in ("permit-4", "permit-5"):
        bodies = stored.entries(case)
        end = next(number for number, body in enumerate(bodies) if body["action"] == "DECIDED")
        for body in bodies[end + 1 :]:
            assert body["action"] == "STEP_RECORDED_AFTER_DECISION"
            fields = {change["field"].partition(".")[0] for change in body["changes"]}
            assert fields - {"imported"} in ({"steps", "version"}, {"opinions", "version"})
            found += 1
        assert stored.states[case]["state"] == "DECIDED"
    assert found == ACTIONS["STEP_RECORDED_AFTER_DECISION"]


def test_repeated_and_disordered_steps_stand_in_order_of_time(replayed: tuple[Log, Stored]) -> None:
    _, stored = replayed
    state = stored.states["permit-2"]
    assert [state[f"steps.{number}"]["code"].partition(" ")[0] for number in range(1, 7)] == [
        "T10", "T02", "T06", "T02", "Confirmation", "T06",
    ]  # fmt: skip


def test_a_case_that_ends_before_it_starts_is_flagged(replayed: tuple[Log, Stored]) -> None:
    _, stored = replayed
    assert {case for case, state in stored.states.items() if "flags" in state} == {"permit-5"}
    state = stored.states["permit-5"]
    assert state["flags"] == ["INCONSISTENT"]
    assert state["decided_at"] < state["received_at"]
    spans = [value for name, value in state.items() if name.startswith("intervals.")]
    assert spans
    assert all(span["from_at"] == span["to_at"] == state["received_at"] for span in spans)


def test_an_event_before_the_start_dates_the_first_move(replayed: tuple[Log, Stored]) -> None:
    _, stored = replayed
    state = stored.states["permit-6"]
    assert state["submitted_at"] == state["received_at"] == "2012-03-01T15:45:00.000000Z"
    assert state["imported"]["starts_at"] == "2012-03-05T08:00:00.000000Z"


def test_deadlines_are_compared_as_instants(replayed: tuple[Log, Stored]) -> None:
    _, stored = replayed
    late = {case for case, state in stored.states.items() if state.get("decided_at", "") > state["due_at"]}
    assert late == {"permit-2", "permit-9"}
    assert stored.states["permit-6"]["decided_at"] == stored.states["permit-6"]["due_at"]


def test_only_an_instant_still_ahead_has_a_due_row(replayed: tuple[Log, Stored]) -> None:
    _, stored = replayed
    (row,) = stored.tables["due"]
    assert row["subject"]["S"] == stored.subjects["permit-8"]
    # Two working days before Wednesday, 14 June 2090, when the day begins in Viet Nam.
    assert row["moment"]["S"] == f"2090-06-12T00:30:00.000000Z#{stored.subjects['permit-8']}"
    assert row["bucket"]["S"].startswith("2090-06-12T00#")
    assert row["level"]["S"] == "AT_RISK"


def test_every_byte_of_it_is_as_it_must_be(replayed: tuple[Log, Stored]) -> None:
    _, stored = replayed
    assert recompute.problems(stored.tables) == []


# Again, interrupted, interleaved


def test_a_due_row_comes_with_the_last_event_of_its_case(services: Services, store: DynamoStore, tmp_path: Path) -> None:
    log = fresh(tmp_path)
    seen: list[tuple[str, bool]] = []
    tapped = Tapped(store, lambda _: None, lambda change: seen.append((change.entry.body["request"], change.after.due is not None)))
    replay(replace(services, store=tapped), log, None, lambda _: None)
    assert [request for request, due in seen if due] == [f"import:{log.name}:event/p-803"]


def test_a_second_run_adds_nothing(services: Services, engine: engines.Engine, tmp_path: Path) -> None:
    log = fresh(tmp_path)
    assert replay(services, log, None, lambda _: None).added == COUNTS["entries"]
    before = Stored(engine, log).tables
    for speed in (None, AS_FAST):
        steps: list[int] = []
        again = replay(services, log, speed, steps.append)
        assert told(again) == COUNTS
        assert again.added == 0
        assert sum(steps) == COUNTS["entries"]
    after = Stored(engine, log).tables
    for name, items in before.items():
        assert sorted(map(repr, after[name])) == sorted(map(repr, items))


@pytest.mark.parametrize("lost", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("speed", [None, AS_FAST])
@pytest.mark.parametrize("count", [0, 1, 5, 40, 73])
def test_an_interrupted_run_goes_on(
    services: Services, store: DynamoStore, engine: engines.Engine, tmp_path: Path, count: int, speed: float | None, *, lost: bool
) -> None:
    """The store stops answering after `count` changes, the one it fails on being written or not."""
    log = fresh(tmp_path)
    guard, made = threading.Lock(), 0

    def fail(_: Change) -> None:
        nonlocal made
        with guard:
            made += 1
            if made > count:
                raise Unavailable("the store did not answer")

    def nothing(_: Change) -> None:
        pass

    tapped = Tapped(store, *((nothing, fail) if lost else (fail, nothing)))
    with pytest.raises(Unavailable):
        replay(replace(services, store=tapped), log, speed, lambda _: None)
    half = Stored(engine, log)
    assert recompute.problems(half.tables) == []
    if not lost:
        assert len(half.bodies) == count
    tally = replay(services, log, None, lambda _: None)
    assert told(tally) == COUNTS
    assert tally.added == COUNTS["entries"] - len(half.bodies)
    stored = Stored(engine, log)
    assert len({body["request"] for body in stored.bodies}) == len(stored.bodies) == COUNTS["entries"]
    assert recompute.problems(stored.tables) == []
    assert [row["subject"]["S"] for row in stored.tables["due"]] == [stored.subjects["permit-8"]]


def test_cases_interleaved_by_time_give_the_same(services: Services, engine: engines.Engine, tmp_path: Path) -> None:
    log = fresh(tmp_path)
    tally = replay(services, log, AS_FAST, lambda _: None)
    assert told(tally) == COUNTS
    stored = Stored(engine, log)
    assert Counter(body["action"] for body in stored.bodies) == ACTIONS
    by_record = sorted(stored.bodies, key=lambda body: str(body["recorded_at"]))
    cases = [body["subject"]["id"] for body in by_record]
    assert len([1 for one, other in pairwise(cases) if one != other]) > len(stored.states)
    decided = {body["subject"]["id"]: body["occurred_at"] for body in stored.bodies if body["action"] == "DECIDED"}
    inconsistent = stored.subjects["permit-5"]
    usual = [body["occurred_at"] for body in by_record if body["subject"]["id"] != inconsistent]
    assert usual == sorted(usual)
    assert inconsistent in decided
    assert recompute.problems(stored.tables) == []


def test_a_speed_keeps_to_the_time_of_the_log(services: Services, tmp_path: Path) -> None:
    log = fresh(tmp_path)
    moments = [at(row["time:timestamp"]) for row in rows()]
    span_s = (datetime.fromisoformat(max(moments)) - datetime.fromisoformat(min(moments))).total_seconds()
    began = time.monotonic()
    assert told(replay(services, log, span_s / 2, lambda _: None)) == COUNTS
    assert 1.9 < time.monotonic() - began < 15


# The command


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "local.commands", *map(str, arguments)]


@contextlib.contextmanager
def running(*arguments: object, out: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A command under way; whatever happens, it has ended at the end."""
    with out.open("wb") as said, out.with_suffix(".err").open("wb") as errors:
        process = subprocess.Popen(
            command(*arguments), cwd=ROOT, stdout=said, stderr=errors, stdin=subprocess.DEVNULL, env={**os.environ, "DEMO": "0"}
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def until(holds: Callable[[], object], process: "subprocess.Popen[bytes]", within_s: float = 90) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert process.poll() is None, f"it ended with status {process.returncode}"
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.1)


def engine_of(data: Path) -> int | None:
    """The process id of the engine that runs on a folder."""
    try:
        found: int | None = json.loads((data / "store" / "engine.lock").read_text())["engine"]
    except (OSError, ValueError, KeyError):
        return None
    return found


def gone(pid: int, within_s: float = 10) -> bool:
    """Whether a process ends in time; one that nobody reaps counts as ended."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S607
        if state.stdout.strip()[:1] in {"", "Z"}:
            return True
        time.sleep(0.05)
    return False


def stored_bytes(data: Path) -> int:
    return sum(file.stat().st_size for file in (data / "store").glob("*.db"))  # its journal comes and goes


def trail_of(endpoint: str) -> int:
    return database(endpoint).scan(TableName="giamsat-local-trail", Select="COUNT")["Count"]


def many(folder: Path, times: int) -> Path:
    """The small log so many times over, each case and event under a name of its own."""
    file = folder / "permits-many.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(rows()[0]))
        writer.writeheader()
        for number in range(times):
            for row in rows():
                own_names = {name: f"{row[name]}-{number}" for name in ("case:concept:name", "concept:instance")}
                writer.writerow({**row, **own_names})
    return file


def killed_and_run_again(file: Path, folder: Path, expected: Mapping[str, int]) -> Tables:
    """Replay a file by the command, kill it on the way with its engine, and run it again; gives what the store holds then."""
    data, out = folder / "data", folder / "first.out"
    with running("replay", file, "--json", "--data", data, out=out) as process:
        until(lambda: engine_of(data), process)
        began = stored_bytes(data)
        until(lambda: stored_bytes(data) > began + 2_000_000, process)
        first = engine_of(data)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert first is not None
    assert gone(first)
    assert out.read_bytes() == b""
    out = folder / "second.out"
    with running("replay", file, "--json", "--data", data, out=out) as process:
        until(lambda: engine_of(data), process)
        second = engine_of(data)
        assert process.wait(600) == 0
    assert second is not None
    assert gone(second)
    last = json.loads(out.read_text().splitlines()[-1])
    assert {name: last[name] for name in expected} == expected
    assert 0 < last["added"] < expected["entries"]
    assert last["moves_per_s"] > 0
    with engines.start(data) as engine:
        tables = scanned(database(engine.endpoint), "local")
    assert recompute.problems(tables) == []
    counts = {name: len(tables[name]) for name in ("trail", "log", "disclosures")}
    assert counts == {"trail": expected["entries"], "log": expected["entries"], "disclosures": 0}
    assert len({json.loads(item["line"]["S"])["request"] for item in tables["trail"]}) == expected["entries"]
    return tables


def test_a_run_killed_and_run_again(tmp_path: Path) -> None:
    killed_and_run_again(many(tmp_path, 10), tmp_path, {name: count * 10 for name, count in COUNTS.items()})


@pytest.mark.skipif(not RECEIPT.exists(), reason="the real log, ../shared/data/receipt.csv, is not on this machine")
def test_the_real_log_killed_and_run_again(tmp_path: Path) -> None:
    tables = killed_and_run_again(RECEIPT, tmp_path, RECEIPT_COUNTS)
    bodies = [json.loads(item["line"]["S"]) for item in tables["trail"]]
    requests = {body["request"]: body for body in bodies}
    events = {row["concept:instance"]: row for row in rows(RECEIPT)}
    for instance, row in events.items():
        assert requests[f"import:RECEIPT:event/{instance}"]["occurred_at"] == at(row["time:timestamp"])
    late = [body for body in bodies if body["action"] == "STEP_RECORDED_AFTER_DECISION"]
    assert (len(late), len({body["subject"]["id"] for body in late})) == (180, 145)
    states = [json.loads(item["state"]["S"]) for item in tables["subjects"] if item["sk"]["S"] == "STATE"]
    assert sum("flags" in state for state in states) == 2
    assert sum(state["submitted_at"] < state["imported"]["starts_at"] for state in states) == 2
    assert tables["due"] == []  # every deadline of that log is past
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 - told when the test fails
    chance = random.Random(seed)  # noqa: S311 - an attack to be repeated by its seed
    value = chance.choice(tables["trail"])["line"]
    position = chance.randrange(len(value["S"]))
    value["S"] = value["S"][:position] + ("y" if value["S"][position] == "x" else "x") + value["S"][position + 1 :]
    assert recompute.problems(tables)


def test_a_service_killed_in_the_middle_of_a_replay(tmp_path: Path) -> None:
    times = 5
    file, data = many(tmp_path, times), tmp_path / "data"
    expected = {name: count * times for name, count in COUNTS.items()}
    with serving(data, tmp_path / "one") as (service, endpoint), running(
        "replay", file, "--json", "--data", data, out=tmp_path / "broken.out"
    ) as replaying:  # fmt: skip
        until(lambda: trail_of(endpoint) > 100, replaying)
        engine = engine_of(data)
        assert engine is not None
        service.send_signal(signal.SIGKILL)
        service.wait()
        assert gone(engine)
        assert replaying.wait(60) == 1
    said = (tmp_path / "broken.err").read_text()
    assert "Traceback" not in said
    assert [line for line in said.splitlines() if line.startswith("giamsat: ")] == said.splitlines()[-1:]
    assert (tmp_path / "broken.out").read_text() == ""
    with serving(data, tmp_path / "two") as (_, endpoint):
        before = trail_of(endpoint)
        done = subprocess.run(command("replay", file, "--json", "--data", data), cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        last = json.loads(done.stdout.splitlines()[-1])
        assert {name: last[name] for name in expected} == expected
        assert last["added"] == expected["entries"] - before
        assert 100 < before < expected["entries"]
    with engines.start(data) as stopped:  # The service would take entries into the log while they are read.
        tables = scanned(database(stopped.endpoint), "local")
    assert recompute.problems(tables) == []
    requests = {json.loads(item["line"]["S"])["request"] for item in tables["trail"]}
    assert len(requests) == len(tables["trail"]) == expected["entries"]


@contextlib.contextmanager
def serving(data: Path, out: Path) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """A service on a free port, ready: its process and its engine's address. A new folder has the register already."""
    if not (data / "store").exists():
        shutil.copytree(loaded(), data / "store", ignore=shutil.ignore_patterns("engine.*"))
    with running("serve", "--port", engines.free_port(), "--data", data, out=out.with_suffix(".out")) as service:
        until(lambda: "Ready." in out.with_suffix(".out").read_text(), service)
        yield service, json.loads((data / "run.json").read_text())["engine"]
        if service.poll() is None:
            service.terminate()
            assert service.wait(30) == 0
            assert engine_of(data) is None
