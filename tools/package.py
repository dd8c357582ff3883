"""Build `build/giamsat.zip`, what the functions run, and beside it the CloudFormation template that deploys it.

The archive holds the service and the locked packages it needs, for Lambda's Python and Linux and not for this machine's. The same sources
give the same bytes. Where a Python of Lambda's version is at hand it holds bytecode in the place of sources, which starts in a third of
the time. Nothing here needs an account: CloudFormation reads the settings of a deployment when it is deployed.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from pruning import prune

ROOT = Path(__file__).parents[1]
TOOLS = ROOT / "tools"
BUILD = ROOT / "build"
PYTHON = "3.13"  # serverless.yml names the same
PLATFORMS = {"arm64": "aarch64", "x86_64": "x86_64"}
WHEELS = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014")  # the runtime has glibc 2.34
OURS = ("casework", "schema", "handlers")
PIP = (sys.executable, "-m", "pip")
INSTALL = ("install", "-qq", "--disable-pip-version-check", "--no-compile", "--only-binary=:all:")
LOCKED = ("--no-deps", "--require-hashes", "-r", "requirements-lambda.lock")
OLDEST = (1980, 1, 1, 0, 0, 0)  # a zip knows no earlier time


class PackageError(Exception):
    """What went wrong, in one line."""


def run(command: list[str], what: str, given: bytes = b"", **environ: str) -> bytes:
    done = subprocess.run(command, cwd=ROOT, input=given, capture_output=True, check=False, env={**os.environ, **environ})
    if done.returncode:
        said = [line for line in (done.stderr + done.stdout).decode(errors="replace").splitlines() if line.strip()]
        told = said[-1 if said[0].startswith("Traceback") else 0] if said else f"status {done.returncode}"
        raise PackageError(f"{what} failed: {told}")
    return done.stdout


def install(folder: Path, machine: str) -> None:
    """Install the locked packages for Lambda; nothing is compiled, so nothing of this machine gets in."""
    platforms = [f"--platform={wheels}_{machine}" for wheels in WHEELS]
    target = ["--target", str(folder), "--implementation=cp", f"--python-version={PYTHON}", *platforms]
    run([*PIP, *INSTALL, *target, *LOCKED], "installing packages")


def add(folder: Path) -> None:
    """Add the service itself."""
    for name in OURS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.graphql"))


def fill(folder: Path, machine: str) -> None:
    """Put into a folder what runs, as sources."""
    install(folder, machine)
    add(folder)
    prune(folder)


def compiler() -> str | None:
    """Find a Python that writes bytecode which Lambda's reads."""
    managed = (
        Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    )  # of a version manager, which need not have it on PATH
    kept = sorted(map(str, managed.glob(f"{PYTHON}.*/bin/python{PYTHON}")))
    for found in (sys.executable, shutil.which(f"python{PYTHON}"), *kept):
        asked = "import sys; print('{}.{}'.format(*sys.version_info))"
        if found and subprocess.run([found, "-c", asked], capture_output=True, text=True, check=False).stdout.strip() == PYTHON:
            return found
    return None


def texts(folder: Path, python: str, machine: str) -> bytes:
    """Give the texts that an import of the sources compiles; where they are for another machine, those for this one are imported."""
    with tempfile.TemporaryDirectory(prefix="giamsat-") as scratch:
        here = folder
        if (platform.system(), platform.machine()) != ("Linux", machine):
            here = Path(scratch)
            run([*PIP, "--python", python, *INSTALL, "--target", str(here), *LOCKED], "installing packages for this machine")
            add(here)
        return run([python, "-sPSB", str(TOOLS / "texts.py"), str(here)], "importing", PYTHONHASHSEED="0", PYTHONPATH="")


def compile_all(folder: Path, python: str, known: bytes = b"") -> None:
    """Put bytecode in the place of the sources, and beside it that of known texts. It has lines and no columns: those need a source."""
    run([python, "-I", "-X", "no_debug_ranges", str(TOOLS / "bytecode.py"), str(folder)], "compiling", known)


def archive(folder: Path, target: Path) -> None:
    """Zip a folder so that the same files give the same bytes."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as written:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), OLDEST)
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o100644 << 16
                written.writestr(entry, file.read_bytes())


def describe(made: Path, target: Path) -> None:
    """Put the archive into its place and write the template beside it."""
    BUILD.mkdir(exist_ok=True)
    shutil.copyfile(made, target)
    run(["node", "node_modules/osls/bin/serverless.js", "package", "--package", "build"], "osls package")
    shutil.copyfile(made, target)  # osls wants it there, and then empties the folder that it writes to


def main() -> int:
    began = time.monotonic()
    if sys.argv[1:] == ["--python"]:  # which one compiles; the Makefile asks
        found = compiler()
        print(found or "")
        return 0 if found else 1
    architecture = os.environ.get("ARCH", "arm64")
    if architecture not in PLATFORMS:
        print(f"giamsat: ARCH is {' or '.join(PLATFORMS)}, not {architecture}", file=sys.stderr)
        return 1
    target = BUILD / "giamsat.zip"
    python = compiler()
    try:
        with tempfile.TemporaryDirectory(prefix="giamsat-") as scratch:
            folder, made = Path(scratch, "content"), Path(scratch, "made.zip")
            fill(folder, PLATFORMS[architecture])
            if python:
                compile_all(folder, python, texts(folder, python, PLATFORMS[architecture]))
            else:
                print(f"package: no Python {PYTHON} here, so the archive holds sources, starts slower and is larger")
            archive(folder, made)
            describe(made, target)
            unpacked = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    except (PackageError, OSError) as error:
        print(f"giamsat: {error}", file=sys.stderr)
        return 1
    mega = 1_000_000
    print(f"package: {target.relative_to(ROOT)}, {architecture}: {target.stat().st_size / mega:.1f} MB, {unpacked / mega:.1f} MB unpacked")
    print(f"package: build/cloudformation-template-update-stack.json; took {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
