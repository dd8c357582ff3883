"""Our signatures are botocore's, whatever is signed and whenever; a key is derived once a day."""

import hmac
import random
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from casework.adapters.signing import Signer

HOST = "abc123.execute-api.ap-southeast-1.amazonaws.com"
AT = datetime(2026, 11, 28, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize("token", [None, "a-token/with+signs=="])
@pytest.mark.parametrize(("method", "path", "more"), [
    ("POST", "/prod/@connections/L0SM9cOFvHcCIhw%3D", {}),
    ("DELETE", "/prod/@connections/a-b_c.~d", {}),
    ("POST", "/", {"content-type": "application/x-amz-json-1.0", "x-amz-target": "DynamoDB_20120810.Query"}),
])  # fmt: skip
def test_a_signature_is_botocores(
    monkeypatch: pytest.MonkeyPatch, method: str, path: str, more: dict[str, str], token: str | None
) -> None:  # fmt: skip
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    chance = random.Random(seed)  # noqa: S311 - bodies
    credentials = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token)
    signer = Signer(credentials, "execute-api", "ap-southeast-1")
    for days in (0, 0, 1, 400):
        at, body = AT + timedelta(days), chance.randbytes(chance.randrange(2000))
        request = AWSRequest(method, f"https://{HOST}{path}", headers=dict(more), data=body)
        monkeypatch.setattr("botocore.auth.get_current_datetime", lambda at=at: at)
        SigV4Auth(credentials, "execute-api", "ap-southeast-1").add_auth(request)
        ours = signer.headers(method, HOST, path, body, more, at)
        assert ours["authorization"] == request.headers["Authorization"]
        assert ours["x-amz-date"] == at.strftime("%Y%m%dT%H%M%SZ")
        assert ours.get("x-amz-security-token") == token


def test_a_key_is_derived_once_a_day_and_credential(monkeypatch: pytest.MonkeyPatch) -> None:
    usual, made = hmac.digest, list[bytes]()

    def digest(key: bytes, *given: Any) -> bytes:  # noqa: ANN401 - as hmac takes it
        made.append(key)
        return usual(key, *given)

    monkeypatch.setattr(hmac, "digest", digest)
    credentials = Credentials("AKIDEXAMPLE", "secret")
    signer = Signer(credentials, "execute-api", "ap-southeast-1")
    signatures = [signer.headers("POST", HOST, "/", b"", at=AT)["authorization"] for _ in range(3)]
    assert len(made) == 4 + 3
    assert len(set(signatures)) == 1
    credentials.secret_key = "another"  # noqa: S105 - as the one before
    assert signer.headers("POST", HOST, "/", b"", at=AT)["authorization"] not in signatures
    signer.headers("POST", HOST, "/", b"", at=AT + timedelta(1))
    assert len(made) == 4 + 3 + 2 * 5


def test_the_present_is_signed_by_default() -> None:
    stamp = Signer(Credentials("a", "b"), "execute-api", "r").headers("POST", HOST, "/", b"")["x-amz-date"]
    assert abs(datetime.now(UTC) - datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)) < timedelta(minutes=5)
