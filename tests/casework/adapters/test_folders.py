"""The folders of one machine: where the log is published, and where exports lie. Two at once, and who else may read."""

import os
import random
import secrets
import threading
from pathlib import Path

import pytest

from casework.adapters.depot import FolderDepot
from casework.adapters.vault import FolderVault


def test_only_a_larger_checkpoint_takes_the_place_of_one_whoever_publishes(tmp_path: Path) -> None:
    seed = secrets.randbits(31)
    print(f"seed {seed}")  # noqa: T201 - told when the test fails
    sizes = random.Random(seed).sample(range(1, 1000), 80)  # noqa: S311 - to be repeated by its seed
    start = threading.Barrier(8)

    def publish(mine: list[int]) -> None:
        vault = FolderVault(tmp_path)
        start.wait()
        for size in mine:
            vault.publish(size, f"log\n{size}\nroot\n")

    threads = [threading.Thread(target=publish, args=(sizes[number::8],)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert FolderVault(tmp_path).checkpoint() == f"log\n{max(sizes)}\nroot\n"
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint"]


def test_a_checkpoint_that_comes_between_reading_and_writing_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vault, other, usual = FolderVault(tmp_path), FolderVault(tmp_path), FolderVault.checkpoint
    vault.publish(5, "log\n5\nroot\n")
    beside = threading.Thread(target=other.publish, args=(9, "log\n9\nroot\n"))

    def read(here: FolderVault) -> str | None:
        found = usual(here)
        if here is vault and not beside.is_alive():
            beside.start()
            beside.join(0.5)
        return found

    monkeypatch.setattr(FolderVault, "checkpoint", read)
    vault.publish(7, "log\n7\nroot\n")
    beside.join()
    assert usual(vault) == "log\n9\nroot\n"


def test_exports_are_for_the_service_alone(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        depot = FolderDepot(tmp_path / "exports", bytes(32))
        depot.write("one/parts/entries", [b"secret"])
    finally:
        os.umask(before)
    assert (tmp_path / "exports").stat().st_mode & 0o077 == 0
    assert (tmp_path / "exports/one/parts/entries").stat().st_mode & 0o077 == 0
    assert b"".join(depot.read("one/parts/entries")) == b"secret"
    with pytest.raises(FileNotFoundError):
        next(depot.read("one/other"))
