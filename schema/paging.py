"""Relay pages: the limits on `first` and `last`, and cursors, which hold a position: a number, or a text that the list is ordered by."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Generic, TypeVar

import strawberry

from casework.model.errors import Invalid
from casework.ports import Span

MOST = 100
NUMBER = re.compile(r"[0-9]{1,9}")
CODE = re.compile(r"[^\x00-\x1f\x7f#]{1,256}")  # what the register's lists are ordered by; an import's names are any text

N = TypeVar("N")
S = TypeVar("S")

First = Annotated[int | None, strawberry.argument(description="How many from the start, 1 to 100.")]
Last = Annotated[int | None, strawberry.argument(description="How many from the end, 1 to 100.")]
After = Annotated[str | None, strawberry.argument(description="Behind this cursor.")]
Before = Annotated[str | None, strawberry.argument(description="Before this cursor.")]


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    """Relay's PageInfo."""

    has_next_page: bool = strawberry.field(description="Whether more follow.")
    has_previous_page: bool = strawberry.field(description="Whether more stand before.")
    start_cursor: str | None = strawberry.field(description="Cursor of the first edge.")
    end_cursor: str | None = strawberry.field(description="Cursor of the last edge.")


@dataclass(frozen=True, slots=True)
class Page:
    """What was asked for: how many, from which end, between which positions."""

    count: int
    backwards: bool
    after: int | None = None
    before: int | None = None


def asked(first: int | None, last: int | None, after: str | None, before: str | None) -> Page:
    """Read the four arguments of a page.

    Raises:
        Invalid: not exactly one of `first` and `last`, out of range, or a cursor that is none.
    """
    page = _counted(first, last)
    return replace(page, after=_position(after, "after"), before=_position(before, "before"))


def numbered(page: Page) -> Span:
    """Give a page of a list whose positions are numbers as a stretch between texts."""
    low, high = (None if number is None else str(number) for number in (page.after, page.before))
    return Span(page.count, low, high, page.backwards)


def _counted(first: int | None, last: int | None) -> Page:
    if (first is None) == (last is None):
        raise Invalid("give `first` or `last`, and not both", path=("first",))
    count = first if first is not None else last
    assert count is not None
    if not 1 <= count <= MOST:
        name = "first" if first is not None else "last"
        raise Invalid(f"`{name}` is 1 to {MOST}", path=(name,))
    return Page(count, first is None)


def spanned(
    first: int | None, last: int | None, after: str | None, before: str | None, shape: re.Pattern[str], *, falling: bool = False
) -> Span:
    """Read the four arguments of a page of a list whose positions are texts of that shape.

    A `falling` list is the rising one read from its other end.

    Raises:
        Invalid: as `asked`.
    """
    page = _counted(first, last)
    low, high = (_place(text, name, "k", shape) for text, name in ((after, "after"), (before, "before")))
    if falling:
        low, high = high, low
    return Span(page.count, low, high, page.backwards is not falling)


def cursor(position: int) -> str:
    """Write a cursor of a numbered list."""
    return _coded(f"n:{position}")


def place_cursor(place: str) -> str:
    """Write a cursor of a list whose positions are texts."""
    return _coded(f"k:{place}")


@strawberry.type(description="An element in its list.")
class Edge(Generic[N]):
    """Relay's edge."""

    cursor: str = strawberry.field(description="Where it stands.")
    node: N = strawberry.field(description="The element.")


@strawberry.type(description="A page of a list.")
class Connection(Generic[N]):
    """Relay's connection."""

    cursors: strawberry.Private[Sequence[str]]
    nodes: list[N] = strawberry.field(description="The elements.")
    page_info: PageInfo = strawberry.field(description="Where the page stands.")

    @strawberry.field(description="The elements with their cursors.")
    def edges(self) -> list[Edge[N]]:
        """Put them together."""
        return [Edge(cursor=at, node=node) for at, node in zip(self.cursors, self.nodes, strict=True)]


def connected(cursors: Sequence[str], nodes: Sequence[N], info: PageInfo) -> Connection[N]:
    """Put a page together, in the list's own order."""
    return Connection(cursors=cursors, nodes=list(nodes), page_info=info)


def paged(span: Span, found: Sequence[S], place: Callable[[S], str], shown: Callable[[S], N]) -> Connection[N]:
    """Put a page together from the rows of `span.wider`, in the order in which they were read."""
    kept = span.kept(found)
    cursors = [place_cursor(place(row)) for row in kept]
    return connected(cursors, [shown(row) for row in kept], page_info(cursors, span, more=len(found) > span.count))


def page_info(cursors: Sequence[str], span: Span, *, more: bool, end: str | None = None, falling: bool = False) -> PageInfo:
    """Say where a page stands; `end` is how far it was looked, where that is further."""
    onwards = span.backwards is falling
    begun = (span.high if span.backwards else span.low) is not None
    first, last = (cursors[0], cursors[-1]) if cursors else (None, None)
    if end is not None:
        first, last = (first, place_cursor(end)) if onwards else (place_cursor(end), last)
    return PageInfo(
        has_next_page=more if onwards else begun,
        has_previous_page=begun if onwards else more,
        start_cursor=first,
        end_cursor=last,
    )


def _coded(text: str) -> str:
    return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def _position(text: str | None, name: str) -> int | None:
    found = _place(text, name, "n", NUMBER)
    return int(found) if found is not None else None


def _place(text: str | None, name: str, kind: str, shape: re.Pattern[str]) -> str | None:
    if text is None:
        return None
    try:
        found, _, place = urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)).decode().partition(":")
    except ValueError:
        found, place = "", ""
    if found != kind or not shape.fullmatch(place):
        raise Invalid(f"`{name}` is no cursor of this list", path=(name,), code="CURSOR")
    return place
