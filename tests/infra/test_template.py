"""What would be deployed: packaged as `make package` does, without an account, and read as CloudFormation would."""

import copy
import importlib
import json
import os
import re
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cfnlint.api import ManualArgs, lint  # type: ignore[import-untyped] # it is typed and does not say so

from handlers import taking
from tests.casework.test_wiring import NEEDED

ROOT = Path(__file__).parents[2]
OSLS = ROOT / "node_modules" / "osls" / "bin" / "serverless.js"
UPDATE = "cloudformation-template-update-stack.json"
REGION = "ap-southeast-1"
# W3005: osls writes each dependency as DependsOn too, where a Ref says it already.
TRACES = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
IGNORED = ["W3005"]

Template = dict[str, Any]


def packaged(folder: Path, **environ: str) -> Path:
    """Package into a folder, in an environment with nothing in it but a PATH; gives the folder of what was written."""
    (folder / "serverless.yml").write_text((ROOT / "serverless.yml").read_text())
    (folder / "infra").symlink_to(ROOT / "infra")
    with zipfile.ZipFile(folder / "giamsat.zip", "w") as archive:
        archive.writestr("empty", "")
    bare = {"PATH": os.environ["PATH"], "HOME": str(folder), "AWS_EC2_METADATA_DISABLED": "true", "GIAMSAT_ARTIFACT": "giamsat.zip"}
    command = ["node", str(OSLS), "package", "--package", "out"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120, env=bare | environ)
    assert done.returncode == 0, done.stderr
    return folder / "out"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packaged(tmp_path_factory.mktemp("packaged"))


@pytest.fixture(scope="module")
def template(out: Path) -> Template:
    found: Template = json.loads((out / UPDATE).read_text())
    return found


def of_type(template: Template, kind: str) -> dict[str, Any]:
    return {name: resource["Properties"] for name, resource in template["Resources"].items() if resource["Type"] == kind}


def statements(template: Template, *roles: str) -> Iterator[dict[str, Any]]:
    """Give what roles allow, those named or all, also what they do under a condition alone."""
    for name, role in of_type(template, "AWS::IAM::Role").items():
        for policy in role["Policies"] if name in roles or not roles else ():
            yield from policy.get("Fn::If", [None, policy])[1]["PolicyDocument"]["Statement"]


def listed(value: Any) -> list[Any]:  # noqa: ANN401 - one of something, or a list of them
    return value if isinstance(value, list) else [value]


def faults(template: Template) -> list[str]:
    return [f"{match.rule.id} {match}" for match in lint(json.dumps(template), config=ManualArgs(regions=[REGION], ignore_checks=IGNORED))]


def test_the_template_is_valid(template: Template) -> None:
    assert faults(template) == []


def test_what_creates_the_stack_is_valid(out: Path) -> None:
    assert faults(json.loads((out / "cloudformation-template-create-stack.json").read_text())) == []


MUTATIONS: dict[str, Callable[[dict[str, Any]], object]] = {
    "E3003": lambda resources: resources["Trail"]["Properties"].pop("KeySchema"),
    "E3030": lambda resources: resources["SocketsLambdaFunction"]["Properties"].update(Runtime="python3.99"),
    "E1010": lambda resources: resources.pop("ApiRole"),
    "E1020": lambda resources: resources["Log"]["Properties"].update(TableName={"Ref": "Nothing"}),
}


@pytest.mark.parametrize("rule", MUTATIONS)
def test_a_fault_would_be_found(template: Template, rule: str) -> None:
    broken = copy.deepcopy(template)
    MUTATIONS[rule](broken["Resources"])
    assert any(fault.startswith(rule) for fault in faults(broken)), faults(broken)


def test_every_table_is_there_as_its_file_says(template: Template) -> None:
    tables = yaml.safe_load((ROOT / "infra" / "tables.yml").read_text())["Resources"]
    assert tables
    for name, table in tables.items():
        assert template["Resources"][name] == table
        assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert set(of_type(template, "AWS::DynamoDB::Table")) == set(tables)


def test_the_stream_is_read_in_order_and_whole(template: Template) -> None:
    mappings = of_type(template, "AWS::Lambda::EventSourceMapping").values()
    accesses, *others = sorted(mappings, key=lambda mapping: "Accesses" not in json.dumps(mapping["EventSourceArn"]))
    found = {mapping["FunctionName"]["Fn::GetAtt"][0]: mapping for mapping in others}
    whole: dict[str, Any] = {
        "EventSourceArn": {"Fn::GetAtt": ["Trail", "StreamArn"]},
        "StartingPosition": "TRIM_HORIZON",
        "ParallelizationFactor": 1,
        "BatchSize": 100,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": 10000,
        "MaximumRecordAgeInSeconds": 21600,
        "DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": ["SetAside", "Arn"]}}},
        "Enabled": True,
    }
    assert whole["MaximumRecordAgeInSeconds"] > taking.PATIENCE.total_seconds(), "the function sees to its records first"
    streamed = {"FunctionName": {"Fn::GetAtt": ["StreamLambdaFunction", "Arn"]}}
    assert accesses == {**whole, **streamed, "EventSourceArn": {"Fn::GetAtt": ["Accesses", "StreamArn"]}}
    inserts = {"FilterCriteria": {"Filters": [{"Pattern": '{"eventName":["INSERT"]}'}]}}
    parcels = found.pop("FanoutLambdaFunction")
    assert (parcels["EventSourceArn"], parcels["BatchSize"]) == ({"Fn::GetAtt": ["Parcels", "Arn"]}, 1)
    assert parcels["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert parcels["ScalingConfig"] == {"MaximumConcurrency": 4}
    assert found == {
        "StreamLambdaFunction": {**whole, **streamed},
        "TasksLambdaFunction": {**whole, **inserts, "FunctionName": {"Fn::GetAtt": ["TasksLambdaFunction", "Arn"]}},
    }


def test_each_route_has_its_function(template: Template) -> None:
    routes = {route["RouteKey"]: json.dumps(route["Target"]) for route in of_type(template, "AWS::ApiGatewayV2::Route").values()}
    assert {key for key, target in routes.items() if "SocketsWebsocketsIntegration" in target} == {"$connect", "$default", "$disconnect"}
    assert {key for key, target in routes.items() if "HttpApiIntegrationApi" in target} == {"GET /graphql", "POST /graphql"}
    assert all("SourceArn" in permission for permission in of_type(template, "AWS::Lambda::Permission").values())


def test_every_function_has_a_handler(template: Template) -> None:
    functions = of_type(template, "AWS::Lambda::Function")
    assert {function["Handler"].partition(".")[0] for function in functions.values()} == {
        "handlers/api",
        "handlers/fanout",
        "handlers/heartbeat",
        "handlers/sequencer",
        "handlers/sockets",
        "handlers/stream",
        "handlers/sweep",
        "handlers/tasks",
    }
    for function in functions.values():
        module, _, name = function["Handler"].rpartition(".")
        assert callable(getattr(importlib.import_module(module.replace("/", ".")), name))
        assert function["Runtime"] == "python3.13"
        late = {
            "handlers/fanout.handler",
            "handlers/heartbeat.handler",
            "handlers/sequencer.handler",
            "handlers/stream.handler",
            "handlers/sweep.handler",
            "handlers/tasks.handler",
        }
        assert function["Timeout"] <= 29 or function["Handler"] in late  # API Gateway waits no longer


def test_functions_have_every_setting_and_each_is_documented(template: Template) -> None:
    told = (ROOT / "docs" / "settings.md").read_text()
    needed = {*NEEDED, "GIAMSAT_GATEWAY_URL"} - {"GIAMSAT_REGION"}  # Lambda sets AWS_REGION
    for function in of_type(template, "AWS::Lambda::Function").values():
        names = set(function["Environment"]["Variables"])
        assert needed <= names
        assert [name for name in names if f"`{name}`" not in told] == []


def test_settings_come_from_the_account(template: Template) -> None:
    told = (ROOT / "docs" / "settings.md").read_text()
    read = {name: about for name, about in template["Parameters"].items() if name != "Stage"}
    assert all(about["Type"] == "AWS::SSM::Parameter::Value<String>" for about in read.values())
    assert [about["Default"] for about in read.values() if f"`{about['Default'].replace('/dev/', '/<stage>/')}`" not in told] == []


def test_no_right_is_given_by_a_star(template: Template) -> None:
    allowed = [statement for statement in statements(template) if statement["Effect"] == "Allow"]
    assert allowed
    for statement in allowed:
        assert not any("*" in action for action in listed(statement["Action"]))
        assert ("*" in listed(statement["Resource"])) == (statement["Action"] == TRACES), "X-Ray knows no smaller place"


def rights_to(template: Template, name: str) -> dict[str, set[str]]:
    """Give what all roles together may do with something: actions by the resource as it is written."""
    found: dict[str, set[str]] = {}
    for statement in statements(template):
        for resource in listed(statement["Resource"]):
            if re.search(rf"\b{name}\b", json.dumps(resource)):
                found.setdefault(json.dumps(resource), set()).update(listed(statement["Action"]))
    return found


def test_nobody_may_change_or_delete_an_entry_or_an_access(template: Template) -> None:
    for name in ("Trail", "Accesses"):
        rights = rights_to(template, name)
        assert rights.pop(json.dumps({"Fn::GetAtt": [name, "Arn"]})) <= {
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:BatchGetItem",
            "dynamodb:ConditionCheckItem",
        }
        rights.pop(json.dumps({"Fn::Sub": f"${{{name}.Arn}}/index/*"}), None)
        assert set(rights) == {json.dumps({"Fn::GetAtt": [name, "StreamArn"]})}


def test_one_function_signs_and_nobody_takes_anything_out_of_the_vault(template: Template) -> None:
    signing = [name for name, role in of_type(template, "AWS::IAM::Role").items() if "kms:Sign" in json.dumps(role["Policies"])]
    assert signing == ["SequencerRole"]
    writing = [name for name in of_type(template, "AWS::IAM::Role") for one in statements(template, name)
               if "s3:PutObject" in listed(one["Action"]) and "Vault" in json.dumps(one["Resource"])]  # fmt: skip
    assert writing == ["SequencerRole"]
    assert set().union(*rights_to(template, "Vault").values()) == {"s3:GetObject", "s3:PutObject", "s3:ListBucket"}


def test_each_function_has_a_role_of_its_own(template: Template) -> None:
    functions, roles = of_type(template, "AWS::Lambda::Function"), of_type(template, "AWS::IAM::Role")
    named = [function["Role"]["Fn::GetAtt"][0] for function in functions.values()]
    assert sorted(named) == sorted(roles)
    assert all(f"{function['Handler'].removeprefix('handlers/').partition('.')[0].capitalize()}Role" == role
               for function, role in zip(functions.values(), named, strict=True))  # fmt: skip


def test_what_is_published_stays(template: Template) -> None:
    vault = template["Resources"]["Vault"]
    assert (vault["DeletionPolicy"], vault["UpdateReplacePolicy"]) == ("Retain", "Retain")
    locked = vault["Properties"]["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    assert locked == {"Mode": "COMPLIANCE", "Days": {"Ref": "LockedDays"}}
    key = template["Resources"]["LogKey"]
    assert (key["DeletionPolicy"], key["Properties"]["KeySpec"]) == ("Retain", "ECC_NIST_EDWARDS25519")
    for name, bucket in of_type(template, "AWS::S3::Bucket").items():
        if name in {"Vault", "Depot"}:
            assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}


def test_nothing_of_this_machine_and_no_credential_gets_in(out: Path) -> None:
    for file in out.iterdir():
        text = file.read_text()
        for hidden in (str(ROOT), str(out.parent), "AKIA", "ASIA", "aws_secret"):
            assert hidden not in text, file.name
        assert not re.search(r"\b\d{12}\b", text), "an account's number"


def test_stage_and_architecture_are_chosen_at_packaging(tmp_path: Path) -> None:
    template = json.loads((packaged(tmp_path, STAGE="prod", ARCH="x86_64") / UPDATE).read_text())
    assert template["Parameters"]["Stage"]["Default"] == "prod"
    assert template["Parameters"]["Issuer"]["Default"] == "/giamsat/prod/issuer"
    for function in of_type(template, "AWS::Lambda::Function").values():
        assert function["Architectures"] == ["x86_64"]
        assert function["FunctionName"].startswith("giamsat-prod-")


def test_functions_get_what_is_locked_for_everything() -> None:
    def versions(name: str) -> set[str]:
        return set(re.findall(r"^[a-z0-9._-]+==[^ ;]+", (ROOT / name).read_text(), re.MULTILINE))

    functions = versions("requirements-lambda.lock")
    assert functions
    assert functions <= versions("requirements.lock")
    assert "http" not in (ROOT / "requirements-lambda.lock").read_text()
