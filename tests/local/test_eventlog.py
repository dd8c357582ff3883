"""What a log must hold to be read, and the line and the reason that are told when it does not."""

import csv
import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from casework.actions.imports import Log
from casework.model.errors import Unreadable
from casework.model.procedure import Channel
from local import eventlog
from local.eventlog import COLUMNS, LONGEST_FIELD, MOST_MOVES, UNUSED

START = datetime(2024, 3, 4, 8, tzinfo=UTC)
Row = dict[str, str]


def row(number: int, case: str = "c1", **given: str) -> Row:
    """One event; `given` names columns with an underscore for each colon."""
    made = {
        "case:channel": "Internet",
        "case:concept:name": case,
        "case:deadline": "2024-03-20 10:00:00+01:00",
        "case:enddate": "",
        "case:responsible": "R1",
        "case:startdate": START.isoformat(" "),
        "concept:instance": f"{case}-e{number}",
        "concept:name": f"T0{number % 7} step",
        "org:group": "Group 1",
        "org:resource": "R2",
        "time:timestamp": (START + timedelta(minutes=number)).isoformat(" "),
    }
    return made | {name.replace("_", ":"): value for name, value in given.items()}


def text(rows: list[Row], columns: tuple[str, ...] = COLUMNS, end: str = "\n") -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, restval="any", lineterminator=end)
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def good() -> str:
    """Header, and three events in lines 2 to 4."""
    return text([row(1), row(2), row(3)])


@pytest.fixture
def log(tmp_path: Path) -> Callable[[str | bytes], Log]:
    """Reads a log of this content."""

    def read(content: str | bytes) -> Log:
        file = tmp_path / "small log.csv"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return eventlog.read(file)

    return read


Reader = Callable[[str | bytes], Log]


def test_a_good_file(log: Reader) -> None:
    rows = [
        row(1, case_channel="Desk"),
        row(2, case_channel="Desk", concept_name="T07-1 advice", org_group="Group 2", org_resource="R3"),
        row(3, case_channel="Desk", org_group="EMPTY"),
        row(1, "c2", case_enddate="2024-03-09 10:00:00+01:00", case_channel="e-mail"),
    ]
    for other in rows[:3]:
        other["concept:name"] = other["concept:name"].replace(" step", "")
    found = log(text(rows))
    assert (found.name, found.unit) == ("SMALL-LOG", "SMALL-LOG")
    assert found.units == {"SMALL-LOG": "small log", "SMALL-LOG-GROUP-1": "Group 1", "SMALL-LOG-GROUP-2": "Group 2"}
    assert found.steps == ("T01", "T01 step", "T03")
    first, second = found.cases
    assert (first.id, first.channel, first.responsible, first.ended_at) == ("c1", Channel.COUNTER, "R1", None)
    assert (first.starts_at, first.due_at) == (START, datetime(2024, 3, 20, 9, tzinfo=UTC))
    assert [(event.id, event.unit, event.opinion) for event in first.events] == [
        ("c1-e1", "SMALL-LOG-GROUP-1", False),
        ("c1-e2", "SMALL-LOG-GROUP-2", True),
        ("c1-e3", "SMALL-LOG", False),
    ]
    assert first.events[1].officer == "R3"
    assert first.events[1].at == START + timedelta(minutes=2)
    assert second.ended_at == datetime(2024, 3, 9, 9, tzinfo=UTC)


@pytest.mark.parametrize(("word", "channel"), list(eventlog.CHANNELS.items()))
def test_each_channel(log: Reader, word: str, channel: Channel) -> None:
    assert log(text([row(1, case_channel=word)])).cases[0].channel is channel


def test_columns_that_are_not_used_may_be_there_in_any_order(log: Reader) -> None:
    assert len(log(text([row(1)], (*UNUSED, *reversed(COLUMNS)))).cases) == 1


def test_events_come_by_time_and_cases_as_in_the_file(log: Reader) -> None:
    found = log(text([row(3), row(1, "c2"), row(1), row(2)]))
    assert [case.id for case in found.cases] == ["c1", "c2"]
    assert [event.id for event in found.cases[0].events] == ["c1-e1", "c1-e2", "c1-e3"]


def test_events_of_one_instant_stay_in_their_order(log: Reader) -> None:
    at = START.isoformat()
    found = log(text([row(2, time_timestamp=at), row(1, time_timestamp=at)]))
    assert [event.id for event in found.cases[0].events] == ["c1-e2", "c1-e1"]


def test_an_instant_is_one_in_any_offset(log: Reader) -> None:
    found = log(text([row(1, time_timestamp="2024-03-04T12:00:00+07:00"), row(2, time_timestamp="2024-03-04T04:00:00Z")]))
    assert [event.id for event in found.cases[0].events] == ["c1-e2", "c1-e1"]


def test_a_case_may_end_before_it_starts(log: Reader) -> None:
    case = log(text([row(1, case_enddate="2023-01-01 00:00:00+00:00")])).cases[0]
    assert case.ended_at is not None
    assert case.ended_at < case.starts_at


def test_an_officer_belongs_where_most_of_the_events_were(log: Reader) -> None:
    rows = [row(1, org_group="Group 2"), row(2), row(3), row(4, org_resource="R3", org_group="EMPTY")]
    assert log(text(rows)).officers == {"R1": "SMALL-LOG", "R2": "SMALL-LOG-GROUP-1", "R3": "SMALL-LOG"}


def test_a_responsible_who_acts_belongs_where_the_acts_are(log: Reader) -> None:
    assert log(text([row(1, org_resource="R1")])).officers == {"R1": "SMALL-LOG-GROUP-1"}


def test_commas_and_quotes_inside_of_a_field(log: Reader) -> None:
    found = log(text([row(1, concept_name='check, and "sign"', org_group="Group, 1")]))
    assert found.cases[0].events[0].name == 'check, and "sign"'
    assert found.units["SMALL-LOG-GROUP-1"] == "Group, 1"


def test_texts_of_any_script(log: Reader) -> None:
    assert log(text([row(1, concept_name="Thẩm định hồ sơ 審査")])).steps == ("Thẩm định hồ sơ 審査",)


@pytest.mark.parametrize("content", [good().replace("\n", "\r\n"), "\ufeff" + good(), good().rstrip("\n")], ids=["crlf", "mark", "no end"])
def test_files_as_spreadsheets_write_them(log: Reader, content: str) -> None:
    assert [event.id for event in log(content).cases[0].events] == ["c1-e1", "c1-e2", "c1-e3"]


def test_a_file_of_another_name_is_a_log_of_its_own(tmp_path: Path) -> None:
    for name, code in {"a.csv": "A", "receipt.2011.csv": "RECEIPT-2011", "--.csv": "LOG", "sổ.csv": "S"}.items():
        (tmp_path / name).write_text(good())
        assert eventlog.read(tmp_path / name).name == code


def test_the_most_events_of_a_case(log: Reader) -> None:
    assert len(log(text([row(number) for number in range(MOST_MOVES)])).cases[0].events) == MOST_MOVES


def test_the_longest_field(log: Reader) -> None:
    assert log(text([row(1, concept_name="x" * LONGEST_FIELD)])).steps == ("x" * LONGEST_FIELD,)


def third(**given: str) -> str:
    """Two good events, and in line 4 one with these columns."""
    return text([row(1), row(2), row(3, **given)])


FAULTS: dict[str, tuple[str | bytes, int, str]] = {
    "empty file": ("", 1, "is empty"),
    "only a mark": ("\ufeff", 1, "is empty"),
    "header only": (good().splitlines()[0], 1, "holds no event"),
    "no header": ("\n" + good(), 1, "missing columns: case:channel, .*time:timestamp"),
    "unknown column": (text([row(1)], (*COLUMNS, "colour", "a\x1bb")), 1, r"unknown columns: 'a\\x1bb', 'colour'"),
    "missing column": (text([{k: v for k, v in row(1).items() if k != "org:group"}], COLUMNS[:8] + COLUMNS[9:]), 1, "columns: org:group"),
    "doubled column": (text([row(1)], (*COLUMNS, "org:group")), 1, "a column stands twice"),
    "another separator": (good().replace(",", ";"), 1, "missing columns"),
    "too few fields": (good() + "a,b\n", 5, "2 fields where the header has 11"),
    "too many fields": (good().replace("\n", ",more\n").replace(",more", "", 1), 2, "12 fields where the header has 11"),
    "blank line": (good() + "\n" + text([row(4)]).splitlines()[1], 5, "0 fields"),
    "unclosed quote": (good() + '"' + text([row(4), row(5)]).partition("\n")[2], 5, "no CSV: unexpected end"),
    "unclosed quote in a long file": (
        good() + '"' + text([row(number) for number in range(4, 400)]).partition("\n")[2], 5, "no CSV: field larger"
    ),
    "stray quote": (good().replace("c1-e2", '"c1-e2"x'), 3, "no CSV"),
    "latin-1": (good().encode().replace(b"c1-e2", b"caf\xe9"), 3, "not UTF-8: byte 0xe9"),
    "latin-1 far into a file": (
        text([row(number, str(number)) for number in range(900)]).encode().replace(b"850-e850", b"caf\xe9"), 852, "not UTF-8: byte 0xe9"
    ),
    "cut character": (good().encode() + b"\xe1\xba", 5, "not UTF-8"),
    "UTF-16": (good().encode("utf-16"), 1, "not UTF-8: byte 0x"),
    "UTF-16 without a mark": (good().encode("utf-16-le"), 1, "missing columns"),
    "no text at all": (bytes(range(256)) * 40, 2, "not UTF-8"),
    "million characters": (third(concept_name="x" * 1_000_000), 4, "no CSV: field larger than field limit"),
    "million characters in the header": (good().replace("\n", "," + "x" * 1_000_000 + "\n", 1), 1, "no CSV: field larger"),
    "long field": (third(concept_name="x" * (LONGEST_FIELD + 1)), 4, f"concept:name is longer than {LONGEST_FIELD}"),
    "long unused field": (text([row(1) | {UNUSED[0]: "x" * 2000}], (*COLUMNS, UNUSED[0])), 2, f"{UNUSED[0]} is longer"),
    "NUL": (third(concept_name="a\0b"), 4, "concept:name holds a control character"),
    "line break": (third(concept_name="a\nb"), 4, "concept:name holds a control character"),
    "fault behind a line break": (good().replace("c1-e1", '"a\nb"') + "x\n", 2, "concept:instance holds a control character"),
    "escape": (third(org_resource="\x1b[2J"), 4, "org:resource holds a control character"),
    "turned writing": (third(org_resource="a\u202eb"), 4, "org:resource holds a control character"),
    "bad timestamp": (third(time_timestamp="yesterday"), 4, "time:timestamp is no instant: 'yesterday'"),
    "number for a time": (third(time_timestamp="1709539200"), 4, "time:timestamp is no instant"),
    "31 February": (third(time_timestamp="2024-02-31 10:00:00+01:00"), 4, "time:timestamp is no instant"),
    "no offset": (third(time_timestamp="2024-03-04 10:00:00"), 4, "time:timestamp has no offset from UTC: '2024-03-04 10:00:00'"),
    "day only": (third(time_timestamp="2024-03-04"), 4, "time:timestamp has no offset"),
    "year 1800": (third(time_timestamp="1800-03-04 10:00:00+00:00"), 4, "time:timestamp lies outside the years 1950 to 2099"),
    "year 2100": (third(time_timestamp="2100-01-01 00:00:00+00:00"), 4, "outside the years"),
    "year 1": (third(time_timestamp="0001-01-01 00:00:00+14:00"), 4, "outside the years"),
    "bad deadline": (third(case_deadline="soon"), 4, "case:deadline is no instant"),
    "bad start": (third(case_startdate="2024-03-04 10:00:00"), 4, "case:startdate has no offset"),
    "bad end": (third(case_enddate=" "), 4, "case:enddate is no instant"),
    "unknown channel": (third(case_channel="Fax"), 4, "case:channel is none of Internet, Desk, Post, e-mail, Intern"),
    "doubled event": (third(concept_instance="c1-e1"), 4, "event 'c1-e1' stands in line 2 already"),
    "doubled event of another case": (text([row(1), row(1, "c2", concept_instance="c1-e1")]), 3, "stands in line 2 already"),
    "too many events": (text([row(number) for number in range(MOST_MOVES + 1)]), MOST_MOVES + 2, f"'c1' has more than {MOST_MOVES} events"),
    "units of one code": (third(org_group="group-1"), 4, "'group-1' and 'Group 1' would be one unit, SMALL-LOG-GROUP-1"),
}  # fmt: skip
FAULTS |= {
    f"empty {column}": (third(**{column.replace(":", "_"): " "}), 4, f"{column} is empty") for column in COLUMNS if column != "case:enddate"
}
FAULTS |= {
    f"other {column}": (third(**{column.replace(":", "_"): value}), 4, f"{column} differs from that of the same case in line 2")
    for column, value in {
        "case:channel": "Desk",
        "case:deadline": "2024-03-21 10:00:00+01:00",
        "case:enddate": "2024-03-09 10:00:00+01:00",
        "case:responsible": "R9",
        "case:startdate": "2024-03-01 10:00:00+01:00",
    }.items()
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_with_its_line(log: Reader, fault: str) -> None:
    content, line, reason = FAULTS[fault]
    with pytest.raises(Unreadable, match=reason) as told:
        log(content)
    assert told.value.line == line
    assert str(told.value).startswith(f"line {line}: ")
    assert len(str(told.value)) < 1200
    assert str(told.value).isprintable()


def test_too_many_events_in_all(log: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eventlog, "MOST_EVENTS", 2)
    with pytest.raises(Unreadable, match="line 4: more than 2 events"):
        log(good())


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=re.escape(f"{tmp_path / 'none.csv'}: No such file or directory")) as told:
        eventlog.read(tmp_path / "none.csv")
    assert told.value.line is None


def test_a_directory(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="Is a directory"):
        eventlog.read(tmp_path)


def test_the_limit_of_the_csv_module_is_put_back(log: Reader) -> None:
    before = csv.field_size_limit()
    with pytest.raises(Unreadable):
        log("")
    log(good())
    assert csv.field_size_limit() == before
