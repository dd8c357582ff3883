"""The packaged template, deployed on an emulator of AWS (ministack), and whoever uses it from outside."""

import json
import os
import platform
import secrets
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.session import Session

from tests.infra.cloud import CREDENTIALS, REGION, ROOT, emulated
from tests.stack.bridge import GATEWAY, bridged, proxied
from tests.support import AUDIENCE, ISSUER, Issuer

STAGE = "test"
LOG = "log.test/trail"
LONGEST_S = 300


@dataclass
class Stack:
    """A deployed stage: its addresses, and the environment of whoever operates it."""

    http: str
    socket: str
    environ: dict[str, str]
    issuer: Issuer = field(default_factory=Issuer)

    def ask(self, document: str, role: str | None = None, /, **variables: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        body = json.dumps({"query": document, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.http}/graphql", body, {"content-type": "application/json"})  # noqa: S310 - on loopback
        if role:
            request.add_header("authorization", f"Bearer {self.issuer.token(role)}")
        try:
            with urllib.request.urlopen(request, timeout=LONGEST_S) as answer:  # noqa: S310 - on loopback
                found: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                found = json.load(error)
        return found

    def move(self, name: str, role: str, /, **given: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        given.setdefault("idempotencyKey", secrets.token_hex(8))
        document = f"""mutation Move($input: {name[0].upper()}{name[1:]}Input!) {{ {name}(input: $input) {{
            dossier {{ id code entries }} errors {{ code message(lang: EN) }} }} }}"""
        answer = self.ask(document, role, input=given)
        assert "errors" not in answer, answer
        found: dict[str, Any] = answer["data"][name]
        assert found["errors"] == [], found
        dossier: dict[str, Any] = found["dossier"]
        return dossier

    def submitted(self) -> dict[str, Any]:
        person = {"name": "Nguyễn Văn An"}
        return self.move("submitDossier", "CITIZEN", procedure="XD-01", receptionPoint="22-MC", channel="ONLINE", applicant=person)

    def client(self, service: str) -> Any:  # noqa: ANN401 - botocore makes a class for each service when it runs
        return Session().create_client(
            service, region_name=REGION, endpoint_url=self.environ["AWS_ENDPOINT_URL"],
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"], aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )  # fmt: skip

    def command(self, *arguments: str, status: int = 0) -> str:
        """Run the command line as the stage's operator does; gives what it printed."""
        command = [sys.executable, "-m", "local.commands", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.environ, capture_output=True, text=True, check=False, timeout=LONGEST_S)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout


def python_of_lambda() -> bool:
    """Whether the emulator runs functions on Lambda's Python, for which the archive was built."""
    python = ROOT / ".local" / "stack" / "bin" / "python"
    asked = [str(python), "-c", "import sys; print('{}.{}'.format(*sys.version_info))"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip() == "3.13"


@pytest.fixture(scope="session")
def artefact() -> Path:
    """The archive for this machine, built as `make package` builds it."""
    if not python_of_lambda():
        pytest.fail("functions run on Lambda's Python alone: have a Python 3.13, remove .local/stack and set it up again")
    environ = {**os.environ, "ARCH": {"aarch64": "arm64"}.get(platform.machine(), platform.machine()), "STAGE": STAGE}
    command = [sys.executable, "tools/package.py"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=LONGEST_S)
    assert done.returncode == 0, done.stderr
    return ROOT / "build" / "giamsat.zip"


@pytest.fixture(scope="session")
def stack(artefact: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Deploy what was packaged, with the settings that an account has, and load the register."""
    assert artefact.exists()
    folder, issuer = tmp_path_factory.mktemp("stack"), Issuer()
    with emulated(folder) as address:
        bare = {"PATH": os.environ["PATH"], "HOME": str(folder), "AWS_EC2_METADATA_DISABLED": "true"}
        found = Stack("", "", {**bare, **CREDENTIALS, "AWS_ENDPOINT_URL": address}, issuer)
        settled(found)
        build = bridged(folder, address)
        command = ["node", "node_modules/osls/bin/serverless.js", "deploy", "--stage", STAGE, "--package", str(build)]
        done = subprocess.run(command, cwd=ROOT, env=found.environ, capture_output=True, text=True, check=False, timeout=LONGEST_S)
        assert done.returncode == 0, done.stdout + done.stderr
        found.command("seed", "--stage", STAGE)
        api, sockets = (identifier(found, name) for name in ("HttpApi", "WebsocketsApi"))
        found.http = GATEWAY.format(address=address, api=api, stage="$default")
        with proxied(GATEWAY.format(address=address, api=sockets, stage=STAGE)) as found.socket:
            yield found


def settled(stack: Stack) -> None:
    """Put what differs from one deployment to the next where CloudFormation reads it."""
    manager, parameters = stack.client("secretsmanager"), stack.client("ssm")
    kept = {"key-set": stack.issuer.key_set(), "secrets": {"current": 1, "secrets": {"1": secrets.token_hex(32)}}}
    arns = {f"{name}-arn": manager.create_secret(Name=name, SecretString=json.dumps(held))["ARN"] for name, held in kept.items()}
    plain = {"locked-days": "1", "issuer": ISSUER, "audience": AUDIENCE, "log": LOG, "origins": "https://front.test"}
    none = dict.fromkeys(("alarm-address", "domain", "certificate-arn", "hosted-zone"), "-") | dict.fromkeys(
        ("reserve", "log-sockets", "trace"), "no"
    )
    for name, value in {**plain, **none, **arns}.items():
        parameters.put_parameter(Name=f"/giamsat/{STAGE}/{name}", Value=value, Type="String")


def identifier(stack: Stack, name: str) -> str:
    found = stack.client("cloudformation").describe_stack_resource(StackName=f"giamsat-{STAGE}", LogicalResourceId=name)
    return str(found["StackResourceDetail"]["PhysicalResourceId"])
