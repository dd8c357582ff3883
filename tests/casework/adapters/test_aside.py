"""Letters of the dead-letter queue: written, read, kept in a folder and in SQS, and asked for again."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from casework.adapters import sqs
from casework.adapters.aside import FolderAside, SqsAside, read, written
from casework.model.errors import Corrupt, Unavailable
from casework.ports import Aside, Letter
from tests.casework.adapters.test_gateway import KEY, REGION, Gateway, served, signed_by

LETTER = Letter("stream", "trail", "0" * 32, 5, "Corrupt")


def taken(folder: FolderAside, *, done: bool = True) -> list[Letter]:
    found: list[Letter] = []

    def take(letter: Letter) -> bool:
        found.append(letter)
        return done

    folder.again(take)
    return found


def killed(_: Letter) -> bool:
    raise KeyboardInterrupt


def test_a_letter_is_read_as_it_was_written() -> None:
    assert read(written(LETTER)) == LETTER


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", "{}", "null", written(replace(LETTER, table="subjects")), written(replace(LETTER, follower="api")), '{"seq": "x"}'],
)
def test_what_is_no_letter_is_corrupt(text: str) -> None:
    with pytest.raises(Corrupt):
        read(text)


def test_a_folder_keeps_each_once_and_gives_it_when_asked(tmp_path: Path) -> None:
    folder = FolderAside(tmp_path / "set-aside")
    kept: Aside = folder
    others = [LETTER, replace(LETTER, seq=6), replace(LETTER, table="accesses"), replace(LETTER, follower="tasks")]
    for letter in (*others, LETTER):
        kept.put(letter)
    assert taken(folder) == [], "nobody has asked yet"
    assert folder.redrive() == len(others)
    assert folder.redrive() == 0
    assert sorted(map(written, taken(folder))) == sorted(map(written, others))
    assert taken(folder) == []


def test_one_that_is_not_done_is_given_again(tmp_path: Path) -> None:
    folder = FolderAside(tmp_path)
    folder.put(LETTER)
    folder.redrive()
    assert taken(folder, done=False) == [LETTER]
    with pytest.raises(KeyboardInterrupt):
        folder.again(killed)
    assert taken(folder) == [LETTER]
    assert taken(folder) == []


def test_one_that_is_set_aside_anew_meanwhile_stays(tmp_path: Path) -> None:
    folder = FolderAside(tmp_path)
    folder.put(LETTER)
    folder.redrive()

    def anew(letter: Letter) -> bool:
        folder.put(letter)
        folder.redrive()
        return True

    folder.again(anew)
    assert taken(folder) == [LETTER]


def test_what_is_no_letter_holds_up_no_other(tmp_path: Path) -> None:
    folder = FolderAside(tmp_path)
    folder.put(LETTER)
    folder.redrive()
    (tmp_path / "again" / "a.json").write_text("{")
    assert taken(folder) == [LETTER]
    assert [file.name for file in (tmp_path / "again").iterdir()] == ["a.bad"]


def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be written"):
        FolderAside(tmp_path / "file").put(LETTER)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    monkeypatch.setattr(sqs, "PAUSE_S", 0.001)
    with served() as found:
        yield found


def test_a_letter_is_put_into_the_queue_signed(gate: Gateway) -> None:
    queue = SqsAside(f"{gate.url}/123456789012/set-aside", region=REGION)
    queue.put(LETTER)
    queue.shut()
    (seen,) = gate.seen
    assert signed_by(seen, "sqs")
    body = json.loads(seen.body)
    assert (body["QueueUrl"], read(body["MessageBody"])) == (f"{gate.url}/123456789012/set-aside", LETTER)
    assert set(body) == {"QueueUrl", "MessageBody"}
