"""Cohorts: whoever is told together hears what he would hear alone. Mutants of what tells cohorts apart are kept."""

from collections.abc import Callable
from typing import Any

import pytest

from casework import audiences
from casework.actions import subscriptions
from casework.model.access import Decision
from casework.ports import Services
from handlers import rendering
from schema import execution
from schema.execution import rendered
from tests.handlers.test_sockets import Socket, join, pump, stepped, tables
from tests.schema.common import beside
from tests.support import Client

__all__ = ["join", "pump", "tables"]  # fixtures

WATCH = """subscription($code: ID!, $secret: String, $after: String) { dossierChanged(code: $code, secret: $secret, after: $after) {
    cursor ready version entry { seq action actor { kind id } changes { field } }
    dossier { state nextMoves { mutation allowed } unit { code officers(first: 3) { nodes { code } } } assignments { officer } }
    tracked { state clock { dueAt } } } }"""
Who = tuple[str, str | None]
VIEWERS: dict[str, Who | None] = {
    "applicant": ("CITIZEN", None), "lead": ("OFFICER", None), "coordinating": ("OFFICER", "officer-2"), "head": ("HEAD", None),
    "supervisor": ("SUPERVISOR", None), "inspector": ("INSPECTOR", None), "bearer": None,
}  # fmt: skip
Hall = Callable[[], tuple[dict[str, Any], dict[str, Any]]]


@pytest.fixture
def hall(join: Callable[..., Socket], client: Client, pump: Callable[..., None]) -> Hall:
    """Let everybody hear one event of a dossier, all together and each alone on the same entry."""

    def heard() -> tuple[dict[str, Any], dict[str, Any]]:
        made = client.submitted()
        code, secret = made["dossier"]["code"], made["trackingSecret"]
        client.done("receiveDossier", "RECEPTION", dossier=code, checked=["FORM", "DEED"])
        for given in (LEAD, beside()):
            client.done("assignDossier", "HEAD", dossier=code, **{**given, "dueAt": beside()["dueAt"]})

        def joined(name: str) -> Socket:
            who = VIEWERS[name]
            socket = join(*who) if who else join()
            socket.subscribe(WATCH, "1", code=code, **({} if who else {"secret": secret}))
            assert socket.events()[0]["ready"]
            return socket

        sockets = {name: joined(name) for name in VIEWERS}
        stepped(client, code)
        pump(code, after=4)
        together = {name: socket.events() for name, socket in sockets.items()}
        for socket in sockets.values():
            socket.event("$disconnect")
        alone = {}
        for name, who in VIEWERS.items():
            socket = join(*who) if who else join()
            socket.subscribe(WATCH, "1", code=code, after="4", **({} if who else {"secret": secret}))
            alone[name] = socket.events()[1:]
            socket.event("$disconnect")
        return together, alone

    return heard


LEAD = {"role": "LEAD", "unit": "22-XD", "officer": "officer-1", "task": "t", "responsibility": "r", "expectedResult": "e"}


def test_whoever_is_told_together_hears_what_he_would_hear_alone(hall: Hall) -> None:
    together, alone = hall()
    assert all(len(events) == 1 for events in together.values())
    assert together == alone
    assert len({repr(events) for events in alone.values()}) >= len(VIEWERS) - 1, "nearly each hears something else"


def test_a_cohort_that_is_not_split_by_decision_tells_what_is_not_for_all(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    def whole(members: Any, decided: Callable[[Any], Decision]) -> dict[Any, list[Any]]:  # noqa: ANN401 - rows
        groups: dict[Any, list[Any]] = {}
        for member in members:
            groups.setdefault(member.cohort, []).append(member)
        return {(cohort, decided(rows[0])): rows for cohort, rows in groups.items()}

    monkeypatch.setattr(audiences, "split", whole)
    together, alone = hall()
    assert together != alone


def test_a_cohort_without_a_scope_tells_what_is_for_another_role(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "scope", lambda _: "role:CITIZEN")
    together, _ = hall()
    monkeypatch.undo()
    _, alone = hall()
    assert [together[name][0]["dossier"] for name in ("head", "inspector")] != [alone[name][0]["dossier"] for name in ("head", "inspector")]


@pytest.mark.parametrize("kept", [("secret",), ("after",), ()])
def test_what_is_a_clients_own_is_no_part_of_a_cohort(
    join: Callable[..., Socket], client: Client, services: Services, pump: Callable[..., None], monkeypatch: pytest.MonkeyPatch,
    kept: tuple[str, ...],
) -> None:  # fmt: skip
    """A cohort that held the cursor would be one for each client; one that held the secret would keep it at rest. `kept` is the mutant."""
    monkeypatch.setattr(execution, "PER_CLIENT", tuple({"after", "secret"} - set(kept)))
    executions: list[str] = []

    def noted(*given: Any) -> bytes:  # noqa: ANN401 - as the schema takes it
        executions.append(given[1].key)
        return rendered(*given)

    monkeypatch.setattr(rendering, "rendered", noted)
    made = client.submitted()
    code, secret = made["dossier"]["code"], made["trackingSecret"]
    client.done("receiveDossier", "RECEPTION", dossier=code, checked=["FORM", "DEED"])
    sockets = [join() for _ in range(3)]
    for number, socket in enumerate(sockets):
        socket.subscribe(WATCH, "1", code=code, secret=secret, after=str(number))
    subject = services.store.coded(code)
    rows = services.store.subscriptions(f"dossier:{subject}", services.now())
    executions.clear()
    client.done("withdrawDossier", "CITIZEN", dossier=code)
    pump(code, after=2)
    assert (len(set(executions)) == 1) is ("after" not in kept)
    assert (secret not in repr(rows)) is ("secret" not in kept)
