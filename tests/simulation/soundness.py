"""What must hold of the second store after whatever happened to it: each change stands whole or not at all, and nobody is forgotten.

The tables that prove something are recomputed by `tests.verification`, which shares nothing with the service.
"""

from collections import Counter

from tests.simulation.store import SimulatedStore
from tests.verification import recompute


def unsound(store: SimulatedStore) -> list[str]:
    """Name all that is not as it must be."""
    return recompute.problems(store.scanned()) + uncounted(store)


def uncounted(store: SimulatedStore) -> list[str]:
    """Name topics whose head counts fewer members than there are: their watchers would be told nothing."""
    live = store.engine.live
    rows = Counter(partition.removeprefix("TOPIC#") for partition, _ in live if partition.startswith("TOPIC#"))
    members = {topic: live.get((f"HEAD#{topic}", "HEAD"), {}).get("members", 0) for topic in rows}
    return [f"head of {topic}: {members[topic]} members of {count}" for topic, count in rows.items() if members[topic] < count]
