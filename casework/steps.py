"""A step of the log: the leaves that markers become, the numbers of the dossiers that they open, and the head behind them.

What a step is follows from the head and the markers alone. Which markers it takes is for the sequencer, or after a restore for what was
published. It writes nothing. Format: `docs/audit-format.md`, section 7.
"""

from collections.abc import Sequence

from casework.audit import tree
from casework.audit.leaves import entry_leaf, opened_leaf
from casework.audit.tree import Frontier
from casework.model.subjects import DOSSIER
from casework.ports import Logged, LogHead, Marker, Services, Taking


def step(services: Services, head: LogHead, markers: Sequence[Marker]) -> Taking:
    """Give the step that takes these markers, in order, behind that head.

    Raises:
        Unavailable: the store did not answer.
    """
    opened = {unit for marker in markers if (unit := _opened_by(marker))}
    before = services.store.registered(opened) if opened else {}
    numbers = dict(before)
    grown = grown_from(head)
    leaves: list[Logged] = []
    at: list[int] = []
    opens: list[tuple[str, int, str]] = []
    for marker in markers:
        at.append(head.size + len(leaves))
        made = [entry_leaf(marker.subject, marker.seq, marker.hash)]
        if unit := _opened_by(marker):
            numbers[unit] += 1
            made.append(opened_leaf(unit, numbers[unit], marker.hash))
            opens.append((unit, numbers[unit], marker.subject))
        leaves += [Logged(bytes(leaf), marker.subject, marker.seq) for leaf in made]
    for one in leaves:
        grown.append(tree.leaf_hash(one.leaf))
    registers = {unit: (before[unit], number) for unit, number in numbers.items()}
    behind = LogHead(grown.size, tuple(one.hex() for one in grown.hashes))
    return Taking(tuple(markers), tuple(leaves), tuple(at), registers, tuple(opens), behind)


def grown_from(head: LogHead) -> Frontier:
    """Give the tree that a head stands for, to be grown."""
    return Frontier(head.size, [bytes.fromhex(one) for one in head.hashes])


def _opened_by(marker: Marker) -> str | None:
    """Name the unit that opened a dossier with this entry; the first access to one has none."""
    return marker.unit if marker.kind == DOSSIER and marker.seq == 1 else None
