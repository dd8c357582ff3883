"""Exports as they are asked for and made: whoever dies, comes late or works beside another, the file is the same, and whole."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from casework.actions import exports
from casework.actions.exports import Asked, Wanted, path_of, request_export
from casework.adapters.depot import FolderDepot
from casework.audit.bundle import STATES
from casework.audit.verify import Scope, Trust
from casework.model.errors import Corrupt, Invalid, Unavailable
from casework.model.export import KEPT, ExportForm, ExportScope, ExportState
from casework.model.packing import moment
from casework.model.parties import Role, Viewer
from casework.model.record import DossierId
from casework.ports import Held
from casework.views import decided
from handlers import sweep
from tests.bags import ALL, INSPECTOR, WITNESS, Exporting, dossier, full, judged, light, opened
from tests.simulation.faults import Crash, Faults
from tests.verification import recompute

UNIT = "22-XD"


@pytest.fixture
def world(tmp_path: Path) -> Exporting:
    return Exporting(tmp_path)


def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be many steps, of which one takes all the time that a worker has."""
    for name in ("LEAVES_STEP", "BEGUN_STEP", "NUMBERS_STEP"):
        monkeypatch.setattr(exports, name, 2)


def slow(world: Exporting, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let time go by whenever somebody looks, so that a worker makes a step or two before he keeps what is done."""
    monkeypatch.setattr(exports, "SLICE", timedelta(seconds=1))
    usual = world.services.now

    def later() -> datetime:
        world.clock.now += timedelta(milliseconds=300)
        return usual()

    world.services = replace(world.services, now=later)


def worked_out(world: Exporting, asked: DossierId) -> list[Held]:
    """Have an export made; gives what it came to, time by time."""
    seen: list[Held] = []
    for _ in range(80):
        held = world.store.held(asked)
        assert held
        exports.work(world.services, held)
        here = world.store.held(asked)
        assert here
        seen.append(here)
        if world.export(asked).state in {ExportState.READY, ExportState.FAILED}:
            return seen
        world.clock.now += timedelta(seconds=1)
    raise AssertionError(f"it never ends: {world.export(asked)}")


def period(world: Exporting) -> tuple[Wanted, Scope]:
    at = (world.clock.now - timedelta(days=1), world.clock.now + timedelta(days=1))
    return Wanted(ExportScope.UNIT, ExportForm.FULL, UNIT, *at), Scope("UNIT", unit=UNIT, begin=moment(at[0]), end=moment(at[1]))


# Who may ask for what.


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.INSPECTOR])
def test_only_inspectors_ask(world: Exporting, role: Role) -> None:
    subject = world.received()
    with pytest.raises(Invalid) as caught:
        request_export(world.services, Viewer(role, "somebody"), full(subject), Asked("k", "test", None))
    assert caught.value.code == "NOT_YOUR_MOVE"


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (full("0" * 32), "UNKNOWN_DOSSIER"),
        (Wanted(ExportScope.UNIT, ExportForm.FULL, "nowhere"), "UNKNOWN_UNIT"),
        (Wanted(ExportScope.ALL, ExportForm.LIGHT), "BAD_FORM"),
    ],
)
def test_what_is_not_there_is_not_exported(world: Exporting, wanted: Wanted, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        world.requested(wanted)
    assert caught.value.code == code


def test_a_deployment_without_a_log_says_so(world: Exporting) -> None:
    subject = world.received()
    for services in (replace(world.services, depot=None), replace(world.services, vault=None)):
        with pytest.raises(Invalid) as caught:
            request_export(services, INSPECTOR, full(subject), Asked("k", "test", None))
        assert caught.value.code == "NO_LOG"


def test_a_request_that_comes_again_is_the_same_export(world: Exporting) -> None:
    subject = world.received()
    first, again = (request_export(world.services, INSPECTOR, full(subject), Asked("k", "test", "same")) for _ in range(2))
    assert (first.held.id, first.entry.hash) == (again.held.id, again.entry.hash)
    with pytest.raises(Invalid) as caught:
        request_export(world.services, INSPECTOR, light(subject), Asked("k", "test", "other"))
    assert caught.value.code == "IDEMPOTENCY_KEY_REUSED"
    world.clock.now += timedelta(days=3)  # the memory is gone
    with pytest.raises(Invalid) as caught:
        request_export(world.services, INSPECTOR, light(subject), Asked("k", "test", "other"))
    assert caught.value.code == "IDEMPOTENCY_KEY_REUSED"


def test_only_inspectors_see_one(world: Exporting) -> None:
    held = world.requested(full(world.received()))
    for role in Role:
        decision = decided(world.services, Viewer(role, "somebody", (UNIT,)), held)
        assert decision.sees is (role is Role.INSPECTOR)


# Made.


def test_the_sweep_makes_it_and_takes_it_away(world: Exporting) -> None:
    subject = world.received()
    asked = world.requested(full(subject))
    world.taken()
    world.store.keep_swept(moment(world.clock.now)[:13])

    def swept() -> None:
        rested: list[float] = []
        sweep.handle({}, world.services, rested.append, lambda: not rested)

    swept()
    made = world.export(asked.id)
    assert (made.state, made.done, made.steps) == (ExportState.READY, 2, 2)
    raw = b"".join(world.depot.read(path_of(asked.id)))
    assert (len(raw), judged(raw, dossier(subject), Trust(world.key)).failure) == (made.bytes, None)
    entries = world.store.entries(asked.id, 0, 10)
    assert [entry.body["action"] for entry in entries] == ["EXPORT_REQUESTED", "EXPORT_STARTED", "EXPORT_READY"]
    assert {entry.correlation for entry in entries} == {entries[0].correlation}, "under the id of the request"
    world.clock.now += KEPT + timedelta(seconds=1)
    swept()
    assert world.export(asked.id).state is ExportState.EXPIRED
    with pytest.raises(FileNotFoundError):
        list(world.depot.read(path_of(asked.id)))
    assert not (world.folder / "exports" / asked.id).exists()
    held = world.store.held(asked.id)
    assert held
    assert held.due is None
    assert recompute.problems(world.store.scanned()) == []


def test_the_same_request_at_the_same_checkpoint_gives_the_same_bytes(world: Exporting) -> None:
    subjects = [world.received() for _ in range(3)]
    wanted, scope = period(world)
    several = [full(subjects[0]), light(subjects[1]), wanted]
    asked = [world.requested(one) for one in (*several, *several)]
    world.taken()
    for held in asked[:3]:
        world.worked(held.id)
    # Whatever is written behind the checkpoint changes nothing.
    for subject in subjects:
        for _ in range(8):
            world.insisted(world.some(subject))
    for held in asked[3:]:
        world.worked(held.id)
    raws = [b"".join(world.depot.read(path_of(held.id))) for held in asked]
    assert raws[:3] == raws[3:]
    assert judged(raws[5], scope, Trust(world.key)).failure is None


def test_it_goes_on_where_it_was(world: Exporting, monkeypatch: pytest.MonkeyPatch) -> None:
    small_steps(monkeypatch)
    subjects = [world.received() for _ in range(6)]
    wanted, scope = period(world)
    asked = world.requested(wanted)
    world.taken()
    slow(world, monkeypatch)
    seen = [(one.state, one.done) for one in map(exports._export, worked_out(world, asked.id))]
    counts = [done for state, done in seen if state is ExportState.RUNNING]
    assert len(set(counts)) > 4, f"it makes progress that is seen: {seen}"
    assert counts == sorted(counts)
    assert seen[-1][0] is ExportState.READY
    raw = b"".join(world.depot.read(path_of(asked.id)))
    report = judged(raw, scope, Trust(world.key))
    assert (report.failure, report.subjects) == (None, len(subjects))


def test_a_worker_that_is_killed_at_any_call_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_steps(monkeypatch)
    crashes = 0
    expected: bytes | None = None
    for after in (False, True):
        for call in range(1, 200):
            world = Exporting(tmp_path / f"{after}-{call}", seed=7)
            for _ in range(3):
                world.received()
            wanted, _ = period(world)
            asked = world.requested(wanted)
            world.taken()
            slow(world, monkeypatch)
            world.store.faults = Faults(crash_at=call, crash_after=after)
            died = False
            try:
                worked_out(world, asked.id)
            except Crash:
                died, crashes = True, crashes + 1
            world.store.faults = Faults()
            if world.export(asked.id).state is not ExportState.READY:
                worked_out(world, asked.id)
            assert world.export(asked.id).state is ExportState.READY, f"killed at {call}: {world.export(asked.id).failure}"
            raw = b"".join(world.depot.read(path_of(asked.id)))
            expected = expected or raw
            assert raw == expected, f"killed at {call}"
            assert recompute.problems(world.store.scanned()) == []
            if not died:
                break
    assert crashes > 30


def test_a_worker_who_comes_late_spoils_nothing(world: Exporting, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has loaded the export before another ended it finds its parts gone."""
    small_steps(monkeypatch)
    for _ in range(4):
        world.received()
    asked = world.requested(period(world)[0])
    world.taken()
    slow(world, monkeypatch)
    first = world.store.held(asked.id)
    assert first
    *before, ready = [first, *worked_out(world, asked.id)]
    file = world.folder / "exports" / path_of(asked.id)
    raw = file.read_bytes()
    assert not (world.folder / "exports" / asked.id / "parts").exists()
    for stale in before:
        for _ in range(3):
            exports._stepped(world.services, stale)
        assert world.store.held(asked.id) == ready
        assert file.read_bytes() == raw


def test_a_fault_of_a_worker_who_comes_late_is_no_fault_of_the_export(world: Exporting, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = world.requested(full(world.received()))
    world.taken()
    first = world.store.held(asked.id)
    world.worked(asked.id)
    file = world.folder / "exports" / path_of(asked.id)
    raw = file.read_bytes()

    def broken(*_: object) -> None:
        raise Corrupt("what it reads is changed")

    monkeypatch.setattr(exports, "newest", broken)
    assert first
    assert exports._stepped(world.services, first) is None
    assert world.export(asked.id).state is ExportState.READY
    assert file.read_bytes() == raw


def test_parts_that_are_gone_are_made_again(world: Exporting, monkeypatch: pytest.MonkeyPatch) -> None:
    small_steps(monkeypatch)
    for _ in range(4):
        world.received()
    wanted, scope = period(world)
    asked = world.requested(wanted)
    world.taken()
    slow(world, monkeypatch)
    while world.export(asked.id).done < 3:
        held = world.store.held(asked.id)
        assert held
        exports.work(world.services, held)
    world.depot.remove(f"{asked.id}/parts")
    assert world.export(asked.id).state is ExportState.RUNNING
    worked_out(world, asked.id)
    assert world.export(asked.id).state is ExportState.READY
    assert judged(b"".join(world.depot.read(path_of(asked.id))), scope, Trust(world.key)).failure is None


@pytest.mark.parametrize("form", list(ExportForm))
@pytest.mark.parametrize(("first", "second"), [(200, -200), (-200, 200), (200, 300), (-300, -200), (30_000, -20_000)])
@pytest.mark.parametrize("side", ["begins", "ends", "both"])
@pytest.mark.parametrize("behind", [1, 3])
def test_numbers_that_do_not_follow_the_times_at_the_end_of_a_period(
    world: Exporting, form: ExportForm, first: int, second: int, side: str, behind: int
) -> None:
    """Clocks of two writers differ, or a marker is seen late: one is recorded after the one behind it. In milliseconds."""
    other = world.received()
    world.taken()
    middle = world.clock.now + timedelta(hours=5)
    subjects = []
    for late in (first, second):
        world.clock.now = middle + timedelta(milliseconds=late)
        subjects.append(world.received())
        world.taken()
    at = [world.store.entries(subject, 0, 1)[0].recorded_at for subject in subjects]
    world.clock.now = middle + timedelta(days=5)
    subjects += [world.received() for _ in range(behind)]
    day = timedelta(days=1)
    begin, end = {"begins": (middle, middle + day), "ends": (middle - day, middle), "both": (middle, middle + timedelta(seconds=1))}[side]
    asked = world.requested(Wanted(ExportScope.UNIT, form, UNIT, begin, end))
    world.taken()
    world.worked(asked.id)
    raw = b"".join(world.depot.read(path_of(asked.id)))
    report = judged(raw, Scope("UNIT", unit=UNIT, begin=moment(begin), end=moment(end)), Trust(world.key))
    assert report.failure is None
    inside = {str(json.loads(line)["subject"]) for line in opened(raw)[STATES].splitlines()}
    wanted = {subject for subject, then in zip(subjects, at, strict=False) if begin <= then < end}
    wanted |= {other} if begin <= world.store.entries(other, 0, 1)[0].recorded_at < end else set()
    assert wanted <= inside
    if at == sorted(at):
        assert inside == wanted


def test_two_workers_at_once_make_it_once(world: Exporting) -> None:
    subject = world.received()
    asked = world.requested(full(subject))
    world.taken()
    held = world.store.held(asked.id)
    assert held
    exports.work(world.services, held)
    exports.work(world.services, held)  # as it was read before
    actions = [entry.body["action"] for entry in world.store.entries(asked.id, 0, 20)]
    assert actions == ["EXPORT_REQUESTED", "EXPORT_STARTED", "EXPORT_READY"]


def test_a_depot_that_does_not_answer_is_asked_again(world: Exporting, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = world.received()
    asked = world.requested(full(subject))
    world.taken()
    held = world.store.held(asked.id)
    assert held
    with monkeypatch.context() as patch:

        def write(*_: object) -> None:
            raise Unavailable("the folder of exports cannot be used")

        patch.setattr(FolderDepot, "write", write)
        with pytest.raises(Unavailable):
            exports.work(world.services, held)
    assert world.export(asked.id).state is ExportState.RUNNING
    world.worked(asked.id)
    assert world.export(asked.id).state is ExportState.READY


# Which checkpoint.


def test_it_waits_for_the_log_and_not_for_ever(world: Exporting) -> None:
    subject = world.received()
    asked = world.requested(full(subject))

    def worked() -> ExportState:
        held = world.store.held(asked.id)
        assert held
        exports.work(world.services, held)
        return world.export(asked.id).state

    assert worked() is ExportState.REQUESTED
    world.clock.now += exports.WAITS
    assert worked() is ExportState.FAILED
    assert "published nothing yet" in (world.export(asked.id).failure or "")
    world.taken()
    again = world.requested(full(subject))  # what is new is not in the log
    held = world.store.held(again.id)
    assert held
    exports.work(world.services, held)
    assert world.export(again.id).state is ExportState.REQUESTED
    world.clock.now += exports.WAITS
    world.worked(again.id)
    assert world.export(again.id).state is ExportState.READY


def test_it_waits_for_a_witness_where_there_is_one(world: Exporting) -> None:
    subject = world.received()
    world.witnessed()
    asked = world.requested(full(subject))
    world.taken()
    held = world.store.held(asked.id)
    assert held
    exports.work(world.services, held)
    assert world.export(asked.id).state is ExportState.REQUESTED
    world.witnessed()
    world.worked(asked.id)
    raw = b"".join(world.depot.read(path_of(asked.id)))
    assert judged(raw, dossier(subject), Trust(world.key, WITNESS)).limits == ["NO_HELD_CHECKPOINT"]
    late = world.requested(full(subject))
    world.taken()
    world.clock.now += exports.WAITS
    world.worked(late.id)
    raw = b"".join(world.depot.read(path_of(late.id)))
    assert judged(raw, dossier(subject), Trust(world.key)).limits == ["NO_HELD_CHECKPOINT", "NO_WITNESS"]


def test_what_is_no_cosigned_checkpoint_stops_nothing(world: Exporting) -> None:
    subject = world.received()
    world.witnessed()
    for file in (world.folder / "log" / "cosigned").iterdir():
        file.write_text("junk")
    (world.folder / "log" / "cosigned" / "x.tmp").write_text("junk")
    raw = world.exported(full(subject))
    assert judged(raw, dossier(subject), Trust(world.key)).failure is None


# Everything.


def test_everything_is_everything(world: Exporting) -> None:
    for _ in range(4):
        world.received()
    raw = world.exported(ALL)
    report = judged(raw, Scope("ALL"), Trust(world.key), deep=True)
    assert (report.failure, report.subjects, report.entries) == (None, 5, 9)


def test_addresses_hold_for_a_while(world: Exporting) -> None:
    asked = world.requested(full(world.received()))
    world.taken()
    world.worked(asked.id)
    address = world.depot.link(path_of(asked.id), world.clock.now + timedelta(hours=1))
    path, _, query = address.removeprefix("http://localhost/exports/").partition("?")
    given = dict(part.split("=") for part in query.split("&"))

    def opened(now: object = None, **more: str) -> Path | None:
        return world.depot.opened(**{"path": path, **given, **more}, now=now or world.clock.now)  # type: ignore[arg-type] # texts

    found = opened()
    assert found
    assert found.read_bytes() == b"".join(world.depot.read(path_of(asked.id)))
    assert opened(world.clock.now + timedelta(hours=2)) is None
    assert opened(until=str(int(given["until"]) + 9)) is None
    assert opened(signature="0" * 64) is None
    assert opened(signature="é") is None
    assert opened(path="../keys/log.pem") is None
    other = FolderDepot(world.folder / "exports", b"other", "")
    assert other.opened(path, given["until"], given["signature"], world.clock.now) is None
