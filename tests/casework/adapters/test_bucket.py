"""Vault, depot and seal of the cloud, on an emulator of S3 and KMS: the same as on one machine, and an export through all three."""

import random
import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3
from botocore.config import Config
from botocore.session import Session

from casework.actions.exports import path_of
from casework.adapters import bucket, seal
from casework.adapters.bucket import BucketDepot, BucketVault, placed
from casework.adapters.seal import KmsSeal
from casework.audit.note import Note, signed, verified
from casework.audit.verify import Trust
from casework.model.errors import Corrupt, Unavailable
from handlers import sequencer
from tests.bags import Exporting, dossier, full, judged
from tests.infra.cloud import CREDENTIALS, REGION, emulated

PLACE = "s3://trail/log"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with emulated(tmp_path_factory.mktemp("cloud")) as found, pytest.MonkeyPatch.context() as patch:
        for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": found}.items():
            patch.setenv(name, value)
        made = client("s3")
        where = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
        made.create_bucket(Bucket="trail", ObjectLockEnabledForBucket=True, **where)
        made.create_bucket(Bucket="exports", **where)
        yield found


def client(service: str) -> Any:  # noqa: ANN401 - botocore makes its clients' methods as it goes
    return Session().create_client(service, region_name=REGION)


@pytest.fixture
def vault(address: str) -> BucketVault:
    assert address
    return BucketVault(f"{PLACE}-{secrets.token_hex(4)}", region=REGION)


@pytest.fixture
def depot(address: str) -> BucketDepot:
    assert address
    return BucketDepot(f"s3://exports/{secrets.token_hex(4)}", region=REGION)


@pytest.mark.parametrize(
    ("address", "place"),
    [("s3://b", ("b", "")), ("s3://b/", ("b", "")), ("s3://b/c", ("b", "c/")), ("s3://b/c/d/", ("b", "c/d/"))],
)
def test_places(address: str, place: tuple[str, str]) -> None:
    assert placed(address) == place
    for wrong in ("b/c", "s3://", "https://b/c", "s3:///c"):
        with pytest.raises(ValueError, match="is s3://bucket/prefix"):
            placed(wrong)


def test_what_is_put_there_stays(vault: BucketVault) -> None:
    assert vault.read("tile/0/000") is None
    for _ in range(2):
        vault.put("tile/0/000", b"hashes")
    with pytest.raises(Corrupt, match="was published otherwise"):
        vault.put("tile/0/000", b"others")
    assert vault.read("tile/0/000") == b"hashes"
    assert vault.cosigned() is None
    vault.put("cosigned/newest", b"log\n3\nroot\n")
    assert vault.cosigned() == "log\n3\nroot\n"


def test_only_a_larger_checkpoint_takes_the_place_of_one(vault: BucketVault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket, "TRIES", 100)
    seed = secrets.randbits(31)
    print(f"seed {seed}")  # noqa: T201 - told when the test fails
    sizes = random.Random(seed).sample(range(1, 1000), 24)  # noqa: S311 - to be repeated by its seed
    assert vault.checkpoint() is None
    start = threading.Barrier(4)

    def publish(mine: list[int]) -> None:
        start.wait()
        for size in mine:
            vault.publish(size, f"log\n{size}\nroot\n")

    threads = [threading.Thread(target=publish, args=(sizes[number::4],)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert vault.checkpoint() == f"log\n{max(sizes)}\nroot\n"
    vault.publish(1, "log\n1\nroot\n")
    assert vault.checkpoint() == f"log\n{max(sizes)}\nroot\n"


def test_a_checkpoint_that_came_between_reading_and_writing_stays(vault: BucketVault, monkeypatch: pytest.MonkeyPatch) -> None:
    usual, other = BucketVault._found, BucketVault(f"s3://{vault._bucket}/{vault._prefix}", region=REGION)
    vault.publish(5, "log\n5\nroot\n")

    def read(here: BucketVault, path: str) -> tuple[bytes, str] | None:
        found = usual(here, path)
        if here is vault and found and b"\n5\n" in found[0]:
            other.publish(9, "log\n9\nroot\n")
        return found

    monkeypatch.setattr(BucketVault, "_found", read)
    vault.publish(7, "log\n7\nroot\n")
    assert vault.checkpoint() == "log\n9\nroot\n"


def test_one_that_others_write_all_the_time_is_given_up(vault: BucketVault, monkeypatch: pytest.MonkeyPatch) -> None:
    vault.publish(1, "log\n1\nroot\n")
    monkeypatch.setattr(BucketVault, "_put", lambda *_: False)
    with pytest.raises(Unavailable, match="written by others"):
        vault.publish(2, "log\n2\nroot\n")


@pytest.mark.parametrize("chunks", [[], [b""], [b"abc", b"def"], [b"x" * (5 << 20)] * 5, [b"y" * (17 << 20)]])
def test_a_file_of_any_size_is_written_and_read(depot: BucketDepot, chunks: list[bytes]) -> None:
    for _ in range(2):
        depot.write("one/export.zip", iter(chunks))
    assert b"".join(depot.read("one/export.zip")) == b"".join(chunks)


@pytest.mark.parametrize("parts", [1, 3])
def test_a_file_that_is_not_finished_is_not_there(depot: BucketDepot, parts: int) -> None:
    def broken() -> Iterator[bytes]:
        for _ in range(parts):
            yield b"z" * bucket.PART
        raise ZeroDivisionError

    depot.write("one/export.zip", [b"before"])
    with pytest.raises(ZeroDivisionError):
        depot.write("one/export.zip", broken())
    assert b"".join(depot.read("one/export.zip")) == b"before"
    left = client("s3").list_multipart_uploads(Bucket="exports")
    assert not left.get("Uploads")


def test_a_folder_is_taken_away_whole(depot: BucketDepot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket, "MOST", 2)
    for number in range(5):
        depot.write(f"one/parts/{number}", [b"x"])
    depot.write("one-more/parts/0", [b"y"])
    for _ in range(2):
        depot.remove("one")
    for number in range(5):
        with pytest.raises(FileNotFoundError):
            next(depot.read(f"one/parts/{number}"))
    assert b"".join(depot.read("one-more/parts/0")) == b"y"


def test_an_address_gives_the_file(depot: BucketDepot) -> None:
    depot.write("one/export.zip", [b"content"])
    link = depot.link("one/export.zip", datetime.now(UTC) + timedelta(hours=1))
    assert "X-Amz-Expires=3" in link
    assert urllib3.request("GET", link, timeout=10).data == b"content"


def test_the_log_s_key_signs_and_is_never_seen(address: str) -> None:
    assert address
    arn = client("kms").create_key(KeySpec="ECC_NIST_EDWARDS25519", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    one, two = KmsSeal("giamsat.test/trail", arn), KmsSeal("giamsat.test/accesses", arn)
    note = Note("text\n", (signed("text\n", one.key, one.sign),))
    assert list(verified(note, [one.key])) == [one.key]
    assert (one.key.public, one.key.name != two.key.name) == (two.key.public, True)
    other = client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    with pytest.raises(ValueError, match="is no Ed25519 key"):
        _ = KmsSeal("giamsat.test/trail", other).key
    with pytest.raises(Unavailable, match="does not sign"):
        KmsSeal("giamsat.test/trail", other).sign(b"x")
    with pytest.raises(Unavailable, match="cannot be read"):
        _ = KmsSeal("giamsat.test/trail", arn[:-4] + "0000").key


def test_a_cloud_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch, depot: BucketDepot, vault: BucketVault) -> None:
    quick = Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1})
    monkeypatch.setattr(bucket, "CONFIG", quick)
    monkeypatch.setattr(seal, "QUICK", quick)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    asks: list[Callable[[], object]] = [
        lambda: vault.read("x"), lambda: vault.put("x", b""), lambda: vault.publish(1, "a\n1\nb\n"), lambda: next(depot.read("x")),
        lambda: depot.write("x", [b""]), lambda: depot.remove("x"),
    ]  # fmt: skip
    for ask in asks:
        with pytest.raises(Unavailable, match="the bucket does not answer for"):
            ask()


def test_an_export_through_the_cloud_s_storage(address: str, tmp_path: Path) -> None:
    assert address
    arn = client("kms").create_key(KeySpec="ECC_NIST_EDWARDS25519", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    world = Exporting(tmp_path)
    made = KmsSeal(world.services.log, arn)
    place = BucketDepot("s3://exports/whole", region=REGION)
    world.services = replace(world.services, vault=BucketVault("s3://trail/whole", region=REGION), seal=made, depot=place)
    subject = world.received()
    world.insisted(world.some(subject))
    asked = world.requested(full(subject))
    assert sequencer.handle({}, world.services)["published"]
    world.worked(asked.id)
    raw = b"".join(place.read(path_of(asked.id)))
    report = judged(raw, dossier(subject), Trust(made.key))
    assert (report.failure, report.limits) == (None, ["NO_HELD_CHECKPOINT", "NO_WITNESS"])
    later = datetime.now(UTC) + timedelta(minutes=5)
    assert urllib3.request("GET", place.link(path_of(asked.id), later), timeout=10).data == raw
    assert urllib3.request("GET", place.link("whole/none", later), timeout=10).status == 404
