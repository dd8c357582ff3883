"""The dead-letter queue, `ports.Aside`: in Amazon SQS, or in a folder on one machine; and how a letter is written and read.

A letter holds no data of an entry: whoever has it taken again reads the entry from its table.
"""

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from casework.adapters.sqs import Sqs
from casework.model.errors import Corrupt, Unavailable
from casework.ports import Letter

log = logging.getLogger("giamsat")

AGAIN = "again"  # the folder of what is to be taken again
TABLES = ("trail", "accesses")
FOLLOWERS = ("stream", "tasks")


def written(letter: Letter) -> str:
    """Write a letter as JSON."""
    return orjson.dumps(asdict(letter)).decode()


def read(text: str | bytes) -> Letter:
    """Read one back.

    Raises:
        Corrupt: it is none.
    """
    try:
        found: dict[str, Any] = orjson.loads(text)
        letter = Letter(**{name: str(found[name]) for name in ("follower", "table", "subject", "why")}, seq=int(found["seq"]))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise Corrupt("a message of the dead-letter queue is no letter") from error
    if letter.table not in TABLES or letter.follower not in FOLLOWERS:
        raise Corrupt("a message of the dead-letter queue names no follower or table of ours")
    return letter


class SqsAside(Sqs):
    """`ports.Aside` on Amazon SQS."""

    def put(self, letter: Letter) -> None:
        """See `ports.Aside`."""
        self.send([{"MessageBody": written(letter)}])


class FolderAside:
    """`ports.Aside` in a folder: a file for each letter, so that one that comes twice is there once."""

    def __init__(self, folder: Path) -> None:
        """Keep letters in that folder, which is made when there is one."""
        self._folder = folder

    def redrive(self) -> int:
        """Ask whoever follows here to take all of it again; gives how many letters that are."""
        (self._folder / AGAIN).mkdir(parents=True, exist_ok=True)
        files = list(self._folder.glob("*.json"))
        for file in files:
            file.replace(self._folder / AGAIN / file.name)
        return len(files)

    def again(self, take: Callable[[Letter], bool]) -> None:
        """Have taken what is to be taken again. A letter that was not taken stays for the next time; what is no letter is put by."""
        there = self._folder / AGAIN
        for file in (*sorted(there.glob("*.taking")), *sorted(there.glob("*.json"))):
            taking = file.with_suffix(".taking")  # the same entry may be set aside and asked for anew meanwhile
            with suppress(FileNotFoundError):
                file.replace(taking)
                try:
                    letter = read(taking.read_bytes())
                except Corrupt as fault:
                    log.error("%s: %s", taking, fault.message)  # noqa: TRY400 - the fault says all there is
                    taking.replace(file.with_suffix(".bad"))
                    continue
                if take(letter):
                    taking.unlink()

    def put(self, letter: Letter) -> None:
        """See `ports.Aside`."""
        file = self._folder / f"{letter.follower}-{letter.table}-{letter.subject}-{letter.seq:08d}.json"
        made = file.with_suffix(".new")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with made.open("w") as out:
                out.write(written(letter))
                out.flush()
                os.fsync(out.fileno())
            made.replace(file)
        except OSError as error:
            raise Unavailable(f"{self._folder} cannot be written: {error.strerror}") from error
