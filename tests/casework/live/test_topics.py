"""Topics and cursors: a name for each dossier, and cursors that are entry numbers and nothing else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casework.live.topics import cursor, dossier_topic, position
from casework.model.errors import Invalid


def test_each_dossier_has_a_topic_of_its_own() -> None:
    assert dossier_topic("a" * 32) == "dossier:" + "a" * 32


@settings(print_blob=True, deadline=None)
@given(st.integers(0, 10**9 - 1), st.integers(0, 1000))
def test_a_cursor_is_read_back(seq: int, more: int) -> None:
    assert position(cursor(seq), seq + more) == seq


@pytest.mark.parametrize("after", [
    "", " ", "1 ", " 1", "-1", "+1", "1.0", "1e0", "0x1", "1_0", "\u0661", "²", "one", "null", "\0", "1\n", "0000000001", "9" * 5000,
])  # fmt: skip
def test_what_is_no_number_is_no_cursor(after: str) -> None:
    with pytest.raises(Invalid, match="no cursor of this subscription") as caught:
        position(after, 10**8)
    assert (caught.value.code, caught.value.path) == ("CURSOR", ("after",))


def test_a_cursor_lies_within_the_trail() -> None:
    assert position("0", 0) == 0
    assert position("7", 7) == 7
    with pytest.raises(Invalid):
        position("8", 7)
