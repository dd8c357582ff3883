"""The archive runs: what `make package` builds for this machine, unpacked, under Lambda's Python and with nothing beside it."""

import importlib
import json
import os
import platform
import secrets
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import holidays
import pytest
from botocore.session import Session

from casework.adapters.dynamo import DynamoStore
from local.engine import Engine
from tests.casework.adapters.test_gateway import Gateway, served
from tests.casework.test_wiring import settings
from tests.infra.test_functions import HEADERS, READ, WATCH
from tests.infra.test_template import ROOT
from tests.support import Issuer

MACHINES = {"x86_64": "x86_64", "aarch64": "aarch64"}
NAMES = sorted(file.stem for file in (ROOT / "handlers").glob("[a-z]*.py"))
# Each event is handed to a function, in one process. Nothing but the archive and the standard library is on its path.
DRIVER = """import sys; sys.path.insert(0, sys.argv[1])
import importlib, json
print(json.dumps([importlib.import_module(f"handlers.{name}").handler(event, None) for name, event in json.load(sys.stdin)]))"""
LOADED = """import json, importlib
for name in NAMES: importlib.import_module(f"handlers.{name}")
print(json.dumps(sorted(module.__file__ for module in sys.modules.values() if getattr(module, "__file__", None))))"""
DAYS = """import json, holidays
print(json.dumps([[str(day), name] for language in ("vi", "en_US") for year in range(2020, 2031)
                  for day, name in sorted(holidays.country_holidays("VN", years=year, language=language).items())]))"""
CLIENTS = """import json
from botocore.session import Session
found = {}
for name in ("dynamodb", "kms", "s3", "secretsmanager"):
    client = Session().create_client(name, region_name="ap-southeast-1", aws_access_key_id="a", aws_secret_access_key="b")
    operations = sorted(client.meta.service_model.operation_names)
    shapes = {one: sorted(getattr(client.meta.service_model.operation_model(one).input_shape, "members", {})) for one in operations}
    found[name] = [client.meta.endpoint_url, client.meta.partition, shapes, sorted(vars(client.exceptions)["_code_to_exception"])]
    if name == "s3":
        params = {"Bucket": "depot", "Key": "exports/1"}
        found["signed"] = client.generate_presigned_url("get_object", Params=params, ExpiresIn=60).partition("?")[0]
print(json.dumps(found))"""
# The texts of methods that an import compiles still; the interpreter tells of each.
COMPILED = """import json, sys, importlib, pathlib
found = []
sys.addaudithook(lambda event, given: found.append(str(given[0])) if event == "compile" else None)
for name in NAMES: importlib.import_module(f"handlers.{name}")
print(json.dumps([text for text in found if "def __create_fn__" in text or text.startswith("lambda _cls")]))"""
CRYPTOGRAPHY = """from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
key = load_pem_private_key(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), None)
Ed25519PublicKey.from_public_bytes(key.public_key().public_bytes_raw()).verify(key.sign(b"x"), b"x")
box = AESGCM(bytes(32))
assert box.decrypt(bytes(12), box.encrypt(bytes(12), b"x", None), None) == b"x"
print("{}")"""


@dataclass(frozen=True)
class Archive:
    """The archive, unpacked, and the Python that runs it."""

    folder: Path
    python: str

    def run(self, code: str, given: str = "", **environ: str) -> Any:  # noqa: ANN401 - JSON
        """Run code over the archive alone; gives what it printed."""
        command = [self.python, "-I", "-S", "-c", f"import sys; sys.path.insert(0, sys.argv[1])\n{code}", str(self.folder)]
        bare = {"PATH": os.environ["PATH"], "POWERTOOLS_LOG_LEVEL": "WARNING", **environ}
        done = subprocess.run(command, input=given, env=bare, cwd="/", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def package() -> Iterator[ModuleType]:
    sys.path.insert(0, str(ROOT / "tools"))
    yield importlib.import_module("package")
    sys.path.remove(str(ROOT / "tools"))


@pytest.fixture(scope="module")
def archive(package: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Build it twice, in folders and at times that differ: the bytes do not."""
    python = package.compiler()
    if not python:
        pytest.skip(f"there is no Python {package.PYTHON}, which the archive is for")
    if sys.platform != "linux" or platform.machine() not in MACHINES:
        pytest.skip("the archive is for Linux on x86_64 or arm64")
    place = tmp_path_factory.mktemp("archive")
    try:
        package.install(place / "first", MACHINES[platform.machine()])
    except package.PackageError as fault:
        pytest.skip(f"the packages cannot be fetched: {fault}")
    shutil.copytree(place / "first", place / "second-time")
    for file in (place / "second-time").rglob("*.py"):
        os.utime(file, (time.time() + 3600,) * 2)
    for name in ("first", "second-time"):
        package.add(place / name)
        package.prune(place / name)
        package.compile_all(place / name, python, package.texts(place / name, python, MACHINES[platform.machine()]))
        package.archive(place / name, place / f"{name}.zip")
    assert (place / "first.zip").read_bytes() == (place / "second-time.zip").read_bytes()
    with zipfile.ZipFile(place / "first.zip") as made:
        made.extractall(place / "unpacked")
    assert (place / "first.zip").stat().st_size <= 8_000_000
    return Archive(place / "unpacked", python)


@pytest.fixture
def gate() -> Iterator[Gateway]:
    with served() as found:
        yield found


@pytest.fixture
def environ(tmp_path: Path, issuer: Issuer, engine: Engine, store: DynamoStore, gate: Gateway) -> dict[str, str]:
    assert store.versions("XD-01")
    keys = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    return {**settings(tmp_path, issuer, engine), **keys, "GIAMSAT_GATEWAY_URL": f"{gate.url}/test"}


def posted(document: str, token: str, variables: dict[str, Any]) -> tuple[str, Any]:
    event = {
        "rawPath": "/graphql", "rawQueryString": "", "isBase64Encoded": False,
        "headers": {"content-type": "application/json", "authorization": f"Bearer {token}"},
        "requestContext": {"http": {"method": "POST"}, "requestId": "JKJaXmPLvHcESHA="},
        "body": json.dumps({"query": document, "variables": variables}),
    }  # fmt: skip
    return "api", event


def socketed(connection: str, route: str, kind: str, **more: Any) -> tuple[str, Any]:  # noqa: ANN401 - JSON
    context = {
        "routeKey": route, "eventType": kind, "stage": "test", "connectedAt": 1795426481057, "requestId": "TNPDPGXnvHcFYnQ=",
        "domainName": HEADERS["Host"], "connectionId": connection, "identity": {"sourceIp": "192.0.2.1"},
    }  # fmt: skip
    return "sockets", {"requestContext": context, "isBase64Encoded": False, **more}


def said(connection: str, **message: Any) -> tuple[str, Any]:  # noqa: ANN401 - JSON
    return socketed(connection, "$default", "MESSAGE", body=json.dumps(message))


def answered(answer: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    body = json.loads(answer["body"])
    assert "errors" not in body, body
    return body["data"]


def test_every_handler_is_imported_from_the_archive_alone(archive: Archive) -> None:
    found = archive.run(f"NAMES = {NAMES}\n{LOADED}")
    standard = str(Path(archive.python).resolve().parents[1])
    assert {name for name in found if not name.startswith((str(archive.folder), standard))} <= {"/var/task"}
    assert len([name for name in found if name.startswith(str(archive.folder))]) > 500
    assert not [file for file in archive.folder.rglob("*") if file.suffix in {".py", ".pyi"}]


def test_no_start_compiles_the_methods_of_a_class(archive: Archive) -> None:
    assert archive.run(f"NAMES = {NAMES}\n{COMPILED}") == []


def test_it_answers_a_query_a_mutation_and_a_subscription(
    archive: Archive, environ: dict[str, str], issuer: Issuer, gate: Gateway, store: DynamoStore
) -> None:
    submit = """mutation($input: SubmitDossierInput!) { submitDossier(input: $input) {
        dossier { code dueAt: clock { dueAt } } entry { seq } errors { code } } }"""
    given = {
        "idempotencyKey": secrets.token_hex(8), "procedure": "XD-01", "receptionPoint": "22-MC", "channel": "ONLINE",
        "applicant": {"name": "Nguyễn Văn An", "phone": "0900"},
    }  # fmt: skip
    events = [
        posted(submit, issuer.token("CITIZEN"), {"input": given}),
        posted('{ procedure(code: "XD-01") { code cutOff limit { __typename } } }', issuer.token("HEAD"), {}),
        posted("{ workCalendar(year: 2026) { days { on } } }", issuer.token("HEAD"), {}),
    ]
    made, procedure, calendar = map(answered, archive.run(DRIVER, json.dumps(events), **environ))
    assert made["submitDossier"]["errors"] == []
    assert procedure["procedure"]["code"] == "XD-01"
    assert calendar["workCalendar"]["days"]
    code = made["submitDossier"]["dossier"]["code"]
    connection = f"{secrets.token_urlsafe(10)}="
    events = [
        socketed(connection, "$connect", "CONNECT", headers=HEADERS),
        said(connection, type="connection_init", payload={"authorization": f"Bearer {issuer.token('SUPERVISOR')}"}),
        said(connection, type="subscribe", id="1", payload={"query": WATCH, "variables": {"code": code}}),
        posted(READ, issuer.token("SUPERVISOR"), {"code": code}),
        ("stream", {"Records": streamed(store, code)}),
    ]  # fmt: skip
    *sockets, read, pushed = archive.run(DRIVER, json.dumps(events), **environ)
    assert [answer["statusCode"] for answer in sockets] == [200, 200, 200]
    assert answered(read)["dossier"] == {"code": code, "state": "SUBMITTED", "trail": {"nodes": [{"seq": 1}]}}
    assert pushed == {"batchItemFailures": []}
    heard = [json.loads(seen.body) for seen in gate.seen if seen.method == "POST"]
    assert [message["type"] for message in heard[:2]] == ["connection_ack", "next"]
    assert heard[1]["payload"]["data"]["dossierChanged"]["ready"] is True
    store.disconnect(connection)


def streamed(store: DynamoStore, code: str) -> list[dict[str, Any]]:
    subject = store.coded(code)
    assert subject
    return [
        {
            "eventID": secrets.token_hex(16), "eventName": "INSERT", "awsRegion": "ap-southeast-1",
            "eventSourceARN": "arn:aws:dynamodb:ap-southeast-1:anonymous:table/giamsat-test-trail/stream/x",
            "dynamodb": {
                "ApproximateCreationDateTime": 1795426481.0, "SequenceNumber": f"{entry.seq:021d}", "StreamViewType": "NEW_IMAGE",
                "Keys": {"subject": {"S": subject}, "seq": {"S": f"E#{entry.seq:08d}"}},
                "NewImage": {"subject": {"S": subject}, "v": {"N": "1"}, "line": {"S": entry.line}, "unit_month": {"S": "22-XD#2026-11"}},
            },
        }
        for entry in store.entries(subject, 0, 100)
    ]  # fmt: skip


def test_viet_nams_days_are_those_of_the_whole_package(archive: Archive) -> None:
    assert archive.run(DAYS) == [
        [str(day), name] for language in ("vi", "en_US") for year in range(2020, 2031)
        for day, name in sorted(holidays.country_holidays("VN", years=year, language=language).items())
    ]  # fmt: skip


def test_clients_are_those_of_the_whole_botocore(archive: Archive) -> None:
    found = archive.run(CLIENTS)
    assert found["signed"] == "https://depot.s3.amazonaws.com/exports/1"
    for name in ("dynamodb", "kms", "s3", "secretsmanager"):
        client = Session().create_client(name, region_name="ap-southeast-1")
        model = client.meta.service_model
        shapes = {one: sorted(getattr(model.operation_model(one).input_shape, "members", {})) for one in model.operation_names}
        assert found[name][:3] == [client.meta.endpoint_url, client.meta.partition, shapes]


def test_cryptography_seals_and_signs(archive: Archive) -> None:
    assert archive.run(CRYPTOGRAPHY) == {}


def test_each_package_that_is_left_has_its_licence(archive: Archive) -> None:
    told = list(archive.folder.glob("*.dist-info"))
    assert len(told) > 10
    for one in told:
        assert [file for file in one.rglob("*") if file.name.startswith(("LICENSE", "NOTICE"))], one.name
        assert (one / "METADATA").read_text().startswith("Metadata-Version")
