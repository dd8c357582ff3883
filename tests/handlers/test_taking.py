"""A batch of which a record fails: what is set aside, what waits, and what goes on."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from casework.audit.chain import Entry
from casework.model.errors import Corrupt, Unavailable
from casework.ports import Letter, Services
from handlers import stream, taking, tasks
from handlers.taking import PATIENCE, PAUSES_S, taken
from tests.handlers.test_stream import record
from tests.support import Client


@dataclass
class Aside:
    """Keeps letters, or refuses them."""

    kept: list[Letter] = field(default_factory=list)
    refuses: bool = False

    def put(self, letter: Letter) -> None:
        if self.refuses:
            raise Unavailable("no queue")
        self.kept.append(letter)


@dataclass
class Taker:
    """Takes records, but for those that it fails of."""

    fails: dict[str, Exception]
    tries: int = 0
    seen: list[str] = field(default_factory=list)

    def __call__(self, records: Sequence[dict[str, Any]]) -> None:
        for one in records:
            seq = one["dynamodb"]["Keys"]["seq"]["S"]
            if seq in self.fails:
                self.tries += 1
                raise self.fails[seq]
            self.seen.append(seq)


@pytest.fixture
def records(client: Client) -> list[dict[str, Any]]:
    subject = client.services.store.coded(client.assigned())
    assert subject
    now = client.services.now()
    return [record(one, SequenceNumber="7", ApproximateCreationDateTime=now) for one in client.services.store.entries(subject, 0, 100)]


def at(records: list[dict[str, Any]], place: int) -> str:
    seq: str = records[place]["dynamodb"]["Keys"]["seq"]["S"]
    return seq


@pytest.mark.parametrize("fault", [Corrupt("x"), ValueError("x"), KeyError("x")])
def test_one_that_always_fails_is_set_aside_and_holds_nothing_up(
    services: Services, records: list[dict[str, Any]], fault: Exception
) -> None:
    aside, taker, rests = Aside(), Taker({at(records, 1): fault}), list[float]()
    answer = taken(records, replace(services, aside=aside), "stream", taker, rests.append)
    assert answer == {"batchItemFailures": [], "setAside": 1, "figures": {"SetAside": 1}}
    subject = records[1]["dynamodb"]["Keys"]["subject"]["S"]
    assert aside.kept == [Letter("stream", "trail", subject, 2, type(fault).__name__)]
    assert taker.seen[-len(records) + 1 :] == [at(records, place) for place in range(len(records)) if place != 1]
    assert (taker.tries, rests) == (2 + len(PAUSES_S), list(PAUSES_S)), "with the batch, then thrice by itself"


def test_what_is_nobodys_fault_waits_with_all_behind_it(services: Services, records: list[dict[str, Any]]) -> None:
    aside, taker = Aside(), Taker({at(records, 1): Unavailable("the store did not answer")})
    answer = taken(records, replace(services, aside=aside), "stream", taker, lambda _: None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "7"}]}
    assert aside.kept == []
    assert at(records, 2) not in taker.seen, "they come again in order"


def test_it_waits_no_longer_than_an_hour(services: Services, records: list[dict[str, Any]]) -> None:
    aside, taker, now = Aside(), Taker({at(records, 1): Unavailable("the store did not answer")}), services.now()
    late = replace(services, aside=aside, now=lambda: now + PATIENCE + timedelta(seconds=1))
    assert taken(records, late, "tasks", taker, lambda _: None)["batchItemFailures"] == []
    assert [(letter.follower, letter.seq) for letter in aside.kept] == [("tasks", 2)]


def test_what_cannot_be_set_aside_waits(services: Services, records: list[dict[str, Any]]) -> None:
    taker = Taker({at(records, 1): ValueError("x")})
    answer = taken(records, replace(services, aside=Aside(refuses=True)), "stream", taker, lambda _: None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "7"}]}


def test_one_that_fails_once_is_taken(services: Services, records: list[dict[str, Any]]) -> None:
    aside, taker = Aside(), Taker({at(records, 1): Unavailable("the store did not answer")})
    answer = taken(records, replace(services, aside=aside), "stream", taker, lambda _: taker.fails.clear())
    assert (answer, aside.kept) == ({"batchItemFailures": []}, [])
    assert taker.seen[-len(records) :] == [at(records, place) for place in range(len(records))]


def test_what_takes_too_long_is_left_to_the_next_try(
    services: Services, records: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "LONGEST_S", -1.0)
    answer = taken(records, replace(services, aside=Aside()), "stream", Taker({at(records, 1): ValueError("x")}), lambda _: None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "7"}]}


def test_a_row_of_another_form_holds_nothing_up(services: Services, records: list[dict[str, Any]]) -> None:
    aside, taker = Aside(), Taker({"x": ValueError("x")})
    records[1]["dynamodb"]["Keys"]["seq"] = {"S": "x"}
    assert taken(records, replace(services, aside=aside), "stream", taker, lambda _: None)["batchItemFailures"] == []
    assert aside.kept == []
    assert at(records, 2) in taker.seen


def test_the_log_holds_no_message_of_a_fault(services: Services, records: list[dict[str, Any]], caplog: pytest.LogCaptureFixture) -> None:
    taken(records, replace(services, aside=Aside()), "stream", Taker({at(records, 1): ValueError("Nguyễn Văn An")}), lambda _: None)
    assert "ValueError (" in caplog.text
    assert "Nguyễn" not in caplog.text


def test_an_access_is_named_as_one(services: Services, records: list[dict[str, Any]]) -> None:
    aside = Aside()
    del records[0]["dynamodb"]["NewImage"]["unit_month"]
    taken(records[:1], replace(services, aside=aside), "stream", Taker({at(records, 0): ValueError()}), lambda _: None)
    assert [letter.table for letter in aside.kept] == ["accesses"]


@pytest.mark.parametrize(("follower", "verb"), [(stream, "deliver"), (tasks, "begin")])
def test_both_followers_set_aside(
    services: Services,
    records: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    follower: Any,  # noqa: ANN401 - a module
    verb: str,
) -> None:
    def poisoned(_: Services, what: Any, *__: object) -> None:  # noqa: ANN401 - an entry, or several as they arrived
        entries: list[Entry] = [what] if isinstance(what, Entry) else [one.entry for one in what]
        if any(entry.seq == 2 for entry in entries):
            raise ValueError("poison")

    aside = Aside()
    monkeypatch.setattr(follower, verb, poisoned)
    monkeypatch.setattr(taking, "PAUSES_S", ())
    answer = follower.handle({"Records": records}, replace(services, aside=aside))
    assert (answer["batchItemFailures"], answer["setAside"]) == ([], 1)
    assert [(letter.follower, letter.seq) for letter in aside.kept] == [(follower.__name__.rpartition(".")[2], 2)]
