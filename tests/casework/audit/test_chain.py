"""Entries and their chain: the golden bytes, numbers and hashes, record times, changes, and the commitment to a state."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casework.audit.canonical import canonical
from casework.audit.chain import GENESIS, TICK, Draft, Entry, Reason, Subject, Tip, changed, committed, reopened, sealed
from casework.audit.disclosure import Envelope
from casework.model.errors import Corrupt, Invalid
from casework.model.moves import SKEW
from casework.model.packing import Plain
from casework.model.parties import Party, PartyKind, Ref, Role
from casework.model.procedure import Channel, DossierKind
from casework.model.record import Applicant, Dossier, State, flattened

ROOT = Path(__file__).parents[3]
GOLDEN = json.loads((ROOT / "tests" / "golden" / "entry-v1.json").read_text(encoding="utf-8"))
NOW = datetime(2025, 1, 20, 2, tzinfo=UTC)
SUBJECT = Subject("dossier", "00112233445566778899aabbccddeeff")
PERSON = "0f" * 16
DRAFT = Draft(
    log="giamsat.local/trail",
    province="QN",
    subject=SUBJECT,
    action="SUBMITTED",
    actor=Party(PartyKind.CITIZEN, PERSON, Role.CITIZEN),
    occurred_at=NOW,
    request="golden",
    before={},
    after={"state": "SUBMITTED"},
)
SHOWN = settings(print_blob=True, deadline=None)
FIELDS = st.text(st.characters(max_codepoint=127), max_size=6)
PLAIN: st.SearchStrategy[Plain] = st.recursive(
    st.integers(-9, 9) | st.text(max_size=4), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=3)
)
STATES = st.dictionaries(FIELDS, PLAIN, max_size=6)


def tip_of(entry: Entry) -> Tip:
    return Tip(entry.seq, entry.hash, entry.recorded_at)


# The golden entry.


def golden() -> tuple[Entry, Envelope, dict[str, Plain]]:
    salts = iter((b"\0" * 16, b"\1" * 16))
    envelope = Envelope(1, lambda: next(salts))
    applicant = Applicant(
        name=envelope.enclosed("applicant.name", "Nguyễn Văn Ánh"),
        person=PERSON,
        phone=envelope.enclosed("applicant.phone", "0900 000 000"),
    )
    dossier = Dossier(
        code="QN-XD-250120-0001", state=State.SUBMITTED, kind=DossierKind.ADMINISTRATIVE, procedure="XD-01", procedure_version=1,
        unit="QN-XD", reception_point="QN-MC", delivery_point="QN-MC", channel=Channel.ONLINE, slip_key=1, secret_generation=1,
        submitted_at=NOW, version=1, applicant=applicant,
    )  # fmt: skip
    flat = flattened(dossier)
    return sealed(replace(DRAFT, after=flat, digests=envelope.disclosures), Tip(), NOW), envelope, flat


def test_the_golden_entry_is_written_byte_for_byte() -> None:
    entry, envelope, flat = golden()
    assert flat == GOLDEN["state"]
    assert entry.line == GOLDEN["line"]
    assert entry.hash == GOLDEN["hash"]
    assert entry.body["after"] == GOLDEN["after"]
    assert [envelope.disclosures[digest] for digest in sorted(envelope.disclosures)] == GOLDEN["disclosures"]


def test_the_description_shows_the_golden_entry() -> None:
    told = (ROOT / "docs" / "audit-format.md").read_text(encoding="utf-8").splitlines()
    _, envelope, _ = golden()
    assert {GOLDEN["line"], GOLDEN["hash"]} <= set(told)
    assert {f"{digest}  {text}" for digest, text in envelope.disclosures.items()} <= set(told)


def test_a_stored_line_is_the_entry_again() -> None:
    entry, _, _ = golden()
    found = reopened(entry.line)
    assert (found.line, found.hash, found.seq) == (entry.line, entry.hash, 1)
    assert found.body == json.loads(entry.line)
    assert (found.recorded_at, found.occurred_at) == (NOW, NOW)


# The chain.


def test_the_first_entry_follows_nothing() -> None:
    entry = sealed(DRAFT, Tip(), NOW)
    assert (entry.seq, entry.body["seq"], entry.body["prev"]) == (1, 1, GENESIS) == (1, 1, "0" * 64)


def test_each_entry_names_the_hash_of_the_line_before() -> None:
    tip, lines = Tip(), list[str]()
    for n in range(1, 6):
        entry = sealed(replace(DRAFT, action=f"A{n}"), tip, NOW + timedelta(minutes=n))
        assert entry.seq == entry.body["seq"] == n
        assert entry.body["prev"] == (hashlib.sha256(lines[-1].encode()).hexdigest() if lines else GENESIS)
        lines.append(entry.line)
        tip = tip_of(entry)


@pytest.mark.parametrize(("now", "recorded_at"), [
    (NOW + timedelta(seconds=1), NOW + timedelta(seconds=1)),
    (NOW + TICK, NOW + TICK),
    (NOW, NOW + TICK),
    (NOW - timedelta(days=1), NOW + TICK),
])  # fmt: skip
def test_record_time_is_now_or_a_microsecond_after_the_entry_before(now: datetime, recorded_at: datetime) -> None:
    first = sealed(DRAFT, Tip(), NOW)
    second = sealed(DRAFT, tip_of(first), now)
    assert first.recorded_at == NOW
    assert second.recorded_at == recorded_at
    assert second.occurred_at == NOW


@SHOWN
@given(st.lists(st.integers(-5, 5), max_size=20))
def test_record_times_of_a_chain_ascend_whatever_the_clock_does(steps: list[int]) -> None:
    tip, now = Tip(), NOW
    for step in steps:
        now += step * TICK
        entry = sealed(DRAFT, tip, now)
        assert entry.recorded_at >= now
        assert tip.recorded_at is None or entry.recorded_at > tip.recorded_at
        tip = tip_of(entry)


def test_an_entry_has_always_all_of_its_members() -> None:
    members = ["action", "actor", "after", "changes", "digests", "log", "occurred_at", "on_behalf_of", "prev", "province", "reason",
               "recorded_at", "request", "seq", "subject", "v"]  # fmt: skip
    assert sorted(sealed(DRAFT, Tip(), NOW).body) == members


def test_who_acts_for_whom_and_why_is_written() -> None:
    draft = replace(
        DRAFT,
        actor=Party(PartyKind.IMPORT, "a log", Role.IMPORT),
        on_behalf_of=Party(PartyKind.OFFICER, "officer-1", unit="QN-XD"),
        reason=Reason("IMPORTED", log="a log"),
        digests=("b", "a"),
    )
    body = sealed(draft, Tip(), NOW).body
    assert body["actor"] == {"kind": "IMPORT", "id": "a log", "role": "IMPORT"}
    assert body["on_behalf_of"] == {"kind": "OFFICER", "id": "officer-1", "unit": "QN-XD"}
    assert body["reason"] == {"code": "IMPORTED", "log": "a log"}
    assert body["digests"] == ["a", "b"]
    backdated = sealed(replace(DRAFT, reason=Reason("BACKDATED", Ref("d", 2))), Tip(), NOW).body
    assert backdated["reason"] == {"code": "BACKDATED", "text": {"digest": "d", "entry": 2}}


OTHERWISE: dict[str, Any] = {
    "log": "another",
    "province": "ZZ",
    "subject": Subject("dossier", "f" * 32),
    "action": "RECEIVED",
    "actor": Party(PartyKind.OFFICER, "officer-1"),
    "occurred_at": NOW + TICK,
    "request": "another",
    "before": {"state": "RECEIVED"},
    "after": {"state": "RECEIVED"},
    "on_behalf_of": Party(PartyKind.OFFICER, "officer-2"),
    "reason": Reason("BACKDATED"),
    "digests": ("d",),
}


@pytest.mark.parametrize("name", DRAFT.__slots__)
def test_the_hash_depends_on_everything_the_draft_says(name: str) -> None:
    assert sealed(replace(DRAFT, **{name: OTHERWISE[name]}), Tip(), NOW).hash != sealed(DRAFT, Tip(), NOW).hash


def test_the_hash_depends_on_the_entry_before_and_the_time() -> None:
    usual = Tip(1, "a" * 64, NOW)
    tips = [usual, replace(usual, seq=2), replace(usual, hash="b" * 64), replace(usual, recorded_at=NOW + TICK)]
    assert len({sealed(DRAFT, tip, NOW).hash for tip in tips}) == len(tips)


# Changes.


def test_changes_name_each_field_that_differs_in_order() -> None:
    before: dict[str, Plain] = {"same": [1], "gone": 1, "other": {"a": 1}, "Upper": 0}
    after: dict[str, Plain] = {"same": [1], "new": "x", "other": {"a": 2}, "Upper": 1}
    assert changed(before, after) == [
        {"field": "Upper", "from": 0, "to": 1},
        {"field": "gone", "from": 1, "to": None},
        {"field": "new", "from": None, "to": "x"},
        {"field": "other", "from": {"a": 1}, "to": {"a": 2}},
    ]
    assert changed(after, after) == []


@SHOWN
@given(STATES, STATES)
def test_changes_lead_from_one_state_to_the_other(before: dict[str, Plain], after: dict[str, Plain]) -> None:
    state = dict(before)
    for change in changed(before, after):
        assert isinstance(change, dict)
        name = str(change["field"])
        assert state.pop(name, None) == change["from"]
        if change["to"] is not None:
            state[name] = change["to"]
    assert state == after
    assert committed(state) == committed(after)


# Commitments.


def test_a_commitment_is_computed_as_the_description_says() -> None:
    fields = {name: hashlib.sha256(b"giamsat/field/v1\0" + canonical([name, value])).hexdigest() for name, value in GOLDEN["state"].items()}
    assert hashlib.sha256(b"giamsat/state/v1\0" + canonical(fields)).hexdigest() == GOLDEN["after"]
    assert committed({}) == hashlib.sha256(b"giamsat/state/v1\0{}").hexdigest()


@pytest.mark.parametrize("name", GOLDEN["state"])
def test_a_commitment_depends_on_every_field(name: str) -> None:
    state: dict[str, Plain] = GOLDEN["state"]
    without = {key: value for key, value in state.items() if key != name}
    renamed = {**without, f"{name}_": state[name]}
    others = [without, renamed, {**state, name: "another"}, {**state, name: None}]
    assert len({committed(found) for found in (state, *others)}) == 5


@SHOWN
@given(STATES, STATES)
def test_different_states_have_different_commitments(one: dict[str, Plain], other: dict[str, Plain]) -> None:
    assert (committed(one) == committed(other)) is (one == other)


# What is no entry.


def test_nothing_is_sealed_before_it_happens() -> None:
    assert sealed(replace(DRAFT, occurred_at=NOW + SKEW), Tip(), NOW).occurred_at == NOW + SKEW
    with pytest.raises(Invalid) as caught:
        sealed(replace(DRAFT, occurred_at=NOW + SKEW + TICK), Tip(), NOW)
    assert (caught.value.code, caught.value.path) == ("IN_FUTURE", ("at",))


@pytest.mark.parametrize("line", ["", "{", "{}", '{"seq":"x"}'])
def test_a_line_that_is_no_entry_is_corrupt(line: str) -> None:
    with pytest.raises(Corrupt):
        reopened(line)


def test_where_an_entry_stands() -> None:
    assert reopened('{"seq":3,"subject":{"id":"abc"}}').place == ("abc", 3)
