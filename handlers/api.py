"""HTTP events of API Gateway (payload format 2.0) -> GraphQL over HTTP.

Strawberry's own synchronous view does the reading of requests; this file gives it an adapter for the event and executes through
`schema.execution`. Bodies may be base64, as API Gateway sends them.
"""

import time
from base64 import b64decode
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson
from cross_web import FormData, HTTPException, SyncHTTPRequestAdapter
from graphql import ExecutionResult, OperationType
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.http.sync_base_view import SyncBaseHTTPView

from casework.correlation import HEADER, asked, correlated, current, made
from casework.model.errors import Unauthenticated
from casework.model.parties import PUBLIC, Viewer
from casework.ports import Services
from handlers import entry, log
from handlers.sockets import bearer
from schema.context import Context
from schema.errors import TopLevel
from schema.execution import by_post_alone, executed, operation_kind
from schema.root import schema

LONGEST_BYTES = 1024 * 1024
RESPONSE = "application/graphql-response+json"
LEGACY = "application/json"

Event = dict[str, Any]
Answer = dict[str, Any]


class EventAdapter(SyncHTTPRequestAdapter):
    """An HTTP event as Strawberry reads requests."""

    def __init__(self, event: Event) -> None:
        """Take the event; header names are made lower case."""
        self._event = event
        self._headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}

    @property
    def method(self) -> Any:  # noqa: ANN401 - any method may be asked for
        """See the base class."""
        return self._event["requestContext"]["http"]["method"].upper()

    @property
    def query_params(self) -> Mapping[str, str]:
        """See the base class."""
        return dict(parse_qsl(self._event.get("rawQueryString") or "", keep_blank_values=True))

    @property
    def path_params(self) -> Mapping[str, Any]:
        """See the base class."""
        return {}

    @property
    def headers(self) -> Mapping[str, str]:
        """See the base class."""
        return self._headers

    @property
    def content_type(self) -> str | None:
        """See the base class."""
        return self._headers.get("content-type")

    @property
    def body(self) -> str:
        """See the base class."""
        raw = self._event.get("body") or ""
        try:
            return b64decode(raw).decode() if self._event.get("isBase64Encoded") else raw
        except ValueError as error:
            raise HTTPException(400, "the body is not UTF-8") from error

    @property
    def post_data(self) -> Mapping[str, str | bytes]:
        """See the base class."""
        return {}

    @property
    def files(self) -> Mapping[str, Any]:
        """See the base class."""
        return {}

    def get_form_data(self) -> FormData:
        """See the base class."""
        return FormData(files={}, form={})

    @property
    def url(self) -> str:
        """See the base class."""
        return str(self._event.get("rawPath", "/"))

    @property
    def cookies(self) -> Mapping[str, str]:
        """See the base class."""
        return {}


class EventView(SyncBaseHTTPView[Event, Answer, dict[str, Any], Context, None]):
    """Strawberry's view over events."""

    allow_queries_via_get = True
    request_adapter_class = EventAdapter
    graphql_ide = None
    schema = schema
    multipart_uploads_enabled = False

    def __init__(self, services: Services) -> None:
        """Serve with these."""
        self._services = services

    def parse_json(self, data: str | bytes) -> Any:  # noqa: ANN401 - an object, or a list of them
        """Read JSON, nothing deeper or stranger than an answer could be written in."""
        try:
            found = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise HTTPException(400, "the request is not JSON") from error
        if not isinstance(found, dict | list | None):
            raise HTTPException(400, "a request is a JSON object")
        return {} if found is None else found

    def get_sub_response(self, request: Event) -> dict[str, Any]:
        """See the base class."""
        return {"kind": kind_asked(request)}

    def get_context(self, request: Event, response: dict[str, Any]) -> Context:
        """Read the token, if there is one."""
        del response
        return Context(self._services, self._viewer(request), current() or made())

    def get_root_value(self, request: Event) -> None:
        """See the base class."""

    def render_graphql_ide(self, request: Event) -> Answer:
        """See the base class."""
        raise HTTPException(404, f"no page at {request.get('rawPath')}")

    def parse_http_body(self, request: SyncHTTPRequestAdapter) -> GraphQLRequestData | list[GraphQLRequestData]:
        """See the base class, which lets any `operationName` pass."""
        data = super().parse_http_body(request)
        if isinstance(data, GraphQLRequestData) and not isinstance(data.operation_name, str | None):
            raise HTTPException(400, "the request's `operationName` is a text or null")
        return data

    def execute_single(  # the base class has more arguments than a call should have
        self,
        request: Event,
        request_adapter: SyncHTTPRequestAdapter,
        sub_response: dict[str, Any],
        context: Context,
        root_value: None,
        request_data: GraphQLRequestData,
    ) -> Any:  # noqa: ANN401 - Strawberry's result and the library's have one shape
        """Execute one operation."""
        del request, root_value
        query = request_data.query
        if not query:
            raise HTTPException(400, "there is no `query` in the request")
        kind = operation_kind(query, request_data.operation_name)
        if kind is OperationType.SUBSCRIPTION:
            raise HTTPException(400, "subscriptions run over a WebSocket with the subprotocol graphql-transport-ws")
        if kind is OperationType.MUTATION and request_adapter.method == "GET":
            raise HTTPException(405, "a mutation is sent by POST")
        if request_adapter.method == "GET" and by_post_alone(query):
            raise HTTPException(400, "a secret is sent by POST: addresses are logged on their way")
        result: ExecutionResult = executed(query, request_data.variables, request_data.operation_name, context)
        # An error with a path arose while the operation ran; `data` is then null, and not absent.
        sub_response["data"] = result.data is not None or any(error.path for error in result.errors or ())
        return result

    def create_response(self, response_data: GraphQLHTTPResponse | list[GraphQLHTTPResponse], sub_response: dict[str, Any]) -> Answer:
        """Encode an answer; a request that could not be executed has no `data`, and is a 400 to those who read the new type."""
        ran = sub_response.get("data", True)
        if not ran and isinstance(response_data, dict):
            response_data.pop("data", None)
        return answer(200 if ran or sub_response["kind"] == LEGACY else 400, response_data, sub_response["kind"])

    def _viewer(self, request: Event) -> Viewer:
        authorization = EventAdapter(request).headers.get("authorization")
        if authorization is None:
            return PUBLIC
        return self._services.tokens.read(bearer(authorization), self._services.now())[0]


def handle(event: Event, services: Services) -> Answer:
    """Take one HTTP event. Its answer names its correlation id, by which the log has a line of it, and of what comes of it."""
    began, gateway = time.perf_counter(), event["requestContext"].get("requestId")
    correlation = asked(EventAdapter(event).headers, gateway)
    with correlated(correlation):
        try:
            done = _answered(event, services, correlation)
        except Exception:
            log.exception("unexpected")
            raise
        took = round((time.perf_counter() - began) * 1000)
        log.info("request", extra={"request": gateway, "status": done["statusCode"], "bytes": len(done["body"].encode()), "ms": took})
    done["headers"][HEADER] = correlation
    return done


def _answered(event: Event, services: Services, correlation: str) -> Answer:
    kind = kind_asked(event)
    body = event.get("body") or ""
    if len(body) > LONGEST_BYTES or len(body.encode()) > LONGEST_BYTES:  # a body in base64 may hold three quarters of that
        return _refused(413, TopLevel.BAD_USER_INPUT, f"a request has at most {LONGEST_BYTES} bytes", correlation, kind)
    try:
        return EventView(services).run(event)
    except Unauthenticated as fault:
        return _refused(401, TopLevel.UNAUTHENTICATED, fault.message, correlation, kind)
    except HTTPException as error:
        refusal = _refused(error.status_code, TopLevel.BAD_USER_INPUT, error.reason, correlation, kind)
        if error.status_code == 405:  # noqa: PLR2004 - HTTP wants to have said then what may be done
            refusal["headers"]["allow"] = "POST" if event["requestContext"]["http"]["method"].upper() == "GET" else "GET, POST"
        return refusal


def kind_asked(event: Event) -> str:
    """Give the media type of the answer: the new one to those who name it and like it no less than the legacy one."""
    weights: dict[str, float] = {}
    for liked in EventAdapter(event).headers.get("accept", "").split(","):
        name, *parameters = (part.strip().lower() for part in liked.split(";"))
        (weight, *_) = [part.removeprefix("q=") for part in parameters if part.startswith("q=")] or ["1"]
        try:
            weights[name] = float(weight)
        except ValueError:
            continue
    return RESPONSE if weights.get(RESPONSE, 0) > 0 and weights[RESPONSE] >= weights.get(LEGACY, 0) else LEGACY


def _refused(status: int, code: TopLevel, message: str, correlation: str, kind: str) -> Answer:
    error = {"message": message, "extensions": {"code": code.value, "correlationId": correlation}}
    return answer(status, {"errors": [error]}, kind)


def answer(status: int, body: object, kind: str) -> Answer:
    """Write an answer for API Gateway."""
    headers = {"content-type": f"{kind}; charset=utf-8", "cache-control": "no-store"}
    return {"statusCode": status, "headers": headers, "body": orjson.dumps(body, default=_plain).decode()}


def _plain(value: object) -> object:
    return getattr(value, "formatted", str(value))


handler = entry(handle)
