"""Each function of the archive as Lambda runs it: AWS's own runtime interface client, under its own emulator of the runtime interface.

The interpreter sees the archive, the client and the standard library, and nothing else of this machine. Settings are those of the deployed
stage; what functions call is the emulator's.
"""

import json
import platform
import socket
import subprocess
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from casework.adapters.parcels import written
from casework.ports import Parcel
from tests.infra.cloud import CREDENTIALS, ROOT
from tests.infra.test_functions import HEADERS
from tests.stack.conftest import STAGE, Stack

RUNTIME = ROOT / ".local" / "stack" / "runtime"
EMULATOR = RUNTIME / "samcli" / "local" / "rapid" / f"aws-lambda-rie-{ {'aarch64': 'arm64'}.get(platform.machine(), platform.machine()) }"
FUNCTIONS = ("api", "sockets", "stream", "tasks", "fanout", "heartbeat", "sweep", "sequencer")
LONG = ("sweep", "sequencer")  # which go on for 75 s
STARTS_S, ENDS_S = 60, 240  # however busy the machine is


@pytest.fixture(scope="module")
def unpacked(artefact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("task")
    with zipfile.ZipFile(artefact) as held:
        held.extractall(folder)
    return folder


@contextmanager
def running(stack: Stack, unpacked: Path, name: str) -> Iterator[str]:
    """Run a function; gives where it is invoked."""
    settings = stack.client("lambda").get_function_configuration(FunctionName=f"giamsat-{STAGE}-{name}")["Environment"]["Variables"]
    interface, runtime = free(), free()
    environ = {
        **settings, **CREDENTIALS, "PATH": "/usr/bin:/bin", "PYTHONPATH": str(RUNTIME), "LAMBDA_TASK_ROOT": str(unpacked),
        "AWS_ENDPOINT_URL": stack.environ["AWS_ENDPOINT_URL"], "AWS_LAMBDA_FUNCTION_NAME": name, "AWS_LAMBDA_FUNCTION_TIMEOUT": str(ENDS_S),
    }  # fmt: skip
    python = [str(ROOT / ".local" / "stack" / "bin" / "python"), "-S", "-m", "awslambdaric", f"handlers/{name}.handler"]
    addresses = ["--runtime-interface-emulator-address", f"127.0.0.1:{interface}", "--runtime-api-address", f"127.0.0.1:{runtime}"]
    with (unpacked.parent / f"{name}.log").open("wb") as out, subprocess.Popen(
        [str(EMULATOR), *addresses, *python], cwd=unpacked, env=environ, stdout=out, stderr=out
    ) as process:  # fmt: skip
        try:
            yield f"http://127.0.0.1:{interface}/2015-03-31/functions/function/invocations"
        finally:
            process.terminate()


def free() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


def invoked(stack: Stack, unpacked: Path, name: str, event: dict[str, Any]) -> Any:  # noqa: ANN401 - what the function answers
    """Start a function and let it take one event."""
    with running(stack, unpacked, name) as url:
        end = time.monotonic() + STARTS_S
        while True:
            try:
                with urllib.request.urlopen(url, json.dumps(event).encode(), timeout=ENDS_S) as answer:  # noqa: S310 - on loopback
                    return json.load(answer)
            except urllib.error.URLError as error:
                if not isinstance(error.reason, ConnectionRefusedError) or time.monotonic() > end:
                    raise
                time.sleep(0.1)


@pytest.fixture(scope="module")
def long(stack: Stack, unpacked: Path) -> Iterator[dict[str, "Future[Any]"]]:
    """Those that go on for long, begun at once."""
    with ThreadPoolExecutor(len(LONG)) as pool:
        yield {name: pool.submit(invoked, stack, unpacked, name, {}) for name in LONG}


def asked(body: dict[str, Any]) -> dict[str, Any]:
    """An event of the HTTP API, payload format 2.0."""
    http = {"method": "POST", "path": "/graphql", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "test"}
    return {
        "version": "2.0", "routeKey": "POST /graphql", "rawPath": "/graphql", "rawQueryString": "", "isBase64Encoded": False,
        "headers": {"content-type": "application/json"}, "body": json.dumps(body),
        "requestContext": {"requestId": "JKJaXmPLvHcESHA=", "http": http, "stage": "$default"},
    }  # fmt: skip


def test_all_functions_are_here(stack: Stack) -> None:
    listed = {one["FunctionName"] for one in stack.client("lambda").list_functions()["Functions"]}
    assert listed == {f"giamsat-{STAGE}-{name}" for name in FUNCTIONS}


@pytest.mark.usefixtures("long")
def test_a_query_is_answered(stack: Stack, unpacked: Path) -> None:
    answer = invoked(stack, unpacked, "api", asked({"query": '{ procedure(code: "XD-01") { code } }'}))
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"data": {"procedure": {"code": "XD-01"}}})
    logged = (unpacked.parent / "api.log").read_text().splitlines()
    (line,) = [json.loads(one) for one in logged if '"message":"request"' in one]
    assert (answer["headers"]["x-correlation-id"], line["correlation_id"]) == ("JKJaXmPLvHcESHA=", "JKJaXmPLvHcESHA=")


def test_a_connection_is_taken(stack: Stack, unpacked: Path) -> None:
    context = {"routeKey": "$connect", "eventType": "CONNECT", "connectionId": "runtime=", "stage": STAGE}
    answer = invoked(stack, unpacked, "sockets", {"requestContext": context, "headers": HEADERS, "isBase64Encoded": False})
    assert answer == {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "graphql-transport-ws"}}


@pytest.mark.parametrize("name", ["stream", "tasks"])
def test_an_entry_is_taken(stack: Stack, unpacked: Path, name: str) -> None:
    stack.submitted()
    (entry, *_) = stack.client("dynamodb").scan(TableName=f"giamsat-{STAGE}-trail", Limit=1)["Items"]
    told = {"Keys": {key: entry[key] for key in ("subject", "seq")}, "NewImage": entry, "SequenceNumber": "1"}
    answer = invoked(stack, unpacked, name, {"Records": [{"eventName": "INSERT", "dynamodb": told}]})
    assert answer == {"batchItemFailures": []}


def test_a_parcel_is_handed_out(stack: Stack, unpacked: Path) -> None:
    (state, *_) = stack.client("dynamodb").scan(TableName=f"giamsat-{STAGE}-trail", Limit=1)["Items"]
    subject = state["subject"]["S"]
    message = written(Parcel(f"dossier:{subject}", 0, subject, "s", b"{}", (("nobody", "1"),), "0"))
    record = {"messageId": "m", "body": message, "attributes": {"MessageGroupId": "g"}}
    assert invoked(stack, unpacked, "fanout", {"Records": [record]}) == {"batchItemFailures": []}


def test_a_minute_goes_by(stack: Stack, unpacked: Path) -> None:
    assert set(invoked(stack, unpacked, "heartbeat", {})) == {"pinged", "taken_over"}


@pytest.mark.parametrize("name", LONG)
def test_a_run_comes_to_its_end(long: dict[str, "Future[Any]"], name: str) -> None:
    answer = long[name].result(ENDS_S)
    assert answer["rounds"] > 1, answer
