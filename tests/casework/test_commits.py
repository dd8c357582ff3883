"""Load, decide, commit, and again: what comes of other writers, lost answers and repeated keys."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from casework import commits
from casework.adapters.dynamo import DynamoStore
from casework.audit.disclosure import Envelope
from casework.commits import DUE_SHARDS, LARGEST_STATE, LONGEST_KEY, REMEMBERED, TRIES, Decide, Plan, Request, written
from casework.model.alert import AlertLevel
from casework.model.errors import Conflict, Contended, Invalid, NotFound, Unavailable
from casework.model.parties import Party, PartyKind
from casework.model.record import DossierId
from casework.ports import Change, Held, Raced, Seen, Services, Store
from tests.support import Client, Issuer, SettableClock


@dataclass
class Faulty:
    """A store whose commits fail as they are told to, in turn; then they go through."""

    store: DynamoStore
    faults: list[Callable[[DynamoStore, Change, datetime], None]]
    changes: list[Change] = field(default_factory=list)

    def commit(self, change: Change, now: datetime) -> None:
        self.changes.append(change)
        if self.faults:
            self.faults.pop(0)(self.store, change, now)
        else:
            self.store.commit(change, now)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the store has
        return getattr(self.store, name)


def raced(*_: object) -> None:
    raise Raced


def lost(error: Exception) -> Callable[[DynamoStore, Change, datetime], None]:
    """Commit, and lose the answer."""

    def fault(store: DynamoStore, change: Change, now: datetime) -> None:
        store.commit(change, now)
        raise error

    return fault


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr("casework.commits.time.sleep", found.append)
    return found


@pytest.fixture
def held(client: Client, store: DynamoStore) -> Held:
    subject = store.coded(client.assigned())
    assert subject
    found = store.held(subject)
    assert found
    return found


def faulty(services: Services, store: DynamoStore, *faults: Callable[[DynamoStore, Change, datetime], None]) -> tuple[Services, Faulty]:
    wrapper = Faulty(store, list(faults))
    return replace(services, store=cast("Store", wrapper)), wrapper


def request(subject: str, key: str | None = None, input_: str = "x") -> Request:
    return Request(subject, "test", key if key is not None else secrets.token_hex(8), [input_], "correlation")


def flagged(held: Held | None, envelope: Envelope, now: datetime) -> Plan:
    """Decide on something harmless: one more flag."""
    assert held is not None
    after = replace(held.dossier, flags=(*held.dossier.flags, f"F{envelope.entry}"))
    return Plan(after, held.province, "FLAGGED", Party(PartyKind.SERVICE, "test"), now)


def count(store: DynamoStore, subject: DossierId) -> int:
    return len(store.entries(subject, 0, 100))


def test_a_commit_gives_the_state_and_the_entry(services: Services, store: DynamoStore, held: Held) -> None:
    done = written(services, held.id, request(held.id), flagged)
    assert not done.repeated
    assert (done.entry.seq, done.held.version, done.held.tip.seq) == (4, 4, 4)
    assert done.entry.body["request"] == "correlation"
    assert done.entry.body["prev"] == held.tip.hash
    assert store.held(held.id) == done.held


@pytest.mark.parametrize("times", [1, TRIES - 1])
def test_a_race_is_run_again(services: Services, store: DynamoStore, held: Held, slept: list[float], times: int) -> None:
    wired, wrapper = faulty(services, store, *[raced] * times)
    done = written(wired, held.id, request(held.id), flagged)
    assert done.entry.seq == 4
    assert len(wrapper.changes) == times + 1
    assert len(slept) == times
    assert all(0 <= wait <= 0.02 * 2**attempt for attempt, wait in enumerate(slept))


def test_five_races_are_contended_and_nothing_is_written(services: Services, store: DynamoStore, held: Held, slept: list[float]) -> None:
    wired, wrapper = faulty(services, store, *[raced] * 9)
    with pytest.raises(Contended):
        written(wired, held.id, request(held.id, "key"), flagged)
    assert len(wrapper.changes) == TRIES
    assert len(slept) == TRIES
    assert store.held(held.id) == held
    assert written(services, held.id, request(held.id, "key"), flagged).entry.seq == 4  # the key is free still


def test_each_try_decides_anew_on_what_it_loads(services: Services, store: DynamoStore, held: Held, slept: list[float]) -> None:
    def another(inner: DynamoStore, change: Change, now: datetime) -> None:
        written(services, held.id, request(held.id), flagged)
        inner.commit(change, now)

    wired, wrapper = faulty(services, store, another, another)
    done = written(wired, held.id, request(held.id), flagged)
    assert [change.entry.seq for change in wrapper.changes] == [4, 5, 6]
    assert done.held.dossier.flags == ("F4", "F5", "F6")
    assert [entry.body["prev"] for entry in store.entries(held.id, 3, 10)] == [
        held.tip.hash,
        *(change.hash for change in store.entries(held.id, 3, 2)),
    ]
    assert len(slept) == 2


@pytest.mark.parametrize("error", [Raced(), Seen()])
def test_a_try_whose_answer_was_lost_finds_its_own_memory(
    services: Services, store: DynamoStore, held: Held, slept: list[float], error: Exception
) -> None:
    wired, wrapper = faulty(services, store, lost(error))
    done = written(wired, held.id, request(held.id), flagged)
    assert done.repeated
    assert done.entry == wrapper.changes[0].entry
    assert (len(wrapper.changes), count(store, held.id)) == (1, 4)
    assert len(slept) == (1 if isinstance(error, Raced) else 0)


def test_a_caller_whose_answer_was_lost_repeats_the_key(services: Services, store: DynamoStore, held: Held) -> None:
    wired, wrapper = faulty(services, store, lost(Unavailable("no answer")))
    asked = request(held.id)
    with pytest.raises(Unavailable):
        written(wired, held.id, asked, flagged)
    again = written(wired, held.id, asked, flagged)
    assert again.repeated
    assert again.entry.hash == wrapper.changes[0].entry.hash
    assert count(store, held.id) == 4


def test_over_http_a_lost_answer_is_internal_and_the_repeat_has_it(
    services: Services, store: DynamoStore, issuer: Issuer, client: Client
) -> None:
    code = client.assigned()
    wired, _ = faulty(services, store, lost(Unavailable("no answer")))
    document = "mutation($input: CompleteStepInput!) { completeStep(input: $input) { entry { seq } errors { code } } }"
    given = {"idempotencyKey": "k", "dossier": code, "step": "CHECK"}
    answers = [Client(wired, issuer).ask(document, "OFFICER", None, input=given) for _ in range(2)]
    assert answers[0]["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert answers[1] == {"data": {"completeStep": {"entry": {"seq": 4}, "errors": []}}}


def test_a_version_that_became_stale_between_two_tries_is_a_conflict(
    services: Services, store: DynamoStore, issuer: Issuer, client: Client, slept: list[float]
) -> None:
    code = client.assigned()

    def another(inner: DynamoStore, change: Change, now: datetime) -> None:
        assert client.move("completeStep", "OFFICER", dossier=code, step="CHECK")["errors"] == []
        inner.commit(change, now)

    wired, _ = faulty(services, store, another)
    refused = Client(wired, issuer).move("decideDossier", "HEAD", dossier=code, outcome="GRANTED", expectedVersion=3)
    assert [(error["code"], error["current"]["version"]) for error in refused["errors"]] == [("CONFLICT", 4)]
    assert len(slept) == 1


def test_what_is_known_saves_a_load_until_it_is_stale(services: Services, store: DynamoStore, held: Held, slept: list[float]) -> None:
    written(services, held.id, request(held.id), flagged)
    wired, wrapper = faulty(services, store)
    done = written(wired, held.id, request(held.id), flagged, known=held)
    assert [change.entry.seq for change in wrapper.changes] == [4, 5]
    assert done.entry.seq == 5
    assert len(slept) == 1
    again = request(held.id)
    first = written(wired, held.id, again, flagged, known=done.held)
    assert written(wired, held.id, again, flagged, known=first.held).repeated


def grown(large: tuple[str, ...]) -> Decide:
    def decide(held: Held | None, _: Envelope, now: datetime) -> Plan:
        assert held is not None
        return Plan(replace(held.dossier, flags=large), held.province, "FLAGGED", Party(PartyKind.SERVICE, "test"), now)

    return decide


def test_what_the_engine_would_not_take_is_refused(services: Services, store: DynamoStore, held: Held) -> None:
    def refusal(large: tuple[str, ...]) -> str:
        before = store.held(held.id)
        with pytest.raises(Invalid) as caught:
            written(services, held.id, request(held.id), grown(large))
        assert store.held(held.id) == before
        return caught.value.code

    assert refusal(("x" * LARGEST_STATE,)) == "TOO_MANY"  # a state
    assert written(services, held.id, request(held.id), grown(("y" * 200_000,))).entry.seq == 4
    assert refusal(("z" * 200_000,)) == "TOO_MANY"  # an entry, which has both the old value and the new one
    assert written(services, held.id, request(held.id), grown(("z",))).entry.seq == 5


# Keys.


def test_a_repeat_decides_nothing(services: Services, store: DynamoStore, held: Held) -> None:
    asked = request(held.id)
    first = written(services, held.id, asked, flagged)

    def never(*_: object) -> Plan:
        raise AssertionError("a repeat was decided")

    again = written(services, held.id, asked, never)
    assert (again.entry, again.held, again.repeated) == (first.entry, first.held, True)
    assert count(store, held.id) == 4


def test_sight_is_asked_before_a_repeat_is_answered(services: Services, held: Held) -> None:
    written(services, held.id, request(held.id, "key"), flagged)
    asked: list[Held | None] = []

    def blind(there: Held | None) -> None:
        asked.append(there)
        raise NotFound("no such dossier")

    for input_ in ("x", "y"):  # whether or not the input is the same
        with pytest.raises(NotFound):
            written(services, held.id, request(held.id, "key", input_), flagged, sight=blind)
    assert len(asked) == 2


def test_a_key_with_another_input_is_refused(services: Services, held: Held) -> None:
    written(services, held.id, request(held.id, "key"), flagged)
    with pytest.raises(Invalid) as caught:
        written(services, held.id, request(held.id, "key", "y"), flagged)
    assert (caught.value.code, caught.value.path) == ("IDEMPOTENCY_KEY_REUSED", ("idempotencyKey",))


def test_a_key_is_kept_two_days_or_for_ever(services: Services, held: Held, clock: SettableClock) -> None:
    short, long = request(held.id), replace(request(held.id), for_ever=True)
    firsts = [written(services, held.id, asked, flagged).entry.seq for asked in (short, long)]
    clock.ahead = REMEMBERED - timedelta(minutes=1)
    assert [written(services, held.id, asked, flagged).entry.seq for asked in (short, long)] == firsts
    clock.ahead = REMEMBERED + timedelta(seconds=1)
    assert [written(services, held.id, asked, flagged).entry.seq for asked in (short, long)] == [6, firsts[1]]


@pytest.mark.parametrize("key", ["", " " * 129, "a\x00", "a\n", "\u202e", "x" * (LONGEST_KEY + 1)])
def test_what_is_no_key_is_refused_before_anything_is_read(services: Services, held: Held, key: str) -> None:
    with pytest.raises(Invalid) as caught:
        written(services, held.id, request(held.id, key), flagged)
    assert caught.value.code == "BAD_KEY"


def test_a_refusal_leaves_nothing_behind(services: Services, store: DynamoStore, held: Held) -> None:
    def refuses(*_: object) -> Plan:
        raise Conflict("stale", subject=held.id, version=1)

    asked = request(held.id)
    with pytest.raises(Conflict):
        written(services, held.id, asked, refuses)
    assert store.held_with_memory(held.id, *asked.memory) == (held, None)
    assert not written(services, held.id, asked, flagged).repeated


def test_entries_are_recorded_in_order_even_when_the_clock_goes_back(services: Services, held: Held, clock: SettableClock) -> None:
    first = written(services, held.id, request(held.id), flagged).entry
    clock.ahead = timedelta(days=-30)
    second = written(services, held.id, request(held.id), flagged).entry
    assert second.recorded_at == first.recorded_at + timedelta(microseconds=1)
    assert second.occurred_at < first.occurred_at


def test_due_rows_spread_and_lie_no_further_back_than_the_hour() -> None:
    now = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    assert commits.due_key("0" * 32, None, now) is None
    found = set()
    for number in range(64):
        subject = f"{number * 1021 % 65536:04x}" + "0" * 28
        past = commits.due_key(subject, (AlertLevel.OVERDUE, now - timedelta(days=9)), now)
        ahead = commits.due_key(subject, (AlertLevel.AT_RISK, now + timedelta(days=9)), now)
        assert past
        assert ahead
        assert past.bucket.startswith("2026-03-02T09#")
        assert past.moment.startswith("2026-02-21T09:30")
        assert ahead.bucket.startswith("2026-03-11T09#")
        assert (past.level, ahead.level) == ("OVERDUE", "AT_RISK")
        found.add(past.bucket.partition("#")[2])
    assert found == {f"{shard:02d}" for shard in range(DUE_SHARDS)}
