"""Makes a start quick; imported before all else.

A start compiles texts: `dataclass` writes the methods of a class as one, `namedtuple` its own, and a regular expression is one. That is a
third of its time. What imports compile is known while packaging: `tools/texts.py` collects it, and `tools/bytecode.py` writes beside this
file what it comes to. A text that is not there, as none is where sources run, is compiled as ever; what comes of it is the same.
"""

import _sre  # type: ignore[import-not-found]
import collections
import dataclasses
import gc
import marshal
from hashlib import sha256
from pathlib import Path
from re import _compiler  # type: ignore[attr-defined]
from types import CodeType
from typing import Any

# An answer is some ten thousand small objects that live as long as it does: to look for cycles among them at every 700th costs a tenth
# of its time and finds none. Nor does it among what is imported.
gc.set_threshold(50_000, 20, 20)

TEXTS = Path(__file__).with_name("prepared.bin")


def use(content: bytes) -> None:
    """Take from now on what was compiled, in the place of compiling it."""
    codes: dict[bytes, CodeType]
    patterns: dict[tuple[str | bytes, int], tuple[Any, ...]]
    codes, patterns, magic = marshal.loads(content)  # noqa: S302 - of this archive, as its modules are

    def known(text: str) -> CodeType | str:
        return codes.get(sha256(text.encode()).digest(), text)

    def pattern(text: Any, flags: int = 0) -> Any:  # noqa: ANN401 - also a pattern that was read already
        made = patterns.get((text, flags))
        return _sre.compile(*made) if made else compiled(text, flags)

    compiled = _compiler.compile
    vars(dataclasses)["exec"] = lambda text, names, into: exec(known(text), names, into)  # noqa: S102 - `dataclass` would
    vars(collections)["eval"] = lambda text, names: eval(known(text), names)  # noqa: S307 - `namedtuple` would
    if magic == _sre.MAGIC:  # Another minor version may read patterns in another way.
        _compiler.compile = pattern


if TEXTS.exists():
    use(TEXTS.read_bytes())
