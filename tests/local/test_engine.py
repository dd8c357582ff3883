import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from local import engine as engines
from local.faults import EngineBusy, EngineFailed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SERVICE = """
import sys, time
from pathlib import Path
from local import engine
running = engine.start(Path(sys.argv[1]))
print(running.pid, running.endpoint, flush=True)
time.sleep(600)
"""
NOTES: dict[str, Any] = {
    "TableName": "notes",
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
}


def client(endpoint: str) -> "DynamoDBClient":
    return boto3.client(
        "dynamodb",
        endpoint_url=endpoint,
        region_name="local",
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 - the engine takes any.
    )


@contextlib.contextmanager
def service(data: Path) -> Iterator[tuple["subprocess.Popen[str]", int, str]]:
    """A process that starts an engine and lives on."""
    with subprocess.Popen([sys.executable, "-c", SERVICE, data], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            pid, endpoint = process.stdout.readline().split()
            yield process, int(pid), endpoint
        finally:
            process.kill()


def ended(pid: int) -> bool:
    """Whether a process of ours or of nobody's has ended; one that nobody reaps counts as ended."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S607
    return state.stdout.strip()[:1] in {"", "Z"}


def ends(pid: int, within_s: float = 10) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if ended(pid):
            return True
        time.sleep(0.05)
    return False


def test_an_engine_in_memory_answers(engine: engines.Engine) -> None:
    assert isinstance(client(engine.endpoint).list_tables()["TableNames"], list)


def test_stop_ends_the_engine_and_frees_the_folder(tmp_path: Path) -> None:
    with engines.start(tmp_path) as first:
        pass
    assert first.process.returncode is not None
    with engines.start(tmp_path) as second:
        assert second.pid != first.pid


def test_a_second_engine_on_one_folder_is_refused(tmp_path: Path) -> None:
    with engines.start(tmp_path) as running:
        with pytest.raises(EngineBusy, match=rf"process {running.pid}\).* runs on {tmp_path}"):
            engines.start(tmp_path)
        assert client(running.endpoint).list_tables()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_an_engine_dies_with_a_killed_service(tmp_path: Path) -> None:
    with service(tmp_path) as (process, pid, _):
        process.kill()
        process.wait()
        assert ends(pid)


def test_data_survive_a_killed_service(tmp_path: Path) -> None:
    with service(tmp_path) as (process, _, endpoint):
        client(endpoint).create_table(**NOTES)
        client(endpoint).put_item(TableName="notes", Item={"pk": {"S": "kept"}})
        process.kill()
        process.wait()
    with engines.start(tmp_path) as again:
        assert "Item" in client(again.endpoint).get_item(TableName="notes", Key={"pk": {"S": "kept"}})


def test_an_orphan_is_ended_at_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with engines.start(tmp_path) as orphan:
        # A system without the signal leaves an engine whose recorded service is dead.
        with subprocess.Popen([sys.executable, "-c", ""]) as dead:
            pass
        with (tmp_path / "store" / "engine.lock").open("w") as record:
            record.write(f'{{"service": {dead.pid}, "engine": {orphan.pid}}}')
        assert orphan.lock
        orphan.lock.close()
        monkeypatch.setattr(engines, "GRACE_S", 0.5)
        with engines.start(tmp_path) as heir:
            assert heir.pid != orphan.pid
            assert ends(orphan.pid)


def test_a_missing_engine_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match=r"there is no engine in .*: run `make setup`$"):
        engines.start(None, tmp_path)


def test_a_missing_java_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "DynamoDBLocal.jar").touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineFailed, match="Java is missing: install"):
        engines.start(None, tmp_path / "engine")


def test_an_engine_that_cannot_run_tells_its_last_line(tmp_path: Path) -> None:
    (tmp_path / "DynamoDBLocal.jar").touch()
    with pytest.raises(EngineFailed, match=r"ended with status 1: .*DynamoDBLocal\.jar"):
        engines.start(tmp_path / "data", tmp_path)
    # What failed holds nothing: the folder is free.
    with engines.start(tmp_path / "data") as running:
        assert not ended(running.pid)


def test_a_lost_port_is_changed_for_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:  # noqa: S104 - the engine, too, takes them all.
        ports = iter([taken.getsockname()[1]])
        free_port = engines.free_port
        monkeypatch.setattr(engines, "free_port", lambda: next(ports, None) or free_port())
        monkeypatch.setattr(engines, "ANSWER_S", 0.2)
        with engines.start(tmp_path) as running:
            assert running.port != taken.getsockname()[1]
            assert client(running.endpoint).list_tables()


def test_a_folder_that_cannot_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EngineFailed, match=r"cannot use .*: Not a directory"):
        engines.start(tmp_path / "file")


def test_a_tether_whose_parent_is_gone_runs_nothing(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux tells a child of its parent's death")
    made = tmp_path / "made"
    command = [sys.executable, "-I", "-S", str(engines.TETHER), str(os.getpid() + 1), "/bin/touch", str(made)]
    assert subprocess.run(command, check=False).returncode == 1
    assert not made.exists()


def test_a_tether_becomes_its_command() -> None:
    command = [sys.executable, "-I", "-S", str(engines.TETHER), str(os.getpid()), "/bin/echo", "tied"]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"tied\n"
