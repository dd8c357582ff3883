"""What AWS charges for items, by its documents: size of an item, write units of a table and of its indexes.

A started kilobyte is a write unit, of the larger of the item before and after; a transaction costs the table twice that, and an index
what it costs without one. An index entry that comes, goes or changes is one write, one whose key changes is two. All indexes here hold
whole items.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

KILOBYTE = 1024
BESIDE, EACH = 3, 1  # bytes of a list or map, and of each thing in it

Item = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Written:
    """Writes and their units."""

    writes: int
    units: int


def size(item: Item) -> int:
    """Give the bytes of an item: names and values."""
    return sum(len(name.encode()) + _value(value) for name, value in item.items())


def _value(value: Mapping[str, Any]) -> int:
    ((kind, held),) = value.items()
    if kind == "S":
        return len(held.encode())
    if kind == "N":
        return (len(held.strip("-").replace(".", "").strip("0")) + 1) // 2 + 1
    if kind == "L":
        return BESIDE + sum(EACH + _value(one) for one in held)
    raise ValueError(f"no item here has a {kind}")


def units(item: Item | None) -> int:
    """Give the units of writing an item, or what is left of nothing."""
    return -(-size(item) // KILOBYTE) if item else 1


def table(before: Item | None, after: Item | None, *, transacted: bool) -> Written:
    """Count a write of a table: what was there, and what is there now."""
    return Written(1, max(units(before), units(after)) * (2 if transacted else 1))


def index(keys: tuple[str, str], before: Item | None, after: Item | None) -> list[tuple[str, Written]]:
    """Count what a write of the table is to an index with those attributes as its key: for each of the index's partitions."""
    was, now = _entry(keys, before), _entry(keys, after)
    if was and now and was == now:
        return [] if before == after else [(now[0], Written(1, max(units(before), units(after))))]
    gone = [(was[0], Written(1, units(before)))] if was else []
    return gone + ([(now[0], Written(1, units(after)))] if now else [])


def _entry(keys: tuple[str, str], item: Item | None) -> tuple[str, str] | None:
    if item is None or any(key not in item for key in keys):
        return None
    return item[keys[0]]["S"], item[keys[1]]["S"]
