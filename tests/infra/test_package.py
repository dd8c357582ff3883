"""The archive: the same files give the same bytes, and nothing gets in that no function reads."""

import importlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import holidays
import pytest
from botocore.loaders import Loader

from tests.infra.test_template import ROOT


@pytest.fixture(scope="module")
def package() -> ModuleType:
    spec = importlib.util.spec_from_file_location("package", ROOT / "tools" / "package.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def filled(folder: Path, names: list[str]) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"# {Path(name).name}\nx = {{'b', 'a'}}\n")
    return folder


def names_in(folder: Path) -> set[str]:
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


def test_the_same_files_give_the_same_bytes(package: ModuleType, tmp_path: Path) -> None:
    first = filled(tmp_path / "first", ["b/c.py", "a.py", "b/a.py"])
    second = filled(tmp_path / "second", ["b/a.py", "b/c.py", "a.py"])
    for file in second.rglob("*.py"):
        os.utime(file, (1_000_000_000, 1_000_000_000))
        file.chmod(0o600)
    package.archive(first, tmp_path / "first.zip")
    package.archive(second, tmp_path / "second.zip")
    assert (tmp_path / "first.zip").read_bytes() == (tmp_path / "second.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "first.zip") as archive:
        assert archive.namelist() == ["a.py", "b/a.py", "b/c.py"]
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100644}


def test_what_no_function_reads_is_left_out(package: ModuleType, tmp_path: Path) -> None:
    kept = ["botocore/data/dynamodb/x.json", "botocore/data/secretsmanager/x.json", "botocore/data/endpoints.json", "bintrees/a.py"]
    filled(tmp_path, [*kept, "botocore/data/ec2/x.json", "boto3/a.py", "boto3-1.0.dist-info/RECORD", "s3transfer/a.py", "bin/script"])
    package.prune(tmp_path)
    assert names_in(tmp_path) == set(kept)


def test_what_is_left_of_packages_is_what_functions_need(package: ModuleType, tmp_path: Path) -> None:
    """All handlers are imported over it, and Viet Nam's days are those of the whole package."""
    (tmp_path / "botocore" / "data").mkdir(parents=True)
    for name in ("holidays", "dateutil", "aws_lambda_powertools"):
        there = Path(str(importlib.import_module(name).__file__)).parent
        shutil.copytree(there, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    whole = sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file())
    package.prune(tmp_path)
    shutil.rmtree(tmp_path / "botocore")
    assert sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()) < whole / 2
    modules = ", ".join(sorted(f"handlers.{file.stem}" for file in (ROOT / "handlers").glob("[a-z]*.py")))
    code = f"""import {modules}, holidays, dateutil, json
print(holidays.__file__)
print(json.dumps([[str(day), name] for language in ('vi', 'en_US') for year in range(2020, 2031)
                  for day, name in sorted(holidays.country_holidays('VN', years=year, language=language).items())]))"""
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    place, days = done.stdout.splitlines()
    assert str(tmp_path) in place
    assert json.loads(days) == [
        [str(day), name] for language in ("vi", "en_US") for year in range(2020, 2031)
        for day, name in sorted(holidays.country_holidays("VN", years=year, language=language).items())
    ]  # fmt: skip


def test_the_services_that_are_kept_are_botocores_names(package: ModuleType) -> None:
    assert set(Loader().list_available_services("service-2")) >= package.SERVICES


def test_the_service_is_added_without_bytecode_of_this_machine(package: ModuleType, tmp_path: Path) -> None:
    package.add(tmp_path)
    found = names_in(tmp_path)
    assert {"handlers/api.py", "schema/root.py", "casework/wiring.py"} <= found
    assert not any(name.endswith((".pyc", ".graphql")) for name in found)
    assert not any(name.startswith(("local/", "tests/")) for name in found)


def test_bytecode_is_never_compared_and_names_where_it_runs(package: ModuleType, tmp_path: Path) -> None:
    filled(tmp_path, ["a/b.py"])
    package.compile_all(tmp_path, sys.executable)
    (compiled,) = tmp_path.rglob("*.pyc")
    content = compiled.read_bytes()
    assert int.from_bytes(content[4:8], "little") == 0b01  # PEP 552: hash-based, unchecked
    assert b"/var/task/a/b.py" in content
    assert str(tmp_path).encode() not in content


def test_bytecode_is_of_lambdas_python(package: ModuleType) -> None:
    assert f"runtime: python{package.PYTHON}\n" in (ROOT / "serverless.yml").read_text()
    found = package.compiler()
    assert (found == sys.executable) is (sys.version_info[:2] == (3, 13))
    asked = "import sys; print('{}.{}'.format(*sys.version_info))"
    assert (
        found is None or subprocess.run([found, "-c", asked], capture_output=True, text=True, check=True).stdout.strip() == package.PYTHON
    )


def test_a_version_manager_s_python_is_found(package: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = tmp_path / "versions" / "3.13.7" / "bin" / "python3.13"
    found.parent.mkdir(parents=True)
    found.write_text("#!/bin/sh\necho 3.13\n")
    found.chmod(0o755)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert package.compiler() == str(found)


def test_what_does_not_compile_is_told(package: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x =\n")
    with pytest.raises(package.PackageError, match="compiling failed"):
        package.compile_all(tmp_path, sys.executable)


def test_another_architecture_is_refused(package: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("ARCH", "mips")
    assert package.main() == 1
    assert "ARCH is arm64 or x86_64" in capsys.readouterr().err
