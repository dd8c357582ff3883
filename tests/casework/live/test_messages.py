"""Messages of graphql-transport-ws: what of a client is read, what is none, and the bytes that a server writes."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casework.live import messages
from casework.live.messages import LONGEST_BYTES, LONGEST_ID, Complete, Init, Malformed, Ping, Pong, Subscribe, read

DOCUMENT = "subscription { dossierChanged { cursor } }"


def message(**members: Any) -> str:  # noqa: ANN401 - any JSON
    return json.dumps(members, ensure_ascii=False)


def subscribe(payload: Any, **more: Any) -> str:  # noqa: ANN401 - any JSON
    return message(id="1", type="subscribe", payload=payload, **more)


READ = [
    (message(type="connection_init"), Init()),
    (message(type="connection_init", payload=None), Init()),
    (message(type="connection_init", payload={}), Init()),
    (message(type="connection_init", payload={"authorization": "Bearer x"}), Init("Bearer x")),
    (message(type="connection_init", payload={"Authorization": "Bearer x"}), Init("Bearer x")),
    (message(type="connection_init", payload={"authorization": "a", "Authorization": "b"}), Init("a")),
    (message(type="connection_init", payload={"authorization": 1}), Init()),
    (message(type="connection_init", payload={"authorization": None}), Init()),
    (message(type="connection_init", payload={"authorization": ["Bearer x"]}), Init()),
    (message(type="ping"), Ping()),
    (message(type="ping", payload=None), Ping()),
    (message(type="ping", payload={"a": [1]}), Ping({"a": [1]})),
    (message(type="pong"), Pong()),
    (message(type="pong", payload={}), Pong()),
    (message(type="complete", id="1"), Complete("1")),
    (message(type="complete", id="x" * LONGEST_ID, payload=5), Complete("x" * LONGEST_ID)),
    (subscribe({"query": DOCUMENT}), Subscribe("1", DOCUMENT, {}, None)),
    (subscribe({"query": DOCUMENT, "variables": None, "operationName": None, "extensions": {"a": 1}}), Subscribe("1", DOCUMENT, {}, None)),
    (subscribe({"query": "", "variables": {"code": "x"}, "operationName": "Op"}), Subscribe("1", "", {"code": "x"}, "Op")),
    (" \n" + message(type="ping", unknown=True) + "\n", Ping()),
]
NO_OBJECT: list[Any] = [[], "x", 0, False, True, 1.5]
NO_ID: list[dict[str, Any]] = [{}, {"id": None}, {"id": 1}, {"id": ""}, {"id": []}, {"id": "x" * (LONGEST_ID + 1)}]
NO_REQUEST: list[Any] = [None, [], "x", 0, {}, {"query": None}, {"query": 1}, {"query": [DOCUMENT]}]
NO_NAME: list[Any] = [1, [], {}, False]
NONE_AT_ALL = [
    "", " ", "null", "true", "5", '"ping"', "[]", '["ping"]', "{}", "{", "}", "ping", "{'type':'ping'}", '{"type":"ping"}{"type":"ping"}',
    '{"type":NaN}', '{"type":"ping","payload":{"a":1e400}}', '{"type":"ping",}', "\ufeff" + message(type="ping"),
    message(type=None), message(type=1), message(type=["ping"]), message(type={}), message(type=""), message(type="PING"),
    message(type="start"), message(type="connection_ack"), message(type="next", id="1", payload={}), message(Type="ping"),
    *(message(type=kind, payload=payload) for kind in ("connection_init", "ping", "pong") for payload in NO_OBJECT),
    *(message(type="complete", **more) for more in NO_ID),
    *(message(type="subscribe", payload={"query": DOCUMENT}, **more) for more in NO_ID),
    message(id="1", type="subscribe"),
    *(subscribe(payload) for payload in NO_REQUEST),
    *(subscribe({"query": DOCUMENT, "variables": variables}) for variables in NO_OBJECT),
    *(subscribe({"query": DOCUMENT, "operationName": name}) for name in NO_NAME),
]  # fmt: skip


@pytest.mark.parametrize(("text", "found"), READ)
def test_a_message_is_read(text: str, found: messages.Message) -> None:
    assert read(text) == found


@pytest.mark.parametrize("text", NONE_AT_ALL)
def test_what_is_no_message_is_malformed(text: str) -> None:
    with pytest.raises(Malformed, match="Invalid message received"):
        read(text)


@pytest.mark.parametrize("text", [
    '{"type":"ping","payload":{"a":"\ud800"}}',
    '{"type":"ping","payload":{"a":"\\ud800"}}',
    '{"type":"complete","id":"\\udfff"}',
    '{"type":"complete","\\ud83d":1}',
    "\udcff\udcfe",
])  # fmt: skip
def test_half_a_pair_of_utf_16_is_malformed(text: str) -> None:
    with pytest.raises(Malformed, match="Invalid message received"):
        read(text)


@pytest.mark.parametrize("depth", [253, 254, 300, 1000, 1024, 10_000])
@pytest.mark.parametrize("kind", ["connection_init", "ping", "pong", "subscribe", "complete"])
def test_what_nests_too_deep_to_be_written_again_is_malformed(kind: str, depth: int) -> None:
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        deep = opening * depth + ("1" if closing == "}" else "") + closing * depth
        text = f'{{"id":"1","type":"{kind}","payload":{{"query":"q","variables":{{"a":{deep}}}}}}}'
        with pytest.raises(Malformed):
            read(text)


def test_only_openings_are_malformed() -> None:
    for text in ("[" * 10_000, '{"a":' * 5_000):
        with pytest.raises(Malformed):
            read(text)


def test_a_message_has_at_most_as_many_bytes_as_one_frame() -> None:
    def long(size: int, char: str = "x") -> str:
        empty = message(type="ping", payload={"a": ""})
        count = (size - len(empty)) // len(char.encode())
        return message(type="ping", payload={"a": char * count})

    assert len(long(LONGEST_BYTES).encode()) == LONGEST_BYTES
    assert isinstance(read(long(LONGEST_BYTES)), Ping)
    for text in (long(LONGEST_BYTES + 1), long(LONGEST_BYTES + 3, "ễ"), "\ud800" * (LONGEST_BYTES + 1)):
        with pytest.raises(Malformed, match="Message too long"):
            read(text)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["query", "variables", "operationName", "authorization", "x"]), inner, max_size=3)
    ),
)
TYPES = st.sampled_from(["connection_init", "ping", "pong", "subscribe", "complete"])


@settings(print_blob=True, deadline=None)
@given(st.fixed_dictionaries({"type": TYPES | JSON}, optional={"id": JSON, "payload": JSON}).map(json.dumps) | st.text(st.characters()))
def test_any_text_is_a_message_or_malformed(text: str) -> None:
    try:
        found = read(text)
    except Malformed as error:
        assert len(str(error)) <= 123  # noqa: PT017 - either outcome is right
        return
    assert isinstance(found, messages.Message)
    if isinstance(found, Ping):
        assert json.loads(messages.pong(found.payload))["type"] == "pong"


# What the server writes.


@pytest.mark.parametrize(("text", "said"), [
    (messages.ack(), {"type": "connection_ack"}),
    (messages.ping(), {"type": "ping"}),
    (messages.pong(None), {"type": "pong"}),
    (messages.pong({}), {"type": "pong", "payload": {}}),
    (messages.pong({"a": "ễ"}), {"type": "pong", "payload": {"a": "ễ"}}),
    (messages.complete('"1'), {"type": "complete", "id": '"1'}),
    (messages.error("1", [{"message": "no"}]), {"type": "error", "id": "1", "payload": [{"message": "no"}]}),
    (messages.following('"\\ễ', b'{"data":{"a":1}}'), {"type": "next", "id": '"\\ễ', "payload": {"data": {"a": 1}}}),
])  # fmt: skip
def test_a_message_is_written(text: str, said: dict[str, Any]) -> None:
    assert json.loads(text) == said


def test_one_payload_serves_many_envelopes() -> None:
    payload = b'{"data":{"a":1}}'
    one, other = (messages.following(operation, payload) for operation in ("1", "2"))
    assert one.removesuffix('"1"}') == other.removesuffix('"2"}')
    assert payload.decode() in one
