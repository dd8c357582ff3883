"""What the second program says of all but dossiers and procedures: as the service stored it, and with what it cannot have."""

import copy
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from casework.actions import exports
from casework.actions.amendments import CALENDAR, Amending, amend
from casework.actions.exports import Asked as Exporting
from casework.actions.exports import Wanted, request_export
from casework.actions.incidents import Asked, Opening, close_incident, open_incident
from casework.actions.inspections import Asked as Inspecting
from casework.actions.inspections import Opening as Inspected
from casework.actions.inspections import close_inspection, open_inspection
from casework.actions.tasks import begin, following_of, id_of, work
from casework.adapters.depot import FolderDepot
from casework.adapters.dynamo import DynamoStore
from casework.adapters.seal import FileSeal
from casework.adapters.vault import FolderVault
from casework.audit.note import Checkpoint, Note, signed
from casework.inspecting import All, noted
from casework.model.amending import Amendment, Moved
from casework.model.export import KEPT, ExportForm, ExportScope
from casework.model.inspection import InspectionScope, Read, ReadKind
from casework.model.parties import Role, Viewer
from casework.model.task import AGAIN
from casework.model.workdays import OverrideKind, legal_day
from casework.ports import Services
from local import engine as engines
from local.home import QUICK, REGION
from tests.bags import LOG_SECRET
from tests.casework.actions.test_amendments import next_worked
from tests.stages import staged
from tests.support import Client, Issuer, RecordingCourier, SettableClock, services_over
from tests.verification import recompute
from tests.verification.test_recompute import Tables, belonging, rehashed, relined, stored

STAGE = "proved"
HEAD = Viewer(Role.HEAD, "head-1", ("22-XD",))
INSPECTOR = Viewer(Role.INSPECTOR, "inspector-1", ("22",))
ADMIN = Viewer(Role.ADMIN, "admin-1", ("22",))


@pytest.fixture(scope="module")
def tables(store: DynamoStore, engine: engines.Engine, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tables]:
    """The calendar, amended twice, and the tasks that followed, one of them done, the other waiting; an incident, opened and closed.

    And inspections: one that was read under and closed, one that is open. And exports: one that expired, one that failed.
    """
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
        now = services.now()
        whole = Inspected(InspectionScope.ALL, None, now - AGAIN, now + AGAIN, "đơn phản ánh", "11/2022/QH15")
        one = Inspected(InspectionScope.DOSSIER, held.id, None, None, "đơn phản ánh", "11/2022/QH15")
        ids = [open_inspection(services, INSPECTOR, each, Inspecting(each.scope, "test", None)).held.id for each in (whole, one)]
        for first in (1, 2):
            page = Read(now, ReadKind.UNIT_TRAIL, "22", now - AGAIN, now, first=first, after="x", before="y")
            noted(services, INSPECTOR, ids[0], All("22", now - AGAIN, now), page, "test")
        close_inspection(services, INSPECTOR, ids[0], "12/KL-TTr", Inspecting("close", "test", None))
        noted(services, INSPECTOR, ids[1], held, Read(now, ReadKind.DOSSIER, held.id), "test")
        subjects.update(ids)
        subjects.update(exported(services, clock, held.id, tmp_path_factory.mktemp("log")))
        found = stored(boto3.client("dynamodb", endpoint_url=engine.endpoint, region_name=REGION, config=QUICK), STAGE)
        yield belonging(found, subjects)


def exported(usual: Services, clock: SettableClock, dossier: str, folder: Path) -> list[str]:
    """Take an export through all its steps, and let another one fail, since the log has not the leaves that it published."""
    seal, vault = FileSeal(usual.log, LOG_SECRET), FolderVault(folder / "log")
    services = replace(usual, seal=seal, vault=vault, depot=FolderDepot(folder / "exports", bytes(32)))
    text = Checkpoint(usual.log, 1, bytes(32)).text
    vault.publish(1, str(Note(text, (signed(text, seal.key, seal.sign),))))
    wanted = [Wanted(ExportScope.DOSSIER, ExportForm.LIGHT, dossier), Wanted(ExportScope.ALL, ExportForm.FULL)]
    ids = [request_export(services, INSPECTOR, one, Exporting(one.scope, "test", None)).held.id for one in wanted]
    clock.ahead += exports.WAITS
    for step in (exports._begin, exports._go_on):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(exports, "SLICE", -AGAIN)  # no time for a step
            for subject in ids:
                here = usual.store.held(subject)
                assert here
                assert step(services, here)
    for ahead in (AGAIN, KEPT):
        for subject in ids:
            here = usual.store.held(subject)
            assert here
            exports.work(services, here)
        clock.ahead += ahead
    for subject in ids:
        here = usual.store.held(subject)
        assert here
        exports.work(services, here)
    return list(ids)


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


@pytest.mark.parametrize("kind", ["calendar", "export", "incident", "inspection", "task"])
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
    [
        ("calendar", "due_level"),
        ("incident", "due_sort"),
        ("inspection", "due_level"),
        ("calendar", "unit_key"),
        ("task", "due_sort"),
        ("task", "unit_key"),
    ],
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


def test_an_inspection_is_held_to_its_inspector_and_its_reads() -> None:
    opened = {"scope": "UNIT", "of": "22", "inspector": "i-1", "reads": 0}
    once = opened | {"reads": 1, "last_read": {"at": "now", "what": "DOSSIERS", "of": "22"}}
    over = once | {"closed_at": "now"}
    inspector, other = ({"kind": "OFFICER", "role": "INSPECTOR", "id": id_} for id_ in ("i-1", "i-2"))

    def body(action: str, actor: dict[str, str], **before: object) -> dict[str, Any]:
        changes = [{"field": name, "from": value} for name, value in before.items()]
        return {"action": f"INSPECTION_{action}", "actor": actor, "changes": changes, "occurred_at": "now"}

    def check(state: dict[str, Any], seq: int, told: dict[str, Any]) -> None:
        entry = recompute.Entry(seq, "", {}, "22", None)
        recompute._inspected(recompute.Chain("0" * 32, "inspection", state, {}, dict.fromkeys(range(1, seq + 1), entry)), told)

    grown = {"last_read": None, "reads": 0, "version": 1}
    check(opened, 1, body("OPENED", inspector, reads=None))
    check({"scope": "ALL", "inspector": "i-1", "reads": 0}, 1, body("OPENED", inspector))
    check(once, 2, body("READ", inspector, **grown))
    check(over, 3, body("CLOSED", other, closed_at=None, version=2))
    for state, seq, told in (
        (opened, 2, body("OPENED", inspector)), (once, 1, body("READ", inspector, **grown)), (once, 1, body("OPENED", inspector)),
        (opened, 1, body("OPENED", other)), (opened | {"scope": "ALL"}, 1, body("OPENED", inspector)),
        (opened, 1, body("OPENED", {**inspector, "role": "HEAD"})), (once, 2, body("READ", other, **grown)),
        (over, 3, body("READ", inspector, **grown)), (once, 3, body("CLOSED", inspector)), (over, 3, body("CLOSED", inspector, reads=0)),
        (once, 2, body("READ", inspector, **grown | {"reads": 1})), (once, 2, body("READ", inspector, last_read=None, version=1)),
        (once | {"last_read": {"at": "then"}}, 2, body("READ", inspector, **grown)),
    ):  # fmt: skip
        with pytest.raises(recompute.Wrong):
            check(state, seq, told)
