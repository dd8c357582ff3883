"""What may be asked for, and how an export goes on."""

from datetime import UTC, datetime, timedelta

import pytest

from casework.model.errors import Invalid
from casework.model.export import (
    KEPT,
    Export,
    ExportForm,
    ExportScope,
    ExportState,
    checked,
    expired,
    failed,
    flattened,
    ready,
    restored,
    started,
)

AT = datetime(2026, 5, 4, 3, tzinfo=UTC)
DOSSIER = Export("22-XD", AT, ExportScope.DOSSIER, ExportForm.LIGHT, of="0" * 32)


def of_unit(begin: datetime, end: datetime) -> Export:
    return Export("22-XD", AT, ExportScope.UNIT, ExportForm.FULL, of="22-XD", begin=begin, end=end)


def test_what_may_be_asked_for() -> None:
    for export in (DOSSIER, of_unit(AT, AT + timedelta(days=366)), Export("VN", AT, ExportScope.ALL, ExportForm.FULL)):
        assert checked(export) is export


@pytest.mark.parametrize(
    ("export", "code"),
    [
        (Export("VN", AT, ExportScope.ALL, ExportForm.LIGHT), "BAD_FORM"),
        (Export("VN", AT, ExportScope.ALL, ExportForm.FULL, pending=True), "BAD_FORM"),
        (of_unit(AT, AT), "BAD_PERIOD"),
        (of_unit(AT, AT - timedelta(days=1)), "BAD_PERIOD"),
        (of_unit(AT, AT + timedelta(days=367)), "BAD_PERIOD"),
    ],
)
def test_what_may_not(export: Export, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        checked(export)
    assert caught.value.code == code


def test_it_goes_on_to_a_file_or_to_none() -> None:
    begun = started(DOSSIER, "note", 9, 3, (2, 4))
    assert (begun.state, begun.size, begun.steps, begun.low, begun.high) == (ExportState.RUNNING, 9, 3, 2, 4)
    done = ready(begun, AT, 100, "ab")
    assert (done.state, done.bytes, done.sha256, done.expires_at) == (ExportState.READY, 100, "ab", AT + KEPT)
    assert expired(done).state is ExportState.EXPIRED
    lost = failed(started(DOSSIER, "note", 9, 3, None), "x" * 600)
    assert (lost.state, lost.failure) == (ExportState.FAILED, "x" * 500)
    for export in (DOSSIER, begun, done, lost):
        assert restored(flattened(export)) == export
