"""What somebody may try with a real export, with the store, or with the log's own key: each is detected, or told in the threat model.

Attackers may write any file: zip, manifests and sums always fit what they made. What they lack is told by each test.
"""

import json
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from casework.actions.exports import Wanted
from casework.audit.bundle import CHECKPOINT, DISCLOSURES, ENTRIES, LEAVES, OUTSIDE, PROOFS, STATES, NoZip
from casework.audit.leaves import LEAF_BYTES, tag_of
from casework.audit.note import Checkpoint, Note, signed
from casework.audit.verify import Scope, Trust
from casework.model.export import ExportForm, ExportScope, ExportState
from casework.model.packing import moment
from tests.bags import (
    ALL,
    LOG_SECRET,
    OTHER_SECRET,
    WITNESS,
    Exporting,
    Forger,
    canonical,
    changed,
    dossier,
    full,
    judged,
    light,
    lines_changed,
    opened,
    packed,
    stated,
)  # fmt: skip
from tests.simulation.writes import delete, put

UNIT = "22-XD"


class Scene:
    """Three dossiers with some entries each, and what an inspector took of them."""

    def __init__(self, folder: Path) -> None:
        self.world = Exporting(folder)
        self.begin = self.world.clock.now
        self.subjects = [self.world.received() for _ in range(3)]
        for subject in self.subjects:
            for _ in range(12):
                self.world.insisted(self.world.some(subject))
        self.end = self.world.clock.now + timedelta(hours=1)
        self.victim = max(self.subjects, key=lambda one: len(self.world.store.entries(one, 0, 100)))
        self.early = self.world.taken()
        for _ in range(6):
            self.world.insisted(self.world.some(self.victim))
        self.world.clock.now += timedelta(hours=2)  # the period is over
        self.full = self.world.exported(full(self.victim), witnessed=True)
        self.light = self.world.exported(light(self.victim), witnessed=True)
        self.all = self.world.exported(ALL, witnessed=True)
        self.unit = self.world.exported(self.register(ExportForm.FULL), witnessed=True)
        self.unit_light = self.world.exported(self.register(ExportForm.LIGHT), witnessed=True)
        self.held = self.world.witnessed()
        self.trust = Trust(self.world.key)
        self.wary = Trust(self.world.key, WITNESS, str(self.early), timedelta(hours=24), self.world.clock.now.timestamp())
        self.of_unit = Scope("UNIT", unit=UNIT, begin=moment(self.begin), end=moment(self.end))

    def register(self, form: ExportForm) -> Wanted:
        return Wanted(ExportScope.UNIT, form, UNIT, self.begin, self.end)

    @property
    def scope(self) -> Scope:
        return dossier(self.victim)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return Scene(tmp_path_factory.mktemp("scene"))


def fails(raw: bytes, scope: Scope, trust: Trust, *checks: str) -> str:
    """See that it fails, and by which step; gives what it says."""
    report = judged(raw, scope, trust)
    assert report.failure, f"it passed: {report.verdict} {report.limits}"
    assert report.failure.check in checks, f"{report.failure.check}: {report.failure.message}"
    return report.failure.message


# Honest.


def test_what_was_exported_is_verified(scene: Scene) -> None:
    for raw, scope, limits in (
        (scene.full, scene.scope, []),
        (scene.light, scene.scope, ["LIGHT", "NO_HELD_CHECKPOINT"]),
        (scene.all, Scope("ALL"), []),
        (scene.unit, scene.of_unit, []),
        (scene.unit_light, scene.of_unit, ["LIGHT", "NO_HELD_CHECKPOINT"]),
    ):
        for deep in (True, False):
            report = judged(raw, scope, scene.wary, deep=deep)
            assert (report.verdict, report.limits) == ("LIMITED" if limits else "VERIFIED", limits), report.failure
    assert judged(scene.full, scene.scope, scene.trust).limits == ["NO_HELD_CHECKPOINT", "NO_WITNESS"]
    report = judged(scene.unit, scene.of_unit, scene.wary)
    assert (report.subjects, report.withheld, report.unerased) == (3, [], 0)
    assert report.personal >= 9
    assert report.disclosed > 0


# Entries: the attacker has the bundle alone.


def edited(body: dict[str, Any]) -> None:
    body["occurred_at"] = "2020" + body["occurred_at"][4:]


def test_a_field_of_an_entry_is_edited(scene: Scene) -> None:
    count = len(opened(scene.full)[ENTRIES].splitlines())
    for number in range(count):

        def edit(lines: list[bytes], number: int = number) -> list[bytes]:
            body = json.loads(lines[number])
            edited(body)
            return [*lines[:number], canonical(body), *lines[number + 1 :]]

        fails(lines_changed(scene.full, ENTRIES, edit), scene.scope, scene.trust, "LOG", "CHAIN")
        fails(lines_changed(scene.light, ENTRIES, edit), scene.scope, scene.trust, "LOG", "CHAIN")


def test_a_field_is_edited_and_all_chained_again(scene: Scene) -> None:
    for raw in (scene.full, scene.light):
        forger = Forger(opened(raw), OTHER_SECRET, scene.world.key.name)
        edited(forger.bodies[1])
        said = fails(forger.chained().packed(), scene.scope, scene.trust, "LOG")
        assert "the log" in said


def test_and_the_leaves_are_forged(scene: Scene) -> None:
    forger = Forger(opened(scene.full), OTHER_SECRET, scene.world.key.name)
    edited(forger.bodies[1])
    fails(forger.chained().logged().packed(), scene.scope, scene.trust, "LEAVES")


def test_and_the_checkpoint_is_signed_with_a_wrong_key(scene: Scene) -> None:
    forger = Forger(opened(scene.full), OTHER_SECRET, scene.world.key.name)
    edited(forger.bodies[1])
    fails(forger.chained().logged().signed(), scene.scope, scene.trust, "CHECKPOINT")


@pytest.mark.parametrize("form", ["full", "light"])
@pytest.mark.parametrize(
    "attack",
    [
        lambda lines: lines[:1] + lines[2:],
        lambda lines: lines[1:],
        lambda lines: [*lines[:2], lines[1], *lines[2:]],
        lambda lines: [lines[1], lines[0], *lines[2:]],
        lambda lines: [*lines[:1], lines[2], lines[1], *lines[3:]],
        lambda lines: [*lines, lines[-1]],
        lambda lines: [*lines, lines[0]],
        lambda lines: [],
        lambda lines: [*lines[:1], lines[1].replace(b',"seq":2,', b',"seq":3,'), *lines[2:]],
        lambda lines: [*lines[:-1], lines[-1].replace(b',"seq":', b',"seq":1')],
        lambda lines: [*lines[:1], lines[1] + b" ", *lines[2:]],
        lambda lines: [*lines[:1], b"", *lines[1:]],
    ],
    ids=["delete", "first", "insert", "swap", "swap later", "repeat", "again", "all", "renumber", "renumber the last", "space", "empty"],
)
def test_entries_are_deleted_inserted_swapped_or_renumbered(scene: Scene, form: str, attack: Callable[[list[bytes]], list[bytes]]) -> None:
    fails(lines_changed(getattr(scene, form), ENTRIES, attack), scene.scope, scene.trust, "CHAIN", "LOG", "SCOPE", "BUNDLE", "STATE")


def test_entries_are_inserted_and_all_numbered_and_chained_again(scene: Scene) -> None:
    forger = Forger(opened(scene.full), OTHER_SECRET, scene.world.key.name)
    forger.bodies.insert(2, {**forger.bodies[1]})
    forger.was.insert(2, b"\0" * 32)
    for number, body in enumerate(forger.bodies, 1):
        body["seq"] = number
    fails(forger.chained().packed(), scene.scope, scene.trust, "LOG")


def dropped(raw: bytes, count: int = 1) -> bytes:
    """Drop the last entries, with a state and disclosures that fit."""
    payload = opened(raw)
    lines = payload[ENTRIES].split(b"\n")[: -1 - count]
    bodies = [json.loads(line) for line in lines]
    subject = bodies[0]["subject"]["id"]
    state, _ = stated(bodies, subject)
    payload[ENTRIES] = b"".join(line + b"\n" for line in lines)
    payload[STATES] = canonical({"entries": len(lines), "state": state, "subject": subject}) + b"\n"
    kept = [line for line in payload[DISCLOSURES].split(b"\n")[:-1] if json.loads(line)["seq"] <= len(lines)]
    payload[DISCLOSURES] = b"".join(line + b"\n" for line in kept)
    if PROOFS in payload:
        payload[PROOFS] = b"".join(line + b"\n" for line in payload[PROOFS].split(b"\n")[: -1 - count])
    return packed(payload)


def test_the_tail_is_dropped(scene: Scene) -> None:
    for count in (1, 2):
        assert "left out" in fails(dropped(scene.full, count), scene.scope, scene.trust, "LOG")


def test_the_tail_is_dropped_from_the_light_form_which_says_that_this_does_not_show(scene: Scene) -> None:
    report = judged(dropped(scene.light), scene.scope, scene.wary)
    assert report.verdict == "LIMITED"
    assert "LIGHT" in report.limits


# States and disclosures.


def test_the_state_is_changed_without_an_entry(scene: Scene) -> None:
    def change(lines: list[bytes]) -> list[bytes]:
        found = json.loads(lines[0])
        found["state"]["unit"] = "22-MT"
        return [canonical(found)]

    for raw in (scene.full, scene.light):
        for deep in (True, False):
            report = judged(lines_changed(raw, STATES, change), scene.scope, scene.trust, deep=deep)
            assert report.failure
            assert report.failure.check == "STATE"


def test_a_state_is_missing_doubled_or_of_another(scene: Scene) -> None:
    attacks: tuple[Callable[[list[bytes]], list[bytes]], ...] = (
        lambda lines: [],
        lambda lines: lines * 2,
        lambda lines: lines[::-1],
        lambda lines: lines[1:],
    )
    for attack in attacks:
        fails(lines_changed(scene.all, STATES, attack), Scope("ALL"), scene.trust, "STATE", "BUNDLE")


def texts(raw: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in opened(raw)[DISCLOSURES].split(b"\n")[:-1]]


def test_a_disclosure_is_altered(scene: Scene) -> None:
    def alter(lines: list[bytes]) -> list[bytes]:
        found = json.loads(lines[0])
        text = found["disclosures"][0]
        found["disclosures"][0] = text[:-2] + ("A" if text[-2] != "A" else "B") + text[-1]
        return [canonical(found), *lines[1:]]

    assert texts(scene.full)
    fails(lines_changed(scene.full, DISCLOSURES, alter), scene.scope, scene.trust, "DISCLOSURE")


def test_a_disclosure_is_moved_or_shown_twice(scene: Scene) -> None:
    def moved(lines: list[bytes]) -> list[bytes]:
        found = json.loads(lines[0])
        return [canonical({**found, "seq": found["seq"] + 1}), *lines[1:]]

    def twice(lines: list[bytes]) -> list[bytes]:
        found = json.loads(lines[0])
        return [canonical({**found, "disclosures": found["disclosures"] * 2}), *lines[1:]]

    for attack in (moved, twice, lambda lines: [*lines, lines[0]]):
        fails(lines_changed(scene.full, DISCLOSURES, attack), scene.scope, scene.trust, "DISCLOSURE", "BUNDLE")


def test_a_disclosure_is_withheld(scene: Scene) -> None:
    withheld = texts(scene.full)[0]
    report = judged(lines_changed(scene.full, DISCLOSURES, lambda lines: lines[1:]), scene.scope, scene.wary)
    assert (report.verdict, report.limits) == ("LIMITED", ["WITHHELD"])
    assert report.withheld == [(withheld["subject"], withheld["seq"])]


# Scope.


def without(raw: bytes, subject: str) -> bytes:
    """Leave a subject out, everywhere."""
    payload = opened(raw)
    for name in (ENTRIES, STATES, DISCLOSURES):
        kept = [
            line for line in payload[name].split(b"\n")[:-1] if subject.encode() not in line[-250:] or f'"{subject}"'.encode() not in line
        ]
        payload[name] = b"".join(line + b"\n" for line in kept)
    if PROOFS in payload:
        ids = [json.loads(line)["subject"]["id"] for line in opened(raw)[ENTRIES].split(b"\n")[:-1]]
        proofs = payload[PROOFS].split(b"\n")[:-1]
        payload[PROOFS] = b"".join(
            line + b"\n" for one, line in zip([*ids, *[""] * (len(proofs) - len(ids))], proofs, strict=True) if one != subject
        )
    return packed(payload)


def test_a_dossier_is_left_out(scene: Scene) -> None:
    fails(without(scene.all, scene.victim), Scope("ALL"), scene.trust, "SCOPE")
    for subject in scene.subjects:
        fails(without(scene.unit, subject), scene.of_unit, scene.trust, "SCOPE")
    fails(without(scene.unit_light, scene.subjects[0]), scene.of_unit, scene.trust, "SCOPE")
    fails(without(scene.unit_light, scene.subjects[1]), scene.of_unit, scene.trust, "SCOPE")


def test_another_dossier_or_another_scope_is_given(scene: Scene) -> None:
    other = next(one for one in scene.subjects if one != scene.victim)
    fails(scene.full, dossier(other), scene.trust, "REQUEST")
    fails(scene.full, Scope("ALL"), scene.trust, "REQUEST")
    fails(scene.all, scene.scope, scene.trust, "REQUEST")
    request = canonical({**json.loads(opened(scene.full)["data/request.json"]), "scope": {"dossier": other, "kind": "DOSSIER"}})
    fails(changed(scene.full, "data/request.json", lambda _: request), dossier(other), scene.trust, "SCOPE")
    everything = canonical({**json.loads(opened(scene.all)["data/request.json"]), "scope": {"dossier": other, "kind": "DOSSIER"}})
    fails(changed(scene.all, "data/request.json", lambda _: everything), dossier(other), scene.trust, "SCOPE")
    longer = replace(scene.of_unit, end=moment(scene.end + timedelta(days=1)))
    fails(scene.unit, longer, scene.trust, "REQUEST")


def test_the_dossier_is_created_again_under_another_id(scene: Scene) -> None:
    """The whole trail of the victim is written under another id: whoever knows the id finds that it is not there."""
    payload = {name: content.replace(scene.victim.encode(), b"f" * 32) for name, content in opened(scene.full).items()}
    payload["data/request.json"] = opened(scene.full)["data/request.json"]
    fails(packed(payload), scene.scope, scene.trust, "SCOPE", "LOG", "CHAIN")
    fails(packed({**payload, CHECKPOINT: opened(scene.full)[CHECKPOINT]}), dossier("f" * 32), scene.trust, "REQUEST")


# The log: the attacker runs the service and has the log's key.


def test_the_log_is_written_anew_with_its_own_key(scene: Scene) -> None:
    """The threat model says: a witness or a held checkpoint tells, and nothing else can."""
    forger = Forger(opened(scene.full), LOG_SECRET, scene.world.key.name)
    edited(forger.bodies[1])
    raw = forger.chained().logged().signed()
    report = judged(raw, scene.scope, scene.trust)
    assert (report.verdict, report.limits) == ("LIMITED", ["NO_HELD_CHECKPOINT", "NO_WITNESS"])
    assert "written anew" in fails(raw, scene.scope, replace(scene.trust, held=str(scene.early)), "HELD")
    assert "older" in fails(raw, scene.scope, replace(scene.trust, held=str(scene.held)), "OLDER")
    assert "not cosigned" in fails(raw, scene.scope, replace(scene.trust, witness=WITNESS), "WITNESS")
    cosigned = Note.read(opened(scene.full)[CHECKPOINT].decode()).signatures[1]

    def with_it(text: bytes) -> bytes:
        return str(Note.read(text.decode()).signed_also(cosigned)).encode()

    fails(changed(raw, CHECKPOINT, with_it), scene.scope, replace(scene.trust, witness=WITNESS), "CHECKPOINT")


def test_the_sequencer_omits_an_entry(scene: Scene) -> None:
    payload = opened(scene.full)
    leaves = [payload[LEAVES][at : at + LEAF_BYTES] for at in range(0, len(payload[LEAVES]), LEAF_BYTES)]
    mine = [number for number, leaf in enumerate(leaves) if leaf[1:33] == tag_of(scene.victim) and leaf[0] == 1]
    for number in mine[:-1]:
        forger = Forger(dict(payload), LOG_SECRET, scene.world.key.name)
        forger.payload[LEAVES] = b"".join(leaves[:number] + leaves[number + 1 :])
        assert "leaf" in fails(forger.signed(), scene.scope, scene.trust, "LEAVES")
    forger = Forger(dict(payload), LOG_SECRET, scene.world.key.name)
    forger.payload[LEAVES] = b"".join(leaves[: mine[-1]] + leaves[mine[-1] + 1 :])
    report = judged(forger.signed(), scene.scope, scene.trust)
    assert "PENDING_TAIL" in report.limits, "the last one is not in the log: that is told"
    assert report.pending == 1


def test_the_sequencer_repeats_an_entry(scene: Scene) -> None:
    payload = opened(scene.full)
    leaves = [payload[LEAVES][at : at + LEAF_BYTES] for at in range(0, len(payload[LEAVES]), LEAF_BYTES)]
    for number in range(len(leaves)):
        forger = Forger(dict(payload), LOG_SECRET, scene.world.key.name)
        forger.payload[LEAVES] = b"".join([*leaves, leaves[number]])
        fails(forger.signed(), scene.scope, scene.trust, "LEAVES")


def test_the_sequencer_leaves_a_whole_dossier_out(scene: Scene) -> None:
    """Its leaves of both kinds are gone: the register of its unit has a gap."""
    payload = opened(scene.unit)
    leaves = [payload[LEAVES][at : at + LEAF_BYTES] for at in range(0, len(payload[LEAVES]), LEAF_BYTES)]
    victim = scene.subjects[0]
    first = next(number for number, leaf in enumerate(leaves) if leaf[1:33] == tag_of(victim))
    kept = [leaf for number, leaf in enumerate(leaves) if leaf[1:33] != tag_of(victim) and number != first + 1]
    forger = Forger(opened(without(scene.unit, victim)), LOG_SECRET, scene.world.key.name)
    forger.payload[LEAVES] = b"".join(kept)
    fails(forger.signed(), scene.of_unit, scene.trust, "LEAVES")


def test_an_old_snapshot_is_given(scene: Scene) -> None:
    old = scene.full
    scene.world.received()
    newer = str(scene.world.witnessed())
    assert "older" in fails(old, scene.scope, replace(scene.trust, held=newer), "OLDER")
    late = replace(scene.wary, now=scene.wary.now + 25 * 3600)
    assert "ago" in fails(old, scene.scope, late, "WITNESS")
    early = replace(scene.wary, now=scene.wary.now - 7200)
    fails(old, scene.scope, early, "WITNESS")
    fails(scene.light, scene.scope, replace(scene.trust, held=newer), "OLDER")


def test_the_bundle_is_of_another_log(scene: Scene, tmp_path: Path) -> None:
    other = Exporting(tmp_path, seed=9)
    subject = other.received()
    raw = other.exported(full(subject))
    assert judged(raw, dossier(subject), Trust(other.key)).verdict == "LIMITED"
    key = replace(scene.world.key, name="other.test/trail")
    fails(raw, dossier(subject), Trust(key), "REQUEST")
    wrong = replace(other.key, public=OTHER_SECRET.public_key().public_bytes_raw())
    fails(raw, dossier(subject), Trust(wrong), "CHECKPOINT")
    text = Note.read(opened(raw)[CHECKPOINT].decode()).text
    renamed = Checkpoint("other.test/trail", Checkpoint.read(text).size, Checkpoint.read(text).root).text
    note = str(Note(renamed, (signed(renamed, other.key, LOG_SECRET.sign),)))
    fails(changed(raw, CHECKPOINT, lambda _: note.encode()), dossier(subject), Trust(other.key), "CHECKPOINT")


# The store: the attacker is its administrator; the service exports what it finds.


def test_the_administrator_changes_the_state(tmp_path: Path) -> None:
    world = Exporting(tmp_path)
    subject = world.received()
    rows, place = world.store.engine.subjects, (subject, "STATE")
    world.store.engine.transact(put(rows, {**rows[place], "state": rows[place]["state"].replace('"ONLINE"', '"COUNTER"')}))
    fails(world.exported(full(subject)), dossier(subject), Trust(world.key), "STATE")


def test_the_administrator_edits_an_entry(tmp_path: Path) -> None:
    world = Exporting(tmp_path)
    subject = world.received()
    world.taken()
    rows, place = world.store.engine.trail, (subject, "E#00000001")
    world.store.engine.transact(put(rows, {**rows[place], "line": rows[place]["line"].replace('"ONLINE"', '"POST"')}))
    fails(world.exported(full(subject)), dossier(subject), Trust(world.key), "LOG", "CHAIN", "REPLAY")
    fails(world.exported(light(subject)), dossier(subject), Trust(world.key), "LOG", "CHAIN", "REPLAY")


def test_the_administrator_deletes_an_entry(tmp_path: Path) -> None:
    world = Exporting(tmp_path)
    subject = world.received()
    world.taken()
    world.store.engine.transact(delete(world.store.engine.trail, (subject, "E#00000001")))
    asked = world.requested(full(subject))
    world.taken()
    world.worked(asked.id)
    assert world.export(asked.id).state is ExportState.FAILED
    assert "missing" in (world.export(asked.id).failure or "")


def test_the_administrator_deletes_a_dossier_whole(tmp_path: Path) -> None:
    """State, entries, code and all: the log has its leaves."""
    world = Exporting(tmp_path)
    subjects = [world.received() for _ in range(3)]
    begin, end = world.clock.now - timedelta(days=1), world.clock.now + timedelta(days=1)
    world.taken()
    for table in ("trail", "subjects", "disclosures"):
        rows = getattr(world.store.engine, table)
        for place in [place for place in rows if place[0] == subjects[1]]:
            world.store.engine.transact(delete(rows, place))
    asked = world.requested(Wanted(ExportScope.UNIT, ExportForm.FULL, UNIT, begin, end))
    world.taken()
    world.worked(asked.id)
    assert world.export(asked.id).state is ExportState.FAILED
    assert subjects[1] in (world.export(asked.id).failure or "")


# Frames, and chance.


@pytest.mark.parametrize("name", [ENTRIES, STATES, DISCLOSURES, OUTSIDE, LEAVES, CHECKPOINT, "data/request.json"])
def test_no_member_is_cut_or_grows(scene: Scene, name: str) -> None:
    for attack in (lambda content: content[:-1], lambda content: content + b"\n", lambda content: content + b"x\n", lambda content: b""):
        before = opened(scene.unit)[name]
        if attack(before) == before:
            continue
        assert judged(changed(scene.unit, name, attack), scene.of_unit, scene.wary).verdict != "VERIFIED", name


def test_any_byte_that_changes_is_noticed(scene: Scene) -> None:
    """Nobody fits anything: whatever changes on the way shows."""
    chance = random.Random(20261128)  # noqa: S311 - to be repeated
    for raw, scope in ((scene.full, scene.scope), (scene.light, scene.scope), (scene.unit_light, scene.of_unit)):
        for _ in range(150):
            at, bit = chance.randrange(len(raw)), 1 << chance.randrange(8)
            broken = raw[:at] + bytes([raw[at] ^ bit]) + raw[at + 1 :]
            with suppress(NoZip):
                assert judged(broken, scope, scene.wary).failure, f"byte {at}, bit {bit}"


def test_the_last_dossier_opened_is_hidden_with_the_light_form(scene: Scene) -> None:
    """The light form of a unit does not show what was opened after its last number: LIGHT says so."""
    report = judged(without(scene.unit_light, scene.subjects[2]), scene.of_unit, scene.wary)
    assert report.failure or "LIGHT" in report.limits


def test_an_empty_bundle_never_passes(scene: Scene) -> None:
    nothing = dict.fromkeys((ENTRIES, STATES, DISCLOSURES, OUTSIDE), b"")
    for raw, scope in ((scene.full, scene.scope), (scene.all, Scope("ALL")), (scene.unit, scene.of_unit)):
        assert judged(packed({**opened(raw), **nothing}), scope, scene.trust).failure
    for raw, scope in ((scene.light, scene.scope), (scene.unit_light, scene.of_unit)):
        assert judged(packed({**opened(raw), **nothing, PROOFS: b""}), scope, scene.trust).failure
    empty = Forger(opened(scene.all) | nothing | {LEAVES: b""}, LOG_SECRET, scene.world.key.name)
    empty.bodies = []
    assert judged(empty.signed(), Scope("ALL"), scene.trust).failure
    assert judged(packed({**opened(scene.all), **nothing, LEAVES: b""}), Scope("ALL"), scene.trust).failure
