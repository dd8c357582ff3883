"""Scalars: instants with an offset, and plain JSON for the two sides of a change."""

from datetime import datetime
from typing import NewType

import strawberry
from graphql import GraphQLError


def _read(text: object) -> datetime:
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise GraphQLError("an instant is RFC 3339 with an offset from UTC, as 2026-01-20T09:00:00+07:00")
    return at


def _written(at: datetime) -> str:
    return at.isoformat()


INSTANT = strawberry.scalar(
    name="DateTime",
    description="An instant, RFC 3339 with an offset from UTC.",
    serialize=_written,
    parse_value=_read,
    specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
)

Plain = NewType("Plain", object)
PLAIN = strawberry.scalar(
    name="JSON",
    description="Any JSON value, as the audit entry has it.",
    serialize=lambda value: value,
    parse_value=lambda value: value,
)
