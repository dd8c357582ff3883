"""Two writers of one dossier at once, over GraphQL: who wins, what the other is told, and what the trail and the record then hold."""

import random
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier
from typing import Any

import pytest

from casework.actions.dossiers import Asked, move
from casework.adapters.dynamo import DynamoStore
from casework.audit.chain import Entry
from casework.audit.disclosure import Envelope
from casework.model.moves import MoveName, Reopen
from casework.model.parties import Role, Viewer
from casework.model.record import AssignmentRole, Dossier, DossierId
from casework.ports import Held
from schema.node import global_id
from tests.support import Client, present

ROUNDS, DOSSIERS, FEW = 500, 50, 20
HEAD = Viewer(Role.HEAD, "head-1", ("22-XD",))
Payload = dict[str, Any]
Ask = Callable[[], Payload]


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as two:
        yield two


@pytest.fixture
def race(pool: ThreadPoolExecutor) -> Callable[[Ask, Ask], tuple[Payload, Payload]]:
    """Ask two things at the same moment; which of the threads is started first is left to chance."""
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    chance, gate = random.Random(seed), Barrier(2)  # noqa: S311 - an order, not a secret

    def wait(ask: Ask) -> Payload:
        gate.wait()
        return ask()

    def raced(one: Ask, other: Ask) -> tuple[Payload, Payload]:
        asks = {0: one, 1: other}
        running = {index: pool.submit(wait, asks[index]) for index in chance.sample([0, 1], 2)}
        return running[0].result(), running[1].result()

    return raced


Race = Callable[[Ask, Ask], tuple[Payload, Payload]]


def found(store: DynamoStore, code: str) -> tuple[DossierId, Dossier]:
    subject = store.coded(code)
    assert subject
    held = store.held(subject)
    assert held
    return subject, held.dossier


def since(store: DynamoStore, subject: DossierId, seq: int) -> list[Entry]:
    return store.entries(subject, seq, 100)


def won(answers: tuple[Payload, Payload]) -> tuple[int, Payload]:
    """Check that one of them won and the other was told one error; gives the winner's number and the error."""
    winners = [index for index, answer in enumerate(answers) if not answer["errors"]]
    assert len(winners) == 1, answers
    loser = answers[1 - winners[0]]
    assert (loser["dossier"], loser["entry"], len(loser["errors"])) == (None, None, 1), answers
    return winners[0], loser["errors"][0]


def done(client: Client, name: str, who: str, code: str, **given: Any) -> Payload:  # noqa: ANN401 - JSON
    payload = client.move(name, who, dossier=code, **given)
    assert payload["errors"] == [], payload
    return payload


def reopening(held: Held, viewer: Viewer, envelope: Envelope) -> Reopen:  # noqa: ARG001 - one shape for all
    return Reopen(envelope.enclosed("reason", "lý do"))


def delivered(client: Client) -> str:
    code = client.assigned()
    done(client, "decideDossier", "HEAD", code, outcome="GRANTED")
    done(client, "deliverResult", "RECEPTION", code, medium="PAPER")
    return code


def led(officer: str) -> dict[str, Any]:
    due = (present() + timedelta(days=2)).isoformat()
    return {"role": "LEAD", "unit": "22-XD", "officer": officer, "task": "t", "responsibility": "r", "dueAt": due, "expectedResult": "e"}


def test_of_lead_and_head_who_decide_one_dossier_at_once_one_wins(client: Client, store: DynamoStore, race: Race) -> None:
    makers, tally = ("OFFICER", "HEAD"), Counter[str]()
    for _ in range(DOSSIERS):
        code = client.assigned()
        subject, dossier = found(store, code)
        named, version, trail = {"dossier": global_id("dossier", subject)}, dossier.version, []
        for _ in range(ROUNDS // DOSSIERS):
            asks = [partial(client.move, "decideDossier", who, **named, outcome="GRANTED", expectedVersion=version) for who in makers]
            answers = race(*asks)
            winner, error = won(answers)
            assert (error["__typename"], error["code"]) == ("Conflict", "CONFLICT"), (answers, tally)
            assert error["current"] == {"code": code, "version": version + 1}
            assert answers[winner]["dossier"]["version"] == answers[winner]["entry"]["seq"] == version + 1
            version = move(client.services, HEAD, subject, MoveName.REOPEN, Asked(secrets.token_hex(8), "test", {}), reopening).held.version
            trail += [("DECIDED", makers[winner]), ("REOPENED", "HEAD")]
            tally[makers[winner]] += 1
        assert [(entry.body["action"], entry.body["actor"]["role"]) for entry in since(store, subject, dossier.version)] == trail
    print(dict(tally))  # noqa: T201 - who won how often
    assert tally.total() == ROUNDS, tally


def test_of_two_counters_that_receive_and_refuse_at_once_one_wins(client: Client, store: DynamoStore, race: Race) -> None:
    states = ("RECEIVED", "REFUSED")
    for _ in range(FEW):
        code = client.submitted()["dossier"]["code"]
        winner, error = won(
            race(
                partial(client.move, "receiveDossier", "RECEPTION", dossier=code, checked=["FORM", "DEED"]),
                partial(client.move, "refuseDossier", "RECEPTION", "22-MC-1", dossier=code, reason="lý do", legalBasis="luật"),
            )
        )
        assert (error["code"], error["state"]) == ("STATE", states[winner])
        subject, dossier = found(store, code)
        assert [entry.body["action"] for entry in since(store, subject, 1)] == [states[winner]]
        assert (dossier.state.value, len(dossier.intervals)) == (states[winner], 1 - winner)


def test_of_an_applicant_who_withdraws_while_the_head_stops_one_wins(client: Client, store: DynamoStore, race: Race) -> None:
    states = ("WITHDRAWN", "STOPPED")
    for _ in range(FEW):
        code = client.assigned()
        winner, error = won(
            race(
                partial(client.move, "withdrawDossier", "CITIZEN", dossier=code),
                partial(client.move, "stopDossier", "HEAD", dossier=code, reason="lý do", legalBasis="luật"),
            )
        )
        assert (error["code"], error["state"]) == ("STATE", states[winner])
        subject, dossier = found(store, code)
        assert [entry.body["action"] for entry in since(store, subject, 3)] == [states[winner]]
        assert (dossier.state.value, dossier.lead, dossier.intervals[-1].to_at) == (states[winner], None, dossier.ended_at)


def test_two_heads_who_name_a_lead_at_once_name_one_after_the_other(client: Client, store: DynamoStore, race: Race) -> None:
    code = client.received()
    subject, _ = found(store, code)
    for number in range(FEW):
        version = 2 + 2 * number
        first, second = race(
            partial(client.move, "assignDossier", "HEAD", dossier=code, **led("officer-1")),
            partial(client.move, "assignDossier", "HEAD", "22-XD-H", dossier=code, **led("22-XD-1")),
        )
        assert first["errors"] == second["errors"] == []
        assert {first["entry"]["seq"], second["entry"]["seq"]} == {version + 1, version + 2}
        last = "officer-1" if first["entry"]["seq"] > second["entry"]["seq"] else "22-XD-1"
        _, dossier = found(store, code)
        leads = [a for a in dossier.assignments if a.role is AssignmentRole.LEAD]
        assert [a.officer for a in leads if a.ended_at is None] == [last]
        assert [a.ended_at for a in leads[:-1]] == [a.assigned_at for a in leads[1:]]
        assert [i.to_at for i in dossier.intervals] == [*(i.from_at for i in dossier.intervals[1:]), None]
        assert len(since(store, subject, version)) == 2


def test_one_request_that_comes_twice_at_once_is_one_entry(client: Client, store: DynamoStore, race: Race) -> None:
    code = client.received()
    subject, _ = found(store, code)
    for version in range(2, 2 + FEW):
        ask = partial(client.move, "assignDossier", "HEAD", dossier=code, idempotencyKey=f"twice-{version}", **led("officer-1"))
        first, second = race(ask, ask)
        assert (first["errors"], first["entry"], first["dossier"]) == (second["errors"], second["entry"], second["dossier"])
        assert (first["entry"]["seq"], len(since(store, subject, version))) == (version + 1, 1)


def test_of_two_ratings_at_once_one_stands(client: Client, store: DynamoStore, race: Race) -> None:
    for _ in range(FEW):
        code = delivered(client)
        winner, error = won(race(*(partial(client.move, "rateDossier", "CITIZEN", dossier=code, score=score) for score in (1, 2))))
        assert (error["__typename"], error["code"]) == ("Refused", "ALREADY_RATED")
        subject, dossier = found(store, code)
        assert [entry.body["action"] for entry in since(store, subject, 5)] == ["RATED"]
        assert dossier.rating
        assert dossier.rating.score == winner + 1


def test_two_rotations_at_once_make_two_secrets_of_which_the_last_is_good(client: Client, store: DynamoStore, race: Race) -> None:
    opened = client.submitted()
    code, keys, secrets_ = opened["dossier"]["code"], client.services.keys, [opened["trackingSecret"]]
    for number in range(FEW):
        answers = race(*(partial(client.move, "rotateTrackingSecret", who, dossier=code) for who in ("CITIZEN", "RECEPTION")))
        assert [answer["errors"] for answer in answers] == [[], []]
        subject, dossier = found(store, code)
        assert (dossier.secret_generation, dossier.version) == (3 + 2 * number, 3 + 2 * number)
        secrets_ += [answer["trackingSecret"] for answer in sorted(answers, key=lambda answer: int(answer["entry"]["seq"]))]
        good = [keys.tracks(secret, subject, dossier.secret_generation, dossier.slip_key) for secret in secrets_]
        assert good == [*[False] * (len(good) - 1), True], good
