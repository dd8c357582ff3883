"""What tests of several nouns give to mutations, and how they read what comes of them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from casework.model.texts import LONGEST_TEXT
from casework.noticing import settle
from tests.support import Client, present

UNKNOWN = "22-XD-260101-9999"
LONG = "x" * (LONGEST_TEXT + 1)
# What no text holds, and the code that says so: nothing, too much, control characters, marks that turn the direction of writing.
BAD_TEXTS = {
    "": "EMPTY", " \t\n ": "EMPTY", "\u2028\x85": "EMPTY", "\u200b": "EMPTY", LONG: "TOO_LONG", "a\x00b": "BAD_CHARACTER",
    "a\x1bb": "BAD_CHARACTER", "a\x7fb": "BAD_CHARACTER", "a\u202eb": "BAD_CHARACTER", "a\u2067b": "BAD_CHARACTER",
    "\u200f": "BAD_CHARACTER",
}  # fmt: skip
TRAIL = "query($code: ID!) { auditTrail(dossier: $code, first: 100) { nodes { id seq action reason { code text } } } }"


def soon(days: float = 3) -> str:
    return (present() + timedelta(days=days)).isoformat()


def lead(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"role": "LEAD", "unit": "22-XD", "officer": "officer-1", "task": "t", "responsibility": "r", "dueAt": soon(),
            "expectedResult": "e", **more}  # fmt: skip


def beside(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"role": "COORDINATING", "unit": "22-MT", "task": "t", "dueAt": soon(), "expectedResult": "e", **more}


def told(payload: dict[str, Any]) -> dict[str, Any]:
    """Check that the one thing in the payload is one error; gives it."""
    assert payload["dossier"] is None
    assert payload["entry"] is None
    assert payload.get("trackingSecret") is None
    assert len(payload["errors"]) == 1
    error: dict[str, Any] = payload["errors"][0]
    assert error["message"]
    return error


def code_of(payload: dict[str, Any]) -> str:
    return str(told(payload)["code"])


def entries(client: Client, code: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.ask(TRAIL, "INSPECTOR", None, code=code)["data"]["auditTrail"]["nodes"]
    return found


def bad_input(found: dict[str, Any]) -> str:
    """Check that a query was answered by one error, BAD_USER_INPUT, and nothing else; gives its message."""
    (error,) = found["errors"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "correlationId": "test-request"}
    assert not found.get("data") or not any(found["data"].values())
    message: str = error["message"]
    assert message
    return message


# Dossiers in every state.

Bring = Callable[[Client], str]
SUPPLEMENT = {"items": [{"component": "PLAN", "legalBasis": "luật"}]}


def submitted(client: Client) -> str:
    code: str = client.submitted()["dossier"]["code"]
    return code


def alerted(client: Client) -> str:
    """Give a dossier that is so late that every level was raised; its lead is officer-1."""
    code, back = client.submitted(channel="COUNTER")["dossier"]["code"], {"backdatingReason": "nhập bù"}
    client.done("receiveDossier", "RECEPTION", dossier=code, checked=["FORM", "DEED"], at=soon(-50), **back)
    client.done("assignDossier", "HEAD", dossier=code, **lead(dueAt=soon(-48)), at=soon(-49), **back)
    swept(client, code)
    return str(code)


def swept(client: Client, code: str) -> None:
    """Let the sweep see to a dossier."""
    subject = client.services.store.coded(code)
    assert subject
    while settle(client.services, subject, "sweep"):
        pass


def coordinated(client: Client) -> str:
    code = client.assigned()
    client.done("assignDossier", "HEAD", dossier=code, **beside())
    return code


def answered(client: Client) -> str:
    """Bring a dossier to its decision after a coordinating unit has answered."""
    code = coordinated(client)
    client.done("giveOpinion", "OFFICER", "officer-2", dossier=code, assignment="2", opinion="được")
    client.done("decideDossier", "HEAD", dossier=code, outcome="GRANTED", reason="đủ")
    return code


def delivered(client: Client) -> str:
    code = answered(client)
    client.done("deliverResult", "RECEPTION", dossier=code, medium="PAPER", reference="12/GPXD")
    return code


def after(bring: Bring, name: str, who: str, subject: str | None = None, /, **given: Any) -> Bring:  # noqa: ANN401 - JSON
    def brought(client: Client) -> str:
        code = bring(client)
        client.done(name, who, subject, dossier=code, **given)
        return code

    return brought


GROUNDS = {"reason": "thiếu thẩm quyền", "legalBasis": "61/2018/NĐ-CP, 17"}
STATES: dict[str, Bring] = {
    "SUBMITTED": submitted,
    "REFUSED": after(submitted, "refuseDossier", "RECEPTION", **GROUNDS),
    "RECEIVED": Client.received,
    "IN_PROCESS": coordinated,
    "AWAITING_SUPPLEMENT": after(coordinated, "requestSupplement", "OFFICER", **SUPPLEMENT),
    "AWAITING_PAYMENT": after(coordinated, "requirePayment", "OFFICER", fee="PERMIT"),
    "DECIDED": answered,
    "DELIVERED": delivered,
    "WITHDRAWN": after(coordinated, "withdrawDossier", "CITIZEN"),
    "STOPPED": after(coordinated, "stopDossier", "HEAD", **GROUNDS),
}
