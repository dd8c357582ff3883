"""An applicant is erased: who may, what nobody reads any more, and what is read, followed and proved all the same."""

from typing import Any

import pytest

from tests.schema.common import BAD_TEXTS, GROUNDS, STATES, UNKNOWN, code_of, entries, told
from tests.support import Client

LAW = {"legalBasis": "13/2023/NĐ-CP, 16", "reason": "theo yêu cầu"}
PERSON = {"name": "Trần Thị Bé", "phone": "0900 000 001", "address": "1 Lê Lợi", "identityNumber": "000000000001"}
READ = """query($code: ID!) { dossier(code: $code) { state version decisionReason endReason rating { comment }
    applicant { name phone address identityNumber } erasures { number at legalBasis reason digests }
    nextMoves { mutation allowed refusal { code } }
    trail(first: 50) { nodes { action actor { kind id } changes { field from to } hash } } } }"""
ERASE = """mutation($input: EraseApplicantInput!) { eraseApplicant(input: $input) { complete dossier { code applicant { name }
    erasures { legalBasis } } entry { seq action } errors { __typename code message path ... on Refused { state allowedFrom } } } }"""
TRACK = "query($code: ID!, $secret: String!) { track(code: $code, secret: $secret) { state } }"
OWN = "{ dossiers(first: 100) { nodes { code } } }"
OVER = ["REFUSED", "WITHDRAWN", "STOPPED", "DELIVERED"]


def read(client: Client, code: str, who: str = "HEAD", subject: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = client.ask(READ, who, subject, code=code)["data"]["dossier"]
    return found


def erased(client: Client, code: str, who: str = "HEAD", subject: str | None = None, **given: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    answer = client.ask(ERASE, who, subject, input={"idempotencyKey": "erase-1", "dossier": code, **LAW, **given})
    found: dict[str, Any] = answer["data"]["eraseApplicant"]
    return found


def of_person(client: Client) -> tuple[str, str]:
    """Open a dossier with all values there are, and withdraw it; gives code and tracking secret."""
    opened = client.submitted(applicant=PERSON)
    code: str = opened["dossier"]["code"]
    client.done("withdrawDossier", "CITIZEN", dossier=code, reason="đổi ý")
    return code, opened["trackingSecret"]


@pytest.mark.parametrize("who", ["HEAD", "SUPERVISOR"])
@pytest.mark.parametrize("state", OVER)
def test_it_is_erased_when_nothing_is_owed_to_the_applicant(client: Client, state: str, who: str) -> None:
    code = STATES[state](client)
    done = erased(client, code, who)
    assert (done["errors"], done["complete"], done["entry"]["action"]) == ([], True, "APPLICANT_ERASED")
    assert done["dossier"]["erasures"] == [{"legalBasis": LAW["legalBasis"]}]
    assert read(client, code)["state"] == state


def test_nobody_reads_it_any_more(client: Client) -> None:
    code, _ = of_person(client)
    assert read(client, code)["applicant"] == PERSON == read(client, code, "CITIZEN")["applicant"]
    assert erased(client, code)["dossier"]["applicant"] == {"name": None}
    nothing = dict.fromkeys(PERSON)
    for who in ("HEAD", "CITIZEN"):
        found = read(client, code, who)
        assert found["applicant"] == nothing
        assert found["endReason"] == "đổi ý"  # no value of his, as the format has it
        assert [(row["number"], row["legalBasis"], row["reason"], len(row["digests"])) for row in found["erasures"]] == [
            (1, LAW["legalBasis"], LAW["reason"], 7)
        ]
    for who in ("SUPERVISOR", "INSPECTOR"):  # who see masked what there is
        assert read(client, code, who)["applicant"] == nothing
    assert read(client, code, "RECEPTION")["applicant"] is None
    store = client.services.store
    subject = store.coded(code)
    assert subject
    left = "".join(store.disclosed(subject).values())
    assert len(store.disclosed(subject)) == 3
    assert not any(value in left for value in PERSON.values())


def test_its_trail_tells_what_was_done_by_digests_alone(client: Client) -> None:
    code, _ = of_person(client)
    before = read(client, code)["trail"]["nodes"]
    erased(client, code)
    found = read(client, code)
    assert found["trail"]["nodes"][:-1] == before
    entry = found["trail"]["nodes"][-1]
    assert [change["field"] for change in entry["changes"]] == ["erasures.1", "version"]
    assert entry["changes"][0]["to"]["digests"] == found["erasures"][0]["digests"] == sorted(found["erasures"][0]["digests"])
    assert not any(value in str(found["trail"]) for value in [*PERSON.values(), *LAW.values()])


def test_its_slip_still_tracks_it_and_its_applicant_lists_it_no_more(client: Client) -> None:
    code, secret = of_person(client)
    citizen = "citizen-listed"
    own: str = client.move(
        "submitDossier", "CITIZEN", citizen, procedure="XD-01", receptionPoint="22-MC", channel="ONLINE", applicant=PERSON
    )["dossier"]["code"]  # fmt: skip
    client.done("withdrawDossier", "CITIZEN", citizen, dossier=own)
    assert [row["code"] for row in client.ask(OWN, "CITIZEN", citizen)["data"]["dossiers"]["nodes"]] == [own]
    for each in (code, own):
        erased(client, each)
    assert client.ask(OWN, "CITIZEN", citizen)["data"]["dossiers"]["nodes"] == []
    assert read(client, own, "CITIZEN", citizen)["state"] == "WITHDRAWN"  # who knows its code finds it by it
    assert client.ask(TRACK, None, code=code, secret=secret)["data"]["track"] == {"state": "WITHDRAWN"}


def test_whoever_acts_afterwards_is_not_named(client: Client) -> None:
    code = client.delivered()
    erased(client, code)
    client.done("rateDossier", "CITIZEN", dossier=code, score=5)
    client.done("rotateTrackingSecret", "CITIZEN", dossier=code)
    found = read(client, code)
    assert found["applicant"] == dict.fromkeys(PERSON)
    assert [node["actor"]["kind"] for node in found["trail"]["nodes"]][-3:] == ["OFFICER", "CITIZEN", "CITIZEN"]
    store = client.services.store
    subject = store.coded(code)
    assert subject
    last = store.entries(subject, 0, 50)[-1]
    assert (last.body["digests"], "identity" in last.body["actor"]) == ([], False)


def test_it_is_erased_once_and_not_opened_again(client: Client) -> None:
    code = client.delivered()
    first = erased(client, code)
    assert erased(client, code) == first  # the same request
    count = len(entries(client, code))
    assert code_of(erased(client, code, idempotencyKey="erase-2")) == "ERASED"
    assert code_of(client.move("reopenDossier", "HEAD", dossier=code, reason="sai sót")) == "ERASED"
    assert code_of(erased(client, code, legalBasis="luật khác")) == "IDEMPOTENCY_KEY_REUSED"
    told_ = {row["mutation"]: (row["refusal"] or {}).get("code") for row in read(client, code)["nextMoves"]}
    assert (told_["eraseApplicant"], told_["reopenDossier"]) == ("ERASED", "ERASED")
    assert len(entries(client, code)) == count


@pytest.mark.parametrize("state", [state for state in STATES if state not in OVER])
def test_nobody_is_erased_to_whom_something_is_owed(client: Client, state: str) -> None:
    answer = erased(client, STATES[state](client))
    assert (answer["complete"], answer["dossier"], answer["entry"]) == (None, None, None)
    (error,) = answer["errors"]
    assert (error["__typename"], error["code"], error["state"]) == ("Refused", "STATE", state)
    assert sorted(error["allowedFrom"]) == sorted(OVER)


def test_it_is_for_its_makers_alone(client: Client) -> None:
    code = client.delivered()
    for who, subject in (("CITIZEN", None), ("RECEPTION", None), ("OFFICER", None), ("INSPECTOR", None)):
        assert code_of(erased(client, code, who, subject)) == "NOT_YOUR_MOVE", who
    for who, subject in (("ADMIN", None), ("CITIZEN", "citizen-2"), ("HEAD", "48-XD-H"), ("SUPERVISOR", "48-S")):
        assert code_of(erased(client, code, who, subject)) == "NOT_FOUND", who
    assert code_of(erased(client, UNKNOWN)) == "NOT_FOUND"
    assert not read(client, code)["erasures"]


def test_it_asks_for_a_law_and_a_version(client: Client) -> None:
    code, _ = of_person(client)
    for text, wrong in BAD_TEXTS.items():
        for field in LAW:
            error = erased(client, code, **{field: text})["errors"][0]
            assert (error["__typename"], error["code"], error["path"]) == ("Invalid", wrong, [field]), repr(text)
    stale = client.move("eraseApplicant", "HEAD", dossier=code, expectedVersion=1, **LAW)
    assert told(stale)["__typename"] == "Conflict"
    assert erased(client, code, expectedVersion=2, reason=None)["complete"]
    assert read(client, code)["erasures"][0]["reason"] is None


def test_a_dossier_of_the_counter_is_erased_too(client: Client) -> None:
    opened = client.move(
        "submitDossier", "RECEPTION", procedure="XD-01", receptionPoint="22-MC", channel="COUNTER", applicant=PERSON
    )["dossier"]["code"]  # fmt: skip
    client.done("refuseDossier", "RECEPTION", dossier=opened, **GROUNDS)
    assert erased(client, opened)["complete"]
    assert len(read(client, opened)["erasures"][0]["digests"]) == len(PERSON)


def test_nothing_is_left_to_be_unmasked(client: Client) -> None:
    code, _ = of_person(client)
    assert erased(client, code)["errors"] == []
    unmask = "mutation($input: UnmaskApplicantInput!) { unmaskApplicant(input: $input) { access { id } errors { code } } }"
    given = {"idempotencyKey": "unmask", "dossier": code, "reason": "đơn"}
    assert client.ask(unmask, "SUPERVISOR", input=given)["data"]["unmaskApplicant"] == {"access": None, "errors": [{"code": "ERASED"}]}
    subject = client.services.store.coded(code)
    assert subject
    assert client.services.store.accesses(subject, 0, 9) == [], "nobody was shown anything, nor was whoever erased it"
