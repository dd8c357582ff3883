"""Which rights a function needs, by what it asks of AWS while a test runs it, and which its role gives it.

A right is an action and a place: a table (`trail`), an index of it (`trail/index/by_unit`), a bucket (`vault`), what is in one
(`vault/log`), the key, the queue, the gateway.
"""

from collections import defaultdict
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
import yaml
from botocore.httpsession import URLLib3Session

from casework.adapters.bucket import BucketDepot
from casework.adapters.dynamo.reader import Reader
from casework.adapters.gateway import GatewayCourier
from casework.adapters.parcels import SqsQueue
from handlers import api, fanout, heartbeat, sequencer, sockets, stream, sweep, tasks

ROOT = Path(__file__).parents[2]
WRITES = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
STREAMED = ("GetRecords", "GetShardIterator", "DescribeStream", "ListStreams")
QUEUED = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
NOT_FOUND = 404
LOGGED = ("CreateLogStream", "PutLogEvents")
TRACED = ("PutTraceSegments", "PutTelemetryRecords")

FUNCTIONS = {
    "api": (api, "handle"), "sockets": (sockets, "handle"), "stream": (stream, "handle"), "tasks": (tasks, "handle"),
    "fanout": (fanout, "handle"), "heartbeat": (heartbeat, "handle"), "sweep": (sweep, "handle"), "sequencer": (sequencer, "handle"),
}  # fmt: skip

Right = tuple[str, str]


class Recorder:
    """Notes what is asked of AWS, by the function in hand."""

    def __init__(self, patch: pytest.MonkeyPatch, buckets: dict[str, str]) -> None:
        """Listen, while handlers are called by their modules' names; `buckets` gives for the name of a bucket what it is."""
        self.needed: dict[str, set[Right]] = defaultdict(set)
        self._function = ""
        self._buckets = buckets
        send, asked, put = URLLib3Session.send, Reader._asked, SqsQueue.put

        def sent(session: URLLib3Session, request: Any) -> Any:  # noqa: ANN401 - botocore's own
            rights = self._of(request)
            answer = send(session, request)
            if answer.status_code == NOT_FOUND:  # Whoever may not list a bucket is not told that there is no such object.
                rights |= {("s3:ListBucket", place.partition("/")[0]) for action, place in rights if action == "s3:GetObject"}
            self._note(rights)
            return answer

        def read(reader: Reader, operation: str, body: dict[str, Any]) -> Any:  # noqa: ANN401 - as the engine answers
            self._note(of_tables(operation, body))
            return asked(reader, operation, body)

        def queued(queue: SqsQueue, parcels: Any) -> None:  # noqa: ANN401 - as it comes
            self._note({("sqs:SendMessage", "parcels")})
            put(queue, parcels)

        patch.setattr(URLLib3Session, "send", sent)
        patch.setattr(Reader, "_asked", read)
        patch.setattr(SqsQueue, "put", queued)
        for module, name in FUNCTIONS.values():
            function = module.__name__.rpartition(".")[2]
            patch.setattr(module, name, self.during(function, getattr(module, name)))
        patch.setattr(BucketDepot, "link", self._linking(BucketDepot.link))
        for name in ("post", "post_all", "close_all"):
            patch.setattr(GatewayCourier, name, self._posting(getattr(GatewayCourier, name), "DELETE" if name == "close_all" else "POST"))

    def during(self, function: str, usual: Any) -> Any:  # noqa: ANN401 - a handler
        """Note for a function what something asks."""

        def handle(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - as it comes
            self._function = function
            try:
                return usual(*given, **named)
            finally:
                self._function = ""

        return handle

    def _note(self, rights: set[Right]) -> None:
        if self._function:
            self.needed[self._function] |= rights

    def _posting(self, usual: Any, method: str) -> Any:  # noqa: ANN401 - a method
        def call(courier: GatewayCourier, *given: Any) -> Any:  # noqa: ANN401 - as it comes
            self._note({("execute-api:ManageConnections", f"gateway/{method}")})
            return usual(courier, *given)

        return call

    def _linking(self, usual: Any) -> Any:  # noqa: ANN401 - a method
        """An address that is signed is worth what its signer may."""

        def link(depot: BucketDepot, *given: Any) -> Any:  # noqa: ANN401 - as it comes
            self._note({("s3:GetObject", "depot/x")})
            return usual(depot, *given)

        return link

    def _of(self, request: Any) -> set[Right]:  # noqa: ANN401 - botocore's own
        target = request.headers.get("X-Amz-Target", b"")
        service, _, action = (target.decode() if isinstance(target, bytes) else target).partition(".")
        if service.startswith("DynamoDB"):
            return of_tables(action, orjson.loads(request.body))
        if service == "TrentService":
            return {(f"kms:{action}", "logkey")}
        return self._of_bucket(request) if not service else {(f"{service}:{action}", "secret")}

    def _of_bucket(self, request: Any) -> set[Right]:  # noqa: ANN401 - botocore's own
        parts = urlsplit(request.url)
        name, _, key = parts.path.removeprefix("/").partition("/")
        asked, bucket = set(parse_qs(parts.query, keep_blank_values=True)), self._buckets[name]
        if not key:
            return {("s3:DeleteObject", f"{bucket}/x")} if "delete" in asked else {("s3:ListBucket", bucket)}
        action = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "POST": "PutObject", "DELETE": "AbortMultipartUpload"}
        return {(f"s3:{action[request.method]}", f"{bucket}/{key}")}


def of_tables(action: str, body: dict[str, Any]) -> set[Right]:
    """Tell which rights a call of DynamoDB needs: a transaction needs those of its parts."""

    def place(table: str) -> str:
        return table.rpartition("-")[2]

    match action:
        case "TransactWriteItems":
            return {(f"dynamodb:{WRITES[kind]}", place(part["TableName"])) for item in body["TransactItems"] for kind, part in item.items()}
        case "BatchGetItem" | "BatchWriteItem":
            return {(f"dynamodb:{action}", place(table)) for table in body["RequestItems"]}
        case _:
            return {(f"dynamodb:{action}", place(body["TableName"]) + (f"/index/{body['IndexName']}" if "IndexName" in body else ""))}


def by_itself(function: str) -> set[Right]:
    """Give the rights that a function needs for how it is started, to read its settings, to write its log, and to be traced."""
    found = (
        {("secretsmanager:GetSecretValue", "secret")}
        | {(f"logs:{action}", "log") for action in LOGGED}
        | {(f"xray:{action}", "traces") for action in TRACED}
    )
    for event in yaml.safe_load((ROOT / "serverless.yml").read_text())["functions"][function]["events"]:
        match event:
            case {"stream": {"arn": {"Fn::GetAtt": [table, _]}, "destinations": {"onFailure": {"arn": {"Fn::GetAtt": [queue, _]}}}}}:
                found.add(("sqs:SendMessage", queue.lower()))
                found |= {(f"dynamodb:{action}", f"{table.lower()}/stream") for action in STREAMED}
            case {"sqs": _}:
                found |= {(f"sqs:{action}", "parcels") for action in QUEUED}
    return found


def granted(function: str) -> dict[Right, str]:
    """Give the rights of a function's role: action and pattern of places, with how it is written."""
    role = yaml.safe_load((ROOT / "infra" / "roles.yml").read_text())["Resources"][f"{function.capitalize()}Role"]
    found: dict[Right, str] = {}
    for policy in (one.get("Fn::If", [None, one])[1] for one in role["Properties"]["Policies"]):
        for statement in policy["PolicyDocument"]["Statement"]:
            for action in _listed(statement["Action"]):
                for resource in _listed(statement["Resource"]):
                    found[action, _place(resource)] = f"{action} of {resource}"
    return found


def _listed(value: Any) -> list[Any]:  # noqa: ANN401 - one of something, or a list of them
    return value if isinstance(value, list) else [value]


def _place(resource: dict[str, Any] | str) -> str:
    match resource:
        case "*":
            return "traces"
        case {"Fn::GetAtt": [name, "StreamArn"]}:
            return f"{name.lower()}/stream"
        case {"Fn::GetAtt": [name, _]}:
            return str(name).lower()
        case {"Ref": "KeySetArn" | "SecretsArn"}:
            return "secret"
        case {"Fn::Sub": str(text)} if "execute-api" in text:
            return f"gateway/{'DELETE' if 'DELETE' in text else 'POST'}"
        case {"Fn::Sub": str(text)} if ":logs:" in text:
            return "log"
        case {"Fn::Sub": str(text)}:
            return text.replace("${", "").replace(".Arn}", "").lower()
    raise AssertionError(f"no place: {resource}")


def missing(needed: set[Right], given: dict[Right, str]) -> set[Right]:
    """Give what a role does not allow."""
    return {(action, place) for action, place in needed if not any(action == one and fnmatch(place, pattern) for one, pattern in given)}


def unused(needed: set[Right], given: dict[Right, str]) -> set[str]:
    """Give what a role allows and nobody needs."""
    return {how for (one, pattern), how in given.items() if not any(action == one and fnmatch(place, pattern) for action, place in needed)}
