"""Settings to services: what is missing is named, what is read is what stands there."""

from collections.abc import Iterator
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from casework.adapters.dynamo import DynamoStore
from casework.adapters.dynamo import models as dynamo
from casework.wiring import wired
from local.engine import Engine
from local.home import REGION
from tests.support import AUDIENCE, ISSUER, Issuer, RecordingCourier


@pytest.fixture
def environ(tmp_path: Path, issuer: Issuer, engine: Engine, store: DynamoStore) -> Iterator[dict[str, str]]:
    """Give a whole environment; afterwards the models are bound to the session's tables again."""
    assert store
    keys, held = tmp_path / "keys.json", tmp_path / "secrets.json"
    keys.write_bytes(orjson.dumps(issuer.key_set()))
    held.write_bytes(orjson.dumps({"current": 2, "secrets": {"1": "30" * 32, "2": "31" * 32}}))
    yield {
        "GIAMSAT_STAGE": "test",
        "GIAMSAT_REGION": REGION,
        "GIAMSAT_ENGINE_URL": engine.endpoint,
        "GIAMSAT_KEY_SET": str(keys),
        "GIAMSAT_SECRETS": str(held),
        "GIAMSAT_ISSUER": ISSUER,
        "GIAMSAT_AUDIENCE": AUDIENCE,
        "GIAMSAT_LOG": "giamsat.test/trail",
    }
    store._connection = store._engine = dynamo.bind("test", region=REGION, endpoint=engine.endpoint)


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


def test_origins_stand_between_commas(environ: dict[str, str]) -> None:
    environ["GIAMSAT_ORIGINS"] = "https://a.example,https://b.example,"
    assert wired(RecordingCourier(), environ).origins == {"https://a.example", "https://b.example"}


def test_the_region_of_the_cloud_serves_where_none_is_set(environ: dict[str, str]) -> None:
    environ["AWS_REGION"] = environ.pop("GIAMSAT_REGION")
    assert wired(RecordingCourier(), environ).store.units()


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


def test_every_setting_is_told_of_in_the_module() -> None:
    text = Path(wired.__code__.co_filename).read_text(encoding="utf-8")
    told = text.partition('"""')[2].partition('"""')[0]
    used = {word for word in text.replace('"', " ").replace("]", " ").split() if word.startswith("GIAMSAT_")}
    assert {name for name in used if name.rstrip(",") not in told} == set()
