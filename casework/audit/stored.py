"""Zip files whose every byte follows from names and contents: nothing compressed, no dates, nothing in between.

Source: PKWARE's APPNOTE 6.3.3, sections 4.3 to 4.5 (Zip64 where a size or an offset needs it). So whoever writes the same writes the same
bytes, and whoever reads need only write the frame again and compare. It needs the standard library alone, since a verifier carries it.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

VERSION, VERSION_64 = 20, 45
DATE = 0x21  # 1 January 1980: there is no earlier one
FULL = 0xFFFFFFFF  # stands for what is in the Zip64 field
LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
END_64, LOCATOR_64 = b"PK\x06\x06", b"PK\x06\x07"
HEADER_BYTES = 30  # before the name


@dataclass(frozen=True, slots=True)
class Member:
    """A member: its name, in ASCII, and size and CRC-32 of its content."""

    name: str
    size: int
    crc: int

    @property
    def header(self) -> bytes:
        """What stands right before its content."""
        large = self.size >= FULL
        shown = FULL if large else self.size
        extra = struct.pack("<HHQQ", 1, 16, self.size, self.size) if large else b""
        fields = struct.pack(
            "<HHHHHIIIHH", _version(large=large), 0, 0, 0, DATE, self.crc, shown, shown, len(self.name), len(extra)
        )  # fmt: skip
        return LOCAL + fields + self.name.encode("ascii") + extra

    def listed(self, offset: int) -> bytes:
        """What stands for it in the directory; `offset` is where its header begins."""
        wide = [self.size, self.size] if self.size >= FULL else []
        wide += [offset] if offset >= FULL else []
        extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
        version, shown = _version(large=bool(wide)), min(self.size, FULL)
        fields = struct.pack(
            "<HHHHHHIIIHHHHHII", version, version, 0, 0, 0, DATE, self.crc, shown, shown, len(self.name), len(extra), 0, 0, 0, 0,
            min(offset, FULL),
        )  # fmt: skip
        return CENTRAL + fields + self.name.encode("ascii") + extra


def directory(members: Sequence[Member]) -> bytes:
    """Give what stands behind the last member."""
    offset, rows = 0, b""
    for member in members:
        rows += member.listed(offset)
        offset += len(member.header) + member.size
    count, wide = len(members), b""
    if offset >= FULL:
        end = struct.pack("<QHHIIQQQQ", 44, VERSION_64, VERSION_64, 0, 0, count, count, len(rows), offset)
        wide = END_64 + end + LOCATOR_64 + struct.pack("<IQI", 0, offset + len(rows), 1)
    return rows + wide + END + struct.pack("<HHHHIIH", 0, 0, count, count, len(rows), min(offset, FULL), 0)


def announced(head: bytes, name: str) -> Member | None:
    """Read the header of a member of that name back; None where it is none. It is right if it equals the member's `header`."""
    if len(head) < HEADER_BYTES or head[:4] != LOCAL:
        return None
    crc, size = struct.unpack_from("<II", head, 14)
    if size == FULL:
        at = HEADER_BYTES + len(name) + 4
        if len(head) < at + 8:
            return None
        (size,) = struct.unpack_from("<Q", head, at)
    return Member(name, size, crc)


def _version(*, large: bool) -> int:
    return VERSION_64 if large else VERSION
