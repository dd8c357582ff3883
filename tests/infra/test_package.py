"""The archive: the same files give the same bytes, and nothing gets in that no function reads."""

import gzip
import importlib
import json
import os
import platform
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import botocore
import orjson
import pytest

from tests.infra.test_template import ROOT


@pytest.fixture(scope="module")
def tools() -> Iterator[None]:
    """Find the scripts of `tools` as they find each other."""
    sys.path.insert(0, str(ROOT / "tools"))
    yield
    sys.path.remove(str(ROOT / "tools"))


@pytest.fixture(scope="module")
def package(tools: None) -> ModuleType:  # noqa: ARG001 - its path
    return importlib.import_module("package")


@pytest.fixture(scope="module")
def pruning(tools: None) -> ModuleType:  # noqa: ARG001 - its path
    return importlib.import_module("pruning")


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


def test_modules_that_no_import_reaches_are_left_out(pruning: ModuleType, tmp_path: Path) -> None:
    checked = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import three\nelse:\n    import handlers\n"
    written = {
        "handlers/__init__.py": "", "handlers/api.py": "import one\nfrom boto3.session import x\n\ndef f():\n    from two import late\n",
        "one/__init__.py": "try:\n    from . import near\nexcept ImportError:\n    pass\n", "one/near.py": "", "one/far.py": "",
        "one/near.pyi": "", "one/py.typed": "", "two/__init__.py": "", "two/late.py": checked, "three.py": "", "boto3/session.py": "",
        "one-1.dist-info/METADATA": "Name: one\nVersion: 1\n\nA long story.\n", "one-1.dist-info/licenses/LICENSE": "MIT",
        "one-1.dist-info/RECORD": "one/far.py,sha256=0,0\none/near.py,,\none-1.dist-info/METADATA,,\n", "one-1.dist-info/WHEEL": "",
        "three-1.dist-info/METADATA": "Name: three\n\n", "three-1.dist-info/RECORD": "three.py,,\nthree-1.dist-info/METADATA,,\n",
    }  # fmt: skip
    filled(tmp_path, list(written))
    for name, text in written.items():
        (tmp_path / name).write_text(text)
    pruning.prune(tmp_path)
    assert names_in(tmp_path) == {
        "handlers/__init__.py", "handlers/api.py", "one/__init__.py", "one/near.py", "two/__init__.py", "two/late.py",
        "one-1.dist-info/METADATA", "one-1.dist-info/licenses/LICENSE",
    }  # fmt: skip
    assert (tmp_path / "one-1.dist-info/METADATA").read_text() == "Name: one\nVersion: 1\n"


def without_prose(found: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(found, list):
        return [without_prose(one) for one in found]
    if not isinstance(found, dict):
        return found
    return {name: "" if name == "documentation" and isinstance(one, str) else without_prose(one) for name, one in found.items()}


def test_descriptions_lose_their_prose_and_nothing_else(pruning: ModuleType, tmp_path: Path) -> None:
    whole = Path(str(botocore.__file__)).parent / "data"
    for name in (*pruning.SERVICES, "ec2"):
        shutil.copytree(whole / name, tmp_path / "botocore" / "data" / name)
    filled(tmp_path, ["handlers/__init__.py"])
    pruning.prune(tmp_path)
    found = {name for name in names_in(tmp_path) if name.startswith("botocore")}
    assert {name.split("/")[2] for name in found} == set(pruning.SERVICES)
    assert not (tmp_path / "botocore" / "data" / "ec2").exists()
    for service in pruning.SERVICES:
        newest = max(path.name for path in (whole / service).iterdir())
        here = f"botocore/data/{service}/{newest}/service-2.json"
        assert {here, here.replace("service-2", "endpoint-rule-set-1")} <= found
        read = orjson.loads((tmp_path / here).read_bytes())
        assert read == without_prose(orjson.loads(gzip.decompress((whole / service / newest / "service-2.json.gz").read_bytes())))
    assert not any(part in name for name in found for part in ("examples", "waiters", "paginators"))


def test_a_member_that_is_named_documentation_stays(pruning: ModuleType, tmp_path: Path) -> None:
    told = {"members": {"documentation": {"shape": "S", "documentation": "prose"}}, "partitions": [{"services": {"s3": {}, "ec2": {}}}]}
    (tmp_path / "x.json.gz").write_bytes(gzip.compress(json.dumps(told).encode()))
    pruning.shorten(tmp_path / "x.json.gz")
    assert names_in(tmp_path) == {"x.json"}
    assert json.loads((tmp_path / "x.json").read_bytes()) == {
        "members": {"documentation": {"shape": "S", "documentation": ""}}, "partitions": [{"services": {"s3": {}}}],
    }  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="its libraries are none of ELF")
def test_a_library_without_its_symbols_still_loads(pruning: ModuleType, tmp_path: Path) -> None:
    whole = Path(str(importlib.import_module("orjson.orjson").__file__))
    content = whole.read_bytes()
    shutil.copytree(whole.parent, tmp_path / "orjson", ignore=shutil.ignore_patterns("__pycache__"))
    short = pruning.stripped(content)
    (tmp_path / "orjson" / whole.name).write_bytes(short)
    assert len(short) < len(content)
    assert pruning.stripped(short) == short
    code = "import orjson; print(orjson.__file__, orjson.dumps({'a': [1.5, None]}).decode())"
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout == f'{tmp_path / "orjson" / "__init__.py"} {{"a":[1.5,null]}}\n'


def test_the_service_is_added_without_bytecode_of_this_machine(package: ModuleType, tmp_path: Path) -> None:
    package.add(tmp_path)
    found = names_in(tmp_path)
    assert {"handlers/api.py", "schema/root.py", "casework/wiring.py"} <= found
    assert not any(name.endswith((".pyc", ".graphql")) for name in found)
    assert not any(name.startswith(("local/", "tests/")) for name in found)


SOURCE = """'Long.'
class A:
    'Long.'
@(lambda found: found)
class B:
    x = 1
def f():
    'Long.'
def g():
    'Long.'
    assert not 1
"""
PEEKED = """import sys; sys.path.insert(0, sys.argv[1]); import traceback; from a import b
print([b.__doc__, b.A.__doc__, b.B.__doc__, b.B.x, b.f.__doc__, b.f()])
try: b.g()
except AssertionError as error: print(traceback.format_exc().splitlines()[-2].strip())"""


def test_bytecode_stands_in_the_place_of_sources(package: ModuleType, tmp_path: Path) -> None:
    """It is never compared, names the place where it runs, and has no prose; an assertion is none."""
    filled(tmp_path, ["a/b.py"]).joinpath("a/b.py").write_text(SOURCE)
    package.compile_all(tmp_path, sys.executable)
    assert names_in(tmp_path) == {"a/b.pyc"}
    content = (tmp_path / "a" / "b.pyc").read_bytes()
    assert int.from_bytes(content[4:8], "little") == 0b01  # PEP 552: hash-based, unchecked
    assert b"Long." not in content
    assert str(tmp_path).encode() not in content
    done = subprocess.run([sys.executable, "-I", "-c", PEEKED, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[None, '.', '.', 1, None, None]", 'File "/var/task/a/b.py", line 11, in g']


MADE = """import re, dataclasses, collections
@dataclasses.dataclass(frozen=True, order=True, slots=True)
class A:
    'Told.'
    x: int
    y: list = dataclasses.field(default_factory=list)
@dataclasses.dataclass(kw_only=True)
class B:
    'Told.'
    z: int = 3
C = collections.namedtuple('C', 'left right', defaults=[7])
P = re.compile('(?P<year>[0-9]{4})-[^-]+', re.IGNORECASE)
Q = re.compile(b'a|b{2,}')
def handler():
    try: A(1).x = 2
    except dataclasses.FrozenInstanceError as error: refused = str(error)
    try: A()
    except TypeError as error: missing = str(error)
    return [repr(A(1)), A(1) == A(1), A(1) < A(2), hash(A(1, ())) == hash(A(1, ())), refused, missing, repr(B(z=4)),
            repr(C(1)), C(1)._asdict(), P.groupindex['year'], P.fullmatch('2026-x')['year'], P.flags, repr(P),
            [found[0].decode() for found in Q.finditer(b'abbb')], repr(Q)]
"""
# Which texts an import compiles: the interpreter tells of each.
DRIVEN = """import sys, json, re; sys.path.insert(0, sys.argv[1])
import dataclasses, collections, pathlib
found = []
sys.addaudithook(lambda event, given: found.append(str(given[0])[:40]) if event == "compile" else None)
parse = re._parser.parse
vars(re._parser)["parse"] = lambda *given: (found.append(str(given[0])), parse(*given))[1]
import handlers.prepared, handlers.made
print(json.dumps([handlers.made.handler(), found]))"""


def test_what_a_start_compiles_is_compiled_while_packaging(package: ModuleType, tmp_path: Path) -> None:
    """It is the same as what the start would compile."""
    for name in ("sources", "compiled"):
        folder = tmp_path / name / "handlers"
        folder.mkdir(parents=True)
        (folder / "__init__.py").touch()
        shutil.copy(ROOT / "handlers" / "prepared.py", folder)
        (folder / "made.py").write_text(MADE)
    known = package.texts(tmp_path / "compiled", sys.executable, platform.machine())
    package.compile_all(tmp_path / "compiled", sys.executable, known)
    answers = {}
    for name in ("sources", "compiled"):
        command = [sys.executable, "-I", "-c", DRIVEN, str(tmp_path / name)]
        answers[name] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert answers["sources"][0] == answers["compiled"][0]
    assert "a|b{2,}" in "".join(answers["sources"][1])
    assert len(answers["sources"][1]) >= 6
    assert not answers["compiled"][1]


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


def test_a_deploy_packages_for_its_own_stage_and_deploys_that() -> None:
    done = subprocess.run(
        [shutil.which("make") or "make", "-n", "deploy", "STAGE=trial"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    packed, deployed = done.stdout.splitlines()[-2:]
    assert packed.endswith("tools/package.py")
    shell = ["/bin/sh", "-c", deployed.replace("exec ", "echo ")]
    said = subprocess.run(shell, cwd=ROOT, env={"STAGE": "trial"}, capture_output=True, text=True, check=True)
    assert said.stdout.split()[1:] == ["deploy", "--stage", "trial", "--package", "build"]
    (ROOT / said.stdout.split()[0]).resolve(strict=True)


def test_another_architecture_is_refused(package: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("ARCH", "mips")
    assert package.main() == 1
    assert "ARCH is arm64 or x86_64" in capsys.readouterr().err
