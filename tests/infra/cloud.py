"""An emulator of AWS (ministack), started by tests on loopback, and what is asked of it by name."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import urllib3

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".local" / "stack" / "bin" / "python"
TETHER = ROOT / "local" / "tether.py"
LONGEST_S = 60
OK = 200
REGION = "ap-southeast-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}


@contextmanager
def emulated(folder: Path) -> Iterator[str]:
    """Run the emulator; gives its address."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    environ = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder), "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "127.0.0.1", "MINISTACK_REGION": REGION, "LOG_LEVEL": "WARNING", "SFTP_ENABLED": "0", "IOT_MTLS_ENABLED": "0",
        "DOCKER_HOST": f"unix://{folder}/none",
    }  # fmt: skip
    command = [sys.executable, "-I", "-S", str(TETHER), str(os.getpid()), str(PYTHON), "-m", "ministack"]
    with (folder / "stack.log").open("wb") as out, subprocess.Popen(command, env=environ, cwd=folder, stdout=out, stderr=out) as running:
        try:
            yield _ready(f"http://127.0.0.1:{port}", running, folder / "stack.log")
        finally:
            running.terminate()
            running.wait(LONGEST_S)


def _ready(address: str, running: "subprocess.Popen[bytes]", said: Path) -> str:
    end = time.monotonic() + LONGEST_S
    while time.monotonic() < end and running.poll() is None:
        with suppress(urllib3.exceptions.HTTPError):
            if urllib3.request("GET", f"{address}/_ministack/health", timeout=5, retries=False).status == OK:
                return address
        time.sleep(0.1)
    raise AssertionError(f"the emulator does not start: {said.read_text()[-2000:]}")
