"""Reading a process event log from CSV, the whole of it before anything is imported.

Columns are those of the CoSeLoG receipt-phase log (4TU.ResearchData), the flat form of XES that process-mining tools write. A log that has
any fault is refused with the line's number and the reason. It writes nothing.
"""

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from casework.actions.imports import Case, Log, LoggedEvent
from casework.model.errors import Unreadable
from casework.model.procedure import Channel

COLUMNS = (
    "case:channel", "case:concept:name", "case:deadline", "case:enddate", "case:responsible", "case:startdate",
    "concept:instance", "concept:name", "org:group", "org:resource", "time:timestamp",
)  # fmt: skip
UNUSED = ("case:department", "case:enddate_planned", "case:group", "lifecycle:transition")
CHANNELS = {
    "Internet": Channel.ONLINE,
    "Desk": Channel.COUNTER,
    "Post": Channel.POST,
    "e-mail": Channel.EMAIL,
    "Intern": Channel.INTERNAL,
}
OPINIONS = ("T07-", "T09-")  # advice asked of another unit, internal and external
NO_GROUP = "EMPTY"
LONGEST_FIELD = 120  # bytes; with the limits below, what is made of a log fits into the engine's 400 KB an item
MOST_STEPS = 400  # names of steps, all of which stand in one procedure version
MOST_EVENTS = 1_000_000
MOST_MOVES = 480  # events of one case, under the limits of a dossier
CODE = re.compile(r"[^A-Z0-9]+")

Row = dict[str, str]


def read(path: Path) -> Log:
    """Read a log; its name is the file's, without ending.

    Raises:
        Unreadable: no file, no UTF-8, no CSV, other columns, a bad line; `line` counts from 1, the header's.
    """
    rows = list(islice(_rows(path), MOST_EVENTS + 1))
    if not rows:
        raise Unreadable(f"{path.name} holds no event", line=1)
    if len(rows) > MOST_EVENTS:
        raise Unreadable(f"more than {MOST_EVENTS} events", line=rows[-1][0])
    name = _code(path.stem)
    cases: dict[str, list[tuple[int, Row]]] = defaultdict(list)
    seen: dict[str, int] = {}
    for line, row in rows:
        first = seen.setdefault(row["concept:instance"], line)
        if first != line:
            raise Unreadable(f"event {row['concept:instance']!r} stands in line {first} already", line=line)
        cases[row["case:concept:name"]].append((line, row))
    units = {name: path.stem}
    for line, row in rows:
        group = row["org:group"]
        if group != NO_GROUP and (other := units.setdefault(_unit(name, row), group)) != group:
            raise Unreadable(f"org:group {group!r} and {other!r} would be one unit, {_unit(name, row)}", line=line)
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    for _, row in rows:
        groups[row["org:resource"]][_unit(name, row)] += 1
        groups[row["case:responsible"]].setdefault(name, 0)
    steps = tuple(sorted({row["concept:name"] for _, row in rows if not _opinion(row)}))
    if len(steps) > MOST_STEPS:
        raise Unreadable(f"more than {MOST_STEPS} different steps", line=rows[-1][0])
    return Log(
        name=name,
        unit=name,
        units=units,
        officers={officer: counts.most_common(1)[0][0] for officer, counts in sorted(groups.items())},
        steps=steps,
        cases=tuple(_case(name, rows_of_case) for rows_of_case in cases.values()),
    )


def _rows(path: Path) -> Iterator[tuple[int, Row]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # spreadsheets write the mark
            yield from _parsed(file, path)
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        # The error counts from the start of a block, so the line is looked for in the whole.
        line = next(number for number, raw in enumerate(path.read_bytes().split(b"\n"), 1) if not _decodes(raw))
        raise Unreadable(f"not UTF-8: byte 0x{error.object[error.start]:02x}", line=line) from error


def _decodes(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _parsed(file: Iterator[str], path: Path) -> Iterator[tuple[int, Row]]:
    limit = csv.field_size_limit(100 * LONGEST_FIELD)
    reader = csv.reader(file, strict=True)
    line = 1  # where a record begins; a field in quotes may go on over more
    try:
        header = next(reader, None)
        if header is None:
            raise Unreadable(f"{path.name} is empty", line=1)
        _known(header)
        line = reader.line_num + 1
        for values in reader:
            if len(values) != len(header):
                raise Unreadable(f"{len(values)} fields where the header has {len(header)}", line=line)
            row = dict(zip(header, values, strict=True))
            _complete(row, line)
            yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        raise Unreadable(f"no CSV: {error}", line=line) from error
    finally:
        csv.field_size_limit(limit)


def _known(header: list[str]) -> None:
    if missing := [column for column in COLUMNS if column not in header]:
        raise Unreadable(f"missing columns: {', '.join(missing)}", line=1)
    if unknown := sorted(set(header) - set(COLUMNS) - set(UNUSED)):
        raise Unreadable(f"unknown columns: {', '.join(map(repr, unknown))[:LONGEST_FIELD]}", line=1)
    if len(set(header)) != len(header):
        raise Unreadable("a column stands twice", line=1)


def _complete(row: Row, line: int) -> None:
    latest = datetime.now(UTC)
    for column, value in row.items():
        if len(value.encode()) > LONGEST_FIELD:
            raise Unreadable(f"{column} is longer than {LONGEST_FIELD} bytes", line=line)
        if not value.isprintable():
            raise Unreadable(f"{column} holds a control character", line=line)
    for column in COLUMNS:
        if column != "case:enddate" and not row[column].strip():
            raise Unreadable(f"{column} is empty", line=line)
    for column in ("case:deadline", "case:enddate", "case:startdate", "time:timestamp"):
        if row[column] and _instant(row, column, line) > latest and column != "case:deadline":
            raise Unreadable(f"{column} lies in the future: {row[column]!r}", line=line)
    if row["case:channel"] not in CHANNELS:
        raise Unreadable(f"case:channel is none of {', '.join(CHANNELS)}", line=line)


def _case(name: str, rows: list[tuple[int, Row]]) -> Case:
    line, first = rows[0]
    if len(rows) > MOST_MOVES:
        raise Unreadable(f"case {first['case:concept:name']!r} has more than {MOST_MOVES} events", line=rows[MOST_MOVES][0])
    for other, row in rows:
        for column in COLUMNS:
            if column.startswith("case:") and row[column] != first[column]:
                raise Unreadable(f"{column} differs from that of the same case in line {line}", line=other)
    events = sorted((_event(name, row, line) for line, row in rows), key=lambda event: event.at)
    return Case(
        id=first["case:concept:name"],
        channel=CHANNELS[first["case:channel"]],
        starts_at=_instant(first, "case:startdate", line),
        due_at=_instant(first, "case:deadline", line),
        responsible=first["case:responsible"],
        events=tuple(events),
        ended_at=_instant(first, "case:enddate", line) if first["case:enddate"] else None,
    )


def _event(name: str, row: Row, line: int) -> LoggedEvent:
    return LoggedEvent(
        id=row["concept:instance"],
        name=row["concept:name"],
        at=_instant(row, "time:timestamp", line),
        officer=row["org:resource"],
        unit=_unit(name, row),
        opinion=_opinion(row),
    )


def _instant(row: Row, column: str, line: int) -> datetime:
    try:
        at = datetime.fromisoformat(row[column])
    except ValueError:
        raise Unreadable(f"{column} is no instant: {row[column][:40]!r}", line=line) from None
    if at.tzinfo is None:
        raise Unreadable(f"{column} has no offset from UTC: {row[column]!r}", line=line)
    if not 1950 <= at.year < 2100:  # noqa: PLR2004 - the years that the calendar knows
        raise Unreadable(f"{column} lies outside the years 1950 to 2099: {row[column]!r}", line=line)
    return at


def _opinion(row: Row) -> bool:
    return row["concept:name"].startswith(OPINIONS)


def _code(text: str) -> str:
    return CODE.sub("-", text.upper()).strip("-") or "LOG"


def _unit(name: str, row: Row) -> str:
    return name if row["org:group"] == NO_GROUP else f"{name}-{_code(row['org:group'])}"
