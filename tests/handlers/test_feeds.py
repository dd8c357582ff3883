"""Feeds over sockets: who hears of which entries of a unit, and of which alerts, and how nothing vanishes on the way."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from casework.audiences import TRIES
from casework.commits import Plan, recorded
from casework.live.cohorts import Subscription
from casework.live.feeds import KEPT, PUT, Fed, before, cursor
from casework.live.topics import RAISED
from casework.makers import service
from casework.model.alert import Alert, AlertLevel, DeadlineKind
from casework.model.errors import Unavailable
from casework.model.parties import Role
from casework.model.record import DossierId
from casework.model.unit import Officer
from casework.ports import Held, Services
from handlers import rendering, stream
from schema.execution import rendered
from schema.node import global_id
from tests.handlers.test_sockets import Socket
from tests.handlers.test_stream import record
from tests.support import Client, Issuer, RecordingCourier, SettableClock, present

FEED = """subscription($unit: ID!, $after: String) { unitFeed(unit: $unit, after: $after) {
    id cursor gap ready at count version entry { seq action } dossier { code entries applicant { name } } tracked { code } } }"""
ALERTS = """subscription($unit: ID!, $least: AlertLevel, $after: String) { alertRaised(unit: $unit, minLevel: $least, after: $after) {
    id cursor gap ready at count version alert { id level dueAt observedAt } } }"""
ROOT = {FEED: "unitFeed", ALERTS: "alertRaised"}


@dataclass
class Watcher:
    """A client that subscribes to one feed and hears of the dossiers of its own test: others of the session write to the feed, too."""

    socket: Socket
    document: str
    unit: str
    more: dict[str, Any]
    dossiers: set[str] = field(default_factory=set)
    last: str | None = None
    early: list[dict[str, Any]] = field(default_factory=list)

    def subscribe(self, id_: str = "1", after: str | None = None) -> dict[str, Any]:
        """Subscribe; gives READY."""
        self.socket.subscribe(self.document, id_, unit=self.unit, after=after, **self.more)
        ready, *self.early = self._events()
        assert ready["ready"]
        assert (ready["count"], ready["version"]) == (0, None)
        assert not any(ready.get(name) for name in ("entry", "dossier", "tracked", "alert"))
        return ready

    def _events(self) -> list[dict[str, Any]]:
        heard = self.socket.heard()
        assert all(message["type"] == "next" and "errors" not in message["payload"] for message in heard), heard
        events = [message["payload"]["data"][ROOT[self.document]] for message in heard]
        mine = [event for event in events if event["ready"] or event["id"].partition("/")[0] in self.dossiers]
        for event in mine:
            self.last = max(self.last or "", event["cursor"])
        return mine

    def events(self) -> list[dict[str, Any]]:
        """What was heard of these dossiers since it last listened, what came right behind READY first."""
        found = [*self.early, *self._events()]
        self.early = []
        return found

    def heard(self) -> list[int]:
        """The numbers of the entries heard of."""
        return [int(event["id"].partition("/")[2]) for event in self.events()]


@pytest.fixture
def ids() -> set[str]:
    """The dossiers of a test."""
    return set()


@pytest.fixture
def join(services: Services, courier: RecordingCourier, issuer: Issuer, ids: set[str]) -> Iterator[Callable[..., Watcher]]:
    """Give a client of that role for a feed; all go when the test ends."""
    sockets: list[Socket] = []

    def joined(who: str | None, unit: str, document: str = FEED, subject: str | None = None, **more: Any) -> Watcher:  # noqa: ANN401 - JSON
        sockets.append(socket := Socket(services, courier))
        socket.connect()
        claims = more.pop("claims", {})
        payload = {"authorization": f"Bearer {issuer.token(who, subject, **claims)}"} if who else {}
        socket.say("connection_init", payload=payload)
        assert socket.heard() == [{"type": "connection_ack"}]
        return Watcher(socket, document, unit, more, ids)

    yield joined
    for socket in sockets:
        services.store.disconnect(socket.id)


@dataclass
class Case:
    """A dossier, and the stream of its entries as far as it was handed on."""

    services: Services
    client: Client
    code: str
    handed: int = 0

    @property
    def held(self) -> Held:
        found = self.services.store.held(DossierId(self.services.store.coded(self.code) or ""))
        assert found
        return found

    def hand_on(self, services: Services | None = None) -> None:
        """Hand what is new to the stream's handler."""
        entries = self.services.store.entries(self.held.id, self.handed, 100)
        self.handed = entries[-1].seq if entries else self.handed
        stream.handle({"Records": [record(entry) for entry in entries]}, services or self.services)

    def step(self, step: str = "CHECK") -> None:
        self.client.done("completeStep", "OFFICER", dossier=self.code, step=step)

    def alert(self, level: AlertLevel) -> None:
        """Raise an alert, as the sweep does."""

        def settle(held: Held | None, now: datetime) -> Plan:
            assert held
            number, alerts = len(held.dossier.alerts) + 1, held.dossier.alerts
            found = Alert(number, DeadlineKind.DOSSIER, 1, level, now, now, now, held.dossier.unit)
            return Plan(replace(held.dossier, alerts=(*alerts, found)), held.province, RAISED, service("sweep"), now)

        assert recorded(self.services, self.held.id, "test", settle)


@pytest.fixture
def opened(services: Services, client: Client, ids: set[str]) -> Callable[..., Case]:
    """Give a dossier under way, whose entries so far nobody is told of."""

    def one(code: str | None = None) -> Case:
        case = Case(services, client, code or client.assigned())
        case.handed = case.held.tip.seq
        ids.add(case.held.id)
        return case

    return one


@pytest.fixture
def case(opened: Callable[..., Case]) -> Case:
    return opened()


def refusal(watcher: Watcher, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    watcher.socket.subscribe(watcher.document, unit=watcher.unit, **watcher.more, **more)
    (message,) = watcher.socket.heard()
    assert message["type"] == "error", message
    error: dict[str, Any] = message["payload"][0]
    assert error["extensions"].pop("correlationId")
    return error


def rows(services: Services, name: str, connection: str) -> int:
    return sum(row.connection == connection for row in services.store.subscriptions(name, services.now()))


# Which entries, to whom.


def test_an_entry_is_told_to_its_unit_and_those_above(join: Callable[..., Watcher], case: Case) -> None:
    head, supervisor, inspector = join("HEAD", "22-XD"), join("SUPERVISOR", "22"), join("INSPECTOR", global_id("unit", "22-XD"))
    elsewhere = [join("INSPECTOR", "22-MT"), join("INSPECTOR", "01"), join("INSPECTOR", "22-XD", ALERTS)]
    everyone = [head, supervisor, inspector, *elsewhere]
    for watcher in everyone:
        assert watcher.subscribe()["gap"] is False
    case.step()
    case.hand_on()
    for watcher in (head, supervisor, inspector):
        (event,) = watcher.events()
        assert (event["id"], event["entry"]) == (f"{case.held.id}/4", {"seq": 4, "action": "STEP_COMPLETED"})
        assert event["dossier"] == {"code": case.code, "entries": 4, "applicant": None}
        assert (event["count"], event["version"], event["gap"], event["tracked"]) == (1, 4, False, None)
    assert [watcher.heard() for watcher in elsewhere] == [[], [], []]


def test_one_who_subscribes_hears_nothing_of_before(join: Callable[..., Watcher], case: Case, clock: SettableClock) -> None:
    first = join("HEAD", "22-XD")
    first.subscribe()
    case.step()
    case.hand_on()
    assert first.heard() == [4]
    clock.ahead += timedelta(seconds=6)
    second = join("HEAD", "22-XD")
    second.subscribe()
    assert second.heard() == []
    case.step("SITE")
    case.hand_on()
    assert [first.heard(), second.heard()] == [[5], [5]]


def test_each_level_is_told_to_those_who_ask_for_it_or_less(join: Callable[..., Watcher], case: Case) -> None:
    levels = [None, *(level.value for level in AlertLevel)]
    watchers = [join("HEAD", "22-XD", ALERTS, **({"least": level} if level else {})) for level in levels]
    above, feed = join("SUPERVISOR", "22", ALERTS, least="OVERDUE"), join("HEAD", "22-XD")
    for watcher in (*watchers, above, feed):
        watcher.subscribe()
    for level in AlertLevel:
        case.alert(level)
    case.hand_on()
    found = [[event["alert"]["level"] for event in watcher.events()] for watcher in (*watchers, above)]
    every = [level.value for level in AlertLevel]
    assert found == [every, every, every[1:], every[2:], every[3:], every[2:]]
    told = feed.events()  # an alert is an entry of the unit as any other
    assert [event["entry"]["action"] for event in told] == [RAISED] * 4
    assert [event["version"] for event in told] == [None] * 4


def test_an_alert_tells_what_its_entry_says(join: Callable[..., Watcher], case: Case) -> None:
    watcher = join("HEAD", "22-XD", ALERTS)
    watcher.subscribe()
    case.alert(AlertLevel.DUE_TODAY)
    case.step()
    case.hand_on()
    (event,) = watcher.events()
    (stored,) = case.held.dossier.alerts
    assert (event["id"], event["alert"]["level"]) == (f"{case.held.id}/4", "DUE_TODAY")
    assert datetime.fromisoformat(event["alert"]["observedAt"]) == stored.observed_at


def test_a_late_alert_is_told_at_the_reception_point(join: Callable[..., Watcher], client: Client, opened: Callable[..., Case]) -> None:
    submitted = client.move("submitDossier", "CITIZEN", procedure="XD-01", receptionPoint="06652-MC", channel="ONLINE",
                            applicant={"name": "An"})  # fmt: skip
    case = opened(submitted["dossier"]["code"])
    assert case.held.dossier.unit == "22-XD"
    desk = join("RECEPTION", "06652", ALERTS, "desk-1", claims={"units": ("06652-MC",)})
    inspector, feed, above = join("INSPECTOR", "06652", ALERTS), join("INSPECTOR", "06652"), join("SUPERVISOR", "22", ALERTS)
    for watcher in (desk, inspector, feed, above):
        watcher.subscribe()
    for level in AlertLevel:
        case.alert(level)
    case.hand_on()
    late = ["OVERDUE", "ESCALATED"]
    assert [event["alert"]["level"] for event in desk.events()] == late
    assert [event["alert"]["level"] for event in inspector.events()] == late
    assert [event["alert"]["level"] for event in above.events()] == [level.value for level in AlertLevel]  # each once
    assert feed.heard() == []


# Who may.


@pytest.mark.parametrize("document", ROOT)
def test_who_may_not_follow_and_no_such_unit_are_told_alike(join: Callable[..., Watcher], services: Services, document: str) -> None:
    refused = [
        (None, "22-XD"), ("CITIZEN", "22-XD"), ("ADMIN", "22-XD"), ("HEAD", "22"), ("HEAD", "22-MT"), ("OFFICER", "22"),
        ("OFFICER", "22-MT"), ("SUPERVISOR", "01"), ("RECEPTION", "22-XD"), ("RECEPTION", "06652"), ("INSPECTOR", "nowhere"),
        ("INSPECTOR", ""), ("INSPECTOR", "x" * 5000), ("INSPECTOR", "22:AT_RISK"), ("INSPECTOR", "a:b"),
    ]  # fmt: skip
    told = []
    for who, unit in refused:
        watcher = join(who, unit, document)
        told.append(refusal(watcher))
    names = ["unit:nowhere", "unit:22:AT_RISK", "alerts:nowhere:AT_RISK", "alerts:22:AT_RISK:AT_RISK"]
    assert services.store.watched(names, services.now()) == {}
    assert told == [{"message": "there is no such unit for you to watch", "extensions": {"code": "FORBIDDEN"}}] * len(refused)


@pytest.mark.parametrize(("who", "unit"), [
    ("HEAD", "22-XD"), ("SUPERVISOR", "22"), ("SUPERVISOR", "22-XD"), ("INSPECTOR", "22-XD"), ("INSPECTOR", "22"), ("OFFICER", "22-XD"),
    ("RECEPTION", "22"),
])  # fmt: skip
@pytest.mark.parametrize("document", ROOT)
def test_who_may_follow(join: Callable[..., Watcher], document: str, who: str, unit: str) -> None:
    assert join(who, unit, document).subscribe()["ready"]


def test_what_may_not_be_seen_is_not_told_at_all(join: Callable[..., Watcher], opened: Callable[..., Case], services: Services) -> None:
    services.store.register([Officer("officer-7", Role.OFFICER, "22-XD")], "22")
    mine, lead, other = opened(), join("OFFICER", "22-XD"), join("OFFICER", "22-XD", subject="officer-7")
    desk, far = join("RECEPTION", "22"), join("RECEPTION", "22", subject="desk-2", claims={"units": ("22-CN1",)})
    for watcher in (lead, other, desk, far):
        watcher.subscribe()
    mine.step()
    mine.hand_on()
    (event,) = lead.events()
    assert event["entry"] == {"seq": 4, "action": "STEP_COMPLETED"}
    (event,) = desk.events()
    assert (event["entry"], event["dossier"]["code"]) == (None, mine.code)
    assert [other.heard(), far.heard()] == [[], []]
    for watcher in (other, far, lead):  # nor when it is replayed
        watcher.subscribe("2", after=watcher.last)
    assert [watcher.heard() for watcher in (other, far, lead)] == [[], [], [4]]


def test_one_who_may_no_longer_follow_hears_so_and_nothing_more(
    join: Callable[..., Watcher], case: Case, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    head, inspector = join("HEAD", "22-XD"), join("INSPECTOR", "22-XD")
    for watcher in (head, inspector):
        watcher.subscribe()
    wrapped = services.store.officer
    moved = Officer("head-1", Role.HEAD, "22-MT")
    monkeypatch.setattr(services.store, "officer", lambda code: moved if code == "head-1" else wrapped(code))
    case.step()
    case.hand_on()
    (message,) = head.socket.heard()
    assert (message["type"], message["id"], message["payload"][0]["extensions"]["code"]) == ("error", "1", "FORBIDDEN")
    assert message["payload"][0]["message"] == "you may no longer watch this unit"
    assert inspector.heard() == [4]
    assert rows(services, "unit:22-XD", head.socket.id) == 0
    case.step("SITE")
    case.hand_on()
    assert head.socket.heard() == []


def test_one_who_loses_the_right_while_it_is_replayed_hears_no_more(
    join: Callable[..., Watcher], case: Case, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = join("HEAD", "22-XD")
    head.subscribe()
    case.step()
    case.hand_on()
    assert head.heard() == [4]
    wrapped, moved = services.store.subscribe, Officer("head-1", Role.HEAD, "22-MT")

    def subscribe(*given: Any) -> None:  # noqa: ANN401 - as the store takes it
        wrapped(*given)
        monkeypatch.setattr(services.store, "officer", lambda _: moved)

    monkeypatch.setattr(services.store, "subscribe", subscribe)
    head.socket.subscribe(FEED, "2", unit="22-XD", after=head.last)
    ready, error = head.socket.heard()
    assert ready["payload"]["data"]["unitFeed"]["ready"]
    assert (error["type"], error["payload"][0]["extensions"]["code"]) == ("error", "FORBIDDEN")


def test_one_whose_token_expires_hears_so(join: Callable[..., Watcher], case: Case, clock: SettableClock) -> None:
    short = join("HEAD", "22-XD", claims={"exp": int(present().timestamp()) + 60})
    short.subscribe()
    case.step()
    clock.ahead = timedelta(seconds=61)
    case.hand_on()
    (message,) = short.socket.heard()
    assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "UNAUTHENTICATED")


def test_a_row_that_cannot_be_read_hurts_nobody_else(join: Callable[..., Watcher], case: Case, services: Services) -> None:
    broken, head = join("HEAD", "22-XD"), join("HEAD", "22-XD")
    for watcher in (broken, head):
        watcher.subscribe()
    wrapped = services.store.subscriptions

    def subscriptions(*given: Any) -> Any:  # noqa: ANN401 - as the store takes it
        return [replace(row, viewer="x") if row.connection == broken.socket.id else row for row in wrapped(*given)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(services.store, "subscriptions", subscriptions)
        case.step()
        case.hand_on()
    assert [message["type"] for message in broken.socket.heard()] == ["error"]
    assert head.heard() == [4]


def test_an_event_is_executed_once_for_a_cohort(join: Callable[..., Watcher], case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    watchers = [join(who, "22-XD") for who in ("HEAD", "HEAD", "HEAD", "INSPECTOR", "OFFICER")]
    for watcher in watchers:
        watcher.subscribe()
    found: list[str] = []

    def noted(*given: Any) -> bytes:  # noqa: ANN401 - as the schema takes it
        found.append(given[1].scope)
        return rendered(*given)

    monkeypatch.setattr(rendering, "rendered", noted)
    case.step()
    case.hand_on()
    assert sorted(found) == ["role:HEAD", "role:INSPECTOR", "role:OFFICER"]
    assert [watcher.heard() for watcher in watchers] == [[4]] * 5


# Nothing vanishes.


def test_one_who_comes_again_hears_each_event_that_it_missed(join: Callable[..., Watcher], case: Case, clock: SettableClock) -> None:
    watcher = join("HEAD", "22-XD")
    watcher.subscribe()
    case.step()
    case.hand_on()
    assert watcher.heard() == [4]
    watcher.socket.say("complete", id="1")
    for step in ("SITE", "DRAFT"):
        case.step(step)
        case.hand_on()
        clock.ahead += timedelta(seconds=8)  # the older one has settled by the time it is read, the newer one not
    assert watcher.heard() == []
    last = watcher.last
    ready = watcher.subscribe("2", after=last)
    assert (ready["gap"], ready["cursor"]) == (False, last)
    assert watcher.heard() == [4, 5, 6, 7]  # what it has already comes again, under the same id; 6 is that DRAFT was at risk
    case.alert(AlertLevel.AT_RISK)
    case.hand_on()
    assert watcher.heard() == [8]


def test_a_wanted_feed_gets_its_rows_without_members_and_no_other_does(
    join: Callable[..., Watcher], case: Case, services: Services, clock: SettableClock
) -> None:
    watcher = join("INSPECTOR", "22-XD", ALERTS, least="ESCALATED")
    watcher.subscribe()
    watcher.socket.say("complete", id="1")
    start = before(services.now())
    case.alert(AlertLevel.ESCALATED)
    case.hand_on()
    (row,) = services.store.fed("alerts:22-XD:ESCALATED", start, None, 10)
    assert (row.subject, row.seq) == (case.held.id, 4)
    clock.ahead = timedelta(days=8, seconds=1)
    stream.handle({"Records": [record(entry) for entry in services.store.entries(case.held.id, 3, 1)]}, services)
    assert len(services.store.fed("alerts:22-XD:ESCALATED", start, None, 10)) == 1


def test_one_who_replays_is_passed_over_and_reads_on_by_itself(
    join: Callable[..., Watcher], case: Case, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher, wrapped = join("HEAD", "22-XD"), services.store.moved

    def moved(was: Subscription, now: Subscription) -> bool:
        if now.since is None:  # Its last read is done.
            return wrapped(was, now)
        case.step()
        case.hand_on()  # it replays still: not told
        assert len(watcher.socket.courier.to(watcher.socket.id)) == posted + 1
        done = wrapped(was, now)
        case.step("SITE")
        case.hand_on()  # it is LIVE: told, and found again by the last read
        return done

    monkeypatch.setattr(services.store, "moved", moved)
    posted = len(watcher.socket.courier.to(watcher.socket.id))
    watcher.subscribe()
    assert watcher.heard() == [5, 4, 5]
    monkeypatch.undo()
    case.step("DRAFT")
    case.hand_on()
    assert watcher.heard() == [6, 7]  # that it was at risk, and that it is done


def test_one_that_comes_between_the_heads_and_the_row_is_told(
    join: Callable[..., Watcher], case: Case, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher = join("INSPECTOR", "22-XD", ALERTS, least="OVERDUE")
    watcher.subscribe()
    watcher.socket.say("complete", id="1")
    wrapped = services.store.watched

    def watched(*given: Any) -> Any:  # noqa: ANN401 - as the store takes it
        heads = wrapped(*given)
        watcher.subscribe("2", after=watcher.last)
        return heads

    monkeypatch.setattr(services.store, "watched", watched)
    case.alert(AlertLevel.OVERDUE)
    case.hand_on()
    assert watcher.heard() == [4]


def test_a_backlog_longer_than_a_page_is_replayed_whole(
    join: Callable[..., Watcher], case: Case, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher = join("HEAD", "22-XD")
    watcher.subscribe()
    for level in AlertLevel:
        case.alert(level)
        case.hand_on()
    assert watcher.heard() == [4, 5, 6, 7]
    clock.ahead += timedelta(seconds=11)
    case.step()
    case.hand_on()
    assert watcher.heard() == [8]
    monkeypatch.setattr("casework.following.PAGE", 2)
    watcher.subscribe("2", after=watcher.last)
    found = watcher.heard()
    assert sorted(set(found)) == [4, 5, 6, 7, 8]


@pytest.mark.parametrize(("after", "gap"), [
    (timedelta(seconds=1), False), (KEPT - timedelta(minutes=1), False), (KEPT + timedelta(minutes=1), True), (None, True),
])  # fmt: skip
def test_age_decides_whether_there_is_a_gap(join: Callable[..., Watcher], services: Services, after: timedelta | None, gap: bool) -> None:  # noqa: FBT001
    given = cursor(services.now() - after) if after else cursor(services.now()).replace("1.", "0.")
    ready = join("HEAD", "22-XD").subscribe(after=given)
    assert ready["gap"] is gap
    assert (ready["cursor"] == given) is not gap


@pytest.mark.parametrize("after", ["", "x", "4", "2.1", "1.x", "1.9999999999999999"])
@pytest.mark.parametrize("document", ROOT)
def test_an_after_that_is_no_cursor_is_bad_user_input(join: Callable[..., Watcher], services: Services, document: str, after: str) -> None:
    watcher = join("HEAD", "22-XD", document)
    assert refusal(watcher, after=after)["extensions"]["code"] == "BAD_USER_INPUT"
    assert rows(services, "unit:22-XD", watcher.socket.id) == rows(services, "alerts:22-XD:AT_RISK", watcher.socket.id) == 0


def test_a_level_that_there_is_not_is_bad_user_input(join: Callable[..., Watcher]) -> None:
    assert refusal(join("HEAD", "22-XD", ALERTS, least="SOON"))["extensions"]["code"] == "BAD_USER_INPUT"


def slow(services: Services, times: int, ids: set[str]) -> Iterator[Services]:
    """Give services whose feeds are slow that many times."""
    wrapped, clock = services.store.feed, SettableClock()
    left = iter(range(times))

    def feed(name: str, row: Fed) -> None:
        wrapped(name, row)
        if row.subject in ids and next(left, None) is not None:
            clock.ahead += PUT + timedelta(seconds=1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(services.store, "feed", feed)
        yield replace(services, now=clock)


def test_a_row_that_comes_late_is_put_again(join: Callable[..., Watcher], case: Case, services: Services, ids: set[str]) -> None:
    watcher = join("HEAD", "22-XD")
    watcher.subscribe()
    case.step()
    for slowly in slow(services, TRIES - 1, ids):
        case.hand_on(slowly)
    (event,) = watcher.events()
    found = services.store.fed("unit:22-XD", before(case.held.tip.recorded_at or services.now()), None, 100)
    mine = [row for row in found if (row.subject, row.seq) == (case.held.id, 4)]
    assert len(mine) == TRIES
    assert event["cursor"] == cursor(mine[-1].arrived_at)


def test_a_store_that_stays_slow_holds_up_the_batch(join: Callable[..., Watcher], case: Case, services: Services, ids: set[str]) -> None:
    watcher = join("HEAD", "22-XD")
    watcher.subscribe()
    case.step()
    for slowly in slow(services, TRIES, ids):
        with pytest.raises(Unavailable, match="too long"):
            case.hand_on(slowly)
    assert watcher.heard() == []
    case.handed -= 1
    case.hand_on()
    assert watcher.heard() == [4]


def test_a_row_without_its_entry_is_passed_over(
    join: Callable[..., Watcher], case: Case, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    watcher = join("INSPECTOR", "22-XD")
    watcher.subscribe()
    services.store.feed("unit:22-XD", Fed(services.now(), "f" * 32, 1))
    case.step()
    case.hand_on()
    assert watcher.heard() == [4]
    watcher.subscribe("2", after=watcher.last)
    assert watcher.heard() == [4]
    assert "names an entry that there is not" in caplog.text


def test_a_client_that_goes_while_it_is_replayed_leaves_nothing(
    join: Callable[..., Watcher], case: Case, services: Services, courier: RecordingCourier, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher, again = join("HEAD", "22-XD"), join("HEAD", "22-XD")
    watcher.subscribe()
    for step in ("CHECK", "SITE"):
        case.step(step)
        case.hand_on()
    wrapped = courier.post

    def post(connection: str, message: str) -> bool:
        if connection == again.socket.id and f"{case.held.id}/" in message:
            courier.gone.add(connection)
        return wrapped(connection, message)

    monkeypatch.setattr(courier, "post", post)
    again.subscribe(after=watcher.last)
    assert again.heard() == []
    assert rows(services, "unit:22-XD", again.socket.id) == 0
    assert rows(services, "unit:22-XD", watcher.socket.id) == 1
