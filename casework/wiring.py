"""Environment to `Services`: the one place that reads settings, and the one that knows which adapter stands behind which port.

Settings (all are documented in docs/settings.md):
    GIAMSAT_STAGE      which tables; their names are giamsat-<stage>-<table>
    GIAMSAT_REGION     the region; AWS_REGION where it is not set
    GIAMSAT_ENGINE_URL the engine's address; empty in the cloud
    GIAMSAT_KEY_SET    the public keys of the tokens (JWKS): a file, or the ARN of a secret in AWS Secrets Manager
    GIAMSAT_SECRETS    the service's secrets, {"current": 1, "secrets": {"1": "<hex>"}}: a file, or such an ARN
    GIAMSAT_ISSUER, GIAMSAT_AUDIENCE  what a token must name
    GIAMSAT_LOG        the log that entries belong to
    GIAMSAT_ACCESS_LOG the log that accesses belong to; where it is not set, the one named `accesses` beside that
    GIAMSAT_VAULT      where the log is published, a folder or s3://bucket/prefix, that of accesses in <it>-accesses, and the journal
                       of each in its name with -journal; without it, a process neither publishes nor proves anything
    GIAMSAT_LOG_KEY    the key that signs both logs, Ed25519: a file (PEM), or the ARN of a key in AWS KMS
    GIAMSAT_DEPOT      where exports lie in the cloud, s3://bucket/prefix; without it none is made, unless somebody brings a depot
    GIAMSAT_ASIDE      the dead-letter queue: its URL, or a folder
    GIAMSAT_ORIGINS    origins whose pages may open sockets, by commas; empty: only requests without an Origin, and loopback's
    GIAMSAT_GATEWAY_URL the WebSocket API by which a deployed function posts to connections
    GIAMSAT_QUEUE_URL  the queue by which a deployed function hands large audiences out; without it, it posts to all by itself

What a file or a secret holds is read once, when the services are built.
"""

import os
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from botocore.config import Config
from botocore.session import Session

from casework.adapters.aside import FolderAside, SqsAside
from casework.adapters.bucket import BucketDepot, BucketVault
from casework.adapters.dynamo import DynamoStore
from casework.adapters.gateway import GatewayCourier
from casework.adapters.parcels import SqsQueue
from casework.adapters.seal import FileSeal, KmsSeal
from casework.adapters.tokens import KeySetTokens
from casework.adapters.vault import FolderVault
from casework.model.slip import Keys
from casework.ports import Aside, Courier, Seal, Services, Vault

QUICK = Config(connect_timeout=2, read_timeout=5)


def wired(courier: Courier, environ: Mapping[str, str] = os.environ) -> Services:
    """Build the services of this process.

    Raises:
        KeyError: a setting is missing; its name is the argument.
    """
    held = orjson.loads(_content(environ["GIAMSAT_SECRETS"]))
    log = environ["GIAMSAT_LOG"]
    accesses, vault, key = environ.get("GIAMSAT_ACCESS_LOG") or beside(log), environ.get("GIAMSAT_VAULT"), environ.get("GIAMSAT_LOG_KEY")
    keys = Keys({int(version): bytes.fromhex(text) for version, text in held["secrets"].items()}, held["current"])
    return Services(
        store=DynamoStore(
            environ["GIAMSAT_STAGE"],
            region=_region(environ),
            endpoint=environ.get("GIAMSAT_ENGINE_URL") or None,
        ),
        courier=courier,
        tokens=KeySetTokens(
            orjson.loads(_content(environ["GIAMSAT_KEY_SET"])),
            issuer=environ["GIAMSAT_ISSUER"],
            audience=environ["GIAMSAT_AUDIENCE"],
        ),
        keys=keys,
        log=log,
        accesses_log=accesses,
        now=lambda: datetime.now(UTC),
        entropy=secrets.token_bytes,
        origins=frozenset(filter(None, environ.get("GIAMSAT_ORIGINS", "").split(","))),
        vault=_vault(vault, environ) if vault else None,
        seal=_seal(log, key) if key else None,
        accesses_vault=_vault(f"{vault}-accesses", environ) if vault else None,
        accesses_seal=_seal(accesses, key) if key else None,
        journal=_vault(f"{vault}-journal", environ) if vault else None,
        accesses_journal=_vault(f"{vault}-accesses-journal", environ) if vault else None,
        aside=_aside(environ["GIAMSAT_ASIDE"], environ) if environ.get("GIAMSAT_ASIDE") else None,
        stage=environ["GIAMSAT_STAGE"],
        depot=BucketDepot(environ["GIAMSAT_DEPOT"], region=_region(environ)) if environ.get("GIAMSAT_DEPOT") else None,
    )


def deployed(environ: Mapping[str, str] = os.environ) -> Services:
    """Build the services of a deployed function, which posts through API Gateway.

    Raises:
        KeyError: as `wired`.
    """
    region = _region(environ)
    queue = SqsQueue(environ["GIAMSAT_QUEUE_URL"], region=region) if environ.get("GIAMSAT_QUEUE_URL") else None
    return replace(wired(GatewayCourier(environ["GIAMSAT_GATEWAY_URL"], region=region), environ), queue=queue)


def beside(log: str) -> str:
    """Name the log of accesses that stands beside a log: the last part of the name is another."""
    head, slash, _ = log.rpartition("/")
    return f"{head}{slash}accesses"


def _aside(place: str, environ: Mapping[str, str]) -> Aside:
    return SqsAside(place, region=_region(environ)) if "://" in place else FolderAside(Path(place))


def _vault(place: str, environ: Mapping[str, str]) -> Vault:
    if place.startswith("s3://"):
        return BucketVault(place, region=_region(environ))
    return FolderVault(Path(place))


def _seal(log: str, key: str) -> Seal:
    return KmsSeal(log, key) if key.startswith("arn:") else FileSeal.kept(log, Path(key))


def _region(environ: Mapping[str, str]) -> str:
    return environ.get("GIAMSAT_REGION") or environ["AWS_REGION"]


def _content(place: str) -> str | bytes:
    """Read a file, or a secret by its ARN (arn:partition:secretsmanager:region:account:secret:name), in its own region."""
    if not place.startswith("arn:"):
        return Path(place).read_bytes()
    manager: Any = Session().create_client("secretsmanager", region_name=place.split(":")[3], config=QUICK)
    return str(manager.get_secret_value(SecretId=place)["SecretString"])
