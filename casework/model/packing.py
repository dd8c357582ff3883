"""Frozen dataclasses to plain JSON values and back, by their own annotations.

Absent values (None, empty tuples) are left out, so that a field added later changes no stored item. It knows instants, legal days, enums,
nested dataclasses and tuples of these; it writes no bytes (`audit/canonical` does).
"""

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from enum import Enum
from typing import Any, TypeVar, cast

T = TypeVar("T")
Plain = None | bool | int | str | list["Plain"] | dict[str, "Plain"]

Shape = tuple[tuple[str, Callable[[Any], Any], bool], ...]  # name, reader, and whether a missing value is read too
_SHAPES: dict[type[Any], Shape] = {}  # read from annotations once


def moment(at: datetime) -> str:
    """Write an aware instant as RFC 3339 in UTC with six digits, so that text order is time order.

    Raises:
        ValueError: it is naive.
    """
    if at.tzinfo is None:
        raise ValueError("an instant has an offset from UTC")
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def instant(text: str) -> datetime:
    """Read what `moment` wrote."""
    return datetime.fromisoformat(text)


def packed(value: Any) -> dict[str, Plain]:  # noqa: ANN401 - any dataclass instance
    """Give the plain form of a dataclass."""
    out: dict[str, Plain] = {}
    for name, _, _ in _shape(type(value)):
        inner = getattr(value, name)
        if inner is not None and inner != ():
            out[name] = _plain(inner)
    return out


def unpacked(kind: type[T], plain: Mapping[str, Any]) -> T:
    """Build a `kind` from what `packed` gave.

    Raises:
        KeyError, ValueError, TypeError: the plain form is not that of a `kind`.
    """
    return kind(**{name: read(plain.get(name)) for name, read, spare in _shape(kind) if spare or name in plain})


def _plain(value: Any) -> Plain:  # noqa: ANN401
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool | int | str):
        return value
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, tuple | list):
        return [_plain(inner) for inner in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    return packed(value)


def _shape(kind: type[Any]) -> Shape:
    if kind not in _SHAPES:
        hints = typing.get_type_hints(kind)
        _SHAPES[kind] = tuple(
            (field.name, _reader(hints[field.name]), _spare(field, hints[field.name])) for field in dataclasses.fields(kind)
        )
    return _SHAPES[kind]


def _spare(field: "dataclasses.Field[Any]", hint: Any) -> bool:  # noqa: ANN401
    """Whether the field, though it has no default, may be left out by `packed`."""
    if field.default is not dataclasses.MISSING:
        return False
    return typing.get_origin(hint) is tuple or types.NoneType in typing.get_args(hint)


def _reader(hint: Any) -> Callable[[Any], Any]:  # noqa: ANN401
    origin = typing.get_origin(hint)
    if origin in {types.UnionType, typing.Union}:
        present = _reader(next(arm for arm in typing.get_args(hint) if arm is not types.NoneType))
        return lambda value: None if value is None else present(value)
    if origin is tuple:
        inner = _reader(typing.get_args(hint)[0])
        return lambda values: tuple(inner(value) for value in values or ())
    if dataclasses.is_dataclass(hint):
        return lambda value: unpacked(cast("type[Any]", hint), value)
    if isinstance(hint, type):
        if issubclass(hint, Enum):
            return hint
        if issubclass(hint, datetime):
            return instant
        if issubclass(hint, date):
            return date.fromisoformat
        if issubclass(hint, time):
            return time.fromisoformat
    return lambda value: value
