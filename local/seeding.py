"""Loads the register that one machine starts with, in bulk and once. What stands in the store already is left as it is."""

from collections.abc import Callable
from itertools import islice

from casework.ports import Services
from local import register

BATCH = 500
NOTE = "register"  # under which the store remembers what was loaded


def seed(services: Services, advance: Callable[[int], None] = lambda _: None) -> int:
    """Load the register, unless this very one was loaded before; gives how many things were looked at.

    A load that is interrupted starts again, and leaves what it had written.
    """
    if services.store.noted(NOTE) == register.digest():
        return 0
    count = 0
    by_province: dict[str, list[register.Thing]] = {}
    for province, thing in register.things():
        by_province.setdefault(province, []).append(thing)
    for province, things in by_province.items():
        rows = iter(things)
        while batch := list(islice(rows, BATCH)):
            services.store.register(batch, province)
            count += len(batch)
            advance(len(batch))
    services.store.note(NOTE, register.digest())
    return count


def total() -> int:
    """Count the things of the register, for whoever shows progress."""
    return sum(1 for _ in register.things())
