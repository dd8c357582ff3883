"""Records as flat fields, the form that audit entries and commitments speak of: a list that grows is one field for each element.

Pure; which lists a record has, and by what its elements are numbered, stands with the record.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from casework.model.packing import Plain, packed, unpacked

T = TypeVar("T")


def flattened(record: object, lists: Mapping[str, str]) -> dict[str, Plain]:
    """Give a record's fields, one level deep: `steps.3` is the step of number 3, absent values are left out."""
    flat = packed(record)
    for name, number in lists.items():
        for element in flat.pop(name, None) or ():  # type: ignore[union-attr] # a list, by the record's own annotation
            flat[f"{name}.{element[number]}"] = element  # type: ignore[index,call-overload] # of objects
    return flat


def restored(kind: type[T], fields: Mapping[str, Any], lists: Mapping[str, str]) -> T:
    """Build a record back from `flattened`."""
    plain: dict[str, Any] = {}
    for name, value in fields.items():
        head, _, number = name.partition(".")
        if number:
            plain.setdefault(head, []).append(value)
        else:
            plain[name] = value
    for name, number in lists.items():
        if name in plain:
            plain[name].sort(key=lambda element, by=number: element[by])
    return unpacked(kind, plain)
