"""`giamsat verify`: the verifier's command line. It is all there is in the file that an inspector carries, so it needs what `verify` needs.

Exit status: 0 verified, 1 failed, 2 wrong usage, 3 unreadable, 4 verified with limits.
"""

import argparse
import json
import os
import re
import sys
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NoReturn

from casework.audit.bundle import NoZip
from casework.audit.note import COSIGNED, SIGNED, Checkpoint, Key, Note, Unreadable, verified
from casework.audit.tree import Refuted
from casework.audit.verify import Failed, Report, Scope, Trust, verify

VERIFIED, FAILED, USAGE, UNREADABLE, LIMITED = range(5)
STATUS = {"VERIFIED": VERIFIED, "FAILED": FAILED, "LIMITED": LIMITED}
VIETNAM = timezone(timedelta(hours=7))  # all year, since 1975
FIRST_YEAR, LAST_YEAR = 1000, 9998
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
PERIOD = re.compile(r"(\d{4})(?:-(?:Q([1-4])|(0[1-9]|1[0-2])))?", re.ASCII)
ID = re.compile(r"[0-9a-f]{32}")
AGE = re.compile(r"([1-9]\d{0,5})([smhd])", re.ASCII)
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
MEANT = {
    "PENDING_TAIL": "the last entries were not in the log yet: ask for the export again in a minute",
    "LIGHT": "the form is LIGHT: entries missing at the end of a chain, and a unit's last dossiers, do not show; ask for the form FULL",
    "NO_WITNESS": "nobody but the log itself vouches for the checkpoint: give the key of a witness with --witness",
    "NO_HELD_CHECKPOINT": "it was compared with no earlier checkpoint: give one that you hold with --held",
    "OPEN_PERIOD": "the period was not over when the witness saw the checkpoint: ask for the export again when it is",
    "WITHHELD": "texts are missing that no entry says were erased: their digests hold, and "
    "after a restore from a backup they are lost of what came behind it; ask the operator which it is",
}
NOT_COMPARED = "it is LIGHT, and the checkpoint that you hold is of another size: ask for the form FULL, which can be compared with any"
# What to do about a failure, by its check; about all others `KEEP`.
ADVICE = {
    "REQUEST": "Name the scope that the export was asked for, and the key of its log, or ask for the export that you meant.",
    "WITNESS": "Keep the file, and ask for the export again, which waits for the witness. Two checkpoints of which neither goes on from "
    "the other prove that there are two logs.",
    "BUNDLE": "Compare its size and SHA-256 with `bytes` and `sha256` of the export, and fetch it again if they differ: it may be cut off. "
    "If they are the same, keep the file as it is: it may prove that the trail was changed.",
    "OLDER": "Ask for the export again, which gives the newest one. If that is older too, keep both files: the log was cut off.",
    "CHECKPOINT": "See whether the key is that of the log. If it is, keep the file as it is: it may prove that the trail was changed.",
}
KEEP = "Keep the file as it is: it may prove that the trail was changed."
USAGE_LINE = (
    "%(prog)s BUNDLE (--dossier ID | --unit CODE --period P | --all) --vkey FILE\n"
    "                      [--witness FILE [--max-age TIME]] [--held FILE] [--deep] [--json]"
)
EXAMPLE = "giamsat verify export.zip --dossier 5f0c6f0e5b1d4f7a9f3f0a4f0e2b1c3d --vkey log.vkey --witness witness.vkey"
TELLS = (
    "Verify an export of the trail, offline. What it is to be of, and all keys, come from you and never from the file. Status: 0 verified, "
    "1 failed, 2 wrong usage, 3 unreadable, 4 verified with limits, each of which is named."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the arguments of the command."""
    parser.usage, parser.allow_abbrev = USAGE_LINE, False
    parser.set_defaults(prog=parser.prog)
    parser.add_argument("bundle", type=Path, nargs="?", metavar="BUNDLE", help="the file that was exported")
    scope = parser.add_mutually_exclusive_group()
    scope.add_argument(
        "--dossier", action=_Once, type=_id, metavar="ID", help="it is of this dossier: its id, as the API gives it or in hexadecimal"
    )
    scope.add_argument("--unit", action=_Once, metavar="CODE", help="it is of what this unit opened in --period")
    scope.add_argument("--all", action="store_true", help="it is of everything")
    parser.add_argument(
        "--period",
        action=_Once,
        type=period,
        metavar="P",
        help="2026, 2026-Q1, 2026-03 (of Viet Nam), or two instants FROM/TO with offsets from UTC",
    )
    parser.add_argument("--vkey", action=_Once, type=Path, metavar="FILE", help="the log's key, which you have from elsewhere")
    parser.add_argument("--witness", action=_Once, type=Path, metavar="FILE", help="the key of a witness, who must have cosigned it")
    parser.add_argument("--held", action=_Once, type=Path, metavar="FILE", help="a checkpoint that you hold: the log must go on from it")
    parser.add_argument("--max-age", action=_Once, type=_age, metavar="TIME", help="how old the witness's cosignature may be, as 24h")
    parser.add_argument("--deep", action="store_true", help="follow each entry's changes as well; always so with --dossier")
    parser.add_argument("--json", action="store_true", help="print what came of it as one line of JSON")


def run(asked: argparse.Namespace) -> int:
    """Verify, say what came of it, and give the exit status."""
    if asked.bundle is None or asked.vkey is None or not (asked.dossier or asked.unit or asked.all):
        return _said(asked, "needed are BUNDLE, --vkey and what it is of: --dossier ID, --unit CODE with --period P, or --all", USAGE)
    if (asked.unit is None) != (asked.period is None):
        return _said(asked, "--unit and --period come together", USAGE)
    if asked.max_age is not None and asked.witness is None:
        return _said(asked, "--max-age is of a witness's cosignature: give its key with --witness", USAGE)
    begin, end = asked.period or (None, None)
    kind = "DOSSIER" if asked.dossier else "UNIT" if asked.unit else "ALL"
    try:
        witness = _key(asked.witness, COSIGNED) if asked.witness else None
        log = _key(asked.vkey, SIGNED)
        held = _checkpoint(asked.held, log) if asked.held else None
        trust = Trust(log, witness, held, asked.max_age, time.time())
        with asked.bundle.open("rb") as file:
            report = verify(file, Scope(kind, asked.dossier, asked.unit, begin, end), trust, deep=asked.deep or None)
    except OSError as error:
        return _said(asked, f"{error.filename}: {error.strerror}", UNREADABLE)
    except (Unreadable, NoZip) as error:
        return _said(asked, str(error), UNREADABLE)
    try:
        print(json.dumps(told(report)) if asked.json else "\n".join(_lines(report, held=held is not None)), flush=True)
    except OSError as error:  # Whoever reads has gone, or the disk is full: that is no verdict.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _said(asked, f"the answer cannot be written: {error.strerror}", UNREADABLE)
    return STATUS[report.verdict]


def told(report: Report) -> dict[str, Any]:
    """Give a report as plain values."""
    fault, found = report.failure, report.checkpoint
    return {
        "verdict": report.verdict,
        "limits": report.limits,
        "failure": fault and {"check": fault.check, "message": fault.message, "subject": fault.subject, "seq": fault.seq},
        "checkpoint": found and {"origin": found.origin, "size": found.size, "root": found.root.hex()},
        "entries": report.entries,
        "subjects": report.subjects,
        "pending": report.pending,
        "disclosed": report.disclosed,
        "personal": report.personal,
        "erased": report.erased,
        "unerased": report.unerased,
        "withheld": [{"subject": subject, "seq": seq} for subject, seq in report.withheld],
    }


def _lines(report: Report, *, held: bool) -> list[str]:
    if report.failure:
        return [_failure(report.failure), ADVICE.get(report.failure.check, KEEP)]
    assert report.checkpoint is not None
    found, how = report.checkpoint, " WITH LIMITS" if report.limits else ""
    out = [
        f"VERIFIED{how}: {report.entries} entries of {report.subjects} subjects, in the log {found.origin} of {found.size} leaves",
        f"  texts: {report.disclosed} shown, {report.personal} personal and left out, {report.erased} erased",
    ]
    meant = {**MEANT, "NO_HELD_CHECKPOINT": NOT_COMPARED} if held else MEANT
    out += [f"  {limit}: {meant[limit]}" for limit in report.limits]
    if not report.subjects:
        out.append("  the unit opened no dossier in this period")
    out += [f"    entry {seq} of {subject}" for subject, seq in report.withheld]
    if report.unerased:
        out.append(f"  {report.unerased} texts are here although an entry says that they were erased")
    return out


def _failure(fault: Failed) -> str:
    at = f"entry {fault.seq} of {fault.subject}: " if fault.seq else f"{fault.subject}: " if fault.subject else ""
    return f"FAILED ({fault.check}): {at}{fault.message}"


def period(text: str) -> tuple[str, str]:
    """Read a period: begin, in it, and end, not in it, as instants."""
    found = PERIOD.fullmatch(text)
    if found and FIRST_YEAR <= int(found[1]) <= LAST_YEAR:
        year, quarter, month = int(found[1]), found[2], found[3]
        first = int(month) if month else 3 * int(quarter) - 2 if quarter else 1
        last = first + (1 if month else 3 if quarter else 12)
        ends = [(year + (one - 1) // 12, (one - 1) % 12 + 1) for one in (first, last)]
        begin, end = (datetime(*one, 1, tzinfo=VIETNAM) for one in ends)
        return _moment(begin), _moment(end)
    try:
        begin, end = (datetime.fromisoformat(one.upper()) for one in text.split("/") if RFC_3339.fullmatch(one))
        if text.count("/") == 1 and begin < end and begin.year >= FIRST_YEAR and end.year <= LAST_YEAR:
            return _moment(begin), _moment(end)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"a period is 2026, 2026-Q1, 2026-03 or FROM/TO, not {text[:60]!r}")


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _id(text: str) -> str:
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        kind, _, key = (
            raw.decode("ascii").partition(":") if urlsafe_b64encode(raw).decode().rstrip("=") == text.rstrip("=") else ("", "", "")
        )
    except ValueError:
        kind, key = "", ""
    found = key if kind == "dossier" else text
    if not ID.fullmatch(found):
        raise argparse.ArgumentTypeError(f"a dossier's id is what the API gives as `id`, or 32 hexadecimal digits, not {text[:60]!r}")
    return found


def _age(text: str) -> timedelta:
    found = AGE.fullmatch(text)
    if not found:
        raise argparse.ArgumentTypeError(f"a time is as 30m, 24h or 7d, not {text[:40]!r}")
    return timedelta(seconds=int(found[1]) * SECONDS[found[2]])


def _key(file: Path, kind: int) -> Key:
    try:
        key = Key.read(file.read_bytes().decode("utf-8-sig"))
    except ValueError as error:
        raise Unreadable(f"{file} holds no key: {error}") from error
    if key.kind != kind:
        raise Unreadable(f"{file} holds the key of a {'log' if key.kind == SIGNED else 'witness'}")
    return key


def _checkpoint(file: Path, log: Key) -> str:
    try:
        text = file.read_bytes().decode("utf-8-sig")
        note = Note.read(text)
        Checkpoint.read(note.text)
        if log not in verified(note, [log]):
            raise Unreadable("the key that you hold did not sign it")
    except Refuted as error:
        raise Unreadable(f"{file}, the checkpoint that you hold, was changed: {error}") from error
    except ValueError as error:
        raise Unreadable(f"{file} holds no checkpoint of the log: {error}") from error
    return text


def _said(asked: argparse.Namespace, message: str, status: int) -> int:
    print(f"{asked.prog}: {' '.join(message.split())}", file=sys.stderr)
    return status


class _Once(argparse.Action):
    """Takes an option once."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: object, option: str | None = None) -> None:
        """Refuse it a second time."""
        if getattr(namespace, self.dest) is not None:
            parser.error(f"{option} is given twice")
        setattr(namespace, self.dest, values)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say it in one line and leave with status 2."""
        self.exit(USAGE, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(given: Sequence[str] | None = None, prog: str = "giamsat verify") -> int:
    """Run the command by itself, under the name by which it was called."""
    shape = argparse.RawDescriptionHelpFormatter
    example = EXAMPLE.replace("giamsat verify", prog)
    parser = _Parser(prog=prog, description=TELLS, epilog=f"Example: {example}", formatter_class=shape)
    arguments(parser)
    return run(parser.parse_args(given))
