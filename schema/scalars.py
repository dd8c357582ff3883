"""Scalars: instants with an offset, legal days, times of day, and plain JSON for the two sides of a change."""

import re
from contextlib import suppress
from datetime import UTC, date, datetime, time
from typing import NewType

import strawberry
from graphql import GraphQLError

RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _read(text: object) -> datetime:
    with suppress(ValueError, OverflowError):
        at = datetime.fromisoformat(text.upper()) if isinstance(text, str) and RFC3339.fullmatch(text) else None
        if at is not None and at.tzinfo is not None:
            at.astimezone(UTC)  # An offset may lead out of the years that there are.
            return at
    raise GraphQLError("an instant is RFC 3339 with an offset from UTC, as 2026-01-20T09:00:00+07:00")


def _written(at: datetime) -> str:
    return at.isoformat()


def _day(text: object) -> date:
    with suppress(ValueError):
        if isinstance(text, str):
            return date.fromisoformat(text)
    raise GraphQLError("a legal day is written as 2026-01-20")


def _time(text: object) -> time:
    with suppress(ValueError):
        at = time.fromisoformat(text) if isinstance(text, str) else None
        if at is not None and at.tzinfo is None:
            return at
    raise GraphQLError("a time of day is Viet Nam's and has no offset, as 15:00:00")


INSTANT = strawberry.scalar(
    name="DateTime",
    description="An instant, RFC 3339 with an offset from UTC.",
    serialize=_written,
    parse_value=_read,
    specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
)

DAY = strawberry.scalar(
    name="Date",
    description="A legal day in Viet Nam, as 2026-01-20.",
    serialize=date.isoformat,
    parse_value=_day,
)

TIME = strawberry.scalar(
    name="Time",
    description="A time of day in Viet Nam, as 15:00:00.",
    serialize=time.isoformat,
    parse_value=_time,
)

Plain = NewType("Plain", object)
PLAIN = strawberry.scalar(
    name="JSON",
    description="Any JSON value, as the audit entry has it.",
    serialize=lambda value: value,
    parse_value=lambda value: value,
)
