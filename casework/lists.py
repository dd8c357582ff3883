"""Lists of dossiers: which index serves a filter for this viewer, and a page of it. Nothing is ever scanned.

A page is read from partitions that follow from the authorized filter; the cursor holds a position in them and nothing else. What no
index orders by (a set of states, whether a clock stands) is looked through, at most MOST_LOOKED rows a page: a page may then be shorter
than asked for and still have a next one.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, TypeVar

from casework.model.errors import Invalid
from casework.model.packing import moment
from casework.model.parties import Role, Viewer
from casework.model.record import OPEN, Dossier, IntervalKind, State
from casework.model.unit import PROVINCE, lineage
from casework.ports import Held, Index, Partition, Services, Span
from casework.views import View, confirmed_viewer, decided

R = TypeVar("R")
T = TypeVar("T")

MOST_PARTITIONS = 64
MOST_UNITS = MOST_PARTITIONS // 2  # each has an open half and a closed one
MOST_LOOKED = 1000
LEAST_LOOKED = 100  # rows a query, where some of them may not fit
SERVED = "unit, unit with includeBelow, officer or receptionPoint, each with any of state, open, dueBefore and overdue"


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list is to hold; None asks nothing."""

    unit: str | None = None
    include_below: bool = False
    officer: str | None = None
    reception_point: str | None = None
    states: frozenset[State] | None = None
    open: bool | None = None
    due_before: datetime | None = None
    overdue: bool | None = None
    submitted_from: datetime | None = None
    submitted_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Views in order, each with its position; `more` tells that others follow the last, which was looked at up to `looked`."""

    views: tuple[tuple[str, T], ...]
    more: bool
    looked: str | None


def listed(services: Services, viewer: Viewer, wanted: Filter, span: Span) -> Page[View]:
    """Read a page of the dossiers that the filter names and the viewer may see. What the viewer may not list is empty.

    Raises:
        Invalid: no index serves the filter; the message names those that there are.
    """
    viewer = confirmed_viewer(services, viewer)
    now = services.now()
    partitions = tuple(_partitions(services, viewer, wanted))
    if not partitions:
        return Page((), more=False, looked=None)
    bounds = [bound for bound in (span.high, wanted.due_before and moment(wanted.due_before), wanted.overdue and moment(now)) if bound]
    span = replace(span, high=min(bounds, default=None))
    fits = _fitting(wanted, now)

    def seen(rows: list[tuple[str, Held]]) -> Iterator[tuple[str, View]]:
        for place, held in rows:
            view = View(held, decided(services, viewer, held)) if fits(held.dossier) else None
            if view and view.decision.sees:
                yield place, view

    picked = (wanted.states, wanted.overdue, wanted.submitted_from, wanted.submitted_before)
    least = LEAST_LOOKED if any(one is not None for one in picked) else 0
    return gone_through(lambda part: services.store.listed(partitions, part), seen, span, least)


def gone_through(
    read: Callable[[Span], list[tuple[str, R]]], seen: Callable[[list[tuple[str, R]]], Iterable[tuple[str, T]]], span: Span, least: int = 0
) -> Page[T]:
    """Read until a page is full of what is seen, the list ends, or MOST_LOOKED rows were looked at; at least `least` rows a query."""
    found: list[tuple[str, T]] = []
    looked = 0
    while True:
        asked = max(span.count + 1, least)
        rows = read(replace(span, count=asked))
        found.extend(seen(rows))
        if len(found) > span.count:
            return Page(tuple(found[: span.count]), more=True, looked=found[span.count - 1][0])
        if len(rows) < asked:
            return Page(tuple(found), more=False, looked=None)
        last = rows[-1][0]
        looked, least = looked + len(rows), LEAST_LOOKED  # Whoever finds little looks on by larger steps.
        if looked >= MOST_LOOKED:
            return Page(tuple(found), more=True, looked=last)
        span = replace(span, high=last) if span.backwards else replace(span, low=last)


def _fitting(wanted: Filter, now: datetime) -> Callable[[Dossier], bool]:
    def fits(dossier: Dossier) -> bool:
        if wanted.states is not None and dossier.state not in wanted.states:
            return False
        if wanted.open is not None and dossier.open is not wanted.open:  # An applicant's list, and a counter's, have no halves.
            return False
        if wanted.submitted_from is not None and dossier.submitted_at < wanted.submitted_from:
            return False
        if wanted.submitted_before is not None and dossier.submitted_at >= wanted.submitted_before:
            return False
        return wanted.overdue is None or wanted.overdue is _overdue(dossier, now)

    return fits


def _overdue(dossier: Dossier, now: datetime) -> bool:
    paused = bool(dossier.intervals) and dossier.intervals[-1].kind is IntervalKind.PAUSED
    return dossier.open and not paused and dossier.due_at is not None and dossier.due_at < now


def _partitions(services: Services, viewer: Viewer, wanted: Filter) -> Iterator[Partition]:
    """Name the partitions that hold the list; none where the viewer may not list it."""
    named = [name for name in ("unit", "officer", "reception_point") if getattr(wanted, name) is not None]
    if len(named) > 1 or (wanted.include_below and wanted.unit is None):
        raise Invalid(f"no index serves that filter; there are {SERVED}", path=("filter",), code="NO_INDEX")
    if viewer.role is Role.CITIZEN:
        account = viewer.on_behalf_of or viewer.sub
        if not named and account:
            yield Partition(Index.APPLICANT, services.keys.applicant(account))
        return
    whose = wanted if named else own(viewer, wanted)
    if whose is None:
        raise Invalid(f"say which dossiers: an index serves {SERVED}", path=("filter",), code="NO_INDEX")
    for stem in stems(services, viewer, whose, ("filter", "unit")):
        if stem.index is Index.POINT:
            yield from (Partition(stem.index, f"{stem.key}#{pile}") for pile in ("INTAKE", "DELIVERY"))
        else:
            yield from _sides(stem, wanted)


def stems(services: Services, viewer: Viewer, wanted: Filter, path: tuple[str, ...]) -> Iterator[Partition]:
    """Name the partitions of whatever the filter names, without the half or the pile of each; none where the viewer may not list it.

    Raises:
        Invalid: the unit has more below it than one page can merge; `path` is where it was named.
    """
    if wanted.officer is not None:
        if _answers_for(services, viewer, wanted.officer):
            yield Partition(Index.OFFICER, wanted.officer)
    elif wanted.reception_point is not None:
        if viewer.role is Role.INSPECTOR or (viewer.role is Role.RECEPTION and wanted.reception_point in viewer.units):
            yield Partition(Index.POINT, wanted.reception_point)
    elif wanted.unit is not None and supervises(services, viewer, wanted.unit):
        yield from _of_unit(services, wanted.unit, path, below=wanted.include_below)


def own(viewer: Viewer, wanted: Filter) -> Filter | None:
    """Give each role its own list where the filter names none; None for a role that has no such list."""
    unit = viewer.units[0] if viewer.units else None
    match viewer.role:
        case Role.OFFICER:
            return replace(wanted, officer=viewer.sub)
        case Role.HEAD if unit:
            return replace(wanted, unit=unit)
        case Role.SUPERVISOR if unit:
            return replace(wanted, unit=unit, include_below=True)
        case Role.RECEPTION if viewer.units:
            return replace(wanted, reception_point=viewer.units[-1])
        case Role.PUBLIC | Role.ADMIN:
            return wanted
        case _:
            return None


def supervises(services: Services, viewer: Viewer, unit: str) -> bool:
    """Whether the viewer may list a unit's dossiers: its head, a supervisor of it or of one above, an inspector."""
    match viewer.role:
        case Role.HEAD:
            return unit in viewer.units
        case Role.SUPERVISOR:
            return bool(frozenset(viewer.units) & frozenset(lineage(services.store.unit, unit)))
        case role:
            return role is Role.INSPECTOR


def _answers_for(services: Services, viewer: Viewer, officer: str) -> bool:
    """Whether the viewer may list an officer's dossiers: he himself, and whoever may list those of his unit."""
    if viewer.role is Role.OFFICER:
        return officer == viewer.sub
    person = services.store.officer(officer)
    return viewer.role is Role.INSPECTOR or (person is not None and supervises(services, viewer, person.unit))


def _of_unit(services: Services, code: str, path: tuple[str, ...], *, below: bool) -> Iterator[Partition]:
    unit = services.store.unit(code)
    if below and unit is not None and unit.kind == PROVINCE:
        yield Partition(Index.PROVINCE, unit.province)
        return
    for member in tree_of(services, code, MOST_UNITS, path) if below else [code]:
        yield Partition(Index.UNIT, member)


def tree_of(services: Services, code: str, most: int, path: tuple[str, ...] = ("unit",)) -> list[str]:
    """Name a unit and all below it.

    Raises:
        Invalid: there are more than `most`.
    """
    found = [code]
    for member in found:  # It grows while it is walked: a walk by levels.
        below = services.store.units_below(member, Span(most + 1))
        found.extend(unit.code for unit in below if unit.code not in found)
        if len(found) > most:
            raise Invalid(
                f"{code} and the units below it are more than {most}: name a province, or a unit further down",
                path=path,
                code="NO_INDEX",
            )
    return found


def _sides(stem: Partition, wanted: Filter) -> Iterator[Partition]:
    """Name the open half, the closed one, or both, as the filter leaves them."""
    for side in (True, False):
        asked = wanted.open is None or wanted.open is side
        by_state = wanted.states is None or any((state in OPEN) is side for state in wanted.states)
        if asked and by_state and (side or not wanted.overdue):
            yield Partition(stem.index, f"{stem.key}#{'OPEN' if side else 'CLOSED'}")
