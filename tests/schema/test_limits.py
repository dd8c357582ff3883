"""What a document may ask for: costs of known documents as they are committed, and that too much is refused before anything runs."""

import json
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
from graphql import get_introspection_query, parse

from casework.ports import Services
from schema.execution import _prepared
from schema.limits import LONGEST_DOCUMENT, MOST_ALIASES, MOST_DEPTH, MOST_FIELDS, MOST_NODES, MOST_ROOT_FIELDS, MOST_TOKENS, sized
from tests.support import SUBMISSION, Client, Issuer

README = Path(__file__).parents[2] / "README.md"
ASKED = re.compile(r"\bask [A-Z]+ '([^']+)'")

PAGE = """query Page($first: Int = 50) { dossiers(first: $first, filter: {unit: "22-XD"}) { nodes {
    code state kind channel rehearsal submittedAt receivedAt version entries unit { code } procedure { code }
    clock { dueAt level paused } trail(last: 5) { nodes { seq action recordedAt } } } pageInfo { hasNextPage endCursor } } }"""
NEXT = "query { dossiers(first: 20) { edges { cursor node { code nextMoves { mutation allowed refusal { code message } } } } } }"
TRACK = "query($c: ID!, $s: String!) { track(code: $c, secret: $s) { state unit { name } clock { dueAt explanation { text } } } }"
COUNTRY = """{ units(first: 63) { nodes { code name children(first: 70) { nodes { code name kind } } } } }"""
SPREAD = """{ a: unit(code: "22") { ...U } b: unit(code: "48") { ...U } }
    fragment U on Unit { children(first: 10) { nodes { ...P } } }
    fragment P on Unit { code receptionPoints(first: 4) { nodes { code } } officers(last: 5) { nodes { code } } }"""
INTROSPECTION = get_introspection_query(
    descriptions=True, specified_by_url=True, directive_is_repeatable=True, schema_description=True, input_value_deprecation=True
)


def documents() -> dict[str, str]:
    """Give the documents whose costs are committed: ours, and those of the README by their root fields."""
    found = {"page": PAGE, "next moves": NEXT, "track": TRACK, "country": COUNTRY, "spread": SPREAD, "introspection": INTROSPECTION}
    for query in ASKED.findall(README.read_text(encoding="utf-8")):
        (operation,) = parse(query).to_dict()["definitions"]
        fields = [field["name"]["value"] for field in operation["selection_set"]["selections"]]
        name = "README: " + " ".join(fields)
        while name in found:
            name += "'"
        found[name] = query
    return found


# Levels, fields, aliases, nodes. A change here is a change of what front ends may ask for.
GOLDEN = {
    "page": (5, 27, 0, 300),
    "next moves": (6, 11, 0, 20),
    "track": (4, 8, 0, 0),
    "country": (5, 9, 0, 4473),
    "spread": (6, 20, 2, 200),
    "introspection": (15, 229, 0, 0),
    "README: unit procedures": (4, 18, 0, 18),
    "README: dossiers": (5, 19, 0, 9),
    "README: dossiers'": (5, 12, 0, 2),
    "README: submitDossier": (4, 10, 0, 0),
    "README: receiveDossier": (5, 12, 0, 0),
    "README: track": (3, 6, 0, 0),
    "README: assignDossier": (3, 10, 0, 0),
    "README: assignDossier'": (3, 7, 0, 0),
    "README: alerts": (5, 13, 0, 3),
    "README: decideDossier": (3, 7, 0, 0),
    "README: deliverResult": (3, 7, 0, 0),
    "README: rateDossier": (4, 7, 0, 0),
    "README: dueIfReceived": (3, 6, 0, 0),
    "README: auditTrail": (4, 13, 0, 20),
    "README: requestExport": (3, 7, 0, 0),
    "README: export": (2, 3, 0, 0),
}


def test_known_documents_cost_what_they_cost() -> None:
    found = {}
    for name, text in documents().items():
        (size,) = sized(parse(text)).values()
        found[name] = (size.size.depth, size.size.fields, size.size.aliases, size.nodes({}))
    assert found == GOLDEN


def test_known_documents_lie_within_the_limits(client: Client) -> None:
    for name, text in documents().items():
        given = {"c": "x", "s": "x"} if name == "track" else {}
        codes = {error["extensions"]["code"] for error in client.ask(text, "HEAD", **given).get("errors", ())}
        assert "COST_EXCEEDED" not in codes, name
    assert client.ask(INTROSPECTION)["data"]["__schema"]["queryType"]["name"] == "Query"


def test_the_limits_stand_as_they_are_documented() -> None:
    limits = (MOST_TOKENS, MOST_DEPTH, MOST_ROOT_FIELDS, MOST_FIELDS, MOST_ALIASES, MOST_NODES)
    assert limits == (4000, 15, 30, 1000, 100, 5000)


# Too much.


class Untouched:
    """A store that nobody asks anything."""

    def __getattr__(self, name: str) -> NoReturn:
        raise AssertionError(f"{name} was asked of the store")


@pytest.fixture
def idle(services: Services, issuer: Issuer) -> Client:
    return Client(replace(services, store=Untouched()), issuer)


def costly(client: Client, document: str, who: str | None = None, **variables: Any) -> str:  # noqa: ANN401 - JSON
    """Check that a document is refused for its cost and nothing else; gives the message."""
    found = client.ask(document, who, **variables)
    assert set(found) == {"errors"}
    (error,) = found["errors"]
    assert error["extensions"] == {"code": "COST_EXCEEDED", "correlationId": "test-request"}
    message: str = error["message"]
    return message


def nested(depth: int) -> str:
    return '{ unit(code: "22-XD") ' + "{ parent " * (depth - 2) + "{ code } " + "} " * (depth - 2) + "}"


def test_depth(client: Client, idle: Client) -> None:
    for depth in (MOST_DEPTH + 1, 50):
        assert str(MOST_DEPTH) in costly(idle, nested(depth))
    assert "errors" not in client.ask(nested(MOST_DEPTH))


def test_a_document_that_is_too_long_is_not_even_kept(client: Client, idle: Client) -> None:
    before = _prepared.cache_info().currsize
    long = "{ viewer { role } } # " + "\U0001f600" * LONGEST_DOCUMENT
    assert str(LONGEST_DOCUMENT) in costly(idle, long)
    assert _prepared.cache_info().currsize == before
    assert "errors" not in client.ask(long[:LONGEST_DOCUMENT])


def test_aliases(client: Client, idle: Client) -> None:
    def aliased(count: int) -> str:
        return '{ unit(code: "22") { ' + " ".join(f"a{n}: code" for n in range(count)) + " } }"

    assert str(MOST_ALIASES) in costly(idle, aliased(MOST_ALIASES + 1))
    assert str(LONGEST_DOCUMENT) in costly(idle, aliased(10_000))
    assert str(MOST_TOKENS) in costly(idle, "{ " + "a " * (MOST_TOKENS - 1) + "}")
    assert len(client.ask(aliased(MOST_ALIASES))["data"]["unit"]) == MOST_ALIASES


def test_fields(client: Client, idle: Client) -> None:
    fragment = " fragment F on Unit { " + "code name kind validFrom validTo " * 10 + "}"  # 50 of them each time

    def spread(times: int) -> str:
        return "{ " + " ".join(f'a{n}: unit(code: "22") {{ ...F }}' for n in range(times)) + " }" + fragment

    assert str(MOST_FIELDS) in costly(idle, spread(20))
    assert "errors" not in client.ask(spread(19))


def test_root_fields(client: Client, idle: Client) -> None:
    def roots(count: int) -> str:
        return "{ ...F } fragment F on Query { " + " ".join(f"a{n}: viewer {{ role }}" for n in range(count)) + " }"

    assert str(MOST_ROOT_FIELDS) in costly(idle, roots(MOST_ROOT_FIELDS + 1))
    assert "errors" not in client.ask(roots(MOST_ROOT_FIELDS))


INNER = "nodes { children(first: %s) { nodes { code } } }"
NODES: dict[str, tuple[str, dict[str, Any]]] = {
    "literals": ("{ units(first: 100) { " + INNER % 100 + " } }", {}),
    "from the end": ("{ units(last: 100) { nodes { children(last: 50) { nodes { code } } } } }", {}),
    "a variable": ("query($n: Int) { units(first: $n) { " + INNER % "$n" + " } }", {"n": 100}),
    "a variable as a float": ("query($n: Int) { units(first: $n) { " + INNER % "$n" + " } }", {"n": 100.0}),
    "one of two variables": ("query($n: Int, $m: Int) { units(first: $n) { " + INNER % "$m" + " } }", {"n": 99, "m": 51}),
    "a default": ("query($n: Int = 100) { units(first: $n) { " + INNER % "$n" + " } }", {}),
    "a default that is not meant": ("query($n: Int = 1) { units(first: $n) { " + INNER % "$n" + " } }", {"n": 100}),
    "a fragment": ("{ units(first: 100) { ...F } } fragment F on UnitConnection { " + INNER % 50 + " }", {}),
    "a fragment without a name": ("{ units(first: 100) { ... on UnitConnection { " + INNER % 50 + " } } }", {}),
    "a fragment spread often": (
        f"{{ {' '.join(f'a{n}: units(first: 20) {{ ...F }}' for n in range(25))} }} fragment F on UnitConnection {{ {INNER % 10} }}", {},
    ),
    "side by side": (
        f"{{ units(first: 100) {{ nodes {{ {' '.join(f'a{n}: children(first: 10) {{ nodes {{ code }} }}' for n in range(5))} }} }} }}", {},
    ),
    "edges": ("{ units(first: 100) { edges { node { children(first: 50) { edges { cursor } } } } } }", {}),
    "three levels": ("{ units(first: 20) { nodes { children(first: 20) { nodes { officers(first: 12) { nodes { code } } } } } } }", {}),
    "one page beyond all": ("{ units(first: 5001) { nodes { code } } }", {}),
    "a page beyond every number": ("query($n: Int) { units(first: $n) { nodes { code } } }", {"n": 1e300}),
    "both ends": ("{ units(first: 2500, last: 2501) { nodes { code } } }", {}),
    "less than none does not make up": (
        "{ a: units(first: -5000) { nodes { code } } b: units(first: 100) { " + INNER % 50 + " } }", {},
    ),
    "a list of dossiers with their trails": ("{ dossiers(first: 100) { nodes { trail(last: 50) { nodes { seq } } } } }", {}),
}  # fmt: skip


@pytest.mark.parametrize("name", NODES)
def test_nodes(idle: Client, name: str) -> None:
    document, variables = NODES[name]
    assert str(MOST_NODES) in costly(idle, document, **variables)


def test_as_many_nodes_as_there_may_be(client: Client) -> None:
    just = "query($n: Int!, $m: Int = 100) { dossiers(first: $n) { nodes { trail(last: $m) { nodes { seq } } } } }"
    for given in ({"n": 50, "m": 99}, {"n": 49}, {"n": 100, "m": 49}):
        assert "errors" not in client.ask(just, "HEAD", **given)
    assert str(MOST_NODES) in costly(client, just, n=50)


def test_only_the_operation_that_runs_is_counted(client: Client, idle: Client) -> None:
    document = "query A { viewer { role } } query B { units(first: 100) { " + INNER % 100 + " } }"
    found = json.loads(client.raw(json.dumps({"query": document, "operationName": "A"}))["body"])
    assert found == {"data": {"viewer": {"role": "PUBLIC"}}}
    found = json.loads(idle.raw(json.dumps({"query": document, "operationName": "B"}))["body"])
    assert found["errors"][0]["extensions"]["code"] == "COST_EXCEEDED"


def test_a_mutation_that_asks_too_much_writes_nothing(client: Client, idle: Client) -> None:
    document = """mutation($input: SubmitDossierInput!) { submitDossier(input: $input) {
        dossier { code trail(first: 5001) { nodes { seq } } } errors { code } } }"""
    given = {**SUBMISSION, "idempotencyKey": "too-much"}
    costly(idle, document, "CITIZEN", input=given)
    found = client.ask(document.replace("5001", "100"), "CITIZEN", "citizen-cost", input=given)["data"]["submitDossier"]
    assert len(found["dossier"]["trail"]["nodes"]) == 1


# Fragments that spread each other.


IN_A_UNIT = '{ unit(code: "22") { ...F0 } }'


def doubling(levels: int, bottom: str, level: str = "...F%d ...F%d", kind: str = "Query", root: str = "{ ...F0 }") -> str:
    parts = [f"fragment F{n} on {kind} {{ {level % (n + 1, n + 1)} }}" for n in range(levels)]
    return f"{root} {' '.join(parts)} fragment F{levels} on {kind} {{ {bottom} }}"


@pytest.mark.parametrize(
    "document",
    [
        doubling(60, "units(first: 1) { nodes { code } }"),
        doubling(60, "viewer { role }"),
        doubling(60, "children(first: 1) { nodes { code } }", kind="Unit", root=IN_A_UNIT),
        doubling(60, "code", level="children(first: 1) { nodes { ...F%d ...F%d } }", kind="Unit", root=IN_A_UNIT),
        doubling(40, "a: __typename", level="a: parent { ...F%d } b: parent { ...F%d }", kind="Unit", root=IN_A_UNIT),
    ],
)  # fmt: skip
def test_fragments_that_double_cost_no_time(idle: Client, document: str) -> None:
    begun = time.perf_counter()
    costly(idle, document)
    assert time.perf_counter() - begun < 5


@pytest.mark.parametrize("count", [50, 150, 300, 480])
def test_a_chain_of_fragments_is_never_a_fault_of_ours(client: Client, count: int) -> None:
    parts = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} }}" for n in range(count))
    found = client.ask(f"{{ ...F0 }} {parts} fragment F{count} on Query {{ viewer {{ role }} }}")
    codes = {error["extensions"]["code"] for error in found.get("errors", ())}
    assert codes <= {"BAD_USER_INPUT", "COST_EXCEEDED"}
    assert codes or found == {"data": {"viewer": {"role": "PUBLIC"}}}
    assert count > 50 or not codes


def test_fragments_that_circle_are_bad_input(client: Client) -> None:
    document = "{ ...A } fragment A on Query { viewer { role } ...B } fragment B on Query { ...A }"
    assert {error["extensions"]["code"] for error in client.ask(document)["errors"]} == {"BAD_USER_INPUT"}


# Many at once.


def test_a_batch_is_no_request(idle: Client) -> None:
    for batch in ([{"query": "{ viewer { role } }"}] * 2, [{"query": "{ viewer { role } }"}] * 10_000, []):
        answer = idle.raw(json.dumps(batch))
        assert answer["statusCode"] == 400
        assert json.loads(answer["body"])["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "correlationId": "test-request"}


def test_pages_inside_of_pages_are_bounded(client: Client) -> None:
    inside = " ".join(f"x{number}: receptionPoints(first: 1) {{ nodes {{ code }} }}" for number in range(8))
    refused = client.ask(f"query($n: Int!) {{ units(first: $n) {{ nodes {{ {inside} }} }} }}", n=34)
    assert refused["errors"][0]["extensions"]["code"] == "COST_EXCEEDED"
    assert "273 pages" in refused["errors"][0]["message"]
    assert "errors" not in client.ask(f"query($n: Int!) {{ units(first: $n) {{ nodes {{ {inside} }} }} }}", n=2)
