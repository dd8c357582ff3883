"""Long work: a task is begun by the entry that it follows from, and done page by page by whoever finds its row of the due table.

Each page has three writes: the task with the page in hand and its row a minute ahead, so that a worker who dies is taken over from; each
dossier; and the task with the page done. Two workers at once: the entry's number lets one of them go on. What is done to a dossier stands
elsewhere (`errands`), and when a row is due is for the sweep to find.
"""

import hashlib
import logging
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from casework.audit.chain import Entry
from casework.commits import Plan, begun_by, recorded
from casework.errands import MAKER, Errand, errand_of
from casework.makers import service
from casework.model.errors import Fault, Unavailable
from casework.model.packing import instant, moment
from casework.model.record import DossierId
from casework.model.task import LEASE, PAGE, Task, TaskKind, begun, passed, progressed, started, taken
from casework.ports import Held, Services, Span

log = logging.getLogger("giamsat")

DUE = "TASK"  # the level of its row of the due table
NATION = "VN"
SLICE = timedelta(seconds=5)
PAGES = 8  # of one slice
LOOKS = 50  # at lists, in search of a page
MOST_TRIES = 10  # of a page, while the store does not answer for one of its dossiers
LAST = moment(datetime.max.replace(tzinfo=UTC))  # where dossiers without a due date stand


def following_of(entry: Entry) -> Task | None:
    """Give the task that follows from an entry, as it stands before it is begun; None where none does."""
    match entry.body["action"]:
        case "CALENDAR_AMENDED":
            return _amendment(entry)
        case "INCIDENT_OPENED" | "INCIDENT_CLOSED":
            return Task(TaskKind.INCIDENT, entry.body["subject"]["id"], entry.seq, NATION, entry.recorded_at)
        case _:
            return None


def _amendment(entry: Entry) -> Task:
    brought = {
        change["field"].partition(".")[2]: change["to"]["since"]
        for change in entry.body["changes"]
        if change["field"].startswith("overrides.") and change["to"] and "since" in change["to"]
    }
    version = max(brought.values())
    return Task(
        TaskKind.AMENDMENT, entry.body["subject"]["id"], entry.seq, NATION, entry.recorded_at, calendar_version=version,
        first_on=min(date.fromisoformat(day) for day, since in brought.items() if since == version),
    )  # fmt: skip


def id_of(task: Task) -> DossierId:
    """Give the id under which a task has its chain: it follows from the entry that the task follows from."""
    return DossierId(hashlib.sha256(f"task\0{task.of}\0{task.seq}".encode()).hexdigest()[:32])


def begin(services: Services, entry: Entry) -> DossierId | None:
    """Begin the task that follows from an entry, if any does, and give its id; what was begun is left as it is.

    Raises:
        Contended, Unavailable: as `commits.recorded`.
    """
    task = following_of(entry)
    if task is None:
        return None

    def settle(held: Held | None, now: datetime) -> Plan | None:
        return None if held else _plan(started(task, now), "TASK_STARTED", now, now)

    return id_of(task) if recorded(services, id_of(task), entry.correlation, settle) else None


def work(services: Services, held: Held) -> None:
    """Do a slice of a task: some pages, for some seconds, if its row is due. What stays undone is found again by its row.

    Raises:
        Unavailable: the engine did not answer; the next slice goes on from what stands.
    """
    until = services.now() + SLICE
    here: Held | None = held
    for _ in range(PAGES):
        if here is None or not _due(here, services.now()) or services.now() > until:
            return
        here = _page(services, here)


def _page(services: Services, held: Held) -> Held | None:
    """Do one page; gives the task as it stands then, or None where another worker has it."""
    task = _task(held)
    errand = errand_of(services, task)
    if not task.page:
        found = _next(services, task, errand)
        if found is None:
            return _kept(services, held, lambda now: _ended(task, now))
        if not found.page:  # Much was looked through in vain: the next step begins behind it.
            return _kept(services, held, lambda now: _plan(found, "TASK_PROGRESSED", now, now))
        task = found
    leased = _kept(services, held, lambda now: _plan(begun(task), "TASK_TAKEN", now, now + LEASE))
    if leased is None:
        return None
    failed = _done(services, leased, errand)
    changed = sum(errand.changed(one.dossier) for one in services.store.held_all(_members(task)).values())
    return _kept(services, leased, lambda now: _plan(progressed(_task(leased), changed, failed), "TASK_PROGRESSED", now, now))


def _done(services: Services, leased: Held, errand: Errand) -> int:
    """Change the dossiers of the page in hand; gives how many failed."""
    failed, correlation = 0, begun_by(services, leased.id)
    for subject, known in services.store.held_all(_members(_task(leased))).items():
        try:
            errand.do(subject, known, correlation)
        except Unavailable:
            if (_task(leased).tries or 0) < MOST_TRIES:
                raise  # What was to be written may stand: the page is done again.
            failed += 1
        except Fault as fault:
            failed += 1
            log.warning("task %s, dossier %s: %s", leased.id, subject, fault.message)
        except Exception:
            failed += 1
            log.exception("task %s, dossier %s", leased.id, subject)
    return failed


def _next(services: Services, task: Task, errand: Errand) -> Task | None:
    """Find the next dossiers that a task wants, list by list; None when all were looked through."""
    lists = errand.lists()
    ahead = [name for name in sorted(lists) if name >= (task.within or "")]
    place = task.place if ahead and ahead[0] == task.within else None
    for _ in range(LOOKS):
        if not ahead:
            return None
        rows = services.store.listed([lists[ahead[0]]], Span(PAGE, place, LAST))
        seen = [held.id for _, held in rows if errand.wants(held.dossier)]
        # A list may lag, and show a dossier as it was before it was changed: it would be counted twice.
        page = [subject for subject, held in services.store.held_all(seen).items() if errand.wants(held.dossier)]
        if page:
            return taken(task, ahead[0], rows[-1][0], page)
        ahead, place = (ahead, rows[-1][0]) if rows else (ahead[1:], None)
    return taken(task, ahead[0], place, ()) if ahead else None


def _ended(task: Task, now: datetime) -> Plan:
    following, at = passed(task, now)
    return _plan(following, "TASK_DONE" if at is None else "TASK_PASSED", now, at)


def _members(task: Task) -> list[DossierId]:
    return [DossierId(subject) for subject in task.page]


def _kept(services: Services, held: Held, planned: Callable[[datetime], Plan]) -> Held | None:
    """Write the next state of a task, unless another worker has written one; gives it as it stands then."""

    def settle(now_held: Held | None, now: datetime) -> Plan | None:
        return planned(now) if now_held is not None and now_held.tip.seq == held.tip.seq else None

    done = recorded(services, held.id, begun_by(services, held.id), settle, known=held)
    return done.held if done else None


def _plan(task: Task, action: str, now: datetime, at: datetime | None) -> Plan:
    return Plan(task, NATION, action, service(MAKER), now, alert=(DUE, at) if at else None)


def _task(held: Held) -> Task:
    assert isinstance(held.record, Task)
    return held.record


def _due(held: Held, now: datetime) -> bool:
    return held.due is not None and instant(held.due.moment.partition("#")[0]) <= now
