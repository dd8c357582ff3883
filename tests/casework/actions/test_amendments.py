"""Amending the calendar on the engine: register, chain, races, and the dossiers that the task which follows takes it to."""

import secrets
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, cast

import pytest

from casework.actions.amendments import AMENDED, CALENDAR, NATION, Amending, amend
from casework.actions.tasks import begin, following_of, id_of, work
from casework.adapters.dynamo import DynamoStore
from casework.audit.chain import GENESIS, committed
from casework.commits import Written
from casework.model.amending import Amendment, Moved, flattened
from casework.model.errors import Contended, Invalid
from casework.model.parties import PUBLIC, Role, Viewer
from casework.model.record import DossierId, IntervalKind
from casework.model.task import AGAIN, Task, TaskState
from casework.model.workdays import Calendar, OverrideKind, legal_day
from casework.ports import Change, Services, Store
from local import engine as engines
from tests.stages import another, staged
from tests.support import Client, SettableClock

ADMIN = Viewer(Role.ADMIN, "admin-1", ("22",))
OFF, MAKEUP = OverrideKind.OFF, OverrideKind.MAKEUP
DAY = timedelta(1)
STAGE = "amendments"


@pytest.fixture(scope="module")
def store(store: DynamoStore, engine: engines.Engine) -> Iterator[DynamoStore]:
    """A store of these tests alone: an amendment moves whatever dossiers there are."""
    with staged(STAGE, store, engine) as own:
        yield own


@pytest.fixture
def worked(services: Services) -> Iterator[date]:
    """Days that are worked, each taken once."""
    found = next_worked(services, legal_day(services.now()) + 400 * DAY)

    def each() -> Iterator[date]:
        day = found
        while True:
            yield day
            day = next_worked(services, day + DAY)

    return each()


def next_worked(services: Services, day: date) -> date:
    """Give the first day from there on that is worked and has no override, and so for a year of its own."""
    calendar = services.store.calendar(fresh=True)
    moved = {override.day for override in calendar.overrides}
    while day in moved or not calendar.working(day):
        day += DAY
    return day


def amending(services: Services, *days: Moved, viewer: Viewer = ADMIN, key: str | None = None) -> Written:
    asked = Amendment("1/VPCP", date(2026, 1, 2), days)
    return amend(services, viewer, asked, Amending(key or secrets.token_hex(8), "test", str(days)))


def following(done: Written) -> Task:
    found = following_of(done.entry)
    assert found
    return found


def finished(services: Services, clock: SettableClock, done: Written) -> Task:
    """Begin the task that follows and bring it to its end."""
    begin(services, done.entry)
    begin(services, done.entry)
    subject = id_of(following(done))
    for _ in range(20):
        held = services.store.held(subject)
        assert held
        assert isinstance(held.record, Task)
        if held.record.state is TaskState.DONE:
            return held.record
        work(services, held)
        clock.ahead += AGAIN if held.record.passing > 1 else timedelta()
    raise AssertionError("the task comes to no end")


def subject_of(services: Services, code: str) -> DossierId:
    found = services.store.coded(code)
    assert found
    return found


def recomputed(services: Services, subject: DossierId) -> list[dict[str, Any]]:
    return [dict(e.body) for e in services.store.entries(subject, 0, 100) if e.body["action"] == "DEADLINE_RECOMPUTED"]


# What is entered.


def test_an_amendment_is_in_the_register_at_once_with_its_entry(services: Services, worked: Iterator[date]) -> None:
    before, day = services.store.calendar(fresh=True), next(worked)
    done = amending(services, Moved(day, OFF))
    calendar = services.store.calendar()
    assert (calendar.version, calendar.working(day)) == (before.version + 1, False)
    assert calendar.documents_since(before.version, day, day) == ("1/VPCP",)
    body = done.entry.body
    assert (body["action"], body["province"], body["subject"]) == (AMENDED, NATION, {"kind": "calendar", "id": CALENDAR})
    assert body["actor"] == {"kind": "OFFICER", "id": "admin-1", "role": "ADMIN", "unit": "22"}
    assert f"overrides.{day}" in {change["field"] for change in body["changes"]}
    held = services.store.held(CALENDAR)
    assert held == done.held
    assert (flattened(cast("Any", held.record)), body["after"]) == (held.flat, committed(held.flat))
    again = amending(services, Moved(next(worked), OFF))
    assert again.entry.body["prev"] == done.entry.hash
    first = services.store.entries(CALENDAR, 0, 1)[0].body
    assert first["prev"] == GENESIS
    assert {"overrides.2026-01-02", "overrides.2026-01-10"} <= {change["field"] for change in first["changes"]}  # taken in with it


@pytest.mark.parametrize("viewer", [PUBLIC, *(Viewer(role, f"{role}-9".lower(), ("22",)) for role in Role if role is not Role.ADMIN)])
def test_admin_amends_and_nobody_else(services: Services, viewer: Viewer, worked: Iterator[date]) -> None:
    before = services.store.calendar(fresh=True)
    with pytest.raises(Invalid) as caught:
        amending(services, Moved(next(worked), OFF), viewer=viewer)
    assert caught.value.code == "NOT_YOUR_MOVE"
    assert services.store.calendar(fresh=True) == before


def test_a_repeated_request_amends_once(services: Services, worked: Iterator[date]) -> None:
    day = next(worked)
    done = amending(services, Moved(day, OFF), key="same")
    version = services.store.calendar().version
    again = amending(services, Moved(day, OFF), key="same")
    assert (again.repeated, again.entry) == (True, done.entry)
    assert services.store.calendar(fresh=True).version == version
    with pytest.raises(Invalid) as caught:
        amending(services, Moved(next(worked), OFF), key="same")
    assert caught.value.code == "IDEMPOTENCY_KEY_REUSED"


def test_a_process_that_knows_an_old_calendar_amends_the_new_one(
    services: Services, engine: engines.Engine, worked: Iterator[date]
) -> None:
    elsewhere = replace(services, store=another(STAGE, engine))
    old = elsewhere.store.calendar()
    first, second = next(worked), next(worked)
    amending(services, Moved(first, OFF))
    assert elsewhere.store.calendar() == old
    with pytest.raises(Invalid) as caught:
        amending(elsewhere, Moved(first, OFF))
    assert caught.value.code == "ALREADY_OFF"
    done = amending(replace(elsewhere, store=another(STAGE, engine)), Moved(second, OFF))
    assert following(done).calendar_version == old.version + 2
    assert not services.store.calendar(fresh=True).working(first)


def test_amendments_at_once_all_stand(services: Services, worked: Iterator[date]) -> None:
    days = [next(worked) for _ in range(4)]
    version = services.store.calendar(fresh=True).version
    start = threading.Barrier(len(days))

    def enter(day: date) -> None:
        start.wait()
        while True:
            try:
                amending(services, Moved(day, OFF))
            except Contended:
                continue
            return

    with ThreadPoolExecutor(len(days)) as pool:
        list(pool.map(enter, days))
    calendar = services.store.calendar(fresh=True)
    assert calendar.version == version + len(days)
    assert {o.since for o in calendar.overrides if o.day in days} == set(range(version + 1, version + len(days) + 1))


def test_an_amendment_that_was_overtaken_is_held_against_what_stands_then(services: Services, worked: Iterator[date]) -> None:
    day = next(worked)

    @dataclass
    class Overtaken:
        store: Store
        left: bool = True

        def commit(self, change: Change, now: datetime) -> None:
            if self.left:
                self.left = False
                amending(services, Moved(day, OFF))
            self.store.commit(change, now)

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - all else is the store's own
            return getattr(self.store, name)

    with pytest.raises(Invalid) as caught:
        amending(replace(services, store=cast("Store", Overtaken(services.store))), Moved(day, OFF))
    assert caught.value.code == "ALREADY_OFF"


# What follows.


def test_open_dossiers_take_it_in_and_keep_their_promise(services: Services, client: Client, clock: SettableClock) -> None:
    running, waiting, submitted, decided = client.assigned(), client.assigned(), client.submitted()["dossier"]["code"], client.decided()
    item = {"component": "DEED", "legalBasis": "61/2018"}
    client.done("requestSupplement", "OFFICER", dossier=waiting, items=[item])
    subjects = {name: subject_of(services, code) for name, code in
                {"running": running, "waiting": waiting, "submitted": submitted, "decided": decided}.items()}  # fmt: skip
    before = services.store.held_all(list(subjects.values()))
    due_at = before[subjects["running"]].dossier.due_at
    assert due_at
    day = next_worked(services, legal_day(due_at) - 3 * DAY)
    assert day <= legal_day(due_at)
    done = amending(services, Moved(day, OFF))
    task = finished(services, clock, done)
    after = services.store.held_all(list(subjects.values()))
    for name in ("running", "waiting"):
        subject = subjects[name]
        held, stood = after[subject].dossier, before[subject].dossier
        assert held.due_at
        assert stood.due_at
        assert held.due_at > stood.due_at
        assert (held.promised_due_at, held.original_due_at) == (stood.promised_due_at, stood.original_due_at)
        (entry,) = recomputed(services, subject)
        assert {c["field"] for c in entry["changes"]} >= {"due_at", "amendments.1", "calendar_version"}
        assert after[subject].version == before[subject].version
    assert after[subjects["waiting"]].dossier.intervals[-1].kind is IntervalKind.PAUSED
    for name in ("submitted", "decided"):
        assert after[subjects[name]] == before[subjects[name]]
    assert task.changed >= 2
    explained = client.ask(
        "query($code: ID!) { dossier(code: $code) { clock { dueAt promisedDueAt explanation { kind text(lang: EN) } } } }",
        "HEAD",
        code=running,
    )["data"]["dossier"]["clock"]
    assert "AMENDED" in {line["kind"] for line in explained["explanation"]}
    assert any("1/VPCP" in line["text"] for line in explained["explanation"])
    # A supplied dossier is laid out by the new calendar, and its move brings no second amendment.
    client.done("supplyDocuments", "RECEPTION", dossier=waiting, documents=[{"component": "DEED"}])
    assert len(recomputed(services, subjects["waiting"])) == 1


def test_a_dossier_received_by_the_old_calendar_is_taken_by_the_second_pass(
    services: Services, client: Client, clock: SettableClock, engine: engines.Engine
) -> None:
    due_at = client.ask(
        'query($at: DateTime!) { dueIfReceived(procedure: "XD-01", at: $at) { dueAt } }', None, at=services.now().isoformat()
    )
    day = next_worked(services, legal_day(datetime.fromisoformat(due_at["data"]["dueIfReceived"]["dueAt"])) - 5 * DAY)
    elsewhere = Client(replace(services, store=another(STAGE, engine)), client.issuer)
    old: Calendar = elsewhere.services.store.calendar()
    done = amending(services, Moved(day, OFF))
    begin(services, done.entry)
    subject = id_of(following(done))
    held = services.store.held(subject)
    assert held
    work(services, held)
    late = subject_of(services, elsewhere.received())
    found = services.store.held(late)
    assert found
    assert found.dossier.calendar_version == old.version
    assert finished(services, clock, done).passing == 2
    (entry,) = recomputed(services, late)
    assert entry["request"] == done.entry.correlation
