"""Build `build/giamsat.zip`, what the functions run, and beside it the CloudFormation template that deploys it.

The archive holds the service and the locked packages it needs, for Lambda's Python and Linux and not for this machine's. The same sources
give the same bytes. It holds bytecode where a Python of Lambda's version is at hand, which starts about twice as fast. Nothing here needs
an account: CloudFormation reads the settings of a deployment when it is deployed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build"
PYTHON = "3.13"  # serverless.yml names the same
PLATFORMS = {"arm64": "aarch64", "x86_64": "x86_64"}
WHEELS = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014")  # the runtime has glibc 2.34
OURS = ("casework", "schema", "handlers")
SERVICES = {"dynamodb", "kms", "s3", "secretsmanager"}  # the clients that are made of botocore's descriptions
UNUSED = ("boto3", "s3transfer", "bin")  # what local alone imports, and scripts that name this machine
# What is read of a package of which most is for others: patterns of files below a folder that stay; all else there goes.
KEPT = {
    "holidays/countries": ("__init__.py", "vietnam.py"),
    "holidays/financial": ("__init__.py",),
    "holidays/locale": ("vi/LC_MESSAGES/VN.mo", "en_US/LC_MESSAGES/VN.mo"),
    "dateutil/zoneinfo": ("*.py",),
    "aws_lambda_powertools/event_handler": (),
    "aws_lambda_powertools/utilities": ("__init__.py", "jmespath_utils/*.py"),
}
OLDEST = (1980, 1, 1, 0, 0, 0)  # a zip knows no earlier time
EMPTIED = ("holidays/countries/__init__.py", "holidays/financial/__init__.py")  # they import every country


class PackageError(Exception):
    """What went wrong, in one line."""


def run(command: list[str], what: str, **environ: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, **environ})
    if done.returncode:
        said = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        raise PackageError(f"{what} failed: {said[0] if said else f'status {done.returncode}'}")


def install(folder: Path, machine: str) -> None:
    """Install the locked packages for Lambda; nothing is compiled, so nothing of this machine gets in."""
    platforms = [f"--platform={wheels}_{machine}" for wheels in WHEELS]
    command = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-compile", "--target", str(folder)]
    command += ["--only-binary=:all:", "--implementation=cp", f"--python-version={PYTHON}", *platforms]
    run([*command, "--no-deps", "--require-hashes", "-r", "requirements-lambda.lock"], "installing packages")


def prune(folder: Path) -> None:
    """Leave out what no function reads: most of botocore describes services that are not called, most of holidays other countries."""
    for found in folder.iterdir():
        if found.name.partition("-")[0] in UNUSED:
            shutil.rmtree(found)
    for described in (folder / "botocore" / "data").iterdir():
        if described.is_dir() and described.name not in SERVICES:
            shutil.rmtree(described)
    for name, patterns in KEPT.items():
        kept = {file for pattern in patterns for file in (folder / name).glob(pattern)}
        for file in (folder / name).rglob("*"):
            if file.is_file() and file not in kept:
                file.unlink()
    for name in filter(lambda name: (folder / name).exists(), EMPTIED):
        (folder / name).write_bytes(b"")


def add(folder: Path) -> None:
    """Add the service itself."""
    for name in OURS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.graphql"))


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


def compile_all(folder: Path, python: str) -> None:
    """Write bytecode that is never compared with its source again."""
    command = [python, "-m", "compileall", "-q", "-j0", "--invalidation-mode=unchecked-hash"]
    run([*command, "-s", str(folder), "-p", "/var/task", str(folder)], "compiling", PYTHONHASHSEED="0")


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
            install(folder, PLATFORMS[architecture])
            prune(folder)
            add(folder)
            if python:
                compile_all(folder, python)
            else:
                print(f"package: no Python {PYTHON} here, so the archive has no bytecode and starts slower")
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
