"""The service as one would serve it without a thought for its start: every function and every client at once, Strawberry's ASGI view.

It answers one request, whose event stands on its standard input, as `benchmarks/cold.py` has it; the settings are the service's.
"""

import asyncio
import importlib
import json
import os
import sys
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from strawberry.asgi import GraphQL

from casework.wiring import deployed
from schema.context import Context
from schema.root import schema

HANDLERS = ("api", "fanout", "heartbeat", "sequencer", "sockets", "stream", "sweep", "tasks")
CLIENTS = ("dynamodb", "dynamodbstreams", "kms", "s3", "secretsmanager", "sqs", "apigatewaymanagementapi")

functions = [importlib.import_module(f"handlers.{name}") for name in HANDLERS]
client: Any = boto3.client  # of many overloads
clients = [client(name, region_name="ap-southeast-1") for name in CLIENTS]
table = boto3.resource("dynamodb", region_name="ap-southeast-1").Table(f"giamsat-{os.environ['GIAMSAT_STAGE']}-subjects")
logger, metrics = Logger(service="giamsat"), Metrics(namespace="giamsat", service="giamsat")
services = deployed()


class View(GraphQL[Context, None]):
    """Strawberry's view, with the viewer of the token."""

    async def get_context(self, request: Any, response: Any) -> Context:  # noqa: ANN401 - of two kinds
        """See the base class."""
        del response
        token = request.headers["authorization"].removeprefix("Bearer ")
        return Context(services, services.tokens.read(token, services.now())[0], "cold")


async def answered(app: Starlette, event: dict[str, Any]) -> bytes:
    """Hand an event of API Gateway to the application, as an adapter for Lambda does."""
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "https", "path": "/graphql",
        "raw_path": b"/graphql", "query_string": b"", "root_path": "", "server": ("localhost", 443), "client": ("127.0.0.1", 1),
        "headers": [(name.encode(), value.encode()) for name, value in event["headers"].items()],
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": event["body"].encode(), "more_body": False}

    async def send(message: Any) -> None:  # noqa: ANN401 - a message of ASGI
        sent.append(message)

    await app(scope, receive, send)
    return b"".join(message.get("body", b"") for message in sent)


def alive(request: Request) -> Response:
    """Answer that this is up."""
    del request
    return Response("ok")


if __name__ == "__main__":
    view = View(schema)
    application = Starlette(routes=[Route("/health", alive), Route("/graphql", view)])
    print(asyncio.run(answered(application, json.load(sys.stdin))).decode(), flush=True)
    os._exit(0)  # the start ends with its answer
