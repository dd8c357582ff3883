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

Reader = Callable[[Any], Any]
Maker = Callable[[Mapping[str, Any]], Any]
_SHAPES: dict[type[Any], tuple[str, ...]] = {}
_MAKERS: dict[type[Any], Maker] = {}  # built from annotations once


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
    for name in _shape(type(value)):
        inner = getattr(value, name)
        if inner is not None and inner != ():
            out[name] = _plain(inner)
    return out


def unpacked(kind: type[T], plain: Mapping[str, Any]) -> T:
    """Build a `kind` from what `packed` gave.

    Raises:
        KeyError, ValueError, TypeError: the plain form is not that of a `kind`.
    """
    made: T = (_MAKERS.get(kind) or _maker(kind))(plain)
    return made


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


def _shape(kind: type[Any]) -> tuple[str, ...]:
    """Name the fields of a dataclass; asked for each time something is written."""
    if kind not in _SHAPES:
        _SHAPES[kind] = tuple(field.name for field in dataclasses.fields(kind))
    return _SHAPES[kind]


def _maker(kind: type[Any]) -> Maker:
    """Build, once, the function that builds a `kind`: each field read by its annotation, or as it is when absent."""
    hints = typing.get_type_hints(kind)
    rows = tuple((field.name, _reader(hints[field.name]), _absent(field, hints[field.name])) for field in dataclasses.fields(kind))

    def made(plain: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a `kind`
        given, missing = [], ""
        for name, read, absent in rows:
            value = plain.get(name)
            if value is not None:
                given.append(value if read is None else read(value))
            else:
                given.append(absent)
                missing = name if absent is dataclasses.MISSING else missing
        if missing:
            raise TypeError(f"a {kind.__name__} without {missing}")
        return kind(*given)

    _MAKERS[kind] = made
    return made


def _absent(field: "dataclasses.Field[Any]", hint: Any) -> Any:  # noqa: ANN401
    """What a field is when `packed` left it out: its default, or nothing of its kind; MISSING where it may not be left out."""
    if field.default is not dataclasses.MISSING:
        return field.default
    if typing.get_origin(hint) is tuple:
        return ()
    return None if types.NoneType in typing.get_args(hint) else dataclasses.MISSING


def _reader(hint: Any) -> Reader | None:  # noqa: ANN401
    """Give the function that reads a present value of that annotation; None for one that stays as it is."""
    origin = typing.get_origin(hint)
    if origin in {types.UnionType, typing.Union}:
        return _reader(next(arm for arm in typing.get_args(hint) if arm is not types.NoneType))
    if origin is tuple:
        inner = _reader(typing.get_args(hint)[0])
        return (lambda values: tuple(values or ())) if inner is None else (lambda values: tuple(map(inner, values or ())))
    if dataclasses.is_dataclass(hint):
        return lambda value: unpacked(cast("type[Any]", hint), value)
    if isinstance(hint, type):
        if issubclass(hint, Enum):
            members = {member.value: member for member in hint}  # To look one up is four times as fast as to call the enum.
            return lambda value: members[value] if value in members else hint(value)
        for kind, read in ((datetime, instant), (date, date.fromisoformat), (time, time.fromisoformat)):
            if issubclass(hint, kind):
                return read
    return None
