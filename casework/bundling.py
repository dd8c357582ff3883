"""Makes the parts of a bundle out of the store and the published log, and puts them together. Format: `docs/audit-format.md`, section 8.

A part follows from the checkpoint and the entries alone, so it may be made twice, or by two. Personal values are left out.
"""

import hashlib
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from casework.audit import tree
from casework.audit.bundle import (
    BAGIT,
    CHECKPOINT,
    DISCLOSURES,
    ENTRIES,
    FOLDER,
    LEAVES,
    OUTSIDE,
    PAYLOAD,
    PROOFS,
    README,
    REQUEST,
    SCHEMA,
    STATES,
    TAGS,
    info,
    manifest,
)
from casework.audit.canonical import canonical
from casework.audit.chain import Entry
from casework.audit.describing import README as README_TEXT
from casework.audit.describing import SCHEMA as SCHEMA_TEXT
from casework.audit.disclosure import is_personal
from casework.audit.leaves import ENTRY, Leaf
from casework.audit.stored import Member, directory
from casework.audit.tree import Read
from casework.model.errors import Corrupt
from casework.model.packing import Plain
from casework.model.record import DossierId
from casework.model.subjects import DOSSIER
from casework.ports import Depot, Held, Services

PAGE = 1000  # entries, or leaves, of one reading
GROWING = (ENTRIES, STATES, DISCLOSURES, PROOFS, OUTSIDE, LEAVES)

# name of a member -> bytes that are a part of it
Parts = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes parts for a checkpoint: of the log's first `size` leaves, whose nodes it reads.

    Without `pending`, entries that the log did not have by then are left out.
    """

    services: Services
    size: int
    read: Read | None  # of LIGHT alone
    pending: bool = False

    def leaves(self, start: int, count: int) -> Parts:
        """Give leaves."""
        found = self.services.store.leaves(start, min(count, self.size - start))
        if len(found) != min(count, self.size - start):
            raise Corrupt(f"leaves of the log are missing from {start} on")
        return {LEAVES: b"".join(one.leaf for one in found)}

    def begun_in(self, start: int, count: int) -> list[str]:
        """Name the subjects whose first entries are among these leaves, in their order."""
        found = self.services.store.leaves(start, min(count, self.size - start))
        return [one.subject for one in found if one.leaf[0] == ENTRY and one.seq == 1]

    def subjects(self, subjects: Sequence[str]) -> Parts:
        """Give all that there is of these subjects, one after the other."""
        out: dict[str, bytearray] = {name: bytearray() for name in (ENTRIES, STATES, DISCLOSURES, PROOFS)}
        for subject in subjects:
            held = self.services.store.held(DossierId(subject))
            if held is None:
                raise Corrupt(f"the state of {subject} is missing")
            entries = self._entries(held)
            places = self._places(entries)
            taken = entries if self.pending else entries[: len(places)]
            if not taken:
                continue
            _add(out[ENTRIES], (entry.line.encode() for entry in taken))
            state = _undone(held, entries[len(taken) :])
            _add(out[STATES], [canonical({"entries": taken[-1].seq, "state": state, "subject": subject})])
            _add(out[DISCLOSURES], self._disclosures(subject, taken))
            _add(out[PROOFS], self._proofs(taken, places))
        return {name: bytes(part) for name, part in out.items()}

    def outside(self, subjects: Sequence[str]) -> Parts:
        """Give the first entries of the dossiers next to those of a period."""
        out: dict[str, bytearray] = {OUTSIDE: bytearray(), PROOFS: bytearray()}
        for subject in subjects:
            entries = self.services.store.entries(subject, 0, 1)
            if not entries or entries[0].seq != 1:
                raise Corrupt(f"entries of {subject} are missing behind 0")
            _add(out[OUTSIDE], (entry.line.encode() for entry in entries))
            _add(out[PROOFS], self._proofs(entries, self._places(entries)))
        return {name: bytes(part) for name, part in out.items()}

    def _entries(self, held: Held) -> list[Entry]:
        found: list[Entry] = []
        while len(found) < held.tip.seq:
            page = self.services.store.entries(held.id, len(found), min(PAGE, held.tip.seq - len(found)))
            if [entry.seq for entry in page] != list(range(len(found) + 1, len(found) + 1 + len(page))) or not page:
                raise Corrupt(f"entries of {held.id} are missing behind {len(found)}")
            found += page
        return found

    def _places(self, entries: Sequence[Entry]) -> list[int]:
        """Give the indices of their leaves, as far as the checkpoint has them."""
        named = [(str(entry.body["subject"]["id"]), entry.seq) for entry in entries]
        found = self.services.store.leaves_of(named)
        places = [found[one] for one in named if one in found and found[one] < self.size]
        if places != sorted(places) or any(found.get(one, self.size) >= self.size for one in named[: len(places)]):
            raise Corrupt("the log has entries of a subject out of order")
        return places

    def _disclosures(self, subject: str, entries: Sequence[Entry]) -> Iterator[bytes]:
        numbers = [entry.seq for entry in entries if entry.body["digests"]]
        found = self.services.store.disclosed_with({subject: numbers})[subject] if numbers else {}
        for entry in entries:
            texts = [found[digest] for digest in entry.body["digests"] if digest in found and not is_personal(found[digest])]
            if texts:
                yield canonical({"disclosures": texts, "seq": entry.seq, "subject": subject})

    def _proofs(self, entries: Sequence[Entry], places: Sequence[int]) -> Iterator[bytes]:
        if self.read is None:
            return
        for number, entry in enumerate(entries):
            if number >= len(places):
                yield canonical({})
                continue
            proof: dict[str, Plain] = self._included(places[number])
            if entry.seq == 1 and entry.body["subject"]["kind"] == DOSSIER:
                leaf = Leaf.read(self.services.store.leaves(places[number] + 1, 1)[0].leaf)
                unit = next(change["to"] for change in entry.body["changes"] if change["field"] == "unit")
                proof["register"] = {**self._included(places[number] + 1), "number": leaf.number, "unit": unit}
            yield canonical(proof)

    def _included(self, index: int) -> dict[str, Plain]:
        assert self.read is not None
        return {"hashes": [one.hex() for one in tree.inclusion(index, self.size, self.read)], "index": index}


def _undone(held: Held, behind: Sequence[Entry]) -> dict[str, Plain]:
    """Give the stored state as it was before these entries, by what they say of their changes."""
    state = dict(held.flat)
    for entry in reversed(behind):
        for change in entry.body["changes"]:
            if change["from"] is None:
                state.pop(change["field"], None)
            else:
                state[change["field"]] = change["from"]
    return state


def _add(part: bytearray, lines: Iterable[bytes]) -> None:
    for line in lines:
        part += line + b"\n"


# Put together.


def numbered(export: str, name: str, step: int) -> str:
    """Name the file of a part."""
    return f"{export}/{name.rpartition('/')[2]}.{step:08d}"


def assembled(
    depot: Depot, path: str, form: str, request: Mapping[str, Plain], checkpoint: str, parts: Mapping[str, Collection[str]]
) -> tuple[int, str]:
    """Write the bundle out of its parts, files of the depot by the member that they are of; gives its size and SHA-256."""
    whole = {README: README_TEXT, SCHEMA: SCHEMA_TEXT, REQUEST: canonical(request).decode(), CHECKPOINT: checkpoint}

    def content(name: str) -> Iterator[bytes]:
        if name in whole:
            yield whole[name].encode()
        for part in parts.get(name, ()):
            yield from depot.read(part)

    sums = {name: _summed(content(name)) for name in PAYLOAD[form]}
    tags = [BAGIT, info(size for size, _, _ in sums.values()), manifest({name: found for name, (_, _, found) in sums.items()})]
    tags.append(manifest({name: hashlib.sha256(text.encode()).hexdigest() for name, text in zip(TAGS, tags, strict=True)}))
    members = [Member(FOLDER + name, len(text.encode()), zlib.crc32(text.encode())) for name, text in zip((*TAGS, LAST), tags, strict=True)]
    members += [Member(FOLDER + name, size, crc) for name, (size, crc, _) in sums.items()]
    seen, size = hashlib.sha256(), 0

    def chunks() -> Iterator[bytes]:
        for member, text in zip(members, tags, strict=False):
            yield member.header + text.encode()
        for member, name in zip(members[len(tags) :], PAYLOAD[form], strict=True):
            yield member.header
            yield from content(name)
        yield directory(members)

    def counted() -> Iterator[bytes]:
        nonlocal size
        for chunk in chunks():
            seen.update(chunk)
            size += len(chunk)
            yield chunk

    depot.write(path, counted())
    return size, seen.hexdigest()


LAST = "tagmanifest-sha256.txt"


def _summed(chunks: Iterable[bytes]) -> tuple[int, int, str]:
    """Give size, CRC-32 and SHA-256."""
    size, crc, found = 0, 0, hashlib.sha256()
    for chunk in chunks:
        size, crc = size + len(chunk), zlib.crc32(chunk, crc)
        found.update(chunk)
    return size, crc, found.hexdigest()
