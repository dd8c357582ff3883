"""WebSocket events through `handlers.sockets`, and what the stream pushes to those who watch."""

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import boto3
import orjson
import pytest

from casework.live.connection import OPERATIONS, TOMBSTONE, Operation
from casework.live.topics import dossier_topic
from casework.model.record import DossierId
from casework.ports import Services
from handlers import rendering, sockets, stream
from local.engine import Engine
from local.home import REGION
from schema.execution import rendered
from tests.support import SUBMISSION, Client, Issuer, RecordingCourier, SettableClock, present

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PROTOCOL = {"Sec-WebSocket-Protocol": "graphql-transport-ws"}
WATCH = """subscription Watch($code: ID!, $after: String) { dossierChanged(code: $code, after: $after) {
    id cursor gap ready at count version entry { seq action } dossier { code entries applicant { name } } tracked { code } } }"""
TRACK = """subscription($code: ID!, $secret: String) { dossierChanged(code: $code, secret: $secret) {
    cursor ready entry { seq } dossier { code } tracked { code state unit { code } clock { dueAt intervals { holder officer } } } } }"""


@dataclass
class Socket:
    """A client's end: says messages, hears what was posted to it since it last listened."""

    services: Services
    courier: RecordingCourier
    id: str = field(default_factory=lambda: f"conn-{secrets.token_hex(6)}")
    listened: int = 0

    def event(self, route: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - parts of an event
        return sockets.handle({"requestContext": {"routeKey": route, "connectionId": self.id}, **more}, self.services)

    def connect(self, **headers: str) -> dict[str, Any]:
        return self.event("$connect", headers={**PROTOCOL, **headers})

    def text(self, text: str | None) -> None:
        assert self.event("$default", body=text) == {"statusCode": 200}

    def say(self, kind: str, **more: Any) -> None:  # noqa: ANN401 - JSON
        self.text(json.dumps({"type": kind, **more}))

    def subscribe(self, document: str, id_: str = "1", **variables: Any) -> None:  # noqa: ANN401 - JSON
        self.say("subscribe", id=id_, payload={"query": document, "variables": variables})

    def heard(self) -> list[dict[str, Any]]:
        every = self.courier.to(self.id)
        found = every[self.listened :]
        self.listened = len(every)
        return found

    def events(self) -> list[dict[str, Any]]:
        """What was heard, each a `next` without errors, as events of dossierChanged."""
        heard = self.heard()
        assert all(message["type"] == "next" and "errors" not in message["payload"] for message in heard), heard
        return [message["payload"]["data"]["dossierChanged"] for message in heard]

    @property
    def closed(self) -> list[int]:
        return [code for there, code, _ in self.courier.closed if there == self.id]


@pytest.fixture
def opened(services: Services, courier: RecordingCourier) -> Socket:
    socket = Socket(services, courier)
    assert socket.connect()["statusCode"] == 200
    return socket


@pytest.fixture
def join(services: Services, courier: RecordingCourier, issuer: Issuer) -> Iterator[Callable[..., Socket]]:
    """Give a socket that has been acknowledged, as that role; all go when the test ends."""
    sockets_: list[Socket] = []

    def joined(who: str | None = None, subject: str | None = None, units: tuple[str, ...] | None = None, **claims: Any) -> Socket:  # noqa: ANN401 - claims
        sockets_.append(socket := Socket(services, courier))
        socket.connect()
        payload = {"authorization": f"Bearer {issuer.token(who, subject, units, **claims)}"} if who else {}
        socket.say("connection_init", payload=payload)
        assert socket.heard() == [{"type": "connection_ack"}]
        return socket

    yield joined
    for socket in sockets_:
        services.store.disconnect(socket.id)


@pytest.fixture
def tables(engine: Engine, services: Services) -> "DynamoDBClient":
    assert services
    return boto3.client("dynamodb", endpoint_url=engine.endpoint, region_name=REGION)


@pytest.fixture
def pump(tables: "DynamoDBClient", services: Services) -> Callable[..., None]:
    """Hand a dossier's entries to the stream's handler, as the engine would."""

    def pumped(code: str, after: int = 0, upto: int = 10_000) -> None:
        subject = services.store.coded(code)
        assert subject
        rows = tables.query(
            TableName="giamsat-test-trail", KeyConditionExpression="subject = :s", ExpressionAttributeValues={":s": {"S": subject}}
        )
        items = [item for item in rows["Items"] if after < int(item["seq"]["S"][2:]) <= upto]
        records = [{"eventName": "INSERT", "dynamodb": {"Keys": {k: i[k] for k in ("subject", "seq")}, "NewImage": i}} for i in items]
        assert stream.handle({"Records": records}, services) == {"batchItemFailures": []}

    return pumped


def stepped(client: Client, code: str, step: str = "CHECK") -> None:
    assert client.move("completeStep", "OFFICER", dossier=code, step=step)["errors"] == []


def rows(services: Services, code: str) -> int:
    subject = services.store.coded(code)
    assert subject
    return len(services.store.subscriptions(dossier_topic(subject), services.now()))


# Connecting.


@pytest.mark.parametrize("offered", ["graphql-transport-ws", "graphql-ws, graphql-transport-ws", " graphql-transport-ws ,x"])
def test_connect_echoes_the_one_subprotocol(services: Services, courier: RecordingCourier, offered: str) -> None:
    answer = Socket(services, courier).event("$connect", headers={"sec-websocket-PROTOCOL": offered})
    assert answer == {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "graphql-transport-ws"}}


@pytest.mark.parametrize("headers", [None, {}, {"Sec-WebSocket-Protocol": "graphql-ws"}, {"Sec-WebSocket-Protocol": ""}])
def test_without_the_subprotocol_there_is_no_connection(
    services: Services, courier: RecordingCourier, headers: dict[str, str] | None
) -> None:
    socket = Socket(services, courier)
    assert socket.event("$connect", headers=headers)["statusCode"] == 400
    assert services.store.connection(socket.id, services.now()) is None


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:8000", 200), ("http://localhost:3000", 200), ("http://[::1]:8000", 200), ("https://pages.example", 200),
        ("", 200),
        ("https://evil.example", 403), ("https://127.0.0.1.evil.example", 403), ("https://pages.example.evil", 403), ("null", 403),
        ("http://pages.example", 403),
    ],
)  # fmt: skip
def test_pages_of_other_origins_may_not_connect(services: Services, courier: RecordingCourier, origin: str, status: int) -> None:
    socket = Socket(replace(services, origins=frozenset({"https://pages.example"})), courier)
    assert socket.connect(Origin=origin)["statusCode"] == status
    assert (services.store.connection(socket.id, services.now()) is not None) is (status == 200)


def test_init_is_acknowledged_once(opened: Socket) -> None:
    opened.say("connection_init")
    assert opened.heard() == [{"type": "connection_ack"}]
    opened.say("connection_init")
    assert opened.closed == [4429]
    assert opened.heard() == []


def test_pings_are_answered_before_and_after_init(opened: Socket) -> None:
    opened.say("ping")
    opened.say("ping", payload={"n": 1})
    opened.say("pong")
    opened.say("connection_init", payload=None)
    opened.say("ping")
    opened.say("pong", payload={})
    assert opened.heard() == [{"type": "pong"}, {"type": "pong", "payload": {"n": 1}}, {"type": "connection_ack"}, {"type": "pong"}]
    assert opened.closed == []


def test_nothing_is_done_before_init(opened: Socket) -> None:
    opened.say("complete", id="1")
    assert opened.closed == [], "an id that is not known is nothing"
    opened.say("subscribe", id="1", payload={"query": "{ viewer { role } }"})
    assert opened.closed == [4401]
    assert opened.heard() == []


def test_whoever_does_not_say_in_time_who_he_is_is_let_go(opened: Socket, join: Callable[..., Socket]) -> None:
    known = join()
    for socket in (known, opened):
        socket.event("$waited")
    assert (known.closed, opened.closed) == ([], [4408])


@pytest.mark.parametrize(
    "text",
    [
        None, "", "null", "5", "[]", "x", "{", "{}", '{"type":5}', '{"type":"start"}', '{"type":"ping","payload":5}',
        '{"type":"subscribe"}',
        '{"type":"subscribe","id":"1"}', '{"type":"subscribe","id":"1","payload":{}}',
        '{"type":"subscribe","id":"","payload":{"query":"{a}"}}',
        '{"type":"subscribe","id":5,"payload":{"query":"{a}"}}', '{"type":"subscribe","id":"1","payload":{"query":5}}',
        '{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":[]}}', '{"type":"complete"}',
        '{"type":"connection_init","payload":"x"}',
        '{"type":"ping","payload":{"x":"' + "x" * 33_000 + '"}}', "[" * 30_000, '{"type":"ping","payload":{"x":"\\ud800"}}',
    ],
)  # fmt: skip
def test_what_is_no_message_ends_the_connection(join: Callable[..., Socket], text: str | None) -> None:
    socket = join()
    socket.text(text)
    assert socket.closed == [4400]
    assert socket.heard() == []


def test_an_unknown_connection_is_told_to_come_again(services: Services, courier: RecordingCourier) -> None:
    socket = Socket(services, courier)
    socket.say("connection_init")
    assert socket.closed == [4408]


def test_a_connection_lives_two_hours(opened: Socket, clock: SettableClock) -> None:
    clock.ahead = timedelta(hours=2, seconds=1)
    opened.say("ping")
    assert opened.closed == [4408]


# Tokens.


@pytest.mark.parametrize("authorization", ["Bearer x", "x", "", "Basic abc"])
def test_a_bad_token_is_acknowledged_and_each_operation_refused(opened: Socket, authorization: str) -> None:
    opened.say("connection_init", payload={"authorization": authorization})
    assert opened.heard() == [{"type": "connection_ack"}]
    for id_, document in (("1", "{ viewer { role } }"), ("2", WATCH), ("1", "{ viewer { role } }")):
        opened.subscribe(document, id_, code="x")
        (message,) = opened.heard()
        assert (message["type"], message["id"]) == ("error", id_)
        assert message["payload"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert message["payload"][0]["extensions"]["correlationId"]
    assert opened.closed == []


def test_a_token_that_is_not_a_text_is_no_token(opened: Socket) -> None:
    opened.say("connection_init", payload={"authorization": 5})
    opened.subscribe("{ viewer { role } }")
    assert opened.heard()[1]["payload"]["data"] == {"viewer": {"role": "PUBLIC"}}


def test_an_operation_after_the_token_is_refused(join: Callable[..., Socket], clock: SettableClock) -> None:
    socket = join("OFFICER", exp=int(present().timestamp()) + 60)
    clock.ahead = timedelta(seconds=61)
    socket.subscribe("{ viewer { role } }")
    (message,) = socket.heard()
    assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "UNAUTHENTICATED")


# Queries and mutations.


def test_a_query_gives_next_and_complete(join: Callable[..., Socket]) -> None:
    socket = join("HEAD")
    socket.subscribe('query($l: Language!) { viewer { role sub } procedure(code: "KN-01") { title(lang: $l) } }', "q", l="EN")
    heard = socket.heard()
    assert [message["type"] for message in heard] == ["next", "complete"]
    assert all(message["id"] == "q" for message in heard)
    assert heard[0]["payload"] == {
        "data": {"viewer": {"role": "HEAD", "sub": "head-1"}, "procedure": {"title": "First settlement of a complaint"}}
    }
    socket.subscribe("{ viewer { role } }", "q")  # the id is free again
    assert [message["type"] for message in socket.heard()] == ["next", "complete"]


def test_a_mutation_gives_next_and_complete(join: Callable[..., Socket]) -> None:
    document = "mutation($input: SubmitDossierInput!) { submitDossier(input: $input) { dossier { code version } errors { code } } }"
    given = {**SUBMISSION, "idempotencyKey": secrets.token_hex(8)}
    socket = join("CITIZEN")
    codes = set()
    for id_ in ("1", "2"):
        socket.subscribe(document, id_, input=given)
        following, complete = socket.heard()
        codes.add(following["payload"]["data"]["submitDossier"]["dossier"]["code"])
        assert complete == {"id": id_, "type": "complete"}
    assert len(codes) == 1


def test_errors_beside_data_come_with_it(join: Callable[..., Socket]) -> None:
    socket = join()
    socket.subscribe('{ viewer { role } dueIfReceived(procedure: "XD-01", at: "1900-01-01T00:00:00Z") { dueAt } }')
    payload = socket.heard()[0]["payload"]
    assert payload["data"] == {"viewer": {"role": "PUBLIC"}, "dueIfReceived": None}
    assert payload["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("{", "BAD_USER_INPUT"), ("subscription {", "BAD_USER_INPUT"), ("{ nonsense }", "BAD_USER_INPUT"),
        ("subscription { nonsense }", "BAD_USER_INPUT"),
        ("subscription { dossierChanged { cursor } }", "BAD_USER_INPUT"), ('subscription { dossierChanged(code: "x") }', "BAD_USER_INPUT"),
        ('subscription { a: dossierChanged(code: "x") { cursor } b: dossierChanged(code: "x") { cursor } }', "BAD_USER_INPUT"),
        ("subscription { __typename }", "BAD_USER_INPUT"),
        ('subscription { ...F } fragment F on Subscription { dossierChanged(code: "x") { cursor } }', "BAD_USER_INPUT"),
        ("subscription($c: ID!) { dossierChanged(code: $c) { cursor } }", "BAD_USER_INPUT"),
        ("fragment F on Query { viewer { role } }", "BAD_USER_INPUT"),
        ('subscription { dossierChanged(code: "x") { dossier { trail(first: 5001) { nodes { seq } } } } }', "COST_EXCEEDED"),
        ("{ units(first: 100) { nodes { children(first: 100) { nodes { code } } } } }", "COST_EXCEEDED"),
        ("subscription { " + "x " * 5000 + "}", "COST_EXCEEDED"), ("{ viewer { " + "role " * 5000 + "} }", "COST_EXCEEDED"),
        ('subscription { dossierChanged(code: "x") { cursor } }', "FORBIDDEN"),
    ],
)  # fmt: skip
def test_a_wrong_operation_is_an_error_and_the_socket_lives(join: Callable[..., Socket], document: str, code: str) -> None:
    socket = join("HEAD")
    socket.subscribe(document)
    (message,) = socket.heard()
    assert (message["type"], message["id"]) == ("error", "1")
    assert {error["extensions"]["code"] for error in message["payload"]} == {code}
    assert all(error["extensions"]["correlationId"] for error in message["payload"])
    socket.subscribe("{ viewer { role } }")
    assert [told["type"] for told in socket.heard()] == ["next", "complete"]
    assert socket.closed == []


def test_an_id_in_use_ends_the_connection(join: Callable[..., Socket], client: Client) -> None:
    socket = join("HEAD")
    code = client.assigned()
    socket.subscribe(WATCH, code=code)
    assert len(socket.events()) == 1
    socket.subscribe(WATCH, code=code)
    assert socket.closed == [4409]
    assert socket.heard() == []


def test_a_connection_bears_so_many_operations(join: Callable[..., Socket], services: Services, client: Client) -> None:
    socket = join("HEAD")
    for number in range(OPERATIONS):
        services.store.begin(Operation(socket.id, f"op-{number}", services.now() + timedelta(hours=1)), OPERATIONS, services.now())
    socket.subscribe(WATCH, "one-too-many", code=client.assigned())
    assert socket.closed == [4429]
    assert socket.heard() == []


# A dossier, watched.


def test_ready_comes_first_and_then_each_entry_once(join: Callable[..., Socket], client: Client, pump: Callable[..., None]) -> None:
    code = client.assigned()
    socket = join("HEAD")
    socket.subscribe(WATCH, code=code)
    (ready,) = socket.events()
    assert (ready["ready"], ready["cursor"], ready["gap"], ready["count"], ready["version"]) == (True, "3", False, 0, None)
    assert (ready["entry"], ready["dossier"], ready["tracked"]) == (None, None, None)
    for step in ("CHECK", "SITE", "DRAFT"):
        stepped(client, code, step)
    pump(code)  # from the very beginning: what it has seen is not told again
    events = socket.events()
    actions = {4: "STEP_COMPLETED", 5: "STEP_COMPLETED", 6: "ALERT_RAISED", 7: "STEP_COMPLETED"}
    assert [event["cursor"] for event in events] == [str(n) for n in actions]
    assert [event["entry"] for event in events] == [{"seq": n, "action": action} for n, action in actions.items()]
    assert [(event["ready"], event["gap"], event["count"]) for event in events] == [(False, False, 1)] * 4
    assert [event["version"] for event in events] == [4, 5, None, 6], "an alert makes nobody's version stale"
    assert all(event["dossier"]["entries"] == 7 for event in events)  # as it is now, never older
    assert len({event["id"] for event in [ready, *events]}) == 5
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_after_replays_what_was_missed(join: Callable[..., Socket], client: Client, pump: Callable[..., None], after: int) -> None:
    code = client.assigned()
    socket = join("HEAD")
    socket.subscribe(WATCH, code=code, after=str(after))
    ready, *events = socket.events()
    assert (ready["ready"], ready["cursor"]) == (True, str(after))
    assert [event["cursor"] for event in events] == [str(n) for n in range(after + 1, 4)]
    pump(code)
    assert socket.events() == []
    stepped(client, code)
    pump(code)
    assert [event["cursor"] for event in socket.events()] == ["4"]


def test_after_may_stand_in_the_document(join: Callable[..., Socket], client: Client) -> None:
    socket = join("HEAD")
    socket.subscribe(f'subscription {{ dossierChanged(code: "{client.assigned()}", after: "1") {{ cursor }} }}')
    assert [event["cursor"] for event in socket.events()] == ["1", "2", "3"]


@pytest.mark.parametrize("after", ["x", "", "-1", "4", "1.5", "٢", " 1", "9" * 30])
def test_an_after_that_is_no_cursor_is_bad_user_input(join: Callable[..., Socket], client: Client, services: Services, after: str) -> None:
    code = client.assigned()
    socket = join("HEAD")
    socket.subscribe(WATCH, code=code, after=after)
    (message,) = socket.heard()
    assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "BAD_USER_INPUT")
    assert rows(services, code) == 0


def test_what_is_written_before_going_live_is_neither_lost_nor_doubled(
    join: Callable[..., Socket], client: Client, services: Services, pump: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    code = client.assigned()
    socket = join("HEAD")
    wrapped, steps = services.store.go_live, ["CHECK", "SITE"]

    def go_live(row: Any, seen: int) -> bool:  # noqa: ANN401 - as the store takes it
        if steps:
            stepped(client, code, steps.pop(0))
            pump(code, after=seen)  # the stream is faster: the row still replays, so it is passed over
        return wrapped(row, seen)

    monkeypatch.setattr(services.store, "go_live", go_live)
    socket.subscribe(WATCH, code=code)
    assert [event["cursor"] for event in socket.events()] == ["3", "4", "5"]
    pump(code)  # and slower
    assert socket.events() == []
    stepped(client, code, "DRAFT")
    pump(code)
    assert [event["cursor"] for event in socket.events()] == ["6", "7"]  # that it was at risk, and that it is done


def test_two_subscriptions_of_one_connection_hear_apart(join: Callable[..., Socket], client: Client, pump: Callable[..., None]) -> None:
    codes = [client.assigned(), client.assigned()]
    socket = join("HEAD")
    for id_, code in zip("ab", codes, strict=True):
        socket.subscribe(WATCH, id_, code=code)
    socket.heard()
    stepped(client, codes[1])
    pump(codes[1])
    pump(codes[0])
    assert [message["id"] for message in socket.heard()] == ["b"]


def test_a_backlog_longer_than_a_page_is_replayed_whole(
    join: Callable[..., Socket], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("casework.following.PAGE", 2)
    code = client.assigned()
    for step in ("CHECK", "SITE", "DRAFT"):
        stepped(client, code, step)
    socket = join("HEAD")
    socket.subscribe(WATCH, code=code, after="0")
    assert [event["cursor"] for event in socket.events()] == [str(n) for n in range(8)]


# Who hears what.


def test_cursors_are_dense_for_those_who_see_a_part(join: Callable[..., Socket], client: Client, pump: Callable[..., None]) -> None:
    code = client.assigned()
    applicant, lead, reception = join("CITIZEN"), join("OFFICER"), join("RECEPTION")
    for socket in (applicant, lead, reception):
        socket.subscribe(WATCH, code=code, after="0")
    stepped(client, code)
    pump(code)
    heard = [socket.events() for socket in (applicant, lead, reception)]
    assert all([event["cursor"] for event in events] == ["0", "1", "2", "3", "4"] for events in heard)
    shown = [[event["entry"]["seq"] for event in events if event["entry"]] for events in heard]
    assert shown == [[1, 2, 3, 4], [4], []]
    assert all(event["dossier"]["code"] == code for events in heard for event in events[1:])


def test_a_secret_shows_tracked_alone(join: Callable[..., Socket], client: Client, pump: Callable[..., None]) -> None:
    opened = client.submitted()
    code, secret = opened["dossier"]["code"], opened["trackingSecret"]
    public, head = join(), join("HEAD")
    for number, socket in enumerate((public, head)):
        socket.subscribe(TRACK, code=code, secret=secret.lower().replace("-", " ") if number else secret)
        (ready,) = socket.events()
        assert (ready["ready"], ready["tracked"]) == (True, None)
    assert client.move("receiveDossier", "RECEPTION", dossier=code, checked=["FORM", "DEED"])["errors"] == []
    due = (present() + timedelta(days=3)).isoformat()
    assert client.move("assignDossier", "HEAD", dossier=code, role="LEAD", unit="22-XD", officer="officer-1", task="t", responsibility="r",
                       dueAt=due, expectedResult="e")["errors"] == []  # fmt: skip
    pump(code)
    for socket in (public, head):
        events = socket.events()
        assert [event["cursor"] for event in events] == ["2", "3"]
        assert all(event["entry"] is None and event["dossier"] is None for event in events)
        assert {"code": code, "state": "IN_PROCESS", "unit": {"code": "22-XD"}}.items() <= events[1]["tracked"].items()
        assert [i["officer"] for i in events[1]["tracked"]["clock"]["intervals"]] == [None, None]


def _refusal(socket: Socket, document: str, **variables: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    socket.subscribe(document, secrets.token_hex(4), **variables)
    (message,) = socket.heard()
    assert message["type"] == "error"
    error = dict(message["payload"][0])
    error["extensions"] = {"code": error["extensions"]["code"]}
    return error


def test_a_wrong_secret_an_unknown_code_and_a_hidden_dossier_are_told_alike(join: Callable[..., Socket], client: Client) -> None:
    opened = client.submitted()
    code, secret = opened["dossier"]["code"], opened["trackingSecret"]
    other = client.submitted()["trackingSecret"]
    public = join()
    told = [
        _refusal(public, TRACK, code=code, secret=other[:-1]),
        _refusal(public, TRACK, code=code, secret=other),
        _refusal(public, TRACK, code=code, secret=""),
        _refusal(public, TRACK, code="22-XD-260101-9999", secret=secret),
        _refusal(public, WATCH, code=code),
        _refusal(public, WATCH, code=code, after="99"),
        _refusal(public, WATCH, code="22-XD-260101-9999"),
        _refusal(join("CITIZEN", "citizen-2"), WATCH, code=code),
        _refusal(join("ADMIN"), WATCH, code=code),
        _refusal(join("HEAD"), TRACK, code=code, secret=other),
    ]
    assert all(error == told[0] for error in told)
    assert told[0]["extensions"] == {"code": "FORBIDDEN"}


def test_a_secret_in_the_document_is_refused(join: Callable[..., Socket], client: Client, services: Services) -> None:
    opened = client.submitted()
    code, secret = opened["dossier"]["code"], opened["trackingSecret"]
    error = _refusal(join(), f'subscription {{ dossierChanged(code: "{code}", secret: "{secret}") {{ cursor }} }}')
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}
    assert secret not in error["message"]
    assert rows(services, code) == 0


def test_the_variable_of_a_secret_is_for_nothing_else(join: Callable[..., Socket], client: Client) -> None:
    opened = client.submitted()
    document = """subscription($code: ID!, $secret: String!) { dossierChanged(code: $code, secret: $secret) {
        tracked { code @skip(if: false) } ... on DossierEvent @include(if: $secret) { cursor } } }"""
    error = _refusal(join(), document, code=opened["dossier"]["code"], secret=opened["trackingSecret"])
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}
    reused = "subscription($secret: String!) { dossierChanged(code: $secret, secret: $secret) { cursor } }"
    assert _refusal(join(), reused, secret=opened["trackingSecret"])["extensions"] == {"code": "BAD_USER_INPUT"}


def test_one_who_loses_sight_hears_so_and_nothing_more(
    join: Callable[..., Socket], client: Client, services: Services, pump: Callable[..., None]
) -> None:
    officer = services.store.officer("officer-1")
    assert officer
    services.store.register([replace(officer, code="officer-6")], "22")
    code = client.assigned()
    old, head = join("OFFICER"), join("HEAD")
    for socket in (old, head):
        socket.subscribe(WATCH, code=code)
        assert len(socket.events()) == 1
    due = (present() + timedelta(days=3)).isoformat()
    assert client.move("assignDossier", "HEAD", dossier=code, role="LEAD", unit="22-XD", officer="officer-6", task="t", responsibility="r",
                       dueAt=due, expectedResult="e")["errors"] == []  # fmt: skip
    pump(code)
    (message,) = old.heard()
    assert (message["type"], message["id"], message["payload"][0]["extensions"]["code"]) == ("error", "1", "FORBIDDEN")
    assert [event["cursor"] for event in head.events()] == ["4"]
    assert client.move("completeStep", "OFFICER", "officer-6", dossier=code, step="CHECK")["errors"] == []
    pump(code)
    assert old.heard() == []
    assert [event["cursor"] for event in head.events()][-1] == "5"
    assert rows(services, code) == 1


def test_one_whose_token_expires_hears_so_and_nothing_more(
    join: Callable[..., Socket], client: Client, services: Services, clock: SettableClock, pump: Callable[..., None]
) -> None:
    code = client.assigned()
    short, long = join("HEAD", exp=int(present().timestamp()) + 60), join("HEAD")
    for socket in (short, long):
        socket.subscribe(WATCH, code=code)
        assert len(socket.events()) == 1
    stepped(client, code)
    clock.ahead = timedelta(seconds=61)
    pump(code)
    (message,) = short.heard()
    assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "UNAUTHENTICATED")
    assert len(long.events()) == 1
    pump(code)
    assert short.heard() == []
    assert rows(services, code) == 1


# Ends.


def test_a_connection_that_is_too_old_comes_again_though_its_token_is_good(
    join: Callable[..., Socket], client: Client, clock: SettableClock, pump: Callable[..., None]
) -> None:
    code, old = client.assigned(), join("HEAD", exp=int(present().timestamp()) + 10**6)
    old.subscribe(WATCH, code=code)
    old.heard()
    client.done("raiseBlocker", "SUPERVISOR", dossier=code, reason="x", stopsClock=False)
    clock.ahead = timedelta(hours=2, seconds=1)
    pump(code)
    assert (old.closed, old.heard()) == ([4408], [])


def test_complete_ends_it(join: Callable[..., Socket], client: Client, services: Services, pump: Callable[..., None]) -> None:
    code = client.assigned()
    socket = join("HEAD")
    socket.subscribe(WATCH, code=code)
    socket.heard()
    socket.say("complete", id="1")
    assert rows(services, code) == 0
    stepped(client, code)
    pump(code)
    assert socket.heard() == []
    socket.subscribe(WATCH, "2", code=code, after="3")
    assert [event["cursor"] for event in socket.events()] == ["3", "4"]


def test_a_complete_that_overtakes_its_subscribe_wins(join: Callable[..., Socket], client: Client, services: Services) -> None:
    code = client.assigned()
    socket = join("HEAD")
    socket.say("complete", id="1")
    socket.subscribe(WATCH, code=code)
    assert socket.heard() == []
    assert rows(services, code) == 0
    assert socket.closed == []
    socket.subscribe(WATCH, code=code)  # the tombstone served once
    assert len(socket.events()) == 1


def test_a_tombstone_does_not_wait_for_ever(join: Callable[..., Socket], client: Client, clock: SettableClock) -> None:
    socket = join("HEAD")
    socket.say("complete", id="1")
    clock.ahead = TOMBSTONE + timedelta(seconds=2)
    socket.subscribe(WATCH, code=client.assigned())
    assert len(socket.events()) == 1


def test_a_client_that_completes_while_it_is_brought_up_to_date_hears_no_more(
    join: Callable[..., Socket], client: Client, services: Services, pump: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    code = client.assigned()
    socket = join("HEAD")
    wrapped = services.store.go_live

    def go_live(row: Any, seen: int) -> bool:  # noqa: ANN401 - as the store takes it
        socket.say("complete", id="1")
        return wrapped(row, seen)

    monkeypatch.setattr(services.store, "go_live", go_live)
    socket.subscribe(WATCH, code=code)
    assert len(socket.events()) == 1
    stepped(client, code)
    pump(code)
    assert socket.heard() == []
    assert rows(services, code) == 0


def test_a_document_that_grows_when_it_is_written_out_is_refused_at_once(join: Callable[..., Socket], client: Client) -> None:
    """Some characters are written as escapes, six for one: what fits now could not be executed at the next event."""
    socket, code = join("INSPECTOR"), client.assigned()
    long = "\x7f" * 7_000
    selected = f'dossier {{ unit {{ officers(first: 1, after: "{long}") {{ nodes {{ code }} }} }} }}'
    query = f"subscription($code: ID!) {{ dossierChanged(code: $code) {{ cursor {selected} }} }}"
    assert len(query) < 8_000
    message = {"type": "subscribe", "id": "1", "payload": {"query": query, "variables": {"code": code}}}
    socket.event("$default", body=orjson.dumps(message).decode())
    (told,) = socket.heard()
    assert (told["type"], told["payload"][0]["extensions"]["code"]) == ("error", "COST_EXCEEDED")


def test_disconnect_takes_everything_along(
    join: Callable[..., Socket], client: Client, services: Services, tables: "DynamoDBClient", pump: Callable[..., None]
) -> None:
    code = client.assigned()
    socket = join("HEAD")
    socket.subscribe(WATCH, code=code)
    socket.subscribe(WATCH, "2", code=code)
    assert rows(services, code) == 2
    assert socket.event("$disconnect") == {"statusCode": 200}
    assert rows(services, code) == 0
    left = [item for item in scanned(tables) if socket.id in json.dumps(item)]
    assert all(item["pk"]["S"].startswith("OWED#") for item in left), "what was begun is looked after by the heartbeat"
    topic = dossier_topic(services.store.coded(code) or "")
    assert services.store.watched([topic], services.now()) == {topic: False}
    socket.event("$disconnect")  # it may come twice
    stepped(client, code)
    pump(code)
    assert len(socket.heard()) == 2  # the two READYs of before


def test_a_connection_that_is_gone_is_forgotten_at_the_next_post(
    join: Callable[..., Socket], client: Client, services: Services, courier: RecordingCourier, pump: Callable[..., None]
) -> None:
    code = client.assigned()
    gone, here = join("HEAD"), join("HEAD")
    for socket in (gone, here):
        socket.subscribe(WATCH, code=code)
        socket.heard()
    courier.gone.add(gone.id)
    stepped(client, code)
    pump(code)
    assert len(here.events()) == 1
    assert rows(services, code) == 1
    assert services.store.connection(gone.id, services.now()) is None


def test_a_client_that_is_gone_before_ready_leaves_nothing(
    join: Callable[..., Socket], client: Client, services: Services, courier: RecordingCourier
) -> None:
    code = client.assigned()
    socket = join("HEAD")
    courier.gone.add(socket.id)
    socket.subscribe(WATCH, code=code, after="0")
    assert rows(services, code) == 0
    assert services.store.connection(socket.id, services.now()) is None


# One execution for many.


@pytest.fixture
def executions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note the decision of each event that is executed."""
    found: list[str] = []
    wrapped = rendered

    def noted(*given: Any) -> bytes:  # noqa: ANN401 - as the schema takes it
        found.append(repr(sorted(given[2].relations)))
        return wrapped(*given)

    monkeypatch.setattr(rendering, "rendered", noted)
    return found


def test_an_event_is_executed_once_for_a_cohort(
    join: Callable[..., Socket], client: Client, executions: list[str], pump: Callable[..., None]
) -> None:
    code = client.assigned()
    heads = [join("HEAD") for _ in range(6)]
    for number, socket in enumerate(heads):
        socket.subscribe(WATCH, f"op-{number}", code=code, after=str(number % 4))
    supervisors = [join("SUPERVISOR") for _ in range(3)]
    for socket in supervisors:
        socket.subscribe(WATCH, code=code)
    for socket in (*heads, *supervisors):
        socket.heard()
    executions.clear()
    stepped(client, code)
    pump(code)
    assert len(executions) == 2
    assert len(set(executions)) == 2
    payloads = [json.dumps(socket.events()) for socket in heads]
    assert len(set(payloads)) == 1
    assert all(len(socket.heard()) == 1 for socket in supervisors)


def test_those_of_one_cohort_who_may_see_different_things_are_told_apart(
    join: Callable[..., Socket], client: Client, executions: list[str], pump: Callable[..., None]
) -> None:
    code = client.assigned()
    due = (present() + timedelta(days=3)).isoformat()
    given = {"role": "COORDINATING", "unit": "22-MT", "task": "t", "dueAt": due, "expectedResult": "e"}
    assert client.move("assignDossier", "HEAD", dossier=code, **given)["errors"] == []
    lead, other = join("OFFICER"), join("OFFICER", "officer-2")
    for socket in (lead, other):
        socket.subscribe(WATCH, code=code)
        socket.heard()
    executions.clear()
    stepped(client, code)
    pump(code)
    assert len(executions) == 2
    assert [socket.events()[0]["entry"] for socket in (lead, other)] == [{"seq": 5, "action": "STEP_COMPLETED"}, None]


def test_other_documents_and_variables_are_other_cohorts(
    join: Callable[..., Socket], client: Client, executions: list[str], pump: Callable[..., None]
) -> None:
    code = client.assigned()
    titled = """subscription($code: ID!, $lang: Language!) { dossierChanged(code: $code) { dossier { unit { name(lang: $lang) } } } }"""
    watching = [join("HEAD") for _ in range(4)]
    for socket, lang in zip(watching, ("VI", "EN", "EN", "FR"), strict=True):
        socket.subscribe(titled, code=code, lang=lang)
        socket.heard()
    executions.clear()
    stepped(client, code)
    pump(code)
    assert len(executions) == 3
    names = [socket.events()[0]["dossier"]["unit"]["name"] for socket in watching]
    en = "Department of Construction of Quảng Ninh province"
    assert names == ["Sở Xây dựng tỉnh Quảng Ninh", en, en, "Direction de la construction de la province de Quảng Ninh"]


# What is at rest.


def scanned(tables: "DynamoDBClient") -> list[dict[str, Any]]:
    return [dict(item) for page in tables.get_paginator("scan").paginate(TableName="giamsat-test-live") for item in page["Items"]]


def test_no_token_no_secret_and_no_citizen_is_at_rest(
    services: Services, courier: RecordingCourier, issuer: Issuer, client: Client, tables: "DynamoDBClient", pump: Callable[..., None]
) -> None:
    opened = client.submitted()
    code, secret = opened["dossier"]["code"], opened["trackingSecret"]
    subject = f"someone-{secrets.token_hex(4)}"
    token = issuer.token("CITIZEN", subject, on_behalf_of="citizen-1")
    socket = Socket(services, courier)
    socket.connect()
    socket.say("connection_init", payload={"authorization": f"Bearer {token}"})
    socket.subscribe(WATCH, "watch", code=code, after="0")
    socket.subscribe(TRACK, "track", code=code, secret=secret)
    bad = Socket(services, courier)
    bad.connect()
    bad.say("connection_init", payload={"authorization": f"Bearer {token}x"})
    assert [message["type"] for message in socket.heard()] == ["connection_ack", "next", "next", "next"]
    assert client.move("receiveDossier", "RECEPTION", dossier=code, checked=["FORM", "DEED"])["errors"] == []
    pump(code)
    assert len(socket.events()) == 2
    text = json.dumps(scanned(tables), ensure_ascii=False)
    assert socket.id in text  # the scan sees what was just written
    assert bad.id in text
    _, claims, signature = token.split(".")
    for hidden in (token, claims, signature, secret, secret.replace("-", ""), subject, "citizen-1", "Nguyễn", "Bearer ey"):
        assert hidden not in text, hidden


def test_a_dossier_that_is_gone_ends_a_replay(
    join: Callable[..., Socket], client: Client, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = client.assigned()
    socket = join("HEAD")
    wrapped, calls = services.store.held, iter([True, False, False])

    def held(subject: DossierId) -> Any:  # noqa: ANN401 - as the store gives it
        return wrapped(subject) if next(calls) else None

    monkeypatch.setattr(services.store, "held", held)
    socket.subscribe(WATCH, code=code, after="0")
    ready, message = socket.heard()
    assert ready["payload"]["data"]["dossierChanged"]["ready"] is True
    assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "FORBIDDEN")
    assert rows(services, code) == 0


# What once went wrong.


def test_events_carry_no_personal_value_to_an_official(join: Callable[..., Socket], client: Client, pump: Callable[..., None]) -> None:
    code = client.assigned()
    officer, applicant = join("OFFICER"), join("CITIZEN")
    for socket in (officer, applicant):
        socket.subscribe(WATCH, code=code)
        socket.heard()
    stepped(client, code)
    pump(code)
    assert client.ask("query($c: ID!) { dossier(code: $c) { applicant { name } } }", "OFFICER", c=code)["data"]["dossier"]["applicant"]
    (told,) = [message["payload"]["data"]["dossierChanged"]["dossier"] for message in officer.heard()]
    assert (told["code"], told["applicant"]) == (code, None)
    (own,) = [message["payload"]["data"]["dossierChanged"]["dossier"] for message in applicant.heard()]
    assert own["applicant"] == {"name": "Nguyễn Văn An"}


IN_A_FRAGMENT = """subscription($code: ID!, $after: String) { dossierChanged(code: $code, after: $after) { ...F } }
    fragment F on DossierEvent { dossier { trail(first: 1, after: $after) { nodes { seq } } } }"""


@pytest.mark.parametrize(
    ("document", "variables"),
    [
        (WATCH, {"code": 2**60}),
        (WATCH, {"code": 1.5}),
        (
            "subscription($code: ID!, $n: Int) { dossierChanged(code: $code) { dossier { trail(first: $n) { nodes { seq } } } } }",
            {"n": 1.0},
        ),
        (IN_A_FRAGMENT, {"after": None}),
    ],
)
def test_no_variable_breaks_the_socket(join: Callable[..., Socket], client: Client, document: str, variables: dict[str, Any]) -> None:
    socket = join("INSPECTOR")
    socket.subscribe(document, **{"code": client.assigned(), **variables})
    assert [message["type"] for message in socket.heard()] == ["error"]
    socket.say("ping")
    assert socket.heard() == [{"type": "pong"}]


def test_a_variable_whose_name_begins_another_is_its_own(join: Callable[..., Socket], client: Client) -> None:
    socket = join("INSPECTOR")
    document = "subscription($code: ID!, $c: String) { dossierChanged(code: $code, after: $c) { cursor } }"
    socket.subscribe(document, code=client.assigned(), c="3")
    assert [message["type"] for message in socket.heard()] == ["next"]


def test_other_operations_of_a_document_are_not_kept(join: Callable[..., Socket], client: Client, tables: "DynamoDBClient") -> None:
    beside = ' subscription B { dossierChanged(code: "SOMEBODY-ELSES") { cursor } }'
    socket = join("INSPECTOR")
    payload = {"query": WATCH + beside, "operationName": "Watch", "variables": {"code": client.assigned()}}
    socket.say("subscribe", id="1", payload=payload)
    assert [message["type"] for message in socket.heard()] == ["next"]
    assert "SOMEBODY-ELSES" not in json.dumps(scanned(tables), default=str)


# Secrets.


@pytest.mark.parametrize(
    "document",
    [
        'subscription { dossierChanged(code: "%s", secret: "%s") { cursor } }',
        'subscription($c: ID! = "%s", $s: String = "%s") { dossierChanged(code: $c, secret: $s) { cursor } }',
        'subscription A($code: ID!) { dossierChanged(code: $code) { cursor } } query B { track(code: "%s", secret: "%s") { code } }',
        'query A { track(code: "%s", secret: "%s") { code } }',
        'query A { ...F } fragment F on Query { track(code: "%s", secret: "%s") { code } }',
    ],
)
def test_a_secret_in_a_document_is_refused_and_kept_nowhere(
    join: Callable[..., Socket], client: Client, tables: "DynamoDBClient", document: str
) -> None:
    opened = client.submitted()
    code, secret = opened["dossier"]["code"], opened["trackingSecret"]
    socket = join("CITIZEN")
    name = "A" if " A" in document else None
    payload = {"query": document % (code, secret), "operationName": name, "variables": {"code": code}}
    socket.say("subscribe", id="1", payload=payload)
    (message,) = socket.heard()
    assert (message["type"], message["id"]) == ("error", "1")
    assert {error["extensions"]["code"] for error in message["payload"]} == {"BAD_USER_INPUT"}
    assert secret not in json.dumps(message)
    assert secret not in json.dumps(scanned(tables), default=str)
    assert rows(client.services, code) == 0


def test_tracking_over_a_socket(join: Callable[..., Socket], client: Client) -> None:
    opened = client.submitted()
    document = "query($code: ID!, $secret: String!) { track(code: $code, secret: $secret) { state } }"
    socket = join()
    for secret, found in ((opened["trackingSecret"], {"state": "SUBMITTED"}), ("AAAA-BBBB-CCCC-DDDD", None)):
        socket.subscribe(document, code=opened["dossier"]["code"], secret=secret)
        following, complete = socket.heard()
        assert (following["payload"], complete["type"]) == ({"data": {"track": found}}, "complete")


def test_a_rotated_secret_ends_who_watches_with_the_old_one(join: Callable[..., Socket], client: Client, pump: Callable[..., None]) -> None:
    opened = client.submitted()
    code, old = opened["dossier"]["code"], opened["trackingSecret"]
    watching, applicant = join(), join("CITIZEN")
    watching.subscribe(TRACK, code=code, secret=old)
    applicant.subscribe(WATCH, code=code)
    assert watching.heard()[0]["payload"]["data"]["dossierChanged"]["ready"] is True
    applicant.heard()
    new = client.done("rotateTrackingSecret", "CITIZEN", dossier=code)["trackingSecret"]
    pump(code, after=1)
    (message,) = watching.heard()
    assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "FORBIDDEN")
    assert applicant.events()[0]["entry"] == {"seq": 2, "action": "SECRET_ROTATED"}
    watching.subscribe(TRACK, "2", code=code, secret=old)
    (message,) = watching.heard()
    assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "FORBIDDEN")
    watching.subscribe(TRACK, "3", code=code, secret=new)
    assert watching.events()[0]["ready"] is True
    client.done("receiveDossier", "RECEPTION", dossier=code, checked=["FORM", "DEED"])
    pump(code, after=2)
    (event,) = watching.events()
    assert (event["tracked"]["state"], event["dossier"], event["entry"]) == ("RECEIVED", None, None)


def test_a_secret_that_is_rotated_while_it_is_replayed_is_worth_nothing(join: Callable[..., Socket], client: Client) -> None:
    opened = client.submitted()
    code, old = opened["dossier"]["code"], opened["trackingSecret"]
    client.done("rotateTrackingSecret", "RECEPTION", dossier=code)
    socket = join()
    document = TRACK.replace("$secret: String)", "$secret: String, $after: String)").replace(
        "secret: $secret)", "secret: $secret, after: $after)"
    )
    socket.subscribe(document, code=code, secret=old, after="0")
    (message,) = socket.heard()
    assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "FORBIDDEN")


# The moves that end a dossier, as they are pushed.


def test_every_end_is_pushed_to_those_who_may_see_it(join: Callable[..., Socket], client: Client, pump: Callable[..., None]) -> None:
    code = client.assigned()
    officer, other = join("OFFICER"), join("CITIZEN")
    for socket in (officer, other):
        socket.subscribe(WATCH, code=code)
        socket.heard()
    client.done("returnAssignment", "OFFICER", dossier=code, assignment="1", reason="bận")
    client.done("stopDossier", "HEAD", dossier=code, reason="x", legalBasis="y")
    pump(code, after=3)
    assert [event["entry"]["action"] for event in other.events()] == ["ASSIGNMENT_RETURNED", "STOPPED"]
    assert [event["entry"] for event in officer.events()] == [{"seq": 4, "action": "ASSIGNMENT_RETURNED"}, None]  # his own actions


def test_a_lead_whose_dossier_goes_to_another_hears_no_more(join: Callable[..., Socket], client: Client, pump: Callable[..., None]) -> None:
    code = client.assigned()
    officer = join("OFFICER")
    officer.subscribe(WATCH, code=code)
    officer.heard()
    client.done("returnAssignment", "OFFICER", dossier=code, assignment="1", reason="bận")
    due = (present() + timedelta(days=1)).isoformat()
    client.done("assignDossier", "HEAD", dossier=code, role="LEAD", unit="22-XD", officer="22-XD-1", task="t", responsibility="r",
                dueAt=due, expectedResult="e")  # fmt: skip
    pump(code, after=4)
    (message,) = officer.heard()
    assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "FORBIDDEN")
