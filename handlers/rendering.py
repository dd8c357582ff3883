"""Hands the schema's execution to the verbs, which know no GraphQL."""

from datetime import datetime
from functools import partial

from casework.audit.chain import Entry
from casework.live.cohorts import Cohort
from casework.model.access import Decision
from casework.ports import Held, Services
from schema.execution import rendered
from schema.live import DossierSource


def _rendered(
    services: Services,
    cohort: Cohort,
    decision: Decision,
    held: Held,
    at_cursor: str,
    at: datetime,
    entry: Entry | None,
) -> bytes:
    source = DossierSource(held, at_cursor, at, entry)
    return rendered(services, cohort, decision, source)


def renderer(services: Services) -> partial[bytes]:
    """Give the function by which an event becomes a payload."""
    return partial(_rendered, services)
