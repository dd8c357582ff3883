"""The verifier, step by step: what the attacks do not reach. Here the service itself writes what does not fit together, and signs it."""

import hashlib
import io
import json
import re
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from casework.actions.exports import Wanted
from casework.audit import describing, tree, verify
from casework.audit.bundle import (  # fmt: skip
    CHECKPOINT,
    DISCLOSURES,
    ENTRIES,
    FOLDER,
    LEAVES,
    OUTSIDE,
    PROOFS,
    README,
    REQUEST,
    SCHEMA,
    STATES,
    TAGS,
    TEXTS,
    NoZip,
    manifest,
)
from casework.audit.disclosure import digest_of
from casework.audit.leaves import Leaf, tag_of, unit_tag
from casework.audit.note import Checkpoint, Note, cosigned, signed
from casework.audit.verify import Scope, Trust
from casework.model.export import ExportForm, ExportScope
from casework.model.packing import moment
from tests.bags import (  # fmt: skip
    ALL,
    LOG_SECRET,
    WITNESS,
    WITNESS_SECRET,
    Exporting,
    Forger,
    canonical,
    changed,
    dossier,
    framed,
    full,
    judged,
    light,
    lines_changed,
    opened,
    packed,
    stated,
    with_tail,
)

UNIT = "22-XD"


class Quarter:
    """A unit's register over three weeks: two dossiers before the second, three in it, two behind it."""

    def __init__(self, folder: Path) -> None:
        self.world = Exporting(folder)
        self.early = self.opened(2)
        self.begin = self.world.clock.now
        self.mine = self.opened(3)
        self.end = self.world.clock.now
        self.late = self.opened(2)
        self.mine.sort(key=lambda one: -len(self.world.store.entries(one, 0, 100)))
        self.trust = Trust(self.world.key)
        self.forms = {form: self.world.exported(Wanted(ExportScope.UNIT, form, UNIT, self.begin, self.end)) for form in ExportForm}
        self.scope = Scope("UNIT", unit=UNIT, begin=moment(self.begin), end=moment(self.end))
        self.full, self.light = self.forms[ExportForm.FULL], self.forms[ExportForm.LIGHT]
        self.one = self.world.exported(full(self.mine[0]))
        self.all = self.world.exported(ALL)

    def opened(self, count: int) -> list[Any]:
        found = [self.world.received() for _ in range(count)]
        for subject in found:
            for _ in range(12):
                self.world.insisted(self.world.some(subject))
        self.world.taken()
        self.world.clock.now += timedelta(days=7)
        return found

    def taken(self, form: ExportForm, begin: timedelta, end: timedelta) -> tuple[bytes, Scope]:
        """Export another period, counted from the begin of the second week."""
        at = (self.begin + begin, self.begin + end)
        raw = self.world.exported(Wanted(ExportScope.UNIT, form, UNIT, *at))
        return raw, Scope("UNIT", unit=UNIT, begin=moment(at[0]), end=moment(at[1]))


@pytest.fixture(scope="module")
def quarter(tmp_path_factory: pytest.TempPathFactory) -> Quarter:
    return Quarter(tmp_path_factory.mktemp("quarter"))


def forged(raw: bytes, change: Callable[[Forger], None]) -> bytes:
    """Let the service itself write something else, and log and sign it."""
    forger = Forger(opened(raw), LOG_SECRET, "giamsat.test/trail")
    change(forger)
    return forger.chained().logged().signed()


def failure(raw: bytes, scope: Scope, trust: Trust, *, deep: bool | None = None) -> tuple[str, str]:
    report = judged(raw, scope, trust, deep=deep)
    assert report.failure, report
    return report.failure.check, report.failure.message


# Units and periods.


@pytest.mark.parametrize("form", list(ExportForm))
def test_the_dossiers_of_a_period_and_their_neighbours(quarter: Quarter, form: ExportForm) -> None:
    raw = quarter.forms[form]
    report = judged(raw, quarter.scope, quarter.trust)
    assert (report.failure, report.subjects) == (None, 3)
    beside = [json.loads(line)["subject"]["id"] for line in opened(raw)[OUTSIDE].splitlines()]
    assert len(beside) == 2
    assert beside[0] in quarter.early
    assert beside[1] in quarter.late


@pytest.mark.parametrize("form", list(ExportForm))
@pytest.mark.parametrize(
    ("begin", "end", "subjects", "beside"),
    [
        (timedelta(days=3), timedelta(days=4), 0, 2),
        (timedelta(days=-30), timedelta(days=-20), 0, 1),
        (timedelta(days=30), timedelta(days=31), 0, 1),
        (timedelta(days=-30), timedelta(days=1), 5, 1),
        (timedelta(days=3), timedelta(days=60), 2, 1),
        (timedelta(days=-30), timedelta(days=60), 7, 0),
    ],
)
def test_any_period(quarter: Quarter, form: ExportForm, begin: timedelta, end: timedelta, subjects: int, beside: int) -> None:
    raw, scope = quarter.taken(form, begin, end)
    report = judged(raw, scope, quarter.trust)
    assert (report.failure, report.subjects, len(opened(raw)[OUTSIDE].splitlines())) == (None, subjects, beside)


def test_a_unit_that_opened_nothing(quarter: Quarter) -> None:
    at = (quarter.begin, quarter.end)
    raw = quarter.world.exported(Wanted(ExportScope.UNIT, ExportForm.FULL, "22-MT", *at))
    scope = replace(quarter.scope, unit="22-MT")
    assert judged(raw, scope, quarter.trust).failure is None
    raw = quarter.world.exported(Wanted(ExportScope.UNIT, ExportForm.LIGHT, "22-MT", *at))
    assert failure(raw, scope, quarter.trust) == ("SCOPE", "nothing shows that there is nothing")


@pytest.mark.parametrize("form", ["full", "light"])
def test_a_neighbour_is_missing_or_another(quarter: Quarter, form: str) -> None:
    raw = getattr(quarter, form)
    without: list[Callable[[list[bytes]], list[bytes]]] = [lambda lines: lines[1:], lambda lines: lines[:1], lambda lines: []]
    for attack in without:
        payload = opened(lines_changed(raw, OUTSIDE, attack))
        if form == "light":
            proofs = payload[PROOFS].split(b"\n")[:-1]
            payload[PROOFS] = b"".join(line + b"\n" for line in [*proofs[:-2], *attack(proofs[-2:])])
        report = judged(packed(payload), quarter.scope, quarter.trust)
        # The light form does not know what comes behind the last: that is its limit.
        assert report.failure or (form == "light" and "LIGHT" in report.limits)
    assert (
        failure(lines_changed(raw, OUTSIDE, lambda lines: lines[::-1]), quarter.scope, quarter.trust)[0] in {"SCOPE", "LOG"}
        or form == "full"
    )
    assert failure(lines_changed(raw, OUTSIDE, lambda lines: [b"{}", *lines]), quarter.scope, quarter.trust)[0] == "SCOPE"
    inside = opened(raw)[ENTRIES].splitlines()[0]
    assert failure(lines_changed(raw, OUTSIDE, lambda lines: [inside, *lines]), quarter.scope, quarter.trust)[0] in {"SCOPE", "LOG"}
    edit = lambda lines: [lines[0].replace(b'"ONLINE"', b'"POST"'), *lines[1:]]  # noqa: E731 - said once
    assert failure(lines_changed(raw, OUTSIDE, edit), quarter.scope, quarter.trust)[0] == "LOG"


def test_a_narrower_period_is_claimed(quarter: Quarter) -> None:
    """The neighbours lie inside of what the inspector asked for."""
    for begin, end in ((timedelta(days=-20), timedelta(0)), (timedelta(0), timedelta(days=20))):
        wider = replace(quarter.scope, begin=moment(quarter.begin + begin), end=moment(quarter.end + end))
        payload = opened(quarter.full)
        payload[REQUEST] = canonical({**json.loads(payload[REQUEST]), "scope": wider.asked})
        raw = packed(payload)
        assert failure(raw, wider, quarter.trust)[0] == "SCOPE"


def test_what_another_unit_opened_is_in_it(quarter: Quarter) -> None:
    everything = opened(quarter.all)
    payload = {**everything, OUTSIDE: b"", REQUEST: opened(quarter.full)[REQUEST]}
    size = json.loads(everything[REQUEST])["size"]
    payload[REQUEST] = canonical({**json.loads(payload[REQUEST]), "size": size})
    assert failure(packed(payload), quarter.scope, quarter.trust) == ("SCOPE", "what 22-XD has not opened is in the bundle")


def test_a_neighbour_that_is_none(quarter: Quarter) -> None:
    """It is of the unit, and lies before; but another one stands between."""
    raw, _ = quarter.taken(ExportForm.FULL, timedelta(days=-30), timedelta(days=60))
    firsts = {json.loads(line)["subject"]["id"]: line for line in opened(raw)[ENTRIES].splitlines() if b',"seq":1,' in line}
    beside = opened(quarter.full)[OUTSIDE].splitlines()
    other = next(one for one in quarter.early if firsts[one] not in beside)
    attacked = lines_changed(quarter.full, OUTSIDE, lambda lines: [firsts[other], *lines])
    assert failure(attacked, quarter.scope, quarter.trust)[1].startswith("what lies outside")
    assert failure(lines_changed(quarter.one, OUTSIDE, lambda _: beside), dossier(quarter.mine[0]), quarter.trust)[0] == "SCOPE"


def test_a_register_numbers_what_is_no_dossier(quarter: Quarter) -> None:
    """A sequencer that gives an export a number of a register."""
    payload = opened(quarter.world.exported(ALL))
    leaves = [payload[LEAVES][at : at + 73] for at in range(0, len(payload[LEAVES]), 73)]
    exports = [json.loads(line)["subject"]["id"] for line in payload[ENTRIES].splitlines() if b'"kind":"export"' in line]
    at = next(number for number, leaf in enumerate(leaves) if leaf[1:33] == tag_of(exports[0]))
    numbered = bytes(Leaf(2, unit_tag("22-MT"), 1, leaves[at][41:]))
    forger = Forger(payload, LOG_SECRET, quarter.world.key.name)
    forger.payload[LEAVES] = b"".join([*leaves[: at + 1], numbered, *leaves[at + 1 :]])
    assert failure(forger.signed(), Scope("ALL"), quarter.trust) == ("LOG", "a register numbers what is no dossier")


def test_a_dossier_has_the_number_of_another_unit(quarter: Quarter) -> None:
    payload = opened(quarter.one)
    leaves = [payload[LEAVES][at : at + 73] for at in range(0, len(payload[LEAVES]), 73)]
    at = next(number for number, leaf in enumerate(leaves) if leaf[1:33] == tag_of(quarter.mine[0])) + 1
    leaves[at] = bytes(Leaf(2, unit_tag("22-MT"), 1, leaves[at][41:]))
    later = [number for number, leaf in enumerate(leaves) if leaf[0] == 2 and leaf[1:33] == unit_tag(UNIT) and number > at]
    for number in later:
        found = Leaf.read(leaves[number])
        leaves[number] = bytes(replace(found, number=found.number - 1))
    forger = Forger(payload, LOG_SECRET, quarter.world.key.name)
    forger.payload[LEAVES] = b"".join(leaves)
    assert failure(forger.signed(), dossier(quarter.mine[0]), quarter.trust)[1].startswith("the register of 22-XD has no number")


def test_only_some_values_are_canonical_json() -> None:
    refused = (
        '{"é":1}', '{"a":[{"é":1}]}', "[1]", '{"a":1.5}', '{"a":1e3}', '{"a":-0}', '{"a":NaN}',
        f'{{"a":{2**53}}}', f'{{"a":[{{"b":{-(2**53)}}}]}}',
        '{"a":1,"a":1}', '{"b":1,"a":1}', '{"a": 1}', '{"a":1}\r', '{"a":"\\u0061"}', '{"a":"\\ud800"}', '\ufeff{"a":1}', '{"a":1}{}',
    )  # fmt: skip
    for line in refused:
        with pytest.raises(verify.Failed, match="is not canonical JSON"):
            verify._object(line.encode(), "FORM", "it")
    with pytest.raises(verify.Failed, match="is not canonical JSON"):
        verify._object(b'{"a":"\xff"}', "FORM", "it")
    good = '{"a":-1,"b":["é",null,true,{"c":9007199254740991}]}'
    assert verify._object(good.encode(), "FORM", "it") == json.loads(good)


# What the service wrote itself, and does not fit.


def edit(number: int, **more: Any) -> Callable[[Forger], None]:  # noqa: ANN401 - members of an entry
    return lambda forger: forger.bodies[number].update(more)


def shuffled(forger: Forger) -> None:
    forger.bodies[1]["changes"].reverse()


def doubled(forger: Forger) -> None:
    forger.bodies[1]["changes"].insert(0, forger.bodies[1]["changes"][0])


def from_nowhere(forger: Forger) -> None:
    forger.bodies[1]["changes"][0]["from"] = "x"


def to_the_same(forger: Forger) -> None:
    change = forger.bodies[1]["changes"][0]
    change["to"] = change["from"]


def elsewhere(forger: Forger) -> None:
    forger.bodies[1]["changes"][-1]["to"] = 77


def more_members(forger: Forger) -> None:
    forger.bodies[1]["changes"][0]["more"] = 1


def before_itself(forger: Forger) -> None:
    forger.bodies[1]["recorded_at"] = forger.bodies[0]["recorded_at"]


def at_no_time(forger: Forger) -> None:
    forger.bodies[1]["recorded_at"] = "later"


def undigested(forger: Forger) -> None:
    forger.bodies[0]["digests"].pop()


@pytest.mark.parametrize(
    "change",
    [shuffled, doubled, from_nowhere, to_the_same, elsewhere, before_itself, at_no_time, undigested, edit(1, after="0" * 64)],
)
def test_an_entry_that_does_not_fit_is_found_with_depth(quarter: Quarter, change: Callable[[Forger], None]) -> None:
    raw = forged(quarter.one, change)
    assert failure(raw, dossier(quarter.mine[0]), quarter.trust)[0] == "REPLAY"


@pytest.mark.parametrize(
    "change",
    [
        edit(0, v=2),
        edit(-1, v=2),
        edit(0, log="another"),
        edit(-1, more=1),
        edit(-1, changes={}),
        edit(-1, changes=[None]),
        edit(0, digests=[1]),
        edit(-1, changes=[{"field": 1, "from": None, "to": 1}]),
        edit(-1, recorded_at=5),
        edit(-1, digests=None),
    ],
)
def test_an_entry_of_another_form_is_found_without_depth(quarter: Quarter, change: Callable[[Forger], None]) -> None:
    def with_tail(forger: Forger) -> None:
        change(forger)

    raw = forged(quarter.one, with_tail)
    for deep in (True, False):
        assert failure(raw, dossier(quarter.mine[0]), quarter.trust, deep=deep)[0] in {"FORM", "CHAIN", "STATE", "DISCLOSURE"}


def test_an_entry_that_hides_another_entry_before_it_in_a_member_of_the_same_name(quarter: Quarter) -> None:
    def hidden(forger: Forger) -> None:
        forger.bodies[0]["reason"], forger.lies[0] = {"prev": "0" * 64, "x": 1}, "1" * 64

    for deep in (True, False):
        found = failure(forged(quarter.one, hidden), dossier(quarter.mine[0]), quarter.trust, deep=deep)
        assert found == ("FORM", "it goes on from another entry than its line says")


def test_an_entry_that_is_no_canonical_json(quarter: Quarter) -> None:
    for text in (b'{"action":1,"action":1', b'{"x":1.5', b'{"x":9007199254740993', b'{"\xc3\xa9":1', b'{"x":"\xff"', b"[1"):
        raw = lines_changed(quarter.one, ENTRIES, lambda lines, text=text: [text + lines[0][1:], *lines[1:]])  # type: ignore[misc]
        assert judged(raw, dossier(quarter.mine[0]), quarter.trust, deep=False).failure


def test_a_field_that_was_taken_away_is_followed(quarter: Quarter) -> None:
    def change(forger: Forger) -> None:
        first, last = forger.bodies[0], forger.bodies[-1]
        last["changes"] = sorted([*last["changes"], {"field": "channel", "from": "ONLINE", "to": None}], key=lambda one: one["field"])
        state, last["after"] = stated(forger.bodies, first["subject"]["id"])
        subject = first["subject"]["id"]
        forger.payload[STATES] = canonical({"entries": len(forger.bodies), "state": state, "subject": subject}) + b"\n"

    assert judged(forged(quarter.one, change), dossier(quarter.mine[0]), quarter.trust).failure is None


def test_more_members_of_a_change_are_found(quarter: Quarter) -> None:
    assert failure(forged(quarter.one, more_members), dossier(quarter.mine[0]), quarter.trust)[0] == "FORM"


@pytest.mark.parametrize("deep", [True, False])
@pytest.mark.parametrize("by", ["the log", "the file"])
def test_no_text_is_hidden_by_an_erasure_but_a_personal_one(quarter: Quarter, by: str, *, deep: bool) -> None:
    """And that only by an entry that the log has."""
    pending = by == "the file"
    lines = opened(quarter.one)[ENTRIES].splitlines()
    digests = sorted(digest for line in lines for digest in json.loads(line)["digests"])

    def change(forger: Forger) -> None:
        last, subject = forger.bodies[-1], forger.bodies[0]["subject"]["id"]
        gone = {"at": last["recorded_at"], "digests": digests, "number": 1}
        last["changes"] = sorted([*last["changes"], {"field": "erasures.1", "from": None, "to": gone}], key=lambda one: one["field"])
        state, last["after"] = stated(forger.bodies, subject)
        forger.payload[STATES] = canonical({"entries": len(forger.bodies), "state": state, "subject": subject}) + b"\n"
        forger.payload[DISCLOSURES] = b""

    if pending:  # written by whoever has the file alone, behind what the log has
        raw = changed(with_tail(quarter.one, "erasures.1", {"digests": digests}), DISCLOSURES, lambda _: b"")
    else:
        raw = forged(quarter.one, change)
    report = judged(raw, dossier(quarter.mine[0]), quarter.trust, deep=deep)
    before = judged(quarter.one, dossier(quarter.mine[0]), quarter.trust)
    assert report.failure is None
    assert "WITHHELD" in report.limits
    assert (report.erased, report.personal) == ((0, before.personal) if pending else (before.personal, 0))


def test_values_lie_at_most_so_deep(quarter: Quarter) -> None:
    for levels, right in ((60, True), (62, False), (3000, False)):
        deep: Any = {}
        for _ in range(levels):
            deep = [deep]
        try:
            raw = with_tail(quarter.one, "x", deep)
        except RecursionError:
            continue
        assert (judged(raw, dossier(quarter.mine[0]), quarter.trust).failure is None) is right
    wide = with_tail(quarter.one, "x", [[]] * 200)
    assert judged(wide, dossier(quarter.mine[0]), quarter.trust).failure is None


def test_what_is_no_dossier_is_not_taken_for_one(quarter: Quarter) -> None:
    payload = opened(quarter.all)
    rows = {json.loads(line)["subject"]["id"]: json.loads(line)["subject"]["kind"] for line in payload[ENTRIES].splitlines()}
    other = next(subject for subject, kind in rows.items() if kind == "export")
    for name in (ENTRIES, STATES, DISCLOSURES):
        kept = [line for line in payload[name].splitlines() if other in str(json.loads(line)["subject"])]
        payload[name] = b"".join(line + b"\n" for line in kept)
    payload[REQUEST] = canonical({**json.loads(payload[REQUEST]), "scope": {"dossier": other, "kind": "DOSSIER"}})
    assert failure(packed(payload), dossier(other), quarter.trust)[0] == "SCOPE"


@pytest.mark.parametrize("form", list(ExportForm))
@pytest.mark.parametrize("days", [(-20, -10), (10, 20), (3, 20), (-20, 3), (3, 6), (-6, -1)])
def test_a_bundle_is_of_no_other_period(quarter: Quarter, form: ExportForm, days: tuple[int, int]) -> None:
    """Nobody signs the request."""
    begin, end = (moment(quarter.begin + timedelta(days=day)) for day in days)
    scope = {"from": begin, "kind": "UNIT", "to": end, "unit": UNIT}
    raw = changed(quarter.forms[form], REQUEST, lambda was: canonical({**json.loads(was), "scope": scope}))
    assert failure(raw, Scope("UNIT", unit=UNIT, begin=begin, end=end), quarter.trust)[0] == "SCOPE"


def test_dossiers_are_opened_at_instants(quarter: Quarter) -> None:
    def at_no_time_at_all(forger: Forger) -> None:
        first = next(body for body in forger.bodies if body["seq"] == 1)
        first["recorded_at"] = "2026"

    assert failure(forged(quarter.full, at_no_time_at_all), quarter.scope, quarter.trust)[0] == "SCOPE"


def test_any_cosignature_of_a_witness_may_be_the_one_that_is_not_old(quarter: Quarter) -> None:
    raw = quarter.world.exported(full(quarter.mine[1]), witnessed=True)
    note = Note.read(opened(raw)[CHECKPOINT].decode())
    seen = note.times(WITNESS)[0]
    more = [cosigned(note.text, WITNESS, WITNESS_SECRET.sign, seen + days * 86400) for days in (-9, 9)]
    raw = changed(raw, CHECKPOINT, lambda _: str(note.signed_also(*more)).encode())
    for now, right in ((seen, True), (seen + 86400 * 4, False), (seen + 86400 * 9, True)):
        trust = replace(quarter.trust, witness=WITNESS, max_age=timedelta(days=1), now=float(now))
        assert (judged(raw, dossier(quarter.mine[1]), trust).failure is None) is right


def test_texts_that_an_entry_erased(quarter: Quarter) -> None:
    body = json.loads(opened(quarter.one)[ENTRIES].splitlines()[0])
    digest = body["digests"][0]

    def change(forger: Forger) -> None:
        last, subject = forger.bodies[-1], forger.bodies[0]["subject"]["id"]
        gone = {"at": last["recorded_at"], "digests": [digest], "number": 1}
        last["changes"] = sorted([*last["changes"], {"field": "erasures.1", "from": None, "to": gone}], key=lambda one: one["field"])
        state, last["after"] = stated(forger.bodies, subject)
        forger.payload[STATES] = canonical({"entries": len(forger.bodies), "state": state, "subject": subject}) + b"\n"

    was = judged(quarter.one, dossier(quarter.mine[0]), quarter.trust)
    report = judged(forged(quarter.one, change), dossier(quarter.mine[0]), quarter.trust)
    assert (report.failure, report.erased, report.unerased, report.withheld) == (None, 1, 0, [])
    assert report.personal == was.personal - 1

    shown = json.loads(opened(quarter.one)[DISCLOSURES].splitlines()[0])
    digest = next(
        digest for digest in json.loads(opened(quarter.one)[ENTRIES].splitlines()[shown["seq"] - 1])["digests"]
        if digest in map(digest_of, shown["disclosures"])
    )  # fmt: skip
    report = judged(forged(quarter.one, change), dossier(quarter.mine[0]), quarter.trust)
    assert (report.failure, report.erased, report.unerased, report.withheld) == (None, 0, 1, [])


def test_a_line_of_disclosures_that_is_none(quarter: Quarter) -> None:
    def lacking(lines: list[bytes]) -> list[bytes]:
        found = json.loads(lines[0])
        return [canonical({name: found[name] for name in ("seq", "subject")}), *lines[1:]]

    assert failure(lines_changed(quarter.one, DISCLOSURES, lacking), dossier(quarter.mine[0]), quarter.trust)[0] == "DISCLOSURE"


def test_a_disclosure_that_is_none(quarter: Quarter) -> None:
    """The service discloses what is no disclosure, and its digest fits."""
    line = json.loads(opened(quarter.one)[DISCLOSURES].splitlines()[0])
    text = urlsafe_b64encode(b'["salt","name"]').rstrip(b"=").decode()
    digest = urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    seq = line["seq"]

    def change(forger: Forger) -> None:
        subject = forger.bodies[0]["subject"]["id"]
        old = forger.bodies[seq - 1]["digests"][0]
        forger.bodies = json.loads(json.dumps(forger.bodies).replace(old, digest))
        forger.bodies[seq - 1]["digests"].sort()
        for number, body in enumerate(forger.bodies, 1):
            state, body["after"] = stated(forger.bodies[:number], subject)
        forger.payload[STATES] = canonical({"entries": len(forger.bodies), "state": state, "subject": subject}) + b"\n"
        forger.payload[DISCLOSURES] = canonical({"disclosures": [text], "seq": seq, "subject": subject}) + b"\n"

    check, message = failure(forged(quarter.one, change), dossier(quarter.mine[0]), quarter.trust)
    assert (check, message) == ("DISCLOSURE", "a disclosure is not salt, name and value")


# The pending tail.


@pytest.mark.parametrize("wanted", [full, light])
def test_a_pending_tail_is_a_limit(tmp_path: Path, wanted: Callable[..., Wanted]) -> None:
    world = Exporting(tmp_path)
    subject = world.received()
    asked = world.requested(wanted(subject, pending=True))
    world.taken()
    for _ in range(6):
        world.insisted(world.some(subject))
    world.worked(asked.id)
    raw = b"".join(world.depot.read(f"{asked.id}/giamsat-export.zip"))
    report = judged(raw, dossier(subject), Trust(world.key))
    held = world.store.held(subject)
    assert held
    assert (report.failure, report.entries, report.pending) == (None, held.tip.seq, held.tip.seq - 2)
    assert "PENDING_TAIL" in report.limits
    plain = judged(world.exported(wanted(subject)), dossier(subject), Trust(world.key))
    assert (plain.failure, plain.pending) == (None, 0)


def test_a_proof_stands_where_it_may_not(quarter: Quarter) -> None:
    raw, scope = quarter.world.exported(light(quarter.mine[0])), dossier(quarter.mine[0])
    proofs = [json.loads(line) for line in opened(raw)[PROOFS].splitlines()]
    assert len(proofs) > 2

    def given(*rows: Any) -> bytes:  # noqa: ANN401 - JSON
        return changed(raw, PROOFS, lambda _: b"".join(canonical(row) + b"\n" for row in rows))

    first, second, *rest = proofs
    assert failure(given({}, second, *rest), scope, quarter.trust)[0] == "LOG", "a pending one before one that is not"
    assert failure(given(first, {**second, "register": first["register"]}, *rest), scope, quarter.trust)[0] == "LOG"
    assert failure(given({name: first[name] for name in ("hashes", "index")}, second, *rest), scope, quarter.trust)[0] == "LOG"
    for wrong in ({"unit": "22-MT"}, {"number": first["register"]["number"] + 1}, {"more": 1}, {"index": 0}):
        assert failure(given({**first, "register": {**first["register"], **wrong}}, second, *rest), scope, quarter.trust)[0] == "LOG"
    assert failure(given(first, {**second, "more": 1}, *rest), scope, quarter.trust)[0] == "LOG"
    assert failure(given(first, {**second, "index": "1"}, *rest), scope, quarter.trust)[0] == "LOG"
    assert failure(given(first, {**second, "hashes": ["zz"]}, *rest), scope, quarter.trust)[0] in {"LOG", "UNREADABLE"}
    assert failure(given(first, second), scope, quarter.trust)[0] == "LOG"
    assert failure(given(first, second, *rest, first), scope, quarter.trust)[0] == "BUNDLE"
    assert failure(given({}, *[{}] * (len(rest) + 1)), scope, quarter.trust) == ("SCOPE", "the log has no entry of the dossier")


def test_entries_of_a_subject_stand_in_the_log_in_their_order(quarter: Quarter) -> None:
    """A sequencer that turned two entries round, shown by the light form."""
    raw, scope = quarter.world.exported(light(quarter.mine[0])), dossier(quarter.mine[0])
    payload = opened(raw)
    leaves = opened(quarter.world.exported(full(quarter.mine[0])))[LEAVES]
    size = json.loads(payload[REQUEST])["size"]
    rows = [json.loads(line) for line in payload[PROOFS].splitlines()]
    one, other = rows[0]["index"], rows[1]["index"]
    cut = [leaves[at : at + 73] for at in range(0, size * 73, 73)]
    cut[one], cut[other] = cut[other], cut[one]
    hashes = [tree.leaf_hash(leaf) for leaf in cut]

    def read(level: int, index: int) -> bytes:
        return tree.root(hashes[index << level : (index + 1) << level])

    def proof(index: int) -> dict[str, Any]:
        return {"hashes": [one.hex() for one in tree.inclusion(index, size, read)], "index": index}

    places = [other, one, *(row["index"] for row in rows[2:])]
    made = [proof(place) for place in places]
    register = rows[0]["register"]
    made[0]["register"] = {**proof(register["index"]), "number": Leaf.read(cut[register["index"]]).number, "unit": register["unit"]}
    text = Checkpoint(quarter.world.key.name, size, tree.root(hashes)).text
    payload[CHECKPOINT] = str(Note(text, (signed(text, quarter.world.key, LOG_SECRET.sign),))).encode()
    payload[PROOFS] = b"".join(canonical(row) + b"\n" for row in made)
    assert failure(packed(payload), scope, quarter.trust) == ("LOG", "it stands in the log before the one before it")


def test_subjects_stand_in_the_order_of_the_log(quarter: Quarter) -> None:
    payload = opened(quarter.all)
    blocks: dict[str, list[bytes]] = {}
    for line in payload[ENTRIES].splitlines():
        blocks.setdefault(json.loads(line)["subject"]["id"], []).append(line)
    order = list(blocks)[1:] + list(blocks)[:1]
    payload[ENTRIES] = b"".join(line + b"\n" for one in order for line in blocks[one])
    states = {json.loads(line)["subject"]: line for line in payload[STATES].splitlines()}
    payload[STATES] = b"".join(states[one] + b"\n" for one in order)
    assert failure(packed(payload), Scope("ALL"), quarter.trust)[0] == "CHAIN"


# Frames and requests.


def test_everything_in_the_light_form_is_refused(quarter: Quarter) -> None:
    raw = quarter.world.exported(light(quarter.mine[0]))
    request = canonical({**json.loads(opened(raw)[REQUEST]), "scope": {"kind": "ALL"}})
    raw = changed(raw, REQUEST, lambda _: request)
    assert failure(raw, Scope("ALL"), quarter.trust) == ("BUNDLE", "a bundle of everything has all leaves")


def test_a_light_bundle_is_compared_with_a_checkpoint_of_its_own_size(quarter: Quarter) -> None:
    raw, scope = quarter.world.exported(light(quarter.mine[0])), dossier(quarter.mine[0])
    held = opened(raw)[CHECKPOINT].decode()
    assert judged(raw, scope, replace(quarter.trust, held=held)).limits == ["LIGHT", "NO_WITNESS"]
    for wrong in ("", "x", held.replace("giamsat.test/trail", "other/trail"), held[:-6] + "AAAA=\n"):
        assert failure(raw, scope, replace(quarter.trust, held=wrong))[0] == "HELD"


def test_a_request_of_another_size_or_form(quarter: Quarter) -> None:
    for more in ({"size": 0}, {"size": "9"}, {"size": True}, {"form": "LIGHT"}, {"v": 2}, {"more": 1}, {"log": "x"}):
        request = canonical({**json.loads(opened(quarter.one)[REQUEST]), **more})
        raw = changed(quarter.one, REQUEST, lambda _, text=request: text)  # type: ignore[misc]
        assert failure(raw, dossier(quarter.mine[0]), quarter.trust)[0] in {"BUNDLE", "REQUEST", "CHECKPOINT"}


@pytest.mark.parametrize("name", [README, SCHEMA])
def test_the_texts_of_a_bundle_are_those_of_every_bundle(quarter: Quarter, name: str) -> None:
    raw = changed(quarter.one, name, lambda text: text.replace(b"verify", b"ignore").replace(b"giamsat audit", b"another audit"))
    assert opened(raw)[name] != opened(quarter.one)[name]
    assert failure(raw, dossier(quarter.mine[0]), quarter.trust) == ("BUNDLE", f"{name} is not the text that is in every bundle")


@pytest.mark.parametrize("name", [ENTRIES, LEAVES])
def test_the_manifest_has_hashes_also_of_what_the_log_vouches_for(quarter: Quarter, name: str) -> None:
    whole = members(quarter.one)
    whole["manifest-sha256.txt"] = re.sub(rb"[0-9a-f]{64}(  %b\n)" % name.encode(), rb"Z" * 64 + rb"\1", whole["manifest-sha256.txt"])
    whole["tagmanifest-sha256.txt"] = manifest({tag: hashlib.sha256(whole[tag]).hexdigest() for tag in TAGS}).encode()
    assert framed(members(quarter.one)) == quarter.one
    assert failure(framed(whole), dossier(quarter.mine[0]), quarter.trust) == ("BUNDLE", f"{name} is not what the manifest says")


def members(raw: bytes) -> dict[str, bytes]:
    """Read all members of a bundle, tags included."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return {one.filename.removeprefix(FOLDER): archive.read(one) for one in archive.infolist()}


def test_texts_that_have_been_stay_known() -> None:
    page = (Path(__file__).parents[3] / "docs" / "audit-format.md").read_text()
    now = {README: describing.README, SCHEMA: describing.SCHEMA}
    for name, known in TEXTS.items():
        assert known[0] == hashlib.sha256(now[name].encode()).hexdigest()
        assert all(f"`{one}`" in page for one in known)


def test_what_is_no_bundle() -> None:
    for raw in (b"", b"x" * 100, b"PK\x05\x06" + bytes(18)):
        with pytest.raises(NoZip):
            judged(raw, Scope("ALL"), Trust(WITNESS))


def test_a_zip_of_something_else() -> None:
    with pytest.raises(NoZip):
        judged(framed({"other.txt": b"x"}), Scope("ALL"), Trust(WITNESS))


def test_a_bundle_that_is_cut_off_says_so(quarter: Quarter) -> None:
    for length in (64, 100, 2000, len(quarter.one) // 2):
        check, message = failure(quarter.one[:length], dossier(quarter.mine[0]), quarter.trust)
        assert check == "BUNDLE"
        assert message.startswith(f"it is cut off at byte {length}, in ")
    assert failure(quarter.one[:-1], dossier(quarter.mine[0]), quarter.trust)[1].startswith("what stands behind the last member")


def test_an_entry_that_is_missing_is_named(quarter: Quarter) -> None:
    scope, entries = dossier(quarter.mine[0]), len(opened(quarter.one)[ENTRIES].splitlines())
    missing = "it is missing, or stands elsewhere: another entry of the subject stands in its place"
    for change, seq, said in (
        (lambda lines: [*lines[:3], *lines[4:]], 4, missing),
        (lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]], 3, missing),
        (lambda lines: lines[:-1], entries - 1, f"the log has {entries} entries of it: those behind this one were left out"),
    ):
        fault = judged(lines_changed(quarter.one, ENTRIES, change), scope, quarter.trust).failure
        assert fault
        assert (fault.seq, fault.message) == (seq, said)
    again = lines_changed(quarter.all, ENTRIES, lambda lines: [*lines, lines[0]])
    assert failure(again, Scope("ALL"), quarter.trust)[1].startswith("the subject comes twice")


def test_a_period_that_was_not_over_is_a_limit(quarter: Quarter) -> None:
    now = quarter.world.clock.now
    for end, limits in ((now - timedelta(seconds=5), []), (now + timedelta(days=1), ["OPEN_PERIOD"])):
        begin = quarter.begin - timedelta(days=30)
        raw = quarter.world.exported(Wanted(ExportScope.UNIT, ExportForm.FULL, UNIT, begin, end), witnessed=True)
        scope = Scope("UNIT", unit=UNIT, begin=moment(begin), end=moment(end))
        found = judged(raw, scope, replace(quarter.trust, witness=WITNESS))
        assert (found.failure, set(found.limits) - {"NO_HELD_CHECKPOINT"}) == (None, set(limits))


def test_what_nobody_thought_of_is_a_failure(quarter: Quarter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "_canonical", lambda _: 1 / 0)
    check, message = failure(quarter.one, dossier(quarter.mine[0]), quarter.trust)
    assert check == "UNREADABLE"
    assert "ZeroDivisionError" in message
