"""A store that was put back to how it was gets from the journal what its log had published since, whoever is killed where.

After that the log goes on from its newest checkpoint, and every export verifies against what was held before the loss.
"""

import copy
import io
import json
import random
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, cast

import boto3
import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from casework.actions import exports, sequencing
from casework.actions.amendments import Amending, amend
from casework.actions.deadlines import Sweeper
from casework.actions.incidents import Asked, Opening, open_incident
from casework.actions.inspections import Asked as Inspecting
from casework.actions.inspections import Opening as Inspected
from casework.actions.inspections import open_inspection
from casework.actions.procedures import publish
from casework.actions.recovering import Recovered, lacking, recover, recover_accesses
from casework.actions.sequencing import sequence
from casework.actions.tasks import begin, following_of, id_of, work
from casework.adapters.dynamo import DynamoStore
from casework.audit.note import Note
from casework.audit.verify import Scope, Trust, verify
from casework.commits import TRIES
from casework.journal import path
from casework.model.amending import Amendment, Moved
from casework.model.errors import Contended, Corrupt
from casework.model.export import Export, ExportState
from casework.model.inspection import InspectionScope
from casework.model.packing import moment
from casework.model.parties import Role, Viewer
from casework.model.record import DossierId
from casework.model.task import Task, TaskState
from casework.model.workdays import OverrideKind, legal_day
from casework.ports import OUTBOX_SHARDS, Held, Raced, Services
from casework.published import newest
from casework.steps import step
from handlers import sequencer
from local import engine as engines
from local.home import QUICK, REGION
from tests.bags import ALL, INSPECTOR, WITNESS, Exporting, dossier, full
from tests.casework.actions.test_amendments import next_worked
from tests.casework.actions.test_procedures import publishing
from tests.simulation.faults import Crash, Faults
from tests.simulation.soundness import unsound
from tests.simulation.store import SimulatedStore
from tests.simulation.tables import Place, Row
from tests.simulation.test_accesses import unmasked, view
from tests.simulation.test_erasing import erasing, over
from tests.simulation.test_log import PRIVATE, Shelf, leaves_of
from tests.simulation.worlds import DAY, HEAD, HOUR
from tests.stages import staged
from tests.support import Issuer, RecordingCourier, SettableClock, services_over

TABLES = ("subjects", "trail", "disclosures", "due", "alerts", "log", "accesses", "live", "register")
READ, WRITE = TypeDeserializer(), TypeSerializer()
AT = 1  # which look at the head is overtaken, where nothing was published before
ADMIN = Viewer(Role.ADMIN, "admin-1", ("22",))
Tables = dict[str, dict[Place, Row]]


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nothing between two tries."""
    monkeypatch.setattr("casework.commits.time.sleep", lambda seconds: None)


class Lost(Exporting):
    """A world of which a backup is taken, and that is put back to it after much has happened, all of it published."""

    def __init__(self, folder: Path, seed: int = 5) -> None:
        super().__init__(folder, seed)
        self.services = replace(
            self.services, journal=Shelf(), accesses_vault=Shelf(), accesses_journal=Shelf(),
            accesses_seal=type(self.seal)(self.services.accesses_log, PRIVATE),
        )  # fmt: skip

    def tables(self) -> Tables:
        return {name: copy.deepcopy(dict(getattr(self.store.engine, name))) for name in TABLES}

    def put_back(self, tables: Tables) -> None:
        """Make the tables what they were; an hour passes, in which nobody remembers what they had been."""
        self.clock.now += HOUR
        showing = (self.clock.now, self.clock.now)
        for name, rows in tables.items():
            table = getattr(self.store.engine, name)
            for place in [*table, *rows]:
                table.write(place, rows.get(place), self.clock.now, lambda: showing)
        self.clock.now += HOUR

    def recovered(self) -> tuple[Recovered, Recovered]:
        return recover(self.services), recover_accesses(self.services)


class OnTheEngine(Lost):
    """The same on the engine."""

    own: ClassVar[DynamoStore]
    engine: ClassVar[Any]
    stage = "restored"

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)  # noqa: S311 - to be repeated
        usual = services_over(self.own, Issuer(), RecordingCourier(), SettableClock())
        self.services = replace(usual, now=self.clock, entropy=self.chance.randbytes)
        self.store = cast("SimulatedStore", self.own)  # what is asked of it here is asked of any
        self._keys = (f"{self.seed}-{number}" for number in count())

    def tables(self) -> Tables:
        found: Tables = {}
        for name in TABLES:
            pages = self.engine.get_paginator("scan").paginate(TableName=f"giamsat-{self.stage}-{name}", ConsistentRead=True)
            rows = [{key: READ.deserialize(value) for key, value in item.items()} for page in pages for item in page["Items"]]
            found[name] = {tuple(row[key] for key in self._keys_of(name)): row for row in rows}
        return found

    def _keys_of(self, name: str) -> tuple[str, ...]:
        schema = self.engine.describe_table(TableName=f"giamsat-{self.stage}-{name}")["Table"]["KeySchema"]
        return tuple(key["AttributeName"] for key in schema)

    def put_back(self, tables: Tables) -> None:
        for name, rows in self.tables().items():
            table, keys = f"giamsat-{self.stage}-{name}", self._keys_of(name)
            for place in rows.keys() - tables[name].keys():
                self.engine.delete_item(TableName=table, Key={key: {"S": text} for key, text in zip(keys, place, strict=True)})
            for row in tables[name].values():
                self.engine.put_item(TableName=table, Item={key: WRITE.serialize(value) for key, value in row.items()})
        self.clock.now += 2 * HOUR
        self.store._cache.clear()  # type: ignore[attr-defined] # of the register


@dataclass
class Story:
    """What there was at the backup, at the loss, and who is in it."""

    world: Lost
    backup: Tables
    before: Tables
    held: Note  # the checkpoint at the loss
    old: DossierId
    fresh: DossierId
    forgotten: DossierId
    awaiting: tuple[DossierId, ...]  # a task, and two exports


def told(world: Lost) -> Story:
    """Let a backup be taken in the middle of what all kinds of subjects go through."""
    world.store.keep_swept(moment(world.clock.now)[:13])
    old, forgotten = world.received(), over(world)
    unmasked(world.services, old, "before")
    draft = replace(world.store.versions("XD-01")[0], code="XD-77", field="XD-77", version=0, published_on=None)
    today = legal_day(world.clock.now)
    publish(world.services, ADMIN, replace(draft, valid_from=today), publishing("first"))
    world.taken()
    world.insisted(world.some(old))  # waits for the log while the backup is taken
    backup = world.tables()
    world.clock.now += HOUR
    fresh = world.received()
    for subject in (old, fresh, old, fresh):
        world.insisted(world.some(subject))
    assert world.insisted(erasing(world, forgotten))
    publish(world.services, ADMIN, replace(draft, valid_from=today + DAY), publishing("second"))
    day = next_worked(world.services, today + 2 * DAY)
    done = amend(world.services, ADMIN, Amendment("1/VPCP", today, (Moved(day, OverrideKind.OFF),)), Amending("amend", "test", 1))
    begin(world.services, done.entry)
    opening = Opening("22-XD", "mất điện", "61/2018/NĐ-CP", stops_clocks=False)
    open_incident(world.services, HEAD, opening, Asked("open", "test", None))
    period = (world.clock.now - DAY, world.clock.now + DAY)
    open_inspection(
        world.services, INSPECTOR, Inspected(InspectionScope.ALL, None, *period, "đơn", "luật"), Inspecting("inspect", "test", None)
    )
    world.taken()
    asked = world.requested(full(old))
    ready = world.requested(full(fresh))
    world.clock.now += timedelta(minutes=2)
    world.taken()
    world.worked(ready.id)
    following = following_of(done.entry)
    assert following
    task = world.store.held(id_of(following))
    assert task
    work(world.services, task)
    for subject in (old, fresh):
        assert view(world.services, subject) is None
    unmasked(world.services, fresh, "after")
    return Story(world, backup, {}, world.witnessed(), old, fresh, forgotten, (task.id, asked.id, ready.id))


def lost(world: Lost | Path) -> Story:
    """Let all of that be lost."""
    story = told(Lost(world) if isinstance(world, Path) else world)
    story.before = story.world.tables()
    story.world.put_back(story.backup)
    return story


def by_itself(services: Services, held: Held) -> None:
    """Do what a row of the due table asks for that is none of a dossier."""
    exports.work(services, held) if isinstance(held.record, Export) else work(services, held)


def same(story: Story) -> None:
    """Hold the store to what it was: all that is published is there again, and nothing else has become of it."""
    now, before = story.world.tables(), story.before
    published = newest(story.world.services)
    assert published
    for name in ("trail", "alerts", "register"):
        assert now[name] == before[name], name
    assert {place: row["line"] for place, row in now["accesses"].items()} == {
        place: row["line"] for place, row in before["accesses"].items()
    }
    assert now["log"] == before["log"]
    kept = {place: row for place, row in before["subjects"].items() if place[1] in {"STATE", "CODE"}}
    for place, row in kept.items():
        apart = {"due_bucket", "due_moment", "due_level"}  # what goes on by itself does so now
        if place not in story.backup["subjects"]:
            apart.add("applicant_key")  # which follows from who the applicant is
        assert {name: value for name, value in now["subjects"][place].items() if name not in apart} == {
            name: value for name, value in row.items() if name not in apart
        }
    for row in now["subjects"].values():
        if row.get("due_bucket"):
            assert (row["due_bucket"], row["due_moment"]) in now["due"]
    open_before = {place for place, row in before["subjects"].items() if row.get("due_bucket")}
    assert {place for place, row in now["subjects"].items() if row.get("due_bucket")} == open_before


def test_all_that_was_published_is_there_again(tmp_path: Path) -> None:
    story = lost(tmp_path)
    world = story.world
    with pytest.raises(Corrupt, match="giamsat recover"):
        sequencer.handle({}, world.services)
    assert lacking(world.services) > 15
    assert lacking(world.services.second) == 3
    heard: list[int] = []
    found = recover(world.services, heard.append)
    others = recover_accesses(world.services)
    assert found.entries == len(story.before["trail"]) - len(story.backup["trail"])
    assert found.subjects == len({place[0] for place in story.before["trail"]} - {place[0] for place in story.backup["trail"]})
    assert sum(heard) == 2 * found.leaves, "each is proved, and then taken"
    assert found.erased > 1
    assert (others.entries, others.leaves) == (3, 3)
    same(story)
    assert world.recovered() == (Recovered(), Recovered()), "there is nothing left to do"


def test_it_goes_on_and_everything_verifies(tmp_path: Path) -> None:
    story = lost(tmp_path)
    story.world.recovered()
    goes_on(story)
    # The texts of what was put back are gone, which nothing else may be.
    assert [one for one in unsound(story.world.store) if "disclosures is not" not in one and "erased them" not in one] == []


def goes_on(story: Story) -> None:
    """Let everybody go on, and verify what they come to against what was held before the loss."""
    world = story.world
    for subject in (story.old, story.fresh):
        assert any(world.insisted(world.some(subject)) for _ in range(50)), "something can be done with it"
    for _ in range(3):
        world.clock.now += DAY
        Sweeper(world.services, by_itself).round()
    states = {held.record.state for held in map(world.store.held, story.awaiting) if held and isinstance(held.record, Task | Export)}
    assert states == {TaskState.DONE, ExportState.READY}
    trust = Trust(world.key, WITNESS, str(story.held), now=world.clock.now.timestamp())
    for wanted, scope in ((ALL, Scope("ALL")), (full(story.old), dossier(story.old)), (full(story.fresh), dossier(story.fresh))):
        report = verify(io.BytesIO(world.exported(wanted, witnessed=True)), scope, trust, deep=True)
        assert report.failure is None, report.failure
        assert set(report.limits) <= {"WITHHELD"}
        assert report.unerased == 0


def test_on_the_engine(store: DynamoStore, engine: engines.Engine, tmp_path: Path) -> None:
    with staged(OnTheEngine.stage, store, engine) as own:
        OnTheEngine.own = own
        OnTheEngine.engine = boto3.client("dynamodb", endpoint_url=engine.endpoint, region_name=REGION, config=QUICK)
        story = lost(OnTheEngine(tmp_path))
        with pytest.raises(Corrupt, match="giamsat recover"):
            sequencer.handle({}, story.world.services)
        found, others = story.world.recovered()
        assert found.entries == len(story.before["trail"]) - len(story.backup["trail"])
        assert others.entries == 3
        same(story)
        goes_on(story)


def test_texts_that_came_after_the_backup_are_gone_and_no_others(tmp_path: Path) -> None:
    story = lost(tmp_path)
    story.world.recovered()
    now = story.world.tables()["disclosures"]
    assert now.keys() <= story.backup["disclosures"].keys()
    for place, row in story.backup["disclosures"].items():
        if place[0] != story.forgotten:
            assert now[place] == row
    erased = story.before["disclosures"]
    assert {p: r for p, r in now.items() if p[0] == story.forgotten} == {
        p: r for p, r in erased.items() if p[0] == story.forgotten and p in story.backup["disclosures"]
    }


def test_whoever_is_killed_at_any_call_goes_on(tmp_path: Path) -> None:
    story = lost(tmp_path)
    world, deaths = story.world, 0
    for after in (False, True):
        for call in range(1, 1000, 3):
            world.put_back(story.backup)
            world.store.faults = Faults(crash_at=call, crash_after=after)
            try:
                world.recovered()
            except Crash:
                deaths += 1
            else:
                break
            finally:
                world.store.faults = Faults()
            world.recovered()
            same(story)
    assert deaths > 40


def test_under_all_faults(tmp_path: Path) -> None:
    story = lost(tmp_path)
    world = story.world
    for _ in range(5):
        world.put_back(story.backup)
        world.store.faults = Faults(throttled=0.03, conflict=0.1, lost=0.05, delayed=0.05, resent=0.05)
        tried = len(world.tried)
        assert world.insisted(world.recovered)
        assert len(world.tried) > tried + 1, "it was cut short"
        world.store.faults = Faults()
        world.clock.now += HOUR
        world.store.place("f", "s")  # what was put off is made by now
        same(story)


def test_nothing_is_written_where_the_journal_does_not_lead_to_the_checkpoint(tmp_path: Path) -> None:
    story = lost(tmp_path)
    world = story.world
    assert isinstance(world.services.journal, Shelf)
    start = world.store.log_head().size
    there = world.services.journal.there
    was = there[path(start)]
    line = was.split(b"\n")[0]
    stood = world.tables()
    for forged, tells in (
        (was.replace(line, line.replace(b'"seq":', b'"sEq":')), "cannot be read"),
        (was.replace(line, line.replace(b'"request":"', b'"request":"x')), "another entry"),
        (bytes([was[0] ^ 1]) + was[1:], "another|cannot be read|does not lead"),
        (was.replace(line[2:66], b"0" * 64), "another entry"),
        (b"\n".join([*was.split(b"\n")[:-2], b""]), "does not lead|nothing that begins"),
    ):
        there[path(start)] = forged
        with pytest.raises(Corrupt, match=tells):
            recover(world.services)
        assert world.tables() == stood
    there[path(start)] = was
    last = max(there)
    opened = b"02" + b"00" * 72 + b" \n"  # a leaf more than the checkpoint has
    there[last], kept = there[last] + opened, there[last]
    with pytest.raises(Corrupt, match="does not lead"):
        recover(world.services)
    assert world.tables() == stood
    there[last] = kept
    del there[path(start)]
    with pytest.raises(Corrupt, match="nothing that begins at leaf"):
        recover(world.services)
    assert world.tables() == stood
    there[path(start)] = was
    world.recovered()
    same(story)


def test_what_was_proved_is_what_is_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file is read twice; one that is changed in between is not taken."""
    story = lost(tmp_path)
    world = story.world
    other = Lost(tmp_path / "other", 6)
    for _ in range(3):
        other.received()
    other.taken()
    theirs = other.services.journal
    ours = world.services.journal
    assert isinstance(ours, Shelf)
    assert isinstance(theirs, Shelf)
    start, reads, usual = path(world.store.log_head().size), 0, ours.read

    def read(place: str) -> bytes | None:
        nonlocal reads
        reads += place == start
        return theirs.there[path(0)] if place == start and reads == 2 else usual(place)

    stood = world.tables()
    monkeypatch.setattr(ours, "read", read)
    with pytest.raises(Corrupt, match="was changed meanwhile"):
        recover(world.services)
    assert world.tables() == stood
    world.recovered()
    same(story)


def test_a_state_that_was_changed_in_the_backup_is_told(tmp_path: Path) -> None:
    story = lost(tmp_path)
    world = story.world
    table = world.store.engine.subjects
    row = dict(table[story.old, "STATE"])
    state = json.loads(row["state"])
    row["state"] = json.dumps({**state, "channel": "POST" if state["channel"] != "POST" else "ONLINE"})
    table.write((story.old, "STATE"), row, world.clock.now, lambda: (world.clock.now, world.clock.now))
    with pytest.raises(Corrupt, match="does not lead to the state that it commits to"):
        recover(world.services)


@pytest.mark.parametrize(("row", "tells"), [(None, "has no entry 1 of"), ("{}", "has another entry 1 of")])
def test_tables_of_different_instants_are_told(tmp_path: Path, row: str | None, tells: str) -> None:
    """A state that has an entry which the trail lacks, or has otherwise, is not taken for one that is whole."""
    world = Lost(tmp_path)
    late = world.received()
    backup = world.tables()
    world.taken()
    place = min(place for place in backup["trail"] if place[0] == late)
    if row is None:
        del backup["trail"][place]
    else:
        backup["trail"][place] = {**backup["trail"][place], "line": row}
    world.put_back(backup)
    with pytest.raises(Corrupt, match=tells):
        recover(world.services)


def test_a_store_that_was_written_to_in_between_is_refused(tmp_path: Path) -> None:
    story = lost(tmp_path)
    world = story.world
    assert world.insisted(world.some(story.old))
    with pytest.raises(Corrupt, match="let nothing write") as refused:
        recover(world.services)
    put_back = len(world.tables()["trail"]) - len(story.backup["trail"]) - 1
    assert refused.value.__notes__ == [f"{put_back} entries of {world.services.log} were put back before that, and stay"]
    with pytest.raises(Corrupt, match="the store was restored"):
        sequencer.handle({}, world.services)


def test_what_was_kept_and_never_signed_is_taken_too(tmp_path: Path) -> None:
    """Else nothing could ever be kept in its place."""
    story = told(Lost(tmp_path))
    world = story.world
    late = world.received()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.vault, "publish", lambda size, note: None)
        sequencer.handle({}, world.services)
    story.before = world.tables()
    published = newest(world.services)
    assert published
    assert published.checkpoint.size < world.store.log_head().size
    world.put_back(story.backup)
    world.recovered()
    assert world.store.held(late)
    same(story)
    world.received()
    assert sequencer.handle({}, world.services)["published"] > published.checkpoint.size


def test_a_store_at_the_checkpoint_whose_journal_goes_on_is_told_what_to_do(tmp_path: Path) -> None:
    world = Lost(tmp_path)
    world.received()
    world.taken()
    backup = world.tables()
    late = world.received()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.vault, "publish", lambda size, note: None)
        sequencer.handle({}, world.services)
    world.put_back(backup)
    head = world.store.log_head()
    assert lacking(world.services) > 0
    other = world.received()
    with pytest.raises(Corrupt, match=r"its journal goes on behind them: the store was restored\. Run `giamsat recover`"):
        sequencer.handle({}, world.services)
    assert world.store.log_head() == head, "what nobody could keep is not taken"
    world.put_back(backup)
    assert world.store.held(other) is None
    assert recover(world.services).entries == 2
    assert lacking(world.services) == 0
    assert world.store.held(late)
    world.received()
    assert sequencer.handle({}, world.services)["published"] > head.size


def test_what_was_kept_before_the_first_checkpoint_is_taken_too(tmp_path: Path) -> None:
    world = Lost(tmp_path)
    backup = world.tables()
    late = world.received()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.vault, "publish", lambda size, note: None)
        sequencer.handle({}, world.services)
    assert newest(world.services) is None
    world.put_back(backup)
    assert lacking(world.services) > 0
    assert recover(world.services).entries == 2
    assert world.store.held(late)
    assert lacking(world.services) == 0


@pytest.mark.parametrize(("slow", "told"), [("commit", "entry 1 of .* cannot be put back"), ("take", "the log does not take what begins")])
def test_a_store_that_never_takes_it_is_told_and_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slow: str, told: str) -> None:
    story = lost(tmp_path)
    world, tries = story.world, 0

    def refused(*_: object) -> bool:
        nonlocal tries
        tries += 1
        if slow == "commit":
            raise Raced
        return False

    with monkeypatch.context() as patch:
        patch.setattr(world.store, slow, refused)
        with pytest.raises(Contended, match=f"{told}.*: run it again, .* if that goes on, restore all tables to the same instant"):
            recover(world.services)
    assert tries == TRIES
    world.recovered()
    same(story)


def test_two_at_once_put_back_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    story = lost(tmp_path)
    world, usual, calls = story.world, step, 0

    def overtaken(*given: Any) -> Any:  # noqa: ANN401 - as it takes and gives
        nonlocal calls
        calls += 1
        if calls == 1:
            world.recovered()  # another run takes all there is, while this one has put its step back
        return usual(*given)

    monkeypatch.setattr("casework.actions.recovering.step", overtaken)
    assert recover(world.services).leaves == 0
    assert calls > 1
    same(story)


def test_a_long_way_of_the_journal_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sequencer that could not publish for hours keeps what came meanwhile, however often it is killed, and asks for little twice."""
    monkeypatch.setattr(sequencing, "MOST_TAKEN", 1)
    world = Lost(tmp_path)
    for _ in range(12):
        world.received()
    while sequencing.sequence(world.services).count:
        pass
    journal = world.services.journal
    assert isinstance(journal, Shelf)
    put, puts = journal.put, 0

    def killed(path: str, data: bytes) -> None:
        nonlocal puts
        puts += 1
        if puts % 8 == 0:
            raise Crash(puts, done=False)
        put(path, data)

    monkeypatch.setattr(journal, "put", killed)
    runs = 0
    while newest(world.services) is None:
        runs += 1
        assert runs < 20, "it comes no further"
        with suppress(Crash):
            sequencing.publish(world.services)
    steps = len(world.store.steps(0, world.store.log_head().size))
    assert (len(journal.there), runs > 2) == (steps, True)
    assert puts < steps + 3 * runs


def test_a_code_that_was_given_twice_is_told(tmp_path: Path) -> None:
    story = lost(tmp_path)
    other = story.world.opening()().held
    lost_one = json.loads(story.before["subjects"][story.fresh, "STATE"]["state"])["code"]
    assert other.dossier.code == lost_one
    with pytest.raises(Contended, match=f"its code {lost_one} was given to another dossier, {other.id}"):
        story.world.recovered()


def test_a_run_that_another_overtakes_has_nothing_to_publish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs overlap each minute: while one reads the newest checkpoint, the other takes more and publishes it."""
    world, usual, calls = Lost(tmp_path), newest, 0
    world.received()
    world.taken()

    def overtaken(services: Services) -> Any:  # noqa: ANN401 - as it gives
        nonlocal calls
        calls += 1
        if calls == 1:
            world.received()
            assert sequencer.handle({}, world.services)["taken"] > 0
        return usual(services)

    monkeypatch.setattr(sequencing, "newest", overtaken)
    assert sequencing.publish(world.services) is None
    assert calls > 1


def test_a_run_that_another_overtakes_takes_nothing_for_a_restored_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one run holds a head, the other takes what follows, and keeps it in the journal."""
    world = Lost(tmp_path)
    world.received()
    usual, heads = world.store.log_head, list[Any]()

    def overtaken() -> Any:  # noqa: ANN401 - as it gives
        heads.append(head := usual())
        if len(heads) == AT:
            assert sequence(world.services).count > 0
            assert sequencing.publish(world.services)
        return head

    monkeypatch.setattr(world.store, "log_head", overtaken)
    assert sequence(world.services).count == 0
    assert len(heads) > AT


def test_what_is_published_is_in_the_journal_first(tmp_path: Path) -> None:
    """Killed at any call, there is no checkpoint whose entries the journal does not have."""
    for call in range(1, 100):
        world = Lost(tmp_path / str(call), call)
        for _ in range(2):
            world.insisted(world.some(world.received()))
        world.store.faults = Faults(crash_at=call)
        died = False
        try:
            sequencer.handle({}, world.services)
        except Crash:
            died = True
        world.store.faults = Faults()
        journal = world.services.journal
        assert isinstance(journal, Shelf)
        kept = sum(found.count(b"\n") for found in journal.there.values())
        published = newest(world.services)
        assert kept >= (published.checkpoint.size if published else 0)
        if not died:
            assert kept == len(leaves_of(world.services)) > 0
            return
    pytest.fail("it was killed each time")


def test_an_entry_that_is_in_the_log_and_gone_from_the_trail_is_not_published(tmp_path: Path) -> None:
    world = Lost(tmp_path)
    subject = world.received()
    sequence(world.services)
    table = world.store.engine.trail
    place = next(place for place in table if place[0] == subject)
    table.write(place, None, world.clock.now, lambda: (world.clock.now, world.clock.now))
    with pytest.raises(Corrupt, match="in the log and not in the trail"):
        sequencer.handle({}, world.services)
    assert newest(world.services) is None
    assert not any(world.store.outbox(shard, 1) for shard in range(OUTBOX_SHARDS))
