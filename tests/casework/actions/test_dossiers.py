"""The verbs of people: who a key belongs to, which version governs, and what happens past the due date."""

import secrets
from dataclasses import replace
from datetime import date, timedelta

import pytest

from casework.actions.dossiers import Asked, Person, Submission, move, submit
from casework.adapters.dynamo.models import SubjectItem
from casework.audit.disclosure import opened
from casework.model.clock import Limit, LimitUnit
from casework.model.errors import Invalid, Refused
from casework.model.moves import MoveName, Receive
from casework.model.parties import Role, Viewer
from casework.model.procedure import Channel
from casework.ports import Held, Services
from tests.support import Client, SettableClock

PROXY = Viewer(Role.CITIZEN, "proxy-1", (), "citizen-y")
SUBMISSION = Submission("XD-01", "22-MC", Channel.ONLINE, Person("Nguyễn Văn Ý"))
DESK = Viewer(Role.RECEPTION, "reception-1", ("22-MC",))


def asked(key: str | None = None) -> Asked:
    return Asked(key or secrets.token_hex(8), "test", {})


def test_a_key_repeated_for_somebody_else_is_not_the_same_request(services: Services) -> None:
    request = asked()
    first, secret = submit(services, PROXY, SUBMISSION, request)
    again, same = submit(services, PROXY, SUBMISSION, request)
    assert (again.held.id, same, again.repeated) == (first.held.id, secret, True)
    with pytest.raises(Invalid) as caught:
        submit(services, replace(PROXY, on_behalf_of="citizen-z"), SUBMISSION, request)
    assert caught.value.code == "IDEMPOTENCY_KEY_REUSED"


def test_whoever_acts_and_for_whom_is_disclosed(services: Services) -> None:
    done, _ = submit(services, PROXY, SUBMISSION, asked())
    body = done.entry.body
    kept = services.store.disclosed(done.held.id)
    named = [opened(kept[body[party]["identity"]["digest"]]) for party in ("actor", "on_behalf_of")]
    assert named == [("identity", "proxy-1"), ("identity", "citizen-y")]
    assert "proxy-1" not in done.entry.line


def test_the_version_in_force_at_receipt_governs(services: Services) -> None:
    (old,) = services.store.versions("XD-01")
    code = f"V-{secrets.token_hex(4)}"
    later = replace(old, code=code, version=2, valid_from=date(2025, 2, 1), limit=Limit(LimitUnit.WORKING_DAYS, 3))
    services.store.register([replace(old, code=code)], "22")
    done, _ = submit(services, PROXY, replace(SUBMISSION, procedure=code), asked())
    services.store.register([later], "22")
    given = Receive(("FORM", "DEED"))
    received = move(services, DESK, done.held.id, MoveName.RECEIVE, asked(), lambda *_: given).held.dossier
    assert (done.held.dossier.procedure_version, received.procedure_version) == (1, 2)
    assert {"field": "procedure_version", "from": 1, "to": 2} in list(services.store.entries(done.held.id, 1, 1)[0].body["changes"])


def test_a_repeat_that_loads_the_state_after_its_own_commit_gives_its_entry(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    done, _ = submit(services, PROXY, SUBMISSION, asked())
    request, given = asked(), Receive(("FORM", "DEED"))
    first = move(services, DESK, done.held.id, MoveName.RECEIVE, request, lambda *_: given)
    both = services.store.held_with_memory

    def memory_unread(subject: str, scope: str, key: str) -> tuple[Held | None, None]:
        return both(subject, scope, key)[0], None  # type: ignore[arg-type] # the ids are what they were

    monkeypatch.setattr(services.store, "held_with_memory", memory_unread)
    again = move(services, DESK, done.held.id, MoveName.RECEIVE, request, lambda *_: given)
    assert (again.entry.hash, again.repeated) == (first.entry.hash, True)
    with pytest.raises(Refused):
        move(services, DESK, done.held.id, MoveName.RECEIVE, asked(), lambda *_: given)


def test_an_overdue_dossier_can_be_assigned_anew(client: Client, clock: SettableClock) -> None:
    code = client.received()
    clock.ahead = timedelta(days=40)
    due = (clock() + timedelta(days=2)).isoformat()
    token = client.issuer.token("HEAD", exp=int(clock().timestamp()) + 60)
    document = """mutation($input: AssignDossierInput!) { assignDossier(input: $input) { dossier { state } errors { code } } }"""
    given = {
        "idempotencyKey": "k", "dossier": code, "role": "LEAD", "unit": "22-XD", "officer": "officer-1", "task": "t",
        "responsibility": "r", "dueAt": due, "expectedResult": "e",
    }  # fmt: skip
    answer = client.asked_with(token, document, input=given)
    assert answer["data"]["assignDossier"] == {"dossier": {"state": "IN_PROCESS"}, "errors": []}


def test_a_closed_dossier_stays_its_officers(client: Client, services: Services) -> None:
    code = client.assigned()
    for step in ("CHECK", "SITE", "DRAFT"):
        client.move("completeStep", "OFFICER", dossier=code, step=step)
    client.move("decideDossier", "OFFICER", dossier=code, outcome="GRANTED")
    subject = services.store.coded(code)
    assert subject
    assert SubjectItem.get(subject, "STATE").officer_key == "officer-1#CLOSED"


def test_what_came_online_is_not_received_before_it_came(client: Client, clock: SettableClock) -> None:
    before = (clock() - timedelta(days=3)).isoformat()
    given = {"checked": ["FORM", "DEED"], "at": before, "backdatingReason": "x"}
    online, paper = (client.submitted(channel=channel)["dossier"]["code"] for channel in ("ONLINE", "COUNTER"))
    assert client.move("receiveDossier", "RECEPTION", dossier=online, **given)["errors"][0]["code"] == "BEFORE_LAST_MOVE"
    assert client.move("receiveDossier", "RECEPTION", dossier=paper, **given)["errors"] == []
