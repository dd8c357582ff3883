"""Compile a folder in place, `a.py` to `a.pyc` beside it, and take the sources away: `python3.13 tools/bytecode.py FOLDER < TEXTS`.

Run by the Python whose bytecode is wanted. Code says that it lies in `/var/task`, where Lambda puts it, so that a traceback names file
and line there. Docstrings are left out, since nobody reads them there; that of a class is a full stop, since without any `dataclass`
writes one that describes every field, which takes longer than to read it. What the texts of `tools/texts.py`
come to, which a start would compile, stands in a file of its own.
"""

import _sre  # type: ignore[import-not-found]
import ast
import marshal
import sys
from hashlib import sha256
from importlib.util import MAGIC_NUMBER, source_hash
from pathlib import Path
from re import _compiler  # type: ignore[attr-defined]
from types import SimpleNamespace
from unittest.mock import patch

PLACE = "/var/task"
UNCHECKED = (0b01).to_bytes(4, "little")  # PEP 552: by hash, never compared with a source
TEXTS = "handlers/prepared.bin"
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def compiled(source: bytes, name: str) -> bytes:
    """Give the content of a `.pyc` of the running Python.

    Raises:
        SyntaxError: the source is none of this Python's.
    """
    tree = ast.parse(source, name)
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED):
            _undocument(node)
    code = compile(ast.fix_missing_locations(tree), name, "exec", dont_inherit=True)
    return MAGIC_NUMBER + UNCHECKED + source_hash(source) + marshal.dumps(code)


def _undocument(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    documented = ast.get_docstring(node, clean=False) is not None
    if isinstance(node, ast.ClassDef) and (documented or node.decorator_list):
        node.body[: 1 if documented else 0] = [ast.Expr(ast.Constant("."), lineno=node.lineno, col_offset=0)]
    elif documented:
        node.body[:1] = [] if len(node.body) > 1 or isinstance(node, ast.Module) else [ast.Pass()]


def prepared(statements: list[str], expressions: list[str], patterns: list[tuple[str | bytes, int]]) -> bytes:
    """Give what texts compile to, as `handlers/prepared.py` reads it."""
    asked = [*((text, "exec") for text in statements), *((text, "eval") for text in expressions)]
    codes = {sha256(text.encode()).digest(): compile(text, "<string>", mode, dont_inherit=True) for text, mode in asked}

    def made(text: str | bytes, flags: int, code: list[int], *groups: object) -> tuple[object, ...]:
        return (text, int(flags), [*map(int, code)], *groups)  # marshal knows no named numbers

    # What would make a pattern gives what it is made of.
    with patch.object(_compiler, "_sre", SimpleNamespace(**{**vars(_sre), "compile": made})):
        compiled = {(text, flags): _compiler.compile(text, flags) for text, flags in patterns}
    return marshal.dumps((codes, compiled, _sre.MAGIC))


def main() -> int:
    """Compile, and tell in one line what cannot be."""
    folder = Path(sys.argv[1])
    texts = sys.stdin.buffer.read()
    content = prepared(*marshal.loads(texts)) if texts else b""  # noqa: S302 - of `texts.py`
    for file in sorted(folder.rglob("*.py")):
        name = file.relative_to(folder)
        try:
            module = compiled(file.read_bytes(), f"{PLACE}/{name.as_posix()}")
        except SyntaxError as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 1
        file.with_suffix(".pyc").write_bytes(module)
        file.unlink()
    if content:
        (folder / TEXTS).write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
