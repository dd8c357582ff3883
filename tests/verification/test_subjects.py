"""What the second program says of the calendar, of incidents and of tasks: as the service stored them, and with what they cannot have."""

import copy
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from casework.actions.amendments import CALENDAR, Amending, amend
from casework.actions.incidents import Asked, Opening, close_incident, open_incident
from casework.actions.tasks import begin, following_of, id_of, work
from casework.adapters.dynamo import DynamoStore
from casework.model.amending import Amendment, Moved
from casework.model.parties import Role, Viewer
from casework.model.task import AGAIN
from casework.model.workdays import OverrideKind, legal_day
from local import engine as engines
from local.home import QUICK, REGION
from tests.casework.actions.test_amendments import next_worked
from tests.stages import staged
from tests.support import Client, Issuer, RecordingCourier, SettableClock, services_over
from tests.verification import recompute
from tests.verification.test_recompute import Tables, belonging, rehashed, relined, stored

STAGE = "proved"
HEAD = Viewer(Role.HEAD, "head-1", ("22-XD",))
ADMIN = Viewer(Role.ADMIN, "admin-1", ("22",))


@pytest.fixture(scope="module")
def tables(store: DynamoStore, engine: engines.Engine, issuer: Issuer) -> Iterator[Tables]:
    """The calendar, amended twice, and the tasks that followed, one of them done, the other waiting; an incident, opened and closed."""
    with staged(STAGE, store, engine) as own:
        clock = SettableClock()
        services = services_over(own, issuer, RecordingCourier(), clock)
        code = Client(services, issuer).received()
        held = own.held(own.coded(code) or pytest.fail("no such code"))
        assert held
        assert held.dossier.due_at
        subjects = {str(CALENDAR)}
        day = legal_day(services.now())
        for number in range(2):
            day = next_worked(services, day.fromordinal(day.toordinal() + 1))
            assert day <= legal_day(held.dossier.due_at)
            asked = Amendment("1/VPCP", legal_day(services.now()), (Moved(day, OverrideKind.OFF),))
            done = amend(services, ADMIN, asked, Amending(f"amend-{number}", "test", number))
            begin(services, done.entry)
            following = following_of(done.entry)
            assert following
            subjects.add(id_of(following))
            for _ in range(2 - number):
                task = own.held(id_of(following))
                assert task
                work(services, task)
                clock.ahead += AGAIN * (1 - number)
        opening = Opening("22-XD", "mất điện", "61/2018/NĐ-CP", stops_clocks=True)
        flood = open_incident(services, HEAD, opening, Asked("open", "test", None))
        close_incident(services, HEAD, flood.held.id, "có điện lại", Asked("close", "test", None))
        subjects.add(flood.held.id)
        found = stored(boto3.client("dynamodb", endpoint_url=engine.endpoint, region_name=REGION, config=QUICK), STAGE)
        yield belonging(found, subjects)


def of_kind(tables: Tables, kind: str) -> dict[str, Any]:
    return next(item for item in tables["subjects"] if item.get("kind") == {"S": kind})


def test_what_the_service_stored_is_as_it_must_be(tables: Tables) -> None:
    assert recompute.problems(tables) == []
    lines = [json.loads(item["line"]["S"]) for item in tables["trail"]]
    assert {line["action"] for line in lines} == set().union(*recompute.ACTIONS.values()) - {"PROCEDURE_PUBLISHED"}
    assert {item["level"]["S"] for item in tables["due"]} == {"TASK"}


def test_every_field_is_in_the_document(tables: Tables) -> None:
    text = (Path(__file__).parents[2] / "docs" / "audit-format.md").read_text(encoding="utf-8")
    states = [json.loads(item["state"]["S"]) for item in tables["subjects"] if item["sk"]["S"] == "STATE"]
    names = {name for state in states for name in state if not name.startswith("overrides.")}
    assert len(names) >= 15
    assert [name for name in names if not re.search(rf"\b{name}\b", text.partition("Fields of a procedure")[2])] == []
    assert [action for action in recompute.ACTIONS["task"] if action not in text] == []


@pytest.mark.parametrize("kind", ["calendar", "incident", "task"])
@pytest.mark.parametrize(
    "change", [{"action": "DECIDED"}, {"action": "PROCEDURE_PUBLISHED"}, {"province": "48"}, {"subject": {"kind": "dossier"}}]
)
def test_a_forged_line_is_found(tables: Tables, kind: str, change: dict[str, Any]) -> None:
    forged = copy.deepcopy(tables)
    end = of_kind(forged, kind)
    last = next(
        item for item in forged["trail"] if item["subject"] == end["pk"] and item["seq"]["S"] == f"E#{int(end['entries']['N']):08d}"
    )
    relined(last, lambda body: body.update({**change, "subject": {**body["subject"], **change.get("subject", {})}}))
    rehashed(forged, last)
    assert recompute.problems(forged)


@pytest.mark.parametrize(
    ("kind", "name"),
    [("calendar", "due_level"), ("incident", "due_sort"), ("calendar", "unit_key"), ("task", "due_sort"), ("task", "unit_key")],
)
def test_what_they_do_not_have_is_found(tables: Tables, kind: str, name: str) -> None:
    state = of_kind(tables, kind)
    forged = [{**item, name: {"S": "x"}} if item is state else item for item in tables["subjects"]]
    assert recompute.problems({**tables, "subjects": forged})


def test_a_task_whose_row_is_gone_is_found(tables: Tables) -> None:
    assert recompute.problems({**tables, "due": []})


def test_the_calendar_is_held_to_its_id_and_its_days() -> None:
    subject = hashlib.sha256(b"calendar\0VN").hexdigest()[:32]
    right = {"overrides.2026-01-02": {"day": "2026-01-02"}}
    recompute._amended(recompute.Chain(subject, "calendar", right), {"province": "VN"})
    for id_, state, of in (
        ("0" * 32, right, "VN"), (subject, {"overrides.2026-01-02": {"day": "2026-01-03"}}, "VN"), (subject, right, "22"),
    ):  # fmt: skip
        with pytest.raises(recompute.Wrong):
            recompute._amended(recompute.Chain(id_, "calendar", state), {"province": of})


def test_a_task_is_held_to_its_entry_and_its_maker() -> None:
    state = {"of": "a" * 32, "seq": 3, "version": 0}
    subject = hashlib.sha256(f"task\0{'a' * 32}\0003".encode()).hexdigest()[:32]
    right = {"province": "VN", "actor": {"kind": "SERVICE", "id": "tasks"}}
    recompute._worked(recompute.Chain(subject, "task", state), right)
    for wrong, body in (
        (state | {"seq": 4}, right), (state | {"version": 1}, right), (state, right | {"province": "22"}),
        (state, right | {"actor": {"kind": "SERVICE", "id": "sweep"}}),
    ):  # fmt: skip
        with pytest.raises(recompute.Wrong):
            recompute._worked(recompute.Chain(subject, "task", wrong), body)
