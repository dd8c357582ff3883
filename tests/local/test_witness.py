"""A witness in its folder: whatever it is shown, and wherever it is killed, all that it ever published is one tree that grows.

By seeds, with mutants that would break it; and the command as a shell sees it.
"""

import contextlib
import functools
import http.server
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from casework.adapters.seal import FileSeal
from casework.adapters.vault import FolderVault
from casework.audit import witness as pure
from casework.audit.note import COSIGNED, LONGEST, Checkpoint, Key, Note, verified
from casework.audit.witness import Refusal, witnessed
from casework.model.errors import Unavailable, Unreadable
from handlers import sequencer
from local import commands
from local import witness as local
from local.commands import DONE, FAILED, UNREADABLE, USAGE
from local.faults import LocalError
from local.witness import Witness, opened
from tests.casework.audit.test_witness import LOG, LOG_SECRET, ORIGIN, Trail, note_of, pair, proves
from tests.e2e.conftest import LONGEST_S, PROJECT, command, environment
from tests.local.conftest import until
from tests.simulation.worlds import World

SEEDS = 40


def show(folder: Path, trail: Trail, note: Note | None = None) -> None:
    """Publish a tree in a folder, in the place of any other."""
    for part in ("tile", "checkpoint"):
        there = folder / part
        shutil.rmtree(there) if there.is_dir() else there.unlink(missing_ok=True)
    for path, data in trail.files().items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "checkpoint").write_text(str(note or trail.note))


def looked(keys: Path, log: Path, where: str | None = None, key: Key = LOG) -> int | None:
    """Start a witness, let it look once, and end it."""
    with opened(keys) as mine:
        return mine.look(key, where or str(log), log)


def refused(keys: Path, log: Path, code: str) -> Path | None:
    """See that a look is refused; gives the evidence."""
    with opened(keys):
        before = files(keys / "held"), files(log)
    with pytest.raises(LocalError, match=f"^{code}: ") as caught:
        looked(keys, log)
    assert isinstance(caught.value.__cause__, Refusal)
    assert (files(keys / "held"), files(log)) == before
    _, told, place = str(caught.value).partition("; the evidence is in ")
    return Path(place) if told else None


def files(place: Path) -> dict[str, bytes]:
    found = [place] if place.is_file() else [one for one in place.rglob("*") if one.is_file()]
    return {str(one): one.read_bytes() for one in found}


def public(keys: Path) -> Key:
    return Key.read((keys / "witness.vkey").read_text())


def cosigned(keys: Path, log: Path) -> dict[int, Note]:
    """Give what is published with the witness's signature, by size."""
    key, out = public(keys), {}
    for file in (log / "cosigned").glob("[0-9]*"):
        note = Note.read(file.read_text())
        if key in verified(note, [LOG, key]):
            assert LOG in verified(note, [LOG, key])
            assert Checkpoint.read(note.text).size == int(file.name)
            out[int(file.name)] = note
    return out


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


# What it does.


def test_a_log_that_grows_is_cosigned(keys: Path, log: Path) -> None:
    trail = Trail.of(3)
    for size in (3, 256, 300, 600):
        trail = trail.grown(size)
        show(log, trail)
        assert looked(keys, log) == size
        assert looked(keys, log) is None
        note = cosigned(keys, log)[size]
        assert str(note) == (keys / "held").read_text()
        assert note.text == trail.checkpoint.text
    assert sorted(cosigned(keys, log)) == [3, 256, 300, 600]
    assert not (keys / "evidence").exists()
    assert sorted(one.name for one in keys.iterdir()) == ["held", "lock", "witness.pem", "witness.vkey"]


def test_the_service_s_own_log_is_cosigned(keys: Path, log: Path) -> None:
    world = World(5)
    services = replace(world.services, log=ORIGIN, vault=FolderVault(log), seal=FileSeal(ORIGIN, LOG_SECRET))
    for _ in range(3):
        world.received()
        sequencer.handle({}, services)
        assert looked(keys, log) == services.store.log_head().size
    assert len(cosigned(keys, log)) == 3


def test_a_log_that_was_rolled_back_is_refused(keys: Path, log: Path) -> None:
    show(log, Trail.of(300))
    looked(keys, log)
    held = (keys / "held").read_text()
    show(log, Trail.of(299))
    evidence = refused(keys, log, "ROLLBACK")
    assert evidence == keys / "evidence" / "300-299.txt"
    assert evidence.read_text() == f"{held}\n{Trail.of(299).note}"
    show(log, Trail.of(301))  # it was an old copy
    assert looked(keys, log) == 301


@pytest.mark.parametrize("size", [1, 300])
def test_a_fork_is_refused_and_proven(keys: Path, log: Path, size: int) -> None:
    show(log, Trail.of(size))
    looked(keys, log)
    show(log, Trail.of(size, "forged"))
    evidence = refused(keys, log, "FORK")
    assert evidence == keys / "evidence" / f"{size}-{size}.txt"
    assert proves(without_cosignatures(evidence))


def test_a_log_that_was_rewritten_with_its_own_key_is_refused_and_proven(keys: Path, log: Path) -> None:
    """By whoever holds the log's key and all of its files: an entry is changed, everything behind it made and signed anew."""
    trail = Trail.of(300)
    show(log, trail)
    looked(keys, log)
    for size in (301, 512, 700):
        rewritten = Trail((*trail.leaves[:7], *Trail.of(8, "other").leaves[7:], *trail.leaves[8:])).grown(size)
        show(log, rewritten)
        evidence = refused(keys, log, "FORK")
        assert evidence == keys / "evidence" / f"300-{size}.txt"
        assert proves(without_cosignatures(evidence))
    show(log, trail.grown(700))
    assert looked(keys, log) == 700


def without_cosignatures(evidence: Path) -> str:
    """Leave the lines of witnesses out, whose keys a judge has not."""
    return "".join(line for line in evidence.read_text().splitlines(keepends=True) if "\u2014 giamsat.witness/" not in line)


def test_all_evidence_is_kept(keys: Path, log: Path) -> None:
    show(log, Trail.of(5))
    looked(keys, log)
    for word in ("one", "two", "one"):
        show(log, Trail.of(5, word))
        refused(keys, log, "FORK")
    kept = sorted((keys / "evidence").iterdir())
    assert [one.name for one in kept] == ["5-5-2.txt", "5-5.txt"]
    assert kept[0].read_text() != kept[1].read_text()


def test_what_is_not_the_log_s_leaves_no_trace(keys: Path, log: Path) -> None:
    show(log, Trail.of(5))
    looked(keys, log)
    show(log, Trail.of(6), note_of(Trail.of(6).checkpoint, *pair(4)))
    assert refused(keys, log, "NOT_ITS_KEY") is None
    show(log, Trail.of(6), note_of(Checkpoint("another.example/trail", 6, bytes(32))))
    assert refused(keys, log, "OTHER_LOG") is None
    show(log, Trail.of(6))
    with pytest.raises(LocalError, match=r"^OTHER_LOG: what is held"):
        looked(keys, log, key=pair(4)[0])
    assert not (keys / "evidence").exists()
    assert looked(keys, log) == 6


def test_tiles_that_are_missing_are_refused_until_they_are_there(keys: Path, log: Path) -> None:
    show(log, Trail.of(600))
    shutil.move(log / "tile" / "1", log / "away")
    assert refused(keys, log, "NO_PROOF") is None  # nothing is held that it could contradict
    shutil.move(log / "away", log / "tile" / "1")
    assert looked(keys, log) == 600
    show(log, Trail.of(700))
    (log / "tile/0/002.p/188").unlink()
    assert refused(keys, log, "NO_PROOF") == keys / "evidence" / "600-700.txt"


def test_a_log_that_is_not_there_is_waited_for(keys: Path, log: Path) -> None:
    with pytest.raises(Unavailable, match=f"no checkpoint of a log in {log}"):
        looked(keys, log)
    log.write_text("a file")
    with pytest.raises(Unavailable, match="cannot be used: Not a directory"):
        looked(keys, log)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xff" * 9, b"x" * (LONGEST + 1), str(Trail.of(1).note).encode()[:-9]])
def test_a_checkpoint_that_cannot_be_read(keys: Path, log: Path, content: bytes) -> None:
    show(log, Trail.of(5))
    (log / "checkpoint").write_bytes(content)
    with pytest.raises(Unreadable, match=f"the checkpoint in {log} cannot be read: "):
        looked(keys, log)
    assert (keys / "held").read_text() == local.NOTHING


# Its folder.


def test_the_key_is_made_once(keys: Path, log: Path) -> None:
    with opened(keys) as first:
        assert (keys / "witness.pem").stat().st_mode & 0o777 == 0o600
        assert keys.stat().st_mode & 0o077 == 0
        assert first.key == public(keys)
        assert first.key.kind == COSIGNED
        assert first.key.name == f"giamsat.witness/{first.key.public.hex()[:8]}"
    with opened(keys, "another.name") as second:
        assert second.key == first.key
    with opened(log, "inspectorate.example/1") as other:
        assert other.key.name == public(log).name == "inspectorate.example/1"
        assert other.key.public != first.key.public


def test_a_key_whose_making_was_interrupted_is_made_whole(keys: Path) -> None:
    with opened(keys) as first:
        (keys / "witness.vkey").unlink()
    with opened(keys) as second:
        assert second.key == first.key == public(keys)


def test_a_key_that_is_lost_is_not_made_anew(keys: Path, log: Path) -> None:
    show(log, Trail.of(5))
    looked(keys, log)
    for name in ("witness.pem", "witness.vkey"):
        there = (keys / name).read_bytes()
        (keys / name).unlink()
        with pytest.raises(LocalError, match=f"{name} is missing; .* must not begin anew"):
            looked(keys, log)
        assert not (keys / name).exists()
        (keys / name).write_bytes(there)
    (keys / "held").unlink()
    with pytest.raises(LocalError, match=r"held is missing; .* must not begin anew"):
        looked(keys, log)
    (keys / "witness.pem").unlink()
    with pytest.raises(LocalError, match=r"witness\.pem is missing"):
        looked(keys, log)


def test_a_memory_that_is_lost_in_the_middle_is_not_begun_anew(keys: Path, log: Path) -> None:
    show(log, Trail.of(5))
    with opened(keys) as witness:
        assert witness.look(LOG, str(log), log) == 5
        (keys / "held").unlink()
        with pytest.raises(LocalError, match="held is missing"):
            witness.look(LOG, str(log), log)
    assert not (keys / "held").exists()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("witness.pem", b"", "is no key"),
        (
            "witness.pem",
            generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            "is no Ed25519 key",
        ),
        ("witness.vkey", b"", "a key is written name"),
        ("witness.vkey", str(pair(2, "a", COSIGNED)[0]).encode(), "is not the public half"),
        ("witness.vkey", str(LOG).encode(), "not the key of a witness but of a log"),
    ],
)
def test_a_key_that_is_damaged(keys: Path, name: str, content: bytes, reason: str) -> None:
    with opened(keys):
        pass
    (keys / name).write_bytes(content)
    with pytest.raises(LocalError, match=reason), opened(keys):
        pass
    assert (keys / name).read_bytes() == content


@pytest.mark.parametrize(
    "change",
    [
        lambda held: b"",
        lambda held: held[:-1],
        lambda held: held[: len(held) // 2],
        lambda held: held.replace(b"\n5\n", b"\n4\n"),
        lambda held: held.replace(b"\n", b"\r\n"),
        lambda held: held.rpartition("\u2014".encode())[0],
        lambda held: b"\xff" + held,
        lambda held: b"\0" * len(held),
    ],
)
def test_what_is_held_and_damaged_is_never_begun_anew(keys: Path, log: Path, change: Callable[[bytes], bytes]) -> None:
    show(log, Trail.of(5))
    looked(keys, log)
    held = keys / "held"
    was = held.read_bytes()
    held.write_bytes(change(was))
    show(log, Trail.of(6))
    for _ in range(2):
        with pytest.raises(LocalError, match=r"held is damaged: .* must not begin anew"):
            looked(keys, log)
    assert held.read_bytes() == change(was)
    assert sorted(cosigned(keys, log)) == [5]
    held.write_bytes(was)
    assert looked(keys, log) == 6


# Beside others.


def test_the_newest_of_what_was_cosigned_is_the_largest(keys: Path, log: Path) -> None:
    show(log, Trail.of(5))
    looked(keys / "one", log)
    first = (log / "cosigned" / "newest").read_text()
    show(log, Trail.of(9))
    assert looked(keys / "two", log) == 9
    largest = (log / "cosigned" / "newest").read_text()
    assert (largest, largest != first) == ((log / "cosigned" / "9").read_text(), True)
    show(log, Trail.of(5))  # to one that comes late
    assert looked(keys / "three", log) == 5
    assert (log / "cosigned" / "newest").read_text() == largest
    (log / "cosigned" / "newest").write_text("damaged")
    assert looked(keys / "four", log) == 5
    assert (log / "cosigned" / "newest").read_text() == (log / "cosigned" / "5").read_text()


def test_several_witnesses_publish_in_one_place(keys: Path, log: Path) -> None:
    show(log, Trail.of(5))
    folders = [keys / str(number) for number in range(6)]
    at_once([functools.partial(looked, folder, log) for folder in folders])
    note = Note.read((log / "cosigned" / "5").read_text())
    assert verified(note, [LOG, *map(public, folders)]).keys() == {LOG, *map(public, folders)}
    assert len(note.signatures) == 7
    for folder in folders:
        assert looked(folder, log) is None
    assert sorted(one.name for one in (log / "cosigned").iterdir()) == ["5", "newest"]
    assert (log / "cosigned" / "newest").read_text() == (log / "cosigned" / "5").read_text()


def test_a_split_view_that_two_witnesses_were_shown_comes_out(keys: Path, log: Path) -> None:
    show(log, Trail.of(5))
    looked(keys / "one", log)
    show(log, Trail.of(5, "forged"))
    with pytest.raises(LocalError, match=r"^FORK: .* the evidence is in .*5-5\.txt"):
        looked(keys / "two", log)
    assert list(cosigned(keys / "one", log)) == [5]
    assert not cosigned(keys / "two", log)


def test_a_witness_is_one_process(keys: Path, log: Path) -> None:
    show(log, Trail.of(5))
    with opened(keys), pytest.raises(LocalError, match=f"another witness is at work in {keys}"):
        looked(keys, log)
    assert looked(keys, log) == 5


def test_at_once_only_one_of_two_trees_is_cosigned(keys: Path, log: Path) -> None:
    """Each is shown a tree of its own, and publishes elsewhere."""
    sides = [log / word for word in ("honest", "forged")] * 4
    for side in sides[:2]:
        show(side, Trail.of(50, side.name))

    def try_it(side: Path) -> None:
        while True:
            try:
                looked(keys, side)
            except LocalError as error:
                if "another witness" in str(error):
                    continue
            return

    at_once([functools.partial(try_it, side) for side in sides])
    published = [note.text for side in sides[:2] for note in cosigned(keys, side).values()]
    assert len(set(published)) == 1
    assert len(published) == 2  # what it holds is published to both, whichever it is


def at_once(works: list[Callable[[], Any]]) -> None:
    faults: list[BaseException] = []

    def work(one: Callable[[], Any]) -> None:
        try:
            one()
        except BaseException as fault:  # noqa: BLE001 - told below
            faults.append(fault)

    threads = [threading.Thread(target=work, args=(one,)) for one in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONGEST_S)
    assert faults == []


# Killed anywhere, shown anything.


class Killed(BaseException):
    """The process is gone."""


class Play:
    """A log that grows, and forks, and goes back, before a witness that is killed now and then, at any of its writes."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.chance, self.seed = random.Random(seed), seed  # noqa: S311 - to be repeated
        self.keys, self.log = folder / "keys", folder / "log"
        self.trails = [Trail.of(3)]
        self.shown: dict[str, Trail] = {}
        self.seen: dict[str, Trail] = {}

    def run(self) -> None:
        for _ in range(25):
            self._step()
            with contextlib.suppress(Killed, LocalError), mortal(self.chance.choice([None, None, *range(1, 9)])):
                looked(self.keys, self.log)
            if (self.keys / "witness.vkey").exists() and (self.log / "cosigned").exists():
                self._hold()

    def _step(self) -> None:
        trail = self.chance.choice(self.trails)
        match self.chance.randrange(4):
            case 0:
                trail = self.trails[-1]
            case 1:
                size = len(trail.leaves) + self.chance.randrange(1, 5)
                trail = trail.grown(size, f"{self.chance.random()}")
            case 2:
                trail = Trail.of(len(trail.leaves) + self.chance.randrange(-1, 3), f"{self.chance.random()}")
            case _:
                shutil.rmtree(self.log / "cosigned", ignore_errors=True)  # whoever forks would remove what shows it
        self.trails.append(trail)
        self.shown[trail.checkpoint.text] = trail
        tiles = trail if self.chance.random() < 0.7 else self.chance.choice(self.trails)
        show(self.log, tiles, trail.note)

    def _hold(self) -> None:
        """Hold what was ever published under its key together: each is the beginning of the next."""
        for note in cosigned(self.keys, self.log).values():
            self.seen[note.text] = self.shown[note.text]
        trails = sorted(self.seen.values(), key=lambda one: len(one.leaves))
        for one, other in pairwise(trails):
            assert len(one.leaves) < len(other.leaves), f"seed {self.seed}: two trees of a size"
            assert other.leaves[: len(one.leaves)] == one.leaves, f"seed {self.seed}: another tree"


@contextlib.contextmanager
def mortal(at: int | None) -> Iterator[None]:
    """Kill whoever works before one of its writes, or behind it."""
    calls, usual = 0, local._written

    def written(file: Path, text: str, mode: int) -> None:
        nonlocal calls
        calls += 1
        if at is not None and calls == (at + 1) // 2 and at % 2:
            raise Killed
        usual(file, text, mode)
        if at is not None and calls == (at + 1) // 2:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local, "_written", written)
        patch.setattr(local, "_synced", lambda _: None)
        yield


def played(seed: int, folder: Path) -> None:
    Play(seed, folder / str(seed)).run()


@pytest.mark.parametrize("first", range(0, SEEDS, 20))
def test_all_that_it_ever_published_is_one_tree(tmp_path: Path, first: int) -> None:
    for seed in range(first, first + 20):
        played(seed, tmp_path)


def test_a_witness_that_is_killed_at_any_write_goes_on(tmp_path: Path) -> None:
    """What it holds by then is published first, with the same signature; nothing else was."""
    for at in range(1, 13):
        keys, log = tmp_path / f"{at}" / "keys", tmp_path / f"{at}" / "log"
        show(log, Trail.of(5))
        with mortal(at), pytest.raises(Killed):
            looked(keys, log)
        published = (log / "cosigned" / "5").exists()
        there = (keys / "held").read_text() if (keys / "held").exists() else local.NOTHING
        held = there if there != local.NOTHING else None
        assert held or not published
        assert looked(keys, log) == (None if published else 5)
        assert cosigned(keys, log).keys() == {5}
        assert held in {None, (log / "cosigned" / "5").read_text()}
        assert (log / "cosigned" / "newest").read_text() == (log / "cosigned" / "5").read_text()
        assert not list(keys.rglob(".*"))


def test_what_is_held_is_on_the_disk_before_it_is_published(keys: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file is written whole, then named, and then the names are written: a machine that stops in between loses nothing either."""
    done: list[str] = []
    usual = Path.replace

    def replace_(fresh: Path, file: Path) -> Path:
        done.append(file.name)
        return usual(fresh, file)

    monkeypatch.setattr(os, "fsync", lambda _: done.append("disk"))
    monkeypatch.setattr(Path, "replace", replace_)
    with opened(keys) as mine:
        show(log, Trail.of(5))
        done.clear()
        mine.look(LOG, str(log), log)
    assert done == ["disk", "held", "disk", "disk", "5", "disk", "disk", "newest", "disk"]


def caught(folder: Path) -> None:
    with pytest.raises(AssertionError, match=r"seed \d+: "):
        list(map(functools.partial(played, folder=folder), range(1000, 1200)))


def test_a_witness_that_holds_only_what_is_published_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hold, publish = Witness._hold, Witness._publish

    def late(self: Witness, log: Key, note: Note, to: Path) -> bool:
        done = publish(self, log, note, to)
        hold(self, note)
        return done

    monkeypatch.setattr(Witness, "_hold", lambda *_: None)
    monkeypatch.setattr(Witness, "_publish", late)
    caught(tmp_path)


def test_a_witness_that_does_not_compare_roots_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def forgetful(log: Key, held: Checkpoint | None, text: str, *more: Any) -> Note | None:  # noqa: ANN401 - as before
        same = held and Checkpoint.read(Note.read(text).text).size == held.size
        return witnessed(log, None if same else held, text, *more)

    monkeypatch.setattr(local, "witnessed", forgetful)
    caught(tmp_path)


def test_a_witness_that_checks_no_proof_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pure, "_gone_on", lambda *_: None)
    caught(tmp_path)


# From an address.


class Site:
    """A folder, served on loopback; an answer of its own can be put in the place of a file."""

    def __init__(self, folder: Path) -> None:
        self.instead: dict[str, Callable[[http.server.BaseHTTPRequestHandler], None]] = {}
        self.asked: list[str] = []
        site = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                usual = super().do_GET
                next((one for path, one in site.instead.items() if self.path.startswith(path)), lambda _: usual())(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def site(log: Path) -> Iterator[Site]:
    made = Site(log)
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        thread.join(LONGEST_S)
        made.server.server_close()


def answering(status: int, body: bytes = b"", **headers: str) -> Callable[[http.server.BaseHTTPRequestHandler], None]:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in ({"content_length": str(len(body))} | headers).items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def test_a_log_at_an_address_is_cosigned_into_a_folder(keys: Path, log: Path, site: Site, tmp_path: Path) -> None:
    to = tmp_path / "to"
    for size in (300, 600):
        show(log, Trail.of(size))
        with opened(keys) as mine:
            assert mine.look(LOG, f"{site.url}/", to) == size
            assert mine.look(LOG, site.url, to) is None
    assert sorted(cosigned(keys, to)) == [300, 600]
    assert not (log / "cosigned").exists()
    assert "/tile/0/002.p/88" in site.asked
    show(log, Trail.of(700, "forged"))
    with opened(keys) as mine, pytest.raises(LocalError, match="FORK: "):
        mine.look(LOG, site.url, to)


@pytest.mark.parametrize(
    ("path", "answer", "reason"),
    [
        ("/checkpoint", answering(404), "there is no checkpoint of a log in http"),
        ("/checkpoint", answering(500), "/checkpoint answers 500"),
        ("/checkpoint", answering(200, b"short", content_length="900"), "/checkpoint ended early"),
        ("/checkpoint", answering(302, location="ftp://127.0.0.1/"), "answers 302"),
        ("/checkpoint", lambda handler: handler.wfile.write(b"nonsense\r\n\r\n"), "does not answer: nonsense"),
        ("/tile", answering(503), r"/tile/.* answers 503"),
        ("/tile", answering(200, bytes(32), content_length="64"), r"/tile/.* ended early"),
    ],
)
def test_an_address_that_does_not_answer_as_it_should_is_waited_for(
    keys: Path, log: Path, site: Site, path: str, answer: Callable[[http.server.BaseHTTPRequestHandler], None], reason: str
) -> None:
    show(log, Trail.of(300))
    site.instead[path] = answer
    with pytest.raises(Unavailable, match=reason):
        looked(keys, log, site.url)
    assert (keys / "held").read_text() == local.NOTHING
    site.instead.clear()
    assert looked(keys, log, site.url) == 300


def test_an_answer_is_read_no_further_than_a_note_may_be_long(keys: Path, log: Path, site: Site) -> None:
    site.instead["/checkpoint"] = answering(200, b"x" * (LONGEST + 1), content_length=str(10**12))
    with pytest.raises(Unreadable, match=f"longer than {LONGEST} bytes"):
        looked(keys, log, site.url)


def test_the_same_checkpoint_is_cosigned_again_after_an_hour(keys: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    show(log, Trail.of(5))
    assert looked(keys, log) == 5
    assert looked(keys, log) is None
    later = time.time() + local.RENEWED_S + 1
    monkeypatch.setattr(time, "time", lambda: later)
    assert looked(keys, log) == 5
    assert looked(keys, log) is None
    note = Note.read((log / "cosigned" / "5").read_text())
    with opened(keys) as mine:
        assert verified(note, [LOG, mine.key]) == {LOG: None, mine.key: int(later)}
    assert len(note.signatures) == 2


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://", "http://127.0.0.1:port", "http://[", "http://no such host"])
def test_an_address_where_nothing_is(keys: Path, log: Path, url: str) -> None:
    with pytest.raises(Unavailable, match=r"does not answer: ."):
        looked(keys, log, url)


def test_an_address_that_is_silent(keys: Path, log: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "ANSWER_S", 0.05)
    over = threading.Event()
    site.instead["/checkpoint"] = lambda _: (over.wait(LONGEST_S), None)[1]
    with pytest.raises(Unavailable, match="does not answer: timed out"):
        looked(keys, log, site.url)
    over.set()


# Watching.


def test_it_looks_again_until_something_is_refused(keys: Path, log: Path, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    told: list[int] = []
    left = iter(range(3))
    usual = answering(503)

    def soon(handler: http.server.BaseHTTPRequestHandler) -> None:
        if next(left, None) is None:
            site.instead.clear()
        usual(handler)

    def tell(size: int) -> None:
        told.append(size)
        show(log, Trail.of(size + 200, "forged" if len(told) == 3 else "honest"))
        if len(told) == 2:
            site.instead["/checkpoint"] = soon

    show(log, Trail.of(100))
    with opened(keys) as mine, pytest.raises(LocalError, match="FORK: "):
        mine.watch(LOG, site.url, log, 0.01, tell)
    assert told == [100, 300, 500]
    assert capsys.readouterr().err == f"giamsat: {site.url}/checkpoint answers 503; looking again every 0.01 s\n"


# The command.


@pytest.fixture
def asked(keys: Path, log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., tuple[int, str, str]]]:
    """Call the command in this process; gives its status and what it prints."""
    (tmp_path / "log.vkey").write_text(f"{LOG}\n")

    def ask(*more: str | Path, vkey: Path = tmp_path / "log.vkey", where: str | Path = log) -> tuple[int, str, str]:
        try:
            status = commands.main(["witness", "--log", str(where), "--vkey", str(vkey), "--keys", str(keys), *map(str, more)])
        except SystemExit as left:
            status = int(str(left.code))
        return status, *capsys.readouterr()

    usual = signal.getsignal(signal.SIGTERM)
    yield ask
    signal.signal(signal.SIGTERM, usual)


def test_the_command_tells_what_it_did(asked: Callable[..., tuple[int, str, str]], keys: Path, log: Path) -> None:
    show(log, Trail.of(1234))
    assert asked("--once", "--name", "inspectorate.example") == (DONE, "cosigned 1234\n", "")
    assert asked("--once") == (DONE, "nothing new\n", "")
    assert public(keys).name == "inspectorate.example"
    shutil.rmtree(log / "cosigned")
    assert asked("--once") == (DONE, "cosigned 1234\n", "")


@pytest.mark.usefixtures("asked")
def test_the_command_finds_the_log_in_the_data_folder(keys: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    show(data / "log", Trail.of(3))
    (data / "keys").mkdir()
    (data / "keys" / "log.vkey").write_text(str(LOG))
    assert commands.main(["witness", "--data", str(data), "--keys", str(keys), "--once"]) == DONE
    assert list(cosigned(keys, data / "log")) == [3]
    assert sorted(one.name for one in data.iterdir()) == ["keys", "log"]


@pytest.mark.parametrize("once", [("--once",), ()])
def test_a_refusal_ends_the_command(asked: Callable[..., tuple[int, str, str]], keys: Path, log: Path, once: tuple[str, ...]) -> None:
    show(log, Trail.of(5))
    asked("--once")
    show(log, Trail.of(5, "forged"))
    status, out, err = asked(*once)
    assert (status, out, err.count("\n")) == (FAILED, "", 1)
    assert err.startswith("giamsat: FORK: the log signed two trees of 5 leaves; keep both checkpoints")
    assert err.endswith(f"; the evidence is in {keys}/evidence/5-5.txt\n")


def test_what_cannot_be_read_has_its_status(asked: Callable[..., tuple[int, str, str]], log: Path, tmp_path: Path) -> None:
    show(log, Trail.of(5))
    wrong = tmp_path / "wrong.vkey"
    for content, reason in (
        (None, "No such file or directory"), (b"", "a key is written"), (b"\xff+00000000+AQ==", "wrong.vkey: "),
        (str(pair(2, "a", COSIGNED)[0]).encode(), "is not the key of a log but of a witness"),
    ):  # fmt: skip
        if content is not None:
            wrong.write_bytes(content)
        status, out, err = asked("--once", vkey=wrong)
        assert (status, out, err.count("\n")) == (UNREADABLE, "", 1)
        assert reason in err
    (log / "checkpoint").write_text("nonsense")
    for once in (("--once",), ()):
        status, out, err = asked(*once)
        assert (status, out, err.count("\n")) == (UNREADABLE, "", 1)
        assert "cannot be read" in err


def test_what_fails_has_its_status(asked: Callable[..., tuple[int, str, str]], keys: Path, log: Path) -> None:
    status, _, err = asked("--once")
    assert (status, err) == (FAILED, f"giamsat: there is no checkpoint of a log in {log}; run it again to go on\n")
    show(log, Trail.of(5))
    assert asked("--once")[0] == DONE
    (keys / "held").write_text("nonsense")
    status, _, err = asked("--once")
    assert status == FAILED
    assert err.startswith(f"giamsat: {keys}/held is damaged: ")
    shutil.rmtree(keys)
    keys.write_text("a file")
    status, _, err = asked("--once")
    assert (status, err) == (FAILED, f"giamsat: File exists: {keys}\n")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--every", "0s"), "a time is at least 1s, not '0s'"),
        (("--every", "soon"), "a time is as 30s, 15m, 8h or 7d, not 'soon'"),
        (("--name", "two words"), "the name of a key is 1 to 255 characters without spaces and plus signs, not 'two words'"),
        (("--name", "a+b"), "not 'a+b'"),
        (("--name", ""), "not ''"),
        (("--name", "x" * 256), "the name of a key"),
        (("--name", "\udcff"), "the name of a key"),
        (
            ("--log", "ftp://log.example"),
            "a log is in a folder or at an address that begins with http:// or https://, not 'ftp://log.example'",
        ),
        (("--log", ""), "not ''"),
        (("--log", "https://log.example"), "--to: a log at an address needs a folder for what is cosigned"),
        (("--keys",), "argument --keys: expected one argument"),
    ],
)
def test_wrong_usage(asked: Callable[..., tuple[int, str, str]], keys: Path, arguments: tuple[str, ...], reason: str) -> None:
    status, out, err = asked("--once", *arguments)
    assert (status, out, err.count("\n")) == (USAGE, "", 1)
    assert reason in err
    assert not keys.exists()


def started(keys: Path, vkey: Path, where: str | Path, to: Path, *more: str) -> "subprocess.Popen[str]":
    arguments = command("witness", "--log", where, "--vkey", vkey, "--keys", keys, "--to", to, *more)
    return subprocess.Popen(arguments, cwd=PROJECT, env=environment(keys), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_one_that_is_killed_in_the_middle_is_followed_by_another(
    asked: Callable[..., tuple[int, str, str]], keys: Path, log: Path, site: Site, tmp_path: Path
) -> None:
    """While it works nobody else does; when it is gone, nothing is held nor published, and the next begins at once."""
    show(log, Trail.of(300))
    over = threading.Event()
    site.instead["/tile"] = lambda _: (over.wait(LONGEST_S), None)[1]
    with started(keys, tmp_path / "log.vkey", site.url, log) as working:
        until(lambda: any(path.startswith("/tile") for path in site.asked))
        status, _, err = asked("--once")
        assert (status, err.partition(";")[0]) == (FAILED, f"giamsat: another witness is at work in {keys}")
        working.kill()
        assert working.wait(LONGEST_S) == -signal.SIGKILL
    over.set()
    assert (keys / "held").read_text() == local.NOTHING
    assert not (log / "cosigned").exists()
    assert asked("--once") == (DONE, "cosigned 300\n", "")


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_it_goes_on_until_it_is_interrupted(
    asked: Callable[..., tuple[int, str, str]], keys: Path, log: Path, tmp_path: Path, by: signal.Signals
) -> None:
    show(log, Trail.of(5))
    with started(keys, tmp_path / "log.vkey", log, log, "--every", "1s") as working:
        assert working.stdout
        assert working.stdout.readline() == "cosigned 5\n"
        show(log, Trail.of(9))
        assert working.stdout.readline() == "cosigned 9\n"
        os.kill(working.pid, by)
        out, err = working.communicate(timeout=LONGEST_S)
    assert (working.returncode, out, err) == (DONE, "", "")
    assert asked("--once") == (DONE, "nothing new\n", "")
