"""All that the emulator (ministack) cannot do of what is deployed, and what is done about it: nothing of it stands anywhere else.

It makes of the packaged template one that the emulator takes, and gives addresses and sockets in the emulator's own form. What it cannot
do and nothing here makes up for is listed in `CANNOT`, with the test that shows it instead.
"""

import asyncio
import json
import queue
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.infra.cloud import ROOT

STATE = "serverless-state.json"  # what osls deploys from: it holds the template once more
SUBPROTOCOL = Subprotocol("graphql-transport-ws")
GATEWAY = "{address}/_aws/execute-api/{api}/{stage}"

# What it does not do -> what shows it instead.
CANNOT = {
    "bisect a batch, count its tries, or hear of batchItemFailures": "tests/handlers/test_taking.py",
    "refuse what a role does not allow": "tests/infra/test_rights.py",
    "reserve concurrency, or let an alarm ring": "tests/infra/test_watched.py",
    "run a function on Lambda's own runtime": "tests/stack/test_runtime.py",
    "keep what is stored through a kill": "tests/e2e",
}

Template = dict[str, Any]


def without_deployments(template: Template, _: str) -> None:
    """Let stages deploy by themselves: it knows no AWS::ApiGatewayV2::Deployment."""
    resources = template["Resources"]
    gone = {name for name, resource in resources.items() if resource["Type"] == "AWS::ApiGatewayV2::Deployment"}
    for name in gone:
        del resources[name]
    for resource in resources.values():
        if resource["Type"] == "AWS::ApiGatewayV2::Stage" and resource["Properties"].pop("DeploymentId", None):
            resource["Properties"]["AutoDeploy"] = True
        waits = resource.get("DependsOn", [])
        if not isinstance(waits, str):
            resource["DependsOn"] = [name for name in waits if name not in gone]


def with_addresses(template: Template, address: str) -> None:
    """Name the gateway by which functions post as it can be reached: names below execute-api resolve nowhere."""
    inside = GATEWAY.format(address=address, api="${WebsocketsApi}", stage="${Stage}")
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Function":
            resource["Properties"]["Environment"]["Variables"]["GIAMSAT_GATEWAY_URL"] = {"Fn::Sub": inside}


def without_sums(template: Template, _: str) -> None:
    """Let an alarm look at the first of the metrics that it adds up: it knows none of more than one."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in resource["Properties"]:
            _, first, *_ = resource["Properties"].pop("Metrics")
            of = first["MetricStat"]
            resource["Properties"].update(of["Metric"], Statistic=of["Stat"], Period=of["Period"])


def with_origins(template: Template, _: str) -> None:
    """Say which origins may ask in the words of the API, which it reads in the template too."""
    _, cors, _ = template["Resources"]["HttpApi"]["Properties"]["CorsConfiguration"]["Fn::If"]
    for name in list(cors):
        cors[f"{name[0].lower()}{name[1:]}"] = cors.pop(name)


BRIDGES: tuple[Callable[[Template, str], None], ...] = (without_deployments, with_addresses, without_sums, with_origins)


def bridged(folder: Path, address: str) -> Path:
    """Copy what `make package` built, with a template that the emulator at that address takes."""
    copy = folder / "build"
    shutil.copytree(ROOT / "build", copy)
    state = json.loads((copy / STATE).read_text())
    for bridge in BRIDGES:
        bridge(state["service"]["provider"]["compiledCloudFormationTemplate"], address)
    (copy / STATE).write_text(json.dumps(state))
    return copy


@contextmanager
def proxied(url: str) -> Iterator[str]:
    """Stand before a WebSocket API and agree on the subprotocol, which the emulator's answer leaves out; gives the address.

    All else goes through as it is: messages, ends, and what refuses a connection.
    """
    started: queue.SimpleQueue[tuple[asyncio.AbstractEventLoop, asyncio.Event, int]] = queue.SimpleQueue()

    async def run() -> None:
        done = asyncio.Event()
        async with serve(partial(_through, url), "127.0.0.1", 0, subprotocols=[SUBPROTOCOL]) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            started.put((asyncio.get_running_loop(), done, port))
            await done.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    loop, done, port = started.get(timeout=30)
    yield f"ws://127.0.0.1:{port}"
    loop.call_soon_threadsafe(done.set)
    thread.join(30)


async def _through(url: str, outer: ServerConnection) -> None:
    headers = {"Sec-WebSocket-Protocol": SUBPROTOCOL}
    async with connect(url.replace("http://", "ws://"), additional_headers=headers) as inner:
        await asyncio.wait(
            [asyncio.ensure_future(_carried(*pair)) for pair in ((outer, inner), (inner, outer))], return_when=asyncio.FIRST_COMPLETED
        )


async def _carried(source: Connection, target: Connection) -> None:
    with suppress(ConnectionClosed):
        async for message in source:
            await target.send(message)
    with suppress(ValueError):  # some codes are for an end without one
        await target.close(source.close_code or 1000, source.close_reason or "")
