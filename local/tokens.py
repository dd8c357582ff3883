"""Tokens for one machine, signed with the data folder's own key. In the cloud an identity provider issues them."""

from datetime import UTC, datetime, timedelta

import jwt

from casework.model.parties import Role
from local.home import AUDIENCE, ISSUER, KEY_ID, Home

EIGHT_HOURS = timedelta(hours=8)
# The register's own people (local/register/people.yml): who a token of that role is for unless it says otherwise.
USUAL: dict[Role, tuple[str, tuple[str, ...]]] = {
    Role.CITIZEN: ("citizen-1", ()),
    Role.RECEPTION: ("reception-1", ("22-MC",)),
    Role.OFFICER: ("officer-1", ("22-XD",)),
    Role.HEAD: ("head-1", ("22-XD",)),
    Role.SUPERVISOR: ("supervisor-1", ("22",)),
    Role.INSPECTOR: ("inspector-1", ()),
    Role.ADMIN: ("admin-1", ()),
}


def issued(
    home: Home,
    role: Role,
    *,
    units: tuple[str, ...] | None = None,
    subject: str | None = None,
    on_behalf_of: str | None = None,
    ttl: timedelta = EIGHT_HOURS,
) -> str:
    """Issue a token."""
    usual_subject, usual_units = USUAL[role]
    now = datetime.now(UTC)
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": subject or usual_subject,
        "role": role.value,
        "units": list(units if units is not None else () if subject else usual_units),
        "iat": int(now.timestamp()),
        "exp": int((now + ttl).timestamp()),
    }
    if on_behalf_of:
        claims["on_behalf_of"] = on_behalf_of
    return jwt.encode(claims, home.token_key(), algorithm="EdDSA", headers={"kid": KEY_ID})
