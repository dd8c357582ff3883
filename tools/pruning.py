"""Leave of the folder that `tools/package.py` installed what the functions run.

Which modules run is found and not listed: those that an `import` reaches from the handlers, in whatever branch or function it stands,
but for a few that stand aside. What is read that is no module is little, and listed.
"""

import ast
import json
import struct
from collections.abc import Iterator
from gzip import decompress
from pathlib import Path
from typing import Any

SERVICES = ("dynamodb", "kms", "s3", "secretsmanager")  # the clients that are made of botocore's descriptions
EMPTIED = ("holidays/countries/__init__.py", "holidays/financial/__init__.py")  # they import every country
# Where imports begin: the functions; and what is imported by name, a country and what cryptography's library asks for.
ROOTS = ("handlers/*.py", "holidays/countries/vietnam.py", "cryptography/**/*.py")
# Imported in branches and functions of others that are never run here.
ASIDE = {
    "aws_lambda_powertools.event_handler",
    "aws_lambda_powertools.utilities.data_classes",
    "boto3",
    "strawberry.experimental.pydantic",
    "strawberry.pydantic",
    "urllib3.contrib.emscripten",
    "urllib3.contrib.pyopenssl",
    "urllib3.http2.connection",
}
READ = (
    "botocore/cacert.pem",
    "botocore/data/*.json",
    "holidays/locale/vi/LC_MESSAGES/VN.mo",
    "holidays/locale/en_US/LC_MESSAGES/VN.mo",
)
DESCRIBED = ("service-2.json*", "service-2.sdk-extras.json*", "endpoint-rule-set-1.json*")  # what a client is made of
RIGHTS = ("LICENSE*", "NOTICE*", "AUTHORS*", "licenses/**/*", "METADATA")


def prune(folder: Path) -> None:
    """Leave what is run, what that reads, and name and licence of each package of which something is left."""
    for name in filter(lambda name: (folder / name).exists(), EMPTIED):
        (folder / name).write_bytes(b"")
    kept = {*reached(folder), *_found(folder, READ), *_found(folder, ("**/*.so",)), *_descriptions(folder / "botocore" / "data")}
    for told in folder.glob("*.dist-info"):
        if any(file in kept for file in _owned(folder, told)):
            kept.update(_found(told, RIGHTS))
    for file in _found(folder, ("**/*",)) - kept:
        file.unlink()
    for empty in sorted(folder.rglob("*"), reverse=True):  # botocore looks into each
        if empty.is_dir() and not any(empty.iterdir()):
            empty.rmdir()
    for file in folder.glob("*.dist-info/METADATA"):  # importlib.metadata reads its head
        file.write_text(file.read_text(encoding="utf-8").partition("\n\n")[0] + "\n", encoding="utf-8")
    for file in _found(folder, ("botocore/data/**/*.json*",)):
        shorten(file)
    for file in _found(folder, ("**/*.so",)):
        file.write_bytes(stripped(file.read_bytes()))


def reached(folder: Path) -> set[Path]:
    """Give the modules that an import reaches from the handlers, or that are imported by name."""
    found: set[Path] = set()
    waiting = {file.relative_to(folder).with_suffix("").parts for file in _found(folder, ROOTS)}
    while waiting:
        *parents, name = parts = waiting.pop()
        if any(".".join(parts[:length]) in ASIDE for length in range(1, len(parts) + 1)):
            continue
        file = folder.joinpath(*parents, name, "__init__.py")
        file = file if file.exists() else folder.joinpath(*parents, f"{name}.py")
        if file.exists() and file not in found:
            found.add(file)
            package = parts if file.name == "__init__.py" else tuple(parents)
            waiting.update(tuple(dotted[:length]) for dotted in _imported(file, package) for length in range(1, len(dotted) + 1))
    return found


def _imported(file: Path, package: tuple[str, ...]) -> Iterator[list[str]]:
    """Give what a module may import, by the parts of its name; a name that is taken from a module may be a module itself."""
    for node in _run(ast.parse(file.read_bytes(), str(file))):
        if isinstance(node, ast.Import):
            yield from (one.name.split(".") for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [*(package[: len(package) + 1 - node.level] if node.level else ()), *(node.module.split(".") if node.module else ())]
            yield from ([*base, one.name] for one in node.names)


def _run(node: ast.AST) -> Iterator[ast.AST]:
    """Give the nodes of a tree but those that only type checkers read."""
    yield node
    checked = isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}
    for child in node.orelse if checked and isinstance(node, ast.If) else ast.iter_child_nodes(node):
        yield from _run(child)


def shorten(file: Path) -> None:
    """Take from a description of botocore what no client reads: prose, and the endpoints of other services."""
    packed = file.suffix == ".gz"
    read = json.loads(decompress(file.read_bytes()) if packed else file.read_bytes())
    for partition in read.get("partitions", ()):
        if "services" in partition:
            partition["services"] = {name: told for name, told in partition["services"].items() if name in SERVICES}
    file.unlink()
    (file.with_suffix("") if packed else file).write_text(json.dumps(_silent(read), separators=(",", ":")), encoding="utf-8")


def stripped(library: bytes) -> bytes:
    """Take from a shared library (ELF of 64 bits) what is not loaded when it runs: symbols for debuggers, and the list of its sections."""
    start, size, number = *struct.unpack_from("<Q", library, 0x20), *struct.unpack_from("<HH", library, 0x36)
    segments = [struct.unpack_from("<IIQQQQ", library, start + size * place) for place in range(number)]
    head = bytearray(library[: max(offset + length for _, _, offset, _, _, length in segments)])
    head[0x28:0x30] = bytes(8)
    head[0x3C:0x40] = bytes(4)
    return bytes(head)


def _silent(read: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(read, dict):
        return {name: "" if name == "documentation" and isinstance(told, str) else _silent(told) for name, told in read.items()}
    return [_silent(told) for told in read] if isinstance(read, list) else read


def _descriptions(data: Path) -> Iterator[Path]:
    for service in SERVICES:
        newest = max((data / service).iterdir(), default=None) if (data / service).exists() else None
        if newest:
            yield from _found(newest, DESCRIBED)


def _owned(folder: Path, told: Path) -> Iterator[Path]:
    for line in (told / "RECORD").read_text(encoding="utf-8").splitlines():
        file = folder / line.partition(",")[0]
        if told not in file.parents:
            yield file


def _found(folder: Path, patterns: tuple[str, ...]) -> set[Path]:
    return {file for pattern in patterns for file in folder.glob(pattern) if file.is_file()}
