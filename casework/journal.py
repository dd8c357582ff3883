"""The journal: the lines of all entries that the log has published, kept write-once and apart from the store, step by step.

Whoever restores a store from a backup has in it what the backup lacks (`actions.recovering`). Lines hold no personal value and no text:
those are disclosures, which can be erased and are not here. Format: `docs/audit-format.md`, section 12.
"""

from bisect import bisect_left
from collections.abc import Sequence

from casework.audit.chain import Entry, reopened
from casework.audit.leaves import ENTRY, LEAF_BYTES
from casework.model.errors import Corrupt
from casework.ports import Logged, LogHead, Services

FEW = 4  # steps that are put without asking which are there
FOLDER = 100_000  # leaves of a folder

Kept = tuple[bytes, Entry | None]  # a leaf, and the entry that it is of; a number of a register has none


def keep(services: Services, old: int, new: int) -> None:
    """Keep the lines of the leaves from one size of the log up to another, step after step; what is kept already is passed over.

    So what is kept has no gap, whoever is killed, and a long way is gone on with from where it was left.

    Raises:
        Corrupt: an entry of the log is not in the trail, or something else was kept.
        Unavailable: the store or the journal did not answer.
    """
    journal = services.journal
    if journal is None:
        return
    steps, size = [], old
    for leaves in services.store.steps(old, new):
        steps.append((size, leaves))
        size += len(leaves)
    if size != new:
        raise Corrupt(f"the leaves from {old} to {new} do not come in whole steps")
    first = bisect_left(steps, 1, key=lambda step: journal.read(path(step[0])) is None) if len(steps) > FEW else 0
    for start, leaves in steps[max(0, first - 1) :]:  # The last that is kept is held against what it should be.
        try:
            journal.put(path(start), _written(services, leaves))
        except Corrupt as fault:
            raise Corrupt(f"{fault.message}: if the store was restored, run `giamsat recover` before anything else writes") from fault


def goes_on(services: Services, head: LogHead) -> bool:
    """Tell whether a step is kept that begins at the log's head: the store is older than the journal, whatever was published.

    Raises:
        Unavailable: the store or the journal did not answer.
    """
    journal = services.journal
    return journal is not None and journal.read(path(head.size)) is not None and services.store.log_head() == head


def read(services: Services, start: int) -> Sequence[Kept] | None:
    """Read what was kept of the step that begins at that leaf; None where nothing was.

    Raises:
        Corrupt: it is of another form.
        Unavailable: the journal did not answer.
    """
    found = services.journal.read(path(start)) if services.journal is not None else None
    try:
        return None if found is None else [_kept(line) for line in found.decode().split("\n") if line]
    except ValueError as error:
        raise Corrupt(f"the journal's {path(start)} cannot be read") from error


def path(start: int) -> str:
    """Give where the step is that begins at a leaf."""
    return f"{start // FOLDER:08d}/{start:012d}"


def _written(services: Services, leaves: Sequence[Logged]) -> bytes:
    places = [(one.subject, one.seq) for one in leaves if one.leaf[0] == ENTRY]
    lines = services.store.lines(places)
    if missing := [place for place in places if place not in lines]:
        raise Corrupt(f"entry {missing[0][1]} of {missing[0][0]} is in the log and not in the trail")
    told = (f"{one.leaf.hex()} {lines[one.subject, one.seq] if one.leaf[0] == ENTRY else ''}\n" for one in leaves)
    return "".join(told).encode()


def _kept(text: str) -> Kept:
    leaf, _, line = text.partition(" ")
    raw = bytes.fromhex(leaf)
    if len(raw) != LEAF_BYTES or bool(line) is not (raw[0] == ENTRY):
        raise ValueError(text)
    return raw, reopened(line) if line else None
