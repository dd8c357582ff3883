"""Hands the schema's execution to the verbs, which know no GraphQL."""

from functools import partial

from casework.ports import Services
from schema.execution import rendered


def renderer(services: Services) -> partial[bytes]:
    """Give the function by which an event becomes a payload."""
    return partial(rendered, services)
