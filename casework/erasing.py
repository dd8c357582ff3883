"""Which disclosures an erasure takes, and how those are taken again that a restore brought back.

The entry that names them and their going are one transaction (`ports.Change`). What it names is gone for good: whoever puts a table
back to how it was before has to call `erase_again` for each dossier whose trail has an entry `APPLICANT_ERASED`.
"""

from collections.abc import Collection

from casework.audit.disclosure import digest_of, is_personal
from casework.ports import Erased, Held, Services

MOST_ERASED = 80  # entries of one erasure: each is a write of its transaction, which takes 100
PAGE = 1000


def erasable(services: Services, held: Held) -> tuple[Erased, ...]:
    """Give what tells who the applicant of a dossier is, and every citizen who acted in it; that of the first entry comes last.

    What has come since the dossier was loaded is left out: whoever erases now will find that he was not the fastest.
    """
    rows = services.store.disclosed_by_entry(held.id)
    known = sorted((seq for seq in rows if seq <= held.tip.seq), reverse=True)
    found = (_without(seq, rows[seq], [text for text in rows[seq] if is_personal(text)]) for seq in known)
    return tuple(row for row in found if row.gone)


def erase_again(services: Services, subject: str) -> int:
    """Erase what is there although entries of the subject say that it was erased; gives how many disclosures that were.

    It may run twice, at once, and be killed in the middle.

    Raises:
        Unavailable: the store did not answer; what is left is found by the next run.
    """
    named, count = _named(services, subject), 0
    if not named:
        return 0
    while True:
        rows = services.store.disclosed_by_entry(subject)
        found = [_without(seq, texts, [text for text in texts if digest_of(text) in named]) for seq, texts in rows.items()]
        found = [row for row in found if row.gone]
        if not found:
            return count
        count += sum(len(row.gone) for row in found if services.store.erase(subject, row))


def _without(seq: int, texts: tuple[str, ...], gone: Collection[str]) -> Erased:
    return Erased(seq, texts, tuple(text for text in texts if text not in gone))


def _named(services: Services, subject: str) -> frozenset[str]:
    """Read from its trail what was erased: the state may be older than that, too."""
    named: set[str] = set()
    seq = 0
    while page := services.store.entries(subject, seq, PAGE):
        for entry in page:
            for change in entry.body["changes"]:
                if change["field"].startswith("erasures."):
                    named.update(change["to"]["digests"])
        seq = page[-1].seq
    return frozenset(named)
