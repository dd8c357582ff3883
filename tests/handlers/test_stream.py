"""Records of the trail's stream: which are pushed, which are an alarm."""

import logging
import secrets
from collections.abc import Mapping
from typing import Any

import pytest

from casework.actions.procedures import subject_of
from casework.audit.chain import Entry
from casework.model.errors import Corrupt
from casework.ports import Services
from handlers import stream
from tests.support import Client, RecordingCourier


def record(entry: Entry, name: str = "INSERT", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - parts of a record
    keys = {"subject": {"S": entry.body["subject"]["id"]}, "seq": {"S": f"E#{entry.seq:08d}"}}
    image = {**keys, "v": {"N": "1"}, "line": {"S": entry.line}, "unit_month": {"S": "22-XD#2031-03"}}
    return {"eventName": name, "dynamodb": {"Keys": keys, "NewImage": image, **more}}


@pytest.fixture
def entries(client: Client) -> list[Entry]:
    code = client.assigned()
    subject = client.services.store.coded(code)
    assert subject
    return client.services.store.entries(subject, 0, 100)


@pytest.fixture
def delivered(monkeypatch: pytest.MonkeyPatch) -> list[Entry]:
    """Note what is handed on to be delivered."""
    found: list[Entry] = []
    monkeypatch.setattr(stream, "deliver", lambda services, arrived, render: found.extend(one.entry for one in arrived))
    return found


def test_entries_are_handed_on_in_the_order_of_the_batch(services: Services, entries: list[Entry], delivered: list[Entry]) -> None:
    answer = stream.handle({"Records": [record(entry) for entry in entries]}, services)
    assert answer == {"batchItemFailures": []}
    assert delivered == entries
    assert [entry.hash for entry in delivered] == [entry.hash for entry in entries]


@pytest.mark.parametrize("name", ["MODIFY", "REMOVE"])
def test_a_changed_trail_is_an_alarm_and_is_pushed_to_nobody(
    services: Services, entries: list[Entry], delivered: list[Entry], caplog: pytest.LogCaptureFixture, name: str
) -> None:
    changed = record(entries[1], name)
    if name == "REMOVE":
        del changed["dynamodb"]["NewImage"]
    with caplog.at_level(logging.CRITICAL):
        answer = stream.handle({"Records": [record(entries[0]), changed, record(entries[2])]}, services)
    assert answer == {"batchItemFailures": [], "figures": {"TrailChanged": 1}}
    assert delivered == [entries[0], entries[2]]
    (alarm,) = [line for line in caplog.records if line.levelno == logging.CRITICAL]
    assert name in alarm.message
    assert entries[1].body["subject"]["id"] in alarm.message


def test_an_empty_batch_is_nothing(services: Services, delivered: list[Entry]) -> None:
    assert stream.handle({"Records": []}, services) == {"batchItemFailures": []}
    assert delivered == []


def test_what_nobody_watches_costs_one_read(
    services: Services, entries: list[Entry], courier: RecordingCourier, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    wrapped = services.store.watched

    def watched(topics: list[str], now: Any) -> Mapping[str, bool]:  # noqa: ANN401 - as the store takes it
        asked.append(topics)
        return wrapped(topics, now)

    def never(*_: object) -> None:
        raise AssertionError("there is nothing to read for what nobody watches")

    monkeypatch.setattr(services.store, "watched", watched)
    monkeypatch.setattr(services.store, "subscriptions", never)
    monkeypatch.setattr(services.store, "held", never)
    records = [record(entry) for entry in entries]
    for one in records:
        one["dynamodb"]["NewImage"]["unit_month"] = {"S": "79-XD#2031-03"}  # Other tests of the session follow 22.
    stream.handle({"Records": records}, services)
    assert len(asked) == 1
    assert courier.posts == []


def test_a_line_that_cannot_be_read_fails_the_batch(services: Services, entries: list[Entry], delivered: list[Entry]) -> None:
    broken = record(entries[0])
    broken["dynamodb"]["NewImage"]["line"]["S"] = "{"
    with pytest.raises(Corrupt):
        stream.handle({"Records": [broken]}, services)
    assert delivered == []


def test_a_procedures_entry_is_pushed_to_nobody(services: Services, client: Client, courier: RecordingCourier) -> None:
    code = f"S-{secrets.token_hex(4).upper()}"
    given = {"idempotencyKey": "k", "code": code, "title": {"vi": "a", "en": "b", "fr": "c"}, "kind": "FEEDBACK", "field": "f",
             "tier": "commune", "limit": {"unit": "WORKING_DAYS", "amount": 1}, "legalBasis": "x", "channels": ["EMAIL"],
             "validFrom": "2099-01-01"}  # fmt: skip
    document = "mutation($input: PublishProcedureInput!) { publishProcedure(input: $input) { errors { code } } }"
    assert client.ask(document, "ADMIN", input=given)["data"]["publishProcedure"]["errors"] == []
    entries = services.store.entries(subject_of(code), 0, 10)
    assert [entry.body["action"] for entry in entries] == ["PROCEDURE_PUBLISHED"]
    assert stream.handle({"Records": [record(entry) for entry in entries]}, services) == {"batchItemFailures": []}
    assert courier.posts == []
