"""Topics and cursors: names, which of them an entry goes to, and cursors that are entry numbers and nothing else."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casework.live.topics import (
    RAISED,
    Kind,
    accesses_topic,
    alert_of,
    alerts_key,
    cursor,
    dossier_topic,
    kind_of,
    position,
    topic,
    topics_of,
    trail_key,
    unit_of,
    whose,
)
from casework.model.alert import Alert, AlertLevel, DeadlineKind
from casework.model.errors import Invalid
from casework.model.packing import packed
from tests.casework.model.cases import T1, T2

UNITS, DESK = ("22-XD", "22"), ("06652", "22")


def alert(level: AlertLevel, number: int = 3) -> Alert:
    return Alert(number, DeadlineKind.DOSSIER, 1, level, T2, T1, T1, "22-XD")


def body(kind: str = "dossier", action: str = "DECIDED", *alerts: Alert, more: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    changes = [{"field": f"alerts.{one.number}", "from": None, "to": packed(one)} for one in alerts]
    actor = {"kind": "SERVICE", "id": "sweep"}
    return {"subject": {"kind": kind, "id": "s"}, "action": action, "actor": actor, "changes": [*more, *changes]}


TRAILS = ("trail:unit/22-XD", "trail:unit/22")


def test_each_dossier_has_a_topic_of_its_own() -> None:
    assert dossier_topic("a" * 32) == "dossier:" + "a" * 32
    assert accesses_topic("a" * 32) == "accesses:" + "a" * 32


def test_a_topic_tells_its_kind_and_a_feed_its_unit() -> None:
    assert [kind_of(topic(kind, "x")) for kind in Kind] == list(Kind)
    assert [kind for kind in Kind if kind.trailed] == [Kind.DOSSIER, Kind.TASK, Kind.EXPORT, Kind.ACCESSES]
    assert unit_of(topic(Kind.UNIT, "22-XD")) == "22-XD"
    assert unit_of(topic(Kind.ALERTS, alerts_key("22-XD", AlertLevel.OVERDUE))) == "22-XD"
    assert unit_of(topic(Kind.UNIT, "a:b")) == unit_of(topic(Kind.ALERTS, alerts_key("a:b", None))) == "a:b"


def test_without_a_level_it_is_every_level() -> None:
    assert alerts_key("22", None) == alerts_key("22", AlertLevel.AT_RISK) == "22:AT_RISK"


def test_an_entry_goes_to_its_dossier_its_unit_and_those_above() -> None:
    assert topics_of(body(), UNITS) == topics_of(body(), UNITS, DESK) == ("dossier:s", "unit:22-XD", "unit:22", *TRAILS)


def test_what_a_person_does_goes_to_his_trail() -> None:
    made = {**body(), "actor": {"kind": "OFFICER", "id": "officer-1"}}
    assert topics_of(made, UNITS)[-3:] == (*TRAILS, "trail:actor/officer-1")
    assert whose("trail:actor/officer-1") == ("actor", "officer-1")
    assert whose(topic(Kind.TRAIL, trail_key("unit", "a/b:c"))) == ("unit", "a/b:c")


@pytest.mark.parametrize(("kind", "topics"), [("task", ("task:s",)), ("procedure", ()), ("inspection", ()), ("unit", ())])
def test_what_is_no_dossier_goes_to_no_unit(kind: str, topics: tuple[str, ...]) -> None:
    assert topics_of(body(kind), UNITS) == (*topics, *TRAILS)


@pytest.mark.parametrize(("level", "told", "least"), [
    (AlertLevel.AT_RISK, UNITS, ["AT_RISK"]),
    (AlertLevel.DUE_TODAY, UNITS, ["AT_RISK", "DUE_TODAY"]),
    (AlertLevel.OVERDUE, ("22-XD", "22", "06652"), ["AT_RISK", "DUE_TODAY", "OVERDUE"]),
    (AlertLevel.ESCALATED, ("22-XD", "22", "06652"), ["AT_RISK", "DUE_TODAY", "OVERDUE", "ESCALATED"]),
])  # fmt: skip
def test_an_alert_goes_to_the_topic_of_each_least_level_and_a_late_one_to_the_desk(
    level: AlertLevel, told: tuple[str, ...], least: list[str]
) -> None:
    found = topics_of(body("dossier", RAISED, alert(level)), UNITS, DESK)
    assert found[:3] == ("dossier:s", "unit:22-XD", "unit:22")
    assert found[3:] == (*(f"alerts:{unit}:{name}" for unit in told for name in least), *TRAILS)


def test_an_alert_of_a_coordinating_unit_is_told_there_too_and_no_other_entry_is() -> None:
    found = topics_of(body("dossier", RAISED, alert(AlertLevel.AT_RISK)), UNITS, DESK, ("22-MT", "22"))
    assert found == ("dossier:s", "unit:22-XD", "unit:22", "alerts:22-XD:AT_RISK", "alerts:22:AT_RISK", "alerts:22-MT:AT_RISK",
                     *TRAILS)  # fmt: skip


def test_an_alert_is_the_one_that_its_entry_brings() -> None:
    others: tuple[dict[str, Any], ...] = (
        {"field": "alerts.1", "from": packed(alert(AlertLevel.AT_RISK, 1)), "to": packed(alert(AlertLevel.AT_RISK, 1))},
        {"field": "arming", "from": None, "to": 1},
    )
    found = alert(AlertLevel.OVERDUE)
    assert alert_of(body("dossier", RAISED, found, more=others)) == found
    assert alert_of(body("dossier", RAISED, more=others)) is None
    assert alert_of(body("dossier", "DECIDED", found)) is None


@settings(print_blob=True, deadline=None)
@given(st.integers(0, 10**9 - 1), st.integers(0, 1000))
def test_a_cursor_is_read_back(seq: int, more: int) -> None:
    assert position(cursor(seq), seq + more) == seq


@pytest.mark.parametrize("after", [
    "", " ", "1 ", " 1", "-1", "+1", "1.0", "1e0", "0x1", "1_0", "\u0661", "²", "one", "null", "\0", "1\n", "0000000001", "9" * 5000,
])  # fmt: skip
def test_what_is_no_number_is_no_cursor(after: str) -> None:
    with pytest.raises(Invalid, match="no cursor of this subscription") as caught:
        position(after, 10**8)
    assert (caught.value.code, caught.value.path) == ("CURSOR", ("after",))


def test_a_cursor_lies_within_the_trail() -> None:
    assert position("0", 0) == 0
    assert position("7", 7) == 7
    with pytest.raises(Invalid):
        position("8", 7)
