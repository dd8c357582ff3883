"""The published log and the exports in Amazon S3: `ports.Vault` and `ports.Depot` in a bucket, below a prefix.

The vault's bucket has Object Lock, so what is put there stays: a path is written on condition that there is none, and of `checkpoint`,
which is the one that is written again, S3 keeps each version. The depot's is an ordinary one. Addresses of exports are presigned requests.
Clients are made when they are first needed, since few answers need any.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from itertools import chain
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from casework.model.errors import Corrupt, Unavailable

CONFIG = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 3}, signature_version="s3v4")
GONE = frozenset({"NoSuchKey", "404", "NotFound"})
THERE = frozenset({"PreconditionFailed", "412"})  # the condition of a write does not hold
AT_ONCE = frozenset({"ConditionalRequestConflict", "409"})  # another wrote in that moment
PART = 8 << 20  # bytes of a part of a large file; S3 asks for 5 MiB at least, and takes 10,000
TRIES = 5
MOST = 1000  # keys of one request


def placed(address: str) -> tuple[str, str]:
    """Read `s3://bucket/prefix`: the bucket, and the prefix, which ends with a slash or is empty.

    Raises:
        ValueError: it is none.
    """
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    if not address.startswith("s3://") or not bucket:
        raise ValueError(f"a place in S3 is s3://bucket/prefix, not {address}")
    return bucket, f"{prefix.strip('/')}/" if prefix.strip("/") else ""


class _Bucket:
    """A place in a bucket."""

    def __init__(self, address: str, *, region: str) -> None:
        """Work at `s3://bucket/prefix`, with the credentials that AWS libraries find."""
        self._bucket, self._prefix = placed(address)
        self._region = region

    @cached_property
    def _client(self) -> Any:  # noqa: ANN401 - botocore makes its clients' methods as it goes
        return Session().create_client("s3", region_name=self._region, config=CONFIG)

    def _at(self, path: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + path}

    def _found(self, path: str) -> tuple[bytes, str] | None:
        """Read an object whole, with its tag; None where there is none."""
        with _answered(path):
            try:
                found = self._client.get_object(**self._at(path))
                return found["Body"].read(), found["ETag"]
            except ClientError as error:
                if _code(error) in GONE:
                    return None
                raise

    def _put(self, path: str, data: bytes, condition: dict[str, str]) -> bool:
        """Write an object if its condition holds; gives whether it did."""
        with _answered(path):
            for _ in range(TRIES):
                try:
                    self._client.put_object(**self._at(path), Body=data, ChecksumAlgorithm="SHA256", **condition)
                except ClientError as error:
                    if _code(error) in THERE | GONE:  # Gone: what was to be written over is not there any more
                        return False
                    if _code(error) not in AT_ONCE:
                        raise
                else:
                    return True
        raise Unavailable(f"{path} of the bucket is written by others all the time")


class BucketVault(_Bucket):
    """`ports.Vault` in a bucket with Object Lock."""

    def put(self, path: str, data: bytes) -> None:
        """See `ports.Vault`."""
        if self._put(path, data, {"IfNoneMatch": "*"}):
            return
        if self.read(path) != data:
            raise Corrupt(f"{path} of the log was published otherwise before")

    def read(self, path: str) -> bytes | None:
        """See `ports.Vault`."""
        found = self._found(path)
        return found[0] if found else None

    def checkpoint(self) -> str | None:
        """See `ports.Vault`."""
        return _text(self.read("checkpoint"))

    def cosigned(self) -> str | None:
        """See `ports.Vault`."""
        return _text(self.read("cosigned/newest"))

    def publish(self, size: int, note: str) -> None:
        """See `ports.Vault`."""
        for _ in range(TRIES):
            found = self._found("checkpoint")
            if found is not None and int(found[0].split(b"\n")[1]) >= size:
                return
            if self._put("checkpoint", note.encode(), {"IfMatch": found[1]} if found else {"IfNoneMatch": "*"}):
                return
        raise Unavailable("the checkpoint is written by others all the time")


class BucketDepot(_Bucket):
    """`ports.Depot` in a bucket."""

    def write(self, path: str, chunks: Iterable[bytes]) -> None:
        """See `ports.Depot`."""
        parts = _parts(chunks)
        first, second = next(parts, b""), next(parts, None)
        with _answered(path):
            if second is None:
                self._client.put_object(**self._at(path), Body=first)
            else:
                self._written(path, chain((first, second), parts))

    def _written(self, path: str, parts: Iterable[bytes]) -> None:
        """Write a large file part by part. What is left of one that was killed goes by the bucket's rule."""
        upload = {**self._at(path), "UploadId": self._client.create_multipart_upload(**self._at(path))["UploadId"]}
        try:
            done = [
                {"PartNumber": number, "ETag": self._client.upload_part(**upload, PartNumber=number, Body=part)["ETag"]}
                for number, part in enumerate(parts, 1)
            ]
            self._client.complete_multipart_upload(**upload, MultipartUpload={"Parts": done})
        except BaseException:
            self._client.abort_multipart_upload(**upload)
            raise

    def read(self, path: str) -> Iterator[bytes]:
        """See `ports.Depot`."""
        with _answered(path):
            try:
                found = self._client.get_object(**self._at(path))
            except ClientError as error:
                if _code(error) in GONE:
                    raise FileNotFoundError(f"{path} is not in the bucket") from error
                raise
            yield from found["Body"].iter_chunks(1 << 20)

    def remove(self, folder: str) -> None:
        """See `ports.Depot`."""
        with _answered(folder):
            while True:
                found = self._client.list_objects_v2(Bucket=self._bucket, Prefix=f"{self._prefix}{folder}/", MaxKeys=MOST)
                keys = [{"Key": one["Key"]} for one in found.get("Contents", ())]
                if keys:
                    self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": keys, "Quiet": True})
                if not found["IsTruncated"]:
                    return

    def link(self, path: str, until: datetime) -> str:
        """See `ports.Depot`."""
        left = max(1, int((until - datetime.now(UTC)).total_seconds()))
        return str(self._client.generate_presigned_url("get_object", Params=self._at(path), ExpiresIn=left))


def _parts(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Gather chunks into parts; the last may be shorter."""
    part = bytearray()
    for chunk in chunks:
        part += chunk
        while len(part) >= PART:
            yield bytes(part[:PART])
            del part[:PART]
    if part:
        yield bytes(part)


def _text(found: bytes | None) -> str | None:
    return found.decode(errors="surrogateescape") if found is not None else None


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code"))


@contextmanager
def _answered(path: str) -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise Unavailable(f"the bucket does not answer for {path}: {error}") from error
