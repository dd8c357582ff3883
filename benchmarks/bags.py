"""Writes large bundles of everything: the files that `casework.bundling` puts together, made without a store.

They are real to the last byte: chains, commitments, disclosures, leaves with registers, root and signature. A dossier is submitted, and
then its clock is armed again and again, so each further entry changes two fields. A hundred dossiers go on side by side, so that the leaves
of one are spread as they are in a log.
"""

import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from casework.adapters.depot import FolderDepot
from casework.adapters.seal import FileSeal
from casework.audit import tree
from casework.audit.bundle import DISCLOSURES, ENTRIES, FULL, LEAVES, STATES
from casework.audit.chain import FIELD_TAG, GENESIS, STATE_TAG
from casework.audit.disclosure import Envelope
from casework.audit.leaves import ENTRY, LEAF_BYTES, NUMBER_BYTES, opened_leaf, tag_of
from casework.audit.note import Checkpoint, Note, signed
from casework.bundling import assembled
from casework.model.packing import Plain, moment

LOG = "giamsat.bench/trail"
TOGETHER = 100  # dossiers that go on side by side
UNITS = 10
FIRST_AT = datetime(2026, 1, 5, 2, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Bag:
    """A bundle that was written: where, the key that it is verified with, how many entries it has, and bytes of one on the average."""

    path: Path
    key: str
    entries: int
    line_bytes: float


def written(folder: Path, subjects: int, each: int, told: int) -> Bag:
    """Write a bundle of so many dossiers with so many entries each, every `told`-th of which has a text that is disclosed."""
    depot = FolderDepot(folder, b"")
    files = {name: folder / name.rpartition("/")[2] for name in (ENTRIES, STATES, DISCLOSURES, LEAVES)}
    leaves = bytearray()
    with files[ENTRIES].open("wb") as entries, files[STATES].open("wb") as states, files[DISCLOSURES].open("wb") as disclosures:
        for start in range(0, subjects, TOGETHER):
            dossiers = [_Dossier(number) for number in range(start, min(start + TOGETHER, subjects))]
            for one in dossiers:
                entries.writelines(one.lines(each, told))
                disclosures.writelines(one.disclosures)
                states.write(_canonical({"entries": each, "state": one.state, "subject": one.id}) + b"\n")
            leaves += _logged(dossiers, each)
    files[LEAVES].write_bytes(leaves)
    size = len(leaves) // LEAF_BYTES
    seal = FileSeal(LOG, Ed25519PrivateKey.generate())
    text = Checkpoint(LOG, size, tree.root_of(bytes(leaves), LEAF_BYTES)).text
    request: dict[str, Plain] = {"form": FULL, "log": LOG, "scope": {"kind": "ALL"}, "size": size, "v": 1}
    note = str(Note(text, (signed(text, seal.key, seal.sign),)))
    assembled(depot, "bundle.zip", FULL, request, note, {name: [file.name] for name, file in files.items()})
    count, length = subjects * each, files[ENTRIES].stat().st_size
    for file in files.values():
        file.unlink()
    return Bag(folder / "bundle.zip", str(seal.key), count, length / count)


@dataclass(slots=True)
class _Dossier:
    """A dossier, and what has become of it."""

    number: int
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    state: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)  # commitments
    hashes: list[bytes] = field(default_factory=list)
    disclosures: list[bytes] = field(default_factory=list)

    @property
    def unit(self) -> str:
        return f"22-XD-{self.number % UNITS}"

    def lines(self, each: int, told: int) -> Iterator[bytes]:
        """Make its entries."""
        prev = GENESIS
        for seq in range(1, each + 1):
            at = moment(FIRST_AT + self.number * SECOND + seq * SECOND * 60)
            envelope = Envelope(seq, lambda: secrets.token_bytes(16))
            reason = None
            if seq == 1:
                after = self._submitted(envelope, at)
                actor: dict[str, Any] = {"id": self.id[::-1], "kind": "CITIZEN", "role": "CITIZEN"}
            else:
                after = {"arming": seq - 1, "version": seq}
                actor = {"id": "officer-1", "kind": "OFFICER", "role": "OFFICER"}
                if seq % told == 0:
                    ref = envelope.enclosed("reason", "Thiếu bản vẽ mặt bằng có xác nhận")
                    reason = {"code": "INCOMPLETE", "text": {"digest": ref.digest, "entry": seq}}
                    self.disclosures.append(
                        _canonical({"disclosures": list(envelope.disclosures.values()), "seq": seq, "subject": self.id}) + b"\n"
                    )
            changes = [{"field": name, "from": self.state.get(name), "to": after[name]} for name in sorted(after)]
            self.state |= after
            self.fields |= {name: hashlib.sha256(FIELD_TAG + _canonical([name, value])).hexdigest() for name, value in after.items()}
            line = _canonical({
                "action": "SUBMITTED" if seq == 1 else "ARMED", "actor": actor,
                "after": hashlib.sha256(STATE_TAG + _canonical(self.fields)).hexdigest(), "changes": changes,
                "digests": sorted(envelope.disclosures), "log": LOG, "occurred_at": at, "on_behalf_of": None, "prev": prev,
                "province": "22", "reason": reason, "recorded_at": at, "request": f"bench-{self.number}-{seq}", "seq": seq,
                "subject": {"id": self.id, "kind": "dossier"}, "v": 1,
            })  # fmt: skip
            found = hashlib.sha256(line)
            self.hashes.append(found.digest())
            prev = found.hexdigest()
            yield line + b"\n"

    def _submitted(self, envelope: Envelope, at: str) -> dict[str, Any]:
        """Give its first state; what is personal is not disclosed."""
        refs = {name: envelope.enclosed(f"applicant.{name}", "Nguyễn Văn An") for name in ("name", "phone")}
        applicant = {name: {"digest": ref.digest, "entry": 1} for name, ref in refs.items()}
        return {
            "applicant": {**applicant, "person": self.id[::-1]}, "arming": 0, "channel": "ONLINE",
            "code": f"22-XD-260105-{self.number:06d}", "delivery_point": "22-MC", "kind": "ADMINISTRATIVE", "procedure": "XD-01",
            "procedure_version": 1, "reception_point": "22-MC",
            "rehearsal": False, "secret_generation": 1, "slip_key": 1, "state": "SUBMITTED", "submitted_at": at, "unit": self.unit,
            "version": 1,
        }  # fmt: skip


def _logged(dossiers: list[_Dossier], each: int) -> bytes:
    """Give the leaves of dossiers that went on side by side."""
    leaves = []
    heads = [bytes([ENTRY]) + tag_of(one.id) for one in dossiers]
    for seq in range(1, each + 1):
        number = seq.to_bytes(NUMBER_BYTES, "big")
        for head, one in zip(heads, dossiers, strict=True):
            found = one.hashes[seq - 1]
            leaves.append(head + number + found)
            if seq == 1:
                leaves.append(bytes(opened_leaf(one.unit, one.number // UNITS + 1, found.hex())))
    return b"".join(leaves)


def _canonical(value: object) -> bytes:
    """Write canonical JSON: what is given here has no floats, and keys of ASCII."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
