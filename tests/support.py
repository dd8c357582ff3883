"""Fakes and short ways that tests of several packages share."""

import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from casework.adapters.tokens import KeySetTokens
from casework.model.errors import Unavailable
from casework.model.parties import Role
from casework.model.slip import Keys
from casework.ports import Courier, Posted, Services, Store
from handlers import api
from local.tokens import USUAL

ISSUER, AUDIENCE, KEY_ID = "giamsat.test", "giamsat", "test-1"
MONDAY = datetime(2036, 6, 9, 3, tzinfo=UTC)  # 10:00 in Vietnam; no day off within seven weeks
SUBMISSION = {"procedure": "XD-01", "receptionPoint": "22-MC", "channel": "ONLINE", "applicant": {"name": "An"}}  # but for its key
BEGUN = time.monotonic()


@dataclass
class RecordingCourier:
    """A courier that keeps what it was given; connections in `gone` are no longer there."""

    posts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    closed: list[tuple[str, int, str]] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)

    def post(self, connection: str, message: str) -> bool:
        if connection in self.gone:
            return False
        self.posts.append((connection, json.loads(message)))
        return True

    def post_all(self, messages: Sequence[tuple[str, str]]) -> list[Posted]:
        return [posted(self, connection, message) for connection, message in messages]

    def close_all(self, connections: Sequence[str], code: int, reason: str) -> None:
        self.closed += [(connection, code, reason) for connection in connections]

    def to(self, connection: str) -> list[dict[str, Any]]:
        return [message for there, message in self.posts if there == connection]


def present() -> datetime:
    """Give the tests' own time, which goes on from a Monday at 10:00: what a test sees hangs on no day that it is run on.

    It lies ahead of the machine's, since the engine deletes what has expired by that.
    """
    return MONDAY + timedelta(seconds=time.monotonic() - BEGUN)


def posted(courier: Courier, connection: str, message: str) -> Posted:
    """Post one of several."""
    try:
        return Posted.DONE if courier.post(connection, message) else Posted.GONE
    except Unavailable:
        return Posted.FAILED


@dataclass
class SettableClock:
    """The tests' own time, moved by `ahead`."""

    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return present() + self.ahead


@dataclass
class StandingClock:
    """The time, which stands until it is set."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Issuer:
    """Signs tokens that the services under test accept."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    def key_set(self) -> dict[str, Any]:
        public = jwt.algorithms.OKPAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {"keys": [{**public, "kid": KEY_ID, "alg": "EdDSA", "use": "sig"}]}

    def token(self, role: str, subject: str | None = None, units: tuple[str, ...] | None = None, **claims: Any) -> str:  # noqa: ANN401 - claims
        usual_subject, usual_units = USUAL[Role(role)]
        body = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": subject or usual_subject,
            "role": role,
            "units": list(usual_units if units is None else units),
            "exp": int(present().timestamp()) + 3600,
            **claims,
        }
        return jwt.encode(body, self.key, algorithm="EdDSA", headers={"kid": KEY_ID})


def services_over(store: Store, issuer: Issuer, courier: RecordingCourier, clock: SettableClock) -> Services:
    return Services(
        store=store,
        courier=courier,
        tokens=KeySetTokens(issuer.key_set(), issuer=ISSUER, audience=AUDIENCE),
        keys=Keys({1: b"0" * 32}),
        log="giamsat.test/trail",
        accesses_log="giamsat.test/accesses",
        now=clock,
        entropy=secrets.token_bytes,
    )


@dataclass
class Client:
    """Asks `handlers.api` as API Gateway would."""

    services: Services
    issuer: Issuer

    def raw(self, body: str | None, *, method: str = "POST", query: str = "", **headers: str) -> dict[str, Any]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        event = {
            "rawPath": "/graphql",
            "rawQueryString": query,
            "headers": {"content-type": "application/json", **named},
            "requestContext": {"http": {"method": method}, "requestId": "test-request"},
            "body": body,
            "isBase64Encoded": False,
        }
        return api.handle(event, self.services)

    def ask(self, document: str, who: str | None = None, subject: str | None = None, /, **variables: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        return self.asked_with(self.issuer.token(who, subject) if who else None, document, **variables)

    def asked_with(self, token: str | None, document: str, **variables: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        headers = {"authorization": f"Bearer {token}"} if token else {}
        answer = self.raw(json.dumps({"query": document, "variables": variables}), **headers)
        found: dict[str, Any] = json.loads(answer["body"])
        return found

    def move(self, name: str, who: str | None, subject: str | None = None, /, **given: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Make a mutation; gives its payload. A key is made where none is given."""
        given.setdefault("idempotencyKey", secrets.token_hex(8))
        secret = "trackingSecret" if name in {"submitDossier", "rotateTrackingSecret"} else ""
        document = f"""mutation Move($input: {name[0].upper()}{name[1:]}Input!) {{ {name}(input: $input) {{
            dossier {{ id code state version entries clock {{ dueAt originalDueAt paused }} }}
            entry {{ id seq action occurredAt actor {{ kind id }} }}
            errors {{ __typename code message(lang: EN) path
              ... on Refused {{ state allowedFrom }} ... on Conflict {{ current {{ code version }} }} }}
            {secret} }} }}"""
        answer = self.ask(document, who, subject, input=given)
        assert "errors" not in answer, answer
        found: dict[str, Any] = answer["data"][name]
        return found

    def done(self, name: str, who: str | None, subject: str | None = None, /, **given: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Make a mutation that is to succeed; gives its payload."""
        payload = self.move(name, who, subject, **given)
        assert payload["errors"] == [], payload
        return payload

    def submitted(self, procedure: str = "XD-01", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        return self.move(
            "submitDossier", "CITIZEN", procedure=procedure, receptionPoint="22-MC",
            **{"channel": "ONLINE", "applicant": {"name": "Nguyễn Văn An", "phone": "0900 000 000"}, **more},
        )  # fmt: skip

    def received(self) -> str:
        """Open and take in a dossier; gives its code."""
        code: str = self.submitted()["dossier"]["code"]
        assert self.move("receiveDossier", "RECEPTION", dossier=code, checked=["FORM", "DEED"])["errors"] == []
        return code

    def assigned(self) -> str:
        """Bring a dossier under way, with officer-1 as its lead; gives its code."""
        code = self.received()
        due = (self.services.now() + timedelta(days=5)).isoformat()
        done = self.move(
            "assignDossier", "HEAD", dossier=code, role="LEAD", unit="22-XD", officer="officer-1",
            task="t", responsibility="r", dueAt=due, expectedResult="e",
        )  # fmt: skip
        assert done["errors"] == []
        return code

    def decided(self) -> str:
        """Bring a dossier to its decision; gives its code."""
        code = self.assigned()
        self.done("decideDossier", "OFFICER", dossier=code, outcome="GRANTED", reason="đủ điều kiện")
        return code

    def delivered(self) -> str:
        """Bring a dossier to the handing out of its result; gives its code."""
        code = self.decided()
        self.done("deliverResult", "RECEPTION", dossier=code, medium="PAPER", reference="12/GPXD")
        return code
