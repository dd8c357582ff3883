"""The folder of one machine's data: keys, the engine's files, and `run.json`, by which commands find a running service.

Layout: `keys/` (token key and key set, the service's secrets, the logs' key and what inspectors hold of it, `log.vkey` and
`accesses.vkey`), `store/` (the engine's), `log/` and `log-accesses/` (the logs as they are published), `exports/`, `run.json` while a
service runs.
"""

import contextlib
import json
import os
import secrets
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import jwt
from botocore.config import Config
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from casework.actions.recovering import lacking
from casework.adapters.depot import FolderDepot
from casework.adapters.seal import FileSeal
from casework.ports import Courier, Posted, Services
from casework.wiring import beside, wired
from local import engine as engines
from local import tables
from local.faults import LocalError

STAGE = "local"
REGION = "local"
ISSUER = "giamsat.local"
AUDIENCE = "giamsat"
LOG = "giamsat.local/trail"
SECRET_BYTES = 32
ANSWER_S = 2


@dataclass(frozen=True, slots=True)
class Run:
    """What a running service tells the commands."""

    pid: int
    engine: str
    url: str


@dataclass(frozen=True, slots=True)
class Open:
    """A store that a command works on: through the running service's engine, or through one of its own."""

    services: Services
    endpoint: str


class NoCourier:
    """A courier for commands: they hold no connections; what they write is pushed by the service that does."""

    def post(self, connection: str, message: str) -> bool:
        """Tell that nobody is connected."""
        del connection, message
        return False

    def post_all(self, messages: Sequence[tuple[str, str]]) -> list[Posted]:
        """Tell that nobody is connected."""
        return [Posted.GONE] * len(messages)

    def close_all(self, connections: Sequence[str], code: int, reason: str) -> None:
        """Do nothing."""


class Home:
    """One data folder."""

    def __init__(self, path: Path) -> None:
        """Name it; nothing is written yet."""
        self.path = path

    def running(self) -> Run | None:
        """Find the service that runs on this folder."""
        try:
            run = Run(**json.loads((self.path / "run.json").read_text()))
            os.kill(run.pid, 0)  # A number that another process has by now is told by the engine, which ended with the service.
            at = urlsplit(run.engine)
            socket.create_connection((at.hostname or "", at.port or 0), timeout=ANSWER_S).close()
        except (OSError, ValueError, TypeError):
            return None
        return run

    def announce(self, run: Run) -> None:
        """Say that a service runs here."""
        _replaced(self.path / "run.json", json.dumps(asdict(run)).encode())

    def withdraw(self) -> None:
        """Say that it no longer does."""
        (self.path / "run.json").unlink(missing_ok=True)

    def environ(self, endpoint: str) -> Mapping[str, str]:
        """Give the settings that `wiring` reads, making the keys on first use."""
        keys = self.path / "keys"
        with _told(self.path):
            keys.mkdir(parents=True, exist_ok=True, mode=0o700)
            secrets_file = keys / "secrets.json"
            if not secrets_file.exists():
                held = {"current": 1, "secrets": {"1": secrets.token_hex(SECRET_BYTES)}}
                _first(secrets_file, json.dumps(held).encode())
            self.token_key()
            seal = FileSeal(LOG, self._key("log.pem"))
            _replaced(keys / "log.vkey", f"{seal.key}\n".encode())
            _replaced(keys / "accesses.vkey", f"{FileSeal(beside(LOG), self._key('log.pem')).key}\n".encode())
        return {
            "GIAMSAT_STAGE": STAGE,
            "GIAMSAT_REGION": REGION,
            "GIAMSAT_ENGINE_URL": endpoint,
            "GIAMSAT_KEY_SET": str(keys / "key-set.json"),
            "GIAMSAT_SECRETS": str(keys / "secrets.json"),
            "GIAMSAT_ISSUER": ISSUER,
            "GIAMSAT_AUDIENCE": AUDIENCE,
            "GIAMSAT_LOG": LOG,
            "GIAMSAT_LOG_KEY": str(keys / "log.pem"),
            "GIAMSAT_VAULT": str(self.path / "log"),
            "GIAMSAT_ASIDE": str(self.path / "set-aside"),
        }

    def token_key(self) -> Ed25519PrivateKey:
        """Load the key that signs tokens, making it and its key set on first use."""
        keys = self.path / "keys"
        with _told(self.path):
            key = self._key("token.pem")
            public = jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
            key_set = {"keys": [{**public, "kid": KEY_ID, "alg": "EdDSA", "use": "sig"}]}
            _replaced(keys / "key-set.json", json.dumps(key_set).encode())
        return key

    def _key(self, name: str) -> Ed25519PrivateKey:
        """Load a key, making it on first use."""
        file = self.path / "keys" / name
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not file.exists():
            fresh = Ed25519PrivateKey.generate()
            _first(file, fresh.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        try:
            key = load_pem_private_key(file.read_bytes(), None)
        except (ValueError, TypeError, UnsupportedAlgorithm):  # no key, an encrypted one, one of a kind unheard of
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise LocalError(f"{file} is no Ed25519 key; {LOST.get(name, 'remove it to have a new one made')}")
        return key

    @contextlib.contextmanager
    def opened(self, *, older: bool = False) -> Iterator[Open]:
        """Open the store for a command: the running service's engine, or one started here and ended with it.

        Raises:
            LocalError: the store is older than its logs, unless that is what the command is for: `older`.
        """
        run = self.running()
        if run is not None:
            yield self.services(run.engine, NoCourier())
            return
        with _told(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        with engines.start(self.path) as engine:
            found = self.services(engine.endpoint, NoCourier())
            if not older:
                self.hold_to_logs(found.services)
            yield found

    def hold_to_logs(self, services: Services) -> None:
        """Refuse a store that is older than its logs: what would be written to it has no place in them.

        Raises:
            LocalError: it is.
        """
        if lacking(services) or lacking(services.second):
            raise LocalError(
                f"the store is older than its logs, as one is that came from a backup: "
                f"`giamsat recover --data {self.path}` puts back what it lacks; what would be written before that is lost"
            )

    def empty(self, endpoint: str) -> bool:
        """Whether the store holds no entry of anything."""
        client = boto3.client("dynamodb", endpoint_url=endpoint, region_name=REGION, config=QUICK)
        return not client.scan(TableName=f"giamsat-{STAGE}-trail", Limit=1)["Items"]

    def services(self, endpoint: str, courier: Courier) -> Open:
        """Create what tables are missing and wire the services to them."""
        prepare_credentials()
        tables.create(boto3.client("dynamodb", endpoint_url=endpoint, region_name=REGION, config=QUICK), STAGE)
        environ = self.environ(endpoint)
        return Open(replace(wired(courier, environ), depot=self.depot()), endpoint)

    def depot(self, url: str = "") -> FolderDepot:
        """Give where exports lie; addresses begin with that of the service that serves them."""
        held = json.loads((self.path / "keys" / "secrets.json").read_text())
        run = None if url else self.running()
        return FolderDepot(self.path / "exports", bytes.fromhex(held["secrets"]["1"]), url or (run.url if run else ""))


KEY_ID = "local-1"
LOST = {"log.pem": "restore it from a backup: the log cannot go on with another one"}
QUICK = Config(retries={"total_max_attempts": 3}, connect_timeout=2, read_timeout=20)


def prepare_credentials() -> None:
    """Give the AWS libraries credentials for the embedded engine, which asks for some and checks none.

    They are set whatever the machine has: real ones must never be sent to an engine of no account.
    """
    os.environ["AWS_ACCESS_KEY_ID"] = "local"
    os.environ["AWS_SECRET_ACCESS_KEY"] = "local"  # noqa: S105 - the engine checks none
    os.environ.pop("AWS_SESSION_TOKEN", None)
    os.environ.pop("AWS_PROFILE", None)


@contextlib.contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LocalError(f"cannot write to {folder}: {error.strerror}; choose another folder with DATA=") from error


def _replaced(file: Path, content: bytes) -> None:
    """Write a file so that a reader finds the old content or the new, never half."""
    fresh = file.with_name(f"{file.name}.{os.getpid()}")
    fresh.write_bytes(content)
    fresh.chmod(0o600)
    fresh.replace(file)


def _first(file: Path, content: bytes) -> None:
    """Write a file unless somebody else was faster; whoever was, theirs stands."""
    fresh = file.with_name(f"{file.name}.{os.getpid()}")
    fresh.write_bytes(content)
    fresh.chmod(0o600)
    with contextlib.suppress(FileExistsError):
        os.link(fresh, file)
    fresh.unlink()
