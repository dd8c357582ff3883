"""What is derived from the service's secret: the secret of a slip, pseudonyms, fingerprints, hidden texts."""

import re
from dataclasses import replace

import pytest

from casework.model.errors import Corrupt
from casework.model.slip import NONCE_BYTES, Keys

KEYS = Keys({1: b"1" * 32, 2: b"2" * 32}, current=2)
DOSSIER, OTHER = "a" * 32, "b" * 32
NONCE = bytes(range(NONCE_BYTES))


def test_a_secret_is_four_groups_of_four_that_can_be_typed() -> None:
    assert re.fullmatch(r"([A-Z2-7]{4}-){3}[A-Z2-7]{4}", KEYS.tracking_secret(DOSSIER, 1, 2))


def test_a_secret_is_that_of_one_dossier_generation_and_version() -> None:
    found = {KEYS.tracking_secret(d, g, v) for d in (DOSSIER, OTHER) for g in (1, 2) for v in (1, 2)}
    assert len(found) == 8
    assert KEYS.tracking_secret(DOSSIER, 1, 2) == KEYS.tracking_secret(DOSSIER, 1, 2)


@pytest.mark.parametrize("typed", [str, str.lower, lambda s: s.replace("-", ""), lambda s: s.replace("-", " "), lambda s: f"  {s}\n"])
def test_a_secret_is_known_however_it_is_typed(typed: "type[str]") -> None:
    assert KEYS.tracks(typed(KEYS.tracking_secret(DOSSIER, 1, 2)), DOSSIER, 1, 2)


@pytest.mark.parametrize("secret", ["", "-", "AAAA-AAAA-AAAA-AAAA", "é" * 16, "\0", "A" * 100_000])
def test_another_text_is_no_secret(secret: str) -> None:
    assert not KEYS.tracks(secret, DOSSIER, 1, 2)


def test_a_secret_with_a_character_more_or_less_is_none() -> None:
    right = KEYS.tracking_secret(DOSSIER, 1, 2)
    assert not KEYS.tracks(right[:-1], DOSSIER, 1, 2)
    assert not KEYS.tracks(right + "A", DOSSIER, 1, 2)


@pytest.mark.parametrize(("dossier", "generation", "version"), [(OTHER, 1, 2), (DOSSIER, 2, 2), (DOSSIER, 1, 1), (DOSSIER, 1, 3)])
def test_a_secret_serves_nothing_else(dossier: str, generation: int, version: int) -> None:
    assert not KEYS.tracks(KEYS.tracking_secret(DOSSIER, 1, 2), dossier, generation, version)


def test_slips_of_an_old_version_stay_valid() -> None:
    printed = Keys({1: b"1" * 32}).tracking_secret(DOSSIER, 1, 1)
    assert KEYS.tracks(printed, DOSSIER, 1, 1)


def test_a_citizen_has_another_name_in_each_dossier() -> None:
    names = {KEYS.pseudonym(d, s) for d in (DOSSIER, OTHER) for s in ("citizen-1", "citizen-2")}
    assert len(names | {KEYS.applicant("citizen-1"), KEYS.applicant("citizen-2")}) == 6
    assert all(re.fullmatch(r"[0-9a-f]{32}", name) for name in names)


def test_names_outlive_a_new_version_of_the_secret() -> None:
    old = Keys({1: b"1" * 32})
    assert old.pseudonym(DOSSIER, "citizen-1") == KEYS.pseudonym(DOSSIER, "citizen-1")
    assert old.applicant("citizen-1") == KEYS.applicant("citizen-1")
    assert old.fingerprint(b"[]") == KEYS.fingerprint(b"[]")


def test_inputs_are_told_apart_by_who_has_the_secret() -> None:
    assert KEYS.fingerprint(b'["a"]') != KEYS.fingerprint(b'["b"]')
    assert KEYS.fingerprint(b'["a"]') != replace(KEYS, secrets={1: b"x" * 32}).fingerprint(b'["a"]')


def test_a_hidden_text_is_shown_again() -> None:
    hidden = KEYS.hidden('{"sub":"công dân"}', NONCE)
    assert KEYS.shown(hidden) == '{"sub":"công dân"}'
    assert "sub" not in bytes.fromhex(hidden).decode("latin-1")
    assert KEYS.hidden("x", NONCE) != KEYS.hidden("x", NONCE[::-1])


@pytest.mark.parametrize("spoilt", [
    "",
    "no hexadecimal",
    "00",
    NONCE.hex(),
    "00" * 64,
    KEYS.hidden("x", NONCE)[:-2],
    "ff" + KEYS.hidden("x", NONCE)[2:],
    Keys({1: b"x" * 32}).hidden("x", NONCE),
])  # fmt: skip
def test_what_was_not_hidden_with_this_secret_is_corrupt(spoilt: str) -> None:
    with pytest.raises(Corrupt, match="cannot be read"):
        KEYS.shown(spoilt)
