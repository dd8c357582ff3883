"""Everything that has a chain of its own comes back from its flat fields by its kind."""

import pytest

from casework.model import publication, record
from casework.model.subjects import DOSSIER, PROCEDURE, Record, flattened, kind_of, restored
from tests.casework.model.cases import DELIVERED
from tests.casework.model.test_publication import FIRST


@pytest.mark.parametrize(("what", "kind", "flat"), [
    (DELIVERED, DOSSIER, record.flattened(DELIVERED)),
    (FIRST, PROCEDURE, publication.flattened(FIRST)),
])  # fmt: skip
def test_a_record_comes_back_by_its_kind(what: Record, kind: str, flat: object) -> None:
    assert kind_of(what) == kind
    assert flattened(what) == flat
    assert restored(kind, flattened(what)) == what


def test_a_procedure_is_not_read_as_a_dossier() -> None:
    with pytest.raises(TypeError):
        restored(DOSSIER, flattened(FIRST))
