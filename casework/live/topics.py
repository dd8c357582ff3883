"""Names of topics, and cursors on them. So far one kind: the dossier, which replays from its trail and needs no feed."""

from casework.model.errors import Invalid

DIGITS = 9


def dossier_topic(subject: str) -> str:
    """Name the topic on which a dossier's entries are pushed."""
    return f"dossier:{subject}"


def cursor(seq: int) -> str:
    """Write a dossier's cursor: its entry's number. Cursors are dense, so a missing one shows."""
    return str(seq)


def position(after: str, last: int) -> int:
    """Read a dossier's cursor back.

    Raises:
        Invalid: no cursor of this dossier.
    """
    known = after.isascii() and after.isdigit() and len(after) <= DIGITS
    if not known or int(after) > last:
        raise Invalid(
            "`after` is no cursor of this subscription: give one that an event brought",
            path=("after",),
            code="CURSOR",
        )
    return int(after)
