"""Exports: asking for one, and the work of making it, step by step, by whoever finds its row of the due table.

A step writes parts, files of the depot that may be written again; how many are done is kept after some seconds. So a worker who dies loses
seconds, and two at once do the same twice. What a part holds is for `bundling`.
"""

import hashlib
import logging
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from itertools import takewhile

from casework.audit.bundle import DISCLOSURES, ENTRIES, LEAVES, OUTSIDE, PROOFS, STATES
from casework.audit.disclosure import Envelope
from casework.audit.note import Checkpoint
from casework.audit.tree import tiled
from casework.bundling import Maker, assembled, numbered
from casework.commits import Plan, Request, Written, begun_by, recorded, written
from casework.inspecting import All, covered
from casework.makers import actor, behalf, caller, service
from casework.model.errors import Corrupt, Invalid
from casework.model.export import Export, ExportForm, ExportScope, ExportState, checked, expired, failed, ready, started
from casework.model.packing import Plain, instant, moment
from casework.model.parties import Role, Viewer
from casework.model.record import Dossier, DossierId
from casework.ports import Depot, Held, Services
from casework.published import cosigned, newest, tiles_of
from casework.views import confirmed_viewer

log = logging.getLogger("giamsat")

MAKER = "exports"
DUE = "EXPORT"  # the level of its row of the due table
NATION = "VN"
SLICE = timedelta(seconds=5)
WAITS = timedelta(seconds=30)  # for the log to publish what was there when it was asked for, and for a witness where there is one
LEAVES_STEP = 8192  # leaves of a step that writes leaves
BEGUN_STEP = 1024  # leaves of a step of everything, whose subjects it writes
NUMBERS_STEP = 50  # dossiers of a step of a unit's register
NEAR = timedelta(minutes=1)  # by more than that the register's numbers do not differ from the order of the times


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: its key, its correlation id, and the input as it was given."""

    key: str
    correlation: str
    input: Plain


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be exported, as typed; `of` is the dossier's id or the unit's code, `inspection` the id of one that covers it."""

    scope: ExportScope
    form: ExportForm
    of: str | None = None
    begin: datetime | None = None
    end: datetime | None = None
    pending: bool = False
    inspection: str | None = None


def request_export(services: Services, viewer: Viewer, wanted: Wanted, asked: Asked) -> Written:
    """Ask for an export.

    Raises:
        Invalid: the viewer is no inspector; there is no such dossier or unit; see `model.export.checked`, and `inspecting.covered`.
    """
    viewer = confirmed_viewer(services, viewer)
    if viewer.role is not Role.INSPECTOR:
        raise Invalid("inspectors ask for exports", code="NOT_YOUR_MOVE")
    subject = id_of(viewer, asked.key)
    request = Request(subject, "requestExport", asked.key, asked.input, asked.correlation, caller(viewer))
    unit, province, what = _scoped(services, wanted)
    export = checked(Export(
        unit, services.now(), wanted.scope, wanted.form, of=wanted.of, begin=wanted.begin, end=wanted.end, pending=wanted.pending,
        inspection=wanted.inspection,
    ))  # fmt: skip
    if services.depot is None or services.vault is None:
        raise Invalid("this deployment keeps no log, so nothing can be shown of it", code="NO_LOG")

    def decide(held: Held | None, envelope: Envelope, now: datetime) -> Plan:
        if held is not None:  # Its memory is gone, and so is what it was asked with.
            raise Invalid("this idempotencyKey has asked for an export", path=("idempotencyKey",), code="IDEMPOTENCY_KEY_REUSED")
        if wanted.inspection is not None:
            covered(services, viewer, DossierId(wanted.inspection), what)
        return Plan(
            after=replace(export, asked_at=now),
            province=province,
            action="EXPORT_REQUESTED",
            actor=actor(services, viewer, subject, envelope),
            on_behalf_of=behalf(services, viewer, subject, envelope),
            occurred_at=now,
            alert=(DUE, now),
        )

    return written(services, subject, request, decide)


def id_of(viewer: Viewer, key: str) -> DossierId:
    """Give the id of the export that a viewer asks for with a key."""
    named = "\0".join(("export", caller(viewer), key))
    return DossierId(hashlib.sha256(named.encode()).hexdigest()[:32])


def _scoped(services: Services, wanted: Wanted) -> tuple[str, str, Held | All]:
    """Give the unit on whose trail an export stands, its province, and what it is of."""
    match wanted.scope:
        case ExportScope.DOSSIER:
            held = services.store.held(DossierId(wanted.of or ""))
            if held is None or not isinstance(held.record, Dossier):
                raise Invalid("there is no such dossier", path=("dossier",), code="UNKNOWN_DOSSIER")
            return held.record.unit, held.province, held
        case ExportScope.UNIT:
            unit = services.store.unit(wanted.of or "")
            if unit is None:
                raise Invalid("there is no such unit", path=("unit",), code="UNKNOWN_UNIT")
            return unit.code, unit.province, All(unit.code, wanted.begin, wanted.end)
        case _:
            return NATION, NATION, All()


def work(services: Services, held: Held) -> None:
    """Go on with an export, for some seconds, if its row is due. What stays undone is found again by its row.

    Raises:
        Unavailable: the store, the vault or the depot did not answer; the next time goes on from what stands.
    """
    here = services.store.held(held.id)  # that of the row may be old by now
    until = services.now() + SLICE
    while here is not None and services.now() <= until and here.due is not None and instant(here.due.moment[:27]) <= services.now():
        here = _stepped(services, here)


def _stepped(services: Services, held: Held) -> Held | None:
    try:
        return _STEPS[_export(held).state](services, held)
    except Corrupt as fault:
        log.error("export %s: %s", held.id, fault.message)  # noqa: TRY400 - the fault says all there is
        return _give_up(services, held, fault.message)


def _begin(services: Services, held: Held) -> Held | None:
    """Take the newest checkpoint that has what was there when the export was asked for, and a witness's word; but wait not for ever."""
    export = _export(held)
    first = services.store.leaves_of([(held.id, 1)]).get((held.id, 1))
    waited = services.now() - export.asked_at
    seen, plain = cosigned(services), newest(services)
    covers = [one for one in (seen, plain) if one is not None and first is not None and first < one.checkpoint.size]
    if waited < WAITS and (not covers or (seen is not None and covers[0] is not seen)):
        return None
    published = covers[0] if covers else plain
    if published is None:
        raise Corrupt("the log has published nothing yet")
    size = published.checkpoint.size
    numbers = _numbers(services, export, size) if export.scope is ExportScope.UNIT else None
    begun = started(export, str(published.note), size, 0, numbers)
    begun = replace(begun, steps=len(_steps(begun)))
    return _kept(services, held, lambda _, now: _plan(begun, "EXPORT_STARTED", now, now))


def _go_on(services: Services, held: Held) -> Held | None:
    """Make steps, and after the last the bundle."""
    export, until = _export(held), services.now() + SLICE
    maker = _maker(services, export)
    done = export.done
    for number, step in enumerate(_steps(export)):
        if number >= done and services.now() <= until:
            for name, content in step(services, maker, export).items():
                _depot(services).write(numbered(f"{held.id}/parts", name, number), [content])
            done = number + 1
    if done < export.steps:
        return _kept(services, held, lambda one, now: _plan(replace(one, done=done), "EXPORT_PROGRESSED", now, now))
    asked, checkpoint, parts = _requested(services, export), export.checkpoint or "", _parts(held.id, export)
    try:
        size, sha256 = assembled(_depot(services), path_of(held.id), export.form, asked, checkpoint, parts)
    except FileNotFoundError:  # Whoever has ended it took the parts away, or somebody has who should not.
        return _kept(services, held, lambda one, now: _plan(replace(one, done=0), "EXPORT_PROGRESSED", now, now))

    def end(one: Export, now: datetime) -> Plan:
        ended = ready(replace(one, done=done), now, size, sha256)
        return _plan(ended, "EXPORT_READY", now, ended.expires_at)

    here = _kept(services, held, end)
    if here is not None:
        _depot(services).remove(f"{held.id}/parts")
    return here


def _give_up(services: Services, held: Held, why: str) -> Held | None:
    here = _kept(services, held, lambda export, now: _plan(failed(export, why), "EXPORT_FAILED", now, None))
    if here is not None:  # Else another has gone on, and what is there is his.
        _depot(services).remove(held.id)
    return here


def _take_away(services: Services, held: Held) -> Held | None:
    _depot(services).remove(held.id)
    return _kept(services, held, lambda export, now: _plan(expired(export), "EXPORT_EXPIRED", now, None))


_STEPS: dict[ExportState, Callable[[Services, Held], Held | None]] = {
    ExportState.REQUESTED: _begin,
    ExportState.RUNNING: _go_on,
    ExportState.READY: _take_away,
}


def path_of(subject: str) -> str:
    """Give where the file of an export lies in the depot."""
    return f"{subject}/giamsat-export.zip"


# Which steps there are: each gives the parts that it writes.

Step = Callable[[Services, Maker, Export], "dict[str, bytes]"]


def _steps(export: Export) -> "list[Step]":
    size = export.size or 0
    steps: list[Step] = []
    if export.scope is ExportScope.DOSSIER:
        steps.append(lambda _, maker, one: dict(maker.subjects([one.of or ""])))
    elif export.scope is ExportScope.ALL:
        steps += [_of_leaves(start) for start in range(0, size, BEGUN_STEP)]
    else:
        low, high = export.low or 1, export.high or 0
        steps += [_of_numbers(number, min(number + NUMBERS_STEP - 1, high)) for number in range(low, high + 1, NUMBERS_STEP)]
        steps.append(lambda services, maker, one: dict(maker.outside(_beside(services, one))))
    if export.form is ExportForm.FULL:
        steps += [_leaves_from(start) for start in range(0, size, LEAVES_STEP)]
    return steps


def _of_leaves(start: int) -> Step:
    return lambda _, maker, __: dict(maker.subjects(maker.begun_in(start, BEGUN_STEP)))


def _of_numbers(first: int, last: int) -> Step:
    def step(services: Services, maker: Maker, export: Export) -> dict[str, bytes]:
        found = services.store.numbered_from(export.of or "", first, last)
        return dict(maker.subjects([subject for _, subject in found]))

    return step


def _leaves_from(start: int) -> Step:
    return lambda _, maker, __: dict(maker.leaves(start, LEAVES_STEP))


def _parts(subject: str, export: Export) -> dict[str, list[str]]:
    """Name the files of the parts, by the member that they are of: those that each step has written."""
    count = len(_steps(export))
    leaves = -(-(export.size or 0) // LEAVES_STEP) if export.form is ExportForm.FULL else 0
    outside = 1 if export.scope is ExportScope.UNIT else 0
    entries = range(count - leaves - outside)
    apart = range(len(entries), len(entries) + outside)
    found = {name: [numbered(f"{subject}/parts", name, step) for step in entries] for name in (ENTRIES, STATES, DISCLOSURES, PROOFS)}
    found[PROOFS] += [numbered(f"{subject}/parts", PROOFS, step) for step in apart]
    found[OUTSIDE] = [numbered(f"{subject}/parts", OUTSIDE, step) for step in apart]
    found[LEAVES] = [numbered(f"{subject}/parts", LEAVES, step) for step in range(count - leaves, count)]
    return found


# The register numbers of a unit and period.


def _numbers(services: Services, export: Export, size: int) -> tuple[int, int]:
    """Give the first and the last number of the unit's register that a period has; the last is below the first where it has none.

    Numbers follow the times, but for seconds: so what was recorded within `NEAR` of either end is looked at one by one. Inside is the least
    run that has all of the period, and beside it what is not of it.
    """
    unit, begin, end = export.of or "", export.begin or export.asked_at, export.end or export.asked_at
    last = services.store.registered([unit])[unit]
    while last and not _in_tree(services, _numbered(services, unit, last), size):
        last -= 1

    @cache
    def at(number: int) -> datetime:
        subject = _numbered(services, unit, number)
        first = services.store.entries(subject, 0, 1)
        if not first:
            raise Corrupt(f"{subject}, dossier {number} of the register of {unit}, has no entry")
        return first[0].recorded_at

    def since(instant: datetime) -> int:
        """Give a number of at least that time that stands behind one of less, or behind all."""
        return bisect_left(range(1, last + 1), instant, key=at) + 1

    low = since(begin)
    high = max(low, since(end)) - 1
    near = [number for number in takewhile(lambda number: at(number) >= begin - NEAR, range(low - 1, 0, -1)) if at(number) >= begin]
    low = min([low, *near])
    near = [number for number in takewhile(lambda number: at(number) < end + NEAR, range(high + 1, last + 1)) if at(number) < end]
    return low, max([high, *near])


def _numbered(services: Services, unit: str, number: int) -> str:
    """Give the id of the dossier that has a number of a unit's register."""
    for _, subject in services.store.numbered_from(unit, number, number):
        return subject
    raise Corrupt(f"dossier {number} of the register of {unit} is missing")


def _in_tree(services: Services, subject: str, size: int) -> bool:
    return services.store.leaves_of([(subject, 1)]).get((subject, 1), size) < size


def _beside(services: Services, export: Export) -> list[str]:
    """Name the dossiers next to those of the period, as far as the checkpoint has them."""
    low, high = export.low or 1, export.high or 0
    found = dict(services.store.numbered_from(export.of or "", max(low - 1, 1), high + 1))
    ids = [found[number] for number in (low - 1, high + 1) if number in found]
    places = services.store.leaves_of([(subject, 1) for subject in ids])
    return [subject for subject in ids if places.get((subject, 1), export.size or 0) < (export.size or 0)]


# What they share.


def _maker(services: Services, export: Export) -> Maker:
    assert services.vault is not None
    size = export.size or 0
    read = tiled(tiles_of(services.vault, size)) if export.form is ExportForm.LIGHT else None
    return Maker(services, size, read, export.pending)


def _requested(services: Services, export: Export) -> dict[str, Plain]:
    scope: dict[str, Plain] = {"kind": str(export.scope)}
    if export.scope is ExportScope.DOSSIER:
        scope["dossier"] = export.of
    if export.begin is not None and export.end is not None:
        scope.update({"unit": export.of, "from": moment(export.begin), "to": moment(export.end)})
    size = Checkpoint.read("\n".join((export.checkpoint or "").split("\n")[:3]) + "\n").size
    return {"form": str(export.form), "log": services.log, "scope": scope, "size": size, "v": 1}


def _kept(services: Services, held: Held, planned: Callable[[Export, datetime], Plan]) -> Held | None:
    """Write the next state, unless another worker has written one; gives it as it stands then."""

    def settle(here: Held | None, now: datetime) -> Plan | None:
        if here is None or here.tip.seq != held.tip.seq:
            return None
        return replace(planned(_export(here), now), province=held.province)

    done = recorded(services, held.id, begun_by(services, held.id), settle, known=held)
    return done.held if done else None


def _plan(export: Export, action: str, now: datetime, at: datetime | None) -> Plan:
    """Say what is written; the province is that of the first entry."""
    return Plan(export, NATION, action, service(MAKER), now, alert=(DUE, at) if at else None)


def _export(held: Held) -> Export:
    assert isinstance(held.record, Export)
    return held.record


def _depot(services: Services) -> Depot:
    assert services.depot is not None, "who works on exports has a depot"
    return services.depot
