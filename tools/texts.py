"""Collect the texts that an import of every function compiles: `python3.13 tools/texts.py FOLDER`, which holds them as sources.

They are those of `dataclass`, of `namedtuple` and of regular expressions; `handlers/prepared.py` tells what for. It prints them, marshalled
and in order, and compiles nothing that it would keep.
"""

import collections
import dataclasses
import importlib
import marshal
import sys
from pathlib import Path
from re import _compiler  # type: ignore[attr-defined]
from typing import Any


def main() -> int:
    """Import and print."""
    folder = Path(sys.argv[1])
    statements: set[str] = set()
    expressions: set[str] = set()
    patterns: set[tuple[str | bytes, int]] = set()
    compiled = _compiler.compile

    def executed(text: str, names: dict[str, Any], into: dict[str, Any]) -> None:
        statements.add(text)
        exec(text, names, into)  # noqa: S102 - as `dataclass` does

    def evaluated(text: str, names: dict[str, Any]) -> Any:  # noqa: ANN401 - of any kind
        expressions.add(text)
        return eval(text, names)  # noqa: S307 - as `namedtuple` does

    def pattern(text: Any, flags: int = 0) -> Any:  # noqa: ANN401 - also a pattern that was read already
        if isinstance(text, str | bytes):
            patterns.add((text, int(flags)))
        return compiled(text, flags)

    vars(dataclasses)["exec"], vars(collections)["eval"], _compiler.compile = executed, evaluated, pattern
    sys.path.insert(0, str(folder))
    for file in sorted(folder.glob("handlers/[a-z]*.py")):
        importlib.import_module(f"handlers.{file.stem}")
    found = sorted(statements), sorted(expressions), sorted(patterns, key=repr)
    sys.stdout.buffer.write(marshal.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
