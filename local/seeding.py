"""Loads the register that a store starts with, in bulk and once. What stands in the store already is left as it is."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import islice

from casework.model.packing import moment
from casework.ports import Span, Store
from local import register

BATCH = 500
NOTE = "register"  # under which the store remembers what was loaded


def seed(store: Store, advance: Callable[[int], None] = lambda _: None) -> int:
    """Load the register, unless this very one was loaded before; gives how many things were looked at.

    A load that is interrupted starts again, and leaves what it had written.
    """
    if store.noted(NOTE) == register.digest():
        return 0
    count = 0
    by_province: dict[str, list[register.Thing]] = {}
    for province, thing in register.things():
        by_province.setdefault(province, []).append(thing)
    for province, things in by_province.items():
        rows = iter(things)
        while batch := list(islice(rows, BATCH)):
            store.register(batch, province)
            count += len(batch)
            advance(len(batch))
    store.note(NOTE, register.digest())
    return count


def begin(store: Store, now: datetime) -> None:
    """Let the sweep of a store that never had a register begin now: nothing can be due there, and to look would take a first sweep long."""
    if store.noted(NOTE) is None and not store.procedures(None, None, Span(1)):
        store.keep_swept(moment(now - timedelta(hours=1))[:13])


def total() -> int:
    """Count the things of the register, for whoever shows progress."""
    return sum(1 for _ in register.things())
