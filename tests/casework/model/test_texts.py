"""What people type: what is taken, in which form, and what is refused where."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casework.model.errors import Invalid
from casework.model.texts import LONGEST_TEXT, optional_text, text


def refused(value: str, longest: int = LONGEST_TEXT) -> tuple[str, tuple[str, ...]]:
    with pytest.raises(Invalid) as caught:
        text(value, "applicant", "name", longest=longest)
    return caught.value.code, caught.value.path


@pytest.mark.parametrize("value", ["", " ", "\n\t ", "\u00a0", "\u3000", "\u200b", " \u2060\u00ad\n"])
def test_nothing_but_space_is_no_text(value: str) -> None:
    assert refused(value) == ("EMPTY", ("applicant", "name"))


def test_a_text_has_its_longest_length() -> None:
    assert text("x" * LONGEST_TEXT) == "x" * LONGEST_TEXT
    assert refused("x" * (LONGEST_TEXT + 1)) == ("TOO_LONG", ("applicant", "name"))
    assert text("xyz", longest=3) == "xyz"
    assert refused("wxyz", longest=3) == ("TOO_LONG", ("applicant", "name"))


@pytest.mark.parametrize("char", [
    "\0", "\x1b", "\r", "\x7f", "\x85",
    "\ud800", "\ue000", "\ufdd0",
    "\u200e", "\u200f", "\u061c", "\u202a", "\u202e", "\u2066", "\u2069", "\ufeff",
])  # fmt: skip
def test_controls_halves_of_pairs_and_marks_of_direction_are_refused(char: str) -> None:
    assert refused(f"a{char}b") == ("BAD_CHARACTER", ("applicant", "name"))


def test_the_refused_character_is_named() -> None:
    with pytest.raises(Invalid, match=r"U\+202E"):
        text("a\u202eb")


@pytest.mark.parametrize("value", ["Nguyễn Văn An", "a\nb\tc", "Hồ sơ số 1/2025 — “đủ”", "👩\u200d👩\u200d👧", "  x "])
def test_what_people_write_is_taken_as_it_is(value: str) -> None:
    assert text(value) == value


def test_letters_are_composed() -> None:
    assert text(unicodedata.normalize("NFD", "Nguyễn")) == "Nguyễn"


def test_no_text_stays_none() -> None:
    assert optional_text(None, "phone") is None
    assert optional_text("0900 000 000", "phone", longest=40) == "0900 000 000"
    with pytest.raises(Invalid) as caught:
        optional_text("", "phone")
    assert caught.value.path == ("phone",)


@settings(print_blob=True, deadline=None)
@given(st.text(max_size=30))
def test_what_is_taken_is_taken_again(value: str) -> None:
    try:
        found = text(value)
    except Invalid as error:
        assert error.code in {"EMPTY", "BAD_CHARACTER"}  # noqa: PT017 - either outcome is right
        return
    assert unicodedata.is_normalized("NFC", found)
    assert text(found) == found
