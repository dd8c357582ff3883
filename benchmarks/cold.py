"""A cold start: CPU from the start of a process to its first GraphQL answer, a dossier by its code, from what `make package` makes.

Beside the archive, unpacked: the same with its sources in the place of bytecode; a naive service of the same sources
(`peers/naive.py`: every function, every client, Starlette; the locked packages whole, with bytecode as pip writes it); and a
service on Node, bundled into one file (`peers/answer.mjs`), with the whole schema and with the few types that the request needs.
Each answers the same request with the same token from the same engine, and prints the same. They take turns. CPU is of the
process and of nobody else: user and system, as the kernel counts. Each ends with its answer: a function of Lambda is frozen then and
takes nothing down.
"""

import importlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.report import ROOT, Result
from benchmarks.setting import SUBMITTED, engine_on_disk, moved
from casework.model.parties import Role
from local.home import Home, NoCourier
from local.seeding import seed
from local.tokens import issued

TURNS = 15
ZIPPED_GOAL_MB = 8.0
NAIVE_GOAL, NODE_GOAL, BYTECODE_GOAL = 0.65, 1.4, 0.4
PEERS = ROOT / "benchmarks" / "peers"
SERVERS = ("starlette", "anyio", "idna")  # of the extra `local`, which the naive service needs; they are of no machine
LIBRARIES = {"x86_64": "x86_64", "aarch64": "aarch64"}
DOCUMENT = "query($code: ID!) { dossier(code: $code) { code version entries state kind channel rehearsal } }"
SMALL = """enum DossierState { SUBMITTED } enum DossierKind { NEW } enum Channel { ONLINE }
type Dossier { code: ID! version: Int! entries: Int! state: DossierState! kind: String! channel: Channel! rehearsal: Boolean! }
type Query { dossier(code: ID!): Dossier }"""
ANSWER = """import sys; sys.path.insert(0, sys.argv[1])
import json, os
from handlers.api import handler
print(handler(json.load(sys.stdin), None)["body"], flush=True)
os._exit(0)"""


@dataclass
class Start:
    """A program that answers one request, and what it cost, in milliseconds."""

    name: str
    command: list[str]
    took: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.took)


def measured() -> list[Result]:
    """Build all of them and measure the archive's size and each start."""
    sys.path.insert(0, str(ROOT / "tools"))
    package: Any = importlib.import_module("package")
    python = package.compiler()
    if not python or platform.system() != "Linux" or platform.machine() not in LIBRARIES:
        print(f"  no figure: it needs Linux on x86_64 or arm64, and a Python {package.PYTHON}")
        return []
    with tempfile.TemporaryDirectory(prefix="giamsat-cold-") as scratch:
        folder = Path(scratch)
        starts = _built(package, folder, python)
        zipped = (folder / "giamsat.zip").stat().st_size / 1e6
        with _request(folder) as (environ, request):
            answers = {start.name: _taken(start, environ, request) for start in starts}  # one turn to warm the disk's cache
            assert len(set(answers.values())) == 1, answers
            for start in starts:
                start.took.clear()
            for _ in range(TURNS):
                for start in starts:
                    _taken(start, environ, request)
    return [
        Result("archive, zipped with bytecode", zipped, "MB", goal=f"<= {ZIPPED_GOAL_MB} MB", met=zipped <= ZIPPED_GOAL_MB),
        *_told(starts),
    ]


def _told(starts: list[Start]) -> list[Result]:
    ours, *others = starts
    goals = {"sources": BYTECODE_GOAL, "naive": NAIVE_GOAL, "Node": NODE_GOAL}
    results = []
    for other in others:
        ratio, goal = ours.median / other.median, goals.get(other.name)
        told = None if goal is None else f"<= {goal}"
        met = None if goal is None else ratio <= goal
        results.append(Result(f"cold start, CPU, over {other.name}", ours.median, "ms", other.name, other.median, ratio, told, met))
    return [*results, *(Result(f"cold start, CPU, worst: {start.name}", max(start.took), "ms") for start in starts)]


def _built(package: Any, folder: Path, python: str) -> list[Start]:  # noqa: ANN401 - a script as a module
    whole, sources, ours = folder / "naive", folder / "sources", folder / "ours"
    package.install(whole, LIBRARIES[platform.machine()])
    shutil.copytree(whole, sources)
    package.add(sources)
    package.prune(sources)
    shutil.copytree(sources, ours)
    package.compile_all(ours, python, package.texts(ours, python, LIBRARIES[platform.machine()]))
    package.archive(ours, folder / "giamsat.zip")
    shutil.rmtree(ours)
    shutil.unpack_archive(folder / "giamsat.zip", ours)
    package.add(whole)
    for name in SERVERS:
        there = Path(str(importlib.import_module(name).__file__)).parent
        shutil.copytree(there, whole / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PEERS / "naive.py", whole)
    package.run([python, "-m", "compileall", "-q", str(whole)], "compiling")
    bundle, small = folder / "answer.cjs", folder / "small.graphql"
    small.write_text(SMALL)
    bundling = ["node_modules/.bin/esbuild", str(PEERS / "answer.mjs"), "--bundle", "--minify", "--platform=node"]
    package.run([*bundling, "--format=cjs", "--target=node20", f"--outfile={bundle}"], "bundling")
    alone = [python, "-I", "-S"]  # nothing of this machine's on the path
    return [
        Start("archive", [*alone, "-c", ANSWER, str(ours)]),
        Start("sources", [*alone, "-B", "-c", ANSWER, str(sources)]),
        Start("naive", [python, "-S", "-s", str(whole / "naive.py")]),
        Start("Node", ["node", str(bundle), str(ROOT / "schema" / "schema.graphql")]),
        Start("Node, few types", ["node", str(bundle), str(small)]),
    ]


@contextmanager
def _request(folder: Path) -> Iterator[tuple[dict[str, str], bytes]]:
    """Give the settings and the event of a request for a dossier, which stands in an engine's store."""
    home = Home(folder / "home")
    with engine_on_disk() as engine:
        services = home.services(engine.endpoint, NoCourier()).services
        seed(services.store)
        code = moved(services, issued(home, Role.CITIZEN), "submitDossier", SUBMITTED)["dossier"]["code"]
        event = {
            "rawPath": "/graphql", "rawQueryString": "", "isBase64Encoded": False,
            "headers": {"content-type": "application/json", "authorization": f"Bearer {issued(home, Role.SUPERVISOR)}"},
            "requestContext": {"http": {"method": "POST"}, "requestId": "cold"},
            "body": json.dumps({"query": DOCUMENT, "variables": {"code": code}}),
        }  # fmt: skip
        keys = {name: os.environ[name] for name in ("PATH", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        yield (
            {**home.environ(engine.endpoint), **keys, "GIAMSAT_GATEWAY_URL": "https://localhost/test", "POWERTOOLS_LOG_LEVEL": "WARNING"},
            json.dumps(event).encode(),
        )


def _taken(start: Start, environ: dict[str, str], request: bytes) -> str:
    """Start it, and note what it took; gives its answer, in one form."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as complained:
        given.write(request)
        given.seek(0)
        process = subprocess.Popen(start.command, stdin=given, stdout=printed, stderr=complained, env=environ)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        start.took.append((used.ru_utime + used.ru_stime) * 1000)
        printed.seek(0)
        complained.seek(0)
        answer = printed.read().decode()
        assert process.returncode == 0, f"{start.name}: {complained.read().decode()}"
    found = json.loads(answer)
    assert found["data"]["dossier"], f"{start.name}: {answer}"
    return json.dumps(found["data"], sort_keys=True)
