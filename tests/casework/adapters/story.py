"""A story that leaves an item of every kind behind, by the verbs alone, and the file of what it left when the first form was written.

`python -m tests.casework.adapters.story FILE` writes what it leaves by the forms of today. A file once committed is never made anew: items
that were written stay as they were. When a second form is written, its items go into a second file, `tests/data/items-2.jsonl`.
"""

import json
import sys
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from casework.actions import imports
from casework.actions.imports import Case, Log, LoggedEvent
from casework.adapters.dynamo.models import MODELS
from casework.model.packing import moment
from casework.model.procedure import Channel, ProcedureVersion
from casework.model.unit import Officer, ReceptionPoint, Unit
from casework.ports import Thing
from local.engine import start
from local.home import prepare_credentials
from schema.node import read_id
from tests.casework.adapters.town import Answer, Item, Town, town
from tests.handlers.test_sockets import Socket
from tests.simulation.worlds import province

FIRST = Path(__file__).parents[2] / "data" / "items-1.jsonl"
KEPT = {"VN", "22", "22-XD", "22-MT", "22-MC"}  # units and points of the register
PROCEDURES = {("XD-01", 1), ("DD-01", 2)}
LAW = {"reason": "theo yêu cầu", "legalBasis": "13/2023/NĐ-CP, 16"}
WATCH = "subscription($code: ID!) { dossierChanged(code: $code) { cursor ready entry { action } dossier { code } } }"
FEED = "subscription($unit: ID!) { unitFeed(unit: $unit) { cursor ready entry { action } dossier { code } } }"
ALERTS = "subscription($unit: ID!) { alertRaised(unit: $unit) { cursor ready alert { level } } }"
SHOWN = "query($code: ID!) { dossier(code: $code) { applicant { name phone } } }"
READ = "query($id: ID!, $code: ID!) { inspection(id: $id) { dossier(code: $code) { code state } } }"
TITLE = {"vi": "Cấp lại giấy phép", "en": "Permit, again", "fr": "Permis, à nouveau"}


def told(here: Town) -> None:
    """Let it happen."""
    for name, things in province():
        here.store.register([thing for thing in things if wanted(thing)], name)
    here.store.note("register", "a part of it, for a story")
    here.store.keep_swept(moment(here.clock.now)[:13])
    here.store.keep_stuck(moment(here.clock.now - timedelta(hours=9))[:13], stuck=True)
    code = here.submitted()
    whole(here, code)
    others(here)
    imported(here)
    subjects(here)
    here.sequenced()
    here.exported(dossier=code, form="LIGHT", pending=True)
    here.pumped()
    inspected(here, code)
    watched = here.assigned()  # What comes after the log was read waits in the outboxes.
    here.asked(SHOWN, "OFFICER", None, code=watched)
    here.pumped()
    here.store.keep_place("stream", "shard-1", "position-1")
    joined(here, "conn-1", "CITIZEN", WATCH, code=watched)
    joined(here, "conn-2", "HEAD", FEED, unit="22-XD").say("complete", id="2")  # before it began: a tombstone


def wanted(thing: Thing) -> bool:
    """Tell what of the register the story needs."""
    match thing:
        case Unit() | ReceptionPoint():
            return thing.code in KEPT
        case Officer():
            return thing.unit in KEPT
        case ProcedureVersion():
            return (thing.code, thing.version) in PROCEDURES
        case _:
            return True


def joined(here: Town, connection: str, who: str, document: str, **variables: str) -> Socket:
    """Have somebody watch."""
    socket = Socket(here.services, here.courier, connection)
    socket.connect()
    socket.say("connection_init", payload={"authorization": f"Bearer {here.client.issuer.token(who)}"})
    socket.subscribe(document, **variables)
    return socket


def whole(here: Town, code: str) -> None:
    """Make every move that a dossier can bear one after the other."""
    here.done("receiveDossier", "RECEPTION", dossier=code, checked=["FORM", "DEED"])
    lead = {"role": "LEAD", "officer": "officer-1", "responsibility": "r", **here.work("22-XD")}
    here.done("assignDossier", "HEAD", dossier=code, **lead)
    here.done("returnAssignment", "OFFICER", dossier=code, assignment="1", reason="nhầm người")
    here.done("assignDossier", "HEAD", dossier=code, **lead)
    here.done("assignDossier", "HEAD", dossier=code, role="COORDINATING", **here.work("22-MT"))
    here.done("completeStep", "OFFICER", dossier=code, step="CHECK")
    here.done("requestSupplement", "OFFICER", dossier=code, items=[{"component": "PLAN", "legalBasis": "luật"}])
    here.later(days=1)
    here.done("supplyDocuments", "CITIZEN", dossier=code, documents=[{"component": "PLAN", "digest": "a" * 64, "digital": True}])
    here.done("raiseBlocker", "HEAD", dossier=code, reason="chưa có con dấu", stopsClock=True)
    here.done("clearBlocker", "HEAD", dossier=code, blocker="1")
    here.done("extendDeadline", "HEAD", dossier=code, amount=2, reason="phức tạp", notice="12/TB")
    here.later(days=21)
    here.noticed(code)
    here.done("acknowledgeAlert", "OFFICER", dossier=code, alert="1", note="thêm người")
    promised = (here.clock.now + timedelta(days=9)).isoformat()
    here.done("apologise", "HEAD", dossier=code, promisedDueAt=promised, letter="12/XL")
    here.done("giveOpinion", "OFFICER", "officer-2", dossier=code, assignment="3", opinion="được")
    here.done("decideDossier", "HEAD", dossier=code, outcome="GRANTED", reason="đủ điều kiện")
    here.done("deliverResult", "RECEPTION", dossier=code, medium="PAPER", reference="12/GPXD")
    here.done("rateDossier", "CITIZEN", dossier=code, score=3, comment="chậm")
    here.done("reopenDossier", "HEAD", dossier=code, reason="sai sót")
    here.done("rotateTrackingSecret", "CITIZEN", dossier=code)


def others(here: Town) -> None:
    """Bring other dossiers to other ends, and leave some on the way."""
    gone = here.submitted()
    here.done("withdrawDossier", "CITIZEN", dossier=gone, reason="đổi ý")
    here.made("eraseApplicant", "complete", "HEAD", dossier=gone, **LAW)
    here.done("refuseDossier", "RECEPTION", dossier=here.submitted(), **LAW)
    here.done("stopDossier", "HEAD", dossier=here.assigned(), **LAW)
    waived = here.assigned()
    here.done("assignDossier", "HEAD", dossier=waived, role="COORDINATING", **here.work("22-MT"))
    joined(here, "conn-0", "HEAD", ALERTS, unit="22-XD")
    here.later(days=6)
    here.noticed(waived)
    here.pumped()
    here.done("decideDossier", "HEAD", dossier=waived, outcome="REJECTED", reason="thiếu", waiveOpinionsReason="quá hạn")
    here.submitted(rehearsal=True)
    paper = here.assigned()
    here.done("decideDossier", "OFFICER", dossier=paper, outcome="GRANTED", reason="đủ điều kiện")
    here.done("deliverResult", "RECEPTION", dossier=paper, medium="ELECTRONIC", reference="https://kq.example/1")
    lead = {"role": "LEAD", "officer": "officer-2", "responsibility": "r", **here.work("22-MT")}
    for paid in (True, False):
        land = here.submitted("DD-01")
        here.done("receiveDossier", "RECEPTION", dossier=land, checked=["FORM", "DEED", "CONTRACT", "SURVEY"])
        here.done("assignDossier", "HEAD", "22-MT-H", dossier=land, **lead)
        here.done("requirePayment", "OFFICER", "officer-2", dossier=land, fee="CERTIFICATE")
        if paid:
            here.done("recordPayment", "RECEPTION", dossier=land, reference="BL-1", online=True)


def imported(here: Town) -> None:
    """Take one case of an event log in, which has not ended."""
    at = here.clock.now - timedelta(days=9)
    events = (LoggedEvent("e1", "T01", at + timedelta(hours=1), "R1", "L-OWN", opinion=False),)
    case = Case("c1", Channel.POST, at, at + timedelta(days=30), "R1", events, None)
    log = Log("L-1", "L-OWN", {"L-OWN": "Own"}, {"R1": "L-OWN"}, ("T01",), (case,))
    version, known = imports.register(here.services, log), None
    for step in imports.moves(log, case):
        known = imports.made(here.services, log, version, case, step, known).held


def subjects(here: Town) -> None:
    """Change what else has a chain of its own, and let follow what follows."""
    here.made(
        "publishProcedure", "procedure { version }", "ADMIN", code="XD-09", title=TITLE, kind="ADMINISTRATIVE", field="construction",
        tier="province", department="XD", limit={"unit": "WORKING_DAYS", "amount": 5}, legalBasis="61/2018/NĐ-CP", channels=["ONLINE"],
        validFrom=(here.clock.now.date() + timedelta(days=1)).isoformat(),
    )  # fmt: skip
    incident = opened(here, stopsClocks=True)
    followed(here, incident)
    followed(here, here.made("closeIncident", "task { id }", "HEAD", incident=incident["incident"]["id"], reason="có điện"))
    off = next(day for n in range(1, 9) if (day := here.clock.now.date() + timedelta(days=n)).weekday() < FRIDAY)
    swap = [(off, "OFF", weekend(off)), (weekend(off), "MAKEUP", off)]
    days = [{"on": on.isoformat(), "kind": kind, "pair": pair.isoformat()} for on, kind, pair in swap]
    days += [{"on": (off + timedelta(days=7)).isoformat(), "kind": "OFF"}]
    announced = here.clock.now.date().isoformat()
    followed(here, here.made("amendCalendar", "task { id }", "ADMIN", document="1/VPCP", announcedOn=announced, days=days))
    waits = opened(here, stopsClocks=False, legalBasis="luật")
    here.pumped()
    assert here.held(subject_of(waits["task"]["id"])).due


def opened(here: Town, **more: Any) -> Answer:  # noqa: ANN401 - JSON
    """Open an incident."""
    return here.made("openIncident", "incident { id } task { id }", "HEAD", unit="22-XD", reason="mất điện", **more)


def followed(here: Town, made: Answer) -> None:
    """Do what follows from an entry."""
    here.pumped()
    here.worked(subject_of(made["task"]["id"]))


FRIDAY, SATURDAY = 4, 5


def weekend(day: date) -> date:
    """Give the Saturday after a day."""
    return day + timedelta(days=SATURDAY - day.weekday())


def inspected(here: Town, code: str) -> None:
    """Open inspections, read and export under one, and see and unmask who an applicant is."""
    span = {"from": (here.clock.now - timedelta(days=40)).isoformat(), "to": here.clock.now.isoformat()}
    over = here.made("openInspection", "inspection { id }", "INSPECTOR", **span, **LAW)["inspection"]["id"]
    here.made("closeInspection", "inspection { id }", "INSPECTOR", inspection=over, conclusion="không có gì")
    opened = here.made("openInspection", "inspection { id }", "INSPECTOR", unit="22-XD", **LAW)["inspection"]["id"]
    here.asked(READ, "INSPECTOR", None, id=opened, code=code)
    here.asked(SHOWN, "OFFICER", None, code=code)
    here.made("unmaskApplicant", "access { id }", "SUPERVISOR", dossier=code, reason="đơn kêu cứu")
    here.exported(unit="22-XD", inspection=opened, **span)


def subject_of(id_: str) -> str:
    return (read_id(id_) or ("", ""))[1]


def kept(file: Path) -> dict[str, list[Item]]:
    """Read a file of items, by table."""
    found: dict[str, list[Item]] = {table: [] for table in MODELS}
    for line in file.read_text().splitlines():
        row: Mapping[str, Any] = json.loads(line)
        found[row["table"]].append(row["item"])
    return found


def main(file: Path) -> None:
    """Tell the story, and write down what it left."""
    prepare_credentials()
    with start(None) as engine, TemporaryDirectory() as folder, town("story", Path(folder), engine) as here:
        told(here)
        rows = [{"table": table, "item": item} for table in MODELS for item in here.items(table)]
    text = "".join(json.dumps(row, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n" for row in rows)
    file.write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
