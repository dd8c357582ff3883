"""Builds `build/giamsat-verify.pyz`, the one file that an inspector carries: Python and `cryptography` run it, and nothing else is needed.

The same source gives the same bytes.
"""

import sys
import zlib
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from casework.audit.stored import Member, directory  # noqa: E402 - the project need not be installed

MODULES = ("__init__", "bundle", "command", "leaves", "note", "stored", "tree", "verify")
MAIN = b"""import sys

try:
    from casework.audit.command import main
except ImportError as error:
    needs = "it needs Python 3.11 or later and the package cryptography (pip install cryptography)"
    print(f"giamsat-verify.pyz: {needs}: {error}", file=sys.stderr)
    raise SystemExit(3) from None

raise SystemExit(main(prog="giamsat-verify.pyz"))
"""


def built() -> bytes:
    """Give the file's bytes."""
    files = {f"casework/audit/{name}.py": (ROOT / "casework" / "audit" / f"{name}.py").read_bytes() for name in MODULES}
    files = {"__main__.py": MAIN, "casework/__init__.py": b"", **files}
    out, members = b"", []
    for name, content in files.items():
        members.append(Member(name, len(content), zlib.crc32(content)))
        out += members[-1].header + content
    return b"#!/usr/bin/env python3\n" + out + directory(members)


def main() -> None:
    """Build it."""
    place = ROOT / "build" / "giamsat-verify.pyz"
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(built())
    place.chmod(0o755)
    print(f"built {place.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
