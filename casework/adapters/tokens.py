"""JSON Web Tokens against a key set. It issues none: that is the identity provider's, or on one machine the command `giamsat token`."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import jwt

from casework.model.errors import Unauthenticated
from casework.model.parties import Role, Viewer

ALGORITHMS = ("EdDSA", "ES256", "RS256")
LEEWAY_S = 5
LONGEST = 8192
MOST_UNITS = 64
REQUIRED = ("iss", "aud", "sub", "role", "exp")
ISSUED = frozenset(Role) - {Role.PUBLIC, Role.IMPORT}


class KeySetTokens:
    """`ports.Tokens` against a JSON Web Key Set (RFC 7517)."""

    def __init__(self, key_set: Mapping[str, Any], *, issuer: str, audience: str) -> None:
        """Take the public keys by their `kid`."""
        self._keys = {key.key_id: key for key in jwt.PyJWKSet.from_dict(dict(key_set)).keys}
        self._issuer = issuer
        self._audience = audience

    def read(self, token: str, now: datetime) -> tuple[Viewer, datetime]:
        """See `ports.Tokens`."""
        if len(token) > LONGEST:
            raise Unauthenticated("the token is too long")
        try:
            head = jwt.get_unverified_header(token)
            key = self._keys.get(head.get("kid"))
            if key is None or head.get("alg") not in ALGORITHMS or key.algorithm_name != head["alg"]:
                raise Unauthenticated("the token is not signed by a key that is known here")
            claims = jwt.decode(
                token, key.key, algorithms=[key.algorithm_name], issuer=self._issuer, audience=self._audience,
                options={"require": list(REQUIRED), "verify_exp": False}, leeway=LEEWAY_S,
            )  # fmt: skip
        except jwt.PyJWTError as error:
            raise Unauthenticated("the token is malformed, or not meant for this service") from error
        return _viewer(claims, now)


def _viewer(claims: Mapping[str, Any], now: datetime) -> tuple[Viewer, datetime]:
    try:
        until = datetime.fromtimestamp(int(claims["exp"]), UTC)
        role = Role(claims["role"])
        units = claims.get("units", [])
        behalf = claims.get("on_behalf_of")
    except (ValueError, TypeError, OverflowError, OSError) as error:
        raise Unauthenticated("the token's claims are not those of this service") from error
    texts = isinstance(units, list) and len(units) <= MOST_UNITS and all(isinstance(unit, str) for unit in units)
    if not (texts and role in ISSUED and claims["sub"] and isinstance(behalf, str | None)):
        raise Unauthenticated("the token's claims are not those of this service")
    if until.timestamp() + LEEWAY_S <= now.timestamp():
        raise Unauthenticated("the token has expired: get a new one")
    return Viewer(role, str(claims["sub"]), tuple(units), behalf), until
