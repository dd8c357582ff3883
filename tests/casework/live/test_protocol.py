"""The protocol as a table: every phase with every message, every close code, and nothing left undefined."""

import json
from itertools import product
from typing import get_args

import pytest

from casework.live.connection import Began, Phase
from casework.live.messages import LONGEST_BYTES, LONGEST_ID, Complete, Init, Message, Ping, Pong, Subscribe
from casework.live.protocol import LONGEST_REASON, SILENT, TABLE, Acknowledge, Close, End, Intent, Send, Start, began, received, waited

TEXTS: dict[type, str] = {
    Init: '{"type":"connection_init","payload":{"authorization":"Bearer x"}}',
    Ping: '{"type":"ping","payload":{"n":1}}',
    Pong: '{"type":"pong"}',
    Subscribe: '{"id":"1","type":"subscribe","payload":{"query":"{ viewer }"}}',
    Complete: '{"id":"1","type":"complete"}',
}
SUBSCRIBE = Subscribe("1", "{ viewer }", {}, None)
PONG = Send('{"type":"pong","payload":{"n":1}}')
UNAUTHORIZED = Close(4401, "Unauthorized")
LEADS_TO: dict[tuple[Phase, type], tuple[Intent, ...]] = {
    (Phase.OPENED, Init): (Acknowledge("Bearer x"),),
    (Phase.OPENED, Ping): (PONG,),
    (Phase.OPENED, Pong): (),
    (Phase.OPENED, Subscribe): (UNAUTHORIZED,),
    (Phase.OPENED, Complete): (),
    (Phase.ACKNOWLEDGED, Init): (Close(4429, "Too many initialisation requests"),),
    (Phase.ACKNOWLEDGED, Ping): (PONG,),
    (Phase.ACKNOWLEDGED, Pong): (),
    (Phase.ACKNOWLEDGED, Subscribe): (Start(SUBSCRIBE),),
    (Phase.ACKNOWLEDGED, Complete): (End("1"),),
}
MALFORMED = {
    "empty": "",
    "no JSON": "ping",
    "null": "null",
    "an array": '[{"type":"ping"}]',
    "a string": '"ping"',
    "a number": "1",
    "no type": '{"id":"1"}',
    "an unknown type": '{"type":"start","id":"1","payload":{}}',
    "a type of the server": '{"type":"connection_ack"}',
    "a type that is no text": '{"type":1}',
    "a payload that is an array": '{"type":"ping","payload":[]}',
    "a null payload": '{"id":"1","type":"subscribe","payload":null}',
    "a payload that is a text": '{"type":"connection_init","payload":"Bearer x"}',
    "a missing id": '{"type":"subscribe","payload":{"query":"{ viewer }"}}',
    "a missing id to complete": '{"type":"complete"}',
    "an empty id": '{"id":"","type":"complete"}',
    "a long id": json.dumps({"id": "x" * (LONGEST_ID + 1), "type": "complete"}),
    "an id that is a number": '{"id":1,"type":"complete"}',
    "variables that are an array": '{"id":"1","type":"subscribe","payload":{"query":"q","variables":[]}}',
    "extensions that are an array": '{"id":"1","type":"subscribe","payload":{"query":"q","extensions":[]}}',
    "a deep message": '{"type":"ping","payload":{"a":' + "[" * 10_000 + "]" * 10_000 + "}}",
    "a payload too deep to be sent back": '{"type":"ping","payload":{"a":' + "[" * 300 + "]" * 300 + "}}",
    "half a pair of UTF-16": '{"id":"\ud800","type":"complete"}',
    "half a pair of UTF-16, escaped": '{"id":"\\ud800","type":"complete"}',
    "a long message": json.dumps({"type": "ping", "payload": {"a": "x" * LONGEST_BYTES}}),
}


def test_every_phase_knows_every_message() -> None:
    known = set(TABLE) | SILENT
    assert known == set(product(Phase, get_args(Message))) == set(LEADS_TO)
    assert not set(TABLE) & SILENT


@pytest.mark.parametrize(("phase", "kind"), list(LEADS_TO))
def test_a_message_leads_to_its_intent(phase: Phase, kind: type) -> None:
    assert received(phase, TEXTS[kind]) == LEADS_TO[phase, kind]


def test_a_connection_without_a_token_is_acknowledged_too() -> None:
    assert received(Phase.OPENED, '{"type":"connection_init"}') == (Acknowledge(None),)


def test_a_ping_without_a_payload_gets_a_pong_without_one() -> None:
    assert received(Phase.OPENED, '{"type":"ping"}') == (Send('{"type":"pong"}'),)


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("text", MALFORMED.values(), ids=list(MALFORMED))
def test_what_is_no_message_ends_the_connection(phase: Phase, text: str) -> None:
    reason = "Message too long" if text == MALFORMED["a long message"] or len(text) > LONGEST_BYTES else "Invalid message received"
    assert received(phase, text) == (Close(4400, reason),)


def test_a_connection_that_never_says_who_it_is_ends() -> None:
    assert waited(Phase.OPENED) == Close(4408, "Connection initialisation timeout")
    assert waited(Phase.ACKNOWLEDGED) is None


@pytest.mark.parametrize(("outcome", "close"), [
    (Began.BEGUN, None),
    (Began.DUPLICATE, Close(4409, "Subscriber for 1 already exists")),
    (Began.COMPLETED, None),
    (Began.FULL, Close(4429, "Too many operations")),
    (Began.GONE, None),
])  # fmt: skip
def test_an_operation_begins_or_ends_the_connection(outcome: Began, close: Close | None) -> None:
    assert began(outcome, SUBSCRIBE) == close


@pytest.mark.parametrize(("name", "reason"), [
    ("x" * 93, f"Subscriber for {'x' * 93} already exists"),
    ("x" * 94, "Subscriber already exists"),
    ("x" * LONGEST_ID, "Subscriber already exists"),
    ("ễ" * 40, "Subscriber already exists"),
])  # fmt: skip
def test_a_reason_fits_into_a_close_frame_whatever_the_id(name: str, reason: str) -> None:
    close = began(Began.DUPLICATE, Subscribe(name, "{ viewer }", {}, None))
    assert close == Close(4409, reason)
    assert len(reason.encode()) <= LONGEST_REASON == 123
