"""Environment to `Services`: the one place that reads settings, and the one that knows which adapter stands behind which port.

Settings (all are documented in docs/settings.md):
    GIAMSAT_STAGE      which tables; their names are giamsat-<stage>-<table>
    GIAMSAT_REGION     the region; AWS_REGION where it is not set
    GIAMSAT_ENGINE_URL the engine's address; empty in the cloud
    GIAMSAT_KEY_SET    file with the public keys of the tokens (JWKS)
    GIAMSAT_SECRETS    file with the service's secrets: {"current": 1, "secrets": {"1": "<hex>"}}
    GIAMSAT_ISSUER, GIAMSAT_AUDIENCE  what a token must name
    GIAMSAT_LOG        the log that entries belong to
    GIAMSAT_ORIGINS    origins whose pages may open sockets, by commas; empty: only requests without an Origin, and loopback's
"""

import os
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import orjson

from casework.adapters.dynamo import DynamoStore
from casework.adapters.tokens import KeySetTokens
from casework.model.slip import Keys
from casework.ports import Courier, Services


def wired(courier: Courier, environ: Mapping[str, str] = os.environ) -> Services:
    """Build the services of this process.

    Raises:
        KeyError: a setting is missing; its name is the argument.
    """
    held = orjson.loads(Path(environ["GIAMSAT_SECRETS"]).read_bytes())
    keys = Keys({int(version): bytes.fromhex(text) for version, text in held["secrets"].items()}, held["current"])
    return Services(
        store=DynamoStore(
            environ["GIAMSAT_STAGE"],
            region=environ.get("GIAMSAT_REGION") or environ["AWS_REGION"],
            endpoint=environ.get("GIAMSAT_ENGINE_URL") or None,
        ),
        courier=courier,
        tokens=KeySetTokens(
            orjson.loads(Path(environ["GIAMSAT_KEY_SET"]).read_bytes()),
            issuer=environ["GIAMSAT_ISSUER"],
            audience=environ["GIAMSAT_AUDIENCE"],
        ),
        keys=keys,
        log=environ["GIAMSAT_LOG"],
        now=lambda: datetime.now(UTC),
        entropy=secrets.token_bytes,
        origins=frozenset(filter(None, environ.get("GIAMSAT_ORIGINS", "").split(","))),
    )
