"""From a request to its pushes by one id, in the lines as they are written; and what no line may hold."""

import io
import json
import logging
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from casework import audiences
from casework.actions import tasks as working
from casework.actions.amendments import Amending, amend
from casework.actions.deliveries import deliver
from casework.correlation import HEADER, TRACE, asked, correlated, current
from casework.model.amending import Amendment, Moved
from casework.model.errors import Corrupt, Unavailable
from casework.model.packing import moment
from casework.model.parties import Role, Viewer
from casework.model.workdays import OverrideKind, legal_day
from casework.ports import Letter, Parcel, Services
from handlers import Failed, api, entry, fanout, log, sockets, stream, sweep, taking, tasks
from handlers.telling import kind
from local.redriving import record as again
from tests.handlers.test_fanout import Kept
from tests.handlers.test_sockets import Socket, join, opened, tables
from tests.handlers.test_stream import record
from tests.handlers.test_taking import Aside
from tests.simulation.worlds import World
from tests.support import Client, RecordingCourier

__all__ = ["join", "opened", "tables"]  # fixtures

FOLLOW = "subscription($code: ID!) { dossierChanged(code: $code) { id ready entry { seq } } }"
FIRST, SECOND = "7f1c2b9e-03d4-4a5b-8c6d-9e0f1a2b3c4d", "4bf92f3577b34da6a3ce929d0e0e4736"
ADMIN = Viewer(Role.ADMIN, "admin-1", ("22",))
TRACEPARENT = f"00-{SECOND}-00f067aa0ba902b7-01"

Line = dict[str, Any]


@dataclass
class Written:
    """What the service's logger writes."""

    stream: io.StringIO = field(default_factory=io.StringIO)

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[Line]:
        return [json.loads(line) for line in self.text.splitlines()]

    def told(self, message: str) -> list[Line]:
        return [line for line in self.lines if line["message"] == message]

    def of(self, correlation: str) -> list[str]:
        """The lines of an id."""
        return [line["message"] for line in self.lines if line.get("correlation_id") == correlation]


@pytest.fixture
def written() -> Iterator[Written]:
    """Take what is written, at the level of a deployed function."""
    found, handler = Written(), log.registered_handler
    assert isinstance(handler, logging.StreamHandler)
    before, level = handler.setStream(found.stream), log.log_level
    log.setLevel("INFO")
    yield found
    handler.setStream(before)
    log.setLevel(level)


def moved(client: Client, name: str, who: str, /, headers: dict[str, str], **given: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Make a move with headers of one's own; gives the answer."""
    given.setdefault("idempotencyKey", secrets.token_hex(8))
    document = f"mutation($input: {name[0].upper()}{name[1:]}Input!) {{ {name}(input: $input) {{ entry {{ seq }} errors {{ code }} }} }}"
    token = {"authorization": f"Bearer {client.issuer.token(who)}"}
    return client.raw(json.dumps({"query": document, "variables": {"input": given}}), **token, **headers)


def entries(services: Services, code: str, after: int) -> list[dict[str, Any]]:
    """Give the records of what a dossier's stream brings behind an entry."""
    subject = services.store.coded(code)
    assert subject
    return [record(one) for one in services.store.entries(subject, after, 100)]


def two_requests(client: Client, code: str) -> list[dict[str, Any]]:
    """Make two requests with ids of two kinds; gives the records of one batch."""
    first = moved(client, "completeStep", "OFFICER", {HEADER: FIRST}, dossier=code, step="CHECK")
    second = moved(client, "decideDossier", "OFFICER", {TRACE: TRACEPARENT}, dossier=code, outcome="GRANTED", reason="đủ điều kiện")
    assert [answer["headers"][HEADER] for answer in (first, second)] == [FIRST, SECOND]
    found = entries(client.services, code, 3)
    assert [json.loads(one["dynamodb"]["NewImage"]["line"]["S"])["request"] for one in found] == [FIRST, SECOND]
    return found


def test_two_requests_of_one_batch_are_each_followed_to_their_posts(
    client: Client, courier: RecordingCourier, join: Callable[..., Socket], written: Written
) -> None:
    code = client.assigned()
    watcher = join("OFFICER")
    watcher.subscribe(FOLLOW, code=code)
    batch = two_requests(client, code)
    before = len(courier.to(watcher.id))
    stream.handle({"Records": batch}, client.services)
    assert len(courier.to(watcher.id)) == before + 2
    for correlation, seq in ((FIRST, 4), (SECOND, 5)):
        assert written.of(correlation) == ["request", "delivered"]
        (delivered,) = [line for line in written.told("delivered") if line["correlation_id"] == correlation]
        assert (delivered["seq"], delivered["posted"], delivered["queued"]) == (seq, 1, 0)
        assert delivered["level"] == "INFO"
    assert {line["status"] for line in written.told("request")} == {200}
    assert {line["request"] for line in written.told("request")} == {"test-request"}, "as in the access log"


def test_parcels_carry_the_id_of_their_entry(
    client: Client, courier: RecordingCourier, join: Callable[..., Socket], written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audiences, "PART", 1)
    code, queue = client.assigned(), Kept()
    watchers = [join("OFFICER"), join("OFFICER")]
    for watcher in watchers:
        watcher.subscribe(FOLLOW, code=code)
    batch, services = two_requests(client, code), replace(client.services, queue=queue)
    before = len(courier.posts)
    stream.handle({"Records": batch}, services)
    assert len(courier.posts) == before
    assert {line["queued"] for line in written.told("delivered")} == {2}
    assert fanout.handle(queue.records(), services) == {"batchItemFailures": []}
    assert len(courier.posts) == before + 4
    for correlation in (FIRST, SECOND):
        assert written.of(correlation) == ["request", "delivered", "handed out", "handed out"]
    assert {(line["members"], line["posted"]) for line in written.told("handed out")} == {(1, 1)}


def test_a_parcel_that_waits_or_is_none_says_whose_it_is(client: Client, written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(*_: object) -> int:
        raise next(faults)

    code, queue = client.assigned(), Kept()
    faults = iter([Unavailable("the store did not answer"), Corrupt("no subject")])
    with correlated(FIRST):
        parcel = Parcel("dossier:x", 0, "x", "s", b"{}", (("c", "1"),), "1", None, current())
    queue.put([parcel])
    monkeypatch.setattr(fanout, "hand_out", refusing)
    assert len(fanout.handle(queue.records(), client.services)["batchItemFailures"]) == 1
    assert fanout.handle(queue.records(), client.services)["batchItemFailures"] == []
    assert [line["correlation_id"] for line in written.lines if line["level"] in {"WARNING", "CRITICAL"}] == [FIRST, FIRST]
    assert code


def test_what_a_push_could_not_be_made_of_is_told_by_the_id(
    client: Client, join: Callable[..., Socket], written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = client.assigned()
    watcher = join("OFFICER")
    watcher.subscribe(FOLLOW, code=code)
    watcher.heard()
    batch = two_requests(client, code)

    def failing(*_: object) -> bytes:
        raise ValueError("đủ điều kiện")

    monkeypatch.setattr(audiences, "payload", failing)
    stream.handle({"Records": batch}, client.services)
    (error,) = watcher.heard()
    assert error["payload"][0]["extensions"] == {"code": "INTERNAL", "correlationId": FIRST}
    (line,) = [line for line in written.lines if line["level"] == "ERROR"]
    assert line["correlation_id"] == FIRST
    assert "ValueError (" in line["exception"]
    assert "điều kiện" not in written.text


def test_a_message_of_a_socket_has_the_gateways_id(join: Callable[..., Socket], client: Client, written: Written) -> None:
    code = client.assigned()
    watcher = join("OFFICER")
    outcomes = {"ok": "subscribed", "query": "answered", "bad": "refused"}
    documents = {"ok": FOLLOW, "query": "{ __typename }", "bad": "subscription { nothing }"}
    for id_, document in documents.items():
        message = {"type": "subscribe", "id": id_, "payload": {"query": document, "variables": {"code": code}}}
        about = {"routeKey": "$default", "connectionId": watcher.id, "requestId": f"gateway-{id_}"}
        sockets.handle({"requestContext": about, "body": json.dumps(message)}, client.services)
    assert {line["correlation_id"]: line["outcome"] for line in written.told("operation")} == {
        f"gateway-{id_}": outcome for id_, outcome in outcomes.items()
    }
    (error,) = [message for message in watcher.heard() if message["type"] == "error"]
    assert error["payload"][0]["extensions"]["correlationId"] == "gateway-bad"


def test_a_read_that_is_an_access_is_followed_too(client: Client, written: Written) -> None:
    code = client.assigned()
    token = client.issuer.token("OFFICER")
    document = json.dumps({"query": "query($code: ID!) { dossier(code: $code) { applicant { name } } }", "variables": {"code": code}})
    client.raw(document, authorization=f"Bearer {token}", **{HEADER: FIRST})
    subject = client.services.store.coded(code)
    assert subject
    (access,) = client.services.store.accesses(subject, 0, 10)
    image = record(access.entry)
    del image["dynamodb"]["NewImage"]["unit_month"]
    stream.handle({"Records": [image]}, client.services)
    assert written.of(FIRST) == ["request", "delivered"]


def test_what_was_set_aside_and_taken_again_keeps_its_id(
    client: Client, tables: Any, written: Written, monkeypatch: pytest.MonkeyPatch  # noqa: ANN401 - a client of DynamoDB
) -> None:  # fmt: skip
    code, aside = client.assigned(), Aside()
    batch, services = two_requests(client, code), replace(client.services, aside=aside)

    def poisoned(services: Services, arrived: Any, render: Any) -> int:  # noqa: ANN401 - as it comes
        if any(one.entry.seq == 4 for one in arrived):
            raise ValueError("đủ điều kiện")
        return deliver(services, arrived, render)

    monkeypatch.setattr(stream, "deliver", poisoned)
    monkeypatch.setattr(taking, "PAUSES_S", ())
    assert stream.handle({"Records": batch}, services)["setAside"] == 1
    (letter,) = aside.kept
    assert isinstance(letter, Letter)
    (error,) = [line for line in written.lines if line["level"] == "ERROR"]
    assert (error["correlation_id"], "is set aside" in error["message"]) == (FIRST, True)
    assert written.of(SECOND) == ["request", "delivered"], "it has an id of its own"
    monkeypatch.setattr(stream, "deliver", deliver)
    found = again(tables, "test", letter)
    assert found
    stream.handle({"Records": [found]}, services)
    assert written.of(FIRST)[-1] == "delivered"
    assert "điều kiện" not in written.text


def test_an_entry_that_cannot_be_read_is_set_aside_without_an_id(client: Client, written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "PAUSES_S", ())
    (broken, *_) = entries(client.services, client.assigned(), 0)
    broken["dynamodb"]["NewImage"]["line"]["S"] = "{"
    aside = Aside()
    assert stream.handle({"Records": [broken]}, replace(client.services, aside=aside))["setAside"] == 1
    (error,) = [line for line in written.lines if line["level"] == "ERROR"]
    assert "correlation_id" not in error


def test_what_a_round_of_the_sweep_raises_is_pushed_under_the_rounds_id(written: Written) -> None:
    world = World(11)
    subject = world.received()
    world.store.keep_swept(moment(world.clock.now)[:13])
    first = len(world.store.entries(subject, 0, 100))
    world.clock.now += timedelta(days=40)
    rests: list[float] = []
    assert sweep.handle({}, world.services, rests.append, lambda: len(rests) < 2)["written"] == 4
    raised = world.store.entries(subject, first, 100)
    (round_,) = {one.correlation for one in raised}
    assert round_ == f"sweep:{moment(world.clock.now)}"
    stream.handle({"Records": [record(one) for one in raised]}, world.services)
    assert written.of(round_) == ["swept", *["delivered"] * 4]


def test_a_task_goes_on_under_the_id_of_what_it_follows_from(written: Written) -> None:
    world = World(15)
    subject = world.received()
    held = world.store.held(subject)
    assert held
    assert held.dossier.due_at
    day = legal_day(held.dossier.due_at)
    asking = Amending("amend", FIRST, day.isoformat())
    done = world.insisted(
        lambda: amend(world.services, ADMIN, Amendment("1/VPCP", date(2026, 1, 2), (Moved(day, OverrideKind.OFF),)), asking)
    )
    assert done
    for _ in range(2):
        world.insisted(lambda: tasks.handle({"Records": [record(done.entry)]}, world.services))
    assert written.of(FIRST) == ["begun"], "once"
    task = working.following_of(done.entry)
    assert task
    world.store.keep_swept(moment(world.clock.now)[:13])
    for _ in range(5):
        world.clock.now += timedelta(seconds=10)
        rests: list[float] = []
        sweep.handle({}, world.services, rests.append, lambda: len(rests) < 2)  # noqa: B023 - it is called at once
    chain = world.store.entries(working.id_of(task), 0, 100)
    assert len(chain) > 2
    assert {one.correlation for one in chain} == {FIRST}
    assert [one.correlation for one in world.store.entries(subject, 0, 100) if one.body["actor"]["id"] == "tasks"] == [FIRST]


# Whose id.


@pytest.mark.parametrize(
    ("headers", "id_"),
    [
        ({}, "gateway"),
        ({HEADER: FIRST}, FIRST),
        ({HEADER: FIRST.upper()}, FIRST.upper()),
        ({HEADER: SECOND}, SECOND),
        ({TRACE: TRACEPARENT}, SECOND),
        ({HEADER: FIRST, TRACE: TRACEPARENT}, FIRST),
        ({HEADER: "Nguyễn Văn An", TRACE: TRACEPARENT}, SECOND),
        ({HEADER: "0900000000"}, "gateway"),
        ({HEADER: "nguyen-van-an"}, "gateway"),
        ({HEADER: f"{SECOND}\n"}, "gateway"),
        ({HEADER: f"{SECOND}0"}, "gateway"),
        ({HEADER: f'{SECOND[:-1]}"'}, "gateway"),
        ({HEADER: SECOND.replace("4", "\uff14")}, "gateway"),
        ({TRACE: f"00-{'0' * 32}-00f067aa0ba902b7-01"}, "gateway"),
        ({TRACE: f"ff-{SECOND}-00f067aa0ba902b7-01"}, "gateway"),
        ({TRACE: TRACEPARENT.upper()}, "gateway"),
        ({TRACE: "x" * 100_000}, "gateway"),
    ],
)
def test_a_client_gives_an_id_only_in_a_form_that_holds_no_words(headers: dict[str, str], id_: str) -> None:
    assert asked(headers, "gateway") == id_


def test_without_a_gateway_an_id_is_made() -> None:
    one, other = asked({}, None), asked({}, None)
    assert one != other
    assert len(one) == 16


def test_every_answer_names_its_id(client: Client) -> None:
    for body, status in (("{", 400), (json.dumps({"query": "{ __typename }"}), 200), ("x" * (api.LONGEST_BYTES + 1), 413)):
        answer = client.raw(body, **{HEADER: FIRST})
        assert (answer["statusCode"], answer["headers"][HEADER]) == (status, FIRST)
    assert client.raw("{}", authorization="Bearer x")["headers"][HEADER] == "test-request"


def test_what_is_in_hand_is_so_until_the_block_is_left() -> None:
    with correlated(FIRST):
        with correlated(SECOND):
            assert current() == SECOND
        assert current() == FIRST
    assert current() is None


# What no line may hold.


def test_nothing_personal_and_nothing_secret_is_written(  # noqa: PLR0915 - one story, to its end
    client: Client,
    services: Services,
    join: Callable[..., Socket],
    written: Written,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log.setLevel("DEBUG")
    said = {name: f"{name}-ẩn-{secrets.token_hex(6)}" for name in ("name", "address", "reason", "opinion", "task", "note", "key", "bad")}
    person = {"name": said["name"], "phone": "0987 654 321", "address": said["address"], "identityNumber": "079123456789"}
    done = client.submitted(applicant=person, idempotencyKey=said["key"])
    code, slip = done["dossier"]["code"], done["trackingSecret"]
    client.done("receiveDossier", "RECEPTION", dossier=code, checked=["FORM", "DEED"])
    due = (services.now() + timedelta(days=5)).isoformat()
    lead = {"role": "LEAD", "unit": "22-XD", "officer": "officer-1", "responsibility": "r", "dueAt": due, "expectedResult": "e"}
    client.done("assignDossier", "HEAD", dossier=code, task=said["task"], **lead)
    watcher = join("OFFICER")
    watcher.subscribe(FOLLOW, code=code)
    join("OFFICER").subscribe(FOLLOW, code=code)
    tracking = "subscription($code: ID!, $secret: String) { dossierChanged(code: $code, secret: $secret) { id tracked { code } } }"
    join().subscribe(tracking, code=code, secret=slip)
    client.ask("query($c: ID!, $s: String!) { track(code: $c, secret: $s) { code } }", c=code, s=slip)
    client.ask("query($c: ID!, $s: String!) { track(code: $c, secret: $s) { code } }", c=code, s=said["bad"])
    client.ask("query($c: ID!) { dossier(code: $c) { applicant { name phone address identityNumber } } }", "OFFICER", c=code)
    client.ask(f'{{ dossier(code: "{said["bad"]}") {{ nothing }} }}', "OFFICER")
    client.move("decideDossier", "OFFICER", dossier=code, outcome="GRANTED", reason=said["reason"], at=due)
    token = client.issuer.token("OFFICER")
    for header in (f"Bearer {token}x", f"Bearer {said['bad']}", said["bad"]):
        client.raw("{}", authorization=header, **{HEADER: said["name"], TRACE: said["bad"]})
    client.raw(None, method="GET", query=f"query=%7B__typename%7D&secret={slip}", authorization=f"Bearer {token}")
    client.done("decideDossier", "OFFICER", dossier=code, outcome="GRANTED", reason=said["reason"])

    records, queue = entries(services, code, 0), Kept()
    subject = services.store.coded(code)
    accesses = [record(one.entry) for one in services.store.accesses(subject or "", 0, 100)]
    monkeypatch.setattr(audiences, "PART", 1)
    stream.handle({"Records": records + accesses}, replace(services, queue=queue))
    fanout.handle(queue.records(), services)
    tasks.handle({"Records": records}, services)

    # Faults whose messages hold what was being read.
    def failing(*_: object, **__: object) -> Any:  # noqa: ANN401 - it gives nothing
        raise ValueError(f"{person} {slip} {said}") from KeyError(token)

    with monkeypatch.context() as patch:
        patch.setattr(services.store, "coded", failing)
        asking = "query($c: ID!) { dossier(code: $c) { code } }"
        assert client.ask(asking, "OFFICER", c=code)["errors"][0]["extensions"]["code"] == "INTERNAL"
        watcher.subscribe(asking, "q", code=code)
        with pytest.raises(ValueError, match="name"):
            watcher.subscribe(FOLLOW, "s", code=code)
        patch.setattr(api, "EventView", failing)
        with pytest.raises(ValueError, match="name"):
            client.raw("{}")
        patch.setattr(audiences, "payload", failing)
        stream.handle({"Records": records}, services)
        patch.setattr(stream, "deliver", failing)
        patch.setattr(taking, "PAUSES_S", ())
        assert stream.handle({"Records": records}, replace(services, aside=Aside()))["setAside"] == len(records)

    levels = {line["level"] for line in written.lines}
    assert {"INFO", "WARNING", "ERROR"} <= levels
    assert {"request", "operation", "delivered", "handed out", "unexpected"} <= {line["message"] for line in written.lines}
    unsaid = [*said.values(), *person.values(), slip, token, token.rpartition(".")[2], "Bearer"]
    assert [text for text in unsaid if text in written.text] == []


def test_what_a_function_raises_tells_its_kind_and_place_alone(monkeypatch: pytest.MonkeyPatch, services: Services) -> None:
    monkeypatch.setattr("handlers.services", lambda: services)
    seen: list[str | None] = []

    def failing(event: dict[str, Any], _: Services) -> dict[str, Any]:
        seen.append(current())
        raise event["fault"]

    handler = entry(failing)
    with pytest.raises(Failed, match=r"ValueError \(.*test_correlation\.py:\d+\)$") as raised:
        handler({"fault": ValueError("Nguyễn Văn An")}, SimpleNamespace(aws_request_id=FIRST))
    assert "Nguyễn" not in str(raised.value)
    with pytest.raises(Unavailable, match="the store did not answer"):
        handler({"fault": Unavailable("the store did not answer")}, None)
    assert seen[0] == FIRST, "work without a request has the id of its run"
    assert seen[1]


def test_a_fault_is_told_with_what_caused_it(written: Written) -> None:
    def failing() -> None:
        raise KeyError("Nguyễn Văn An") from ValueError("Nguyễn Văn An")

    with pytest.raises(KeyError) as raised:
        failing()
    log.error("unexpected", exc_info=raised.value)
    (line,) = written.lines
    assert line["exception"] == f"{kind(raised.value)} < ValueError ()"
    assert line["exception"].startswith("KeyError (test_correlation.py:")
    assert "Nguyễn" not in written.text
