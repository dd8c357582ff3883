"""The data folder: keys that are made once, and the file by which commands find a service."""

import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from local import home as homes
from local.engine import free_port
from local.faults import LocalError
from local.home import Home, NoCourier, Run, prepare_credentials


@pytest.fixture(scope="module")
def here() -> Iterator[Run]:
    """A service as far as others can tell: this process, and an address that answers."""
    with socket.create_server(("127.0.0.1", 0)) as engine:
        yield Run(os.getpid(), f"http://127.0.0.1:{engine.getsockname()[1]}", "http://127.0.0.1:2")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "data")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_naming_a_folder_writes_nothing(home: Home) -> None:
    assert home.running() is None
    assert not home.path.exists()


def test_a_service_announces_itself_and_withdraws(home: Home, here: Run) -> None:
    home.path.mkdir()
    home.announce(here)
    assert home.running() == here
    assert mode(home.path / "run.json") == 0o600
    home.announce(replace(here, url="other"))
    assert home.running() == replace(here, url="other")
    home.withdraw()
    home.withdraw()
    assert home.running() is None
    assert list(home.path.iterdir()) == []


def test_a_service_whose_number_another_process_has_does_not_run(home: Home) -> None:
    home.path.mkdir()
    home.announce(Run(os.getpid(), f"http://127.0.0.1:{free_port()}", "http://127.0.0.1:2"))
    assert home.running() is None


def test_a_dead_service_does_not_run(home: Home, here: Run) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        pass
    home.path.mkdir()
    home.announce(replace(here, pid=dead.pid))
    assert home.running() is None


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        "3",
        '"a"',
        "{}",
        '{"pid": 1}',
        '{"pid": "x", "engine": "a", "url": "b"}',
        '{"pid": 1, "engine": "a", "url": "b", "more": "c"}',
        '{"pid": 1, "engine": "http://127.0.0.1:99999", "url": "b"}',
    ],
)
def test_a_file_that_no_service_wrote_is_passed_over(home: Home, content: str) -> None:
    home.path.mkdir()
    (home.path / "run.json").write_text(content)
    assert home.running() is None


def test_keys_are_made_once_and_kept_from_others(home: Home) -> None:
    settings = home.environ("http://127.0.0.1:1")
    keys = home.path / "keys"
    first = {file.name: file.read_bytes() for file in keys.iterdir()}
    assert first.keys() == {"token.pem", "key-set.json", "secrets.json", "log.pem", "log.vkey", "accesses.vkey"}
    assert mode(keys) == 0o700
    assert {mode(file) for file in keys.iterdir()} == {0o600}
    assert Home(home.path).environ("http://127.0.0.1:1") == settings
    assert {file.name: file.read_bytes() for file in keys.iterdir()} == first


def test_the_settings_name_the_engine_and_the_keys(home: Home) -> None:
    settings = home.environ("http://127.0.0.1:1")
    assert settings["GIAMSAT_ENGINE_URL"] == "http://127.0.0.1:1"
    secrets = json.loads(Path(settings["GIAMSAT_SECRETS"]).read_text())
    assert len(bytes.fromhex(secrets["secrets"][str(secrets["current"])])) == 32
    (public,) = json.loads(Path(settings["GIAMSAT_KEY_SET"]).read_text())["keys"]
    assert (public["kty"], public["crv"], public["alg"], public["kid"]) == ("OKP", "Ed25519", "EdDSA", "local-1")
    assert "d" not in public, "the private half is not published"


def test_two_folders_have_two_keys(home: Home, tmp_path: Path) -> None:
    other = Home(tmp_path / "other").token_key()
    assert home.token_key().private_bytes_raw() == home.token_key().private_bytes_raw() != other.private_bytes_raw()


def test_whoever_is_first_makes_the_key(home: Home) -> None:
    (home.path / "keys").mkdir(parents=True)
    file = home.path / "keys" / "first"
    homes._first(file, b"theirs")
    homes._first(file, b"ours")
    assert file.read_bytes() == b"theirs"
    assert [found.name for found in file.parent.iterdir()] == ["first"]


def test_processes_that_start_at_once_have_one_key(home: Home) -> None:
    program = (
        "import sys; from pathlib import Path; from local.home import Home; print(Home(Path(sys.argv[1])).token_key().private_bytes_raw())"
    )

    def made(_: int) -> bytes:
        return subprocess.run([sys.executable, "-c", program, home.path], capture_output=True, check=True).stdout

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(made, range(4)))) == 1


def x25519() -> bytes:
    return X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize("content", [b"", b"nonsense", x25519()], ids=["empty", "nonsense", "of another kind"])
def test_a_file_that_is_no_key_is_told(home: Home, content: bytes) -> None:
    (home.path / "keys").mkdir(parents=True)
    (home.path / "keys" / "token.pem").write_bytes(content)
    with pytest.raises(LocalError, match=r"token\.pem is no .*key; remove it to have a new one made"):
        home.token_key()


def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    home = Home(tmp_path / "file")
    for use in (home.token_key, lambda: home.environ("http://127.0.0.1:1"), lambda: home.opened().__enter__()):
        with pytest.raises(LocalError, match=r"cannot write to .*/file: .*; choose another folder with DATA="):
            use()


def test_the_engine_is_never_given_real_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.setenv(name, "real")
    prepare_credentials()
    assert "real" not in os.environ.values()
    assert os.environ["AWS_ACCESS_KEY_ID"] == os.environ["AWS_SECRET_ACCESS_KEY"] == "local"


def test_commands_hold_no_connections() -> None:
    assert not NoCourier().post("a", "text")
    NoCourier().close_all(["a"], 1000, "bye")
