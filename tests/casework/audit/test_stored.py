"""Zip files as others read them: Python's own reader, also where sizes need Zip64."""

import io
import struct
import zipfile
import zlib

import pytest

from casework.audit.stored import Member, announced, directory

LARGE = (1 << 32) + 5


def test_another_reader_reads_them() -> None:
    contents = {"folder/a.txt": b"first", "folder/empty": b"", "folder/b": bytes(1000)}
    members = [Member(name, len(content), zlib.crc32(content)) for name, content in contents.items()]
    raw = b"".join(member.header + content for member, content in zip(members, contents.values(), strict=True)) + directory(members)
    with zipfile.ZipFile(io.BytesIO(raw)) as file:
        assert file.testzip() is None
        assert {name: file.read(name) for name in file.namelist()} == contents
        assert {one.date_time for one in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}


class Sparse(io.RawIOBase):
    """A file of which most is nothing."""

    def __init__(self, parts: dict[int, bytes], size: int) -> None:
        self.parts, self.length, self.at = parts, size, 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = offset + {0: 0, 1: self.at, 2: self.length}[whence]
        return self.at

    def tell(self) -> int:
        return self.at

    def read(self, size: int = -1) -> bytes:
        size = min(self.length - self.at, size if size >= 0 else self.length)
        out = bytearray(size)
        for place, part in self.parts.items():
            low, high = max(place, self.at), min(place + len(part), self.at + size)
            if low < high:
                out[low - self.at : high - self.at] = part[low - place : high - place]
        self.at += size
        return bytes(out)


@pytest.mark.parametrize("sizes", [(LARGE, 3), (5, LARGE, 7), ((1 << 32) - 1, 1), (3, (1 << 32) - 2, 9)])
def test_large_ones_are_read_too(sizes: tuple[int, ...]) -> None:
    members = [Member(f"m{number}", size, 0) for number, size in enumerate(sizes)]
    parts, at = {}, 0
    for member in members:
        parts[at] = member.header
        at += len(member.header) + member.size
    parts[at] = directory(members)
    file = zipfile.ZipFile(Sparse(parts, at + len(parts[at])))
    assert [(one.filename, one.file_size, one.compress_size) for one in file.infolist()] == [
        (one.name, one.size, one.size) for one in members
    ]
    for one in file.infolist():
        file.open(one).close()  # which reads its header


def test_headers_are_read_back() -> None:
    for member in (Member("a", 5, 7), Member("abc", LARGE, 7)):
        assert announced(member.header + b"more", member.name) == member
        for cut in range(len(member.header)):
            found = announced(member.header[:cut], member.name)
            assert found is None or not member.header[:cut].startswith(found.header)
    assert announced(struct.pack("<I", 0x02014B50) + bytes(40), "a") is None
