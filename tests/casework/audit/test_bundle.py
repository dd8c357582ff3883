"""The frame of a bundle: whatever is not as it must be is told, and where."""

import io
import json
import zlib
from pathlib import Path

import pytest

from casework.audit import bundle
from casework.audit.bundle import ENTRIES, FOLDER, README, REQUEST, Broken, Bundle
from casework.audit.stored import Member, directory
from tests.bags import Exporting, framed, full, opened


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    world = Exporting(tmp_path_factory.mktemp("bundle"))
    return world.exported(full(world.received()))


def whole(raw: bytes) -> dict[str, bytes]:
    """Take all members apart, tags and all."""
    found, at = {}, 0
    while raw[at : at + 4] == b"PK\x03\x04":
        size, length = int.from_bytes(raw[at + 18 : at + 22], "little"), int.from_bytes(raw[at + 26 : at + 28], "little")
        found[raw[at + 30 : at + 30 + length].decode().removeprefix(FOLDER)] = raw[at + 30 + length : at + 30 + length + size]
        at += 30 + length + size
    return found


def listed(raw: bytes) -> None:
    Bundle(io.BytesIO(raw)).listed()


def test_it_is_read(raw: bytes) -> None:
    found = Bundle(io.BytesIO(raw))
    found.listed()
    assert found.form == "FULL"
    assert found.read(REQUEST) == opened(raw)[REQUEST]
    assert [json.loads(line)["seq"] for line in found.lines(ENTRIES)] == [1, 2]
    assert framed(whole(raw)) == raw


def test_lines_are_read_across_pieces(raw: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    for size in (1, 7, 100):
        monkeypatch.setattr(bundle, "CHUNK", size)
        assert b"".join(line + b"\n" for line in Bundle(io.BytesIO(raw)).lines(ENTRIES)) == opened(raw)[ENTRIES]


@pytest.mark.parametrize("name", ["bagit.txt", "bag-info.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt", README])
def test_tags_and_manifests_are_held_to(raw: bytes, name: str) -> None:
    members = whole(raw)
    for content in (members[name] + b"x", members[name][:-1], b"", b"\n" * 14, members[name].replace(b"a", b"b", 1)):
        with pytest.raises(Broken, match=r"is not"):
            listed(framed({**members, name: content}))


def test_a_manifest_of_other_members(raw: bytes) -> None:
    members = whole(raw)
    import hashlib  # noqa: PLC0415 - here alone

    for content in (
        members["manifest-sha256.txt"] * 2,
        members["manifest-sha256.txt"][:-1],
        members["manifest-sha256.txt"].replace(b"  ", b" *", 1),
    ):
        members["manifest-sha256.txt"] = content
        tags = {name: hashlib.sha256(members[name]).hexdigest() for name in bundle.TAGS}
        members["tagmanifest-sha256.txt"] = bundle.manifest(tags).encode()
        with pytest.raises(Broken, match=r"the manifest"):
            listed(framed(members))


def test_other_members_or_bytes(raw: bytes) -> None:
    members = whole(raw)
    for other in (
        framed(dict(reversed(members.items()))),
        framed({name: members[name] for name in list(members)[:-1]}),
        framed({**members, "more": b""}),
        raw + b"x",
        raw[:-1],
        raw[: len(raw) // 2],
        raw[:100],
    ):
        with pytest.raises(Broken):
            listed(other)


def test_a_sum_that_does_not_fit(raw: bytes) -> None:
    members = whole(raw)
    made = [Member(FOLDER + name, len(content), zlib.crc32(content) ^ (name == README)) for name, content in members.items()]
    wrong = b"".join(member.header + content for member, content in zip(made, members.values(), strict=True)) + directory(made)
    with pytest.raises(Broken, match=r"README.txt is not what its CRC-32 says"):
        listed(wrong)


def test_what_is_read_whole_has_a_limit(raw: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "LONGEST", 10)
    with pytest.raises(Broken, match=r"longer than 10 bytes"):
        listed(raw)


def test_a_file_that_shrinks_while_it_is_read(raw: bytes, tmp_path: Path) -> None:
    place = tmp_path / "bundle.zip"
    place.write_bytes(raw)
    with place.open("r+b") as file:
        found = Bundle(file)
        file.truncate(200)
        with pytest.raises(Broken, match=r"is cut off"):
            list(found.chunks(ENTRIES))


def test_the_last_line_has_an_end(raw: bytes) -> None:
    cut = framed({**whole(raw), ENTRIES: b"{}"})
    with pytest.raises(Broken, match=r"has no end"):
        list(Bundle(io.BytesIO(cut)).lines(ENTRIES))
