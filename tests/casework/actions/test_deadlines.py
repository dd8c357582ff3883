"""The sweep over the engine: at the second, after an outage, and what it leaves alone. tests/simulation/test_sweep.py has the faults."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from casework.actions.deadlines import Sweeper
from casework.actions.dossiers import Asked, Person, Submission, move, submit
from casework.adapters.dynamo import items
from casework.adapters.dynamo.models import AlertItem, DueItem, LiveItem
from casework.affecting import affect
from casework.commits import Plan, recorded
from casework.makers import service
from casework.model.alert import AlertLevel
from casework.model.errors import Unavailable
from casework.model.incident import Incident
from casework.model.moves import MoveName
from casework.model.packing import instant, moment
from casework.model.parties import Ref
from casework.model.procedure import Channel
from casework.model.record import AssignmentRole, DossierId
from casework.model.workdays import ZONE
from casework.noticing import settle
from casework.ports import DueKey, Held, Services
from schema import inputs
from tests.casework.actions.expected import MAKINGS
from tests.simulation.worlds import CITIZEN, DESK, HEAD

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
LEVELS = tuple(AlertLevel)


@dataclass
class Clock:
    """The time, which stands until it is set."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC)


@pytest.fixture
def time() -> Clock:
    return Clock(at("2027-01-25T09:00"))


@pytest.fixture
def here(services: Services, time: Clock) -> Iterator[Services]:
    """Services whose clock stands, and a watermark right behind it."""
    found = replace(services, now=time)
    swept_until(found, time.now)
    yield found
    LiveItem(*items.SWEPT).delete()


def swept_until(services: Services, until: datetime) -> None:
    """Set the watermark, be it backwards."""
    LiveItem(*items.SWEPT).delete()
    services.store.keep_swept(moment(until)[:13])


def received(services: Services, time: Clock, when: str) -> DossierId:
    """Take a dossier of ten working days in, then."""
    time.now = at(when)
    done, _ = submit(services, CITIZEN, Submission("XD-01", "22-MC", Channel.ONLINE, Person("An")), Asked(when, "test", when))
    given = inputs.ReceiveDossierInput(idempotency_key=when, dossier=done.held.id, checked=["FORM", "DEED"])  # type: ignore[arg-type] # an ID
    move(services, DESK, done.held.id, MoveName.RECEIVE, Asked(when, "test", when), MAKINGS[MoveName.RECEIVE](given))
    return done.held.id


def no_work(services: Services, held: Held) -> None:
    raise AssertionError(f"{held.id} is a dossier, and {services} has nothing else")


def sweep(services: Services) -> int:
    with ThreadPoolExecutor(8) as pool:
        found = Sweeper(services, no_work, pool.map).round()
    assert found.failed == 0
    return found.written


def alerts(services: Services, subject: DossierId) -> list[tuple[AlertLevel, datetime, datetime]]:
    held = services.store.held(subject)
    assert held
    return [(alert.level, alert.reached_at, alert.observed_at) for alert in held.dossier.alerts]


def test_each_level_is_raised_at_its_second(here: Services, time: Clock) -> None:
    subject = received(here, time, "2027-01-05T09:00")  # ten working days: due on Tuesday 19 January
    reached = [at("2027-01-15T07:30"), at("2027-01-19T07:30"), at("2027-01-19T17:00:01"), at("2027-01-26T17:00:01")]
    for level, when in zip(LEVELS, reached, strict=True):
        for early in (SECOND, timedelta(microseconds=1)):
            time.now = when - early
            swept_until(here, time.now)
            sweep(here)
            assert level not in [row[0] for row in alerts(here, subject)], "not a moment too soon"
        time.now = when
        sweep(here)
        sweep(here)
        assert alerts(here, subject)[-1] == (level, when, when)
    assert [row[0] for row in alerts(here, subject)] == list(LEVELS)
    held = here.store.held(subject)
    assert held
    assert held.due is None
    assert held.version == 2, "nobody has made a move"
    assert held.dossier.due_at == at("2027-01-19T17:00")


ENDS = inputs.StopDossierInput(idempotency_key="stop", dossier="", reason="thiếu thẩm quyền", legal_basis="61/2018/NĐ-CP")  # type: ignore[arg-type] # an ID


def stopped(services: Services, subject: DossierId) -> list[str]:
    """Have a head stop a dossier; gives the actions of its entries from the third on."""
    move(services, HEAD, subject, MoveName.STOP, Asked(f"stop {subject}", "test", "stop"), MAKINGS[MoveName.STOP](ENDS))
    return [str(entry.body["action"]) for entry in services.store.entries(subject, 2, 100)]


def test_a_move_notices_first_what_no_sweep_has(here: Services, time: Clock) -> None:
    subject = received(here, time, "2027-01-05T09:10")
    time.now = at("2027-01-20T09:00")  # the sweep has been down since
    assert stopped(here, subject) == ["ALERT_RAISED"] * 3 + ["STOPPED"]
    assert alerts(here, subject) == [
        (AlertLevel.AT_RISK, at("2027-01-15T07:30"), time.now),
        (AlertLevel.DUE_TODAY, at("2027-01-19T07:30"), time.now),
        (AlertLevel.OVERDUE, at("2027-01-19T17:00:01"), time.now),
    ]
    held = here.store.held(subject)
    assert held
    assert [alert.open for alert in held.dossier.alerts] == [False, False, True], "what was late is answered for"


def test_a_move_is_not_held_up_by_what_cannot_be_noticed(here: Services, time: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = received(here, time, "2027-01-05T09:20")
    time.now = at("2027-01-20T09:00")

    def slow(*_: object, **__: object) -> None:
        raise Unavailable("no answer")

    monkeypatch.setattr("casework.noticing.settle", slow)
    assert stopped(here, subject) == ["STOPPED"]


def test_an_incident_notices_first_what_no_sweep_has(here: Services, time: Clock) -> None:
    subject = received(here, time, "2027-01-05T09:30")
    time.now = at("2027-01-19T09:00")
    incident = Incident("22-XD", time.now, stops_clocks=True, reason=Ref("digest", 1), version=1)
    assert affect(here, subject, ("0" * 32, incident), "tasks", "test")
    assert [entry.body["action"] for entry in here.store.entries(subject, 2, 100)] == ["ALERT_RAISED"] * 2 + ["INCIDENT_BEGAN"]


def test_an_outage_of_three_working_days_over_tet_is_made_up_for(here: Services, time: Clock) -> None:
    """Tết 2027 is on 6 February; offices are closed from Thursday 4 to Wednesday 10 February."""
    calendar = here.store.calendar()
    first, last = at("2027-02-04T00:00").date(), at("2027-02-12T23:00").date()
    off = [day.on.isoformat() for day in calendar.between(first, last) if not day.working]
    days = ["2027-01-18", "2027-01-20", "2027-01-22", "2027-01-25", "2027-01-26", "2027-01-27"]
    subjects = [received(here, time, f"{day}T09:00") for day in days]
    # The last sweep is on the evening of 3 February; the next one when three working days after Tết have passed.
    time.now = at("2027-02-03T18:00")
    swept_until(here, at("2027-02-03T00:00"))
    for subject in subjects:  # What fell due before stands already, noticed then.
        while settle(here, subject, "sweep"):
            pass
    sweep(here)
    before = {subject: alerts(here, subject) for subject in subjects}
    third = calendar.nth_after(at("2027-02-03T12:00").date(), 3)
    time.now = at(f"{third}T18:00")
    started = time.now
    sweep(here)
    made_up = 0
    for subject in subjects:
        held = here.store.held(subject)
        assert held
        due_at = held.dossier.due_at
        assert due_at
        found = alerts(here, subject)
        assert found[: len(before[subject])] == before[subject]
        due_on = due_at.astimezone(ZONE).date()
        wanted = [
            (AlertLevel.AT_RISK, at(f"{calendar.nth_after(due_on, -2)}T07:30")), (AlertLevel.DUE_TODAY, at(f"{due_on}T07:30")),
            (AlertLevel.OVERDUE, due_at + SECOND), (AlertLevel.ESCALATED, at(f"{calendar.nth_after(due_on, 5)}T17:00:01")),
        ]  # fmt: skip
        assert [row[:2] for row in found] == [row for row in wanted if row[1] <= started], f"whole and in order; off: {off}"
        late = found[len(before[subject]) :]
        made_up += len(late)
        assert all(observed == started for *_, observed in late)
        told = [entry.body for entry in here.store.entries(subject, 2, 100)]
        assert [(line["action"], line["occurred_at"]) for line in told] == [("ALERT_RAISED", moment(row[1])) for row in found]
        assert all(instant(line["recorded_at"]) >= instant(line["occurred_at"]) for line in told)
        assert all(alert.due_at == due_at for alert in held.dossier.alerts)
    assert made_up >= 5, "the outage held many a level up"
    assert sweep(here) == 0


def test_an_alert_is_written_beside_its_dossier(here: Services, time: Clock) -> None:
    subject = received(here, time, "2027-01-05T10:00")
    time.now = at("2027-01-19T18:00")
    swept_until(here, at("2027-01-14T00:00"))
    sweep(here)
    held = here.store.held(subject)
    assert held
    rows = list(AlertItem.query(subject, consistent_read=True))
    assert [(row.number, row.unit_key, row.province_key) for row in rows] == [
        (items.alert_key(number), "22-XD#OPEN", "22#OPEN") for number in (1, 2, 3)
    ]
    assert [row.point_key for row in rows] == [None, None, "22-MC#OPEN"], "the centre hears of what is late"
    assert [row.raised_sort for row in rows] == [
        f"{moment(alert.observed_at)}#{subject}#{alert.number:06d}" for alert in held.dossier.alerts
    ]


def test_a_dossier_of_version_0_2_takes_its_deadlines_in_when_it_is_looked_at(here: Services, time: Clock) -> None:
    subject = received(here, time, "2027-01-05T12:00")
    lead = inputs.AssignDossierInput(
        idempotency_key="lead", dossier=subject, role=AssignmentRole.LEAD, unit="22-XD", officer="officer-1", task="t",  # type: ignore[arg-type] # an ID
        responsibility="r", due_at=at("2027-01-19T17:00"), expected_result="e",
    )  # fmt: skip
    time.now = at("2027-01-05T12:30")
    move(here, HEAD, subject, MoveName.ASSIGN, Asked("lead", "test", "lead"), MAKINGS[MoveName.ASSIGN](lead))
    held = here.store.held(subject)
    assert held
    assert held.dossier.armed

    def without(now_held: Held | None, now: datetime) -> Plan | None:
        own = ("AT_RISK", at("2027-01-15T07:30"))  # the row as that version laid it
        return Plan(replace(held.dossier, armed=()), held.province, "TRIED", service("test"), now, alert=own) if now_held else None

    recorded(here, subject, "test", without)
    time.now = at("2027-01-15T07:30")
    actions = []
    while done := settle(here, subject, "sweep"):
        actions.append((done.entry.body["action"], bool(done.entry.body["changes"])))
    assert actions[0] == ("DEADLINE_RECOMPUTED", True)
    assert {action for action, _ in actions[1:]} == {"ALERT_RAISED"}
    assert len(actions) >= 4, "those of its step, which are past, and its own"


def test_a_row_that_nobody_names_any_more_goes(here: Services, time: Clock) -> None:
    subject = received(here, time, "2027-01-05T11:00")
    held = here.store.held(subject)
    assert held
    assert held.due
    here.store.strike(held.due)
    assert here.store.due(held.due.bucket, at("2027-02-01T00:00"), 100) == [held.due], "what its dossier names stays"
    lost = DueKey(held.due.bucket, f"{moment(time.now)}#{'f' * 32}", "AT_RISK")
    DueItem(*lost.place, v=1, province="22", subject="f" * 32, level="AT_RISK").save()
    here.store.strike(lost)
    assert here.store.due(held.due.bucket, at("2027-02-01T00:00"), 100) == [held.due]


def test_the_watermark_moves_forward_only(here: Services, time: Clock) -> None:
    there = here.store.swept()
    assert there == moment(time.now)[:13]
    here.store.keep_swept("2027-01-20T00")
    assert here.store.swept() == there
    here.store.keep_swept("2027-01-27T00")
    assert here.store.swept() == "2027-01-27T00"


def test_an_hour_is_left_behind_a_quarter_of_an_hour_after_its_end(here: Services, time: Clock) -> None:
    swept_until(here, at("2027-01-24T10:00"))
    for minutes, hour in ((0, "10"), (14, "10"), (15, "11"), (74, "11"), (75, "12")):
        time.now = at("2027-01-24T11:00") + timedelta(minutes=minutes)
        sweep(here)
        assert here.store.swept() == moment(at(f"2027-01-24T{hour}:00"))[:13]
