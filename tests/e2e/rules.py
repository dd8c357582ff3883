"""Rules of graphql-transport-ws, black box: each with the sentence of the public protocol that it checks, and a talk that does.

Source: `PROTOCOL.md` of npm graphql-ws (MIT), which lies beside its code; a test looks each sentence up there. A server is known by its
address and by a `Side`, which names documents of its schema; the rules know nothing else of it.
"""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

LONGEST_S = 60  # no answer takes that long
SPOKEN = "graphql-transport-ws"
NOT_ACCEPTABLE = 4406  # of the protocol's own server
LONGEST_REASON = 123  # bytes of a close frame


class Side(Protocol):
    """What a rule is tried on."""

    name: str
    url: str
    query: str  # gives something
    echo: tuple[str, Mapping[str, Any], str]  # a query with a variable, and where in its data that comes back
    mutation: str
    wrong: str  # a query that is no document of the schema

    def watch(self) -> tuple[str, Mapping[str, Any]]:
        """A subscription whose first event comes at once, and variables; what is pushed reaches those of the last call."""

    def push(self) -> None:
        """Let one more event come to those who watch."""


@dataclass
class Talk:
    """One socket."""

    socket: ClientConnection
    heard: list[dict[str, Any]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)

    def text(self, text: str) -> None:
        """Say something, message or not."""
        self.socket.send(text)

    def say(self, kind: str, **more: Any) -> None:  # noqa: ANN401 - JSON
        """Say a message."""
        self.text(json.dumps({"type": kind, **more}))

    def hear(self) -> dict[str, Any]:
        """Hear the next message; a ping, which a server may send at any time, gets its pong and is none."""
        while True:
            said = self.socket.recv(timeout=LONGEST_S)
            assert isinstance(said, str), "a text frame"
            message = json.loads(said)
            assert isinstance(message, dict)
            if message["type"] != "ping":
                self.heard.append(message)
                return message
            self.say("pong")

    def until(self, fits: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """Hear up to a message that fits; gives those before it."""
        before = []
        while not fits(message := self.hear()):
            before.append(message)
        return before

    def quiet(self) -> list[dict[str, Any]]:
        """Hear all that is said before a pong to a ping of now."""
        mark = {"mark": next(self.numbers)}
        self.say("ping", payload=mark)
        return self.until(lambda message: message["type"] == "pong" and message.get("payload") == mark)

    def closed(self) -> tuple[int, str]:
        """Hear nothing but the end; gives its code and reason."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                self.hear()
        assert self.socket.close_code is not None
        return self.socket.close_code, self.socket.close_reason or ""

    def init(self, **more: Any) -> None:  # noqa: ANN401 - JSON
        """Be acknowledged."""
        self.say("connection_init", **more)
        assert self.hear()["type"] == "connection_ack"

    def ask(self, id_: str, query: str, **more: Any) -> None:  # noqa: ANN401 - JSON
        """Subscribe to an operation."""
        self.say("subscribe", id=id_, payload={"query": query, **more})

    def watch(self, id_: str, side: Side) -> None:
        """Subscribe, and hear the first event."""
        query, variables = side.watch()
        self.ask(id_, query, variables=dict(variables))
        first = self.hear()
        assert (first["type"], first["id"]) == ("next", id_), first

    def result(self, id_: str) -> dict[str, Any]:
        """Hear one result and the end of an operation."""
        first, last = self.hear(), self.hear()
        assert (first["type"], first["id"]) == ("next", id_), first
        assert last == {"type": "complete", "id": id_}
        found: dict[str, Any] = first["payload"]
        return found


@dataclass(frozen=True)
class Rule:
    """A rule; `apart` names the servers that are known to do otherwise, and what they do."""

    name: str
    sentence: str
    check: Callable[[Side], None]
    apart: Mapping[str, str]


RULES: list[Rule] = []
Check = Callable[..., None]


def _of_case(check: Check, case: object) -> Callable[[Side], None]:
    return lambda side: check(side, case)


def rule(sentence: str, *cases: object, **apart: str) -> Callable[[Check], Check]:
    """Note a rule, once for each case."""

    def noted(check: Check) -> Check:
        for case in cases:
            name = f"{check.__name__}[{case if isinstance(case, str) else json.dumps(case)}]"
            RULES.append(Rule(name, sentence, _of_case(check, case), apart))
        if not cases:
            RULES.append(Rule(check.__name__, sentence, check, apart))
        return check

    return noted


@contextlib.contextmanager
def opened(side: Side, *offered: str) -> Iterator[Talk]:
    """Open a socket."""
    with connect(side.url, subprotocols=[Subprotocol(one) for one in offered or (SPOKEN,)]) as socket:
        yield Talk(socket)


@contextlib.contextmanager
def ready(side: Side) -> Iterator[Talk]:
    """Open a socket and be acknowledged."""
    with opened(side) as talk:
        talk.init()
        yield talk


# The socket.

PROTOCOL = "The WebSocket sub-protocol for this specification is: `graphql-transport-ws`."


@rule(PROTOCOL)
def it_is_spoken(side: Side) -> None:
    with opened(side) as talk:
        assert talk.socket.subprotocol == SPOKEN


@rule(PROTOCOL)
def it_is_chosen_among_others(side: Side) -> None:
    with opened(side, "graphql-ws", SPOKEN, "mqtt") as talk:
        assert talk.socket.subprotocol == SPOKEN
        talk.init()


@rule(PROTOCOL, "graphql-ws", "Graphql-Transport-WS", "graphql-transport-ws2")
def no_other_is(side: Side, offered: str) -> None:
    with contextlib.suppress(InvalidStatus), opened(side, offered) as talk:  # It may be refused at once, or let go.
        assert talk.closed()[0] == NOT_ACCEPTABLE


STRINGIFIED = "Messages are represented through the JSON structure and are stringified before being sent over the network."


@rule(STRINGIFIED)
def messages_are_objects_in_text_frames(side: Side) -> None:
    with ready(side) as talk:
        talk.ask("1", side.query)
        talk.result("1")
        assert len(talk.heard) == 3


@rule("**All** messages contain the `type` field outlining the action this message describes.")
def messages_have_a_type_of_the_protocol(side: Side) -> None:
    with ready(side) as talk:
        talk.ask("1", side.query)
        talk.result("1")
        talk.ask("2", side.wrong)
        talk.hear()
        talk.quiet()
        assert {message["type"] for message in talk.heard} == {"connection_ack", "next", "complete", "error", "pong"}


WITH_ID = "Messages corresponding to operations must contain the `id` field"


@rule(WITH_ID)
def messages_of_operations_have_its_id(side: Side) -> None:
    with ready(side) as talk:
        talk.ask("one", side.query)
        talk.result("one")
        talk.ask("two", side.wrong)
        assert talk.hear()["id"] == "two"


@rule(WITH_ID, "x" * 100, 'q"uo\\te', "số 1", " ", "{}", "__proto__", "constructor")
def an_id_is_any_text(side: Side, id_: str) -> None:
    with ready(side) as talk:
        talk.ask(id_, side.query)
        talk.result(id_)


@rule("Multiple operations identified with separate IDs can be active at any time")
def operations_run_beside_each_other(side: Side) -> None:
    with ready(side) as talk:
        talk.watch("stream", side)
        for number in range(5):
            talk.ask(str(number), side.query)
        done = {str(number) for number in range(5)}
        told = [talk.hear() for _ in range(10)]
        assert {message["id"] for message in told if message["type"] == "next"} == done
        assert {message["id"] for message in told if message["type"] == "complete"} == done
        side.push()
        assert talk.hear()["id"] == "stream"


@rule("and their messages can be interleaved on the connection.")
def each_subscription_hears_its_events(side: Side) -> None:
    with ready(side) as talk:
        query, variables = side.watch()
        for name in "ab":
            talk.ask(name, query, variables=dict(variables))
            assert talk.hear()["id"] == name
        side.push()
        assert {talk.hear()["id"], talk.hear()["id"]} == {"a", "b"}


@rule("dispatching a `1000: Normal Closure` close event to the server indicating a normal closure.")
def a_client_may_go(side: Side) -> None:
    with ready(side) as talk:
        talk.watch("1", side)
        talk.socket.close(1000)
        assert talk.socket.close_code == 1000
    with ready(side) as again:
        again.watch("1", side)


# connection_init and connection_ack.

INIT = "Indicates that the client wants to establish a connection within the existing socket."


@rule(INIT, {}, {"payload": None}, {"payload": {}}, {"payload": {"a": [1, None, {"b": "ế"}]}})
def init_is_acknowledged(side: Side, given: Mapping[str, Any]) -> None:
    with opened(side) as talk:
        talk.init(**given)


@rule("The server can use the optional `payload` field to transfer additional details about the connection.")
def an_acknowledgement_is_a_type_and_an_object_at_most(side: Side) -> None:
    with opened(side) as talk:
        talk.init()
        (ack,) = talk.heard
        assert set(ack) <= {"type", "payload"}
        assert isinstance(ack.get("payload", {}), dict)


@rule("the server will close the socket with the event: `4408: Connection initialisation timeout`")
def whoever_does_not_init_is_let_go(side: Side) -> None:
    with opened(side) as talk:
        assert talk.closed() == (4408, "Connection initialisation timeout")


@rule("The server must receive the connection initialisation message within the allowed waiting time")
def a_ping_is_no_init(side: Side) -> None:
    with opened(side) as talk:
        talk.quiet()
        talk.say("pong")
        assert talk.closed()[0] == 4408


@rule("The client is now **ready** to request subscription operations.")
def an_acknowledged_connection_outlives_the_timeout(side: Side) -> None:
    with opened(side) as late, opened(side) as talk:
        talk.init()
        assert late.closed()[0] == 4408
        talk.ask("1", side.query)
        talk.result("1")


TWICE = "the server will close the socket with the event `4429: Too many initialisation requests`."


@rule(TWICE)
def a_second_init_is_one_too_many(side: Side) -> None:
    with ready(side) as talk:
        talk.say("connection_init")
        assert talk.closed() == (4429, "Too many initialisation requests")


@rule("If the server receives more than one `ConnectionInit` message at any given time")
def two_inits_at_once_are_one_too_many(side: Side) -> None:
    with opened(side) as talk:
        talk.say("connection_init")
        talk.say("connection_init")
        assert talk.closed()[0] == 4429


@rule(TWICE)
def also_while_an_operation_runs(side: Side) -> None:
    with ready(side) as talk:
        talk.watch("1", side)
        talk.say("connection_init", payload={})
        assert talk.closed()[0] == 4429


# ping and pong.


@rule("A `Pong` must be sent in response from the receiving party as soon as possible.")
def a_ping_gets_a_pong(side: Side) -> None:
    with ready(side) as talk:
        talk.say("ping")
        assert talk.hear() == {"type": "pong"}


@rule("The `Ping` message can be sent at any time within the established socket.")
def before_init_too(side: Side) -> None:
    with opened(side) as talk:
        talk.say("ping")
        assert talk.hear() == {"type": "pong"}
        talk.init()


@rule("The `Ping` message can be sent at any time within the established socket.")
def beside_operations_too(side: Side) -> None:
    with ready(side) as talk:
        talk.watch("1", side)
        assert talk.quiet() == []
        side.push()
        assert talk.hear()["type"] == "next"


PINGED = "The optional `payload` field can be used to transfer additional details about the ping."


@rule(PINGED, None, {}, {"a": [1, {"b": None}], "c": "ế"})
def a_ping_may_carry_something(side: Side, payload: object) -> None:
    with ready(side) as talk:
        talk.say("ping", payload=payload)
        pong = talk.hear()
        assert pong["type"] == "pong"
        assert set(pong) <= {"type", "payload"}


@rule("Must be sent as soon as the `Ping` message is received.")
def pongs_come_in_the_order_of_pings(side: Side) -> None:
    with ready(side) as talk:
        for number in range(1, 21):
            talk.say("ping", payload={"n": number})
        assert [talk.hear().get("payload") for _ in range(20)] == [{"n": number} for number in range(1, 21)]


UNSOLICITED = "the `Pong` message may even be sent unsolicited as an unidirectional heartbeat."


@rule(UNSOLICITED, {}, {"payload": None}, {"payload": {"a": 1}})
def a_pong_of_the_client_asks_for_nothing(side: Side, given: Mapping[str, Any]) -> None:
    with opened(side) as talk:
        talk.say("pong", **given)
        talk.init()
        talk.say("pong", **given)
        assert talk.quiet() == []


# subscribe.


@rule("the socket will be closed immediately with the event `4401: Unauthorized`.")
def nothing_is_executed_before_the_acknowledgement(side: Side) -> None:
    with opened(side) as talk:
        talk.ask("1", side.query)
        assert talk.closed() == (4401, "Unauthorized")


@rule("the socket will be closed immediately with the event `4401: Unauthorized`.")
def not_even_a_subscription(side: Side) -> None:
    query, variables = side.watch()
    with opened(side) as talk:
        talk.ask("1", query, variables=dict(variables))
        assert talk.closed()[0] == 4401
        assert talk.heard == []


SINGLE = "_at most one_ `Next` message is sent."


@rule(SINGLE)
def a_query_gives_one_result(side: Side) -> None:
    with ready(side) as talk:
        talk.ask("1", side.query)
        assert talk.result("1")["data"]
        assert talk.quiet() == []


@rule(SINGLE)
def a_mutation_gives_one_result(side: Side) -> None:
    with ready(side) as talk:
        talk.ask("1", side.mutation)
        assert "data" in talk.result("1")
        assert talk.quiet() == []


REQUESTED = "Requests an operation specified in the message `payload`."


@rule(REQUESTED)
def variables_are_given(side: Side) -> None:
    query, variables, name = side.echo
    with ready(side) as talk:
        talk.ask("1", query, variables=dict(variables))
        assert talk.result("1")["data"][name] is not None


@rule(REQUESTED, {"variables": None}, {"variables": {}}, {"operationName": None}, {"extensions": None}, {"extensions": {"a": 1}})
def what_is_optional_may_be_there_or_not(side: Side, given: Mapping[str, Any]) -> None:
    with ready(side) as talk:
        talk.ask("1", side.query, **given)
        assert talk.result("1")["data"]


@rule(REQUESTED)
def an_operation_is_chosen_by_its_name(side: Side) -> None:
    document = f"query One {side.query} query Two {side.query.replace('{', '{ other: __typename ', 1)}"
    with ready(side) as talk:
        talk.ask("1", document, operationName="Two")
        assert "other" in talk.result("1")["data"]


BUSY = "the server **must** close the socket immediately with the event `4409: Subscriber for <unique-operation-id> already exists`."


@rule(BUSY)
def an_id_in_use_ends_the_socket(side: Side) -> None:
    query, variables = side.watch()
    with ready(side) as talk:
        talk.watch("same", side)
        talk.ask("same", query, variables=dict(variables))
        assert talk.closed() == (4409, "Subscriber for same already exists")


@rule("If there is already an active subscriber for an operation matching the provided ID, regardless of the operation type")
def also_for_an_operation_of_another_kind(side: Side) -> None:
    with ready(side) as talk:
        talk.watch("same", side)
        talk.ask("same", side.query)
        assert talk.closed()[0] == 4409


@rule("It shares the same name-space for IDs as streaming operations and can be multiplexed with other operations on the connection.")
def queries_and_subscriptions_share_ids(side: Side) -> None:
    with ready(side) as talk:
        talk.ask("1", side.query)
        talk.result("1")
        talk.watch("1", side)
        talk.ask("1", side.mutation)
        assert talk.closed()[0] == 4409


REUSED = "Once a client completes an operation, it is free to re-use that ID."


@rule(REUSED)
def an_id_is_free_when_the_server_completes(side: Side) -> None:
    with ready(side) as talk:
        for _ in range(3):
            talk.ask("1", side.query)
            talk.result("1")


@rule(REUSED)
def an_id_is_free_when_the_client_completes(side: Side) -> None:
    with ready(side) as talk:
        for _ in range(2):
            talk.watch("1", side)
            talk.say("complete", id="1")
            assert talk.quiet() == []


@rule("The server needs only keep track of IDs for as long as the subscription is active.")
def an_id_is_free_after_an_error(side: Side) -> None:
    with ready(side) as talk:
        talk.ask("1", side.wrong)
        assert talk.hear()["type"] == "error"
        talk.ask("1", side.query)
        talk.result("1")


@rule("connecting them with the client's requests.")
def ids_are_those_of_a_socket(side: Side) -> None:
    with ready(side) as one, ready(side) as other:
        query, variables = side.watch()
        for talk in (one, other):
            talk.ask("same", query, variables=dict(variables))
            assert talk.hear()["type"] == "next"
        one.say("complete", id="same")
        assert one.quiet() == []
        side.push()
        assert other.hear()["id"] == "same"
        assert one.quiet() == []


# next.


@rule("Operation execution result(s) from the source stream created by the binding `Subscribe` message.")
def events_come_as_next_in_their_order(side: Side) -> None:
    with ready(side) as talk:
        talk.watch("1", side)
        for _ in range(3):
            side.push()
        told = [talk.hear() for _ in range(3)]
        assert [(message["type"], message["id"]) for message in told] == [("next", "1")] * 3
        cursors = [next(iter(message["payload"]["data"].values()))["cursor"] for message in told]
        assert cursors == sorted(set(cursors), key=int)


@rule("After all results have been emitted, the `Complete` message will follow indicating stream completion.")
def a_completion_follows_the_result(side: Side) -> None:
    with ready(side) as talk:
        talk.ask("1", side.query)
        assert [talk.hear()["type"], talk.hear()["type"]] == ["next", "complete"]


@rule("interface NextMessage {")
def a_result_is_an_execution_result(side: Side) -> None:
    with ready(side) as talk:
        talk.ask("1", side.query)
        talk.result("1")
        assert set(talk.heard[1]) == {"type", "id", "payload"}
        assert set(talk.heard[1]["payload"]) <= {"data", "errors", "extensions"}


# error.

ENDS = "This message terminates the operation and no further messages will be sent."


@rule("This can occur _before_ execution starts, usually due to validation errors")
def a_document_of_another_schema_is_an_error(side: Side) -> None:
    with ready(side) as talk:
        talk.ask("1", side.wrong)
        message = talk.hear()
        assert (message["type"], message["id"]) == ("error", "1")


@rule("interface ErrorMessage {")
def an_error_is_a_list_of_graphql_errors(side: Side) -> None:
    with ready(side) as talk:
        talk.ask("1", side.wrong)
        message = talk.hear()
        assert set(message) == {"type", "id", "payload"}
        assert message["payload"]
        assert all(isinstance(one["message"], str) and one["message"] for one in message["payload"])


@rule(ENDS)
def nothing_comes_behind_an_error(side: Side) -> None:
    with ready(side) as talk:
        talk.ask("1", side.wrong)
        talk.hear()
        assert talk.quiet() == []


@rule("If the server dispatched the `Error` message relative to the original `Subscribe` message, no `Complete` message will be emitted.")
def no_completion_comes_behind_an_error(side: Side) -> None:
    with ready(side) as talk:
        talk.ask("1", side.wrong)
        talk.ask("2", side.query)
        talk.until(lambda message: message == {"type": "complete", "id": "2"})
        assert [message for message in talk.heard if message.get("id") == "1" and message["type"] == "complete"] == []


@rule(ENDS)
def an_error_of_one_operation_is_nothing_to_another(side: Side) -> None:
    with ready(side) as talk:
        talk.watch("stream", side)
        talk.ask("1", side.wrong)
        assert talk.hear()["type"] == "error"
        side.push()
        assert talk.hear()["id"] == "stream"


@rule(ENDS, "{", "", "query {", "subscription", "\0", npm="a syntax error ends the whole socket")
def what_is_no_graphql_is_an_error_of_its_operation(side: Side, query: str) -> None:
    with ready(side) as talk:
        talk.ask("1", query)
        message = talk.hear()
        assert (message["type"], message["id"]) == ("error", "1")
        talk.ask("2", side.query)
        talk.result("2")


@rule("Operation execution error(s) in response to the `Subscribe` message.")
def a_name_that_no_operation_has_is_an_error(side: Side) -> None:
    with ready(side) as talk:
        talk.ask("1", f"query One {side.query}", operationName="Other")
        assert talk.hear()["type"] == "error"


@rule("or _during_ the execution of the request.")
def variables_that_do_not_fit_are_told(side: Side) -> None:
    query, variables, _ = side.echo
    with ready(side) as talk:
        talk.ask("1", query, variables={name: {"no": "text"} for name in variables})
        message = talk.hear()
        assert message["id"] == "1"
        assert message["payload"] if message["type"] == "error" else message["payload"]["errors"]


# complete.


@rule("No further events, relevant to the original subscription, should be sent through.")
def whoever_completes_hears_no_more(side: Side) -> None:
    query, variables = side.watch()
    with ready(side) as talk:
        for name in ("ended", "control"):
            talk.ask(name, query, variables=dict(variables))
            talk.hear()
        talk.say("complete", id="ended")
        assert talk.quiet() == []
        side.push()
        assert talk.hear()["id"] == "control"
        assert talk.quiet() == []


@rule("indicates that the client has stopped listening and wants to complete the subscription.")
def a_completion_is_not_answered(side: Side) -> None:
    with ready(side) as talk:
        talk.watch("1", side)
        talk.say("complete", id="1")
        assert talk.quiet() == []


IGNORED = "It is permissable to simply ignore all _unknown_ IDs without closing the connection."


@rule(IGNORED)
def an_unknown_id_is_nothing(side: Side) -> None:
    with ready(side) as talk:
        talk.say("complete", id="never")
        assert talk.quiet() == []


@rule("Receiving a message (other than `Subscribe`) with an ID that belongs to an operation that has been previously completed")
def a_completed_operation_may_be_completed_again(side: Side) -> None:
    with ready(side) as talk:
        talk.ask("1", side.query)
        talk.result("1")
        talk.say("complete", id="1")
        talk.say("complete", id="1")
        assert talk.quiet() == []


@rule("Both client and server must therefore be prepared to receive (and ignore) messages for operations")
def a_failed_operation_may_be_completed(side: Side) -> None:
    with ready(side) as talk:
        talk.ask("1", side.wrong)
        talk.hear()
        talk.say("complete", id="1")
        assert talk.quiet() == []


@rule(IGNORED)
def before_the_acknowledgement_too(side: Side) -> None:
    with opened(side) as talk:
        talk.say("complete", id="1")
        talk.init()


# What is no message.

INVALID = "will result in an **immediate** socket closure with the event `4400: <error-message>`."
NO_MESSAGES = (
    "", " ", "x", "{", "null", "true", "5", '"ping"', "[]", '[{"type":"ping"}]', "{}", '{"id":"1"}', '{"type":null}', '{"type":5}',
    '{"type":""}', '{"type":"start","id":"1","payload":{"query":"{ a }"}}', '{"type":"PING"}', '{"type":"connection_terminate"}',
)  # fmt: skip


@rule(INVALID, *NO_MESSAGES)
def what_is_no_message_ends_the_socket(side: Side, text: str) -> None:
    with ready(side) as talk:
        talk.text(text)
        assert talk.closed()[0] == 4400


@rule(INVALID, *NO_MESSAGES[:5])
def before_the_acknowledgement_as_well(side: Side, text: str) -> None:
    with opened(side) as talk:
        talk.text(text)
        assert talk.closed()[0] == 4400


SHAPED = "both the server and the client must conform to the specified message structure."


@rule(SHAPED, [], "x", 5)
def a_payload_of_init_is_an_object(side: Side, payload: object) -> None:
    with opened(side) as talk:
        talk.say("connection_init", payload=payload)
        assert talk.closed()[0] == 4400


@rule(SHAPED, [], "x", 5)
def a_payload_of_ping_and_pong_is_an_object(side: Side, payload: object) -> None:
    for kind in ("ping", "pong"):
        with ready(side) as talk:
            talk.say(kind, payload=payload)
            assert talk.closed()[0] == 4400


@rule(SHAPED, {}, {"id": None}, {"id": 5}, {"id": ""}, {"id": ["1"]}, {"id": {}})
def an_operation_has_an_id(side: Side, given: Mapping[str, Any]) -> None:
    for kind in ("subscribe", "complete"):
        with ready(side) as talk:
            talk.say(kind, payload={"query": side.query}, **given)
            assert talk.closed()[0] == 4400


@rule(SHAPED, None, [], "x", 5, {}, {"query": None}, {"query": 5}, {"query": ["{ a }"]})
def an_operation_has_a_query(side: Side, payload: object) -> None:
    with ready(side) as talk:
        talk.say("subscribe", id="1", payload=payload)
        assert talk.closed()[0] == 4400


@rule(SHAPED, {"variables": []}, {"variables": "x"}, {"variables": 5}, {"operationName": 5}, {"operationName": []}, {"extensions": []},
      {"extensions": "x"})  # fmt: skip
def its_parts_are_what_they_are(side: Side, given: Mapping[str, Any]) -> None:
    with ready(side) as talk:
        talk.ask("1", side.query, **given)
        assert talk.closed()[0] == 4400


@rule(SHAPED)
def a_subscription_without_a_payload_is_no_message(side: Side) -> None:
    with ready(side) as talk:
        talk.say("subscribe", id="1")
        assert talk.closed()[0] == 4400


@rule(INVALID, {"type": "connection_ack"}, {"type": "next", "id": "1", "payload": {}},
      {"type": "error", "id": "1", "payload": [{"message": "x"}]},
      npm="it takes the server's own messages for faults of its own")  # fmt: skip
def messages_of_servers_are_none_of_clients(side: Side, message: Mapping[str, Any]) -> None:
    with ready(side) as talk:
        talk.text(json.dumps(message))
        assert talk.closed()[0] == 4400


@rule("The `<error-message>` can be vaguely descriptive on why the received message is invalid.")
def an_end_has_a_reason_that_fits(side: Side) -> None:
    with ready(side) as talk:
        talk.text("{")
        _, reason = talk.closed()
        assert 0 < len(reason.encode()) <= LONGEST_REASON


@rule("The close event dispatched by the server is used to describe the fatal error to the client.")
def an_end_takes_all_operations_along(side: Side) -> None:
    with ready(side) as talk:
        talk.watch("1", side)
        talk.text("null")
        assert talk.closed()[0] == 4400
        side.push()
    with ready(side) as again:
        again.watch("1", side)
