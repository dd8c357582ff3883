"""The short way for leaves answers as the library does, and leaves it whatever is out of the ordinary."""

from typing import Any

import pytest
from graphql import GraphQLError, GraphQLObjectType, parse
from graphql.execution import execute
from graphql.execution.executor_throwing_on_incremental import ExecutorThrowingOnIncremental

from schema.context import Context
from schema.execution import executed
from schema.lean import LEAVES, LeanExecutor
from schema.root import core
from tests.support import Client

PAGE = """query($unit: ID!) { dossiers(filter: {unit: $unit}, first: 20) { nodes {
  id code state kind channel submittedAt rehearsal unit { code name(lang: EN) kind validFrom } procedure { cutOff fees { amount } channels }
  clock { dueAt level paused remainingMinutes explanation { kind on text(lang: FR) } intervals { holder from to } }
  nextMoves { move allowed refusal { code message(lang: VI) path state allowedFrom } }
  trail(last: 3) { nodes { seq action occurredAt hash actor { kind id } changes { field from to } } } } } }"""


def test_it_answers_as_the_library_does(client: Client) -> None:
    client.assigned()
    context = Context(client.services, client.services.tokens.read(client.issuer.token("HEAD"), client.services.now())[0], "test")
    lean = executed(PAGE, {"unit": "22-XD"}, None, context)
    slow = execute(core, parse(PAGE), context_value=context, variable_values={"unit": "22-XD"})
    assert lean.errors is None
    assert lean.data == slow.data  # type: ignore[union-attr] # nothing is awaited
    assert lean.data
    assert lean.data["dossiers"]["nodes"]


def test_the_short_way_is_taken() -> None:
    for place in (("Dossier", "code"), ("AuditEntry", "hash"), ("Clock", "level"), ("Actor", "kind")):
        assert place in LEAVES
    assert ("Unit", "name") not in LEAVES, "it has an argument"
    assert ("Dossier", "clock") not in LEAVES, "it is no leaf"
    assert not [place for place in LEAVES if place[0] in {"Mutation", "Subscription"}]


class Broken:
    """An object whose one field fails, is of no use, or is null where it must not be."""

    def __init__(self, value: object) -> None:
        self.value = value

    @property
    def channel(self) -> object:
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


@pytest.mark.parametrize("value", [None, ValueError("broken"), object()])
def test_what_fails_is_told_by_the_library(value: object) -> None:
    document = parse('{ dossier(code: "x") { channel } }')
    query = core.query_type
    assert isinstance(query, GraphQLObjectType)
    field = query.fields["dossier"]
    resolve, field.resolve = field.resolve, lambda *_, **__: Broken(value)
    try:
        results: list[Any] = [execute(core, document, executor_class=kind) for kind in (LeanExecutor, ExecutorThrowingOnIncremental)]
    finally:
        field.resolve = resolve
    lean, slow = results
    assert lean.data == slow.data == {"dossier": None}
    assert [(error.message, error.path) for error in lean.errors] == [(error.message, error.path) for error in slow.errors]
    assert all(isinstance(error, GraphQLError) for error in lean.errors)
