"""Inspections: their end, their fields, whose they are, what they cover, and reads that are counted."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from casework.model.errors import Invalid
from casework.model.inspection import (
    Inspection,
    InspectionScope,
    Read,
    ReadKind,
    checked,
    closed,
    conducted,
    covers_dossier,
    covers_unit,
    flattened,
    read_under,
    restored,
)
from casework.model.record import DossierId
from tests.casework.model.cases import DAY, OTHER, RECEIVED, REF, SECOND, T1, T2, T3, T4, T5

SUBJECT = DossierId("d" * 32)
AT = RECEIVED.submitted_at
ABOVE = ("22-XD", "22")
INSPECTION = Inspection("22", T3, "inspector-1", InspectionScope.UNIT, REF, OTHER, of="22")
OF_ONE = replace(INSPECTION, unit="22-XD", scope=InspectionScope.DOSSIER, of=SUBJECT)
OF_ALL = replace(INSPECTION, unit="VN", scope=InspectionScope.ALL, of=None)
READ = Read(T4, ReadKind.UNIT_TRAIL, "22-XD", begin=T1, end=T2, first=50, after="2026-01-01T00:00:00.000000Z")


def refused(call: object) -> tuple[str, tuple[str, ...]]:
    with pytest.raises(Invalid) as caught:
        call()  # type: ignore[operator] # a lambda
    return caught.value.code, caught.value.path


def test_an_inspection_is_closed_once() -> None:
    done = closed(INSPECTION, T5, OTHER)
    assert (done.closed_at, done.conclusion) == (T5, OTHER)
    assert closed(INSPECTION, T1, None).closed_at == T3  # by a clock that is behind
    assert refused(lambda: closed(done, T5, None)) == ("UNKNOWN_INSPECTION", ("inspection",))


@pytest.mark.parametrize(
    "inspection", [INSPECTION, OF_ONE, OF_ALL, replace(OF_ALL, begin=T1, end=T2), closed(read_under(OF_ONE, READ), T5, OTHER)]
)
def test_an_inspection_comes_back_from_its_fields(inspection: Inspection) -> None:
    assert restored(flattened(inspection)) == inspection


def test_reads_are_counted_from_none() -> None:
    assert flattened(INSPECTION)["reads"] == 0
    once = read_under(INSPECTION, READ)
    twice = read_under(once, replace(READ, at=T5))
    assert [(one.reads, one.last_read) for one in (once, twice)] == [(1, READ), (2, replace(READ, at=T5))]
    assert replace(twice, reads=0, last_read=None) == INSPECTION
    for early in (T1, T4):  # by a clock that is behind, or by the same one at once
        again = read_under(once, replace(READ, at=early))
        assert again.last_read == replace(READ, at=T4 + timedelta(microseconds=1))


@pytest.mark.parametrize(("begin", "end", "right"), [
    (None, None, True), (T1, None, True), (None, T1, True), (T1, T2, True), (T1, T1, False), (T2, T1, False),
])  # fmt: skip
def test_a_period_is_one(begin: datetime | None, end: datetime | None, *, right: bool) -> None:
    for scope in InspectionScope:
        asked = replace(INSPECTION, scope=scope, begin=begin, end=end)
        if right and (scope is not InspectionScope.DOSSIER or begin is end is None):
            assert checked(asked) == asked
        else:
            assert refused(lambda asked=asked: checked(asked)) == ("BAD_PERIOD", ("from",))


def test_it_is_of_whoever_opened_it_while_it_is_open() -> None:
    assert conducted(INSPECTION, "inspector-1") is INSPECTION
    over = closed(INSPECTION, T5, None)
    for inspection, inspector in ((INSPECTION, "inspector-2"), (INSPECTION, None), (over, "inspector-1"), (over, "inspector-2")):
        told = refused(lambda of=inspection, who=inspector: conducted(of, who))
        assert told == ("UNKNOWN_INSPECTION", ("inspection",))


@pytest.mark.parametrize(("inspection", "subject", "lineage", "covers"), [
    (OF_ONE, SUBJECT, ABOVE, True),
    (OF_ONE, SUBJECT, ("48",), True),  # wherever it is handled by now
    (OF_ONE, DossierId("e" * 32), ABOVE, False),
    (INSPECTION, SUBJECT, ABOVE, True),
    (INSPECTION, SUBJECT, ("22",), True),
    (INSPECTION, SUBJECT, ("48-XD", "48"), False),
    (replace(INSPECTION, of="22-XD"), SUBJECT, ABOVE, True),
    (replace(INSPECTION, of="22-XD"), SUBJECT, ("22",), False),
    (OF_ALL, SUBJECT, ("48",), True),
    (replace(OF_ALL, begin=AT), SUBJECT, ABOVE, True),
    (replace(OF_ALL, begin=AT + SECOND), SUBJECT, ABOVE, False),
    (replace(OF_ALL, end=AT), SUBJECT, ABOVE, False),
    (replace(OF_ALL, end=AT + SECOND), SUBJECT, ABOVE, True),
    (replace(INSPECTION, begin=AT - DAY, end=AT + DAY), SUBJECT, ABOVE, True),
    (replace(INSPECTION, begin=AT - DAY, end=AT + DAY), SUBJECT, ("48",), False),
])  # fmt: skip
def test_what_dossiers_it_covers(inspection: Inspection, subject: DossierId, lineage: tuple[str, ...], *, covers: bool) -> None:
    assert covers_dossier(inspection, subject, RECEIVED, iter(lineage)) is covers


LIMITED = replace(OF_ALL, begin=T2, end=T4)


@pytest.mark.parametrize(("inspection", "lineage", "period", "covers"), [
    (OF_ONE, ABOVE, (None, None), False),
    (OF_ONE, (), (None, None), False),
    (INSPECTION, ABOVE, (None, None), True),
    (INSPECTION, ABOVE, (T1, T5), True),
    (INSPECTION, ("48",), (None, None), False),
    (INSPECTION, (), (None, None), False),
    (OF_ALL, ("48",), (None, None), True),
    (OF_ALL, (), (None, None), True),
    (LIMITED, ABOVE, (T2, T4), True),
    (LIMITED, ABOVE, (T3, T3 + SECOND), True),
    (LIMITED, ABOVE, (T1, T4), False),
    (LIMITED, ABOVE, (T2, T5), False),
    (LIMITED, ABOVE, (None, T4), False),
    (LIMITED, ABOVE, (T2, None), False),
    (LIMITED, (), (None, None), False),
    (replace(LIMITED, end=None), ABOVE, (T2, None), True),
    (replace(LIMITED, begin=None), ABOVE, (None, T4), True),
])  # fmt: skip
def test_what_units_it_covers_all_of(
    inspection: Inspection, lineage: tuple[str, ...], period: tuple[datetime | None, datetime | None], *, covers: bool
) -> None:
    assert covers_unit(inspection, iter(lineage), *period) is covers
