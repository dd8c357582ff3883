"""Relay pages: the limits on `first` and `last`, and cursors over numbers."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Annotated

import strawberry

from casework.model.errors import Invalid

MOST = 100
DIGITS = 9

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
    after: int | None
    before: int | None


def asked(first: int | None, last: int | None, after: str | None, before: str | None) -> Page:
    """Read the four arguments of a page.

    Raises:
        Invalid: not exactly one of `first` and `last`, out of range, or a cursor that is none.
    """
    if (first is None) == (last is None):
        raise Invalid("give `first` or `last`, and not both", path=("first",))
    count = first if first is not None else last
    assert count is not None
    if not 1 <= count <= MOST:
        name = "first" if first is not None else "last"
        raise Invalid(f"`{name}` is 1 to {MOST}", path=(name,))
    return Page(count, first is None, _position(after, "after"), _position(before, "before"))


def cursor(position: int) -> str:
    """Write a cursor."""
    return urlsafe_b64encode(f"n:{position}".encode()).rstrip(b"=").decode()


def _position(text: str | None, name: str) -> int | None:
    if text is None:
        return None
    try:
        kind, _, digits = urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)).decode().partition(":")
    except ValueError:
        kind, digits = "", ""
    if kind != "n" or not (digits.isascii() and digits.isdigit() and len(digits) <= DIGITS):
        raise Invalid(f"`{name}` is no cursor of this list", path=(name,), code="CURSOR")
    return int(digits)
