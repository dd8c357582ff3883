"""Settings to services: what is missing is named, what is read is what stands there."""

from collections.abc import Iterator
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from casework.adapters.dynamo import DynamoStore
from casework.adapters.dynamo import models as dynamo
from casework.adapters.gateway import GatewayCourier
from casework.adapters.vault import FolderVault
from casework.wiring import beside, deployed, wired
from local.engine import Engine
from local.home import REGION
from tests.casework.adapters.test_gateway import Gateway, served
from tests.support import AUDIENCE, ISSUER, Issuer, RecordingCourier


def settings(folder: Path, issuer: Issuer, engine: Engine) -> dict[str, str]:
    """Give a whole environment, with its files in a folder."""
    keys, held = folder / "keys.json", folder / "secrets.json"
    keys.write_bytes(orjson.dumps(issuer.key_set()))
    held.write_bytes(orjson.dumps({"current": 2, "secrets": {"1": "30" * 32, "2": "31" * 32}}))
    return {
        "GIAMSAT_STAGE": "test",
        "GIAMSAT_REGION": REGION,
        "GIAMSAT_ENGINE_URL": engine.endpoint,
        "GIAMSAT_KEY_SET": str(keys),
        "GIAMSAT_SECRETS": str(held),
        "GIAMSAT_ISSUER": ISSUER,
        "GIAMSAT_AUDIENCE": AUDIENCE,
        "GIAMSAT_LOG": "giamsat.test/trail",
    }


def bind_again(store: DynamoStore, engine: Engine) -> None:
    """Bind the models to the session's tables after services were built anew."""
    store._connection = store._engine = dynamo.bind("test", region=REGION, endpoint=engine.endpoint)


@pytest.fixture
def environ(tmp_path: Path, issuer: Issuer, engine: Engine, store: DynamoStore) -> Iterator[dict[str, str]]:
    """Give a whole environment; afterwards the models are bound to the session's tables again."""
    yield settings(tmp_path, issuer, engine)
    bind_again(store, engine)


def test_services_are_what_the_settings_say(environ: dict[str, str], issuer: Issuer) -> None:
    courier = RecordingCourier()
    services = wired(courier, environ)
    assert services.courier is courier
    assert services.log == "giamsat.test/trail"
    assert services.keys.current == 2
    assert services.keys.secrets == {1: b"0" * 32, 2: b"1" * 32}
    assert services.origins == frozenset()
    assert services.now().utcoffset() == timedelta(0)
    assert services.now().tzinfo is UTC
    assert len(services.entropy(16)) == 16
    assert services.entropy(16) != services.entropy(16)
    assert services.tokens.read(issuer.token("HEAD"), services.now())[0].sub == "head-1"
    assert services.store.versions("XD-01")


def test_the_second_log_stands_beside_the_first(environ: dict[str, str], tmp_path: Path) -> None:
    plain = wired(RecordingCourier(), environ)
    assert (plain.accesses_log, plain.accesses_vault, plain.accesses_seal) == ("giamsat.test/accesses", None, None)
    key = tmp_path / "log.pem"
    key.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    services = wired(RecordingCourier(), {**environ, "GIAMSAT_VAULT": str(tmp_path / "log"), "GIAMSAT_LOG_KEY": str(key)})
    assert isinstance(services.vault, FolderVault)
    assert isinstance(services.accesses_vault, FolderVault)
    assert (services.vault.folder, services.accesses_vault.folder) == (tmp_path / "log", tmp_path / "log-accesses")
    journals = services.journal, services.accesses_journal
    assert [one.folder.name for one in journals if isinstance(one, FolderVault)] == ["log-journal", "log-accesses-journal"]
    second = services.second
    assert second.journal is services.accesses_journal
    assert second.seal
    assert services.seal
    assert (second.log, second.vault, second.seal.key.name) == ("giamsat.test/accesses", services.accesses_vault, "giamsat.test/accesses")
    assert second.seal.sign(b"x") == services.seal.sign(b"x")
    assert (second.accesses_vault, second.accesses_seal) == (None, None)
    named = wired(RecordingCourier(), {**environ, "GIAMSAT_ACCESS_LOG": "elsewhere/looks"})
    assert named.accesses_log == "elsewhere/looks"
    assert [beside(name) for name in ("a/b/c", "a", "a/")] == ["a/b/accesses", "accesses", "a/accesses"]


def test_origins_stand_between_commas(environ: dict[str, str]) -> None:
    environ["GIAMSAT_ORIGINS"] = "https://a.example,https://b.example,"
    assert wired(RecordingCourier(), environ).origins == {"https://a.example", "https://b.example"}


def test_the_region_of_the_cloud_serves_where_none_is_set(environ: dict[str, str]) -> None:
    environ["AWS_REGION"] = environ.pop("GIAMSAT_REGION")
    assert wired(RecordingCourier(), environ).store.versions("XD-01")


NEEDED = ["GIAMSAT_STAGE", "GIAMSAT_REGION", "GIAMSAT_KEY_SET", "GIAMSAT_SECRETS", "GIAMSAT_ISSUER", "GIAMSAT_AUDIENCE", "GIAMSAT_LOG"]


@pytest.mark.parametrize("name", NEEDED)
def test_a_setting_that_is_missing_is_named(environ: dict[str, str], name: str) -> None:
    del environ[name]
    with pytest.raises(KeyError) as caught:
        wired(RecordingCourier(), environ)
    assert caught.value.args[0] in {name, "AWS_REGION"}


@pytest.mark.parametrize("change", [{"GIAMSAT_KEY_SET": "/nowhere"}, {"GIAMSAT_SECRETS": "/nowhere"}])
def test_a_file_that_is_missing_is_told(environ: dict[str, str], change: dict[str, Any]) -> None:
    with pytest.raises(FileNotFoundError, match="/nowhere"):
        wired(RecordingCourier(), environ | change)


ARN = "arn:aws:secretsmanager:eu-west-9:123456789012:secret:giamsat/test/{}-AbCdEf"


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """Serve as AWS Secrets Manager."""
    with served() as gate:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", gate.url)
        yield gate


@pytest.mark.parametrize("name", ["GIAMSAT_KEY_SET", "GIAMSAT_SECRETS"])
def test_an_arn_names_a_secret_that_is_read_once(environ: dict[str, str], issuer: Issuer, manager: Gateway, name: str) -> None:
    manager.body = orjson.dumps({"SecretString": Path(environ[name]).read_text(encoding="utf-8")})
    services = wired(RecordingCourier(), environ | {name: ARN.format("x")})
    assert services.keys.secrets == {1: b"0" * 32, 2: b"1" * 32}
    for _ in range(2):
        assert services.tokens.read(issuer.token("HEAD"), services.now())[0].sub == "head-1"
    (seen,) = manager.seen
    assert seen.headers["x-amz-target"] == "secretsmanager.GetSecretValue"
    assert orjson.loads(seen.body) == {"SecretId": ARN.format("x")}
    assert "/eu-west-9/secretsmanager/" in seen.headers["authorization"]


def test_a_secret_that_may_not_be_read_is_told(environ: dict[str, str], manager: Gateway) -> None:
    manager.answers = [400]
    manager.body = b'{"__type": "AccessDeniedException", "Message": "not allowed"}'
    with pytest.raises(ClientError, match="AccessDeniedException"):
        wired(RecordingCourier(), environ | {"GIAMSAT_SECRETS": ARN.format("secrets")})


def test_deployed_services_post_through_the_gateway(environ: dict[str, str]) -> None:
    with served() as gate:
        courier = deployed(environ | {"GIAMSAT_GATEWAY_URL": f"{gate.url}/test"}).courier
        assert isinstance(courier, GatewayCourier)
        assert courier.post("a", "text")
        courier.shut()
    (seen,) = gate.seen
    assert seen.path == "/test/@connections/a"
    assert f"/{REGION}/execute-api/" in seen.headers["authorization"]


def test_deployed_services_need_a_gateway(environ: dict[str, str]) -> None:
    with pytest.raises(KeyError, match="GIAMSAT_GATEWAY_URL"):
        deployed(environ)


def test_every_setting_is_told_of_in_the_module() -> None:
    text = Path(wired.__code__.co_filename).read_text(encoding="utf-8")
    told = text.partition('"""')[2].partition('"""')[0]
    used = {word for word in text.replace('"', " ").replace("]", " ").split() if word.startswith("GIAMSAT_")}
    assert {name for name in used if name.rstrip(",") not in told} == set()
