"""The log of all entries as it was published: its newest checkpoint, that it only grew, and that an entry is in it.

Hashes are hexadecimal here, as those of entries are; what is text is in the forms that `docs/audit-format.md` names.
"""

import strawberry

from casework.audit.chain import Entry
from casework.audit.note import Checkpoint
from casework.model.errors import Invalid
from casework.published import Published, growth, newest
from schema.context import Context


@strawberry.type(description="What the log says of itself, signed: how many leaves its tree has, and their root.")
class AuditCheckpoint:
    """A checkpoint."""

    origin: str = strawberry.field(description="The log's name.")
    size: int = strawberry.field(description="How many leaves its tree has.")
    root: str = strawberry.field(description="The root of the tree, in hexadecimal.")
    note: str = strawberry.field(
        description="The checkpoint as it was signed (C2SP signed-note), to be verified with the log's key, which is not to be had here."
    )


@strawberry.type(description="Shows that the log of one size begins with all that it had at a smaller one (RFC 9162 section 2.1.4).")
class ConsistencyProof:
    """A proof that the log only grew."""

    from_size: int = strawberry.field(name="from", description="The smaller size.")
    to_size: int = strawberry.field(name="to", description="The larger size.")
    hashes: list[str] = strawberry.field(description="The hashes of the proof, in hexadecimal; none where both sizes are the same.")


@strawberry.type(description="Shows that an entry is in the log as it was published (RFC 9162 section 2.1.3).")
class InclusionProof:
    """A proof that an entry is in the log."""

    index: int = strawberry.field(description="Which leaf the entry is, from 0.")
    size: int = strawberry.field(description="The size of the log that it is proved for.")
    hashes: list[str] = strawberry.field(description="The hashes of the proof, in hexadecimal.")
    text: str = strawberry.field(description="All of it with the signed checkpoint, as one text (C2SP tlog-proof).")


def proved(context: Context, entry: Entry) -> InclusionProof | None:
    """Prove an entry; None while the log has not published it."""
    shown = context.proof(entry)
    if shown is None:
        return None
    size = Checkpoint.read(shown.checkpoint.text).size
    return InclusionProof(index=shown.index, size=size, hashes=[one.hex() for one in shown.hashes], text=str(shown))


def checkpoint_shown(context: Context) -> AuditCheckpoint | None:
    """Show the newest checkpoint; None before the first."""
    published = _newest(context)
    if published is None:
        return None
    found = published.checkpoint
    return AuditCheckpoint(origin=found.origin, size=found.size, root=found.root.hex(), note=str(published.note))


def consistency_shown(context: Context, old: int, new: int) -> ConsistencyProof | None:
    """Prove that the log only grew; None before the first checkpoint.

    Raises:
        Invalid: they are no two sizes that it had, the smaller one first.
    """
    published = _newest(context)
    if published is None:
        return None
    try:
        hashes = growth(context.services, published, old, new)
    except ValueError:
        size = published.checkpoint.size
        raise Invalid(f"`from` and `to` are sizes of the log, 1 to {size}, the smaller one first", path=("from",)) from None
    return ConsistencyProof(from_size=old, to_size=new, hashes=[one.hex() for one in hashes])


def _newest(context: Context) -> Published | None:
    services = context.services
    return newest(services) if services.vault and services.seal else None
