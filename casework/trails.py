"""The trail of a unit, or of what a person has done: who may read it, and a page of it in the order of its record. Nothing is ever scanned.

Its index has a partition for each month, which are read one after the other, at most MOST_MONTHS of them a page: a page may then be
shorter than asked for and still have a next one. A cursor holds an entry's position, or the instant at which a month begins.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from casework.audit.chain import Entry
from casework.lists import Page, gone_through, supervises
from casework.model.errors import Invalid
from casework.model.packing import moment
from casework.model.parties import Viewer
from casework.model.record import DossierId
from casework.ports import By, Services, Span
from casework.views import View, confirmed_viewer, decided, readable, visible

FIRST_MONTH = "2025-01"  # nothing was recorded before it
MOST_MONTHS = 24
MONTHS = 12  # of a year


@dataclass(frozen=True, slots=True)
class During:
    """A stretch of record time: from `since` on and before `until`, each of which may be left open.

    Raises:
        Invalid: it ends before it begins, or at once.
    """

    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        """Refuse a stretch that nothing can lie in."""
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise Invalid("`from` lies before `to`", path=("from",))

    def has(self, at: datetime) -> bool:
        """Whether an instant lies in it."""
        return (self.since is None or self.since <= at) and (self.until is None or at < self.until)


ALWAYS = During()


@dataclass(frozen=True, slots=True)
class EntryView:
    """An entry, and the subject that it is of as this viewer sees it."""

    view: View
    entry: Entry


def may_read(services: Services, viewer: Viewer, by: By, code: str) -> bool:
    """Whether the viewer may read and follow the trail of a unit, or of somebody of it: who answers for the unit, or inspects it."""
    unit: str | None = code
    if by is By.ACTOR:
        person = services.store.officer(code)
        unit = person.unit if person else None
    return unit is not None and services.store.unit(unit) is not None and supervises(services, viewer, unit)


def recorded(services: Services, viewer: Viewer, by: By, code: str, during: During, span: Span) -> Page[EntryView]:
    """Read a page of the entries of a unit's own subjects, or of what a person has done. What the viewer may not read is left out."""
    viewer = confirmed_viewer(services, viewer)
    if not may_read(services, viewer, by, code):
        return Page((), more=False, looked=None)
    # An index goes by position, which begins with an instant: an instant alone stands before all that was recorded at it.
    since, until = (moment(bound) if bound else None for bound in (during.since, during.until))
    low = max(filter(None, (_begin(FIRST_MONTH), since, span.low)))
    high = min(filter(None, (_begin(_next(moment(services.now())[:7])), until, span.high)))
    near = replace(span, low=low, high=high)
    months = _months(near)
    looked = None
    if len(months) > MOST_MONTHS:
        looked = _begin(months[MOST_MONTHS - 1] if span.backwards else months[MOST_MONTHS])
        near = replace(near, low=looked) if span.backwards else replace(near, high=looked)
    views: dict[DossierId, View] = {}

    def read(part: Span) -> list[tuple[str, Entry]]:
        rows: list[tuple[str, Entry]] = []
        for month in _months(part):
            rows += services.store.recorded(by, code, month, replace(part, count=part.count - len(rows)))
            if len(rows) == part.count:
                break
        return rows

    def seen(rows: list[tuple[str, Entry]]) -> Iterator[tuple[str, EntryView]]:
        new = [subject for _, entry in rows if (subject := DossierId(entry.place[0])) not in views]
        views.update({id_: View(held, decided(services, viewer, held)) for id_, held in readable(services, new).items()})
        for place, entry in rows:
            view = views.get(DossierId(entry.place[0]))
            if view and view.decision.sees and visible([entry], view.decision)[0]:
                yield place, EntryView(view, entry)

    page = gone_through(read, seen, near)
    return page if page.more or looked is None else Page(page.views, more=True, looked=looked)


def _months(span: Span) -> list[str]:
    """Name the months of a stretch between two positions, in the order in which they are read."""
    assert span.low is not None
    assert span.high is not None
    months = []
    month = span.low[:7]
    while _begin(month) < span.high:
        months.append(month)
        month = _next(month)
    return months[::-1] if span.backwards else months


def _next(month: str) -> str:
    years, months = divmod(int(month[:4]) * MONTHS + int(month[5:]), MONTHS)
    return f"{years:04d}-{months + 1:02d}"


def _begin(month: str) -> str:
    """Give the position before all of a month."""
    return f"{month}-01T00:00:00.000000Z"
