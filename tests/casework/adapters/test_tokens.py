"""Tokens against a key set. What HTTP makes of bad ones is in `tests/handlers/test_api.py`."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from casework.adapters.tokens import LEEWAY_S, LONGEST, MOST_UNITS, KeySetTokens
from casework.model.errors import Unauthenticated
from casework.model.parties import Role, Viewer

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
KEYS: dict[str, tuple[Any, Any]] = {
    "EdDSA": (Ed25519PrivateKey.generate(), jwt.algorithms.OKPAlgorithm),
    "ES256": (ec.generate_private_key(ec.SECP256R1()), jwt.algorithms.ECAlgorithm),
    "RS256": (rsa.generate_private_key(65537, 2048), jwt.algorithms.RSAAlgorithm),
}


@pytest.fixture(scope="module")
def tokens() -> KeySetTokens:
    keys = [{**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": name, "alg": name} for name, (key, algorithm) in KEYS.items()]
    return KeySetTokens({"keys": keys}, issuer="issuer", audience="giamsat")


def signed(algorithm: str = "EdDSA", kid: str | None = None, **changes: Any) -> str:  # noqa: ANN401 - claims
    claims = {"iss": "issuer", "aud": "giamsat", "sub": "officer-1", "role": "OFFICER", "units": ["A"],
              "exp": int(NOW.timestamp()) + 60, **changes}  # fmt: skip
    kept = {name: value for name, value in claims.items() if value is not ...}
    return jwt.encode(kept, KEYS[algorithm][0], algorithm=algorithm, headers={"kid": kid or algorithm})


@pytest.mark.parametrize("algorithm", KEYS)
def test_each_algorithm_of_the_key_set_is_read(tokens: KeySetTokens, algorithm: str) -> None:
    viewer, until = tokens.read(signed(algorithm, on_behalf_of="x"), NOW)
    assert viewer == Viewer(Role.OFFICER, "officer-1", ("A",), "x")
    assert until == NOW + timedelta(seconds=60)


def test_units_may_be_left_out(tokens: KeySetTokens) -> None:
    assert tokens.read(signed(units=...), NOW)[0] == Viewer(Role.OFFICER, "officer-1")


def test_an_audience_may_be_one_of_several(tokens: KeySetTokens) -> None:
    assert tokens.read(signed(aud=["other", "giamsat"]), NOW)[0].role is Role.OFFICER


def test_the_end_is_by_the_clock_that_is_handed_in(tokens: KeySetTokens) -> None:
    end = NOW + timedelta(seconds=60)
    tokens.read(signed(), end + timedelta(seconds=LEEWAY_S, microseconds=-1))
    with pytest.raises(Unauthenticated, match="expired"):
        tokens.read(signed(), end + timedelta(seconds=LEEWAY_S))


def test_a_key_is_for_its_own_algorithm(tokens: KeySetTokens) -> None:
    with pytest.raises(Unauthenticated):
        tokens.read(signed("ES256", kid="RS256"), NOW)
    with pytest.raises(Unauthenticated):
        tokens.read(signed("EdDSA", kid="ES256"), NOW)


@pytest.mark.parametrize("role", [role for role in Role if role not in {Role.PUBLIC, Role.IMPORT}])
def test_each_role_of_the_contract_is_read(tokens: KeySetTokens, role: Role) -> None:
    assert tokens.read(signed(role=role.value), NOW)[0].role is role


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "other"}, {"iss": ...}, {"aud": "other"}, {"aud": ...}, {"aud": []}, {"sub": ...}, {"sub": ""}, {"sub": None},
        {"role": ...}, {"role": "IMPORT"}, {"role": "PUBLIC"}, {"role": "officer"}, {"role": None}, {"role": {}}, {"exp": ...},
        {"exp": None}, {"exp": "soon"}, {"exp": 10**18}, {"exp": -(10**18)}, {"exp": 0}, {"exp": []}, {"units": "A"}, {"units": {}},
        {"units": [1]}, {"units": [None]}, {"units": None}, {"units": ["A"] * (MOST_UNITS + 1)}, {"on_behalf_of": 1}, {"on_behalf_of": []},
        {"units": ["x" * LONGEST]}, {"nbf": 4102444800}, {"iat": "x"},
    ],
    ids=repr,
)  # fmt: skip
def test_other_claims_are_refused(tokens: KeySetTokens, wrong: dict[str, Any]) -> None:
    try:
        token = signed(**wrong)
    except TypeError:  # the library writes no such claim; it is written past it
        now = {"iss": "issuer", "aud": "giamsat", "sub": "x", "role": "HEAD", "exp": int(NOW.timestamp()) + 60, **wrong}
        token = jwt.api_jws.encode(json.dumps(now).encode(), KEYS["EdDSA"][0], algorithm="EdDSA", headers={"kid": "EdDSA"})
    with pytest.raises(Unauthenticated) as caught:
        tokens.read(token, NOW)
    assert token not in caught.value.message


@pytest.mark.parametrize(
    "text", ["", ".", "..", "a.b", "a.b.c", "a.b.c.d", "é", "\x00", "x" * (LONGEST + 1), "e30.e30.e30", "bnVsbA.e30.e30"]
)
def test_what_is_no_token_is_refused(tokens: KeySetTokens, text: str) -> None:
    with pytest.raises(Unauthenticated):
        tokens.read(text, NOW)


def test_every_changed_character_of_a_token_shows(tokens: KeySetTokens) -> None:
    token = signed()
    tokens.read(token, NOW)
    for place in range(0, len(token) - 2, 7):  # the last character may hold bits that are not part of the signature
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        with pytest.raises(Unauthenticated):
            tokens.read(changed, NOW)
