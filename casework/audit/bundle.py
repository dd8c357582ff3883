"""The file that an inspector takes away: which members it has, in which order, and how they are framed. It is read here, and not judged.

Source: `docs/audit-format.md`, section 8; RFC 8493 (BagIt). It needs the standard library alone, since a verifier carries it along.
"""

import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO

from casework.audit.stored import HEADER_BYTES, LOCAL, Member, announced, directory

FOLDER = "giamsat-export/"
FULL, LIGHT = "FULL", "LIGHT"
TAGS = ("bagit.txt", "bag-info.txt", "manifest-sha256.txt")
README, SCHEMA, REQUEST, CHECKPOINT = "data/README.txt", "data/entry.schema.json", "data/request.json", "data/checkpoint"
ENTRIES, STATES, DISCLOSURES, OUTSIDE = "data/entries.jsonl", "data/states.jsonl", "data/disclosures.jsonl", "data/outside.jsonl"
LEAVES, PROOFS = "data/leaves", "data/proofs.jsonl"
SMALL = (README, SCHEMA, REQUEST, CHECKPOINT)
COMMON = (*SMALL, ENTRIES, STATES, DISCLOSURES, OUTSIDE)
PAYLOAD = {FULL: (*COMMON, LEAVES), LIGHT: (*COMMON, PROOFS)}
# Texts that are the same in every bundle, by their SHA-256, the newest first: what people read in it was written by nobody else.
TEXTS = {
    README: (
        "c2af323dc6a3c37f4528cf52029f550a0ae9a7cb689a816addac2b29166284e5",
        "bde5f62a53fc7fcf07da062d0a7477e7354c536dc7d1d60e4f8c4bc51dded700",
    ),
    SCHEMA: ("53646b030ccddbd7f68b8946ef3405c928810576801de03728f2fb529b520d63",),
}
VOUCHED = frozenset({ENTRIES, LEAVES})  # by the log, so that nobody need hash them for a manifest
BAGIT = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
HASH = re.compile(r"[0-9a-f]{64}")
CHUNK = 1 << 17  # bytes
LONGEST = 1 << 24  # bytes of what is read whole


class Broken(Exception):
    """The file is no bundle, or another than it says; its argument says where."""


class NoZip(Broken):
    """The file is nothing of the kind."""


def info(sizes: Iterable[int]) -> str:
    """Write `bag-info.txt` for a payload of members of these sizes."""
    found = list(sizes)
    return f"Bag-Group-Identifier: giamsat-export\nPayload-Oxum: {sum(found)}.{len(found)}\n"


def manifest(hashes: Mapping[str, str]) -> str:
    """Write a manifest: name -> SHA-256 in hexadecimal, in the order given."""
    return "".join(f"{found}  {name}\n" for name, found in hashes.items())


class Bundle:
    """An open bundle whose frame is as it must be. What a member holds is checked against its own CRC-32 as it is read to the end."""

    def __init__(self, file: BinaryIO) -> None:
        """Read the frame.

        Raises:
            NoZip: the file does not begin as one.
            Broken: it has other members, other bytes around them, or is cut off.
        """
        self._file = file
        self._at: dict[str, tuple[int, Member]] = {}
        self._end = end = file.seek(0, 2)
        head, first = self._bytes(0, 64), (FOLDER + TAGS[0]).encode()
        if head[:4] != LOCAL or head[HEADER_BYTES : HEADER_BYTES + len(first)] != first:
            raise NoZip("the file is no bundle: it does not begin with giamsat-export/bagit.txt")
        place = 0
        for name in (*TAGS, "tagmanifest-sha256.txt", *COMMON):
            place = self._framed(name, place)
        self.form = FULL if self._member(LEAVES, place) else LIGHT
        place = self._framed(PAYLOAD[self.form][-1], place)
        rest = directory([member for _, member in self._at.values()])
        if end - place != len(rest) or self._bytes(place, len(rest)) != rest:
            raise Broken("what stands behind the last member is not its directory")

    def _framed(self, name: str, place: int) -> int:
        member = self._member(name, place)
        if place >= self._end or (member is not None and place + len(member.header) + member.size > self._end):
            raise Broken(f"it is cut off at byte {self._end}, in {name}")
        if member is None:
            raise Broken(f"{name} is not where it must be, or is framed otherwise")
        begins = place + len(member.header)
        self._at[name] = begins, member
        return begins + member.size

    def _member(self, name: str, place: int) -> Member | None:
        head = self._bytes(place, 30 + len(FOLDER + name) + 20)
        member = announced(head, FOLDER + name)
        return member if member and head.startswith(member.header) else None

    def _bytes(self, place: int, count: int) -> bytes:
        self._file.seek(place)
        return self._file.read(count)

    def size(self, name: str) -> int:
        """Give the size of a member."""
        return self._at[name][1].size

    def read(self, name: str) -> bytes:
        """Read a member whole.

        Raises:
            Broken: it is too long for what it is, cut off, or not what its CRC says.
        """
        if self.size(name) > LONGEST:
            raise Broken(f"{name} is longer than {LONGEST} bytes")
        return b"".join(self.chunks(name))

    def chunks(self, name: str) -> Iterator[bytes]:
        """Read a member piece by piece.

        Raises:
            Broken: at its end, as `read`.
        """
        place, member = self._at[name]
        left, crc = member.size, 0
        while left:
            chunk = self._bytes(place, min(left, CHUNK))
            if not chunk:
                raise Broken(f"{name} is cut off")
            crc = zlib.crc32(chunk, crc)
            place, left = place + len(chunk), left - len(chunk)
            yield chunk
        if crc != member.crc:
            raise Broken(f"{name} is not what its CRC-32 says")

    def lines(self, name: str) -> Iterator[bytes]:
        """Read the lines of a member, without their ends.

        Raises:
            Broken: as `chunks`; the last line has no end.
        """
        begun = b""
        for chunk in self.chunks(name):
            parts = chunk.split(b"\n")
            parts[0] = begun + parts[0]
            begun = parts.pop()
            yield from parts
        if begun:
            raise Broken(f"the last line of {name} has no end")

    def listed(self) -> None:
        """Hold the tags and all members but those that the log vouches for against the manifests.

        Raises:
            Broken: something differs.
        """
        names = PAYLOAD[self.form]
        tags = {name: hashlib.sha256(self.read(name)).hexdigest() for name in TAGS}
        self._same("tagmanifest-sha256.txt", manifest(tags))
        self._same("bagit.txt", BAGIT)
        self._same("bag-info.txt", info(map(self.size, names)))
        stated = self.read("manifest-sha256.txt").decode("utf-8", "replace").split("\n")
        if len(stated) != len(names) + 1 or stated[-1]:
            raise Broken("the manifest lists other members")
        for name, line in zip(names, stated, strict=False):
            found = line[:64] if name in VOUCHED and HASH.fullmatch(line[:64]) else self._hash(name)
            if line != f"{found}  {name}":
                raise Broken(f"{name} is not what the manifest says")
            if found not in TEXTS.get(name, (found,)):
                raise Broken(f"{name} is not the text that is in every bundle")

    def _hash(self, name: str) -> str:
        found = hashlib.sha256()
        for chunk in self.chunks(name):
            found.update(chunk)
        return found.hexdigest()

    def _same(self, name: str, text: str) -> None:
        if self.read(name) != text.encode():
            raise Broken(f"{name} is not as it must be")
