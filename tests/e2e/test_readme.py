"""The README's tour, typed as it stands there, on a first start with its demonstration data."""

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Service, started

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"<!-- tour: (\w+) -->\n```bash\n(.*?)```", re.DOTALL)
TOUR = [
    "register",
    "overdue",
    "alerts",
    "desk",
    "submit",
    "receive",
    "track",
    "watch",
    "assign",
    "alarm",
    "end",
    "due",
    "trail",
    "export",
    "replay",
]
LIMIT_S = 180


@pytest.fixture(scope="module")
def province(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with started(tmp_path_factory.mktemp("province") / "data", DEMO="1") as service:
        yield service


def answers(text: str) -> list[dict[str, Any]]:
    """The data of each answer in what a block printed."""
    decoder, found, place = json.JSONDecoder(), [], text.find("{\n")
    while place >= 0:
        answer, end = decoder.raw_decode(text, place)
        assert "errors" not in answer, answer
        found.append(answer["data"])
        place = text.find("{\n", end)
    return found


def test_the_tour_pastes(province: Service) -> None:
    blocks = dict(BLOCK.findall((ROOT / "README.md").read_text()))
    assert list(blocks) == TOUR
    script = "".join(f"echo '### {name}'\n{text}\n" for name, text in blocks.items())
    done = subprocess.run(
        ["bash", "-eu", "-c", script],  # noqa: S607 - the shell of whoever pastes it
        cwd=ROOT,
        env={**os.environ, "PORT": str(province.port), "DATA": str(province.data)},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = dict(re.findall(r"### (\w+)\n(.*?)(?=### |\Z)", done.stdout, re.DOTALL))
    (register,) = answers(said["register"])
    assert register["unit"]["name"] == "Tỉnh Quảng Ninh"
    assert register["procedures"]["nodes"]
    (overdue,) = answers(said["overdue"])
    assert len(overdue["dossiers"]["nodes"]) == 3
    assert {node["clock"]["level"] for node in overdue["dossiers"]["nodes"]} <= {"OVERDUE", "ESCALATED"}
    (alerts,) = answers(said["alerts"])
    assert {node["level"] for node in alerts["alerts"]["nodes"]} <= {"OVERDUE", "ESCALATED"}
    assert len(alerts["alerts"]["nodes"]) == 3
    assert all(node["dossier"]["code"] and node["observedAt"] > node["dueAt"] for node in alerts["alerts"]["nodes"])
    (desk,) = answers(said["desk"])
    assert desk["dossiers"]["nodes"]
    assert any(move["allowed"] for node in desk["dossiers"]["nodes"] for move in node["nextMoves"])
    assert answers(said["submit"])[0]["submitDossier"]["dossier"]["state"] == "SUBMITTED"
    received = answers(said["receive"])[0]["receiveDossier"]["dossier"]
    assert received["state"] == "RECEIVED"
    assert received["clock"]["explanation"][0]["kind"] == "START"
    assert answers(said["track"])[0]["track"]["state"] == "RECEIVED"
    watched = [json.loads(line) for line in (said["watch"] + said["assign"]).splitlines() if '"cursor"' in line]
    assert [event["cursor"] for event in watched] == ["0", "1", "2", "3"]
    assert [event["ready"] for event in watched] == [True, False, False, False]
    assert '"action":"ASSIGNED"' in said["assign"]
    heard = [json.loads(line) for line in said["alarm"].splitlines() if '"seenAt"' in line]
    assert heard[0]["ready"] is True
    assert said["export"].startswith("VERIFIED WITH LIMITS: ")
    assert "NO_WITNESS: " in said["export"]
    assert said["export"].rstrip().endswith("status 4")
    assert "OVERDUE" in {event["alert"]["level"] for event in heard[1:]}
    decided, delivered, rated = answers(said["end"])
    assert decided["decideDossier"]["dossier"]["state"] == "DECIDED"
    assert delivered["deliverResult"]["dossier"]["state"] == "DELIVERED"
    assert rated["rateDossier"]["dossier"]["rating"]["score"] == 5
    assert answers(said["due"])[0]["dueIfReceived"]["dueAt"] == "2025-02-17T10:00:00+00:00"
    assert "17:00 on Monday 17 February 2025 (2025-02-17T17:00:00+07:00)\nReceived on Friday 24 January 2025" in said["due"]
    trail = answers(said["trail"])[0]["auditTrail"]["nodes"]
    assert [node["seq"] for node in trail] == list(range(1, len(trail) + 1))
    made = [node["action"] for node in trail if node["action"] != "ALERT_RAISED"]
    assert made == ["SUBMITTED", "RECEIVED", "ASSIGNED", "ASSIGNED", "DECIDED", "DELIVERED", "RATED"]
    assert [node["actor"]["kind"] for node in trail].count("SERVICE") == 3, "at risk, due today, overdue"
    figures = json.loads(said["replay"].splitlines()[-1])
    assert figures["added"] == figures["entries"] > 0


def listed(service: Service) -> list[dict[str, Any]]:
    """All dossiers of the four provinces, page by page."""
    found: list[dict[str, Any]] = []
    for unit in ("01", "22", "48", "79"):
        after = None
        while True:
            page = service.ask(
                """query($unit: ID!, $after: String) { dossiers(filter: {unit: $unit, includeBelow: true}, first: 100, after: $after) {
                pageInfo { hasNextPage endCursor } nodes { code entries state kind rehearsal clock { level paused } } } }""",
                "INSPECTOR", unit=unit, after=after,
            )["data"]["dossiers"]  # fmt: skip
            found += page["nodes"]
            if not page["pageInfo"]["hasNextPage"]:
                break
            after = page["pageInfo"]["endCursor"]
    return found


def test_a_province_is_at_work(province: Service) -> None:
    """Every state that the moves reach is there, over several provinces; some paused, at risk, overdue, or rehearsals."""
    found = listed(province)
    assert len({node["code"] for node in found}) == len(found) >= 300
    states = {node["state"] for node in found}
    assert states == {
        "SUBMITTED",
        "RECEIVED",
        "REFUSED",
        "IN_PROCESS",
        "AWAITING_SUPPLEMENT",
        "AWAITING_PAYMENT",
        "DECIDED",
        "DELIVERED",
        "WITHDRAWN",
        "STOPPED",
    }
    assert {node["kind"] for node in found} == {"ADMINISTRATIVE", "COMPLAINT", "DENUNCIATION", "FEEDBACK", "ACCESS_REQUEST"}
    clocks = [node["clock"] for node in found if node["clock"]]
    assert {"AT_RISK", "OVERDUE", "ESCALATED"} <= {clock["level"] for clock in clocks}
    assert any(clock["paused"] for clock in clocks)
    assert any(node["rehearsal"] for node in found)


def test_a_few_go_on_moving(province: Service) -> None:
    before = sum(node["entries"] for node in listed(province))
    ends = time.monotonic() + LIMIT_S
    while sum(node["entries"] for node in listed(province)) <= before:
        assert time.monotonic() < ends, "nothing has moved"
        time.sleep(1)
