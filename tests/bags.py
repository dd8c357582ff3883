"""Bundles for tests: real ones, made by the service over the second store, and what somebody makes of them who can write any file."""

import hashlib
import io
import json
import zlib
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from casework.actions import exports
from casework.actions.exports import Asked, Wanted, path_of, request_export
from casework.adapters.depot import FolderDepot
from casework.adapters.seal import FileSeal
from casework.adapters.vault import FolderVault
from casework.audit import tree
from casework.audit.bundle import BAGIT, CHECKPOINT, ENTRIES, FOLDER, FULL, LEAVES, PAYLOAD, STATES, TAGS, info, manifest
from casework.audit.note import COSIGNED, Checkpoint, Key, Note, cosigned, signed
from casework.audit.stored import Member, directory
from casework.audit.verify import Report, Scope, Trust, verify
from casework.model.export import Export, ExportForm, ExportScope, ExportState
from casework.model.parties import Role, Viewer
from casework.model.record import DossierId
from casework.ports import Held
from handlers import sequencer
from tests.simulation.worlds import World

INSPECTOR = Viewer(Role.INSPECTOR, "inspector-1")
LOG_SECRET, WITNESS_SECRET, OTHER_SECRET = (Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32) for seed in (1, 2, 3))
WITNESS = Key("witness.test", COSIGNED, WITNESS_SECRET.public_key().public_bytes_raw())
Payload = dict[str, bytes]


class Exporting(World):
    """A world whose log is published in a folder, and whose inspector takes bundles away."""

    def __init__(self, folder: Path, seed: int = 5) -> None:
        super().__init__(seed)
        self.folder = folder
        self.seal = FileSeal(self.services.log, LOG_SECRET)
        self.key = self.seal.key
        self.vault = FolderVault(folder / "log")
        self.depot = FolderDepot(folder / "exports", bytes(32), "http://localhost")
        self.services = replace(self.services, vault=self.vault, seal=self.seal, depot=self.depot)
        self.asked = 0

    def taken(self) -> Note:
        """Let the log take and publish what there is."""
        sequencer.handle({}, self.services)
        text = self.vault.checkpoint()
        assert text
        return Note.read(text)

    def witnessed(self, at: int | None = None) -> Note:
        """Let the log take what there is, and a witness cosign it."""
        note = self.taken()
        when = int(self.clock.now.timestamp()) if at is None else at
        whole = note.signed_also(cosigned(note.text, WITNESS, WITNESS_SECRET.sign, when))
        place = self.folder / "log" / "cosigned" / str(Checkpoint.read(note.text).size)
        place.parent.mkdir(exist_ok=True)
        for name in (place.name, "newest"):
            (place.parent / name).write_text(str(whole))
        return whole

    def requested(self, wanted: Wanted) -> Held:
        """Ask for an export."""
        self.asked += 1
        return request_export(self.services, INSPECTOR, wanted, Asked(f"export-{self.asked}", "test", None)).held

    def export(self, subject: DossierId) -> Export:
        held = self.store.held(subject)
        assert held
        assert isinstance(held.record, Export)
        return held.record

    def exported(self, wanted: Wanted, *, witnessed: bool = False) -> bytes:
        """Ask for an export, and have it made; gives the file."""
        asked = self.requested(wanted)
        self.witnessed() if witnessed else self.taken()
        self.worked(asked.id)
        assert self.export(asked.id).state is ExportState.READY, self.export(asked.id).failure
        return b"".join(self.depot.read(path_of(asked.id)))

    def worked(self, subject: DossierId) -> None:
        """Work on an export until there is nothing left to do."""
        for _ in range(50):
            held = self.store.held(subject)
            assert held
            exports.work(self.services, held)
            if self.export(subject).state not in {ExportState.REQUESTED, ExportState.RUNNING}:
                return
            self.clock.now += timedelta(seconds=1)


def dossier(subject: str) -> Scope:
    """The scope of one dossier."""
    return Scope("DOSSIER", subject)


def full(subject: str, **more: Any) -> Wanted:  # noqa: ANN401 - as `Wanted` has it
    return Wanted(ExportScope.DOSSIER, ExportForm.FULL, subject, **more)


def light(subject: str, **more: Any) -> Wanted:  # noqa: ANN401 - as `Wanted` has it
    return Wanted(ExportScope.DOSSIER, ExportForm.LIGHT, subject, **more)


ALL = Wanted(ExportScope.ALL, ExportForm.FULL)


def judged(raw: bytes, scope: Scope, trust: Trust, *, deep: bool | None = None) -> Report:
    """Verify bytes."""
    return verify(io.BytesIO(raw), scope, trust, deep=deep)


# What somebody makes of a bundle.


def opened(raw: bytes) -> Payload:
    """Take a bundle apart: the members below `data/`."""
    found: Payload = {}
    at = 0
    while raw[at : at + 4] == b"PK\x03\x04":
        size, length = int.from_bytes(raw[at + 18 : at + 22], "little"), int.from_bytes(raw[at + 26 : at + 28], "little")
        name = raw[at + 30 : at + 30 + length].decode()
        found[name.removeprefix(FOLDER)] = raw[at + 30 + length : at + 30 + length + size]
        at += 30 + length + size
    return {name: content for name, content in found.items() if name.startswith("data/")}


def packed(payload: Mapping[str, bytes]) -> bytes:
    """Put a bundle together, with manifests and sums that fit."""
    form = FULL if LEAVES in payload else "LIGHT"
    tags = [
        BAGIT,
        info(len(payload[name]) for name in PAYLOAD[form]),
        manifest({name: hashlib.sha256(payload[name]).hexdigest() for name in PAYLOAD[form]}),
    ]
    tags.append(manifest({name: hashlib.sha256(text.encode()).hexdigest() for name, text in zip(TAGS, tags, strict=True)}))
    whole = dict(zip((*TAGS, "tagmanifest-sha256.txt"), (text.encode() for text in tags), strict=True))
    whole |= {name: payload[name] for name in PAYLOAD[form]}
    return framed(whole)


def framed(whole: Mapping[str, bytes]) -> bytes:
    """Write members, whatever they are, one behind the other."""
    members = [Member(FOLDER + name, len(content), zlib.crc32(content)) for name, content in whole.items()]
    return b"".join(member.header + content for member, content in zip(members, whole.values(), strict=True)) + directory(members)


def changed(raw: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """Change one member."""
    payload = opened(raw)
    payload[name] = change(payload[name])
    return packed(payload)


def lines_changed(raw: bytes, name: str, change: Callable[[list[bytes]], list[bytes]]) -> bytes:
    """Change the lines of one member."""
    return changed(raw, name, lambda content: b"".join(line + b"\n" for line in change(content.split(b"\n")[:-1])))


def canonical(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


@dataclass
class Forger:
    """Somebody who writes a trail anew: entries with any change, chained again, with leaves, a root and a signature that fit."""

    payload: Payload
    secret: Ed25519PrivateKey
    origin: str
    bodies: list[dict[str, Any]] = field(init=False)
    lies: dict[int, str] = field(default_factory=dict)  # number of a line -> what it says of the one before, if not its hash

    def __post_init__(self) -> None:
        self.bodies = [json.loads(line) for line in self.payload[ENTRIES].split(b"\n")[:-1]]
        self.was = [hashlib.sha256(line).digest() for line in self.payload[ENTRIES].split(b"\n")[:-1]]

    def chained(self) -> "Forger":
        """Chain the entries again, and give the leaves the new hashes."""
        last: dict[str, str] = {}
        lines = []
        for number, body in enumerate(self.bodies):
            body["prev"] = self.lies.get(number, last.get(body["subject"]["id"], "0" * 64))
            lines.append(canonical(body))
            last[body["subject"]["id"]] = hashlib.sha256(lines[-1]).hexdigest()
        self.payload[ENTRIES] = b"".join(line + b"\n" for line in lines)
        self.now = [hashlib.sha256(line).digest() for line in lines]
        return self

    def logged(self) -> "Forger":
        """Put the new hashes into the leaves."""
        leaves = self.payload[LEAVES]
        for was, now in zip(self.was, self.now, strict=True):
            leaves = leaves.replace(was, now)
        self.payload[LEAVES] = leaves
        return self

    def signed(self) -> bytes:
        """Sign the new tree."""
        leaves = self.payload[LEAVES]
        text = Checkpoint(self.origin, len(leaves) // 73, tree.root_of(leaves, 73)).text
        key = FileSeal(self.origin, self.secret).key
        self.payload[CHECKPOINT] = str(Note(text, (signed(text, key, self.secret.sign),))).encode()
        request = json.loads(self.payload["data/request.json"])
        request["size"] = len(leaves) // 73
        self.payload["data/request.json"] = canonical(request)
        return self.packed()

    def packed(self) -> bytes:
        return packed(self.payload)


def stated(bodies: list[dict[str, Any]], subject: str) -> tuple[dict[str, Any], str]:
    """Give the state that entries lead to, and the commitment to it."""
    state: dict[str, Any] = {}
    for body in bodies:
        if body["subject"]["id"] == subject:
            for change in body["changes"]:
                state.pop(change["field"], None) if change["to"] is None else state.update({change["field"]: change["to"]})
    fields = {name: hashlib.sha256(b"giamsat/field/v1\0" + canonical([name, value])).hexdigest() for name, value in state.items()}
    return state, hashlib.sha256(b"giamsat/state/v1\0" + canonical(fields)).hexdigest()


def with_tail(raw: bytes, field: str, to: Any, **members: Any) -> bytes:  # noqa: ANN401 - any values
    """Put an entry of one's own behind the last one of a dossier, which changes a field: the log does not have it."""
    payload = opened(raw)
    lines = payload[ENTRIES].splitlines()
    body, kept = json.loads(lines[-1]), json.loads(payload[STATES])
    body |= {"seq": body["seq"] + 1, "prev": hashlib.sha256(lines[-1]).hexdigest(), "digests": [], "reason": None, "on_behalf_of": None}
    body |= {"recorded_at": "2099" + body["recorded_at"][4:], "actor": {"id": "x", "kind": "SERVICE"}}
    body["changes"] = [{"field": field, "from": kept["state"].get(field), "to": to}]
    state, body["after"] = stated([*map(json.loads, lines), body], body["subject"]["id"])
    body |= members
    payload[ENTRIES] += canonical(body) + b"\n"
    payload[STATES] = canonical({**kept, "entries": body["seq"], "state": state}) + b"\n"
    return packed(payload)


def encoded(raw: bytes) -> str:
    return b64encode(raw).decode()
