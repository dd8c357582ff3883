"""The running service against the public protocol, rule by rule, and npm graphql-ws' own server, which shows that the rules are right."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.e2e.conftest import PROJECT, Service
from tests.e2e.rules import RULES, Rule, Side

PUBLIC = PROJECT / "node_modules/graphql-ws/PROTOCOL.md"


class Ours:
    """The service. Each who watches gets a dossier of its own, which the next pushes move."""

    name = "giamsat"
    query = "{ viewer { role } }"
    echo: tuple[str, Mapping[str, Any], str] = ("query($code: ID!) { procedure(code: $code) { code } }", {"code": "XD-01"}, "procedure")
    mutation = """mutation { acknowledgeAlert(input: {idempotencyKey: "conform", alert: "x", note: "x"}) { errors { code } } }"""
    wrong = "{ nothingOfThatName }"

    def __init__(self, service: Service) -> None:
        self.url = service.socket
        self.service = service
        self.code = self.secret = ""

    def watch(self) -> tuple[str, Mapping[str, Any]]:
        self.code, self.secret = self.service.submitted()
        self.service.move("receiveDossier", "RECEPTION", dossier=self.code, checked=["FORM", "DEED"])
        query = "subscription($code: ID!, $secret: String!) { dossierChanged(code: $code, secret: $secret) { ready cursor } }"
        return query, {"code": self.code, "secret": self.secret}

    def push(self) -> None:
        self.service.move("raiseBlocker", "SUPERVISOR", dossier=self.code, reason="x", stopsClock=False)


class Npm:
    """npm graphql-ws' own server, over `ws`."""

    name = "npm"
    query = "{ viewer { role } }"
    echo: tuple[str, Mapping[str, Any], str] = ("query($text: String!) { echo(text: $text) }", {"text": "ế"}, "echo")
    mutation = "mutation { touch }"
    wrong = "{ nothingOfThatName }"

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout
        self.process = process
        self.url = f"ws://127.0.0.1:{int(process.stdout.readline())}/graphql"

    def watch(self) -> tuple[str, Mapping[str, Any]]:
        return "subscription { events { ready cursor } }", {}

    def push(self) -> None:
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()


@pytest.fixture(scope="module")
def npm() -> Iterator[Npm]:
    command = [shutil.which("node") or "node", "tests/e2e/peer.mjs"]
    with subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Npm(process)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def ours(service: Service) -> Ours:
    return Ours(service)


def each(rule: Rule, side: Side) -> None:
    if side.name not in rule.apart:
        rule.check(side)
        return
    with pytest.raises((AssertionError, ConnectionClosed)):  # It is known to do otherwise; once it does not, the note has to go.
        rule.check(side)


@pytest.mark.parametrize("rule", RULES, ids=[rule.name for rule in RULES])
def test_the_service_keeps_the_rule(ours: Ours, rule: Rule) -> None:
    assert ours.name not in rule.apart
    each(rule, ours)


@pytest.mark.parametrize("rule", RULES, ids=[rule.name for rule in RULES])
def test_the_protocols_own_server_keeps_the_rule(npm: Npm, rule: Rule) -> None:
    each(rule, npm)


def test_each_rule_has_its_sentence_in_the_protocol() -> None:
    said = re.sub(r"\s+", " ", PUBLIC.read_text(encoding="utf-8"))
    assert [rule.name for rule in RULES if re.sub(r"\s+", " ", rule.sentence) not in said] == []
    assert len({rule.name.partition("[")[0] for rule in RULES}) >= 60
