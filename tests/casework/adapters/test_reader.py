"""The list reader: its pages on the engine, and what it makes of an engine that answers otherwise, or not at all."""

import contextlib
import hashlib
import hmac
import json
import random
import re
import secrets
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pynamodb.connection import Connection

from casework.adapters.dynamo.reader import BATCH, TRIES, Reader
from casework.model.errors import Unavailable
from casework.ports import Span
from local import tables
from local.engine import Engine
from tests.local.test_engine import client

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SHOWN = settings(print_blob=True, deadline=None, max_examples=60)
REGION = "ap-southeast-1"
KEYS = ("list_key", "list_sort")
PLACES = [f"{number:03d}" for number in range(0, 60, 3)]  # rows of the usual list; the numbers between them are nobody's
AT_ONCE = 100
FORM = {"N": "1"}


@dataclass
class Shelf:
    """A table with one index, and a reader of it."""

    client: "DynamoDBClient"
    stage: str
    reader: Reader

    @property
    def table(self) -> str:
        return f"giamsat-{self.stage}-register"

    def put(self, rows: Sequence[tuple[str, str]], body: str = "") -> None:
        """Put rows, each a list and a place in it."""
        items = [{"pk": secrets.token_hex(8), "sk": "ROW", "list_key": key, "list_sort": place, "body": body} for key, place in rows]
        for start in range(0, len(items), AT_ONCE):
            some = [{"v": FORM, **{name: {"S": text} for name, text in item.items()}} for item in items[start : start + AT_ONCE]]
            self.client.transact_write_items(TransactItems=[{"Put": {"TableName": self.table, "Item": item}} for item in some])

    def page(self, key: str, span: Span) -> list[str]:
        return [row["list_sort"] for row in self.reader.page("register", "by_list", KEYS, key, span)]

    def merged(self, keys: Sequence[str], span: Span) -> list[tuple[str, str]]:
        return [(row["list_sort"], row["list_key"]) for row in self.reader.merged("register", "by_list", KEYS, keys, span)]


def reading(endpoint: str, stage: str, token: str | None = None) -> Reader:
    """Give a reader of an endpoint."""
    made = session(token).client("dynamodb", endpoint_url=endpoint)
    return Reader(cast("Connection", SimpleNamespace(client=made)), stage)


@cache
def session(token: str | None) -> boto3.Session:
    """Give a session, which takes its time to read what it knows of the engine."""
    return boto3.Session("local", "secret", token, REGION)


@pytest.fixture(scope="module")
def shelf(engine: Engine) -> Shelf:
    stage = f"reader-{secrets.token_hex(4)}"
    made = Shelf(client(engine.endpoint), stage, reading(engine.endpoint, stage))
    wanted = next(table for table in tables.definitions(stage) if table["TableName"] == made.table)
    made.client.create_table(**{name: wanted[name] for name in tables.AS_WRITTEN})
    made.put([("usual", place) for place in PLACES])
    return made


def right(places: Sequence[str], span: Span) -> list[str]:
    """Give the page of a list by hand."""
    inside = [place for place in sorted(places) if (span.low is None or span.low < place) and (span.high is None or place < span.high)]
    return (inside[::-1] if span.backwards else inside)[: span.count]


def walked(shelf: Shelf, keys: Sequence[str], count: int, *, backwards: bool) -> list[tuple[str, str]]:
    """Page through all of it."""
    span, out = Span(count, backwards=backwards), list[tuple[str, str]]()
    while rows := shelf.merged(keys, span):
        assert len(rows) <= count
        out.extend(rows)
        last = rows[-1][0]
        span = Span(count, high=last, backwards=True) if backwards else Span(count, low=last)
    return out


# Pages.

BOUND = st.none() | st.integers(0, 60).map(lambda number: f"{number:03d}")


@SHOWN
@given(count=st.integers(1, 25), low=BOUND, high=BOUND, backwards=st.booleans())
def test_a_page_is_what_stands_between_its_bounds(shelf: Shelf, count: int, low: str | None, high: str | None, *, backwards: bool) -> None:
    span = Span(count, low, high, backwards)
    assert shelf.page("usual", span) == right(PLACES, span)


def test_what_bounds_a_page_is_not_on_it(shelf: Shelf) -> None:
    assert shelf.page("usual", Span(2, "003", "012")) == ["006", "009"]
    assert shelf.page("usual", Span(1, "003", "012", backwards=True)) == ["009"]
    assert shelf.page("usual", Span(9, "003", "006")) == []
    assert shelf.page("usual", Span(9, "057")) == shelf.page("usual", Span(9, high="000", backwards=True)) == []
    assert shelf.page("another", Span(9)) == []


@pytest.mark.parametrize(("low", "high"), [("006", "003"), ("006", "006")])
def test_bounds_that_leave_nothing_between_them_are_not_asked_for(shelf: Shelf, low: str, high: str) -> None:
    before = shelf.reader.consumed
    assert shelf.page("usual", Span(9, low, high)) == []
    assert shelf.reader.consumed == before


@pytest.mark.parametrize("backwards", [False, True])
def test_what_is_inserted_while_a_list_is_paged_costs_no_row_and_doubles_none(shelf: Shelf, backwards: bool) -> None:  # noqa: FBT001
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    chance, key = random.Random(seed), f"growing-{backwards}"  # noqa: S311 - rows to be repeated by their seed
    places = chance.sample(range(10**6), 1300)
    there, coming = places[:300], [places[start : start + 100] for start in range(300, 1300, 100)]
    shelf.put([(key, f"{place:06d}") for place in there])
    seen: list[int] = []
    ahead, last, span = set(there), -1 if not backwards else 10**6, Span(23, backwards=backwards)
    while rows := shelf.page(key, span):
        seen.extend(map(int, rows))
        last = seen[-1]
        if coming:
            more = coming.pop()
            shelf.put([(key, f"{place:06d}") for place in more])
            ahead |= {place for place in more if (place < last if backwards else place > last)}
        span = Span(23, high=rows[-1], backwards=True) if backwards else Span(23, low=rows[-1])
    assert coming == []
    assert seen == sorted(ahead, reverse=backwards)


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("count", [3, 40])
def test_several_partitions_are_one_list_in_order(shelf: Shelf, count: int, backwards: bool) -> None:  # noqa: FBT001
    chance, keys = random.Random(count), [f"part-{number}-{count}-{backwards}" for number in range(5)]  # noqa: S311 - as above
    places = [f"{place:06d}" for place in chance.sample(range(10**6), 50)]
    rows = [(place, chance.choice(keys[:4])) for place in places]  # the last one is empty
    shelf.put([(key, place) for place, key in rows])
    assert walked(shelf, keys, count, backwards=backwards) == sorted(rows, reverse=backwards)


@pytest.mark.parametrize("backwards", [False, True])
def test_of_equal_places_the_first_partition_comes_first(shelf: Shelf, backwards: bool) -> None:  # noqa: FBT001
    keys = [f"tie-{backwards}-{number}" for number in (2, 1, 3)]
    shelf.put([(key, place) for key in keys for place in ("a", "b")])
    wanted = [(place, key) for place in sorted("ab", reverse=backwards) for key in keys]
    assert shelf.merged(keys, Span(6, backwards=backwards)) == wanted
    assert shelf.merged(keys, Span(4, backwards=backwards)) == wanted[:4]
    assert shelf.merged([], Span(4)) == []


def test_a_page_of_large_rows_is_whole(shelf: Shelf) -> None:
    large, small = f"large-{secrets.token_hex(4)}", f"small-{secrets.token_hex(4)}"
    places = [f"{number:02d}" for number in range(14)]
    for place in places:
        shelf.put([(large, place)], "x" * 200_000)  # five of these make a megabyte, at which the engine ends an answer
    shelf.put([(small, "13x")])
    assert shelf.page(large, Span(12)) == places[:12]
    assert shelf.page(large, Span(20)) == places
    assert shelf.page(large, Span(12, backwards=True)) == places[:1:-1]
    assert shelf.merged([small, large], Span(20)) == [*((place, large) for place in places), ("13x", small)]


def test_no_request_waits_for_an_acknowledgement(shelf: Shelf) -> None:
    http: Any = shelf.reader._http
    assert (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1) in http.connection_pool_kw["socket_options"]


def test_reads_are_counted(shelf: Shelf) -> None:
    before = shelf.reader.consumed
    shelf.page("usual", Span(3))
    assert 0 < shelf.reader.consumed - before <= 1


# Batches.


def test_a_batch_of_any_size_leaves_out_what_is_absent(shelf: Shelf) -> None:
    names = [secrets.token_hex(8) for _ in range(2 * BATCH + 30)]
    there = names[::2]
    for start in range(0, len(there), AT_ONCE):
        some = [{"v": FORM, "pk": {"S": name}, "sk": {"S": "ONE"}, "body": {"S": name[::-1]}} for name in there[start : start + AT_ONCE]]
        shelf.client.transact_write_items(TransactItems=[{"Put": {"TableName": shelf.table, "Item": item}} for item in some])
    before = shelf.reader.consumed
    found = list(shelf.reader.batch("register", [{"pk": name, "sk": "ONE"} for name in names]))
    assert sorted(row["pk"] for row in found) == sorted(there)
    assert all(row["body"] == row["pk"][::-1] for row in found)
    assert shelf.reader.consumed - before >= len(there)  # consistent ones cost a unit each
    assert list(shelf.reader.batch("register", [])) == []


def test_a_batch_gives_the_attributes_that_are_wanted(shelf: Shelf) -> None:
    name = secrets.token_hex(8)
    item = {"v": FORM, "pk": {"S": name}, "sk": {"S": "ONE"}, "body": {"S": "b"}, "list_key": {"S": "k"}, "list_sort": {"S": "s"}}
    shelf.client.put_item(TableName=shelf.table, Item=item)
    assert list(shelf.reader.batch("register", [{"pk": name, "sk": "ONE"}], only=("pk", "body"))) == [{"pk": name, "body": "b", "v": "1"}]


# An engine that answers otherwise.

DONE: dict[str, Any] = {"Items": [{"v": FORM, "list_sort": {"S": "a"}}]}
Answer = tuple[int, dict[str, Any] | str] | None


@dataclass
class Played:
    """An engine that gives the answers it is told to, in turn, and keeps what it was asked. None: it hangs up."""

    answers: list[Answer]
    port: int = 0
    heads: list[dict[str, str]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)


@contextlib.contextmanager
def playing(*answers: Answer) -> Iterator[Played]:
    played = Played(list(answers))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            played.heads.append({name.lower(): value for name, value in self.headers.items()})
            played.bodies.append(json.loads(raw))
            played.raw.append(raw)
            answer = played.answers.pop(0)
            if answer is None:
                self.close_connection = True
                return
            status, body = answer
            text = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        played.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield played
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def rests(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr("casework.adapters.dynamo.reader.time.sleep", found.append)
    return found


def one_page(played: Played) -> list[str]:
    reader = reading(f"http://127.0.0.1:{played.port}", "test")
    return [row["list_sort"] for row in reader.page("register", "by_list", KEYS, "x", Span(5))]


def fault(name: str) -> dict[str, Any]:
    return {"__type": f"com.amazonaws.dynamodb.v20120810#{name}", "message": "no"}


PASSING: dict[str, Answer] = {
    "throttled": (400, fault("ThrottlingException")),
    "too much": (400, fault("ProvisionedThroughputExceededException")),
    "too many": (400, fault("RequestLimitExceeded")),
    "its own fault": (500, fault("InternalServerError")),
    "a proxy's page": (502, "<html>Bad Gateway</html>"),
    "hung up": None,
}


@pytest.mark.parametrize("name", PASSING)
def test_what_passes_is_asked_for_again(rests: list[float], name: str) -> None:
    with playing(*[PASSING[name]] * (TRIES - 1), (200, DONE)) as played:
        assert one_page(played) == ["a"]
    assert [len(played.bodies), len(rests)] == [TRIES, TRIES - 1]
    assert all(0 <= rest <= 0.05 * 2**attempt for attempt, rest in enumerate(rests))


@pytest.mark.parametrize(("name", "told"), [
    ("throttled", "ThrottlingException"), ("its own fault", "InternalServerError"), ("a proxy's page", "JSONDecodeError"),
    ("hung up", "ProtocolError"),
])  # fmt: skip
@pytest.mark.usefixtures("rests")
def test_what_does_not_pass_is_unavailable(name: str, told: str) -> None:
    with playing(*[PASSING[name]] * TRIES) as played, pytest.raises(Unavailable, match=rf"^the store did not answer \({told}\)$"):
        one_page(played)
    assert len(played.bodies) == TRIES


@pytest.mark.parametrize(("answer", "told"), [
    ((400, fault("ValidationException")), "ValidationException"), ((400, fault("ResourceNotFoundException")), "ResourceNotFoundException"),
    ((403, {}), "403"), ((400, {"__type": "Plain"}), "Plain"),
])  # fmt: skip
def test_a_refusal_is_not_repeated(rests: list[float], answer: Answer, told: str) -> None:
    with playing(answer) as played, pytest.raises(Unavailable, match=rf"\({told}\)$"):
        one_page(played)
    assert (len(played.bodies), rests) == (1, [])


@pytest.mark.usefixtures("rests")
def test_a_dead_engine_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(Unavailable, match=r"\(NewConnectionError\)$"):
        one_page(Played([], port))


KEYED = [{"pk": name, "sk": "ONE"} for name in "abc"]
TABLE = "giamsat-test-register"


def part(read: str, left: str) -> Answer:
    items = [{"v": FORM, "pk": {"S": name}} for name in read]
    keys = [{"pk": {"S": name}, "sk": {"S": "ONE"}} for name in left]
    return 200, {"Responses": {TABLE: items}, "UnprocessedKeys": {TABLE: {"Keys": keys}} if keys else {}}


def one_batch(played: Played) -> list[str]:
    reader = reading(f"http://127.0.0.1:{played.port}", "test")
    return [row["pk"] for row in reader.batch("register", KEYED)]


def test_keys_that_were_left_are_asked_for_again(rests: list[float]) -> None:
    with playing(part("b", "ac"), part("", "ac"), part("ca", "")) as played:
        assert one_batch(played) == ["b", "c", "a"]
    asked = [[key["pk"]["S"] for key in body["RequestItems"][TABLE]["Keys"]] for body in played.bodies]
    assert asked == [["a", "b", "c"], ["a", "c"], ["a", "c"]]
    assert all(body["RequestItems"][TABLE]["ConsistentRead"] for body in played.bodies)
    assert len(rests) == 2


@pytest.mark.usefixtures("rests")
def test_keys_that_are_left_each_time_are_unavailable() -> None:
    with playing(*[part("", "abc")] * TRIES) as played, pytest.raises(Unavailable, match="left keys of a batch unread"):
        one_batch(played)
    assert len(played.bodies) == TRIES


# Signatures.


def signature(head: dict[str, str], body: bytes) -> str:
    """Sign a request by the book (AWS Signature Version 4), with what its own head says of day, scope and signed headers."""
    scope, signed = re.findall(r"(?:Credential=local/|SignedHeaders=)([^,]+)", head["authorization"])
    lines = [f"{name}:{head[name]}\n" for name in signed.split(";")]
    request = "\n".join(["POST", "/", "", "".join(lines), signed, hashlib.sha256(body).hexdigest()])
    text = "\n".join(["AWS4-HMAC-SHA256", head["x-amz-date"], scope, hashlib.sha256(request.encode()).hexdigest()])
    key = b"AWS4secret"
    for step in scope.split("/"):
        key = hmac.digest(key, step.encode(), "sha256")
    return hmac.new(key, text.encode(), "sha256").hexdigest()


def test_a_request_is_signed() -> None:
    with playing((200, DONE)) as played:
        one_page(played)
    (head,), (raw,) = played.heads, played.raw
    assert head["x-amz-target"] == "DynamoDB_20120810.Query"
    assert head["content-type"] == "application/x-amz-json-1.0"
    assert f"/{REGION}/dynamodb/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target" in head["authorization"]
    assert head["authorization"].rpartition("Signature=")[2] == signature(head, raw)


def test_a_role_brings_its_token() -> None:
    with playing((200, DONE)) as played:
        reading(f"http://127.0.0.1:{played.port}", "test", "token").page("register", "by_list", KEYS, "x", Span(5))
    (head,) = played.heads
    assert head["x-amz-security-token"] == "token"
    assert "x-amz-security-token" in head["authorization"]
