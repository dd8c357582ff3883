"""Everything that has a chain of its own comes back from its flat fields by its kind."""

import pytest

from casework.model import amending, incident, inspection, publication, record, task
from casework.model.subjects import CALENDAR, DOSSIER, INCIDENT, INSPECTION, PROCEDURE, TASK, Record, flattened, kind_of, restored
from tests.casework.model.cases import DELIVERED
from tests.casework.model.test_amending import TABLE
from tests.casework.model.test_incident import INCIDENT as FLOODED
from tests.casework.model.test_inspection import INSPECTION as INSPECTED
from tests.casework.model.test_publication import FIRST
from tests.casework.model.test_task import BEGUN


@pytest.mark.parametrize(("what", "kind", "flat"), [
    (DELIVERED, DOSSIER, record.flattened(DELIVERED)),
    (FIRST, PROCEDURE, publication.flattened(FIRST)),
    (TABLE, CALENDAR, amending.flattened(TABLE)),
    (BEGUN, TASK, task.flattened(BEGUN)),
    (FLOODED, INCIDENT, incident.flattened(FLOODED)),
    (INSPECTED, INSPECTION, inspection.flattened(INSPECTED)),
])  # fmt: skip
def test_a_record_comes_back_by_its_kind(what: Record, kind: str, flat: object) -> None:
    assert kind_of(what) == kind
    assert flattened(what) == flat
    assert restored(kind, flattened(what)) == what


def test_a_procedure_is_not_read_as_a_dossier() -> None:
    with pytest.raises(TypeError):
        restored(DOSSIER, flattened(FIRST))


def test_a_kind_that_is_none_is_not_read() -> None:
    with pytest.raises(ValueError, match="no kind of subject: unit"):
        restored("unit", flattened(FIRST))
