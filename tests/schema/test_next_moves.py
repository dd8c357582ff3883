"""What each viewer is told that may be done next: that it can be done, and that what is barred is refused alike."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from casework.adapters.dynamo import DynamoStore
from schema.errors import TEXTS
from tests.schema.common import GROUNDS, STATES, SUPPLEMENT, after, coordinated, lead, soon
from tests.support import Client, Issuer, RecordingCourier, SettableClock, services_over

NEXT = """query($code: ID!) { dossier(code: $code) { nextMoves { move mutation allowed refusal {
    __typename code state allowedFrom path vi: message en: message(lang: EN) fr: message(lang: FR) } } } }"""
Who = tuple[str, str | None]
VIEWERS: dict[str, Who] = {
    "applicant": ("CITIZEN", None),
    "reception": ("RECEPTION", None),
    "lead": ("OFFICER", None),
    "coordinating": ("OFFICER", "officer-2"),
    "head": ("HEAD", None),
    "coordinating head": ("HEAD", "22-MT-H"),
    "supervisor": ("SUPERVISOR", None),
    "inspector": ("INSPECTOR", None),
}
MAKERS: dict[str, set[str]] = {
    "receiveDossier": {"reception"},
    "refuseDossier": {"reception"},
    "assignDossier": {"head"},
    "returnAssignment": {"lead", "coordinating"},
    "completeStep": {"lead"},
    "giveOpinion": {"coordinating"},
    "requestSupplement": {"lead", "head"},
    "supplyDocuments": {"applicant", "reception"},
    "decideDossier": {"lead", "head"},
    "deliverResult": {"reception"},
    "withdrawDossier": {"applicant", "reception"},
    "stopDossier": {"head"},
    "reopenDossier": {"head"},
    "rateDossier": {"applicant"},
    "rotateTrackingSecret": {"applicant", "reception"},
    "extendDeadline": {"head"},
    "apologise": {"head"},
    "requirePayment": {"lead"},
    "recordPayment": {"reception"},
    "raiseBlocker": {"head", "supervisor"},
    "clearBlocker": {"head", "supervisor"},
    "acknowledgeAlert": {"reception", "lead", "coordinating", "head", "supervisor"},
    "eraseApplicant": {"head", "supervisor"},
}
GOOD: dict[str, dict[str, Any]] = {
    "receiveDossier": {"checked": ["FORM", "DEED"]},
    "refuseDossier": GROUNDS,
    "assignDossier": lead(),
    "completeStep": {"step": "CHECK"},
    "giveOpinion": {"assignment": "2", "opinion": "được"},
    "requestSupplement": SUPPLEMENT,
    "supplyDocuments": {"documents": [{"component": "PLAN"}]},
    "decideDossier": {"outcome": "GRANTED"},
    "deliverResult": {"medium": "PAPER"},
    "withdrawDossier": {},
    "stopDossier": GROUNDS,
    "reopenDossier": {"reason": "sai sót"},
    "rateDossier": {"score": 3},
    "rotateTrackingSecret": {},
    "extendDeadline": {"amount": 2, "reason": "phức tạp", "notice": "12/TB"},
    "apologise": {"promisedDueAt": soon(40), "letter": "12/XL"},
    "requirePayment": {"fee": "PERMIT"},
    "recordPayment": {"reference": "BL-1", "online": True},
    "raiseBlocker": {"reason": "chưa có con dấu", "stopsClock": True},
    "clearBlocker": {"blocker": "1"},
    "acknowledgeAlert": {"alert": "1", "note": "thêm người"},
    "eraseApplicant": {"legalBasis": "13/2023/NĐ-CP"},
}
SETTLED = {
    "applicant": {"rotateTrackingSecret"}, "reception": {"rotateTrackingSecret"},
    "head": {"eraseApplicant"}, "supervisor": {"eraseApplicant"},
}  # fmt: skip
OPEN = {"withdrawDossier", "rotateTrackingSecret"}
BRING = {
    **STATES,
    "BLOCKED": after(coordinated, "raiseBlocker", "HEAD", **GOOD["raiseBlocker"]),
    "ANSWERED": after(coordinated, "giveOpinion", "OFFICER", "officer-2", **GOOD["giveOpinion"]),
}  # fmt: skip
ALLOWED: dict[str, dict[str, set[str]]] = {
    "SUBMITTED": {"applicant": OPEN, "reception": {*OPEN, "receiveDossier", "refuseDossier"}},
    "REFUSED": SETTLED,
    "RECEIVED": {
        "applicant": OPEN,
        "reception": OPEN,
        "head": {"assignDossier", "stopDossier", "apologise", "raiseBlocker"},
        "supervisor": {"raiseBlocker"},
    },
    "IN_PROCESS": {
        "applicant": OPEN,
        "reception": OPEN,
        "lead": {"completeStep", "requestSupplement", "returnAssignment", "requirePayment"},
        "coordinating": {"giveOpinion", "returnAssignment"},
        "head": {"assignDossier", "requestSupplement", "stopDossier", "extendDeadline", "apologise", "raiseBlocker"},
        "supervisor": {"raiseBlocker"},
    },
    "ANSWERED": {
        "applicant": OPEN,
        "reception": OPEN,
        "lead": {"completeStep", "requestSupplement", "returnAssignment", "decideDossier", "requirePayment"},
        "coordinating": {"giveOpinion", "returnAssignment"},
        "head": {"assignDossier", "requestSupplement", "stopDossier", "decideDossier", "extendDeadline", "apologise", "raiseBlocker"},
        "supervisor": {"raiseBlocker"},
    },
    "AWAITING_SUPPLEMENT": {
        "applicant": {*OPEN, "supplyDocuments"},
        "reception": {*OPEN, "supplyDocuments"},
        "lead": {"returnAssignment"},
        "coordinating": {"giveOpinion", "returnAssignment"},
        "head": {"assignDossier", "stopDossier", "apologise", "raiseBlocker"},
        "supervisor": {"raiseBlocker"},
    },
    "AWAITING_PAYMENT": {
        "applicant": OPEN,
        "reception": {*OPEN, "recordPayment"},
        "lead": {"returnAssignment"},
        "coordinating": {"giveOpinion", "returnAssignment"},
        "head": {"assignDossier", "stopDossier", "apologise", "raiseBlocker"},
        "supervisor": {"raiseBlocker"},
    },
    "BLOCKED": {
        "applicant": OPEN,
        "reception": OPEN,
        "lead": {"completeStep", "requestSupplement", "returnAssignment", "requirePayment"},
        "coordinating": {"giveOpinion", "returnAssignment"},
        "head": {"assignDossier", "requestSupplement", "stopDossier", "extendDeadline", "apologise", "raiseBlocker", "clearBlocker"},
        "supervisor": {"raiseBlocker", "clearBlocker"},
    },
    "DECIDED": {"applicant": SETTLED["applicant"], "reception": {"deliverResult", "rotateTrackingSecret"}, "head": {"reopenDossier"}},
    "DELIVERED": {
        **SETTLED,
        "applicant": {"rateDossier", "rotateTrackingSecret"},
        "head": {"reopenDossier", "eraseApplicant"},
    },
    "WITHDRAWN": SETTLED,
    "STOPPED": SETTLED,
}
UNASSIGNED = {"SUBMITTED", "REFUSED", "RECEIVED"}
SEEN = [
    (state, viewer) for state in BRING for viewer in VIEWERS
    if state not in UNASSIGNED or viewer not in {"lead", "coordinating", "coordinating head"}
]  # fmt: skip
WORKS = [(state, viewer, move) for state, viewer in SEEN for move in sorted(ALLOWED[state].get(viewer, ()))]


@pytest.fixture(scope="module")
def standing(store: DynamoStore, issuer: Issuer) -> dict[str, str]:
    client = Client(services_over(store, issuer, RecordingCourier(), SettableClock()), issuer)
    return {state: bring(client) for state, bring in BRING.items()}


def next_moves(client: Client, code: str, who: Who, **claims: Any) -> dict[str, dict[str, Any]]:  # noqa: ANN401 - claims
    found = client.asked_with(client.issuer.token(*who, **claims), NEXT, code=code)
    return {told["mutation"]: told for told in found["data"]["dossier"]["nextMoves"]}


def barred(told: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name: next_["refusal"]["code"] for name, next_ in told.items() if not next_["allowed"]}


def given(move: str, viewer: str) -> dict[str, Any]:
    if move == "returnAssignment":
        return {"assignment": "2" if viewer == "coordinating" else "1", "reason": "bận"}
    if move == "requestSupplement" and viewer == "head":
        return {**GOOD[move], "overrideReason": "sót"}
    return GOOD[move]


@pytest.mark.parametrize(("state", "viewer"), SEEN)
def test_each_is_told_every_move_and_which_are_allowed(client: Client, standing: dict[str, str], state: str, viewer: str) -> None:
    told = next_moves(client, standing[state], VIEWERS[viewer])
    assert set(told) == set(MAKERS)
    assert {name for name, next_ in told.items() if next_["allowed"]} == ALLOWED[state].get(viewer, set())
    for name, next_ in told.items():
        assert (next_["refusal"] is None) is next_["allowed"]
        if next_["refusal"] is None:
            continue
        strange = viewer not in MAKERS[name]
        assert next_["refusal"]["__typename"] == "Refused"
        assert next_["refusal"]["state"] == {"ANSWERED": "IN_PROCESS", "BLOCKED": "IN_PROCESS"}.get(state, state)
        assert (next_["refusal"]["code"] == "NOT_YOUR_MOVE") is strange, name
        code = "OPINION_MISSING" if name == "decideDossier" and state in {"IN_PROCESS", "ANSWERED", "BLOCKED"} else "STATE"
        code = "UNKNOWN_BLOCKER" if name == "clearBlocker" and "assignDossier" in ALLOWED[state].get("head", ()) else code
        code = "ALERT_CLOSED" if name == "acknowledgeAlert" else code
        assert strange or next_["refusal"]["code"] == code, name


@pytest.mark.parametrize(("state", "viewer", "move"), WORKS)
def test_what_is_allowed_works(client: Client, state: str, viewer: str, move: str) -> None:
    client.done(move, *VIEWERS[viewer], dossier=BRING[state](client), **given(move, viewer))


@pytest.mark.parametrize(("state", "viewer"), SEEN)
def test_what_is_barred_is_refused_alike(client: Client, standing: dict[str, str], state: str, viewer: str) -> None:
    told = next_moves(client, standing[state], VIEWERS[viewer])
    for name, code in barred(told).items():
        (error,) = client.move(name, *VIEWERS[viewer], dossier=standing[state], **given(name, viewer))["errors"]
        refusal = told[name]["refusal"]
        assert (error["code"], error["state"], error["allowedFrom"]) == (code, refusal["state"], refusal["allowedFrom"]), name


def test_a_refusal_speaks_three_languages(client: Client, standing: dict[str, str]) -> None:
    for next_ in next_moves(client, standing["IN_PROCESS"], VIEWERS["lead"]).values():
        if refusal := next_["refusal"]:
            assert (refusal["vi"], refusal["fr"]) == TEXTS[refusal["code"]]
            assert len({refusal["vi"], refusal["en"], refusal["fr"]}) == 3
    told = next_moves(client, standing["RECEIVED"], VIEWERS["head"])
    assert told["decideDossier"]["refusal"]["en"] == "decideDossier is not allowed in state RECEIVED"
    assert told["decideDossier"]["refusal"]["allowedFrom"] == ["IN_PROCESS"]
    assert told["decideDossier"]["move"] == "DECIDE"


def test_a_stage_has_one_request_but_a_head_may_override(client: Client) -> None:
    code = BRING["AWAITING_SUPPLEMENT"](client)
    client.done("supplyDocuments", "CITIZEN", dossier=code, **GOOD["supplyDocuments"])
    assert barred(next_moves(client, code, VIEWERS["lead"]))["requestSupplement"] == "ONCE_PER_STAGE"
    assert next_moves(client, code, VIEWERS["head"])["requestSupplement"]["allowed"]
    client.done("completeStep", "OFFICER", dossier=code, step="CHECK")
    assert next_moves(client, code, VIEWERS["lead"])["requestSupplement"]["allowed"]


def test_no_step_is_left(client: Client) -> None:
    code = client.assigned()
    for step in ("CHECK", "SITE", "DRAFT"):
        assert next_moves(client, code, VIEWERS["lead"])["completeStep"]["allowed"]
        client.done("completeStep", "OFFICER", dossier=code, step=step)
    assert barred(next_moves(client, code, VIEWERS["lead"]))["completeStep"] == "STEP_ORDER"


def test_time_changes_what_may_be_done(client: Client, clock: SettableClock) -> None:
    code = coordinated(client)
    clock.ahead = timedelta(days=60)
    later = int((clock() + timedelta(hours=1)).timestamp())
    for viewer in ("lead", "head"):
        told = next_moves(client, code, VIEWERS[viewer], exp=later)
        assert barred(told)["requestSupplement"] == "AFTER_DUE"
        assert told["decideDossier"]["allowed"]  # the opinion is overdue: it can be waived


def test_who_gave_it_back_may_do_no_more(client: Client) -> None:
    code = coordinated(client)
    client.done("returnAssignment", "OFFICER", dossier=code, **given("returnAssignment", "lead"))
    assert set(barred(next_moves(client, code, VIEWERS["lead"])).values()) == {"NOT_YOUR_MOVE"}
    client.done("returnAssignment", "OFFICER", "officer-2", dossier=code, **given("returnAssignment", "coordinating"))
    assert set(barred(next_moves(client, code, VIEWERS["coordinating"])).values()) == {"NOT_YOUR_MOVE"}
    assert next_moves(client, code, VIEWERS["head"])["assignDossier"]["allowed"]


def test_a_dossier_is_rated_once(client: Client) -> None:
    code = client.delivered()
    client.done("rateDossier", "CITIZEN", dossier=code, score=5)
    assert barred(next_moves(client, code, VIEWERS["applicant"]))["rateDossier"] == "ALREADY_RATED"


def test_the_counter_of_delivery_hands_out_and_nothing_else(client: Client) -> None:
    code = client.submitted(deliveryPoint="22-CN2")["dossier"]["code"]
    away: Who = ("RECEPTION", "22-CN2-1")
    assert set(barred(next_moves(client, code, away)).values()) == {"NOT_YOUR_MOVE", "STATE"}
    client.done("receiveDossier", "RECEPTION", dossier=code, **GOOD["receiveDossier"])
    client.done("assignDossier", "HEAD", dossier=code, **GOOD["assignDossier"])
    client.done("decideDossier", "HEAD", dossier=code, outcome="OTHER")
    assert {name for name, told in next_moves(client, code, away).items() if told["allowed"]} == {"deliverResult"}
    assert barred(next_moves(client, code, VIEWERS["reception"]))["deliverResult"] == "NOT_YOUR_MOVE"


def test_a_head_who_leads_is_told_so(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    code = client.assigned()
    officer = client.services.store.officer("officer-1")
    assert officer
    promoted = replace(officer, role="HEAD")  # type: ignore[arg-type] # as the register has it
    monkeypatch.setattr(client.services.store, "officer", lambda _: promoted)
    told = next_moves(client, code, ("HEAD", "officer-1"))
    assert {barred(told)[name] for name in ("assignDossier", "stopDossier")} == {"NOT_YOUR_MOVE"}
    assert told["decideDossier"]["allowed"]
