"""A procedure as it is published: how the next version follows, what is refused, and its flat fields."""

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework.model.errors import Invalid
from casework.model.procedure import DossierKind, ProcedureVersion
from casework.model.publication import MOST_VERSIONS, Publication, flattened, published, restored
from tests.casework.model.cases import VERSION
from tests.casework.model.test_packing import SHOWN, absent_in, anything

TODAY, DAY = date(2025, 7, 1), timedelta(1)
DRAFT = replace(VERSION, version=0, valid_from=TODAY)
EMPTY = Publication("XD-01", "22-XD")
FIRST = published(EMPTY, DRAFT, TODAY)


def fault(before: Publication, draft: ProcedureVersion, today: date = TODAY) -> tuple[str, tuple[str, ...]]:
    with pytest.raises(Invalid) as caught:
        published(before, draft, today)
    return caught.value.code, caught.value.path


def test_the_first_version_is_the_draft_with_number_and_day() -> None:
    assert published(EMPTY, DRAFT, TODAY).versions == (replace(DRAFT, version=1, published_on=TODAY),)
    assert replace(FIRST, versions=()) == EMPTY


@pytest.mark.parametrize(("valid_to", "ends"), [
    (None, TODAY + 30 * DAY),
    (TODAY + 90 * DAY, TODAY + 30 * DAY),
    (TODAY + 31 * DAY, TODAY + 30 * DAY),
    (TODAY + 30 * DAY, TODAY + 30 * DAY),
    (TODAY + 9 * DAY, TODAY + 9 * DAY),
])  # fmt: skip
def test_the_version_before_ends_the_day_before_at_the_latest(valid_to: date | None, ends: date) -> None:
    before = published(EMPTY, replace(DRAFT, valid_to=valid_to), TODAY)
    found = published(before, replace(DRAFT, valid_from=TODAY + 31 * DAY), TODAY + DAY)
    first, second = found.versions
    assert first == replace(before.versions[0], valid_to=ends)
    assert (second.version, second.valid_from, second.published_on, second.valid_to) == (2, TODAY + 31 * DAY, TODAY + DAY, None)
    assert not any(first.in_force(day) and second.in_force(day) for day in (ends, ends + DAY, second.valid_from))


def test_a_version_comes_into_force_today_or_later() -> None:
    assert fault(EMPTY, replace(DRAFT, valid_from=TODAY - DAY)) == ("BAD_VALIDITY", ("validFrom",))


def test_a_version_ends_on_its_first_day_or_later() -> None:
    assert fault(EMPTY, replace(DRAFT, valid_to=TODAY - DAY)) == ("BAD_VALIDITY", ("validTo",))
    assert published(EMPTY, replace(DRAFT, valid_to=TODAY), TODAY).versions[0].valid_to == TODAY


def test_a_version_begins_after_the_one_before() -> None:
    later = published(EMPTY, replace(DRAFT, valid_from=TODAY + 5 * DAY), TODAY)
    assert fault(later, replace(DRAFT, valid_from=TODAY + 5 * DAY)) == ("BAD_VALIDITY", ("validFrom",))
    assert fault(later, replace(DRAFT, valid_from=TODAY + 4 * DAY)) == ("BAD_VALIDITY", ("validFrom",))
    assert len(published(later, replace(DRAFT, valid_from=TODAY + 6 * DAY), TODAY).versions) == 2


def test_a_procedure_keeps_its_kind() -> None:
    other = replace(DRAFT, kind=DossierKind.COMPLAINT, valid_from=TODAY + DAY)
    assert fault(FIRST, other) == ("KIND_CHANGED", ("kind",))
    assert published(EMPTY, other, TODAY).versions


def test_a_procedure_has_a_bounded_number_of_versions() -> None:
    found = EMPTY
    for number in range(MOST_VERSIONS):
        found = published(found, replace(DRAFT, valid_from=TODAY + number * DAY), TODAY)
    assert [version.version for version in found.versions] == list(range(1, MOST_VERSIONS + 1))
    assert fault(found, replace(DRAFT, valid_from=TODAY + 999 * DAY))[0] == "TOO_MANY"
    assert restored(dict(sorted(flattened(found).items()))) == found


def numbered(publication: Publication) -> Publication:
    return replace(publication, versions=tuple(replace(version, version=n) for n, version in enumerate(publication.versions, 1)))


PUBLICATIONS: st.SearchStrategy[Publication] = anything(Publication).map(numbered)


@SHOWN
@given(PUBLICATIONS)
def test_a_publication_comes_back_from_its_flat_fields(publication: Publication) -> None:
    flat = flattened(publication)
    assert restored(json.loads(json.dumps(flat))) == publication
    assert not absent_in(flat)
    assert {name for name in flat if name.startswith("versions")} == {f"versions.{v.version}" for v in publication.versions}


def test_a_procedure_keeps_its_field() -> None:
    later = replace(DRAFT, valid_from=TODAY + DAY)
    assert fault(FIRST, replace(later, field="land")) == ("KIND_CHANGED", ("field",))
    assert published(FIRST, later, TODAY).versions[-1].field == DRAFT.field
