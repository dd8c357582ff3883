"""Canonical JSON: the one form of bytes that is hashed.

RFC 8785 (JSON Canonicalization Scheme), restricted to what makes it cheap to write and easy to re-write elsewhere: keys are ASCII,
numbers are integers below 2^53, there are no floats. Under these limits sorted keys and no white space are the whole of the RFC, which
the tests hold against the `rfc8785` package. It does not parse, and it does not hash.
"""

from collections.abc import Mapping

import orjson

TYPES = "canonical JSON takes null, booleans, integers below 2^53, strings, lists and objects with ASCII keys"

Json = None | bool | int | str | list["Json"] | dict[str, "Json"]

LARGEST = 2**53


def canonical(value: object) -> bytes:
    """Write `value` as canonical JSON (UTF-8 bytes).

    Raises:
        TypeError: a float, a date, a key that is not ASCII, an integer of 2^53 or more.
    """
    _checked(value)
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _checked(value: object) -> None:
    if value is None or isinstance(value, str):
        return
    if isinstance(value, int):
        if abs(value) >= LARGEST:
            raise TypeError(TYPES)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if not (isinstance(key, str) and key.isascii()):
                raise TypeError(TYPES)
            _checked(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _checked(inner)
    else:
        raise TypeError(TYPES)


def parsed(line: str | bytes) -> Mapping[str, Json]:
    """Read one object back.

    Raises:
        ValueError: not JSON, or not an object.
    """
    value = orjson.loads(line)
    if not isinstance(value, dict):
        raise ValueError(TYPES)  # noqa: TRY004 - the text was unreadable as an object, whatever its type
    return value
