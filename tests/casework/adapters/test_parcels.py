"""Parcels into the queue, against a real HTTP server on loopback: what is sent, signed, and what each answer leads to."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from botocore.exceptions import NoCredentialsError

from casework.adapters import parcels, sqs
from casework.adapters.parcels import SqsQueue, read
from casework.adapters.sqs import TRIES
from casework.model.errors import Unavailable
from casework.ports import Parcel, Queue
from tests.casework.adapters.test_gateway import KEY, REGION, Gateway, served, signed_by

PARCELS = [Parcel("unit:22-XD", number, "s", "sees", b'{"a":1}', ((f"c{number}", "1"),), "5") for number in range(3)]


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    monkeypatch.setattr(sqs, "PAUSE_S", 0.001)
    with served() as found:
        yield found


@pytest.fixture
def queue(gate: Gateway) -> Iterator[SqsQueue]:
    found = SqsQueue(f"{gate.url}/123456789012/parcels", region=REGION)
    yield found
    found.shut()


def test_parcels_are_put_signed(gate: Gateway, queue: SqsQueue) -> None:
    made: Queue = queue
    made.put(PARCELS)
    assert all(signed_by(seen, "sqs") for seen in gate.seen)
    bodies = [json.loads(seen.body) for seen in gate.seen]
    assert {body["QueueUrl"] for body in bodies} == {f"{gate.url}/123456789012/parcels"}
    assert sorted((read(body["MessageBody"]) for body in bodies), key=lambda one: one.members) == PARCELS
    assert len({body["MessageDeduplicationId"] for body in bodies}) == 3
    assert sorted(body["MessageGroupId"][-2:] for body in bodies) == ["-0", "-1", "-2"]
    assert len({body["MessageGroupId"][:-2] for body in bodies}) == 1, "the lanes of one topic"
    assert {(seen.method, seen.path, seen.headers["x-amz-target"]) for seen in gate.seen} == {("POST", "/", "AmazonSQS.SendMessage")}


def test_a_parcel_that_is_too_long_is_parted(gate: Gateway, queue: SqsQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    members = tuple((f"c{number}", '"' * 128) for number in range(50))
    whole = replace(PARCELS[0], members=members)
    monkeypatch.setattr(parcels, "LONGEST", 4000)
    queue.put([whole])
    bodies = [json.loads(seen.body)["MessageBody"] for seen in gate.seen]
    assert len(bodies) > 2
    assert all(len(body.encode()) <= 4000 for body in bodies)
    assert sorted(member for body in bodies for member in read(body).members) == sorted(members)
    assert {replace(read(body), members=()) for body in bodies} == {replace(whole, members=())}


@pytest.mark.parametrize("answers", [[500], [503, 500]])
def test_what_passes_is_tried_again(gate: Gateway, queue: SqsQueue, answers: list[int | None]) -> None:
    gate.answers = [*answers]
    queue.put(PARCELS[:1])
    assert len(gate.seen) == len(answers) + 1


@pytest.mark.parametrize(("status", "tries"), [(500, TRIES), (403, 1)])
def test_what_does_not_pass_is_told(gate: Gateway, queue: SqsQueue, status: int, tries: int) -> None:
    gate.answers = [status] * 9
    with pytest.raises(Unavailable, match=str(status)):
        queue.put(PARCELS[:1])
    assert len(gate.seen) == tries


def test_without_credentials_nothing_is_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    queue = SqsQueue("http://127.0.0.1:9/q", region=REGION)
    with pytest.raises(NoCredentialsError):
        queue.put(PARCELS[:1])
