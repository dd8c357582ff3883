"""The way of a request through `handlers.api`: what HTTP says, and the whole of a dossier's life over it."""

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from casework.model.errors import Contended, Unavailable
from casework.ports import Services
from handlers import api
from schema.limits import MOST_DEPTH, MOST_NODES, MOST_ROOT_FIELDS, MOST_TOKENS
from tests.support import AUDIENCE, ISSUER, KEY_ID, SUBMISSION, Client, Issuer, present

ROLE = "{ viewer { role } }"
MODERN = "application/graphql-response+json"
SUBMIT = """mutation($input: SubmitDossierInput!) { submitDossier(input: $input) { dossier { code } errors { code } } }"""
INNARDS = re.compile(
    r"Traceback|File \"|\.py\b|giamsat-|pynamodb|botocore|boto3|127\.0\.0\.1|0x[0-9a-f]{6,}|<class|Exception", re.IGNORECASE
)


@pytest.fixture(autouse=True)
def no_innards(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hold every answer of this file to it: neither a stack trace nor a table's name ever leaves."""
    bodies: list[str] = []
    wrapped = api.handle

    def handle(event: api.Event, services: Services) -> api.Answer:
        answer = wrapped(event, services)
        bodies.append(answer["body"])
        return answer

    monkeypatch.setattr(api, "handle", handle)
    yield
    assert bodies, "this test asked nothing"
    assert [found.group() for body in bodies if (found := INNARDS.search(body))] == []


def body(answer: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer["body"])
    return found


def refused(answer: dict[str, Any], code: str) -> str:
    """Check that the answer is one error of that code, traceable; gives its message."""
    found = body(answer)
    error = found["errors"][0]
    assert error["extensions"] == {"code": code, "correlationId": "test-request"}
    assert found.get("data") is None
    message: str = error["message"]
    assert message
    return message


def asked(document: str, **variables: Any) -> str:  # noqa: ANN401 - JSON
    return json.dumps({"query": document, "variables": variables})


# The whole way.


def test_a_dossier_from_submit_to_decision(client: Client) -> None:
    code = client.assigned()
    for step in ("CHECK", "SITE", "DRAFT"):
        assert client.move("completeStep", "OFFICER", dossier=code, step=step)["entry"]["action"] == "STEP_COMPLETED"
    done = client.move("decideDossier", "OFFICER", dossier=code, outcome="GRANTED", reason="đủ điều kiện")
    assert done["dossier"]["state"] == "DECIDED"
    assert (done["dossier"]["version"], done["dossier"]["entries"]) == (7, 8)  # the last step was at risk from its beginning


# Methods and media types.


def test_a_query_by_post(client: Client) -> None:
    answer = client.raw(asked(ROLE))
    assert answer["statusCode"] == 200
    assert answer["headers"]["content-type"] == "application/json; charset=utf-8"
    assert answer["headers"]["cache-control"] == "no-store"
    assert body(answer) == {"data": {"viewer": {"role": "PUBLIC"}}}


def test_a_query_by_get(client: Client) -> None:
    document = "query Due($code: ID!) { procedure(code: $code) { code } } query Other { viewer { role } }"
    query = urlencode({"query": document, "variables": '{"code": "XD-01"}', "operationName": "Due"})
    answer = client.raw(None, method="GET", query=query)
    assert answer["statusCode"] == 200
    assert body(answer) == {"data": {"procedure": {"code": "XD-01"}}}


def test_get_carries_the_token_too(client: Client, issuer: Issuer) -> None:
    token = f"Bearer {issuer.token('OFFICER')}"
    answer = client.raw(None, method="GET", query=urlencode({"query": "{ viewer { role sub } }"}), authorization=token)
    assert body(answer)["data"]["viewer"] == {"role": "OFFICER", "sub": "officer-1"}


@pytest.mark.parametrize(("accept", "kind"), [("application/json", "application/json"), (MODERN, MODERN), ("*/*", "application/json"),
                                              (f"{MODERN}, application/json;q=0.9", MODERN), (f"application/json, {MODERN}", MODERN),
                                              (f"{MODERN.upper()} ; charset=utf-8", MODERN), (f"{MODERN};q=0.5, */*;q=0.1", MODERN),
                                              (f"application/json, {MODERN};q=0.5", "application/json"), ("text/html", "application/json"),
                                              (f"{MODERN};q=0", "application/json"), (f"{MODERN};q=x", "application/json"),
                                              ("", "application/json"), (",;q=,", "application/json")])  # fmt: skip
def test_the_media_type_is_the_one_asked_for(client: Client, accept: str, kind: str) -> None:
    answer = client.raw(asked(ROLE), accept=accept)
    assert answer["headers"]["content-type"] == f"{kind}; charset=utf-8"
    assert answer["statusCode"] == 200


@pytest.mark.parametrize(("accept", "status"), [("application/json", 200), (MODERN, 400)])
def test_what_could_not_be_executed_has_no_data(client: Client, accept: str, status: int) -> None:
    answer = client.raw(asked("{ nonsense }"), accept=accept)
    assert answer["statusCode"] == status
    assert set(body(answer)) == {"errors"}
    refused(answer, "BAD_USER_INPUT")


def test_what_was_executed_in_part_is_200_for_both(client: Client) -> None:
    document = '{ viewer { role } dueIfReceived(procedure: "XD-01", at: "1900-01-01T00:00:00Z") { dueAt } }'
    answer = client.raw(asked(document), accept=MODERN)
    assert body(answer)["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert answer["statusCode"] == 200


REFUSED: dict[str, dict[str, Any]] = {
    "no JSON": {"body": "{"},
    "no operation's name": {"body": json.dumps({"query": ROLE, "operationName": 5})},
    "a subscription": {"body": asked('subscription { dossierChanged(code: "x") { cursor } }')},
    "a bad token": {"body": asked(ROLE), "authorization": "Bearer x"},
    "too long": {"body": "x" * (api.LONGEST_BYTES + 1)},
    "another method": {"body": None, "method": "PUT"},
}


@pytest.mark.parametrize("kind", ["application/json", MODERN])
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_so_in_the_media_type_asked_for(client: Client, name: str, kind: str) -> None:
    answer = client.raw(**REFUSED[name], accept=kind)
    assert answer["headers"]["content-type"] == f"{kind}; charset=utf-8"
    assert answer["statusCode"] >= 400, "no GraphQL was executed: both media types say so by the status"
    assert set(body(answer)) == {"errors"}


def test_a_base64_body_is_read(client: Client) -> None:
    event = _event(b64encode(asked(ROLE).encode()).decode())
    event["isBase64Encoded"] = True
    assert body(api.handle(event, client.services))["data"] == {"viewer": {"role": "PUBLIC"}}


def test_header_names_are_read_in_any_case(client: Client, issuer: Issuer) -> None:
    event = _event(asked(ROLE))
    event["headers"] = {"Content-Type": "application/json", "Authorization": f"bearer  {issuer.token('HEAD')}"}
    assert body(api.handle(event, client.services))["data"] == {"viewer": {"role": "HEAD"}}


def test_a_request_without_an_id_gets_one(client: Client) -> None:
    event = _event(asked("{"))
    del event["requestContext"]["requestId"]
    assert len(body(api.handle(event, client.services))["errors"][0]["extensions"]["correlationId"]) == 16


def _event(text: str | None) -> dict[str, Any]:
    return {
        "rawPath": "/graphql",
        "rawQueryString": "",
        "headers": {"content-type": "application/json"},
        "requestContext": {"http": {"method": "POST"}, "requestId": "test-request"},
        "body": text,
        "isBase64Encoded": False,
    }


# Tokens.


def _signed(issuer: Issuer, **changes: Any) -> str:  # noqa: ANN401 - claims
    """Give a token whose claims are good but for these; None takes one away."""
    now = int(present().timestamp())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "officer-1", "role": "OFFICER", "units": ["22-XD"], "exp": now + 600, **changes}
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, issuer.key, algorithm="EdDSA", headers={"kid": KEY_ID})


def _tampered(token: str) -> str:
    head, _, signature = token.split(".")
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "x", "role": "INSPECTOR", "exp": 4102444800}
    return ".".join([head, urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode(), signature])


BAD_CLAIMS: dict[str, dict[str, Any]] = {
    "expired": {"exp": 1},
    "foreign issuer": {"iss": "somewhere.else"},
    "foreign audience": {"aud": "another-service"},
    "no issuer": {"iss": None},
    "no audience": {"aud": None},
    "no subject": {"sub": None},
    "empty subject": {"sub": ""},
    "no role": {"role": None},
    "no end": {"exp": None},
    "unknown role": {"role": "EMPEROR"},
    "the role of an import": {"role": "IMPORT"},
    "the role of the public": {"role": "PUBLIC"},
    "role not a text": {"role": ["HEAD"]},
    "units not a list": {"units": "22-XD"},
    "units not texts": {"units": [1]},
    "too many units": {"units": ["22"] * 65},
    "an endless end": {"exp": 10**18},
    "not yet valid": {"nbf": 4102444800},
    "for nobody nameable": {"on_behalf_of": 5},
    "too long": {"units": ["x" * 9000]},
}


@pytest.mark.parametrize("wrong", BAD_CLAIMS)
def test_a_token_with_wrong_claims_is_a_401(client: Client, issuer: Issuer, wrong: str) -> None:
    answer = client.raw(asked(ROLE), authorization=f"Bearer {_signed(issuer, **BAD_CLAIMS[wrong])}")
    assert answer["statusCode"] == 401
    refused(answer, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    "authorization",
    [
        "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer x", "Bearer a.b.c", "Bearer é.é.é", "Token abc", "Bearer null",
        "Bearer " + urlsafe_b64encode(b"[" * 5900).decode() + ".e30.e30",
        "Bearer " + urlsafe_b64encode(b'{"alg":"EdDSA","kid":["test-1"]}').decode() + ".e30.e30",
        "Bearer " + "x" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_bearer_token_is_a_401(client: Client, authorization: str) -> None:
    answer = client.raw(asked(ROLE), authorization=authorization)
    assert answer["statusCode"] == 401
    refused(answer, "UNAUTHENTICATED")


def test_a_token_signed_elsewhere_or_not_at_all_is_a_401(client: Client, issuer: Issuer) -> None:
    good = jwt.decode(issuer.token("HEAD"), options={"verify_signature": False})
    foreign = jwt.encode(good, Ed25519PrivateKey.generate(), algorithm="EdDSA", headers={"kid": KEY_ID})
    other = jwt.encode(good, issuer.key, algorithm="EdDSA", headers={"kid": "another"})
    unnamed = jwt.encode(good, issuer.key, algorithm="EdDSA")
    unsigned = jwt.encode(good, "", algorithm="none", headers={"kid": KEY_ID})
    secret = issuer.key_set()["keys"][0]["x"].ljust(64, "=")
    confused = jwt.encode(good, secret, algorithm="HS256", headers={"kid": KEY_ID})
    for token in (foreign, other, unnamed, unsigned, confused, _tampered(issuer.token("HEAD"))):
        answer = client.raw(asked(ROLE), authorization=f"Bearer {token}")
        assert answer["statusCode"] == 401, token
        assert token not in answer["body"]
        refused(answer, "UNAUTHENTICATED")


def test_a_bad_token_by_get_is_a_401_before_the_document_is_looked_at(client: Client) -> None:
    answer = client.raw(None, method="GET", query=urlencode({"query": "{ nonsense"}), authorization="Bearer x")
    assert answer["statusCode"] == 401


def test_a_bad_token_moves_nothing(client: Client) -> None:
    given = {**SUBMISSION, "idempotencyKey": "bad-token"}
    answer = client.raw(asked(SUBMIT, input=given), authorization="Bearer x")
    assert answer["statusCode"] == 401
    assert "data" not in body(answer)


# Methods that do not fit, bodies that are none.


def test_a_mutation_by_get_is_refused(client: Client, issuer: Issuer) -> None:
    query = urlencode({"query": SUBMIT, "variables": "{}"})
    answer = client.raw(None, method="GET", query=query, authorization=f"Bearer {issuer.token('CITIZEN')}")
    assert (answer["statusCode"], answer["headers"]["allow"]) == (405, "POST")
    refused(answer, "BAD_USER_INPUT")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "HEAD"])
def test_other_methods_are_refused(client: Client, method: str) -> None:
    answer = client.raw(asked(ROLE), method=method)
    assert (answer["statusCode"], answer["headers"]["allow"]) == (405, "GET, POST")
    refused(answer, "BAD_USER_INPUT")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_subscription_over_http_is_refused(client: Client, method: str) -> None:
    document = 'subscription { dossierChanged(code: "x") { cursor } }'
    answer = client.raw(asked(document) if method == "POST" else None, method=method, query=urlencode({"query": document}))
    assert answer["statusCode"] == 400
    assert "graphql-transport-ws" in refused(answer, "BAD_USER_INPUT")


BODIES = {
    "nothing": None,
    "empty": "",
    "white space": "  ",
    "not JSON": "{query: 1}",
    "cut off": '{"query": "{ viewer',
    "a list": json.dumps([{"query": ROLE}]),
    "an empty list": "[]",
    "a number": "5",
    "a text": '"{ viewer { role } }"',
    "null": "null",
    "true": "true",
    "no query": "{}",
    "a null query": '{"query": null}',
    "an empty query": '{"query": ""}',
    "a query that is a number": '{"query": 5}',
    "a query that is a list": '{"query": ["{ viewer { role } }"]}',
    "variables in a list": json.dumps({"query": ROLE, "variables": [1]}),
    "variables in a text": json.dumps({"query": ROLE, "variables": "{}"}),
    "extensions in a list": json.dumps({"query": ROLE, "extensions": []}),
    "an operation's name that is a number": json.dumps({"query": ROLE, "operationName": 0}),
    "an operation's name that is a list": json.dumps({"query": ROLE, "operationName": ["A"]}),
    "an operation's name that is an object": json.dumps({"query": ROLE, "operationName": {"A": "B"}}),
    "an operation's name that is false": json.dumps({"query": ROLE, "operationName": False}),
    "deeper than any": "[" * 200_000,
    "a number longer than any": '{"query": ' + "1" * 5000 + "}",
    "half a character": '{"query": "\\ud800"}',
    "not a number": '{"query": NaN}',
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_is_no_request_is_a_400(client: Client, name: str) -> None:
    answer = client.raw(BODIES[name])
    assert answer["statusCode"] == 400
    refused(answer, "BAD_USER_INPUT")


def test_a_huge_body_is_a_413(client: Client) -> None:
    answer = client.raw(asked(ROLE, padding="x" * api.LONGEST_BYTES))
    assert answer["statusCode"] == 413
    refused(answer, "BAD_USER_INPUT")


@pytest.mark.parametrize("text", [b64encode(b'{"query": "\xff\xfe"}').decode(), "%%%", "YQ"])
def test_a_base64_body_that_is_no_text_is_a_400(client: Client, text: str) -> None:
    event = _event(text)
    event["isBase64Encoded"] = True
    answer = api.handle(event, client.services)
    assert answer["statusCode"] == 400
    refused(answer, "BAD_USER_INPUT")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""])
def test_another_content_type_is_refused(client: Client, kind: str) -> None:
    answer = client.raw(asked(ROLE), **{"content-type": kind})
    assert answer["statusCode"] == 400
    refused(answer, "BAD_USER_INPUT")


@pytest.mark.parametrize("query", ["", "variables={}", "query=", "query={viewer{role}}&variables=[", "query={viewer{role}}&variables=5"])
def test_a_get_that_is_no_request_is_a_400(client: Client, query: str) -> None:
    answer = client.raw(None, method="GET", query=query)
    assert answer["statusCode"] == 400
    refused(answer, "BAD_USER_INPUT")


def test_there_are_no_pages_here(client: Client) -> None:
    assert client.raw(None, method="GET", accept="text/html")["statusCode"] == 404


# Documents.


@pytest.mark.parametrize(
    "document",
    [
        "{", "{ viewer { role }", "query {} {}", "{ nonsense }", "{ viewer }", "{ viewer { role { x } } }",
        "query A { viewer { role } } query B { viewer { role } }",
        "{ dossier { code } }", "{ dossier(code: {}) { code } }", "query($x: Nonsense) { viewer { role } }",
        "{ viewer { role @nonsense } }",
        "fragment F on Query { viewer { role } }", "{ ...F } fragment F on Query { ...F }", "type Query { x: Int }",
        'mutation { submitDossier(input: {idempotencyKey: "k"}) { errors { code } } }', "\x00",
    ],
)  # fmt: skip
def test_a_document_that_is_wrong_is_bad_user_input(client: Client, document: str) -> None:
    refused(client.raw(asked(document)), "BAD_USER_INPUT")


def test_an_operation_must_be_one_of_the_documents(client: Client) -> None:
    for name in ("C", "", None):
        answer = client.raw(json.dumps({"query": "query A { viewer { role } } query B { viewer { role } }", "operationName": name}))
        refused(answer, "BAD_USER_INPUT")


@pytest.mark.parametrize("variables", [{}, {"code": None}, {"code": []}, {"code": {"a": 1}}, {"code": 1.5}, {"code": True}])
def test_variables_of_the_wrong_kind_are_bad_user_input(client: Client, variables: dict[str, Any]) -> None:
    refused(client.raw(asked("query($code: ID!) { dossier(code: $code) { code } }", **variables)), "BAD_USER_INPUT")


@pytest.mark.parametrize(
    "at",
    ["2026-01-20T09:00:00", "2026-01-20", "yesterday", "", "2026-13-01T00:00:00Z", 5, None,
     ["2026-01-20T09:00:00Z"], "2026-01-20T09:00:00+99:00"],
)  # fmt: skip
def test_an_instant_without_an_offset_is_bad_user_input(client: Client, at: object) -> None:
    document = 'query($at: DateTime!) { dueIfReceived(procedure: "XD-01", at: $at) { dueAt } }'
    refused(client.raw(asked(document, at=at)), "BAD_USER_INPUT")


def test_an_instant_may_stand_in_the_document(client: Client) -> None:
    found = client.ask('{ dueIfReceived(procedure: "XD-01", at: "2026-01-20T09:00:00+07:00") { dueAt } }')
    assert found["data"]["dueIfReceived"]["dueAt"] == "2026-02-03T10:00:00+00:00"
    refused(client.raw(asked('{ dueIfReceived(procedure: "XD-01", at: "2026-01-20T09:00:00") { dueAt } }')), "BAD_USER_INPUT")


# Limits.


def test_a_document_of_too_many_tokens_is_refused_before_it_is_parsed(client: Client) -> None:
    answer = client.raw(asked("{ viewer { " + "role " * 5000 + "} }"))
    assert str(MOST_TOKENS) in refused(answer, "COST_EXCEEDED")


@pytest.mark.parametrize("depth", [MOST_DEPTH, 50, 100, 180])
def test_a_document_that_is_too_deep_is_refused(client: Client, depth: int) -> None:
    document = '{ procedure(code: "XD-01") { unit ' + "{ parent " * depth + "{ code } " + "} " * depth + "} }"
    assert str(MOST_DEPTH) in refused(client.raw(asked(document)), "COST_EXCEEDED")


@pytest.mark.parametrize("depth", [250, 600, 1300])
def test_a_document_deeper_than_the_parser_bears_is_refused(client: Client, depth: int) -> None:
    code = body(client.raw(asked("{a" * depth + "}" * depth)))["errors"][0]["extensions"]["code"]
    assert code in {"COST_EXCEEDED", "BAD_USER_INPUT"}


def test_a_list_in_lists_is_refused(client: Client) -> None:
    for depth in (100, 180, 1900):
        refused(client.raw(asked("{ dossier(code: " + "[" * depth + "]" * depth + ") { id } }")), "BAD_USER_INPUT")


def test_the_limits_let_through_what_lies_within_them(client: Client) -> None:
    inner = MOST_DEPTH - 3  # procedure, unit, and the field at the bottom
    document = '{ procedure(code: "XD-01") { unit ' + "{ parent " * inner + "{ code } " + "} " * inner + "} }"
    assert "errors" not in client.ask(document)
    assert "errors" not in client.ask("{" + " ".join(f"a{i}: viewer {{ role }}" for i in range(MOST_ROOT_FIELDS)) + "}")


def test_too_many_aliases_at_the_root_are_refused(client: Client) -> None:
    document = "{" + " ".join(f"a{i}: viewer {{ role }}" for i in range(MOST_ROOT_FIELDS + 1)) + "}"
    assert str(MOST_ROOT_FIELDS) in refused(client.raw(asked(document)), "COST_EXCEEDED")


def test_depth_is_counted_through_fragments(client: Client) -> None:
    nested = "".join(f"fragment F{i} on Unit {{ {'parent { ' * 10} ...F{i + 1} {'} ' * 10} }} " for i in range(5))
    document = f'{{ procedure(code: "XD-01") {{ unit {{ ...F0 }} }} }} {nested} fragment F5 on Unit {{ id }}'
    refused(client.raw(asked(document)), "COST_EXCEEDED")


def test_aliases_are_counted_through_fragments(client: Client) -> None:
    document = "{ ...F } fragment F on Query {" + " ".join(f"a{i}: viewer {{ role }}" for i in range(300)) + "}"
    refused(client.raw(asked(document)), "COST_EXCEEDED")


def test_more_nodes_than_there_may_be_are_refused(client: Client) -> None:
    document = "query($n: Int = 100) { units(first: $n) { nodes { children(first: $n) { nodes { code } } } } }"
    assert str(MOST_NODES) in refused(client.raw(asked(document), accept=MODERN), "COST_EXCEEDED")
    query = urlencode({"query": document, "variables": '{"n": 100}'})
    answer = client.raw(None, method="GET", query=query, accept=MODERN)
    assert answer["statusCode"] == 400
    assert str(MOST_NODES) in refused(answer, "COST_EXCEEDED")


# Secrets.

TRACKED = "query($code: ID!, $secret: String!) { track(code: $code, secret: $secret) { code } }"
WATCHED = "subscription($code: ID!, $secret: String) { dossierChanged(code: $code, secret: $secret) { cursor } }"


@pytest.mark.parametrize("kind", ["application/json", MODERN])
@pytest.mark.parametrize("document", [TRACKED, f"{TRACKED.replace('query', 'query A', 1)} query B {{ viewer {{ role }} }}", WATCHED])
def test_a_secret_by_get_is_a_400_whether_it_is_right_or_not(client: Client, document: str, kind: str) -> None:
    opened = client.submitted()
    for code, secret in ((opened["dossier"]["code"], opened["trackingSecret"]), ("x", "AAAA-BBBB")):
        for name in ("A", "B") if " B " in document else (None,):
            variables = json.dumps({"code": code, "secret": secret})
            query = urlencode({"query": document, "variables": variables, **({"operationName": name} if name else {})})
            answer = client.raw(None, method="GET", query=query, accept=kind)
            assert answer["statusCode"] == 400
            assert answer["headers"]["content-type"].startswith(kind)
            refused(answer, "BAD_USER_INPUT")
            assert secret not in answer["body"]


def test_a_secret_by_post_is_read(client: Client) -> None:
    opened = client.submitted()
    given = {"code": opened["dossier"]["code"], "secret": opened["trackingSecret"]}
    assert body(client.raw(asked(TRACKED, **given))) == {"data": {"track": {"code": given["code"]}}}


# Variables of a megabyte.

MEGABYTE = api.LONGEST_BYTES - 2000  # and the rest of the request beside it
LARGE: dict[str, tuple[str, dict[str, Any]]] = {
    "a code": ("query($v: ID!) { dossier(code: $v) { code } unit(code: $v) { code } procedure(code: $v) { code } node(id: $v) { id } }",
               {"v": "x" * MEGABYTE}),
    "a secret": ('query($v: String!) { track(code: "x", secret: $v) { code } }', {"v": "x" * MEGABYTE}),
    "what nobody asks for": ("{ viewer { role } }", {"v": "x" * MEGABYTE}),
    "an object that nobody asks for": ("{ viewer { role } }", {"v": {f"k{n}": n for n in range(50_000)}}),
}  # fmt: skip
LARGE_AND_BAD: dict[str, tuple[str, dict[str, Any]]] = {
    "a cursor": ("query($v: String) { dossiers(first: 1, after: $v) { nodes { code } } }", {"v": "A" * MEGABYTE}),
    "states": ("query($v: [DossierState!]) { dossiers(first: 1, filter: {state: $v}) { nodes { code } } }", {"v": ["DECIDED"] * 90_000}),
    "states that are none": ("query($v: [DossierState!]) { dossiers(first: 1, filter: {state: $v}) { nodes { id } } }", {"v": ["X"] * 999}),
    "a number": ("query($v: Int!) { workCalendar(year: $v) { year } }", {"v": "1" * MEGABYTE}),
    "an instant": ("query($v: DateTime!) { dueIfReceived(procedure: 1, at: $v) { dueAt } }", {"v": "2" * MEGABYTE}),
    "a list in lists": ("query($v: ID!) { dossier(code: $v) { code } }", {"v": json.loads("[" * 900 + "]" * 900)}),
    "an object": ("query($v: ID!) { dossier(code: $v) { code } }", {"v": {f"k{n}": n for n in range(50_000)}}),
}  # fmt: skip


@pytest.mark.parametrize("name", LARGE)
def test_a_megabyte_of_something_unknown_finds_nothing(client: Client, name: str) -> None:
    document, variables = LARGE[name]
    found = body(client.raw(asked(document, **variables)))
    assert "errors" not in found
    assert set(found["data"]) == {"viewer"} or not any(found["data"].values())


@pytest.mark.parametrize("name", LARGE_AND_BAD)
def test_a_megabyte_of_what_is_none_is_bad_user_input(client: Client, name: str) -> None:
    document, variables = LARGE_AND_BAD[name]
    refused(client.raw(asked(document, **variables)), "BAD_USER_INPUT")


@pytest.mark.parametrize(
    ("name", "field", "code"),
    [("submitDossier", "applicant", "TOO_LONG"), ("submitDossier", "idempotencyKey", "BAD_KEY"), ("receiveDossier", "dossier", "NOT_FOUND"),
     ("receiveDossier", "checked", "TOO_MANY"), ("receiveDossier", "backdatingReason", "TOO_LONG")],
)  # fmt: skip
def test_a_megabyte_in_an_input_is_a_refusal(client: Client, name: str, field: str, code: str) -> None:
    large: dict[str, Any] = {"applicant": {"name": "ế" * (MEGABYTE // 6)}, "checked": ["FORM"] * 90_000}
    given = {"submitDossier": SUBMISSION,
             "receiveDossier": {"dossier": client.submitted()["dossier"]["code"], "checked": ["FORM", "DEED"]}}[name]  # fmt: skip
    at = {"at": "2026-01-20T09:00:00Z"} if field == "backdatingReason" else {}
    who = "CITIZEN" if name == "submitDossier" else "RECEPTION"
    (error,) = client.move(name, who, **{**given, **at, field: large.get(field, "x" * MEGABYTE)})["errors"]
    assert error["code"] == code


def test_the_limit_is_of_the_whole_request(client: Client) -> None:
    empty = len(asked(ROLE, v=""))
    assert client.raw(asked(ROLE, v="x" * (api.LONGEST_BYTES - empty)))["statusCode"] == 200
    assert client.raw(asked(ROLE, v="x" * (api.LONGEST_BYTES - empty + 1)))["statusCode"] == 413


# What goes wrong here.


def _broken(client: Client, monkeypatch: pytest.MonkeyPatch, error: Exception) -> dict[str, Any]:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(client.services.store, "versions", fails)
    return client.raw(asked('{ viewer { role } procedure(code: "XD-01") { code } }'))


def test_what_nobody_expected_is_masked_and_traceable(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    answer = _broken(client, monkeypatch, RuntimeError("giamsat-test-register at 127.0.0.1 said no"))
    assert answer["statusCode"] == 200
    found = body(answer)
    assert found["data"] == {"viewer": {"role": "PUBLIC"}, "procedure": None}
    error = found["errors"][0]
    assert error["extensions"] == {"code": "INTERNAL", "correlationId": "test-request"}
    assert "said no" not in answer["body"]
    assert "test-request" in caplog.text
    assert "said no" in caplog.text  # the log tells what the answer does not


@pytest.mark.parametrize("fault", [Unavailable("the store did not answer (timeout)"), Contended("others were faster")])
def test_what_the_engine_could_not_do_is_internal(client: Client, monkeypatch: pytest.MonkeyPatch, fault: Unavailable | Contended) -> None:
    error = body(_broken(client, monkeypatch, fault))["errors"][0]
    assert error["extensions"] == {"code": "INTERNAL", "correlationId": "test-request"}
    assert error["message"] == fault.message


def test_a_failing_commit_is_internal_and_names_no_table(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise ValueError("giamsat-test-subjects")

    monkeypatch.setattr(client.services.store, "commit", fails)
    given = {**SUBMISSION, "idempotencyKey": "k"}
    answer = client.raw(asked(SUBMIT, input=given), authorization=f"Bearer {client.issuer.token('CITIZEN')}")
    refused(answer, "INTERNAL")


def test_strange_characters_in_ids_find_nothing(client: Client) -> None:
    document = "query($id: ID!) { node(id: $id) { id } dossier(code: $id) { id } procedure(code: $id) { id } }"
    for text in ("\x00", "😀", "x" * 3000, "🏛" * 600, "../..", "%00", " ", "CODE#", "ZG9zc2llcjo", "ZG9zc2llcjox"):
        found = client.ask(document, "HEAD", id=text)
        assert found == {"data": {"node": None, "dossier": None, "procedure": None}}, repr(text)
