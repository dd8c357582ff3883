"""Publishing a procedure: the version and what it does to the one before, its chain, who may, and dossiers on either side of it."""

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, cast

import pytest

from casework.actions.dossiers import Asked, Person, Submission, move, submit
from casework.actions.procedures import NATION, Publishing, publish, published_by, subject_of
from casework.actions.subscriptions import Client as Watcher
from casework.actions.subscriptions import Wanted, subscribe
from casework.adapters.dynamo import DynamoStore
from casework.adapters.dynamo.models import DueItem, SubjectItem
from casework.adapters.dynamo.register import RegisterTable
from casework.audit.chain import GENESIS, Entry, committed
from casework.commits import Written
from casework.live.topics import Kind
from casework.model.errors import Corrupt, Forbidden, Invalid, NotFound
from casework.model.limit import Limit, LimitUnit
from casework.model.moves import CompleteStep, MoveName, Receive
from casework.model.packing import Plain
from casework.model.parties import PUBLIC, Role, Viewer
from casework.model.procedure import Channel, DossierKind, ProcedureVersion
from casework.model.publication import Publication, flattened
from casework.model.unit import Unit
from casework.model.workdays import legal_day
from casework.ports import Change, Held, Services, Span, Store
from casework.views import setting, tracked, viewed
from schema.node import global_id
from tests.casework.adapters.laid import dossier, laid
from tests.support import Client, SettableClock

ADMIN = Viewer(Role.ADMIN, "admin-1", ("22",))
DESK = Viewer(Role.RECEPTION, "reception-1", ("22", "22-MC"))
DAY = timedelta(1)


@pytest.fixture
def today(services: Services) -> date:
    return legal_day(services.now())


@pytest.fixture
def draft(services: Services, today: date) -> ProcedureVersion:
    """A draft of a procedure that is not there."""
    code = f"P-{secrets.token_hex(4)}"
    known = services.store.versions("XD-01")[0]
    return replace(known, code=code, field=code, version=0, valid_from=today, published_on=None)


def publishing(key: str | None = None, **given: Plain) -> Publishing:
    return Publishing(key or secrets.token_hex(8), "test", given)


def refusal(services: Services, draft: ProcedureVersion, viewer: Viewer = ADMIN) -> tuple[str, tuple[str, ...]]:
    before = services.store.versions(draft.code)
    with pytest.raises(Invalid) as caught:
        publish(services, viewer, draft, publishing())
    assert services.store.versions(draft.code) == before
    return caught.value.code, caught.value.path


def spans(services: Services, code: str) -> list[tuple[int, date, date | None]]:
    return [(version.version, version.valid_from, version.valid_to) for version in services.store.versions(code)]


def entries(services: Services, code: str) -> list[Entry]:
    return services.store.entries(subject_of(code), 0, 100)


# What is published.


def test_a_first_version_is_in_the_register_at_once(services: Services, draft: ProcedureVersion, today: date) -> None:
    assert services.store.versions(draft.code) == ()
    done = publish(services, ADMIN, draft, publishing())
    wanted = replace(draft, version=1, published_on=today)
    assert published_by(done) == wanted
    assert services.store.versions(draft.code) == (wanted,)
    assert services.store.procedures(None, draft.field, Span(9)) == [draft.code]
    around = Span(3, draft.code[:-1], draft.code + "x")
    assert draft.code in services.store.procedures(None, None, around)
    assert draft.code in services.store.procedures(DossierKind.ADMINISTRATIVE, None, around)
    assert draft.code not in services.store.procedures(DossierKind.COMPLAINT, None, around)


def test_the_version_before_ends_the_day_before(services: Services, draft: ProcedureVersion, today: date) -> None:
    publish(services, ADMIN, draft, publishing())
    later = replace(draft, valid_from=today + 30 * DAY, limit=Limit(LimitUnit.WORKING_DAYS, 3))
    done = publish(services, ADMIN, later, publishing())
    assert published_by(done) == replace(later, version=2, published_on=today)
    assert spans(services, draft.code) == [(1, today, today + 29 * DAY), (2, today + 30 * DAY, None)]
    assert services.store.procedures(None, draft.field, Span(9)) == [draft.code]


def test_a_version_that_ended_before_keeps_its_end(services: Services, draft: ProcedureVersion, today: date) -> None:
    publish(services, ADMIN, replace(draft, valid_to=today + 5 * DAY), publishing())
    done = publish(services, ADMIN, replace(draft, valid_from=today + 9 * DAY), publishing())
    assert spans(services, draft.code) == [(1, today, today + 5 * DAY), (2, today + 9 * DAY, None)]
    assert [change["field"] for change in done.entry.body["changes"]] == ["version", "versions.2"]


def test_a_procedure_of_the_register_is_taken_in_with_its_versions(services: Services, draft: ProcedureVersion, today: date) -> None:
    old = replace(draft, version=1, valid_from=date(2020, 1, 1), valid_to=date(2024, 12, 31))
    standing = replace(draft, version=2, valid_from=date(2025, 1, 1))
    services.store.register([old, standing], NATION)
    done = publish(services, ADMIN, draft, publishing())
    assert published_by(done).version == 3
    assert spans(services, draft.code) == [
        (1, date(2020, 1, 1), date(2024, 12, 31)), (2, date(2025, 1, 1), today - DAY), (3, today, None),
    ]  # fmt: skip
    assert [change["field"] for change in done.entry.body["changes"]] == [
        "code",
        "unit",
        "version",
        "versions.1",
        "versions.2",
        "versions.3",
    ]
    again = publish(services, ADMIN, replace(draft, valid_from=today + DAY), publishing())
    assert [change["field"] for change in again.entry.body["changes"]] == ["version", "versions.3", "versions.4"]
    assert published_by(again).version == 4


def test_a_change_brings_the_register_what_is_new_alone(services: Services, draft: ProcedureVersion, today: date) -> None:
    services.store.register([replace(draft, version=number, valid_from=date(2020 + number, 1, 1)) for number in (1, 2, 3)], NATION)
    brought: list[list[int]] = []

    @dataclass
    class Noting(Waiting):
        def commit(self, change: Change, now: datetime) -> None:
            brought.append([thing.version for thing in change.register if isinstance(thing, ProcedureVersion)])
            self.store.commit(change, now)

    noting = replace(services, store=cast("Store", Noting(services.store)))
    for number in range(2):
        publish(noting, ADMIN, replace(draft, valid_from=today + number * DAY), publishing())
    assert brought == [[3, 4], [4, 5]]


# Its chain.


def test_the_chain_of_a_procedure_replays_to_its_state(services: Services, draft: ProcedureVersion, today: date) -> None:
    services.store.register([replace(draft, version=1, valid_from=date(2020, 1, 1))], NATION)
    for number in range(4):
        done = publish(services, ADMIN, replace(draft, valid_from=today + number * DAY), publishing())
    found, state, prev = entries(services, draft.code), dict[str, Any](), GENESIS
    assert len(found) == 4
    for number, entry in enumerate(found, 1):
        body = entry.body
        assert (body["subject"], body["province"]) == ({"kind": "procedure", "id": subject_of(draft.code)}, NATION)
        assert (body["action"], body["seq"], body["prev"]) == ("PROCEDURE_PUBLISHED", number, prev)
        assert body["actor"] == {"kind": "OFFICER", "id": "admin-1", "role": "ADMIN", "unit": "22"}
        assert (body["on_behalf_of"], body["reason"], body["digests"]) == (None, None, [])
        for change in body["changes"]:
            assert state.get(change["field"]) == change["from"]
            state[change["field"]] = change["to"]
        assert (committed(state), state["version"]) == (body["after"], number)
        prev = entry.hash
    assert isinstance(done.held.record, Publication)
    assert state == flattened(done.held.record)
    assert done.held.record.versions == services.store.versions(draft.code)
    assert services.store.held(subject_of(draft.code)) == done.held


def test_the_id_follows_from_the_code() -> None:
    assert subject_of("XD-01") == "c2755c2d981aa7150431a43a6fe89858"
    assert len({subject_of(code) for code in ("XD-01", "XD-02", "xd-01", "")}) == 4
    assert all(len(subject_of(code)) == 32 for code in ("XD-01", ""))


def test_a_procedure_is_in_no_list_of_dossiers_and_has_no_code_and_no_deadline(services: Services, draft: ProcedureVersion) -> None:
    done = publish(services, ADMIN, draft, publishing())
    item = SubjectItem.get(done.held.id, "STATE")
    keys = ("unit_key", "province_key", "officer_key", "applicant_key", "point_key", "due_sort", "due_bucket", "due_moment", "due_level")
    assert [name for name in keys if getattr(item, name) is not None] == []
    assert (item.kind, item.province, services.store.coded(draft.code)) == ("procedure", NATION, None)
    assert [row for row in DueItem.scan() if row.subject == done.held.id] == []


def test_the_chain_names_the_unit_of_whoever_published_last(services: Services, draft: ProcedureVersion, today: date) -> None:
    nobodys = Viewer(Role.ADMIN, f"admin-{secrets.token_hex(4)}", (), "head-1")
    for viewer, unit, number in ((nobodys, NATION, 0), (ADMIN, "22", 1), (nobodys, NATION, 2)):
        done = publish(services, viewer, replace(draft, valid_from=today + number * DAY), publishing())
        assert isinstance(done.held.record, Publication)
        assert done.held.record.unit == unit
    assert done.entry.body["on_behalf_of"] == {"kind": "OFFICER", "id": "head-1"}


# What is refused.


@pytest.mark.parametrize(("given", "wanted"), [
    ({"valid_from": -1}, ("BAD_VALIDITY", ("validFrom",))),
    ({"valid_from": 3, "valid_to": 2}, ("BAD_VALIDITY", ("validTo",))),
    ({"valid_from": 2}, ("BAD_VALIDITY", ("validFrom",))),  # the day on which the version before begins
    ({"valid_from": 1}, ("BAD_VALIDITY", ("validFrom",))),
])  # fmt: skip
def test_a_version_follows_the_one_before(
    services: Services, draft: ProcedureVersion, today: date, given: dict[str, int], wanted: tuple[str, tuple[str, ...]]
) -> None:
    publish(services, ADMIN, replace(draft, valid_from=today + 2 * DAY), publishing())
    changed: dict[str, Any] = {name: today + days * DAY for name, days in given.items()}
    assert refusal(services, replace(draft, **changed)) == wanted
    assert len(entries(services, draft.code)) == 1


def test_a_procedure_keeps_its_kind_and_its_field(services: Services, draft: ProcedureVersion, today: date) -> None:
    publish(services, ADMIN, draft, publishing())
    assert refusal(services, replace(draft, kind=DossierKind.COMPLAINT, valid_from=today + DAY)) == ("KIND_CHANGED", ("kind",))
    assert refusal(services, replace(draft, field="another", valid_from=today + DAY)) == ("KIND_CHANGED", ("field",))


def test_a_version_too_large_for_an_entry_is_refused(services: Services, draft: ProcedureVersion) -> None:
    step = draft.steps[0]
    for length, code in ((80_000, "TOO_MANY"), (70_000, None)):
        large = replace(draft, steps=(replace(step, title=replace(step.title, vi="x" * length)),))
        if code:
            assert refusal(services, large) == (code, ())
        else:
            publish(services, ADMIN, large, publishing())


def test_versions_that_the_register_was_loaded_with_later_are_followed(services: Services, draft: ProcedureVersion, today: date) -> None:
    publish(services, ADMIN, draft, publishing())
    loaded = replace(draft, version=2, valid_from=today + 5 * DAY)
    elsewhere = RegisterTable(services.store._engine, services.store._reader)  # type: ignore[attr-defined] # it is the engine's
    elsewhere.register([loaded], NATION)  # as another process does
    done = publish(services, ADMIN, replace(draft, valid_from=today + 9 * DAY), publishing())
    assert published_by(done).version == 3
    assert spans(services, draft.code) == [
        (1, today, None), (2, today + 5 * DAY, today + 8 * DAY), (3, today + 9 * DAY, None),
    ]  # fmt: skip


def test_a_version_published_elsewhere_a_moment_ago_governs(services: Services, draft: ProcedureVersion, today: date) -> None:
    publish(services, ADMIN, draft, publishing())
    elsewhere = RegisterTable(services.store._engine, services.store._reader)  # type: ignore[attr-defined] # it is the engine's
    assert len(elsewhere.versions(draft.code)) == 1
    publish(services, ADMIN, replace(draft, valid_from=today + DAY), publishing())
    (held,) = laid(cast("DynamoStore", services.store), [dossier(procedure=draft.code, procedure_version=2)])
    there = replace(services, store=cast("Store", elsewhere))
    assert setting(there, held.dossier).procedure.version == 2
    with pytest.raises(Corrupt):
        setting(there, replace(held.dossier, procedure_version=3))


def test_the_one_unit_that_handles_it_must_be_active(services: Services, draft: ProcedureVersion, today: date) -> None:
    gone, name = f"U-{secrets.token_hex(4)}", draft.title
    services.store.register([Unit(gone, name, "DEPARTMENT", "22", "22", valid_to=today - DAY)], "22")
    for unit in ("nowhere", gone):
        assert refusal(services, replace(draft, department=None, unit=unit)) == ("UNKNOWN_UNIT", ("unit",))
    done = publish(services, ADMIN, replace(draft, department=None, unit="22-XD"), publishing())
    assert (published_by(done).unit, published_by(done).department) == ("22-XD", None)


OTHERS = {
    "public": PUBLIC,
    "citizen": Viewer(Role.CITIZEN, "citizen-1"),
    "reception": DESK,
    "officer": Viewer(Role.OFFICER, "officer-1", ("22-XD",)),
    "head": Viewer(Role.HEAD, "head-1", ("22-XD",)),
    "supervisor": Viewer(Role.SUPERVISOR, "supervisor-1", ("22",)),
    "inspector": Viewer(Role.INSPECTOR, "inspector-1"),
    "an admin by his token alone": Viewer(Role.ADMIN, "head-1", ("22",)),
}


def test_the_department_that_handles_it_must_be_somewhere(services: Services, draft: ProcedureVersion) -> None:
    assert refusal(services, replace(draft, department="ZZ")) == ("UNKNOWN_UNIT", ("department",))
    assert published_by(publish(services, ADMIN, replace(draft, department=None, tier="commune"), publishing())).department is None


@pytest.mark.parametrize("who", OTHERS)
def test_nobody_else_publishes(services: Services, draft: ProcedureVersion, who: str) -> None:
    assert refusal(services, draft, OTHERS[who]) == ("NOT_YOUR_MOVE", ())
    assert entries(services, draft.code) == []


# Keys.


def test_a_key_repeated_gives_the_same_entry(services: Services, draft: ProcedureVersion, today: date) -> None:
    asked = publishing(title="x")
    first = publish(services, ADMIN, draft, asked)
    publish(services, ADMIN, replace(draft, valid_from=today + DAY), publishing())
    again = publish(services, ADMIN, draft, asked)
    assert (again.entry, again.repeated, published_by(again).version) == (first.entry, True, 1)
    assert published_by(again).valid_to == today  # as it is now
    assert len(entries(services, draft.code)) == 2


def test_a_key_used_for_something_else_is_refused(services: Services, draft: ProcedureVersion) -> None:
    asked = publishing("key", title="x")
    publish(services, ADMIN, draft, asked)
    other = Viewer(Role.ADMIN, "admin-9", ("22",))
    for viewer, request in ((ADMIN, publishing("key", title="y")), (other, asked), (replace(ADMIN, on_behalf_of="x"), asked)):
        with pytest.raises(Invalid) as caught:
            publish(services, viewer, draft, request)
        assert caught.value.code == "IDEMPOTENCY_KEY_REUSED"
    publish(services, ADMIN, replace(draft, code=f"{draft.code}-2"), asked)  # of another procedure it is another request


# At once.


@dataclass
class Waiting:
    """A store whose first commit waits until another one is done."""

    store: Store
    ready: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)
    tries: int = 0

    def commit(self, change: Change, now: datetime) -> None:
        self.tries += 1
        self.ready.set()
        assert self.done.wait(10)
        self.store.commit(change, now)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the store has
        return getattr(self.store, name)


@pytest.mark.parametrize("standing", [0, 1, 2])
def test_two_at_once_both_land(services: Services, draft: ProcedureVersion, today: date, standing: int) -> None:
    if standing:
        services.store.register([replace(draft, version=1, valid_from=date(2020, 1, 1))], NATION)
    if standing == 2:
        publish(services, ADMIN, draft, publishing())
    waiting = Waiting(services.store)
    slow = replace(services, store=cast("Store", waiting))
    first, second = (replace(draft, valid_from=today + days * DAY) for days in (10, 20))
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(publish, slow, ADMIN, second, publishing())
        assert waiting.ready.wait(10)
        early = publish(services, ADMIN, first, publishing())
        waiting.done.set()
        assert [published_by(done).version for done in (early, late.result())] == [standing + 1, standing + 2]
    assert waiting.tries == 2
    assert spans(services, draft.code)[-2:] == [
        (standing + 1, today + 10 * DAY, today + 19 * DAY), (standing + 2, today + 20 * DAY, None),
    ]  # fmt: skip
    assert [entry.seq for entry in entries(services, draft.code)] == list(range(1, len(entries(services, draft.code)) + 1))


def test_of_many_that_begin_on_one_day_one_lands(services: Services, draft: ProcedureVersion) -> None:
    def attempt(_: int) -> Written | str:
        try:
            return publish(services, ADMIN, draft, publishing())
        except Invalid as fault:
            return fault.code

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(attempt, range(8)))
    assert found.count("BAD_VALIDITY") == 7
    assert len(entries(services, draft.code)) == len(services.store.versions(draft.code)) == 1


def test_a_key_sent_twice_at_once_lands_once(services: Services, draft: ProcedureVersion) -> None:
    asked = publishing()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: publish(services, ADMIN, draft, asked), range(6)))
    assert len({done.entry.hash for done in found}) == 1
    assert sorted(done.repeated for done in found) == [False, *[True] * 5]


# Dossiers on either side.


def test_a_dossier_keeps_the_version_of_its_receipt(services: Services, draft: ProcedureVersion, today: date, clock: SettableClock) -> None:
    publish(services, ADMIN, replace(draft, limit=Limit(LimitUnit.WORKING_DAYS, 10)), publishing())
    submission = Submission(draft.code, "22-MC", Channel.COUNTER, Person("An"))

    def submitted() -> Held:
        return submit(services, DESK, submission, Asked(secrets.token_hex(8), "test", {}))[0].held

    def received(held: Held) -> Held:
        return made(held, MoveName.RECEIVE, Receive(("FORM", "DEED")))

    def made(held: Held, name: MoveName, given: Receive) -> Held:
        return move(services, DESK, held.id, name, Asked(secrets.token_hex(8), "test", {}), lambda *_: given).held

    before, across = received(submitted()), submitted()
    publish(services, ADMIN, replace(draft, valid_from=today + DAY, limit=Limit(LimitUnit.WORKING_DAYS, 3)), publishing())
    same_day = received(submitted())
    clock.ahead = DAY
    across, after = received(across), received(submitted())
    assert [held.dossier.procedure_version for held in (before, same_day, across, after)] == [1, 1, 2, 2]
    for held, days in ((before, 10), (same_day, 10), (across, 3), (after, 3)):
        stored = services.store.held(held.id)
        assert stored
        assert setting(services, stored.dossier).procedure.limit.amount == days
    assert before.dossier.due_at
    assert after.dossier.due_at
    assert after.dossier.due_at < before.dossier.due_at


# A procedure is no dossier.


def test_a_procedures_id_leads_to_no_dossier(client: Client, services: Services, draft: ProcedureVersion) -> None:
    id_ = publish(services, ADMIN, draft, publishing()).held.id
    posed = global_id("dossier", id_)
    assert services.store.held(id_)
    for who in (None, "HEAD", "ADMIN", "INSPECTOR"):
        found = client.ask(
            "query($id: ID!, $s: String!) { dossier(code: $id) { code } node(id: $id) { id } track(code: $id, secret: $s) { code } }",
            who, id=posed, s="AAAA-AAAA-AAAA-AAAA",
        )  # fmt: skip
        assert found == {"data": {"dossier": None, "node": None, "track": None}}
        assert client.move("withdrawDossier", who, dossier=posed)["errors"][0]["code"] == "NOT_FOUND"
    assert viewed(services, ADMIN, id_) is None
    assert services.store.slip(id_) is None
    assert tracked(services, id_, services.keys.tracking_secret(id_, 1, 1), PUBLIC) is None
    with pytest.raises(NotFound):
        move(services, ADMIN, id_, MoveName.COMPLETE_STEP, Asked("k", "test", {}), lambda *_: CompleteStep("CHECK", "22-XD", "x"))
    assert len(entries(services, draft.code)) == 1


@pytest.mark.parametrize("arguments", [{}, {"secret": "AAAA-AAAA-AAAA-AAAA"}])
def test_a_procedure_cannot_be_watched_as_a_dossier(services: Services, draft: ProcedureVersion, arguments: dict[str, str]) -> None:
    id_ = publish(services, ADMIN, draft, publishing()).held.id
    watcher = Watcher("connection", "operation", ADMIN, services.now() + DAY)
    pushed: list[bytes] = []

    def push(payload: bytes) -> bool:
        pushed.append(payload)
        return True

    with pytest.raises(Forbidden):
        subscribe(services, watcher, Wanted(Kind.DOSSIER, id_, arguments, "", "", None), lambda *_: b"x", push)
    assert pushed == []


def test_its_trail_is_for_those_who_answer_for_it(client: Client, services: Services, draft: ProcedureVersion) -> None:
    id_ = publish(services, ADMIN, draft, publishing()).held.id
    document = "query($id: ID!) { auditTrail(dossier: $id, first: 5) { nodes { action } } }"
    for who, seen in {"ADMIN": 1, "INSPECTOR": 1, "HEAD": 0, "SUPERVISOR": 0, "CITIZEN": 0, None: 0}.items():
        found = client.ask(document, who, id=global_id("dossier", id_))
        assert found["data"]["auditTrail"]["nodes"] == [{"action": "PROCEDURE_PUBLISHED"}] * seen, who
