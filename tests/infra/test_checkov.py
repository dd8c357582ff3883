"""Checkov finds nothing in the packaged template but what tools/checkov.yml excepts, with a reason each."""

import json
import os
import subprocess
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.infra.test_template import ROOT, UPDATE, packaged

PYTHON = ROOT / ".local" / "checkov" / "bin" / "python"
EXCEPTIONS = ROOT / "tools" / "checkov.yml"

Finding = tuple[str, str]  # the check's id, and the resource as Type.LogicalId


def found(template: Path, home: Path) -> set[Finding]:
    """Run checkov on a template, offline and without settings of this machine."""
    command = [str(PYTHON), "-m", "checkov.main", "--file", str(template), "--framework", "cloudformation", "--skip-download"]
    bare = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home), "LOG_LEVEL": "ERROR"}
    done = subprocess.run([*command, "--quiet", "--compact", "--output", "json"], cwd=home, env=bare, capture_output=True, text=True,
                          check=False, timeout=300)  # fmt: skip
    assert done.returncode in {0, 1}, done.stderr  # 1: it found something
    told = json.loads(done.stdout)
    assert told["summary"]["parsing_errors"] == 0
    assert told["summary"]["passed"] > 0
    return {(one["check_id"], one["resource"]) for one in told["results"]["failed_checks"]}


def excepted() -> list[Finding]:
    exceptions: list[dict[str, Any]] = yaml.safe_load(EXCEPTIONS.read_text())
    assert all(set(one) == {"check", "resources", "reason"} and one["reason"] for one in exceptions)
    return [(one["check"], resource) for one in exceptions for resource in one["resources"]]


def covers(exception: Finding, findings: Iterable[Finding]) -> set[Finding]:
    return {one for one in findings if one[0] == exception[0] and fnmatchcase(one[1], exception[1])}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packaged(tmp_path_factory.mktemp("checked"))


@pytest.fixture(scope="module")
def findings(out: Path, tmp_path_factory: pytest.TempPathFactory) -> set[Finding]:
    """What is found with all that is optional: checkov passes over what has a condition."""
    home = tmp_path_factory.mktemp("home")
    template = json.loads((out / UPDATE).read_text())
    for resource in template["Resources"].values():
        resource.pop("Condition", None)
    (home / "whole.json").write_text(json.dumps(template))
    return found(home / "whole.json", home)


def test_nothing_is_found_that_is_not_excepted(findings: set[Finding]) -> None:
    assert sorted(findings - set().union(*(covers(exception, findings) for exception in excepted()))) == []


def test_no_exception_is_left_that_nothing_needs(findings: set[Finding]) -> None:
    exceptions = excepted()
    assert len(set(exceptions)) == len(exceptions)
    assert [exception for exception in exceptions if not covers(exception, findings)] == []


def test_a_weak_setting_would_be_found(out: Path, tmp_path: Path) -> None:
    template = json.loads((out / UPDATE).read_text())
    template["Resources"]["Depot"]["Properties"].pop("PublicAccessBlockConfiguration")
    template["Resources"]["AlarmTopic"]["Properties"].pop("KmsMasterKeyId")
    (tmp_path / "weak.json").write_text(json.dumps(template))
    weak = found(tmp_path / "weak.json", tmp_path)
    new = weak - set().union(*(covers(exception, weak) for exception in excepted()))
    assert new == {
        *((f"CKV_AWS_{number}", "AWS::S3::Bucket.Depot") for number in (53, 54, 55, 56)),
        ("CKV_AWS_26", "AWS::SNS::Topic.AlarmTopic"),
    }
