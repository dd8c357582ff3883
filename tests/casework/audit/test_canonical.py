"""Canonical JSON: equal to RFC 8785 where it writes at all, and refusing everything else."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casework.audit.canonical import LARGEST, Json, canonical, parsed

VECTORS = Path(__file__).parents[4] / "shared" / "data" / "vectors" / "rfc8785" / "testdata"
# What the vectors hold beyond the restricted domain: keys that are not ASCII, and numbers with a fraction.
BEYOND = {"french", "values", "weird"}
KEYS = st.text(st.characters(max_codepoint=127), max_size=6)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(1 - LARGEST, LARGEST - 1) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=30,
)
SHOWN = settings(print_blob=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SHOWN
@given(VALUES)
def test_it_writes_what_rfc_8785_writes(value: Any) -> None:  # noqa: ANN401 - any JSON
    assert canonical(value) == rfc8785.dumps(value)


@SHOWN
@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_what_is_written_is_read_back(value: dict[str, Json]) -> None:
    line = canonical(value)
    assert parsed(line) == parsed(line.decode()) == value
    assert canonical(parsed(line)) == line
    assert b"\n" not in line


@SHOWN
@given(st.dictionaries(KEYS, st.integers(0, 9), min_size=2), st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_matter(value: dict[str, int], random: Any) -> None:  # noqa: ANN401 - a Random of Hypothesis
    items = list(value.items())
    random.shuffle(items)
    assert canonical(dict(items)) == canonical(value)


@pytest.mark.parametrize(("value", "written"), [
    (None, b"null"),
    (True, b"true"),
    ({"b": 1, "a": [True, None, {}], "B": ""}, b'{"B":"","a":[true,null,{}],"b":1}'),
    ((1, (2,)), b"[1,[2]]"),
    ('"\\/\b\f\n\r\t\x0b\x1f\x7f', b'"\\"\\\\/\\b\\f\\n\\r\\t\\u000b\\u001f\x7f"'),
    ("Nguyễn 👩 \u2028", '"Nguyễn 👩 \u2028"'.encode()),
    (1 - LARGEST, b"-9007199254740991"),
    (LARGEST - 1, b"9007199254740991"),
])  # fmt: skip
def test_the_bytes_are_these(value: object, written: bytes) -> None:
    assert canonical(value) == written


@pytest.mark.parametrize("value", [
    1.0, 0.5, -0.0, float("nan"), float("inf"), Decimal(1),
    LARGEST, -LARGEST, 10**30,
    date(2025, 1, 20), datetime(2025, 1, 20, tzinfo=UTC),
    b"bytes", {1}, object(),
    {"é": 1}, {"\x80": 1}, {1: 1}, {None: 1}, {True: 1},
    "\ud800", {"a": "\udfff"},
])  # fmt: skip
def test_what_lies_beyond_the_limits_is_refused_however_deep(value: object) -> None:
    for found in (value, [value], {"a": value}, {"a": [1, (value,)]}):
        with pytest.raises(TypeError):
            canonical(found)


class Colour(StrEnum):
    """A text with a name."""

    RED = "RED"


def test_a_named_text_is_its_text_but_no_key() -> None:
    assert canonical({"colour": Colour.RED}) == b'{"colour":"RED"}'
    with pytest.raises(TypeError):
        canonical({Colour.RED: 1})


@pytest.mark.parametrize("line", ["", "null", "[1]", '"a"', "1", "{", '{"a":}', "{'a':1}", b"\xff", '{"a":NaN}'])
def test_what_is_no_object_is_not_read(line: str | bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parsed(line)


def whole(text: str) -> int | float:
    """A number as JSON means it: 56.0 is the integer 56."""
    number = float(text)
    return int(number) if number.is_integer() and abs(number) < LARGEST else number


@pytest.mark.parametrize("name", ["arrays", "french", "structures", "unicode", "values", "weird"])
def test_it_agrees_with_the_vectors_of_the_rfc(name: str) -> None:
    if not VECTORS.is_dir():
        pytest.skip("the vectors of RFC 8785 are not beside this checkout (../shared/data/vectors/rfc8785)")
    value = json.loads((VECTORS / "input" / f"{name}.json").read_text(encoding="utf-8"), parse_float=whole)
    if name in BEYOND:
        with pytest.raises(TypeError):
            canonical(value)
    else:
        assert canonical(value) == (VECTORS / "output" / f"{name}.json").read_bytes()
        assert canonical(value).hex() == "".join((VECTORS / "outhex" / f"{name}.txt").read_text(encoding="ascii").split())
