"""The stream's way into its handler: every entry, in order, whatever fails in between."""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from casework.adapters.aside import FolderAside, read
from casework.audit.chain import reopened
from casework.model.errors import Unavailable
from casework.ports import Services
from casework.watching import Arrived
from handlers import stream, taking
from local import pump as pumps
from local.engine import Engine
from local.home import QUICK, REGION
from local.pump import Pump
from tests.support import Client, SettableClock, present

LONGEST_S = 60
FOLLOWERS = itertools.count()
REAL = datetime.now(UTC) - present()  # records bear the engine's own time
Event = dict[str, Any]


@dataclass
class Records:
    """Stands where the stream's handler stands: keeps what it was given, or fails as it was told to."""

    entries: list[tuple[str, int]] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    def __call__(self, event: Event, _: Services) -> Event:
        found = [reopened(record["dynamodb"]["NewImage"]["line"]["S"]).body for record in event["Records"]]
        self.batches.append(len(found))
        if self.failures:
            raise self.failures.pop(0)
        self.entries += [(body["subject"]["id"], body["seq"]) for body in found]
        return {"batchItemFailures": []}

    def of(self, subject: str) -> list[int]:
        return [seq for there, seq in self.entries if there == subject]


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(REAL)


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> Records:
    """Also makes the pump follow the tests' own stream, from a place that nobody else keeps."""
    found = Records()
    monkeypatch.setattr(stream, "handle", found)
    monkeypatch.setattr(pumps, "STAGE", "test")
    monkeypatch.setattr(pumps, "FOLLOWER", f"pump-test-{next(FOLLOWERS)}")
    return found


Start = Callable[[], Pump]


@pytest.fixture
def start(services: Services, engine: Engine) -> Iterator[Start]:
    begun: list[Pump] = []

    def starting() -> Pump:
        begun.append(Pump(services, engine.endpoint, lambda: True))
        begun[-1].start()
        return begun[-1]

    yield starting
    for pump in begun:
        pump.stop()


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONGEST_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def opened(client: Client) -> tuple[str, str]:
    """Open a dossier; gives its code and its id within the store."""
    code = client.submitted()["dossier"]["code"]
    found = client.services.store.coded(code)
    assert found
    return code, found


def received(client: Client, code: str) -> None:
    assert client.move("receiveDossier", "RECEPTION", dossier=code, checked=["FORM", "DEED"])["errors"] == []


@pytest.mark.usefixtures("store")
def test_every_entry_comes_once_and_in_order(client: Client, records: Records, start: Start) -> None:
    before = [opened(client) for _ in range(3)]
    start()
    during = [opened(client) for _ in range(3)]
    for code, _ in (*before, *during):
        received(client, code)
    until(lambda: all(len(records.of(subject)) >= 2 for _, subject in (*before, *during)))
    assert all(records.of(subject) == [1, 2] for _, subject in (*before, *during))
    assert max(records.batches) <= pumps.BATCH


def test_a_restart_goes_on_from_its_place(client: Client, records: Records, start: Start) -> None:
    code, subject = opened(client)
    first = start()
    until(lambda: records.of(subject) == [1])
    first.stop()
    known = len(records.entries)
    received(client, code)
    start()
    until(lambda: len(records.of(subject)) > 1)
    assert records.of(subject) == [1, 2]
    assert len(records.entries) < 2 * known + 2, "it did not begin anew"


def test_a_failing_batch_is_tried_again_and_nothing_is_skipped(client: Client, records: Records, start: Start) -> None:
    code, subject = opened(client)
    start()
    until(lambda: records.of(subject) == [1])
    records.failures += [Unavailable("the store did not answer")] * 3
    received(client, code)
    other, behind = opened(client)
    received(client, other)
    until(lambda: len(records.of(behind)) == 2)
    assert records.failures == []
    assert records.of(subject) == [1, 2]
    assert records.of(behind) == [1, 2]


def test_a_place_that_the_stream_does_not_know(client: Client, records: Records, start: Start, engine: Engine) -> None:
    code, subject = opened(client)
    streams = boto3.client("dynamodbstreams", endpoint_url=engine.endpoint, region_name=REGION, config=QUICK)
    (found,) = [row["StreamArn"] for row in streams.list_streams(TableName="giamsat-test-trail")["Streams"]]
    for shard in streams.describe_stream(StreamArn=found)["StreamDescription"]["Shards"]:
        client.services.store.keep_place(pumps.FOLLOWER, shard["ShardId"], "0" * 21)
    start()
    until(lambda: records.of(subject) == [1])
    received(client, code)
    until(lambda: len(records.of(subject)) > 1)
    assert records.of(subject) == [1, 2]


# How far behind it is.


def behind(pump: Pump) -> float:
    found = pump.lag_s()
    assert found is not None
    return found


@pytest.mark.usefixtures("records")
def test_who_has_caught_up_is_not_behind(client: Client, clock: SettableClock, start: Start) -> None:
    pump = start()
    opened(client)
    for ahead in (0, 3600):
        clock.ahead = REAL + timedelta(seconds=ahead)
        until(lambda: behind(pump) < 2)


def test_a_batch_that_fails_leaves_it_behind(client: Client, records: Records, clock: SettableClock, start: Start) -> None:
    code, subject = opened(client)
    pump = start()
    until(lambda: records.of(subject) == [1] and behind(pump) < 2)  # whatever other tests wrote lies behind it then
    tried = len(records.batches)
    records.failures += [Unavailable("the store did not answer")] * 1_000_000
    received(client, code)
    clock.ahead = REAL + timedelta(hours=1)
    until(lambda: len(records.batches) > tried + 3 and behind(pump) >= 3600 - 1)
    tried = len(records.batches)
    until(lambda: len(records.batches) > tried)
    assert 3600 - 1 <= behind(pump) < 3600 + LONGEST_S, "it is as far behind as the batch is old"
    records.failures.clear()
    until(lambda: behind(pump) < 2)
    assert records.of(subject) == [1, 2]


@pytest.mark.usefixtures("records")
def test_a_stream_that_cannot_be_read_leaves_it_behind(clock: SettableClock, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    pump = start()
    until(lambda: behind(pump) < 2)
    read = pump._streams.get_records

    def fails(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")

    monkeypatch.setattr(pump._streams, "get_records", fails)
    clock.ahead = REAL + timedelta(hours=1)
    until(lambda: behind(pump) > 3600 - 1)
    monkeypatch.setattr(pump._streams, "get_records", read)
    until(lambda: behind(pump) < 2)


@pytest.mark.usefixtures("records")
def test_who_does_not_follow_has_no_lag(services: Services, engine: Engine) -> None:
    pump = Pump(services, engine.endpoint, lambda: True)
    assert pump.lag_s() is None
    pump.start()
    until(lambda: behind(pump) < 2)
    pump.stop()
    assert pump.lag_s() is None


@dataclass
class Forgetful:
    """A stream that has trimmed what was there at the place that is asked for."""

    streams: Any
    refuses: str
    refused: int = 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any call of the client
        return getattr(self.streams, name)

    def get_shard_iterator(self, **asked: Any) -> Any:  # noqa: ANN401 - as the client
        if self.refuses == "GetShardIterator" and asked["ShardIteratorType"] == "AFTER_SEQUENCE_NUMBER":
            self.refuse()
        return self.streams.get_shard_iterator(**asked)

    def get_records(self, **asked: Any) -> Any:  # noqa: ANN401 - as the client
        if self.refuses == "GetRecords" and not self.refused:
            self.refuse()
        return self.streams.get_records(**asked)

    def refuse(self) -> None:
        self.refused += 1
        raise self.streams.exceptions.TrimmedDataAccessException({"Error": {"Code": "TrimmedDataAccessException"}}, self.refuses)


@pytest.mark.parametrize("refuses", ["GetShardIterator", "GetRecords"])
def test_a_place_that_the_stream_has_trimmed(client: Client, records: Records, start: Start, engine: Engine, refuses: str) -> None:
    code, subject = opened(client)
    first = start()
    until(lambda: records.of(subject) == [1])
    first.stop()
    received(client, code)
    records.entries.clear()
    pump = Pump(client.services, engine.endpoint, lambda: True)
    forgetful = Forgetful(pump._streams, refuses)
    pump._streams = forgetful  # type: ignore[assignment] # it stands for the client
    pump.start()
    try:
        until(lambda: len(records.of(subject)) > 1)
    finally:
        pump.stop()
    # It begins with the oldest record that there is; who watches drops what was seen before.
    assert records.of(subject) == [1, 2]
    assert forgetful.refused in {1, 2}  # that of accesses may have come to a place, too


def test_what_is_asked_for_again_is_taken(client: Client, engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An entry that fails is set aside, and those behind it go on; `giamsat redrive` has it taken when it fails no longer."""
    delivered, poison, away = list[tuple[str, int]](), list[str](), list[Exception]()
    monkeypatch.setattr(pumps, "STAGE", "test")
    monkeypatch.setattr(pumps, "FOLLOWER", f"pump-test-{next(FOLLOWERS)}")
    monkeypatch.setattr(pumps, "SHARDS_S", 0.1)
    monkeypatch.setattr(taking, "PAUSES_S", ())

    def deliver(_: Services, arrived: Sequence[Arrived], __: object) -> None:
        if poison and any(one.entry.place == (poison[0], 1) for one in arrived):
            raise ValueError("poison")
        if away and any(one.entry.place == (subject, 1) for one in arrived):
            raise away.pop()
        delivered.extend(one.entry.place for one in arrived)

    monkeypatch.setattr(stream, "deliver", deliver)
    code, subject = opened(client)
    poison.append(subject)
    received(client, code)
    aside = FolderAside(tmp_path / "set-aside")
    pump = Pump(replace(client.services, aside=aside), engine.endpoint, lambda: True)
    pump.start()
    try:
        until(lambda: (subject, 2) in delivered)
        assert (subject, 1) not in delivered
        assert [read(file.read_bytes()).why for file in (tmp_path / "set-aside").glob(f"stream-trail-{subject}-*")] == ["ValueError"]
        poison.clear()
        away.extend([Unavailable("the store did not answer")] * 2)  # with the batch and by itself: it waits for the next look
        assert aside.redrive() >= 1
        until(lambda: (subject, 1) in delivered)
        until(lambda: not list((tmp_path / "set-aside" / "again").iterdir()))
    finally:
        pump.stop()
