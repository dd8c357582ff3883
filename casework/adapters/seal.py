"""The log's key, Ed25519: on one machine in a file, in the cloud in AWS KMS, which never gives it out. Inspectors hold its public half."""

from functools import cached_property
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_private_key

from casework.audit.note import SIGNED, Key
from casework.model.errors import Unavailable

QUICK = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 3})


class FileSeal:
    """`ports.Seal` with a key at hand."""

    def __init__(self, origin: str, private: Ed25519PrivateKey) -> None:
        """Sign for the log of that name."""
        self._private = private
        self._key = Key(origin, SIGNED, private.public_key().public_bytes_raw())

    @classmethod
    def kept(cls, origin: str, file: Path) -> "FileSeal":
        """Read the key from a file (PEM).

        Raises:
            ValueError: the file holds none.
        """
        found = load_pem_private_key(file.read_bytes(), None)
        if not isinstance(found, Ed25519PrivateKey):
            raise ValueError(f"{file} holds no Ed25519 key")  # noqa: TRY004 - what is wrong is the file's content
        return cls(origin, found)

    @property
    def key(self) -> Key:
        """See `ports.Seal`."""
        return self._key

    def sign(self, message: bytes) -> bytes:
        """See `ports.Seal`."""
        return self._private.sign(message)


class KmsSeal:
    """`ports.Seal` with a key in AWS KMS, of the kind ECC_NIST_EDWARDS25519. It is asked when it is first needed."""

    def __init__(self, origin: str, arn: str) -> None:
        """Sign for the log of that name with the key of that ARN (arn:partition:kms:region:account:key/id), in its own region."""
        self._origin, self._arn = origin, arn

    @cached_property
    def _client(self) -> Any:  # noqa: ANN401 - botocore makes its clients' methods as it goes
        return Session().create_client("kms", region_name=self._arn.split(":")[3], config=QUICK)

    @cached_property
    def key(self) -> Key:
        """See `ports.Seal`.

        Raises:
            Unavailable: KMS does not answer.
            ValueError: the key is of another kind.
        """
        try:
            found = load_der_public_key(self._client.get_public_key(KeyId=self._arn)["PublicKey"])
        except (BotoCoreError, ClientError) as error:
            raise Unavailable(f"the log's key cannot be read: {error}") from error
        if not isinstance(found, Ed25519PublicKey):
            raise ValueError(f"{self._arn} is no Ed25519 key")  # noqa: TRY004 - what is wrong is the key
        return Key(self._origin, SIGNED, found.public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        """See `ports.Seal`."""
        try:
            found = self._client.sign(KeyId=self._arn, Message=message, MessageType="RAW", SigningAlgorithm="ED25519_SHA_512")
        except (BotoCoreError, ClientError) as error:
            raise Unavailable(f"the log's key does not sign: {error}") from error
        return bytes(found["Signature"])
