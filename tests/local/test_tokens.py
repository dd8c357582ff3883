"""Tokens of one machine: what they claim, and that the service accepts them and no others."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest

from casework.adapters.tokens import KeySetTokens
from casework.model.errors import Unauthenticated
from casework.model.parties import Role
from casework.model.unit import Officer
from local import register
from local.home import AUDIENCE, ISSUER, KEY_ID, Home
from local.tokens import EIGHT_HOURS, USUAL, issued


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "data")


def reader(home: Home) -> KeySetTokens:
    """What the service reads them with."""
    key_set = json.loads((home.path / "keys" / "key-set.json").read_text())
    return KeySetTokens(key_set, issuer=ISSUER, audience=AUDIENCE)


def claims(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


@pytest.mark.parametrize("role", USUAL)
def test_the_service_accepts_them(home: Home, role: Role) -> None:
    token = issued(home, role)
    viewer, until = reader(home).read(token, datetime.now(UTC))
    assert (viewer.role, viewer.sub, viewer.units) == (role, *USUAL[role])
    assert timedelta(hours=7, minutes=59) < until - datetime.now(UTC) <= EIGHT_HOURS


def test_every_role_but_those_of_no_token_has_a_usual_holder() -> None:
    assert USUAL.keys() == set(Role) - {Role.PUBLIC, Role.IMPORT}


def test_the_usual_holders_are_those_of_the_register() -> None:
    known = {thing.code: thing for _, thing in register.things() if isinstance(thing, Officer)}
    for role, (subject, units) in USUAL.items():
        if role is not Role.CITIZEN:
            assert known[subject].role == role
            assert units in {(), (known[subject].unit,), (known[subject].point,)}


def test_claims_are_those_of_the_contract(home: Home) -> None:
    token = issued(home, Role.HEAD)
    found = claims(token)
    assert found.keys() == {"iss", "aud", "sub", "role", "units", "iat", "exp"}
    assert (found["iss"], found["aud"]) == (ISSUER, AUDIENCE)
    assert found["exp"] - found["iat"] == 8 * 3600
    assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "kid": KEY_ID, "typ": "JWT"}


def test_whoever_acts_for_another_says_so(home: Home) -> None:
    token = issued(home, Role.RECEPTION, subject="reception-9", on_behalf_of="citizen-1", units=("22-MC",))
    viewer, _ = reader(home).read(token, datetime.now(UTC))
    assert (viewer.sub, viewer.units) == ("reception-9", ("22-MC",))
    assert claims(token)["on_behalf_of"] == "citizen-1"


def test_units_are_the_usual_ones_of_the_usual_holder_only(home: Home) -> None:
    assert claims(issued(home, Role.HEAD))["units"] == ["22-XD"]
    assert claims(issued(home, Role.HEAD, subject="head-9"))["units"] == []
    assert claims(issued(home, Role.HEAD, units=()))["units"] == []
    assert claims(issued(home, Role.HEAD, units=("22", "22-MT")))["units"] == ["22", "22-MT"]


def test_one_that_has_run_out_is_refused(home: Home) -> None:
    token = issued(home, Role.ADMIN, ttl=timedelta(minutes=5))
    tokens = reader(home)
    assert tokens.read(token, datetime.now(UTC))
    with pytest.raises(Unauthenticated, match="expired"):
        tokens.read(token, datetime.now(UTC) + timedelta(minutes=6))


def test_one_of_another_folder_is_refused(home: Home, tmp_path: Path) -> None:
    issued(home, Role.ADMIN)
    with pytest.raises(Unauthenticated):
        reader(home).read(issued(Home(tmp_path / "other"), Role.ADMIN), datetime.now(UTC))
